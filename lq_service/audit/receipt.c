/* Receipts. */
#include "lq_engine/net/json.h"
#include "lq_service/audit/note.h"

enum { TEXT_BYTES = LQ_NOTE_NAME_BYTES + 160 };

static lq_span text_of(const lq_audit_receipt *r, char memory[TEXT_BYTES]) {
  char leaf[48];
  lq_writer w = lq_writer_of(memory, TEXT_BYTES);
  size_t bytes = lq_base64(r->leaf.bytes, 32, leaf, sizeof leaf);
  lq_write_text(&w, "ledgerquest receipt v1\n");
  lq_write_text(&w, r->origin);
  lq_write_u8(&w, '\n');
  lq_write_decimal_u(&w, r->index);
  lq_write_u8(&w, '\n');
  lq_write_bytes(&w, leaf, bytes);
  lq_write_u8(&w, '\n');
  lq_write_decimal_u(&w, r->time_ms);
  lq_write_u8(&w, '\n');
  LQ_CHECK(!w.failed);
  return lq_writer_span(&w);
}

void lq_audit_receipt_sign(lq_audit_receipt *r, const lq_note_key *key, lq_signer *signer) {
  char memory[TEXT_BYTES];
  memcpy(r->origin, key->name, sizeof r->origin);
  memcpy(r->key_id, key->id, sizeof r->key_id);
  lq_signer_sign(signer, text_of(r, memory), r->signature);
}

bool lq_audit_receipt_verify(const lq_audit_receipt *r, const lq_note_key *key) {
  char memory[TEXT_BYTES];
  return !strcmp(r->origin, key->name) && !memcmp(r->key_id, key->id, sizeof r->key_id) &&
         lq_ed25519_verify(key->public_key, text_of(r, memory), r->signature);
}

static void member_base64(lq_writer *w, const char *name, const uint8_t *data, size_t bytes) {
  char text[96];
  size_t length = lq_base64(data, bytes, text, sizeof text);
  lq_write_text(w, name);
  lq_write_bytes(w, text, length);
  lq_write_u8(w, '"');
}

void lq_audit_receipt_json(const lq_audit_receipt *r, lq_writer *w) {
  char id[9];
  lq_hex(r->key_id, sizeof r->key_id, id);
  lq_write_text(w, "{\"origin\":");
  lq_json_write_text(w, lq_span_text(r->origin));
  lq_write_text(w, ",\"index\":");
  lq_write_decimal_u(w, r->index);
  member_base64(w, ",\"leaf\":\"", r->leaf.bytes, 32);
  lq_write_text(w, ",\"time_ms\":");
  lq_write_decimal_u(w, r->time_ms);
  lq_write_text(w, ",\"key\":\"");
  lq_write_text(w, id);
  lq_write_u8(w, '"');
  member_base64(w, ",\"signature\":\"", r->signature, sizeof r->signature);
  lq_write_text(w, "}");
}

static bool number_get(lq_json json, const char *name, uint64_t *out) {
  int64_t v;
  lq_json value = lq_json_get(json, name);
  if (value.kind != LQ_JSON_NUMBER || !lq_json_i64(value, &v) || v < 0) return false;
  *out = (uint64_t)v;
  return true;
}

static bool base64_get(lq_json json, const char *name, uint8_t *out, size_t bytes) {
  char text[128];
  size_t read = 0;
  return lq_json_text(lq_json_get(json, name), text, sizeof text) &&
         lq_base64_read(lq_span_text(text), out, bytes, &read) && read == bytes;
}

lq_err lq_audit_receipt_read(lq_span text, lq_audit_receipt *out) {
  lq_audit_receipt r = {0};
  lq_json json;
  char id[16];
  *out = r;
  if (lq_json_parse(text, &json, NULL) || json.kind != LQ_JSON_OBJECT ||
      lq_json_has_duplicates(json))
    return LQ_ERR_INVALID;
  if (!lq_json_text(lq_json_get(json, "origin"), r.origin, sizeof r.origin) ||
      strchr(r.origin, '\n') || !number_get(json, "index", &r.index) ||
      !number_get(json, "time_ms", &r.time_ms) || !base64_get(json, "leaf", r.leaf.bytes, 32) ||
      !lq_json_text(lq_json_get(json, "key"), id, sizeof id) ||
      !lq_unhex(lq_span_text(id), r.key_id, 4) ||
      !base64_get(json, "signature", r.signature, sizeof r.signature))
    return LQ_ERR_INVALID;
  *out = r;
  return LQ_OK;
}
