/* What waits for its session: REST calls until it is live, and commands of everybody, leaving and
 * lost connections while a tick that takes a release command waits for a guest. They are kept as
 * they came, in order, and read by the release that runs then. */
#include <stdlib.h>

#include "lq_service/shard/shard_int.h"

static lqi_call *call_make(lq_span text) {
  lqi_call *call = malloc(sizeof *call + text.bytes);
  if (!call) return NULL;
  *call = (lqi_call){.text_bytes = text.bytes};
  if (text.bytes) memcpy(call->text, text.data, text.bytes);
  return call;
}

static lqi_call *call_command(const lq_message *message, const char *player) {
  lqi_call *call = call_make(message->json.raw);
  if (!call) return NULL;
  call->json = (lq_json){message->json.kind, lq_span_of(call->text, call->text_bytes)};
  memcpy(call->id, message->id, sizeof call->id);
  (void)lq_text_copy(call->player, sizeof call->player, lq_span_text(player));
  return call;
}

static lq_message message_of(const lqi_call *call) {
  lq_message message = {.kind = LQ_MESSAGE_COMMAND, .json = call->json};
  memcpy(message.id, call->id, sizeof message.id);
  return message;
}

/* A connected client is told by its session, or was closed with it. */
static void call_fail(lqi_call *call, lq_err err, const lq_diag *diag) {
  lq_diag plain = {.code = err};
  if (call->answer) call->answer(call->context, err, diag ? diag : &plain, (lq_span){0});
  free(call);
}

static void call_wait(lqi_session *s, lqi_call *call) {
  *(s->calls ? &s->calls_last->next : &s->calls) = call;
  s->calls_last = call;
  s->call_count++;
  s->call_bytes += call->text_bytes;
}

static lqi_call *call_next(lqi_session *s) {
  lqi_call *call = s->calls;
  s->calls = call->next;
  s->call_count--;
  s->call_bytes -= call->text_bytes;
  return call;
}

void lqi_calls_ready(lqi_session *s, lq_err err) {
  while (s->calls) {
    lqi_call *call = call_next(s);
    if (err)
      call_fail(call, err, NULL);
    else
      call->run(s, call);
  }
}

bool lqi_holds(const lqi_session *s) {
  return s->calls || lq_session_release_waits(s->live.session);
}

static bool has_room(const lqi_session *s, size_t bytes) {
  return s->call_count < LQ_TICK_COMMANDS_MAX && bytes <= LQI_CALL_BYTES_MAX - s->call_bytes;
}

void lqi_calls_refuse(lqi_session *s, const char *player, lq_err why) {
  for (uint32_t left = s->call_count; left && s->calls; left--) {
    lqi_call *call = call_next(s);
    call->next = NULL;
    if (strcmp(call->player, player) == 0)
      call_fail(call, why, NULL);
    else
      call_wait(s, call);
  }
}

/* ---- of a connected client ---- */

static void client_run(lqi_session *s, lqi_call *call) {
  lq_message message = message_of(call);
  lq_player player = lq_session_player_find(s->live.session, lq_span_text(call->player));
  if (player.slot) lqi_client_submit(s, player.slot, &message, &call->tracing);
  free(call);
}

lq_err lqi_call_client(lq_client *client, const lq_message *message, const lqi_tracing *tracing) {
  lqi_session *s = client->session;
  if (!has_room(s, message->json.raw.bytes)) return LQ_ERR_BUSY;
  lqi_call *call = call_command(message, client->player);
  if (!call) return LQ_ERR_MEMORY;
  call->run = client_run;
  call->tracing = *tracing;
  call_wait(s, call);
  return LQ_OK;
}

static void gone_run(lqi_session *s, lqi_call *call) {
  lqi_client_lost(s, call->player, call->leave);
  free(call);
}

lq_err lqi_call_gone(lqi_session *s, const char *player, bool leave) {
  lqi_call *call = call_make((lq_span){0});
  if (!call) return LQ_ERR_MEMORY;
  call->run = gone_run;
  call->leave = leave;
  (void)lq_text_copy(call->player, sizeof call->player, lq_span_text(player));
  call_wait(s, call);
  return LQ_OK;
}

/* ---- without a connection ---- */

static lqi_answer *answer_wait(lqi_session *s, const lqi_call *call, uint16_t slot,
                               const char *client_id, bool made_here) {
  lqi_answer *waiting = calloc(1, sizeof *waiting);
  if (!waiting) return NULL;
  waiting->answer = call->answer;
  waiting->context = call->context;
  waiting->slot = slot;
  waiting->made_here = made_here;
  (void)lq_text_copy(waiting->client_id, sizeof waiting->client_id, lq_span_text(client_id));
  waiting->next = s->answers;
  s->answers = waiting;
  return waiting;
}

/* A command sent again gets the outcome of the first. */
static void answer_again(lqi_session *s, const lqi_call *call, const lq_command *command) {
  uint64_t tick = 0;
  lq_err outcome = LQ_OK;
  (void)lq_session_seen(s->live.session, command->slot, command->client_id, &tick, &outcome);
  lq_writer w = lqi_text(s->shard);
  if (!outcome) {
    lq_write_text(&w, "{\"tick\":");
    lq_write_decimal_u(&w, tick);
    lq_write_u8(&w, '}');
  }
  lqi_out_answer(s, call->answer, call->context, outcome, lq_writer_span(&w));
}

static void command_run(lqi_session *s, lqi_call *call) {
  lq_diag diag = {0};
  lq_message message = message_of(call);
  lq_player player = lq_session_player_find(s->live.session, lq_span_text(call->player));
  if (!player.slot) {
    lq_diag_set(&diag, LQ_ERR_NOT_FOUND, "the session has no player '%s'", call->player);
    call_fail(call, LQ_ERR_NOT_FOUND, &diag);
    return;
  }
  lq_writer body = lq_writer_of(s->shard->command_body, LQ_WS_MESSAGE_BYTES_MAX);
  lq_command command = {0};
  uint64_t first_tick = UINT64_MAX;
  bool made_here = false;
  lq_err err =
      lq_message_command(lq_session_game(s->live.session), &message, &body, &command, &diag);
  if (!err) {
    command.slot = player.slot;
    made_here = !command.client_id[0];
    if (made_here) { /* to know its outcome again among the applied */
      uint8_t dice[12];
      err = lq_random_bytes(dice, sizeof dice);
      memcpy(command.client_id, "rest-", 5);
      lq_hex(dice, sizeof dice, command.client_id + 5);
    }
  }
  if (!err) err = lq_session_submit(s->live.session, &command, &first_tick);
  if (err != LQ_ERR_EXISTS) lqi_trace_queued(s, &call->tracing, &command, err);
  if (err == LQ_ERR_EXISTS && first_tick != UINT64_MAX) {
    answer_again(s, call, &command);
  } else if (err && err != LQ_ERR_EXISTS) {
    call_fail(call, err, diag.message[0] ? &diag : NULL);
    return;
  } else if (!answer_wait(s, call, player.slot, command.client_id, made_here)) {
    call_fail(call, LQ_ERR_MEMORY, NULL);
    return;
  }
  lqi_session_due(s);
  free(call);
}

static void end_run(lqi_session *s, lqi_call *call) {
  uint8_t body[80];
  uint8_t dice[12];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_sized(&w, call->id, strlen(call->id));
  lq_command command = {.type = LQ_CMD_END, .client_id = "end-", .body = lq_writer_span(&w)};
  uint64_t first_tick;
  lq_err err = lq_random_bytes(dice, sizeof dice);
  lq_hex(dice, sizeof dice, command.client_id + 4);
  if (!err) err = lq_session_submit(s->live.session, &command, &first_tick);
  if (!err && !answer_wait(s, call, 0, command.client_id, true)) err = LQ_ERR_MEMORY;
  if (err) {
    call_fail(call, err, NULL);
    return;
  }
  lqi_session_due(s);
  free(call);
}

static void call_session(lq_shard *shard, const lq_session_name *name, lqi_call *call) {
  lq_diag diag = {0};
  lqi_session *s = lqi_session_need(shard, name, false, &diag);
  if (!s)
    call_fail(call, diag.code, &diag);
  else if (s->state == LQI_LIVE && !lqi_holds(s))
    call->run(s, call);
  else if (s->state == LQI_LIVE && !has_room(s, call->text_bytes))
    call_fail(call, LQ_ERR_BUSY, NULL);
  else
    call_wait(s, call);
}

static void no_memory(lq_shard_answer answer, void *context) {
  lq_diag diag = {.code = LQ_ERR_MEMORY};
  answer(context, LQ_ERR_MEMORY, &diag, (lq_span){0});
}

void lq_shard_command(lq_shard *shard, const lq_session_name *name, const char *player,
                      const lq_message *message, lq_shard_answer answer, void *context) {
  lqi_tenant *of = lqi_tenant_find(shard, name->tenant);
  lq_diag diag = {0};
  lq_err err = of ? lqi_tenant_takes(of, false, 0, &diag) : LQ_OK;
  if (err) {
    answer(context, err, &diag, (lq_span){0});
    return;
  }
  lqi_call *call = call_command(message, player);
  if (!call) {
    no_memory(answer, context);
    return;
  }
  lqi_trace_begin(shard, message, &call->tracing);
  call->run = command_run;
  call->answer = answer;
  call->context = context;
  call_session(shard, name, call);
}

void lq_shard_end(lq_shard *shard, const lq_session_name *name, const char *reason,
                  lq_shard_answer answer, void *context) {
  lqi_call *call = call_make((lq_span){0});
  if (!call) {
    no_memory(answer, context);
    return;
  }
  call->run = end_run;
  call->answer = answer;
  call->context = context;
  size_t bytes = strlen(reason);
  if (bytes >= sizeof call->id) bytes = sizeof call->id - 1;
  (void)lq_text_copy(call->id, sizeof call->id, lq_span_of(reason, bytes));
  call_session(shard, name, call);
}
