/* Fast bodies stop at what they met: the last net, behind contacts that look ahead.
 *
 * Who moved in this step farther than half of its least extent is swept from where it was to where
 * it is, turning as well, against all that is not dynamic; a bullet against dynamic bodies, too. If
 * its inner part (smaller by half of that extent) meets something, the body goes only to where the
 * whole of it touched first, and keeps its speed; the contact of the next step does the rest. Who
 * only brushes along or slides over a seam is left alone. As b2FinalizeBodies of box2d v3.
 *
 * Each body's stop depends on where bodies were and would be, not on another's stop of the same
 * round: first all stop at what is not dynamic, then bullets at what is dynamic. So no order can
 * show; nor does the way that candidates are found, which only must not miss one. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/joint_int.h"

static const double NEAR_M = 0.25 * (double)LQI_SLOP_M;

void lqi_ccd_begin(lq_physics *w, uint32_t row) {
  lqi_start *s = &w->start[row];
  *s = (lqi_start){.stop = 1, .next = 1};
  memcpy(s->position, w->dyn[row].position, sizeof s->position);
  memcpy(s->rotation, w->dyn[row].rotation, sizeof s->rotation);
}

static float chord(const lqi_start *s, const lqi_dyn *d) {
  float square = 0;
  for (uint32_t i = 0; i < 4; i++) {
    float way = d->rotation[i] - s->rotation[i];
    square += way * way;
  }
  return f_sqrt(square);
}

bool lqi_ccd_fast(const lq_physics *w, uint32_t row) {
  const lqi_start *s = &w->start[row];
  const lqi_def *d = &w->def[row];
  float least = lqi_least(d->shape, d->size, w->asset[row]);
  float moved = v3_length(v3_sub(v3_of(w->dyn[row].position), v3_of(s->position)));
  if (d->reach > least) moved += 2.5f * chord(s, &w->dyn[row]) * (d->reach - least);
  return moved > 0.5f * least;
}

void lqi_ccd_moved(lq_physics *w, uint32_t row) {
  if (!(w->def[row].flags & LQI_SENSOR)) w->start[row].fast = lqi_ccd_fast(w, row);
}

bool lqi_ccd_went(const lq_physics *w, uint32_t row) {
  return w->slot[row] != 0 ||
         (w->def[row].kind == LQ_PHYSICS_KINEMATIC && lqi_active(&w->def[row], &w->dyn[row]));
}

/* From the beginning of the step to its end; still if it did not move. */
lqi_sweep lqi_ccd_sweep(const lq_physics *w, uint32_t row) {
  lqi_shape now = {.at = v3_of(w->dyn[row].position), .turn = m33_of(lqi_rotation(&w->dyn[row]))};
  lqi_sweep s = lqi_sweep_still(&now);
  if (!lqi_ccd_went(w, row)) return s;
  const lqi_start *b = &w->start[row];
  s.begin = (quat){b->rotation[0], b->rotation[1], b->rotation[2], b->rotation[3]};
  s.end = lqi_rotation(&w->dyn[row]);
  if (s.begin.x * s.end.x + s.begin.y * s.end.y + s.begin.z * s.end.z + s.begin.w * s.end.w < 0)
    s.end = (quat){-s.end.x, -s.end.y, -s.end.z, -s.end.w};
  s.turns = true;
  s.from = d3_of(v3_of(b->position));
  s.way = d3_sub(d3_of(now.at), s.from);
  s.stop = (double)b->stop;
  return s;
}

static lqi_shape shape_of(const lq_physics *w, uint32_t row, v3 at, m33 turn) {
  const lqi_def *d = &w->def[row];
  return (lqi_shape){d->shape, d->size, at, turn, w->asset[row]};
}

/* Around it at both ends, and around its corners' arcs, which rise above their chords by no more
 * than reach * (1 - cos(angle / 2)); an angle is at most pi times the chord of its quaternions. */
lqi_box lqi_ccd_box(const lq_physics *w, uint32_t row) {
  v3 zero = {0, 0, 0};
  quat q = lqi_rotation(&w->dyn[row]);
  lqi_shape end = shape_of(w, row, v3_of(w->dyn[row].position), m33_of(q));
  const lqi_start *s = &w->start[row];
  q = (quat){s->rotation[0], s->rotation[1], s->rotation[2], s->rotation[3]};
  lqi_shape begin = shape_of(w, row, v3_of(s->position), m33_of(q));
  float c = chord(s, &w->dyn[row]), reach = w->def[row].reach;
  float more = reach * f_min(1.25f * c * c, 2);
  lqi_box a = lqi_broad_box(&begin, zero, more), b = lqi_broad_box(&end, zero, more);
  for (uint32_t i = 0; i < 3; i++) {
    a.low[i] = f_min(a.low[i], b.low[i]), a.high[i] = f_max(a.high[i], b.high[i]);
  }
  return a;
}

static bool covered(const lqi_box *in, const lqi_box *out) {
  for (uint32_t i = 0; i < 3; i++)
    if (in->low[i] < out->low[i] || in->high[i] > out->high[i]) return false;
  return true;
}

/* The first time that the body (b) would go too deep into a wall (a); 2: never. Who lies deeper in
 * it as the step begins is left to the contact. */
static double stop_at(lqi_race race) {
  lqi_meet meet;
  race.gap = race.slack = NEAR_M, race.leave = true, race.shrink = 1e9;
  if (!lqi_race_run(&race, &meet)) return 2;
  double inner = meet.at;
  race.gap = 2 * NEAR_M, race.shrink = 0, race.leave = false, race.most = inner;
  return lqi_race_run(&race, &meet) && !meet.touching ? meet.at : inner;
}

static void against(lq_physics *w, uint32_t row, uint32_t other) {
  if (!w->start[row].fast || (w->def[other].flags & LQI_SENSOR)) return;
  const lqi_box *its = lqi_ccd_went(w, other) ? &w->swept[other] : &w->box[other];
  if (lqi_apart_boxes(&w->swept[row], its)) return;
  lqi_sweep sweep = lqi_ccd_sweep(w, row), still = lqi_ccd_sweep(w, other);
  lqi_shape body = shape_of(w, row, v3_of(w->dyn[row].position), still.turn),
            wall = shape_of(w, other, v3_of(w->dyn[other].position), still.turn);
  double at = stop_at(
      (lqi_race){.a = &wall, .b = &body, .sweep_a = &still, .sweep_b = &sweep, .most = sweep.stop});
  if ((float)at < w->start[row].next) w->start[row].next = (float)at, w->start[row].by = other;
}

/* In which round a body looks at another. */
static bool due(const lq_physics *w, uint32_t row, uint32_t other, bool dynamic) {
  if (w->slot[row] == 0 || !w->start[row].fast) return false;
  if (!dynamic) return w->def[other].kind != LQ_PHYSICS_DYNAMIC;
  return (w->def[row].flags & LQI_BULLET) && w->def[other].kind == LQ_PHYSICS_DYNAMIC;
}

static bool uncovered(const lq_physics *w, uint32_t row) {
  return lqi_ccd_went(w, row) && w->start[row].uncovered;
}

/* Pairs serve where both stayed in the boxes they were found with; the rest asks everybody. */
static void look(lq_physics *w, bool dynamic, uint32_t loose, uint32_t still) {
  for (uint32_t i = 0; i < w->pairs; i++) {
    uint32_t a = (uint32_t)(w->pair[i] >> 32), b = (uint32_t)w->pair[i];
    bool ab = due(w, a, b, dynamic), ba = due(w, b, a, dynamic);
    if ((!ab && !ba) || uncovered(w, a) || uncovered(w, b)) continue;
    if (ab) against(w, a, b);
    if (ba) against(w, b, a);
  }
  for (uint32_t row = 0; row < w->head.bodies && loose > 0; row++) {
    if (w->slot[row] == 0 || !w->start[row].fast) continue;
    bool all = w->start[row].uncovered;
    uint32_t count = !all ? loose : dynamic ? w->head.bodies : still;
    for (uint32_t i = 0; i < count; i++) {
      uint32_t other = !all ? w->loose[i] : dynamic ? i : w->still[i];
      if (other == row || !due(w, row, other, dynamic) || !lqi_broad_filter(w, row, other) ||
          lqi_joint_parts(w, row, other))
        continue;
      /* A sleeper may have been left out of the search for pairs. */
      if (w->dyn[other].flags & LQI_ASLEEP) lqi_broad_place(w, other);
      against(w, row, other);
    }
  }
}

static void settle(lq_physics *w) {
  for (uint32_t row = 0; row < w->head.bodies; row++)
    if (w->slot[row]) w->start[row].stop = f_min(w->start[row].stop, w->start[row].next);
}

static bool stops(const lq_physics *w, uint32_t row) {
  return w->slot[row] != 0 && w->start[row].stop < 1;
}

/* What it stopped at may move on, and takes it along. */
static d3 carried(const lq_physics *w, uint32_t by, double from, d3 at) {
  if (!lqi_ccd_went(w, by)) return at;
  lqi_sweep sweep = lqi_ccd_sweep(w, by);
  lqi_pose then = lqi_sweep_pose(&sweep, from), now = lqi_sweep_pose(&sweep, 1);
  d3 arm = d3_sub(at, then.at);
  arm = (d3){d3_dot(arm, then.x), d3_dot(arm, then.y), d3_dot(arm, then.z)};
  return d3_mad(d3_mad(d3_mad(now.at, now.x, arm.x), now.y, arm.y), now.z, arm.z);
}

/* Into the start for now: others may have to be carried by how this one moved. */
static void stop(lq_physics *w, uint32_t row) {
  lqi_start *s = &w->start[row];
  lqi_sweep sweep = lqi_ccd_sweep(w, row);
  quat q = lqi_sweep_turn(&sweep, sweep.stop);
  d3 at = carried(w, s->by, sweep.stop, d3_mad(sweep.from, sweep.way, sweep.stop));
  v3_put(s->place, d3_round(at));
  memcpy(s->turn, &q, sizeof q);
}

/* The boxes of all that count; gives how many are loose. */
static uint32_t cover(lq_physics *w, bool bullets) {
  uint32_t loose = 0;
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (!lqi_ccd_went(w, row)) continue;
    if (w->slot[row] && !w->start[row].fast && !bullets) continue; /* nobody looks at it */
    w->swept[row] = lqi_ccd_box(w, row);
    w->start[row].uncovered = !covered(&w->swept[row], &w->box[row]);
    if (w->start[row].uncovered) w->loose[loose++] = row;
  }
  return loose;
}

void lqi_ccd(lq_physics *w) {
  const float reach = LQ_PHYSICS_REACH_M;
  uint32_t still = 0;
  bool bullets = false;
  if (w->fast == 0) return;
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (w->def[row].kind != LQ_PHYSICS_DYNAMIC) w->still[still++] = row;
    if (w->slot[row] && w->start[row].fast && (w->def[row].flags & LQI_BULLET)) bullets = true;
  }
  uint32_t loose = cover(w, bullets);
  look(w, false, loose, still);
  settle(w);
  if (bullets) look(w, true, loose, still);
  if (bullets) settle(w);
  for (uint32_t row = 0; row < w->head.bodies; row++)
    if (stops(w, row)) stop(w, row);
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (!stops(w, row)) continue;
    for (uint32_t i = 0; i < 3; i++)
      w->dyn[row].position[i] = f_clamp(w->start[row].place[i], -reach, reach);
    memcpy(w->dyn[row].rotation, w->start[row].turn, sizeof w->dyn[row].rotation);
  }
}
