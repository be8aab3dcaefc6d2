/* Clients: join, resume, commands, leaving, and the events a resumed player missed. */
#include <stdio.h>
#include <stdlib.h>

#include "lq_service/shard/shard_int.h"

enum { MAC_BYTES = 16, TOKEN_BYTES = 128 };

/* ---- resume tokens: session~player~mac, signed with the shard's secret ---- */

static void token_mac(const lq_shard *shard, const lq_session_name *name, const char *player,
                      char out[32]) {
  uint8_t text[LQ_TENANT_BYTES * 2 + LQ_ID_BYTES * 2 + 16];
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_write_text(&w, "resume");
  lq_write_sized(&w, name->tenant, strlen(name->tenant));
  lq_write_sized(&w, name->game, strlen(name->game));
  lq_write_sized(&w, name->session, strlen(name->session));
  lq_write_sized(&w, player, strlen(player));
  lq_sha256 mac = lq_hmac_sha256(lq_span_of(shard->options.secret, sizeof shard->options.secret),
                                 lq_writer_span(&w));
  LQ_CHECK(!w.failed && lq_base64url(mac.bytes, MAC_BYTES, out, 32) > 0);
}

void lqi_resume_token(const lq_shard *shard, const lq_session_name *name, const char *player,
                      char out[256]) {
  char mac[32];
  token_mac(shard, name, player, mac);
  (void)snprintf(out, 256, "%s~%s~%s", name->session, player, mac);
}

/* Fills session and player from a genuine token. */
static lq_err token_read(const lq_shard *shard, const char *token, lq_session_name *name,
                         char player[LQ_ID_BYTES]) {
  const char *first = strchr(token, '~'), *second = first ? strchr(first + 1, '~') : NULL;
  char mac[32] = {0}, given[32] = {0};
  if (!second ||
      !lq_text_copy(name->session, sizeof name->session,
                    lq_span_of(token, (size_t)(first - token))) ||
      !lq_text_copy(player, LQ_ID_BYTES, lq_span_of(first + 1, (size_t)(second - first - 1))) ||
      !lq_text_copy(given, sizeof given, lq_span_text(second + 1)))
    return LQ_ERR_UNAUTHORIZED;
  token_mac(shard, name, player, mac);
  return lq_equal_constant_time(mac, given, sizeof mac) ? LQ_OK : LQ_ERR_UNAUTHORIZED;
}

/* ---- joining ---- */

lq_err lq_shard_join(lq_shard *shard, const lq_message *join, uint32_t roles,
                     const lq_client_sink *sink, void *conn, lq_client **out, lq_diag *diag) {
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
    if ((err = token_read(shard, join->resume, &name, client->player))) {
      free(client);
      return lq_diag_set(diag, err, "the resume token is not one of this server");
    }
  }
  client->shard = shard;
  client->sink = sink;
  client->conn = conn;
  client->roles = roles;
  client->serial = ++shard->next_serial;
  client->joined_tick = UINT64_MAX;
  client->has_seen = join->has_seen;
  client->seen_tick = join->seen_tick;
  client->seen_seq = join->seen_seq;
  (void)lq_text_copy(client->team, sizeof client->team, lq_span_text(join->team));
  lqi_session *s = lqi_session_need(shard, &name, true, &err);
  if (!s) {
    free(client);
    return lq_diag_set(diag, err, "%s", lq_err_cause(err));
  }
  client->session = s;
  lq_client **last = &s->waiting; /* in order of arrival: the first to come is p1 */
  while (*last) last = &(*last)->next;
  *last = client;
  shard->stats.clients++;
  *out = client;
  if (s->state == LQI_LIVE) lqi_clients_admit(s);
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

static lq_client *waiting_as(const lqi_session *s, const lq_client *me) {
  for (lq_client *other = s->waiting; other; other = other->next)
    if (other != me && other->submitted && !strcmp(other->player, me->player)) return other;
  return NULL;
}

/* Submits one client's join; an error closes it. */
static void admit(lqi_session *s, lq_client *client) {
  lq_session *session = s->live.session;
  if (!client->player[0]) {
    lq_session_next_player_id(session, client->player);
  } else if (!client->resumed) {
    lq_player known = lq_session_player_find(session, lq_span_text(client->player));
    if (known.slot || waiting_as(s, client)) {
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
  if (err) lqi_client_close(client, err, NULL);
}

void lqi_clients_admit(lqi_session *s) {
  for (lq_client *client = s->waiting, *next; client; client = next) {
    next = client->next;
    if (!client->submitted) admit(s, client);
  }
}

static void seat(lqi_session *s, lq_client *client, lq_player player, uint64_t tick) {
  lq_session *session = s->live.session;
  unwait(client);
  lq_client *old = s->by_slot[player.slot];
  if (old) lqi_client_close(old, LQ_ERR_CONFLICT, "this player joined from another place");
  client->slot = player.slot;
  s->by_slot[player.slot] = client;
  s->client_count++;
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

void lqi_clients_joined(lqi_session *s, const lq_tick_result *result) {
  for (lq_client *client = s->waiting, *next; client; client = next) {
    next = client->next;
    if (!client->submitted) continue;
    lq_player player = lq_session_player_find(s->live.session, lq_span_text(client->player));
    if (player.slot && player.connected) {
      seat(s, client, player, result->tick);
      continue;
    }
    lq_err err = LQ_ERR_FULL;
    const char *reason = "";
    for (uint32_t i = 0; i < result->applied_count; i++)
      if (result->applied[i].type == LQ_CMD_JOIN && result->applied[i].outcome) {
        err = result->applied[i].outcome;
        reason = result->applied[i].reason;
      }
    lqi_client_close(client, err, reason[0] ? reason : NULL);
  }
}

/* ---- leaving ---- */

/* Takes the client out of its session and frees it, without a word to its connection. */
static void forget(lq_client *client) {
  lqi_session *s = client->session;
  client->shard->stats.clients--;
  if (client->slot && client->slot < s->slot_count && s->by_slot[client->slot] == client) {
    s->by_slot[client->slot] = NULL;
    s->client_count--;
    if (!s->failed) s->gone_tick[client->slot] = lq_session_tick_number(s->live.session);
  } else {
    unwait(client);
  }
  free(client);
}

void lqi_client_close(lq_client *client, lq_err why, const char *message) {
  const lq_client_sink *sink = client->sink;
  void *conn = client->conn;
  lqi_session *s = client->session;
  bool seated = client->slot != 0 && why != LQ_ERR_CONFLICT;
  char player[LQ_ID_BYTES];
  memcpy(player, client->player, sizeof player);
  forget(client);
  sink->close(conn, why, message);
  if (!seated || s->failed || s->state != LQI_LIVE) return;
  uint8_t body[LQ_ID_BYTES + 4];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_sized(&w, player, strlen(player));
  lq_write_u8(&w, 0);
  if (lqi_host_command(s, LQ_CMD_CONNECTION, lq_writer_span(&w))) return; /* ended: as good */
}

void lq_client_gone(lq_client *client, bool leave) {
  lqi_session *s = client->session;
  bool seated = client->slot != 0 || client->submitted;
  char player[LQ_ID_BYTES];
  memcpy(player, client->player, sizeof player);
  forget(client);
  if (!seated || s->failed || s->state != LQI_LIVE) return;
  uint8_t body[LQ_ID_BYTES + 4];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_sized(&w, player, strlen(player));
  if (!leave) lq_write_u8(&w, 0);
  lq_err err = lqi_host_command(s, leave ? LQ_CMD_LEAVE : LQ_CMD_CONNECTION, lq_writer_span(&w));
  if (err) s->idle_since_ms = 0;
}

/* ---- commands ---- */

void lq_client_command(lq_client *client, const lq_message *message) {
  lqi_session *s = client->session;
  lq_diag diag = {0};
  if (!client->slot || s->state != LQI_LIVE) {
    lqi_client_error(client,
                     s->state == LQI_LIVE || client->slot == 0 ? LQ_ERR_NOT_JOINED : LQ_ERR_BUSY,
                     NULL, message->id);
    return;
  }
  lq_writer body = lq_writer_of(client->shard->command_body, LQ_WS_MESSAGE_BYTES_MAX);
  lq_command command = {0};
  lq_err err =
      lq_message_command(lq_session_game(s->live.session), message, &body, &command, &diag);
  uint64_t first_tick = UINT64_MAX;
  if (!err) {
    command.slot = client->slot;
    err = lq_session_submit(s->live.session, &command, &first_tick);
  }
  if (err == LQ_ERR_EXISTS) {
    if (first_tick == UINT64_MAX) return; /* still in the queue: its acknowledgement will come */
    lq_writer w = lqi_text(client->shard);
    lq_message_ack(message->id, first_tick, &w);
    lqi_out_add(s,
                &(lqi_out){.kind = LQI_OUT_ONE,
                           .slot = client->slot,
                           .serial = client->serial,
                           .gate = lqi_gate(s),
                           .tick = client->joined_tick},
                lq_writer_span(&w));
  } else if (err) {
    client->shard->stats.refused++;
    lqi_client_error(client, err, &diag, message->id);
  } else {
    lqi_session_due(s);
  }
}

/* ---- catching up ---- */

typedef struct catching {
  lq_client *client;
  uint64_t from_tick, from_seq, to_tick; /* events after (tick, seq) up to to_tick */
  uint64_t oldest_tick;                  /* first tick of the oldest slice read */
  bool ended;
} catching;

static void missed_event(catching *c, const lq_event *event, uint64_t tick) {
  lqi_session *s = c->client->session;
  lq_session *session = s->live.session;
  const lq_game *game = lq_session_game(session);
  lq_viewer viewer = lq_session_viewer(session, c->client->slot);
  if (!lq_session_may_see(session, &viewer, game->event[event->type].visible, event->about_owner))
    return;
  lq_writer w = lqi_text(s->shard);
  if (lq_message_event(game, tick, event, &w) &&
      !lqi_client_send(c->client, lq_writer_span(&w), false))
    c->client = NULL;
}

static void missed_slice(void *context, lq_err err, const char *sk, lq_span body) {
  catching *c = context;
  lq_slice_reader reader;
  (void)sk;
  if (err || lq_slice_open(body, &reader)) {
    c->ended = true;
    return;
  }
  if (reader.header.tick_first < c->oldest_tick) c->oldest_tick = reader.header.tick_first;
  if (!c->client) return; /* too slow: it comes again, having seen more */
  lqi_session *s = c->client->session;
  /* Events of an older release are not told by this one's types. */
  if (memcmp(reader.header.release, s->live.release, 32) != 0) return;
  for (lq_slice_tick tick; lq_slice_next(&reader, &tick);) {
    if (tick.tick < c->from_tick || tick.tick > c->to_tick) continue;
    lq_reader in = lq_reader_of(tick.events);
    for (lq_event event; c->client && lq_event_read(&in, lq_session_game(s->live.session), &event);)
      if (tick.tick > c->from_tick || event.seq > c->from_seq) missed_event(c, &event, tick.tick);
  }
}

static void oldest_only(void *context, lq_err err, const char *sk, lq_span body) {
  catching *c = context;
  lq_slice_reader reader;
  (void)sk;
  if (!err && !lq_slice_open(body, &reader)) c->oldest_tick = reader.header.tick_first;
}

void lqi_catch_up(lq_client *client) {
  lqi_session *s = client->session;
  lq_store *store = client->shard->options.store;
  uint64_t window =
      s->hz_class ? (uint64_t)LQI_RESUME_SECONDS * s->hz_class : LQI_RESUME_TICKS_ON_COMMAND;
  uint64_t gone = s->gone_tick[client->slot], now = client->joined_tick;
  uint64_t base = gone != UINT64_MAX && gone < now ? gone : now;
  catching c = {.client = client,
                .from_tick = client->has_seen ? client->seen_tick
                             : base > window  ? base - window
                                              : 0,
                .from_seq = client->has_seen ? client->seen_seq : 0,
                .to_tick = now};
  if (!client->has_seen) c.from_seq = UINT64_MAX; /* whole ticks after from_tick */
  /* Back in growing steps until a slice begins at or before the first tick that was missed. */
  uint64_t last = s->slice_done, first = last, step = 64;
  do {
    first = first > step ? first - step : 1;
    step *= 4;
    c.oldest_tick = UINT64_MAX;
    store->slices(store, &s->name, first, first, 1, oldest_only, &c);
  } while (first > 1 && c.oldest_tick != UINT64_MAX && c.oldest_tick > c.from_tick);
  client->resumed = false;
  store->slices(store, &s->name, first, last, 0, missed_slice, &c);
}
