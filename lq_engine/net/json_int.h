/* Shared inside net: tests on a checked text that json.h does not promise to the outside. */
#ifndef LQ_ENGINE_NET_JSON_INT_H
#define LQ_ENGINE_NET_JSON_INT_H

#include "lq_engine/net/json.h"

bool lqi_json_key_escaped_is(lq_span key, const char *name, size_t name_bytes);
/* Is the key, after unescaping, this name? Escapes make a text longer, and a first byte that is no
 * backslash stands for itself: most keys are told apart by that. */
static inline bool lqi_json_key_is(lq_span key, const char *name, size_t name_bytes) {
  if (key.bytes < name_bytes) return false;
  if (key.bytes && key.data[0] != (uint8_t)name[0] && key.data[0] != '\\') return false;
  if (key.bytes == name_bytes && memcmp(key.data, name, name_bytes) != 0) return false;
  return lqi_json_key_escaped_is(key, name, name_bytes);
}
/* True for a number without a fraction, of any size: tells "too large" from "not whole". */
bool lqi_json_whole(lq_json value);

/* A number cut into sign, significant digits and scale: value = +-digits * 10^exponent. */
typedef struct lqi_decimal {
  bool negative;
  bool zero;
  const uint8_t *first; /* first digit that is not zero; the walk passes over one '.' */
  uint64_t count;       /* digits from first to the last one that is not zero */
  int64_t exponent;     /* of the last counted digit */
} lqi_decimal;
/* `raw` is a checked JSON number. */
lqi_decimal lqi_decimal_of(lq_span raw);

#endif
