/* A game of the engine as one WebAssembly module: for replay, and for prediction, in a browser.
 *
 * Shape: the module is the engine, one game's systems in C and no imports; an instance holds one
 * game and one session. The host (apps/wasm/lq.mjs) writes bytes into the room, calls, and reads
 * bytes out. Same start, same commands at the same ticks: the same hash as on the server.
 * Memory: everything belongs to the instance and goes with it. The room is the host's to fill, from
 * lq_wasm_room until its next call; no function keeps a pointer into it. `out` is valid until the
 * next function that fills it. Both grow and never shrink; so does the linear memory, whose views
 * a host must take anew after each call.
 * Errors: 0 is LQ_OK, else an lq_err (lq_base/err.h); lq_wasm_error_text has the words. A function
 * that fails changes nothing, but for lq_wasm_load (the session is gone) and where said. A trap is
 * a fault of the engine or of the game's code: lq_wasm_panic_text has the last words, and the
 * instance must be thrown away.
 * Integers: sizes are u32; seed, tick and hash are u64 (BigInt in JavaScript, made unsigned by
 * BigInt.asUintN). Threads: none. */
#ifndef LQ_APPS_WASM_LQ_WASM_H
#define LQ_APPS_WASM_LQ_WASM_H

#include "lq_base/err.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__wasm__)
#define LQ_WASM(name) __attribute__((export_name(#name))) name
#else
#define LQ_WASM(name) name /* natively, for comparison: tests/golden/cell.c */
#endif

/* LQ_ABI_VERSION: saved bytes and hashes of another version mean nothing here. */
uint32_t LQ_WASM(lq_wasm_abi)(void);

/* Room for `bytes` bytes to be written by the host; NULL when memory is out. */
uint8_t *LQ_WASM(lq_wasm_room)(uint32_t bytes);
/* What the last lq_wasm_save or lq_wasm_state wrote. */
const uint8_t *LQ_WASM(lq_wasm_out)(void);
uint32_t LQ_WASM(lq_wasm_out_bytes)(void);

/* The room's first bytes are an encoded game (lq_game_encode); once per instance. LQ_ERR_CORRUPT,
 * _TRUNCATED, _VERSION, _MEMORY; LQ_ERR_BUILD: the module has the systems of another game;
 * LQ_ERR_EXISTS: the instance has a game. */
LQ_MUST lq_err LQ_WASM(lq_wasm_game)(uint32_t bytes);
/* A new session at tick 0, instead of the one there was. LQ_ERR_NOT_FOUND: no game yet. */
LQ_MUST lq_err LQ_WASM(lq_wasm_start)(uint64_t seed);
/* The session of the saved bytes in the room, instead of the one there was: how a prediction is
 * taken back. Errors as lq_session_load. */
LQ_MUST lq_err LQ_WASM(lq_wasm_load)(uint32_t bytes);
/* Runs one tick; the room's first bytes are its commands as journaled (docs/journal.md), 0: none.
 * LQ_ERR_CORRUPT: they are malformed, nothing ran. LQ_ERR_BUSY: a guest is asked, nothing ran yet:
 * lq_wasm_answer, or lq_wasm_load for another session. LQ_ERR_GUEST: a guest failed, and nothing
 * ran; the session is as before the tick, but its commands wait: lq_wasm_load. LQ_ERR_UNSUPPORTED:
 * the tick ran, and its commands hand the session over to another release, which is another module.
 */
LQ_MUST lq_err LQ_WASM(lq_wasm_tick)(uint32_t bytes);
/* After LQ_ERR_BUSY the call's bytes lie in `out` (lq_engine/guest/wire.h); the language of who is
 * asked (lq_guest_language). 0: nobody is. */
uint32_t LQ_WASM(lq_wasm_asked)(void);
/* The room's first bytes are the reply; the tick goes on. Answers and errors as lq_wasm_tick. */
LQ_MUST lq_err LQ_WASM(lq_wasm_answer)(uint32_t bytes);
/* The session as bytes, canonical, into `out`. */
LQ_MUST lq_err LQ_WASM(lq_wasm_save)(void);
/* The state as JSON into `out`: every entity with every component, as an operator sees it. */
LQ_MUST lq_err LQ_WASM(lq_wasm_state)(void);

/* 0 without a session. */
uint64_t LQ_WASM(lq_wasm_tick_number)(void);
uint64_t LQ_WASM(lq_wasm_hash)(void);

/* Texts, NUL-terminated: of the last call that failed; its name ("LQ_ERR_CORRUPT"); of a trap. */
const char *LQ_WASM(lq_wasm_error_text)(void);
const char *LQ_WASM(lq_wasm_error_name)(void);
const char *LQ_WASM(lq_wasm_panic_text)(void);

/* What this file stands on, from apps/wasm/libc.c or a native program: zeroed bytes aligned to 64
 * that are never given back, or NULL; what a failed check said, or "". */
void *lq_wasm_memory(size_t bytes);
const char *lq_wasm_last_words(void);

#endif
