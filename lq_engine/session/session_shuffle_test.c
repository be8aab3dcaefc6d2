/* What may not show in a session's future: between senders, who was heard first; that it was saved
 * and loaded; what the last tick left in its buffers. Random games of the fixture. */
#include "lq_engine/session/session_int.h"
#include "lq_engine/session/session_testing.h"
#include "tests/golden/random_player.h"
#include "tests/lq_test.h"

enum { TICKS = 1200, COMMANDS_MAX = 64, SENDERS = 8 };

static fixture fx;
static uint8_t code[8192];

static lq_session *open_session(size_t *bytes, uint64_t seed) {
  if (!fx.game.system_fn) {
    lq_arena arena = lq_arena_of(code, sizeof code);
    fixture_fill(&fx);
    fixture_ready(&fx, &arena);
  }
  void *memory = fixture_block(&fx.game, bytes);
  lq_session *s;
  assert_ok(lq_session_init(memory, *bytes, &fx.game, seed, &s));
  return s;
}

/* ---- one tick's commands, as they were meant ---- */

typedef struct meant {
  random_player player; /* first */
  lq_prng luck;
  uint32_t count;
  struct {
    lq_command command;
    uint8_t body[512];
  } row[COMMANDS_MAX];
} meant;

static void take(random_player *player, const lq_command *command) {
  meant *m = (meant *)(void *)player;
  if (m->count == COMMANDS_MAX || command->body.bytes > sizeof m->row->body) return;
  lq_writer body = lq_writer_of(m->row[m->count].body, sizeof m->row->body);
  /* Their handlers do something so often. */
  if (command->type == FX_SPAWN || command->type == FX_CHEAT)
    lq_write_zigzag(&body, lq_prng_below(&m->luck, 4));
  else
    lq_write_span(&body, command->body);
  m->row[m->count].command = *command;
  m->row[m->count++].command.body = lq_writer_span(&body);
}

/* Random ones, and the dares that move everything. */
static void think(meant *m, lq_session *s) {
  static const char *const dares[] = {"mess", "refuse", "switch", "flood", "nothing"};
  m->count = 0;
  m->player.session = s;
  random_tick(&m->player);
  random_tick(&m->player);
  if (lq_prng_below(&m->luck, 12) == 0) {
    fx_body body;
    fx_text(fx_begin(&body), dares[lq_prng_below(&m->luck, 5)]);
    uint16_t slot = (uint16_t)(1 + lq_prng_below(&m->luck, 5));
    lq_command dare = fx_command(FX_DARE, slot, "", &body);
    take(&m->player, &dare);
  }
}

static meant *think_begin(uint64_t seed) {
  meant *m = calloc(1, sizeof *m);
  assert_non_null(m);
  m->player.take = take;
  lq_prng_seed(&m->player.prng, seed);
  lq_prng_seed(&m->luck, seed + 1);
  return m;
}

static void send(lq_session *s, meant *m, uint32_t i) {
  uint64_t first;
  if (lq_session_submit(s, &m->row[i].command, &first) != LQ_OK)
    return; /* refused is as good as taken */
}
static void send_all(lq_session *s, meant *m) {
  for (uint32_t i = 0; i < m->count; i++) send(s, m, i);
}

/* The senders' commands merged in another way; each sender's own stay in order. */
static void send_merged(lq_session *s, meant *m, lq_prng *r) {
  uint32_t at[SENDERS] = {0};
  for (uint32_t left = m->count; left > 0;) {
    uint32_t slot = lq_prng_below(r, SENDERS), i = at[slot];
    while (i < m->count && m->row[i].command.slot != slot) i++;
    at[slot] = i;
    if (i == m->count) continue;
    send(s, m, i);
    at[slot]++;
    left--;
  }
}

/* ---- comparing ---- */

static void same_result(const lq_tick_result *a, const lq_tick_result *b) {
  if (a->hash != b->hash) fail_msg("the hashes part at tick %llu", (unsigned long long)a->tick);
  assert_true(lq_span_equal(a->commands, b->commands));
  assert_true(lq_span_equal(a->events, b->events));
  assert_true(lq_span_equal(a->mutations, b->mutations));
  assert_int_equal(a->failed, b->failed);
  assert_int_equal(a->applied_count, b->applied_count);
  for (uint32_t i = 0; i < a->applied_count; i++) {
    assert_int_equal(a->applied[i].outcome, b->applied[i].outcome);
    assert_string_equal(a->applied[i].client_id, b->applied[i].client_id);
    assert_string_equal(a->applied[i].reason, b->applied[i].reason);
  }
}

static lq_span save(const lq_session *s) {
  size_t bytes = lq_session_save_bytes(s);
  lq_writer out = lq_writer_of(malloc(bytes), bytes);
  assert_ok(lq_session_save(s, &out));
  return lq_writer_span(&out);
}
static void destroy(lq_span s) {
  memset((void *)(uintptr_t)s.data, 0xcd, s.bytes);
  free((void *)(uintptr_t)s.data);
}
static void same_save(const lq_session *a, const lq_session *b) {
  lq_span x = save(a), y = save(b);
  assert_true(lq_span_equal(x, y));
  destroy(x);
  destroy(y);
}

/* ---- the gates ---- */

LQ_TEST(senders_heard_in_another_order_give_the_same_tick) {
  size_t bytes;
  lq_tick_result ra, rb;
  lq_prng luck;
  lq_prng_seed(&luck, 1);
  lq_session *a = open_session(&bytes, 3), *b = open_session(&bytes, 3);
  meant *m = think_begin(3);
  uint32_t events = 0, refused = 0, applied = 0;
  for (uint32_t t = 0; t < TICKS; t++) {
    think(m, a);
    send_all(a, m);
    send_merged(b, m, &luck);
    lq_session_tick(a, NULL, &ra);
    lq_session_tick(b, NULL, &rb);
    same_result(&ra, &rb);
    events += ra.event_count;
    applied += ra.applied_count;
    for (uint32_t i = 0; i < ra.applied_count; i++) refused += ra.applied[i].outcome != LQ_OK;
  }
  assert_true(applied > 2 * TICKS && refused > TICKS / 20 && events > 100);
  same_save(a, b);
  free(m);
  free(a);
  free(b);
}

/* Into other memory, fresh and zeroed as the contract asks; all the old one is destroyed. */
static lq_session *rebuilt(lq_session *old, size_t bytes) {
  size_t again;
  lq_span saved = save(old);
  lq_session *s;
  void *memory = fixture_block(&fx.game, &again);
  assert_int_equal(bytes, again);
  assert_ok(lq_session_load(memory, bytes, &fx.game, saved, &s));
  destroy(saved);
  memset(old, 0xcd, bytes);
  free(old);
  return s;
}

LQ_TEST(a_session_saved_and_loaded_after_every_tick_has_the_same_future) {
  size_t bytes;
  lq_tick_result ra, rb;
  lq_session *a = open_session(&bytes, 4), *b = open_session(&bytes, 4);
  meant *m = think_begin(4);
  for (uint32_t t = 0; t < TICKS; t++) {
    think(m, a);
    send_all(a, m);
    send_all(b, m);
    lq_session_tick(a, NULL, &ra);
    lq_session_tick(b, NULL, &rb);
    same_result(&ra, &rb);
    b = rebuilt(b, bytes);
    assert_true(lq_session_hash(b) == ra.hash);
  }
  same_save(a, b);
  free(m);
  free(a);
  free(b);
}

/* Between ticks nothing of these counts. */
static void poison(lq_session *s) {
  lq_session keep = *s;
  memset(s->queue, 0xcd, LQ_TICK_COMMANDS_MAX * sizeof *s->queue);
  memset(s->order, 0xcd, LQ_TICK_COMMANDS_MAX * sizeof *s->order);
  memset(s->order_spare, 0xcd, LQ_TICK_COMMANDS_MAX * sizeof *s->order_spare);
  memset(s->applied, 0xcd, LQ_TICK_COMMANDS_MAX * sizeof *s->applied);
  memset(s->event, 0xcd, LQI_EVENTS_MAX * sizeof *s->event);
  memset(s->cause, 0xcd, LQI_CAUSES_MAX * sizeof *s->cause);
  memset(s->queue_data, 0xcd, LQI_TICK_COMMAND_BYTES);
  memset(s->journal, 0xcd, LQI_TICK_COMMAND_BYTES);
  memset(s->event_data, 0xcd, LQ_TICK_EVENTS_BYTES);
  memset(s->scratch_data, 0xcd, LQ_TICK_MUTATIONS_BYTES);
  memset(s->reasons, 0xcd, LQI_REASON_BYTES);
  memset(s->player_undo, 0xcd, (s->game->players_max + 1u) * sizeof *s->player_undo);
  memset(&s->core_before, 0xcd, sizeof s->core_before);
  memset(&s->events, 0xcd, sizeof s->events);
  memset(&s->scratch, 0xcd, sizeof s->scratch);
  s->world_before = s->reason_bytes = 0xcdcdcdcdu;
  s->event_count = s->cause_count = s->player_undo_count = s->undo_last = 0xcdcdcdcdu;
  s->actor = 0xcdcd;
  s->refused = s->full = true;
  s->reason = NULL;
  LQ_CHECK(keep.queued == 0 && keep.phase == LQI_IDLE);
}

LQ_TEST(what_a_tick_leaves_in_its_buffers_is_never_read_again) {
  size_t bytes;
  lq_tick_result ra, rb;
  lq_session *a = open_session(&bytes, 5), *b = open_session(&bytes, 5);
  meant *m = think_begin(5);
  for (uint32_t t = 0; t < TICKS; t++) {
    think(m, a);
    poison(b);
    send_all(a, m);
    send_all(b, m);
    lq_session_tick(a, NULL, &ra);
    lq_session_tick(b, NULL, &rb);
    same_result(&ra, &rb);
  }
  same_save(a, b);
  free(m);
  free(a);
  free(b);
}
