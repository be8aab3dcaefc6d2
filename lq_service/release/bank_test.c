/* The bank as people get it: built from examples/bank, played in a session. */
#include "lq_service/release/build_testing.h"

enum { MONEY = 5000000, START = 100000, DEBT_MAX = 50000 };

static char cache[64];
static lq_releases *releases;
static const lq_release *bank;

static void open_bank(fx_play *p) {
  if (!releases) {
    fx_folder(cache);
    releases = fx_releases(cache, NULL);
    bank = fx_build(releases, "examples/bank");
  }
  fx_play_open(p, bank->game, 1);
}
__attribute__((destructor)) static void close_bank(void) {
  if (!releases) return;
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

typedef struct account {
  int64_t balance, debt;
} account;

static account of(fx_play *p, const char *id) {
  account a = {-1, -1};
  const void *row = fx_get(p, id, "Account");
  if (row) memcpy(&a, row, sizeof a);
  return a;
}

static int64_t all_money(fx_play *p) {
  lq_world *world = lq_session_world(p->session);
  int64_t sum = 0;
  for (uint32_t row = 0; row < lq_world_row_end(world); row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (entity.bits) sum += of(p, lq_world_id(world, entity)).balance;
  }
  return sum;
}

/* Sends and ticks; the outcome, and the money is all there. */
static lq_err play(fx_play *p, const char *player, const char *json) {
  assert_ok(fx_send(p, player, json));
  fx_tick(p);
  assert_int_equal(p->result.applied_count, 1);
  assert_true(all_money(p) == MONEY);
  return p->result.applied[0].outcome;
}
/* It is refused with this reason, and nothing has changed. */
static void expect_refusal(fx_play *p, const char *json, const char *reason) {
  uint64_t before = lq_world_hash(lq_session_world(p->session));
  assert_int_equal(play(p, "p1", json), LQ_ERR_FORBIDDEN);
  assert_string_equal(p->result.applied[0].reason, reason);
  assert_int_equal(p->result.event_count, 0);
  assert_int_equal(p->result.mutations.bytes, 0);
  assert_true(lq_world_hash(lq_session_world(p->session)) == before);
}
static void leave(fx_play *p, const char *player) {
  uint8_t body[64];
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_write_sized(&out, player, strlen(player));
  lq_command command = {.type = LQ_CMD_LEAVE, .body = lq_writer_span(&out)};
  uint64_t first;
  assert_ok(lq_session_submit(p->session, &command, &first));
  fx_tick(p);
  assert_ok(p->result.applied[0].outcome);
}

LQ_TEST(money_goes_from_one_account_to_the_other_and_who_gets_it_is_told) {
  fx_play p;
  char events[2048];
  open_bank(&p);
  assert_int_equal(p.game->hz, 0);
  assert_true(all_money(&p) == MONEY);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  assert_true(of(&p, "p1").balance == START && of(&p, "bank").balance == MONEY - 2 * START);
  assert_ok(play(&p, "p1", "{\"cmd\":\"transfer\",\"entity\":\"p1\",\"to\":\"p2\",\"amount\":1}"));
  assert_true(of(&p, "p1").balance == START - 1 && of(&p, "p2").balance == START + 1);
  assert_string_equal(fx_events(&p, events), "{\"evt\":\"bank.transferred\",\"from\":\"p1\","
                                             "\"to\":\"p2\",\"amount\":1,\"tick\":3,\"seq\":0}");
  assert_int_equal(p.result.event[0].about_owner,
                   lq_session_player_find(p.session, lq_span_text("p2")).slot);
  fx_play_close(&p);
}

LQ_TEST(a_refused_transfer_says_why_and_changes_nothing) {
  fx_play p;
  open_bank(&p);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
#define PAY(to, amount)                                                                            \
  "{\"cmd\":\"transfer\",\"entity\":\"p1\",\"to\":" to ",\"amount\":" amount "}"
  expect_refusal(&p, PAY("null", "1"), "there is no such account");
  expect_refusal(&p, PAY("\"p1\"", "1"), "an account cannot pay itself");
  expect_refusal(&p, PAY("\"p2\"", "0"), "the amount must be more than nothing");
  expect_refusal(&p, PAY("\"p2\"", "-1000000000000000"), "the amount must be more than nothing");
  expect_refusal(&p, PAY("\"p2\"", "100001"), "there is not enough money on the account");
  expect_refusal(&p, PAY("\"p2\"", "1000000000000000"), "there is not enough money on the account");
  assert_int_equal(fx_send(&p, "p1", PAY("\"p9\"", "1")), LQ_ERR_NOT_FOUND);
  assert_int_equal(fx_send(&p, "p2", PAY("\"p2\"", "1")), LQ_ERR_NOT_OWNER);
#undef PAY
  fx_play_close(&p);
}

LQ_TEST(who_borrows_owes_it_until_it_is_repaid) {
  fx_play p;
  open_bank(&p);
  fx_join(&p, "p1");
  expect_refusal(&p, "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":0}",
                 "the amount must be more than nothing");
  expect_refusal(&p, "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":50001}",
                 "you would owe too much");
  assert_ok(play(&p, "p1", "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":50000}"));
  assert_true(of(&p, "p1").balance == START + DEBT_MAX && of(&p, "p1").debt == DEBT_MAX);
  expect_refusal(&p, "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":1000000000000000}",
                 "you would owe too much");
  expect_refusal(&p, "{\"cmd\":\"repay\",\"entity\":\"p1\",\"amount\":50001}",
                 "you do not owe so much");
  expect_refusal(&p, "{\"cmd\":\"repay\",\"entity\":\"p1\",\"amount\":-1}",
                 "the amount must be more than nothing");
  assert_ok(play(&p, "p1", "{\"cmd\":\"repay\",\"entity\":\"p1\",\"amount\":50000}"));
  assert_true(of(&p, "p1").balance == START && of(&p, "p1").debt == 0);
  fx_play_close(&p);
}

LQ_TEST(every_tenth_tick_who_owes_pays_interest_as_far_as_they_can) {
  fx_play p;
  char events[2048];
  open_bank(&p);
  fx_join(&p, "p1");
  assert_ok(play(&p, "p1", "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":1049}"));
  while (p.result.tick < 9) {
    fx_tick(&p);
    assert_int_equal(p.result.event_count, 0);
  }
  fx_tick(&p); /* 20.98, rounded down */
  assert_string_equal(fx_events(&p, events), "{\"evt\":\"bank.charged\",\"account\":\"p1\","
                                             "\"amount\":20,\"tick\":10,\"seq\":0}");
  assert_true(of(&p, "p1").balance == START + 1049 - 20 && of(&p, "p1").debt == 1049);
  assert_ok(
      play(&p, "p1", "{\"cmd\":\"transfer\",\"entity\":\"p1\",\"to\":\"bank\",\"amount\":101024}"));
  while (p.result.tick < 20) fx_tick(&p);
  assert_true(of(&p, "p1").balance == 0 && of(&p, "p1").debt == 1049);
  assert_non_null(strstr(fx_events(&p, events), "\"amount\":5,\"tick\":20"));
  while (p.result.tick < 30) fx_tick(&p);
  assert_int_equal(p.result.event_count, 0);
  assert_true(all_money(&p) == MONEY);
  fx_play_close(&p);
}

LQ_TEST(who_leaves_gives_the_rest_back) {
  fx_play p;
  open_bank(&p);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  assert_ok(play(&p, "p1", "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":7}"));
  assert_ok(play(&p, "p1", "{\"cmd\":\"transfer\",\"entity\":\"p1\",\"to\":\"p2\",\"amount\":9}"));
  leave(&p, "p1");
  assert_true(p.result.mutations.bytes > 0);
  assert_true(all_money(&p) == MONEY && of(&p, "bank").balance == MONEY - START - 9);
  assert_false(lq_world_alive(lq_session_world(p.session),
                              lq_world_find(lq_session_world(p.session), lq_span_text("p1"))));
  fx_join(&p, "p1"); /* the name is free again, and an account begins anew */
  assert_true(of(&p, "p1").balance == START && of(&p, "p1").debt == 0);
  fx_play_close(&p);
}

LQ_TEST(nobody_joins_a_bank_that_has_nothing_to_give) {
  fx_play p;
  char id[16], json[128];
  open_bank(&p);
  /* Each gives all to p1 and leaves, and another comes. */
  fx_join(&p, "p1");
  for (int i = 2; i <= MONEY / START; i++) {
    (void)snprintf(id, sizeof id, "p%d", i);
    fx_join(&p, id);
    (void)snprintf(json, sizeof json,
                   "{\"cmd\":\"transfer\",\"entity\":\"%s\",\"to\":\"p1\",\"amount\":%d}", id,
                   START);
    assert_ok(play(&p, id, json));
    leave(&p, id);
  }
  assert_true(of(&p, "p1").balance == MONEY && of(&p, "bank").balance == 0);
  uint8_t body[64];
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_write_sized(&out, "late", 4);
  lq_write_sized(&out, "", 0);
  lq_write_zigzag(&out, 0);
  lq_command command = {.type = LQ_CMD_JOIN, .body = lq_writer_span(&out)};
  uint64_t first;
  assert_ok(lq_session_submit(p.session, &command, &first));
  fx_tick(&p);
  assert_int_equal(p.result.applied[0].outcome, LQ_ERR_FORBIDDEN);
  assert_int_equal(lq_session_player_count(p.session), 1);
  assert_true(of(&p, "late").balance == -1 && all_money(&p) == MONEY);
  expect_refusal(&p, "{\"cmd\":\"borrow\",\"entity\":\"p1\",\"amount\":1}",
                 "the central bank does not have that much");
  fx_play_close(&p);
}

LQ_TEST(a_balance_is_shown_to_its_owner_alone) {
  fx_play p;
  char text[2048];
  open_bank(&p);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  lq_viewer viewer = lq_session_viewer(p.session, 2);
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  lq_message_state_object(p.session, &viewer, &out);
  text[out.bytes] = 0;
  assert_string_equal(text, "{\"bank\":{\"BankTag\":{}},\"p1\":{\"PlayerTag\":{}},\"p2\":{"
                            "\"PlayerTag\":{},\"Account\":{\"balance\":100000,\"debt\":0}}}");
  fx_play_close(&p);
}
