/* The AWS Encryption SDK's message format 2.0, written and read in a stream: what a tenant takes
 * away is opened with Amazon's own SDK.
 *
 * One of its algorithm suites: 0x0478, AES-256-GCM with HKDF-SHA512 and key commitment, without a
 * signature. One kind of wrapping key: raw AES-256 (AES256_GCM_IV12_TAG16). Framed content alone.
 *
 * Shape (integers big-endian):
 *   header  1 version 2; 2 suite; 32 message id; 2 bytes of the context, then 2 count and for each
 *           pair 2+key, 2+value, ascending by key; 2 count of wrapped data keys, for each
 * 2+provider, 2+information (key name, 4 tag bits 128, 4 IV bytes 12, 12 IV), 2+wrapped key (48);
 *           1 content type 2; 4 frame length; 32 commitment
 *   tag     16, over the header
 *   frame   4 sequence from 1; 12 IV (the sequence); frame length of content; 16 tag
 *   last    4 of 0xff; 4 sequence; 12 IV; 4 length; content; 16 tag
 * Source: docs.aws.amazon.com, "AWS Encryption SDK message format reference".
 *
 * Memory: the header and one frame. Threads: one at a time. */
#ifndef LQ_SERVICE_ESDK_ESDK_H
#define LQ_SERVICE_ESDK_ESDK_H

#include "lq_host/crypto.h"

#define LQ_ESDK_HEADER_BYTES_MAX (16u << 10)
#define LQ_ESDK_FRAME_BYTES_MAX (1u << 20) /* what a reader is ready to hold */
#define LQ_ESDK_FRAME_BYTES (64u << 10)    /* for writing: 40 bytes of each frame are overhead */
#define LQ_ESDK_RANDOM_BYTES 76u           /* the data key, the message id, the wrapping IV */

/* The wrapping key: the keyring's namespace and name. Borrowed while opening. */
typedef struct lq_esdk_key {
  const char *provider, *name;
  uint8_t key[LQ_KEY_BYTES];
} lq_esdk_key;
/* The encryption context: not secret, and the message opens with no other. */
typedef struct lq_esdk_pair {
  const char *key, *value;
} lq_esdk_pair;
/* Takes the bytes, which are borrowed; an error ends the message with it. */
typedef struct lq_esdk_sink {
  lq_err (*take)(void *context, lq_span bytes);
  void *context;
} lq_esdk_sink;

/* ---- writing ---- */
typedef struct lq_esdk_writer lq_esdk_writer;
/* Gives the sink the header. `random`: LQ_ESDK_RANDOM_BYTES of the system's, used for nothing else;
 * `pairs` in ascending order of their keys. LQ_ERR_INVALID (pairs: order, an empty key, one that
 * begins with aws-crypto-, not UTF-8), LQ_ERR_RANGE (frame_bytes), LQ_ERR_TOO_BIG (the header),
 * LQ_ERR_MEMORY, and the sink's. */
LQ_MUST lq_err lq_esdk_writer_open(const lq_esdk_key *key, const lq_esdk_pair *pairs,
                                   uint32_t pair_count, uint32_t frame_bytes,
                                   const uint8_t random[LQ_ESDK_RANDOM_BYTES], lq_esdk_sink sink,
                                   lq_esdk_writer **out);
/* LQ_ERR_TOO_BIG (2^32 frames), and the sink's. An error stays. */
LQ_MUST lq_err lq_esdk_write(lq_esdk_writer *writer, lq_span text);
/* The last frame. Without it the message is cut, and no reader takes it for whole. */
LQ_MUST lq_err lq_esdk_finish(lq_esdk_writer *writer);
void lq_esdk_writer_close(lq_esdk_writer *writer); /* and wipes; NULL is nothing */

/* ---- reading ---- */
typedef struct lq_esdk_reader lq_esdk_reader;
/* The sink gets the text frame by frame, each after its tag was verified; whether it is all of it
 * says lq_esdk_read_end alone. LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_esdk_reader_open(const lq_esdk_key *key, lq_esdk_sink sink, lq_esdk_reader **out);
/* Any number of bytes at a time. LQ_ERR_CORRUPT (not what was sealed, or another key),
 * LQ_ERR_NOT_FOUND (not for a key of this name), LQ_ERR_SYNTAX, LQ_ERR_UNSUPPORTED (another
 * version, suite or content type), LQ_ERR_TOO_BIG (header or frame), LQ_ERR_MEMORY, and the sink's.
 * An error stays. */
LQ_MUST lq_err lq_esdk_read(lq_esdk_reader *reader, lq_span bytes);
/* LQ_OK: the last frame was there, and nothing behind it. LQ_ERR_TRUNCATED. */
LQ_MUST lq_err lq_esdk_read_end(lq_esdk_reader *reader);
/* A value of the verified context, borrowed until close; NULL data when there is none, or the
 * header has not been read yet. */
lq_span lq_esdk_value(const lq_esdk_reader *reader, const char *key);
void lq_esdk_reader_close(lq_esdk_reader *reader);

#endif
