/* Calls by hand, by the text of wire.h, over the small game of game_fixture.h: rows 0, 1 and 3 are
 * alive, 2 is free; a second call has 70 rows. */
#ifndef LQ_ENGINE_GUEST_VIEW_TESTING_H
#define LQ_ENGINE_GUEST_VIEW_TESTING_H

#include "lq_engine/game/game_fixture.h"
#include "lq_engine/guest/view.h"

enum { VT_ROWS = 4, VT_CALL_BYTES = 64 << 10, VT_REPLY_BYTES = 32 << 10, VT_GENERATION = 5 };

typedef struct vt_setup {
  fixture f;
  _Alignas(8) uint8_t call[VT_CALL_BYTES];
  _Alignas(8) uint8_t reply[VT_REPLY_BYTES];
  lq_writer out;
  lq_guest_call head;
  lq_guest_view view;
  const char *why;
} vt_setup;

static inline uint32_t vt_room(vt_setup *t, size_t bytes) {
  while (t->out.bytes % 8) lq_write_u8(&t->out, 0);
  uint32_t at = (uint32_t)t->out.bytes;
  uint8_t *room = lq_write_room(&t->out, bytes);
  LQ_CHECK(room);
  memset(room, 0, bytes);
  return at;
}

static inline void vt_bit(vt_setup *t, uint32_t at, uint32_t row) {
  t->call[at + row / 8] |= (uint8_t)(1u << row % 8);
}

static inline lq_entity vt_handle(uint32_t row) {
  return (lq_entity){(uint64_t)(VT_GENERATION + row) << 32 | (row + 1)};
}

static inline bool vt_alive(uint32_t row) { return row != 2 && row != 64; }

/* Position: everybody's, (10 * row, row). Treasure: row 1 and from row 64 on. Purse: rows 0, 3. */
static inline void vt_column(vt_setup *t, uint32_t index, uint32_t type, uint32_t rows) {
  uint32_t row_bytes = t->f.component[type].record.row_bytes;
  lq_guest_column c = {type, row_bytes, vt_room(t, (rows + 63) / 64 * 8), 0};
  if (row_bytes) c.rows_at = vt_room(t, (size_t)row_bytes * rows);
  memcpy(t->call + t->head.column_at + index * sizeof c, &c, sizeof c);
  for (uint32_t row = 0; row < rows; row++) {
    int32_t place[2] = {(int32_t)row * 10, (int32_t)row};
    int64_t coins = row;
    bool has = vt_alive(row) && (type == FX_POSITION || type == FX_NOTE ||
                                 (type == FX_TREASURE && (row == 1 || row >= 64)) ||
                                 (type == FX_PURSE && row % 3 == 0));
    if (!has) continue;
    vt_bit(t, c.has_at, row);
    uint8_t *at = t->call + c.rows_at + row * row_bytes;
    if (type == FX_POSITION) memcpy(at, place, sizeof place);
    if (type == FX_PURSE) memcpy(at, &coins, sizeof coins);
  }
}

/* kind SYSTEM: hunt.collect; COMMAND: move by (0, 1, 0) of row 0. State: "kept". */
static inline void vt_call(vt_setup *t, lq_guest_kind kind, uint32_t rows) {
  static const uint32_t types[] = {FX_POSITION, FX_TREASURE, FX_PURSE, FX_NOTE};
  lq_diag diag = {0};
  fixture_fill(&t->f);
  for (uint32_t i = 0; i < 4; i++) {
    t->f.system[i].guest = LQ_GUEST_LUA;
    t->f.system[i].reads = t->f.system[i].writes = (1u << FX_COMPONENTS) - 1;
  }
  if (rows > t->f.game.entities_max) t->f.game.entities_max = rows;
  LQ_CHECK(lq_game_seal(&t->f.game, &diag) == LQ_OK);
  t->out = lq_writer_of(t->call, sizeof t->call);
  lq_guest_call *head = &t->head;
  *head = (lq_guest_call){.magic = LQ_GUEST_CALL_MAGIC, .version = LQ_GUEST_WIRE, .kind = kind};
  head->index = kind == LQ_GUEST_SYSTEM ? 0 : FX_MOVE;
  head->actor = kind == LQ_GUEST_SYSTEM ? 0 : 1;
  head->tick = 7;
  head->tick_us = 50000;
  head->row_count = rows;
  head->column_count = 4;
  lq_prng_seed(&head->prng, 42);
  (void)vt_room(t, sizeof *head);
  head->live_at = vt_room(t, (rows + 63) / 64 * 8);
  head->entity_at = vt_room(t, rows * sizeof(lq_guest_entity));
  head->id_at = vt_room(t, (size_t)rows * LQ_ID_BYTES);
  head->column_at = vt_room(t, 4 * sizeof(lq_guest_column));
  for (uint32_t row = 0; row < rows; row++) {
    lq_guest_entity e = {VT_GENERATION + row, row == 0, 0};
    memcpy(t->call + head->entity_at + row * sizeof e, &e, sizeof e);
    if (!vt_alive(row)) continue;
    vt_bit(t, head->live_at, row);
    lq_writer id = lq_writer_of(t->call + head->id_at + row * LQ_ID_BYTES, LQ_ID_BYTES - 1);
    lq_write_u8(&id, 'e');
    lq_write_decimal_u(&id, row);
  }
  for (uint32_t i = 0; i < 4; i++) vt_column(t, i, types[i], rows);
  head->state_bytes = 4;
  head->state_at = vt_room(t, 4);
  memcpy(t->call + head->state_at, "kept", 4);
  if (kind == LQ_GUEST_COMMAND) {
    head->body_bytes = t->f.command[FX_MOVE].record.row_bytes;
    head->body_at = vt_room(t, head->body_bytes);
    uint64_t entity = vt_handle(0).bits;
    int32_t vec[3] = {0, 1, 0};
    memcpy(t->call + head->body_at, &entity, 8);
    memcpy(t->call + head->body_at + 8, vec, sizeof vec);
  }
  head->bytes = (uint32_t)t->out.bytes;
  memcpy(t->call, head, sizeof *head);
}

static inline lq_err vt_begin(vt_setup *t) {
  return lq_guest_view_begin(&t->view, &t->f.game, t->call, t->out.bytes, t->reply,
                             sizeof t->reply);
}

#endif
