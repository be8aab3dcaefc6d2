/* The clocks: one timer for each rate that has sessions.
 *
 * Many sessions of a rate do not tick at the same moment: they stand in a few phases, spread over
 * the period, so that one's outputs need not wait for the ticks of all the others. Few sessions
 * stand in one phase: their ticks share a commit. */
#include "lq_service/shard/shard_int.h"

/* One tick of each session in a phase. */
static void phase_run(lqi_rate *rate, uint32_t phase) {
  rate->cursor = rate->first[phase];
  for (lqi_session *s; (s = rate->cursor);) {
    rate->cursor = s->next;
    /* A tick may drop this session and others, or move them to another rate. */
    if (lqi_crowded(s->shard))
      lqi_queue(s);
    else
      (void)lqi_session_tick(s);
  }
}

/* Each session of the rate missed them. */
static void late(lqi_rate *rate, uint64_t periods) {
  rate->shard->stats.late_ticks += periods;
  for (uint32_t phase = 0; periods && rate->shard->options.metrics && phase < LQI_PHASES; phase++)
    for (const lqi_session *s = rate->first[phase]; s; s = s->next)
      lqi_count(s, LQ_COUNT_LATE_TICKS, periods);
}

static void rate_fired(void *context, uint64_t fires) {
  lqi_rate *rate = context;
  uint64_t runs_max = (uint64_t)LQI_CATCH_UP_TICKS * rate->phases;
  late(rate, (fires - 1) / rate->phases);
  for (uint64_t i = 0; i < fires && i < runs_max; i++) phase_run(rate, rate->turn++ % rate->phases);
  if (rate->shard->runs) lqi_ran(rate->shard, NULL);
  if (rate->session_count) return;
  lq_timer_close(rate->timer);
  rate->timer = NULL;
}

static void rate_start(lqi_rate *rate) {
  if (rate->timer) return;
  rate->phases = rate->count[0] == rate->session_count ? 1 : LQI_PHASES;
  if (lq_timer_open(rate->shard->options.loop, 1000000u / rate->hz / rate->phases, rate_fired, rate,
                    &rate->timer))
    rate->timer = NULL; /* out of descriptors: housekeeping tries again */
}

/* The first phase that is not full, else the shortest. */
static uint8_t phase_for(const lqi_rate *rate) {
  uint8_t best = 0;
  for (uint8_t i = 0; i < LQI_PHASES; i++) {
    if (rate->count[i] < LQI_PHASE_SESSIONS) return i;
    if (rate->count[i] < rate->count[best]) best = i;
  }
  return best;
}

void lqi_rate_enter(lqi_session *s) {
  s->hz_class = lq_session_hz(s->live.session);
  if (s->hz_class == 0) return;
  lqi_rate *rate = &s->shard->rate[s->hz_class];
  rate->shard = s->shard;
  rate->hz = s->hz_class;
  s->phase = phase_for(rate);
  rate->count[s->phase]++;
  rate->session_count++;
  if (s->phase && rate->timer && rate->phases == 1) {
    lq_timer_close(rate->timer);
    rate->timer = NULL;
  }
  rate_start(rate);
  lqi_session **first = &rate->first[s->phase];
  s->prev = NULL;
  s->next = *first;
  if (*first) (*first)->prev = s;
  *first = s;
}

void lqi_rate_leave(lqi_session *s) {
  if (s->hz_class == 0) return;
  lqi_unqueue(s);
  lqi_rate *rate = &s->shard->rate[s->hz_class];
  if (rate->cursor == s) rate->cursor = s->next;
  if (s->prev)
    s->prev->next = s->next;
  else if (rate->first[s->phase] == s)
    rate->first[s->phase] = s->next;
  if (s->next) s->next->prev = s->prev;
  s->next = s->prev = NULL;
  s->hz_class = 0;
  rate->count[s->phase]--;
  rate->session_count--;
}

void lqi_rates_check(lq_shard *shard) {
  uint32_t ticking = 0;
  for (uint32_t hz = 1; hz <= LQ_HZ_MAX; hz++) {
    ticking += shard->rate[hz].session_count;
    if (shard->rate[hz].session_count) rate_start(&shard->rate[hz]);
  }
  /* Commands of sessions that tick wait for their tick anyway. */
  lq_loop_gather(shard->options.loop,
                 ticking && ticking == shard->session_count ? LQI_GATHER_US : 0);
}

void lqi_rates_close(lq_shard *shard) {
  for (uint32_t hz = 0; hz <= LQ_HZ_MAX; hz++)
    if (shard->rate[hz].timer) lq_timer_close(shard->rate[hz].timer);
}
