/* A file of a game that a guest runs: as it lies in the release. */
#ifndef LQ_SERVICE_GUEST_GUEST_SOURCE_H
#define LQ_SERVICE_GUEST_GUEST_SOURCE_H

#include "lq_base/bytes.h"

typedef struct lq_guest_source {
  lq_span name, text; /* "systems/hunt.lua"; borrowed */
  lq_span library; /* WASM: the path of what lq_wasm_compile made of it, NUL behind; else empty */
} lq_guest_source;

#define LQ_GUEST_SOURCES_MAX 64u /* of one release */

#endif
