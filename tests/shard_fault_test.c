/* The n-th call of the store fails, for n = 1, 2, 3 ... until the scenario needs no more calls:
 * nothing acknowledged is lost, nothing crashes, and the next start goes on. */
#include "tests/shard_testing.h"

static rig r;

enum { INCS = 4, FAULT_NS = 200000000 };

/* What a fault swallowed never comes, so after it a wait is short; before it everything comes. */
static uint64_t patience_ns(void) {
  return r.between.fail_at && r.between.calls >= r.between.fail_at ? FAULT_NS : WAIT_NS;
}

/* Waits for the condition or the client's end; the scenario goes on in any case. */
#define UNTIL_OR_CLOSED(c, condition)                                                              \
  for (uint64_t begin_ = lq_clock_mono_ns();                                                       \
       !(condition) && !(c)->closed && lq_clock_mono_ns() - begin_ < patience_ns();                \
       lq_loop_run(r.loop)) {                                                                      \
  }

/* Sends what is not acknowledged yet, each with its own id: together 1 + 2 + 4 + 8. */
static uint32_t inc_all(conn *c, uint32_t acked) {
  for (int i = 0; i < INCS; i++) {
    char id[16], part[24];
    if (acked >> i & 1) continue;
    (void)snprintf(id, sizeof id, "c%d", i);
    (void)snprintf(part, sizeof part, "\"ack\",\"id\":\"c%d\"", i);
    if (c->client) inc(c, "ann", 1 << i, id);
    UNTIL_OR_CLOSED(c, has(c, part));
    if (has(c, part)) acked |= 1u << i;
  }
  return acked;
}

/* Ann as she is: joined for the first time, or again by her token. */
static void enter(conn *c, char *resume, size_t bytes) {
  for (int tries = 0; tries < 3; tries++) {
    conn_free(c);
    lq_err err = join_roles(&r, c, resume[0] ? resume : ",\"player\":\"ann\"", 0);
    if (err) continue;
    /* A join is answered, whatever failed: who gave up too soon would lose the token. */
    UNTIL(&r, has(c, "joined") || c->closed);
    if (!has(c, "joined")) continue;
    (void)snprintf(resume, bytes, "%s", resume_of(c));
    return;
  }
}

static int32_t score_of(const conn *c) {
  const char *at = strstr(c->line[0], "\"ann\":{\"Score\":{\"n\":");
  assert_non_null(at);
  return (int32_t)atoi(at + 20);
}

/* Join, commands, a swap, a sleep, a wake by REST, a resume. Which incs were acknowledged. */
static uint32_t scenario(char *resume, size_t bytes) {
  conn a = {0};
  told state = {0}, journal = {0}, command = {0};
  lq_session_name name = name_of("main");
  enter(&a, resume, bytes);
  uint32_t acked = inc_all(&a, 0);
  lq_diag diag = {0};
  serve(&r, LAB_B);
  UNTIL_OR_CLOSED(&a, has(&a, "snapshot"));
  conn_free(&a);
  turns(&r, 10);
  lqi_session *s = session_of(&r, "main");
  if (s && s->state == LQI_LIVE) lqi_checkpoint(s, true);
  turns(&r, 20);
  lq_shard_state(r.shard, &name, NULL, &(lq_shard_who){.all = true}, told_answer, &state);
  lq_shard_journal(r.shard, &name, 1, 0, told_answer, &journal);
  lq_message message;
  assert_ok(
      lq_message_read(lq_span_text("{\"cmd\":\"inc\",\"entity\":\"ann\",\"n\":16,\"id\":\"rest\"}"),
                      &message, &diag));
  lq_shard_command(r.shard, &name, "ann", &message, told_answer, &command);
  UNTIL(&r, state.calls == 1 && journal.calls == 1 && command.calls == 1);
  if (!command.err) acked |= 16;
  enter(&a, resume, bytes);
  acked = inc_all(&a, acked);
  conn_free(&a);
  told_free(&state);
  told_free(&journal);
  told_free(&command);
  return acked;
}

/* After the fault: the store is whole again, the shard starts anew. Sends everything again. */
static void afterwards(uint32_t acked, char *resume, size_t bytes, uint64_t n) {
  conn a = {0};
  r.between.fail_at = 0;
  shard_again(&r, LAB_B);
  enter(&a, resume, bytes);
  if (!a.client)
    fail_msg("n %llu: nobody can join any more: %s", (unsigned long long)n,
             a.closed ? lq_err_name(a.why) : "no answer");
  int32_t score = score_of(&a);
  if (((uint32_t)score & acked) != acked)
    fail_msg("n %llu: acknowledged %x, but the score is %x", (unsigned long long)n, acked,
             (unsigned)score);
  assert_int_equal(inc_all(&a, 0) & 15, 15);
  UNTIL(&r, session_of(&r, "main")->slice_done == session_of(&r, "main")->slice_given);
  conn_free(&a);
  enter(&a, resume, bytes);
  assert_int_equal(score_of(&a) & 15, 15); /* each once, however often it was sent */
  assert_true(score_of(&a) < 32);
  conn_free(&a);
}

static void enumerate(lq_err with, bool for_good) {
  bool reached = true;
  for (uint64_t n = 1; reached; n++) {
    char resume[256] = "";
    r = (rig){0};
    rig_open(&r, LAB_A);
    (void)lab(LAB_B);
    r.between.fail_at = n;
    r.between.fail_with = with;
    r.between.fail_for_good = for_good;
    uint32_t acked = scenario(resume, sizeof resume);
    reached = r.between.calls >= n;
    if (!reached) assert_int_equal(acked, 31);
    afterwards(acked, resume, sizeof resume, n);
    rig_close(&r);
    assert_true(n < 400);
  }
}

LQ_TEST(any_one_call_may_fail_with_an_io_error) { enumerate(LQ_ERR_IO, false); }
LQ_TEST(any_one_call_may_find_the_disk_full) { enumerate(LQ_ERR_DISK_FULL, false); }
LQ_TEST(any_one_call_may_find_another_owner) { enumerate(LQ_ERR_FENCED, false); }
LQ_TEST(the_store_may_break_for_good_at_any_call) { enumerate(LQ_ERR_IO, true); }
