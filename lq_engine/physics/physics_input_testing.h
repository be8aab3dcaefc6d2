/* A fuzzer's bytes as what a world is given: what is missing at their end is 0. */
#ifndef LQ_ENGINE_PHYSICS_PHYSICS_INPUT_TESTING_H
#define LQ_ENGINE_PHYSICS_PHYSICS_INPUT_TESTING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct input {
  const uint8_t *data;
  size_t bytes;
} input;

static inline void take(input *in, void *out, size_t bytes) {
  size_t some = bytes < in->bytes ? bytes : in->bytes;
  memset(out, 0, bytes);
  memcpy(out, in->data, some);
  in->data += some, in->bytes -= some;
}

/* Mostly sensible numbers, now and then any bits at all. */
static inline float number(input *in, float scale) {
  uint8_t kind;
  int16_t small;
  float any;
  take(in, &kind, 1);
  if (kind >= 240) {
    take(in, &any, sizeof any);
    return any;
  }
  take(in, &small, sizeof small);
  return (float)small / 32768 * scale;
}

#endif
