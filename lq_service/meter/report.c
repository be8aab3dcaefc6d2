/* Items of a range folded into rows. */
#include "lq_service/meter/report.h"

#include <stdlib.h>

enum { PAGE = 500 };

static const char *const by_names[LQ_BY_COUNT] = {"total", "hour", "day",
                                                  "month", "game", "session"};

const char *lq_usage_by_name(lq_usage_by by) { return by < LQ_BY_COUNT ? by_names[by] : ""; }

lq_usage_by lq_usage_by_find(const char *name) {
  uint32_t by = 0;
  while (by < LQ_BY_COUNT && strcmp(by_names[by], name) != 0) by++;
  return (lq_usage_by)by;
}

void lq_report_begin(lq_report *report, uint32_t from, uint32_t to, lq_usage_by by) {
  *report = (lq_report){.from = from, .to = to, .by = by};
}

void lq_report_clear(lq_report *report) {
  for (uint32_t i = 0; i < report->row_count; i++) {
    lq_usage_clear(&report->row[i]->usage);
    free(report->row[i]);
  }
  free(report->row);
  free(report->session);
  lq_usage_clear(&report->total);
  *report = (lq_report){0};
}

/* ---- rows ---- */

static void times_of(const lq_report *report, uint32_t hour, uint32_t *from, uint32_t *to) {
  *from = report->from;
  *to = report->to;
  if (report->by == LQ_BY_HOUR) {
    *from = hour;
    *to = hour + 1;
  } else if (report->by == LQ_BY_DAY) {
    *from = hour / 24 * 24;
    *to = *from + 24;
  } else if (report->by == LQ_BY_MONTH) {
    *from = lq_usage_month(hour);
    *to = lq_usage_month_next(hour);
  }
  if (*from < report->from) *from = report->from;
  if (*to > report->to) *to = report->to;
}

static int row_order(const lq_report_row *a, const lq_report_row *b) {
  if (a->from != b->from) return a->from < b->from ? -1 : 1;
  int order = strcmp(a->game, b->game);
  return order ? order : strcmp(a->session, b->session);
}

/* Items come by hour, game and session: the place is nearly always the end or found by halving. */
static lq_err row_need(lq_report *report, const lq_report_row *key, lq_report_row **out) {
  uint32_t low = 0, high = report->row_count;
  *out = NULL;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = row_order(report->row[middle], key);
    if (!order) {
      *out = report->row[middle];
      return LQ_OK;
    }
    if (order < 0) low = middle + 1;
    if (order > 0) high = middle;
  }
  if (report->row_count == LQ_REPORT_ROWS_MAX) return LQ_ERR_FULL;
  if (report->row_count == report->row_capacity) {
    uint32_t capacity = report->row_capacity ? 2 * report->row_capacity : 64;
    lq_report_row **more = realloc(report->row, capacity * sizeof *more);
    if (!more) return LQ_ERR_MEMORY;
    report->row = more;
    report->row_capacity = capacity;
  }
  lq_report_row *row = malloc(sizeof *row);
  if (!row) return LQ_ERR_MEMORY;
  *row = *key;
  memmove(report->row + low + 1, report->row + low,
          (report->row_count - low) * sizeof(lq_report_row *));
  report->row[low] = *out = row;
  report->row_count++;
  return LQ_OK;
}

static lq_err row_add(lq_report *report, uint32_t hour, const char *game, const char *session,
                      const lq_usage *usage) {
  lq_report_row key = {0}, *row = NULL;
  lq_err err = LQ_OK;
  if (report->by != LQ_BY_TOTAL) {
    times_of(report, hour, &key.from, &key.to);
    if (report->by == LQ_BY_GAME || report->by == LQ_BY_SESSION)
      (void)lq_text_copy(key.game, sizeof key.game, lq_span_text(game));
    if (report->by == LQ_BY_SESSION)
      (void)lq_text_copy(key.session, sizeof key.session, lq_span_text(session));
    err = row_need(report, &key, &row);
    if (!err) err = lq_usage_add(&row->usage, usage);
  }
  return err ? err : lq_usage_add(&report->total, usage);
}

static lq_err session_seen(lq_report *report, const char *game, const char *session) {
  char key[LQ_TENANT_BYTES + LQ_ID_BYTES] = {0};
  memcpy(key, game, strlen(game));
  memcpy(key + LQ_TENANT_BYTES, session, strlen(session));
  uint32_t low = 0, high = report->session_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int order = memcmp(report->session[middle], key, sizeof key);
    if (!order) return LQ_OK;
    if (order < 0) low = middle + 1;
    if (order > 0) high = middle;
  }
  if (report->session_count == LQ_REPORT_ROWS_MAX) return LQ_ERR_FULL;
  if (report->session_count == report->session_capacity) {
    uint32_t capacity = report->session_capacity ? 2 * report->session_capacity : 64;
    void *more = realloc(report->session, capacity * sizeof key);
    if (!more) return LQ_ERR_MEMORY;
    report->session = more;
    report->session_capacity = capacity;
  }
  memmove(report->session + low + 1, report->session + low,
          (report->session_count - low) * sizeof key);
  memcpy(report->session[low], key, sizeof key);
  report->session_count++;
  return LQ_OK;
}

static lq_err kept_add(lq_report *report, uint32_t hour, lq_span value) {
  lq_kept kept = {0};
  lq_err err = lq_kept_decode(value, &kept);
  for (uint32_t i = 0; i < kept.count && !err; i++) {
    lq_usage usage = {0};
    usage.count[LQ_USAGE_JOURNAL_BYTE_HOURS] = kept.game[i].journal_bytes;
    usage.count[LQ_USAGE_CHECKPOINT_BYTE_HOURS] = kept.game[i].checkpoint_bytes;
    err = row_add(report, hour, kept.game[i].name, "", &usage);
  }
  lq_kept_clear(&kept);
  return err;
}

lq_err lq_report_add(lq_report *report, const char *sk, lq_span value) {
  char game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  uint32_t hour;
  bool kept = lq_kept_sk_read(sk, &hour);
  if (!kept && !lq_usage_sk_read(sk, &hour, game, session)) return LQ_ERR_INVALID;
  if (hour < report->from || hour >= report->to) return LQ_OK;
  if (kept) return kept_add(report, hour, value);
  lq_usage usage = {0};
  lq_err err = lq_usage_decode(value, &usage);
  if (!err) err = row_add(report, hour, game, session, &usage);
  if (!err && session[0]) err = session_seen(report, game, session);
  lq_usage_clear(&usage);
  return err;
}

/* ---- reading ---- */

typedef struct reading {
  lq_report *report;
  lq_store *store;
  char tenant[LQ_TENANT_BYTES];
  char after[LQ_STORE_SK_BYTES], last[LQ_STORE_SK_BYTES], behind[LQ_STORE_SK_BYTES];
  const char *prefix;
  uint32_t page;
  lq_err err;
  bool in_step, answered, over; /* the store may answer inside the call */
  void (*done)(void *context, lq_err err);
  void *context;
} reading;

static void go(reading *r);

static void got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  reading *r = context;
  (void)version;
  if (err) {
    if (err != LQ_ERR_NOT_FOUND && !r->err) r->err = err;
    r->over |= r->page < PAGE;
    r->answered = true;
    go(r);
    return;
  }
  r->page++;
  r->over |= strcmp(sk, r->behind) >= 0;
  if (r->err || r->over) return;
  memcpy(r->last, sk, strlen(sk) + 1); /* the store may still look at `after` */
  r->err = lq_report_add(r->report, sk, value);
}

/* Keys of the range: above `last`, below `behind`. USAGE#<hour> is below that hour's keys;
 * KEPT#<hour> is the key itself, so there the day's earlier hours come, too, and are left out. */
static void range(reading *r, const char *prefix) {
  char from[LQ_USAGE_HOUR_BYTES], to[LQ_USAGE_HOUR_BYTES];
  size_t bytes = strlen(prefix);
  r->prefix = prefix;
  r->over = false;
  lq_usage_hour_text(r->report->from, from);
  lq_usage_hour_text(r->report->to, to);
  memcpy(r->last, prefix, bytes);
  memcpy(r->behind, prefix, bytes);
  memcpy(r->last + bytes, from, sizeof from);
  memcpy(r->behind + bytes, to, sizeof to);
  if (prefix[0] == 'K') r->last[bytes + sizeof from - 3] = 0;
}

static void go(reading *r) {
  if (r->in_step) return;
  r->in_step = true;
  while (r->answered) {
    if (r->err || (r->over && r->prefix[0] == 'K')) break;
    if (r->over) range(r, "KEPT#");
    r->answered = false;
    r->page = 0;
    memcpy(r->after, r->last, sizeof r->after);
    r->store->items(r->store, r->tenant, r->prefix, r->after, PAGE, got, r);
  }
  r->in_step = false;
  if (!r->answered) return;
  void (*done)(void *context, lq_err err) = r->done;
  void *call_context = r->context;
  lq_err err = r->err;
  free(r);
  done(call_context, err);
}

void lq_report_read(lq_report *report, lq_store *store, const char *tenant,
                    void (*done)(void *context, lq_err err), void *context) {
  reading *r = calloc(1, sizeof *r);
  if (!r || !lq_text_copy(r->tenant, sizeof r->tenant, lq_span_text(tenant))) {
    free(r);
    done(context, r ? LQ_ERR_INVALID : LQ_ERR_MEMORY);
    return;
  }
  r->report = report;
  r->store = store;
  r->done = done;
  r->context = context;
  r->answered = true;
  range(r, "USAGE#");
  go(r);
}
