/* From memory to the store: reading what is there, recounts, changes, conflicts. */
#include <stdlib.h>

#include "lq_base/plant.h"
#include "lq_service/meter/meter_int.h"

/* ---- the queue: all wait equally long, so it is in order of time ---- */

void lqi_meter_queue(lq_meter_session *s) {
  lq_meter *meter = s->meter;
  s->queued = true;
  s->due_ms = meter->mono_ms + meter->options.flush_ms;
  s->next_due = NULL;
  s->last_due = meter->due_last;
  *(meter->due_last ? &meter->due_last->next_due : &meter->due_first) = s;
  meter->due_last = s;
}

void lqi_meter_unqueue(lq_meter_session *s) {
  if (!s->queued) return;
  lq_meter *meter = s->meter;
  *(s->last_due ? &s->last_due->next_due : &meter->due_first) = s->next_due;
  *(s->next_due ? &s->next_due->last_due : &meter->due_last) = s->last_due;
  s->queued = false;
}

void lqi_meter_want(lq_meter_session *s, uint32_t parts) {
  if (!s->want && parts) s->meter->wanting++;
  if (s->want && !parts) s->meter->wanting--;
  s->want = parts;
}

/* ---- a change ---- */

static void batch_send(lq_meter *meter);

void lqi_meter_batch_free(lqi_meter_batch *b) {
  if (b) free(b->bytes);
  free(b);
}

static bool batch_write(lqi_meter_batch *b, const char *sk, uint64_t expect, lq_span value) {
  if (b->capacity - b->used < value.bytes) {
    size_t capacity = 2 * b->capacity + value.bytes;
    uint8_t *more = realloc(b->bytes, capacity);
    if (!more) return false;
    b->bytes = more;
    b->capacity = capacity;
  }
  lq_store_item *item = &b->item[b->item_count];
  *item = (lq_store_item){.value.bytes = value.bytes, .expect = expect};
  memcpy(item->sk, sk, strlen(sk) + 1);
  memcpy(b->bytes + b->used, value.data, value.bytes);
  b->at[b->item_count++] = b->used;
  b->used += value.bytes;
  return true;
}

static bool batch_fits(const lqi_meter_batch *b, const lq_meter_session *s) {
  const lq_meter_session *other = b->session[0];
  return b->count < LQI_METER_BATCH && !s->alone && !other->alone && other->store == s->store &&
         !strcmp(other->name.tenant, s->name.tenant);
}

/* The flight's items, as they shall be. LQ_ERR_MEMORY, LQ_ERR_RANGE: the batch is as it was. */
static lq_err compose(lq_meter_session *s) {
  lqi_meter_batch *b = s->meter->batch, start = *b;
  uint8_t room[LQ_USAGE_ITEM_BYTES_MAX];
  char sk[LQ_STORE_SK_BYTES];
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_err err = LQ_OK;
  if (!lq_usage_is_empty(&s->flying.usage)) {
    lq_usage sum = {0};
    if (!(err = lq_usage_add(&sum, &s->hour_item))) err = lq_usage_add(&sum, &s->flying.usage);
    lq_usage_encode(&sum, &w);
    lq_usage_clear(&sum);
    lq_usage_sk(s->flying.hour, s->name.game, s->name.session, sk);
    if (!err && !batch_write(b, sk, s->item_version, lq_writer_span(&w))) err = LQ_ERR_MEMORY;
  }
  lq_meter_state state = s->state;
  for (uint32_t i = 0; i < LQ_USAGE_COUNT && !err; i++)
    if (__builtin_add_overflow(state.count[i], s->flying.usage.count[i], &state.count[i]))
      err = LQ_ERR_RANGE;
  if (s->flying.slice > state.slice) state.slice = s->flying.slice;
  if (s->kept_known) state.kept_checkpoint_bytes = s->kept;
  s->kept_flying = state.kept_checkpoint_bytes;
  w = lq_writer_of(room, sizeof room);
  lq_meter_state_encode(&state, &w);
  LQ_CHECK(!w.failed); /* LQ_USAGE_ITEM_BYTES_MAX holds the longest */
  lq_meter_sk(s->name.game, s->name.session, sk);
  if (!err && !batch_write(b, sk, s->version, lq_writer_span(&w))) err = LQ_ERR_MEMORY;
  if (err) {
    b->item_count = start.item_count;
    b->used = start.used;
  }
  return err;
}

/* Takes a part and puts it into the batch. */
static lq_err launch(lq_meter_session *s, lqi_meter_part *part) {
  lq_meter *meter = s->meter;
  if (meter->batch && meter->batch->count && !batch_fits(meter->batch, s)) batch_send(meter);
  if (!meter->batch) {
    if (!(meter->batch = calloc(1, sizeof *meter->batch))) return LQ_ERR_MEMORY;
    meter->batch->meter = meter;
  }
  s->flying = *part;
  if (part == &s->open) s->flying.slice = s->low;
  *part = (lqi_meter_part){.hour = part->hour};
  lq_err err = compose(s);
  if (err) {
    lqi_meter_part_return(s);
    return err;
  }
  s->flying_now = true;
  meter->batch->session[meter->batch->count++] = s;
  return LQ_OK;
}

void lqi_meter_rest(lq_meter_session *s, lq_err err) {
  lq_meter *meter = s->meter;
  s->failed = true;
  lqi_meter_want(s, 0);
  if (!meter->flush_err) meter->flush_err = err;
  if (!s->queued) lqi_meter_queue(s);
}

static void landed_well(lq_meter_session *s) {
  if (!lq_usage_is_empty(&s->flying.usage)) {
    if (lq_usage_add(&s->hour_item, &s->flying.usage)) s->item_hour = UINT32_MAX;
    s->item_version++;
  }
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) s->state.count[i] += s->flying.usage.count[i];
  if (s->flying.slice > s->state.slice) s->state.slice = s->flying.slice;
  s->state.kept_checkpoint_bytes = s->kept_flying;
  s->version++;
  s->alone = false;
  lq_usage_clear(&s->flying.usage);
  if (s->want) lqi_meter_want(s, s->want - 1);
}

static void landed(lq_meter_session *s, lq_err err, bool in_company) {
  s->flying_now = false;
  bool lost = s->phase != LQI_METER_READY; /* meanwhile: what flew is in the slices to recount */
  if (!err) {
    landed_well(s);
  } else if (err == LQ_ERR_CONFLICT && in_company) {
    s->alone = true;
    if (lost)
      lqi_meter_part_measured(s, &s->flying);
    else
      lqi_meter_part_return(s);
  } else if (err == LQ_ERR_CONFLICT || lost) {
    lqi_meter_part_measured(s, &s->flying);
    if (!lost) lqi_meter_lost(s, s->high);
    if (err != LQ_ERR_CONFLICT) lqi_meter_rest(s, err);
  } else {
    lqi_meter_part_return(s);
    lqi_meter_fault(s, err, "usage is not written yet");
    lqi_meter_rest(s, err);
  }
  lqi_meter_step(s);
}

static void flush_check(lq_meter *meter) {
  if (meter->wanting || !meter->flushed) return;
  void (*flushed)(void *context, lq_err err) = meter->flushed;
  meter->flushed = NULL;
  flushed(meter->flushed_context, meter->flush_err);
}

static void changed(void *context, lq_err err, uint64_t leaf) {
  lqi_meter_batch *b = context;
  lq_meter *meter = b->meter;
  (void)leaf;
  lqi_meter_batch **at = &meter->sent;
  while (*at != b) at = &(*at)->next;
  *at = b->next;
  for (uint32_t i = 0; i < b->count; i++) landed(b->session[i], err, b->count > 1);
  lqi_meter_batch_free(b);
  if (meter->flushed) batch_send(meter);
  flush_check(meter);
}

static void batch_send(lq_meter *meter) {
  lqi_meter_batch *b = meter->batch;
  if (!b || !b->count) return;
  meter->batch = NULL;
  b->next = meter->sent;
  meter->sent = b;
  for (uint32_t i = 0; i < b->item_count; i++) b->item[i].value.data = b->bytes + b->at[i];
  lq_store_change change = {
      .tenant = b->session[0]->name.tenant, .items = b->item, .item_count = b->item_count};
  lq_store *store = b->session[0]->store;
  store->change(store, &change, changed, b);
}

/* ---- reading ---- */

static void read_failed(lq_meter_session *s, lq_err err) {
  lqi_meter_fault(s, err, "usage that was written before cannot be read");
  lqi_meter_rest(s, err);
}

/* An answer that came outside of a step: a flush that somebody waits for goes on at once. */
void lqi_meter_answered(lq_meter_session *s) {
  lq_meter *meter = s->meter;
  bool inside = s->in_step;
  lqi_meter_step(s);
  if (!inside && meter->flushed) {
    batch_send(meter);
    flush_check(meter);
  }
}

static void got_state(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  lq_meter_session *s = context;
  lq_meter_state state = {0};
  (void)sk;
  s->reading = false;
  if (!err) err = lq_meter_state_decode(value, &state);
  if (err == LQ_ERR_NOT_FOUND) {
    err = LQ_OK;
    version = LQ_ITEM_ABSENT;
  }
  if (err) {
    read_failed(s, err);
  } else {
    if (LQ_PLANTED(METER_BACK) && state.slice > s->recount_to) state.slice = s->recount_to;
    if (state.slice > s->recount_to && s->asked) {
      /* Another owner counted them: what this one has of slices is theirs, or counted again. */
      lqi_meter_lost(s, state.slice);
    }
    /* Rolled back, or of an owner that came later: the first commit tells. */
    s->beyond = state.slice > s->recount_to;
    s->state = state;
    s->version = version;
    s->recount_next = state.slice + 1;
    bool missed = state.slice < s->recount_to && !LQ_PLANTED(METER_MISSED);
    s->phase = missed ? LQI_METER_RECOUNT : LQI_METER_READY;
  }
  s->asked = true;
  lqi_meter_answered(s);
}

static void got_hour(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  lq_meter_session *s = context;
  (void)sk;
  s->reading = false;
  lq_usage_clear(&s->hour_item);
  s->item_version = version;
  if (!err) err = lq_usage_decode(value, &s->hour_item);
  if (err == LQ_ERR_NOT_FOUND) {
    s->item_version = LQ_ITEM_ABSENT;
    err = LQ_OK;
  }
  if (err) {
    s->item_hour = UINT32_MAX;
    read_failed(s, err);
  }
  lqi_meter_answered(s);
}

static void read_hour(lq_meter_session *s, uint32_t hour) {
  char sk[LQ_STORE_SK_BYTES];
  s->item_hour = hour;
  s->reading = true;
  lq_usage_sk(hour, s->name.game, s->name.session, sk);
  s->store->item(s->store, s->name.tenant, sk, got_hour, s);
}

/* ---- what is next ---- */

static bool kept_is_new(const lq_meter_session *s) {
  return s->kept_known && s->kept != s->state.kept_checkpoint_bytes;
}

static bool is_empty(const lq_meter_session *s) {
  return !lqi_meter_part_used(&s->older) && lq_usage_is_empty(&s->open.usage) && !kept_is_new(s);
}

/* False: nothing to do now. */
static bool flush_next(lq_meter_session *s) {
  lqi_meter_part *part = lqi_meter_part_used(&s->older) ? &s->older : &s->open;
  if (is_empty(s)) {
    lqi_meter_want(s, 0);
    return false;
  }
  if (part == &s->open && s->ahead) { /* until the slices below are answered for */
    lqi_meter_rest(s, LQ_OK);
    return false;
  }
  if (s->item_hour != part->hour) {
    read_hour(s, part->hour);
    return true;
  }
  lq_err err = launch(s, part);
  if (!err) return true;
  lqi_meter_fault(s, err, "usage is not written yet");
  lqi_meter_rest(s, err);
  return false;
}

static bool act(lq_meter_session *s) {
  char sk[LQ_STORE_SK_BYTES];
  if (s->failed || s->reading || s->recounting || s->flying_now) return false;
  switch (s->phase) {
  case LQI_METER_NEW:
    s->reading = true;
    lq_meter_sk(s->name.game, s->name.session, sk);
    s->store->item(s->store, s->name.tenant, sk, got_state, s);
    return true;
  case LQI_METER_RECOUNT:
    s->recounting = true;
    s->meter->options.recount(s->meter->options.context, s, &s->name, s->recount_next,
                              s->recount_to);
    return true;
  case LQI_METER_READY:
    return s->want && flush_next(s);
  }
  return false;
}

/* A store may answer inside the call: a loop, not a recursion. */
void lqi_meter_step(lq_meter_session *s) {
  if (s->in_step) return;
  s->in_step = true;
  while (act(s)) {
  }
  s->in_step = false;
  if (!s->closing || s->reading || s->recounting || s->flying_now) return;
  /* What could not be written is exact, and recounted when it wakes again; or measured, and gone.
   */
  if (!s->failed && s->phase == LQI_METER_READY && !is_empty(s)) return;
  if (s->failed || s->phase == LQI_METER_READY) {
    lqi_meter_want(s, 0);
    lqi_meter_free(s);
  }
}

void lq_meter_turn(lq_meter *meter, uint64_t wall_ms, uint64_t mono_ms) {
  meter->hour = lq_usage_hour(wall_ms);
  meter->mono_ms = mono_ms;
  meter->turned = true;
  while (meter->due_first && meter->due_first->due_ms <= mono_ms) {
    lq_meter_session *s = meter->due_first;
    lqi_meter_unqueue(s);
    lqi_meter_connections(s);
    lqi_meter_fold(s);
    s->failed = false;
    if (s->connected && !s->queued) lqi_meter_queue(s);
    lqi_meter_want(s, lqi_meter_part_used(&s->older) ? 2 : 1);
    lqi_meter_step(s);
  }
  batch_send(meter);
  flush_check(meter);
}

void lq_meter_flush(lq_meter *meter, void (*done)(void *context, lq_err err), void *context) {
  LQ_CHECK(!meter->flushed);
  meter->flushed = done;
  meter->flushed_context = context;
  meter->flush_err = LQ_OK;
  for (lq_meter_session *s = meter->first, *next; s; s = next) {
    next = s->next;
    lqi_meter_connections(s);
    lqi_meter_fold(s);
    s->failed = false;
    lqi_meter_want(s, lqi_meter_part_used(&s->older) ? 2 : 1);
    lqi_meter_step(s);
  }
  batch_send(meter);
  flush_check(meter);
}
