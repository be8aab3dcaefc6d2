/* One run of one seed: a cluster and its players, a time of faults, healing, and the audit. */
#ifndef LQ_APPS_LQSIM_SIM_RUN_H
#define LQ_APPS_LQSIM_SIM_RUN_H

#include "apps/lqsim/sim_client.h"

enum { SIM_CLIENTS_MAX = 12 };

typedef struct sim_options {
  sim_nth nth_kind; /* no random faults: only the n-th occasion of this kind */
  uint64_t nth;
  uint32_t seconds; /* of faults; 0 = the seed decides */
} sim_options;

/* Flat, so that it crosses a pipe. */
typedef struct sim_result {
  uint64_t seed, trace, events, virtual_ns, cpu_ns;
  uint64_t fault[SIM_FAULT_COUNT];
  uint64_t acked, sessions, ticks, starts;
  uint64_t occasions; /* of an enumerated run */
  bool failed;
  char why[SIM_WHY_BYTES];
} sim_result;

extern sim_result sim_run_result;
extern sim_client sim_run_client[SIM_CLIENTS_MAX];
extern uint32_t sim_run_client_count;

/* Fills sim_run_result. Once a process. */
void sim_run(uint64_t seed, const sim_options *options);

/* plant.c. Switches a planted bug on; false, and says why, when there is none of that name. */
bool sim_plant(const char *name);
void sim_plant_list(void); /* name, file, what is wrong: a line each, tabs between */

/* audit.c */
void sim_audit_session(void *context, lq_store *store, lq_loop *loop, const lq_session_name *name,
                       const lq_store_head *head);

#endif
