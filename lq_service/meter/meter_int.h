/* Shared inside the module. */
#ifndef LQ_SERVICE_METER_METER_INT_H
#define LQ_SERVICE_METER_METER_INT_H

#include "lq_service/meter/meter.h"

/* 128 bits: a count times a price does not fit 64. */
__extension__ typedef unsigned __int128 lqi_u128;

/* Splits "game#session": both must fit their fields; false else. session may be empty. */
bool lqi_meter_names_read(const char *at, char *game, size_t game_bytes, char *session,
                          size_t session_bytes);

/* ---- the running meter ---- */
enum { LQI_METER_BATCH = 50 }; /* sessions of one change; each has two items */

typedef enum lqi_meter_phase {
  LQI_METER_NEW,     /* its METER item must be read */
  LQI_METER_RECOUNT, /* slices recount_next..recount_to must be read */
  LQI_METER_READY,
} lqi_meter_phase;

/* Counts of one hour that are not durable. slice: counted up to here, when this is durable. */
typedef struct lqi_meter_part {
  uint32_t hour;
  uint64_t slice;
  lq_usage usage;
} lqi_meter_part;

struct lq_meter_session {
  lq_meter *meter;
  lq_meter_session *next, *previous;     /* of all; those that are closing first */
  lq_meter_session *next_due, *last_due; /* of the queue */
  lq_store *store;
  lq_session_name name; /* zeroed behind its texts */
  lqi_meter_phase phase;
  bool closing, queued, in_step;
  bool asked;  /* for its METER item, since it woke: HEAD may have moved on under another owner */
  bool beyond; /* that item counts more slices than there were when it woke */
  bool reading, recounting, flying_now; /* an answer is due */
  bool failed;                          /* rests until the queue's time */
  bool alone;                           /* its change met a conflict in company */
  uint32_t want;                        /* parts to flush */
  uint64_t due_ms;

  /* Slices up to low are counted; bit i of ahead: low + 1 + i is, too; high: the highest. */
  uint64_t low, ahead, high;
  uint64_t recount_next, recount_to;
  uint32_t recount_hour;

  lqi_meter_part flying, older, open;
  lq_meter_state state; /* as it is durable, of this version (0: absent) */
  uint64_t version;
  uint32_t item_hour; /* hour_item is USAGE of this hour; UINT32_MAX: of none */
  uint64_t item_version;
  lq_usage hour_item;

  uint64_t *system_ns;
  char (*system_name)[LQ_USAGE_SYSTEM_BYTES];
  uint32_t system_count, connected;
  uint64_t connected_ms;
  uint64_t kept, kept_flying;
  bool kept_known;
};

/* A change on its way or being filled. */
typedef struct lqi_meter_batch {
  lq_meter *meter;
  struct lqi_meter_batch *next; /* of those on their way */
  uint32_t count, item_count;
  lq_meter_session *session[LQI_METER_BATCH];
  lq_store_item item[2 * LQI_METER_BATCH];
  size_t at[2 * LQI_METER_BATCH]; /* of the values in bytes */
  uint8_t *bytes;                 /* grows */
  size_t used, capacity;
} lqi_meter_batch;

struct lq_meter {
  lq_meter_options options;
  uint32_t hour;
  uint64_t mono_ms;
  bool turned;
  lq_meter_session *first, *due_first, *due_last;
  lqi_meter_batch *batch, *sent;
  uint32_t wanting; /* sessions whose want is not 0 */
  void (*flushed)(void *context, lq_err err);
  void *flushed_context;
  lq_err flush_err;
};

void lqi_meter_fault(const lq_meter_session *s, lq_err err, const char *sentence);
void lqi_meter_batch_free(lqi_meter_batch *b);
void lqi_meter_free(lq_meter_session *s);
void lqi_meter_queue(lq_meter_session *s);
void lqi_meter_unqueue(lq_meter_session *s);
void lqi_meter_roll(lq_meter_session *s);
void lqi_meter_fold(lq_meter_session *s);
void lqi_meter_connections(lq_meter_session *s);
/* Exact counts that are not durable are dropped: the store has the slices up to high. */
void lqi_meter_lost(lq_meter_session *s, uint64_t high);
void lqi_meter_part_return(lq_meter_session *s);
void lqi_meter_part_measured(lq_meter_session *s, lqi_meter_part *part);
static inline bool lqi_meter_part_used(const lqi_meter_part *part) {
  return part->slice || !lq_usage_is_empty(&part->usage);
}
/* Does what the session needs next; may free it. */
void lqi_meter_step(lq_meter_session *s);
void lqi_meter_answered(lq_meter_session *s);
/* It failed: until its time in the queue comes. */
void lqi_meter_rest(lq_meter_session *s, lq_err err);
void lqi_meter_want(lq_meter_session *s, uint32_t parts);

#endif
