/* A tenant in one stream of bytes: written from its store, checked, and read into another's.
 *
 * Shape: a head, then records in one order that leaves nothing to choose, then counts and a digest.
 * A reader checks the whole stream, record by record, before it hands a record on; that nothing is
 * missing is known at its end, so a stream is read twice: once for that, and once into a store.
 * What it holds is plain text: the keys stay where they are, and the reader's side has its own.
 * It is sealed by whoever writes it to a file (lq_service/esdk).
 *
 * Integers are little-endian, texts and spans have a varint length before them.
 *   head    8 "LQTENANT"; 2 version 1; 2 zero; text tenant
 *   record  1 kind; 4 bytes of the body; body. In this order:
 *     'B' blob, ascending: 32 SHA-256 that names it; the rest is the blob
 *     'H' session, ascending by (game, session), numbered from 0: text game; text session; the rest
 *         is its HEAD (lq_store_head_encode)
 *     'L' leaf of the log without a slice: the leaf
 *     'S' slice: 4 session; 8 slice; span leaf (empty: none); the rest is the slice record
 *         L and S in the order of the log; slices of a session in theirs, without a gap. Slices
 *         without a leaf stand before the next one that has one, or behind the log
 *     'C' checkpoint, ascending by (session, tick): 4 session; 8 tick; the rest is the checkpoint
 *     'I' item, ascending: text sk; the rest is its value
 *     'E' end: 8 each: count of B, H, leaves (in L and S), S, C, I; 32 digest
 *   digest  of the head: d = SHA-256(32 zero bytes, head); then with each record but E:
 *           d = SHA-256(d, record)
 * Not in it: wrapped keys (KEY#), the tree's tiles and signed heads (AUDIT...), which follow from
 * the log, API keys, and releases that no session has used.
 *
 * Memory: one record, and the names of all sessions. Expects the store's reads to call back inside
 * the call, as the embedded store does. */
#ifndef LQ_SERVICE_CARRY_CARRY_H
#define LQ_SERVICE_CARRY_CARRY_H

#include "lq_service/port/store.h"

#define LQ_CARRY_RECORD_BYTES_MAX (256u << 20)

typedef struct lq_carry_counts {
  uint64_t blobs, sessions, leaves, slices, checkpoints, items;
} lq_carry_counts;

typedef struct lq_carry_record {
  char kind;                  /* 'B', 'H', 'L', 'S', 'C', 'I' */
  uint8_t digest[32];         /* B */
  lq_session_name name;       /* H, S, C */
  lq_store_head head;         /* H */
  uint32_t session;           /* H, S, C: its number */
  uint64_t number;            /* S: slice; C: tick */
  lq_span leaf;               /* L, S; empty: none */
  char sk[LQ_STORE_SK_BYTES]; /* I */
  lq_span body;               /* B, S, C, I; borrowed until return, as `leaf` */
} lq_carry_record;

/* ---- out ---- */
typedef struct lq_carry_out {
  lq_err (*take)(void *context, lq_span bytes); /* borrowed; an error ends it with that */
  void (*at)(void *context, uint64_t leaves, uint64_t of); /* how far; may be NULL */
  void *context;
} lq_carry_out;
/* Nobody may write to the tenant meanwhile. What the store answers; LQ_ERR_CORRUPT: what should be
 * there is not. */
LQ_MUST lq_err lq_carry_export(lq_store *store, const char *tenant, const lq_carry_out *out,
                               lq_carry_counts *counts, lq_diag *diag);

/* ---- in: the stream ---- */
typedef struct lq_carry_reader lq_carry_reader;
/* got may be NULL: the stream is only checked. */
LQ_MUST lq_err lq_carry_reader_open(lq_err (*got)(void *context, const lq_carry_record *record),
                                    void *context, lq_carry_reader **out);
void lq_carry_reader_close(lq_carry_reader *reader); /* NULL is nothing */
/* Any number of bytes at a time. LQ_ERR_SYNTAX, LQ_ERR_VERSION, LQ_ERR_TOO_BIG, LQ_ERR_CORRUPT (the
 * digest or a count is another), LQ_ERR_MEMORY, and got's. An error stays. */
LQ_MUST lq_err lq_carry_read(lq_carry_reader *reader, lq_span bytes);
/* LQ_ERR_TRUNCATED: the end has not been there. */
LQ_MUST lq_err lq_carry_read_end(lq_carry_reader *reader, lq_carry_counts *counts);
const char *lq_carry_tenant(const lq_carry_reader *reader); /* "" before the head was read */

/* ---- in: the store ---- */
/* Records into a tenant's store, in the order they come, a batch at a time. Cut in the middle, it
 * is begun again with the same stream, and does the rest. */
typedef struct lq_carry_writer lq_carry_writer;
/* wait: returns when *done is true. */
LQ_MUST lq_err lq_carry_writer_open(lq_store *store, const char *tenant,
                                    void (*wait)(void *context, const bool *done), void *context,
                                    lq_carry_writer **out);
/* An lq_carry_reader_open `got`. LQ_ERR_CONFLICT: what is there already is of another stream. An
 * error stays. */
LQ_MUST lq_err lq_carry_write(void *writer, const lq_carry_record *record);
LQ_MUST lq_err lq_carry_write_end(lq_carry_writer *writer); /* all of it is durable */
void lq_carry_writer_close(lq_carry_writer *writer);

#endif
