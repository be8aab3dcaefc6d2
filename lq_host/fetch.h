/* An HTTP client: asks other people's servers (a telemetry collector, an identity provider, a
 * webhook) without making the loop wait.
 *
 * Shape: libcurl runs on a thread of its own; an answer comes by lq_loop_post on the loop's thread.
 * Connections are reused. One client has one policy, so that a connection made under a lax one is
 * never reused under a strict one.
 * Held always: TLS 1.2 or newer, certificate and name checked; http and https only; no redirect is
 * followed (status and Location are the answer); no proxy, whatever the environment says; no
 * credentials in an address; no cookies; no compression (so no bomb).
 * Limits: queue_max requests at once, LQ_FETCH_HEADER_BYTES_MAX bytes of headers, and each
 * request's own time and size. Threads: all of this on the loop's thread.
 * The simulator does not have this: nothing that it links may call it. */
#ifndef LQ_HOST_FETCH_H
#define LQ_HOST_FETCH_H

#include "lq_host/loop.h"

#define LQ_FETCH_HEADER_BYTES_MAX (64u << 10)

typedef struct lq_fetch lq_fetch;

typedef struct lq_fetch_options {
  lq_loop *loop;
  const char *ca_file; /* PEM: the only authorities trusted; NULL = the system's */
  uint32_t queue_max;  /* waiting and under way; 0 = 256 */
  /* Addresses come from strangers: whatever they resolve to, only public ones are connected to
   * (lq_fetch_address_public), checked at each connection. */
  bool public_only;
} lq_fetch_options;

typedef struct lq_fetch_request {
  const char *method; /* NULL = GET, or POST with a body */
  const char *url;
  const char *const *headers; /* "Name: value" each */
  size_t header_count;
  lq_span body;
  uint32_t timeout_ms;     /* of everything, waiting included; 0 = 10,000 */
  size_t answer_bytes_max; /* 0 = 1 MiB */
} lq_fetch_request;

typedef struct lq_fetch_answer {
  lq_err err;   /* LQ_OK: an answer came whole, whatever its status */
  lq_diag diag; /* the reason, without the address's path and query: they may hold secrets */
  int status;   /* 0 unless LQ_OK */
  lq_span head; /* the header lines, as they came; borrowed until return */
  lq_span body; /* borrowed until return */
} lq_fetch_answer;
/* err: LQ_ERR_NET (no connection, or cut, or its certificate is not good), LQ_ERR_IDLE (time is
 * out), LQ_ERR_TOO_BIG, LQ_ERR_FORBIDDEN (not a public address), LQ_ERR_ENDED (the client closes),
 * LQ_ERR_MEMORY. */
typedef void (*lq_fetch_done)(void *context, const lq_fetch_answer *answer);

/* LQ_ERR_NOT_FOUND (no such ca_file), LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_fetch_open(const lq_fetch_options *options, lq_fetch **out, lq_diag *diag);
/* Before lq_loop_close, never from inside a `done`. Ends what is under way: each `done` that was
 * not called yet is called here, with its answer or LQ_ERR_ENDED. */
void lq_fetch_close(lq_fetch *fetch);
/* Copies the request. LQ_OK: done is called exactly once, later, never from inside this call.
 * LQ_ERR_INVALID (address, method or header), LQ_ERR_BUSY (queue_max), LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_fetch_start(lq_fetch *fetch, const lq_fetch_request *request, lq_fetch_done done,
                              void *context, lq_diag *diag);
/* The value of the first header of that name, without space around it; empty when absent. */
lq_span lq_fetch_header(const lq_fetch_answer *answer, const char *name);
/* False for private, loopback, link-local, shared, multicast, documentation and cloud metadata
 * addresses, and IPv6 forms that carry one. 4 or 16 bytes, as on the wire. */
bool lq_fetch_address_public(lq_span address);

#endif
