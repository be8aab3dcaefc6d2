/* What is read, what is left out, and what is named with its line. */
#include "apps/lq/cook/obj.h"
#include "tests/lq_test.h"

static float point[64 * 3];
static uint32_t corner[64 * 3], part[8];

static lq_err read_all(const char *text, lq_obj *obj, lq_diag *diag) {
  lq_obj count = {0};
  lq_err err = lq_obj_read(lq_span_text(text), &count, diag);
  *obj = (lq_obj){.point = point, .corner = corner, .part = part};
  if (err != LQ_OK) return err;
  assert_true(count.points <= 64 && count.triangles <= 64 && count.parts <= 8);
  assert_ok(lq_obj_read(lq_span_text(text), obj, diag));
  assert_true(obj->points == count.points && obj->triangles == count.triangles);
  assert_int_equal(obj->parts, count.parts);
  return LQ_OK;
}

LQ_TEST(points_and_faces_of_every_form_are_read) {
  lq_obj obj;
  assert_ok(
      read_all("# a square\r\nmtllib x.mtl\nv 0 0 0\r\nv 1 0 -0.5e1\n\tv\t1 1 +.25 1.0\n"
               "v 0 1 0\nvt 0 0\nvn 0 0 1\nf 1 2/1 3//1 4/1/1\nf -4 -3 \\\n -2 # and so on\ns off",
               &obj, NULL));
  assert_true(obj.points == 4 && obj.triangles == 3 && obj.parts == 0);
  assert_true(point[5] == -5 && point[8] == 0.25f && point[10] == 1);
  const uint32_t want[9] = {0, 1, 2, 0, 2, 3, 0, 1, 2};
  assert_memory_equal(corner, want, sizeof want);
}

LQ_TEST(parts_begin_at_their_first_point) {
  lq_obj obj;
  assert_ok(read_all("o one\ng again\nv 0 0 0\nv 1 0 0\no two\nv 0 1 0\n", &obj, NULL));
  assert_true(obj.parts == 2 && part[0] == 0 && part[1] == 2);
}

LQ_TEST(a_line_that_is_none_is_named) {
  static const struct {
    const char *text;
    lq_err err;
    uint32_t line;
  } bad[] = {{"v 0 0 0\nv 1 2\n", LQ_ERR_SYNTAX, 2},
             {"v 0 0 nan\n", LQ_ERR_SYNTAX, 1},
             {"v 0 0 1e99\n", LQ_ERR_SYNTAX, 1},
             {"v 0 0 0x10\n", LQ_ERR_SYNTAX, 1},
             {"v 0 0 1e\n", LQ_ERR_SYNTAX, 1},
             {"\n\n\nhello\n", LQ_ERR_SYNTAX, 4},
             {"v 0 0 0\nf 1 1\n", LQ_ERR_SYNTAX, 2},
             {"v 0 0 0\nf 1 1 x\n", LQ_ERR_SYNTAX, 2},
             {"v 0 0 0\nf 1 1 /1\n", LQ_ERR_SYNTAX, 2},
             {"v 0 0 0\nf 1 1 -\n", LQ_ERR_SYNTAX, 2},
             {"v 0 0 0\nf 1 1 1.5\n", LQ_ERR_SYNTAX, 2},
             {"v 0 0 0\nf 1 1 2\n", LQ_ERR_RANGE, 2},
             {"v 0 0 0\nf 1 1 0\n", LQ_ERR_RANGE, 2},
             {"v 0 0 0\nf 1 1 -2\n", LQ_ERR_RANGE, 2},
             {"v 0 0 0\nf 1 1 99999999999999999999\n", LQ_ERR_SYNTAX, 2},
             {"v 0 \\\n 0\n", LQ_ERR_SYNTAX, 2}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lq_obj obj;
    lq_diag diag = {0};
    lq_err err = read_all(bad[i].text, &obj, &diag);
    if (err != bad[i].err || diag.line != bad[i].line)
      fail_msg("%zu: %s, line %u: %s", i, lq_err_name(err), diag.line, diag.message);
  }
}
