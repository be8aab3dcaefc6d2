/* A tenant's log and usage over REST. */
#include "lq_service/gateway/gateway_int.h"
#include "lq_service/meter/report.h"

#include <stdio.h>
#include <stdlib.h>

static lq_tenants *tenants_of(const lqi_call *call) {
  return lq_access_tenants(call->gateway->options.access);
}

static lq_writer page_of(const lqi_call *call) {
  return lq_writer_of(call->gateway->page, LQI_PAGE_BYTES);
}

static lq_store *store_of(const lqi_call *call) {
  const char *name = call->rest.name.tenant;
  if (!strcmp(name, LQ_STORE_PLATFORM)) return lq_tenants_platform(tenants_of(call));
  const lq_tenant *tenant = lq_tenant_find(tenants_of(call), name);
  return tenant ? lq_tenant_store(tenant) : NULL;
}

/* ---- the log ---- */

typedef struct listing {
  lqi_call *call;
  lq_store *store;
  lq_writer w;
  uint64_t first, count, size;
  lq_err err;
} listing;

static void detail_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  listing *l = context;
  lq_audit_detail detail;
  (void)sk;
  (void)version;
  lq_write_text(&l->w, ",\"detail\":");
  if (err || lq_audit_detail_decode(value, &detail))
    lq_write_text(&l->w, "null"); /* shredded, or damaged: the leaf holds its digest */
  else
    lq_audit_detail_json(&detail, &l->w);
}

static void leaf_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  listing *l = context;
  lq_audit_entry entry;
  char sk[LQ_STORE_SK_BYTES];
  if (err) {
    l->size = index;
    l->err = err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
    return;
  }
  if (lq_audit_entry_decode(leaf, &entry)) {
    l->err = LQ_ERR_CORRUPT;
    return;
  }
  if (l->count++) lq_write_u8(&l->w, ',');
  lq_write_text(&l->w, "{\"entry\":");
  lq_audit_entry_json(index, &entry, &l->w);
  if (entry.has_detail) {
    lq_audit_detail_sk(entry.detail, sk);
    l->store->item(l->store, l->call->rest.name.tenant, sk, detail_came, l);
  }
  lq_write_u8(&l->w, '}');
}

static void log_get(lqi_call *call, lq_store *store) {
  listing l = {.call = call, .store = store, .w = page_of(call), .first = call->rest.from};
  lq_write_text(&l.w, "{\"entries\":[");
  store->log(store, call->rest.name.tenant, l.first, call->rest.limit, leaf_came, &l);
  lq_write_text(&l.w, "],\"size\":");
  lq_write_decimal_u(&l.w, l.size);
  if (l.count == call->rest.limit && l.first + l.count < l.size) {
    lq_write_text(&l.w, ",\"next\":");
    lq_write_decimal_u(&l.w, l.first + l.count);
  }
  lq_write_u8(&l.w, '}');
  if (!l.err && l.w.failed) l.err = LQ_ERR_TOO_BIG;
  lqi_answered(call, l.err, NULL, l.err ? (lq_span){0} : lq_writer_span(&l.w));
}

/* ---- checkpoints and proofs ---- */

static void checkpoint_get(lqi_call *call, const lq_follower *follower) {
  lq_writer w = page_of(call);
  uint8_t key[LQ_NOTE_KEY_TEXT_BYTES];
  lq_writer k = lq_writer_of(key, sizeof key);
  lq_note_key_write(lq_follower_key(follower), &k);
  lq_write_text(&w, "{\"size\":");
  lq_write_decimal_u(&w, lq_follower_head(follower)->size);
  lq_write_text(&w, ",\"checkpoint\":");
  lq_json_write_text(&w, lq_follower_note(follower));
  lq_write_text(&w, ",\"key\":");
  lq_json_write_text(&w, lq_writer_span(&k));
  lq_write_u8(&w, '}');
  lqi_answered(call, LQ_OK, NULL, lq_writer_span(&w));
}

static void proved(void *context, lq_err err, const lq_audit_proof *proof) {
  lqi_call *call = context;
  lq_writer w = page_of(call);
  lq_diag diag = {0};
  if (!err) lq_audit_proof_json(proof, call->rest.has_tick, &w);
  if (err == LQ_ERR_RANGE)
    (void)lq_diag_set(&diag, err, "it is not in the last checkpoint: a second later it may be");
  lqi_answered(call, err, diag.message[0] ? &diag : NULL, err ? (lq_span){0} : lq_writer_span(&w));
}

static void proof_get(lqi_call *call, lq_follower *follower, const lq_http_request *request) {
  uint64_t leaf = 0, from = 0;
  lq_diag diag = {0};
  lq_err leaf_err = lq_http_query_u64(request->query, "leaf", &leaf);
  lq_err from_err = lq_http_query_u64(request->query, "from", &from);
  call->rest.has_tick = !leaf_err; /* inclusion, and not consistency */
  if (!leaf_err) {
    lq_follower_inclusion(follower, leaf, proved, call);
  } else if (!from_err) {
    lq_follower_consistency(follower, from, proved, call);
  } else {
    (void)lq_diag_set(&diag, LQ_ERR_INVALID,
                      "?leaf=N proves that a leaf is in the log, ?from=N that the log goes on from "
                      "N leaves");
    lqi_answered(call, diag.code, &diag, (lq_span){0});
  }
}

/* ---- usage ---- */

typedef struct using {
  lqi_call *call;
  lq_report report;
  bool csv;
}
using;

static void csv_reply(lqi_call *call, lq_span text) {
  lqi_conn *c = call->conn;
  if (c) {
    c->call = NULL;
    call->conn = NULL;
    lqi_reply(c, &(lq_http_response){.status = 200, .content_type = "text/csv", .body = text});
    if (!c->in_call) lqi_http_resume(c);
  }
  lqi_call_free(call);
}

static void report_done(void *context, lq_err err) {
  using *u = context;
  lqi_call *call = u->call;
  lq_prices room;
  const lq_prices *prices = lq_prices_standard(&room);
  lq_writer w = page_of(call);
  if (!err)
    err = u->csv ? lq_report_csv(&u->report, prices, &w)
                 : lq_report_json(&u->report, call->rest.name.tenant, prices, NULL, &w);
  if (err)
    lqi_answered(call, err, NULL, (lq_span){0});
  else if (u->csv)
    csv_reply(call, lq_writer_span(&w));
  else
    lqi_answered(call, LQ_OK, NULL, lq_writer_span(&w));
  lq_report_clear(&u->report);
  free(u);
}

/* A time as 2026-11, 2026-11-28 or 2026-11-28T05; absent: this month. */
static lq_err range_read(const lq_http_request *request, uint32_t *from, uint32_t *to,
                         lq_diag *diag) {
  uint32_t now = lq_usage_hour(lq_clock_wall_ms()), end;
  *from = lq_usage_month(now);
  *to = lq_usage_month_next(now);
  static const char *const names[] = {"from", "to"};
  for (int i = 0; i < 2; i++) {
    char text[24];
    size_t bytes = 0;
    lq_err err = lq_http_query_get(request->query, names[i], text, sizeof text, &bytes);
    if (err == LQ_ERR_NOT_FOUND) continue;
    uint32_t begin;
    if (err || !lq_usage_time_read(lq_span_of(text, bytes), &begin, &end))
      return lq_diag_set(diag, LQ_ERR_INVALID, "?%s= must be 2026-11, 2026-11-28 or 2026-11-28T05",
                         names[i]);
    if (i == 0) *from = begin;
    if (i == 0 && end > *to) *to = end;
    if (i == 1) *to = end;
  }
  return *from < *to ? LQ_OK : lq_diag_set(diag, LQ_ERR_RANGE, "?to= lies before ?from=");
}

static void usage_get(lqi_call *call, lq_store *store, const lq_http_request *request) {
  uint32_t from, to;
  char text[16] = "total";
  size_t bytes = 0;
  lq_diag diag = {0};
  lq_err err = range_read(request, &from, &to, &diag);
  lq_usage_by by = LQ_BY_TOTAL;
  if (!err && !lq_http_query_get(request->query, "by", text, sizeof text, &bytes))
    by = lq_usage_by_find(text);
  if (!err && by == LQ_BY_COUNT)
    err =
        lq_diag_set(&diag, LQ_ERR_INVALID, "?by= must be total, hour, day, month, game or session");
  using *u = err ? NULL : calloc(1, sizeof *u);
  if (!u) {
    lqi_answered(call, err ? err : LQ_ERR_MEMORY, err ? &diag : NULL, (lq_span){0});
    return;
  }
  u->call = call;
  text[0] = 0;
  u->csv = !lq_http_query_get(request->query, "format", text, sizeof text, &bytes) &&
           !strcmp(text, "csv");
  lq_report_begin(&u->report, from, to, by);
  lq_report_read(&u->report, store, call->rest.name.tenant, report_done, u);
}

/* ---- which ---- */

static void run(lqi_call *call, const lq_http_request *request) {
  lq_store *store = store_of(call);
  lq_follower *follower = lq_tenants_follower(tenants_of(call), call->rest.name.tenant);
  bool follows =
      call->rest.route == LQI_ROUTE_AUDIT_CHECKPOINT || call->rest.route == LQI_ROUTE_AUDIT_PROOF;
  lq_diag diag = {0};
  lq_err err = !store ? LQ_ERR_UNKNOWN_TENANT : LQ_OK;
  if (!err && follows) err = follower ? lq_follower_state(follower, &diag) : LQ_ERR_NOT_FOUND;
  if (err)
    lqi_answered(call, err, diag.message[0] ? &diag : NULL, (lq_span){0});
  else if (call->rest.route == LQI_ROUTE_AUDIT)
    log_get(call, store);
  else if (call->rest.route == LQI_ROUTE_AUDIT_CHECKPOINT)
    checkpoint_get(call, follower);
  else if (call->rest.route == LQI_ROUTE_AUDIT_PROOF)
    proof_get(call, follower, request);
  else
    usage_get(call, store, request);
}

void lqi_audit_request(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lqi_who who;
  lq_diag diag = {0};
  lqi_target of = *target;
  if (!c->gateway->options.access) {
    lqi_problem_text(c, LQ_ERR_NOT_FOUND,
                     "this server asks for no tokens (lq dev): use lq audit and lq usage");
    return;
  }
  if (!lqi_rate_take(c)) {
    lqi_problem(c, 0, LQ_ERR_RATE, NULL, NULL);
    return;
  }
  bool usage = target->route == LQI_ROUTE_USAGE || target->route == LQI_ROUTE_USAGE_OWN;
  if (!lqi_who_asks(c, request, &who)) return;
  if (target->route == LQI_ROUTE_USAGE_OWN)
    (void)lq_text_copy(of.name.tenant, sizeof of.name.tenant, lq_span_text(who.id.tenant));
  if (!lqi_may(c, &who, usage ? LQ_ACTION_READ_USAGE : LQ_ACTION_READ_AUDIT, of.name.tenant, NULL,
               NULL))
    return;
  lqi_call *call = lqi_call_begin(c, &of, LQ_HTTP_GET, 0);
  if (!call) return;
  lqi_target plain = of;
  plain.route = LQI_ROUTE_JOURNAL; /* the same parameters: ?from= and ?limit= */
  lqi_rest asked;
  lq_err err = target->route == LQI_ROUTE_AUDIT
                   ? lqi_rest_read(request, &plain, &asked, NULL, &diag)
                   : LQ_OK;
  if (err) {
    lqi_problem(c, 0, err, &diag, NULL);
    lqi_call_free(call);
    return;
  }
  if (target->route == LQI_ROUTE_AUDIT) {
    call->rest.from = asked.from;
    call->rest.limit = asked.limit;
  }
  c->call = call;
  c->in_call = true;
  run(call, request);
  c->in_call = false;
  lqi_wheel_set(c);
}
