/* Shared inside token: a compact JWS cut into its parts, and claims read with their kinds. */
#ifndef LQ_SERVICE_TOKEN_TOKEN_INT_H
#define LQ_SERVICE_TOKEN_TOKEN_INT_H

#include "lq_engine/net/json.h"
#include "lq_service/token/token.h"

typedef struct lqi_jws {
  lq_span header, payload, signature; /* base64url, borrowed */
  lq_span signed_text;                /* "header.payload" */
} lqi_jws;
/* Exactly three parts, none of them empty. */
bool lqi_jws_cut(lq_span text, lqi_jws *out);

/* Refuses: LQ_ERR_UNAUTHORIZED with the cause. */
lq_err lqi_token_refuse(lq_diag *diag, const char *why);

/* One object without duplicate members, of what base64url hides; text needs text_capacity bytes. */
bool lqi_object_read(lq_span base64url, uint8_t *text, size_t text_capacity, lq_json *out);
/* A member that is a whole number from 0 to 2^53 - 1, as a number and not as text. */
bool lqi_number(lq_json object, const char *name, int64_t *out);
/* A member that is a text of exactly these characters. */
bool lqi_text_is(lq_json object, const char *name, const char *wanted);

/* The payload of a token of ours, and back. */
lq_err lqi_claims_read(lq_json payload, const lq_token_rules *rules, int64_t now_s,
                       lq_token_claims *claims, lq_diag *diag);
void lqi_claims_write(const lq_token_rules *rules, const lq_token_claims *claims, lq_writer *out);

#endif
