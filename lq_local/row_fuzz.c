/* Group rows, archive rows and log rows from a damaged data file: as they are, and with a group
 * row's check made right. What opens can be walked, and what the walk names lies side by side, in
 * bounds, to the last byte; written again it gives the bytes that were read. First byte: how many
 * slices the archive's row in the table says it has. */
#include "lq_base/hash.h"
#include "lq_local/store_int.h"

#include <stdlib.h>

enum { HEAD_BYTES = 182, INPUT_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void group(lq_span body) {
  static uint8_t room[INPUT_MAX];
  lqi_group_reader reader;
  lqi_group_item item;
  if (lqi_group_open(body, &reader)) return;
  size_t at = reader.at;
  uint32_t count = 0;
  lq_writer again = lq_writer_of(room, sizeof room);
  while (lqi_group_next(&reader, &item)) {
    LQ_CHECK(item.id >= 0 && item.at == at && item.bytes <= body.bytes - at);
    lq_write_varint(&again, (uint64_t)item.id);
    lq_write_varint(&again, item.slice);
    lq_write_varint(&again, item.bytes);
    lq_store_head_encode(&item.head, &again);
    at += item.bytes;
    count++;
  }
  if (reader.directory.failed) return;
  LQ_CHECK(count == reader.count && at == body.bytes && !again.failed);
  LQ_CHECK(again.bytes == reader.directory.bytes);
  LQ_CHECK(!count || memcmp(room, reader.directory.data, again.bytes) == 0);
}

static void archive(lq_span body, uint64_t count) {
  lqi_archive archive;
  lq_span slice;
  if (lqi_archive_open(7, 6 + count, body, &archive)) return;
  const uint8_t *at = body.data + 12 + 4 * count;
  uint64_t walked = 0;
  while (lqi_archive_next(&archive, &slice)) {
    LQ_CHECK(slice.data == at && slice.bytes <= (size_t)(body.data + body.bytes - at));
    at += slice.bytes;
    walked++;
  }
  LQ_CHECK(walked <= count && (walked == count) == !archive.bodies.failed);
}

/* What opens gives every leaf, and they are the bytes behind the header. */
static void log_row(lq_span body) {
  static uint8_t room[INPUT_MAX];
  lqi_log_reader reader;
  lq_span leaf;
  if (lqi_log_open(body, &reader)) return;
  lq_writer again = lq_writer_of(room, sizeof room);
  uint32_t count = 0;
  for (; lqi_log_next(&reader, &leaf); count++) lq_write_sized(&again, leaf.data, leaf.bytes);
  LQ_CHECK(count == reader.count && lq_reader_done(&reader.leaves) &&
           again.bytes + 12 == body.bytes);
  LQ_CHECK(memcmp(room, body.data + 12, again.bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes == 0 || bytes > INPUT_MAX) return 0;
  lq_span body = lq_span_of(data + 1, bytes - 1);
  archive(body, data[0]);
  group(body);
  log_row(body);
  if (body.bytes < LQI_GROUP_HEADER_BYTES) return 0;
  uint8_t *copy = malloc(body.bytes);
  LQ_CHECK(copy);
  memcpy(copy, body.data, body.bytes);
  /* The HEADs of the directory, too: each is held by a check of its own. A fuzzer finds where they
   * begin by the version and the state in front. */
  for (size_t at = LQI_GROUP_HEADER_BYTES; at + HEAD_BYTES <= body.bytes; at++) {
    if (copy[at] != 1 || copy[at + 1] < 1 || copy[at + 1] > 3) continue;
    lq_writer head = lq_writer_of(copy + at + HEAD_BYTES - 8, 8);
    lq_write_u64(&head, lq_hash_bytes(0x4c51484541440001ull, copy + at, HEAD_BYTES - 8));
    at += HEAD_BYTES - 1;
  }
  lq_writer sum = lq_writer_of(copy + 16, 8);
  lq_write_u64(&sum, lq_hash_bytes(0x4c5147524f555001ull, copy + LQI_GROUP_HEADER_BYTES,
                                   body.bytes - LQI_GROUP_HEADER_BYTES));
  group(lq_span_of(copy, body.bytes));
  free(copy);
  return 0;
}
