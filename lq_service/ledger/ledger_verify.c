/* Verify: everything a session's journal claims, checked by running it again. */
#include "lq_service/ledger/ledger_int.h"

#include <stdio.h>
#include <stdlib.h>

typedef unsigned long long ull;

/* A checkpoint found in the store, waiting for the replay to come by its tick. */
typedef struct seen {
  uint64_t tick, hash;
  uint8_t release[32];
  bool matched;
} seen;

typedef struct verification {
  lqi_rerun rerun;
  lqi_walk walk;
  lq_store_head head;
  lq_verify_result result;
  void (*report)(void *context, const char *sentence);
  lq_verified done;
  void *context;
  seen *checkpoint; /* descending ticks */
  uint32_t checkpoint_count, checkpoint_capacity;
  uint64_t ask_tick;
  bool asking, answered; /* inside checkpoint_get; it answered inside the call */
  lq_err ask_err;        /* LQ_OK: ask for the next one; LQ_ERR_NOT_FOUND: that was all */
  bool diverged; /* the state is not the journal's any more: only records are checked from here */
} verification;

static void finding(verification *v, const char *sentence) {
  v->result.findings++;
  if (v->report) v->report(v->context, sentence);
}

static void finding_diag(verification *v) {
  finding(v, v->rerun.diag.message);
  v->rerun.diag = (lq_diag){0};
}

static void finish(verification *v, lq_err err) {
  lqi_rerun_close(&v->rerun);
  lq_verify_result result = v->result;
  lq_verified done = v->done;
  void *context = v->context;
  free(v->checkpoint);
  free(v);
  done(context, err, &result);
}

/* ---- checkpoints against the state that the replay reaches ---- */

static void checkpoints_match(verification *v) {
  uint64_t tick = lq_session_tick_number(v->rerun.live.session);
  for (uint32_t i = 0; i < v->checkpoint_count; i++) {
    seen *c = &v->checkpoint[i];
    if (c->tick != tick || c->matched || memcmp(c->release, v->rerun.live.release, 32) != 0)
      continue;
    c->matched = true;
    if (c->hash == lq_session_hash(v->rerun.live.session)) continue;
    char text[160];
    (void)snprintf(text, sizeof text,
                   "checkpoint at tick %llu (slice %llu): its hash is %016llx, running again leads "
                   "to %016llx",
                   (ull)tick, (ull)v->rerun.slice, (ull)c->hash,
                   (ull)lq_session_hash(v->rerun.live.session));
    finding(v, text);
  }
}

/* The session went over to the release that a command named, or it could not: what it did next
 * tells. A checkpoint may be of either side. A swap that is refused is none. */
static void swap(verification *v) {
  if (!v->rerun.has_release_next) return;
  if (lqi_rerun_swap(&v->rerun)) v->rerun.diag = (lq_diag){0};
  checkpoints_match(v);
}

/* ---- slices ---- */

static bool slice(void *context, uint64_t number, lq_span record) {
  verification *v = context;
  char text[160];
  lq_slice_reader reader;
  v->result.slices++;
  lq_err err = lq_slice_open(record, &reader);
  if (err) {
    (void)snprintf(text, sizeof text, "slice %llu: the record fails its check: %s", (ull)number,
                   lq_err_cause(err));
    finding(v, text);
    v->diverged = true;
    v->rerun.has_chain = false; /* what comes next cannot be compared with this one */
    return true;
  }
  if (lqi_rerun_check(&v->rerun, number, &reader)) {
    finding_diag(v);
    v->diverged = true;
  }
  if (!v->diverged) {
    if (memcmp(reader.header.release, v->rerun.release_next, 32) == 0) swap(v);
    /* Running again passes over ticks that it has already, and with them over the hash before. */
    uint64_t tick = lq_session_tick_number(v->rerun.live.session);
    if (reader.header.tick_first <= tick) {
      (void)snprintf(text, sizeof text, "slice %llu begins at tick %llu, which is in one before it",
                     (ull)number, (ull)reader.header.tick_first);
      finding(v, text);
    }
    if (lqi_rerun_slice(&v->rerun, &reader)) {
      finding_diag(v);
      v->diverged = true;
    } else {
      checkpoints_match(v);
    }
  }
  v->rerun.slice = number;
  memcpy(v->rerun.chain, reader.chain_after, 32);
  v->rerun.has_chain = true;
  return true;
}

static void head_check(verification *v) {
  char text[200];
  if (v->rerun.has_chain && v->head.slice > 0 && memcmp(v->head.chain, v->rerun.chain, 32) != 0) {
    (void)snprintf(text, sizeof text, "HEAD: its SHA-256 chain is not that of slice %llu",
                   (ull)v->rerun.slice);
    finding(v, text);
  }
  if (v->diverged) return;
  swap(v);
  uint64_t tick = lq_session_tick_number(v->rerun.live.session);
  if (v->head.tick != tick) {
    (void)snprintf(text, sizeof text, "HEAD says tick %llu, slice %llu ends at tick %llu",
                   (ull)v->head.tick, (ull)v->rerun.slice, (ull)tick);
    finding(v, text);
  }
  for (uint32_t i = 0; i < v->checkpoint_count; i++) {
    if (v->checkpoint[i].matched) continue;
    (void)snprintf(text, sizeof text,
                   "checkpoint at tick %llu: no slice ends there under its release",
                   (ull)v->checkpoint[i].tick);
    finding(v, text);
  }
}

static void ended(void *context, lq_err err) {
  verification *v = context;
  char text[96];
  if (err == LQ_ERR_NOT_FOUND) {
    (void)snprintf(text, sizeof text, "slice %llu is missing (after tick %llu)", (ull)v->walk.next,
                   (ull)lq_session_tick_number(v->rerun.live.session));
    finding(v, text);
    v->diverged = true;
    v->rerun.has_chain = false;
    v->walk.next++;
    lqi_walk_run(&v->walk);
    return;
  }
  if (!err) head_check(v);
  v->result.ticks = v->rerun.ticks;
  v->result.commands = v->rerun.commands;
  v->result.events = v->rerun.events;
  v->result.hash = lq_session_hash(v->rerun.live.session);
  finish(v, err);
}

static void begin(verification *v) {
  v->rerun.tick_target = UINT64_MAX;
  lq_err err = lqi_rerun_start(&v->rerun, v->head.first_release, v->head.seed);
  if (err) {
    finding_diag(v);
    finish(v, err);
    return;
  }
  checkpoints_match(v); /* one at tick 0 */
  v->walk.next = 1;
  v->walk.last = v->head.slice;
  v->walk.slice = slice;
  v->walk.end = ended;
  lqi_walk_run(&v->walk);
}

/* ---- collecting the checkpoints, newest first ---- */

static bool checkpoint_add(verification *v, const lq_checkpoint *found) {
  if (v->checkpoint_count == v->checkpoint_capacity) {
    uint32_t capacity = v->checkpoint_capacity ? v->checkpoint_capacity * 2 : 16;
    seen *grown = realloc(v->checkpoint, capacity * sizeof *grown);
    if (!grown) return false;
    v->checkpoint = grown;
    v->checkpoint_capacity = capacity;
  }
  seen *c = &v->checkpoint[v->checkpoint_count++];
  *c = (seen){.tick = found->tick, .hash = found->hash};
  memcpy(c->release, found->release, 32);
  return true;
}

static void ask(verification *v);

static lq_err checkpoint_note(verification *v, const char *sk, lq_span body) {
  lq_checkpoint found;
  uint64_t tick = 0;
  for (const char *at = sk + 11; *at >= '0' && *at <= '9'; at++)
    tick = tick * 10 + (uint64_t)(*at - '0');
  lq_err err = lq_checkpoint_read(body, &found);
  v->result.checkpoints++;
  if (err || found.tick != tick) {
    char text[128];
    (void)snprintf(text, sizeof text, "checkpoint at tick %llu fails its check: %s", (ull)tick,
                   lq_err_cause(err ? err : LQ_ERR_CORRUPT));
    finding(v, text);
  } else if (!checkpoint_add(v, &found)) {
    return LQ_ERR_MEMORY;
  }
  if (tick == 0) return LQ_ERR_NOT_FOUND; /* there is none before it */
  v->ask_tick = tick - 1;
  return LQ_OK;
}

static void got_checkpoint(void *context, lq_err err, const char *sk, lq_span body) {
  verification *v = context;
  v->ask_err = err ? err : checkpoint_note(v, sk, body);
  v->answered = true;
  if (!v->asking) ask(v);
}

/* A loop, for a store that answers inside the call. */
static void ask(verification *v) {
  while (v->answered && !v->ask_err) {
    v->answered = false;
    v->asking = true;
    v->walk.store->checkpoint_get(v->walk.store, &v->walk.name, v->ask_tick, got_checkpoint, v);
    v->asking = false;
  }
  if (!v->answered) return;
  if (v->ask_err == LQ_ERR_NOT_FOUND)
    begin(v);
  else
    finish(v, v->ask_err);
}

static void got_head(void *context, lq_err err, const lq_store_head *head) {
  verification *v = context;
  if (err) {
    finish(v, err);
    return;
  }
  v->head = *head;
  v->ask_tick = UINT64_MAX;
  v->answered = true;
  ask(v);
}

void lq_ledger_verify(lq_store *store, const lq_release_source *releases,
                      const lq_session_name *name,
                      void (*report)(void *context, const char *sentence), lq_verified done,
                      void *context) {
  verification *v = calloc(1, sizeof *v);
  if (!v) {
    lq_verify_result none = {0};
    done(context, LQ_ERR_MEMORY, &none);
    return;
  }
  v->rerun.releases = *releases;
  v->walk = (lqi_walk){.store = store, .name = *name, .context = v};
  v->report = report;
  v->done = done;
  v->context = context;
  store->head(store, name, got_head, v);
}
