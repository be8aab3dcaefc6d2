/* What a jail costs: from its start until it is shut in, and a call there and back.
 *
 * The guest is the smallest there is (tests/jail_tiny.h): no language, so what is left is the
 * kernel, the copy and the checks. `call`: one question on its way, by lq_jail_wait as a tick does,
 * its slot filled before; the guest looks at no row. `write`: filling the slot alone, from a real
 * world of so many entities with Position (8 bytes), Purse (8) and Note (40).
 * --quick: tiny; --json: one object. */
#include "lq_engine/guest/guest.h"
#include "tests/jail_tiny.h"

#include <stdio.h>
#include <stdlib.h>

enum { ENTITIES_MAX = 10000, SYSTEM = 0 };
enum { STARTS_MAX = 200, CALLS_MAX = 20000 };

__attribute__((constructor)) static void jail(int argc, char **argv) { tiny_jail(argc, argv); }
static void tiny_act(lq_guest_view *view, const char *what) {
  (void)view;
  (void)what;
}

static vt_setup t;
static uint64_t times[CALLS_MAX];

static int ascending(const void *a, const void *b) {
  uint64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static void show(bool json, const char *name, uint32_t rows, size_t bytes, size_t count) {
  qsort(times, count, sizeof *times, ascending);
  double p50 = (double)times[count / 2] / 1e3, p99 = (double)times[count * 99 / 100] / 1e3;
  (void)printf(
      json ? "{\"name\":\"%s\",\"entities\":%u,\"bytes\":%zu,\"p50_us\":%.2f,\"p99_us\":%.2f}\n"
           : "%-6s %6u entities %8zu bytes   p50 %8.2f us   p99 %8.2f us\n",
      name, rows, bytes, p50, p99);
}

static void starts(bool json, size_t count) {
  for (size_t i = 0; i < count; i++) {
    lq_guest_message heard;
    uint64_t begin = lq_clock_mono_ns();
    lq_jail *j = tiny_open();
    LQ_CHECK(tiny_hear(j, &heard, TINY_LONG_US) == LQ_OK && heard.say == LQ_GUEST_READY);
    times[i] = lq_clock_mono_ns() - begin;
    lq_jail_close(j);
  }
  show(json, "start", 0, 0, count);
}

/* Everybody has all three. */
static lq_world *world_make(uint32_t rows) {
  lq_schema *schema = &t.f.game.schema;
  size_t bytes = lq_world_bytes(schema, ENTITIES_MAX);
  lq_world *world;
  LQ_CHECK(lq_world_init(lq_pages_take(bytes), bytes, schema, ENTITIES_MAX, &world) == LQ_OK);
  for (uint32_t row = 0; row < rows; row++) {
    lq_entity e;
    LQ_CHECK(lq_world_create(world, NULL, 0, &e) == LQ_OK);
    LQ_CHECK(lq_world_add(world, e, FX_POSITION) == LQ_OK);
    LQ_CHECK(lq_world_add(world, e, FX_PURSE) == LQ_OK);
    LQ_CHECK(lq_world_add(world, e, FX_NOTE) == LQ_OK);
  }
  lq_world_frame_end(world);
  return world;
}

static void game_make(void) {
  lq_diag diag = {0};
  fixture_fill(&t.f);
  t.f.game.entities_max = ENTITIES_MAX;
  for (uint32_t i = 0; i < 4; i++) {
    t.f.system[i].guest = LQ_GUEST_LUA;
    t.f.system[i].reads = t.f.system[i].writes = 1u << FX_POSITION | 1u << FX_PURSE | 1u << FX_NOTE;
  }
  LQ_CHECK(lq_game_seal(&t.f.game, &diag) == LQ_OK);
}

static void calls(bool json, uint32_t rows, size_t count) {
  lq_prng prng;
  lq_prng_seed(&prng, 1);
  lq_guest_ask question = {.game = &t.f.game,
                           .world = world_make(rows),
                           .kind = LQ_GUEST_SYSTEM,
                           .index = SYSTEM,
                           .guest = LQ_GUEST_LUA,
                           .prng = &prng};
  lq_jail *j = tiny_loaded(&t, "nothing");
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t begin = lq_clock_mono_ns();
    lq_writer out = lq_writer_of(tiny_slot(j, 0), LQ_GUEST_CALL_BYTES_MAX);
    LQ_CHECK(lq_guest_ask_write(&question, &out) == LQ_OK);
    times[i] = lq_clock_mono_ns() - begin;
    bytes = out.bytes;
  }
  show(json, "write", rows, bytes, count);
  for (size_t i = 0; i < count; i++) {
    lq_guest_message heard;
    uint64_t begin = lq_clock_mono_ns();
    LQ_CHECK(tiny_send(j, LQ_GUEST_ASK, 0, bytes) == LQ_OK);
    LQ_CHECK(tiny_hear(j, &heard, TINY_LONG_US) == LQ_OK && heard.say == LQ_GUEST_ANSWER);
    times[i] = lq_clock_mono_ns() - begin;
  }
  show(json, "call", rows, bytes, count);
  lq_jail_close(j);
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  for (int i = 1; i < argc; i++) {
    quick = quick || strcmp(argv[i], "--quick") == 0;
    json = json || strcmp(argv[i], "--json") == 0;
  }
  game_make();
  starts(json, quick ? 3 : STARTS_MAX);
  calls(json, 2, quick ? 20 : CALLS_MAX);
  calls(json, 100, quick ? 20 : CALLS_MAX);
  calls(json, 10000, quick ? 20 : 2000);
  return 0;
}
