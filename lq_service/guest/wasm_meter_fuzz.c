/* Any bytes as a module: refused or rewritten, and what is rewritten is taken again. */
#include "lq_service/guest/wasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t room[LQ_WASM_METERED_MAX];
  static lq_wasm_module module;
  lq_diag diag = {0};
  for (int plain = 0; plain < 2; plain++) {
    lq_writer out = lq_writer_of(room, sizeof room);
    lq_err err = lq_wasm_meter(lq_span_of(data, size), plain != 0, &module, &out, &diag);
    LQ_CHECK(!err == (!out.failed && !diag.message[0]));
    if (err) return 0;
    LQ_CHECK(module.export_count <= LQ_WASM_EXPORTS_MAX);
  }
  return 0;
}
