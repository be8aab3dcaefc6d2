/* Waking a session, and the state at any tick. */
#include "lq_service/ledger/ledger_int.h"

#include <stdlib.h>

typedef unsigned long long ull;

enum { CAUSES_MAX = 65536 }; /* of one tick, told to `each` */

/* One wake or replay under way. */
typedef struct recovery {
  lqi_rerun rerun;
  lqi_walk walk;
  lq_store_head head;
  lq_ledger_ready ready;
  void *context;
  bool wake, from_start;
  uint8_t *held; /* the record whose tick waits for a guest */
  size_t held_bytes;
  uint64_t held_slice;
  bool walking, answered; /* slices are under way; the guest has answered before they were over */
  /* Finding the first slice behind a checkpoint that HEAD does not name: the answer lies in
   * low..high. */
  uint64_t low, high, probe_tick_last;
  bool probing, search_again;
} recovery;

static void finish(recovery *r, lq_err err) {
  lq_ledger_session *live = &r->rerun.live;
  lqi_rerun_unseat(&r->rerun);
  free(r->held);
  live->head = r->head;
  if (err && !r->rerun.diag.code)
    (void)lq_diag_set(&r->rerun.diag, err, "session %s: %s", r->walk.name.session,
                      lq_err_cause(err));
  if (err)
    lqi_rerun_close(&r->rerun);
  else
    lq_session_watch(live->session, NULL);
  free(r->rerun.causes.at);
  lq_ledger_session session = *live;
  lq_diag diag = r->rerun.diag;
  lq_ledger_ready ready = r->ready;
  void *context = r->context;
  free(r);
  ready(context, err, err ? &diag : NULL, err ? NULL : &session);
}

/* ---- the tail ---- */

/* The store's memory is not kept. */
static lq_err hold(recovery *r, uint64_t number, lq_span record) {
  if (r->held) return LQ_OK;
  r->held = malloc(record.bytes);
  if (!r->held) return LQ_ERR_MEMORY;
  memcpy(r->held, record.data, record.bytes);
  r->held_bytes = record.bytes;
  r->held_slice = number;
  return LQ_OK;
}

static bool tail_slice(void *context, uint64_t number, lq_span record) {
  recovery *r = context;
  lq_slice_reader slice;
  lq_err err = lq_slice_open(record, &slice);
  if (err)
    (void)lq_diag_set(&r->rerun.diag, err, "slice %llu fails its check: %s", (ull)number,
                      lq_err_cause(err));
  if (!err) err = lqi_rerun_check(&r->rerun, number, &slice);
  if (!err) err = lqi_rerun_slice(&r->rerun, &slice);
  if (!err && r->rerun.waits && (err = hold(r, number, record))) r->rerun.waits = false;
  if (err && !r->rerun.diag.code)
    (void)lq_diag_set(&r->rerun.diag, err, "slice %llu: %s", (ull)number, lq_err_cause(err));
  if (r->rerun.waits) return false;
  r->rerun.live.journal_bytes_since += record.bytes;
  return !err && !r->rerun.stopped &&
         lq_session_tick_number(r->rerun.live.session) < r->rerun.tick_target;
}

/* HEAD against what came out; without a tail it was the checkpoint's own digest that vouched. */
static lq_err head_compare(recovery *r) {
  uint64_t tick = lq_session_tick_number(r->rerun.live.session);
  bool ran = r->rerun.ticks > 0;
  if (r->head.tick != tick || (ran && r->head.hash != lq_session_hash(r->rerun.live.session)))
    return lq_diag_set(&r->rerun.diag, LQ_ERR_CORRUPT,
                       "HEAD says tick %llu with hash %016llx; the journal leads to tick %llu with "
                       "hash %016llx",
                       (ull)r->head.tick, (ull)r->head.hash, (ull)tick,
                       (ull)lq_session_hash(r->rerun.live.session));
  if (ran && memcmp(r->head.chain, r->rerun.chain, 32) != 0)
    return lq_diag_set(&r->rerun.diag, LQ_ERR_CORRUPT,
                       "HEAD's SHA-256 chain is not that of slice %llu (tick %llu)",
                       (ull)r->rerun.slice, (ull)tick);
  return LQ_OK;
}

static void tail_ready(void *context);

static void tail_end(void *context, lq_err err) {
  recovery *r = context;
  r->walking = false;
  if (r->rerun.waits) { /* tail_ready goes on */
    if (r->answered) tail_ready(r);
    return;
  }
  if (r->rerun.diag.code)
    err = r->rerun.diag.code;
  else if (err == LQ_ERR_NOT_FOUND)
    err = lq_diag_set(&r->rerun.diag, LQ_ERR_CORRUPT, "slice %llu is missing (after tick %llu)",
                      (ull)r->walk.next, (ull)lq_session_tick_number(r->rerun.live.session));
  if (!err && r->wake) err = head_compare(r);
  /* A release that cannot take over leaves the session under the old one, as it did when it ran. */
  if (!err && !r->rerun.stopped && lqi_rerun_swap(&r->rerun)) r->rerun.diag = (lq_diag){0};
  if (!err && r->wake) memcpy(r->head.release, r->rerun.live.release, 32);
  finish(r, err);
}

static void walk(recovery *r) {
  r->walking = true;
  lqi_walk_run(&r->walk);
}

/* A guest has answered, or it failed. A store that answers later may still be at its chunk. */
static void tail_ready(void *context) {
  recovery *r = context;
  r->answered = r->walking;
  if (r->walking || !r->rerun.waits) return;
  bool more = tail_slice(r, r->held_slice, lq_span_of(r->held, r->held_bytes));
  if (r->rerun.waits) return;
  free(r->held);
  r->held = NULL;
  if (more)
    walk(r);
  else
    tail_end(r, LQ_OK);
}

static void tail_begin(recovery *r, uint64_t first) {
  r->walk.next = first;
  r->walk.last = r->head.slice;
  if (lq_session_tick_number(r->rerun.live.session) >= r->rerun.tick_target && !r->wake)
    r->walk.last = first - 1;
  r->walk.slice = tail_slice;
  r->walk.end = tail_end;
  walk(r);
}

static void begin_at_start(recovery *r) {
  lq_err err = lqi_rerun_start(&r->rerun, r->head.first_release, r->head.seed);
  if (err)
    finish(r, err);
  else
    tail_begin(r, 1);
}

/* ---- which slice follows on a checkpoint ---- */

static void search(recovery *r);

static void probe(void *context, lq_err err, const char *sk, lq_span body) {
  recovery *r = context;
  lq_slice_reader slice;
  (void)sk;
  if (!err && !(err = lq_slice_open(body, &slice))) {
    r->probe_tick_last = slice.header.tick_last;
    return;
  }
  bool missing = err == LQ_ERR_NOT_FOUND && r->probe_tick_last == UINT64_MAX;
  if ((err != LQ_ERR_NOT_FOUND || missing) && !r->rerun.diag.code)
    (void)lq_diag_set(&r->rerun.diag, LQ_ERR_CORRUPT, "slice %llu cannot be read: %s",
                      (ull)(r->low + (r->high - r->low) / 2), lq_err_cause(err));
  if (sk) return; /* the end call follows */
  r->search_again = true;
  if (!r->probing) search(r);
}

/* The first slice that ends after the session's tick, by halving. */
static void search(recovery *r) {
  uint64_t tick = lq_session_tick_number(r->rerun.live.session);
  while (r->search_again) {
    r->search_again = false;
    if (r->rerun.diag.code) {
      finish(r, r->rerun.diag.code);
      return;
    }
    uint64_t middle = r->low + (r->high - r->low) / 2;
    if (r->probe_tick_last != UINT64_MAX) {
      if (r->probe_tick_last > tick)
        r->high = middle;
      else
        r->low = middle + 1;
      middle = r->low + (r->high - r->low) / 2;
      r->probe_tick_last = UINT64_MAX;
    }
    if (r->low >= r->high) {
      tail_begin(r, r->low);
      return;
    }
    r->probing = true;
    r->walk.store->slices(r->walk.store, &r->walk.name, middle, middle, 1, probe, r);
    r->probing = false;
  }
}

/* ---- the checkpoint ---- */

static void got_checkpoint(void *context, lq_err err, const char *sk, lq_span body) {
  recovery *r = context;
  (void)sk;
  if (err == LQ_ERR_NOT_FOUND && !r->wake) {
    begin_at_start(r);
    return;
  }
  if (err == LQ_ERR_NOT_FOUND)
    err = lq_diag_set(&r->rerun.diag, LQ_ERR_CORRUPT, "the checkpoint at tick %llu is missing",
                      (ull)r->head.checkpoint_tick);
  if (!err) err = lqi_rerun_load(&r->rerun, body);
  if (err) {
    finish(r, err);
    return;
  }
  uint64_t tick = lq_session_tick_number(r->rerun.live.session);
  if (r->head.checkpoint_tick == tick) {
    r->rerun.slice = r->head.checkpoint_slice;
    tail_begin(r, r->head.checkpoint_slice + 1);
  } else if (r->wake) {
    finish(r, lq_diag_set(&r->rerun.diag, LQ_ERR_CORRUPT,
                          "HEAD names a checkpoint at tick %llu, the newest is at tick %llu",
                          (ull)r->head.checkpoint_tick, (ull)tick));
  } else {
    r->low = 1;
    r->high = r->head.slice + 1; /* behind the last: there is no tail */
    r->probe_tick_last = UINT64_MAX;
    r->search_again = true;
    search(r);
  }
}

static void got_head(void *context, lq_err err, const lq_store_head *head) {
  recovery *r = context;
  if (err) {
    finish(r, err);
    return;
  }
  r->head = *head;
  uint64_t tick = r->rerun.tick_target;
  if (!r->wake && tick > head->tick) {
    finish(r, lq_diag_set(&r->rerun.diag, LQ_ERR_RANGE,
                          "tick %llu lies ahead: the last committed tick is %llu", (ull)tick,
                          (ull)head->tick));
    return;
  }
  bool none = head->checkpoint_tick == UINT64_MAX;
  if (none || r->from_start)
    begin_at_start(r);
  else
    r->walk.store->checkpoint_get(r->walk.store, &r->walk.name,
                                  r->wake ? head->checkpoint_tick : tick, got_checkpoint, r);
}

static recovery *recovery_new(lq_store *store, const lq_release_source *releases,
                              const lq_session_name *name, lq_ledger_ready ready, void *context) {
  recovery *r = calloc(1, sizeof *r);
  if (!r) {
    lq_diag diag;
    (void)lq_diag_set(&diag, LQ_ERR_MEMORY, "no memory to wake a session");
    ready(context, LQ_ERR_MEMORY, &diag, NULL);
    return NULL;
  }
  r->rerun.releases = *releases;
  r->walk = (lqi_walk){.store = store, .name = *name, .context = r};
  r->rerun.ready = tail_ready;
  r->rerun.ready_context = r;
  r->rerun.tenant = r->walk.name.tenant;
  r->ready = ready;
  r->context = context;
  return r;
}

void lq_ledger_wake(lq_store *store, const lq_release_source *releases, const lq_session_name *name,
                    lq_ledger_ready ready, void *context) {
  recovery *r = recovery_new(store, releases, name, ready, context);
  if (!r) return;
  r->wake = true;
  r->rerun.tick_target = UINT64_MAX;
  store->acquire(store, name, got_head, r);
}

void lq_ledger_replay(lq_store *store, const lq_release_source *releases,
                      const lq_session_name *name, uint64_t tick, bool from_start,
                      lq_ledger_each_tick each, void *each_context, lq_ledger_ready ready,
                      void *context) {
  recovery *r = recovery_new(store, releases, name, ready, context);
  if (!r) return;
  r->from_start = from_start;
  r->rerun.tick_target = tick;
  r->rerun.each = each;
  r->rerun.each_context = each_context;
  if (each && (r->rerun.causes.at = malloc(CAUSES_MAX * sizeof(lq_cause))))
    r->rerun.causes.capacity = CAUSES_MAX;
  store->head(store, name, got_head, r);
}
