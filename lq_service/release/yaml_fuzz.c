/* game.yaml from anybody: never a crash, a leak or a silence. What is read encodes, and
 * decodes to what encodes to the same bytes. */
#include "lq_service/release/fyaml_testing.h"
#include "lq_service/release/release.h"

enum { ARENA_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static void *memory;
  static uint8_t room[1 << 20], room_again[1 << 20];
  if (!memory) memory = lq_pages_take(ARENA_BYTES);
  LQ_CHECK(memory);
  lq_arena arena = lq_arena_of(memory, ARENA_BYTES);
  lq_game *game = NULL, *again = NULL;
  lq_diag diag = {0};
  lq_err err = lq_game_yaml_read(lq_span_of(data, bytes), "game.yaml", &arena, &game, &diag);
  if (err) {
    LQ_CHECK(!game && diag.code == err && diag.line > 0 && diag.column > 0);
    LQ_CHECK(diag.message[0] && diag.mend[0]);
    LQ_CHECK(lq_utf8_valid(lq_span_text(diag.message)));
    return 0;
  }
  lq_writer out = lq_writer_of(room, sizeof room);
  LQ_CHECK(lq_game_encode(game, &out) == LQ_OK || out.failed);
  if (out.failed) return 0;
  LQ_CHECK(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag) == LQ_OK);
  lq_writer second = lq_writer_of(room_again, sizeof room_again);
  LQ_CHECK(lq_game_encode(again, &second) == LQ_OK);
  LQ_CHECK(lq_span_equal(lq_writer_span(&out), lq_writer_span(&second)));
  return 0;
}
