/* Idempotency-Keys: the answers of the last ones, the longest unused forgotten first.
 *
 * A chained hash table over a fixed array, its entries in a list by last use. Entries under way are
 * never forgotten; when all are, a new key is not remembered. */
#include "lq_service/gateway/gateway_int.h"

#include <stdlib.h>

#define NONE UINT32_MAX
enum { BUCKETS = 2048 };

typedef struct entry {
  lq_sha256 scope, body;
  uint8_t *answer;
  uint32_t answer_bytes;
  uint32_t newer, older; /* by last use */
  uint32_t chain;
  int status;
  bool used, under_way;
} entry;

struct lqi_seen {
  uint32_t count, newest, oldest;
  uint32_t bucket[BUCKETS];
  entry entries[];
};

lqi_seen *lqi_seen_open(uint32_t entries_max) {
  lqi_seen *seen = calloc(1, sizeof *seen + entries_max * sizeof(entry));
  if (!seen) return NULL;
  seen->count = entries_max;
  seen->newest = seen->oldest = NONE;
  for (uint32_t i = 0; i < BUCKETS; i++) seen->bucket[i] = NONE;
  for (uint32_t i = 0; i < entries_max; i++) {
    seen->entries[i].newer = i ? i - 1 : NONE;
    seen->entries[i].older = i + 1 < entries_max ? i + 1 : NONE;
  }
  seen->newest = entries_max ? 0 : NONE;
  seen->oldest = entries_max ? entries_max - 1 : NONE;
  return seen;
}

void lqi_seen_close(lqi_seen *seen) {
  if (!seen) return;
  for (uint32_t i = 0; i < seen->count; i++) free(seen->entries[i].answer);
  free(seen);
}

static uint32_t *bucket_of(lqi_seen *seen, const lq_sha256 *scope) {
  uint32_t word;
  memcpy(&word, scope->bytes, sizeof word);
  return &seen->bucket[word % BUCKETS];
}

static entry *find(lqi_seen *seen, const lq_sha256 *scope) {
  for (uint32_t i = *bucket_of(seen, scope); i != NONE; i = seen->entries[i].chain)
    if (memcmp(&seen->entries[i].scope, scope, sizeof *scope) == 0) return &seen->entries[i];
  return NULL;
}

static void touch(lqi_seen *seen, entry *e) {
  uint32_t index = (uint32_t)(e - seen->entries);
  if (seen->newest == index) return;
  seen->entries[e->newer].older = e->older; /* not the newest: something is newer */
  if (e->older != NONE)
    seen->entries[e->older].newer = e->newer;
  else
    seen->oldest = e->newer;
  e->newer = NONE;
  e->older = seen->newest;
  seen->entries[seen->newest].newer = index;
  seen->newest = index;
}

static void clear(lqi_seen *seen, entry *e) {
  if (!e->used) return;
  uint32_t index = (uint32_t)(e - seen->entries), *at = bucket_of(seen, &e->scope);
  while (*at != index) at = &seen->entries[*at].chain;
  *at = e->chain;
  free(e->answer);
  e->answer = NULL;
  e->answer_bytes = 0;
  e->used = e->under_way = false;
}

lqi_seen_entry lqi_seen_ask(lqi_seen *seen, const lq_sha256 *scope, const lq_sha256 *body) {
  entry *e = find(seen, scope);
  if (e) {
    touch(seen, e);
    if (memcmp(&e->body, body, sizeof *body) != 0) return (lqi_seen_entry){.kind = LQI_SEEN_OTHER};
    if (e->under_way) return (lqi_seen_entry){.kind = LQI_SEEN_UNDER_WAY};
    return (lqi_seen_entry){LQI_SEEN_ANSWER, e->status, lq_span_of(e->answer, e->answer_bytes)};
  }
  uint32_t index = seen->oldest;
  while (index != NONE && seen->entries[index].under_way) index = seen->entries[index].newer;
  if (index == NONE) return (lqi_seen_entry){.kind = LQI_SEEN_NEW};
  e = &seen->entries[index];
  clear(seen, e);
  e->scope = *scope;
  e->body = *body;
  e->used = e->under_way = true;
  e->chain = *bucket_of(seen, scope);
  *bucket_of(seen, scope) = index;
  touch(seen, e);
  return (lqi_seen_entry){.kind = LQI_SEEN_NEW};
}

void lqi_seen_forget(lqi_seen *seen, const lq_sha256 *scope) {
  entry *e = find(seen, scope);
  if (e) clear(seen, e);
}

void lqi_seen_put(lqi_seen *seen, const lq_sha256 *scope, int status, lq_span answer) {
  entry *e = find(seen, scope);
  if (!e) return;
  e->under_way = false;
  e->status = status;
  e->answer_bytes = (uint32_t)answer.bytes;
  e->answer = answer.bytes <= LQI_SEEN_ANSWER_MAX ? malloc(answer.bytes + 1) : NULL;
  if (e->answer && answer.bytes) memcpy(e->answer, answer.data, answer.bytes);
  if (!e->answer) clear(seen, e);
}
