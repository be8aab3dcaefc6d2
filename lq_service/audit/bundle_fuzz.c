/* Bundles from anywhere: every answer is a sentence. Each input is tried as it is, and cut behind
 * its last whole frame with an end that fits. */
#include "lq_service/audit/bundle_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct heard {
  uint64_t sentences, records;
  lq_session_name name;
} heard;

static void report(void *context, const char *sentence) {
  heard *h = context;
  LQ_CHECK(sentence[0] && strlen(sentence) < 512);
  h->sentences++;
}
static void record(void *context, uint64_t index, const lq_audit_entry *entry, lq_span bytes) {
  heard *h = context;
  (void)index, (void)bytes;
  LQ_CHECK(entry->kind == LQ_AUDIT_SLICE);
  h->records++;
}

static void verify(lq_span bundle) {
  /* The key of a signer whose seed is 5, again and again; name server/acme. */
  static const char key[] = "server/acme+d293f492+AW56HN0psLeP0Tr0xVmP7/TvKpcWbjym8uT7/M2AUFvx";
  heard h = {0};
  lq_bundle_result result, again;
  lq_bundle_check check = {.bundle = bundle,
                           .key = lq_span_text(key),
                           .context = &h,
                           .report = report,
                           .record = record};
  LQ_CHECK(lq_bundle_verify(&check, &result) == LQ_OK);
  LQ_CHECK(h.sentences == result.findings);
  LQ_CHECK(h.records <= result.slices && result.slices + result.checkpoints <= result.leaves);
  LQ_CHECK(result.details + result.withheld <= result.leaves);
  check.witness = bundle;
  check.report = NULL;
  LQ_CHECK(lq_bundle_verify(&check, &again) == LQ_OK);
  LQ_CHECK(again.findings == result.findings || again.findings == result.findings + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  verify(lq_span_of(data, size));
  if (size < LQI_BUNDLE_HEADER_BYTES) return 0;
  uint8_t *copy = malloc(size + 64);
  if (!copy) return 0;
  memcpy(copy, data, size);
  lq_reader in = lq_reader_of(lq_span_of(copy, size));
  (void)lq_read_bytes(&in, LQI_BUNDLE_HEADER_BYTES);
  lq_sha256 chain = lq_sha256_of(lq_span_of(copy, in.at));
  uint64_t frames = 0;
  size_t end = in.at;
  while (lq_reader_left(&in)) {
    uint8_t kind = lq_read_u8(&in);
    (void)lq_read_sized(&in);
    if (in.failed || kind == LQI_FRAME_END) break;
    chain = lq_sha256_of2(lq_span_of(chain.bytes, 32), lq_span_of(copy + end, in.at - end));
    end = in.at;
    frames++;
  }
  uint8_t memory[48];
  lq_writer n = lq_writer_of(memory, sizeof memory), w = lq_writer_of(copy + end, size + 64 - end);
  lq_write_varint(&n, frames);
  lq_write_bytes(&n, chain.bytes, 32);
  lq_write_u8(&w, LQI_FRAME_END);
  lq_write_sized(&w, memory, n.bytes);
  if (!w.failed) verify(lq_span_of(copy, end + w.bytes));
  free(copy);
  return 0;
}
