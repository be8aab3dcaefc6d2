/* The queue of deferred changes: 16-byte entries, each followed by its row when it has one. */
#include "lq_engine/ecs/ecs_int.h"

enum { DEFER_CREATE = 1, DEFER_DELETE, DEFER_ADD, DEFER_REMOVE };

typedef struct entry {
  lq_entity entity;
  uint16_t op, type;
  uint32_t row_bytes; /* that follow, rounded up to 8 in the queue */
} entry;
_Static_assert(sizeof(entry) == 16, "entries stay aligned to 8");

static size_t padded(size_t bytes) { return (bytes + 7) & ~(size_t)7; }

static bool has_room(const lq_world *w, size_t row_bytes) {
  return sizeof(entry) + padded(row_bytes) <= w->queue_bytes_max - w->queue_bytes;
}

/* Returns where the row goes, or NULL when the queue is full. */
static uint8_t *push(lq_world *w, entry e) {
  if (!has_room(w, e.row_bytes)) return NULL;
  if (w->queue_bytes == 0 && e.op != DEFER_CREATE) w->auto_id_queue = w->auto_id;
  uint8_t *at = w->queue + w->queue_bytes;
  memcpy(at, &e, sizeof e);
  w->queue_bytes += (uint32_t)(sizeof e + padded(e.row_bytes));
  return at + sizeof e;
}

lq_err lq_defer_create(lq_world *world, const char *id, uint16_t owner, lq_entity *out) {
  *out = LQ_ENTITY_NULL;
  if (!has_room(world, 0)) return LQ_ERR_FULL;
  uint32_t row;
  if (world->queue_bytes == 0) world->auto_id_queue = world->auto_id;
  lq_err err = lqi_reserve(world, id, owner, &row);
  if (err) return err;
  *out = lqi_handle(world, row);
  (void)push(world, (entry){.entity = *out, .op = DEFER_CREATE});
  return LQ_OK;
}

static lq_err push_change(lq_world *w, entry e, const uint8_t *value) {
  if (lqi_taken_row(w, e.entity) == UINT32_MAX) return LQ_ERR_STALE;
  uint8_t *at = push(w, e);
  if (!at) return LQ_ERR_FULL;
  if (value && e.row_bytes) memcpy(at, value, e.row_bytes);
  return LQ_OK;
}

lq_err lq_defer_delete(lq_world *world, lq_entity entity) {
  return push_change(world, (entry){.entity = entity, .op = DEFER_DELETE}, NULL);
}

lq_err lq_defer_add(lq_world *world, lq_entity entity, uint32_t type, const void *row) {
  const lqi_column *c = lqi_type(world, type);
  entry e = {entity, DEFER_ADD, (uint16_t)type, row ? c->row_bytes : 0};
  return push_change(world, e, row);
}

lq_err lq_defer_remove(lq_world *world, lq_entity entity, uint32_t type) {
  (void)lqi_type(world, type);
  return push_change(world, (entry){entity, DEFER_REMOVE, (uint16_t)type, 0}, NULL);
}

/* Without a row an added component keeps what it holds already, as lq_world_add does. */
static void apply_add(lq_world *w, const entry *e, uint32_t row, const uint8_t *value) {
  lqi_column *c = &w->column[e->type];
  if (e->row_bytes)
    lqi_add(w, c, row, value);
  else if (!lqi_test(c->has, row))
    lqi_add(w, c, row, w->schema->component[e->type].defaults);
}

static void apply(lq_world *w, const entry *e, const uint8_t *value) {
  if (e->op == DEFER_CREATE) {
    lqi_make_live(w, lqi_taken_row(w, e->entity));
    return;
  }
  uint32_t row = lqi_live_row(w, e->entity);
  if (row == UINT32_MAX) return;
  if (e->op == DEFER_DELETE)
    lqi_delete(w, row);
  else if (e->op == DEFER_ADD)
    apply_add(w, e, row, value);
  else
    lqi_remove(w, &w->column[e->type], row);
}

void lq_world_flush(lq_world *world) {
  for (uint32_t at = 0; at < world->queue_bytes;) {
    entry e;
    memcpy(&e, world->queue + at, sizeof e);
    apply(world, &e, world->queue + at + sizeof e);
    at += (uint32_t)(sizeof e + padded(e.row_bytes));
  }
  world->queue_bytes = 0;
}

/* Gives a reserved row back; nothing may hold its handle any more. */
static void unreserve(lq_world *w, lq_entity entity) {
  uint32_t row = lqi_taken_row(w, entity);
  lqi_entity *e = &lqi_entities(w)[row];
  lqi_index_erase(w, row);
  *e = (lqi_entity){.generation = e->generation == 1 ? 0 : e->generation};
  lqi_give_row(w, row);
}

void lq_world_drop(lq_world *world) {
  if (world->queue_bytes == 0) return;
  for (uint32_t at = 0; at < world->queue_bytes;) {
    entry e;
    memcpy(&e, world->queue + at, sizeof e);
    if (e.op == DEFER_CREATE) unreserve(world, e.entity);
    at += (uint32_t)(sizeof e + padded(e.row_bytes));
  }
  world->auto_id = world->auto_id_queue;
  world->queue_bytes = 0;
}
