/* Shared between writing and reading a message. */
#ifndef LQ_SERVICE_ESDK_ESDK_INT_H
#define LQ_SERVICE_ESDK_ESDK_INT_H

#include "lq_service/esdk/esdk.h"

enum {
  LQI_ESDK_VERSION = 2,
  LQI_ESDK_SUITE = 0x0478,
  LQI_ESDK_FRAMED = 2,
  LQI_ESDK_ID_BYTES = 32,
  LQI_ESDK_COMMIT_BYTES = 32,
  LQI_ESDK_WRAPPED_BYTES = LQ_KEY_BYTES + LQ_TAG_BYTES,
  LQI_ESDK_FRAME_HEAD = 4 + LQ_NONCE_BYTES, /* of a frame that is not the last */
  LQI_ESDK_LAST_HEAD = 4 + 4 + LQ_NONCE_BYTES + 4,
  LQI_ESDK_INFO_TAIL = 4 + 4 + LQ_NONCE_BYTES /* behind the key's name */
};
#define LQI_ESDK_LAST 0xffffffffu

/* What the frames of a message share. */
typedef struct lqi_esdk_body {
  lq_aead *aead; /* of the derived key */
  uint8_t id[LQI_ESDK_ID_BYTES];
  uint32_t frame_bytes;
  uint32_t sequence; /* of the next frame */
} lqi_esdk_body;

void lqi_write_be(lq_writer *w, uint64_t value, unsigned bytes);
uint32_t lqi_read_be(lq_reader *r, unsigned bytes); /* 1 to 4 */
/* Opens body->aead with what is derived for body->id, and gives the commitment. */
lq_err lqi_esdk_derive(lqi_esdk_body *body, const uint8_t data_key[LQ_KEY_BYTES],
                       uint8_t commitment[LQI_ESDK_COMMIT_BYTES]);
/* The IV of a frame. */
void lqi_esdk_nonce(uint32_t sequence, uint8_t out[LQ_NONCE_BYTES]);
/* What a frame's tag is over beside its content; borrowed from `room`. */
typedef struct lqi_esdk_about {
  uint8_t room[96];
} lqi_esdk_about;
lq_span lqi_esdk_about_of(const lqi_esdk_body *body, bool last, uint32_t bytes,
                          lqi_esdk_about *about);

#endif
