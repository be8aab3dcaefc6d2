/* The store in memory passes the port's contract. */
#include "lq_service/port/store_contract.h"
#include "lq_service/port/store_memory.h"
#include "tests/lq_test.h"

typedef struct memory_test {
  lq_memory_data *data;
  lq_store *store;
} memory_test;

static lq_store *open_again(void *context) {
  memory_test *t = context;
  return t->store = lq_store_memory_open(t->data);
}
static void run(void *context) {
  assert_true(lq_store_memory_run(((memory_test *)context)->store));
}
static void stop(void *context) { (void)context; }

static void hold(bool (*holds)(lq_store_contract *contract)) {
  memory_test t = {.data = lq_memory_data_open()};
  assert_non_null(t.data);
  lq_store_contract contract = {.context = &t, .open = open_again, .run = run, .stop = stop};
  bool held = holds(&contract);
  if (!held) print_message("%s\n", contract.message);
  lq_memory_data_close(t.data);
  assert_true(held);
}

#define X(name)                                                                                    \
  LQ_TEST(name) { hold(lq_store_contract_##name); }
LQ_STORE_CONTRACT(X)
#undef X

LQ_TEST(keys_are_spelt_as_the_design_says) {
  lq_session_name name = {.tenant = "acme", .game = "demo", .session = "main"};
  char pk[LQ_STORE_PK_BYTES], sk[LQ_STORE_SK_BYTES];
  lq_store_session_pk(&name, pk);
  assert_string_equal(pk, "TENANT#acme#GAME#demo#SESSION#main");
  lq_store_sk_slice(UINT64_MAX, sk);
  assert_string_equal(sk, "SLICE#18446744073709551615");
  lq_store_sk_checkpoint(7, 12, sk);
  assert_string_equal(sk, "CHECKPOINT#00000000000000000007#0012");
}
