/* A tenant's store over memory, for the tests of the stream. */
#ifndef LQ_SERVICE_CARRY_CARRY_TESTING_H
#define LQ_SERVICE_CARRY_CARRY_TESTING_H

#include "lq_host/host.h"
#include "lq_service/audit/entry.h"
#include "lq_service/audit/tree.h"
#include "lq_service/carry/carry.h"
#include "lq_service/port/store_memory.h"
#include "lq_service/tenant/tenant_store.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct shelf {
  char folder[64];
  lq_memory_data *data;
  lq_store *real, *store;
  lq_keyring *ring;
  bool done;
  lq_err err;
} shelf;

static void shelf_done(void *context, lq_err err) {
  shelf *s = context;
  s->err = err;
  s->done = true;
}
static void shelf_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  shelf_done(context, err);
}
static void shelf_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)user;
  shelf_changed(context, err, leaf);
}
static void shelf_wait(void *context, const bool *done) {
  shelf *s = context;
  while (!*done) assert_true(lq_store_memory_run(s->real));
}
static void shelf_must(shelf *s) {
  shelf_wait(s, &s->done);
  assert_ok(s->err);
  s->done = false;
}
static void shelf_begin(shelf *s) {
  lq_diag diag;
  static const uint8_t root[32] = {1};
  *s = (shelf){.data = lq_memory_data_open()};
  (void)snprintf(s->folder, sizeof s->folder, "/tmp/lq_carry_XXXXXX");
  assert_non_null(mkdtemp(s->folder));
  s->real = lq_store_memory_open(s->data);
  assert_ok(lq_keyring_open(s->folder, "acme", root, true, &s->ring, &diag));
  assert_ok(lq_tenant_store_open(s->real, "acme", s->ring, &s->store));
  lq_tenant_store_ready(s->store, shelf_done, s);
  shelf_must(s);
}
static void shelf_end(shelf *s) {
  char path[96];
  while (lq_store_memory_run(s->real)) {
  }
  s->store->close(s->store);
  s->real->close(s->real);
  lq_keyring_close(s->ring);
  lq_memory_data_close(s->data);
  (void)snprintf(path, sizeof path, "%s/acme.keys", s->folder);
  (void)unlink(path);
  assert_int_equal(rmdir(s->folder), 0);
}

/* ---- a stream in memory ---- */

typedef struct tape {
  uint8_t *data;
  size_t bytes, capacity;
} tape;

static lq_err tape_take(void *context, lq_span bytes) {
  tape *t = context;
  if (t->bytes + bytes.bytes > t->capacity) {
    t->capacity = (t->bytes + bytes.bytes) * 2;
    t->data = realloc(t->data, t->capacity);
    assert_non_null(t->data);
  }
  memcpy(t->data + t->bytes, bytes.data, bytes.bytes);
  t->bytes += bytes.bytes;
  return LQ_OK;
}

#endif
