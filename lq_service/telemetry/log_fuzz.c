/* Any text into a log: a line is one JSON object, and a credential that stands in the text does not
 * stand in the line. The first byte says where one is planted, and which. */
#include "lq_engine/net/json.h"
#include "lq_service/telemetry/log.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define NEEDLE "S3CRETneedle"

static void line(void *context, lq_span text) {
  lq_json json;
  (void)context;
  LQ_CHECK(text.bytes && text.bytes <= LQ_LOG_LINE_BYTES && text.data[text.bytes - 1] == '\n');
  LQ_CHECK(!memchr(text.data, '\n', text.bytes - 1));
  LQ_CHECK(!lq_json_parse(lq_span_of(text.data, text.bytes - 1), &json, NULL));
  LQ_CHECK(!memmem(text.data, text.bytes, NEEDLE, sizeof NEEDLE - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  static const char *const planted[] = {
      "lqk_" NEEDLE,     "lqt_" NEEDLE,   " eyJhbGciOi." NEEDLE ".x", "\nAuthorization: " NEEDLE,
      " Bearer " NEEDLE, " token=" NEEDLE};
  if (!bytes || bytes > 65536) return 0;
  size_t which = data[0] % (sizeof planted / sizeof *planted), secret = strlen(planted[which]);
  size_t before = (bytes - 1) * (data[0] / 6u) / 43u; /* 0 .. all of it */
  lq_span in = lq_span_of(data + 1, bytes - 1);
  if (memmem(in.data, in.bytes, NEEDLE, sizeof NEEDLE - 1)) return 0; /* it may say it openly */
  uint8_t *text = malloc(in.bytes + secret + 1);
  char key[32];
  if (!text) return 0;
  memcpy(text, in.data, before);
  memcpy(text + before, planted[which], secret);
  memcpy(text + before + secret, in.data + before, in.bytes - before);
  text[in.bytes + secret] = 0;
  size_t cut = in.bytes < sizeof key ? in.bytes : sizeof key - 1;
  memcpy(key, in.data, cut);
  key[cut] = 0;
  lq_log *log = NULL;
  if (!lq_log_open(&(lq_log_options){.sink = line}, &log)) {
    lq_log_where where = {key, (const char *)text, NULL};
    lq_log_field fields[] = {{key, LQ_LOG_TEXT, lq_span_of(text, in.bytes + secret), 0},
                             lq_log_text("a", (const char *)text),
                             lq_log_secret(key)};
    lq_log_write(log, bytes * 1000003, LQ_LOG_INFO, (const char *)text, &where, fields, 3);
    lq_log_write(log, 0, LQ_LOG_INFO, key, NULL, fields, 2);
    lq_log_tell_dropped(log, 0);
  }
  lq_log_close(log);
  free(text);
  return 0;
}
