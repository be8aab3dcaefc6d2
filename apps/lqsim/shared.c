/* The store port over a store that several nodes share, far away: requests travel, get lost, come
 * twice or late, are answered late or never, and are tried again until an answer comes. What
 * happens there is the port's own second adapter (lq_service/port/store_memory.h).
 *
 * Reads answer inside the call, as the port allows, from what is durable at that moment. */
#include <stdlib.h>

#include "apps/lqsim/sim_server.h"
#include "lq_service/port/store_memory.h"

enum { RETRY_MS = 400 };

typedef enum verb { COMMIT, CREATE, ACQUIRE, CHECKPOINT, BLOB, CHANGE } verb;

/* A request in the world's memory: it may arrive after its sender is dead. */
typedef struct request {
  sim_shared *shared;
  sim_process *from;
  struct shared_store *store; /* the process's: only while it lives */
  verb verb;
  lq_session_name name;
  lq_store_head head; /* in; acquire: out */
  lq_store_slice *slice;
  lq_err *slice_err;
  uint32_t slice_count;
  uint8_t *body;
  size_t body_bytes;
  uint8_t digest[32];
  uint64_t *slice_leaf;
  lq_store_change change; /* into its own copies: `items`, `leaves` and `body` */
  lq_store_item *items;
  lq_span *leaves;
  uint64_t leaf;
  bool changed; /* the store knows a change by its request: done once, whatever comes twice */
  lq_err err;
  uint32_t flying; /* copies on their way, and the timer */
  bool answered, given_up;
  union {
    lq_store_committed committed;
    lq_store_done done;
    lq_store_got_head got_head;
    lq_store_changed changed;
  } call;
  void *context;
} request;

typedef struct shared_store {
  lq_store port; /* first */
  sim_shared *shared;
  lq_loop *loop;
  sim_process *process;
  uint32_t open;
  uint64_t bytes;
  bool closing;
} shared_store;

struct sim_shared {
  lq_memory_data *data;
  lq_store *memory;
};

static shared_store *store_of(lq_store *port) { return (shared_store *)port; }

/* ---- at the store ---- */

static void head_came(void *context, lq_err err, const lq_store_head *head) {
  request *r = context;
  r->err = err;
  if (head) r->head = *head;
}
static void done_came(void *context, lq_err err) { ((request *)context)->err = err; }
static void committed_came(void *context, void *user, lq_err err, uint64_t leaf) {
  request *r = context;
  uint32_t index = (uint32_t)(uintptr_t)user;
  r->slice_err[index] = err;
  r->slice_leaf[index] = leaf;
}
static void change_came(void *context, lq_err err, uint64_t leaf) {
  request *r = context;
  r->err = err;
  r->leaf = leaf;
}

static void perform(request *r) {
  lq_store *m = r->shared->memory;
  lq_span body = lq_span_of(r->body, r->body_bytes);
  switch (r->verb) {
  case COMMIT:
    (void)m->commit(m, r->slice, r->slice_count, committed_came, r);
    break;
  case CREATE:
    m->create(m, &r->name, &r->head, done_came, r);
    break;
  case ACQUIRE:
    m->acquire(m, &r->name, head_came, r);
    break;
  case CHECKPOINT:
    m->checkpoint(m, &r->name, &r->head, body, done_came, r);
    break;
  case BLOB:
    m->blob_put(m, r->name.tenant, r->digest, body, done_came, r);
    break;
  case CHANGE:
    if (!r->changed) m->change(m, &r->change, change_came, r);
    break;
  }
  while (lq_store_memory_run(m)) {
  }
}

/* ---- on the way ---- */

static void request_free(request *r) {
  if (r->flying || !r->given_up) return;
  for (uint32_t i = 0; i < r->slice_count; i++) {
    free((void *)(uintptr_t)r->slice[i].body.data);
    free((void *)(uintptr_t)r->slice[i].leaf.data);
  }
  free(r->slice);
  free(r->slice_err);
  free(r->slice_leaf);
  for (uint32_t i = 0; i < r->change.item_count; i++)
    free((void *)(uintptr_t)r->items[i].value.data);
  for (uint32_t i = 0; i < r->change.leaf_count; i++) free((void *)(uintptr_t)r->leaves[i].data);
  free(r->items);
  free(r->leaves);
  free(r->body);
  free(r);
}

/* On the process's loop: what was asked is answered, once. */
static void answer(void *context) {
  request *r = context;
  shared_store *s = r->store;
  s->open--;
  s->bytes -= r->body_bytes;
  if (r->verb == COMMIT)
    for (uint32_t i = 0; i < r->slice_count; i++)
      r->call.committed(r->context, r->slice[i].user, r->slice_err[i], r->slice_leaf[i]);
  else if (r->verb == CHANGE)
    r->call.changed(r->context, r->err, r->leaf);
  else if (r->verb == ACQUIRE)
    r->call.got_head(r->context, r->err, r->err ? NULL : &r->head);
  else
    r->call.done(r->context, r->err);
  r->given_up = true;
  if (s->closing && !s->open) lq_loop_stop(s->loop);
  request_free(r);
}

static void answer_lands(void *context, uint64_t argument) {
  request *r = context;
  (void)argument;
  r->flying--;
  if (!r->answered && r->from->alive && r->from->loop) {
    r->answered = true;
    if (lq_loop_post(r->from->loop, answer, r) == LQ_OK) return;
    sim_violation("the simulator is out of memory");
  }
  if (!r->from->alive) r->given_up = true;
  request_free(r);
}

static void request_lands(void *context, uint64_t argument) {
  request *r = context;
  (void)argument;
  /* The user pointers of a copy that comes late must not be touched: perform uses indices. */
  lq_store_slice *given = r->slice;
  lq_store_slice *numbered = r->slice_count ? sim_alloc(r->slice_count * sizeof *numbered) : NULL;
  for (uint32_t i = 0; i < r->slice_count; i++) {
    numbered[i] = given[i];
    numbered[i].user = (void *)(uintptr_t)i;
  }
  lq_err *errs_before = r->slice_err;
  lq_store_head head_before = r->head;
  request late = *r;
  if (r->answered || r->given_up) { /* a copy after the answer: it must change nothing */
    late.slice_err = r->slice_count ? sim_alloc(r->slice_count * sizeof(lq_err)) : NULL;
  }
  late.slice = numbered;
  late.slice_leaf = r->slice_count ? sim_alloc(r->slice_count * sizeof(uint64_t)) : NULL;
  perform(&late);
  r->changed = true;
  if (!(r->answered || r->given_up)) {
    if (r->slice_count) memcpy(r->slice_leaf, late.slice_leaf, r->slice_count * sizeof(uint64_t));
    r->leaf = late.leaf;
    r->err = late.err;
    r->head = late.verb == ACQUIRE ? late.head : head_before;
  }
  if (late.slice_err != errs_before) free(late.slice_err);
  free(late.slice_leaf);
  free(numbered);
  if (sim_fault_now(SIM_F_STORE_LOST)) { /* the answer */
    r->flying--;
    if (!r->from->alive) r->given_up = true;
    request_free(r);
    return;
  }
  sim_at(sim.now_ns + sim_between(SIM_NET, 200 * SIM_US, 6 * SIM_MS), answer_lands, r, 0);
}

static void try_again(void *context, uint64_t argument);

static void send(request *r) {
  uint32_t copies = sim_fault_now(SIM_F_STORE_LOST) ? 0 : sim_fault_now(SIM_F_STORE_REPEAT) ? 2 : 1;
  for (uint32_t i = 0; i < copies; i++) {
    uint64_t delay = sim_fault_now(SIM_F_STORE_DELAY)
                         ? sim_between(SIM_NET, 50 * SIM_MS, 3 * SIM_S)
                         : sim_between(SIM_NET, 200 * SIM_US, 6 * SIM_MS);
    r->flying++;
    sim_at(sim.now_ns + delay, request_lands, r, 0);
  }
  r->flying++; /* the timer */
  sim_at(sim.now_ns + RETRY_MS * SIM_MS, try_again, r, 0);
}

static void try_again(void *context, uint64_t argument) {
  request *r = context;
  (void)argument;
  r->flying--;
  if (!r->from->alive) r->given_up = true;
  /* An acquire that is repeated raises the epoch again, which fences what this owner got before. */
  if (!r->answered && !r->given_up)
    send(r);
  else
    request_free(r);
}

static request *begin(lq_store *port, verb what, const lq_session_name *name, lq_span body) {
  shared_store *s = store_of(port);
  request *r = sim_alloc(sizeof *r);
  *r = (request){.shared = s->shared, .from = s->process, .store = s, .verb = what};
  if (name) r->name = *name;
  if (body.bytes) {
    r->body = sim_alloc(body.bytes);
    memcpy(r->body, body.data, body.bytes);
    r->body_bytes = body.bytes;
  }
  s->open++;
  s->bytes += body.bytes;
  return r;
}

static lq_span copy_of(lq_span bytes) {
  uint8_t *copy = bytes.data ? sim_alloc(bytes.bytes + 1) : NULL;
  if (bytes.bytes) memcpy(copy, bytes.data, bytes.bytes);
  return lq_span_of(copy, bytes.bytes);
}

/* ---- the port ---- */

static lq_err commit(lq_store *port, const lq_store_slice *slices, uint32_t count,
                     lq_store_committed committed, void *context) {
  shared_store *s = store_of(port);
  if (s->bytes > LQ_COMMIT_BYTES_MAX || sim_fault_now(SIM_F_STORE_BUSY)) return LQ_ERR_BUSY;
  request *r = begin(port, COMMIT, NULL, (lq_span){0});
  r->slice = sim_alloc(count * sizeof *r->slice);
  r->slice_err = sim_alloc(count * sizeof *r->slice_err);
  r->slice_leaf = sim_alloc(count * sizeof *r->slice_leaf);
  r->slice_count = count;
  for (uint32_t i = 0; i < count; i++) {
    r->slice[i] = slices[i];
    r->slice[i].body = copy_of(slices[i].body);
    r->slice[i].leaf = copy_of(slices[i].leaf);
    r->slice_err[i] = LQ_ERR_INTERNAL;
    r->slice_leaf[i] = LQ_LEAF_NONE;
  }
  r->call.committed = committed;
  r->context = context;
  send(r);
  return LQ_OK;
}

static void create(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                   lq_store_done done, void *context) {
  request *r = begin(port, CREATE, name, (lq_span){0});
  r->head = *head;
  r->call.done = done;
  r->context = context;
  send(r);
}

static void acquire(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                    void *context) {
  request *r = begin(port, ACQUIRE, name, (lq_span){0});
  r->call.got_head = got;
  r->context = context;
  send(r);
}

static void checkpoint(lq_store *port, const lq_session_name *name, const lq_store_head *head,
                       lq_span body, lq_store_done done, void *context) {
  request *r = begin(port, CHECKPOINT, name, body);
  r->head = *head;
  r->call.done = done;
  r->context = context;
  send(r);
}

static void blob_put(lq_store *port, const char *tenant, const uint8_t digest[32], lq_span body,
                     lq_store_done done, void *context) {
  request *r = begin(port, BLOB, NULL, body);
  LQ_CHECK(lq_text_copy(r->name.tenant, sizeof r->name.tenant, lq_span_text(tenant)));
  memcpy(r->digest, digest, 32);
  r->call.done = done;
  r->context = context;
  send(r);
}

static void change(lq_store *port, const lq_store_change *what, lq_store_changed changed,
                   void *context) {
  request *r = begin(port, CHANGE, NULL, (lq_span){0});
  LQ_CHECK(lq_text_copy(r->name.tenant, sizeof r->name.tenant, lq_span_text(what->tenant)));
  r->items = sim_alloc((what->item_count + 1) * sizeof *r->items);
  r->leaves = sim_alloc((what->leaf_count + 1) * sizeof *r->leaves);
  r->change = *what;
  r->change.tenant = r->name.tenant;
  r->change.items = r->items;
  r->change.leaves = r->leaves;
  for (uint32_t i = 0; i < what->item_count; i++) {
    r->items[i] = what->items[i];
    r->items[i].value = copy_of(what->items[i].value);
  }
  for (uint32_t i = 0; i < what->leaf_count; i++) r->leaves[i] = copy_of(what->leaves[i]);
  r->call.changed = changed;
  r->context = context;
  send(r);
}

static lq_store *memory_of(lq_store *port) { return store_of(port)->shared->memory; }

static void head(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                 void *context) {
  memory_of(port)->head(memory_of(port), name, got, context);
}
static void checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                           lq_store_got_item got, void *context) {
  memory_of(port)->checkpoint_get(memory_of(port), name, tick, got, context);
}
static void slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                   uint32_t limit, lq_store_got_item got, void *context) {
  memory_of(port)->slices(memory_of(port), name, first, last, limit, got, context);
}
static void sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                     uint32_t limit, lq_store_got_session got, void *context) {
  memory_of(port)->sessions(memory_of(port), tenant, game, after, limit, got, context);
}
static void blob_get(lq_store *port, const char *tenant, const uint8_t digest[32],
                     lq_store_got_item got, void *context) {
  memory_of(port)->blob_get(memory_of(port), tenant, digest, got, context);
}
static void item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry got,
                 void *context) {
  memory_of(port)->item(memory_of(port), tenant, sk, got, context);
}
static void items(lq_store *port, const char *tenant, const char *prefix, const char *after,
                  uint32_t limit, lq_store_got_entry got, void *context) {
  memory_of(port)->items(memory_of(port), tenant, prefix, after, limit, got, context);
}
static void log_read(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
                     lq_store_got_leaf got, void *context) {
  memory_of(port)->log(memory_of(port), tenant, first, limit, got, context);
}

static void close_store(lq_store *port) {
  shared_store *s = store_of(port);
  s->closing = true;
  if (s->open) lq_loop_run(s->loop);
  free(s);
}

lq_store *sim_shared_open(sim_shared *shared, lq_loop *loop) {
  shared_store *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  *s = (shared_store){.port = {.commit = commit,
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
                      .shared = shared,
                      .loop = loop,
                      .process = sim.process};
  return &s->port;
}

sim_shared *sim_shared_new(void) {
  sim_shared *shared = sim_alloc(sizeof *shared);
  shared->data = lq_memory_data_open();
  shared->memory = shared->data ? lq_store_memory_open(shared->data) : NULL;
  LQ_CHECK(shared->memory);
  return shared;
}
