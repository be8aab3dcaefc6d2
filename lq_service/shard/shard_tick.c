/* A live session's tick, its slices, checkpoints, sleep, and the breaker. */
#include <stdlib.h>

#include "lq_base/plant.h"
#include "lq_service/shard/shard_int.h"

lq_err lqi_host_command(lqi_session *s, lq_builtin type, lq_span body) {
  lq_command command = {.type = (uint16_t)type, .body = body};
  uint64_t first_tick;
  lq_err err = lq_session_submit(s->live.session, &command, &first_tick);
  if (!err) lqi_session_due(s);
  return err;
}

void lqi_session_due(lqi_session *s) {
  if (s->hz_class || s->due || s->owed || s->state != LQI_LIVE) return;
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
  uint32_t slots = game->players_max + 1;
  s->by_slot = calloc(slots, sizeof(lq_client *));
  s->slot = malloc(slots * sizeof *s->slot);
  if (!s->by_slot || !s->slot) {
    lqi_session_drop(s, LQ_ERR_MEMORY, NULL);
    return;
  }
  s->slot_count = slots;
  s->woken_tick = lq_session_tick_number(session);
  for (uint32_t i = 0; i < s->slot_count; i++) {
    bool taken = i && lq_session_player(session, (uint16_t)i).slot;
    s->slot[i] = (lqi_slot){.gone_tick = UINT64_MAX, .since_tick = taken ? 0 : s->woken_tick};
  }
  s->slice_given = s->slice_done = s->live.head.slice;
  s->slice_tick = lq_session_tick_number(session);
  s->slice_hash = lq_session_hash(session);
  s->last_commit_ms = s->idle_since_ms = lq_loop_now_ms(s->shard->options.loop);
  lqi_rate_enter(s);
  if (lq_session_hz(session) < game->hz) s->slowed_ms = s->last_commit_ms; /* the breaker, before */
  if (s->served->of->slow) lqi_slow(s);
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
  lqi_guests_seat(s);
  lqi_meter_begin(s);
  lqi_release_offer(s);
  lqi_calls_ready(s, LQ_OK);
  if (s->state == LQI_LIVE) lqi_clients_admit(s);
  lqi_session_due(s);
}

/* ---- commit ---- */

typedef struct flight {
  lqi_session *session;
  uint64_t slice;
  lq_meter_counts counts;
  uint32_t record_bytes, leaf_bytes;
  uint8_t record[]; /* and the leaf behind it */
} flight;

static void committed(void *context, void *user, lq_err err, uint64_t leaf) {
  flight *landed = user;
  lqi_session *s = landed->session;
  lq_shard *shard = context;
  if (err && !LQ_PLANTED(REFUSAL_IGNORED)) {
    shard->stats.commits_failed++;
    lqi_watch_commit_failed(s, landed->slice, err);
    lqi_session_drop(s, err, NULL);
  } else if (!s->failed) {
    /* Answers of a store that is far away overtake each other; a slice is never durable before the
     * one that it follows. */
    if (landed->slice > s->slice_done) s->slice_done = landed->slice;
    lqi_meter_slice(s, landed->slice, &landed->counts);
    if (s->traced) lqi_trace_durable(s);
    lqi_tenant_stored(s->served->of, landed->counts.bytes);
    lqi_out_release(s);
    if (s->traced) lqi_trace_acked(s);
    if (s->receipts && leaf != LQ_LEAF_NONE && !s->failed)
      lqi_receipt_send(s, landed->slice, leaf,
                       lq_span_of(landed->record + landed->record_bytes, landed->leaf_bytes));
  }
  free(landed);
  lqi_unpin(s);
}

static lq_store *store_of(const lq_store_slice *slice) {
  return ((const flight *)slice->user)->session->served->at.store;
}

/* Takes the slices of the first one's store out of the batch. Most often they are all of it. */
static uint32_t batch_part(lq_shard *shard, lq_store *store) {
  uint32_t count = 0, kept = 0;
  for (uint32_t i = 0; i < shard->batch_count; i++)
    if (store_of(&shard->batch[i]) == store)
      shard->apart[count++] = shard->batch[i];
    else
      shard->batch[kept++] = shard->batch[i];
  shard->batch_count = kept;
  return count;
}

/* A store that takes nothing now: its slices go back to the front. */
static void batch_back(lq_shard *shard, uint32_t count) {
  memmove(shard->batch + count, shard->batch, shard->batch_count * sizeof *shard->batch);
  memcpy(shard->batch, shard->apart, count * sizeof *shard->batch);
  shard->batch_count += count;
}

void lqi_commit_flush(lq_shard *shard) {
  shard->behind = false;
  while (shard->batch_count && !shard->behind) {
    lq_store *store = store_of(&shard->batch[0]);
    uint32_t count = batch_part(shard, store);
    lq_err err = store->commit(store, shard->apart, count, committed, shard);
    /* Behind, or nobody may tick while the slices are walked. */
    shard->behind = err != LQ_OK;
    if (err == LQ_ERR_BUSY) { /* again at the end of a turn: its next answer makes one */
      batch_back(shard, count);
      return;
    }
    shard->stats.commits += count;
    for (uint32_t i = 0; err && i < count; i++)
      committed(shard, shard->apart[i].user, err, LQ_LEAF_NONE);
    shard->behind = false;
  }
}

/* Ends the slice with this tick in it and hands it to the next commit. */
static lq_err slice_give(lqi_session *s, const lq_tick_result *result) {
  lq_shard *shard = s->shard;
  lq_store_head *head = &s->live.head;
  lq_slice_header header = {.slice = s->slice_given + 1,
                            .epoch = head->epoch,
                            .tick_first =
                                s->slice_tick + !(LQ_PLANTED(QUIET_TWICE) && s->slice_tick),
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
  uint8_t leaf_bytes[LQ_AUDIT_ENTRY_BYTES];
  lq_span leaf = lqi_slice_leaf(s, &builder.header, head->chain, result, leaf_bytes);
  flight *leaving = malloc(sizeof *leaving + record.bytes + leaf.bytes);
  if (!leaving) return LQ_ERR_MEMORY;
  leaving->session = s;
  leaving->slice = header.slice;
  leaving->record_bytes = (uint32_t)record.bytes;
  leaving->leaf_bytes = (uint32_t)leaf.bytes;
  leaving->counts = (lq_meter_counts){.ticks = result->tick - header.tick_first + 1,
                                      .commands = result->applied_count,
                                      .events = result->event_count,
                                      .bytes = record.bytes};
  memcpy(leaving->record, record.data, record.bytes);
  if (leaf.bytes) memcpy(leaving->record + record.bytes, leaf.data, leaf.bytes);
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
  LQ_CHECK(shard->batch_count < LQI_BATCH_MAX);
  lqi_pin(s);
  shard->batch[shard->batch_count++] =
      (lq_store_slice){.name = s->name,
                       .epoch = head->epoch,
                       .slice = header.slice,
                       .body = lq_span_of(leaving->record, record.bytes),
                       .leaf = lq_span_of(leaving->record + record.bytes, leaf.bytes),
                       .head = *head,
                       .user = leaving};
  return LQ_OK;
}

/* ---- checkpoints and sleep ---- */

typedef struct saving {
  lqi_session *session;
  bool hibernate;
  uint64_t tick, slice, bytes_before, bytes;
  uint8_t digest[32]; /* of the checkpoint's bytes */
  uint8_t body[];
} saving;

/* The checkpoint is durable, and with it all that happened. */
static void sleep_or_not(lqi_session *s) {
  if (lq_session_ended(s->live.session)) {
    lqi_session_drop(s, LQ_ERR_ENDED, NULL);
  } else if (s->slice_given == s->slice_done && !s->waiting && !s->client_count && !s->answers &&
             !s->calls) {
    s->shard->stats.hibernations++;
    lqi_session_drop(s, LQ_ERR_BUSY, NULL); /* there is nobody to tell */
  } else if (!s->shard->stopping) {         /* somebody came back meanwhile */
    s->state = LQI_LIVE;
    s->idle_since_ms = lq_loop_now_ms(s->shard->options.loop);
    lqi_rate_enter(s);
    lqi_calls_ready(s, LQ_OK);
    lqi_clients_admit(s);
    lqi_session_due(s);
  } else {
    lqi_session_drop(s, LQ_ERR_BUSY, "the server is stopping; connect again in a moment");
  }
}

static void checkpointed(void *context, lq_err err) {
  saving *done = context;
  lqi_session *s = done->session;
  bool hibernate = done->hibernate;
  s->checkpointing = false;
  if (!err && !s->failed) {
    s->live.head.checkpoint_tick = done->tick;
    s->live.head.checkpoint_slice = done->slice;
    s->live.journal_bytes_since -= done->bytes_before;
    lqi_checkpoint_tell(s, done->tick, done->digest);
    lqi_meter_add(s, LQ_USAGE_CHECKPOINTS, 1);
    lqi_meter_add(s, LQ_USAGE_CHECKPOINT_BYTES, done->bytes);
    if (done->bytes > s->kept_bytes) lqi_tenant_stored(s->served->of, done->bytes - s->kept_bytes);
    s->kept_bytes = done->bytes;
  }
  free(done);
  if (err)
    lqi_session_drop(s, err, NULL);
  else if (!s->failed && hibernate)
    sleep_or_not(s);
  else if (!s->failed && (s->shard->stopping || lq_session_ended(s->live.session)))
    lqi_checkpoint(s, true);
  lqi_unpin(s);
}

/* Everything is durable, nothing is queued: what a checkpoint may be made of. Commands still
 * queued, or quiet ticks since the last slice, are taken in by one more tick. */
static bool settle(lqi_session *s) {
  for (uint32_t i = 0; i < 2; i++) {
    const lq_session *session = s->live.session;
    if (!lq_session_queued(session) &&
        (lq_session_tick_number(session) == s->slice_tick || LQ_PLANTED(SETTLE_QUIET))) {
      if (s->shard->batch_count) lqi_commit_flush(s->shard);
      return !s->failed && !s->shard->behind;
    }
    s->last_commit_ms = 0; /* the tick ends a slice, whatever is in it */
    (void)lqi_session_tick(s);
    if (s->failed || s->state != LQI_LIVE || s->checkpointing) return false;
  }
  return false;
}

static void checkpoint_begin(lqi_session *s, bool hibernate) {
  const lq_session *session = s->live.session;
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
  save->bytes = w.bytes;
  if (s->served->at.audited) {
    lq_sha256 digest = lq_sha256_of(lq_writer_span(&w));
    memcpy(save->digest, digest.bytes, sizeof save->digest);
  }
  s->checkpointing = true;
  lqi_pin(s);
  if (hibernate) {
    s->state = LQI_LEAVING;
    lqi_rate_leave(s);
  }
  lq_store *store = s->served->at.store;
  store->checkpoint(store, &s->name, &head, lq_writer_span(&w), checkpointed, save);
}

void lqi_checkpoint(lqi_session *s, bool hibernate) {
  if (s->checkpointing) return; /* its answer asks again, when it must */
  lqi_pin(s);
  if (settle(s))
    checkpoint_begin(s, hibernate);
  else if (s->state == LQI_LIVE) {
    s->shard->stop_again = true; /* the store is behind: another turn, should the shard stop */
    uint8_t wanted = hibernate ? 2 : 1;
    if (s->parked && s->checkpoint_wanted < wanted) s->checkpoint_wanted = wanted;
  }
  lqi_unpin(s);
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
  if (lqi_host_command(s, LQ_CMD_RATE, lq_writer_span(&w))) return;
  s->slowed_ms = lq_loop_now_ms(shard->options.loop);
  const lq_log_field fields[] = {lq_log_i64("hz", LQI_BREAKER_HZ),
                                 lq_log_i64("tick_us", (int64_t)(ns / 1000))};
  lqi_session_log(s, LQ_LOG_WARN, "session.slowed", fields, 2);
}

/* ---- a tick ---- */

static void out_text(lqi_session *s, lqi_out out, lq_writer *w) {
  if (w->failed) return; /* acks, errors and events are far smaller than LQI_TEXT_BYTES */
  lqi_out_add(s, &out, lq_writer_span(w));
}

/* Whoever asked for this command over REST; true when the id is of our making. */
static bool out_answers(lqi_session *s, const lq_applied *applied, uint64_t tick) {
  bool made_here = false;
  for (lqi_answer **at = &s->answers; *at && applied->client_id[0];) {
    lqi_answer *answer = *at;
    if (answer->slot != applied->slot || strcmp(answer->client_id, applied->client_id) != 0) {
      at = &answer->next;
      continue;
    }
    *at = answer->next;
    made_here |= answer->made_here;
    lq_writer w = lqi_text(s->shard);
    if (applied->outcome) {
      lq_write_text(&w, applied->reason);
    } else {
      lq_write_text(&w, "{\"tick\":");
      lq_write_decimal_u(&w, applied->tick);
      lq_write_text(&w, "}");
    }
    out_text(s,
             (lqi_out){.kind = LQI_OUT_ANSWER,
                       .answer = answer,
                       .err = applied->outcome,
                       .gate = lqi_gate(s),
                       .tick = tick},
             &w);
    at = &s->answers; /* an answer that went out at once may have asked for more */
  }
  return made_here;
}

static void out_applied(lqi_session *s, const lq_applied *applied, uint64_t tick) {
  if (applied->outcome) lqi_refused(s);
  if (out_answers(s, applied, tick)) return;
  lq_client *client = applied->slot < s->slot_count ? s->by_slot[applied->slot] : NULL;
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

/* ---- what a tick says: rendered by the session that ran it, which a swap may be replacing ---- */

static void out_event(lqi_session *s, lq_session *ran, const lq_event *event, uint64_t tick) {
  const lq_game *game = lq_session_game(ran);
  lq_visibility visible = game->event[event->type].visible;
  lq_writer w = lqi_text(s->shard);
  if (!lq_message_event(game, tick, event, &w)) return;
  lqi_out out = {.kind = LQI_OUT_ALL, .gate = lqi_gate(s), .tick = tick};
  if (visible.see == LQ_SEE_ALL || LQ_PLANTED(EVENT_TO_ALL)) {
    out_text(s, out, &w);
    return;
  }
  out.kind = LQI_OUT_ONE;
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    const lq_client *client = s->by_slot[slot];
    if (!client) continue;
    lq_viewer viewer = lq_session_viewer(ran, client->slot);
    if (!lq_session_may_see(ran, &viewer, visible, event->about_owner)) continue;
    out.slot = client->slot;
    out.serial = client->serial;
    out_text(s, out, &w);
  }
}

/* A delta above LQI_TEXT_BYTES is lost: its clients need the state as a whole. */
static void delta_lost(lqi_session *s, lq_client *client) {
  client->slow = true;
  lqi_resync(s, client);
}

static void out_delta(lqi_session *s, lq_session *ran, uint64_t tick) {
  bool confirm = lq_session_game(ran)->confirm, uniform = lq_message_delta_uniform(ran);
  lqi_out out = {.kind = uniform ? LQI_OUT_ALL : LQI_OUT_ONE,
                 .gate = confirm ? lqi_gate(s) : 0,
                 .tick = tick,
                 .droppable = true};
  lq_viewer viewer = {.slot = 0};
  lq_writer w = lqi_text(s->shard);
  if (uniform) {
    if (!lq_message_delta(ran, &viewer, &w)) return;
    out_text(s, out, &w);
    if (!w.failed) return;
  }
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    lq_client *client = s->by_slot[slot];
    if (!client) continue;
    if (!uniform) {
      if (!LQ_PLANTED(VIEWER_STALE) || !viewer.slot) viewer = lq_session_viewer(ran, client->slot);
      w = lqi_text(s->shard);
      if (!lq_message_delta(ran, &viewer, &w)) continue;
      out.slot = client->slot;
      out.serial = client->serial;
      out_text(s, out, &w);
    }
    if (w.failed) delta_lost(s, client);
  }
}

/* ---- a swap ---- */

/* The release that the tick's last accepted release command names; false when there is none. */
static bool release_named(const lq_session *ran, const lq_tick_result *result,
                          uint8_t release[32]) {
  bool accepted = false;
  for (uint32_t i = 0; i < result->applied_count; i++)
    accepted |= result->applied[i].type == LQ_CMD_RELEASE && !result->applied[i].outcome;
  if (!accepted) return false;
  lq_reader in = lq_reader_of(result->commands);
  lq_span hex = {0};
  for (lq_command command; lq_command_read(&in, lq_session_game(ran), &command);) {
    if (command.type != LQ_CMD_RELEASE) continue;
    lq_reader body = lq_reader_of(command.body);
    hex = lq_read_sized(&body);
  }
  return hex.bytes == 64 && lq_unhex(hex, release, 32);
}

static bool slots_grow(lqi_session *s, const lq_game *game) {
  uint32_t slots = game->players_max + 1;
  if (slots <= s->slot_count) return true; /* a limit never shrinks */
  lq_client **by_slot = calloc(slots, sizeof(lq_client *));
  lqi_slot *slot = malloc(slots * sizeof *slot);
  if (!by_slot || !slot) {
    free(by_slot);
    free(slot);
    return false;
  }
  memcpy(by_slot, s->by_slot, s->slot_count * sizeof(lq_client *));
  memcpy(slot, s->slot, s->slot_count * sizeof *slot);
  for (uint32_t i = s->slot_count; i < slots; i++)
    slot[i] = (lqi_slot){UINT64_MAX, lq_session_tick_number(s->live.session)};
  free(s->by_slot);
  free(s->slot);
  s->by_slot = by_slot;
  s->slot = slot;
  s->slot_count = slots;
  return true;
}

/* A release command was applied: the session goes on under the next release from here, or, when
 * that cannot be had, under this one, as the ledger does when it runs the journal again. Called
 * before anything else can queue a command. The session that ran stays in *old until its outputs
 * are rendered. */
static bool swap(lqi_session *s, const uint8_t release[32], lq_ledger_session *old) {
  const lq_release_source *source = &s->served->at.releases;
  lq_ledger_session next = s->live;
  const lq_game *game = NULL;
  s->release_queued = false;
  lq_err err = source->game(source->context, release, &game, NULL);
  next.bytes = err ? 0 : lq_session_bytes(game);
  next.memory = err ? NULL : lq_pages_take(next.bytes);
  if (!err)
    err = next.memory
              ? lq_session_swap(s->live.session, next.memory, next.bytes, game, &next.session, NULL)
              : LQ_ERR_MEMORY;
  if (err || !slots_grow(s, game)) {
    if (next.memory) lq_pages_give(next.memory, next.bytes);
    s->release_refused = true;
    lqi_session_log(s, LQ_LOG_WARN, "session.swap.refused", NULL, 0);
    return false;
  }
  *old = s->live;
  s->live = next;
  memcpy(s->live.release, release, 32);
  memcpy(s->live.head.release, release, 32);
  s->slice_hash = lq_session_hash(s->live.session);
  if (!LQ_PLANTED(SWAP_SEAT) || !s->seat) lqi_guests_seat(s);
  lqi_meter_begin(s);
  s->shard->stats.swaps++;
  lqi_session_log(s, LQ_LOG_INFO, "session.swapped", NULL, 0);
  return true;
}

/* The schema may differ: whoever is here already gets the state again. */
static void swapped(lqi_session *s, uint64_t tick) {
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    lq_client *client = s->by_slot[slot];
    if (!client || client->submit_tick + 1 == tick) continue; /* "joined" was of the new release */
    client->slow = true;
    if (client->sink->unsent(client->conn) == 0) lqi_resync(s, client);
  }
  lqi_release_offer(s); /* another one may have been served meanwhile */
}

/* ---- a tick ---- */

bool lqi_session_may_tick(const lqi_session *s) {
  size_t waiting = s->queue_bytes - s->queue_at;
  lqi_tenant *of = s->served->of;
  if (of->charges && !s->shard->stopping && lqi_tenant_rests(of, lq_clock_mono_ns())) {
    of->rested++;
    return false;
  }
  return !s->shard->behind && waiting <= LQI_QUEUE_BYTES_MAX &&
         (waiting == 0 || s->shard->waiting_bytes <= LQI_WAITING_BYTES_MAX);
}

static void outputs(lqi_session *s, lq_session *ran, const lq_tick_result *result) {
  bool left = false;
  for (uint32_t i = 0; i < result->applied_count; i++) {
    out_applied(s, &result->applied[i], result->tick);
    left |= result->applied[i].type == LQ_CMD_LEAVE && !result->applied[i].outcome;
  }
  if (left) lqi_clients_left(s, result->tick);
  /* Before the events: who joins in this tick gets them, behind "joined". */
  if (s->waiting) lqi_clients_joined(s, lq_session_game(ran), result);
  for (uint32_t i = 0; i < result->event_count; i++)
    out_event(s, ran, &result->event[i], result->tick);
  if (result->changed && s->client_count) out_delta(s, ran, result->tick);
  if (result->sent_count) lqi_sent_refused(s, lq_session_game(ran), result);
}

/* After the outputs: what the session itself wants. False when it left its rate class. */
static bool tick_after(lqi_session *s, uint64_t tick) {
  bool moved = lq_session_hz(s->live.session) != s->hz_class;
  if (moved) {
    lqi_rate_leave(s);
    lqi_rate_enter(s);
  }
  if (lq_session_ended(s->live.session)) {
    lqi_checkpoint(s, true);
    return false;
  }
  if (lq_session_queued(s->live.session)) lqi_session_due(s);
  uint8_t wanted = s->checkpoint_wanted;
  s->checkpoint_wanted = 0;
  if (wanted)
    lqi_checkpoint(s, wanted == 2);
  else if (!s->checkpointing && s->slice_tick == tick &&
           lq_checkpoint_due(tick, s->live.head.checkpoint_tick, s->live.journal_bytes_since))
    lqi_checkpoint(s, false);
  return !moved && !s->failed;
}

/* False: it waits for a guest, and was undone. */
static bool tick_try(lqi_session *s, lq_tick_result *result) {
  lq_tick_probe probe;
  for (uint32_t i = 0; i < LQI_GUESTS_FAILED_MAX; i++) {
    lq_session_physics_crew(s->live.session, s->shard->options.crew);
    lq_session_tick(s->live.session, lqi_meter_probe(s, &probe), result);
    s->parked = s->behind_tick = result->state == LQ_TICK_WAITS;
    if (s->parked) return false;
    if (result->state == LQ_TICK_DONE) {
      if (s->seat) lqi_meter_add(s, LQ_USAGE_GUEST_CPU_NS, lq_guest_seat_over(s->seat));
      return true;
    }
    if (!lqi_guest_failed(s, result)) return false;
  }
  return false;
}

static bool tick_run(lqi_session *s) {
  lq_shard *shard = s->shard;
  lq_tick_result result;
  lq_ledger_session old = {0};
  uint8_t release[32];
  lq_session *ran = s->live.session;
  lqi_ran(shard, s->served->of);
  uint64_t before = shard->now_ns;
  bool over = tick_try(s, &result);
  uint64_t took_ns = lq_clock_mono_ns() - before;
  lqi_meter_add(s, LQ_USAGE_CPU_NS, took_ns);
  if (!over) return true;
  if (s->served->scope) lqi_watch_tick(s->served->scope, &result, took_ns);
  lqi_watch_bodies(s, lq_session_physics_awake(ran));
  lqi_tenant_ticked(s->served->of, result.event_count, took_ns, before + took_ns);
  shard->stats.ticks++;
  shard->stats.commands += result.applied_count;
  shard->stats.events += result.event_count;
  bool content = result.commands.bytes || result.events.bytes || result.mutations.bytes;
  uint64_t now_ms = lq_loop_now_ms(shard->options.loop);
  if (content || now_ms - s->last_commit_ms >= LQI_QUIET_COMMIT_MS) {
    lq_err err = slice_give(s, &result);
    if (err) {
      lqi_session_drop(s, err, err == LQ_ERR_TOO_BIG ? "a tick did not fit its slice" : NULL);
      return false;
    }
  }
  if (s->traced) lqi_trace_ticked(s, &result, before, took_ns);
  bool swap_due = release_named(ran, &result, release);
  bool swap_done = swap_due && swap(s, release, &old);
  if (result.applied_count)
    lqi_out_add(s, &(lqi_out){.kind = LQI_OUT_STAMP, .gate = lqi_gate(s), .at_ns = before},
                (lq_span){0});
  measured(s, took_ns);
  outputs(s, ran, &result);
  if (old.session) lq_ledger_session_free(&old);
  if (swap_done) swapped(s, result.tick);
  /* What came while a tick with a release command waited: it is of the release that runs now. */
  if (s->waiting && !s->failed) lqi_clients_admit(s);
  if (s->calls && !s->failed) lqi_calls_ready(s, LQ_OK);
  return !s->failed && tick_after(s, result.tick);
}

bool lqi_session_tick(lqi_session *s) {
  lq_shard *shard = s->shard;
  if (s->failed || s->state != LQI_LIVE) return false;
  if (s->broken) {
    lqi_session_drop(s, LQ_ERR_MEMORY, NULL);
    return false;
  }
  lqi_pin(s);
  bool stays = true;
  if (shard->batch_count == LQI_BATCH_MAX) lqi_commit_flush(shard); /* may drop anybody */
  if (s->failed)
    stays = false;
  else if (!s->parked && lqi_session_may_tick(s))
    stays = tick_run(s);
  lqi_unpin(s);
  return stays;
}
