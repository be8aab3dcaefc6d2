/* The outline of a cooked shape of a game's release, for those who draw bodies: read-only, the same
 * for as long as its id is, which is made of its content. No save and no update carries it. */
#include "lq_engine/physics/outline.h"
#include "lq_service/gateway/gateway_int.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  LINES_MAX = 16384,    /* of one answer, all parts together: more is on no screen */
  NUMBER_BYTES_MAX = 16 /* of a float and its comma */
};
_Static_assert(LINES_MAX * 6 * NUMBER_BYTES_MAX + LQ_PHYSICS_CHILDREN_MAX * 256 < LQI_PAGE_BYTES,
               "an outline fits a page");

static const char *const kinds[] = {"sphere", "capsule",  "box",  "plane",
                                    "hull",   "compound", "mesh", "field"};

/* Whose number stands in the address as Shape.asset says it; NULL. */
static const lq_game_asset *asset_of(const lq_game_physics *physics, const char *number) {
  for (uint32_t i = 0; physics->on && i < physics->asset_count; i++) {
    char own[24];
    (void)snprintf(own, sizeof own, "%llu", (unsigned long long)physics->asset[i].id);
    if (!strcmp(own, number)) return &physics->asset[i];
  }
  return NULL;
}

static void numbers(lq_writer *w, const char *name, const float *value, uint32_t count) {
  lq_write_text(w, name);
  for (uint32_t i = 0; i < count; i++) {
    if (i) lq_write_u8(w, ',');
    lq_json_write_f32(w, value[i]);
  }
}

static void part_write(lq_writer *w, const lq_physics_outline *o, const float (*line)[6]) {
  lq_write_text(w, "{\"shape\":\"");
  lq_write_text(w, kinds[o->shape]);
  numbers(w, "\",\"size\":[", o->size, 3);
  numbers(w, "],\"position\":[", o->position, 3);
  numbers(w, "],\"rotation\":[", o->rotation, 4);
  numbers(w, "],\"lines\":[", line[0], o->lines * 6);
  lq_write_text(w, "],\"all\":");
  lq_write_decimal_u(w, o->all);
  lq_write_u8(w, '}');
}

/* LQ_ERR_MEMORY; or the blob is none, as in a release that no session can begin with. */
static lq_err shape_write(lq_writer *w, const lq_game_asset *asset, lq_diag *diag) {
  lq_physics_asset_info info;
  lq_physics_outline part;
  lq_err err = lq_physics_asset_info_read(asset->cooked.data, asset->cooked.bytes, &info, diag);
  if (err) return err;
  float(*line)[6] = malloc(sizeof *line * LINES_MAX);
  if (!line) return LQ_ERR_MEMORY;
  lq_write_text(w, "{\"name\":\"");
  lq_write_text(w, asset->name);
  lq_write_text(w, "\",\"shape\":\"");
  lq_write_text(w, kinds[info.shape]);
  lq_write_text(w, "\",\"parts\":[");
  uint32_t left = LINES_MAX;
  for (uint32_t i = 0; lq_physics_outline_read(asset->cooked.data, i, line, left, &part) == LQ_OK;
       i++, left -= part.lines) {
    if (i) lq_write_u8(w, ',');
    part_write(w, &part, (const float(*)[6])line);
  }
  lq_write_text(w, "]}");
  free(line);
  return w->failed ? LQ_ERR_TOO_BIG : LQ_OK;
}

void lqi_shape_reply(lqi_conn *c, const lq_http_request *request, const lqi_target *target) {
  lq_gateway *g = c->gateway;
  const lq_session_name *name = &target->name;
  const lq_game *game = lq_shard_game(g->options.shard, name->tenant, name->game, NULL);
  const lq_game_asset *asset = asset_of(&game->physics, name->session);
  lq_diag diag = {0};
  char etag[24], headers[80];
  if (!asset) {
    lqi_problem_text(c, LQ_ERR_NOT_FOUND,
                     "the release has no cooked shape of that number; see Shape.asset");
    return;
  }
  (void)snprintf(etag, sizeof etag, "\"%llu\"", (unsigned long long)asset->id);
  (void)snprintf(headers, sizeof headers, "ETag: %s\r\nVary: Authorization\r\n", etag);
  /* A day, not longer: a later server may choose other lines of the same shape. */
  lq_http_response response = {
      .status = 304, .cache = "private, max-age=86400, immutable", .headers = headers};
  if (!lqi_is_held(request, etag)) {
    lq_writer w = lq_writer_of(g->page, LQI_PAGE_BYTES);
    lq_err err = shape_write(&w, asset, &diag);
    if (err) {
      lqi_problem(c, 0, err, &diag, NULL);
      return;
    }
    response.status = 200;
    response.content_type = "application/json";
    response.body = lq_writer_span(&w);
  }
  lqi_reply(c, &response);
}
