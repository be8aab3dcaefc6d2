/* Signed checkpoints of a tree: a C2SP signed-note whose text is a C2SP tlog-checkpoint, and
 * receipts for single leaves.
 *
 * A checkpoint's text is three lines: origin ("<server>/<tenant>"), size, root in base64; then an
 * empty line and signature lines. The key's name is the origin. Signatures of others (witnesses)
 * may stand beside ours; they are kept and not judged. Strict; nothing allocates. Source:
 * c2sp.org/signed-note, c2sp.org/tlog-checkpoint. */
#ifndef LQ_SERVICE_AUDIT_NOTE_H
#define LQ_SERVICE_AUDIT_NOTE_H

#include "lq_host/crypto.h"
#include "lq_service/audit/tree.h"

#define LQ_NOTE_NAME_BYTES 192u       /* a key's name, or an origin, with its NUL */
#define LQ_NOTE_BYTES_MAX (64u << 10) /* a note with all its signatures */
#define LQ_NOTE_SIGNATURES_MAX 64u    /* lines of one note */
#define LQ_NOTE_KEY_TEXT_BYTES (LQ_NOTE_NAME_BYTES + 64u)
#define LQ_NOTE_HEAD_BYTES 1024u /* no checkpoint with our signature alone is longer */

/* Whoever verifies knows this much. Text: "<name>+<8 hex digits of the id>+<base64 of 1 and key>".
 */
typedef struct lq_note_key {
  char name[LQ_NOTE_NAME_BYTES];
  uint8_t id[4]; /* the beginning of SHA-256(name, newline, 1, key) */
  uint8_t public_key[32];
} lq_note_key;
/* name: UTF-8 without spaces and plus. LQ_ERR_INVALID. */
LQ_MUST lq_err lq_note_key_make(const char *name, const uint8_t public_key[32], lq_note_key *out);
/* Spaces and newlines around it are left out. LQ_ERR_INVALID. */
LQ_MUST lq_err lq_note_key_read(lq_span text, lq_note_key *out);
void lq_note_key_write(const lq_note_key *key, lq_writer *out);

/* ---- notes in general ---- */
/* text: ends in a newline; the signer's public key is key's. LQ_ERR_INVALID, LQ_ERR_FULL. */
LQ_MUST lq_err lq_note_sign(lq_span text, const lq_note_key *key, lq_signer *signer,
                            lq_writer *out);
/* The text of a note that `key` signed, borrowed. LQ_ERR_SYNTAX, LQ_ERR_TOO_BIG;
 * LQ_ERR_UNAUTHORIZED: no signature of it by that key verifies, or one does not. */
LQ_MUST lq_err lq_note_open(lq_span note, const lq_note_key *key, lq_span *text);
/* Appends another's signature lines, as a witness answers them. LQ_ERR_SYNTAX, LQ_ERR_FULL. */
LQ_MUST lq_err lq_note_cosign(lq_span lines, lq_writer *note);

/* ---- checkpoints ---- */
typedef struct lq_audit_head {
  char origin[LQ_NOTE_NAME_BYTES];
  uint64_t size;
  lq_sha256 root;
} lq_audit_head;
LQ_MUST lq_err lq_audit_head_sign(const lq_audit_head *head, const lq_note_key *key,
                                  lq_signer *signer, lq_writer *out);
/* As lq_note_open; the key's name must be the origin (else LQ_ERR_UNAUTHORIZED). */
LQ_MUST lq_err lq_audit_head_open(lq_span note, const lq_note_key *key, lq_audit_head *out);
/* Without a signature's check: for what is compared with the log itself. */
LQ_MUST lq_err lq_audit_head_read(lq_span note, lq_audit_head *out);

/* ---- receipts ---- */
/* The server's word that a leaf was committed as number `index`: worth as much as the signature,
 * until a checkpoint of more leaves and an inclusion proof make it good. Signed is the text
 * "ledgerquest receipt v1", origin, index, base64 of the leaf's hash, time: a line each. */
typedef struct lq_audit_receipt {
  char origin[LQ_NOTE_NAME_BYTES];
  uint64_t index, time_ms;
  lq_sha256 leaf;
  uint8_t key_id[4], signature[LQ_SIGNATURE_BYTES];
} lq_audit_receipt;
void lq_audit_receipt_sign(lq_audit_receipt *receipt, const lq_note_key *key, lq_signer *signer);
bool lq_audit_receipt_verify(const lq_audit_receipt *receipt, const lq_note_key *key);
void lq_audit_receipt_json(const lq_audit_receipt *receipt, lq_writer *out);
LQ_MUST lq_err lq_audit_receipt_read(lq_span json, lq_audit_receipt *out); /* LQ_ERR_INVALID */

#endif
