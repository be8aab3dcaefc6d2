/* Sealing with a data key. */
#include "lq_service/tenant/seal.h"

#include <stdlib.h>

enum { MAGIC_BYTES = 4, TEXT_AT = MAGIC_BYTES + LQ_NONCE_BYTES };
static const char MAGIC[MAGIC_BYTES] = {'L', 'Q', 'X', '1'};

struct lq_seal {
  lq_aead *aead;
  uint8_t nonce_key[32];
};

lq_err lq_seal_open(const uint8_t key[LQ_KEY_BYTES], lq_seal **out) {
  uint8_t sealing[LQ_KEY_BYTES];
  lq_span from = lq_span_of(key, LQ_KEY_BYTES);
  *out = NULL;
  lq_seal *seal = calloc(1, sizeof *seal);
  if (!seal) return LQ_ERR_MEMORY;
  lq_hkdf_sha256(from, (lq_span){0}, lq_span_text("lq seal"), sealing, sizeof sealing);
  lq_hkdf_sha256(from, (lq_span){0}, lq_span_text("lq nonce"), seal->nonce_key,
                 sizeof seal->nonce_key);
  lq_err err = lq_aead_open(sealing, &seal->aead);
  lq_wipe(sealing, sizeof sealing);
  if (err) {
    lq_seal_close(seal);
    return err;
  }
  *out = seal;
  return LQ_OK;
}

void lq_seal_close(lq_seal *seal) {
  if (!seal) return;
  lq_aead_close(seal->aead);
  lq_wipe(seal, sizeof *seal);
  free(seal);
}

lq_err lq_seal_put(lq_seal *seal, lq_span context, lq_span text, uint8_t *out) {
  uint8_t first[32 + 4 + LQ_SEAL_CONTEXT_BYTES];
  lq_writer w = lq_writer_of(first, sizeof first);
  lq_write_bytes(&w, seal->nonce_key, sizeof seal->nonce_key);
  lq_write_u32(&w, (uint32_t)context.bytes);
  lq_write_span(&w, context);
  LQ_CHECK(!w.failed);
  lq_sha256 nonce = lq_sha256_of2(lq_writer_span(&w), text);
  memcpy(out, MAGIC, MAGIC_BYTES);
  memcpy(out + MAGIC_BYTES, nonce.bytes, LQ_NONCE_BYTES);
  return lq_aead_seal(seal->aead, out + MAGIC_BYTES, context, text, out + TEXT_AT,
                      out + TEXT_AT + text.bytes);
}

lq_err lq_seal_get(lq_seal *seal, lq_span context, lq_span sealed, uint8_t *out) {
  if (sealed.bytes < LQ_SEAL_BYTES || memcmp(sealed.data, MAGIC, MAGIC_BYTES) != 0)
    return LQ_ERR_CORRUPT;
  size_t bytes = sealed.bytes - LQ_SEAL_BYTES;
  return lq_aead_unseal(seal->aead, sealed.data + MAGIC_BYTES, context,
                        lq_span_of(sealed.data + TEXT_AT, bytes), sealed.data + TEXT_AT + bytes,
                        out);
}
