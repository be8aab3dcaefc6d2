/* The key store's files. */
#include "lq_service/tenant/keyring.h"
#include "lq_base/plant.h"
#include "lq_service/port/store.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  SECRET_BYTES = 32,
  DIGEST_BYTES = 32,
  PATH_BYTES = 1200,
  RING_VERSION = 1,
  RING_HEADER_BYTES = 12,
  RING_ENTRY_BYTES = 4 + 8 + LQ_NONCE_BYTES + LQ_KEY_BYTES + LQ_TAG_BYTES,
  RING_BYTES_MAX = RING_HEADER_BYTES + RING_ENTRY_BYTES * LQ_KEY_VERSIONS_MAX + DIGEST_BYTES,
  WRAP_VERSION = 1,
  CONTEXT_BYTES = 512,
  SALT_VERSION = 1,
  SALT_BYTES = 8 + 16 + 4 + 4 + 32,
  ARGON_PASSES = 3,
  ARGON_KIB = 64 << 10, /* 64 MiB: RFC 9106's second choice */
  ARGON_KIB_MAX = 1 << 20,
};
static const char RING_MAGIC[4] = {'L', 'Q', 'T', 'K'};
static const char SALT_MAGIC[4] = {'L', 'Q', 'R', 'S'};

typedef struct ring_key {
  uint32_t version;
  uint64_t created_ms;
  uint8_t key[LQ_KEY_BYTES];
  lq_aead *aead;
} ring_key;

struct lq_keyring {
  char path[PATH_BYTES];
  char tenant[LQ_TENANT_BYTES];
  uint8_t root[LQ_KEY_BYTES];
  ring_key key[LQ_KEY_VERSIONS_MAX]; /* ascending versions */
  uint32_t count;
  bool settled; /* the file's newest version is surely on the disk */
};

/* ---- files that check themselves ---- */

static bool path_of(const char *folder, const char *name, const char *suffix,
                    char out[PATH_BYTES]) {
  return snprintf(out, PATH_BYTES, "%s/%s%s", folder, name, suffix) < PATH_BYTES;
}

/* Everything but the digest at its end, which must be right. */
static lq_err checked_read(const char *path, size_t bytes_max, uint8_t **data, lq_span *body) {
  size_t bytes = 0;
  lq_err err = lq_file_read(path, bytes_max, data, &bytes);
  if (err) return err;
  if (bytes > DIGEST_BYTES) {
    *body = lq_span_of(*data, bytes - DIGEST_BYTES);
    lq_sha256 digest = lq_sha256_of(*body);
    if (memcmp(digest.bytes, *data + body->bytes, DIGEST_BYTES) == 0) return LQ_OK;
  }
  lq_wipe(*data, bytes);
  lq_file_free(*data);
  *data = NULL;
  return LQ_ERR_CORRUPT;
}

/* `data` has room for the digest behind `bytes`. */
static lq_err checked_write(const char *path, uint8_t *data, size_t bytes) {
  lq_sha256 digest = lq_sha256_of(lq_span_of(data, bytes));
  memcpy(data + bytes, digest.bytes, DIGEST_BYTES);
  return lq_file_write(path, lq_span_of(data, bytes + DIGEST_BYTES));
}

static lq_err secret_read(const char *path, uint8_t out[SECRET_BYTES]) {
  uint8_t *data = NULL;
  lq_span body;
  lq_err err = checked_read(path, 4096, &data, &body);
  if (err) return err;
  if (body.bytes == SECRET_BYTES)
    memcpy(out, body.data, SECRET_BYTES);
  else
    err = LQ_ERR_CORRUPT;
  lq_wipe(data, body.bytes);
  lq_file_free(data);
  return err;
}

static lq_err secret_make(const char *path, uint8_t out[SECRET_BYTES]) {
  uint8_t whole[SECRET_BYTES + DIGEST_BYTES];
  lq_err err = lq_random_bytes(out, SECRET_BYTES);
  if (err) return err;
  memcpy(whole, out, SECRET_BYTES);
  err = checked_write(path, whole, SECRET_BYTES);
  lq_wipe(whole, sizeof whole);
  return err;
}

lq_err lq_secret_need(const char *folder, const char *name, uint8_t out[32], lq_diag *diag) {
  char path[PATH_BYTES];
  if (!path_of(folder, name, "", path))
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the path of %.100s is too long", name);
  lq_err err = secret_read(path, out);
  if (err == LQ_ERR_NOT_FOUND) err = secret_make(path, out);
  if (!err) return LQ_OK;
  if (err == LQ_ERR_CORRUPT && diag)
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "restore it from a backup, or remove it: a new one is made, and what was given "
                   "out or sealed under the old one is lost");
  return lq_diag_set(diag, err, "the secret %.200s cannot be read or made: %s", path,
                     lq_err_cause(err));
}

/* ---- a passphrase ---- */

/* Without it, a wrong passphrase would look like damage. */
static void root_check(const uint8_t root[32], uint8_t out[32]) {
  lq_hkdf_sha256(lq_span_of(root, 32), (lq_span){0}, lq_span_text("lq root check"), out, 32);
}

static lq_err salt_make(const char *path, const char *passphrase, uint8_t out[32]) {
  uint8_t whole[SALT_BYTES + DIGEST_BYTES], check[32];
  lq_writer w = lq_writer_of(whole, SALT_BYTES);
  lq_write_bytes(&w, SALT_MAGIC, sizeof SALT_MAGIC);
  lq_write_u16(&w, SALT_VERSION);
  lq_write_u16(&w, 0);
  uint8_t *salt = lq_write_room(&w, 16);
  lq_err err = lq_random_bytes(salt, 16);
  if (!err) err = lq_argon2id(lq_span_text(passphrase), salt, ARGON_PASSES, ARGON_KIB, out);
  if (err) return err;
  lq_write_u32(&w, ARGON_PASSES);
  lq_write_u32(&w, ARGON_KIB);
  root_check(out, check);
  lq_write_bytes(&w, check, sizeof check);
  LQ_CHECK(!w.failed && w.bytes == SALT_BYTES);
  return checked_write(path, whole, SALT_BYTES);
}

static lq_err salt_use(lq_span body, const char *passphrase, uint8_t out[32]) {
  lq_reader in = lq_reader_of(body);
  uint8_t check[32];
  lq_span magic = lq_read_bytes(&in, sizeof SALT_MAGIC);
  if (!magic.data || memcmp(magic.data, SALT_MAGIC, sizeof SALT_MAGIC) != 0) return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != SALT_VERSION) return LQ_ERR_VERSION;
  if (lq_read_u16(&in) != 0) return LQ_ERR_CORRUPT;
  lq_span salt = lq_read_bytes(&in, 16);
  uint32_t passes = lq_read_u32(&in), kib = lq_read_u32(&in);
  lq_span wanted = lq_read_bytes(&in, 32);
  if (!lq_reader_done(&in) || passes < 1 || passes > 64 || kib < 8 || kib > ARGON_KIB_MAX)
    return LQ_ERR_CORRUPT;
  lq_err err = lq_argon2id(lq_span_text(passphrase), salt.data, passes, kib, out);
  if (err) return err;
  root_check(out, check);
  return lq_equal_constant_time(check, wanted.data, 32) ? LQ_OK : LQ_ERR_UNAUTHORIZED;
}

lq_err lq_root_from_passphrase(const char *folder, const char *passphrase, uint8_t out[32],
                               lq_diag *diag) {
  char path[PATH_BYTES];
  if (!passphrase[0]) return lq_diag_set(diag, LQ_ERR_INVALID, "the passphrase is empty");
  if (!path_of(folder, "root.salt", "", path))
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the key store's path is too long");
  uint8_t *data = NULL;
  lq_span body;
  lq_err err = checked_read(path, 4096, &data, &body);
  if (!err)
    err = salt_use(body, passphrase, out);
  else if (err == LQ_ERR_NOT_FOUND)
    err = salt_make(path, passphrase, out);
  lq_file_free(data);
  if (!err) return LQ_OK;
  lq_wipe(out, 32);
  if (err == LQ_ERR_UNAUTHORIZED)
    return lq_diag_set(diag, err, "this is not the passphrase that %.200s was made with", path);
  return lq_diag_set(diag, err, "%.200s: %s", path, lq_err_cause(err));
}

/* ---- the file of a tenant's keys ---- */

/* What a wrapped key is bound to. */
static lq_span context_of(uint8_t memory[CONTEXT_BYTES], const char *kind, const char *tenant,
                          const char *purpose, uint32_t version) {
  lq_writer w = lq_writer_of(memory, CONTEXT_BYTES);
  lq_write_sized(&w, kind, strlen(kind));
  lq_write_sized(&w, tenant, strlen(tenant));
  lq_write_sized(&w, purpose, strlen(purpose));
  lq_write_u32(&w, version);
  return w.failed ? (lq_span){0} : lq_writer_span(&w);
}

static lq_err ring_write(const lq_keyring *ring) {
  uint8_t memory[RING_BYTES_MAX], context[CONTEXT_BYTES];
  lq_aead *root = NULL;
  lq_writer w = lq_writer_of(memory, sizeof memory - DIGEST_BYTES);
  lq_write_bytes(&w, RING_MAGIC, sizeof RING_MAGIC);
  lq_write_u16(&w, RING_VERSION);
  lq_write_u16(&w, 0);
  lq_write_u32(&w, ring->count);
  lq_err err = lq_aead_open(ring->root, &root);
  for (uint32_t i = 0; i < ring->count && !err; i++) {
    const ring_key *k = &ring->key[i];
    lq_write_u32(&w, k->version);
    lq_write_u64(&w, k->created_ms);
    uint8_t *nonce = lq_write_room(&w, LQ_NONCE_BYTES), *key = lq_write_room(&w, LQ_KEY_BYTES);
    uint8_t *tag = lq_write_room(&w, LQ_TAG_BYTES);
    /* A nonce a write, at random: the root key wraps far fewer than 2^32 keys. */
    err = lq_random_bytes(nonce, LQ_NONCE_BYTES);
    if (!err)
      err = lq_aead_seal(root, nonce, context_of(context, "tenant", ring->tenant, "", k->version),
                         lq_span_of(k->key, LQ_KEY_BYTES), key, tag);
  }
  lq_aead_close(root);
  LQ_CHECK(!w.failed);
  if (!err) err = checked_write(ring->path, memory, w.bytes);
  return err;
}

static lq_err key_add(lq_keyring *ring, uint32_t version, uint64_t created_ms,
                      const uint8_t key[LQ_KEY_BYTES]) {
  ring_key *k = &ring->key[ring->count];
  *k = (ring_key){.version = version, .created_ms = created_ms};
  memcpy(k->key, key, LQ_KEY_BYTES);
  lq_err err = lq_aead_open(k->key, &k->aead);
  if (!err) ring->count++;
  return err;
}

static lq_err ring_read(lq_keyring *ring, lq_span body) {
  uint8_t context[CONTEXT_BYTES], key[LQ_KEY_BYTES];
  lq_reader in = lq_reader_of(body);
  lq_span magic = lq_read_bytes(&in, sizeof RING_MAGIC);
  if (!magic.data || memcmp(magic.data, RING_MAGIC, sizeof RING_MAGIC) != 0) return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != RING_VERSION) return LQ_ERR_VERSION;
  if (lq_read_u16(&in) != 0) return LQ_ERR_CORRUPT;
  uint32_t count = lq_read_u32(&in), last = 0;
  if (count == 0 || count > LQ_KEY_VERSIONS_MAX) return LQ_ERR_CORRUPT;
  lq_aead *root = NULL;
  lq_err err = lq_aead_open(ring->root, &root);
  for (uint32_t i = 0; i < count && !err; i++) {
    uint32_t version = lq_read_u32(&in);
    uint64_t created_ms = lq_read_u64(&in);
    lq_span nonce = lq_read_bytes(&in, LQ_NONCE_BYTES), sealed = lq_read_bytes(&in, LQ_KEY_BYTES);
    lq_span tag = lq_read_bytes(&in, LQ_TAG_BYTES);
    if (in.failed || version <= last) err = LQ_ERR_CORRUPT;
    last = version;
    if (!err)
      err =
          lq_aead_unseal(root, nonce.data, context_of(context, "tenant", ring->tenant, "", version),
                         sealed, tag.data, key);
    if (!err) err = key_add(ring, version, created_ms, key);
  }
  lq_aead_close(root);
  lq_wipe(key, sizeof key);
  return !err && !lq_reader_done(&in) ? LQ_ERR_CORRUPT : err;
}

/* A new version at the end, in memory. */
static lq_err version_add(lq_keyring *ring) {
  uint8_t key[LQ_KEY_BYTES];
  uint32_t version = ring->count ? ring->key[ring->count - 1].version + 1 : 1;
  lq_err err = lq_random_bytes(key, sizeof key);
  if (!err) err = key_add(ring, version, lq_clock_wall_ms(), key);
  lq_wipe(key, sizeof key);
  return err;
}

static void key_forget(ring_key *k) {
  lq_aead_close(k->aead);
  lq_wipe(k, sizeof *k);
}

lq_err lq_keyring_open(const char *folder, const char *tenant, const uint8_t root[32], bool make,
                       lq_keyring **out, lq_diag *diag) {
  *out = NULL;
  lq_keyring *ring = calloc(1, sizeof *ring);
  if (!ring) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for the keys of %s", tenant);
  memcpy(ring->root, root, LQ_KEY_BYTES);
  lq_err err = LQ_OK;
  if (!lq_text_copy(ring->tenant, sizeof ring->tenant, lq_span_text(tenant)) ||
      !path_of(folder, tenant, ".keys", ring->path))
    err = LQ_ERR_TOO_BIG;
  uint8_t *data = NULL;
  lq_span body;
  if (!err) err = checked_read(ring->path, RING_BYTES_MAX, &data, &body);
  if (!err) {
    err = ring_read(ring, body);
    lq_file_free(data);
  } else if (err == LQ_ERR_NOT_FOUND && make) {
    err = version_add(ring);
    if (!err) err = ring_write(ring);
  }
  if (!err) {
    *out = ring;
    return LQ_OK;
  }
  if (err == LQ_ERR_CORRUPT && diag)
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "use the root key it was made with, or restore the key store from its copy");
  if (err == LQ_ERR_NOT_FOUND && diag)
    (void)snprintf(diag->mend, sizeof diag->mend,
                   "name the key store that belongs to this data with LQ_KEYS, or restore it");
  bool platform = !strcmp(tenant, LQ_STORE_PLATFORM);
  err = lq_diag_set(diag, err, "the keys of %s%s in %.160s cannot be opened: %s",
                    platform ? "the platform" : "tenant ", platform ? "" : tenant, ring->path,
                    err == LQ_ERR_NOT_FOUND ? "there are none" : lq_err_cause(err));
  lq_keyring_close(ring);
  return err;
}

void lq_keyring_close(lq_keyring *ring) {
  if (!ring) return;
  for (uint32_t i = 0; i < ring->count; i++) key_forget(&ring->key[i]);
  lq_wipe(ring, sizeof *ring);
  free(ring);
}

uint32_t lq_keyring_version(const lq_keyring *ring) { return ring->key[ring->count - 1].version; }
uint32_t lq_keyring_versions(const lq_keyring *ring) { return ring->count; }

lq_err lq_keyring_rotate(lq_keyring *ring) {
  if (ring->count == LQ_KEY_VERSIONS_MAX) return LQ_ERR_FULL;
  lq_err err = version_add(ring);
  if (err) return err;
  err = ring_write(ring);
  if (err) key_forget(&ring->key[--ring->count]); /* as if it had never been */
  return err;
}

lq_err lq_keyring_retire(lq_keyring *ring) {
  if (ring->count == 1) return LQ_OK;
  ring_key old[LQ_KEY_VERSIONS_MAX];
  uint32_t count = ring->count;
  memcpy(old, ring->key, sizeof old);
  ring->key[0] = ring->key[count - 1];
  ring->count = 1;
  lq_err err = ring_write(ring);
  if (err) {
    memcpy(ring->key, old, sizeof old);
    ring->count = count;
  } else {
    for (uint32_t i = 0; i + 1 < count; i++) key_forget(&old[i]);
    lq_wipe(ring->key + 1, sizeof ring->key - sizeof ring->key[0]);
  }
  lq_wipe(old, sizeof old);
  return err;
}

/* Files that a crash in the middle of writing the tenant's keys left beside them hold the same keys
 * (lq_file_write). */
typedef struct leftover {
  const char *folder;
  char prefix[LQ_TENANT_BYTES + 8];
  lq_err err;
} leftover;

static bool leftover_shred(void *context, const char *name, bool is_folder) {
  leftover *l = context;
  char path[PATH_BYTES];
  if (is_folder || strncmp(name, l->prefix, strlen(l->prefix)) != 0) return true;
  l->err = path_of(l->folder, name, "", path) ? lq_file_shred(path) : LQ_ERR_TOO_BIG;
  return !l->err;
}

lq_err lq_keyring_shred(const char *folder, const char *tenant) {
  char path[PATH_BYTES];
  leftover l = {.folder = folder};
  int bytes = snprintf(l.prefix, sizeof l.prefix, ".%s.keys.", tenant);
  if (bytes < 0 || (size_t)bytes >= sizeof l.prefix || !path_of(folder, tenant, ".keys", path))
    return LQ_ERR_TOO_BIG;
  lq_err err = LQ_PLANTED(SHRED_FILE) ? LQ_OK : lq_file_shred(path);
  if (!err && !LQ_PLANTED(SHRED_BESIDE)) err = lq_folder_list(folder, leftover_shred, &l);
  return err ? err : l.err;
}

/* ---- wrapping ---- */

/* A crash between renaming and syncing left a version that power takes away again: nothing may be
 * wrapped under it before. */
static lq_err settle_ring(lq_keyring *ring) {
  lq_err err = ring->settled ? LQ_OK : lq_name_settle(ring->path);
  if (!err) ring->settled = true;
  return err;
}

lq_err lq_keyring_derive(lq_keyring *ring, const char *purpose, bool settle, uint8_t out[32]) {
  const ring_key *k = &ring->key[ring->count - 1];
  uint8_t context[CONTEXT_BYTES];
  lq_span info = context_of(context, "derived", ring->tenant, purpose, k->version);
  lq_err err = !info.data ? LQ_ERR_TOO_BIG : settle ? settle_ring(ring) : LQ_OK;
  if (!err) lq_hkdf_sha256(lq_span_of(k->key, LQ_KEY_BYTES), (lq_span){0}, info, out, 32);
  return err;
}

lq_err lq_keyring_wrap(lq_keyring *ring, const char *purpose, const uint8_t key[32],
                       uint8_t out[LQ_WRAPPED_BYTES]) {
  const ring_key *k = &ring->key[ring->count - 1];
  uint8_t context[CONTEXT_BYTES];
  lq_err err = settle_ring(ring);
  if (err) return err;
  lq_span bound = context_of(context, "data", ring->tenant, purpose, k->version);
  lq_writer w = lq_writer_of(out, LQ_WRAPPED_BYTES);
  lq_write_u8(&w, WRAP_VERSION);
  lq_write_u32(&w, k->version);
  uint8_t *nonce = lq_write_room(&w, LQ_NONCE_BYTES), *sealed = lq_write_room(&w, LQ_KEY_BYTES);
  uint8_t *tag = lq_write_room(&w, LQ_TAG_BYTES);
  LQ_CHECK(!w.failed && w.bytes == LQ_WRAPPED_BYTES);
  if (!bound.data) return LQ_ERR_TOO_BIG;
  err = lq_random_bytes(nonce, LQ_NONCE_BYTES);
  return err ? err : lq_aead_seal(k->aead, nonce, bound, lq_span_of(key, 32), sealed, tag);
}

uint32_t lq_wrapped_version(lq_span wrapped) {
  lq_reader in = lq_reader_of(wrapped);
  uint8_t format = lq_read_u8(&in);
  uint32_t version = lq_read_u32(&in);
  return wrapped.bytes == LQ_WRAPPED_BYTES && format == WRAP_VERSION ? version : 0;
}

lq_err lq_keyring_unwrap(lq_keyring *ring, const char *purpose, lq_span wrapped, uint8_t key[32]) {
  uint32_t version = lq_wrapped_version(wrapped);
  uint8_t context[CONTEXT_BYTES];
  lq_span bound = context_of(context, "data", ring->tenant, purpose, version);
  if (!version || !bound.data) return LQ_ERR_CORRUPT;
  const uint8_t *nonce = wrapped.data + 5, *sealed = nonce + LQ_NONCE_BYTES;
  for (uint32_t i = 0; i < ring->count; i++)
    if (ring->key[i].version == version)
      return lq_aead_unseal(ring->key[i].aead, nonce, bound, lq_span_of(sealed, LQ_KEY_BYTES),
                            sealed + LQ_KEY_BYTES, key);
  return LQ_ERR_NOT_FOUND;
}
