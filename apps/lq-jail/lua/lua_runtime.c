/* Lua as lq_jail_main's runtime: one instance, the process's own. */
#include "apps/lq-jail/lua/lua.h"

#include <stdio.h>
#include <stdlib.h>

static lq_lua *lua;

static bool start(int argc, char **argv) {
  lq_lua_options options = {0};
  const char *why = argc % 2 ? "the options are --steps N and --memory BYTES" : "";
  for (int i = 0; i + 1 < argc; i += 2) {
    unsigned long value = strtoul(argv[i + 1], NULL, 10);
    if (strcmp(argv[i], "--steps") == 0)
      options.steps_max = value;
    else if (strcmp(argv[i], "--memory") == 0)
      options.memory_bytes = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    else
      why = "the options are --steps N and --memory BYTES";
  }
  if (!*why) lua = lq_lua_open(&options, &why);
  if (!lua) fprintf(stderr, "lq-jail-lua: %s\n", why);
  return lua != NULL;
}

static void load(const lq_game *game, const lq_guest_file *file, uint32_t count, lq_writer *out) {
  lq_lua_load(lua, game, file, count, out);
}

static size_t call(lq_guest_view *view) { return lq_lua_call(lua, view); }

/* Twice the memory of values, the image, and as much for the program itself. */
const lq_runtime lq_runtime_lua = {
    .memory_bytes = 256u << 20, .start = start, .load = load, .call = call};
