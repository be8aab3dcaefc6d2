/* What may come in at the door, and what is derived from it once: mass and inertia. */
#include "lq_engine/physics/asset_int.h"

lq_physics_body lq_physics_body_default(uint64_t id) {
  return (lq_physics_body){.id = id,
                           .shape = LQ_PHYSICS_BOX,
                           .size = {0.5f, 0.5f, 0.5f},
                           .friction = 0.6f,
                           .gravity_scale = 1,
                           .category = 1,
                           .mask = UINT32_MAX,
                           .rotation = {0, 0, 0, 1}};
}

static uint32_t sizes_of(lq_physics_shape shape) {
  static const uint8_t count[] = {1, 2, 3, 0, 0, 0, 0, 0};
  return count[shape];
}

static lq_err check_place(const lq_physics_body *b, uint32_t hz, lq_diag *diag) {
  /* A hair more than a step leaves: it scales to the limit, and rounds. */
  const float reach = LQ_PHYSICS_REACH_M, speed = LQ_PHYSICS_SPEED_MAX_M_S * 1.00001f;
  const float *q = b->rotation;
  if (!lqi_within(b->position, 3, -reach, reach))
    return lq_diag_set(diag, LQ_ERR_RANGE, "position: beyond %u m", LQ_PHYSICS_REACH_M);
  if (!lqi_within(q, 4, -2, 2) || q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] < 0.01f)
    return lq_diag_set(diag, LQ_ERR_RANGE, "rotation: not a quaternion of length 1");
  if (!lqi_within(b->velocity, 3, -speed, speed) || v3_length(v3_of(b->velocity)) > speed)
    return lq_diag_set(diag, LQ_ERR_RANGE, "velocity: above %u m/s", LQ_PHYSICS_SPEED_MAX_M_S);
  float spin = LQ_PHYSICS_TURN_MAX_RAD * (float)hz * 1.00001f;
  if (!lqi_within(b->spin, 3, -spin, spin) || v3_length(v3_of(b->spin)) > spin)
    return lq_diag_set(diag, LQ_ERR_RANGE, "spin: above a quarter of pi in a step");
  return LQ_OK;
}

/* A cooked shape and its asset are of one kind; a simple one has none. */
static lq_err check_asset(const lq_physics *w, const lq_physics_body *b, lq_diag *diag) {
  if (b->shape < LQ_PHYSICS_HULL)
    return b->asset ? lq_diag_set(diag, LQ_ERR_INVALID, "asset: not for this shape") : LQ_OK;
  const lqi_asset *a = lqi_asset_find(w, b->asset);
  if (!a)
    return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "asset: %016llx is not in this world",
                       (unsigned long long)b->asset);
  if (a->kind != (uint32_t)b->shape)
    return lq_diag_set(diag, LQ_ERR_INVALID, "asset: %016llx is of another shape",
                       (unsigned long long)b->asset);
  if (b->kind == LQ_PHYSICS_DYNAMIC && !(a->volume > 0))
    return lq_diag_set(diag, LQ_ERR_INVALID, "kind: a mesh or field is static or kinematic");
  return LQ_OK;
}

lq_err lqi_body_check(const lq_physics *w, const lq_physics_body *b, uint32_t hz, lq_diag *diag) {
  if (b->id == 0) return lq_diag_set(diag, LQ_ERR_INVALID, "id: 0 is nobody");
  if ((uint32_t)b->kind > LQ_PHYSICS_STATIC)
    return lq_diag_set(diag, LQ_ERR_INVALID, "kind: no such kind");
  if ((uint32_t)b->shape > LQ_PHYSICS_FIELD)
    return lq_diag_set(diag, LQ_ERR_INVALID, "shape: no such shape");
  if (b->shape == LQ_PHYSICS_PLANE && b->kind != LQ_PHYSICS_STATIC)
    return lq_diag_set(diag, LQ_ERR_INVALID, "kind: a plane is static");
  lq_err err = check_asset(w, b, diag);
  if (err != LQ_OK) return err;
  if (b->locks > 63) return lq_diag_set(diag, LQ_ERR_INVALID, "locks: six bits");
  if (!lqi_within(b->size, sizes_of(b->shape), LQ_PHYSICS_SIZE_MIN_M, LQ_PHYSICS_SIZE_MAX_M))
    return lq_diag_set(diag, LQ_ERR_RANGE, "size: outside 5 mm to 2 km");
  if (b->mass_kg != 0 && !lqi_within(&b->mass_kg, 1, 1e-6f, 1e9f))
    return lq_diag_set(diag, LQ_ERR_RANGE, "mass_kg: outside 1e-6 to 1e9 (0: by its volume)");
  if (!lqi_within(&b->friction, 1, 0, 10))
    return lq_diag_set(diag, LQ_ERR_RANGE, "friction: outside 0 to 10");
  if (!lqi_within(&b->restitution, 1, 0, 1))
    return lq_diag_set(diag, LQ_ERR_RANGE, "restitution: outside 0 to 1");
  if (!lqi_within(&b->linear_damping, 1, 0, 1000) || !lqi_within(&b->angular_damping, 1, 0, 1000))
    return lq_diag_set(diag, LQ_ERR_RANGE, "damping: outside 0 to 1000 a second");
  if (!lqi_within(&b->gravity_scale, 1, -100, 100))
    return lq_diag_set(diag, LQ_ERR_RANGE, "gravity_scale: outside -100 to 100");
  return check_place(b, hz, diag);
}

static const float PI = 3.14159265f;

float lqi_body_volume(const lqi_def *d) {
  float r = d->size[0];
  if (d->shape == LQ_PHYSICS_BOX) return 8 * d->size[0] * d->size[1] * d->size[2];
  if (d->shape == LQ_PHYSICS_PLANE) return 1;
  float ball = 4.0f / 3 * PI * r * r * r;
  return d->shape == LQ_PHYSICS_SPHERE ? ball : ball + 2 * PI * r * r * d->size[1];
}

v3 lqi_body_inertia(const lqi_def *d) {
  float m = d->mass, r = d->size[0], h = d->size[1];
  if (d->shape == LQ_PHYSICS_BOX) {
    v3 s = v3_of(d->size), q = v3_mul(s, s);
    return v3_scale((v3){q.y + q.z, q.x + q.z, q.x + q.y}, m / 3);
  }
  if (d->shape != LQ_PHYSICS_CAPSULE) {
    float i = 0.4f * m * r * r;
    return (v3){i, i, i};
  }
  /* A cylinder of length 2 h, and a ball cut in two, whose halves stand h away. */
  float ball = 4.0f / 3 * r, tube = 2 * h, whole = ball + tube;
  float mb = m * ball / whole, mt = m * tube / whole;
  float along = 0.5f * mt * r * r + 0.4f * mb * r * r;
  float across = mt * (0.25f * r * r + h * h / 3) + mb * (0.4f * r * r + h * h + 0.75f * h * r);
  return (v3){across, along, across};
}

static float reach_of(const lqi_def *d) {
  if (d->shape == LQ_PHYSICS_BOX) return v3_length(v3_of(d->size));
  return d->shape == LQ_PHYSICS_CAPSULE ? d->size[0] + d->size[1] : d->size[0];
}

/* What has no volume (a mesh) weighs 1 kg, which nobody feels: it is not dynamic. */
static void pack_mass(lqi_def *d, const lqi_asset *a, float mass) {
  float volume = a ? a->volume : lqi_body_volume(d);
  float density = a ? a->density : 1000;
  d->mass = mass != 0 ? mass : volume > 0 ? density * volume : 1;
  d->reach = a ? a->reach : reach_of(d);
  v3_put(d->inertia, a ? v3_scale(v3_of(a->inertia), d->mass) : lqi_body_inertia(d));
}

/* The numbers have been checked. */
void lqi_body_pack(const lq_physics *w, const lq_physics_body *b, lqi_def *d, lqi_dyn *m) {
  *d = (lqi_def){.id = b->id,
                 .asset = b->asset,
                 .category = b->category,
                 .mask = b->mask,
                 .group = b->group,
                 .kind = (uint8_t)b->kind,
                 .shape = (uint8_t)b->shape,
                 .flags =
                     (uint8_t)((b->sensor ? LQI_SENSOR : 0) | (b->sleepless ? LQI_SLEEPLESS : 0) |
                               (b->bullet ? LQI_BULLET : 0)),
                 .locks = (uint8_t)b->locks,
                 .friction = b->friction,
                 .restitution = b->restitution,
                 .linear_damping = b->linear_damping,
                 .angular_damping = b->angular_damping,
                 .gravity_scale = b->gravity_scale};
  for (uint32_t i = 0; i < sizes_of(b->shape); i++) d->size[i] = b->size[i];
  pack_mass(d, b->asset ? lqi_asset_find(w, b->asset) : NULL, b->mass_kg);
  *m = (lqi_dyn){.flags = 0};
  memcpy(m->position, b->position, sizeof m->position);
  quat q = quat_unit((quat){b->rotation[0], b->rotation[1], b->rotation[2], b->rotation[3]});
  memcpy(m->rotation, &q, sizeof m->rotation);
  if (b->kind == LQ_PHYSICS_STATIC) return;
  memcpy(m->velocity, b->velocity, sizeof m->velocity);
  memcpy(m->spin, b->spin, sizeof m->spin);
}
