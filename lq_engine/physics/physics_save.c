/* The saved form: head, definitions, motions, contacts, joints, one after the other, as they lie.
 */
#include "lq_engine/physics/asset_int.h"
#include "lq_engine/physics/joint_int.h"

static size_t bytes_of(const lqi_head *h) {
  return sizeof *h + (size_t)h->bodies * (sizeof(lqi_def) + sizeof(lqi_dyn)) +
         (size_t)h->contacts * sizeof(lqi_contact) + (size_t)h->joints * sizeof(lqi_joint);
}

size_t lq_physics_save_bytes(const lq_physics *w) { return bytes_of(&w->head); }

void lq_physics_save(const lq_physics *w, void *out) {
  uint8_t *at = out;
  memcpy(at, &w->head, sizeof w->head), at += sizeof w->head;
  memcpy(at, w->def, w->head.bodies * sizeof *w->def), at += w->head.bodies * sizeof *w->def;
  memcpy(at, w->dyn, w->head.bodies * sizeof *w->dyn), at += w->head.bodies * sizeof *w->dyn;
  memcpy(at, w->contact, w->head.contacts * sizeof *w->contact);
  at += w->head.contacts * sizeof *w->contact;
  memcpy(at, w->joint, w->head.joints * sizeof *w->joint);
}

uint64_t lq_physics_hash(const lq_physics *w) {
  uint64_t hash = lq_hash_bytes(0, &w->head, sizeof w->head);
  hash = lq_hash_bytes(hash, w->def, w->head.bodies * sizeof *w->def);
  hash = lq_hash_bytes(hash, w->dyn, w->head.bodies * sizeof *w->dyn);
  hash = lq_hash_bytes(hash, w->contact, w->head.contacts * sizeof *w->contact);
  return lq_hash_bytes(hash, w->joint, w->head.joints * sizeof *w->joint);
}

/* A speed or spin: what a step leaves is below half of this. */
static bool moderate(const float *v) {
  return lqi_finite(v, 3) && v3_length(v3_of(v)) <= 2 * LQ_PHYSICS_SPEED_MAX_M_S;
}

/* What nobody uses is zero to the bit: it is hashed. */
static bool spare_good(const lqi_def *d, const lqi_dyn *s) {
  const float spare[4] = {d->spare, s->spare_a, s->spare_b, s->spare_c}, none[4] = {0};
  return memcmp(spare, none, sizeof spare) == 0;
}

/* What the door would have let in. b: scratch, zeroed by the caller. */
static bool body_good(const lq_physics *w, const lqi_def *d, const lqi_dyn *s, uint32_t hz,
                      lq_physics_body *b) {
  b->id = d->id;
  b->kind = (lq_physics_kind)d->kind, b->shape = (lq_physics_shape)d->shape;
  b->asset = d->asset;
  b->friction = d->friction, b->restitution = d->restitution;
  b->linear_damping = d->linear_damping, b->angular_damping = d->angular_damping;
  b->gravity_scale = d->gravity_scale, b->locks = d->locks;
  memcpy(b->size, d->size, sizeof b->size);
  memcpy(b->position, s->position, sizeof b->position);
  memcpy(b->rotation, s->rotation, sizeof b->rotation);
  return lqi_body_check(w, b, hz, NULL) == LQ_OK && s->flags <= 3 && d->flags <= LQI_DEF_FLAGS &&
         moderate(s->velocity) && moderate(s->spin) && lqi_finite(s->force, 3) &&
         lqi_finite(s->torque, 3) && lqi_finite(&s->tired, 1) && d->mass > 0 &&
         lqi_finite(&d->mass, 1) && lqi_finite(d->inertia, 3) && lqi_finite(&d->reach, 1) &&
         (d->shape == LQ_PHYSICS_PLANE ||
          (d->inertia[0] > 0 && d->inertia[1] > 0 && d->inertia[2] > 0)) &&
         spare_good(d, s);
}

static bool has(const uint8_t *def, uint32_t bodies, uint64_t id, uint32_t *kind) {
  uint32_t at = lqi_place(def, sizeof(lqi_def), bodies, id);
  lqi_def d;
  if (at == bodies) return false;
  memcpy(&d, def + at * sizeof d, sizeof d);
  *kind = d.kind;
  return d.id == id;
}

/* By id, and between bodies that are there, one of them dynamic. */
static bool joints_good(const lqi_head *h, const uint8_t *def, const uint8_t *joint) {
  uint64_t below = 0;
  for (uint32_t i = 0; i < h->joints; i++) {
    lqi_joint j;
    uint32_t a = LQ_PHYSICS_STATIC, b = LQ_PHYSICS_STATIC;
    memcpy(&j, joint + i * sizeof j, sizeof j);
    if (j.id <= below || !lqi_joint_good(&j)) return false;
    if (j.a && !has(def, h->bodies, j.a, &a)) return false;
    if (j.b && !has(def, h->bodies, j.b, &b)) return false;
    if (a != LQ_PHYSICS_DYNAMIC && b != LQ_PHYSICS_DYNAMIC) return false;
    below = j.id;
  }
  return true;
}

static bool after(const lqi_contact *c, const lqi_contact *last) {
  if (c->a != last->a) return c->a > last->a;
  return c->b != last->b ? c->b > last->b : c->child > last->child;
}

/* All but its impulses. */
static bool contact_fits(const lqi_contact *c, const lqi_contact *before) {
  return after(c, before) && c->a < c->b && c->count <= 4 && c->flags <= LQI_CONTACT_HIT &&
         c->spare == 0;
}

bool lqi_contact_finite(const lqi_contact *c) {
  return lqi_finite(c->normal, 4) && lqi_finite(c->friction, 3) && lqi_finite(&c->twist, 1);
}

bool lqi_contact_good(const lqi_contact *c, const lqi_contact *before) {
  return contact_fits(c, before) && lqi_contact_finite(c);
}

/* Definitions and motions, in order; their ids into `id`. */
static bool bodies_good(const lq_physics *w, const lqi_head *h, const uint8_t *data, uint64_t *id) {
  const uint8_t *def = data + sizeof *h, *dyn = def + h->bodies * sizeof(lqi_def);
  lq_physics_body scratch = {.id = 0};
  uint64_t below = 0;
  for (uint32_t i = 0; i < h->bodies; i++) {
    lqi_def d;
    lqi_dyn s;
    memcpy(&d, def + i * sizeof d, sizeof d), memcpy(&s, dyn + i * sizeof s, sizeof s);
    if (d.id <= below || !body_good(w, &d, &s, h->hz, &scratch)) return false;
    id[i] = below = d.id;
  }
  return true;
}

/* The lowest asset that is not here, 0: none. */
static uint64_t missing(const lq_physics *w, const lqi_head *h, const uint8_t *data) {
  uint64_t lowest = 0;
  for (uint32_t i = 0; i < h->bodies; i++) {
    uint64_t id;
    memcpy(&id, data + sizeof *h + i * sizeof(lqi_def) + offsetof(lqi_def, asset), sizeof id);
    if (id && (!lowest || id < lowest) && !lqi_asset_find(w, id)) lowest = id;
  }
  return lowest;
}

uint64_t lq_physics_load_missing(const lq_physics *w, const void *data, size_t bytes) {
  lqi_head h;
  if (bytes < sizeof h) return 0;
  memcpy(&h, data, sizeof h);
  if (h.magic != w->head.magic || h.version != LQ_PHYSICS_VERSION || bytes != bytes_of(&h))
    return 0;
  return missing(w, &h, data);
}

/* The row at or after `from` whose id is not below that one; bodies: none. Ids often stand in
 * line, so first where it would be then. */
static uint32_t find_from(const uint64_t *id, uint32_t from, uint32_t bodies, uint64_t want) {
  uint64_t ahead = want - id[from];
  if (ahead < bodies - from && id[from + ahead] == want) return from + (uint32_t)ahead;
  const uint64_t *at = id + from;
  uint32_t left = bodies - from;
  while (left > 1) { /* without a branch that is guessed wrong half the time */
    uint32_t half = left / 2;
    at += at[half - 1] < want ? half : 0;
    left -= half;
  }
  return (uint32_t)(at - id) + (*at < want);
}

/* Friction and twist. */
static lq_f32x4 last_four(const lqi_contact *c) {
  const uint8_t *at = (const uint8_t *)c + offsetof(lqi_contact, friction);
  return lq_f32x4_load((const float *)(const void *)at);
}

/* In order, between bodies that are there, and finite. */
static bool contacts_good(const lqi_head *h, const lqi_contact *contact, const uint64_t *id) {
  lq_f32x4 sum = lq_f32x4_splat(0); /* what is not finite times 0 is not 0, and stays in a sum */
  lqi_contact first = {.a = 0};
  const lqi_contact *last = &first;
  uint32_t row = 0;
  for (uint32_t i = 0; i < h->contacts; i++) {
    const lqi_contact *c = &contact[i];
    if (!contact_fits(c, last)) return false;
    while (row < h->bodies && id[row] < c->a) row++;
    if (row == h->bodies || id[row] != c->a) return false;
    uint32_t other = find_from(id, row, h->bodies, c->b);
    if (other == h->bodies || id[other] != c->b) return false;
    lq_f32x4 rest = last_four(c);
    sum = lq_f32x4_add(sum, lq_f32x4_mul(lq_f32x4_load(c->normal), lq_f32x4_splat(0)));
    sum = lq_f32x4_add(sum, lq_f32x4_mul(rest, lq_f32x4_splat(0)));
    last = c;
  }
  return lq_f32x4_sum(sum) == 0;
}

lq_err lq_physics_load(lq_physics *w, const void *data, size_t bytes) {
  lqi_head h;
  if (bytes < sizeof h) return LQ_ERR_TRUNCATED;
  memcpy(&h, data, sizeof h);
  if (h.magic != w->head.magic) return LQ_ERR_CORRUPT;
  if (h.version != LQ_PHYSICS_VERSION) return LQ_ERR_VERSION;
  if (h.bodies > w->config.bodies_max || h.contacts > w->config.contacts_max ||
      h.joints > w->config.joints_max)
    return LQ_ERR_FULL;
  if (bytes < bytes_of(&h)) return LQ_ERR_TRUNCATED;
  if (bytes == bytes_of(&h) && missing(w, &h, data)) return LQ_ERR_NOT_FOUND;
  if (bytes > bytes_of(&h) || h.hz < 10 || h.hz > 240 || h.substeps < 1 || h.substeps > 16 ||
      !lqi_finite(h.gravity, 3) || !(h.hit_speed >= 0 && h.hit_speed <= 1000) || h.spare != 0)
    return LQ_ERR_CORRUPT;
  /* What is derived may be overwritten before all is known to be good. */
  w->ready = false;
  const uint8_t *at = (const uint8_t *)data + sizeof h, *end = (const uint8_t *)data + bytes;
  size_t contact_bytes = h.contacts * sizeof *w->contact, joint_bytes = h.joints * sizeof *w->joint;
  memcpy(w->contact_next, end - joint_bytes - contact_bytes, contact_bytes);
  if (!bodies_good(w, &h, data, w->cell) || !contacts_good(&h, w->contact_next, w->cell) ||
      !joints_good(&h, at, end - joint_bytes))
    return LQ_ERR_CORRUPT;
  w->head = h;
  memcpy(w->def, at, h.bodies * sizeof *w->def), at += h.bodies * sizeof *w->def;
  memcpy(w->dyn, at, h.bodies * sizeof *w->dyn);
  lqi_contact *next = w->contact_next;
  w->contact_next = w->contact, w->contact = next;
  memcpy(w->joint, end - joint_bytes, joint_bytes);
  w->events = w->told = 0;
  return LQ_OK;
}
