/* Shared inside lq_service/gateway only.
 *
 * Shape of a connection: HTTP (request by request) until an upgrade makes it a WebSocket; ENDING
 * from the moment it is being closed. HTTP state (`http`, `call`, `held`) exists only while a
 * request is under way, so an idle WebSocket costs one lqi_conn. Deadlines lie in a coarse timer
 * wheel that is corrected lazily: hearing something only notes the time. */
#ifndef LQ_SERVICE_GATEWAY_GATEWAY_INT_H
#define LQ_SERVICE_GATEWAY_GATEWAY_INT_H

#include "lq_host/host.h"
#include "lq_service/gateway/gateway.h"
#include "lq_service/gateway/http.h"
#include "lq_service/gateway/ws.h"

enum {
  LQI_ERRORS_IN_A_ROW = 20,      /* unreadable messages, then the connection is closed (1008) */
  LQI_OVER_RATE_MS = 10000,      /* above the rate for so long closes (1008) */
  LQI_OVER_RATE_TELL_MS = 1000,  /* one refusal is told in this time */
  LQI_OVER_RATE_PAUSE_MS = 1000, /* no refusal for so long: the rate is kept again */
  LQI_HELD_BYTES_MAX = 64 << 10, /* pipelined requests that wait for the answer before them */
  LQI_PAGE_BYTES = 4 << 20,      /* the largest text made here: a game as JSON, metrics */
  LQI_HEADERS_BYTES = 4096,      /* headers of ours beside the usual ones */
  LQI_ERROR_BYTES = 4096,        /* an error text: 400 characters, each escaped, fit */
  LQI_WHEEL_SLOTS = 64,
  LQI_WHEEL_TURN_MIN_MS = 640, /* 10 ms a slot */
  LQI_SEEN_MAX = 1024,         /* Idempotency-Keys remembered */
  LQI_SEEN_ANSWER_MAX = 2048,  /* bytes of an answer that is remembered */
  LQI_DENIALS_PER_S = 10,      /* told to a tenant's log; the rest is counted */
  LQI_DENIAL_SLOTS = 256,
  LQI_REST_LIMIT_DEFAULT = 100,
  LQI_REST_LIMIT_MAX = 1000,
};

/* ---- routes: what an address is ---- */
typedef enum lqi_route {
  LQI_ROUTE_NONE,
  LQI_ROUTE_ROOT, /* "/": a WebSocket, or the index */
  LQI_ROUTE_WS,   /* "/ws", "/dev/" */
  LQI_ROUTE_HEALTH,
  LQI_ROUTE_READY,
  LQI_ROUTE_METRICS,
  LQI_ROUTE_OPENAPI,
  LQI_ROUTE_PLAY,
  LQI_ROUTE_FILE, /* whatever else: perhaps a file */
  LQI_ROUTE_GAME,
  LQI_ROUTE_SHAPE, /* name.session is the number of a cooked shape */
  LQI_ROUTE_MODULES,
  LQI_ROUTE_MODULE, /* whose digest is the address's last part */
  LQI_ROUTE_SESSIONS,
  LQI_ROUTE_SESSION,
  LQI_ROUTE_STATE,
  LQI_ROUTE_CONTACTS,
  LQI_ROUTE_COMMANDS,
  LQI_ROUTE_JOURNAL,
  LQI_ROUTE_HASH,
  /* gateway_auth.c */
  LQI_ROUTE_AUTH_TOKEN,
  LQI_ROUTE_AUTH_TICKET,
  LQI_ROUTE_JWKS,
  /* gateway_oidc.c: name.game is the issuer's name */
  LQI_ROUTE_PROVIDERS,
  LQI_ROUTE_SIGN_IN,
  LQI_ROUTE_SIGNED_IN,
  LQI_ROUTE_SIGN_OUT,
  LQI_ROUTE_ISSUERS,
  LQI_ROUTE_ISSUER,
  /* gateway_admin.c: name.tenant, and name.game is whatever the address names in it */
  LQI_ROUTE_TENANTS,
  LQI_ROUTE_TENANT,
  LQI_ROUTE_ROTATE,
  LQI_ROUTE_SHRED,
  LQI_ROUTE_USERS,
  LQI_ROUTE_USER,
  LQI_ROUTE_REVOKE,
  LQI_ROUTE_KEYS,
  LQI_ROUTE_KEY,
  LQI_ROUTE_POLICIES,
  LQI_ROUTE_POLICY,
  /* gateway_limits.c */
  LQI_ROUTE_QUOTA,
  LQI_ROUTE_BUDGET,
  /* gateway_audit.c */
  LQI_ROUTE_AUDIT,
  LQI_ROUTE_AUDIT_CHECKPOINT,
  LQI_ROUTE_AUDIT_PROOF,
  LQI_ROUTE_USAGE,
  LQI_ROUTE_USAGE_OWN,
} lqi_route;

typedef struct lqi_target {
  lqi_route route;
  uint32_t methods;     /* bit 1u << lq_http_method: what may be done there */
  lq_session_name name; /* as far as the address names it; a part no name can be is "" */
} lqi_target;

/* LQ_ERR_SYNTAX, LQ_ERR_UTF8, LQ_ERR_TOO_BIG for an address that is none. */
LQ_MUST lq_err lqi_target_read(lq_span path, lqi_target *out);
/* "GET, HEAD, OPTIONS" for an Allow header. */
void lqi_methods_text(uint32_t methods, char *out, size_t capacity);

/* ---- REST: a request read and checked, before anything is asked of the shard ---- */
typedef struct lqi_rest {
  lqi_route route;
  lq_http_method method;
  lq_session_name name;
  bool has_tick, has_seed;
  uint64_t tick, from, seed;
  uint32_t limit;
  char after[LQ_ID_BYTES], player[LQ_ID_BYTES];
  char key[LQ_CLIENT_ID_BYTES]; /* Idempotency-Key; "" = none */
  lq_message message;           /* COMMANDS: borrows the text given to lqi_rest_read */
} lqi_rest;
/* `text` holds the command without its "player", LQI_REST_TEXT_BYTES suffice. Errors with diag. */
#define LQI_REST_TEXT_BYTES (LQ_WS_MESSAGE_BYTES_MAX + 128u)
LQ_MUST lq_err lqi_rest_read(const lq_http_request *request, const lqi_target *target,
                             lqi_rest *out, lq_writer *text, lq_diag *diag);

/* ---- who may: Origin and Host (browsers), tokens ---- */
/* No Origin, the same as the Host, a page of this machine, or one of `allowed` (blanks between;
 * NULL = none). */
bool lqi_origin_allowed(lq_span origin, lq_span host, const char *allowed);
/* A name that no foreign DNS can point here: localhost or an address. */
bool lqi_host_is_local(lq_span host, const char *own);
/* Who asks: somebody verified, or, with `open`, whoever has this machine. */
typedef struct lqi_who {
  bool open;
  lq_identity id;
} lqi_who;

/* ---- reasons ---- */
uint16_t lqi_ws_code(lq_err why);
/* The body of a problem+json answer (RFC 9457). diag may be NULL. */
void lqi_problem_body(lq_writer *out, int status, lq_err code, const lq_diag *diag);

/* ---- idempotency: answers of the last keys ---- */
typedef struct lqi_seen lqi_seen;
typedef enum lqi_seen_kind {
  LQI_SEEN_NEW,       /* now marked as under way: finish it with _put or _forget */
  LQI_SEEN_UNDER_WAY, /* the first one has no answer yet */
  LQI_SEEN_OTHER,     /* the key came with another body */
  LQI_SEEN_ANSWER     /* `status` and `answer` are the first one's */
} lqi_seen_kind;
typedef struct lqi_seen_entry {
  lqi_seen_kind kind;
  int status;
  lq_span answer; /* borrowed until the next call */
} lqi_seen_entry;
lqi_seen *lqi_seen_open(uint32_t entries_max); /* NULL: out of memory */
void lqi_seen_close(lqi_seen *seen);
/* scope: digest of method, address and key. */
lqi_seen_entry lqi_seen_ask(lqi_seen *seen, const lq_sha256 *scope, const lq_sha256 *body);
void lqi_seen_put(lqi_seen *seen, const lq_sha256 *scope, int status, lq_span answer);
void lqi_seen_forget(lqi_seen *seen, const lq_sha256 *scope);

/* ---- connections ---- */
typedef enum lqi_state { LQI_HTTP, LQI_WS, LQI_ENDING } lqi_state;
typedef struct lqi_conn lqi_conn;
typedef struct lqi_oidc lqi_oidc;

/* A REST request that waits for the shard. Outlives its connection. */
typedef struct lqi_call {
  lq_gateway *gateway;
  lqi_conn *conn; /* NULL: gone */
  lqi_rest rest;
  bool keyed;
  lq_sha256 scope;
  uint8_t text[]; /* of rest.message */
} lqi_call;

struct lqi_conn {
  lq_gateway *gateway;
  lq_conn *conn;
  lqi_conn *next, *previous; /* in its wheel slot */
  uint64_t heard_ms;         /* last byte; HTTP: begin of the request */
  lq_http *http;
  lqi_call *call;
  uint8_t *held; /* bytes that wait for the answer before them */
  lq_client *client;
  uint64_t refilled_ms, over_since_ms, over_last_ms, told_ms;
  lq_ws ws;
  uint32_t held_bytes;
  uint32_t tokens; /* thousandths of a message */
  uint16_t slot;
  uint8_t state; /* lqi_state */
  uint8_t errors_in_a_row;
  bool in_request; /* part of a request has come */
  bool pinged, keep_alive, head_only;
  bool in_call;     /* inside a call of the shard: its answer need not start the next request */
  size_t large;     /* unsent bytes when a text of more than half a queue came */
  bool full;        /* too much unsent: the next request waits for `drained` */
  char address[48]; /* of the client, without its port */
};

typedef struct lqi_asset {
  const lq_gateway_file *file;
  char etag[36];
} lqi_asset;

typedef struct lqi_counters {
  uint64_t connections, accepted, refused, websockets, upgrades, requests, status[6], messages_in,
      messages_out, bytes_in, message_errors, rate_refused, rate_closed, idle_closed, slow,
      protocol_closed, denials;
} lqi_counters;

struct lq_gateway {
  lq_gateway_options options;
  lq_listener *listener;
  lq_timer *timer;
  uint64_t slot_ms, slot_now; /* slot_now counts slots since the loop's clock began */
  lqi_conn *wheel[LQI_WHEEL_SLOTS];
  lqi_asset *assets;
  lqi_seen *seen;
  lqi_oidc *oidc;   /* NULL: nobody signs in with it */
  uint8_t *scratch; /* LQ_WS_MESSAGE_BYTES_MAX: the message being read */
  uint8_t *page;    /* LQI_PAGE_BYTES */
  char openapi_etag[36];
  uint64_t calls; /* REST calls that the shard will answer */
  struct {
    uint64_t second, count;
  } denials[LQI_DENIAL_SLOTS]; /* by the hash of the tenant's name */
  bool stopping, closed;
  lqi_counters count;
};

/* ---- gateway.c ---- */
uint64_t lqi_now_ms(const lq_gateway *gateway);
/* Puts the connection where its deadline is looked at: after each change that brings it nearer. */
void lqi_wheel_set(lqi_conn *c);
/* Sends what is queued and closes; forgets HTTP and WebSocket state. The client must be gone. */
void lqi_end(lqi_conn *c, lq_err why);
/* One message or request off the rate; false when it is above. */
bool lqi_rate_take(lqi_conn *c);
void lqi_call_free(lqi_call *call);
/* A request that will be answered by lqi_answered; NULL: it has been answered with an error. */
lqi_call *lqi_call_begin(lqi_conn *c, const lqi_target *target, lq_http_method method,
                         size_t text_bytes);

/* ---- gateway_auth.c ---- */
/* Somebody showed what counts for nothing (any more). `what`: "token", "key". */
void lqi_sign_in_refused(const lqi_conn *c, const char *what, lq_err why);
/* The token behind "Authorization: Bearer "; NULL data when there is none. */
lq_span lqi_bearer(const lq_http_request *request);
LQ_MUST lq_err lqi_who_of(const lq_gateway *gateway, lq_span token, lqi_who *out);
/* The request's bearer; false: answered with 401. */
bool lqi_who_asks(lqi_conn *c, const lq_http_request *request, lqi_who *out);
/* LQ_OK, LQ_ERR_FORBIDDEN, or LQ_ERR_UNKNOWN_TENANT for what is another tenant's. A denial is told
 * to the tenant's log. */
LQ_MUST lq_err lqi_allowed(lqi_conn *c, const lqi_who *who, lq_access_request request,
                           lq_diag *diag);
/* The same, answered when it is not so. */
bool lqi_may(lqi_conn *c, const lqi_who *who, lq_action action, const char *tenant,
             const char *name, const char *session);
void lqi_auth_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target);
lq_actor lqi_actor(const lqi_conn *c, const lqi_who *who);
/* Into the tenant's log, but for what is above LQI_DENIALS_PER_S. `cause`: for the log; NULL. */
void lqi_denial_tell(lq_gateway *g, const char *tenant, const char *action, const char *resource,
                     const lq_actor *actor, lq_err why, const char *cause);

/* ---- gateway_oidc.c ---- */
LQ_MUST lq_err lqi_oidc_open(lq_gateway *g, lq_diag *diag); /* when options.fetch is there */
void lqi_oidc_close(lq_gateway *g);
void lqi_oidc_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target);
/* Who is signed in by the request's cookie; LQ_ERR_UNAUTHORIZED. */
LQ_MUST lq_err lqi_oidc_identity(lqi_conn *c, const lq_http_request *request, lq_identity *out);

/* ---- gateway_audit.c ---- */
void lqi_audit_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target);

/* ---- gateway_limits.c ---- */
void lqi_limits_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target);

/* ---- gateway_admin.c ---- */
void lqi_admin_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target);

/* ---- gateway_http.c ---- */
size_t lqi_http_data(lqi_conn *c, lq_span in);
/* Goes on with what was held. */
void lqi_http_resume(lqi_conn *c);
void lqi_http_late(lqi_conn *c);
/* Answers the request under way. */
void lqi_reply(lqi_conn *c, const lq_http_response *response);
/* code's own status when 0; headers as in lq_http_response. diag may be NULL. */
void lqi_problem(lqi_conn *c, int status, lq_err code, const lq_diag *diag, const char *headers);
void lqi_problem_text(lqi_conn *c, lq_err code, const char *message);

/* ---- gateway_rest.c ---- */
void lqi_rest_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target);

/* ---- gateway_module.c ---- */
/* Who may is decided, and the game is served. */
void lqi_modules_reply(lqi_conn *c, const lq_http_request *request, const lqi_target *target);
/* Answers a call (an lq_shard_answer), perhaps long after, perhaps to a connection that is gone. */
void lqi_answered(void *call, lq_err err, const lq_diag *diag, lq_span json);
LQ_MUST lq_err lqi_body_object(const lq_http_request *request, lq_json *out, lq_diag *diag);

/* ---- gateway_page.c ---- */
LQ_MUST lq_err lqi_pages_open(lq_gateway *gateway);
void lqi_page_index(lqi_conn *c);
/* A small page of ours: begin, its body (in g->page), and the answer. headers may be NULL. */
void lqi_html_begin(lq_writer *w, const char *title);
void lqi_html_reply(lqi_conn *c, int status, lq_writer *w, const char *headers);
void lqi_page_play(lqi_conn *c, const lq_http_request *request, const lqi_target *target);
void lqi_page_file(lqi_conn *c, const lq_http_request *request);
void lqi_page_openapi(lqi_conn *c, const lq_http_request *request);
lq_span lqi_openapi(void);
/* Does the client hold this very content? */
bool lqi_is_held(const lq_http_request *request, const char *etag);

/* ---- gateway_shape.c: of a game that is served, to one who may read it ---- */
void lqi_shape_reply(lqi_conn *c, const lq_http_request *request, const lqi_target *target);

/* ---- gateway_metrics.c ---- */
void lqi_metrics(lq_gateway *gateway, lq_writer *out);

/* ---- gateway_ws.c ---- */
void lqi_ws_begin(lqi_conn *c);
size_t lqi_ws_data(lqi_conn *c, lq_span in);
void lqi_ws_ping(lqi_conn *c);
/* Tells an error text (not for LQ_OK) and a close frame, then ends; the client is told as gone. */
void lqi_ws_close(lqi_conn *c, lq_err why, uint16_t code, const char *message);

#endif
