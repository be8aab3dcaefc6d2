/* Asking a request for its headers, path and query; writing answers. */
#include "lq_engine/net/json.h"
#include "lq_service/gateway/http.h"

#include <stdlib.h>
#include <strings.h>

/* ---- headers ---- */
static bool same_text(lq_span a, const char *b) {
  size_t bytes = strlen(b);
  return a.bytes == bytes && (bytes == 0 || strncasecmp((const char *)a.data, b, bytes) == 0);
}

lq_span lq_http_header_get(const lq_http_request *request, const char *name) {
  for (uint32_t i = 0; i < request->header_count; i++)
    if (same_text(request->headers[i].name, name)) return request->headers[i].value;
  return (lq_span){0};
}

uint32_t lq_http_header_count(const lq_http_request *request, const char *name) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < request->header_count; i++)
    count += same_text(request->headers[i].name, name);
  return count;
}

static bool list_has(lq_span list, const char *token) {
  for (size_t at = 0; at <= list.bytes;) {
    size_t end = at;
    while (end < list.bytes && list.data[end] != ',') end++;
    size_t from = at, to = end;
    while (from < to && (list.data[from] == ' ' || list.data[from] == '\t')) from++;
    while (to > from && (list.data[to - 1] == ' ' || list.data[to - 1] == '\t')) to--;
    if (same_text(lq_span_of(list.data + from, to - from), token)) return true;
    at = end + 1;
  }
  return false;
}

bool lq_http_header_has(const lq_http_request *request, const char *name, const char *token) {
  for (uint32_t i = 0; i < request->header_count; i++)
    if (same_text(request->headers[i].name, name) && list_has(request->headers[i].value, token))
      return true;
  return false;
}

/* ---- percent-encoding ---- */
static int hex_of(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* Decodes text into out; NUL is refused everywhere: names end up in C strings. */
static lq_err decode(lq_span text, bool plus, uint8_t *out, size_t capacity, size_t *bytes) {
  size_t count = 0;
  for (size_t i = 0; i < text.bytes; i++) {
    uint8_t c = text.data[i];
    if (c == '%') {
      int high = text.bytes - i > 2 ? hex_of(text.data[i + 1]) : -1;
      int low = high >= 0 ? hex_of(text.data[i + 2]) : -1;
      if (low < 0) return LQ_ERR_SYNTAX;
      c = (uint8_t)(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus) {
      c = ' ';
    }
    if (c == 0) return LQ_ERR_SYNTAX;
    if (count == capacity) return LQ_ERR_TOO_BIG;
    out[count++] = c;
  }
  *bytes = count;
  return lq_utf8_valid(lq_span_of(out, count)) ? LQ_OK : LQ_ERR_UTF8;
}

lq_err lq_http_path_split(lq_span path, lq_http_path *out) {
  out->count = 0;
  if (path.bytes == 0 || path.data[0] != '/') return LQ_ERR_SYNTAX;
  size_t used = 0;
  if (path.bytes == 1) return LQ_OK;
  for (size_t at = 1; at <= path.bytes;) {
    size_t end = at, bytes = 0;
    while (end < path.bytes && path.data[end] != '/') end++;
    uint8_t *text = out->text + used;
    if (out->count == LQ_HTTP_SEGMENTS_MAX) return LQ_ERR_TOO_BIG;
    lq_err err = decode(lq_span_of(path.data + at, end - at), false, text,
                        LQ_HTTP_PATH_BYTES_MAX - used, &bytes);
    if (err) return err;
    lq_span segment = lq_span_of(text, bytes);
    if (lq_span_is(segment, ".") || lq_span_is(segment, "..") ||
        (bytes && memchr(text, '/', bytes)))
      return LQ_ERR_SYNTAX;
    out->segments[out->count++] = segment;
    used += bytes;
    at = end + 1;
  }
  return LQ_OK;
}

bool lq_http_path_match(const lq_http_path *path, const char *pattern, lq_span *params,
                        uint32_t params_max) {
  uint32_t param = 0, i = 0;
  for (const char *at = pattern; *at; i++) {
    size_t bytes = strcspn(at, "/");
    if (i == path->count) return false;
    lq_span want = lq_span_of(at, bytes), have = path->segments[i];
    if (lq_span_is(want, "{}")) {
      if (have.bytes == 0 || param == params_max) return false;
      params[param++] = have;
    } else if (!lq_span_equal(want, have)) {
      return false;
    }
    at += bytes;
    if (*at == '/') at++;
  }
  return i == path->count;
}

lq_err lq_http_query_get(lq_span query, const char *name, char *out, size_t capacity,
                         size_t *bytes) {
  *bytes = 0;
  LQ_CHECK(capacity > 0);
  out[0] = 0;
  for (size_t at = 0; at < query.bytes;) {
    size_t end = at, equals;
    while (end < query.bytes && query.data[end] != '&') end++;
    for (equals = at; equals < end && query.data[equals] != '=';) equals++;
    uint8_t key[64];
    size_t key_bytes = 0;
    /* A name that does not decode is not the one that was asked for. */
    lq_err err =
        decode(lq_span_of(query.data + at, equals - at), true, key, sizeof key, &key_bytes);
    if (!err && lq_span_is(lq_span_of(key, key_bytes), name)) {
      size_t from = equals < end ? equals + 1 : end;
      err = decode(lq_span_of(query.data + from, end - from), true, (uint8_t *)out, capacity - 1,
                   bytes);
      if (err) *bytes = 0;
      out[*bytes] = 0;
      return err;
    }
    at = end + 1;
  }
  return LQ_ERR_NOT_FOUND;
}

lq_err lq_http_query_u64(lq_span query, const char *name, uint64_t *out) {
  char text[24];
  size_t bytes = 0;
  *out = 0;
  lq_err err = lq_http_query_get(query, name, text, sizeof text, &bytes);
  if (err) return err == LQ_ERR_TOO_BIG ? LQ_ERR_RANGE : err;
  uint64_t value = 0;
  if (bytes == 0) return LQ_ERR_SYNTAX;
  for (size_t i = 0; i < bytes; i++) {
    if (text[i] < '0' || text[i] > '9') return LQ_ERR_SYNTAX;
    uint64_t digit = (uint64_t)(text[i] - '0');
    if (value > (UINT64_MAX - digit) / 10) return LQ_ERR_RANGE;
    value = value * 10 + digit;
  }
  *out = value;
  return LQ_OK;
}

/* ---- answers ---- */
const char *lq_http_reason(int status) {
  static const struct {
    int status;
    const char *reason;
  } known[] = {{100, "Continue"},
               {101, "Switching Protocols"},
               {200, "OK"},
               {201, "Created"},
               {202, "Accepted"},
               {204, "No Content"},
               {301, "Moved Permanently"},
               {302, "Found"},
               {304, "Not Modified"},
               {307, "Temporary Redirect"},
               {308, "Permanent Redirect"},
               {400, "Bad Request"},
               {401, "Unauthorized"},
               {403, "Forbidden"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {408, "Request Timeout"},
               {409, "Conflict"},
               {410, "Gone"},
               {413, "Content Too Large"},
               {415, "Unsupported Media Type"},
               {417, "Expectation Failed"},
               {422, "Unprocessable Content"},
               {423, "Locked"},
               {426, "Upgrade Required"},
               {429, "Too Many Requests"},
               {431, "Request Header Fields Too Large"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {502, "Bad Gateway"},
               {503, "Service Unavailable"},
               {505, "HTTP Version Not Supported"},
               {507, "Insufficient Storage"}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].status == status) return known[i].reason;
  return "Status";
}

static void write_line(lq_writer *out, const char *name, const char *value) {
  lq_write_text(out, name);
  lq_write_text(out, ": ");
  lq_write_text(out, value);
  lq_write_text(out, "\r\n");
}

void lq_http_write_head(lq_writer *out, const lq_http_response *response) {
  lq_write_text(out, "HTTP/1.1 ");
  lq_write_decimal(out, response->status);
  lq_write_text(out, " ");
  lq_write_text(out, lq_http_reason(response->status));
  lq_write_text(out, "\r\n");
  if (response->content_type) write_line(out, "Content-Type", response->content_type);
  /* 1xx, 204 and 304 have no body and must not name its length. */
  if (response->status >= 200 && response->status != 204 && response->status != 304) {
    lq_write_text(out, "Content-Length: ");
    lq_write_decimal_u(out, response->body.bytes);
    lq_write_text(out, "\r\n");
  }
  write_line(out, "Cache-Control", response->cache ? response->cache : "no-store");
  write_line(out, "Content-Security-Policy",
             response->policy ? response->policy : "default-src 'none'; frame-ancestors 'none'");
  write_line(out, "X-Content-Type-Options", "nosniff");
  write_line(out, "Referrer-Policy", "no-referrer");
  write_line(out, "Cross-Origin-Resource-Policy", "same-origin");
  if (response->close) write_line(out, "Connection", "close");
  if (response->headers) lq_write_text(out, response->headers);
  lq_write_text(out, "\r\n");
}

void lq_http_write(lq_writer *out, const lq_http_response *response) {
  lq_http_write_head(out, response);
  if (!response->head_only) lq_write_span(out, response->body);
}

static void write_member(lq_writer *out, const char *name, const char *value) {
  lq_write_text(out, name);
  lq_json_write_text(out, lq_span_text(value));
}

void lq_http_write_problem(lq_writer *out, int status, lq_err code, const char *message,
                           bool close) {
  uint8_t memory[LQ_HTTP_PROBLEM_BYTES_MAX - 1024];
  lq_writer body = lq_writer_of(memory, sizeof memory);
  if (status == 0) status = lq_err_http(code);
  /* A message from a client's own bytes may be cut in the middle of a character. */
  if (!message || !lq_utf8_valid(lq_span_text(message)) || strlen(message) > 300)
    message = lq_err_cause(code);
  write_member(&body, "{\"type\":\"about:blank\",\"title\":", lq_http_reason(status));
  lq_write_text(&body, ",\"status\":");
  lq_write_decimal(&body, status);
  write_member(&body, ",\"detail\":", message);
  write_member(&body, ",\"code\":", lq_err_name(code));
  write_member(&body, ",\"mend\":", lq_err_mend(code));
  lq_write_text(&body, "}\n");
  lq_http_response response = {.status = status,
                               .content_type = "application/problem+json",
                               .close = close,
                               .body = lq_writer_span(&body)};
  LQ_CHECK(!body.failed);
  lq_http_write(out, &response);
}
