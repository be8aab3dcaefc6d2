/* The guest's side of a call: a world to read and write, and the list of changes that grows
 * meanwhile. Used by every language's runtime, in the guest's process.
 *
 * Writes are seen by later reads of the same call (they go into the call's own copy and onto the
 * list); what adds, removes, creates or deletes is put on the list and seen from the next system
 * on. Rows iterate in ascending order. The call is trusted no more than the guest: both sides
 * check what they read. */
#ifndef LQ_ENGINE_GUEST_VIEW_H
#define LQ_ENGINE_GUEST_VIEW_H

#include "lq_engine/game/game.h"
#include "lq_engine/guest/wire.h"

typedef struct lq_guest_view {
  const lq_game *game;
  uint8_t *call; /* the caller's memory, 8-aligned */
  const lq_guest_call *head;
  const lq_guest_column *column_of[LQ_COMPONENTS_MAX]; /* NULL: not to be seen */
  uint64_t writes;                                     /* types that may be set, added, removed */
  lq_prng prng;
  uint32_t draws, created, sent;
  lq_writer changes;   /* the caller's memory behind the reply's head */
  const char *refused; /* borrowed until lq_guest_view_end; NULL: not refused */
  char words[160];     /* what *why points to */
} lq_guest_view;

/* Checks the call: that its parts lie inside it in the order of wire.h, so that none can be written
 * through another, and fit the game. LQ_ERR_CORRUPT, LQ_ERR_VERSION. reply:
 * LQ_GUEST_REPLY_BYTES_MAX, 8-aligned. */
LQ_MUST lq_err lq_guest_view_begin(lq_guest_view *view, const lq_game *game, void *call,
                                   size_t bytes, void *reply, size_t reply_bytes);
/* Ends the reply; how many bytes it has. status LQ_GUEST_DONE becomes REFUSED when refused is set,
 * and SPENT when the list did not fit. text: for RAISED and SPENT. */
size_t lq_guest_view_end(lq_guest_view *view, lq_guest_status status, lq_span state, lq_span text);

/* ---- reading ---- */
lq_span lq_guest_state(const lq_guest_view *view); /* what the last call left; empty at first */
const uint8_t *lq_guest_body(const lq_guest_view *view); /* LQ_GUEST_COMMAND: its row; else NULL */
/* First row from `from` on that is alive and has all of `with` and nothing of `without`;
 * UINT32_MAX at the end, and for types not to be seen in `with`; those in `without` nobody has. */
uint32_t lq_guest_next(const lq_guest_view *view, uint64_t with, uint64_t without, uint32_t from);
lq_entity lq_guest_handle(const lq_guest_view *view, uint32_t row); /* null when it is free */
uint32_t lq_guest_row(const lq_guest_view *view, lq_entity entity); /* UINT32_MAX: not alive */
/* "" for what is not alive; for an entity made in this call: "". */
const char *lq_guest_id(const lq_guest_view *view, lq_entity entity);
uint16_t lq_guest_owner(const lq_guest_view *view, lq_entity entity); /* 0 where the id is "" */
lq_entity lq_guest_find(const lq_guest_view *view, lq_span id);       /* null when unknown */
/* The row of a component, NULL when it is not there or not to be seen. */
const uint8_t *lq_guest_get(const lq_guest_view *view, lq_entity entity, uint32_t type);

/* ---- changes: false when it cannot be (`*why` then says so in words for the author, until the
 * next call of this header) ---- */
/* Seen at once by lq_guest_get. elements: as in memory; made canonical as a row is. */
bool lq_guest_set(lq_guest_view *view, lq_entity entity, uint32_t type, uint32_t field,
                  uint32_t first, uint32_t count, const void *elements, const char **why);
bool lq_guest_add(lq_guest_view *view, lq_entity entity, uint32_t type, const void *row,
                  const char **why); /* row NULL: defaults */
bool lq_guest_remove(lq_guest_view *view, lq_entity entity, uint32_t type, const char **why);
bool lq_guest_create(lq_guest_view *view, lq_span id, uint16_t owner, lq_entity *out,
                     const char **why);
bool lq_guest_delete(lq_guest_view *view, lq_entity entity, const char **why);
bool lq_guest_emit(lq_guest_view *view, uint32_t event, const void *row, const char **why);
/* A command of game.yaml, as lq_sys_api.command. row as for emit. */
bool lq_guest_send(lq_guest_view *view, uint32_t command, const void *row, const char **why);
void lq_guest_wake(lq_guest_view *view, uint64_t tick);
uint32_t lq_guest_random(lq_guest_view *view, uint32_t bound); /* as lq_prng_below of the session */
uint64_t lq_guest_random_bits(lq_guest_view *view);

#endif
