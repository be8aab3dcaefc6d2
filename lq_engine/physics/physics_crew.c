/* A phase of a step on several hands. */
#include "lq_engine/physics/physics_int.h"

typedef struct shared {
  lq_physics *w;
  lqi_share *share;
  uint32_t from, to, block;
} shared;

static void one(void *work, uint32_t index) {
  const shared *s = work;
  uint32_t from = s->from + index * s->block;
  s->share(s->w, from, s->to - from < s->block ? s->to : from + s->block);
}

void lqi_each(lq_physics *w, lqi_share *share, uint32_t from, uint32_t to, uint32_t block) {
  if (!w->crew || to - from <= block) {
    share(w, from, to);
    return;
  }
  shared s = {w, share, from, to, block};
  w->crew->run(w->crew->context, one, &s, (to - from + block - 1) / block);
}
