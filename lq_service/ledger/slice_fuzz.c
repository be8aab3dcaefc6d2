/* Slice records from anywhere: what opens can be walked to its end, in order, inside its bounds.
 * Each input is tried as it is, and with its digest made right, so that the fuzzer gets past it. */
#include "lq_service/ledger/ledger.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(lq_span record) {
  lq_slice_reader reader;
  if (lq_slice_open(record, &reader)) return;
  uint64_t last = reader.header.tick_first - 1;
  lq_slice_tick tick;
  while (lq_slice_next(&reader, &tick)) {
    LQ_CHECK(tick.tick > last && tick.tick <= reader.header.tick_last);
    LQ_CHECK(tick.commands.bytes + tick.events.bytes + tick.mutations.bytes > 0);
    last = tick.tick;
  }
  LQ_CHECK(lq_reader_done(&reader.body));
}

static void checkpoint(lq_span body) {
  lq_checkpoint read;
  if (!lq_checkpoint_read(body, &read)) LQ_CHECK(read.state.bytes < body.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  walk(lq_span_of(data, size));
  checkpoint(lq_span_of(data, size));
  if (size < 32 || size > LQ_SLICE_BYTES_MAX) return 0;
  uint8_t *copy = malloc(size);
  if (!copy) return 0;
  memcpy(copy, data, size);
  lq_sha256 digest = lq_sha256_of(lq_span_of(copy, size - 32));
  memcpy(copy + size - 32, digest.bytes, 32);
  walk(lq_span_of(copy, size));
  checkpoint(lq_span_of(copy, size));
  free(copy);
  return 0;
}
