/* A small schema with every kind of field, and worlds of it: shared by this module's tests and fuzz
 * targets only. */
#ifndef LQ_ENGINE_ECS_ECS_TESTING_H
#define LQ_ENGINE_ECS_ECS_TESTING_H

#include "lq_engine/ecs/ecs.h"

#include <stdlib.h>

enum { POSITION = 0, PURSE, TAG, NOTE, PATH, TYPES };

typedef struct position {
  int32_t x, y;
} position;
typedef struct purse {
  int64_t coins;
} purse;
typedef struct note {
  lq_entity who;
  float heat;
  uint8_t flag;
  char text[11];
} note;
typedef struct path {
  int64_t at[3];
  uint8_t open;
  uint8_t tail[7];
} path;
_Static_assert(sizeof(note) == 24 && sizeof(path) == 32, "as lq_record_layout places them");

static inline lq_field testing_field(const char *name, lq_field_kind kind, uint16_t count) {
  lq_field f = {.kind = (uint8_t)kind, .count = count};
  if (!lq_text_copy(f.name, sizeof f.name, lq_span_text(name))) abort();
  if (kind == LQ_FIELD_STR) f.str_bytes = 11;
  if (kind == LQ_FIELD_MONEY) memcpy(f.currency, "EUR", 4);
  return f;
}

static inline void testing_component(lq_component *c, const char *name, uint16_t count,
                                     const lq_field *fields) {
  memset(c, 0, sizeof *c);
  if (!lq_text_copy(c->record.name, sizeof c->record.name, lq_span_text(name))) abort();
  c->version = 1;
  c->record.field_count = count;
  for (uint16_t i = 0; i < count; i++) c->record.field[i] = fields[i];
  if (lq_record_layout(&c->record)) abort();
}

static inline void testing_components(lq_component c[TYPES]) {
  lq_field xy[] = {testing_field("x", LQ_FIELD_I32, 1), testing_field("y", LQ_FIELD_I32, 1)};
  lq_field coins[] = {testing_field("coins", LQ_FIELD_MONEY, 1)};
  lq_field notes[] = {
      testing_field("flag", LQ_FIELD_BOOL, 1), testing_field("text", LQ_FIELD_STR, 1),
      testing_field("heat", LQ_FIELD_F32, 1), testing_field("who", LQ_FIELD_ENTITY, 1)};
  lq_field steps[] = {testing_field("open", LQ_FIELD_BOOL, 1),
                      testing_field("at", LQ_FIELD_I64, 3)};
  testing_component(&c[POSITION], "Position", 2, xy);
  testing_component(&c[PURSE], "Purse", 1, coins);
  testing_component(&c[TAG], "Tag", 0, NULL);
  testing_component(&c[NOTE], "Note", 4, notes);
  testing_component(&c[PATH], "Path", 2, steps);
  position start = {3, 4};
  memcpy(c[POSITION].defaults, &start, sizeof start);
  note hello = {.heat = 1.5f, .flag = 1, .text = "hello"};
  memcpy(c[NOTE].defaults, &hello, sizeof hello);
}

/* The one schema; sealed on the first call. */
static inline const lq_schema *testing_schema(void) {
  static lq_component components[TYPES];
  static lq_schema schema;
  if (!schema.component) {
    testing_components(components);
    schema = (lq_schema){.component_count = TYPES, .component = components};
    if (lq_schema_seal(&schema)) abort();
  }
  return &schema;
}

/* A world in its own block; free it with free(). */
static inline lq_world *testing_world_of(const lq_schema *schema, uint32_t entities_max) {
  size_t bytes = (lq_world_bytes(schema, entities_max) + 63) & ~(size_t)63;
  void *block = aligned_alloc(64, bytes);
  lq_world *world;
  if (!block) abort();
  memset(block, 0, bytes);
  if (lq_world_init(block, bytes, schema, entities_max, &world)) abort();
  return world;
}
static inline lq_world *testing_world(uint32_t entities_max) {
  return testing_world_of(testing_schema(), entities_max);
}

static inline lq_entity testing_create(lq_world *w, const char *id) {
  lq_entity e;
  if (lq_world_create(w, id, 0, &e)) abort();
  return e;
}
static inline void testing_add(lq_world *w, lq_entity e, uint32_t type) {
  if (lq_world_add(w, e, type)) abort();
}
static inline void testing_put_position(lq_world *w, lq_entity e, int32_t x, int32_t y) {
  testing_add(w, e, POSITION);
  position *p = lq_world_write(w, e, POSITION);
  *p = (position){x, y};
}
static inline void testing_frame(lq_world *w) {
  lq_world_frame_end(w);
  lq_world_frame_begin(w);
}

/* Saved bytes in a malloc'ed block of exactly their size. */
static inline lq_span testing_save(const lq_world *w) {
  size_t bytes = lq_world_save_bytes(w);
  lq_writer out = lq_writer_of(malloc(bytes), bytes);
  if (!out.data || lq_world_save(w, &out) || out.bytes != bytes) abort();
  return lq_writer_span(&out);
}
static inline void testing_free_span(lq_span s) { free((void *)(uintptr_t)s.data); }

#endif
