/* The rules of two games told a second time, in plain arrays: what a replayed session is held to.
 *
 * Told from the games' documented rules (game.yaml, README.md) and the session's (session.h), and
 * not with the code that is being checked: no system of the games runs here, and of the engine only
 * the readers of journaled commands and events and of the world are used. Everything a tick gives
 * is compared: outcomes, events, every entity with its owner and components, players, ids.
 * Owner: one session, from its first tick on. Replay: no clock, no order but the journal's. */
#ifndef LQ_APPS_LQSIM_MODEL_MODEL_H
#define LQ_APPS_LQSIM_MODEL_MODEL_H

#include "lq_engine/session/session.h"

typedef struct model model;

/* Which rules: by the game's name, "demo" (the treasure hunt) or "bank"; seed: the session's. NULL:
 * out of memory, or a game (or a shape of it) that the model does not know. The game is borrowed.
 */
model *model_open(const lq_game *game, uint64_t seed);
void model_close(model *m); /* NULL is legal */
/* One tick, the first one first: result->commands is re-told, then what came out must be the same.
 * The session may go on under another release of the game between ticks. False: `why` names tick,
 * entity, field and both values, and the model is of no use any more. A quiet tick costs well below
 * a microsecond: then the world is compared every 64th time. */
bool model_tick(model *m, lq_session *session, const lq_tick_result *result, char *why,
                size_t why_bytes);
/* The sum of all money, which the world's was equal to at the last comparison. "bank": never
 * changes. "demo": what was collected, also by players who have left: chest_value a chest. */
int64_t model_money(const model *m);
/* Chests collected so far ("demo"). */
uint64_t model_collected(const model *m);

#endif
