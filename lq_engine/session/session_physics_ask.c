/* Questions of native code to physics, and the bodies as components say. */
#include "lq_engine/physics/outline.h"
#include "lq_engine/session/session_physics_int.h"

/* ---- the bodies ---- */

lqi_walk lqi_walk_begin(const lq_session *s) {
  return (lqi_walk){s, lq_world_query(s->world, (lq_query){s->physics->solid, 0}), 0};
}

bool lqi_walk_next(lqi_walk *w, lqi_rows *out) {
  const lq_session *s = w->s;
  if (w->at == w->it.count) {
    if (!lq_iter_next(&w->it)) return false;
    w->at = 0;
  }
  uint32_t i = w->at++;
  out->entity = lq_iter_entity(&w->it, i);
  out->id = lqi_physics_id(out->entity.bits);
  out->body = (const lq_row_body *)lq_iter_read(&w->it, lqi_physics_type(s, LQ_TYPE_BODY)) + i;
  out->shape = (const lq_row_shape *)lq_iter_read(&w->it, lqi_physics_type(s, LQ_TYPE_SHAPE)) + i;
  out->place = (const lq_row_place *)lq_iter_read(&w->it, lqi_physics_type(s, LQ_TYPE_PLACE)) + i;
  out->motion = lq_world_get(s->world, out->entity, lqi_physics_type(s, LQ_TYPE_MOTION));
  return true;
}

lq_physics_body lqi_body_of(const lqi_rows *r) {
  const lq_row_body *b = r->body;
  lq_physics_body out = {.id = r->id,
                         .kind = r->motion ? (lq_physics_kind)b->kind : LQ_PHYSICS_STATIC,
                         .shape = (lq_physics_shape)r->shape->kind,
                         .asset = (uint64_t)r->shape->asset,
                         .mass_kg = b->mass_kg,
                         .friction = b->friction,
                         .restitution = b->restitution,
                         .linear_damping = b->linear_damping,
                         .angular_damping = b->angular_damping,
                         .gravity_scale = b->gravity_scale,
                         .category = (uint32_t)b->category,
                         .mask = (uint32_t)b->mask,
                         .group = b->group,
                         .locks = (uint32_t)b->locks,
                         .sensor = b->sensor != 0,
                         .sleepless = b->sleepless != 0,
                         .bullet = b->bullet != 0};
  if (r->shape->kind < LQ_PHYSICS_HULL) memcpy(out.size, r->shape->size, sizeof out.size);
  memcpy(out.position, r->place->position, sizeof out.position);
  memcpy(out.rotation, r->place->rotation, sizeof out.rotation);
  if (!r->motion) return out;
  memcpy(out.velocity, r->motion->velocity, sizeof out.velocity);
  memcpy(out.spin, r->motion->spin, sizeof out.spin);
  out.asleep = r->motion->asleep != 0;
  out.frozen = r->motion->frozen != 0;
  return out;
}

/* ---- questions of native code ---- */

/* The world as its components stand now, without what contacts keep. */
static lq_physics *asked(lq_session *s) {
  lqi_physics *p = s->physics;
  const lq_physics_extra none = {.tired = 0};
  lqi_rows r;
  if (!p) return NULL;
  if (p->fresh) {
    if (++p->asked >= LQI_PHYSICS_ASKS_READY) lq_physics_ask_ready(p->world);
    return p->world;
  }
  p->asked = 1;
  lq_physics_clear(p->world, s->core.hz * lqi_physics_steps(s));
  for (lqi_walk w = lqi_walk_begin(s); lqi_walk_next(&w, &r);) {
    lq_physics_body body = lqi_body_of(&r);
    if (lq_physics_body_append(p->world, &body, &none, NULL)) continue; /* left out there, too */
  }
  p->fresh = true;
  return p->world;
}

static uint32_t hits_out(const lq_physics_hit *hit, uint32_t count, lq_sys_hit *out,
                         uint32_t out_max) {
  for (uint32_t i = 0; i < count && i < out_max; i++) {
    out[i].entity = lqi_physics_entity(hit[i].id);
    out[i].fraction = hit[i].fraction;
    memcpy(out[i].point, hit[i].point, sizeof out[i].point);
    memcpy(out[i].normal, hit[i].normal, sizeof out[i].normal);
  }
  return count;
}

enum { HITS_MAX = 256 }; /* kept of a native question */

uint32_t lqi_physics_ray(lq_sys *sys, const float from[3], const float way[3], uint32_t mask,
                         lq_sys_hit *hits, uint32_t hits_max) {
  lq_physics_hit hit[HITS_MAX];
  uint32_t count, most = hits_max < HITS_MAX ? hits_max : HITS_MAX;
  lq_physics *w = asked((lq_session *)(void *)sys);
  if (!w || lq_physics_ray(w, from, way, mask, hit, most, &count)) return 0;
  return hits_out(hit, count, hits, most);
}

static lq_physics_body body_of_probe(const lq_sys_probe *probe) {
  lq_physics_body body = lq_physics_body_default(1);
  body.shape = (lq_physics_shape)probe->kind;
  memcpy(body.size, probe->size, sizeof body.size);
  memcpy(body.position, probe->position, sizeof body.position);
  memcpy(body.rotation, probe->rotation, sizeof body.rotation);
  return body;
}

uint32_t lqi_physics_overlap(lq_sys *sys, const lq_sys_probe *probe, uint32_t mask,
                             lq_sys_hit *hits, uint32_t hits_max) {
  lq_physics_hit hit[HITS_MAX];
  uint32_t count, most = hits_max < HITS_MAX ? hits_max : HITS_MAX;
  lq_physics *w = asked((lq_session *)(void *)sys);
  lq_physics_body body = body_of_probe(probe);
  if (!w || lq_physics_overlap(w, &body, mask, hit, most, &count)) return 0;
  return hits_out(hit, count, hits, most);
}

uint32_t lqi_physics_cast(lq_sys *sys, const lq_sys_probe *probe, const float way[3], uint32_t mask,
                          lq_sys_hit *hits, uint32_t hits_max) {
  lq_physics_hit hit[HITS_MAX];
  uint32_t count, most = hits_max < HITS_MAX ? hits_max : HITS_MAX;
  lq_physics *w = asked((lq_session *)(void *)sys);
  lq_physics_body body = body_of_probe(probe);
  if (!w || lq_physics_cast(w, &body, way, mask, hit, most, &count)) return 0;
  return hits_out(hit, count, hits, most);
}

uint32_t lqi_physics_closest(lq_sys *sys, const float point[3], uint32_t mask, float distance,
                             lq_sys_hit *hits, uint32_t hits_max) {
  lq_physics_hit hit[HITS_MAX];
  uint32_t count, most = hits_max < HITS_MAX ? hits_max : HITS_MAX;
  lq_physics *w = asked((lq_session *)(void *)sys);
  if (!w || lq_physics_closest(w, point, mask, distance, hit, most, &count)) return 0;
  return hits_out(hit, count, hits, most);
}

bool lqi_physics_push(lq_sys *sys, lq_entity entity, const float impulse[3], const float point[3]) {
  lq_session *s = (lq_session *)(void *)sys;
  lq_physics *w = asked(s);
  uint64_t id = lqi_physics_id(entity.bits);
  lq_physics_body body;
  if (!w || lq_physics_body_read(w, id, &body) || body.kind != LQ_PHYSICS_DYNAMIC || body.frozen)
    return false;
  lq_row_motion *m = sys->api->set(sys, entity, lqi_physics_type(s, LQ_TYPE_MOTION));
  if (!m || lq_physics_velocity_set(w, id, m->velocity, m->spin) ||
      lq_physics_impulse_add(w, id, impulse, point) || lq_physics_body_read(w, id, &body))
    return false;
  memcpy(m->velocity, body.velocity, sizeof m->velocity);
  memcpy(m->spin, body.spin, sizeof m->spin);
  s->physics->asked = 0; /* what bodies were sorted for is gone */
  m->asleep = 0;
  m->tired = 0;
  return true;
}

/* ---- for those who draw ---- */

static void tell_pair(const lq_physics *w, uint64_t a, uint64_t b,
                      void (*each)(void *context, const lq_session_contact *contact),
                      void *context) {
  enum { TOUCHES_MAX = 32 };
  lq_physics_touch touch[TOUCHES_MAX];
  lq_physics_body body[2];
  lq_session_contact c = {.a = lqi_physics_entity(a), .b = lqi_physics_entity(b)};
  if (lq_physics_body_read(w, a, &body[0]) || lq_physics_body_read(w, b, &body[1])) return;
  c.sensor = body[0].sensor || body[1].sensor;
  uint32_t count = c.sensor ? 0 : lq_physics_touches(w, a, b, touch, TOUCHES_MAX);
  if (!count) each(context, &c);
  for (uint32_t i = 0; i < count; i++) {
    c.count = touch[i].count;
    memcpy(c.normal, touch[i].normal, sizeof c.normal);
    memcpy(c.point, touch[i].point, sizeof c.point);
    each(context, &c);
  }
}

void lq_session_contacts(lq_session *s,
                         void (*each)(void *context, const lq_session_contact *contact),
                         void *context) {
  if (!s->physics) return;
  const lqi_kept_contacts *kept = &s->physics->kept[s->physics->now];
  uint64_t a = 0, b = 0;
  lq_physics *w = asked(s);
  lqi_physics_stale(s); /* contacts are loaded into a world without any */
  if (lq_physics_contacts_load(w, kept->contact, kept->contact_bytes)) return;
  for (uint32_t i = 0; i < lq_physics_contacts(w); i++) {
    uint64_t before_a = a, before_b = b;
    lq_physics_contact_at(w, i, &a, &b);
    if (a != before_a || b != before_b) tell_pair(w, a, b, each, context);
  }
}
