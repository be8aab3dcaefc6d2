/* Joints, which are components of entities of their own, on their way into the world. */
#include "lq_engine/session/session_physics_int.h"

static lq_physics_joint joint_of(const lq_row_joint *row, lq_entity entity) {
  lq_physics_joint j = {.id = lqi_physics_id(entity.bits),
                        .kind = (lq_physics_joint_kind)row->kind,
                        .a = lqi_physics_id(row->a.bits),
                        .b = lqi_physics_id(row->b.bits),
                        .cone = row->cone,
                        .lock_hertz = row->lock_hertz,
                        .lock_ratio = row->lock_ratio,
                        .break_force = row->break_force,
                        .break_torque = row->break_torque,
                        .collide = row->collide != 0};
  memcpy(j.point_a, row->point_a, sizeof j.point_a);
  memcpy(j.point_b, row->point_b, sizeof j.point_b);
  memcpy(j.frame_a, row->frame_a, sizeof j.frame_a);
  memcpy(j.frame_b, row->frame_b, sizeof j.frame_b);
  for (uint32_t i = 0; i < LQ_PHYSICS_AXES; i++)
    j.axis[i] = (lq_physics_axis){(lq_physics_axis_mode)row->mode[i],
                                  row->low[i],
                                  row->high[i],
                                  row->motor_speed[i],
                                  row->motor_max[i],
                                  row->spring_hertz[i],
                                  row->spring_ratio[i],
                                  row->spring_max[i],
                                  row->target[i]};
  return j;
}

void lqi_physics_unjoin(lq_session *s, lq_entity entity) {
  lq_row_joint *row = lq_world_write(s->world, entity, lqi_physics_type(s, LQ_TYPE_JOINT));
  row->broken = 1;
}

/* Whose numbers or bodies make no sense ties nothing, told once. */
bool lqi_physics_joints(lq_session *s) {
  uint32_t type = lqi_physics_type(s, LQ_TYPE_JOINT);
  bool any = false;
  lq_iter it = lq_world_query(s->world, (lq_query){lqi_physics_bit(s, LQ_TYPE_JOINT), 0});
  while (lq_iter_next(&it)) {
    const lq_row_joint *row = lq_iter_read(&it, type);
    for (uint32_t i = 0; i < it.count; i++) {
      lq_entity entity = lq_iter_entity(&it, i);
      lq_diag diag = {0};
      any = true;
      if (row[i].broken) continue;
      lq_physics_joint j = joint_of(&row[i], entity);
      if (lq_physics_joint_append(s->physics->world, &j, &diag) == LQ_OK) continue;
      lqi_physics_tell_frozen(s, entity, diag.message);
      lqi_physics_unjoin(s, entity);
    }
  }
  return any;
}
