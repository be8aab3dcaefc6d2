/* A data folder of one test, and a store called as if it were synchronous. */
#ifndef LQ_LOCAL_STORE_TESTING_H
#define LQ_LOCAL_STORE_TESTING_H

#include "lq_host/host.h"
#include "lq_host/loop.h"
#include "lq_local/store_sqlite.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct folder_under_test {
  char path[64];
  lq_loop *loop;
} folder_under_test;

static inline folder_under_test folder_begin(void) {
  folder_under_test t = {.path = "/tmp/lq_store_XXXXXX"};
  assert_non_null(mkdtemp(t.path));
  assert_ok(lq_loop_open(&t.loop));
  return t;
}
static inline const char *folder_file(const folder_under_test *t, const char *name) {
  static char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", t->path, name);
  return path;
}
static inline void folder_remove(const folder_under_test *t) {
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.db-journal",
                                      "lq.lock"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)unlink(folder_file(t, names[i]));
  (void)rmdir(t->path);
}
static inline void folder_end(folder_under_test *t) {
  lq_loop_close(t->loop);
  folder_remove(t);
}

static inline lq_err store_open(folder_under_test *t, bool read_only, lq_store **out,
                                lq_diag *diag) {
  lq_store_sqlite_options options = {.folder = t->path, .read_only = read_only};
  return lq_store_sqlite_open(t->loop, &options, out, diag);
}

/* ---- one call, waited for ---- */
typedef struct waited {
  folder_under_test *t;
  uint32_t calls, good;
  lq_err err;
  lq_store_head head;
  uint32_t items;
  uint8_t last[4096];
  size_t last_bytes;
} waited;

static inline void waited_called(waited *w, lq_err err) {
  w->err = err;
  w->calls++;
  w->good += err == LQ_OK;
  lq_loop_stop(w->t->loop);
}
static inline void waited_done(void *context, lq_err err) { waited_called(context, err); }
static inline void waited_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  waited_called(context, err);
}
static inline void waited_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)leaf;
  (void)user;
  waited_called(context, err);
}
static inline void waited_head(void *context, lq_err err, const lq_store_head *head) {
  waited *w = context;
  if (head) w->head = *head;
  waited_called(w, err);
}
static inline void waited_item(void *context, lq_err err, const char *sk, lq_span body) {
  waited *w = context;
  (void)sk;
  if (err) {
    waited_called(w, err);
    return;
  }
  w->items++;
  w->last_bytes = body.bytes < sizeof w->last ? body.bytes : sizeof w->last;
  if (w->last_bytes) memcpy(w->last, body.data, w->last_bytes);
}
static inline void wait_calls(waited *w, uint32_t calls) {
  while (w->calls < calls) lq_loop_run(w->t->loop);
}

static inline lq_session_name session_named(uint32_t number) {
  lq_session_name name = {.tenant = "acme", .game = "demo"};
  (void)snprintf(name.session, sizeof name.session, "s%u", (unsigned)number);
  return name;
}
static inline lq_store_head head_fresh(void) {
  return (lq_store_head){
      .checkpoint_tick = UINT64_MAX, .seed = 7, .created_ms = 1, .state = LQ_HEAD_HIBERNATED};
}
static inline lq_err session_create(folder_under_test *t, lq_store *store,
                                    const lq_session_name *name) {
  waited w = {.t = t};
  lq_store_head head = head_fresh();
  store->create(store, name, &head, waited_done, &w);
  wait_calls(&w, 1);
  return w.err;
}
static inline lq_err session_acquire(folder_under_test *t, lq_store *store,
                                     const lq_session_name *name, lq_store_head *head) {
  waited w = {.t = t};
  store->acquire(store, name, waited_head, &w);
  wait_calls(&w, 1);
  *head = w.head;
  return w.err;
}
static inline lq_store_slice slice_next(const lq_session_name *name, const lq_store_head *now,
                                        lq_span body) {
  lq_store_slice slice = {
      .name = *name, .epoch = now->epoch, .slice = now->slice + 1, .body = body};
  slice.head = *now;
  slice.head.state = LQ_HEAD_LIVE;
  slice.head.slice++;
  slice.head.tick += 10;
  return slice;
}
/* Commits the next slice and moves *head on. */
static inline lq_err slice_commit(folder_under_test *t, lq_store *store,
                                  const lq_session_name *name, lq_store_head *head, lq_span body) {
  waited w = {.t = t};
  lq_store_slice slice = slice_next(name, head, body);
  lq_err err = store->commit(store, &slice, 1, waited_committed, &w);
  if (err) return err;
  wait_calls(&w, 1);
  if (!w.err) *head = slice.head;
  return w.err;
}
static inline lq_err session_checkpoint(folder_under_test *t, lq_store *store,
                                        const lq_session_name *name, lq_store_head *head,
                                        lq_head_state state) {
  waited w = {.t = t};
  lq_store_head next = *head;
  next.checkpoint_tick = next.tick;
  next.checkpoint_slice = next.slice;
  next.state = (uint8_t)state;
  store->checkpoint(store, name, &next, lq_span_text("state"), waited_done, &w);
  wait_calls(&w, 1);
  if (!w.err) *head = next;
  return w.err;
}
static inline lq_err session_head(folder_under_test *t, lq_store *store,
                                  const lq_session_name *name, lq_store_head *head) {
  waited w = {.t = t};
  store->head(store, name, waited_head, &w);
  wait_calls(&w, 1);
  *head = w.head;
  return w.err;
}
static inline uint32_t slices_count(folder_under_test *t, lq_store *store,
                                    const lq_session_name *name, waited *out) {
  *out = (waited){.t = t};
  store->slices(store, name, 1, UINT64_MAX, 0, waited_item, out);
  wait_calls(out, 1);
  return out->items;
}

#endif
