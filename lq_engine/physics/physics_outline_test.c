/* Outlines: each edge once, all of them where they fit, and the telling ones where they do not. */
#include "lq_engine/physics/mesh_testing.h"
#include "lq_engine/physics/outline.h"
#include "tests/lq_test.h"

#include <math.h>

enum { ROOM = 16384 };
static float line[ROOM][6];
static mesh_sheet sheet;

static lq_physics_outline outline_of(const void *cooked, uint32_t part, uint32_t max) {
  lq_physics_outline out;
  for (uint32_t i = 0; i < ROOM; i++) line[i][0] = NAN;
  assert_ok(lq_physics_outline_read(cooked, part, line, max, &out));
  assert_true(out.lines <= max && (out.lines == ROOM || isnan(line[out.lines][0])));
  return out;
}
static float length_of(const float l[6]) {
  return sqrtf(powf(l[3] - l[0], 2) + powf(l[4] - l[1], 2) + powf(l[5] - l[2], 2));
}
static bool same(const float a[6], const float b[6]) {
  return !memcmp(a, b, 24) || (!memcmp(a, b + 3, 12) && !memcmp(a + 3, b, 12));
}
static void none_twice(uint32_t lines) {
  for (uint32_t i = 0; i < lines; i++) {
    assert_true(length_of(line[i]) > 0);
    for (uint32_t k = 0; k < i; k++) assert_false(same(line[i], line[k]));
  }
}

LQ_TEST(a_hull_shows_its_edges) {
  static physics_cooked box;
  physics_cook_box(&box, 1, 2, 3);
  lq_physics_outline o = outline_of(box.blob, 0, ROOM);
  assert_true(o.shape == LQ_PHYSICS_HULL && o.lines == 12 && o.all == 12 && o.rotation[3] == 1);
  none_twice(12);
  uint32_t of_length[7] = {0};
  for (uint32_t i = 0; i < 12; i++) of_length[lrintf(length_of(line[i]))]++;
  assert_true(of_length[2] == 4 && of_length[4] == 4 && of_length[6] == 4);
  lq_physics_outline few = outline_of(box.blob, 0, 5);
  assert_true(few.lines == 5 && few.all == 12);
  assert_int_equal(lq_physics_outline_read(box.blob, 1, line, ROOM, &o), LQ_ERR_NOT_FOUND);
}

LQ_TEST(a_compound_shows_part_by_part) {
  static physics_cooked hull, cooked;
  physics_cook_box(&hull, 0.5f, 0.5f, 0.5f);
  lq_physics_child part[3] = {physics_part(LQ_PHYSICS_SPHERE, -2, 0, 0, 0.5f, 0, 0),
                              physics_part(LQ_PHYSICS_HULL, 0, 0, 0, 0, 0, 0),
                              physics_part(LQ_PHYSICS_CAPSULE, 2, 0, 0, 0.25f, 1, 0)};
  part[1].hull = hull.blob, part[1].hull_bytes = hull.bytes;
  physics_cook_parts(&cooked, part, 3);
  lq_physics_asset_info info;
  assert_ok(lq_physics_asset_info_read(cooked.blob, cooked.bytes, &info, NULL));
  lq_physics_outline o[3];
  for (uint32_t i = 0; i < 3; i++) o[i] = outline_of(cooked.blob, i, ROOM);
  assert_true(o[0].shape == LQ_PHYSICS_SPHERE && o[0].size[0] == 0.5f && o[0].lines == 0);
  assert_true(o[1].shape == LQ_PHYSICS_HULL && o[1].lines == 12);
  assert_true(o[2].shape == LQ_PHYSICS_CAPSULE && o[2].size[1] == 1 && o[2].all == 0);
  float apart = 0; /* wherever the middle and the axes of the whole are */
  for (uint32_t k = 0; k < 3; k++) apart += powf(o[2].position[k] - o[0].position[k], 2);
  assert_true(fabsf(apart - 16) < 1e-3f);
  assert_int_equal(lq_physics_outline_read(cooked.blob, 3, line, ROOM, &o[0]), LQ_ERR_NOT_FOUND);
}

static float roof(float x, float z) { return z == 0 ? x * 0 + 3 : 0; }

LQ_TEST(a_mesh_shows_each_edge_once) {
  mesh_blob box = mesh_cook_box(1, 1, 1);
  lq_physics_outline o = outline_of(box.data, 0, ROOM);
  assert_true(o.shape == LQ_PHYSICS_MESH && o.lines == 18 && o.all == 18);
  none_twice(18);
  /* Too few for all: the twelve edges of the box, none of the six cuts of its sides. */
  o = outline_of(box.data, 0, 12);
  assert_true(o.lines == 12 && o.all == 18);
  for (uint32_t i = 0; i < 12; i++) assert_true(fabsf(length_of(line[i]) - 2) < 1e-6f);
  none_twice(12);
  free(box.data);
}

LQ_TEST(of_a_large_mesh_folds_and_rims_come_first_and_the_rest_is_spread) {
  mesh_sheet_make(&sheet, 32, 2, 1, roof);
  mesh_blob m = mesh_cook(&sheet.source);
  lq_physics_outline o = outline_of(m.data, 0, ROOM);
  uint32_t rows = 32 * 3, columns = 33 * 2, cuts = 64;
  assert_true(o.lines == rows + columns + cuts && o.all == o.lines);
  none_twice(o.lines);
  uint32_t telling = 32 * 3 + 2 * 2; /* the ridge and the rims */
  o = outline_of(m.data, 0, telling + 10);
  assert_int_equal(o.lines, telling + 10);
  uint32_t ridge = 0, flat = 0, far = 0;
  for (uint32_t i = 0; i < o.lines; i++) {
    const float *l = line[i];
    bool rim = (l[2] == l[5] && l[2] != 0) || (l[0] == l[3] && fabsf(l[0]) == 16);
    if (l[2] == 0 && l[5] == 0)
      ridge++;
    else if (!rim)
      flat++, far += l[0] > 0;
  }
  assert_true(ridge == 32 && flat == 10 && far >= 4 && far <= 6);
  free(m.data);
  mesh_sheet_make(&sheet, 64, 64, 1, NULL);
  m = mesh_cook(&sheet.source);
  o = outline_of(m.data, 0, 1000);
  assert_true(o.lines == 1000 && o.all == 2 * 64 * 65 + 64 * 64);
  none_twice(1000);
  free(m.data);
}

LQ_TEST(a_field_shows_its_squares_but_not_its_holes) {
  static float heights[6 * 5];
  uint8_t holes[3] = {0};
  for (uint32_t i = 0; i < 30; i++) heights[i] = (float)i * 0.1f;
  holes[0] = 1 << 1; /* one square in the first row: no line is lost, each has another side */
  lq_physics_field_source s = {.heights = heights,
                               .holes = holes,
                               .count_x = 6,
                               .count_z = 5,
                               .spacing_x = 1,
                               .spacing_z = 2};
  mesh_blob f = field_cook(&s);
  lq_physics_outline o = outline_of(f.data, 0, ROOM);
  assert_true(o.shape == LQ_PHYSICS_FIELD && o.all == 5 * 5 + 6 * 4 && o.lines == o.all - 1);
  none_twice(o.lines); /* the rim's line of that square is the one */
  for (uint32_t i = 0; i < o.lines; i++) {
    assert_false(line[i][0] == -1.5f && line[i][3] == -0.5f && line[i][2] == -4);
    assert_true(fabsf(line[i][1] -
                      heights[(uint32_t)((line[i][2] + 4) / 2 * 6 + line[i][0] + 2.5f)]) < 1e-6f);
  }
  free(f.data);
  s.holes = NULL;
  f = field_cook(&s);
  o = outline_of(f.data, 0, 30); /* every second: 0 2 4 5 by 0 2 4 */
  assert_true(o.lines == 3 * 3 + 4 * 2 && o.all == 49);
  o = outline_of(f.data, 0, 3);
  assert_true(o.lines == 3); /* below what a square has */
  free(f.data);
}
