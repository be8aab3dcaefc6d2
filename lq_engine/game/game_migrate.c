/* Worlds of one release to worlds of the next. Lines under migrate: win over equal names; they may
 * stay in later releases, where they no longer find what they rename. */
#include "lq_engine/game/game_int.h"

#define GONE UINT32_MAX
#define DROPPED (UINT32_MAX - 1)

/* Where `name` goes: the line's `to` ("" = dropped), or NULL when no line speaks of it. */
static const char *renamed(const lq_game *to, const char *component, const char *name) {
  for (uint32_t i = 0; i < to->rename_count; i++) {
    const lq_rename *r = &to->rename[i];
    if (strcmp(r->component, component) == 0 && strcmp(r->from, name) == 0) return r->to;
  }
  return NULL;
}

static uint32_t component_target(const lq_game *to, const char *name) {
  const char *new_name = renamed(to, "", name);
  if (new_name && !new_name[0]) return DROPPED;
  return lq_schema_find(&to->schema, lq_span_text(new_name ? new_name : name));
}

static uint32_t field_target(const lq_game *to, const lq_record *record, const char *name) {
  const char *new_name = renamed(to, record->name, name);
  if (new_name && !new_name[0]) return DROPPED;
  const lq_field *field = lq_record_field(record, lq_span_text(new_name ? new_name : name));
  return field ? (uint32_t)(field - record->field) : GONE;
}

static lq_err check_field(const lq_record *a, const lq_field *from, const lq_field *to,
                          lq_diag *diag) {
  if (from->kind != to->kind || strcmp(from->currency, to->currency) != 0)
    return lq_diag_set(diag, LQ_ERR_MIGRATE, "field %s.%s changed its type", a->name, from->name);
  if (to->count < from->count || to->str_bytes < from->str_bytes)
    return lq_diag_set(diag, LQ_ERR_MIGRATE, "field %s.%s became shorter", a->name, from->name);
  return LQ_OK;
}

static lq_err check_fields(const lq_game *to, const lq_record *a, const lq_record *b,
                           lq_diag *diag) {
  uint32_t taken = 0; /* bit per field of b */
  for (uint32_t i = 0; i < a->field_count; i++) {
    uint32_t at = field_target(to, b, a->field[i].name);
    if (at == DROPPED) continue;
    if (at == GONE)
      return lq_diag_set(diag, LQ_ERR_MIGRATE,
                         "field %s.%s vanished: say under migrate: what becomes of it", a->name,
                         a->field[i].name);
    if (taken >> at & 1)
      return lq_diag_set(diag, LQ_ERR_MIGRATE, "two fields of %s become %s", a->name,
                         b->field[at].name);
    taken |= 1u << at;
    lq_err err = check_field(a, &a->field[i], &b->field[at], diag);
    if (err) return err;
  }
  return LQ_OK;
}

static lq_err check_limits(const lq_game *from, const lq_game *to, lq_diag *diag) {
  if (to->entities_max < from->entities_max)
    return lq_diag_set(diag, LQ_ERR_MIGRATE, "limits: entities shrank from %u to %u",
                       from->entities_max, to->entities_max);
  if (to->players_max < from->players_max)
    return lq_diag_set(diag, LQ_ERR_MIGRATE, "limits: players shrank from %u to %u",
                       from->players_max, to->players_max);
  if (from->physics.on && to->physics.on &&
      (to->physics.bodies_max < from->physics.bodies_max ||
       to->physics.contacts_max < from->physics.contacts_max))
    return lq_diag_set(diag, LQ_ERR_MIGRATE, "physics: bodies_max or contacts_max shrank");
  if ((from->hz == 0) != (to->hz == 0))
    return lq_diag_set(diag, LQ_ERR_MIGRATE,
                       "tick: a running session cannot change between hz "
                       "and on_command");
  for (uint32_t i = 0; i < from->role_count; i++)
    if (i >= to->role_count || strcmp(from->role[i], to->role[i]) != 0)
      return lq_diag_set(diag, LQ_ERR_MIGRATE,
                         "role %s moved or vanished: add new roles behind the old ones",
                         from->role[i]);
  return LQ_OK;
}

lq_err lq_game_can_migrate(const lq_game *from, const lq_game *to, lq_diag *diag) {
  if (strcmp(from->name, to->name) != 0)
    return lq_diag_set(diag, LQ_ERR_MIGRATE, "%s is another game than %s", to->name, from->name);
  lq_err err = check_limits(from, to, diag);
  uint64_t taken = 0;
  for (uint32_t i = 0; !err && i < from->schema.component_count; i++) {
    const lq_record *a = &from->schema.component[i].record;
    uint32_t at = component_target(to, a->name);
    if (at == DROPPED) continue;
    if (at == GONE)
      return lq_diag_set(diag, LQ_ERR_MIGRATE,
                         "component %s vanished: say under migrate: what becomes of it", a->name);
    if (taken >> at & 1)
      return lq_diag_set(diag, LQ_ERR_MIGRATE, "two components become %s",
                         to->schema.component[at].record.name);
    taken |= 1ull << at;
    err = check_fields(to, a, &to->schema.component[at].record, diag);
  }
  return err;
}

/* One row; `map` has the field of `b` for each of `a`. Elements keep their bytes; the rest of `new`
 * is its default. */
static void copy_row(const lq_record *a, const uint8_t *old, const lq_record *b, uint8_t *new,
                     const uint32_t *map) {
  for (uint32_t i = 0; i < a->field_count; i++) {
    if (map[i] == DROPPED) continue;
    const lq_field *from = &a->field[i], *to = &b->field[map[i]];
    size_t from_bytes = lq_field_bytes(from), to_bytes = lq_field_bytes(to);
    for (size_t e = 0; e < from->count; e++) {
      uint8_t *at = new + to->offset + e *to_bytes;
      memset(at, 0, to_bytes);
      memcpy(at, old + from->offset + e * from_bytes, from_bytes);
    }
  }
}

static lq_err migrate_component(const lq_game *from, const lq_world *old, uint32_t type,
                                const lq_game *to, lq_world *fresh) {
  const lq_record *a = &from->schema.component[type].record;
  uint32_t target = component_target(to, a->name), map[LQ_FIELDS_MAX];
  if (target == DROPPED) return LQ_OK;
  const lq_record *b = &to->schema.component[target].record;
  for (uint32_t i = 0; i < a->field_count; i++) map[i] = field_target(to, b, a->field[i].name);
  for (uint32_t row = 0; row < lq_world_row_end(old); row++) {
    lq_entity entity = lq_world_entity_at(old, row);
    if (!lq_world_has(old, entity, type)) continue;
    lq_err err = lq_world_add(fresh, entity, target);
    if (err) return err;
    copy_row(a, lq_world_get(old, entity, type), b, lq_world_write(fresh, entity, target), map);
  }
  return LQ_OK;
}

lq_err lq_game_migrate(const lq_game *from, const lq_world *old, const lq_game *to, lq_world *fresh,
                       lq_diag *diag) {
  lq_err err = lq_game_can_migrate(from, to, diag);
  if (err) return err;
  err = lq_world_adopt(fresh, old);
  for (uint32_t t = 0; !err && t < from->schema.component_count; t++)
    err = migrate_component(from, old, t, to, fresh);
  if (err) return lq_diag_set(diag, err, "the world does not fit the new release");
  lq_world_frame_end(fresh);
  lq_world_frame_begin(fresh);
  return LQ_OK;
}
