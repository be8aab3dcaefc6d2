/* A thousand sessions of a hundred entities at 60 Hz, through the whole shard: the real loop, the
 * real store, the real commits.
 *
 * Every entity moves in every tick. `alone`: nobody watches. `players`: one player in each session,
 * who gets every tick's delta of all entities as JSON and sends a durable command a second.
 * `tenant`: the same through a tenant's sealed store, with an audit leaf a slice, a signed log and
 * the meter, the metrics and one trace in 100 commands. A period is one 60th of a second; its cost
 * is the CPU time the loop's thread spent in it, on the ticks of all sessions, their commits and
 * outputs. It must stay under 16 ms.
 * --quick: tiny; --json: one object; --folder PATH: where the store lies (default: the working
 * folder); --seconds N. Exit status: 0 good, 1 failed, 2 usage. */
#include "lq_host/host.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/release/release.h"
#include "lq_service/shard/shard.h"
#include "lq_service/tenant/tenants.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { HZ = 60, ENTITIES = 100, PERIODS_MAX = 1 << 16, YAML_BYTES = 64 << 10 };

static lq_loop *loop;
static lq_store *store;
static lq_shard *shard;
static const lq_game *game;
static uint8_t release[32] = {1};
static char folder[512];
static bool stopped;

/* ---- with everything on ---- */
static bool full; /* this run is */
static lq_tenants *tenants;
static lq_tenant *tenant;
static lq_signer *signer;
static lq_meter *meter;
static lq_metrics *metrics;
static lq_trace *trace;
static lq_timer *turns;
static char keys[600];

/* ---- the game ---- */
static void march(lq_sys *sys) {
  lq_sys_iter iter;
  sys->api->query(sys, 3, 0, &iter);
  while (sys->api->next(sys, &iter)) {
    const int32_t *step = sys->api->read(sys, &iter, 1);
    int32_t *place = sys->api->write(sys, &iter, 0);
    for (uint32_t i = 0; i < 2 * iter.count; i++) place[i] += step[i];
  }
}

static void turn_round(lq_sys *sys, const void *row) {
  lq_entity entity;
  memcpy(&entity, row, sizeof entity);
  int32_t *step = sys->api->set(sys, entity, 1);
  if (step) step[0] = -step[0], step[1] = -step[1];
}

static void must(lq_err err, const char *what, const lq_diag *diag) {
  if (!err) return;
  (void)fprintf(stderr, "%s: %s %s\n", what, lq_err_name(err), diag ? diag->message : "");
  exit(1);
}

static void game_make(void) {
  static uint8_t memory[8 << 20];
  static const lq_module_system systems[] = {{"march.step", march}};
  static const lq_module_command commands[] = {{"turn", turn_round}};
  char *yaml = malloc(YAML_BYTES);
  LQ_CHECK(yaml);
  lq_diag diag = {0};
  size_t at = (size_t)snprintf(yaml, YAML_BYTES,
                               "lq: 1\nname: march\nversion: 1.0.0\ntick: {hz: %d}\n"
                               "limits: {entities: 128, players: 4}\n"
                               "components:\n  Place: {fields: {x: i32, y: i32}}\n"
                               "  Step: {fields: {dx: i32, dy: i32}, see: owner}\n"
                               "commands:\n  turn: {fields: {entity: entity}}\n"
                               "systems: [march.step]\n"
                               "players:\n  spawn: {Place: {}, Step: {dx: 1, dy: 2}}\n"
                               "  on_leave: delete\nscene:\n",
                               HZ);
  for (int i = 1; i < ENTITIES; i++) /* the player's is the last */
    at += (size_t)snprintf(yaml + at, YAML_BYTES - at,
                           "  m%d: {Place: {x: %d, y: 0}, Step: {dx: 1, dy: -1}}\n", i, i);
  lq_arena arena = lq_arena_of(memory, sizeof memory);
  lq_game *made = NULL;
  must(lq_game_yaml_read(lq_span_of(yaml, at), "march", &arena, &made, &diag), "game", &diag);
  lq_module module = {LQ_SYSTEM_ABI, made->interface_hash, 1, 1, systems, commands};
  must(lq_game_bind(made, &module, &arena, &diag), "bind", &diag);
  game = made;
  free(yaml);
}

static lq_err game_of(void *context, const uint8_t id[32], const lq_game **out, lq_diag *diag) {
  (void)context;
  *out = memcmp(id, release, 32) == 0 ? game : NULL;
  return *out ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}

/* ---- the players ---- */
typedef struct player {
  lq_client *client;
  bool joined;
} player;
static uint64_t texts, text_bytes;
static uint32_t joined;

static lq_err on_text(void *conn, lq_span text) {
  player *p = conn;
  if (!p->joined) joined++;
  p->joined = true;
  texts++;
  text_bytes += text.bytes;
  return LQ_OK;
}
static size_t on_unsent(void *conn) { return (void)conn, (size_t)0; }
static void on_close(void *conn, lq_err why, const char *message) {
  player *p = conn;
  p->client = NULL;
  if (!stopped && why != LQ_ERR_BUSY)
    (void)fprintf(stderr, "a client was closed: %s %s\n", lq_err_name(why), message);
}
static const lq_client_sink sink = {on_text, on_unsent, on_close};

static void message_of(const char *text, lq_message *message) {
  lq_diag diag = {0};
  must(lq_message_read(lq_span_text(text), message, &diag), "message", &diag);
}

/* ---- one run ---- */
typedef struct run {
  player *players;
  uint32_t sessions, next_command, wanted;
  bool commands, measuring;
  uint64_t cpu_ns, process_ns, begun_ns, ended_ns;
  uint32_t period_us[PERIODS_MAX], periods;
  lq_shard_stats before, after;
} run;

static uint64_t process_cpu_ns(void) {
  struct rusage use;
  LQ_CHECK(getrusage(RUSAGE_SELF, &use) == 0);
  return ((uint64_t)use.ru_utime.tv_sec + (uint64_t)use.ru_stime.tv_sec) * 1000000000u +
         ((uint64_t)use.ru_utime.tv_usec + (uint64_t)use.ru_stime.tv_usec) * 1000u;
}

/* Each session's player commands once a second, spread over it. */
static void commands_send(run *r) {
  for (uint32_t i = 0; r->commands && i < r->sessions / HZ + 1; i++) {
    player *p = &r->players[r->next_command++ % r->sessions];
    lq_message message;
    message_of("{\"cmd\":\"turn\",\"entity\":\"p1\"}", &message);
    if (p->client) lq_client_command(p->client, &message);
  }
}

static void period_over(void *context, uint64_t fires) {
  run *r = context;
  uint64_t cpu_ns = lq_clock_thread_cpu_ns();
  uint32_t each_us = (uint32_t)((cpu_ns - r->cpu_ns) / 1000 / fires);
  r->cpu_ns = cpu_ns;
  /* Late: the work of several periods, of each its share. */
  for (uint64_t i = 0; i < fires && r->measuring && r->periods < r->wanted; i++)
    r->period_us[r->periods++] = each_us;
  commands_send(r);
  if (r->measuring && r->periods >= r->wanted) lq_loop_stop(loop);
  if (!r->measuring && joined == r->sessions) lq_loop_stop(loop);
}

/* Runs the loop for so many periods and notes the cost of each. */
static void run_for(run *r, uint32_t periods) {
  r->wanted = periods;
  r->periods = 0;
  r->measuring = true;
  lq_loop_run(loop);
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static double quantile_ms(const run *r, uint32_t of_thousand) {
  return r->period_us[(uint64_t)(r->periods - 1) * of_thousand / 1000] / 1000.0;
}

static void tenant_ready(void *context, lq_err err, const lq_diag *diag, lq_tenant *ready) {
  (void)context;
  must(err, "tenant", diag);
  tenant = ready;
  lq_loop_stop(loop);
}
static lq_err tenant_at(void *context, const char *name, lq_shard_tenant *out, lq_diag *diag) {
  (void)context;
  (void)name;
  (void)diag;
  *out = (lq_shard_tenant){
      .store = lq_tenant_store(tenant), .releases = {NULL, game_of}, .audited = true};
  return LQ_OK;
}
static void recount(void *context, lq_meter_session *session, const lq_session_name *name,
                    uint64_t first, uint64_t last) {
  (void)context;
  lq_shard_recount(shard, session, name, first, last);
}
static void turn(void *context, uint64_t fires) {
  (void)context;
  (void)fires;
  lq_tenants_turn(tenants, lq_clock_wall_ms());
  lq_meter_turn(meter, lq_clock_wall_ms(), lq_clock_mono_ns() / 1000000);
}
static void full_open(void) {
  lq_diag diag = {0};
  (void)snprintf(keys, sizeof keys, "%s/keys", folder);
  must(lq_signer_open((const uint8_t[32]){1}, &signer), "signer", NULL);
  lq_tenants_options options = {
      .store = store, .keys = keys, .root = {7}, .signer = signer, .server = "bench"};
  must(lq_tenants_open(&options, &tenants, &diag), "tenants", &diag);
  lq_tenant_need(tenants, "acme", true, tenant_ready, NULL);
  while (!tenant) lq_loop_run(loop);
  meter = lq_meter_open(&(lq_meter_options){.recount = recount});
  LQ_CHECK(meter);
  must(lq_metrics_open(&(lq_metrics_options){0}, &metrics), "metrics", NULL);
  must(lq_trace_open(&(lq_trace_options){.one_in = 100, .seed = 1}, &trace), "trace", NULL);
  must(lq_timer_open(loop, 250000, turn, NULL, &turns), "timer", NULL);
  turn(NULL, 0);
}
static void full_close(void) {
  char path[700];
  lq_tenants_close(tenants);
  lq_meter_close(meter);
  lq_metrics_close(metrics);
  lq_trace_close(trace);
  lq_signer_close(signer);
  tenant = NULL;
  (void)snprintf(path, sizeof path, "%s/acme.keys", keys);
  (void)unlink(path);
  (void)rmdir(keys);
}

static void store_open(void) {
  lq_store_sqlite_options options = {.folder = folder};
  lq_diag diag = {0};
  must(lq_store_sqlite_open(loop, &options, &store, &diag), "store", &diag);
  if (full) full_open();
  lq_shard_options of_shard = {.loop = loop,
                               .store = store,
                               .releases = {NULL, game_of},
                               .tenant = full ? tenant_at : NULL,
                               .meter = full ? meter : NULL,
                               .metrics = full ? metrics : NULL,
                               .trace = full ? trace : NULL,
                               .hibernate_ms = 3600000};
  must(lq_shard_open(&of_shard, &shard), "shard", NULL);
  must(lq_shard_serve(shard, "acme", "march", release, &diag), "serve", &diag);
}

static void on_stopped(void *context) {
  (void)context;
  stopped = true;
  lq_loop_stop(loop);
}

static void store_close(void) {
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.lock"};
  stopped = false;
  lq_shard_stop(shard, on_stopped, NULL);
  while (!stopped) lq_loop_run(loop);
  lq_shard_close(shard);
  if (full) {
    lq_timer_close(turns);
    lq_tenants_stop(tenants);
  }
  store->close(store);
  if (full) full_close();
  for (size_t i = 0; i < 4; i++) {
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)unlink(path);
  }
}

static void join_all(run *r) {
  joined = 0;
  for (uint32_t i = 0; i < r->sessions; i++) {
    char text[160];
    lq_message message;
    lq_diag diag = {0};
    (void)snprintf(
        text, sizeof text,
        "{\"action\":\"join\",\"tenant\":\"acme\",\"game\":\"march\",\"session\":\"s%u\"}",
        (unsigned)i);
    message_of(text, &message);
    r->players[i] = (player){0};
    must(lq_shard_join(shard, &message, 0, NULL, &sink, &r->players[i], &r->players[i].client,
                       &diag),
         "join", &diag);
  }
  while (joined < r->sessions) lq_loop_run(loop);
}

static void measure(run *r, uint32_t periods, bool players) {
  lq_timer *timer;
  store_open();
  must(lq_timer_open(loop, 1000000 / HZ, period_over, r, &timer), "timer", NULL);
  join_all(r);
  for (uint32_t i = 0; !players && i < r->sessions; i++)
    if (r->players[i].client) lq_client_gone(r->players[i].client, false);
  r->commands = players;
  run_for(r, periods < HZ ? periods : HZ); /* warms up */
  texts = text_bytes = 0;
  lq_shard_stats_get(shard, &r->before);
  r->process_ns = process_cpu_ns();
  r->begun_ns = lq_clock_mono_ns();
  run_for(r, periods);
  r->ended_ns = lq_clock_mono_ns();
  r->process_ns = process_cpu_ns() - r->process_ns;
  lq_shard_stats_get(shard, &r->after);
  r->commands = r->measuring = false;
  lq_timer_close(timer);
  store_close();
  qsort(r->period_us, r->periods, sizeof *r->period_us, by_value);
}

static void print(const run *r, const char *name, bool json) {
  double wall_s = (double)(r->ended_ns - r->begun_ns) / 1e9, p99_ms = quantile_ms(r, 990);
  uint64_t ticks = r->after.ticks - r->before.ticks;
  printf(json ? "\"%s\":{\"sessions\":%u,\"ticks_per_s\":%.0f,\"period_ms_p50\":%.3f,"
                "\"period_ms_p99\":%.3f,\"headroom\":%.2f,\"core_percent\":%.1f,"
                "\"late_ticks\":%llu,\"tick_us_p99\":%.1f,\"commits_per_s\":%.0f,"
                "\"texts_per_s\":%.0f,\"text_mb_per_s\":%.1f}"
              : "%-8s %4u sessions: %6.0f ticks/s; a period p50 %.2f ms, p99 %.2f ms: room for "
                "%.1f times as much; %.1f %% of a core; %llu late; one tick p99 %.1f us; %.0f "
                "slices/s, %.0f texts/s, %.1f MB/s\n",
         name, r->sessions, (double)ticks / wall_s, quantile_ms(r, 500), p99_ms,
         1000.0 / HZ / p99_ms, 100.0 * (double)r->process_ns / 1e9 / wall_s,
         (unsigned long long)(r->after.late_ticks - r->before.late_ticks),
         (double)r->after.tick_ns_p99 / 1000.0,
         (double)(r->after.commits - r->before.commits) / wall_s, (double)texts / wall_s,
         (double)text_bytes / 1e6 / wall_s);
}

int main(int argc, char **argv) {
  static run r = {.sessions = 1000};
  bool json = false;
  uint32_t periods = 10 * HZ;
  const char *parent = ".";
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick"))
      r.sessions = 20, periods = HZ / 4;
    else if (!strcmp(argv[i], "--json"))
      json = true;
    else if (!strcmp(argv[i], "--folder") && i + 1 < argc)
      parent = argv[++i];
    else if (!strcmp(argv[i], "--seconds") && i + 1 < argc && atoi(argv[i + 1]) > 0)
      periods = (uint32_t)atoi(argv[++i]) % 600 * HZ;
    else
      return (void)fprintf(stderr, "usage: %s [--quick] [--json] [--folder PATH] [--seconds N]\n",
                           argv[0]),
             2;
  }
  (void)snprintf(folder, sizeof folder, "%s/.lq_sessions_XXXXXX", parent);
  if (!mkdtemp(folder)) return perror(folder), 1;
  must(lq_loop_open(&loop), "loop", NULL);
  r.players = calloc(r.sessions, sizeof *r.players);
  LQ_CHECK(r.players);
  game_make();
  if (json) printf("{");
  measure(&r, periods, false);
  print(&r, "alone", json);
  if (json) printf(",");
  measure(&r, periods, true);
  print(&r, "players", json);
  if (json) printf(",");
  full = true;
  measure(&r, periods, true);
  print(&r, "tenant", json);
  if (json) printf("}\n");
  (void)rmdir(folder);
  lq_loop_close(loop);
  free(r.players);
  return 0;
}
