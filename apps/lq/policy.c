/* `lq policy list|show|check|explain|render`: policies without a server. */
#include "lq_service/policy/policy.h"
#include "apps/lq/cli.h"
#include "lq_engine/net/json.h"
#include "lq_host/host.h"

enum { FILES_MAX = 32 };
enum { TENANT, POLICY, ROLE, USER, ACTION, RESOURCE, CONTEXT, AWS, TABLE, BUCKET, ACCOUNT, REGION };

typedef struct desk {
  const lq_cli *cli;
  lq_arena arena;
  const lq_policy *policy[LQ_ROLE_COUNT + FILES_MAX];
  uint32_t count;
  const char *file[FILES_MAX];
  uint32_t file_count;
  lq_diag diag;
} desk;

static const char *or_else(const char *given, const char *standard) {
  return given ? given : standard;
}

static int file_add(desk *d, const char *path) {
  if (d->file_count == FILES_MAX) return lq_cli_usage("at most %d policies at once", FILES_MAX);
  d->file[d->file_count++] = path;
  return LQ_EXIT_OK;
}

/* Files are what --policy says, and the words behind the verb. */
static int files_find(desk *d) {
  int status = LQ_EXIT_OK;
  for (int i = 0; i < d->cli->given_count && !status; i++)
    if (d->cli->given[i].option == POLICY) status = file_add(d, d->cli->given[i].value);
  for (int i = 1; i < d->cli->word_count && !status; i++) status = file_add(d, d->cli->word[i]);
  return status;
}

static lq_err compile(desk *d, const char *path, const lq_policy **out) {
  uint8_t *data;
  size_t bytes;
  lq_err err = lq_file_read(path, LQ_POLICY_TEXT_BYTES_MAX, &data, &bytes);
  if (err == LQ_ERR_NOT_FOUND) return lq_diag_set(&d->diag, err, "there is no file %.200s", path);
  if (err == LQ_ERR_TOO_BIG)
    return lq_diag_set(&d->diag, err, "%.160s is larger than a policy may be: %u bytes", path,
                       LQ_POLICY_TEXT_BYTES_MAX);
  if (err) return lq_diag_set(&d->diag, err, "%.200s cannot be read", path);
  lq_span name = lq_span_text(lq_utf8_valid(lq_span_text(path)) ? path : "a file");
  err = lq_policy_compile(name, lq_span_of(data, bytes), &d->arena, out, &d->diag);
  lq_file_free(data);
  if (err) { /* the place, as a compiler says it */
    char message[sizeof d->diag.message];
    (void)snprintf(message, sizeof message, "%.60s:%u:%u: %.180s", path, d->diag.line,
                   d->diag.column, d->diag.message);
    memcpy(d->diag.message, message, sizeof message);
  }
  return err;
}

static int desk_open(desk *d, const lq_cli *cli) {
  size_t bytes = (FILES_MAX + 1) * (size_t)LQ_POLICY_ARENA_BYTES;
  *d = (desk){.cli = cli, .arena = lq_arena_of(lq_pages_take(bytes), bytes)};
  if (!d->arena.memory) return lq_cli_fail(cli, LQ_ERR_MEMORY, NULL);
  return files_find(d);
}

static int policies_read(desk *d) {
  for (uint32_t i = 0; i < d->file_count; i++) {
    lq_err err = compile(d, d->file[i], &d->policy[d->count]);
    if (err) return lq_cli_fail(d->cli, err, &d->diag);
    d->count++;
  }
  return LQ_EXIT_OK;
}

static int role_read(const char *name, lq_role *out) {
  *out = lq_role_of(lq_span_text(name));
  return *out < LQ_ROLE_COUNT
             ? LQ_EXIT_OK
             : lq_cli_usage("there is no role '%s'; lq policy list shows them", name);
}

/* ---- list, show ---- */

static const char *const kinds[] = {
#define X(id, pattern) pattern,
    LQ_RESOURCE_LIST(X)
#undef X
};

static void list_json(void) {
  lq_writer w = lq_out_begin();
  lq_write_text(&w, "{\"roles\":[");
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++) {
    lq_write_text(&w, role ? ",\"" : "\"");
    lq_write_text(&w, lq_role_name((lq_role)role));
    lq_write_text(&w, "\"");
  }
  lq_write_text(&w, "],\"actions\":[");
  for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++) {
    const lq_action_info *about = lq_action_about((lq_action)a);
    const char *parts[] = {a ? ",{\"action\":\"" : "{\"action\":\"",
                           about->name,
                           "\",\"resource\":\"lq:*:",
                           kinds[about->kind],
                           about->writes ? "\",\"writes\":true,\"what\":\""
                                         : "\",\"writes\":false,\"what\":\"",
                           about->what,
                           "\"}"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) lq_write_text(&w, parts[i]);
  }
  lq_write_text(&w, "],\"keys\":[");
  for (const lq_policy_key_info *k = lq_policy_keys; k->name; k++) {
    const char *parts[] = {k == lq_policy_keys ? "{\"key\":\"" : ",{\"key\":\"",
                           k->name,
                           "\",\"type\":\"",
                           k->type,
                           "\",\"what\":\"",
                           k->what,
                           "\"}"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) lq_write_text(&w, parts[i]);
  }
  lq_write_text(&w, "]}");
  lq_out_end(&w);
}

static int run_list(desk *d) {
  if (d->cli->word_count > 1) return lq_cli_usage("lq policy list takes no name; show does");
  if (d->cli->json) {
    list_json();
    return LQ_EXIT_OK;
  }
  (void)printf("roles (lq policy show ROLE):\n ");
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role++)
    (void)printf(" %s", lq_role_name((lq_role)role));
  (void)printf("\n\nactions, and what they are done to:\n");
  for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++) {
    const lq_action_info *about = lq_action_about((lq_action)a);
    (void)printf("  %-20s lq:TENANT:%-18s %s\n", about->name, kinds[about->kind], about->what);
  }
  (void)printf("\nkeys for conditions:\n");
  for (const lq_policy_key_info *k = lq_policy_keys; k->name; k++)
    (void)printf("  %-20s %-16s %s\n", k->name, k->type, k->what);
  (void)printf(
      "\noperators:\n  StringEquals StringEqualsIgnoreCase StringLike NumericEquals "
      "NumericLessThan NumericLessThanEquals\n  NumericGreaterThan "
      "NumericGreaterThanEquals DateEquals DateLessThan ... Bool IpAddress Null\n"
      "  StringNotEquals ... NotIpAddress; behind each IfExists, before each ForAllValues: "
      "or ForAnyValue:\n");
  return LQ_EXIT_OK;
}

static int run_show(desk *d) {
  lq_role role;
  if (d->cli->word_count != 2)
    return lq_cli_usage("lq policy show ROLE; lq policy list shows the roles");
  int status = role_read(d->cli->word[1], &role);
  if (status) return status;
  lq_span text = lq_policy_role_text(role);
  (void)fwrite(text.data, 1, text.bytes, stdout);
  return LQ_EXIT_OK;
}

/* ---- check ---- */

typedef struct checking {
  desk *desk;
  const char *file;
  const lq_policy *policy;
  lq_writer w;
  uint32_t count;
} checking;

static void found(void *context, const lq_policy_finding *f) {
  checking *c = context;
  if (!c->desk->cli->json) {
    (void)printf("%s:%u:%u: %s: %s\n    mend: %s\n", c->file, f->line, f->column, f->code,
                 f->message, f->mend);
  } else {
    lq_write_text(&c->w, c->count ? ",{\"file\":" : "{\"file\":");
    lq_json_write_text(&c->w, lq_policy_name(c->policy));
    lq_write_text(&c->w, ",\"statement\":");
    lq_write_decimal_u(&c->w, f->statement);
    lq_write_text(&c->w, ",\"line\":");
    lq_write_decimal_u(&c->w, f->line);
    lq_write_text(&c->w, ",\"column\":");
    lq_write_decimal_u(&c->w, f->column);
    lq_write_text(&c->w, ",\"code\":\"");
    lq_write_text(&c->w, f->code);
    lq_write_text(&c->w, "\",\"message\":");
    lq_json_write_text(&c->w, lq_span_text(f->message));
    lq_write_text(&c->w, ",\"mend\":");
    lq_json_write_text(&c->w, lq_span_text(f->mend));
    lq_write_text(&c->w, "}");
  }
  c->count++;
}

static int run_check(desk *d) {
  checking c = {.desk = d};
  if (!d->file_count) return lq_cli_usage("which file? lq policy check FILE...");
  int status = policies_read(d);
  if (status) return status;
  c.w = lq_out_begin();
  lq_write_u8(&c.w, '[');
  for (uint32_t i = 0; i < d->file_count; i++) {
    c.file = d->file[i];
    c.policy = d->policy[i];
    (void)lq_policy_check(d->policy[i], lq_span_text(or_else(d->cli->value[TENANT], "")), found,
                          &c);
  }
  lq_write_u8(&c.w, ']');
  if (d->cli->json)
    lq_out_end(&c.w);
  else if (!c.count)
    (void)printf("%u %s: nothing to mend\n", d->file_count,
                 d->file_count == 1 ? "policy" : "policies");
  return c.count ? LQ_EXIT_FINDING : LQ_EXIT_OK;
}

/* ---- explain ---- */

static bool is_true(lq_json value) { return lq_span_is(value.raw, "true"); }

static void part_print(const char *name, lq_json part) {
  lq_json wants = lq_json_get(part, "wants");
  if (is_true(lq_json_get(part, "fits")) || wants.kind == LQ_JSON_NONE) return;
  (void)printf("    %s%s: %.*s\n", is_true(lq_json_get(part, "not")) ? "Not" : "", name,
               (int)wants.raw.bytes, (const char *)wants.raw.data);
}

static void statement_print(lq_json s) {
  char policy[160], sid[80] = "", effect[8];
  lq_json_walk walk = {0};
  lq_json condition;
  (void)lq_json_text(lq_json_get(s, "policy"), policy, sizeof policy);
  (void)lq_json_text(lq_json_get(s, "sid"), sid, sizeof sid);
  (void)lq_json_text(lq_json_get(s, "effect"), effect, sizeof effect);
  lq_span number = lq_json_get(s, "statement").raw;
  (void)printf("%s, statement %.*s%s%s%s, %s: %s\n", policy, (int)number.bytes,
               (const char *)number.data, sid[0] ? " (" : "", sid, sid[0] ? ")" : "", effect,
               is_true(lq_json_get(s, "fits")) ? "fits" : "does not fit, because of");
  part_print("Action", lq_json_get(s, "action"));
  part_print("Resource", lq_json_get(s, "resource"));
  while (lq_json_element(lq_json_get(s, "conditions"), &walk, &condition)) {
    char op[80] = "", key[80] = "", why[160] = "";
    if (is_true(lq_json_get(condition, "fits"))) continue;
    (void)lq_json_text(lq_json_get(condition, "operator"), op, sizeof op);
    (void)lq_json_text(lq_json_get(condition, "key"), key, sizeof key);
    (void)lq_json_text(lq_json_get(condition, "why"), why, sizeof why);
    lq_span wants = lq_json_get(condition, "wants").raw, has = lq_json_get(condition, "has").raw;
    (void)printf("    %s %s: %.*s, and the request has %.*s: %s\n", op, key, (int)wants.bytes,
                 (const char *)wants.data, (int)has.bytes, (const char *)has.data, why);
  }
}

static void explanation_print(lq_span text) {
  lq_json all, s;
  lq_json_walk walk = {0};
  char decision[32] = "", why[160] = "", policy[160] = "", sid[80] = "";
  uint32_t others = 0;
  if (lq_json_parse(text, &all, NULL)) return;
  (void)lq_json_text(lq_json_get(all, "decision"), decision, sizeof decision);
  (void)lq_json_text(lq_json_get(all, "why"), why, sizeof why);
  (void)printf("%s: %s\n", decision, why);
  if (lq_json_text(lq_json_get(all, "policy"), policy, sizeof policy)) {
    lq_span number = lq_json_get(all, "statement").raw;
    bool named = lq_json_text(lq_json_get(all, "sid"), sid, sizeof sid);
    (void)printf("decided by %s, statement %.*s%s%s%s\n", policy, (int)number.bytes,
                 (const char *)number.data, named ? " (" : "", sid, named ? ")" : "");
  }
  while (lq_json_element(lq_json_get(all, "statements"), &walk, &s)) {
    if (is_true(lq_json_get(lq_json_get(s, "principal"), "fits")))
      statement_print(s);
    else
      others++;
  }
  if (others)
    (void)printf("and %u %s for others\n", others, others == 1 ? "statement" : "statements");
}

typedef struct asked {
  lq_policy_request request;
  lq_policy_key key[LQ_POLICY_CONTEXT_MAX];
  lq_span value[LQ_CLI_WORDS_MAX];
  char name[LQ_CLI_WORDS_MAX][80], resource[512], action[80];
} asked;

/* --context k=v: once more for another value of the same key, next to it. */
static int context_read(const lq_cli *cli, asked *a) {
  uint32_t count = 0, values = 0;
  for (int i = 0; i < cli->given_count; i++) {
    if (cli->given[i].option != CONTEXT) continue;
    const char *text = cli->given[i].value, *equals = strchr(text, '=');
    size_t bytes = equals ? (size_t)(equals - text) : 0;
    if (!bytes || bytes >= sizeof a->name[0])
      return lq_cli_usage("--context is KEY=VALUE, not '%s'", text);
    memcpy(a->name[count], text, bytes);
    a->name[count][bytes] = 0;
    a->value[values] = lq_span_text(equals + 1);
    if (count && !strcmp(a->name[count], a->name[count - 1])) {
      a->key[count - 1].count++;
    } else {
      if (count == LQ_POLICY_CONTEXT_MAX)
        return lq_cli_usage("at most %u keys of --context", LQ_POLICY_CONTEXT_MAX);
      a->key[count] = (lq_policy_key){a->name[count], &a->value[values], 1};
      count++;
    }
    values++;
  }
  a->request.context = a->key;
  a->request.context_count = count;
  return LQ_EXIT_OK;
}

static int request_read(const lq_cli *cli, asked *a) {
  const char *tenant = or_else(cli->value[TENANT], "acme"), *action = cli->value[ACTION],
             *resource = cli->value[RESOURCE];
  if (!action || !resource)
    return lq_cli_usage("lq policy explain needs --action and --resource; see lq policy --help");
  (void)snprintf(a->action, sizeof a->action, "%s%s", strchr(action, ':') ? "" : "lq:", action);
  if (strncmp(resource, "lq:", 3) == 0)
    (void)snprintf(a->resource, sizeof a->resource, "%s", resource);
  else
    (void)snprintf(a->resource, sizeof a->resource, "lq:%s:%s", tenant, resource);
  a->request.tenant = lq_span_text(tenant);
  a->request.user = lq_span_text(or_else(cli->value[USER], "somebody"));
  a->request.action = lq_action_of(lq_span_text(a->action));
  a->request.resource = lq_span_text(a->resource);
  if (a->request.action == LQ_ACTION_COUNT)
    return lq_cli_usage("there is no action '%s'; lq policy list shows them", action);
  for (int i = 0; i < cli->given_count; i++) {
    lq_role role;
    if (cli->given[i].option != ROLE) continue;
    int status = role_read(cli->given[i].value, &role);
    if (status) return status;
    a->request.roles |= 1u << role;
  }
  return context_read(cli, a);
}

static int run_explain(desk *d) {
  asked a = {0};
  int status = request_read(d->cli, &a);
  if (status) return status;
  lq_policy_roles(&d->arena, d->policy);
  d->count = LQ_ROLE_COUNT;
  status = policies_read(d);
  if (status) return status;
  const lq_policy_set set = {a.request.tenant, d->policy, d->count};
  lq_writer w = lq_out_begin();
  bool allowed = lq_policy_explain(&set, &a.request, &w);
  if (d->cli->json)
    lq_out_end(&w);
  else
    explanation_print(lq_writer_span(&w));
  return allowed ? LQ_EXIT_OK : LQ_EXIT_FINDING;
}

/* ---- render ---- */

static int run_render(desk *d) {
  const lq_cli *cli = d->cli;
  lq_role role;
  if (!cli->value[AWS]) return lq_cli_usage("lq policy render --aws is the only one there is");
  if (d->file_count > 1) return lq_cli_usage("one policy at a time");
  int status = role_read(or_else(cli->value[ROLE], "tenant-admin"), &role);
  if (status) return status;
  lq_policy_roles(&d->arena, d->policy);
  const lq_policy *policy = d->policy[role];
  if (d->file_count) {
    lq_err err = compile(d, d->file[0], &policy);
    if (err) return lq_cli_fail(cli, err, &d->diag);
  }
  const lq_policy_aws aws = {or_else(cli->value[TENANT], "acme"), cli->value[ACCOUNT],
                             cli->value[REGION], cli->value[TABLE], cli->value[BUCKET]};
  lq_writer w = lq_out_begin();
  lq_err err = lq_policy_render_aws(policy, role, &aws, &w, &d->diag);
  if (err) return lq_cli_fail(cli, err, &d->diag);
  lq_out_end(&w);
  return LQ_EXIT_OK;
}

int lq_cmd_policy(const lq_cli *cli) {
  static const struct {
    const char *verb;
    int (*run)(desk *d);
  } verbs[] = {{"list", run_list},
               {"show", run_show},
               {"check", run_check},
               {"explain", run_explain},
               {"render", run_render}};
  const char *verb = cli->word_count ? cli->word[0] : "";
  size_t at = 0;
  while (at < sizeof verbs / sizeof *verbs && strcmp(verbs[at].verb, verb) != 0) at++;
  if (at == sizeof verbs / sizeof *verbs)
    return lq_cli_usage("lq policy list, show, check, explain or render, not '%s'", verb);
  desk d;
  int status = desk_open(&d, cli);
  return status ? status : verbs[at].run(&d);
}
