/* The generated "game.h": what game.yaml declares, as C for native systems. */
#include "lq_engine/game/game_int.h"

typedef struct text {
  lq_writer *out;
  const char *a, *b; /* what $a and $b stand for */
} text;

/* Writes a template: $a and $b are replaced. */
static void put(const text *t, const char *template) {
  for (const char *at = template; *at;) {
    const char *next = strchr(at, '$');
    if (!next) {
      lq_write_text(t->out, at);
      return;
    }
    lq_write_bytes(t->out, at, (size_t)(next - at));
    lq_write_text(t->out, next[1] == 'a' ? t->a : t->b);
    at = next + 2;
  }
}

static void put_number(lq_writer *out, const char *head, int64_t value, const char *tail) {
  lq_write_text(out, head);
  lq_write_decimal(out, value);
  lq_write_text(out, tail);
}

static uint32_t alignment(const lq_field *field) {
  uint32_t bytes = field->kind == LQ_FIELD_STR ? 1 : lq_field_bytes(field);
  return bytes >= 8 ? 8 : bytes >= 4 ? 4 : 1;
}

static const char *c_type(uint8_t kind) {
  switch (kind) {
  case LQ_FIELD_I32:
    return "int32_t";
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    return "int64_t";
  case LQ_FIELD_F32:
    return "float";
  case LQ_FIELD_BOOL:
    return "bool";
  case LQ_FIELD_ENTITY:
    return "lq_entity";
  default:
    return "char";
  }
}

static void write_field(lq_writer *out, const lq_field *field) {
  lq_write_text(out, "  ");
  lq_write_text(out, c_type(field->kind));
  lq_write_text(out, " ");
  lq_write_text(out, field->name);
  if (field->count > 1) put_number(out, "[", field->count, "]");
  if (field->kind == LQ_FIELD_STR) put_number(out, "[", field->str_bytes, "]");
  lq_write_text(out, ";");
  if (field->kind == LQ_FIELD_MONEY) {
    lq_write_text(out, " /* minor units of ");
    lq_write_text(out, field->currency);
    lq_write_text(out, " */");
  }
  lq_write_text(out, "\n");
}

/* typedef struct <prefix><name> {...}; nothing for a record without fields (ISO C has no empty
 * struct). Members in the order of lq_record_layout; the tail is said out loud. */
static void write_struct(lq_writer *out, const char *prefix, const char *name,
                         const lq_record *record) {
  if (record->field_count == 0) return;
  const text t = {out, prefix, name};
  put(&t, "typedef struct $a$b {\n");
  uint32_t end = 0;
  for (uint32_t align = 8; align; align = align == 8 ? 4 : align == 4 ? 1 : 0)
    for (uint32_t i = 0; i < record->field_count; i++) {
      const lq_field *field = &record->field[i];
      if (alignment(field) != align) continue;
      write_field(out, field);
      end += (uint32_t)lq_field_bytes(field) * field->count;
    }
  if (end < record->row_bytes)
    put_number(out, "  uint8_t reserved_[", record->row_bytes - end, "]; /* zero */\n");
  put(&t, "} $a$b;\n_Static_assert(sizeof($a$b) == ");
  put_number(out, "", record->row_bytes, "");
  put(&t, ", \"$a$b is laid out as declared\");\n");
  for (uint32_t i = 0; i < record->field_count; i++) {
    const text f = {out, name, record->field[i].name};
    lq_write_text(out, "_Static_assert(offsetof(");
    lq_write_text(out, prefix);
    put(&f, "$a, $b) == ");
    put_number(out, "", record->field[i].offset, ", \"\");\n");
  }
}

static void write_component(lq_writer *out, const lq_record *record, uint32_t index) {
  const text t = {out, record->name, ""};
  lq_write_text(out, "\n");
  write_struct(out, "", record->name, record);
  put(&t, "#define C_$a ");
  put_number(out, "", index, "u\n");
  put(&t, "#define M_$a (UINT64_C(1) << ");
  put_number(out, "", index, ")\n");
  if (record->field_count)
    put(&t, "static inline const $a *read_$a(lq_sys *sys, const lq_sys_iter *iter) {\n"
            "  return (const $a *)sys->api->read(sys, iter, C_$a);\n}\n"
            "static inline $a *write_$a(lq_sys *sys, lq_sys_iter *iter) {\n"
            "  return ($a *)sys->api->write(sys, iter, C_$a);\n}\n"
            "static inline const $a *get_$a(lq_sys *sys, lq_entity entity) {\n"
            "  return (const $a *)sys->api->get(sys, entity, C_$a);\n}\n"
            "static inline $a *set_$a(lq_sys *sys, lq_entity entity) {\n"
            "  return ($a *)sys->api->set(sys, entity, C_$a);\n}\n"
            "static inline bool add_$a(lq_sys *sys, lq_entity entity, const $a *row) {\n"
            "  return sys->api->add(sys, entity, C_$a, row);\n}\n");
  else
    put(&t, "static inline bool add_$a(lq_sys *sys, lq_entity entity) {\n"
            "  return sys->api->add(sys, entity, C_$a, NULL);\n}\n");
  put(&t, "static inline bool has_$a(lq_sys *sys, lq_entity entity) {\n"
          "  return sys->api->get(sys, entity, C_$a) != NULL;\n}\n"
          "static inline bool remove_$a(lq_sys *sys, lq_entity entity) {\n"
          "  return sys->api->remove(sys, entity, C_$a);\n}\n");
}

/* The host's own commands are not a game's to send. */
static void write_command(lq_writer *out, const lq_record *record, uint32_t index) {
  char name[LQ_NAME_BYTES];
  lqi_game_c_name(record->name, name, sizeof name);
  const text t = {out, name, ""};
  write_struct(out, "Cmd_", record->name, record);
  if (index < LQ_CMD_BUILTIN_COUNT) return;
  put(&t, record->field_count ? "static inline bool send_$a(lq_sys *sys, Cmd_$a row) {\n"
                              : "static inline bool send_$a(lq_sys *sys) {\n");
  put_number(out, "  return sys->api->command(sys, ", index, "u, ");
  lq_write_text(out, record->field_count ? "&row);\n}\n" : "NULL);\n}\n");
}

static void write_event(lq_writer *out, const lq_record *record) {
  char name[LQ_NAME_BYTES];
  lqi_game_c_name(record->name, name, sizeof name);
  const text t = {out, name, ""};
  write_struct(out, "Evt_", name, record);
  if (record->field_count)
    put(&t, "static inline bool emit_$a(lq_sys *sys, Evt_$a row) {\n"
            "  return sys->api->emit(sys, E_$a, &row);\n}\n");
  else
    put(&t, "static inline bool emit_$a(lq_sys *sys) {\n"
            "  return sys->api->emit(sys, E_$a, NULL);\n}\n");
}

static void write_events(lq_writer *out, const lq_game *game) {
  if (game->event_count == 0) return;
  lq_write_text(out, "\n/* Events: emit_<name>(sys, (Evt_<name>){...}). */\nenum {\n");
  for (uint32_t i = 0; i < game->event_count; i++) {
    char name[LQ_NAME_BYTES];
    lqi_game_c_name(game->event[i].record.name, name, sizeof name);
    const text t = {out, name, ""};
    put(&t, "  E_$a = ");
    put_number(out, "", i, ",\n");
  }
  lq_write_text(out, "};\n");
  for (uint32_t i = 0; i < game->event_count; i++) write_event(out, &game->event[i].record);
}

static void write_constants(lq_writer *out, const lq_game *game) {
  if (game->constant_count) lq_write_text(out, "\n/* Constants of game.yaml. */\n");
  for (uint32_t i = 0; i < game->constant_count; i++) {
    const text t = {out, game->constant[i].name, ""};
    int64_t value = game->constant[i].value;
    put(&t, "#define K_$a ");
    if (value == INT64_MIN)
      lq_write_text(out, "INT64_MIN\n");
    else if (value >= INT32_MIN && value <= INT32_MAX)
      put_number(out, "(", value, ")\n");
    else
      put_number(out, value < 0 ? "(-INT64_C(" : "INT64_C(", value < 0 ? -value : value,
                 value < 0 ? "))\n" : ")\n");
  }
}

static const char helpers[] =
    "\n/* The api, without the detour. */\n"
    "static inline lq_sys_iter sys_query(lq_sys *sys, uint64_t with, uint64_t without) {\n"
    "  lq_sys_iter iter;\n"
    "  sys->api->query(sys, with, without, &iter);\n"
    "  return iter;\n}\n"
    "static inline bool sys_next(lq_sys *sys, lq_sys_iter *iter) {\n"
    "  return sys->api->next(sys, iter);\n}\n"
    "static inline lq_entity sys_entity(lq_sys *sys, const lq_sys_iter *iter, uint32_t index) {\n"
    "  return sys->api->entity(sys, iter, index);\n}\n"
    "static inline bool sys_alive(lq_sys *sys, lq_entity entity) {\n"
    "  return sys->api->alive(sys, entity);\n}\n"
    "static inline lq_entity sys_find(lq_sys *sys, const char *id) {\n"
    "  return sys->api->find(sys, id);\n}\n"
    "static inline const char *sys_id(lq_sys *sys, lq_entity entity) {\n"
    "  return sys->api->id(sys, entity);\n}\n"
    "static inline uint16_t sys_owner(lq_sys *sys, lq_entity entity) {\n"
    "  return sys->api->owner(sys, entity);\n}\n"
    "static inline bool sys_create(lq_sys *sys, const char *id, uint16_t owner, lq_entity *out) {\n"
    "  return sys->api->create(sys, id, owner, out);\n}\n"
    "static inline bool sys_destroy(lq_sys *sys, lq_entity entity) {\n"
    "  return sys->api->destroy(sys, entity);\n}\n"
    "static inline uint32_t sys_random(lq_sys *sys, uint32_t bound) {\n"
    "  return sys->api->random(sys, bound);\n}\n"
    "static inline uint64_t sys_tick(lq_sys *sys) { return sys->api->tick(sys); }\n"
    "static inline uint32_t sys_tick_us(lq_sys *sys) { return sys->api->tick_us(sys); }\n"
    "static inline void sys_wake_at(lq_sys *sys, uint64_t tick) { sys->api->wake_at(sys, tick); }\n"
    "static inline void sys_refuse(lq_sys *sys, const char *reason) {\n"
    "  sys->api->refuse(sys, reason);\n}\n"
    "static inline uint16_t sys_player(lq_sys *sys) { return sys->api->player(sys); }\n";

static const char physics_helpers[] =
    "\n/* Physics: what kind of Body, Shape, Draught and Joint holds; questions and pushes. */\n"
    "enum { BODY_DYNAMIC, BODY_KINEMATIC, BODY_STATIC };\n"
    "enum { SHAPE_SPHERE, SHAPE_CAPSULE, SHAPE_BOX, SHAPE_PLANE, SHAPE_HULL, SHAPE_COMPOUND,\n"
    "       SHAPE_MESH, SHAPE_FIELD };\n"
    "enum { JOINT_DISTANCE, JOINT_HINGE, JOINT_SLIDER, JOINT_BALL, JOINT_WELD, JOINT_WHEEL,\n"
    "       JOINT_MOTOR, JOINT_SIX };\n"
    "static inline uint32_t sys_ray(lq_sys *sys, const float from[3], const float way[3],\n"
    "                               uint32_t mask, lq_sys_hit *hits, uint32_t hits_max) {\n"
    "  return sys->api->ray(sys, from, way, mask, hits, hits_max);\n}\n"
    "static inline uint32_t sys_overlap(lq_sys *sys, const lq_sys_probe *probe, uint32_t mask,\n"
    "                                   lq_sys_hit *hits, uint32_t hits_max) {\n"
    "  return sys->api->overlap(sys, probe, mask, hits, hits_max);\n}\n"
    "static inline uint32_t sys_cast(lq_sys *sys, const lq_sys_probe *probe, const float way[3],\n"
    "                                uint32_t mask, lq_sys_hit *hits, uint32_t hits_max) {\n"
    "  return sys->api->cast(sys, probe, way, mask, hits, hits_max);\n}\n"
    "static inline uint32_t sys_closest(lq_sys *sys, const float point[3], uint32_t mask,\n"
    "                                   float distance, lq_sys_hit *hits, uint32_t hits_max) {\n"
    "  return sys->api->closest(sys, point, mask, distance, hits, hits_max);\n}\n"
    "static inline bool sys_push(lq_sys *sys, lq_entity entity, const float impulse[3],\n"
    "                            const float point[3]) {\n"
    "  return sys->api->push(sys, entity, impulse, point);\n}\n"
    "/* Adds to the force of the coming step, in newtons; false without a Force. */\n"
    "static inline bool sys_force(lq_sys *sys, lq_entity entity, const float force[3]) {\n"
    "  Force *f = set_Force(sys, entity);\n"
    "  for (int i = 0; f && i < 3; i++) f->force[i] += force[i];\n"
    "  return f != NULL;\n}\n"
    "static inline bool sys_wake(lq_sys *sys, lq_entity entity) {\n"
    "  Motion *m = set_Motion(sys, entity);\n"
    "  if (m) m->asleep = m->frozen = false, m->tired = 0;\n"
    "  return m != NULL;\n}\n";

/* Both lists are weak in every source, so a game may have either, both or none, in any of its
 * sources; the entry itself is the same everywhere and the linker keeps one. */
static const char module_part[] =
    "\n/* Once in a game's sources, each where it has any:\n"
    " *   LQ_SYSTEMS({\"hunt.collect\", collect}, {\"hunt.credit\", credit})\n"
    " *   LQ_COMMANDS({\"move\", on_move}, {\"join\", on_join})\n"
    " * Functions: void collect(lq_sys *sys); void on_move(lq_sys *sys, const void *row). */\n"
    "typedef struct lq_game_systems_list {\n"
    "  uint32_t count;\n"
    "  const lq_module_system *list;\n"
    "} lq_game_systems_list;\n"
    "typedef struct lq_game_commands_list {\n"
    "  uint32_t count;\n"
    "  const lq_module_command *list;\n"
    "} lq_game_commands_list;\n"
    "extern __attribute__((weak, visibility(\"hidden\"))) const lq_game_systems_list "
    "lq_game_systems;\n"
    "extern __attribute__((weak, visibility(\"hidden\"))) const lq_game_commands_list "
    "lq_game_commands;\n"
    "#define LQ_SYSTEMS(...) \\\n"
    "  static const lq_module_system lq_game_system_rows[] = {__VA_ARGS__}; \\\n"
    "  const lq_game_systems_list lq_game_systems = { \\\n"
    "      (uint32_t)(sizeof lq_game_system_rows / sizeof *lq_game_system_rows), \\\n"
    "      lq_game_system_rows};\n"
    "#define LQ_COMMANDS(...) \\\n"
    "  static const lq_module_command lq_game_command_rows[] = {__VA_ARGS__}; \\\n"
    "  const lq_game_commands_list lq_game_commands = { \\\n"
    "      (uint32_t)(sizeof lq_game_command_rows / sizeof *lq_game_command_rows), \\\n"
    "      lq_game_command_rows};\n"
    "__attribute__((weak, visibility(\"default\"))) const lq_module *lq_game_module(void);\n"
    "__attribute__((weak, visibility(\"default\"))) const lq_module *lq_game_module(void) {\n"
    "  static lq_module module; /* written once per load, always the same */\n"
    "  module.abi = LQ_SYSTEM_ABI;\n"
    "  module.schema_hash = GAME_SCHEMA_HASH;\n"
    "  module.system_count = &lq_game_systems ? lq_game_systems.count : 0;\n"
    "  module.systems = &lq_game_systems ? lq_game_systems.list : NULL;\n"
    "  module.command_count = &lq_game_commands ? lq_game_commands.count : 0;\n"
    "  module.commands = &lq_game_commands ? lq_game_commands.list : NULL;\n"
    "  return &module;\n}\n";

lq_err lq_game_header(const lq_game *game, lq_writer *out) {
  const text t = {out, game->name, game->version};
  put(&t, "/* game.h of $a $b: generated by lq build; changes are lost. */\n"
          "#ifndef LQ_GENERATED_GAME_H\n#define LQ_GENERATED_GAME_H\n\n"
          "#include \"lq_system.h\"\n\n#define GAME_SCHEMA_HASH UINT64_C(0x");
  lq_write_hex64(out, game->interface_hash);
  lq_write_text(out, ")\n");
  write_constants(out, game);
  lq_write_text(out, "\n/* Components: C_ its number, M_ its bit in a query. */\n");
  for (uint32_t i = 0; i < game->schema.component_count; i++)
    write_component(out, &game->schema.component[i].record, i);
  lq_write_text(out, "\n/* Commands: what the row of a handler points to; send_<name>(sys, "
                     "(Cmd_<name>){...}). */\n");
  for (uint32_t i = 0; i < game->command_count; i++)
    write_command(out, &game->command[i].record, i);
  write_events(out, game);
  lq_write_text(out, helpers);
  if (game->physics.on) lq_write_text(out, physics_helpers);
  for (uint32_t i = 0; i < game->physics.asset_count; i++) {
    put(&(text){out, game->physics.asset[i].name, ""}, "#define ASSET_$a INT64_C(0x");
    lq_write_hex64(out, game->physics.asset[i].id);
    lq_write_text(out, ")\n");
  }
  lq_write_text(out, module_part);
  lq_write_text(out, "\n#endif\n");
  return out->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}
