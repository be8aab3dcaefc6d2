/* Times of a step and of a save, a load and a hash. Processor time, one thread; each is the median
 * of its steps. --quick: tiny sizes; --json: one object. */
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_joint_testing.h"
#include "lq_engine/physics/physics_testing.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STEPS_MAX = 400 };

static double now_us(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_size(const void *a, const void *b) {
  double x, y;
  memcpy(&x, a, sizeof x), memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}
static double median(double *value, uint32_t count) {
  qsort(value, count, sizeof *value, by_size);
  return value[count / 2];
}

static double step_us(lq_physics *w, uint32_t steps) {
  double each[STEPS_MAX];
  for (uint32_t i = 0; i < steps; i++) {
    double from = now_us();
    physics_run(w, 1);
    each[i] = now_us() - from;
  }
  return median(each, steps);
}

typedef struct row {
  const char *name;
  double value;
  const char *unit;
} row;

static void memory(lq_physics *w, uint32_t times, row out[4]) {
  double save[STEPS_MAX], load[STEPS_MAX], hash[STEPS_MAX];
  size_t bytes = lq_physics_save_bytes(w);
  void *saved = malloc(bytes);
  uint64_t sum = 0;
  LQ_CHECK(saved != NULL);
  for (uint32_t i = 0; i < times; i++) {
    double a = now_us();
    lq_physics_save(w, saved);
    double b = now_us();
    LQ_CHECK(lq_physics_load(w, saved, bytes) == LQ_OK);
    double c = now_us();
    sum ^= lq_physics_hash(w);
    double d = now_us();
    save[i] = b - a, load[i] = c - b, hash[i] = d - c;
  }
  LQ_CHECK(times % 2 == 0 ? sum == 0 : sum != 0);
  free(saved);
  out[0] = (row){"pile: state", (double)bytes / 1024, "KiB"};
  out[1] = (row){"pile: save", median(save, times), "us"};
  out[2] = (row){"pile: load", median(load, times), "us"};
  out[3] = (row){"pile: hash", median(hash, times), "us"};
}

/* 200 rays of about 20 m, level, all ways. */
static double rays_us(lq_physics *w, bool ready, uint32_t times) {
  double each[STEPS_MAX];
  uint32_t count, found = 0;
  for (uint32_t i = 0; i < times; i++) {
    lq_physics_hit hit[8];
    lq_physics_body b = physics_get(w, 10);
    LQ_CHECK(lq_physics_body_move(w, 10, b.position, b.rotation) == LQ_OK); /* no tree from here */
    double from = now_us();
    if (ready) lq_physics_ask_ready(w);
    for (uint32_t k = 0; k < 200; k++) {
      float start[3] = {(float)(k % 10), 0.5f + (float)(k % 5), (float)k / 10},
            way[3] = {5 * (float)(k % 7) - 15, (float)(k % 5) - 1.5f, 3 * (float)(k % 11) - 15};
      LQ_CHECK(lq_physics_ray(w, start, way, UINT32_MAX, hit, 8, &count) == LQ_OK);
      found += count;
    }
    each[i] = now_us() - from;
  }
  LQ_CHECK(found > 0);
  return median(each, times);
}

/* A worker that gets a session: a block that nobody touched, the world made and loaded, and all
 * that is derived: a step with a single sub-step, so that it is little else. */
static double cold_us(const lq_physics *from, uint32_t times) {
  enum { TIMES_MAX = 20 };
  double each[TIMES_MAX];
  lq_physics *w[TIMES_MAX]; /* kept: memory that is given back comes back warm */
  size_t bytes = lq_physics_save_bytes(from);
  void *saved = malloc(bytes);
  LQ_CHECK(saved != NULL);
  lq_physics_save(from, saved);
  lqi_head head;
  memcpy(&head, saved, sizeof head);
  head.substeps = 1;
  memcpy(saved, &head, sizeof head);
  for (uint32_t i = 0; i < times; i++) {
    double begin = now_us();
    w[i] = physics_earth(1100);
    LQ_CHECK(lq_physics_load(w[i], saved, bytes) == LQ_OK);
    physics_run(w[i], 1);
    each[i] = now_us() - begin;
  }
  for (uint32_t i = 0; i < times; i++) physics_close(w[i]);
  free(saved);
  return median(each, times);
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  for (int i = 1; i < argc; i++) {
    quick = quick || strcmp(argv[i], "--quick") == 0;
    json = json || strcmp(argv[i], "--json") == 0;
  }
  uint32_t base = quick ? 10 : 100, layers = quick ? 1 : 5, steps = quick ? 20 : 200;
  enum { ROWS = 16 };
  row out[ROWS];
  lq_physics *pyramid = physics_earth(base * (base + 1) / 2 + 10);
  uint64_t top = physics_pyramid(pyramid, base);
  out[0] = (row){"pyramid of 5,050 boxes: step", step_us(pyramid, steps) / 1e3, "ms"};
  float low = (float)base - 0.5f - physics_get(pyramid, top).position[1];
  out[1] = (row){"pyramid: its top has sunk by", (double)low * 100, "cm"};
  physics_close(pyramid);
  lq_physics *pile = physics_earth(1100);
  physics_pile(pile, layers, true);
  physics_run(pile, quick ? 10 : 120);
  out[2] = (row){"pile of 1,000 boxes: step", step_us(pile, steps) / 1e3, "ms"};
  out[3] = (row){"pile: contacts", (double)lq_physics_contacts(pile), ""};
  memory(pile, steps, &out[4]);
  out[13] = (row){"pile of 1,000: 200 rays, one by one", rays_us(pile, false, 20) / 1e3, "ms"};
  out[14] = (row){"pile of 1,000: 200 rays, sought", rays_us(pile, true, 20) / 1e3, "ms"};
  out[15] = (row){"pile: cold load and derive", cold_us(pile, quick ? 3 : 20) / 1e3, "ms"};
  physics_close(pile);
  lq_physics *town = physics_earth(quick ? 400 : 10300);
  physics_town(town, quick ? 20 : 2000);
  physics_run(town, quick ? 50 : 100);
  out[8] =
      (row){"town: asleep", (double)(lq_physics_bodies(town) - 1 - lq_physics_awake(town)), ""};
  out[9] = (row){"town of 10,000 asleep, 200 awake: step", step_us(town, steps) / 1e3, "ms"};
  physics_close(town);
  lq_physics *asleep = physics_earth(quick ? 400 : 1100);
  physics_pile(asleep, layers, false);
  for (uint32_t i = 0; i < 300 && lq_physics_awake(asleep); i++) physics_run(asleep, 1);
  out[11] = (row){"pile of 1,000 asleep: step", step_us(asleep, steps), "us"};
  physics_close(asleep);
  lq_physics *none = physics_earth(10300);
  out[10] = (row){"no bodies: step", step_us(none, steps), "us"};
  physics_close(none);
  lq_physics *dolls = physics_earth(300);
  physics_ground(dolls);
  for (uint32_t i = 0; i < (quick ? 2u : 18u); i++)
    ragdoll_put(dolls, 100 + 20 * i, 0.7f * (float)(i % 3), 2 + (float)i, 0.3f * (float)(i & 1));
  physics_run(dolls, quick ? 10 : 60);
  out[12] = (row){"18 ragdolls (234 joints): step", step_us(dolls, quick ? 10 : 150) / 1e3, "ms"};
  physics_close(dolls);
  if (json) (void)printf("{");
  for (uint32_t i = 0; i < ROWS; i++)
    if (json)
      (void)printf("%s\"%s\": %.4f", i ? ", " : "", out[i].name, out[i].value);
    else
      (void)printf("%-40s %10.2f %s\n", out[i].name, out[i].value, out[i].unit);
  if (json) (void)printf("}\n");
  return 0;
}
