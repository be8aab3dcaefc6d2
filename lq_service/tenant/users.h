/* Users of a tenant (and operators, who are users of LQ_STORE_PLATFORM), and their API keys.
 *
 * Shape: a user is a sealed item USER#<id> of the tenant; a key is a sealed item APIKEY#<public id>
 * in the operator's partition, for whoever shows a key has not said whose it is. Of a key only its
 * SHA-256 is kept. A user's epoch goes up when what was given to them shall not count any more:
 * tokens carry the epoch they were made under. Roles are the user's, never the token's, so a change
 * holds at once. Each change writes a leaf into the tenant's log, in the same transaction. */
#ifndef LQ_SERVICE_TENANT_USERS_H
#define LQ_SERVICE_TENANT_USERS_H

#include "lq_service/audit/entry.h"
#include "lq_service/policy/policy.h"
#include "lq_service/tenant/tenants.h"
#include "lq_service/token/secret.h"

#define LQ_USER_NAME_BYTES 64u

typedef struct lq_user {
  char id[LQ_ID_BYTES];
  char name[LQ_USER_NAME_BYTES]; /* for people; UTF-8 */
  uint32_t roles;                /* 1u << lq_role */
  uint64_t epoch;                /* from 1 */
  uint64_t created_ms;
  bool disabled;
  uint64_t version; /* as read; LQ_ITEM_ABSENT: to be made */
} lq_user;

/* Who does something, for the log. */
typedef struct lq_actor {
  const char *user, *address; /* "" where there is none: the console */
} lq_actor;

/* tenant: LQ_STORE_PLATFORM for operators. LQ_ERR_NOT_FOUND; LQ_ERR_UNKNOWN_TENANT when it is not
 * open. */
LQ_MUST lq_err lq_user_get(const lq_tenants *tenants, const char *tenant, const char *id,
                           lq_user *out);
/* Over the version that was read. LQ_ERR_CONFLICT; LQ_ERR_INVALID: an id, name or role is none, or
 * a role is not for this partition (operator is for the platform's alone, and the only one there).
 */
void lq_user_put(lq_tenants *tenants, const char *tenant, const lq_user *user,
                 const lq_actor *actor, lq_store_done done, void *context);
typedef void (*lq_user_each)(void *context, const lq_user *user);
LQ_MUST lq_err lq_users_walk(const lq_tenants *tenants, const char *tenant, const char *after,
                             uint32_t limit, lq_user_each each, void *context);
/* One JSON object. */
void lq_user_json(const lq_user *user, lq_writer *out);
/* "player,observer" or a JSON list's elements: false when one is no role. */
bool lq_roles_read(lq_span text, uint32_t *out);

/* ---- API keys ---- */
typedef struct lq_user_key {
  char id[LQ_API_KEY_ID_BYTES];
  char tenant[LQ_TENANT_BYTES], user[LQ_ID_BYTES];
  char label[LQ_USER_NAME_BYTES];
  uint8_t digest[32];              /* SHA-256 of the key's text */
  uint64_t created_ms, expires_ms; /* 0 = never */
} lq_user_key;

/* text: the key, told once. */
typedef void (*lq_user_key_made)(void *context, lq_err err, const lq_user_key *key,
                                 const char *text);
void lq_user_key_make(lq_tenants *tenants, const char *tenant, const char *user, const char *label,
                      uint64_t expires_ms, const lq_actor *actor, lq_user_key_made made,
                      void *context);
/* The key that the text is, by digest in constant time. LQ_ERR_UNAUTHORIZED: none, expired, or
 * misspelt. */
LQ_MUST lq_err lq_user_key_find(const lq_tenants *tenants, lq_span text, uint64_t now_ms,
                                lq_user_key *out);
/* LQ_ERR_NOT_FOUND, also when it is another tenant's. */
void lq_user_key_revoke(lq_tenants *tenants, const char *tenant, const char *id,
                        const lq_actor *actor, lq_store_done done, void *context);
typedef void (*lq_user_key_each)(void *context, const lq_user_key *key);
LQ_MUST lq_err lq_user_keys_walk(const lq_tenants *tenants, const char *tenant,
                                 lq_user_key_each each, void *context);
void lq_user_key_json(const lq_user_key *key, lq_writer *out);

/* ---- acts ---- */
/* One change of a tenant's items together with the leaf that tells of it. items: their values are
 * borrowed until return. `text`: JSON, or empty. */
typedef struct lq_act {
  const char *tenant, *action, *resource; /* "user.put", "user/ann" */
  lq_audit_kind kind;                     /* ADMIN, KEY, DENIAL */
  lq_err outcome;
  uint32_t key_version;
  lq_span text;
} lq_act;
void lq_act_write(lq_tenants *tenants, const lq_act *act, const lq_actor *actor,
                  const lq_store_item *items, uint32_t count, lq_store_changed done, void *context);

#endif
