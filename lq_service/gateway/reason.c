/* An error as a problem body and as a close code. */
#include "lq_service/gateway/gateway_int.h"

uint16_t lqi_ws_code(lq_err why) {
  if (why == LQ_OK || why == LQ_ERR_ENDED) return LQ_WS_CODE_NORMAL;
  if (why == LQ_ERR_IDLE) return LQ_WS_CODE_GOING_AWAY;
  if (why == LQ_ERR_TOO_BIG) return LQ_WS_CODE_TOO_BIG;
  /* CONFLICT: the player joined from another place. Coming back would only take it from there. */
  if (why == LQ_ERR_RATE || why == LQ_ERR_CONFLICT) return LQ_WS_CODE_POLICY;
  if (lq_err_retry(why)) return LQ_WS_CODE_TRY_AGAIN;
  return lq_err_http(why) >= 500 && why != LQ_ERR_FULL ? LQ_WS_CODE_INTERNAL : LQ_WS_CODE_POLICY;
}

void lqi_problem_body(lq_writer *out, int status, lq_err code, const lq_diag *diag) {
  const char *detail = diag && diag->message[0] ? diag->message : lq_err_cause(code);
  /* A message made of a client's own bytes may be cut in the middle of a character. */
  if (!lq_utf8_valid(lq_span_text(detail))) detail = lq_err_cause(code);
  const char *mend = diag && diag->mend[0] ? diag->mend : lq_err_mend(code);
  lq_write_text(out, "{\"type\":\"about:blank\",\"title\":");
  lq_json_write_text(out, lq_span_text(lq_http_reason(status)));
  lq_write_text(out, ",\"status\":");
  lq_write_decimal(out, status);
  lq_write_text(out, ",\"detail\":");
  lq_json_write_text(out, lq_span_text(detail));
  lq_write_text(out, ",\"code\":");
  lq_json_write_text(out, lq_span_text(lq_err_name(code)));
  lq_write_text(out, ",\"mend\":");
  lq_json_write_text(out, lq_span_text(mend));
  lq_write_text(out, "}");
}
