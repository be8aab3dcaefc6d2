/* What games ask by components: shapes that are cast, what is in one, what is nearest, and what
 * joints bear; and that neither a save nor another rate shows. */
#include "lq_engine/session/session_physics_scene_testing.h"

#include <math.h>

static px_game g;

static lq_entity named(const lq_session *s, const char *id) {
  return lq_world_find(s->world, lq_span_text(id));
}
static px_poke shaped(px_poke p, int32_t kind, float x, float y, float z) {
  p.shape = kind, p.size[0] = x, p.size[1] = y, p.size[2] = z;
  return p;
}
/* `eye`, a static ball of 0.3 m at the origin, and ten balls of 0.5 m along x, a metre and a half
 * apart, of which the one called b0 is the farthest. */
static lq_session *scene(void) {
  lq_session *s = px_begin(&g);
  px_do(s, "", px_body("eye", LQ_PHYSICS_STATIC, LQ_PHYSICS_SPHERE, 0.3f, 0, 0, 0));
  for (int i = 0; i < 10; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "b%d", i);
    px_do(s, "",
          px_body(id, LQ_PHYSICS_STATIC, LQ_PHYSICS_SPHERE, 0.5f, 1.5f * (float)(10 - i), 0, 0));
  }
  px_tick(s);
  return s;
}
static const lq_row_cast *cast_of(const lq_session *s) { return px_row(s, "eye", LQ_TYPE_CAST); }
static const lq_row_overlap *overlap_of(const lq_session *s) {
  return px_row(s, "eye", LQ_TYPE_OVERLAP);
}
static const lq_row_closest *closest_of(const lq_session *s) {
  return px_row(s, "eye", LQ_TYPE_CLOSEST);
}
static bool null_from(const lq_entity *entity, uint32_t first) {
  for (uint32_t i = first; i < LQ_FOUND_MAX; i++)
    if (entity[i].bits) return false;
  return true;
}

LQ_TEST(a_cast_finds_the_first_eight_and_not_itself) {
  lq_session *s = scene();
  px_do(s, "eye", shaped(px_at(PX_CAST, 20, 0, 0), LQ_PHYSICS_SPHERE, 0.2f, 0, 0));
  px_tick(s);
  const lq_row_cast *c = cast_of(s);
  assert_int_equal(c->count, 10);
  for (int i = 0; i < 8; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "b%d", 9 - i);
    assert_true(lq_entity_is(c->entity[i], named(s, id)));
    assert_true(fabsf(20 * c->fraction[i] - (1.5f * (float)(i + 1) - 0.7f)) < 1e-3f);
  }
  assert_true(fabsf(c->point[0] - 1) < 1e-3f && fabsf(c->normal[0] + 1) < 1e-3f);
  px_do(s, "eye", shaped(px_at(PX_CAST, 0, 20, 0), LQ_PHYSICS_BOX, 0.2f, 0.2f, 0.2f));
  px_tick(s);
  assert_int_equal(cast_of(s)->count, 0);
  assert_true(null_from(cast_of(s)->entity, 0) && cast_of(s)->point[0] == 0);
  free(s);
}

LQ_TEST(an_overlap_finds_what_is_in_it_by_row) {
  lq_session *s = scene();
  px_do(s, "eye", shaped(px_at(PX_OVERLAP, 0, 0, 0), LQ_PHYSICS_BOX, 3.9f, 1, 1));
  px_tick(s);
  const lq_row_overlap *o = overlap_of(s);
  assert_int_equal(o->count, 2); /* at 1.5 and 3 */
  assert_true(lq_entity_is(o->entity[0], named(s, "b8")));
  assert_true(lq_entity_is(o->entity[1], named(s, "b9")));
  assert_true(null_from(o->entity, 2));
  px_do(s, "eye", shaped(px_at(PX_OVERLAP, 0, 0, 0), LQ_PHYSICS_CAPSULE, 100, 1, 0));
  px_tick(s);
  assert_int_equal(overlap_of(s)->count, 10);
  assert_true(lq_entity_is(overlap_of(s)->entity[0], named(s, "b0")));
  free(s);
}

LQ_TEST(the_closest_come_first) {
  lq_session *s = scene();
  px_do(s, "eye", shaped(px_at(PX_CLOSEST, 7.4f, 0, 0), 0, 1.6f, 0, 0));
  px_tick(s);
  const lq_row_closest *c = closest_of(s);
  assert_int_equal(c->count, 3); /* inside of the one at 7.5; 0.9 from 6, 1.1 from 9 */
  assert_true(lq_entity_is(c->entity[0], named(s, "b5")) && c->away[0] == 0);
  assert_true(lq_entity_is(c->entity[1], named(s, "b6")) && fabsf(c->away[1] - 0.9f) < 1e-4f);
  assert_true(lq_entity_is(c->entity[2], named(s, "b4")) && fabsf(c->away[2] - 1.1f) < 1e-4f);
  assert_true(null_from(c->entity, 3) && c->away[3] == 0);
  assert_true(fabsf(c->point[0] - 7.4f) < 1e-4f && c->normal[0] == 0);
  px_do(s, "eye", shaped(px_at(PX_CLOSEST, 0, 2, 0), 0, 100, 0, 0));
  px_tick(s);
  assert_int_equal(closest_of(s)->count, 10); /* not the eye, which is nearer */
  assert_true(closest_of(s)->normal[1] > 0.7f);
  free(s);
}

static uint32_t told(lq_tick_result r, const char *field) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < r.event_count; i++) {
    lq_span body = r.event[i].body;
    size_t bytes = strlen(field);
    count += r.event[i].type == PX_EVENT_FROZE && body.bytes >= bytes &&
             memcmp(body.data + body.bytes - bytes, field, bytes) == 0;
  }
  return count;
}

LQ_TEST(a_question_without_sense_is_told_once_and_finds_nothing) {
  static const struct {
    px_what what;
    int32_t kind;
    float v[3], size[3];
    const char *field;
  } all[] = {{PX_CAST, 0, {NAN, 0, 0}, {1}, "way"},
             {PX_CAST, 0, {0, 0, 0}, {1}, "way"},
             {PX_CAST, 0, {0, 1, 0}, {INFINITY}, "size"},
             {PX_CAST, LQ_PHYSICS_PLANE, {0, 1, 0}, {1}, "kind"},
             {PX_CAST, -1, {0, 1, 0}, {1}, "kind"},
             {PX_CAST, LQ_PHYSICS_HULL, {0, 1, 0}, {1}, "kind"},
             {PX_OVERLAP, LQ_PHYSICS_BOX, {0, 0, 0}, {1, 1, 0}, "size"},
             {PX_OVERLAP, LQ_PHYSICS_BOX, {5000, 0, 0}, {1, 1, 1}, "position"},
             {PX_OVERLAP, 1 << 30, {0, 0, 0}, {1, 1, 1}, "kind"},
             {PX_CLOSEST, 0, {0, NAN, 0}, {1}, "from"},
             {PX_CLOSEST, 0, {0, 0, 0}, {-1}, "distance"},
             {PX_CLOSEST, 0, {0, 0, 0}, {NAN}, "distance"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lq_session *s = scene();
    px_poke good = shaped(px_at(all[i].what, 1.5f, 0, 0), 0, 1, 1, 1), bad = good;
    uint32_t type = all[i].what == PX_CAST      ? LQ_TYPE_CAST
                    : all[i].what == PX_OVERLAP ? LQ_TYPE_OVERLAP
                                                : LQ_TYPE_CLOSEST;
    size_t frozen = type == LQ_TYPE_CAST      ? offsetof(lq_row_cast, frozen)
                    : type == LQ_TYPE_OVERLAP ? offsetof(lq_row_overlap, frozen)
                                              : offsetof(lq_row_closest, frozen);
    const uint8_t *row;
    bad.shape = all[i].kind;
    memcpy(bad.v, all[i].v, sizeof bad.v), memcpy(bad.size, all[i].size, sizeof bad.size);
    _Alignas(8) uint8_t kept[LQ_ROW_BYTES_MAX];
    size_t bytes = lq_session_game(s)->schema.component[type].record.row_bytes;
    px_do(s, "eye", good);
    assert_int_equal(px_told(px_tick(s), PX_EVENT_FROZE), 0);
    memcpy(kept, px_row(s, "eye", (lq_physics_type)type), bytes);
    assert_true(!kept[frozen] && ((const lq_entity *)(const void *)kept)->bits);
    for (uint32_t round = 0; round < 2; round++) {
      px_do(s, "eye", bad);
      assert_int_equal(told(px_tick(s), all[i].field), 1);
      assert_int_equal(px_told(px_tick(s), PX_EVENT_FROZE), 0);
      row = px_row(s, "eye", (lq_physics_type)type);
      assert_true(row[frozen] && null_from((const lq_entity *)(const void *)row, 0));
      /* Mended, by a game that does not care for the mark. */
      uint8_t *mended = lq_world_write(s->world, named(s, "eye"), type);
      memcpy(mended, kept, bytes), mended[frozen] = 1;
      assert_int_equal(px_told(px_tick(s), PX_EVENT_FROZE), 0);
      assert_memory_equal(px_row(s, "eye", (lq_physics_type)type), kept, bytes);
    }
    free(s);
  }
}

/* A ball of 113.1 kg on a weld of the world, and one that falls. */
static lq_session *hung(void) {
  lq_session *s = px_begin(&g);
  px_do(s, "", px_body("ball", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.3f, 2, 10, 0));
  px_do(s, "", px_body("rope", LQ_PHYSICS_STATIC, LQ_PHYSICS_SPHERE, 0.1f, 50, 0, 0));
  px_tick(s);
  px_poke p = shaped(px_at(PX_JOINT, 0, 10, 0), LQ_PHYSICS_WELD, -2, 0, 0);
  fx_name(p.id, sizeof p.id, "ball");
  px_do(s, "rope", p);
  px_do(s, "rope", px_at(PX_LOAD, 0, 0, 0));
  return s;
}
static const lq_row_joint_load *load_of(const lq_session *s) {
  return px_row(s, "rope", LQ_TYPE_JOINT_LOAD);
}

LQ_TEST(a_joint_says_what_it_bears) {
  const float weight = 1000 * 4 / 3.0f * 3.14159265f * 0.027f * 9.81f;
  lq_session *s = hung();
  px_ticks(s, 60);
  assert_true(fabsf(load_of(s)->force[1] - weight) < 0.02f * weight);
  assert_true(fabsf(load_of(s)->force[0]) < 0.01f * weight);
  /* About b's point, which is the joint's: two metres of lever. */
  assert_true(fabsf(fabsf(load_of(s)->torque[2]) - 2 * weight) < 0.05f * 2 * weight);
  px_ticks(s, 60);
  assert_int_equal(px_motion(s, "ball")->asleep, 1);
  float asleep = load_of(s)->force[1];
  px_ticks(s, 10);
  assert_true(load_of(s)->force[1] == asleep && fabsf(asleep - weight) < 0.02f * weight);
  /* Pushed down with as much again. */
  for (uint32_t i = 0; i < 60; i++) {
    px_do(s, "ball", px_at(PX_FORCE, 0, -weight, 0));
    px_tick(s);
  }
  assert_true(fabsf(load_of(s)->force[1] - 2 * weight) < 0.04f * weight);
  ((lq_row_joint *)lq_world_write(s->world, named(s, "rope"), LQ_TYPE_JOINT))->broken = 1;
  px_tick(s);
  static const lq_row_joint_load none;
  assert_memory_equal(load_of(s), &none, sizeof none);
  free(s);
}

LQ_TEST(a_joint_says_where_it_stands) {
  lq_session *s = hung();
  px_poke p = shaped(px_at(PX_JOINT, 0.25f, 10, 0), LQ_PHYSICS_PRISMATIC, -1, 0, 0);
  fx_name(p.id, sizeof p.id, "ball");
  px_do(s, "rope", p);
  px_ticks(s, 2);
  assert_true(fabsf(load_of(s)->place[0] - 0.75f) < 0.001f); /* along x, which is free */
  free(s);
}

LQ_TEST(a_sensor_tells_who_goes_through_it_in_one_tick) {
  lq_session *s = px_begin(&g);
  uint32_t begins = 0, ends = 0, both = 0;
  px_do(s, "",
        shaped(px_body("gate", LQ_PHYSICS_STATIC, LQ_PHYSICS_BOX, 1, 0, 1, 0), 2, 0.01f, 1, 1));
  px_do(s, "", px_body("ball", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.05f, -3, 1.5f, 0));
  px_tick(s);
  ((lq_row_body *)lq_world_write(s->world, named(s, "gate"), LQ_TYPE_BODY))->sensor = 1;
  px_do(s, "ball", px_at(PX_VELOCITY, 120, 0, 0));
  for (uint32_t i = 0; i < 5; i++) {
    lq_tick_result r = px_tick(s);
    begins += px_told(r, PX_EVENT_BEGIN), ends += px_told(r, PX_EVENT_END);
    both += px_told(r, PX_EVENT_BEGIN) && px_told(r, PX_EVENT_END);
  }
  assert_true(begins == 1 && ends == 1 && both == 1);
  free(s);
}

/* What a contact remembers of a hit, which is none of a sensor's. */
LQ_TEST(a_session_is_saved_as_something_lands) {
  static uint8_t saved[1 << 18];
  size_t bytes;
  uint32_t ends = 0; /* of sensors */
  for (uint32_t sensor = 0; sensor < 2; sensor++) {
    lq_session *s = px_begin(&g), *loaded;
    px_do(s, "", px_body("floor", LQ_PHYSICS_STATIC, LQ_PHYSICS_PLANE, 0, 0, 0, 0));
    px_do(s, "", px_body("ball", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_SPHERE, 0.5f, 0, 2, 0));
    while (!px_told(px_tick(s), PX_EVENT_HIT)) continue;
    if (sensor) { /* and deep in the floor, so that the two still touch */
      ((lq_row_body *)lq_world_write(s->world, named(s, "ball"), LQ_TYPE_BODY))->sensor = 1;
      px_do(s, "ball", px_at(PX_POSITION, 0, 0.3f, 0));
      px_tick(s);
    }
    lq_writer out = lq_writer_of(saved, sizeof saved);
    assert_ok(lq_session_save(s, &out));
    void *memory = fixture_block(&g.game, &bytes);
    assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &loaded));
    assert_true(px_tick(s).hash == px_tick(loaded).hash);
    for (uint32_t i = 0; sensor && i < 9; i++) {
      lq_tick_result r = px_tick(s);
      for (uint32_t k = 0; k < r.event_count; k++)
        if (r.event[k].type == PX_EVENT_END)
          ends += r.event[k].body.data[r.event[k].body.bytes - 1];
      if (i == 3) px_do(s, "ball", px_at(PX_POSITION, 0, 9, 0));
    }
    assert_int_equal(ends, sensor);
    free(s), free(loaded);
  }
}

/* Everything saved and loaded in each tick, at both rates. */
LQ_TEST(saving_and_loading_does_not_show_with_questions) {
  static uint8_t saved[1 << 18];
  static const uint32_t rates[] = {60, 5};
  for (uint32_t rate = 0; rate < 2; rate++) {
    lq_session *both[2] = {hung(), hung()};
    size_t bytes;
    for (uint32_t i = 0; i < 40; i++) {
      for (uint32_t k = 0; k < 2; k++) {
        lq_session *s = both[k];
        if (i == 0) assert_ok(fx_number(s, LQ_CMD_RATE, 0, rates[rate]));
        if (i == 1) px_do(s, "rope", shaped(px_at(PX_CAST, -60, 9, 0), LQ_PHYSICS_BOX, 1, 2, 1));
        if (i == 2) px_do(s, "rope", shaped(px_at(PX_OVERLAP, 2, 9, 0), LQ_PHYSICS_BOX, 1, 2, 1));
        if (i == 3) px_do(s, "rope", shaped(px_at(PX_CLOSEST, 0, NAN, 0), 0, 9, 0, 0));
        if (i == 9) px_do(s, "rope", shaped(px_at(PX_CLOSEST, 2, 5, 0), 0, 9, 0, 0));
        if (i == 20)
          px_do(s, "", px_body("more", LQ_PHYSICS_DYNAMIC, LQ_PHYSICS_BOX, 0.4f, 2, 11, 0));
      }
      assert_true(px_tick(both[0]).hash == px_tick(both[1]).hash);
      lq_writer out = lq_writer_of(saved, sizeof saved);
      assert_ok(lq_session_save(both[1], &out));
      free(both[1]);
      void *memory = fixture_block(&g.game, &bytes);
      assert_ok(lq_session_load(memory, bytes, &g.game, lq_writer_span(&out), &both[1]));
    }
    assert_true(((const lq_row_overlap *)px_row(both[0], "rope", LQ_TYPE_OVERLAP))->count > 0);
    assert_true(((const lq_row_closest *)px_row(both[0], "rope", LQ_TYPE_CLOSEST))->count > 1);
    free(both[0]), free(both[1]);
  }
}
