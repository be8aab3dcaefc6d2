/* The examples of docs/protocol.md, run against a server as they stand. */
#include "tests/gateway_testing.h"

/* Members whose values differ from run to run. */
static bool is_volatile(lq_span key) {
  static const char *const names[] = {"tick", "seq", "resume", "state", "set"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (lq_span_is(key, names[i])) return true;
  return false;
}

/* Has the text every member of the example, with the same value where it is not volatile, and no
 * other? */
static bool is_like(lq_json want, const char *text) {
  lq_json have, value;
  lq_span key;
  size_t wanted = 0, there = 0;
  if (lq_json_parse(lq_span_text(text), &have, NULL) || have.kind != LQ_JSON_OBJECT) return false;
  for (lq_json_walk walk = {0}; lq_json_member(want, &walk, &key, &value); wanted++) {
    char name[64] = "";
    assert_true(lq_text_copy(name, sizeof name, key));
    lq_json got = lq_json_get(have, name);
    if (got.kind != value.kind) return false;
    if (!is_volatile(key) && !lq_span_equal(got.raw, value.raw)) return false;
  }
  for (lq_json_walk walk = {0}; lq_json_member(have, &walk, &key, &value);) there++;
  return wanted == there;
}

static void await_like(int fd, lq_span line) {
  lq_json want;
  char last[512] = "";
  if (lq_json_parse(line, &want, NULL)) fail_msg("no JSON: %.*s", (int)line.bytes, line.data);
  for (int i = 0; i < 1000; i++) {
    frame *f = ws_next(fd);
    if (f->opcode != LQ_WS_OP_TEXT) break;
    if (is_like(want, f->text)) return;
    (void)lq_text_copy(last, sizeof last, lq_span_of(f->text, f->bytes < 500 ? f->bytes : 500));
  }
  fail_msg("never came: %.*s; the last was %s", (int)line.bytes, line.data, last);
}

/* One block: a conversation on a connection of its own. Returns its lines. */
static int block_run(const rig *r, const char *at) {
  int fd = ws_open(r), lines = 0;
  for (; strncmp(at, "```", 3) != 0; lines++) {
    size_t bytes = strcspn(at, "\n");
    assert_true(bytes > 3);
    lq_span rest = lq_span_of(at + 3, bytes - 3);
    if (strncmp(at, "-> ", 3) == 0)
      assert_true(ws_put(fd, LQ_WS_OP_TEXT, rest.data, rest.bytes));
    else if (strncmp(at, "<- ", 3) == 0)
      await_like(fd, rest);
    else
      fail_msg("neither -> nor <-: %.*s", (int)bytes, at);
    at += bytes + 1;
  }
  (void)close(fd);
  return lines;
}

LQ_TEST(the_examples_of_the_protocol_are_true) {
  rig r = {0};
  uint8_t *data;
  size_t bytes;
  rig_start(&r, &(lq_gateway_options){0});
  assert_ok(lq_file_read(LQ_SOURCE_DIR "/docs/protocol.md", 1 << 20, &data, &bytes));
  char *text = calloc(1, bytes + 1);
  assert_non_null(text);
  memcpy(text, data, bytes);
  lq_file_free(data);
  int blocks = 0, lines = 0;
  for (const char *at = text; (at = strstr(at, "```json\n")); blocks++) {
    at += 8;
    lines += block_run(&r, at);
    at = strstr(at, "```");
    assert_non_null(at);
    at += 3;
  }
  assert_true(blocks >= 6 && lines >= 16);
  free(text);
  rig_stop(&r);
}
