#include "tests/lq_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 512 };
static struct CMUnitTest tests[TESTS_MAX];
static size_t test_count;

void lq_test_register(const char *name, void (*run)(void **state)) {
  if (test_count == TESTS_MAX) abort();
  tests[test_count++] = (struct CMUnitTest){.name = name, .test_func = run};
}

int main(int argc, char **argv) {
  if (argc > 1) {
    size_t kept = 0;
    for (size_t i = 0; i < test_count; i++)
      if (strstr(tests[i].name, argv[1])) tests[kept++] = tests[i];
    test_count = kept;
  }
  if (test_count == 0) {
    (void)fprintf(stderr, "no test of that name\n");
    return 1;
  }
  return _cmocka_run_group_tests("suite", tests, test_count, NULL, NULL);
}
