/* Made once with node:crypto, keys of the openssl command: two ID tokens, and a key that is too
 * small. */
#ifndef LQ_SERVICE_TOKEN_OIDC_TESTING_H
#define LQ_SERVICE_TOKEN_OIDC_TESTING_H

static const char rs256_token[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InIxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4"
    "YW1wbGUiLCJhdWQiOiJscSIsInN1YiI6ImFsaWNlIiwibm9uY2UiOiJuLTEiLCJpYXQiOjE3MDAwMDAw"
    "MDAsImV4cCI6MTcwMDAwMzYwMCwiZW1haWwiOiJhQGV4YW1wbGUuY29tIiwiZW1haWxfdmVyaWZpZWQi"
    "OnRydWUsIm5hbWUiOiJBbGljZSJ9.aISkMO-3PjuDJukS7_xCUSimC_q-Acg9pjsntqKRTYGYBZ3ktj5"
    "uPRfLjdfXaN4jsjO8bd3RlNQsJ9RCl54KbcJZJkKb50K_xyPHuh9gPm-oCcFPJC-U3WzC7bnbvR5irJm"
    "Mm6j4-3860m3ADdT9c34vbZUysaTfBMHRj_hNVEkEXd-aLq5GcQ4WdNiMmXmYXQRYh9QPGsqgBguSi2x"
    "N3RmYDL8aDunpAqXFx_4EA6tyU4P82nd6pqMtdGAH9rzuKXxaanJxzJ8CeKhPiZG9U6v5S3mlycP5jjg"
    "xxGdaRCVtfZoUIckAXrQL8BP1EFm30XaiukDL5Rv1tQyiklwIug";
#define R1_N                                                                                       \
  "qG2jiobLe-Qvph0BpeigguSML-eoOAXYnOwnb47eIeDzwaVdJtLxUxsu_vcTrFktuAIBtTjRQMso8QBo"               \
  "lYq5c6JprloqjwDU2ZR7HNI_xtReAUZ3osKTSK6vicKGkQ1kuw8oQMnbf1j_Pud_9dr_26Cr_aF2pjR2"               \
  "UTrm1REG2twUc5d7a58Kx1egqvnd3X9F5j5PxuHRyE-RVk_Dv7V5-P6P-YEpOnJaibkRIubxSrYI3_1q"               \
  "u0HsBp466AEZtp67nDqUjZv67O7USQAzY-wSMIiaDXkzy5dpsF7-s9B_xfSmQmk-kdvEQ-3ft7WnMqmg"               \
  "1IS2cMzlQURrC-35yD_pjQ"
#define R1_E "AQAB"
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImUxIn0.eyJpc3MiOiJodHRwczovL2lkLmV4"
    "YW1wbGUiLCJhdWQiOiJscSIsInN1YiI6ImFsaWNlIiwibm9uY2UiOiJuLTEiLCJpYXQiOjE3MDAwMDAw"
    "MDAsImV4cCI6MTcwMDAwMzYwMCwiZW1haWwiOiJhQGV4YW1wbGUuY29tIiwiZW1haWxfdmVyaWZpZWQi"
    "OnRydWUsIm5hbWUiOiJBbGljZSJ9.9zGDhfl2kGrXE1qKYjJ5XeyqBULYr8qq8LCK3NkZ8lENiwTgizH"
    "WF_7oNxLZNSFjk7DJlO2aUSjTHDfFKdsMEg";
#define E1_X "-vHMK4u5cKVAFLPXXOdyDFCVUQZg3hpbJpGmcrpYjzs"
#define E1_Y "NmDn2hwMLNB5UeM-wdbVo3Gl0swOQS_wvZGayREWqHk"
static const char small_token[] =
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6InNtYWxsIn0.eyJpc3MiOiJodHRwczovL2lk"
    "LmV4YW1wbGUiLCJhdWQiOiJscSIsInN1YiI6ImFsaWNlIiwibm9uY2UiOiJuLTEiLCJpYXQiOjE3MDAw"
    "MDAwMDAsImV4cCI6MTcwMDAwMzYwMCwiZW1haWwiOiJhQGV4YW1wbGUuY29tIiwiZW1haWxfdmVyaWZp"
    "ZWQiOnRydWUsIm5hbWUiOiJBbGljZSJ9.OQXYZiXamQLGYveehqv5uamjLJ7esgwVo1vmO4ljPllgsVy"
    "LyBThmC4NNJQCUECRMLR9qlkXA5kbZRy2cpMncIIm_hElwQvemWOhrdTSTnA-pDNuMEWxcvk6rNiHv0Y"
    "4NV4q3GJCgI7wyeiJJ7H1er-XWHo4HHbeVRTJpNzUbIg";
#define SMALL_N                                                                                    \
  "oWUOdBdSYP6A9zNlleHD9uU5DQjTEkwJZHq8zfDOFWU-zYpJrQeQQgzdM0REKCCVdmAsHN4dZ_VavPf0"               \
  "JixZKs1YTsYTDjzmRCpliK0-Sv3WxAU07V5QkHhpUMzkNEt1_w5UaEqjoUaMtCB76OhHkZ5ZPBjFu5en"               \
  "QaOUEeqDXh8"
#define SMALL_E "AQAB"

#define JWK_RSA(kid, n, e, more)                                                                   \
  "{\"kty\":\"RSA\",\"kid\":\"" kid "\",\"n\":\"" n "\",\"e\":\"" e "\"" more "}"
#define JWK_EC(kid, x, y, more)                                                                    \
  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"" kid "\",\"x\":\"" x "\",\"y\":\"" y "\"" more "}"
#define JWK_OKP(kid, x, more)                                                                      \
  "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"" kid "\",\"x\":\"" x "\"" more "}"
#define JWKS(keys) "{\"keys\":[" keys "]}"
/* The public key of the seed 1, 0, 0 ... */
#define O1_X "zswVB9wd3XKVlRwpCIjwla25BE0bc9aW5t8GXWg71Pw"

#endif
