/* Where a joint stands: its six places and how they change when its bodies turn.
 *
 * The turn of b's frame in a's is a swing after a twist about x. The twist is 2 atan2(x, w); the
 * swing is told as a rotation vector across x, so that a cone is a bound of its length (Grassia,
 * "Practical Parameterization of Rotations", 1998). A place's gradient is the vector whose product
 * with the relative spin is the place's speed; all three are exact, so limits and motors are right
 * at large angles, too. */
#include "lq_base/math.h"
#include "lq_engine/physics/joint_int.h"

static const float PI = 3.14159265f;

float lqi_joint_wrap(float angle) {
  if (angle > PI) return angle - 2 * PI;
  return angle < -PI ? angle + 2 * PI : angle;
}

/* After Shepperd (1978): by the largest of the four, so that nothing cancels. */
quat lqi_joint_basis(v3 x, v3 y, v3 z) {
  float w4 = x.x + y.y + z.z, x4 = x.x - y.y - z.z, y4 = y.y - x.x - z.z, z4 = z.z - x.x - y.y;
  quat q;
  if (w4 >= x4 && w4 >= y4 && w4 >= z4)
    q = (quat){y.z - z.y, z.x - x.z, x.y - y.x, 1 + w4};
  else if (x4 >= y4 && x4 >= z4)
    q = (quat){1 + x4, x.y + y.x, z.x + x.z, y.z - z.y};
  else if (y4 >= z4)
    q = (quat){x.y + y.x, 1 + y4, y.z + z.y, z.x - x.z};
  else
    q = (quat){z.x + x.z, y.z + z.y, 1 + z4, x.y - y.x};
  return quat_unit(q);
}

static quat quat_from(const float q[4]) { return (quat){q[0], q[1], q[2], q[3]}; }

/* Near a swing of pi a place has no speed that is finite: bounded there. */
static float bounded(float above, float below) { return above / f_max(below, 0.05f); }

static void turns(lqi_joint_pose *p, quat a, quat b) {
  quat q = quat_mul((quat){-a.x, -a.y, -a.z, a.w}, b);
  if (q.w < 0) q = (quat){-q.x, -q.y, -q.z, -q.w};
  float flat = f_sqrt(q.x * q.x + q.w * q.w); /* cos of half the swing */
  float each = bounded(1, flat);
  v3 s = {0, (q.y * q.w - q.z * q.x) * each, (q.y * q.x + q.z * q.w) * each}; /* n sin(half) */
  float sine = f_sqrt(s.y * s.y + s.z * s.z), swing = 2 * lq_math_atan2_f32(sine, flat);
  v3 y = {0, 1, 0}, z = {0, 0, 1}, x = {1, 0, 0}, way = {0, 0, 0};
  p->cone = swing;
  p->place[3] = flat > 1e-6f ? 2 * lq_math_atan2_f32(q.x, q.w) : 0;
  p->place[4] = p->place[5] = 0;
  if (sine > 1e-6f) {
    v3 n = v3_scale(s, 1 / sine);
    float cosine = 1 - 2 * sine * sine, sine2 = 2 * sine * flat;         /* of the swing */
    v3 other = {cosine, sine2 * n.z, -sine2 * n.y};                      /* b's x in a's frame */
    v3 across = v3_scale(v3_cross(other, n), swing / (2 * sine) * each); /* swing / sine2 */
    p->place[4] = swing * n.y, p->place[5] = swing * n.z;
    y = v3_mad(v3_scale(n, n.y), across, -n.z);
    z = v3_mad(v3_scale(n, n.z), across, n.y);
    x = v3_scale(v3_add(x, other), bounded(1, 1 + cosine));
    way = m33_turn(p->frame, n);
  }
  p->turning[0] = m33_turn(p->frame, x);
  p->turning[1] = m33_turn(p->frame, y);
  p->turning[2] = m33_turn(p->frame, z);
  p->swing = way;
}

lqi_joint_pose lqi_joint_pose_of(const lqi_joint *j, v3 between, quat a, quat b) {
  lqi_joint_pose p = {.cone = 0};
  quat frame_a = quat_mul(a, quat_from(j->frame_a)), frame_b = quat_mul(b, quat_from(j->frame_b));
  p.frame = m33_of(frame_a);
  if (j->a) p.arm_a = m33_turn(m33_of(a), v3_of(j->point_a));
  if (j->b) p.arm_b = m33_turn(m33_of(b), v3_of(j->point_b));
  p.apart = v3_add(between, v3_sub(p.arm_b, p.arm_a));
  if (j->kind == LQ_PHYSICS_DISTANCE) {
    float length = v3_length(p.apart);
    p.line = length > 1e-9f ? v3_scale(p.apart, 1 / length) : p.frame.x;
    p.place[0] = length;
    return p;
  }
  v3 apart = m33_back(p.frame, p.apart);
  p.place[0] = apart.x, p.place[1] = apart.y, p.place[2] = apart.z;
  turns(&p, frame_a, frame_b);
  return p;
}
