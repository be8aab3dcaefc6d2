/* What the operator sees of sessions: numbers by game, the trace of a sampled command, the log. */
#include "lq_service/shard/shard_int.h"

/* ---- numbers ---- */

void lqi_refused(lqi_session *s) {
  s->shard->stats.refused++;
  lqi_count(s, LQ_COUNT_REFUSED, 1);
}

void lqi_watch_tick(lq_scope *scope, const lq_tick_result *result, uint64_t took_ns) {
  lq_scope_count(scope, LQ_COUNT_TICKS, 1);
  lq_scope_count(scope, LQ_COUNT_COMMANDS, result->applied_count);
  lq_scope_count(scope, LQ_COUNT_EVENTS, result->event_count);
  lq_scope_count(scope, LQ_COUNT_CPU, took_ns);
  lq_scope_observe(scope, LQ_HIST_FRAME, took_ns);
}

void lq_shard_fault(lq_shard *shard, const char *tenant, const char *game) {
  const lqi_served *served = lqi_served_find(shard, tenant, game);
  if (served && served->scope) lq_scope_count(served->scope, LQ_COUNT_ERRORS, 1);
}

/* ---- the log ---- */

static void log_traced(const lqi_session *s, lq_log_level level, const char *event,
                       const lq_trace_context *context, const lq_log_field *fields, size_t count) {
  lq_log *log = s->shard->options.log;
  const lq_log_where where = {s->name.tenant, s->name.session, context};
  if (log) lq_log_write(log, lq_clock_wall_ms(), level, event, &where, fields, count);
}

void lqi_session_log(const lqi_session *s, lq_log_level level, const char *event,
                     const lq_log_field *fields, size_t count) {
  log_traced(s, level, event, NULL, fields, count);
}

/* One of the commands that were in it. */
static const lq_trace_context *traced_in(const lqi_session *s, uint64_t slice) {
  for (uint32_t i = 0; s->traced && i < LQI_TRACED_MAX; i++) {
    const lqi_traced *t = &s->shard->traced[i];
    if (t->session == s && t->slice == slice) return &t->context;
  }
  return NULL;
}

void lqi_watch_commit_failed(lqi_session *s, uint64_t slice, lq_err err) {
  const lq_log_field fields[] = {lq_log_text("game", s->name.game),
                                 lq_log_i64("slice", (int64_t)slice),
                                 lq_log_text("error", lq_err_name(err))};
  log_traced(s, LQ_LOG_ERROR, "commit.failed", traced_in(s, slice), fields, 3);
}

/* Going to sleep, the end of a game or of a tenant are no errors; nor is a name nobody made. */
static bool is_error(lq_err why) {
  return why && why != LQ_ERR_BUSY && why != LQ_ERR_ENDED && lq_err_http(why) != 404;
}

static void trace_end(lqi_traced *t, uint64_t now_ns) {
  const lqi_session *s = t->session;
  const lq_trace_attr attr = {s->name.tenant, s->name.session, t->tick, t->slice, t->outcome};
  lq_trace_add(s->shard->options.trace, &t->context, LQ_TRACE_MESSAGE, t->received_ns, now_ns,
               &attr);
  t->session->traced--;
  t->session = NULL;
}

void lqi_watch_drop(lqi_session *s, lq_err why, const char *message) {
  for (uint32_t i = 0; s->traced && i < LQI_TRACED_MAX; i++) {
    lqi_traced *t = &s->shard->traced[i];
    if (t->session != s) continue;
    t->outcome = why;
    trace_end(t, lq_clock_mono_ns());
  }
  if (!is_error(why)) return;
  bool fault = lq_err_http(why) >= 500;
  const lq_log_field fields[] = {lq_log_text("game", s->name.game),
                                 lq_log_text("error", lq_err_name(why)),
                                 lq_log_text("cause", message ? message : lq_err_cause(why))};
  if (fault) lqi_count(s, LQ_COUNT_ERRORS, 1);
  lqi_session_log(s, fault ? LQ_LOG_ERROR : LQ_LOG_WARN, "session.dropped", fields, 3);
}

/* ---- traces ---- */

void lqi_trace_begin(lq_shard *shard, const lq_message *message, lqi_tracing *out) {
  out->context.flags = 0;
  if (!shard->traced) return;
  lq_trace_context remote;
  bool asked = message->traceparent[0] &&
               lq_traceparent_read(lq_span_text(message->traceparent), &remote) == LQ_OK;
  if (asked) out->received_ns = lq_clock_mono_ns();
  lq_trace_begin(shard->options.trace, asked ? &remote : NULL, asked ? out->received_ns : 0,
                 &out->context);
  if (!asked && out->context.flags & LQ_TRACE_SAMPLED) out->received_ns = lq_clock_mono_ns();
}

static void queued(lqi_session *s, const lqi_tracing *tracing, const lq_command *command,
                   lq_err err) {
  lq_shard *shard = s->shard;
  lqi_traced *t = &shard->traced[shard->traced_next++ % LQI_TRACED_MAX];
  uint64_t now_ns = lq_clock_mono_ns();
  if (t->session) t->session->traced--; /* its trace stays without an end */
  *t = (lqi_traced){.session = s,
                    .context = tracing->context,
                    .received_ns = tracing->received_ns,
                    .submitted_ns = now_ns,
                    .outcome = err,
                    .slot = command->slot};
  memcpy(t->client_id, command->client_id, sizeof t->client_id);
  s->traced++;
  if (err) trace_end(t, now_ns);
}

void lqi_trace_queued(lqi_session *s, const lqi_tracing *tracing, const lq_command *command,
                      lq_err err) {
  /* Without an id nobody can tell it from others of its player, nor is it acknowledged. */
  if (tracing->context.flags & LQ_TRACE_SAMPLED && (err || command->client_id[0]))
    queued(s, tracing, command, err);
}

static const lq_applied *applied_as(const lqi_traced *t, const lq_tick_result *result) {
  for (uint32_t i = 0; i < result->applied_count; i++)
    if (result->applied[i].slot == t->slot &&
        strcmp(result->applied[i].client_id, t->client_id) == 0)
      return &result->applied[i];
  return NULL;
}

void lqi_trace_ticked(lqi_session *s, const lq_tick_result *result, uint64_t began_ns,
                      uint64_t took_ns) {
  lq_trace *trace = s->shard->options.trace;
  for (uint32_t i = 0; i < LQI_TRACED_MAX; i++) {
    lqi_traced *t = &s->shard->traced[i];
    const lq_applied *applied = t->session == s && !t->ticked_ns ? applied_as(t, result) : NULL;
    if (!applied) continue;
    t->tick = result->tick;
    t->slice = lqi_gate(s);
    t->outcome = applied->outcome;
    t->ticked_ns = began_ns + took_ns;
    lq_trace_attr attr = {s->name.tenant, s->name.session, t->tick, t->slice, LQ_OK};
    lq_trace_add(trace, &t->context, LQ_TRACE_QUEUE, t->submitted_ns, began_ns, &attr);
    attr.err = t->outcome;
    lq_trace_add(trace, &t->context, LQ_TRACE_TICK, began_ns, t->ticked_ns, &attr);
  }
}

void lqi_trace_durable(lqi_session *s) {
  uint64_t now_ns = lq_clock_mono_ns();
  for (uint32_t i = 0; i < LQI_TRACED_MAX; i++) {
    lqi_traced *t = &s->shard->traced[i];
    if (t->session != s || !t->ticked_ns || t->durable_ns || t->slice > s->slice_done) continue;
    t->durable_ns = now_ns;
    const lq_trace_attr attr = {s->name.tenant, s->name.session, t->tick, t->slice, LQ_OK};
    lq_trace_add(s->shard->options.trace, &t->context, LQ_TRACE_COMMIT, t->ticked_ns, now_ns,
                 &attr);
  }
}

void lqi_trace_acked(lqi_session *s) {
  uint64_t now_ns = lq_clock_mono_ns();
  for (uint32_t i = 0; s->traced && i < LQI_TRACED_MAX; i++) {
    lqi_traced *t = &s->shard->traced[i];
    if (t->session != s || !t->durable_ns) continue;
    const lq_trace_attr attr = {s->name.tenant, s->name.session, t->tick, t->slice, LQ_OK};
    lq_trace_add(s->shard->options.trace, &t->context, LQ_TRACE_ACK, t->durable_ns, now_ns, &attr);
    trace_end(t, now_ns);
  }
}

void lqi_trace_unqueued(lqi_session *s, uint16_t slot, lq_err why) {
  for (uint32_t i = 0; s->traced && i < LQI_TRACED_MAX; i++) {
    lqi_traced *t = &s->shard->traced[i];
    if (t->session != s || t->slot != slot || t->ticked_ns) continue;
    t->outcome = why;
    trace_end(t, lq_clock_mono_ns());
  }
}
