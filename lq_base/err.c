#include "lq_base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct err_row {
  const char *name, *cause, *mend;
  int http;
  bool retry;
} err_row;

static const err_row rows[] = {
#define X(name, http, retry, cause, mend) {"LQ_" #name, cause, mend, http, retry},
    LQ_ERR_LIST(X)
#undef X
};

static const err_row *row_of(lq_err err) {
  return (unsigned)err < LQ_ERR_COUNT ? &rows[err] : &rows[LQ_ERR_INTERNAL];
}

const char *lq_err_name(lq_err err) { return row_of(err)->name; }
const char *lq_err_cause(lq_err err) { return row_of(err)->cause; }
const char *lq_err_mend(lq_err err) { return row_of(err)->mend; }
int lq_err_http(lq_err err) { return row_of(err)->http; }
bool lq_err_retry(lq_err err) { return row_of(err)->retry; }

lq_err lq_diag_set(lq_diag *diag, lq_err code, const char *format, ...) {
  if (!diag) return code;
  diag->code = code;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(diag->message, sizeof diag->message, format, args);
  va_end(args);
  return code;
}

_Noreturn void lq_check_failed(const char *expression, const char *file, int line) {
  (void)fprintf(stderr, "lq: check failed: %s at %s:%d\n", expression, file, line);
  abort();
}
