/* Batches of spans: their text, and how they are sent. Text: opentelemetry-proto 1.x in its JSON
 * form: ids in hex, 64-bit integers as strings, enums as numbers. */
#include "lq_service/telemetry/otlp.h"
#include "lq_engine/net/json.h"

#include <stdlib.h>

enum {
  SPAN_BYTES = 1024, /* one at most: about 600, and two names whose every byte is escaped */
  BATCH_BYTES = LQ_OTLP_BATCH_SPANS * SPAN_BYTES,
  ANSWER_BYTES = 64 << 10,
  TIMEOUT_MS = 10000,
  WAIT_FIRST_MS = 1000,
};

struct lq_otlp {
  lq_otlp_options options;
  lq_otlp_stats stats;
  char *url, *instance, *header[LQ_OTLP_HEADERS_MAX + 1];
  size_t header_count;
  uint32_t spans; /* of the batch in text; 0 = none */
  uint32_t tries;
  bool asking;
  uint64_t next_ns; /* when the batch is sent again; after an answer, counted from now_ns */
  uint64_t now_ns;  /* of the last turn */
  size_t bytes;
  uint8_t text[BATCH_BYTES];
};

/* ---- the text ---- */

static void attr_text(lq_writer *w, bool *first, const char *key, const char *value) {
  if (!value || !value[0]) return;
  if (!*first) lq_write_u8(w, ',');
  *first = false;
  lq_write_text(w, "{\"key\":\"");
  lq_write_text(w, key);
  lq_write_text(w, "\",\"value\":{\"stringValue\":");
  /* Names are checked long before; what is not UTF-8 would spoil the whole batch. */
  lq_span text = lq_span_text(value);
  lq_json_write_text(w, lq_utf8_valid(text) ? text : lq_span_text("?"));
  lq_write_text(w, "}}");
}
static void attr_number(lq_writer *w, bool *first, const char *key, uint64_t value) {
  if (!value) return;
  if (!*first) lq_write_u8(w, ',');
  *first = false;
  lq_write_text(w, "{\"key\":\"");
  lq_write_text(w, key);
  lq_write_text(w, "\",\"value\":{\"intValue\":\"");
  lq_write_decimal_u(w, value);
  lq_write_text(w, "\"}}");
}

static void wall_write(lq_writer *w, const char *key, uint64_t at_ns, uint64_t mono_ns,
                       uint64_t wall_ms) {
  uint64_t ago = mono_ns > at_ns ? mono_ns - at_ns : 0, now = wall_ms * 1000000u;
  lq_write_text(w, key);
  lq_write_decimal_u(w, now > ago ? now - ago : 0);
  lq_write_u8(w, '"');
}

static void span_write(lq_writer *w, const lq_trace_span *s, uint64_t mono_ns, uint64_t wall_ms) {
  static const char *const names[] = {
#define X(name, text, kind) text,
      LQ_TRACE_LIST(X)
#undef X
  };
  static const uint8_t kinds[] = {
#define X(name, text, kind) kind,
      LQ_TRACE_LIST(X)
#undef X
  };
  lq_write_text(w, "{\"traceId\":\"");
  lq_write_hex64(w, s->trace_hi);
  lq_write_hex64(w, s->trace_lo);
  lq_write_text(w, "\",\"spanId\":\"");
  lq_write_hex64(w, s->span);
  if (s->parent) {
    lq_write_text(w, "\",\"parentSpanId\":\"");
    lq_write_hex64(w, s->parent);
  }
  lq_write_text(w, "\",\"name\":\"");
  lq_write_text(w, names[s->name]);
  lq_write_text(w, "\",\"kind\":");
  lq_write_decimal_u(w, kinds[s->name]);
  wall_write(w, ",\"startTimeUnixNano\":\"", s->start_ns, mono_ns, wall_ms);
  wall_write(w, ",\"endTimeUnixNano\":\"", s->end_ns, mono_ns, wall_ms);
  bool first = true;
  lq_write_text(w, ",\"attributes\":[");
  attr_text(w, &first, "lq.tenant", s->tenant);
  attr_text(w, &first, "lq.session", s->session);
  attr_number(w, &first, "lq.tick", s->tick);
  attr_number(w, &first, "lq.slice", s->slice);
  lq_write_text(w, "],\"status\":{");
  if (s->err) {
    lq_write_text(w, "\"code\":2,\"message\":\"");
    lq_write_text(w, lq_err_name((lq_err)s->err));
    lq_write_u8(w, '"');
  }
  lq_write_text(w, "}}");
}

void lq_otlp_write(lq_writer *w, const lq_trace *trace, uint32_t count, const char *instance,
                   uint64_t mono_ns, uint64_t wall_ms) {
  bool first = true;
  lq_write_text(w, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
  attr_text(w, &first, "service.name", "ledgerquest");
  attr_text(w, &first, "service.version", LQ_VERSION);
  attr_text(w, &first, "service.instance.id", instance);
  lq_write_text(w, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"lq\",\"version\":\"" LQ_VERSION
                   "\"},\"spans\":[");
  for (uint32_t i = 0; i < count; i++) {
    if (i) lq_write_u8(w, ',');
    span_write(w, lq_trace_at(trace, i), mono_ns, wall_ms);
  }
  lq_write_text(w, "]}]}]}");
}

uint64_t lq_otlp_rejected(lq_span answer) {
  lq_json root;
  int64_t count = 0;
  if (!answer.bytes || lq_json_parse(answer, &root, NULL) || root.kind != LQ_JSON_OBJECT) return 0;
  lq_json partial = lq_json_get(root, "partialSuccess");
  if (partial.kind != LQ_JSON_OBJECT) return 0;
  if (!lq_json_i64(lq_json_get(partial, "rejectedSpans"), &count) || count < 0) return 0;
  return (uint64_t)count;
}

/* ---- life ---- */

static char *text_dup(const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = malloc(bytes);
  return copy ? memcpy(copy, text, bytes) : NULL;
}

lq_err lq_otlp_open(const lq_otlp_options *options, lq_otlp **out) {
  *out = NULL;
  if (options->header_count > LQ_OTLP_HEADERS_MAX) return LQ_ERR_INVALID;
  lq_otlp *o = calloc(1, sizeof *o);
  if (!o) return LQ_ERR_MEMORY;
  o->options = *options;
  o->url = text_dup(options->url);
  bool good = o->url != NULL;
  if (options->instance) {
    o->instance = text_dup(options->instance);
    good = good && o->instance;
  }
  for (size_t i = 0; i <= options->header_count && good; i++) {
    const char *text = i ? options->headers[i - 1] : "Content-Type: application/json";
    good = (o->header[o->header_count++] = text_dup(text)) != NULL;
  }
  if (!good) {
    lq_otlp_close(o);
    return LQ_ERR_MEMORY;
  }
  *out = o;
  return LQ_OK;
}

void lq_otlp_close(lq_otlp *o) {
  if (!o) return;
  LQ_CHECK(!o->asking);
  for (size_t i = 0; i < o->header_count; i++) free(o->header[i]);
  free(o->url);
  free(o->instance);
  free(o);
}

/* ---- sending ---- */

static void give_up(lq_otlp *o, uint64_t spans) {
  o->stats.lost += spans;
  o->spans = 0;
}

/* 1, 2, 4 ... s, or what the collector asked for. */
static uint64_t wait_ms(const lq_otlp *o, const lq_fetch_answer *answer) {
  uint64_t ms = (uint64_t)WAIT_FIRST_MS << (o->tries - 1);
  lq_span text = lq_fetch_header(answer, "Retry-After");
  uint64_t asked = 0;
  for (size_t i = 0; i < text.bytes && i < 6; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') { /* a date: our own waiting will do */
      asked = 0;
      break;
    }
    asked = asked * 10 + (uint64_t)(text.data[i] - '0');
  }
  if (asked * 1000 > ms) ms = asked * 1000;
  return ms < LQ_OTLP_WAIT_MS_MAX ? ms : LQ_OTLP_WAIT_MS_MAX;
}

static bool may_pass(const lq_fetch_answer *answer) {
  int s = answer->status;
  return answer->err ? lq_err_retry(answer->err) : s == 429 || s == 502 || s == 503 || s == 504;
}

static void answered(void *context, const lq_fetch_answer *answer) {
  lq_otlp *o = context;
  o->asking = false;
  if (!answer->err && answer->status >= 200 && answer->status < 300) {
    uint64_t rejected = lq_otlp_rejected(answer->body);
    if (rejected > o->spans) rejected = o->spans;
    o->stats.sent += o->spans - rejected;
    if (rejected) lq_diag_set(&o->stats.last, LQ_ERR_INVALID, "the collector refused spans");
    give_up(o, rejected);
    return;
  }
  o->stats.last = answer->diag;
  if (!answer->err)
    lq_diag_set(&o->stats.last, LQ_ERR_NET, "the collector answered %d", answer->status);
  if (!may_pass(answer) || o->tries == LQ_OTLP_TRIES)
    give_up(o, o->spans);
  else
    o->next_ns = o->now_ns + wait_ms(o, answer) * 1000000u;
}

static void send_batch(lq_otlp *o) {
  const char *headers[LQ_OTLP_HEADERS_MAX + 1];
  for (size_t i = 0; i < o->header_count; i++) headers[i] = o->header[i];
  lq_fetch_request request = {.method = "POST",
                              .url = o->url,
                              .headers = headers,
                              .header_count = o->header_count,
                              .body = lq_span_of(o->text, o->bytes),
                              .timeout_ms = TIMEOUT_MS,
                              .answer_bytes_max = ANSWER_BYTES};
  if (o->tries++) o->stats.retries++;
  lq_diag diag = {0};
  lq_err err = lq_fetch_start(o->options.fetch, &request, answered, o, &diag);
  o->asking = !err;
  if (!err) return;
  lq_fetch_answer failed = {.err = err, .diag = diag};
  answered(o, &failed);
}

void lq_otlp_turn(lq_otlp *o, uint64_t mono_ns, uint64_t wall_ms) {
  o->now_ns = mono_ns;
  if (o->asking) return;
  if (!o->spans) {
    uint32_t count = lq_trace_waiting(o->options.trace);
    if (!count) return;
    /* What a batch has beside its spans takes the place of one. */
    if (count > LQ_OTLP_BATCH_SPANS - 1) count = LQ_OTLP_BATCH_SPANS - 1;
    lq_writer w = lq_writer_of(o->text, sizeof o->text);
    lq_otlp_write(&w, o->options.trace, count, o->instance, mono_ns, wall_ms);
    lq_trace_drop(o->options.trace, count);
    o->spans = count;
    o->tries = 0;
    o->bytes = w.bytes;
    o->next_ns = mono_ns;
    if (w.failed) {
      give_up(o, count);
      return;
    }
  }
  if (mono_ns >= o->next_ns) send_batch(o);
}

bool lq_otlp_asking(const lq_otlp *o) { return o->asking; }
bool lq_otlp_idle(const lq_otlp *o) { return !o->asking && !o->spans; }
lq_otlp_stats lq_otlp_stats_of(const lq_otlp *o) { return o->stats; }
