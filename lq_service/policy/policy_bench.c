/* CPU time of a decision for a tenant with 20 policies of its own beside the roles'; of the worst
 * that a policy of full size can do; of compiling. --quick runs tiny. */
#define _POSIX_C_SOURCE 200809L
#include "lq_service/policy/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { OWN = 20 };
static uint8_t memory[(OWN + 1) * LQ_POLICY_ARENA_BYTES];
static lq_arena arena;
static const lq_policy *policies[LQ_ROLE_COUNT + OWN];
static lq_policy_set set;
static lq_policy_request request;
static char text[LQ_POLICY_TEXT_BYTES_MAX + 1];
static volatile uint64_t sink;

/* What a company writes: office hours, networks, who runs which game. */
static const char usual[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":["
    "{\"Sid\":\"Office\",\"Effect\":\"Deny\",\"Action\":[\"lq:SendCommand\",\"lq:Join*\"],"
    "\"Resource\":\"lq:acme:game/finance%u/*\",\"Condition\":{\"NotIpAddress\":{\"lq:SourceIp\":"
    "[\"10.0.0.0/8\",\"192.0.2.0/24\",\"2001:db8::/32\"]}}},"
    "{\"Sid\":\"Hours\",\"Effect\":\"Deny\",\"Action\":\"lq:SendCommand\",\"Resource\":"
    "\"lq:acme:game/*/session/week%u-*\",\"Condition\":{\"DateGreaterThan\":{\"lq:CurrentTime\":"
    "\"2031-01-31T18:00:00Z\"},\"StringNotLike\":{\"lq:command\":[\"say*\",\"wave\"]}}},"
    "{\"Sid\":\"Team\",\"Effect\":\"Allow\",\"Principal\":{\"Role\":[\"player\",\"facilitator\"]},"
    "\"Action\":[\"lq:Read*\",\"lq:SendCommand\"],\"Resource\":[\"lq:acme:game/*/session/"
    "team%u-*\","
    "\"lq:${lq:tenant}:user/${lq:user}\"],\"Condition\":{\"ForAnyValue:StringEquals\":"
    "{\"lq:role\":[\"player\",\"facilitator\"]},\"Bool\":{\"lq:SecureTransport\":true}}},"
    "{\"Sid\":\"Cheats\",\"Effect\":\"Deny\",\"Action\":\"lq:*\",\"Resource\":"
    "\"lq:acme:game/*/session/*-league%u-*\",\"Condition\":{\"StringEquals\":{\"lq:user\":"
    "[\"mallory\",\"eve\"]}}}]}";

static void add(uint32_t at, lq_span document) {
  lq_diag diag;
  if (!lq_policy_compile(lq_span_text("own"), document, &arena, &policies[at], &diag)) return;
  (void)fprintf(stderr, "%s\n", diag.message);
  exit(1);
}

static void prepare(bool worst) {
  arena = lq_arena_of(memory, sizeof memory);
  lq_policy_roles(&arena, policies);
  for (uint32_t i = 0; i < OWN; i++) {
    lq_writer w = lq_writer_of(text, sizeof text - 1);
    if (!worst) {
      w.bytes = (size_t)snprintf(text, sizeof text, usual, i, i, i, i);
    } else { /* patterns that make a backtracking matcher try and try again */
      lq_write_text(&w, "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Deny\","
                        "\"Action\":\"*\",\"Resource\":[\"lq:acme:x\"");
      while (w.bytes < LQ_POLICY_TEXT_BYTES_MAX - 150)
        lq_write_text(&w, ",\"lq:acme:game/*a*a*a*a*a*a*a*a*a*a*a*a*?a*?a*?a*?a*aaaaaaaaaaab\"");
      lq_write_text(&w, "]}}");
    }
    add(LQ_ROLE_COUNT + i, lq_writer_span(&w));
  }
  set = (lq_policy_set){lq_span_text("acme"), policies, LQ_ROLE_COUNT + OWN};
}

static void decide(void) { sink += lq_policy_decide(&set, &request, NULL); }

static void compile(void) {
  lq_arena one = arena;
  const lq_policy *policy;
  lq_span document = lq_policy_role_text(LQ_ROLE_FACILITATOR);
  if (lq_policy_compile(lq_span_text("own"), document, &one, &policy, NULL)) abort();
  sink += one.used;
}

static double now_ns(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const char *what, void (*run)(void), uint32_t times) {
  double median[5];
  for (int i = 0; i < 5; i++) {
    double from = now_ns();
    for (uint32_t n = 0; n < times; n++) run();
    double ns = (now_ns() - from) / times;
    int at = i;
    for (; at > 0 && median[at - 1] > ns; at--) median[at] = median[at - 1];
    median[at] = ns;
  }
  (void)printf("%-44s %8.0f ns\n", what, median[2]);
}

int main(int argc, char **argv) {
  bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
  uint32_t times = quick ? 100 : 100000;
  const lq_span address = lq_span_text("10.20.30.40"), now = lq_span_text("1769860800"),
                command = lq_span_text("move"), player = lq_span_text("p1"),
                method = lq_span_text("oidc"), secure = lq_span_text("true");
  const lq_policy_key context[] = {
      {"lq:SourceIp", &address, 1},       {"lq:CurrentTime", &now, 1},
      {"lq:TokenIssueTime", &now, 1},     {"lq:AuthMethod", &method, 1},
      {"lq:SecureTransport", &secure, 1}, {"lq:command", &command, 1},
      {"lq:player", &player, 1}};
  request =
      (lq_policy_request){.tenant = lq_span_text("acme"),
                          .user = lq_span_text("ann"),
                          .roles = 1u << LQ_ROLE_PLAYER,
                          .action = LQ_ACTION_SEND_COMMAND,
                          .resource = lq_span_text("lq:acme:game/finance7/session/week7-team7-a"),
                          .context = context,
                          .context_count = 7};
  prepare(false);
  measure("decide, 20 policies and the roles", decide, times);
  request.roles = 1u << LQ_ROLE_OBSERVER;
  measure("decide, not allowed: every statement is asked", decide, times);
  measure("compile a role's policy", compile, times / 10);
  prepare(true);
  static char resource[LQ_POLICY_VALUE_BYTES_MAX];
  memset(resource, 'a', sizeof resource);
  memcpy(resource, "lq:acme:game/", 13);
  request.resource = lq_span_of(resource, 111); /* the longest that a session has */
  measure("decide, 1,800 hostile patterns", decide, quick ? 2 : 2000);
  return 0;
}
