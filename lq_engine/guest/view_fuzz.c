/* Any bytes as a call, then a guest that does with it what the input's first bytes say. Bit 0 of
 * the first byte: mend magic, version and length first, so that the fuzzer gets behind them. What
 * is let in must be safe to use (the sanitizers look), never change the head or the columns' table,
 * and end in a reply that is well formed. */
#include "lq_engine/guest/view_testing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { OP_BYTES = 8 };

static const fixture *game(void) {
  static fixture f;
  if (f.game.hz) return &f;
  lq_diag diag = {0};
  fixture_fill(&f);
  for (uint32_t i = 0; i < 4; i++) {
    f.system[i].guest = LQ_GUEST_LUA;
    f.system[i].reads = f.system[i].writes = (1u << FX_COMPONENTS) - 1;
  }
  LQ_CHECK(lq_game_seal(&f.game, &diag) == LQ_OK);
  return &f;
}

/* An entity of the call, a stale one, one made in it, or one that was never made. */
static lq_entity pick(const lq_guest_view *view, uint8_t how, uint8_t which) {
  if (how & 1) return (lq_entity){LQ_GUEST_NEW | which};
  if (how & 2) return (lq_entity){(uint64_t)which << 32 | how};
  return lq_guest_handle(view, which);
}

static void look(const lq_guest_view *view, lq_entity e, const uint8_t *op) {
  uint32_t row = lq_guest_row(view, e);
  LQ_CHECK(row == UINT32_MAX || lq_entity_is(lq_guest_handle(view, row), e));
  const char *id = lq_guest_id(view, e);
  LQ_CHECK(strlen(id) < LQ_ID_BYTES);
  (void)lq_guest_owner(view, e);
  (void)lq_guest_find(view, lq_span_of(op, op[7] % 8u));
  for (uint32_t type = 0; type <= FX_COMPONENTS; type++) {
    const uint8_t *at = lq_guest_get(view, e, type);
    for (uint32_t i = 0; at && i < view->game->schema.component[type].record.row_bytes; i++)
      LQ_CHECK(at[i] <= 255); /* reads it */
  }
  uint32_t last = UINT32_MAX;
  for (row = lq_guest_next(view, op[5], op[6], 0); row != UINT32_MAX;
       row = lq_guest_next(view, op[5], op[6], row + 1)) {
    LQ_CHECK(row < view->head->row_count && (last == UINT32_MAX || row > last));
    last = row;
  }
}

static void act(lq_guest_view *view, const uint8_t *op) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  const char *why = NULL;
  lq_entity made, e = pick(view, op[1], op[2]);
  memset(row, op[6], sizeof row);
  bool done = true;
  if (op[0] % 8 == 0)
    done = lq_guest_set(view, e, op[3], op[4], op[5], op[7], row, &why);
  else if (op[0] % 8 == 1)
    done = lq_guest_add(view, e, op[3], op[4] & 1 ? row : NULL, &why);
  else if (op[0] % 8 == 2)
    done = lq_guest_remove(view, e, op[3], &why);
  else if (op[0] % 8 == 3)
    done = lq_guest_create(view, lq_span_of(op + 5, op[3] % 3u), op[4], &made, &why);
  else if (op[0] % 8 == 4)
    done = lq_guest_delete(view, e, &why);
  else if (op[0] % 8 == 5 && op[5] & 64)
    done = lq_guest_send(view, op[3], op[4] & 1 ? row : NULL, &why);
  else if (op[0] % 8 == 5)
    done = lq_guest_emit(view, op[3], op[4] & 1 ? row : NULL, &why);
  else if (op[0] % 8 == 6)
    (void)lq_guest_random(view, op[2]), lq_guest_wake(view, lq_guest_random_bits(view));
  else
    look(view, e, op);
  LQ_CHECK(done || (why && why[0]));
}

static void use(lq_guest_view *view, const uint8_t *ops, uint32_t count) {
  static lq_guest_column before[FX_COMPONENTS];
  lq_guest_call head = *view->head;
  size_t table = head.column_count * sizeof(lq_guest_column);
  if (table) memcpy(before, view->call + head.column_at, table);
  (void)lq_guest_body(view);
  for (uint32_t i = 0; i < count; i++) act(view, ops + (size_t)i * OP_BYTES);
  LQ_CHECK(memcmp(&head, view->head, sizeof head) == 0);
  LQ_CHECK(table == 0 || memcmp(before, view->call + head.column_at, table) == 0);
}

static void check_reply(const uint8_t *reply, size_t bytes) {
  lq_guest_reply head;
  memcpy(&head, reply, sizeof head);
  LQ_CHECK(head.magic == LQ_GUEST_REPLY_MAGIC && head.bytes == bytes && bytes <= VT_REPLY_BYTES);
  LQ_CHECK(bytes == sizeof head + head.changes_bytes + head.state_bytes + head.text_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 2 || bytes > VT_CALL_BYTES) return 0;
  bool mended = data[0] & 1;
  uint32_t count = data[1];
  if (bytes - 2 < count * (size_t)OP_BYTES) return 0;
  const uint8_t *ops = data + 2;
  size_t call_bytes = bytes - 2 - count * (size_t)OP_BYTES;
  uint8_t *call = malloc(call_bytes ? call_bytes : 1), *reply = malloc(VT_REPLY_BYTES);
  LQ_CHECK(call && reply);
  if (call_bytes) memcpy(call, ops + count * (size_t)OP_BYTES, call_bytes);
  if (mended && call_bytes >= 12) {
    lq_writer w = lq_writer_of(call, 12);
    lq_write_u32(&w, LQ_GUEST_CALL_MAGIC);
    lq_write_u32(&w, LQ_GUEST_WIRE);
    lq_write_u32(&w, (uint32_t)call_bytes);
  }
  lq_guest_view view;
  if (lq_guest_view_begin(&view, &game()->game, call, call_bytes, reply, VT_REPLY_BYTES) == LQ_OK) {
    use(&view, ops, count);
    check_reply(reply,
                lq_guest_view_end(&view, LQ_GUEST_DONE, lq_guest_state(&view), (lq_span){0}));
  }
  free(call);
  free(reply);
  return 0;
}
