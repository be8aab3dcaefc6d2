/* WebSocket (RFC 6455): frames and handshake, both sides, as bytes. No sockets, no clock.
 *
 * Shape: lq_ws_read takes the bytes at hand and answers one whole message at a time. A frame that
 * is not whole yet stays with the caller (the host keeps unconsumed bytes), so a connection costs
 * 24 bytes; only a fragmented message takes memory of its own, until its last fragment. Limits:
 * LQ_WS_MESSAGE_BYTES_MAX a message, fragments together. Text only: binary is refused. No
 * extensions are ever agreed, so reserved bits are an error. Source: RFC 6455. */
#ifndef LQ_SERVICE_GATEWAY_WS_H
#define LQ_SERVICE_GATEWAY_WS_H

#include "lq_service/gateway/http.h"

typedef enum lq_ws_opcode {
  LQ_WS_OP_CONTINUATION = 0,
  LQ_WS_OP_TEXT = 1,
  LQ_WS_OP_BINARY = 2,
  LQ_WS_OP_CLOSE = 8,
  LQ_WS_OP_PING = 9,
  LQ_WS_OP_PONG = 10
} lq_ws_opcode;

typedef enum lq_ws_code {
  LQ_WS_CODE_NORMAL = 1000,
  LQ_WS_CODE_GOING_AWAY = 1001,
  LQ_WS_CODE_PROTOCOL = 1002,
  LQ_WS_CODE_UNSUPPORTED = 1003, /* binary where text is due */
  LQ_WS_CODE_NONE = 1005,        /* the close frame had no code; never sent */
  LQ_WS_CODE_UTF8 = 1007,
  LQ_WS_CODE_POLICY = 1008,
  LQ_WS_CODE_TOO_BIG = 1009,
  LQ_WS_CODE_INTERNAL = 1011,
  LQ_WS_CODE_TRY_AGAIN = 1013
} lq_ws_code;

/* Zero is a server's state before the first byte. */
typedef struct lq_ws {
  uint8_t *parts; /* fragments so far, unmasked; malloc'd only while a message is in parts */
  uint32_t parts_bytes, parts_capacity;
  bool is_client; /* reads a server's frames, which are not masked */
  bool in_parts;  /* between the first and the last fragment of a message */
  bool ended;     /* a close frame or an error was read: everything after it is swallowed */
} lq_ws;
void lq_ws_deinit(lq_ws *ws); /* gives back `parts` */

typedef enum lq_ws_kind {
  LQ_WS_MORE,  /* nothing whole is there: call again when more bytes came */
  LQ_WS_TEXT,  /* a whole message, valid UTF-8 */
  LQ_WS_PING,  /* answer with a pong of the same payload */
  LQ_WS_PONG,  /* something was heard */
  LQ_WS_CLOSE, /* answer with a close frame of the same code (none for 1005), then close */
  LQ_WS_FAIL   /* send a close frame with `code` and `reason`, then close */
} lq_ws_kind;
typedef struct lq_ws_message {
  lq_ws_kind kind;
  uint16_t code;      /* CLOSE: the peer's, or LQ_WS_CODE_NONE; FAIL: ours */
  lq_span payload;    /* TEXT, PING, PONG: the bytes; CLOSE: the peer's reason */
  const char *reason; /* FAIL: one sentence, static text */
} lq_ws_message;
/* Reads at most one message of `in`; returns the bytes consumed (with MORE too: fragments). Call it
 * until MORE, each time with the rest. The payload is unmasked into `scratch` (one for all
 * connections of a thread, LQ_WS_MESSAGE_BYTES_MAX bytes) or lies in ws->parts: borrowed until the
 * next call with either. A listener's keep_bytes_max must be LQ_WS_KEEP_BYTES at least. */
size_t lq_ws_read(lq_ws *ws, lq_span in, uint8_t *scratch, lq_ws_message *out);
#define LQ_WS_KEEP_BYTES (LQ_WS_MESSAGE_BYTES_MAX + 14u)

/* ---- frames out ---- */
#define LQ_WS_HEADER_BYTES_MAX 14u
/* Header of an unmasked, unfragmented frame: 2, 4 or 10 bytes; the payload follows as it is. */
size_t lq_ws_header(lq_ws_opcode opcode, uint64_t payload_bytes,
                    uint8_t out[LQ_WS_HEADER_BYTES_MAX]);
/* A whole frame. mask: NULL for a server; a client's 4 bytes must come from lq_random_bytes. */
void lq_ws_write(lq_writer *out, lq_ws_opcode opcode, lq_span payload, const uint8_t *mask);
/* A close frame; LQ_WS_CODE_NONE sends none; the reason (NULL: none) is cut to 123 bytes at a
 * character's border. */
#define LQ_WS_CLOSE_BYTES_MAX 131u
void lq_ws_write_close(lq_writer *out, uint16_t code, const char *reason, const uint8_t *mask);
/* out[i] = in[i] ^ mask[i % 4]; out may be in. */
void lq_ws_mask(uint8_t *out, const uint8_t *in, size_t bytes, const uint8_t mask[4]);

/* ---- handshake ---- */
/* Server: checks an upgrade request and writes the whole answer into `response`
 * (LQ_HTTP_PROBLEM_BYTES_MAX fit). LQ_OK: 101, what follows are frames. Else a 400, 405 or 426 in
 * problem+json with Connection: close. subprotocol: the one we speak, confirmed when it is offered;
 * NULL: none. */
LQ_MUST lq_err lq_ws_handshake(const lq_http_request *request, const char *subprotocol,
                               lq_writer *response);
/* Client: the request. host: "127.0.0.1:8080"; nonce: 16 bytes of lq_random_bytes; subprotocol and
 * token (sent as Authorization: Bearer) may be NULL. */
typedef struct lq_ws_dial {
  const char *host, *path, *subprotocol, *token;
  uint8_t nonce[16];
} lq_ws_dial;
void lq_ws_client_request(lq_writer *out, const lq_ws_dial *dial);
/* Client: checks the answer. LQ_ERR_TRUNCATED: not whole yet, nothing consumed. LQ_ERR_INVALID,
 * LQ_ERR_UNAUTHORIZED (401, 403), LQ_ERR_BUSY (503), LQ_ERR_TOO_BIG: with diag. */
LQ_MUST lq_err lq_ws_client_check(lq_span in, const lq_ws_dial *dial, size_t *consumed,
                                  lq_diag *diag);

#endif
