/* Loads hostile saves. The first byte's low bit: mend the header's constants, length and checksum
 * first, so that the fuzzer gets behind them to the content. What is let in must be sound. */
#include "lq_base/hash.h"
#include "lq_engine/ecs/ecs_int.h"
#include "lq_engine/ecs/ecs_testing.h"

enum { ROWS = 130, HEADER_BYTES = 64, INPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void mend(uint8_t *saved, size_t bytes) {
  lq_writer head = lq_writer_of(saved, 16);
  lq_write_u32(&head, 0x4457514c);
  lq_write_u32(&head, LQ_ABI_VERSION);
  lq_write_u64(&head, testing_schema()->hash);
  lq_writer tail = lq_writer_of(saved + 40, 24);
  lq_write_u32(&tail, TYPES);
  lq_write_u32(&tail, 0);
  lq_write_u64(&tail, bytes - HEADER_BYTES);
  lq_write_u64(&tail, lqi_save_checksum(saved, bytes));
}

static void check(bool holds) {
  if (!holds) abort();
}

/* The saved bytes are canonical, so what was let in saves to what was read. */
static void check_round_trip(const lq_world *w, lq_span saved) {
  lq_span again = testing_save(w);
  check(lq_span_equal(saved, again));
  testing_free_span(again);
}

/* Uses every part of the loaded world; the hash must move as a recount does. */
static void use(lq_world *w) {
  uint64_t off_by = lq_world_hash(w) - lq_world_hash_full(w); /* a crafted hash may be wrong */
  lq_entity e;
  lq_world_frame_begin(w);
  if (lq_world_create(w, NULL, 1, &e) == LQ_OK) testing_add(w, e, NOTE);
  for (uint32_t row = 0; row < ROWS; row++) {
    e = lq_world_entity_at(w, row);
    if (!lq_world_alive(w, e)) continue;
    check(lq_world_find(w, lq_span_text(lq_world_id(w, e))).bits == e.bits);
    if (row % 3 == 0) check(lq_world_delete(w, e) == LQ_OK);
  }
  lq_iter it = lq_world_query(w, (lq_query){.with = 1u << NOTE});
  while (lq_iter_next(&it)) {
    note *n = lq_iter_write(&it, NOTE);
    for (uint32_t i = 0; i < it.count; i++) n[i].heat += 1.0f;
  }
  lq_world_frame_end(w);
  check(lq_world_hash(w) - lq_world_hash_full(w) == off_by);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 1 || bytes > INPUT_MAX) return 0;
  bool mended = data[0] & 1;
  data++, bytes--;
  uint8_t *saved = malloc(bytes ? bytes : 1);
  check(saved != NULL);
  if (bytes) memcpy(saved, data, bytes);
  if (mended && bytes >= HEADER_BYTES) mend(saved, bytes);
  lq_world *w = testing_world(ROWS);
  if (lq_world_load(w, lq_span_of(saved, bytes)) == LQ_OK) {
    check_round_trip(w, lq_span_of(saved, bytes));
    use(w);
  }
  free(w);
  free(saved);
  return 0;
}
