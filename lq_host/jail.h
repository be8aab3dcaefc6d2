/* A guest's process: started, spoken with over one socket and one shared mapping, watched, killed.
 *
 * The child finds the socket (SOCK_SEQPACKET) at descriptor 3, the mapping (a sealed memfd of
 * mapping_bytes) at 4, /dev/null at 0 and 1, and its words on stderr come to lq_jail_words; all
 * else is closed. It shuts itself in (apps/lq-jail); the parent trusts nothing it says. */
#ifndef LQ_HOST_JAIL_H
#define LQ_HOST_JAIL_H

#include "lq_host/loop.h"

typedef struct lq_jail lq_jail;

/* argv[0]: the program's path. Its environment is empty but for what a program needs to start.
 * LQ_ERR_NOT_FOUND, LQ_ERR_FORBIDDEN, LQ_ERR_MEMORY, LQ_ERR_IO. */
LQ_MUST lq_err lq_jail_open(const char *const *argv, size_t mapping_bytes, lq_jail **out,
                            lq_diag *diag);
/* Kills it (SIGKILL) when it lives, and reaps it: at once, or, when it was watched, on its loop as
 * soon as it has ended. NULL is nothing. */
void lq_jail_close(lq_jail *jail);
void *lq_jail_memory(lq_jail *jail); /* page-aligned; the child may write into it at any time */
/* One datagram; never waits. LQ_ERR_BUSY: the socket is full; LQ_ERR_NET: the child is gone. */
LQ_MUST lq_err lq_jail_send(lq_jail *jail, lq_span message);
/* The next datagram. LQ_ERR_IDLE: none now; LQ_ERR_NET: the child is gone; LQ_ERR_TOO_BIG: longer
 * than `capacity`. */
LQ_MUST lq_err lq_jail_receive(lq_jail *jail, void *out, size_t capacity, size_t *bytes);
/* Until there is a datagram or the child is gone. False: `timeout_us` went by. */
bool lq_jail_wait(lq_jail *jail, uint64_t timeout_us);
/* fn on the loop's thread whenever there is something to receive, or the child is gone. */
LQ_MUST lq_err lq_jail_watch(lq_jail *jail, lq_loop *loop, void (*fn)(void *context),
                             void *context);
/* CPU time of the child, a scheduler's tick (some ms) old at most; 0 when it was reaped. */
uint64_t lq_jail_cpu_ns(const lq_jail *jail);
/* What it said on stderr (the last 4 KiB), and how it ended ("killed by signal 31 (SIGSYS)", ""
 * while it lives), as one text with its NUL. After LQ_ERR_NET of lq_jail_receive it has ended: a
 * child that only closed its socket is killed. */
const char *lq_jail_words(lq_jail *jail);

#endif
