/* Shared between writing and reading the stream. */
#ifndef LQ_SERVICE_CARRY_CARRY_INT_H
#define LQ_SERVICE_CARRY_CARRY_INT_H

#include "lq_host/host.h"
#include "lq_service/carry/carry.h"

enum {
  LQI_CARRY_VERSION = 1,
  LQI_CARRY_HEAD_BYTES = 8 + 2 + 2 + 1 + LQ_TENANT_BYTES,
  LQI_CARRY_RECORD_HEAD = 1 + 4,
  LQI_CARRY_END_BYTES = 6 * 8 + 32,
};
#define LQI_CARRY_MAGIC "LQTENANT"

/* Not taken along: it is made again, or has no use elsewhere. */
bool lqi_carry_stays(const char *sk);
/* (game, session) in byte order. */
int lqi_carry_order(const lq_session_name *a, const lq_session_name *b);

#endif
