/* What the files of a language say that they hold, asked of the language's own program in a jail of
 * its own, which ends with the answer. */
#ifndef LQ_SERVICE_GUEST_GUEST_DESCRIBE_H
#define LQ_SERVICE_GUEST_GUEST_DESCRIBE_H

#include "lq_engine/game/game.h"
#include "lq_service/guest/guest_source.h"

/* The JSON of LQ_GUEST_LOADED, as the guest wrote it: to be read like any outside data. game: empty
 * to describe; a game's encoded form to load the files for it, as a server will. jail_folder holds
 * lq-jail-python and the others. At most 64 files. LQ_ERR_NOT_FOUND: no such program; LQ_ERR_IDLE:
 * no answer in time; LQ_ERR_NET: it ended; LQ_ERR_TOO_BIG; LQ_ERR_MEMORY. */
LQ_MUST lq_err lq_guest_describe(lq_guest_language language, lq_span game,
                                 const lq_guest_source *file, uint32_t count,
                                 const char *jail_folder, lq_writer *json, lq_diag *diag);

#endif
