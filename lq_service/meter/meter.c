/* Counting: what comes in while sessions live. Flushing is meter_flush.c. */
#include <stdlib.h>

#include "lq_service/meter/meter_int.h"

lq_meter *lq_meter_open(const lq_meter_options *options) {
  lq_meter *meter = calloc(1, sizeof *meter);
  if (!meter) return NULL;
  meter->options = *options;
  if (!meter->options.flush_ms) meter->options.flush_ms = LQ_METER_FLUSH_MS;
  return meter;
}

void lqi_meter_fault(const lq_meter_session *s, lq_err err, const char *sentence) {
  const lq_meter_options *options = &s->meter->options;
  if (options->fault) options->fault(options->context, &s->name, err, sentence);
}

void lqi_meter_free(lq_meter_session *s) {
  lq_meter *meter = s->meter;
  lqi_meter_unqueue(s);
  if (s->next) s->next->previous = s->previous;
  *(s->previous ? &s->previous->next : &meter->first) = s->next;
  lq_usage_clear(&s->older.usage);
  lq_usage_clear(&s->open.usage);
  lq_usage_clear(&s->flying.usage);
  lq_usage_clear(&s->hour_item);
  free(s->system_ns);
  free(s->system_name);
  free(s);
}

void lq_meter_close(lq_meter *meter) {
  if (!meter) return;
  while (meter->first) lqi_meter_free(meter->first);
  lqi_meter_batch_free(meter->batch);
  for (lqi_meter_batch *b; (b = meter->sent);) {
    meter->sent = b->next;
    lqi_meter_batch_free(b);
  }
  free(meter);
}

/* Closing sessions stand in front of the list, the others behind them. */
static void list_in(lq_meter_session *s) {
  lq_meter *meter = s->meter;
  lq_meter_session *last = NULL, *at = meter->first;
  for (; !s->closing && at && at->closing; at = at->next) last = at;
  s->previous = last;
  s->next = at;
  if (at) at->previous = s;
  *(last ? &last->next : &meter->first) = s;
}

static void list_move(lq_meter_session *s, bool closing) {
  if (s->next) s->next->previous = s->previous;
  *(s->previous ? &s->previous->next : &s->meter->first) = s->next;
  s->closing = closing;
  list_in(s);
}

/* Few: those whose last flush is on its way. */
static lq_meter_session *find_closing(lq_meter *meter, const lq_session_name *name) {
  lq_meter_session *s = meter->first;
  while (s && s->closing && memcmp(&s->name, name, sizeof *name) != 0) s = s->next;
  return s && s->closing ? s : NULL;
}

static bool name_copy(lq_session_name *to, const lq_session_name *from) {
  *to = (lq_session_name){0}; /* compared as bytes */
  return lq_text_copy(to->tenant, sizeof to->tenant, lq_span_text(from->tenant)) &&
         lq_text_copy(to->game, sizeof to->game, lq_span_text(from->game)) &&
         lq_text_copy(to->session, sizeof to->session, lq_span_text(from->session));
}

lq_err lq_meter_session_open(lq_meter *meter, lq_store *store, const lq_session_name *name,
                             uint64_t slice, uint64_t changed_ms, lq_meter_session **out) {
  lq_session_name key;
  LQ_CHECK(meter->turned && lq_store_name_valid(name) && name_copy(&key, name));
  lq_meter_session *s = find_closing(meter, &key);
  *out = s;
  if (s) { /* it wakes before its last flush has landed */
    list_move(s, false);
    if (slice != s->low) lqi_meter_lost(s, slice);
  } else {
    if (!(s = calloc(1, sizeof *s))) return LQ_ERR_MEMORY;
    *out = s;
    s->meter = meter;
    s->store = store;
    s->name = key;
    s->low = s->high = s->recount_to = slice;
    s->open.hour = meter->hour;
    s->item_hour = UINT32_MAX;
    s->connected_ms = meter->mono_ms;
    list_in(s);
  }
  s->recount_hour = lq_usage_hour(changed_ms);
  lqi_meter_step(s);
  return LQ_OK;
}

/* Sums into a part: of counts that were added one by one before, so they fit. */
static void part_add(lq_meter_session *s, lqi_meter_part *to, const lqi_meter_part *from) {
  lq_err err = lq_usage_add(&to->usage, &from->usage);
  if (err) lqi_meter_fault(s, err, "usage of some seconds is not counted");
  if (from->slice > to->slice) to->slice = from->slice;
}

void lqi_meter_part_measured(lq_meter_session *s, lqi_meter_part *part) {
  memset(part->usage.count, 0, LQ_USAGE_EXACT * sizeof(uint64_t));
  part->slice = 0;
  if (part == &s->open) return;
  part_add(s, &s->open, part);
  lq_usage_clear(&part->usage);
}

void lqi_meter_lost(lq_meter_session *s, uint64_t high) {
  lqi_meter_part_measured(s, &s->open);
  lqi_meter_part_measured(s, &s->older);
  if (high > s->high) s->high = high;
  s->low = s->recount_to = s->high;
  s->ahead = 0;
  s->item_hour = UINT32_MAX;
  s->phase = LQI_METER_NEW;
}

void lq_meter_session_close(lq_meter_session *s) {
  lqi_meter_connections(s);
  s->connected = 0;
  /* A slice below the highest was not answered for; it is durable, as that one follows it. */
  if (s->ahead) lqi_meter_lost(s, s->high);
  lqi_meter_fold(s);
  list_move(s, true);
  lqi_meter_want(s, 3);
  lqi_meter_step(s);
}

lq_err lq_meter_systems(lq_meter_session *s, const char *const *names, uint32_t count) {
  uint64_t *ns = calloc(count ? count : 1, sizeof *ns);
  char(*copy)[LQ_USAGE_SYSTEM_BYTES] = calloc(count ? count : 1, sizeof *copy);
  bool good = ns && copy;
  for (uint32_t i = 0; i < count && good; i++)
    good = lq_text_copy(copy[i], sizeof copy[i], lq_span_text(names[i]));
  if (!good) {
    free(ns);
    free(copy);
    return LQ_ERR_MEMORY;
  }
  lqi_meter_fold(s);
  free(s->system_ns);
  free(s->system_name);
  s->system_ns = ns;
  s->system_name = copy;
  s->system_count = count;
  return LQ_OK;
}

/* CPU of systems goes from the array that ticks fill into the open part. */
void lqi_meter_fold(lq_meter_session *s) {
  for (uint32_t i = 0; i < s->system_count; i++) {
    if (!s->system_ns[i]) continue;
    lq_err err =
        lq_usage_system_add(&s->open.usage, lq_span_text(s->system_name[i]), s->system_ns[i]);
    if (err) lqi_meter_fault(s, err, "the CPU time of a system is not counted");
    s->system_ns[i] = 0;
  }
}

/* A flight that failed: its counts wait again. */
void lqi_meter_part_return(lq_meter_session *s) {
  lqi_meter_part *part = &s->flying;
  bool older = lqi_meter_part_used(&s->older);
  if (!older && s->open.hour != part->hour) {
    s->older = *part;
    *part = (lqi_meter_part){0};
    return;
  }
  /* An older part of another hour: this flight took more than an hour. */
  part_add(s, older ? &s->older : &s->open, part);
  s->open.slice = 0;
  lq_usage_clear(&part->usage);
}

/* The hour is over: its part waits to be flushed, a new one begins. While slices are out of order
 * or recounted, or an older part still waits, the counting goes on in this one. */
void lqi_meter_roll(lq_meter_session *s) {
  lqi_meter_fold(s);
  if (!lq_usage_is_empty(&s->open.usage)) {
    if (s->phase != LQI_METER_READY || s->ahead || lqi_meter_part_used(&s->older)) return;
    s->older = s->open;
    s->older.slice = s->low;
    s->open = (lqi_meter_part){0};
  }
  s->open.hour = s->meter->hour;
}

/* ---- counting ---- */

static void slice_add(lqi_meter_part *part, const lq_meter_counts *counts) {
  uint64_t *count = part->usage.count;
  count[LQ_USAGE_TICKS] += counts->ticks;
  count[LQ_USAGE_COMMANDS] += counts->commands;
  count[LQ_USAGE_EVENTS] += counts->events;
  count[LQ_USAGE_SLICES]++;
  count[LQ_USAGE_JOURNAL_BYTES] += counts->bytes;
  count[LQ_USAGE_JOURNAL_KB] += (counts->bytes + 1023) / 1024;
}

/* False: the slice is counted already, or too far ahead to remember. */
static bool slice_place(lq_meter_session *s, uint64_t slice) {
  uint64_t ahead = slice - s->low - 1;
  if (ahead >= 64) {
    lqi_meter_lost(s, slice);
    return false;
  }
  if (s->ahead >> ahead & 1) return false;
  s->ahead |= 1ull << ahead;
  for (; s->ahead & 1; s->ahead >>= 1) s->low++;
  return true;
}

/* This owner commits where slices were counted: the journal was rolled back, and they come anew. */
static void rolled_back(lq_meter_session *s) {
  s->beyond = false;
  s->state.slice = s->low;
  lqi_meter_fault(s, LQ_ERR_CORRUPT, "usage counts slices that the journal does not have");
}

void lq_meter_slice(lq_meter_session *s, uint64_t slice, const lq_meter_counts *counts) {
  if (s->beyond) rolled_back(s);
  if (s->open.hour != s->meter->hour) lqi_meter_roll(s);
  if (slice == s->low + 1 && !s->ahead)
    s->low++;
  else if (slice <= s->low || !slice_place(s, slice))
    return;
  if (slice > s->high) s->high = slice;
  slice_add(&s->open, counts);
  if (!s->queued) lqi_meter_queue(s);
}

void lq_meter_add(lq_meter_session *s, lq_usage_id id, uint64_t more) {
  LQ_CHECK(id >= LQ_USAGE_EXACT && id < LQ_USAGE_COUNT);
  if (s->open.hour != s->meter->hour) lqi_meter_roll(s);
  s->open.usage.count[id] += more;
  if (!s->queued) lqi_meter_queue(s);
}

void lq_meter_system(lq_meter_session *s, uint32_t system, uint64_t cpu_ns) {
  if (system >= s->system_count) return;
  s->system_ns[system] += cpu_ns;
  if (!s->queued) lqi_meter_queue(s);
}

/* The time that open connections spent since the last look. */
void lqi_meter_connections(lq_meter_session *s) {
  uint64_t now = s->meter->mono_ms;
  if (s->connected && now > s->connected_ms)
    lq_meter_add(s, LQ_USAGE_CONNECTION_MS, (now - s->connected_ms) * s->connected);
  s->connected_ms = now;
}

void lq_meter_connected(lq_meter_session *s, int32_t change) {
  lqi_meter_connections(s);
  LQ_CHECK(change >= 0 || s->connected >= (uint32_t)-change);
  if (change > 0) lq_meter_add(s, LQ_USAGE_CONNECTIONS, (uint32_t)change);
  s->connected = (uint32_t)((int32_t)s->connected + change);
}

void lq_meter_kept(lq_meter_session *s, uint64_t checkpoint_bytes) {
  s->kept = checkpoint_bytes;
  s->kept_known = true;
  if (!s->queued) lqi_meter_queue(s);
}

uint64_t lq_meter_pending(const lq_meter_session *s, lq_usage_id id) {
  return s->older.usage.count[id] + s->flying.usage.count[id] + s->open.usage.count[id];
}

/* ---- recount ---- */

void lq_meter_recounted(lq_meter_session *s, uint64_t slice, const lq_meter_counts *counts) {
  if (s->phase != LQI_METER_RECOUNT || slice != s->recount_next || slice > s->recount_to) return;
  /* Of another hour: goes out first, as an older part. That is free: nothing rolls meanwhile. */
  lqi_meter_part *part = s->recount_hour == s->open.hour ? &s->open : &s->older;
  if (part == &s->older) {
    part->hour = s->recount_hour;
    part->slice = slice;
  }
  slice_add(part, counts);
  s->recount_next++;
}

void lq_meter_recount_end(lq_meter_session *s, lq_err err) {
  s->recounting = false;
  if (s->phase == LQI_METER_RECOUNT) {
    if (!err && s->recount_next <= s->recount_to) err = LQ_ERR_NOT_FOUND;
    if (err) {
      lqi_meter_fault(s, err, "committed slices that are not counted yet cannot be read");
      lqi_meter_rest(s, err);
    } else {
      s->phase = LQI_METER_READY;
      if (!s->queued) lqi_meter_queue(s);
    }
  }
  lqi_meter_answered(s);
}
