/* Cooked shapes of a game: assets/ of its folder. Each file is one shape, named by its stem, and
 * goes into the encoded game, so that whoever has the release has its shapes. */
#include "lq_engine/physics/asset.h"
#include "lq_base/limits.h"
#include "lq_service/release/described.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct gathering {
  lqi_assets *out;
  const char *folder; /* assets/ */
  size_t bytes;
  lq_err err;
  lq_diag *diag;
} gathering;

static uint64_t id_of(lq_span cooked) {
  lq_sha256 digest = lq_sha256_of(cooked);
  lq_reader first = lq_reader_of(lq_span_of(digest.bytes, 8));
  uint64_t id = lq_read_u64(&first) & LQ_GAME_ASSET_ID;
  return id ? id : 1;
}

/* The file's bytes, checked, as the next asset. */
static lq_err take(gathering *g, const char *path, lq_game_asset *asset) {
  lq_physics_asset_info info;
  lq_diag why = {0};
  uint8_t *data = NULL;
  size_t bytes = 0;
  lq_err err = lq_file_read(path, LQ_GAME_BYTES_MAX, &data, &bytes);
  if (err) return lqi_say(g->diag, err, NULL, "%.300s: %s", path, lq_err_cause(err));
  g->out->owned[g->out->count++] = data; /* of malloc: aligned */
  if ((g->bytes += bytes) > LQ_GAME_BYTES_MAX)
    return lqi_say(g->diag, LQ_ERR_TOO_BIG, "cook them coarser",
                   "%.300s: the game's shapes have more than %u bytes", path, LQ_GAME_BYTES_MAX);
  if ((err = lq_physics_asset_info_read(data, bytes, &info, &why)))
    return lqi_say(g->diag, err, "cook it again: lq asset cook", "%.300s: %.150s", path,
                   why.message[0] ? why.message : lq_err_cause(err));
  asset->cooked = lq_span_of(data, bytes);
  asset->id = id_of(asset->cooked);
  return LQ_OK;
}

static bool gather(void *context, const char *name, bool is_folder) {
  static const char end[] = ".lqs";
  gathering *g = context;
  size_t bytes = strlen(name);
  char path[LQI_PATH_BYTES];
  if (is_folder || name[0] == '.' || bytes < sizeof end ||
      strcmp(name + bytes - (sizeof end - 1), end) != 0)
    return true;
  lq_span stem = lq_span_of((const uint8_t *)name, bytes - (sizeof end - 1));
  lq_game_asset *asset = &g->out->asset[g->out->count];
  if (g->out->count == LQ_GAME_ASSETS_MAX)
    g->err = lqi_say(g->diag, LQ_ERR_TOO_BIG, "put parts into one compound",
                     "%s: more than %u shapes", g->folder, LQ_GAME_ASSETS_MAX);
  else if (!lq_name_valid(stem) || !lq_text_copy(asset->name, sizeof asset->name, stem) ||
           !lqi_path(path, g->folder, name))
    g->err = lqi_say(g->diag, LQ_ERR_INVALID, "use letters, digits and _, a letter first",
                     "%s: the file name %s is not usable", g->folder, name);
  else
    g->err = take(g, path, asset);
  return g->err == LQ_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const lq_game_asset *)a)->name, ((const lq_game_asset *)b)->name);
}

lq_err lqi_assets_read(const char *folder, lqi_assets *out, lq_diag *diag) {
  char path[LQI_PATH_BYTES];
  if (!lqi_path(path, folder, "assets"))
    return lqi_say(diag, LQ_ERR_TOO_BIG, NULL, "the folder's name is too long");
  gathering g = {.out = out, .folder = path, .diag = diag};
  lq_err err = lq_folder_list(path, gather, &g);
  if (err == LQ_ERR_NOT_FOUND) return LQ_OK; /* a game of simple shapes */
  if (err) return lqi_say(diag, err, NULL, "%s: %s", path, lq_err_cause(err));
  qsort(out->asset, out->count, sizeof *out->asset, by_name); /* "a.lqs" is behind "a_b.lqs" */
  return g.err;
}

void lqi_assets_free(lqi_assets *assets) {
  for (uint32_t i = 0; i < LQ_GAME_ASSETS_MAX; i++) lq_file_free(assets->owned[i]);
}
