#include "lq_service/shard/shard_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "lq_base/hash.h"
#include "lq_base/plant.h"

/* ---- registry of served games ---- */

lqi_served *lqi_served_find(const lq_shard *shard, const char *tenant, const char *game) {
  for (uint32_t i = 0; i < shard->served_count; i++)
    if (!strcmp(shard->served[i]->tenant, tenant) && !strcmp(shard->served[i]->game_name, game))
      return shard->served[i];
  return NULL;
}

const lq_game *lq_shard_game(const lq_shard *shard, const char *tenant, const char *game,
                             uint8_t release_out[32]) {
  const lqi_served *served = lqi_served_find(shard, tenant, game);
  if (!served) return NULL;
  if (release_out) memcpy(release_out, served->release, 32);
  return served->game;
}

lq_guests *lq_shard_guests(const lq_shard *shard) { return shard->options.guests; }

lq_err lq_shard_check(const lq_shard *shard, const char *tenant, const char *game) {
  if (lqi_served_find(shard, tenant, game)) return LQ_OK;
  for (uint32_t i = 0; i < shard->served_count; i++)
    if (!strcmp(shard->served[i]->tenant, tenant)) return LQ_ERR_UNKNOWN_GAME;
  return LQ_ERR_UNKNOWN_TENANT;
}

bool lq_shard_served(const lq_shard *shard, uint32_t index, const char **tenant,
                     const char **game) {
  if (index >= shard->served_count) return false;
  *tenant = shard->served[index]->tenant;
  *game = shard->served[index]->game_name;
  return true;
}

lq_err lq_shard_serve(lq_shard *shard, const char *tenant, const char *game,
                      const uint8_t release[32], lq_diag *diag) {
  if (!lq_slug_valid(lq_span_text(tenant)) || !lq_slug_valid(lq_span_text(game)))
    return lq_diag_set(diag, LQ_ERR_INVALID, "'%s/%s' is no tenant and game name", tenant, game);
  const lq_game *loaded = NULL;
  lqi_served *served = lqi_served_find(shard, tenant, game);
  const lq_shard_options *options = &shard->options;
  lq_shard_tenant at = {.store = options->store, .releases = options->releases};
  lq_err err = LQ_OK;
  if (served)
    at = served->at;
  else if (options->tenant)
    err = options->tenant(options->tenant_context, tenant, &at, diag);
  if (!err) err = at.releases.game(at.releases.context, release, &loaded, diag);
  lqi_tenant *of = NULL;
  if (!err) err = lqi_tenant_need(shard, tenant, at.store, &of, diag);
  if (err) return err;
  if (!served) {
    lqi_served **grown = realloc(shard->served, (shard->served_count + 1) * sizeof *shard->served);
    served = calloc(1, sizeof *served);
    if (grown) shard->served = grown;
    if (!grown || !served) {
      free(served);
      return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for another game");
    }
    shard->served[shard->served_count++] = served;
    served->at = at;
    served->of = of;
    (void)lq_text_copy(served->tenant, sizeof served->tenant, lq_span_text(tenant));
    (void)lq_text_copy(served->game_name, sizeof served->game_name, lq_span_text(game));
    if (options->metrics) served->scope = lq_metrics_scope(options->metrics, tenant, game);
  } else if (memcmp(served->release, release, 32) == 0) {
    return LQ_OK;
  } else if ((err = lq_game_can_migrate(served->game, loaded, diag))) {
    return err;
  }
  memcpy(served->release, release, 32);
  served->game = loaded;
  for (uint32_t i = 0; i < shard->bucket_count; i++)
    for (lqi_session *s = shard->bucket[i]; s; s = s->next_bucket)
      if (s->served == served && s->state == LQI_LIVE) {
        s->release_refused = false;
        lqi_release_offer(s);
      }
  return LQ_OK;
}

void lqi_release_offer(lqi_session *s) {
  if (s->release_queued || s->release_refused || lq_session_ended(s->live.session) ||
      memcmp(s->live.release, s->served->release, 32) == 0)
    return;
  if (lq_game_can_migrate(lq_session_game(s->live.session), s->served->game, NULL)) {
    s->release_refused = true;
    return;
  }
  char hex[65];
  uint8_t body[80];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_hex(s->served->release, 32, hex);
  lq_write_sized(&w, hex, 64);
  /* Too busy now: housekeeping offers it again. */
  s->release_queued = lqi_host_command(s, LQ_CMD_RELEASE, lq_writer_span(&w)) == LQ_OK;
}

/* ---- registry of sessions ---- */

static uint64_t name_hash(const lq_session_name *name) {
  uint64_t h = lq_hash_bytes(1, name->tenant, strlen(name->tenant));
  if (LQ_PLANTED(TENANT_UNCHECKED)) h = 1;
  h = lq_hash_bytes(h, name->game, strlen(name->game));
  return lq_hash_bytes(h, name->session, strlen(name->session));
}

static lqi_session **bucket_of(const lq_shard *shard, const lq_session_name *name) {
  return &shard->bucket[name_hash(name) & (shard->bucket_count - 1)];
}

lqi_session *lqi_session_find(const lq_shard *shard, const lq_session_name *name) {
  for (lqi_session *s = *bucket_of(shard, name); s; s = s->next_bucket)
    if (!strcmp(s->name.session, name->session) && !strcmp(s->name.game, name->game) &&
        (LQ_PLANTED(TENANT_UNCHECKED) || !strcmp(s->name.tenant, name->tenant)))
      return s;
  return NULL;
}

static void buckets_grow(lq_shard *shard) {
  uint32_t count = shard->bucket_count * 2;
  lqi_session **fresh = calloc(count, sizeof *fresh);
  if (!fresh) return; /* longer chains, no harm */
  lqi_session **old = shard->bucket;
  uint32_t old_count = shard->bucket_count;
  shard->bucket = fresh;
  shard->bucket_count = count;
  for (uint32_t i = 0; i < old_count; i++)
    for (lqi_session *s = old[i], *next; s; s = next) {
      next = s->next_bucket;
      lqi_session **to = bucket_of(shard, &s->name);
      s->next_bucket = *to;
      *to = s;
    }
  free(old);
}

static void woken(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *ready) {
  lqi_session *s = context;
  s->in_flight--;
  if (err) {
    lqi_session_drop(s, err == LQ_ERR_NOT_FOUND ? LQ_ERR_UNKNOWN_SESSION : err,
                     diag && diag->message[0] ? diag->message : NULL);
    return;
  }
  s->live = *ready;
  s->shard->stats.wakes++;
  if (s->state == LQI_LEAVING || lq_session_ended(s->live.session)) {
    lqi_session_drop(s, s->state == LQI_LEAVING ? LQ_ERR_BUSY : LQ_ERR_ENDED, NULL);
    return;
  }
  lqi_pin(s);
  lqi_session_live(s);
  lqi_unpin(s);
}

void lqi_session_wake(lqi_session *s) {
  lq_shard_tenant *at = &s->served->at;
  s->in_flight++;
  lq_ledger_wake(at->store, &at->releases, &s->name, woken, s);
}

static void made(void *context, lq_err err) {
  lqi_session *s = context;
  s->in_flight--;
  if (err && err != LQ_ERR_EXISTS)
    lqi_session_drop(s, err, NULL);
  else
    lqi_session_wake(s);
}

static void looked_up(void *context, lq_err err, const lq_store_head *head) {
  lqi_session *s = context;
  s->in_flight--;
  if (err) head = NULL;
  if (err == LQ_ERR_NOT_FOUND && s->state == LQI_LEAVING) err = LQ_ERR_BUSY; /* stopping */
  lq_diag diag = {0};
  if (err == LQ_ERR_NOT_FOUND && (err = lqi_tenant_may_make(s->served->of, &diag))) {
    lqi_session_drop(s, err, diag.message);
    return;
  }
  if (err || head) {
    if (err)
      lqi_session_drop(s, err, NULL);
    else
      lqi_session_wake(s);
    return;
  }
  lq_store_head fresh = {
      .checkpoint_tick = UINT64_MAX, .created_ms = lq_clock_wall_ms(), .state = LQ_HEAD_HIBERNATED};
  fresh.changed_ms = fresh.created_ms;
  memcpy(fresh.release, s->served->release, 32);
  memcpy(fresh.first_release, s->served->release, 32);
  if ((err = lq_random_bytes(&fresh.seed, sizeof fresh.seed))) {
    lqi_session_drop(s, err, NULL);
    return;
  }
  s->in_flight++;
  lq_store *store = s->served->at.store;
  store->create(store, &s->name, &fresh, made, s);
}

static void look_up(void *context) {
  lqi_session *s = context;
  lq_store *store = s->served->at.store;
  store->head(store, &s->name, looked_up, s);
}

static void look_up_existing(void *context) { made(context, LQ_OK); }

static lqi_session *session_add(lq_shard *shard, const lq_session_name *name, lqi_served *served) {
  lqi_session *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->shard = shard;
  s->name = *name;
  s->served = served;
  s->state = LQI_WAKING;
  s->counted = true;
  if (shard->session_count >= shard->bucket_count) buckets_grow(shard);
  lqi_session **bucket = bucket_of(shard, name);
  s->next_bucket = *bucket;
  *bucket = s;
  shard->session_count++;
  lqi_gauge(s, LQ_GAUGE_SESSIONS, 1);
  return s;
}

static void fenced_note(lq_shard *shard, const lq_session_name *name) {
  shard->fenced[shard->fenced_next++ % LQI_FENCED_MAX] =
      (lqi_fenced){name_hash(name), lq_loop_now_ms(shard->options.loop) + LQI_FENCED_MS};
}

static bool fenced(const lq_shard *shard, const lq_session_name *name) {
  uint64_t hash = name_hash(name), now_ms = lq_loop_now_ms(shard->options.loop);
  for (uint32_t i = 0; i < LQI_FENCED_MAX; i++)
    if (shard->fenced[i].name_hash == hash && now_ms < shard->fenced[i].until_ms) return true;
  return false;
}

lqi_session *lqi_session_need(lq_shard *shard, const lq_session_name *name, bool create,
                              lq_diag *diag) {
  *diag = (lq_diag){0};
  lqi_session *s = shard->stopping ? NULL : lqi_session_find(shard, name);
  if (s) return s; /* going to sleep: whoever waits for it then keeps it awake */
  lqi_served *served = lqi_served_find(shard, name->tenant, name->game);
  lq_err err = LQ_OK;
  if (!served)
    err = lq_shard_check(shard, name->tenant, name->game);
  else if (shard->stopping || shard->session_count >= shard->options.sessions_max)
    err = LQ_ERR_BUSY;
  else if (fenced(shard, name))
    err = LQ_ERR_FENCED;
  else if (lqi_tenant_raise(served->of, LQ_LEVEL_SESSIONS, diag))
    return NULL;
  if (!err && !(s = session_add(shard, name, served))) {
    lq_quota_lower(&served->of->used, LQ_LEVEL_SESSIONS, 1);
    err = LQ_ERR_MEMORY;
  }
  if (err) {
    (void)lq_diag_set(diag, err, "%s", lq_err_cause(err));
    return NULL;
  }
  /* The store may answer inside the call, and the caller wants to add itself first: not now. */
  s->in_flight++;
  if ((err = lq_loop_post(shard->options.loop, create ? look_up : look_up_existing, s))) {
    s->in_flight--;
    lqi_session_free(s);
    (void)lq_diag_set(diag, err, "%s", lq_err_cause(err));
    return NULL;
  }
  return s;
}

/* Nobody finds it any more: a new one of its name may be woken beside it. */
static void unlist(lqi_session *s) {
  lq_shard *shard = s->shard;
  lqi_rate_leave(s);
  lqi_unqueue(s);
  if (s->counted) lq_quota_lower(&s->served->of->used, LQ_LEVEL_SESSIONS, 1);
  s->counted = false;
  for (lqi_session **at = &shard->due; s->due && *at; at = &(*at)->next_due)
    if (*at == s) {
      *at = s->next_due;
      break;
    }
  s->due = false;
  for (lqi_session **at = bucket_of(shard, &s->name); *at; at = &(*at)->next_bucket)
    if (*at == s) {
      *at = s->next_bucket;
      break;
    }
}

void lqi_session_free(lqi_session *s) {
  lq_shard *shard = s->shard;
  LQ_CHECK(s->in_flight == 0 && !s->freed);
  unlist(s);
  s->failed = s->freed = true;
  s->state = LQI_LEAVING;
  shard->session_count--;
  lqi_gauge(s, LQ_GAUGE_SESSIONS, -1);
  lqi_watch_bodies(s, 0);
  shard->waiting_bytes -= s->queue_bytes - s->queue_at;
  lqi_meter_end(s);
  lqi_guests_unseat(s);
  if (s->live.session) lq_ledger_session_free(&s->live);
  free(s->queue);
  free(s->by_slot);
  free(s->slot);
  s->next_dead = shard->dead;
  shard->dead = s;
}

void lqi_unpin(lqi_session *s) {
  if (--s->in_flight == 0 && s->failed) lqi_session_free(s);
}

/* ---- a store that cannot write ---- */

static bool is_final(lq_err err) { return err == LQ_ERR_IO || err == LQ_ERR_CORRUPT; }

static void probed(void *context, lq_err err, uint64_t leaf) {
  lq_shard *shard = context;
  (void)leaf;
  void (*failed)(void *, lq_err) = shard->options.failed;
  shard->asks--;
  shard->probing = false;
  if (!is_final(err) || !failed) return;
  shard->options.failed = NULL;
  failed(shard->options.failed_context, err);
}

/* One session met an I/O error or damage. Was it a place in a file, which is that session's alone,
 * or does the store write nothing any more? A small write tells. */
static void store_probe(lq_shard *shard) {
  if (shard->probing || !shard->options.failed) return;
  lq_store *store = shard->options.store;
  shard->probing = true;
  shard->asks++;
  lq_store_item item = {.sk = "PROBE", .value = lq_span_text("1"), .expect = LQ_ITEM_ANY};
  lq_store_change change = {.tenant = LQ_STORE_PLATFORM, .items = &item, .item_count = 1};
  store->change(store, &change, probed, shard);
}

void lqi_session_drop(lqi_session *s, lq_err why, const char *message) {
  if (s->failed) { /* dropped while it woke: what it waited for has come */
    if (!s->in_flight && !s->freed) lqi_session_free(s);
    return;
  }
  lqi_pin(s);
  s->failed = true;
  s->state = LQI_LEAVING;
  if (why == LQ_ERR_FENCED) fenced_note(s->shard, &s->name);
  lqi_watch_drop(s, why, message);
  unlist(s);
  while (s->waiting) lqi_client_close(s->waiting, why, message);
  for (uint32_t slot = 1; slot < s->slot_count; slot++)
    if (s->by_slot[slot]) lqi_client_close(s->by_slot[slot], why, message);
  lqi_calls_ready(s, why);
  lqi_out_clear(s, why);
  if (is_final(why)) store_probe(s->shard);
  lqi_unpin(s);
}

void lq_shard_tenant_stop(lq_shard *shard, const char *tenant) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < shard->served_count; i++) {
    lqi_served *served = shard->served[i];
    if (strcmp(served->tenant, tenant) != 0) {
      shard->served[kept++] = served;
    } else {
      served->next_gone = shard->gone;
      shard->gone = served;
    }
  }
  shard->served_count = kept;
  for (uint32_t i = 0; i < shard->bucket_count; i++)
    for (lqi_session *s = shard->bucket[i], *next; s; s = next) {
      next = s->next_bucket;
      if (!strcmp(s->name.tenant, tenant)) lqi_session_drop(s, LQ_ERR_UNKNOWN_TENANT, NULL);
    }
  if (shard->options.guests) lq_guests_tenant_stop(shard->options.guests, tenant);
}

/* ---- housekeeping, once a second: hibernation, the breaker's probes ---- */

static void house_keep(lqi_session *s, uint64_t now_ms) {
  if (s->state != LQI_LIVE) return;
  lqi_release_offer(s);
  if (s->served->of->slow)
    lqi_slow(s);
  else if (s->slowed_ms && now_ms - s->slowed_ms >= LQI_BREAKER_PROBE_MS)
    lqi_unslow(s);
  bool quiet = !s->client_count && !s->waiting && !s->answers && !s->checkpointing &&
               lq_session_wake_tick(s->live.session) <= lq_session_tick_number(s->live.session);
  if (!quiet)
    s->idle_since_ms = now_ms;
  else if (now_ms - s->idle_since_ms >= s->shard->options.hibernate_ms)
    lqi_checkpoint(s, true);
}

/* Where no session commits, nobody would notice that the store died under somebody else's write:
 * the server would look alive and take nothing. */
static void idle_probe(lq_shard *shard, uint64_t now_ms) {
  bool busy = shard->stats.commits != shard->probed_commits;
  if (!busy && now_ms - shard->probed_ms < LQI_PROBE_MS) return;
  if (!busy && !shard->stopping) store_probe(shard);
  shard->probed_commits = shard->stats.commits;
  shard->probed_ms = now_ms;
}

static void every_second(void *context, uint64_t fires) {
  lq_shard *shard = context;
  (void)fires;
  uint64_t now_ms = lq_loop_now_ms(shard->options.loop);
  lqi_rates_check(shard);
  lqi_meter_sweep(shard);
  idle_probe(shard, now_ms);
  lqi_tenants_second(shard, now_ms);
  /* Sessions freed on the way stand until the turn ends, with their `next_bucket`. */
  for (uint32_t i = 0; i < shard->bucket_count; i++)
    for (lqi_session *s = shard->bucket[i]; s; s = s->next_bucket) house_keep(s, now_ms);
}

/* One whose guests do not answer in time goes as in a crash: what is durable stays, nothing else
 * was acknowledged. */
static void stop_one(lqi_session *s, uint64_t now_ms) {
  if (!s->parked || now_ms - s->shard->stop_ms < LQI_STOP_GUESTS_MS)
    lqi_checkpoint(s, true);
  else
    lqi_session_drop(s, LQ_ERR_BUSY,
                     "the server stops, and the game's code did not answer in time");
}

static void stop_step(lq_shard *shard) {
  uint64_t now_ms = lq_loop_now_ms(shard->options.loop);
  shard->stop_again = false;
  for (uint32_t i = 0; i < shard->bucket_count; i++)
    for (lqi_session *s = shard->bucket[i]; s; s = s->next_bucket)
      if (s->state == LQI_LIVE)
        stop_one(s, now_ms);
      else
        s->state = LQI_LEAVING;
}

static void due_run(lq_shard *shard) {
  lqi_session *later = NULL;
  while (shard->due) {
    lqi_session *s = shard->due;
    shard->due = s->next_due;
    s->due = false;
    if (lqi_crowded(shard)) {
      lqi_queue(s);
      continue;
    }
    if (lqi_session_may_tick(s)) {
      (void)lqi_session_tick(s);
      continue;
    }
    s->due = true; /* so that nobody lists it again while it stands in this list */
    s->next_due = later;
    later = s;
  }
  while (later) {
    lqi_session *s = later;
    later = s->next_due;
    s->due = false;
    lqi_session_due(s);
  }
}

static void turn_ended(void *context) {
  lq_shard *shard = context;
  lqi_commit_flush(shard); /* what was refused before; else there is nothing */
  due_run(shard);
  lqi_queue_run(shard);
  if (shard->stopping && shard->stop_again) stop_step(shard);
  lqi_commit_flush(shard);
  shard->runs = NULL; /* whatever comes until the next tick is nobody's */
  while (shard->dead) {
    lqi_session *s = shard->dead;
    shard->dead = s->next_dead;
    free(s);
  }
  if (!shard->stopping || shard->session_count || shard->asks || !shard->stopped) return;
  void (*stopped)(void *) = shard->stopped;
  shard->stopped = NULL;
  stopped(shard->stopped_context); /* may close the shard */
}

/* ---- life ---- */

lq_err lq_shard_open(const lq_shard_options *options, lq_shard **out) {
  *out = NULL;
  lq_shard *shard = calloc(1, sizeof *shard);
  if (!shard) return LQ_ERR_MEMORY;
  shard->options = *options;
  if (!shard->options.sessions_max) shard->options.sessions_max = 65536;
  if (!shard->options.hibernate_ms) shard->options.hibernate_ms = LQ_HIBERNATE_MS;
  shard->bucket_count = 1024;
  shard->bucket = calloc(shard->bucket_count, sizeof *shard->bucket);
  shard->scratch = lq_pages_take(LQ_SLICE_BYTES_MAX);
  shard->text = lq_pages_take(LQI_TEXT_BYTES);
  shard->command_body = malloc(LQ_WS_MESSAGE_BYTES_MAX);
  shard->fair = lq_fair_open(LQI_TENANTS_MAX);
  if (options->trace) shard->traced = calloc(LQI_TRACED_MAX, sizeof *shard->traced);
  lq_err err = LQ_ERR_MEMORY;
  if (shard->bucket && shard->scratch && shard->text && shard->command_body && shard->fair &&
      (shard->traced || !options->trace))
    err = lq_timer_open(options->loop, 1000000, every_second, shard, &shard->second);
  if (err) {
    lq_shard_close(shard);
    return err;
  }
  lq_loop_on_turn(options->loop, turn_ended, shard);
  *out = shard;
  return LQ_OK;
}

static void turn_please(void *context) { (void)context; }

void lq_shard_stop(lq_shard *shard, void (*done)(void *context), void *context) {
  shard->stopping = true;
  shard->stop_ms = lq_loop_now_ms(shard->options.loop);
  shard->stopped = done;
  shard->stopped_context = context;
  shard->stop_again = true;
  /* The turn that this makes does the rest; without memory for it the housekeeping timer's does. */
  if (lq_loop_post(shard->options.loop, turn_please, NULL)) shard->stop_again = true;
}

void lq_shard_close(lq_shard *shard) {
  if (!shard) return;
  LQ_CHECK(shard->session_count == 0 && shard->asks == 0);
  lq_loop_on_turn(shard->options.loop, NULL, NULL);
  for (lqi_session *s = shard->dead, *next; s; s = next) {
    next = s->next_dead;
    free(s);
  }
  if (shard->second) lq_timer_close(shard->second);
  lqi_rates_close(shard);
  for (uint32_t i = 0; i < shard->served_count; i++) free(shard->served[i]);
  for (lqi_served *served = shard->gone, *next; served; served = next) {
    next = served->next_gone;
    free(served);
  }
  free(shard->served);
  for (lqi_tenant *of = shard->tenants, *next; of; of = next) {
    next = of->next;
    free(of);
  }
  lq_fair_close(shard->fair);
  free(shard->bucket);
  lq_pages_give(shard->scratch, LQ_SLICE_BYTES_MAX);
  lq_pages_give(shard->text, LQI_TEXT_BYTES);
  free(shard->command_body);
  free(shard->traced);
  shard->closed = true;
  if (!shard->turn_asked) free(shard);
}

/* ---- numbers ---- */

static int by_value(const void *a, const void *b) {
  uint32_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static void percentiles(const uint32_t *samples, uint32_t count, uint64_t *p50, uint64_t *p99) {
  static const uint32_t none[1];
  uint32_t sorted[LQI_SAMPLES];
  if (count > LQI_SAMPLES) count = LQI_SAMPLES;
  memcpy(sorted, count ? samples : none, count * sizeof *samples);
  qsort(sorted, count, sizeof *sorted, by_value);
  *p50 = count ? sorted[count / 2] : 0;
  *p99 = count ? sorted[(uint64_t)count * 99 / 100] : 0;
}

void lq_shard_stats_get(const lq_shard *shard, lq_shard_stats *out) {
  *out = shard->stats;
  out->sessions_live = shard->session_count;
  percentiles(shard->tick_sample, shard->tick_samples, &out->tick_ns_p50, &out->tick_ns_p99);
  percentiles(shard->commit_sample, shard->commit_samples, &out->commit_ns_p50,
              &out->commit_ns_p99);
}
