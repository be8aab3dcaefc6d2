/* How a walker slides: planes of what is near, the nearest allowed place to where it wants to be,
 * and a cast so that it never gets there through anything. As b2SolvePlanes and b2World_CastMover
 * of box2d v3, after the way Quake slides. */
#include "lq_engine/physics/mover_int.h"

enum { PLANES = 24, ROUNDS = 64, SLIDES = 6, PARTS = 16 };

static const float EDGE_M = 0.01f; /* so far in from an edge it is looked for the top of a step */

typedef struct plane {
  v3 normal;
  float least;  /* m, to go along the normal at least */
  float pushed; /* m */
} plane;

typedef struct planes {
  plane plane[PLANES];
  uint32_t count;
} planes;

static uint32_t rows(const lqi_walker *k) { return k->all ? k->w->head.bodies : k->count; }
static uint32_t row_at(const lqi_walker *k, uint32_t i) { return k->all ? i : k->near[i]; }

static bool meets(const lqi_walker *k, uint32_t row) {
  const lqi_def *d = &k->w->def[row];
  return lqi_query_asked(d, k->m->mask) && d->id != k->m->self;
}

static lqi_shape body_at(const lqi_walker *k, uint32_t row) {
  return lqi_query_stand(k->w, &k->w->def[row], &k->w->dyn[row]);
}

static lqi_shape capsule_at(const lqi_walker *k, v3 at) {
  return (lqi_shape){LQ_PHYSICS_CAPSULE, k->size, at, k->turn, NULL};
}

void lqi_walker_find(lqi_walker *k, const lqi_box *box) {
  uint32_t row;
  lqi_shape s;
  k->count = 0, k->all = false;
  for (lqi_seek at = lqi_seek_box(k->w, box); lqi_seek_next(&at, &row, &s);) {
    if (!meets(k, row)) continue;
    lqi_box other = lqi_broad_box(&s, (v3){0, 0, 0}, 0);
    if (lqi_apart_boxes(box, &other)) continue;
    if (k->count == LQI_MOVER_NEAR) {
      k->all = true;
      return;
    }
    uint32_t place = k->count++; /* in the order of rows, however they come */
    for (; place > 0 && k->near[place - 1] > row; place--) k->near[place] = k->near[place - 1];
    k->near[place] = row;
  }
}

/* Whether it may stand on what it touches there. The rim of a step has a slanted normal, but the
 * step's top is level: just behind the rim a ray asks for it. */
static bool walkable(const lqi_walker *k, const lqi_shape *body, v3 point, v3 *normal) {
  float rise = v3_dot(*normal, k->up), fraction;
  if (rise >= k->steepest) return true;
  if (rise < 0.02f) return false;
  v3 flat = v3_mad(*normal, k->up, -rise), top;
  flat = v3_scale(flat, 1 / v3_length(flat));
  v3 from = v3_mad(v3_mad(point, flat, -EDGE_M), k->up, 2 * EDGE_M),
     way = v3_scale(k->up, -4 * EDGE_M);
  if (!lqi_query_ray(body, from, way, &fraction, &top)) return false;
  float height = v3_dot(v3_sub(v3_mad(from, way, fraction), k->foot), k->up);
  if (v3_dot(top, k->up) < k->steepest || height > k->m->step + LQI_MOVER_GAP_M) return false;
  *normal = top;
  return true;
}

/* Of more than there is room for, the nearest stay. */
static void put(planes *p, v3 normal, float least) {
  uint32_t at = p->count;
  if (at == PLANES) {
    at = 0;
    for (uint32_t i = 1; i < PLANES; i++)
      if (p->plane[i].least < p->plane[at].least) at = i;
    if (p->plane[at].least >= least) return;
  } else {
    p->count++;
  }
  p->plane[at] = (plane){normal, least, 0};
}

static void put_manifold(const lqi_walker *k, const lqi_shape *body, const lqi_manifold *m,
                         planes *p) {
  uint32_t deep = 0;
  for (uint32_t i = 1; i < m->count; i++)
    if (m->point[i].gap < m->point[deep].gap) deep = i;
  float least = LQI_MOVER_GAP_M - m->point[deep].gap, rise = v3_dot(m->normal, k->up);
  v3 normal = m->normal,
     point = v3_mad(v3_add(body->at, m->point[deep].arm_a), normal, -0.5f * m->point[deep].gap);
  put(p, normal, least);
  if (rise < 0.02f || walkable(k, body, point, &normal)) return;
  /* Too steep: a wall, too, or it would be climbed. */
  v3 flat = v3_mad(m->normal, k->up, -rise);
  float length = v3_length(flat);
  put(p, v3_scale(flat, 1 / length), least / length);
}

static void gather(const lqi_walker *k, v3 at, planes *p) {
  lqi_shape capsule = capsule_at(k, at);
  lqi_box box = lqi_broad_box(&capsule, (v3){0, 0, 0}, LQI_MARGIN_M);
  p->count = 0;
  for (uint32_t i = 0; i < rows(k); i++) {
    lqi_manifold found[PARTS];
    if (!meets(k, row_at(k, i))) continue;
    lqi_shape body = body_at(k, row_at(k, i));
    lqi_box other = lqi_broad_box(&body, (v3){0, 0, 0}, 0);
    if (lqi_apart_boxes(&box, &other)) continue;
    uint32_t count = 1;
    if (body.kind >= LQ_PHYSICS_COMPOUND)
      count = lqi_narrow_parts(&body, &capsule, LQI_MARGIN_M, found, PARTS);
    else
      lqi_narrow(&body, &capsule, LQI_MARGIN_M, found);
    if (count == LQI_NONE) count = PARTS; /* so many are filled */
    for (uint32_t j = 0; j < count; j++)
      if (found[j].count) put_manifold(k, &body, &found[j], p);
  }
}

/* The nearest to `want` that keeps all planes: each pushes by as much as is still needed, and takes
 * back what others made needless. */
static v3 solve(planes *p, v3 want) {
  v3 x = want;
  for (uint32_t round = 0; round < ROUNDS; round++) {
    float most = 0;
    for (uint32_t i = 0; i < p->count; i++) {
      plane *q = &p->plane[i];
      float next = f_max(0, q->pushed + q->least - v3_dot(q->normal, x)), change = next - q->pushed;
      q->pushed = next;
      x = v3_mad(x, q->normal, change);
      most = f_max(most, f_abs(change));
    }
    if (most < 1e-7f) break;
  }
  return x;
}

typedef struct caster {
  lqi_shape capsule;
  lqi_sweep sweep;
  lqi_box box;
  double gap, slack;
} caster;

static caster caster_of(const lqi_walker *k, v3 at, v3 way) {
  caster c = {.capsule = capsule_at(k, at), .gap = 0.5 * (double)LQI_MOVER_GAP_M};
  c.sweep = lqi_sweep_still(&c.capsule), c.sweep.way = d3_of(way);
  c.slack = 0.5 * c.gap;
  c.box = lqi_broad_box(&c.capsule, way, 2 * LQI_MOVER_GAP_M);
  return c;
}

static bool cast_at(const caster *c, const lqi_shape *body, double most, lqi_meet *meet) {
  lqi_box other = lqi_broad_box(body, (v3){0, 0, 0}, 0);
  if (lqi_apart_boxes(&c->box, &other)) return false;
  lqi_sweep still = lqi_sweep_still(body);
  lqi_race r = {.a = body,
                .b = &c->capsule,
                .sweep_a = &still,
                .sweep_b = &c->sweep,
                .gap = c->gap,
                .slack = c->slack,
                .most = most,
                .leave = true};
  return lqi_race_run(&r, meet);
}

float lqi_walker_cast(const lqi_walker *k, v3 at, v3 way) {
  caster c = caster_of(k, at, way);
  double best = 1;
  for (uint32_t i = 0; i < rows(k); i++) {
    lqi_meet meet;
    if (!meets(k, row_at(k, i))) continue;
    lqi_shape body = body_at(k, row_at(k, i));
    if (cast_at(&c, &body, best, &meet)) best = d_min(best, meet.at);
  }
  return (float)best;
}

v3 lqi_walker_slide(const lqi_walker *k, v3 at, v3 way) {
  v3 target = v3_add(at, way);
  for (uint32_t i = 0; i < SLIDES; i++) {
    planes p;
    gather(k, at, &p);
    v3 x = solve(&p, v3_sub(target, at));
    if (v3_dot(x, x) < 1e-12f) break;
    float part = lqi_walker_cast(k, at, x);
    at = v3_mad(at, x, part);
    if (part >= 1) break;
  }
  return at;
}

lqi_footing lqi_walker_foot(const lqi_walker *k, v3 at, float down) {
  caster c = caster_of(k, at, v3_scale(k->up, -down));
  lqi_footing first = {.fraction = 1}, best = first;
  c.gap = (double)LQI_MOVER_GAP_M, c.slack = 1e-4;
  const float near = LQI_MOVER_GAP_M / f_max(down, LQI_MOVER_GAP_M);
  for (uint32_t i = 0; i < rows(k); i++) {
    lqi_meet meet;
    uint32_t row = row_at(k, i);
    if (!meets(k, row)) continue;
    lqi_shape body = body_at(k, row);
    if (!cast_at(&c, &body, 1, &meet)) continue;
    lqi_footing f = {.fraction = (float)meet.at, .row = row};
    f.normal = d3_round(meet.near.normal);
    f.point = d3_round(d3_mad(meet.near.on_a, meet.near.normal, meet.skin_a));
    f.walkable = walkable(k, &body, f.point, &f.normal);
    if (f.fraction < first.fraction) first = f;
    if (f.walkable && (!best.walkable || f.fraction < best.fraction)) best = f;
  }
  /* It stands on what bears it, though something steep be a hair nearer. */
  if (!best.walkable || best.fraction > first.fraction + near) return first;
  best.fraction = first.fraction;
  return best;
}

v3 lqi_walker_clip(const lqi_walker *k, v3 at, v3 velocity) {
  planes p;
  uint32_t kept = 0;
  gather(k, at, &p);
  for (uint32_t i = 0; i < p.count; i++)
    if (p.plane[i].least > -0.5f * LQI_MOVER_GAP_M) {
      p.plane[kept] = p.plane[i];
      p.plane[kept++].least = 0;
    }
  p.count = kept;
  return solve(&p, velocity);
}
