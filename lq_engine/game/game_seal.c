/* lq_game_seal: every promise of game.h about a game, checked once, so that nobody else has to. */
#include "lq_engine/game/game_int.h"

#include "lq_base/hash.h"

/* The loader's arrays are writable (game.h); const is for everybody after the seal. */
static void *writable(const void *p) { return (void *)(uintptr_t)p; }

bool lqi_game_text_ok(const char *text, size_t capacity) {
  size_t at = 0;
  while (at < capacity && text[at]) at++;
  if (at == capacity) return false;
  while (at < capacity && !text[at]) at++;
  return at == capacity;
}

bool lqi_game_dotted_valid(const char *text, size_t capacity) {
  if (!lqi_game_text_ok(text, capacity)) return false;
  size_t from = 0;
  for (size_t at = 0;; at++) {
    if (text[at] != '.' && text[at]) continue;
    if (!lq_name_valid(lq_span_of(text + from, at - from))) return false;
    if (!text[at]) return true;
    from = at + 1;
  }
}

void lqi_game_c_name(const char *name, char *out, size_t capacity) {
  size_t i = 0;
  for (; name[i] && i + 1 < capacity; i++) out[i] = name[i] == '.' ? '_' : name[i];
  out[i] = 0;
}

static bool starts_with(const char *text, const char *head) {
  return strncmp(text, head, strlen(head)) == 0;
}

bool lqi_game_c_reserved(const char *name) {
  static const char *const words[] = {
      "auto",     "break",   "case",      "char",     "const",    "continue", "default",  "do",
      "double",   "else",    "enum",      "extern",   "float",    "for",      "goto",     "if",
      "inline",   "int",     "long",      "register", "restrict", "return",   "short",    "signed",
      "sizeof",   "static",  "struct",    "switch",   "typedef",  "union",    "unsigned", "void",
      "volatile", "while",   "bool",      "true",     "false",    "NULL",     "asm",      "typeof",
      "alignas",  "alignof", "constexpr", "nullptr",  "reserved_"};
  static const char *const heads[] = {
      "lq_",  "LQ_",  "sys_", "C_",    "M_",     "K_",    "E_",    "Cmd_",    "Evt_", "get_",
      "set_", "has_", "add_", "read_", "write_", "emit_", "send_", "remove_", "_"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(name, words[i]) == 0) return true;
  for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
    if (starts_with(name, heads[i])) return true;
  size_t length = strlen(name);
  return length > 2 && strcmp(name + length - 2, "_t") == 0;
}

/* C keywords only: a field lives in its struct, prefixes cannot hurt it. */
static bool field_reserved(const char *name) {
  bool prefixed = name[0] == '_' ? false : strchr(name, '_') != NULL;
  if (strcmp(name, "reserved_") == 0) return true;
  return !prefixed && lqi_game_c_reserved(name);
}

/* Lays the record out and checks its names. dotted: an event. */
static lq_err seal_record(lq_record *record, const char *what, bool dotted, lq_diag *diag) {
  bool ok = dotted ? lqi_game_dotted_valid(record->name, LQ_NAME_BYTES)
                   : lqi_game_text_ok(record->name, LQ_NAME_BYTES) &&
                         lq_name_valid(lq_span_text(record->name));
  if (!ok) return lq_diag_set(diag, LQ_ERR_INVALID, "%s: the name is not valid", what);
  if (record->field_count > LQ_FIELDS_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "%s %s: more than %u fields", what, record->name,
                       LQ_FIELDS_MAX);
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    if (!lqi_game_text_ok(field->name, LQ_NAME_BYTES) || !lq_name_valid(lq_span_text(field->name)))
      return lq_diag_set(diag, LQ_ERR_INVALID, "%s %s: the name of field %u is not valid", what,
                         record->name, i);
    if (field_reserved(field->name))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "%s %s: \"%s\" is a word of the C language; name the field differently",
                         what, record->name, field->name);
    bool money = field->kind == LQ_FIELD_MONEY;
    if (!lqi_game_text_ok(field->currency, sizeof field->currency) ||
        (strlen(field->currency) == 3) != money || (!money && field->currency[0]))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "%s %s: field %s: money needs an ISO 4217 currency, nothing else has one",
                         what, record->name, field->name);
    if (field->kind != LQ_FIELD_STR && field->str_bytes)
      return lq_diag_set(diag, LQ_ERR_INVALID, "%s %s: field %s: only a str has a length", what,
                         record->name, field->name);
  }
  lq_err err = lq_record_layout(record);
  return err ? lq_diag_set(diag, err, "%s %s: %s", what, record->name, lq_err_cause(err)) : LQ_OK;
}

static lq_err check_visibility(const lq_game *game, const lq_visibility *v, const char *what,
                               const char *name, lq_diag *diag) {
  uint32_t all = game->role_count >= 32 ? UINT32_MAX : (1u << game->role_count) - 1;
  if (v->see > LQ_SEE_NONE || (v->roles & ~all) || (v->see == LQ_SEE_ROLE) != (v->roles != 0))
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s %s: who may see it names an unknown or no role",
                       what, name);
  return LQ_OK;
}

/* Row canonical, and each entity in it at most `reference_max` (an index + 1 into the scene). */
static bool row_ok(const lq_record *record, const uint8_t *row, uint64_t reference_max) {
  uint8_t copy[LQ_ROW_BYTES_MAX];
  if (record->row_bytes == 0) return true;
  memcpy(copy, row, record->row_bytes);
  lq_record_canonicalise(record, copy);
  if (memcmp(copy, row, record->row_bytes) != 0) return false;
  for (uint32_t f = 0; f < record->field_count; f++) {
    const lq_field *field = &record->field[f];
    for (uint32_t i = 0; field->kind == LQ_FIELD_ENTITY && i < field->count; i++) {
      uint64_t reference;
      memcpy(&reference, row + field->offset + 8 * (size_t)i, 8);
      if (reference > reference_max) return false;
    }
  }
  return true;
}

static lq_err seal_components(lq_game *game, lq_diag *diag) {
  for (uint32_t i = 0; i < game->schema.component_count; i++) {
    lq_component *c = writable(&game->schema.component[i]);
    lq_err err = seal_record(&c->record, "component", false, diag);
    if (err) return err;
    const char *name = c->record.name;
    if (lqi_game_c_reserved(name))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "component %s: the name is taken by C or by the generated game.h", name);
    if (c->version == 0)
      return lq_diag_set(diag, LQ_ERR_INVALID, "component %s: versions count from 1", name);
    if ((err = check_visibility(game, &c->visible, "component", name, diag))) return err;
    bool ok = row_ok(&c->record, c->defaults, 0);
    for (size_t b = c->record.row_bytes; b < sizeof c->defaults; b++) ok &= c->defaults[b] == 0;
    if (!ok)
      return lq_diag_set(diag, LQ_ERR_INVALID, "component %s: the defaults are not valid", name);
  }
  lq_err err = lq_schema_seal(&game->schema);
  return err ? lq_diag_set(diag, err, "components: two of one name, or too many") : LQ_OK;
}

/* A message is one flat object: its own keys and the fields lie side by side. */
static lq_err check_envelope(const lq_record *record, const char *what, const char *const *taken,
                             lq_diag *diag) {
  for (uint32_t f = 0; f < record->field_count; f++)
    for (uint32_t i = 0; taken[i]; i++)
      if (strcmp(record->field[f].name, taken[i]) == 0)
        return lq_diag_set(
            diag, LQ_ERR_INVALID,
            "%s %s: \"%s\" is a key of each %s's message; name the field differently", what,
            record->name, taken[i], what);
  return LQ_OK;
}

static lq_err seal_commands(lq_game *game, lq_diag *diag) {
  static const char *const taken[] = {"cmd", "id", "player", "traceparent", NULL};
  lq_command_type builtin[LQ_CMD_BUILTIN_COUNT];
  lq_game_builtins(builtin);
  for (uint32_t i = 0; i < game->command_count; i++) {
    lq_command_type *c = writable(&game->command[i]);
    lq_err err = seal_record(&c->record, "command", false, diag);
    if (err) return err;
    const char *name = c->record.name;
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(name, game->command[j].record.name) == 0)
        return lq_diag_set(diag, LQ_ERR_EXISTS, "command %s is declared twice, or is built in",
                           name);
    if (i < LQ_CMD_BUILTIN_COUNT &&
        (strcmp(name, builtin[i].record.name) != 0 || c->entity_field != UINT16_MAX || c->roles ||
         !c->confirm || lq_record_hash(&c->record) != lq_record_hash(&builtin[i].record)))
      return lq_diag_set(diag, LQ_ERR_INVALID, "command %s: the built-in commands come first",
                         name);
    /* Nobody sends the built-in ones as messages. */
    if (i >= LQ_CMD_BUILTIN_COUNT && (err = check_envelope(&c->record, "command", taken, diag)))
      return err;
    if (game->role_count < 32 && c->roles >> game->role_count)
      return lq_diag_set(diag, LQ_ERR_INVALID, "command %s: an unknown role may send it", name);
    bool handled = i >= LQ_CMD_BUILTIN_COUNT || i == LQ_CMD_JOIN || i == LQ_CMD_LEAVE;
    if (c->guest >= LQ_GUEST_LANGUAGE_COUNT || (c->guest && !handled))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "command %s: its handler's language is unknown, or the engine keeps the "
                         "command for itself (a game may handle join and leave)",
                         name);
    if (c->entity_field != UINT16_MAX &&
        (c->entity_field >= c->record.field_count ||
         c->record.field[c->entity_field].kind != LQ_FIELD_ENTITY ||
         c->record.field[c->entity_field].count != 1))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "command %s: the field its sender must own is not an entity", name);
  }
  return LQ_OK;
}

/* What `evt` may be besides a game's events: docs/protocol.md. Nobody could tell them apart. */
static bool evt_of_the_protocol(const char *name) {
  static const char *const all[] = {"joined",  "state",        "snapshot",
                                    "ack",     "error",        "pong",
                                    "receipt", "guest.failed", "command.refused"};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (strcmp(name, all[i]) == 0) return true;
  return false;
}

static lq_err seal_events(lq_game *game, lq_diag *diag) {
  static const char *const taken[] = {"evt", "tick", "seq", NULL};
  for (uint32_t i = 0; i < game->event_count; i++) {
    lq_event_type *e = writable(&game->event[i]);
    lq_err err = seal_record(&e->record, "event", true, diag);
    if (!err) err = check_envelope(&e->record, "event", taken, diag);
    if (err) return err;
    if (evt_of_the_protocol(e->record.name))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "event %s: the server has a message of that name; call it differently",
                         e->record.name);
    char name[LQ_NAME_BYTES], other[LQ_NAME_BYTES];
    lqi_game_c_name(e->record.name, name, sizeof name);
    for (uint32_t j = 0; j < i; j++) {
      lqi_game_c_name(game->event[j].record.name, other, sizeof other);
      if (strcmp(name, other) == 0)
        return lq_diag_set(diag, LQ_ERR_EXISTS,
                           "event %s is declared twice (in C, a dot reads as an underscore)",
                           e->record.name);
    }
    if ((err = check_visibility(game, &e->visible, "event", e->record.name, diag))) return err;
    bool about = e->about != UINT16_MAX;
    if (about &&
        (e->about >= e->record.field_count || e->record.field[e->about].kind != LQ_FIELD_ENTITY ||
         e->record.field[e->about].count != 1))
      return lq_diag_set(diag, LQ_ERR_INVALID, "event %s: the field it is about is not an entity",
                         e->record.name);
    if (!about && (e->visible.see == LQ_SEE_OWNER || e->visible.see == LQ_SEE_TEAM))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "event %s: for an owner or a team to see it, say which entity it is about",
                         e->record.name);
  }
  return LQ_OK;
}

static lq_err check_guest(const lq_game *game, const lq_system_type *s, lq_diag *diag) {
  uint32_t types = game->schema.component_count;
  if (s->guest >= LQ_GUEST_LANGUAGE_COUNT)
    return lq_diag_set(diag, LQ_ERR_INVALID, "system %s: its language is unknown", s->name);
  if (!s->guest && (s->reads || s->writes))
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "system %s: what it reads and writes is declared for guests alone", s->name);
  if (types < 64 && (s->reads | s->writes) >> types)
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "system %s reads or writes a component that the game does not have",
                       s->name);
  if (s->writes & ~s->reads)
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "system %s writes a component that it does not read: name it in both",
                       s->name);
  return LQ_OK;
}

static lq_err seal_systems(lq_game *game, lq_diag *diag) {
  lq_system_type *s = writable(game->system);
  for (uint32_t i = 0; i < game->system_count; i++) {
    if (!lqi_game_dotted_valid(s[i].name, sizeof s[i].name))
      return lq_diag_set(diag, LQ_ERR_INVALID, "system %u: the name is not valid", i);
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(s[i].name, s[j].name) == 0)
        return lq_diag_set(diag, LQ_ERR_EXISTS, "system %s is declared twice", s[i].name);
    lq_err err = check_guest(game, &s[i], diag);
    if (err) return err;
  }
  for (uint32_t i = 1; i < game->system_count; i++) {
    lq_system_type moving = s[i];
    uint32_t at = i;
    for (; at > 0; at--) {
      const lq_system_type *before = &s[at - 1];
      if (before->tick_order < moving.tick_order ||
          (before->tick_order == moving.tick_order && strcmp(before->name, moving.name) < 0))
        break;
      s[at] = *before;
    }
    s[at] = moving;
  }
  return LQ_OK;
}

static lq_err check_names(const char *what, const char *first, size_t stride, uint32_t count,
                          lq_diag *diag) {
  for (uint32_t i = 0; i < count; i++) {
    const char *name = first + stride * i;
    if (!lqi_game_text_ok(name, LQ_NAME_BYTES) || !lq_name_valid(lq_span_text(name)))
      return lq_diag_set(diag, LQ_ERR_INVALID, "%s %u: the name is not valid", what, i);
    for (uint32_t j = 0; j < i; j++)
      if (strcmp(name, first + stride * j) == 0)
        return lq_diag_set(diag, LQ_ERR_EXISTS, "%s %s is declared twice", what, name);
  }
  return LQ_OK;
}

/* "e12": what the world makes up itself. */
static bool made_up_id(const char *id) {
  if (id[0] != 'e' || !id[1]) return false;
  for (id++; *id; id++)
    if (*id < '0' || *id > '9') return false;
  return true;
}

/* Ids unique, without memory of its own: a small table per part of the hash space. */
static const char *scene_duplicate(const lq_game *game) {
  enum { SLOTS = 8192, FILL = 2048 };
  uint32_t slot[SLOTS], passes = game->scene_entity_count / FILL + 1;
  for (uint32_t pass = 0; pass < passes; pass++) {
    uint32_t filled = 0;
    memset(slot, 0, sizeof slot);
    for (uint32_t i = 0; i < game->scene_entity_count; i++) {
      const char *id = game->scene[i].id;
      uint64_t hash = lq_hash_bytes(0, id, strlen(id));
      if (!id[0] || (uint32_t)(hash >> 32) % passes != pass) continue;
      if (++filled == SLOTS) return id; /* only ids chosen to collide come here */
      uint32_t at = (uint32_t)hash % SLOTS;
      for (; slot[at]; at = (at + 1) % SLOTS)
        if (strcmp(game->scene[slot[at] - 1].id, id) == 0) return id;
      slot[at] = i + 1;
    }
  }
  return NULL;
}

static lq_err check_entity(const lq_game *game, const lq_scene_entity *entity, const uint8_t *rows,
                           size_t rows_bytes, const char *what, uint32_t index, lq_diag *diag) {
  const lq_schema *schema = &game->schema;
  if (schema->component_count < 64 && entity->mask >> schema->component_count)
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s %u has an unknown component", what, index);
  size_t bytes = lqi_game_mask_bytes(schema, entity->mask);
  if (entity->row_at > rows_bytes || bytes > rows_bytes - entity->row_at)
    return lq_diag_set(diag, LQ_ERR_INVALID, "%s %u: its rows lie outside", what, index);
  const uint8_t *row = rows ? rows + entity->row_at : NULL;
  for (uint32_t t = 0; t < schema->component_count; t++) {
    const lq_record *record = &schema->component[t].record;
    if (!(entity->mask >> t & 1) || record->row_bytes == 0) continue;
    if (!row_ok(record, row, game->scene_entity_count))
      return lq_diag_set(diag, LQ_ERR_INVALID, "%s %u: its %s is not valid", what, index,
                         record->name);
    row += record->row_bytes;
  }
  return LQ_OK;
}

static lq_err seal_scene(const lq_game *game, lq_diag *diag) {
  for (uint32_t i = 0; i < game->scene_entity_count; i++) {
    const lq_scene_entity *entity = &game->scene[i];
    bool ok = lqi_game_text_ok(entity->id, LQ_ID_BYTES) &&
              (!entity->id[0] || lq_id_valid(lq_span_text(entity->id), LQ_ID_BYTES));
    if (!ok) return lq_diag_set(diag, LQ_ERR_INVALID, "scene entity %u: the id is not valid", i);
    if (made_up_id(entity->id))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "scene entity %s: ids e1, e2 ... are made up by the engine", entity->id);
    lq_err err = check_entity(game, entity, game->scene_rows, game->scene_rows_bytes,
                              "scene entity", i, diag);
    if (err) return err;
  }
  if (game->scene_entity_count > game->entities_max)
    return lq_diag_set(diag, LQ_ERR_FULL, "the scene has %u entities, the limit is %u",
                       game->scene_entity_count, game->entities_max);
  const char *twice = scene_duplicate(game);
  if (twice) return lq_diag_set(diag, LQ_ERR_EXISTS, "scene entity %s is declared twice", twice);
  if (game->player.id[0] || !lqi_game_text_ok(game->player.id, LQ_ID_BYTES))
    return lq_diag_set(diag, LQ_ERR_INVALID, "the player template has no id of its own");
  return check_entity(game, &game->player, game->player_rows, game->player_rows_bytes,
                      "player template", 0, diag);
}

static lq_err seal_renames(const lq_game *game, lq_diag *diag) {
  for (uint32_t i = 0; i < game->rename_count; i++) {
    const lq_rename *r = &game->rename[i];
    bool texts = lqi_game_text_ok(r->component, LQ_NAME_BYTES) &&
                 lqi_game_text_ok(r->from, LQ_NAME_BYTES) && lqi_game_text_ok(r->to, LQ_NAME_BYTES);
    if (!texts || !lq_name_valid(lq_span_text(r->from)) || strcmp(r->from, r->to) == 0)
      return lq_diag_set(diag, LQ_ERR_INVALID, "migrate line %u: the names are not valid", i);
    const char *in = r->component[0] ? r->component : r->to;
    uint32_t c = in[0] ? lq_schema_find(&game->schema, lq_span_text(in)) : UINT32_MAX;
    bool known = in[0] == 0 || c != UINT32_MAX;
    if (known && r->component[0] && r->to[0])
      known = lq_record_field(&game->schema.component[c].record, lq_span_text(r->to)) != NULL;
    if (!known)
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "migrate: %s%s%s becomes %s, which this release does not have",
                         r->component, r->component[0] ? "." : "", r->from, r->to);
    for (uint32_t j = 0; j < i; j++) {
      const lq_rename *o = &game->rename[j];
      if (strcmp(o->component, r->component) == 0 && strcmp(o->from, r->from) == 0)
        return lq_diag_set(diag, LQ_ERR_EXISTS, "migrate: two lines for %s", r->from);
    }
  }
  return LQ_OK;
}

static bool semver_ok(const char *text) {
  for (unsigned part = 0; part < 3; part++) {
    if (part && *text++ != '.') return false;
    if (*text < '0' || *text > '9' || (*text == '0' && text[1] >= '0' && text[1] <= '9'))
      return false;
    while (*text >= '0' && *text <= '9') text++;
  }
  if (*text && *text != '-' && *text != '+') return false;
  if (*text && !text[1]) return false;
  for (; *text; text++) {
    char c = *text;
    bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '.' || c == '-' || c == '+';
    if (!ok) return false;
  }
  return true;
}

static lq_err seal_limits(lq_game *game, lq_diag *diag) {
  if (!lqi_game_text_ok(game->name, sizeof game->name) || !lq_slug_valid(lq_span_text(game->name)))
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "name: use lower-case letters, digits and - (at most %u)",
                       LQ_TENANT_BYTES - 1);
  if (!lqi_game_text_ok(game->version, sizeof game->version) || !semver_ok(game->version))
    return lq_diag_set(diag, LQ_ERR_INVALID, "version: not a version like 1.0.0");
  if (!lqi_game_text_ok(game->title, sizeof game->title) ||
      !lq_utf8_valid(lq_span_text(game->title)))
    return lq_diag_set(diag, LQ_ERR_INVALID, "title: not a text of at most %u bytes of UTF-8",
                       (unsigned)sizeof game->title - 1);
  if (game->hz > LQ_HZ_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "tick: hz is %u, allowed are 1 to %u", game->hz,
                       LQ_HZ_MAX);
  if (game->entities_max == 0) game->entities_max = LQ_ENTITIES_DEFAULT;
  if (game->players_max == 0) game->players_max = LQ_PLAYERS_DEFAULT;
  if (game->entities_max > LQ_ENTITIES_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "limits: entities is %u, at most %u", game->entities_max,
                       LQ_ENTITIES_MAX);
  if (game->players_max > LQ_PLAYERS_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "limits: players is %u, at most %u", game->players_max,
                       LQ_PLAYERS_MAX);
  struct {
    const char *what;
    uint32_t count, max;
  } row[] = {{"components", game->schema.component_count, LQ_COMPONENTS_MAX},
             {"commands", game->command_count, LQ_COMMANDS_MAX},
             {"events", game->event_count, LQ_EVENTS_MAX},
             {"systems", game->system_count, LQ_SYSTEMS_MAX},
             {"constants", game->constant_count, LQ_CONSTANTS_MAX},
             {"roles", game->role_count, LQ_ROLES_MAX},
             {"scene entities", game->scene_entity_count, LQ_SCENE_ENTITIES_MAX},
             {"migrate lines", game->rename_count, LQ_RENAMES_MAX}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    if (row[i].count > row[i].max)
      return lq_diag_set(diag, LQ_ERR_TOO_BIG, "%u %s, at most %u", row[i].count, row[i].what,
                         row[i].max);
  if (game->command_count < LQ_CMD_BUILTIN_COUNT)
    return lq_diag_set(diag, LQ_ERR_INVALID, "the built-in commands are missing");
  return LQ_OK;
}

static uint64_t interface_hash(const lq_game *game) {
  uint64_t hash = lq_hash_mix(LQ_SYSTEM_ABI, game->schema.hash);
  for (uint32_t i = 0; i < game->command_count; i++) {
    const lq_record *record = &game->command[i].record;
    hash = lq_hash_bytes(hash, record->name, strlen(record->name));
    hash = lq_hash_mix(hash, lq_record_hash(record));
  }
  hash = lq_hash_mix(hash, game->command_count);
  for (uint32_t i = 0; i < game->event_count; i++) {
    const lq_record *record = &game->event[i].record;
    hash = lq_hash_bytes(hash, record->name, strlen(record->name));
    hash = lq_hash_mix(hash, lq_record_hash(record));
  }
  hash = lq_hash_mix(hash, game->event_count);
  for (uint32_t i = 0; i < game->constant_count; i++) {
    hash = lq_hash_bytes(hash, game->constant[i].name, strlen(game->constant[i].name));
    hash = lq_hash_mix(hash, (uint64_t)game->constant[i].value);
  }
  return lq_hash_mix(hash, game->constant_count);
}

lq_err lq_game_seal(lq_game *game, lq_diag *diag) {
  lq_err err = seal_limits(game, diag);
  if (!err)
    err = check_names("role", (const char *)game->role, LQ_NAME_BYTES, game->role_count, diag);
  if (!err)
    err = check_names("constant", (const char *)game->constant, sizeof *game->constant,
                      game->constant_count, diag);
  if (!err) err = seal_components(game, diag);
  if (!err) err = seal_commands(game, diag);
  if (!err) err = seal_events(game, diag);
  if (!err) err = seal_systems(game, diag);
  if (!err) err = lqi_game_seal_physics(game, diag);
  if (!err) err = seal_scene(game, diag);
  if (!err) err = seal_renames(game, diag);
  if (!err) game->interface_hash = interface_hash(game);
  return err;
}
