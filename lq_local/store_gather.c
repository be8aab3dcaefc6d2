/* Compaction: a session's slices leave the group rows for rows of its own; old checkpoints are
 * thinned. The rule and its limits: docs/journal.md. */
#include "lq_base/plant.h"
#include "lq_local/store_int.h"

enum { ARCHIVE_VERSION = 1, HEADER_BYTES = 12, CHECKPOINTS_LISTED = 256 };

/* One archive row over `count` slices from `first`, whose bytes lie after the lengths. */
typedef struct archive_row {
  uint64_t first;
  uint32_t count;
  size_t bodies_bytes;
} archive_row;

/* The slice's place: in the tail, or in this transaction. */
typedef struct cursor {
  lqi_entry *entry;
  uint32_t tail, pending;
} cursor;

static size_t cursor_bytes(const lqi_store *store, const cursor *at) {
  if (at->tail < at->entry->tail_count) return at->entry->tail[at->tail].bytes;
  return at->pending ? store->pending[at->pending - 1].slice->body.bytes : 0;
}
static bool cursor_more(const cursor *at) {
  return at->tail < at->entry->tail_count || at->pending;
}
static void cursor_step(const lqi_store *store, cursor *at) {
  if (at->tail < at->entry->tail_count)
    at->tail++;
  else
    at->pending = store->pending[at->pending - 1].next;
}

static const uint8_t *cursor_data(const lqi_store *store, const cursor *at) {
  if (at->tail >= at->entry->tail_count) return store->pending[at->pending - 1].slice->body.data;
  const lqi_loc *loc = &at->entry->tail[at->tail];
  return loc->row->body + loc->at;
}

static lq_err archive_write(lqi_store *store, cursor from, const archive_row *row) {
  size_t total = HEADER_BYTES + (size_t)row->count * 4 + row->bodies_bytes;
  if (!lqi_bytes_reserve(&store->archive, total)) return LQ_ERR_MEMORY;
  lq_writer w = lq_writer_of(store->archive.data, total);
  lq_write_text(&w, "LQAR");
  lq_write_u16(&w, ARCHIVE_VERSION);
  lq_write_u16(&w, 0);
  lq_write_u32(&w, row->count);
  cursor at = from;
  for (uint32_t i = 0; i < row->count; i++, cursor_step(store, &at))
    lq_write_u32(&w, (uint32_t)cursor_bytes(store, &at));
  for (uint32_t i = 0; i < row->count; i++, cursor_step(store, &from))
    lq_write_bytes(&w, cursor_data(store, &from), cursor_bytes(store, &from));
  LQ_CHECK(!w.failed && w.bytes == total);
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_ARCHIVE_ADD);
  if (!lqi_bind_number(stmt, 1, (uint64_t)from.entry->id) ||
      !lqi_bind_number(stmt, 2, row->first) ||
      !lqi_bind_number(stmt, 3, row->first + row->count - 1) ||
      !lqi_bind_span(stmt, 4, lq_writer_span(&w)))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(&store->writer, stmt);
}

static lq_err archives_write(lqi_store *store, lqi_entry *entry) {
  cursor at = {entry, 0, LQ_PLANTED(GATHER_PENDING) ? 0 : entry->pending_first}, from = at;
  archive_row row = {.first = entry->gathered + 1};
  lq_err err = LQ_OK;
  while (!err && cursor_more(&at)) {
    size_t bytes = cursor_bytes(store, &at);
    if (row.count && row.bodies_bytes + bytes > LQI_ARCHIVE_BYTES) {
      err = archive_write(store, from, &row);
      row = (archive_row){.first = row.first + row.count};
      from = at;
    }
    row.count++;
    row.bodies_bytes += bytes;
    cursor_step(store, &at);
  }
  return !err && row.count ? archive_write(store, from, &row) : err;
}

lq_err lqi_gather(lqi_store *store, lqi_entry *entry) {
  lq_err err = archives_write(store, entry);
  for (uint32_t i = 0; !err && i < entry->tail_count; i++) {
    lqi_row *row = entry->tail[i].row;
    if (++row->leaving + LQ_PLANTED(GATHER_ROW) < row->live) continue;
    sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_JOURNAL_DROP);
    err = lqi_bind_number(stmt, 1, (uint64_t)row->seq) ? lqi_sql_done(&store->writer, stmt)
                                                       : LQ_ERR_MEMORY;
  }
  if (err) return err;
  uint8_t bytes[LQI_HEAD_BYTES_MAX];
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  lq_store_head_encode(&entry->next, &w);
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_SESSION_SET);
  uint64_t gathered = LQ_PLANTED(GATHERED_UNSAVED) ? entry->gathered : entry->next.slice;
  if (!lqi_bind_number(stmt, 1, gathered) || !lqi_bind_span(stmt, 2, lq_writer_span(&w)) ||
      !lqi_bind_number(stmt, 3, (uint64_t)entry->id))
    return LQ_ERR_MEMORY;
  return lqi_sql_done(&store->writer, stmt);
}

static uint64_t tail_bytes(const lqi_entry *entry) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < entry->tail_count; i++) bytes += entry->tail[i].bytes;
  return bytes;
}

void lqi_gather_some(lqi_store *store) {
  uint64_t room = LQI_GATHER_BYTES_MIN, done = 0;
  for (uint32_t i = 0; i < store->pending_count; i++) room += store->pending[i].slice->body.bytes;
  room *= store->journal_bytes > LQI_JOURNAL_HARD   ? LQI_GATHER_HARD
          : store->journal_bytes > LQI_JOURNAL_SOFT ? LQI_GATHER_SOFT
                                                    : 0;
  for (lqi_row *row = store->row_first; row && done < room; row = row->next)
    for (uint32_t i = 0; i < row->entry_count && done < room; i++) {
      lqi_entry *entry = row->entry[i];
      if (!entry) continue;
      lqi_touch_entry(store, entry);
      if (entry->gather) continue;
      entry->gather = true;
      done += tail_bytes(entry);
    }
}

/* Which power of two of LQ_CHECKPOINT_TICKS the age falls into. */
static uint32_t age_class(uint64_t age) {
  uint32_t class = 0;
  for (uint64_t n = age / LQ_CHECKPOINT_TICKS; n > 1; n /= 2) class ++;
  return class;
}

lq_err lqi_checkpoints_thin(lqi_store *store, int64_t id) {
  uint64_t tick[CHECKPOINTS_LISTED];
  uint32_t count = 0;
  sqlite3_stmt *stmt = lqi_sql_get(&store->writer, LQI_CHECKPOINT_TICKS);
  if (!lqi_bind_number(stmt, 1, (uint64_t)id)) return LQ_ERR_MEMORY;
  lq_err err;
  while (!(err = lqi_sql_row(&store->writer, stmt))) {
    if (count == CHECKPOINTS_LISTED) {
      (void)sqlite3_reset(stmt);
      err = LQ_ERR_NOT_FOUND;
      break;
    }
    tick[count++] = (uint64_t)sqlite3_column_int64(stmt, 0);
  }
  if (err != LQ_ERR_NOT_FOUND) return err;
  err = LQ_OK;
  /* tick[0], tick[1] are the newest two, the last is the first: they stay, and of the others the
   * oldest of each age class, so that it can grow into the next one. */
  for (uint32_t i = LQ_PLANTED(THIN_NEWEST) ? 0 : 2; !err && i + 1 < count; i++) {
    if (age_class(tick[0] - tick[i]) != age_class(tick[0] - tick[i + 1])) continue;
    stmt = lqi_sql_get(&store->writer, LQI_CHECKPOINT_DROP);
    if (!lqi_bind_number(stmt, 1, (uint64_t)id) || !lqi_bind_number(stmt, 2, tick[i]))
      return LQ_ERR_MEMORY;
    err = lqi_sql_done(&store->writer, stmt);
  }
  return err;
}
