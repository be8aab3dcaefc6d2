#include "lq_service/esdk/esdk_int.h"

#include <stdlib.h>

typedef enum part {
  PART_HEADER,
  PART_MARK,    /* the first four bytes of a frame */
  PART_LAST,    /* the head of the last frame */
  PART_CONTENT, /* a whole frame */
  PART_END,
} part;

struct lq_esdk_reader {
  lqi_esdk_body body;
  lq_esdk_sink sink;
  lq_err err; /* the first, which stays */
  part part;
  bool last;
  size_t have, need; /* bytes of the part; need is not known of a header */
  lq_span context;   /* inside `header` */
  uint8_t *frame; /* LQI_ESDK_LAST_HEAD, frame_bytes, LQ_TAG_BYTES: once the header is verified */
  char *provider, *name;
  uint8_t key[LQ_KEY_BYTES];
  uint8_t header[LQ_ESDK_HEADER_BYTES_MAX];
};

/* ---- opening ---- */

static char *copy_of(const char *text) {
  size_t bytes = strlen(text) + 1;
  char *copy = malloc(bytes);
  if (copy) memcpy(copy, text, bytes);
  return copy;
}

lq_err lq_esdk_reader_open(const lq_esdk_key *key, lq_esdk_sink sink, lq_esdk_reader **out) {
  lq_esdk_reader *reader = calloc(1, sizeof *reader);
  *out = NULL;
  if (!reader) return LQ_ERR_MEMORY;
  reader->sink = sink;
  memcpy(reader->key, key->key, sizeof reader->key);
  reader->provider = copy_of(key->provider);
  reader->name = copy_of(key->name);
  if (!reader->provider || !reader->name) {
    lq_esdk_reader_close(reader);
    return LQ_ERR_MEMORY;
  }
  *out = reader;
  return LQ_OK;
}

void lq_esdk_reader_close(lq_esdk_reader *reader) {
  if (!reader) return;
  lq_aead_close(reader->body.aead);
  if (reader->frame)
    lq_wipe(reader->frame, LQI_ESDK_LAST_HEAD + reader->body.frame_bytes + LQ_TAG_BYTES);
  free(reader->frame);
  free(reader->provider);
  free(reader->name);
  lq_wipe(reader, sizeof *reader);
  free(reader);
}

/* ---- the header ---- */

typedef struct header {
  lq_span id, context, commitment, tag;
  lq_reader keys; /* at the first wrapped key */
  uint32_t key_count;
  uint32_t frame_bytes;
  size_t about_bytes, bytes; /* without the tag, and with it */
} header;

static lq_span read_sized(lq_reader *r) { return lq_read_bytes(r, lqi_read_be(r, 2)); }

static int compare(lq_span a, lq_span b) {
  size_t bytes = a.bytes < b.bytes ? a.bytes : b.bytes;
  int order = bytes ? memcmp(a.data, b.data, bytes) : 0;
  return order ? order : (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

/* Pairs that fill it exactly, ascending, so that none comes twice. */
static bool context_good(lq_span context) {
  lq_reader r = lq_reader_of(context);
  lq_span before = {0};
  if (!context.bytes) return true;
  uint32_t count = lqi_read_be(&r, 2);
  for (uint32_t i = 0; i < count && !r.failed; i++) {
    lq_span key = read_sized(&r), value = read_sized(&r);
    if (!key.bytes || compare(before, key) >= 0 || !lq_utf8_valid(key) || !lq_utf8_valid(value))
      return false;
    before = key;
  }
  return count && lq_reader_done(&r);
}

/* LQ_ERR_TRUNCATED: more of it must come first. */
static lq_err header_cut(lq_span bytes, header *out) {
  lq_reader r = lq_reader_of(bytes);
  uint32_t version = lq_read_u8(&r), suite = lqi_read_be(&r, 2);
  *out = (header){0};
  if (r.failed) return LQ_ERR_TRUNCATED;
  if (version != LQI_ESDK_VERSION || suite != LQI_ESDK_SUITE) return LQ_ERR_UNSUPPORTED;
  out->id = lq_read_bytes(&r, LQI_ESDK_ID_BYTES);
  out->context = read_sized(&r);
  out->key_count = lqi_read_be(&r, 2);
  out->keys = r;
  for (uint32_t i = 0; i < out->key_count && !r.failed; i++)
    for (int field = 0; field < 3; field++) (void)read_sized(&r);
  uint32_t content = lq_read_u8(&r);
  out->frame_bytes = lqi_read_be(&r, 4);
  out->commitment = lq_read_bytes(&r, LQI_ESDK_COMMIT_BYTES);
  out->about_bytes = r.at;
  out->tag = lq_read_bytes(&r, LQ_TAG_BYTES);
  out->bytes = r.at;
  if (r.failed) return LQ_ERR_TRUNCATED;
  if (!context_good(out->context) || !out->key_count) return LQ_ERR_SYNTAX;
  if (content != LQI_ESDK_FRAMED || !out->frame_bytes) return LQ_ERR_UNSUPPORTED;
  return out->frame_bytes > LQ_ESDK_FRAME_BYTES_MAX ? LQ_ERR_TOO_BIG : LQ_OK;
}

/* Is it wrapped with a key of our name? Then its IV. */
static bool information_good(const lq_esdk_reader *reader, lq_span information, lq_span *nonce) {
  lq_reader r = lq_reader_of(information);
  lq_span name = lq_read_bytes(&r, strlen(reader->name));
  uint32_t tag_bits = lqi_read_be(&r, 4), nonce_bytes = lqi_read_be(&r, 4);
  *nonce = lq_read_bytes(&r, LQ_NONCE_BYTES);
  return lq_reader_done(&r) && lq_span_is(name, reader->name) && tag_bits == 8 * LQ_TAG_BYTES &&
         nonce_bytes == LQ_NONCE_BYTES;
}

static lq_err unwrap(const lq_esdk_reader *reader, header *head, uint8_t data_key[LQ_KEY_BYTES]) {
  lq_reader *r = &head->keys;
  lq_aead *aead;
  lq_err found = LQ_ERR_NOT_FOUND, err = lq_aead_open(reader->key, &aead);
  if (err) return err;
  for (uint32_t i = 0; i < head->key_count && found; i++) {
    lq_span provider = read_sized(r), information = read_sized(r), wrapped = read_sized(r), nonce;
    if (!lq_span_is(provider, reader->provider) || !information_good(reader, information, &nonce) ||
        wrapped.bytes != LQI_ESDK_WRAPPED_BYTES)
      continue;
    found = lq_aead_unseal(aead, nonce.data, head->context, lq_span_of(wrapped.data, LQ_KEY_BYTES),
                           wrapped.data + LQ_KEY_BYTES, data_key);
  }
  lq_aead_close(aead);
  return found;
}

static lq_err header_verify(lq_esdk_reader *reader, header *head) {
  static const uint8_t nonce[LQ_NONCE_BYTES];
  uint8_t data_key[LQ_KEY_BYTES], commitment[LQI_ESDK_COMMIT_BYTES], nothing[1];
  lqi_esdk_body *body = &reader->body;
  lq_err err = unwrap(reader, head, data_key);
  if (err) return err;
  memcpy(body->id, head->id.data, sizeof body->id);
  err = lqi_esdk_derive(body, data_key, commitment);
  lq_wipe(data_key, sizeof data_key);
  if (err) return err;
  /* One text could open with two keys, to two meanings, were it not for this. */
  if (!lq_equal_constant_time(commitment, head->commitment.data, sizeof commitment))
    return LQ_ERR_CORRUPT;
  return lq_aead_unseal(body->aead, nonce, lq_span_of(reader->header, head->about_bytes),
                        (lq_span){0}, head->tag.data, nothing);
}

/* *rest: what was read behind the header. */
static lq_err header_take(lq_esdk_reader *reader, lq_span *rest) {
  header head;
  *rest = (lq_span){0};
  lq_err err = header_cut(lq_span_of(reader->header, reader->have), &head);
  if (err == LQ_ERR_TRUNCATED)
    return reader->have == sizeof reader->header ? LQ_ERR_TOO_BIG : LQ_OK;
  if (!err) err = header_verify(reader, &head);
  if (err) return err;
  reader->frame = malloc(LQI_ESDK_LAST_HEAD + head.frame_bytes + LQ_TAG_BYTES);
  if (!reader->frame) return LQ_ERR_MEMORY;
  reader->body.frame_bytes = head.frame_bytes;
  reader->body.sequence = 1;
  reader->context = head.context;
  *rest = lq_span_of(reader->header + head.bytes, reader->have - head.bytes);
  reader->part = PART_MARK;
  reader->have = 0;
  reader->need = 4;
  return LQ_OK;
}

lq_span lq_esdk_value(const lq_esdk_reader *reader, const char *key) {
  lq_reader r = lq_reader_of(reader->context);
  uint32_t count = reader->context.bytes ? lqi_read_be(&r, 2) : 0;
  for (uint32_t i = 0; i < count; i++) {
    lq_span name = read_sized(&r), value = read_sized(&r);
    if (lq_span_is(name, key)) return value;
  }
  return (lq_span){0};
}

/* ---- frames ---- */

static lq_err content_take(lq_esdk_reader *reader) {
  lqi_esdk_body *body = &reader->body;
  lq_reader r = lq_reader_of(lq_span_of(reader->frame, reader->have));
  uint8_t nonce[LQ_NONCE_BYTES];
  lqi_esdk_about about;
  if (reader->last) (void)lqi_read_be(&r, 4);
  uint32_t sequence = lqi_read_be(&r, 4), bytes = body->frame_bytes;
  lq_span iv = lq_read_bytes(&r, LQ_NONCE_BYTES);
  if (reader->last) bytes = lqi_read_be(&r, 4);
  lq_span sealed = lq_read_bytes(&r, bytes), tag = lq_read_bytes(&r, LQ_TAG_BYTES);
  LQ_CHECK(lq_reader_done(&r));
  lqi_esdk_nonce(body->sequence, nonce);
  if (sequence != body->sequence || !lq_span_equal(iv, lq_span_of(nonce, sizeof nonce)))
    return LQ_ERR_CORRUPT;
  uint8_t *text = reader->frame + (sealed.data - reader->frame);
  lq_err err =
      lq_aead_unseal(body->aead, nonce, lqi_esdk_about_of(body, reader->last, bytes, &about),
                     sealed, tag.data, text);
  if (err) return err;
  body->sequence++;
  reader->part = reader->last ? PART_END : PART_MARK;
  reader->have = 0;
  reader->need = 4;
  return bytes ? reader->sink.take(reader->sink.context, lq_span_of(text, bytes)) : LQ_OK;
}

/* The part is there: what is due next? */
static lq_err part_take(lq_esdk_reader *reader) {
  lq_reader r = lq_reader_of(lq_span_of(reader->frame, reader->have));
  if (reader->part == PART_MARK) {
    reader->last = lqi_read_be(&r, 4) == LQI_ESDK_LAST;
    reader->part = reader->last ? PART_LAST : PART_CONTENT;
    reader->need = reader->last
                       ? (size_t)LQI_ESDK_LAST_HEAD
                       : LQI_ESDK_FRAME_HEAD + (size_t)reader->body.frame_bytes + LQ_TAG_BYTES;
    return LQ_OK;
  }
  if (reader->part == PART_CONTENT) return content_take(reader);
  (void)lq_read_bytes(&r, LQI_ESDK_LAST_HEAD - 4);
  uint32_t bytes = lqi_read_be(&r, 4);
  if (bytes > reader->body.frame_bytes) return LQ_ERR_CORRUPT;
  reader->part = PART_CONTENT;
  reader->need = LQI_ESDK_LAST_HEAD + (size_t)bytes + LQ_TAG_BYTES;
  return LQ_OK;
}

static lq_err frames_take(lq_esdk_reader *reader, lq_span bytes) {
  lq_err err = LQ_OK;
  while (bytes.bytes && !err) {
    if (reader->part == PART_END) return LQ_ERR_SYNTAX; /* something behind the last frame */
    size_t due = reader->need - reader->have, take = bytes.bytes < due ? bytes.bytes : due;
    memcpy(reader->frame + reader->have, bytes.data, take);
    reader->have += take;
    bytes = lq_span_of(bytes.data + take, bytes.bytes - take);
    if (reader->have == reader->need) err = part_take(reader);
  }
  return err;
}

lq_err lq_esdk_read(lq_esdk_reader *reader, lq_span bytes) {
  while (bytes.bytes && !reader->err) {
    if (reader->part != PART_HEADER) {
      reader->err = frames_take(reader, bytes);
      break;
    }
    size_t room = sizeof reader->header - reader->have;
    size_t take = bytes.bytes < room ? bytes.bytes : room;
    lq_span rest;
    memcpy(reader->header + reader->have, bytes.data, take);
    reader->have += take;
    bytes = lq_span_of(bytes.data + take, bytes.bytes - take);
    reader->err = header_take(reader, &rest);
    if (!reader->err) reader->err = frames_take(reader, rest);
  }
  return reader->err;
}

lq_err lq_esdk_read_end(lq_esdk_reader *reader) {
  if (!reader->err && reader->part != PART_END) reader->err = LQ_ERR_TRUNCATED;
  return reader->err;
}
