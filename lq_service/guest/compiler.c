#include "lq_service/guest/compiler.h"

#include <stdio.h>
#include <stdlib.h>

#include "lq_base/hash.h"
#include "lq_host/host.h"

enum { CODE_BYTES_MAX = 64 << 20, DIGEST_BYTES = 32 };

size_t lq_compiler_words(const char *command, char *copy, size_t capacity, const char **argv) {
  size_t count = 0;
  (void)snprintf(copy, capacity, "%s", command);
  for (char *save = NULL, *word = strtok_r(copy, " ", &save); word && count < LQ_COMPILER_WORDS_MAX;
       word = strtok_r(NULL, " ", &save))
    argv[count++] = word;
  return count;
}

uint64_t lq_tool_hash(uint64_t seed, const char **argv, size_t count) {
  argv[count++] = "--version";
  argv[count] = NULL;
  uint8_t text[4096];
  lq_writer out = lq_writer_of(text, sizeof text);
  int status = 0;
  if (lq_process_run(argv, LQ_COMPILE_MS_MAX, &out, &status) || status != 0) return 0;
  uint64_t hash = lq_hash_bytes(seed, text, out.bytes);
  return hash ? hash : 1;
}

bool lq_compiled_whole(const char *path) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  if (lq_file_read(path, CODE_BYTES_MAX, &data, &bytes)) return false;
  bool whole = bytes > DIGEST_BYTES;
  if (whole) {
    lq_sha256 digest = lq_sha256_of(lq_span_of(data, bytes - DIGEST_BYTES));
    whole = memcmp(digest.bytes, data + bytes - DIGEST_BYTES, DIGEST_BYTES) == 0;
  }
  lq_file_free(data);
  return whole;
}

lq_err lq_compiled_keep(const char *from, const char *path) {
  uint8_t *data = NULL;
  size_t bytes = 0;
  lq_err err = lq_file_read(from, CODE_BYTES_MAX - DIGEST_BYTES, &data, &bytes);
  uint8_t *whole = err ? NULL : malloc(bytes + DIGEST_BYTES);
  if (!err && !whole) err = LQ_ERR_MEMORY;
  if (whole) {
    lq_sha256 digest = lq_sha256_of(lq_span_of(data, bytes));
    if (bytes) memcpy(whole, data, bytes);
    memcpy(whole + bytes, digest.bytes, DIGEST_BYTES);
    err = lq_file_write(path, lq_span_of(whole, bytes + DIGEST_BYTES));
  }
  free(whole);
  lq_file_free(data);
  return err;
}
