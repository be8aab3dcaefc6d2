/* What the parts of a jail's main share. */
#ifndef APPS_LQ_JAIL_JAIL_INT_H
#define APPS_LQ_JAIL_JAIL_INT_H

#include <stdbool.h>
#include <stdint.h>

/* What this kernel gave. Only seccomp and no_new_privs must be there: they alone leave no way out.
 * The rest is what still stands when one of them has a fault. */
typedef struct lqi_sandbox {
  bool user_namespace; /* of its own; false for root, who needs none */
  bool mount_namespace, net_namespace, ipc_namespace, uts_namespace;
  bool empty_root; /* nothing is below / */
  bool nobody;     /* root became nobody */
  bool no_capabilities;
  bool no_clock;     /* reading the processor's clock ends the process */
  uint32_t landlock; /* version; 0: none */
  bool no_new_privs, seccomp;
} lqi_sandbox;

/* Before the language starts: what does not hinder it. */
void lqi_sandbox_begin(lqi_sandbox *out);
/* Shuts in for good: from here on no file, no network, no process. memory_bytes: RLIMIT_AS.
 * False: what must be is not, and stderr says why. */
bool lqi_sandbox_end(lqi_sandbox *out, uint64_t memory_bytes, bool opens);

/* sandbox_space.c: other views of the machine */
void lqi_space_begin(lqi_sandbox *out);
void lqi_space_end(lqi_sandbox *out);
/* sandbox_calls.c: the list of system calls that are left; false: stderr says why */
bool lqi_calls_filter(bool opens);

/* A line on stderr, which the parent keeps. */
void lqi_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
