/* Lines of the log: their form and their rate. */
#include "lq_service/telemetry/log.h"
#include "lq_base/hash.h"
#include "lq_engine/net/json.h"
#include "lq_service/telemetry/telemetry_int.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  NAME_BYTES = 64, /* of an event or a key */
  TAIL_BYTES = 64, /* kept for what a line ends with */
  BURST_DEFAULT = 20,
  PER_S_DEFAULT = 10,
  SLOTS = LQ_LOG_EVENTS_MAX + 1, /* the last is everybody else's */
};

typedef struct bucket {
  char event[NAME_BYTES];
  uint64_t refilled_ms;
  uint64_t thousandths; /* of a line */
  uint64_t dropped;     /* since the last line written */
  bool used;
} bucket;

struct lq_log {
  lq_log_options options;
  lq_log_stats stats;
  bucket bucket[SLOTS];
  uint8_t clean[LQ_LOG_VALUE_BYTES];
  uint8_t line[LQ_LOG_LINE_BYTES];
};

lq_err lq_log_open(const lq_log_options *options, lq_log **out) {
  *out = calloc(1, sizeof **out);
  if (!*out) return LQ_ERR_MEMORY;
  (*out)->options = *options;
  if (!options->burst) (*out)->options.burst = BURST_DEFAULT;
  if (!options->per_s) (*out)->options.per_s = PER_S_DEFAULT;
  return LQ_OK;
}

void lq_log_close(lq_log *log) { free(log); }
lq_log_stats lq_log_stats_of(const lq_log *log) { return log->stats; }

/* ---- the rate ---- */

static bucket *bucket_of(lq_log *log, const char *event) {
  size_t bytes = strlen(event);
  if (bytes >= NAME_BYTES) return &log->bucket[SLOTS - 1];
  size_t at = (size_t)(lq_hash_bytes(0, event, bytes) % LQ_LOG_EVENTS_MAX);
  for (size_t i = 0; i < LQ_LOG_EVENTS_MAX; i++, at = (at + 1) % LQ_LOG_EVENTS_MAX) {
    bucket *b = &log->bucket[at];
    if (b->used && strcmp(b->event, event) != 0) continue;
    if (!b->used) memcpy(b->event, event, bytes + 1);
    return b;
  }
  return &log->bucket[SLOTS - 1];
}

static bool rate_take(lq_log *log, bucket *b, uint64_t wall_ms) {
  uint64_t full = (uint64_t)log->options.burst * 1000;
  if (!b->used) {
    b->used = true;
    b->thousandths = full;
    b->refilled_ms = wall_ms;
  }
  /* The wall clock may have been set back: then this is the time to count from. */
  uint64_t passed = wall_ms > b->refilled_ms ? wall_ms - b->refilled_ms : 0;
  b->refilled_ms = wall_ms;
  if (passed > 1000000) passed = 1000000;
  b->thousandths += passed * log->options.per_s;
  if (b->thousandths > full) b->thousandths = full;
  if (b->thousandths < 1000) return false;
  b->thousandths -= 1000;
  return true;
}

/* ---- the line ---- */

/* Days since 1970 to a date (Howard Hinnant's civil_from_days): no C library, no time zone. */
static void time_text(uint64_t wall_ms, char out[48]) {
  uint64_t seconds = wall_ms / 1000, days = seconds / 86400 + 719468, rest = seconds % 86400;
  uint64_t era = days / 146097, doe = days % 146097;
  uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
  uint64_t day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
  uint64_t year = yoe + era * 400 + (month <= 2);
  if (year > 9999) year = 9999; /* RFC 3339 has four digits */
  (void)snprintf(out, 48, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year, (unsigned)month,
                 (unsigned)day, (unsigned)(rest / 3600), (unsigned)(rest / 60 % 60),
                 (unsigned)(rest % 60), (unsigned)(wall_ms % 1000));
}

static void put_clean(lq_log *log, lq_writer *w, lq_span text, size_t bytes_max) {
  lq_writer clean = lq_writer_of(log->clean, sizeof log->clean);
  lq_log_clean(&clean, text, bytes_max);
  lq_json_write_text(w, lq_writer_span(&clean));
}

static void member(lq_log *log, lq_writer *w, const char *key, const char *text) {
  if (!text || !text[0]) return;
  lq_write_text(w, ",\"");
  lq_write_text(w, key);
  lq_write_text(w, "\":");
  put_clean(log, w, lq_span_text(text), LQ_LOG_VALUE_BYTES);
}

static void field(lq_log *log, lq_writer *w, const lq_log_field *f, bool first) {
  if (!first) lq_write_u8(w, ',');
  put_clean(log, w, lq_span_text(f->key), NAME_BYTES);
  lq_write_u8(w, ':');
  switch (f->kind) {
  case LQ_LOG_TEXT:
    if (lqi_secret_name(lq_span_text(f->key)))
      lq_json_write_text(w, lq_span_text(LQ_LOG_MASK));
    else
      put_clean(log, w, f->text, LQ_LOG_VALUE_BYTES);
    break;
  case LQ_LOG_I64:
    lq_json_write_i64(w, f->number);
    break;
  case LQ_LOG_BOOL:
    lq_write_text(w, f->number ? "true" : "false");
    break;
  case LQ_LOG_SECRET:
    lq_json_write_text(w, lq_span_text(LQ_LOG_MASK));
    break;
  }
}

static void where_write(lq_log *log, lq_writer *w, const lq_log_where *where) {
  if (!where) return;
  member(log, w, "tenant", where->tenant);
  member(log, w, "session", where->session);
  const lq_trace_context *c = where->trace;
  if (!c || !(c->trace_hi | c->trace_lo)) return;
  lq_write_text(w, ",\"trace_id\":\"");
  lq_write_hex64(w, c->trace_hi);
  lq_write_hex64(w, c->trace_lo);
  lq_write_text(w, "\",\"span_id\":\"");
  lq_write_hex64(w, c->span);
  lq_write_u8(w, '"');
}

/* Whole fields or none: a line is JSON whatever its length. True when one was left out. */
static bool fields_write(lq_log *log, lq_writer *w, const lq_log_field *fields, size_t count) {
  bool first = true, cut = false;
  lq_write_text(w, ",\"fields\":{");
  for (size_t i = 0; i < count; i++) {
    size_t before = w->bytes;
    field(log, w, &fields[i], first);
    if (w->failed) {
      w->failed = false;
      w->bytes = before;
      cut = true;
    } else {
      first = false;
    }
  }
  return cut;
}

static void line_write(lq_log *log, uint64_t wall_ms, lq_log_level level, const char *event,
                       const lq_log_where *where, const lq_log_field *fields, size_t count,
                       uint64_t dropped) {
  char time[48];
  time_text(wall_ms, time);
  /* All but the fields fits always: escaping makes a byte six at most. */
  lq_writer w = lq_writer_of(log->line, sizeof log->line - TAIL_BYTES);
  lq_write_text(&w, "{\"time\":\"");
  lq_write_text(&w, time);
  lq_write_text(&w, "\",\"level\":\"");
  lq_write_text(&w, level < LQ_LOG_INFO    ? "debug"
                    : level == LQ_LOG_INFO ? "info"
                    : level == LQ_LOG_WARN ? "warn"
                                           : "error");
  lq_write_text(&w, "\",\"event\":");
  put_clean(log, &w, lq_span_text(event), NAME_BYTES);
  where_write(log, &w, where);
  LQ_CHECK(!w.failed);
  bool cut = count && fields_write(log, &w, fields, count);
  w.capacity = sizeof log->line;
  if (count) lq_write_u8(&w, '}');
  if (cut) lq_write_text(&w, ",\"cut\":true");
  if (dropped) {
    lq_write_text(&w, ",\"dropped\":");
    lq_write_decimal_u(&w, dropped);
  }
  lq_write_text(&w, "}\n");
  LQ_CHECK(!w.failed);
  log->stats.lines++;
  log->options.sink(log->options.context, lq_writer_span(&w));
}

void lq_log_write(lq_log *log, uint64_t wall_ms, lq_log_level level, const char *event,
                  const lq_log_where *where, const lq_log_field *fields, size_t count) {
  if (!log || level < log->options.level) return;
  bucket *b = bucket_of(log, event);
  if (!rate_take(log, b, wall_ms)) {
    b->dropped++;
    log->stats.dropped++;
    return;
  }
  uint64_t dropped = b->dropped;
  b->dropped = 0;
  line_write(log, wall_ms, level, event, where, fields, count, dropped);
}

void lq_log_tell_dropped(lq_log *log, uint64_t wall_ms) {
  for (bucket *b = log->bucket; b < log->bucket + SLOTS; b++) {
    if (!b->dropped) continue;
    lq_log_field of = lq_log_text("event", b->event[0] ? b->event : "(others)");
    line_write(log, wall_ms, LQ_LOG_WARN, "log.dropped", NULL, &of, 1, b->dropped);
    b->dropped = 0;
  }
}
