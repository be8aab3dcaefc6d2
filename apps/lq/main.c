/* lq: the one binary. Finds the command, reads its options, runs it. */
#include <stdarg.h>
#include <stdlib.h>

#ifdef LQ_PLANT
#error "lq must not be built with planted bugs (LQ_PLANT): build lqsim alone"
#endif

#include "apps/lq/cli.h"
#include "apps/lq/remote.h"
#include "lq_host/host.h"

const lq_cli_command lq_commands[] = {
    {"new",
     "NAME",
     "make a new game from a template",
     "  lq new market                         a treasure hunt to start from\n"
     "  lq new island --lang lua              the same, its rules in Lua\n"
     "  lq new auction --template turns       a game in turns\n",
     {{"template", "NAME", "treasure_hunt (default), turns, empty"},
      {"folder", "PATH", "where to put it (default: ./NAME)"},
      {"lang", "NAME", "python (default where it runs), lua, c, assemblyscript, wasm (C for it)"}},
     lq_cmd_new},
    {"build",
     "[FOLDER]",
     "check a game and make its release",
     "  lq build examples/treasure_hunt\n"
     "  lq build --json                       of the folder you are in\n",
     {{"data", "PATH", "data folder (LQ_DATA, .lq)"}},
     lq_cmd_build},
    {"dev",
     "[FOLDER]",
     "serve a game on this machine, rebuild and swap when a file changes",
     "  lq dev examples/treasure_hunt\n  LQ_PORT=9000 lq dev\n",
     {{"port", "N", "port, 0 = any free one (LQ_PORT, 8080)"},
      {"data", "PATH", "data folder (LQ_DATA, .lq)"},
      {"tenant", "NAME", "tenant to serve it to (acme)"}},
     lq_cmd_dev},
    {"serve",
     "[FOLDER...]",
     "serve games with tokens",
     "  lq serve examples/treasure_hunt\n  lq serve --host 0.0.0.0 games/market games/auction\n",
     {{"host", "ADDRESS", "address to listen on (LQ_HOST, 127.0.0.1)"},
      {"port", "N", "port, 0 = any free one (LQ_PORT, 8080)"},
      {"data", "PATH", "data folder (LQ_DATA, .lq)"},
      {"tenant", "NAME", "tenant to serve the games to (acme)"},
      {"auth", "MODE", "token (default) or none; none only on localhost"},
      {"all-tenants", NULL, "serve the games to every tenant, also to those made later"}},
     lq_cmd_serve},
    {"join",
     "[HOST:PORT]",
     "play in the terminal: prints what comes, sends what you type",
     "  lq join                               as a new player of acme/demo, here\n"
     "  lq join 127.0.0.1:9000 --game market --player ann\n"
     "  echo 'move entity=p1 vec=[0,1,0] id=c1' | lq join --game demo --seconds 2\n",
     {{"tenant", "NAME", "tenant (acme)"},
      {"game", "NAME", "game (demo)"},
      {"session", "NAME", "session (main)"},
      {"player", "NAME", "name to play under (the next free one)"},
      {"resume", "TOKEN", "come back as an earlier player"},
      {"token", "TOKEN", "a token or a ticket (LQ_TOKEN)"},
      {"seconds", "N", "leave after so long (0 = when the input ends)"},
      {"key", "KEY", "API key that lq serve printed: exchanged for a token (LQ_KEY)"}},
     lq_cmd_join},
    {"session",
     "list|show|replay|verify|export [NAME]",
     "look into sessions, also beside a running server",
     "  lq session list --game demo\n"
     "  lq session show main --game demo\n"
     "  lq session replay main --game demo --tick 20\n"
     "  lq session verify main --game demo\n"
     "  lq session export main --game demo > main.jsonl\n",
     {{"tenant", "NAME", "tenant (acme)"},
      {"game", "NAME", "game (demo)"},
      {"tick", "N", "replay to this tick (default: the last)"},
      {"data", "PATH", "data folder (LQ_DATA, .lq)"},
      {"hashes", NULL, "replay: print the hash of every tick"}},
     lq_cmd_session},
    {"audit",
     "log|key|prove|verify|mutations [SESSION|FILE]",
     "the record that proves itself: read it, prove a session, verify a proof offline",
     "  lq audit key > acme.pub               the public key: give it to who verifies\n"
     "  lq audit log --leaf 0\n"
     "  lq audit prove main --game demo       writes main.lqa\n"
     "  lq audit verify main.lqa --key acme.pub\n"
     "  lq audit verify main.lqa --key acme.pub --run\n"
     "  lq audit verify --key acme.pub --witness acme.seen\n"
     "  lq audit mutations main --game demo\n",
     {{"tenant", "NAME", "tenant (acme)"},
      {"game", "NAME", "game (demo)"},
      {"data", "PATH", "data folder (LQ_DATA, .lq); a FILE is verified without one"},
      {"key", "KEY", "verify: the public key, its text or a file with it"},
      {"witness", "FILE",
       "the checkpoint seen last: verify compares and keeps it, prove begins there"},
      {"out", "FILE", "prove: where to (SESSION.lqa)"},
      {"leaf", "N", "log, prove: this leaf alone"},
      {"run", NULL, "verify FILE: run the session again; executes the game's code"},
      {"details", NULL, "log, prove, mutations: with who, from where and what"}},
     lq_cmd_audit},
    {"usage",
     "",
     "what a tenant used, by the hour, and what it costs",
     "  lq usage                              of acme, this month, a line a day\n"
     "  lq usage --by session --from 2026-01 --to 2026-01-31T12\n"
     "  lq usage --by hour --csv > usage.csv\n"
     "  lq usage --forecast --json\n",
     {{"tenant", "NAME", "tenant (acme)"},
      {"from", "TIME", "from 2026-01, 2026-01-31 or 2026-01-31T12 (this month)"},
      {"to", "TIME", "up to and with it (now)"},
      {"by", "WHAT", "total, hour, day (default), month, game, session"},
      {"csv", NULL, "as CSV, every counter"},
      {"prices", "FILE", "another price table than AWS on-demand: docs/usage.md"},
      {"forecast", NULL, "what the whole month will cost"},
      {"data", "PATH", "data folder (LQ_DATA, .lq)"}},
     lq_cmd_usage},
    {"token",
     "",
     "exchange an API key for a token of at most 15 minutes",
     "  lq token                              with LQ_KEY in the environment\n"
     "  curl -f -H \"Authorization: Bearer $(lq token)\" "
     "http://127.0.0.1:8080/v1/tenants/acme/users\n",
     {LQ_REMOTE_OPTIONS},
     lq_cmd_token},
    {"tenant",
     "list|make|show|rotate|shred|export|import [NAME] [FILE]",
     "tenants: make them, change their keys, destroy them, take them along",
     "  lq tenant list                        with an operator's key in LQ_KEY\n"
     "  lq tenant make zeta                   prints the key of its first user, admin\n"
     "  lq tenant rotate zeta\n"
     "  lq tenant shred zeta                  two people must; then a delay runs\n"
     "  lq tenant shred zeta --cancel\n"
     "  lq tenant make left --data shop       of a folder that no server uses\n"
     "  lq tenant export left left.lqt --data shop --wrap-key left.key\n"
     "  lq tenant import left.lqt --tenant left --data new --wrap-key left.key\n",
     {LQ_REMOTE_OPTIONS,
      {"cancel", NULL, "shred: call it off, while the delay runs"},
      {"tenant", "NAME", "import: whose export it is"},
      {"wrap-key", "FILE", "export, import: 32 bytes that the message is sealed for"}},
     lq_cmd_tenant},
    {"user",
     "list|make|show|set|revoke [NAME]",
     "users of a tenant, their roles; revoke what was given to them",
     "  lq user make ann --role facilitator --name \"Ann B.\"\n"
     "  lq user list\n"
     "  lq user set ann --role player,observer\n"
     "  lq user revoke ann                    her tokens are refused from now on\n"
     "  lq user set ann --state disabled\n",
     {LQ_REMOTE_OPTIONS,
      {"tenant", "NAME", "tenant (acme); _ for operators"},
      {"role", "ROLE", "role; may be repeated: player, facilitator, designer, ..."},
      {"name", "TEXT", "name for people"},
      {"state", "STATE", "active or disabled"}},
     lq_cmd_user},
    {"key",
     "list|make|revoke [USER|KEY]",
     "API keys of a tenant's users",
     "  lq key make admin --label laptop --days 90\n"
     "  lq key list --json\n",
     {LQ_REMOTE_OPTIONS,
      {"tenant", "NAME", "tenant (acme); _ for operators"},
      {"label", "TEXT", "make: what it is for"},
      {"days", "N", "make: so long it counts (for ever)"}},
     lq_cmd_key},
    {"policy",
     "list|show|check|explain|render [ROLE|FILE...]",
     "who may do what, and why: roles and policies",
     "  lq policy list\n"
     "  lq policy show player > player.json\n"
     "  lq policy check player.json\n"
     "  lq policy explain --role player --action ReadState --resource game/demo/session/main\n"
     "  lq policy explain --policy player.json --role player --user ann --action lq:SendCommand "
     "--resource lq:acme:game/demo/session/main --context lq:SourceIp=10.1.2.3\n"
     "  lq policy render --aws --role auditor --table ledger --bucket lq-files "
     "--account 123456789012 --region eu-central-1\n",
     {{"tenant", "NAME", "tenant (acme; check: none)"},
      {"policy", "FILE", "a policy; may be repeated"},
      {"role", "ROLE", "role of the user; may be repeated (render: tenant-admin)"},
      {"user", "NAME", "user (somebody)"},
      {"action", "NAME", "what is asked for: lq:ReadState"},
      {"resource", "NAME", "to what: lq:acme:game/demo, or game/demo"},
      {"context", "KEY=VALUE", "what else is known: lq:SourceIp=10.1.2.3; may be repeated"},
      {"aws", NULL, "render: for AWS IAM"},
      {"table", "NAME", "DynamoDB table"},
      {"bucket", "NAME", "S3 bucket"},
      {"account", "DIGITS", "AWS account"},
      {"region", "NAME", "AWS region"}},
     lq_cmd_policy},
    {"asset",
     "cook|show FILE",
     "shapes for the physics: cook points of an OBJ file, look into what was cooked",
     "  printf 'v 0 0 0\\nv 1 0 0\\nv 0 1 0\\nv 0 0 1\\n' > wedge.obj\n"
     "  lq asset cook wedge.obj --hull        writes wedge.lqs\n"
     "  lq asset cook wedge.obj --hull --scale 0.5 --out small.lqs --json\n"
     "  printf 'o a\\n' | cat - wedge.obj > parts.obj\n"
     "  lq asset cook parts.obj --compound    a hull for each o or g of the file\n"
     "  printf 'f 1 3 2\\n' | cat wedge.obj - > ground.obj\n"
     "  lq asset cook ground.obj --mesh       its triangles, for bodies that are not dynamic\n"
     "  printf 'v 0 0 0\\nv 1 0 0\\nv 0 2 1\\nv 1 1 1\\n' > hills.obj\n"
     "  lq asset cook hills.obj --field       its points, on a grid in x and z, as heights\n"
     "  lq asset show wedge.lqs\n",
     {{"hull", NULL, "cook: the convex hull of all points"},
      {"compound", NULL, "cook: a hull for each part (o, g), up to 64, as one rigid shape"},
      {"mesh", NULL, "cook: all triangles (f) as a surface with one side"},
      {"field", NULL, "cook: points on a grid as a height field; where none stands is a hole"},
      {"scale", "N", "cook: so many metres are 1 in the file (1)"},
      {"out", "FILE", "cook: where to (the file's name, with .lqs)"}},
     lq_cmd_asset},
    {"backup",
     "FOLDER",
     "copy the data folder, checking every page, also beside a running server",
     "  lq backup copies/monday\n  lq backup copies/tuesday --data .lq\n",
     {{"data", "PATH", "data folder (LQ_DATA, .lq)"}},
     lq_cmd_backup},
    {"telemetry",
     "metrics|sample|trace",
     "list every metric; print samples; send a trace to a collector",
     "  lq telemetry metrics --json\n"
     "  lq telemetry sample                   as /metrics shows tenants; --json: CloudWatch's "
     "lines\n"
     "  lq telemetry trace                    prints what is sent\n",
     {{"otlp", "URL", "collector, as https://collector:4318/v1/traces"},
      {"ca", "FILE", "authorities to trust instead of the system's (PEM)"},
      {"header", "TEXT", "a header to send, as 'Api-Key: ...'"},
      {"parent", "TEXT", "traceparent of the trace to continue"}},
     lq_cmd_telemetry},
    {"config",
     "",
     "show each setting, its unit, limits and where it comes from",
     "  lq config\n  LQ_PORT=9000 lq config --json\n",
     {{NULL, NULL, NULL}},
     lq_cmd_config},
    {"doctor",
     "",
     "check this machine: compiler, data folder, disk, port, open files",
     "  lq doctor\n  lq doctor --data /var/lib/lq --json\n",
     {{"data", "PATH", "data folder (LQ_DATA, .lq)"}},
     lq_cmd_doctor},
    {"bench",
     "",
     "measure this machine's disk: durable commits, one after the other",
     "  lq bench\n  lq bench --quick --json\n",
     {{"quick", NULL, "200 commits instead of 2000"},
      {"data", "PATH", "measure the disk of this folder (LQ_DATA, .lq)"}},
     lq_cmd_bench},
    {"version",
     "",
     "print the version",
     "  lq version\n  lq version --json\n",
     {{NULL, NULL, NULL}},
     lq_cmd_version},
    {"completion",
     "bash|zsh|fish",
     "print a shell completion script",
     "  source <(lq completion bash)\n"
     "  lq completion fish > ~/.config/fish/completions/lq.fish\n",
     {{NULL, NULL, NULL}},
     lq_cmd_completion},
    {0}};

static bool wants_json; /* --json stands somewhere: mistakes before it are told as JSON, too */

static int help_all(FILE *to) {
  (void)fprintf(
      to, "lq: business simulations as ledgers: live, durable, replayable\n\nusage: lq COMMAND "
          "[options]\n\n");
  for (const lq_cli_command *c = lq_commands; c->name; c++)
    (void)fprintf(to, "  %-11s %s\n", c->name, c->summary);
  (void)fprintf(to, "\n`lq COMMAND --help` tells more. --json works everywhere.\n"
                    "exit status: 0 good, 1 a finding, 2 usage\n\nstart here:\n"
                    "  lq new market && lq dev market\n");
  return to == stdout ? LQ_EXIT_OK : LQ_EXIT_USAGE;
}

static int help_one(const lq_cli_command *c) {
  (void)printf("lq %s: %s\n\nusage: lq %s [options]%s%s\n\n", c->name, c->summary, c->name,
               c->words[0] ? " " : "", c->words);
  for (const lq_cli_option *o = c->option; o < c->option + LQ_CLI_OPTIONS_MAX && o->name; o++) {
    char left[48];
    (void)snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "",
                   o->value ? o->value : "");
    (void)printf("  %-20s %s\n", left, o->help);
  }
  (void)printf("  %-20s %s\n  %-20s %s\n\nexamples:\n%s", "--json", "answer as JSON", "--help",
               "this text", c->examples);
  return LQ_EXIT_OK;
}

/* In quotes. Paths need not be UTF-8, and JSON must: what is not becomes question marks. */
static void fail_member(const char *text) {
  bool valid = lq_utf8_valid(lq_span_text(text));
  (void)fputc('"', stderr);
  for (const char *p = text; *p; p++) {
    unsigned char c = (unsigned char)*p;
    if (c == '"' || c == '\\') (void)fputc('\\', stderr);
    (void)fputc(c < ' ' ? ' ' : c >= 0x80 && !valid ? '?' : c, stderr);
  }
  (void)fputc('"', stderr);
}

int lq_cli_usage(const char *format, ...) {
  char message[512];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(message, sizeof message, format, args);
  va_end(args);
  if (wants_json) {
    (void)fputs("{\"code\":\"LQ_ERR_INVALID\",\"message\":", stderr);
    fail_member(message);
    (void)fputs(",\"mend\":\"see lq --help\"}\n", stderr);
  } else {
    (void)fprintf(stderr, "lq: %s\n", message);
  }
  return LQ_EXIT_USAGE;
}

int lq_cli_fail(const lq_cli *cli, lq_err err, const lq_diag *diag) {
  const char *message = diag && diag->message[0] ? diag->message : lq_err_cause(err);
  const char *mend = diag && diag->mend[0] ? diag->mend : lq_err_mend(err);
  if (!cli->json) {
    (void)fprintf(stderr, "lq: %s\n    mend: %s\n", message, mend);
    return LQ_EXIT_FINDING;
  }
  (void)fprintf(stderr, "{\"code\":\"%s\",\"message\":", lq_err_name(err));
  fail_member(message);
  (void)fputs(",\"mend\":", stderr);
  fail_member(mend);
  (void)fputs("}\n", stderr);
  return LQ_EXIT_FINDING;
}

static const lq_cli_command *command_find(const char *name) {
  for (const lq_cli_command *c = lq_commands; c->name; c++)
    if (!strcmp(c->name, name)) return c;
  return NULL;
}

/* Edits (insert, drop, change) between two short words; more than `most` counts as most + 1. */
static size_t distance(const char *a, const char *b, size_t most) {
  size_t row[32], length = strlen(b);
  if (length >= 32 || strlen(a) >= 32) return most + 1;
  for (size_t k = 0; k <= length; k++) row[k] = k;
  for (size_t i = 1; a[i - 1]; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t k = 1; k <= length; k++) {
      size_t best = diagonal + (a[i - 1] != b[k - 1]);
      if (row[k] + 1 < best) best = row[k] + 1;
      if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
      diagonal = row[k];
      row[k] = best;
    }
  }
  return row[length] > most ? most + 1 : row[length];
}

static int command_unknown(const char *name) {
  for (const lq_cli_command *c = lq_commands; c->name; c++)
    if (distance(name, c->name, 2) <= 2)
      return lq_cli_usage("no command '%s'; did you mean '%s'? lq --help lists them", name,
                          c->name);
  return lq_cli_usage("no command '%s'; lq --help lists them", name);
}

/* Takes one argument that starts with two dashes; the count of arguments used, 0 on an error. */
static int option_take(const lq_cli_command *c, lq_cli *cli, int left, char **argv) {
  const char *name = argv[0] + 2, *equals = strchr(name, '=');
  size_t bytes = equals ? (size_t)(equals - name) : strlen(name);
  if (!strcmp(name, "json")) {
    cli->json = true;
    return 1;
  }
  for (int i = 0; i < LQ_CLI_OPTIONS_MAX && c->option[i].name; i++) {
    const lq_cli_option *o = &c->option[i];
    if (strlen(o->name) != bytes || strncmp(o->name, name, bytes) != 0) continue;
    if (o->value && !equals && left < 2) {
      (void)lq_cli_usage("--%s needs a value: %s", o->name, o->value);
      return 0;
    }
    if (!o->value && equals) {
      (void)lq_cli_usage("--%s takes no value", o->name);
      return 0;
    }
    if (cli->given_count == LQ_CLI_WORDS_MAX) {
      (void)lq_cli_usage("too many options at '%s'", argv[0]);
      return 0;
    }
    cli->value[i] = !o->value ? "" : equals ? equals + 1 : argv[1];
    cli->given[cli->given_count].option = i;
    cli->given[cli->given_count++].value = cli->value[i];
    return o->value && !equals ? 2 : 1;
  }
  (void)lq_cli_usage("lq %s has no option %s; see lq %s --help", c->name, argv[0], c->name);
  return 0;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) wants_json |= !strcmp(argv[i], "--json");
  if (argc < 2) return help_all(stderr);
  if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
    const lq_cli_command *c = argc > 2 ? command_find(argv[2]) : NULL;
    if (argc > 2 && !c) return command_unknown(argv[2]);
    return c ? help_one(c) : help_all(stdout);
  }
  const lq_cli_command *c = command_find(!strcmp(argv[1], "--version") ? "version" : argv[1]);
  if (!c) return command_unknown(argv[1]);
  lq_cli cli = {0};
  for (int i = 2; i < argc;) {
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return help_one(c);
    int used = 1;
    if (!strncmp(argv[i], "--", 2) && argv[i][2]) {
      used = option_take(c, &cli, argc - i, argv + i);
    } else if (argv[i][0] == '-' && argv[i][1]) {
      used = 0;
      (void)lq_cli_usage("options have two dashes: '%s'", argv[i]);
    } else if (cli.word_count == LQ_CLI_WORDS_MAX) {
      used = 0;
      (void)lq_cli_usage("too many arguments at '%s'", argv[i]);
    } else {
      cli.word[cli.word_count++] = argv[i];
    }
    if (!used) return LQ_EXIT_USAGE;
    i += used;
  }
  if (!c->words[0] && cli.word_count)
    return lq_cli_usage("lq %s takes no '%s'; see lq %s --help", c->name, cli.word[0], c->name);
  return c->run(&cli);
}
