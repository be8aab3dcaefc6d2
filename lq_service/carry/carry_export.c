/* The stream, written from a tenant's store. */
#include "lq_service/audit/entry.h"
#include "lq_service/carry/carry_int.h"

#include <stdlib.h>

enum { PAGE = 256 };

typedef struct session {
  lq_session_name name;
  lq_store_head head;
  uint64_t next; /* slice */
} session;

typedef struct page {
  uint32_t count;
  uint16_t bytes[PAGE];
  uint8_t leaf[PAGE][LQ_STORE_LEAF_BYTES_MAX];
} page;

typedef struct exporting {
  lq_store *store;
  const char *tenant;
  const lq_carry_out *out;
  lq_diag *diag;
  lq_err err;
  lq_sha256 digest;
  lq_carry_counts count;
  session *session;
  uint32_t session_count, session_capacity;
  uint8_t (*blob)[32]; /* ascending */
  uint32_t blob_count, blob_capacity;
  uint64_t leaf_goal;
  page *page;
  /* What the last read said. */
  uint32_t came;
  char after[LQ_STORE_SK_BYTES];
  uint32_t at; /* the session that is read */
  uint64_t number;
  lq_span leaf;
} exporting;

static void fail(exporting *e, lq_err err, const char *what) {
  if (!e->err) e->err = lq_diag_set(e->diag, err, "%s: %s", what, lq_err_cause(err));
}

/* ---- bytes ---- */

static void put(exporting *e, lq_span bytes) {
  if (!e->err && bytes.bytes) e->err = e->out->take(e->out->context, bytes);
}

/* A record in two parts: fields of ours, and what is borrowed from the store. */
static void record_put(exporting *e, char kind, lq_span fields, lq_span body) {
  uint8_t head[LQI_CARRY_RECORD_HEAD];
  lq_writer w = lq_writer_of(head, sizeof head);
  size_t bytes = fields.bytes + body.bytes;
  if (bytes > LQ_CARRY_RECORD_BYTES_MAX) fail(e, LQ_ERR_TOO_BIG, "a record of the export");
  if (e->err) return;
  lq_write_u8(&w, (uint8_t)kind);
  lq_write_u32(&w, (uint32_t)bytes);
  /* The digest is over the whole: in one piece. */
  uint8_t *whole = malloc(sizeof e->digest.bytes + sizeof head + bytes + 1);
  if (!whole) {
    fail(e, LQ_ERR_MEMORY, "a record of the export");
    return;
  }
  uint8_t *at = whole;
  memcpy(at, head, sizeof head);
  at += sizeof head;
  if (fields.bytes) memcpy(at, fields.data, fields.bytes);
  at += fields.bytes;
  if (body.bytes) memcpy(at, body.data, body.bytes);
  lq_span text = lq_span_of(whole, sizeof head + bytes);
  if (kind != 'E')
    e->digest = lq_sha256_of2(lq_span_of(e->digest.bytes, sizeof e->digest.bytes), text);
  put(e, text);
  free(whole);
}

static void head_put(exporting *e) {
  static const uint8_t zero[32];
  uint8_t memory[LQI_CARRY_HEAD_BYTES];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_write_bytes(&w, LQI_CARRY_MAGIC, 8);
  lq_write_u16(&w, LQI_CARRY_VERSION);
  lq_write_u16(&w, 0);
  lq_write_sized(&w, e->tenant, strlen(e->tenant));
  LQ_CHECK(!w.failed);
  e->digest = lq_sha256_of2(lq_span_of(zero, sizeof zero), lq_writer_span(&w));
  put(e, lq_writer_span(&w));
}

static void end_put(exporting *e) {
  uint8_t memory[LQI_CARRY_END_BYTES];
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_write_u64(&w, e->count.blobs);
  lq_write_u64(&w, e->count.sessions);
  lq_write_u64(&w, e->count.leaves);
  lq_write_u64(&w, e->count.slices);
  lq_write_u64(&w, e->count.checkpoints);
  lq_write_u64(&w, e->count.items);
  lq_write_bytes(&w, e->digest.bytes, sizeof e->digest.bytes);
  record_put(e, 'E', lq_writer_span(&w), (lq_span){0});
}

/* ---- which sessions: each has a wrapped key, made before it ---- */

static void key_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  exporting *e = context;
  (void)version;
  (void)value;
  if (err) {
    if (err != LQ_ERR_NOT_FOUND) fail(e, err, "the list of sessions");
    return;
  }
  e->came++;
  (void)lq_text_copy(e->after, sizeof e->after, lq_span_text(sk));
  if (e->session_count == e->session_capacity) {
    uint32_t capacity = e->session_capacity ? e->session_capacity * 2 : 64;
    session *grown = realloc(e->session, capacity * sizeof *grown);
    if (!grown) {
      fail(e, LQ_ERR_MEMORY, "the list of sessions");
      return;
    }
    e->session = grown;
    e->session_capacity = capacity;
  }
  const char *game = sk + strlen("KEY#S#"), *hash = strchr(game, '#');
  session *s = &e->session[e->session_count];
  *s = (session){.next = 1};
  (void)lq_text_copy(s->name.tenant, sizeof s->name.tenant, lq_span_text(e->tenant));
  if (hash &&
      lq_text_copy(s->name.game, sizeof s->name.game, lq_span_of(game, (size_t)(hash - game))) &&
      lq_text_copy(s->name.session, sizeof s->name.session, lq_span_text(hash + 1)))
    e->session_count++;
  else
    fail(e, LQ_ERR_CORRUPT, "a session's key");
}

static void head_came(void *context, lq_err err, const lq_store_head *head) {
  exporting *e = context;
  e->came = err == LQ_OK;
  if (err == LQ_OK)
    e->session[e->at].head = *head;
  else if (err != LQ_ERR_NOT_FOUND)
    fail(e, err, "a session's HEAD");
}

static int by_name(const void *a, const void *b) {
  const session *x = a, *y = b;
  return lqi_carry_order(&x->name, &y->name);
}

static void sessions_find(exporting *e) {
  do {
    e->came = 0;
    e->store->items(e->store, e->tenant, "KEY#S#", e->after[0] ? e->after : NULL, PAGE, key_came,
                    e);
  } while (!e->err && e->came == PAGE);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < e->session_count && !e->err; i++) {
    e->at = kept; /* a key without a session: a crash came between */
    e->session[kept] = e->session[i];
    lq_session_name name = e->session[i].name;
    e->store->head(e->store, &name, head_came, e);
    kept += e->came;
  }
  e->session_count = kept;
  if (kept) qsort(e->session, kept, sizeof *e->session, by_name);
}

static session *session_named(exporting *e, const lq_session_name *name) {
  session key = {.name = *name};
  uint32_t low = 0, high = e->session_count;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (by_name(&e->session[middle], &key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  bool found = low < e->session_count && !by_name(&e->session[low], &key);
  return found ? &e->session[low] : NULL;
}

/* ---- which releases: those that a HEAD or a slice's leaf names ---- */

static void blob_add(exporting *e, const uint8_t digest[32]) {
  static const uint8_t none[32];
  uint32_t low = 0, high = e->blob_count;
  if (e->err || !memcmp(digest, none, sizeof none)) return;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (memcmp(e->blob[middle], digest, 32) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < e->blob_count && !memcmp(e->blob[low], digest, 32)) return;
  if (e->blob_count == e->blob_capacity) {
    uint32_t capacity = e->blob_capacity ? e->blob_capacity * 2 : 16;
    void *grown = realloc(e->blob, capacity * sizeof *e->blob);
    if (!grown) {
      fail(e, LQ_ERR_MEMORY, "the list of releases");
      return;
    }
    e->blob = grown;
    e->blob_capacity = capacity;
  }
  memmove(e->blob[low + 1], e->blob[low], (e->blob_count - low) * sizeof *e->blob);
  memcpy(e->blob[low], digest, 32);
  e->blob_count++;
}

static void leaf_seen(void *context, lq_err err, uint64_t index, lq_span leaf) {
  exporting *e = context;
  lq_audit_entry entry;
  if (err == LQ_ERR_NOT_FOUND)
    e->leaf_goal = index;
  else if (err)
    fail(e, err, "the log");
  else if (!lq_audit_entry_decode(leaf, &entry) && entry.kind == LQ_AUDIT_SLICE)
    blob_add(e, entry.slice.release);
}

static void blob_came(void *context, lq_err err, const char *sk, lq_span body) {
  exporting *e = context;
  (void)sk;
  if (err)
    fail(e, err == LQ_ERR_NOT_FOUND ? LQ_ERR_CORRUPT : err, "a release that a session ran");
  else
    record_put(e, 'B', lq_span_of(e->blob[e->count.blobs], 32), body);
}

static void blobs_put(exporting *e) {
  for (uint32_t i = 0; i < e->session_count; i++) {
    blob_add(e, e->session[i].head.first_release);
    blob_add(e, e->session[i].head.release);
  }
  e->store->log(e->store, e->tenant, 0, 0, leaf_seen, e);
  for (; e->count.blobs < e->blob_count && !e->err; e->count.blobs++)
    e->store->blob_get(e->store, e->tenant, e->blob[e->count.blobs], blob_came, e);
}

static void sessions_put(exporting *e) {
  for (; e->count.sessions < e->session_count && !e->err; e->count.sessions++) {
    uint8_t memory[512];
    const session *s = &e->session[e->count.sessions];
    lq_writer w = lq_writer_of(memory, sizeof memory);
    lq_write_sized(&w, s->name.game, strlen(s->name.game));
    lq_write_sized(&w, s->name.session, strlen(s->name.session));
    lq_store_head_encode(&s->head, &w);
    LQ_CHECK(!w.failed);
    record_put(e, 'H', lq_writer_span(&w), (lq_span){0});
  }
}

/* ---- the log, and with it the slices ---- */

static lq_span numbered(uint8_t memory[16 + LQ_STORE_LEAF_BYTES_MAX], uint32_t number_of_session,
                        uint64_t number, const lq_span *leaf) {
  lq_writer w = lq_writer_of(memory, 16 + LQ_STORE_LEAF_BYTES_MAX);
  lq_write_u32(&w, number_of_session);
  lq_write_u64(&w, number);
  if (leaf) lq_write_sized(&w, leaf->data, leaf->bytes);
  LQ_CHECK(!w.failed);
  return lq_writer_span(&w);
}

static void slice_came(void *context, lq_err err, const char *sk, lq_span body) {
  exporting *e = context;
  uint8_t fields[16 + LQ_STORE_LEAF_BYTES_MAX];
  (void)sk;
  if (err == LQ_ERR_NOT_FOUND) return;
  if (err) {
    fail(e, err, "a slice");
    return;
  }
  e->came++;
  record_put(e, 'S', numbered(fields, e->at, e->number, &e->leaf), body);
}

static void slice_put(exporting *e, session *s, lq_span leaf) {
  e->at = (uint32_t)(s - e->session);
  e->number = s->next++;
  e->leaf = leaf;
  e->came = 0;
  e->store->slices(e->store, &s->name, e->number, e->number, 1, slice_came, e);
  if (e->came != 1) fail(e, LQ_ERR_CORRUPT, "a slice that HEAD counts is missing");
  e->count.slices++;
  e->count.leaves += leaf.bytes > 0;
}

static void leaf_put(exporting *e, lq_span leaf) {
  lq_audit_entry entry;
  session *s = NULL;
  if (lq_audit_entry_decode(leaf, &entry)) {
    fail(e, LQ_ERR_CORRUPT, "a leaf of the log");
    return;
  }
  if (entry.kind == LQ_AUDIT_SLICE) s = session_named(e, &entry.name);
  if (!s || entry.slice.slice < s->next || entry.slice.slice > s->head.slice) {
    record_put(e, 'L', lq_span_of(NULL, 0), leaf);
    e->count.leaves++;
    return;
  }
  while (!e->err && s->next < entry.slice.slice) slice_put(e, s, (lq_span){0});
  if (!e->err) slice_put(e, s, leaf);
}

static void leaf_came(void *context, lq_err err, uint64_t index, lq_span leaf) {
  exporting *e = context;
  (void)index;
  if (err) {
    if (err != LQ_ERR_NOT_FOUND) fail(e, err, "the log");
    return;
  }
  memcpy(e->page->leaf[e->page->count], leaf.data, leaf.bytes);
  e->page->bytes[e->page->count++] = (uint16_t)leaf.bytes;
}

static void log_put(exporting *e) {
  for (uint64_t first = 0; !e->err; first += PAGE) {
    e->page->count = 0;
    e->store->log(e->store, e->tenant, first, PAGE, leaf_came, e);
    for (uint32_t i = 0; i < e->page->count && !e->err; i++) {
      leaf_put(e, lq_span_of(e->page->leaf[i], e->page->bytes[i]));
      if (e->out->at) e->out->at(e->out->context, first + i + 1, e->leaf_goal);
    }
    if (e->page->count < PAGE) break;
  }
  for (uint32_t i = 0; i < e->session_count; i++)
    while (!e->err && e->session[i].next <= e->session[i].head.slice)
      slice_put(e, &e->session[i], (lq_span){0});
}

/* ---- checkpoints and items ---- */

static bool tick_of(const char *sk, uint64_t *out) {
  const char *at = sk + strlen("CHECKPOINT#");
  *out = 0;
  for (int i = 0; i < 20; i++) {
    if (at[i] < '0' || at[i] > '9') return false;
    *out = *out * 10 + (uint64_t)(at[i] - '0');
  }
  return true;
}

/* The newest at or below a tick: its number alone, or the whole of it. */
static void tick_came(void *context, lq_err err, const char *sk, lq_span body) {
  exporting *e = context;
  (void)body;
  e->came = 0;
  if (err == LQ_ERR_NOT_FOUND) return;
  if (err || !tick_of(sk, &e->number))
    fail(e, err ? err : LQ_ERR_CORRUPT, "a checkpoint");
  else
    e->came = 1;
}

static void checkpoint_came(void *context, lq_err err, const char *sk, lq_span body) {
  exporting *e = context;
  uint8_t fields[16 + LQ_STORE_LEAF_BYTES_MAX];
  (void)sk;
  if (err)
    fail(e, err, "a checkpoint");
  else
    record_put(e, 'C', numbered(fields, e->at, e->number, NULL), body);
  e->count.checkpoints++;
}

static void checkpoints_of(exporting *e) {
  uint64_t *tick = NULL, below = UINT64_MAX;
  uint32_t count = 0, capacity = 0;
  const lq_session_name *name = &e->session[e->at].name;
  for (;;) {
    e->store->checkpoint_get(e->store, name, below, tick_came, e);
    if (e->err || !e->came) break;
    if (count == capacity) {
      capacity = capacity ? capacity * 2 : 16;
      uint64_t *grown = realloc(tick, capacity * sizeof *tick);
      if (!grown) {
        fail(e, LQ_ERR_MEMORY, "a session's checkpoints");
        break;
      }
      tick = grown;
    }
    tick[count++] = e->number;
    if (!e->number) break;
    below = e->number - 1;
  }
  while (count && !e->err) {
    e->number = tick[--count];
    e->store->checkpoint_get(e->store, name, e->number, checkpoint_came, e);
  }
  free(tick);
}

static void item_came(void *context, lq_err err, const char *sk, uint64_t version, lq_span value) {
  exporting *e = context;
  uint8_t memory[LQ_STORE_SK_BYTES + 4];
  (void)version;
  if (err) {
    if (err != LQ_ERR_NOT_FOUND) fail(e, err, "the items");
    return;
  }
  e->came++;
  (void)lq_text_copy(e->after, sizeof e->after, lq_span_text(sk));
  if (e->err || lqi_carry_stays(sk)) return;
  lq_writer w = lq_writer_of(memory, sizeof memory);
  lq_write_sized(&w, sk, strlen(sk));
  record_put(e, 'I', lq_writer_span(&w), value);
  e->count.items++;
}

static void items_put(exporting *e) {
  e->after[0] = 0;
  do {
    e->came = 0;
    e->store->items(e->store, e->tenant, "", e->after[0] ? e->after : NULL, PAGE, item_came, e);
  } while (!e->err && e->came == PAGE);
}

lq_err lq_carry_export(lq_store *store, const char *tenant, const lq_carry_out *out,
                       lq_carry_counts *counts, lq_diag *diag) {
  exporting e = {.store = store, .tenant = tenant, .out = out, .diag = diag};
  e.page = malloc(sizeof *e.page);
  if (!e.page) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for an export");
  head_put(&e);
  if (!e.err) sessions_find(&e);
  if (!e.err) blobs_put(&e);
  if (!e.err) sessions_put(&e);
  if (!e.err) log_put(&e);
  for (e.at = 0; e.at < e.session_count && !e.err; e.at++) checkpoints_of(&e);
  if (!e.err) items_put(&e);
  if (!e.err) end_put(&e);
  *counts = e.count;
  free(e.page);
  free(e.session);
  free(e.blob);
  return e.err;
}
