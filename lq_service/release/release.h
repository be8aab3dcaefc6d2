/* From a game's folder to a release: game.yaml checked and encoded, native sources compiled and
 * bound.
 *
 * A release is one content-addressed blob: the encoded game (lq_game_encode) and the native
 * sources, and its id is the SHA-256 of that. The compiled module is a cache beside it, made again
 * when missing, so a release replays on any machine with a compiler. Loaded games and modules stay
 * until the program ends: sessions borrow them. */
#ifndef LQ_SERVICE_RELEASE_RELEASE_H
#define LQ_SERVICE_RELEASE_RELEASE_H

#include "lq_engine/game/game.h"
#include "lq_host/host.h"

typedef struct lq_release {
  uint8_t id[32];
  char id_hex[65];
  lq_span blob;        /* for the blob store */
  const lq_game *game; /* bound, immutable */
} lq_release;

typedef struct lq_releases lq_releases; /* every release this process has loaded, by id */
/* cache_folder: compiled modules, e.g. ".lq/modules" (made when needed). cc: the compiler, NULL =
 * $CC or "cc"; words are split at spaces ("ccache gcc"). All functions may be called by any thread.
 */
LQ_MUST lq_err lq_releases_open(const char *cache_folder, const char *cc, lq_releases **out);
/* After the last session of any of its releases. */
void lq_releases_close(lq_releases *releases);
/* Reads folder/game.yaml and folder/systems/ *.c. Errors carry file, line, column, cause and mend
 * (diag.message starts with the file name). */
LQ_MUST lq_err lq_releases_build(lq_releases *releases, const char *folder, const lq_release **out,
                                 lq_diag *diag);
/* From a blob of the store: form checked, compiled when not cached, bound. The id is the SHA-256 of
 * the blob: compare it with the one that was asked for. */
LQ_MUST lq_err lq_releases_load(lq_releases *releases, lq_span blob, const lq_release **out,
                                lq_diag *diag);
/* Loaded already? NULL when not. */
const lq_release *lq_releases_find(const lq_releases *releases, const uint8_t id[32]);
/* game.yaml text to a sealed, unbound game in the arena (also the fuzz target's door). file: for
 * messages. */
LQ_MUST lq_err lq_game_yaml_read(lq_span text, const char *file, lq_arena *arena, lq_game **out,
                                 lq_diag *diag);
/* Writes a new game's folder from a template: "treasure_hunt", "turns" (on_command), "empty".
 * LQ_ERR_EXISTS, LQ_ERR_NOT_FOUND (lists what there is). */
LQ_MUST lq_err lq_template_write(const char *template_name, const char *game_name,
                                 const char *folder, lq_diag *diag);
/* Names of the templates, NULL-terminated. */
const char *const *lq_template_names(void);

#endif
