/* Shared inside net: writing pieces of JSON in line, for names and ids that need no escapes. */
#ifndef LQ_ENGINE_NET_MESSAGE_INT_H
#define LQ_ENGINE_NET_MESSAGE_INT_H

#include "lq_engine/net/json_int.h"
#include "lq_engine/net/message.h"

static inline void lqi_put(lq_writer *w, const void *data, size_t bytes) {
  if (w->failed || bytes > w->capacity - w->bytes) {
    w->failed = true;
    return;
  }
  memcpy(w->data + w->bytes, data, bytes);
  w->bytes += bytes;
}
static inline void lqi_put_char(lq_writer *w, char c) { lqi_put(w, &c, 1); }
#define LQI_PUT(w, literal) lqi_put((w), "" literal, sizeof(literal) - 1)

/* "name" */
static inline void lqi_put_name(lq_writer *w, const char *name) {
  size_t bytes = strlen(name);
  if (w->failed || bytes + 2 > w->capacity - w->bytes) {
    w->failed = true;
    return;
  }
  uint8_t *at = w->data + w->bytes;
  at[0] = '"';
  memcpy(at + 1, name, bytes);
  at[bytes + 1] = '"';
  w->bytes += bytes + 2;
}
/* "name": */
static inline void lqi_put_key(lq_writer *w, const char *name) {
  lqi_put_name(w, name);
  lqi_put_char(w, ':');
}

/* What a person reads for a kind of field in an error, and its name in game.yaml. */
const char *lqi_field_wants(const lq_field *field);
const char *lqi_field_kind_name(uint8_t kind);
const char *lqi_json_kind_name(lq_json_kind kind);

#endif
