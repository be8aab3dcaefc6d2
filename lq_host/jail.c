/* Guests' processes. posix_spawn shares the parent's memory until the child's exec (as vfork does),
 * so a large server starts one as fast as a small one.
 *
 * Threads: one at a time per jail; a child dies with the thread that opened it (PR_SET_PDEATHSIG is
 * the thread's), so that is the thread of the loop. */
#include "lq_host/jail.h"

#include "lq_host/loop_int.h"
#include "lq_host/process_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  CHILD_SOCKET = 3,
  CHILD_MAPPING = 4,
  FD_FREE = 5,       /* the child's first closed one */
  SAID_BYTES = 4096, /* kept of stderr */
  END_BYTES = 64,
  END_WAIT_MS = 2000 /* from a child's last closed file to its end: microseconds, but under load */
};

typedef struct jail_watch {
  lqi_poll poll; /* first: the handle's data is both */
  lq_loop *loop;
  lq_jail *jail; /* NULL: closing */
  void (*fn)(void *context);
  void *context;
} jail_watch;

struct lq_jail {
  pid_t pid; /* 0: never started, or reaped */
  clockid_t cpu;
  int pidfd, socket, said_fd;
  void *memory;
  size_t memory_bytes;
  jail_watch *watch;
  bool silent;  /* the socket is at its end */
  size_t bytes; /* of said */
  char said[SAID_BYTES];
  char end[END_BYTES]; /* how it ended; "" while it lives */
  char words[SAID_BYTES + END_BYTES + 2];
};

/* ---- start ---- */

typedef struct ends { /* the child's side; -1: none */
  int socket, mapping, said;
} ends;

/* The child's descriptors stand above those they are copied to, so that no copy hits another. */
static int move_up(int *fd) {
  int high = fcntl(*fd, F_DUPFD_CLOEXEC, 16);
  if (high < 0) return errno;
  (void)close(*fd);
  *fd = high;
  return 0;
}

static int mapping_make(lq_jail *jail, ends *child) {
  child->mapping = memfd_create("lq-guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (child->mapping < 0) return errno;
  if (ftruncate(child->mapping, (off_t)jail->memory_bytes)) return errno;
  /* Who could shrink it could kill its other side. */
  if (fcntl(child->mapping, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) return errno;
  jail->memory =
      mmap(NULL, jail->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, child->mapping, 0);
  if (jail->memory != MAP_FAILED) return move_up(&child->mapping);
  jail->memory = NULL;
  return errno;
}

static int channels_make(lq_jail *jail, ends *child) {
  int pair[2], said[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) return errno;
  jail->socket = pair[0];
  child->socket = pair[1];
  /* Both ends: a child that nobody listens to loses its words and does not hang. */
  if (pipe2(said, O_CLOEXEC | O_NONBLOCK)) return errno;
  jail->said_fd = said[0];
  child->said = said[1];
  if (fcntl(jail->socket, F_SETFL, O_NONBLOCK)) return errno;
  int error = move_up(&child->socket);
  return error ? error : move_up(&child->said);
}

static int files_set(posix_spawn_file_actions_t *files, const ends *child) {
  int error = posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawn_file_actions_addopen(files, 1, "/dev/null", O_WRONLY, 0);
  if (!error) error = posix_spawn_file_actions_adddup2(files, child->said, 2);
  if (!error) error = posix_spawn_file_actions_adddup2(files, child->socket, CHILD_SOCKET);
  if (!error) error = posix_spawn_file_actions_adddup2(files, child->mapping, CHILD_MAPPING);
  if (!error) error = posix_spawn_file_actions_addclosefrom_np(files, FD_FREE);
  return error;
}

static int spawn(const char *const *argv, const ends *child, pid_t *pid) {
  char locale[] = "LANG=C.UTF-8", *environment[] = {locale, NULL};
  posix_spawn_file_actions_t files;
  if (posix_spawn_file_actions_init(&files)) return ENOMEM;
  int error = files_set(&files, child);
  if (!error) error = lqi_spawn(argv, &files, environment, pid);
  (void)posix_spawn_file_actions_destroy(&files);
  return error;
}

static void close_fd(int *fd) {
  if (*fd >= 0) (void)close(*fd);
  *fd = -1;
}

lq_err lq_jail_open(const char *const *argv, size_t mapping_bytes, lq_jail **out, lq_diag *diag) {
  *out = NULL;
  lq_jail *jail = calloc(1, sizeof *jail);
  if (!jail) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for a guest's process");
  ends child = {-1, -1, -1};
  jail->pidfd = jail->socket = jail->said_fd = -1;
  jail->memory_bytes = mapping_bytes;
  int error = mapping_make(jail, &child);
  if (!error) error = channels_make(jail, &child);
  if (!error) error = spawn(argv, &child, &jail->pid);
  if (error) jail->pid = 0;
  if (!error) {
    /* The child is not reaped yet: the number is its own. */
    jail->pidfd = (int)syscall(SYS_pidfd_open, jail->pid, 0);
    if (jail->pidfd < 0) error = errno;
    if (!error) error = clock_getcpuclockid(jail->pid, &jail->cpu);
  }
  close_fd(&child.socket);
  close_fd(&child.mapping);
  close_fd(&child.said);
  if (error) {
    lq_jail_close(jail);
    return lq_diag_set(diag, lqi_err_of_spawn(error), "%s does not start: %s", argv[0],
                       strerror(error));
  }
  *out = jail;
  return LQ_OK;
}

/* ---- the end ---- */

static void end_tell(lq_jail *jail, int status) {
  if (WIFSIGNALED(status)) {
    const char *name = sigabbrev_np(WTERMSIG(status));
    (void)snprintf(jail->end, sizeof jail->end, "killed by signal %d (SIG%s)", WTERMSIG(status),
                   name ? name : "?");
    return;
  }
  (void)snprintf(jail->end, sizeof jail->end, "ended with exit code %d", WEXITSTATUS(status));
}

/* True when the child has ended. */
static bool reap(lq_jail *jail, int flags) {
  if (jail->pid == 0) return true;
  int status = 0;
  pid_t got;
  do got = waitpid(jail->pid, &status, flags);
  while (got < 0 && errno == EINTR);
  if (got == 0) return false;
  jail->pid = 0;
  if (got > 0)
    end_tell(jail, status);
  else /* somebody else waited for it */
    (void)snprintf(jail->end, sizeof jail->end, "ended");
  return true;
}

static void watch_free(uv_handle_t *handle) { free(handle->data); }

static void watch_close(uv_handle_t *handle) {
  jail_watch *watch = handle->data;
  if (watch->jail) watch->jail->watch = NULL;
  watch->jail = NULL;
  uv_close(handle, watch_free);
}

/* A killed child gives its memory back before it ends, which took 80 ms of a hostile one's: the
 * loop goes on meanwhile, and reaps it when it has ended. */
typedef struct grave {
  lqi_poll poll; /* first: the handle's data is both */
  pid_t pid;
  int pidfd;
} grave;

static void grave_free(uv_handle_t *handle) {
  grave *dying = handle->data;
  close_fd(&dying->pidfd);
  free(dying);
}

/* Also when the loop closes: killed it is. */
static void grave_close(uv_handle_t *handle) {
  const grave *dying = handle->data;
  while (waitpid(dying->pid, NULL, 0) < 0 && errno == EINTR) {
  }
  uv_close(handle, grave_free);
}

static void grave_ready(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  grave_close((uv_handle_t *)handle);
}

/* True: the loop reaps it, and the jail knows its process no more. */
static bool bury(lq_jail *jail, lq_loop *loop) {
  grave *dying = calloc(1, sizeof *dying);
  if (!dying) return false;
  *dying = (grave){.poll.close = grave_close, .pid = jail->pid, .pidfd = jail->pidfd};
  dying->poll.uv.data = dying;
  if (uv_poll_init(&loop->uv, &dying->poll.uv, dying->pidfd)) {
    free(dying);
    return false;
  }
  jail->pid = 0;
  jail->pidfd = -1;
  if (uv_poll_start(&dying->poll.uv, UV_READABLE, grave_ready))
    grave_close((uv_handle_t *)&dying->poll.uv);
  return true;
}

void lq_jail_close(lq_jail *jail) {
  if (!jail) return;
  lq_loop *loop = jail->watch ? jail->watch->loop : NULL;
  if (jail->watch) watch_close((uv_handle_t *)&jail->watch->poll.uv);
  if (!reap(jail, WNOHANG)) {
    (void)kill(-jail->pid, SIGKILL); /* its group; not reaped, so the number is still its own */
    (void)kill(jail->pid, SIGKILL);
    if (!loop || !bury(jail, loop)) (void)reap(jail, 0);
  }
  close_fd(&jail->pidfd);
  close_fd(&jail->socket);
  close_fd(&jail->said_fd);
  if (jail->memory) (void)munmap(jail->memory, jail->memory_bytes);
  free(jail);
}

void *lq_jail_memory(lq_jail *jail) { return jail->memory; }

/* ---- messages ---- */

lq_err lq_jail_send(lq_jail *jail, lq_span message) {
  ssize_t sent;
  do sent = send(jail->socket, message.data, message.bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent >= 0) return LQ_OK;
  if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) return LQ_ERR_BUSY;
  return errno == EMSGSIZE ? LQ_ERR_TOO_BIG : LQ_ERR_NET;
}

lq_err lq_jail_receive(lq_jail *jail, void *out, size_t capacity, size_t *bytes) {
  *bytes = 0;
  ssize_t got;
  do got = recv(jail->socket, out, capacity, MSG_DONTWAIT | MSG_TRUNC);
  while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return LQ_ERR_IDLE;
  if (got <= 0) { /* an empty datagram looks the same, and no guest of ours sends one */
    jail->silent = true;
    return LQ_ERR_NET;
  }
  if ((size_t)got > capacity) return LQ_ERR_TOO_BIG;
  *bytes = (size_t)got;
  return LQ_OK;
}

/* ---- words ---- */

static void said_add(lq_jail *jail, const char *text, size_t bytes) {
  size_t over = jail->bytes + bytes > SAID_BYTES ? jail->bytes + bytes - SAID_BYTES : 0;
  if (over) {
    memmove(jail->said, jail->said + over, jail->bytes - over);
    jail->bytes -= over;
  }
  memcpy(jail->said + jail->bytes, text, bytes);
  jail->bytes += bytes;
}

/* Takes what the pipe holds, at most what it can: a child that writes on is not waited for. */
static void said_take(lq_jail *jail) {
  char text[SAID_BYTES];
  for (int i = 0; i < 16; i++) {
    ssize_t got = read(jail->said_fd, text, sizeof text);
    if (got <= 0) return;
    said_add(jail, text, (size_t)got);
  }
}

/* A hostile text becomes one that can be printed and put into JSON. */
static void words_mend(char *text) {
  bool utf8 = lq_utf8_valid(lq_span_text(text));
  for (char *at = text; *at; at++) {
    unsigned char c = (unsigned char)*at;
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || (c >= 0x80 && !utf8)) *at = '?';
  }
}

/* A child that said its last is ended, should it live; one that is ending keeps its own end. */
static void end_await(lq_jail *jail) {
  struct pollfd ended = {.fd = jail->pidfd, .events = POLLIN};
  if (reap(jail, WNOHANG) || !jail->silent) return;
  (void)kill(jail->pid, SIGKILL);
  (void)poll(&ended, 1, END_WAIT_MS);
  (void)reap(jail, WNOHANG);
}

const char *lq_jail_words(lq_jail *jail) {
  end_await(jail);
  said_take(jail);
  size_t from = 0, bytes = 0;
  /* The cut may have hit a character. */
  while (jail->bytes == SAID_BYTES && from < 3 && (jail->said[from] & 0xc0) == 0x80) from++;
  for (; from < jail->bytes; from++)
    jail->words[bytes++] = jail->said[from] ? jail->said[from] : '?';
  while (bytes && jail->words[bytes - 1] == '\n') bytes--;
  if (bytes && jail->end[0]) jail->words[bytes++] = '\n';
  memcpy(jail->words + bytes, jail->end, strlen(jail->end) + 1);
  words_mend(jail->words);
  return jail->words;
}

/* ---- waiting ---- */

bool lq_jail_wait(lq_jail *jail, uint64_t timeout_us) {
  struct pollfd polled[3] = {{.fd = jail->socket, .events = POLLIN},
                             {.fd = jail->pidfd, .events = POLLIN},
                             {.fd = jail->said_fd, .events = POLLIN}};
  uint64_t now = lq_clock_mono_ns(), end = now + timeout_us * 1000u;
  for (;;) {
    uint64_t left = end > now ? end - now : 0;
    struct timespec wait = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    int ready = ppoll(polled, 3, &wait, NULL);
    if (ready > 0 && (polled[0].revents || polled[1].revents)) return true;
    if (ready > 0) {
      said_take(jail);
      if (polled[2].revents & (POLLHUP | POLLERR)) polled[2].fd = -1;
    }
    now = lq_clock_mono_ns();
    if (now >= end) return false;
  }
}

/* At the end the handle stops first: it would be ready for ever. */
static void on_ready(uv_poll_t *handle, int status, int events) {
  jail_watch *watch = handle->data;
  (void)events;
  uint8_t byte;
  said_take(watch->jail);
  ssize_t got = recv(watch->jail->socket, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  bool idle = got < 0 && (errno == EAGAIN || errno == EINTR);
  if (idle && status == 0) return;
  if (got <= 0 || status) (void)uv_poll_stop(handle);
  watch->loop->busy = true;
  watch->fn(watch->context); /* may close the jail */
}

lq_err lq_jail_watch(lq_jail *jail, lq_loop *loop, void (*fn)(void *context), void *context) {
  LQ_CHECK(!jail->watch);
  jail_watch *watch = calloc(1, sizeof *watch);
  if (!watch) return LQ_ERR_MEMORY;
  *watch = (jail_watch){
      .poll.close = watch_close, .loop = loop, .jail = jail, .fn = fn, .context = context};
  watch->poll.uv.data = watch;
  if (uv_poll_init(&loop->uv, &watch->poll.uv, jail->socket)) {
    free(watch);
    return LQ_ERR_BUSY;
  }
  jail->watch = watch;
  if (uv_poll_start(&watch->poll.uv, UV_READABLE | UV_DISCONNECT, on_ready)) {
    watch_close((uv_handle_t *)&watch->poll.uv);
    return LQ_ERR_BUSY;
  }
  return LQ_OK;
}

uint64_t lq_jail_cpu_ns(const lq_jail *jail) {
  struct timespec used;
  if (jail->pid == 0 || clock_gettime(jail->cpu, &used)) return 0;
  return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}
