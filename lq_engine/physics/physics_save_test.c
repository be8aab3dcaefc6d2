/* A saved world with one field damaged is refused, wherever the field lies; and what is good comes
 * in, however its ids lie. */
#include "lq_engine/physics/physics_int.h"
#include "lq_engine/physics/physics_testing.h"
#include "tests/lq_test.h"

#include <math.h>

/* A floor and 40 boxes whose ids have gaps. */
static lq_physics *sparse(void) {
  lq_physics *w = physics_earth(64);
  physics_ground(w);
  for (uint32_t i = 0; i < 40; i++) {
    uint64_t id = 2 + 7ull * i * i + (i % 7 == 6 ? (uint64_t)i << 40 : 0);
    lq_physics_body b = physics_box(id, (float)(i % 8), 0.5f + (float)(i / 8), 0, 0.5f, 0.5f, 0.5f);
    physics_put(w, &b);
  }
  physics_run(w, 3);
  return w;
}

typedef struct save {
  uint8_t *data;
  size_t bytes;
} save;

static save save_of(const lq_physics *w) {
  save s = {NULL, lq_physics_save_bytes(w)};
  s.data = malloc(s.bytes);
  LQ_CHECK(s.data != NULL);
  lq_physics_save(w, s.data);
  return s;
}

LQ_TEST(worlds_with_any_ids_come_back_and_go_on_the_same) {
  lq_physics *all[2] = {sparse(), physics_scene(false)};
  for (uint32_t i = 0; i < 2; i++) {
    lq_physics *w = all[i], *other = physics_earth(400);
    physics_run(w, 50);
    save s = save_of(w);
    assert_true(lq_physics_contacts(w) > 40);
    assert_ok(lq_physics_load(other, s.data, s.bytes));
    assert_true(lq_physics_hash(w) == lq_physics_hash(other));
    physics_run(w, 1), physics_run(other, 1);
    assert_true(lq_physics_hash(w) == lq_physics_hash(other));
    free(s.data);
    physics_close(w), physics_close(other);
  }
}

/* Four bytes there become `bits`: refused, and the world is as before. */
static void refuses(lq_physics *w, save s, size_t at, uint32_t bits) {
  uint32_t before;
  uint64_t hash = lq_physics_hash(w);
  memcpy(&before, s.data + at, sizeof before);
  memcpy(s.data + at, &bits, sizeof bits);
  if (lq_physics_load(w, s.data, s.bytes) != LQ_ERR_CORRUPT)
    fail_msg("taken: 0x%x at byte %zu", bits, at);
  assert_true(lq_physics_hash(w) == hash);
  memcpy(s.data + at, &before, sizeof before);
}

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

LQ_TEST(each_field_of_a_saved_contact_is_checked) {
  lq_physics *w = sparse();
  save s = save_of(w);
  uint32_t count = lq_physics_contacts(w);
  assert_true(count > 50);
  for (uint32_t i = 0; i < count; i++) {
    size_t at = s.bytes - (count - i) * sizeof(lqi_contact);
    uint64_t a, b;
    memcpy(&a, s.data + at, 8), memcpy(&b, s.data + at + 8, 8);
    refuses(w, s, at, 0);                         /* nobody */
    refuses(w, s, at, (uint32_t)b);               /* itself, or out of order */
    refuses(w, s, at + 8, (uint32_t)a);           /* itself, or out of order */
    refuses(w, s, at + 12, UINT32_MAX);           /* beyond the last */
    refuses(w, s, at + 8, (uint32_t)b + 1000003); /* in a gap, mostly */
    refuses(w, s, at + offsetof(lqi_contact, count), 5);
    refuses(w, s, at + offsetof(lqi_contact, flags), 3); /* a sensor is not hit */
    for (size_t k = 0; k < 8; k++) {
      refuses(w, s, at + offsetof(lqi_contact, normal) + 4 * k, bits_of(k & 1 ? NAN : INFINITY));
      refuses(w, s, at + offsetof(lqi_contact, normal) + 4 * k, bits_of(k & 1 ? -INFINITY : NAN));
    }
  }
  assert_ok(lq_physics_load(w, s.data, s.bytes));
  free(s.data);
  physics_close(w);
}

LQ_TEST(each_field_of_a_saved_body_is_checked) {
  lq_physics *w = sparse();
  save s = save_of(w);
  uint32_t count = lq_physics_bodies(w);
  for (uint32_t i = 0; i < count; i++) {
    size_t def = sizeof(lqi_head) + i * sizeof(lqi_def);
    size_t dyn = sizeof(lqi_head) + count * sizeof(lqi_def) + i * sizeof(lqi_dyn);
    size_t numbers[] = {offsetof(lqi_def, size),           offsetof(lqi_def, size) + 8,
                        offsetof(lqi_def, mass),           offsetof(lqi_def, inertia) + 4,
                        offsetof(lqi_def, friction),       offsetof(lqi_def, restitution),
                        offsetof(lqi_def, linear_damping), offsetof(lqi_def, angular_damping),
                        offsetof(lqi_def, gravity_scale),  offsetof(lqi_def, reach)};
    size_t moves[] = {offsetof(lqi_dyn, position) + 8, offsetof(lqi_dyn, tired),
                      offsetof(lqi_dyn, rotation) + 4, offsetof(lqi_dyn, velocity) + 4,
                      offsetof(lqi_dyn, spin) + 8,     offsetof(lqi_dyn, force),
                      offsetof(lqi_dyn, torque) + 8};
    for (uint32_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
      refuses(w, s, def + numbers[k], bits_of(k & 1 ? NAN : INFINITY));
    for (uint32_t k = 0; k < sizeof moves / sizeof *moves; k++)
      refuses(w, s, dyn + moves[k], bits_of(k & 1 ? NAN : INFINITY));
    refuses(w, s, def + offsetof(lqi_def, mass), bits_of(0));
    refuses(w, s, def + offsetof(lqi_def, inertia), bits_of(-1));
    refuses(w, s, def + offsetof(lqi_def, kind), 0x04); /* kind 4, and the rest 0 */
    refuses(w, s, def + offsetof(lqi_def, spare), bits_of(-0.0f));
    refuses(w, s, dyn + offsetof(lqi_dyn, spare_a), 1);
    refuses(w, s, dyn + offsetof(lqi_dyn, spare_b), bits_of(NAN));
    refuses(w, s, dyn + offsetof(lqi_dyn, spare_c), bits_of(1));
    refuses(w, s, dyn + offsetof(lqi_dyn, flags), 4);
    refuses(w, s, dyn + offsetof(lqi_dyn, velocity), bits_of(900));
    refuses(w, s, dyn + offsetof(lqi_dyn, position), bits_of(5000));
    if (i > 0 && lq_physics_body_at(w, i) <= UINT32_MAX)
      refuses(w, s, def, 1); /* not above the one before */
  }
  assert_ok(lq_physics_load(w, s.data, s.bytes));
  free(s.data);
  physics_close(w);
}

/* Two neighbours of `each` bytes change places, or the first stands for both. */
static void refuses_order(lq_physics *w, save s, size_t at, size_t each) {
  uint8_t first[128], second[128];
  assert_true(each <= sizeof first);
  memcpy(first, s.data + at, each), memcpy(second, s.data + at + each, each);
  memcpy(s.data + at, second, each), memcpy(s.data + at + each, first, each);
  assert_int_equal(lq_physics_load(w, s.data, s.bytes), LQ_ERR_CORRUPT);
  memcpy(s.data + at, first, each);
  assert_int_equal(lq_physics_load(w, s.data, s.bytes), LQ_ERR_CORRUPT);
  memcpy(s.data + at + each, second, each);
}

LQ_TEST(bodies_and_contacts_must_be_in_order) {
  lq_physics *w = sparse(), *adrift = physics_earth(8);
  save s = save_of(w);
  for (uint32_t i = 0; i + 1 < lq_physics_contacts(w); i++)
    refuses_order(w, s, s.bytes - (i + 2) * sizeof(lqi_contact), sizeof(lqi_contact));
  assert_ok(lq_physics_load(w, s.data, s.bytes));
  free(s.data);
  physics_close(w);
  for (uint32_t i = 0; i < 3; i++) {
    lq_physics_body b = physics_ball(5 + i, 4 * (float)i, 0, 0, 1);
    physics_put(adrift, &b);
  }
  s = save_of(adrift);
  for (uint32_t i = 0; i < 2; i++)
    refuses_order(adrift, s, sizeof(lqi_head) + i * sizeof(lqi_def), sizeof(lqi_def));
  assert_ok(lq_physics_load(adrift, s.data, s.bytes));
  free(s.data);
  physics_close(adrift);
}

/* Only a save can say of a kinematic body that it is asleep: it goes on all the same, and no box of
 * the steps before serves it. */
LQ_TEST(a_moving_sleeper_is_where_it_is_whatever_was_derived) {
  lq_physics *from = physics_earth(8), *other[2] = {physics_earth(8), physics_earth(8)};
  lq_physics_body paddle = physics_box(1, 0, 0, 0, 0.5f, 0.5f, 0.5f),
                  box = physics_box(2, 0, 0.99f, 0, 0.5f, 0.5f, 0.5f);
  paddle.kind = LQ_PHYSICS_KINEMATIC, paddle.spin[1] = 2;
  physics_put(from, &paddle), physics_put(from, &box);
  save s = save_of(from);
  const uint32_t asleep = LQI_ASLEEP;
  for (uint32_t i = 0; i < 2; i++)
    memcpy(s.data + sizeof(lqi_head) + 2 * sizeof(lqi_def) + i * sizeof(lqi_dyn) +
               offsetof(lqi_dyn, flags),
           &asleep, sizeof asleep);
  for (uint32_t i = 0; i < 2; i++) {
    memset(other[i]->derived, i ? 0xCD : 0, other[i]->derived_bytes);
    assert_ok(lq_physics_load(other[i], s.data, s.bytes));
    physics_run(other[i], 3);
  }
  assert_true(lq_physics_hash(other[0]) == lq_physics_hash(other[1]));
  free(s.data);
  physics_close(from), physics_close(other[0]), physics_close(other[1]);
}
