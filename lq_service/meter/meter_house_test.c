/* Housekeeping: what is kept by the hour, and old hours merged. */
#include "lq_service/meter/meter_testing.h"

static uint32_t merged_count;
static void housed(void *context, lq_err err, uint32_t merged) {
  *(lq_err *)context = err;
  merged_count = merged;
}

static uint32_t house(void) {
  lq_err err = LQ_ERR_COUNT;
  lq_meter_house(w.store, "acme", w.wall_ms, housed, &err);
  for (uint32_t i = 0; i < 1000 && lq_store_memory_run(w.store); i++) {
  }
  assert_ok(err);
  return merged_count;
}

typedef struct kept_sum {
  uint64_t bytes;
  uint32_t hours;
} kept_sum;
static void kept_got(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  kept_sum *sum = context;
  uint32_t hour;
  lq_kept kept = {0};
  (void)version;
  if (err) return;
  assert_true(lq_kept_sk_read(sk, &hour));
  assert_ok(lq_kept_decode(value, &kept));
  for (uint32_t i = 0; i < kept.count; i++)
    sum->bytes += kept.game[i].journal_bytes + kept.game[i].checkpoint_bytes;
  sum->hours++;
  lq_kept_clear(&kept);
}

static kept_sum kept_of(void) {
  kept_sum sum = {0};
  w.store->items(w.store, "acme", "KEPT#", NULL, 0, kept_got, &sum);
  return sum;
}

LQ_TEST(what_is_kept_is_told_for_every_hour_also_those_without_a_process) {
  begin(1, 1769860000000);
  book *b = &w.session[0];
  wake(b);
  commit(b);
  lq_meter_slice(b->live, 1, &b->slice[0]);
  lq_meter_kept(b->live, 5000);
  assert_ok(flush());
  uint64_t kept = b->slice[0].bytes + 5000;
  (void)house();
  (void)house(); /* the same hour: once */
  assert_int_equal(kept_of().hours, 1);
  assert_int_equal(kept_of().bytes, kept);
  turn(250 * 3600000ull);
  (void)house();
  assert_int_equal(kept_of().hours, 251);
  assert_int_equal(kept_of().bytes, 251 * kept);
  w.wall_ms -= 3 * 3600000ull; /* back: written again, not twice */
  (void)house();
  assert_int_equal(kept_of().hours, 251);
  check_and_end();
}

LQ_TEST(old_hours_are_merged_into_their_game_and_no_sum_changes) {
  begin(1, 1769860000000);
  static const char *const systems[] = {"move"};
  for (uint32_t hour = 0; hour < 30; hour++) {
    for (uint32_t i = 0; i < SESSIONS; i++) {
      book *b = &w.session[i];
      if (!b->live) wake(b);
      assert_ok(lq_meter_systems(b->live, systems, 1));
      lq_meter_system(b->live, 0, 3);
      commit(b);
      lq_meter_slice(b->live, b->count, &b->slice[b->count - 1]);
      lq_meter_add(b->live, LQ_USAGE_BYTES_OUT, 11);
    }
    assert_ok(flush());
    turn(3600000);
  }
  sums before = sums_of(NULL, 0);
  assert_int_equal(before.items, 30 * SESSIONS);
  assert_int_equal(house(), 0); /* too young */
  turn((LQ_METER_MERGE_HOURS - 15) * 3600000ull);
  uint32_t merged = house();
  assert_true(merged > 0 && merged < 30 * SESSIONS);
  while ((merged = house())) {
  }
  sums after = sums_of(NULL, 0);
  assert_int_equal(after.items, 14 * SESSIONS + 16 * 2);
  assert_memory_equal(after.hours, before.hours, sizeof before.hours);
  turn(40 * 24 * 3600000ull);
  (void)house();
  (void)house();
  assert_int_equal(sums_of(NULL, 0).items, 30 * 2);
  assert_memory_equal(sums_of(NULL, 0).hours, before.hours, sizeof before.hours);
  for (uint32_t i = 0; i < SESSIONS; i++) { /* a session's own sum stays */
    sums s = sums_of(&w.session[i], 0);
    assert_int_equal(s.states[LQ_USAGE_SLICES], w.session[i].count);
  }
  kill_it();
  lq_memory_data_close(w.data);
}

static void put_hour(uint32_t hour, const char *game, const char *session, uint64_t ticks) {
  uint8_t room[64];
  lq_usage usage = {.count = {[LQ_USAGE_TICKS] = ticks}};
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_store_item item = {.expect = LQ_ITEM_ANY};
  lq_usage_encode(&usage, &out);
  item.value = lq_writer_span(&out);
  lq_usage_sk(hour, game, session, item.sk);
  lq_store_change change = {.tenant = "acme", .items = &item, .item_count = 1};
  lq_err err = LQ_ERR_COUNT;
  w.store->change(w.store, &change, far_changed, &err);
  while (lq_store_memory_run(w.store)) {
  }
  assert_ok(err);
}

LQ_TEST(an_hour_of_many_sessions_or_games_is_merged_in_steps) {
  begin(1, 1769860000000);
  char name[16];
  uint32_t hour = lq_usage_hour(w.wall_ms);
  for (uint32_t i = 0; i < 205; i++) { /* more games than a page holds, merged already */
    (void)snprintf(name, sizeof name, "g%03u", i);
    put_hour(hour, name, "", 1);
  }
  for (uint32_t i = 0; i < 3; i++) put_hour(hour, "g199", i ? i == 1 ? "a" : "b" : "c", 10);
  for (uint32_t i = 0; i < 250; i++) {
    (void)snprintf(name, sizeof name, "s%03u", i);
    put_hour(hour, "many", name, 100);
  }
  turn((LQ_METER_MERGE_HOURS + 1) * 3600000ull);
  assert_int_equal(house(), 253);
  sums s = sums_of(NULL, 0);
  assert_int_equal(s.items, 206);
  assert_int_equal(s.hours[LQ_USAGE_TICKS], 205 + 30 + 25000);
  kill_it();
  lq_memory_data_close(w.data);
}
