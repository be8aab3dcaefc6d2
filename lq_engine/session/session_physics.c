/* Physics in the tick: bodies out of components into a world, a step, and back.
 *
 * Shape: the world (lq_engine/physics) is made anew in each tick from Body, Shape, Place, Motion,
 * Force and Joint, in ascending rows; an id is the handle with its halves swapped, so that rows are
 * the canonical order. What components do not hold lies in the session, in two copies, of which the
 * older undoes a tick: what contacts and joints keep, and a mark for each body that does not move
 * by itself. A mark is the digest of the body's rows as the last step left them: rows that differ
 * were written by the game, which wakes the body and what touches it.
 *
 * Limits: LQI_PHYSICS_EVENTS_MAX events a tick; more are not told. Full contacts fail the tick.
 *
 * Replay: marks and what contacts and joints keep are in the session's hash and its saved bytes. */
#include "lq_base/hash.h"
#include "lq_engine/session/session_physics_int.h"

enum { LQI_PHYSICS_EVENTS_MAX = 1024 };

static uint64_t digest_of(const lqi_rows *r) {
  struct {
    lq_row_shape shape;
    lq_row_body body;
    lq_row_place place;
    lq_row_motion motion;
    uint32_t zero;
  } all = {*r->shape, *r->body, *r->place, {.tired = -1}, 0};
  _Static_assert(sizeof all == sizeof(lq_row_body) + sizeof(lq_row_shape) + sizeof(lq_row_place) +
                                   sizeof(lq_row_motion) + 4,
                 "no padding");
  if (r->motion) all.motion = *r->motion;
  return lq_hash_bytes(r->id, &all, sizeof all);
}

/* It does not move by itself, or only as the game says: it has a mark. */
static bool inert(const lqi_rows *r) {
  return !r->motion || r->body->kind != LQ_PHYSICS_DYNAMIC || r->motion->asleep ||
         r->motion->frozen;
}

static lq_physics_extra extra_of(const lq_session *s, const lqi_rows *r) {
  lq_physics_extra extra = {.tired = r->motion ? r->motion->tired : 0};
  const lq_row_force *f = lq_world_get(s->world, r->entity, lqi_physics_type(s, LQ_TYPE_FORCE));
  if (!f) return extra;
  memcpy(extra.force, f->force, sizeof extra.force);
  memcpy(extra.torque, f->torque, sizeof extra.torque);
  memcpy(extra.impulse, f->impulse, sizeof extra.impulse);
  return extra;
}

/* ---- events ---- */

static void tell(lq_session *s, lq_physics_event_type type, const void *row) {
  uint32_t event = s->game->physics.event[type];
  if (event == UINT32_MAX || s->physics->told == LQI_PHYSICS_EVENTS_MAX) return;
  /* The other half of the room is the game's: a heap that tumbles must not fail its tick. */
  if (s->event_count >= LQI_EVENTS_MAX / 2 || s->events.bytes >= LQ_TICK_EVENTS_BYTES / 2) return;
  s->physics->told++;
  (void)s->sys.api->emit(&s->sys, event, row);
}

void lqi_physics_tell_frozen(lq_session *s, lq_entity entity, const char *why) {
  lq_row_froze row = {.entity = entity};
  const char *end = strchr(why, ':');
  size_t bytes = end ? (size_t)(end - why) : strlen(why);
  if (bytes >= sizeof row.field) bytes = sizeof row.field - 1;
  memcpy(row.field, why, bytes);
  tell(s, LQ_EVENT_FROZE, &row);
}

static void tell_hit(lq_session *s, const lq_physics_event *e) {
  lq_row_hit row = {
      .a = lqi_physics_entity(e->a), .b = lqi_physics_entity(e->b), .speed = e->speed};
  memcpy(row.point, e->point, sizeof row.point);
  memcpy(row.normal, e->normal, sizeof row.normal);
  tell(s, LQ_EVENT_HIT, &row);
}

static void tell_step(lq_session *s) {
  uint32_t count;
  const lq_physics_event *e = lq_physics_events(s->physics->world, &count);
  for (uint32_t i = 0; i < count; i++) {
    lq_row_touch row = {.a = lqi_physics_entity(e[i].a),
                        .b = lqi_physics_entity(e[i].b),
                        .sensor = e[i].sensor != 0};
    switch (e[i].kind) {
    case LQ_PHYSICS_BEGIN:
      tell(s, LQ_EVENT_BEGIN, &row);
      break;
    case LQ_PHYSICS_END:
      tell(s, LQ_EVENT_END, &row);
      break;
    case LQ_PHYSICS_HIT:
      tell_hit(s, &e[i]);
      break;
    case LQ_PHYSICS_BROKE:
      lqi_physics_unjoin(s, row.a);
      tell(s, LQ_EVENT_BROKE, &row.a);
      break;
    case LQ_PHYSICS_FROZE:
      lqi_physics_tell_frozen(s, row.a, "reach");
      break;
    }
  }
}

/* ---- into the world ---- */

void lqi_physics_put(lq_session *s, lq_entity entity, uint32_t type, const void *row,
                     size_t bytes) {
  if (memcmp(lq_world_get(s->world, entity, type), row, bytes) != 0)
    memcpy(lq_world_write(s->world, entity, type), row, bytes);
}

/* Told once, until the game changes it. Its rows are made canonical, so that its mark still fits
 * after the frame. A body for which there is no room yet is not frozen. */
static void refuse(lq_session *s, const lqi_rows *r, lq_err err, const lq_diag *diag) {
  lqi_physics_tell_frozen(s, r->entity, diag->message);
  if (err == LQ_ERR_FULL) return;
  for (lq_physics_type t = LQ_TYPE_BODY; t <= LQ_TYPE_MOTION; t++) {
    if (t == LQ_TYPE_MOTION && !r->motion) continue;
    uint8_t *row = lq_world_write(s->world, r->entity, lqi_physics_type(s, t));
    if (t == LQ_TYPE_MOTION) ((lq_row_motion *)(void *)row)->frozen = 1;
    lq_record_canonicalise(&s->game->schema.component[lqi_physics_type(s, t)].record, row);
  }
}

/* One body; true when what was kept of the last step no longer says everything. */
static bool gather_one(lq_session *s, const lqi_rows *r, const lqi_mark *mark) {
  lqi_physics *p = s->physics;
  lq_diag diag = {0};
  lq_physics_body body = lqi_body_of(r);
  lq_physics_extra extra = extra_of(s, r);
  uint64_t digest = mark || inert(r) ? digest_of(r) : 0;
  uint32_t at = lq_physics_bodies(p->world);
  bool written = mark && mark->digest != digest;
  if (written) {
    extra.stirred = true;
    body.asleep = body.frozen = false;
    extra.tired = 0;
  }
  lq_err err = lq_physics_body_append(p->world, &body, &extra, &diag);
  if (!err) p->seen[at] = written ? 0 : digest;
  if (err && (!mark || written)) refuse(s, r, err, &diag);
  return written || (!mark && (err || digest != 0));
}

static bool gather(lq_session *s) {
  lqi_physics *p = s->physics;
  const lqi_kept_contacts *old = &p->kept[p->now];
  uint32_t at = 0, known = 0;
  bool changed = false;
  lqi_rows r;
  lq_physics_clear(p->world, s->core.hz * lqi_physics_steps(s));
  for (lqi_walk w = lqi_walk_begin(s); lqi_walk_next(&w, &r);) {
    while (at < old->marks && old->mark[at].id < r.id) at++;
    bool has = at < old->marks && old->mark[at].id == r.id;
    known += has;
    changed |= gather_one(s, &r, has ? &old->mark[at] : NULL);
  }
  changed |= lqi_physics_joints(s) || old->joint_bytes;
  LQ_CHECK(lq_physics_joints_load(p->world, old->joint, old->joint_bytes) == LQ_OK);
  LQ_CHECK(lq_physics_contacts_load(p->world, old->contact, old->contact_bytes) == LQ_OK);
  return changed || known != old->marks ||
         lq_physics_contacts_bytes(p->world) != old->contact_bytes;
}

/* ---- and back ---- */

static void push_again(lq_session *s) {
  uint32_t type = lqi_physics_type(s, LQ_TYPE_FORCE);
  lq_iter it = lq_world_query(s->world, (lq_query){lqi_physics_bit(s, LQ_TYPE_FORCE), 0});
  while (lq_iter_next(&it)) {
    const lq_row_force *f = lq_iter_read(&it, type);
    for (uint32_t i = 0; i < it.count; i++) {
      uint64_t id = lqi_physics_id(lq_iter_entity(&it, i).bits);
      /* Whose force makes no sense was left out as the step began. */
      if (lq_physics_force_add(s->physics->world, id, f[i].force, f[i].torque)) continue;
    }
  }
}

/* False: more contacts than there is room for. */
static bool step(lq_session *s) {
  for (uint32_t i = 0; i < lqi_physics_steps(s); i++) {
    if (i) push_again(s);
    if (i) lqi_physics_draughts(s);
    if (lq_physics_step_crew(s->physics->world, s->crew)) return false;
    tell_step(s);
  }
  return true;
}

/* What the step made of a body, into its rows; true when they changed. */
static bool write_back(lq_session *s, const lqi_rows *r, uint32_t index) {
  lq_physics_motion m;
  lq_row_place place;
  lq_physics_motion_read(s->physics->world, index, &m);
  memcpy(place.position, m.position, sizeof place.position);
  memcpy(place.rotation, m.rotation, sizeof place.rotation);
  bool changed = memcmp(&place, r->place, sizeof place) != 0;
  if (changed)
    lqi_physics_put(s, r->entity, lqi_physics_type(s, LQ_TYPE_PLACE), &place, sizeof place);
  if (!r->motion) return changed;
  lq_row_motion motion = {.tired = m.tired, .asleep = m.asleep, .frozen = m.frozen};
  memcpy(motion.velocity, m.velocity, sizeof motion.velocity);
  memcpy(motion.spin, m.spin, sizeof motion.spin);
  if (memcmp(&motion, r->motion, sizeof motion) == 0) return changed;
  lqi_physics_put(s, r->entity, lqi_physics_type(s, LQ_TYPE_MOTION), &motion, sizeof motion);
  return true;
}

/* Rows, marks and contacts after the step. */
static void settle(lq_session *s) {
  lqi_physics *p = s->physics;
  lqi_kept_contacts *next = &p->kept[!p->now];
  uint32_t index = 0;
  lqi_rows r;
  next->marks = 0;
  for (lqi_walk w = lqi_walk_begin(s); lqi_walk_next(&w, &r);) {
    uint64_t seen = 0;
    bool inside = lq_physics_body_at(p->world, index) == r.id;
    if (inside) {
      seen = p->seen[index];
      if (write_back(s, &r, index)) seen = 0;
      index++;
    }
    if (inside && !inert(&r)) continue;
    next->mark[next->marks++] = (lqi_mark){r.id, seen ? seen : digest_of(&r)};
  }
  next->joint_bytes = (uint32_t)lq_physics_joints_bytes(p->world);
  lq_physics_joints_save(p->world, next->joint);
  next->contact_bytes = (uint32_t)lq_physics_contacts_bytes(p->world);
  lq_physics_contacts_save(p->world, next->contact);
  p->now = !p->now;
  p->stepped = true;
  lqi_physics_set_digest(s);
}

static void clear_forces(lq_session *s) {
  static const lq_row_force none;
  uint32_t type = lqi_physics_type(s, LQ_TYPE_FORCE);
  lq_iter it = lq_world_query(s->world, (lq_query){lqi_physics_bit(s, LQ_TYPE_FORCE), 0});
  while (lq_iter_next(&it))
    for (uint32_t i = 0; i < it.count; i++)
      lqi_physics_put(s, lq_iter_entity(&it, i), type, &none, sizeof none);
}

static bool has_any(const lq_session *s, lq_physics_type type) {
  if (!lqi_physics_knows(s, type)) return false;
  lq_iter it = lq_world_query(s->world, (lq_query){lqi_physics_bit(s, type), 0});
  return lq_iter_next(&it);
}

static bool carries(const lqi_rows *r) {
  static const float none[3];
  return r->motion && r->body->kind == LQ_PHYSICS_KINEMATIC &&
         (memcmp(r->motion->velocity, none, 12) != 0 || memcmp(r->motion->spin, none, 12) != 0);
}

/* Everybody stands as the last step left them, and nobody asks: the step would change nothing. The
 * same answer as of a world that is made, for a third of its cost. */
static bool quiet(const lq_session *s) {
  static const lq_row_force none;
  const lqi_kept_contacts *old = &s->physics->kept[s->physics->now];
  uint32_t at = 0;
  lqi_rows r;
  if (s->physics->awake) return false;
  for (lq_physics_type t = LQ_TYPE_RAY; t < LQ_TYPE_COUNT; t++)
    if (has_any(s, t)) return false;
  for (lqi_walk w = lqi_walk_begin(s); lqi_walk_next(&w, &r); at++) {
    if (carries(&r) || !inert(&r) || at == old->marks || old->mark[at].id != r.id) return false;
    if (old->mark[at].digest != digest_of(&r)) return false;
  }
  if (at != old->marks) return false;
  lq_iter it = lq_world_query(s->world, (lq_query){lqi_physics_bit(s, LQ_TYPE_FORCE), 0});
  while (lq_iter_next(&it)) {
    const lq_row_force *f = lq_iter_read(&it, lqi_physics_type(s, LQ_TYPE_FORCE));
    for (uint32_t i = 0; i < it.count; i++)
      if (memcmp(&f[i], &none, sizeof none) != 0) return false;
  }
  return true;
}

void lqi_physics_system(lq_session *session) {
  lqi_physics *p = session->physics;
  p->told = 0;
  if (quiet(session)) return;
  bool changed = gather(session);
  lqi_physics_draughts(session);
  lqi_physics_blasts(session);
  if (lq_physics_active(p->world)) {
    changed = true;
    if (!step(session)) {
      session->full = true;
      return;
    }
  }
  p->awake = lq_physics_awake(p->world);
  if (changed) settle(session);
  clear_forces(session);
  lqi_physics_ready(session);
  lqi_physics_walkers(session);
  lqi_physics_answers(session);
}

void lqi_physics_undo(lq_session *session) {
  lqi_physics *p = session->physics;
  if (p && p->stepped) p->now = !p->now;
  if (p) p->stepped = p->fresh = false;
}

void lq_session_physics_crew(lq_session *session, const lq_physics_crew *crew) {
  session->crew = crew;
}

uint32_t lq_session_physics_awake(const lq_session *session) {
  return session->physics ? session->physics->awake : 0;
}
