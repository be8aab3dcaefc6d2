/* What a tick of a guest in Python costs, inside its process: the founding example with 2 and with
 * 200 entities, beside the same rule over plain CPython objects. */
#include "apps/lq-jail/python/python_int.h"
#include "apps/lq-jail/python/python_testing.h"

#include <stdio.h>
#include <time.h>

static const char hunt[] =
    "from lq_engine.ecs import Component, System, register_system\n"
    "class Position(Component):\n"
    "    x: int = 0\n"
    "    y: int = 0\n"
    "class PlayerTag(Component): ...\n"
    "class TreasureTag(Component): ...\n"
    "@register_system(tick_order=50)\n"
    "class Rule(System):\n"
    "    def process(self, world, delta):\n"
    "        for player in world.with_components(PlayerTag, Position):\n"
    "            for treasure in world.with_components(TreasureTag, Position):\n"
    "                if player.Position == treasure.Position:\n"
    "                    world.delete_entity(treasure)\n"
    "                    world.emit('treasure.collected', {'player': player.id, 'value': 100})\n";

/* The same rule over dataclasses, in this same interpreter. */
static const char plain[] = "import dataclasses, types\n"
                            "@dataclasses.dataclass\n"
                            "class P:\n"
                            "    x: int\n"
                            "    y: int\n"
                            "class E:\n"
                            "    def __init__(self, p): self.Position = p\n"
                            "def rule(players, treasures):\n"
                            "    for player in players:\n"
                            "        for treasure in treasures:\n"
                            "            if player.Position == treasure.Position:\n"
                            "                pass\n"
                            "def fields(players, treasures):\n"
                            "    for player in players:\n"
                            "        for treasure in treasures:\n"
                            "            a, b = player.Position, treasure.Position\n"
                            "            if a.x == b.x and a.y == b.y:\n"
                            "                pass\n"
                            "players = [E(P(i, 0)) for i in range(100)]\n"
                            "treasures = [E(P(i, 1)) for i in range(100)]\n";

static double now_us(void) {
  struct timespec t;
  (void)timespec_get(&t, TIME_UTC); /* the runtime stops clock_gettime */
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median microseconds of a call; the call's memory is written anew before each. */
static double median_us(pt_setup *t, uint32_t times) {
  double *us = calloc(times, sizeof *us);
  lq_guest_ask ask = pt_ask(t, LQ_GUEST_SYSTEM, pt_system(t), NULL);
  for (uint32_t i = 0; us && i < times; i++) {
    pt_write(t, &ask);
    double from = now_us();
    (void)pt_run(t);
    us[i] = now_us() - from;
  }
  if (!us) return 0;
  qsort(us, times, sizeof *us, by_value);
  double median = us[times / 2];
  free(us);
  return median;
}

static double plain_us(const char *function, uint32_t times) {
  PyObject *main_module = PyImport_AddModule("__main__");
  PyObject *names = PyModule_GetDict(main_module);
  PyObject *fn = PyDict_GetItemString(names, function);
  PyObject *args[] = {PyDict_GetItemString(names, "players"),
                      PyDict_GetItemString(names, "treasures")};
  double best = 1e12;
  for (uint32_t i = 0; i < times; i++) {
    double from = now_us();
    Py_XDECREF(PyObject_Vectorcall(fn, args, 2, NULL));
    double took = now_us() - from;
    if (took < best) best = took;
  }
  return best;
}

int main(int argc, char **argv) {
  bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
  uint32_t times = quick ? 20 : 2000;
  static pt_setup t;
  double from = now_us();
  pt_open(&t);
  double started = now_us() - from, cpu = (double)clock() * 1e6 / CLOCKS_PER_SEC;
  from = now_us();
  const char *said = pt_load(&t, hunt);
  if (strstr(said, "\"error\"")) return fprintf(stderr, "%s\n", said), 1;
  double loaded = now_us() - from, all = (double)clock() * 1e6 / CLOCKS_PER_SEC;
  printf("start %.1f ms (CPU %.1f), load %.1f ms (CPU %.1f)\n", started / 1e3, cpu / 1e3,
         loaded / 1e3, (all - cpu) / 1e3);
  (void)pt_spawn(&t, "p1", 3, 1, 1);
  (void)pt_spawn(&t, "chest", 5, 2, 1);
  printf("2 entities, no hit      %8.2f us\n", median_us(&t, times));
  (void)pt_spawn(&t, "chest2", 5, 1, 1);
  printf("3 entities, 1 hit       %8.2f us\n", median_us(&t, times));
  pt_close(&t);
  pt_open(&t);
  (void)pt_load(&t, hunt);
  for (int32_t i = 0; i < 100; i++) {
    (void)pt_spawn(&t, NULL, 3, i, 0);
    (void)pt_spawn(&t, NULL, 5, i, 1);
  }
  double ours = median_us(&t, times / 10);
  if (PyRun_SimpleString(plain)) return 1;
  double theirs = plain_us("rule", times / 10), bare = plain_us("fields", times / 10);
  printf("100 x 100, no hit       %8.2f us; dataclasses %.2f us (%.2f x), their fields %.2f us\n",
         ours, theirs, ours / theirs, bare);
  pt_close(&t);
  return 0;
}
