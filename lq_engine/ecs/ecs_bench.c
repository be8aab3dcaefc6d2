/* Times of the world beside plain arrays and memcpy in the same run. Medians of 5 runs.
 * --quick: tiny sizes; --json: one object. */
#include "lq_engine/ecs/ecs.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POSITION = 0, VELOCITY, PURSE, STATS, TYPES, RUNS = 5 };

typedef struct pair {
  int32_t x, y;
} pair;
typedef struct stats {
  int64_t value[4];
} stats;

typedef struct sizes {
  uint32_t entities, worlds, world_entities, world_ticks, passes;
} sizes;

static uint64_t now_ns(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void must(bool holds, const char *what) {
  if (holds) return;
  (void)fprintf(stderr, "ecs_bench: %s\n", what);
  exit(1);
}

static void *zeroed(size_t bytes) {
  size_t rounded = (bytes + 63) & ~(size_t)63;
  void *block = aligned_alloc(64, rounded);
  must(block != NULL, "out of memory");
  return memset(block, 0, rounded);
}

static double median(double *values) {
  for (uint32_t i = 0; i < RUNS; i++)
    for (uint32_t j = i + 1; j < RUNS; j++)
      if (values[j] < values[i]) {
        double swap = values[i];
        values[i] = values[j], values[j] = swap;
      }
  return values[RUNS / 2];
}

/* ---- the game of the bench ---- */

static void component(lq_component *c, const char *name, lq_field_kind kind, uint16_t count) {
  must(lq_text_copy(c->record.name, sizeof c->record.name, lq_span_text(name)), name);
  c->version = 1;
  c->record.field_count = 1;
  c->record.field[0] = (lq_field){.name = "v", .kind = (uint8_t)kind, .count = count};
  if (kind == LQ_FIELD_MONEY) memcpy(c->record.field[0].currency, "EUR", 4);
  must(lq_record_layout(&c->record) == LQ_OK, "layout");
}

static const lq_schema *schema(void) {
  static lq_component c[TYPES];
  static lq_schema s;
  if (s.component) return &s;
  component(&c[POSITION], "Position", LQ_FIELD_I32, 2);
  component(&c[VELOCITY], "Velocity", LQ_FIELD_I32, 2);
  component(&c[PURSE], "Purse", LQ_FIELD_MONEY, 1);
  component(&c[STATS], "Stats", LQ_FIELD_I64, 4);
  s = (lq_schema){.component_count = TYPES, .component = c};
  must(lq_schema_seal(&s) == LQ_OK, "schema");
  return &s;
}

static lq_world *empty_world(uint32_t entities_max) {
  size_t bytes = lq_world_bytes(schema(), entities_max);
  lq_world *w;
  must(lq_world_init(zeroed(bytes), bytes, schema(), entities_max, &w) == LQ_OK, "init");
  return w;
}

static lq_world *filled_world(uint32_t entities, uint32_t types) {
  lq_world *w = empty_world(entities);
  for (uint32_t i = 0; i < entities; i++) {
    lq_entity e;
    must(lq_world_create(w, NULL, 0, &e) == LQ_OK, "create");
    for (uint32_t t = 0; t < types; t++) {
      must(lq_world_add(w, e, t) == LQ_OK, "add");
      if (t == VELOCITY) *(pair *)lq_world_write(w, e, t) = (pair){1, (int32_t)(i % 3)};
    }
  }
  lq_world_frame_end(w);
  lq_world_frame_begin(w);
  return w;
}

/* ---- iterating two components ---- */

/* One body for both sides, not inlined, so that both run the same instructions. */
__attribute__((noinline)) static void move_all(pair *position, const pair *velocity,
                                               uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    position[i].x += velocity[i].x;
    position[i].y += velocity[i].y;
  }
}

static void iterate(lq_world *w) {
  lq_iter it = lq_world_query(w, (lq_query){.with = 1u << POSITION | 1u << VELOCITY});
  while (lq_iter_next(&it))
    move_all(lq_iter_write(&it, POSITION), lq_iter_read(&it, VELOCITY), it.count);
}

/* `first`: the write of the first system of a frame, which also saves the previous rows. Both sides
 * take turns, pass by pass, so that a machine that speeds up or slows down favours neither. */
static void bench_iterate(sizes s, double *plain, double *ecs, double *first) {
  lq_world *w = filled_world(s.entities, 2);
  pair *arrays = zeroed(2 * s.entities * sizeof *arrays);
  pair *position = arrays, *velocity = arrays + s.entities;
  double p[RUNS], e[RUNS], f[RUNS], count = (double)s.entities * s.passes;
  for (uint32_t run = 0; run < RUNS; run++) {
    lq_world_frame_begin(w);
    uint64_t start = now_ns(), plain_ns = 0, ecs_ns = 0;
    iterate(w);
    f[run] = (double)(now_ns() - start) / s.entities;
    for (uint32_t i = 0; i < s.passes; i++) {
      start = now_ns();
      move_all(position, velocity, s.entities);
      uint64_t middle = now_ns();
      iterate(w);
      plain_ns += middle - start, ecs_ns += now_ns() - middle;
    }
    p[run] = (double)plain_ns / count;
    e[run] = (double)ecs_ns / count;
    lq_world_frame_end(w);
  }
  *plain = median(p), *ecs = median(e), *first = median(f);
  free(w), free(arrays);
}

/* ---- adding and removing ---- */

/* ns of one add and of one remove, over all entities in row order, in a fresh frame each run. */
static void bench_add_remove(sizes s, double *add, double *remove) {
  lq_world *w = filled_world(s.entities, 1);
  lq_entity *entity = zeroed(s.entities * sizeof *entity);
  for (uint32_t i = 0; i < s.entities; i++) entity[i] = lq_world_entity_at(w, i);
  double a[RUNS], r[RUNS];
  for (uint32_t run = 0; run < RUNS; run++) {
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < s.entities; i++)
      must(lq_world_add(w, entity[i], PURSE) == LQ_OK, "add");
    uint64_t middle = now_ns();
    for (uint32_t i = 0; i < s.entities; i++)
      must(lq_world_remove(w, entity[i], PURSE) == LQ_OK, "remove");
    uint64_t end = now_ns();
    a[run] = (double)(middle - start) / s.entities;
    r[run] = (double)(end - middle) / s.entities;
    lq_world_frame_end(w);
    lq_world_frame_begin(w);
  }
  *add = median(a), *remove = median(r);
  free(w), free(entity);
}

/* ---- saving and loading ---- */

typedef struct copies {
  double mib, memcpy_ms, save_ms, load_ms;
} copies;

/* Into touched memory on both sides: what is measured is the copying, not the kernel's zeroing. */
static copies bench_save(sizes s) {
  lq_world *w = filled_world(s.entities, TYPES);
  size_t bytes = lq_world_save_bytes(w), world_bytes = lq_world_bytes(schema(), s.entities);
  uint8_t *saved = zeroed(bytes), *copy = zeroed(bytes), *block = zeroed(world_bytes);
  double c[RUNS], v[RUNS], l[RUNS];
  for (uint32_t run = 0; run < RUNS; run++) {
    lq_writer out = lq_writer_of(saved, bytes);
    lq_world *loaded;
    uint64_t start = now_ns();
    must(lq_world_save(w, &out) == LQ_OK, "save");
    v[run] = (double)(now_ns() - start) / 1e6;
    start = now_ns();
    memcpy(copy, saved, bytes);
    c[run] = (double)(now_ns() - start) / 1e6;
    must(copy[bytes - 1] == saved[bytes - 1], "memcpy");
    memset(block, 0, world_bytes);
    must(lq_world_init(block, world_bytes, schema(), s.entities, &loaded) == LQ_OK, "init");
    start = now_ns();
    must(lq_world_load(loaded, lq_writer_span(&out)) == LQ_OK, "load");
    l[run] = (double)(now_ns() - start) / 1e6;
    must(run || lq_world_hash_full(loaded) == lq_world_hash(w), "the loaded world differs");
  }
  free(w), free(saved), free(copy), free(block);
  return (copies){(double)bytes / 1048576, median(c), median(v), median(l)};
}

/* ---- many small worlds ---- */

static void tick(lq_world *w) {
  lq_world_frame_begin(w);
  iterate(w);
  lq_world_frame_end(w);
}

typedef struct small {
  double one_ns, many_ns, quiet_ns; /* per world and tick */
} small;

/* One world again and again (in the cache) beside all of them in turn (each cold again). */
static small bench_small(sizes s) {
  lq_world **w = zeroed(s.worlds * sizeof *w);
  for (uint32_t i = 0; i < s.worlds; i++) w[i] = filled_world(s.world_entities, TYPES);
  double one[RUNS], many[RUNS], quiet[RUNS], count = (double)s.worlds * s.world_ticks;
  for (uint32_t run = 0; run < RUNS; run++) {
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < s.worlds * s.world_ticks; i++) tick(w[0]);
    one[run] = (double)(now_ns() - start) / count;
    start = now_ns();
    for (uint32_t t = 0; t < s.world_ticks; t++)
      for (uint32_t i = 0; i < s.worlds; i++) tick(w[i]);
    many[run] = (double)(now_ns() - start) / count;
    for (uint32_t i = 0; i < s.worlds; i++) lq_world_frame_begin(w[i]);
    start = now_ns();
    for (uint32_t t = 0; t < s.world_ticks; t++)
      for (uint32_t i = 0; i < s.worlds; i++) lq_world_frame_begin(w[i]), lq_world_frame_end(w[i]);
    quiet[run] = (double)(now_ns() - start) / count;
  }
  for (uint32_t i = 0; i < s.worlds; i++) free(w[i]);
  free(w);
  return (small){median(one), median(many), median(quiet)};
}

/* ---- report ---- */

typedef struct line {
  const char *key, *label, *unit;
  double value, goal; /* goal 0: none */
} line;

static void print_table(const line *lines, uint32_t count, bool json) {
  for (uint32_t i = 0; i < count; i++) {
    const line *l = &lines[i];
    if (json)
      (void)printf("%s\"%s\":%.3f%s", i ? "," : "{", l->key, l->value, i + 1 == count ? "}\n" : "");
    else if (l->goal > 0)
      (void)printf("%-58s %10.3f %-6s goal <= %.2f  %s\n", l->label, l->value, l->unit, l->goal,
                   l->value <= l->goal ? "met" : "MISSED");
    else
      (void)printf("%-58s %10.3f %s\n", l->label, l->value, l->unit);
  }
}

int main(int argc, char **argv) {
  sizes s = {1000000, 10000, 64, 20, 20};
  bool json = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--quick") == 0)
      s = (sizes){5000, 50, 64, 2, 2};
    else if (strcmp(argv[i], "--json") == 0)
      json = true;
    else
      return (void)fprintf(stderr, "usage: %s [--quick] [--json]\n", argv[0]), 2;
  }
  double plain, ecs, first, add, remove;
  bench_iterate(s, &plain, &ecs, &first);
  bench_add_remove(s, &add, &remove);
  copies c = bench_save(s);
  small m = bench_small(s);
  const line lines[] = {
      {"plain_ns", "two plain arrays, per entity", "ns", plain, 0},
      {"iterate_ns", "query over two components, per entity", "ns", ecs, 0},
      {"iterate_ratio", "  beside plain arrays", "x", ecs / plain, 1.05},
      {"iterate_first_ns", "  first write in a frame (saves previous rows)", "ns", first, 0},
      {"add_ns", "add a component", "ns", add, 8},
      {"remove_ns", "remove a component", "ns", remove, 8},
      {"save_mib", "saved world, all types", "MiB", c.mib, 0},
      {"memcpy_ms", "memcpy of these bytes", "ms", c.memcpy_ms, 0},
      {"save_ms", "save", "ms", c.save_ms, 0},
      {"save_ratio", "  beside memcpy", "x", c.save_ms / c.memcpy_ms, 2},
      {"load_ms", "load, with every check", "ms", c.load_ms, 0},
      {"load_ratio", "  beside memcpy", "x", c.load_ms / c.memcpy_ms, 2},
      {"tick_one_ns", "tick of one small world, all rows change, in cache", "ns", m.one_ns, 0},
      {"tick_many_ns", "tick of many small worlds in turn, per world", "ns", m.many_ns, 0},
      {"tick_quiet_ns", "  with nothing changed, per world", "ns", m.quiet_ns, 0},
  };
  if (!json)
    (void)printf("%u entities; %u worlds of %u; medians of %d runs\n", s.entities, s.worlds,
                 s.world_entities, RUNS);
  print_table(lines, sizeof lines / sizeof lines[0], json);
  return 0;
}
