/* Guests of live sessions: their seat, ticks that wait for them, and what they did wrong. */
#include <stdio.h>

#include "lq_service/shard/shard_int.h"

/* Its tick may be run again. */
static void ready(void *context) {
  lqi_session *s = context;
  s->parked = false;
  if (s->failed || s->state != LQI_LIVE) return;
  if (!s->hz_class)
    lqi_session_due(s);
  else if (lqi_crowded(s->shard))
    lqi_queue(s);
  else
    (void)lqi_session_tick(s);
}

void lqi_guests_seat(lqi_session *s) {
  lq_guests *guests = s->shard->options.guests;
  lqi_guests_unseat(s);
  lq_session_guests(s->live.session, NULL); /* not the one that the journal was read with */
  /* Without anybody who runs them its guests fail, and say why. */
  if (!guests || !lq_game_has_guests(lq_session_game(s->live.session))) return;
  if (lq_guest_seat_open(guests, s->name.tenant, s->live.release, ready, s, &s->seat)) {
    s->broken = true; /* a moment without memory is nobody's fault: not a strike for each guest */
    return;
  }
  lq_session_guests(s->live.session, lq_guest_seat_port(s->seat));
}

void lqi_guests_unseat(lqi_session *s) {
  lq_guest_seat_close(s->seat);
  s->seat = NULL;
  s->parked = false;
}

static void failed_write(const lq_shard_guest_failure *failure, lq_writer *w) {
  lq_write_text(w, failure->suspended ? ",\"suspended\":true,\"error\":"
                                      : ",\"suspended\":false,\"error\":");
  lq_json_write_text(w, failure->error);
  lq_write_text(w, ",\"stack\":");
  lq_json_write_text(w, failure->stack);
  lq_write_u8(w, '}');
}

static void refused_write(const lq_shard_guest_failure *failure, lq_writer *w) {
  lq_write_text(w, ",\"count\":");
  lq_write_decimal_u(w, failure->refused);
  lq_write_text(w, ",\"code\":");
  lq_json_write_text(w, lq_span_text(lq_err_name(failure->code)));
  lq_write_text(w, ",\"error\":");
  lq_json_write_text(w, failure->error);
  lq_write_u8(w, '}');
}

/* Whoever writes the game sees it where they play. */
static void console(lqi_session *s, const lq_shard_guest_failure *failure) {
  lq_writer w = lqi_text(s->shard);
  lq_write_text(&w, failure->refused ? "{\"evt\":\"command.refused\",\"tick\":"
                                     : "{\"evt\":\"guest.failed\",\"tick\":");
  lq_write_decimal_u(&w, failure->tick);
  lq_write_text(&w, ",\"name\":");
  lq_json_write_text(&w, lq_span_text(failure->name));
  (failure->refused ? refused_write : failed_write)(failure, &w);
  if (w.failed) return;
  lqi_out_add(
      s,
      &(lqi_out){
          .kind = LQI_OUT_ALL, .gate = lqi_gate(s), .tick = failure->tick, .droppable = true},
      lq_writer_span(&w));
}

static lq_span first_line(const char *text) {
  const char *end = strchr(text, '\n');
  return lq_span_of(text, end ? (size_t)(end - text) : strlen(text));
}

bool lqi_guest_failed(lqi_session *s, const lq_tick_result *result) {
  const lq_game *game = lq_session_game(s->live.session);
  const char *name = result->guest_kind == LQ_GUEST_COMMAND
                         ? game->command[result->guest_index].record.name
                         : game->system[result->guest_index].name;
  lq_span first = first_line(result->guest_why);
  lq_span stack =
      lq_span_text(result->guest_why + first.bytes + (result->guest_why[first.bytes] != 0));
  uint64_t tick = lq_session_tick_number(s->live.session) + 1;
  uint32_t strikes =
      lq_session_guest_strikes(s->live.session, result->guest_kind, result->guest_index);
  bool last = strikes + 1 >= LQ_GUEST_STRIKES_MAX;
  char words[256];
  (void)snprintf(words, sizeof words, "%.*s", (int)(first.bytes < 250 ? first.bytes : 250),
                 (const char *)first.data);
  const lq_log_field fields[] = {lq_log_text("guest", name), lq_log_i64("tick", (int64_t)tick),
                                 lq_log_text("error", words), lq_log_bool("suspended", last)};
  lqi_session_log(s, LQ_LOG_WARN, "guest.failed", fields, 4);
  const lq_shard_options *options = &s->shard->options;
  const lq_shard_guest_failure failure = {&s->name, name, tick, last, first, stack, 0, LQ_OK};
  if (options->console) console(s, &failure);
  if (options->guest_failed) options->guest_failed(options->failed_context, &failure);
  if (s->seat) lq_guest_seat_clear(s->seat);
  if (lq_session_guest_report(s->live.session, result)) return false;
  lqi_session_due(s);
  return true;
}

void lqi_sent_refused(lqi_session *s, const lq_game *ran, const lq_tick_result *result) {
  const lq_applied *first = NULL;
  for (uint32_t i = result->sent_count; i-- > 0;)
    if (result->sent[i].outcome) {
      first = &result->sent[i];
      s->sent_refused++;
    }
  uint64_t now_ms = lq_loop_now_ms(s->shard->options.loop);
  if (!first || (s->sent_told_ms && now_ms - s->sent_told_ms < LQI_REFUSED_TELL_MS)) return;
  const lq_shard_options *options = &s->shard->options;
  const char *why = first->reason[0] ? first->reason : lq_err_cause(first->outcome);
  const lq_shard_guest_failure refused = {.at = &s->name,
                                          .name = ran->command[first->type].record.name,
                                          .tick = result->tick,
                                          .error = lq_span_text(why),
                                          .refused = s->sent_refused,
                                          .code = first->outcome};
  s->sent_told_ms = now_ms;
  s->sent_refused = 0;
  const lq_log_field fields[] = {lq_log_text("command", refused.name),
                                 lq_log_i64("tick", (int64_t)refused.tick),
                                 lq_log_text("code", lq_err_name(refused.code)),
                                 lq_log_text("error", why), lq_log_i64("count", refused.refused)};
  lqi_session_log(s, LQ_LOG_INFO, "command.refused", fields, 5);
  if (!options->console) return;
  console(s, &refused);
  if (options->guest_failed) options->guest_failed(options->failed_context, &refused);
}
