/* Clients: join, commands, leaving. */
#include <stdlib.h>

#include "lq_base/plant.h"
#include "lq_service/shard/shard_int.h"

/* ---- joining ---- */

lq_err lq_shard_join(lq_shard *shard, const lq_message *join, uint32_t roles,
                     const lq_shard_user *user, const lq_client_sink *sink, void *conn,
                     lq_client **out, lq_diag *diag) {
  *out = NULL;
  lq_session_name name = {0};
  (void)lq_text_copy(name.tenant, sizeof name.tenant, lq_span_text(join->tenant));
  (void)lq_text_copy(name.game, sizeof name.game, lq_span_text(join->game));
  (void)lq_text_copy(name.session, sizeof name.session,
                     lq_span_text(join->session[0] ? join->session : "main"));
  lq_err err = lq_shard_check(shard, name.tenant, name.game);
  if (err == LQ_ERR_UNKNOWN_TENANT)
    return lq_diag_set(diag, err, "no tenant '%s' is served here", name.tenant);
  if (err) return lq_diag_set(diag, err, "tenant '%s' has no game '%s'", name.tenant, name.game);
  lq_client *client = calloc(1, sizeof *client);
  if (!client) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for another client");
  (void)lq_text_copy(client->player, sizeof client->player, lq_span_text(join->player));
  if (join->resume[0]) {
    client->resumed = true;
    if ((err = lqi_resume_read(shard, join->resume, &name, client->player))) {
      if (!LQ_PLANTED(JOIN_LEAK)) free(client);
      return lq_diag_set(diag, err, "the resume token is not one of this server");
    }
  }
  client->shard = shard;
  client->sink = sink;
  client->conn = conn;
  client->roles = roles;
  if (user) {
    (void)lq_text_copy(client->user, sizeof client->user, lq_span_text(user->user));
    (void)lq_text_copy(client->address, sizeof client->address, lq_span_text(user->address));
  }
  client->serial = ++shard->next_serial;
  client->joined_tick = UINT64_MAX;
  client->has_seen = join->has_seen;
  client->receipts = join->receipts;
  client->seen_tick = join->seen_tick;
  client->seen_seq = join->seen_seq;
  (void)lq_text_copy(client->team, sizeof client->team, lq_span_text(join->team));
  lqi_tenant *of = lqi_tenant_find(shard, name.tenant);
  lqi_session *s = NULL;
  if (!of) /* the resume token's */
    err = lq_diag_set(diag, LQ_ERR_UNKNOWN_TENANT, "no tenant '%s' is served here", name.tenant);
  else if (!(err = lqi_tenant_raise(of, LQ_LEVEL_CONNECTIONS, diag)) &&
           !(s = lqi_session_need(shard, &name, true, diag))) {
    err = diag->code;
    lq_quota_lower(&of->used, LQ_LEVEL_CONNECTIONS, 1);
  }
  if (err) {
    free(client);
    return err;
  }
  client->session = s;
  lq_client **last = &s->waiting; /* in order of arrival: the first to come is p1 */
  while (*last) last = &(*last)->next;
  *last = client;
  shard->stats.clients++;
  if (s->state == LQI_LIVE) lqi_clients_admit(s);
  /* Refused at once: the sink has been told, and there is no client. */
  for (lq_client *waiting = s->waiting; waiting; waiting = waiting->next)
    if (waiting == client) *out = client;
  return LQ_OK;
}

static void unwait(lq_client *client) {
  for (lq_client **at = &client->session->waiting; *at; at = &(*at)->next)
    if (*at == client) {
      *at = client->next;
      client->next = NULL;
      return;
    }
}

/* Somebody else whose join as this player is in the queue. */
static bool waiting_as(const lqi_session *s, const lq_client *me, const char *player) {
  for (const lq_client *other = s->waiting; other; other = other->next)
    if (other != me && other->submitted && !strcmp(other->player, player)) return true;
  return false;
}

/* Submits one client's join; an error closes it. */
static void admit(lqi_session *s, lq_client *client) {
  lq_session *session = s->live.session;
  if (!client->player[0]) {
    lq_session_next_player_id(session, client->player);
  } else if (!client->resumed) {
    lq_player known = lq_session_player_find(session, lq_span_text(client->player));
    if ((known.slot && !LQ_PLANTED(NAME_TAKEN)) || waiting_as(s, client, client->player)) {
      lqi_client_close(client, LQ_ERR_EXISTS,
                       "a player of that name is in the session; resume with their token, or "
                       "choose another name");
      return;
    }
  }
  uint8_t body[LQ_ID_BYTES * 2 + 16];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_sized(&w, client->player, strlen(client->player));
  lq_write_sized(&w, client->team, strlen(client->team));
  lq_write_zigzag(&w, client->roles);
  lq_err err = lqi_host_command(s, LQ_CMD_JOIN, lq_writer_span(&w));
  client->submitted = !err;
  client->submit_tick = lq_session_tick_number(session);
  client->behind_tick = s->behind_tick && !LQ_PLANTED(JOIN_BEHIND);
  if (err) lqi_client_close(client, err, NULL);
}

void lqi_clients_admit(lqi_session *s) {
  if (lq_session_release_waits(s->live.session)) return; /* once it is swapped */
  for (lq_client *client = s->waiting, *next; client; client = next) {
    next = client->next;
    if (!client->submitted) admit(s, client);
  }
}

static void seat(lqi_session *s, lq_client *client, lq_player player, uint64_t tick) {
  lq_session *session = s->live.session;
  unwait(client);
  lq_client *old = s->by_slot[player.slot];
  client->slot = player.slot;
  s->by_slot[player.slot] = client; /* first: the player stays connected */
  if (old) {
    lqi_meter_connected(s, -1);
    lqi_meter_connected(s, 1);
    s->slot[player.slot].gone_tick = tick;
    lqi_client_close(old, LQ_ERR_CONFLICT, "this player joined from another place");
  } else {
    s->client_count++;
    lqi_meter_connected(s, 1);
  }
  lqi_join_tell(s, client);
  s->receipts |= client->receipts;
  lq_viewer viewer = lq_session_viewer(session, player.slot);
  char token[256];
  lqi_resume_token(s->shard, &s->name, player.id, token);
  lq_writer w = lqi_text(s->shard);
  lq_message_joined(session, &viewer, s->name.session, player.id, token, &w);
  if (w.failed) {
    lqi_client_close(client, LQ_ERR_TOO_BIG, "the session's state is too big for one message");
    return;
  }
  lqi_out out = {.kind = LQI_OUT_JOINED,
                 .slot = client->slot,
                 .serial = client->serial,
                 .tick = tick,
                 .gate = lq_session_game(session)->confirm ? lqi_gate(s) : 0};
  lqi_out_add(s, &out, lq_writer_span(&w));
}

/* What became of the last join of this player in the tick; NULL: there was none. The journal names
 * the players, in the order in which the commands were applied. */
static const lq_applied *join_of(const lq_game *game, const lq_tick_result *result,
                                 const char *player) {
  lq_reader in = lq_reader_of(result->commands);
  const lq_applied *found = NULL;
  lq_command command;
  for (uint32_t i = 0; i < result->applied_count; i++) {
    if (!lq_command_read(&in, game, &command)) break;
    if (command.type != LQ_CMD_JOIN) continue;
    lq_reader body = lq_reader_of(command.body);
    if (lq_span_is(lq_read_sized(&body), player)) found = &result->applied[i];
  }
  return found;
}

void lqi_clients_joined(lqi_session *s, const lq_game *ran, const lq_tick_result *result) {
  for (lq_client *client = s->waiting, *next; client; client = next) {
    next = client->next;
    uint64_t after = client->submit_tick + 1;
    if (!client->submitted || (after != result->tick && !client->behind_tick)) continue;
    const lq_applied *join = join_of(ran, result, client->player);
    if (!join && client->behind_tick && result->tick <= after) continue;
    lq_err err = join ? join->outcome : LQ_ERR_INTERNAL;
    lq_player player = lq_session_player_find(s->live.session, lq_span_text(client->player));
    if (!err && !player.slot) err = LQ_ERR_NOT_JOINED; /* and left, in the same tick */
    if (!err)
      seat(s, client, player, result->tick);
    else
      lqi_client_close(client, err, join && join->reason[0] ? join->reason : NULL);
  }
}

void lqi_clients_left(lqi_session *s, uint64_t tick) {
  for (uint16_t slot = 1; slot < s->slot_count; slot++) {
    if (lq_session_player(s->live.session, slot).slot) continue;
    s->slot[slot].since_tick = tick; /* what was before is not the next one's */
    if (s->by_slot[slot]) lqi_client_close(s->by_slot[slot], LQ_ERR_NOT_JOINED, "the player left");
  }
}

/* ---- leaving ---- */

/* Takes the client out of its session and frees it, without a word to its connection. */
static void forget(lq_client *client) {
  lqi_session *s = client->session;
  client->shard->stats.clients--;
  lq_quota_lower(&s->served->of->used, LQ_LEVEL_CONNECTIONS, 1);
  if (client->slot && client->slot < s->slot_count && s->by_slot[client->slot] == client) {
    s->by_slot[client->slot] = NULL;
    s->client_count--;
    lqi_meter_connected(s, -1);
    if (!s->failed) s->slot[client->slot].gone_tick = lq_session_tick_number(s->live.session);
  } else {
    unwait(client);
  }
  free(client);
}

/* The last one makes it a command. A session too busy to take it, or that ended, forgets it: when
 * it wakes nobody is connected anyhow. */
void lqi_client_lost(lqi_session *s, const char *player, bool leave) {
  if (s->failed || s->state != LQI_LIVE || waiting_as(s, NULL, player)) return;
  lq_player known = lq_session_player_find(s->live.session, lq_span_text(player));
  if (known.slot && s->by_slot[known.slot]) return; /* from another place */
  uint8_t body[LQ_ID_BYTES + 4];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_sized(&w, player, strlen(player));
  if (!leave) lq_write_u8(&w, 0);
  if (lqi_host_command(s, leave ? LQ_CMD_LEAVE : LQ_CMD_CONNECTION, lq_writer_span(&w)))
    s->idle_since_ms = 0;
}

static void without_client(lqi_session *s, const char *player, bool leave) {
  if (s->failed || s->state != LQI_LIVE || !lqi_holds(s) || lqi_call_gone(s, player, leave))
    lqi_client_lost(s, player, leave);
}

void lqi_client_close(lq_client *client, lq_err why, const char *message) {
  const lq_client_sink *sink = client->sink;
  void *conn = client->conn;
  lqi_session *s = client->session;
  bool joined = client->slot != 0 || client->submitted;
  char player[LQ_ID_BYTES];
  memcpy(player, client->player, sizeof player);
  forget(client);
  sink->close(conn, why, message);
  if (joined) without_client(s, player, false);
}

void lq_client_gone(lq_client *client, bool leave) {
  lqi_session *s = client->session;
  bool joined = client->slot != 0 || client->submitted;
  char player[LQ_ID_BYTES];
  memcpy(player, client->player, sizeof player);
  forget(client);
  if (joined) without_client(s, player, leave);
}

/* ---- revoked ---- */

static bool is_of(const lq_client *client, const char *user) {
  return client && !strcmp(client->user, user);
}

/* Their commands over REST, which no tick will apply now. */
static void answers_refuse(lqi_session *s, uint16_t slot) {
  for (lqi_answer **at = &s->answers; *at;) {
    lqi_answer *answer = *at;
    if (answer->slot != slot) {
      at = &answer->next;
      continue;
    }
    *at = answer->next;
    lq_diag diag = {.code = LQ_ERR_UNAUTHORIZED};
    answer->answer(answer->context, LQ_ERR_UNAUTHORIZED, &diag, (lq_span){0});
    free(answer);
    at = &s->answers; /* whoever was answered may have asked for more */
  }
}

static void revoke(lqi_session *s, const char *user) {
  static const char message[] = "the user's access was revoked";
  lqi_pin(s);
  for (lq_client *client = s->waiting, *next; client; client = next) {
    next = client->next;
    if (is_of(client, user)) lqi_client_close(client, LQ_ERR_UNAUTHORIZED, message);
  }
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    if (!is_of(s->by_slot[slot], user)) continue;
    if (s->state == LQI_LIVE && lq_session_unqueue(s->live.session, (uint16_t)slot)) {
      lqi_trace_unqueued(s, (uint16_t)slot, LQ_ERR_UNAUTHORIZED);
      answers_refuse(s, (uint16_t)slot);
    }
    if (s->state == LQI_LIVE) lqi_calls_refuse(s, s->by_slot[slot]->player, LQ_ERR_UNAUTHORIZED);
    lqi_client_close(s->by_slot[slot], LQ_ERR_UNAUTHORIZED, message);
  }
  lqi_unpin(s);
}

void lq_shard_revoke(lq_shard *shard, const char *tenant, const char *user) {
  for (uint32_t i = 0; i < shard->bucket_count && user[0]; i++)
    for (lqi_session *s = shard->bucket[i], *next; s; s = next) {
      next = s->next_bucket;
      if (!s->failed && !strcmp(s->name.tenant, tenant)) revoke(s, user);
    }
}

/* ---- commands ---- */

/* Above a limit of its tenant: told once a second, with the id that was hit. */
static void above_limit(lq_client *client, lq_err err, const lq_diag *diag, const char *id) {
  uint64_t now_ms = lq_loop_now_ms(client->shard->options.loop);
  lqi_refused(client->session);
  if (client->told_ms && now_ms - client->told_ms < LQI_TENANT_TELL_MS) return;
  client->told_ms = now_ms;
  lqi_client_error(client, err, diag, id);
}

/* A command that was applied before: what it got then. */
static void seen_again(lqi_session *s, const lq_client *client, const char *id) {
  uint64_t first_tick = 0;
  lq_err outcome = LQ_OK;
  (void)lq_session_seen(s->live.session, client->slot, id, &first_tick, &outcome);
  lq_writer w = lqi_text(s->shard);
  if (LQ_PLANTED(AGAIN_TICK)) first_tick = lq_session_tick_number(s->live.session);
  if (outcome && !LQ_PLANTED(AGAIN_OUTCOME))
    lq_message_error(outcome, NULL, NULL, id, &w);
  else
    lq_message_ack(id, first_tick, &w);
  lqi_out_add(s,
              &(lqi_out){.kind = LQI_OUT_ONE,
                         .slot = client->slot,
                         .serial = client->serial,
                         .gate = lqi_gate(s),
                         .tick = client->joined_tick},
              lq_writer_span(&w));
}

void lqi_client_submit(lqi_session *s, uint16_t slot, const lq_message *message,
                       const lqi_tracing *tracing) {
  lq_client *client = s->by_slot[slot]; /* NULL: gone, and there is nobody to tell */
  lq_diag diag = {0};
  lq_writer body = lq_writer_of(s->shard->command_body, LQ_WS_MESSAGE_BYTES_MAX);
  lq_command command = {0};
  lq_err err =
      lq_message_command(lq_session_game(s->live.session), message, &body, &command, &diag);
  uint64_t first_tick = UINT64_MAX;
  if (!err) {
    command.slot = slot;
    err = lq_session_submit(s->live.session, &command, &first_tick);
  }
  if (err != LQ_ERR_EXISTS) lqi_trace_queued(s, tracing, &command, err);
  if (!err) {
    lqi_session_due(s);
  } else if (err == LQ_ERR_EXISTS) {
    /* Still in the queue: its acknowledgement will come. */
    if (client && first_tick != UINT64_MAX) seen_again(s, client, message->id);
  } else {
    lqi_refused(s);
    if (client) lqi_client_error(client, err, &diag, message->id);
  }
}

void lq_client_command(lq_client *client, const lq_message *message) {
  lqi_session *s = client->session;
  lq_diag diag = {0};
  lqi_meter_add(s, LQ_USAGE_MESSAGES_IN, 1);
  lqi_meter_add(s, LQ_USAGE_BYTES_IN, message->json.raw.bytes);
  lqi_count(s, LQ_COUNT_RECEIVED, message->json.raw.bytes);
  lqi_tracing tracing;
  lqi_trace_begin(client->shard, message, &tracing);
  if (!client->slot || s->state != LQI_LIVE) {
    lq_err why = !client->slot                       ? LQ_ERR_NOT_JOINED
                 : lq_session_ended(s->live.session) ? LQ_ERR_ENDED
                                                     : LQ_ERR_BUSY;
    lqi_client_error(client, why, NULL, message->id);
    return;
  }
  lq_err err = lqi_tenant_takes(s->served->of, true, message->json.raw.bytes, &diag);
  if (err) {
    above_limit(client, err, &diag, message->id);
    return;
  }
  if (!lqi_holds(s)) {
    lqi_client_submit(s, client->slot, message, &tracing);
  } else if ((err = lqi_call_client(client, message, &tracing))) {
    lqi_refused(s);
    lqi_client_error(client, err, NULL, message->id);
  }
}
