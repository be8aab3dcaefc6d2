/* The sandbox in order: limits that do not hinder a start, then, behind it, views, limits, calls.
 */
#include "apps/lq-jail/jail_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { STACK_BYTES = 8 << 20, FD_FREE = 5, NICER = 5 };

void lqi_say(const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  int bytes = vsnprintf(text, sizeof text - 1, format, args);
  va_end(args);
  if (bytes < 0) return;
  size_t length = (size_t)bytes < sizeof text - 1 ? (size_t)bytes : sizeof text - 2;
  text[length++] = '\n';
  if (write(STDERR_FILENO, text, length) < 0) return; /* nobody listens */
}

static bool limit(__rlimit_resource_t what, uint64_t most) {
  struct rlimit both = {most, most};
  return setrlimit(what, &both) == 0;
}

/* When memory is short, a guest goes before the server. */
static void oom_first(void) {
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "1000", 4) != 4) lqi_say("the guest's process could not be put before the server");
  (void)close(fd);
}

/* Where there are two, one core is kept from guests: on one that has something to do the kernel
 * lets a woken server, and its own threads that write for it, in after up to 4 ms. */
static void house_core(void) {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) || CPU_COUNT(&cores) < 2) return;
  size_t first = 0;
  while (!CPU_ISSET(first, &cores)) first++;
  CPU_CLR(first, &cores);
  if (sched_setaffinity(0, sizeof cores, &cores)) lqi_say("the guest's cores could not be chosen");
}

void lqi_sandbox_begin(lqi_sandbox *out) {
  memset(out, 0, sizeof *out);
  oom_first();
  house_core();
  (void)limit(RLIMIT_CORE, 0);
  (void)limit(RLIMIT_STACK, STACK_BYTES);
  (void)setpriority(PRIO_PROCESS, 0, NICER);
  lqi_space_begin(out);
}

/* A file that is open already can still be used with a limit of none. */
static bool limits(uint64_t memory_bytes) {
  static const __rlimit_resource_t none[] = {RLIMIT_NOFILE,  RLIMIT_NPROC,    RLIMIT_FSIZE,
                                             RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING,
                                             RLIMIT_RTPRIO};
  bool all = true;
  for (size_t i = 0; i < sizeof none / sizeof *none; i++) all = limit(none[i], 0) && all;
#if defined(__SANITIZE_ADDRESS__) /* its shadow is 16 TiB of address space */
  memory_bytes = RLIM_INFINITY;
#endif
  return limit(RLIMIT_AS, memory_bytes) && all;
}

/* The processor's clock needs no system call: without it nothing here tells the time. */
static bool clock_off(void) {
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) /* its allocator reads it */
  return prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0;
#else
  return false;
#endif
}

bool lqi_sandbox_end(lqi_sandbox *out, uint64_t memory_bytes, bool opens) {
  lqi_space_end(out);
  if (!out->no_new_privs) {
    lqi_say(
        "the jail cannot be closed: this kernel has no no_new_privs. Guests stay off: run lq on "
        "Linux 3.5 or newer");
    return false;
  }
  (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  /* Behind every change of user: such a change forgets it. */
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  (void)close(STDIN_FILENO);
  (void)close(STDOUT_FILENO);
  (void)close_range(FD_FREE, ~0u, 0);
  if (!limits(memory_bytes)) {
    lqi_say("the jail cannot be closed: its limits cannot be set: %s", strerror(errno));
    return false;
  }
  out->no_clock = clock_off();
  out->seccomp = lqi_calls_filter(opens);
  return out->seccomp;
}
