/* Any bytes as the next release of a running session: refused, or its world goes over to it, with
 * every row, id and owner, in rows that are canonical. */
#include "lq_engine/game/game_fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { ENTITIES_MAX = 1024, WORLD_ROWS = 4 };

static void *zeroes(size_t bytes) {
  void *memory = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
  LQ_CHECK(memory);
  return memset(memory, 0, bytes);
}

/* The fixture's release and a world of it: row 0 has every component. */
static fixture old;
static lq_world *world(void) {
  static lq_world *w;
  if (w) return w;
  lq_diag diag = {0};
  fixture_fill(&old);
  LQ_CHECK(lq_game_seal(&old.game, &diag) == LQ_OK);
  size_t bytes = lq_world_bytes(&old.game.schema, old.game.entities_max);
  LQ_CHECK(!lq_world_init(zeroes(bytes), bytes, &old.game.schema, old.game.entities_max, &w));
  for (uint16_t row = 0; row < WORLD_ROWS; row++) {
    lq_entity e;
    LQ_CHECK(lq_world_create(w, NULL, row, &e) == LQ_OK);
    for (uint32_t type = 0; type < FX_COMPONENTS; type++)
      if (row == 0 || type % WORLD_ROWS == row) LQ_CHECK(lq_world_add(w, e, type) == LQ_OK);
  }
  lq_world_frame_end(w);
  return w;
}

static void go_over(const lq_game *to) {
  lq_diag diag = {0};
  const lq_world *from = world();
  lq_world *fresh;
  lq_err can = lq_game_can_migrate(&old.game, to, &diag);
  LQ_CHECK(!can || (can == LQ_ERR_MIGRATE && diag.message[0]));
  if (to->entities_max > ENTITIES_MAX) return;
  size_t bytes = lq_world_bytes(&to->schema, to->entities_max);
  void *memory = zeroes(bytes);
  LQ_CHECK(lq_world_init(memory, bytes, &to->schema, to->entities_max, &fresh) == LQ_OK);
  LQ_CHECK(lq_game_migrate(&old.game, from, to, fresh, &diag) == can);
  for (uint32_t row = 0; !can && row < WORLD_ROWS; row++) {
    lq_entity a = lq_world_entity_at(from, row), b = lq_world_entity_at(fresh, row);
    LQ_CHECK(a.bits == b.bits && lq_world_owner(from, a) == lq_world_owner(fresh, b));
    LQ_CHECK(!strcmp(lq_world_id(from, a), lq_world_id(fresh, b)));
    for (uint32_t type = 0; type < to->schema.component_count; type++) {
      const lq_record *record = &to->schema.component[type].record;
      uint8_t canonical[LQ_ROW_BYTES_MAX];
      const void *is = lq_world_get(fresh, b, type);
      if (!is || !record->row_bytes) continue;
      memcpy(canonical, is, record->row_bytes);
      lq_record_canonicalise(record, canonical);
      LQ_CHECK(memcmp(canonical, is, record->row_bytes) == 0);
    }
  }
  if (!can) LQ_CHECK(lq_world_hash(fresh) == lq_world_hash_full(fresh));
  free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_span encoded = lq_span_of(data, bytes);
  if (bytes > 1 << 16) return 0;
  (void)world();
  size_t room = lq_game_arena_bytes(encoded);
  void *memory = malloc(room);
  lq_arena arena = lq_arena_of(memory, room);
  lq_game *game;
  lq_diag diag = {0};
  if (!lq_game_decode(encoded, &arena, &game, &diag)) go_over(game);
  free(memory);
  return 0;
}
