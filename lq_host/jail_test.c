/* Every promise of jail.h, with a real child: this program again, as `jail_test --child WHAT`. */
#include "lq_host/jail.h"

#include "lq_host/host.h"
#include "tests/lq_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAPPING_BYTES = 1 << 20, LONG_US = 20000000 };

/* ---- the child ---- */

static void say(const char *text) {
  if (send(3, text, strlen(text), 0) < 0) _exit(90);
}

/* Lists what is open: "0 1 2 3 4" but for the one that lists. */
static void child_files(void) {
  char text[256] = "";
  DIR *folder = opendir("/proc/self/fd");
  if (!folder) _exit(91);
  bool open[64] = {false};
  for (struct dirent *at = readdir(folder); at; at = readdir(folder)) {
    int fd = atoi(at->d_name);
    if (at->d_name[0] != '.' && fd != dirfd(folder) && fd < 64) open[fd] = true;
  }
  for (int fd = 0; fd < 64; fd++)
    if (open[fd]) (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%d ", fd);
  say(text);
}

static void child_look(char **environment) {
  char text[512];
  sigset_t blocked;
  struct sigaction action;
  (void)sigprocmask(SIG_BLOCK, NULL, &blocked);
  (void)sigaction(SIGPIPE, NULL, &action);
  int flags = fcntl(3, F_GETFL);
  (void)snprintf(text, sizeof text, "%s|%d|group %d|blocked %d|pipe %d|waits %d",
                 environment[0] ? environment[0] : "", environment[0] && environment[1],
                 getpgrp() == getpid(), sigismember(&blocked, SIGTERM),
                 action.sa_handler == SIG_DFL, !(flags & O_NONBLOCK));
  say(text);
}

/* Adds one to what lies in the mapping, for each message, until the parent is gone. */
static void child_echo(void) {
  uint32_t *shared = mmap(NULL, MAPPING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0);
  if (shared == MAP_FAILED) _exit(92);
  char message[64];
  for (;;) {
    ssize_t got = recv(3, message, sizeof message, 0);
    if (got <= 0) _exit(0);
    shared[0]++;
    if (send(3, message, (size_t)got, 0) < 0) _exit(93);
  }
}

static void child_shrink(void) {
  bool shrunk = ftruncate(4, 4096) == 0, grown = ftruncate(4, MAPPING_BYTES * 2) == 0;
  say(shrunk ? "shrunk" : grown ? "grown" : "sealed");
}

static void child_chat(void) {
  char line[128];
  for (int i = 0; i < 100000; i++) {
    (void)snprintf(line, sizeof line, "line %d of a very long speech\n", i);
    for (size_t at = 0, bytes = strlen(line);
         at < bytes;) { /* the parent listens: all gets there */
      ssize_t sent = write(2, line + at, bytes - at);
      if (sent > 0)
        at += (size_t)sent;
      else
        (void)usleep(100);
    }
  }
  _exit(4);
}

static void child_spin(void) {
  for (volatile uint64_t turns = 0;; turns++) {
  }
}

__attribute__((constructor)) static void child(int argc, char **argv, char **environment) {
  if (argc < 3 || strcmp(argv[1], "--child") != 0) return;
  const char *what = argv[2];
  if (strcmp(what, "files") == 0) child_files();
  if (strcmp(what, "look") == 0) child_look(environment);
  if (strcmp(what, "echo") == 0) child_echo();
  if (strcmp(what, "shrink") == 0) child_shrink();
  if (strcmp(what, "chat") == 0) child_chat();
  if (strcmp(what, "spin") == 0) say("spins"), child_spin();
  if (strcmp(what, "crash") == 0) raise(SIGSYS);
  if (strcmp(what, "long") == 0) say("far too long for four bytes"), say("ok");
  if (strcmp(what, "mute") == 0) (void)close(3), child_spin();
  if (strcmp(what, "dirty") == 0) {
    if (write(2, "a\0b\x1b[31m\xff\n", 10) != 10) _exit(94);
    _exit(3);
  }
  if (strcmp(what, "flood") == 0) { /* more than a pipe holds, and nobody listens */
    for (int i = 0; i < 100000; i++)
      if (write(2, "0123456789abcdef", 16) < 0 && errno != EAGAIN) _exit(95);
    say("done");
  }
  if (strcmp(what, "family") == 0) { /* leaves a child of its own in its group */
    pid_t pid = fork();
    if (pid == 0) child_spin();
    char text[32];
    (void)snprintf(text, sizeof text, "%d", pid);
    say(text);
    child_spin();
  }
  _exit(0);
}

/* ---- the parent ---- */

static lq_jail *started(const char *what) {
  const char *argv[] = {"/proc/self/exe", "--child", what, NULL};
  lq_jail *jail;
  lq_diag diag = {0};
  assert_ok(lq_jail_open(argv, MAPPING_BYTES, &jail, &diag));
  return jail;
}

static const char *heard(lq_jail *jail) {
  static char text[256];
  size_t bytes;
  assert_true(lq_jail_wait(jail, LONG_US));
  assert_ok(lq_jail_receive(jail, text, sizeof text - 1, &bytes));
  text[bytes] = 0;
  return text;
}

static void ended(lq_jail *jail) {
  uint8_t byte;
  size_t bytes;
  assert_true(lq_jail_wait(jail, LONG_US));
  assert_int_equal(lq_jail_receive(jail, &byte, 1, &bytes), LQ_ERR_NET);
}

LQ_TEST(a_child_has_five_files_and_no_more) {
  int high = open("/dev/null", O_RDONLY); /* not CLOEXEC: it must not get across */
  lq_jail *jail = started("files");
  assert_string_equal(heard(jail), "0 1 2 3 4 ");
  lq_jail_close(jail);
  (void)close(high);
}

LQ_TEST(a_child_starts_clean) {
  sigset_t term, before;
  (void)sigemptyset(&term);
  (void)sigaddset(&term, SIGTERM);
  (void)sigprocmask(SIG_BLOCK, &term, &before);
  void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
  lq_jail *jail = started("look");
  assert_string_equal(heard(jail), "LANG=C.UTF-8|0|group 1|blocked 0|pipe 1|waits 1");
  lq_jail_close(jail);
  (void)signal(SIGPIPE, pipe_before);
  (void)sigprocmask(SIG_SETMASK, &before, NULL);
}

LQ_TEST(messages_go_both_ways_beside_shared_memory) {
  lq_jail *jail = started("echo");
  uint32_t *shared = lq_jail_memory(jail);
  uint8_t byte;
  size_t bytes;
  shared[0] = 41;
  assert_int_equal(lq_jail_receive(jail, &byte, 1, &bytes), LQ_ERR_IDLE);
  assert_ok(lq_jail_send(jail, lq_span_text("hello")));
  assert_string_equal(heard(jail), "hello");
  assert_int_equal(shared[0], 42);
  assert_string_equal(lq_jail_words(jail), "");
  lq_jail_close(jail);
}

LQ_TEST(the_mapping_can_be_neither_shrunk_nor_grown) {
  lq_jail *jail = started("shrink");
  assert_string_equal(heard(jail), "sealed");
  lq_jail_close(jail);
}

LQ_TEST(a_full_socket_is_busy_and_a_gone_child_is_said) {
  lq_jail *jail = started("spin");
  assert_string_equal(heard(jail), "spins");
  lq_err err = LQ_OK;
  for (int i = 0; i < 100000 && !err; i++) err = lq_jail_send(jail, lq_span_text("0123456789"));
  assert_int_equal(err, LQ_ERR_BUSY);
  lq_jail_close(jail);
  jail = started("crash");
  ended(jail);
  assert_int_equal(lq_jail_send(jail, lq_span_text("hello")), LQ_ERR_NET);
  assert_string_equal(lq_jail_words(jail), "killed by signal 31 (SIGSYS)");
  assert_string_equal(lq_jail_words(jail), "killed by signal 31 (SIGSYS)");
  assert_int_equal(lq_jail_cpu_ns(jail), 0);
  lq_jail_close(jail);
}

LQ_TEST(a_message_that_is_too_long_is_said_and_dropped) {
  lq_jail *jail = started("long");
  char four[4];
  size_t bytes;
  assert_true(lq_jail_wait(jail, LONG_US));
  assert_int_equal(lq_jail_receive(jail, four, sizeof four, &bytes), LQ_ERR_TOO_BIG);
  assert_string_equal(heard(jail), "ok");
  ended(jail);
  assert_string_equal(lq_jail_words(jail), "ended with exit code 0");
  lq_jail_close(jail);
}

LQ_TEST(the_last_words_are_kept) {
  lq_jail *jail = started("chat");
  ended(jail); /* the wait takes what is said meanwhile */
  const char *words = lq_jail_words(jail);
  assert_true(strlen(words) > 3900 && strlen(words) < 4300);
  assert_non_null(strstr(words, "line 99999 of a very long speech\nended with exit code 4"));
  lq_jail_close(jail);
}

LQ_TEST(hostile_words_become_printable) {
  lq_jail *jail = started("dirty");
  ended(jail);
  assert_string_equal(lq_jail_words(jail), "a?b?[31m?\nended with exit code 3");
  lq_jail_close(jail);
}

LQ_TEST(a_child_that_nobody_listens_to_does_not_hang) {
  lq_jail *jail = started("flood");
  char text[8];
  size_t bytes;
  uint64_t end = lq_clock_mono_ns() + LONG_US * 1000ull;
  while (lq_jail_receive(jail, text, sizeof text, &bytes) == LQ_ERR_IDLE)
    assert_true(lq_clock_mono_ns() < end);
  assert_memory_equal(text, "done", 4);
  lq_jail_close(jail);
}

LQ_TEST(a_wait_ends_when_its_time_is_over) {
  lq_jail *jail = started("spin");
  assert_string_equal(heard(jail), "spins");
  uint64_t before = lq_clock_mono_ns();
  assert_false(lq_jail_wait(jail, 20000));
  assert_true(lq_clock_mono_ns() - before >= 20000000);
  assert_false(lq_jail_wait(jail, 0));
  lq_jail_close(jail);
}

LQ_TEST(cpu_time_of_a_child_is_told_while_it_lives) {
  lq_jail *jail = started("spin"), *idle = started("echo");
  assert_string_equal(heard(jail), "spins");
  assert_ok(lq_jail_send(idle, lq_span_text("hello")));
  (void)heard(idle);
  uint64_t first = lq_jail_cpu_ns(jail), still = lq_jail_cpu_ns(idle),
           end = lq_clock_mono_ns() + LONG_US * 1000ull;
  while (lq_jail_cpu_ns(jail) < first + 40000000) assert_true(lq_clock_mono_ns() < end);
  assert_true(lq_jail_cpu_ns(idle) < still + 10000000); /* ours went on meanwhile */
  lq_jail_close(idle);
  lq_jail_close(jail);
}

LQ_TEST(a_child_that_closes_its_socket_is_gone_and_killed) {
  lq_jail *jail = started("mute");
  ended(jail);
  assert_string_equal(lq_jail_words(jail), "killed by signal 9 (SIGKILL)");
  lq_jail_close(jail);
}

LQ_TEST(close_ends_what_the_child_started) {
  lq_jail *jail = started("family");
  pid_t pid = (pid_t)atoi(heard(jail));
  assert_int_equal(kill(pid, 0), 0);
  lq_jail_close(jail);
  /* Nobody's child any more: init, or this process's subreaper, collects it. */
  uint64_t end = lq_clock_mono_ns() + LONG_US * 1000ull;
  char path[64], text[256];
  (void)snprintf(path, sizeof path, "/proc/%d/stat", pid);
  for (bool gone = false; !gone;) {
    assert_true(lq_clock_mono_ns() < end);
    FILE *file = fopen(path, "r");
    gone = !file || !fgets(text, sizeof text, file) || strstr(text, ") Z ");
    if (file) (void)fclose(file);
  }
}

LQ_TEST(what_cannot_start_says_so) {
  lq_jail *jail;
  lq_diag diag = {0};
  const char *argv[] = {"/nonexistent/lq-jail-lua", NULL};
  assert_int_equal(lq_jail_open(argv, MAPPING_BYTES, &jail, &diag), LQ_ERR_NOT_FOUND);
  assert_null(jail);
  assert_string_equal(diag.message,
                      "/nonexistent/lq-jail-lua does not start: No such file or directory");
  argv[0] = "/dev/null";
  assert_int_equal(lq_jail_open(argv, MAPPING_BYTES, &jail, &diag), LQ_ERR_FORBIDDEN);
  lq_jail_close(NULL);
}

static size_t open_files(void) {
  size_t count = 0;
  DIR *folder = opendir("/proc/self/fd");
  assert_non_null(folder);
  while (readdir(folder)) count++;
  (void)closedir(folder);
  return count;
}

LQ_TEST(nothing_is_left_behind) {
  size_t before = open_files();
  lq_jail *jail;
  lq_diag diag = {0};
  const char *argv[] = {"/nonexistent", NULL};
  for (int i = 0; i < 20; i++) {
    lq_jail_close(started(i % 2 ? "spin" : "crash"));
    assert_int_equal(lq_jail_open(argv, MAPPING_BYTES, &jail, &diag), LQ_ERR_NOT_FOUND);
  }
  assert_int_equal(open_files(), before);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, dead or alive */
}

/* ---- on a loop ---- */

typedef struct watched {
  lq_loop *loop;
  lq_jail *jail;
  uint32_t answers, turns, ends;
  bool close_itself;
} watched;

static void on_watched(void *context) {
  watched *w = context;
  char text[64];
  size_t bytes;
  lq_err err;
  while ((err = lq_jail_receive(w->jail, text, sizeof text, &bytes)) == LQ_OK) {
    if (++w->answers == 100) {
      if (w->close_itself) {
        lq_jail_close(w->jail);
        w->jail = NULL;
      }
      lq_loop_stop(w->loop);
      return;
    }
    assert_ok(lq_jail_send(w->jail, lq_span_text("again")));
  }
  if (err == LQ_ERR_NET) w->ends++;
}

static void on_turn(void *context) { ((watched *)context)->turns++; }

static void watch_started(watched *w, const char *what) {
  *w = (watched){0};
  assert_ok(lq_loop_open(&w->loop));
  w->jail = started(what);
  lq_loop_on_turn(w->loop, on_turn, w);
  assert_ok(lq_jail_watch(w->jail, w->loop, on_watched, w));
}

LQ_TEST(a_loop_calls_for_every_answer) {
  watched w;
  watch_started(&w, "echo");
  assert_ok(lq_jail_send(w.jail, lq_span_text("first")));
  lq_loop_run(w.loop);
  assert_int_equal(w.answers, 100);
  assert_true(w.turns > 0);
  assert_int_equal(w.ends, 0);
  lq_jail_close(w.jail);
  lq_loop_close(w.loop);
}

LQ_TEST(a_jail_may_be_closed_by_its_own_call) {
  watched w;
  watch_started(&w, "echo");
  w.close_itself = true;
  assert_ok(lq_jail_send(w.jail, lq_span_text("first")));
  lq_loop_run(w.loop);
  lq_loop_close(w.loop);
  assert_null(w.jail);
}

static void count_down(void *context, uint64_t fires) {
  watched *w = context;
  w->answers += (uint32_t)fires;
  if (w->answers > 20) lq_loop_stop(w->loop);
}

LQ_TEST(a_gone_child_is_told_once_and_the_loop_stays_quiet) {
  watched w;
  lq_timer *timer;
  watch_started(&w, "crash");
  assert_ok(lq_timer_open(w.loop, 10000, count_down, &w, &timer));
  lq_loop_run(w.loop);
  assert_int_equal(w.ends, 1);
  assert_string_equal(lq_jail_words(w.jail), "killed by signal 31 (SIGSYS)");
  lq_jail_close(w.jail);
  lq_timer_close(timer);
  lq_loop_close(w.loop);
}

LQ_TEST(the_loop_may_close_before_the_jail) {
  watched w;
  watch_started(&w, "echo");
  lq_loop_close(w.loop);
  assert_ok(lq_jail_send(w.jail, lq_span_text("still there")));
  assert_string_equal(heard(w.jail), "still there");
  lq_jail_close(w.jail);
}

/* No child is left, not even one that has ended. */
static bool childless(void) {
  siginfo_t about;
  return waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

static void until_childless(void *context, uint64_t fires) {
  watched *w = context;
  (void)fires;
  if (childless()) lq_loop_stop(w->loop);
}

LQ_TEST(a_watched_child_that_is_killed_is_reaped_by_its_loop) {
  watched w;
  lq_timer *timer;
  watch_started(&w, "spin");
  assert_ok(lq_timer_open(w.loop, 1000, until_childless, &w, &timer));
  assert_false(childless());
  lq_jail_close(w.jail);
  lq_loop_run(w.loop);
  assert_true(childless());
  lq_timer_close(timer);
  lq_loop_close(w.loop);
}

LQ_TEST(a_loop_that_closes_leaves_no_killed_child) {
  watched w;
  watch_started(&w, "spin");
  lq_jail_close(w.jail);
  lq_loop_close(w.loop);
  assert_true(childless());
}
