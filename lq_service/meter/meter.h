/* The running meter of one loop's thread: counts of live sessions in memory, made durable now and
 * then.
 *
 * Shape: a session's slices are counted when the store has answered that they are committed. Each
 * flush writes, in one change, the hour's item and the session's METER item, which names the slice
 * up to which it counted. So after a crash the slices above it are read again (`recount`) and
 * nothing is lost or counted twice. What is measured and not flushed dies with the process: at most
 * flush_ms of it. A recount belongs to the hour of the session's last commit: in sum it is exact,
 * by hour it may be off by one flush around a border.
 * Clock: hours come from lq_meter_turn. A clock that goes back counts into the earlier hour again;
 * nothing is lost.
 * Two owners: each flush expects the METER item as it was read. LQ_ERR_CONFLICT: somebody else
 * flushed; the session drops its unflushed exact counts, reads the item again, and recounts.
 * Threads: one. Memory: about 1 KiB a live session. Callbacks of the store must not outlive the
 * meter: close the store first, or wait for lq_meter_flush. */
#ifndef LQ_SERVICE_METER_METER_H
#define LQ_SERVICE_METER_METER_H

#include "lq_service/meter/usage.h"

#define LQ_METER_FLUSH_MS 10000u

typedef struct lq_meter lq_meter;
typedef struct lq_meter_session lq_meter_session;

typedef struct lq_meter_options {
  void *context;
  /* Slices first..last of the session are committed and not counted: read them, call
   * lq_meter_recounted for each in ascending order, then lq_meter_recount_end. May do so inside the
   * call. The session stays until then. */
  void (*recount)(void *context, lq_meter_session *session, const lq_session_name *name,
                  uint64_t first, uint64_t last);
  /* Something was not counted, and why; for a log. May be NULL. */
  void (*fault)(void *context, const lq_session_name *name, lq_err err, const char *sentence);
  uint32_t flush_ms; /* 0 = LQ_METER_FLUSH_MS */
} lq_meter_options;

/* What one committed slice holds. */
typedef struct lq_meter_counts {
  uint64_t ticks, commands, events, bytes; /* bytes: of the slice record */
} lq_meter_counts;

lq_meter *lq_meter_open(const lq_meter_options *options); /* NULL: out of memory */
/* Frees everything; what was not flushed and is exact is recounted at the next start. */
void lq_meter_close(lq_meter *meter);
/* Once a turn of the loop: the time, and flushes that are due. wall_ms since 1970; mono_ms of any
 * clock that does not go back. */
void lq_meter_turn(lq_meter *meter, uint64_t wall_ms, uint64_t mono_ms);
/* Flushes all there is, then calls done (may be NULL) with the first error; perhaps inside. One at
 * a time. */
void lq_meter_flush(lq_meter *meter, void (*done)(void *context, lq_err err), void *context);

/* A session wakes: slice and changed_ms of its HEAD. The store is the tenant's, borrowed until the
 * meter closes. LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_meter_session_open(lq_meter *meter, lq_store *store, const lq_session_name *name,
                                     uint64_t slice, uint64_t changed_ms, lq_meter_session **out);
/* It sleeps or is gone: what is left is flushed; the handle is not used any more. */
void lq_meter_session_close(lq_meter_session *session);
/* Names of the systems of its release, borrowed until return; again at each swap. LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_meter_systems(lq_meter_session *session, const char *const *names,
                                uint32_t count);
/* A slice is committed. Each once; in any order within 64, more are recounted from the store. */
void lq_meter_slice(lq_meter_session *session, uint64_t slice, const lq_meter_counts *counts);
void lq_meter_recounted(lq_meter_session *session, uint64_t slice, const lq_meter_counts *counts);
/* err: the slices could not be read; asked again at the next flush. */
void lq_meter_recount_end(lq_meter_session *session, lq_err err);
/* Measured: more of one counter; CPU of one system by its index in lq_meter_systems. */
void lq_meter_add(lq_meter_session *session, lq_usage_id id, uint64_t more);
void lq_meter_system(lq_meter_session *session, uint32_t system, uint64_t cpu_ns);
/* A connection opened (+1) or closed (-1): counts it, and the time of all that are open. */
void lq_meter_connected(lq_meter_session *session, int32_t change);
/* Bytes of the checkpoints that are kept now, where the caller knows. */
void lq_meter_kept(lq_meter_session *session, uint64_t checkpoint_bytes);
/* Counted so far and not flushed, for /metrics and quotas; not exact while a recount runs. */
uint64_t lq_meter_pending(const lq_meter_session *session, lq_usage_id id);

/* ---- housekeeping of one tenant, about once an hour ---- */
#define LQ_METER_MERGE_HOURS (35u * 24u)
typedef void (*lq_meter_kept_house)(void *context, lq_err err, uint32_t merged);
/* Writes KEPT for the hours up to this one that have none, and merges session items of hours older
 * than LQ_METER_MERGE_HOURS into one a game, at most 20 changes a call. merged: items that went.
 * LQ_ERR_CONFLICT: another worker does the same now. */
void lq_meter_house(lq_store *store, const char *tenant, uint64_t wall_ms, lq_meter_kept_house done,
                    void *context);

#endif
