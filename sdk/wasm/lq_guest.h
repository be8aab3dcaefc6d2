/* lq_guest.h: what a system or command handler in WebAssembly sees. The one header that a guest in
 * C includes; for other languages, it says what each function of the module "lq" does.
 *
 *   clang-19 --target=wasm32 -O2 -nostdlib -ffreestanding -Wl,--no-entry -Wl,--stack-first
 *            -Wl,-z,stack-size=16384 -o systems/hunt.wasm hunt.c
 *
 * Exports: a system is a function (f32 seconds) -> () of its name in game.yaml ("hunt.collect"); a
 * handler is () -> () of "command." and its command's name. Where names must be identifiers, '_'
 * stands for '.'. Memory starts as it was in the module for each call; what shall be kept lies in
 * LQ_STATE, of which each system has its own. 1 MiB of memory, 50,000,000 instructions a call.
 * Writes are seen at once; what creates, destroys, adds or removes is seen by the next system.
 *
 * A mistake ends the call and undoes what it did, with words for the author: a name that the game
 * does not have, a component that the entity does not have, a field of another type, a pointer out
 * of memory. `has` and `alive` ask first. Strings are UTF-8 without a NUL; a function that gives
 * one writes what fits and returns its whole length. A NaN that is stored is 0x7fc00000. */
#ifndef LQ_GUEST_H
#define LQ_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t lq_entity; /* 0 is nobody */

#define LQ_SYSTEM(name) __attribute__((export_name(name))) void
#define LQ_COMMAND(name) __attribute__((export_name("command." name))) void
/* One variable that is kept from call to call: at most 4,096 bytes. In one file of a module. */
#define LQ_STATE(variable)                                                                         \
  __attribute__((export_name("lq_state"))) void *lq_state_(void) { return &(variable); }           \
  __attribute__((export_name("lq_state_bytes"))) uint32_t lq_state_bytes_(void) {                  \
    return sizeof(variable);                                                                       \
  }

#define LQ_IMPORT(name) __attribute__((import_module("lq"), import_name(name))) extern

/* ---- numbers of names: cheap, valid for this call ---- */
LQ_IMPORT("component") uint32_t lq_component_named(const char *name, uint32_t bytes);
LQ_IMPORT("event") uint32_t lq_event_named(const char *name, uint32_t bytes);
LQ_IMPORT("command") uint32_t lq_command_named(const char *name, uint32_t bytes); /* to send it */
/* Of a component, an event, a command, or LQ_COMMAND_ROW. */
LQ_IMPORT("field") uint32_t lq_field_named(uint32_t record, const char *name, uint32_t bytes);
LQ_IMPORT("constant") int64_t lq_constant_named(const char *name, uint32_t bytes);
#define lq_component(name) lq_component_named(name, sizeof name - 1)
#define lq_event(name) lq_event_named(name, sizeof name - 1)
#define lq_command(name) lq_command_named(name, sizeof name - 1)
#define lq_field(record, name) lq_field_named(record, name, sizeof name - 1)
#define lq_constant(name) lq_constant_named(name, sizeof name - 1)
#define LQ_BIT(component) (1ull << (component))

/* ---- entities ---- */
/* The first behind `after` (0: of all) that has all of `with` and nothing of `without`, in
 * ascending rows; 0 at the end. */
LQ_IMPORT("next") lq_entity lq_next(uint64_t with, uint64_t without, lq_entity after);
/* The first count_max of them into out; how many there are. */
LQ_IMPORT("list")
uint32_t lq_list(uint64_t with, uint64_t without, lq_entity *out, uint32_t count_max);
LQ_IMPORT("alive") bool lq_alive(lq_entity entity);
LQ_IMPORT("has") bool lq_has(lq_entity entity, uint32_t component);
LQ_IMPORT("find") lq_entity lq_find_named(const char *id, uint32_t bytes); /* 0 when unknown */
#define lq_find(id) lq_find_named(id, sizeof id - 1)
LQ_IMPORT("id") uint32_t lq_id(lq_entity entity, char *out, uint32_t bytes_max);
LQ_IMPORT("owner") uint32_t lq_owner(lq_entity entity); /* the player's slot; 0: nobody */
/* bytes 0: an id is made up. It may be added to, and destroyed, and stand in entity fields. */
LQ_IMPORT("create") lq_entity lq_create(const char *id, uint32_t bytes, uint32_t owner);
LQ_IMPORT("destroy") void lq_destroy(lq_entity entity);
LQ_IMPORT("remove") void lq_remove(lq_entity entity, uint32_t component);

/* ---- fields ---- (element: of an array; 0 else. i32: bool, too; i64: money and entities, too) */
/* record: a component, or LQ_COMMAND_ROW with entity 0: the command that the handler handles. */
#define LQ_COMMAND_ROW 0x200u
LQ_IMPORT("get_i32")
int32_t lq_get_i32(lq_entity, uint32_t record, uint32_t field, uint32_t element);
LQ_IMPORT("get_i64")
int64_t lq_get_i64(lq_entity, uint32_t record, uint32_t field, uint32_t element);
LQ_IMPORT("get_f32") float lq_get_f32(lq_entity, uint32_t record, uint32_t field, uint32_t element);
LQ_IMPORT("get_str")
uint32_t lq_get_str(lq_entity, uint32_t record, uint32_t field, uint32_t element, char *out,
                    uint32_t bytes_max);
LQ_IMPORT("set_i32")
void lq_set_i32(lq_entity, uint32_t component, uint32_t field, uint32_t element, int32_t value);
LQ_IMPORT("set_i64")
void lq_set_i64(lq_entity, uint32_t component, uint32_t field, uint32_t element, int64_t value);
LQ_IMPORT("set_f32")
void lq_set_f32(lq_entity, uint32_t component, uint32_t field, uint32_t element, float value);
LQ_IMPORT("set_str")
void lq_set_str(lq_entity, uint32_t component, uint32_t field, uint32_t element, const char *text,
                uint32_t bytes);
/* Of many entities a field with all its elements, or whole rows (LQ_ROW, read only), packed: bytes
 * is count times one's size. A row is a struct of the fields, those of 8 bytes first, then of 4,
 * then of 1, each in declared order. */
#define LQ_ROW 0xffffffffu
LQ_IMPORT("read")
void lq_read(uint32_t component, uint32_t field, const lq_entity *entities, uint32_t count,
             void *out, uint32_t bytes);
LQ_IMPORT("write")
void lq_write(uint32_t component, uint32_t field, const lq_entity *entities, uint32_t count,
              const void *from, uint32_t bytes);

/* ---- new rows: begin, put what is not the default, then add, emit or send ---- */
/* A component: its defaults; an event, a command: zero. */
LQ_IMPORT("begin") void lq_begin(uint32_t record);
LQ_IMPORT("put_i32") void lq_put_i32(uint32_t field, uint32_t element, int32_t value);
LQ_IMPORT("put_i64") void lq_put_i64(uint32_t field, uint32_t element, int64_t value);
LQ_IMPORT("put_f32") void lq_put_f32(uint32_t field, uint32_t element, float value);
LQ_IMPORT("put_str")
void lq_put_str(uint32_t field, uint32_t element, const char *text, uint32_t bytes);
LQ_IMPORT("add") void lq_add(lq_entity entity); /* the component that was begun */
LQ_IMPORT("emit") void lq_emit(void);           /* the event that was begun */
/* The command that was begun, as the host. Its handler runs in this tick, when what this call
 * changed is there, behind the commands that wait already; what it refuses is no matter of the
 * sender's. Not the host's own (join, leave ...); at most 256 in a tick. */
LQ_IMPORT("send") void lq_send(void);

/* ---- the session ---- */
LQ_IMPORT("random") uint32_t lq_random(uint32_t bound); /* uniform in 0..bound-1 */
LQ_IMPORT("random_bits") uint64_t lq_random_bits(void);
LQ_IMPORT("tick") uint64_t lq_tick(void);
LQ_IMPORT("tick_us") uint32_t lq_tick_us(void); /* 0 for on_command */
LQ_IMPORT("actor") uint32_t lq_actor(void);     /* in a handler: the player's slot; 0: the host */
LQ_IMPORT("wake_at") void lq_wake_at(uint64_t tick);
/* In a handler: the reason that the player gets; what the handler did is undone. */
LQ_IMPORT("refuse") void lq_refuse_with(const char *reason, uint32_t bytes);
#define lq_refuse(reason) lq_refuse_with(reason, sizeof reason - 1)
LQ_IMPORT("fail") _Noreturn void lq_fail_with(const char *words, uint32_t bytes);
#define lq_fail(words) lq_fail_with(words, sizeof words - 1)

/* What clang calls by itself. */
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);

#endif
