/* Inside the SQLite store.
 *
 * Shape: the loop's thread queues operations; the writer's thread takes all that wait, applies them
 * in one transaction, and posts the answers. Every read runs on the loop's thread over a second,
 * read-only connection. In memory is only the tail: sessions with slices in group rows that are not
 * gathered yet, and sessions that are live.
 * Threads: `mutex` guards the queue, the answers, the statistics, and what readers see of the cache
 * (the table, each entry's head and tail). The writer alone changes the cache, under the mutex; it
 * may read it without. `next`, `pending` and `row.leaving` are the writer's own. */
#ifndef LQ_LOCAL_STORE_INT_H
#define LQ_LOCAL_STORE_INT_H

#include "lq_host/host.h"
#include "lq_local/store_sqlite.h"

#include <sqlite3.h>

enum {
  LQI_FORMAT = 4,                  /* user_version */
  LQI_APPLICATION_ID = 0x4c515354, /* "LQST" */
  LQI_JOURNAL_SOFT =
      32 << 20, /* group rows; above it each commit also gathers of the oldest row ... */
  LQI_JOURNAL_HARD = 128 << 20, /* ... above this more */
  LQI_GATHER_SOFT =
      2, /* times the commit's own bytes: more than comes in, so the journal shrinks */
  LQI_GATHER_HARD = 8,
  LQI_GATHER_BYTES_MIN = 64 << 10,
  LQI_ARCHIVE_BYTES = 2 << 20, /* one archive row, but for a single slice above it */
  LQI_SAMPLES = 1024,
  LQI_PAGE_SESSIONS = 64,
  LQI_GROUP_HEADER_BYTES = 24,
  LQI_GROUP_BYTES_MAX = INT32_MAX, /* a row's, in the making */
  LQI_HEAD_BYTES_MAX = 256,
  LQI_PAGE_BYTES = 4096,
  LQI_SUM_BYTES = 8, /* at the end of each page of the database */
};

#define LQI_SQL(X)                                                                                 \
  X(BEGIN, "BEGIN IMMEDIATE")                                                                      \
  X(COMMIT, "COMMIT")                                                                              \
  X(SESSION_BY_NAME,                                                                               \
    "SELECT id,gathered,head,tenant,game,name FROM session WHERE tenant=? AND game=? AND name=?")  \
  X(SESSION_BY_ID, "SELECT id,gathered,head,tenant,game,name FROM session WHERE id=?")             \
  X(SESSION_LIST, "SELECT id,gathered,head,tenant,game,name FROM session WHERE tenant=? AND "      \
                  "game=? AND name>? ORDER BY name LIMIT ?")                                       \
  X(SESSION_ADD, "INSERT INTO session(tenant,game,name,gathered,head) VALUES(?,?,?,0,?)")          \
  X(SESSION_SET, "UPDATE session SET gathered=?,head=? WHERE id=?")                                \
  X(JOURNAL_ADD, "INSERT INTO journal(seq,body) VALUES(?,?)")                                      \
  X(JOURNAL_DROP, "DELETE FROM journal WHERE seq=?")                                               \
  X(JOURNAL_ALL, "SELECT seq,body FROM journal ORDER BY seq")                                      \
  X(ARCHIVE_ADD, "INSERT INTO archive(session,first,last,body) VALUES(?,?,?,?)")                   \
  X(ARCHIVE_GET, "SELECT first,last,body FROM archive WHERE session=? AND last>=? "                \
                 "ORDER BY last LIMIT 1")                                                          \
  X(CHECKPOINT_ADD, "INSERT OR REPLACE INTO checkpoint(session,tick,body) VALUES(?,?,?)")          \
  X(CHECKPOINT_GET, "SELECT tick,body FROM checkpoint WHERE session=? AND tick<=? "                \
                    "ORDER BY tick DESC LIMIT 1")                                                  \
  X(CHECKPOINT_TICKS, "SELECT tick FROM checkpoint WHERE session=? ORDER BY tick DESC")            \
  X(CHECKPOINT_DROP, "DELETE FROM checkpoint WHERE session=? AND tick=?")                          \
  X(BLOB_ADD, "INSERT OR IGNORE INTO blob(tenant,digest,body) VALUES(?,?,?)")                      \
  X(BLOB_GET, "SELECT body FROM blob WHERE tenant=? AND digest=?")                                 \
  X(TENANT_ADD, "INSERT INTO tenant(name) VALUES(?)")                                              \
  X(TENANT_GET, "SELECT id FROM tenant WHERE name=?")                                              \
  X(ITEM_GET, "SELECT version,value FROM item WHERE tenant=? AND sk=?")                            \
  X(ITEM_SET, "INSERT OR REPLACE INTO item(tenant,sk,version,value) VALUES(?,?,?,?)")              \
  X(ITEM_DROP, "DELETE FROM item WHERE tenant=? AND sk=?")                                         \
  X(ITEM_NEXT, "SELECT sk,version,value FROM item WHERE tenant=? AND sk>=? AND sk<? ORDER BY sk "  \
               "LIMIT 1")                                                                          \
  X(LOG_ADD, "INSERT INTO log(id,body) VALUES(?,?)")                                               \
  X(LOG_AT, "SELECT id,body FROM log WHERE id<=? AND id>=? ORDER BY id DESC LIMIT 1")              \
  X(DATA_VERSION, "PRAGMA data_version")

typedef enum lqi_sql {
#define X(name, text) LQI_##name,
  LQI_SQL(X)
#undef X
      LQI_SQL_COUNT
} lqi_sql;

typedef struct lqi_db {
  sqlite3 *db;
  sqlite3_stmt *stmt[LQI_SQL_COUNT]; /* prepared on first use; none is active between calls */
} lqi_db;

/* A group row in the journal table. */
typedef struct lqi_entry lqi_entry;
typedef struct lqi_row lqi_row;
struct lqi_row {
  lqi_row *next, *previous; /* ascending seq */
  int64_t seq;
  uint8_t *body; /* as in the table; readers and gathering copy from here */
  uint64_t bytes;
  uint32_t live;    /* slices in it that are in no archive yet */
  uint32_t leaving; /* of them, gathered by the running transaction */
  uint32_t entry_count;
  lqi_entry *entry[]; /* whose slices it holds; NULL once gathered */
};
typedef struct lqi_loc {
  uint64_t slice;
  lqi_row *row;
  uint32_t at, bytes; /* in the row's body */
  uint32_t index;     /* of the session in row->entry */
} lqi_loc;

struct lqi_entry {
  lqi_entry *by_name, *by_id; /* chains of the two tables */
  uint64_t name_hash;
  int64_t id;
  lq_session_name name;
  lq_store_head head; /* committed */
  uint64_t gathered;  /* slices up to it are in archives */
  lqi_loc *tail;      /* ascending slices, gathered + 1 ... head.slice */
  uint32_t tail_count, tail_capacity;
  /* The running transaction. */
  lq_store_head next;
  lqi_entry *touched_next;
  uint32_t pending_first, pending_last; /* index + 1 in store->pending; 0 = none */
  bool touched, gather;
  bool unwritten; /* an acquire raised the epoch, and no row tells yet */
};

typedef enum lqi_kind {
  LQI_OP_COMMIT,
  LQI_OP_CREATE,
  LQI_OP_ACQUIRE,
  LQI_OP_CHECKPOINT,
  LQI_OP_BLOB,
  LQI_OP_CHANGE,
} lqi_kind;

typedef struct lqi_op lqi_op;
struct lqi_op {
  lqi_op *next;
  lqi_kind kind;
  lq_err err;
  void *context;
  union {
    lq_store_committed committed;
    lq_store_done done;
    lq_store_got_head got_head;
    lq_store_changed changed;
  } call;
  size_t bytes; /* counted against LQ_COMMIT_BYTES_MAX */
  lq_session_name name;
  lq_store_head head; /* in; acquire: the answer */
  uint8_t digest[32];
  lq_store_change change; /* copied: into `body`, but for name.tenant */
  uint64_t leaf;          /* of a change: its first */
  uint8_t *body;          /* own copy; commit: unused, bodies are borrowed until the callback */
  size_t body_bytes;
  uint32_t slice_count;
  lq_err *slice_err;
  uint64_t *slice_leaf;
  lq_store_slice slice[];
};

/* A slice accepted by the running transaction. */
typedef struct lqi_pending {
  lqi_entry *entry;
  const lq_store_slice *slice;
  lq_store_head head; /* after it */
  uint32_t at;        /* of its body in the group row */
  uint32_t next;      /* index + 1 of the entry's next one */
} lqi_pending;

typedef struct lqi_bytes {
  uint8_t *data;
  size_t bytes, capacity;
} lqi_bytes;

/* A tenant that wrote since the store was opened. */
typedef struct lqi_tenant lqi_tenant;
struct lqi_tenant {
  lqi_tenant *next;
  char name[LQ_TENANT_BYTES];
  int64_t id;          /* 0: not known */
  bool fresh;          /* made by the running transaction */
  uint64_t size;       /* of its log, committed */
  uint32_t leaf_count; /* added by the running transaction */
  lqi_bytes leaves;    /* a log row in the making */
};

/* The VFS that sums pages; one for each store. */
typedef struct lqi_sums {
  sqlite3_vfs vfs; /* first */
  sqlite3_vfs *real;
  char name[48];
} lqi_sums;

typedef struct lqi_store lqi_store;
/* What a post to the loop carries: outlives the store while posts are on their way. */
typedef struct lqi_gate {
  lqi_store *store; /* NULL: closed */
  uint32_t posts;   /* under the store's mutex while it lives */
} lqi_gate;

struct lqi_store {
  lq_store port; /* first */
  lq_loop *loop;
  lqi_gate *gate;
  lq_lock *lock;
  lq_mutex *mutex;
  lq_cond *cond;
  lq_thread *thread;
  char path[1024];
  bool read_only;
  lqi_sums sums;
  lqi_db reader;

  /* Under the mutex. */
  lqi_op *queue_first, **queue_last;
  lqi_op *done_first, **done_last;
  uint64_t waiting_bytes;
  bool stop, posted;
  lq_err broken; /* a write or sync failed: final. A full disk, or want of memory, is not: undone */
  lqi_entry **by_name, **by_id;
  uint32_t entry_count, bucket_count;
  lq_store_sqlite_stats stats;
  uint64_t sample_count;
  uint32_t sample_us[LQI_SAMPLES];

  /* The writer's. */
  lqi_db writer;
  lqi_row *row_first, *row_last;
  uint64_t journal_bytes;
  int64_t seq_next;
  lqi_entry *touched;
  lqi_tenant *tenants;
  lqi_pending *pending;
  uint32_t pending_count, pending_capacity;
  lqi_bytes directory, group, archive;
  /* Read only: the index is built again when another process has written. */
  int64_t data_version;
};

/* ---- store_sql.c ---- */
/* The statement, reset and ready to bind; NULL when it cannot be prepared. */
sqlite3_stmt *lqi_sql_get(lqi_db *db, lqi_sql which);
/* Steps to the end; SQLITE_DONE is success. Resets. */
lq_err lqi_sql_done(lqi_db *db, sqlite3_stmt *stmt);
/* Steps once: LQ_OK with a row (reset it later), LQ_ERR_NOT_FOUND (already reset), or an error. */
lq_err lqi_sql_row(lqi_db *db, sqlite3_stmt *stmt);
lq_err lqi_sql_run(lqi_db *db, lqi_sql which);
lq_err lqi_sql_exec(lqi_db *db, const char *text);
lq_err lqi_sql_number(lqi_db *db, const char *text, int64_t *out);
void lqi_sql_close(lqi_db *db);
lq_err lqi_sql_err(sqlite3 *db, int rc);
lq_span lqi_sql_span(sqlite3_stmt *stmt, int column);
bool lqi_bind_span(sqlite3_stmt *stmt, int index, lq_span span); /* borrowed until reset */
bool lqi_bind_text(sqlite3_stmt *stmt, int index, const char *text);
bool lqi_bind_number(sqlite3_stmt *stmt, int index, uint64_t value);
bool lqi_bytes_reserve(lqi_bytes *b, size_t bytes); /* keeps what is in it */

/* ---- store_sqlite.c ---- */
/* Lets the loop's thread give the answers that are done. Under the mutex. */
void lqi_answer_post(lqi_store *store);

/* ---- store_open.c ---- */
lq_err lqi_open_files(lqi_store *store, const lq_store_sqlite_options *options, lq_diag *diag);

/* ---- store_sums.c ---- */
LQ_MUST lq_err lqi_sums_begin(lqi_sums *sums);
bool lqi_page_good(const uint8_t *page, sqlite3_int64 at); /* `at`: the page's offset */
void lqi_sums_end(lqi_sums *sums); /* after the last connection over it is closed */

/* ---- store_wal.c ---- */
/* Before SQLite opens the files. LQ_ERR_CORRUPT: commits that the WAL's index counts are not in it.
 */
LQ_MUST lq_err lqi_wal_check(lqi_store *store, lq_diag *diag);

/* ---- store_cache.c ---- */
lqi_entry *lqi_cache_find(const lqi_store *store, const lq_session_name *name);
lqi_entry *lqi_cache_find_id(const lqi_store *store, int64_t id);
/* NULL: out of memory. Under the mutex once the store is open. */
lqi_entry *lqi_cache_add(lqi_store *store, int64_t id, const lq_session_name *name);
void lqi_cache_remove(lqi_store *store, lqi_entry *entry);
bool lqi_tail_add(lqi_entry *entry, lqi_loc loc);
/* Takes the body (malloc'd) when it succeeds. */
lqi_row *lqi_row_add(lqi_store *store, int64_t seq, uint8_t *body, uint64_t bytes,
                     uint32_t entries_max);
void lqi_row_remove(lqi_store *store, lqi_row *row);
void lqi_cache_clear(lqi_store *store);
/* One session row, as SESSION_* selects it. */
typedef struct lqi_session_row {
  int64_t id;
  uint64_t gathered;
  lq_store_head head;
  lq_session_name name;
} lqi_session_row;
lq_err lqi_session_row_read(sqlite3_stmt *stmt, lqi_session_row *out);
lq_err lqi_session_row_find(lqi_db *db, const lq_session_name *name, lqi_session_row *out);
/* Builds the index from the journal table. */
lq_err lqi_cache_load(lqi_store *store, lqi_db *db, lq_diag *diag);

/* ---- store_group.c: the bytes of group and archive rows ---- */
bool lqi_group_build(lqi_store *store); /* pending, but for gathered sessions -> store->group */
typedef struct lqi_group_item {
  int64_t id;
  uint64_t slice;
  uint32_t at, bytes;
  lq_store_head head;
} lqi_group_item;
typedef struct lqi_group_reader {
  lq_reader directory;
  uint32_t count, index;
  size_t at, bytes;
} lqi_group_reader;
lq_err lqi_group_open(lq_span body, lqi_group_reader *out);
/* False at the end, or when reader->directory.failed. */
bool lqi_group_next(lqi_group_reader *reader, lqi_group_item *out);
/* The bodies of slices first..last of an archive row; `lengths` reads one u32 each. */
typedef struct lqi_archive {
  uint64_t first, last;
  lq_reader lengths, bodies;
} lqi_archive;
lq_err lqi_archive_open(uint64_t first, uint64_t last, lq_span body, lqi_archive *out);
bool lqi_archive_next(lqi_archive *archive, lq_span *body);

/* ---- store_gather.c ---- */
/* Moves the session's slices, those of this transaction too, into archive rows. */
lq_err lqi_gather(lqi_store *store, lqi_entry *entry);
/* When the journal is above its limits: marks sessions of the oldest rows. */
void lqi_gather_some(lqi_store *store);
lq_err lqi_checkpoints_thin(lqi_store *store, int64_t id);

/* ---- store_tenant.c ---- */
/* The leaves of a log row. LQ_ERR_CORRUPT, LQ_ERR_VERSION: every leaf was looked at. */
typedef struct lqi_log_reader {
  lq_reader leaves;
  uint32_t count, index;
} lqi_log_reader;
LQ_MUST lq_err lqi_log_open(lq_span body, lqi_log_reader *out);
bool lqi_log_next(lqi_log_reader *reader, lq_span *leaf);
/* The writer's: adds to the running transaction, writes it, and what it came to. */
LQ_MUST lq_err lqi_leaf_add(lqi_store *store, const char *tenant, lq_span leaf, uint64_t *index);
LQ_MUST lq_err lqi_leaves_write(lqi_store *store);
void lqi_leaves_done(lqi_store *store, bool committed);
LQ_MUST lq_err lqi_change(lqi_store *store, lqi_op *op);
void lqi_tenants_free(lqi_store *store);
void lqi_item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry got,
              void *context);
void lqi_items(lq_store *port, const char *tenant, const char *prefix, const char *after,
               uint32_t limit, lq_store_got_entry got, void *context);
void lqi_log(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
             lq_store_got_leaf got, void *context);

/* ---- store_write.c ---- */
void lqi_writer_main(void *context);
/* The session's entry, read from its row when it is not in memory; marked as touched. */
lq_err lqi_touch(lqi_store *store, const lq_session_name *name, lqi_entry **out);
void lqi_touch_entry(lqi_store *store, lqi_entry *entry);
void lqi_op_free(lqi_op *op);

/* ---- store_read.c ---- */
void lqi_head(lq_store *port, const lq_session_name *name, lq_store_got_head got, void *context);
void lqi_checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                        lq_store_got_item got, void *context);
void lqi_slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                uint32_t limit, lq_store_got_item got, void *context);
void lqi_sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                  uint32_t limit, lq_store_got_session got, void *context);
void lqi_blob_get(lq_store *port, const char *tenant, const uint8_t digest[32],
                  lq_store_got_item got, void *context);
lq_err lqi_read_ready(lqi_store *store); /* what every read asks first */

#endif
