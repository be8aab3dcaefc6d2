/* Contacts found by a crew: simple shapes, which have one manifold a pair. Whoever else there is
 * (surfaces, compounds, sensors, the fast) is found when its turn comes. */
#include "lq_engine/physics/physics_int.h"

enum { BLOCK = 32 };

static bool simple(const lqi_def *d) {
  return d->shape < LQ_PHYSICS_COMPOUND && !(d->flags & LQI_SENSOR);
}

/* As touch() of physics_step.c asks whether to look ahead, or more often. */
static bool far(const lqi_manifold *m) {
  for (uint32_t i = 0; i < m->count; i++)
    if (m->point[i].gap <= 0) return false;
  return true;
}

static void look_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    uint32_t a = (uint32_t)(w->pair[i] >> 32), b = (uint32_t)w->pair[i];
    lqi_manifold *m = &w->found[i];
    bool fast;
    w->early[i].state = LQI_EARLY_NOT;
    if (!simple(&w->def[a]) || !simple(&w->def[b])) continue;
    float margin = lqi_ahead_margin(w, a, b, &fast);
    lqi_shape p = lqi_shape_at(w, a), q = lqi_shape_at(w, b);
    lqi_narrow(&p, &q, margin, m);
    m->child = 0, m->row_a = a, m->row_b = b;
    if (m->count ? margin > LQI_MARGIN_M && far(m) : fast) continue;
    w->early[i].state = m->count ? LQI_EARLY_TOUCH : LQI_EARLY_APART;
  }
}

static void fill_share(lq_physics *w, uint32_t from, uint32_t to) {
  for (uint32_t i = from; i < to; i++) {
    const lqi_early *e = &w->early[i];
    if (e->state != LQI_EARLY_TOUCH) continue;
    lqi_contact_make(w, &w->found[i], e->old == LQI_NONE ? NULL : &w->contact[e->old], e->flags,
                     &w->contact_next[e->contact]);
    if (e->manifold != LQI_NONE) w->manifold[e->manifold] = w->found[i];
  }
}

void lqi_early_begin(lq_physics *w) { lqi_each(w, look_share, 0, w->pairs, BLOCK); }
void lqi_early_end(lq_physics *w) { lqi_each(w, fill_share, 0, w->pairs, BLOCK); }
