/* The engine's own components and events of a game with physics, and what the seal checks of it. */
#include "lq_engine/game/game_physics.h"
#include "lq_engine/game/game_int.h"

#include <stddef.h>

typedef struct said_field {
  const char *name;
  lq_field_kind kind;
  uint16_t count, offset;
  uint16_t str_bytes;
} said_field;
typedef struct said_record {
  const char *name;
  size_t row_bytes;
  said_field field[26]; /* a NULL name ends them */
} said_record;

#define F32(row, name, count)                                                                      \
  { #name, LQ_FIELD_F32, count, offsetof(lq_row_##row, name), 0 }
#define I32(row, name)                                                                             \
  { #name, LQ_FIELD_I32, 1, offsetof(lq_row_##row, name), 0 }
#define I64(row, name)                                                                             \
  { #name, LQ_FIELD_I64, 1, offsetof(lq_row_##row, name), 0 }
#define BOOL(row, name)                                                                            \
  { #name, LQ_FIELD_BOOL, 1, offsetof(lq_row_##row, name), 0 }
#define ENTITY(row, name, count)                                                                   \
  { #name, LQ_FIELD_ENTITY, count, offsetof(lq_row_##row, name), 0 }
#define TEXT(row, name, bytes)                                                                     \
  { #name, LQ_FIELD_STR, 1, offsetof(lq_row_##row, name), bytes }
#define END                                                                                        \
  { NULL, LQ_FIELD_I32, 0, 0, 0 }

static const said_record components[LQ_TYPE_COUNT] = {
    [LQ_TYPE_BODY] = {"Body",
                      sizeof(lq_row_body),
                      {I32(body, kind), F32(body, mass_kg, 1), F32(body, friction, 1),
                       F32(body, restitution, 1), F32(body, linear_damping, 1),
                       F32(body, angular_damping, 1), F32(body, gravity_scale, 1), I32(body, locks),
                       I32(body, category), I32(body, mask), I32(body, group), BOOL(body, sensor),
                       BOOL(body, sleepless), BOOL(body, bullet), END}},
    [LQ_TYPE_SHAPE] = {"Shape",
                       sizeof(lq_row_shape),
                       {I32(shape, kind), F32(shape, size, 3), I64(shape, asset), END}},
    [LQ_TYPE_PLACE] = {"Place",
                       sizeof(lq_row_place),
                       {F32(place, position, 3), F32(place, rotation, 4), END}},
    [LQ_TYPE_MOTION] = {"Motion",
                        sizeof(lq_row_motion),
                        {F32(motion, velocity, 3), F32(motion, spin, 3), F32(motion, tired, 1),
                         BOOL(motion, asleep), BOOL(motion, frozen), END}},
    [LQ_TYPE_FORCE] = {"Force",
                       sizeof(lq_row_force),
                       {F32(force, force, 3), F32(force, torque, 3), F32(force, impulse, 3), END}},
    [LQ_TYPE_RAY] = {"Ray",
                     sizeof(lq_row_ray),
                     {F32(ray, from, 3), F32(ray, way, 3), I32(ray, mask), END}},
    [LQ_TYPE_RAY_HIT] = {"RayHit",
                         sizeof(lq_row_ray_hit),
                         {ENTITY(ray_hit, entity, 1), F32(ray_hit, fraction, 1),
                          F32(ray_hit, point, 3), F32(ray_hit, normal, 3), END}},
    [LQ_TYPE_TOUCHING] = {"Touching",
                          sizeof(lq_row_touching),
                          {ENTITY(touching, entity, LQ_TOUCHING_MAX), I32(touching, count), END}},
    [LQ_TYPE_BLAST] = {"Blast",
                       sizeof(lq_row_blast),
                       {F32(blast, at, 3), F32(blast, radius, 1), F32(blast, falloff, 1),
                        F32(blast, impulse, 1), I32(blast, mask), END}},
    [LQ_TYPE_DRAUGHT] = {"Draught",
                         sizeof(lq_row_draught),
                         {I32(draught, kind), F32(draught, size, 3), F32(draught, push, 3),
                          F32(draught, radial, 1), F32(draught, wind, 3), F32(draught, density, 1),
                          I32(draught, mask), BOOL(draught, wake), END}},
    [LQ_TYPE_WALKER] = {"Walker",
                        sizeof(lq_row_walker),
                        {F32(walker, wish, 3), F32(walker, radius, 1), F32(walker, half, 1),
                         F32(walker, step, 1), F32(walker, slope, 1), I32(walker, mask),
                         F32(walker, velocity, 3), ENTITY(walker, ground, 1),
                         F32(walker, ground_normal, 3), F32(walker, ground_velocity, 3),
                         BOOL(walker, grounded), END}},
    [LQ_TYPE_JOINT] = {"Joint",
                       sizeof(lq_row_joint),
                       {ENTITY(joint, a, 1),
                        ENTITY(joint, b, 1),
                        I32(joint, kind),
                        F32(joint, point_a, 3),
                        F32(joint, point_b, 3),
                        F32(joint, frame_a, 4),
                        F32(joint, frame_b, 4),
                        {"mode", LQ_FIELD_I32, 6, offsetof(lq_row_joint, mode), 0},
                        F32(joint, low, 6),
                        F32(joint, high, 6),
                        F32(joint, motor_speed, 6),
                        F32(joint, motor_max, 6),
                        F32(joint, spring_hertz, 6),
                        F32(joint, spring_ratio, 6),
                        F32(joint, spring_max, 6),
                        F32(joint, target, 6),
                        F32(joint, cone, 1),
                        F32(joint, lock_hertz, 1),
                        F32(joint, lock_ratio, 1),
                        F32(joint, break_force, 1),
                        F32(joint, break_torque, 1),
                        BOOL(joint, collide),
                        BOOL(joint, broken),
                        END}},
    [LQ_TYPE_CAST] = {"Cast",
                      sizeof(lq_row_cast),
                      {I32(cast, kind), F32(cast, size, 3), F32(cast, position, 3),
                       F32(cast, rotation, 4), F32(cast, way, 3), I32(cast, mask), I32(cast, count),
                       ENTITY(cast, entity, LQ_FOUND_MAX), F32(cast, fraction, LQ_FOUND_MAX),
                       F32(cast, point, 3), F32(cast, normal, 3), BOOL(cast, frozen), END}},
    [LQ_TYPE_OVERLAP] = {"Overlap",
                         sizeof(lq_row_overlap),
                         {I32(overlap, kind), F32(overlap, size, 3), F32(overlap, position, 3),
                          F32(overlap, rotation, 4), I32(overlap, mask), I32(overlap, count),
                          ENTITY(overlap, entity, LQ_FOUND_MAX), BOOL(overlap, frozen), END}},
    [LQ_TYPE_CLOSEST] = {"Closest",
                         sizeof(lq_row_closest),
                         {F32(closest, from, 3), F32(closest, distance, 1), I32(closest, mask),
                          I32(closest, count), ENTITY(closest, entity, LQ_FOUND_MAX),
                          F32(closest, away, LQ_FOUND_MAX), F32(closest, point, 3),
                          F32(closest, normal, 3), BOOL(closest, frozen), END}},
    [LQ_TYPE_JOINT_LOAD] = {"JointLoad",
                            sizeof(lq_row_joint_load),
                            {F32(joint_load, force, 3), F32(joint_load, torque, 3),
                             F32(joint_load, place, 6), F32(joint_load, cone, 1), END}},
};

static const said_record events[LQ_EVENT_TYPE_COUNT] = {
    [LQ_EVENT_BEGIN] = {"physics.begin",
                        sizeof(lq_row_touch),
                        {ENTITY(touch, a, 1), ENTITY(touch, b, 1), BOOL(touch, sensor), END}},
    [LQ_EVENT_END] = {"physics.end",
                      sizeof(lq_row_touch),
                      {ENTITY(touch, a, 1), ENTITY(touch, b, 1), BOOL(touch, sensor), END}},
    [LQ_EVENT_HIT] = {"physics.hit",
                      sizeof(lq_row_hit),
                      {ENTITY(hit, a, 1), ENTITY(hit, b, 1), F32(hit, speed, 1), F32(hit, point, 3),
                       F32(hit, normal, 3), END}},
    [LQ_EVENT_BROKE] = {"physics.broke", sizeof(lq_row_broke), {ENTITY(broke, joint, 1), END}},
    [LQ_EVENT_FROZE] = {"physics.froze",
                        sizeof(lq_row_froze),
                        {ENTITY(froze, entity, 1), TEXT(froze, field, 24), END}},
};

static void record_of(const said_record *from, lq_record *out) {
  memset(out, 0, sizeof *out);
  LQ_CHECK(lq_text_copy(out->name, sizeof out->name, lq_span_text(from->name)));
  for (const said_field *said = from->field; said->name; said++) {
    lq_field *field = &out->field[out->field_count++];
    LQ_CHECK(lq_text_copy(field->name, sizeof field->name, lq_span_text(said->name)));
    field->kind = (uint8_t)said->kind;
    field->count = said->count;
    field->str_bytes = said->str_bytes;
  }
  LQ_CHECK(lq_record_layout(out) == LQ_OK && out->row_bytes == from->row_bytes);
  for (uint32_t i = 0; i < out->field_count; i++)
    LQ_CHECK(out->field[i].offset == from->field[i].offset);
}

void lq_game_physics_component(lq_physics_type type, lq_component *out) {
  static const lq_row_body body = {.friction = 0.6f, .gravity_scale = 1, .category = 1, .mask = -1};
  static const lq_row_shape shape = {.kind = 2, .size = {0.5f, 0.5f, 0.5f}};
  static const lq_row_place place = {.rotation = {0, 0, 0, 1}};
  static const lq_row_ray ray = {.way = {0, -1, 0}, .mask = -1};
  static const lq_row_blast blast = {.radius = 1, .falloff = 4, .mask = -1};
  static const lq_row_draught draught = {.kind = 2, .size = {1, 1, 1}, .mask = -1};
  static const lq_row_walker walker = {.radius = 0.3f, .half = 0.6f, .step = 0.3f, .mask = -1};
  static const lq_row_joint joint = {.frame_a = {0, 0, 0, 1}, .frame_b = {0, 0, 0, 1}};
  static const lq_row_cast cast = {
      .size = {0.5f, 0.5f, 0.5f}, .rotation = {0, 0, 0, 1}, .way = {0, -1, 0}, .mask = -1};
  static const lq_row_overlap overlap = {
      .size = {0.5f, 0.5f, 0.5f}, .rotation = {0, 0, 0, 1}, .mask = -1};
  static const lq_row_closest closest = {.distance = 1, .mask = -1};
  static const void *const defaults[LQ_TYPE_COUNT] = {
      [LQ_TYPE_BODY] = &body,       [LQ_TYPE_SHAPE] = &shape,     [LQ_TYPE_PLACE] = &place,
      [LQ_TYPE_BLAST] = &blast,     [LQ_TYPE_DRAUGHT] = &draught, [LQ_TYPE_WALKER] = &walker,
      [LQ_TYPE_JOINT] = &joint,     [LQ_TYPE_RAY] = &ray,         [LQ_TYPE_CAST] = &cast,
      [LQ_TYPE_OVERLAP] = &overlap, [LQ_TYPE_CLOSEST] = &closest};
  memset(out, 0, sizeof *out);
  out->version = 1;
  record_of(&components[type], &out->record);
  if (defaults[type]) memcpy(out->defaults, defaults[type], out->record.row_bytes);
}

void lq_game_physics_event(lq_physics_event_type type, lq_record *out) {
  record_of(&events[type], out);
}

/* ---- the seal ---- */

static lq_err check_config(const lq_game *game, lq_diag *diag) {
  const lq_game_physics *p = &game->physics;
  if (game->hz == 0)
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "physics: bodies move in time: it needs tick: {hz: ...}, not on_command");
  if (p->substeps < 1 || p->substeps > 16)
    return lq_diag_set(diag, LQ_ERR_RANGE, "physics: substeps is %u, allowed are 1 to 16",
                       p->substeps);
  if (p->bodies_max < 1 || p->bodies_max > LQ_PHYSICS_BODIES_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "physics: bodies_max is %u, allowed are 1 to %u",
                       p->bodies_max, LQ_PHYSICS_BODIES_MAX);
  if (p->contacts_max < 1 || p->contacts_max > LQ_PHYSICS_CONTACTS_MAX)
    return lq_diag_set(diag, LQ_ERR_RANGE, "physics: contacts_max is %u, allowed are 1 to %u",
                       p->contacts_max, LQ_PHYSICS_CONTACTS_MAX);
  for (uint32_t i = 0; i < 3; i++)
    if (!(p->gravity[i] >= -1000 && p->gravity[i] <= 1000))
      return lq_diag_set(diag, LQ_ERR_RANGE, "physics: gravity is outside -1000 to 1000 m/s^2");
  if (!(p->hit_speed >= 0 && p->hit_speed <= 1000))
    return lq_diag_set(diag, LQ_ERR_RANGE, "physics: hit_speed is outside 0 to 1000 m/s");
  return LQ_OK;
}

static lq_err check_assets(const lq_game *game, lq_diag *diag) {
  const lq_game_physics *p = &game->physics;
  if (p->asset_count > LQ_GAME_ASSETS_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "physics: %u assets, allowed are %u", p->asset_count,
                       LQ_GAME_ASSETS_MAX);
  for (uint32_t i = 0; i < p->asset_count; i++) {
    const lq_game_asset *a = &p->asset[i];
    if (!lq_name_valid(lq_span_text(a->name)) || (i && strcmp(a[-1].name, a->name) >= 0))
      return lq_diag_set(diag, LQ_ERR_INVALID, "physics: the asset '%s' has a bad name", a->name);
    if (a->id == 0 || a->id > LQ_GAME_ASSET_ID)
      return lq_diag_set(diag, LQ_ERR_RANGE, "physics: the asset %s has a bad id", a->name);
    for (uint32_t k = 0; k < i; k++)
      if (p->asset[k].id == a->id)
        return lq_diag_set(diag, LQ_ERR_EXISTS, "physics: the assets %s and %s are the same",
                           p->asset[k].name, a->name);
  }
  return LQ_OK;
}

static lq_err find_components(lq_game *game, lq_diag *diag) {
  for (uint32_t t = 0; t < LQ_TYPE_COUNT; t++) {
    lq_record own;
    record_of(&components[t], &own);
    uint32_t at = lq_schema_find(&game->schema, lq_span_text(own.name));
    game->physics.type[t] = at;
    if (at == UINT32_MAX && lq_physics_type_named((lq_physics_type)t)) continue;
    if (at == UINT32_MAX)
      return lq_diag_set(diag, LQ_ERR_INVALID, "physics: the component %s is missing", own.name);
    if (lq_record_hash(&game->schema.component[at].record) != lq_record_hash(&own))
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "component %s: physics has one of this name, with other fields: leave its "
                         "fields out, or name yours differently",
                         own.name);
  }
  return LQ_OK;
}

static lq_err find_events(lq_game *game, lq_diag *diag) {
  static const char head[] = "physics.";
  for (uint32_t t = 0; t < LQ_EVENT_TYPE_COUNT; t++) game->physics.event[t] = UINT32_MAX;
  for (uint32_t i = 0; i < game->event_count; i++) {
    const lq_record *record = &game->event[i].record;
    if (strncmp(record->name, head, sizeof head - 1) != 0) continue;
    uint32_t t = 0;
    while (t < LQ_EVENT_TYPE_COUNT && strcmp(record->name, events[t].name) != 0) t++;
    if (t == LQ_EVENT_TYPE_COUNT)
      return lq_diag_set(diag, LQ_ERR_INVALID,
                         "event %s: physics tells no such thing (it tells physics.begin, "
                         "physics.end, physics.hit, physics.froze, physics.broke)",
                         record->name);
    lq_record own;
    record_of(&events[t], &own);
    if (lq_record_hash(record) != lq_record_hash(&own))
      return lq_diag_set(diag, LQ_ERR_INVALID, "event %s: physics has other fields: leave them out",
                         record->name);
    game->physics.event[t] = i;
  }
  return LQ_OK;
}

lq_err lqi_game_seal_physics(lq_game *game, lq_diag *diag) {
  lq_game_physics *p = &game->physics;
  if (!p->on) {
    memset(p, 0, sizeof *p);
    return LQ_OK;
  }
  lq_err err = check_config(game, diag);
  if (!err) err = check_assets(game, diag);
  if (!err) err = find_components(game, diag);
  if (!err) err = find_events(game, diag);
  if (err) return err;
  p->system = 0;
  while (p->system < game->system_count &&
         strcmp(game->system[p->system].name, LQ_PHYSICS_SYSTEM) != 0)
    p->system++;
  if (p->system == game->system_count || game->system[p->system].guest)
    return lq_diag_set(diag, LQ_ERR_INVALID,
                       "system %s: the engine's own is missing, or a guest has its name",
                       LQ_PHYSICS_SYSTEM);
  return LQ_OK;
}
