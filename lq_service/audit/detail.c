/* Details: what is personal, beside a leaf. Offsets in docs/audit.md. */
#include "lq_engine/net/json.h"
#include "lq_service/audit/entry.h"

enum { VERSION = 1, FIELD_BYTES_MAX = 255 };

static bool field_fits(lq_span text) {
  return text.bytes <= FIELD_BYTES_MAX && lq_utf8_valid(text);
}

static bool detail_fits(const lq_audit_detail *d) {
  lq_json value;
  if (!field_fits(d->tenant) || !field_fits(d->user)) return false;
  if (!field_fits(d->address) || !field_fits(d->resource)) return false;
  if (d->text.bytes > LQ_AUDIT_TEXT_BYTES) return false;
  return d->text.bytes == 0 || lq_json_parse(d->text, &value, NULL) == LQ_OK;
}

lq_err lq_audit_detail_encode(const lq_audit_detail *d, lq_writer *out) {
  if (!detail_fits(d)) return LQ_ERR_INVALID;
  lq_writer w = *out;
  lq_write_bytes(&w, d->salt, sizeof d->salt);
  lq_write_u8(&w, VERSION);
  lq_write_sized(&w, d->tenant.data, d->tenant.bytes);
  lq_write_sized(&w, d->user.data, d->user.bytes);
  lq_write_sized(&w, d->address.data, d->address.bytes);
  lq_write_sized(&w, d->resource.data, d->resource.bytes);
  lq_write_sized(&w, d->text.data, d->text.bytes);
  if (w.failed) return LQ_ERR_FULL;
  *out = w;
  return LQ_OK;
}

lq_err lq_audit_detail_decode(lq_span bytes, lq_audit_detail *out) {
  lq_audit_detail d = {0};
  lq_reader in = lq_reader_of(bytes);
  *out = d;
  lq_span salt = lq_read_bytes(&in, sizeof d.salt);
  if (salt.data) memcpy(d.salt, salt.data, sizeof d.salt);
  if (lq_read_u8(&in) != VERSION) return LQ_ERR_CORRUPT;
  d.tenant = lq_read_sized(&in);
  d.user = lq_read_sized(&in);
  d.address = lq_read_sized(&in);
  d.resource = lq_read_sized(&in);
  d.text = lq_read_sized(&in);
  if (!lq_reader_done(&in) || !detail_fits(&d)) return LQ_ERR_CORRUPT;
  *out = d;
  return LQ_OK;
}

void lq_audit_detail_json(const lq_audit_detail *d, lq_writer *w) {
  lq_write_text(w, "{\"tenant\":");
  lq_json_write_text(w, d->tenant);
  lq_write_text(w, ",\"user\":");
  lq_json_write_text(w, d->user);
  lq_write_text(w, ",\"address\":");
  lq_json_write_text(w, d->address);
  lq_write_text(w, ",\"resource\":");
  lq_json_write_text(w, d->resource);
  if (d->text.bytes) {
    lq_write_text(w, ",\"text\":");
    lq_write_span(w, d->text);
  }
  lq_write_text(w, "}");
}

void lq_audit_detail_sk(const uint8_t digest[32], char out[LQ_STORE_SK_BYTES]) {
  memcpy(out, "DETAIL#", 8);
  lq_hex(digest, 32, out + 7);
}

lq_err lq_audit_act_make(lq_audit_entry *entry, const lq_audit_detail *detail, lq_audit_act *out) {
  lq_writer d = lq_writer_of(out->detail_bytes, sizeof out->detail_bytes);
  lq_writer e = lq_writer_of(out->entry_bytes, sizeof out->entry_bytes);
  lq_err err = lq_audit_detail_encode(detail, &d);
  if (err) return err;
  lq_sha256 digest = lq_sha256_of(lq_writer_span(&d));
  memcpy(entry->detail, digest.bytes, sizeof entry->detail);
  entry->has_detail = true;
  err = lq_audit_entry_encode(entry, &e);
  if (err) return err;
  out->leaf = lq_writer_span(&e);
  out->item = (lq_store_item){.value = lq_writer_span(&d), .expect = LQ_ITEM_ABSENT};
  lq_audit_detail_sk(entry->detail, out->item.sk);
  return LQ_OK;
}
