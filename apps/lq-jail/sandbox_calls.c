/* What a guest may still ask of the kernel: memory that is not code, its one socket, its words, its
 * end. Anything else ends the process with SIGSYS: a guest that asks for more is hostile or broken,
 * and an error code would only help it to look around. */
#include "apps/lq-jail/jail_int.h"
#include "lq_engine/guest/wire.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int allow(scmp_filter_ctx filter) {
  /* What the three languages were seen to need, by strace over good and bad calls, and no more. */
  static const int plain[] = {
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    SCMP_SYS(exit_group),
#if defined(__SANITIZE_ADDRESS__)
    SCMP_SYS(madvise),
    SCMP_SYS(sigaltstack),
#endif
  };
  int error = 0;
  for (size_t i = 0; i < sizeof plain / sizeof *plain && !error; i++)
    error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
  if (!error)
    error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(recvfrom), 1,
                             SCMP_A0(SCMP_CMP_EQ, LQ_GUEST_SOCKET));
  if (!error)
    error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2,
                             SCMP_A0(SCMP_CMP_EQ, LQ_GUEST_SOCKET), SCMP_A4(SCMP_CMP_EQ, 0));
  if (!error)
    error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
                             SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
  if (!error)
    error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
  return error;
}

bool lqi_calls_filter(bool opens) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
  int error = filter ? 0 : -ENOSYS; /* it asks the kernel first */
  /* Calls in the old 32-bit way count as another machine's. */
  if (!error) error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (!error) error = allow(filter);
  if (!error && opens)
    error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 0);
  if (!error) error = seccomp_load(filter);
  /* Its memory stays: giving it back is a call for each block, and once is enough. */
  if (!error) return true;
  lqi_say("the jail cannot be closed: this kernel gives no seccomp filter (%s). Guests stay off: "
          "run lq on a kernel with CONFIG_SECCOMP_FILTER, or allow seccomp in the container",
          strerror(-error));
  return false;
}
