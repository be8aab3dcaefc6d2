/* Waking, replay and verify, over the store in memory. */
#include "lq_service/ledger/ledger_testing.h"
#include "tests/lq_test.h"

#include <stdio.h>

/* Ten slices of ten ticks, a checkpoint after the fifth. */
static play *played(void) {
  play *p = play_begin();
  for (int i = 0; i < 10; i++) {
    assert_ok(play_slice(p, 10, play_moves));
    if (i == 4) assert_ok(play_checkpoint(p));
  }
  return p;
}

LQ_TEST(new_session_wakes_at_tick_zero) {
  play *p = play_begin();
  assert_int_equal(lq_session_tick_number(p->live.session), 0);
  assert_int_equal(p->head.epoch, 1);
  play_end(p);
}

LQ_TEST(woken_session_has_the_committed_state) {
  play *p = played();
  uint64_t hash = lq_session_hash(p->live.session);
  assert_ok(play_wake(p));
  assert_int_equal(lq_session_tick_number(p->live.session), 100);
  assert_true(lq_session_hash(p->live.session) == hash);
  assert_int_equal(p->head.epoch, 2);
  assert_true(p->live.journal_bytes_since > 0);
  assert_ok(play_slice(p, 10, play_moves)); /* and goes on */
  play_end(p);
}

LQ_TEST(wake_right_behind_a_checkpoint_replays_nothing) {
  play *p = played();
  assert_ok(play_checkpoint(p));
  assert_ok(play_wake(p));
  assert_int_equal(p->live.journal_bytes_since, 0);
  assert_true(lq_session_hash(p->live.session) == p->hash[100]);
  play_end(p);
}

LQ_TEST(two_owners_only_the_newer_commits) {
  play *p = played();
  lq_store_head old = p->head;
  assert_ok(play_wake(p));
  lq_store_head newer = p->head;
  p->head = old;
  assert_int_equal(play_slice(p, 1, play_moves), LQ_ERR_FENCED);
  assert_ok(play_wake(p));
  assert_int_equal(p->head.slice, newer.slice);
  assert_ok(play_slice(p, 1, play_moves));
  play_end(p);
}

LQ_TEST(damaged_tail_is_not_woken_and_the_slice_is_named) {
  play *p = played();
  lq_memory_item slice = lq_memory_slice(p->data, &p->name, 8);
  slice.data[150] ^= 1;
  assert_int_equal(play_wake(p), LQ_ERR_CORRUPT);
  assert_non_null(strstr(p->diag.message, "slice 8"));
  play_end(p);
}

LQ_TEST(head_with_another_hash_is_not_woken_and_the_tick_is_named) {
  play *p = played();
  lq_memory_head(p->data, &p->name)->hash ^= 1;
  assert_int_equal(play_wake(p), LQ_ERR_CORRUPT);
  assert_non_null(strstr(p->diag.message, "tick 100"));
  play_end(p);
}

LQ_TEST(missing_slice_is_not_woken) {
  play *p = played();
  lq_memory_slice_drop(p->data, &p->name, 7);
  assert_int_equal(play_wake(p), LQ_ERR_CORRUPT);
  assert_non_null(strstr(p->diag.message, "slice 7 is missing"));
  play_end(p);
}

LQ_TEST(unknown_session_is_not_woken) {
  play *p = played();
  (void)lq_text_copy(p->name.session, sizeof p->name.session, lq_span_text("nobody"));
  assert_int_equal(play_wake(p), LQ_ERR_NOT_FOUND);
  assert_true(p->diag.message[0] != 0);
  play_end(p);
}

/* ---- replay ---- */

typedef struct counted {
  play *p;
  uint64_t ticks, pinned, stop_at;
  bool good;
} counted;
static bool each(void *context, lq_session *session, const lq_tick_result *result, bool pinned,
                 uint64_t journal_hash) {
  counted *c = context;
  (void)session;
  c->ticks++;
  c->pinned += pinned;
  c->good &= result->hash == c->p->hash[result->tick];
  c->good &= !pinned || journal_hash == result->hash;
  return result->tick != c->stop_at;
}
static lq_err replay(play *p, uint64_t tick, bool from_start, counted *c) {
  *c = (counted){.p = p, .good = true, .stop_at = c->stop_at};
  lq_ledger_session_free(&p->live);
  lq_ledger_replay(p->store, &p->releases, &p->name, tick, from_start, each, c, play_woken, p);
  return play_wait(p);
}

LQ_TEST(replay_reaches_every_tick_with_its_hash) {
  play *p = played();
  counted c = {0};
  for (uint64_t tick = 0; tick <= 100; tick++)
    for (int from_start = 0; from_start < 2; from_start++) {
      assert_ok(replay(p, tick, from_start, &c));
      assert_int_equal(lq_session_tick_number(p->live.session), tick);
      if (tick) assert_true(lq_session_hash(p->live.session) == p->hash[tick]);
      assert_true(c.good);
      assert_int_equal(c.ticks, from_start || tick < 50 ? tick : tick - 50);
    }
  assert_true(c.pinned >= 10);
  assert_int_equal(p->head.epoch, 1); /* nobody lost the session */
  play_end(p);
}

LQ_TEST(replay_starts_at_an_older_checkpoint) {
  play *p = played();
  counted c = {0};
  assert_ok(play_checkpoint(p));
  assert_ok(replay(p, 73, false, &c));
  assert_int_equal(c.ticks, 23);
  assert_true(c.good && lq_session_hash(p->live.session) == p->hash[73]);
  play_end(p);
}

LQ_TEST(replay_of_the_future_is_refused) {
  play *p = played();
  counted c = {0};
  assert_int_equal(replay(p, 101, false, &c), LQ_ERR_RANGE);
  play_end(p);
}

LQ_TEST(replay_stops_when_told) {
  play *p = played();
  counted c = {.stop_at = 33};
  assert_ok(replay(p, 100, true, &c));
  assert_int_equal(lq_session_tick_number(p->live.session), 33);
  play_end(p);
}

/* ---- another release ---- */

static play *swapped(void) {
  play *p = play_begin();
  assert_ok(play_slice(p, 10, play_moves));
  assert_ok(play_slice(p, 1, play_name_release));
  play_swap(p);
  return p;
}

LQ_TEST(wake_goes_over_to_the_release_that_was_named) {
  play *p = swapped();
  uint64_t hash = lq_session_hash(p->live.session);
  uint8_t second[32];
  play_release(1, second);
  assert_ok(play_wake(p));
  assert_memory_equal(p->live.release, second, 32);
  assert_memory_equal(p->head.release, second, 32);
  assert_true(lq_session_hash(p->live.session) == hash);
  assert_ok(play_slice(p, 10, play_moves));
  hash = lq_session_hash(p->live.session);
  assert_ok(play_checkpoint(p));
  assert_ok(play_slice(p, 10, play_moves));
  assert_ok(play_wake(p));
  assert_true(lq_session_hash(p->live.session) == p->hash[31]);
  counted c = {0};
  assert_ok(replay(p, 21, true, &c));
  assert_true(c.good && lq_session_hash(p->live.session) == hash);
  play_end(p);
}

LQ_TEST(missing_release_leaves_the_session_under_the_old_one) {
  play *p = swapped();
  uint8_t first[32];
  play_release(0, first);
  p->games->second_missing = true;
  assert_ok(play_wake(p));
  assert_memory_equal(p->live.release, first, 32);
  assert_ok(play_slice(p, 10, play_moves));
  assert_ok(play_wake(p));
  play_end(p);
}

LQ_TEST(tail_of_a_missing_release_is_not_woken) {
  play *p = swapped();
  assert_ok(play_slice(p, 10, play_moves));
  p->games->second_missing = true;
  assert_int_equal(play_wake(p), LQ_ERR_NOT_FOUND);
  play_end(p);
}

/* ---- verify ---- */

typedef struct verified {
  lq_err err;
  lq_verify_result result;
  uint32_t calls;
  char first[256];
} verified;
static void report(void *context, const char *sentence) {
  verified *v = context;
  if (!v->first[0]) (void)lq_text_copy(v->first, sizeof v->first, lq_span_text(sentence));
}
static void done(void *context, lq_err err, const lq_verify_result *result) {
  verified *v = context;
  v->err = err;
  v->result = *result;
  v->calls++;
}
static verified verify(play *p) {
  verified v = {0};
  lq_ledger_verify(p->store, &p->releases, &p->name, report, done, &v);
  while (!v.calls) assert_true(lq_store_memory_run(p->store));
  return v;
}

LQ_TEST(verify_finds_nothing_in_a_whole_journal) {
  play *p = played();
  assert_ok(play_checkpoint(p));
  verified v = verify(p);
  assert_ok(v.err);
  assert_string_equal(v.first, "");
  assert_int_equal(v.result.findings, 0);
  assert_int_equal(v.result.slices, 10);
  assert_int_equal(v.result.ticks, 100);
  assert_int_equal(v.result.checkpoints, 2);
  assert_true(v.result.commands > 40 && v.result.hash == p->hash[100]);
  play_end(p);
}

LQ_TEST(verify_goes_through_a_swap) {
  play *p = swapped();
  assert_ok(play_checkpoint(p));
  assert_ok(play_slice(p, 10, play_moves));
  verified v = verify(p);
  assert_ok(v.err);
  assert_string_equal(v.first, "");
  assert_int_equal(v.result.checkpoints, 1);
  play_end(p);
}

/* There was no memory for the other session, say: it went on under the release that it had. */
LQ_TEST(verify_goes_on_where_a_swap_could_not_be_made) {
  play *p = play_begin();
  assert_ok(play_slice(p, 10, play_moves));
  assert_ok(play_slice(p, 1, play_name_release));
  assert_ok(play_checkpoint(p));
  assert_ok(play_slice(p, 10, play_moves));
  verified v = verify(p);
  assert_ok(v.err);
  assert_string_equal(v.first, "");
  assert_int_equal(v.result.ticks, 21);
  play_end(p);
}

LQ_TEST(verify_names_the_slice_with_a_flipped_bit) {
  play *p = played();
  for (uint64_t n = 1; n <= 10; n++) {
    lq_memory_item slice = lq_memory_slice(p->data, &p->name, n);
    char name[16];
    (void)snprintf(name, sizeof name, "slice %u:", (unsigned)n);
    for (size_t bit = 0; bit < slice.bytes * 8; bit += 37) {
      slice.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
      verified v = verify(p);
      assert_ok(v.err);
      assert_true(v.result.findings >= 1);
      assert_non_null(strstr(v.first, name));
      slice.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
  }
  assert_int_equal(verify(p).result.findings, 0);
  play_end(p);
}

LQ_TEST(verify_names_a_dropped_slice) {
  play *p = played();
  lq_memory_slice_drop(p->data, &p->name, 6);
  verified v = verify(p);
  assert_true(v.result.findings >= 1);
  assert_non_null(strstr(v.first, "slice 6 is missing"));
  assert_int_equal(v.result.slices, 9);
  play_end(p);
}

LQ_TEST(verify_names_a_slice_that_overlaps_the_one_before) {
  play *p = played();
  p->head.tick--;
  assert_ok(play_slice(p, 5, play_moves));
  verified v = verify(p);
  assert_int_equal(v.result.findings, 1);
  assert_non_null(strstr(v.first, "slice 11 begins at tick 100, which is in one before it"));
  play_end(p);
}

LQ_TEST(verify_names_slices_that_changed_places) {
  play *p = played();
  lq_memory_slice_swap(p->data, &p->name, 4, 5);
  verified v = verify(p);
  assert_true(v.result.findings >= 1);
  assert_non_null(strstr(v.first, "slice 4 holds the record of slice 5"));
  play_end(p);
}

LQ_TEST(verify_names_a_record_that_was_written_anew) {
  play *p = played();
  lq_memory_item slice = lq_memory_slice(p->data, &p->name, 3);
  slice.data[56] ^= 1; /* hash_after, with its digest made right */
  lq_sha256 digest = lq_sha256_of(lq_span_of(slice.data, slice.bytes - 32));
  memcpy(slice.data + slice.bytes - 32, digest.bytes, 32);
  verified v = verify(p);
  assert_true(v.result.findings >= 1);
  assert_non_null(strstr(v.first, "slice 3, tick 30"));
  play_end(p);
}

LQ_TEST(verify_names_a_damaged_checkpoint) {
  play *p = played();
  lq_memory_checkpoint(p->data, &p->name, 50).data[70] ^= 1;
  verified v = verify(p);
  assert_int_equal(v.result.findings, 1);
  assert_non_null(strstr(v.first, "checkpoint at tick 50"));
  play_end(p);
}

LQ_TEST(verify_compares_head) {
  play *p = played();
  lq_memory_head(p->data, &p->name)->chain[3] ^= 1;
  verified v = verify(p);
  assert_int_equal(v.result.findings, 1);
  assert_non_null(strstr(v.first, "HEAD"));
  play_end(p);
}

static void digest_mend(lq_memory_item slice) {
  lq_sha256 digest = lq_sha256_of(lq_span_of(slice.data, slice.bytes - 32));
  memcpy(slice.data + slice.bytes - 32, digest.bytes, 32);
}

/* Its ticks are as they were; only the record after it can tell. */
LQ_TEST(verify_names_the_slice_whose_chain_does_not_follow) {
  play *p = played();
  lq_memory_item slice = lq_memory_slice(p->data, &p->name, 3);
  slice.data[24] ^= 2; /* epoch */
  digest_mend(slice);
  verified v = verify(p);
  assert_int_equal(v.result.findings, 1);
  assert_non_null(strstr(v.first, "slice 4 does not follow"));
  play_end(p);
}

static void pay(lq_session *session, uint64_t tick) {
  play_moves(session, tick);
  if (tick == 7) LQ_CHECK(fx_do_give(session, 1, "p1", "p2", 0) == LQ_OK);
}

LQ_TEST(verify_names_the_tick_whose_events_were_altered) {
  play *p = play_begin();
  assert_ok(play_slice(p, 10, pay));
  assert_int_equal(verify(p).result.events >= 1, 1);
  lq_memory_item slice = lq_memory_slice(p->data, &p->name, 1);
  lq_slice_reader reader;
  lq_slice_tick tick;
  assert_ok(lq_slice_open(lq_span_of(slice.data, slice.bytes), &reader));
  do assert_true(lq_slice_next(&reader, &tick));
  while (tick.tick != 7);
  assert_true(tick.events.bytes > 0);
  slice.data[(size_t)(tick.events.data - slice.data) + tick.events.bytes - 1] ^= 1;
  digest_mend(slice);
  verified v = verify(p);
  assert_true(v.result.findings >= 1);
  assert_non_null(strstr(v.first, "slice 1, tick 7: other events"));
  play_end(p);
}
