/* Inside the ledger: a session that runs again what its journal says, and a walk over slices.
 *
 * Shape: wake, replay and verify differ in where they begin and in what a difference means; they
 * share lqi_rerun (one session, slice by slice) and lqi_walk (slices out of the store, in chunks so
 * that a walk can stop). */
#ifndef LQ_SERVICE_LEDGER_LEDGER_INT_H
#define LQ_SERVICE_LEDGER_LEDGER_INT_H

#include "lq_service/ledger/ledger.h"

/* ---- ledger_walk.c ---- */
typedef struct lqi_walk {
  lq_store *store;
  lq_session_name name;
  uint64_t next, last; /* the slice that must come now; the last one wanted */
  bool (*slice)(void *context, uint64_t number, lq_span record); /* false stops the walk */
  /* Once. LQ_OK: all came, or `slice` stopped it; LQ_ERR_NOT_FOUND: slice `next` is missing. */
  void (*end)(void *context, lq_err err);
  void *context;
  bool in_call, again, stopped;
  lq_err err;
} lqi_walk;
void lqi_walk_run(lqi_walk *walk);

/* ---- ledger_rerun.c ---- */
typedef struct lqi_rerun {
  lq_release_source releases;
  void (*ready)(void *context); /* the slice that waits may go on; NULL: guests are waited for */
  void *ready_context;
  const char *tenant; /* with `ready` */
  lq_guest_seat *seat;
  bool waits; /* for a guest: its tick is undone and keeps its commands */
  lq_ledger_session live;
  uint64_t slice;    /* the last one run, or what stands before the first */
  uint8_t chain[32]; /* after it, when has_chain */
  bool has_chain;
  uint64_t tick_target;     /* stops after this tick */
  bool stopped;             /* `each` said so */
  uint8_t release_next[32]; /* named by a release command of the last tick */
  bool has_release_next;
  lq_ledger_each_tick each;
  void *each_context;
  lq_causes causes;                 /* of the last tick, for `each` */
  uint64_t ticks, commands, events; /* counted */
  lq_diag diag;
} lqi_rerun;

LQ_MUST lq_err lqi_rerun_start(lqi_rerun *rerun, const uint8_t release[32], uint64_t seed);
LQ_MUST lq_err lqi_rerun_load(lqi_rerun *rerun, lq_span checkpoint_body);
/* Does the record follow on what came before: number, chain, ticks? */
LQ_MUST lq_err lqi_rerun_check(lqi_rerun *rerun, uint64_t number, const lq_slice_reader *slice);
/* Runs its ticks that lie ahead of the session. LQ_ERR_CORRUPT with the tick in diag. When it then
 * waits, it is called again with the same slice after `ready`. */
LQ_MUST lq_err lqi_rerun_slice(lqi_rerun *rerun, const lq_slice_reader *slice);
/* Goes over to the release that the last tick named, if any. */
LQ_MUST lq_err lqi_rerun_swap(lqi_rerun *rerun);
void lqi_rerun_unseat(lqi_rerun *rerun); /* no tick will be run any more */
void lqi_rerun_close(lqi_rerun *rerun);

#endif
