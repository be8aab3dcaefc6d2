/* Streams from anywhere, whole and byte by byte: the same records, the same end. */
#include "lq_service/carry/carry.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct tally {
  uint64_t records, sum;
} tally;

static lq_err got(void *context, const lq_carry_record *record) {
  tally *t = context;
  t->records++;
  t->sum = t->sum * 31 + (uint8_t)record->kind + record->number;
  for (size_t i = 0; i < record->body.bytes; i++) t->sum = t->sum * 31 + record->body.data[i];
  for (size_t i = 0; i < record->leaf.bytes; i++) t->sum = t->sum * 31 + record->leaf.data[i];
  LQ_CHECK(record->kind != 'I' || record->sk[0]);
  LQ_CHECK(record->kind != 'S' || record->number > 0);
  return LQ_OK;
}

static lq_err run(const uint8_t *data, size_t size, size_t step, tally *t, lq_carry_counts *c) {
  lq_carry_reader *reader;
  *t = (tally){0};
  LQ_CHECK(lq_carry_reader_open(got, t, &reader) == LQ_OK);
  lq_err err = LQ_OK;
  for (size_t at = 0; at < size && !err; at += step)
    err = lq_carry_read(reader, lq_span_of(data + at, size - at < step ? size - at : step));
  lq_err end = lq_carry_read_end(reader, c);
  LQ_CHECK(!err || end == err); /* an error stays */
  lq_carry_reader_close(reader);
  return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  tally whole, pieces;
  lq_carry_counts a, b;
  lq_err one = run(data, size, size ? size : 1, &whole, &a);
  lq_err two = run(data, size, 1, &pieces, &b);
  LQ_CHECK(one == two && whole.records == pieces.records && whole.sum == pieces.sum);
  LQ_CHECK(memcmp(&a, &b, sizeof a) == 0);
  return 0;
}
