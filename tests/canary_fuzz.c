/* The canary: a parser with a planted fault, which scripts/fuzz.sh runs before every other target
 * and which must be found, or that run proves nothing. Behind a word that only the dictionary tells
 * (it is known by its hash, so no comparison gives it away) lie a version and a count; the fault
 * reads one byte past the end of the input when the count is just so. */
#include "lq_base/bytes.h"
#include "lq_base/hash.h"

enum { WORD_BYTES = 8, HEADER_BYTES = WORD_BYTES + 2 };
#define WORD_HASH 0x85305dce5b83d64aull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  const volatile uint8_t *in = data; /* so that no optimiser saves the canary */
  if (bytes < HEADER_BYTES || lq_hash_bytes(0, data, WORD_BYTES) != WORD_HASH) return 0;
  size_t count = data[WORD_BYTES + 1] & 15u; /* four bits: seconds, not minutes */
  if (data[WORD_BYTES] != 'v' || count > bytes - HEADER_BYTES) return 0;
  for (size_t i = 0; i <= count; i++) (void)in[HEADER_BYTES + i]; /* the fault: <= */
  return 0;
}
