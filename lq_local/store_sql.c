/* Statements and errors of one SQLite connection. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

#include <errno.h>
#include <stdlib.h>

static const char *const sql_text[LQI_SQL_COUNT] = {
#define X(name, text) text,
    LQI_SQL(X)
#undef X
};

lq_err lqi_sql_err(sqlite3 *db, int rc) {
  if (LQ_PLANTED(SYNC_SWALLOWED) && rc == SQLITE_IOERR_FSYNC) return LQ_OK;
  switch (rc & 0xff) {
  case SQLITE_OK:
  case SQLITE_DONE:
  case SQLITE_ROW:
    return LQ_OK;
  case SQLITE_FULL:
    return LQ_ERR_DISK_FULL;
  case SQLITE_IOERR:
    /* A failed sync is final whatever its reason; growing the WAL's index is a write like any. */
    return db && sqlite3_system_errno(db) == ENOSPC &&
                   sqlite3_extended_errcode(db) == SQLITE_IOERR_SHMSIZE
               ? LQ_ERR_DISK_FULL
               : LQ_ERR_IO;
  case SQLITE_NOMEM:
    return LQ_ERR_MEMORY;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return LQ_ERR_LOCKED;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_FORMAT:
  case SQLITE_ERROR: /* our statements are right: it is the schema that is not ours */
  case SQLITE_CONSTRAINT:
  case SQLITE_MISMATCH:
    return LQ_ERR_CORRUPT;
  case SQLITE_TOOBIG:
    return LQ_ERR_TOO_BIG;
  default:
    return LQ_ERR_IO;
  }
}

sqlite3_stmt *lqi_sql_get(lqi_db *db, lqi_sql which) {
  sqlite3_stmt **stmt = &db->stmt[which];
  if (!*stmt)
    (void)sqlite3_prepare_v3(db->db, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
  return *stmt;
}

/* The code of the failed prepare or bind before it. */
static lq_err err_now(const lqi_db *db) {
  lq_err err = lqi_sql_err(db->db, sqlite3_extended_errcode(db->db));
  return err ? err : LQ_ERR_INTERNAL;
}

static void reset(sqlite3_stmt *stmt) {
  (void)sqlite3_reset(stmt);
  (void)sqlite3_clear_bindings(stmt);
}

lq_err lqi_sql_row(lqi_db *db, sqlite3_stmt *stmt) {
  if (!stmt) return err_now(db);
  int rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW) return LQ_OK;
  lq_err err = rc == SQLITE_DONE ? LQ_ERR_NOT_FOUND : lqi_sql_err(db->db, rc);
  reset(stmt);
  return err;
}

lq_err lqi_sql_done(lqi_db *db, sqlite3_stmt *stmt) {
  lq_err err = lqi_sql_row(db, stmt);
  if (err == LQ_OK) reset(stmt);
  return err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
}

lq_err lqi_sql_run(lqi_db *db, lqi_sql which) { return lqi_sql_done(db, lqi_sql_get(db, which)); }

lq_err lqi_sql_exec(lqi_db *db, const char *text) {
  return lqi_sql_err(db->db, sqlite3_exec(db->db, text, NULL, NULL, NULL));
}

lq_err lqi_sql_number(lqi_db *db, const char *text, int64_t *out) {
  sqlite3_stmt *stmt = NULL;
  *out = 0;
  int rc = sqlite3_prepare_v2(db->db, text, -1, &stmt, NULL);
  if (rc) return lqi_sql_err(db->db, rc);
  rc = sqlite3_step(stmt);
  if (rc == SQLITE_ROW) *out = sqlite3_column_int64(stmt, 0);
  (void)sqlite3_finalize(stmt);
  return rc == SQLITE_ROW ? LQ_OK : rc == SQLITE_DONE ? LQ_ERR_CORRUPT : lqi_sql_err(db->db, rc);
}

void lqi_sql_close(lqi_db *db) {
  for (int i = 0; i < LQI_SQL_COUNT; i++) (void)sqlite3_finalize(db->stmt[i]);
  (void)sqlite3_close_v2(db->db);
  *db = (lqi_db){0};
}

lq_span lqi_sql_span(sqlite3_stmt *stmt, int column) {
  const void *data = sqlite3_column_blob(stmt, column);
  return lq_span_of(data, (size_t)sqlite3_column_bytes(stmt, column));
}

bool lqi_bind_span(sqlite3_stmt *stmt, int index, lq_span span) {
  const void *data = span.data ? (const void *)span.data : "";
  return stmt && sqlite3_bind_blob64(stmt, index, data, span.bytes, SQLITE_STATIC) == SQLITE_OK;
}
bool lqi_bind_text(sqlite3_stmt *stmt, int index, const char *text) {
  return stmt && sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC) == SQLITE_OK;
}
bool lqi_bind_number(sqlite3_stmt *stmt, int index, uint64_t value) {
  int64_t number = value > INT64_MAX ? INT64_MAX : (int64_t)value;
  return stmt && sqlite3_bind_int64(stmt, index, number) == SQLITE_OK;
}

bool lqi_bytes_reserve(lqi_bytes *b, size_t bytes) {
  if (b->capacity >= bytes) return true;
  size_t capacity = b->capacity ? b->capacity : 4096;
  while (capacity < bytes) capacity *= 2;
  uint8_t *data = realloc(b->data, capacity);
  if (!data) return false;
  b->data = data;
  b->capacity = capacity;
  return true;
}
