/* Lua 5.4 as a guest's language: a game's systems/<name>.lua, run so that nothing of a call is left
 * when it is over.
 *
 * Shape: the interpreter's whole memory is one arena at an address whose low 32 bits are always the
 * same. When the sources are loaded, the arena is copied; every call starts from that copy. So a
 * call is a function of what it is given: globals, upvalues, metatables, the collector's state and
 * even the order of hash tables are the same whatever ran before, and a call that went over its
 * budget is left by one longjmp, out of any pcall, coroutine or comparator.
 * Limits: lq_lua_options. Owner: one thread at a time; instances share nothing.
 * What authors write: README.md beside this. */
#ifndef APPS_LQ_JAIL_LUA_LUA_H
#define APPS_LQ_JAIL_LUA_LUA_H

#include "apps/lq-jail/runtime.h"

typedef struct lq_lua lq_lua;

/* Zero is the default. */
typedef struct lq_lua_options {
  uint64_t steps_max;    /* a call: instructions of the VM, and work of the library; 10,000,000 */
  uint32_t memory_bytes; /* of all Lua values, 1 MiB to 1 GiB; 32 MiB */
} lq_lua_options;

/* A fresh instance without sources; NULL and *why (a sentence) when the machine cannot give it. */
lq_lua *lq_lua_open(const lq_lua_options *options, const char **why);
void lq_lua_close(lq_lua *lua); /* NULL is nothing */
/* As lq_runtime.load; loading again replaces everything. `game` is borrowed until then. */
void lq_lua_load(lq_lua *lua, const lq_game *game, const lq_guest_file *file, uint32_t count,
                 lq_writer *out);
/* As lq_runtime.call. */
size_t lq_lua_call(lq_lua *lua, lq_guest_view *view);
/* Bytes that are put back before each call. */
size_t lq_lua_image_bytes(const lq_lua *lua);

/* For lq_jail_main; its instance is the process's own. argv: [--steps N] [--memory BYTES] */
extern const lq_runtime lq_runtime_lua;

#endif
