/* Tests: LQ_TEST(stale_handle_is_refused) { ... } registers itself; one file is one suite in one
 * process. assert_* come from cmocka. A program argument runs the tests whose name contains it. */
#ifndef LQ_TESTS_LQ_TEST_H
#define LQ_TESTS_LQ_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void lq_test_register(const char *name, void (*run)(void **state));

#define LQ_TEST(name)                                                                              \
  static void test_##name(void **state);                                                           \
  __attribute__((constructor)) static void register_##name(void) {                                 \
    lq_test_register(#name, test_##name);                                                          \
  }                                                                                                \
  static void test_##name(void **state __attribute__((unused)))

#define assert_ok(call) assert_int_equal((call), 0)

#endif
