/* REST: who may, what was asked, and the shard's answer as a response. */
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <stdlib.h>

static void reply_json(lqi_conn *c, int status, lq_span json, const char *headers) {
  lqi_reply(c, &(lq_http_response){.status = status,
                                   .content_type = status < 400 ? "application/json"
                                                                : "application/problem+json",
                                   .headers = headers,
                                   .body = json});
}

/* The session's address, from the answer that names it. */
static bool location_of(const lqi_rest *rest, lq_span json, char *out, size_t capacity) {
  lq_json value;
  char session[LQ_ID_BYTES];
  if (lq_json_parse(json, &value, NULL) || value.kind != LQ_JSON_OBJECT ||
      !lq_json_text(lq_json_get(value, "session"), session, sizeof session))
    return false;
  int bytes = snprintf(out, capacity, "Location: /v1/tenants/%s/games/%s/sessions/%s\r\n",
                       rest->name.tenant, rest->name.game, session);
  if (rest->route != LQI_ROUTE_SESSIONS) return false;
  return bytes > 0 && (size_t)bytes < capacity;
}

static void reply_to(lqi_conn *c, const lqi_rest *rest, int status, lq_span json) {
  char headers[160];
  bool made = status == 201 && location_of(rest, json, headers, sizeof headers);
  if (!made && status == 401)
    (void)snprintf(headers, sizeof headers, "WWW-Authenticate: Bearer realm=\"ledgerquest\"\r\n");
  else if (!made && (status == 429 || status == 503))
    (void)snprintf(headers, sizeof headers, "Retry-After: 1\r\n");
  else if (!made)
    headers[0] = 0;
  reply_json(c, status, json, headers);
}

/* A POST to a list makes something in it. */
static bool makes(const lqi_rest *rest) {
  bool list = rest->route == LQI_ROUTE_SESSIONS || rest->route == LQI_ROUTE_TENANTS ||
              rest->route == LQI_ROUTE_USERS || rest->route == LQI_ROUTE_KEYS;
  return list && rest->method == LQ_HTTP_POST;
}

/* A fault of this side. That it is busy is none, but counts as an answer 5xx. */
static void fault_tell(lqi_call *call, int status, lq_err err) {
  const lq_gateway_options *o = &call->gateway->options;
  const lq_session_name *name = &call->rest.name;
  lq_shard_fault(o->shard, name->tenant, name->game);
  if (status == 503) return;
  const lq_log_where where = {.tenant = name->tenant, .session = name->session};
  const lq_log_field fields[] = {lq_log_i64("status", status),
                                 lq_log_text("error", lq_err_name(err))};
  lq_log_write(o->log, lq_clock_wall_ms(), LQ_LOG_ERROR, "request.failed", &where, fields, 2);
}

void lqi_answered(void *context, lq_err err, const lq_diag *diag, lq_span json) {
  lqi_call *call = context;
  lqi_conn *c = call->conn;
  lq_gateway *g = call->gateway;
  uint8_t memory[LQI_ERROR_BYTES];
  int status = err ? lq_err_http(err) : makes(&call->rest) ? 201 : 200;
  if (status >= 500) fault_tell(call, status, err);
  if (err) {
    lq_writer w = lq_writer_of(memory, sizeof memory);
    lqi_problem_body(&w, status, err, diag);
    json = lq_writer_span(&w);
  }
  if (call->keyed && lq_err_retry(err))
    lqi_seen_forget(g->seen, &call->scope);
  else if (call->keyed)
    lqi_seen_put(g->seen, &call->scope, status, json);
  if (c) {
    c->call = NULL;
    call->conn = NULL;
    reply_to(c, &call->rest, status, json);
    if (!c->in_call) lqi_http_resume(c);
  }
  lqi_call_free(call);
}

/* Asks the shard; the answer may come inside. */
static void call_run(lqi_call *call, bool sees_all) {
  lqi_conn *c = call->conn;
  lq_shard *shard = call->gateway->options.shard;
  const lqi_rest *rest = &call->rest;
  const lq_session_name *name = &rest->name;
  const uint64_t *tick = rest->has_tick ? &rest->tick : NULL;
  lq_shard_who who = {.all = sees_all && !rest->player[0]};
  (void)lq_text_copy(who.player, sizeof who.player, lq_span_text(rest->player));
  c->in_call = true;
  if (rest->route == LQI_ROUTE_SESSIONS && rest->method == LQ_HTTP_POST)
    lq_shard_create(shard, name, rest->has_seed ? &rest->seed : NULL, lqi_answered, call);
  else if (rest->route == LQI_ROUTE_SESSIONS)
    lq_shard_sessions(shard, name->tenant, name->game, rest->after[0] ? rest->after : NULL,
                      rest->limit, lqi_answered, call);
  else if (rest->route == LQI_ROUTE_SESSION && rest->method == LQ_HTTP_DELETE)
    lq_shard_end(shard, name, "ended by an operator", lqi_answered, call);
  else if (rest->route == LQI_ROUTE_SESSION)
    lq_shard_info(shard, name, lqi_answered, call);
  else if (rest->route == LQI_ROUTE_STATE)
    lq_shard_state(shard, name, tick, &who, lqi_answered, call);
  else if (rest->route == LQI_ROUTE_CONTACTS)
    lq_shard_contacts(shard, name, tick, &who, lqi_answered, call);
  else if (rest->route == LQI_ROUTE_HASH)
    lq_shard_hash(shard, name, tick, lqi_answered, call);
  else if (rest->route == LQI_ROUTE_JOURNAL)
    lq_shard_journal(shard, name, rest->from, rest->limit, lqi_answered, call);
  else
    lq_shard_command(shard, name, rest->player, &rest->message, lqi_answered, call);
  c->in_call = false;
  lqi_wheel_set(c);
}

/* ---- before the shard is asked ---- */

/* What is asked, as an action. A session that is yet without a name is asked for as any. */
static lq_action action_of(const lq_http_request *request, const lqi_target *target) {
  bool reads = request->method == LQ_HTTP_GET || request->method == LQ_HTTP_HEAD;
  switch ((int)target->route) {
  case LQI_ROUTE_GAME:
  case LQI_ROUTE_SHAPE:
  case LQI_ROUTE_MODULES:
  case LQI_ROUTE_MODULE:
    return LQ_ACTION_READ_GAME;
  case LQI_ROUTE_SESSIONS:
    return reads ? LQ_ACTION_LIST_SESSIONS : LQ_ACTION_CREATE_SESSION;
  case LQI_ROUTE_SESSION:
    return reads ? LQ_ACTION_READ_SESSION : LQ_ACTION_END_SESSION;
  case LQI_ROUTE_STATE:
  case LQI_ROUTE_CONTACTS:
    return LQ_ACTION_READ_STATE;
  case LQI_ROUTE_COMMANDS:
    return LQ_ACTION_SEND_COMMAND;
  default: /* the journal, and the hash, which tells of what is hidden */
    return LQ_ACTION_READ_JOURNAL;
  }
}

static bool is_served(lqi_conn *c, const lqi_target *target) {
  const lq_session_name *name = &target->name;
  lq_err err = lq_shard_check(c->gateway->options.shard, name->tenant, name->game);
  bool needs_session = target->route > LQI_ROUTE_MODULE && target->route != LQI_ROUTE_SESSIONS;
  if (!err && needs_session && !name->session[0]) err = LQ_ERR_UNKNOWN_SESSION;
  if (err) lqi_problem(c, 0, err, NULL, NULL);
  return !err;
}

static void reply_game(lqi_conn *c, const lq_session_name *name) {
  uint8_t release[32];
  char hex[65];
  const lq_game *game = lq_shard_game(c->gateway->options.shard, name->tenant, name->game, release);
  lq_hex(release, sizeof release, hex);
  lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
  lq_game_to_json(game, hex, &w);
  if (w.failed)
    lqi_problem(c, 0, LQ_ERR_TOO_BIG, NULL, NULL);
  else
    reply_json(c, 200, lq_writer_span(&w), NULL);
}

/* True when the key decides the answer already; else it is marked as under way. */
static bool is_repeated(lqi_call *call, const lq_http_request *request, const lqi_who *who) {
  lqi_conn *c = call->conn;
  if (!call->rest.key[0]) return false;
  uint8_t memory[LQ_HTTP_PATH_BYTES_MAX + LQ_CLIENT_ID_BYTES + LQ_TENANT_BYTES + LQ_ID_BYTES + 3];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_write_span(&w, request->path);
  lq_write_u8(&w, 0);
  lq_write_text(&w, call->rest.key);
  /* Another's answer is not for them, whatever key they name. */
  lq_write_u8(&w, 0);
  lq_write_text(&w, who->id.tenant);
  lq_write_u8(&w, 0);
  lq_write_text(&w, who->id.user);
  if (w.failed) return false; /* no address of ours is so long */
  call->scope = lq_sha256_of(lq_writer_span(&w));
  lq_sha256 body = lq_sha256_of(request->body);
  lqi_seen_entry first = lqi_seen_ask(c->gateway->seen, &call->scope, &body);
  call->keyed = first.kind == LQI_SEEN_NEW;
  if (first.kind == LQI_SEEN_ANSWER)
    reply_to(c, &call->rest, first.status, first.answer);
  else if (first.kind == LQI_SEEN_UNDER_WAY)
    lqi_problem_text(c, LQ_ERR_CONFLICT, "the request with this Idempotency-Key is under way");
  else if (first.kind == LQI_SEEN_OTHER)
    lqi_problem(c, 0, LQ_ERR_IDEMPOTENCY, NULL, NULL);
  return first.kind != LQI_SEEN_NEW;
}

lqi_call *lqi_call_begin(lqi_conn *c, const lqi_target *target, lq_http_method method,
                         size_t text_bytes) {
  lqi_call *call = malloc(sizeof *call + text_bytes);
  if (!call) {
    lqi_problem(c, 0, LQ_ERR_MEMORY, NULL, NULL);
    return NULL;
  }
  c->gateway->calls++;
  call->gateway = c->gateway;
  call->conn = c;
  call->keyed = false;
  call->rest = (lqi_rest){.route = target->route, .method = method, .name = target->name};
  return call;
}

/* Reads it, and asks whether it may be: who does not see what is hidden sees and speaks for no
 * player but the one who has their own name. */
static lq_err rest_read(lqi_call *call, const lq_http_request *request, const lqi_target *target,
                        const lqi_who *who, lq_writer *text, bool *sees_all, lq_diag *diag) {
  lqi_conn *c = call->conn;
  lqi_rest *rest = &call->rest;
  lq_err err = lqi_rest_read(request, target, rest, text, diag);
  lq_access_request asked = {.tenant = target->name.tenant,
                             .action = LQ_ACTION_READ_HIDDEN_STATE,
                             .name = target->name.game,
                             .session = target->name.session,
                             .player = rest->player[0] ? rest->player : NULL};
  bool hides = target->route == LQI_ROUTE_STATE || target->route == LQI_ROUTE_CONTACTS ||
               target->route == LQI_ROUTE_COMMANDS;
  *sees_all = who->open;
  if (err || !hides || who->open) return err;
  bool own = rest->player[0] && !strcmp(rest->player, who->id.user);
  if (!own)
    *sees_all = lq_access_check(c->gateway->options.access, &who->id, &asked, NULL) == LQ_OK;
  if (*sees_all || own || (!rest->player[0] && !rest->has_tick)) return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_FORBIDDEN,
                     rest->player[0] ? "'%s' may not speak or look for player '%s'"
                                     : "'%s' may not look at the past%s",
                     who->id.user, rest->player);
}

void lqi_rest_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lqi_who who;
  lq_diag diag = {0};
  if (!lqi_rate_take(c)) {
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
    return;
  }
  if (!lqi_who_asks(c, request, &who)) return;
  lq_action action = action_of(request, target);
  const char *session = target->route == LQI_ROUTE_SESSIONS ? "new"
                        : target->route == LQI_ROUTE_SHAPE  ? ""
                                                            : target->name.session;
  if (!lqi_may(c, &who, action, target->name.tenant, target->name.game, session) ||
      !is_served(c, target))
    return;
  if (target->route == LQI_ROUTE_MODULES || target->route == LQI_ROUTE_MODULE) {
    lqi_modules_reply(c, request, target);
    return;
  }
  bool has_text = target->route == LQI_ROUTE_COMMANDS, sees_all;
  lqi_call *call = lqi_call_begin(c, target, request->method, has_text ? LQI_REST_TEXT_BYTES : 0);
  if (!call) return;
  lq_writer text = lq_writer_of(call->text, has_text ? LQI_REST_TEXT_BYTES : 0);
  lq_err err = rest_read(call, request, target, &who, &text, &sees_all, &diag);
  if (err) {
    lqi_problem(c, 0, err, &diag, NULL);
  } else if (target->route == LQI_ROUTE_GAME) {
    reply_game(c, &target->name);
  } else if (target->route == LQI_ROUTE_SHAPE) {
    lqi_shape_reply(c, request, target);
  } else if (!is_repeated(call, request, &who)) {
    c->call = call;
    call_run(call, sees_all);
    return;
  }
  lqi_call_free(call);
}
