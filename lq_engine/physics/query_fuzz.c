/* Any bytes as questions, walkers, blasts and winds to a world of fast bodies: each is refused or
 * answered with finite numbers in order, asking changes nothing, and the world goes on the same in
 * a copy of it. */
#include "lq_base/limits.h"
#include "lq_engine/physics/physics_input_testing.h"
#include "lq_engine/physics/physics_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void numbers(input *in, float *out, uint32_t count, float scale) {
  for (uint32_t i = 0; i < count; i++) out[i] = number(in, scale);
}

static lq_physics_body body(input *in) {
  uint8_t id, bits;
  take(in, &id, 1), take(in, &bits, 1);
  lq_physics_body b = lq_physics_body_default(id);
  b.kind = (lq_physics_kind)(bits & 3), b.shape = (lq_physics_shape)(bits >> 2 & 3);
  b.bullet = bits & 16, b.restitution = bits & 32 ? 0.5f : 0;
  numbers(in, b.size, 3, 1), numbers(in, b.position, 3, 4);
  numbers(in, b.velocity, 3, 300), numbers(in, b.spin, 3, 40), numbers(in, b.rotation, 3, 1);
  for (uint32_t i = 0; i < 3; i++)
    if (b.size[i] < 0) b.size[i] = -b.size[i];
  return b;
}

static bool is_finite(const float *v, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (v[i] * 0 != 0) return false;
  return true;
}

/* All four, and once more with the tree, which must not show. */
static void ask(lq_physics *w, input *in) {
  lq_physics_body probe = body(in);
  lq_physics_question q = {.mask = probe.mask, .probe = &probe, .distance_max = number(in, 50)};
  lq_physics_hit all[4][8];
  uint32_t counts[4];
  numbers(in, q.way, 3, 20);
  memcpy(q.from, probe.position, sizeof q.from);
  for (uint32_t i = 0; i < 8; i++) {
    q.kind = (lq_physics_ask_kind)(i & 3);
    if (i == 4) lq_physics_ask_ready(w);
    lq_physics_hit hit[8];
    uint32_t count = 0;
    lq_err err = lq_physics_ask(w, &q, hit, 8, &count, NULL);
    LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID);
    LQ_CHECK(err == LQ_OK || count == 0);
    for (uint32_t k = 0; k < count && k < 8; k++) {
      bool closest = q.kind == LQ_PHYSICS_ASK_CLOSEST;
      LQ_CHECK(hit[k].fraction >= 0 && hit[k].fraction <= (closest ? q.distance_max : 1));
      LQ_CHECK(is_finite(hit[k].point, 3) && is_finite(hit[k].normal, 3));
      LQ_CHECK(k == 0 || hit[k].fraction > hit[k - 1].fraction ||
               (hit[k].fraction == hit[k - 1].fraction && hit[k].id > hit[k - 1].id));
    }
    uint32_t kept = count < 8 ? count : 8;
    LQ_CHECK(i < 4 || (count == counts[i & 3] && physics_hits_same(hit, all[i & 3], kept)));
    memcpy(all[i & 3], hit, kept * sizeof *hit);
    counts[i & 3] = count;
  }
}

static void walk(const lq_physics *w, lq_physics_mover *m, input *in) {
  uint8_t fresh;
  float wish[3], dt = number(in, 0.1f);
  take(in, &fresh, 1);
  if (fresh & 1) {
    *m = (lq_physics_mover){.radius = number(in, 1), .half = number(in, 1), .mask = UINT32_MAX};
    m->step = number(in, 1), m->slope = number(in, 1.6f);
    numbers(in, m->position, 3, 4), numbers(in, m->up, 3, 1);
  }
  numbers(in, wish, 3, 20);
  lq_physics_mover before = *m;
  lq_err err = lq_physics_mover_move(w, m, wish, dt, NULL);
  LQ_CHECK(err == LQ_OK || (err == LQ_ERR_RANGE && memcmp(m, &before, sizeof before) == 0));
  if (err != LQ_OK) return;
  LQ_CHECK(is_finite(m->position, 3) && is_finite(m->velocity, 3));
  for (uint32_t i = 0; i < 3; i++) LQ_CHECK(m->position[i] >= -4096 && m->position[i] <= 4096);
  LQ_CHECK(m->grounded == (m->ground != 0));
}

static void push(lq_physics *w, input *in) {
  lq_physics_body b = body(in);
  lq_physics_draught f = {.region = b.shape, .mask = b.mask, .wake = b.bullet};
  lq_physics_blast blast = {.radius = number(in, 4), .falloff = number(in, 4), .mask = b.mask};
  lq_err err;
  memcpy(f.size, b.size, sizeof f.size), memcpy(f.position, b.position, sizeof f.position);
  memcpy(f.rotation, b.rotation, sizeof f.rotation), f.rotation[3] = 1;
  numbers(in, f.push, 3, 100), numbers(in, f.wind, 3, 100);
  f.radial = number(in, 100), f.density = number(in, 10), blast.impulse = number(in, 1e4f);
  numbers(in, blast.centre, 3, 4);
  err = lq_physics_wind(w, &f, NULL, NULL);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE || err == LQ_ERR_INVALID);
  err = lq_physics_explode(w, &blast, NULL, NULL);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_RANGE);
}

static void step(lq_physics *w, bool copy) {
  lq_physics *other = NULL;
  if (copy) {
    size_t bytes = lq_physics_save_bytes(w);
    void *saved = malloc(bytes);
    LQ_CHECK(saved != NULL);
    other = physics_open((lq_physics_config){.bodies_max = 32, .brute_force = true});
    lq_physics_save(w, saved);
    LQ_CHECK(lq_physics_load(other, saved, bytes) == LQ_OK);
    free(saved);
  }
  lq_err err = lq_physics_step(w);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_FULL);
  uint32_t count;
  const lq_physics_event *e = lq_physics_events(w, &count);
  for (uint32_t i = 0; i < count; i++)
    LQ_CHECK(is_finite(e[i].point, 3) && is_finite(e[i].normal, 3) && e[i].speed >= 0);
  if (!copy) return;
  LQ_CHECK(lq_physics_step(other) == err);
  LQ_CHECK(lq_physics_hash(w) == lq_physics_hash(other));
  physics_close(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  input in = {data, bytes};
  lq_physics *w = physics_open(
      (lq_physics_config){.bodies_max = 32, .gravity = {0, -9.81f, 0}, .hit_speed = 2});
  lq_physics_mover mover = {.radius = 0.3f, .half = 0.5f, .mask = UINT32_MAX};
  physics_ground(w);
  for (uint32_t i = 0; in.bytes > 0 && i < 200; i++) {
    uint8_t kind;
    take(&in, &kind, 1);
    uint64_t before = lq_physics_hash(w);
    switch (kind % 8) {
    case 0:
    case 1: {
      lq_physics_body b = body(&in);
      (void)!lq_physics_body_add(w, &b, NULL);
      continue;
    }
    case 2:
      ask(w, &in);
      break;
    case 3:
      walk(w, &mover, &in);
      break;
    case 4:
      push(w, &in);
      continue;
    default:
      step(w, kind & 128);
      continue;
    }
    LQ_CHECK(lq_physics_hash(w) == before);
  }
  physics_close(w);
  return 0;
}
