/* The functions of the module "lq", over a guest's memory that lies anywhere: in the jail beside
 * them, in a browser in another instance (sdk/wasm/host.c). One call at a time. */
#ifndef APPS_LQ_JAIL_WASM_API_H
#define APPS_LQ_JAIL_WASM_API_H

#include "lq_engine/guest/view.h"
#include "lq_engine/guest/wasm_abi.h"

#if defined(__wasm__)
#define LQ_WASM_GIVEN(name) __attribute__((import_module("guest"), import_name(name)))
#else
#define LQ_WASM_GIVEN(name)
#endif

/* ---- what the surroundings give ---- (none returns when it cannot) */
/* From the guest's memory, and into it. */
LQ_WASM_GIVEN("in") void lq_wasm_copy_in(uint32_t at, uint32_t bytes, void *to);
LQ_WASM_GIVEN("out") void lq_wasm_copy_out(uint32_t at, uint32_t bytes, const void *from);
LQ_WASM_GIVEN("pay") void lq_wasm_pay(uint32_t units); /* of the call's fuel */
/* A trap, lq_wasm_words says why. */
LQ_WASM_GIVEN("stop") _Noreturn void lq_wasm_stop(void);

/* ---- what there is ---- */
/* The view that the functions work on; NULL: none, and each of them stops. */
void lq_wasm_begin(lq_guest_view *view);
/* Why the last call was stopped by a function; "" else. */
const char *lq_wasm_words(void);

/* Ends the view for a call that trapped: why is an lq_wasm_trap, fuel and depth what was left.
 * file: the module's, or NULL. */
size_t lq_wasm_failed(lq_guest_view *view, const char *file, uint32_t why, int32_t fuel,
                      int32_t depth);
/* Why, for people. */
const char *lq_wasm_trap_words(uint32_t why, int32_t fuel, int32_t depth);
/* "hunt.collect", or the command's name. */
const char *lq_wasm_called(const lq_guest_view *view);

uint32_t lq_wasm_api_component(uint32_t name, uint32_t bytes);
uint32_t lq_wasm_api_event(uint32_t name, uint32_t bytes);
uint32_t lq_wasm_api_command(uint32_t name, uint32_t bytes);
uint32_t lq_wasm_api_field(uint32_t record, uint32_t name, uint32_t bytes);
uint64_t lq_wasm_api_constant(uint32_t name, uint32_t bytes);
uint64_t lq_wasm_api_next(uint64_t with, uint64_t without, uint64_t after);
uint32_t lq_wasm_api_list(uint64_t with, uint64_t without, uint32_t out, uint32_t count_max);
uint32_t lq_wasm_api_alive(uint64_t entity);
uint32_t lq_wasm_api_has(uint64_t entity, uint32_t component);
uint32_t lq_wasm_api_get_i32(uint64_t entity, uint32_t record, uint32_t field, uint32_t element);
uint64_t lq_wasm_api_get_i64(uint64_t entity, uint32_t record, uint32_t field, uint32_t element);
float lq_wasm_api_get_f32(uint64_t entity, uint32_t record, uint32_t field, uint32_t element);
uint32_t lq_wasm_api_get_str(uint64_t entity, uint32_t record, uint32_t field, uint32_t element,
                             uint32_t out, uint32_t bytes_max);
void lq_wasm_api_set_i32(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         uint32_t value);
void lq_wasm_api_set_i64(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         uint64_t value);
void lq_wasm_api_set_f32(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         float value);
void lq_wasm_api_set_str(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         uint32_t text, uint32_t bytes);
void lq_wasm_api_read(uint32_t type, uint32_t field, uint32_t entities, uint32_t count,
                      uint32_t out, uint32_t bytes);
void lq_wasm_api_write(uint32_t type, uint32_t field, uint32_t entities, uint32_t count,
                       uint32_t from, uint32_t bytes);
uint32_t lq_wasm_api_id(uint64_t entity, uint32_t out, uint32_t bytes_max);
uint32_t lq_wasm_api_owner(uint64_t entity);
uint64_t lq_wasm_api_find(uint32_t id, uint32_t bytes);
uint64_t lq_wasm_api_create(uint32_t id, uint32_t bytes, uint32_t owner);
void lq_wasm_api_destroy(uint64_t entity);
void lq_wasm_api_remove(uint64_t entity, uint32_t type);
void lq_wasm_api_begin(uint32_t record);
void lq_wasm_api_put_i32(uint32_t field, uint32_t element, uint32_t value);
void lq_wasm_api_put_i64(uint32_t field, uint32_t element, uint64_t value);
void lq_wasm_api_put_f32(uint32_t field, uint32_t element, float value);
void lq_wasm_api_put_str(uint32_t field, uint32_t element, uint32_t text, uint32_t bytes);
void lq_wasm_api_add(uint64_t entity);
void lq_wasm_api_emit(void);
void lq_wasm_api_send(void);
uint32_t lq_wasm_api_random(uint32_t bound);
uint64_t lq_wasm_api_random_bits(void);
uint64_t lq_wasm_api_tick(void);
uint32_t lq_wasm_api_tick_us(void);
uint32_t lq_wasm_api_actor(void);
void lq_wasm_api_wake_at(uint64_t tick);
void lq_wasm_api_refuse(uint32_t text, uint32_t bytes);
void lq_wasm_api_fail(uint32_t text, uint32_t bytes);

#endif
