/* Seals and opens messages of lq_service/esdk between standard input and output, so that
 * tests/e2e/esdk.test.mjs can hand them to Amazon's SDK and back.
 *
 * esdk_tool seal|open KEY_HEX PROVIDER NAME FRAME_BYTES [KEY=VALUE ...]
 * Exit 0; 1 with the error's name on standard error, after what could be read. open says the value
 * of each KEY there, a line each. */
#include "lq_service/esdk/esdk.h"

#include <stdio.h>

enum { PAIRS_MAX = 16, CHUNK_BYTES = 5000 /* no power of two: frames come in pieces */ };

static lq_err to_output(void *context, lq_span bytes) {
  (void)context;
  return fwrite(bytes.data, 1, bytes.bytes, stdout) == bytes.bytes ? LQ_OK : LQ_ERR_IO;
}
static const lq_esdk_sink output = {to_output, NULL};

/* Gives all of the input, a chunk at a time. */
static lq_err pump(lq_esdk_writer *writer, lq_esdk_reader *reader) {
  static uint8_t chunk[CHUNK_BYTES];
  lq_err err = LQ_OK;
  for (size_t bytes; !err && (bytes = fread(chunk, 1, sizeof chunk, stdin)) > 0;) {
    lq_span span = lq_span_of(chunk, bytes);
    err = writer ? lq_esdk_write(writer, span) : lq_esdk_read(reader, span);
  }
  if (err) return err;
  return writer ? lq_esdk_finish(writer) : lq_esdk_read_end(reader);
}

static lq_err seal(const lq_esdk_key *key, uint32_t frame_bytes, char **words, int count) {
  lq_esdk_pair pairs[PAIRS_MAX];
  uint8_t random[LQ_ESDK_RANDOM_BYTES];
  lq_esdk_writer *writer;
  for (int i = 0; i < count; i++) {
    char *equals = strchr(words[i], '=');
    if (!equals) return LQ_ERR_INVALID;
    *equals = 0;
    pairs[i] = (lq_esdk_pair){words[i], equals + 1};
  }
  lq_err err = lq_random_bytes(random, sizeof random);
  if (!err)
    err = lq_esdk_writer_open(key, pairs, (uint32_t)count, frame_bytes, random, output, &writer);
  if (err) return err;
  err = pump(writer, NULL);
  lq_esdk_writer_close(writer);
  return err;
}

static lq_err open_message(const lq_esdk_key *key, char **words, int count) {
  lq_esdk_reader *reader;
  lq_err err = lq_esdk_reader_open(key, output, &reader);
  if (err) return err;
  err = pump(NULL, reader);
  for (int i = 0; i < count; i++) {
    lq_span value = lq_esdk_value(reader, words[i]);
    (void)fprintf(stderr, "%s=%.*s\n", words[i], (int)value.bytes,
                  value.bytes ? (const char *)value.data : "");
  }
  lq_esdk_reader_close(reader);
  return err;
}

int main(int argc, char **argv) {
  unsigned frame_bytes;
  if (argc < 6 || argc > 6 + PAIRS_MAX || sscanf(argv[5], "%u", &frame_bytes) != 1) {
    (void)fprintf(stderr, "usage: esdk_tool seal|open KEY_HEX PROVIDER NAME FRAME_BYTES [...]\n");
    return 2;
  }
  lq_esdk_key key = {.provider = argv[3], .name = argv[4]};
  lq_err err = LQ_ERR_INVALID;
  if (lq_unhex(lq_span_text(argv[2]), key.key, sizeof key.key))
    err = strcmp(argv[1], "seal") == 0 ? seal(&key, frame_bytes, argv + 6, argc - 6)
                                       : open_message(&key, argv + 6, argc - 6);
  if (fflush(stdout) != 0 && !err) err = LQ_ERR_IO;
  if (err) (void)fprintf(stderr, "%s\n", lq_err_name(err));
  return err ? 1 : 0;
}
