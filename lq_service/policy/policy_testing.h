/* A desk for tests of policies: one arena, documents in a line, requests in a line. */
#ifndef LQ_SERVICE_POLICY_POLICY_TESTING_H
#define LQ_SERVICE_POLICY_POLICY_TESTING_H

#include "lq_service/policy/policy_int.h"
#include "tests/lq_test.h"

static uint8_t testing_memory[4 * LQ_POLICY_ARENA_BYTES];
static lq_arena testing_arena;

/* One document; the arena starts afresh. */
static inline const lq_policy *testing_compile(const char *text) {
  const lq_policy *policy = NULL;
  lq_diag diag;
  testing_arena = lq_arena_of(testing_memory, sizeof testing_memory);
  lq_err err =
      lq_policy_compile(lq_span_text("test"), lq_span_text(text), &testing_arena, &policy, &diag);
  if (err) fail_msg("%s: %s", text, diag.message);
  return policy;
}

/* Ann, a player of acme, reads the state of a session; a test changes what it is about. */
static inline lq_policy_request testing_request(void) {
  return (lq_policy_request){.tenant = lq_span_text("acme"),
                             .user = lq_span_text("ann"),
                             .roles = 1u << LQ_ROLE_PLAYER,
                             .action = LQ_ACTION_READ_STATE,
                             .resource = lq_span_text("lq:acme:game/demo/session/main")};
}

static inline lq_policy_verdict testing_verdict(const lq_policy *policy,
                                                const lq_policy_request *request) {
  const lq_policy_set set = {lq_span_text("acme"), &policy, 1};
  lq_policy_decision decision;
  bool allowed = lq_policy_decide(&set, request, &decision);
  assert_int_equal(allowed, decision.verdict == LQ_POLICY_ALLOWED);
  return decision.verdict;
}

#endif
