/* What a session used, told to the meter. */
#include <stdlib.h>

#include "lq_service/shard/shard_int.h"

void lqi_meter_begin(lqi_session *s) {
  lq_meter *meter = s->shard->options.meter;
  if (!meter) return;
  const lq_store_head *head = &s->live.head;
  /* Without memory for it the session plays on: its slices are counted when it wakes again. */
  if (!s->meter && lq_meter_session_open(meter, s->served->at.store, &s->name, head->slice,
                                         head->changed_ms, &s->meter))
    return;
  const lq_game *game = lq_session_game(s->live.session);
  const char *names[LQ_SYSTEMS_MAX];
  for (uint32_t i = 0; i < game->system_count; i++) names[i] = game->system[i].name;
  if (lq_meter_systems(s->meter, names, game->system_count)) lqi_meter_end(s);
}

void lqi_meter_end(lqi_session *s) {
  if (s->meter) lq_meter_session_close(s->meter);
  s->meter = NULL;
}

void lqi_meter_add(lqi_session *s, lq_usage_id id, uint64_t more) {
  if (s->meter) lq_meter_add(s->meter, id, more);
}

void lqi_meter_connected(lqi_session *s, int32_t change) {
  lqi_gauge(s, LQ_GAUGE_CONNECTIONS, change);
  if (s->meter) lq_meter_connected(s->meter, change);
}

void lqi_meter_slice(lqi_session *s, uint64_t slice, const lq_meter_counts *counts) {
  if (s->meter) lq_meter_slice(s->meter, slice, counts);
}

static void before(void *context, uint32_t system) {
  lqi_session *s = context;
  (void)system;
  s->system_ns = lq_clock_mono_ns();
}
static void after(void *context, uint32_t system) {
  lqi_session *s = context;
  lq_meter_system(s->meter, system, lq_clock_mono_ns() - s->system_ns);
}

const lq_tick_probe *lqi_meter_probe(lqi_session *s, lq_tick_probe *room) {
  if (!s->meter) return NULL;
  *room = (lq_tick_probe){s, before, after};
  return room;
}

/* ---- the journal, counted again ---- */

typedef struct recount {
  lq_shard *shard;
  lq_meter_session *session;
  const lqi_served *served;
  uint64_t next, last;
  lq_err err;
} recount;

/* As they were counted when the slice was committed. */
static lq_err counts_of(const lqi_served *served, lq_span record, lq_slice_reader *reader,
                        lq_meter_counts *out) {
  const lq_game *game = NULL;
  lq_err err = lq_slice_open(record, reader);
  const lq_release_source *source = &served->at.releases;
  if (!err) err = source->game(source->context, reader->header.release, &game, NULL);
  if (err) return err;
  *out = (lq_meter_counts){.ticks = reader->header.tick_last - reader->header.tick_first + 1,
                           .bytes = record.bytes};
  for (lq_slice_tick tick; lq_slice_next(reader, &tick);) {
    lq_reader commands = lq_reader_of(tick.commands), events = lq_reader_of(tick.events);
    lq_command command;
    lq_event event;
    while (lq_command_read(&commands, game, &command)) out->commands++;
    while (lq_event_read(&events, game, &event)) out->events++;
  }
  return LQ_OK;
}

static void slice_came(void *context, lq_err err, const char *sk, lq_span record) {
  recount *r = context;
  lq_slice_reader reader;
  lq_meter_counts counts;
  (void)sk;
  if (!err && !r->err) {
    r->err = counts_of(r->served, record, &reader, &counts);
    if (!r->err && reader.header.slice != r->next) r->err = LQ_ERR_CORRUPT;
    if (!r->err) lq_meter_recounted(r->session, r->next++, &counts);
    return;
  }
  if (!err) return;
  if (!r->err && err != LQ_ERR_NOT_FOUND) r->err = err;
  if (!r->err && r->next <= r->last) r->err = LQ_ERR_CORRUPT; /* the journal ends too early */
  lq_meter_recount_end(r->session, r->err);
  r->shard->asks--;
  free(r);
}

void lq_shard_recount(void *context, lq_meter_session *session, const lq_session_name *name,
                      uint64_t first, uint64_t last) {
  lq_shard *shard = context;
  const lqi_served *served = lqi_served_find(shard, name->tenant, name->game);
  recount *r = served ? malloc(sizeof *r) : NULL;
  if (!r) {
    lq_meter_recount_end(session, served ? LQ_ERR_MEMORY : LQ_ERR_UNKNOWN_GAME);
    return;
  }
  *r = (recount){shard, session, served, first, last, LQ_OK};
  shard->asks++;
  served->at.store->slices(served->at.store, name, first, last, 0, slice_came, r);
}

/* ---- the sweep ---- */

typedef struct swept {
  lq_shard *shard;
  lq_store *store;
  lq_session_name name;
  uint64_t slice, changed_ms;
} swept;

static void state_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  swept w = *(swept *)context;
  lq_meter_state state = {0};
  lq_meter_session *session;
  (void)sk;
  (void)version;
  free(context);
  w.shard->asks--;
  if (!err) err = lq_meter_state_decode(value, &state);
  bool behind = err ? err == LQ_ERR_NOT_FOUND : state.slice < w.slice;
  if (!behind || w.shard->stopping || lqi_session_find(w.shard, &w.name)) return;
  /* Opened and closed: what lies behind is recounted and flushed on the way. */
  if (!lq_meter_session_open(w.shard->options.meter, w.store, &w.name, w.slice, w.changed_ms,
                             &session))
    lq_meter_session_close(session);
}

static void session_came(void *context, lq_err err, const lq_session_name *name,
                         const lq_store_head *head) {
  lq_shard *shard = context;
  lq_store *store = shard->sweep_of->at.store;
  char sk[LQ_STORE_SK_BYTES];
  if (err) { /* the page's end */
    shard->sweeping = false;
    shard->asks--;
    shard->sweep_of->swept = shard->sweep_page < LQI_SWEEP_PAGE;
    return;
  }
  shard->sweep_page++;
  memcpy(shard->sweep_after, name->session, sizeof shard->sweep_after);
  swept *w = head->slice && !lqi_session_find(shard, name) ? malloc(sizeof *w) : NULL;
  if (!w) return;
  *w = (swept){shard, store, *name, head->slice, head->changed_ms};
  lq_meter_sk(name->game, name->session, sk);
  shard->asks++;
  store->item(store, name->tenant, sk, state_came, w);
}

void lqi_meter_sweep(lq_shard *shard) {
  if (!shard->options.meter || shard->sweeping || shard->stopping) return;
  uint32_t at = 0;
  while (at < shard->served_count && shard->served[at]->swept) at++;
  if (at == shard->served_count) return;
  lqi_served *served = shard->served[at];
  if (served != shard->sweep_of) shard->sweep_after[0] = 0;
  shard->sweep_of = served; /* it outlives its tenant's stop, as does a late answer */
  shard->sweeping = true;
  shard->sweep_page = 0;
  shard->asks++;
  served->at.store->sessions(served->at.store, served->tenant, served->game_name,
                             shard->sweep_after[0] ? shard->sweep_after : NULL, LQI_SWEEP_PAGE,
                             session_came, shard);
}
