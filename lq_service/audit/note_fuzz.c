/* Notes, keys and receipts from anywhere. A text is also signed by us, so that the fuzzer gets
 * behind the signature. */
#include "lq_service/audit/note.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void key_is_one(lq_span bytes) {
  lq_note_key key, again;
  char text[LQ_NOTE_KEY_TEXT_BYTES];
  if (lq_note_key_read(bytes, &key)) return;
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_note_key_write(&key, &w);
  LQ_CHECK(!w.failed && lq_note_key_read(lq_writer_span(&w), &again) == LQ_OK);
  LQ_CHECK(!memcmp(&key, &again, sizeof key));
}

static void receipt_is_one(lq_span bytes) {
  lq_audit_receipt receipt, again;
  char text[4096];
  if (lq_audit_receipt_read(bytes, &receipt)) return;
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_audit_receipt_json(&receipt, &w);
  LQ_CHECK(!w.failed && lq_audit_receipt_read(lq_writer_span(&w), &again) == LQ_OK);
  LQ_CHECK(!memcmp(&receipt, &again, sizeof receipt));
}

/* A checkpoint that is read, and signed again without what stands beside it, is the same. */
static void head_is_one(const lq_audit_head *head, const lq_note_key *key, lq_signer *signer) {
  char note[LQ_NOTE_HEAD_BYTES];
  lq_audit_head again;
  lq_writer w = lq_writer_of(note, sizeof note);
  if (lq_audit_head_sign(head, key, signer, &w)) return; /* an origin that is no key's name */
  LQ_CHECK(lq_audit_head_read(lq_writer_span(&w), &again) == LQ_OK);
  LQ_CHECK(!memcmp(head, &again, sizeof *head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lq_signer *signer;
  static lq_note_key key;
  if (!signer) {
    static const uint8_t seed[32] = {7};
    uint8_t public_key[32];
    LQ_CHECK(lq_signer_open(seed, &signer) == LQ_OK);
    lq_signer_public(signer, public_key);
    LQ_CHECK(lq_note_key_make("server/acme", public_key, &key) == LQ_OK);
  }
  lq_span bytes = lq_span_of(data, size), text;
  lq_audit_head head;
  key_is_one(bytes);
  receipt_is_one(bytes);
  if (lq_audit_head_read(bytes, &head) == LQ_OK) head_is_one(&head, &key, signer);
  if (size > LQ_NOTE_BYTES_MAX) return 0;
  uint8_t *note = malloc(size + 4096);
  if (!note) return 0;
  lq_writer w = lq_writer_of(note, size + 4096);
  if (lq_note_sign(bytes, &key, signer, &w) == LQ_OK && w.bytes <= LQ_NOTE_BYTES_MAX) {
    LQ_CHECK(lq_note_open(lq_writer_span(&w), &key, &text) == LQ_OK);
    LQ_CHECK(lq_span_equal(text, bytes));
    lq_err err = lq_audit_head_open(lq_writer_span(&w), &key, &head);
    LQ_CHECK(err == LQ_OK || err == LQ_ERR_SYNTAX || err == LQ_ERR_UNAUTHORIZED);
  }
  w = lq_writer_of(note, size + 4096);
  if (lq_note_cosign(bytes, &w) == LQ_OK) LQ_CHECK(w.bytes == size);
  free(note);
  return 0;
}
