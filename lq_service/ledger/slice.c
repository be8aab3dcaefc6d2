/* Slice records: offsets in docs/journal.md. */
#include "lq_service/ledger/ledger.h"

enum {
  VERSION = 1,
  HEADER_BYTES = 128,
  DIGEST_BYTES = 32,
};
static const char MAGIC[4] = {'L', 'Q', 'S', 'L'};

void lq_slice_begin(lq_slice_builder *builder, void *memory, size_t bytes,
                    const lq_slice_header *header) {
  LQ_CHECK(bytes >= LQ_SLICE_BYTES_MIN && header->tick_first > 0);
  if (bytes > LQ_SLICE_BYTES_MAX) bytes = LQ_SLICE_BYTES_MAX;
  *builder = (lq_slice_builder){.header = *header,
                                .body = lq_writer_of(memory, bytes - DIGEST_BYTES),
                                .last_tick = header->tick_first - 1};
  builder->header.tick_last = header->tick_first - 1;
  memset(lq_write_room(&builder->body, HEADER_BYTES), 0, HEADER_BYTES);
}

bool lq_slice_add(lq_slice_builder *builder, const lq_tick_result *result) {
  lq_slice_header *header = &builder->header;
  LQ_CHECK(result->tick > header->tick_last);
  if (result->tick - header->tick_first >= LQ_SLICE_TICKS_MAX) return false;
  bool input = result->commands.bytes || result->events.bytes;
  if (input || result->mutations.bytes) {
    lq_writer w = builder->body;
    lq_write_varint(&w, result->tick - builder->last_tick);
    lq_write_u64(&w, result->hash);
    lq_write_sized(&w, result->commands.data, result->commands.bytes);
    lq_write_sized(&w, result->events.data, result->events.bytes);
    lq_write_sized(&w, result->mutations.data, result->mutations.bytes);
    if (w.failed) return false;
    builder->body = w;
    builder->last_tick = result->tick;
    builder->tick_count++;
    builder->has_input |= input;
  }
  header->tick_last = result->tick;
  return true;
}

lq_err lq_slice_end(lq_slice_builder *builder, uint64_t hash_after, lq_span *record,
                    uint8_t chain_after[32]) {
  lq_slice_header *header = &builder->header;
  *record = (lq_span){0};
  if (builder->body.failed || header->tick_last < header->tick_first) return LQ_ERR_INVALID;
  header->hash_after = hash_after;
  size_t bytes = builder->body.bytes;
  lq_writer w = lq_writer_of(builder->body.data, HEADER_BYTES);
  lq_write_bytes(&w, MAGIC, sizeof MAGIC);
  lq_write_u16(&w, VERSION);
  lq_write_u16(&w, 0);
  lq_write_u32(&w, (uint32_t)(bytes - HEADER_BYTES));
  lq_write_u32(&w, builder->tick_count);
  lq_write_u64(&w, header->slice);
  lq_write_u64(&w, header->epoch);
  lq_write_u64(&w, header->tick_first);
  lq_write_u64(&w, header->tick_last);
  lq_write_u64(&w, header->hash_before);
  lq_write_u64(&w, header->hash_after);
  lq_write_bytes(&w, header->chain_before, 32);
  lq_write_bytes(&w, header->release, 32);
  LQ_CHECK(!w.failed && w.bytes == HEADER_BYTES);
  lq_sha256 digest = lq_sha256_of(lq_span_of(builder->body.data, bytes));
  memcpy(builder->body.data + bytes, digest.bytes, DIGEST_BYTES); /* the room begin kept free */
  memcpy(chain_after, digest.bytes, DIGEST_BYTES);
  *record = lq_span_of(builder->body.data, bytes + DIGEST_BYTES);
  return LQ_OK;
}

/* The fixed part; the reader stands at the body's length afterwards checked. */
static lq_err read_header(lq_span record, lq_slice_header *out, uint32_t *body_bytes,
                          uint32_t *tick_count) {
  lq_reader in = lq_reader_of(record);
  lq_span magic = lq_read_bytes(&in, sizeof MAGIC);
  if (!magic.data || memcmp(magic.data, MAGIC, sizeof MAGIC) != 0) return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != VERSION) return LQ_ERR_VERSION;
  if (lq_read_u16(&in) != 0) return LQ_ERR_CORRUPT;
  *body_bytes = lq_read_u32(&in);
  *tick_count = lq_read_u32(&in);
  out->slice = lq_read_u64(&in);
  out->epoch = lq_read_u64(&in);
  out->tick_first = lq_read_u64(&in);
  out->tick_last = lq_read_u64(&in);
  out->hash_before = lq_read_u64(&in);
  out->hash_after = lq_read_u64(&in);
  memcpy(out->chain_before, lq_read_bytes(&in, 32).data, 32);
  memcpy(out->release, lq_read_bytes(&in, 32).data, 32);
  return LQ_OK;
}

/* Walks the body once, so that whoever opened a record knows that every tick can be read. */
static bool body_is_whole(const lq_slice_reader *reader, uint32_t tick_count) {
  lq_slice_reader walk = *reader;
  uint32_t count = 0;
  for (lq_slice_tick tick; lq_slice_next(&walk, &tick);) count++;
  return lq_reader_done(&walk.body) && count == tick_count;
}

lq_err lq_slice_open(lq_span record, lq_slice_reader *out) {
  *out = (lq_slice_reader){0};
  if (record.bytes < HEADER_BYTES + DIGEST_BYTES) return LQ_ERR_TRUNCATED;
  if (record.bytes > LQ_SLICE_BYTES_MAX) return LQ_ERR_TOO_BIG;
  uint32_t body_bytes, tick_count;
  lq_slice_reader reader = {0};
  lq_slice_header *header = &reader.header;
  lq_err err = read_header(record, header, &body_bytes, &tick_count);
  if (err) return err;
  size_t covered = record.bytes - DIGEST_BYTES;
  if (body_bytes != covered - HEADER_BYTES) return LQ_ERR_TRUNCATED;
  if (header->slice == 0 || header->tick_first == 0 || header->tick_last < header->tick_first ||
      header->tick_last - header->tick_first >= LQ_SLICE_TICKS_MAX)
    return LQ_ERR_CORRUPT;
  lq_sha256 digest = lq_sha256_of(lq_span_of(record.data, covered));
  if (memcmp(digest.bytes, record.data + covered, DIGEST_BYTES) != 0) return LQ_ERR_CORRUPT;
  memcpy(reader.chain_after, digest.bytes, DIGEST_BYTES);
  reader.body = lq_reader_of(lq_span_of(record.data + HEADER_BYTES, body_bytes));
  reader.last_tick = header->tick_first - 1;
  if (!body_is_whole(&reader, tick_count)) return LQ_ERR_CORRUPT;
  *out = reader;
  return LQ_OK;
}

bool lq_slice_next(lq_slice_reader *reader, lq_slice_tick *out) {
  *out = (lq_slice_tick){0};
  lq_reader *in = &reader->body;
  if (in->failed || in->at == in->bytes) return false;
  uint64_t step = lq_read_varint(in);
  uint64_t hash = lq_read_u64(in);
  lq_slice_tick tick = {.hash = hash};
  tick.commands = lq_read_sized(in);
  tick.events = lq_read_sized(in);
  tick.mutations = lq_read_sized(in);
  bool empty = !tick.commands.bytes && !tick.events.bytes && !tick.mutations.bytes;
  if (step == 0 || step > reader->header.tick_last - reader->last_tick || empty) in->failed = true;
  if (in->failed) return false;
  tick.tick = reader->last_tick += step;
  *out = tick;
  return true;
}
