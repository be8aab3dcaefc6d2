/* Points and triangles from a text of Wavefront's OBJ format.
 *
 * Read are `v x y z`, `f` (three corners or more, as a fan; 7, 7/1, 7//2, 7/1/2; -1 is the last
 * point) and `o` or `g`, which begin a part. Left out, as no part of a shape: vt vn vp s l p usemtl
 * mtllib and lines with #. Anything else is an error with its line. A backslash at the end of a
 * line joins the next one to it. Limits: LQ_OBJ_*. Owner: the caller gives the room that a first
 * call counted. */
#ifndef LQ_APPS_LQ_COOK_OBJ_H
#define LQ_APPS_LQ_COOK_OBJ_H

#include "lq_base/bytes.h"

#define LQ_OBJ_BYTES_MAX (256u << 20) /* of a text */
#define LQ_OBJ_POINTS_MAX (1u << 24)
#define LQ_OBJ_TRIANGLES_MAX (1u << 24)
#define LQ_OBJ_PARTS_MAX 4096u

typedef struct lq_obj {
  float *point; /* x y z each; NULL: only count */
  uint32_t points;
  uint32_t *corner; /* three points a triangle, from 0; NULL: leave them out */
  uint32_t triangles;
  uint32_t *part; /* the first point of each; NULL: leave them out */
  uint32_t parts; /* 0: the text names none */
} lq_obj;

/* Counts, or fills what has room for as many as were counted. LQ_ERR_SYNTAX, LQ_ERR_RANGE (a
 * corner that is no point so far), LQ_ERR_TOO_BIG, with the line in diag and its message. */
LQ_MUST lq_err lq_obj_read(lq_span text, lq_obj *obj, lq_diag *diag);

#endif
