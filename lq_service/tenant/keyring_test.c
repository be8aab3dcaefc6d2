/* The key store: files that check themselves, and keys that open only what they are for. */
#include "lq_service/tenant/keyring.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct keys {
  char folder[64];
  uint8_t root[32];
  lq_diag diag;
} keys;

static keys begin(void) {
  keys k = {.folder = "/tmp/lq_keys_XXXXXX", .root = {1, 2, 3}};
  assert_non_null(mkdtemp(k.folder));
  return k;
}
static const char *file(const keys *k, const char *name) {
  static char path[128];
  (void)snprintf(path, sizeof path, "%s/%s", k->folder, name);
  return path;
}
static void end(keys *k) {
  static const char *const names[] = {"acme.keys", "zeta.keys", "root.key", "root.salt"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)unlink(file(k, names[i]));
  assert_int_equal(rmdir(k->folder), 0);
}
static lq_keyring *open_ring(keys *k, const char *tenant) {
  lq_keyring *ring = NULL;
  assert_ok(lq_keyring_open(k->folder, tenant, k->root, true, &ring, &k->diag));
  return ring;
}

static const uint8_t data_key[32] = {9, 8, 7, 6, 5};

static void opens(lq_keyring *ring, const char *purpose, const uint8_t wrapped[LQ_WRAPPED_BYTES]) {
  uint8_t key[32] = {0};
  assert_ok(lq_keyring_unwrap(ring, purpose, lq_span_of(wrapped, LQ_WRAPPED_BYTES), key));
  assert_memory_equal(key, data_key, 32);
}

LQ_TEST(keys_come_back_when_they_are_opened_again) {
  keys k = begin();
  uint8_t wrapped[LQ_WRAPPED_BYTES];
  lq_keyring *ring = open_ring(&k, "acme");
  assert_ok(lq_keyring_wrap(ring, "KEY#ITEMS", data_key, wrapped));
  lq_keyring_close(ring);
  struct stat about;
  assert_int_equal(stat(file(&k, "acme.keys"), &about), 0);
  assert_int_equal(about.st_mode & 0777, 0600);
  assert_ok(lq_keyring_open(k.folder, "acme", k.root, false, &ring, &k.diag));
  opens(ring, "KEY#ITEMS", wrapped);
  lq_keyring_close(ring);
  assert_int_equal(lq_keyring_open(k.folder, "zeta", k.root, false, &ring, &k.diag),
                   LQ_ERR_NOT_FOUND);
  assert_null(ring);
  end(&k);
}

LQ_TEST(another_root_key_opens_nothing) {
  keys k = begin();
  lq_keyring_close(open_ring(&k, "acme"));
  k.root[31] ^= 1;
  lq_keyring *ring;
  assert_int_equal(lq_keyring_open(k.folder, "acme", k.root, true, &ring, &k.diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(k.diag.message, "acme"));
  assert_non_null(strstr(k.diag.mend, "root key"));
  end(&k);
}

LQ_TEST(keys_of_another_tenant_in_the_file_are_refused) {
  keys k = begin();
  lq_keyring_close(open_ring(&k, "acme"));
  char to[128];
  (void)snprintf(to, sizeof to, "%s/zeta.keys", k.folder);
  assert_int_equal(rename(file(&k, "acme.keys"), to), 0);
  lq_keyring *ring;
  assert_int_equal(lq_keyring_open(k.folder, "zeta", k.root, true, &ring, &k.diag), LQ_ERR_CORRUPT);
  end(&k);
}

LQ_TEST(each_flipped_byte_and_each_cut_of_the_file_is_found) {
  keys k = begin();
  lq_keyring_close(open_ring(&k, "acme"));
  uint8_t *data = NULL;
  size_t bytes = 0;
  lq_keyring *ring;
  assert_ok(lq_file_read(file(&k, "acme.keys"), 4096, &data, &bytes));
  for (size_t i = 0; i < bytes; i++) {
    data[i] ^= 0x40;
    assert_ok(lq_file_write(file(&k, "acme.keys"), lq_span_of(data, bytes)));
    assert_int_not_equal(lq_keyring_open(k.folder, "acme", k.root, true, &ring, &k.diag), 0);
    data[i] ^= 0x40;
    assert_ok(lq_file_write(file(&k, "acme.keys"), lq_span_of(data, i)));
    assert_int_not_equal(lq_keyring_open(k.folder, "acme", k.root, true, &ring, &k.diag), 0);
  }
  lq_file_free(data);
  end(&k);
}

LQ_TEST(wrapped_key_opens_for_its_tenant_and_purpose_alone) {
  keys k = begin();
  uint8_t wrapped[LQ_WRAPPED_BYTES], key[32];
  lq_keyring *acme = open_ring(&k, "acme"), *zeta = open_ring(&k, "zeta");
  assert_ok(lq_keyring_wrap(acme, "KEY#S#demo#a", data_key, wrapped));
  lq_span all = lq_span_of(wrapped, sizeof wrapped);
  assert_int_equal(lq_keyring_unwrap(acme, "KEY#S#demo#b", all, key), LQ_ERR_CORRUPT);
  assert_int_equal(lq_keyring_unwrap(acme, "KEY#S#dem#oa", all, key), LQ_ERR_CORRUPT);
  assert_int_equal(lq_keyring_unwrap(zeta, "KEY#S#demo#a", all, key), LQ_ERR_CORRUPT);
  for (size_t i = 0; i < sizeof wrapped; i++) {
    wrapped[i] ^= 1;
    assert_int_not_equal(lq_keyring_unwrap(acme, "KEY#S#demo#a", all, key), 0);
    wrapped[i] ^= 1;
    assert_int_equal(lq_keyring_unwrap(acme, "KEY#S#demo#a", lq_span_of(wrapped, i), key),
                     LQ_ERR_CORRUPT);
  }
  opens(acme, "KEY#S#demo#a", wrapped);
  lq_keyring_close(acme);
  lq_keyring_close(zeta);
  end(&k);
}

LQ_TEST(rotation_keeps_the_old_version_until_it_is_retired) {
  keys k = begin();
  uint8_t old[LQ_WRAPPED_BYTES], fresh[LQ_WRAPPED_BYTES], key[32];
  lq_keyring *ring = open_ring(&k, "acme");
  assert_ok(lq_keyring_wrap(ring, "A", data_key, old));
  assert_ok(lq_keyring_rotate(ring));
  assert_int_equal(lq_keyring_version(ring), 2);
  assert_ok(lq_keyring_wrap(ring, "A", data_key, fresh));
  assert_int_equal(lq_wrapped_version(lq_span_of(old, sizeof old)), 1);
  assert_int_equal(lq_wrapped_version(lq_span_of(fresh, sizeof fresh)), 2);
  lq_keyring_close(ring);
  ring = open_ring(&k, "acme");
  assert_int_equal(lq_keyring_versions(ring), 2);
  opens(ring, "A", old);
  opens(ring, "A", fresh);
  assert_ok(lq_keyring_retire(ring));
  for (int again = 0; again < 2; again++) {
    assert_int_equal(lq_keyring_unwrap(ring, "A", lq_span_of(old, sizeof old), key),
                     LQ_ERR_NOT_FOUND);
    opens(ring, "A", fresh);
    lq_keyring_close(ring);
    ring = open_ring(&k, "acme");
  }
  for (uint32_t i = lq_keyring_versions(ring); i < LQ_KEY_VERSIONS_MAX; i++)
    assert_ok(lq_keyring_rotate(ring));
  assert_int_equal(lq_keyring_rotate(ring), LQ_ERR_FULL);
  opens(ring, "A", fresh);
  lq_keyring_close(ring);
  end(&k);
}

LQ_TEST(shredded_keys_are_gone) {
  keys k = begin();
  lq_keyring *ring = open_ring(&k, "acme");
  lq_keyring_close(ring);
  assert_ok(lq_keyring_shred(k.folder, "acme"));
  assert_false(lq_file_exists(file(&k, "acme.keys")));
  assert_int_equal(lq_keyring_open(k.folder, "acme", k.root, false, &ring, &k.diag),
                   LQ_ERR_NOT_FOUND);
  assert_ok(lq_keyring_shred(k.folder, "acme"));
  end(&k);
}

/* What lq_file_write leaves when it is killed between writing and renaming. */
LQ_TEST(shred_finds_keys_that_a_crash_left_beside_their_file) {
  keys k = begin();
  uint8_t *data = NULL;
  size_t bytes = 0;
  lq_keyring_close(open_ring(&k, "acme"));
  lq_keyring_close(open_ring(&k, "zeta"));
  assert_ok(lq_file_read(file(&k, "acme.keys"), 65536, &data, &bytes));
  assert_ok(lq_file_write(file(&k, ".acme.keys.Xy12ab"), lq_span_of(data, bytes)));
  lq_file_free(data);
  assert_ok(lq_keyring_shred(k.folder, "acme"));
  assert_false(lq_file_exists(file(&k, ".acme.keys.Xy12ab")));
  assert_true(lq_file_exists(file(&k, "zeta.keys")));
  end(&k);
}

LQ_TEST(root_key_comes_from_its_passphrase_alone) {
  keys k = begin();
  uint8_t first[32], again[32];
  assert_ok(lq_root_from_passphrase(k.folder, "correct horse", first, &k.diag));
  assert_ok(lq_root_from_passphrase(k.folder, "correct horse", again, &k.diag));
  assert_memory_equal(first, again, 32);
  assert_int_equal(lq_root_from_passphrase(k.folder, "correct hors", again, &k.diag),
                   LQ_ERR_UNAUTHORIZED);
  assert_int_equal(lq_root_from_passphrase(k.folder, "", again, &k.diag), LQ_ERR_INVALID);
  assert_ok(unlink(file(&k, "root.salt")));
  assert_ok(lq_root_from_passphrase(k.folder, "correct horse", again, &k.diag));
  assert_memory_not_equal(first, again, 32);
  end(&k);
}

LQ_TEST(secret_is_made_once_and_damage_is_named) {
  keys k = begin();
  uint8_t first[32], again[32];
  assert_ok(lq_secret_need(k.folder, "root.key", first, &k.diag));
  assert_ok(lq_secret_need(k.folder, "root.key", again, &k.diag));
  assert_memory_equal(first, again, 32);
  assert_ok(lq_file_write(file(&k, "root.key"), lq_span_text("short")));
  assert_int_equal(lq_secret_need(k.folder, "root.key", again, &k.diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(k.diag.message, "root.key"));
  end(&k);
}
