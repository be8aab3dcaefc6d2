/* What the meter says of a session against the journal, counted again. */
#include <stdlib.h>

#include "apps/lqsim/sim_audit.h"
#include "lq_service/ledger/ledger.h"
#include "lq_service/meter/usage.h"

typedef struct bill {
  const lq_session_name *name;
  uint64_t upto; /* slices that are counted */
  uint64_t slices;
  uint64_t count[LQ_USAGE_COUNT]; /* by the journal */
  uint64_t hours[LQ_USAGE_COUNT]; /* the sum of the session's hours */
  lq_meter_state state;
  bool metered, failed;
} bill;

static void state_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  bill *b = context;
  (void)sk;
  (void)version;
  if (err == LQ_ERR_NOT_FOUND) return;
  b->failed = err || lq_meter_state_decode(value, &b->state);
  b->metered = !b->failed;
}

static void hour_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  bill *b = context;
  char game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  uint32_t hour;
  lq_usage usage = {0};
  (void)version;
  if (err) {
    b->failed |= err != LQ_ERR_NOT_FOUND;
    return;
  }
  if (!lq_usage_sk_read(sk, &hour, game, session) || strcmp(game, b->name->game) != 0 ||
      strcmp(session, b->name->session) != 0)
    return;
  b->failed |= lq_usage_decode(value, &usage) != LQ_OK;
  for (uint32_t i = 0; i < LQ_USAGE_COUNT; i++) b->hours[i] += usage.count[i];
  lq_usage_clear(&usage);
}

static void slice_came(void *context, lq_err err, const char *sk, lq_span body) {
  bill *b = context;
  lq_slice_reader reader;
  const lq_game *game = NULL;
  const lq_release_source source = sim_release_source();
  (void)sk;
  if (err) return;
  if (lq_slice_open(body, &reader) ||
      source.game(source.context, reader.header.release, &game, NULL)) {
    b->failed = true;
    return;
  }
  b->count[LQ_USAGE_TICKS] += reader.header.tick_last - reader.header.tick_first + 1;
  b->count[LQ_USAGE_SLICES]++;
  b->count[LQ_USAGE_JOURNAL_BYTES] += body.bytes;
  b->count[LQ_USAGE_JOURNAL_KB] += (body.bytes + 1023) / 1024;
  for (lq_slice_tick tick; lq_slice_next(&reader, &tick);) {
    lq_reader commands = lq_reader_of(tick.commands), events = lq_reader_of(tick.events);
    lq_command command;
    lq_event event;
    while (lq_command_read(&commands, game, &command)) b->count[LQ_USAGE_COMMANDS]++;
    while (lq_event_read(&events, game, &event)) b->count[LQ_USAGE_EVENTS]++;
  }
}

void sim_audit_meter(lq_store *store, const lq_session_name *name, uint64_t slices) {
  bill b = {.name = name};
  char sk[LQ_STORE_SK_BYTES];
  lq_meter_sk(name->game, name->session, sk);
  store->item(store, name->tenant, sk, state_came, &b);
  store->items(store, name->tenant, "USAGE#", NULL, 0, hour_came, &b);
  if (b.metered && b.state.slice) store->slices(store, name, 1, b.state.slice, 0, slice_came, &b);
  if (b.failed || b.state.slice > slices)
    sim_violation("%s/%s/%s: the meter counted up to slice %llu of %llu, or cannot be read",
                  name->tenant, name->game, name->session, (unsigned long long)b.state.slice,
                  (unsigned long long)slices);
  for (uint32_t i = 0; i < LQ_USAGE_COUNT && !sim.failed; i++) {
    if (i < LQ_USAGE_EXACT && b.state.count[i] != b.count[i])
      sim_violation("%s/%s/%s: the meter says %llu %s up to slice %llu, the journal %llu",
                    name->tenant, name->game, name->session, (unsigned long long)b.state.count[i],
                    lq_usage_name((lq_usage_id)i), (unsigned long long)b.state.slice,
                    (unsigned long long)b.count[i]);
    /* Byte hours are sampled by the housekeeping, in items of their own. */
    else if (b.hours[i] != b.state.count[i])
      sim_violation("%s/%s/%s: its hours have %llu %s, its meter %llu", name->tenant, name->game,
                    name->session, (unsigned long long)b.hours[i], lq_usage_name((lq_usage_id)i),
                    (unsigned long long)b.state.count[i]);
  }
}
