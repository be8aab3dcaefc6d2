/* The ring of spans, ids and sampling. */
#include "lq_service/telemetry/trace.h"
#include "lq_base/random.h"

#include <stdlib.h>

enum { SPANS_DEFAULT = 8192 };

struct lq_trace {
  lq_trace_options options;
  lq_prng prng;
  uint64_t below;  /* ids below it are sampled, of 2^56 */
  uint64_t second; /* of remote_left */
  uint32_t remote_left;
  uint32_t first, count;
  lq_trace_stats stats;
  lq_trace_span span[];
};

lq_err lq_trace_open(const lq_trace_options *options, lq_trace **out) {
  *out = NULL;
  uint32_t spans = options->spans_max ? options->spans_max : SPANS_DEFAULT;
  lq_trace *t = calloc(1, sizeof *t + (size_t)spans * sizeof *t->span);
  if (!t) return LQ_ERR_MEMORY;
  t->options = *options;
  t->options.spans_max = spans;
  t->below = options->one_in ? (UINT64_C(1) << 56) / options->one_in : 0;
  t->remote_left = options->remote_per_s;
  lq_prng_seed(&t->prng, options->seed);
  *out = t;
  return LQ_OK;
}

void lq_trace_close(lq_trace *trace) { free(trace); }

static uint64_t id_new(lq_trace *t) {
  uint64_t id;
  do id = lq_prng_next(&t->prng);
  while (!id);
  return id;
}

/* The last 7 bytes decide: the part of an id that the standard wants to be random. */
static bool sampled_by_id(const lq_trace *t, uint64_t trace_lo) {
  return (trace_lo & ((UINT64_C(1) << 56) - 1)) < t->below;
}

static bool remote_take(lq_trace *t, uint64_t now_ns) {
  uint64_t second = now_ns / 1000000000u;
  if (second != t->second) {
    t->second = second;
    t->remote_left = t->options.remote_per_s;
  }
  if (t->remote_left) {
    t->remote_left--;
    return true;
  }
  t->stats.remote_refused++;
  return false;
}

void lq_trace_begin(lq_trace *t, const lq_trace_context *remote, uint64_t now_ns,
                    lq_trace_context *out) {
  *out = (lq_trace_context){0};
  if (remote && !(remote->trace_hi | remote->trace_lo)) remote = NULL;
  if (!t || (!remote && !t->below)) return;
  if (remote) {
    *out = (lq_trace_context){.trace_hi = remote->trace_hi, .trace_lo = remote->trace_lo};
    out->parent = remote->span;
  } else {
    out->trace_hi = id_new(t);
    out->trace_lo = id_new(t);
  }
  out->span = id_new(t);
  /* A caller that decided against it is obeyed, too. */
  bool asked = remote && (remote->flags & LQ_TRACE_SAMPLED);
  bool sampled = remote ? asked && (remote_take(t, now_ns) || sampled_by_id(t, out->trace_lo))
                        : sampled_by_id(t, out->trace_lo);
  if (!sampled) return;
  out->flags = LQ_TRACE_SAMPLED;
  t->stats.sampled++;
}

static void text_set(char *out, size_t capacity, const char *text) {
  size_t bytes = text ? strlen(text) : 0;
  if (bytes >= capacity) bytes = capacity - 1;
  if (bytes) memcpy(out, text, bytes);
  memset(out + bytes, 0, capacity - bytes);
}

void lqi_trace_add(lq_trace *t, const lq_trace_context *context, lq_trace_name name,
                   uint64_t start_ns, uint64_t end_ns, const lq_trace_attr *attr) {
  static const lq_trace_attr nothing;
  if (!t) return;
  if (!attr) attr = &nothing;
  t->stats.added++;
  if (t->count == t->options.spans_max) {
    t->stats.dropped++;
    return;
  }
  uint32_t at = t->first + t->count++;
  if (at >= t->options.spans_max) at -= t->options.spans_max;
  lq_trace_span *s = &t->span[at];
  s->trace_hi = context->trace_hi;
  s->trace_lo = context->trace_lo;
  s->span = name == LQ_TRACE_MESSAGE ? context->span : id_new(t);
  s->parent = name == LQ_TRACE_MESSAGE ? context->parent : context->span;
  s->start_ns = start_ns;
  s->end_ns = end_ns < start_ns ? start_ns : end_ns;
  s->tick = attr->tick;
  s->slice = attr->slice;
  s->name = (uint16_t)name;
  s->err = (uint16_t)attr->err;
  text_set(s->tenant, sizeof s->tenant, attr->tenant);
  text_set(s->session, sizeof s->session, attr->session);
}

uint32_t lq_trace_waiting(const lq_trace *trace) { return trace->count; }

const lq_trace_span *lq_trace_at(const lq_trace *t, uint32_t index) {
  LQ_CHECK(index < t->count);
  uint32_t at = t->first + index;
  return &t->span[at >= t->options.spans_max ? at - t->options.spans_max : at];
}

void lq_trace_drop(lq_trace *t, uint32_t count) {
  LQ_CHECK(count <= t->count);
  t->first = (t->first + count) % t->options.spans_max;
  t->count -= count;
}

lq_trace_stats lq_trace_stats_of(const lq_trace *trace) { return trace->stats; }
