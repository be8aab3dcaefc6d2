/* A world made anew for each step: bodies appended in order, then what contacts keep. For a caller
 * whose state lies elsewhere, as the components of an entity do. */
#include "lq_engine/physics/joint_int.h"

#include <stddef.h>

void lq_physics_clear(lq_physics *w, uint32_t hz) {
  LQ_CHECK(hz >= 10 && hz <= 240);
  w->head.tick = 0;
  w->head.bodies = w->head.contacts = w->head.joints = w->events = w->told = 0;
  w->head.hz = hz;
}

static bool bearable(const float *v) { return lqi_within(v, 3, -1e12f, 1e12f); }

static bool any(const float *v) { return v[0] != 0 || v[1] != 0 || v[2] != 0; }

/* To a hair below, so that a rounding does not leave it above. */
static void cut(float *v, float most) {
  v3 all = v3_of(v);
  float length = v3_length(all);
  if (f_finite(length) && length > most) v3_put(v, v3_scale(all, most * 0.999999f / length));
}

/* Near enough to 1 that rotating by it is exact to rounding: left as it is, so that a body that
 * rests keeps its bits however often the world is made. */
static bool unit(const float *q) {
  float square = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
  return f_abs(square - 1) < 1e-5f;
}

static lq_err check_extra(const lq_physics_extra *extra, lq_diag *diag) {
  if (!bearable(extra->force) || !bearable(extra->torque))
    return lq_diag_set(diag, LQ_ERR_RANGE, "force: not finite, or above 1e12");
  if (!bearable(extra->impulse))
    return lq_diag_set(diag, LQ_ERR_RANGE, "impulse: not finite, or above 1e12");
  if (!(extra->tired >= 0 && extra->tired <= 1e9f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "tired: outside 0 to 1e9 s");
  return LQ_OK;
}

static void push(lqi_dyn *m, const lqi_def *d, const lq_physics_extra *extra) {
  if (d->kind != LQ_PHYSICS_DYNAMIC) return;
  memcpy(m->force, extra->force, sizeof m->force);
  memcpy(m->torque, extra->torque, sizeof m->torque);
  if (!any(extra->impulse)) return;
  v3_put(m->velocity, v3_mad(v3_of(m->velocity), v3_of(extra->impulse), 1 / d->mass));
  cut(m->velocity, LQ_PHYSICS_SPEED_MAX_M_S);
}

lq_err lq_physics_body_append(lq_physics *w, const lq_physics_body *body,
                              const lq_physics_extra *extra, lq_diag *diag) {
  lq_physics_body b = *body;
  uint32_t row = w->head.bodies;
  cut(b.velocity, LQ_PHYSICS_SPEED_MAX_M_S);
  cut(b.spin, LQ_PHYSICS_TURN_MAX_RAD * (float)w->head.hz);
  lq_err err = lqi_body_check(w, &b, w->head.hz, diag);
  if (!err) err = check_extra(extra, diag);
  if (err) return err;
  if (row == w->config.bodies_max)
    return lq_diag_set(diag, LQ_ERR_FULL, "bodies_max: %u bodies are here", row);
  LQ_CHECK(row == 0 || w->def[row - 1].id < b.id);
  lqi_def *d = &w->def[row];
  lqi_dyn *m = &w->dyn[row];
  lqi_body_pack(w, &b, d, m);
  if (unit(b.rotation)) memcpy(m->rotation, b.rotation, sizeof m->rotation);
  bool pushed = any(extra->force) || any(extra->torque) || any(extra->impulse);
  bool stirred = extra->stirred || (pushed && b.asleep && b.kind == LQ_PHYSICS_DYNAMIC);
  m->tired = extra->tired;
  if (b.frozen) m->flags |= LQI_FROZEN;
  if (b.asleep) m->flags |= LQI_ASLEEP;
  if (m->flags) { /* both stand still */
    memset(m->velocity, 0, sizeof m->velocity);
    memset(m->spin, 0, sizeof m->spin);
  }
  if (stirred) lqi_physics_wake_row(w, row);
  push(m, d, extra);
  w->parent[row] = stirred; /* until contacts_load */
  w->head.bodies++;
  w->ready = false;
  return LQ_OK;
}

void lq_physics_motion_read(const lq_physics *w, uint32_t index, lq_physics_motion *out) {
  LQ_CHECK(index < w->head.bodies);
  const lqi_dyn *m = &w->dyn[index];
  memcpy(out->position, m->position, sizeof out->position);
  memcpy(out->rotation, m->rotation, sizeof out->rotation);
  memcpy(out->velocity, m->velocity, sizeof out->velocity);
  memcpy(out->spin, m->spin, sizeof out->spin);
  out->tired = m->tired;
  out->asleep = (m->flags & LQI_ASLEEP) != 0;
  out->frozen = (m->flags & LQI_FROZEN) != 0;
}

/* ---- joints ---- */

size_t lq_physics_joints_bytes_max(const lq_physics_config *config) {
  lq_physics_config c = *config;
  lqi_physics_defaults(&c);
  return c.joints_max * sizeof(lqi_joint);
}

size_t lq_physics_joints_bytes(const lq_physics *w) { return w->head.joints * sizeof *w->joint; }

static void forget(lqi_joint *j) {
  memset((uint8_t *)j + offsetof(lqi_joint, spring), 0, sizeof *j - offsetof(lqi_joint, spring));
}

void lq_physics_joints_save(const lq_physics *w, void *out) {
  for (uint32_t i = 0; i < w->head.joints; i++) {
    lqi_joint j = w->joint[i];
    if (!lqi_joint_good(&j)) forget(&j); /* of a body that froze */
    memcpy((uint8_t *)out + i * sizeof j, &j, sizeof j);
  }
}

/* Wakes a body, and by contacts_load what touches it. */
static void stir(lq_physics *w, uint64_t id) {
  uint32_t row = id ? lqi_physics_row(w, id) : LQI_NONE;
  if (row == LQI_NONE) return;
  lqi_physics_wake_row(w, row);
  w->parent[row] = 1;
}

static bool stirred(const lq_physics *w, uint64_t id) {
  uint32_t row = id ? lqi_physics_row(w, id) : LQI_NONE;
  return row != LQI_NONE && w->parent[row];
}

/* What it was becomes what it is, as far as they are the same. */
static void joint_load(lq_physics *w, lqi_joint *now, const lqi_joint *old) {
  const size_t kept = offsetof(lqi_joint, spring);
  bool same = memcmp(now, old, kept) == 0;
  if (now->kind == old->kind && now->a == old->a && now->b == old->b)
    memcpy((uint8_t *)now + kept, (const uint8_t *)old + kept, sizeof *now - kept);
  if (!same || stirred(w, now->a) || stirred(w, now->b)) stir(w, now->a), stir(w, now->b);
}

lq_err lq_physics_joints_load(lq_physics *w, const void *data, size_t bytes) {
  size_t count = bytes / sizeof(lqi_joint);
  uint64_t below = 0;
  uint32_t at = 0;
  lqi_joint old;
  if (count > w->config.joints_max) return LQ_ERR_FULL;
  for (size_t i = 0; i < count; i++) {
    memcpy(&old, (const uint8_t *)data + i * sizeof old, sizeof old);
    if (old.id <= below || !lqi_joint_good(&old)) return LQ_ERR_CORRUPT;
    below = old.id;
  }
  if (bytes % sizeof(lqi_joint)) return LQ_ERR_CORRUPT;
  for (size_t i = 0; i < count; i++) {
    memcpy(&old, (const uint8_t *)data + i * sizeof old, sizeof old);
    for (; at < w->head.joints && w->joint[at].id < old.id; at++)
      stir(w, w->joint[at].a), stir(w, w->joint[at].b);
    if (at < w->head.joints && w->joint[at].id == old.id)
      joint_load(w, &w->joint[at++], &old);
    else
      stir(w, old.a), stir(w, old.b);
  }
  for (; at < w->head.joints; at++) stir(w, w->joint[at].a), stir(w, w->joint[at].b);
  return LQ_OK;
}

/* ---- contacts ---- */

size_t lq_physics_contacts_bytes_max(const lq_physics_config *config) {
  lq_physics_config c = *config;
  lqi_physics_defaults(&c);
  return c.contacts_max * sizeof(lqi_contact);
}

size_t lq_physics_contacts_bytes(const lq_physics *w) {
  return w->head.contacts * sizeof *w->contact;
}

void lq_physics_contacts_save(const lq_physics *w, void *out) {
  if (w->head.contacts) memcpy(out, w->contact, w->head.contacts * sizeof *w->contact);
}

static bool all_good(const uint8_t *data, uint32_t count) {
  lqi_contact c, before = {.a = 0};
  for (uint32_t i = 0; i < count; i++) {
    memcpy(&c, data + i * sizeof c, sizeof c);
    if (!lqi_contact_good(&c, &before)) return false;
    before = c;
  }
  return true;
}

lq_err lq_physics_contacts_load(lq_physics *w, const void *data, size_t bytes) {
  const uint8_t *from = data;
  size_t count = bytes / sizeof(lqi_contact);
  uint32_t row = 0, kept = 0;
  w->head.contacts = 0;
  if (count > w->config.contacts_max) return LQ_ERR_FULL;
  if (bytes % sizeof(lqi_contact) || !all_good(from, (uint32_t)count)) return LQ_ERR_CORRUPT;
  for (uint32_t i = 0; i < count; i++) {
    lqi_contact *c = &w->contact[kept];
    memcpy(c, from + i * sizeof *c, sizeof *c);
    while (row < w->head.bodies && w->def[row].id < c->a) row++;
    uint32_t a = row < w->head.bodies && w->def[row].id == c->a ? row : LQI_NONE;
    uint32_t b = lqi_physics_row(w, c->b);
    bool both = a != LQI_NONE && b != LQI_NONE;
    if (!both || w->parent[a] || w->parent[b]) {
      if (a != LQI_NONE) lqi_physics_wake_row(w, a);
      if (b != LQI_NONE) lqi_physics_wake_row(w, b);
    }
    kept += both;
  }
  w->head.contacts = kept;
  return LQ_OK;
}

void lq_physics_contact_at(const lq_physics *w, uint32_t index, uint64_t *a, uint64_t *b) {
  LQ_CHECK(index < w->head.contacts);
  *a = w->contact[index].a;
  *b = w->contact[index].b;
}

bool lq_physics_active(const lq_physics *w) {
  for (uint32_t i = 0; i < w->head.bodies; i++)
    if (lqi_active(&w->def[i], &w->dyn[i])) return true;
  return false;
}
