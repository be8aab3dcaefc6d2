/* What was used, by the hour: counters, their items in the store, times, and sums. Pure, but for
 * memory.
 *
 * Two classes. Exact counters follow from committed slices: a recount of the journal gives the same
 * numbers, whatever was killed in between. Measured ones (CPU, wire, what storage keeps) are known
 * only while they happen: a crash loses what was not flushed (meter.h).
 * Items of a tenant (docs/usage.md): USAGE#<hour>#<game>#<session> one hour of one session, or with
 * session "" of a whole game: old hours merged; METER#<game>#<session> what a session has counted
 * in all, and up to which slice; KEPT#<hour> bytes kept by game; METERED the state of housekeeping.
 * Hours are UTC, counted from 1970; in keys 2026-01-31T12. Everything here refuses hostile bytes.
 */
#ifndef LQ_SERVICE_METER_USAGE_H
#define LQ_SERVICE_METER_USAGE_H

#include "lq_service/port/store.h"

/* X(ID, name). Append only: the numbers are in items. The first LQ_USAGE_EXACT are exact. */
#define LQ_USAGE_LIST(X)                                                                           \
  X(TICKS, "ticks")                                                                                \
  X(COMMANDS, "commands")                                                                          \
  X(EVENTS, "events")                                                                              \
  X(SLICES, "slices")                                                                              \
  X(JOURNAL_BYTES, "journal_bytes")                                                                \
  X(JOURNAL_KB, "journal_kb") /* each slice rounded up to KiB: the unit of wide-column stores */   \
  X(CPU_NS, "cpu_ns")         /* of ticks as a whole */                                            \
  X(GUEST_CPU_NS, "guest_cpu_ns")                                                                  \
  X(RENDER_NS, "render_ns")                                                                        \
  X(CONNECTIONS, "connections") /* opened */                                                       \
  X(CONNECTION_MS, "connection_ms")                                                                \
  X(MESSAGES_IN, "messages_in")                                                                    \
  X(MESSAGES_OUT, "messages_out")                                                                  \
  X(BYTES_IN, "bytes_in")                                                                          \
  X(BYTES_OUT, "bytes_out")                                                                        \
  X(CHECKPOINTS, "checkpoints")                                                                    \
  X(CHECKPOINT_BYTES, "checkpoint_bytes")                                                          \
  X(JOURNAL_BYTE_HOURS, "journal_byte_hours") /* kept: sampled at the start of each hour */        \
  X(CHECKPOINT_BYTE_HOURS, "checkpoint_byte_hours")
#define LQ_USAGE_EXACT 6u

typedef enum lq_usage_id {
#define X(id, name) LQ_USAGE_##id,
  LQ_USAGE_LIST(X)
#undef X
      LQ_USAGE_COUNT
} lq_usage_id;
const char *lq_usage_name(lq_usage_id id);
/* LQ_USAGE_COUNT when there is none. */
lq_usage_id lq_usage_find(lq_span name);

/* Names of systems in one sum; beyond it goes to the system LQ_USAGE_OTHERS. Releases come and go,
 * and each has at most LQ_SYSTEMS_MAX. */
#define LQ_USAGE_SYSTEMS_MAX 256u
#define LQ_USAGE_OTHERS "~others"
#define LQ_USAGE_SYSTEM_BYTES (LQ_NAME_BYTES * 2) /* as lq_system_type.name: a guest's is long */
typedef struct lq_usage_system {
  char name[LQ_USAGE_SYSTEM_BYTES];
  uint64_t cpu_ns;
} lq_usage_system;
/* Zero is empty; lq_usage_clear frees what it holds. */
typedef struct lq_usage {
  uint64_t count[LQ_USAGE_COUNT];
  lq_usage_system *system; /* ascending names */
  uint32_t system_count, system_capacity;
} lq_usage;
void lq_usage_clear(lq_usage *usage);
bool lq_usage_is_empty(const lq_usage *usage);
/* LQ_ERR_RANGE: a sum does not fit 64 bits; LQ_ERR_MEMORY. On an error `to` is as it was. */
LQ_MUST lq_err lq_usage_add(lq_usage *to, const lq_usage *from);
LQ_MUST lq_err lq_usage_system_add(lq_usage *to, lq_span name, uint64_t cpu_ns);

/* ---- time ---- */
#define LQ_USAGE_HOUR_MAX 70389527u       /* 9999-12-31T23 */
#define LQ_USAGE_HOUR_BYTES 14u           /* 2026-01-31T12 and its NUL */
uint32_t lq_usage_hour(uint64_t wall_ms); /* later than the last hour is the last hour */
void lq_usage_hour_text(uint32_t hour, char out[LQ_USAGE_HOUR_BYTES]);
/* 2026-01-31T12, 2026-01-31 or 2026-01: its first hour, and the first hour behind it. False when it
 * is no such time. */
bool lq_usage_time_read(lq_span text, uint32_t *from, uint32_t *to);
uint32_t lq_usage_month(uint32_t hour);      /* the first hour of its month */
uint32_t lq_usage_month_next(uint32_t hour); /* the first hour of the next month */

/* ---- items ---- */
#define LQ_USAGE_ITEM_BYTES_MAX 32768u /* the longest: names of 63 letters, 256 of them */
/* session "": the whole game. */
void lq_usage_sk(uint32_t hour, const char *game, const char *session, char out[LQ_STORE_SK_BYTES]);
/* False when it is no such key. */
bool lq_usage_sk_read(const char *sk, uint32_t *hour, char game[LQ_TENANT_BYTES],
                      char session[LQ_ID_BYTES]);
void lq_usage_encode(const lq_usage *usage, lq_writer *out);
/* out: empty before. LQ_ERR_CORRUPT, LQ_ERR_VERSION, LQ_ERR_MEMORY: it is empty. */
LQ_MUST lq_err lq_usage_decode(lq_span value, lq_usage *out);

/* What one session has counted, ever. */
typedef struct lq_meter_state {
  uint64_t slice;                 /* counted up to here, inclusive */
  uint64_t kept_checkpoint_bytes; /* kept now; the journal keeps count[JOURNAL_BYTES] */
  uint64_t count[LQ_USAGE_COUNT]; /* the sum of its hours */
} lq_meter_state;
void lq_meter_sk(const char *game, const char *session, char out[LQ_STORE_SK_BYTES]);
bool lq_meter_sk_read(const char *sk, char game[LQ_TENANT_BYTES], char session[LQ_ID_BYTES]);
void lq_meter_state_encode(const lq_meter_state *state, lq_writer *out);
LQ_MUST lq_err lq_meter_state_decode(lq_span value, lq_meter_state *out);

/* Bytes kept, by game, at the start of an hour. Zero is empty. */
typedef struct lq_kept_game {
  char name[LQ_TENANT_BYTES];
  uint64_t journal_bytes, checkpoint_bytes;
} lq_kept_game;
typedef struct lq_kept {
  lq_kept_game *game; /* ascending names */
  uint32_t count, capacity;
} lq_kept;
void lq_kept_clear(lq_kept *kept);
/* LQ_ERR_RANGE, LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_kept_add(lq_kept *kept, const lq_kept_game *more);
void lq_kept_sk(uint32_t hour, char out[LQ_STORE_SK_BYTES]);
bool lq_kept_sk_read(const char *sk, uint32_t *hour);
void lq_kept_encode(const lq_kept *kept, lq_writer *out);
LQ_MUST lq_err lq_kept_decode(lq_span value, lq_kept *out);

#endif
