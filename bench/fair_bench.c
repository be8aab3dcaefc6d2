/* One tenant at ten times its quota beside twenty others, in one shard: the real loop, the real
 * store. What do the others notice?
 *
 * Every session ticks at 50 Hz, and a tick costs 100 us. Each of the twenty has one session, whose
 * player sends a durable command at some moment of every fifth period; a latency runs from there to
 * its acknowledgement, and so holds the wait for the tick. `calm`: the guilty tenant has 20
 * sessions, all that its quota of a tenth of a CPU allows. `quota`: it has 200. `fair`: 400, and no
 * quota at all: twice what the thread has.
 * --quick: tiny; --json: one object; --folder PATH: where the store lies (default: the working
 * folder); --seconds N. Exit status: 0 good, 1 failed, 2 usage. */
#include "lq_host/host.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/release/release.h"
#include "lq_service/shard/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  HZ = 50,
  OTHERS = 20,
  QUOTA_SESSIONS = 20,
  GUILTY_MAX = 400,
  TICK_NS = 100000,
  QUOTA_US = 100000,
  EVERY_MS = 100,
  LATENCIES_MAX = 1 << 18
};

static lq_loop *loop;
static lq_store *store;
static lq_shard *shard;
static const lq_game *game;
static uint8_t release[32] = {1};
static char folder[512];
static bool stopped;

static void must(lq_err err, const char *what, const lq_diag *diag) {
  if (!err) return;
  (void)fprintf(stderr, "%s: %s %s\n", what, lq_err_name(err), diag ? diag->message : "");
  exit(1);
}

/* ---- the game: a tick costs TICK_NS ---- */
static void burn(lq_sys *sys) {
  (void)sys;
  for (uint64_t end = lq_clock_mono_ns() + TICK_NS; lq_clock_mono_ns() < end;) {
  }
}
static void poke(lq_sys *sys, const void *row) {
  lq_entity entity;
  memcpy(&entity, row, sizeof entity);
  int32_t *count = sys->api->set(sys, entity, 0);
  if (count) ++*count;
}
static void game_make(void) {
  static uint8_t memory[1 << 20];
  static const lq_module_system systems[] = {{"work.burn", burn}};
  static const lq_module_command commands[] = {{"poke", poke}};
  static const char yaml[] =
      "lq: 1\nname: work\nversion: 1.0.0\ntick: {hz: 50}\nlimits: {entities: 8, players: 4}\n"
      "components:\n  Count: {fields: {n: i32}}\ncommands:\n  poke: {fields: {entity: entity}}\n"
      "systems: [work.burn]\nplayers:\n  spawn: {Count: {}}\n  on_leave: delete\n";
  lq_diag diag = {0};
  lq_arena arena = lq_arena_of(memory, sizeof memory);
  lq_game *made = NULL;
  must(lq_game_yaml_read(lq_span_text(yaml), "work", &arena, &made, &diag), "game", &diag);
  lq_module module = {LQ_SYSTEM_ABI, made->interface_hash, 1, 1, systems, commands};
  must(lq_game_bind(made, &module, &arena, &diag), "bind", &diag);
  game = made;
}
static lq_err game_of(void *context, const uint8_t id[32], const lq_game **out, lq_diag *diag) {
  (void)context;
  *out = memcmp(id, release, 32) == 0 ? game : NULL;
  return *out ? LQ_OK : lq_diag_set(diag, LQ_ERR_NOT_FOUND, "no such release");
}

/* ---- players ---- */
typedef struct player {
  lq_client *client;
  bool joined;
  uint64_t due_ns, sent_ns; /* the next command; the one under way, 0 = none */
} player;
static player others[OTHERS], guilty[GUILTY_MAX];
static uint32_t joined;
static bool measuring;
static uint32_t latency_us[LATENCIES_MAX], latencies;
static uint64_t dice = 88172645463325252u;

static lq_err on_text(void *conn, lq_span text) {
  player *p = conn;
  joined += !p->joined;
  p->joined = true;
  if (!p->sent_ns || text.bytes < 12 || memcmp(text.data, "{\"evt\":\"ack\"", 12) != 0)
    return LQ_OK;
  if (measuring && latencies < LATENCIES_MAX)
    latency_us[latencies++] = (uint32_t)((lq_clock_mono_ns() - p->sent_ns) / 1000);
  p->sent_ns = 0;
  return LQ_OK;
}
static size_t on_unsent(void *conn) { return (void)conn, (size_t)0; }
static void on_close(void *conn, lq_err why, const char *message) {
  ((player *)conn)->client = NULL;
  if (!stopped && why != LQ_ERR_BUSY)
    (void)fprintf(stderr, "a client was closed: %s %s\n", lq_err_name(why), message);
}
static const lq_client_sink sink = {on_text, on_unsent, on_close};

static void join(player *p, const char *tenant, uint32_t number) {
  char text[160];
  lq_message message;
  lq_diag diag = {0};
  (void)snprintf(text, sizeof text,
                 "{\"action\":\"join\",\"tenant\":\"%s\",\"game\":\"work\",\"session\":\"s%u\"}",
                 tenant, (unsigned)number);
  must(lq_message_read(lq_span_text(text), &message, &diag), "message", &diag);
  *p = (player){0};
  must(lq_shard_join(shard, &message, 0, NULL, &sink, p, &p->client, &diag), "join", &diag);
}

/* Latency counts from when a command was due: a loop that is late must not look fast. */
static void commands_send(void *context, uint64_t fires) {
  uint64_t now_ns = lq_clock_mono_ns();
  (void)context;
  (void)fires;
  for (uint32_t i = 0; i < OTHERS; i++) {
    player *p = &others[i];
    if (!p->client || p->sent_ns || now_ns < p->due_ns) continue;
    lq_message message;
    lq_diag diag = {0};
    must(lq_message_read(lq_span_text("{\"cmd\":\"poke\",\"entity\":\"p1\",\"id\":\"c\"}"),
                         &message, &diag),
         "message", &diag);
    static uint64_t ids;
    (void)snprintf(message.id, sizeof message.id, "c%llu", (unsigned long long)ids++);
    p->sent_ns = p->due_ns ? p->due_ns : now_ns;
    dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
    p->due_ns = now_ns + (EVERY_MS + dice % (1000 / HZ)) * 1000000;
    lq_client_command(p->client, &message);
  }
}

/* ---- one run ---- */
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

static void shard_open(void) {
  lq_diag diag = {0};
  lq_store_sqlite_options options = {.folder = folder};
  must(lq_store_sqlite_open(loop, &options, &store, &diag), "store", &diag);
  lq_shard_options of_shard = {
      .loop = loop, .store = store, .releases = {NULL, game_of}, .hibernate_ms = 3600000};
  must(lq_shard_open(&of_shard, &shard), "shard", NULL);
  must(lq_shard_serve(shard, "guilty", "work", release, &diag), "serve", &diag);
  for (uint32_t i = 0; i < OTHERS; i++) {
    char tenant[16];
    (void)snprintf(tenant, sizeof tenant, "other-%u", (unsigned)i);
    must(lq_shard_serve(shard, tenant, "work", release, &diag), "serve", &diag);
  }
}
static void shard_close(void) {
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.lock"};
  stopped = false;
  lq_shard_stop(shard, on_stopped, NULL);
  while (!stopped) lq_loop_run(loop);
  lq_shard_close(shard);
  store->close(store);
  for (size_t i = 0; i < 4; i++) {
    char path[700];
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)unlink(path);
  }
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static double ms_at(uint32_t of_thousand) {
  return latencies ? latency_us[(uint64_t)(latencies - 1) * of_thousand / 1000] / 1000.0 : 0;
}

typedef struct result {
  double p50, p99;
  uint64_t put_off, rested, others_off;
  uint32_t latencies;
} result;

static result measure(uint32_t sessions, bool has_quota, uint64_t ms) {
  lq_timer *timer;
  shard_open();
  joined = latencies = 0;
  for (uint32_t i = 0; i < OTHERS; i++) {
    char tenant[16];
    (void)snprintf(tenant, sizeof tenant, "other-%u", (unsigned)i);
    join(&others[i], tenant, 0);
  }
  for (uint32_t i = 0; i < sessions; i++) join(&guilty[i], "guilty", i);
  while (joined < OTHERS + sessions) run_for(20);
  lq_quota quota = {.rate[LQ_RATE_CPU_US] = QUOTA_US};
  if (has_quota) (void)lq_shard_quota_set(shard, "guilty", &quota);
  must(lq_timer_open(loop, 1000, commands_send, NULL, &timer), "timer", NULL);
  run_for(ms / 2 + 100); /* its burst is over by then */
  measuring = true;
  run_for(ms);
  measuring = false;
  lq_timer_close(timer);
  lq_shard_use use;
  lq_shard_stats stats;
  must(lq_shard_use_get(shard, "guilty", &use), "use", NULL);
  lq_shard_stats_get(shard, &stats);
  qsort(latency_us, latencies, sizeof *latency_us, by_value);
  result r = {ms_at(500), ms_at(990), use.put_off, use.rested, stats.put_off - use.put_off,
              latencies};
  shard_close();
  return r;
}

static void print(const char *name, const result *r, const result *calm, bool json) {
  printf(json ? "%s\"%s\":{\"ack_ms_p50\":%.2f,\"ack_ms_p99\":%.2f,\"of_calm_percent\":%.0f,"
                "\"rested\":%llu,\"put_off\":%llu,\"others_put_off\":%llu,\"commands\":%u}"
              : "%s%-6s the others' acknowledgement p50 %.2f ms, p99 %.2f ms (%.0f %% of calm); "
                "ticks of the guilty: %llu rested, %llu put off; of the others: %llu put off; %u "
                "commands\n",
         json && r != calm ? "," : "", name, r->p50, r->p99, 100.0 * r->p99 / calm->p99,
         (unsigned long long)r->rested, (unsigned long long)r->put_off,
         (unsigned long long)r->others_off, r->latencies);
}

int main(int argc, char **argv) {
  bool quick = false, json = false;
  uint64_t seconds = 20;
  (void)snprintf(folder, sizeof folder, ".");
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick"))
      quick = true;
    else if (!strcmp(argv[i], "--json"))
      json = true;
    else if (!strcmp(argv[i], "--folder") && i + 1 < argc)
      (void)snprintf(folder, sizeof folder, "%s", argv[++i]);
    else if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
      seconds = strtoull(argv[++i], NULL, 10);
    else
      return (void)fprintf(stderr, "fair_bench [--quick] [--json] [--folder PATH] [--seconds N]\n"),
             2;
  }
  char made[] = "/fair-XXXXXX";
  size_t bytes = strlen(folder);
  if (bytes + sizeof made > sizeof folder) return 2;
  memcpy(folder + bytes, made, sizeof made);
  if (!mkdtemp(folder)) return perror(folder), 1;
  must(lq_loop_open(&loop), "loop", NULL);
  game_make();
  uint64_t ms = quick ? 200 : seconds * 1000;
  result calm = measure(QUOTA_SESSIONS, true, ms);
  result quota = measure(quick ? 40 : 10 * QUOTA_SESSIONS, true, ms);
  result fair = measure(quick ? 40 : GUILTY_MAX, false, ms);
  if (json) printf("{");
  print("calm", &calm, &calm, json);
  print("quota", &quota, &calm, json);
  print("fair", &fair, &calm, json);
  if (json) printf("}\n");
  lq_loop_close(loop);
  (void)rmdir(folder);
  return calm.latencies && quota.latencies && fair.latencies ? 0 : 1;
}
