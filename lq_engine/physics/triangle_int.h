/* Triangles of meshes and height fields, and what may touch them.
 *
 * A surface has one side: the one from which its corners turn left. A body touches a triangle only
 * while its centre is on that side (or behind it by less than the slop), so a closed mesh may be as
 * thin as it likes; the ground under a field is solid.
 * Seams: a triangle that lies among others may be touched at an edge or corner only from where the
 * whole surface, not the triangle alone, would be (the Voronoi region of the edge, the normal cone
 * of the corner); else its own normal counts. So nothing trips over the seams of a floor. After
 * Ericson (2005), 5.1.5; Terdiman, "Contact generation for meshes" (2009); Gregorius (GDC 2015).
 * Space: the axes of the surface, the centre of the other body at the origin. */
#ifndef LQ_ENGINE_PHYSICS_TRIANGLE_INT_H
#define LQ_ENGINE_PHYSICS_TRIANGLE_INT_H

#include "lq_engine/physics/shape_int.h"

enum {                     /* flags; shifted by 0, 1, 2 for each edge or corner */
       LQI_EDGE_SHARP = 1, /* convex by more than a degree, or open */
       LQI_EDGE_OPEN = 8,  /* nobody on its other side */
       LQI_CORNER = 64     /* what meets there is convex in every direction */
};

typedef struct lqi_triangle {
  v3 corner[3], across[3]; /* across: the far corner of the neighbour at edge k, from k to k + 1 */
  uint32_t name[3];        /* of the corners in the mesh */
  uint32_t number, flags;
  bool solid;                  /* a field's: also pushes out what has its centre below it */
  bool deep;                   /* the origin is behind it and over it */
  v3 normal, along[3], out[3]; /* units; out: in the plane, away from the triangle at edge k */
  float height;                /* of the origin above the plane */
} lqi_triangle;

typedef struct lqi_touch { /* one triangle's contact, in the triangle's space */
  v3 normal;               /* away from the surface */
  float doubt; /* below 0: counts only if nothing else does, of those the one nearest to 0 */
  uint32_t count;
  lqi_point point[4]; /* arm_b: from the other body's centre; arm_a is not set */
} lqi_touch;

/* A box or hull in the triangle's space. */
enum { LQI_POLY_CORNERS = 128, LQI_POLY_FACES = 64 };
typedef struct lqi_poly {
  uint32_t corners, faces, edges;
  const lqi_face *face;
  const lqi_edge *edge;
  v3 corner[LQI_POLY_CORNERS];
  v3 normal[LQI_POLY_FACES];
  float far[LQI_POLY_FACES]; /* from the centre to the face's plane */
} lqi_poly;

/* physics_triangle.c */
/* From corner, across, flags, solid: the rest. False: without area, or the origin is behind it. */
bool lqi_triangle_ready(lqi_triangle *t);
/* Whether the surface, d being a unit vector away from it, may be touched along d. */
bool lqi_triangle_admits(const lqi_triangle *t, v3 d);
uint32_t lqi_triangle_edge_name(const lqi_triangle *t, uint32_t edge);
void lqi_triangle_sphere(const lqi_triangle *t, float radius, float margin, lqi_touch *out);
/* A capsule whose segment goes from -half to half. */
void lqi_triangle_capsule(const lqi_triangle *t, v3 half, float radius, float margin,
                          lqi_touch *out);
/* physics_triangle_poly.c */
void lqi_poly_of(lqi_poly *p, const lqi_shape *s, m33 turn);
void lqi_triangle_poly(const lqi_triangle *t, const lqi_poly *p, float margin, lqi_touch *out);

/* physics_patch.c: the touches of all triangles of a pair become few manifolds. */
enum { LQI_PATCHES = 3, LQI_PATCH_SEEDS = 8, LQI_PATCH_POINTS = 24 };
typedef struct lqi_patch {
  v3 seed, sum; /* the normal of the first touch; of all */
  uint32_t count;
  lqi_point point[LQI_PATCH_POINTS];
} lqi_patch;
typedef struct lqi_patches {
  uint32_t count;
  lqi_patch patch[LQI_PATCH_SEEDS];
  lqi_touch doubtful; /* without points: none */
} lqi_patches;
/* Four of the points, on which a body would stand: of more only its own corners and what is nearly
 * as deep as the deepest. On a dome the outermost points carry nothing: with those a box rattles.
 * Gives how many; arm_a is looked at. */
uint32_t lqi_patch_reduce(v3 normal, lqi_point *point, uint32_t count);
/* all: with count and doubtful.count 0 at first. */
void lqi_patch_add(lqi_patches *all, const lqi_touch *touch);
/* At most LQI_PATCHES, ascending by part; normals from the surface (a), in its axes; arms about the
 * two centres; between: from a's centre to b's, there. */
uint32_t lqi_patch_end(lqi_patches *all, v3 between, lqi_manifold out[LQI_PATCHES]);
/* Which of the pair's old contacts each manifold goes on with: the one whose normal is most like
 * its own, if it is that one's most alike, too; LQI_NONE. first: the surface is body a. */
void lqi_patch_before(const lqi_manifold *now, uint32_t count, const lqi_contact *old,
                      uint32_t olds, bool first, uint32_t *out);

/* physics_mesh.c, physics_field.c. Walk: triangles whose boxes meet a box, in a fixed order; the
 * box and the triangles in the surface's own coordinates. */
typedef struct lqi_walk {
  const lqi_asset *asset;
  lqi_box box;
  uint32_t at, number, left; /* mesh: node; triangle, and how many are left in the leaf */
  uint32_t x, z, x_low, x_high, z_high, half; /* field: cell; which of its triangles */
} lqi_walk;
lqi_walk lqi_mesh_walk(const lqi_asset *mesh, const lqi_box *box);
bool lqi_mesh_next(lqi_walk *walk, lqi_triangle *out);
lqi_walk lqi_field_walk(const lqi_asset *field, const lqi_box *box);
bool lqi_field_next(lqi_walk *walk, lqi_triangle *out);
/* Of a ray in the surface's coordinates: the part of it at which it meets the front of a triangle,
 * above 1: nowhere; and the normal there. */
float lqi_mesh_ray(const lqi_asset *mesh, v3 from, v3 way, v3 *normal);
float lqi_field_ray(const lqi_asset *field, v3 from, v3 way, v3 *normal);
lq_err lqi_mesh_check(const lqi_asset *mesh, lq_diag *diag);
lq_err lqi_field_check(const lqi_asset *field, lq_diag *diag);
/* The part below `best` at which a ray meets the front of a triangle, else best. */
float lqi_triangle_ray(v3 a, v3 b, v3 c, v3 from, v3 way, float best, v3 *normal);

/* A mesh or field (a) and anything convex with a size or hull (b); gives how many patches. */
uint32_t lqi_narrow_surface(const lqi_shape *a, const lqi_shape *b, float margin,
                            lqi_manifold out[LQI_PATCHES]);

#endif
