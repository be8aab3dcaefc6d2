/* What the files of release/ share: the blob, native builds. */
#ifndef LQ_SERVICE_RELEASE_RELEASE_INT_H
#define LQ_SERVICE_RELEASE_RELEASE_INT_H

#include "lq_base/embed.h"
#include "lq_service/release/release.h"

#define LQI_SOURCES_MAX 64u       /* files in systems/: more is more than one game */
#define LQI_SOURCE_NAME_BYTES 64u /* "hunt.c", with its NUL */
#define LQI_PATH_BYTES 1024u

typedef struct lqi_source {
  /* [A-Za-z0-9_.-]+ ending in .c, .h, .py (an identifier before it), .lua or .wasm, no dot first */
  char name[LQI_SOURCE_NAME_BYTES];
  lq_span text; /* borrowed */
} lqi_source;

typedef struct lqi_parts {
  lq_span game; /* lq_game_encode */
  uint32_t source_count;
  lqi_source source[LQI_SOURCES_MAX]; /* ascending names */
} lqi_parts;

/* A name that may stand in systems/; game.h and lq_system.h are written by the build. */
bool lqi_source_name_valid(lq_span name);
bool lqi_source_is_c(const lqi_source *source);
bool lqi_source_is_native(const lqi_source *source);          /* .c and .h: the compiler's */
lq_guest_language lqi_source_guest(const lqi_source *source); /* who runs it; .c, .h: native */
bool lqi_source_kind(lq_span name); /* ends as one of the five, whatever else it is */
/* The blob: u32 "LQRL", u16 1, sized game, varint count, each source: sized name, sized text. */
void lqi_blob_write(const lqi_parts *parts, lq_writer *out);
/* Borrows from the blob. LQ_ERR_CORRUPT, _TRUNCATED, _VERSION, _TOO_BIG. */
LQ_MUST lq_err lqi_blob_read(lq_span blob, lqi_parts *out, lq_diag *diag);

typedef struct lqi_compiler {
  const char *cache;   /* folder of modules */
  const char *command; /* "cc", perhaps with options: "ccache gcc" */
  bool asked;          /* compiler: below is known */
  uint64_t compiler;   /* hash of what --version says; 0 = it does not run */
} lqi_compiler;
/* The module of a release's C sources: from the cache, else compiled into it. label: the folder
 * that errors name, "" for a release from the store. */
LQ_MUST lq_err lqi_native_open(lqi_compiler *compiler, const char id_hex[65], const char *label,
                               const lqi_parts *parts, const lq_game *game, lq_library **library,
                               const lq_module **module, lq_diag *diag);
/* What guests' code and native code do not share: systems and handlers of one name. LQ_ERR_EXISTS.
 * label: as of lqi_native_open; module NULL: nothing. */
LQ_MUST lq_err lqi_module_apart(const lq_game *game, const lq_module *module, const char *label,
                                lq_diag *diag);
/* game.yaml with what the game's guests say of themselves. */
struct lqi_described;
LQ_MUST lq_err lqi_game_read(lq_span text, const char *file, const struct lqi_described *described,
                             lq_arena *arena, lq_game **out, lq_diag *diag);
/* diag's message from now on; mend NULL: the error's own. */
lq_err lqi_say(lq_diag *diag, lq_err code, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "a/b", false when it does not fit. */
LQ_MUST bool lqi_path(char out[LQI_PATH_BYTES], const char *folder, const char *name);

const char *lqi_releases_jails(const lq_releases *releases);

extern const lq_embedded lqi_system_header[];

#endif
