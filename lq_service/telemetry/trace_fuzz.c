/* Hostile headers and a hostile collector. The first byte chooses which. What is accepted must be
 * accepted again as it was written, and say the same. */
#include "lq_service/telemetry/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void parent(lq_span in) {
  lq_trace_context c, again;
  char text[LQ_TRACEPARENT_BYTES];
  if (lq_traceparent_read(in, &c)) {
    LQ_CHECK(!c.trace_hi && !c.trace_lo && !c.span && !c.flags);
    return;
  }
  LQ_CHECK((c.trace_hi | c.trace_lo) && c.span && c.flags <= 1 && !c.parent);
  lq_traceparent_write(&c, text);
  LQ_CHECK(strlen(text) == LQ_TRACEPARENT_BYTES - 1);
  LQ_CHECK(memcmp(text + 3, in.data + 3, 50) == 0); /* ids are passed on as they came */
  LQ_CHECK(!lq_traceparent_read(lq_span_text(text), &again));
  LQ_CHECK(again.trace_hi == c.trace_hi && again.trace_lo == c.trace_lo && again.span == c.span &&
           again.flags == c.flags);
}

static void state(lq_span in) {
  char out[LQ_TRACESTATE_BYTES], again[LQ_TRACESTATE_BYTES], with[LQ_TRACESTATE_BYTES];
  lq_err err = lq_tracestate_read(in, out);
  if (err) LQ_CHECK(!out[0]);
  LQ_CHECK(!lq_tracestate_read(lq_span_text(out), again) && strcmp(out, again) == 0);
  LQ_CHECK(!lq_tracestate_put(out, "lq", "1", with) && strncmp(with, "lq=1", 4) == 0);
  LQ_CHECK(!lq_tracestate_read(lq_span_text(with), again) && strcmp(with, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (!bytes) return 0;
  lq_span in = lq_span_of(data + 1, bytes - 1);
  if (data[0] % 3 == 0) parent(in);
  if (data[0] % 3 == 1) state(in);
  if (data[0] % 3 == 2) LQ_CHECK(lq_otlp_rejected(in) <= INT64_MAX);
  return 0;
}
