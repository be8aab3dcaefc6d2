/* The world's block and its bodies. */
#include "lq_engine/physics/joint_int.h"
#include "lq_engine/physics/solve_int.h"

enum { MAGIC = 0x4850514c }; /* "LQPH" */

void lqi_physics_defaults(lq_physics_config *c) {
  if (c->bodies_max == 0) c->bodies_max = 1024;
  if (c->contacts_max == 0) c->contacts_max = c->bodies_max * 4 + 64;
  if (c->pairs_max == 0) c->pairs_max = c->contacts_max * 4;
  if (c->assets_max == 0) c->assets_max = 64;
  if (c->joints_max == 0) c->joints_max = 256;
  if (c->hz == 0) c->hz = 60;
  if (c->substeps == 0) c->substeps = 4;
}

static lq_err config_check(lq_physics_config *c, lq_diag *diag) {
  lqi_physics_defaults(c);
  if (c->bodies_max > LQ_PHYSICS_BODIES_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "bodies_max: above %u", LQ_PHYSICS_BODIES_MAX);
  if (c->contacts_max > LQ_PHYSICS_CONTACTS_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "contacts_max: above %u", LQ_PHYSICS_CONTACTS_MAX);
  if (c->pairs_max > LQ_PHYSICS_CONTACTS_MAX * 4)
    return lq_diag_set(diag, LQ_ERR_RANGE, "pairs_max: above %u", LQ_PHYSICS_CONTACTS_MAX * 4);
  if (c->assets_max > LQ_PHYSICS_ASSETS_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "assets_max: above %u", LQ_PHYSICS_ASSETS_MAX);
  if (c->joints_max > LQ_PHYSICS_JOINTS_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "joints_max: above %u", LQ_PHYSICS_JOINTS_MAX);
  if (c->hz < 10 || c->hz > 240) return lq_diag_set(diag, LQ_ERR_RANGE, "hz: outside 10 to 240");
  if (c->substeps > 16) return lq_diag_set(diag, LQ_ERR_RANGE, "substeps: outside 1 to 16");
  if (!(c->hit_speed >= 0 && c->hit_speed <= 1000))
    return lq_diag_set(diag, LQ_ERR_RANGE, "hit_speed: outside 0 to 1000 m/s");
  for (uint32_t i = 0; i < 3; i++)
    if (!(c->gravity[i] >= -1000 && c->gravity[i] <= 1000))
      return lq_diag_set(diag, LQ_ERR_RANGE, "gravity: outside -1000 to 1000 m/s^2");
  return LQ_OK;
}

/* A part of the block, or with no block only its room. */
static void *take(uint8_t *block, size_t *used, size_t count, size_t size) {
  size_t at = *used;
  *used += (count * size + 63) & ~(size_t)63;
  return block ? block + at : NULL;
}

static size_t lay_out(lq_physics *w, uint8_t *block) {
  const lq_physics_config *c = &w->config;
  size_t used = (sizeof *w + 63) & ~(size_t)63, bodies = c->bodies_max, contacts = c->contacts_max,
         joints = c->joints_max;
  w->def = take(block, &used, bodies, sizeof *w->def);
  w->dyn = take(block, &used, bodies, sizeof *w->dyn);
  w->contact = take(block, &used, contacts, sizeof *w->contact);
  w->contact_next = take(block, &used, contacts, sizeof *w->contact);
  w->joint = take(block, &used, joints, sizeof *w->joint);
  w->events_max = (uint32_t)(contacts * 3 + bodies + joints * 2);
  w->event = take(block, &used, w->events_max, sizeof *w->event);
  w->entry = take(block, &used, c->assets_max, sizeof *w->entry);
  size_t derived = used;
  w->box = take(block, &used, bodies, sizeof *w->box);
  w->asset = take(block, &used, bodies, sizeof *w->asset);
  w->pair = take(block, &used, c->pairs_max, sizeof *w->pair);
  w->pair_spare = take(block, &used, c->pairs_max, sizeof *w->pair);
  w->cell = take(block, &used, bodies, sizeof *w->cell);
  w->cell_spare = take(block, &used, bodies, sizeof *w->cell);
  w->order = take(block, &used, bodies, sizeof *w->order);
  w->order_spare = take(block, &used, bodies, sizeof *w->order);
  w->slot = take(block, &used, bodies, sizeof *w->slot);
  w->motion = take(block, &used, bodies + 1, sizeof *w->motion);
  w->mass = take(block, &used, bodies + 1, sizeof *w->mass);
  w->turn = take(block, &used, bodies, sizeof *w->turn);
  w->start = take(block, &used, bodies, sizeof *w->start);
  w->swept = take(block, &used, bodies, sizeof *w->swept);
  w->still = take(block, &used, bodies, sizeof *w->still);
  w->loose = take(block, &used, bodies, sizeof *w->loose);
  w->manifold = take(block, &used, contacts + 1, sizeof *w->manifold); /* one to try in */
  w->early = take(block, &used, contacts * 2, sizeof *w->early);
  w->found = take(block, &used, contacts * 2, sizeof *w->found);
  w->mover = take(block, &used, contacts, sizeof *w->mover);
  w->source = take(block, &used, contacts, sizeof *w->source);
  w->hit = take(block, &used, contacts, sizeof *w->hit);
  w->colour = take(block, &used, contacts, sizeof *w->colour);
  w->lane = take(block, &used, contacts * 4, sizeof *w->lane);
  w->span = take(block, &used, contacts, sizeof *w->span);
  w->used = take(block, &used, bodies + 1, sizeof *w->used);
  w->parent = take(block, &used, bodies, sizeof *w->parent);
  w->tired = take(block, &used, bodies, sizeof *w->tired);
  w->group = take(block, &used, contacts, sizeof *w->group);
  w->joint_work = take(block, &used, joints, sizeof *w->joint_work);
  w->joined = take(block, &used, joints, sizeof *w->joined);
  w->joined_spare = take(block, &used, joints, sizeof *w->joined);
  w->derived = block ? block + derived : NULL;
  w->derived_bytes = used - derived;
  return used;
}

size_t lq_physics_bytes(const lq_physics_config *config) {
  lq_physics w = {.config = *config};
  if (config_check(&w.config, NULL) != LQ_OK) return 0;
  return lay_out(&w, NULL);
}

lq_err lq_physics_init(void *block, size_t bytes, const lq_physics_config *config, lq_physics **out,
                       lq_diag *diag) {
  lq_physics w = {.config = *config};
  *out = NULL;
  lq_err err = config_check(&w.config, diag);
  if (err != LQ_OK) return err;
  LQ_CHECK(((uintptr_t)block & 63) == 0);
  if (lay_out(&w, NULL) > bytes)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the block has %zu bytes of %zu", bytes,
                       lay_out(&w, NULL));
  (void)lay_out(&w, block);
  w.head = (lqi_head){.magic = MAGIC,
                      .version = LQ_PHYSICS_VERSION,
                      .hz = w.config.hz,
                      .substeps = w.config.substeps,
                      .hit_speed = w.config.hit_speed};
  memcpy(w.head.gravity, w.config.gravity, sizeof w.head.gravity);
  *out = memcpy(block, &w, sizeof w);
  return LQ_OK;
}

/* ---- bodies ---- */

/* The first row whose id is not below. */
static uint32_t place_of(const lq_physics *w, uint64_t id) {
  uint32_t bodies = w->head.bodies;
  if (bodies && w->def[bodies - 1].id < id) return bodies;
  return lqi_place(w->def, sizeof *w->def, bodies, id);
}

uint32_t lqi_physics_row(const lq_physics *w, uint64_t id) {
  uint32_t row = place_of(w, id);
  return row < w->head.bodies && w->def[row].id == id ? row : LQI_NONE;
}

uint32_t lqi_physics_row_after(const lq_physics *w, uint32_t row, uint64_t id) {
  uint64_t ahead = id - w->def[row].id;
  if (ahead < w->head.bodies - row && w->def[row + ahead].id == id) return row + (uint32_t)ahead;
  return lqi_physics_row(w, id);
}

void lqi_physics_wake_row(lq_physics *w, uint32_t row) {
  w->dyn[row].tired = 0;
  w->dyn[row].flags &= ~(uint32_t)LQI_ASLEEP;
}

/* A body, and what touches it or is joined to it: its island follows in the next steps. */
static void wake_about(lq_physics *w, uint32_t row) {
  uint64_t id = w->def[row].id;
  lqi_physics_wake_row(w, row);
  for (uint32_t i = 0; i < w->head.contacts; i++) {
    const lqi_contact *c = &w->contact[i];
    if (c->a != id && c->b != id) continue;
    lqi_physics_wake_row(w, lqi_physics_row(w, c->a == id ? c->b : c->a));
  }
  lqi_joint_wake(w, id);
}

lq_err lq_physics_body_add(lq_physics *w, const lq_physics_body *body, lq_diag *diag) {
  lq_err err = lqi_body_check(w, body, w->head.hz, diag);
  if (err != LQ_OK) return err;
  if (lqi_physics_row(w, body->id) != LQI_NONE)
    return lq_diag_set(diag, LQ_ERR_EXISTS, "id: there is a body of this id");
  if (w->head.bodies == w->config.bodies_max)
    return lq_diag_set(diag, LQ_ERR_FULL, "bodies_max: %u bodies are here", w->head.bodies);
  uint32_t row = place_of(w, body->id), after = w->head.bodies++ - row;
  w->ready = false;
  memmove(&w->def[row + 1], &w->def[row], after * sizeof *w->def);
  memmove(&w->dyn[row + 1], &w->dyn[row], after * sizeof *w->dyn);
  lqi_body_pack(w, body, &w->def[row], &w->dyn[row]);
  return LQ_OK;
}

lq_err lq_physics_body_remove(lq_physics *w, uint64_t id) {
  uint32_t row = lqi_physics_row(w, id), kept = 0;
  if (row == LQI_NONE) return LQ_ERR_STALE;
  w->ready = false;
  wake_about(w, row);
  for (uint32_t i = 0; i < w->head.contacts; i++)
    if (w->contact[i].a != id && w->contact[i].b != id) w->contact[kept++] = w->contact[i];
  w->head.contacts = kept;
  lqi_joint_drop(w, id);
  uint32_t after = --w->head.bodies - row;
  memmove(&w->def[row], &w->def[row + 1], after * sizeof *w->def);
  memmove(&w->dyn[row], &w->dyn[row + 1], after * sizeof *w->dyn);
  return LQ_OK;
}

lq_err lq_physics_body_read(const lq_physics *w, uint64_t id, lq_physics_body *out) {
  uint32_t row = lqi_physics_row(w, id);
  memset(out, 0, sizeof *out);
  if (row == LQI_NONE) return LQ_ERR_STALE;
  const lqi_def *d = &w->def[row];
  const lqi_dyn *s = &w->dyn[row];
  *out = (lq_physics_body){.id = d->id,
                           .kind = (lq_physics_kind)d->kind,
                           .shape = (lq_physics_shape)d->shape,
                           .asset = d->asset,
                           .mass_kg = d->mass,
                           .friction = d->friction,
                           .restitution = d->restitution,
                           .linear_damping = d->linear_damping,
                           .angular_damping = d->angular_damping,
                           .gravity_scale = d->gravity_scale,
                           .category = d->category,
                           .mask = d->mask,
                           .group = d->group,
                           .locks = d->locks,
                           .sensor = (d->flags & LQI_SENSOR) != 0,
                           .sleepless = (d->flags & LQI_SLEEPLESS) != 0,
                           .bullet = (d->flags & LQI_BULLET) != 0,
                           .asleep = (s->flags & LQI_ASLEEP) != 0,
                           .frozen = (s->flags & LQI_FROZEN) != 0};
  memcpy(out->size, d->size, sizeof out->size);
  memcpy(out->position, s->position, sizeof out->position);
  memcpy(out->rotation, s->rotation, sizeof out->rotation);
  memcpy(out->velocity, s->velocity, sizeof out->velocity);
  memcpy(out->spin, s->spin, sizeof out->spin);
  return LQ_OK;
}

/* The body with other numbers, if they are allowed: it thaws and wakes. */
static lq_err replace(lq_physics *w, uint32_t row, const lq_physics_body *body) {
  lqi_def def;
  lqi_dyn dyn, *s = &w->dyn[row];
  lq_err err = lqi_body_check(w, body, w->head.hz, NULL);
  if (err != LQ_OK) return err;
  lqi_body_pack(w, body, &def, &dyn);
  memcpy(dyn.force, s->force, sizeof dyn.force);
  memcpy(dyn.torque, s->torque, sizeof dyn.torque);
  wake_about(w, row);
  w->ready = false;
  *s = dyn;
  return LQ_OK;
}

lq_err lq_physics_body_move(lq_physics *w, uint64_t id, const float position[3],
                            const float rotation[4]) {
  lq_physics_body body;
  lq_err err = lq_physics_body_read(w, id, &body);
  if (err != LQ_OK) return err;
  memcpy(body.position, position, sizeof body.position);
  memcpy(body.rotation, rotation, sizeof body.rotation);
  return replace(w, lqi_physics_row(w, id), &body);
}

lq_err lq_physics_velocity_set(lq_physics *w, uint64_t id, const float velocity[3],
                               const float spin[3]) {
  lq_physics_body body;
  lq_err err = lq_physics_body_read(w, id, &body);
  if (err != LQ_OK) return err;
  memcpy(body.velocity, velocity, sizeof body.velocity);
  memcpy(body.spin, spin, sizeof body.spin);
  return replace(w, lqi_physics_row(w, id), &body);
}

static bool modest(v3 v) {
  return v3_finite(v) && f_max(f_max(f_abs(v.x), f_abs(v.y)), f_abs(v.z)) <= 1e12f;
}

lq_err lq_physics_force_add(lq_physics *w, uint64_t id, const float force[3],
                            const float torque[3]) {
  uint32_t row = lqi_physics_row(w, id);
  if (row == LQI_NONE) return LQ_ERR_STALE;
  lqi_dyn *s = &w->dyn[row];
  v3 f = v3_add(v3_of(s->force), v3_of(force)), t = v3_add(v3_of(s->torque), v3_of(torque));
  if (!modest(f) || !modest(t)) return LQ_ERR_RANGE;
  v3_put(s->force, f), v3_put(s->torque, t);
  wake_about(w, row);
  return LQ_OK;
}

lq_err lq_physics_impulse_add(lq_physics *w, uint64_t id, const float impulse[3],
                              const float point[3]) {
  lq_physics_body body;
  lq_err err = lq_physics_body_read(w, id, &body);
  if (err != LQ_OK) return err;
  v3 p = v3_of(impulse), at = v3_of(point);
  if (!modest(p) || !modest(at)) return LQ_ERR_RANGE;
  if (body.kind != LQ_PHYSICS_DYNAMIC) return LQ_OK;
  uint32_t row = lqi_physics_row(w, id);
  const lqi_def *d = &w->def[row];
  m33 turn = m33_of(lqi_rotation(&w->dyn[row]));
  v3 i = v3_of(d->inertia);
  v3 arm = v3_sub(at, v3_of(body.position)), local = m33_back(turn, v3_cross(arm, p));
  local = (v3){local.x / i.x, local.y / i.y, local.z / i.z};
  v3_put(body.velocity, v3_mad(v3_of(body.velocity), p, 1 / d->mass));
  v3_put(body.spin, v3_add(v3_of(body.spin), m33_turn(turn, local)));
  return replace(w, row, &body);
}

lq_err lq_physics_wake(lq_physics *w, uint64_t id) {
  uint32_t row = lqi_physics_row(w, id);
  if (row == LQI_NONE) return LQ_ERR_STALE;
  wake_about(w, row);
  return LQ_OK;
}

uint32_t lq_physics_bodies(const lq_physics *w) { return w->head.bodies; }
uint32_t lq_physics_contacts(const lq_physics *w) { return w->head.contacts; }
uint64_t lq_physics_body_at(const lq_physics *w, uint32_t index) {
  return index < w->head.bodies ? w->def[index].id : 0;
}
uint32_t lq_physics_awake(const lq_physics *w) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < w->head.bodies; i++) count += lqi_moves(&w->def[i], &w->dyn[i]);
  return count;
}
