/* The stream, read and checked. */
#include "lq_service/audit/entry.h"
#include "lq_service/carry/carry_int.h"

#include <stdlib.h>

typedef struct seen {
  lq_session_name name;
  uint64_t slices; /* HEAD says so many */
  uint64_t next;   /* slice that is due */
} seen;

struct lq_carry_reader {
  lq_err (*got)(void *context, const lq_carry_record *record);
  void *context;
  lq_err err;
  bool ended;
  char tenant[LQ_TENANT_BYTES];
  lq_sha256 digest;
  lq_carry_counts count;
  seen *session;
  uint32_t session_count, session_capacity;
  /* What must be exceeded by the next of its kind. */
  char kind;
  uint8_t blob[32];
  uint32_t checkpoint_session;
  uint64_t checkpoint_tick;
  char sk[LQ_STORE_SK_BYTES];
  /* A head or record that has not come whole. */
  uint8_t *memory;
  size_t bytes, capacity;
};

bool lqi_carry_stays(const char *sk) { return !strncmp(sk, "KEY#", 4) || !strncmp(sk, "AUDIT", 5); }

int lqi_carry_order(const lq_session_name *a, const lq_session_name *b) {
  int games = strcmp(a->game, b->game);
  return games ? games : strcmp(a->session, b->session);
}

lq_err lq_carry_reader_open(lq_err (*got)(void *context, const lq_carry_record *record),
                            void *context, lq_carry_reader **out) {
  *out = calloc(1, sizeof **out);
  if (!*out) return LQ_ERR_MEMORY;
  (*out)->got = got;
  (*out)->context = context;
  return LQ_OK;
}

void lq_carry_reader_close(lq_carry_reader *reader) {
  if (!reader) return;
  free(reader->session);
  free(reader->memory);
  free(reader);
}

const char *lq_carry_tenant(const lq_carry_reader *reader) { return reader->tenant; }

/* ---- fields ---- */

static bool text_read(lq_reader *in, char *out, size_t capacity) {
  lq_span text = lq_read_sized(in);
  return !in->failed && text.bytes && !memchr(text.data, 0, text.bytes) &&
         lq_text_copy(out, capacity, text);
}

static lq_span rest_of(lq_reader *in) { return lq_read_bytes(in, lq_reader_left(in)); }

static bool read_blob(lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  lq_span digest = lq_read_bytes(in, sizeof out->digest);
  if (in->failed) return false;
  memcpy(out->digest, digest.data, sizeof out->digest);
  out->body = rest_of(in);
  bool ascends = !r->count.blobs++ || memcmp(r->blob, out->digest, sizeof r->blob) < 0;
  memcpy(r->blob, out->digest, sizeof r->blob);
  return ascends;
}

static bool session_keep(lq_carry_reader *r, const lq_carry_record *record) {
  if (r->session_count == r->session_capacity) {
    uint32_t capacity = r->session_capacity ? r->session_capacity * 2 : 64;
    seen *grown = realloc(r->session, capacity * sizeof *grown);
    if (!grown) {
      r->err = LQ_ERR_MEMORY;
      return false;
    }
    r->session = grown;
    r->session_capacity = capacity;
  }
  r->session[r->session_count++] = (seen){record->name, record->head.slice, 1};
  return true;
}

static bool read_session(lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  memcpy(out->name.tenant, r->tenant, sizeof out->name.tenant);
  if (!text_read(in, out->name.game, sizeof out->name.game) ||
      !text_read(in, out->name.session, sizeof out->name.session) ||
      !lq_slug_valid(lq_span_text(out->name.game)) ||
      !lq_id_valid(lq_span_text(out->name.session), LQ_ID_BYTES) ||
      lq_store_head_decode(rest_of(in), &out->head))
    return false;
  out->session = r->session_count;
  r->count.sessions++;
  bool ascends =
      !r->session_count || lqi_carry_order(&r->session[r->session_count - 1].name, &out->name) < 0;
  return ascends && session_keep(r, out);
}

/* A leaf is this tenant's; one of a slice stands with that slice and no other. */
static bool leaf_fits(const lq_carry_reader *r, const lq_carry_record *record) {
  lq_audit_entry entry;
  if (record->leaf.bytes > LQ_STORE_LEAF_BYTES_MAX || !record->leaf.bytes) return false;
  if (lq_audit_entry_decode(record->leaf, &entry)) return false;
  if (strcmp(entry.name.tenant, r->tenant) != 0) return false;
  if (record->kind == 'L') return true;
  return entry.kind == LQ_AUDIT_SLICE && entry.slice.slice == record->number &&
         !lqi_carry_order(&entry.name, &record->name);
}

static bool read_leaf(lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  out->leaf = rest_of(in);
  r->count.leaves++;
  return leaf_fits(r, out);
}

static bool session_of(const lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  out->session = lq_read_u32(in);
  out->number = lq_read_u64(in);
  if (in->failed || out->session >= r->session_count) return false;
  out->name = r->session[out->session].name;
  return true;
}

static bool read_slice(lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  if (!session_of(r, in, out)) return false;
  seen *s = &r->session[out->session];
  out->leaf = lq_read_sized(in);
  if (in->failed) return false;
  out->body = rest_of(in);
  r->count.slices++;
  r->count.leaves += out->leaf.bytes > 0;
  return out->number == s->next++ && out->number <= s->slices && out->body.bytes > 0 &&
         out->body.bytes <= LQ_SLICE_BYTES_MAX && (!out->leaf.bytes || leaf_fits(r, out));
}

static bool read_checkpoint(lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  if (!session_of(r, in, out)) return false;
  out->body = rest_of(in);
  bool ascends = !r->count.checkpoints++ || out->session > r->checkpoint_session ||
                 (out->session == r->checkpoint_session && out->number > r->checkpoint_tick);
  r->checkpoint_session = out->session;
  r->checkpoint_tick = out->number;
  return ascends && out->number != UINT64_MAX;
}

static bool read_item(lq_carry_reader *r, lq_reader *in, lq_carry_record *out) {
  if (!text_read(in, out->sk, sizeof out->sk)) return false;
  out->body = rest_of(in);
  if (!out->body.data) out->body = lq_span_of("", 0); /* empty is not absent */
  lq_store_item item = {.value = out->body, .expect = LQ_ITEM_ANY};
  memcpy(item.sk, out->sk, sizeof item.sk);
  lq_store_change change = {.tenant = r->tenant, .items = &item, .item_count = 1};
  bool ascends = !r->count.items++ || strcmp(r->sk, out->sk) < 0;
  memcpy(r->sk, out->sk, sizeof r->sk);
  return ascends && !lqi_carry_stays(out->sk) && lq_store_change_check(&change) == LQ_OK;
}

/* ---- whole records ---- */

static lq_err read_end(lq_carry_reader *r, lq_reader *in) {
  const lq_carry_counts *c = &r->count;
  const uint64_t counts[] = {c->blobs, c->sessions, c->leaves, c->slices, c->checkpoints, c->items};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    if (lq_read_u64(in) != counts[i]) return LQ_ERR_CORRUPT;
  lq_span digest = lq_read_bytes(in, sizeof r->digest.bytes);
  if (!lq_reader_done(in)) return LQ_ERR_SYNTAX;
  if (memcmp(digest.data, r->digest.bytes, sizeof r->digest.bytes) != 0) return LQ_ERR_CORRUPT;
  for (uint32_t i = 0; i < r->session_count; i++)
    if (r->session[i].next != r->session[i].slices + 1) return LQ_ERR_CORRUPT;
  r->ended = true;
  return LQ_OK;
}

/* 0: no kind. Slices and leaves are one stretch. */
static int rank_of(char kind) {
  static const char kinds[] = "BHLSCIE";
  const char *at = kind ? strchr(kinds, kind) : NULL;
  return !at ? 0 : kind == 'S' ? 3 : (int)(at - kinds) + 1;
}

static lq_err record_read(lq_carry_reader *r, lq_span whole) {
  lq_carry_record record = {.kind = (char)whole.data[0]};
  lq_reader in = lq_reader_of(
      lq_span_of(whole.data + LQI_CARRY_RECORD_HEAD, whole.bytes - LQI_CARRY_RECORD_HEAD));
  int rank = rank_of(record.kind);
  if (!rank || rank < rank_of(r->kind)) return LQ_ERR_SYNTAX;
  r->kind = record.kind;
  if (record.kind == 'E') return read_end(r, &in);
  bool good = record.kind == 'B'   ? read_blob(r, &in, &record)
              : record.kind == 'H' ? read_session(r, &in, &record)
              : record.kind == 'L' ? read_leaf(r, &in, &record)
              : record.kind == 'S' ? read_slice(r, &in, &record)
              : record.kind == 'C' ? read_checkpoint(r, &in, &record)
                                   : read_item(r, &in, &record);
  if (!good || in.failed) return r->err ? r->err : LQ_ERR_SYNTAX;
  r->digest = lq_sha256_of2(lq_span_of(r->digest.bytes, sizeof r->digest.bytes), whole);
  return r->got ? r->got(r->context, &record) : LQ_OK;
}

static lq_err head_read(lq_carry_reader *r, lq_span whole) {
  lq_reader in = lq_reader_of(whole);
  lq_span magic = lq_read_bytes(&in, 8);
  if (!magic.data || memcmp(magic.data, LQI_CARRY_MAGIC, 8) != 0) return LQ_ERR_SYNTAX;
  if (lq_read_u16(&in) != LQI_CARRY_VERSION) return LQ_ERR_VERSION;
  if (lq_read_u16(&in) != 0 || !text_read(&in, r->tenant, sizeof r->tenant) ||
      !lq_slug_valid(lq_span_text(r->tenant)) || !lq_reader_done(&in)) {
    r->tenant[0] = 0;
    return LQ_ERR_SYNTAX;
  }
  static const uint8_t zero[32];
  r->digest = lq_sha256_of2(lq_span_of(zero, sizeof zero), whole);
  return LQ_OK;
}

/* How long what stands first in the memory is; 0: not known yet. */
static size_t first_bytes(const lq_carry_reader *r) {
  const uint8_t *m = r->memory;
  if (!r->tenant[0]) return r->bytes > 12 ? 13u + m[12] : 0;
  if (r->bytes < LQI_CARRY_RECORD_HEAD) return 0;
  lq_reader in = lq_reader_of(lq_span_of(m + 1, 4));
  return LQI_CARRY_RECORD_HEAD + (size_t)lq_read_u32(&in);
}

static lq_err reserve(lq_carry_reader *r, size_t bytes) {
  if (bytes <= r->capacity) return LQ_OK;
  size_t capacity = r->capacity ? r->capacity : 4096;
  while (capacity < bytes) capacity *= 2;
  uint8_t *grown = realloc(r->memory, capacity);
  if (!grown) return LQ_ERR_MEMORY;
  r->memory = grown;
  r->capacity = capacity;
  return LQ_OK;
}

/* Takes as much of `in` as the first record still needs; false: it has not come whole. */
static bool fill(lq_carry_reader *r, lq_span *in) {
  for (;;) {
    size_t whole = first_bytes(r), small = r->tenant[0] ? LQI_CARRY_RECORD_HEAD : 13;
    size_t want = whole ? whole : small;
    if (whole > LQI_CARRY_RECORD_HEAD + (size_t)LQ_CARRY_RECORD_BYTES_MAX) r->err = LQ_ERR_TOO_BIG;
    if (r->err) return false;
    if (whole && r->bytes == whole) return true;
    size_t some = want - r->bytes < in->bytes ? want - r->bytes : in->bytes;
    /* Memory for what came, not for what a length promises. */
    if (!some || (r->err = reserve(r, r->bytes + some))) return false;
    memcpy(r->memory + r->bytes, in->data, some);
    r->bytes += some;
    *in = lq_span_of(in->data + some, in->bytes - some);
  }
}

lq_err lq_carry_read(lq_carry_reader *r, lq_span bytes) {
  while (!r->err && bytes.bytes) {
    if (r->ended) r->err = LQ_ERR_SYNTAX;
    if (r->err || !fill(r, &bytes)) break;
    lq_span whole = lq_span_of(r->memory, r->bytes);
    r->err = r->tenant[0] ? record_read(r, whole) : head_read(r, whole);
    r->bytes = 0;
  }
  return r->err;
}

lq_err lq_carry_read_end(lq_carry_reader *r, lq_carry_counts *counts) {
  *counts = r->count;
  if (r->err) return r->err;
  return r->ended ? LQ_OK : LQ_ERR_TRUNCATED;
}
