/* Signed notes and checkpoints. */
#include "lq_service/audit/note.h"

enum { ED25519 = 1, BLOB_BYTES = 4 + LQ_SIGNATURE_BYTES };
static const char DASH[] = "\xe2\x80\x94 "; /* an em dash and a space */

/* ---- names ---- */

/* U+0085, U+00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F, U+205F, U+3000. */
static bool is_wide_space(const uint8_t *c, size_t left) {
  if (left >= 2 && c[0] == 0xc2) return c[1] == 0x85 || c[1] == 0xa0;
  if (left < 3) return false;
  if (c[0] == 0xe1) return c[1] == 0x9a && c[2] == 0x80;
  if (c[0] == 0xe3) return c[1] == 0x80 && c[2] == 0x80;
  if (c[0] != 0xe2) return false;
  if (c[1] == 0x80) return c[2] <= 0x8a || c[2] == 0xa8 || c[2] == 0xa9 || c[2] == 0xaf;
  return c[1] == 0x81 && c[2] == 0x9f;
}

static bool name_fits(lq_span name) {
  if (name.bytes == 0 || name.bytes >= LQ_NOTE_NAME_BYTES || !lq_utf8_valid(name)) return false;
  for (size_t i = 0; i < name.bytes; i++)
    if (name.data[i] <= ' ' || name.data[i] == '+' || is_wide_space(name.data + i, name.bytes - i))
      return false;
  return true;
}

/* ---- keys ---- */

lq_err lq_note_key_make(const char *name, const uint8_t public_key[32], lq_note_key *out) {
  *out = (lq_note_key){0};
  if (!name_fits(lq_span_text(name))) return LQ_ERR_INVALID;
  uint8_t bytes[LQ_NOTE_NAME_BYTES + 34];
  lq_writer w = lq_writer_of(bytes, sizeof bytes);
  lq_write_text(&w, name);
  lq_write_u8(&w, '\n');
  lq_write_u8(&w, ED25519);
  lq_write_bytes(&w, public_key, 32);
  lq_sha256 digest = lq_sha256_of(lq_writer_span(&w));
  (void)lq_text_copy(out->name, sizeof out->name, lq_span_text(name));
  memcpy(out->id, digest.bytes, sizeof out->id);
  memcpy(out->public_key, public_key, 32);
  return LQ_OK;
}

void lq_note_key_write(const lq_note_key *key, lq_writer *out) {
  uint8_t blob[33] = {ED25519};
  char hex[9], text[48];
  memcpy(blob + 1, key->public_key, 32);
  lq_hex(key->id, sizeof key->id, hex);
  size_t bytes = lq_base64(blob, sizeof blob, text, sizeof text);
  lq_write_text(out, key->name);
  lq_write_u8(out, '+');
  lq_write_text(out, hex);
  lq_write_u8(out, '+');
  lq_write_bytes(out, text, bytes);
}

lq_err lq_note_key_read(lq_span text, lq_note_key *out) {
  *out = (lq_note_key){0};
  while (text.bytes && text.data[text.bytes - 1] <= ' ') text.bytes--;
  while (text.bytes && text.data[0] <= ' ') text.data++, text.bytes--;
  const uint8_t *plus = text.bytes ? memchr(text.data, '+', text.bytes) : NULL;
  size_t name_bytes = plus ? (size_t)(plus - text.data) : text.bytes;
  char name[LQ_NOTE_NAME_BYTES];
  uint8_t blob[33];
  size_t bytes = 0;
  if (!plus || text.bytes - name_bytes < 11 || plus[9] != '+' ||
      !lq_text_copy(name, sizeof name, lq_span_of(text.data, name_bytes)) ||
      !lq_base64_read(lq_span_of(plus + 10, text.bytes - name_bytes - 10), blob, sizeof blob,
                      &bytes) ||
      bytes != sizeof blob || blob[0] != ED25519 || memchr(text.data, 0, name_bytes))
    return LQ_ERR_INVALID;
  lq_note_key key;
  char again[LQ_NOTE_KEY_TEXT_BYTES];
  lq_err err = lq_note_key_make(name, blob + 1, &key);
  if (err) return err;
  lq_writer w = lq_writer_of(again, sizeof again);
  lq_note_key_write(&key, &w);
  if (!lq_span_equal(lq_writer_span(&w), text)) return LQ_ERR_INVALID; /* another id */
  *out = key;
  return LQ_OK;
}

/* ---- notes ---- */

static bool text_fits(lq_span text) {
  if (text.bytes == 0 || text.data[text.bytes - 1] != '\n' || !lq_utf8_valid(text)) return false;
  for (size_t i = 0; i < text.bytes; i++)
    if (text.data[i] < ' ' && text.data[i] != '\n') return false;
  return true;
}

static lq_span line_next(lq_reader *in) {
  size_t left = lq_reader_left(in);
  const uint8_t *at = in->data + in->at, *end = left ? memchr(at, '\n', left) : NULL;
  if (!end) {
    in->failed = true;
    return (lq_span){0};
  }
  in->at += (size_t)(end - at) + 1;
  return lq_span_of(at, (size_t)(end - at));
}

typedef struct signature {
  lq_span name;
  uint8_t blob[8192]; /* id, then the signature: room for those after quantum computers */
  size_t bytes;
} signature;

static bool signature_read(lq_span line, signature *out) {
  size_t dash = sizeof DASH - 1;
  if (line.bytes <= dash || memcmp(line.data, DASH, dash) != 0) return false;
  const uint8_t *name = line.data + dash, *space = memchr(name, ' ', line.bytes - dash);
  if (!space) return false;
  out->name = lq_span_of(name, (size_t)(space - name));
  size_t rest = line.bytes - dash - out->name.bytes - 1;
  return name_fits(out->name) &&
         lq_base64_read(lq_span_of(space + 1, rest), out->blob, sizeof out->blob, &out->bytes) &&
         out->bytes > 4;
}

/* Reads signature lines to the end; `key`: how many are its own and good, SIZE_MAX when one is not.
 */
static lq_err signatures_read(lq_span lines, lq_span text, const lq_note_key *key, size_t *good) {
  signature s;
  lq_reader in = lq_reader_of(lines);
  *good = 0;
  for (uint32_t count = 0; in.at < in.bytes; count++) {
    if (count == LQ_NOTE_SIGNATURES_MAX) return LQ_ERR_TOO_BIG;
    lq_span line = line_next(&in);
    if (in.failed || !signature_read(line, &s)) return LQ_ERR_SYNTAX;
    if (!key || !lq_span_is(s.name, key->name) || memcmp(s.blob, key->id, 4) != 0) continue;
    if (s.bytes != BLOB_BYTES || !lq_ed25519_verify(key->public_key, text, s.blob + 4))
      *good = SIZE_MAX;
    if (*good != SIZE_MAX) ++*good;
  }
  return lines.bytes ? LQ_OK : LQ_ERR_SYNTAX;
}

/* The text, and the lines behind the last empty one. */
static lq_err note_split(lq_span note, lq_span *text, lq_span *lines) {
  if (note.bytes > LQ_NOTE_BYTES_MAX) return LQ_ERR_TOO_BIG;
  if (!text_fits(note)) return LQ_ERR_SYNTAX;
  size_t at = note.bytes - 1;
  while (at > 0 && !(note.data[at - 1] == '\n' && note.data[at] == '\n')) at--;
  if (at == 0) return LQ_ERR_SYNTAX;
  *text = lq_span_of(note.data, at);
  *lines = lq_span_of(note.data + at + 1, note.bytes - at - 1);
  return LQ_OK;
}

lq_err lq_note_sign(lq_span text, const lq_note_key *key, lq_signer *signer, lq_writer *out) {
  if (!text_fits(text)) return LQ_ERR_INVALID;
  uint8_t blob[BLOB_BYTES];
  char base64[96];
  memcpy(blob, key->id, 4);
  lq_signer_sign(signer, text, blob + 4);
  size_t bytes = lq_base64(blob, sizeof blob, base64, sizeof base64);
  lq_writer w = *out;
  lq_write_span(&w, text);
  lq_write_u8(&w, '\n');
  lq_write_text(&w, DASH);
  lq_write_text(&w, key->name);
  lq_write_u8(&w, ' ');
  lq_write_bytes(&w, base64, bytes);
  lq_write_u8(&w, '\n');
  if (w.failed) return LQ_ERR_FULL;
  *out = w;
  return LQ_OK;
}

lq_err lq_note_open(lq_span note, const lq_note_key *key, lq_span *text) {
  lq_span body, lines;
  size_t good = 0;
  *text = (lq_span){0};
  lq_err err = note_split(note, &body, &lines);
  if (!err) err = signatures_read(lines, body, key, &good);
  if (!err && (good == 0 || good == SIZE_MAX)) err = LQ_ERR_UNAUTHORIZED;
  if (!err) *text = body;
  return err;
}

lq_err lq_note_cosign(lq_span lines, lq_writer *note) {
  size_t good;
  lq_err err = text_fits(lines) ? signatures_read(lines, lines, NULL, &good) : LQ_ERR_SYNTAX;
  if (err) return err;
  lq_writer w = *note;
  lq_write_span(&w, lines);
  if (w.failed || w.bytes > LQ_NOTE_BYTES_MAX) return LQ_ERR_FULL;
  *note = w;
  return LQ_OK;
}

/* ---- checkpoints ---- */

lq_err lq_audit_head_sign(const lq_audit_head *head, const lq_note_key *key, lq_signer *signer,
                          lq_writer *out) {
  char text[LQ_NOTE_NAME_BYTES + 80], root[48];
  if (!name_fits(lq_span_text(head->origin))) return LQ_ERR_INVALID;
  size_t bytes = lq_base64(head->root.bytes, 32, root, sizeof root);
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_write_text(&w, head->origin);
  lq_write_u8(&w, '\n');
  lq_write_decimal_u(&w, head->size);
  lq_write_u8(&w, '\n');
  lq_write_bytes(&w, root, bytes);
  lq_write_u8(&w, '\n');
  return lq_note_sign(lq_writer_span(&w), key, signer, out);
}

static bool decimal_read(lq_span text, uint64_t *out) {
  *out = 0;
  if (text.bytes == 0 || text.bytes > 19 || (text.bytes > 1 && text.data[0] == '0')) return false;
  for (size_t i = 0; i < text.bytes; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    *out = *out * 10 + (uint64_t)(text.data[i] - '0');
  }
  return true;
}

static lq_err head_parse(lq_span text, lq_audit_head *out) {
  lq_audit_head head = {0};
  lq_reader in = lq_reader_of(text);
  lq_span origin = line_next(&in), size = line_next(&in), root = line_next(&in);
  size_t bytes = 0;
  if (in.failed || origin.bytes == 0 || !lq_text_copy(head.origin, sizeof head.origin, origin) ||
      !decimal_read(size, &head.size) || head.size > LQ_TREE_SIZE_MAX ||
      !lq_base64_read(root, head.root.bytes, 32, &bytes) || bytes != 32)
    return LQ_ERR_SYNTAX;
  while (in.at < in.bytes)
    if (line_next(&in).bytes == 0) return LQ_ERR_SYNTAX; /* extension lines are not empty */
  *out = head;
  return LQ_OK;
}

lq_err lq_audit_head_open(lq_span note, const lq_note_key *key, lq_audit_head *out) {
  lq_span text;
  *out = (lq_audit_head){0};
  lq_err err = lq_note_open(note, key, &text);
  if (!err) err = head_parse(text, out);
  if (!err && strcmp(out->origin, key->name) != 0) err = LQ_ERR_UNAUTHORIZED;
  return err;
}

lq_err lq_audit_head_read(lq_span note, lq_audit_head *out) {
  lq_span text, lines;
  size_t good;
  *out = (lq_audit_head){0};
  lq_err err = note_split(note, &text, &lines);
  if (!err) err = signatures_read(lines, text, NULL, &good);
  return err ? err : head_parse(text, out);
}
