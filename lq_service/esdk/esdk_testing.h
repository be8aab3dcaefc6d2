/* Messages into memory and out of it. */
#ifndef LQ_SERVICE_ESDK_ESDK_TESTING_H
#define LQ_SERVICE_ESDK_ESDK_TESTING_H

#include "lq_service/esdk/esdk.h"

static inline lq_err into_memory(void *context, lq_span bytes) {
  lq_writer *out = context;
  lq_write_span(out, bytes);
  return out->failed ? LQ_ERR_FULL : LQ_OK;
}

/* The whole text, given `step` bytes at a time. */
static inline lq_err sealed(const lq_esdk_key *key, const lq_esdk_pair *pairs, uint32_t pair_count,
                            uint32_t frame_bytes, lq_span text, size_t step, lq_writer *out) {
  uint8_t random[LQ_ESDK_RANDOM_BYTES];
  lq_esdk_writer *writer;
  for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)(i * 3 + 1);
  lq_err err = lq_esdk_writer_open(key, pairs, pair_count, frame_bytes, random,
                                   (lq_esdk_sink){into_memory, out}, &writer);
  if (err) return err;
  for (size_t at = 0; at < text.bytes && !err; at += step)
    err = lq_esdk_write(
        writer, lq_span_of(text.data + at, text.bytes - at < step ? text.bytes - at : step));
  if (!err) err = lq_esdk_finish(writer);
  lq_esdk_writer_close(writer);
  return err;
}

static inline lq_err opened(const lq_esdk_key *key, lq_span message, size_t step, lq_writer *out) {
  lq_esdk_reader *reader;
  lq_err err = lq_esdk_reader_open(key, (lq_esdk_sink){into_memory, out}, &reader);
  if (err) return err;
  for (size_t at = 0; at < message.bytes && !err; at += step)
    err = lq_esdk_read(reader, lq_span_of(message.data + at,
                                          message.bytes - at < step ? message.bytes - at : step));
  if (!err) err = lq_esdk_read_end(reader);
  lq_esdk_reader_close(reader);
  return err;
}

#endif
