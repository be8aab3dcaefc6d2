/* The way out: texts wait in one queue a session until the slice they follow from is durable. */
#include <stddef.h>
#include <stdlib.h>

#include "lq_base/plant.h"
#include "lq_service/shard/shard_int.h"

lq_writer lqi_text(lq_shard *shard) { return lq_writer_of(shard->text, LQI_TEXT_BYTES); }

bool lqi_client_send(lq_client *client, lq_span text, bool droppable) {
  if (client->slow && droppable) return true;
  client->shard->stats.frames_out++;
  lq_err err = client->sink->send(client->conn, text);
  if (!err) {
    lqi_meter_add(client->session, LQ_USAGE_MESSAGES_OUT, 1);
    lqi_meter_add(client->session, LQ_USAGE_BYTES_OUT, text.bytes);
    lqi_count(client->session, LQ_COUNT_SENT, text.bytes);
    lqi_tenant_sent(client->session->served->of, text.bytes);
    /* Half full: stop sending what a snapshot can replace. A large text fills it alone. */
    size_t unsent = client->sink->unsent(client->conn);
    if (text.bytes > LQ_CONN_OUT_BYTES_MAX / 2) client->large = unsent;
    if (unsent > LQ_CONN_OUT_BYTES_MAX / 2 + client->large) client->slow = true;
    return true;
  }
  if (droppable && err == LQ_ERR_SLOW) {
    client->slow = true;
    client->shard->stats.frames_out--;
    return true;
  }
  client->shard->stats.slow_closes += err == LQ_ERR_SLOW;
  lqi_client_close(client, err, NULL);
  return false;
}

void lqi_client_error(lq_client *client, lq_err err, const lq_diag *diag, const char *id) {
  lq_writer w = lqi_text(client->shard);
  lq_message_error(err, diag && diag->message[0] ? diag->message : NULL,
                   diag && diag->mend[0] ? diag->mend : NULL, id, &w);
  (void)lqi_client_send(client, lq_writer_span(&w), false);
}

static lq_client *client_of(const lqi_session *s, const lqi_out *out) {
  lq_client *client = out->slot < s->slot_count ? s->by_slot[out->slot] : NULL;
  return client && client->serial == out->serial ? client : NULL;
}

void lqi_resync(lqi_session *s, lq_client *client) {
  if (client->resyncing) return;
  lq_viewer viewer = lq_session_viewer(s->live.session, client->slot);
  lq_writer w = lqi_text(s->shard);
  lq_message_snapshot(s->live.session, &viewer, &w);
  if (w.failed) {
    lqi_client_close(client, LQ_ERR_TOO_BIG, "the session's state is too big for one message");
    return;
  }
  client->resyncing = true;
  /* Deltas of quiet ticks follow from what was given; who is told a whole state with its tick's
   * number holds it against what others say of that tick: so that tick is to be durable. */
  uint64_t tick = lq_session_tick_number(s->live.session);
  uint64_t gate = lqi_gate(s) + (s->hz_class && tick > s->slice_tick);
  lqi_out_add(s,
              &(lqi_out){.kind = LQI_OUT_SNAPSHOT,
                         .slot = client->slot,
                         .serial = client->serial,
                         .tick = tick,
                         .gate = lq_session_game(s->live.session)->confirm ? gate : 0},
              lq_writer_span(&w));
}

/* Until it has gone out, deltas are dropped; from here on they follow. */
static void snapshot(lq_client *client, lq_span text) {
  client->resyncing = false;
  /* It has fallen behind again meanwhile: once more when it has drained. */
  if (client->sink->unsent(client->conn) > LQ_CONN_OUT_BYTES_MAX / 2) return;
  client->slow = false;
  client->shard->stats.slow_resyncs++;
  (void)lqi_client_send(client, text, false);
}

static void answer_fail(lqi_answer *waiting, lq_err why) {
  lq_diag diag = {.code = why};
  waiting->answer(waiting->context, why, &diag, (lq_span){0});
  free(waiting);
}

/* There is no memory to keep it in its place. */
static void give_up(const lqi_out *entry) {
  if (entry->kind == LQI_OUT_ANSWER) answer_fail(entry->answer, LQ_ERR_MEMORY);
}

/* The caller may use the shard again inside its answer, so the text must not lie in the queue. */
static void answer_give(const lqi_out *out, lq_span text) {
  lq_diag diag = {.code = out->err};
  if (out->err) (void)lq_text_copy(diag.message, sizeof diag.message, text);
  uint8_t *copy = malloc(text.bytes + 1);
  if (copy && text.bytes) memcpy(copy, text.data, text.bytes);
  out->answer->answer(out->answer->context, copy ? out->err : LQ_ERR_MEMORY, &diag,
                      lq_span_of(copy, copy ? text.bytes : 0));
  free(copy);
  free(out->answer);
}

static void deliver(lqi_session *s, const lqi_out *out, lq_span text) {
  lq_shard *shard = s->shard;
  lq_client *client = client_of(s, out);
  switch ((lqi_out_kind)out->kind) {
  case LQI_OUT_ONE:
    if (client && client->joined_tick <= out->tick - out->droppable)
      (void)lqi_client_send(client, text, out->droppable);
    break;
  case LQI_OUT_ALL:
    for (uint32_t slot = 1; slot < s->slot_count; slot++) {
      client = s->by_slot[slot];
      bool first = out->droppable || LQ_PLANTED(JOIN_TICK_EVENT); /* from the tick after */
      if (client && client->joined_tick <= out->tick - first)
        (void)lqi_client_send(client, text, out->droppable);
    }
    break;
  case LQI_OUT_JOINED:
    if (!client) break;
    client->joined_tick = out->tick;
    if (lqi_client_send(client, text, false) && client->resumed) lqi_catch_up(client);
    break;
  case LQI_OUT_SNAPSHOT:
    if (client) snapshot(client, text);
    break;
  case LQI_OUT_ANSWER:
    answer_give(out, text);
    break;
  case LQI_OUT_STAMP: {
    uint64_t ns = lq_clock_mono_ns() - out->at_ns;
    shard->commit_sample[shard->commit_samples++ & (LQI_SAMPLES - 1)] =
        ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
    if (shard->commit_samples >= 2 * LQI_SAMPLES) shard->commit_samples -= LQI_SAMPLES;
    if (s->served->scope) lq_scope_observe(s->served->scope, LQ_HIST_COMMIT, ns);
    break;
  }
  }
}

static size_t entry_bytes(uint32_t text_bytes) {
  return sizeof(lqi_out) + (((size_t)text_bytes + 15) & ~(size_t)15);
}

static bool planted_early(const lqi_out *entry) {
  bool one = entry->kind == LQI_OUT_ONE, all = entry->kind == LQI_OUT_ALL;
  return (LQ_PLANTED(ACK_EARLY) && one && !entry->droppable) ||
         (LQ_PLANTED(EVENT_EARLY) && all && !entry->droppable) ||
         (LQ_PLANTED(DELTA_EARLY) && (one || all) && entry->droppable) ||
         (LQ_PLANTED(JOINED_EARLY) && entry->kind == LQI_OUT_JOINED) ||
         (LQ_PLANTED(REST_EARLY) && entry->kind == LQI_OUT_ANSWER);
}

void lqi_out_add(lqi_session *s, const lqi_out *out, lq_span text) {
  lqi_out entry = *out;
  entry.bytes = (uint32_t)text.bytes;
  if (s->broken) {
    give_up(&entry);
    return;
  }
  if ((s->queue_at == s->queue_bytes && entry.gate <= s->slice_done) || planted_early(&entry)) {
    deliver(s, &entry, text);
    return;
  }
  size_t bytes = entry_bytes(entry.bytes);
  if (s->queue_at && s->queue_bytes + bytes > s->queue_capacity) {
    memmove(s->queue, s->queue + s->queue_at, s->queue_bytes - s->queue_at);
    s->queue_bytes -= s->queue_at;
    s->queue_at = 0;
  }
  if (s->queue_bytes + bytes > s->queue_capacity) {
    size_t capacity = s->queue_capacity ? s->queue_capacity * 2 : 1024;
    while (capacity < s->queue_bytes + bytes) capacity *= 2;
    uint8_t *grown = realloc(s->queue, capacity);
    if (!grown) { /* nobody can be told in order any more: start again from what is durable */
      s->broken = true;
      give_up(&entry);
      return;
    }
    s->queue = grown;
    s->queue_capacity = capacity;
  }
  memcpy(s->queue + s->queue_bytes, &entry, sizeof entry);
  if (text.bytes) memcpy(s->queue + s->queue_bytes + sizeof entry, text.data, text.bytes);
  s->queue_bytes += bytes;
  s->shard->waiting_bytes += bytes;
}

void lqi_out_answer(lqi_session *s, lq_shard_answer answer, void *context, lq_err err,
                    lq_span text) {
  lqi_answer *waiting = calloc(1, sizeof *waiting);
  if (!waiting) {
    lq_diag diag = {.code = LQ_ERR_MEMORY};
    answer(context, LQ_ERR_MEMORY, &diag, (lq_span){0});
    return;
  }
  waiting->answer = answer;
  waiting->context = context;
  lqi_out out = {.kind = LQI_OUT_ANSWER, .answer = waiting, .err = err, .gate = lqi_gate(s)};
  lqi_out_add(s, &out, text);
}

/* Takes the entry at the front off the queue; its bytes stay where they are. */
static lq_span take_first(lqi_session *s, lqi_out *entry) {
  memcpy(entry, s->queue + s->queue_at, sizeof *entry);
  lq_span text = lq_span_of(s->queue + s->queue_at + sizeof *entry, entry->bytes);
  s->queue_at += entry_bytes(entry->bytes);
  s->shard->waiting_bytes -= entry_bytes(entry->bytes);
  return text;
}

/* Within a delivery a client may be closed, and an answer may ask for more: what that adds goes to
 * the end of the queue or, when it is empty and nothing has to be waited for, out at once. */
void lqi_out_release(lqi_session *s) {
  while (s->queue_at < s->queue_bytes && !s->broken) {
    uint64_t gate;
    memcpy(&gate, s->queue + s->queue_at + offsetof(lqi_out, gate), sizeof gate);
    if (gate > s->slice_done) return;
    lqi_out entry;
    lq_span text = take_first(s, &entry);
    deliver(s, &entry, text);
  }
  if (s->broken) return;
  s->queue_at = s->queue_bytes = 0;
  if (s->queue_capacity > LQI_QUEUE_BYTES_KEPT) { /* a burst is over */
    free(s->queue);
    s->queue = NULL;
    s->queue_capacity = 0;
  }
}

void lqi_out_clear(lqi_session *s, lq_err why) {
  while (s->queue_at < s->queue_bytes) {
    lqi_out entry;
    (void)take_first(s, &entry);
    if (entry.kind == LQI_OUT_ANSWER) answer_fail(entry.answer, why);
  }
  s->queue_at = s->queue_bytes = 0;
  while (s->answers) {
    lqi_answer *answer = s->answers;
    s->answers = answer->next;
    answer_fail(answer, why);
  }
}

void lq_client_drained(lq_client *client) {
  lqi_session *s = client->session;
  client->large = 0;
  if (LQ_PLANTED(SLOW_DELTAS)) client->slow = false;
  if (client->slow && client->slot && s->state == LQI_LIVE) lqi_resync(s, client);
}
