/* What every adapter of the store port shares: keys, HEAD's bytes, and the rules by which HEAD
 * moves. */
#include "lq_service/port/store.h"

#include "lq_base/hash.h"
#include "lq_base/plant.h"

enum { HEAD_VERSION = 1, HEAD_BYTES = 182, HEAD_CHECKED = HEAD_BYTES - 8, DECIMAL_DIGITS = 20 };
#define HEAD_HASH_SEED 0x4c51484541440001ull /* "LQHEAD", version 1 */

static void write_digits(lq_writer *w, uint64_t value, size_t digits) {
  uint8_t *at = lq_write_room(w, digits);
  for (size_t i = digits; at && i-- > 0; value /= 10) at[i] = (uint8_t)('0' + value % 10);
}

void lq_store_session_pk(const lq_session_name *name, char out[LQ_STORE_PK_BYTES]) {
  lq_writer w = lq_writer_of(out, LQ_STORE_PK_BYTES);
  lq_write_text(&w, "TENANT#");
  lq_write_text(&w, name->tenant);
  lq_write_text(&w, "#GAME#");
  lq_write_text(&w, name->game);
  lq_write_text(&w, "#SESSION#");
  lq_write_text(&w, name->session);
  lq_write_u8(&w, 0);
  LQ_CHECK(!w.failed);
}

void lq_store_sk_slice(uint64_t slice, char out[LQ_STORE_SK_BYTES]) {
  lq_writer w = lq_writer_of(out, LQ_STORE_SK_BYTES);
  lq_write_text(&w, "SLICE#");
  write_digits(&w, slice, DECIMAL_DIGITS);
  lq_write_u8(&w, 0);
  LQ_CHECK(!w.failed);
}

void lq_store_sk_checkpoint(uint64_t tick, uint32_t part, char out[LQ_STORE_SK_BYTES]) {
  lq_writer w = lq_writer_of(out, LQ_STORE_SK_BYTES);
  lq_write_text(&w, "CHECKPOINT#");
  write_digits(&w, tick, DECIMAL_DIGITS);
  lq_write_text(&w, "#");
  write_digits(&w, part, 4);
  lq_write_u8(&w, 0);
  LQ_CHECK(!w.failed);
}

static bool is_text(const char *text, size_t capacity) {
  return text[0] && memchr(text, 0, capacity);
}

bool lq_store_name_valid(const lq_session_name *name) {
  return is_text(name->tenant, sizeof name->tenant) && is_text(name->game, sizeof name->game) &&
         is_text(name->session, sizeof name->session);
}

bool lq_store_tenant_valid(const char *tenant) {
  return !strcmp(tenant, LQ_STORE_PLATFORM) || lq_slug_valid(lq_span_text(tenant));
}

static bool sk_valid(const char *sk) {
  size_t bytes = 0;
  while (bytes < LQ_STORE_SK_BYTES && sk[bytes] > ' ' && sk[bytes] <= '~') bytes++;
  return bytes > 0 && bytes < LQ_STORE_SK_BYTES && sk[bytes] == 0;
}

lq_err lq_store_change_check(const lq_store_change *change) {
  if (!lq_store_tenant_valid(change->tenant)) return LQ_ERR_INVALID;
  if (change->item_count + change->leaf_count == 0) return LQ_ERR_INVALID;
  if (change->item_count > LQ_STORE_CHANGE_MAX || change->leaf_count > LQ_STORE_CHANGE_MAX)
    return LQ_ERR_TOO_BIG;
  for (uint32_t i = 0; i < change->item_count; i++) {
    const lq_store_item *item = &change->items[i];
    if (!sk_valid(item->sk)) return LQ_ERR_INVALID;
    if (item->value.bytes > LQ_STORE_ITEM_BYTES_MAX) return LQ_ERR_TOO_BIG;
    for (uint32_t k = 0; k < i; k++)
      if (!strcmp(change->items[k].sk, item->sk)) return LQ_ERR_INVALID;
  }
  for (uint32_t i = 0; i < change->leaf_count; i++) {
    if (change->leaves[i].bytes == 0) return LQ_ERR_INVALID;
    if (change->leaves[i].bytes > LQ_STORE_LEAF_BYTES_MAX) return LQ_ERR_TOO_BIG;
  }
  return LQ_OK;
}

/* ---- HEAD's bytes: offsets in docs/journal.md ---- */

void lq_store_head_encode(const lq_store_head *head, lq_writer *out) {
  size_t begin = out->bytes;
  lq_write_u8(out, HEAD_VERSION);
  lq_write_u8(out, head->state);
  lq_write_u32(out, head->players);
  lq_write_u64(out, head->epoch);
  lq_write_u64(out, head->slice);
  lq_write_u64(out, head->tick);
  lq_write_u64(out, head->checkpoint_tick);
  lq_write_u64(out, head->checkpoint_slice);
  lq_write_u64(out, head->hash);
  lq_write_u64(out, head->seed);
  lq_write_u64(out, head->created_ms);
  lq_write_u64(out, head->changed_ms);
  lq_write_bytes(out, head->chain, 32);
  lq_write_bytes(out, head->release, 32);
  lq_write_bytes(out, head->first_release, 32);
  if (!out->failed)
    lq_write_u64(out, lq_hash_bytes(HEAD_HASH_SEED, out->data + begin, HEAD_CHECKED));
}

static void read_32(lq_reader *in, uint8_t out[32]) {
  lq_span s = lq_read_bytes(in, 32);
  if (s.data) memcpy(out, s.data, 32);
}

lq_err lq_store_head_decode(lq_span body, lq_store_head *out) {
  *out = (lq_store_head){0};
  if (body.bytes > 0 && body.data[0] != HEAD_VERSION) return LQ_ERR_VERSION;
  if (body.bytes != HEAD_BYTES) return LQ_ERR_CORRUPT;
  lq_reader in = lq_reader_of(body);
  lq_store_head head = {0};
  (void)lq_read_u8(&in);
  head.state = lq_read_u8(&in);
  head.players = lq_read_u32(&in);
  head.epoch = lq_read_u64(&in);
  head.slice = lq_read_u64(&in);
  head.tick = lq_read_u64(&in);
  head.checkpoint_tick = lq_read_u64(&in);
  head.checkpoint_slice = lq_read_u64(&in);
  head.hash = lq_read_u64(&in);
  head.seed = lq_read_u64(&in);
  head.created_ms = lq_read_u64(&in);
  head.changed_ms = lq_read_u64(&in);
  read_32(&in, head.chain);
  read_32(&in, head.release);
  read_32(&in, head.first_release);
  if (lq_read_u64(&in) != lq_hash_bytes(HEAD_HASH_SEED, body.data, HEAD_CHECKED) ||
      !lq_reader_done(&in) || head.state < LQ_HEAD_LIVE || head.state > LQ_HEAD_ENDED)
    return LQ_ERR_CORRUPT;
  *out = head;
  return LQ_OK;
}

/* ---- the rules by which HEAD moves ---- */

/* What the start of a session fixed, and no later writer may change. */
static void keep_start(const lq_store_head *now, lq_store_head *next) {
  next->seed = now->seed;
  next->created_ms = now->created_ms;
  memcpy(next->first_release, now->first_release, 32);
}

static bool has_checkpoint(const lq_store_head *head) {
  return head->checkpoint_tick != UINT64_MAX;
}

/* The newer checkpoint of the two: a slice given before the checkpoint's answer came names the
 * older. */
static void keep_checkpoint(const lq_store_head *now, lq_store_head *next) {
  if (!has_checkpoint(now)) return;
  if (has_checkpoint(next) && next->checkpoint_slice > now->checkpoint_slice) return;
  if (has_checkpoint(next) && next->checkpoint_slice == now->checkpoint_slice &&
      next->checkpoint_tick >= now->checkpoint_tick)
    return;
  next->checkpoint_tick = now->checkpoint_tick;
  next->checkpoint_slice = now->checkpoint_slice;
}

lq_err lq_store_head_commit(const lq_store_head *now, const lq_store_slice *slice,
                            lq_store_head *next) {
  *next = *now;
  bool owner = slice->epoch == now->epoch || LQ_PLANTED(EPOCH_UNCHECKED);
  if (!owner || slice->slice != now->slice + 1) return LQ_ERR_FENCED;
  *next = slice->head;
  next->epoch = slice->epoch;
  next->slice = slice->slice;
  next->checkpoint_tick = now->checkpoint_tick;
  next->checkpoint_slice = now->checkpoint_slice;
  keep_start(now, next);
  return LQ_OK;
}

lq_err lq_store_head_checkpoint(const lq_store_head *now, const lq_store_head *given,
                                lq_store_head *next) {
  *next = *now;
  if (given->epoch != now->epoch) return LQ_ERR_FENCED;
  if ((given->slice > now->slice && !LQ_PLANTED(CHECKPOINT_AHEAD)) ||
      given->checkpoint_slice > given->slice)
    return LQ_ERR_CONFLICT;
  if (!has_checkpoint(given)) return LQ_ERR_INVALID;
  if (given->slice == now->slice) *next = *given;
  next->checkpoint_tick = given->checkpoint_tick;
  next->checkpoint_slice = given->checkpoint_slice;
  keep_checkpoint(now, next);
  keep_start(now, next);
  return LQ_OK;
}
