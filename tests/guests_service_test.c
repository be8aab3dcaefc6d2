/* Guests' processes in real jails, around a tiny language: who is answered, in what order, and what
 * becomes of questions whose process ends. */
#include "lq_engine/session/session.h"
#include "lq_service/guest/guest_int.h"
#include "tests/jail_tiny.h"
#include "tests/lq_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* This program stands under the names of the languages' own, in a folder of its own. */
__attribute__((constructor)) static void jail(int argc, char **argv) {
  char flag[] = "--jail", *arguments[] = {argv[0], flag, NULL};
  if (argc == 1 && strstr(argv[0], "/lq-jail-")) tiny_jail(2, arguments);
}

/* ---- inside: what a call does, by its tick / 1000; the rest is how much ---- */

enum { ECHO, SIT, LOOP, EXIT, LIE, SPIN, BIG, ACTS };
enum { BIG_BYTES = 3 << 20, SPIN_TURNS = 1000000 };
#define ACT(act) ((uint64_t)(act)*1000)

static void spin(uint64_t turns) {
  for (volatile uint64_t i = 0; i < turns; i++) {
  }
}

static void tiny_act(lq_guest_view *view, const char *what) {
  uint8_t byte;
  uint64_t rest = view->head->tick % 1000;
  (void)what;
  switch (view->head->tick / 1000) {
  case SIT:
    for (;;) (void)recv(3, &byte, 1, 0);
  case LOOP:
    for (;;) spin(SPIN_TURNS);
  case EXIT:
    _exit(7);
  case LIE:
    (void)send(3, "shorter", 7, 0);
    break;
  case SPIN:
    spin(rest * SPIN_TURNS);
    break;
  case BIG:
    (void)lq_write_room(&view->changes, BIG_BYTES);
    break;
  default:
    break;
  }
}

/* ---- outside ---- */

enum { SEATS = 24 };
typedef struct seat {
  lq_guest_seat *seat;
  uint32_t ready; /* how often it was told */
  uint64_t digest;
} seat;

static fixture f;
static lq_session *session;
static lq_loop *loop;
static lq_timer *pulse;
static lq_guests *guests;
static char folder[64];
static seat at[SEATS];
static lq_system_fn no_systems[4];
static lq_command_fn no_commands[FX_COMMANDS];
static const uint8_t good[32] = {1}, bad[32] = {2};

static lq_err files(void *context, const char *tenant, const uint8_t release[32],
                    lq_guest_language language, const lq_game **game,
                    lq_guest_source out[LQ_GUEST_SOURCES_MAX], uint32_t *count, lq_diag *diag) {
  (void)context, (void)tenant, (void)language, (void)diag;
  *game = &f.game;
  *count = release[0]; /* it wants one */
  for (uint32_t i = 0; i < *count; i++)
    out[i] = (lq_guest_source){lq_span_text("systems/tiny"), lq_span_text("x"), {0}};
  return LQ_OK;
}

static void each_turn(void *context, uint64_t fires) {
  (void)context, (void)fires;
  lq_loop_stop(loop);
}

static void ready(void *context) { ((seat *)context)->ready++; }

static void begin(void) {
  static const char *const names[] = {"lua", "python"};
  char path[128], own[1024];
  lq_diag diag = {0};
  memcpy(folder, "/tmp/lq-guests-test-XXXXXX", 27);
  assert_non_null(mkdtemp(folder));
  ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  assert_true(length > 0);
  own[length] = 0;
  for (uint32_t i = 0; i < 2; i++) {
    (void)snprintf(path, sizeof path, "%s/lq-jail-%s", folder, names[i]);
    assert_int_equal(symlink(own, path), 0);
  }
  fixture_fill(&f);
  for (uint32_t i = 0; i < 4; i++) {
    f.system[i].guest = LQ_GUEST_LUA;
    f.system[i].reads = f.system[i].writes = (1u << FX_COMPONENTS) - 1;
  }
  assert_ok(lq_game_seal(&f.game, &diag));
  f.game.system_fn = no_systems;
  f.game.command_fn = no_commands;
  size_t bytes = lq_session_bytes(&f.game);
  assert_ok(lq_session_init(lq_pages_take(bytes), bytes, &f.game, 1, &session));
  lq_guest_supply supply = {NULL, files, folder};
  assert_ok(lq_loop_open(&loop));
  assert_ok(lq_timer_open(loop, 1000, each_turn, NULL, &pulse));
  assert_ok(lq_guests_open(loop, &supply, &guests));
  memset(at, 0, sizeof at);
}

static void open_seat(seat *s, const char *tenant, const uint8_t release[32]) {
  *s = (seat){.digest = 1};
  assert_ok(lq_guest_seat_open(guests, tenant, release, ready, s, &s->seat));
}
static void open_seats(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) open_seat(&at[i], "acme", good);
}

static void end(void) {
  static const char *const names[] = {"lq-jail-lua", "lq-jail-python", ""};
  for (uint32_t i = 0; i < SEATS; i++) lq_guest_seat_close(at[i].seat);
  assert_null(guests->holders);
  lq_guests_close(guests);
  lq_timer_close(pulse);
  lq_loop_close(loop);
  lq_pages_give(session, lq_session_bytes(&f.game));
  for (uint32_t i = 0; i < 3; i++) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)remove(path);
  }
}

#define UNTIL(condition)                                                                           \
  for (uint64_t end_ = lq_clock_mono_ns() + 60000000000ull; !(condition); lq_loop_run(loop))       \
    if (lq_clock_mono_ns() > end_) fail_msg("never: %s", #condition)

static void turns(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) lq_loop_run(loop);
}

static char said[64], why_text[LQ_GUEST_TEXT_BYTES_MAX];

/* The question that has this number among its tick's. What comes back is in `said` or why_text. */
static lq_guest_turn ask(const lq_guest_port *port, uint64_t digest, uint32_t ordinal, uint64_t act,
                         const char *state) {
  lq_prng prng = {{1, 2, 3, 4}};
  lq_guest_ask q = {.game = &f.game,
                    .world = lq_session_world(session),
                    .kind = LQ_GUEST_SYSTEM,
                    .ordinal = ordinal,
                    .digest = digest,
                    .guest = LQ_GUEST_LUA,
                    .tick = act,
                    .prng = &prng,
                    .state = lq_span_text(state)};
  lq_span reply;
  const char *why;
  lq_guest_said heard;
  lq_guest_turn turn = port->ask(port->context, &q, &reply, &why);
  (void)snprintf(why_text, sizeof why_text, "%s", why);
  said[0] = 0;
  if (turn != LQ_GUEST_REPLIED) return turn;
  assert_ok(lq_guest_reply_read(reply, &heard));
  assert_true(lq_text_copy(said, sizeof said, heard.state));
  return turn;
}
static lq_guest_turn ask_seat(seat *s, uint32_t ordinal, uint64_t act, const char *state) {
  s->ready = 0;
  return ask(lq_guest_seat_port(s->seat), s->digest, ordinal, act, state);
}
/* Asked again whenever it is told to, as a session does. */
static lq_guest_turn finish(seat *s, uint32_t ordinal, uint64_t act, const char *state) {
  lq_guest_turn turn;
  while ((turn = ask_seat(s, ordinal, act, state)) == LQ_GUEST_WAITS) UNTIL(s->ready);
  return turn;
}
static void answered(seat *s, const char *text) {
  if (finish(s, 0, ACT(ECHO), text) != LQ_GUEST_REPLIED) fail_msg("%s", why_text);
  assert_string_equal(said, text);
}
static void next_tick(seat *s) {
  (void)lq_guest_seat_over(s->seat);
  s->digest++;
}

static bool is_sent(const seat *s) { return s->seat->asker.state == LQI_SENT; }
static lqi_process *process(void) { return guests->processes; }

/* The newest child: the one jail of these tests. */
static pid_t child(void) {
  char path[64], text[64] = "";
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(text, sizeof text, file));
  (void)fclose(file);
  return (pid_t)atoi(text);
}

/* ---- answers ---- */

LQ_TEST(many_seats_share_one_process_and_each_gets_its_own_answers) {
  char text[32];
  begin();
  open_seats(SEATS);
  for (uint32_t tick = 0; tick < 5; tick++) {
    uint32_t next[SEATS] = {0}, done = 0;
    for (uint32_t i = 0; i < SEATS; i++) at[i].ready = 1;
    while (done < SEATS) {
      for (uint32_t i = 0; i < SEATS; i++) {
        while (next[i] < 3 && at[i].ready) { /* its tick, again from its first question */
          for (uint32_t k = 0; k <= next[i]; k++) {
            (void)snprintf(text, sizeof text, "seat %u tick %u call %u", i, tick, k);
            lq_guest_turn turn = ask_seat(&at[i], k, ACT(ECHO), text);
            if (turn == LQ_GUEST_WAITS) break;
            assert_int_equal(turn, LQ_GUEST_REPLIED);
            assert_string_equal(said, text);
            if (k == next[i]) at[i].ready = 1, next[i]++, done += next[i] == 3, k = 3;
          }
        }
      }
      lq_loop_run(loop);
    }
    for (uint32_t i = 0; i < SEATS; i++) next_tick(&at[i]);
  }
  lq_guest_stats stats = lq_guests_stats(guests);
  assert_int_equal(stats.starts, 1);
  assert_int_equal(stats.processes, 1);
  assert_int_equal(stats.calls, SEATS * 5 * 3);
  assert_int_equal(stats.failed + stats.kills, 0);
  end();
}

LQ_TEST(an_answer_is_never_that_of_another_tick) {
  begin();
  open_seats(1);
  answered(&at[0], "first");
  answered(&at[0], "first"); /* the tick ran again: the answer that is kept */
  assert_int_equal(lq_guests_stats(guests).calls, 1);
  next_tick(&at[0]);
  answered(&at[0], "second");
  /* Nor when the tick is another one while the question is under way. */
  next_tick(&at[0]);
  assert_int_equal(ask_seat(&at[0], 0, ACT(ECHO), "dropped"), LQ_GUEST_WAITS);
  at[0].digest++;
  answered(&at[0], "third");
  end();
}

LQ_TEST(a_seat_closed_while_its_answer_is_under_way_hurts_nobody) {
  begin();
  open_seats(12);
  answered(&at[0], "up");
  next_tick(&at[0]);
  for (uint32_t i = 0; i < 12; i++)
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), "x"), LQ_GUEST_WAITS);
  assert_true(is_sent(&at[7]));
  assert_false(is_sent(&at[9])); /* it waits for a slot */
  for (uint32_t i = 0; i < 12; i += 3) {
    lq_guest_seat_close(at[i].seat);
    at[i].seat = NULL;
  }
  for (uint32_t i = 0; i < 12; i++)
    if (at[i].seat) answered(&at[i], "x");
  /* Told, and closed before its turn comes. */
  next_tick(&at[1]);
  assert_int_equal(ask_seat(&at[1], 0, ACT(ECHO), "x"), LQ_GUEST_WAITS);
  while (at[1].seat->asker.state == LQI_SENT) lqi_process_pump(process());
  assert_true(at[1].seat->due);
  lq_guest_seat_close(at[1].seat);
  at[1].seat = NULL;
  turns(5);
  assert_int_equal(at[1].ready, 0);
  end();
}

LQ_TEST(answers_of_one_tick_have_a_limit) {
  uint32_t ordinal = 0;
  begin();
  open_seats(1);
  while (finish(&at[0], ordinal, ACT(BIG), "") == LQ_GUEST_REPLIED) ordinal++;
  assert_int_equal(ordinal, LQ_GUEST_HELD_BYTES_MAX / BIG_BYTES);
  assert_non_null(strstr(why_text, "no room for its answer"));
  next_tick(&at[0]);
  assert_int_equal(finish(&at[0], 0, ACT(BIG), ""), LQ_GUEST_REPLIED);
  end();
}

/* As many sessions as a tenant likes, each a little below what one may hold. */
LQ_TEST(answers_of_all_ticks_of_a_tenant_have_a_limit_and_no_other_tenants) {
  enum { HOGS = 6, EACH = LQ_GUEST_HELD_BYTES_MAX / BIG_BYTES };
  begin();
  open_seats(HOGS);
  open_seat(&at[HOGS], "zeta", good);
  uint32_t kept = 0;
  lq_guest_turn turn = LQ_GUEST_REPLIED;
  for (uint32_t i = 0; i < HOGS && turn == LQ_GUEST_REPLIED; i++)
    for (uint32_t j = 0; j < EACH; j++, kept++)
      if ((turn = finish(&at[i], j, ACT(BIG), "")) != LQ_GUEST_REPLIED) break;
  assert_int_equal(turn, LQ_GUEST_FAILED);
  assert_int_equal(kept, LQ_GUEST_TENANT_BYTES_MAX / BIG_BYTES);
  assert_string_equal(why_text, "no room for its answer: the answers that the ticks of one tenant "
                                "wait with have at most 128 MiB");
  assert_int_equal(finish(&at[HOGS], 0, ACT(BIG), ""), LQ_GUEST_REPLIED);
  /* A tick that is over makes room, and so does a session that goes. */
  next_tick(&at[0]);
  assert_int_equal(finish(&at[0], 0, ACT(BIG), ""), LQ_GUEST_REPLIED);
  for (uint32_t i = 1; i < HOGS; i++) {
    lq_guest_seat_close(at[i].seat);
    at[i].seat = NULL;
  }
  assert_true(at[0].seat->of->bytes == at[0].seat->answer_bytes);
  for (uint32_t j = 1; j < EACH; j++)
    assert_int_equal(finish(&at[0], j, ACT(BIG), ""), LQ_GUEST_REPLIED);
  end();
}

LQ_TEST(what_is_closed_before_the_turn_that_it_asked_for_is_gone_then) {
  begin();
  open_seats(1);
  answered(&at[0], "up");
  next_tick(&at[0]);
  assert_int_equal(ask_seat(&at[0], 0, ACT(ECHO), "x"), LQ_GUEST_WAITS);
  while (at[0].seat->asker.state == LQI_SENT) lqi_process_pump(process());
  assert_true(guests->due_posted);
  end(); /* closes the guests, then the loop, which runs what was posted */
}

/* ---- ends ---- */

LQ_TEST(a_process_killed_by_others_is_asked_once_more_and_then_has_failed) {
  begin();
  open_seats(3);
  answered(&at[0], "up");
  for (int kills = 1; kills <= 2; kills++) {
    next_tick(&at[0]);
    assert_int_equal(ask_seat(&at[0], 0, ACT(SIT), "killed"), LQ_GUEST_WAITS);
    assert_int_equal(ask_seat(&at[1], 0, ACT(ECHO), "innocent"), LQ_GUEST_WAITS);
    for (int i = 0; i < kills; i++) {
      UNTIL(is_sent(&at[0]) || ask_seat(&at[0], 0, ACT(SIT), "killed") != LQ_GUEST_WAITS);
      turns(20);
      at[0].ready = 0;
      assert_int_equal(kill(child(), SIGKILL), 0);
      UNTIL(at[0].ready);
    }
    if (kills == 1)
      answered(&at[0], "killed");
    else
      assert_int_equal(finish(&at[0], 0, ACT(SIT), "killed"), LQ_GUEST_FAILED);
    if (kills == 2) assert_non_null(strstr(why_text, "killed by signal 9"));
    answered(&at[1], "innocent");
    next_tick(&at[1]);
  }
  assert_int_equal(lq_guests_stats(guests).failed, 1);
  /* Forgiving is of a question: the next one has its own. */
  next_tick(&at[0]);
  UNTIL(ask_seat(&at[0], 0, ACT(SIT), "x") == LQ_GUEST_WAITS && is_sent(&at[0]));
  assert_int_equal(kill(child(), SIGKILL), 0);
  UNTIL(at[0].seat->asker.ends == 1);
  next_tick(&at[0]);
  UNTIL(ask_seat(&at[0], 0, ACT(SIT), "y") == LQ_GUEST_WAITS && is_sent(&at[0]));
  assert_int_equal(kill(child(), SIGKILL), 0);
  UNTIL(at[0].ready);
  answered(&at[0], "y");
  end();
}

LQ_TEST(one_that_ends_itself_has_failed_and_those_behind_it_are_asked_again) {
  char text[16];
  begin();
  open_seats(6);
  answered(&at[0], "up");
  next_tick(&at[0]);
  assert_int_equal(ask_seat(&at[0], 0, ACT(EXIT), ""), LQ_GUEST_WAITS);
  for (uint32_t i = 1; i < 6; i++) {
    (void)snprintf(text, sizeof text, "%u", i);
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), text), LQ_GUEST_WAITS);
  }
  assert_int_equal(finish(&at[0], 0, ACT(EXIT), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "ended with exit code 7"));
  for (uint32_t i = 1; i < 6; i++) {
    (void)snprintf(text, sizeof text, "%u", i);
    answered(&at[i], text);
  }
  assert_int_equal(lq_guests_stats(guests).failed, 1);
  end();
}

LQ_TEST(what_takes_too_much_cpu_is_ended_at_once_and_nobody_else_suffers) {
  begin();
  open_seats(12); /* more than slots */
  answered(&at[0], "up");
  next_tick(&at[0]);
  assert_int_equal(ask_seat(&at[0], 0, ACT(LOOP), ""), LQ_GUEST_WAITS);
  for (uint32_t i = 1; i < 12; i++)
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), "innocent"), LQ_GUEST_WAITS);
  assert_int_equal(finish(&at[0], 0, ACT(LOOP), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "it took more than 100 ms of CPU time"));
  for (uint32_t i = 1; i < 12; i++) answered(&at[i], "innocent");
  assert_int_equal(lq_guests_stats(guests).kills, 1);
  assert_int_equal(lq_guests_stats(guests).failed, 1);
  end();
}

LQ_TEST(what_never_answers_is_ended_twice) {
  begin();
  open_seats(2);
  answered(&at[0], "up");
  next_tick(&at[0]);
  uint64_t begun_ns = lq_clock_mono_ns();
  assert_int_equal(finish(&at[0], 0, ACT(SIT), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "no answer within 2000 ms"));
  assert_true(lq_clock_mono_ns() - begun_ns >= 2 * LQ_GUEST_WALL_MS * 1000000ull);
  assert_int_equal(lq_guests_stats(guests).kills, 2);
  answered(&at[1], "after");
  end();
}

LQ_TEST(a_clock_that_jumps_back_ends_nothing) {
  begin();
  open_seats(1);
  answered(&at[0], "up");
  next_tick(&at[0]);
  assert_int_equal(ask_seat(&at[0], 0, ACT(SIT), ""), LQ_GUEST_WAITS);
  lqi_process_watch(process(), process()->head_ns - 1000000000ull);
  assert_int_equal(lq_guests_stats(guests).kills, 0);
  end();
}

LQ_TEST(what_speaks_in_no_form_has_failed) {
  begin();
  open_seats(2);
  answered(&at[0], "up");
  next_tick(&at[0]);
  assert_int_equal(finish(&at[0], 0, ACT(LIE), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "in a form that is none"));
  answered(&at[1], "after");
  end();
}

LQ_TEST(what_does_not_load_fails_whoever_waits) {
  begin();
  for (uint32_t i = 0; i < 12; i++) open_seat(&at[i], "acme", bad);
  for (uint32_t i = 0; i < 12; i++)
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), ""), LQ_GUEST_WAITS);
  for (uint32_t i = 0; i < 12; i++) {
    UNTIL(at[i].ready);
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), ""), LQ_GUEST_FAILED);
    assert_non_null(strstr(why_text, "does not load"));
  }
  const lq_guest_port *port = lq_guests_waiting(guests, "acme", bad);
  assert_int_equal(ask(port, 1, 0, ACT(ECHO), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "does not load"));
  end();
}

LQ_TEST(a_start_waits_longer_after_each_end) {
  begin();
  open_seats(1);
  uint64_t begun_ns = lq_clock_mono_ns();
  for (uint32_t i = 0; i < 3; i++) {
    assert_int_equal(finish(&at[0], 0, ACT(LIE), ""), LQ_GUEST_FAILED);
    next_tick(&at[0]);
  }
  answered(&at[0], "x");
  assert_true(lq_clock_mono_ns() - begun_ns >= (100 + 200 + 400) * 1000000ull);
  end();
}

/* ---- idle ---- */

LQ_TEST(an_idle_process_ends_and_the_next_question_starts_another) {
  begin();
  open_seats(1);
  lq_guests_idle_set(guests, 50);
  answered(&at[0], "a");
  UNTIL(lq_guests_stats(guests).processes == 0);
  turns(20);
  assert_null(guests->timer); /* and nothing wakes the machine any more */
  next_tick(&at[0]);
  answered(&at[0], "b");
  assert_int_equal(lq_guests_stats(guests).starts, 2);
  assert_int_equal(lq_guests_stats(guests).kills, 0);
  end();
}

/* ---- ports that wait ---- */

LQ_TEST(a_port_that_waits_and_seats_share_a_process) {
  begin();
  open_seats(8);
  const lq_guest_port *port = lq_guests_waiting(guests, "acme", good);
  assert_int_equal(ask(port, 1, 0, ACT(ECHO), "one"), LQ_GUEST_REPLIED);
  assert_string_equal(said, "one");
  for (uint32_t i = 0; i < 8; i++)
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), "seat"), LQ_GUEST_WAITS);
  assert_int_equal(ask(port, 1, 1, ACT(ECHO), "two"), LQ_GUEST_REPLIED);
  assert_string_equal(said, "two");
  for (uint32_t i = 0; i < 8; i++) answered(&at[i], "seat");
  assert_int_equal(lq_guests_stats(guests).starts, 1);
  end();
}

LQ_TEST(a_port_that_waits_for_room_does_not_pay_for_what_others_did) {
  begin();
  open_seats(8);
  answered(&at[0], "up");
  next_tick(&at[0]);
  assert_int_equal(ask_seat(&at[0], 0, ACT(LOOP), ""), LQ_GUEST_WAITS);
  for (uint32_t i = 1; i < 8; i++)
    assert_int_equal(ask_seat(&at[i], 0, ACT(ECHO), "seat"), LQ_GUEST_WAITS);
  const lq_guest_port *port = lq_guests_waiting(guests, "acme", good);
  if (ask(port, 1, 0, ACT(ECHO), "mine") != LQ_GUEST_REPLIED) fail_msg("%s", why_text);
  assert_string_equal(said, "mine");
  assert_int_equal(finish(&at[0], 0, ACT(LOOP), ""), LQ_GUEST_FAILED);
  for (uint32_t i = 1; i < 8; i++) answered(&at[i], "seat");
  end();
}

/* Millions of turns of `spin` that take about 300 ms of CPU time here. */
static uint64_t spin_rest(void) {
  struct timespec a, b;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
  spin(20 * SPIN_TURNS);
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
  int64_t ns = (b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec;
  int64_t rest = 20ll * 300000000 / (ns > 0 ? ns : 1) + 1;
  return rest > 999 ? 999 : (uint64_t)rest;
}

LQ_TEST(what_a_journal_says_was_answered_has_more_time) {
  uint64_t act = ACT(SPIN) + spin_rest();
  begin();
  open_seats(1);
  assert_int_equal(finish(&at[0], 0, act, ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "CPU time"));
  const lq_guest_port *port = lq_guests_waiting(guests, "acme", good);
  if (ask(port, 1, 0, act, "slow") != LQ_GUEST_REPLIED) fail_msg("%s", why_text);
  assert_int_equal(ask(port, 1, 1, ACT(LOOP), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "it took more than 1000 ms of CPU time"));
  end();
}

/* ---- tenants ---- */

LQ_TEST(a_tenants_stop_ends_its_processes_and_no_others) {
  begin();
  open_seat(&at[0], "acme", good);
  open_seat(&at[1], "zeta", good);
  open_seat(&at[2], "acme", good);
  for (uint32_t i = 3; i < 12; i++) open_seat(&at[i], "acme", good); /* some wait for a slot */
  answered(&at[0], "a");
  answered(&at[1], "z");
  assert_int_equal(lq_guests_stats(guests).processes, 2);
  const lq_guest_port *port = lq_guests_waiting(guests, "acme", good);
  assert_int_equal(ask(port, 1, 0, ACT(ECHO), "port"), LQ_GUEST_REPLIED);
  next_tick(&at[1]);
  for (uint32_t i = 2; i < 12; i++)
    assert_int_equal(ask_seat(&at[i], 0, ACT(SIT), "a"), LQ_GUEST_WAITS);
  assert_int_equal(ask_seat(&at[1], 0, ACT(ECHO), "z"), LQ_GUEST_WAITS);
  lq_guests_tenant_stop(guests, "acme");
  assert_int_equal(lq_guests_stats(guests).processes, 1);
  for (const lqi_process *p = guests->processes; p; p = p->next)
    assert_string_equal(p->tenant, "zeta");
  assert_int_equal(ask(port, 1, 1, ACT(ECHO), ""), LQ_GUEST_FAILED);
  assert_non_null(strstr(why_text, "its tenant was stopped"));
  for (uint32_t i = 2; i < 12; i++) {
    UNTIL(at[i].ready);
    assert_int_equal(ask_seat(&at[i], 0, ACT(SIT), "a"), LQ_GUEST_FAILED);
  }
  answered(&at[1], "z");
  assert_int_equal(lq_guests_stats(guests).processes, 1);
  /* A tenant of that name comes again. */
  assert_ptr_equal(lq_guests_waiting(guests, "acme", good), port);
  assert_int_equal(ask(port, 1, 0, ACT(ECHO), "again"), LQ_GUEST_REPLIED);
  end();
}
