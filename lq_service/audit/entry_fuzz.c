/* Leaves and details from anywhere: what is read is written back byte for byte, and as JSON that is
 * JSON. */
#include "lq_engine/net/json.h"
#include "lq_service/audit/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_json(lq_writer *w) {
  lq_json json;
  LQ_CHECK(!w->failed && lq_json_parse(lq_writer_span(w), &json, NULL) == LQ_OK);
  LQ_CHECK(json.kind == LQ_JSON_OBJECT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t again[LQ_AUDIT_DETAIL_BYTES];
  static char text[64 << 10];
  lq_span bytes = lq_span_of(data, size);
  lq_audit_entry entry;
  lq_audit_detail detail;
  lq_writer w = lq_writer_of(again, sizeof again), json = lq_writer_of(text, sizeof text);
  if (lq_audit_entry_decode(bytes, &entry) == LQ_OK) {
    LQ_CHECK(size <= LQ_AUDIT_ENTRY_BYTES);
    LQ_CHECK(lq_audit_entry_encode(&entry, &w) == LQ_OK);
    LQ_CHECK(lq_span_equal(lq_writer_span(&w), bytes));
    lq_audit_entry_json(UINT64_MAX, &entry, &json);
    is_json(&json);
  }
  w = lq_writer_of(again, sizeof again);
  json = lq_writer_of(text, sizeof text);
  if (lq_audit_detail_decode(bytes, &detail) == LQ_OK) {
    LQ_CHECK(lq_audit_detail_encode(&detail, &w) == LQ_OK);
    LQ_CHECK(lq_span_equal(lq_writer_span(&w), bytes));
    lq_audit_detail_json(&detail, &json);
    is_json(&json);
  }
  return 0;
}
