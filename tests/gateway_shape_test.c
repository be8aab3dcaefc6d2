/* What those who draw bodies ask over HTTP: outlines of cooked shapes, and contacts. Of a game with
 * a hull and a mesh in its release. */
#include "lq_engine/physics/asset.h"
#include "lq_engine/physics/mesh.h"
#include "tests/gateway_rest_testing.h"

#define YARD                                                                                       \
  "lq: 1\nname: yard\ntick: {hz: 30}\nphysics:\nscene:\n"                                          \
  "  floor: {Body: {kind: static}, Shape: {kind: plane}, Place: {}}\n"                             \
  "  crate: {Body: {}, Shape: {kind: hull, asset: crate}, Place: {position: [0, 0.5, 0]}, "        \
  "Motion: {}}\n"
enum { SQUARES = 128 };

static char shape[2][96]; /* addresses, of the crate and the ground */

static void keep(const char *folder, const char *name, const void *data, size_t bytes) {
  char path[160];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_ok(lq_file_write(path, lq_span_of(data, bytes)));
}

static void crate_cook(const char *folder) {
  _Alignas(16) static uint8_t blob[LQ_PHYSICS_HULL_BYTES_MAX], scratch[65536];
  float corner[24];
  size_t bytes = sizeof blob;
  for (uint32_t i = 0; i < 24; i++) corner[i] = (i / 3) >> (i % 3) & 1 ? 0.5f : -0.5f;
  assert_ok(lq_physics_hull_cook(corner, 8, scratch, blob, &bytes, NULL));
  keep(folder, "assets/crate.lqs", blob, bytes);
}

/* 32,768 triangles: more lines than one answer has. malloc aligns to 16 bytes here. */
static void ground_cook(const char *folder) {
  static float point[(SQUARES + 1) * (SQUARES + 1)][3];
  static uint32_t triangle[SQUARES * SQUARES * 2][3];
  uint32_t across = SQUARES + 1, n = 0;
  for (uint32_t i = 0; i < across * across; i++)
    point[i][0] = (float)(i % across), point[i][2] = (float)(i / across);
  for (uint32_t z = 0; z < SQUARES; z++)
    for (uint32_t x = 0; x < SQUARES; x++, n += 2) {
      uint32_t at = z * across + x;
      memcpy(triangle[n], (uint32_t[3]){at, at + across, at + across + 1}, 12);
      memcpy(triangle[n + 1], (uint32_t[3]){at, at + across + 1, at + 1}, 12);
    }
  const lq_physics_mesh_source source = {(const float(*)[3])point, (const uint32_t(*)[3])triangle,
                                         across * across, n};
  lq_physics_cook_room room;
  lq_physics_mesh_report report;
  assert_ok(lq_physics_mesh_room(source.points_count, n, &room));
  room.out = malloc(room.out_bytes);
  room.scratch = malloc(room.scratch_bytes);
  assert_true(room.out && room.scratch);
  assert_ok(lq_physics_mesh_cook(&source, &room, &report, NULL));
  keep(folder, "assets/ground.lqs", room.out, report.bytes);
  free(room.out), free(room.scratch);
}

/* The yard instead of the treasure hunt, once for the process. */
static void yard_build(void) {
  char folder[] = "/tmp/lq-gateway-yard-XXXXXX", path[64];
  lq_diag diag = {0};
  if (the_game) return;
  (void)signal(SIGPIPE, SIG_IGN);
  assert_non_null(mkdtemp(folder));
  (void)snprintf(path, sizeof path, "%s/assets", folder);
  assert_ok(lq_folder_make(path));
  keep(folder, "game.yaml", YARD, sizeof YARD - 1);
  crate_cook(folder), ground_cook(folder);
  assert_ok(lq_releases_open("/tmp/lq-gateway-test-modules", NULL, &the_releases));
  if (lq_releases_build(the_releases, folder, &the_game, &diag)) fail_msg("%s", diag.message);
  assert_int_equal(the_game->game->physics.asset_count, 2);
  for (uint32_t i = 0; i < 2; i++)
    (void)snprintf(shape[i], sizeof shape[i], GAME "/shapes/%llu",
                   (unsigned long long)the_game->game->physics.asset[i].id);
  folder_empty(folder);
}

/* Of the first part: how many numbers its lines have; *all as it says. */
static uint32_t lines_of(const reply *got, int64_t *all) {
  lq_json value, part;
  assert_ok(lq_json_parse(lq_span_of(got->body, got->body_bytes), &value, NULL));
  lq_json_walk walk = {0};
  assert_true(lq_json_element(lq_json_get(value, "parts"), &walk, &part));
  assert_true(lq_json_i64(lq_json_get(part, "all"), all));
  lq_span lines = lq_json_get(part, "lines").raw;
  uint32_t count = lines.bytes > 2;
  for (size_t i = 0; i < lines.bytes; i++) count += lines.data[i] == ',';
  return count;
}

LQ_TEST(a_cooked_shape_is_read_by_its_number) {
  rig r = {0};
  int64_t all;
  yard_build();
  rig_start(&r, &(lq_gateway_options){0});
  reply *got = get(&r, shape[0]);
  assert_status(got, 200);
  assert_has(got->head, "Content-Type: application/json");
  assert_has(got->body, "{\"name\":\"crate\",\"shape\":\"hull\",\"parts\":[{\"shape\":\"hull\"");
  assert_int_equal(lines_of(got, &all), 12 * 6);
  assert_int_equal(all, 12);
  const char *id = strrchr(shape[0], '/') + 1;
  assert_has(got->head, "Cache-Control: private, max-age=86400, immutable");
  assert_has(got->head, "Vary: Authorization");
  char etag[64], held[96];
  (void)snprintf(etag, sizeof etag, "ETag: \"%s\"\r\n", id);
  assert_has(got->head, etag);
  (void)snprintf(held, sizeof held, "If-None-Match: \"%s\"\r\n", id);
  got = call(&r, "GET", shape[0], held, NULL);
  assert_status(got, 304);
  got = call(&r, "GET", shape[1], held, NULL); /* another's mark */
  assert_status(got, 200);
  assert_int_equal(lines_of(got, &all), 16384 * 6);
  assert_int_equal(all, 2 * SQUARES * (SQUARES + 1) + SQUARES * SQUARES);
  assert_status(call(&r, "HEAD", shape[1], NULL, NULL), 200);
  assert_null(strstr(get(&r, GAME)->body, "\"lines\"")); /* who does not draw does not pay */
  rig_stop(&r);
}

LQ_TEST(what_is_no_shape_of_the_game_is_not_there) {
  static const char *const bad[] = {"0", "1", "-1", "x", "18446744073709551617", "crate", "%20"};
  rig r = {0};
  char path[160];
  yard_build();
  rig_start(&r, &(lq_gateway_options){0});
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    (void)snprintf(path, sizeof path, GAME "/shapes/%s", bad[i]);
    assert_problem(get(&r, path), 404, "LQ_ERR_NOT_FOUND");
  }
  (void)snprintf(path, sizeof path, GAME "/shapes/0%s", strrchr(shape[0], '/') + 1);
  assert_problem(get(&r, path), 404, "LQ_ERR_NOT_FOUND");
  (void)snprintf(path, sizeof path, "/v1/tenants/acme/games/other/shapes/%s",
                 strrchr(shape[0], '/') + 1);
  assert_problem(get(&r, path), 404, "LQ_ERR_UNKNOWN_GAME");
  assert_problem(post(&r, shape[0], NULL, "{}"), 405, "LQ_ERR_METHOD");
  rig_stop(&r);
}

LQ_TEST(only_who_may_read_the_game_sees_its_shapes) {
  rig r = {.tokens = true};
  char path[96], player[1100], admin[1100];
  yard_build();
  rig_start(&r, &(lq_gateway_options){0});
  (void)snprintf(player, sizeof player, "%s", token_of(&r, r.acme.player_key));
  (void)snprintf(admin, sizeof admin, "%s", token_of(&r, r.acme.admin_key));
  assert_problem(get(&r, shape[0]), 401, "LQ_ERR_UNAUTHORIZED");
  assert_status(call(&r, "GET", shape[0], bearer(player), NULL), 200);
  (void)snprintf(path, sizeof path, "/v1/tenants/zeta/games/demo/shapes/%s",
                 strrchr(shape[0], '/') + 1);
  assert_problem(call(&r, "GET", path, bearer(player), NULL), 404, "LQ_ERR_UNKNOWN_TENANT");
  static const char policy[] =
      "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":{\"User\":"
      "\"player\"},\"Action\":\"lq:ReadGame\",\"Resource\":\"*\"}]}";
  assert_status(call(&r, "PUT", "/v1/tenants/acme/policies/shut", bearer(admin), policy), 200);
  char headers[1400];
  (void)snprintf(headers, sizeof headers, "%sIf-None-Match: *\r\n", bearer(player));
  assert_problem(call(&r, "GET", shape[0], headers, NULL), 403, "LQ_ERR_FORBIDDEN");
  rig_stop(&r);
}

LQ_TEST(contacts_are_told_to_who_may_read_the_state) {
  rig r = {.tokens = true};
  static const char path[] = SESSIONS "/main/contacts";
  char player[1100], join[1400];
  yard_build();
  rig_start(&r, &(lq_gateway_options){0});
  (void)snprintf(player, sizeof player, "%s", token_of(&r, r.acme.player_key));
  (void)snprintf(join, sizeof join,
                 "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"demo\",\"token\":\"%s\"}",
                 player);
  int fd = ws_open(&r);
  (void)ws_join(fd, join);
  reply *got = NULL;
  for (int i = 0; i < 5000 && !(got && strstr(got->body, "\"crate\"")); i++)
    got = call(&r, "GET", path, bearer(player), NULL);
  assert_status(got, 200);
  assert_has(got->body, "\"hash\":\"");
  assert_has(got->body, "\"contacts\":[{\"a\":\"floor\",\"b\":\"crate\",\"normal\":[0,1,0],"
                        "\"points\":[[");
  assert_problem(get(&r, path), 401, "LQ_ERR_UNAUTHORIZED");
  assert_problem(call(&r, "GET", SESSIONS "/main/contacts?player=somebody", bearer(player), NULL),
                 403, "LQ_ERR_FORBIDDEN");
  assert_status(call(&r, "GET", SESSIONS "/main/contacts?player=%20", bearer(player), NULL), 400);
  assert_problem(call(&r, "GET", SESSIONS "/none/contacts", bearer(player), NULL), 404,
                 "LQ_ERR_UNKNOWN_SESSION");
  (void)close(fd);
  rig_stop(&r);
}
