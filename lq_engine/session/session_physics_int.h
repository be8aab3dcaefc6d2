/* What the files of physics in the tick share: the bodies of a world, as rows of components. */
#ifndef LQ_ENGINE_SESSION_SESSION_PHYSICS_INT_H
#define LQ_ENGINE_SESSION_SESSION_PHYSICS_INT_H

#include "lq_engine/session/session_int.h"

enum { LQI_PHYSICS_ASKS_READY = 3 }; /* from so many questions on bodies are sorted for them */

typedef struct lqi_rows {
  lq_entity entity;
  uint64_t id;
  const lq_row_body *body;
  const lq_row_shape *shape;
  const lq_row_place *place;
  const lq_row_motion *motion; /* NULL: it stands still */
} lqi_rows;

typedef struct lqi_walk {
  const lq_session *s;
  lq_iter it;
  uint32_t at;
} lqi_walk;

/* Every body, in ascending rows. */
lqi_walk lqi_walk_begin(const lq_session *s);
bool lqi_walk_next(lqi_walk *w, lqi_rows *out);
lq_physics_body lqi_body_of(const lqi_rows *r);
/* After what contacts or joints keep, or a mark, changed. */
void lqi_physics_set_digest(lq_session *s);

void lqi_physics_tell_frozen(lq_session *s, lq_entity entity, const char *why);
/* Written only when it differs. */
void lqi_physics_put(lq_session *s, lq_entity entity, uint32_t type, const void *row, size_t bytes);
/* session_physics_joint.c: into the world, behind the bodies; true when there are any. */
bool lqi_physics_joints(lq_session *s);
void lqi_physics_unjoin(lq_session *s, lq_entity entity);
/* session_physics_field.c */
void lqi_physics_blasts(lq_session *session);
void lqi_physics_draughts(lq_session *session);
void lqi_physics_walkers(lq_session *session);
/* session_physics_answer.c: behind the step, into the rows of who asks. */
void lqi_physics_answers(lq_session *session);
/* Before these and the walkers: sorts the bodies when they are many. */
void lqi_physics_ready(lq_session *session);

static inline uint32_t lqi_physics_type(const lq_session *s, lq_physics_type t) {
  return s->game->physics.type[t];
}
/* The game names it, or need not. */
static inline bool lqi_physics_knows(const lq_session *s, lq_physics_type t) {
  return lqi_physics_type(s, t) != UINT32_MAX;
}
static inline uint64_t lqi_physics_bit(const lq_session *s, lq_physics_type t) {
  return 1ull << lqi_physics_type(s, t);
}
/* A handle with its halves swapped: ascending rows are ascending ids. And back. */
static inline uint64_t lqi_physics_id(uint64_t bits) { return bits << 32 | bits >> 32; }
static inline lq_entity lqi_physics_entity(uint64_t id) { return (lq_entity){lqi_physics_id(id)}; }
/* Steps of a tick: a rate below what the solver bears is cut into several. */
static inline uint32_t lqi_physics_steps(const lq_session *s) {
  enum { STEPS_HZ_MIN = 10 };
  uint32_t hz = s->core.hz;
  return hz >= STEPS_HZ_MIN ? 1 : (STEPS_HZ_MIN + hz - 1) / hz;
}

#endif
