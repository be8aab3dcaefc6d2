/* The world: entities and component columns of one session, in one contiguous block of the caller's
 * memory.
 *
 * Shape: every component type has a column indexed directly by entity row, and a bitset that says
 * which rows hold it. So a query is an AND of words, iteration is always in ascending row order
 * (canonical: no history of adds and removes shows in it), and adding a component sets a bit and
 * writes the default. Beside each column lie a `previous` column and a dirty bitset: the first
 * write to a row in a frame saves the old row. lq_world_frame_end compares, so that deltas are
 * exact and the state hash is kept up incrementally. Rows without a component hold zero bytes, so
 * saved bytes are canonical. Rows: a new entity takes the lowest free row. Handles carry the row's
 * generation. Hash: wrapping sum over entities of H(row, id, owner) and over components of H(row,
 * type name, row bytes): order-free; two worlds with the same live rows, ids, owners and values
 * share it, whatever came and went before. Generations and the counter of made-up ids are not in
 * it; they are in the saved bytes. Limits: LQ_COMPONENTS_MAX types, entities_max rows (declared by
 * the game), LQ_DEFER_BYTES of deferred changes. Owner: one session; no thread safety. Nothing here
 * allocates. Replay: the save format carries LQ_ABI_VERSION and the schema's hash. */
#ifndef LQ_ENGINE_ECS_ECS_H
#define LQ_ENGINE_ECS_ECS_H

#include "lq_engine/ecs/record.h"

/* Who may see a component (or an event). */
typedef enum lq_see { LQ_SEE_ALL = 0, LQ_SEE_OWNER, LQ_SEE_TEAM, LQ_SEE_ROLE, LQ_SEE_NONE } lq_see;

typedef struct lq_visibility {
  uint8_t see;    /* lq_see */
  uint32_t roles; /* LQ_SEE_ROLE: bit mask of the game's roles that may see it */
} lq_visibility;

typedef struct lq_component {
  lq_record record;
  uint16_t version; /* from 1 */
  bool stored, audited, sealed;
  lq_visibility visible;
  uint8_t defaults[LQ_ROW_BYTES_MAX]; /* canonical default row */
} lq_component;

/* A game's component types; borrowed by every world made from it, until the world's last use. */
typedef struct lq_schema {
  uint32_t component_count;
  uint64_t hash; /* set by lq_schema_seal */
  const lq_component *component;
} lq_schema;

/* Checks names unique and rows laid out, sets hash (lq_record_hash, version of each, in order).
 * LQ_ERR_EXISTS for two of one name, LQ_ERR_INVALID for a bad name, a row not laid out or defaults
 * that are not canonical, LQ_ERR_RANGE for more than LQ_COMPONENTS_MAX. */
LQ_MUST lq_err lq_schema_seal(lq_schema *schema);
/* Index of the component of that name, or UINT32_MAX. */
uint32_t lq_schema_find(const lq_schema *schema, lq_span name);

typedef struct lq_world lq_world; /* lives at the start of the caller's block */

/* Bytes a world needs; the block should be zero pages taken lazily (rows are touched from the
 * lowest up). */
size_t lq_world_bytes(const lq_schema *schema, uint32_t entities_max);
/* `memory` must be zeroed, 64-byte aligned, and live as long as the world. LQ_ERR_RANGE for
 * entities_max 0 or above LQ_ENTITIES_MAX, LQ_ERR_MEMORY when bytes is too small. */
LQ_MUST lq_err lq_world_init(void *memory, size_t bytes, const lq_schema *schema,
                             uint32_t entities_max, lq_world **out);
const lq_schema *lq_world_schema(const lq_world *world);
uint32_t lq_world_entities_max(const lq_world *world);
uint32_t lq_world_entity_count(const lq_world *world);
/* One above the highest live row. */
uint32_t lq_world_row_end(const lq_world *world);

/* ---- entities ---- */
/* id: NULL gives "e<n>" from the world's counter (skipping ids in use). LQ_ERR_FULL, LQ_ERR_EXISTS,
 * LQ_ERR_INVALID. */
LQ_MUST lq_err lq_world_create(lq_world *world, const char *id, uint16_t owner, lq_entity *out);
LQ_MUST lq_err lq_world_delete(lq_world *world, lq_entity entity); /* LQ_ERR_STALE */
bool lq_world_alive(const lq_world *world, lq_entity entity);
lq_entity lq_world_find(const lq_world *world, lq_span id); /* null when unknown */
const char *lq_world_id(const lq_world *world,
                        lq_entity entity); /* "" when stale; valid until the entity dies */
uint16_t lq_world_owner(const lq_world *world,
                        lq_entity entity); /* player slot; 0 = nobody, also when stale */
LQ_MUST lq_err lq_world_set_owner(lq_world *world, lq_entity entity, uint16_t owner);
lq_entity lq_world_entity_at(const lq_world *world, uint32_t row); /* null when the row is free */
lq_entity_names lq_world_names(const lq_world *world); /* for record encode and decode */
/* Gives a world fresh from lq_world_init, of any schema, the entities of `from`: same rows,
 * generations, ids, owners and id counter, no components (for migrations). LQ_ERR_FULL. */
LQ_MUST lq_err lq_world_adopt(lq_world *fresh, const lq_world *from);

/* ---- components ---- (type: index in the schema; LQ_CHECKed) */
/* Sets the default when new; LQ_OK and no change when it is there already. LQ_ERR_STALE. */
LQ_MUST lq_err lq_world_add(lq_world *world, lq_entity entity, uint32_t type);
LQ_MUST lq_err lq_world_remove(lq_world *world, lq_entity entity,
                               uint32_t type); /* absent is LQ_OK */
bool lq_world_has(const lq_world *world, lq_entity entity, uint32_t type);
uint64_t lq_world_mask(const lq_world *world, lq_entity entity); /* bit per type */
/* The row, or NULL when stale or absent. Pointers stay valid until the component is removed. */
const void *lq_world_get(const lq_world *world, lq_entity entity, uint32_t type);
void *lq_world_write(lq_world *world, lq_entity entity, uint32_t type); /* marks the row dirty */

/* ---- queries ---- */
typedef struct lq_query {
  uint64_t with, without; /* bit per component type */
} lq_query;
/* Yields maximal runs of consecutive matching rows in ascending order. Structural change during
 * iteration must be deferred (lq_defer_*). */
typedef struct lq_iter {
  lq_world *world;
  lq_query query;
  uint32_t first, count; /* this run */
  uint32_t next;         /* where the search goes on */
} lq_iter;
lq_iter lq_world_query(lq_world *world, lq_query query);
bool lq_iter_next(lq_iter *iter);
/* Column of this run: element 0 belongs to row iter->first. write marks the run dirty. NULL for a
 * type that is not in query.with. */
const void *lq_iter_read(const lq_iter *iter, uint32_t type);
void *lq_iter_write(lq_iter *iter, uint32_t type);
lq_entity lq_iter_entity(const lq_iter *iter, uint32_t index); /* index 0..count-1 */

/* ---- whole columns, for a call of a guest ---- */
/* Copies of rows 0..rows-1 as they are now, rows being lq_world_row_end at most: a bit for each row
 * in words of 64; u32 generation, u16 owner and u16 zero; LQ_ID_BYTES of id. Free rows have no bit,
 * their id is zeroes. Costs a memcpy each. */
void lq_world_copy_entities(const lq_world *world, uint32_t rows, void *live, void *entities,
                            void *ids);
/* The same of a component: its bits, and its rows made canonical, zeroes where it is absent. */
void lq_world_copy_column(const lq_world *world, uint32_t type, uint32_t rows, void *has,
                          void *out);

/* ---- deferred structural change: queued now, applied in order by lq_world_flush ---- */
/* The queue holds LQ_DEFER_BYTES at most, in small worlds 16 KiB + 256 bytes an entity; each change
 * takes 16 bytes and its row. Errors: as the immediate call, and LQ_ERR_FULL. */
/* Reserves the entity at once (its handle is valid for further lq_defer_*, lq_world_id and
 * lq_world_owner; its id is in use), alive, found and seen by queries after the flush. */
LQ_MUST lq_err lq_defer_create(lq_world *world, const char *id, uint16_t owner, lq_entity *out);
LQ_MUST lq_err lq_defer_delete(lq_world *world, lq_entity entity);
LQ_MUST lq_err lq_defer_add(lq_world *world, lq_entity entity, uint32_t type,
                            const void *row); /* NULL = as lq_world_add; else set, there or not */
LQ_MUST lq_err lq_defer_remove(lq_world *world, lq_entity entity, uint32_t type);
/* Applies and empties the queue; a change to an entity deleted earlier in the queue is skipped. */
void lq_world_flush(lq_world *world);
/* Empties the queue unapplied: rows, ids and the id counter are as before the queue's first change
 * (a refused command). */
void lq_world_drop(lq_world *world);

/* ---- frame ---- */
/* Forgets the last frame's changes: dirty bits, previous rows. Also what a world starts with. What
 * was written or deferred since frame_end is settled into the hash first, and reported by no frame.
 */
void lq_world_frame_begin(lq_world *world);
/* Flushes what is still deferred, canonicalises what was written, turns "dirty" into "really
 * changed", brings the hash up to date. May be called again after more writes. */
void lq_world_frame_end(lq_world *world);
uint64_t lq_world_hash(const lq_world *world); /* valid after frame_end, load, init */
uint64_t
lq_world_hash_full(const lq_world *world); /* recomputed from nothing; must equal the above */
/* Undoes everything since frame_begin (a system failed), before or after frame_end: the world is as
 * it was, hash, free rows, generations and id counter included; the defer queue is empty. */
void lq_world_rollback(lq_world *world);

/* What changed in the frame, row by row ascending; valid between frame_end and the next
 * frame_begin. */
typedef struct lq_change {
  uint32_t row;
  bool died; /* an entity of this row existed before and is gone (or the row was reused) */
  bool born; /* the row's entity is new in this frame */
  char old_id[LQ_ID_BYTES]; /* when died */
  uint16_t old_owner;       /* when died or the owner changed; else the owner */
  uint64_t old_mask;        /* component types before the frame */
  lq_entity entity;         /* the live entity now, or null */
  bool owner_changed;
  uint64_t set;     /* types whose row is new or changed */
  uint64_t removed; /* types the same, still living entity lost */
} lq_change;
/* Start with *cursor = 0; false at the end. */
bool lq_world_change_next(const lq_world *world, uint32_t *cursor, lq_change *out);
/* The row before the frame of a type in old_mask (for audit mutations and visibility), or NULL. */
const void *lq_world_previous(const lq_world *world, uint32_t row, uint32_t type);

/* ---- save and load ---- */
/* Upper bound of the saved bytes now. */
size_t lq_world_save_bytes(const lq_world *world);
/* Canonical: equal content and allocation state give equal bytes. Only after frame_end,
 * frame_begin, rollback, load or init, nothing written or deferred since: LQ_CHECKed. */
LQ_MUST lq_err lq_world_save(const lq_world *world,
                             lq_writer *out); /* LQ_ERR_TOO_BIG when it does not fit */
/* Into a world fresh from lq_world_init with the same schema. Checks everything: LQ_ERR_VERSION
 * (ABI or schema), LQ_ERR_CORRUPT, LQ_ERR_TRUNCATED, LQ_ERR_FULL (more rows than entities_max). On
 * failure the world must be thrown away. The state hash is taken from the save, under its checksum;
 * lq_world_hash_full proves it. */
LQ_MUST lq_err lq_world_load(lq_world *world, lq_span saved);

#endif
