/* What a tenant may: its limits, its budget's actions, and its share of the thread.
 *
 * Levels and what comes in are asked before; what a tick costs is charged after it, and while a
 * tenant is in debt its sessions rest: their ticks come later, and nothing of them is lost. When
 * more is due than fits a turn, ticks wait in a queue of their tenant, and lq_fair says whose is
 * next. While all fits, nothing is queued. */
#include <stdlib.h>

#include "lq_service/shard/shard_int.h"

static const char mend[] = "wait, or ask whoever operates this server for a larger limit";

static lq_err refuse(lqi_tenant *t, lq_diag *diag, lq_err err, const char *what, uint64_t limit) {
  t->refused++;
  if (!diag) return err;
  (void)lq_diag_set(diag, err, "tenant %s is at its limit: %s %llu", t->name, what,
                    (unsigned long long)limit);
  (void)lq_text_copy(diag->mend, sizeof diag->mend, lq_span_text(mend));
  return err;
}

lqi_tenant *lqi_tenant_find(const lq_shard *shard, const char *name) {
  lqi_tenant *t = shard->tenants;
  while (t && strcmp(t->name, name) != 0) t = t->next;
  return t;
}

/* ---- the documents ---- */

static void quota_use(lqi_tenant *t, const lq_quota *quota) {
  static const lq_quota_rate in[] = {LQ_RATE_MESSAGES, LQ_RATE_COMMANDS, LQ_RATE_BYTES_IN};
  t->quota = *quota;
  t->asks = t->charges = false;
  for (size_t i = 0; i < sizeof in / sizeof *in; i++) t->asks |= quota->rate[in[i]] != 0;
  for (size_t i = 0; i < LQI_RESTS; i++) t->charges |= quota->rate[lqi_rests[i]] != 0;
}

typedef struct reading {
  lqi_tenant *tenant;
  lq_diag diag;
  lq_err err;
  bool done, left; /* left: the caller is gone, the answer comes late */
} reading;

static void quota_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  reading *r = context;
  lq_quota quota = {0};
  (void)sk;
  (void)version;
  r->done = true;
  r->err = err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
  if (!err) r->err = lq_quota_read(value, &quota, &r->diag);
  if (!r->err) quota_use(r->tenant, &quota);
  if (!r->left) return;
  r->tenant->shard->asks--;
  free(r);
}

/* A store that is far away answers later; until then there is no limit. */
static lq_err quota_load(lqi_tenant *t, lq_diag *diag) {
  reading *r = calloc(1, sizeof *r);
  if (!r) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for a tenant's limits");
  r->tenant = t;
  t->store->item(t->store, t->name, "QUOTA", quota_came, r);
  if (!r->done) {
    r->left = true;
    t->shard->asks++;
    return LQ_OK;
  }
  lq_err err = r->err;
  if (err)
    lq_diag_set(diag, err, "the limits of tenant %s cannot be read: %s", t->name,
                r->diag.message[0] ? r->diag.message : lq_err_cause(err));
  free(r);
  return err;
}

/* ---- what is stored: the meter's sums, and what came since ---- */

static void stored_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  lqi_tenant *t = context;
  char game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  lq_meter_state state;
  (void)version;
  if (err) {
    t->reading = false;
    t->shard->asks--;
    if (err == LQ_ERR_NOT_FOUND) t->used.level[LQ_LEVEL_STORED_BYTES] = t->stored_sum;
    return;
  }
  if (lq_meter_sk_read(sk, game, session) && !lq_meter_state_decode(value, &state))
    t->stored_sum += state.count[LQ_USAGE_JOURNAL_BYTES] + state.kept_checkpoint_bytes;
}

static void stored_look(lqi_tenant *t) {
  if (t->reading || !t->owned) return;
  t->reading = true;
  t->stored_sum = 0;
  t->shard->asks++;
  t->store->items(t->store, t->name, "METER#", NULL, 0, stored_came, t);
}

void lqi_tenant_stored(lqi_tenant *t, uint64_t bytes) {
  t->used.level[LQ_LEVEL_STORED_BYTES] += bytes;
  t->stored_sum += bytes;
}

lq_err lqi_tenant_need(lq_shard *shard, const char *name, lq_store *store, lqi_tenant **out,
                       lq_diag *diag) {
  lqi_tenant *t = *out = lqi_tenant_find(shard, name);
  if (t) return LQ_OK;
  if (!(t = calloc(1, sizeof *t)))
    return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for another tenant");
  t->shard = shard;
  t->store = store;
  t->owned = shard->options.tenant != NULL;
  (void)lq_text_copy(t->name, sizeof t->name, lq_span_text(name));
  lq_err err = lq_fair_enter(shard->fair, LQ_FAIR_WEIGHT, 0, 0, &t->fair);
  if (err) {
    free(t);
    return lq_diag_set(diag, err, "one server serves games of at most %u tenants",
                       (unsigned)LQI_TENANTS_MAX);
  }
  /* From here on it stays: a late answer may stand on it. */
  t->next = shard->tenants;
  shard->tenants = t;
  if (t->owned && (err = quota_load(t, diag))) {
    shard->tenants = t->next;
    lq_fair_leave(shard->fair, t->fair);
    free(t);
    return err;
  }
  stored_look(t);
  *out = t;
  return LQ_OK;
}

lq_err lq_shard_quota_set(lq_shard *shard, const char *tenant, const lq_quota *quota) {
  lqi_tenant *t = lqi_tenant_find(shard, tenant);
  if (!t) return LQ_ERR_UNKNOWN_TENANT;
  quota_use(t, quota);
  return LQ_OK;
}

lq_err lq_shard_use_get(const lq_shard *shard, const char *tenant, lq_shard_use *out) {
  const lqi_tenant *t = lqi_tenant_find(shard, tenant);
  *out = (lq_shard_use){0};
  if (!t) return LQ_ERR_UNKNOWN_TENANT;
  *out = (lq_shard_use){.quota = t->quota,
                        .slow = t->slow,
                        .refuse = t->refuse,
                        .refused = t->refused,
                        .put_off = t->put_off,
                        .rested = t->rested,
                        .guilty_seconds = t->guilty_seconds};
  memcpy(out->level, t->used.level, sizeof out->level);
  return LQ_OK;
}

/* ---- asked before ---- */

lq_err lqi_tenant_raise(lqi_tenant *t, lq_quota_level id, lq_diag *diag) {
  if (!lq_quota_raise(&t->quota, &t->used, id, 1)) return LQ_OK;
  return refuse(
      t, diag, LQ_ERR_FULL,
      id == LQ_LEVEL_SESSIONS ? "live sessions:" : "connections in sessions:", t->quota.level[id]);
}

static lq_err stored_full(lqi_tenant *t, lq_diag *diag) {
  uint64_t limit = t->quota.level[LQ_LEVEL_STORED_BYTES];
  if (!limit || t->used.level[LQ_LEVEL_STORED_BYTES] < limit) return LQ_OK;
  return refuse(t, diag, LQ_ERR_FULL, "bytes stored:", limit);
}

lq_err lqi_tenant_may_make(lqi_tenant *t, lq_diag *diag) {
  if (!t->refuse) return stored_full(t, diag);
  t->refused++;
  (void)lq_diag_set(diag, LQ_ERR_FULL, "no new session: %s", t->reason);
  if (diag)
    (void)lq_text_copy(diag->mend, sizeof diag->mend,
                       lq_span_text("join one that exists, or have the budget raised"));
  return LQ_ERR_FULL;
}

lq_err lqi_tenant_takes(lqi_tenant *t, bool message, size_t bytes, lq_diag *diag) {
  lq_err err = stored_full(t, diag);
  if (err || !t->asks) return err;
  const struct {
    lq_quota_rate id;
    uint64_t amount;
    const char *what;
  } ask[] = {{LQ_RATE_MESSAGES, message, "messages a second:"},
             {LQ_RATE_BYTES_IN, message ? bytes : 0, "bytes a second that come in:"},
             {LQ_RATE_COMMANDS, 1, "commands a second:"}};
  uint64_t now_ns = lq_clock_mono_ns();
  for (size_t i = 0; i < sizeof ask / sizeof *ask; i++) {
    if (!ask[i].amount) continue;
    if (lq_quota_take(&t->quota, &t->used, ask[i].id, ask[i].amount, now_ns, NULL))
      return refuse(t, diag, LQ_ERR_RATE, ask[i].what, t->quota.rate[ask[i].id]);
  }
  return LQ_OK;
}

/* ---- charged after ---- */

const lq_quota_rate lqi_rests[LQI_RESTS] = {LQ_RATE_TICKS, LQ_RATE_EVENTS, LQ_RATE_BYTES_OUT,
                                            LQ_RATE_CPU_US};

void lqi_tenant_ticked(lqi_tenant *t, uint64_t events, uint64_t cpu_ns, uint64_t now_ns) {
  if (!t->charges) return;
  lq_quota_charge(&t->quota, &t->used, LQ_RATE_TICKS, 1, now_ns);
  lq_quota_charge(&t->quota, &t->used, LQ_RATE_EVENTS, events, now_ns);
  t->cpu_rest_ns += cpu_ns;
  lq_quota_charge(&t->quota, &t->used, LQ_RATE_CPU_US, t->cpu_rest_ns / 1000, now_ns);
  t->cpu_rest_ns %= 1000;
}

void lqi_tenant_sent(lqi_tenant *t, size_t bytes) {
  if (t->charges) lq_quota_charge(&t->quota, &t->used, LQ_RATE_BYTES_OUT, bytes, t->shard->now_ns);
}

bool lqi_tenant_rests(lqi_tenant *t, uint64_t now_ns) {
  for (size_t i = 0; t->charges && i < LQI_RESTS; i++)
    if (lq_quota_wait(&t->quota, &t->used, lqi_rests[i], now_ns)) return true;
  return false;
}

/* ---- the thread is shared ---- */

void lqi_ran(lq_shard *shard, lqi_tenant *next) {
  uint64_t now_ns = lq_clock_mono_ns();
  if (shard->runs) lq_fair_ran(shard->fair, shard->runs->fair, now_ns - shard->now_ns, now_ns);
  shard->runs = next;
  shard->now_ns = now_ns;
}

bool lqi_crowded(lq_shard *shard) {
  if (!shard->turn_ns) {
    lqi_ran(shard, NULL);
    shard->turn_ns = shard->now_ns;
  }
  if (shard->now_ns - shard->turn_ns > LQI_TURN_NS) shard->crowded = true;
  return shard->crowded;
}

static void append(lqi_session *s) {
  lqi_tenant *t = s->served->of;
  s->queued_next = NULL;
  s->queued_previous = t->last;
  *(t->last ? &t->last->queued_next : &t->first) = s;
  t->last = s;
  t->queued++;
}

static void take_out(lqi_session *s) {
  lqi_tenant *t = s->served->of;
  *(s->queued_previous ? &s->queued_previous->queued_next : &t->first) = s->queued_next;
  *(s->queued_next ? &s->queued_next->queued_previous : &t->last) = s->queued_previous;
  t->queued--;
}

void lqi_queue(lqi_session *s) {
  lqi_tenant *t = s->served->of;
  if (s->owed == LQI_CATCH_UP_TICKS) {
    t->put_off++;
    s->shard->stats.put_off++;
    return;
  }
  if (!s->owed++) {
    append(s);
    s->shard->queued++;
  }
  lq_fair_wait(s->shard->fair, t->fair, 1);
}

void lqi_unqueue(lqi_session *s) {
  if (!s->owed) return;
  s->owed = 0;
  s->shard->queued--;
  take_out(s); /* what lq_fair counts for it finds nobody, and goes */
}

static lqi_tenant *tenant_of(const lq_shard *shard, uint32_t fair) {
  lqi_tenant *t = shard->tenants;
  while (t && t->fair != fair) t = t->next;
  return t;
}

/* Closed meanwhile: then this was the last that knew of it. */
static void turn_comes(void *context) {
  lq_shard *shard = context;
  shard->turn_asked = false;
  if (shard->closed) free(shard);
}

void lqi_queue_run(lq_shard *shard) {
  if (!shard->runs && !shard->queued) {
    shard->turn_ns = 0;
    shard->crowded = false;
    return;
  }
  lqi_ran(shard, NULL);
  uint64_t begun_ns = shard->now_ns, wait_ns;
  for (uint32_t fair; shard->queued && shard->now_ns - begun_ns <= LQI_TURN_NS;) {
    if (shard->behind || !lq_fair_next(shard->fair, shard->now_ns, &fair, &wait_ns)) break;
    lqi_tenant *t = tenant_of(shard, fair);
    lqi_session *s = t ? t->first : NULL;
    if (!s) continue;
    take_out(s);
    if (--s->owed)
      append(s);
    else
      shard->queued--;
    if (s->hz_class || lqi_session_may_tick(s))
      (void)lqi_session_tick(s);
    else
      lqi_session_due(s);
    lqi_ran(shard, NULL);
  }
  shard->turn_ns = 0;
  if (!shard->queued)
    shard->crowded = false;
  else if (!shard->turn_asked && !shard->behind) /* then the store's answer makes one */
    shard->turn_asked = !lq_loop_post(shard->options.loop, turn_comes, shard);
}

/* ---- once a second ---- */

void lqi_tenants_second(lq_shard *shard, uint64_t now_ms) {
  uint32_t fair;
  uint64_t excess_ns;
  bool overload = shard->stats.put_off != shard->put_off_before;
  shard->put_off_before = shard->stats.put_off;
  if (overload && lq_fair_guilty(shard->fair, lq_clock_mono_ns(), &fair, &excess_ns)) {
    lqi_tenant *t = tenant_of(shard, fair);
    if (t) t->guilty_seconds++;
  }
  if (now_ms - shard->stored_ms < LQI_STORED_LOOK_MS) return;
  shard->stored_ms = now_ms;
  for (lqi_tenant *t = shard->tenants; t; t = t->next) stored_look(t);
}

/* ---- the budget's actions ---- */

static void rate_ask(lqi_session *s, uint32_t hz) {
  uint8_t body[10];
  lq_writer w = lq_writer_of(body, sizeof body);
  lq_write_zigzag(&w, hz);
  /* Too busy now: housekeeping asks again. */
  if (lqi_host_command(s, LQ_CMD_RATE, lq_writer_span(&w))) return;
  bool whole = hz == lq_session_game(s->live.session)->hz;
  s->slowed_ms = whole ? 0 : lq_loop_now_ms(s->shard->options.loop);
  const lq_log_field field = lq_log_i64("hz", hz);
  lqi_session_log(s, whole ? LQ_LOG_INFO : LQ_LOG_WARN,
                  whole ? "session.rate.restored" : "session.slowed", &field, 1);
}

void lqi_slow(lqi_session *s) {
  if (s->state == LQI_LIVE && lq_session_hz(s->live.session) > LQI_BREAKER_HZ)
    rate_ask(s, LQI_BREAKER_HZ);
}

void lqi_unslow(lqi_session *s) {
  if (s->state == LQI_LIVE && s->slowed_ms) rate_ask(s, lq_session_game(s->live.session)->hz);
}

lq_err lq_shard_budget_set(lq_shard *shard, const char *tenant, bool slow, bool refuse_new,
                           const char *reason) {
  lqi_tenant *t = lqi_tenant_find(shard, tenant);
  if (!t) return LQ_ERR_UNKNOWN_TENANT;
  bool changed = t->slow != slow;
  t->slow = slow;
  t->refuse = refuse_new;
  size_t bytes = strlen(reason);
  if (bytes >= sizeof t->reason) bytes = sizeof t->reason - 1;
  (void)lq_text_copy(t->reason, sizeof t->reason, lq_span_of(reason, bytes));
  for (uint32_t i = 0; changed && i < shard->bucket_count; i++)
    for (lqi_session *s = shard->bucket[i]; s; s = s->next_bucket)
      if (s->served->of == t) slow ? lqi_slow(s) : lqi_unslow(s);
  return LQ_OK;
}
