/* What game.yaml says and what its guests say, made one: components that only a guest declares, who
 * runs a system, who handles a command. */
#include "lq_engine/net/message.h"
#include "lq_service/release/described.h"
#include "lq_service/release/yaml_int.h"

#include <stdarg.h>
#include <stdio.h>

#define AGREE "make the two agree, or leave it out of one of them"
enum { STR_ALONE = 64 }; /* bytes of a guest's "str" that game.yaml does not know */

typedef struct shown_type {
  char text[48];
} shown_type;

/* A complaint about a guest's own place; line 0: where `said` begins. */
static lq_err fail_at(lqi_reader *r, const lqi_said *said, uint32_t line, lq_err code,
                      const char *mend, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static lq_err fail_at(lqi_reader *r, const lqi_said *said, uint32_t line, lq_err code,
                      const char *mend, const char *format, ...) {
  static const char own[] = "game.yaml";
  char file[1200], text[192];
  size_t bytes = strlen(r->file), folder = bytes < sizeof own - 1 ? 0 : bytes - (sizeof own - 1);
  if (strcmp(r->file + folder, own) != 0) folder = 0;
  (void)snprintf(file, sizeof file, "%.*s%s", (int)folder, r->file, said->file);
  va_list args;
  va_start(args, format);
  (void)vsnprintf(text, sizeof text, format, args);
  va_end(args);
  lqi_reader there = *r;
  there.file = file;
  return lqi_fail(&there, (lqi_place){line ? line : said->line, 0}, code, mend, "%s", text);
}

/* ---- types ---- */
static shown_type show_type(const lq_field *field, bool loose) {
  static const char *const names[] = {
      [LQ_FIELD_I32] = "i32",    [LQ_FIELD_I64] = "i64",       [LQ_FIELD_F32] = "f32",
      [LQ_FIELD_BOOL] = "bool",  [LQ_FIELD_ENTITY] = "entity", [LQ_FIELD_STR] = "str",
      [LQ_FIELD_MONEY] = "money"};
  shown_type shown;
  const char *name = names[field->kind];
  if (loose && field->kind != LQ_FIELD_STR) name = field->kind == LQ_FIELD_F32 ? "float" : "int";
  int at = snprintf(shown.text, sizeof shown.text, "%s", name);
  if (!loose && field->kind == LQ_FIELD_STR)
    at += snprintf(shown.text + at, sizeof shown.text - (size_t)at, "(%u)", field->str_bytes);
  if (field->kind == LQ_FIELD_MONEY && field->currency[0])
    at += snprintf(shown.text + at, sizeof shown.text - (size_t)at, "(%s)", field->currency);
  if (field->count > 1)
    (void)snprintf(shown.text + at, sizeof shown.text - (size_t)at, "[%u]", field->count);
  return shown;
}

typedef struct said_field {
  lq_field field;
  bool loose; /* "int", "float", "str": of any size */
  uint32_t line;
  lq_json about;
} said_field;

static lq_err read_said_type(lqi_reader *r, const lqi_said *said, said_field *out, lq_span type) {
  static const struct {
    const char *name;
    lq_field field;
  } words[] = {{"int", {.kind = LQ_FIELD_I64, .count = 1}},
               {"float", {.kind = LQ_FIELD_F32, .count = 1}},
               {"str", {.kind = LQ_FIELD_STR, .count = 1, .str_bytes = STR_ALONE}}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!lq_span_is(type, words[i].name)) continue;
    out->loose = true;
    out->field.kind = words[i].field.kind;
    out->field.count = words[i].field.count;
    out->field.str_bytes = words[i].field.str_bytes;
    return LQ_OK;
  }
  /* As game.yaml's own reader takes it; its words are kept, the place is the guest's. */
  lq_diag heard = {0};
  lqi_reader quiet = *r;
  quiet.diag = &heard;
  quiet.file = "";
  lqi_yaml node = {.kind = LQI_YAML_TEXT, .plain = true, .text = type, .at = {1, 1}};
  lq_err err = lqi_read_type(&quiet, &node, &out->field);
  if (!err) return LQ_OK;
  const char *words_of = strstr(heard.message, ": ");
  return fail_at(r, said, out->line, err, heard.mend, "%s.%s: %.120s", said->name, out->field.name,
                 words_of ? words_of + 2 : heard.message);
}

static lq_err read_said_field(lqi_reader *r, const lqi_said *said, lq_json about, said_field *out) {
  char type[48];
  int64_t line = 0;
  *out = (said_field){.about = about};
  if (about.kind != LQ_JSON_OBJECT ||
      !lq_json_text(lq_json_get(about, "name"), out->field.name, LQ_NAME_BYTES) ||
      !lq_name_valid(lq_span_text(out->field.name)))
    return fail_at(r, said, 0, LQ_ERR_INVALID,
                   "use letters, digits and _, not a digit first, at most 31 characters",
                   "a field has a name that is not valid");
  if (lq_json_i64(lq_json_get(about, "line"), &line) && line > 0 && line < 10000000)
    out->line = (uint32_t)line;
  if (!lq_json_text(lq_json_get(about, "type"), type, sizeof type))
    return fail_at(r, said, out->line, LQ_ERR_INVALID, "name its type: int, float, bool, str",
                   "a field has no type");
  return read_said_type(r, said, out, lq_span_text(type));
}

static bool types_agree(const lq_field *field, const said_field *said) {
  const lq_field *other = &said->field;
  if (field->count != other->count) return false;
  if (said->loose && other->kind == LQ_FIELD_I64)
    return field->kind == LQ_FIELD_I32 || field->kind == LQ_FIELD_I64 ||
           field->kind == LQ_FIELD_MONEY;
  if (field->kind != other->kind) return false;
  if (field->kind == LQ_FIELD_STR) return said->loose || field->str_bytes == other->str_bytes;
  if (field->kind == LQ_FIELD_MONEY)
    return !other->currency[0] || strcmp(field->currency, other->currency) == 0;
  return true;
}

/* ---- defaults ---- */
/* The value under "default" as a row with this field alone. *has: there is one. */
static lq_err said_default(lqi_reader *r, const lqi_said *said, const said_field *f,
                           const lq_field *type, uint8_t row[LQ_ROW_BYTES_MAX], bool *has) {
  lq_json value = lq_json_get(f->about, "default");
  *has = value.kind != LQ_JSON_NONE && value.kind != LQ_JSON_NULL;
  memset(row, 0, LQ_ROW_BYTES_MAX);
  if (!*has) return LQ_OK;
  if (type->kind == LQ_FIELD_ENTITY)
    return fail_at(r, said, f->line, LQ_ERR_INVALID, "leave it out, or write None",
                   "an entity has no default: it starts as nobody");
  lq_record one = {.name = "default", .field_count = 1, .field = {*type}};
  memcpy(one.field[0].name, "default", 8);
  uint8_t body[2 * LQ_ROW_BYTES_MAX], text[8 * LQ_ROW_BYTES_MAX];
  lq_writer out = lq_writer_of(body, sizeof body), object = lq_writer_of(text, sizeof text);
  lq_write_text(&object, "{\"default\":");
  lq_write_span(&object, value.raw);
  lq_write_text(&object, "}");
  lq_diag heard = {0};
  lq_json alone;
  lq_err err = object.failed ? LQ_ERR_TOO_BIG : lq_record_layout(&one);
  if (!err) err = lq_json_parse(lq_writer_span(&object), &alone, NULL);
  if (!err) err = lq_record_from_json(&one, alone, NULL, &out, &heard);
  lq_reader in = lq_reader_of(lq_writer_span(&out));
  const lq_field *bad = NULL;
  if (!err) err = lq_record_decode(&one, &in, NULL, row, &bad);
  if (!err) return LQ_OK;
  return fail_at(r, said, f->line, err, "give it a default of its own type", "%s.%s: %.120s",
                 said->name, f->field.name,
                 heard.message[0] ? heard.message : "its default does not fit its type");
}

/* ---- a component that game.yaml (or an earlier guest) knows ---- */
typedef struct meeting {
  lqi_reader *r;
  const lqi_said *said;
  const lq_component *known;
  const lqi_yaml *yaml;   /* its entry in game.yaml, or NULL: an earlier guest's */
  const lqi_said *before; /* then who that was */
} meeting;

/* Where the two meet: the field's line of game.yaml, else the later guest's. */
static lq_err disagree(const meeting *m, const said_field *f, const char *here, const char *there) {
  uint32_t line = f->line ? f->line : m->said->line;
  if (!m->yaml) {
    return fail_at(m->r, m->said, line, LQ_ERR_INVALID, AGREE, "%s.%s %s here, %s says %s",
                   m->said->name, f->field.name, there, lqi_said_where(m->before, 0).text, here);
  }
  const lqi_yaml *fields = lqi_yaml_get(m->r, m->yaml, lq_span_text("fields"));
  const lqi_yaml *field = fields ? lqi_yaml_get(m->r, fields, lq_span_text(f->field.name)) : NULL;
  return lqi_fail(m->r, field ? field->key_at : m->yaml->key_at, LQ_ERR_INVALID, AGREE,
                  "%s.%s %s here, %s says %s", m->said->name, f->field.name, here,
                  lqi_said_where(m->said, line).text, there);
}

static lq_err no_such_field(const meeting *m, const said_field *f) {
  lqi_guess guess = lqi_guess_of(lq_span_text(f->field.name));
  for (uint32_t i = 0; i < m->known->record.field_count; i++)
    lqi_guess_offer(&guess, lq_span_text(m->known->record.field[i].name));
  return fail_at(m->r, m->said, f->line, LQ_ERR_INVALID, AGREE, "%s has no field '%s' in %s%s",
                 m->said->name, f->field.name, m->yaml ? "game.yaml" : m->before->file,
                 lqi_guess_text(&guess).text);
}

static lq_err check_field(const meeting *m, lq_json about) {
  said_field f;
  lq_err err = read_said_field(m->r, m->said, about, &f);
  if (err) return err;
  const lq_field *field = lq_record_field(&m->known->record, lq_span_text(f.field.name));
  if (!field) return no_such_field(m, &f);
  shown_type ours = show_type(field, false), theirs = show_type(&f.field, f.loose);
  char here[64];
  (void)snprintf(here, sizeof here, "is %s", ours.text);
  if (!types_agree(field, &f)) return disagree(m, &f, here, theirs.text);
  uint8_t row[LQ_ROW_BYTES_MAX];
  bool has;
  err = said_default(m->r, m->said, &f, field, row, &has);
  if (err || !has) return err;
  size_t bytes = (size_t)lq_field_bytes(field) * field->count;
  if (memcmp(row, m->known->defaults + field->offset, bytes) == 0) return LQ_OK;
  return disagree(m, &f, "has another default", "otherwise");
}

static lq_err check_component(const meeting *m) {
  lq_json fields = lq_json_get(m->said->about, "fields"), about;
  lq_json_walk walk = {0};
  lq_err err = LQ_OK;
  while (!err && fields.kind == LQ_JSON_ARRAY && lq_json_element(fields, &walk, &about))
    err = check_field(m, about);
  return err;
}

/* ---- a component of a guest alone ---- */
static lq_err add_fields(lqi_reader *r, const lqi_said *said, lq_component *c) {
  lq_json fields = lq_json_get(said->about, "fields"), about;
  lq_json_walk walk = {0};
  while (fields.kind == LQ_JSON_ARRAY && lq_json_element(fields, &walk, &about)) {
    said_field f;
    lq_err err = read_said_field(r, said, about, &f);
    if (err) return err;
    if (c->record.field_count == LQ_FIELDS_MAX) {
      return fail_at(r, said, f.line, LQ_ERR_TOO_BIG, "split it into two",
                     "%s has more than %u fields", said->name, LQ_FIELDS_MAX);
    }
    if (f.field.kind == LQ_FIELD_MONEY && !f.field.currency[0]) {
      return fail_at(r, said, f.line, LQ_ERR_INVALID, "write money(EUR)",
                     "%s.%s is money without a currency", said->name, f.field.name);
    }
    c->record.field[c->record.field_count++] = f.field;
  }
  lq_err err = lq_record_layout(&c->record);
  if (!err) return LQ_OK;
  return fail_at(r, said, 0, err, "shorten a str or an array, or rename a field",
                 err == LQ_ERR_TOO_BIG ? "%s has rows of more than %u bytes"
                                       : "%s has two fields of one name (or more than %u bytes)",
                 said->name, LQ_ROW_BYTES_MAX);
}

static lq_err add_defaults(lqi_reader *r, const lqi_said *said, lq_component *c) {
  lq_json fields = lq_json_get(said->about, "fields"), about;
  lq_json_walk walk = {0};
  for (uint32_t i = 0; i < c->record.field_count && lq_json_element(fields, &walk, &about); i++) {
    const lq_field *field = &c->record.field[i];
    said_field f;
    uint8_t row[LQ_ROW_BYTES_MAX];
    bool has;
    lq_err err = read_said_field(r, said, about, &f);
    if (!err) err = said_default(r, said, &f, field, row, &has);
    if (err) return err;
    memcpy(c->defaults + field->offset, row, (size_t)lq_field_bytes(field) * field->count);
  }
  lq_record_canonicalise(&c->record, c->defaults);
  return LQ_OK;
}

static lq_err add_component(lqi_reader *r, const lqi_said *said) {
  uint32_t at = r->game->schema.component_count;
  if (at == LQ_COMPONENTS_MAX)
    return fail_at(r, said, 0, LQ_ERR_TOO_BIG, "declare less",
                   "one component too many: a game has at most 64");
  lq_component *c = &r->component[at];
  *c = (lq_component){.version = 1};
  lq_err err = lq_text_copy(c->record.name, LQ_NAME_BYTES, lq_span_text(said->name))
                   ? LQ_OK
                   : LQ_ERR_TOO_BIG;
  if (!err) err = add_fields(r, said, c);
  if (!err) err = add_defaults(r, said, c);
  if (!err) r->game->schema.component_count++;
  return err;
}

static uint32_t component_find(const lqi_reader *r, lq_span name) {
  uint32_t i = 0, count = r->game->schema.component_count;
  while (i < count && !lq_span_is(name, r->component[i].record.name)) i++;
  return i < count ? i : UINT32_MAX;
}

lq_err lqi_merge_components(lqi_reader *r, const lqi_yaml *components) {
  const lqi_said_list *list = &r->described->component;
  lq_err err = LQ_OK;
  for (uint32_t i = 0; !err && i < list->count; i++) {
    const lqi_said *said = &list->said[i];
    lq_span name = lq_span_text(said->name);
    uint32_t known = component_find(r, name);
    const lqi_yaml *node =
        components && components->kind == LQI_YAML_MAP ? lqi_yaml_get(r, components, name) : NULL;
    if (known == UINT32_MAX)
      err = add_component(r, said);
    else
      err = check_component(
          &(meeting){r, said, &r->component[known], node, lqi_said_find(list, name)});
  }
  return err;
}

/* ---- systems ---- */
/* A list of component names to a mask; absent: *has false. */
static lq_err read_mask(lqi_reader *r, const lqi_said *said, const char *key, uint64_t *mask,
                        bool *has) {
  lq_json list = lq_json_get(said->about, key), element;
  lq_json_walk walk = {0};
  char name[LQ_NAME_BYTES];
  *mask = 0;
  *has = list.kind == LQ_JSON_ARRAY;
  while (*has && lq_json_element(list, &walk, &element)) {
    if (!lq_json_text(element, name, sizeof name)) name[0] = 0;
    uint32_t at = component_find(r, lq_span_text(name));
    if (at != UINT32_MAX) {
      *mask |= 1ull << at;
      continue;
    }
    lqi_guess guess = lqi_guess_of(lq_span_text(name));
    for (uint32_t i = 0; i < r->game->schema.component_count; i++)
      lqi_guess_offer(&guess, lq_span_text(r->component[i].record.name));
    return fail_at(r, said, 0, LQ_ERR_INVALID, "name a component of the game",
                   "%s of %s: there is no component %s%s", key, said->name,
                   lqi_show_text(lq_span_text(name)).text, lqi_guess_text(&guess).text);
  }
  return LQ_OK;
}

static lq_err unknown_system(lqi_reader *r, const lqi_yaml *name) {
  lqi_guess guess = lqi_guess_of(name->text);
  for (uint32_t i = 0; i < r->described->system.count; i++)
    lqi_guess_offer(&guess, lq_span_text(r->described->system.said[i].name));
  return lqi_fail(r, name->at, LQ_ERR_BUILD,
                  "declare it in a file of systems/ (.py, .lua, .wasm, .c), or take it out",
                  "no code for the system %s%s", lqi_show(name).text, lqi_guess_text(&guess).text);
}

lq_err lqi_merge_system(lqi_reader *r, const lqi_yaml *name, lq_system_type *system,
                        bool has_order) {
  const lqi_said *said = lqi_said_find(&r->described->system, name->text);
  if (!said) return r->described->native ? LQ_OK : unknown_system(r, name);
  system->guest = said->guest;
  lq_json order = lq_json_get(said->about, "order");
  int64_t value = 50;
  if (order.kind != LQ_JSON_NONE && order.kind != LQ_JSON_NULL &&
      (!lq_json_i64(order, &value) || value < INT32_MIN || value > INT32_MAX))
    return fail_at(r, said, 0, LQ_ERR_RANGE, "write a whole number of 32 bits",
                   "the order of a system is not usable");
  if (!has_order) system->tick_order = (int32_t)value;
  bool has_reads, has_writes;
  uint32_t count = r->game->schema.component_count;
  uint64_t all = count == 64 ? UINT64_MAX : (1ull << count) - 1;
  lq_err err = read_mask(r, said, "reads", &system->reads, &has_reads);
  if (!err) err = read_mask(r, said, "writes", &system->writes, &has_writes);
  if (!has_reads) system->reads = all;
  if (!has_reads && !has_writes) system->writes = all;
  system->reads |= system->writes; /* who writes a row has seen it */
  return err;
}

/* Every system of a guest is in game.yaml: what runs is what is listed there. */
lq_err lqi_merge_systems_listed(lqi_reader *r) {
  for (uint32_t i = 0; i < r->described->system.count; i++) {
    const lqi_said *said = &r->described->system.said[i];
    uint32_t at = 0;
    while (at < r->game->system_count && !lqi_said_is(said, lq_span_text(r->game->system[at].name)))
      at++;
    if (at < r->game->system_count) continue;
    char mend[LQ_NAME_BYTES * 2 + 80];
    (void)snprintf(mend, sizeof mend, "add - %s below systems:, or take it out of the code",
                   said->name);
    return fail_at(r, said, 0, LQ_ERR_BUILD, mend, "the system %s is not listed in game.yaml",
                   said->name);
  }
  return LQ_OK;
}

/* ---- commands ---- */
static lq_err unknown_command(lqi_reader *r, const lqi_said *said, uint32_t at) {
  if (at != UINT32_MAX) {
    return fail_at(r, said, 0, LQ_ERR_BUILD, "of the built-in ones, handle only join and leave",
                   "the command %s is the engine's own", said->name);
  }
  lqi_guess guess = lqi_guess_of(lq_span_text(said->name));
  for (uint32_t i = 0; i < r->game->command_count; i++)
    if (i < 2 || i >= LQ_CMD_BUILTIN_COUNT)
      lqi_guess_offer(&guess, lq_span_text(r->game->command[i].record.name));
  return fail_at(r, said, 0, LQ_ERR_BUILD, "declare it under commands:, or take it out of the code",
                 "game.yaml has no command %s%s", said->name, lqi_guess_text(&guess).text);
}

lq_err lqi_merge_commands(lqi_reader *r, const lqi_yaml *commands) {
  for (uint32_t i = 0; i < r->described->command.count; i++) {
    const lqi_said *said = &r->described->command.said[i];
    uint32_t at = lq_game_command_find(r->game, lq_span_text(said->name));
    bool own = at != UINT32_MAX && at >= LQ_CMD_BUILTIN_COUNT;
    if (!own && at != LQ_CMD_JOIN && at != LQ_CMD_LEAVE) return unknown_command(r, said, at);
    r->command[at].guest = said->guest;
  }
  const lqi_yaml *node = commands ? commands->first : NULL;
  for (uint32_t at = LQ_CMD_BUILTIN_COUNT; node; node = node->next, at++)
    if (!r->command[at].guest && !r->described->native)
      return lqi_fail(r, node->key_at, LQ_ERR_BUILD,
                      "write its handler in a file of systems/ (.py, .lua, .wasm, .c)",
                      "no code for the command %s", lqi_show_text(node->key).text);
  return LQ_OK;
}
