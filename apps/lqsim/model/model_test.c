/* The model against real sessions of both games: tens of thousands of commands by chance, good ones
 * and hostile ones; and games and worlds that were spoilt on purpose, which it must find out. */
#include "apps/lqsim/model/model_int.h"

#include "lq_service/release/build_testing.h"

enum { MONEY = 5000000, NAMES = 16, WHY_BYTES = 256 };

static char cache[64];
static lq_releases *releases;

static const lq_release *build(const char *folder) {
  if (!releases) {
    fx_folder(cache);
    releases = fx_releases(cache, NULL);
  }
  return fx_build(releases, folder);
}
__attribute__((destructor)) static void close_releases(void) {
  if (!releases) return;
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

/* A session, its model, and the dice of who plays. */
typedef struct drive {
  fx_play p;
  model *m;
  lq_prng dice;
  bool is_bank;
  uint64_t commands, outcomes[LQ_ERR_COUNT];
  char why[WHY_BYTES];
} drive;

static void drive_open(drive *d, const lq_game *game, uint64_t seed) {
  *d = (drive){.is_bank = strcmp(game->name, "bank") == 0};
  fx_play_open(&d->p, game, seed);
  d->m = model_open(game, seed);
  assert_non_null(d->m);
  lq_prng_seed(&d->dice, seed ^ 0x5eed);
}
static void drive_close(drive *d) {
  model_close(d->m);
  fx_play_close(&d->p);
}
static uint32_t roll(drive *d, uint32_t bound) { return lq_prng_below(&d->dice, bound); }

/* One tick of both; false when they differ. */
static bool tick(drive *d) {
  lq_session_tick(d->p.session, NULL, &d->p.result);
  d->commands += d->p.result.applied_count;
  for (uint32_t i = 0; i < d->p.result.applied_count; i++)
    d->outcomes[d->p.result.applied[i].outcome]++;
  return model_tick(d->m, d->p.session, &d->p.result, d->why, sizeof d->why);
}

/* ---- what they send ---- */

static const char *some_name(drive *d) {
  static const char *const names[NAMES] = {"ann", "bob",  "cid", "dan", "p1",   "p2",
                                           "p3",  "p40",  "e1",  "e2",  "bank", "chest1",
                                           "p05", "p9x2", "e40", "a b"};
  return names[roll(d, NAMES)];
}

/* Mostly somebody who is there. */
static const char *some_entity(drive *d) {
  lq_world *world = lq_session_world(d->p.session);
  uint32_t end = lq_world_row_end(world);
  if (end && roll(d, 8))
    return lq_world_id(world, lq_world_entity_at(world, roll(d, end))); /* "" for a free row */
  return roll(d, 4) ? some_name(d) : "nobody";
}

/* A chest, the bank: no player's name any more. */
static const char *some_thing(drive *d) {
  const lq_world *world = lq_session_world(d->p.session);
  for (uint32_t row = 0; row < lq_world_row_end(world); row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (entity.bits && lq_world_owner(world, entity) == 0) return lq_world_id(world, entity);
  }
  return "";
}

static int64_t some_amount(drive *d) {
  static const int64_t edges[] = {0,      -1,        1,         50000,     50001, 100000,
                                  100001, INT64_MIN, INT64_MAX, MONEY - 1, MONEY, 1000000000000000};
  if (roll(d, 3) == 0) return edges[roll(d, sizeof edges / sizeof *edges)];
  return 1 + roll(d, roll(d, 2) ? 500 : 120000);
}

static void put_text(lq_writer *out, const char *text) { lq_write_sized(out, text, strlen(text)); }

/* A host's command. Rare ones: the rate and a release; the end comes by itself. */
static uint16_t host_body(drive *d, lq_writer *out) {
  static const char *const teams[] = {"", "red", "blue", "no team"};
  static const char *const hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  char id[LQ_ID_BYTES];
  /* The house fills for 512 ticks and empties for 512. */
  bool empties = lq_session_tick_number(d->p.session) >> 9 & 1;
  switch (roll(d, empties ? 9 : 16)) {
  case 0:
    lq_write_zigzag(out, (int64_t)roll(d, 70) - 2);
    return LQ_CMD_RATE;
  case 1:
    if (roll(d, 2)) { /* neither game has a guest */
      put_text(out, roll(d, 2) ? "join" : "hunt.collect");
      lq_write_u8(out, (uint8_t)roll(d, 2));
      put_text(out, some_name(d));
      return LQ_CMD_GUEST;
    }
    put_text(out, roll(d, 2) ? hex : hex + 1);
    return LQ_CMD_RELEASE;
  case 2:
  case 3:
  case 4:
  case 5:
    put_text(out, roll(d, 3) ? some_entity(d) : some_name(d));
    return LQ_CMD_LEAVE;
  case 6:
  case 7:
    put_text(out, roll(d, 3) ? some_entity(d) : some_name(d));
    lq_write_u8(out, (uint8_t)roll(d, 2));
    return LQ_CMD_CONNECTION;
  default:
    lq_session_next_player_id(d->p.session, id);
    put_text(out, roll(d, 2) ? id : roll(d, 2) ? some_name(d) : some_thing(d));
    put_text(out, teams[roll(d, 9) % 4 * !roll(d, 4)]);
    lq_write_zigzag(out, roll(d, 30) ? 0 : (int64_t)roll(d, 3) - 1);
    return LQ_CMD_JOIN;
  }
}

/* A command of the game; slot 0 may send it for every entity. */
static uint16_t game_body(drive *d, uint16_t slot, lq_writer *out) {
  static const char *const names[] = {"transfer", "borrow", "repay", "transfer"};
  const char *name = d->is_bank ? names[roll(d, 4)] : "move";
  lq_player player = lq_session_player(d->p.session, slot);
  put_text(out, player.slot && roll(d, 8) ? player.id : some_entity(d));
  if (strcmp(name, "transfer") == 0) put_text(out, some_entity(d));
  if (d->is_bank) {
    lq_write_zigzag(out, some_amount(d));
  } else {
    static const int32_t steps[] = {-1, 0, 1, 1, -1, INT32_MIN, INT32_MAX, 7};
    for (int i = 0; i < 3; i++) lq_write_zigzag(out, steps[roll(d, 8)]);
  }
  return (uint16_t)lq_game_command_find(d->p.game, lq_span_text(name));
}

static uint16_t some_slot(drive *d) {
  uint32_t players = lq_session_player_count(d->p.session);
  uint32_t bound = roll(d, 8) ? players + 2 : UINT32_MAX;
  return (uint16_t)roll(d, bound <= d->p.game->players_max ? bound : d->p.game->players_max + 1);
}

static void fill_command(drive *d, lq_writer *out, lq_command *c) {
  bool host = roll(d, 5) == 0;
  *c = (lq_command){.slot = host ? 0 : some_slot(d)};
  c->type = host ? host_body(d, out) : game_body(d, c->slot, out);
  c->body = lq_writer_span(out);
  if (roll(d, 3)) (void)snprintf(c->client_id, sizeof c->client_id, "c%u", roll(d, 400));
}

/* Through the front door: what submit refuses is not in the journal. */
static void send_some(drive *d) {
  uint8_t room[512];
  uint64_t first;
  for (uint32_t i = roll(d, 8); i > 0; i--) {
    lq_writer out = lq_writer_of(room, sizeof room);
    lq_command c;
    fill_command(d, &out, &c);
    if (lq_session_submit(d->p.session, &c, &first)) continue;
  }
}

/* Through the journal, where nothing but the form of the list is checked: bodies cut or spoilt,
 * players who are not there, built-in commands of players. */
static void replay_some(drive *d) {
  uint8_t room[512], journal[4096];
  lq_writer list = lq_writer_of(journal, sizeof journal);
  uint32_t slot = 0;
  uint64_t seq = 0;
  for (uint32_t i = 1 + roll(d, 6); i > 0; i--) {
    lq_writer out = lq_writer_of(room, sizeof room);
    lq_command c;
    fill_command(d, &out, &c);
    if (c.slot < slot) continue;
    if (out.bytes && roll(d, 3) == 0) out.bytes = roll(d, (uint32_t)out.bytes);
    if (out.bytes && roll(d, 3) == 0) room[roll(d, (uint32_t)out.bytes)] = (uint8_t)roll(d, 256);
    if (roll(d, 8) == 0) lq_write_u8(&out, 0);
    seq = c.slot == slot ? seq : 0;
    slot = c.slot;
    lq_write_varint(&list, roll(d, 20) ? c.type : roll(d, LQ_CMD_END));
    lq_write_varint(&list, slot);
    put_text(&list, lq_session_player(d->p.session, c.slot).id);
    lq_write_varint(&list, seq++);
    put_text(&list, "");
    lq_write_sized(&list, room, out.bytes);
  }
  assert_false(list.failed);
  assert_ok(lq_session_replay_tick(d->p.session, lq_writer_span(&list)));
}

/* Somebody goes for the chest, so that some are found. */
static void hunt_on(drive *d) {
  const lq_schema *schema = &d->p.game->schema;
  lq_world *world = lq_session_world(d->p.session);
  uint32_t tag = lq_schema_find(schema, lq_span_text("TreasureTag"));
  uint32_t position = lq_schema_find(schema, lq_span_text("Position"));
  fx_position to = {0};
  for (uint32_t row = 0; row < lq_world_row_end(world); row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (entity.bits && lq_world_has(world, entity, tag))
      memcpy(&to, lq_world_get(world, entity, position), sizeof to);
  }
  for (uint16_t slot = 1; slot <= 4; slot++) {
    lq_player player = lq_session_player(d->p.session, slot);
    if (!player.slot) continue;
    fx_position at = fx_at(&d->p, player.id);
    char json[128];
    (void)snprintf(json, sizeof json, "{\"cmd\":\"move\",\"entity\":\"%s\",\"vec\":[%d,%d,0]}",
                   player.id, to.x - at.x, to.y - at.y);
    assert_ok(fx_send(&d->p, player.id, json));
  }
}

/* What a tick brings, by chance; often nothing. */
static void provoke(drive *d) {
  uint32_t what = roll(d, 8);
  if (what < 3) send_some(d);
  if (what == 3) replay_some(d);
  if (what == 4 && !d->is_bank && !lq_session_ended(d->p.session)) hunt_on(d);
}

static void submit_end(drive *d) {
  uint8_t room[64];
  lq_writer out = lq_writer_of(room, sizeof room);
  put_text(&out, "done");
  lq_command c = {.type = LQ_CMD_END, .body = lq_writer_span(&out)};
  uint64_t first;
  assert_ok(lq_session_submit(d->p.session, &c, &first));
}

static void check_money(drive *d) {
  int64_t due = d->is_bank ? MONEY : 100 * (int64_t)model_collected(d->m);
  if (model_money(d->m) != due)
    fail_msg("tick %llu: %lld is all the money, not %lld", (unsigned long long)d->p.result.tick,
             (long long)model_money(d->m), (long long)due);
}

/* `ticks` of one game by chance, each compared. */
static void long_play(const char *example, uint64_t seed, uint32_t ticks) {
  drive d;
  drive_open(&d, build(example)->game, seed);
  for (uint32_t i = 0; i < ticks; i++) {
    provoke(&d);
    if (i == ticks - 50) submit_end(&d);
    if (!tick(&d)) fail_msg("%s, seed %llu: %s", example, (unsigned long long)seed, d.why);
    check_money(&d);
  }
  static const lq_err some[] = {LQ_OK,
                                LQ_ERR_NOT_FOUND,
                                LQ_ERR_EXISTS,
                                LQ_ERR_INVALID,
                                LQ_ERR_TRUNCATED,
                                LQ_ERR_FORBIDDEN,
                                LQ_ERR_NOT_OWNER,
                                LQ_ERR_NOT_JOINED};
  for (size_t i = 0; i < sizeof some / sizeof *some; i++)
    if (d.outcomes[some[i]] < 10)
      fail_msg("%s: %s only %llu times", example, lq_err_name(some[i]),
               (unsigned long long)d.outcomes[some[i]]);
  assert_true(d.commands > ticks);
  if (!d.is_bank) assert_true(model_collected(d.m) > ticks / 100);
  print_message("%s: %u ticks, %llu commands, %llu applied, %llu refused by a rule\n", example,
                ticks, (unsigned long long)d.commands, (unsigned long long)d.outcomes[LQ_OK],
                (unsigned long long)d.outcomes[LQ_ERR_FORBIDDEN]);
  drive_close(&d);
}

LQ_TEST(a_treasure_hunt_by_chance_is_what_the_model_says) {
  for (uint64_t seed = 1; seed <= 3; seed++) long_play("examples/treasure_hunt_c", seed, 10000);
}

LQ_TEST(a_bank_by_chance_is_what_the_model_says) {
  for (uint64_t seed = 1; seed <= 3; seed++) long_play("examples/bank", seed, 10000);
}

/* ---- a release is swapped in ---- */

/* The example, changed by sed. */
static const lq_release *changed(const char *example, const char *file, const char *sed) {
  char folder[64], script[512];
  fx_folder(folder);
  int bytes = snprintf(script, sizeof script,
                       "from=%s to=%s file=%s; cp -r $from/. $to && sed -i '%s' $to/$file && "
                       "! cmp -s $from/$file $to/$file",
                       example, folder, file, sed);
  assert_in_range(bytes, 1, sizeof script - 1);
  assert_int_equal(system(script), 0);
  const lq_release *release = build(folder);
  fx_folder_remove(folder);
  return release;
}

LQ_TEST(the_model_follows_a_session_to_another_release) {
  drive d;
  drive_open(&d, build("examples/treasure_hunt_c")->game, 9);
  for (int i = 0; i < 500; i++) {
    provoke(&d);
    assert_true(tick(&d));
  }
  const lq_release *next =
      changed("examples/treasure_hunt_c", "game.yaml",
              "s/chests: 1 /chests: 3 /; s/chest_value: 100/chest_value: 250/; s/hz: 20/hz: 30/");
  fx_play old = d.p;
  d.p.game = next->game;
  d.p.bytes = lq_session_bytes(next->game);
  d.p.memory = lq_pages_take(d.p.bytes);
  assert_non_null(d.p.memory);
  lq_diag diag = {0};
  assert_ok(lq_session_swap(old.session, d.p.memory, d.p.bytes, next->game, &d.p.session, &diag));
  fx_play_close(&old);
  int64_t before = model_money(d.m);
  uint64_t found = model_collected(d.m);
  for (int i = 0; i < 2000; i++) {
    provoke(&d);
    if (!tick(&d)) fail_msg("%s", d.why);
  }
  assert_true(model_collected(d.m) > found);
  assert_true(model_money(d.m) - before == 250 * (int64_t)(model_collected(d.m) - found));
  drive_close(&d);
}

/* ---- what it must find out ---- */

/* Plays until the model says no; "" when it never does. */
static const char *found_out(drive *d, uint32_t ticks) {
  for (uint32_t i = 0; i < ticks; i++) {
    provoke(d);
    if (!tick(d)) return d->why;
  }
  return "";
}

LQ_TEST(a_game_with_one_rule_changed_is_found_out) {
  static const struct {
    const char *example, *file, *sed, *why;
  } spoilt[] = {
      {"examples/treasure_hunt_c", "systems/hunt.c", "s/K_map_width - 1)/K_map_width - 2)/",
       "Position.x"},
      {"examples/treasure_hunt_c", "systems/hunt.c",
       "s/between(-1, move->vec\\[1\\], 1)/move->vec[1] % 2/", "Position.y"},
      {"examples/treasure_hunt_c", "systems/hunt.c", "s/\\.value = K_chest_value/.value = 99/",
       "value is 99, in the model 100"},
      {"examples/treasure_hunt_c", "systems/hunt.c",
       "s/coins += K_chest_value/coins = K_chest_value/", "Purse.coins"},
      {"examples/treasure_hunt_c", "systems/hunt.c",
       "s/sys_random(sys, count)/sys_random(sys, count) \\/ 2/", "Position."},
      {"examples/treasure_hunt_c", "game.yaml", "s/tick_order: 45/tick_order: 55/", "Purse.coins"},
      {"examples/treasure_hunt_c", "systems/hunt.c", "s/(void)sys_destroy/if (!p) sys_destroy/",
       "entity '"},
      {"examples/treasure_hunt_c", "systems/hunt.c",
       "s/          emit_treasure/          if (!p) emit_treasure/", "event"},
      {"examples/treasure_hunt_c", "game.yaml", "s/on_leave: delete/on_leave: keep/", "entity '"},
      {"examples/bank", "systems/bank.c",
       "s/from->balance < transfer->amount/from->balance <= transfer->amount/",
       "the model says LQ_OK"},
      {"examples/bank", "systems/bank.c", "s/to->balance += amount/to->balance += amount - 1/",
       "Account.balance"},
      {"examples/bank", "systems/bank.c", "s/K_debt_max - account->debt/K_debt_max/",
       "the session LQ_OK"},
      {"examples/bank", "systems/bank.c", "s/account->debt -= repay->amount/account->debt--/",
       "Account.debt"},
      {"examples/bank", "systems/bank.c",
       "s/K_interest_permille \\/ 1000/K_interest_permille \\/ 999/", "amount is"},
      {"examples/bank", "systems/bank.c", "s/sys_destroy(sys, player)/(void)player/", "entity '"},
      {"examples/bank", "systems/bank.c", "s/an account cannot pay itself/no/", "'no'"},
      {"examples/bank", "game.yaml", "s/about: to/about: from/", "is about slot"},
  };
  for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
    drive d;
    const lq_release *release = changed(spoilt[i].example, spoilt[i].file, spoilt[i].sed);
    drive_open(&d, release->game, 5);
    const char *why = found_out(&d, 3000);
    if (!strstr(why, spoilt[i].why)) fail_msg("%s: '%s'", spoilt[i].sed, why);
    drive_close(&d);
  }
}

LQ_TEST(a_world_that_changed_by_itself_is_found_out) {
  drive d;
  drive_open(&d, build("examples/treasure_hunt_c")->game, 5);
  fx_join(&d.p, "p1");
  assert_true(model_tick(d.m, d.p.session, &d.p.result, d.why, sizeof d.why));
  lq_world *world = lq_session_world(d.p.session);
  uint32_t purse = lq_schema_find(&d.p.game->schema, lq_span_text("Purse"));
  int64_t *coins = lq_world_write(world, lq_world_find(world, lq_span_text("p1")), purse);
  *coins = 1;
  bool same = true;
  for (int i = 0; i < 64 && same; i++) same = tick(&d);
  assert_false(same);
  assert_string_equal(d.why, "tick 64: entity 'p1': Purse.coins is 1, in the model 0");
  drive_close(&d);
}

LQ_TEST(other_dice_are_found_out) {
  drive d;
  drive_open(&d, build("examples/treasure_hunt_c")->game, 5);
  model_close(d.m);
  d.m = model_open(d.p.game, 6);
  assert_non_null(strstr(found_out(&d, 3000), "Position."));
  drive_close(&d);
}

/* Bounds so high that a draw is often thrown away, which no map is large enough for. */
LQ_TEST(the_dice_are_the_engines) {
  drive d;
  drive_open(&d, build("examples/bank")->game, 77);
  lq_prng engines;
  lq_prng_seed(&engines, 77);
  for (uint32_t i = 0; i < 10000; i++) {
    uint32_t bound = i % 2 ? 1 + roll(&d, 300) : (1u << 31) + 1 + roll(&d, 1u << 30);
    assert_int_equal(lqi_random(d.m, bound), lq_prng_below(&engines, bound));
  }
  drive_close(&d);
}

LQ_TEST(a_tick_that_is_left_out_is_found_out) {
  drive d;
  drive_open(&d, build("examples/bank")->game, 5);
  lq_session_tick(d.p.session, NULL, &d.p.result);
  assert_false(tick(&d));
  assert_string_equal(d.why, "tick 1: the session gives tick 2");
  drive_close(&d);
}

LQ_TEST(a_game_without_a_model_has_none) {
  static const char *const seds[] = {"s/^name: demo/name: other/", "s/chest_value/worth/",
                                     "s/x: i32, y: i32/x: i32, y: i32, z: i32/"};
  for (size_t i = 0; i < sizeof seds / sizeof *seds; i++) {
    lq_arena arena = lq_arena_of(calloc(1, 16u << 20), 16u << 20);
    char command[256];
    (void)snprintf(command, sizeof command, "sed '%s' examples/treasure_hunt_c/game.yaml", seds[i]);
    FILE *pipe = popen(command, "r");
    char text[8192];
    assert_non_null(pipe);
    size_t bytes = fread(text, 1, sizeof text, pipe);
    assert_int_equal(pclose(pipe), 0);
    lq_game *game;
    assert_ok(lq_game_yaml_read(lq_span_of(text, bytes), "game.yaml", &arena, &game, NULL));
    assert_null(model_open(game, 1));
    free(arena.memory);
  }
}
