/* Budgets: read, remembered, decided. */
#include "lq_service/meter/budget.h"

#include <stdio.h>

#include "lq_engine/net/json.h"
#include "lq_service/meter/meter_int.h"

enum { VERSION = 1 };

/* ---- the document ---- */

static lq_err wrong(lq_diag *diag, lq_err err, const char *what) {
  return lq_diag_set(diag, err, "budget: %s", what);
}

static bool only(lq_json object, const char *const *known) {
  lq_json_walk walk = {0};
  lq_span key;
  lq_json value;
  if (object.kind != LQ_JSON_OBJECT || lq_json_has_duplicates(object)) return false;
  while (lq_json_member(object, &walk, &key, &value)) {
    size_t i = 0;
    while (known[i] && !lq_span_is(key, known[i])) i++;
    if (!known[i]) return false;
  }
  return true;
}

static bool actions_read(lq_json list, uint8_t *out) {
  static const char *const names[] = {"notify", "slow", "refuse"};
  lq_json_walk walk = {0};
  lq_json value;
  char text[16];
  if (list.kind != LQ_JSON_ARRAY) return false;
  while (lq_json_element(list, &walk, &value)) {
    uint32_t i = 0;
    if (!lq_json_text(value, text, sizeof text)) return false;
    while (i < 3 && strcmp(names[i], text) != 0) i++;
    if (i == 3) return false;
    *out |= (uint8_t)(1u << i);
  }
  return *out != 0;
}

static lq_err alarm_read(lq_json json, lq_budget *out, lq_diag *diag) {
  static const char *const known[] = {"percent", "forecast", "do", NULL};
  int64_t percent = 0;
  lq_json forecast = lq_json_get(json, "forecast");
  if (!only(json, known))
    return wrong(diag, LQ_ERR_INVALID, "an alarm has percent, do, perhaps forecast; each once");
  if (out->alarm_count == LQ_BUDGET_ALARMS_MAX)
    return wrong(diag, LQ_ERR_TOO_BIG, "more than 16 alarms");
  lq_budget_alarm alarm = {0};
  if (!lq_json_i64(lq_json_get(json, "percent"), &percent) || percent < 1 || percent > 1000)
    return wrong(diag, LQ_ERR_RANGE, "percent is a whole number from 1 to 1000");
  alarm.percent = (uint32_t)percent;
  if (forecast.kind != LQ_JSON_NONE && !lq_json_bool(forecast, &alarm.forecast))
    return wrong(diag, LQ_ERR_INVALID, "forecast is true or false");
  if (!actions_read(lq_json_get(json, "do"), &alarm.actions))
    return wrong(diag, LQ_ERR_INVALID, "do is a list of notify, slow, refuse");
  for (uint32_t i = 0; i < out->alarm_count; i++)
    if (out->alarm[i].percent == alarm.percent && out->alarm[i].forecast == alarm.forecast)
      return wrong(diag, LQ_ERR_INVALID, "two alarms of one percentage");
  out->alarm[out->alarm_count++] = alarm;
  return LQ_OK;
}

lq_err lq_budget_read(lq_span json, lq_budget *out, lq_diag *diag) {
  static const char *const known[] = {"monthly", "currency", "alarms", NULL};
  lq_json root, alarm, alarms = {0};
  lq_json_walk walk = {0};
  char monthly[32];
  *out = (lq_budget){0};
  if (json.bytes > LQ_PRICE_BYTES_MAX) return wrong(diag, LQ_ERR_TOO_BIG, "larger than 64 KiB");
  lq_err err = lq_json_parse(json, &root, diag);
  if (!err && !only(root, known))
    err = wrong(diag, LQ_ERR_INVALID, "it has monthly, currency and alarms; each once");
  if (!err && (!lq_json_text(lq_json_get(root, "monthly"), monthly, sizeof monthly) ||
               !lq_money_read(lq_span_text(monthly), &out->monthly_nano) || out->monthly_nano <= 0))
    err = wrong(diag, LQ_ERR_RANGE, "monthly is an amount as a text, above zero: \"500.00\"");
  if (!err && (!lq_json_text(lq_json_get(root, "currency"), out->currency, sizeof out->currency) ||
               !lq_id_valid(lq_span_text(out->currency), sizeof out->currency)))
    err = wrong(diag, LQ_ERR_INVALID, "currency is a text: \"USD\"");
  if (!err) alarms = lq_json_get(root, "alarms");
  if (!err && alarms.kind != LQ_JSON_ARRAY) err = wrong(diag, LQ_ERR_INVALID, "alarms is a list");
  while (!err && lq_json_element(alarms, &walk, &alarm)) err = alarm_read(alarm, out, diag);
  if (err) *out = (lq_budget){0};
  return err;
}

/* ---- what is remembered ---- */

static void month_encode(const lq_budget_month *month, lq_writer *out) {
  lq_write_varint(out, month->month);
  lq_write_varint(out, month->count);
  for (uint32_t i = 0; i < month->count; i++) {
    lq_write_varint(out, month->fired[i].percent);
    lq_write_u8(out, (uint8_t)(month->fired[i].forecast | month->fired[i].active << 1));
  }
}

void lq_budget_state_encode(const lq_budget_state *state, lq_writer *out) {
  lq_write_u8(out, 'B');
  lq_write_u8(out, VERSION);
  month_encode(&state->now, out);
  month_encode(&state->before, out);
}

static bool month_decode(lq_reader *in, lq_budget_month *out) {
  uint64_t month = lq_read_varint(in), count = lq_read_varint(in);
  if (in->failed || month > LQ_USAGE_HOUR_MAX || count > LQ_BUDGET_ALARMS_MAX) return false;
  out->month = (uint32_t)month;
  out->count = (uint32_t)count;
  for (uint32_t i = 0; i < out->count; i++) {
    uint64_t percent = lq_read_varint(in);
    uint8_t flags = lq_read_u8(in);
    if (in->failed || percent < 1 || percent > 1000 || flags > 3) return false;
    out->fired[i].percent = (uint32_t)percent;
    out->fired[i].forecast = flags & 1;
    out->fired[i].active = flags >> 1;
  }
  return true;
}

lq_err lq_budget_state_decode(lq_span value, lq_budget_state *out) {
  lq_reader in = lq_reader_of(value);
  lq_budget_state state = {0};
  *out = state;
  if (lq_read_u8(&in) != 'B') return LQ_ERR_CORRUPT;
  uint8_t version = lq_read_u8(&in);
  if (in.failed) return LQ_ERR_CORRUPT;
  if (version != VERSION) return LQ_ERR_VERSION;
  if (!month_decode(&in, &state.now) || !month_decode(&in, &state.before) || !lq_reader_done(&in))
    return LQ_ERR_CORRUPT;
  *out = state;
  return LQ_OK;
}

/* ---- decisions ---- */

static bool reaches(int64_t nano, const lq_budget *budget, uint32_t percent) {
  uint64_t value = nano > 0 ? (uint64_t)nano : 0;
  return (lqi_u128)value * 100 >= (lqi_u128)(uint64_t)budget->monthly_nano * percent;
}

static uint32_t fired_at(const lq_budget_month *month, const lq_budget_alarm *alarm) {
  uint32_t at = 0;
  while (at < month->count && (month->fired[at].percent != alarm->percent ||
                               month->fired[at].forecast != alarm->forecast))
    at++;
  return at;
}

static bool month_enter(lq_budget_state *state, uint32_t month) {
  if (state->now.month == month) return false;
  lq_budget_month other = state->now;
  if (state->before.month == month)
    state->now = state->before;
  else
    state->now = (lq_budget_month){.month = month};
  state->before = other;
  return true;
}

static void reason_add(lq_budget_decision *out, const lq_budget *budget,
                       const lq_budget_alarm *alarm, int64_t nano) {
  char text[160], value[32], monthly[32];
  lq_writer a = lq_writer_of(value, sizeof value - 1),
            b = lq_writer_of(monthly, sizeof monthly - 1);
  lq_money_write(&a, nano);
  lq_money_write(&b, budget->monthly_nano);
  value[a.bytes] = monthly[b.bytes] = 0;
  size_t used = strlen(out->reason);
  int bytes = snprintf(text, sizeof text, "%s%s %s %s of a budget of %s: %u %% is reached",
                       used ? "; " : "", alarm->forecast ? "the forecast is" : "spent are", value,
                       budget->currency, monthly, alarm->percent);
  if (bytes > 0 && (size_t)bytes < sizeof text && used + (size_t)bytes < sizeof out->reason)
    memcpy(out->reason + used, text, (size_t)bytes + 1);
}

bool lq_budget_decide(const lq_budget *budget, lq_budget_state *state, uint32_t hour,
                      int64_t spent_nano, int64_t forecast_nano, lq_budget_decision *out) {
  *out = (lq_budget_decision){0};
  bool changed = month_enter(state, lq_usage_month(hour));
  for (uint32_t i = 0; i < budget->alarm_count; i++) {
    const lq_budget_alarm *alarm = &budget->alarm[i];
    int64_t value = alarm->forecast ? forecast_nano : spent_nano;
    uint32_t end = alarm->percent > LQ_BUDGET_POINTS ? alarm->percent - LQ_BUDGET_POINTS : 0;
    uint32_t at = fired_at(&state->now, alarm);
    bool known = at < state->now.count, was = known && state->now.fired[at].active;
    bool active = reaches(value, budget, was && end ? end : alarm->percent);
    if (!known && active) {
      /* Full of alarms that an earlier budget had: the oldest goes. */
      if (at == LQ_BUDGET_ALARMS_MAX)
        memmove(state->now.fired, state->now.fired + 1, --at * sizeof state->now.fired[0]);
      state->now.count = at + 1;
      state->now.fired[at].percent = alarm->percent;
      state->now.fired[at].forecast = alarm->forecast;
      out->fired |= 1u << i;
      out->notify |= (alarm->actions & LQ_BUDGET_NOTIFY) != 0;
    }
    if (at < state->now.count) {
      changed |= state->now.fired[at].active != active || !known;
      state->now.fired[at].active = active;
    }
    if (!active) continue;
    out->slow |= (alarm->actions & LQ_BUDGET_SLOW) != 0;
    out->refuse |= (alarm->actions & LQ_BUDGET_REFUSE) != 0;
    reason_add(out, budget, alarm, value);
  }
  return changed;
}
