/* Who is touched by somebody awake is solved awake: a sleeper counts as static, so what hits it
 * would hit a wall, and its momentum would be gone before the sleeper wakes. */
#include "lq_engine/physics/joint_int.h"

static bool sleeper(const lq_physics *w, uint32_t row) {
  return w->def[row].kind == LQ_PHYSICS_DYNAMIC && w->dyn[row].flags == LQI_ASLEEP;
}

/* Islands of sleepers, by what they touched as they fell asleep, and their joints. */
static void islands(lq_physics *w, uint32_t *parent) {
  uint32_t a = 0;
  for (uint32_t i = 0; i < w->head.bodies; i++) parent[i] = i;
  for (uint32_t i = 0; i < w->head.contacts; i++) {
    const lqi_contact *c = &w->contact[i];
    while (w->def[a].id != c->a) a++;
    if ((c->flags & LQI_CONTACT_SENSOR) || !sleeper(w, a)) continue;
    uint32_t b = lqi_physics_row(w, c->b);
    if (sleeper(w, b)) lqi_tie(parent, a, b);
  }
  for (uint32_t i = 0; i < w->head.joints; i++) {
    const lqi_joint_work *k = &w->joint_work[i];
    if (k->row_a == LQI_NONE || k->row_b == LQI_NONE) continue;
    if (sleeper(w, k->row_a) && sleeper(w, k->row_b)) lqi_tie(parent, k->row_a, k->row_b);
  }
}

/* The sleeper that a manifold ties to somebody who moves, or LQI_NONE. */
static uint32_t touched(const lq_physics *w, uint32_t manifold) {
  bool a = w->mover[manifold][0] != 0, b = w->mover[manifold][1] != 0;
  if (a == b) return LQI_NONE;
  uint32_t other = a ? w->manifold[manifold].row_b : w->manifold[manifold].row_a;
  return sleeper(w, other) ? other : LQI_NONE;
}

/* w->tired keeps what a woken row's was, w->parent which were woken: both are free until the step's
 * end, where islands are made. */
bool lqi_wake_touched(lq_physics *w, bool first) {
  uint32_t *parent = w->order_spare, *marked = w->order, hit, found = 0;
  for (uint32_t i = 0; i < w->manifolds; i++) {
    if ((hit = touched(w, i)) == LQI_NONE) continue;
    if (found++ == 0) {
      islands(w, parent);
      memset(marked, 0, w->head.bodies * sizeof *marked);
    }
    marked[lqi_root(parent, hit)] = 1;
  }
  if (found && first) memset(w->parent, 0, w->head.bodies * sizeof *w->parent);
  for (uint32_t i = 0; found && i < w->head.bodies; i++) {
    if (!sleeper(w, i) || !marked[lqi_root(parent, i)]) continue;
    w->tired[i] = w->dyn[i].tired;
    w->parent[i] = 1;
    lqi_physics_wake_row(w, i);
  }
  return found > 0;
}

void lqi_wake_undo(lq_physics *w) {
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    if (!w->parent[i]) continue;
    w->dyn[i].tired = w->tired[i];
    w->dyn[i].flags |= LQI_ASLEEP;
  }
}
