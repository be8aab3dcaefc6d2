/* Entries: offsets in docs/audit.md. */
#include "lq_service/audit/entry.h"
#include "lq_engine/net/json.h"

enum { VERSION = 1, HAS_DETAIL = 1 };

static const struct {
  const char *name;
  bool needs_session;
} kinds[] = {{"none", false},
#define X(name, json, session) {json, session},
             LQ_AUDIT_KINDS(X)
#undef X
};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

const char *lq_audit_kind_name(lq_audit_kind kind) {
  return kinds[(unsigned)kind < KIND_COUNT ? kind : 0].name;
}

static lq_span text_of(const char *field, size_t capacity) {
  const char *end = memchr(field, 0, capacity);
  return lq_span_of(field, end ? (size_t)(end - field) : capacity);
}

/* A session has a game; what stands empty stands empty for both. */
static bool names_fit(lq_audit_kind kind, const lq_session_name *name) {
  lq_span tenant = text_of(name->tenant, sizeof name->tenant);
  lq_span game = text_of(name->game, sizeof name->game);
  lq_span session = text_of(name->session, sizeof name->session);
  if (!lq_slug_valid(tenant) && !lq_span_is(tenant, LQ_STORE_PLATFORM)) return false;
  if (game.bytes ? !lq_slug_valid(game) : session.bytes != 0) return false;
  if (session.bytes ? !lq_id_valid(session, LQ_ID_BYTES) : kinds[kind].needs_session) return false;
  return true;
}

static bool entry_fits(const lq_audit_entry *e) {
  if (e->kind == LQ_AUDIT_NONE || (unsigned)e->kind >= KIND_COUNT) return false;
  if (!names_fit(e->kind, &e->name)) return false;
  switch (e->kind) {
  case LQ_AUDIT_SLICE:
    return e->slice.slice > 0 && e->slice.tick_first > 0 &&
           e->slice.tick_last >= e->slice.tick_first;
  case LQ_AUDIT_ADMIN:
    if (e->act.outcome >= LQ_ERR_COUNT) return false;
    return lq_id_valid(text_of(e->act.action, sizeof e->act.action), sizeof e->act.action);
  case LQ_AUDIT_KEY:
  case LQ_AUDIT_DENIAL:
    return lq_id_valid(text_of(e->act.action, sizeof e->act.action), sizeof e->act.action);
  case LQ_AUDIT_NONE:
  case LQ_AUDIT_CHECKPOINT:
  case LQ_AUDIT_JOIN:
    break;
  }
  return true;
}

static void write_field(lq_writer *w, const char *field, size_t capacity) {
  lq_span text = text_of(field, capacity);
  lq_write_sized(w, text.data, text.bytes);
}

static void write_slice(lq_writer *w, const lq_audit_entry *e) {
  lq_write_varint(w, e->slice.slice);
  lq_write_varint(w, e->slice.tick_first);
  lq_write_varint(w, e->slice.tick_last - e->slice.tick_first);
  lq_write_u64(w, e->slice.hash_before);
  lq_write_u64(w, e->slice.hash_after);
  lq_write_bytes(w, e->slice.release, 32);
  lq_write_bytes(w, e->slice.chain_before, 32);
  lq_write_bytes(w, e->slice.chain_after, 32);
  lq_write_varint(w, e->slice.commands);
  lq_write_varint(w, e->slice.events);
  lq_write_varint(w, e->slice.mutations);
}

static void write_body(lq_writer *w, const lq_audit_entry *e) {
  switch (e->kind) {
  case LQ_AUDIT_SLICE:
    write_slice(w, e);
    break;
  case LQ_AUDIT_CHECKPOINT:
    lq_write_varint(w, e->checkpoint.tick);
    lq_write_bytes(w, e->checkpoint.digest, 32);
    break;
  case LQ_AUDIT_JOIN:
    lq_write_varint(w, e->join.slot);
    break;
  case LQ_AUDIT_ADMIN:
    write_field(w, e->act.action, sizeof e->act.action);
    lq_write_varint(w, e->act.outcome);
    break;
  case LQ_AUDIT_KEY:
    write_field(w, e->act.action, sizeof e->act.action);
    lq_write_varint(w, e->act.key_version);
    break;
  case LQ_AUDIT_DENIAL:
    write_field(w, e->act.action, sizeof e->act.action);
    break;
  case LQ_AUDIT_NONE:
    break;
  }
}

lq_err lq_audit_entry_encode(const lq_audit_entry *e, lq_writer *out) {
  if (!entry_fits(e)) return LQ_ERR_INVALID;
  lq_writer w = *out;
  lq_write_u8(&w, VERSION);
  lq_write_u8(&w, (uint8_t)e->kind);
  lq_write_u8(&w, e->has_detail ? HAS_DETAIL : 0);
  lq_write_u64(&w, e->time_ms);
  write_field(&w, e->name.tenant, sizeof e->name.tenant);
  write_field(&w, e->name.game, sizeof e->name.game);
  write_field(&w, e->name.session, sizeof e->name.session);
  if (e->has_detail) lq_write_bytes(&w, e->detail, 32);
  write_body(&w, e);
  if (w.failed) return LQ_ERR_FULL;
  *out = w;
  return LQ_OK;
}

/* ---- decoding ---- */

static void read_field(lq_reader *in, char *out, size_t capacity) {
  lq_span text = lq_read_sized(in);
  if (in->failed || memchr(text.data, 0, text.bytes) || !lq_text_copy(out, capacity, text))
    in->failed = true;
}

static void read_digest(lq_reader *in, uint8_t out[32]) {
  lq_span bytes = lq_read_bytes(in, 32);
  if (bytes.data) memcpy(out, bytes.data, 32);
}

static uint32_t read_u32_varint(lq_reader *in) {
  uint64_t v = lq_read_varint(in);
  if (v > UINT32_MAX) in->failed = true;
  return (uint32_t)v;
}

static void read_slice(lq_reader *in, lq_audit_entry *e) {
  e->slice.slice = lq_read_varint(in);
  e->slice.tick_first = lq_read_varint(in);
  uint64_t more = lq_read_varint(in);
  if (more > UINT64_MAX - e->slice.tick_first) in->failed = true;
  e->slice.tick_last = e->slice.tick_first + more;
  e->slice.hash_before = lq_read_u64(in);
  e->slice.hash_after = lq_read_u64(in);
  read_digest(in, e->slice.release);
  read_digest(in, e->slice.chain_before);
  read_digest(in, e->slice.chain_after);
  e->slice.commands = lq_read_varint(in);
  e->slice.events = lq_read_varint(in);
  e->slice.mutations = lq_read_varint(in);
}

static void read_body(lq_reader *in, lq_audit_entry *e) {
  switch (e->kind) {
  case LQ_AUDIT_SLICE:
    read_slice(in, e);
    break;
  case LQ_AUDIT_CHECKPOINT:
    e->checkpoint.tick = lq_read_varint(in);
    read_digest(in, e->checkpoint.digest);
    break;
  case LQ_AUDIT_JOIN:
    e->join.slot = read_u32_varint(in);
    break;
  case LQ_AUDIT_ADMIN:
    read_field(in, e->act.action, sizeof e->act.action);
    e->act.outcome = read_u32_varint(in);
    break;
  case LQ_AUDIT_KEY:
    read_field(in, e->act.action, sizeof e->act.action);
    e->act.key_version = read_u32_varint(in);
    break;
  case LQ_AUDIT_DENIAL:
    read_field(in, e->act.action, sizeof e->act.action);
    break;
  case LQ_AUDIT_NONE:
    in->failed = true;
    break;
  }
}

lq_err lq_audit_entry_decode(lq_span leaf, lq_audit_entry *out) {
  lq_audit_entry e = {0};
  lq_reader in = lq_reader_of(leaf);
  *out = e;
  if (leaf.bytes && leaf.data[0] != VERSION) return LQ_ERR_VERSION;
  (void)lq_read_u8(&in);
  uint8_t kind = lq_read_u8(&in), flags = lq_read_u8(&in);
  if (kind >= KIND_COUNT || flags > HAS_DETAIL) return LQ_ERR_CORRUPT;
  e.kind = (lq_audit_kind)kind;
  e.has_detail = flags == HAS_DETAIL;
  e.time_ms = lq_read_u64(&in);
  read_field(&in, e.name.tenant, sizeof e.name.tenant);
  read_field(&in, e.name.game, sizeof e.name.game);
  read_field(&in, e.name.session, sizeof e.name.session);
  if (e.has_detail) read_digest(&in, e.detail);
  read_body(&in, &e);
  if (!lq_reader_done(&in) || !entry_fits(&e)) return LQ_ERR_CORRUPT;
  *out = e;
  return LQ_OK;
}

/* ---- JSON ---- */

static void member_text(lq_writer *w, const char *name, const char *text) {
  if (!text[0]) return;
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, "\":");
  lq_json_write_text(w, lq_span_text(text));
}

static void member_number(lq_writer *w, const char *name, uint64_t v) {
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, "\":");
  lq_write_decimal_u(w, v);
}

static void member_digest(lq_writer *w, const char *name, const uint8_t digest[32]) {
  char hex[65];
  lq_hex(digest, 32, hex);
  member_text(w, name, hex);
}

static void member_hash(lq_writer *w, const char *name, uint64_t hash) {
  lq_write_text(w, ",\"");
  lq_write_text(w, name);
  lq_write_text(w, "\":\"");
  lq_write_hex64(w, hash);
  lq_write_text(w, "\"");
}

static void slice_json(const lq_audit_entry *e, lq_writer *w) {
  member_number(w, "slice", e->slice.slice);
  member_number(w, "tick_first", e->slice.tick_first);
  member_number(w, "tick_last", e->slice.tick_last);
  member_hash(w, "hash_before", e->slice.hash_before);
  member_hash(w, "hash_after", e->slice.hash_after);
  member_digest(w, "release", e->slice.release);
  member_digest(w, "chain_before", e->slice.chain_before);
  member_digest(w, "chain_after", e->slice.chain_after);
  member_number(w, "commands", e->slice.commands);
  member_number(w, "events", e->slice.events);
  member_number(w, "mutations", e->slice.mutations);
}

void lq_audit_entry_json(uint64_t index, const lq_audit_entry *e, lq_writer *w) {
  lq_write_text(w, "{\"index\":");
  lq_write_decimal_u(w, index);
  member_text(w, "kind", lq_audit_kind_name(e->kind));
  member_number(w, "time_ms", e->time_ms);
  member_text(w, "tenant", e->name.tenant);
  member_text(w, "game", e->name.game);
  member_text(w, "session", e->name.session);
  if (e->kind == LQ_AUDIT_SLICE) slice_json(e, w);
  if (e->kind == LQ_AUDIT_CHECKPOINT) {
    member_number(w, "tick", e->checkpoint.tick);
    member_digest(w, "digest", e->checkpoint.digest);
  }
  if (e->kind == LQ_AUDIT_JOIN) member_number(w, "slot", e->join.slot);
  if (e->kind >= LQ_AUDIT_ADMIN) member_text(w, "action", e->act.action);
  if (e->kind == LQ_AUDIT_ADMIN) member_text(w, "outcome", lq_err_name((lq_err)e->act.outcome));
  if (e->kind == LQ_AUDIT_KEY) member_number(w, "key_version", e->act.key_version);
  if (e->has_detail) member_digest(w, "detail", e->detail);
  lq_write_text(w, "}");
}
