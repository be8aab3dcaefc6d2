/* The bytes of group rows and archive rows: offsets in docs/journal.md. */
#include "lq_base/hash.h"
#include "lq_local/store_int.h"

enum { GROUP_VERSION = 1, ARCHIVE_VERSION = 1, ARCHIVE_HEADER_BYTES = 12, CHECKED_FROM = 24 };
static const char GROUP_MAGIC[4] = {'L', 'Q', 'G', 'R'};
static const char ARCHIVE_MAGIC[4] = {'L', 'Q', 'A', 'R'};
#define GROUP_HASH_SEED 0x4c5147524f555001ull /* "LQGROUP", version 1 */

/* Directory entries and their room: id, slice and length as varints, then HEAD. */
static bool directory_build(lqi_store *store, uint32_t *count, size_t *bodies_bytes) {
  size_t bound = (size_t)store->pending_count * (30 + LQI_HEAD_BYTES_MAX);
  *count = 0;
  *bodies_bytes = 0;
  if (!lqi_bytes_reserve(&store->directory, bound)) return false;
  lq_writer w = lq_writer_of(store->directory.data, store->directory.capacity);
  for (uint32_t i = 0; i < store->pending_count; i++) {
    lqi_pending *p = &store->pending[i];
    if (p->entry->gather) continue;
    lq_write_varint(&w, (uint64_t)p->entry->id);
    lq_write_varint(&w, p->slice->slice);
    lq_write_varint(&w, p->slice->body.bytes);
    lq_store_head_encode(&p->head, &w);
    ++*count;
    *bodies_bytes += p->slice->body.bytes;
  }
  store->directory.bytes = w.bytes;
  return !w.failed;
}

bool lqi_group_build(lqi_store *store) {
  uint32_t count;
  size_t bodies_bytes;
  store->group.bytes = 0;
  if (!directory_build(store, &count, &bodies_bytes)) return false;
  if (count == 0) return true;
  size_t at = LQI_GROUP_HEADER_BYTES + store->directory.bytes, total = at + bodies_bytes;
  if (total > INT32_MAX || !lqi_bytes_reserve(&store->group, total)) return false;
  lq_writer w = lq_writer_of(store->group.data, total);
  lq_write_bytes(&w, GROUP_MAGIC, sizeof GROUP_MAGIC);
  lq_write_u16(&w, GROUP_VERSION);
  lq_write_u16(&w, 0);
  lq_write_u32(&w, count);
  lq_write_u32(&w, (uint32_t)store->directory.bytes);
  lq_write_u64(&w, 0);
  lq_write_bytes(&w, store->directory.data, store->directory.bytes);
  for (uint32_t i = 0; i < store->pending_count; i++) {
    lqi_pending *p = &store->pending[i];
    if (p->entry->gather) continue;
    p->at = (uint32_t)w.bytes;
    lq_write_span(&w, p->slice->body);
  }
  LQ_CHECK(!w.failed && w.bytes == total);
  store->group.bytes = total;
  lq_writer sum = lq_writer_of(store->group.data + 16, 8);
  lq_write_u64(
      &sum, lq_hash_bytes(GROUP_HASH_SEED, store->group.data + CHECKED_FROM, total - CHECKED_FROM));
  return true;
}

lq_err lqi_group_open(lq_span body, lqi_group_reader *out) {
  *out = (lqi_group_reader){0};
  lq_reader in = lq_reader_of(body);
  lq_span magic = lq_read_bytes(&in, sizeof GROUP_MAGIC);
  if (!magic.data || memcmp(magic.data, GROUP_MAGIC, sizeof GROUP_MAGIC) != 0)
    return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != GROUP_VERSION) return LQ_ERR_VERSION;
  uint16_t zero = lq_read_u16(&in);
  out->count = lq_read_u32(&in);
  uint32_t directory_bytes = lq_read_u32(&in);
  uint64_t sum = lq_read_u64(&in);
  lq_span directory = lq_read_bytes(&in, directory_bytes);
  if (in.failed || zero || out->count > directory_bytes) return LQ_ERR_CORRUPT;
  if (lq_hash_bytes(GROUP_HASH_SEED, body.data + CHECKED_FROM, body.bytes - CHECKED_FROM) != sum)
    return LQ_ERR_CORRUPT;
  out->directory = lq_reader_of(directory);
  out->at = in.at;
  out->bytes = body.bytes;
  return LQ_OK;
}

bool lqi_group_next(lqi_group_reader *reader, lqi_group_item *out) {
  lq_reader *in = &reader->directory;
  *out = (lqi_group_item){0};
  if (reader->index == reader->count) {
    if (in->at != in->bytes || reader->at != reader->bytes) in->failed = true;
    return false;
  }
  uint64_t id = lq_read_varint(in), slice = lq_read_varint(in), bytes = lq_read_varint(in);
  uint8_t probe[LQI_HEAD_BYTES_MAX];
  lq_writer size = lq_writer_of(probe, sizeof probe);
  lq_store_head_encode(&out->head, &size); /* HEAD's fixed size */
  lq_span head = lq_read_bytes(in, size.bytes);
  if (in->failed || bytes > reader->bytes - reader->at || id > INT64_MAX ||
      lq_store_head_decode(head, &out->head)) {
    in->failed = true;
    return false;
  }
  out->id = (int64_t)id;
  out->slice = slice;
  out->at = (uint32_t)reader->at;
  out->bytes = (uint32_t)bytes;
  reader->at += bytes;
  reader->index++;
  return true;
}

lq_err lqi_archive_open(uint64_t first, uint64_t last, lq_span body, lqi_archive *out) {
  *out = (lqi_archive){.first = first, .last = last};
  lq_reader in = lq_reader_of(body);
  lq_span magic = lq_read_bytes(&in, sizeof ARCHIVE_MAGIC);
  if (!magic.data || memcmp(magic.data, ARCHIVE_MAGIC, sizeof ARCHIVE_MAGIC) != 0)
    return LQ_ERR_CORRUPT;
  if (lq_read_u16(&in) != ARCHIVE_VERSION) return LQ_ERR_VERSION;
  uint16_t zero = lq_read_u16(&in);
  uint32_t count = lq_read_u32(&in);
  if (in.failed || zero || first == 0 || last < first || last - first + 1 != count ||
      count > lq_reader_left(&in) / 4)
    return LQ_ERR_CORRUPT;
  out->lengths = lq_reader_of(lq_read_bytes(&in, (size_t)count * 4));
  out->bodies = lq_reader_of(lq_read_bytes(&in, lq_reader_left(&in)));
  return LQ_OK;
}

bool lqi_archive_next(lqi_archive *archive, lq_span *body) {
  *body = (lq_span){0};
  if (lq_reader_done(&archive->lengths)) return false;
  *body = lq_read_bytes(&archive->bodies, lq_read_u32(&archive->lengths));
  return !archive->bodies.failed;
}
