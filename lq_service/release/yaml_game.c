/* game.yaml to a sealed game: the top of the file and its sections. */
#include "lq_service/release/described.h"
#include "lq_service/release/yaml_int.h"

#include <stdio.h>

static const char *const top_keys[] = {"lq",       "name",    "title",     "version", "tick",
                                       "confirm",  "limits",  "constants", "roles",   "components",
                                       "commands", "events",  "systems",   "players", "scene",
                                       "migrate",  "physics", NULL};
enum {
  TOP_LQ,
  TOP_NAME,
  TOP_TITLE,
  TOP_VERSION,
  TOP_TICK,
  TOP_CONFIRM,
  TOP_LIMITS,
  TOP_CONSTANTS,
  TOP_ROLES,
  TOP_COMPONENTS,
  TOP_COMMANDS,
  TOP_EVENTS,
  TOP_SYSTEMS,
  TOP_PLAYERS,
  TOP_SCENE,
  TOP_MIGRATE,
  TOP_PHYSICS,
  TOP_KEYS
};

/* ---- the head ---- */
static lq_err read_format(lqi_reader *r, const lqi_yaml *node) {
  if (!node)
    return lqi_fail(r, r->root->at, LQ_ERR_INVALID, "start with the line lq: 1",
                    "the key 'lq' is missing: the version of this file's format");
  int64_t format = 0;
  return lqi_want_i64(r, node, "lq", 1, 1, &format);
}

static lq_err read_name(lqi_reader *r, const lqi_yaml *node) {
  if (!node)
    return lqi_fail(r, r->root->at, LQ_ERR_INVALID, "add a line such as name: demo",
                    "the key 'name' is missing: the name under which the game is served");
  lq_err err = lqi_want_text(r, node, "name");
  if (err) return err;
  if (lq_slug_valid(node->text) && lq_text_copy(r->game->name, LQ_TENANT_BYTES, node->text))
    return LQ_OK;
  return lqi_fail(r, node->at, LQ_ERR_INVALID,
                  "use lower-case letters, digits and - inside, at most 31 characters",
                  "%s is not a valid name for a game", lqi_show(node).text);
}

static lq_err read_title(lqi_reader *r, const lqi_yaml *node) {
  if (!node) return LQ_OK;
  lq_err err = lqi_want_text(r, node, "title");
  if (err) return err;
  if (memchr(node->text.data, 0, node->text.bytes) ||
      !lq_text_copy(r->game->title, sizeof r->game->title, node->text))
    return lqi_fail(r, node->at, LQ_ERR_TOO_BIG, "shorten it",
                    "the title has %zu bytes, at most %zu", node->text.bytes,
                    sizeof r->game->title - 1);
  return LQ_OK;
}

/* "1.2.3", then perhaps -pre.release or +build. */
static bool semver_form(lq_span text) {
  size_t at = 0;
  for (unsigned part = 0; part < 3; part++) {
    if (part && (at == text.bytes || text.data[at++] != '.')) return false;
    size_t from = at;
    while (at < text.bytes && text.data[at] >= '0' && text.data[at] <= '9') at++;
    if (at == from || (at - from > 1 && text.data[from] == '0')) return false;
  }
  if (at == text.bytes) return true;
  if ((text.data[at] != '-' && text.data[at] != '+') || at + 1 == text.bytes) return false;
  for (; at < text.bytes; at++) {
    uint8_t c = text.data[at];
    bool letter = (c | 32) >= 'a' && (c | 32) <= 'z';
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '+') return false;
  }
  return true;
}

static lq_err read_version(lqi_reader *r, const lqi_yaml *node) {
  lq_span text = node ? node->text : lq_span_text("0.1.0");
  lq_err err = node ? lqi_want_text(r, node, "version") : LQ_OK;
  if (err) return err;
  if (semver_form(text) && lq_text_copy(r->game->version, LQ_NAME_BYTES, text)) return LQ_OK;
  return lqi_fail(r, node ? node->at : r->root->at, LQ_ERR_INVALID,
                  "write three numbers: major.minor.patch, see semver.org",
                  "found %s, expected a version such as 1.0.0", lqi_show_text(text).text);
}

static lq_err read_tick(lqi_reader *r, const lqi_yaml *node) {
  static const char *const keys[] = {"hz", NULL};
  r->game->hz = LQ_HZ_DEFAULT;
  if (!node) return LQ_OK;
  if (node->kind == LQI_YAML_TEXT && lq_span_is(node->text, "on_command")) {
    r->game->hz = 0;
    return LQ_OK;
  }
  const lqi_yaml *hz = NULL;
  lq_err err = LQ_ERR_INVALID;
  if (node->kind == LQI_YAML_MAP) {
    if ((err = lqi_want_keys(r, node, "tick", keys, &hz))) return err;
  }
  if (!hz)
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "write tick: {hz: 20} or tick: on_command",
                    "tick: found %s, expected {hz: 1..60} or on_command", lqi_show(node).text);
  int64_t value = 0;
  err = lqi_want_i64(r, hz, "hz", 1, LQ_HZ_MAX, &value);
  r->game->hz = (uint32_t)value;
  return err;
}

static lq_err read_limits(lqi_reader *r, const lqi_yaml *node) {
  static const char *const keys[] = {"entities", "players", NULL};
  int64_t entities = LQ_ENTITIES_DEFAULT, players = LQ_PLAYERS_DEFAULT;
  const lqi_yaml *key[2] = {NULL, NULL};
  lq_err err = node ? lqi_want_keys(r, node, "limits", keys, key) : LQ_OK;
  if (!err && key[0]) err = lqi_want_i64(r, key[0], "entities", 1, LQ_ENTITIES_MAX, &entities);
  if (!err && key[1]) err = lqi_want_i64(r, key[1], "players", 1, LQ_PLAYERS_MAX, &players);
  r->game->entities_max = (uint32_t)entities;
  r->game->players_max = (uint32_t)players;
  return err;
}

/* ---- lists of names ---- */
/* A section with a limit: says it at the first line too many. */
static lq_err check_count(lqi_reader *r, const lqi_yaml *node, const char *what, uint32_t max) {
  if (!node || node->count <= max) return LQ_OK;
  const lqi_yaml *child = node->first;
  while (child->index < max) child = child->next;
  return lqi_fail(r, node->kind == LQI_YAML_MAP ? child->key_at : child->at, LQ_ERR_TOO_BIG,
                  "declare less", "%u %s, at most %u", node->count, what, max);
}

static lq_err read_constants(lqi_reader *r, const lqi_yaml *node) {
  if (!node) return LQ_OK;
  lq_constant *constant = NULL;
  lq_err err = lqi_want_map(r, node, "constants");
  if (!err) err = check_count(r, node, "constants", LQ_CONSTANTS_MAX);
  if (!err) err = lqi_take(r, node->count, sizeof *constant, &constant);
  r->game->constant = constant;
  for (const lqi_yaml *child = node->first; !err && child; child = child->next) {
    lq_constant *c = &constant[r->game->constant_count++];
    err = lqi_want_name(r, child->key, child->key_at, "constant", c->name);
    if (!err) err = lqi_want_i64(r, child, c->name, INT64_MIN, INT64_MAX, &c->value);
  }
  return err;
}

static lq_err read_role_names(lqi_reader *r, const lqi_yaml *node) {
  if (!node) return LQ_OK;
  char(*role)[LQ_NAME_BYTES] = NULL;
  lq_err err = lqi_want_list(r, node, "roles");
  if (!err) err = check_count(r, node, "roles", LQ_ROLES_MAX);
  if (!err) err = lqi_take(r, node->count, sizeof *role, &role);
  r->game->role = (const char(*)[LQ_NAME_BYTES])role;
  for (const lqi_yaml *child = node->first; !err && child; child = child->next) {
    if ((err = lqi_want_text(r, child, "roles"))) return err;
    if (lq_game_role_find(r->game, child->text) != UINT32_MAX)
      return lqi_fail(r, child->at, LQ_ERR_EXISTS, "keep one of the two",
                      "the role %s stands here twice", lqi_show(child).text);
    err = lqi_want_name(r, child->text, child->at, "role", role[child->index]);
    r->game->role_count++;
  }
  return err;
}

/* ---- systems ---- */
static lq_err read_system(lqi_reader *r, const lqi_yaml *node, lq_system_type *system) {
  static const char *const keys[] = {"name", "tick_order", NULL};
  const lqi_yaml *key[2] = {node, NULL};
  lq_err err = node->kind == LQI_YAML_MAP ? lqi_want_keys(r, node, "systems", keys, key) : LQ_OK;
  if (err) return err;
  if (!key[0])
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "write {name: hunt.credit, tick_order: 60}",
                    "a system without a name");
  if ((err = lqi_want_text(r, key[0], "systems"))) return err;
  if (!lqi_dotted_name(key[0]->text) ||
      !lq_text_copy(system->name, sizeof system->name, key[0]->text))
    return lqi_fail(r, key[0]->at, LQ_ERR_INVALID, "write names joined by dots: hunt.collect",
                    "%s is not a valid name for a system", lqi_show(key[0]).text);
  int64_t order = 50;
  if (key[1]) err = lqi_want_i64(r, key[1], "tick_order", INT32_MIN, INT32_MAX, &order);
  system->tick_order = (int32_t)order;
  if (!err && r->described) err = lqi_merge_system(r, key[0], system, key[1] != NULL);
  return err;
}

static lq_err read_systems(lqi_reader *r, const lqi_yaml *node) {
  bool physics = r->game->physics.on;
  if (!node && !physics) return LQ_OK;
  lq_system_type *system = NULL;
  lq_err err = node ? lqi_want_list(r, node, "systems") : LQ_OK;
  if (!err) err = check_count(r, node, "systems", LQ_SYSTEMS_MAX - physics);
  if (!err) err = lqi_take(r, (node ? node->count : 0) + physics, sizeof *system, &system);
  r->game->system = system;
  for (const lqi_yaml *child = node ? node->first : NULL; !err && child; child = child->next) {
    lq_system_type *s = &system[r->game->system_count++];
    if ((err = read_system(r, child, s))) return err;
    for (uint32_t i = 0; i < child->index; i++)
      if (strcmp(system[i].name, s->name) == 0)
        return lqi_fail(r, child->at, LQ_ERR_EXISTS, "keep one of the two",
                        "the system '%s' stands here twice", s->name);
    if (physics && strcmp(s->name, LQ_PHYSICS_SYSTEM) == 0)
      return lqi_fail(r, child->at, LQ_ERR_EXISTS,
                      "leave it out; its tick_order stands under physics:",
                      "the system '%s' is the engine's own", s->name);
  }
  if (!err && physics) system[r->game->system_count++] = lqi_yaml_physics_system(r);
  return err;
}

/* ---- components, commands, events ---- */
static lq_err read_component(lqi_reader *r, const lqi_yaml *node, lq_component *c) {
  static const char *const keys[] = {"fields", "version", "stored", "audited",
                                     "sealed", "see",     NULL};
  const lqi_yaml *key[6];
  lq_err err = lqi_want_name(r, node->key, node->key_at, "component", c->record.name);
  if (!err) err = lqi_want_keys(r, node, c->record.name, keys, key);
  int64_t version = 1;
  if (!err && key[1]) err = lqi_want_i64(r, key[1], "version", 1, UINT16_MAX, &version);
  c->version = (uint16_t)version;
  if (!err && key[2]) err = lqi_want_bool(r, key[2], "stored", &c->stored);
  if (!err && key[3]) err = lqi_want_bool(r, key[3], "audited", &c->audited);
  if (!err && key[4]) err = lqi_want_bool(r, key[4], "sealed", &c->sealed);
  if (!err && key[5]) err = lqi_read_see(r, key[5], &c->visible);
  lq_component own;
  bool physics = !err && lqi_yaml_physics_component(r, node->key, &own);
  if (physics) memcpy(c->defaults, own.defaults, sizeof c->defaults);
  if (physics && !key[0]) c->record = own.record;
  if (!err && !(physics && !key[0]))
    err = lqi_read_fields(r, key[0], node->key_at, &c->record, c->defaults);
  if (!err && physics && lq_record_hash(&c->record) != lq_record_hash(&own.record))
    err =
        lqi_fail(r, node->key_at, LQ_ERR_EXISTS, "leave its fields out, or name yours differently",
                 "component %s: physics has one of this name, with other fields", c->record.name);
  return err;
}

static lq_err read_components(lqi_reader *r, const lqi_yaml *node) {
  bool physics = r->game->physics.on;
  if (!node && !r->described && !physics) return LQ_OK;
  lq_err err = node ? lqi_want_map(r, node, "components") : LQ_OK;
  if (!err) err = check_count(r, node, "components", LQ_COMPONENTS_MAX);
  /* Guests and physics may add theirs. */
  size_t room = r->described || physics ? LQ_COMPONENTS_MAX : node->count;
  if (!err) err = lqi_take(r, room, sizeof *r->component, &r->component);
  r->game->schema.component = r->component;
  for (const lqi_yaml *child = node ? node->first : NULL; !err && child; child = child->next)
    err = read_component(r, child, &r->component[r->game->schema.component_count++]);
  if (!err) err = lqi_yaml_physics_components(r);
  if (!err && r->described) err = lqi_merge_components(r, node);
  return err;
}

static uint16_t field_index(const lq_record *record, lq_span name) {
  const lq_field *field = lq_record_field(record, name);
  return field ? (uint16_t)(field - record->field) : UINT16_MAX;
}

static lq_err read_command(lqi_reader *r, const lqi_yaml *node, lq_command_type *c) {
  static const char *const keys[] = {"fields", "roles", "confirm", "owner", NULL};
  const lqi_yaml *key[4];
  lq_err err = lqi_want_name(r, node->key, node->key_at, "command", c->record.name);
  if (!err && lq_game_command_find(r->game, node->key) != UINT32_MAX)
    return lqi_fail(r, node->key_at, LQ_ERR_EXISTS,
                    "choose another name; a handler of join or leave needs no declaration",
                    "the command %s is built in", lqi_show_text(node->key).text);
  if (!err) err = lqi_want_keys(r, node, c->record.name, keys, key);
  if (!err) err = lqi_read_fields(r, key[0], node->key_at, &c->record, NULL);
  if (!err && key[1]) err = lqi_read_roles(r, key[1], "roles", &c->roles);
  c->confirm = r->game->confirm;
  if (!err && key[2]) err = lqi_want_bool(r, key[2], "confirm", &c->confirm);
  bool owner = true;
  if (!err && key[3]) err = lqi_want_bool(r, key[3], "owner", &owner);
  if (err) return err;
  c->entity_field = UINT16_MAX;
  uint16_t at = field_index(&c->record, lq_span_text("entity"));
  bool single = at != UINT16_MAX && c->record.field[at].kind == LQ_FIELD_ENTITY &&
                c->record.field[at].count == 1;
  if (owner && single) c->entity_field = at;
  if (key[3] && owner && !single)
    return lqi_fail(r, key[3]->key_at, LQ_ERR_INVALID, "add the field entity: entity",
                    "the command %s has no field 'entity' that its sender could own",
                    c->record.name);
  return LQ_OK;
}

static lq_err read_commands(lqi_reader *r, const lqi_yaml *node) {
  lq_command_type *command = NULL;
  lq_err err = node ? lqi_want_map(r, node, "commands") : LQ_OK;
  if (!err) err = check_count(r, node, "commands", LQ_COMMANDS_MAX - LQ_CMD_BUILTIN_COUNT);
  size_t count = LQ_CMD_BUILTIN_COUNT + (node ? node->count : 0);
  if (!err) err = lqi_take(r, count, sizeof *command, &command);
  if (err) return err;
  lq_game_builtins(command);
  r->command = command;
  r->game->command = command;
  r->game->command_count = LQ_CMD_BUILTIN_COUNT;
  for (const lqi_yaml *child = node ? node->first : NULL; !err && child; child = child->next) {
    err = read_command(r, child, &command[r->game->command_count]);
    r->game->command_count++;
  }
  if (!err && r->described) err = lqi_merge_commands(r, node);
  return err;
}

static lq_err read_about(lqi_reader *r, const lqi_yaml *node, lq_event_type *e) {
  lq_err err = lqi_want_text(r, node, "about");
  if (err) return err;
  e->about = field_index(&e->record, node->text);
  if (e->about != UINT16_MAX && e->record.field[e->about].kind == LQ_FIELD_ENTITY &&
      e->record.field[e->about].count == 1)
    return LQ_OK;
  lqi_guess guess = lqi_guess_of(node->text);
  for (uint32_t i = 0; i < e->record.field_count; i++)
    if (e->record.field[i].kind == LQ_FIELD_ENTITY)
      lqi_guess_offer(&guess, lq_span_text(e->record.field[i].name));
  return lqi_fail(r, node->at, LQ_ERR_INVALID, "name a field of this event of the type entity",
                  "about: %s is not an entity field of the event %s%s", lqi_show(node).text,
                  e->record.name, lqi_guess_text(&guess).text);
}

static lq_err read_event(lqi_reader *r, const lqi_yaml *node, lq_event_type *e) {
  static const char *const keys[] = {"fields", "about", "see", NULL};
  const lqi_yaml *key[3];
  if (!lqi_dotted_name(node->key) || !lq_text_copy(e->record.name, LQ_NAME_BYTES, node->key))
    return lqi_fail(r, node->key_at, LQ_ERR_INVALID,
                    "write names joined by dots: treasure.collected, at most 31 characters",
                    "%s is not a valid name for an event", lqi_show_text(node->key).text);
  lq_err err = lqi_want_keys(r, node, e->record.name, keys, key);
  lq_record own;
  if (!err && !key[0] && lqi_yaml_physics_event(r, node->key, &own))
    e->record = own;
  else if (!err)
    err = lqi_read_fields(r, key[0], node->key_at, &e->record, NULL);
  e->about = UINT16_MAX;
  if (!err && key[1]) err = read_about(r, key[1], e);
  if (!err && key[2]) err = lqi_read_see(r, key[2], &e->visible);
  if (err) return err;
  bool needs = e->visible.see == LQ_SEE_OWNER || e->visible.see == LQ_SEE_TEAM;
  if (needs && e->about == UINT16_MAX)
    return lqi_fail(r, key[2]->at, LQ_ERR_INVALID, "add about: and the name of an entity field",
                    "the event %s is for an owner or a team, but about nobody", e->record.name);
  return LQ_OK;
}

static lq_err read_events(lqi_reader *r, const lqi_yaml *node) {
  if (!node) return LQ_OK;
  lq_event_type *event = NULL;
  lq_err err = lqi_want_map(r, node, "events");
  if (!err) err = check_count(r, node, "events", LQ_EVENTS_MAX);
  if (!err) err = lqi_take(r, node->count, sizeof *event, &event);
  r->game->event = event;
  for (const lqi_yaml *child = node->first; !err && child; child = child->next)
    err = read_event(r, child, &event[r->game->event_count++]);
  return err;
}

/* ---- the seal ---- */
/* The seal speaks of things ("component Foo: ..."), not of lines: find the line of the thing. */
static lqi_place sealed_place(const lqi_reader *r, const lqi_yaml *const *top, const char *said) {
  static const struct {
    const char *what;
    int section;
  } things[] = {{"component ", TOP_COMPONENTS},
                {"command ", TOP_COMMANDS},
                {"event ", TOP_EVENTS},
                {"constant ", TOP_CONSTANTS},
                {"scene entity ", TOP_SCENE}};
  for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
    size_t head = strlen(things[i].what);
    const lqi_yaml *section = top[things[i].section];
    if (!section || strncmp(said, things[i].what, head) != 0) continue;
    const char *name = said + head;
    const lqi_yaml *node = lqi_yaml_get(r, section, lq_span_of(name, strcspn(name, ": ")));
    return node ? node->key_at : section->key_at;
  }
  return r->root->at;
}

static lq_err seal(lqi_reader *r, const lqi_yaml *const *top) {
  lq_diag said = {0};
  lq_err err = lq_game_seal(r->game, &said);
  if (!err) return LQ_OK;
  return lqi_fail(r, sealed_place(r, top, said.message), err, said.mend[0] ? said.mend : NULL, "%s",
                  said.message);
}

static lq_err read_top(lqi_reader *r) {
  const lqi_yaml *top[TOP_KEYS];
  if (r->root->kind != LQI_YAML_MAP)
    return lqi_fail(r, r->root->at, LQ_ERR_INVALID, "start with the line lq: 1",
                    "found %s, expected keys with values", lqi_show(r->root).text);
  r->game->confirm = true;
  r->game->leave_deletes = true;
  lq_err err = lqi_want_keys(r, r->root, "game.yaml", top_keys, top);
  if (err) return err;
  /* Entities name each other, so the scene's keys are known from the start. */
  r->scene = top[TOP_SCENE] && top[TOP_SCENE]->kind == LQI_YAML_MAP ? top[TOP_SCENE] : NULL;
  if (!err) err = read_format(r, top[TOP_LQ]);
  if (!err) err = read_name(r, top[TOP_NAME]);
  if (!err) err = read_title(r, top[TOP_TITLE]);
  if (!err) err = read_version(r, top[TOP_VERSION]);
  if (!err) err = read_tick(r, top[TOP_TICK]);
  if (!err && top[TOP_CONFIRM])
    err = lqi_want_bool(r, top[TOP_CONFIRM], "confirm", &r->game->confirm);
  if (!err) err = read_limits(r, top[TOP_LIMITS]);
  if (!err) err = lqi_read_physics(r, top[TOP_PHYSICS]);
  if (!err) err = read_constants(r, top[TOP_CONSTANTS]);
  if (!err) err = read_role_names(r, top[TOP_ROLES]);
  if (!err) err = read_components(r, top[TOP_COMPONENTS]);
  if (!err) err = read_commands(r, top[TOP_COMMANDS]);
  if (!err) err = read_events(r, top[TOP_EVENTS]);
  if (!err) err = read_systems(r, top[TOP_SYSTEMS]);
  if (!err && r->described) err = lqi_merge_systems_listed(r);
  if (!err && top[TOP_SCENE])
    err = check_count(r, top[TOP_SCENE], "scene entities", LQ_SCENE_ENTITIES_MAX);
  if (!err) err = lqi_read_scene(r, top[TOP_SCENE]);
  if (!err) err = lqi_read_players(r, top[TOP_PLAYERS]);
  if (!err) err = lqi_read_migrate(r, top[TOP_MIGRATE]);
  return err ? err : seal(r, top);
}

lq_err lq_game_yaml_read(lq_span text, const char *file, lq_arena *arena, lq_game **out,
                         lq_diag *diag) {
  return lqi_game_read(text, file, NULL, arena, out, diag);
}

lq_err lqi_game_read(lq_span text, const char *file, const lqi_described *described,
                     lq_arena *arena, lq_game **out, lq_diag *diag) {
  *out = NULL;
  lqi_reader r = {.file = file, .diag = diag, .arena = arena, .described = described};
  size_t slots = 16 * (size_t)LQI_YAML_NODES_MAX, nodes = LQI_YAML_NODES_MAX * sizeof(lqi_yaml);
  size_t bytes = slots + nodes + 40 * (size_t)LQI_YAML_NODES_MAX + 2 * (size_t)LQ_GAME_BYTES_MAX;
  void *memory = lq_pages_take(bytes);
  if (!memory) return lqi_fail(&r, (lqi_place){1, 1}, LQ_ERR_MEMORY, NULL, "out of memory");
  r.tree = lq_arena_of(memory, bytes);
  lq_err err = lqi_yaml_parse(&r, text);
  if (!err) err = lqi_take(&r, 1, sizeof *r.game, &r.game);
  if (!err) err = read_top(&r);
  lq_pages_give(memory, bytes);
  if (!err) *out = r.game;
  return err;
}
