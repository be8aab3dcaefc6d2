/* Guests of many sessions, through the whole shard: the real loop, store and jails.
 *
 * sessions: 1,000 sessions of one tenant at 10 Hz, each with a system in Python that moves ten
 * entities; so many ticks a second, what they cost the server and the jail, and how long after its
 * time a tick was over (of every tenth session, whose player sees it).
 * hostile: a player of a game without guests, and one of a game with a guest in Lua, send a command
 * every 5 ms and wait for its acknowledgement; `calm` alone, `busy` beside a loop that is no guest,
 * on the cores that guests may have, `hostile` while another tenant's guests loop for ever and take
 * all memory, in Python and Lua, 25 sessions of 20 Hz each: more than it can suspend meanwhile.
 * Pin it to one core (taskset) to see who takes what: jails inherit it.
 * --quick: tiny; --json: one object; --folder PATH; --seconds N; --only PART. Jails lie in ../bin
 * beside this program, or in $LQ_JAILS. Exit status: 0 good, 1 failed, 2 usage. */
#include "lq_host/host.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/guest/guest_describe.h"
#include "lq_service/release/release.h"
#include "lq_service/shard/shard.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  HZ = 10,
  PERIOD_US = 1000000 / HZ,
  WATCH_EACH = 10,
  SAMPLES_MAX = 1 << 20,
  GAMES = 7,
  BAD = 3
};

static lq_loop *loop;
static lq_store *store;
static lq_shard *shard;
static lq_guests *guests;
static lq_releases *releases;
static char folder[600], jails[1100];
static bool stopped, measuring;
static uint32_t sample_us[SAMPLES_MAX], samples;
static uint32_t guest_us[SAMPLES_MAX], guest_samples; /* of the good tenant's guest */
static int32_t delay_us[SAMPLES_MAX]; /* of the sessions: since the first text, less its periods */
static uint32_t delay_of[SAMPLES_MAX];

static void must(lq_err err, const char *what, const lq_diag *diag) {
  if (!err) return;
  (void)fprintf(stderr, "%s: %s %s\n", what, lq_err_name(err), diag ? diag->message : "");
  exit(1);
}

/* ---- games ---- */
typedef struct source {
  const char *name, *tick, *file, *system, *text;
} source;
#define PY_HEAD                                                                                    \
  "from lq_engine.ecs import System, register_system\nfrom lq_engine.game import Place\n"          \
  "@register_system()\nclass S(System):\n  def process(self, world, delta):\n"
static const source sources[GAMES] = {
    {"march", "{hz: 10}", "m.py", "systems.m.S",
     PY_HEAD "    for e in world.with_components(Place):\n      e.Place.x += 1\n"},
    {"native", "on_command", "n.c", "n.poke",
     "#include \"game.h\"\n"
     "static void run(lq_sys *sys) {\n  lq_sys_iter i = sys_query(sys, M_Place, 0);\n"
     "  while (sys_next(sys, &i)) {\n    Place *p = write_Place(sys, &i);\n"
     "    for (uint32_t k = 0; k < i.count; k++) p[k].x++;\n  }\n}\n"
     "static void poke(lq_sys *sys, const void *row) {\n  (void)sys;\n  (void)row;\n}\n"
     "LQ_COMMANDS({\"poke\", poke})\nLQ_SYSTEMS({\"n.poke\", run})\n"},
    {"lua", "on_command", "m.lua", "m",
     "command{name=\"poke\", run=function() end}\n"
     "system{name=\"m\", run=function(world)\n"
     "  for e in world:each(\"Place\") do e.Place.x = (e.Place.x + 1) & 255 end\nend}\n"},
    {"py-loop", "{hz: 20}", "m.py", "systems.m.S", PY_HEAD "    while True:\n      pass\n"},
    {"py-bomb", "{hz: 20}", "m.py", "systems.m.S",
     PY_HEAD "    a = [0]\n    while True:\n      a = a + a\n"},
    {"lua-loop", "{hz: 20}", "m.lua", "m",
     "system{name=\"m\", run=function() while true do pcall(string.rep, \"x\", 9) end end}\n"},
    {"lua-bomb", "{hz: 20}", "m.lua", "m",
     "system{name=\"m\", run=function() local a = {} while true do a[#a + 1] = {a} end end}\n"},
};
static const lq_release *release_of[GAMES];

static void game_build(uint32_t game) {
  const source *s = &sources[game];
  static char text[1 << 14];
  char path[900];
  lq_diag diag = {0};
  lq_writer w = lq_writer_of(text, sizeof text);
  (void)snprintf(path, sizeof path, "%s/%s/systems", folder, s->name);
  must(lq_folder_make(path), path, NULL);
  lq_write_text(&w, "lq: 1\nname: ");
  lq_write_text(&w, s->name);
  lq_write_text(&w, "\ntick: ");
  lq_write_text(&w, s->tick);
  lq_write_text(&w, "\nlimits: {entities: 32, players: 4}\ncomponents:\n"
                    "  Place: {fields: {x: i32, y: i32}}\nsystems:\n  - ");
  lq_write_text(&w, s->system);
  if (game == 1 || game == 2) lq_write_text(&w, "\ncommands:\n  poke: {fields: {n: i32}}");
  lq_write_text(&w, "\nplayers: {spawn: {Place: {}}, on_leave: delete}\nscene:\n");
  for (char id[] = "a: {Place: {}}\n"; id[0] < 'a' + 9; id[0]++) {
    lq_write_text(&w, "  ");
    lq_write_text(&w, id);
  }
  (void)snprintf(path, sizeof path, "%s/%s/game.yaml", folder, s->name);
  must(lq_file_write(path, lq_writer_span(&w)), path, NULL);
  (void)snprintf(path, sizeof path, "%s/%s/systems/%s", folder, s->name, s->file);
  must(lq_file_write(path, lq_span_text(s->text)), path, NULL);
  (void)snprintf(path, sizeof path, "%s/%s", folder, s->name);
  must(lq_releases_build(releases, path, &release_of[game], &diag), s->name, &diag);
}
static lq_err game_of(void *context, const uint8_t id[32], const lq_game **out, lq_diag *diag) {
  (void)context;
  const lq_release *found = lq_releases_find(releases, id);
  *out = found ? found->game : NULL;
  return *out ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}

/* ---- players ---- */
typedef struct player {
  lq_client *client;
  bool joined;
  uint64_t sent_ns;  /* the command under way; 0: none */
  uint64_t first_ns; /* its first text of those measured */
  uint32_t game, index, texts;
  int32_t least_us; /* of its delays */
} player;
static uint32_t joined, names;

static lq_err on_text(void *conn, lq_span text) {
  player *p = conn;
  uint64_t now_ns = lq_clock_mono_ns();
  joined += !p->joined;
  p->joined = true;
  bool ack = text.bytes > 12 && memcmp(text.data, "{\"evt\":\"ack\"", 12) == 0;
  if (!measuring || samples == SAMPLES_MAX || guest_samples == SAMPLES_MAX) return LQ_OK;
  if (p->game == 0) {
    if (!p->texts) p->first_ns = now_ns;
    int32_t late_us =
        (int32_t)((int64_t)((now_ns - p->first_ns) / 1000) - (int64_t)p->texts++ * PERIOD_US);
    if (late_us < p->least_us) p->least_us = late_us;
    delay_of[samples] = p->index;
    delay_us[samples++] = late_us;
  }
  if (ack && p->sent_ns) {
    uint32_t us = (uint32_t)((now_ns - p->sent_ns) / 1000);
    *(p->game == 1 ? &sample_us[samples++] : &guest_us[guest_samples++]) = us;
  }
  if (ack) p->sent_ns = 0;
  return LQ_OK;
}
static size_t on_unsent(void *conn) { return (void)conn, (size_t)0; }
static void on_close(void *conn, lq_err why, const char *message) {
  ((player *)conn)->client = NULL;
  if (!stopped && why != LQ_ERR_BUSY)
    (void)fprintf(stderr, "a client was closed: %s %s\n", lq_err_name(why), message);
}
static const lq_client_sink sink = {on_text, on_unsent, on_close};

static void join(player *p, uint32_t game) {
  char text[200];
  lq_message message;
  lq_diag diag = {0};
  (void)snprintf(text, sizeof text,
                 "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"%s\",\"session\":\"s%u\"}",
                 game == 1 || game == 2 ? "good" : "other", sources[game].name, (unsigned)names++);
  must(lq_message_read(lq_span_text(text), &message, &diag), "message", &diag);
  *p = (player){.game = game};
  must(lq_shard_join(shard, &message, 0, NULL, &sink, p, &p->client, &diag), "join", &diag);
}

/* ---- running ---- */
static void on_stopped(void *context) {
  (void)context;
  stopped = true;
  lq_loop_stop(loop);
}
static void stop_timer(void *context, uint64_t fires) {
  (void)context;
  (void)fires;
  lq_loop_stop(loop);
}
static void run_for(uint64_t ms) {
  lq_timer *timer;
  must(lq_timer_open(loop, ms * 1000, stop_timer, NULL, &timer), "timer", NULL);
  lq_loop_run(loop);
  lq_timer_close(timer);
}
static void shard_open(uint32_t first, uint32_t last) {
  lq_diag diag = {0};
  lq_store_sqlite_options options = {.folder = folder};
  must(lq_store_sqlite_open(loop, &options, &store, &diag), "store", &diag);
  lq_guest_supply supply = lq_releases_supply(releases);
  must(lq_guests_open(loop, &supply, &guests), "guests", NULL);
  lq_shard_options of_shard = {.loop = loop,
                               .store = store,
                               .guests = guests,
                               .releases = {NULL, game_of},
                               .hibernate_ms = 3600000};
  must(lq_shard_open(&of_shard, &shard), "shard", NULL);
  for (uint32_t i = first; i <= last; i++)
    must(lq_shard_serve(shard, i == 1 || i == 2 ? "good" : "other", sources[i].name,
                        release_of[i]->id, &diag),
         "serve", &diag);
  joined = 0;
}
static void shard_close(void) {
  static const char *const files[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.lock"};
  stopped = false;
  lq_shard_stop(shard, on_stopped, NULL);
  while (!stopped) lq_loop_run(loop);
  lq_shard_close(shard);
  lq_guests_close(guests);
  store->close(store);
  for (size_t i = 0; i < 4; i++) {
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
    (void)unlink(path);
  }
}

/* CPU time of this process, and of the jails that live. */
static uint64_t own_cpu_ns(void) {
  struct timespec now;
  LQ_CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
static uint64_t jails_cpu_ns(void) {
  char path[64], text[512];
  uint64_t sum = 0;
  (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  FILE *in = fopen(path, "r");
  if (!in) return 0;
  size_t bytes = fread(text, 1, sizeof text - 1, in);
  (void)fclose(in);
  text[bytes] = 0;
  for (char *at = text, *end; *at; at = end) {
    clockid_t clock;
    struct timespec used;
    pid_t pid = (pid_t)strtol(at, &end, 10);
    if (end == at) break;
    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &used)) continue;
    sum += (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
  }
  return sum;
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static double ms_of(uint32_t *us, uint32_t count, uint32_t of_thousand) {
  if (!count) return 0;
  qsort(us, count, sizeof *us, by_value);
  return us[(uint64_t)(count - 1) * of_thousand / 1000] / 1000.0;
}
static double ms_at(uint32_t of_thousand) { return ms_of(sample_us, samples, of_thousand); }

/* ---- 1,000 sessions ---- */
/* Every session has its own place in the period: where its earliest text came. */
static void delays_take(const player *p) {
  for (uint32_t i = 0; i < samples; i++)
    sample_us[i] = (uint32_t)(delay_us[i] - p[delay_of[i]].least_us);
}

static void sessions_measure(uint32_t count, uint64_t ms, bool json) {
  player *p = calloc(count, sizeof *p);
  LQ_CHECK(p);
  lq_shard_stats before, after;
  shard_open(0, 0);
  for (uint32_t i = 0; i < count; i++) join(&p[i], 0), p[i].index = i;
  while (joined < count) run_for(20);
  for (uint32_t i = 0; i < count; i++)
    if (i % WATCH_EACH && p[i].client) lq_client_gone(p[i].client, false);
  run_for(ms / 4 + 200);
  lq_shard_stats_get(shard, &before);
  lq_guest_stats calls = lq_guests_stats(guests);
  uint64_t own = own_cpu_ns(), theirs = jails_cpu_ns(), begun = lq_clock_mono_ns();
  samples = 0;
  measuring = true;
  run_for(ms);
  measuring = false;
  double s = (double)(lq_clock_mono_ns() - begun) / 1e9;
  lq_shard_stats_get(shard, &after);
  lq_guest_stats now = lq_guests_stats(guests);
  own = own_cpu_ns() - own;
  theirs = jails_cpu_ns() - theirs;
  delays_take(p);
  double ticks = (double)(after.ticks - before.ticks);
  printf(json ? "\"sessions\":{\"sessions\":%u,\"ticks_per_s\":%.0f,\"server_percent\":%.1f,"
                "\"jail_percent\":%.1f,\"server_us\":%.2f,\"jail_us\":%.2f,\"late_ticks\":%llu,"
                "\"delay_ms_p50\":%.2f,\"delay_ms_p99\":%.2f,\"failed\":%llu}"
              : "sessions %4u at 10 Hz: %6.0f ticks/s; server %.1f %% of a core, jail %.1f %%: "
                "%.2f + %.2f us a tick; %llu late; over p50 %.2f ms, p99 %.2f ms after its time; "
                "%llu failed\n",
         count, ticks / s, 100.0 * (double)own / 1e9 / s, 100.0 * (double)theirs / 1e9 / s,
         (double)own / 1e3 / ticks, (double)theirs / 1e3 / ticks,
         (unsigned long long)(after.late_ticks - before.late_ticks), ms_at(500), ms_at(990),
         (unsigned long long)(now.failed - calls.failed));
  shard_close();
  free(p);
}

/* ---- one hostile tenant ---- */
static player good[2];
static void command_send(void *context, uint64_t fires) {
  player *p = context;
  (void)fires;
  if (!p->client || p->sent_ns) return;
  static uint64_t ids;
  lq_message message;
  lq_diag diag = {0};
  must(lq_message_read(lq_span_text("{\"cmd\":\"poke\",\"n\":1,\"id\":\"c\"}"), &message, &diag),
       "message", &diag);
  (void)snprintf(message.id, sizeof message.id, "c%llu", (unsigned long long)ids++);
  p->sent_ns = lq_clock_mono_ns();
  lq_client_command(p->client, &message);
}

typedef struct hostile_result {
  double p50_ms, p99_ms, guest_p50_ms, guest_p99_ms;
  lq_guest_stats guests;
} hostile_result;

static void command_run(hostile_result *r, uint64_t ms) {
  lq_timer *timer[2];
  lq_guest_stats before = lq_guests_stats(guests);
  for (int i = 0; i < 2; i++)
    must(lq_timer_open(loop, 5000, command_send, &good[i], &timer[i]), "timer", NULL);
  samples = guest_samples = 0;
  measuring = true;
  run_for(ms);
  measuring = false;
  for (int i = 0; i < 2; i++) lq_timer_close(timer[i]);
  good[0].sent_ns = good[1].sent_ns = 0;
  lq_guest_stats after = lq_guests_stats(guests);
  *r = (hostile_result){ms_at(500), ms_at(990), ms_of(guest_us, guest_samples, 500),
                        ms_of(guest_us, guest_samples, 990), after};
  r->guests.kills -= before.kills;
  r->guests.starts -= before.starts;
  r->guests.failed -= before.failed;
}

static void print_hostile(const hostile_result *r, const char *name, bool json) {
  printf(json ? "\"%s\":{\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"guest_p50_ms\":%.3f,"
                "\"guest_p99_ms\":%.3f,\"kills\":%llu,\"starts\":%llu,\"failed\":%llu}"
              : "%-8s a command of the other tenant: p50 %.3f ms, p99 %.3f ms; with a guest of its "
                "own: p50 %.3f ms, p99 %.3f ms; %llu kills, %llu starts, %llu failures of guests\n",
         name, r->p50_ms, r->p99_ms, r->guest_p50_ms, r->guest_p99_ms,
         (unsigned long long)r->guests.kills, (unsigned long long)r->guests.starts,
         (unsigned long long)r->guests.failed);
}

/* What an honest neighbour does to a machine: each core that guests may have is busy. It ends with
 * this process. */
static void busy_start(pid_t pid[CPU_SETSIZE]) {
  cpu_set_t cores, one;
  must(sched_getaffinity(0, sizeof cores, &cores) ? LQ_ERR_IO : LQ_OK, "cores", NULL);
  for (size_t core = 0, seen = 0; core < CPU_SETSIZE; core++) {
    pid[core] = 0;
    if (!CPU_ISSET(core, &cores) || (seen++ == 0 && CPU_COUNT(&cores) > 1)) continue;
    if ((pid[core] = fork()) != 0) continue;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof one, &one) || setpriority(PRIO_PROCESS, 0, 5) ||
        prctl(PR_SET_PDEATHSIG, SIGKILL))
      _exit(1);
    for (volatile uint64_t n = 0;; n++) {
    }
  }
}
static void busy_stop(const pid_t pid[CPU_SETSIZE]) {
  for (size_t core = 0; core < CPU_SETSIZE; core++)
    if (pid[core] > 0 && kill(pid[core], SIGKILL) == 0) (void)waitpid(pid[core], NULL, 0);
}

enum { CALM, BUSY, HOSTILE, MODES };
static void hostile_round(int mode, player *bad, uint32_t count, uint64_t ms, hostile_result *r) {
  hostile_result warm;
  pid_t busy[CPU_SETSIZE];
  shard_open(1, GAMES - 1);
  for (uint32_t i = 0; i < 2; i++) join(&good[i], 1 + i);
  while (joined < 2) run_for(10);
  command_run(&warm, ms / 8);
  for (uint32_t i = 0; mode == HOSTILE && i < count; i++) join(&bad[i], BAD + i % (GAMES - BAD));
  if (mode == BUSY) busy_start(busy);
  run_for(ms / 8); /* they are made */
  command_run(r, ms);
  if (mode == BUSY) busy_stop(busy);
  stopped = true;
  lq_shard_tenant_stop(shard, "other"); /* it would wait for their guests */
  shard_close();
}

/* Calm and not in turns, so that what else the machine does meets all. */
static void hostile_measure(uint32_t each, uint32_t rounds, uint64_t ms, bool json) {
  static const char *const name[MODES] = {"calm", "busy", "hostile"};
  hostile_result got[MODES] = {{0}};
  uint32_t count = (GAMES - BAD) * each;
  player *bad = calloc(count, sizeof *bad);
  LQ_CHECK(bad);
  for (uint32_t round = 0; round < MODES * rounds; round++) {
    hostile_result r, *sum = &got[round % MODES];
    hostile_round((int)(round % MODES), bad, count, ms, &r);
    sum->p50_ms += r.p50_ms / rounds;
    sum->p99_ms += r.p99_ms / rounds;
    sum->guest_p50_ms += r.guest_p50_ms / rounds;
    sum->guest_p99_ms += r.guest_p99_ms / rounds;
    sum->guests.kills += r.guests.kills;
    sum->guests.starts += r.guests.starts;
    sum->guests.failed += r.guests.failed;
  }
  for (int mode = 0; mode < MODES; mode++) {
    if (json && mode) printf(",");
    print_hostile(&got[mode], name[mode], json);
  }
  free(bad);
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  uint64_t seconds = 5;
  const char *parent = ".", *only = "";
  char own[1024], modules[700];
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick"))
      quick = true;
    else if (!strcmp(argv[i], "--json"))
      json = true;
    else if (!strcmp(argv[i], "--folder") && i + 1 < argc)
      parent = argv[++i];
    else if (!strcmp(argv[i], "--only") && i + 1 < argc)
      only = argv[++i];
    else if (!strcmp(argv[i], "--seconds") && i + 1 < argc && atoi(argv[i + 1]) > 0)
      seconds = strtoull(argv[++i], NULL, 10);
    else
      return (void)fprintf(stderr,
                           "usage: %s [--quick] [--json] [--folder PATH] [--seconds N] "
                           "[--only sessions|hostile]\n",
                           argv[0]),
             2;
  }
  const char *said = lq_env("LQ_JAILS");
  if (!said && !lq_program_folder(own)) return 1;
  (void)snprintf(jails, sizeof jails, said ? "%s" : "%s/../bin", said ? said : own);
  (void)snprintf(folder, sizeof folder, "%s/.lq_guests_XXXXXX", parent);
  if (!mkdtemp(folder)) return perror(folder), 1;
  (void)snprintf(modules, sizeof modules, "%s/modules", folder);
  must(lq_loop_open(&loop), "loop", NULL);
  must(lq_releases_open(modules, NULL, &releases), "releases", NULL);
  lq_releases_guests(releases, lq_guest_describe, jails);
  for (uint32_t i = 0; i < GAMES; i++) game_build(i);
  uint64_t ms = quick ? 100 : seconds * 1000;
  if (json) printf("{");
  if (strcmp(only, "hostile") != 0) sessions_measure(quick ? 20 : 1000, ms, json);
  if (json && !only[0]) printf(",");
  if (strcmp(only, "sessions") != 0) hostile_measure(quick ? 1 : 25, quick ? 1 : 4, ms, json);
  if (json) printf("}\n");
  lq_loop_close(loop);
  lq_releases_close(releases);
  const char *rm[] = {"rm", "-rf", folder, NULL};
  char nothing[16];
  lq_writer w = lq_writer_of(nothing, sizeof nothing);
  int status;
  return lq_process_run(rm, 10000, &w, &status) ? 1 : 0;
}
