/* The games that are played: built once, before the first run. */
#include <stdlib.h>

#include "apps/lqsim/sim_server.h"
#include "lq_service/guest/guest_describe.h"

enum { PATH_BYTES = 600 };

sim_games sim_games_built;
static lq_releases *releases;

static const char *join(char out[PATH_BYTES], const char *folder, const char *name) {
  lq_writer w = lq_writer_of(out, PATH_BYTES);
  lq_write_text(&w, folder);
  lq_write_u8(&w, '/');
  lq_write_text(&w, name);
  lq_write_u8(&w, 0);
  LQ_CHECK(!w.failed);
  return out;
}

/* A line of game.yaml, and what is written over it: both are of one length. */
typedef struct line_change {
  const char *from, *to;
} line_change;

/* The game with some lines changed: another version is what a new release without a change of rules
 * is. Written at once: others may be building the same game. */
static lq_err game_yaml_copy(const char *from, const char *to, const line_change *change) {
  char path[PATH_BYTES];
  uint8_t *text = NULL;
  size_t bytes = 0;
  lq_err err = lq_file_read(join(path, from, "game.yaml"), LQ_GAME_BYTES_MAX, &text, &bytes);
  for (; !err && change->from; change++) {
    uint8_t *at = memmem(text, bytes, change->from, strlen(change->from));
    if (at)
      memcpy(at, change->to, strlen(change->to));
    else
      err = LQ_ERR_NOT_FOUND;
  }
  if (!err) err = lq_file_write(join(path, to, "game.yaml"), lq_span_of(text, bytes));
  lq_file_free(text);
  return err;
}

typedef struct copying {
  const char *from, *to;
  lq_err err;
} copying;

static bool source_copy(void *context, const char *name, bool is_folder) {
  copying *c = context;
  char path[PATH_BYTES];
  uint8_t *text = NULL;
  size_t bytes = 0;
  if (is_folder) return true;
  c->err = lq_file_read(join(path, c->from, name), LQ_GAME_BYTES_MAX, &text, &bytes);
  if (!c->err) c->err = lq_file_write(join(path, c->to, name), lq_span_of(text, bytes));
  lq_file_free(text);
  return !c->err;
}

static lq_err game_copy(const char *folder, const char *newer, const line_change *change,
                        lq_diag *diag) {
  char from[PATH_BYTES], to[PATH_BYTES];
  copying c = {.from = join(from, folder, "systems"), .to = join(to, newer, "systems")};
  lq_err err = lq_folder_make(c.to);
  if (!err) err = game_yaml_copy(folder, newer, change);
  if (!err) err = lq_folder_list(c.from, source_copy, &c);
  if (!err) err = c.err;
  return err ? lq_diag_set(diag, err, "%s could not be copied to %s", folder, newer) : LQ_OK;
}

static lq_err build_one(const char *folder, const char *newer, sim_game *out, lq_diag *diag) {
  lq_err err = lq_releases_build(releases, folder, &out->release[0], diag);
  if (err) return err;
  LQ_CHECK(lq_text_copy(out->name, sizeof out->name, lq_span_text(out->release[0]->game->name)));
  static const line_change next[] = {{"version: 1.0.0", "version: 1.0.1"}, {NULL, NULL}};
  err = game_copy(folder, newer, next, diag);
  return err ? err : lq_releases_build(releases, newer, &out->release[1], diag);
}

/* The hunt in Lua, beside the one in C: under another name, and with a system that keeps something
 * from tick to tick. It runs first: what it keeps is undone whenever another guest is waited for.
 */
static lq_err build_moon(const char *root, const char *cache, sim_game *out, lq_diag *diag) {
  static const char old_line[] =
      "  - hunt.credit                           # when each runs, its code says: order\n";
  static const char new_line[] =
      "  - hunt.credit\n  - moon.pulse                                                  \n";
  static const char pulse[] =
      "system{name = 'moon.pulse', order = 40, reads = {'PlayerTag'}, writes = {},\n"
      "  state = {ticks = 0, met = 0}, run = function(world, delta, state)\n"
      "  state.ticks = state.ticks + 1\n"
      "  for _ in world:each('PlayerTag') do state.met = state.met + 1 end\n"
      "end}\n";
  _Static_assert(sizeof old_line == sizeof new_line, "one is written over the other");
  char folder[PATH_BYTES], moon[PATH_BYTES], newer[PATH_BYTES], path[PATH_BYTES];
  const line_change change[] = {{"name: demo", "name: moon"}, {old_line, new_line}, {NULL, NULL}};
  lq_err err = game_copy(join(folder, root, "examples/treasure_hunt_lua"),
                         join(moon, cache, "moon"), change, diag);
  if (!err) err = lq_file_write(join(path, moon, "systems/pulse.lua"), lq_span_text(pulse));
  if (err && diag && !diag->message[0]) (void)lq_diag_set(diag, err, "the moon has no pulse");
  return err ? err : build_one(moon, join(newer, cache, "newer_moon"), out, diag);
}

lq_err sim_games_build(const char *root, const char *cache, lq_diag *diag) {
  static const char *const games[] = {"examples/treasure_hunt_c", "examples/bank",
                                      "apps/lqsim/knot"};
  char modules[PATH_BYTES], folder[PATH_BYTES], newer[PATH_BYTES];
  lq_err err = lq_releases_open(join(modules, cache, "modules"), NULL, &releases);
  if (!err) lq_releases_guests(releases, lq_guest_describe, "");
  for (uint32_t i = 0; i < sizeof games / sizeof *games && !err; i++) {
    err = build_one(join(folder, root, games[i]), join(newer, cache, games[i]),
                    &sim_games_built.game[i], diag);
    if (!err) sim_games_built.count++;
  }
  if (!err) err = build_moon(root, cache, &sim_games_built.game[sim_games_built.count], diag);
  if (!err) sim_games_built.count++;
  LQ_CHECK(err || sim_games_built.count == SIM_GAMES_MAX);
  return err;
}

void sim_games_close(void) { lq_releases_close(releases); }

/* Without the lock of `releases`: where it is taken, other fibers run. */
static const lq_release *release_find(const uint8_t release[32]) {
  for (uint32_t i = 0; i < sim_games_built.count; i++)
    for (uint32_t k = 0; k < SIM_RELEASES_MAX; k++)
      if (!memcmp(sim_games_built.game[i].release[k]->id, release, 32))
        return sim_games_built.game[i].release[k];
  return NULL;
}

static lq_err source_game(void *context, const uint8_t release[32], const lq_game **out,
                          lq_diag *diag) {
  const lq_release *found = release_find(release);
  (void)context;
  *out = found ? found->game : NULL;
  return found ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}

static lq_err guest_files(void *context, const char *tenant, const uint8_t release[32],
                          lq_guest_language language, const lq_game **game,
                          lq_guest_source out[LQ_GUEST_SOURCES_MAX], uint32_t *count,
                          lq_diag *diag) {
  const lq_release *found = release_find(release);
  (void)context;
  (void)tenant;
  *count = 0;
  if (!found) return lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
  *game = found->game;
  *count = lq_release_sources(found, language, out, LQ_GUEST_SOURCES_MAX);
  return LQ_OK;
}

lq_guest_supply sim_guest_supply(void) { return (lq_guest_supply){NULL, guest_files, ""}; }

/* ---- guests of a journal that is run again: the world's own, which answer at once ---- */

typedef struct replaying {
  lq_guest_port port;
  const lq_guest_port *inner;
  uint8_t release[32];
} replaying;

static lq_guest_turn replay_ask(void *context, const lq_guest_ask *ask, lq_span *reply,
                                const char **why) {
  const replaying *r = context;
  sim_process *process = sim.process;
  sim.process = NULL;
  lq_guest_turn turn = r->inner->ask(r->inner->context, ask, reply, why);
  sim.process = process;
  return turn;
}

static const lq_guest_port *source_guests(void *context, const uint8_t release[32]) {
  static replaying known[SIM_GAMES_MAX * SIM_RELEASES_MAX];
  static lq_guests *guests;
  (void)context;
  uint32_t i = 0;
  while (known[i].inner && memcmp(known[i].release, release, 32) != 0) i++;
  if (known[i].inner) return &known[i].port;
  sim_process *process = sim.process;
  sim.process = NULL;
  lq_guest_supply supply = sim_guest_supply();
  if (!guests) LQ_CHECK(!lq_guests_open(NULL, &supply, &guests));
  known[i].inner = lq_guests_waiting(guests, "sim", release);
  sim.process = process;
  LQ_CHECK(known[i].inner);
  memcpy(known[i].release, release, 32);
  known[i].port = (lq_guest_port){&known[i], replay_ask};
  return &known[i].port;
}

lq_release_source sim_release_source(void) {
  return (lq_release_source){.game = source_game, .guests = source_guests};
}
