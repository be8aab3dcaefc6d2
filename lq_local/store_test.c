/* The SQLite store passes the port's contract. */
#include "lq_local/store_testing.h"
#include "lq_service/port/store_contract.h"

static lq_store *contract_open(void *context) {
  folder_under_test *t = context;
  lq_store *store;
  lq_diag diag = {0};
  lq_store_sqlite_options options = {.folder = t->path};
  if (lq_store_sqlite_open(t->loop, &options, &store, &diag)) print_message("%s\n", diag.message);
  return store;
}
static void contract_run(void *context) { lq_loop_run(((folder_under_test *)context)->loop); }
static void contract_stop(void *context) { lq_loop_stop(((folder_under_test *)context)->loop); }

static void hold(bool (*run)(lq_store_contract *contract)) {
  folder_under_test t = folder_begin();
  lq_store_contract contract = {
      .context = &t, .open = contract_open, .run = contract_run, .stop = contract_stop};
  bool held = run(&contract);
  if (!held) print_message("%s\n", contract.message);
  folder_end(&t);
  assert_true(held);
}

#define X(name)                                                                                    \
  LQ_TEST(name) { hold(lq_store_contract_##name); }
LQ_STORE_CONTRACT(X)
#undef X
