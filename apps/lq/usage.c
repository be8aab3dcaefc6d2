/* `lq usage`: what a tenant used and what it costs, from the data folder; also beside a running
 * server, whose last seconds are not in it yet. */
#include "apps/lq/server.h"
#include "lq_service/meter/spend.h"

enum { TENANT, FROM, TO, BY, CSV, PRICES, FORECAST, DATA }; /* options, as in main.c */
enum { BAR = 20 };

typedef struct usage_tool {
  const lq_cli *cli;
  lq_place place;
  lq_place_tenant *at;
  const char *tenant;
  lq_report report;
  lq_prices prices;
  lq_forecast forecast;
  lq_spend spend;
  bool done;
  lq_err err;
  lq_diag diag;
} usage_tool;

static void read_done(void *context, lq_err err) {
  usage_tool *t = context;
  t->done = true;
  t->err = err;
  lq_loop_stop(t->place.loop);
}

static lq_err report_read(usage_tool *t, lq_report *report) {
  t->done = false;
  lq_report_read(report, t->at->store, t->tenant, read_done, t);
  lq_place_wait(&t->place, &t->done);
  if (t->err)
    lq_diag_set(&t->diag, t->err, "the usage of %.31s cannot be read: %s", t->tenant,
                lq_err_cause(t->err));
  return t->err;
}

static lq_err prices_read(usage_tool *t) {
  const char *path = t->cli->value[PRICES];
  uint8_t *data = NULL;
  size_t bytes = 0;
  if (!path) {
    lq_prices_standard(&t->prices);
    return LQ_OK;
  }
  lq_err err = lq_file_read(path, LQ_PRICE_BYTES_MAX, &data, &bytes);
  if (err)
    lq_diag_set(&t->diag, err, "%.200s cannot be read: %s", path, lq_err_cause(err));
  else
    err = lq_prices_read(lq_span_of(data, bytes), &t->prices, &t->diag);
  lq_file_free(data);
  if (err && !t->diag.mend[0])
    (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                   "see docs/usage.md for what a price table holds");
  return err;
}

static lq_err forecast_make(usage_tool *t) {
  lq_report hours;
  uint32_t now = lq_usage_hour(lq_clock_wall_ms());
  lq_report_begin(&hours, lq_report_history(now), now, LQ_BY_HOUR);
  lq_err err = report_read(t, &hours);
  if (!err) err = lq_report_forecast(&hours, &t->prices, &t->forecast);
  lq_report_clear(&hours);
  return err;
}

static void looked(void *context, lq_err err, const lq_diag *diag, const lq_spend *spend) {
  usage_tool *t = context;
  if (diag) t->diag = *diag;
  if (spend) t->spend = *spend;
  read_done(t, err);
}

/* What the server would decide now; it is not kept. */
static lq_err budget_look(usage_tool *t) {
  t->done = false;
  lq_spend_look(t->at->store, t->tenant, &t->prices, lq_usage_hour(lq_clock_wall_ms()), looked, t);
  lq_place_wait(&t->place, &t->done);
  return t->err;
}

/* ---- for people ---- */

static const char *money(int64_t nano) {
  static char room[40];
  lq_writer w = lq_writer_of(room, sizeof room - 1);
  lq_money_write(&w, nano);
  room[w.bytes] = 0;
  return room;
}

/* "12.3 MB": of counts, for the eye; --json and --csv are exact. */
static const char *short_of(uint64_t count, const char *unit, char room[24]) {
  static const char *const steps[] = {"", "k", "M", "G", "T", "P", "E"};
  uint64_t whole = count, part = 0;
  size_t step = 0;
  for (; whole >= 1000; step++) {
    part = whole % 1000 / 100;
    whole /= 1000;
  }
  if (step)
    (void)snprintf(room, 24, "%llu.%llu %s%s", (unsigned long long)whole, (unsigned long long)part,
                   steps[step], unit);
  else
    (void)snprintf(room, 24, "%llu%s%s", (unsigned long long)whole, unit[0] ? " " : "", unit);
  return room;
}

static void label_of(const lq_report *report, const lq_report_row *row, char out[80]) {
  char hour[LQ_USAGE_HOUR_BYTES];
  lq_usage_hour_text(row->from, hour);
  if (report->by == LQ_BY_DAY) hour[10] = 0;
  if (report->by == LQ_BY_MONTH) hour[7] = 0;
  if (report->by == LQ_BY_GAME)
    (void)snprintf(out, 80, "%s", row->game);
  else if (report->by == LQ_BY_SESSION)
    (void)snprintf(out, 80, "%s/%s", row->game, row->session[0] ? row->session : "*");
  else
    (void)snprintf(out, 80, "%s", hour);
}

static void line_print(const char *label, const uint64_t *count, int64_t nano, uint32_t bar) {
  char a[24], b[24], c[24], d[24], e[24];
  (void)printf(
      "%-28s %9s %9s %9s %10s %10s %8.2f %14s ", label, short_of(count[LQ_USAGE_TICKS], "", a),
      short_of(count[LQ_USAGE_COMMANDS], "", b), short_of(count[LQ_USAGE_EVENTS], "", c),
      short_of(count[LQ_USAGE_JOURNAL_BYTES], "B", d), short_of(count[LQ_USAGE_BYTES_OUT], "B", e),
      (double)count[LQ_USAGE_CONNECTION_MS] / 3.6e6, money(nano));
  (void)printf("%8.1f s ", (double)count[LQ_USAGE_CPU_NS] / 1e9);
  for (uint32_t i = 0; i < bar; i++) (void)fputs("\xe2\x96\x88", stdout);
  (void)fputc('\n', stdout);
}

static lq_err table_print(const usage_tool *t) {
  const lq_report *report = &t->report;
  const lq_prices *prices = &t->prices;
  lq_bill bill;
  int64_t most = 1;
  char label[80], from[LQ_USAGE_HOUR_BYTES], to[LQ_USAGE_HOUR_BYTES];
  lq_err err = LQ_OK;
  for (uint32_t i = 0; i < report->row_count && !err; i++) {
    err = lq_bill_of(prices, report->row[i]->usage.count, &bill);
    if (bill.sum_nano > most) most = bill.sum_nano;
  }
  if (err) return err;
  lq_usage_hour_text(report->from, from);
  lq_usage_hour_text(report->to, to);
  (void)printf(
      "%s, %s to %s UTC, prices in %s: %s, %s\n\n%-28s %9s %9s %9s %10s %10s %8s %14s %10s\n",
      t->tenant, from, to, prices->currency, prices->name, prices->date,
      lq_usage_by_name(report->by), "ticks", "commands", "events", "journal", "sent", "player h",
      "cost", "cpu");
  for (uint32_t i = 0; i < report->row_count && !err; i++) {
    const lq_report_row *row = report->row[i];
    err = lq_bill_of(prices, row->usage.count, &bill);
    label_of(report, row, label);
    line_print(label, row->usage.count, bill.sum_nano,
               (uint32_t)(bill.sum_nano / (most / BAR + 1)));
  }
  if (!err) err = lq_bill_of(prices, report->total.count, &bill);
  if (err) return err;
  line_print("total", report->total.count, bill.sum_nano, 0);
  (void)fputc('\n', stdout);
  for (uint32_t i = 0; i < prices->line_count; i++) {
    char quantity[48];
    lq_writer w = lq_writer_of(quantity, sizeof quantity - 1);
    if (!bill.line_nano[i]) continue;
    lq_price_quantity_write(&prices->line[i], report->total.count, &w);
    quantity[w.bytes] = 0;
    (void)printf("%-22s %20s %16s  %s\n", prices->line[i].id, quantity, money(bill.line_nano[i]),
                 prices->line[i].text);
  }
  int64_t share;
  if (report->session_count && !lq_money_share(bill.sum_nano, 1, report->session_count, &share))
    (void)printf("%u sessions, %s each\n", report->session_count, money(share));
  uint64_t played = report->total.count[LQ_USAGE_CONNECTION_MS];
  if (played && !lq_money_share(bill.sum_nano, 3600000, played, &share))
    (void)printf("%s a player hour\n", money(share));
  return LQ_OK;
}

static void forecast_print(const usage_tool *t) {
  const lq_forecast *f = &t->forecast;
  char month[LQ_USAGE_HOUR_BYTES];
  lq_usage_hour_text(f->month, month);
  month[7] = 0;
  (void)printf("\nforecast of %s: %s %s", month, money(f->month_nano), t->prices.currency);
  (void)printf(" (nine of ten: %s", money(f->low_nano));
  (void)printf(" to %s), from %s; ", money(f->high_nano), lq_forecast_basis_name(f->basis));
  (void)printf("%s until now\n", money(f->spent_nano));
}

static void budget_print(const usage_tool *t) {
  const lq_spend *s = &t->spend;
  if (!s->has_budget) return;
  (void)printf("budget of the month: %s %s; ", money(s->budget.monthly_nano), s->budget.currency);
  (void)printf("%s%s%s\n", s->decision.reason[0] ? s->decision.reason : "no alarm",
               s->decision.slow ? "; sessions are slowed" : "",
               s->decision.refuse ? "; no new sessions" : "");
}

static void budget_json(const lq_spend *s, lq_writer *w) {
  if (!s->has_budget) return;
  w->bytes--; /* inside the object */
  lq_write_text(w, ",\"budget\":{\"monthly\":\"");
  lq_money_write(w, s->budget.monthly_nano);
  lq_write_text(w, "\",\"currency\":");
  lq_json_write_text(w, lq_span_text(s->budget.currency));
  lq_write_text(w, ",\"slow\":");
  lq_write_text(w, s->decision.slow ? "true" : "false");
  lq_write_text(w, ",\"refuse\":");
  lq_write_text(w, s->decision.refuse ? "true" : "false");
  lq_write_text(w, ",\"reason\":");
  lq_json_write_text(w, lq_span_text(s->decision.reason));
  lq_write_text(w, "}}");
}

/* ---- the command ---- */

static int tell(usage_tool *t) {
  const lq_forecast *forecast = t->cli->value[FORECAST] ? &t->forecast : NULL;
  lq_err err = LQ_OK;
  if (t->cli->value[CSV]) {
    lq_writer w = lq_out_begin();
    err = lq_report_csv(&t->report, &t->prices, &w);
    if (!err) (void)fwrite(w.data, 1, w.bytes, stdout);
  } else if (t->cli->json) {
    lq_writer w = lq_out_begin();
    err = lq_report_json(&t->report, t->tenant, &t->prices, forecast, &w);
    if (!err && forecast) budget_json(&t->spend, &w);
    if (!err) lq_out_end(&w);
  } else {
    err = table_print(t);
    if (!err && forecast) forecast_print(t);
    if (!err && forecast) budget_print(t);
  }
  if (!err) return LQ_EXIT_OK;
  lq_diag_set(&t->diag, err, "the usage cannot be told: %s", lq_err_cause(err));
  return lq_cli_fail(t->cli, err, &t->diag);
}

static int times_read(const lq_cli *cli, uint32_t *from, uint32_t *to) {
  uint32_t hour = lq_usage_hour(lq_clock_wall_ms()), other;
  *to = hour + 1;
  *from = lq_usage_month(hour);
  bool good = !cli->value[FROM] || lq_usage_time_read(lq_span_text(cli->value[FROM]), from, &other);
  good = good && (!cli->value[TO] || lq_usage_time_read(lq_span_text(cli->value[TO]), &other, to));
  if (!good)
    return lq_cli_usage("times are 2026-01, 2026-01-31 or 2026-01-31T12, in UTC; --to is included");
  if (*from >= *to) return lq_cli_usage("--from is later than --to");
  return LQ_EXIT_OK;
}

int lq_cmd_usage(const lq_cli *cli) {
  static usage_tool room; /* prices are large */
  usage_tool *t = &room;
  uint32_t from, to;
  lq_usage_by by = lq_usage_by_find(cli->value[BY] ? cli->value[BY] : "day");
  if (by == LQ_BY_COUNT)
    return lq_cli_usage("--by total, hour, day, month, game or session, not '%s'", cli->value[BY]);
  int status = times_read(cli, &from, &to);
  if (status) return status;
  if (cli->value[CSV] && (cli->json || cli->value[FORECAST]))
    return lq_cli_usage("--csv goes without --json and --forecast");
  t->cli = cli;
  t->tenant = cli->value[TENANT] ? cli->value[TENANT] : "acme";
  lq_err err = prices_read(t);
  if (err) return lq_cli_fail(cli, err, &t->diag);
  err = lq_place_open(cli->value[DATA], true, &t->place, &t->diag);
  if (err == LQ_ERR_NOT_FOUND)
    (void)snprintf(t->diag.mend, sizeof t->diag.mend,
                   "lq dev or lq serve make it; --data or LQ_DATA name another data folder");
  if (err) return lq_cli_fail(cli, err, &t->diag);
  err = lq_place_tenant_need(&t->place, t->tenant, false, &t->at, &t->diag);
  lq_report_begin(&t->report, from, to, by);
  if (!err) err = report_read(t, &t->report);
  if (!err && cli->value[FORECAST]) err = forecast_make(t);
  if (!err && cli->value[FORECAST]) err = budget_look(t);
  status = err ? lq_cli_fail(cli, err, &t->diag) : tell(t);
  lq_report_clear(&t->report);
  lq_place_close(&t->place);
  return status;
}
