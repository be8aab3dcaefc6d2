/* The store in memory: the port's second adapter, for tests and simulation. Keeps nothing beyond
 * the process; callbacks that the port wants later wait for lq_store_memory_run. Linear searches:
 * meant for hundreds of sessions. */
#ifndef LQ_SERVICE_PORT_STORE_MEMORY_H
#define LQ_SERVICE_PORT_STORE_MEMORY_H

#include "lq_service/port/store.h"

/* What outlives a store: open one over the same data again to restart. */
typedef struct lq_memory_data lq_memory_data;
lq_memory_data *lq_memory_data_open(void); /* NULL: out of memory */
void lq_memory_data_close(lq_memory_data *data);

lq_store *lq_store_memory_open(lq_memory_data *data); /* NULL: out of memory */
/* Runs the callbacks that wait; false when there was none. */
bool lq_store_memory_run(lq_store *store);
/* From now on, that many more commits succeed, then all fail with LQ_ERR_IO. UINT32_MAX: no limit.
 */
void lq_store_memory_fail_after(lq_store *store, uint32_t commits);

/* The stored bytes, to damage them in tests; NULL data when absent. Valid until the next call. */
typedef struct lq_memory_item {
  uint8_t *data;
  size_t bytes;
} lq_memory_item;
lq_memory_item lq_memory_slice(lq_memory_data *data, const lq_session_name *name, uint64_t slice);
lq_memory_item lq_memory_checkpoint(lq_memory_data *data, const lq_session_name *name,
                                    uint64_t tick);
/* Takes one slice's bytes away, or lets two change places. */
void lq_memory_slice_drop(lq_memory_data *data, const lq_session_name *name, uint64_t slice);
void lq_memory_slice_swap(lq_memory_data *data, const lq_session_name *name, uint64_t a,
                          uint64_t b);
lq_store_head *lq_memory_head(lq_memory_data *data, const lq_session_name *name);

#endif
