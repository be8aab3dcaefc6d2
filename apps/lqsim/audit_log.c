/* What must hold of a tenant's log, against its journals and against who was told what. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"
#include "apps/lqsim/sim_run.h"
#include "lq_service/ledger/ledger.h"

enum { SESSIONS_MAX = 64 };

typedef struct line {
  lq_span leaf;
  lq_audit_entry entry;
} line;

typedef struct log_audit {
  const char *tenant;
  lq_store *real, *store; /* store: the tenant's; NULL: its keys are gone */
  line *line;
  lq_sha256 *hash;
  uint64_t count, capacity, slices, details;
  lq_session_name session[SESSIONS_MAX];
  uint32_t session_count;
  bool ended, shared;
  lq_err err;
} log_audit;

/* ---- the leaves ---- */

static void leaf_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  log_audit *a = context;
  if (err) {
    a->ended = true;
    a->err = err == LQ_ERR_NOT_FOUND ? LQ_OK : err;
    if (!a->err && index != a->count)
      sim_violation("%s: the log says %llu leaves and has %llu", a->tenant,
                    (unsigned long long)index, (unsigned long long)a->count);
    return;
  }
  if (index != a->count)
    sim_violation("%s: leaf %llu comes where %llu should", a->tenant, (unsigned long long)index,
                  (unsigned long long)a->count);
  if (a->count == a->capacity) {
    a->capacity = a->capacity ? 2 * a->capacity : 256;
    a->line = realloc(a->line, a->capacity * sizeof *a->line);
    a->hash = realloc(a->hash, a->capacity * sizeof *a->hash);
    LQ_CHECK(a->line && a->hash);
  }
  line *l = &a->line[a->count];
  uint8_t *copy = malloc(leaf.bytes + 1);
  LQ_CHECK(copy);
  memcpy(copy, leaf.data, leaf.bytes);
  l->leaf = lq_span_of(copy, leaf.bytes);
  a->hash[a->count++] = lq_sha256_of2(lq_span_of("", 1), leaf); /* RFC 6962: 0x00 and the leaf */
  lq_err bad = lq_audit_entry_decode(l->leaf, &l->entry);
  if (bad || strcmp(l->entry.name.tenant, a->tenant) != 0)
    sim_violation("%s: leaf %llu is no entry of this log: %s", a->tenant, (unsigned long long)index,
                  lq_err_name(bad));
}

static void tree_check(const log_audit *a) {
  lq_tree tree = {0};
  for (uint64_t i = 0; i < a->count; i++) lq_tree_append(&tree, &a->hash[i]);
  lq_sha256 theirs = lq_tree_root(&tree), ours = sim_merkle(a->hash, a->count);
  if (memcmp(theirs.bytes, ours.bytes, 32) != 0)
    sim_violation("%s: the tree of %llu leaves is not RFC 6962's", a->tenant,
                  (unsigned long long)a->count);
}

/* ---- a session ---- */

typedef struct session_audit {
  log_audit *a;
  const lq_session_name *name;
  uint64_t at;      /* leaves below it are used up */
  uint64_t checked; /* slices */
} session_audit;

static bool is_about(const line *l, const lq_session_name *name, lq_audit_kind kind) {
  return l->entry.kind == kind && !strcmp(l->entry.name.game, name->game) &&
         !strcmp(l->entry.name.session, name->session);
}

static void counts_check(const session_audit *s, const lq_audit_entry *e, lq_slice_reader *reader) {
  uint64_t events = 0;
  for (lq_slice_tick tick; lq_slice_next(reader, &tick);) events += tick.events.bytes != 0;
  if (events && !e->slice.events)
    sim_violation("%s/%s/%s: slice %llu has events, its leaf says none", s->a->tenant,
                  s->name->game, s->name->session, (unsigned long long)e->slice.slice);
}

static void slice_came(void *context, lq_err err, const char *sk, lq_span body) {
  session_audit *s = context;
  log_audit *a = s->a;
  (void)sk;
  if (err || sim.failed) {
    if (err && err != LQ_ERR_NOT_FOUND) a->err = err;
    return;
  }
  lq_slice_reader reader;
  if (lq_slice_open(body, &reader)) {
    a->err = LQ_ERR_CORRUPT;
    return;
  }
  const lq_slice_header *h = &reader.header;
  while (s->at < a->count && !is_about(&a->line[s->at], s->name, LQ_AUDIT_SLICE)) s->at++;
  if (s->at == a->count) {
    sim_violation("%s/%s/%s: slice %llu has no leaf", a->tenant, s->name->game, s->name->session,
                  (unsigned long long)h->slice);
    return;
  }
  const lq_audit_entry *e = &a->line[s->at++].entry;
  if (e->slice.slice != h->slice || e->slice.tick_first != h->tick_first ||
      e->slice.tick_last != h->tick_last || e->slice.hash_before != h->hash_before ||
      e->slice.hash_after != h->hash_after || memcmp(e->slice.release, h->release, 32) != 0 ||
      memcmp(e->slice.chain_before, h->chain_before, 32) != 0 ||
      memcmp(e->slice.chain_after, reader.chain_after, 32) != 0)
    sim_violation("%s/%s/%s: slice %llu is followed in the log by a leaf of slice %llu, or by "
                  "other digests",
                  a->tenant, s->name->game, s->name->session, (unsigned long long)h->slice,
                  (unsigned long long)e->slice.slice);
  counts_check(s, e, &reader);
  s->checked++;
  a->slices++;
}

/* ---- who was seated ---- */

/* Changes that the server was told are not durable, or that met an error before they were asked for
 * (it counts them: audit_failed). Each may be a join. */
static uint64_t excuses(const log_audit *a, const sim_audit *audit) {
  const sim_log_seen *log = sim_witness_log(audit->server->witness, a->tenant);
  uint64_t lost = log->refused + sim.fault[SIM_F_ERROR] + sim.fault[SIM_F_MEMORY] +
                  sim.fault[SIM_F_READ_ERROR] + (sim.nth_kind == SIM_NTH_IO);
  /* Far away, a slice may overtake the leaf before it, and the process ends before that leaf is
   * asked for again; on one disk they are written in order. */
  return a->shared ? lost + log->asked - log->answered : lost;
}

static uint64_t joins_before(const log_audit *a, const lq_session_name *name, uint32_t slot,
                             uint64_t tick) {
  uint64_t joins = 0;
  for (uint64_t i = 0; i < a->count; i++) {
    const lq_audit_entry *e = &a->line[i].entry;
    if (!a->shared && is_about(&a->line[i], name, LQ_AUDIT_SLICE) && e->slice.tick_last >= tick)
      break;
    joins += is_about(&a->line[i], name, LQ_AUDIT_JOIN) && e->join.slot == slot;
  }
  return joins;
}

/* Whoever was told "joined" has a leaf that says so, no later than the slice with the join. */
static void joins_check(const log_audit *a, const sim_audit *audit, const lq_session_name *name) {
  uint64_t missing = 0;
  for (uint32_t i = 0; i < sim_run_client_count; i++) {
    const sim_client *c = &sim_run_client[i];
    if (strcmp(sim_tenant[c->tenant], name->tenant) != 0 ||
        strcmp(sim_games_built.game[c->game].name, name->game) != 0 ||
        strcmp(c->session, name->session) != 0 || !c->slot)
      continue;
    uint64_t worst = 0;
    for (uint32_t k = 0; k < c->seat_count; k++) {
      uint64_t joins = joins_before(a, name, c->slot, c->seat[k]);
      if (k + 1 - worst > joins) worst = k + 1 - joins;
    }
    missing += worst;
    if (missing > excuses(a, audit))
      sim_violation("%s/%s/%s: client %u was seated %u times, %llu joins are not in the log before "
                    "their slices",
                    name->tenant, name->game, name->session, c->number, c->seat_count,
                    (unsigned long long)missing);
  }
}

/* ---- checkpoints and details ---- */

typedef struct checkpoint_audit {
  const log_audit *a;
  const lq_session_name *name;
} checkpoint_audit;

static void checkpoint_came(void *context, lq_err err, const char *sk, lq_span body) {
  const checkpoint_audit *c = context;
  lq_checkpoint checkpoint;
  (void)sk;
  if (err || lq_checkpoint_read(body, &checkpoint)) return;
  lq_sha256 digest = lq_sha256_of(body);
  for (uint64_t i = 0; i < c->a->count; i++) {
    const line *l = &c->a->line[i];
    if (is_about(l, c->name, LQ_AUDIT_CHECKPOINT) && l->entry.checkpoint.tick == checkpoint.tick &&
        memcmp(l->entry.checkpoint.digest, digest.bytes, 32) != 0)
      sim_violation("%s/%s/%s: the checkpoint of tick %llu is not the one in the log",
                    c->name->tenant, c->name->game, c->name->session,
                    (unsigned long long)checkpoint.tick);
  }
}

typedef struct detail_audit {
  const log_audit *a;
  uint64_t index;
} detail_audit;

static void detail_came(void *context, lq_err err, const char *sk, uint64_t version,
                        lq_span value) {
  const detail_audit *d = context;
  const lq_audit_entry *e = &d->a->line[d->index].entry;
  lq_sha256 digest = lq_sha256_of(value);
  lq_audit_detail detail;
  (void)sk;
  (void)version;
  if (err || memcmp(digest.bytes, e->detail, 32) != 0 || lq_audit_detail_decode(value, &detail) ||
      !lq_span_is(detail.tenant, d->a->tenant))
    sim_violation("%s: leaf %llu names a detail that is not there: %s", d->a->tenant,
                  (unsigned long long)d->index, lq_err_name(err));
}

static void details_count(void *context, lq_err err, const char *sk, uint64_t version,
                          lq_span value) {
  (void)sk;
  (void)version;
  (void)value;
  if (!err) (*(uint64_t *)context)++;
}

static void details_check(log_audit *a) {
  uint64_t items = 0, leaves = 0;
  char sk[LQ_STORE_SK_BYTES] = "", before[LQ_STORE_SK_BYTES] = "";
  for (uint64_t i = 0; i < a->count && !sim.failed; i++) {
    if (!a->line[i].entry.has_detail) continue;
    memcpy(before, sk, sizeof before);
    lq_audit_detail_sk(a->line[i].entry.detail, sk);
    detail_audit d = {a, i};
    if (a->store) a->store->item(a->store, a->tenant, sk, detail_came, &d);
    if (leaves++ == 1 && a->store) sim_swap_items(a->real, a->store, a->tenant, sk, before);
  }
  a->real->items(a->real, a->tenant, "DETAIL#", NULL, 0, details_count, &items);
  if (items != leaves)
    sim_violation("%s: %llu details for %llu leaves that have one", a->tenant,
                  (unsigned long long)items, (unsigned long long)leaves);
}

/* ---- all of it ---- */

static void session_listed(void *context, lq_err err, const lq_session_name *name,
                           const lq_store_head *head) {
  log_audit *a = context;
  (void)head;
  if (err) return;
  LQ_CHECK(a->session_count < SESSIONS_MAX);
  a->session[a->session_count++] = *name;
}

static void session_check(log_audit *a, const sim_audit *audit, const lq_session_name *name) {
  session_audit s = {.a = a, .name = name};
  checkpoint_audit c = {a, name};
  a->store->slices(a->store, name, 1, UINT64_MAX, 0, slice_came, &s);
  a->store->checkpoint_get(a->store, name, UINT64_MAX, checkpoint_came, &c);
  for (; s.at < a->count && !a->err; s.at++)
    if (is_about(&a->line[s.at], name, LQ_AUDIT_SLICE))
      sim_violation("%s/%s/%s: the log has a leaf of slice %llu, the journal ends at %llu",
                    name->tenant, name->game, name->session,
                    (unsigned long long)a->line[s.at].entry.slice.slice,
                    (unsigned long long)s.checked);
  if (!sim.failed && !a->err) joins_check(a, audit, name);
  if (!sim.failed && !a->err) sim_audit_meter(a->store, name, s.checked);
  if (s.checked > 1 && !sim.failed) sim_swap_slices(a->real, a->store, name);
}

void sim_audit_log(const sim_audit *audit, lq_store *real, lq_store *store, const char *tenant) {
  log_audit a = {
      .tenant = tenant, .real = real, .store = store, .shared = audit->server->shared != NULL};
  real->log(real, tenant, 0, 0, leaf_came, &a);
  LQ_CHECK(a.ended);
  if (!cluster.damaged && a.err)
    sim_violation("%s: the log cannot be read: %s", tenant, lq_err_name(a.err));
  for (uint32_t g = 0; g < sim_games_built.count; g++)
    real->sessions(real, tenant, sim_games_built.game[g].name, NULL, 0, session_listed, &a);
  if (!cluster.damaged && !sim.failed) {
    tree_check(&a);
    sim_witness_check(audit->server->witness, tenant, a.hash, a.count);
    for (uint32_t i = 0; i < a.session_count && store && !sim.failed; i++)
      session_check(&a, audit, &a.session[i]);
    if (!sim.failed) details_check(&a);
    if (!sim.failed && a.err)
      sim_violation("%s: its journals cannot be read beside the log: %s", tenant,
                    lq_err_name(a.err));
    char canary[LQ_TENANT_BYTES + 1];
    (void)snprintf(canary, sizeof canary, "%s-", tenant);
    if (!sim.failed && sim_store_holds(real, tenant, canary))
      sim_violation("%s: what its players wrote lies in the store in plain", tenant);
  }
  for (uint64_t i = 0; i < a.count; i++) free((void *)(uintptr_t)a.line[i].leaf.data);
  free(a.line);
  free(a.hash);
}

/* ---- plain text ---- */

typedef struct search {
  lq_store *real;
  const char *text;
  bool found;
} search;

static void look(search *s, lq_span bytes) {
  if (bytes.bytes && memmem(bytes.data, bytes.bytes, s->text, strlen(s->text))) s->found = true;
}
static void item_look(void *context, lq_err err, const char *sk, lq_span body) {
  (void)sk;
  if (!err) look(context, body);
}
static void entry_look(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  (void)version;
  if (!err) look(context, value);
  if (!err) look(context, lq_span_text(sk));
}
static void leaf_look(void *context, lq_err err, uint64_t index, lq_span leaf) {
  (void)index;
  if (!err) look(context, leaf);
}
static void session_look(void *context, lq_err err, const lq_session_name *name,
                         const lq_store_head *head) {
  search *s = context;
  (void)head;
  if (err) return;
  s->real->slices(s->real, name, 1, UINT64_MAX, 0, item_look, s);
  s->real->checkpoint_get(s->real, name, UINT64_MAX, item_look, s);
}

bool sim_store_holds(lq_store *real, const char *tenant, const char *text) {
  search s = {.real = real, .text = text};
  for (uint32_t g = 0; g < sim_games_built.count; g++)
    real->sessions(real, tenant, sim_games_built.game[g].name, NULL, 0, session_look, &s);
  real->items(real, tenant, "", NULL, 0, entry_look, &s);
  real->log(real, tenant, 0, 0, leaf_look, &s);
  return s.found;
}
