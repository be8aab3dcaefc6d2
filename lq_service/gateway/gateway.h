/* The door: HTTP/1.1 and WebSocket on one port. Bytes to messages, answers to bytes; no rule of a
 * game lives here.
 *
 * WebSocket on /, /ws and /dev/. REST under /v1/ (see openapi.json). /healthz, /readyz, /metrics,
 * /.well-known/jwks.json.
 * /play/<tenant>/<game> and its files. Limits: frame, message, rate, connections, idle time, header
 * and body size: lq_base/limits.h. */
#ifndef LQ_SERVICE_GATEWAY_GATEWAY_H
#define LQ_SERVICE_GATEWAY_GATEWAY_H

#include "lq_host/fetch.h"
#include "lq_service/shard/shard.h"
#include "lq_service/tenant/access.h"

/* A file served as it is: the play page and the TypeScript client, built into the binary. */
typedef struct lq_gateway_file {
  const char *path; /* "/assets/play.js" */
  const char *type; /* "text/javascript" */
  lq_span body;
} lq_gateway_file;

typedef struct lq_gateway_options {
  lq_loop *loop;
  lq_shard *shard;
  const char *host;
  uint16_t port;
  /* Who is asking; NULL = open: everybody may do everything, on this machine only (lq dev). */
  lq_access *access;
  /* Other origins whose pages may talk to this one, with blanks between: "https://lms.example". */
  const char *origins;
  const lq_gateway_file *files; /* the page at "/play" is served for /play/<tenant>/<game> */
  uint32_t file_count;
  uint32_t connections_max; /* 0 = LQ_CONNECTIONS_MAX */
  uint32_t messages_per_s;  /* 0 = LQ_CONN_MESSAGES_PER_S */
  uint32_t idle_ms;         /* 0 = LQ_CONN_IDLE_MS */
  uint64_t shred_delay_ms;  /* between the second approval and the deed; LQ_SHRED_DELAY_MS */
  /* A tenant was made over REST, and is open; may be NULL. */
  void (*tenant_made)(void *context, const char *tenant);
  void *tenant_made_context;
  lq_log *log; /* denials, sign-ins refused, faults; NULL = none */
  /* A tenant's budget is another one now (its item BUDGET); may be NULL. */
  void (*budget_changed)(void *context, const char *tenant);
  void *budget_context;
  /* More lines for /metrics (the store's): may be NULL. */
  void (*metrics)(void *context, lq_writer *out);
  void *metrics_context;
  /* lq_fetch_start with its client, which is closed before this gateway; NULL: nobody signs in with
   * OpenID Connect. */
  lq_err (*fetch)(void *context, const lq_fetch_request *request, lq_fetch_done done,
                  void *done_context, lq_diag *diag);
  void *fetch_context;
  /* This server as browsers name it, "https://play.example"; NULL: http://<host>:<port>. */
  const char *url;
} lq_gateway_options;

typedef struct lq_gateway lq_gateway;
LQ_MUST lq_err lq_gateway_open(const lq_gateway_options *options, lq_gateway **out, lq_diag *diag);
uint16_t lq_gateway_port(const lq_gateway *gateway);
/* Stops accepting, tells clients (close 1001), finishes what is queued; requests under way are
 * still answered. Next: lq_shard_stop. */
void lq_gateway_stop(lq_gateway *gateway);
/* Ends every connection. After the loop has run to its end and before lq_shard_close and
 * lq_loop_close; the memory goes with the last connection, in lq_loop_close. */
void lq_gateway_close(lq_gateway *gateway);

#endif
