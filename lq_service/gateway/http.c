/* Reading requests. The head is gathered whole and checked line by line by our own rules, then
 * llhttp decides the framing of the body and decodes it. */
#include "lq_service/gateway/http.h"

#include <llhttp.h>
#include <stdlib.h>
#include <strings.h>

enum {
  HEAD_BYTES_MIN = 1024, /* a browser's head; grows to LQ_HTTP_HEADER_BYTES_MAX */
  BODY_BYTES_MIN = 1024,
  FRAMING_FACTOR = 8 /* chunks of one byte cost six: more than eight is not a body but a nuisance */
};
typedef enum phase { PHASE_HEAD, PHASE_BODY, PHASE_WHOLE, PHASE_FAILED } phase;

struct lq_http {
  llhttp_t parser;
  lq_http_request request;
  lq_http_event failure;
  phase phase;
  bool whole;     /* llhttp saw the end of the message */
  bool too_big;   /* on_body refused */
  bool no_memory; /* on_body could not grow */
  bool waits;     /* Expect: 100-continue, not answered yet */
  bool is_chunked;
  bool line_checked;
  uint8_t *head, *body;
  size_t head_bytes, head_capacity;
  size_t line_at; /* where the line being gathered begins */
  size_t body_bytes, body_capacity;
  size_t framed_bytes;   /* of the body as it came, chunk sizes included */
  uint8_t framed_end[4]; /* the last of them */
  lq_http_header headers[LQ_HTTP_HEADERS_MAX];
};

/* ---- llhttp's side ---- */
static bool grow(uint8_t **data, size_t *capacity, size_t need, size_t least, size_t most) {
  if (need <= *capacity) return true;
  size_t larger = *capacity ? *capacity : least;
  while (larger < need) larger *= 2;
  if (larger > most) larger = most;
  uint8_t *moved = realloc(*data, larger);
  if (!moved) return false;
  *data = moved;
  *capacity = larger;
  return true;
}

static int on_body(llhttp_t *parser, const char *at, size_t bytes) {
  lq_http *http = parser->data;
  http->too_big = bytes > LQ_HTTP_BODY_BYTES_MAX - http->body_bytes;
  if (http->too_big) return -1;
  http->no_memory = !grow(&http->body, &http->body_capacity, http->body_bytes + bytes,
                          BODY_BYTES_MIN, LQ_HTTP_BODY_BYTES_MAX);
  if (http->no_memory) return -1;
  memcpy(http->body + http->body_bytes, at, bytes);
  http->body_bytes += bytes;
  return 0;
}

/* Nobody here reads trailers, and llhttp lets their lines end in a bare line feed. */
static int on_field(llhttp_t *parser, const char *at, size_t bytes) {
  lq_http *http = parser->data;
  (void)at;
  (void)bytes;
  return http->phase == PHASE_BODY ? -1 : 0;
}

static int on_whole(llhttp_t *parser) {
  lq_http *http = parser->data;
  http->whole = true;
  return HPE_PAUSED; /* what follows is not ours */
}

static const llhttp_settings_t settings = {
    .on_header_field = on_field, .on_body = on_body, .on_message_complete = on_whole};

static void parser_reset(lq_http *http) {
  /* llhttp keeps its settings without const, and only reads them. */
  llhttp_settings_t *mutable_settings;
  const llhttp_settings_t *const_settings = &settings;
  memcpy(&mutable_settings, &const_settings, sizeof mutable_settings);
  llhttp_init(&http->parser, HTTP_REQUEST, mutable_settings);
  http->parser.data = http;
}

/* ---- life ---- */
lq_http *lq_http_open(void) {
  lq_http *http = calloc(1, sizeof *http);
  if (http) parser_reset(http);
  return http;
}

void lq_http_close(lq_http *http) {
  if (!http) return;
  free(http->head);
  free(http->body);
  free(http);
}

void lq_http_next(lq_http *http) {
  uint8_t *head = http->head;
  size_t capacity = http->head_capacity;
  free(http->body);
  memset(http, 0, offsetof(lq_http, headers));
  http->head = head;
  http->head_capacity = capacity;
  parser_reset(http);
}

static bool fail(lq_http *http, int status, lq_err code, const char *message) {
  http->phase = PHASE_FAILED;
  http->failure =
      (lq_http_event){.kind = LQ_HTTP_FAIL, .status = status, .code = code, .message = message};
  return false;
}

static bool bad(lq_http *http, const char *message) {
  return fail(http, 400, LQ_ERR_SYNTAX, message);
}

/* ---- the request line ---- */
static bool is_token(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static lq_http_method method_of(lq_span text) {
  static const struct {
    const char *text;
    lq_http_method method;
  } known[] = {{"GET", LQ_HTTP_GET},        {"HEAD", LQ_HTTP_HEAD},   {"POST", LQ_HTTP_POST},
               {"PUT", LQ_HTTP_PUT},        {"PATCH", LQ_HTTP_PATCH}, {"DELETE", LQ_HTTP_DELETE},
               {"OPTIONS", LQ_HTTP_OPTIONS}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (lq_span_is(text, known[i].text)) return known[i].method;
  return LQ_HTTP_OTHER;
}

static lq_span cut(lq_span text, size_t from, size_t to) {
  return lq_span_of(text.data + from, to - from);
}

/* "METHOD SP target SP HTTP/1.x", single blanks, nothing else. */
static bool check_request_line(lq_http *http, lq_span line) {
  size_t one = 0;
  while (one < line.bytes && is_token(line.data[one])) one++;
  if (one == 0 || one == line.bytes || line.data[one] != ' ')
    return bad(http, "the first line is not an HTTP request");
  size_t two = one + 1;
  while (two < line.bytes && line.data[two] != ' ') {
    uint8_t c = line.data[two++];
    if (c < 0x21 || c > 0x7e || c == '#')
      return bad(http, "the address holds a byte that must be percent-encoded");
  }
  lq_span version = cut(line, two < line.bytes ? two + 1 : two, line.bytes);
  if (version.bytes == 0) return bad(http, "the request names no HTTP version");
  if (version.bytes != 8 || memcmp(version.data, "HTTP/", 5) != 0)
    return bad(http, "the first line is not an HTTP request");
  if (!lq_span_is(version, "HTTP/1.1") && !lq_span_is(version, "HTTP/1.0"))
    return fail(http, 505, LQ_ERR_UNSUPPORTED, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  lq_http_request *request = &http->request;
  request->method = method_of(cut(line, 0, one));
  request->target = cut(line, one + 1, two);
  bool star = lq_span_is(request->target, "*") && request->method == LQ_HTTP_OPTIONS;
  if (!star && (request->target.bytes == 0 || request->target.data[0] != '/'))
    return bad(http, "the address must be a path that begins with /");
  size_t mark = 0;
  while (mark < request->target.bytes && request->target.data[mark] != '?') mark++;
  request->path = cut(request->target, 0, mark);
  request->query = mark < request->target.bytes
                       ? cut(request->target, mark + 1, request->target.bytes)
                       : (lq_span){0};
  request->keep_alive = lq_span_is(version, "HTTP/1.1");
  return true;
}

/* ---- header lines ---- */
static bool check_header_line(lq_http *http, lq_span line) {
  if (line.data[0] == ' ' || line.data[0] == '\t')
    return bad(http, "a header line is folded over two lines");
  size_t colon = 0;
  while (colon < line.bytes && is_token(line.data[colon])) colon++;
  if (colon == 0 || colon == line.bytes || line.data[colon] != ':')
    return bad(http, "a header's name is not followed by its colon at once");
  size_t from = colon + 1, to = line.bytes;
  for (size_t i = from; i < to; i++)
    if ((line.data[i] < 0x20 && line.data[i] != '\t') || line.data[i] == 0x7f)
      return bad(http, "a header's value holds a control byte");
  while (from < to && (line.data[from] == ' ' || line.data[from] == '\t')) from++;
  while (to > from && (line.data[to - 1] == ' ' || line.data[to - 1] == '\t')) to--;
  lq_http_request *request = &http->request;
  if (request->header_count == LQ_HTTP_HEADERS_MAX)
    return fail(http, 431, LQ_ERR_TOO_BIG, "the request has too many headers");
  http->headers[request->header_count++] =
      (lq_http_header){.name = cut(line, 0, colon), .value = cut(line, from, to)};
  return true;
}

static bool check_host(lq_http *http) {
  if (lq_http_header_count(&http->request, "host") != 1)
    return bad(http, "the request must have exactly one Host header");
  lq_span host = lq_http_header_get(&http->request, "host");
  if (host.bytes == 0) return bad(http, "the Host header is empty");
  for (size_t i = 0; i < host.bytes; i++) {
    uint8_t c = host.data[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && !(c && strchr(".-_:[]", c)))
      return bad(http, "the Host header is not a host and port");
  }
  http->request.host = host;
  return true;
}

/* How long the body is must have one answer, whoever asks: here is where requests are smuggled. */
static bool check_framing(lq_http *http) {
  const lq_http_request *request = &http->request;
  uint32_t lengths = lq_http_header_count(request, "content-length");
  uint32_t encodings = lq_http_header_count(request, "transfer-encoding");
  if (lengths && encodings)
    return bad(http, "the request has both Content-Length and Transfer-Encoding");
  if (lengths > 1) return bad(http, "the request has more than one Content-Length");
  if (encodings) {
    lq_span value = lq_http_header_get(request, "transfer-encoding");
    if (!request->keep_alive) return bad(http, "HTTP/1.0 knows no Transfer-Encoding");
    if (encodings > 1 || value.bytes != 7 || strncasecmp((const char *)value.data, "chunked", 7))
      return fail(http, 501, LQ_ERR_UNSUPPORTED, "the only Transfer-Encoding known is chunked");
    http->is_chunked = true;
  }
  if (!lengths) return true;
  lq_span value = lq_http_header_get(request, "content-length");
  uint64_t length = 0;
  if (value.bytes == 0) return bad(http, "the Content-Length is empty");
  for (size_t i = 0; i < value.bytes; i++) {
    if (value.data[i] < '0' || value.data[i] > '9')
      return bad(http, "the Content-Length is not a whole number");
    length = length * 10 + (uint64_t)(value.data[i] - '0');
    if (length > LQ_HTTP_BODY_BYTES_MAX)
      return fail(http, 413, LQ_ERR_TOO_BIG, "the body is larger than the limit");
  }
  return true;
}

static bool check_expect(lq_http *http) {
  lq_span expect = lq_http_header_get(&http->request, "expect");
  if (!expect.data) return true;
  if (expect.bytes != 12 || strncasecmp((const char *)expect.data, "100-continue", 12))
    return fail(http, 417, LQ_ERR_UNSUPPORTED, "the only expectation known is 100-continue");
  http->waits = http->request.keep_alive; /* HTTP/1.0 knows no 100 */
  return true;
}

static bool check_head(lq_http *http) {
  lq_span head = lq_span_of(http->head, http->head_bytes);
  bool first = true;
  for (size_t at = 0; at + 2 < head.bytes;) {
    size_t end = at;
    while (head.data[end] != '\n') end++; /* each line is known to end in CR LF */
    lq_span line = cut(head, at, end - 1);
    /* The first line again: the head may have moved since it was checked. */
    if (!(first ? check_request_line(http, line) : check_header_line(http, line))) return false;
    first = false;
    at = end + 1;
  }
  http->request.headers = http->headers;
  if (!check_host(http) || !check_framing(http) || !check_expect(http)) return false;
  if (lq_http_header_has(&http->request, "connection", "close"))
    http->request.keep_alive = false;
  else if (lq_http_header_has(&http->request, "connection", "keep-alive"))
    http->request.keep_alive = true;
  http->request.upgrade = lq_http_header_get(&http->request, "upgrade").data &&
                          lq_http_header_has(&http->request, "connection", "upgrade");
  return true;
}

/* ---- reading ---- */
static bool parse(lq_http *http, const uint8_t *data, size_t bytes, size_t *used) {
  llhttp_errno_t error = llhttp_execute(&http->parser, (const char *)data, bytes);
  *used = bytes;
  if (error == HPE_OK) return true;
  if (http->whole && (error == HPE_PAUSED || error == HPE_PAUSED_UPGRADE)) {
    const uint8_t *stop = (const uint8_t *)llhttp_get_error_pos(&http->parser);
    *used = stop ? (size_t)(stop - data) : bytes;
    return true;
  }
  if (http->too_big) return fail(http, 413, LQ_ERR_TOO_BIG, "the body is larger than the limit");
  if (http->no_memory) return fail(http, 503, LQ_ERR_MEMORY, "out of memory for the body");
  if (error == HPE_INVALID_METHOD)
    return fail(http, 501, LQ_ERR_UNSUPPORTED, "the method is not known");
  return bad(http, http->phase == PHASE_BODY ? "the body's chunks are not well formed"
                                             : "the request's head is not well formed");
}

/* What ends a head early: a line that does not end in CR LF, or a first line that is no request.
 * Answers whether the head is whole. */
static bool end_line(lq_http *http) {
  lq_span line = lq_span_of(http->head + http->line_at, http->head_bytes - http->line_at);
  if (line.bytes < 2 || line.data[line.bytes - 2] != '\r')
    return bad(http, "a line ends in a line feed without a carriage return");
  line.bytes -= 2;
  http->line_at = http->head_bytes;
  if (line.bytes == 0) {
    if (http->line_checked) return true;
    http->head_bytes = http->line_at = 0; /* empty lines before a request are passed over */
    return false;
  }
  if (!http->line_checked) http->line_checked = check_request_line(http, line);
  return false;
}

/* Takes bytes of the head, up to its end. True: it is whole. */
static bool gather_head(lq_http *http, lq_span in, size_t *used) {
  for (*used = 0; *used < in.bytes;) {
    const uint8_t *from = in.data + *used;
    size_t left = in.bytes - *used;
    const uint8_t *feed = memchr(from, '\n', left);
    size_t take = feed ? (size_t)(feed - from) + 1 : left;
    if (take > LQ_HTTP_HEADER_BYTES_MAX - http->head_bytes)
      return fail(http, 431, LQ_ERR_TOO_BIG, "the request's head is larger than the limit");
    if (!grow(&http->head, &http->head_capacity, http->head_bytes + take, HEAD_BYTES_MIN,
              LQ_HTTP_HEADER_BYTES_MAX))
      return fail(http, 503, LQ_ERR_MEMORY, "out of memory for the request");
    memcpy(http->head + http->head_bytes, from, take);
    http->head_bytes += take;
    *used += take;
    /* A TLS hello sent here should not wait for a line feed that never comes. */
    if (http->head[0] < 0x20 && http->head[0] != '\r' && http->head[0] != '\n')
      return bad(http, "the first line is not an HTTP request");
    if (feed && end_line(http)) return true;
    if (http->phase == PHASE_FAILED) return false;
  }
  return false;
}

static bool begin_body(lq_http *http) {
  size_t used = 0;
  if (!check_head(http) || !parse(http, http->head, http->head_bytes, &used)) return false;
  http->phase = PHASE_BODY;
  return true;
}

static bool read_body(lq_http *http, lq_span in, size_t *used) {
  if (!parse(http, in.data, in.bytes, used)) return false;
  http->framed_bytes += *used;
  size_t last = *used < 4 ? *used : 4;
  memmove(http->framed_end, http->framed_end + last, 4 - last);
  memcpy(http->framed_end + (4 - last), in.data + (*used - last), last);
  if (http->whole && http->is_chunked && memcmp(http->framed_end, "\r\n\r\n", 4) != 0)
    return bad(http, "the body's chunks are not well formed");
  if (http->framed_bytes > LQ_HTTP_HEADER_BYTES_MAX + FRAMING_FACTOR * http->body_bytes)
    return bad(http, "the body's chunks hold more framing than body");
  return true;
}

size_t lq_http_read(lq_http *http, lq_span in, lq_http_event *out) {
  *out = (lq_http_event){.kind = LQ_HTTP_MORE};
  size_t used = 0;
  bool going = http->phase != PHASE_FAILED && http->phase != PHASE_WHOLE;
  if (going && http->phase == PHASE_HEAD) {
    going = gather_head(http, in, &used) && begin_body(http);
    in = lq_span_of(in.data + used, in.bytes - used);
    if (going && http->waits && !http->whole && in.bytes == 0) {
      http->waits = false;
      out->kind = LQ_HTTP_CONTINUE;
      return used;
    }
  }
  if (going && !http->whole && in.bytes) {
    size_t more = 0;
    going = read_body(http, in, &more);
    used += more;
  }
  if (http->phase == PHASE_FAILED) {
    *out = http->failure;
    return used;
  }
  if (http->whole) {
    http->phase = PHASE_WHOLE;
    http->request.body = lq_span_of(http->body, http->body_bytes);
    out->kind = LQ_HTTP_REQUEST;
    out->request = &http->request;
  }
  return used;
}
