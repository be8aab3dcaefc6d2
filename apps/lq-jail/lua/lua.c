/* An instance: loaded once, then a call at a time, each from the image. */
#include "apps/lq-jail/lua/lua_int.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { STEPS_DEFAULT = 10000000, LOAD_TIMES = 10, STACK_LINES = 20 };
#define MEMORY_DEFAULT (32u << 20)
#define MEMORY_LEAST (1u << 20)
#define MEMORY_MOST (1u << 30)

/* ---- words of a failure ---- */

static lq_writer words_of(lq_lua *lua) { return lq_writer_of(lua->text, sizeof lua->text - 1); }
static void words_end(lq_lua *lua, const lq_writer *out) {
  lua->text_bytes = out->bytes;
  lua->text[out->bytes] = 0;
}

static void place_write(lq_writer *out, const lua_Debug *ar) {
  lq_write_text(out, ar->short_src);
  lq_write_u8(out, ':');
  lq_write_decimal(out, ar->currentline);
}

/* Finds the author's next frame from *level on; false: no more. */
static bool frame_next(lua_State *L, int *level, lua_Debug *ar) {
  while (lua_getstack(L, (*level)++, ar))
    if (lua_getinfo(L, "Sln", ar) && ar->currentline > 0) return true;
  return false;
}

static void stack_write(lua_State *L, lq_writer *out) {
  lua_Debug ar;
  int level = 0;
  for (int lines = 0; lines < STACK_LINES && frame_next(L, &level, &ar); lines++) {
    lq_write_u8(out, '\n');
    place_write(out, &ar);
    if (!ar.name) continue;
    lq_write_text(out, ": in ");
    lq_write_text(out, ar.name);
  }
}

/* "file:line: " of the newest frame, unless the words begin with a place. */
static void where_write(lua_State *L, lq_writer *out, lq_span words) {
  lua_Debug ar;
  int level = 0;
  if (words.bytes >= 8 && memcmp(words.data, "systems/", 8) == 0) return;
  if (words.bytes >= 9 && memcmp(words.data, "game.yaml", 9) == 0) return;
  const lq_lua *lua = lqi_lua_of(L);
  if (frame_next(L, &level, &ar)) {
    place_write(out, &ar);
    lq_write_text(out, ": ");
  } else if (lua->running) {
    lq_write_text(out, lua->running->file);
    lq_write_u8(out, ':');
    lq_write_decimal(out, lua->running->line);
    lq_write_text(out, ": ");
  }
}

static int handler(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  size_t bytes;
  const char *words = lqi_lua_words(L, 1, &bytes);
  lq_writer out = words_of(lua);
  where_write(L, &out, lq_span_of(words, bytes));
  size_t room = LQ_GUEST_TEXT_BYTES_MAX / 2; /* the other half is for the stack */
  while (bytes > room || !lq_utf8_valid(lq_span_of(words, bytes)))
    bytes = bytes > room ? room : bytes - 1; /* bytes that are no text end the words */
  lq_write_bytes(&out, words, bytes);
  stack_write(L, &out);
  words_end(lua, &out);
  return 1;
}

_Noreturn static void leave(lq_lua *lua, lqi_lua_exit exit) {
  LQ_CHECK(lua->armed);
  lua->armed = false;
  lua->exit = exit;
  longjmp(lua->out, 1);
}

void lqi_lua_spent(lq_lua *lua, lua_State *L, const char *what) {
  lq_writer out = words_of(lua);
  where_write(L, &out, (lq_span){0});
  if (strcmp(what, "steps") == 0) {
    lq_write_text(&out, "more than ");
    lq_write_decimal_u(&out, lua->steps_max);
    lq_write_text(&out, " steps in one call: do less, or spread it over ticks");
  } else if (strcmp(what, "text") == 0) {
    lq_write_text(&out, "a text of more than 65536 bytes");
  } else {
    lq_write_text(&out, "more than ");
    lq_write_decimal_u(&out, lua->memory_bytes);
    lq_write_text(&out, " bytes of memory: keep fewer things at a time");
  }
  stack_write(L, &out);
  words_end(lua, &out);
  leave(lua, LQI_LUA_EXIT_SPENT);
}

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lqi_lua_charge(lqi_lua_of(L), L, LQI_LUA_STEP);
}

static int panic(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  lq_writer out = words_of(lua);
  lq_write_text(&out, "Lua stopped: ");
  lq_write_text(&out, lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no reason");
  words_end(lua, &out);
  leave(lua, LQI_LUA_EXIT_PANIC);
}

/* fn under the budget; true when it returned. */
static bool run(lq_lua *lua, lua_CFunction fn, uint64_t steps) {
  lua->fuel = steps > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)steps;
  lua->exit = LQI_LUA_EXIT_NONE;
  lua->text_bytes = 0;
  if (setjmp(lua->out) != 0) return false;
  lua->armed = true;
  lua_pushcfunction(lua->L, handler);
  lua_pushcfunction(lua->L, fn);
  int status = lua_pcall(lua->L, 0, 0, -2);
  lua->armed = false;
  if (status == LUA_OK) return true;
  if (status == LUA_ERRMEM) lua->exit = LQI_LUA_EXIT_SPENT;
  if (lua->text_bytes == 0) {
    lq_writer out = words_of(lua);
    where_write(lua->L, &out, (lq_span){0});
    lq_write_text(&out, status == LUA_ERRMEM ? "memory is used up"
                                             : "an error, and another one in its words");
    words_end(lua, &out);
  }
  return false;
}

/* ---- refuse ---- */

static int refuse(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  size_t bytes;
  const char *reason = luaL_checklstring(L, 1, &bytes);
  if (!lua->view || lua->view->head->kind != LQ_GUEST_COMMAND)
    return luaL_error(L, "refuse(\"reason\") is for the handlers of commands");
  if (bytes >= sizeof lua->reason) bytes = sizeof lua->reason - 1;
  while (bytes && !lq_utf8_valid(lq_span_of(reason, bytes))) bytes--;
  memcpy(lua->reason, reason, bytes);
  lua->reason[bytes] = 0;
  leave(lua, LQI_LUA_EXIT_REFUSED);
}

/* ---- load ---- */

static int env_newindex(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  if (!lua->loading)
    return luaL_error(L, "the global '%s' is assigned: say 'local', or declare it in state={...}",
                      lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_GLOBALS);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, -3);
  return 0;
}

/* Chunks see an empty table, and the globals behind it: so assigning one is always seen. */
static void env_open(lua_State *L) {
  lua_createtable(L, 0, 0);
  lua_createtable(L, 0, 3);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_GLOBALS);
  lua_setfield(L, -2, "__index");
  lqi_lua_function(L, "__newindex", env_newindex);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_ENV);
}

static void libraries_open(lua_State *L) {
  lua_newtable(L);
  lqi_lua_open_base(L);
  lqi_lua_open_load(L);
  lqi_lua_function(L, "refuse", refuse);
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_GLOBALS);
  /* What the libraries put into Lua's own globals is nobody's. */
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  env_open(L);
}

static void file_run(lua_State *L, const lq_guest_file *file) {
  char name[LQ_NAME_BYTES * 2 + 1] = "@";
  uint32_t line = 0;
  (void)lq_text_copy(name + 1, sizeof name - 1, file->name);
  const char *bad = lqi_lua_scan(file->text, &line);
  if (bad) luaL_error(L, "%s:%d: %s", name + 1, (int)line, bad);
  if (luaL_loadbufferx(L, (const char *)file->text.data, file->text.bytes, name, "t") != LUA_OK)
    lua_error(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_ENV);
  lua_setupvalue(L, -2, 1);
  lua_call(L, 0, 0);
}

/* Files in the order of their names, whatever order they came in. */
static bool before(const lq_guest_file *a, const lq_guest_file *b) {
  size_t common = a->name.bytes < b->name.bytes ? a->name.bytes : b->name.bytes;
  int order = common ? memcmp(a->name.data, b->name.data, common) : 0;
  return order ? order < 0 : a->name.bytes < b->name.bytes;
}

static void files_run(lua_State *L, const lq_lua *lua) {
  const lq_guest_file *last = NULL;
  for (uint32_t n = 0; n < lua->file_count; n++) {
    const lq_guest_file *next = NULL;
    for (uint32_t i = 0; i < lua->file_count; i++) {
      const lq_guest_file *file = &lua->file[i];
      if ((!last || before(last, file)) && (!next || before(file, next))) next = file;
    }
    if (!next) return; /* two of one name: one is enough */
    file_run(L, next);
    last = next;
  }
}

static int load(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  libraries_open(L);
  if (lua->game) lqi_world_open(L);
  files_run(L, lua);
  if (lua->game) lqi_lua_bind(L);
  lqi_lua_describe(L, lua->describing);
  lua_newtable(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_SYSTEMS);
  lua_rawseti(L, -2, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LQI_REG_COMMANDS);
  lua_rawseti(L, -2, 2);
  lqi_lua_freeze(L);
  /* The lists of functions are not the authors': call() reads what is behind them. */
  static const int lists[] = {LQI_REG_SYSTEMS, LQI_REG_COMMANDS};
  for (int i = 0; i < 2; i++) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, lists[i]);
    lqi_lua_bare(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, lists[i]);
  }
  lua_pushnil(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LQI_REG_DECLARED);
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCINC, 1000, 0, 0); /* the first collection when there is ten times as much ... */
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCINC, 200, 0, 0); /* ... and then when it has doubled */
  return 0;
}

static void error_write(lq_lua *lua, lq_writer *out) {
  const char *line = memchr(lua->text, '\n', lua->text_bytes);
  size_t first = line ? (size_t)(line - lua->text) : lua->text_bytes;
  lq_write_text(out, "{\"error\":");
  lqi_json_text(out, lua->text, first);
  lq_write_text(out, ",\"stack\":");
  if (line)
    lqi_json_text(out, line + 1, lua->text_bytes - first - 1);
  else
    lq_write_text(out, "\"\"");
  lq_write_u8(out, '}');
}

static bool state_new(lq_lua *lua) {
  lqi_heap_reset(lua);
  lua->L = lua_newstate(lqi_heap_alloc, lua);
  if (!lua->L) return false;
  memcpy(lua_getextraspace(lua->L), &lua, sizeof(void *));
  lua_atpanic(lua->L, panic);
  lua_sethook(lua->L, hook, LUA_MASKCOUNT, LQI_LUA_STEP);
  return true;
}

void lq_lua_load(lq_lua *lua, const lq_game *game, const lq_guest_file *file, uint32_t count,
                 lq_writer *out) {
  lq_writer mark = *out;
  lua->game = game;
  lua->view = NULL;
  lua->running = NULL;
  lua->file = file;
  lua->file_count = count;
  lua->describing = out;
  lua->systems.count = lua->commands.count = lua->components.count = 0;
  lua->ready = false;
  lua->loading = true;
  bool ok = state_new(lua) && run(lua, load, lua->steps_max * LOAD_TIMES);
  lua->loading = false;
  if (ok && lqi_heap_keep(lua)) {
    lua->ready = true;
    return;
  }
  if (lua->text_bytes == 0) {
    lq_writer words = words_of(lua);
    lq_write_text(&words, "no memory for the sources");
    words_end(lua, &words);
  }
  *out = mark;
  error_write(lua, out);
}

/* ---- call ---- */

static void function_push(lua_State *L, int list, uint32_t part) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, list);
  lua_rawgeti(L, -1, part);
  lua_remove(L, -2);
}

static int no_state(lua_State *L) {
  return luaL_error(L, "the system has no state: declare it, as in state={%s=0}",
                    lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "n");
}

/* The declared state, and over it what the last call left. */
static void state_push(lua_State *L, const lq_lua *lua, uint32_t part) {
  if (!lua->running->has_state) {
    lua_newtable(L);
    lua_createtable(L, 0, 2);
    lqi_lua_function(L, "__index", no_state);
    lqi_lua_function(L, "__newindex", no_state);
    lua_setmetatable(L, -2);
    return;
  }
  size_t bytes;
  function_push(L, LQI_REG_STATES, part);
  const char *declared = lua_tolstring(L, -1, &bytes);
  lqi_state_push(L, lq_span_of(declared, bytes));
  lua_remove(L, -2);
  lq_span kept = lq_guest_state(lua->view);
  if (!kept.bytes) return;
  lqi_state_push(L, kept);
  for (lua_pushnil(L); lua_next(L, -2);) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
}

static int call(lua_State *L) {
  lq_lua *lua = lqi_lua_of(L);
  const lq_guest_call *head = lua->view->head;
  uint32_t part;
  if (head->kind == LQ_GUEST_SYSTEM) {
    part = lua->system_of[head->index];
    if (!part) return luaL_error(L, "no source declares the system that was asked for");
    lua->running = &lua->systems.part[part - 1];
    function_push(L, LQI_REG_SYSTEMS, part);
    lqi_world_begin(L);
    lua_pushnumber(L, head->tick_us / 1e6);
    state_push(L, lua, part);
    lua_pushvalue(L, -1);
    lua_insert(L, 1);
    lua_call(L, 3, 0);
  } else {
    part = lua->command_of[head->index];
    if (!part) return luaL_error(L, "no source declares the handler that was asked for");
    lua->running = &lua->commands.part[part - 1];
    function_push(L, LQI_REG_COMMANDS, part);
    lqi_world_begin(L);
    lqi_world_command(L, &lua->game->command[head->index].record);
    lua_call(L, 2, 0);
  }
  lqi_lua_assigned(L);
  lqi_world_end(L);
  if (lua->running->has_state && head->kind == LQ_GUEST_SYSTEM) {
    lq_writer out = lq_writer_of(lua->state, sizeof lua->state);
    lqi_state_write(L, 1, &out);
    lua->state_bytes = out.bytes;
  }
  return 0;
}

size_t lq_lua_call(lq_lua *lua, lq_guest_view *view) {
  if (!lua->ready)
    return lq_guest_view_end(view, LQ_GUEST_RAISED, (lq_span){0},
                             lq_span_text("the sources are not loaded"));
  lqi_heap_back(lua);
  lua->view = view;
  lua->running = NULL;
  lua->touched_count = 0;
  lua->state_bytes = 0;
  lq_guest_status status = LQ_GUEST_DONE;
  if (!run(lua, call, lua->steps_max))
    status = lua->exit == LQI_LUA_EXIT_SPENT ? LQ_GUEST_SPENT : LQ_GUEST_RAISED;
  if (lua->exit == LQI_LUA_EXIT_REFUSED) {
    status = LQ_GUEST_DONE;
    view->refused = lua->reason;
  }
  lua->view = NULL;
  return lq_guest_view_end(view, status, lq_span_of(lua->state, lua->state_bytes),
                           lq_span_of(lua->text, lua->text_bytes));
}

size_t lq_lua_image_bytes(const lq_lua *lua) { return lua->image_bytes; }

/* ---- life ---- */

static void *pages(size_t bytes) {
  void *at =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? NULL : at;
}

lq_lua *lq_lua_open(const lq_lua_options *options, const char **why) {
  lq_lua_options o = options ? *options : (lq_lua_options){0};
  lq_lua *lua = calloc(1, sizeof *lua);
  *why = "no memory for Lua";
  if (!lua) return NULL;
  lua->steps_max = o.steps_max ? o.steps_max : STEPS_DEFAULT;
  lua->memory_bytes = o.memory_bytes ? o.memory_bytes : MEMORY_DEFAULT;
  lua->touched = pages(sizeof *lua->touched * LQI_LUA_TOUCHED_MAX);
  if (lua->memory_bytes < MEMORY_LEAST || lua->memory_bytes > MEMORY_MOST)
    *why = "Lua's memory is 1 MiB to 1 GiB";
  else if (lua->touched && lqi_heap_open(lua, why) && lqi_seed_check(lua, why))
    return lua;
  lq_lua_close(lua);
  return NULL;
}

void lq_lua_close(lq_lua *lua) {
  if (!lua) return;
  lqi_heap_close(lua);
  if (lua->touched) munmap(lua->touched, sizeof *lua->touched * LQI_LUA_TOUCHED_MAX);
  free(lua);
}
