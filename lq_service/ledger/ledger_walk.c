/* Slices out of the store in ascending order, in chunks. */
#include "lq_service/ledger/ledger_int.h"

enum { CHUNK_SLICES = 256 };

static uint64_t number_of(const char *sk) {
  uint64_t number = 0;
  if (strncmp(sk, "SLICE#", 6) != 0) return 0;
  for (const char *at = sk + 6; *at >= '0' && *at <= '9'; at++)
    number = number * 10 + (uint64_t)(*at - '0');
  return number;
}

static void go(lqi_walk *walk);

static void chunk_ended(lqi_walk *walk, lq_err err) {
  walk->err = err;
  walk->again = true;
  if (!walk->in_call) go(walk);
}

static void got(void *context, lq_err err, const char *sk, lq_span body) {
  lqi_walk *walk = context;
  if (err) {
    chunk_ended(walk, err);
    return;
  }
  if (walk->stopped || walk->err) return;
  uint64_t number = number_of(sk);
  if (number != walk->next) {
    walk->err = LQ_ERR_NOT_FOUND;
    return;
  }
  walk->next++;
  walk->stopped = !walk->slice(walk->context, number, body);
}

/* A store may answer inside the call: a loop, so that a long journal needs no deep stack. */
static void go(lqi_walk *walk) {
  while (walk->again) {
    uint64_t before = walk->next;
    walk->again = false;
    if (walk->err && walk->err != LQ_ERR_NOT_FOUND) break;
    if (walk->stopped || walk->next > walk->last) {
      walk->err = LQ_OK;
      break;
    }
    walk->err = LQ_OK;
    walk->in_call = true;
    walk->store->slices(walk->store, &walk->name, walk->next, walk->last, CHUNK_SLICES, got, walk);
    walk->in_call = false;
    if (!walk->again) return; /* the answer comes later */
    if (walk->next == before && walk->err == LQ_ERR_NOT_FOUND) break;
  }
  walk->end(walk->context, walk->err);
}

void lqi_walk_run(lqi_walk *walk) {
  walk->again = true;
  walk->in_call = walk->stopped = false;
  walk->err = LQ_OK;
  go(walk);
}
