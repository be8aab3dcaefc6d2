/* The seeds of slice_fuzz and journal_fuzz are slices of real runs, of today's commands: they are
 * made here again, byte for byte. LQ_SEEDS=1 writes them, after a change of commands or format. */
#include "lq_service/ledger/journal_json.h"
#include "lq_service/ledger/ledger_testing.h"
#include "tests/lq_test.h"

#include <stdio.h>

enum { SEED_BYTES = 1 << 14 };

static void walks(lq_session *session, uint64_t tick) {
  static const char ids[][4] = {"c1", "c2", "c3"};
  play_moves(session, tick);
  if (tick == 4) assert_ok(fx_do_move(session, 1, "p1", 1, 1, ids[0]));
  if (tick == 6) assert_ok(fx_do_move(session, 2, "p2", -1, 1, ids[1]));
}

/* A command of each kind, taken or refused, and what each of them brings: events, audited changes,
 * commands that are sent, a name that is text. */
static void does_everything(lq_session *session, uint64_t tick) {
  fx_body body;
  if (tick == 1) assert_ok(fx_join(session, "p1", "red", 1));
  if (tick == 1) assert_ok(fx_join(session, "p2", "red", 2));
  if (tick == 2) assert_ok(fx_do_give(session, 1, "p1", "p2", 40));
  if (tick == 2) assert_ok(fx_do_give(session, 2, "p2", "p1", 5000000));
  if (tick == 3) assert_ok(fx_dare(session, 1, "relay"));
  if (tick == 3) assert_ok(fx_dare(session, 2, "refuse"));
  if (tick == 4) assert_ok(fx_number(session, FX_SPAWN, 1, 3));
  if (tick == 5) assert_ok(fx_number(session, FX_CHEAT, 2, 2));
  if (tick == 6) assert_ok(fx_do_move(session, 1, "p1", 1, -1, "id \xc3\xa9"));
  if (tick == 7) {
    fx_text(fx_begin(&body), "p2");
    lq_write_u8(&body.out, 0);
    assert_ok(fx_send(session, LQ_CMD_CONNECTION, 0, "", &body));
  }
  if (tick == 8) assert_ok(fx_number(session, LQ_CMD_RATE, 0, 10));
  if (tick == 9) {
    fx_text(fx_begin(&body), "hunt.collect");
    lq_write_u8(&body.out, 0);
    fx_text(&body, "systems/hunt.lua:12: no");
    assert_ok(fx_send(session, LQ_CMD_GUEST, 0, "", &body));
  }
  if (tick == 10) assert_ok(fx_leave(session, "p1"));
  if (tick == 11) play_name_release(session, tick);
  if (tick == 12) {
    fx_text(fx_begin(&body), "over");
    assert_ok(fx_send(session, LQ_CMD_END, 0, "end-1", &body));
  }
}

static void seed_is(const char *fuzz, const char *name, lq_span bytes) {
  char path[512];
  uint8_t *kept = NULL;
  size_t count = 0;
  (void)snprintf(path, sizeof path, LQ_SOURCE_DIR "/lq_service/ledger/corpus/%s/%s", fuzz, name);
  if (getenv("LQ_SEEDS")) assert_ok(lq_file_write(path, bytes));
  assert_ok(lq_file_read(path, SEED_BYTES, &kept, &count));
  if (!lq_span_equal(bytes, lq_span_of(kept, count)))
    fail_msg("%s is of other commands or another format: LQ_SEEDS=1 writes it", path);
  lq_file_free(kept);
}

/* As journal_fuzz takes it: for each tick a step and three sized spans, no hashes. */
static lq_span as_journal(lq_span record, uint8_t room[SEED_BYTES]) {
  lq_slice_reader reader;
  lq_slice_tick tick;
  lq_writer out = lq_writer_of(room, SEED_BYTES);
  assert_ok(lq_slice_open(record, &reader));
  uint64_t last = reader.header.tick_first - 1;
  for (; lq_slice_next(&reader, &tick); last = tick.tick) {
    const lq_span part[] = {tick.commands, tick.events, tick.mutations};
    lq_write_u8(&out, (uint8_t)(tick.tick - last));
    for (int i = 0; i < 3; i++) {
      assert_true(part[i].bytes < 256);
      lq_write_u8(&out, (uint8_t)part[i].bytes);
      lq_write_span(&out, part[i]);
    }
  }
  assert_false(reader.body.failed || out.failed);
  return lq_writer_span(&out);
}

/* What is in the journal, told: a seed that is none of the game's would be refused. */
static void is_told(const play *p, lq_span record, const char *const *names) {
  static char text[1 << 16];
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  assert_ok(lq_journal_json(&p->games->fixture[0].game, record, &out));
  text[out.bytes] = 0;
  for (; *names; names++)
    if (!strstr(text, *names)) fail_msg("no %s in %s", *names, text);
}

static void seed(const char *name, play_input input, uint32_t ticks, const char *const *names) {
  uint8_t room[SEED_BYTES];
  play *p = play_begin();
  assert_ok(play_slice(p, ticks, input));
  lq_memory_item slice = lq_memory_slice(p->data, &p->name, 1);
  lq_span record = lq_span_of(slice.data, slice.bytes);
  is_told(p, record, names);
  seed_is("slice_fuzz", name, record);
  lq_span journal = as_journal(record, room);
  if (journal.bytes) seed_is("journal_fuzz", name, journal);
  play_end(p);
}

LQ_TEST(seeds_of_slices_are_of_todays_commands) {
  static const char *const moves[] = {"\"join\"", "\"move\"", NULL};
  static const char *const all[] = {"\"join\"",  "\"give\"",   "\"dare\"",     "\"spawn\"",
                                    "\"cheat\"", "\"move\"",   "\"rate\"",     "\"connection\"",
                                    "\"guest\"", "\"leave\"",  "\"end\"",      "\"release\"",
                                    "\"log\"",   "purse.paid", "hunt.collect", NULL};
  static const char *const nothing[] = {NULL};
  seed("slice_1", walks, 20, moves);
  seed("slice_2", NULL, 20, nothing);
  seed("slice_3", does_everything, 12, all);
}
