/* What measures a native engine: peer_main with its functions. Processor time, one thread.
 *   PROGRAM SCENE...   of boxes.h; a JSON line each: the median step, and how far the top sank
 *   PROGRAM --boxes    the scenes themselves, for engines in Node
 *   --quick            a few steps, to see that it runs */
#ifndef LQ_BENCH_PHYSICS_PEER_H
#define LQ_BENCH_PHYSICS_PEER_H

#include "bench/physics/boxes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A pile comes to rest first; a pyramid is measured from its first step. */
enum { PEER_STEPS = 200, PEER_SETTLE = 120, PEER_HZ = 60 };

typedef struct peer {
  void *(*open)(const boxes *b);
  void (*step)(void *world);
  double (*height)(void *world, unsigned index);
  void (*close)(void *world);
  unsigned long long (*hash)(void *world); /* NULL: it has none */
} peer;

static inline double peer_now_ms(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
static inline int peer_by_size(const void *a, const void *b) {
  double x, y;
  memcpy(&x, a, sizeof x), memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static inline void peer_measure(const peer *p, const boxes *b, unsigned scene, unsigned steps,
                                unsigned settle) {
  double each[PEER_STEPS];
  void *world = p->open(b);
  for (unsigned i = 0; i < settle; i++) p->step(world);
  for (unsigned i = 0; i < steps; i++) {
    double from = peer_now_ms();
    p->step(world);
    each[i] = peer_now_ms() - from;
  }
  qsort(each, steps, sizeof *each, peer_by_size);
  double sunk = (double)b->at[b->count - 1][1] - p->height(world, b->count - 1);
  (void)printf("{\"scene\":%u,\"ms\":%.4f,\"most_ms\":%.4f,\"sunk_m\":%.4f", scene, each[steps / 2],
               each[steps - 1], sunk);
  if (p->hash) (void)printf(",\"hash\":\"%016llx\"", p->hash(world));
  (void)printf("}\n");
  (void)fflush(stdout);
  p->close(world);
}

static inline void peer_print(const boxes *b, unsigned scene) {
  (void)printf("{\"scene\":%u,\"at\":[", scene);
  for (unsigned i = 0; i < b->count; i++)
    (void)printf("%s[%.9g,%.9g,%.9g]", i ? "," : "", (double)b->at[i][0], (double)b->at[i][1],
                 (double)b->at[i][2]);
  (void)printf("]}\n");
}

static inline int peer_main(const peer *p, int argc, char **argv) {
  static boxes b;
  int quick = 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--boxes") == 0) {
      const unsigned all[] = {0, 100, 200, 500, 1000};
      for (unsigned k = 0; k < sizeof all / sizeof *all; k++)
        if (boxes_scene(&b, all[k])) peer_print(&b, all[k]);
      continue;
    }
    if (strcmp(argv[i], "--quick") == 0) {
      quick = 1;
      continue;
    }
    unsigned scene = (unsigned)strtoul(argv[i], NULL, 10);
    if (boxes_scene(&b, scene) == 0) {
      (void)fprintf(stderr, "unknown scene: %s\n", argv[i]);
      return 2;
    }
    peer_measure(p, &b, scene, quick ? 3 : PEER_STEPS, scene == 0 || quick ? 0 : PEER_SETTLE);
  }
  return 0;
}

#endif
