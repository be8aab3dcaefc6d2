/* A policy told to AWS: IAM statements over one tenant's items in DynamoDB, objects in S3 and key
 * in KMS. AWS knows a partition and whether it is read or written; what is finer (which command,
 * whose user) the server alone can hold. So an Allow becomes reading or writing of its partitions,
 * and what cannot be said without allowing more, or without denying other things than were meant,
 * is refused and never left out in silence.
 *
 * Partitions are those of lq_service/port/store.h, objects lie under tenant/<tenant>/. A pattern
 * that goes on becomes the exact key and the key with '#' and a star behind it, never the key with
 * a bare star: TENANT#acme* is also TENANT#acme2's. Where AWS takes a missing key for true, the key
 * is required to be present. */
#include "lq_service/policy/policy_int.h"

#include <stdarg.h>
#include <stdio.h>

enum { PATHS_MAX = 16 };
#define ITEM_READS                                                                                 \
  "\"dynamodb:GetItem\",\"dynamodb:BatchGetItem\",\"dynamodb:Query\",\"dynamodb:"                  \
  "ConditionCheckItem\""
#define ITEM_WRITES                                                                                \
  "\"dynamodb:PutItem\",\"dynamodb:UpdateItem\",\"dynamodb:DeleteItem\",\"dynamodb:BatchWriteItem" \
  "\""
#define OBJECT_READS "\"s3:GetObject\""
#define OBJECT_WRITES "\"s3:PutObject\",\"s3:DeleteObject\""
#define KEY_READS "\"kms:Decrypt\""
#define KEY_WRITES "\"kms:GenerateDataKey\""

typedef struct render {
  const lq_policy *policy;
  const lqi_statement *s;
  const lq_policy_aws *aws;
  lq_writer *w;
  lq_diag *diag;
  uint32_t number; /* of the statement */
  bool reads, writes;
  char partition[16], key[2 * PATHS_MAX][LQ_POLICY_VALUE_BYTES_MAX],
      path[PATHS_MAX][LQ_POLICY_VALUE_BYTES_MAX];
  uint32_t key_count, path_count;
} render;

__attribute__((format(printf, 3, 4))) static lq_err unsupported(render *r, lq_span at,
                                                                const char *format, ...) {
  lq_policy copy = *r->policy;
  lqi_reader reader = {.policy = &copy, .diag = r->diag};
  char what[128];
  va_list args;
  va_start(args, format);
  (void)vsnprintf(what, sizeof what, format, args);
  va_end(args);
  (void)snprintf(reader.path, sizeof reader.path, "Statement[%u]", r->number);
  (void)lqi_refuse(&reader, at, "leave it to the server, and render a policy without it", "%s",
                   what);
  if (r->diag) r->diag->code = LQ_ERR_UNSUPPORTED;
  return LQ_ERR_UNSUPPORTED;
}

/* ---- from resources to partitions and paths ---- */

/* The part of a pattern up to `end`, with the tenant for its variable; false: another variable, or
 * a wildcard that is not the last character. */
static bool pattern_text(const render *r, lq_span pattern, lq_writer *out) {
  for (size_t i = 0; i < pattern.bytes; i++) {
    uint8_t c = pattern.data[i];
    if (c == LQI_PAT_VARIABLE) {
      const lqi_variable *v = &r->policy->variable[pattern.data[++i]];
      if (!lqi_key_equal(v->key, lq_span_text("lq:tenant"))) return false;
      lq_write_text(out, r->aws->tenant);
    } else if (c == LQI_PAT_ANY && i + 1 == pattern.bytes) {
      lq_write_u8(out, '*');
    } else if (c > LQI_PAT_VARIABLE || c == '*') {
      return false;
    } else {
      lq_write_u8(out, c);
    }
  }
  return !out->failed;
}

static lq_span part_take(lq_span *path) {
  const uint8_t *slash = path->bytes ? memchr(path->data, '/', path->bytes) : NULL;
  size_t bytes = slash ? (size_t)(slash - path->data) : path->bytes, skip = bytes + (slash != NULL);
  lq_span part = lq_span_of(path->data, bytes);
  *path = lq_span_of(path->data + skip, path->bytes - skip);
  return part;
}

/* The partition of "game/demo/session/main" as "TENANT#acme#GAME#demo#SESSION#main"; *open: all
 * that begins with it and a '#', too. Only games have partitions of their own. False: it has no
 * such. */
static bool partition_of(const render *r, lq_span path, lq_writer *w, bool *open) {
  lq_write_text(w, "TENANT#");
  lq_write_text(w, r->aws->tenant);
  *open = lq_span_is(path, "*");
  if (*open) return true;
  lq_span part = part_take(&path);
  if (!lq_span_is(part, "game")) return false;
  lq_write_text(w, "#GAME");
  *open = lq_span_is(path, "*");
  if (*open) return true;
  part = part_take(&path);
  if (!lq_slug_valid(part)) return false;
  lq_write_u8(w, '#');
  lq_write_span(w, part);
  *open = lq_span_is(path, "*") || lq_span_is(path, "session/*");
  if (*open || !path.bytes) return true;
  if (!lq_span_is(part_take(&path), "session") || !lq_id_valid(path, LQ_ID_BYTES)) return false;
  lq_write_text(w, "#SESSION#");
  lq_write_span(w, path);
  return true;
}

static bool key_add(render *r, lq_span text, const char *tail) {
  lq_writer w = lq_writer_of(r->key[r->key_count], sizeof r->key[0] - 1);
  if (r->key_count == 2 * PATHS_MAX) return false;
  lq_write_span(&w, text);
  lq_write_text(&w, tail);
  r->key[r->key_count][w.bytes] = 0;
  for (uint32_t i = 0; i < r->key_count; i++)
    if (!strcmp(r->key[i], r->key[r->key_count])) return true;
  r->key_count += !w.failed;
  return !w.failed;
}

/* False: it cannot be told. Another tenant's pattern never fits here, and becomes nothing. */
static bool resource_add(render *r, lq_span pattern) {
  static const uint8_t all[] = {LQI_PAT_ANY};
  lqi_text tenant;
  lq_policy_request request = {.tenant = lq_span_text(r->aws->tenant)};
  lqi_view view;
  if (pattern.bytes > 1) {
    const uint8_t *colon = memchr(pattern.data + 3, ':', pattern.bytes - 3);
    lq_span part = lq_span_of(pattern.data + 3, (size_t)(colon - pattern.data) - 3);
    LQ_CHECK(lqi_view_init(&view, &request));
    lqi_text_init(&tenant, request.tenant, request.tenant.bytes);
    lqi_match match = lqi_pattern_match(r->policy, &view, part, &tenant);
    if (match != LQI_YES) return match == LQI_NO;
    pattern = lq_span_of(colon + 1, pattern.bytes - part.bytes - 4);
  } else {
    pattern = lq_span_of(all, 1);
  }
  char partition[LQ_POLICY_VALUE_BYTES_MAX];
  bool open;
  lq_writer path = lq_writer_of(r->path[r->path_count], sizeof r->path[0] - 1);
  lq_writer key = lq_writer_of(partition, sizeof partition);
  if (r->path_count == PATHS_MAX || !pattern_text(r, pattern, &path) ||
      !partition_of(r, lq_writer_span(&path), &key, &open) || key.failed)
    return false;
  for (size_t i = 0; i < path.bytes; i++) /* plain characters alone go into another language */
    if (path.data[i] <= ' ' || path.data[i] > '~' || strchr("\"\\$?", path.data[i])) return false;
  r->path[r->path_count++][path.bytes] = 0;
  return key_add(r, lq_writer_span(&key), "") && (!open || key_add(r, lq_writer_span(&key), "#*"));
}

/* ---- conditions ---- */

static const char *key_in_aws(const lqi_condition *c) {
  static const struct {
    const char *ours, *theirs;
    lqi_family family;
  } same[] = {{"lq:SourceIp", "aws:SourceIp", LQI_IP},
              {"lq:CurrentTime", "aws:CurrentTime", LQI_DATE},
              {"lq:TokenIssueTime", "aws:TokenIssueTime", LQI_DATE},
              {"lq:SecureTransport", "aws:SecureTransport", LQI_BOOL}};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++)
    if (lqi_key_equal(c->key, lq_span_text(same[i].ours)) &&
        lqi_operators[c->op].family == same[i].family && c->quantifier == LQI_ONE)
      return same[i].theirs;
  return NULL;
}

static lq_err conditions_check(render *r) {
  for (uint32_t i = 0; i < r->s->condition_count; i++) {
    const lqi_condition *c = &r->s->condition[i];
    bool twice = i && lq_span_equal(c->operator_name, c[-1].operator_name) &&
                 lqi_key_equal(c->key, c[-1].key);
    if (!key_in_aws(c) || twice)
      return unsupported(r, c->raw.raw, "AWS has no such %.*s of %.*s", lqi_shown(c->operator_name),
                         (const char *)c->operator_name.data, lqi_shown(c->key),
                         (const char *)c->key.data);
  }
  return LQ_OK;
}

/* Here a missing key is false; there, under a negated operator, it is true. */
static bool needs_presence(const lqi_condition *c) {
  return !c->if_exists && lqi_operators[c->op].negated;
}

static uint32_t presence_write(render *r, uint32_t count) {
  const lqi_condition *all = r->s->condition;
  for (uint32_t i = 0; i < r->s->condition_count; i++) {
    bool due = needs_presence(&all[i]);
    for (uint32_t k = 0; k < i; k++)
      due &= !needs_presence(&all[k]) || !lqi_key_equal(all[k].key, all[i].key);
    if (!due) continue;
    lq_write_text(r->w, count++ ? ",\"" : "\"");
    lq_write_text(r->w, key_in_aws(&all[i]));
    lq_write_text(r->w, "\":\"false\"");
  }
  return count;
}

/* `first` and the statement's own; `null`: a key that must be there. Both may be empty. */
static void conditions_write(render *r, const char *first, const char *null) {
  lq_writer *w = r->w;
  bool any = first[0] != 0;
  if (!any && !null[0] && !r->s->condition_count) return;
  lq_write_text(w, ",\"Condition\":{");
  lq_write_text(w, first);
  for (uint32_t i = 0; i < r->s->condition_count; i++) {
    const lqi_condition *c = &r->s->condition[i];
    bool again = i && lq_span_equal(c->operator_name, c[-1].operator_name);
    if (!again) {
      lq_write_text(w, i ? "}," : any ? "," : "");
      lq_write_text(w, "\"");
      lq_write_text(w, lqi_operators[c->op].name);
      lq_write_text(w, c->if_exists ? "IfExists\":{" : "\":{");
    }
    lq_write_text(w, again ? ",\"" : "\"");
    lq_write_text(w, key_in_aws(c));
    lq_write_text(w, "\":");
    lq_write_span(w, c->raw.raw);
    any = true;
  }
  if (r->s->condition_count) lq_write_u8(w, '}');
  lq_writer before = *w;
  lq_write_text(w, any ? ",\"Null\":{" : "\"Null\":{");
  lq_write_text(w, null);
  if (presence_write(r, null[0] != 0))
    lq_write_u8(w, '}');
  else
    *w = before;
  lq_write_u8(w, '}');
}

/* ---- statements ---- */

static void sid_write(render *r, const char *what) {
  lq_write_text(r->w, ",{\"Sid\":\"S");
  lq_write_decimal_u(r->w, r->number);
  lq_write_text(r->w, what);
  lq_write_text(r->w, r->s->deny ? "\",\"Effect\":\"Deny\",\"Action\":["
                                 : "\",\"Effect\":\"Allow\",\"Action\":[");
}

static void actions_write(render *r, const char *reads, const char *writes) {
  lq_write_text(r->w, r->reads ? reads : "");
  lq_write_text(r->w, r->reads && r->writes ? "," : "");
  lq_write_text(r->w, r->writes ? writes : "");
  lq_write_text(r->w, "],\"Resource\":");
}

static void arn_write(render *r, const char *service, const char *what, const char *name) {
  const char *parts[] = {"\"arn:", r->partition,    ":", service, ":",  r->aws->region,
                         ":",      r->aws->account, ":", what,    name, "\""};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) lq_write_text(r->w, parts[i]);
}

static void object_write(render *r, const char *path) {
  const char *parts[] = {"\"arn:",   r->partition,   ":s3:::", r->aws->bucket,
                         "/tenant/", r->aws->tenant, "/",      path,
                         "\""};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) lq_write_text(r->w, parts[i]);
}

/* {"<operator>":{"dynamodb:LeadingKeys":[...]}} without the outer brackets */
static void leading_keys(render *r, lq_writer *out, const char *op) {
  lq_write_text(out, "\"");
  lq_write_text(out, op);
  lq_write_text(out, "\":{\"dynamodb:LeadingKeys\":[");
  for (uint32_t i = 0; i < r->key_count; i++) {
    lq_write_text(out, i ? ",\"" : "\"");
    lq_write_text(out, r->key[i]);
    lq_write_text(out, "\"");
  }
  lq_write_text(out, "]}");
}

static void statement_write(render *r) {
  char keys[2 * PATHS_MAX * (LQ_POLICY_VALUE_BYTES_MAX + 4) + 128];
  lq_writer k = lq_writer_of(keys, sizeof keys - 1);
  leading_keys(r, &k, r->s->deny ? "ForAnyValue:StringLike" : "ForAllValues:StringLike");
  LQ_CHECK(!k.failed);
  keys[k.bytes] = 0;
  sid_write(r, "Items");
  actions_write(r, ITEM_READS, ITEM_WRITES);
  arn_write(r, "dynamodb", "table/", r->aws->table);
  conditions_write(r, keys, "\"dynamodb:LeadingKeys\":\"false\"");
  lq_write_u8(r->w, '}');
  sid_write(r, "Objects");
  actions_write(r, OBJECT_READS, OBJECT_WRITES);
  for (uint32_t i = 0; i < r->path_count; i++) {
    lq_write_u8(r->w, i ? ',' : '[');
    object_write(r, r->path[i]);
  }
  lq_write_text(r->w, "]");
  conditions_write(r, "", "");
  lq_write_u8(r->w, '}');
  if (r->s->deny) return; /* what cannot be fetched need not be opened */
  char alias[128];
  (void)snprintf(alias, sizeof alias,
                 "\"ForAnyValue:StringEquals\":{\"kms:ResourceAliases\":\"alias/lq-%s\"},"
                 "\"StringEquals\":{\"kms:EncryptionContext:tenant\":\"%s\"}",
                 r->aws->tenant, r->aws->tenant);
  sid_write(r, "Keys");
  actions_write(r, KEY_READS, KEY_WRITES);
  arn_write(r, "kms", "key/", "*");
  conditions_write(r, alias, "\"kms:EncryptionContext:tenant\":\"false\"");
  lq_write_u8(r->w, '}');
}

/* Reading, writing, or both; a Deny must mean all reading or all writing there is. */
static lq_err access_find(render *r) {
  uint64_t reads = 0, writes = 0, rest = r->s->actions;
  for (uint32_t a = 0; a < LQ_ACTION_COUNT; a++)
    *(lq_action_about((lq_action)a)->writes ? &writes : &reads) |= 1ull << a;
  r->reads = (r->s->actions & reads) != 0;
  r->writes = (r->s->actions & writes) != 0;
  if (!r->s->deny) {
    r->reads |= r->writes; /* a change is made to what was read */
    return LQ_OK;
  }
  r->reads = (r->s->actions & reads) == reads;
  r->writes = (r->s->actions & writes) == writes;
  if (r->reads) rest &= ~reads;
  if (r->writes) rest &= ~writes;
  return rest ? unsupported(r, r->s->action.raw,
                            "AWS can deny all reading or all writing, not single actions")
              : LQ_OK;
}

static lq_err statement_render(render *r, lq_role role) {
  const lqi_statement *s = r->s;
  lq_json_walk walk = {0};
  lq_json value;
  r->key_count = r->path_count = 0;
  if (s->deny && s->user_count)
    return unsupported(r, s->principal.raw, "a Deny for single users is not a role's");
  if (!s->actions || (!s->everybody && !(s->roles >> role & 1))) return LQ_OK;
  if (s->not_resource) return unsupported(r, s->place.raw, "AWS has no NotResource for partitions");
  lq_err err = access_find(r);
  if (!err) err = conditions_check(r);
  for (uint32_t i = 0; !err && i < s->resource_count && lqi_list_next(s->place, &walk, &value); i++)
    if (!resource_add(r, s->resource[i]))
      err = unsupported(r, value.raw, "AWS cannot tell %.*s from other resources",
                        lqi_shown(value.raw), (const char *)value.raw.data);
  if (!err && r->key_count) statement_write(r);
  return err;
}

/* ---- what no other policy of the role can lift ---- */

/* The table and all below it: indexes, streams, exports. */
static void tables_write(render *r) {
  char below[260];
  (void)snprintf(below, sizeof below, "%s/*", r->aws->table);
  lq_write_u8(r->w, '[');
  arn_write(r, "dynamodb", "table/", r->aws->table);
  lq_write_u8(r->w, ',');
  arn_write(r, "dynamodb", "table/", below);
  lq_write_u8(r->w, ']');
}

static void guards_write(render *r) {
  lq_writer *w = r->w;
  const char *tenant = r->aws->tenant;
  lq_write_text(w, "{\"Sid\":\"NeverWithoutKeys\",\"Effect\":\"Deny\",\"Action\":["
                   "\"dynamodb:Scan\",\"dynamodb:PartiQL*\",\"dynamodb:GetRecords\","
                   "\"dynamodb:Export*\",\"dynamodb:*Backup*\",\"dynamodb:RestoreTable*\"],"
                   "\"Resource\":");
  tables_write(r);
  lq_write_text(w, "},{\"Sid\":\"NeverUnnamedItems\",\"Effect\":\"Deny\",\"Action\":"
                   "[" ITEM_READS "," ITEM_WRITES "],\"Resource\":");
  tables_write(r);
  lq_write_text(w, ",\"Condition\":{\"Null\":{\"dynamodb:LeadingKeys\":\"true\"}}},{\"Sid\":"
                   "\"NeverOthersItems\",\"Effect\":\"Deny\",\"Action\":"
                   "[" ITEM_READS "," ITEM_WRITES "],\"Resource\":");
  tables_write(r);
  lq_write_text(w, ",\"Condition\":{\"ForAnyValue:StringNotLike\":{\"dynamodb:LeadingKeys\":"
                   "[\"TENANT#");
  lq_write_text(w, tenant);
  lq_write_text(w, "\",\"TENANT#");
  lq_write_text(w, tenant);
  lq_write_text(w, "#*\"]}}},{\"Sid\":\"NeverOthersObjects\",\"Effect\":\"Deny\",\"Action\":"
                   "[" OBJECT_READS "," OBJECT_WRITES "],\"NotResource\":");
  object_write(r, "*");
  lq_write_text(w, "},{\"Sid\":\"NeverOthersKeys\",\"Effect\":\"Deny\",\"Action\":[" KEY_READS
                   "," KEY_WRITES "],\"Resource\":\"*\",\"Condition\":{\"StringNotEquals\":"
                   "{\"kms:EncryptionContext:tenant\":\"");
  lq_write_text(w, tenant);
  lq_write_text(w, "\"}}}");
}

/* `extra`: what is allowed besides letters and digits. */
static bool name_fits(const char *name, size_t least, size_t most, const char *extra,
                      bool letters) {
  size_t bytes = name ? strlen(name) : 0;
  for (size_t i = 0; i < bytes; i++) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!(c >= '0' && c <= '9') && !(letters && letter) && !strchr(extra, c)) return false;
  }
  return bytes >= least && bytes <= most;
}

static lq_err names_check(const lq_policy_aws *aws, lq_diag *diag) {
  const char *what = !aws->tenant || !lq_slug_valid(lq_span_text(aws->tenant)) ? "tenant"
                     : !name_fits(aws->account, 12, 12, "", false) ? "account (12 digits)"
                     : !name_fits(aws->region, 9, 32, "-", true)   ? "region"
                     : !name_fits(aws->table, 3, 255, "_.-", true) ? "table"
                     : !name_fits(aws->bucket, 3, 63, ".-", true)  ? "bucket"
                                                                   : NULL;
  return what
             ? lq_diag_set(diag, LQ_ERR_INVALID, "the name of the %s is missing or not valid", what)
             : LQ_OK;
}

lq_err lq_policy_render_aws(const lq_policy *policy, lq_role role, const lq_policy_aws *aws,
                            lq_writer *out, lq_diag *diag) {
  if (diag) *diag = (lq_diag){0};
  lq_err err = names_check(aws, diag);
  if (err) return err;
  render r = {.policy = policy, .aws = aws, .w = out, .diag = diag};
  (void)snprintf(r.partition, sizeof r.partition, "%s",
                 !strncmp(aws->region, "cn-", 3)       ? "aws-cn"
                 : !strncmp(aws->region, "us-gov-", 7) ? "aws-us-gov"
                                                       : "aws");
  lq_write_text(out, "{\"Version\":\"2012-10-17\",\"Statement\":[");
  guards_write(&r);
  for (; !err && r.number < policy->statement_count; r.number++) {
    r.s = &policy->statement[r.number];
    err = statement_render(&r, role);
  }
  lq_write_text(out, "]}");
  return err ? err : out->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}
