/* The treasure hunt as people get it: built from examples/treasure_hunt_c, played in a session. */
#include "lq_service/release/build_testing.h"

#define EXAMPLE "examples/treasure_hunt_c"
enum { WIDTH = 16, HEIGHT = 12 };

static char cache[64];
static lq_releases *releases;
static const lq_release *hunt;

static void open_hunt(fx_play *p, uint64_t seed) {
  if (!releases) {
    fx_folder(cache);
    releases = fx_releases(cache, NULL);
    hunt = fx_build(releases, EXAMPLE);
  }
  fx_play_open(p, hunt->game, seed);
}
__attribute__((destructor)) static void close_hunt(void) {
  if (!releases) return;
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

static int32_t sign(int32_t v) { return (v > 0) - (v < 0); }
static int32_t away(fx_position a, fx_position b) {
  int32_t x = abs(a.x - b.x), y = abs(a.y - b.y);
  return x > y ? x : y;
}
static void send_step(fx_play *p, const char *player, int32_t x, int32_t y) {
  char json[128];
  (void)snprintf(json, sizeof json, "{\"cmd\":\"move\",\"entity\":\"%s\",\"vec\":[%d,%d,0]}",
                 player, x, y);
  assert_ok(fx_send(p, player, json));
}
static void send_step_to(fx_play *p, const char *player, fx_position to) {
  fx_position at = fx_at(p, player);
  send_step(p, player, sign(to.x - at.x), sign(to.y - at.y));
}
static int64_t coins(fx_play *p, const char *player) {
  int64_t value = -1;
  const void *row = fx_get(p, player, "Purse");
  if (row) memcpy(&value, row, sizeof value);
  return value;
}
/* Where the only chest lies. */
static fx_position chest(fx_play *p, uint32_t *count) {
  lq_world *world = lq_session_world(p->session);
  const lq_schema *schema = &p->game->schema;
  uint32_t tag = lq_schema_find(schema, lq_span_text("TreasureTag"));
  fx_position at = {-1, -1};
  *count = 0;
  for (uint32_t row = 0; row < lq_world_row_end(world); row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (!entity.bits || !lq_world_has(world, entity, tag)) continue;
    memcpy(&at, lq_world_get(world, entity, lq_schema_find(schema, lq_span_text("Position"))),
           sizeof at);
    ++*count;
  }
  return at;
}

/* p1 walks until the chest is theirs. */
static void fetch_chest(fx_play *p) {
  uint32_t count;
  fx_position to = chest(p, &count);
  while (away(fx_at(p, "p1"), to) > 0) {
    send_step_to(p, "p1", to);
    fx_tick(p);
  }
}

LQ_TEST(a_player_who_walks_onto_the_chest_collects_it) {
  fx_play p;
  char events[2048], expected[128];
  uint32_t count;
  open_hunt(&p, 7);
  fx_join(&p, "p1");
  fx_position start = fx_at(&p, "p1");
  assert_true(start.x >= 0 && start.x < WIDTH && start.y >= 0 && start.y < HEIGHT);
  fx_position to = chest(&p, &count);
  assert_int_equal(count, 1);
  assert_int_equal(to.x, 8);
  assert_int_equal(to.y, 6);
  while (away(fx_at(&p, "p1"), to) > 0) {
    assert_int_equal(p.result.event_count, 0);
    assert_true(coins(&p, "p1") == 0);
    send_step_to(&p, "p1", to);
    fx_tick(&p);
  }
  (void)snprintf(expected, sizeof expected,
                 "{\"evt\":\"treasure.collected\",\"player\":\"p1\",\"value\":100,\"tick\":%llu,"
                 "\"seq\":0}",
                 (unsigned long long)p.result.tick);
  assert_string_equal(fx_events(&p, events), expected);
  assert_true(coins(&p, "p1") == 100);
  /* The purse is in the audit trail, and there is a chest again, somewhere free. */
  assert_true(p.result.mutations.bytes > 0);
  fx_position next = chest(&p, &count);
  assert_int_equal(count, 1);
  assert_true(away(next, to) > 0);
  fx_tick(&p);
  assert_int_equal(p.result.event_count, 0);
  fx_play_close(&p);
}

LQ_TEST(two_players_on_one_chest_both_find_it_and_it_goes_once) {
  fx_play p;
  char events[2048];
  uint32_t count;
  open_hunt(&p, 11);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  fx_position to = chest(&p, &count);
  /* Both walk to a neighbouring field, then step onto the chest in one tick; p2 sends first. */
  while (away(fx_at(&p, "p1"), to) > 1 || away(fx_at(&p, "p2"), to) > 1) {
    if (away(fx_at(&p, "p2"), to) > 1) send_step_to(&p, "p2", to);
    if (away(fx_at(&p, "p1"), to) > 1) send_step_to(&p, "p1", to);
    fx_tick(&p);
  }
  send_step_to(&p, "p2", to);
  send_step_to(&p, "p1", to);
  fx_tick(&p);
  assert_int_equal(away(fx_at(&p, "p1"), fx_at(&p, "p2")), 0);
  assert_int_equal(p.result.event_count, 2);
  /* In the order of their rows, whoever sent first. */
  const char *first = strstr(fx_events(&p, events), "\"player\":\"p1\"");
  assert_non_null(first);
  assert_non_null(strstr(first, "\"player\":\"p2\""));
  assert_true(coins(&p, "p1") == 100 && coins(&p, "p2") == 100);
  /* The chest is gone, and another one came: once. */
  fx_position next = chest(&p, &count);
  assert_int_equal(count, 1);
  assert_true(away(next, to) > 0);
  fx_tick(&p);
  assert_int_equal(p.result.event_count, 0);
  assert_true(coins(&p, "p1") == 100 && coins(&p, "p2") == 100);
  fx_play_close(&p);
}

LQ_TEST(nobody_walks_off_the_map_or_more_than_a_step) {
  fx_play p;
  open_hunt(&p, 3);
  fx_join(&p, "p1");
  fx_position before = fx_at(&p, "p1");
  send_step(&p, "p1", 2147483647, -2147483647 - 1);
  fx_tick(&p);
  fx_position after = fx_at(&p, "p1");
  assert_true(away(before, after) <= 1);
  for (int i = 0; i < WIDTH; i++) {
    send_step(&p, "p1", -1, -1);
    fx_tick(&p);
  }
  assert_int_equal(fx_at(&p, "p1").x, 0);
  assert_int_equal(fx_at(&p, "p1").y, 0);
  for (int i = 0; i < WIDTH; i++) {
    send_step(&p, "p1", 1, 1);
    fx_tick(&p);
  }
  assert_int_equal(fx_at(&p, "p1").x, WIDTH - 1);
  assert_int_equal(fx_at(&p, "p1").y, HEIGHT - 1);
  fx_play_close(&p);
}

LQ_TEST(somebody_elses_entity_does_not_move) {
  fx_play p;
  open_hunt(&p, 3);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  assert_int_equal(fx_send(&p, "p2", "{\"cmd\":\"move\",\"entity\":\"p1\",\"vec\":[1,0,0]}"),
                   LQ_ERR_NOT_OWNER);
  assert_int_equal(fx_send(&p, "p2", "{\"cmd\":\"move\",\"entity\":\"chest1\",\"vec\":[1,0,0]}"),
                   LQ_ERR_NOT_OWNER);
  fx_play_close(&p);
}

LQ_TEST(a_full_house_stands_on_fields_of_its_own) {
  fx_play p;
  open_hunt(&p, 99);
  bool taken[WIDTH][HEIGHT] = {{false}};
  taken[8][6] = true;
  for (uint32_t i = 1; i <= p.game->players_max; i++) {
    char id[16];
    (void)snprintf(id, sizeof id, "p%u", i);
    fx_join(&p, id);
    fx_position at = fx_at(&p, id);
    assert_true(at.x >= 0 && at.x < WIDTH && at.y >= 0 && at.y < HEIGHT);
    assert_false(taken[at.x][at.y]);
    taken[at.x][at.y] = true;
  }
  fx_play_close(&p);
}

/* A long walk of three players; the hash of every tick mixed. */
static uint64_t long_game(const lq_game *game, uint64_t seed) {
  fx_play p;
  uint64_t mixed = 0;
  uint32_t random = 12345;
  fx_play_open(&p, game, seed);
  fx_join(&p, "p1");
  fx_join(&p, "p2");
  fx_join(&p, "p3");
  for (int tick = 0; tick < 2000; tick++) {
    static const char *const players[] = {"p1", "p2", "p3"};
    for (int i = 0; i < 3; i++) {
      random = random * 1664525u + 1013904223u;
      send_step(&p, players[i], (int32_t)(random >> 16) % 3 - 1, (int32_t)(random >> 20) % 3 - 1);
    }
    fx_tick(&p);
    mixed = mixed * 31 + p.result.hash;
  }
  assert_true(coins(&p, "p1") + coins(&p, "p2") + coins(&p, "p3") > 0);
  fx_play_close(&p);
  return mixed;
}

LQ_TEST(one_seed_gives_one_game_whatever_the_compiler) {
  fx_play p;
  open_hunt(&p, 1);
  fx_play_close(&p);
  uint64_t hash = long_game(hunt->game, 5);
  assert_true(hash == long_game(hunt->game, 5));
  assert_true(hash != long_game(hunt->game, 6));
  static const char *const others[] = {"gcc", "gcc -O0", "gcc -O3", "clang-19 -O0", "clang-19 -O3"};
  uint32_t compared = 0;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    /* The options go behind ours, so that they win. */
    char folder[64], script[128], path[128];
    fx_folder(folder);
    (void)snprintf(script, sizeof script,
                   "#!/bin/sh\nset -- %s \"$@\"\ncc=$1\nshift\n"
                   "case $1 in -O*) set -- \"$@\" \"$1\" ;; esac\n"
                   "exec $cc \"$@\"\n",
                   others[i]);
    fx_write(folder, "cc", script);
    (void)snprintf(path, sizeof path, "chmod +x %s/cc", folder);
    assert_int_equal(system(path), 0);
    (void)snprintf(path, sizeof path, "%s/cc", folder);
    lq_releases *r = fx_releases(folder, path);
    const lq_release *release = NULL;
    if (lq_releases_build(r, EXAMPLE, &release, NULL) == LQ_OK) {
      assert_memory_equal(release->id, hunt->id, 32);
      assert_true(hash == long_game(release->game, 5));
      compared++;
    }
    lq_releases_close(r);
    fx_folder_remove(folder);
  }
  print_message("%u compilers and levels agree\n", compared);
  assert_true(compared >= 3); /* clang where it is installed */
}

/* ---- hot swap ---- */
/* The example with one thing replaced in one of its files. */
static void changed_example(const char *folder, const char *file, const char *from,
                            const char *to) {
  assert_ok(lq_template_write("treasure_hunt", NULL, "demo", folder, NULL));
  if (!file) return;
  char path[512], text[16384];
  uint8_t *data = NULL;
  size_t bytes = 0;
  (void)snprintf(path, sizeof path, "%s/%s", folder, file);
  assert_ok(lq_file_read(path, 8192, &data, &bytes));
  char *old = malloc(bytes + 1);
  assert_non_null(old);
  memcpy(old, data, bytes);
  old[bytes] = 0;
  size_t at = 0;
  for (const char *read = old, *next; *read; read = next) {
    next = strstr(read, from);
    size_t keep = next ? (size_t)(next - read) : strlen(read);
    at += (size_t)snprintf(text + at, sizeof text - at, "%.*s%s", (int)keep, read, next ? to : "");
    next = next ? next + strlen(from) : read + keep;
  }
  assert_string_not_equal(text, old);
  fx_write(folder, file, text);
  free(old);
  lq_file_free(data);
}

LQ_TEST(a_changed_rule_is_swapped_into_a_running_session) {
  fx_play p, q;
  char folder[64];
  fx_folder(folder);
  open_hunt(&p, 4);
  fx_join(&p, "p1");
  fx_position before = fx_at(&p, "p1");
  changed_example(folder, "systems/hunt.c", "move->vec[0]", "0 * move->vec[0]");
  const lq_release *next = fx_build(releases, folder);
  assert_memory_not_equal(next->id, hunt->id, 32);
  q = p;
  q.game = next->game;
  q.bytes = lq_session_bytes(next->game);
  q.memory = lq_pages_take(q.bytes);
  lq_diag diag = {0};
  assert_ok(lq_game_can_migrate(p.game, next->game, &diag));
  assert_ok(lq_session_swap(p.session, q.memory, q.bytes, next->game, &q.session, &diag));
  assert_int_equal(away(fx_at(&q, "p1"), before), 0);
  send_step(&q, "p1", before.x ? -1 : 1, before.y ? -1 : 1);
  fx_tick(&q);
  assert_int_equal(fx_at(&q, "p1").x, before.x);
  assert_int_equal(abs(fx_at(&q, "p1").y - before.y), 1);
  fx_play_close(&p);
  fx_play_close(&q);
  fx_folder_remove(folder);
}

LQ_TEST(a_renamed_field_keeps_its_values_when_migrate_says_so) {
  fx_play p, q;
  char folder[64];
  fx_folder(folder);
  open_hunt(&p, 4);
  fx_join(&p, "p1");
  fetch_chest(&p);
  /* A new field, and Purse.coins becomes Purse.cash. */
  changed_example(folder, "game.yaml", "coins: {type: money, currency: EUR, default: 0}",
                  "cash: {type: money, currency: EUR}\n      medals: {type: i32, default: 3}");
  char code[512];
  (void)snprintf(code, sizeof code, "sed -i 's/>coins/>cash/' %s/systems/hunt.c", folder);
  assert_int_equal(system(code), 0);
  const lq_release *bad = fx_build(releases, folder);
  lq_diag diag = {0};
  assert_int_equal(lq_game_can_migrate(p.game, bad->game, &diag), LQ_ERR_MIGRATE);
  assert_non_null(strstr(diag.message, "Purse.coins"));
  (void)snprintf(code, sizeof code,
                 "echo 'migrate: {rename: {Purse.coins: Purse.cash}}' >> %s/game.yaml", folder);
  assert_int_equal(system(code), 0);
  const lq_release *next = fx_build(releases, folder);
  q = p;
  q.game = next->game;
  q.bytes = lq_session_bytes(next->game);
  q.memory = lq_pages_take(q.bytes);
  assert_ok(lq_session_swap(p.session, q.memory, q.bytes, next->game, &q.session, &diag));
  struct {
    int64_t cash;
    int32_t medals;
  } purse;
  memcpy(&purse, fx_get(&q, "p1", "Purse"), 12);
  assert_true(purse.cash == 100 && coins(&p, "p1") == 100);
  assert_int_equal(purse.medals, 3);
  fx_tick(&q);
  fx_play_close(&p);
  fx_play_close(&q);
  fx_folder_remove(folder);
}
