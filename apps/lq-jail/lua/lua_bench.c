/* What a call costs: the treasure rule with 2 and with 200 entities, beside plain Lua on plain
 * tables; and to load. --quick: once. */
#include "apps/lq-jail/lua/lua_testing.h"

#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>

static lt_setup t;

static const char PLAIN[] = "local P, T = {}, {}\n"
                            "for i = 0, 99 do\n"
                            "  P[#P + 1] = {Position={x=2 * i, y=i}}\n"
                            "  T[#T + 1] = {Position={x=i, y=i}}\n"
                            "end\n"
                            "return function()\n"
                            "  local n = 0\n"
                            "  for _, player in ipairs(P) do\n"
                            "    local at = player.Position\n"
                            "    for _, chest in ipairs(T) do\n"
                            "      local there = chest.Position\n"
                            "      if there.x == at.x and there.y == at.y then n = n + 1 end\n"
                            "    end\n"
                            "  end\n"
                            "  return n\n"
                            "end";

/* The same rule with components compared as a whole. */
#define WHOLE                                                                                      \
  "system{name='hunt.collect', run=function(world)\n"                                              \
  "  for player in world:each('PlayerTag', 'Position') do\n"                                       \
  "    for chest in world:each('TreasureTag', 'Position') do\n"                                    \
  "      if player.Position == chest.Position then world:delete(chest) end\n"                      \
  "    end\n"                                                                                      \
  "  end\n"                                                                                        \
  "end}\n"

static double plain(uint32_t rounds) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  LQ_CHECK(luaL_dostring(L, PLAIN) == LUA_OK);
  uint64_t best = UINT64_MAX;
  for (uint32_t i = 0; i < rounds; i++) {
    uint64_t start = lt_now_ns();
    lua_pushvalue(L, -1);
    lua_call(L, 0, 0);
    uint64_t took = lt_now_ns() - start;
    if (took < best) best = took;
  }
  lua_close(L);
  return (double)best / 1e3;
}

static double guest(lt_world w, uint32_t rounds) {
  uint64_t best = UINT64_MAX;
  for (uint32_t i = 0; i < rounds; i++) {
    lt_write(&t, w, lt_system(&t, "hunt.collect"), 7, (lq_span){0}, NULL);
    LQ_CHECK(lq_guest_view_begin(&t.view, &t.f.game, t.call, t.out.bytes, t.reply,
                                 sizeof t.reply) == LQ_OK);
    uint64_t start = lt_now_ns();
    (void)lq_lua_call(t.lua, &t.view);
    uint64_t took = lt_now_ns() - start;
    if (took < best) best = took;
  }
  LQ_CHECK(((lq_guest_reply *)(void *)t.reply)->status == LQ_GUEST_DONE);
  return (double)best / 1e3;
}

/* What a call would cost that ran the sources again in place of taking the image. */
static double reload(uint32_t rounds) {
  uint64_t best = UINT64_MAX;
  for (uint32_t i = 0; i < rounds; i++) {
    uint64_t start = lt_now_ns();
    LQ_CHECK(lt_load(&t, LT_HUNT));
    uint64_t took = lt_now_ns() - start;
    if (took < best) best = took;
  }
  return (double)best / 1e3;
}

static long resident_kib(void) {
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  if (fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
  fclose(file);
  return resident * 4;
}

int main(int argc, char **argv) {
  uint32_t rounds = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 2 : 3000;
  long before = resident_kib();
  uint64_t start = lt_now_ns();
  lt_game(&t);
  LQ_CHECK(lt_load(&t, LT_HUNT));
  double load = (double)(lt_now_ns() - start) / 1e3;
  long after = resident_kib();
  double two = guest(LT_SMALL, rounds), many = guest((lt_world){100, 100}, rounds / 8 + 1),
         tables = plain(rounds / 8 + 1);
  printf("open and load                   %8.1f us\n", load);
  printf("load again                      %8.1f us\n", reload(rounds / 8 + 1));
  printf("image put back before a call    %8zu bytes\n", lq_lua_image_bytes(t.lua));
  printf("resident, loaded                %8ld KiB more\n", after - before);
  printf("call, 1 player, 1 chest         %8.2f us\n", two);
  printf("call, 100 players, 100 chests   %8.1f us\n", many);
  LQ_CHECK(lt_load(&t, WHOLE));
  printf("the same, Position == Position  %8.1f us\n", guest((lt_world){100, 100}, rounds / 8 + 1));
  printf("plain Lua on plain tables       %8.1f us (%.2f times)\n", tables, many / tables);
  lt_close(&t);
  return 0;
}
