/* One step, in the order of its phases. Until the new contacts are known to fit, nothing changes.
 */
#include "lq_engine/physics/joint_int.h"
#include "lq_engine/physics/solve_int.h"
#include "lq_engine/physics/triangle_int.h"

static int order(uint64_t a, uint64_t b, const lqi_contact *c) {
  if (a != c->a) return a < c->a ? -1 : 1;
  return b < c->b ? -1 : b > c->b;
}

static void tell(lq_physics *w, lq_physics_event_kind kind, const lqi_contact *c) {
  if (w->events < w->events_max)
    w->event[w->events++] = (lq_physics_event){
        .a = c->a, .b = c->b, .kind = kind, .sensor = c->flags & LQI_CONTACT_SENSOR};
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

/* The contacts that one pair of bodies had after the last step, by child. */
typedef struct past {
  const lqi_contact *contact;
  uint32_t count;
} past;

/* The old contact of the same two parts, LQI_NONE. */
static uint32_t same_child(const past *old, uint32_t child) {
  for (uint32_t k = 0; k < old->count; k++)
    if (old->contact[k].child == child) return k;
  return LQI_NONE;
}

/* Of the pair's contacts: that they came together fast is remembered by each. */
static uint32_t flags_of(const lq_physics *w, const past *old, bool sensor) {
  if (sensor) return LQI_CONTACT_SENSOR;
  return old->count && w->head.hit_speed > 0 ? old->contact->flags & LQI_CONTACT_HIT : 0;
}

void lqi_contact_make(const lq_physics *w, const lqi_manifold *m, const lqi_contact *before,
                      uint32_t flags, lqi_contact *c) {
  bool sensor = flags == LQI_CONTACT_SENSOR;
  *c = (lqi_contact){.a = w->def[m->row_a].id,
                     .b = w->def[m->row_b].id,
                     .child = m->child,
                     .count = sensor ? 0 : m->count,
                     .flags = flags};
  for (uint32_t i = 0; i < c->count; i++) c->feature[i] = m->point[i].feature;
  if (before && !sensor) inherit(c, before, m->normal);
}

/* Room for a contact of those two, and for its manifold if somebody moves; else LQI_NONE. */
static uint32_t claim(lq_physics *w, uint32_t a, uint32_t b, bool sensor) {
  uint32_t contact = w->next_contacts++, at = w->manifolds;
  if (sensor || !(w->slot[a] || w->slot[b])) return LQI_NONE;
  w->mover[at][0] = w->slot[a], w->mover[at][1] = w->slot[b];
  w->source[at] = contact;
  return w->manifolds++;
}

/* The contact of w->manifold[w->manifolds], which goes on with that old one; it stays there if
 * somebody moves. */
static void keep(lq_physics *w, const past *old, uint32_t before, bool sensor) {
  const lqi_manifold *m = &w->manifold[w->manifolds];
  lqi_contact_make(w, m, before == LQI_NONE ? NULL : &old->contact[before],
                   flags_of(w, old, sensor), &w->contact_next[w->next_contacts]);
  (void)claim(w, m->row_a, m->row_b, sensor);
}

/* The manifolds of a pair from w->manifold[w->manifolds] on: how many; LQI_NONE when there is no
 * room. */
static uint32_t find(lq_physics *w, const lqi_shape pair[2], float margin) {
  lqi_manifold *found = &w->manifold[w->manifolds];
  if (pair[0].kind >= LQ_PHYSICS_COMPOUND || pair[1].kind >= LQ_PHYSICS_COMPOUND)
    return lqi_narrow_parts(&pair[0], &pair[1], margin, found,
                            w->config.contacts_max - w->next_contacts);
  lqi_narrow(&pair[0], &pair[1], margin, found);
  found->child = 0;
  return found->count > 0;
}

/* Who is too fast for the margin is looked for where it will be. Its other corners will follow the
 * first in the same step, so they count from farther off; but not on a surface, which goes on
 * around it. */
static uint32_t find_ahead(lq_physics *w, lqi_shape pair[2], const uint32_t row[2]) {
  lqi_manifold *found = &w->manifold[w->manifolds];
  uint32_t kept = 0;
  v3 way;
  if (!lqi_ahead(w, pair, row, &way)) return 0;
  pair[1].at = v3_add(pair[1].at, way);
  bool surface = pair[0].kind >= LQ_PHYSICS_MESH || pair[1].kind >= LQ_PHYSICS_MESH;
  float size = 2 * f_min(w->def[row[0]].reach, w->def[row[1]].reach);
  uint32_t count = find(w, pair, surface ? LQI_MARGIN_M : f_max(LQI_MARGIN_M, size));
  if (count == LQI_NONE) return count;
  for (uint32_t i = 0; i < count; i++) {
    lqi_ahead_back(&found[i], way);
    if (found[i].count) found[kept++] = found[i];
  }
  return kept;
}

/* All of them have a larger gap. */
static bool all_far(const lqi_manifold *m, uint32_t count, float gap) {
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; k < m[i].count; k++)
      if (m[i].point[k].gap <= gap) return false;
  return true;
}

/* False when full. Each manifold is followed by the next where it was found, so that all of them
 * lie in place; a sensor needs but to know that there is one. */
static bool touch(lq_physics *w, uint32_t a, uint32_t b, const past *old) {
  const uint32_t row[2] = {a, b};
  lqi_shape pair[2] = {lqi_shape_at(w, a), lqi_shape_at(w, b)};
  bool sensor = ((w->def[a].flags | w->def[b].flags) & LQI_SENSOR) != 0, fast = false;
  float margin = sensor ? 0 : lqi_ahead_margin(w, a, b, &fast);
  uint32_t count = find(w, pair, margin), first = w->next_contacts;
  if (count == LQI_NONE) return false;
  if (count == 0 ? fast
                 : margin > LQI_MARGIN_M &&
                       all_far(&w->manifold[w->manifolds], count, old->count ? LQI_MARGIN_M : 0))
    count = find_ahead(w, pair, row);
  if (count == LQI_NONE) return false;
  if (count == 0) {
    if (old->count) tell(w, LQ_PHYSICS_END, old->contact);
    return true;
  }
  if (!room(w)) return false;
  lqi_manifold *found = &w->manifold[w->manifolds];
  if (sensor) count = 1, found->child = 0;
  uint32_t before[LQI_PATCHES * LQ_PHYSICS_CHILDREN_MAX];
  bool patches = !sensor && (pair[0].kind >= LQ_PHYSICS_MESH || pair[1].kind >= LQ_PHYSICS_MESH);
  if (patches)
    lqi_patch_before(found, count, old->contact, old->count, pair[0].kind >= LQ_PHYSICS_MESH,
                     before);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t k = patches ? before[i] : same_child(old, found[i].child);
    if (i) w->manifold[w->manifolds] = found[i]; /* at or before its place */
    w->manifold[w->manifolds].row_a = a, w->manifold[w->manifolds].row_b = b;
    keep(w, old, k, sensor);
  }
  if (!old->count) tell(w, LQ_PHYSICS_BEGIN, &w->contact_next[first]);
  return true;
}

/* The same of a pair of which it is known. */
static bool settle(lq_physics *w, uint32_t a, uint32_t b, const past *old, lqi_early *known) {
  if (known->state == LQI_EARLY_APART) {
    if (old->count) tell(w, LQ_PHYSICS_END, old->contact);
    return true;
  }
  if (!room(w)) return false;
  uint32_t k = same_child(old, 0);
  known->old = k == LQI_NONE ? k : (uint32_t)(&old->contact[k] - w->contact);
  known->flags = flags_of(w, old, false);
  known->contact = w->next_contacts;
  known->manifold = claim(w, a, b, false);
  if (!old->count) tell(w, LQ_PHYSICS_BEGIN, &(lqi_contact){.a = w->def[a].id, .b = w->def[b].id});
  return true;
}

/* Contacts that no pair claims: between bodies at rest they stay, else the boxes have parted.
 * row: of the two bodies of those before, or 0; left at their own. */
static bool unclaimed(lq_physics *w, const past *old, uint32_t row[2]) {
  const lqi_contact *c = old->contact;
  if (w->def[row[0]].id != c->a) {
    while (w->def[row[0]].id != c->a) row[0]++;
    row[1] = row[0];
  }
  uint32_t a = row[0], b = row[1] = lqi_physics_row_after(w, row[1], c->b);
  if (lqi_active(&w->def[a], &w->dyn[a]) || lqi_active(&w->def[b], &w->dyn[b])) {
    tell(w, LQ_PHYSICS_END, c);
    return true;
  }
  if (w->config.contacts_max - w->next_contacts < old->count) return false;
  memcpy(&w->contact_next[w->next_contacts], c, old->count * sizeof *c);
  w->next_contacts += old->count;
  return true;
}

/* The contacts of one pair that begin there. */
static past past_at(const lq_physics *w, uint32_t at) {
  past p = {&w->contact[at], at < w->head.contacts};
  while (at + p.count < w->head.contacts &&
         order(p.contact->a, p.contact->b, &p.contact[p.count]) == 0)
    p.count++;
  return p;
}

/* Pairs and old contacts are both in order: merged. */
static bool contacts(lq_physics *w) {
  past old = past_at(w, 0);
  uint32_t at = 0, row[2] = {0, 0};
  w->next_contacts = w->manifolds = 0;
  bool early = w->crew && w->pairs <= w->config.contacts_max * 2;
  if (early) lqi_early_begin(w);
  for (uint32_t i = 0; i < w->pairs; i++) {
    uint32_t a = (uint32_t)(w->pair[i] >> 32), b = (uint32_t)w->pair[i];
    int side = 1;
    while (old.count && (side = order(w->def[a].id, w->def[b].id, old.contact)) > 0) {
      if (!unclaimed(w, &old, row)) return false;
      old = past_at(w, at += old.count);
    }
    bool known = old.count && side == 0;
    const past its = known ? old : (past){NULL, 0};
    if (early && w->early[i].state != LQI_EARLY_NOT ? !settle(w, a, b, &its, &w->early[i])
                                                    : !touch(w, a, b, &its))
      return false;
    if (known) old = past_at(w, at += old.count);
  }
  while (old.count) {
    if (!unclaimed(w, &old, row)) return false;
    old = past_at(w, at += old.count);
  }
  if (early) lqi_early_end(w);
  return true;
}

/* What was told since the last step stays, and comes first; gives how much that is. */
static uint32_t events_begin(lq_physics *w) {
  uint32_t waiting = w->events - w->told;
  memmove(w->event, w->event + w->told, waiting * sizeof *w->event);
  w->events = waiting, w->told = 0;
  return waiting;
}

/* Nobody moves: what all phases together would leave. */
static void pass_time(lq_physics *w) {
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    memset(w->dyn[i].force, 0, sizeof w->dyn[i].force);
    memset(w->dyn[i].torque, 0, sizeof w->dyn[i].torque);
  }
  w->head.tick++;
}

/* Impulses that are not finite belong to a body that freezes in this step: they are forgotten, so
 * that what is saved can be loaded. */
static void forget_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    lqi_contact *c = &w->contact_next[i];
    if (lqi_contact_finite(c)) continue;
    memset(c->normal, 0, sizeof c->normal);
    memset(c->friction, 0, sizeof c->friction);
    c->twist = 0;
  }
}

static bool search(lq_physics *w, uint32_t waiting) {
  w->events = waiting;
  if (!lqi_broad_pairs(w)) return false;
  lqi_move_begin(w);
  return contacts(w);
}

/* Once more when somebody was woken by what was found. */
static bool search_all(lq_physics *w, uint32_t waiting) {
  bool fits = search(w, waiting), first = true;
  while (fits && lqi_wake_touched(w, first)) {
    fits = search(w, waiting);
    first = false;
  }
  if (!fits && !first) lqi_wake_undo(w);
  if (!fits) w->events = waiting;
  return fits;
}

lq_err lq_physics_step_crew(lq_physics *w, const lq_physics_crew *crew) {
  uint32_t least = crew && crew->awake_min ? crew->awake_min : LQI_CREW_AWAKE;
  w->crew = crew && lq_physics_awake(w) >= least ? crew : NULL;
  uint32_t waiting = events_begin(w);
  w->ready = false;
  if (!lq_physics_active(w)) {
    pass_time(w);
    w->told = w->events;
    return LQ_OK;
  }
  if (!search_all(w, waiting)) return LQ_ERR_FULL;
  lqi_solve(w);
  lqi_each(w, forget_share, 0, w->next_contacts, 256);
  if (w->head.hit_speed > 0) lqi_hits_end(w);
  lqi_joint_end(w);
  lqi_contact *next = w->contact_next;
  w->contact_next = w->contact, w->contact = next;
  w->head.contacts = w->next_contacts;
  lqi_move_end(w);
  lqi_ccd(w);
  lqi_pass(w);
  lqi_islands(w);
  lqi_joint_break(w);
  w->told = w->events;
  w->head.tick++;
  return LQ_OK;
}

lq_err lq_physics_step(lq_physics *w) { return lq_physics_step_crew(w, NULL); }

const lq_physics_event *lq_physics_events(const lq_physics *w, uint32_t *count) {
  *count = w->told;
  return w->event;
}
