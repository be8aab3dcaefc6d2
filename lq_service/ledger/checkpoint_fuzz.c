/* Checkpoints from anywhere: as they are, and with length and digest made right. What is read is
 * all there is, and one bit that changes is one too many. What it holds is loaded, or refused. */
#include "lq_service/ledger/ledger_testing.h"

enum { HEADER_BYTES = 64, DIGEST_BYTES = 32, INPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const lq_game *game(void) {
  static play_games *games;
  if (!games) games = play_games_open();
  return &games->fixture[0].game;
}

static bool check(lq_span body, lq_checkpoint *read) {
  uint8_t head[HEADER_BYTES];
  if (lq_checkpoint_read(body, read)) {
    LQ_CHECK(!read->state.data && read->tick == 0);
    return false;
  }
  lq_writer again = lq_writer_of(head, sizeof head);
  lq_write_text(&again, "LQCP");
  lq_write_u16(&again, 1);
  lq_write_u16(&again, 0);
  lq_write_u64(&again, read->tick);
  lq_write_u64(&again, read->hash);
  lq_write_bytes(&again, read->release, 32);
  lq_write_u64(&again, read->state.bytes);
  LQ_CHECK(!again.failed && memcmp(head, body.data, HEADER_BYTES) == 0);
  LQ_CHECK(read->state.data == body.data + HEADER_BYTES);
  LQ_CHECK(read->state.bytes == body.bytes - HEADER_BYTES - DIGEST_BYTES);
  return true;
}

/* Waking from it is refused, or gives a session that saves to what was loaded. */
static void load(lq_span state) {
  static void *memory;
  static uint8_t saved[INPUT_MAX * 2];
  static size_t bytes;
  lq_session *session;
  if (!memory) memory = fixture_block(game(), &bytes);
  memset(memory, 0, bytes);
  if (lq_session_load(memory, bytes, game(), state, &session)) return;
  lq_writer out = lq_writer_of(saved, sizeof saved);
  LQ_CHECK(lq_session_save(session, &out) == LQ_OK);
  LQ_CHECK(out.failed || lq_span_equal(lq_writer_span(&out), state));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_checkpoint read;
  (void)check(lq_span_of(data, bytes), &read);
  if (bytes < HEADER_BYTES + DIGEST_BYTES || bytes > INPUT_MAX) return 0;
  uint8_t *copy = malloc(bytes);
  LQ_CHECK(copy);
  memcpy(copy, data, bytes);
  size_t covered = bytes - DIGEST_BYTES;
  lq_writer length = lq_writer_of(copy + HEADER_BYTES - 8, 8);
  lq_write_u64(&length, covered - HEADER_BYTES);
  lq_sha256 digest = lq_sha256_of(lq_span_of(copy, covered));
  memcpy(copy + covered, digest.bytes, DIGEST_BYTES);
  if (check(lq_span_of(copy, bytes), &read)) {
    load(read.state);
    size_t bit = (read.tick ^ read.hash) % (bytes * 8);
    copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    LQ_CHECK(!check(lq_span_of(copy, bytes), &read));
  }
  free(copy);
  return 0;
}
