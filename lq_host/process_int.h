/* Inside lq_host: how a child starts (process.c, jail.c), and how a thread asks for its turns. */
#ifndef LQ_HOST_PROCESS_INT_H
#define LQ_HOST_PROCESS_INT_H

#include <spawn.h>

#include "lq_base/err.h"

/* Default signals, none blocked; a group of its own, so that who ends it ends what it started too.
 * argv[0] is looked up in PATH unless it has a slash. The answer is an errno, or 0. */
int lqi_spawn(const char *const *argv, const posix_spawn_file_actions_t *files,
              char *const *environment, pid_t *pid);
lq_err lqi_err_of_spawn(int error);

/* Asks the kernel for short turns: this thread waits for others and is wanted at once when woken.
 */
void lqi_thread_prompt(void);

#endif
