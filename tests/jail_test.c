/* The sandbox from inside: a guest that has native code to itself tries everything. Each attack is
 * a call of a real jail around a tiny language, and the parent tells how it ended. */
#include "tests/jail_tiny.h"
#include "tests/lq_test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* `--without-seccomp PROGRAM ARGUMENTS`: runs it as a container does that gives no filters. */
static void without_seccomp(int argc, char **argv) {
  if (argc < 3 || strcmp(argv[1], "--without-seccomp") != 0) return;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(seccomp), 0);
  if (!error)
    error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(prctl), 1,
                             SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
  if (!error) error = seccomp_load(filter);
  if (!error) (void)execv(argv[2], argv + 2);
  _exit(97);
}

__attribute__((constructor)) static void jail(int argc, char **argv) {
  without_seccomp(argc, argv);
  tiny_jail(argc, argv);
}

/* ---- inside: what a call does ---- */

static void try_files(const char *what) {
  char byte;
  struct stat about;
  if (!strcmp(what, "open")) (void)open("/etc/passwd", O_RDONLY);
  if (!strcmp(what, "open proc")) (void)open("/proc/self/maps", O_RDONLY);
  if (!strcmp(what, "stat")) (void)stat("/", &about);
  if (!strcmp(what, "unlink")) (void)unlink("/tmp/x");
  if (!strcmp(what, "read")) (void)!read(3, &byte, 1);
  if (!strcmp(what, "write 0")) (void)!write(0, "x", 1);
  if (!strcmp(what, "write 1")) (void)!write(1, "x", 1);
  if (!strcmp(what, "write 3")) (void)!write(3, "x", 1);
  if (!strcmp(what, "write 4")) (void)!write(4, "x", 1);
  if (!strcmp(what, "write 5")) (void)!write(5, "x", 1);
  if (!strcmp(what, "dup")) (void)!dup(3);
  if (!strcmp(what, "fcntl")) (void)fcntl(3, F_SETFL, O_ASYNC);
  if (!strcmp(what, "ioctl")) (void)ioctl(2, TIOCSTI, "x");
  if (!strcmp(what, "memfd")) (void)memfd_create("x", 0);
  if (!strcmp(what, "chroot")) (void)!chroot("/");
  if (!strcmp(what, "uring")) (void)syscall(425, 1, NULL);
}

static void try_net(const char *what) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
  struct msghdr message = {0};
  if (!strcmp(what, "socket")) (void)socket(AF_INET, SOCK_STREAM, 0);
  if (!strcmp(what, "connect")) (void)connect(3, (struct sockaddr *)&address, sizeof address);
  if (!strcmp(what, "send to another")) (void)sendto(2, "x", 1, 0, NULL, 0);
  if (!strcmp(what, "send to an address"))
    (void)sendto(3, "x", 1, 0, (struct sockaddr *)&address, sizeof address);
  if (!strcmp(what, "pass a file")) (void)sendmsg(3, &message, 0);
}

static void *nothing(void *context) { return context; }

static void try_processes(const char *what) {
  pthread_t thread;
  char *const none[] = {NULL};
  if (!strcmp(what, "fork")) (void)!fork();
  if (!strcmp(what, "thread")) (void)pthread_create(&thread, NULL, nothing, NULL);
  if (!strcmp(what, "clone")) (void)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
  if (!strcmp(what, "execve")) (void)execve("/bin/sh", none, none);
  if (!strcmp(what, "kill the parent")) (void)kill(getppid(), SIGKILL);
  if (!strcmp(what, "kill all")) (void)syscall(SYS_kill, -1, SIGKILL);
  if (!strcmp(what, "ptrace")) (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  if (!strcmp(what, "unshare")) (void)unshare(CLONE_NEWUSER);
  if (!strcmp(what, "prctl")) (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  if (!strcmp(what, "rlimit")) (void)setrlimit(RLIMIT_AS, &(struct rlimit){RLIM_INFINITY, 0});
  if (!strcmp(what, "setuid")) (void)!setuid(0);
  if (!strcmp(what, "abort")) abort();
  if (!strcmp(what, "sleep")) (void)syscall(SYS_nanosleep, &(struct timespec){1, 0}, NULL);
  if (!strcmp(what, "time")) (void)syscall(SYS_clock_gettime, 0, &(struct timespec){0});
  if (!strcmp(what, "random")) (void)syscall(SYS_getrandom, none, 1, 0);
#if defined(__x86_64__)
  if (!strcmp(what, "x32")) (void)syscall(0x40000000 | SYS_exit_group, 0);
  if (!strcmp(what, "int 0x80")) { /* exit, in the numbers of 32-bit programs */
    long number = 1;
    __asm__ volatile("int $0x80" : "+a"(number) : "b"(0) : "memory");
  }
#endif
}

static void try_code(const char *what) {
  if (!strcmp(what, "mmap code"))
    (void)mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (!strcmp(what, "mmap a file")) (void)mmap(NULL, 4096, PROT_READ, MAP_SHARED, 4, 0);
  if (!strcmp(what, "mprotect code")) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    (void)mprotect(page, 4096, PROT_READ | PROT_EXEC);
  }
}

static uint32_t depth(volatile uint8_t *from, uint64_t left) {
  volatile uint8_t room[4096];
  room[0] = from[0];
  return left ? 1 + depth(room, left - 1) + room[0] : 0;
}

/* 1 MiB at a time, and touched; how much there was goes into the world. */
static void use_memory(lq_guest_view *view) {
  int32_t mib = 0;
  const char *why;
  for (uint8_t *at = malloc(1 << 20); at; at = malloc(1 << 20), mib++) memset(at, 1, 1 << 20);
  (void)lq_guest_set(view, vt_handle(0), FX_POSITION, 0, 0, 1, &mib, &why);
}

static void try_itself(lq_guest_view *view, const char *what) {
  uint8_t byte = 0;
  volatile uint8_t *volatile nowhere = NULL;
  if (!strcmp(what, "memory")) use_memory(view);
  if (!strcmp(what, "stack") && depth(&byte, UINT64_MAX) == 7) _exit(0);
  if (!strcmp(what, "null")) *nowhere = byte;
  if (!strcmp(what, "exit")) _exit(7);
  if (!strcmp(what, "sit")) (void)recv(3, &byte, 1, 0);
  if (!strcmp(what, "lie")) (void)send(3, "shorter", 7, 0);
  if (!strcmp(what, "shout"))
    for (int i = 0; i < 50000; i++) (void)!write(2, "0123456789abcdef", 16);
  if (!strcmp(what, "clock")) {
    struct timespec now; /* without a system call */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
  }
  if (!strcmp(what, "scribble")) memset(view->call, 0xff, LQ_GUEST_CALL_BYTES_MAX);
  for (volatile uint64_t turns = 0; !strcmp(what, "loop"); turns++) {
  }
}

static void tiny_act(lq_guest_view *view, const char *what) {
  try_files(what);
  try_net(what);
  try_processes(what);
  try_code(what);
  try_itself(view, what);
}

/* ---- outside ---- */

static vt_setup t;

static lq_jail *loaded(const char *what) {
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  return tiny_loaded(&t, what);
}

/* Does `what` in a call; how that ended. "": it answered. */
static const char *ends(const char *what) {
  static char words[256];
  lq_guest_message heard;
  lq_jail *j = loaded(what);
  assert_ok(tiny_send_call(j, &t, 0));
  lq_err err = tiny_hear(j, &heard, TINY_LONG_US);
  assert_true(err == LQ_OK || err == LQ_ERR_NET);
  (void)snprintf(words, sizeof words, "%.200s", lq_jail_words(j));
  lq_jail_close(j);
  return words;
}

#define EVERY_ONE_IS_KILLED(...)                                                                   \
  do {                                                                                             \
    static const char *const all[] = {__VA_ARGS__};                                                \
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {                                        \
      const char *words = ends(all[i]);                                                            \
      if (strcmp(words, "killed by signal 31 (SIGSYS)") != 0)                                      \
        fail_msg("%s: \"%s\"", all[i], words);                                                     \
    }                                                                                              \
  } while (0)

LQ_TEST(files_are_out_of_reach) {
  EVERY_ONE_IS_KILLED("open", "open proc", "stat", "unlink", "read", "write 0", "write 1",
                      "write 3", "write 4", "write 5", "dup", "fcntl", "ioctl", "memfd", "chroot",
                      "uring");
}

LQ_TEST(the_network_is_out_of_reach) {
  EVERY_ONE_IS_KILLED("socket", "connect", "send to another", "send to an address", "pass a file");
}

LQ_TEST(other_processes_are_out_of_reach) {
  EVERY_ONE_IS_KILLED("fork", "thread", "clone", "execve", "kill the parent", "kill all", "ptrace",
                      "unshare", "prctl", "rlimit", "setuid", "abort");
}

LQ_TEST(time_and_chance_are_out_of_reach) {
  EVERY_ONE_IS_KILLED("sleep", "time", "random");
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
  assert_string_equal(ends("clock"), "killed by signal 11 (SIGSEGV)");
#endif
}

#if defined(__x86_64__)
LQ_TEST(calls_by_the_numbers_of_another_machine_are_none) {
  EVERY_ONE_IS_KILLED("x32", "int 0x80");
}
#endif

LQ_TEST(memory_cannot_become_code) {
  EVERY_ONE_IS_KILLED("mmap code", "mmap a file", "mprotect code");
}

LQ_TEST(a_guest_that_does_nothing_bad_answers) {
  lq_guest_message heard;
  lq_jail *j = loaded("nothing");
  for (uint32_t i = 0; i < 20; i++) {
    assert_ok(tiny_send_call(j, &t, i % LQ_GUEST_SLOTS));
    assert_ok(tiny_hear(j, &heard, TINY_LONG_US));
    assert_int_equal(heard.say, LQ_GUEST_ANSWER);
    assert_int_equal(heard.slot, i % LQ_GUEST_SLOTS);
    const uint8_t *at = tiny_slot(j, heard.slot) + LQ_GUEST_CALL_BYTES_MAX;
    lq_guest_reply reply;
    memcpy(&reply, at, sizeof reply);
    assert_int_equal(heard.bytes, reply.bytes);
    assert_int_equal(reply.state_bytes, 4);
    assert_memory_equal(at + sizeof reply, "kept", 4);
  }
  assert_string_equal(lq_jail_words(j), "");
  lq_jail_close(j);
}

LQ_TEST(calls_wait_in_their_slots) {
  lq_guest_message heard;
  lq_jail *j = loaded("nothing");
  for (uint32_t slot = 0; slot < LQ_GUEST_SLOTS; slot++) assert_ok(tiny_send_call(j, &t, slot));
  for (uint32_t slot = 0; slot < LQ_GUEST_SLOTS; slot++) {
    assert_ok(tiny_hear(j, &heard, TINY_LONG_US));
    assert_int_equal(heard.slot, slot);
  }
  lq_jail_close(j);
}

#if !defined(__SANITIZE_ADDRESS__) /* it has no limit there */
LQ_TEST(memory_has_its_limit_and_its_end_can_be_handled) {
  lq_guest_message heard;
  vt_call(&t, LQ_GUEST_COMMAND, VT_ROWS); /* it may change everything */
  lq_jail *j = tiny_loaded(&t, "memory");
  assert_ok(tiny_send_call(j, &t, 0));
  assert_ok(tiny_hear(j, &heard, TINY_LONG_US));
  int32_t mib;
  memcpy(&mib, tiny_slot(j, 0) + LQ_GUEST_CALL_BYTES_MAX + sizeof(lq_guest_reply) + 13, 4);
  assert_in_range(mib, TINY_MEMORY_BYTES / (1 << 20) / 2, TINY_MEMORY_BYTES / (1 << 20));
  lq_jail_close(j);
}
#endif

LQ_TEST(faults_of_its_own_end_it_alone) {
  assert_string_equal(ends("exit"), "ended with exit code 7");
#if !defined(__SANITIZE_ADDRESS__)
  assert_string_equal(ends("stack"), "killed by signal 11 (SIGSEGV)");
  assert_string_equal(ends("null"), "killed by signal 11 (SIGSEGV)");
#endif
}

LQ_TEST(an_endless_loop_is_seen_by_its_cpu_time_and_killed) {
  lq_guest_message heard;
  lq_jail *j = loaded("loop");
  assert_ok(tiny_send_call(j, &t, 0));
  uint64_t before = lq_jail_cpu_ns(j), end = lq_clock_mono_ns() + TINY_LONG_US * 1000ull;
  while (lq_jail_cpu_ns(j) < before + 20000000) assert_true(lq_clock_mono_ns() < end);
  assert_int_equal(tiny_hear(j, &heard, 1000), LQ_ERR_IDLE);
  lq_jail_close(j);
}

LQ_TEST(one_core_of_two_is_kept_from_it) {
  char path[64], text[64] = "";
  cpu_set_t own, its;
  lq_jail *j = loaded("sit");
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)gettid());
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_non_null(fgets(text, sizeof text, file));
  (void)fclose(file);
  assert_int_equal(sched_getaffinity(0, sizeof own, &own), 0);
  assert_int_equal(sched_getaffinity(atoi(text), sizeof its, &its), 0);
  size_t first = 0;
  while (!CPU_ISSET(first, &own)) first++;
  if (CPU_COUNT(&own) > 1) CPU_CLR(first, &own);
  assert_true(CPU_EQUAL(&own, &its));
  lq_jail_close(j);
}

LQ_TEST(one_that_never_answers_uses_no_cpu_time) {
  lq_guest_message heard;
  lq_jail *j = loaded("sit");
  assert_ok(tiny_send_call(j, &t, 0));
  assert_int_equal(tiny_hear(j, &heard, 50000), LQ_ERR_IDLE);
  assert_true(lq_jail_cpu_ns(j) < 50000000);
  lq_jail_close(j);
}

LQ_TEST(what_it_says_is_kept_and_lies_are_seen) {
  lq_guest_message heard;
  assert_int_equal(strlen(ends("shout")), 200);
  lq_jail *j = loaded("lie");
  assert_ok(tiny_send_call(j, &t, 0));
  assert_int_equal(tiny_hear(j, &heard, TINY_LONG_US), LQ_ERR_CORRUPT);
  lq_jail_close(j);
  (void)ends("scribble"); /* over its whole call: it may answer or not, nobody else is hurt */
}

/* ---- messages that cannot be ---- */

static const char *ends_of_message(const void *message, size_t bytes) {
  static char words[256];
  lq_guest_message heard;
  lq_jail *j = loaded("nothing");
  assert_ok(lq_jail_send(j, lq_span_of(message, bytes)));
  assert_int_equal(tiny_hear(j, &heard, TINY_LONG_US), LQ_ERR_NET);
  (void)snprintf(words, sizeof words, "%.200s", lq_jail_words(j));
  lq_jail_close(j);
  return words;
}

#define MESSAGE_ENDS(text, ...)                                                                    \
  do {                                                                                             \
    lq_guest_message message = {__VA_ARGS__};                                                      \
    assert_string_equal(ends_of_message(&message, sizeof message),                                 \
                        text "\nended with exit code 2");                                          \
  } while (0)

LQ_TEST(a_message_that_cannot_be_ends_it_with_words) {
  uint8_t much[100] = {0};
  assert_string_equal(ends_of_message("x", 1),
                      "a message of a wrong length\nended with exit code 2");
  assert_string_equal(ends_of_message(much, 17),
                      "a message of a wrong length\nended with exit code 2");
  assert_string_equal(ends_of_message(much, 100),
                      "a message of a wrong length\nended with exit code 2");
  MESSAGE_ENDS("a message of an unknown kind", LQ_GUEST_ANSWER, 0, 0, 0);
  MESSAGE_ENDS("a message of an unknown kind", 99, 0, 0, 0);
  MESSAGE_ENDS("a message for a slot that is not there", LQ_GUEST_ASK, LQ_GUEST_SLOTS, 0, 0);
  MESSAGE_ENDS("a message longer than its slot", LQ_GUEST_ASK, 0, LQ_GUEST_CALL_BYTES_MAX + 1, 0);
  MESSAGE_ENDS("a message longer than its slot", LQ_GUEST_ASK, 0, 0, 1);
  MESSAGE_ENDS("a call that does not fit the game", LQ_GUEST_ASK, 1, 0, 0);
  MESSAGE_ENDS("a call that does not fit the game", LQ_GUEST_ASK, 1, 4096, 0);
  MESSAGE_ENDS("a second game for one process", LQ_GUEST_LOAD, 0, 100, 0);
}

static const char *ends_of_load(const char *sources, size_t bytes) {
  static char words[256];
  lq_guest_message heard;
  lq_jail *j = tiny_open();
  assert_ok(tiny_hear(j, &heard, TINY_LONG_US));
  memcpy(tiny_slot(j, 0), sources, bytes);
  assert_ok(tiny_send(j, LQ_GUEST_LOAD, 0, bytes));
  assert_int_equal(tiny_hear(j, &heard, TINY_LONG_US), LQ_ERR_NET);
  (void)snprintf(words, sizeof words, "%.200s", lq_jail_words(j));
  lq_jail_close(j);
  return words;
}

LQ_TEST(sources_that_cannot_be_end_it_with_words) {
  const char *bad = "sources that do not fit their message\nended with exit code 2";
  assert_string_equal(ends_of_load("", 0), bad);
  assert_string_equal(ends_of_load("\0\xff\xff\x7f", 4), bad); /* 2 million files */
  assert_string_equal(ends_of_load("\0\1\5ab", 5), bad);
  assert_string_equal(ends_of_load("\0\1\1a\1bc", 7), bad); /* something behind them */
  const char *words = ends_of_load("\4abcd\0", 6);
  assert_non_null(strstr(words, "the game cannot be read: "));
  assert_non_null(strstr(words, "ended with exit code 2"));
}

LQ_TEST(sources_without_a_game_are_only_described) {
  lq_guest_message heard;
  lq_jail *j = tiny_open();
  assert_ok(tiny_hear(j, &heard, TINY_LONG_US));
  assert_ok(tiny_send_load(j, NULL, "nothing"));
  assert_ok(tiny_hear(j, &heard, TINY_LONG_US));
  assert_int_equal(heard.say, LQ_GUEST_LOADED);
  assert_memory_equal(tiny_slot(j, 0) + LQ_GUEST_CALL_BYTES_MAX, "{\"described\":\"systems/tiny\"}",
                      heard.bytes);
  vt_call(&t, LQ_GUEST_SYSTEM, VT_ROWS);
  assert_ok(tiny_send_call(j, &t, 0));
  assert_int_equal(tiny_hear(j, &heard, TINY_LONG_US), LQ_ERR_NET);
  assert_string_equal(lq_jail_words(j), "a call before a game\nended with exit code 2");
  lq_jail_close(j);
}

/* ---- the sandbox from outside ---- */

/* The one child of this process. */
static pid_t the_child(void) {
  pid_t found = 0;
  DIR *folder = opendir("/proc");
  assert_non_null(folder);
  for (struct dirent *at = readdir(folder); at; at = readdir(folder)) {
    char path[300], text[512] = "";
    (void)snprintf(path, sizeof path, "/proc/%s/stat", at->d_name);
    FILE *file = at->d_name[0] >= '0' && at->d_name[0] <= '9' ? fopen(path, "r") : NULL;
    if (!file) continue;
    const char *end = fgets(text, sizeof text, file) ? strrchr(text, ')') : NULL;
    if (end && atoi(end + 4) == getpid()) found = atoi(at->d_name);
    (void)fclose(file);
  }
  (void)closedir(folder);
  return found;
}

static const char *file_of(pid_t pid, const char *name) {
  static char text[8192];
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  (void)fclose(file);
  return text;
}

static bool same_space(pid_t pid, const char *which) {
  char path[64], theirs[64] = "", ours[64] = "";
  (void)snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, which);
  if (readlink(path, theirs, sizeof theirs - 1) < 0) return false; /* not ours to look at */
  (void)snprintf(path, sizeof path, "/proc/self/ns/%s", which);
  assert_true(readlink(path, ours, sizeof ours - 1) > 0);
  return strcmp(theirs, ours) == 0;
}

static int entries(pid_t pid, const char *name) {
  char path[64];
  int count = -2; /* . and .. */
  (void)snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  DIR *folder = opendir(path);
  if (!folder) return -1;
  while (readdir(folder)) count++;
  (void)closedir(folder);
  return count;
}

static const char *reported(void) {
  static uint8_t text[1024];
  const char *argv[] = {"/proc/self/exe", "--jail", "--report", NULL};
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  int status;
  assert_ok(lq_process_run(argv, 10000, &out, &status));
  assert_int_equal(status, 0);
  text[out.bytes] = 0;
  return (const char *)text;
}

LQ_TEST(a_report_tells_what_the_kernel_gives) {
  const char *report = reported(), *head = "{\"shut\":true,\"seccomp\":true,\"no_new_privs\":true,";
  assert_memory_equal(report, head, strlen(head));
  assert_non_null(strstr(report, "\"no_capabilities\":true"));
  assert_non_null(strstr(report, "\"landlock\":"));
}

LQ_TEST(a_jail_is_closed_as_it_reports) {
  char report[1024];
  (void)snprintf(report, sizeof report, "%s", reported());
  lq_jail *j = loaded("sit");
  pid_t pid = the_child();
  assert_true(pid > 0);
  const char *status = file_of(pid, "status");
  assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));
  assert_non_null(strstr(status, "\nSeccomp:\t2\n"));
  assert_non_null(strstr(status, "\nCapEff:\t0000000000000000\n"));
  assert_non_null(strstr(status, "\nThreads:\t1\n"));
  if (strstr(report, "\"nobody\":true"))
    assert_non_null(strstr(status, "\nUid:\t65534\t65534\t65534\t65534\n"));
  if (strstr(report, "\"net_namespace\":true")) assert_false(same_space(pid, "net"));
  if (strstr(report, "\"mount_namespace\":true")) assert_false(same_space(pid, "mnt"));
  int files = entries(pid, "fd"), root = entries(pid, "root");
  assert_true(files == 2 || files == -1); /* 2 and 3; -1: as another user it may not be seen */
  if (strstr(report, "\"empty_root\":true")) assert_true(root == 0 || root == -1);
  lq_jail_close(j);
}

LQ_TEST(without_seccomp_no_guest_runs) {
  static const char words[] = "the jail cannot be closed: this kernel gives no seccomp filter (";
  uint8_t text[2048];
  char self[1024] = "";
  assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  const char *argv[] = {self, "--without-seccomp", self, "--jail", "--report", NULL};
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  int status;
  assert_ok(lq_process_run(argv, 10000, &out, &status));
  text[out.bytes] = 0;
  assert_int_equal(status, 1);
  assert_memory_equal(text, words, strlen(words));
  assert_non_null(strstr((char *)text, ". Guests stay off: run lq on a kernel with "));
  assert_non_null(strstr((char *)text, "{\"shut\":false,\"seccomp\":false,"));
  argv[4] = NULL;
  lq_jail *j;
  lq_diag diag = {0};
  lq_guest_message heard;
  assert_ok(lq_jail_open(argv, TINY_MAPPING_BYTES, &j, &diag));
  assert_int_equal(tiny_hear(j, &heard, TINY_LONG_US), LQ_ERR_NET);
  assert_memory_equal(lq_jail_words(j), words, strlen(words));
  lq_jail_close(j);
}

LQ_TEST(by_hand_it_only_reports) {
  uint8_t text[256];
  const char *argv[] = {"/proc/self/exe", "--jail", NULL};
  lq_writer out = lq_writer_of(text, sizeof text - 1);
  int status;
  assert_ok(lq_process_run(argv, 10000, &out, &status));
  assert_int_equal(status, 1);
  text[out.bytes] = 0;
  assert_string_equal((char *)text, "this program runs guests for lq, which starts it; by hand it "
                                    "only knows --report\n");
}
