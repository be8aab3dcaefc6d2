/* The treasure hunt, told from examples/treasure_hunt_c's game.yaml and README.md. */
#include "apps/lqsim/model/model_int.h"

enum { POSITION, PLAYER_TAG, TREASURE_TAG, PURSE };
enum { X, Y, COINS };
enum { WIDTH, HEIGHT, CHESTS, CHEST_VALUE };
enum { EVT_COLLECTED };

static const lqi_rule_component components[] = {
    [POSITION] = {"Position", 2, {{"x", X}, {"y", Y}}},
    [PLAYER_TAG] = {"PlayerTag", 0, {{0}}},
    [TREASURE_TAG] = {"TreasureTag", 0, {{0}}},
    [PURSE] = {"Purse", 1, {{"coins", COINS}}},
};
static const lqi_rule_event events[] = {
    [EVT_COLLECTED] = {"treasure.collected", {"player", NULL}, "value"},
};
static const char *const constants[] = {[WIDTH] = "map_width",
                                        [HEIGHT] = "map_height",
                                        [CHESTS] = "chests",
                                        [CHEST_VALUE] = "chest_value",
                                        [CHEST_VALUE + 1] = NULL};

static bool is(const lqi_thing *thing, uint32_t component) {
  return thing->lives && (thing->has >> component & 1);
}

static bool is_free(const model *m, int64_t x, int64_t y) {
  for (uint32_t i = 0; i < m->thing_end; i++)
    if (is(&m->thing[i], POSITION) && m->thing[i].value[X] == x && m->thing[i].value[Y] == y)
      return false;
  return true;
}

/* One of the fields on which nobody and nothing is, counted row by row from the top left. */
static bool free_field(model *m, int64_t *x, int64_t *y) {
  uint32_t count = 0;
  for (*y = 0; *y < m->constant[HEIGHT]; ++*y)
    for (*x = 0; *x < m->constant[WIDTH]; ++*x) count += is_free(m, *x, *y);
  if (count == 0) return false;
  uint32_t pick = lqi_random(m, count);
  for (*y = 0; *y < m->constant[HEIGHT]; ++*y)
    for (*x = 0; *x < m->constant[WIDTH]; ++*x)
      if (is_free(m, *x, *y) && pick-- == 0) return true;
  return false;
}

static void start(model *m) {
  lqi_thing *chest = lqi_thing_make(m, "chest1", 0, 1u << TREASURE_TAG | 1u << POSITION);
  if (!chest) return;
  chest->value[X] = 8;
  chest->value[Y] = 6;
}

static lqi_outcome join(model *m, lqi_thing *player) {
  int64_t x, y;
  player->value[X] = player->value[Y] = -1;
  if (!free_field(m, &x, &y))
    return (lqi_outcome){LQ_ERR_FORBIDDEN, "there is no free field on the map"};
  player->value[X] = x;
  player->value[Y] = y;
  return (lqi_outcome){LQ_OK, NULL};
}

/* on_leave: delete. The purse goes with its owner. */
static void leave(model *m, lqi_thing *player) {
  m->gone += player->value[COINS];
  lqi_thing_remove(m, player);
}

static int64_t step(int64_t at, int64_t by, int64_t fields) {
  at += by > 0 ? 1 : by < 0 ? -1 : 0;
  return at < 0 ? 0 : at >= fields ? fields - 1 : at;
}

static lqi_outcome command(model *m, const char *name, const lqi_order *order) {
  if (strcmp(name, "move") != 0) return (lqi_outcome){LQ_ERR_INTERNAL, "no rule for it"};
  lqi_thing *who = lqi_order_thing(m, order, "entity");
  if (!who || !is(who, POSITION))
    return (lqi_outcome){LQ_ERR_FORBIDDEN, "this entity has no Position"};
  who->value[X] = step(who->value[X], lqi_order_number(order, "vec", 0), m->constant[WIDTH]);
  who->value[Y] = step(who->value[Y], lqi_order_number(order, "vec", 1), m->constant[HEIGHT]);
  m->touched = true;
  return (lqi_outcome){LQ_OK, NULL};
}

static bool is_found(const lqi_thing *chest, const lqi_thing *player) {
  return is(player, PLAYER_TAG) && is(chest, TREASURE_TAG) && chest->value[X] == player->value[X] &&
         chest->value[Y] == player->value[Y];
}

/* Every player on a chest's field has found it: who shares the field shares the luck. */
static void credit(model *m) {
  for (uint32_t p = 0; p < m->thing_end; p++)
    for (uint32_t c = 0; c < m->thing_end; c++) {
      if (!is_found(&m->thing[c], &m->thing[p])) continue;
      m->thing[p].value[COINS] += m->constant[CHEST_VALUE];
      m->touched = true;
    }
}

static void collect(model *m) {
  for (uint32_t p = 0; p < m->thing_end; p++)
    for (uint32_t c = 0; c < m->thing_end; c++) {
      const lqi_thing *player = &m->thing[p];
      if (!is_found(&m->thing[c], player)) continue;
      lqi_expected *event = lqi_expect(m, EVT_COLLECTED, player, m->constant[CHEST_VALUE]);
      memcpy(event->text[0], player->id, LQ_ID_BYTES);
      m->collected++;
    }
  /* The chests go when everybody has been asked. */
  for (uint32_t c = 0; c < m->thing_end; c++)
    for (uint32_t p = 0; p < m->thing_end; p++)
      if (is_found(&m->thing[c], &m->thing[p])) lqi_thing_remove(m, &m->thing[c]);
}

static void respawn(model *m) {
  int64_t count = 0, x, y;
  for (uint32_t i = 0; i < m->thing_end; i++) count += is(&m->thing[i], TREASURE_TAG);
  if (count >= m->constant[CHESTS] || !free_field(m, &x, &y)) return;
  lqi_thing *chest = lqi_thing_make(m, NULL, 0, 1u << TREASURE_TAG | 1u << POSITION);
  if (!chest) return;
  chest->value[X] = x;
  chest->value[Y] = y;
}

static bool systems(model *m) {
  if (!lqi_left_out(m, "hunt.credit", false)) credit(m);
  if (!lqi_left_out(m, "hunt.collect", false)) collect(m);
  if (!lqi_left_out(m, "hunt.respawn", false)) respawn(m);
  return true;
}

static int64_t money(const model *m) {
  int64_t sum = m->gone;
  for (uint32_t i = 0; i < m->thing_end; i++)
    if (is(&m->thing[i], PURSE)) sum += m->thing[i].value[COINS];
  return sum;
}

const lqi_rules lqi_hunt_rules = {
    .game = "demo",
    .also = "moon", /* with other hands: examples/treasure_hunt_lua, and one that only counts */
    .guest = {{"moon.pulse", false},
              {"hunt.credit", false},
              {"hunt.collect", false},
              {"hunt.respawn", false},
              {"join", true},
              {"move", true}},
    .component = components,
    .component_count = sizeof components / sizeof *components,
    .event = events,
    .event_count = sizeof events / sizeof *events,
    .constant = constants,
    .spawn = 1u << PLAYER_TAG | 1u << POSITION | 1u << PURSE,
    .start = start,
    .join = join,
    .leave = leave,
    .command = command,
    .systems = systems,
    .money = money,
};
