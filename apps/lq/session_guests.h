/* Guests that failed: what a session's journal says of them, and what is told while it happens. */
#ifndef LQ_APPS_LQ_SESSION_GUESTS_H
#define LQ_APPS_LQ_SESSION_GUESTS_H

#include "lq_service/ledger/ledger.h"
#include "lq_service/shard/shard.h"

typedef struct lq_failed_guest {
  char name[LQ_NAME_BYTES * 2], why[160];
  bool command;
  uint32_t strikes;
  uint64_t tick; /* of the last one */
} lq_failed_guest;

typedef struct lq_failed_guests {
  lq_failed_guest at[32]; /* more are not told of */
  uint32_t count;
  uint8_t release[32]; /* strikes are forgotten with it */
} lq_failed_guests;

/* Takes in the next slice of the session. */
LQ_MUST lq_err lq_failed_guests_take(lq_failed_guests *failed, const lq_release_source *source,
                                     lq_span record, lq_diag *diag);
void lq_failed_guests_json(const lq_failed_guests *failed, lq_writer *w); /* an array */
void lq_failed_guests_print(const lq_failed_guests *failed);

/* Or a command that it sent and that was refused. On stderr, for whoever writes the game; json: a
 * line. folder: where its files are, or NULL. */
void lq_guest_failure_print(const lq_shard_guest_failure *failure, const char *folder, bool json);

#endif
