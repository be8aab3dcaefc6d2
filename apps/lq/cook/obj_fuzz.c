/* Any text: what was counted is what is filled, and corners are points. */
#include "apps/lq/cook/obj.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_obj count = {0}, obj = {0};
  lq_diag diag = {0};
  if (lq_obj_read(lq_span_of(data, bytes), &count, &diag) != LQ_OK) {
    LQ_CHECK(diag.line > 0 && diag.message[0]);
    return 0;
  }
  obj.point = malloc(count.points * 3 * sizeof *obj.point + 1);
  obj.corner = malloc(count.triangles * 3 * sizeof *obj.corner + 1);
  obj.part = malloc(count.parts * sizeof *obj.part + 1);
  LQ_CHECK(obj.point && obj.corner && obj.part);
  LQ_CHECK(lq_obj_read(lq_span_of(data, bytes), &obj, NULL) == LQ_OK);
  LQ_CHECK(obj.points == count.points && obj.triangles == count.triangles);
  for (uint32_t i = 0; i < obj.points * 3; i++) LQ_CHECK(obj.point[i] - obj.point[i] == 0);
  for (uint32_t i = 0; i < obj.triangles * 3; i++) LQ_CHECK(obj.corner[i] < obj.points);
  for (uint32_t i = 1; i < obj.parts; i++) LQ_CHECK(obj.part[i] > obj.part[i - 1]);
  free(obj.point), free(obj.corner), free(obj.part);
  return 0;
}
