/* Shared inside lq_service/telemetry only. */
#ifndef LQ_SERVICE_TELEMETRY_TELEMETRY_INT_H
#define LQ_SERVICE_TELEMETRY_TELEMETRY_INT_H

#include "lq_base/bytes.h"

/* A name whose value nobody may read: it ends in "password", "token" and the like. */
bool lqi_secret_name(lq_span name);

#endif
