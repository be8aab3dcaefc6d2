/* A store port that sometimes answers with an error: of what it did not do, or of what it did. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"

typedef struct faulty {
  lq_store port; /* first */
  lq_store *real;
  sim_witness *witness;
} faulty;

/* One question on its way. */
typedef struct asked {
  union {
    lq_store_committed committed;
    lq_store_done done;
    lq_store_got_head got_head;
    lq_store_changed changed;
  } call;
  void *context;
  lq_err err; /* told instead of the answer */
} asked;

static lq_store *real_of(lq_store *port) { return ((faulty *)port)->real; }

lq_err sim_error_now(void) {
  static const lq_err errs[] = {LQ_ERR_IO, LQ_ERR_BUSY, LQ_ERR_MEMORY, LQ_ERR_DISK_FULL};
  bool now = sim_nth_now(SIM_NTH_ERROR);
  if (now) sim_fault_count(SIM_F_ERROR);
  if (!now && !sim_fault_now(SIM_F_ERROR)) return LQ_OK;
  return errs[sim_below(SIM_FAULT, 4)];
}

/* NULL: the answer goes through as it is. */
static asked *ask(void *context, lq_err err) {
  asked *a = malloc(sizeof *a);
  if (a) *a = (asked){.context = context, .err = err};
  return a;
}

static void done(void *context, lq_err err) {
  asked a = *(asked *)context;
  free(context);
  a.call.done(a.context, a.err ? a.err : err);
}
static void got_head(void *context, lq_err err, const lq_store_head *head) {
  asked a = *(asked *)context;
  free(context);
  a.call.got_head(a.context, a.err ? a.err : err, a.err ? NULL : head);
}

/* An answer that comes later, on the loop, without the store having been asked. */
static void refuse_done(void *context) { done(context, LQ_OK); }
static void refuse_head(void *context) { got_head(context, LQ_OK, NULL); }

/* 0: pass the call through as it is; 1: it is done, and an error is told; 2: it is not done. */
static uint32_t fate(lq_err *err) {
  *err = sim_error_now();
  return *err ? 1 + sim_below(SIM_FAULT, 2) : 0;
}

/* The leaves of one commit, in the world's memory: the witness outlives who asked. */
typedef struct told_leaf {
  char tenant[LQ_TENANT_BYTES];
  uint8_t *leaf;
  size_t bytes;
} told_leaf;
typedef struct noted {
  sim_witness *witness;
  lq_store_committed committed;
  lq_store_changed changed;
  void *context;
  struct noted *next, **prev;
  uint32_t count, at;
  told_leaf leaf[];
} noted;
static noted *waiting; /* with those whose process died before the answer */

static noted *note_new(sim_witness *witness, uint32_t count, void *context) {
  noted *n = sim_alloc(sizeof *n + count * sizeof *n->leaf);
  n->witness = witness;
  n->count = count;
  n->context = context;
  n->next = waiting;
  n->prev = &waiting;
  if (waiting) waiting->prev = &n->next;
  waiting = n;
  return n;
}

static void note_leaf(told_leaf *out, const char *tenant, lq_span leaf) {
  LQ_CHECK(lq_text_copy(out->tenant, sizeof out->tenant, lq_span_text(tenant)));
  out->bytes = leaf.bytes;
  out->leaf = leaf.bytes ? sim_alloc(leaf.bytes) : NULL;
  if (leaf.bytes) memcpy(out->leaf, leaf.data, leaf.bytes);
}

static void note_free(noted *n) {
  for (uint32_t i = 0; i < n->count; i++) free(n->leaf[i].leaf);
  *n->prev = n->next;
  if (n->next) n->next->prev = n->prev;
  free(n);
}

static void note_told(noted *n, uint32_t at, lq_err err, uint64_t index) {
  const told_leaf *told = &n->leaf[at];
  if (!err && index != LQ_LEAF_NONE && told->leaf)
    sim_witness_leaf(n->witness, told->tenant, index, lq_span_of(told->leaf, told->bytes));
}

/* In the order in which they were asked for. */
static void noted_slice(void *context, void *user, lq_err err, uint64_t leaf) {
  noted *n = context;
  lq_store_committed call = n->committed;
  void *told = n->context;
  note_told(n, n->at, err, leaf);
  if (++n->at == n->count) note_free(n);
  call(told, user, err, leaf);
}

static lq_err commit(lq_store *port, const lq_store_slice *slices, uint32_t count,
                     lq_store_committed committed, void *context) {
  if (sim_error_now()) return LQ_ERR_BUSY;
  noted *n = note_new(((faulty *)port)->witness, count, context);
  n->committed = committed;
  for (uint32_t i = 0; i < count; i++)
    note_leaf(&n->leaf[i], slices[i].name.tenant, slices[i].leaf);
  lq_err err = real_of(port)->commit(real_of(port), slices, count, noted_slice, n);
  if (err) note_free(n);
  return err;
}

static void create(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                   lq_store_done call, void *context) {
  lq_err err;
  uint32_t what = fate(&err);
  asked *a = what ? ask(context, err) : NULL;
  if (a) a->call.done = call;
  if (a && what == 2 && !lq_loop_post(sim.process->loop, refuse_done, a)) return;
  real_of(port)->create(real_of(port), name, head, a ? done : call, a ? a : context);
}

static void acquire(lq_store *port, const lq_session_name *name, lq_store_got_head call,
                    void *context) {
  lq_err err;
  uint32_t what = fate(&err);
  asked *a = what ? ask(context, err) : NULL;
  if (a) a->call.got_head = call;
  if (a && what == 2 && !lq_loop_post(sim.process->loop, refuse_head, a)) return;
  real_of(port)->acquire(real_of(port), name, a ? got_head : call, a ? a : context);
}

static void checkpoint(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                       lq_span body, lq_store_done call, void *context) {
  lq_err err;
  uint32_t what = fate(&err);
  asked *a = what ? ask(context, err) : NULL;
  if (a) a->call.done = call;
  if (a && what == 2 && !lq_loop_post(sim.process->loop, refuse_done, a)) return;
  real_of(port)->checkpoint(real_of(port), name, head, body, a ? done : call, a ? a : context);
}

static void head(lq_store *port, const lq_session_name *name, lq_store_got_head call,
                 void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, NULL);
  else
    real_of(port)->head(real_of(port), name, call, context);
}

static void checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                           lq_store_got_item call, void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, NULL, (lq_span){0});
  else
    real_of(port)->checkpoint_get(real_of(port), name, tick, call, context);
}

static void slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                   uint32_t limit, lq_store_got_item call, void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, NULL, (lq_span){0});
  else
    real_of(port)->slices(real_of(port), name, first, last, limit, call, context);
}

static void sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                     uint32_t limit, lq_store_got_session call, void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, NULL, NULL);
  else
    real_of(port)->sessions(real_of(port), tenant, game, after, limit, call, context);
}

static void blob_put(lq_store *port, const char *tenant, const uint8_t digest[32], lq_span body,
                     lq_store_done call, void *context) {
  real_of(port)->blob_put(real_of(port), tenant, digest, body, call, context);
}
static void blob_get(lq_store *port, const char *tenant, const uint8_t digest[32],
                     lq_store_got_item call, void *context) {
  real_of(port)->blob_get(real_of(port), tenant, digest, call, context);
}

static void changed(void *context, lq_err err, uint64_t leaf) {
  asked a = *(asked *)context;
  free(context);
  a.call.changed(a.context, a.err ? a.err : err, a.err ? LQ_LEAF_NONE : leaf);
}
static void refuse_change(void *context) { changed(context, LQ_OK, LQ_LEAF_NONE); }

static void noted_change(void *context, lq_err err, uint64_t leaf) {
  noted *n = context;
  lq_store_changed call = n->changed;
  void *told = n->context;
  for (uint32_t i = 0; i < n->count; i++) note_told(n, i, err, leaf + i);
  if (n->count) sim_witness_answered(n->witness, n->leaf[0].tenant, err);
  note_free(n);
  call(told, err, leaf);
}

static void change(lq_store *port, const lq_store_change *what, lq_store_changed call,
                   void *context) {
  lq_err err;
  noted *n = note_new(((faulty *)port)->witness, what->leaf_count, context);
  n->changed = call;
  for (uint32_t i = 0; i < what->leaf_count; i++)
    note_leaf(&n->leaf[i], what->tenant, what->leaves[i]);
  if (n->count) sim_witness_asked(n->witness, what->tenant);
  call = noted_change;
  context = n;
  uint32_t kind = fate(&err);
  asked *a = kind ? ask(context, err) : NULL;
  if (a) a->call.changed = call;
  if (a && kind == 2 && !lq_loop_post(sim.process->loop, refuse_change, a)) return;
  real_of(port)->change(real_of(port), what, a ? changed : call, a ? a : context);
}
static void item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry call,
                 void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, NULL, 0, (lq_span){0});
  else
    real_of(port)->item(real_of(port), tenant, sk, call, context);
}
static void items(lq_store *port, const char *tenant, const char *prefix, const char *after,
                  uint32_t limit, lq_store_got_entry call, void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, NULL, 0, (lq_span){0});
  else
    real_of(port)->items(real_of(port), tenant, prefix, after, limit, call, context);
}
static void log_read(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
                     lq_store_got_leaf call, void *context) {
  lq_err err = sim_error_now();
  if (err)
    call(context, err, 0, (lq_span){0});
  else
    real_of(port)->log(real_of(port), tenant, first, limit, call, context);
}
static void close_store(lq_store *port) {
  real_of(port)->close(real_of(port));
  free(port);
}

lq_store *sim_port_open(lq_store *real, sim_witness *witness) {
  faulty *f = malloc(sizeof *f);
  if (!f) {
    real->close(real);
    return NULL;
  }
  *f = (faulty){.port = {.commit = commit,
                         .create = create,
                         .acquire = acquire,
                         .head = head,
                         .checkpoint = checkpoint,
                         .checkpoint_get = checkpoint_get,
                         .slices = slices,
                         .sessions = sessions,
                         .blob_put = blob_put,
                         .blob_get = blob_get,
                         .change = change,
                         .item = item,
                         .items = items,
                         .log = log_read,
                         .close = close_store},
                .real = real,
                .witness = witness};
  return &f->port;
}
