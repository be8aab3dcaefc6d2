/* Limits: read, counted, refused. */
#include "lq_service/meter/quota.h"

#include "lq_engine/net/json.h"

#define NANO 1000000000ull
#define USED_MAX (INT64_MAX / 2)

static const char *const level_names[] = {
#define X(id, name) name,
    LQ_QUOTA_LEVELS(X)
#undef X
};
static const char *const rate_names[] = {
#define X(id, name) name,
    LQ_QUOTA_RATES(X)
#undef X
};

/* ---- the document ---- */

static uint64_t *member_of(lq_quota *out, lq_span key, uint64_t *most) {
  for (uint32_t i = 0; i < LQ_LEVEL_COUNT; i++)
    if (lq_span_is(key, level_names[i])) {
      *most = INT64_MAX;
      return &out->level[i];
    }
  for (uint32_t i = 0; i < LQ_RATE_COUNT; i++)
    if (lq_span_is(key, rate_names[i])) {
      *most = LQ_QUOTA_RATE_MAX;
      return &out->rate[i];
    }
  return NULL;
}

lq_err lq_quota_read(lq_span json, lq_quota *out, lq_diag *diag) {
  lq_json root, value;
  lq_json_walk walk = {0};
  lq_span key;
  lq_quota quota = {0};
  *out = quota;
  lq_err err = lq_json_parse(json, &root, diag);
  if (err) return err;
  if (root.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(root))
    return lq_diag_set(diag, LQ_ERR_INVALID, "quota: an object of limits, each once");
  while (lq_json_member(root, &walk, &key, &value)) {
    bool burst = lq_span_is(key, "burst_ms");
    uint64_t most = LQ_QUOTA_BURST_MS_MAX, room,
             *to = burst ? &room : member_of(&quota, key, &most);
    int64_t number;
    int shown = key.bytes > 40 ? 40 : (int)key.bytes;
    if (!to)
      return lq_diag_set(diag, LQ_ERR_INVALID, "quota: there is no limit '%.*s'", shown,
                         (const char *)key.data);
    if (!lq_json_i64(value, &number) || number < 1 || (uint64_t)number > most)
      return lq_diag_set(diag, LQ_ERR_RANGE, "quota: %.*s is a whole number from 1 to %llu", shown,
                         (const char *)key.data, (unsigned long long)most);
    *to = (uint64_t)number;
    if (burst) quota.burst_ms = (uint32_t)number;
  }
  *out = quota;
  return LQ_OK;
}

/* ---- levels ---- */

lq_err lq_quota_raise(const lq_quota *quota, lq_quota_state *state, lq_quota_level id,
                      uint64_t more) {
  uint64_t sum;
  if (__builtin_add_overflow(state->level[id], more, &sum)) return LQ_ERR_FULL;
  if (quota->level[id] && sum > quota->level[id]) return LQ_ERR_FULL;
  state->level[id] = sum;
  return LQ_OK;
}

void lq_quota_lower(lq_quota_state *state, lq_quota_level id, uint64_t less) {
  state->level[id] -= less < state->level[id] ? less : state->level[id];
}

/* ---- rates ---- */

/* A burst in billionths of tokens: one token at least. */
static int64_t burst_of(const lq_quota *quota, uint64_t rate) {
  uint64_t ms = quota->burst_ms ? quota->burst_ms : LQ_QUOTA_BURST_MS, burst = rate * ms * 1000000;
  return (int64_t)(burst < NANO ? NANO : burst);
}

static void refill(lq_bucket *bucket, uint64_t rate, uint64_t now_ns) {
  if (now_ns <= bucket->at_ns) return;
  uint64_t gone = now_ns - bucket->at_ns;
  bucket->at_ns = now_ns;
  if (gone > (uint64_t)bucket->used / rate)
    bucket->used = 0;
  else
    bucket->used -= (int64_t)(gone * rate);
}

/* ns until `used` has fallen to `to`. */
static uint64_t fall(const lq_bucket *bucket, uint64_t rate, int64_t to) {
  if (bucket->used <= to) return 0;
  return ((uint64_t)(bucket->used - to) + rate - 1) / rate;
}

static void use(lq_bucket *bucket, uint64_t amount) {
  uint64_t most = (uint64_t)(USED_MAX - bucket->used) / NANO;
  bucket->used += (int64_t)((amount < most ? amount : most) * NANO);
}

lq_err lq_quota_take(const lq_quota *quota, lq_quota_state *state, lq_quota_rate id,
                     uint64_t amount, uint64_t now_ns, uint64_t *wait_ns) {
  uint64_t rate = quota->rate[id], wait;
  lq_bucket *bucket = &state->bucket[id];
  if (wait_ns) *wait_ns = 0;
  if (!rate) return LQ_OK;
  int64_t burst = burst_of(quota, rate);
  refill(bucket, rate, now_ns);
  int64_t before = amount > (uint64_t)burst / NANO ? 0 : burst - (int64_t)(amount * NANO);
  if ((wait = fall(bucket, rate, before))) {
    if (wait_ns) *wait_ns = wait;
    return LQ_ERR_RATE;
  }
  use(bucket, amount);
  return LQ_OK;
}

void lq_quota_charge(const lq_quota *quota, lq_quota_state *state, lq_quota_rate id,
                     uint64_t amount, uint64_t now_ns) {
  uint64_t rate = quota->rate[id];
  if (!rate) return;
  refill(&state->bucket[id], rate, now_ns);
  use(&state->bucket[id], amount);
}

uint64_t lq_quota_wait(const lq_quota *quota, lq_quota_state *state, lq_quota_rate id,
                       uint64_t now_ns) {
  uint64_t rate = quota->rate[id];
  if (!rate) return 0;
  refill(&state->bucket[id], rate, now_ns);
  return fall(&state->bucket[id], rate, burst_of(quota, rate) - 1);
}
