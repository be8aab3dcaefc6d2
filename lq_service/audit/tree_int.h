/* Inside the tree. */
#ifndef LQ_SERVICE_AUDIT_TREE_INT_H
#define LQ_SERVICE_AUDIT_TREE_INT_H

#include "lq_service/audit/tree.h"

/* The largest power of two below count, which is above 1. */
uint64_t lqi_tree_split(uint64_t count);
/* At least one index, ascending, each below size. */
bool lqi_batch_fits(const lq_tree_batch *batch);

#endif
