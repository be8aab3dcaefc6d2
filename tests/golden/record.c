/* Writes what the golden matrix compares. The native modules of the release build make it.
 *
 *   golden_record header GAME OUT          game.h of a game's folder
 *   golden_record play GAME RUN WANT       a run of random commands, and what it must print
 *   golden_record session DATA RUN WANT    the recorded session acme/demo/main of a data folder
 */
#include "lq_engine/net/message.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/guest/guest_describe.h"
#include "lq_service/ledger/ledger.h"
#include "lq_service/release/release.h"
#include "lq_service/tenant/tenants.h"
#include "tests/golden/random_player.h"
#include "tests/golden/run_file.h"

#include <stdlib.h>

enum { TICKS = 1500, RUN_BYTES = 64 << 20, STATE_BYTES = 16 << 20 };

typedef struct recording {
  lq_writer ticks, want; /* the run without its head; a line a tick */
  uint64_t count;
  lq_loop *loop;
  lq_store *store;
  lq_releases *releases;
  lq_guests *guests;
  const lq_game *game;
  uint64_t seed;
  lq_err err;
} recording;

static _Noreturn void die(lq_err err, const lq_diag *diag) {
  const char *why = diag && diag->message[0] ? diag->message : lq_err_cause(err);
  (void)fprintf(stderr, "golden_record: %s\n", why);
  exit(1);
}

static lq_writer room(size_t bytes) {
  void *memory = lq_pages_take(bytes);
  if (!memory) die(LQ_ERR_MEMORY, NULL);
  return lq_writer_of(memory, bytes);
}

static void write_file(const char *path, const lq_writer *w) {
  lq_err err = w->failed ? LQ_ERR_TOO_BIG : lq_file_write(path, lq_writer_span(w));
  if (err) die(err, NULL);
}

static void note_tick(recording *r, const lq_tick_result *result) {
  lq_write_sized(&r->ticks, result->commands.data, result->commands.bytes);
  lq_write_decimal_u(&r->want, result->tick);
  lq_write_u8(&r->want, ' ');
  lq_write_hex64(&r->want, result->hash);
  lq_write_u8(&r->want, '\n');
  r->count++;
}

static void note_end(recording *r, lq_session *session, const char *run_path,
                     const char *want_path) {
  const lq_viewer everything = {.all = true};
  lq_writer game = room(LQ_GAME_BYTES_MAX), run = room(RUN_BYTES);
  lq_message_state_object(session, &everything, &r->want);
  lq_write_u8(&r->want, '\n');
  lq_err err = lq_game_encode(r->game, &game);
  if (err) die(err, NULL);
  run_file_head(&run, lq_writer_span(&game), r->seed, r->count);
  lq_write_span(&run, lq_writer_span(&r->ticks));
  write_file(run_path, &run);
  write_file(want_path, &r->want);
}

/* ---- at random ---- */

static void play(recording *r, const char *folder, const char *run_path, const char *want_path) {
  const lq_release *release = NULL;
  lq_diag diag = {0};
  lq_err err = lq_releases_build(r->releases, folder, &release, &diag);
  if (err) die(err, &diag);
  r->game = release->game;
  r->seed = 20;
  lq_ledger_session live;
  if ((err = lq_ledger_session_new(r->game, release->id, r->seed, &live))) die(err, NULL);
  random_player player = {.session = live.session};
  lq_prng_seed(&player.prng, 7);
  uint32_t applied = 0, good = 0, events = 0;
  for (uint32_t t = 0; t < TICKS; t++) {
    random_tick(&player);
    lq_tick_result result;
    lq_session_tick(live.session, NULL, &result);
    note_tick(r, &result);
    applied += result.applied_count;
    events += result.event_count;
    for (uint32_t i = 0; i < result.applied_count; i++) good += result.applied[i].outcome == LQ_OK;
  }
  note_end(r, live.session, run_path, want_path);
  (void)printf("%s: %u ticks, %u commands applied, %u of them taken, %u events\n", folder, TICKS,
               applied, good, events);
  if (good < TICKS / 4) die(LQ_ERR_INVALID, &(lq_diag){.message = "too few commands were taken"});
}

/* ---- as recorded ---- */

static void blob_got(void *context, lq_err err, const char *sk, lq_span body) {
  recording *r = context;
  lq_diag diag = {0};
  const lq_release *release = NULL;
  (void)sk;
  if (!err) err = lq_releases_load(r->releases, body, &release, &diag);
  if (err) die(err, &diag);
  r->game = release->game;
}

static lq_err find_game(void *context, const uint8_t release[32], const lq_game **out,
                        lq_diag *diag) {
  recording *r = context;
  (void)diag;
  const lq_release *known = lq_releases_find(r->releases, release);
  if (known)
    r->game = known->game;
  else
    r->store->blob_get(r->store, "acme", release, blob_got, r);
  *out = r->game;
  return LQ_OK;
}

static const lq_guest_port *find_guests(void *context, const uint8_t release[32]) {
  return lq_guests_waiting(((recording *)context)->guests, "acme", release);
}

static bool each_tick(void *context, lq_session *session, const lq_tick_result *result, bool pinned,
                      uint64_t journal_hash) {
  (void)session;
  if (pinned && journal_hash != result->hash)
    die(LQ_ERR_CORRUPT, &(lq_diag){.message = "the replay is not the recording"});
  note_tick(context, result);
  return true;
}

typedef struct paths {
  recording *r;
  const char *run, *want;
  bool done;
} paths;

static void replayed(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  paths *p = context;
  if (err) die(err, diag);
  note_end(p->r, session->session, p->run, p->want);
  lq_ledger_session_free(session);
  p->done = true;
  lq_loop_stop(p->r->loop);
}

static const lq_session_name recorded = {"acme", "demo", "main"};

static void got_head(void *context, lq_err err, const lq_store_head *head) {
  paths *p = context;
  if (err) die(err, NULL);
  p->r->seed = head->seed;
  lq_release_source source = {.context = p->r, .game = find_game, .guests = find_guests};
  lq_ledger_replay(p->r->store, &source, &recorded, head->tick, true, each_tick, p->r, replayed, p);
}

static void tenant_ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *tenant) {
  if (err) die(err, diag);
  ((recording *)context)->store = lq_tenant_store(tenant);
}

static void session(recording *r, const char *data, const char *run_path, const char *want_path) {
  lq_store_sqlite_options options = {.folder = data, .read_only = true};
  lq_tenants_options keys = {.read_only = true};
  lq_store *real = NULL;
  lq_tenants *tenants = NULL;
  lq_diag diag = {0};
  char folder[1024];
  (void)snprintf(folder, sizeof folder, "%s/keys", data);
  lq_err err = lq_loop_open(&r->loop);
  if (!err) err = lq_store_sqlite_open(r->loop, &options, &real, &diag);
  if (!err) err = lq_secret_need(folder, "root.key", keys.root, &diag);
  keys.store = real;
  keys.keys = folder;
  if (!err) err = lq_tenants_open(&keys, &tenants, &diag);
  if (err) die(err, &diag);
  char jails[1024];
  (void)snprintf(jails, sizeof jails, "%s/bin", getenv("LQ_BUILD") ? getenv("LQ_BUILD") : ".");
  lq_releases_guests(r->releases, lq_guest_describe, jails);
  lq_guest_supply supply = lq_releases_supply(r->releases);
  if ((err = lq_guests_open(NULL, &supply, &r->guests))) die(err, NULL);
  lq_tenant_need(tenants, recorded.tenant, false, tenant_ready, r); /* answers inside: read only */
  paths p = {.r = r, .run = run_path, .want = want_path};
  r->store->head(r->store, &recorded, got_head, &p);
  while (!p.done) lq_loop_run(r->loop);
  lq_guests_close(r->guests);
  real->close(real);
  lq_tenants_close(tenants);
  lq_loop_close(r->loop);
}

/* ---- the header ---- */

static void header(const char *folder, const char *out_path) {
  char path[1024];
  uint8_t *text = NULL;
  size_t bytes = 0;
  lq_diag diag = {0};
  lq_game *game = NULL;
  (void)snprintf(path, sizeof path, "%s/game.yaml", folder);
  lq_err err = lq_file_read(path, LQ_GAME_BYTES_MAX, &text, &bytes);
  lq_writer arena_room = room(64u << 20), out = room(4u << 20);
  lq_arena arena = lq_arena_of(arena_room.data, arena_room.capacity);
  if (!err) err = lq_game_yaml_read(lq_span_of(text, bytes), path, &arena, &game, &diag);
  if (!err) err = lq_game_header(game, &out);
  if (err) die(err, &diag);
  write_file(out_path, &out);
}

int main(int argc, char **argv) {
  recording r = {.ticks = room(RUN_BYTES), .want = room(STATE_BYTES)};
  if (argc == 4 && strcmp(argv[1], "header") == 0) {
    header(argv[2], argv[3]);
    return 0;
  }
  if (argc != 5) die(LQ_ERR_INVALID, NULL);
  char cache[1024];
  (void)snprintf(cache, sizeof cache, "%s.modules", argv[3]);
  lq_err err = lq_releases_open(cache, NULL, &r.releases);
  if (err) die(err, NULL);
  (strcmp(argv[1], "play") == 0 ? play : session)(&r, argv[2], argv[3], argv[4]);
  lq_releases_close(r.releases);
  return 0;
}
