#include "lq_service/esdk/esdk_int.h"

void lqi_write_be(lq_writer *w, uint64_t value, unsigned bytes) {
  while (bytes--) lq_write_u8(w, (uint8_t)(value >> 8 * bytes));
}

uint32_t lqi_read_be(lq_reader *r, unsigned bytes) {
  uint32_t value = 0;
  while (bytes--) value = value << 8 | lq_read_u8(r);
  return value;
}

lq_err lqi_esdk_derive(lqi_esdk_body *body, const uint8_t data_key[LQ_KEY_BYTES],
                       uint8_t commitment[LQI_ESDK_COMMIT_BYTES]) {
  static const uint8_t info[] = "\x04\x78"
                                "DERIVEKEY";
  _Static_assert(LQI_ESDK_SUITE == 0x0478, "the suite is in the text above");
  lq_span secret = lq_span_of(data_key, LQ_KEY_BYTES), salt = lq_span_of(body->id, sizeof body->id);
  uint8_t key[LQ_KEY_BYTES];
  lq_hkdf_sha512(secret, salt, lq_span_text("COMMITKEY"), commitment, LQI_ESDK_COMMIT_BYTES);
  lq_hkdf_sha512(secret, salt, lq_span_of(info, sizeof info - 1), key, sizeof key);
  lq_err err = lq_aead_open(key, &body->aead);
  lq_wipe(key, sizeof key);
  return err;
}

void lqi_esdk_nonce(uint32_t sequence, uint8_t out[LQ_NONCE_BYTES]) {
  lq_writer w = lq_writer_of(out, LQ_NONCE_BYTES);
  lqi_write_be(&w, 0, 8);
  lqi_write_be(&w, sequence, 4);
}

lq_span lqi_esdk_about_of(const lqi_esdk_body *body, bool last, uint32_t bytes,
                          lqi_esdk_about *about) {
  lq_writer w = lq_writer_of(about->room, sizeof about->room);
  lq_write_bytes(&w, body->id, sizeof body->id);
  lq_write_text(&w, last ? "AWSKMSEncryptionClient Final Frame" : "AWSKMSEncryptionClient Frame");
  lqi_write_be(&w, body->sequence, 4);
  lqi_write_be(&w, bytes, 8);
  LQ_CHECK(!w.failed);
  return lq_writer_span(&w);
}
