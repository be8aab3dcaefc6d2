/* Points into a grid, with holes where none stand. */
#include "apps/lq/cook/grid.h"
#include "tests/lq_test.h"

#include <string.h>

static float point[64 * 3];

/* 5 by 4 lines, 0.5 m apart along x and 2 m along z, from (10, 20). */
static lq_obj points(void) {
  lq_obj obj = {.point = point, .points = 20};
  for (uint32_t i = 0; i < 20; i++) {
    uint32_t k = i * 7 % 20; /* in no order */
    float *p = point + 3 * (size_t)i;
    p[0] = 10 + 0.5f * (float)(k % 5), p[1] = (float)k, p[2] = 20 + 2 * (float)(k / 5);
  }
  return obj;
}

LQ_TEST(points_on_a_grid_are_heights) {
  lq_obj obj = points();
  lq_grid g;
  assert_ok(lq_grid_of(&obj, &g, NULL));
  assert_true(g.count_x == 5 && g.count_z == 4 && g.spacing_x == 0.5f && g.spacing_z == 2);
  assert_true(g.centre[0] == 11 && g.centre[1] == 0 && g.centre[2] == 23 && !g.holes);
  for (uint32_t i = 0; i < 20; i++) assert_true(g.heights[i] == (float)i);
  lq_grid_free(&g);
}

LQ_TEST(a_crossing_without_a_point_is_a_hole_about_it) {
  lq_obj obj = points();
  lq_grid g;
  for (uint32_t i = 0; i < 20; i++)
    if (point[3 * (size_t)i + 1] == 6) /* in the second line, the second */
      memmove(point + 3 * (size_t)i, point + 3 * (size_t)i + 3, (19 - i) * 3 * sizeof *point);
  obj.points = 19;
  assert_ok(lq_grid_of(&obj, &g, NULL));
  assert_non_null(g.holes);
  assert_int_equal(g.holes[0], 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5);
  assert_int_equal(g.holes[1], 0);
  assert_true(g.heights[6] == 0 && g.heights[7] == 7);
  lq_grid_free(&g);
}

LQ_TEST(what_is_no_grid_is_named) {
  lq_obj obj = points();
  lq_grid g;
  lq_diag diag;
  point[3 * 4] += 0.1f;
  assert_int_equal(lq_grid_of(&obj, &g, &diag), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "off the grid"));
  obj = points();
  memcpy(point, point + 3, 2 * sizeof *point), point[2] = point[5]; /* there, and higher */
  point[1] += 1;
  assert_int_equal(lq_grid_of(&obj, &g, &diag), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "another height"));
  obj = points();
  for (uint32_t i = 0; i < 20; i++) point[3 * (size_t)i] = 1;
  assert_int_equal(lq_grid_of(&obj, &g, &diag), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "1 lines along x"));
  obj.points = 3;
  assert_int_equal(lq_grid_of(&obj, &g, &diag), LQ_ERR_INVALID);
  assert_true(!g.heights && !g.holes);
}
