/* Any bytes as a release: refused, or canonical; its header can be generated. */
#include "lq_engine/game/game_fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static uint8_t again[1 << 20], header[1 << 21];
  lq_span encoded = lq_span_of(data, bytes);
  if (bytes > sizeof again) return 0;
  size_t room = lq_game_arena_bytes(encoded);
  void *memory = malloc(room);
  lq_arena arena = lq_arena_of(memory, room);
  lq_game *game;
  lq_diag diag = {0};
  lq_err err = lq_game_decode(encoded, &arena, &game, &diag);
  LQ_CHECK(err != LQ_ERR_MEMORY); /* lq_game_arena_bytes promised room */
  if (err == LQ_OK) {
    lq_writer out = lq_writer_of(again, sizeof again);
    LQ_CHECK(lq_game_encode(game, &out) == LQ_OK);
    LQ_CHECK(lq_span_equal(lq_writer_span(&out), encoded));
    out = lq_writer_of(header, sizeof header);
    err = lq_game_header(game, &out);
    LQ_CHECK(err == LQ_OK || err == LQ_ERR_TOO_BIG);
    LQ_CHECK(lq_game_can_migrate(game, game, &diag) == LQ_OK || game->rename_count);
    err = lq_game_bind(game, NULL, &arena, &diag);
    LQ_CHECK(err == LQ_OK || err == LQ_ERR_BUILD);
  }
  free(memory);
  return 0;
}
