/* Checkpoints: offsets in docs/journal.md; and the rule that says when one is due. */
#include "lq_service/ledger/ledger.h"

enum { VERSION = 1, HEADER_BYTES = 64, DIGEST_BYTES = 32 };
static const char MAGIC[4] = {'L', 'Q', 'C', 'P'};

lq_err lq_checkpoint_write(const lq_session *session, const uint8_t release[32], lq_writer *out) {
  size_t begin = out->bytes;
  /* save_bytes is a bound: what it says must fit, so that a checkpoint never fails half-way. */
  size_t bound = HEADER_BYTES + lq_session_save_bytes(session) + DIGEST_BYTES;
  if (out->failed || out->capacity - begin < bound) return LQ_ERR_FULL;
  lq_write_bytes(out, MAGIC, sizeof MAGIC);
  lq_write_u16(out, VERSION);
  lq_write_u16(out, 0);
  lq_write_u64(out, lq_session_tick_number(session));
  lq_write_u64(out, lq_session_hash(session));
  lq_write_bytes(out, release, 32);
  lq_write_u64(out, 0); /* the state's length, known below */
  size_t state_at = out->bytes;
  lq_err err = lq_session_save(session, out);
  if (err) return err;
  if (out->failed || out->capacity - out->bytes < DIGEST_BYTES) return LQ_ERR_INTERNAL;
  lq_writer length = lq_writer_of(out->data + state_at - 8, 8);
  lq_write_u64(&length, out->bytes - state_at);
  lq_sha256 digest = lq_sha256_of(lq_span_of(out->data + begin, out->bytes - begin));
  lq_write_bytes(out, digest.bytes, DIGEST_BYTES);
  return LQ_OK;
}

lq_err lq_checkpoint_read(lq_span body, lq_checkpoint *out) {
  *out = (lq_checkpoint){0};
  if (body.bytes < HEADER_BYTES + DIGEST_BYTES) return LQ_ERR_TRUNCATED;
  lq_reader in = lq_reader_of(body);
  if (memcmp(lq_read_bytes(&in, sizeof MAGIC).data, MAGIC, sizeof MAGIC) != 0)
    return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != VERSION) return LQ_ERR_VERSION;
  if (lq_read_u16(&in) != 0) return LQ_ERR_CORRUPT;
  lq_checkpoint read = {0};
  read.tick = lq_read_u64(&in);
  read.hash = lq_read_u64(&in);
  memcpy(read.release, lq_read_bytes(&in, 32).data, 32);
  size_t covered = body.bytes - DIGEST_BYTES;
  if (lq_read_u64(&in) != covered - HEADER_BYTES) return LQ_ERR_TRUNCATED;
  lq_sha256 digest = lq_sha256_of(lq_span_of(body.data, covered));
  if (memcmp(digest.bytes, body.data + covered, DIGEST_BYTES) != 0) return LQ_ERR_CORRUPT;
  read.state = lq_span_of(body.data + HEADER_BYTES, covered - HEADER_BYTES);
  *out = read;
  return LQ_OK;
}

bool lq_checkpoint_due(uint64_t tick, uint64_t checkpoint_tick, uint64_t journal_bytes_since) {
  uint64_t since = checkpoint_tick == UINT64_MAX ? 0 : checkpoint_tick;
  return (tick > since && tick - since >= LQ_CHECKPOINT_TICKS) ||
         journal_bytes_since >= LQ_CHECKPOINT_BYTES;
}
