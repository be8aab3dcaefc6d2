/* A hostile document: refused with a place, or compiled, and then decided, explained, checked and
 * rendered without contradiction. Whatever it says, it reaches no other tenant. */
#include "lq_service/policy/policy_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint8_t memory[LQ_POLICY_ARENA_BYTES], again[LQ_POLICY_ARENA_BYTES];
static char out[4 << 20];

static void found(void *context, const lq_policy_finding *f) {
  ++*(uint32_t *)context;
  LQ_CHECK(f->line > 0 && f->column > 0 && f->message[0] && f->mend[0]);
  LQ_CHECK(lq_utf8_valid(lq_span_text(f->message)));
}

static lq_policy_verdict decided(const lq_policy *policy, const lq_policy_request *r) {
  const lq_policy_set set = {lq_span_text("acme"), &policy, 1};
  lq_policy_decision d, same;
  lq_json json;
  bool told, allowed = lq_policy_decide(&set, r, &d);
  lq_writer w = lq_writer_of(out, sizeof out);
  LQ_CHECK(lq_policy_explain(&set, r, &w) == allowed && !w.failed);
  LQ_CHECK(!lq_json_parse(lq_writer_span(&w), &json, NULL));
  LQ_CHECK(lq_json_bool(lq_json_get(json, "allowed"), &told) && told == allowed);
  /* A second copy changes nothing but which of the two is named. */
  const lq_policy *both[2] = {policy, policy};
  const lq_policy_set twice = {set.tenant, both, 2};
  LQ_CHECK(lq_policy_decide(&twice, r, &same) == allowed && same.verdict == d.verdict);
  return d.verdict;
}

static void decide(const lq_policy *policy) {
  static const char *const resources[] = {"lq:acme:game/demo/session/main", "lq:acme:user/ann",
                                          "lq:acme:usage", "lq:acme:tenant/acme"};
  const lq_span address = lq_span_text("10.1.2.3"), now = lq_span_text("1769860800"),
                text[2] = {lq_span_text("move"), lq_span_text("x")};
  const lq_policy_key context[] = {{"lq:SourceIp", &address, 1},
                                   {"lq:CurrentTime", &now, 1},
                                   {"lq:command", text, 1},
                                   {"k", text, 2}};
  for (uint32_t i = 0; i < 8; i++) {
    lq_policy_request r = {.tenant = lq_span_text("acme"),
                           .user = lq_span_text(i & 1 ? "ann" : "bob"),
                           .roles = 1u << (i % LQ_ROLE_COUNT),
                           .action = (lq_action)(i * 7 % LQ_ACTION_COUNT),
                           .resource = lq_span_text(resources[i % 4]),
                           .context = context,
                           .context_count = i & 2 ? 4 : 0};
    LQ_CHECK(decided(policy, &r) <= LQ_POLICY_DENIED);
    r.resource = lq_span_text("lq:acme2:usage");
    LQ_CHECK(decided(policy, &r) == LQ_POLICY_FOREIGN);
  }
}

static void render(const lq_policy *policy) {
  const lq_policy_aws aws = {"acme", "123456789012", "eu-central-1", "ledger", "lq-acme"};
  for (uint32_t role = 0; role < LQ_ROLE_COUNT; role += 4) {
    lq_writer w = lq_writer_of(out, sizeof out);
    lq_json json;
    lq_diag diag;
    lq_err err = lq_policy_render_aws(policy, (lq_role)role, &aws, &w, &diag);
    LQ_CHECK(!err || (err == LQ_ERR_UNSUPPORTED && diag.line > 0));
    if (err) continue;
    LQ_CHECK(!lq_json_parse(lq_writer_span(&w), &json, NULL));
    LQ_CHECK(!memmem(out, w.bytes, "TENANT#acme*", 12) &&
             !memmem(out, w.bytes, "TENANT#acme2", 12));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  const lq_policy *policy, *same;
  lq_diag diag;
  lq_arena arena = lq_arena_of(memory, sizeof memory);
  lq_span text = lq_span_of(data, bytes);
  lq_err err = lq_policy_compile(lq_span_text("fuzz"), text, &arena, &policy, &diag);
  if (err) {
    LQ_CHECK(err != LQ_ERR_FULL && err != LQ_ERR_INTERNAL && !policy && arena.used == 0);
    LQ_CHECK(err == LQ_ERR_TOO_BIG || (diag.line > 0 && diag.message[0]));
    LQ_CHECK(lq_utf8_valid(lq_span_text(diag.message)));
    return 0;
  }
  /* It needs what it took, and no more. */
  lq_arena exact = lq_arena_of(again, arena.used);
  LQ_CHECK(!lq_policy_compile(lq_span_text("fuzz"), text, &exact, &same, &diag));
  LQ_CHECK(exact.used == arena.used);
  uint32_t count = 0;
  LQ_CHECK(lq_policy_check(policy, lq_span_text("acme"), found, &count) == count);
  decide(same);
  render(policy);
  return 0;
}
