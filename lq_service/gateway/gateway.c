/* The connections: accepting, deadlines, rate, and their end. */
#include "lq_base/plant.h"
#include "lq_service/gateway/gateway_int.h"

#include <stdlib.h>

uint64_t lqi_now_ms(const lq_gateway *gateway) { return lq_loop_now_ms(gateway->options.loop); }

/* ---- the wheel ---- */

static void wheel_take(lqi_conn *c) {
  lq_gateway *g = c->gateway;
  if (c->previous)
    c->previous->next = c->next;
  else if (g->wheel[c->slot] == c)
    g->wheel[c->slot] = c->next;
  if (c->next) c->next->previous = c->previous;
  c->next = c->previous = NULL;
}

/* When the connection must be looked at; UINT64_MAX: nothing is due. */
static uint64_t deadline_ms(const lqi_conn *c) {
  uint64_t idle_ms = c->gateway->options.idle_ms;
  if (c->state == LQI_WS) return c->heard_ms + (c->pinged ? idle_ms : idle_ms / 2);
  if (c->state == LQI_ENDING || c->call || c->full) return UINT64_MAX;
  return c->heard_ms + (c->in_request ? LQ_CONN_HEADER_MS : idle_ms);
}

void lqi_wheel_set(lqi_conn *c) {
  lq_gateway *g = c->gateway;
  uint64_t at = deadline_ms(c), slot = UINT64_MAX;
  wheel_take(c);
  if (at != UINT64_MAX) slot = at / g->slot_ms + 1;
  if (slot <= g->slot_now) slot = g->slot_now + 1;
  if (slot >= g->slot_now + LQI_WHEEL_SLOTS) slot = g->slot_now + LQI_WHEEL_SLOTS - 1;
  c->slot = (uint16_t)(slot % LQI_WHEEL_SLOTS);
  c->next = g->wheel[c->slot];
  if (c->next) c->next->previous = c;
  g->wheel[c->slot] = c;
}

static void look_at(lqi_conn *c, uint64_t now_ms) {
  if (now_ms < deadline_ms(c)) {
    lqi_wheel_set(c);
  } else if (c->state == LQI_HTTP) {
    lqi_http_late(c);
  } else if (!c->pinged) {
    lqi_ws_ping(c);
    lqi_wheel_set(c);
  } else {
    c->gateway->count.idle_closed++;
    lqi_ws_close(c, LQ_ERR_IDLE, lqi_ws_code(LQ_ERR_IDLE), NULL);
  }
}

static void wheel_turned(void *context, uint64_t fires) {
  lq_gateway *g = context;
  (void)fires;
  uint64_t now_ms = lqi_now_ms(g), upto = now_ms / g->slot_ms;
  if (upto > g->slot_now + LQI_WHEEL_SLOTS) g->slot_now = upto - LQI_WHEEL_SLOTS;
  while (g->slot_now < upto) {
    g->slot_now++;
    lqi_conn *first = g->wheel[g->slot_now % LQI_WHEEL_SLOTS];
    g->wheel[g->slot_now % LQI_WHEEL_SLOTS] = NULL;
    for (lqi_conn *c = first, *next; c; c = next) {
      next = c->next;
      c->next = c->previous = NULL;
      if (next) next->previous = NULL;
      look_at(c, now_ms);
      /* What ended stays on the wheel as well: stop and close walk it to find every connection. */
      if (c->state == LQI_ENDING) lqi_wheel_set(c);
    }
  }
}

/* ---- rate ---- */

bool lqi_rate_take(lqi_conn *c) {
  uint64_t now_ms = lqi_now_ms(c->gateway), per_s = c->gateway->options.messages_per_s;
  uint64_t full = per_s * 2 * 1000, passed_ms = now_ms - c->refilled_ms;
  uint64_t tokens = passed_ms >= 2000 ? full : c->tokens + passed_ms * per_s;
  c->refilled_ms = now_ms;
  c->tokens = (uint32_t)(tokens < full ? tokens : full);
  if (c->tokens < 1000) {
    if (!c->over_since_ms || now_ms - c->over_last_ms >= LQI_OVER_RATE_PAUSE_MS)
      c->over_since_ms = now_ms;
    c->over_last_ms = now_ms;
    c->gateway->count.rate_refused++;
    return false;
  }
  c->tokens -= 1000;
  return true;
}

/* ---- life of a connection ---- */

static void http_drop(lqi_conn *c) {
  if (c->http) lq_http_close(c->http);
  c->http = NULL;
  free(c->held);
  c->held = NULL;
  c->held_bytes = 0;
  if (c->call) c->call->conn = NULL;
  c->call = NULL;
}

void lqi_end(lqi_conn *c, lq_err why) {
  if (c->state == LQI_ENDING) return;
  if (c->state == LQI_WS) c->gateway->count.websockets--;
  c->state = LQI_ENDING;
  http_drop(c);
  lq_ws_deinit(&c->ws);
  lq_conn_close(c->conn, why);
}

void lqi_call_free(lqi_call *call) {
  if (call->conn) call->conn->call = NULL;
  call->gateway->calls--;
  free(call);
}

static void gateway_free(lq_gateway *g) {
  lqi_seen_close(g->seen);
  lqi_oidc_close(g);
  free(g->assets);
  free(g->scratch);
  if (g->page) lq_pages_give(g->page, LQI_PAGE_BYTES);
  free(g);
}

static void free_when_unused(lq_gateway *g) {
  if (g->closed && !g->count.connections && !g->calls) gateway_free(g);
}

/* "[::1]:80" to "::1", "127.0.0.1:80" to "127.0.0.1". */
static void address_fill(lqi_conn *c, const char *peer) {
  const char *begin = peer + (peer[0] == '['), *end = strrchr(peer, ':');
  if (!end) end = begin + strlen(begin);
  if (end > begin && end[-1] == ']') end--;
  (void)lq_text_copy(c->address, sizeof c->address, lq_span_of(begin, (size_t)(end - begin)));
}

static void *accepted(void *context, lq_conn *conn, const char *peer) {
  lq_gateway *g = context;
  lqi_conn *c = g->stopping ? NULL : calloc(1, sizeof *c);
  if (!c) {
    g->count.refused++;
    return NULL;
  }
  c->gateway = g;
  c->conn = conn;
  c->heard_ms = c->refilled_ms = lqi_now_ms(g);
  c->tokens = g->options.messages_per_s * 2000;
  c->in_request = true; /* the first request is due as if it had begun */
  address_fill(c, peer);
  g->count.connections++;
  g->count.accepted++;
  lqi_wheel_set(c);
  return c;
}

static size_t data(void *user, lq_conn *conn, lq_span bytes) {
  lqi_conn *c = user;
  (void)conn;
  size_t at = 0;
  if (c->state == LQI_HTTP) at = lqi_http_data(c, bytes);
  if (c->state == LQI_WS) at += lqi_ws_data(c, lq_span_of(bytes.data + at, bytes.bytes - at));
  bool all = c->state == LQI_ENDING || (LQ_PLANTED(FRAME_REST) && c->state == LQI_WS);
  return all ? bytes.bytes : at;
}

static void drained(void *user, lq_conn *conn) {
  lqi_conn *c = user;
  (void)conn;
  c->large = 0;
  if (c->client) lq_client_drained(c->client);
  if (c->full) {
    c->full = false;
    lqi_http_resume(c);
  }
}

static void gone(void *user, lq_conn *conn, lq_err why) {
  lqi_conn *c = user;
  lq_gateway *g = c->gateway;
  (void)conn;
  (void)why;
  if (c->client) lq_client_gone(c->client, false);
  if (c->state == LQI_WS) g->count.websockets--;
  http_drop(c);
  lq_ws_deinit(&c->ws);
  wheel_take(c);
  if (!LQ_PLANTED(CONN_LEAK) || !c->ws.ended) free(c);
  g->count.connections--;
  free_when_unused(g);
}

/* ---- life of the gateway ---- */

static lq_err begin(lq_gateway *g, lq_diag *diag) {
  lq_gateway_options *o = &g->options;
  if (!o->connections_max) o->connections_max = LQ_CONNECTIONS_MAX;
  if (!o->messages_per_s) o->messages_per_s = LQ_CONN_MESSAGES_PER_S;
  if (!o->idle_ms) o->idle_ms = LQ_CONN_IDLE_MS;
  if (o->messages_per_s > 1000000u)
    return lq_diag_set(diag, LQ_ERR_RANGE, "messages per second must be 1 to 1000000");
  g->scratch = malloc(LQ_WS_MESSAGE_BYTES_MAX);
  g->page = lq_pages_take(LQI_PAGE_BYTES);
  g->seen = lqi_seen_open(LQI_SEEN_MAX);
  if (!g->scratch || !g->page || !g->seen || lqi_pages_open(g))
    return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for the gateway");
  uint64_t turn_ms = o->idle_ms < LQI_WHEEL_TURN_MIN_MS ? LQI_WHEEL_TURN_MIN_MS : o->idle_ms;
  g->slot_ms = turn_ms / LQI_WHEEL_SLOTS;
  g->slot_now = lqi_now_ms(g) / g->slot_ms;
  lq_err err = lq_timer_open(o->loop, g->slot_ms * 1000, wheel_turned, g, &g->timer);
  if (err) return lq_diag_set(diag, err, "no timer: %s", lq_err_cause(err));
  lq_listen listen = {.host = o->host,
                      .port = o->port,
                      .keep_bytes_max = LQ_WS_KEEP_BYTES,
                      .connections_max = o->connections_max,
                      .events = {data, drained, gone},
                      .accepted = accepted,
                      .context = g};
  err = lq_listener_open(o->loop, &listen, &g->listener, diag);
  return !err && o->fetch && o->access ? lqi_oidc_open(g, diag) : err;
}

lq_err lq_gateway_open(const lq_gateway_options *options, lq_gateway **out, lq_diag *diag) {
  *out = NULL;
  lq_gateway *g = calloc(1, sizeof *g);
  if (!g) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for the gateway");
  g->options = *options;
  lq_err err = begin(g, diag);
  if (err) {
    if (g->listener) lq_listener_close(g->listener);
    if (g->timer) lq_timer_close(g->timer);
    gateway_free(g);
    return err;
  }
  *out = g;
  return LQ_OK;
}

uint16_t lq_gateway_port(const lq_gateway *gateway) { return lq_listener_port(gateway->listener); }

static void conn_stop(lqi_conn *c) {
  if (c->state == LQI_WS)
    lqi_ws_close(c, LQ_OK, LQ_WS_CODE_GOING_AWAY, "the server is stopping");
  else if (c->state == LQI_HTTP && !c->http && !c->call && !c->full)
    lqi_end(c, LQ_OK);
}

void lq_gateway_stop(lq_gateway *gateway) {
  if (gateway->stopping) return;
  gateway->stopping = true;
  lq_listener_close(gateway->listener);
  gateway->listener = NULL;
  for (uint32_t i = 0; i < LQI_WHEEL_SLOTS; i++)
    for (lqi_conn *c = gateway->wheel[i], *next; c; c = next) {
      next = c->next;
      conn_stop(c);
    }
}

void lq_gateway_close(lq_gateway *gateway) {
  if (!gateway) return;
  if (gateway->listener) lq_listener_close(gateway->listener);
  gateway->listener = NULL;
  gateway->stopping = true;
  lq_timer_close(gateway->timer);
  /* `closed` of each comes later, perhaps after the shard is no more: take leave of it now. */
  for (uint32_t i = 0; i < LQI_WHEEL_SLOTS; i++)
    for (lqi_conn *c = gateway->wheel[i]; c; c = c->next) {
      if (c->client) lq_client_gone(c->client, false);
      c->client = NULL;
      http_drop(c);
      lq_conn_close(c->conn, LQ_OK);
    }
  gateway->closed = true;
  free_when_unused(gateway);
}
