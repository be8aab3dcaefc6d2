/* Any bytes as a saved session, then as journaled ticks: refused, or playable. What is let in saves
 * to the bytes that were read, and what was played saves to bytes that load to the same hash.
 * Input: u16 length of the save, the save, ticks. A save that is refused is tried again with the
 * length and the checksum of its world made right, so that the fuzzer gets behind them. */
#include "lq_engine/session/session_testing.h"

#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
/* Private to lq_engine/ecs, but for this. */
uint64_t lqi_save_checksum(const uint8_t *saved, size_t bytes);

enum { WORLD_HEADER_BYTES = 64 };

static fixture fx;
static uint8_t code[8192], saved[1 << 20], mended[1 << 16];
static void *memory, *memory2;
static size_t memory_bytes;

static void ready(void) {
  if (memory) return;
  lq_arena arena = lq_arena_of(code, sizeof code);
  fixture_fill(&fx);
  fx.game.entities_max = 64;
  fixture_ready(&fx, &arena);
  memory = fixture_block(&fx.game, &memory_bytes);
  memory2 = fixture_block(&fx.game, &memory_bytes);
}

/* LQ_FUZZ_SEED=file writes a good input: how the corpus was made. */
static void write_seed(const char *path) {
  lq_session *s;
  lq_tick_result r;
  ready();
  LQ_CHECK(lq_session_init(memory, memory_bytes, &fx.game, 1, &s) == LQ_OK);
  LQ_CHECK(fx_join(s, "p1", "red", 1) == LQ_OK && fx_join(s, "p2", "", 2) == LQ_OK);
  lq_session_tick(s, NULL, &r);
  LQ_CHECK(fx_do_move(s, 1, "p1", 0, 0, "c1") == LQ_OK);
  lq_session_tick(s, NULL, &r);
  lq_writer out = lq_writer_of(saved, sizeof saved);
  lq_write_u16(&out, 0);
  LQ_CHECK(lq_session_save(s, &out) == LQ_OK);
  saved[0] = (uint8_t)((out.bytes - 2) & 255);
  saved[1] = (uint8_t)((out.bytes - 2) >> 8);
  LQ_CHECK(fx_do_give(s, 1, "p1", "p2", 5) == LQ_OK && fx_dare(s, 2, "mess") == LQ_OK);
  lq_session_tick(s, NULL, &r);
  lq_write_sized(&out, r.commands.data, r.commands.bytes);
  FILE *file = fopen(path, "wb");
  LQ_CHECK(file && fwrite(saved, 1, out.bytes, file) == out.bytes && fclose(file) == 0);
}

static void play(lq_session *s, lq_reader *ticks) {
  lq_tick_result r;
  lq_event event;
  lq_mutation mutation;
  for (uint32_t i = 0; i < 8; i++) {
    lq_span commands = lq_read_sized(ticks);
    if (!ticks->failed && lq_session_replay_tick(s, commands) != LQ_OK)
      LQ_CHECK(lq_session_queued(s) == 0);
    lq_session_tick(s, NULL, &r);
    lq_reader in = lq_reader_of(r.events);
    while (lq_event_read(&in, &fx.game, &event)) (void)event;
    LQ_CHECK(lq_reader_done(&in));
    in = lq_reader_of(r.mutations);
    while (lq_mutation_read(&in, &fx.game, &mutation)) (void)mutation;
    LQ_CHECK(lq_reader_done(&in));
  }
}

static lq_span mend(lq_span save) {
  const uint8_t *found = save.bytes ? memmem(save.data, save.bytes, "LQWD", 4) : NULL;
  if (!found) return save;
  size_t at = (size_t)(found - save.data), bytes = save.bytes - at;
  if (bytes < WORLD_HEADER_BYTES) return save;
  memcpy(mended, save.data, save.bytes);
  lq_writer out = lq_writer_of(mended + at + 48, 16);
  lq_write_u64(&out, bytes - WORLD_HEADER_BYTES);
  lq_write_u64(&out, lqi_save_checksum(mended + at, bytes));
  return lq_span_of(mended, save.bytes);
}

/* NULL when it is refused. */
static lq_session *load(lq_span save) {
  lq_session *s;
  memset(memory, 0, memory_bytes);
  if (lq_session_load(memory, memory_bytes, &fx.game, save, &s) != LQ_OK) return NULL;
  lq_writer out = lq_writer_of(saved, sizeof saved);
  LQ_CHECK(lq_session_save(s, &out) == LQ_OK);
  LQ_CHECK(lq_span_equal(lq_writer_span(&out), save));
  return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (getenv("LQ_FUZZ_SEED")) {
    write_seed(getenv("LQ_FUZZ_SEED"));
    _exit(0);
  }
  ready();
  lq_reader in = lq_reader_of(lq_span_of(data, bytes));
  size_t length = lq_read_u16(&in);
  if (length > lq_reader_left(&in)) length = lq_reader_left(&in);
  lq_span save = lq_read_bytes(&in, length);
  lq_reader raw = lq_reader_of(save);
  lq_event event;
  lq_mutation mutation;
  while (lq_event_read(&raw, &fx.game, &event)) (void)event;
  raw = lq_reader_of(save);
  while (lq_mutation_read(&raw, &fx.game, &mutation)) (void)mutation;
  lq_session *again, *s = load(save);
  if (!s) s = load(mend(save));
  if (!s) { /* the ticks still get a good session to act on */
    memset(memory, 0, memory_bytes);
    LQ_CHECK(lq_session_init(memory, memory_bytes, &fx.game, 1, &s) == LQ_OK);
  }
  play(s, &in);
  lq_writer out = lq_writer_of(saved, sizeof saved);
  LQ_CHECK(lq_session_save(s, &out) == LQ_OK);
  memset(memory2, 0, memory_bytes);
  LQ_CHECK(lq_session_load(memory2, memory_bytes, &fx.game, lq_writer_span(&out), &again) == LQ_OK);
  LQ_CHECK(lq_session_hash(again) == lq_session_hash(s));
  return 0;
}
