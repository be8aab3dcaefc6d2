/* Save and load. All integers little-endian; offsets in bytes.
 *
 *   0  u32 magic "LQWD"          32  u64 state hash
 *   4  u32 LQ_ABI_VERSION        40  u32 component types
 *   8  u64 schema hash           44  u32 zero
 *  16  u32 rows ever taken       48  u64 bytes of the body
 *  20  u32 live entities         56  u64 checksum of the body and of the 56 bytes before
 *  24  u64 last n of "e<n>"      64  the body:
 *
 *   live bits: a u64 per 64 rows; of the live entities, ascending, u32 generation, u16 owner, u16
 *   zero each, then their ids, 32 bytes each; the free rows' generations, u32 each, ascending; then
 *   per component type: has bits, and the rows held.
 *
 * Rows side by side are one copy. The checksum runs over 64-byte blocks in four lanes right after
 * each piece was copied, while it is in the cache. The state hash is taken from the save: the
 * checksum guards it, lq_world_hash_full proves it. */
#include "lq_base/hash.h"
#include "lq_engine/ecs/ecs_int.h"

enum { MAGIC = 0x4457514c, HEADER_BYTES = 64, CHECKED_BYTES = 56, PIECE_BYTES = 32768 };

/* ---- checksum ---- */

typedef struct checksum {
  const uint8_t *body;
  size_t done; /* multiple of 64 */
  uint64_t lane[4];
} checksum;

static uint64_t load64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

/* No lane starts at 0: a product with 0 would hide the other factor, and zero words are common. */
static checksum checksum_of(const uint8_t *body) {
  return (checksum){body, 0, {LQ_HASH_K0, LQ_HASH_K1, LQ_HASH_K2, ~LQ_HASH_K0}};
}

/* Takes in whole blocks up to `bytes` of the body. */
static void checksum_advance(checksum *sum, size_t bytes) {
  uint64_t a = sum->lane[0], b = sum->lane[1], c = sum->lane[2], d = sum->lane[3];
  for (; sum->done + 64 <= bytes; sum->done += 64) {
    const uint8_t *p = sum->body + sum->done;
    a = lq_hash_fold(load64(p) ^ LQ_HASH_K0, load64(p + 8) ^ a);
    b = lq_hash_fold(load64(p + 16) ^ LQ_HASH_K1, load64(p + 24) ^ b);
    c = lq_hash_fold(load64(p + 32) ^ LQ_HASH_K2, load64(p + 40) ^ c);
    d = lq_hash_fold(load64(p + 48) ^ LQ_HASH_K0, load64(p + 56) ^ d);
  }
  sum->lane[0] = a, sum->lane[1] = b, sum->lane[2] = c, sum->lane[3] = d;
}

static uint64_t checksum_end(checksum *sum, size_t bytes, const uint8_t *header) {
  checksum_advance(sum, bytes);
  uint64_t h = lq_hash_bytes(0, header, CHECKED_BYTES);
  for (uint32_t i = 0; i < 4; i++) h = lq_hash_mix(h, sum->lane[i]);
  return lq_hash_bytes(h, sum->body + sum->done, bytes - sum->done);
}

uint64_t lqi_save_checksum(const uint8_t *saved, size_t bytes) {
  LQ_CHECK(bytes >= HEADER_BYTES);
  checksum sum = checksum_of(saved + HEADER_BYTES);
  return checksum_end(&sum, bytes - HEADER_BYTES, saved);
}

/* ---- runs of set bits ---- */

/* The next maximal run of set bits from *from on; false at the end. */
static bool next_run(const uint64_t *bits, uint32_t words, uint32_t *from, uint32_t *first,
                     uint32_t *count) {
  uint32_t word = *from >> 6;
  if (word >= words) return false;
  uint64_t set = bits[word] & (UINT64_MAX << (*from & 63));
  while (!set) {
    if (++word >= words) return false;
    set = bits[word];
  }
  *first = word * 64 + lqi_lowest(set);
  uint64_t gaps = ~(set | ((set & (0 - set)) - 1));
  while (!gaps && ++word < words) gaps = ~bits[word];
  *from = gaps ? word * 64 + lqi_lowest(gaps) : words * 64;
  *count = *from - *first;
  return true;
}

static uint64_t count_bits(const uint64_t *bits, uint32_t words) {
  uint64_t count = 0;
  for (uint32_t i = 0; i < words; i++) count += lqi_popcount(bits[i]);
  return count;
}

/* ---- save ---- */

/* Rows that carry state: live, or free with a generation. Not rows_used: a rollback leaves that
 * high. Rows are taken from the lowest up, so the first untouched one ends them. */
static uint32_t rows_saved(const lq_world *w) {
  uint32_t rows = w->rows_used;
  while (rows && lqi_entities(w)[rows - 1].generation == 0) rows--;
  return rows;
}

static size_t body_bytes(const lq_world *w, uint32_t rows) {
  uint32_t words = lqi_words(rows);
  size_t bytes = (size_t)words * 8 * (1 + w->schema->component_count);
  bytes +=
      w->live_count * (sizeof(lqi_entity) + sizeof(lqi_id)) + (size_t)(rows - w->live_count) * 4;
  for (uint32_t t = 0; t < w->schema->component_count; t++)
    if (w->column[t].row_bytes)
      bytes += count_bits(w->column[t].has, words) * w->column[t].row_bytes;
  return bytes;
}

size_t lq_world_save_bytes(const lq_world *world) {
  return HEADER_BYTES + body_bytes(world, rows_saved(world));
}

typedef struct saver {
  uint8_t *at;
  checksum sum;
} saver;

static void put(saver *s, const void *data, size_t bytes) {
  const uint8_t *from = data;
  while (bytes) {
    size_t piece = bytes < PIECE_BYTES ? bytes : PIECE_BYTES;
    memcpy(s->at, from, piece);
    s->at += piece;
    from += piece;
    bytes -= piece;
    checksum_advance(&s->sum, (size_t)(s->at - s->sum.body));
  }
}

static void put_held(saver *s, const lqi_column *c, uint32_t words) {
  put(s, c->has, (size_t)words * 8);
  if (c->row_bytes == 0) return;
  for (uint32_t from = 0, first, count; next_run(c->has, words, &from, &first, &count);)
    put(s, lqi_row(c, first), (size_t)count * c->row_bytes);
}

static void put_header(const lq_world *w, uint8_t *header, uint32_t rows, size_t bytes) {
  lq_writer out = lq_writer_of(header, HEADER_BYTES);
  lq_write_u32(&out, MAGIC);
  lq_write_u32(&out, LQ_ABI_VERSION);
  lq_write_u64(&out, w->schema->hash);
  lq_write_u32(&out, rows);
  lq_write_u32(&out, w->live_count);
  lq_write_u64(&out, w->auto_id);
  lq_write_u64(&out, w->hash);
  lq_write_u32(&out, w->schema->component_count);
  lq_write_u32(&out, 0);
  lq_write_u64(&out, bytes);
}

lq_err lq_world_save(const lq_world *world, lq_writer *out) {
  LQ_CHECK(!world->unsettled && world->queue_bytes == 0);
  uint32_t rows = rows_saved(world), words = lqi_words(rows);
  size_t bytes = body_bytes(world, rows);
  uint8_t *header = lq_write_room(out, HEADER_BYTES + bytes);
  if (!header) return LQ_ERR_TOO_BIG;
  put_header(world, header, rows, bytes);
  saver s = {header + HEADER_BYTES, checksum_of(header + HEADER_BYTES)};
  put_held(&s, &world->entity, words);
  for (uint32_t from = 0, first, count; next_run(world->entity.has, words, &from, &first, &count);)
    put(&s, &world->id[first], (size_t)count * sizeof(lqi_id));
  for (uint32_t row = 0; row < rows; row++) {
    if (world->entity.has[row >> 6] == UINT64_MAX) {
      row |= 63;
      continue;
    }
    if (!lqi_test(world->entity.has, row)) put(&s, &lqi_entities(world)[row].generation, 4);
  }
  for (uint32_t t = 0; t < world->schema->component_count; t++)
    put_held(&s, &world->column[t], words);
  LQ_CHECK(s.at == header + HEADER_BYTES + bytes);
  lq_writer last = lq_writer_of(header + CHECKED_BYTES, 8);
  lq_write_u64(&last, checksum_end(&s.sum, bytes, header));
  return LQ_OK;
}

/* ---- load ---- */

typedef struct loader {
  lq_reader in; /* the body */
  checksum sum;
  uint32_t rows, live_count;
  uint64_t checked; /* the checksum that must come out */
} loader;

static bool get(loader *l, void *to, size_t bytes) {
  lq_span s = lq_read_bytes(&l->in, bytes);
  if (l->in.failed) return false;
  if (bytes) memcpy(to, s.data, bytes);
  checksum_advance(&l->sum, l->in.at);
  return true;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load16(const char *p) {
  bytes16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

/* All ones in each byte that may stand in an id's array: A-Z a-z 0-9 . : - _ and zero. */
static inline bytes16 may_stand(bytes16 c) {
  bytes16 letter = (bytes16)(((c | 0x20) - 'a') < 26);
  bytes16 other = (bytes16)((c - '-') <= ':' - '-') & (bytes16)(c != '/');
  return letter | other | (bytes16)(c == '_') | (bytes16)(c == 0);
}

/* lq_id_valid, and zeroes behind the text, of all of them: no byte that may not stand, no text
 * behind a zero. All bytes side by side and no branch: a million ids in a few milliseconds. */
static bool ids_are_canonical(const lqi_id *id, uint32_t count) {
  bytes16 bad = {0};
  uint32_t ends = 0;
  for (uint32_t i = 0; i < count; i++) {
    const char *text = id[i].text;
    bytes16 low = load16(text), high = load16(text + 16);
    bad |= ~may_stand(low) | ~may_stand(high);
    bad |= (bytes16)(low == 0) & load16(text + 1);
    bad |= (bytes16)(load16(text + 15) == 0) & high;
    ends |= (uint32_t)(text[0] == 0) | (uint8_t)text[LQ_ID_BYTES - 1];
  }
  uint64_t word[2];
  memcpy(word, &bad, sizeof word);
  return (word[0] | word[1] | ends) == 0;
}

static lq_err check_rows(const lq_world *w, const lqi_column *c, uint32_t first, uint32_t count) {
  bool good = true;
  if (c != &w->entity)
    return lqi_record_settle(&w->schema->component[c->index].record, lqi_row(c, first), count)
               ? LQ_OK
               : LQ_ERR_CORRUPT;
  const lqi_entity *entity = lqi_entities(w) + first;
  for (uint32_t i = 0; i < count; i++) good &= entity[i].generation != 0 && entity[i].zero == 0;
  return good ? LQ_OK : LQ_ERR_CORRUPT;
}

/* A run of rows, piece by piece, each checked while it is in the cache. */
static lq_err load_run(lq_world *w, const lqi_column *c, loader *l, uint32_t first,
                       uint32_t count) {
  uint32_t rows_max = PIECE_BYTES / c->row_bytes;
  for (uint32_t end = first + count; first < end;) {
    uint32_t rows = end - first < rows_max ? end - first : rows_max;
    if (!get(l, lqi_row(c, first), (size_t)rows * c->row_bytes)) return LQ_ERR_CORRUPT;
    lq_err err = check_rows(w, c, first, rows);
    if (err) return err;
    first += rows;
  }
  return LQ_OK;
}

static lq_err load_rows(lq_world *w, const lqi_column *c, loader *l) {
  if (c->row_bytes == 0) return LQ_OK;
  uint32_t words = lqi_words(l->rows);
  for (uint32_t from = 0, first, count; next_run(c->has, words, &from, &first, &count);) {
    lq_err err = load_run(w, c, l, first, count);
    if (err) return err;
  }
  return LQ_OK;
}

static lq_err load_ids(lq_world *w, loader *l) {
  enum { IDS_MAX = PIECE_BYTES / sizeof(lqi_id) };
  uint32_t words = lqi_words(l->rows);
  for (uint32_t from = 0, first, count; next_run(w->entity.has, words, &from, &first, &count);)
    for (uint32_t row = first; row < first + count; row += IDS_MAX) {
      uint32_t ids = first + count - row < IDS_MAX ? first + count - row : IDS_MAX;
      if (!get(l, &w->id[row], ids * sizeof(lqi_id))) return LQ_ERR_CORRUPT;
      if (!ids_are_canonical(&w->id[row], ids)) return LQ_ERR_CORRUPT;
      if (!lqi_index_build(w, row, ids)) return LQ_ERR_CORRUPT;
    }
  return LQ_OK;
}

static lq_err load_entities(lq_world *w, loader *l) {
  lqi_column *c = &w->entity;
  uint32_t words = lqi_words(l->rows);
  if (!get(l, c->has, (size_t)words * 8)) return LQ_ERR_CORRUPT;
  if ((l->rows & 63) && (c->has[words - 1] >> (l->rows & 63))) return LQ_ERR_CORRUPT;
  if (count_bits(c->has, words) != l->live_count) return LQ_ERR_CORRUPT;
  lq_err err = load_rows(w, c, l);
  if (!err) err = load_ids(w, l);
  if (err) return err;
  for (uint32_t row = 0; row < l->rows; row++) {
    if (c->has[row >> 6] == UINT64_MAX) {
      row |= 63;
      continue;
    }
    if (lqi_test(c->has, row)) continue;
    uint32_t *generation = &lqi_entities(w)[row].generation;
    if (!get(l, generation, 4) || *generation == 0) return LQ_ERR_CORRUPT;
  }
  for (uint32_t word = 0; word < words; word++) {
    w->taken[word] = c->has[word];
    if (!~c->has[word]) w->full[word >> 6] |= lqi_bit(word);
  }
  return LQ_OK;
}

static lq_err load_type(lq_world *w, lqi_column *c, loader *l) {
  uint32_t words = lqi_words(l->rows);
  if (!get(l, c->has, (size_t)words * 8)) return LQ_ERR_CORRUPT;
  for (uint32_t word = 0; word < words; word++)
    if (c->has[word] & ~w->entity.has[word]) return LQ_ERR_CORRUPT;
  return load_rows(w, c, l);
}

static lq_err load_header(lq_world *w, lq_span saved, loader *l) {
  lq_reader in = lq_reader_of(saved);
  if (saved.bytes < HEADER_BYTES) return LQ_ERR_TRUNCATED;
  if (lq_read_u32(&in) != MAGIC) return LQ_ERR_CORRUPT;
  if (lq_read_u32(&in) != LQ_ABI_VERSION) return LQ_ERR_VERSION;
  if (lq_read_u64(&in) != w->schema->hash) return LQ_ERR_VERSION;
  l->rows = lq_read_u32(&in);
  l->live_count = lq_read_u32(&in);
  w->auto_id = w->auto_id_begin = lq_read_u64(&in);
  w->hash = w->hash_begin = lq_read_u64(&in);
  uint32_t types = lq_read_u32(&in), zero = lq_read_u32(&in);
  uint64_t bytes = lq_read_u64(&in);
  l->checked = lq_read_u64(&in);
  if (types != w->schema->component_count || zero) return LQ_ERR_CORRUPT;
  if (bytes > lq_reader_left(&in)) return LQ_ERR_TRUNCATED;
  if (bytes < lq_reader_left(&in)) return LQ_ERR_CORRUPT;
  if (l->live_count > l->rows) return LQ_ERR_CORRUPT;
  if (l->rows > w->capacity) return LQ_ERR_FULL;
  const uint8_t *body = saved.data + HEADER_BYTES;
  l->in = lq_reader_of(lq_span_of(body, (size_t)bytes));
  l->sum = checksum_of(body);
  return LQ_OK;
}

lq_err lq_world_load(lq_world *world, lq_span saved) {
  LQ_CHECK(world->rows_used == 0 && !world->unsettled && world->queue_bytes == 0);
  loader l;
  lq_err err = load_header(world, saved, &l);
  if (err) return err;
  world->rows_used = l.rows;
  world->live_count = world->live_count_begin = l.live_count;
  err = load_entities(world, &l);
  for (uint32_t t = 0; !err && t < world->schema->component_count; t++)
    err = load_type(world, &world->column[t], &l);
  if (err) return err;
  if (!lq_reader_done(&l.in)) return LQ_ERR_CORRUPT;
  return checksum_end(&l.sum, l.in.bytes, saved.data) == l.checked ? LQ_OK : LQ_ERR_CORRUPT;
}
