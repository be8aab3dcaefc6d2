/* The store port's contract: cases that every adapter passes. No test library: a case returns true
 * when it holds; `message` says what did not. An adapter's suite expands LQ_STORE_CONTRACT into its
 * own tests, each on an empty store. */
#ifndef LQ_SERVICE_PORT_STORE_CONTRACT_H
#define LQ_SERVICE_PORT_STORE_CONTRACT_H

#include "lq_service/port/store.h"

typedef struct lq_store_contract {
  void *context;
  lq_store *(*open)(void *context); /* over what the store before it left; NULL fails the case */
  void (*run)(void *context);       /* runs callbacks until `stop`, or until none waits */
  void (*stop)(void *context);      /* from a callback: `run` shall return */
  char message[256];
} lq_store_contract;

#define LQ_STORE_CONTRACT(X)                                                                       \
  X(head_survives_its_bytes)                                                                       \
  X(created_session_is_there)                                                                      \
  X(second_create_is_refused)                                                                      \
  X(unknown_session_is_not_found)                                                                  \
  X(acquire_raises_the_epoch)                                                                      \
  X(committed_slices_come_back_in_order)                                                           \
  X(callbacks_come_later_and_in_order)                                                             \
  X(older_epoch_is_fenced)                                                                         \
  X(wrong_slice_number_is_fenced)                                                                  \
  X(same_slice_again_is_success)                                                                   \
  X(other_bytes_under_the_same_number_are_fenced)                                                  \
  X(each_slice_of_a_commit_fails_alone)                                                            \
  X(checkpoint_moves_head_and_keeps_slices)                                                        \
  X(checkpoint_of_an_older_owner_is_fenced)                                                        \
  X(checkpoint_ahead_of_the_journal_is_refused)                                                    \
  X(late_slice_does_not_undo_a_checkpoint)                                                         \
  X(newest_checkpoint_below_a_tick_is_found)                                                       \
  X(sessions_are_listed_in_byte_order)                                                             \
  X(tenants_do_not_see_each_other)                                                                 \
  X(blobs_come_back_to_their_tenant)                                                               \
  X(items_come_back_with_their_version)                                                            \
  X(change_is_all_or_nothing)                                                                      \
  X(bad_changes_are_refused)                                                                       \
  X(items_are_listed_by_prefix_in_byte_order)                                                      \
  X(log_grows_with_the_slice_it_tells_of)                                                          \
  X(log_is_read_from_any_leaf)                                                                     \
  X(items_and_logs_of_tenants_are_apart)                                                           \
  X(everything_survives_reopening)                                                                 \
  X(reads_inside_a_read_work)

#define X(name) bool lq_store_contract_##name(lq_store_contract *contract);
LQ_STORE_CONTRACT(X)
#undef X

#endif
