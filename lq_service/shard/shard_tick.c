/* A live session's tick, its slices, checkpoints, sleep, and the breaker. */
#include <stdlib.h>

#include "lq_service/shard/shard_int.h"

lq_err lqi_host_command(lqi_session *s, lq_builtin type, lq_span body) {
  lq_command command = {.type = (uint16_t)type, .body = body};
  uint64_t first_tick;
  lq_err err = lq_session_submit(s->live.session, &command, &first_tick);
  if (!err) lqi_session_due(s);
  return err;
}

void lqi_session_due(lqi_session *s) {
  if (s->hz_class || s->due || s->state != LQI_LIVE) return;
  s->due = true;
  s->next_due = s->shard->due;
  s->shard->due = s;
}

uint64_t lqi_gate(const lqi_session *s) {
  /* Ticks since the last slice were quiet: they follow from what was given already. */
  return s->slice_given;
}

void lqi_session_live(lqi_session *s) {
  lq_session *session = s->live.session;
  const lq_game *game = lq_session_game(session);
  s->state = LQI_LIVE;
  s->slot_count = game->players_max + 1;
  s->by_slot = calloc(s->slot_count, sizeof(lq_client *));
  s->gone_tick = malloc(s->slot_count * sizeof *s->gone_tick);
  if (!s->by_slot || !s->gone_tick) {
    lqi_session_drop(s, LQ_ERR_MEMORY, NULL);
    return;
  }
  for (uint32_t i = 0; i < s->slot_count; i++) s->gone_tick[i] = UINT64_MAX;
  s->slice_given = s->slice_done = s->live.head.slice;
  s->slice_tick = lq_session_tick_number(session);
  s->slice_hash = lq_session_hash(session);
  s->last_commit_ms = s->idle_since_ms = lq_loop_now_ms(s->shard->options.loop);
  lqi_rate_enter(s);
  /* Whoever was connected when the session was last seen is not connected now. */
  for (uint16_t slot = 1; slot < s->slot_count; slot++) {
    lq_player player = lq_session_player(session, slot);
    if (!player.slot || !player.connected) continue;
    uint8_t body[LQ_ID_BYTES + 4];
    lq_writer w = lq_writer_of(body, sizeof body);
    lq_write_sized(&w, player.id, strlen(player.id));
    lq_write_u8(&w, 0);
    if (lqi_host_command(s, LQ_CMD_CONNECTION, lq_writer_span(&w))) break;
  }
  if (memcmp(s->live.release, s->served->release, 32) != 0 &&
      !lq_game_can_migrate(game, s->served->game, NULL)) {
    char hex[65];
    uint8_t body[80];
    lq_writer w = lq_writer_of(body, sizeof body);
    lq_hex(s->served->release, 32, hex);
    lq_write_sized(&w, hex, 64);
    if (lqi_host_command(s, LQ_CMD_RELEASE, lq_writer_span(&w))) s->idle_since_ms = 0;
  }
  lqi_calls_ready(s, LQ_OK);
  lqi_clients_admit(s);
  lqi_session_due(s);
}

/* ---- commit ---- */

typedef struct flight {
  lqi_session *session;
  uint64_t slice;
  uint8_t record[];
} flight;

static void committed(void *context, void *user, lq_err err) {
  flight *landed = user;
  lqi_session *s = landed->session;
  lq_shard *shard = context;
  s->in_flight--;
  if (err) {
    shard->stats.commits_failed++;
    if (!s->failed)
      lqi_session_drop(s, err, NULL);
    else if (s->in_flight == 0)
      lqi_session_free(s);
  } else if (s->failed) {
    if (s->in_flight == 0) lqi_session_free(s);
  } else {
    s->slice_done = landed->slice;
    lqi_out_release(s);
  }
  free(landed);
}

void lqi_commit_flush(lq_shard *shard) {
  uint32_t count = shard->batch_count;
  if (!count) return;
  shard->batch_count = 0;
  lq_err err =
      shard->options.store->commit(shard->options.store, shard->batch, count, committed, shard);
  shard->stats.commits += count;
  for (uint32_t i = 0; err && i < count; i++) committed(shard, shard->batch[i].user, err);
}

/* Ends the slice with this tick in it and hands it to the next commit. */
static lq_err slice_give(lqi_session *s, const lq_tick_result *result) {
  lq_shard *shard = s->shard;
  lq_store_head *head = &s->live.head;
  lq_slice_header header = {.slice = s->slice_given + 1,
                            .epoch = head->epoch,
                            .tick_first = s->slice_tick + 1,
                            .tick_last = result->tick,
                            .hash_before = s->slice_hash};
  memcpy(header.chain_before, head->chain, 32);
  memcpy(header.release, s->live.release, 32);
  lq_slice_builder builder;
  lq_slice_begin(&builder, shard->scratch, LQ_SLICE_BYTES_MAX, &header);
  if (!lq_slice_add(&builder, result)) return LQ_ERR_TOO_BIG;
  lq_span record;
  lq_err err = lq_slice_end(&builder, result->hash, &record, head->chain);
  if (err) return err;
  flight *leaving = malloc(sizeof *leaving + record.bytes);
  if (!leaving) return LQ_ERR_MEMORY;
  leaving->session = s;
  leaving->slice = header.slice;
  memcpy(leaving->record, record.data, record.bytes);
  head->slice = header.slice;
  head->tick = result->tick;
  head->hash = result->hash;
  head->changed_ms = lq_clock_wall_ms();
  head->players = lq_session_player_count(s->live.session);
  head->state = lq_session_ended(s->live.session) ? LQ_HEAD_ENDED : LQ_HEAD_LIVE;
  s->slice_given = header.slice;
  s->slice_tick = result->tick;
  s->slice_hash = result->hash;
  s->live.journal_bytes_since += record.bytes;
  s->last_commit_ms = lq_loop_now_ms(shard->options.loop);
  if (shard->batch_count == LQI_BATCH_MAX) lqi_commit_flush(shard);
  s->in_flight++;
  shard->batch[shard->batch_count++] =
      (lq_store_slice){.name = s->name,
                       .epoch = head->epoch,
                       .slice = header.slice,
                       .body = lq_span_of(leaving->record, record.bytes),
                       .head = *head,
                       .user = leaving};
  return LQ_OK;
}

/* ---- checkpoints and sleep ---- */

typedef struct saving {
  lqi_session *session;
  bool hibernate;
  uint64_t tick, slice, bytes_before;
  uint8_t body[];
} saving;

static void checkpointed(void *context, lq_err err) {
  saving *done = context;
  lqi_session *s = done->session;
  bool hibernate = done->hibernate;
  s->in_flight--;
  s->checkpointing = false;
  if (!err) {
    s->live.head.checkpoint_tick = done->tick;
    s->live.head.checkpoint_slice = done->slice;
    s->live.journal_bytes_since -= done->bytes_before;
  }
  free(done);
  if (s->failed || err) {
    if (!s->failed)
      lqi_session_drop(s, err, NULL);
    else if (s->in_flight == 0)
      lqi_session_free(s);
    return;
  }
  if (!hibernate) {
    if (s->shard->stopping) lqi_checkpoint(s, true);
    return;
  }
  if (lq_session_ended(s->live.session)) {
    lqi_session_drop(s, LQ_ERR_ENDED, NULL);
  } else if (s->slice_given == s->slice_done && !s->waiting && !s->client_count && !s->answers &&
             !s->calls) {
    s->shard->stats.hibernations++;
    lqi_out_clear(s, LQ_ERR_BUSY);
    lqi_session_free(s);
  } else if (!s->shard->stopping) { /* somebody came back meanwhile */
    s->state = LQI_LIVE;
    lqi_rate_enter(s);
    lqi_calls_ready(s, LQ_OK);
    lqi_clients_admit(s);
    lqi_session_due(s);
  } else {
    lqi_session_drop(s, LQ_ERR_BUSY, "the server is stopping; connect again in a moment");
  }
}

void lqi_checkpoint(lqi_session *s, bool hibernate) {
  if (s->checkpointing) return; /* a stopping shard asks again when this one is done */
  lq_session *session = s->live.session;
  /* Commands still queued, or quiet ticks since the last slice: one more tick takes them in. */
  if (lq_session_queued(session) || lq_session_tick_number(session) != s->slice_tick) {
    s->last_commit_ms = 0;
    if (!lqi_session_tick(s) || s->checkpointing) return;
  }
  size_t bytes = lq_session_save_bytes(session) + 256;
  saving *save = malloc(sizeof *save + bytes);
  lq_writer w = lq_writer_of(save ? save->body : NULL, save ? bytes : 0);
  lq_err err = save ? lq_checkpoint_write(session, s->live.release, &w) : LQ_ERR_MEMORY;
  if (err || w.failed) {
    free(save);
    lqi_session_drop(s, err ? err : LQ_ERR_INTERNAL, "a checkpoint could not be written");
    return;
  }
  lq_store_head head = s->live.head;
  head.checkpoint_tick = lq_session_tick_number(session);
  head.checkpoint_slice = s->slice_given;
  memcpy(head.release, s->live.release, 32);
  head.state = lq_session_ended(session) ? LQ_HEAD_ENDED
               : hibernate               ? LQ_HEAD_HIBERNATED
                                         : LQ_HEAD_LIVE;
  save->session = s;
  save->hibernate = hibernate;
  save->tick = head.checkpoint_tick;
  save->slice = head.checkpoint_slice;
  save->bytes_before = s->live.journal_bytes_since;
  s->checkpointing = true;
  s->in_flight++;
  if (hibernate) {
    s->state = LQI_LEAVING;
    lqi_rate_leave(s);
  }
  lqi_commit_flush(s->shard);
  s->shard->options.store->checkpoint(s->shard->options.store, &s->name, &head, lq_writer_span(&w),
                                      checkpointed, save);
}

/* ---- the breaker: what was measured outside enters as a command ---- */

static void measured(lqi_session *s, uint64_t ns) {
  lq_shard *shard = s->shard;
  shard->tick_sample[shard->tick_samples++ & (LQI_SAMPLES - 1)] =
      ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
  if (shard->tick_samples >= 2 * LQI_SAMPLES) shard->tick_samples -= LQI_SAMPLES;
  if (++s->strike_window >= LQI_BREAKER_WINDOW) s->strikes = s->strike_window = 0;
  if (ns <= LQI_TICK_BUDGET_NS || s->slowed_ms || ++s->strikes < LQI_BREAKER_STRIKES) return;
  uint32_t hz = lq_session_hz(s->live.session);
  if (hz <= LQI_BREAKER_HZ) return;
  uint8_t body[10];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_zigzag(&w, LQI_BREAKER_HZ);
  if (!lqi_host_command(s, LQ_CMD_RATE, lq_writer_span(&w)))
    s->slowed_ms = lq_loop_now_ms(shard->options.loop);
}

/* ---- a tick ---- */

static void out_text(lqi_session *s, lqi_out out, lq_writer *w) {
  if (w->failed)
    return; /* larger than LQI_TEXT_BYTES: only a snapshot could be, and it is closed */
  lqi_out_add(s, &out, lq_writer_span(w));
}

static void out_applied(lqi_session *s, const lq_applied *applied, uint64_t tick) {
  lqi_answer **at = &s->answers;
  for (; *at; at = &(*at)->next)
    if ((*at)->slot == applied->slot && !strcmp((*at)->client_id, applied->client_id)) break;
  if (*at && applied->client_id[0]) {
    lqi_answer *answer = *at;
    *at = answer->next;
    lq_writer w = lqi_text(s->shard);
    lq_write_text(&w, "{\"tick\":");
    lq_write_decimal_u(&w, applied->tick);
    lq_write_text(&w, "}");
    if (applied->outcome) {
      w = lqi_text(s->shard);
      lq_write_text(&w, applied->reason);
    }
    out_text(s,
             (lqi_out){.kind = LQI_OUT_ANSWER,
                       .answer = answer,
                       .err = applied->outcome,
                       .gate = lqi_gate(s),
                       .tick = tick},
             &w);
    return;
  }
  lq_client *client = applied->slot < s->slot_count ? s->by_slot[applied->slot] : NULL;
  if (applied->outcome) s->shard->stats.refused++;
  if (!client || !applied->slot || (!applied->outcome && !applied->client_id[0])) return;
  lq_writer w = lqi_text(s->shard);
  if (applied->outcome)
    lq_message_error(applied->outcome, applied->reason[0] ? applied->reason : NULL, NULL,
                     applied->client_id, &w);
  else
    lq_message_ack(applied->client_id, applied->tick, &w);
  out_text(s,
           (lqi_out){.kind = LQI_OUT_ONE,
                     .slot = client->slot,
                     .serial = client->serial,
                     .gate = lqi_gate(s),
                     .tick = tick},
           &w);
}

static bool sees_event(const lqi_session *s, const lq_client *client, const lq_event *event) {
  lq_session *session = s->live.session;
  lq_viewer viewer = lq_session_viewer(session, client->slot);
  return lq_session_may_see(session, &viewer, lq_session_game(session)->event[event->type].visible,
                            event->about_owner);
}

static void out_event(lqi_session *s, const lq_event *event, uint64_t tick) {
  const lq_game *game = lq_session_game(s->live.session);
  lq_writer w = lqi_text(s->shard);
  if (!lq_message_event(game, tick, event, &w)) return;
  lqi_out out = {.kind = LQI_OUT_ALL, .gate = lqi_gate(s), .tick = tick};
  if (game->event[event->type].visible.see == LQ_SEE_ALL) {
    out_text(s, out, &w);
    return;
  }
  out.kind = LQI_OUT_ONE;
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    lq_client *client = s->by_slot[slot];
    if (!client || !sees_event(s, client, event)) continue;
    out.slot = client->slot;
    out.serial = client->serial;
    out_text(s, out, &w);
  }
}

static void out_delta(lqi_session *s, uint64_t tick) {
  lq_session *session = s->live.session;
  bool confirm = lq_session_game(session)->confirm;
  lqi_out out = {
      .kind = LQI_OUT_ALL, .gate = confirm ? lqi_gate(s) : 0, .tick = tick, .droppable = true};
  if (lq_message_delta_uniform(session)) {
    lq_viewer everybody = {.slot = 0};
    lq_writer w = lqi_text(s->shard);
    if (lq_message_delta(session, &everybody, &w)) out_text(s, out, &w);
    return;
  }
  out.kind = LQI_OUT_ONE;
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    lq_client *client = s->by_slot[slot];
    if (!client) continue;
    lq_viewer viewer = lq_session_viewer(session, client->slot);
    lq_writer w = lqi_text(s->shard);
    out.slot = client->slot;
    out.serial = client->serial;
    if (lq_message_delta(session, &viewer, &w)) out_text(s, out, &w);
  }
}

/* A release command was applied: the session goes on under the next release, or, when that cannot
 * be had, under this one. */
static void swap(lqi_session *s, const uint8_t release[32], const lq_game *game) {
  lq_ledger_session next = s->live;
  lq_diag diag = {0};
  next.bytes = lq_session_bytes(game);
  next.memory = lq_pages_take(next.bytes);
  lq_err err = next.memory ? lq_session_swap(s->live.session, next.memory, next.bytes, game,
                                             &next.session, &diag)
                           : LQ_ERR_MEMORY;
  uint32_t slots = game->players_max + 1;
  lq_client **by_slot = err ? NULL : calloc(slots, sizeof *by_slot);
  uint64_t *gone_tick = err ? NULL : malloc(slots * sizeof *gone_tick);
  if (!by_slot || !gone_tick) {
    /* Asleep is the safe place: the next wake replays the command and decides again. */
    free(by_slot);
    free(gone_tick);
    lqi_session_drop(s, err ? err : LQ_ERR_MEMORY, diag.message[0] ? diag.message : NULL);
    return;
  }
  for (uint32_t i = 0; i < slots; i++) {
    bool had = i < s->slot_count;
    by_slot[i] = had ? s->by_slot[i] : NULL;
    gone_tick[i] = had ? s->gone_tick[i] : UINT64_MAX;
  }
  free(s->by_slot);
  free(s->gone_tick);
  s->by_slot = by_slot;
  s->gone_tick = gone_tick;
  s->slot_count = slots;
  lq_ledger_session_free(&s->live);
  s->live = next;
  memcpy(s->live.release, release, 32);
  memcpy(s->live.head.release, release, 32);
  s->slice_hash = lq_session_hash(s->live.session);
  s->shard->stats.swaps++;
  for (uint32_t slot = 1; slot < slots; slot++)
    if (by_slot[slot]) by_slot[slot]->slow = true; /* the schema may differ: send it all again */
  lqi_out_release(s);
}

/* The release that the tick's last release command names. */
static lq_err release_find(lqi_session *s, lq_span commands, uint8_t release[32],
                           const lq_game **out) {
  lq_reader in = lq_reader_of(commands);
  lq_span hex = {0};
  for (lq_command command; lq_command_read(&in, lq_session_game(s->live.session), &command);) {
    if (command.type != LQ_CMD_RELEASE) continue;
    lq_reader body = lq_reader_of(command.body);
    hex = lq_read_sized(&body);
  }
  if (hex.bytes != 64 || !lq_unhex(hex, release, 32)) return LQ_ERR_INVALID;
  const lq_release_source *source = &s->shard->options.releases;
  return source->game(source->context, release, out, NULL);
}

bool lqi_session_tick(lqi_session *s) {
  lq_shard *shard = s->shard;
  if (s->failed || s->state != LQI_LIVE) return false;
  if (s->broken) {
    lqi_session_drop(s, LQ_ERR_MEMORY, NULL);
    return false;
  }
  if (s->queue_bytes - s->queue_at > LQI_QUEUE_BYTES_MAX) return true; /* the store is behind */
  lq_session *session = s->live.session;
  uint32_t hz_class = s->hz_class;
  lq_tick_result result;
  uint64_t before = lq_clock_mono_ns();
  lq_session_tick(session, NULL, &result);
  uint64_t after = lq_clock_mono_ns();
  measured(s, after - before);
  shard->stats.ticks++;
  shard->stats.commands += result.applied_count;
  shard->stats.events += result.event_count;
  bool content = result.commands.bytes || result.events.bytes || result.mutations.bytes;
  uint64_t now_ms = lq_loop_now_ms(shard->options.loop);
  if (content || now_ms - s->last_commit_ms >= LQI_QUIET_COMMIT_MS) {
    lq_err err = slice_give(s, &result);
    if (err) {
      lqi_session_drop(s, err, "a tick did not fit into the journal");
      return false;
    }
    if (result.applied_count)
      lqi_out_add(s, &(lqi_out){.kind = LQI_OUT_STAMP, .gate = lqi_gate(s), .at_ns = before},
                  (lq_span){0});
  }
  uint8_t release[32];
  const lq_game *next = NULL;
  bool swapped = false;
  for (uint32_t i = 0; i < result.applied_count; i++) {
    out_applied(s, &result.applied[i], result.tick);
    swapped = swapped || (result.applied[i].type == LQ_CMD_RELEASE && !result.applied[i].outcome);
  }
  for (uint32_t i = 0; i < result.event_count; i++) out_event(s, &result.event[i], result.tick);
  if (result.changed && s->client_count) out_delta(s, result.tick);
  if (s->waiting) lqi_clients_joined(s, &result);
  if (swapped && !release_find(s, result.commands, release, &next)) swap(s, release, next);
  if (s->failed) return false;
  if (lq_session_ended(s->live.session)) {
    lqi_checkpoint(s, true);
    return false;
  }
  if (!s->checkpointing && s->slice_tick == result.tick &&
      lq_checkpoint_due(result.tick, s->live.head.checkpoint_tick, s->live.journal_bytes_since))
    lqi_checkpoint(s, false);
  if (lq_session_queued(s->live.session)) lqi_session_due(s);
  if (lq_session_hz(s->live.session) != hz_class) {
    lqi_rate_leave(s);
    lqi_rate_enter(s);
    return false;
  }
  return true;
}
