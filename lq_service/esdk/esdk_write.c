#include "lq_service/esdk/esdk_int.h"

#include <stdlib.h>

struct lq_esdk_writer {
  lqi_esdk_body body;
  lq_esdk_sink sink;
  lq_err err; /* the first, which stays */
  uint32_t
      have; /* bytes of the frame that is being filled; a full one waits for more, or the end */
  bool finished;
  uint8_t frame[]; /* LQI_ESDK_LAST_HEAD, frame_bytes, LQ_TAG_BYTES */
};

/* ---- the header ---- */

static bool text_good(const char *text) { return lq_utf8_valid(lq_span_text(text)); }

static bool pairs_good(const lq_esdk_pair *pairs, uint32_t count) {
  for (uint32_t i = 0; i < count; i++)
    if (!pairs[i].key[0] || strncmp(pairs[i].key, "aws-crypto-", 11) == 0 ||
        !text_good(pairs[i].key) || !text_good(pairs[i].value) ||
        (i && strcmp(pairs[i - 1].key, pairs[i].key) >= 0))
      return false;
  return count <= UINT16_MAX;
}

static void write_sized(lq_writer *w, lq_span bytes) {
  lqi_write_be(w, bytes.bytes, 2);
  lq_write_span(w, bytes);
  w->failed |= bytes.bytes > UINT16_MAX;
}

/* The pairs with their count, and nothing for none: also what the wrapped key is bound to. */
static void write_context(lq_writer *w, const lq_esdk_pair *pairs, uint32_t count) {
  if (!count) return;
  lqi_write_be(w, count, 2);
  for (uint32_t i = 0; i < count; i++) {
    write_sized(w, lq_span_text(pairs[i].key));
    write_sized(w, lq_span_text(pairs[i].value));
  }
}

static lq_err write_wrapped(lq_writer *w, const lq_esdk_key *key, lq_span context,
                            const uint8_t data_key[LQ_KEY_BYTES],
                            const uint8_t nonce[LQ_NONCE_BYTES]) {
  uint8_t wrapped[LQI_ESDK_WRAPPED_BYTES];
  lq_span name = lq_span_text(key->name);
  lq_aead *aead;
  lq_err err = lq_aead_open(key->key, &aead);
  if (err) return err;
  err = lq_aead_seal(aead, nonce, context, lq_span_of(data_key, LQ_KEY_BYTES), wrapped,
                     wrapped + LQ_KEY_BYTES);
  lq_aead_close(aead);
  lqi_write_be(w, 1, 2);
  write_sized(w, lq_span_text(key->provider));
  lqi_write_be(w, name.bytes + LQI_ESDK_INFO_TAIL, 2);
  lq_write_span(w, name);
  lqi_write_be(w, 8 * LQ_TAG_BYTES, 4);
  lqi_write_be(w, LQ_NONCE_BYTES, 4);
  lq_write_bytes(w, nonce, LQ_NONCE_BYTES);
  write_sized(w, lq_span_of(wrapped, sizeof wrapped));
  return err;
}

static lq_err header_give(lq_esdk_writer *writer, const lq_esdk_key *key, const lq_esdk_pair *pairs,
                          uint32_t pair_count, const uint8_t *random, uint8_t *header) {
  static const uint8_t nonce[LQ_NONCE_BYTES]; /* zeros: under this key no frame has that number */
  const uint8_t *data_key = random, *wrap_nonce = random + LQ_KEY_BYTES + LQI_ESDK_ID_BYTES;
  uint8_t commitment[LQI_ESDK_COMMIT_BYTES];
  lqi_esdk_body *body = &writer->body;
  memcpy(body->id, random + LQ_KEY_BYTES, sizeof body->id);
  lq_err err = lqi_esdk_derive(body, data_key, commitment);
  if (err) return err;
  lq_writer w = lq_writer_of(header, LQ_ESDK_HEADER_BYTES_MAX);
  lqi_write_be(&w, LQI_ESDK_VERSION, 1);
  lqi_write_be(&w, LQI_ESDK_SUITE, 2);
  lq_write_bytes(&w, body->id, sizeof body->id);
  size_t sized = w.bytes;
  lqi_write_be(&w, 0, 2);
  write_context(&w, pairs, pair_count);
  if (w.failed) return LQ_ERR_TOO_BIG;
  lq_span context = lq_span_of(header + sized + 2, w.bytes - sized - 2);
  lq_writer length = lq_writer_of(header + sized, 2);
  lqi_write_be(&length, context.bytes, 2);
  err = write_wrapped(&w, key, context, data_key, wrap_nonce);
  if (err) return err;
  lqi_write_be(&w, LQI_ESDK_FRAMED, 1);
  lqi_write_be(&w, body->frame_bytes, 4);
  lq_write_bytes(&w, commitment, sizeof commitment);
  lq_span about = lq_writer_span(&w);
  uint8_t *tag = lq_write_room(&w, LQ_TAG_BYTES);
  if (!tag) return LQ_ERR_TOO_BIG;
  err = lq_aead_seal(body->aead, nonce, about, (lq_span){0}, tag, tag);
  return err ? err : writer->sink.take(writer->sink.context, lq_writer_span(&w));
}

lq_err lq_esdk_writer_open(const lq_esdk_key *key, const lq_esdk_pair *pairs, uint32_t pair_count,
                           uint32_t frame_bytes, const uint8_t random[LQ_ESDK_RANDOM_BYTES],
                           lq_esdk_sink sink, lq_esdk_writer **out) {
  _Static_assert(LQ_ESDK_RANDOM_BYTES == LQ_KEY_BYTES + LQI_ESDK_ID_BYTES + LQ_NONCE_BYTES,
                 "three things are random");
  *out = NULL;
  if (!frame_bytes || frame_bytes > LQ_ESDK_FRAME_BYTES_MAX) return LQ_ERR_RANGE;
  if (!pairs_good(pairs, pair_count)) return LQ_ERR_INVALID;
  lq_esdk_writer *writer = malloc(sizeof *writer + LQI_ESDK_LAST_HEAD + frame_bytes + LQ_TAG_BYTES);
  uint8_t *header = malloc(LQ_ESDK_HEADER_BYTES_MAX);
  lq_err err = LQ_ERR_MEMORY;
  if (writer && header) {
    *writer = (lq_esdk_writer){.body = {.frame_bytes = frame_bytes, .sequence = 1}, .sink = sink};
    err = header_give(writer, key, pairs, pair_count, random, header);
    if (err) lq_aead_close(writer->body.aead);
  }
  free(header);
  if (!err)
    *out = writer;
  else
    free(writer);
  return err;
}

/* ---- frames ---- */

/* The frame's head is written in front of its content, which is sealed where it lies. */
static lq_err frame_give(lq_esdk_writer *writer, bool last) {
  lqi_esdk_body *body = &writer->body;
  uint8_t *content = writer->frame + LQI_ESDK_LAST_HEAD, nonce[LQ_NONCE_BYTES];
  size_t head = last ? LQI_ESDK_LAST_HEAD : LQI_ESDK_FRAME_HEAD;
  lqi_esdk_about about;
  lq_writer w = lq_writer_of(content - head, head);
  lqi_esdk_nonce(body->sequence, nonce);
  if (last) lqi_write_be(&w, LQI_ESDK_LAST, 4);
  lqi_write_be(&w, body->sequence, 4);
  lq_write_bytes(&w, nonce, sizeof nonce);
  if (last) lqi_write_be(&w, writer->have, 4);
  lq_err err = lq_aead_seal(body->aead, nonce, lqi_esdk_about_of(body, last, writer->have, &about),
                            lq_span_of(content, writer->have), content, content + writer->have);
  if (err) return err;
  lq_span frame = lq_span_of(content - head, head + writer->have + LQ_TAG_BYTES);
  body->sequence++;
  writer->have = 0;
  return writer->sink.take(writer->sink.context, frame);
}

lq_err lq_esdk_write(lq_esdk_writer *writer, lq_span text) {
  LQ_CHECK(!writer->finished);
  while (text.bytes && !writer->err) {
    if (writer->have == writer->body.frame_bytes) {
      /* The number after this one would be the mark of the last frame. */
      writer->err =
          writer->body.sequence == LQI_ESDK_LAST - 1 ? LQ_ERR_TOO_BIG : frame_give(writer, false);
      continue;
    }
    size_t room = writer->body.frame_bytes - writer->have;
    size_t bytes = text.bytes < room ? text.bytes : room;
    memcpy(writer->frame + LQI_ESDK_LAST_HEAD + writer->have, text.data, bytes);
    writer->have += (uint32_t)bytes;
    text = lq_span_of(text.data + bytes, text.bytes - bytes);
  }
  return writer->err;
}

lq_err lq_esdk_finish(lq_esdk_writer *writer) {
  LQ_CHECK(!writer->finished);
  if (!writer->err) writer->err = frame_give(writer, true);
  writer->finished = true;
  return writer->err;
}

void lq_esdk_writer_close(lq_esdk_writer *writer) {
  if (!writer) return;
  lq_aead_close(writer->body.aead);
  lq_wipe(writer, sizeof *writer + LQI_ESDK_LAST_HEAD + writer->body.frame_bytes + LQ_TAG_BYTES);
  free(writer);
}
