/* What a guest says of itself, from anybody: behind the first newline stands a game.yaml that it
 * meets. What is read encodes, and decodes to what encodes to the same bytes. */
#include "lq_service/release/described.h"
#include "lq_service/release/fyaml_testing.h"

enum { ARENA_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_diag(lq_err err, const lq_diag *diag) {
  LQ_CHECK(diag->code == err && diag->message[0] && diag->mend[0]);
  LQ_CHECK(lq_utf8_valid(lq_span_text(diag->message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static void *memory;
  static uint8_t room[1 << 20], room_again[1 << 20];
  static lqi_described described;
  if (!memory) memory = lq_pages_take(ARENA_BYTES);
  LQ_CHECK(memory);
  const uint8_t *line = bytes ? memchr(data, '\n', bytes) : NULL;
  size_t json = line ? (size_t)(line - data) : bytes;
  lq_span yaml = line ? lq_span_of(line + 1, bytes - json - 1) : lq_span_text("lq: 1\nname: g\n");
  lq_diag diag = {0};
  lqi_described_init(&described, bytes % 2);
  lq_err err = lqi_described_add(&described, LQ_GUEST_PYTHON, lq_span_of(data, json), "g", &diag);
  if (!err && bytes % 3 == 0)
    err = lqi_described_add(&described, LQ_GUEST_LUA, lq_span_of(data, json), "g", &diag);
  if (err) {
    check_diag(err, &diag);
    return 0;
  }
  lq_arena arena = lq_arena_of(memory, ARENA_BYTES);
  lq_game *game = NULL, *again = NULL;
  err = lqi_game_read(yaml, "g/game.yaml", &described, &arena, &game, &diag);
  if (err) {
    check_diag(err, &diag);
    return 0;
  }
  for (uint32_t i = 0; i < game->system_count; i++)
    LQ_CHECK((game->system[i].writes & ~game->system[i].reads) == 0);
  lq_writer out = lq_writer_of(room, sizeof room);
  LQ_CHECK(lq_game_encode(game, &out) == LQ_OK || out.failed);
  if (out.failed) return 0;
  LQ_CHECK(lq_game_decode(lq_writer_span(&out), &arena, &again, &diag) == LQ_OK);
  lq_writer second = lq_writer_of(room_again, sizeof room_again);
  LQ_CHECK(lq_game_encode(again, &second) == LQ_OK);
  LQ_CHECK(lq_span_equal(lq_writer_span(&out), lq_writer_span(&second)));
  return 0;
}
