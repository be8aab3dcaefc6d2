/* Inside bundles: the frames. */
#ifndef LQ_SERVICE_AUDIT_BUNDLE_INT_H
#define LQ_SERVICE_AUDIT_BUNDLE_INT_H

#include "lq_service/audit/bundle.h"

enum {
  LQI_BUNDLE_VERSION = 1,
  LQI_BUNDLE_HEADER_BYTES = 8,
};
#define LQI_BUNDLE_MAGIC "LQAB"
typedef enum lqi_frame_kind {
  LQI_FRAME_NONE = 0,
  LQI_FRAME_NAME,
  LQI_FRAME_NOTE,
  LQI_FRAME_SINCE,
  LQI_FRAME_PROOF,
  LQI_FRAME_RELEASE,
  LQI_FRAME_LEAF,
  LQI_FRAME_RECORD,
  LQI_FRAME_DETAIL,
  LQI_FRAME_END,
} lqi_frame_kind;

#endif
