/* A game whose rules are a guest's, through a whole shard: real jails, the real store. */
#include "lq_service/guest/guest_int.h"
#include "lq_service/release/guest_testing.h"
#include "tests/shard_testing.h"

#include <signal.h>

/* ---- the game, as in shard_testing.h but in Lua ---- */

#define MOON(version, tick)                                                                        \
  "lq: 1\nname: lab\nversion: " version "\ntick: " tick "\nlimits: {entities: 64, players: 8}\n"   \
  "components:\n  Score: {fields: {n: i32}}\n"                                                     \
  "commands:\n  inc: {fields: {entity: entity, n: i32}}\n"                                         \
  "events:\n  scored: {fields: {who: entity, n: i32}, see: all}\n"                                 \
  "systems: [moon.pulse, moon.frail]\n"                                                            \
  "players:\n  spawn: {Score: {}}\n  on_leave: delete\n"

/* 13 raises half-way, 66 does not end, 404 breaks the system `frail` as long as it stands. */
#define LUA(frail)                                                                                 \
  "command{name = 'inc', run = function(world, command)\n"                                         \
  "  local score = command.entity.Score\n"                                                         \
  "  if command.n < 0 then refuse('no negative numbers') end\n"                                    \
  "  score.n = score.n + command.n\n"                                                              \
  "  world:emit('scored', {who = command.entity, n = command.n})\n"                                \
  "  if command.n == 13 then error('thirteen') end\n"                                              \
  "  while command.n == 66 do score.n = score.n + 1 end\n"                                         \
  "end}\n"                                                                                         \
  "system{name = 'moon.pulse', order = 10, reads = {'Score'}, writes = {}, state = {n = 0},\n"     \
  "  run = function(world, delta, state) state.n = state.n + 1 end}\n"                             \
  "system{name = 'moon.frail', order = 20, run = function(world)\n"                                \
  "  for who in world:each('Score') do\n    " frail "\n"                                           \
  "    if who.Score.n == 500 then world:command('inc', {entity = who, n = -1}) end\n"              \
  "  end\nend}\n"
#define FRAIL "if who.Score.n == 404 then error('frail') end"
#define MENDED "if who.Score.n == 404 then who.Score.n = 405 end"

enum { SECONDS, TURNS, NEXT, KINDS };
static const struct {
  const char *yaml, *lua;
} kind[KINDS] = {{MOON("1.0.0", "{hz: 50}"), LUA(FRAIL)},
                 {MOON("1.0.0", "on_command"), LUA(FRAIL)},
                 {MOON("2.0.0", "{hz: 50}"), LUA(MENDED)}};

static rig r;
static lq_releases *releases;
static char cache[64];
static const lq_release *built[KINDS];

static void build_all(void) {
  fx_folder(cache);
  releases = fx_releases(cache, NULL);
  lq_releases_guests(releases, lq_guest_describe, fx_jails());
  for (uint32_t i = 0; i < KINDS; i++) {
    char folder[64];
    fx_folder(folder);
    fx_write(folder, "game.yaml", kind[i].yaml);
    fx_write(folder, "systems/moon.lua", kind[i].lua);
    built[i] = fx_build(releases, folder);
    fx_folder_remove(folder);
    uint32_t at = lab_release_count++;
    memcpy(lab_release[at].id, built[i]->id, 32);
    lq_game *game = NULL; /* the table's is not const */
    memcpy(&game, &built[i]->game, sizeof game);
    lab_release[at].game = game;
  }
}
__attribute__((destructor)) static void releases_end(void) {
  if (!releases) return;
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

static void begin(uint32_t which) {
  if (!releases) build_all();
  lq_guest_supply supply = lq_releases_supply(releases);
  uint32_t hibernate_ms = r.hibernate_ms;
  r = (rig){.console = true, .hibernate_ms = hibernate_ms};
  rig_open_bare(&r);
  assert_ok(lq_guests_open(r.loop, &supply, &lab_guests));
  shard_open(&r);
  serve_to(&r, "acme", built[which]->id);
}

typedef struct verified {
  bool done;
  lq_err err;
  lq_verify_result result;
} verified;
static void report(void *context, const char *sentence) {
  (void)context;
  print_error("%s\n", sentence);
}
static void got_verified(void *context, lq_err err, const lq_verify_result *result) {
  verified *v = context;
  v->done = true;
  v->err = err;
  if (result) v->result = *result;
}

/* Stops the shard, and runs everything that happened again. */
static void end(void) {
  static const char *const tenants[] = {"acme", "zeta"};
  if (r.shard) shard_stop(&r);
  lq_release_source source = lab_source();
  uint64_t ticks = 0;
  for (uint32_t i = 0; i < 2; i++) {
    verified v = {0};
    lq_session_name name = name_of("main");
    (void)snprintf(name.tenant, sizeof name.tenant, "%s", tenants[i]);
    lq_ledger_verify(r.store, &source, &name, report, got_verified, &v);
    UNTIL(&r, v.done);
    if (v.err == LQ_ERR_NOT_FOUND) continue;
    assert_ok(v.err);
    assert_int_equal(v.result.findings, 0);
    ticks += v.result.ticks;
  }
  assert_true(ticks > 0);
  lq_guests_close(lab_guests);
  lab_guests = NULL;
  rig_close(&r);
  r.hibernate_ms = 0;
}

static lqi_session *main_of(void) { return session_of(&r, "main"); }
static lq_guest_stats stats(void) { return lq_guests_stats(lab_guests); }

/* A tick that waits for a guest now: left to the loop, nobody may be there to see it. */
static void park(void) {
  UNTIL(&r, !main_of()->parked);
  (void)lqi_session_tick(main_of());
  assert_true(main_of()->parked);
}

/* ---- order ---- */

LQ_TEST(joined_ack_event_and_delta_come_in_this_order_while_ticks_wait) {
  conn a = {0};
  begin(SECONDS);
  join(&r, &a, "");
  assert_has(a.line[0], "\"evt\":\"joined\",\"session\":\"main\",\"player\":\"p1\"");
  inc(&a, "p1", 5, "c1");
  UNTIL(&r, has(&a, "\"evt\":\"state\""));
  int ack = line_of(&a, "\"evt\":\"ack\",\"id\":\"c1\"", 0), event = line_of(&a, "scored", 0);
  int delta = line_of(&a, "\"evt\":\"state\"", 0);
  assert_true(0 < ack && ack < event && event < delta);
  assert_has(a.line[delta], "\"Score\":{\"n\":5}");
  assert_int_equal(stats().failed, 0);
  conn_free(&a);
  end();
}

LQ_TEST(what_is_sent_while_a_tick_waits_is_acknowledged_once_and_in_order) {
  enum { COMMANDS = 40 };
  conn a = {0};
  char id[16], part[48];
  uint32_t waited = 0;
  for (uint32_t which = SECONDS; which <= TURNS; which++) {
    begin(which);
    join(&r, &a, "");
    for (int i = 0; i < COMMANDS; i++) {
      (void)snprintf(id, sizeof id, "c%d", i);
      waited += main_of()->parked;
      inc(&a, "p1", 1, id);
      turns(&r, 1);
    }
    UNTIL(&r, has(&a, "\"id\":\"c39\""));
    UNTIL(&r, has(&a, "\"Score\":{\"n\":40}"));
    int last = -1;
    for (int i = 0; i < COMMANDS; i++) {
      (void)snprintf(part, sizeof part, "\"evt\":\"ack\",\"id\":\"c%d\"", i);
      assert_int_equal(count_of(&a, part), 1);
      assert_true(line_of(&a, part, 0) > last);
      last = line_of(&a, part, 0);
    }
    assert_int_equal(count_of(&a, "scored"), COMMANDS);
    conn_free(&a);
    end();
  }
  assert_true(waited > 0);
}

LQ_TEST(who_joins_between_an_answer_and_its_tick_joins_with_the_next_one) {
  conn a = {0}, b = {0}, c = {0};
  begin(TURNS);
  join(&r, &a, "");
  UNTIL(&r, !main_of()->behind_tick);
  inc(&a, "p1", 1, "c1");
  UNTIL(&r, main_of()->parked);
  join_start(&r, &b, ",\"player\":\"early\"");
  lq_guest_seat *seat = main_of()->seat;
  while (!seat->due) lqi_process_pump(seat->guests->processes);
  seat->ready(seat->context); /* its tick is of this turn's end, and somebody comes before it */
  assert_false(main_of()->parked);
  join_start(&r, &c, ",\"player\":\"late\"");
  UNTIL(&r, (has(&b, "\"joined\"") || b.closed) && (has(&c, "\"joined\"") || c.closed));
  assert_false(b.closed || c.closed);
  UNTIL(&r, has(&a, "\"c1\""));
  conn_free(&a);
  conn_free(&b);
  conn_free(&c);
  end();
}

/* ---- a swap that waits ---- */

/* A release is served, and the tick that takes it waits for a guest. */
static void swap_waits(uint32_t to) {
  UNTIL(&r, !main_of()->parked);
  serve_to(&r, "acme", built[to]->id);
  park();
  assert_true(lqi_holds(main_of()));
}

LQ_TEST(what_is_sent_while_a_swap_waits_runs_behind_it_in_order) {
  enum { COMMANDS = 200 };
  conn a = {0}, b = {0}, c = {0}, gone = {0};
  told rest = {0};
  lq_diag diag = {0};
  char id[32], part[48];
  begin(SECONDS);
  join(&r, &a, "");
  join(&r, &gone, ",\"player\":\"bob\"");
  swap_waits(NEXT);
  for (int i = 0; i < COMMANDS; i++) {
    (void)snprintf(id, sizeof id, "c%d", i);
    inc(&a, "p1", i == 100 ? -1 : 1, id);
  }
  inc(&a, "p1", 1, "c7"); /* again */
  say(&a, "{\"cmd\":\"none\",\"id\":\"bad\"}");
  join_start(&r, &b, ",\"player\":\"ann\"");
  join_start(&r, &c, ",\"player\":\"ann\"");
  conn_free(&gone);
  lq_message message;
  assert_ok(lq_message_read(
      lq_span_text("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":5,\"id\":\"r\"}"), &message, &diag));
  lq_session_name name = name_of("main");
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &rest);
  assert_false(rest.calls || a.closed || b.closed || has(&a, "error"));
  UNTIL(&r, has(&a, "\"id\":\"c199\"") && rest.calls && has(&b, "\"joined\""));
  UNTIL(&r, has(&a, "\"Score\":{\"n\":204}")); /* 199, one refused, and 5 */
  assert_int_equal(memcmp(main_of()->live.release, built[NEXT]->id, 32), 0);
  int last = -1;
  for (int i = 0; i < COMMANDS; i++) {
    (void)snprintf(part, sizeof part, "\"evt\":\"%s\",", i == 100 ? "error" : "ack");
    (void)snprintf(id, sizeof id, "\"id\":\"c%d\"", i);
    assert_int_equal(count_of(&a, id), 1);
    assert_true(line_of(&a, id, 0) > last);
    last = line_of(&a, id, 0);
    assert_has(a.line[last], part);
  }
  assert_has(a.line[line_of(&a, "\"bad\"", 0)], "LQ_ERR_UNKNOWN_COMMAND");
  assert_ok(rest.err);
  assert_int_equal(c.why, LQ_ERR_EXISTS);
  assert_false(lq_session_player_find(main_of()->live.session, lq_span_text("bob")).connected);
  told_free(&rest);
  conn_free(&a);
  conn_free(&b);
  conn_free(&c);
  end();
}

LQ_TEST(what_waits_for_a_swap_is_bounded_and_the_rest_is_told_busy) {
  conn a = {0};
  char long_one[3000], id[16];
  begin(SECONDS);
  join(&r, &a, "");
  swap_waits(NEXT);
  uint32_t kept = 0;
  for (; !has(&a, "LQ_ERR_BUSY"); kept++) {
    (void)snprintf(id, sizeof id, "l%u", kept);
    (void)snprintf(long_one, sizeof long_one,
                   "{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":1,\"id\":\"%s\"%*s}", id, 2900, "");
    say(&a, long_one);
    assert_true(kept < LQ_TICK_COMMANDS_MAX);
  }
  assert_true(kept > 300);
  assert_has(a.line[line_of(&a, "LQ_ERR_BUSY", 0)], id);
  (void)snprintf(long_one, sizeof long_one, "\"Score\":{\"n\":%u}", kept - 1);
  UNTIL(&r, has(&a, long_one));
  assert_int_equal(count_of(&a, "\"ack\""), kept - 1);
  assert_int_equal(main_of()->call_count, 0);
  assert_int_equal(main_of()->call_bytes, 0);
  conn_free(&a);
  end();
}

LQ_TEST(whose_access_ends_while_a_swap_waits_does_nothing_any_more) {
  conn a = {0}, b = {0};
  told rest = {0};
  lq_diag diag = {0};
  lq_message message;
  begin(SECONDS);
  join(&r, &b, "");
  assert_ok(lq_message_read(
      lq_span_text("{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"lab\"}"), &message, &diag));
  lq_shard_user eve = {.user = "eve", .address = ""};
  assert_ok(lq_shard_join(r.shard, &message, 0, &eve, &conn_sink, &a, &a.client, &diag));
  UNTIL(&r, has(&a, "\"joined\""));
  swap_waits(NEXT);
  inc(&a, "p2", 7, "c1");
  inc(&b, "p1", 3, "c2");
  assert_ok(lq_message_read(
      lq_span_text("{\"cmd\":\"inc\",\"entity\":\"p2\",\"n\":5,\"id\":\"r\"}"), &message, &diag));
  lq_session_name name = name_of("main");
  lq_shard_command(r.shard, &name, "p2", &message, told_answer, &rest);
  lq_shard_revoke(r.shard, "acme", "eve");
  assert_int_equal(a.why, LQ_ERR_UNAUTHORIZED);
  assert_int_equal(rest.err, LQ_ERR_UNAUTHORIZED);
  UNTIL(&r, has(&b, "\"ack\",\"id\":\"c2\""));
  turns(&r, 40);
  assert_lacks(&b, "\"n\":7");
  assert_lacks(&b, "\"n\":12");
  told_free(&rest);
  conn_free(&a);
  conn_free(&b);
  end();
}

LQ_TEST(a_stop_while_a_swap_waits_answers_everybody) {
  conn a = {0};
  told rest = {0};
  lq_diag diag = {0};
  lq_message message;
  begin(SECONDS);
  join(&r, &a, "");
  swap_waits(NEXT);
  inc(&a, "p1", 1, "c1");
  assert_ok(lq_message_read(
      lq_span_text("{\"cmd\":\"inc\",\"entity\":\"p1\",\"n\":5,\"id\":\"r\"}"), &message, &diag));
  lq_session_name name = name_of("main");
  lq_shard_command(r.shard, &name, "p1", &message, told_answer, &rest);
  lq_guests_tenant_stop(lab_guests, "acme");
  lqi_session_drop(main_of(), LQ_ERR_BUSY, "gone");
  assert_true(a.closed);
  assert_int_equal(rest.err, LQ_ERR_BUSY);
  told_free(&rest);
  conn_free(&a);
  (void)lq_guests_waiting(lab_guests, "acme", built[SECONDS]->id);
  (void)lq_guests_waiting(lab_guests, "acme", built[NEXT]->id);
  end();
}

/* ---- failures ---- */

LQ_TEST(a_failed_handler_is_told_journaled_and_replayed) {
  conn a = {0};
  begin(SECONDS);
  join(&r, &a, "");
  inc(&a, "p1", 5, "good");
  inc(&a, "p1", 13, "bad");
  UNTIL(&r, has(&a, "\"bad\""));
  int error = line_of(&a, "\"bad\"", 0);
  assert_has(a.line[error], "LQ_ERR_GUEST");
  UNTIL(&r, has(&a, "guest.failed"));
  assert_has(a.line[line_of(&a, "guest.failed", 0)], "systems/moon.lua:6: thirteen");
  inc(&a, "p1", 2, "after"); /* one strike: it goes on */
  UNTIL(&r, has(&a, "\"after\""));
  assert_has(a.line[line_of(&a, "\"after\"", 0)], "\"evt\":\"ack\"");
  turns(&r, 60);
  assert_lacks(&a, "\"n\":13");
  assert_lacks(&a, "\"n\":18");
  assert_int_equal(
      lq_session_guest_strikes(main_of()->live.session, LQ_GUEST_COMMAND, LQ_CMD_BUILTIN_COUNT), 1);
  conn_free(&a);
  end();
}

LQ_TEST(a_system_that_fails_three_times_is_suspended_until_a_new_release) {
  conn a = {0};
  begin(SECONDS);
  join(&r, &a, "");
  inc(&a, "p1", 404, "c1");
  UNTIL(&r, count_of(&a, "guest.failed") == 3);
  assert_int_equal(count_of(&a, "\"suspended\":true"), 1);
  inc(&a, "p1", 0, "c2"); /* the others go on */
  UNTIL(&r, has(&a, "\"c2\""));
  turns(&r, 100);
  assert_int_equal(count_of(&a, "guest.failed"), 3);
  uint32_t frail = 1;
  assert_true(lq_session_guest_suspended(main_of()->live.session, LQ_GUEST_SYSTEM, frail));
  lq_span pulse_state = lq_session_guest_state(main_of()->live.session, 0);
  assert_true(pulse_state.bytes > 0);
  serve_to(&r, "acme", built[NEXT]->id);
  UNTIL(&r, has(&a, "\"Score\":{\"n\":405}"));
  assert_false(lq_session_guest_suspended(main_of()->live.session, LQ_GUEST_SYSTEM, frail));
  assert_true(lq_session_guest_state(main_of()->live.session, 0).bytes > 0);
  conn_free(&a);
  end();
}

LQ_TEST(one_that_does_not_end_costs_only_its_command) {
  conn a = {0};
  begin(SECONDS);
  join(&r, &a, "");
  inc(&a, "p1", 66, "c1");
  inc(&a, "p1", 1, "c2");
  UNTIL(&r, has(&a, "\"c1\"") && has(&a, "\"c2\""));
  assert_has(a.line[line_of(&a, "\"c1\"", 0)], "LQ_ERR_GUEST");
  inc(&a, "p1", 7, "c3");
  UNTIL(&r, has(&a, "\"c3\""));
  assert_has(a.line[line_of(&a, "\"c3\"", 0)], "\"evt\":\"ack\"");
  conn_free(&a);
  end();
}

LQ_TEST(nobody_sees_a_process_that_was_killed_between_its_calls) {
  conn a = {0};
  char id[16];
  begin(SECONDS);
  join(&r, &a, "");
  for (int i = 0; i < 4; i++) {
    (void)snprintf(id, sizeof id, "c%d", i);
    inc(&a, "p1", 1, id);
    lqi_process *p = lab_guests->processes;
    if (p->jail && i == 1) {
      char path[64], text[64] = "";
      (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
      FILE *file = fopen(path, "r");
      assert_non_null(file);
      assert_non_null(fgets(text, sizeof text, file));
      (void)fclose(file);
      assert_int_equal(kill((pid_t)atoi(text), SIGKILL), 0);
    }
    UNTIL(&r, has(&a, id));
  }
  UNTIL(&r, has(&a, "\"Score\":{\"n\":4}"));
  assert_lacks(&a, "guest.failed");
  assert_int_equal(stats().failed, 0);
  assert_true(stats().starts >= 2);
  conn_free(&a);
  end();
}

LQ_TEST(a_refused_command_of_the_games_own_is_told_once_a_second) {
  conn a = {0};
  begin(SECONDS);
  join(&r, &a, "");
  inc(&a, "p1", 500, "c1");
  uint64_t began_ns = lq_clock_mono_ns();
  UNTIL(&r, count_of(&a, "command.refused") == 3);
  assert_true(lq_clock_mono_ns() - began_ns > 1900000000ull);
  const char *first = a.line[line_of(&a, "command.refused", 0)];
  assert_has(first, "\"name\":\"inc\",\"count\":1,\"code\":\"LQ_ERR_FORBIDDEN\","
                    "\"error\":\"no negative numbers\"}");
  int third = line_of(&a, "command.refused", 0);
  third = line_of(&a, "command.refused",
                  (uint32_t)line_of(&a, "command.refused", (uint32_t)third + 1) + 1);
  const char *count = strstr(a.line[third], "\"count\":");
  assert_non_null(count);
  assert_in_range(atoi(count + 8), 20, 60); /* all of a second at 50 Hz */
  assert_false(has(&a, "guest.failed") || has(&a, "\"error\",\"code\""));
  conn_free(&a);
  end();
}

/* ---- sleep and stop ---- */

LQ_TEST(a_session_sleeps_and_wakes_with_what_its_guests_keep) {
  conn a = {0}, b = {0};
  r.hibernate_ms = 1;
  begin(SECONDS);
  join(&r, &a, "");
  inc(&a, "p1", 404, "c1");
  UNTIL(&r, count_of(&a, "guest.failed") == 3);
  char resume[300];
  (void)snprintf(resume, sizeof resume, "%s", resume_of(&a));
  conn_free(&a);
  UNTIL(&r, !main_of());
  join(&r, &b, resume);
  assert_true(lq_session_guest_suspended(main_of()->live.session, LQ_GUEST_SYSTEM, 1));
  assert_true(lq_session_guest_state(main_of()->live.session, 0).bytes > 0);
  inc(&b, "p1", 1, "c2");
  UNTIL(&r, has(&b, "\"Score\":{\"n\":405}"));
  turns(&r, 40);
  assert_lacks(&b, "guest.failed"); /* it is suspended yet */
  conn_free(&b);
  end();
}

LQ_TEST(a_server_that_stops_waits_for_the_tick_that_waits) {
  conn a = {0}, b = {0};
  for (int hang = 0; hang < 2; hang++) {
    begin(SECONDS);
    join(&r, &a, "");
    inc(&a, "p1", hang ? 66 : 3, "c1");
    park();
    shard_stop(&r);
    assert_true(a.closed);
    conn_free(&a);
    shard_open(&r);
    serve_to(&r, "acme", built[SECONDS]->id);
    join(&r, &b, ",\"player\":\"p9\"");
    assert_has(b.line[0], hang ? "\"p1\":{\"Score\":{\"n\":0}}" : "\"p1\":{\"Score\":{\"n\":3}}");
    conn_free(&b);
    end();
  }
}

LQ_TEST(a_stop_does_not_wait_for_each_guest_that_hangs) {
  enum { HANGING = 96 };
  static conn all[HANGING];
  char text[64];
  begin(SECONDS);
  for (int i = 0; i < HANGING; i++) {
    (void)snprintf(text, sizeof text, ",\"session\":\"s%d\"", i);
    join(&r, &all[i], i == 7 ? "" : text);
    inc(&all[i], "p1", 66, "c1");
  }
  shard_stop(&r);
  /* Each takes its budget of instructions. */
  assert_true(stats().failed < 3 * HANGING / 4);
  for (int i = 0; i < HANGING; i++) {
    assert_true(all[i].closed);
    conn_free(&all[i]);
  }
  shard_open(&r);
  serve_to(&r, "acme", built[SECONDS]->id);
  join(&r, &all[0], ",\"player\":\"p9\"");
  assert_has(all[0].line[0], "\"p1\":{\"Score\":{\"n\":0}}");
  conn_free(&all[0]);
  end();
}

/* ---- tenants ---- */

/* ---- a journal that is run again ---- */

typedef struct replay {
  bool done;
  lq_err err;
  uint64_t hash, tick;
} replay;
static void got_replay(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  replay *p = context;
  (void)diag;
  p->done = true;
  p->err = err;
  if (err) return;
  p->hash = lq_session_hash(session->session);
  p->tick = lq_session_tick_number(session->session);
  lq_ledger_session_free(session);
}

LQ_TEST(who_reads_a_journal_does_not_hold_up_the_loop) {
  conn a = {0};
  begin(TURNS);
  join(&r, &a, "");
  inc(&a, "p1", 1, "c1");
  inc(&a, "p1", 66, "c2"); /* ended, and journaled as such */
  UNTIL(&r, has(&a, "\"c2\""));
  inc(&a, "p1", 2, "c3");
  UNTIL(&r, has(&a, "\"ack\",\"id\":\"c3\""));
  uint64_t hash = lq_session_hash(main_of()->live.session);
  lq_session_name name = name_of("main");
  lq_release_source source = lab_source();
  replay p = {0}, late = {0};
  uint64_t tick = lq_session_tick_number(main_of()->live.session);
  lq_ledger_replay(r.store, &source, &name, tick, true, NULL, NULL, got_replay, &p);
  assert_false(p.done); /* its guests are asked, and others have their turn */
  UNTIL(&r, p.done);
  assert_ok(p.err);
  assert_int_equal(p.tick, tick);
  assert_true(p.hash == hash);
  lq_ledger_replay(r.store, &source, &name, tick, true, NULL, NULL, got_replay, &late);
  lq_guests_tenant_stop(lab_guests, "acme");
  UNTIL(&r, late.done);
  assert_int_equal(late.err, LQ_ERR_GUEST);
  conn_free(&a);
  end();
}

LQ_TEST(two_tenants_with_one_release_have_two_processes) {
  conn a = {0}, b = {0};
  begin(SECONDS);
  serve_to(&r, "zeta", built[SECONDS]->id);
  join(&r, &a, "");
  assert_ok(join_tenant(&r, &b, "zeta", "", 0));
  UNTIL(&r, has(&b, "joined"));
  uint32_t acme = 0, zeta = 0;
  for (const lqi_process *p = lab_guests->processes; p; p = p->next) {
    acme += !strcmp(p->tenant, "acme") && p->jail;
    zeta += !strcmp(p->tenant, "zeta") && p->jail;
  }
  assert_int_equal(acme, 1);
  assert_int_equal(zeta, 1);
  /* One is stopped while its ticks wait. */
  park();
  lq_shard_tenant_stop(r.shard, "acme");
  assert_true(a.closed);
  assert_int_equal(a.why, LQ_ERR_UNKNOWN_TENANT);
  for (const lqi_process *p = lab_guests->processes; p; p = p->next)
    assert_string_equal(p->tenant, "zeta");
  assert_int_equal(stats().processes, 1);
  inc(&b, "p1", 5, "c1");
  UNTIL(&r, has(&b, "\"c1\""));
  conn_free(&a);
  conn_free(&b);
  (void)lq_guests_waiting(lab_guests, "acme", built[SECONDS]->id); /* to run it again */
  end();
}
