#include "lq_engine/ecs/ecs.h"

#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_engine/ecs/ecs_int.h"

enum { NAME_SEED = 0x6e616d65, DEFER_BYTES_MIN = 16384, DEFER_BYTES_PER_ENTITY = 256 };

/* ---- schema ---- */

/* Laid out means: laying it out again changes nothing. */
static bool laid_out(const lq_record *record) {
  lq_record again = *record;
  if (lq_record_layout(&again)) return false;
  for (uint32_t i = 0; i < record->field_count; i++)
    if (again.field[i].offset != record->field[i].offset) return false;
  return again.row_bytes == record->row_bytes && again.plain == record->plain;
}

static lq_err component_check(const lq_schema *schema, uint32_t index) {
  const lq_component *c = &schema->component[index];
  if (!memchr(c->record.name, 0, sizeof c->record.name)) return LQ_ERR_INVALID;
  lq_span name = lq_span_text(c->record.name);
  if (!lq_name_valid(name) || !laid_out(&c->record)) return LQ_ERR_INVALID;
  if (lq_schema_find(schema, name) != index) return LQ_ERR_EXISTS;
  uint8_t defaults[LQ_ROW_BYTES_MAX];
  memcpy(defaults, c->defaults, sizeof defaults);
  return lqi_record_settle(&c->record, defaults, 1) ? LQ_OK : LQ_ERR_INVALID;
}

lq_err lq_schema_seal(lq_schema *schema) {
  if (schema->component_count > LQ_COMPONENTS_MAX) return LQ_ERR_RANGE;
  uint64_t hash = lq_hash_mix(LQ_ABI_VERSION, schema->component_count);
  for (uint32_t i = 0; i < schema->component_count; i++) {
    lq_err err = component_check(schema, i);
    if (err) return err;
    hash = lq_hash_mix(hash, lq_record_hash(&schema->component[i].record));
    hash = lq_hash_mix(hash, schema->component[i].version);
  }
  schema->hash = hash;
  return LQ_OK;
}

uint32_t lq_schema_find(const lq_schema *schema, lq_span name) {
  for (uint32_t i = 0; i < schema->component_count; i++)
    if (lq_span_is(name, schema->component[i].record.name)) return i;
  return UINT32_MAX;
}

/* ---- the block ---- */

/* Hands out parts of the block; with a NULL base it only measures. */
typedef struct carver {
  uint8_t *base;
  size_t at;
} carver;

static void *carve(carver *c, size_t bytes, size_t align) {
  c->at = (c->at + align - 1) & ~(align - 1);
  void *part = c->base ? c->base + c->at : NULL;
  c->at += bytes;
  return part;
}

static void carve_bits(carver *c, lqi_column *column, uint32_t entities_max) {
  size_t words = lqi_words(entities_max), summary = lqi_words((uint32_t)words);
  column->has = carve(c, words * 8, 8);
  column->prev_has = carve(c, words * 8, 8);
  column->dirty = carve(c, words * 8, 8);
  column->summary = carve(c, summary * 8, 8);
}

static void carve_rows(carver *c, lqi_column *column, uint32_t entities_max) {
  column->row = carve(c, (size_t)entities_max * column->row_bytes, 64);
  column->previous = carve(c, (size_t)entities_max * column->row_bytes, 64);
}

static uint32_t defer_bytes(uint32_t entities_max) {
  uint64_t bytes = DEFER_BYTES_MIN + (uint64_t)entities_max * DEFER_BYTES_PER_ENTITY;
  return bytes < LQ_DEFER_BYTES ? (uint32_t)bytes : LQ_DEFER_BYTES;
}

static void set_type(lqi_column *column, const lq_record *record, uint32_t index) {
  column->key = lq_hash_bytes(NAME_SEED, record->name, strlen(record->name));
  column->row_bytes = record->row_bytes;
  column->index = (uint8_t)index;
  column->plain = record->plain;
}

/* Bits first: a small world's bits share a few cache lines. The queue last: most never touch it. */
static size_t lay_out(uint8_t *base, const lq_schema *schema, uint32_t entities_max) {
  carver c = {base, 0};
  uint32_t types = schema->component_count, words = lqi_words(entities_max);
  lq_world measured, *w = carve(&c, sizeof(lq_world) + types * sizeof(lqi_column), 64);
  if (!w) w = &measured;
  w->taken = carve(&c, (size_t)words * 8, 64);
  w->full = carve(&c, (size_t)lqi_words(words) * 8, 8);
  w->entity.row_bytes = sizeof(lqi_entity);
  carve_bits(&c, &w->entity, entities_max);
  for (uint32_t t = 0; t < types; t++) {
    lqi_column spare, *column = base ? &w->column[t] : &spare;
    set_type(column, &schema->component[t].record, t);
    carve_bits(&c, column, entities_max);
  }
  carve_rows(&c, &w->entity, entities_max);
  w->id = carve(&c, (size_t)entities_max * sizeof(lqi_id), 64);
  w->old_id = carve(&c, (size_t)entities_max * sizeof(lqi_id), 64);
  for (uint32_t t = 0; t < types; t++) {
    lqi_column spare, *column = base ? &w->column[t] : &spare;
    column->row_bytes = schema->component[t].record.row_bytes;
    carve_rows(&c, column, entities_max);
  }
  w->index = carve(&c, lqi_index_slots(entities_max) * 8, 64);
  w->queue = carve(&c, defer_bytes(entities_max), 64);
  return c.at;
}

size_t lq_world_bytes(const lq_schema *schema, uint32_t entities_max) {
  if (entities_max == 0 || entities_max > LQ_ENTITIES_MAX) return 0;
  return lay_out(NULL, schema, entities_max);
}

lq_err lq_world_init(void *memory, size_t bytes, const lq_schema *schema, uint32_t entities_max,
                     lq_world **out) {
  *out = NULL;
  if (entities_max == 0 || entities_max > LQ_ENTITIES_MAX) return LQ_ERR_RANGE;
  if (!memory || bytes < lq_world_bytes(schema, entities_max)) return LQ_ERR_MEMORY;
  LQ_CHECK(((uintptr_t)memory & 63) == 0);
  lq_world *w = memory;
  w->schema = schema;
  w->capacity = entities_max;
  w->index_mask = (uint32_t)lqi_index_slots(entities_max) - 1;
  w->queue_bytes_max = defer_bytes(entities_max);
  (void)lay_out(memory, schema, entities_max);
  *out = w;
  return LQ_OK;
}

const lq_schema *lq_world_schema(const lq_world *world) { return world->schema; }
uint32_t lq_world_entities_max(const lq_world *world) { return world->capacity; }
uint32_t lq_world_entity_count(const lq_world *world) { return world->live_count; }

uint32_t lq_world_row_end(const lq_world *world) {
  for (uint32_t word = lqi_words(world->rows_used); word-- > 0;) {
    uint64_t live = world->entity.has[word];
    if (live) return word * 64 + 64 - (uint32_t)__builtin_clzll(live);
  }
  return 0;
}

/* ---- entities ---- */

void lqi_touch_entity(lq_world *w, uint32_t row) {
  lqi_column *c = &w->entity;
  uint32_t at = row >> 6;
  uint64_t bit = lqi_bit(row);
  w->unsettled = true;
  if (c->dirty[at] & bit) return;
  w->entities_touched = true;
  c->summary[at >> 6] |= lqi_bit(at);
  c->dirty[at] |= bit;
  c->prev_has[at] = (c->prev_has[at] & ~bit) | (c->has[at] & bit);
  /* Also of a free row: its generation must come back on a rollback. */
  lqi_old_entities(w)[row] = lqi_entities(w)[row];
  w->old_id[row] = w->id[row];
}

/* Writes "e<n>", zero-padded; 20 digits fit. */
static void auto_id_text(uint64_t n, char out[LQ_ID_BYTES]) {
  memset(out, 0, LQ_ID_BYTES);
  lq_writer w = lq_writer_of(out, LQ_ID_BYTES - 1);
  lq_write_u8(&w, 'e');
  lq_write_decimal_u(&w, n);
}

static lq_err choose_id(const lq_world *w, const char *id, char out[LQ_ID_BYTES],
                        uint64_t *auto_id) {
  *auto_id = w->auto_id;
  if (!id) {
    do auto_id_text(++*auto_id, out);
    while (lqi_index_find(w, out) != UINT32_MAX);
    return LQ_OK;
  }
  lq_span text = lq_span_text(id);
  if (!lq_id_valid(text, LQ_ID_BYTES) || !lq_text_copy(out, LQ_ID_BYTES, text))
    return LQ_ERR_INVALID;
  return lqi_index_find(w, out) == UINT32_MAX ? LQ_OK : LQ_ERR_EXISTS;
}

lq_err lqi_reserve(lq_world *w, const char *id, uint16_t owner, uint32_t *row) {
  char text[LQ_ID_BYTES];
  uint64_t auto_id;
  lq_err err = choose_id(w, id, text, &auto_id);
  if (err) return err;
  *row = lqi_free_row(w);
  if (*row == UINT32_MAX) return LQ_ERR_FULL;
  if (!LQ_PLANTED(ENTITY_ID_REUSED)) w->auto_id = auto_id;
  lqi_touch_entity(w, *row);
  lqi_take_row(w, *row);
  lqi_entity *entity = &lqi_entities(w)[*row];
  memcpy(w->id[*row].text, text, LQ_ID_BYTES);
  entity->owner = owner;
  if (entity->generation == 0) entity->generation = 1;
  lqi_index_insert(w, *row);
  return LQ_OK;
}

void lqi_make_live(lq_world *w, uint32_t row) {
  w->unsettled = true;
  w->entity.has[row >> 6] |= lqi_bit(row);
  w->live_count++;
}

lq_err lq_world_create(lq_world *world, const char *id, uint16_t owner, lq_entity *out) {
  *out = LQ_ENTITY_NULL;
  uint32_t row;
  lq_err err = lqi_reserve(world, id, owner, &row);
  if (err) return err;
  lqi_make_live(world, row);
  *out = lqi_handle(world, row);
  return LQ_OK;
}

void lqi_delete(lq_world *w, uint32_t row) {
  for (uint32_t t = 0; t < w->schema->component_count; t++) lqi_remove(w, &w->column[t], row);
  lqi_touch_entity(w, row);
  lqi_index_erase(w, row);
  lqi_entity *entity = &lqi_entities(w)[row];
  uint32_t next = entity->generation + 1;
  *entity = (lqi_entity){.generation = next ? next : 1};
  w->id[row] = (lqi_id){{0}};
  w->entity.has[row >> 6] &= ~lqi_bit(row);
  lqi_give_row(w, row);
  w->live_count--;
}

lq_err lq_world_delete(lq_world *world, lq_entity entity) {
  uint32_t row = lqi_live_row(world, entity);
  if (row == UINT32_MAX) return LQ_ERR_STALE;
  lqi_delete(world, row);
  return LQ_OK;
}

bool lq_world_alive(const lq_world *world, lq_entity entity) {
  return lqi_live_row(world, entity) != UINT32_MAX;
}

lq_entity lq_world_find(const lq_world *world, lq_span id) {
  char text[LQ_ID_BYTES];
  if (id.bytes == 0 || !lq_text_copy(text, LQ_ID_BYTES, id)) return LQ_ENTITY_NULL;
  uint32_t row = lqi_index_find(world, text);
  /* Reserved by lq_defer_create: not there yet. */
  if (row == UINT32_MAX || !lqi_test(world->entity.has, row)) return LQ_ENTITY_NULL;
  return lqi_handle(world, row);
}

const char *lq_world_id(const lq_world *world, lq_entity entity) {
  uint32_t row = lqi_taken_row(world, entity);
  return row == UINT32_MAX ? "" : world->id[row].text;
}

uint16_t lq_world_owner(const lq_world *world, lq_entity entity) {
  uint32_t row = lqi_taken_row(world, entity);
  return row == UINT32_MAX ? 0 : lqi_entities(world)[row].owner;
}

lq_err lq_world_set_owner(lq_world *world, lq_entity entity, uint16_t owner) {
  uint32_t row = lqi_live_row(world, entity);
  if (row == UINT32_MAX) return LQ_ERR_STALE;
  if (lqi_entities(world)[row].owner == owner) return LQ_OK;
  lqi_touch_entity(world, row);
  lqi_entities(world)[row].owner = owner;
  return LQ_OK;
}

lq_entity lq_world_entity_at(const lq_world *world, uint32_t row) {
  if (row >= world->capacity || !lqi_test(world->entity.has, row)) return LQ_ENTITY_NULL;
  return lqi_handle(world, row);
}

static const char *name_of(const void *context, lq_entity entity) {
  return lq_world_id(context, entity);
}
static lq_entity name_find(const void *context, lq_span id) { return lq_world_find(context, id); }

lq_entity_names lq_world_names(const lq_world *world) {
  return (lq_entity_names){world, name_of, name_find};
}

lq_err lq_world_adopt(lq_world *fresh, const lq_world *from) {
  LQ_CHECK(fresh->rows_used == 0 && from->queue_bytes == 0);
  if (from->rows_used > fresh->capacity) return LQ_ERR_FULL;
  for (uint32_t row = 0; row < from->rows_used; row++) {
    lqi_touch_entity(fresh, row);
    lqi_entities(fresh)[row] = lqi_entities(from)[row];
    fresh->id[row] = from->id[row];
    if (!lqi_test(from->entity.has, row)) continue;
    lqi_take_row(fresh, row);
    lqi_index_insert(fresh, row);
    lqi_make_live(fresh, row);
  }
  fresh->rows_used = from->rows_used;
  fresh->auto_id = from->auto_id;
  return LQ_OK;
}

/* ---- components ---- */

void lqi_add(lq_world *w, lqi_column *c, uint32_t row, const uint8_t *value) {
  lqi_touch(w, c, row);
  c->has[row >> 6] |= lqi_bit(row);
  lqi_copy(lqi_row(c, row), value, c->row_bytes);
}

void lqi_remove(lq_world *w, lqi_column *c, uint32_t row) {
  if (!lqi_test(c->has, row)) return;
  lqi_touch(w, c, row);
  c->has[row >> 6] &= ~lqi_bit(row);
  lqi_zero(lqi_row(c, row), c->row_bytes);
}

lq_err lq_world_add(lq_world *world, lq_entity entity, uint32_t type) {
  lqi_column *c = lqi_type(world, type);
  uint32_t row = lqi_live_row(world, entity);
  if (row == UINT32_MAX) return LQ_ERR_STALE;
  if (!lqi_test(c->has, row)) lqi_add(world, c, row, world->schema->component[type].defaults);
  return LQ_OK;
}

lq_err lq_world_remove(lq_world *world, lq_entity entity, uint32_t type) {
  lqi_column *c = lqi_type(world, type);
  uint32_t row = lqi_live_row(world, entity);
  if (row == UINT32_MAX) return LQ_ERR_STALE;
  lqi_remove(world, c, row);
  return LQ_OK;
}

bool lq_world_has(const lq_world *world, lq_entity entity, uint32_t type) {
  const lqi_column *c = lqi_type_const(world, type);
  uint32_t row = lqi_live_row(world, entity);
  return row != UINT32_MAX && lqi_test(c->has, row);
}

uint64_t lq_world_mask(const lq_world *world, lq_entity entity) {
  uint32_t row = lqi_live_row(world, entity);
  uint64_t mask = 0;
  if (row == UINT32_MAX) return 0;
  for (uint32_t t = 0; t < world->schema->component_count; t++)
    if (lqi_test(world->column[t].has, row)) mask |= 1ull << t;
  return mask;
}

const void *lq_world_get(const lq_world *world, lq_entity entity, uint32_t type) {
  const lqi_column *c = lqi_type_const(world, type);
  uint32_t row = lqi_live_row(world, entity);
  return row != UINT32_MAX && lqi_test(c->has, row) ? lqi_row(c, row) : NULL;
}

void *lq_world_write(lq_world *world, lq_entity entity, uint32_t type) {
  lqi_column *c = lqi_type(world, type);
  uint32_t row = lqi_live_row(world, entity);
  if (row == UINT32_MAX || !lqi_test(c->has, row)) return NULL;
  lqi_touch(world, c, row);
  return lqi_row(c, row);
}
