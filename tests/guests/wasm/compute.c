#include "compute.h"
#include "../../../sdk/wasm/lq_guest.h"

LQ_SYSTEM("compute") run(float seconds) {
  (void)seconds;
  uint32_t collected = lq_event("treasure.collected"), value = lq_field(collected, "value");
  for (uint32_t seed = 0; seed < 50; seed++) {
    lq_begin(collected);
    lq_put_i32(value, 0, (int32_t)compute(seed));
    lq_emit();
  }
}
