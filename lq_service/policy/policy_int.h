/* Shared inside policy: what a document is compiled into, and the values that conditions compare.
 */
#ifndef LQ_SERVICE_POLICY_POLICY_INT_H
#define LQ_SERVICE_POLICY_POLICY_INT_H

#include "lq_engine/net/json.h"
#include "lq_service/policy/policy.h"

/* ---- operators ---- X(name, family, comparison, negated) */
#define LQI_OPERATOR_LIST(X)                                                                       \
  X(StringEquals, TEXT, EQ, 0)                                                                     \
  X(StringNotEquals, TEXT, EQ, 1)                                                                  \
  X(StringEqualsIgnoreCase, FOLD, EQ, 0)                                                           \
  X(StringNotEqualsIgnoreCase, FOLD, EQ, 1)                                                        \
  X(StringLike, LIKE, EQ, 0)                                                                       \
  X(StringNotLike, LIKE, EQ, 1)                                                                    \
  X(NumericEquals, NUMBER, EQ, 0)                                                                  \
  X(NumericNotEquals, NUMBER, EQ, 1)                                                               \
  X(NumericLessThan, NUMBER, LT, 0)                                                                \
  X(NumericLessThanEquals, NUMBER, LE, 0)                                                          \
  X(NumericGreaterThan, NUMBER, GT, 0)                                                             \
  X(NumericGreaterThanEquals, NUMBER, GE, 0)                                                       \
  X(DateEquals, DATE, EQ, 0)                                                                       \
  X(DateNotEquals, DATE, EQ, 1)                                                                    \
  X(DateLessThan, DATE, LT, 0)                                                                     \
  X(DateLessThanEquals, DATE, LE, 0)                                                               \
  X(DateGreaterThan, DATE, GT, 0)                                                                  \
  X(DateGreaterThanEquals, DATE, GE, 0)                                                            \
  X(Bool, BOOL, EQ, 0)                                                                             \
  X(IpAddress, IP, EQ, 0)                                                                          \
  X(NotIpAddress, IP, EQ, 1)                                                                       \
  X(Null, NONE, EQ, 0)

typedef enum lqi_operator {
#define X(name, family, compare, negated) LQI_OP_##name,
  LQI_OPERATOR_LIST(X)
#undef X
      LQI_OP_COUNT
} lqi_operator;
typedef enum lqi_family {
  LQI_TEXT,
  LQI_FOLD,
  LQI_LIKE,
  LQI_NUMBER,
  LQI_DATE,
  LQI_BOOL,
  LQI_IP,
  LQI_NONE
} lqi_family;
typedef enum lqi_compare { LQI_EQ, LQI_LT, LQI_LE, LQI_GT, LQI_GE } lqi_compare;
typedef struct lqi_operator_info {
  const char *name;
  lqi_family family;
  lqi_compare compare;
  bool negated;
} lqi_operator_info;
extern const lqi_operator_info lqi_operators[LQI_OP_COUNT];
typedef enum lqi_quantifier { LQI_ONE, LQI_ALL, LQI_ANY } lqi_quantifier;

/* ---- patterns ----
 * Bytes of UTF-8, and single bytes that UTF-8 never has: */
enum {
  LQI_PAT_ANY = 0xff,      /* any characters */
  LQI_PAT_ONE = 0xfe,      /* one character */
  LQI_PAT_ANY_IN = 0xfd,   /* the same inside a resource's tenant: never past its ':' */
  LQI_PAT_ONE_IN = 0xfc,   /* */
  LQI_PAT_VARIABLE = 0xfb, /* then one byte: which of the document's variables */
};

typedef struct lqi_variable {
  lq_span key, fallback; /* fallback.data NULL = none */
  uint64_t hash;         /* of key */
} lqi_variable;

typedef struct lqi_ip {
  uint8_t bytes[16];
  uint8_t bits; /* of the prefix */
  bool v4;      /* in the first four bytes */
} lqi_ip;

/* A value of a condition, as its operator's family wants it. */
typedef struct lqi_value {
  union {
    lq_span pattern; /* TEXT, FOLD, LIKE */
    lq_span number;  /* decimal digits */
    int64_t date_ms;
    bool truth; /* BOOL, NONE */
    lqi_ip ip;
  } as;
} lqi_value;

typedef struct lqi_condition {
  uint8_t op, quantifier; /* lqi_operator, lqi_quantifier */
  bool if_exists;
  lq_span operator_name, key; /* as written */
  uint64_t hash;              /* of key */
  lq_json raw;                /* its values, in the document */
  const lqi_value *value;
  uint32_t value_count;
} lqi_condition;

typedef struct lqi_statement {
  uint64_t actions; /* bit per lq_action; NotAction is turned round */
  uint32_t roles;
  bool deny, everybody, not_action, not_resource;
  uint32_t user_count, resource_count, condition_count;
  const lq_span *user;
  const lq_span *resource; /* patterns */
  const lqi_condition *condition;
  lq_span sid;
  lq_json raw, action, place, principal; /* in the document; principal may be absent */
} lqi_statement;

struct lq_policy {
  lq_span name, text;
  const lqi_statement *statement;
  const lqi_variable *variable;
  uint32_t statement_count, variable_count;
};

/* ---- the keys of a request, found by hash ---- */
enum { LQI_KEYS_OWN = 3 }; /* tenant, user, role */
typedef struct lqi_view {
  const lq_policy_request *request;
  lq_policy_key own[LQI_KEYS_OWN];
  lq_span value[2 + LQ_ROLE_COUNT];
  uint64_t hash[LQI_KEYS_OWN + LQ_POLICY_CONTEXT_MAX];
} lqi_view;
/* Of a key's name, the same in any case of letters. */
uint64_t lqi_key_hash(lq_span name);
bool lqi_key_equal(lq_span a, lq_span b);
/* False when the request breaks a limit. */
bool lqi_view_init(lqi_view *view, const lq_policy_request *request);
/* NULL when it is not there or has no value. */
const lq_policy_key *lqi_view_find(const lqi_view *view, lq_span key, uint64_t hash);

/* ---- matching ---- */
enum { LQI_WORDS = (LQ_POLICY_VALUE_BYTES_MAX + 1) / 64 };
/* A text that patterns are held against; a set of positions in it is a bit each. The tables are
 * made when the first pattern needs them, and then serve all patterns. */
typedef struct lqi_text {
  lq_span text;      /* at most LQ_POLICY_VALUE_BYTES_MAX */
  size_t tenant_end; /* a resource's second ':' */
  bool ready;
  uint64_t inside[LQI_WORDS]; /* positions up to tenant_end */
  uint64_t whole[LQI_WORDS];  /* positions between characters, and the end */
  uint8_t row_of[256];        /* byte -> row, 0 = not in the text */
  uint64_t row[LQ_POLICY_VALUE_BYTES_MAX + 1][LQI_WORDS]; /* where that byte stands */
} lqi_text;
void lqi_text_init(lqi_text *t, lq_span text, size_t tenant_end);
typedef enum lqi_match { LQI_NO, LQI_YES, LQI_UNKNOWN } lqi_match;
/* LQI_UNKNOWN: a variable has no value. */
lqi_match lqi_pattern_match(const lq_policy *policy, const lqi_view *view, lq_span pattern,
                            lqi_text *t);
/* The text of a pattern without wildcards equals `text`; fold: ASCII letters in any case. */
lqi_match lqi_pattern_equal(const lq_policy *policy, const lqi_view *view, lq_span pattern,
                            lq_span text, bool fold);
/* A plain pattern (`*`, `?`, no variables) against a text, in any case: for names of actions. */
bool lqi_glob(lq_span pattern, lq_span text);
/* Is there a text that both fit? A variable may be any text. Is every text that `inner` fits one
 * that `outer` fits? False when it cannot be told. For the linter: time grows with the product. */
bool lqi_pattern_meets(lq_span a, lq_span b);
bool lqi_pattern_covers(lq_span outer, lq_span inner);

/* ---- values ---- False when the text is no such thing. */
bool lqi_number_valid(lq_span text);
int lqi_number_compare(lq_span a, lq_span b);  /* exact, of any length */
bool lqi_date_read(lq_span text, int64_t *ms); /* ISO 8601 as in RFC 3339, or seconds since 1970 */
bool lqi_bool_read(lq_span text, bool *out);
bool lqi_ip_read(lq_span text, bool range, lqi_ip *out);
bool lqi_ip_within(const lqi_ip *address, const lqi_ip *range);

/* ---- parsing ---- */
typedef struct lqi_reader {
  lq_policy *policy;
  lq_arena *arena;
  lq_writer pool; /* of all strings: never longer than the text they come from */
  lqi_variable *variable;
  lq_diag *diag;
  char path[92];
} lqi_reader;
enum { LQI_KEY_BYTES_MAX = 64 };
bool lqi_key_valid(lq_span key); /* letters, digits and _ . : / - */
/* For messages: how many bytes of what stands there, not too many and whole characters. */
int lqi_shown(lq_span raw);
/* Where a byte of the document is: from 1. */
void lqi_place(lq_span text, const uint8_t *at, uint32_t *line, uint32_t *column);
/* Fills the diag with place, path, cause and mend. */
lq_err lqi_refuse(lqi_reader *r, lq_span at, const char *mend, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A string value, unescaped, in the pool; LQ_ERR_INVALID when it is none, empty or too long. */
LQ_MUST lq_err lqi_string(lqi_reader *r, lq_json value, lq_span *out);
/* Elements of a list, or the one value itself; 0 for an empty list. */
uint32_t lqi_list_count(lq_json value);
bool lqi_list_next(lq_json list, lq_json_walk *walk, lq_json *value);
typedef enum lqi_pattern_kind {
  LQI_PATTERN_TEXT,
  LQI_PATTERN_LIKE,
  LQI_PATTERN_RESOURCE
} lqi_pattern_kind;
LQ_MUST lq_err lqi_pattern_read(lqi_reader *r, lq_json value, lqi_pattern_kind kind, lq_span *out);
LQ_MUST lq_err lqi_conditions_read(lqi_reader *r, lq_json object, lqi_statement *s);

/* ---- deciding ---- */
/* Each part of a statement alone. */
bool lqi_principal_fits(const lqi_statement *s, const lq_policy_request *request);
bool lqi_resource_fits(const lq_policy *policy, const lqi_statement *s, const lqi_view *view,
                       lqi_text *resource);
bool lqi_condition_holds(const lq_policy *policy, const lqi_condition *c, const lqi_view *view);
/* Where the resource's tenant ends; 0 when it is no resource's name. */
size_t lqi_resource_tenant_end(lq_span resource);

#endif
