/* Coming back: the token that proves who a player was, and the events missed meanwhile. */
#include <stdio.h>
#include <stdlib.h>

#include "lq_base/plant.h"
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
  if (!LQ_PLANTED(TOKEN_PLAYER)) lq_write_sized(&w, player, strlen(player));
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

lq_err lqi_resume_read(const lq_shard *shard, const char *token, lq_session_name *name,
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

/* ---- catching up ---- */

/* What was missed: events after (from_tick, from_seq) and before the tick of joining, whose own
 * events wait in the queue. */
typedef struct catching {
  lq_client *client;
  lqi_session *session;
  uint64_t from_tick, from_seq, to_tick;
  uint64_t oldest_tick; /* first tick of the oldest slice looked at */
  /* Found by the first walk. Slots are given again, so what an owner or a team might see is told
   * only when the slot was surely theirs already. */
  bool entrance_known, present;
  uint64_t entrance_tick; /* what happened up to it is not theirs */
  uint64_t left_tick;     /* last time anybody left */
  lq_err err;             /* what was missed cannot be read: to be told, not left out */
} catching;

static const lq_game *game_of(const lqi_session *s, const uint8_t release[32]) {
  const lq_release_source *source = &s->served->at.releases;
  const lq_game *game = NULL;
  if (memcmp(release, s->live.release, 32) == 0) return lq_session_game(s->live.session);
  return source->game(source->context, release, &game, NULL) ? NULL : game;
}

static bool names(const lq_command *command, const char *player) {
  lq_reader body = lq_reader_of(command->body); /* `player` is the first field of all of them */
  return command->type <= LQ_CMD_CONNECTION && lq_span_is(lq_read_sized(&body), player);
}

/* When did this player come in, and when did anybody last leave? A first trace that is a join tells
 * nothing of what was before it, so it counts as the way in. */
static void note_command(catching *c, const lq_command *command, uint64_t tick) {
  const char *player = c->client->player;
  bool mine = names(command, player);
  if (command->type == LQ_CMD_LEAVE) c->left_tick = tick;
  if (c->entrance_known || tick > c->session->woken_tick) return;
  if (mine && command->type == LQ_CMD_LEAVE) {
    c->present = false;
    c->entrance_tick = tick;
  } else if (mine && command->type == LQ_CMD_JOIN) {
    if (!c->present) c->entrance_tick = tick - 1;
    c->present = true;
  } else if (mine || strcmp(command->player, player) == 0) {
    c->present = true;
  }
}

/* A slice, opened; false at the end, and after an error, which is kept. */
static bool slice_of(catching *c, lq_err err, lq_span body, lq_slice_reader *reader) {
  if (!err) err = lq_slice_open(body, reader);
  if (err && err != LQ_ERR_NOT_FOUND && !c->err) c->err = err;
  return !err && !c->err;
}

static void first_walk(void *context, lq_err err, const char *sk, lq_span body) {
  catching *c = context;
  lq_slice_reader reader;
  (void)sk;
  if (!slice_of(c, err, body, &reader)) return;
  const lq_game *game = game_of(c->session, reader.header.release);
  for (lq_slice_tick tick; game && lq_slice_next(&reader, &tick);) {
    lq_reader in = lq_reader_of(tick.commands);
    for (lq_command command; lq_command_read(&in, game, &command);)
      note_command(c, &command, tick.tick);
  }
}

static bool may_tell(const catching *c, const lq_game *game, const lq_event *event, uint64_t tick) {
  const lqi_session *s = c->session;
  lq_visibility visible = game->event[event->type].visible;
  if (visible.see == LQ_SEE_ALL || LQ_PLANTED(MISSED_TO_ALL)) return true;
  lq_viewer viewer = lq_session_viewer(s->live.session, c->client->slot);
  bool own = event->about_owner == viewer.slot;
  /* Roles are numbered by their release; a slot's team is known only while nobody left. */
  if (visible.see == LQ_SEE_ROLE && game != lq_session_game(s->live.session)) return false;
  if (visible.see == LQ_SEE_TEAM && !own && tick <= c->left_tick) return false;
  return lq_session_may_see(s->live.session, &viewer, visible, event->about_owner);
}

static void missed_event(catching *c, const lq_game *game, const lq_event *event, uint64_t tick) {
  lq_writer w = lqi_text(c->session->shard);
  if (!may_tell(c, game, event, tick) || !lq_message_event(game, tick, event, &w)) return;
  if (!lqi_client_send(c->client, lq_writer_span(&w), false)) c->client = NULL;
}

static void second_walk(void *context, lq_err err, const char *sk, lq_span body) {
  catching *c = context;
  lq_slice_reader reader;
  (void)sk;
  /* No client: it was too slow, and comes again having seen more. */
  if (!c->client || !slice_of(c, err, body, &reader)) return;
  const lq_game *game = game_of(c->session, reader.header.release);
  for (lq_slice_tick tick; game && c->client && lq_slice_next(&reader, &tick);) {
    if (tick.tick < c->from_tick || tick.tick > c->to_tick) continue;
    lq_reader in = lq_reader_of(tick.events);
    for (lq_event event; c->client && lq_event_read(&in, game, &event);)
      if (tick.tick > c->from_tick + LQ_PLANTED(RESUME_OFF_BY_ONE) || event.seq > c->from_seq)
        missed_event(c, game, &event, tick.tick);
  }
}

static void oldest_only(void *context, lq_err err, const char *sk, lq_span body) {
  catching *c = context;
  lq_slice_reader reader;
  (void)sk;
  if (slice_of(c, err, body, &reader)) c->oldest_tick = reader.header.tick_first;
}

/* Back in growing steps until a slice begins at or before the first tick that was missed. */
static uint64_t first_slice(catching *c, uint64_t last) {
  lq_store *store = c->session->served->at.store;
  uint64_t lowest = last > LQI_RESUME_SLICES_MAX ? last - LQI_RESUME_SLICES_MAX : 1;
  uint64_t first = last + 1, step = 64;
  do {
    first = first > lowest + step ? first - step : lowest;
    step *= 4;
    c->oldest_tick = UINT64_MAX;
    store->slices(store, &c->session->name, first, first, 1, oldest_only, c);
  } while (first > lowest && c->oldest_tick != UINT64_MAX && c->oldest_tick > c->from_tick);
  return first;
}

void lqi_catch_up(lq_client *client) {
  lqi_session *s = client->session;
  lq_store *store = client->session->served->at.store;
  const lqi_slot *slot = &s->slot[client->slot];
  uint64_t window =
      s->hz_class ? (uint64_t)LQI_RESUME_SECONDS * s->hz_class : LQI_RESUME_TICKS_ON_COMMAND;
  uint64_t now = client->joined_tick, base = slot->gone_tick < now ? slot->gone_tick : now;
  catching c = {.client = client,
                .session = s,
                .from_tick = base > window ? base - window : 0,
                .from_seq = UINT64_MAX, /* whole ticks after from_tick */
                .to_tick = now - 1,
                .entrance_known = slot->since_tick != 0,
                .entrance_tick = slot->since_tick};
  if (client->has_seen) {
    c.from_tick = client->seen_tick;
    c.from_seq = client->seen_seq;
  }
  client->resumed = false;
  if (c.from_tick > c.to_tick || s->slice_done == 0) return;
  uint64_t last = s->slice_done, first = first_slice(&c, last);
  store->slices(store, &s->name, first, last, 0, first_walk, &c);
  if (c.entrance_tick && c.entrance_tick >= c.from_tick) {
    c.from_tick = c.entrance_tick;
    c.from_seq = UINT64_MAX;
  }
  if (!c.err) store->slices(store, &s->name, first, last, 0, second_walk, &c);
  if (!c.err || !c.client) return;
  if (c.err != LQ_ERR_CORRUPT && c.err != LQ_ERR_VERSION) {
    /* It may pass: whoever connects again says what was seen, and gets the rest. */
    lqi_client_close(c.client, c.err, "what was missed cannot be read now; connect again");
    return;
  }
  /* Damage stays. The player goes on, knowing of the gap; "joined" has the state as it is. */
  lq_writer w = lqi_text(s->shard);
  lq_message_error(c.err, "events that were missed cannot be read, and are left out", NULL, NULL,
                   &w);
  (void)lqi_client_send(client, lq_writer_span(&w), false);
}
