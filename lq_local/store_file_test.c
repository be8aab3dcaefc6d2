/* The file: modes, locks, foreign and damaged files, a reader in another connection, compaction. */
#include "lq_local/store_int.h"
#include "lq_local/store_testing.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

static lq_store *open_good(folder_under_test *t) {
  lq_store *store;
  lq_diag diag = {0};
  if (store_open(t, false, &store, &diag)) fail_msg("%s", diag.message);
  return store;
}
static lq_store_head begin_session(folder_under_test *t, lq_store *store, uint32_t number) {
  lq_session_name name = session_named(number);
  lq_store_head head;
  assert_ok(session_create(t, store, &name));
  assert_ok(session_acquire(t, store, &name, &head));
  return head;
}
static void file_put(const char *path, const void *data, size_t bytes) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, bytes, f), bytes);
  (void)fclose(f);
}
static int64_t sql_number(folder_under_test *t, const char *text) {
  sqlite3 *db;
  sqlite3_stmt *stmt;
  assert_int_equal(sqlite3_open_v2(folder_file(t, "lq.db"), &db, SQLITE_OPEN_READONLY, NULL), 0);
  assert_int_equal(sqlite3_prepare_v2(db, text, -1, &stmt, NULL), 0);
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t n = sqlite3_column_int64(stmt, 0);
  (void)sqlite3_finalize(stmt);
  (void)sqlite3_close(db);
  return n;
}

LQ_TEST(files_are_for_the_owner_alone) {
  folder_under_test t = folder_begin();
  assert_int_equal(rmdir(t.path), 0); /* made by the store */
  mode_t before = umask(0);
  lq_store *store = open_good(&t);
  (void)begin_session(&t, store, 1);
  (void)umask(before);
  struct stat s;
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm"};
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(stat(folder_file(&t, names[i]), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
  }
  assert_int_equal(stat(t.path, &s), 0);
  assert_int_equal(s.st_mode & 0777, 0700);
  store->close(store);
  folder_end(&t);
}

LQ_TEST(second_server_on_one_folder_is_refused) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t), *second;
  lq_diag diag = {0};
  assert_int_equal(store_open(&t, false, &second, &diag), LQ_ERR_LOCKED);
  assert_null(second);
  assert_non_null(strstr(diag.message, "lq.lock"));
  store->close(store);
  store = open_good(&t);
  store->close(store);
  folder_end(&t);
}

LQ_TEST(foreign_file_is_refused_and_named) {
  folder_under_test t = folder_begin();
  lq_store *store;
  lq_diag diag = {0};
  static char text[5000];
  memset(text, 'x', sizeof text);
  file_put(folder_file(&t, "lq.db"), text, sizeof text);
  for (int read_only = 0; read_only < 2; read_only++) {
    assert_int_equal(store_open(&t, read_only, &store, &diag), LQ_ERR_CORRUPT);
    assert_non_null(strstr(diag.message, "lq.db"));
  }
  (void)unlink(folder_file(&t, "lq.db"));
  sqlite3 *db;
  assert_int_equal(sqlite3_open(folder_file(&t, "lq.db"), &db), 0);
  assert_int_equal(sqlite3_exec(db, "CREATE TABLE songs(a)", NULL, NULL, NULL), 0);
  (void)sqlite3_close(db);
  assert_int_equal(store_open(&t, false, &store, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "another program"));
  folder_end(&t);
}

LQ_TEST(newer_format_is_refused_and_named) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_diag diag = {0};
  store->close(store);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(folder_file(&t, "lq.db"), &db), 0);
  assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=5", NULL, NULL, NULL), 0);
  (void)sqlite3_close(db);
  for (int read_only = 0; read_only < 2; read_only++) {
    assert_int_equal(store_open(&t, read_only, &store, &diag), LQ_ERR_VERSION);
    assert_non_null(strstr(diag.message, "format 5"));
  }
  folder_end(&t);
}

LQ_TEST(damaged_file_is_an_error_and_never_a_crash) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_session_name name = session_named(1), second = session_named(2);
  lq_store_head head = begin_session(&t, store, 1), other = begin_session(&t, store, 2);
  static uint8_t body[6000];
  for (int i = 0; i < 5; i++) {
    assert_ok(slice_commit(&t, store, &name, &head, lq_span_of(body, sizeof body)));
    assert_ok(slice_commit(&t, store, &second, &other, lq_span_of(body, sizeof body)));
  }
  assert_ok(session_checkpoint(&t, store, &second, &other, LQ_HEAD_HIBERNATED));
  store->close(store);
  uint8_t *whole;
  size_t bytes;
  assert_ok(lq_file_read(folder_file(&t, "lq.db"), 64 << 20, &whole, &bytes));
  uint8_t *copy = malloc(bytes);
  uint32_t refused = 0, seed = 1;
  for (int round = 0; round < 300; round++) {
    memcpy(copy, whole, bytes);
    seed = seed * 1664525u + 1013904223u;
    size_t kept = bytes;
    if (round % 3 == 0)
      kept = seed % bytes;
    else
      for (int i = 0; i < 8; i++, seed = seed * 1664525u + 1013904223u)
        copy[seed % (round % 3 == 1 ? bytes : 200)] ^= (uint8_t)(1 + (seed >> 24) % 255);
    (void)unlink(folder_file(&t, "lq.db-wal"));
    (void)unlink(folder_file(&t, "lq.db-shm"));
    file_put(folder_file(&t, "lq.db"), copy, kept);
    lq_diag diag = {0};
    if (store_open(&t, false, &store, &diag)) {
      assert_non_null(strstr(diag.message, "lq.db"));
      refused++;
      continue;
    }
    waited w;
    (void)slices_count(&t, store, &name, &w);
    (void)slices_count(&t, store, &second, &w);
    lq_store_head got;
    if (!session_acquire(&t, store, &name, &got))
      (void)slice_commit(&t, store, &name, &got, lq_span_of(body, 100));
    store->close(store);
  }
  assert_true(refused > 50);
  free(copy);
  lq_file_free(whole);
  folder_end(&t);
}

/* Changes the database as the store would: with sums. */
static void sql_write(folder_under_test *t, const char *text) {
  lqi_sums sums = {0};
  sqlite3 *db;
  assert_ok(lqi_sums_begin(&sums));
  assert_int_equal(sqlite3_open_v2(folder_file(t, "lq.db"), &db, SQLITE_OPEN_READWRITE, sums.name),
                   0);
  assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), 0);
  (void)sqlite3_close(db);
  lqi_sums_end(&sums);
}

static lq_store *with_one_slice(folder_under_test *t) {
  lq_store *store = open_good(t);
  lq_session_name name = session_named(1);
  lq_store_head head = begin_session(t, store, 1);
  assert_ok(slice_commit(t, store, &name, &head, lq_span_text("a body that can be found")));
  return store;
}

LQ_TEST(flipped_bit_in_a_page_is_found_when_it_is_read) {
  folder_under_test t = folder_begin();
  lq_store *store = with_one_slice(&t);
  store->close(store);
  uint8_t *whole;
  size_t bytes;
  assert_ok(lq_file_read(folder_file(&t, "lq.db"), 64 << 20, &whole, &bytes));
  uint8_t *at = memmem(whole, bytes, "a body that", 11);
  assert_non_null(at);
  at[3] ^= 1;
  file_put(folder_file(&t, "lq.db"), whole, bytes);
  lq_file_free(whole);
  lq_diag diag = {0};
  assert_int_equal(store_open(&t, false, &store, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "the journal cannot be read"));
  folder_end(&t);
}

LQ_TEST(group_row_that_is_not_what_was_written_is_found_at_open) {
  folder_under_test t = folder_begin();
  lq_store *store = with_one_slice(&t);
  store->close(store);
  sql_write(&t, "UPDATE journal SET body=CAST(substr(body,1,length(body)-1)||'!' AS BLOB)");
  lq_diag diag = {0};
  assert_int_equal(store_open(&t, false, &store, &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "group row"));
  folder_end(&t);
}

LQ_TEST(backup_beside_a_server_is_a_folder_like_any_other) {
  folder_under_test t = folder_begin(), copy = folder_begin();
  lq_store *store = with_one_slice(&t), *again;
  lq_session_name name = session_named(1);
  lq_store_head head;
  lq_diag diag = {0};
  assert_ok(lq_store_sqlite_backup(t.path, folder_file(&copy, "lq.db"), &diag));
  assert_int_equal(lq_store_sqlite_backup(t.path, folder_file(&copy, "lq.db"), &diag),
                   LQ_ERR_EXISTS);
  store->close(store);
  assert_ok(store_open(&copy, false, &again, &diag));
  waited w;
  assert_int_equal(slices_count(&copy, again, &name, &w), 1);
  assert_ok(session_head(&copy, again, &name, &head));
  assert_ok(slice_commit(&copy, again, &name, &head, lq_span_text("goes on")));
  again->close(again);
  folder_end(&copy);
  folder_end(&t);
}

LQ_TEST(backup_of_a_damaged_database_is_refused) {
  folder_under_test t = folder_begin();
  lq_store *store = with_one_slice(&t);
  lq_diag diag = {0};
  store->close(store);
  uint8_t *whole;
  size_t bytes;
  assert_ok(lq_file_read(folder_file(&t, "lq.db"), 64 << 20, &whole, &bytes));
  whole[bytes - 100] ^= 1;
  file_put(folder_file(&t, "lq.db"), whole, bytes);
  lq_file_free(whole);
  assert_int_equal(lq_store_sqlite_backup(t.path, folder_file(&t, "copy"), &diag), LQ_ERR_CORRUPT);
  assert_non_null(strstr(diag.message, "cannot be copied"));
  assert_false(lq_file_exists(folder_file(&t, "copy")));
  folder_end(&t);
}

/* As a kill leaves it: the three files beside a store that still runs. */
static void copy_killed(const folder_under_test *from, const folder_under_test *to, size_t cut) {
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm"};
  for (size_t i = 0; i < 3; i++) {
    uint8_t *data;
    size_t bytes;
    assert_ok(lq_file_read(folder_file(from, names[i]), 64 << 20, &data, &bytes));
    file_put(folder_file(to, names[i]), data, i == 1 ? bytes - cut : bytes);
    lq_file_free(data);
  }
}

LQ_TEST(wal_that_lost_its_last_commit_is_refused_and_named) {
  folder_under_test t = folder_begin(), killed = folder_begin();
  lq_store *store = with_one_slice(&t), *again;
  lq_diag diag = {0};
  for (int read_only = 0; read_only < 2; read_only++) {
    copy_killed(&t, &killed, 1);
    assert_int_equal(store_open(&killed, read_only, &again, &diag), LQ_ERR_CORRUPT);
    assert_non_null(strstr(diag.message, "lq.db-wal is damaged: it ends before"));
    assert_int_equal(unlink(folder_file(&killed, "lq.db-wal")), 0);
    assert_int_equal(store_open(&killed, read_only, &again, &diag), LQ_ERR_CORRUPT);
    assert_non_null(strstr(diag.message, "lq.db-wal is damaged: it is gone"));
  }
  copy_killed(&t, &killed, 0);
  assert_ok(store_open(&killed, false, &again, &diag));
  again->close(again);
  store->close(store);
  folder_end(&killed);
  folder_end(&t);
}

/* A loss of power may leave any older index, or none: that is no damage. */
LQ_TEST(old_index_of_the_wal_is_no_damage) {
  folder_under_test t = folder_begin(), killed = folder_begin();
  lq_store *store = with_one_slice(&t), *again;
  lq_session_name name = session_named(1);
  lq_store_head head;
  lq_diag diag = {0};
  uint8_t *old;
  size_t bytes;
  assert_ok(session_head(&t, store, &name, &head));
  assert_ok(lq_file_read(folder_file(&t, "lq.db-shm"), 1 << 20, &old, &bytes));
  static uint8_t body[100000];
  for (int i = 0; i < 60; i++) /* far enough for the WAL to begin anew */
    assert_ok(slice_commit(&t, store, &name, &head, lq_span_of(body, sizeof body)));
  for (int i = 0; i < 2; i++) {
    copy_killed(&t, &killed, 0);
    file_put(folder_file(&killed, "lq.db-shm"), old, i ? 0 : bytes);
    assert_ok(store_open(&killed, false, &again, &diag));
    waited w;
    assert_int_equal(slices_count(&killed, again, &name, &w), 61);
    again->close(again);
  }
  lq_file_free(old);
  store->close(store);
  folder_end(&killed);
  folder_end(&t);
}

LQ_TEST(reader_beside_a_server_sees_what_is_committed_and_writes_nothing) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t), *reader;
  lq_session_name name = session_named(1);
  lq_store_head head = begin_session(&t, store, 1), seen;
  lq_diag diag = {0};
  assert_ok(slice_commit(&t, store, &name, &head, lq_span_text("one")));
  assert_ok(store_open(&t, true, &reader, &diag));
  waited w;
  assert_int_equal(slices_count(&t, reader, &name, &w), 1);
  assert_ok(slice_commit(&t, store, &name, &head, lq_span_text("two")));
  assert_int_equal(slices_count(&t, reader, &name, &w), 2);
  assert_ok(session_checkpoint(&t, store, &name, &head, LQ_HEAD_LIVE));
  assert_ok(slice_commit(&t, store, &name, &head, lq_span_text("three")));
  assert_int_equal(slices_count(&t, reader, &name, &w), 3);
  assert_ok(session_head(&t, reader, &name, &seen));
  assert_int_equal(seen.slice, 3);
  assert_int_equal(session_create(&t, reader, &(lq_session_name){"a", "b", "c"}), LQ_ERR_FORBIDDEN);
  struct stat before, after;
  assert_int_equal(stat(folder_file(&t, "lq.db-wal"), &before), 0);
  reader->close(reader);
  assert_int_equal(stat(folder_file(&t, "lq.db-wal"), &after), 0);
  assert_int_equal(before.st_size, after.st_size);
  assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
  assert_ok(slice_commit(&t, store, &name, &head, lq_span_text("four")));
  store->close(store);
  assert_ok(store_open(&t, true, &reader, &diag)); /* without a server too */
  assert_int_equal(slices_count(&t, reader, &name, &w), 4);
  reader->close(reader);
  folder_end(&t);
}

LQ_TEST(reader_of_an_empty_folder_is_refused) {
  folder_under_test t = folder_begin();
  lq_store *reader;
  lq_diag diag = {0};
  assert_int_equal(store_open(&t, true, &reader, &diag), LQ_ERR_NOT_FOUND);
  assert_non_null(strstr(diag.message, "lq.db"));
  folder_end(&t);
}

LQ_TEST(group_rows_go_when_all_their_slices_are_gathered) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_session_name a = session_named(1), b = session_named(2);
  lq_store_head ha = begin_session(&t, store, 1), hb = begin_session(&t, store, 2);
  waited w = {.t = &t};
  lq_store_slice both[2] = {slice_next(&a, &ha, lq_span_text("a1")),
                            slice_next(&b, &hb, lq_span_text("b1"))};
  assert_ok(store->commit(store, both, 2, waited_committed, &w));
  wait_calls(&w, 2);
  ha = both[0].head;
  hb = both[1].head;
  assert_int_equal(sql_number(&t, "SELECT count(*) FROM journal"), 1);
  assert_ok(session_checkpoint(&t, store, &a, &ha, LQ_HEAD_HIBERNATED));
  assert_int_equal(sql_number(&t, "SELECT count(*) FROM journal"), 1);
  assert_int_equal(slices_count(&t, store, &a, &w), 1);
  assert_ok(session_checkpoint(&t, store, &b, &hb, LQ_HEAD_HIBERNATED));
  assert_int_equal(sql_number(&t, "SELECT count(*) FROM journal"), 0);
  assert_int_equal(sql_number(&t, "SELECT count(*) FROM archive"), 2);
  assert_int_equal(slices_count(&t, store, &b, &w), 1);
  store->close(store);
  folder_end(&t);
}

LQ_TEST(session_that_never_checkpoints_does_not_pin_the_journal) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_session_name quiet = session_named(1), loud = session_named(2);
  lq_store_head hq = begin_session(&t, store, 1), hl = begin_session(&t, store, 2);
  static uint8_t body[512 << 10];
  assert_ok(slice_commit(&t, store, &quiet, &hq, lq_span_text("long ago")));
  for (int i = 0; i < 100; i++)
    assert_ok(slice_commit(&t, store, &loud, &hl, lq_span_of(body, sizeof body)));
  assert_true(sql_number(&t, "SELECT sum(length(body)) FROM journal") <= 33 << 20);
  waited w;
  assert_int_equal(slices_count(&t, store, &quiet, &w), 1);
  assert_int_equal(slices_count(&t, store, &loud, &w), 100);
  store->close(store);
  store = open_good(&t);
  assert_int_equal(slices_count(&t, store, &loud, &w), 100);
  assert_ok(slice_commit(&t, store, &quiet, &hq, lq_span_text("again")));
  store->close(store);
  folder_end(&t);
}

LQ_TEST(old_checkpoints_are_thinned_by_age) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_session_name name = session_named(1);
  lq_store_head head = begin_session(&t, store, 1);
  for (int i = 0; i < 200; i++) {
    head.tick += LQ_CHECKPOINT_TICKS - 10;
    assert_ok(slice_commit(&t, store, &name, &head, lq_span_text("x")));
    assert_ok(session_checkpoint(&t, store, &name, &head, LQ_HEAD_LIVE));
  }
  assert_true(sql_number(&t, "SELECT count(*) FROM checkpoint") <= 12);
  assert_int_equal(sql_number(&t, "SELECT min(tick) FROM checkpoint"), LQ_CHECKPOINT_TICKS);
  assert_int_equal(sql_number(&t, "SELECT max(tick) FROM checkpoint"), head.tick);
  store->close(store);
  folder_end(&t);
}

LQ_TEST(full_queue_is_busy) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_session_name name = session_named(1);
  lq_store_head head = begin_session(&t, store, 1);
  static uint8_t body[LQ_SLICE_BYTES_MAX];
  waited w = {.t = &t};
  uint32_t taken = 0;
  lq_err err = LQ_OK;
  for (int i = 0; i < 1000 && !err; i++) {
    lq_store_slice slice = slice_next(&name, &head, lq_span_of(body, sizeof body));
    err = store->commit(store, &slice, 1, waited_committed, &w);
    if (err) break;
    taken++;
    head = slice.head;
  }
  assert_int_equal(err, LQ_ERR_BUSY);
  wait_calls(&w, taken);
  assert_int_equal(w.good, taken);
  assert_ok(slice_commit(&t, store, &name, &head, lq_span_text("goes on")));
  lq_store_sqlite_stats stats;
  lq_store_sqlite_stats_get(store, &stats);
  assert_int_equal(stats.slices, taken + 1);
  assert_int_equal(stats.waiting_bytes, 0);
  assert_true(stats.commits > 0 && stats.commit_ns_p99 >= stats.commit_ns_p50);
  store->close(store);
  folder_end(&t);
}

LQ_TEST(close_answers_what_is_in_flight) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  lq_session_name name = session_named(1);
  lq_store_head head = begin_session(&t, store, 1);
  waited w = {.t = &t};
  lq_store_slice slice = slice_next(&name, &head, lq_span_text("last words"));
  assert_ok(store->commit(store, &slice, 1, waited_committed, &w));
  store->close(store);
  assert_int_equal(w.good, 1);
  store = open_good(&t);
  assert_int_equal(slices_count(&t, store, &name, &w), 1);
  store->close(store);
  folder_end(&t);
}

static void leaf_counted(void *context, lq_err err, uint64_t index, lq_span leaf) {
  waited *w = context;
  (void)leaf;
  if (err)
    w->err = err;
  else
    assert_int_equal(index, w->items++);
}

/* A page that lay in another's place for a while can leave an older one behind, whole and with its
 * sum: rows are gone, and others are not. */
LQ_TEST(a_row_that_is_gone_from_a_log_is_damage_and_not_its_end) {
  folder_under_test t = folder_begin();
  lq_store *store = open_good(&t);
  waited w = {.t = &t};
  lq_span leaf = lq_span_text("leaf");
  lq_store_change change = {.tenant = "acme", .leaves = &leaf, .leaf_count = 1};
  for (uint32_t i = 0; i < 4; i++) {
    store->change(store, &change, waited_changed, &w);
    wait_calls(&w, i + 1);
  }
  assert_int_equal(w.good, 4);
  static const uint32_t gone[] = {2, 0}; /* leaves */
  for (size_t i = 0; i < 2; i++) {
    char text[80];
    lqi_store *inside = (lqi_store *)store;
    (void)snprintf(text, sizeof text, "DELETE FROM log WHERE id %% 65536 = %u", gone[i]);
    assert_int_equal(sqlite3_exec(inside->writer.db, text, NULL, NULL, NULL), SQLITE_OK);
    w.items = 0;
    store->log(store, "acme", 0, 0, leaf_counted, &w);
    assert_int_equal(w.err, LQ_ERR_CORRUPT);
    assert_int_equal(w.items, gone[i]);
  }
  store->log(store, "acme", 4, 0, leaf_counted, &w);
  assert_int_equal(w.err, LQ_ERR_NOT_FOUND); /* behind the end there is nothing to miss */
  store->close(store);
  folder_end(&t);
}
