/* Opening the data file: lock, modes, format, connections, index. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

#include <stdio.h>
#include <stdlib.h>

/* %s: this folder's own number, so that page 1, where the schema lies, is like no other folder's
 * (store_wal.c). */
static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE session(id INTEGER PRIMARY KEY,tenant TEXT NOT NULL,game TEXT NOT NULL,"
    "name TEXT NOT NULL,gathered INTEGER NOT NULL,head BLOB NOT NULL,UNIQUE(tenant,game,name));"
    "CREATE TABLE journal(seq INTEGER PRIMARY KEY,body BLOB NOT NULL);"
    "CREATE TABLE archive(id INTEGER PRIMARY KEY,session INTEGER NOT NULL,first INTEGER NOT NULL,"
    "last INTEGER NOT NULL,body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX archive_at ON archive(session,last);"
    "CREATE TABLE checkpoint(id INTEGER PRIMARY KEY,session INTEGER NOT NULL,"
    "tick INTEGER NOT NULL,body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX checkpoint_at ON checkpoint(session,tick);"
    "CREATE TABLE blob(id INTEGER PRIMARY KEY,tenant TEXT NOT NULL,digest BLOB NOT NULL,"
    "body BLOB NOT NULL,UNIQUE(tenant,digest));"
    "CREATE TABLE tenant(id INTEGER PRIMARY KEY,name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE item(tenant INTEGER NOT NULL,sk TEXT NOT NULL,version INTEGER NOT NULL,"
    "value BLOB NOT NULL,PRIMARY KEY(tenant,sk)) WITHOUT ROWID;"
    "CREATE TABLE log(id INTEGER PRIMARY KEY,body BLOB NOT NULL/*%s*/);"
    "PRAGMA application_id=1280398164;" /* LQI_APPLICATION_ID */
    "PRAGMA user_version=4;"            /* LQI_FORMAT */
    "COMMIT;";
_Static_assert(LQI_APPLICATION_ID == 1280398164 && LQI_FORMAT == 4, "as in the schema's text");

/* synchronous=FULL: a commit is on the disk when it returns. No mmap: an I/O error would be a
 * signal. Spilling is off so that a transaction writes only when it commits. */
static const char writer_pragmas[] =
    "PRAGMA page_size=4096;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA mmap_size=0;"
    "PRAGMA wal_autocheckpoint=1000;PRAGMA cache_size=-16384;PRAGMA cache_spill=OFF;"
    "PRAGMA temp_store=MEMORY;PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;";
static const char reader_pragmas[] = "PRAGMA query_only=ON;PRAGMA mmap_size=0;"
                                     "PRAGMA wal_autocheckpoint=0;PRAGMA cache_size=-8192;"
                                     "PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;";

static lq_err connect(lqi_store *store, lqi_db *db, bool writer, lq_diag *diag) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
              (writer ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
  int rc = sqlite3_open_v2(store->path, &db->db, flags, store->sums.name);
  lq_err err = lqi_sql_err(db->db, rc);
  if (err)
    return lq_diag_set(diag, err, "%s cannot be opened: %s", store->path, sqlite3_errstr(rc));
  (void)sqlite3_busy_timeout(db->db, 2000); /* another process may be recovering the WAL */
  (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  if (!writer) (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  return LQ_OK;
}

/* A number in the file's header, read past the page's sum: in a file that is not ours, or of a
 * format without sums, it tells more than "damaged". */
static bool header_number(lqi_db *db, size_t at, int64_t *out) {
  uint8_t header[100];
  sqlite3_file *file = NULL;
  if (sqlite3_file_control(db->db, NULL, SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file ||
      !file->pMethods || file->pMethods->xRead(file, header, sizeof header, 0) != SQLITE_OK ||
      memcmp(header, "SQLite format 3", 16) != 0)
    return false;
  *out = 0;
  for (size_t i = 0; i < 4; i++) *out = *out * 256 + header[at + i];
  return true;
}

/* Is it ours, of this format, or empty? */
static lq_err check_format(lqi_store *store, lqi_db *db, bool *fresh, lq_diag *diag) {
  int64_t application = 0, version = 0, tables = 0;
  *fresh = false;
  lq_err err = lqi_sql_number(db, "PRAGMA application_id", &application);
  if (!err) err = lqi_sql_number(db, "PRAGMA user_version", &version);
  if (!err) err = lqi_sql_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
  bool damaged = err == LQ_ERR_CORRUPT;
  if (damaged && header_number(db, 68, &application) && header_number(db, 60, &version) &&
      (application != LQI_APPLICATION_ID || version != LQI_FORMAT))
    err = LQ_OK; /* said below */
  if (err)
    return lq_diag_set(diag, err, "%s is not a data file of ledgerquest, or it is damaged: %s",
                       store->path, sqlite3_errmsg(db->db));
  *fresh = !damaged && application == 0 && version == 0 && tables == 0;
  if (*fresh) return LQ_OK;
  if (application != LQI_APPLICATION_ID)
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "%s is a database of another program", store->path);
  if (version != LQI_FORMAT)
    return lq_diag_set(diag, LQ_ERR_VERSION,
                       "%s has format %lld; this program reads and writes format %d", store->path,
                       (long long)version, (int)LQI_FORMAT);
  return LQ_OK;
}

static lq_err setup(lqi_store *store, lqi_db *db, const char *text, lq_diag *diag) {
  lq_err err = lqi_sql_exec(db, text);
  if (err)
    (void)lq_diag_set(diag, err, "%s cannot be set up: %s", store->path, sqlite3_errmsg(db->db));
  return err;
}

static lq_err make_schema(lqi_store *store, lq_diag *diag) {
  uint8_t number[16];
  char hex[2 * sizeof number + 1], text[sizeof schema + sizeof hex];
  lq_err err = lq_random_bytes(number, sizeof number);
  if (err) return lq_diag_set(diag, err, "%s cannot be set up: no random bytes", store->path);
  lq_hex(number, sizeof number, hex);
  (void)snprintf(text, sizeof text, schema, hex);
  return setup(store, &store->writer, text, diag);
}

static lq_err open_writer(lqi_store *store, lq_diag *diag) {
  bool fresh;
  lq_err err = connect(store, &store->writer, true, diag);
  if (!err) err = check_format(store, &store->writer, &fresh, diag);
  int reserve = LQI_SUM_BYTES; /* takes effect when the file is made */
  if (!err && fresh)
    (void)sqlite3_file_control(store->writer.db, NULL, SQLITE_FCNTL_RESERVE_BYTES, &reserve);
  if (!err) err = setup(store, &store->writer, writer_pragmas, diag);
  if (!err && LQ_PLANTED(SYNC_NORMAL))
    err = setup(store, &store->writer, "PRAGMA synchronous=NORMAL", diag);
  if (!err && fresh) err = make_schema(store, diag);
  return err;
}

static lq_err open_reader(lqi_store *store, lq_diag *diag) {
  bool fresh = false;
  lq_err err = connect(store, &store->reader, false, diag);
  if (!err) err = check_format(store, &store->reader, &fresh, diag);
  if (!err) err = setup(store, &store->reader, reader_pragmas, diag);
  if (!err && fresh) err = lq_diag_set(diag, LQ_ERR_NOT_FOUND, "%s holds nothing yet", store->path);
  return err;
}

static lq_err path_of(const char *folder, const char *name, char *out, size_t capacity,
                      lq_diag *diag) {
  lq_writer w = lq_writer_of(out, capacity);
  lq_write_text(&w, folder);
  lq_write_text(&w, "/");
  lq_write_text(&w, name);
  lq_write_u8(&w, 0);
  return w.failed ? lq_diag_set(diag, LQ_ERR_TOO_BIG, "the data folder's path is too long") : LQ_OK;
}

/* After a failed sync Linux shows the bytes that never reached the disk as if they had. The next
 * process would build on them, and a loss of power would then take them, and all that was
 * acknowledged behind them in the WAL. So what the WAL shows is written again before anything is
 * built on it. The database itself needs none of this: its pages stay in the WAL until a sync of
 * theirs succeeded. */
static lq_err settle(const lqi_store *store, lq_diag *diag) {
  if (LQ_PLANTED(WAL_UNSETTLED)) return LQ_OK;
  char wal[sizeof store->path + 8];
  (void)snprintf(wal, sizeof wal, "%s-wal", store->path);
  lq_err err = lq_file_settle(wal);
  return err ? lq_diag_set(diag, err, "%s cannot be written: %s", wal, lq_err_cause(err)) : LQ_OK;
}

static lq_err prepare_folder(lqi_store *store, const char *folder, lq_diag *diag) {
  char lock[sizeof store->path];
  lq_err err = path_of(folder, "lq.lock", lock, sizeof lock, diag);
  if (err) return err;
  if ((err = lq_folder_make(folder)))
    return lq_diag_set(diag, err, "the data folder %s cannot be made: %s", folder,
                       lq_err_cause(err));
  if (!LQ_PLANTED(LOCK_IGNORED) && (err = lq_lock_take(lock, &store->lock)))
    return lq_diag_set(diag, err, "%s: %s", lock, lq_err_cause(err));
  if ((err = lqi_wal_check(store, diag))) return err;
  /* Made here so that it, and the files SQLite puts beside it, are for the owner alone. */
  err = lq_file_make(store->path);
  if (err && err != LQ_ERR_EXISTS)
    return lq_diag_set(diag, err, "%s cannot be made: %s", store->path, lq_err_cause(err));
  return settle(store, diag);
}

lq_err lqi_open_files(lqi_store *store, const lq_store_sqlite_options *options, lq_diag *diag) {
  lq_err err = path_of(options->folder, "lq.db", store->path, sizeof store->path, diag);
  if (err) return err;
  if ((err = lqi_sums_begin(&store->sums)))
    return lq_diag_set(diag, err, "%s cannot be opened: %s", store->path, lq_err_cause(err));
  if (options->read_only) {
    if (!lq_file_exists(store->path))
      return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "there is no data file %s", store->path);
    if ((err = lqi_wal_check(store, diag))) return err;
    store->data_version = -1; /* the first read builds the index */
    return open_reader(store, diag);
  }
  if (!(err = prepare_folder(store, options->folder, diag)) && !(err = open_writer(store, diag)) &&
      !(err = open_reader(store, diag)))
    err = lqi_cache_load(store, &store->writer, diag);
  /* Never a number that a row had before, even when the table is empty now: readers of another
   * process may hold it. */
  int64_t now = (int64_t)(lq_clock_wall_ms() * 1000);
  if (store->seq_next < now) store->seq_next = now;
  return err;
}

/* ---- a copy, page by page, with sums: sqlite3's own .backup beside a server knows of none ---- */

static lq_err copy_pages(lqi_store *from, lqi_store *to, lq_diag *diag) {
  sqlite3 *db = to->writer.db;
  sqlite3_backup *backup = sqlite3_backup_init(db, "main", from->reader.db, "main");
  if (backup) {
    (void)sqlite3_backup_step(backup, -1);
    (void)sqlite3_backup_finish(backup); /* tells what went wrong in the step as well */
  }
  int rc = sqlite3_extended_errcode(db);
  lq_err err = lqi_sql_err(db, rc);
  if (!err && backup) return LQ_OK;
  return lq_diag_set(diag, err ? err : LQ_ERR_MEMORY, "%s cannot be copied to %s: %s", from->path,
                     to->path, sqlite3_errstr(rc));
}

lq_err lq_store_sqlite_backup(const char *folder, const char *to, lq_diag *diag) {
  lqi_store *source = calloc(1, sizeof *source), *copy = calloc(1, sizeof *copy);
  lq_err err = source && copy ? LQ_OK : LQ_ERR_MEMORY;
  if (!err && !lq_text_copy(copy->path, sizeof copy->path, lq_span_text(to))) err = LQ_ERR_TOO_BIG;
  const lq_store_sqlite_options options = {.folder = folder, .read_only = true};
  if (!err) err = lqi_open_files(source, &options, diag);
  if (!err && !(err = lqi_sums_begin(&copy->sums)) && !(err = lq_file_make(to)) &&
      !(err = connect(copy, &copy->writer, true, diag))) {
    err = copy_pages(source, copy, diag);
    lqi_sql_close(&copy->writer);
    lq_err removed = err ? lq_file_remove(to) : LQ_OK; /* half a copy is none */
    if (!err) err = removed;
  }
  if (err && diag && !diag->message[0])
    (void)lq_diag_set(diag, err, "%s cannot be written: %s", to, lq_err_cause(err));
  if (copy) lqi_sums_end(&copy->sums);
  if (source) {
    lqi_sql_close(&source->reader);
    lqi_sums_end(&source->sums);
  }
  free(source);
  free(copy);
  return err;
}
