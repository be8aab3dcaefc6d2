/* A played session in the store in memory: for the ledger's tests and fuzz seeds. */
#ifndef LQ_SERVICE_LEDGER_LEDGER_TESTING_H
#define LQ_SERVICE_LEDGER_LEDGER_TESTING_H

#include "lq_engine/session/session_testing.h"
#include "lq_service/ledger/ledger.h"
#include "lq_service/port/store_memory.h"

enum { PLAY_ARENA = 1 << 20, PLAY_TICKS_MAX = 512 };

/* Two releases of the fixture's game: the second starts with another version text. */
typedef struct play_games {
  fixture fixture[2];
  uint8_t arena[2][PLAY_ARENA];
  bool second_missing;
} play_games;

static inline void play_release(uint32_t index, uint8_t out[32]) {
  memset(out, 0x11 * (int)(index + 1), 32);
}
static inline lq_err play_game(void *context, const uint8_t release[32], const lq_game **out,
                               lq_diag *diag) {
  play_games *games = context;
  uint32_t index = release[0] == 0x11 ? 0 : release[0] == 0x22 && !games->second_missing ? 1 : 2;
  *out = index < 2 ? &games->fixture[index].game : NULL;
  return *out ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}
static inline play_games *play_games_open(void) {
  play_games *games = calloc(1, sizeof *games);
  LQ_CHECK(games != NULL);
  for (int i = 0; i < 2; i++) {
    fixture_fill(&games->fixture[i]);
    lq_arena arena = lq_arena_of(games->arena[i], PLAY_ARENA);
    fixture_ready(&games->fixture[i], &arena);
  }
  return games;
}

typedef struct play {
  play_games *games;
  lq_release_source releases;
  lq_memory_data *data;
  lq_store *store;
  lq_session_name name;
  lq_ledger_session live;
  lq_store_head head;
  uint8_t memory[LQ_SLICE_BYTES_MAX];
  uint64_t hash[PLAY_TICKS_MAX]; /* of each tick, before a swap */
  /* What the last callback said. */
  lq_err err;
  lq_diag diag;
  uint32_t calls;
} play;

static inline void play_done(void *context, lq_err err) {
  play *p = context;
  p->err = err;
  p->calls++;
}
static inline void play_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)leaf;
  (void)user;
  play_done(context, err);
}
static inline void play_woken(void *context, lq_err err, const lq_diag *diag,
                              lq_ledger_session *session) {
  play *p = context;
  p->diag = diag ? *diag : (lq_diag){0};
  if (!err) {
    p->live = *session;
    p->head = session->head;
  }
  play_done(p, err);
}
static inline lq_err play_wait(play *p) {
  while (!p->calls) LQ_CHECK(lq_store_memory_run(p->store));
  p->calls = 0;
  return p->err;
}
static inline lq_err play_wake(play *p) {
  lq_ledger_session_free(&p->live);
  lq_ledger_wake(p->store, &p->releases, &p->name, play_woken, p);
  return play_wait(p);
}
static inline play *play_begin(void) {
  play *p = calloc(1, sizeof *p);
  LQ_CHECK(p != NULL);
  p->games = play_games_open();
  p->releases = (lq_release_source){.context = p->games, .game = play_game};
  p->data = lq_memory_data_open();
  p->store = lq_store_memory_open(p->data);
  LQ_CHECK(p->data && p->store);
  p->name = (lq_session_name){.tenant = "acme", .game = "demo", .session = "main"};
  lq_store_head head = {.checkpoint_tick = UINT64_MAX, .seed = 99, .state = LQ_HEAD_HIBERNATED};
  play_release(0, head.release);
  play_release(0, head.first_release);
  p->store->create(p->store, &p->name, &head, play_done, p);
  LQ_CHECK(play_wait(p) == LQ_OK && play_wake(p) == LQ_OK);
  return p;
}
static inline void play_end(play *p) {
  lq_ledger_session_free(&p->live);
  p->store->close(p->store);
  lq_memory_data_close(p->data);
  free(p->games);
  free(p);
}

/* Runs `ticks` ticks into one slice and commits it; `input` says what is submitted before a tick.
 */
typedef void (*play_input)(lq_session *session, uint64_t tick);
static inline lq_err play_slice(play *p, uint32_t ticks, play_input input) {
  lq_slice_builder builder;
  lq_slice_header header = {.slice = p->head.slice + 1,
                            .epoch = p->head.epoch,
                            .tick_first = p->head.tick + 1,
                            .hash_before = lq_session_hash(p->live.session)};
  memcpy(header.chain_before, p->head.chain, 32);
  memcpy(header.release, p->live.release, 32);
  lq_slice_begin(&builder, p->memory, sizeof p->memory, &header);
  lq_tick_result result = {0};
  for (uint32_t i = 0; i < ticks; i++) {
    if (input) input(p->live.session, lq_session_tick_number(p->live.session) + 1);
    lq_session_tick(p->live.session, NULL, &result);
    LQ_CHECK(result.tick < PLAY_TICKS_MAX && lq_slice_add(&builder, &result));
    p->hash[result.tick] = result.hash;
  }
  lq_store_slice slice = {.name = p->name, .epoch = p->head.epoch, .slice = header.slice};
  LQ_CHECK(lq_slice_end(&builder, result.hash, &slice.body, p->head.chain) == LQ_OK);
  p->head.slice = header.slice;
  p->head.tick = result.tick;
  p->head.hash = result.hash;
  p->head.state = LQ_HEAD_LIVE;
  slice.head = p->head;
  LQ_CHECK(p->store->commit(p->store, &slice, 1, play_committed, p) == LQ_OK);
  return play_wait(p);
}
static inline lq_err play_checkpoint(play *p) {
  size_t bytes = lq_session_save_bytes(p->live.session) + 256;
  uint8_t *memory = malloc(bytes);
  LQ_CHECK(memory != NULL);
  lq_writer w = lq_writer_of(memory, bytes);
  LQ_CHECK(lq_checkpoint_write(p->live.session, p->live.release, &w) == LQ_OK);
  p->head.checkpoint_tick = p->head.tick;
  p->head.checkpoint_slice = p->head.slice;
  memcpy(p->head.release, p->live.release, 32);
  p->store->checkpoint(p->store, &p->name, &p->head, lq_writer_span(&w), play_done, p);
  lq_err err = play_wait(p);
  free(memory);
  return err;
}
/* Two players who move about. */
static inline void play_moves(lq_session *session, uint64_t tick) {
  if (tick == 1) LQ_CHECK(fx_join(session, "p1", "", 0) == LQ_OK);
  if (tick == 2) LQ_CHECK(fx_join(session, "p2", "", 0) == LQ_OK);
  if (tick > 3 && tick % 3 == 0)
    LQ_CHECK(fx_do_move(session, 1, "p1", tick % 2 ? 1 : -1, 0, "") == LQ_OK);
  if (tick > 3 && tick % 5 == 0) LQ_CHECK(fx_do_move(session, 2, "p2", 0, 1, "") == LQ_OK);
}
/* The host names the second release at the tick. */
static inline void play_name_release(lq_session *session, uint64_t tick) {
  fx_body body;
  char hex[65];
  uint8_t release[32];
  (void)tick;
  play_release(1, release);
  lq_hex(release, 32, hex);
  fx_text(fx_begin(&body), hex);
  LQ_CHECK(fx_send(session, LQ_CMD_RELEASE, 0, "", &body) == LQ_OK);
}
/* As the shard does after such a tick. */
static inline void play_swap(play *p) {
  lq_ledger_session next = p->live;
  lq_diag diag;
  const lq_game *game = &p->games->fixture[1].game;
  next.bytes = lq_session_bytes(game);
  next.memory = lq_pages_take(next.bytes);
  LQ_CHECK(lq_session_swap(p->live.session, next.memory, next.bytes, game, &next.session, &diag) ==
           LQ_OK);
  play_release(1, next.release);
  lq_ledger_session_free(&p->live);
  p->live = next;
}

#endif
