/* The runtime in this process, over the fixture's game and a real world: calls are written and
 * replies applied by the engine's own code. Python is started once a process. */
#ifndef APPS_LQ_JAIL_PYTHON_PYTHON_TESTING_H
#define APPS_LQ_JAIL_PYTHON_PYTHON_TESTING_H

#include "apps/lq-jail/python/python.h"
#include "lq_engine/game/game_fixture.h"
#include "lq_engine/guest/guest.h"

#include <stdlib.h>

#define PT_SYSTEM "systems.hunt.Rule"

typedef struct pt_setup {
  fixture f;
  lq_world *world;
  void *memory;
  uint8_t *call, *reply;
  size_t call_bytes;
  char said[1 << 16]; /* of load */
  lq_guest_said out;
  char text[LQ_GUEST_TEXT_BYTES_MAX + 1]; /* of the last reply */
  lq_prng prng;
  lq_span state;
  uint32_t tick_us;
} pt_setup;

/* The system hunt.collect's place is taken by PT_SYSTEM, the handlers of join and move by Python.
 */
static inline void pt_game(pt_setup *t) {
  lq_diag diag = {0};
  fixture_fill(&t->f);
  fx_name(t->f.system[1].name, sizeof t->f.system[1].name, PT_SYSTEM);
  t->f.system[1].guest = LQ_GUEST_PYTHON;
  t->f.system[1].reads = t->f.system[1].writes = (1u << FX_COMPONENTS) - 1;
  LQ_CHECK(lq_game_seal(&t->f.game, &diag) == LQ_OK);
}

static inline void pt_open(pt_setup *t) {
  static bool started;
  memset(t, 0, sizeof *t);
  LQ_CHECK(started || lq_runtime_python.start(0, NULL));
  started = true;
  pt_game(t);
  size_t bytes = (lq_world_bytes(&t->f.game.schema, 256) + 63) & ~(size_t)63;
  t->memory = aligned_alloc(64, bytes);
  t->call = aligned_alloc(64, LQ_GUEST_CALL_BYTES_MAX);
  t->reply = aligned_alloc(64, LQ_GUEST_REPLY_BYTES_MAX);
  LQ_CHECK(t->memory && t->call && t->reply);
  memset(t->memory, 0, bytes);
  LQ_CHECK(lq_world_init(t->memory, bytes, &t->f.game.schema, 256, &t->world) == LQ_OK);
  lq_prng_seed(&t->prng, 1);
  t->tick_us = 50000;
}

static inline void pt_close(pt_setup *t) {
  free(t->memory);
  free(t->call);
  free(t->reply);
}

/* What load says of one file, systems/hunt.py. */
static inline const char *pt_load_as(pt_setup *t, const lq_game *game, const char *text) {
  lq_guest_file file = {lq_span_text("systems/hunt.py"), lq_span_text(text)};
  lq_writer out = lq_writer_of(t->said, sizeof t->said - 1);
  lq_runtime_python.load(game, &file, 1, &out);
  LQ_CHECK(!out.failed);
  t->said[out.bytes] = 0;
  return t->said;
}
static inline const char *pt_load(pt_setup *t, const char *text) {
  return pt_load_as(t, &t->f.game, text);
}

static inline lq_entity pt_spawn(pt_setup *t, const char *id, uint64_t mask, int32_t x, int32_t y) {
  lq_entity entity;
  LQ_CHECK(lq_world_create(t->world, id, 0, &entity) == LQ_OK);
  for (uint32_t type = 0; type < FX_COMPONENTS; type++)
    if (mask >> type & 1) LQ_CHECK(lq_world_add(t->world, entity, type) == LQ_OK);
  int32_t place[2] = {x, y};
  if (mask & 1) memcpy(lq_world_write(t->world, entity, FX_POSITION), place, sizeof place);
  return entity;
}

static inline lq_guest_ask pt_ask(pt_setup *t, lq_guest_kind kind, uint32_t index,
                                  const void *body) {
  return (lq_guest_ask){.game = &t->f.game,
                        .world = t->world,
                        .kind = kind,
                        .index = index,
                        .guest = LQ_GUEST_PYTHON,
                        .actor = kind == LQ_GUEST_COMMAND ? 1 : 0,
                        .tick = 7,
                        .tick_us = t->tick_us,
                        .prng = &t->prng,
                        .state = t->state,
                        .body = body};
}

static inline void pt_write(pt_setup *t, const lq_guest_ask *ask) {
  lq_writer out = lq_writer_of(t->call, LQ_GUEST_CALL_BYTES_MAX);
  LQ_CHECK(lq_guest_ask_write(ask, &out) == LQ_OK);
  t->call_bytes = out.bytes;
}

static inline size_t pt_run(pt_setup *t) {
  lq_guest_view view;
  LQ_CHECK(lq_guest_view_begin(&view, &t->f.game, t->call, t->call_bytes, t->reply,
                               LQ_GUEST_REPLY_BYTES_MAX) == LQ_OK);
  return lq_runtime_python.call(&view);
}

/* Runs the system or, with a body, the command; its status. */
static inline lq_guest_status pt_call(pt_setup *t, lq_guest_kind kind, uint32_t index,
                                      const void *body) {
  lq_guest_ask ask = pt_ask(t, kind, index, body);
  pt_write(t, &ask);
  size_t bytes = pt_run(t);
  LQ_CHECK(lq_guest_reply_read(lq_span_of(t->reply, bytes), &t->out) == LQ_OK);
  LQ_CHECK(t->out.text.bytes < sizeof t->text);
  if (t->out.text.bytes) memcpy(t->text, t->out.text.data, t->out.text.bytes);
  t->text[t->out.text.bytes] = 0;
  return t->out.status;
}

static inline uint32_t pt_system(const pt_setup *t) {
  for (uint32_t i = 0; i < t->f.game.system_count; i++)
    if (strcmp(t->f.game.system[i].name, PT_SYSTEM) == 0) return i;
  return UINT32_MAX;
}
static inline lq_guest_status pt_tick(pt_setup *t) {
  return pt_call(t, LQ_GUEST_SYSTEM, pt_system(t), NULL);
}

#endif
