/* lqsim: runs seeds, one forked process each, and tells what broke. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "apps/lqsim/sim_run.h"
#include "lq_base/hash.h"

void sim_vfs_register(void);

enum { JOBS_MAX = 64, SEED_S_MAX = 120 };
enum { GOOD = 0, FINDING = 1, USAGE = 2 };

typedef struct command_line {
  uint64_t first, last;
  uint32_t jobs;
  const char *cache, *root, *plant;
  bool json, trace, quiet, keep_going;
  sim_options run;
  uint64_t every, cases; /* of an enumeration */
} command_line;

typedef struct job {
  pid_t pid;
  int fd;
  uint64_t index; /* of the case */
  sim_result result;
  size_t got;
} job;

typedef struct totals {
  uint64_t cases, violations, faults, acked, sessions, ticks, starts, events, trace, cpu_ns,
      virtual_ns;
  uint64_t fault[SIM_FAULT_COUNT];
  uint64_t *trace_of; /* by case */
} totals;

static const char help[] =
    "lqsim: the whole server in a simulated world that tries to break it\n"
    "\n"
    "  lqsim --seeds A..B [--jobs N] [--json] [--keep-going]\n"
    "  lqsim --seeds N --trace           one run, told step by step\n"
    "  lqsim --seeds N --nth-io K [--kill] | --nth-memory K\n"
    "                                    no random faults: the K-th I/O call fails (or the "
    "process\n"
    "                                    dies in it), or the K-th allocation fails\n"
    "\n"
    "  --jobs N         processes at once (the number of processors)\n"
    "  --seconds N      simulated seconds of faults (6 to 20, by the seed)\n"
    "  --keep-going     do not stop at the first violation\n"
    "  --plant NAME     with a build that has LQ_PLANT: switch a planted bug on; --plant list\n"
    "  --root FOLDER    where examples/ lies (.)\n"
    "  --cache FOLDER   compiled games (build/lqsim)\n"
    "\n"
    "Exit status: 0 good, 1 a violation, 2 usage.\n"
    "\n"
    "  lqsim --seeds 1..2000\n"
    "  lqsim --seeds 17 --trace | less\n";

static uint64_t clock_ns(void) {
  struct timespec now;
  LQ_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return (uint64_t)now.tv_sec * SIM_S + (uint64_t)now.tv_nsec;
}

/* ---- the command line ---- */

static bool number(const char *text, uint64_t *out) {
  char *end = NULL;
  errno = 0;
  unsigned long long value = text ? strtoull(text, &end, 10) : 0;
  if (!text || !*text || *text == '-' || *end || errno) return false;
  *out = value;
  return true;
}

static bool seeds(char *text, command_line *out) {
  char *dots = text ? strstr(text, "..") : NULL;
  if (!dots) return number(text, &out->first) && number(text, &out->last);
  *dots = 0;
  return number(text, &out->first) && number(dots + 2, &out->last) && out->first <= out->last &&
         out->last - out->first < 100000000;
}

/* NULL: good; else what is wrong. */
static const char *option(command_line *out, char **argv, int *i) {
  const char *name = argv[*i];
  uint64_t value = 0;
  if (!strcmp(name, "--json")) return out->json = true, NULL;
  if (!strcmp(name, "--trace")) return out->trace = true, NULL;
  if (!strcmp(name, "--keep-going")) return out->keep_going = true, NULL;
  char *argument = argv[++*i];
  if (!argument) return "a value is missing";
  if (!strcmp(name, "--seeds")) return seeds(argument, out) ? NULL : "seeds are A..B or N";
  if (!strcmp(name, "--root")) return out->root = argument, NULL;
  if (!strcmp(name, "--cache")) return out->cache = argument, NULL;
  if (!strcmp(name, "--plant")) return out->plant = argument, NULL;
  if (!strcmp(name, "--enumerate")) {
    for (uint32_t k = 1; k < SIM_NTH_COUNT; k++)
      if (!strcmp(argument, sim_nth_name[k])) return out->run.nth_kind = (sim_nth)k, NULL;
    return "io, kill, power, memory or error";
  }
  if (!number(argument, &value)) return "that is not a whole number";
  if (!strcmp(name, "--jobs"))
    out->jobs = (uint32_t)(value < 1 ? 1 : value > JOBS_MAX ? JOBS_MAX : value);
  else if (!strcmp(name, "--seconds"))
    out->run.seconds = (uint32_t)value;
  else if (!strcmp(name, "--nth"))
    out->run.nth = value;
  else if (!strcmp(name, "--every"))
    out->every = value ? value : 1;
  else
    return "there is no such option";
  return NULL;
}

/* ---- one case: a seed, or one occasion of an enumeration ---- */

static uint64_t seed_of(const command_line *c, uint64_t index) {
  return c->run.nth_kind ? c->first : c->first + index;
}

static sim_options options_of(const command_line *c, uint64_t index) {
  sim_options options = c->run;
  if (c->run.nth_kind && !options.nth) options.nth = 1 + index * c->every;
  return options;
}

static void child(const command_line *c, uint64_t index, int fd) {
  sim_options options = options_of(c, index);
  (void)alarm(SEED_S_MAX);
  sim_run(seed_of(c, index), &options);
  const uint8_t *at = (const uint8_t *)&sim_run_result;
  for (size_t left = sizeof sim_run_result; left;) {
    ssize_t put = write(fd, at, left);
    if (put <= 0) _exit(3);
    at += put;
    left -= (size_t)put;
  }
  _exit(0);
}

static bool job_start(const command_line *c, job *j, uint64_t index) {
  int fds[2];
  if (pipe(fds)) return false;
  (void)fflush(stdout);
  *j = (job){.index = index, .fd = fds[0], .pid = fork()};
  if (j->pid == 0) {
    (void)close(fds[0]);
    child(c, index, fds[1]);
  }
  (void)close(fds[1]);
  return j->pid > 0;
}

/* True: the job is over. */
static bool job_read(job *j) {
  ssize_t got = read(j->fd, (uint8_t *)&j->result + j->got, sizeof j->result - j->got);
  if (got > 0) j->got += (size_t)got;
  if (got > 0 && j->got < sizeof j->result) return false;
  int status = 0;
  (void)close(j->fd);
  LQ_CHECK(waitpid(j->pid, &status, 0) == j->pid);
  j->pid = 0;
  if (j->got == sizeof j->result) return true;
  j->result = (sim_result){.failed = true};
  if (WIFSIGNALED(status))
    (void)snprintf(j->result.why, sizeof j->result.why,
                   WTERMSIG(status) == SIGALRM ? "it did not end within %d s"
                                               : "the process was ended by signal %d",
                   WTERMSIG(status) == SIGALRM ? SEED_S_MAX : WTERMSIG(status));
  else
    (void)snprintf(j->result.why, sizeof j->result.why, "the process ended with status %d",
                   WEXITSTATUS(status));
  return true;
}

/* ---- all seeds ---- */

static void add(totals *t, const command_line *c, uint64_t index, const sim_result *r) {
  t->cases++;
  t->violations += r->failed;
  t->acked += r->acked;
  t->sessions += r->sessions;
  t->ticks += r->ticks;
  t->starts += r->starts;
  t->events += r->events;
  t->cpu_ns += r->cpu_ns;
  t->virtual_ns += r->virtual_ns;
  for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++) {
    t->fault[i] += r->fault[i];
    t->faults += r->fault[i];
  }
  t->trace_of[index] = r->trace;
  if (!r->failed) return;
  char nth[64] = "";
  if (c->run.nth_kind)
    (void)snprintf(nth, sizeof nth, " --enumerate %s --nth %llu", sim_nth_name[c->run.nth_kind],
                   (unsigned long long)options_of(c, index).nth);
  (void)fprintf(stderr, "seed %llu%s: %s\n  again, step by step: lqsim --seeds %llu%s --trace\n",
                (unsigned long long)seed_of(c, index), nth, r->why,
                (unsigned long long)seed_of(c, index), nth);
}

static void progress(const command_line *c, const totals *t, uint64_t begun_ns, bool end) {
  static uint64_t last_ns;
  uint64_t now = clock_ns();
  if (c->quiet || c->trace || (!end && now - last_ns < SIM_S / 5)) return;
  last_ns = now;
  uint64_t all = c->cases;
  unsigned done = (unsigned)(t->cases * 30 / all);
  double seconds = (double)(now - begun_ns) / 1e9;
  (void)fprintf(stderr, "\r[%.*s%.*s] %llu of %llu runs  %.1f/s  %llu faults  %llu violations ",
                (int)done, "==============================", (int)(30 - done),
                "                              ", (unsigned long long)t->cases,
                (unsigned long long)all, seconds > 0 ? (double)t->cases / seconds : 0,
                (unsigned long long)t->faults, (unsigned long long)t->violations);
  if (end) (void)fprintf(stderr, "\n");
}

static void run_all(const command_line *c, totals *t, uint64_t begun_ns) {
  static job jobs[JOBS_MAX];
  struct pollfd polls[JOBS_MAX];
  uint64_t next = 0;
  uint32_t running = 0;
  bool stop = false;
  for (;;) {
    for (uint32_t i = 0; i < c->jobs && next < c->cases && !stop; i++)
      if (!jobs[i].pid) {
        if (!job_start(c, &jobs[i], next++)) {
          (void)fprintf(stderr, "lqsim: a process cannot be started\n");
          exit(FINDING);
        }
        running++;
      }
    if (!running) return;
    for (uint32_t i = 0; i < c->jobs; i++)
      polls[i] = (struct pollfd){.fd = jobs[i].pid ? jobs[i].fd : -1, .events = POLLIN};
    (void)poll(polls, c->jobs, 200);
    for (uint32_t i = 0; i < c->jobs; i++) {
      if (!jobs[i].pid || !(polls[i].revents & (POLLIN | POLLHUP)) || !job_read(&jobs[i])) continue;
      running--;
      add(t, c, jobs[i].index, &jobs[i].result);
      if (jobs[i].result.failed && !c->keep_going) stop = true;
    }
    progress(c, t, begun_ns, false);
  }
}

static void summary(const command_line *c, const totals *t, double seconds) {
  (void)printf("%llu runs, %llu faults, %llu violations in %.1f s: %.1f runs/s, %.0f faults/s, "
               "%.0f faults per second of CPU\n",
               (unsigned long long)t->cases, (unsigned long long)t->faults,
               (unsigned long long)t->violations, seconds, (double)t->cases / seconds,
               (double)t->faults / seconds, (double)t->faults * 1e9 / (double)(t->cpu_ns + 1));
  (void)printf("%llu commands acknowledged, %llu sessions replayed over %llu ticks, %llu server "
               "starts, %.1f hours simulated\n",
               (unsigned long long)t->acked, (unsigned long long)t->sessions,
               (unsigned long long)t->ticks, (unsigned long long)t->starts,
               (double)t->virtual_ns / 3.6e12);
  uint32_t kinds = 0;
  for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++) {
    kinds += t->fault[i] != 0;
    if (t->fault[i])
      (void)printf("  %10llu  %s\n", (unsigned long long)t->fault[i], sim_fault_text[i]);
  }
  (void)printf("%u of %u kinds of fault occurred; trace hash %016llx\n", kinds, SIM_FAULT_COUNT,
               (unsigned long long)t->trace);
  (void)c;
}

static void summary_json(const totals *t, double seconds) {
  (void)printf("{\"seeds\":%llu,\"faults\":%llu,\"violations\":%llu,\"trace_hash\":\"%016llx\","
               "\"seconds\":%.3f,\"cpu_seconds\":%.3f,\"acknowledged\":%llu,\"sessions\":%llu,"
               "\"ticks\":%llu,\"starts\":%llu,\"by_kind\":{",
               (unsigned long long)t->cases, (unsigned long long)t->faults,
               (unsigned long long)t->violations, (unsigned long long)t->trace, seconds,
               (double)t->cpu_ns / 1e9, (unsigned long long)t->acked,
               (unsigned long long)t->sessions, (unsigned long long)t->ticks,
               (unsigned long long)t->starts);
  for (uint32_t i = 0; i < SIM_FAULT_COUNT; i++)
    (void)printf("%s\"%s\":%llu", i ? "," : "", sim_fault_text[i], (unsigned long long)t->fault[i]);
  (void)printf("}}\n");
}

/* How many occasions there are: a run in which none is hit. */
static uint64_t cases_count(const command_line *c) {
  static job j;
  command_line count = *c;
  if (c->run.nth || c->trace) return 1;
  count.run.nth = UINT64_MAX;
  LQ_CHECK(job_start(&count, &j, 0));
  while (!job_read(&j)) {
  }
  if (j.result.failed) {
    (void)fprintf(stderr, "lqsim: without a fault: %s\n", j.result.why);
    exit(FINDING);
  }
  return (j.result.occasions + c->every - 1) / c->every;
}

int main(int argc, char **argv) {
  command_line c = {.every = 1,
                    .jobs = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN),
                    .cache = "build/lqsim",
                    .root = "."};
  bool have_seeds = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
      (void)fputs(help, stdout);
      return GOOD;
    }
    const char *name = argv[i], *wrong = option(&c, argv, &i);
    have_seeds |= !strcmp(name, "--seeds");
    if (!wrong) continue;
    (void)fprintf(stderr, "lqsim: %s: %s\n    mend: lqsim --help\n", name, wrong);
    return USAGE;
  }
  if (c.plant && !strcmp(c.plant, "list")) {
    sim_plant_list();
    return GOOD;
  }
  if (c.plant && !sim_plant(c.plant)) return USAGE;
  if (!have_seeds && !c.run.nth_kind) {
    (void)fprintf(stderr, "lqsim: which seeds?\n    mend: lqsim --seeds 1..200\n");
    return USAGE;
  }
  if (c.run.nth_kind && !have_seeds) c.first = c.last = 1;
  if (c.run.nth_kind && c.first != c.last) {
    (void)fprintf(stderr, "lqsim: an enumeration is of one seed\n    mend: --seeds 1\n");
    return USAGE;
  }
  c.quiet = c.json || !isatty(STDERR_FILENO);
  lq_diag diag = {0};
  lq_err err = sim_games_build(c.root, c.cache, &diag);
  if (err) {
    (void)fprintf(stderr,
                  "lqsim: the games do not build: %s: %s\n    mend: --root names the folder "
                  "that has examples/\n",
                  lq_err_name(err), diag.message);
    return FINDING;
  }
  sim_vfs_register();
  uint64_t begun_ns = clock_ns();
  c.cases = c.run.nth_kind ? cases_count(&c) : c.last - c.first + 1;
  totals t = {.trace_of = calloc(c.cases, sizeof(uint64_t))};
  LQ_CHECK(t.trace_of);
  if (c.trace) { /* in this process, so that a debugger sees it */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    sim.log = stdout;
    sim_options options = options_of(&c, 0);
    sim_run(c.first, &options);
    add(&t, &c, 0, &sim_run_result);
  } else {
    run_all(&c, &t, begun_ns);
  }
  progress(&c, &t, begun_ns, true);
  double seconds = (double)(clock_ns() - begun_ns) / 1e9;
  for (uint64_t i = 0; i < c.cases; i++) t.trace = lq_hash_mix(t.trace, t.trace_of[i]);
  if (c.json)
    summary_json(&t, seconds);
  else
    summary(&c, &t, seconds);
  free(t.trace_of);
  sim_games_close();
  return t.violations ? FINDING : GOOD;
}
