/* WebSocket sessions: messages to the shard, texts of the shard to frames. */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>

/* ---- out ---- */

/* Header and text one after the other into the connection's queue: no copy of our own. A queue that
 * is at most half full takes a text of any size, or a large world could never be sent; behind that
 * there is room as ever. */
static lq_err send_text(void *conn, lq_span text) {
  lqi_conn *c = conn;
  if (c->state != LQI_WS) return LQ_ERR_NET;
  uint8_t header[LQ_WS_HEADER_BYTES_MAX];
  size_t header_bytes = lq_ws_header(LQ_WS_OP_TEXT, text.bytes, header);
  size_t half = LQ_CONN_OUT_BYTES_MAX / 2, bytes = header_bytes + text.bytes;
  bool large = bytes > half;
  size_t most = large ? half : LQ_CONN_OUT_BYTES_MAX + c->large - bytes;
  if (lq_conn_unsent(c->conn) > most) {
    c->gateway->count.slow++;
    return LQ_ERR_SLOW;
  }
  lq_err err = lq_conn_send_large(c->conn, lq_span_of(header, header_bytes));
  if (err) return err;
  err = lq_conn_send_large(c->conn, text);
  if (err) lq_conn_abort(c->conn, err); /* half a frame is out: nothing can follow it */
  if (large) c->large = lq_conn_unsent(c->conn);
  c->gateway->count.messages_out++;
  return err;
}

static size_t unsent(void *conn) { return lq_conn_unsent(((lqi_conn *)conn)->conn); }

/* A failed send means that the connection is going, which `closed` will tell. */
static void send_frame(lqi_conn *c, lq_ws_opcode opcode, lq_span payload) {
  uint8_t memory[LQ_WS_HEADER_BYTES_MAX + 125];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_ws_write(&w, opcode, payload, NULL);
  if (!w.failed && lq_conn_send_large(c->conn, lq_writer_span(&w)))
    lq_conn_abort(c->conn, LQ_ERR_NET);
}

static void tell_error(lqi_conn *c, lq_err code, const char *message, const char *mend,
                       const char *id) {
  uint8_t memory[LQI_ERROR_BYTES];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_message_error(code, message && message[0] ? message : NULL, mend && mend[0] ? mend : NULL, id,
                   &w);
  if (!w.failed && send_text(c, lq_writer_span(&w))) c->gateway->count.slow++;
}

void lqi_ws_ping(lqi_conn *c) {
  c->pinged = true;
  send_frame(c, LQ_WS_OP_PING, lq_span_text(""));
}

static void end_with(lqi_conn *c, lq_err why, uint16_t code, const char *reason) {
  uint8_t memory[LQ_WS_CLOSE_BYTES_MAX];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_ws_write_close(&w, code, reason, NULL);
  if (lq_conn_send_large(c->conn, lq_writer_span(&w))) lq_conn_abort(c->conn, LQ_ERR_NET);
  lqi_end(c, why);
}

void lqi_ws_close(lqi_conn *c, lq_err why, uint16_t code, const char *message) {
  if (c->state != LQI_WS) return;
  lq_client *client = c->client;
  c->client = NULL;
  if (client) lq_client_gone(client, false);
  if (why) tell_error(c, why, message, NULL, "");
  end_with(c, why, code, message ? message : lq_err_cause(why));
}

/* The shard is through with this client; it must not be told so in turn. */
static void closed_by_shard(void *conn, lq_err why, const char *message) {
  lqi_conn *c = conn;
  c->client = NULL;
  lqi_ws_close(c, why, lqi_ws_code(why), message && message[0] ? message : NULL);
}

static const lq_client_sink sink = {send_text, unsent, closed_by_shard};

/* ---- in ---- */

static void bad(lqi_conn *c, lq_err code, const lq_diag *diag, const char *id) {
  c->gateway->count.message_errors++;
  tell_error(c, code, diag->message, diag->mend, id);
  if (++c->errors_in_a_row < LQI_ERRORS_IN_A_ROW) return;
  c->gateway->count.protocol_closed++;
  lqi_ws_close(c, LQ_ERR_INVALID, LQ_WS_CODE_POLICY, "too many messages in a row were errors");
}

static const char *session_of(const lq_message *join) {
  return join->session[0] ? join->session : "main";
}

/* Who may see what is hidden has every role of the game; without tokens everybody is a plain
 * player.
 */
static uint32_t roles_of(const lq_gateway *g, const lq_message *join, const lqi_who *who) {
  lq_access_request hidden = {.tenant = join->tenant,
                              .action = LQ_ACTION_READ_HIDDEN_STATE,
                              .name = join->game,
                              .session = session_of(join)};
  if (who->open || lq_access_check(g->options.access, &who->id, &hidden, NULL)) return 0;
  const lq_game *game = lq_shard_game(g->options.shard, join->tenant, join->game, NULL);
  uint32_t count = game ? game->role_count : 0;
  return count >= 32 ? UINT32_MAX : (1u << count) - 1;
}

static void join(lqi_conn *c, const lq_message *message) {
  lq_diag diag = {0};
  if (c->client) {
    (void)lq_diag_set(&diag, LQ_ERR_INVALID, "this connection has joined already");
    (void)snprintf(diag.mend, sizeof diag.mend, "open another connection for another player");
    bad(c, diag.code, &diag, message->id);
    return;
  }
  lqi_who who;
  lq_span token = message->token[0] ? lq_span_text(message->token) : lq_span_of(NULL, 0);
  lq_err refused = lqi_who_of(c->gateway, token, &who);
  if (refused) {
    if (token.data) lqi_sign_in_refused(c, "token", refused);
    const char *why = message->token[0] ? "the token in the join message is not valid"
                                        : "the join message needs a \"token\"";
    lqi_ws_close(c, refused, lqi_ws_code(refused), refused == LQ_ERR_UNAUTHORIZED ? why : NULL);
    return;
  }
  lq_access_request asked = {.tenant = message->tenant,
                             .action = LQ_ACTION_JOIN_SESSION,
                             .name = message->game,
                             .session = session_of(message),
                             .player = message->player[0] ? message->player : NULL};
  if ((refused = lqi_allowed(c, &who, asked, &diag))) {
    if (!diag.message[0])
      (void)lq_diag_set(&diag, refused, "no tenant '%s' is served here", message->tenant);
    bad(c, refused, &diag, message->id);
    return;
  }
  uint32_t roles = roles_of(c->gateway, message, &who);
  lq_shard_user user = {who.open ? "" : who.id.user, c->address};
  lq_client *client = NULL;
  lq_err err =
      lq_shard_join(c->gateway->options.shard, message, roles, &user, &sink, c, &client, &diag);
  if (err) {
    bad(c, err, &diag, message->id);
    return;
  }
  c->errors_in_a_row = 0;
  /* The shard may have closed it inside the call already. */
  if (c->state == LQI_WS) c->client = client;
}

static void leave(lqi_conn *c) {
  lq_client *client = c->client;
  c->client = NULL;
  lq_client_gone(client, true);
  end_with(c, LQ_OK, LQ_WS_CODE_NORMAL, "left");
}

static void text(lqi_conn *c, lq_span payload) {
  lq_message message;
  lq_diag diag = {0};
  message.id[0] = 0;
  lq_err err = lq_message_read(payload, &message, &diag);
  if (err) {
    bad(c, err, &diag, message.id);
    return;
  }
  if (message.kind == LQ_MESSAGE_JOIN) {
    join(c, &message);
    return;
  }
  if (message.kind == LQ_MESSAGE_PING) {
    static const char pong[] = "{\"evt\":\"pong\"}";
    if (send_text(c, lq_span_of(pong, sizeof pong - 1))) c->gateway->count.slow++;
    c->errors_in_a_row = 0;
    return;
  }
  if (!c->client) {
    (void)lq_diag_set(&diag, LQ_ERR_NOT_JOINED, "the first message must be a join");
    bad(c, LQ_ERR_NOT_JOINED, &diag, message.id);
    return;
  }
  c->errors_in_a_row = 0;
  if (message.kind == LQ_MESSAGE_LEAVE)
    leave(c);
  else
    lq_client_command(c->client, &message);
}

/* Refuses what is above the rate: told once a second, with the id that was hit. */
static void over_rate(lqi_conn *c, const lq_ws_message *in) {
  uint64_t now_ms = lqi_now_ms(c->gateway);
  if (now_ms - c->over_since_ms >= LQI_OVER_RATE_MS) {
    c->gateway->count.rate_closed++;
    lqi_ws_close(c, LQ_ERR_RATE, LQ_WS_CODE_POLICY, "too many messages for too long");
    return;
  }
  if (c->told_ms && now_ms - c->told_ms < LQI_OVER_RATE_TELL_MS) return;
  c->told_ms = now_ms;
  lq_message message;
  lq_diag diag = {0};
  message.id[0] = 0;
  if (in->kind != LQ_WS_TEXT || lq_message_read(in->payload, &message, &diag)) message.id[0] = 0;
  tell_error(c, LQ_ERR_RATE, NULL, NULL, message.id);
}

static void fail(lqi_conn *c, const lq_ws_message *in) {
  lq_err why = in->code == LQ_WS_CODE_TOO_BIG       ? LQ_ERR_TOO_BIG
               : in->code == LQ_WS_CODE_UTF8        ? LQ_ERR_UTF8
               : in->code == LQ_WS_CODE_UNSUPPORTED ? LQ_ERR_UNSUPPORTED
               : in->code == LQ_WS_CODE_INTERNAL    ? LQ_ERR_MEMORY
                                                    : LQ_ERR_SYNTAX;
  c->gateway->count.protocol_closed++;
  lqi_ws_close(c, why, in->code, in->reason);
}

static void frame(lqi_conn *c, const lq_ws_message *in) {
  c->gateway->count.messages_in++;
  if (in->kind == LQ_WS_FAIL) {
    fail(c, in);
  } else if (in->kind == LQ_WS_CLOSE) {
    lq_client *client = c->client;
    c->client = NULL;
    if (client) lq_client_gone(client, false);
    end_with(c, LQ_OK, in->code, NULL);
  } else if (!lqi_rate_take(c)) {
    over_rate(c, in);
  } else if (in->kind == LQ_WS_TEXT) {
    text(c, in->payload);
  } else if (in->kind == LQ_WS_PING) {
    send_frame(c, LQ_WS_OP_PONG, in->payload);
  }
}

void lqi_ws_begin(lqi_conn *c) {
  c->state = LQI_WS;
  c->in_request = false;
  c->heard_ms = lqi_now_ms(c->gateway);
  c->gateway->count.websockets++;
  c->gateway->count.upgrades++;
  lqi_wheel_set(c);
}

size_t lqi_ws_data(lqi_conn *c, lq_span in) {
  size_t at = 0;
  c->heard_ms = lqi_now_ms(c->gateway);
  c->pinged = false;
  while (c->state == LQI_WS) {
    lq_ws_message message;
    at +=
        lq_ws_read(&c->ws, lq_span_of(in.data + at, in.bytes - at), c->gateway->scratch, &message);
    if (message.kind == LQ_WS_MORE) break;
    frame(c, &message);
  }
  c->gateway->count.bytes_in += at;
  return at;
}
