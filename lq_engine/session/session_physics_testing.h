/* A game of nothing but bodies, whose one command does to them whatever a game may: for tests. */
#ifndef LQ_ENGINE_SESSION_SESSION_PHYSICS_TESTING_H
#define LQ_ENGINE_SESSION_SESSION_PHYSICS_TESTING_H

#include "lq_engine/session/session_int.h"
#include "lq_engine/session/session_testing.h"

#include <stdio.h>

enum { PX_POKE = LQ_CMD_BUILTIN_COUNT, PX_COMMANDS };
enum {
  PX_EVENT_BEGIN,
  PX_EVENT_END,
  PX_EVENT_HIT,
  PX_EVENT_FROZE,
  PX_EVENT_BROKE,
  PX_EVENT_LOG,
  PX_EVENTS
};
enum { PX_SYSTEM_SPELL, PX_SYSTEM_PHYSICS, PX_SYSTEM_LATE, PX_SYSTEMS };

typedef enum px_what {
  PX_SPAWN,    /* id, body kind, shape, place, size */
  PX_DELETE,   /* entity */
  PX_VELOCITY, /* the rest: entity and v */
  PX_POSITION,
  PX_SIZE,
  PX_FORCE,
  PX_IMPULSE,
  PX_MASS, /* v[0] */
  PX_PUSH, /* through the api, at the centre */
  PX_WAKE,
  PX_RAY, /* from where the entity is along v */
  PX_TOUCHING,
  PX_FLOOD, /* v[0] not 0: a system after physics floods the room for events */
  PX_CATEGORY,
  PX_BLAST,   /* entity gets one at v of size[0] N s */
  PX_DRAUGHT, /* entity gets one of size that pushes by v */
  PX_WALKER,  /* entity walks by v */
  PX_JOINT,   /* entity ties `name` to the world at v, at size of it; shape: the kind; kind: 1 N */
  PX_CAST,    /* entity asks with `shape` of size from where it is along v */
  PX_OVERLAP, /* with `shape` of size at v */
  PX_CLOSEST, /* from v, as far as size[0] */
  PX_LOAD,    /* what its joint bears */
  PX_WHATS
} px_what;

typedef struct px_poke {
  lq_entity entity;
  int32_t what, kind, shape;
  float v[3], size[3];
  char id[16];
  uint8_t zero[4];
} px_poke;

typedef struct px_game {
  lq_component component[LQ_TYPE_COUNT];
  lq_command_type command[PX_COMMANDS];
  lq_event_type event[PX_EVENTS];
  lq_system_type system[PX_SYSTEMS];
  _Alignas(16) uint8_t code[4096];
  lq_game game;
} px_game;

static inline void px_spawn(lq_sys *sys, const px_poke *p) {
  const lq_sys_api *api = sys->api;
  lq_entity made;
  lq_row_body body = {.friction = 0.6f, .gravity_scale = 1, .category = 1, .mask = -1};
  lq_row_shape shape = {.kind = p->shape};
  lq_row_place place = {.rotation = {0, 0, 0, 1}};
  const lq_game_physics *own = &((const lq_session *)(const void *)sys)->game->physics;
  if (p->shape >= LQ_PHYSICS_HULL && own->asset_count) shape.asset = (int64_t)own->asset[0].id;
  body.kind = p->kind;
  memcpy(shape.size, p->size, sizeof shape.size);
  memcpy(place.position, p->v, sizeof place.position);
  if (!api->create(sys, p->id[0] ? p->id : NULL, 0, &made)) return;
  (void)api->add(sys, made, LQ_TYPE_BODY, &body);
  (void)api->add(sys, made, LQ_TYPE_SHAPE, &shape);
  (void)api->add(sys, made, LQ_TYPE_PLACE, &place);
  if (p->kind != LQ_PHYSICS_STATIC) (void)api->add(sys, made, LQ_TYPE_MOTION, NULL);
  if (p->kind != LQ_PHYSICS_STATIC) (void)api->add(sys, made, LQ_TYPE_FORCE, NULL);
}

/* To three numbers of a component. */
static inline void px_put(lq_sys *sys, const px_poke *p, uint32_t type, size_t offset,
                          size_t bytes) {
  uint8_t *row = sys->api->set(sys, p->entity, type);
  if (row)
    memcpy(row + offset, p->v, bytes);
  else
    sys->api->refuse(sys, "it has none");
}

static inline void px_ask(lq_sys *sys, const px_poke *p) {
  const lq_row_place *place = sys->api->get(sys, p->entity, LQ_TYPE_PLACE);
  lq_row_ray ray = {.mask = -1};
  if (place) memcpy(ray.from, place->position, sizeof ray.from);
  memcpy(ray.way, p->v, sizeof ray.way);
  (void)sys->api->add(sys, p->entity, LQ_TYPE_RAY, &ray);
  (void)sys->api->add(sys, p->entity, LQ_TYPE_RAY_HIT, NULL);
}

static inline void px_find(lq_sys *sys, const px_poke *p) {
  const lq_row_place *place = sys->api->get(sys, p->entity, LQ_TYPE_PLACE);
  lq_row_cast cast = {.kind = p->shape, .rotation = {0, 0, 0, 1}, .mask = -1};
  lq_row_overlap overlap = {.kind = p->shape, .rotation = {0, 0, 0, 1}, .mask = -1};
  lq_row_closest closest = {.distance = p->size[0], .mask = -1};
  if (place) memcpy(cast.position, place->position, sizeof cast.position);
  memcpy(cast.size, p->size, sizeof cast.size);
  memcpy(cast.way, p->v, sizeof cast.way);
  memcpy(overlap.size, p->size, sizeof overlap.size);
  memcpy(overlap.position, p->v, sizeof overlap.position);
  memcpy(closest.from, p->v, sizeof closest.from);
  if (p->what == PX_CAST) (void)sys->api->add(sys, p->entity, LQ_TYPE_CAST, &cast);
  if (p->what == PX_OVERLAP) (void)sys->api->add(sys, p->entity, LQ_TYPE_OVERLAP, &overlap);
  if (p->what == PX_CLOSEST) (void)sys->api->add(sys, p->entity, LQ_TYPE_CLOSEST, &closest);
  if (p->what == PX_LOAD) (void)sys->api->add(sys, p->entity, LQ_TYPE_JOINT_LOAD, NULL);
}

static inline void px_field(lq_sys *sys, const px_poke *p) {
  lq_row_blast blast = {.radius = 1, .falloff = 4, .impulse = p->size[0], .mask = -1};
  lq_row_draught draught = {.kind = 2, .mask = -1, .wake = p->kind != 0};
  lq_row_walker walker = {.radius = 0.3f, .half = 0.6f, .step = 0.3f, .mask = -1};
  memcpy(blast.at, p->v, sizeof blast.at);
  memcpy(draught.size, p->size, sizeof draught.size);
  memcpy(draught.push, p->v, sizeof draught.push);
  memcpy(walker.wish, p->v, sizeof walker.wish);
  if (p->what == PX_BLAST) (void)sys->api->add(sys, p->entity, LQ_TYPE_BLAST, &blast);
  if (p->what == PX_DRAUGHT) (void)sys->api->add(sys, p->entity, LQ_TYPE_DRAUGHT, &draught);
  if (p->what == PX_WALKER) (void)sys->api->add(sys, p->entity, LQ_TYPE_WALKER, &walker);
}

static inline void px_tie(lq_sys *sys, const px_poke *p) {
  lq_row_joint row = {.kind = p->shape, .frame_a = {0, 0, 0, 1}, .frame_b = {0, 0, 0, 1}};
  row.b = sys->api->find(sys, p->id);
  row.break_force = (float)p->kind;
  memcpy(row.point_a, p->v, sizeof row.point_a);
  memcpy(row.point_b, p->size, sizeof row.point_b);
  (void)sys->api->add(sys, p->entity, LQ_TYPE_JOINT, &row);
}

static inline void px_on_poke(lq_sys *sys, const void *row) {
  const px_poke *p = row;
  const lq_row_place *place = sys->api->get(sys, p->entity, LQ_TYPE_PLACE);
  lq_row_motion *m;
  switch ((px_what)p->what) {
  case PX_SPAWN:
    px_spawn(sys, p);
    break;
  case PX_DELETE:
    (void)sys->api->destroy(sys, p->entity);
    break;
  case PX_VELOCITY:
    px_put(sys, p, LQ_TYPE_MOTION, offsetof(lq_row_motion, velocity), 12);
    break;
  case PX_POSITION:
    px_put(sys, p, LQ_TYPE_PLACE, offsetof(lq_row_place, position), 12);
    break;
  case PX_SIZE:
    px_put(sys, p, LQ_TYPE_SHAPE, offsetof(lq_row_shape, size), 12);
    break;
  case PX_FORCE:
    px_put(sys, p, LQ_TYPE_FORCE, offsetof(lq_row_force, force), 12);
    break;
  case PX_IMPULSE:
    px_put(sys, p, LQ_TYPE_FORCE, offsetof(lq_row_force, impulse), 12);
    break;
  case PX_MASS:
    px_put(sys, p, LQ_TYPE_BODY, offsetof(lq_row_body, mass_kg), 4);
    break;
  case PX_PUSH:
    if (!place || !sys->api->push(sys, p->entity, p->v, place->position))
      sys->api->refuse(sys, "it cannot be pushed");
    break;
  case PX_WAKE:
    m = sys->api->set(sys, p->entity, LQ_TYPE_MOTION);
    if (m) m->asleep = m->frozen = 0;
    break;
  case PX_RAY:
    px_ask(sys, p);
    break;
  case PX_TOUCHING:
    (void)sys->api->add(sys, p->entity, LQ_TYPE_TOUCHING, NULL);
    break;
  case PX_FLOOD:
    (void)sys->api->add(sys, p->entity, LQ_TYPE_RAY, NULL);
    break;
  case PX_BLAST:
  case PX_DRAUGHT:
  case PX_WALKER:
    px_field(sys, p);
    break;
  case PX_JOINT:
    px_tie(sys, p);
    break;
  case PX_CAST:
  case PX_OVERLAP:
  case PX_CLOSEST:
  case PX_LOAD:
    px_find(sys, p);
    break;
  case PX_WHATS:
    break;
  case PX_CATEGORY:
    px_put(sys, p, LQ_TYPE_BODY, offsetof(lq_row_body, category), 4);
    break;
  }
}

/* Before physics: gives what is called "spelled" a number that is none, as nobody else spells it.
 */
static inline void px_spell(lq_sys *sys) {
  const uint32_t spelled = 0xffc00123u;
  lq_entity entity = sys->api->find(sys, "spelled");
  const lq_row_shape *shape = sys->api->get(sys, entity, LQ_TYPE_SHAPE);
  if (!shape || shape->size[0] != shape->size[0]) return;
  memcpy(((lq_row_shape *)sys->api->set(sys, entity, LQ_TYPE_SHAPE))->size, &spelled, 4);
}
/* Fails the tick when something called "flood" has a Ray, which it has for one try. */
static inline void px_flood(lq_sys *sys) {
  lq_entity flood = sys->api->find(sys, "flood");
  if (flood.bits == 0 || !sys->api->get(sys, flood, LQ_TYPE_RAY)) return;
  int64_t row = 1;
  while (sys->api->emit(sys, PX_EVENT_LOG, &row)) row++;
}

static inline void px_game_fill(px_game *g) {
  static const char *const systems[PX_SYSTEMS] = {"late", "physics", "spell"};
  static const int32_t orders[PX_SYSTEMS] = {60, 30, 10};
  memset(g, 0, sizeof *g);
  for (uint32_t t = 0; t < LQ_TYPE_COUNT; t++)
    lq_game_physics_component((lq_physics_type)t, &g->component[t]);
  for (uint32_t t = 0; t < LQ_EVENT_TYPE_COUNT; t++) {
    lq_game_physics_event((lq_physics_event_type)t, &g->event[t].record);
    g->event[t].about = UINT16_MAX;
  }
  fx_name(g->event[PX_EVENT_LOG].record.name, LQ_NAME_BYTES, "log");
  fx_field(&g->event[PX_EVENT_LOG].record, "value", LQ_FIELD_I64, 0, 1);
  g->event[PX_EVENT_LOG].about = UINT16_MAX;
  lq_game_builtins(g->command);
  lq_record *poke = &g->command[PX_POKE].record;
  fx_name(poke->name, LQ_NAME_BYTES, "poke");
  fx_field(poke, "entity", LQ_FIELD_ENTITY, 0, 1);
  fx_field(poke, "what", LQ_FIELD_I32, 0, 1);
  fx_field(poke, "kind", LQ_FIELD_I32, 0, 1);
  fx_field(poke, "shape", LQ_FIELD_I32, 0, 1);
  fx_field(poke, "v", LQ_FIELD_F32, 0, 3);
  fx_field(poke, "size", LQ_FIELD_F32, 0, 3);
  fx_field(poke, "name", LQ_FIELD_STR, 16, 1);
  g->command[PX_POKE].entity_field = UINT16_MAX;
  g->command[PX_POKE].confirm = true;
  for (uint32_t i = 0; i < PX_SYSTEMS; i++) {
    fx_name(g->system[i].name, sizeof g->system[i].name, systems[i]);
    g->system[i].tick_order = orders[i];
  }
  lq_game *game = &g->game;
  fx_name(game->name, sizeof game->name, "bodies");
  fx_name(game->version, sizeof game->version, "1.0.0");
  game->hz = 60;
  game->entities_max = 128;
  game->players_max = 4;
  game->leave_deletes = game->confirm = true;
  game->schema = (lq_schema){.component_count = LQ_TYPE_COUNT, .component = g->component};
  game->command_count = PX_COMMANDS;
  game->event_count = PX_EVENTS;
  game->system_count = PX_SYSTEMS;
  game->command = g->command;
  game->event = g->event;
  game->system = g->system;
  game->physics = (lq_game_physics){.on = true,
                                    .hit_speed = 1,
                                    .gravity = {0, -9.81f, 0},
                                    .substeps = 4,
                                    .bodies_max = 64,
                                    .contacts_max = 200};
}

static inline void px_game_ready(px_game *g) {
  static const lq_module_system systems[] = {{"spell", px_spell}, {"late", px_flood}};
  static const lq_module_command commands[] = {{"poke", px_on_poke}};
  lq_diag diag = {0};
  lq_arena arena = lq_arena_of(g->code, sizeof g->code);
  lq_err err = lq_game_seal(&g->game, &diag);
  lq_module module = {LQ_SYSTEM_ABI, g->game.interface_hash, 2, 1, systems, commands};
  if (!err) err = lq_game_bind(&g->game, &module, &arena, &diag);
  if (err) {
    (void)fprintf(stderr, "%s\n", diag.message);
    abort();
  }
}

static inline lq_err px_send(lq_session *s, const char *target, px_poke p) {
  const lq_record *record = &lq_session_game(s)->command[PX_POKE].record;
  lq_entity_names names = lq_world_names(lq_session_world(s));
  fx_body body;
  p.entity = lq_world_find(lq_session_world(s), lq_span_text(target));
  lq_record_encode(record, &p, &names, &fx_begin(&body)->out);
  return fx_send(s, PX_POKE, 0, "", &body);
}

static inline px_poke px_at(px_what what, float x, float y, float z) {
  return (px_poke){.what = (int32_t)what, .v = {x, y, z}};
}
static inline px_poke px_body(const char *id, lq_physics_kind kind, lq_physics_shape shape,
                              float half, float x, float y, float z) {
  px_poke p = px_at(PX_SPAWN, x, y, z);
  p.kind = (int32_t)kind, p.shape = (int32_t)shape;
  p.size[0] = p.size[1] = p.size[2] = half;
  fx_name(p.id, sizeof p.id, id);
  return p;
}

#endif
