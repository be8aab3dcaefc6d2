#include "lq_service/token/secret.h"

#include "lq_base/hash.h"

#include <stdlib.h>

/* ---- API keys ---- */

enum { KEY_HEAD = 4 + 43, KEY_BYTES = LQ_API_KEY_BYTES - 1, SUM_DIGITS = 6 };

/* Bit by bit: 47 bytes, and then a SHA-256. */
static uint32_t crc32_of(lq_span text) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < text.bytes; i++) {
    crc ^= text.data[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
  }
  return ~crc;
}

static void sum_write(lq_span head, char out[SUM_DIGITS]) {
  static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  uint32_t crc = crc32_of(head);
  for (int i = SUM_DIGITS - 1; i >= 0; i--, crc /= 62) out[i] = digits[crc % 62];
}

static void key_of(lq_span text, lq_api_key *out) {
  memcpy(out->id, text.data + 4, sizeof out->id - 1);
  out->id[sizeof out->id - 1] = 0;
  out->digest = lq_sha256_of(text);
}

void lq_api_key_make(const uint8_t random[32], char out[LQ_API_KEY_BYTES], lq_api_key *key) {
  memcpy(out, "lqk_", 4);
  LQ_CHECK(lq_base64url(random, 32, out + 4, LQ_API_KEY_BYTES - 4) == 43);
  out[KEY_HEAD] = '_';
  sum_write(lq_span_of(out, KEY_HEAD), out + KEY_HEAD + 1);
  out[KEY_BYTES] = 0;
  key_of(lq_span_of(out, KEY_BYTES), key);
}

bool lq_api_key_read(lq_span text, lq_api_key *out) {
  uint8_t random[32];
  char sum[SUM_DIGITS];
  size_t bytes;
  *out = (lq_api_key){0};
  if (text.bytes != KEY_BYTES || memcmp(text.data, "lqk_", 4) != 0 || text.data[KEY_HEAD] != '_')
    return false;
  bool good = lq_base64url_read(lq_span_of(text.data + 4, 43), random, sizeof random, &bytes);
  lq_wipe(random, sizeof random);
  sum_write(lq_span_of(text.data, KEY_HEAD), sum);
  if (!good || memcmp(sum, text.data + KEY_HEAD + 1, SUM_DIGITS) != 0) return false;
  key_of(text, out);
  return true;
}

/* ---- tickets ---- */

typedef struct slot {
  uint64_t ends_ms; /* 0: free */
  uint64_t tenant;  /* a hash: two tenants may share a share, and no more than that */
} slot;
typedef struct held {
  lq_sha256 digest; /* of the random bytes: a dump of memory opens nothing */
  lq_token_claims claims;
} held;
struct lq_tickets {
  uint32_t capacity, tenant_max;
  slot *slots; /* apart from `held`: making a ticket walks over all of them */
  held *held;
};

lq_err lq_tickets_open(uint32_t capacity, uint32_t tenant_max, lq_tickets **out) {
  lq_tickets *t = calloc(1, sizeof *t);
  *out = NULL;
  if (!t) return LQ_ERR_MEMORY;
  *t = (lq_tickets){.capacity = capacity, .tenant_max = tenant_max};
  t->slots = calloc(capacity, sizeof *t->slots);
  t->held = calloc(capacity, sizeof *t->held);
  if (!t->slots || !t->held) {
    lq_tickets_close(t);
    return LQ_ERR_MEMORY;
  }
  *out = t;
  return LQ_OK;
}

void lq_tickets_close(lq_tickets *t) {
  if (!t) return;
  if (t->held) lq_wipe(t->held, t->capacity * sizeof *t->held);
  free(t->held);
  free(t->slots);
  free(t);
}

static uint64_t until_of(const lq_token_claims *claims, uint64_t now_ms) {
  uint64_t ends_ms = now_ms + LQ_TICKET_MS, token_ms = (uint64_t)claims->expires_s * 1000;
  return ends_ms < token_ms ? ends_ms : token_ms;
}

lq_err lq_ticket_make(lq_tickets *t, const uint8_t random[32], const lq_token_claims *claims,
                      uint64_t now_ms, char out[LQ_TICKET_BYTES]) {
  uint64_t tenant = lq_hash_bytes(0, claims->tenant, strlen(claims->tenant));
  uint32_t free_slot = t->capacity, used = 0;
  uint8_t bytes[36];
  out[0] = 0;
  LQ_CHECK(claims->expires_s >= 0);
  for (uint32_t i = 0; i < t->capacity; i++) {
    if (t->slots[i].ends_ms <= now_ms) {
      if (free_slot == t->capacity) free_slot = i;
    } else if (t->slots[i].tenant == tenant) {
      used++;
    }
  }
  if (used >= t->tenant_max) return LQ_ERR_RATE;
  if (free_slot == t->capacity) return LQ_ERR_BUSY;
  t->slots[free_slot] = (slot){until_of(claims, now_ms), tenant};
  t->held[free_slot] = (held){lq_sha256_of(lq_span_of(random, 32)), *claims};
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  lq_write_u32(&w, free_slot);
  lq_write_bytes(&w, random, 32);
  memcpy(out, "lqt_", 4);
  LQ_CHECK(lq_base64url(bytes, sizeof bytes, out + 4, LQ_TICKET_BYTES - 4));
  lq_wipe(bytes, sizeof bytes);
  return LQ_OK;
}

lq_err lq_ticket_use(lq_tickets *t, lq_span text, uint64_t now_ms, lq_token_claims *claims) {
  uint8_t bytes[36];
  size_t length;
  *claims = (lq_token_claims){0};
  if (text.bytes != LQ_TICKET_BYTES - 1 || memcmp(text.data, "lqt_", 4) != 0 ||
      !lq_base64url_read(lq_span_of(text.data + 4, text.bytes - 4), bytes, sizeof bytes, &length))
    return LQ_ERR_UNAUTHORIZED;
  lq_reader r = lq_reader_of(lq_span_of(bytes, sizeof bytes));
  uint32_t at = lq_read_u32(&r);
  lq_sha256 digest = lq_sha256_of(lq_read_bytes(&r, 32));
  lq_wipe(bytes, sizeof bytes);
  if (at >= t->capacity || t->slots[at].ends_ms <= now_ms ||
      !lq_equal_constant_time(digest.bytes, t->held[at].digest.bytes, sizeof digest.bytes))
    return LQ_ERR_UNAUTHORIZED;
  *claims = t->held[at].claims;
  t->slots[at].ends_ms = 0;
  lq_wipe(&t->held[at], sizeof t->held[at]);
  return LQ_OK;
}
