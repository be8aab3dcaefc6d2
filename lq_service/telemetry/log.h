/* Structured logs: one JSON object a line, without secrets, at a bounded rate.
 *
 * Shape of a line: {"time":"2026-01-31T12:00:00.000Z","level":"warn","event":"commit.failed",
 * "tenant":"acme","session":"main","trace_id":"..","span_id":"..","fields":{..},"dropped":3}; what
 * has no value is left out. `dropped`: lines of this event not written since the last one that was.
 * Any byte may come in: control characters are escaped, what is not UTF-8 becomes U+FFFD, a long
 * value is cut, and what looks like a credential is masked (lq_log_clean says what does).
 * Limits: LQ_LOG_LINE_BYTES a line, LQ_LOG_VALUE_BYTES a value, LQ_LOG_EVENTS_MAX event names with
 * a rate of their own (the others share one). Threads: one. */
#ifndef LQ_SERVICE_TELEMETRY_LOG_H
#define LQ_SERVICE_TELEMETRY_LOG_H

#include "lq_service/telemetry/trace.h"

#define LQ_LOG_LINE_BYTES                                                                          \
  16384u                         /* with its newline: a log collector's usual limit for one line   \
                                  */
#define LQ_LOG_VALUE_BYTES 1024u /* before escaping */
#define LQ_LOG_EVENTS_MAX 64u
#define LQ_LOG_MASK "[redacted]"

typedef enum lq_log_level {
  LQ_LOG_DEBUG = -1,
  LQ_LOG_INFO = 0,
  LQ_LOG_WARN = 1,
  LQ_LOG_ERROR = 2
} lq_log_level;

typedef struct lq_log lq_log;

typedef struct lq_log_options {
  /* A line with its newline, borrowed until return. */
  void (*sink)(void *context, lq_span line);
  void *context;
  lq_log_level level; /* lines below it are not written */
  uint32_t burst;     /* lines of one event at once; 0 = 20 */
  uint32_t per_s;     /* lines of one event a second from then on; 0 = 10 */
} lq_log_options;

typedef struct lq_log_where {
  const char *tenant, *session;  /* NULL or "" = none */
  const lq_trace_context *trace; /* NULL or zero = none */
} lq_log_where;

typedef enum lq_log_kind { LQ_LOG_TEXT, LQ_LOG_I64, LQ_LOG_BOOL, LQ_LOG_SECRET } lq_log_kind;
typedef struct lq_log_field {
  const char *key; /* a text under "token", "password" and the like is a secret whatever its kind */
  lq_log_kind kind;
  lq_span text;
  int64_t number;
} lq_log_field;

static inline lq_log_field lq_log_text(const char *key, const char *text) {
  return (lq_log_field){key, LQ_LOG_TEXT, lq_span_text(text), 0};
}
static inline lq_log_field lq_log_i64(const char *key, int64_t number) {
  return (lq_log_field){key, LQ_LOG_I64, {NULL, 0}, number};
}
static inline lq_log_field lq_log_bool(const char *key, bool value) {
  return (lq_log_field){key, LQ_LOG_BOOL, {NULL, 0}, value};
}
/* There was one, and nobody sees it. */
static inline lq_log_field lq_log_secret(const char *key) {
  return (lq_log_field){key, LQ_LOG_SECRET, {NULL, 0}, 0};
}

LQ_MUST lq_err lq_log_open(const lq_log_options *options, lq_log **out); /* LQ_ERR_MEMORY */
void lq_log_close(lq_log *log);
/* event: a dotted name from the code, "commit.failed". where may be NULL. Fields that do not fit
 * are left out, and "cut":true says so. About 1 us. log NULL: nothing. */
void lq_log_write(lq_log *log, uint64_t wall_ms, lq_log_level level, const char *event,
                  const lq_log_where *where, const lq_log_field *fields, size_t count);
/* A line "log.dropped" for each event with lines that were not written: call it once a minute. */
void lq_log_tell_dropped(lq_log *log, uint64_t wall_ms);

typedef struct lq_log_stats {
  uint64_t lines, dropped;
} lq_log_stats;
lq_log_stats lq_log_stats_of(const lq_log *log);

/* Writes at most bytes_max bytes of text, valid UTF-8, ending in "..." where it was cut, with these
 * masked wherever they stand:
 *   - words that hold "lqk_" or "lqt_" (keys and tickets), from there on; JWTs ("eyJ..." with
 * dots);
 *   - the values of Authorization and Cookie headers; what follows Bearer or Basic;
 *   - the values of password, secret, token, api_key ... after "=" or as a JSON member;
 *   - words of 43 letters of every kind: 32 bytes in base64url, as lq serve's tokens are. */
void lq_log_clean(lq_writer *out, lq_span text, size_t bytes_max);

#endif
