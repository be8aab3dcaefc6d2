/* Namespaces, an empty root, another user, Landlock: each takes away a view of the machine.
 *
 * No namespace of process ids: it would hold children only, and there are none. */
#include "apps/lq-jail/jail_int.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534 };

/* ---- namespaces ---- */

static bool file_write(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  (void)close(fd);
  return done;
}

/* In a user namespace of one user, who is nobody in it. */
static bool user_unshare(unsigned user, unsigned group) {
  char text[64];
  if (unshare(CLONE_NEWUSER)) return false;
  (void)file_write("/proc/self/setgroups", "deny");
  (void)snprintf(text, sizeof text, "%d %u 1", NOBODY, user);
  (void)file_write("/proc/self/uid_map", text);
  (void)snprintf(text, sizeof text, "%d %u 1", NOBODY, group);
  (void)file_write("/proc/self/gid_map", text);
  return true;
}

void lqi_space_begin(lqi_sandbox *out) {
  /* Root may have the others without, and then becomes a user whose files these are not. */
  out->mount_namespace = unshare(CLONE_NEWNS) == 0;
  if (!out->mount_namespace) {
    out->user_namespace = user_unshare(geteuid(), getegid());
    out->mount_namespace = unshare(CLONE_NEWNS) == 0;
  }
  out->net_namespace = unshare(CLONE_NEWNET) == 0;
  out->ipc_namespace = unshare(CLONE_NEWIPC) == 0;
  out->uts_namespace = unshare(CLONE_NEWUTS) == 0;
}

/* An empty, read-only file system in place of everything. Where the root cannot be exchanged (it is
 * the kernel's first one) it is left by chroot, which holds without capabilities. */
static bool root_empty(void) {
  const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) return false;
  if (mount("none", "/tmp", "tmpfs", flags, "size=4k,nr_inodes=2,mode=0555")) return false;
  if (chdir("/tmp")) return false;
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    if (umount2(".", MNT_DETACH)) return false;
  } else if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".")) {
    return false;
  }
  if (chdir("/")) return false;
  (void)mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL);
  return true;
}

/* ---- Landlock: no rule allows anything. Its numbers are the kernel's; there is no library. ----
 */

typedef struct ruleset {
  uint64_t files, net, scoped;
} ruleset;

static uint32_t landlock(void) {
  enum { CREATE = 444, RESTRICT = 446, ASK_VERSION = 1 };
  long version = syscall(CREATE, NULL, 0, ASK_VERSION);
  if (version < 1) return 0;
  ruleset all = {.files = (1u << 13) - 1}; /* execute, read, write, list, remove, make */
  if (version >= 2) all.files |= 1u << 13; /* rename and link across folders */
  if (version >= 3) all.files |= 1u << 14; /* truncate */
  if (version >= 5) all.files |= 1u << 15; /* ioctl on devices */
  if (version >= 4) all.net = 3;           /* bind and connect TCP */
  if (version >= 6) all.scoped = 3;        /* abstract sockets and signals to others */
  size_t bytes = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  long fd = syscall(CREATE, &all, bytes, 0);
  if (fd < 0) return 0;
  bool done = syscall(RESTRICT, (int)fd, 0) == 0;
  (void)close((int)fd);
  return done ? (uint32_t)version : 0;
}

/* ---- the end ---- */

static bool become_nobody(void) {
  return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
         setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

static bool capabilities_drop(void) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2];
  memset(none, 0, sizeof none);
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  return syscall(SYS_capset, &head, none) == 0;
}

void lqi_space_end(lqi_sandbox *out) {
  out->empty_root = out->mount_namespace && root_empty();
  if (geteuid() == 0 && !out->user_namespace) out->nobody = become_nobody();
  out->no_capabilities = capabilities_drop();
  out->no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  out->landlock = landlock();
}
