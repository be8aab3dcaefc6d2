/* The way out: texts wait in one queue a session until the slice they follow from is durable. */
#include <stdlib.h>

#include "lq_service/shard/shard_int.h"

lq_writer lqi_text(lq_shard *shard) { return lq_writer_of(shard->text, LQI_TEXT_BYTES); }

bool lqi_client_send(lq_client *client, lq_span text, bool droppable) {
  if (client->slow && droppable) return true;
  client->shard->stats.frames_out++;
  lq_err err = client->sink->send(client->conn, text);
  if (!err) {
    /* Half full: stop sending what a snapshot can replace. */
    if (client->sink->unsent(client->conn) > LQ_CONN_OUT_BYTES_MAX / 2) client->slow = true;
    return true;
  }
  if (droppable && err == LQ_ERR_SLOW) {
    client->slow = true;
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

static void resync(lqi_session *s, lq_client *client) {
  lq_viewer viewer = lq_session_viewer(s->live.session, client->slot);
  lq_writer w = lqi_text(s->shard);
  lq_message_snapshot(s->live.session, &viewer, &w);
  client->slow = false;
  s->shard->stats.slow_resyncs++;
  (void)lqi_client_send(client, lq_writer_span(&w), false);
}

/* The caller may use the shard again inside its answer, so the text must not lie in the queue. */
static void answer(const lqi_out *out, lq_span text) {
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
    if (client && client->joined_tick <= out->tick)
      (void)lqi_client_send(client, text, out->droppable);
    break;
  case LQI_OUT_ALL:
    for (uint32_t slot = 1; slot < s->slot_count; slot++) {
      client = s->by_slot[slot];
      if (client && client->joined_tick < out->tick)
        (void)lqi_client_send(client, text, out->droppable);
    }
    break;
  case LQI_OUT_JOINED:
    if (!client) break;
    client->joined_tick = out->tick;
    if (lqi_client_send(client, text, false) && client->resumed) lqi_catch_up(client);
    break;
  case LQI_OUT_ANSWER:
    answer(out, text);
    break;
  case LQI_OUT_STAMP: {
    uint64_t ns = lq_clock_mono_ns() - out->at_ns;
    shard->commit_sample[shard->commit_samples++ & (LQI_SAMPLES - 1)] =
        ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
    if (shard->commit_samples >= 2 * LQI_SAMPLES) shard->commit_samples -= LQI_SAMPLES;
    break;
  }
  }
}

static size_t entry_bytes(uint32_t text_bytes) {
  return sizeof(lqi_out) + (((size_t)text_bytes + 15) & ~(size_t)15);
}

void lqi_out_add(lqi_session *s, const lqi_out *out, lq_span text) {
  lqi_out entry = *out;
  entry.bytes = (uint32_t)text.bytes;
  if (s->queue_at == s->queue_bytes && entry.gate <= s->slice_done) {
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
      if (entry.kind == LQI_OUT_ANSWER) {
        entry.answer->answer(entry.answer->context, LQ_ERR_MEMORY, NULL, (lq_span){0});
        free(entry.answer);
      }
      s->broken = true;
      return;
    }
    s->queue = grown;
    s->queue_capacity = capacity;
  }
  memcpy(s->queue + s->queue_bytes, &entry, sizeof entry);
  if (text.bytes) memcpy(s->queue + s->queue_bytes + sizeof entry, text.data, text.bytes);
  s->queue_bytes += bytes;
}

void lqi_out_release(lqi_session *s) {
  while (s->queue_at < s->queue_bytes) {
    lqi_out entry;
    memcpy(&entry, s->queue + s->queue_at, sizeof entry);
    if (entry.gate > s->slice_done) return;
    lq_span text = lq_span_of(s->queue + s->queue_at + sizeof entry, entry.bytes);
    s->queue_at += entry_bytes(entry.bytes);
    deliver(s, &entry, text);
  }
  s->queue_at = s->queue_bytes = 0;
  if (s->queue_capacity > (64u << 10)) { /* a burst is over */
    free(s->queue);
    s->queue = NULL;
    s->queue_capacity = 0;
  }
  if (s->slice_done != s->slice_given) return;
  /* Everything is sent and durable: a slow client that has drained, or whose release changed, gets the state
   * again. */
  for (uint32_t slot = 1; slot < s->slot_count; slot++) {
    lq_client *client = s->by_slot[slot];
    if (client && client->slow && client->joined_tick != UINT64_MAX &&
        client->sink->unsent(client->conn) == 0)
      resync(s, client);
  }
}

void lqi_out_clear(lqi_session *s, lq_err why) {
  while (s->queue_at < s->queue_bytes) {
    lqi_out entry;
    memcpy(&entry, s->queue + s->queue_at, sizeof entry);
    s->queue_at += entry_bytes(entry.bytes);
    if (entry.kind != LQI_OUT_ANSWER) continue;
    entry.answer->answer(entry.answer->context, why, NULL, (lq_span){0});
    free(entry.answer);
  }
  s->queue_at = s->queue_bytes = 0;
  while (s->answers) {
    lqi_answer *answer = s->answers;
    s->answers = answer->next;
    answer->answer(answer->context, why, NULL, (lq_span){0});
    free(answer);
  }
}

void lq_client_drained(lq_client *client) {
  if (client->session && client->slow && client->session->state == LQI_LIVE)
    lqi_out_release(client->session);
}
