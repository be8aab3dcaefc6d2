/* Any bytes as the next release of a running session: refused, or its world goes over to it, with
 * every row, id and owner, in rows that are canonical, and with the values of every field that is
 * still called as it was. */
#include "lq_engine/game/game_fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { ENTITIES_MAX = 512, WORLD_ROWS = 4 };

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
    for (uint32_t type = 0; type < FX_COMPONENTS; type++) {
      if (row && type % WORLD_ROWS != row) continue;
      const lq_record *record = &old.component[type].record;
      LQ_CHECK(lq_world_add(w, e, type) == LQ_OK);
      if (!record->row_bytes) continue;
      uint8_t *at = lq_world_write(w, e, type);
      for (uint32_t i = 0; i < record->row_bytes; i++) at[i] = (uint8_t)(i + 0x21u + row);
      lq_record_canonicalise(record, at);
    }
  }
  lq_world_frame_end(w);
  return w;
}

static const lq_field *field_named(const lq_record *record, const char *name) {
  for (uint32_t i = 0; i < record->field_count; i++)
    if (!strcmp(record->field[i].name, name)) return &record->field[i];
  return NULL;
}

/* A row of the fixture's component beside what became of it, without a line under migrate:. */
static void same_values(const lq_record *a, const uint8_t *was, const lq_record *b,
                        const uint8_t *is) {
  for (uint32_t i = 0; i < a->field_count; i++) {
    const lq_field *from = &a->field[i], *to = field_named(b, from->name);
    LQ_CHECK(to);
    for (size_t e = 0; e < from->count; e++)
      LQ_CHECK(memcmp(was + from->offset + e * lq_field_bytes(from),
                      is + to->offset + e * lq_field_bytes(to), lq_field_bytes(from)) == 0);
  }
}

static void rows_check(const lq_world *from, const lq_game *to, const lq_world *fresh,
                       lq_entity e) {
  for (uint32_t type = 0; type < to->schema.component_count; type++) {
    const lq_record *record = &to->schema.component[type].record;
    uint8_t canonical[LQ_ROW_BYTES_MAX];
    const void *is = lq_world_get(fresh, e, type);
    if (!is || !record->row_bytes) continue;
    memcpy(canonical, is, record->row_bytes);
    lq_record_canonicalise(record, canonical);
    LQ_CHECK(memcmp(canonical, is, record->row_bytes) == 0);
    uint32_t before = lq_schema_find(&old.game.schema, lq_span_text(record->name));
    if (to->rename_count || before == UINT32_MAX) continue;
    same_values(&old.component[before].record, lq_world_get(from, e, before), record, is);
  }
}

static void go_over(const lq_game *to) {
  lq_diag diag = {0};
  const lq_world *from = world();
  lq_world *fresh;
  lq_err can = lq_game_can_migrate(&old.game, to, &diag);
  LQ_CHECK(!can || (can == LQ_ERR_MIGRATE && diag.message[0]));
  if (can || to->entities_max > ENTITIES_MAX) return;
  size_t bytes = lq_world_bytes(&to->schema, to->entities_max);
  void *memory = zeroes(bytes);
  LQ_CHECK(lq_world_init(memory, bytes, &to->schema, to->entities_max, &fresh) == LQ_OK);
  LQ_CHECK(lq_game_migrate(&old.game, from, to, fresh, &diag) == LQ_OK);
  for (uint32_t row = 0; row < WORLD_ROWS; row++) {
    lq_entity a = lq_world_entity_at(from, row), b = lq_world_entity_at(fresh, row);
    LQ_CHECK(a.bits == b.bits && lq_world_owner(from, a) == lq_world_owner(fresh, b));
    LQ_CHECK(!strcmp(lq_world_id(from, a), lq_world_id(fresh, b)));
    rows_check(from, to, fresh, a);
  }
  LQ_CHECK(lq_world_hash(fresh) == lq_world_hash_full(fresh));
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
