/* Items and keys of usage from anywhere: what decodes encodes to the very bytes that were read. */
#include "lq_service/meter/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint8_t room[LQ_STORE_ITEM_BYTES_MAX];

static void same(const lq_writer *w, lq_span in) {
  LQ_CHECK(!w->failed && lq_span_equal(lq_writer_span(w), in));
}

static void items(lq_span in) {
  lq_usage usage = {0}, twice = {0};
  lq_meter_state state;
  lq_kept kept = {0};
  lq_writer w = lq_writer_of(room, sizeof room);
  if (!lq_usage_decode(in, &usage)) {
    lq_usage_encode(&usage, &w);
    same(&w, in);
    if (!lq_usage_add(&twice, &usage)) {
      w = lq_writer_of(room, sizeof room);
      lq_usage_encode(&twice,
                      &w); /* a sum with nothing is itself, but for names beyond the limit */
      if (usage.system_count < LQ_USAGE_SYSTEMS_MAX) same(&w, in);
    }
  } else {
    LQ_CHECK(lq_usage_is_empty(&usage) && !usage.system);
  }
  w = lq_writer_of(room, sizeof room);
  if (!lq_meter_state_decode(in, &state)) {
    lq_meter_state_encode(&state, &w);
    same(&w, in);
  }
  w = lq_writer_of(room, sizeof room);
  if (!lq_kept_decode(in, &kept)) {
    lq_kept_encode(&kept, &w);
    same(&w, in);
  }
  lq_usage_clear(&usage);
  lq_usage_clear(&twice);
  lq_kept_clear(&kept);
}

static void keys(lq_span in) {
  char sk[LQ_STORE_SK_BYTES], back[LQ_STORE_SK_BYTES], game[LQ_TENANT_BYTES], session[LQ_ID_BYTES];
  uint32_t from, to;
  if (lq_usage_time_read(in, &from, &to)) {
    char text[LQ_USAGE_HOUR_BYTES];
    lq_usage_hour_text(from, text);
    LQ_CHECK(from < to && memcmp(text, in.data, in.bytes < 13 ? in.bytes : 13) == 0);
  }
  if (memchr(in.data ? in.data : (const uint8_t *)"", 0, in.bytes) ||
      !lq_text_copy(sk, sizeof sk, in))
    return;
  if (lq_usage_sk_read(sk, &from, game, session)) {
    lq_usage_sk(from, game, session, back);
    LQ_CHECK(!strcmp(sk, back));
  }
  if (lq_meter_sk_read(sk, game, session)) {
    lq_meter_sk(game, session, back);
    LQ_CHECK(!strcmp(sk, back));
  }
  if (lq_kept_sk_read(sk, &from)) {
    lq_kept_sk(from, back);
    LQ_CHECK(!strcmp(sk, back));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  items(lq_span_of(data, bytes));
  keys(lq_span_of(data, bytes));
  return 0;
}
