/* Guests: a tick with one guest's system, from the engine's call to the applied reply, through a
 * real jailed process; beside the same rule natively in C, in plain Lua (liblua) and in plain
 * CPython. The rule: for each player and each treasure on one field, delete and tell.
 *
 * round trip: 1 player, 1 treasure; rule: 100 and 100, nobody meets. sessions: 1,000 at 10 Hz is
 * 10,000 ticks a second; how many one port makes. start: from nothing to the first answer.
 * --quick: tiny; --json: one object; --folder PATH: where games are written; --only LANGUAGE.
 * Programs lie in ../bin beside this one, or in $LQ_JAILS. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lq_engine/session/session.h"
#include "lq_host/host.h"
#include "lq_service/guest/guest_describe.h"
#include "lq_service/release/release.h"

enum { SAMPLES_MAX = 1 << 20 };

static uint32_t samples[SAMPLES_MAX]; /* nanoseconds */
static uint32_t sample_count;
static char folder[512], jails[1024];
static bool quick;

static const char *const names[] = {"c", "python", "lua", "wasm"};
static const char *const files[] = {"hunt.c", "treasure_hunt.py", "hunt.lua", "hunt.wasm"};
static const char *const systems[] = {"hunt.collect", "systems.treasure_hunt.TreasureCollectSystem",
                                      "hunt.collect", "hunt.collect"};

static const char c_source[] =
    "#include \"game.h\"\n"
    "static void collect(lq_sys *sys) {\n"
    "  lq_sys_iter p = sys_query(sys, M_PlayerTag | M_Position, 0);\n"
    "  while (sys_next(sys, &p)) {\n"
    "    const Position *a = read_Position(sys, &p);\n"
    "    for (uint32_t i = 0; i < p.count; i++) {\n"
    "      lq_sys_iter t = sys_query(sys, M_TreasureTag | M_Position, 0);\n"
    "      while (sys_next(sys, &t)) {\n"
    "        const Position *b = read_Position(sys, &t);\n"
    "        for (uint32_t k = 0; k < t.count; k++) {\n"
    "          if (a[i].x != b[k].x || a[i].y != b[k].y) continue;\n"
    "          (void)sys_destroy(sys, sys_entity(sys, &t, k));\n"
    "          emit_treasure_collected(sys, (Evt_treasure_collected){\n"
    "              .player = sys_entity(sys, &p, i), .value = 100});\n"
    "        }\n      }\n    }\n  }\n}\n"
    "LQ_SYSTEMS({\"hunt.collect\", collect})\n";

static const char lua_source[] =
    "system{name=\"hunt.collect\", run=function(world)\n"
    "  for player in world:each(\"PlayerTag\", \"Position\") do\n"
    "    for treasure in world:each(\"TreasureTag\", \"Position\") do\n"
    "      if player.Position == treasure.Position then\n"
    "        world:delete(treasure)\n"
    "        world:emit(\"treasure.collected\", {player=player, value=100})\n"
    "      end\n    end\n  end\nend}\n";

/* The peers: the same loops over plain objects, as somebody would write them without an engine. */
static const char lua_peer[] = "local n, rounds, now = ...\n"
                               "local players, treasures, out = {}, {}, 0\n"
                               "for i = 1, n do\n"
                               "  players[i] = {id='a'..i, Position={x=i, y=0}}\n"
                               "  treasures[i] = {id='t'..i, Position={x=i, y=1}}\n"
                               "end\n"
                               "local function same(a, b) return a.x == b.x and a.y == b.y end\n"
                               "for _ = 1, rounds do\n"
                               "  local begun = now()\n"
                               "  for _, p in ipairs(players) do\n"
                               "    for _, t in ipairs(treasures) do\n"
                               "      if same(p.Position, t.Position) then out = out + 1 end\n"
                               "    end\n  end\n"
                               "  now(begun)\n"
                               "end\n";

static const char python_peer[] =
    "import sys, time\n"
    "from dataclasses import dataclass\n"
    "@dataclass\nclass Position:\n    x: int = 0\n    y: int = 0\n"
    "class Entity:\n    def __init__(self, id, p): self.id, self.Position = id, p\n"
    "n, rounds = int(sys.argv[1]), int(sys.argv[2])\n"
    "players = [Entity(f'a{i}', Position(i, 0)) for i in range(n)]\n"
    "treasures = [Entity(f't{i}', Position(i, 1)) for i in range(n)]\n"
    "def tick(out):\n"
    "    for p in players:\n        for t in treasures:\n"
    "            if p.Position == t.Position: out.append(p.id)\n"
    "all = []\n"
    "for _ in range(rounds):\n    b = time.perf_counter_ns(); tick([]); "
    "all.append(time.perf_counter_ns() - b)\n"
    "all.sort(); print(all[len(all) // 2])\n";

static void must(lq_err err, const lq_diag *diag, const char *what) {
  if (!err) return;
  (void)fprintf(stderr, "%s: %s %s\n", what, lq_err_name(err), diag ? diag->message : "");
  exit(1);
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static double quantile_us(uint32_t of_thousand) {
  qsort(samples, sample_count, sizeof *samples, by_value);
  return sample_count ? samples[(uint64_t)sample_count * of_thousand / 1000] / 1000.0 : 0;
}
static void sample(uint64_t since_ns) {
  if (sample_count < SAMPLES_MAX)
    samples[sample_count++] = (uint32_t)(lq_clock_mono_ns() - since_ns);
}

/* ---- games ---- */

static void write_text(const char *path, const char *text, size_t bytes) {
  must(lq_file_write(path, lq_span_of(text, bytes)), NULL, path);
}

static const char wasm_source[] =
    "#include \"lq_guest.h\"\n"
    "LQ_SYSTEM(\"hunt.collect\") collect(float delta) {\n"
    "  (void)delta;\n"
    "  uint32_t P = lq_component(\"Position\"), x = lq_field(P, \"x\"), y = lq_field(P, \"y\");\n"
    "  uint64_t player = LQ_BIT(P) | LQ_BIT(lq_component(\"PlayerTag\"));\n"
    "  uint64_t treasure = LQ_BIT(P) | LQ_BIT(lq_component(\"TreasureTag\"));\n"
    "  for (lq_entity p = 0; (p = lq_next(player, 0, p)) != 0;)\n"
    "    for (lq_entity t = 0; (t = lq_next(treasure, 0, t)) != 0;)\n"
    "      if (lq_get_i32(p, P, x, 0) == lq_get_i32(t, P, x, 0) &&\n"
    "          lq_get_i32(p, P, y, 0) == lq_get_i32(t, P, y, 0)) lq_destroy(t);\n"
    "}\n";

static void wasm_compile(const char *at, const char *out) {
  char source[1024], include[1024], said[4096];
  int status;
  (void)snprintf(source, sizeof source, "%s/hunt.c", at);
  (void)snprintf(include, sizeof include, "-I%s/sdk/wasm", LQ_SOURCE_DIR);
  write_text(source, wasm_source, sizeof wasm_source - 1);
  const char *argv[] = {"clang-19",
                        "--target=wasm32",
                        "-O2",
                        "-nostdlib",
                        "-ffreestanding",
                        "-fno-builtin",
                        include,
                        "-Wl,--no-entry",
                        "-Wl,--stack-first",
                        "-Wl,-z,stack-size=16384",
                        "-Wl,--strip-all",
                        "-o",
                        out,
                        source,
                        NULL};
  lq_writer w = lq_writer_of(said, sizeof said - 1);
  must(lq_process_run(argv, 60000, &w, &status), NULL, "clang-19");
  said[w.bytes] = 0;
  if (status) (void)fprintf(stderr, "%s", said), exit(1);
}

static void game_write(const char *at, uint32_t language, uint32_t each) {
  static char yaml[1 << 16];
  char path[1024];
  lq_writer w = lq_writer_of(yaml, sizeof yaml);
  lq_write_text(&w, "lq: 1\nname: bench\ntick: on_command\nlimits: {entities: 1024}\ncomponents:\n"
                    "  Position: {fields: {x: i32, y: i32}}\n  PlayerTag: {}\n  TreasureTag: {}\n"
                    "  Purse: {audited: true, stored: true, fields: {coins: money(EUR)}}\n"
                    "constants: {map_width: 16, map_height: 12, chests: 1, chest_value: 100}\n"
                    "events:\n  treasure.collected: {fields: {player: entity, value: i32}}\n"
                    "systems:\n  - ");
  lq_write_text(&w, systems[language]);
  lq_write_text(&w, "\nscene:\n");
  for (uint32_t i = 1; i <= each; i++) {
    char line[200];
    (void)snprintf(line, sizeof line,
                   "  a%u: {PlayerTag: {}, Position: {x: %u, y: 0}}\n"
                   "  t%u: {TreasureTag: {}, Position: {x: %u, y: 1}}\n",
                   i, i, i, i);
    lq_write_text(&w, line);
  }
  LQ_CHECK(!w.failed);
  (void)snprintf(path, sizeof path, "%s/systems", at);
  must(lq_folder_make(path), NULL, path);
  (void)snprintf(path, sizeof path, "%s/game.yaml", at);
  write_text(path, yaml, w.bytes);
  (void)snprintf(path, sizeof path, "%s/systems/%s", at, files[language]);
  const char *text = language == 0 ? c_source : lua_source;
  if (language == 0 || language == LQ_GUEST_LUA) {
    write_text(path, text, strlen(text));
    return;
  }
  if (language == LQ_GUEST_WASM) {
    wasm_compile(at, path);
    return;
  }
  uint8_t *data;
  size_t bytes;
  char from[1024];
  (void)snprintf(from, sizeof from, "%s/examples/treasure_hunt/systems/%s", LQ_SOURCE_DIR,
                 files[language]);
  must(lq_file_read(from, 16u << 20, &data, &bytes), NULL, from);
  write_text(path, (const char *)data, bytes);
  lq_file_free(data);
}

typedef struct game {
  lq_releases *releases;
  lq_guests *guests;
  lq_session *session;
  const uint8_t *release;
  void *memory;
  size_t bytes;
} game;

static game game_open(uint32_t language, uint32_t each) {
  char at[700], modules[700];
  game g = {0};
  lq_diag diag = {0};
  const lq_release *release;
  (void)snprintf(at, sizeof at, "%s/%s%u", folder, names[language], each);
  (void)snprintf(modules, sizeof modules, "%s/modules", folder);
  game_write(at, language, each);
  must(lq_releases_open(modules, NULL, &g.releases), NULL, "releases");
  lq_releases_guests(g.releases, lq_guest_describe, jails);
  must(lq_releases_build(g.releases, at, &release, &diag), &diag, "build");
  lq_guest_supply supply = lq_releases_supply(g.releases);
  must(lq_guests_open(NULL, &supply, &g.guests), NULL, "guests");
  g.bytes = lq_session_bytes(release->game);
  g.memory = lq_pages_take(g.bytes);
  LQ_CHECK(g.memory);
  must(lq_session_init(g.memory, g.bytes, release->game, 1, &g.session), NULL, "session");
  g.release = release->id;
  lq_session_guests(g.session, lq_guests_waiting(g.guests, "bench", g.release));
  return g;
}

static void game_close(game *g) {
  lq_guests_close(g->guests);
  lq_pages_give(g->memory, g->bytes);
  lq_releases_close(g->releases);
}

static void tick(game *g) {
  lq_tick_result result;
  lq_session_tick(g->session, NULL, &result);
  if (result.state == LQ_TICK_DONE && !result.event_count) return;
  (void)fprintf(stderr, "a tick failed: %s\n", result.guest_why);
  exit(1);
}

typedef struct measured {
  double start_ms, start_cpu_ms, p50_us, p99_us, rule_us, rate;
  long own_kib, pss_kib; /* of the warm process: its own written pages; and its share of all */
} measured;

/* Every child's, together: there is one. */
static void memory_look(measured *m) {
  char path[64], line[256];
  int pid = 0;
  long kib;
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  FILE *in = fopen(path, "r");
  if (in && fscanf(in, "%d", &pid) != 1) pid = 0;
  if (in) (void)fclose(in);
  (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
  in = pid ? fopen(path, "r") : NULL;
  while (in && fgets(line, sizeof line, in)) {
    if (sscanf(line, "Pss: %ld", &kib) == 1) m->pss_kib = kib;
    if (sscanf(line, "Private_Dirty: %ld", &kib) == 1) m->own_kib = kib;
  }
  if (in) (void)fclose(in);
}

static double children_cpu_ms(void) {
  struct rusage use;
  LQ_CHECK(getrusage(RUSAGE_CHILDREN, &use) == 0);
  return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
         (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

static void ticks(game *g, uint32_t count) {
  sample_count = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t begun = lq_clock_mono_ns();
    tick(g);
    sample(begun);
  }
}

/* From nothing to the first answer, over and over: the median, and the CPU time of one. */
static void starts(uint32_t language, measured *m) {
  uint32_t count = quick ? 2 : 11;
  game g = game_open(language, 1);
  lq_guest_supply supply = lq_releases_supply(g.releases);
  double cpu_ms = children_cpu_ms();
  sample_count = 0;
  for (uint32_t i = 0; language && i < count; i++) {
    lq_guests_close(g.guests);
    must(lq_guests_open(NULL, &supply, &g.guests), NULL, "guests");
    lq_session_guests(g.session, lq_guests_waiting(g.guests, "bench", g.release));
    uint64_t begun = lq_clock_mono_ns();
    tick(&g);
    sample(begun);
  }
  m->start_ms = quantile_us(500) / 1000;
  lq_guests_close(g.guests);
  g.guests = NULL;
  m->start_cpu_ms = (children_cpu_ms() - cpu_ms) / count;
  game_close(&g);
}

static measured measure(uint32_t language) {
  measured m = {0};
  starts(language, &m);
  game g = game_open(language, 1);
  ticks(&g, quick ? 20 : 2000);
  uint64_t begun = lq_clock_mono_ns();
  ticks(&g, quick ? 50 : 20000);
  m.rate = (quick ? 50 : 20000) / ((double)(lq_clock_mono_ns() - begun) / 1e9);
  m.p50_us = quantile_us(500);
  m.p99_us = quantile_us(990);
  memory_look(&m);
  game_close(&g);
  g = game_open(language, 100);
  ticks(&g, quick ? 3 : 50);
  ticks(&g, quick ? 3 : 300);
  m.rule_us = quantile_us(500);
  game_close(&g);
  return m;
}

/* ---- peers ---- */

static int lua_now(lua_State *lua) {
  if (lua_isnumber(lua, 1)) sample((uint64_t)lua_tointeger(lua, 1));
  lua_pushinteger(lua, (lua_Integer)lq_clock_mono_ns());
  return 1;
}

static double lua_plain_us(void) {
  lua_State *lua = luaL_newstate();
  LQ_CHECK(lua);
  luaL_openlibs(lua);
  LQ_CHECK(luaL_loadstring(lua, lua_peer) == LUA_OK);
  lua_pushinteger(lua, 100);
  lua_pushinteger(lua, quick ? 3 : 300);
  lua_pushcfunction(lua, lua_now);
  sample_count = 0;
  LQ_CHECK(lua_pcall(lua, 3, 0, 0) == LUA_OK);
  lua_close(lua);
  return quantile_us(500);
}

static double python_plain_us(void) {
  char out[256];
  int status;
  const char *argv[] = {"python3", "-c", python_peer, "100", quick ? "3" : "300", NULL};
  lq_writer w = lq_writer_of(out, sizeof out - 1);
  must(lq_process_run(argv, 60000, &w, &status), NULL, "python3");
  out[w.bytes] = 0;
  return atof(out) / 1000;
}

int main(int argc, char **argv) {
  bool json = false;
  const char *parent = ".", *only = NULL;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick"))
      quick = true;
    else if (!strcmp(argv[i], "--only") && i + 1 < argc)
      only = argv[++i];
    else if (!strcmp(argv[i], "--json"))
      json = true;
    else if (!strcmp(argv[i], "--folder") && i + 1 < argc)
      parent = argv[++i];
    else
      return (void)fprintf(stderr, "usage: %s [--quick] [--json] [--folder PATH]\n", argv[0]), 2;
  }
  char own[1024];
  const char *said = lq_env("LQ_JAILS");
  if (!said && !lq_program_folder(own)) return 1;
  (void)snprintf(jails, sizeof jails, said ? "%s" : "%s/../bin", said ? said : own);
  (void)snprintf(folder, sizeof folder, "%s/.lq_bench_XXXXXX", parent);
  if (!mkdtemp(folder)) return perror(folder), 1;
  if (json) (void)printf("{");
  for (uint32_t language = 0; language < LQ_GUEST_LANGUAGE_COUNT; language++) {
    if (only && strcmp(only, names[language]) != 0) continue;
    measured m = measure(language);
    (void)printf(
        json ? "\"%s\":{\"start_ms\":%.2f,\"start_cpu_ms\":%.2f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
               "\"rule_us\":%.1f,\"ticks_per_s\":%.0f,\"own_kib\":%ld,\"pss_kib\":%ld},"
             : "%-6s start %6.2f ms (CPU %5.2f)   2 entities: p50 %6.2f us, p99 %6.2f us   100 x "
               "100: %7.1f us   %7.0f ticks/s   memory %5ld KiB its own (PSS %ld)\n",
        names[language], m.start_ms, m.start_cpu_ms, m.p50_us, m.p99_us, m.rule_us, m.rate,
        m.own_kib, m.pss_kib);
  }
  double lua_us = lua_plain_us(), python_us = python_plain_us();
  if (json)
    (void)printf("\"plain_lua\":{\"rule_us\":%.1f},\"plain_python\":{\"rule_us\":%.1f}}\n", lua_us,
                 python_us);
  else
    (void)printf("plain Lua 100 x 100: %.1f us   plain CPython: %.1f us\n", lua_us, python_us);
  const char *rm[] = {"rm", "-rf", folder, NULL};
  char nothing[16];
  lq_writer w = lq_writer_of(nothing, sizeof nothing);
  int status;
  return lq_process_run(rm, 10000, &w, &status) ? 1 : 0;
}
