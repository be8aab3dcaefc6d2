/* The durable side of a session: slices, the commit pipeline, checkpoints, recovery and replay.
 *
 * A slice record holds the ticks since the last one: commands (with user), events, mutations of
 * audited components, the tick and hash before and after, and the SHA-256 chain over all records so
 * far. Quiet ticks are a run length. Format: docs/journal.md. Order: a slice is committed; only
 * then are its commands acknowledged and its events confirmed. Everything here refuses hostile
 * bytes. */
#ifndef LQ_SERVICE_LEDGER_LEDGER_H
#define LQ_SERVICE_LEDGER_LEDGER_H

#include "lq_engine/session/session.h"
#include "lq_host/host.h"
#include "lq_service/guest/guests.h"
#include "lq_service/port/store.h"

/* ---- slice records ---- */
typedef struct lq_slice_header {
  uint64_t slice, epoch;
  uint64_t tick_first, tick_last; /* ticks run in this slice, inclusive; tick_first = the tick after
                                     the last slice's */
  uint64_t hash_before, hash_after;
  uint8_t chain_before[32];
  uint8_t release[32]; /* the release these ticks ran under; a release command ends its slice */
} lq_slice_header;
/* One tick that had commands, events or mutations, or that must be pinned by its hash. */
typedef struct lq_slice_tick {
  uint64_t tick, hash;
  lq_span commands, events, mutations;
} lq_slice_tick;

/* Ticks of one slice, quiet ones included: bounds what replaying one record costs (18 minutes at
 * 60 Hz; a slice is due every second). */
#define LQ_SLICE_TICKS_MAX 65536u
#define LQ_SLICE_BYTES_MIN 256u /* memory for a record without content */

/* Gathers ticks into a record: fixed memory, reused. */
typedef struct lq_slice_builder {
  lq_slice_header header;
  lq_writer body;      /* caller's memory, LQ_SLICE_BYTES_MAX at most */
  uint64_t last_tick;  /* of the last tick with content */
  uint32_t tick_count; /* ticks with content */
  bool has_input;      /* a command or an event is in it */
} lq_slice_builder;
/* header: all but tick_last and hash_after, which the ticks added decide. */
void lq_slice_begin(lq_slice_builder *builder, void *memory, size_t bytes,
                    const lq_slice_header *header);
/* False when the record is full: commit it and begin the next, then add again. */
bool lq_slice_add(lq_slice_builder *builder, const lq_tick_result *result);
/* Closes the record: header, body, and the new chain value into chain_after. The span borrows the
 * builder's memory. */
LQ_MUST lq_err lq_slice_end(lq_slice_builder *builder, uint64_t hash_after, lq_span *record,
                            uint8_t chain_after[32]);
/* Reads a record; checks magic, version, lengths, order of ticks, and the chain. */
typedef struct lq_slice_reader {
  lq_slice_header header;
  lq_reader body;
  uint64_t last_tick;
  uint8_t chain_after[32];
} lq_slice_reader;
LQ_MUST lq_err lq_slice_open(lq_span record, lq_slice_reader *out);
bool lq_slice_next(lq_slice_reader *reader,
                   lq_slice_tick *out); /* false at the end or when reader->body.failed */

/* ---- checkpoints ---- */
/* Session state with its release, tick, hash and a SHA-256 of it all, in one blob. */
LQ_MUST lq_err lq_checkpoint_write(const lq_session *session, const uint8_t release[32],
                                   lq_writer *out);
typedef struct lq_checkpoint {
  uint64_t tick, hash;
  uint8_t release[32];
  lq_span state; /* for lq_session_load */
} lq_checkpoint;
LQ_MUST lq_err lq_checkpoint_read(lq_span body,
                                  lq_checkpoint *out); /* LQ_ERR_CORRUPT when the digest differs */
/* The fixed rule: is one due? */
bool lq_checkpoint_due(uint64_t tick, uint64_t checkpoint_tick, uint64_t journal_bytes_since);

/* ---- releases ---- */
/* How replay and wake find the game of a release: bound and kept until the program ends. Asked on
 * the loop's thread. */
typedef struct lq_release_source {
  void *context;
  lq_err (*game)(void *context, const uint8_t release[32], const lq_game **out, lq_diag *diag);
  /* Who runs the release's guests, waiting for each answer; kept as long as the games. NULL, or
   * answering NULL: nobody, and a journal with guests cannot be run again. */
  const lq_guest_port *(*guests)(void *context, const uint8_t release[32]);
  /* Of a loop that has others to serve: who wakes or replays has a seat there, and nobody waits.
   * NULL: `guests`. */
  lq_guests *seats;
} lq_release_source;

/* ---- recovery and replay ---- */
/* A session rebuilt in its own pages; owned by the caller, freed with lq_ledger_session_free. */
typedef struct lq_ledger_session {
  lq_session *session;
  void *memory;
  size_t bytes;
  uint8_t release[32];
  lq_store_head head;
  uint64_t journal_bytes_since; /* replayed bytes behind the checkpoint */
} lq_ledger_session;
LQ_MUST lq_err lq_ledger_session_new(const lq_game *game, const uint8_t release[32], uint64_t seed,
                                     lq_ledger_session *out);
void lq_ledger_session_free(lq_ledger_session *session);
typedef void (*lq_ledger_ready)(void *context, lq_err err, const lq_diag *diag,
                                lq_ledger_session *session);
/* A guest that does not answer is waited for on the loop; LQ_ERR_GUEST when it fails.
 * Takes ownership in the store (epoch + 1), loads the newest checkpoint, replays the tail, and
 * compares the hash with HEAD's: LQ_ERR_CORRUPT names the tick. */
void lq_ledger_wake(lq_store *store, const lq_release_source *releases, const lq_session_name *name,
                    lq_ledger_ready ready, void *context);
/* The state at a tick, from the best checkpoint or (from_start) from the very start; takes no
 * ownership. LQ_ERR_RANGE when the tick lies ahead. `each` (may be NULL) sees every tick (what
 * wrote it: lq_session_causes) with its hash and, where the journal pins one, the journaled hash;
 * returning false stops. */
typedef bool (*lq_ledger_each_tick)(void *context, lq_session *session,
                                    const lq_tick_result *result, bool pinned,
                                    uint64_t journal_hash);
void lq_ledger_replay(lq_store *store, const lq_release_source *releases,
                      const lq_session_name *name, uint64_t tick, bool from_start,
                      lq_ledger_each_tick each, void *each_context, lq_ledger_ready ready,
                      void *context);
/* Re-executes from the start and compares every pinned hash, every event byte, the chain, every
 * checkpoint's digest and hash. `findings` counts differences; `report` is called for each with a
 * sentence naming slice and tick. */
typedef struct lq_verify_result {
  uint64_t slices, ticks, commands, events, checkpoints, findings;
  uint64_t hash; /* at the last tick */
} lq_verify_result;
typedef void (*lq_verified)(void *context, lq_err err, const lq_verify_result *result);
void lq_ledger_verify(lq_store *store, const lq_release_source *releases,
                      const lq_session_name *name,
                      void (*report)(void *context, const char *sentence), lq_verified done,
                      void *context);

#endif
