/* HTTP/1.1 requests from bytes, and answers to bytes. No sockets, no clock: llhttp underneath.
 *
 * Shape: one request at a time. lq_http_read eats bytes as they come and says when a whole request
 * stands; what follows it (a pipelined request, the first WebSocket frames) is left unconsumed.
 * Limits: LQ_HTTP_HEADER_BYTES_MAX, LQ_HTTP_HEADERS_MAX, LQ_HTTP_BODY_BYTES_MAX.
 * Owner: an lq_http exists from the first byte of a request to its answer; an idle keep-alive
 * connection and a WebSocket hold none (4 KB, more while a head or body is larger).
 * Refused beyond llhttp: a space before a header's colon, folded headers, no or two Host,
 * Content-Length beside Transfer-Encoding, trailers, bare LF, control bytes, HTTP versions but 1.0
 * and 1.1.
 */
#ifndef LQ_SERVICE_GATEWAY_HTTP_H
#define LQ_SERVICE_GATEWAY_HTTP_H

#include "lq_base/bytes.h"
#include "lq_base/limits.h"

typedef enum lq_http_method {
  LQ_HTTP_OTHER, /* known to HTTP, not to us: answer 405 */
  LQ_HTTP_GET,
  LQ_HTTP_HEAD,
  LQ_HTTP_POST,
  LQ_HTTP_PUT,
  LQ_HTTP_PATCH,
  LQ_HTTP_DELETE,
  LQ_HTTP_OPTIONS
} lq_http_method;

typedef struct lq_http_header {
  lq_span name;  /* as sent; compare with lq_http_header_get */
  lq_span value; /* without the blanks around it */
} lq_http_header;

/* All spans point into the lq_http and live until lq_http_next or lq_http_close. */
typedef struct lq_http_request {
  lq_http_method method;
  bool keep_alive; /* false: answer with close = true, then close the connection */
  bool upgrade;    /* asks for an Upgrade: hand it to lq_ws_handshake */
  uint32_t header_count;
  lq_span target; /* as sent: "/v1/x?tick=3" */
  lq_span path;   /* up to '?', still percent-encoded; starts with '/', or is "*" */
  lq_span query;  /* after '?', still percent-encoded; empty when there is none */
  lq_span host;
  lq_span body;
  const lq_http_header *headers;
} lq_http_request;

typedef enum lq_http_kind {
  LQ_HTTP_MORE,     /* everything was consumed; read on when more comes */
  LQ_HTTP_CONTINUE, /* the head is whole and the client waits: send LQ_HTTP_CONTINUE_TEXT, read on
                     */
  LQ_HTTP_REQUEST,  /* `request` stands; answer, then lq_http_next or lq_http_close */
  LQ_HTTP_FAIL      /* answer with `status` and `code`, then close; the parser is spent */
} lq_http_kind;
#define LQ_HTTP_CONTINUE_TEXT "HTTP/1.1 100 Continue\r\n\r\n"

typedef struct lq_http_event {
  lq_http_kind kind;
  int status;                     /* FAIL: 400, 413, 414, 417, 431, 501, 503 or 505 */
  lq_err code;                    /* FAIL */
  const char *message;            /* FAIL: one sentence for people; static text */
  const lq_http_request *request; /* REQUEST */
} lq_http_event;

typedef struct lq_http lq_http;
lq_http *lq_http_open(void); /* NULL: out of memory */
void lq_http_close(lq_http *http);
/* Reads on from `in`; returns how many bytes were consumed. At most one event a call: call again
 * with the rest after CONTINUE and after lq_http_next. */
size_t lq_http_read(lq_http *http, lq_span in, lq_http_event *out);
/* Forgets the request: ready for the next one of the same connection. */
void lq_http_next(lq_http *http);

/* ---- asking a request ---- */
/* The value of the first header of that name (any case); data is NULL when absent. */
lq_span lq_http_header_get(const lq_http_request *request, const char *name);
uint32_t lq_http_header_count(const lq_http_request *request, const char *name);
/* Is `token` in the comma-separated list of any header of that name? Both without regard to case.
 */
bool lq_http_header_has(const lq_http_request *request, const char *name, const char *token);

enum { LQ_HTTP_SEGMENTS_MAX = 16, LQ_HTTP_PATH_BYTES_MAX = 1024 };
typedef struct lq_http_path {
  uint32_t count;
  lq_span segments[LQ_HTTP_SEGMENTS_MAX]; /* decoded; into `text` */
  uint8_t text[LQ_HTTP_PATH_BYTES_MAX];
} lq_http_path;
/* Splits at '/' and decodes each segment. "/" has none; a trailing '/' gives an empty last one.
 * LQ_ERR_SYNTAX: bad escape, "." or "..", a NUL or an escaped '/'; LQ_ERR_UTF8; LQ_ERR_TOO_BIG. */
LQ_MUST lq_err lq_http_path_split(lq_span path, lq_http_path *out);
/* Does the path match "v1/tenants/{}/games"? {} takes one segment, which must
 * not be empty, into params. */
bool lq_http_path_match(const lq_http_path *path, const char *pattern, lq_span *params,
                        uint32_t params_max);
/* The first parameter of that name, decoded ('+' is a blank) into out, NUL-terminated; *bytes is
 * its length. LQ_ERR_NOT_FOUND, LQ_ERR_SYNTAX (bad escape, NUL), LQ_ERR_TOO_BIG, LQ_ERR_UTF8. */
LQ_MUST lq_err lq_http_query_get(lq_span query, const char *name, char *out, size_t capacity,
                                 size_t *bytes);
/* As lq_http_query_get, for a whole number 0..UINT64_MAX in decimal; LQ_ERR_RANGE besides. */
LQ_MUST lq_err lq_http_query_u64(lq_span query, const char *name, uint64_t *out);

/* ---- answering ---- */
typedef struct lq_http_response {
  int status;
  const char *content_type; /* NULL: no body follows and no Content-Type is sent */
  const char *cache;        /* Cache-Control; NULL: "no-store" */
  const char
      *policy; /* Content-Security-Policy; NULL: "default-src 'none'; frame-ancestors 'none'" */
  const char *headers; /* whole lines "Name: value\r\n", the caller's own; NULL: none */
  bool close;          /* sends Connection: close */
  bool head_only;      /* the answer to HEAD: Content-Length as if the body came */
  lq_span body;
} lq_http_response;
/* Bytes that a head needs at most beyond the texts given in the response. */
#define LQ_HTTP_HEAD_BYTES_MAX 512u
/* Head and body; `out` fails when it does not fit. */
void lq_http_write(lq_writer *out, const lq_http_response *response);
/* The head alone, for a body that is sent by itself (lq_conn_send_large). */
void lq_http_write_head(lq_writer *out, const lq_http_response *response);
/* A whole problem+json answer (RFC 9457): type, title (the reason), status, detail
 * (`message`, NULL: the cause), code and mend. status 0: the code's own. Fits in
 * LQ_HTTP_PROBLEM_BYTES_MAX. */
#define LQ_HTTP_PROBLEM_BYTES_MAX 4096u
void lq_http_write_problem(lq_writer *out, int status, lq_err code, const char *message,
                           bool close);
const char *lq_http_reason(int status); /* "Not Found"; "Status" for one we never send */

#endif
