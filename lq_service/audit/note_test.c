/* Signed notes against the vector of Go's sumdb/note and the examples of C2SP; checkpoints;
 * receipts.
 */
#include "lq_service/audit/audit_testing.h"
#include "tests/lq_test.h"

#define DASH "\xe2\x80\x94 "
/* golang.org/x/mod/sumdb/note, note_test.go. */
static const char peter_key[] =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
static const char peter_seed[] = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"; /* 1, then 32 */
static const char peter_text[] = "If you think cryptography is the answer to your problem,\n"
                                 "then you don't know what your problem is.\n";
static const char peter_line[] =
    DASH "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
         "Zb6KE6RyyBwJnAM=\n";

static lq_note_key key_of(const char *text) {
  lq_note_key key;
  assert_ok(lq_note_key_read(lq_span_text(text), &key));
  return key;
}

LQ_TEST(key_text_is_read_and_written_the_same) {
  char text[LQ_NOTE_KEY_TEXT_BYTES];
  lq_note_key key = key_of(peter_key);
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_note_key_write(&key, &w);
  assert_true(lq_span_is(lq_writer_span(&w), peter_key));
  assert_string_equal(key.name, "PeterNeumann");
}

LQ_TEST(mangled_key_text_is_refused) {
  lq_note_key key;
  size_t bytes = sizeof peter_key - 1;
  char text[sizeof peter_key];
  for (size_t first = 0; first <= bytes; first++)
    for (size_t end = first; end <= bytes; end++)
      if (first != 0 || end != bytes)
        assert_int_equal(lq_note_key_read(lq_span_of(peter_key + first, end - first), &key),
                         LQ_ERR_INVALID);
  memcpy(text, peter_key, sizeof text);
  for (size_t i = 0; i < bytes; i++) {
    text[i]++;
    assert_int_equal(lq_note_key_read(lq_span_of(text, bytes), &key), LQ_ERR_INVALID);
    text[i]--;
  }
  /* Of another length or kind, with the id made right. */
  static const char *const wrong[] = {
      "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
      "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", ""};
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(lq_note_key_read(lq_span_text(wrong[i]), &key), LQ_ERR_INVALID);
  assert_ok(lq_note_key_read(lq_span_text(" \nPeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmq"
                                          "q/LDE4izWy10TW\r\n"),
                             &key));
}

LQ_TEST(names_with_spaces_or_plus_are_none) {
  static const char *const wrong[] = {"",
                                      "a b",
                                      "a+b",
                                      "a\nb",
                                      "a\xc2\xa0"
                                      "b",
                                      "\xe2\x80\x83x",
                                      "\xe3\x80\x80",
                                      "\xff"};
  uint8_t public_key[32] = {1};
  lq_note_key key;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    assert_int_equal(lq_note_key_make(wrong[i], public_key, &key), LQ_ERR_INVALID);
  assert_ok(lq_note_key_make("\xc3\xa9t\xc3\xa9.example/acme", public_key, &key));
}

LQ_TEST(note_is_signed_as_go_signs_it) {
  uint8_t seed[33];
  size_t bytes;
  char note[1024], want[1024];
  assert_true(lq_base64_read(lq_span_text(peter_seed), seed, sizeof seed, &bytes) && bytes == 33);
  lq_signer *signer;
  lq_note_key key = key_of(peter_key);
  assert_ok(lq_signer_open(seed + 1, &signer));
  lq_writer w = lq_writer_of(note, sizeof note), v = lq_writer_of(want, sizeof want);
  assert_ok(lq_note_sign(lq_span_text(peter_text), &key, signer, &w));
  lq_write_text(&v, peter_text);
  lq_write_text(&v, "\n");
  lq_write_text(&v, peter_line);
  assert_true(lq_span_equal(lq_writer_span(&w), lq_writer_span(&v)));
  lq_span text;
  assert_ok(lq_note_open(lq_writer_span(&w), &key, &text));
  assert_true(lq_span_is(text, peter_text));
  lq_signer_close(signer);
}

static lq_err opened(const lq_note_key *key, const char *a, const char *b, const char *c) {
  char note[4096];
  lq_span text;
  lq_writer w = lq_writer_of(note, sizeof note);
  lq_write_text(&w, a);
  lq_write_text(&w, b);
  lq_write_text(&w, c);
  return lq_note_open(lq_writer_span(&w), key, &text);
}

LQ_TEST(signatures_of_others_are_ignored_and_ours_must_be_good) {
  static const char other[] = DASH
      "EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33"
      "WWd1RvMc+QQ=\n";
  static const char forged[] = DASH
      "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
      "RZb6KE6RyyBwJnAA=\n";
  lq_note_key key = key_of(peter_key), same_id = key;
  char body[256];
  (void)lq_text_copy(body, sizeof body, lq_span_text(peter_text));
  strcat(body, "\n");
  assert_ok(opened(&key, body, other, peter_line));
  assert_ok(opened(&key, body, peter_line, other));
  assert_ok(opened(&key, body, peter_line, peter_line));
  assert_int_equal(opened(&key, body, other, ""), LQ_ERR_UNAUTHORIZED);
  assert_int_equal(opened(&key, body, forged, ""), LQ_ERR_UNAUTHORIZED);
  assert_int_equal(opened(&key, body, peter_line, forged), LQ_ERR_UNAUTHORIZED);
  assert_int_equal(opened(&key, body, forged, peter_line), LQ_ERR_UNAUTHORIZED);
  memcpy(same_id.name, "EnochRoot", 10); /* its id alone is not the key */
  assert_int_equal(opened(&same_id, body, peter_line, ""), LQ_ERR_UNAUTHORIZED);
}

LQ_TEST(notes_of_no_form_are_refused) {
  static const char line[] = DASH "PeterNeumann x08go/ZJkg==\n";
  lq_note_key key = key_of(peter_key);
  assert_int_equal(opened(&key, "", "", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n", "", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", "", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "\n", line, ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "te\txt\n\n", line, ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "te\xff\n\n", line, ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", "PeterNeumann x08go/ZJkg==\n", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", DASH "Peter+N x08go/ZJkg==\n", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", DASH "PeterN x08go/ZJkg\n", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", DASH "PeterN x08gow==\n", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", DASH "PeterN \n", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", DASH "PeterN x08go/ZJkg==", ""), LQ_ERR_SYNTAX);
  assert_int_equal(opened(&key, "text\n\n", line, ""), LQ_ERR_UNAUTHORIZED); /* short */
  char many[64 * 40 + 100] = "text\n\n";
  for (int i = 0; i < 65; i++) strcat(many, DASH "PeterN x08go/ZJkg==\n");
  assert_int_equal(opened(&key, many, "", ""), LQ_ERR_TOO_BIG);
  static uint8_t big[LQ_NOTE_BYTES_MAX + 1];
  lq_span text;
  assert_int_equal(lq_note_open(lq_span_of(big, sizeof big), &key, &text), LQ_ERR_TOO_BIG);
}

/* The examples of the specifications: their keys are not told, so only the form is held. */
LQ_TEST(checkpoints_of_the_specification_are_read) {
  static const char *const notes[] = {
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" DASH
      "example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
      "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n",
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" DASH
      "example.com/behind-the-sofa "
      "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
      "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" DASH "witness.example.com/w1 "
      "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+"
      "mbIUBkBIfZ+qnA==\n"};
  for (size_t i = 0; i < 2; i++) {
    lq_audit_head head;
    assert_ok(lq_audit_head_read(lq_span_text(notes[i]), &head));
    assert_string_equal(head.origin, "example.com/behind-the-sofa");
    assert_int_equal(head.size, 20852163);
    assert_int_equal(head.root.bytes[0], 0x0a);
    assert_int_equal(head.root.bytes[31], 0x62);
  }
}

static lq_writer head_note(const pen *p, char *memory, size_t bytes) {
  lq_audit_head head = {.origin = "server/acme", .size = 123456789};
  memset(head.root.bytes, 0x5a, 32);
  lq_writer w = lq_writer_of(memory, bytes);
  assert_ok(lq_audit_head_sign(&head, &p->key, p->signer, &w));
  return w;
}

LQ_TEST(checkpoint_comes_back_and_each_flipped_bit_is_seen) {
  pen p = pen_take("server/acme", 3);
  char note[1024];
  lq_audit_head head;
  lq_writer w = head_note(&p, note, sizeof note);
  assert_ok(lq_audit_head_open(lq_writer_span(&w), &p.key, &head));
  assert_string_equal(head.origin, "server/acme");
  assert_int_equal(head.size, 123456789);
  assert_int_equal(head.root.bytes[31], 0x5a);
  for (size_t bit = 0; bit < w.bytes * 8; bit++) {
    note[bit / 8] ^= (char)(1u << bit % 8);
    assert_int_not_equal(lq_audit_head_open(lq_writer_span(&w), &p.key, &head), LQ_OK);
    note[bit / 8] ^= (char)(1u << bit % 8);
  }
  for (size_t bytes = 0; bytes < w.bytes; bytes++)
    assert_int_not_equal(lq_audit_head_open(lq_span_of(note, bytes), &p.key, &head), LQ_OK);
  lq_signer_close(p.signer);
}

LQ_TEST(checkpoint_of_another_origin_or_key_is_refused) {
  pen p = pen_take("server/acme", 3), q = pen_take("server/bolt", 3),
      r = pen_take("server/acme", 4);
  char note[1024];
  lq_audit_head head;
  lq_writer w = head_note(&p, note, sizeof note);
  assert_int_equal(lq_audit_head_open(lq_writer_span(&w), &q.key, &head), LQ_ERR_UNAUTHORIZED);
  assert_int_equal(lq_audit_head_open(lq_writer_span(&w), &r.key, &head), LQ_ERR_UNAUTHORIZED);
  w = head_note(&q, note, sizeof note); /* signed by bolt's key, with acme's origin */
  assert_int_equal(lq_audit_head_open(lq_writer_span(&w), &q.key, &head), LQ_ERR_UNAUTHORIZED);
  lq_signer_close(p.signer), lq_signer_close(q.signer), lq_signer_close(r.signer);
}

LQ_TEST(checkpoint_text_is_strict) {
  static const char *const wrong[] = {
      "server/acme\n1\n",
      "server/acme\n01\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
      "server/acme\n+1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
      "server/acme\n\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
      "server/acme\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
      "server/acme\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
      "server/acme\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n",
      "server/acme\n999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
      "server/acme\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
      "server/acme\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\nmore\n"};
  pen p = pen_take("server/acme", 3);
  lq_audit_head head;
  char note[1024];
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    lq_writer w = lq_writer_of(note, sizeof note);
    assert_ok(lq_note_sign(lq_span_text(wrong[i]), &p.key, p.signer, &w));
    assert_int_equal(lq_audit_head_open(lq_writer_span(&w), &p.key, &head), LQ_ERR_SYNTAX);
    assert_int_equal(lq_audit_head_read(lq_writer_span(&w), &head), LQ_ERR_SYNTAX);
  }
  lq_signer_close(p.signer);
}

LQ_TEST(cosignatures_are_kept) {
  static const char line[] = DASH
      "witness.example.com/w1 "
      "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+"
      "mbIUBkBIfZ+qnA==\n";
  pen p = pen_take("server/acme", 3);
  char note[1024];
  lq_audit_head head;
  lq_writer w = head_note(&p, note, sizeof note);
  size_t before = w.bytes;
  assert_int_equal(lq_note_cosign(lq_span_text("no signature\n"), &w), LQ_ERR_SYNTAX);
  assert_int_equal(lq_note_cosign((lq_span){0}, &w), LQ_ERR_SYNTAX);
  assert_int_equal(w.bytes, before);
  assert_ok(lq_note_cosign(lq_span_text(line), &w));
  assert_int_equal(w.bytes, before + sizeof line - 1);
  assert_ok(lq_audit_head_open(lq_writer_span(&w), &p.key, &head));
  assert_int_equal(head.size, 123456789);
  lq_signer_close(p.signer);
}

/* ---- receipts ---- */

LQ_TEST(receipt_comes_back_and_verifies_for_what_it_says_alone) {
  pen p = pen_take("server/acme", 3), q = pen_take("server/acme", 4);
  pen bolt = pen_take("server/bolt", 3); /* the same key, under another name */
  lq_audit_receipt r = {.index = 77, .time_ms = 1767225600123u}, back;
  r.leaf = lq_tree_leaf(lq_span_text("leaf"));
  lq_audit_receipt_sign(&r, &p.key, p.signer);
  char json[1024];
  lq_writer w = lq_writer_of(json, sizeof json);
  lq_audit_receipt_json(&r, &w);
  assert_ok(lq_audit_receipt_read(lq_writer_span(&w), &back));
  assert_memory_equal(&back, &r, sizeof r);
  assert_true(lq_audit_receipt_verify(&back, &p.key));
  assert_false(lq_audit_receipt_verify(&back, &q.key));
  assert_false(lq_audit_receipt_verify(&back, &bolt.key));
  back.index++;
  assert_false(lq_audit_receipt_verify(&back, &p.key));
  back = r, back.time_ms++;
  assert_false(lq_audit_receipt_verify(&back, &p.key));
  back = r, back.leaf.bytes[0] ^= 1;
  assert_false(lq_audit_receipt_verify(&back, &p.key));
  for (size_t bytes = 0; bytes < w.bytes; bytes++)
    assert_int_equal(lq_audit_receipt_read(lq_span_of(json, bytes), &back), LQ_ERR_INVALID);
  lq_signer_close(p.signer), lq_signer_close(q.signer), lq_signer_close(bolt.signer);
}

/* What is signed as a receipt is never a checkpoint, whatever its fields say. */
LQ_TEST(receipt_is_no_checkpoint) {
  pen p = pen_take("server/acme", 3);
  lq_audit_receipt r = {.index = 1};
  lq_audit_receipt_sign(&r, &p.key, p.signer);
  char note[1024], base64[96];
  uint8_t blob[68];
  memcpy(blob, p.key.id, 4);
  memcpy(blob + 4, r.signature, 64);
  size_t bytes = lq_base64(blob, sizeof blob, base64, sizeof base64);
  lq_writer w = lq_writer_of(note, sizeof note);
  lq_write_text(&w, "ledgerquest receipt v1\nserver/acme\n1\n"
                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n0\n\n" DASH "server/acme ");
  lq_write_bytes(&w, base64, bytes);
  lq_write_text(&w, "\n");
  lq_audit_head head;
  lq_span text;
  assert_ok(lq_note_open(lq_writer_span(&w), &p.key, &text)); /* the signature is good */
  assert_int_equal(lq_audit_head_open(lq_writer_span(&w), &p.key, &head), LQ_ERR_SYNTAX);
  lq_signer_close(p.signer);
}
