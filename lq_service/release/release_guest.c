/* What the processes of a release's guests are started with. */
#include "lq_service/release/release_int.h"

static lq_err files(void *context, const char *tenant, const uint8_t release[32],
                    lq_guest_language language, const lq_game **game,
                    lq_guest_source out[LQ_GUEST_SOURCES_MAX], uint32_t *count, lq_diag *diag) {
  const lq_release *known = lq_releases_find(context, release);
  (void)tenant;
  *count = 0;
  if (!known) return lqi_say(diag, LQ_ERR_NOT_FOUND, NULL, "the release is not loaded");
  *game = known->game;
  *count = lq_release_sources(known, language, out, LQ_GUEST_SOURCES_MAX);
  return LQ_OK;
}

lq_guest_supply lq_releases_supply(lq_releases *releases) {
  return (lq_guest_supply){releases, files, lqi_releases_jails(releases)};
}
