/* The data folder on one side, a message of the AWS Encryption SDK's format on the other. */
#include "apps/lq/carry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apps/lq/server.h"
#include "lq_engine/net/json.h"
#include "lq_service/carry/carry.h"
#include "lq_service/esdk/esdk.h"

enum { CHUNK_BYTES = 64 << 10 };
#define PROVIDER "ledgerquest"
#define PURPOSE "tenant-export"

typedef struct carrier {
  const lq_cli *cli;
  lq_place place;
  lq_place_tenant *at;
  lq_progress progress;
  lq_carry_counts counts;
  lq_esdk_key key;
  lq_diag diag;
  lq_err err;
  bool done;
  /* out */
  lq_esdk_writer *seal;
  FILE *file;
  uint64_t bytes;
  /* in */
  lq_carry_reader *reader;
  lq_carry_writer *writer;
  lq_store *store;
} carrier;

static void wait(void *context, const bool *done) {
  carrier *c = context;
  while (!*done) lq_place_turn(&c->place);
}

static void on_done(void *context, lq_err err) {
  carrier *c = context;
  c->err = err;
  c->done = true;
}

static void on_changed(void *context, lq_err err, uint64_t leaf) {
  (void)leaf;
  on_done(context, err);
}

/* An act for a log, and it is durable. */
static lq_err tell(carrier *c, const char *tenant, const char *action, const char *resource) {
  lq_actor actor = {"", ""};
  lq_act act = {.tenant = tenant, .action = action, .resource = resource, .kind = LQ_AUDIT_ADMIN};
  c->done = false;
  lq_act_write(c->place.tenants, &act, &actor, NULL, 0, on_changed, c);
  wait(c, &c->done);
  return c->err ? lq_diag_set(&c->diag, c->err, "the log of %s cannot be written: %s", tenant,
                              lq_err_cause(c->err))
                : LQ_OK;
}

/* ---- the wrapping key: 32 bytes, nothing else ---- */

static lq_err key_read(carrier *c, const char *path) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  lq_err err = lq_file_read(path, 4096, &data, &bytes);
  if (!err && bytes != LQ_KEY_BYTES)
    err = lq_diag_set(&c->diag, LQ_ERR_INVALID, "%.160s has %zu bytes, a wrapping key has 32", path,
                      bytes);
  else if (err == LQ_ERR_NOT_FOUND)
    lq_diag_set(&c->diag, err, "there is no wrapping key %.160s", path);
  else if (err)
    lq_diag_set(&c->diag, err, "%.160s cannot be read: %s", path, lq_err_cause(err));
  if (!err) memcpy(c->key.key, data, LQ_KEY_BYTES);
  if (data) lq_wipe(data, bytes);
  lq_file_free(data);
  return err;
}

static lq_err key_need(carrier *c, const char *path, bool *made) {
  *made = !lq_file_exists(path);
  if (!*made) return key_read(c, path);
  lq_err err = lq_random_bytes(c->key.key, LQ_KEY_BYTES);
  if (!err) err = lq_file_write(path, lq_span_of(c->key.key, LQ_KEY_BYTES));
  return err ? lq_diag_set(&c->diag, err, "the wrapping key %.160s cannot be made: %s", path,
                           lq_err_cause(err))
             : LQ_OK;
}

static void counts_print(const carrier *c, const char *did, const char *tenant, const char *file) {
  const lq_carry_counts *n = &c->counts;
  if (c->cli->json) {
    lq_writer w = lq_out_begin();
    const struct {
      const char *name;
      uint64_t value;
    } rows[] = {{"releases", n->blobs}, {"sessions", n->sessions},       {"leaves", n->leaves},
                {"slices", n->slices},  {"checkpoints", n->checkpoints}, {"items", n->items}};
    lq_write_text(&w, "{\"tenant\":");
    lq_json_write_text(&w, lq_span_text(tenant));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
      lq_write_text(&w, ",\"");
      lq_write_text(&w, rows[i].name);
      lq_write_text(&w, "\":");
      lq_write_decimal_u(&w, rows[i].value);
    }
    lq_write_u8(&w, '}');
    lq_out_end(&w);
    return;
  }
  (void)printf(
      "%s %s, %s: %llu sessions, %llu slices, %llu checkpoints, %llu releases, %llu items, "
      "%llu leaves of the log\n",
      did, tenant, file, (unsigned long long)n->sessions, (unsigned long long)n->slices,
      (unsigned long long)n->checkpoints, (unsigned long long)n->blobs,
      (unsigned long long)n->items, (unsigned long long)n->leaves);
}

/* ---- out ---- */

static lq_err to_file(void *context, lq_span bytes) {
  carrier *c = context;
  if (fwrite(bytes.data, 1, bytes.bytes, c->file) == bytes.bytes) return LQ_OK;
  return errno == ENOSPC ? LQ_ERR_DISK_FULL : LQ_ERR_IO;
}

static lq_err to_seal(void *context, lq_span bytes) {
  return lq_esdk_write(((carrier *)context)->seal, bytes);
}

static void moved(void *context, uint64_t leaves, uint64_t of) {
  carrier *c = context;
  if (c->progress.goal != of) c->progress.goal = of;
  lq_progress_at(&c->progress, leaves);
}

static lq_err message_write(carrier *c, const char *tenant) {
  uint8_t random[LQ_ESDK_RANDOM_BYTES];
  const lq_esdk_pair pairs[] = {{"format", "1"}, {"purpose", PURPOSE}, {"tenant", tenant}};
  lq_esdk_sink sink = {to_file, c};
  lq_carry_out out = {to_seal, moved, c};
  lq_err err = lq_random_bytes(random, sizeof random);
  if (!err)
    err = lq_esdk_writer_open(&c->key, pairs, 3, LQ_ESDK_FRAME_BYTES, random, sink, &c->seal);
  lq_wipe(random, sizeof random);
  lq_progress_begin(&c->progress, "leaves exported", 0);
  if (!err) err = lq_carry_export(c->at->store, tenant, &out, &c->counts, &c->diag);
  if (!err) err = lq_esdk_finish(c->seal);
  lq_progress_end(&c->progress);
  lq_esdk_writer_close(c->seal);
  return err;
}

/* Beside the file, and put in its place when it is whole and on the disk. */
static lq_err file_write(carrier *c, const char *tenant, const char *file) {
  char part[1100];
  if (snprintf(part, sizeof part, "%s.part", file) >= (int)sizeof part)
    return lq_diag_set(&c->diag, LQ_ERR_RANGE, "the file's path is too long");
  int fd = open(part, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
  c->file = fd < 0 ? NULL : fdopen(fd, "w");
  if (!c->file) {
    if (fd >= 0) (void)close(fd);
    return lq_diag_set(&c->diag, LQ_ERR_IO, "%.200s cannot be written", part);
  }
  lq_err err = message_write(c, tenant);
  if (!err && (fflush(c->file) || fsync(fd))) err = errno == ENOSPC ? LQ_ERR_DISK_FULL : LQ_ERR_IO;
  struct stat about;
  if (!err && !fstat(fd, &about)) c->bytes = (uint64_t)about.st_size;
  if (fclose(c->file) && !err) err = LQ_ERR_IO;
  if (!err && rename(part, file)) err = LQ_ERR_IO;
  if (err) (void)unlink(part);
  if (err && !c->diag.message[0])
    lq_diag_set(&c->diag, err, "%.200s cannot be written: %s", file, lq_err_cause(err));
  return err;
}

static lq_err folder_open(carrier *c, const char *data) {
  lq_err err = lq_place_open(data, false, &c->place, &c->diag);
  if (err == LQ_ERR_LOCKED)
    (void)snprintf(c->diag.mend, sizeof c->diag.mend,
                   "stop the server, or lq backup a copy and name it with --data (and LQ_KEYS)");
  return err;
}

static int finish(carrier *c, lq_err err) {
  int status = err ? lq_cli_fail(c->cli, err, c->diag.message[0] ? &c->diag : NULL) : LQ_EXIT_OK;
  lq_carry_writer_close(c->writer);
  lq_carry_reader_close(c->reader);
  if (c->place.loop) lq_place_close(&c->place);
  lq_wipe(c, sizeof *c);
  return status;
}

int lq_tenant_export(const lq_cli *cli, const char *data, const char *tenant, const char *file,
                     const char *wrap_key) {
  carrier c = {.cli = cli, .key = {.provider = PROVIDER, .name = tenant}};
  char path[1100];
  bool made = false;
  const char *folder = lq_setting_text(LQ_SETTING_DATA, data, NULL);
  if (!wrap_key)
    return lq_cli_usage("--wrap-key FILE: the 32 bytes it is sealed for, made when absent");
  if (!lq_slug_valid(lq_span_text(tenant)))
    return lq_cli_usage("'%.60s' is no tenant's name", tenant);
  if (snprintf(path, sizeof path, "%s/lq.db", folder) >= (int)sizeof path || !lq_file_exists(path))
    return finish(&c,
                  lq_diag_set(&c.diag, LQ_ERR_NOT_FOUND, "there is no data folder %.200s", folder));
  lq_err err = folder_open(&c, data);
  if (!err) err = lq_place_tenant_need(&c.place, tenant, false, &c.at, &c.diag);
  if (!err) err = key_need(&c, wrap_key, &made);
  if (!err) err = tell(&c, tenant, "tenant.export", "tenant");
  if (!err) err = file_write(&c, tenant, file);
  if (!err) counts_print(&c, "exported", tenant, file);
  if (!err && made && !cli->json)
    (void)printf("made the wrapping key %s: whoever has it reads the export; keep it apart\n",
                 wrap_key);
  return finish(&c, err);
}

/* ---- in ---- */

static lq_err to_reader(void *context, lq_span bytes) {
  return lq_carry_read(((carrier *)context)->reader, bytes);
}

/* The whole message through a reader of the stream. */
static lq_err message_read(carrier *c, const char *path, const char *what,
                           lq_err (*got)(void *context, const lq_carry_record *record)) {
  static uint8_t chunk[CHUNK_BYTES];
  lq_esdk_reader *message = NULL;
  struct stat about = {0};
  uint64_t at = 0;
  FILE *in = fopen(path, "rbe");
  if (!in) return lq_diag_set(&c->diag, LQ_ERR_NOT_FOUND, "%.200s cannot be read", path);
  (void)fstat(fileno(in), &about);
  lq_carry_reader_close(c->reader);
  lq_err err = lq_carry_reader_open(got, c->writer, &c->reader);
  if (!err) err = lq_esdk_reader_open(&c->key, (lq_esdk_sink){to_reader, c}, &message);
  lq_progress_begin(&c->progress, what, (uint64_t)about.st_size);
  for (size_t bytes; !err && (bytes = fread(chunk, 1, sizeof chunk, in)) > 0; at += bytes) {
    err = lq_esdk_read(message, lq_span_of(chunk, bytes));
    lq_progress_at(&c->progress, at);
  }
  if (!err && ferror(in)) err = LQ_ERR_IO;
  if (!err) err = lq_esdk_read_end(message);
  if (!err) err = lq_carry_read_end(c->reader, &c->counts);
  if (!err && !lq_span_is(lq_esdk_value(message, "purpose"), PURPOSE)) err = LQ_ERR_INVALID;
  if (!err && !lq_span_is(lq_esdk_value(message, "tenant"), lq_carry_tenant(c->reader)))
    err = LQ_ERR_INVALID;
  lq_progress_end(&c->progress);
  lq_esdk_reader_close(message);
  (void)fclose(in);
  return err;
}

static lq_err refused(carrier *c, lq_err err, const char *path) {
  const char *why = err == LQ_ERR_CORRUPT     ? "damaged, or sealed for another key"
                    : err == LQ_ERR_TRUNCATED ? "cut off"
                    : err == LQ_ERR_NOT_FOUND ? "sealed for a key of another name"
                    : err == LQ_ERR_INVALID   ? "no export of a tenant"
                    : err == LQ_ERR_SYNTAX    ? "no whole export of a tenant"
                                              : lq_err_cause(err);
  if (c->diag.message[0]) return err;
  (void)snprintf(c->diag.mend, sizeof c->diag.mend,
                 "nothing was imported; take the file and the wrapping key it was exported with");
  return lq_diag_set(&c->diag, err, "%.180s is %s", path, why);
}

static void ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  carrier *c = context;
  c->store = tenant ? lq_tenant_store(tenant) : NULL;
  c->done = true;
  c->err = err;
  if (err == LQ_ERR_EXISTS) {
    lq_diag_set(&c->diag, err, "there is a tenant of this name already: it is left as it is");
    (void)snprintf(c->diag.mend, sizeof c->diag.mend,
                   "import into a data folder that does not have it, before lq serve makes it");
  } else if (err && diag) {
    c->diag = *diag;
  }
}

static lq_err store_fill(carrier *c, const char *tenant, const char *file) {
  c->done = false;
  lq_tenant_import_begin(c->place.tenants, tenant, ready, c);
  wait(c, &c->done);
  if (c->err) return c->err;
  lq_err err = lq_carry_writer_open(c->store, tenant, wait, c, &c->writer);
  if (!err) err = message_read(c, file, "bytes imported", lq_carry_write);
  if (!err) err = lq_carry_write_end(c->writer);
  char resource[LQ_TENANT_BYTES + 8];
  (void)snprintf(resource, sizeof resource, "tenant/%s", tenant);
  if (!err) err = tell(c, LQ_STORE_PLATFORM, "tenant.import", resource);
  c->done = err != LQ_OK;
  if (!err) lq_tenant_import_end(c->place.tenants, tenant, on_done, c);
  wait(c, &c->done);
  if (!err) err = c->err;
  if (err && !c->diag.message[0]) {
    (void)snprintf(c->diag.mend, sizeof c->diag.mend,
                   "nobody gets into it yet; run the same import again, and it goes on");
    lq_diag_set(&c->diag, err, "the import of %s stopped: %s", tenant, lq_err_cause(err));
  }
  return err;
}

int lq_tenant_import(const lq_cli *cli, const char *data, const char *tenant, const char *file,
                     const char *wrap_key) {
  carrier c = {.cli = cli, .key = {.provider = PROVIDER, .name = tenant}};
  char name[LQ_TENANT_BYTES];
  if (!wrap_key) return lq_cli_usage("--wrap-key FILE: the 32 bytes it was sealed for");
  if (!tenant) return lq_cli_usage("--tenant NAME: whose export is it?");
  if (!lq_slug_valid(lq_span_text(tenant)))
    return lq_cli_usage("'%.60s' is no tenant's name", tenant);
  lq_err err = key_read(&c, wrap_key);
  /* Once for the whole of it, before anything is made. */
  if (!err) err = message_read(&c, file, "bytes checked", NULL);
  if (!err && strcmp(lq_carry_tenant(c.reader), tenant) != 0)
    err = lq_diag_set(&c.diag, LQ_ERR_INVALID, "%.160s is of tenant %s", file,
                      lq_carry_tenant(c.reader));
  if (err) return finish(&c, refused(&c, err, file));
  (void)lq_text_copy(name, sizeof name, lq_span_text(tenant));
  err = folder_open(&c, data);
  if (!err) err = store_fill(&c, name, file);
  if (!err) counts_print(&c, "imported", name, file);
  if (!err && !cli->json)
    (void)printf("API keys stayed behind: lq key make USER --tenant %s --data %s makes new ones\n",
                 name, c.place.folder);
  return finish(&c, err);
}
