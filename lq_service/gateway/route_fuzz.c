/* Addresses, queries, origins and hosts of a hostile browser, without the HTTP around them. Input:
 * path ? query # host # origin. What is decoded encodes and decodes to the same; numbers are held
 * against strtoull. */
#include "lq_service/gateway/gateway_int.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static lq_span until(lq_reader *in, uint8_t end) {
  size_t from = in->at;
  while (in->at < in->bytes && in->data[in->at] != end) in->at++;
  lq_span part = lq_span_of(in->data + from, in->at - from);
  if (in->at < in->bytes) in->at++;
  return part;
}

static void encode(lq_writer *out, lq_span text) {
  for (size_t i = 0; i < text.bytes; i++) {
    lq_write_u8(out, '%');
    lq_write_u8(out, (uint8_t) "0123456789ABCDEF"[text.data[i] >> 4]);
    lq_write_u8(out, (uint8_t) "0123456789abcdef"[text.data[i] & 15]);
  }
}

static void path_check(lq_span path) {
  static lq_http_path parts, again;
  static uint8_t room[LQ_HTTP_PATH_BYTES_MAX * 4];
  lqi_target target, same;
  char methods[64];
  lq_err err = lq_http_path_split(path, &parts);
  LQ_CHECK(lqi_target_read(path, &target) == err);
  if (err) return;
  lqi_methods_text(target.methods, methods, sizeof methods);
  LQ_CHECK(strlen(methods) + 1 < sizeof methods);
  LQ_CHECK(!target.name.tenant[0] || lq_id_valid(lq_span_text(target.name.tenant), 32));
  lq_writer out = lq_writer_of(room, sizeof room);
  if (parts.count == 0) lq_write_u8(&out, '/');
  for (uint32_t i = 0; i < parts.count; i++) {
    LQ_CHECK(lq_utf8_valid(parts.segments[i]));
    lq_write_u8(&out, '/');
    encode(&out, parts.segments[i]);
  }
  LQ_CHECK(!out.failed && lq_http_path_split(lq_writer_span(&out), &again) == LQ_OK);
  LQ_CHECK(again.count == parts.count);
  for (uint32_t i = 0; i < parts.count; i++)
    LQ_CHECK(lq_span_equal(parts.segments[i], again.segments[i]));
  LQ_CHECK(!lqi_target_read(lq_writer_span(&out), &same) && same.route == target.route);
}

static void query_check(lq_span query) {
  char text[512], again[512];
  uint8_t room[2048];
  size_t bytes, same;
  uint64_t number;
  lq_err err = lq_http_query_get(query, "tick", text, sizeof text, &bytes);
  LQ_CHECK(strlen(text) == bytes && bytes < sizeof text);
  if (err) LQ_CHECK(bytes == 0);
  lq_err wrong = lq_http_query_u64(query, "tick", &number);
  if (err) {
    LQ_CHECK(wrong && number == 0);
    return;
  }
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_write_text(&out, "a=1&tick=");
  encode(&out, lq_span_of(text, bytes));
  LQ_CHECK(lq_http_query_get(lq_writer_span(&out), "tick", again, sizeof again, &same) == LQ_OK);
  LQ_CHECK(same == bytes && memcmp(text, again, bytes) == 0);
  errno = 0;
  char *end;
  uint64_t reference = strtoull(text, &end, 10);
  bool plain = bytes && strspn(text, "0123456789") == bytes;
  if (bytes < 24) LQ_CHECK(!wrong == (plain && errno == 0));
  if (!wrong) LQ_CHECK(number == reference);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes > 8192) return 0;
  lq_reader in = lq_reader_of(lq_span_of(data, bytes));
  path_check(until(&in, '?'));
  query_check(until(&in, '#'));
  lq_span host = until(&in, '#');
  lq_span origin = lq_span_of(in.data + in.at, lq_reader_left(&in));
  LQ_CHECK(!lqi_host_is_local(lq_span_text("evil.example"), "127.0.0.1"));
  (void)lqi_host_is_local(host, "lq.example");
  (void)lqi_origin_allowed(origin, host, "https://a.example http://b:1");
  return 0;
}
