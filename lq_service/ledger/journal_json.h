/* A slice record as JSON, for REST's journal and `lq session export`. */
#ifndef LQ_SERVICE_LEDGER_JOURNAL_JSON_H
#define LQ_SERVICE_LEDGER_JOURNAL_JSON_H

#include "lq_service/ledger/ledger.h"

/* {"slice":..,"tick":..,"hash":"..","commands":[..],"events":[..]}. `game` is of the release the
 * record names. LQ_ERR_CORRUPT (also when a command or event in it is none of this game),
 * LQ_ERR_TRUNCATED as lq_slice_open; nothing is written then. */
LQ_MUST lq_err lq_journal_json(const lq_game *game, lq_span record, lq_writer *out);

#endif
