/* A report as JSON and as CSV. */
#include "lq_engine/net/json.h"
#include "lq_service/meter/report.h"

static void count_write(lq_writer *w, uint64_t count) {
  if (count <= INT64_MAX) {
    lq_json_write_i64(w, (int64_t)count);
    return;
  }
  lq_write_u8(w, '"');
  lq_write_decimal_u(w, count);
  lq_write_u8(w, '"');
}

static void member(lq_writer *w, const char *name, const char *text) {
  lq_write_u8(w, '"');
  lq_write_text(w, name);
  lq_write_text(w, "\":");
  lq_json_write_text(w, lq_span_text(text));
}

static void member_hour(lq_writer *w, const char *name, uint32_t hour) {
  char text[LQ_USAGE_HOUR_BYTES];
  lq_usage_hour_text(hour, text);
  member(w, name, text);
}

static void member_money(lq_writer *w, const char *name, int64_t nano) {
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, "\":\"");
  lq_money_write(w, nano);
  lq_write_u8(w, '"');
}

static void usage_write(lq_writer *w, const lq_usage *usage) {
  lq_write_text(w, ",\"usage\":{");
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
    lq_write_text(w, i ? ",\"" : "\"");
    lq_write_text(w, lq_usage_name((lq_usage_id)i));
    lq_write_text(w, "\":");
    count_write(w, usage->count[i]);
  }
  lq_write_text(w, "},\"systems\":{");
  for (uint32_t i = 0; i < usage->system_count; i++) {
    if (i) lq_write_u8(w, ',');
    lq_json_write_text(w, lq_span_text(usage->system[i].name));
    lq_write_u8(w, ':');
    count_write(w, usage->system[i].cpu_ns);
  }
  lq_write_u8(w, '}');
}

static lq_err row_json(const lq_report_row *row, const lq_prices *prices, lq_writer *w) {
  lq_bill bill;
  lq_write_u8(w, '{');
  member_hour(w, "from", row->from);
  lq_write_u8(w, ',');
  member_hour(w, "to", row->to);
  if (row->game[0]) {
    lq_write_u8(w, ',');
    member(w, "game", row->game);
  }
  if (row->session[0]) {
    lq_write_u8(w, ',');
    member(w, "session", row->session);
  }
  usage_write(w, &row->usage);
  if (prices) {
    lq_err err = lq_bill_of(prices, row->usage.count, &bill);
    if (err) return err;
    member_money(w, "cost", bill.sum_nano);
  }
  lq_write_u8(w, '}');
  return LQ_OK;
}

static lq_err total_json(const lq_report *report, const lq_prices *prices, lq_writer *w) {
  const uint64_t *count = report->total.count;
  lq_bill bill;
  int64_t session, player_hour;
  lq_write_text(w, "\"sessions\":");
  lq_write_decimal_u(w, report->session_count);
  usage_write(w, &report->total);
  if (!prices) return LQ_OK;
  lq_err err = lq_bill_of(prices, count, &bill);
  if (!err) err = lq_money_share(bill.sum_nano, 1, report->session_count, &session);
  if (!err)
    err = lq_money_share(bill.sum_nano, 3600000, count[LQ_USAGE_CONNECTION_MS], &player_hour);
  if (err) return err;
  lq_write_text(w, ",\"cost\":{");
  member(w, "prices", prices->name);
  lq_write_u8(w, ',');
  member(w, "date", prices->date);
  lq_write_u8(w, ',');
  member(w, "currency", prices->currency);
  lq_write_text(w, ",\"lines\":[");
  for (uint32_t i = 0; i < prices->line_count; i++) {
    const lq_price_line *line = &prices->line[i];
    lq_write_text(w, i ? ",{" : "{");
    member(w, "id", line->id);
    lq_write_text(w, ",\"quantity\":\"");
    lq_price_quantity_write(line, count, w);
    lq_write_u8(w, '"');
    member_money(w, "cost", bill.line_nano[i]);
    lq_write_u8(w, '}');
  }
  lq_write_u8(w, ']');
  member_money(w, "sum", bill.sum_nano);
  if (report->session_count) member_money(w, "per_session", session);
  if (count[LQ_USAGE_CONNECTION_MS]) member_money(w, "per_player_hour", player_hour);
  lq_write_u8(w, '}');
  return LQ_OK;
}

static void forecast_json(const lq_forecast *forecast, lq_writer *w) {
  lq_write_text(w, ",\"forecast\":{");
  member_hour(w, "month", forecast->month);
  lq_write_u8(w, ',');
  member_hour(w, "now", forecast->now);
  lq_write_u8(w, ',');
  member(w, "basis", lq_forecast_basis_name(forecast->basis));
  member_money(w, "spent", forecast->spent_nano);
  member_money(w, "sum", forecast->month_nano);
  member_money(w, "low", forecast->low_nano);
  member_money(w, "high", forecast->high_nano);
  lq_write_u8(w, '}');
}

lq_err lq_report_json(const lq_report *report, const char *tenant, const lq_prices *prices,
                      const lq_forecast *forecast, lq_writer *out) {
  lq_err err = LQ_OK;
  lq_write_u8(out, '{');
  member(out, "tenant", tenant);
  lq_write_u8(out, ',');
  member_hour(out, "from", report->from);
  lq_write_u8(out, ',');
  member_hour(out, "to", report->to);
  lq_write_u8(out, ',');
  member(out, "by", lq_usage_by_name(report->by));
  lq_write_text(out, ",\"rows\":[");
  for (uint32_t i = 0; i < report->row_count && !err; i++) {
    if (i) lq_write_u8(out, ',');
    err = row_json(report->row[i], prices, out);
  }
  lq_write_text(out, "],\"total\":{");
  if (!err) err = total_json(report, prices, out);
  lq_write_u8(out, '}');
  if (forecast) forecast_json(forecast, out);
  lq_write_u8(out, '}');
  return err ? err : out->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}

/* ---- CSV ---- */

void lq_csv_write_text(lq_writer *w, lq_span text) {
  bool quoted = false, formula = text.bytes && memchr("=+-@\t\r", text.data[0], 6);
  for (size_t i = 0; i < text.bytes; i++) quoted |= memchr(",\"\r\n", text.data[i], 4) != NULL;
  if (quoted) lq_write_u8(w, '"');
  if (formula) lq_write_u8(w, '\'');
  for (size_t i = 0; i < text.bytes; i++) {
    if (text.data[i] == '"') lq_write_u8(w, '"');
    lq_write_u8(w, text.data[i]);
  }
  if (quoted) lq_write_u8(w, '"');
}

static lq_err row_csv(const char *first, const lq_report_row *row, const lq_prices *prices,
                      lq_writer *w) {
  char from[LQ_USAGE_HOUR_BYTES], to[LQ_USAGE_HOUR_BYTES];
  lq_bill bill;
  lq_usage_hour_text(row->from, from);
  lq_usage_hour_text(row->to, to);
  const char *const text[] = {first, from, to, row->game, row->session};
  for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
    if (i) lq_write_u8(w, ',');
    lq_csv_write_text(w, lq_span_text(text[i]));
  }
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
    lq_write_u8(w, ',');
    lq_write_decimal_u(w, row->usage.count[i]);
  }
  if (prices) {
    lq_err err = lq_bill_of(prices, row->usage.count, &bill);
    if (err) return err;
    lq_write_u8(w, ',');
    lq_money_write(w, bill.sum_nano);
  }
  lq_write_text(w, "\r\n");
  return LQ_OK;
}

lq_err lq_report_csv(const lq_report *report, const lq_prices *prices, lq_writer *out) {
  lq_err err = LQ_OK;
  lq_write_text(out, "row,from,to,game,session");
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) {
    lq_write_u8(out, ',');
    lq_write_text(out, lq_usage_name((lq_usage_id)i));
  }
  if (prices) {
    lq_write_text(out, ",cost_");
    lq_write_text(out, prices->currency);
  }
  lq_write_text(out, "\r\n");
  for (uint32_t i = 0; i < report->row_count && !err; i++)
    err = row_csv(lq_usage_by_name(report->by), report->row[i], prices, out);
  lq_report_row total = {.from = report->from, .to = report->to, .usage = report->total};
  if (!err) err = row_csv("total", &total, prices, out);
  return err ? err : out->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}

/* ---- forecast ---- */

uint32_t lq_report_history(uint32_t now) {
  uint32_t month = lq_usage_month(now);
  uint32_t days = now > LQ_FORECAST_HOURS_MAX ? now - LQ_FORECAST_HOURS_MAX : 0;
  return month < days ? month : days;
}

lq_err lq_report_forecast(const lq_report *by_hour, const lq_prices *prices, lq_forecast *out) {
  int64_t nano[31 * 24] = {0};
  uint32_t now = by_hour->to, first = by_hour->row_count ? by_hour->row[0]->from : now;
  LQ_CHECK(by_hour->by == LQ_BY_HOUR && now - by_hour->from <= sizeof nano / sizeof *nano);
  for (uint32_t i = 0; i < by_hour->row_count; i++) {
    lq_bill bill;
    lq_err err = lq_bill_of(prices, by_hour->row[i]->usage.count, &bill);
    if (err) return err;
    nano[by_hour->row[i]->from - first] = bill.sum_nano;
  }
  lq_forecast_of(nano, now - first, now, out);
  return LQ_OK;
}
