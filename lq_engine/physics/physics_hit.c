/* Hits: contacts that press in this step, and how fast their points came together as it began. Told
 * in the order of pairs; of a pair with several parts, the fastest. Who lands rocks onto its other
 * corners in the steps behind that, nearly as fast as it may: they belong to the same hit. */
#include "lq_engine/physics/solve_int.h"

void lqi_hits_begin(lq_physics *w) {
  for (uint32_t i = 0; i < w->groups; i++) {
    const lqi_group *g = &w->group[i];
    for (uint32_t k = 0; k < g->points; k++) {
      float approach[4];
      lq_f32x4_store(approach, g->bounce[k].approach);
      for (uint32_t lane = 0; lane < 4; lane++)
        if (g->lane[lane] != LQI_NONE) w->hit[g->lane[lane]].speed[k] = approach[lane];
    }
  }
}

/* Only points that pressed count. */
static void sift(lq_physics *w, const lqi_group *g) {
  for (uint32_t k = 0; k < g->points; k++) {
    float most[4];
    lq_f32x4_store(most, g->bounce[k].most);
    for (uint32_t lane = 0; lane < 4; lane++)
      if (g->lane[lane] != LQI_NONE && !(most[lane] > 0)) w->hit[g->lane[lane]].speed[k] = 0;
  }
}

static uint32_t fastest(const lq_physics *w, uint32_t index) {
  uint32_t best = 0;
  for (uint32_t k = 1; k < w->manifold[index].count; k++)
    if (w->hit[index].speed[k] < w->hit[index].speed[best]) best = k;
  return best;
}

static void tell(lq_physics *w, uint32_t index) {
  const lqi_manifold *m = &w->manifold[index];
  uint32_t point = fastest(w, index);
  const lqi_point *p = &m->point[point];
  if (w->events == w->events_max) return;
  lq_physics_event *e = &w->event[w->events++];
  *e = (lq_physics_event){.a = w->def[m->row_a].id,
                          .b = w->def[m->row_b].id,
                          .kind = LQ_PHYSICS_HIT,
                          .speed = -w->hit[index].speed[point]};
  /* Arms are of the moment of the touch: seen from the slower one, which moved less until then. */
  v3 va = v3_of(w->dyn[m->row_a].velocity), vb = v3_of(w->dyn[m->row_b].velocity);
  bool by_a = v3_dot(va, va) <= v3_dot(vb, vb);
  v3_put(e->point,
         v3_add(v3_of(w->dyn[by_a ? m->row_a : m->row_b].position), by_a ? p->arm_a : p->arm_b));
  v3_put(e->normal, m->normal);
}

/* The pair's contacts, which are those of the manifolds from first to last; what they remember. */
static void end_pair(lq_physics *w, uint32_t first, uint32_t last, uint32_t which, float best) {
  bool fast = best <= -w->head.hit_speed;
  if (fast && !(w->contact_next[w->source[first]].flags & LQI_CONTACT_HIT)) tell(w, which);
  for (uint32_t i = first; i <= last; i++)
    w->contact_next[w->source[i]].flags = fast ? LQI_CONTACT_HIT : 0;
}

void lqi_hits_end(lq_physics *w) {
  float best = 0;
  uint32_t which = 0, first = 0;
  for (uint32_t i = 0; i < w->groups; i++) sift(w, &w->group[i]);
  for (uint32_t i = 0; i < w->manifolds; i++) {
    const lqi_manifold *m = &w->manifold[i], *next = m + 1;
    float speed = w->hit[i].speed[fastest(w, i)];
    if (speed < best) best = speed, which = i;
    if (i + 1 < w->manifolds && next->row_a == m->row_a && next->row_b == m->row_b) continue;
    end_pair(w, first, i, which, best);
    best = 0, first = i + 1;
  }
}
