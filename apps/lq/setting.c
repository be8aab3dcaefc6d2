/* Settings, `lq config`, `lq version`, `lq completion`. */
#include "apps/lq/cli.h"
#include "lq_base/hash.h"
#include "lq_engine/net/json.h"
#include "lq_host/host.h"

const lq_setting lq_settings[LQ_SETTING_COUNT] = {
    {"data", "LQ_DATA", ".lq", "path", "where sessions, releases and secrets are kept", 0, 0},
    {"host", "LQ_HOST", "127.0.0.1", "address", "where lq serve listens", 0, 0},
    {"port", "LQ_PORT", "8080", "port", "0 = any free one", 0, 65535},
    {"cc", "CC", "cc", "command", "compiler for systems in C", 0, 0},
    {"sessions", "LQ_SESSIONS", "65536", "sessions", "live at once; sleeping ones do not count", 1,
     1000000},
    {"connections", "LQ_CONNECTIONS", "65536", "connections", "open at once", 1, 1000000},
    {"messages", "LQ_MESSAGES_PER_S", "100", "messages/s",
     "one connection may send; bursts of twice that", 1, 100000},
    {"idle", "LQ_IDLE_MS", "60000", "ms", "a connection may be silent; pinged at half of it", 1000,
     86400000},
    {"hibernate", "LQ_HIBERNATE_MS", "5000", "ms", "an empty session stays awake", 1, 86400000},
    {"keys", "LQ_KEYS", "", "path", "the key store; empty = the folder keys in the data folder", 0,
     0},
    {"origins", "LQ_ORIGINS", "", "origins",
     "other web sites whose pages may talk to lq serve, with blanks between", 0, 0},
    {"url", "LQ_URL", "", "url",
     "how browsers name lq serve, for signing in; empty = http://<host>:<port>", 0, 0},
    {"oidc", "LQ_OIDC", "public", "off|public|any",
     "where tenants' identity providers may be: nowhere, at public addresses, or in this network, "
     "too",
     0, 0},
    {"server", "LQ_SERVER_NAME", "ledgerquest", "name",
     "names the audit logs (NAME/tenant) and the issuer of tokens", 0, 0},
    {"shred-delay", "LQ_SHRED_DELAY_MS", "86400000", "ms",
     "between the second approval of a tenant's shredding and the deed", 0, 31536000000ull},
    {"log", "LQ_LOG", "", "path",
     "a file for log lines in JSON, - = stderr; empty = with --json, warnings on stderr", 0, 0},
    {"emf", "LQ_EMF", "", "path",
     "a file for CloudWatch's metric lines, one a minute and game; - = stdout", 0, 0},
    {"otlp", "LQ_OTLP", "", "address",
     "a collector of traces over HTTP: http://127.0.0.1:4318/v1/traces; empty = no traces", 0, 0},
    {"trace-one-in", "LQ_TRACE_ONE_IN", "100", "commands",
     "of so many one is traced, beside those whose caller asks; 0 = those alone", 0, 1000000000},
    {"physics-threads", "LQ_PHYSICS_THREADS", "1", "threads",
     "work on one world of 500 awake bodies or more, to the same bytes; only for idle cores", 1,
     LQ_CREW_MAX},
    {"jails", "LQ_JAILS", "", "path",
     "where lq-jail-python, -lua and -wasm lie; empty = beside this program", 0, 0},
};

const char *lq_setting_text(lq_setting_id id, const char *flag, const char **origin) {
  const lq_setting *s = &lq_settings[id];
  const char *env = lq_env(s->env), *from = flag            ? "flag"
                                            : env && env[0] ? "environment"
                                                            : "default";
  if (origin) *origin = from;
  return flag ? flag : env && env[0] ? env : s->standard;
}

lq_err lq_setting_number(lq_setting_id id, const char *flag, uint64_t *out, lq_diag *diag) {
  const lq_setting *s = &lq_settings[id];
  const char *origin, *text = lq_setting_text(id, flag, &origin);
  if (lq_cli_number(text, out) && *out >= s->min && *out <= s->max) return LQ_OK;
  if (diag)
    (void)snprintf(diag->mend, sizeof diag->mend, "change %s%s; lq config shows every setting",
                   flag ? "--" : "", flag ? s->name : s->env);
  return lq_diag_set(diag, LQ_ERR_RANGE,
                     "%s from the %s is '%s': a number from %llu to %llu is due", s->name, origin,
                     text, (unsigned long long)s->min, (unsigned long long)s->max);
}

static uint8_t *out_memory;
enum { OUT_BYTES = 64 << 20 };

lq_writer lq_out_begin(void) {
  if (!out_memory) out_memory = lq_pages_take(OUT_BYTES);
  return lq_writer_of(out_memory, out_memory ? OUT_BYTES : 0);
}

void lq_out_end(lq_writer *w) {
  if (w->failed) {
    (void)fputs("lq: the answer is larger than 64 MiB\n", stderr);
    return;
  }
  (void)fwrite(w->data, 1, w->bytes, stdout);
  (void)fputc('\n', stdout);
}

static void member(lq_writer *w, const char *name, const char *text) {
  if (w->bytes && w->data[w->bytes - 1] != '{') lq_write_u8(w, ',');
  lq_json_write_text(w, lq_span_text(name));
  lq_write_u8(w, ':');
  lq_json_write_text(w, lq_span_text(text));
}

int lq_cmd_config(const lq_cli *cli) {
  lq_writer w = lq_out_begin();
  if (cli->json)
    lq_write_u8(&w, '[');
  else
    (void)printf("%-12s %-12s %-12s %-15s %-12s %-18s %s\n", "setting", "value", "unit", "limits",
                 "origin", "variable", "meaning");
  int status = LQ_EXIT_OK;
  for (int i = 0; i < LQ_SETTING_COUNT; i++) {
    const lq_setting *s = &lq_settings[i];
    const char *origin, *text = lq_setting_text((lq_setting_id)i, NULL, &origin);
    char limits[64] = "";
    if (s->max)
      (void)snprintf(limits, sizeof limits, "%llu..%llu", (unsigned long long)s->min,
                     (unsigned long long)s->max);
    uint64_t number;
    lq_diag diag = {0};
    if (s->max && lq_setting_number((lq_setting_id)i, NULL, &number, &diag))
      status = lq_cli_fail(cli, diag.code, &diag);
    if (!cli->json) {
      (void)printf("%-12s %-12s %-12s %-15s %-12s %-18s %s\n", s->name, text, s->unit, limits,
                   origin, s->env, s->help);
      continue;
    }
    if (i) lq_write_u8(&w, ',');
    lq_write_u8(&w, '{');
    member(&w, "setting", s->name);
    member(&w, "value", text);
    member(&w, "unit", s->unit);
    member(&w, "limits", limits);
    member(&w, "origin", origin);
    member(&w, "environment", s->env);
    member(&w, "default", s->standard);
    member(&w, "help", s->help);
    lq_write_u8(&w, '}');
  }
  if (!cli->json) return status;
  lq_write_u8(&w, ']');
  lq_out_end(&w);
  return status;
}

int lq_cmd_version(const lq_cli *cli) {
  if (cli->json)
    (void)printf("{\"version\":\"%s\",\"abi\":%u}\n", LQ_VERSION, LQ_ABI_VERSION);
  else
    (void)printf("lq %s (engine ABI %u)\n", LQ_VERSION, LQ_ABI_VERSION);
  return LQ_EXIT_OK;
}

static void bash_script(void) {
  (void)printf(
      "_lq() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W '");
  for (const lq_cli_command *c = lq_commands; c->name; c++) (void)printf("%s ", c->name);
  (void)printf(
      "help' -- \"$cur\"))\n    return\n  fi\n  local words=''\n  case ${COMP_WORDS[1]} in\n");
  for (const lq_cli_command *c = lq_commands; c->name; c++) {
    (void)printf("  %s) words='--json --help", c->name);
    for (const lq_cli_option *o = c->option; o->name; o++) (void)printf(" --%s", o->name);
    if (!strcmp(c->name, "session")) (void)printf(" list show replay verify export");
    if (!strcmp(c->name, "completion")) (void)printf(" bash zsh fish");
    (void)printf("' ;;\n");
  }
  (void)printf(
      "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n}\n"
      "complete -F _lq lq\n");
}

int lq_cmd_completion(const lq_cli *cli) {
  const char *shell = cli->word_count == 1 ? cli->word[0] : "";
  if (!strcmp(shell, "bash")) {
    bash_script();
  } else if (!strcmp(shell, "zsh")) {
    (void)printf("autoload -U +X bashcompinit && bashcompinit\n");
    bash_script();
  } else if (!strcmp(shell, "fish")) {
    for (const lq_cli_command *c = lq_commands; c->name; c++) {
      (void)printf("complete -c lq -n __fish_use_subcommand -a %s -d '%s'\n", c->name, c->summary);
      for (const lq_cli_option *o = c->option; o->name; o++)
        (void)printf("complete -c lq -n '__fish_seen_subcommand_from %s' -l %s%s\n", c->name,
                     o->name, o->value ? " -r" : "");
    }
  } else {
    return lq_cli_usage("which shell? bash, zsh or fish");
  }
  return LQ_EXIT_OK;
}
