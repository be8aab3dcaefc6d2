/* Resume tokens of a hostile player. The first byte's low bit: give it the right signature first,
 * so that the fuzzer gets behind it. What is taken is what the server itself would have given, and
 * with another signature it is refused. */
#include "lq_service/shard/shard_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static bool read(const lq_shard *shard, const char *token, lq_session_name *name, char *player) {
  *name = (lq_session_name){.tenant = "acme", .game = "demo"};
  lq_err err = lqi_resume_read(shard, token, name, player);
  LQ_CHECK(err == LQ_OK || err == LQ_ERR_UNAUTHORIZED);
  LQ_CHECK(!strcmp(name->tenant, "acme") && !strcmp(name->game, "demo"));
  return !err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static lq_shard shard; /* of which a token needs the secret alone */
  if (bytes == 0 || bytes > 1024) return 0;
  lq_session_name name;
  char player[LQ_ID_BYTES], again[256];
  char *token = calloc(bytes, 1); /* an exact copy, with its NUL */
  LQ_CHECK(token);
  memcpy(token, data + 1, bytes - 1);
  bool taken = read(&shard, token, &name, player);
  char *first = strchr(token, '~'), *second = first ? strchr(first + 1, '~') : NULL;
  if (!taken && data[0] & 1 && second && first - token < LQ_ID_BYTES &&
      second - first <= LQ_ID_BYTES) {
    name = (lq_session_name){.tenant = "acme", .game = "demo"};
    (void)lq_text_copy(name.session, sizeof name.session,
                       lq_span_of(token, (size_t)(first - token)));
    (void)lq_text_copy(player, sizeof player, lq_span_of(first + 1, (size_t)(second - first) - 1));
    lqi_resume_token(&shard, &name, player, again);
    LQ_CHECK(read(&shard, again, &name, player));
    size_t last = strlen(again) - 1;
    again[last] = again[last] == 'A' ? 'B' : 'A';
    LQ_CHECK(!read(&shard, again, &name, player));
  } else if (taken) {
    lqi_resume_token(&shard, &name, player, again);
    LQ_CHECK(strcmp(again, token) == 0);
  }
  free(token);
  return 0;
}
