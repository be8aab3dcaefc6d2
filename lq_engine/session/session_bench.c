/* 1,000 sessions of 100 entities: nanoseconds a session and tick, and how much of one core 60 Hz
 * leaves. `moving`: a system moves every entity; `quiet`: systems look, nothing changes;
 * `commands`: ten moves a tick besides. Then one session of physics: a pile of 1,000 boxes that
 * falls, and asleep. Medians over 5 runs; --quick is tiny; --json for machines. */
#include "lq_engine/session/session_physics_testing.h"

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

enum { SESSIONS_MAX = 1000, ENTITIES = 100, RUNS = 5 };

static fixture fx;
static uint8_t code[8192];
static lq_session *sessions[SESSIONS_MAX];

static uint64_t now_ns(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void drift(lq_sys *sys) {
  lq_sys_iter it;
  sys->api->query(sys, FX_M(FX_POSITION), FX_M(FX_PLAYER), &it);
  while (sys->api->next(sys, &it)) {
    fx_position *at = sys->api->write(sys, &it, FX_POSITION);
    for (uint32_t i = 0; i < it.count; i++) at[i].x = (at[i].x + 1) & 15;
  }
}

static void open_sessions(uint32_t count) {
  lq_tick_result r;
  size_t bytes = lq_session_bytes(&fx.game);
  for (uint32_t i = 0; i < count; i++) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    LQ_CHECK(memory != MAP_FAILED);
    LQ_CHECK(lq_session_init(memory, bytes, &fx.game, i, &sessions[i]) == LQ_OK);
    for (uint32_t p = 0; p < 8; p++) {
      char id[] = {'p', (char)('1' + p), 0};
      LQ_CHECK(fx_join(sessions[i], id, "", 0) == LQ_OK);
    }
    LQ_CHECK(fx_number(sessions[i], FX_SPAWN, 0, ENTITIES - FX_SCENE - 8) == LQ_OK);
    lq_session_tick(sessions[i], NULL, &r);
    LQ_CHECK(lq_world_entity_count(lq_session_world(sessions[i])) == ENTITIES);
  }
}

static void send_moves(lq_session *s, uint64_t tick) {
  for (uint32_t i = 0; i < 10; i++) {
    char id[] = {'p', (char)('1' + i % 8), 0};
    char client[] = {(char)('a' + tick % 26), (char)('a' + tick / 26 % 26), (char)('a' + i), 0};
    uint16_t slot = (uint16_t)(i % 8 + 1);
    /* A full ring may still hold an id of 676 ticks ago: then it is no new command. */
    (void)fx_do_move(s, slot, id, tick & 1 ? 1 : -1, 0, client);
  }
}

static double run(uint32_t count, uint32_t ticks, bool commands) {
  static uint64_t tick;
  lq_tick_result r;
  uint64_t spent = 0;
  for (uint32_t t = 0; t < ticks; t++, tick++) {
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < count; i++) {
      if (commands) send_moves(sessions[i], tick);
      lq_session_tick(sessions[i], NULL, &r);
    }
    spent += now_ns() - start;
  }
  return (double)spent / ((double)ticks * count);
}

static double median_run(uint32_t count, uint32_t ticks, bool commands) {
  double ns[RUNS];
  for (uint32_t i = 0; i < RUNS; i++) {
    double v = run(count, ticks, commands);
    uint32_t at = i;
    for (; at > 0 && ns[at - 1] > v; at--) ns[at] = ns[at - 1];
    ns[at] = v;
  }
  return ns[RUNS / 2];
}

static void report(const char *name, double ns, bool json) {
  double of_core = ns * 1000 * 60 / 1e9;
  if (json)
    (void)printf("{\"bench\":\"session.%s\",\"ns_per_tick\":%.0f,\"headroom_60hz\":%.1f}\n", name,
                 ns, 1 / of_core);
  else
    (void)printf("%-9s %7.0f ns per session and tick; 1,000 sessions at 60 Hz: %4.1f %% of a core, "
                 "headroom %.1f x\n",
                 name, ns, of_core * 100, 1 / of_core);
}

/* ---- physics ---- */

static px_game bodies;

static double physics_run(lq_session *s, uint32_t ticks) {
  double ns[RUNS];
  for (uint32_t i = 0; i < RUNS; i++) {
    lq_tick_result r;
    uint64_t start = now_ns();
    for (uint32_t t = 0; t < ticks; t++) lq_session_tick(s, NULL, &r);
    double v = (double)(now_ns() - start) / ticks;
    uint32_t at = i;
    for (; at > 0 && ns[at - 1] > v; at--) ns[at] = ns[at - 1];
    ns[at] = v;
  }
  return ns[RUNS / 2];
}

static void report_bodies(const char *name, double ns, bool json) {
  if (json)
    (void)printf("{\"bench\":\"session.bodies_%s\",\"ns_per_tick\":%.0f}\n", name, ns);
  else
    (void)printf("%-9s %7.0f us a tick of bodies\n", name, ns / 1000);
}

/* Layers of 10 x 20 boxes, a tick each, a little askew. */
static void bench_bodies(uint32_t layers, uint32_t ticks, bool json) {
  lq_tick_result r;
  lq_session *s;
  px_game_fill(&bodies);
  bodies.game.entities_max = bodies.game.physics.bodies_max = 1024;
  bodies.game.physics.contacts_max = 4160;
  px_game_ready(&bodies);
  size_t bytes = lq_session_bytes(&bodies.game);
  void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  LQ_CHECK(memory != MAP_FAILED);
  LQ_CHECK(lq_session_init(memory, bytes, &bodies.game, 1, &s) == LQ_OK);
  px_poke p = px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0);
  LQ_CHECK(px_send(s, "", p) == LQ_OK);
  for (uint32_t y = 0; y < layers; y++) {
    for (uint32_t i = 0; i < 200; i++) {
      float skew = 0.1f * (float)(y & 1) + 0.01f * (float)(i % 5);
      p = px_body("", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.5f, 1.1f * (float)(i % 10) + skew,
                  0.6f + 1.2f * (float)y, 1.1f * (float)(i / 10) - skew);
      LQ_CHECK(px_send(s, "", p) == LQ_OK);
    }
    lq_session_tick(s, NULL, &r);
    LQ_CHECK(r.failed == LQ_OK);
  }
  report_bodies("falling", physics_run(s, ticks), json);
  while (lq_session_physics_awake(s)) lq_session_tick(s, NULL, &r);
  report_bodies("asleep", physics_run(s, ticks), json);
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  for (int i = 1; i < argc; i++) {
    quick |= strcmp(argv[i], "--quick") == 0;
    json |= strcmp(argv[i], "--json") == 0;
  }
  uint32_t count = quick ? 20 : SESSIONS_MAX, ticks = quick ? 5 : 120;
  lq_arena arena = lq_arena_of(code, sizeof code);
  fixture_fill(&fx);
  fixture_ready(&fx, &arena);
  open_sessions(count);
  report("quiet", median_run(count, ticks, false), json);
  report("commands", median_run(count, ticks, true), json);
  fx.game.system_fn[0] = drift;
  report("moving", median_run(count, ticks, false), json);
  bench_bodies(quick ? 1 : 5, quick ? 2 : 10, json);
  if (!json) {
    (void)printf("%zu bytes of address space a session\n", lq_session_bytes(&fx.game));
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0, resident = 0;
    if (file && fscanf(file, "%lu %lu", &pages, &resident) == 2)
      (void)printf("%lu KiB resident for %u sessions\n", resident * 4, count);
    if (file) (void)fclose(file);
  }
  return 0;
}
