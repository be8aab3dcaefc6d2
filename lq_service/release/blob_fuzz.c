/* A release blob from anybody: its parts, and the game in it. */
#include "lq_service/release/release_int.h"

enum { ARENA_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static void *memory;
  static uint8_t room[1 << 20];
  if (!memory) memory = lq_pages_take(ARENA_BYTES);
  LQ_CHECK(memory);
  lqi_parts parts;
  lq_diag diag = {0};
  lq_err err = lqi_blob_read(lq_span_of(data, bytes), &parts, &diag);
  if (err) {
    LQ_CHECK(diag.code == err && diag.message[0]);
    return 0;
  }
  /* One release, one form. */
  lq_writer out = lq_writer_of(room, sizeof room);
  lqi_blob_write(&parts, &out);
  LQ_CHECK(out.failed || lq_span_equal(lq_writer_span(&out), lq_span_of(data, bytes)));
  lq_arena arena = lq_arena_of(memory, ARENA_BYTES);
  lq_game *game = NULL;
  if (lq_game_arena_bytes(parts.game) > ARENA_BYTES) return 0;
  err = lq_game_decode(parts.game, &arena, &game, &diag);
  LQ_CHECK(err ? diag.message[0] != 0 : game != NULL);
  return 0;
}
