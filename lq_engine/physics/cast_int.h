/* Distances and times of impact of convex shapes, for casts, fast bodies and movers.
 *
 * A shape is a core with a skin: a box of half extents that may be 0 (a point, a segment), or the
 * corners of a hull; a half-space stands for itself. All in doubles: a ball of 5 mm at a floor of
 * 2 km needs more digits than a float has. Doubles are as exact everywhere as floats are. */
#ifndef LQ_ENGINE_PHYSICS_CAST_INT_H
#define LQ_ENGINE_PHYSICS_CAST_INT_H

#include "lq_engine/physics/triangle_int.h"

typedef struct d3 {
  double x, y, z;
} d3;

static inline d3 d3_of(v3 a) { return (d3){(double)a.x, (double)a.y, (double)a.z}; }
static inline v3 d3_round(d3 a) { return (v3){(float)a.x, (float)a.y, (float)a.z}; }
static inline d3 d3_add(d3 a, d3 b) { return (d3){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline d3 d3_sub(d3 a, d3 b) { return (d3){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline d3 d3_scale(d3 a, double s) { return (d3){a.x * s, a.y * s, a.z * s}; }
static inline d3 d3_mad(d3 a, d3 b, double s) {
  return (d3){a.x + b.x * s, a.y + b.y * s, a.z + b.z * s};
}
static inline double d3_dot(d3 a, d3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline d3 d3_cross(d3 a, d3 b) {
  return (d3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
static inline double d_sqrt(double x) { return __builtin_sqrt(x); }
static inline double d3_length(d3 a) { return d_sqrt(d3_dot(a, a)); }
static inline double d_min(double a, double b) { return a < b ? a : b; }
static inline double d_max(double a, double b) { return a > b ? a : b; }

typedef struct lqi_pose {
  d3 at, x, y, z; /* m; the axes in the world */
} lqi_pose;

typedef struct lqi_core {
  double half[3];      /* m; of a hull those of its bounds */
  double skin;         /* m */
  const float *corner; /* of a hull, four numbers each, in its coordinates; NULL: a box */
  uint32_t corners;
  double scale[3]; /* of its corners */
  bool plane;      /* the half-space below local y = 0 */
  bool placed;     /* a part that stands apart from its body's centre */
  lqi_pose own;
  bool front; /* a triangle: who is behind it does not meet it */
  d3 normal;  /* of that */
} lqi_core;

/* The convex parts of a shape, one after the other: children, or the triangles near a box. */
typedef struct lqi_cores {
  const lqi_shape *shape;
  uint32_t at, count;
  lqi_walk walk;
  float corner[3][4]; /* of the triangle it is at */
} lqi_cores;

typedef struct lqi_apart {
  double distance; /* of the cores, m; 0: they overlap (below 0 only in a half-space) */
  d3 normal;       /* from a to b; all 0 when they overlap */
  d3 on_a, on_b;   /* the nearest points of the cores, in the world */
} lqi_apart;

/* A motion through a step, its time from 0 to 1: straight on, and about one axis. */
typedef struct lqi_sweep {
  d3 from, way;
  m33 turn;   /* all the time, unless it turns */
  bool turns; /* from begin to end, not more than a half turn apart */
  quat begin, end;
  double stop; /* stands still from then on */
} lqi_sweep;

typedef struct lqi_meet {
  double at;      /* 0 .. most */
  bool touching;  /* already at 0 */
  lqi_apart near; /* then */
  double skin_a;  /* of the part of a */
} lqi_meet;

/* A question for the first meeting of any parts of two shapes. */
typedef struct lqi_race {
  const lqi_shape *a, *b;
  const lqi_sweep *sweep_a, *sweep_b;
  double gap;    /* m, of the surfaces: nearer is a meeting */
  double slack;  /* m, above 0: how much more than the gap will do */
  double most;   /* up to this time */
  double shrink; /* m, b (beside a surface the other one) is smaller by that on each side, at most
                  * by half of its least extent */
  bool leave; /* whoever touches at 0 and goes away or along is no meeting, nor are parts that lie
               * in each other then */
} lqi_race;

/* physics_core.c */
/* near: in the shape's coordinates; read for surfaces only. */
lqi_cores lqi_cores_of(const lqi_shape *s, const lqi_box *near);
/* A core of a surface is good until the next one. */
bool lqi_cores_next(lqi_cores *it, lqi_core *out);
/* Smaller by so many metres on each side, at most by half of its least extent. */
lqi_core lqi_core_shrink(const lqi_core *c, double by);
/* The farthest corner from the body's centre, with the skin. */
double lqi_core_reach(const lqi_core *c);
uint32_t lqi_core_corners(const lqi_core *c);
d3 lqi_core_corner(const lqi_core *c, uint32_t index); /* from the body's centre, in the body */
/* The corner farthest along `way`, from the body's centre, in the world. */
d3 lqi_core_farthest(const lqi_core *c, const lqi_pose *p, d3 way);
/* m, the least half extent; large for a half-space */
float lqi_least(uint32_t kind, const float *size, const lqi_asset *asset);

/* physics_distance.c */
lqi_pose lqi_pose_of(const lqi_shape *s);
lqi_apart lqi_distance(const lqi_core *a, const lqi_pose *pa, const lqi_core *b,
                       const lqi_pose *pb);

/* physics_toi.c */
lqi_sweep lqi_sweep_still(const lqi_shape *s);
lqi_pose lqi_sweep_pose(const lqi_sweep *s, double at);
quat lqi_sweep_turn(const lqi_sweep *s, double at);
/* The first meeting of their parts; of two at once that of the first parts. False: none. */
bool lqi_race_run(const lqi_race *r, lqi_meet *out);

/* physics_ccd.c: from the beginning of the step to its end; still if it did not move. */
lqi_sweep lqi_ccd_sweep(const lq_physics *w, uint32_t row);

/* physics_cast.c */
/* When a probe that moves along `way` comes as near to a body as `gap`. */
bool lqi_cast(const lqi_shape *body, const lqi_shape *probe, v3 way, double gap, lqi_meet *out);
/* As lq_physics_closest gives it, without the id; farther than `most` when there is nothing. */
lq_physics_hit lqi_nearest(const lqi_shape *s, v3 point, float most);

/* physics_query.c */
void lqi_query_insert(lq_physics_hit *hits, uint32_t max, uint32_t *count, lq_physics_hit hit);
lqi_shape lqi_query_stand(const lq_physics *w, const lqi_def *d, const lqi_dyn *s);
bool lqi_query_asked(const lqi_def *d, uint32_t mask);
/* One shape. From inside: fraction 0 and no normal. */
bool lqi_query_ray(const lqi_shape *s, v3 from, v3 way, float *fraction, v3 *normal);

/* physics_seek.c: bodies near a box or along a ray, in no particular order: all whose box passes.
 * With the tree they are the same: every rounding in the test of a box is monotone, so that who
 * passes has parents that pass. */
enum { LQI_SEEK_STACK = 64, LQI_SEEK_LEVELS = 10 };
typedef struct lqi_seek {
  const lq_physics *w;
  bool ray;
  lqi_box box; /* near it, unless along a ray: */
  v3 from, way;
  uint32_t next;                        /* row, without the tree */
  uint32_t nodes, node[LQI_SEEK_STACK]; /* to be looked at: level and place in it */
  uint32_t level_at[LQI_SEEK_LEVELS], level_count[LQI_SEEK_LEVELS];
} lqi_seek;
lqi_seek lqi_seek_box(const lq_physics *w, const lqi_box *box);
lqi_seek lqi_seek_ray(const lq_physics *w, v3 from, v3 way);
/* The next one and how it stands; false: no more. */
bool lqi_seek_next(lqi_seek *s, uint32_t *row, lqi_shape *shape);

#endif
