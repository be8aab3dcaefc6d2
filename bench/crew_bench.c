/* A step of a large world by one thread and by several: wall time, the median of its steps; on a
 * machine that does something else besides, the least says more. --threads N (2); --quick: tiny
 * sizes; --json: one object. */
#include "lq_engine/physics/physics_testing.h"
#include "lq_host/host.h"

#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 200 };

typedef struct times {
  double median, least; /* ms */
  uint64_t hash;
} times;

static int by_size(const void *a, const void *b) {
  double x, y;
  memcpy(&x, a, sizeof x), memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static times measure(lq_physics *w, const lq_physics_crew *crew, uint32_t steps) {
  double each[STEPS_MAX];
  for (uint32_t i = 0; i < steps; i++) {
    uint64_t from = lq_clock_mono_ns();
    LQ_CHECK(lq_physics_step_crew(w, crew) == LQ_OK);
    each[i] = (double)(lq_clock_mono_ns() - from) / 1e6;
  }
  qsort(each, steps, sizeof *each, by_size);
  return (times){each[steps / 2], each[0], lq_physics_hash(w)};
}

static times scene(bool pile, bool quick, const lq_physics_crew *crew) {
  lq_physics *w = physics_earth(5060);
  if (pile)
    physics_pile(w, quick ? 3 : 5, true), physics_run(w, quick ? 10 : 120);
  else
    (void)physics_pyramid(w, quick ? 32 : 100);
  times t = measure(w, crew, quick ? 10 : STEPS_MAX);
  physics_close(w);
  return t;
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  uint32_t threads = 2;
  for (int i = 1; i < argc; i++) {
    quick |= strcmp(argv[i], "--quick") == 0;
    json |= strcmp(argv[i], "--json") == 0;
    if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) threads = (uint32_t)atoi(argv[++i]);
  }
  lq_crew *crew;
  if (lq_crew_open(threads, &crew) != LQ_OK) {
    (void)fprintf(stderr, "crew_bench: --threads: 1 to %d\n", LQ_CREW_MAX);
    return 2;
  }
  const lq_physics_crew port = {.run = lq_crew_run, .context = crew};
  static const char *const names[] = {"pyramid of 5,050 boxes", "pile of 1,000 boxes"};
  for (uint32_t i = 0; i < 2; i++) {
    times one = scene(i == 1, quick, NULL), all = scene(i == 1, quick, &port);
    LQ_CHECK(one.hash == all.hash);
    if (json)
      (void)printf("%s\"%s: 1 thread\": %.4f, \"%s: %u threads\": %.4f", i ? ", " : "{", names[i],
                   one.median, names[i], threads, all.median);
    else
      (void)printf("%-24s 1 thread %6.2f ms (least %.2f), %u threads %6.2f ms (least %.2f)\n",
                   names[i], one.median, one.least, threads, all.median, all.least);
  }
  if (json) (void)printf("}\n");
  lq_crew_close(crew);
  return 0;
}
