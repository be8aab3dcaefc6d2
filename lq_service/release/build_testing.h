/* What the tests of builds share: folders that vanish, games written on the spot, sessions. */
#ifndef LQ_SERVICE_RELEASE_BUILD_TESTING_H
#define LQ_SERVICE_RELEASE_BUILD_TESTING_H

#include "lq_engine/net/message.h"
#include "lq_service/release/release.h"
#include "tests/lq_test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline int fx_remove(const char *path, const struct stat *about, int kind, struct FTW *at) {
  (void)about;
  (void)kind;
  (void)at;
  return remove(path);
}
static inline void fx_folder_remove(const char *path) {
  (void)nftw(path, fx_remove, 16, FTW_DEPTH | FTW_PHYS);
}
/* A fresh folder; remove it at the end. */
static inline void fx_folder(char out[64]) {
  memcpy(out, "/tmp/lq-release-test-XXXXXX", 28);
  assert_non_null(mkdtemp(out));
}
static inline void fx_write(const char *folder, const char *name, const char *text) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  char *slash = strrchr(path, '/');
  *slash = 0;
  assert_ok(lq_folder_make(path));
  *slash = '/';
  assert_ok(lq_file_write(path, lq_span_text(text)));
}
/* A page of docs/, as a text. */
static inline void fx_page(const char *path, char *out, size_t out_bytes) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  assert_ok(lq_file_read(path, out_bytes - 1, &data, &bytes));
  memcpy(out, data, bytes);
  out[bytes] = 0;
  lq_file_free(data);
}
static inline const lq_release *fx_build(lq_releases *releases, const char *folder) {
  const lq_release *release = NULL;
  lq_diag diag = {0};
  lq_err err = lq_releases_build(releases, folder, &release, &diag);
  if (err) print_error("%s\n  %s\n", diag.message, diag.mend);
  assert_ok(err);
  return release;
}
static inline lq_releases *fx_releases(const char *cache, const char *cc) {
  lq_releases *releases = NULL;
  assert_ok(lq_releases_open(cache, cc, &releases));
  return releases;
}

/* ---- a session ---- */
typedef struct fx_play {
  const lq_game *game;
  lq_session *session;
  void *memory;
  size_t bytes;
  lq_tick_result result;
} fx_play;

static inline void fx_play_open(fx_play *p, const lq_game *game, uint64_t seed) {
  p->game = game;
  p->bytes = lq_session_bytes(game);
  p->memory = lq_pages_take(p->bytes);
  assert_non_null(p->memory);
  assert_ok(lq_session_init(p->memory, p->bytes, game, seed, &p->session));
}
static inline void fx_play_close(fx_play *p) { lq_pages_give(p->memory, p->bytes); }
static inline void fx_tick(fx_play *p) {
  lq_session_tick(p->session, NULL, &p->result);
  assert_ok(p->result.failed);
}
static inline void fx_join(fx_play *p, const char *player) {
  uint8_t body[256];
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_write_sized(&out, player, strlen(player));
  lq_write_sized(&out, "", 0);
  lq_write_zigzag(&out, 0);
  lq_command command = {.type = LQ_CMD_JOIN, .body = lq_writer_span(&out)};
  uint64_t first;
  assert_ok(lq_session_submit(p->session, &command, &first));
  fx_tick(p);
  assert_ok(p->result.applied[0].outcome);
}
/* A player's message, as it comes from the wire. */
static inline lq_err fx_send(fx_play *p, const char *player, const char *json) {
  uint8_t room[1024];
  lq_writer body = lq_writer_of(room, sizeof room);
  lq_message message;
  lq_command command;
  lq_diag diag = {0};
  lq_err err = lq_message_read(lq_span_text(json), &message, &diag);
  if (!err) err = lq_message_command(p->game, &message, &body, &command, &diag);
  if (err) print_error("%s\n", diag.message);
  assert_ok(err);
  command.slot = lq_session_player_find(p->session, lq_span_text(player)).slot;
  uint64_t first;
  return lq_session_submit(p->session, &command, &first);
}
static inline const void *fx_get(fx_play *p, const char *id, const char *component) {
  lq_world *world = lq_session_world(p->session);
  uint32_t type = lq_schema_find(&p->game->schema, lq_span_text(component));
  assert_int_not_equal(type, UINT32_MAX);
  return lq_world_get(world, lq_world_find(world, lq_span_text(id)), type);
}
typedef struct fx_position {
  int32_t x, y;
} fx_position;
static inline fx_position fx_at(fx_play *p, const char *id) {
  fx_position at = {-9, -9};
  const void *row = fx_get(p, id, "Position");
  if (row) memcpy(&at, row, sizeof at);
  return at;
}
/* The events of the last tick, as their JSON texts. */
static inline const char *fx_events(fx_play *p, char out[2048]) {
  lq_writer w = lq_writer_of(out, 2047);
  for (uint32_t i = 0; i < p->result.event_count; i++)
    assert_true(lq_message_event(p->game, p->result.tick, &p->result.event[i], &w));
  out[w.bytes] = 0;
  return out;
}

#endif
