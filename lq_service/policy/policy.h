/* Who may do what: policies in the language of AWS IAM, for our actions and resources.
 *
 * Shape: a document (JSON text) is compiled once into the caller's arena and is immutable then. A
 * request is decided against a set of them without allocation: nothing allows it = denied, one
 * statement that denies it = denied whatever else allows it. A set belongs to one tenant; a
 * resource of another one is denied before any statement is looked at.
 * Missing means false: a condition on a key that the request does not have is false, also under a
 * negated operator and under ForAllValues (AWS says true there); ...IfExists says true.
 * Limits: below. Matching takes time linear in the pattern, whatever it is.
 * Threads: what is compiled may be read from any. Source: docs/policy.md, ADR 24. */
#ifndef LQ_SERVICE_POLICY_POLICY_H
#define LQ_SERVICE_POLICY_POLICY_H

#include "lq_base/arena.h"
#include "lq_base/bytes.h"
#include "lq_base/limits.h"

#define LQ_POLICY_TEXT_BYTES_MAX 6144u /* a document, as in IAM, but with its blanks */
/* An arena that holds any one document, compiled. */
#define LQ_POLICY_ARENA_BYTES (192u << 10)
#define LQ_POLICY_VALUE_BYTES_MAX 255u /* a resource, a pattern, a context value */
#define LQ_POLICY_CONTEXT_MAX 32u      /* keys of a request, and values of a key */
#define LQ_RESOURCE_BYTES 160u         /* a resource's name with its NUL */

/* ---- roles ---- X(id, name) */
#define LQ_ROLE_LIST(X)                                                                            \
  X(OPERATOR, "operator")                                                                          \
  X(TENANT_ADMIN, "tenant-admin")                                                                  \
  X(DESIGNER, "designer")                                                                          \
  X(FACILITATOR, "facilitator")                                                                    \
  X(PLAYER, "player")                                                                              \
  X(AUDITOR, "auditor")                                                                            \
  X(OBSERVER, "observer")                                                                          \
  X(SUPPORT, "support")

typedef enum lq_role {
#define X(id, name) LQ_ROLE_##id,
  LQ_ROLE_LIST(X)
#undef X
      LQ_ROLE_COUNT /* also: no such role */
} lq_role;
const char *lq_role_name(lq_role role); /* "" when there is none */
lq_role lq_role_of(lq_span name);

/* ---- resources ---- X(id, pattern of the part behind "lq:<tenant>:") */
#define LQ_RESOURCE_LIST(X)                                                                        \
  X(GAME, "game/*")                                                                                \
  X(SESSION, "game/*/session/*")                                                                   \
  X(USER, "user/*")                                                                                \
  X(KEY, "key/*")                                                                                  \
  X(POLICY, "policy/*")                                                                            \
  X(AUDIT, "audit")                                                                                \
  X(USAGE, "usage")                                                                                \
  X(TENANT, "tenant/*")                                                                            \
  X(SERVER, "server")

typedef enum lq_resource_kind {
#define X(id, pattern) LQ_RESOURCE_##id,
  LQ_RESOURCE_LIST(X)
#undef X
      LQ_RESOURCE_COUNT
} lq_resource_kind;

/* Writes "lq:acme:game/demo/session/main": the only place that builds such names. `tenant` owns the
 * resource: the platform ("_") owns lq:_:tenant/acme and lq:_:server. `name` is the game, user,
 * key, policy or tenant, `session` a session's; NULL where the kind has none. False (and "") when a
 * part is no plain name or one is missing. */
bool lq_resource_write(char out[LQ_RESOURCE_BYTES], const char *tenant, lq_resource_kind kind,
                       const char *name, const char *session);

/* ---- actions ---- X(id, name, kind of its resource, changes something, what it is); append only
 */
#define LQ_ACTION_LIST(X)                                                                          \
  X(READ_GAME, "ReadGame", GAME, 0, "see what a game declares")                                    \
  X(DEPLOY_GAME, "DeployGame", GAME, 1, "put up a release of a game")                              \
  X(LIST_SESSIONS, "ListSessions", GAME, 0, "list a game's sessions")                              \
  X(CREATE_SESSION, "CreateSession", SESSION, 1, "make a session")                                 \
  X(READ_SESSION, "ReadSession", SESSION, 0, "see its tick, hash and counts")                      \
  X(JOIN_SESSION, "JoinSession", SESSION, 1, "join it as a player")                                \
  X(SEND_COMMAND, "SendCommand", SESSION, 1, "send it a command")                                  \
  X(READ_STATE, "ReadState", SESSION, 0, "read the state as players see it")                       \
  X(READ_HIDDEN_STATE, "ReadHiddenState", SESSION, 0, "read the whole state, also of the past")    \
  X(READ_JOURNAL, "ReadJournal", SESSION, 0, "read and verify its journal")                        \
  X(END_SESSION, "EndSession", SESSION, 1, "end it for good")                                      \
  X(READ_USERS, "ReadUsers", USER, 0, "see users and their roles")                                 \
  X(MANAGE_USERS, "ManageUsers", USER, 1, "make, change, revoke users")                            \
  X(READ_KEYS, "ReadKeys", KEY, 0, "list API keys (never their secrets)")                          \
  X(MANAGE_KEYS, "ManageKeys", KEY, 1, "make and revoke API keys")                                 \
  X(READ_POLICIES, "ReadPolicies", POLICY, 0, "read and explain policies")                         \
  X(MANAGE_POLICIES, "ManagePolicies", POLICY, 1, "put and remove policies")                       \
  X(READ_AUDIT, "ReadAudit", AUDIT, 0, "read, prove and verify the audit log")                     \
  X(READ_USAGE, "ReadUsage", USAGE, 0, "see usage and cost")                                       \
  X(MANAGE_BUDGETS, "ManageBudgets", USAGE, 1, "set budgets and their alarms")                     \
  X(READ_TENANT, "ReadTenant", TENANT, 0, "see a tenant's settings and quotas")                    \
  X(CREATE_TENANT, "CreateTenant", TENANT, 1, "make a tenant")                                     \
  X(MANAGE_QUOTAS, "ManageQuotas", TENANT, 1, "set a tenant's quotas")                             \
  X(ROTATE_TENANT, "RotateTenant", TENANT, 1, "rotate a tenant's encryption keys")                 \
  X(EXPORT_TENANT, "ExportTenant", TENANT, 0, "export everything of a tenant")                     \
  X(IMPORT_TENANT, "ImportTenant", TENANT, 1, "import a tenant")                                   \
  X(SHRED_TENANT, "ShredTenant", TENANT, 1, "ask for or approve a shred")                          \
  X(LIST_TENANTS, "ListTenants", SERVER, 0, "list the tenants")                                    \
  X(READ_METRICS, "ReadMetrics", SERVER, 0, "read the server's metrics")

typedef enum lq_action {
#define X(id, name, kind, writes, what) LQ_ACTION_##id,
  LQ_ACTION_LIST(X)
#undef X
      LQ_ACTION_COUNT
} lq_action;
_Static_assert(LQ_ACTION_COUNT <= 64, "a statement's actions are one word");
typedef struct lq_action_info {
  const char *name; /* "lq:ReadState" */
  lq_resource_kind kind;
  bool writes;
  const char *what;
} lq_action_info;
const lq_action_info *lq_action_about(lq_action action);
/* By name, in any case of letters, as IAM does; LQ_ACTION_COUNT when there is none. */
lq_action lq_action_of(lq_span name);

/* ---- documents ---- */
typedef struct lq_policy lq_policy;

/* LQ_ERR_TOO_BIG, LQ_ERR_SYNTAX, LQ_ERR_UTF8, LQ_ERR_DEPTH, LQ_ERR_INVALID: diag names the place
 * ("Statement[1].Condition.IpAddress.lq:SourceIp", line, column), the cause and a mend.
 * LQ_ERR_FULL: the arena is; what was taken of it is given back. Nothing of name and text is kept.
 */
LQ_MUST lq_err lq_policy_compile(lq_span name, lq_span text, lq_arena *arena, const lq_policy **out,
                                 lq_diag *diag);
lq_span lq_policy_name(const lq_policy *policy);
/* The role's own policy, built in: same language, named "role/player". */
lq_span lq_policy_role_text(lq_role role);
/* All of them; an arena of LQ_POLICY_ARENA_BYTES is enough. */
void lq_policy_roles(lq_arena *arena, const lq_policy *out[LQ_ROLE_COUNT]);

/* ---- deciding ---- */
typedef struct lq_policy_key {
  const char *name; /* "lq:SourceIp", in any case of letters */
  const lq_span *value;
  uint32_t count; /* values; 0 = as if the key were not there */
} lq_policy_key;

/* Borrowed until return. lq:tenant, lq:user and lq:role come from the fields and are never looked
 * up in `context`; of two keys of one name the first holds. */
typedef struct lq_policy_request {
  lq_span tenant; /* of the verified principal */
  lq_span user;   /* empty = nobody: no statement that names users or roles fits */
  uint32_t roles; /* 1u << lq_role, any number of them */
  lq_action action;
  lq_span resource; /* of lq_resource_write */
  const lq_policy_key *context;
  uint32_t context_count;
} lq_policy_request;

/* Policies of one tenant: usually the roles' and its own. */
typedef struct lq_policy_set {
  lq_span tenant;
  const lq_policy *const *policy;
  uint32_t count;
} lq_policy_set;

typedef enum lq_policy_verdict {
  LQ_POLICY_NOT_ALLOWED = 0, /* no statement allows it */
  LQ_POLICY_ALLOWED,
  LQ_POLICY_DENIED,    /* a statement denies it */
  LQ_POLICY_FOREIGN,   /* the resource, or the set, is another tenant's: answer as if it were not
                          there */
  LQ_POLICY_MALFORMED, /* the request breaks a limit above, or names no resource */
} lq_policy_verdict;
const char *lq_policy_verdict_name(lq_policy_verdict verdict); /* "not allowed", "allowed", ... */

typedef struct lq_policy_decision {
  lq_policy_verdict verdict;
  uint32_t policy, statement; /* the one that decided, in the set's order; with ALLOWED, DENIED */
} lq_policy_decision;

/* True when it is allowed. decision may be NULL. Microseconds for 20 policies; allocates nothing.
 */
bool lq_policy_decide(const lq_policy_set *set, const lq_policy_request *request,
                      lq_policy_decision *decision);

/* ---- for people ---- */
/* The decision, and for every statement what fitted, what did not and why: one JSON object
 * (docs/policy.md). */
bool lq_policy_explain(const lq_policy_set *set, const lq_policy_request *request, lq_writer *out);

typedef struct lq_policy_finding {
  const char *code;   /* "unknown-action"; docs/policy.md lists them */
  uint32_t statement; /* from 0 */
  uint32_t line, column;
  char message[256], mend[160];
} lq_policy_finding;
/* What is legal, and surely or probably not meant; `tenant` may be empty. Returns how many. */
uint32_t lq_policy_check(const lq_policy *policy, lq_span tenant,
                         void (*found)(void *context, const lq_policy_finding *finding),
                         void *context);

/* Context keys that a server fills in; ends with a NULL name. */
typedef struct lq_policy_key_info {
  const char *name, *type, *what;
} lq_policy_key_info;
extern const lq_policy_key_info lq_policy_keys[];

/* ---- AWS ---- */
typedef struct lq_policy_aws {
  const char *tenant, *account, *region, *table, *bucket;
} lq_policy_aws;
/* What `policy` allows `role`, as an IAM policy for that tenant's items in the table, objects in
 * the bucket and keys with the alias lq-<tenant>. What has no equal there is refused and never left
 * out: LQ_ERR_UNSUPPORTED with the place; LQ_ERR_INVALID for a bad name in `aws`. */
LQ_MUST lq_err lq_policy_render_aws(const lq_policy *policy, lq_role role, const lq_policy_aws *aws,
                                    lq_writer *out, lq_diag *diag);

#endif
