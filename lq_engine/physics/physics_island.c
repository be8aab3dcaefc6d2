/* Islands: dynamic bodies that contacts and joints hold together. They fall asleep and wake as one.
 */
#include "lq_engine/physics/joint_int.h"

static bool sleeps(const lq_physics *w, uint32_t row) {
  return (w->dyn[row].flags & LQI_ASLEEP) != 0;
}

/* Two bodies that hold each other. */
static void tie(lq_physics *w, uint32_t row, uint32_t other) {
  uint32_t kind_a = w->def[row].kind, kind_b = w->def[other].kind;
  if (kind_a == LQ_PHYSICS_DYNAMIC && kind_b == LQ_PHYSICS_DYNAMIC) {
    if ((w->dyn[row].flags | w->dyn[other].flags) & LQI_FROZEN) return;
    lqi_tie(w->parent, row, other);
  } else if (kind_a == LQ_PHYSICS_KINEMATIC && lqi_active(&w->def[row], &w->dyn[row])) {
    lqi_physics_wake_row(w, other);
  } else if (kind_b == LQ_PHYSICS_KINEMATIC && lqi_active(&w->def[other], &w->dyn[other])) {
    lqi_physics_wake_row(w, row);
  }
}

static void join(lq_physics *w) {
  uint32_t row = 0, other = 0;
  for (uint32_t i = 0; i < w->head.contacts; i++) {
    const lqi_contact *c = &w->contact[i];
    if (c->flags & LQI_CONTACT_SENSOR) continue;
    if (w->def[row].id != c->a) {
      while (w->def[row].id != c->a) row++;
      other = row;
    }
    other = lqi_physics_row_after(w, other, c->b);
    tie(w, row, other);
  }
}

/* Joined bodies are one island. What a motor moves, however slowly, does not tire. */
static void join_jointed(lq_physics *w) {
  for (uint32_t i = 0; i < w->head.joints; i++) {
    const lqi_joint_work *k = &w->joint_work[i];
    if (k->row_a != LQI_NONE && k->row_b != LQI_NONE) tie(w, k->row_a, k->row_b);
    if (k->drives && k->slot_a) w->dyn[k->row_a].tired = 0;
    if (k->drives && k->slot_b) w->dyn[k->row_b].tired = 0;
  }
}

/* Tired: the least of an island; below 0: somebody is awake and somebody is not. */
static void tire(lq_physics *w) {
  uint64_t *seen = w->used; /* bit 0: one is awake; bit 1: one is asleep */
  memset(seen, 0, w->head.bodies * sizeof *seen);
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    w->tired[i] = 1e30f;
    if (w->def[i].kind != LQ_PHYSICS_DYNAMIC || (w->dyn[i].flags & LQI_FROZEN)) continue;
    uint32_t root = lqi_root(w->parent, i);
    seen[root] |= sleeps(w, i) ? 2u : 1u;
    w->tired[root] = f_min(w->tired[root], w->dyn[i].tired);
  }
  for (uint32_t i = 0; i < w->head.bodies; i++)
    if (seen[i] == 3) w->tired[i] = -1;
}

void lqi_islands(lq_physics *w) {
  for (uint32_t i = 0; i < w->head.bodies; i++) w->parent[i] = i;
  join(w);
  join_jointed(w);
  tire(w);
  for (uint32_t i = 0; i < w->head.bodies; i++) {
    lqi_dyn *s = &w->dyn[i];
    if (w->def[i].kind != LQ_PHYSICS_DYNAMIC || (s->flags & LQI_FROZEN)) continue;
    float tired = w->tired[lqi_root(w->parent, i)];
    if (tired < 0) {
      lqi_physics_wake_row(w, i);
    } else if (tired >= LQI_SLEEP_S && !sleeps(w, i)) {
      s->flags |= LQI_ASLEEP;
      memset(s->velocity, 0, sizeof s->velocity);
      memset(s->spin, 0, sizeof s->spin);
    }
  }
}
