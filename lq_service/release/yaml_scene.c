/* Entities of the start scene, what a joining player gets, and lines under migrate. */
#include "lq_service/release/yaml_int.h"

lq_err lqi_component(lqi_reader *r, lq_span name, lqi_place at, uint32_t *out) {
  const lq_schema *schema = &r->game->schema;
  *out = lq_schema_find(schema, name);
  if (*out != UINT32_MAX) return LQ_OK;
  lqi_guess guess = lqi_guess_of(name);
  for (uint32_t i = 0; i < schema->component_count; i++)
    lqi_guess_offer(&guess, lq_span_text(schema->component[i].record.name));
  return lqi_fail(r, at, LQ_ERR_INVALID,
                  "use a component that stands under components:", "unknown component %s%s",
                  lqi_show_text(name).text, lqi_guess_text(&guess).text);
}

/* Bytes of the rows of an entity with these components. */
static lq_err measure(lqi_reader *r, const lqi_yaml *node, uint64_t *mask, size_t *bytes) {
  lq_err err = LQ_OK;
  *mask = 0;
  for (const lqi_yaml *child = node->first; !err && child; child = child->next) {
    uint32_t type = 0;
    if ((err = lqi_component(r, child->key, child->key_at, &type))) break;
    *mask |= UINT64_C(1) << type;
    *bytes += r->game->schema.component[type].record.row_bytes;
  }
  return err;
}

/* Rows in ascending order of types, whatever the order in the file. Returns the bytes written. */
static lq_err write_rows(lqi_reader *r, const lqi_yaml *node, uint64_t mask, uint8_t *rows,
                         size_t *bytes) {
  const lq_schema *schema = &r->game->schema;
  for (uint32_t type = 0; type < schema->component_count; type++) {
    if (!(mask >> type & 1)) continue;
    const lq_component *c = &schema->component[type];
    uint8_t row[LQ_ROW_BYTES_MAX];
    memcpy(row, c->defaults, sizeof row);
    lq_err err =
        lqi_read_row(r, lqi_yaml_get(r, node, lq_span_text(c->record.name)), &c->record, row);
    if (err) return err;
    lq_record_canonicalise(&c->record, row);
    if (c->record.row_bytes) memcpy(rows + *bytes, row, c->record.row_bytes);
    *bytes += c->record.row_bytes;
  }
  return LQ_OK;
}

static bool numbered(lq_span id, uint8_t letter) {
  if (id.bytes < 2 || id.data[0] != letter) return false;
  for (size_t i = 1; i < id.bytes; i++)
    if (id.data[i] < '0' || id.data[i] > '9') return false;
  return true;
}

static lq_err read_id(lqi_reader *r, const lqi_yaml *node, lq_scene_entity *entity) {
  if (!lq_id_valid(node->key, LQ_ID_BYTES) || !lq_text_copy(entity->id, LQ_ID_BYTES, node->key))
    return lqi_fail(r, node->key_at, LQ_ERR_INVALID,
                    "use letters, digits and _ . : -, at most 31 characters",
                    "%s is not a valid id for an entity", lqi_show_text(node->key).text);
  if (numbered(node->key, 'e') || numbered(node->key, 'p'))
    return lqi_fail(r, node->key_at, LQ_ERR_INVALID, "choose another id",
                    "the id %s is taken: e1, e2 ... are made up, p1, p2 ... are players",
                    lqi_show_text(node->key).text);
  return LQ_OK;
}

lq_err lqi_read_scene(lqi_reader *r, const lqi_yaml *node) {
  if (!node) return LQ_OK;
  lq_game *game = r->game;
  lq_scene_entity *scene = NULL;
  lq_err err = lqi_want_map(r, node, "scene");
  if (!err && node->count > game->entities_max)
    err = lqi_fail(r, node->key_at, LQ_ERR_FULL, "raise limits: entities",
                   "the scene has %u entities; limits: entities is %u", node->count,
                   game->entities_max);
  if (!err) err = lqi_take(r, node->count, sizeof *scene, &scene);
  size_t bytes = 0;
  for (const lqi_yaml *child = node->first; !err && child; child = child->next) {
    lq_scene_entity *entity = &scene[child->index];
    err = read_id(r, child, entity);
    if (!err) err = lqi_want_map(r, child, entity->id);
    if (!err) err = measure(r, child, &entity->mask, &bytes);
    if (!err && bytes > LQ_GAME_BYTES_MAX)
      err = lqi_fail(r, child->key_at, LQ_ERR_TOO_BIG, "create entities in a system instead",
                     "the scene has more than %u bytes of components", LQ_GAME_BYTES_MAX);
  }
  uint8_t *rows = NULL;
  if (!err) err = lqi_take(r, bytes, 1, &rows);
  size_t at = 0;
  for (const lqi_yaml *child = node->first; !err && child; child = child->next) {
    scene[child->index].row_at = (uint32_t)at;
    err = write_rows(r, child, scene[child->index].mask, rows, &at);
  }
  game->scene = scene;
  game->scene_entity_count = node->count;
  game->scene_rows = rows;
  game->scene_rows_bytes = bytes;
  return err;
}

lq_err lqi_read_players(lqi_reader *r, const lqi_yaml *node) {
  static const char *const keys[] = {"spawn", "on_leave", NULL};
  if (!node) return LQ_OK;
  const lqi_yaml *key[2];
  lq_err err = lqi_want_keys(r, node, "players", keys, key);
  if (err) return err;
  if (key[1]) {
    bool deletes = lq_span_is(key[1]->text, "delete");
    if (!deletes && !lq_span_is(key[1]->text, "keep"))
      return lqi_fail(r, key[1]->at, LQ_ERR_INVALID, "write on_leave: delete or on_leave: keep",
                      "on_leave: found %s, expected delete or keep", lqi_show(key[1]).text);
    r->game->leave_deletes = deletes;
  }
  if (!key[0]) return LQ_OK;
  lq_game *game = r->game;
  size_t bytes = 0, written = 0;
  uint8_t *rows = NULL;
  err = lqi_want_map(r, key[0], "spawn");
  if (!err) err = measure(r, key[0], &game->player.mask, &bytes);
  if (!err) err = lqi_take(r, bytes, 1, &rows);
  if (!err) err = write_rows(r, key[0], game->player.mask, rows, &written);
  game->player_rows = rows;
  game->player_rows_bytes = bytes;
  return err;
}

/* ---- migrate ---- */
/* "Position.x" or "Position": the parts before and behind the first dot. */
static void split(lq_span text, lq_span *head, lq_span *tail) {
  const uint8_t *dot = text.bytes ? memchr(text.data, '.', text.bytes) : NULL;
  size_t at = dot ? (size_t)(dot - text.data) : text.bytes;
  *head = lq_span_of(text.data, at);
  *tail = dot ? lq_span_of(dot + 1, text.bytes - at - 1) : (lq_span){NULL, 0};
}

static lq_err rename_field(lqi_reader *r, const lqi_yaml *node, lq_span component, lq_span from,
                           lq_rename *out) {
  lq_span to_component, to;
  uint32_t type = 0;
  split(node->text, &to_component, &to);
  lq_err err = lqi_want_name(r, from, node->key_at, "field", out->from);
  if (!err) err = lqi_component(r, to_component, node->at, &type);
  if (err) return err;
  const lq_record *record = &r->game->schema.component[type].record;
  if (!lq_span_equal(component, to_component))
    return lqi_fail(
        r, node->at, LQ_ERR_INVALID, "name the component as it is called now on both sides",
        "a field cannot move from %s to another component", lqi_show_text(component).text);
  if (!lq_record_field(record, to)) {
    lqi_guess guess = lqi_guess_of(to);
    for (uint32_t i = 0; i < record->field_count; i++)
      lqi_guess_offer(&guess, lq_span_text(record->field[i].name));
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "name a field that this release has",
                    "%s has no field %s%s", record->name, lqi_show_text(to).text,
                    lqi_guess_text(&guess).text);
  }
  (void)lq_text_copy(out->component, LQ_NAME_BYTES, component);
  (void)lq_text_copy(out->to, LQ_NAME_BYTES, to);
  return LQ_OK;
}

static lq_err read_rename(lqi_reader *r, const lqi_yaml *node, lq_rename *out) {
  lq_span component, field;
  uint32_t type = 0;
  lq_err err = lqi_want_text(r, node, "rename");
  if (err) return err;
  split(node->key, &component, &field);
  if (lq_span_equal(node->key, node->text))
    return lqi_fail(r, node->at, LQ_ERR_INVALID, "remove the line", "%s becomes itself",
                    lqi_show(node).text);
  if (field.data) return rename_field(r, node, component, field, out);
  err = lqi_want_name(r, component, node->key_at, "component", out->from);
  if (!err) err = lqi_component(r, node->text, node->at, &type);
  if (!err) (void)lq_text_copy(out->to, LQ_NAME_BYTES, node->text);
  return err;
}

/* "Purse.old" or "Old": gone, and said so. */
static lq_err read_drop(lqi_reader *r, const lqi_yaml *node, lq_rename *out) {
  lq_span component, field;
  uint32_t type = 0;
  lq_err err = lqi_want_text(r, node, "drop");
  if (err) return err;
  split(node->text, &component, &field);
  if (!field.data) {
    err = lqi_want_name(r, component, node->at, "component", out->from);
    if (!err && lq_schema_find(&r->game->schema, component) != UINT32_MAX)
      err = lqi_fail(r, node->at, LQ_ERR_INVALID, "remove the line, or the component",
                     "drop: this release still has the component %s", lqi_show(node).text);
    return err;
  }
  err = lqi_want_name(r, field, node->at, "field", out->from);
  if (!err) err = lqi_component(r, component, node->at, &type);
  if (!err && lq_record_field(&r->game->schema.component[type].record, field))
    err = lqi_fail(r, node->at, LQ_ERR_INVALID, "remove the line, or the field",
                   "drop: this release still has the field %s", lqi_show(node).text);
  if (!err) (void)lq_text_copy(out->component, LQ_NAME_BYTES, component);
  return err;
}

/* The same thing renamed and dropped, or dropped twice. */
static lq_err check_once(lqi_reader *r, const lqi_yaml *node, const lq_rename *list,
                         uint32_t count) {
  const lq_rename *last = &list[count - 1];
  for (uint32_t i = 0; i + 1 < count; i++)
    if (strcmp(list[i].component, last->component) == 0 && strcmp(list[i].from, last->from) == 0)
      return lqi_fail(r, node->key.bytes ? node->key_at : node->at, LQ_ERR_EXISTS,
                      "keep one of the two", "migrate has two lines for '%s%s%s'", last->component,
                      last->component[0] ? "." : "", last->from);
  return LQ_OK;
}

lq_err lqi_read_migrate(lqi_reader *r, const lqi_yaml *node) {
  static const char *const keys[] = {"rename", "drop", NULL};
  if (!node) return LQ_OK;
  const lqi_yaml *key[2];
  lq_rename *rename = NULL;
  lq_err err = lqi_want_keys(r, node, "migrate", keys, key);
  if (!err && key[0]) err = lqi_want_map(r, key[0], "rename");
  if (!err && key[1]) err = lqi_want_list(r, key[1], "drop");
  if (err) return err;
  uint32_t count = (key[0] ? key[0]->count : 0) + (key[1] ? key[1]->count : 0);
  if (count > LQ_RENAMES_MAX)
    return lqi_fail(r, node->key_at, LQ_ERR_TOO_BIG, "migrate in two releases",
                    "%u lines under migrate, at most %u", count, LQ_RENAMES_MAX);
  err = lqi_take(r, count, sizeof *rename, &rename);
  r->game->rename = rename;
  for (int part = 0; part < 2; part++)
    for (const lqi_yaml *child = key[part] ? key[part]->first : NULL; !err && child;
         child = child->next) {
      lq_rename *line = &rename[r->game->rename_count++];
      err = part ? read_drop(r, child, line) : read_rename(r, child, line);
      if (!err) err = check_once(r, child, rename, r->game->rename_count);
    }
  return err;
}
