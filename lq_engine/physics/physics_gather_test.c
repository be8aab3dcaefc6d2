/* A world that is made anew for each step is the world that was kept. */
#include "lq_engine/physics/physics_check_testing.h"
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

static void append_ok(lq_physics *w, const lq_physics_body *b, const lq_physics_extra *extra) {
  lq_diag diag = {0};
  if (lq_physics_body_append(w, b, extra, &diag) != LQ_OK) fail_msg("%s", diag.message);
}

/* Everything a world holds, through the door alone but for the forces of the coming step. */
static void rebuild(lq_physics *from, lq_physics *to) {
  static uint8_t contacts[1 << 20];
  lq_physics_clear(to, 60);
  for (uint32_t i = 0; i < lq_physics_bodies(from); i++) {
    lq_physics_body b = physics_get(from, lq_physics_body_at(from, i));
    lq_physics_motion m;
    lq_physics_motion_read(from, i, &m);
    lq_physics_extra extra = {.tired = m.tired};
    memcpy(extra.force, from->dyn[i].force, sizeof extra.force);
    memcpy(extra.torque, from->dyn[i].torque, sizeof extra.torque);
    append_ok(to, &b, &extra);
  }
  LQ_CHECK(lq_physics_contacts_bytes(from) <= sizeof contacts);
  lq_physics_contacts_save(from, contacts);
  assert_ok(lq_physics_contacts_load(to, contacts, lq_physics_contacts_bytes(from)));
  to->head.tick = from->head.tick;
}

LQ_TEST(a_world_made_anew_each_step_is_the_world_that_was_kept) {
  lq_physics *kept = physics_scene(false), *a = physics_scene(false), *b = physics_scene(false);
  for (uint32_t tick = 0; tick < PHYSICS_STEPS; tick++) {
    physics_command(kept, tick);
    physics_command(a, tick);
    memset(b->derived, 0xCD, b->derived_bytes);
    rebuild(a, b);
    assert_ok(lq_physics_step(kept));
    assert_ok(lq_physics_step(b));
    if (lq_physics_hash(b) != lq_physics_hash(kept)) fail_msg("differs at step %u", tick);
    lq_physics *other = a;
    a = b, b = other;
  }
  assert_true(lq_physics_contacts(kept) > 50);
  physics_close(kept), physics_close(a), physics_close(b);
}

/* A box (2) asleep on a box (1) asleep on the ground. */
static lq_physics *sleepers(void) {
  lq_physics *w = physics_earth(8);
  physics_ground(w);
  for (uint32_t i = 0; i < 2; i++) {
    lq_physics_body b = physics_box(10 + i, 0, 0.5f + (float)i, 0, 0.5f, 0.5f, 0.5f);
    physics_put(w, &b);
  }
  physics_run(w, 120);
  assert_int_equal(lq_physics_awake(w), 0);
  assert_false(lq_physics_active(w));
  return w;
}

/* Rebuilds with one body left out (0: none), another stirred or pushed; who is awake then. */
static uint32_t awake_after(uint64_t left_out, uint64_t stirred, const float force[3]) {
  lq_physics *from = sleepers(), *to = physics_earth(8);
  uint8_t contacts[1024];
  for (uint32_t i = 0; i < lq_physics_bodies(from); i++) {
    uint64_t id = lq_physics_body_at(from, i);
    lq_physics_body b = physics_get(from, id);
    if (b.kind == LQ_PHYSICS_STATIC) b.mass_kg = 0; /* a ground weighs more than a body may */
    lq_physics_extra extra = {.tired = 1, .stirred = id == stirred && !force};
    if (force && id == stirred) memcpy(extra.force, force, sizeof extra.force);
    if (id != left_out) append_ok(to, &b, &extra);
  }
  lq_physics_contacts_save(from, contacts);
  assert_ok(lq_physics_contacts_load(to, contacts, lq_physics_contacts_bytes(from)));
  assert_int_equal(lq_physics_contacts(to), left_out ? 1 : 2);
  uint32_t awake = lq_physics_awake(to);
  assert_true(lq_physics_active(to) == (awake > 0));
  physics_close(from), physics_close(to);
  return awake;
}

LQ_TEST(who_was_stirred_or_pushed_or_has_gone_wakes_what_touched_it) {
  const float up[3] = {0, 1, 0};
  assert_int_equal(awake_after(0, 0, NULL), 0);
  assert_int_equal(awake_after(0, 1, NULL), 1);  /* the ground: the box on it */
  assert_int_equal(awake_after(0, 10, NULL), 2); /* the lower box, and the upper */
  assert_int_equal(awake_after(0, 11, up), 2);
  assert_int_equal(awake_after(11, 0, NULL), 1);
  assert_int_equal(awake_after(1, 0, NULL), 1);
}

static void refused(lq_physics_body b, lq_physics_extra extra, lq_err want, const char *word) {
  lq_physics *w = physics_earth(1);
  lq_diag diag = {0};
  assert_int_equal(lq_physics_body_append(w, &b, &extra, &diag), want);
  says(&diag, word);
  assert_int_equal(lq_physics_bodies(w), 0);
  physics_close(w);
}

LQ_TEST(what_a_body_brings_is_checked) {
  lq_physics_body good = physics_box(5, 0, 0, 0, 1, 1, 1), bad = good;
  const lq_physics_extra none = {.tired = 0};
  bad.size[1] = NAN;
  refused(bad, none, LQ_ERR_RANGE, "size");
  refused(good, (lq_physics_extra){.force = {0, NAN, 0}}, LQ_ERR_RANGE, "force");
  refused(good, (lq_physics_extra){.torque = {1e13f, 0, 0}}, LQ_ERR_RANGE, "force");
  refused(good, (lq_physics_extra){.impulse = {0, 0, INFINITY}}, LQ_ERR_RANGE, "impulse");
  refused(good, (lq_physics_extra){.tired = -1}, LQ_ERR_RANGE, "tired");
  bad = good, bad.velocity[2] = INFINITY;
  refused(bad, none, LQ_ERR_RANGE, "velocity");
  lq_physics *w = physics_earth(1);
  lq_physics_motion m;
  good.velocity[0] = 3000, good.spin[1] = 900; /* above the limits: cut */
  append_ok(w, &good, &none);
  lq_physics_motion_read(w, 0, &m);
  assert_true(m.velocity[0] <= LQ_PHYSICS_SPEED_MAX_M_S && m.velocity[0] > 399 && m.spin[1] < 48 &&
              m.spin[1] > 47);
  good.id = 6;
  lq_diag diag = {0};
  assert_int_equal(lq_physics_body_append(w, &good, &none, &diag), LQ_ERR_FULL);
  assert_non_null(strstr(diag.message, "bodies_max"));
  physics_close(w);
}

LQ_TEST(contacts_that_nobody_saved_are_refused) {
  lq_physics *from = sleepers();
  lqi_contact c[3];
  assert_int_equal(lq_physics_contacts(from), 2);
  lq_physics_contacts_save(from, c);
  assert_ok(lq_physics_contacts_load(from, c, 2 * sizeof *c));
  assert_int_equal(lq_physics_contacts_load(from, c, 2 * sizeof *c - 1), LQ_ERR_CORRUPT);
  c[2] = c[1];
  assert_int_equal(lq_physics_contacts_load(from, c, sizeof c), LQ_ERR_CORRUPT); /* twice */
  assert_int_equal(lq_physics_contacts(from), 0);
  c[0].count = 5;
  assert_int_equal(lq_physics_contacts_load(from, c, sizeof *c), LQ_ERR_CORRUPT);
  c[0].count = 4, c[0].normal[1] = NAN;
  assert_int_equal(lq_physics_contacts_load(from, c, sizeof *c), LQ_ERR_CORRUPT);
  c[0].normal[1] = 0, c[0].b = c[0].a;
  assert_int_equal(lq_physics_contacts_load(from, c, sizeof *c), LQ_ERR_CORRUPT);
  assert_int_equal(lq_physics_contacts_load(from, from->contact, SIZE_MAX / 2), LQ_ERR_FULL);
  physics_close(from);
}

/* Masses, sizes and speeds at the ends of what is allowed, in each other's way. */
LQ_TEST(whatever_freezes_what_is_saved_can_be_loaded) {
  static uint8_t saved[1 << 16];
  uint32_t frozen = 0;
  for (uint32_t round = 0; round < 400; round++) {
    lq_physics *w = physics_earth(8);
    lq_prng r;
    lq_prng_seed(&r, round);
    for (uint32_t i = 0; i < 6; i++) {
      lq_physics_body b = physics_some(&r, 10 + i);
      b.mass_kg = lq_prng_below(&r, 2) ? 1e9f : 1e-6f;
      for (uint32_t k = 0; k < 3; k++) b.position[k] = 0.1f * (float)lq_prng_below(&r, 4);
      for (uint32_t k = 0; k < 3; k++) b.size[k] = lq_prng_below(&r, 2) ? 1000.0f : 0.005f;
      b.velocity[0] = lq_prng_below(&r, 2) ? 399.0f : -399.0f;
      b.locks = lq_prng_below(&r, 64);
      physics_put(w, &b);
    }
    const float force[3] = {1e12f, -1e12f, 1e12f}, none[3] = {0, 0, 0};
    assert_ok(lq_physics_force_add(w, 10, force, lq_prng_below(&r, 2) ? force : none));
    for (uint32_t i = 0; i < 4; i++) {
      uint32_t count;
      assert_ok(lq_physics_step(w));
      (void)lq_physics_events(w, &count);
      for (uint32_t e = 0; e < count; e++)
        frozen += lq_physics_events(w, &count)[e].kind == LQ_PHYSICS_FROZE;
      assert_true(lq_physics_save_bytes(w) <= sizeof saved);
      lq_physics_save(w, saved);
      assert_ok(lq_physics_load(w, saved, lq_physics_save_bytes(w)));
    }
    physics_close(w);
  }
  assert_true(frozen > 100);
}
