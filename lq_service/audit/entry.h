/* A leaf of a tenant's log, and the detail that travels beside it.
 *
 * Shape: a leaf is plain and holds numbers, names and digests; what is personal (who, from where,
 * what exactly) is a detail, which is sealed with the tenant's keys and named in the leaf by its
 * salted SHA-256 alone. So a leaf still verifies when the keys are gone, and says nothing.
 * Strict both ways: one value has one encoding. Bytes: docs/audit.md. */
#ifndef LQ_SERVICE_AUDIT_ENTRY_H
#define LQ_SERVICE_AUDIT_ENTRY_H

#include "lq_host/host.h"
#include "lq_service/port/store.h"

#define LQ_AUDIT_ENTRY_BYTES 512u   /* no entry is longer */
#define LQ_AUDIT_DETAIL_BYTES 3072u /* no detail is longer */
#define LQ_AUDIT_ACTION_BYTES 64u   /* "session.create", with its NUL */
#define LQ_AUDIT_TEXT_BYTES 2048u   /* of a detail's JSON */

/* X(name, JSON name, needs a session). Append only: the numbers are in logs. */
#define LQ_AUDIT_KINDS(X)                                                                          \
  X(SLICE, "slice", true)                                                                          \
  X(CHECKPOINT, "checkpoint", true)                                                                \
  X(JOIN, "join", true)                                                                            \
  X(ADMIN, "admin", false)                                                                         \
  X(KEY, "key", false)                                                                             \
  X(DENIAL, "denial", false)

typedef enum lq_audit_kind {
  LQ_AUDIT_NONE = 0,
#define X(name, json, session) LQ_AUDIT_##name,
  LQ_AUDIT_KINDS(X)
#undef X
} lq_audit_kind;

typedef struct lq_audit_entry {
  lq_audit_kind kind;
  bool has_detail;
  uint64_t time_ms;     /* since 1970 UTC */
  lq_session_name name; /* game and session may be empty where the kind needs none */
  uint8_t detail[32];   /* SHA-256 of the detail's bytes, when has_detail */
  union {
    struct {
      uint64_t slice, tick_first, tick_last;
      uint64_t hash_before, hash_after; /* of the state */
      uint8_t release[32], chain_before[32], chain_after[32];
      uint64_t commands, events, mutations; /* how many */
    } slice;
    struct {
      uint64_t tick;
      uint8_t digest[32]; /* SHA-256 of the checkpoint's bytes */
    } checkpoint;
    struct {
      uint32_t slot; /* the player's */
    } join;
    struct { /* ADMIN, KEY, DENIAL */
      char action[LQ_AUDIT_ACTION_BYTES];
      uint32_t outcome;     /* ADMIN: an lq_err */
      uint32_t key_version; /* KEY */
    } act;
  };
} lq_audit_entry;

/* Appends the entry to `out`. LQ_ERR_INVALID: a name, tick range or outcome is none; LQ_ERR_FULL.
 */
LQ_MUST lq_err lq_audit_entry_encode(const lq_audit_entry *entry, lq_writer *out);
/* LQ_ERR_CORRUPT, LQ_ERR_VERSION. */
LQ_MUST lq_err lq_audit_entry_decode(lq_span leaf, lq_audit_entry *out);
const char *lq_audit_kind_name(lq_audit_kind kind);
/* One JSON object. */
void lq_audit_entry_json(uint64_t index, const lq_audit_entry *entry, lq_writer *out);

/* ---- details ---- */
typedef struct lq_audit_detail {
  uint8_t salt[32];              /* random, one a detail: or a guess could be checked */
  lq_span tenant, user, address; /* UTF-8, at most 255 bytes each; borrowed */
  lq_span resource;              /* the same */
  lq_span text;                  /* JSON of at most LQ_AUDIT_TEXT_BYTES, or empty */
} lq_audit_detail;

/* LQ_ERR_INVALID, LQ_ERR_FULL. */
LQ_MUST lq_err lq_audit_detail_encode(const lq_audit_detail *detail, lq_writer *out);
LQ_MUST lq_err lq_audit_detail_decode(lq_span bytes, lq_audit_detail *out); /* LQ_ERR_CORRUPT */
void lq_audit_detail_json(const lq_audit_detail *detail, lq_writer *out);
/* The item that holds a detail: "DETAIL#<64 hex digits of its digest>". Named by the digest,
 * because a leaf's number is not known before the change that carries both is committed. */
void lq_audit_detail_sk(const uint8_t digest[32], char out[LQ_STORE_SK_BYTES]);

/* An entry with its detail, ready for one lq_store_change: item and leaf borrow the act's memory.
 */
typedef struct lq_audit_act {
  lq_store_item item;
  lq_span leaf;
  uint8_t entry_bytes[LQ_AUDIT_ENTRY_BYTES], detail_bytes[LQ_AUDIT_DETAIL_BYTES];
} lq_audit_act;
/* Sets entry->detail. LQ_ERR_INVALID, LQ_ERR_FULL. */
LQ_MUST lq_err lq_audit_act_make(lq_audit_entry *entry, const lq_audit_detail *detail,
                                 lq_audit_act *out);

#endif
