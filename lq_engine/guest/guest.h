/* The engine's side of guests: what a call holds, and how a reply becomes changes of the world.
 *
 * A guest is a function of what it is given: (columns, state, random) -> (changes, state). Nothing
 * it remembers besides its state reaches a session. The engine asks through a port and does not
 * know whether the answer comes at once, later or not at all: a tick that must wait is undone and
 * run again when the answer is there (see session.h). What a reply says is checked like any outside
 * data: a change that cannot be ends the call as failed, and nothing of it stays. */
#ifndef LQ_ENGINE_GUEST_GUEST_H
#define LQ_ENGINE_GUEST_GUEST_H

#include "lq_engine/game/game.h"
#include "lq_engine/guest/wire.h"

/* What is asked. Borrowed by the port for the time of the call. */
typedef struct lq_guest_ask {
  const lq_game *game;
  const lq_world *world;
  uint32_t kind, index; /* lq_guest_kind; as lq_guest_call.index */
  uint32_t ordinal;     /* 0, 1, 2 ... of the tick */
  uint64_t digest; /* of the session before the tick and of the tick's commands. The same digest and
                      ordinal are the same question, when the ordinals before were answered alike */
  uint8_t guest;   /* lq_guest_language */
  uint16_t actor;
  uint64_t tick;
  uint32_t tick_us;
  const lq_prng *prng;
  lq_span state;
  const uint8_t *body; /* the command's row, entities as handles; NULL for a system */
} lq_guest_ask;

typedef enum lq_guest_turn {
  LQ_GUEST_REPLIED = 0,
  LQ_GUEST_WAITS,  /* no answer yet: the tick is undone, and asks again */
  LQ_GUEST_FAILED, /* killed, late, or it cannot be asked: `why` */
} lq_guest_turn;

typedef struct lq_guest_port {
  void *context;
  /* reply: borrowed until the next call of the port; a copy, which the guest cannot write any more.
   * why: "" or text as lq_guest_reply's. */
  lq_guest_turn (*ask)(void *context, const lq_guest_ask *ask, lq_span *reply, const char **why);
} lq_guest_port;

/* Component types that a guest sees, and may change: a handler all of them. */
uint64_t lq_guest_reads(const lq_game *game, uint32_t kind, uint32_t index);
uint64_t lq_guest_writes(const lq_game *game, uint32_t kind, uint32_t index);
/* Bytes that lq_guest_ask_write writes. */
size_t lq_guest_ask_bytes(const lq_guest_ask *ask);
/* The call, as wire.h says. LQ_ERR_TOO_BIG: the world does not fit LQ_GUEST_CALL_BYTES_MAX. */
LQ_MUST lq_err lq_guest_ask_write(const lq_guest_ask *ask, lq_writer *out);

/* A reply, its parts checked for form; they point into it. LQ_ERR_CORRUPT (also more draws than
 * LQ_GUEST_DRAWS_MAX), LQ_ERR_TRUNCATED, LQ_ERR_VERSION, LQ_ERR_TOO_BIG (the state or the text). */
typedef struct lq_guest_said {
  lq_guest_status status;
  uint32_t draws;
  lq_span changes, state, text;
} lq_guest_said;
LQ_MUST lq_err lq_guest_reply_read(lq_span reply, lq_guest_said *out);
/* Applies the changes through `sys`, in order, to types in `writes` only. LQ_OK, or what the first
 * wrong one is (LQ_ERR_CORRUPT, _STALE, _NOT_FOUND, _EXISTS, _INVALID, _RANGE, _FORBIDDEN, _FULL)
 * with words for the author; then some were applied and the caller undoes them. made: room for the
 * handles of what is created, 8 bytes each; LQ_GUEST_MADE_BYTES are always enough. */
#define LQ_GUEST_MADE_BYTES (LQ_DEFER_BYTES / 2)
LQ_MUST lq_err lq_guest_apply(lq_sys *sys, const lq_game *game, uint64_t writes,
                              const lq_guest_said *said, lq_writer *made, lq_diag *diag);

#endif
