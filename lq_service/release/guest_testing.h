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

#endif
