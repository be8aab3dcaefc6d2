/* The encoded form of a game. All integers are varints unless said otherwise.
 *   u32 magic "LQGM", u32 LQ_ABI_VERSION
 *   name, version, title (sized texts), hz, entities_max, players_max, u8 bit 0 leave_deletes,
 *   bit 1 confirm, bit 2 physics
 *   with physics: 3 x u32 gravity, u32 hit_speed (bits of an f32), substeps, bodies_max,
 *   contacts_max, assets: count, each: name, u64 id, sized bytes
 *   components: count, each: record, version, u8 stored|audited|sealed, visibility, default row
 *   u8 language of the guest that handles join, the same of leave
 *   commands behind the built-in ones: count, each: record, entity_field + 1, roles, u8 confirm,
 *   u8 language
 *   events: count, each: record, visibility, about + 1
 *   systems: count, each: name, zigzag tick_order, u8 language, and of a guest: reads, writes
 *   constants: count, each: name, zigzag value
 *   roles: count, each: name
 *   scene: count, each: entity;   player template: entity;   renames: count, each: component, from,
 * to record: name, field count, each: name, u8 kind, currency (money), str_bytes (str), count
 * visibility: u8 see, roles;   entity: id, mask, then its rows as they lie in memory, little-endian
 * One game has one encoding: decode encodes again and compares. */
#include "lq_base/hash.h"
#include "lq_engine/game/game_int.h"

#define GAME_MAGIC 0x4d47514cu /* "LQGM" */

static void write_name(lq_writer *out, const char *text) {
  lq_write_sized(out, text, strlen(text));
}

static void write_record(lq_writer *out, const lq_record *record) {
  write_name(out, record->name);
  lq_write_varint(out, record->field_count);
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    write_name(out, field->name);
    lq_write_u8(out, field->kind);
    if (field->kind == LQ_FIELD_MONEY) write_name(out, field->currency);
    if (field->kind == LQ_FIELD_STR) lq_write_varint(out, field->str_bytes);
    lq_write_varint(out, field->count);
  }
}

static void write_visibility(lq_writer *out, const lq_visibility *v) {
  lq_write_u8(out, v->see);
  lq_write_varint(out, v->roles);
}

static void write_entity(lq_writer *out, const lq_game *game, const lq_scene_entity *entity,
                         const uint8_t *rows) {
  write_name(out, entity->id);
  lq_write_varint(out, entity->mask);
  size_t bytes = lqi_game_mask_bytes(&game->schema, entity->mask);
  if (bytes) lq_write_bytes(out, rows + entity->row_at, bytes);
}

static void write_types(lq_writer *out, const lq_game *game) {
  lq_write_varint(out, game->schema.component_count);
  for (uint32_t i = 0; i < game->schema.component_count; i++) {
    const lq_component *c = &game->schema.component[i];
    write_record(out, &c->record);
    lq_write_varint(out, c->version);
    lq_write_u8(out, (uint8_t)(c->stored | c->audited << 1 | c->sealed << 2));
    write_visibility(out, &c->visible);
    lq_write_bytes(out, c->defaults, c->record.row_bytes);
  }
  lq_write_u8(out, game->command[LQ_CMD_JOIN].guest);
  lq_write_u8(out, game->command[LQ_CMD_LEAVE].guest);
  lq_write_varint(out, game->command_count - LQ_CMD_BUILTIN_COUNT);
  for (uint32_t i = LQ_CMD_BUILTIN_COUNT; i < game->command_count; i++) {
    const lq_command_type *c = &game->command[i];
    write_record(out, &c->record);
    lq_write_varint(out, (uint16_t)(c->entity_field + 1));
    lq_write_varint(out, c->roles);
    lq_write_u8(out, c->confirm);
    lq_write_u8(out, c->guest);
  }
  lq_write_varint(out, game->event_count);
  for (uint32_t i = 0; i < game->event_count; i++) {
    const lq_event_type *e = &game->event[i];
    write_record(out, &e->record);
    write_visibility(out, &e->visible);
    lq_write_varint(out, (uint16_t)(e->about + 1));
  }
}

static void write_physics(lq_writer *out, const lq_game_physics *p) {
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t bits;
    memcpy(&bits, i < 3 ? &p->gravity[i] : &p->hit_speed, sizeof bits);
    lq_write_u32(out, bits);
  }
  lq_write_varint(out, p->substeps);
  lq_write_varint(out, p->bodies_max);
  lq_write_varint(out, p->contacts_max);
  lq_write_varint(out, p->asset_count);
  for (uint32_t i = 0; i < p->asset_count; i++) {
    write_name(out, p->asset[i].name);
    lq_write_u64(out, p->asset[i].id);
    lq_write_sized(out, p->asset[i].cooked.data, p->asset[i].cooked.bytes);
  }
}

lq_err lq_game_encode(const lq_game *game, lq_writer *out) {
  lq_write_u32(out, GAME_MAGIC);
  lq_write_u32(out, LQ_ABI_VERSION);
  write_name(out, game->name);
  write_name(out, game->version);
  write_name(out, game->title);
  lq_write_varint(out, game->hz);
  lq_write_varint(out, game->entities_max);
  lq_write_varint(out, game->players_max);
  lq_write_u8(out, (uint8_t)(game->leave_deletes | game->confirm << 1 | game->physics.on << 2));
  if (game->physics.on) write_physics(out, &game->physics);
  write_types(out, game);
  lq_write_varint(out, game->system_count);
  for (uint32_t i = 0; i < game->system_count; i++) {
    write_name(out, game->system[i].name);
    lq_write_zigzag(out, game->system[i].tick_order);
    lq_write_u8(out, game->system[i].guest);
    if (!game->system[i].guest) continue;
    lq_write_varint(out, game->system[i].reads);
    lq_write_varint(out, game->system[i].writes);
  }
  lq_write_varint(out, game->constant_count);
  for (uint32_t i = 0; i < game->constant_count; i++) {
    write_name(out, game->constant[i].name);
    lq_write_zigzag(out, game->constant[i].value);
  }
  lq_write_varint(out, game->role_count);
  for (uint32_t i = 0; i < game->role_count; i++) write_name(out, game->role[i]);
  lq_write_varint(out, game->scene_entity_count);
  for (uint32_t i = 0; i < game->scene_entity_count; i++)
    write_entity(out, game, &game->scene[i], game->scene_rows);
  write_entity(out, game, &game->player, game->player_rows);
  lq_write_varint(out, game->rename_count);
  for (uint32_t i = 0; i < game->rename_count; i++) {
    write_name(out, game->rename[i].component);
    write_name(out, game->rename[i].from);
    write_name(out, game->rename[i].to);
  }
  return out->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}

/* ---- decode ---- */
typedef struct decoder {
  lq_reader in;
  lq_arena *arena;
  bool memory; /* the arena was full */
} decoder;

static void read_name(decoder *d, char *out, size_t capacity) {
  if (!lq_text_copy(out, capacity, lq_read_sized(&d->in))) d->in.failed = true;
}

static uint64_t read_below(decoder *d, uint64_t max) {
  uint64_t v = lq_read_varint(&d->in);
  if (v > max) d->in.failed = true;
  return d->in.failed ? 0 : v;
}

/* A count of things that take at least a byte each, so that a short text cannot ask for much. */
static uint32_t read_count(decoder *d, uint32_t max) {
  uint64_t v = read_below(d, max);
  if (v > lq_reader_left(&d->in)) d->in.failed = true;
  return d->in.failed ? 0 : (uint32_t)v;
}

static void *take(decoder *d, size_t count, size_t size) {
  void *out = lq_arena_take_array(d->arena, count, size);
  if (!out) d->memory = d->in.failed = true;
  return out;
}

static void read_record(decoder *d, lq_record *record) {
  read_name(d, record->name, sizeof record->name);
  record->field_count = (uint16_t)read_below(d, LQ_FIELDS_MAX);
  for (uint32_t i = 0; i < record->field_count; i++) {
    lq_field *field = &record->field[i];
    read_name(d, field->name, sizeof field->name);
    field->kind = lq_read_u8(&d->in);
    if (field->kind == LQ_FIELD_MONEY) read_name(d, field->currency, sizeof field->currency);
    if (field->kind == LQ_FIELD_STR) field->str_bytes = (uint16_t)read_below(d, UINT16_MAX);
    field->count = (uint16_t)read_below(d, UINT16_MAX);
  }
  if (!d->in.failed && lq_record_layout(record) != LQ_OK) d->in.failed = true;
}

static void read_visibility(decoder *d, lq_visibility *v) {
  v->see = lq_read_u8(&d->in);
  v->roles = (uint32_t)read_below(d, UINT32_MAX);
}

static void read_physics(decoder *d, lq_game_physics *p) {
  p->on = true;
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t bits = lq_read_u32(&d->in);
    memcpy(i < 3 ? &p->gravity[i] : &p->hit_speed, &bits, sizeof bits);
  }
  p->substeps = (uint32_t)read_below(d, UINT32_MAX);
  p->bodies_max = (uint32_t)read_below(d, UINT32_MAX);
  p->contacts_max = (uint32_t)read_below(d, UINT32_MAX);
  p->asset_count = read_count(d, LQ_GAME_ASSETS_MAX);
  if (!p->asset_count) return;
  lq_game_asset *asset = take(d, p->asset_count, sizeof *asset);
  for (uint32_t i = 0; !d->in.failed && i < p->asset_count; i++) {
    read_name(d, asset[i].name, sizeof asset[i].name);
    asset[i].id = lq_read_u64(&d->in);
    lq_span cooked = lq_read_sized(&d->in);
    void *copy = d->in.failed ? NULL : take(d, cooked.bytes, 1); /* aligned */
    if (!copy) continue;
    if (cooked.bytes) memcpy(copy, cooked.data, cooked.bytes);
    asset[i].cooked = lq_span_of(copy, cooked.bytes);
  }
  p->asset = asset;
}

static void read_components(decoder *d, lq_game *game) {
  game->schema.component_count = read_count(d, LQ_COMPONENTS_MAX);
  lq_component *c = take(d, game->schema.component_count, sizeof *c);
  for (uint32_t i = 0; !d->in.failed && i < game->schema.component_count; i++) {
    read_record(d, &c[i].record);
    c[i].version = (uint16_t)read_below(d, UINT16_MAX);
    uint8_t marks = lq_read_u8(&d->in);
    c[i].stored = marks & 1;
    c[i].audited = marks >> 1 & 1;
    c[i].sealed = marks >> 2 & 1;
    read_visibility(d, &c[i].visible);
    lq_span row = lq_read_bytes(&d->in, d->in.failed ? 0 : c[i].record.row_bytes);
    if (row.bytes) memcpy(c[i].defaults, row.data, row.bytes);
  }
  game->schema.component = c;
}

static void read_commands(decoder *d, lq_game *game) {
  uint8_t join = lq_read_u8(&d->in), leave = lq_read_u8(&d->in);
  uint32_t own = read_count(d, LQ_COMMANDS_MAX - LQ_CMD_BUILTIN_COUNT);
  game->command_count = own + LQ_CMD_BUILTIN_COUNT;
  lq_command_type *command = take(d, game->command_count, sizeof *command);
  if (command) {
    lq_game_builtins(command);
    command[LQ_CMD_JOIN].guest = join;
    command[LQ_CMD_LEAVE].guest = leave;
  }
  for (uint32_t i = LQ_CMD_BUILTIN_COUNT; !d->in.failed && i < game->command_count; i++) {
    read_record(d, &command[i].record);
    command[i].entity_field = (uint16_t)(read_below(d, UINT16_MAX) - 1);
    command[i].roles = (uint32_t)read_below(d, UINT32_MAX);
    command[i].confirm = lq_read_u8(&d->in) & 1;
    command[i].guest = lq_read_u8(&d->in);
  }
  game->command = command;
}

static void read_events(decoder *d, lq_game *game) {
  game->event_count = read_count(d, LQ_EVENTS_MAX);
  lq_event_type *event = take(d, game->event_count, sizeof *event);
  for (uint32_t i = 0; !d->in.failed && i < game->event_count; i++) {
    read_record(d, &event[i].record);
    read_visibility(d, &event[i].visible);
    event[i].about = (uint16_t)(read_below(d, UINT16_MAX) - 1);
  }
  game->event = event;
}

static void read_lists(decoder *d, lq_game *game) {
  game->system_count = read_count(d, LQ_SYSTEMS_MAX);
  lq_system_type *system = take(d, game->system_count, sizeof *system);
  for (uint32_t i = 0; !d->in.failed && i < game->system_count; i++) {
    read_name(d, system[i].name, sizeof system[i].name);
    int64_t order = lq_read_zigzag(&d->in);
    if (order < INT32_MIN || order > INT32_MAX) d->in.failed = true;
    system[i].tick_order = (int32_t)order;
    system[i].guest = lq_read_u8(&d->in);
    if (!system[i].guest) continue;
    system[i].reads = lq_read_varint(&d->in);
    system[i].writes = lq_read_varint(&d->in);
  }
  game->system = system;
  game->constant_count = read_count(d, LQ_CONSTANTS_MAX);
  lq_constant *constant = take(d, game->constant_count, sizeof *constant);
  for (uint32_t i = 0; !d->in.failed && i < game->constant_count; i++) {
    read_name(d, constant[i].name, sizeof constant[i].name);
    constant[i].value = lq_read_zigzag(&d->in);
  }
  game->constant = constant;
  game->role_count = read_count(d, LQ_ROLES_MAX);
  char(*role)[LQ_NAME_BYTES] = take(d, game->role_count, sizeof *role);
  for (uint32_t i = 0; !d->in.failed && i < game->role_count; i++)
    read_name(d, role[i], sizeof role[i]);
  game->role = (const char(*)[LQ_NAME_BYTES])role;
}

/* Where the rows of the next entity go: straight behind those of the one before. */
static void read_entity(decoder *d, const lq_game *game, lq_scene_entity *entity, uint8_t *rows,
                        size_t *used) {
  read_name(d, entity->id, sizeof entity->id);
  entity->mask = lq_read_varint(&d->in);
  if (game->schema.component_count < 64 && entity->mask >> game->schema.component_count)
    d->in.failed = true;
  if (d->in.failed) return;
  lq_span row = lq_read_bytes(&d->in, lqi_game_mask_bytes(&game->schema, entity->mask));
  entity->row_at = (uint32_t)*used;
  if (row.bytes) memcpy(rows + *used, row.data, row.bytes);
  *used += row.bytes;
}

static void read_scene(decoder *d, lq_game *game) {
  game->scene_entity_count = read_count(d, LQ_SCENE_ENTITIES_MAX);
  lq_scene_entity *scene = take(d, game->scene_entity_count, sizeof *scene);
  /* All rows of the game together are shorter than what is left to read. */
  uint8_t *rows = take(d, lq_reader_left(&d->in), 1);
  if (d->in.failed) return;
  for (uint32_t i = 0; !d->in.failed && i < game->scene_entity_count; i++)
    read_entity(d, game, &scene[i], rows, &game->scene_rows_bytes);
  game->scene = scene;
  game->scene_rows = rows;
  game->player_rows = rows + game->scene_rows_bytes;
  read_entity(d, game, &game->player, rows + game->scene_rows_bytes, &game->player_rows_bytes);
  game->rename_count = read_count(d, LQ_RENAMES_MAX);
  lq_rename *rename = take(d, game->rename_count, sizeof *rename);
  for (uint32_t i = 0; !d->in.failed && i < game->rename_count; i++) {
    read_name(d, rename[i].component, LQ_NAME_BYTES);
    read_name(d, rename[i].from, LQ_NAME_BYTES);
    read_name(d, rename[i].to, LQ_NAME_BYTES);
  }
  game->rename = rename;
}

static lq_err check_canonical(decoder *d, const lq_game *game, lq_span encoded, lq_diag *diag) {
  size_t mark = d->arena->used;
  uint8_t *again = lq_arena_take(d->arena, encoded.bytes);
  if (!again) return lq_diag_set(diag, LQ_ERR_MEMORY, "no room to check the release");
  lq_writer out = lq_writer_of(again, encoded.bytes);
  bool same = lq_game_encode(game, &out) == LQ_OK && lq_span_equal(lq_writer_span(&out), encoded);
  d->arena->used = mark;
  return same ? LQ_OK : lq_diag_set(diag, LQ_ERR_CORRUPT, "the release is not in canonical form");
}

static lq_err decode(decoder *d, lq_span encoded, lq_game **out, lq_diag *diag) {
  if (lq_read_u32(&d->in) != GAME_MAGIC)
    return lq_diag_set(diag, d->in.failed ? LQ_ERR_TRUNCATED : LQ_ERR_CORRUPT,
                       "this is not a release");
  uint32_t abi = lq_read_u32(&d->in);
  if (!d->in.failed && abi != LQ_ABI_VERSION)
    return lq_diag_set(diag, LQ_ERR_VERSION, "the release has format %u, this engine has %u", abi,
                       LQ_ABI_VERSION);
  lq_game *game = take(d, 1, sizeof *game);
  if (!game) return lq_diag_set(diag, LQ_ERR_MEMORY, "no room for the release");
  read_name(d, game->name, sizeof game->name);
  read_name(d, game->version, sizeof game->version);
  read_name(d, game->title, sizeof game->title);
  game->hz = (uint32_t)read_below(d, LQ_HZ_MAX);
  game->entities_max = (uint32_t)read_below(d, LQ_ENTITIES_MAX);
  game->players_max = (uint32_t)read_below(d, LQ_PLAYERS_MAX);
  uint8_t flags = lq_read_u8(&d->in);
  game->leave_deletes = flags & 1;
  game->confirm = flags >> 1 & 1;
  if (flags >> 2 & 1) read_physics(d, &game->physics);
  if (!d->in.failed) read_components(d, game);
  if (!d->in.failed) read_commands(d, game);
  if (!d->in.failed) read_events(d, game);
  if (!d->in.failed) read_lists(d, game);
  if (!d->in.failed) read_scene(d, game);
  if (d->memory) return lq_diag_set(diag, LQ_ERR_MEMORY, "no room for the release");
  if (d->in.failed)
    return lq_diag_set(diag, lq_reader_left(&d->in) ? LQ_ERR_CORRUPT : LQ_ERR_TRUNCATED,
                       "the release is malformed at byte %zu", d->in.at);
  if (!lq_reader_done(&d->in))
    return lq_diag_set(diag, LQ_ERR_CORRUPT, "bytes behind the end of the release");
  if (lq_game_seal(game, diag) != LQ_OK) {
    if (diag) diag->code = LQ_ERR_CORRUPT;
    return LQ_ERR_CORRUPT;
  }
  lq_err err = check_canonical(d, game, encoded, diag);
  if (!err) *out = game;
  return err;
}

lq_err lq_game_decode(lq_span encoded, lq_arena *arena, lq_game **out, lq_diag *diag) {
  *out = NULL;
  if (encoded.bytes > LQ_GAME_BYTES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the release is larger than %u bytes",
                       LQ_GAME_BYTES_MAX);
  size_t mark = arena->used;
  decoder d = {.in = lq_reader_of(encoded), .arena = arena};
  lq_err err = decode(&d, encoded, out, diag);
  if (err) arena->used = mark;
  return err;
}

static size_t at_most(size_t bytes, size_t count, size_t size) {
  return (bytes < count ? bytes : count) * size + 16;
}

size_t lq_game_arena_bytes(lq_span encoded) {
  size_t n = encoded.bytes;
  return 3 * n + 64 + at_most(n, LQ_GAME_ASSETS_MAX, sizeof(lq_game_asset) + 16) + sizeof(lq_game) +
         at_most(n, LQ_COMPONENTS_MAX, sizeof(lq_component)) +
         at_most(n, LQ_COMMANDS_MAX, sizeof(lq_command_type)) +
         LQ_CMD_BUILTIN_COUNT * sizeof(lq_command_type) +
         at_most(n, LQ_EVENTS_MAX, sizeof(lq_event_type)) +
         at_most(n, LQ_SYSTEMS_MAX, sizeof(lq_system_type) + sizeof(lq_system_fn)) +
         at_most(n, LQ_CONSTANTS_MAX, sizeof(lq_constant)) +
         at_most(n, LQ_ROLES_MAX, LQ_NAME_BYTES) +
         at_most(n, LQ_SCENE_ENTITIES_MAX, sizeof(lq_scene_entity)) +
         at_most(n, LQ_RENAMES_MAX, sizeof(lq_rename)) +
         (LQ_COMMANDS_MAX + 8) * sizeof(lq_command_fn);
}
