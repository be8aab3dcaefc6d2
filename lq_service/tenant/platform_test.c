/* The operator's partition over the store in memory: the form of what is sealed, bit by bit, and
 * who makes its keys. */
#include "lq_base/random.h"
#include "lq_service/port/store_memory.h"
#include "lq_service/tenant/tenants.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct world {
  char folder[64];
  lq_memory_data *data;
  lq_store *real;
  lq_keyring *ring;
  lq_store *store;
  bool done;
  lq_err err;
  uint64_t version;
  uint8_t value[512];
  size_t bytes;
} world;

static world *begin(void) {
  world *w = calloc(1, sizeof *w);
  static const uint8_t root[32] = {3};
  lq_diag diag = {0};
  assert_non_null(w);
  (void)snprintf(w->folder, sizeof w->folder, "/tmp/lq_platform_XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  w->data = lq_memory_data_open();
  w->real = lq_store_memory_open(w->data);
  assert_ok(lq_keyring_open(w->folder, LQ_STORE_PLATFORM, root, true, &w->ring, &diag));
  assert_ok(lq_platform_store_open(w->real, w->ring, true, &w->store));
  return w;
}
static void end(world *w) {
  w->real->close(w->real);
  w->store->close(w->store);
  lq_keyring_close(w->ring);
  assert_ok(lq_keyring_shred(w->folder, LQ_STORE_PLATFORM));
  lq_memory_data_close(w->data);
  assert_int_equal(rmdir(w->folder), 0);
  free(w);
}

static void changed(void *context, lq_err err, uint64_t leaf) {
  world *w = context;
  (void)leaf;
  w->err = err;
  w->done = true;
}
static lq_err put(world *w, lq_store *store, const char *sk, lq_span value, uint64_t expect) {
  lq_store_item item = {.value = value, .expect = expect};
  lq_store_change change = {.tenant = LQ_STORE_PLATFORM, .items = &item, .item_count = 1};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  w->done = false;
  store->change(store, &change, changed, w);
  while (!w->done) assert_true(lq_store_memory_run(w->real));
  return w->err;
}
static void came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  world *w = context;
  (void)sk;
  w->err = err;
  w->version = version;
  w->bytes = value.bytes;
  if (!err) memcpy(w->value, value.data, value.bytes);
}
static lq_err get(world *w, lq_store *store, const char *sk) {
  store->item(store, LQ_STORE_PLATFORM, sk, came, w);
  return w->err;
}
/* Past the seal, and with version 1. */
static void forge(world *w, const char *sk, const uint8_t *value, size_t bytes) {
  assert_ok(put(w, w->real, sk, (lq_span){0}, LQ_ITEM_ANY));
  assert_ok(put(w, w->real, sk, lq_span_of(value, bytes), LQ_ITEM_ABSENT));
}

LQ_TEST(no_other_bytes_than_those_that_were_sealed_open) {
  world *w = begin();
  uint8_t sealed[512], other[512];
  assert_ok(put(w, w->store, "USER#ann", lq_span_text("{\"user\":\"ann\"}"), LQ_ITEM_ABSENT));
  assert_ok(get(w, w->real, "USER#ann"));
  size_t bytes = w->bytes;
  memcpy(sealed, w->value, bytes);
  assert_int_equal(bytes, 14 + 32);
  for (size_t bit = 0; bit < bytes * 8; bit++) {
    memcpy(other, sealed, bytes);
    other[bit / 8] ^= (uint8_t)(1u << bit % 8);
    forge(w, "USER#ann", other, bytes);
    assert_int_equal(get(w, w->store, "USER#ann"), LQ_ERR_CORRUPT);
  }
  for (size_t cut = 0; cut < bytes; cut++) {
    forge(w, "USER#ann", sealed, cut);
    assert_int_equal(get(w, w->store, "USER#ann"), LQ_ERR_CORRUPT);
  }
  lq_prng random;
  lq_prng_seed(&random, 11);
  for (int i = 0; i < 2000; i++) {
    size_t length = (size_t)(lq_prng_next(&random) % 200);
    for (size_t k = 0; k < length; k++) other[k] = (uint8_t)lq_prng_next(&random);
    if (i % 2 && length > 4) memcpy(other, sealed, 4 + length % 13);
    forge(w, "USER#ann", other, length);
    assert_int_equal(get(w, w->store, "USER#ann"), LQ_ERR_CORRUPT);
  }
  forge(w, "USER#ann", sealed, bytes);
  assert_ok(get(w, w->store, "USER#ann"));
  assert_memory_equal(w->value, "{\"user\":\"ann\"}", 14);
  end(w);
}

LQ_TEST(an_item_over_whatever_is_there_is_sealed_for_the_version_that_it_gets) {
  world *w = begin();
  for (uint64_t version = 1; version <= 3; version++) {
    assert_ok(put(w, w->store, "POLICY#p", lq_span_text("{}"), LQ_ITEM_ANY));
    assert_ok(get(w, w->store, "POLICY#p"));
    assert_int_equal(w->version, version);
  }
  assert_ok(put(w, w->store, "POLICY#p", (lq_span){0}, LQ_ITEM_ANY));
  assert_int_equal(get(w, w->store, "POLICY#p"), LQ_ERR_NOT_FOUND);
  assert_ok(put(w, w->store, "POLICY#p", lq_span_text("{}"), LQ_ITEM_ANY));
  assert_ok(get(w, w->store, "POLICY#p"));
  assert_int_equal(put(w, w->store, "POLICY#p", lq_span_text("x"), 7), LQ_ERR_CONFLICT);
  end(w);
}

LQ_TEST(the_same_keys_open_it_again_and_a_tenants_keys_do_not) {
  static const uint8_t root[32] = {3};
  world *w = begin();
  lq_diag diag = {0};
  lq_keyring *ring = NULL;
  lq_store *again = NULL;
  char sk[LQ_STORE_SK_BYTES];
  assert_ok(put(w, w->store, "USER#ann", lq_span_text("{}"), LQ_ITEM_ABSENT));
  assert_ok(lq_keyring_open(w->folder, LQ_STORE_PLATFORM, root, false, &ring, &diag));
  assert_ok(lq_platform_store_open(w->real, ring, false, &again));
  assert_ok(get(w, again, "USER#ann"));
  assert_ok(lq_platform_store_check(again, "USER#", sk));
  again->close(again);
  lq_keyring_close(ring);
  assert_ok(lq_keyring_open(w->folder, "acme", root, true, &ring, &diag));
  assert_ok(lq_platform_store_open(w->real, ring, false, &again));
  assert_int_equal(get(w, again, "USER#ann"), LQ_ERR_CORRUPT);
  assert_int_equal(lq_platform_store_check(again, "USER#", sk), LQ_ERR_CORRUPT);
  assert_string_equal(sk, "USER#ann");
  again->close(again);
  lq_keyring_close(ring);
  assert_ok(lq_keyring_shred(w->folder, "acme"));
  end(w);
}

LQ_TEST(who_joins_or_only_looks_makes_no_keys) {
  world *w = begin();
  lq_tenants *tenants = NULL;
  lq_tenant_record record;
  lq_diag diag = {0};
  lq_tenants_options options = {.store = w->real, .keys = w->folder, .root = {3}, .joins = true};
  assert_ok(lq_keyring_shred(w->folder, LQ_STORE_PLATFORM));
  assert_int_equal(lq_tenants_open(&options, &tenants, &diag), LQ_ERR_NOT_FOUND);
  options.joins = false;
  options.read_only = true; /* nothing is there, and that can be said */
  assert_ok(lq_tenants_open(&options, &tenants, &diag));
  assert_int_equal(lq_tenant_record_get(tenants, "acme", &record), LQ_ERR_UNKNOWN_TENANT);
  lq_tenants_close(tenants);
  assert_ok(put(w, w->real, "TENANT#acme", lq_span_text("sealed elsewhere"), LQ_ITEM_ABSENT));
  assert_int_equal(lq_tenants_open(&options, &tenants, &diag), LQ_ERR_NOT_FOUND);
  options.read_only = false;
  assert_int_equal(lq_tenants_open(&options, &tenants, &diag), LQ_ERR_NOT_FOUND);
  end(w);
}
