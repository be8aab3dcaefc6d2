/* The jail's side of a WebAssembly guest as a WebAssembly module: calls in, replies out, by the
 * same C as on the server. host.mjs drives it; the guest is another instance beside it.
 *
 * Memory: the room holds what the host writes (a game, then call after call), the reply what it
 * reads. One game and one call at a time; nothing is given back. */
#include "apps/lq-jail/wasm/api.h"
#include "lq_engine/guest/wasm_library.h"

/* apps/wasm/libc.c */
void *lq_wasm_memory(size_t bytes);

#define EXPORT(name) __attribute__((export_name(#name))) name

enum { ROOM_BYTES = LQ_GUEST_CALL_BYTES_MAX };

static struct {
  lq_game *game;
  lq_guest_view view;
  lq_diag diag;
  _Alignas(64) uint8_t room[ROOM_BYTES]; /* the call lies here until its end */
  _Alignas(64) uint8_t rest[LQ_GUEST_STATE_BYTES_MAX + 1];
  _Alignas(64) uint8_t reply[LQ_GUEST_REPLY_BYTES_MAX];
} it;

uint8_t *EXPORT(room)(void) { return it.room; }
uint32_t EXPORT(room_bytes)(void) { return ROOM_BYTES; }
uint8_t *EXPORT(rest)(void) { return it.rest; }
uint32_t EXPORT(rest_bytes)(void) { return LQ_GUEST_STATE_BYTES_MAX; }
uint8_t *EXPORT(reply)(void) { return it.reply; }
const char *EXPORT(error)(void) { return it.diag.message; }

/* The room's first bytes are an encoded game. 0, or an lq_err. */
uint32_t EXPORT(game)(uint32_t bytes) {
  if (bytes > ROOM_BYTES) return LQ_ERR_TOO_BIG;
  lq_span encoded = lq_span_of(it.room, bytes);
  size_t arena_bytes = lq_game_arena_bytes(encoded);
  uint8_t *own = lq_wasm_memory(bytes + arena_bytes);
  if (!own) return LQ_ERR_MEMORY;
  lq_arena arena = lq_arena_of(own, arena_bytes);
  memcpy(own + arena_bytes, it.room, bytes);
  return lq_game_decode(lq_span_of(own + arena_bytes, bytes), &arena, &it.game, &it.diag);
}

/* The room's first bytes are a call. 0, or an lq_err. */
uint32_t EXPORT(begin)(uint32_t bytes) {
  if (!it.game) return LQ_ERR_NOT_FOUND;
  lq_err err = lq_guest_view_begin(&it.view, it.game, it.room, bytes, it.reply, sizeof it.reply);
  if (!err) lq_wasm_begin(&it.view);
  return err;
}
const char *EXPORT(called)(void) { return lq_wasm_called(&it.view); }
uint32_t EXPORT(is_system)(void) { return it.view.head->kind == LQ_GUEST_SYSTEM; }
float EXPORT(seconds)(void) { return (float)it.view.head->tick_us / 1e6f; }
const uint8_t *EXPORT(state)(void) { return lq_guest_state(&it.view).data; }
uint32_t EXPORT(state_bytes)(void) { return (uint32_t)lq_guest_state(&it.view).bytes; }

/* The rest holds the guest's state, state_bytes of it. How many bytes the reply has. */
uint32_t EXPORT(end)(uint32_t state_bytes) {
  size_t bytes =
      lq_guest_view_end(&it.view, LQ_GUEST_DONE, lq_span_of(it.rest, state_bytes), (lq_span){0});
  lq_wasm_begin(NULL);
  return (uint32_t)bytes;
}
/* The rest holds the file's name, with its NUL. */
uint32_t EXPORT(fail)(uint32_t why, int32_t fuel, int32_t depth) {
  size_t bytes = lq_wasm_failed(&it.view, (const char *)it.rest, why, fuel, depth);
  lq_wasm_begin(NULL);
  return (uint32_t)bytes;
}
