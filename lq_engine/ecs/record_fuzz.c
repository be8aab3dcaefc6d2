/* Decodes hostile records: the first byte chooses the type. What decodes must encode to the bytes
 * that were read (but for NaNs, which have one form afterwards) and decode to the same row. */
#include "lq_engine/ecs/ecs_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(bool holds) {
  if (!holds) abort();
}

static const lq_world *world(void) {
  static lq_world *w;
  if (!w) {
    w = testing_world(4);
    testing_create(w, "p1");
    testing_create(w, "chest.2");
  }
  return w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 1) return 0;
  const lq_record *record = &testing_schema()->component[data[0] % TYPES].record;
  lq_entity_names names = lq_world_names(world());
  lq_reader in = lq_reader_of(lq_span_of(data + 1, bytes - 1));
  uint64_t row[4], again[4];
  const lq_field *bad;
  lq_err err = lq_record_decode(record, &in, &names, row, &bad);
  check(err ? bad != NULL : bad == NULL);
  if (err) return 0;
  memcpy(again, row, sizeof row);
  lq_record_canonicalise(record, again);
  check(record->row_bytes == 0 || memcmp(row, again, record->row_bytes) == 0);

  uint8_t room[256];
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_record_encode(record, row, &names, &out);
  check(!out.failed && out.bytes == in.at);
  if (record != &testing_schema()->component[NOTE].record)
    check(out.bytes == 0 || memcmp(room, data + 1, out.bytes) == 0);
  in = lq_reader_of(lq_writer_span(&out));
  check(lq_record_decode(record, &in, &names, again, &bad) == LQ_OK && lq_reader_done(&in));
  check(record->row_bytes == 0 || memcmp(row, again, record->row_bytes) == 0);
  return 0;
}
