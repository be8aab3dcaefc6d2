/* What else moves bodies, and walkers, which are none: each of a component, in ascending rows. */
#include "lq_engine/session/session_physics_int.h"

/* Once: a blast goes off in the step, and its impulse is 0 behind it. */
void lqi_physics_blasts(lq_session *session) {
  uint32_t type = lqi_physics_type(session, LQ_TYPE_BLAST);
  lq_iter it =
      lq_world_query(session->world, (lq_query){lqi_physics_bit(session, LQ_TYPE_BLAST), 0});
  while (lq_iter_next(&it)) {
    const lq_row_blast *rows = lq_iter_read(&it, type);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_row_blast row = rows[i];
      lq_diag diag = {0};
      if (row.impulse == 0) continue;
      lq_physics_blast blast = {.radius = row.radius,
                                .falloff = row.falloff,
                                .impulse = row.impulse,
                                .mask = (uint32_t)row.mask};
      memcpy(blast.centre, row.at, sizeof blast.centre);
      lq_entity entity = lq_iter_entity(&it, i);
      if (lq_physics_explode(session->physics->world, &blast, NULL, &diag))
        lqi_physics_tell_frozen(session, entity, diag.message);
      row.impulse = 0;
      memcpy(lq_world_write(session->world, entity, type), &row, sizeof row);
    }
  }
}

/* In each step, where their Place is. Numbers that make no sense blow nothing. */
void lqi_physics_draughts(lq_session *session) {
  uint32_t type = lqi_physics_type(session, LQ_TYPE_DRAUGHT),
           at = lqi_physics_type(session, LQ_TYPE_PLACE);
  uint64_t with =
      lqi_physics_bit(session, LQ_TYPE_DRAUGHT) | lqi_physics_bit(session, LQ_TYPE_PLACE);
  lq_iter it = lq_world_query(session->world, (lq_query){with, 0});
  while (lq_iter_next(&it)) {
    const lq_row_draught *row = lq_iter_read(&it, type);
    const lq_row_place *place = lq_iter_read(&it, at);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_physics_draught d = {.region = (lq_physics_shape)row[i].kind,
                              .radial = row[i].radial,
                              .density = row[i].density,
                              .wake = row[i].wake != 0,
                              .mask = (uint32_t)row[i].mask};
      memcpy(d.size, row[i].size, sizeof d.size);
      memcpy(d.position, place[i].position, sizeof d.position);
      memcpy(d.rotation, place[i].rotation, sizeof d.rotation);
      memcpy(d.push, row[i].push, sizeof d.push);
      memcpy(d.wind, row[i].wind, sizeof d.wind);
      if (lq_physics_wind(session->physics->world, &d, NULL, NULL)) continue;
    }
  }
}

static lq_physics_mover mover_of(const lq_row_walker *row, const lq_row_place *place,
                                 lq_entity entity) {
  lq_physics_mover m = {.radius = row->radius,
                        .half = row->half,
                        .step = row->step,
                        .slope = row->slope,
                        .mask = (uint32_t)row->mask,
                        .self = lqi_physics_id(entity.bits),
                        .grounded = row->grounded != 0,
                        .ground = lqi_physics_id(row->ground.bits)};
  memcpy(m.position, place->position, sizeof m.position);
  memcpy(m.velocity, row->velocity, sizeof m.velocity);
  memcpy(m.ground_normal, row->ground_normal, sizeof m.ground_normal);
  memcpy(m.ground_velocity, row->ground_velocity, sizeof m.ground_velocity);
  return m;
}

static void mover_back(lq_session *s, lq_entity entity, const lq_physics_mover *m,
                       lq_row_walker row, lq_row_place place) {
  memcpy(place.position, m->position, sizeof place.position);
  memcpy(row.velocity, m->velocity, sizeof row.velocity);
  memcpy(row.ground_normal, m->ground_normal, sizeof row.ground_normal);
  memcpy(row.ground_velocity, m->ground_velocity, sizeof row.ground_velocity);
  row.ground = lqi_physics_entity(m->ground);
  row.grounded = m->grounded;
  lqi_physics_put(s, entity, lqi_physics_type(s, LQ_TYPE_PLACE), &place, sizeof place);
  lqi_physics_put(s, entity, lqi_physics_type(s, LQ_TYPE_WALKER), &row, sizeof row);
}

/* Behind the step, through the world as it stands. Who asks for nonsense stays. */
void lqi_physics_walkers(lq_session *session) {
  uint32_t type = lqi_physics_type(session, LQ_TYPE_WALKER),
           at = lqi_physics_type(session, LQ_TYPE_PLACE);
  uint64_t with =
      lqi_physics_bit(session, LQ_TYPE_WALKER) | lqi_physics_bit(session, LQ_TYPE_PLACE);
  float dt = 1 / (float)session->core.hz;
  lq_iter it = lq_world_query(session->world, (lq_query){with, 0});
  while (lq_iter_next(&it)) {
    const lq_row_walker *row = lq_iter_read(&it, type);
    const lq_row_place *place = lq_iter_read(&it, at);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity entity = lq_iter_entity(&it, i);
      lq_physics_mover m = mover_of(&row[i], &place[i], entity);
      if (lq_physics_mover_move(session->physics->world, &m, row[i].wish, dt, NULL)) continue;
      mover_back(session, entity, &m, row[i], place[i]);
    }
  }
}
