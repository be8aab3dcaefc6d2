/* The saved form: head, definitions, motions, contacts, one after the other, as they lie. */
#include "lq_engine/physics/physics_int.h"

static size_t bytes_of(const lqi_head *h) {
  return sizeof *h + (size_t)h->bodies * (sizeof(lqi_def) + sizeof(lqi_dyn)) +
         (size_t)h->contacts * sizeof(lqi_contact);
}

size_t lq_physics_save_bytes(const lq_physics *w) { return bytes_of(&w->head); }

void lq_physics_save(const lq_physics *w, void *out) {
  uint8_t *at = out;
  memcpy(at, &w->head, sizeof w->head), at += sizeof w->head;
  memcpy(at, w->def, w->head.bodies * sizeof *w->def), at += w->head.bodies * sizeof *w->def;
  memcpy(at, w->dyn, w->head.bodies * sizeof *w->dyn), at += w->head.bodies * sizeof *w->dyn;
  memcpy(at, w->contact, w->head.contacts * sizeof *w->contact);
}

uint64_t lq_physics_hash(const lq_physics *w) {
  uint64_t hash = lq_hash_bytes(0, &w->head, sizeof w->head);
  hash = lq_hash_bytes(hash, w->def, w->head.bodies * sizeof *w->def);
  hash = lq_hash_bytes(hash, w->dyn, w->head.bodies * sizeof *w->dyn);
  return lq_hash_bytes(hash, w->contact, w->head.contacts * sizeof *w->contact);
}

static bool all_finite(const float *value, uint32_t count) {
  float sum = 0; /* a number that is not finite times 0 is not 0 */
  for (uint32_t i = 0; i < count; i++) sum += value[i] * 0;
  return sum == 0;
}

/* A speed or spin: what a step leaves is below half of this. */
static bool moderate(const float *v) {
  return all_finite(v, 3) && v3_length(v3_of(v)) <= 2 * LQ_PHYSICS_SPEED_MAX_M_S;
}

/* What the door would have let in, in order. */
static bool body_good(const lqi_def *d, const lqi_dyn *s, uint64_t below, uint32_t hz) {
  lq_physics_body b = {.id = d->id,
                       .kind = (lq_physics_kind)d->kind,
                       .shape = (lq_physics_shape)d->shape,
                       .friction = d->friction,
                       .restitution = d->restitution,
                       .linear_damping = d->linear_damping,
                       .angular_damping = d->angular_damping,
                       .gravity_scale = d->gravity_scale,
                       .locks = d->locks};
  memcpy(b.size, d->size, sizeof b.size);
  memcpy(b.position, s->position, sizeof b.position);
  memcpy(b.rotation, s->rotation, sizeof b.rotation);
  return d->id > below && lqi_body_check(&b, hz, NULL) == LQ_OK && s->flags <= 3 && d->flags <= 3 &&
         moderate(s->velocity) && moderate(s->spin) && all_finite(s->force, 3) &&
         all_finite(s->torque, 3) && all_finite(&s->tired, 1) && d->mass > 0 &&
         all_finite(&d->mass, 1) && all_finite(d->inertia, 3) && all_finite(&d->reach, 1) &&
         (d->shape == LQ_PHYSICS_PLANE ||
          (d->inertia[0] > 0 && d->inertia[1] > 0 && d->inertia[2] > 0));
}

static bool has(const uint8_t *def, uint32_t bodies, uint64_t id) {
  uint32_t low = 0, high = bodies;
  lqi_def d = {.id = 0};
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    memcpy(&d, def + middle * sizeof d, sizeof d);
    if (d.id == id) return true;
    if (d.id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return false;
}

static bool content_good(const lqi_head *h, const uint8_t *data) {
  const uint8_t *def = data + sizeof *h, *dyn = def + h->bodies * sizeof(lqi_def),
                *contact = dyn + h->bodies * sizeof(lqi_dyn);
  uint64_t below = 0, a = 0, b = 0;
  for (uint32_t i = 0; i < h->bodies; i++) {
    lqi_def d;
    lqi_dyn s;
    memcpy(&d, def + i * sizeof d, sizeof d), memcpy(&s, dyn + i * sizeof s, sizeof s);
    if (!body_good(&d, &s, below, h->hz)) return false;
    below = d.id;
  }
  for (uint32_t i = 0; i < h->contacts; i++) {
    lqi_contact c;
    memcpy(&c, contact + i * sizeof c, sizeof c);
    if (c.a >= c.b || c.a < a || (c.a == a && c.b <= b) || c.count > 4 || c.flags > 1) return false;
    if (!has(def, h->bodies, c.a) || !has(def, h->bodies, c.b)) return false;
    if (!all_finite(c.normal, 4) || !all_finite(c.friction, 3) || !all_finite(&c.twist, 1))
      return false;
    a = c.a, b = c.b;
  }
  return true;
}

lq_err lq_physics_load(lq_physics *w, const void *data, size_t bytes) {
  lqi_head h;
  if (bytes < sizeof h) return LQ_ERR_TRUNCATED;
  memcpy(&h, data, sizeof h);
  if (h.magic != w->head.magic) return LQ_ERR_CORRUPT;
  if (h.version != LQ_PHYSICS_VERSION) return LQ_ERR_VERSION;
  if (h.bodies > w->config.bodies_max || h.contacts > w->config.contacts_max) return LQ_ERR_FULL;
  if (bytes < bytes_of(&h)) return LQ_ERR_TRUNCATED;
  if (bytes > bytes_of(&h) || h.hz < 10 || h.hz > 240 || h.substeps < 1 || h.substeps > 16 ||
      !all_finite(h.gravity, 3) || h.spare != 0 || !content_good(&h, data))
    return LQ_ERR_CORRUPT;
  const uint8_t *at = (const uint8_t *)data + sizeof h;
  w->head = h;
  memcpy(w->def, at, h.bodies * sizeof *w->def), at += h.bodies * sizeof *w->def;
  memcpy(w->dyn, at, h.bodies * sizeof *w->dyn), at += h.bodies * sizeof *w->dyn;
  memcpy(w->contact, at, h.contacts * sizeof *w->contact);
  w->events = 0;
  return LQ_OK;
}
