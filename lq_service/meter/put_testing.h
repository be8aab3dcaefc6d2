/* A memory store of the tenant "acme", and a way to put a record into it. */
#ifndef LQ_SERVICE_METER_PUT_TESTING_H
#define LQ_SERVICE_METER_PUT_TESTING_H

#include "lq_service/port/store_memory.h"
#include "tests/lq_test.h"

static lq_memory_data *data;
static lq_store *store;

static void changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  *(lq_err *)context = err;
}

static void put(const char *sk, lq_span value) {
  lq_store_item item = {.value = value, .expect = LQ_ITEM_ANY};
  memcpy(item.sk, sk, strlen(sk) + 1);
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  lq_err err = LQ_ERR_COUNT;
  store->change(store, &change, changed, &err);
  while (lq_store_memory_run(store)) {
  }
  assert_ok(err);
}

#endif
