/* Any numbers as what a game does to its bodies: the session goes on, its hash is the recomputed
 * one, and saved bytes load to it. Every 31 bytes are a poke; in between, the session is saved, one
 * byte of what physics keeps is changed as the input says, and the result refused or played. */
#include "lq_engine/session/session_physics_testing.h"

#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { POKES_MAX = 60 };

static px_game g;
static void *memory, *memory2;
static size_t memory_bytes;
static uint8_t saved[1 << 20], again[1 << 20];

static void ready(void) {
  if (memory) return;
  px_game_fill(&g);
  px_game_ready(&g);
  memory = fixture_block(&g.game, &memory_bytes);
  memory2 = fixture_block(&g.game, &memory_bytes);
}

static void poke(lq_session *s, lq_reader *in) {
  char target[16];
  px_poke p = {.what = lq_read_u8(in) % PX_WHATS};
  (void)snprintf(target, sizeof target, "b%u", lq_read_u8(in) % 12u);
  uint8_t kinds = lq_read_u8(in);
  p.kind = (int32_t)(kinds & 3) - (kinds >> 7), p.shape = kinds >> 2 & 7;
  for (uint32_t i = 0; i < 6; i++) {
    uint32_t bits = lq_read_u32(in);
    memcpy(i < 3 ? &p.v[i] : &p.size[i - 3], &bits, 4);
  }
  fx_name(p.id, sizeof p.id, target);
  if (px_send(s, target, p)) return; /* refused is as good as taken */
}

static lq_session *save_and_load(lq_session *s, void *into) {
  lq_session *loaded;
  lq_writer out = lq_writer_of(saved, sizeof saved), same = lq_writer_of(again, sizeof again);
  LQ_CHECK(lq_session_save(s, &out) == LQ_OK);
  memset(into, 0, memory_bytes);
  LQ_CHECK(lq_session_load(into, memory_bytes, &g.game, lq_writer_span(&out), &loaded) == LQ_OK);
  LQ_CHECK(lq_session_hash(loaded) == lq_session_hash(s));
  LQ_CHECK(lq_session_save(loaded, &same) == LQ_OK);
  LQ_CHECK(lq_span_equal(lq_writer_span(&out), lq_writer_span(&same)));
  return loaded;
}

/* In front of the world, whose checksum would tell. */
static void damage(lq_session *s, uint16_t where, uint8_t with) {
  lq_session *loaded;
  lq_tick_result r;
  lq_writer out = lq_writer_of(saved, sizeof saved);
  LQ_CHECK(lq_session_save(s, &out) == LQ_OK);
  const uint8_t *world = memmem(saved, out.bytes, "LQWD", 4);
  LQ_CHECK(world != NULL);
  saved[where % (size_t)(world - saved)] ^= with;
  memset(memory2, 0, memory_bytes);
  if (lq_session_load(memory2, memory_bytes, &g.game, lq_writer_span(&out), &loaded)) return;
  for (uint32_t i = 0; i < 2; i++) lq_session_tick(loaded, NULL, &r);
}

static void write_seed(const char *path) {
  lq_writer out = lq_writer_of(saved, sizeof saved);
  static const uint8_t doing[][3] = {
      {PX_SPAWN, 0, 2 | 3 << 2}, {PX_SPAWN, 1, 0},  {PX_SPAWN, 2, 8},
      {PX_SPAWN, 3, 1 | 4},      {PX_RAY, 1, 0},    {PX_TOUCHING, 2, 0},
      {PX_VELOCITY, 2, 0},       {PX_FORCE, 1, 0},  {PX_SIZE, 3, 0},
      {PX_PUSH, 2, 0},           {PX_DELETE, 0, 0}, {PX_JOINT, 3, 4 << 2},
      {PX_LOAD, 3, 0},           {PX_CAST, 1, 0},   {PX_OVERLAP, 2, 2 << 2},
      {PX_CLOSEST, 3, 0}};
  for (size_t i = 0; i < sizeof doing / sizeof *doing; i++) {
    lq_write_bytes(&out, doing[i], 3);
    const float six[6] = {0, i ? (float)i * 0.6f : 0, 0, 0.5f, 0.5f, 0.5f};
    lq_write_bytes(&out, six, sizeof six);
    lq_write_u8(&out, 7);
    lq_write_u16(&out, (uint16_t)(100 + i));
    lq_write_u8(&out, 1);
  }
  FILE *file = fopen(path, "wb");
  LQ_CHECK(file && fwrite(saved, 1, out.bytes, file) == out.bytes && fclose(file) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (getenv("LQ_FUZZ_SEED")) {
    write_seed(getenv("LQ_FUZZ_SEED"));
    _exit(0);
  }
  lq_session *s;
  lq_tick_result r;
  ready();
  memset(memory, 0, memory_bytes);
  LQ_CHECK(lq_session_init(memory, memory_bytes, &g.game, 1, &s) == LQ_OK);
  lq_reader in = lq_reader_of(lq_span_of(data, bytes));
  for (uint32_t i = 0; i < POKES_MAX && lq_reader_left(&in) >= 31; i++) {
    poke(s, &in);
    for (uint32_t ticks = lq_read_u8(&in) & 7; ticks > 0; ticks--) lq_session_tick(s, NULL, &r);
    uint16_t where = lq_read_u16(&in);
    damage(s, where, lq_read_u8(&in));
  }
  lq_session_tick(s, NULL, &r); /* what is queued is in no save */
  LQ_CHECK(lq_world_hash(lq_session_world(s)) == lq_world_hash_full(lq_session_world(s)));
  lq_session *loaded = save_and_load(s, memory2);
  lq_session_tick(s, NULL, &r);
  uint64_t hash = r.hash;
  lq_session_tick(loaded, NULL, &r);
  LQ_CHECK(r.hash == hash);
  return 0;
}
