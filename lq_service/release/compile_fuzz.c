/* A compiler's words, in which a game's author writes along: what comes of them is a message with a
 * place, and never names the private folder. The reader is native.c's own affair, so this takes in
 * the whole file. */
#include "lq_service/release/native.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes >= OUTPUT_BYTES) return 0;
  lq_diag diag = {0};
  native n = {.label = "market", .diag = &diag, .folder = "/data/modules/ab"};
  char *output = calloc(bytes + 1, 1); /* an exact copy, with its NUL */
  LQ_CHECK(output);
  if (bytes) memcpy(output, data, bytes);
  /* Who writes a folder's name right behind a folder's name makes another one of the two. */
  bool plain = !strstr(output, DEBUG_FOLDER "/") && !strstr(output, "ab/data/modules");
  LQ_CHECK(say_compile(&n, output) == LQ_ERR_BUILD && diag.code == LQ_ERR_BUILD);
  LQ_CHECK(diag.message[0] && memchr(diag.message, 0, sizeof diag.message));
  LQ_CHECK(diag.mend[0] && !(plain && strstr(diag.message, "/data/modules/ab/")));
  LQ_CHECK(diag.line || !diag.column);
  free(output);
  return 0;
}
