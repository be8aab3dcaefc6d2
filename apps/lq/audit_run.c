/* A bundle's session, run again: the ledger's verification over the records in the bundle. */
#include <stdlib.h>

#include "apps/lq/audit.h"
#include "apps/lq/server.h"

/* What the ledger needs of a store, out of a bundle. */
typedef struct bundled {
  lq_store port; /* first */
  lq_audit_tool *tool;
  lq_releases *releases;
  lq_guests *guests;
  lq_span *record; /* slices 1, 2, 3 ... */
  size_t count, capacity;
  lq_store_head head;
  lq_err err;
  bool done;
  lq_verify_result *result;
} bundled;

static void get_head(lq_store *store, const lq_session_name *name, lq_store_got_head got,
                     void *context) {
  (void)name;
  got(context, LQ_OK, &((bundled *)store)->head);
}

static void get_checkpoint(lq_store *store, const lq_session_name *name, uint64_t tick,
                           lq_store_got_item got, void *context) {
  (void)store, (void)name, (void)tick;
  got(context, LQ_ERR_NOT_FOUND, NULL, (lq_span){0});
}

static void get_slices(lq_store *store, const lq_session_name *name, uint64_t first, uint64_t last,
                       uint32_t limit, lq_store_got_item got, void *context) {
  const bundled *b = (bundled *)store;
  uint64_t left = limit ? limit : UINT64_MAX;
  (void)name;
  for (uint64_t i = first ? first : 1; i <= last && i <= b->count && left; i++, left--) {
    char sk[LQ_STORE_SK_BYTES];
    lq_store_sk_slice(i, sk);
    got(context, LQ_OK, sk, b->record[i - 1]);
  }
  got(context, LQ_ERR_NOT_FOUND, NULL, (lq_span){0});
}

static lq_err game_of(void *context, const uint8_t release[32], const lq_game **out,
                      lq_diag *diag) {
  const bundled *b = context;
  const lq_release *known = lq_releases_find(b->releases, release);
  *out = known ? known->game : NULL;
  if (known) return LQ_OK;
  return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "the bundle does not carry the session's release");
}

static const lq_guest_port *guests_of(void *context, const uint8_t release[32]) {
  return lq_guests_waiting(((const bundled *)context)->guests, "bundle", release);
}

static void take_release(void *context, const uint8_t id[32], lq_span blob) {
  bundled *b = context;
  const lq_release *release;
  (void)id;
  if (!b->err) b->err = lq_releases_load(b->releases, blob, &release, &b->tool->diag);
}

static void take_record(void *context, uint64_t index, const lq_audit_entry *e, lq_span record) {
  bundled *b = context;
  (void)index;
  if (b->count == b->capacity) {
    size_t wanted = b->capacity ? b->capacity * 2 : 256;
    void *grown = realloc(b->record, wanted * sizeof *b->record);
    if (!grown) {
      b->err = LQ_ERR_MEMORY;
      return;
    }
    b->record = grown;
    b->capacity = wanted;
  }
  if (!b->count) memcpy(b->head.first_release, e->slice.release, 32);
  b->record[b->count++] = record;
  b->head.slice = e->slice.slice;
  b->head.tick = e->slice.tick_last;
  b->head.hash = e->slice.hash_after;
  memcpy(b->head.chain, e->slice.chain_after, 32);
  memcpy(b->head.release, e->slice.release, 32);
}

static void differs(void *context, const char *sentence) {
  lq_audit_say(((bundled *)context)->tool, sentence);
}

static void verified(void *context, lq_err err, const lq_verify_result *result) {
  bundled *b = context;
  b->err = err;
  *b->result = *result;
  b->done = true;
}

lq_err lq_audit_rerun(lq_audit_tool *t, lq_span bundle, const char *key, lq_verify_result *result) {
  bundled b = {.port = {.head = get_head, .checkpoint_get = get_checkpoint, .slices = get_slices},
               .tool = t,
               .head = {.checkpoint_tick = UINT64_MAX},
               .result = result};
  char modules[1100];
  const char *data = lq_setting_text(LQ_SETTING_DATA, t->cli->value[LQ_AUDIT_DATA], NULL);
  if (snprintf(modules, sizeof modules, "%s/modules", data) >= (int)sizeof modules)
    return lq_diag_set(&t->diag, LQ_ERR_RANGE, "the data folder's path is too long");
  lq_err err = lq_place_releases(modules, &b.releases);
  if (!err) {
    lq_guest_supply supply = lq_releases_supply(b.releases);
    err = lq_guests_open(NULL, &supply, &b.guests);
  }
  if (err) {
    lq_releases_close(b.releases);
    return lq_diag_set(&t->diag, err, "releases cannot be loaded");
  }
  lq_bundle_check check = {.bundle = bundle,
                           .key = lq_span_text(key),
                           .context = &b,
                           .release = take_release,
                           .record = take_record};
  lq_bundle_result read;
  err = lq_bundle_verify(&check, &read);
  if (!err) err = b.err;
  if (!err && (!b.count || read.slice_first != 1))
    err = lq_diag_set(&t->diag, LQ_ERR_UNSUPPORTED,
                      "only a session that is there from slice 1 on can be run again");
  if (!err) {
    lq_release_source source = {.context = &b, .game = game_of, .guests = guests_of};
    b.head.seed = read.seed;
    lq_ledger_verify(&b.port, &source, &read.name, differs, verified, &b);
  }
  free(b.record);
  lq_guests_close(b.guests);
  lq_releases_close(b.releases);
  return err ? err : b.err;
}
