/* HEAD from anywhere, as it is and with its check made right: what decodes encodes to the very
 * bytes that were read, and moves only by the rules. */
#include "lq_base/hash.h"
#include "lq_service/port/store.h"

enum { HEAD_BYTES = 182, CHECKED = HEAD_BYTES - 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool has_checkpoint(const lq_store_head *head) {
  return head->checkpoint_tick != UINT64_MAX;
}

static bool names_the_same(const lq_store_head *a, const lq_store_head *b) {
  return a->checkpoint_tick == b->checkpoint_tick && a->checkpoint_slice == b->checkpoint_slice;
}

static void rules(const lq_store_head *now, const lq_store_head *given) {
  lq_store_head next;
  lq_store_slice slice = {.epoch = given->epoch, .slice = given->slice, .head = *given};
  if (!lq_store_head_commit(now, &slice, &next)) {
    LQ_CHECK(next.slice == now->slice + 1 && next.epoch == now->epoch && next.seed == now->seed);
    LQ_CHECK(names_the_same(&next, now));
    LQ_CHECK(memcmp(next.first_release, now->first_release, 32) == 0);
  }
  if (!lq_store_head_checkpoint(now, given, &next)) {
    LQ_CHECK(next.slice == now->slice && next.epoch == now->epoch && has_checkpoint(&next));
    LQ_CHECK(next.checkpoint_slice >= given->checkpoint_slice && next.seed == now->seed);
    LQ_CHECK(names_the_same(&next, now) || names_the_same(&next, given));
    LQ_CHECK(!has_checkpoint(now) || next.checkpoint_slice >= now->checkpoint_slice);
  }
}

static bool check(lq_span in, lq_store_head *head) {
  uint8_t room[HEAD_BYTES];
  lq_writer again = lq_writer_of(room, sizeof room);
  if (lq_store_head_decode(in, head)) {
    static const lq_store_head nothing;
    LQ_CHECK(memcmp(head, &nothing, sizeof nothing) == 0);
    return false;
  }
  lq_store_head_encode(head, &again);
  LQ_CHECK(!again.failed && lq_span_equal(lq_writer_span(&again), in));
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_store_head head[2];
  (void)check(lq_span_of(data, bytes), &head[0]);
  bool good = true;
  for (size_t i = 0; i < 2; i++) {
    uint8_t mended[HEAD_BYTES];
    if (bytes < (i + 1) * CHECKED) return 0;
    memcpy(mended, data + i * CHECKED, CHECKED);
    lq_writer sum = lq_writer_of(mended + CHECKED, 8);
    /* "LQHEAD", version 1: docs/journal.md */
    lq_write_u64(&sum, lq_hash_bytes(0x4c51484541440001ull, mended, CHECKED));
    good = check(lq_span_of(mended, sizeof mended), &head[i]) && good;
  }
  if (good) rules(&head[0], &head[1]);
  return 0;
}
