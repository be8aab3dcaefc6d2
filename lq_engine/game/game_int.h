/* What the files of game/ share with each other. */
#ifndef LQ_ENGINE_GAME_GAME_INT_H
#define LQ_ENGINE_GAME_GAME_INT_H

#include "lq_engine/game/game.h"

/* Bytes of the rows of an entity that has these component types. */
static inline size_t lqi_game_mask_bytes(const lq_schema *schema, uint64_t mask) {
  size_t bytes = 0;
  for (uint32_t t = 0; t < schema->component_count; t++)
    if (mask >> t & 1) bytes += schema->component[t].record.row_bytes;
  return bytes;
}
/* A text in a fixed field that is terminated and zero behind its NUL. */
bool lqi_game_text_ok(const char *text, size_t capacity);
/* Segments of lq_name_valid joined by dots, shorter than `capacity`. */
bool lqi_game_dotted_valid(const char *text, size_t capacity);
/* "treasure.collected" as a part of a C identifier: "treasure_collected". */
void lqi_game_c_name(const char *name, char *out, size_t capacity);
/* The world of a game with physics: its config, components, events and system; finds where they
 * are. */
LQ_MUST lq_err lqi_game_seal_physics(lq_game *game, lq_diag *diag);
/* Is that system the engine's own? */
static inline bool lqi_game_own_system(const lq_game *game, uint32_t system) {
  return game->physics.on && game->physics.system == system;
}
/* A name that C, or the generated header, uses for itself. */
bool lqi_game_c_reserved(const char *name);

#endif
