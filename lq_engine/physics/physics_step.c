/* One step, in the order of its phases. Until the new contacts are known to fit, nothing changes.
 */
#include "lq_engine/physics/solve_int.h"

static int order(uint64_t a, uint64_t b, const lqi_contact *c) {
  if (a != c->a) return a < c->a ? -1 : 1;
  return b < c->b ? -1 : b > c->b;
}

static void tell(lq_physics *w, lq_physics_event_kind kind, const lqi_contact *c) {
  if (w->events < w->events_max)
    w->event[w->events++] = (lq_physics_event){c->a, c->b, kind, c->flags & LQI_CONTACT_SENSOR};
}

/* The impulses of the points that were there before. What no point claims goes to the new ones in
 * equal parts: where two edges lie in one line, a rounding decides which of them is cut, and a load
 * must not be lost over the name of a point. */
static void inherit(lqi_contact *c, const lqi_contact *old, v3 normal) {
  float rest = 0;
  uint32_t claimed = 0, fresh = 0;
  for (uint32_t i = 0; i < c->count; i++) {
    uint32_t k = 0;
    while (k < old->count && (old->feature[k] != c->feature[i] || (claimed >> k & 1))) k++;
    if (k < old->count)
      c->normal[i] = old->normal[k], claimed |= 1u << k;
    else
      fresh |= 1u << i;
  }
  for (uint32_t k = 0; k < old->count; k++)
    if (!(claimed >> k & 1)) rest += old->normal[k];
  rest = fresh ? rest / (float)__builtin_popcount(fresh) : 0;
  for (uint32_t i = 0; i < c->count; i++)
    if (fresh >> i & 1) c->normal[i] = rest;
  v3 rub = v3_of(old->friction);
  v3_put(c->friction, v3_mad(rub, normal, -v3_dot(rub, normal)));
  c->twist = old->twist;
}

static bool room(const lq_physics *w) { return w->next_contacts < w->config.contacts_max; }

/* How near two bodies may be to make a contact: nearer than they can come in a step. */
static float margin_of(const lq_physics *w, uint32_t a, uint32_t b) {
  v3 v = v3_sub(v3_of(w->dyn[a].velocity), v3_of(w->dyn[b].velocity));
  return f_max(LQI_MARGIN_M, v3_length(v) / (float)w->head.hz);
}

/* old: the pair's contact of the last step, or NULL. False when full. */
static bool touch(lq_physics *w, uint32_t a, uint32_t b, const lqi_contact *old) {
  lqi_manifold *m = &w->manifold[w->manifolds];
  lqi_shape p = lqi_shape_at(w, a), q = lqi_shape_at(w, b);
  bool sensor = ((w->def[a].flags | w->def[b].flags) & LQI_SENSOR) != 0;
  lqi_narrow(&p, &q, sensor ? 0 : margin_of(w, a, b), m);
  if (m->count == 0) {
    if (old) tell(w, LQ_PHYSICS_END, old);
    return true;
  }
  if (!room(w)) return false;
  lqi_contact *c = &w->contact_next[w->next_contacts];
  *c = (lqi_contact){.a = w->def[a].id,
                     .b = w->def[b].id,
                     .count = m->count,
                     .flags = sensor ? LQI_CONTACT_SENSOR : 0};
  if (!old) tell(w, LQ_PHYSICS_BEGIN, c);
  if (sensor) c->count = 0;
  for (uint32_t i = 0; i < c->count; i++) c->feature[i] = m->point[i].feature;
  if (old && !sensor) inherit(c, old, m->normal);
  if (!sensor && (w->slot[a] || w->slot[b])) {
    m->row_a = a, m->row_b = b;
    w->source[w->manifolds++] = w->next_contacts;
  }
  w->next_contacts++;
  return true;
}

/* A contact that no pair claims: between bodies at rest it stays, else their boxes have parted. */
static bool unclaimed(lq_physics *w, const lqi_contact *old) {
  uint32_t a = lqi_physics_row(w, old->a), b = lqi_physics_row(w, old->b);
  if (lqi_active(&w->def[a], &w->dyn[a]) || lqi_active(&w->def[b], &w->dyn[b])) {
    tell(w, LQ_PHYSICS_END, old);
    return true;
  }
  if (!room(w)) return false;
  w->contact_next[w->next_contacts++] = *old;
  return true;
}

/* Pairs and old contacts are both in order: merged. */
static bool contacts(lq_physics *w) {
  uint32_t at = 0;
  w->next_contacts = w->manifolds = 0;
  for (uint32_t i = 0; i < w->pairs; i++) {
    uint32_t a = (uint32_t)(w->pair[i] >> 32), b = (uint32_t)w->pair[i];
    int side = 1;
    while (at < w->head.contacts && (side = order(w->def[a].id, w->def[b].id, &w->contact[at])) > 0)
      if (!unclaimed(w, &w->contact[at++])) return false;
    bool known = at < w->head.contacts && side == 0;
    if (!touch(w, a, b, known ? &w->contact[at] : NULL)) return false;
    if (known) at++;
  }
  while (at < w->head.contacts)
    if (!unclaimed(w, &w->contact[at++])) return false;
  return true;
}

lq_err lq_physics_step(lq_physics *w) {
  w->events = 0;
  if (w->head.bodies == 0) {
    w->head.tick++;
    return LQ_OK;
  }
  if (!lqi_broad_pairs(w)) return LQ_ERR_FULL;
  lqi_move_begin(w);
  if (!contacts(w)) {
    w->events = 0;
    return LQ_ERR_FULL;
  }
  lqi_solve(w);
  lqi_contact *next = w->contact_next;
  w->contact_next = w->contact, w->contact = next;
  w->head.contacts = w->next_contacts;
  lqi_move_end(w);
  lqi_islands(w);
  w->head.tick++;
  return LQ_OK;
}

const lq_physics_event *lq_physics_events(const lq_physics *w, uint32_t *count) {
  *count = w->events;
  return w->event;
}
