/* Patterns against texts. Until the first `*` there is one position in the text, and bytes are
 * compared; from then on all positions that the pattern can have reached are kept as bits and moved
 * together, so that no pattern needs more than a few words' work a byte, whatever it is.
 * Source: Baeza-Yates and Gonnet, "A new approach to text searching" (1992), with the text's bytes
 * in the table, so that one table serves every pattern of a request. */
#include "lq_service/policy/policy_int.h"

_Static_assert(LQ_POLICY_VALUE_BYTES_MAX < 256, "rows and positions are counted in bytes");

static void set_below(uint64_t set[LQI_WORDS], size_t count) {
  for (size_t i = 0; i < LQI_WORDS; i++) {
    size_t from = i * 64;
    set[i] = count <= from ? 0 : count - from >= 64 ? ~0ull : (1ull << (count - from)) - 1;
  }
}

static bool is_middle(uint8_t c) { return (c & 0xc0) == 0x80; }

void lqi_text_init(lqi_text *t, lq_span text, size_t tenant_end) {
  t->text = text;
  t->tenant_end = tenant_end;
  t->ready = false;
}

static void tables_make(lqi_text *t) {
  uint32_t rows = 1;
  memset(t->row_of, 0, sizeof t->row_of);
  memset(t->row[0], 0, sizeof t->row[0]);
  set_below(t->inside, t->tenant_end + 1);
  set_below(t->whole, t->text.bytes + 1);
  for (size_t i = 0; i < t->text.bytes; i++) {
    uint8_t c = t->text.data[i];
    uint64_t bit = 1ull << (i % 64);
    if (!t->row_of[c]) {
      memset(t->row[rows], 0, sizeof t->row[rows]);
      t->row_of[c] = (uint8_t)rows++;
    }
    t->row[t->row_of[c]][i / 64] |= bit;
    if (is_middle(c)) t->whole[i / 64] &= ~bit;
  }
  t->ready = true;
}

/* ---- a pattern, token by token ---- */

typedef struct tokens {
  const lq_policy *policy;
  const lqi_view *view;
  const uint8_t *at, *end;
  lq_span value; /* of a variable: what is left of it */
  bool unknown;  /* a variable without a value was met */
} tokens;
enum { DONE = 0x200, WILD = 0x100 }; /* a token: a byte, a wildcard with WILD, or DONE */

static tokens tokens_of(const lq_policy *policy, const lqi_view *view, lq_span pattern) {
  return (tokens){policy, view, pattern.data, pattern.data + pattern.bytes, {0}, false};
}

static lq_span variable_value(const tokens *k, uint8_t which, bool *known) {
  const lqi_variable *v = &k->policy->variable[which];
  const lq_policy_key *key = lqi_view_find(k->view, v->key, v->hash);
  *known = (key && key->count == 1) || (!key && v->fallback.data);
  return !*known ? (lq_span){0} : key ? key->value[0] : v->fallback;
}

static uint32_t token_next(tokens *k) {
  for (;;) {
    if (k->value.bytes) {
      k->value.bytes--;
      return *k->value.data++;
    }
    if (k->at == k->end) return DONE;
    uint8_t c = *k->at++;
    if (c < LQI_PAT_VARIABLE) return c;
    if (c > LQI_PAT_VARIABLE) return WILD | c;
    bool known;
    k->value = variable_value(k, *k->at++, &known);
    if (!known) {
      k->unknown = true;
      return DONE;
    }
  }
}

/* ---- all positions at once ---- */

static void positions_on(uint64_t set[LQI_WORDS]) {
  for (size_t i = LQI_WORDS - 1; i > 0; i--) set[i] = set[i] << 1 | set[i - 1] >> 63;
  set[0] <<= 1;
}

/* Every position from the first one in the set on. */
static void positions_spread(uint64_t set[LQI_WORDS]) {
  size_t i = 0;
  while (i < LQI_WORDS && !set[i]) i++;
  if (i == LQI_WORDS) return;
  set[i] |= ~(set[i] ^ (set[i] - 1)); /* all bits above the lowest */
  while (++i < LQI_WORDS) set[i] = ~0ull;
}

static bool positions_mask(uint64_t set[LQI_WORDS], const uint64_t mask[LQI_WORDS]) {
  uint64_t any = 0;
  for (size_t i = 0; i < LQI_WORDS; i++) any |= set[i] &= mask[i];
  return any != 0;
}

/* One whole character: its first byte, and the bytes in its middle. */
static void positions_character(uint64_t set[LQI_WORDS], const lqi_text *t) {
  positions_on(set);
  for (int more = 0; more < 3; more++) {
    uint64_t middle[LQI_WORDS];
    for (size_t i = 0; i < LQI_WORDS; i++) {
      middle[i] = set[i] & ~t->whole[i];
      set[i] &= t->whole[i];
    }
    positions_on(middle);
    for (size_t i = 0; i < LQI_WORDS; i++) set[i] |= middle[i];
  }
}

static bool rest_matches(tokens *k, uint32_t token, size_t at, lqi_text *t) {
  uint64_t set[LQI_WORDS] = {0};
  if (!t->ready) tables_make(t);
  set[at / 64] = 1ull << (at % 64);
  for (; token != DONE; token = token_next(k)) {
    bool alive;
    if (token < WILD) {
      alive = positions_mask(set, t->row[t->row_of[token]]);
      positions_on(set);
    } else if (token == (WILD | LQI_PAT_ONE) || token == (WILD | LQI_PAT_ONE_IN)) {
      positions_character(set, t);
      alive = positions_mask(set, token == (WILD | LQI_PAT_ONE) ? t->whole : t->inside);
    } else {
      positions_spread(set);
      alive = positions_mask(set, token == (WILD | LQI_PAT_ANY) ? t->whole : t->inside);
    }
    if (!alive) return false;
  }
  return (set[t->text.bytes / 64] >> (t->text.bytes % 64) & 1) != 0;
}

/* A pattern that does not fit: or is it not known, because of a variable further on? */
static lqi_match not_matched(tokens *k) {
  while (!k->unknown && k->at < k->end) {
    k->at = memchr(k->at, LQI_PAT_VARIABLE, (size_t)(k->end - k->at));
    if (!k->at) return LQI_NO;
    bool known;
    (void)variable_value(k, k->at[1], &known);
    k->at += 2;
    if (!known) return LQI_UNKNOWN;
  }
  return k->unknown ? LQI_UNKNOWN : LQI_NO;
}

lqi_match lqi_pattern_match(const lq_policy *policy, const lqi_view *view, lq_span pattern,
                            lqi_text *t) {
  tokens k = tokens_of(policy, view, pattern);
  size_t at = 0;
  for (;;) {
    uint32_t token = token_next(&k);
    bool good;
    if (token == DONE) {
      good = at == t->text.bytes;
    } else if (token == (WILD | LQI_PAT_ANY) && k.at == k.end) {
      good = true;
    } else if (token == (WILD | LQI_PAT_ANY) || token == (WILD | LQI_PAT_ANY_IN)) {
      good = rest_matches(&k, token, at, t);
    } else if (token < WILD) {
      if (at < t->text.bytes && t->text.data[at] == token) {
        at++;
        continue;
      }
      return not_matched(&k);
    } else {
      size_t end = token == (WILD | LQI_PAT_ONE) ? t->text.bytes : t->tenant_end;
      if (at >= end) return not_matched(&k);
      for (at++; at < end && is_middle(t->text.data[at]);) at++;
      continue;
    }
    return good && !k.unknown ? LQI_YES : not_matched(&k);
  }
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

lqi_match lqi_pattern_equal(const lq_policy *policy, const lqi_view *view, lq_span pattern,
                            lq_span text, bool fold) {
  tokens k = tokens_of(policy, view, pattern);
  for (size_t at = 0;; at++) {
    uint32_t token = token_next(&k);
    if (token == DONE && at == text.bytes && !k.unknown) return LQI_YES;
    if (token == DONE || at == text.bytes) return not_matched(&k);
    uint8_t a = (uint8_t)token, b = text.data[at];
    if (fold ? lower(a) != lower(b) : a != b) return not_matched(&k);
  }
}

bool lqi_glob(lq_span pattern, lq_span text) {
  uint8_t low[LQ_POLICY_VALUE_BYTES_MAX], tokens_low[LQ_POLICY_VALUE_BYTES_MAX];
  static const lq_policy none = {0};
  lqi_text t;
  if (text.bytes > sizeof low || pattern.bytes > sizeof tokens_low) return false;
  for (size_t i = 0; i < text.bytes; i++) low[i] = lower(text.data[i]);
  for (size_t i = 0; i < pattern.bytes; i++) {
    uint8_t c = pattern.data[i];
    tokens_low[i] = c == '*' ? LQI_PAT_ANY : c == '?' ? LQI_PAT_ONE : lower(c);
  }
  lqi_text_init(&t, lq_span_of(low, text.bytes), 0);
  return lqi_pattern_match(&none, NULL, lq_span_of(tokens_low, pattern.bytes), &t) == LQI_YES;
}

/* ---- pattern against pattern, for the linter ---- */

enum { MANY, SINGLE, LITERAL };

/* The token at `at`; a variable stands for any text. */
static int token_kind(lq_span p, size_t at) {
  uint8_t c = p.data[at];
  if (c == LQI_PAT_ANY || c == LQI_PAT_ANY_IN || c == LQI_PAT_VARIABLE) return MANY;
  return c == LQI_PAT_ONE || c == LQI_PAT_ONE_IN ? SINGLE : LITERAL;
}
static size_t token_bytes(lq_span p, size_t at) { return p.data[at] == LQI_PAT_VARIABLE ? 2 : 1; }

bool lqi_pattern_meets(lq_span a, lq_span b) {
  /* reach[j]: what of `a` was read so far can stand where b's first j bytes do. */
  bool reach[LQ_POLICY_VALUE_BYTES_MAX + 1] = {true}, next[LQ_POLICY_VALUE_BYTES_MAX + 1];
  if (a.bytes > LQ_POLICY_VALUE_BYTES_MAX || b.bytes > LQ_POLICY_VALUE_BYTES_MAX) return false;
  for (size_t i = 0;; i += token_bytes(a, i)) {
    for (size_t j = 0; j < b.bytes; j += token_bytes(b, j)) /* b's stars may be nothing */
      if (reach[j] && token_kind(b, j) == MANY) reach[j + token_bytes(b, j)] = true;
    if (i >= a.bytes) return reach[b.bytes];
    memset(next, 0, sizeof next);
    int kind = token_kind(a, i);
    for (size_t j = 0; j <= b.bytes; j += j < b.bytes ? token_bytes(b, j) : 1) {
      if (!reach[j]) continue;
      if (kind == MANY) next[j] = true; /* nothing, or with what follows all of b's token */
      if (j == b.bytes) break;
      int other = token_kind(b, j);
      if (kind == MANY) reach[j + token_bytes(b, j)] = true;
      if (other == MANY) next[j] = true;
      if (kind != MANY && other != MANY &&
          (kind == SINGLE || other == SINGLE || a.data[i] == b.data[j]))
        next[j + 1] = true;
    }
    memcpy(reach, next, sizeof reach);
  }
}

bool lqi_pattern_covers(lq_span outer, lq_span inner) {
  /* reach[j]: outer's tokens so far cover inner's first j bytes. */
  bool reach[LQ_POLICY_VALUE_BYTES_MAX + 1] = {true}, next[LQ_POLICY_VALUE_BYTES_MAX + 1];
  if (outer.bytes > LQ_POLICY_VALUE_BYTES_MAX || inner.bytes > LQ_POLICY_VALUE_BYTES_MAX)
    return false;
  for (size_t i = 0; i < outer.bytes; i += token_bytes(outer, i)) {
    uint8_t c = outer.data[i];
    bool open = true, variable = c == LQI_PAT_VARIABLE;
    memset(next, 0, sizeof next);
    for (size_t j = 0; j <= inner.bytes; j += j < inner.bytes ? token_bytes(inner, j) : 1) {
      bool more = j < inner.bytes;
      if (c == LQI_PAT_ANY || c == LQI_PAT_ANY_IN) {
        next[j] = reach[j];
        if (reach[j] && more &&
            (c == LQI_PAT_ANY || (inner.data[j] != ':' && inner.data[j] != LQI_PAT_ANY)))
          reach[j + token_bytes(inner, j)] = true;
      } else if (!reach[j] || !more) {
        continue;
      } else if (variable) { /* the same variable and no other */
        open = inner.data[j] == c && inner.data[j + 1] == outer.data[i + 1];
        if (open) next[j + 2] = true;
      } else if (token_kind(outer, i) == SINGLE) {
        if (token_kind(inner, j) == SINGLE || (inner.data[j] < 0x80 && inner.data[j] != ':'))
          next[j + 1] = true;
      } else if (inner.data[j] == c) {
        next[j + 1] = true;
      }
    }
    memcpy(reach, next, sizeof reach);
  }
  return reach[inner.bytes];
}
