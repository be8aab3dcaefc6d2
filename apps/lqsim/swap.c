/* A store for the auditor that can be told to lie: then it answers with the sealed bytes of the
 * next place. Whoever opens them must refuse. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"

typedef struct swapper {
  lq_store port; /* first */
  lq_store *real;
  const char *other; /* item() answers with this one's value; NULL: with what was asked for */
  bool on;           /* slices() answers with the next slice's bytes */
} swapper;

/* One question. */
typedef struct swapping {
  lq_store_got_item item;
  lq_store_got_entry entry;
  void *context;
  char sk[LQ_STORE_SK_BYTES];
} swapping;

static lq_store *real_of(lq_store *port) { return ((swapper *)port)->real; }

static void head(lq_store *port, const lq_session_name *name, lq_store_got_head got,
                 void *context) {
  real_of(port)->head(real_of(port), name, got, context);
}
static void checkpoint_get(lq_store *port, const lq_session_name *name, uint64_t tick,
                           lq_store_got_item got, void *context) {
  real_of(port)->checkpoint_get(real_of(port), name, tick, got, context);
}
static void sessions(lq_store *port, const char *tenant, const char *game, const char *after,
                     uint32_t limit, lq_store_got_session got, void *context) {
  real_of(port)->sessions(real_of(port), tenant, game, after, limit, got, context);
}
static void items(lq_store *port, const char *tenant, const char *prefix, const char *after,
                  uint32_t limit, lq_store_got_entry got, void *context) {
  real_of(port)->items(real_of(port), tenant, prefix, after, limit, got, context);
}
static void log_read(lq_store *port, const char *tenant, uint64_t first, uint32_t limit,
                     lq_store_got_leaf got, void *context) {
  real_of(port)->log(real_of(port), tenant, first, limit, got, context);
}

static void slice_came(void *context, lq_err err, const char *sk, lq_span body) {
  const swapping *s = context;
  s->item(s->context, err, err ? sk : s->sk, body);
}
static void slices(lq_store *port, const lq_session_name *name, uint64_t first, uint64_t last,
                   uint32_t limit, lq_store_got_item got, void *context) {
  swapping s = {.item = got, .context = context};
  lq_store_sk_slice(first, s.sk);
  if (((swapper *)port)->on)
    real_of(port)->slices(real_of(port), name, first + 1, first + 1, 1, slice_came, &s);
  else
    real_of(port)->slices(real_of(port), name, first, last, limit, got, context);
}

static void item_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  const swapping *s = context;
  s->entry(s->context, err, err ? sk : s->sk, version, value);
}
static void item(lq_store *port, const char *tenant, const char *sk, lq_store_got_entry got,
                 void *context) {
  const char *other = ((swapper *)port)->other;
  swapping s = {.entry = got, .context = context};
  (void)lq_text_copy(s.sk, sizeof s.sk, lq_span_text(sk));
  if (other && !strncmp(sk, "DETAIL#", 7))
    real_of(port)->item(real_of(port), tenant, other, item_came, &s);
  else
    real_of(port)->item(real_of(port), tenant, sk, got, context);
}

static void close_store(lq_store *port) {
  real_of(port)->close(real_of(port));
  free(port);
}

lq_store *sim_swap_open(lq_store *real) {
  swapper *s = malloc(sizeof *s);
  LQ_CHECK(s);
  *s = (swapper){.port = {.head = head,
                          .checkpoint_get = checkpoint_get,
                          .slices = slices,
                          .sessions = sessions,
                          .item = item,
                          .items = items,
                          .log = log_read,
                          .close = close_store},
                 .real = real};
  return &s->port;
}

static void slice_refused(void *context, lq_err err, const char *sk, lq_span body) {
  (void)sk;
  (void)body;
  if (!err) *(bool *)context = true;
}
static void item_refused(void *context, lq_err err, const char *sk, uint64_t version,
                         lq_span value) {
  (void)version;
  slice_refused(context, err, sk, value);
}

void sim_swap_slices(lq_store *real, lq_store *store, const lq_session_name *name) {
  bool taken = false;
  ((swapper *)real)->on = true;
  store->slices(store, name, 1, 1, 1, slice_refused, &taken);
  ((swapper *)real)->on = false;
  if (taken)
    sim_violation("%s/%s/%s: slice 2 is taken for slice 1", name->tenant, name->game,
                  name->session);
}

void sim_swap_items(lq_store *real, lq_store *store, const char *tenant, const char *sk,
                    const char *other) {
  bool taken = false;
  ((swapper *)real)->other = other;
  store->item(store, tenant, sk, item_refused, &taken);
  ((swapper *)real)->other = NULL;
  if (taken) sim_violation("%s: one sealed item is taken for another", tenant);
}
