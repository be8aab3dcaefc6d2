/* What a browser and an administrator bring to a sign-in: ways back, cookies, origins, records. */
#include "lq_service/gateway/gateway_oidc_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void record_holds(lq_span text) {
  static lq_oidc_config config, again;
  static uint8_t memory[LQ_OIDC_CONFIG_BYTES], more[LQ_OIDC_CONFIG_BYTES];
  lq_writer w = lq_writer_of(memory, sizeof memory), v = lq_writer_of(more, sizeof more);
  if (lq_oidc_config_read(text, "corp", &config, NULL)) return;
  LQ_CHECK(lq_oidc_url_good(lq_span_text(config.issuer)) && config.client_id[0]);
  LQ_CHECK(!(config.roles & (1u << LQ_ROLE_OPERATOR)));
  for (uint32_t i = 0; i < config.group_count; i++)
    LQ_CHECK(!(config.group[i].roles & (1u << LQ_ROLE_OPERATOR)));
  lq_oidc_config_json(&config, true, &w);
  LQ_CHECK(!w.failed && !lq_oidc_config_read(lq_writer_span(&w), "corp", &again, NULL));
  lq_oidc_config_json(&again, true, &v);
  LQ_CHECK(lq_span_equal(lq_writer_span(&w), lq_writer_span(&v)));
}

static void way_holds(lq_span text) {
  if (!lqi_back_good(text)) return;
  LQ_CHECK(text.data[0] == '/' && (text.bytes == 1 || text.data[1] == 'p'));
  for (size_t i = 0; i < text.bytes; i++)
    LQ_CHECK(text.data[i] > ' ' && text.data[i] < 127 && !strchr("\"'<>\\:@#", text.data[i]));
}

static void head_holds(lq_span text) {
  const lq_http_header headers[] = {{lq_span_text("Cookie"), text}, {lq_span_text("Origin"), text}};
  const lq_http_request request = {
      .header_count = 2, .headers = headers, .host = lq_span_text("lq.example:8080")};
  static const char name[] = "lq_session";
  lq_span value = lqi_cookie_get(&request, name);
  if (value.data)
    LQ_CHECK(value.data > text.data && value.data + value.bytes <= text.data + text.bytes &&
             !memchr(value.data, ';', value.bytes));
  if (lqi_same_origin(&request, "https://play.example"))
    LQ_CHECK(lq_span_is(text, "https://play.example") || text.bytes == 22 || text.bytes == 23);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_span text = lq_span_of(data, bytes);
  record_holds(text);
  way_holds(text);
  head_holds(text);
  return 0;
}
