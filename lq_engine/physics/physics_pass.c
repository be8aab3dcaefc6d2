/* Who goes through a sensor within one step. Contacts know who is in it as a step begins; who is
 * before it then and behind it at the end was never there. So whoever is fast, and whatever a fast
 * sensor goes by, is swept along its way, straight and with one turn, as the net of fast bodies
 * does it. A begin and an end are told of who is met, by more than the slop, and is in the sensor
 * at neither end; of others the next step tells. */
#include "lq_engine/physics/cast_int.h"
#include "lq_engine/physics/joint_int.h"

static bool sensor(const lq_physics *w, uint32_t row) {
  return (w->def[row].flags & LQI_SENSOR) != 0;
}

/* As the step began. */
static bool touched(const lq_physics *w, uint64_t a, uint64_t b) {
  uint32_t low = 0, high = w->head.contacts;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    const lqi_contact *c = &w->contact[middle];
    if (c->a == a && c->b == b) return true;
    if (c->a < a || (c->a == a && c->b < b))
      low = middle + 1;
    else
      high = middle;
  }
  return false;
}

static lqi_shape now(const lq_physics *w, uint32_t row) {
  return lqi_query_stand(w, &w->def[row], &w->dyn[row]);
}

/* By a sensor of a body; their boxes meet. */
static bool passed(const lq_physics *w, uint32_t by, uint32_t body) {
  uint32_t a = by < body ? by : body, b = by < body ? body : by;
  lqi_shape first = now(w, a), second = now(w, b);
  lqi_manifold found;
  lqi_meet meet;
  if (!lqi_broad_filter(w, a, b) || (w->head.joints && lqi_joint_parts(w, a, b))) return false;
  if (touched(w, w->def[a].id, w->def[b].id)) return false;
  lqi_sweep gate = lqi_ccd_sweep(w, by), way = lqi_ccd_sweep(w, body);
  gate.stop = way.stop = 1; /* who was stopped has gone all the way to where it is */
  lqi_race race = {.a = by == a ? &first : &second,
                   .b = by == a ? &second : &first,
                   .sweep_a = &gate,
                   .sweep_b = &way,
                   .slack = 1e-4,
                   .most = 1,
                   .shrink = (double)LQI_SLOP_M};
  return lqi_race_run(&race, &meet) && lqi_narrow_parts(&first, &second, 0, &found, 1) == 0;
}

static lqi_box box_of(const lq_physics *w, uint32_t row) {
  if (lqi_ccd_went(w, row)) return lqi_ccd_box(w, row);
  lqi_shape s = now(w, row);
  return lqi_broad_box(&s, (v3){0, 0, 0}, 0);
}

static void tell(lq_physics *w, uint64_t pair) {
  lq_physics_event e = {.a = w->def[pair >> 32].id,
                        .b = w->def[(uint32_t)pair].id,
                        .kind = LQ_PHYSICS_BEGIN,
                        .sensor = 1};
  if (w->events_max - w->events < 2) return;
  w->event[w->events++] = e;
  e.kind = LQ_PHYSICS_END;
  w->event[w->events++] = e;
}

/* Sensors into w->loose, their boxes into w->swept, which of them are fast into w->still; gives how
 * many sensors there are. */
static uint32_t sensors(lq_physics *w, bool *fast) {
  uint32_t count = 0;
  *fast = false;
  for (uint32_t row = 0; row < w->head.bodies; row++) {
    if (!sensor(w, row)) continue;
    w->loose[count++] = row;
    w->still[row] = lqi_ccd_went(w, row) && lqi_ccd_fast(w, row);
    *fast = *fast || w->still[row];
    w->swept[row] = box_of(w, row);
  }
  return count;
}

void lqi_pass(lq_physics *w) {
  bool any; /* fast sensors */
  uint32_t count = sensors(w, &any), found = 0;
  for (uint32_t row = 0; row < w->head.bodies && count > 0; row++) {
    bool fast = w->slot[row] && w->start[row].fast;
    if (sensor(w, row) || (!fast && !any)) continue;
    lqi_box box = box_of(w, row);
    for (uint32_t i = 0; i < count && found < w->config.pairs_max; i++) {
      uint32_t by = w->loose[i];
      if ((!fast && !w->still[by]) || lqi_apart_boxes(&box, &w->swept[by])) continue;
      if (!passed(w, by, row)) continue;
      w->pair[found++] = by < row ? (uint64_t)by << 32 | row : (uint64_t)row << 32 | by;
    }
  }
  lqi_broad_sort(w->pair, w->pair_spare, NULL, NULL, found);
  for (uint32_t i = 0; i < found; i++) tell(w, w->pair[i]);
}
