/* The parts of apps/wasm/libc.c that can be wrong, natively and against the C library and the
 * compiler's own 128 bits. Under other names, so that nothing else gets to use them. */
#include "lq_base/random.h"
#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define memcmp own_memcmp
#define memchr own_memchr
#define strlen own_strlen
#define strcmp own_strcmp
#define strncmp own_strncmp
#define strchr own_strchr
#define vsnprintf own_vsnprintf
int own_memcmp(const void *a, const void *b, size_t bytes);
void *own_memchr(const void *in, int byte, size_t bytes);
size_t own_strlen(const char *text);
int own_strcmp(const char *a, const char *b);
int own_strncmp(const char *a, const char *b, size_t bytes);
char *own_strchr(const char *text, int byte);
int own_vsnprintf(char *out, size_t capacity, const char *format, va_list args);
#include "apps/wasm/libc.c"
#undef memcmp
#undef memchr
#undef strlen
#undef strcmp
#undef strncmp
#undef strchr
#undef vsnprintf

static int sign(int v) { return (v > 0) - (v < 0); }

LQ_TEST(texts_and_memory_compare_as_in_c) {
  lq_prng r;
  char a[12], b[12];
  lq_prng_seed(&r, 1);
  for (uint32_t n = 0; n < 200000; n++) {
    for (uint32_t i = 0; i < 11; i++) { /* few letters, one above 127: much is equal */
      a[i] = "ab\xe9\0"[lq_prng_below(&r, 4)];
      b[i] = lq_prng_below(&r, 4) ? a[i] : "ab\xe9\0"[lq_prng_below(&r, 4)];
    }
    a[11] = b[11] = 0;
    size_t bytes = lq_prng_below(&r, 13);
    int byte = "ab\xe9\0"[lq_prng_below(&r, 4)];
    assert_int_equal(sign(own_memcmp(a, b, bytes)), sign(memcmp(a, b, bytes)));
    assert_int_equal(sign(own_strcmp(a, b)), sign(strcmp(a, b)));
    assert_int_equal(sign(own_strncmp(a, b, bytes)), sign(strncmp(a, b, bytes)));
    assert_int_equal(own_strlen(a), strlen(a));
    assert_ptr_equal(own_strchr(a, byte), strchr(a, byte));
    assert_ptr_equal(own_memchr(a, byte, bytes < 12 ? bytes : 12),
                     memchr(a, byte, bytes < 12 ? bytes : 12));
  }
}

__attribute__((format(printf, 2, 3))) static void same_words(size_t capacity, const char *format,
                                                             ...) {
  char own[64], libc[64];
  va_list args, again;
  memset(own, '#', sizeof own);
  memset(libc, '#', sizeof libc);
  va_start(args, format);
  va_copy(again, args);
  assert_int_equal(own_vsnprintf(own, capacity, format, args),
                   vsnprintf(libc, capacity, format, again));
  va_end(again);
  va_end(args);
  assert_memory_equal(own, libc, sizeof own);
}

LQ_TEST(words_are_put_together_as_in_c) {
  for (size_t capacity = 0; capacity < 50; capacity++) {
    same_words(capacity, "plain, 100%%");
    same_words(capacity, "%s has %u of %d", "somebody", 4294967295u, -2147483647 - 1);
    same_words(capacity, "%.3s|%.31s|%.*s", "abcdef", "short", 2, "xyz");
    same_words(capacity, "%zu %llu %d %u", (size_t)-1, 18446744073709551615ull, 0, 0u);
  }
}

LQ_TEST(the_product_of_two_words_is_whole) {
  __extension__ typedef unsigned __int128 u128;
  static const uint64_t edges[] = {0, 1, UINT32_MAX, 1ull << 32, UINT64_MAX, 1ull << 63};
  lq_prng r;
  lq_prng_seed(&r, 2);
  for (uint32_t n = 0; n < 100000; n++) {
    uint64_t w[4], out[2];
    for (uint32_t i = 0; i < 4; i++) {
      uint64_t any = lq_prng_next(&r);
      uint32_t edge = lq_prng_below(&r, 12);
      w[i] = edge < 6 ? edges[edge] : any;
    }
    u128 want = ((u128)w[1] << 64 | w[0]) * ((u128)w[3] << 64 | w[2]);
    multiply(w[0], w[1], w[2], w[3], out);
    assert_true(out[0] == (uint64_t)want && out[1] == (uint64_t)(want >> 64));
  }
}
