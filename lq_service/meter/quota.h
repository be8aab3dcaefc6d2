/* Limits of a tenant, and who may run next when a shard has too much to do. Pure: time comes as an
 * argument (ns of a clock that does not go back; where it does, it stands still).
 *
 * Levels are counted up and down (sessions, connections, bytes). Rates are token buckets: a burst
 * of burst_ms, then so many a second; integers, so nothing is lost to rounding. What is known only
 * afterwards (CPU, bytes out) is charged, into debt if need be.
 * Fair scheduling (lq_fair): of the tenants with waiting work the one that has used least CPU for
 * its weight runs next (start-time fair queueing; Goyal, Vin and Cheng, 1996); one that has used
 * up its CPU quota rests. An idle tenant saves nothing up. One piece of work is not interrupted, so
 * others wait at most for one. Document of limits: docs/usage.md. */
#ifndef LQ_SERVICE_METER_QUOTA_H
#define LQ_SERVICE_METER_QUOTA_H

#include "lq_base/bytes.h"

/* X(ID, name in the document) */
#define LQ_QUOTA_LEVELS(X)                                                                         \
  X(SESSIONS, "sessions") /* live */                                                               \
  X(CONNECTIONS, "connections")                                                                    \
  X(STORED_BYTES, "stored_bytes")
#define LQ_QUOTA_RATES(X)                                                                          \
  X(MESSAGES, "messages_per_s")                                                                    \
  X(COMMANDS, "commands_per_s")                                                                    \
  X(EVENTS, "events_per_s")                                                                        \
  X(BYTES_IN, "bytes_in_per_s")                                                                    \
  X(BYTES_OUT, "bytes_out_per_s")                                                                  \
  X(TICKS, "ticks_per_s")                                                                          \
  X(CPU_US, "cpu_us_per_s")
typedef enum lq_quota_level {
#define X(id, name) LQ_LEVEL_##id,
  LQ_QUOTA_LEVELS(X)
#undef X
      LQ_LEVEL_COUNT
} lq_quota_level;
typedef enum lq_quota_rate {
#define X(id, name) LQ_RATE_##id,
  LQ_QUOTA_RATES(X)
#undef X
      LQ_RATE_COUNT
} lq_quota_rate;
#define LQ_QUOTA_RATE_MAX 1000000000u /* a second */
#define LQ_QUOTA_BURST_MS 2000u
#define LQ_QUOTA_BURST_MS_MAX 8000u

typedef struct lq_quota { /* 0: no limit */
  uint64_t level[LQ_LEVEL_COUNT];
  uint64_t rate[LQ_RATE_COUNT];
  uint32_t burst_ms; /* 0 = LQ_QUOTA_BURST_MS */
} lq_quota;
/* LQ_ERR_SYNTAX and others, with what is wrong in diag. */
LQ_MUST lq_err lq_quota_read(lq_span json, lq_quota *out, lq_diag *diag);

typedef struct lq_bucket {
  int64_t used; /* billionths of tokens missing from full; above the burst: debt */
  uint64_t at_ns;
} lq_bucket; /* zero is full */
typedef struct lq_quota_state {
  uint64_t level[LQ_LEVEL_COUNT];
  lq_bucket bucket[LQ_RATE_COUNT];
} lq_quota_state;

/* LQ_ERR_FULL: it would be above the limit; nothing is counted. */
LQ_MUST lq_err lq_quota_raise(const lq_quota *quota, lq_quota_state *state, lq_quota_level id,
                              uint64_t more);
void lq_quota_lower(lq_quota_state *state, lq_quota_level id, uint64_t less);
/* LQ_ERR_RATE: not now; nothing is taken, and wait_ns (may be NULL) says when it may be. More at
 * once than a burst holds waits for a full bucket, and leaves a debt. */
LQ_MUST lq_err lq_quota_take(const lq_quota *quota, lq_quota_state *state, lq_quota_rate id,
                             uint64_t amount, uint64_t now_ns, uint64_t *wait_ns);
void lq_quota_charge(const lq_quota *quota, lq_quota_state *state, lq_quota_rate id,
                     uint64_t amount, uint64_t now_ns);
/* 0: there is something left; else ns until then. */
uint64_t lq_quota_wait(const lq_quota *quota, lq_quota_state *state, lq_quota_rate id,
                       uint64_t now_ns);

/* ---- fair scheduling of one thread ---- */
typedef struct lq_fair lq_fair;
#define LQ_FAIR_WEIGHT 16u                   /* of a tenant without another; 1..1024 */
lq_fair *lq_fair_open(uint32_t tenants_max); /* NULL: out of memory */
void lq_fair_close(lq_fair *fair);
/* cpu_us_per_s: its CPU quota; 0 = none. LQ_ERR_FULL, LQ_ERR_RANGE (weight). */
LQ_MUST lq_err lq_fair_enter(lq_fair *fair, uint32_t weight, uint64_t cpu_us_per_s,
                             uint32_t burst_ms, uint32_t *tenant);
void lq_fair_leave(lq_fair *fair, uint32_t tenant); /* its waiting work is forgotten */
void lq_fair_wait(lq_fair *fair, uint32_t tenant, uint32_t more); /* pieces of work came */
/* Takes one piece of work of the tenant that is next. False: none may run now; wait_ns until one
 * may (UINT64_MAX: nothing waits). */
bool lq_fair_next(lq_fair *fair, uint64_t now_ns, uint32_t *tenant, uint64_t *wait_ns);
void lq_fair_ran(lq_fair *fair, uint32_t tenant, uint64_t cpu_ns, uint64_t now_ns);
uint32_t lq_fair_waiting(const lq_fair *fair, uint32_t tenant);
/* Overload: who caused it. False: what all together want, used in the last whole second and waiting
 * now, fits a second. Else the tenant that wants most for its weight, and how many ns of it are
 * above what it may have when all share (most to the least: max-min). */
bool lq_fair_guilty(lq_fair *fair, uint64_t now_ns, uint32_t *tenant, uint64_t *excess_ns);

#endif
