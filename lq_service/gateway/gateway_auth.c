/* Who asks, and whether they may: tokens, tickets, and the denials that the tenant's log is told.
 */
#include "lq_base/hash.h"
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <strings.h>

enum { ANSWER_BYTES = LQ_TOKEN_BYTES + 512, ROLES_BYTES = 256 };

lq_span lqi_bearer(const lq_http_request *request) {
  lq_span value = lq_http_header_get(request, "Authorization");
  if (lq_http_header_count(request, "Authorization") != 1 || value.bytes < 7 ||
      strncasecmp((const char *)value.data, "Bearer ", 7) != 0)
    return lq_span_of(NULL, 0);
  return lq_span_of(value.data + 7, value.bytes - 7);
}

lq_err lqi_who_of(const lq_gateway *gateway, lq_span token, lqi_who *out) {
  lq_access *access = gateway->options.access;
  lq_diag diag = {0};
  *out = (lqi_who){.open = access == NULL};
  if (!access) return LQ_OK;
  if (!token.data) return LQ_ERR_UNAUTHORIZED;
  lq_err err = lq_access_by_token(access, token, lq_clock_wall_ms(), &out->id, &diag);
  /* A store that cannot be read is no reason to say that the token is wrong. */
  return err;
}

void lqi_sign_in_refused(const lqi_conn *c, const char *what, lq_err why) {
  const lq_log_field fields[] = {lq_log_text("shown", what), lq_log_text("address", c->address),
                                 lq_log_text("error", lq_err_name(why))};
  lq_log_write(c->gateway->options.log, lq_clock_wall_ms(), LQ_LOG_WARN, "sign_in.refused", NULL,
               fields, sizeof fields / sizeof *fields);
}

bool lqi_who_asks(lqi_conn *c, const lq_http_request *request, lqi_who *out) {
  lq_span token = lqi_bearer(request);
  lq_err err = lqi_who_of(c->gateway, token, out);
  if (err && token.data) lqi_sign_in_refused(c, "token", err);
  if (err == LQ_ERR_UNAUTHORIZED)
    lqi_problem_text(c, err,
                     token.data ? "the token is not valid, or not any more"
                                : "send a token as Authorization: Bearer <token>");
  else if (err)
    lqi_problem(c, 0, err, NULL, NULL);
  return !err;
}

lq_actor lqi_actor(const lqi_conn *c, const lqi_who *who) {
  return (lq_actor){who->open ? "" : who->id.user, c->address};
}

/* ---- denials ---- */

static void nothing(void *context, lq_err err, uint64_t leaf) {
  (void)context;
  (void)err;
  (void)leaf;
}

/* A few a second go into the log; what is above that is counted, or whoever is denied could fill
 * the disk. Each tenant has its own few, or one could keep another's log from being told. */
static bool denial_fits(lq_gateway *g, const char *tenant) {
  uint64_t second = lqi_now_ms(g) / 1000;
  uint64_t slot = lq_hash_bytes(0, tenant, strlen(tenant)) % LQI_DENIAL_SLOTS;
  if (g->denials[slot].second != second) g->denials[slot].count = 0;
  g->denials[slot].second = second;
  return g->denials[slot].count++ < LQI_DENIALS_PER_S;
}

void lqi_denial_tell(lq_gateway *g, const char *tenant, const char *action, const char *resource,
                     const lq_actor *actor, lq_err why, const char *cause) {
  g->count.denials++;
  const lq_log_where where = {.tenant = tenant};
  const lq_log_field fields[] = {
      lq_log_text("user", actor->user),       lq_log_text("action", action),
      lq_log_text("resource", resource),      lq_log_text("address", actor->address),
      lq_log_text("error", lq_err_name(why)), lq_log_text("cause", cause ? cause : "")};
  lq_log_write(g->options.log, lq_clock_wall_ms(), LQ_LOG_WARN, "access.denied", &where, fields,
               sizeof fields / sizeof *fields - (cause == NULL));
  if (!denial_fits(g, tenant)) return;
  uint8_t text[LQI_ERROR_BYTES];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_write_text(&w, "{\"code\":\"");
  lq_write_text(&w, lq_err_name(why));
  if (cause) {
    lq_write_text(&w, "\",\"cause\":");
    lq_json_write_text(&w, lq_span_text(lq_utf8_valid(lq_span_text(cause)) ? cause : ""));
    lq_write_u8(&w, '}');
  } else {
    lq_write_text(&w, "\"}");
  }
  lq_act act = {.tenant = tenant,
                .action = action,
                .resource = resource,
                .kind = LQ_AUDIT_DENIAL,
                .outcome = why,
                .text = lq_writer_span(&w)};
  lq_act_write(lq_access_tenants(g->options.access), &act, actor, NULL, 0, nothing, NULL);
}

static void denial_tell(lqi_conn *c, const lqi_who *who, const lq_access_request *request,
                        lq_err why) {
  char resource[LQ_RESOURCE_BYTES];
  if (!lq_access_resource(request, resource))
    (void)lq_text_copy(resource, sizeof resource, lq_span_text("?"));
  lq_actor actor = lqi_actor(c, who);
  lqi_denial_tell(c->gateway, who->id.tenant, lq_action_about(request->action)->name, resource,
                  &actor, why, NULL);
}

lq_err lqi_allowed(lqi_conn *c, const lqi_who *who, lq_access_request request, lq_diag *diag) {
  if (who->open) return LQ_OK;
  request.address = c->address;
  lq_err err = lq_access_check(c->gateway->options.access, &who->id, &request, diag);
  if (err) denial_tell(c, who, &request, err);
  /* Word for word what a tenant that does not exist is told. */
  if (err == LQ_ERR_NOT_FOUND && strcmp(who->id.tenant, request.tenant) != 0) {
    *diag = (lq_diag){0};
    return LQ_ERR_UNKNOWN_TENANT;
  }
  return err;
}

bool lqi_may(lqi_conn *c, const lqi_who *who, lq_action action, const char *tenant,
             const char *name, const char *session) {
  lq_diag diag = {0};
  lq_access_request request = {
      .tenant = tenant, .action = action, .name = name, .session = session};
  lq_err err = lqi_allowed(c, who, request, &diag);
  if (err) lqi_problem(c, 0, err, diag.message[0] ? &diag : NULL, NULL);
  return !err;
}

/* ---- tokens and tickets ---- */

static void secret_reply(lqi_conn *c, lq_writer *w) {
  lqi_reply(c, &(lq_http_response){.status = 200,
                                   .content_type = "application/json",
                                   .headers = "Cache-Control: no-store\r\n",
                                   .body = lq_writer_span(w)});
}

static void token_reply(lqi_conn *c, const lq_identity *id) {
  char token[LQ_TOKEN_BYTES];
  uint8_t memory[ANSWER_BYTES];
  uint32_t seconds;
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_err err = lq_access_token(c->gateway->options.access, id, lq_clock_wall_ms(), token, &seconds);
  if (err) {
    lqi_problem(c, 0, err, NULL, NULL);
    return;
  }
  lq_write_text(&w, "{\"access_token\":\"");
  lq_write_text(&w, token);
  lq_write_text(&w, "\",\"token_type\":\"Bearer\",\"expires_in\":");
  lq_write_decimal_u(&w, seconds);
  lq_write_text(&w, ",\"tenant\":");
  lq_json_write_text(&w, lq_span_text(id->tenant));
  lq_write_text(&w, ",\"user\":");
  lq_json_write_text(&w, lq_span_text(id->user));
  lq_write_u8(&w, '}');
  secret_reply(c, &w);
  lq_wipe(token, sizeof token);
}

/* For an API key, or for somebody who is signed in. */
static void token_request(lqi_conn *c, const lq_http_request *request) {
  lq_identity id;
  lq_diag diag = {0};
  lq_span shown = lqi_bearer(request);
  if (!lqi_rate_take(c)) {
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
    return;
  }
  uint64_t now_ms = lq_clock_wall_ms();
  lq_err err = lq_http_header_count(request, "Authorization")
                   ? lq_access_by_key(c->gateway->options.access, shown, now_ms, &id, &diag)
                   : lqi_oidc_identity(c, request, &id);
  if (err && shown.data) lqi_sign_in_refused(c, "key", err);
  if (err == LQ_ERR_UNAUTHORIZED)
    lqi_problem_text(c, err,
                     "send an API key (lqk_...) as Authorization: Bearer <key>, or sign in");
  else if (err)
    lqi_problem(c, 0, err, NULL, NULL);
  else
    token_reply(c, &id);
}

static void ticket_request(lqi_conn *c, const lq_http_request *request) {
  lqi_who who;
  char ticket[LQ_TICKET_BYTES];
  uint8_t memory[LQ_TICKET_BYTES + 64];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  if (!lqi_rate_take(c)) {
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
    return;
  }
  if (!lqi_who_asks(c, request, &who)) return;
  lq_err err = lq_access_ticket(c->gateway->options.access, &who.id, lq_clock_wall_ms(), ticket);
  if (err) {
    lqi_problem(c, 0, err, NULL, NULL);
    return;
  }
  lq_write_text(&w, "{\"ticket\":\"");
  lq_write_text(&w, ticket);
  lq_write_text(&w, "\",\"expires_in\":");
  lq_write_decimal_u(&w, LQ_TICKET_MS / 1000);
  lq_write_u8(&w, '}');
  secret_reply(c, &w);
}

void lqi_auth_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  if (!c->gateway->options.access) {
    lqi_problem_text(c, LQ_ERR_NOT_FOUND, "this server asks for no tokens (lq dev)");
  } else if (target->route == LQI_ROUTE_AUTH_TOKEN) {
    token_request(c, request);
  } else if (target->route == LQI_ROUTE_AUTH_TICKET) {
    ticket_request(c, request);
  } else {
    lq_writer w = lq_writer_of(c->gateway->page, LQI_PAGE_BYTES);
    lq_access_keys(c->gateway->options.access, &w);
    lqi_reply(c, &(lq_http_response){.status = 200,
                                     .content_type = "application/jwk-set+json",
                                     .headers = "Cache-Control: max-age=300\r\n",
                                     .body = lq_writer_span(&w)});
  }
}
