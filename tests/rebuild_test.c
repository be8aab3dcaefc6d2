/* Every game under examples/, played at random: a session that is saved after every tick and loaded
 * into other memory, all of the old one destroyed, must go on as one that just runs. With its own
 * systems in C, or guests in their jails, as people get them. */
#include "lq_service/guest/guest_describe.h"
#include "lq_service/release/build_testing.h"
#include "lq_service/release/guest_testing.h"
#include "tests/golden/random_player.h"

enum { TICKS = 400 };

typedef struct games {
  lq_releases *releases;
  lq_guests *guests;
  uint32_t count;
} games;

/* The old session's memory is filled before it is given back, and so are the saved bytes. */
static void rebuild(fx_play *p, const lq_guest_port *port) {
  size_t bytes = lq_session_save_bytes(p->session);
  lq_writer out = lq_writer_of(malloc(bytes), bytes);
  assert_ok(lq_session_save(p->session, &out));
  void *memory = lq_pages_take(p->bytes);
  assert_non_null(memory);
  memset(p->memory, 0xcd, p->bytes);
  lq_pages_give(p->memory, p->bytes);
  p->memory = memory;
  assert_ok(lq_session_load(memory, p->bytes, p->game, lq_writer_span(&out), &p->session));
  lq_session_guests(p->session, port);
  memset(out.data, 0xcd, out.bytes);
  free(out.data);
}

static void play(const lq_release *release, lq_guests *guests, const char *name) {
  const lq_game *game = release->game;
  const lq_guest_port *port = lq_guests_waiting(guests, "test", release->id);
  fx_play straight, broken;
  fx_play_open(&straight, game, 11);
  fx_play_open(&broken, game, 11);
  lq_session_guests(straight.session, port);
  lq_session_guests(broken.session, port);
  random_player player = {.session = straight.session};
  lq_prng_seed(&player.prng, 12);
  uint32_t good = 0;
  for (uint32_t t = 0; t < TICKS; t++) {
    random_tick(&player);
    lq_session_tick(straight.session, NULL, &straight.result);
    assert_int_equal(straight.result.state, LQ_TICK_DONE);
    if (straight.result.commands.bytes)
      assert_ok(lq_session_replay_tick(broken.session, straight.result.commands));
    lq_session_tick(broken.session, NULL, &broken.result);
    if (broken.result.hash != straight.result.hash) fail_msg("%s: tick %u differs", name, t + 1);
    assert_true(lq_span_equal(broken.result.events, straight.result.events));
    assert_true(lq_span_equal(broken.result.mutations, straight.result.mutations));
    for (uint32_t i = 0; i < straight.result.applied_count; i++)
      good += straight.result.applied[i].outcome == LQ_OK;
    rebuild(&broken, port);
  }
  assert_true(good > TICKS / 4);
  print_message("%s: %u ticks, %u commands taken\n", name, TICKS, good);
  fx_play_close(&straight);
  fx_play_close(&broken);
}

static bool each_folder(void *context, const char *name, bool is_folder) {
  games *all = context;
  char path[512];
  (void)snprintf(path, sizeof path, "examples/%s/game.yaml", name);
  if (!is_folder || !lq_file_exists(path)) return true;
  path[strlen(path) - strlen("/game.yaml")] = 0;
  play(fx_build(all->releases, path), all->guests, name);
  all->count++;
  return true;
}

LQ_TEST(every_example_goes_on_as_ever_when_rebuilt_after_every_tick) {
  char cache[64];
  fx_folder(cache);
  games all = {.releases = fx_releases(cache, NULL)};
  lq_releases_guests(all.releases, lq_guest_describe, fx_jails());
  lq_guest_supply supply = lq_releases_supply(all.releases);
  assert_ok(lq_guests_open(NULL, &supply, &all.guests));
  assert_ok(lq_folder_list("examples", each_folder, &all));
  assert_true(all.count > 0);
  lq_guests_close(all.guests);
  lq_releases_close(all.releases);
  fx_folder_remove(cache);
}
