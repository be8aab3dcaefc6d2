/* Replay, saved bytes, swaps, and what hostile code or bytes can do. */
#include "lq_engine/session/session_testing.h"
#include "tests/lq_test.h"

enum { TICKS = 2000, SAVES = 8 };

typedef struct record {
  uint64_t hash;
  lq_span commands, events, mutations;
} record;

static fixture fx, next;
static uint8_t code[8192], next_code[8192];
static record journal[TICKS + 1];
static uint8_t journal_bytes[32 << 20];
static size_t journal_used;
static lq_tick_result last;

static lq_session *open_session(fixture *f, uint64_t seed) {
  size_t bytes;
  void *memory = fixture_block(&f->game, &bytes);
  lq_session *s;
  assert_ok(lq_session_init(memory, bytes, &f->game, seed, &s));
  return s;
}
static void ready(void) {
  lq_arena arena = lq_arena_of(code, sizeof code);
  fixture_fill(&fx);
  fixture_ready(&fx, &arena);
}
static lq_span keep(lq_span s) {
  assert_true(s.bytes <= sizeof journal_bytes - journal_used);
  uint8_t *at = journal_bytes + journal_used;
  if (s.bytes) memcpy(at, s.data, s.bytes);
  journal_used += s.bytes;
  return lq_span_of(at, s.bytes);
}

static void record_game(lq_session *s, lq_prng *r, uint8_t **saves, size_t *save_bytes) {
  for (uint32_t t = 1; t <= TICKS; t++) {
    for (uint32_t n = lq_prng_below(r, 6); n > 0; n--) fx_random_command(s, r);
    lq_session_tick(s, NULL, &last);
    journal[t] = (record){last.hash, keep(last.commands), keep(last.events), keep(last.mutations)};
    assert_int_equal(lq_world_hash(lq_session_world(s)), lq_world_hash_full(lq_session_world(s)));
    if (t % (TICKS / SAVES)) continue;
    size_t i = t / (TICKS / SAVES) - 1;
    saves[i] = malloc(lq_session_save_bytes(s));
    lq_writer out = lq_writer_of(saves[i], lq_session_save_bytes(s));
    assert_ok(lq_session_save(s, &out));
    save_bytes[i] = out.bytes;
  }
}

static void replay(lq_session *s, uint32_t from) {
  for (uint32_t t = from; t <= TICKS; t++) {
    if (journal[t].commands.bytes) assert_ok(lq_session_replay_tick(s, journal[t].commands));
    lq_session_tick(s, NULL, &last);
    if (last.hash != journal[t].hash) fail_msg("tick %u", t);
    assert_true(lq_span_equal(last.commands, journal[t].commands));
    assert_true(lq_span_equal(last.events, journal[t].events));
    assert_true(lq_span_equal(last.mutations, journal[t].mutations));
  }
}

static uint64_t play(uint8_t **saves, size_t *save_bytes) {
  lq_prng r;
  ready();
  journal_used = 0;
  lq_session *s = open_session(&fx, 42);
  lq_prng_seed(&r, 99);
  record_game(s, &r, saves, save_bytes);
  uint64_t hash = lq_session_hash(s);
  free(s);
  return hash;
}

LQ_TEST(a_replay_has_the_same_hash_and_events_at_every_tick) {
  uint8_t *saves[SAVES];
  size_t save_bytes[SAVES], commands = 0, events = 0;
  (void)play(saves, save_bytes);
  for (uint32_t t = 1; t <= TICKS; t++) {
    commands += journal[t].commands.bytes > 0;
    events += journal[t].events.bytes > 0;
  }
  assert_true(commands > TICKS / 2 && events > 50); /* the game was really played */
  lq_session *s = open_session(&fx, 42);
  replay(s, 1);
  free(s);
  for (uint32_t i = 0; i < SAVES; i++) {
    size_t bytes;
    void *memory = fixture_block(&fx.game, &bytes);
    uint32_t at = (i + 1) * (TICKS / SAVES);
    assert_ok(lq_session_load(memory, bytes, &fx.game, lq_span_of(saves[i], save_bytes[i]), &s));
    assert_int_equal(lq_session_hash(s), journal[at].hash);
    replay(s, at + 1);
    free(memory);
    free(saves[i]);
  }
}

/* The same for gcc and clang, -O0 and -O3, on every machine. A change of simulation behaviour
 * changes it: then bump LQ_ABI_VERSION and put the new value here. */
LQ_TEST(the_golden_hash_is_as_ever) {
  uint8_t *saves[SAVES];
  size_t save_bytes[SAVES];
  uint64_t hash = play(saves, save_bytes);
  for (uint32_t i = 0; i < SAVES; i++) free(saves[i]);
  if (hash != 0x52bcd5206d48e936ull)
    fail_msg("the golden hash is 0x%016llx", (unsigned long long)hash);
}

LQ_TEST(a_journal_that_is_not_ours_is_refused_and_queues_nothing) {
  ready();
  lq_session *s = open_session(&fx, 1);
  assert_ok(fx_join(s, "p1", "", 0));
  lq_session_tick(s, NULL, &last);
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "a"));
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "b"));
  lq_session_tick(s, NULL, &last);
  uint8_t bytes[256], two[512];
  size_t count = last.commands.bytes;
  memcpy(bytes, last.commands.data, count);
  assert_int_equal(lq_session_replay_tick(s, lq_span_of(bytes, count)), LQ_ERR_CORRUPT); /* twice */
  memcpy(two, bytes, count);
  memcpy(two + count, bytes, count);
  lq_session *t = open_session(&fx, 1);
  assert_int_equal(lq_session_replay_tick(t, lq_span_of(two, 2 * count)), LQ_ERR_CORRUPT);
  for (size_t cut = 1; cut < count; cut++)
    if (cut != count / 2)
      assert_int_equal(lq_session_replay_tick(t, lq_span_of(bytes, cut)), LQ_ERR_CORRUPT);
  assert_int_equal(lq_session_queued(t), 0);
  /* Its player is not there: queued, then refused, without harm. */
  assert_ok(lq_session_replay_tick(t, lq_span_of(bytes, count)));
  assert_int_equal(lq_session_replay_tick(t, lq_span_of(bytes, count)), LQ_ERR_BUSY);
  lq_session_tick(t, NULL, &last);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_NOT_JOINED);
  free(s);
  free(t);
}

LQ_TEST(every_cut_and_flipped_bit_of_a_save_is_refused_or_harmless) {
  ready();
  lq_session *s = open_session(&fx, 5), *again;
  assert_ok(fx_join(s, "p1", "red", 1));
  assert_ok(fx_join(s, "p2", "", 2));
  lq_session_tick(s, NULL, &last);
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "x"));
  lq_session_tick(s, NULL, &last);
  uint8_t saved[8192];
  lq_writer out = lq_writer_of(saved, sizeof saved);
  assert_ok(lq_session_save(s, &out));
  size_t bytes, refused = 0, tried = 0;
  void *memory = fixture_block(&fx.game, &bytes);
  for (size_t cut = 0; cut < out.bytes; cut++) {
    assert_int_not_equal(lq_session_load(memory, bytes, &fx.game, lq_span_of(saved, cut), &again),
                         LQ_OK);
    assert_null(again);
    memset(memory, 0, bytes);
  }
  for (size_t bit = 0; bit < out.bytes * 8; bit += 7, tried++) {
    saved[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    lq_err err = lq_session_load(memory, bytes, &fx.game, lq_writer_span(&out), &again);
    if (err == LQ_OK) lq_session_tick(again, NULL, &last);
    refused += err != LQ_OK;
    saved[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    memset(memory, 0, bytes);
  }
  assert_true(refused > tried / 2);
  saved[4] ^= 1;
  assert_int_equal(lq_session_load(memory, bytes, &fx.game, lq_writer_span(&out), &again),
                   LQ_ERR_VERSION);
  free(memory);
  free(s);
}

/* ---- what a wrong system may try ---- */
static uint32_t probes;
static void fx_wrong(lq_sys *sys, const void *row) {
  const lq_sys_api *api = sys->api;
  const lq_entity stale = {(uint64_t)99 << 32 | 1}, wild = {UINT64_MAX}, none = {0};
  lq_entity made, p1 = api->find(sys, "p1");
  lq_sys_iter it, unstarted;
  (void)row;
#define REFUSED(e) probes += (e) ? 100 : 1
  REFUSED(api->get(sys, p1, 77));
  REFUSED(api->set(sys, p1, UINT32_MAX));
  REFUSED(api->set(sys, stale, FX_POSITION));
  REFUSED(api->get(sys, wild, FX_POSITION));
  REFUSED(api->set(sys, none, FX_POSITION));
  REFUSED(api->add(sys, p1, 77, NULL));
  REFUSED(api->add(sys, stale, FX_NOTE, NULL));
  REFUSED(api->remove(sys, p1, 77));
  REFUSED(api->destroy(sys, stale));
  REFUSED(api->alive(sys, wild));
  REFUSED(api->owner(sys, wild));
  REFUSED(api->id(sys, wild)[0]);
  REFUSED(api->find(sys, NULL).bits);
  REFUSED(api->create(sys, "bad id", 0, &made));
  REFUSED(api->create(sys, "p1", 0, &made));
  REFUSED(api->create(sys, NULL, 9999, NULL));
  REFUSED(api->emit(sys, 99, NULL));
  REFUSED(api->emit(sys, FX_LOG, NULL));
  REFUSED(api->random(sys, 0));
  api->query(sys, 1ull << 60, 0, &it);
  REFUSED(api->next(sys, &it));
  api->query(sys, FX_M(FX_POSITION), 1ull << 60, &unstarted);
  REFUSED(api->read(sys, &unstarted, FX_POSITION));
  it = unstarted;
  if (!api->next(sys, &it)) probes += 1000;
  REFUSED(api->write(sys, &it, FX_NOTE));
  REFUSED(api->read(sys, &it, 77));
  REFUSED(api->entity(sys, &it, it.count).bits);
  memset(&it, 0x55, sizeof it);
  REFUSED(api->next(sys, &it));
}

LQ_TEST(a_wrong_handler_gets_null_and_false) {
  ready();
  fx.game.command_fn[FX_DARE] = fx_wrong;
  lq_session *s = open_session(&fx, 1);
  assert_ok(fx_join(s, "p1", "", 0));
  lq_session_tick(s, NULL, &last);
  uint64_t world = lq_world_hash(lq_session_world(s));
  probes = 0;
  assert_ok(fx_dare(s, 1, "wrong"));
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_int_equal(probes, 25);
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  free(s);
}

/* ---- audited changes that do not fit ---- */
/* Long numbers, so that the second time over 10,000 rows pass the room for mutations. */
static void fx_shake(lq_sys *sys) {
  enum { FAR = 2000000000 };
  lq_sys_iter it;
  sys->api->query(sys, FX_M(FX_POSITION), FX_M(FX_TREASURE), &it);
  while (sys->api->next(sys, &it)) {
    fx_position *at = sys->api->write(sys, &it, FX_POSITION);
    for (uint32_t i = 0; at && i < it.count; i++) at[i].x = at[i].y = at[i].x == FAR ? -FAR : FAR;
  }
}
static void fx_on_shake(lq_sys *sys, const void *row) {
  (void)row;
  fx_shake(sys);
}

static lq_session *open_crowd(uint32_t count) {
  lq_arena arena = lq_arena_of(code, sizeof code);
  fixture_fill(&fx);
  fx.game.entities_max = 20000;
  fx.component[FX_POSITION].audited = true;
  fixture_ready(&fx, &arena);
  fx.game.command_fn[FX_DARE] = fx_on_shake;
  lq_session *s = open_session(&fx, 1);
  assert_ok(fx_join(s, "p1", "", 0));
  for (uint32_t i = 0; i < count / 2500; i++) {
    assert_ok(fx_number(s, FX_SPAWN, 0, 2500));
    lq_session_tick(s, NULL, &last);
    assert_int_equal(last.failed, LQ_OK);
    assert_true(last.mutations.bytes > 20000);
  }
  assert_true(lq_world_entity_count(lq_session_world(s)) > count);
  return s;
}

LQ_TEST(audited_changes_that_do_not_fit_undo_systems_or_the_whole_tick) {
  lq_session *s = open_crowd(10000);
  assert_ok(fx_dare(s, 1, "shake"));
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.failed, LQ_OK);
  uint64_t world = lq_world_hash(lq_session_world(s));
  lq_system_fn respawn = fx.game.system_fn[3];
  fx.game.system_fn[3] = fx_shake;
  assert_ok(fx_do_give(s, 1, "p1", "p1", 0));
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.failed, LQ_ERR_FULL);
  assert_null(last.failed_system);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  fx.game.system_fn[3] = respawn;
  assert_ok(fx_dare(s, 1, "shake"));
  assert_ok(fx_join(s, "p2", "", 0));
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.failed, LQ_ERR_FULL);
  assert_int_equal(last.applied_count, 2);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FULL);
  assert_int_equal(last.applied[1].outcome, LQ_ERR_FULL);
  assert_int_equal(lq_session_player_count(s), 1);
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  assert_false(last.changed);
  assert_int_equal(last.mutations.bytes, 0);
  free(s);
}

LQ_TEST(a_handler_that_writes_more_than_can_be_undone_is_refused) {
  lq_session *s = open_crowd(15000);
  uint64_t world = lq_world_hash(lq_session_world(s));
  assert_ok(fx_dare(s, 1, "shake"));
  lq_session_tick(s, NULL, &last);
  assert_int_equal(last.applied[0].outcome, LQ_ERR_FULL);
  assert_int_equal(last.failed, LQ_OK);
  assert_int_equal(lq_world_hash(lq_session_world(s)), world);
  free(s);
}

/* ---- swap ---- */
LQ_TEST(a_swap_keeps_tick_players_and_command_ids_and_gives_defaults) {
  ready();
  lq_arena arena = lq_arena_of(next_code, sizeof next_code);
  fixture_fill(&next);
  fx_field(&next.component[FX_PURSE].record, "limit", LQ_FIELD_I32, 0, 1);
  int32_t limit = 500;
  memcpy(next.component[FX_PURSE].defaults + 8, &limit, 4);
  next.game.player.mask = 0;
  next.game.hz = 60;
  next.component[FX_PURSE].version = 2;
  fixture_ready(&next, &arena);
  lq_session *s = open_session(&fx, 8), *swapped;
  assert_ok(fx_join(s, "p1", "red", 2));
  lq_session_tick(s, NULL, &last);
  assert_ok(fx_do_move(s, 1, "p1", 0, 0, "once"));
  lq_session_tick(s, NULL, &last);
  size_t bytes;
  lq_diag diag = {0};
  void *memory = fixture_block(&next.game, &bytes);
  assert_ok(fx_dare(s, 1, "nothing"));
  assert_int_equal(lq_session_swap(s, memory, bytes, &next.game, &swapped, &diag), LQ_ERR_BUSY);
  lq_session_tick(s, NULL, &last);
  if (lq_session_swap(s, memory, bytes, &next.game, &swapped, &diag)) fail_msg("%s", diag.message);
  assert_int_equal(lq_session_tick_number(swapped), lq_session_tick_number(s));
  assert_int_equal(lq_session_hz(swapped), 60);
  lq_player p1 = lq_session_player(swapped, 1);
  assert_string_equal(p1.team, "red");
  const uint8_t *purse = lq_world_get(lq_session_world(swapped), p1.entity, FX_PURSE);
  assert_memory_equal(purse + 8, &limit, 4);
  assert_int_equal(fx_do_move(swapped, 1, "p1", 0, 0, "once"), LQ_ERR_EXISTS);
  assert_ok(fx_do_move(swapped, 1, "p1", 0, 0, "twice"));
  lq_session_tick(swapped, NULL, &last);
  assert_int_equal(last.applied[0].outcome, LQ_OK);
  /* What the swapped session saves, a fresh one loads. */
  uint8_t saved[8192];
  lq_writer out = lq_writer_of(saved, sizeof saved);
  assert_ok(lq_session_save(swapped, &out));
  void *memory2 = fixture_block(&next.game, &bytes);
  lq_session *loaded;
  assert_ok(lq_session_load(memory2, bytes, &next.game, lq_writer_span(&out), &loaded));
  assert_int_equal(lq_session_hash(loaded), lq_session_hash(swapped));
  assert_int_equal(lq_session_load(memory2, bytes, &fx.game, lq_writer_span(&out), &loaded),
                   LQ_ERR_VERSION);
  /* The way back loses a field: refused, the session is kept. */
  assert_int_equal(lq_session_swap(swapped, memory2, bytes, &fx.game, &loaded, &diag),
                   LQ_ERR_MIGRATE);
  free(s);
  free(memory);
  free(memory2);
}
