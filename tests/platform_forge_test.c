/* Whoever can write lq.db, page sums and all, makes no user, no API key and no tenant of his own: a
 * real folder after its first start, and a handle on its file that knows no keys. */
#include "lq_local/store_sqlite.h"
#include "lq_service/tenant/first.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ITEMS_MAX = 32, VALUE_BYTES = 1024 };

typedef struct row {
  char sk[LQ_STORE_SK_BYTES];
  uint64_t version;
  uint8_t value[VALUE_BYTES];
  size_t bytes;
} row;

typedef struct world {
  char folder[64], keys[80];
  uint8_t root;
  lq_loop *loop;
  lq_store *raw; /* what a forger has */
  lq_tenants *tenants;
  lq_first_keys first;
  bool done;
  lq_err err;
  row row[ITEMS_MAX]; /* what came of the last reading */
  uint32_t count;
} world;

static void ended(world *w, lq_err err) {
  w->err = err;
  w->done = true;
  lq_loop_stop(w->loop);
}
static lq_err wait(world *w) {
  while (!w->done) lq_loop_run(w->loop);
  w->done = false;
  return w->err;
}

static void store_begin(world *w) {
  lq_diag diag = {0};
  lq_store_sqlite_options options = {.folder = w->folder};
  assert_ok(lq_loop_open(&w->loop));
  assert_ok(lq_store_sqlite_open(w->loop, &options, &w->raw, &diag));
}
static lq_err tenants_try(world *w, lq_diag *diag) {
  lq_tenants_options options = {.store = w->raw, .keys = w->keys, .root = {w->root}};
  *diag = (lq_diag){0};
  return lq_tenants_open(&options, &w->tenants, diag);
}
static void started(void *context, lq_err err, const lq_diag *diag, const lq_first_keys *keys) {
  world *w = context;
  (void)diag;
  if (keys) w->first = *keys;
  ended(w, err);
}
static world *begin(uint8_t root) {
  world *w = calloc(1, sizeof *w);
  lq_diag diag;
  assert_non_null(w);
  w->root = root;
  (void)snprintf(w->folder, sizeof w->folder, "/tmp/lq_forge_XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  (void)snprintf(w->keys, sizeof w->keys, "%s/keys", w->folder);
  store_begin(w);
  assert_ok(tenants_try(w, &diag));
  lq_first_start(w->tenants, "acme", started, w);
  assert_ok(wait(w));
  return w;
}
static void store_end(world *w) {
  lq_tenants_stop(w->tenants);
  w->raw->close(w->raw);
  lq_tenants_close(w->tenants);
  w->tenants = NULL;
  lq_loop_close(w->loop);
}
static void end(world *w) {
  char command[160];
  store_end(w);
  (void)snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
  free(w);
}

/* ---- the forger's handle ---- */

static void row_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  world *w = context;
  if (err) {
    w->err = err;
    return;
  }
  if (w->count == ITEMS_MAX) return;
  row *r = &w->row[w->count++];
  *r = (row){.version = version, .bytes = value.bytes};
  assert_true(value.bytes <= VALUE_BYTES && lq_text_copy(r->sk, sizeof r->sk, lq_span_text(sk)));
  memcpy(r->value, value.data, value.bytes);
}
/* What lies there, of every kind that means something. */
static uint32_t rows_read(world *w, row out[ITEMS_MAX]) {
  static const char *const kinds[] = {"TENANT#", "USER#", "APIKEY#", "DETAIL#"};
  w->count = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    uint32_t before = w->count;
    w->raw->items(w->raw, LQ_STORE_PLATFORM, kinds[i], NULL, 0, row_came, w);
    assert_true(w->count > before);
  }
  memcpy(out, w->row, sizeof w->row);
  return w->count;
}
static void changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  ended(context, err);
}
static void put(world *w, const char *sk, const uint8_t *value, size_t bytes) {
  lq_store_item item = {.value = lq_span_of(value, bytes), .expect = LQ_ITEM_ANY};
  lq_store_change change = {.tenant = LQ_STORE_PLATFORM, .items = &item, .item_count = 1};
  (void)lq_text_copy(item.sk, sizeof item.sk, lq_span_text(sk));
  w->raw->change(w->raw, &change, changed, w);
  assert_ok(wait(w));
}
/* In its place with that very version, which is a column of the table like others. */
static void put_as(world *w, const char *sk, uint64_t version, const row *from) {
  put(w, sk, NULL, 0);
  for (uint64_t i = 0; i < version; i++) put(w, sk, from->value, from->bytes);
}

/* ---- what the server reads ---- */

static lq_err reads(world *w, const char *sk, row *out) {
  lq_store *store = lq_tenants_platform(w->tenants);
  w->count = 0;
  w->err = LQ_OK;
  store->item(store, LQ_STORE_PLATFORM, sk, row_came, w);
  if (out) *out = w->row[0];
  return w->err;
}
static lq_err operator_enters(world *w) {
  lq_user_key key;
  return lq_user_key_find(w->tenants, lq_span_text(w->first.operator_key), 1, &key);
}
/* A start on the folder as it is now. */
static lq_err starts(world *w, lq_diag *diag) {
  store_end(w);
  store_begin(w);
  return tenants_try(w, diag);
}

LQ_TEST(an_item_of_any_kind_that_was_written_past_the_server_is_refused) {
  world *w = begin(1), *other = begin(2);
  static row own[ITEMS_MAX], foreign[ITEMS_MAX];
  uint32_t count = rows_read(w, own), foreign_count = rows_read(other, foreign);
  for (uint32_t i = 0; i < count; i++) {
    const row *is = &own[i];
    row text;
    assert_ok(reads(w, is->sk, &text));
    assert_int_equal(text.bytes + 32, is->bytes);
    put_as(w, is->sk, is->version, &text); /* in plain words: what was believed once */
    assert_int_equal(reads(w, is->sk, NULL), LQ_ERR_CORRUPT);
    for (uint32_t k = 0; k < count; k++) { /* another one's, which was sealed here */
      if (k == i) continue;
      put_as(w, is->sk, is->version, &own[k]);
      assert_int_equal(reads(w, is->sk, NULL), LQ_ERR_CORRUPT);
    }
    for (uint32_t k = 0; k < foreign_count; k++) /* of another server, most of all of this name */
      if (!strncmp(foreign[k].sk, is->sk, 6)) {
        put_as(w, is->sk, is->version, &foreign[k]);
        assert_int_equal(reads(w, is->sk, NULL), LQ_ERR_CORRUPT);
      }
    put_as(w, is->sk, is->version, is);
    assert_ok(reads(w, is->sk, NULL));
  }
  end(w);
  end(other);
}

LQ_TEST(forged_records_let_nobody_in_and_the_next_start_names_them) {
  static const char *const user =
      "{\"user\":\"mallory\",\"name\":\"\",\"roles\":[\"operator\"],\"epoch\":1,"
      "\"disabled\":false,\"created_ms\":1}";
  static const char *const tenant = "{\"state\":\"active\",\"created_ms\":1}";
  world *w = begin(1);
  char key_text[LQ_API_KEY_BYTES], record[512], hex[65], sk[LQ_STORE_SK_BYTES];
  uint8_t random[32] = {7};
  lq_api_key made;
  lq_user_key key;
  lq_user mallory;
  lq_diag diag;
  lq_api_key_make(random, key_text, &made);
  lq_hex(made.digest.bytes, 32, hex);
  int bytes = snprintf(record, sizeof record,
                       "{\"key\":\"%s\",\"tenant\":\"_\",\"user\":\"root\",\"label\":\"\","
                       "\"created_ms\":1,\"expires_ms\":0,\"digest\":\"%s\"}",
                       made.id, hex);
  (void)snprintf(sk, sizeof sk, "APIKEY#%s", made.id);
  const struct {
    const char *sk;
    lq_span text;
  } forged[] = {{sk, lq_span_of(record, (size_t)bytes)},
                {"USER#mallory", lq_span_text(user)},
                {"TENANT#evil", lq_span_text(tenant)}};
  for (size_t i = 0; i < 3; i++) {
    put(w, forged[i].sk, forged[i].text.data, forged[i].text.bytes);
    if (i == 0)
      assert_int_equal(lq_user_key_find(w->tenants, lq_span_text(key_text), 1, &key),
                       LQ_ERR_CORRUPT);
    if (i == 1)
      assert_int_equal(lq_user_get(w->tenants, LQ_STORE_PLATFORM, "mallory", &mallory),
                       LQ_ERR_CORRUPT);
    lq_tenant_record tenant_record;
    if (i == 2)
      assert_int_equal(lq_tenant_record_get(w->tenants, "evil", &tenant_record), LQ_ERR_CORRUPT);
    assert_int_equal(starts(w, &diag), LQ_ERR_CORRUPT);
    assert_non_null(strstr(diag.message, forged[i].sk));
    assert_non_null(strstr(diag.message, "forged"));
    assert_true(diag.mend[0] != 0);
    put(w, forged[i].sk, NULL, 0);
    assert_ok(tenants_try(w, &diag));
    assert_ok(operator_enters(w));
  }
  end(w);
}

static void put_done(void *context, lq_err err) { ended(context, err); }

LQ_TEST(an_older_text_does_not_go_for_a_newer_one) {
  static row rows[ITEMS_MAX];
  world *w = begin(1);
  const row *old = NULL;
  lq_user root;
  lq_diag diag;
  const lq_actor actor = {"", ""};
  uint32_t count = rows_read(w, rows);
  for (uint32_t i = 0; i < count; i++)
    if (!strcmp(rows[i].sk, "USER#root")) old = &rows[i];
  assert_non_null(old);
  assert_ok(lq_user_get(w->tenants, LQ_STORE_PLATFORM, "root", &root));
  root.disabled = true;
  lq_user_put(w->tenants, LQ_STORE_PLATFORM, &root, &actor, put_done, w);
  assert_ok(wait(w));
  put_as(w, old->sk, 2, old);
  assert_int_equal(lq_user_get(w->tenants, LQ_STORE_PLATFORM, "root", &root), LQ_ERR_CORRUPT);
  assert_int_equal(starts(w, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "USER#root"));
  put_as(w, old->sk, 1, old); /* said plainly in tenant_store.h: this nobody can see */
  assert_ok(tenants_try(w, &diag));
  end(w);
}

LQ_TEST(without_its_keys_the_platform_is_not_taken_for_a_new_one) {
  world *w = begin(1);
  lq_diag diag;
  char path[120], aside[120];
  (void)snprintf(path, sizeof path, "%s/_.keys", w->keys);
  (void)snprintf(aside, sizeof aside, "%s/aside", w->keys);
  w->root = 9;
  assert_int_equal(starts(w, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "the platform"));
  assert_non_null(strstr(diag.mend, "root key"));
  w->root = 1;
  assert_int_equal(rename(path, aside), 0);
  assert_int_equal(tenants_try(w, &diag), LQ_ERR_NOT_FOUND);
  assert_non_null(strstr(diag.message, "_.keys"));
  assert_non_null(strstr(diag.mend, "LQ_KEYS"));
  assert_false(lq_file_exists(path));
  assert_int_equal(rename(aside, path), 0);
  assert_ok(tenants_try(w, &diag));
  assert_ok(operator_enters(w));
  end(w);
}
