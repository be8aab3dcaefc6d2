/* physics: of game.yaml, and what a game gets by it: components, event fields, a system. */
#include "lq_service/release/described.h"
#include "lq_service/release/yaml_int.h"

enum { ORDER = 30 }; /* before most systems, which see where bodies are now */

static lq_err read_count(lqi_reader *r, const lqi_yaml *node, const char *what, uint32_t max,
                         uint32_t *out) {
  int64_t value = 0;
  if (!node) return LQ_OK;
  lq_err err = lqi_want_i64(r, node, what, 1, max, &value);
  *out = (uint32_t)value;
  return err;
}

static lq_err read_hit_speed(lqi_reader *r, const lqi_yaml *node, lq_game_physics *p) {
  const lq_field field = {.name = "hit_speed", .kind = LQ_FIELD_F32, .count = 1};
  lq_err err = lqi_read_value(r, node, &field, (uint8_t *)&p->hit_speed);
  if (!err && !(p->hit_speed >= 0 && p->hit_speed <= 1000))
    err = lqi_fail(r, node->at, LQ_ERR_RANGE, "1 tells what one would hear",
                   "hit_speed is outside 0 to 1000 m/s");
  return err;
}

static lq_err read_gravity(lqi_reader *r, const lqi_yaml *node, lq_game_physics *p) {
  const lq_field field = {.name = "gravity", .kind = LQ_FIELD_F32, .count = 3};
  lq_err err = lqi_read_value(r, node, &field, (uint8_t *)p->gravity);
  for (uint32_t i = 0; !err && i < 3; i++)
    if (!(p->gravity[i] >= -1000 && p->gravity[i] <= 1000))
      err = lqi_fail(r, node->at, LQ_ERR_RANGE, "the earth's is [0, -9.81, 0]",
                     "gravity is outside -1000 to 1000 m/s^2");
  return err;
}

lq_err lqi_read_physics(lqi_reader *r, const lqi_yaml *node) {
  static const char *const keys[] = {"gravity",    "substeps",  "bodies_max", "contacts_max",
                                     "tick_order", "hit_speed", NULL};
  const lqi_yaml *key[6];
  lq_game_physics *p = &r->game->physics;
  if (!node) return LQ_OK;
  lq_err err = lqi_want_keys(r, node, "physics", keys, key);
  if (!err && r->game->hz == 0)
    err = lqi_fail(r, node->key_at, LQ_ERR_INVALID, "write tick: {hz: 30}",
                   "physics: bodies move in time, and this game ticks on_command");
  uint32_t entities = r->game->entities_max;
  *p = (lq_game_physics){.on = true, .gravity = {0, -9.81f, 0}, .substeps = 4, .hit_speed = 1};
  if (r->described && r->described->assets) {
    p->asset_count = r->described->assets->count; /* borrowed until the game is encoded */
    p->asset = p->asset_count ? r->described->assets->asset : NULL;
  }
  p->bodies_max = entities < LQ_PHYSICS_BODIES_MAX ? entities : LQ_PHYSICS_BODIES_MAX;
  if (!err && key[0]) err = read_gravity(r, key[0], p);
  if (!err) err = read_count(r, key[1], "substeps", 16, &p->substeps);
  if (!err) err = read_count(r, key[2], "bodies_max", LQ_PHYSICS_BODIES_MAX, &p->bodies_max);
  p->contacts_max = p->bodies_max * 4 + 64;
  if (!err) err = read_count(r, key[3], "contacts_max", LQ_PHYSICS_CONTACTS_MAX, &p->contacts_max);
  if (!err && key[5]) err = read_hit_speed(r, key[5], p);
  int64_t order = ORDER;
  if (!err && key[4]) err = lqi_want_i64(r, key[4], "tick_order", INT32_MIN, INT32_MAX, &order);
  r->physics_order = (int32_t)order;
  return err;
}

bool lqi_yaml_physics_component(const lqi_reader *r, lq_span name, lq_component *out) {
  for (uint32_t t = 0; r->game->physics.on && t < LQ_TYPE_COUNT; t++) {
    lq_game_physics_component((lq_physics_type)t, out);
    if (lq_span_is(name, out->record.name)) return true;
  }
  return false;
}

lq_err lqi_yaml_physics_components(lqi_reader *r) {
  lq_game *game = r->game;
  for (uint32_t t = 0; game->physics.on && t < LQ_TYPE_COUNT; t++) {
    lq_component own;
    uint32_t at = 0;
    lq_game_physics_component((lq_physics_type)t, &own);
    while (at < game->schema.component_count &&
           strcmp(r->component[at].record.name, own.record.name) != 0)
      at++;
    if (at < game->schema.component_count || lq_physics_type_named((lq_physics_type)t)) continue;
    if (at == LQ_COMPONENTS_MAX)
      return lqi_fail(r, r->root->at, LQ_ERR_TOO_BIG, "declare less",
                      "physics adds %u components, and a game has at most %u",
                      (unsigned)LQ_TYPE_CAST, LQ_COMPONENTS_MAX);
    r->component[at] = own;
    game->schema.component_count++;
  }
  return LQ_OK;
}

bool lqi_yaml_physics_event(const lqi_reader *r, lq_span name, lq_record *out) {
  for (uint32_t t = 0; r->game->physics.on && t < LQ_EVENT_TYPE_COUNT; t++) {
    lq_game_physics_event((lq_physics_event_type)t, out);
    if (lq_span_is(name, out->name)) return true;
  }
  return false;
}

lq_system_type lqi_yaml_physics_system(const lqi_reader *r) {
  lq_system_type own = {.tick_order = r->physics_order};
  LQ_CHECK(lq_text_copy(own.name, sizeof own.name, lq_span_text(LQ_PHYSICS_SYSTEM)));
  return own;
}

bool lqi_yaml_physics_word(const lqi_reader *r, const lq_record *record, const lq_field *field,
                           const lqi_yaml *node, uint8_t *row) {
  static const struct {
    const char *component, *word;
    int32_t value;
  } words[] = {{"Body", "dynamic", 0},    {"Body", "kinematic", 1}, {"Body", "static", 2},
               {"Shape", "sphere", 0},    {"Shape", "capsule", 1},  {"Shape", "box", 2},
               {"Shape", "plane", 3},     {"Shape", "hull", 4},     {"Shape", "compound", 5},
               {"Shape", "mesh", 6},      {"Shape", "field", 7},    {"Draught", "sphere", 0},
               {"Draught", "capsule", 1}, {"Draught", "box", 2},    {"Cast", "sphere", 0},
               {"Cast", "capsule", 1},    {"Cast", "box", 2},       {"Overlap", "sphere", 0},
               {"Overlap", "capsule", 1}, {"Overlap", "box", 2},    {"Joint", "distance", 0},
               {"Joint", "hinge", 1},     {"Joint", "slider", 2},   {"Joint", "ball", 3},
               {"Joint", "weld", 4},      {"Joint", "wheel", 5},    {"Joint", "motor", 6},
               {"Joint", "six", 7}};
  if (!r->game->physics.on || node->kind != LQI_YAML_TEXT || strcmp(field->name, "kind") != 0)
    return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(record->name, words[i].component) != 0 || !lq_span_is(node->text, words[i].word))
      continue;
    memcpy(row + field->offset, &words[i].value, sizeof words[i].value);
    return true;
  }
  return false;
}

bool lqi_yaml_physics_asset(lqi_reader *r, const lq_record *record, const lq_field *field,
                            const lqi_yaml *node, uint8_t *row, lq_err *err) {
  const lq_game_physics *p = &r->game->physics;
  *err = LQ_OK;
  if (!p->on || strcmp(record->name, "Shape") != 0 || strcmp(field->name, "asset") != 0 ||
      node->kind != LQI_YAML_TEXT || !lq_name_valid(node->text))
    return false;
  lqi_guess guess = lqi_guess_of(node->text);
  for (uint32_t i = 0; i < p->asset_count; i++) {
    if (lq_span_is(node->text, p->asset[i].name)) {
      memcpy(row + field->offset, &p->asset[i].id, sizeof p->asset[i].id);
      return true;
    }
    lqi_guess_offer(&guess, lq_span_text(p->asset[i].name));
  }
  *err = lqi_fail(r, node->at, LQ_ERR_NOT_FOUND, "make it with lq asset cook, or name another",
                  "asset: assets/ has no shape %s%s", lqi_show_text(node->text).text,
                  lqi_guess_text(&guess).text);
  return true;
}
