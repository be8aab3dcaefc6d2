/* A run: a game, a seed and every tick's commands as journaled, in one file; what golden_record
 * writes and every cell of the golden matrix plays. In JavaScript: tests/golden/cell.mjs.
 *   u32 "LQRN", u16 1, sized encoded game, u64 seed, varint ticks, then each: sized commands */
#ifndef LQ_TESTS_GOLDEN_RUN_FILE_H
#define LQ_TESTS_GOLDEN_RUN_FILE_H

#include "lq_base/bytes.h"

#define RUN_MAGIC 0x4e52514cu /* "LQRN" */
#define RUN_VERSION 1u

typedef struct run_file {
  lq_span game;
  uint64_t seed, ticks;
  lq_reader rest; /* lq_read_sized: the next tick's commands */
} run_file;

static inline void run_file_head(lq_writer *out, lq_span game, uint64_t seed, uint64_t ticks) {
  lq_write_u32(out, RUN_MAGIC);
  lq_write_u16(out, RUN_VERSION);
  lq_write_sized(out, game.data, game.bytes);
  lq_write_u64(out, seed);
  lq_write_varint(out, ticks);
}

static inline bool run_file_open(lq_span bytes, run_file *out) {
  lq_reader in = lq_reader_of(bytes);
  bool ours = lq_read_u32(&in) == RUN_MAGIC && lq_read_u16(&in) == RUN_VERSION;
  out->game = lq_read_sized(&in);
  out->seed = lq_read_u64(&in);
  out->ticks = lq_read_varint(&in);
  out->rest = in;
  return ours && !in.failed;
}

#endif
