/* The embedded store: one SQLite file in the data folder, WAL, synchronous=FULL, one writer thread.
 *
 * Shape: a group commit is ONE row: every slice waiting, of every session, in one blob. Slices are
 * gathered into each session's own archive when it checkpoints, and the group row goes when all its
 * sessions have gathered (docs/journal.md says the rule and its limits). Limits: exactly one
 * process per data folder (lq.lock): LQ_ERR_LOCKED. Faults: an fsync or I/O error is final for the
 * process: every later call fails with LQ_ERR_IO until the store is opened again, and nothing is
 * acknowledged. A full disk, or want of memory, fails what was waiting with LQ_ERR_DISK_FULL or
 * LQ_ERR_MEMORY, undone as a whole, and the store goes on: reads answer, writes succeed again once
 * there is space. A file that is not
 * ours, of another version, or damaged: LQ_ERR_CORRUPT or LQ_ERR_VERSION, with the file named. */
#ifndef LQ_LOCAL_STORE_SQLITE_H
#define LQ_LOCAL_STORE_SQLITE_H

#include "lq_host/loop.h"
#include "lq_service/port/store.h"

typedef struct lq_store_sqlite_options {
  const char *folder; /* made when absent, mode 0700 */
  bool read_only;     /* no lock, no writer: for lq session list|show|replay|verify beside a running
                         server */
} lq_store_sqlite_options;
/* Opens in time independent of how many sessions there are: it replays only the group rows not yet
 * gathered. */
LQ_MUST lq_err lq_store_sqlite_open(lq_loop *loop, const lq_store_sqlite_options *options,
                                    lq_store **out, lq_diag *diag);

/* Copies the database of a data folder, as it is now and with all that is committed, to the file
 * `to`, which must not exist; also beside a running server. Every page is checked on the way. */
LQ_MUST lq_err lq_store_sqlite_backup(const char *folder, const char *to, lq_diag *diag);

typedef struct lq_store_sqlite_stats {
  uint64_t commits, slices, bytes;       /* group commits, slices in them, bytes written */
  uint64_t commit_ns_p50, commit_ns_p99; /* of the last 1,024 group commits */
  uint64_t waiting_bytes;
} lq_store_sqlite_stats;
void lq_store_sqlite_stats_get(lq_store *store, lq_store_sqlite_stats *out);

#endif
