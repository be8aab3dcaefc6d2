/* What is answered behind the step: questions, touches, what joints bear. Each answer is a function
 * of the world as the step left it and of the question alone, and is written only when it differs.
 */
#include "lq_engine/session/session_physics_int.h"

static lq_iter rows_of(const lq_session *s, lq_physics_type type) {
  return lq_world_query(s->world, (lq_query){lqi_physics_bit(s, type), 0});
}

/* Those of an entity that asks; of nonsense nothing is found, which is told when it begins. */
static uint32_t ask(lq_session *s, lq_entity own, lq_physics_question *q,
                    lq_physics_hit hit[LQ_FOUND_MAX], uint8_t *frozen) {
  lq_diag diag = {0};
  uint32_t count;
  q->self = lqi_physics_id(own.bits);
  bool bad = lq_physics_ask(s->physics->world, q, hit, LQ_FOUND_MAX, &count, &diag) != LQ_OK;
  if (bad && !*frozen) lqi_physics_tell_frozen(s, own, diag.message);
  *frozen = bad;
  return count;
}

static void found(const lq_physics_hit *hit, uint32_t count, lq_entity *entity, float *fraction) {
  for (uint32_t i = 0; i < LQ_FOUND_MAX; i++) {
    entity[i] = i < count ? lqi_physics_entity(hit[i].id) : (lq_entity){0};
    if (fraction) fraction[i] = i < count ? hit[i].fraction : 0;
  }
}

/* Where, of the first. */
static void where(const lq_physics_hit *hit, uint32_t count, float point[3], float normal[3]) {
  static const float none[3];
  memcpy(point, count ? hit->point : none, sizeof none);
  memcpy(normal, count ? hit->normal : none, sizeof none);
}

static lq_physics_body probe_of(int32_t kind, const float size[3], const float position[3],
                                const float rotation[4]) {
  lq_physics_body b = lq_physics_body_default(1);
  b.shape = (lq_physics_shape)kind;
  memcpy(b.size, size, sizeof b.size);
  memcpy(b.position, position, sizeof b.position);
  memcpy(b.rotation, rotation, sizeof b.rotation);
  /* None of the three is refused by the name that the field has here. */
  if ((uint32_t)kind > LQ_PHYSICS_BOX) b.kind = (lq_physics_kind)kind;
  return b;
}

/* ---- one row each ---- */

static void answer_ray(lq_session *s, lq_entity own, void *answer) {
  const lq_row_ray *ray = lq_world_get(s->world, own, lqi_physics_type(s, LQ_TYPE_RAY));
  lq_row_ray_hit *row = answer;
  lq_physics_question q = {.kind = LQ_PHYSICS_ASK_RAY, .mask = (uint32_t)ray->mask};
  lq_physics_hit hit[LQ_FOUND_MAX];
  uint8_t frozen = 1; /* a ray that makes no sense hits nothing, and is not told */
  memcpy(q.from, ray->from, sizeof q.from);
  memcpy(q.way, ray->way, sizeof q.way);
  uint32_t count = ask(s, own, &q, hit, &frozen);
  row->entity = count ? lqi_physics_entity(hit->id) : (lq_entity){0};
  row->fraction = count ? hit->fraction : 0;
  where(hit, count, row->point, row->normal);
}

static void answer_cast(lq_session *s, lq_entity own, void *answer) {
  lq_row_cast *row = answer;
  lq_physics_body probe = probe_of(row->kind, row->size, row->position, row->rotation);
  lq_physics_question q = {
      .kind = LQ_PHYSICS_ASK_CAST, .mask = (uint32_t)row->mask, .probe = &probe};
  lq_physics_hit hit[LQ_FOUND_MAX];
  memcpy(q.way, row->way, sizeof q.way);
  uint32_t count = ask(s, own, &q, hit, &row->frozen);
  row->count = (int32_t)count;
  found(hit, count, row->entity, row->fraction);
  where(hit, count, row->point, row->normal);
}

static void answer_overlap(lq_session *s, lq_entity own, void *answer) {
  lq_row_overlap *row = answer;
  lq_physics_body probe = probe_of(row->kind, row->size, row->position, row->rotation);
  lq_physics_question q = {
      .kind = LQ_PHYSICS_ASK_OVERLAP, .mask = (uint32_t)row->mask, .probe = &probe};
  lq_physics_hit hit[LQ_FOUND_MAX];
  uint32_t count = ask(s, own, &q, hit, &row->frozen);
  row->count = (int32_t)count;
  found(hit, count, row->entity, NULL);
}

static void answer_closest(lq_session *s, lq_entity own, void *answer) {
  lq_row_closest *row = answer;
  lq_physics_question q = {
      .kind = LQ_PHYSICS_ASK_CLOSEST, .mask = (uint32_t)row->mask, .distance_max = row->distance};
  lq_physics_hit hit[LQ_FOUND_MAX];
  memcpy(q.from, row->from, sizeof q.from);
  uint32_t count = ask(s, own, &q, hit, &row->frozen);
  row->count = (int32_t)count;
  found(hit, count, row->entity, row->away);
  where(hit, count, row->point, row->normal);
}

static void answer_load(lq_session *s, lq_entity own, void *answer) {
  lq_row_joint_load *row = answer;
  lq_physics_joint_state state;
  if (lq_physics_joint_read(s->physics->world, lqi_physics_id(own.bits), NULL, &state))
    memset(&state, 0, sizeof state); /* it ties nothing */
  memcpy(row->force, state.force, sizeof row->force);
  memcpy(row->torque, state.torque, sizeof row->torque);
  memcpy(row->place, state.place, sizeof row->place);
  row->cone = state.cone;
}

/* ---- all rows ---- */

typedef void answer_fn(lq_session *s, lq_entity own, void *answer);

/* The rows of that type, of entities that have the other one as well. */
static void each(lq_session *s, lq_physics_type type, lq_physics_type other, answer_fn *answer) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  if (!lqi_physics_knows(s, type)) return;
  uint32_t column = lqi_physics_type(s, type),
           bytes = s->game->schema.component[column].record.row_bytes;
  lq_iter it =
      lq_world_query(s->world, (lq_query){lqi_physics_bit(s, type) | lqi_physics_bit(s, other), 0});
  while (lq_iter_next(&it)) {
    const uint8_t *rows = lq_iter_read(&it, column);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity own = lq_iter_entity(&it, i);
      memcpy(row, rows + (size_t)i * bytes, bytes);
      answer(s, own, row);
      lqi_physics_put(s, own, column, row, bytes);
    }
  }
}

void lqi_physics_ready(lq_session *session) {
  static const lq_physics_type all[] = {LQ_TYPE_RAY, LQ_TYPE_CAST, LQ_TYPE_OVERLAP, LQ_TYPE_CLOSEST,
                                        LQ_TYPE_WALKER};
  uint32_t count = 0;
  for (uint32_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (!lqi_physics_knows(session, all[i])) continue;
    for (lq_iter it = rows_of(session, all[i]); lq_iter_next(&it);) count += it.count;
  }
  if (count >= LQI_PHYSICS_ASKS_READY) lq_physics_ask_ready(session->physics->world);
}

static void touch(lq_session *s, lq_entity who, lq_entity other) {
  uint32_t type = lqi_physics_type(s, LQ_TYPE_TOUCHING);
  if (!lq_world_has(s->world, who, type)) return;
  lq_row_touching *row = lq_world_write(s->world, who, type);
  if (row->count < LQ_TOUCHING_MAX) row->entity[row->count] = other;
  row->count++;
}

static void say_touching(lq_session *s) {
  uint32_t type = lqi_physics_type(s, LQ_TYPE_TOUCHING);
  uint64_t a = 0, b = 0, before_a, before_b;
  lq_iter it = rows_of(s, LQ_TYPE_TOUCHING);
  bool any = false;
  while (lq_iter_next(&it)) {
    memset(lq_iter_write(&it, type), 0, it.count * sizeof(lq_row_touching));
    any = true;
  }
  /* Contacts ascend by both, so that each list does. */
  for (uint32_t i = 0; any && i < lq_physics_contacts(s->physics->world); i++) {
    before_a = a, before_b = b;
    lq_physics_contact_at(s->physics->world, i, &a, &b);
    if (a == before_a && b == before_b) continue; /* another contact of the two */
    touch(s, lqi_physics_entity(a), lqi_physics_entity(b));
    touch(s, lqi_physics_entity(b), lqi_physics_entity(a));
  }
}

void lqi_physics_answers(lq_session *session) {
  each(session, LQ_TYPE_RAY_HIT, LQ_TYPE_RAY, answer_ray);
  each(session, LQ_TYPE_CAST, LQ_TYPE_CAST, answer_cast);
  each(session, LQ_TYPE_OVERLAP, LQ_TYPE_OVERLAP, answer_overlap);
  each(session, LQ_TYPE_CLOSEST, LQ_TYPE_CLOSEST, answer_closest);
  each(session, LQ_TYPE_JOINT_LOAD, LQ_TYPE_JOINT_LOAD, answer_load);
  say_touching(session);
}
