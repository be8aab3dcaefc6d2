/* From a game's folder to a release: game.yaml and what the game's guests say of themselves made
 * one, encoded; native sources compiled and bound.
 *
 * A release is one content-addressed blob: the encoded game (lq_game_encode) and the sources of
 * every language, and its id is the SHA-256 of that. The compiled module is a cache beside it, made
 * again when missing, so a release replays on any machine with a compiler. Loaded games and modules
 * stay until the program ends: sessions borrow them. */
#ifndef LQ_SERVICE_RELEASE_RELEASE_H
#define LQ_SERVICE_RELEASE_RELEASE_H

#include "lq_engine/game/game.h"
#include "lq_host/host.h"
#include "lq_service/guest/guests.h"

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
/* How a language's sources are asked what they hold: lq_guest_describe (guest_describe.h). */
typedef lq_err (*lq_describe_fn)(lq_guest_language language, lq_span game,
                                 const lq_guest_source *file, uint32_t count,
                                 const char *jail_folder, lq_writer *json, lq_diag *diag);
/* From now on games with guests can be built; without, their build fails and says so. jail_folder:
 * kept; where lq-jail-python and the others lie. Before the first build. */
void lq_releases_guests(lq_releases *releases, lq_describe_fn describe, const char *jail_folder);
/* Reads folder/game.yaml and the sources in folder/systems/ (.c, .h, .py, .lua, .wasm). Errors
 * carry file, line, column, cause and mend (diag.message starts with the file name). */
LQ_MUST lq_err lq_releases_build(lq_releases *releases, const char *folder, const lq_release **out,
                                 lq_diag *diag);
/* From a blob of the store: form checked, compiled when not cached, bound. The id is the SHA-256 of
 * the blob: compare it with the one that was asked for. */
LQ_MUST lq_err lq_releases_load(lq_releases *releases, lq_span blob, const lq_release **out,
                                lq_diag *diag);
/* What guests are started with: files of every release loaded here. After lq_releases_guests. */
lq_guest_supply lq_releases_supply(lq_releases *releases);
/* Loaded already? NULL when not. */
const lq_release *lq_releases_find(const lq_releases *releases, const uint8_t id[32]);
/* The files of a language, by name; how many there are. out: at most `capacity`, borrowed from the
 * release. */
uint32_t lq_release_sources(const lq_release *release, lq_guest_language language,
                            lq_guest_source *out, uint32_t capacity);
/* "C", "Python", "Lua", "WASM". */
const char *lq_guest_language_name(lq_guest_language language);
/* game.yaml text to a sealed, unbound game in the arena (also the fuzz target's door). file: for
 * messages. */
LQ_MUST lq_err lq_game_yaml_read(lq_span text, const char *file, lq_arena *arena, lq_game **out,
                                 lq_diag *diag);
/* Writes a new game's folder from a template: "treasure_hunt", "turns" (on_command), "empty".
 * language: "python", "lua", "c", "assemblyscript", "wasm" (C for it); NULL = "c", which every
 * template has. LQ_ERR_EXISTS, LQ_ERR_NOT_FOUND (lists what there is). */
LQ_MUST lq_err lq_template_write(const char *template_name, const char *language,
                                 const char *game_name, const char *folder, lq_diag *diag);
bool lq_template_has(const char *template_name, const char *language);
/* Names of the templates, and of languages, NULL-terminated. */
const char *const *lq_template_names(void);
const char *const *lq_template_languages(void);

#endif
