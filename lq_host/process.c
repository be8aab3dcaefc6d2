/* Child processes with a time limit, and native modules. */
#include "lq_host/host.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lq_host/process_int.h"

extern char **environ;

lq_err lqi_err_of_spawn(int error) {
  if (error == ENOENT || error == ENOTDIR) return LQ_ERR_NOT_FOUND;
  if (error == EACCES || error == EPERM || error == ENOEXEC) return LQ_ERR_FORBIDDEN;
  if (error == ENOMEM || error == EAGAIN) return LQ_ERR_MEMORY;
  return LQ_ERR_IO;
}

int lqi_spawn(const char *const *argv, const posix_spawn_file_actions_t *files,
              char *const *environment, pid_t *pid) {
  posix_spawnattr_t how;
  if (posix_spawnattr_init(&how)) return ENOMEM;
  sigset_t all, none;
  (void)sigfillset(&all);
  (void)sigemptyset(&none);
  int error = posix_spawnattr_setsigdefault(&how, &all);
  if (!error) error = posix_spawnattr_setsigmask(&how, &none);
  if (!error) error = posix_spawnattr_setpgroup(&how, 0);
  if (!error)
    error = posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                               POSIX_SPAWN_SETPGROUP);
  /* posix_spawnp takes char *const * for historical reasons and changes nothing. */
  char *const *arguments;
  memcpy(&arguments, &argv, sizeof arguments);
  if (!error) error = posix_spawnp(pid, argv[0], files, &how, arguments, environment);
  (void)posix_spawnattr_destroy(&how);
  return error;
}

/* stdin is empty, stdout and stderr are the pipe. */
static int spawn(const char *const *argv, int pipe_write, pid_t *pid) {
  posix_spawn_file_actions_t files;
  if (posix_spawn_file_actions_init(&files)) return ENOMEM;
  int error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawn_file_actions_adddup2(&files, pipe_write, 1);
  if (!error) error = posix_spawn_file_actions_adddup2(&files, pipe_write, 2);
  if (!error) error = lqi_spawn(argv, &files, environ, pid);
  (void)posix_spawn_file_actions_destroy(&files);
  return error;
}

/* Takes what the pipe holds now; what does not fit is dropped, so that the child never blocks.
 * False at the end of the pipe. */
static bool drain(int fd, lq_writer *out) {
  uint8_t bytes[4096];
  for (;;) {
    ssize_t got = read(fd, bytes, sizeof bytes);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    size_t room = out->failed ? 0 : out->capacity - out->bytes;
    lq_write_bytes(out, bytes, (size_t)got < room ? (size_t)got : room);
  }
}

/* Until the child ends or time is out. What the child left behind may hold the pipe open: the end
 * of the child counts, not the end of the pipe. */
static bool wait_for(int pidfd, int pipe_read, uint32_t timeout_ms, lq_writer *out) {
  uint64_t now = lq_clock_mono_ns() / 1000000u, end = now + timeout_ms;
  struct pollfd polled[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = pipe_read, .events = POLLIN}};
  while (now < end) {
    uint64_t left = end - now;
    int ready = poll(polled, 2, left > 60000 ? 60000 : (int)left);
    if (ready < 0 && errno != EINTR) return false;
    if (polled[1].fd >= 0 && polled[1].revents && !drain(pipe_read, out)) polled[1].fd = -1;
    if (polled[0].revents) {
      if (polled[1].fd >= 0) (void)drain(pipe_read, out);
      return true;
    }
    now = lq_clock_mono_ns() / 1000000u;
  }
  return false;
}

static int reap(pid_t pid) {
  int raw = 0;
  pid_t got;
  do got = waitpid(pid, &raw, 0);
  while (got < 0 && errno == EINTR);
  if (got != pid) return 127;
  return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

lq_err lq_process_run(const char *const *argv, uint32_t timeout_ms, lq_writer *out, int *status) {
  *status = 127;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) return LQ_ERR_IO;
  pid_t pid = 0;
  int error = spawn(argv, ends[1], &pid);
  (void)close(ends[1]);
  if (error) {
    (void)close(ends[0]);
    return lqi_err_of_spawn(error);
  }
  (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  bool ended = pidfd >= 0 && wait_for(pidfd, ends[0], timeout_ms, out);
  /* The child is not reaped yet, so its group's number cannot be anybody else's. */
  (void)kill(-pid, SIGKILL);
  *status = reap(pid);
  if (pidfd >= 0) (void)close(pidfd);
  (void)close(ends[0]);
  if (pidfd < 0) return LQ_ERR_IO;
  return ended ? LQ_OK : LQ_ERR_IDLE;
}

bool lq_program_folder(char out[1024]) {
  ssize_t bytes = readlink("/proc/self/exe", out, 1023);
  out[bytes > 0 ? bytes : 0] = 0;
  char *slash = strrchr(out, '/');
  if (bytes <= 0 || bytes == 1023 || !slash) return false;
  *slash = 0;
  return true;
}

lq_err lq_library_open(const char *path, lq_library **out, lq_diag *diag) {
  *out = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (*out) return LQ_OK;
  const char *why = dlerror();
  return lq_diag_set(diag, LQ_ERR_BUILD, "%s", why ? why : "the module does not load");
}

void *lq_library_symbol(lq_library *library, const char *name) { return dlsym(library, name); }

void lq_library_close(lq_library *library) {
  if (library) (void)dlclose(library);
}
