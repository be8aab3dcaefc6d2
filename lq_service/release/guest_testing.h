/* A session's guests for tests: in real jails, each answer waited for. */
#ifndef LQ_SERVICE_RELEASE_GUEST_TESTING_H
#define LQ_SERVICE_RELEASE_GUEST_TESTING_H

#include "lq_service/guest/guest_describe.h"
#include "lq_service/guest/guests.h"
#include "lq_service/release/build_testing.h"

/* Where the jails' programs were built. */
static inline const char *fx_jails(void) {
  static char folder[1100];
  char own[1024];
  assert_true(lq_program_folder(own));
  (void)snprintf(folder, sizeof folder, "%s/bin", own);
  if (!lq_file_exists(folder)) (void)snprintf(folder, sizeof folder, "%s/../bin", own);
  return folder;
}

typedef struct fx_guests {
  const lq_release *release;
  lq_guests *guests;
} fx_guests;

static inline lq_err fx_guest_files(void *context, const char *tenant, const uint8_t release[32],
                                    lq_guest_language language, const lq_game **game,
                                    lq_guest_source out[LQ_GUEST_SOURCES_MAX], uint32_t *count,
                                    lq_diag *diag) {
  const lq_release *known = context;
  (void)tenant;
  (void)diag;
  assert_memory_equal(release, known->id, 32);
  *game = known->game;
  *count = lq_release_sources(known, language, out, LQ_GUEST_SOURCES_MAX);
  return LQ_OK;
}

static inline void fx_guests_open(fx_guests *g, const lq_release *release, lq_session *session) {
  lq_guest_supply supply = {(void *)(uintptr_t)release, fx_guest_files, fx_jails()};
  *g = (fx_guests){.release = release};
  assert_ok(lq_guests_open(NULL, &supply, &g->guests));
  lq_session_guests(session, lq_guests_waiting(g->guests, "test", release->id));
}
static inline uint64_t fx_guests_asked(const fx_guests *g) {
  return lq_guests_stats(g->guests).calls;
}
static inline void fx_guests_close(fx_guests *g) { lq_guests_close(g->guests); }

/* ---- pages of docs/ whose examples are guests ---- */
enum { FX_BLOCK_BYTES = 8 << 10 };

/* The next fenced block from *at on; false at the end. */
static inline bool fx_block(const char **at, char tag[16], char out[FX_BLOCK_BYTES]) {
  const char *from = strstr(*at, "\n```");
  if (!from) return false;
  from += 4;
  size_t word = strcspn(from, "\n");
  assert_true(word < 16);
  (void)snprintf(tag, 16, "%.*s", (int)word, from);
  from += word + 1;
  const char *end = strstr(from, "\n```\n");
  assert_non_null(end);
  assert_true(end - from < FX_BLOCK_BYTES - 2);
  (void)snprintf(out, FX_BLOCK_BYTES, "%.*s\n", (int)(end - from), from);
  *at = end + 4;
  return true;
}

/* "# systems/wind.py", "src/count.c, compiled to ...": the first path of the text. */
static inline void fx_path_of(const char *text, char path[128]) {
  while (strncmp(text, "systems/", 8) != 0 && strncmp(text, "src/", 4) != 0) text++;
  (void)snprintf(path, 128, "%.*s", (int)strcspn(text, ", \n"), text);
}
/* Its file's name without an end. */
static inline void fx_stem_of(const char *path, char stem[64]) {
  const char *name = strchr(path, '/') + 1;
  (void)snprintf(stem, 64, "%.*s", (int)(strrchr(name, '.') - name), name);
}

/* src/NAME.c to systems/NAME.wasm, as the pages say. */
static inline void fx_compile_wasm(const char *folder, const char *path) {
  char script[512], stem[64];
  fx_stem_of(path, stem);
  int bytes =
      snprintf(script, sizeof script,
               "mkdir -p %s/systems && clang-19 --target=wasm32 -O2 -nostdlib -ffreestanding "
               "-fno-builtin -Isdk/wasm -Wl,--no-entry -Wl,--stack-first "
               "-Wl,-z,stack-size=16384 -Wl,--strip-all -o %s/systems/%s.wasm %s/%s",
               folder, folder, stem, folder, path);
  assert_true(bytes < (int)sizeof script);
  assert_int_equal(system(script), 0);
}

#endif
