/* `lq asset cook|show`: shapes for the physics, from a text of points to a blob; the same text
 * gives the same bytes and the same id on every machine. No server, no data folder. */
#include <stdlib.h>

#include "apps/lq/cli.h"
#include "apps/lq/cook/grid.h"
#include "lq_engine/net/json.h"
#include "lq_engine/physics/asset.h"
#include "lq_engine/physics/mesh.h"
#include "lq_host/host.h"

enum { HULL, COMPOUND, MESH, FIELD, SCALE, OUT };
enum { BLOB_BYTES_MAX = 1 << 30, PATH_BYTES = 512 };

typedef struct desk {
  const lq_cli *cli;
  const char *path;
  lq_obj obj;
  uint8_t *text; /* of the file */
  size_t text_bytes;
  uint8_t *blob;
  size_t blob_bytes;
  lq_physics_mesh_report report; /* of a mesh */
  lq_diag diag;
} desk;

/* Zeroed; 16-byte aligned, as malloc is here. */
static void *take(size_t bytes) { return calloc(1, bytes + 1); }

static void desk_close(desk *d) {
  free(d->obj.point), free(d->obj.corner), free(d->obj.part), free(d->blob);
  if (d->text) lq_file_free(d->text);
}

static lq_err file_read(desk *d, size_t most) {
  lq_err err = lq_file_read(d->path, most, &d->text, &d->text_bytes);
  if (err == LQ_ERR_NOT_FOUND)
    return lq_diag_set(&d->diag, err, "there is no file %.200s", d->path);
  if (err == LQ_ERR_TOO_BIG)
    return lq_diag_set(&d->diag, err, "%.180s is larger than %zu MiB", d->path, most >> 20);
  if (err) return lq_diag_set(&d->diag, err, "%.200s cannot be read", d->path);
  return LQ_OK;
}

/* Points and parts of the text, counted first. */
static lq_err obj_read(desk *d) {
  lq_err err = file_read(d, LQ_OBJ_BYTES_MAX);
  if (err) return err;
  lq_span text = lq_span_of(d->text, d->text_bytes);
  err = lq_obj_read(text, &d->obj, &d->diag);
  if (!err) {
    d->obj.point = take((size_t)d->obj.points * 3 * sizeof *d->obj.point);
    d->obj.part = take((size_t)d->obj.parts * sizeof *d->obj.part);
    if (d->cli->value[MESH]) {
      d->obj.corner = take((size_t)d->obj.triangles * 3 * sizeof *d->obj.corner);
      if (!d->obj.corner) return lq_diag_set(&d->diag, LQ_ERR_MEMORY, "no memory");
    }
    if (!d->obj.point || !d->obj.part) return lq_diag_set(&d->diag, LQ_ERR_MEMORY, "no memory");
    err = lq_obj_read(text, &d->obj, &d->diag);
  }
  if (err) { /* the place, as a compiler says it */
    char message[sizeof d->diag.message];
    const char *what = strchr(d->diag.message, ':');
    (void)snprintf(message, sizeof message, "%.120s:%u%.120s", d->path, d->diag.line,
                   what ? what : ": not OBJ");
    memcpy(d->diag.message, message, sizeof message);
  }
  return err;
}

static lq_err scale(desk *d) {
  const char *text = d->cli->value[SCALE];
  char *rest;
  float by = text ? strtof(text, &rest) : 1;
  if (text && (*rest || !*text || !(by > 0 && by <= 1e6f)))
    return lq_diag_set(&d->diag, LQ_ERR_RANGE, "--scale: a number above 0 and up to 1000000");
  for (size_t i = 0; i < (size_t)d->obj.points * 3; i++) d->obj.point[i] *= by;
  return LQ_OK;
}

/* The hull of some of the points, into room of its own. */
static lq_err hull_of(desk *d, uint32_t from, uint32_t count, uint8_t **out, size_t *bytes) {
  *bytes = LQ_PHYSICS_HULL_BYTES_MAX;
  *out = take(*bytes);
  void *scratch = take(lq_physics_hull_scratch_bytes(count));
  lq_err err = *out && scratch ? lq_physics_hull_cook(d->obj.point + 3 * (size_t)from, count,
                                                      scratch, *out, bytes, &d->diag)
                               : lq_diag_set(&d->diag, LQ_ERR_MEMORY, "no memory");
  free(scratch);
  return err;
}

static lq_err cook_hull(desk *d) { return hull_of(d, 0, d->obj.points, &d->blob, &d->blob_bytes); }

/* A hull for each part of the text, where it stands. */
static lq_err cook_compound(desk *d) {
  lq_physics_child child[LQ_PHYSICS_CHILDREN_MAX] = {0};
  uint8_t *hull[LQ_PHYSICS_CHILDREN_MAX] = {NULL};
  uint32_t count = d->obj.parts;
  lq_err err = LQ_OK;
  if (count == 0 || count > LQ_PHYSICS_CHILDREN_MAX)
    return lq_diag_set(&d->diag, LQ_ERR_RANGE, "%u parts (lines with o or g), and 1 to %u can be",
                       count, LQ_PHYSICS_CHILDREN_MAX);
  for (uint32_t i = 0; i < count && !err; i++) {
    uint32_t from = i ? d->obj.part[i] : 0, to = i + 1 < count ? d->obj.part[i + 1] : d->obj.points;
    size_t bytes;
    err = hull_of(d, from, to - from, &hull[i], &bytes);
    lq_physics_asset_info info;
    if (!err) err = lq_physics_asset_info_read(hull[i], bytes, &info, &d->diag);
    if (err) {
      char message[sizeof d->diag.message];
      (void)snprintf(message, sizeof message, "part %u: %.200s", i + 1, d->diag.message);
      memcpy(d->diag.message, message, sizeof message);
      break;
    }
    child[i] = (lq_physics_child){.shape = LQ_PHYSICS_HULL, .hull = hull[i], .hull_bytes = bytes};
    memcpy(child[i].position, info.centre, sizeof child[i].position);
    memcpy(child[i].rotation, info.axes, sizeof child[i].rotation);
  }
  if (!err) {
    d->blob_bytes = lq_physics_compound_bytes(child, count);
    d->blob = take(d->blob_bytes);
    err = d->blob ? lq_physics_compound_cook(child, count, d->blob, &d->blob_bytes, &d->diag)
                  : lq_diag_set(&d->diag, LQ_ERR_MEMORY, "no memory");
  }
  for (uint32_t i = 0; i < count; i++) free(hull[i]);
  return err;
}

/* The triangles of all parts as one surface. */
static lq_err cook_mesh(desk *d) {
  const lq_physics_mesh_source source = {.points = (const float(*)[3])d->obj.point,
                                         .triangles = (const uint32_t(*)[3])d->obj.corner,
                                         .points_count = d->obj.points,
                                         .triangles_count = d->obj.triangles};
  lq_physics_cook_room room;
  lq_err err = lq_physics_mesh_room(d->obj.points, d->obj.triangles, &room);
  if (err)
    return lq_diag_set(
        &d->diag, err, "%u points (v) and %u triangles (f): 3 and 1 at least, %u and %u at most",
        d->obj.points, d->obj.triangles, 3 * LQ_PHYSICS_TRIANGLES_MAX, LQ_PHYSICS_TRIANGLES_MAX);
  room.out = d->blob = take(room.out_bytes), room.scratch = take(room.scratch_bytes);
  err = room.out && room.scratch ? lq_physics_mesh_cook(&source, &room, &d->report, &d->diag)
                                 : lq_diag_set(&d->diag, LQ_ERR_MEMORY, "no memory");
  d->blob_bytes = d->report.bytes;
  free(room.scratch);
  return err;
}

/* The points as a height field, about its middle. */
static lq_err cook_field(desk *d) {
  lq_grid g;
  lq_physics_cook_room room;
  lq_err err = lq_grid_of(&d->obj, &g, &d->diag);
  if (err) return err;
  lq_physics_field_source source = {.heights = g.heights,
                                    .holes = g.holes,
                                    .count_x = g.count_x,
                                    .count_z = g.count_z,
                                    .spacing_x = g.spacing_x,
                                    .spacing_z = g.spacing_z};
  memcpy(source.centre, g.centre, sizeof source.centre);
  err = lq_physics_field_room(g.count_x, g.count_z, g.holes != NULL, &room);
  if (!err) {
    room.out = d->blob = take(d->blob_bytes = room.out_bytes);
    err = d->blob ? lq_physics_field_cook(&source, &room, &d->diag)
                  : lq_diag_set(&d->diag, LQ_ERR_MEMORY, "no memory");
  }
  lq_grid_free(&g);
  return err;
}

/* ---- telling ---- */

static uint64_t id_of(const desk *d) {
  lq_sha256 sum = lq_sha256_of(lq_span_of(d->blob, d->blob_bytes));
  uint64_t id;
  memcpy(&id, &sum, sizeof id);
  return id;
}

static const char *shape_name(lq_physics_shape shape) {
  static const char *const names[] = {"sphere", "capsule",  "box",  "plane",
                                      "hull",   "compound", "mesh", "field"};
  return names[shape];
}

static void numbers_json(lq_writer *w, const char *name, const float *value, uint32_t count) {
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, count > 1 ? "\":[" : "\":");
  for (uint32_t i = 0; i < count; i++) {
    if (i) lq_write_text(w, ",");
    lq_json_write_f32(w, value[i]);
  }
  if (count > 1) lq_write_text(w, "]");
}

static void counts_json(lq_writer *w, const lq_physics_asset_info *i) {
  const struct {
    const char *name;
    uint32_t count;
  } all[] = {{"vertices", i->vertices},    {"faces", i->faces},
             {"children", i->children},    {"triangles", i->triangles},
             {"samples_x", i->samples[0]}, {"samples_z", i->samples[1]}};
  for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
    if (!all[k].count) continue;
    lq_write_text(w, ",\"");
    lq_write_text(w, all[k].name);
    lq_write_text(w, "\":");
    lq_write_decimal_u(w, all[k].count);
  }
}

static void tell_json(const desk *d, const char *file, const lq_physics_asset_info *i) {
  lq_writer w = lq_out_begin();
  lq_write_text(&w, "{\"file\":");
  lq_json_write_text(&w, lq_span_text(lq_utf8_valid(lq_span_text(file)) ? file : "?"));
  lq_write_text(&w, ",\"id\":\"");
  lq_write_hex64(&w, id_of(d));
  lq_write_text(&w, "\",\"shape\":\"");
  lq_write_text(&w, shape_name(i->shape));
  lq_write_text(&w, "\",\"bytes\":");
  lq_write_decimal_u(&w, d->blob_bytes);
  counts_json(&w, i);
  if (d->report.triangles) { /* only of what was just cooked */
    const uint32_t count[4] = {d->report.welded, d->report.flat, d->report.twice,
                               d->report.open_edges};
    static const char *const name[4] = {
        ",\"welded\":", ",\"flat\":", ",\"twice\":", ",\"open_edges\":"};
    for (uint32_t k = 0; k < 4; k++) lq_write_text(&w, name[k]), lq_write_decimal_u(&w, count[k]);
  }
  numbers_json(&w, "low_m", i->low, 3), numbers_json(&w, "high_m", i->high, 3);
  numbers_json(&w, "reach_m", &i->reach, 1), numbers_json(&w, "volume_m3", &i->volume, 1);
  numbers_json(&w, "density_kg_m3", &i->density, 1);
  numbers_json(&w, "inertia_m2", i->inertia, 3);
  numbers_json(&w, "centre_m", i->centre, 3), numbers_json(&w, "axes", i->axes, 4);
  lq_write_text(&w, "}");
  lq_out_end(&w);
}

static void tell_text(const desk *d, const char *file, const lq_physics_asset_info *i) {
  const float *l = i->low, *h = i->high, *m = i->inertia, *c = i->centre, *q = i->axes;
  (void)printf("%s: %s of ", file, shape_name(i->shape));
  if (i->shape == LQ_PHYSICS_COMPOUND)
    (void)printf("%u parts", i->children);
  else if (i->shape == LQ_PHYSICS_MESH)
    (void)printf("%u triangles", i->triangles);
  else if (i->shape == LQ_PHYSICS_FIELD)
    (void)printf("%u by %u samples", i->samples[0], i->samples[1]);
  else
    (void)printf("%u vertices and %u faces", i->vertices, i->faces);
  (void)printf(", %zu bytes\n  id       %016llx\n", d->blob_bytes, (unsigned long long)id_of(d));
  if (d->report.triangles)
    (void)printf(
        "  left out %u points (on others, or of no triangle), %u flat triangles, %u that were "
        "there; %u open edges\n",
        d->report.welded, d->report.flat, d->report.twice, d->report.open_edges);
  if (i->volume > 0)
    (void)printf("  volume   %g m^3, %g kg at %g kg/m^3\n", (double)i->volume,
                 (double)(i->volume * i->density), (double)i->density);
  (void)printf("  bounds   %g %g %g to %g %g %g m, reach %g m\n", (double)l[0], (double)l[1],
               (double)l[2], (double)h[0], (double)h[1], (double)h[2], (double)i->reach);
  if (i->shape == LQ_PHYSICS_MESH) return; /* it is where it was */
  if (i->shape == LQ_PHYSICS_FIELD) {
    (void)printf("  its middle was at %g %g %g m in the input\n", (double)c[0], (double)c[1],
                 (double)c[2]);
    return;
  }
  (void)printf("  inertia  %g %g %g m^2 (of 1 kg)\n", (double)m[0], (double)m[1], (double)m[2]);
  (void)printf("  stood at %g %g %g m, turned by %g %g %g %g (x y z w), in the input\n",
               (double)c[0], (double)c[1], (double)c[2], (double)q[0], (double)q[1], (double)q[2],
               (double)q[3]);
}

static int tell(desk *d, const char *file) {
  lq_physics_asset_info info;
  lq_err err = lq_physics_asset_info_read(d->blob, d->blob_bytes, &info, &d->diag);
  if (err) return lq_cli_fail(d->cli, err, &d->diag);
  if (d->cli->json)
    tell_json(d, file, &info);
  else
    tell_text(d, file, &info);
  return LQ_EXIT_OK;
}

/* ---- the two verbs ---- */

/* The input's name with .lqs instead of what is behind its last dot. */
static lq_err out_of(const desk *d, char out[PATH_BYTES]) {
  const char *given = d->cli->value[OUT], *path = given ? given : d->path;
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  bool cut = !given && dot && (!slash || dot > slash + 1) && dot > path;
  int length = cut ? (int)(dot - path) : (int)strlen(path);
  int need = snprintf(out, PATH_BYTES, "%.*s%s", length, path, given ? "" : ".lqs");
  return need < PATH_BYTES ? LQ_OK : LQ_ERR_TOO_BIG;
}

static int cook(desk *d) {
  char out[PATH_BYTES];
  bool hull = d->cli->value[HULL] != NULL, compound = d->cli->value[COMPOUND] != NULL,
       mesh = d->cli->value[MESH] != NULL, field = d->cli->value[FIELD] != NULL;
  if (hull + compound + mesh + field != 1)
    return lq_cli_usage("lq asset cook FILE wants one of --hull, --compound, --mesh, --field");
  if (out_of(d, out)) return lq_cli_usage("the name of the file is too long");
  if (!strcmp(out, d->path)) return lq_cli_usage("'%.200s' would be overwritten", out);
  lq_err err = obj_read(d);
  if (!err) err = scale(d);
  if (!err)
    err = hull ? cook_hull(d) : compound ? cook_compound(d) : mesh ? cook_mesh(d) : cook_field(d);
  if (err) return lq_cli_fail(d->cli, err, &d->diag);
  err = lq_file_write(out, lq_span_of(d->blob, d->blob_bytes));
  if (err) {
    (void)lq_diag_set(&d->diag, err, "%.200s cannot be written", out);
    return lq_cli_fail(d->cli, err, &d->diag);
  }
  return tell(d, out);
}

static int show(desk *d) {
  for (int i = HULL; i <= OUT; i++)
    if (d->cli->value[i]) return lq_cli_usage("lq asset show FILE has no such option");
  lq_err err = file_read(d, BLOB_BYTES_MAX);
  if (err) return lq_cli_fail(d->cli, err, &d->diag);
  d->blob_bytes = d->text_bytes;
  d->blob = take(d->blob_bytes);
  if (!d->blob) return lq_cli_fail(d->cli, LQ_ERR_MEMORY, NULL);
  memcpy(d->blob, d->text, d->text_bytes);
  return tell(d, d->path);
}

int lq_cmd_asset(const lq_cli *cli) {
  if (cli->word_count != 2) return lq_cli_usage("lq asset cook|show FILE");
  desk d = {.cli = cli, .path = cli->word[1]};
  int status;
  if (!strcmp(cli->word[0], "cook"))
    status = cook(&d);
  else if (!strcmp(cli->word[0], "show"))
    status = show(&d);
  else
    status = lq_cli_usage("lq asset cook or show, not '%s'", cli->word[0]);
  desk_close(&d);
  return status;
}
