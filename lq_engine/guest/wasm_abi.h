/* What a WebAssembly guest may import: the functions of its module "lq", one row each.
 *
 * X(name, result, parameters): v nothing, i i32, l i64, f f32. What they do and when they trap says
 * sdk/wasm/lq_guest.h. Append only: a row's place is its number in compiled libraries. */
#ifndef LQ_ENGINE_GUEST_WASM_ABI_H
#define LQ_ENGINE_GUEST_WASM_ABI_H

#define LQ_WASM_IMPORTS(X)                                                                         \
  X(component, "i", "ii")                                                                          \
  X(event, "i", "ii")                                                                              \
  X(field, "i", "iii")                                                                             \
  X(constant, "l", "ii")                                                                           \
  X(next, "l", "lll")                                                                              \
  X(list, "i", "llii")                                                                             \
  X(alive, "i", "l")                                                                               \
  X(has, "i", "li")                                                                                \
  X(get_i32, "i", "liii")                                                                          \
  X(get_i64, "l", "liii")                                                                          \
  X(get_f32, "f", "liii")                                                                          \
  X(get_str, "i", "liiiii")                                                                        \
  X(set_i32, "v", "liiii")                                                                         \
  X(set_i64, "v", "liiil")                                                                         \
  X(set_f32, "v", "liiif")                                                                         \
  X(set_str, "v", "liiiii")                                                                        \
  X(read, "v", "iiiiii")                                                                           \
  X(write, "v", "iiiiii")                                                                          \
  X(id, "i", "lii")                                                                                \
  X(owner, "i", "l")                                                                               \
  X(find, "l", "ii")                                                                               \
  X(create, "l", "iii")                                                                            \
  X(destroy, "v", "l")                                                                             \
  X(remove, "v", "li")                                                                             \
  X(begin, "v", "i")                                                                               \
  X(put_i32, "v", "iii")                                                                           \
  X(put_i64, "v", "iil")                                                                           \
  X(put_f32, "v", "iif")                                                                           \
  X(put_str, "v", "iiii")                                                                          \
  X(add, "v", "l")                                                                                 \
  X(emit, "v", "")                                                                                 \
  X(random, "i", "i")                                                                              \
  X(random_bits, "l", "")                                                                          \
  X(tick, "l", "")                                                                                 \
  X(tick_us, "i", "")                                                                              \
  X(actor, "i", "")                                                                                \
  X(wake_at, "v", "l")                                                                             \
  X(refuse, "v", "ii")                                                                             \
  X(fail, "v", "ii")                                                                               \
  X(command, "i", "ii")                                                                            \
  X(send, "v", "")

typedef enum lq_wasm_import {
#define X(name, result, parameters) LQ_WASM_IMPORT_##name,
  LQ_WASM_IMPORTS(X)
#undef X
      LQ_WASM_IMPORT_COUNT
} lq_wasm_import;

/* Records, as `field`, `get_*` and `begin` take them. */
#define LQ_WASM_EVENT 0x100u       /* | event; a component is its own number */
#define LQ_WASM_SENT 0x400u        /* | command of the game, to `begin` and `send` it */
#define LQ_WASM_COMMAND_ROW 0x200u /* the running handler's command; its entity is 0 */
#define LQ_WASM_ROW 0xffffffffu    /* for `read`, a field: the whole row, as record.h lays it out */

#endif
