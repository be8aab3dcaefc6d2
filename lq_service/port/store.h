/* Port: the durable store of sessions. Shaped after a wide-column store with conditional writes
 * (DynamoDB): items under a partition key and a sort key, compare-and-swap on HEAD, range reads
 * inside one partition.
 *
 * Keys (built only by lq_store_session_pk and lq_store_sk_*, so that a tenant cannot be spelt by
 * hand): PK TENANT#<tenant>#GAME#<game>#SESSION#<session>, SK HEAD | SLICE#<20 digits> |
 * CHECKPOINT#<20 digit tick>#<4 digit part>; PK TENANT#<tenant>: its items, its blobs by SHA-256,
 * and its log. Commit: lq_store_commit makes slice n of a session durable if, and only if, HEAD
 * stands at slice n-1 and epoch e. A slice that is there already with the same digest is success
 * (idempotent); another epoch or another slice n is LQ_ERR_FENCED. Many slices of many sessions go
 * into one commit; each succeeds or fails alone, except for LQ_ERR_IO and LQ_ERR_DISK_FULL, which
 * fail all: then none is acknowledged, and after a restart all of them are there or none is (a
 * failed fsync does not tell which). Threads: calls come from the loop's thread that opened the
 * store; callbacks run on that thread, never inside the call of commit (always later, through
 *   lq_loop_post); get and query may call back inside the call.
 * Contract tests: lq_service/port/store_contract.h runs over every adapter. */
#ifndef LQ_SERVICE_PORT_STORE_H
#define LQ_SERVICE_PORT_STORE_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"

#define LQ_STORE_PK_BYTES 160u
#define LQ_STORE_SK_BYTES 128u

typedef struct lq_store lq_store;

typedef struct lq_session_name {
  char tenant[LQ_TENANT_BYTES], game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
} lq_session_name;

/* HEAD of a session: what is known without reading its journal. Fixed fields, stored as one item.
 */
typedef struct lq_store_head {
  uint64_t epoch;                  /* of the owner that may commit; 0 = never owned */
  uint64_t slice;                  /* last committed slice; 0 = none */
  uint64_t tick;                   /* last committed tick */
  uint64_t checkpoint_tick;        /* of the newest checkpoint; UINT64_MAX = none */
  uint64_t checkpoint_slice;       /* slices above it are the tail to replay */
  uint64_t hash;                   /* state hash at `tick` */
  uint64_t seed;                   /* of the session's start */
  uint64_t created_ms, changed_ms; /* wall clock, for people */
  uint8_t chain[32];               /* SHA-256 chain over the slice records */
  uint8_t release[32];             /* the release that runs now */
  uint8_t first_release[32];       /* the release it started with */
  uint8_t state;                   /* lq_head_state */
  uint32_t players;                /* known players, for lists */
} lq_store_head;
typedef enum lq_head_state { LQ_HEAD_LIVE = 1, LQ_HEAD_HIBERNATED, LQ_HEAD_ENDED } lq_head_state;

typedef struct lq_store_slice {
  lq_session_name name;
  uint64_t epoch, slice; /* slice = HEAD.slice + 1 */
  lq_span body;          /* the slice record; borrowed until the callback */
  lq_span leaf;       /* goes into the tenant's log with it, once; empty: none. Borrowed as body */
  lq_store_head head; /* the new HEAD (its slice and epoch as above) */
  void *user;
} lq_store_slice;

/* Called once a slice; all of one commit in order. Commits may overtake each other on the way back.
 * leaf: the index of the slice's leaf; LQ_LEAF_NONE: it has none, or it was there already. */
#define LQ_LEAF_NONE UINT64_MAX
typedef void (*lq_store_committed)(void *context, void *user, lq_err err, uint64_t leaf);
typedef void (*lq_store_done)(void *context, lq_err err);
typedef void (*lq_store_got_head)(void *context, lq_err err, const lq_store_head *head);
/* item: borrowed until return; called once per item with LQ_OK, then once with LQ_ERR_NOT_FOUND for
 * the end, or once with an error. */
typedef void (*lq_store_got_item)(void *context, lq_err err, const char *sk, lq_span body);
typedef void (*lq_store_got_session)(void *context, lq_err err, const lq_session_name *name,
                                     const lq_store_head *head);

/* ---- a tenant's items and log ---- */
#define LQ_STORE_ITEM_BYTES_MAX (256u << 10) /* one item's value */
#define LQ_STORE_SEAL_BYTES 64u              /* how much longer a slice is when it is sealed */
#define LQ_STORE_LEAF_BYTES_MAX 4096u        /* one leaf of a tenant's log */
#define LQ_STORE_CHANGE_MAX 100u             /* items, and leaves, of one change */
#define LQ_STORE_PLATFORM "_"                /* the operator's partition: no tenant's name */
#define LQ_ITEM_ABSENT 0u
#define LQ_ITEM_ANY UINT64_MAX
typedef struct lq_store_item {
  char sk[LQ_STORE_SK_BYTES]; /* "USER#ann" */
  lq_span value;              /* NULL data: the item is removed */
  uint64_t expect; /* the version that was read; LQ_ITEM_ABSENT, LQ_ITEM_ANY. A write adds 1 */
} lq_store_item;
/* All of it or nothing, in one transaction. */
typedef struct lq_store_change {
  const char *tenant;
  const lq_store_item *items;
  uint32_t item_count;
  const lq_span *leaves; /* appended to the tenant's log, in this order */
  uint32_t leaf_count;
} lq_store_change;
/* first_leaf: the index in the log of leaves[0]. */
typedef void (*lq_store_changed)(void *context, lq_err err, uint64_t first_leaf);
/* As lq_store_got_item, with the item's version (from 1). */
typedef void (*lq_store_got_entry)(void *context, lq_err err, const char *sk, uint64_t version,
                                   lq_span value);
/* One call a leaf with LQ_OK, then one with LQ_ERR_NOT_FOUND, whose index is the log's size; or one
 * with an error. */
typedef void (*lq_store_got_leaf)(void *context, lq_err err, uint64_t index, lq_span leaf);

struct lq_store {
  /* Durable soon; one callback per slice through `committed`. LQ_ERR_BUSY when LQ_COMMIT_BYTES_MAX
   * are waiting. */
  lq_err (*commit)(lq_store *store, const lq_store_slice *slices, uint32_t count,
                   lq_store_committed committed, void *context);
  /* Creates HEAD of a new session, durably. LQ_ERR_EXISTS. */
  void (*create)(lq_store *store, const lq_session_name *name, const lq_store_head *head,
                 lq_store_done done, void *context);
  /* Becomes the owner: epoch + 1, durably before the first commit under it; answers the new HEAD.
   * LQ_ERR_NOT_FOUND. */
  void (*acquire)(lq_store *store, const lq_session_name *name, lq_store_got_head got,
                  void *context);
  void (*head)(lq_store *store, const lq_session_name *name, lq_store_got_head got,
               void *context); /* LQ_ERR_NOT_FOUND */
  /* Writes a checkpoint (all its parts) and the HEAD that names it, if the epoch still holds and
   * every slice up to head->slice is committed. Behind it the adapter may compact: docs/journal.md.
   */
  void (*checkpoint)(lq_store *store, const lq_session_name *name, const lq_store_head *head,
                     lq_span body, lq_store_done done, void *context);
  /* Newest checkpoint at or below `tick`; sk names its tick. LQ_ERR_NOT_FOUND when there is none.
   * One item, no end call. */
  void (*checkpoint_get)(lq_store *store, const lq_session_name *name, uint64_t tick,
                         lq_store_got_item got, void *context);
  /* Slices first..last in ascending order, at most `limit` (0 = all). */
  void (*slices)(lq_store *store, const lq_session_name *name, uint64_t first, uint64_t last,
                 uint32_t limit, lq_store_got_item got, void *context);
  /* Sessions of a game in byte order of names after `after` (NULL: from the start), at most
   * `limit`; ends with LQ_ERR_NOT_FOUND. */
  void (*sessions)(lq_store *store, const char *tenant, const char *game, const char *after,
                   uint32_t limit, lq_store_got_session got, void *context);
  /* A tenant's content-addressed blobs (releases): put is durable when done is called and
   * idempotent; get hands over the bytes once. Names are 64 hex digits. */
  void (*blob_put)(lq_store *store, const char *tenant, const uint8_t digest[32], lq_span body,
                   lq_store_done done, void *context);
  void (*blob_get)(lq_store *store, const char *tenant, const uint8_t digest[32],
                   lq_store_got_item got, void *context);
  /* Durable when `changed` is called with LQ_OK, and then later, never inside the call. Done once,
   * however often an adapter has to ask for it. LQ_ERR_CONFLICT: an
   * item is not as expected; LQ_ERR_INVALID, LQ_ERR_TOO_BIG; LQ_ERR_BUSY as commit. */
  void (*change)(lq_store *store, const lq_store_change *change, lq_store_changed changed,
                 void *context);
  /* One call: LQ_OK, LQ_ERR_NOT_FOUND or an error. */
  void (*item)(lq_store *store, const char *tenant, const char *sk, lq_store_got_entry got,
               void *context);
  /* Items whose sk begins with `prefix`, in byte order, after the sk `after` (NULL: from the
   * first), at most `limit` (0 = all); then one call with LQ_ERR_NOT_FOUND, or with an error. */
  void (*items)(lq_store *store, const char *tenant, const char *prefix, const char *after,
                uint32_t limit, lq_store_got_entry got, void *context);
  /* Committed leaves from index `first`, at most `limit` (0 = all), in ascending order. */
  void (*log)(lq_store *store, const char *tenant, uint64_t first, uint32_t limit,
              lq_store_got_leaf got, void *context);
  /* Waits for what is in flight, then frees the store. */
  void (*close)(lq_store *store);
};

/* Key text, NUL-terminated. */
void lq_store_session_pk(const lq_session_name *name, char out[LQ_STORE_PK_BYTES]);
void lq_store_sk_slice(uint64_t slice, char out[LQ_STORE_SK_BYTES]);
void lq_store_sk_checkpoint(uint64_t tick, uint32_t part, char out[LQ_STORE_SK_BYTES]);
/* HEAD as canonical bytes and back. LQ_ERR_CORRUPT, LQ_ERR_VERSION. */
void lq_store_head_encode(const lq_store_head *head, lq_writer *out);
LQ_MUST lq_err lq_store_head_decode(lq_span body, lq_store_head *out);

/* ---- for adapters: the rules by which HEAD moves, in one place ---- */
/* Three texts, none empty, each ended inside its field. */
bool lq_store_name_valid(const lq_session_name *name);
/* A tenant's name, or LQ_STORE_PLATFORM. */
bool lq_store_tenant_valid(const char *tenant);
/* Sort keys of 1 to LQ_STORE_SK_BYTES - 1 printable bytes without spaces, each once; values, leaves
 * and counts in their limits. LQ_ERR_INVALID, LQ_ERR_TOO_BIG. */
LQ_MUST lq_err lq_store_change_check(const lq_store_change *change);
/* HEAD after the slice: the caller's, but for the checkpoint (only `checkpoint` names a new one)
 * and what create fixed. LQ_ERR_FENCED; the adapter then asks whether that very slice is there. */
LQ_MUST lq_err lq_store_head_commit(const lq_store_head *now, const lq_store_slice *slice,
                                    lq_store_head *next);
/* HEAD after a checkpoint: `given` when no slice followed it; else HEAD as it is, naming the
 * checkpoint. LQ_ERR_FENCED, LQ_ERR_CONFLICT (slices are missing), LQ_ERR_INVALID. */
LQ_MUST lq_err lq_store_head_checkpoint(const lq_store_head *now, const lq_store_head *given,
                                        lq_store_head *next);

#endif
