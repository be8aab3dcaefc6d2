/* When two moving cores meet: conservative advancement. At a distance d along a normal n nothing
 * comes nearer than at the closing speed along n and what turning adds, so the time until then is
 * skipped. After Mirtich ("Impulse-based Dynamic Simulation", 1996, 2.3). */
#include "lq_engine/physics/cast_int.h"

enum { ROUNDS = 96, LEAVING = 32 };

lqi_sweep lqi_sweep_still(const lqi_shape *s) {
  return (lqi_sweep){.from = d3_of(s->at), .turn = s->turn, .stop = 1};
}

quat lqi_sweep_turn(const lqi_sweep *s, double at) {
  float t = (float)d_min(at, s->stop);
  quat p = s->begin, q = s->end;
  return quat_unit((quat){p.x + (q.x - p.x) * t, p.y + (q.y - p.y) * t, p.z + (q.z - p.z) * t,
                          p.w + (q.w - p.w) * t});
}

lqi_pose lqi_sweep_pose(const lqi_sweep *s, double at) {
  m33 turn = s->turns ? m33_of(lqi_sweep_turn(s, at)) : s->turn;
  return (lqi_pose){d3_mad(s->from, s->way, d_min(at, s->stop)), d3_of(turn.x), d3_of(turn.y),
                    d3_of(turn.z)};
}

/* The axis that a sweep turns about, in the world, times the fastest that it turns: between two
 * quaternions with a chord of c the straight line, made a unit one, turns at most by
 * 2 c / root(1 - c c / 4) a unit of time. */
static d3 turning(const lqi_sweep *s) {
  quat p = s->begin, q = s->end, back = {-p.x, -p.y, -p.z, p.w}, d = quat_mul(q, back);
  double x = (double)(q.x - p.x), y = (double)(q.y - p.y), z = (double)(q.z - p.z),
         w = (double)(q.w - p.w), square = x * x + y * y + z * z + w * w;
  d3 axis = {(double)d.x, (double)d.y, (double)d.z};
  double length = d3_length(axis);
  if (!s->turns || !(square > 0) || !(length > 0)) return (d3){0, 0, 0};
  return d3_scale(axis, 2 * d_sqrt(square / (1 - d_min(square, 2) / 4)) / length);
}

typedef struct turner {
  d3 axis;
  double swing; /* the most that a point of the core moves, a unit of time: its speed stays */
  double reach; /* m, of the core from the body's centre */
} turner;
static turner turner_of(const lqi_core *c, const lqi_sweep *s) {
  turner t = {turning(s), 0, 0};
  if (c->plane || d3_dot(t.axis, t.axis) == 0) return t;
  lqi_pose p = lqi_sweep_pose(s, 0);
  d3 axis = {d3_dot(p.x, t.axis), d3_dot(p.y, t.axis), d3_dot(p.z, t.axis)};
  for (uint32_t i = 0; i < lqi_core_corners(c); i++) {
    d3 arm = lqi_core_corner(c, i), speed = d3_cross(axis, arm);
    t.swing = d_max(t.swing, d3_dot(speed, speed));
    t.reach = d_max(t.reach, d3_dot(arm, arm));
  }
  t.swing = d_sqrt(t.swing), t.reach = d_sqrt(t.reach);
  return t;
}

/* The most that turning moves the core along n: n . (axis x arm) = (n x axis) . arm. */
static double along(const turner *t, d3 n) {
  return t->swing == 0 ? 0 : d_min(t->swing, d3_length(d3_cross(n, t->axis)) * t->reach);
}

typedef struct contest { /* of two parts */
  const lqi_race *race;
  const lqi_core *a, *b;
  turner turn_a, turn_b;
  double target;
} contest;

static lqi_apart apart_at(const contest *c, double at) {
  lqi_pose pa = lqi_sweep_pose(c->race->sweep_a, at), pb = lqi_sweep_pose(c->race->sweep_b, at);
  return lqi_distance(c->a, &pa, c->b, &pb);
}

/* What comes nearer at most along n, a unit of time. */
static double closing(const contest *c, d3 n) {
  const lqi_sweep *sa = c->race->sweep_a, *sb = c->race->sweep_b;
  double turning = along(&c->turn_a, n) + along(&c->turn_b, n);
  /* Who has stopped early does not come along any more, nor does it go away. */
  if (sa->stop < 1 || sb->stop < 1)
    return turning + d_max(d3_dot(sa->way, n), 0) + d_max(-d3_dot(sb->way, n), 0);
  return turning + d3_dot(sa->way, n) - d3_dot(sb->way, n);
}

/* How fast the two nearest points part, at the beginning. */
static double parting(const contest *c, const lqi_apart *r) {
  const lqi_sweep *sa = c->race->sweep_a, *sb = c->race->sweep_b;
  d3 va = d3_add(sa->way, d3_cross(c->turn_a.axis, d3_sub(r->on_a, sa->from)));
  d3 vb = d3_add(sb->way, d3_cross(c->turn_b.axis, d3_sub(r->on_b, sb->from)));
  return d3_dot(d3_sub(vb, va), r->normal);
}

typedef enum leave { STAYS, TOUCHES, APART } leave;

/* Two that touch at the beginning, in steps of a part of the time: until when they do no worse, and
 * have to stay there; or they touch all the time; or they are apart then. */
static leave leaving(const contest *c, lqi_meet *out) {
  double first = out->near.distance, slack = c->race->slack;
  if (parting(c, &out->near) < -slack) return STAYS;
  for (uint32_t i = 1; i <= LEAVING; i++) {
    double at = (double)i / (double)LEAVING;
    lqi_apart r = apart_at(c, at);
    if (r.distance <= 0 || r.distance < first - slack) return STAYS;
    out->at = at, out->near = r;
    if (r.distance > c->target + slack) return APART;
  }
  return TOUCHES;
}

/* The first time up to `most` at which the two are nearer than the target and the slack. */
static bool meeting(const contest *c, double most, lqi_meet *out) {
  double slack = c->race->slack;
  *out = (lqi_meet){.at = 0};
  for (uint32_t round = 0; round < ROUNDS; round++) {
    out->near = apart_at(c, out->at);
    if (out->near.distance <= c->target + slack) {
      out->touching = round == 0;
      if (!out->touching || !c->race->leave) return true;
      if (out->near.distance <= 0) return true;
      out->touching = false;
      leave how = leaving(c, out);
      if (how == TOUCHES) return false;
      if (how == STAYS) return out->at <= most;
    }
    double speed = closing(c, out->near.normal);
    if (!(speed > 0)) return false;
    out->at += (out->near.distance - c->target) / speed;
    if (out->at > most) return false;
  }
  return true; /* up to here it is safe */
}

/* One part that goes against all parts of the other shape, which alone may be a surface. */
typedef struct runner {
  const lqi_core *core;
  const lqi_sweep *sweep;
  turner turner;
  d3 from, to;   /* its middle at the beginning and at the end */
  double radius; /* m, around the straight way between the two it never leaves that */
} runner;

static d3 out_of(const lqi_pose *p, d3 at) {
  return d3_mad(d3_mad(d3_mad(p->at, p->x, at.x), p->y, at.y), p->z, at.z);
}

static runner runner_of(const lqi_core *core, const lqi_sweep *sweep) {
  lqi_core alone = *core;
  lqi_pose begin = lqi_sweep_pose(sweep, 0), end = lqi_sweep_pose(sweep, 1);
  d3 own = core->placed ? core->own.at : (d3){0, 0, 0};
  runner r = {core, sweep, turner_of(core, sweep), out_of(&begin, own), out_of(&end, own), 0};
  alone.placed = false;
  /* An arc rises above its chord by reach * (1 - cos(angle / 2)) at most. */
  double rate = d3_length(r.turner.axis);
  r.radius = lqi_core_reach(&alone) + d3_length(own) * rate * rate * 0.125;
  return r;
}

/* Where a surface may be met by it, in the surface's coordinates. */
static lqi_box region(const lqi_sweep *surface, const runner *run, double gap) {
  lqi_pose p = lqi_sweep_pose(surface, 0);
  d3 from = d3_sub(run->from, surface->from),
     to = d3_sub(d3_sub(run->to, surface->way), surface->from);
  double more = run->radius + gap + 1e-3;
  /* A surface that turns or stands still early comes by in other ways as well. */
  more += d3_length(turning(surface)) * (d_max(d3_length(from), d3_length(to)) + more);
  if (surface->stop < 1 || run->sweep->stop < 1)
    more += d3_length(surface->way) + d3_length(run->sweep->way);
  const d3 axis[3] = {p.x, p.y, p.z};
  lqi_box box = {{0}, {0}};
  for (uint32_t i = 0; i < 3; i++) {
    double a = d3_dot(axis[i], from), b = d3_dot(axis[i], to);
    box.low[i] = (float)(d_min(a, b) - more), box.high[i] = (float)(d_max(a, b) + more);
  }
  return box;
}

/* Whether a triangle is not met: the part's middle lies behind it as the step begins, or all of the
 * part stays above its plane. */
static bool passes(const lqi_core *triangle, const lqi_sweep *surface, const runner *run,
                   double near) {
  lqi_pose t = lqi_sweep_pose(surface, 0);
  d3 n = triangle->normal, corner = out_of(&t, lqi_core_corner(triangle, 0));
  n = d3_mad(d3_mad(d3_scale(t.x, n.x), t.y, n.y), t.z, n.z);
  double from = d3_dot(d3_sub(run->from, corner), n);
  if (from < -(double)LQI_SLOP_M) return true;
  if (surface->turns || surface->stop < 1 || run->sweep->stop < 1) return false;
  double to = d3_dot(d3_sub(d3_sub(run->to, surface->way), corner), n);
  return d_min(from, to) > run->radius + near;
}

/* The first meeting of one part; true: better than what there was. */
static bool run_part(const lqi_race *r, const runner *run, bool is_b, lqi_meet *best) {
  const lqi_shape *shape = is_b ? r->a : r->b;
  const lqi_sweep *sweep = is_b ? r->sweep_a : r->sweep_b;
  lqi_box near = region(sweep, run, r->gap + r->slack);
  lqi_cores parts = lqi_cores_of(shape, &near);
  lqi_core other;
  lqi_meet meet;
  bool found = false;
  while (lqi_cores_next(&parts, &other)) {
    const lqi_core *a = is_b ? &other : run->core, *b = is_b ? run->core : &other;
    if (a->plane && b->plane) continue;
    if (other.front && passes(&other, sweep, run, r->gap + r->slack)) continue;
    turner t = turner_of(&other, sweep);
    contest c = {
        r, a, b, is_b ? t : run->turner, is_b ? run->turner : t, a->skin + b->skin + r->gap};
    if (!meeting(&c, best->at, &meet)) continue;
    if (r->leave && meet.touching) continue;
    if (best->skin_a >= 0 && meet.at >= best->at) continue;
    meet.skin_a = a->skin;
    *best = meet, found = true;
  }
  return found;
}

bool lqi_race_run(const lqi_race *r, lqi_meet *out) {
  bool is_b = r->b->kind < LQ_PHYSICS_MESH, found = false;
  const lqi_shape *shape = is_b ? r->b : r->a;
  lqi_core core;
  *out = (lqi_meet){.at = r->most, .skin_a = -1}; /* below 0: nothing yet */
  if (shape->kind >= LQ_PHYSICS_MESH) return false;
  lqi_cores parts = lqi_cores_of(shape, NULL);
  while (lqi_cores_next(&parts, &core)) {
    if (r->shrink > 0) core = lqi_core_shrink(&core, r->shrink);
    runner run = runner_of(&core, is_b ? r->sweep_b : r->sweep_a);
    found |= run_part(r, &run, is_b, out);
  }
  return found;
}
