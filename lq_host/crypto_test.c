/* Sealing, signing and deriving against published vectors, and against what the openssl and argon2
 * commands made; then one flipped bit anywhere, wrong lengths, and keys that are none. */
#include "lq_host/crypto.h"
#include "tests/lq_test.h"

#include <stdlib.h>
#include <sys/resource.h>

/* Hex to bytes, which stay until 16 KiB more were asked for. */
static lq_span hex(const char *text) {
  static uint8_t room[32768];
  static size_t used;
  size_t bytes = strlen(text) / 2;
  assert_true(bytes < sizeof room / 2);
  if (used + bytes > sizeof room) used = 0;
  uint8_t *out = room + used;
  used += bytes;
  assert_true(lq_unhex(lq_span_text(text), out, bytes));
  return lq_span_of(out, bytes);
}
static void assert_bytes(const uint8_t *data, const char *wanted) {
  lq_span w = hex(wanted);
  assert_memory_equal(data, w.data, w.bytes);
}

/* ---- AES-256-GCM ---- */

/* McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 13, 14 and 16. */
static const struct gcm_case {
  const char *key, *nonce, *context, *text, *sealed, *tag;
} gcm_cases[] = {{"0000000000000000000000000000000000000000000000000000000000000000",
                  "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
                 {"0000000000000000000000000000000000000000000000000000000000000000",
                  "000000000000000000000000", "", "00000000000000000000000000000000",
                  "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"},
                 {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                  "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
                  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                  "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
                  "76fc6ece0f4e1768cddf8853bb2d551b"}};

LQ_TEST(sealing_gives_the_vectors_of_gcm_one_after_another_and_in_place) {
  for (size_t i = 0; i < sizeof gcm_cases / sizeof gcm_cases[0]; i++) {
    const struct gcm_case *c = &gcm_cases[i];
    lq_span nonce = hex(c->nonce), context = hex(c->context), text = hex(c->text);
    uint8_t out[64], tag[LQ_TAG_BYTES];
    lq_aead *aead;
    assert_ok(lq_aead_open(hex(c->key).data, &aead));
    for (int again = 0; again < 3; again++) {
      memcpy(out, text.data, text.bytes);
      assert_ok(lq_aead_seal(aead, nonce.data, context, lq_span_of(out, text.bytes), out, tag));
      assert_bytes(out, c->sealed);
      assert_bytes(tag, c->tag);
      assert_ok(lq_aead_unseal(aead, nonce.data, context, lq_span_of(out, text.bytes), tag, out));
      assert_bytes(out, c->text);
    }
    lq_aead_close(aead);
  }
}

LQ_TEST(one_flipped_bit_anywhere_does_not_open_and_leaves_nothing) {
  const struct gcm_case *c = &gcm_cases[2];
  struct {
    uint8_t key[LQ_KEY_BYTES], nonce[LQ_NONCE_BYTES], context[20], sealed[60], tag[LQ_TAG_BYTES];
  } all;
  memcpy(all.key, hex(c->key).data, sizeof all.key);
  memcpy(all.nonce, hex(c->nonce).data, sizeof all.nonce);
  memcpy(all.context, hex(c->context).data, sizeof all.context);
  memcpy(all.sealed, hex(c->sealed).data, sizeof all.sealed);
  memcpy(all.tag, hex(c->tag).data, sizeof all.tag);
  static const uint8_t zeros[sizeof all.sealed];
  for (size_t bit = 0; bit <= 8 * sizeof all; bit++) {
    uint8_t out[sizeof all.sealed];
    uint8_t *byte = (uint8_t *)&all + bit / 8;
    bool flipped = bit < 8 * sizeof all;
    if (flipped) *byte ^= (uint8_t)(1 << bit % 8);
    lq_aead *aead;
    assert_ok(lq_aead_open(all.key, &aead));
    assert_int_equal(lq_aead_unseal(aead, all.nonce, lq_span_of(all.context, sizeof all.context),
                                    lq_span_of(all.sealed, sizeof all.sealed), all.tag, out),
                     flipped ? LQ_ERR_CORRUPT : LQ_OK);
    if (flipped) assert_memory_equal(out, zeros, sizeof out);
    lq_aead_close(aead);
    if (flipped) *byte ^= (uint8_t)(1 << bit % 8);
  }
}

LQ_TEST(shorter_or_longer_than_sealed_does_not_open) {
  static const uint8_t key[LQ_KEY_BYTES] = {1}, nonce[LQ_NONCE_BYTES] = {2};
  uint8_t sealed[40] = {0}, out[40], tag[LQ_TAG_BYTES];
  lq_aead *aead;
  assert_ok(lq_aead_open(key, &aead));
  lq_span about = lq_span_text("about");
  assert_ok(lq_aead_seal(aead, nonce, about, lq_span_text("thirty-two bytes of secret text!"),
                         sealed, tag));
  for (size_t bytes = 0; bytes <= sizeof sealed; bytes++)
    assert_int_equal(lq_aead_unseal(aead, nonce, about, lq_span_of(sealed, bytes), tag, out),
                     bytes == 32 ? LQ_OK : LQ_ERR_CORRUPT);
  for (size_t bytes = 0; bytes < about.bytes; bytes++)
    assert_int_equal(lq_aead_unseal(aead, nonce, lq_span_of(about.data, bytes),
                                    lq_span_of(sealed, 32), tag, out),
                     LQ_ERR_CORRUPT);
  /* A refusal leaves the handle as good as it was. */
  assert_ok(lq_aead_unseal(aead, nonce, about, lq_span_of(sealed, 32), tag, out));
  lq_aead_close(aead);
  lq_aead_close(NULL);
}

LQ_TEST(wiping_leaves_zeros_in_what_was_named_and_nowhere_else) {
  uint8_t secret[34];
  memset(secret, 0xaa, sizeof secret);
  lq_wipe(secret + 1, 32);
  assert_int_equal(secret[0], 0xaa);
  assert_int_equal(secret[33], 0xaa);
  for (int i = 1; i < 33; i++) assert_int_equal(secret[i], 0);
}

/* ---- deriving ---- */

LQ_TEST(hkdf_sha256_gives_the_vectors_of_rfc_5869) {
  uint8_t out[82], long_key[80], long_salt[80], long_info[80];
  lq_span key = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
  lq_hkdf_sha256(key, hex("000102030405060708090a0b0c"), hex("f0f1f2f3f4f5f6f7f8f9"), out, 42);
  assert_bytes(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                    "34007208d5b887185865");
  for (int i = 0; i < 80; i++) {
    long_key[i] = (uint8_t)i;
    long_salt[i] = (uint8_t)(0x60 + i);
    long_info[i] = (uint8_t)(0xb0 + i);
  }
  lq_hkdf_sha256(lq_span_of(long_key, 80), lq_span_of(long_salt, 80), lq_span_of(long_info, 80),
                 out, 82);
  assert_bytes(out, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                    "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                    "cc30c58179ec3e87c14c01d5c1f3434f1d87");
  lq_hkdf_sha256(key, (lq_span){0}, (lq_span){0}, out, 42);
  assert_bytes(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                    "9d201395faa4b61a96c8");
}

/* openssl kdf -keylen 82 -kdfopt digest:SHA512 -kdfopt hexkey:... HKDF */
LQ_TEST(hkdf_sha512_gives_what_the_openssl_command_gives) {
  uint8_t out[82], key[80];
  for (int i = 0; i < 80; i++) key[i] = (uint8_t)i;
  lq_hkdf_sha512(lq_span_of(key, 80), hex("606162636465666768696a6b6c6d6e6f"),
                 hex("b0b1b2b3b4b5b6b7"), out, 82);
  assert_bytes(out, "b54f3044ff2b5a4dcfbd9a7b09a537f618f922092e97746a03cedd5dde79efc9"
                    "127cc69be37cff2b9b80a43d4551afb9179373fcb3ad5a15d61f922ea247577e"
                    "8c28bf6a6db73739f7647e90e55298673937");
}

/* printf password | argon2 somesaltsomesalt -id -t 2 -k 64 -p 1 -l 32 -r */
LQ_TEST(argon2id_gives_what_the_reference_command_gives) {
  uint8_t out[32];
  assert_ok(lq_argon2id(lq_span_text("password"), (const uint8_t *)"somesaltsomesalt", 2, 64, out));
  assert_bytes(out, "1a98fba8e6394425c9bdc333a9c750aaf811df070f5fb4a5788e1cf4db5793a1");
  assert_ok(lq_argon2id(lq_span_text("correct horse battery staple"),
                        (const uint8_t *)"0123456789abcdef", 1, 8, out));
  assert_bytes(out, "5dd4c928fbd5a4474236ef76d9d8304178fe5df3884d2d383e91b7703327e6c1");
}

LQ_TEST(argon2id_without_its_memory_is_an_error_and_no_key) {
  static const uint8_t zeros[32];
  uint8_t out[32], *text;
  size_t bytes;
  struct rlimit before, low;
  assert_ok(lq_file_read("/proc/self/statm", 4096, &text, &bytes));
  size_t mapped_bytes = strtoul((char *)text, NULL, 10) * 4096;
  lq_file_free(text);
  assert_ok(getrlimit(RLIMIT_AS, &before));
  low = (struct rlimit){mapped_bytes + (1u << 30), before.rlim_max};
  assert_ok(setrlimit(RLIMIT_AS, &low));
  lq_err err =
      lq_argon2id(lq_span_text("password"), (const uint8_t *)"somesaltsomesalt", 1, 4u << 20, out);
  assert_ok(setrlimit(RLIMIT_AS, &before));
  assert_int_equal(err, LQ_ERR_MEMORY);
  assert_memory_equal(out, zeros, 32);
}

/* ---- Ed25519 ---- */

LQ_TEST(ed25519_gives_the_vectors_of_rfc_8032) {
  static const struct {
    const char *seed, *public_key, *text, *signature;
  } cases[] = {{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
               {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
               {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
                "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t out[LQ_SIGNATURE_BYTES];
    lq_signer *signer;
    assert_ok(lq_signer_open(hex(cases[i].seed).data, &signer));
    lq_signer_public(signer, out);
    assert_bytes(out, cases[i].public_key);
    for (int again = 0; again < 2; again++) {
      lq_signer_sign(signer, hex(cases[i].text), out);
      assert_bytes(out, cases[i].signature);
    }
    lq_signer_close(signer);
  }
}

LQ_TEST(one_flipped_bit_of_key_text_or_signature_does_not_verify) {
  struct {
    uint8_t public_key[32], text[12], signature[LQ_SIGNATURE_BYTES];
  } all;
  static const uint8_t seed[32] = {7};
  lq_signer *signer;
  assert_ok(lq_signer_open(seed, &signer));
  lq_signer_public(signer, all.public_key);
  memcpy(all.text, "twelve bytes", sizeof all.text);
  lq_signer_sign(signer, lq_span_of(all.text, sizeof all.text), all.signature);
  lq_signer_close(signer);
  lq_span text = lq_span_of(all.text, sizeof all.text);
  assert_true(lq_ed25519_verify(all.public_key, text, all.signature));
  for (size_t bit = 0; bit < 8 * sizeof all; bit++) {
    uint8_t *byte = (uint8_t *)&all + bit / 8;
    *byte ^= (uint8_t)(1 << bit % 8);
    assert_false(lq_ed25519_verify(all.public_key, text, all.signature));
    *byte ^= (uint8_t)(1 << bit % 8);
  }
  assert_false(lq_ed25519_verify(all.public_key, lq_span_of(all.text, 11), all.signature));
}

LQ_TEST(a_signature_has_one_form) {
  /* S + L verifies too where the check of RFC 8032 section 5.1.7 is left out. */
  lq_span key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  lq_span order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  uint8_t signature[LQ_SIGNATURE_BYTES];
  memcpy(signature,
         hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
             "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
             .data,
         sizeof signature);
  assert_true(lq_ed25519_verify(key.data, lq_span_text("r"), signature));
  unsigned carry = 0;
  for (size_t i = 0; i < 32; i++) {
    carry += (unsigned)signature[32 + i] + order.data[i];
    signature[32 + i] = (uint8_t)carry;
    carry >>= 8;
  }
  assert_false(lq_ed25519_verify(key.data, lq_span_text("r"), signature));
}

/* ---- others' signatures: keys and signatures of the openssl command, over "a text to sign" ----
 */

static const char rsa_2048_modulus[] =
    "a86da38a86cb7be42fa61d01a5e8a082e48c2fe7a83805d89cec276f8ede21e0f3c1a55d26d2f153"
    "1b2efef713ac592db80201b538d140cb28f10068958ab973a269ae5a2a8f00d4d9947b1cd23fc6d4"
    "5e014677a2c29348aeaf89c286910d64bb0f2840c9db7f58ff3ee77ff5daffdba0abfda176a63476"
    "513ae6d51106dadc1473977b6b9f0ac757a0aaf9dddd7f45e63e4fc6e1d1c84f91564fc3bfb579f8"
    "fe8ff981293a725a89b91122e6f14ab608dffd6abb41ec069e3ae80119b69ebb9c3a948d9bfaecee"
    "d449003363ec1230889a0d7933cb9769b05efeb3d07fc5f4a642693e91dbc443eddfb7b5a732a9a0"
    "d484b670cce541446b0bedf9c83fe98d";
static const char rsa_2048_signature[] =
    "81235e765d9bb001fca379522b938d3c2cf713f69044bf7fc47626910604e27db713fbb0451eb53e"
    "5afa558b90958a6cacef25e5a015f378d785fe788b896222c764af26662aa84c2871712482fd7bc4"
    "1d5bcaa34d20f9a47000eadec305088f5268af49c199154d3997eb823e53695873870087926a18b3"
    "bc89642b63e350b648924afcc2ee34ef1eb72af45728044c5f2b9bb2b0812833eb9dfe708558fe83"
    "dc355b7025019f5e548dddca96e50274788e0d2a61ae3cb58ca5f685f1775b3c7c5be0b7c7a5e73c"
    "5754ee630a80ab6be7daa21272cf57b2c21222376997edee828d2b5e88cdd969504b7ad2dbd93e58"
    "d7fb197da4d0de839ea21ad74d278d07";
static const char rsa_1024_modulus[] =
    "a1650e74175260fe80f7336595e1c3f6e5390d08d3124c09647abccdf0ce15653ecd8a49ad079042"
    "0cdd33444428209576602c1cde1d67f55abcf7f4262c592acd584ec6130e3ce6442a6588ad3e4afd"
    "d6c40534ed5e5090786950cce4344b75ff0e54684aa3a1468cb4207be8e847919e593c18c5bb97a7"
    "41a39411ea835e1f";
static const char rsa_1024_signature[] =
    "78a4c4bb4281bd37f2c04132531abb31aa9f91144ae95460dd20310d77216f2c27e84c457f83e316"
    "9a27c087d7a04d513a80e63ff9dc964130bfc0b6cfdc403f272c3024e4fe2f3b4fae3ddcab9c956a"
    "cc51ea60205ec856e65b50e189a8ce09f3b4cf5d154c12d63f0c4c099117c100dcc6666a05cc8924"
    "d5248b7987751242";
LQ_TEST(rsa_verifies_what_openssl_signed_and_no_flipped_bit) {
  lq_span n = hex(rsa_2048_modulus), e = hex("010001"), text = lq_span_text("a text to sign");
  lq_span good = hex(rsa_2048_signature);
  uint8_t signature[257] = {0};
  memcpy(signature, good.data, 256);
  assert_true(lq_rsa_sha256_verify(n, e, text, good));
  assert_false(lq_rsa_sha256_verify(n, hex("010003"), text, good));
  assert_false(lq_rsa_sha256_verify(n, e, lq_span_text("a text to sigh"), good));
  for (size_t bit = 0; bit < 8 * 256; bit += 37) {
    signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_false(lq_rsa_sha256_verify(n, e, text, lq_span_of(signature, 256)));
    signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
  assert_false(lq_rsa_sha256_verify(n, e, text, lq_span_of(signature, 255)));
  assert_false(lq_rsa_sha256_verify(n, e, text, lq_span_of(signature, 257)));
  assert_false(lq_rsa_sha256_verify(n, e, text, (lq_span){0}));
  assert_false(lq_rsa_sha256_verify((lq_span){0}, e, text, good));
  assert_false(lq_rsa_sha256_verify(n, (lq_span){0}, text, good));
}

LQ_TEST(rsa_keys_too_small_too_large_or_even_are_refused) {
  lq_span e = hex("010001"), text = lq_span_text("a text to sign");
  assert_false(lq_rsa_sha256_verify(hex(rsa_1024_modulus), e, text, hex(rsa_1024_signature)));
  uint8_t large[520];
  memset(large, 0xff, sizeof large);
  for (size_t bytes = 512; bytes <= sizeof large; bytes += 8)
    assert_false(lq_rsa_sha256_verify(lq_span_of(large, bytes), e, text, lq_span_of(large, bytes)));
  uint8_t even[256];
  memcpy(even, hex(rsa_2048_modulus).data, sizeof even);
  even[255] ^= 1;
  assert_false(lq_rsa_sha256_verify(lq_span_of(even, 256), e, text, hex(rsa_2048_signature)));
}

LQ_TEST(an_exponent_of_one_does_not_make_every_padding_a_signature) {
  lq_span text = lq_span_text("a text nobody signed");
  uint8_t padded[256];
  lq_span info = hex("3031300d060960864801650304020105000420");
  lq_sha256 digest = lq_sha256_of(text);
  memset(padded, 0xff, sizeof padded);
  padded[0] = 0;
  padded[1] = 1;
  padded[204] = 0;
  memcpy(padded + 205, info.data, info.bytes);
  memcpy(padded + 224, digest.bytes, 32);
  assert_false(
      lq_rsa_sha256_verify(hex(rsa_2048_modulus), hex("01"), text, lq_span_of(padded, 256)));
}

LQ_TEST(p256_verifies_what_openssl_signed_and_no_flipped_bit) {
  lq_span text = lq_span_text("a text to sign");
  struct {
    uint8_t x[32], y[32], signature[64];
  } all;
  memcpy(all.x, hex("faf1cc2b8bb970a54014b3d75ce7720c5095510660de1a5b2691a672ba588f3b").data, 32);
  memcpy(all.y, hex("3660e7da1c0c2cd07951e33ec1d6d5a371a5d2cc0e412ff0bd919ac91116a879").data, 32);
  memcpy(all.signature,
         hex("baec423a8b777b69e416066c4b45b980613f490cc68abd5b5710797e32444046"
             "051c788808ba6c9d8b7ab52d4a020faac563ff2f467b300ad138ba061fe2a123")
             .data,
         64);
  assert_true(lq_p256_sha256_verify(all.x, all.y, text, all.signature));
  assert_false(lq_p256_sha256_verify(all.x, all.y, lq_span_text("a text to sigh"), all.signature));
  for (size_t bit = 0; bit < 8 * sizeof all; bit += 3) {
    uint8_t *byte = (uint8_t *)&all + bit / 8;
    *byte ^= (uint8_t)(1 << bit % 8);
    assert_false(lq_p256_sha256_verify(all.x, all.y, text, all.signature));
    *byte ^= (uint8_t)(1 << bit % 8);
  }
  /* A number that begins with zeros: its DER form is shorter. */
  assert_true(
      lq_p256_sha256_verify(all.x, all.y, text,
                            hex("0030f1e4e404f962fd069041a6ed53ef6f4f85d95021108c4ede1269be079925"
                                "4328db21c1bcb0c3ac1e63338169052887b3222ec11cec0de152aa1d7950185b")
                                .data));
}

LQ_TEST(p256_refuses_zeros_and_points_off_the_curve) {
  static const uint8_t zeros[64];
  lq_span text = lq_span_text("a text to sign");
  lq_span x = hex("faf1cc2b8bb970a54014b3d75ce7720c5095510660de1a5b2691a672ba588f3b");
  lq_span y = hex("3660e7da1c0c2cd07951e33ec1d6d5a371a5d2cc0e412ff0bd919ac91116a879");
  assert_false(lq_p256_sha256_verify(x.data, y.data, text, zeros)); /* CVE-2022-21449 */
  assert_false(lq_p256_sha256_verify(zeros, zeros, text, zeros));
  assert_false(lq_p256_sha256_verify(y.data, x.data, text, zeros));
}

/* ---- text ---- */

LQ_TEST(base64url_reads_what_it_writes_and_nothing_else) {
  static const char *const wrong[] = {
      "Z",    "Zm9vY",  "Zh",    "Zm9",   "Zg==",  "Zm8=",      "-_-+",
      "-_-/", "Zm9v\n", " Zm9v", "Zm 9v", "Zm9vZ", "Z\xc3\xa9g"};
  uint8_t data[64], out[64];
  char text[96];
  size_t bytes;
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 37 + 250);
  for (size_t i = 0; i <= sizeof data; i++) {
    size_t length = lq_base64url(data, i, text, sizeof text);
    assert_true(lq_base64url_read(lq_span_of(text, length), out, i, &bytes));
    assert_int_equal(bytes, i);
    assert_memory_equal(out, data, i);
    if (i) assert_false(lq_base64url_read(lq_span_of(text, length), out, i - 1, &bytes));
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    assert_false(lq_base64url_read(lq_span_text(wrong[i]), out, sizeof out, &bytes));
    assert_int_equal(bytes, 0);
  }
  assert_false(lq_base64url_read(lq_span_of("Zm\0v", 4), out, sizeof out, &bytes));
}

LQ_TEST(base64_gives_the_vectors_of_rfc_4648_and_reads_them_alone) {
  static const struct {
    const char *in, *out;
  } cases[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"},
               {"\xfb\xff\xbf", "+/+/"}};
  static const char *const wrong[] = {"Zg",   "Zg=",      "Zh==",     "Zm9=",  "Z===", "====",  "=",
                                      "-_-_", "Zg==Zg==", "Zm9v====", "Zm9v=", "Z=g=", "Zm8=\n"};
  char text[16];
  uint8_t out[16];
  size_t bytes;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t length = strlen(cases[i].out);
    assert_int_equal(
        lq_base64((const uint8_t *)cases[i].in, strlen(cases[i].in), text, sizeof text), length);
    assert_string_equal(text, cases[i].out);
    if (length)
      assert_int_equal(lq_base64((const uint8_t *)cases[i].in, strlen(cases[i].in), text, length),
                       0);
    assert_true(lq_base64_read(lq_span_text(cases[i].out), out, sizeof out, &bytes));
    assert_true(lq_span_is(lq_span_of(out, bytes), cases[i].in));
  }
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_false(lq_base64_read(lq_span_text(wrong[i]), out, sizeof out, &bytes));
}
