/* The durable side, over the SQLite store on a real disk.
 *
 * commit: sessions with one slice in flight each; slices/s acknowledged, latency from commit to
 * callback. sleep: bytes on disk of a session with one slice and a checkpoint; time to open the
 * store over all of them, and the memory that costs. wake: a session of 1,000 entities from
 * lq_ledger_wake to ready. --quick: tiny; --json: one object; --folder PATH: where (default: the
 * working folder); --keep: leaves the data folder and names it. */
#include "lq_engine/session/session_testing.h"
#include "lq_host/loop.h"
#include "lq_local/store_sqlite.h"
#include "lq_service/ledger/ledger.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_BYTES = 400, SAMPLES_MAX = 1 << 22, ENTITIES = 1000 };

static fixture fx;
static uint8_t arena_memory[1 << 16];
static char folder[512], database[600];
static lq_loop *loop;
static lq_store *store;
static uint32_t samples[SAMPLES_MAX]; /* microseconds */
static uint32_t sample_count;

static void must(lq_err err, const char *what) {
  if (!err) return;
  (void)fprintf(stderr, "%s: %s\n", what, lq_err_name(err));
  exit(1);
}

static void open_store(void) {
  lq_store_sqlite_options options = {.folder = folder};
  lq_diag diag = {0};
  if (lq_store_sqlite_open(loop, &options, &store, &diag)) {
    (void)fprintf(stderr, "%s\n", diag.message);
    exit(1);
  }
}
static void remove_files(void) {
  static const char *const names[] = {"lq.db", "lq.db-wal", "lq.db-shm", "lq.lock"};
  char path[700];
  for (size_t i = 0; i < 4; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    (void)unlink(path);
  }
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}
static uint32_t quantile(uint32_t of_thousand) {
  qsort(samples, sample_count, sizeof *samples, by_value);
  return sample_count ? samples[(uint64_t)sample_count * of_thousand / 1000] : 0;
}
static void sample(uint64_t since_ns) {
  if (sample_count < SAMPLES_MAX)
    samples[sample_count++] = (uint32_t)((lq_clock_mono_ns() - since_ns) / 1000);
}

/* ---- single calls ---- */

static uint32_t pending;
static lq_store_head got;
static void on_done(void *context, lq_err err) {
  (void)context;
  must(err, "store");
  if (--pending == 0) lq_loop_stop(loop);
}
static void on_head(void *context, lq_err err, const lq_store_head *head) {
  if (head) got = *head;
  on_done(context, err);
}
static void wait_all(void) {
  while (pending) lq_loop_run(loop);
}
static lq_session_name named(uint32_t n) {
  lq_session_name name = {.tenant = "bench", .game = "demo"};
  (void)snprintf(name.session, sizeof name.session, "s%07u", (unsigned)n);
  return name;
}
static lq_store_head fresh(void) {
  return (lq_store_head){.checkpoint_tick = UINT64_MAX, .seed = 1, .state = LQ_HEAD_HIBERNATED};
}

/* ---- commits ---- */

typedef struct committer {
  lq_session_name name;
  lq_store_head head;
  uint64_t begun_ns;
} committer;
static committer *committers;
static lq_store_slice *batch;
static uint32_t batch_count, in_flight;
static uint64_t acknowledged, stop_ns;
static uint8_t record[RECORD_BYTES];

static void flush(void *context);
static void again(committer *c) {
  c->begun_ns = lq_clock_mono_ns();
  lq_store_slice *s = &batch[batch_count++];
  *s = (lq_store_slice){.name = c->name,
                        .epoch = c->head.epoch,
                        .slice = ++c->head.slice,
                        .body = lq_span_of(record, sizeof record),
                        .user = c};
  c->head.state = LQ_HEAD_LIVE;
  c->head.tick++;
  s->head = c->head;
  in_flight++;
}
static void committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)leaf;
  committer *c = user;
  (void)context;
  must(err, "commit");
  sample(c->begun_ns);
  acknowledged++;
  in_flight--;
  if (lq_clock_mono_ns() < stop_ns)
    again(c);
  else if (in_flight == 0)
    lq_loop_stop(loop);
}
static void flush(void *context) {
  (void)context;
  if (!batch_count) return;
  must(store->commit(store, batch, batch_count, committed, NULL), "commit");
  batch_count = 0;
}

static double commits(uint32_t count, double seconds) {
  open_store();
  committers = calloc(count, sizeof *committers);
  batch = calloc(count, sizeof *batch);
  if (!committers || !batch) exit(1);
  for (uint32_t i = 0; i < count; i++) {
    lq_store_head head = fresh();
    committers[i].name = named(i);
    pending++;
    store->create(store, &committers[i].name, &head, on_done, NULL);
  }
  wait_all();
  for (uint32_t i = 0; i < count; i++) {
    pending++;
    store->acquire(store, &committers[i].name, on_head, NULL);
  }
  wait_all(); /* every HEAD stands alike: epoch 1, slice 0 */
  lq_loop_on_turn(loop, flush, NULL);
  sample_count = 0;
  acknowledged = 0;
  uint64_t begun = lq_clock_mono_ns();
  stop_ns = begun + (uint64_t)(seconds * 1e9);
  for (uint32_t i = 0; i < count; i++) {
    committers[i].head = got;
    again(&committers[i]);
  }
  flush(NULL);
  lq_loop_run(loop);
  double took = (double)(lq_clock_mono_ns() - begun) / 1e9;
  lq_loop_on_turn(loop, NULL, NULL);
  store->close(store);
  remove_files();
  free(committers);
  free(batch);
  return (double)acknowledged / took;
}

/* ---- sleeping sessions ---- */

static size_t checkpoint_of(const lq_session *session, uint8_t **out) {
  static const uint8_t release[32] = {1};
  size_t bytes = lq_session_save_bytes(session) + 256;
  *out = malloc(bytes);
  if (!*out) exit(1);
  lq_writer w = lq_writer_of(*out, bytes);
  must(lq_checkpoint_write(session, release, &w), "checkpoint");
  return w.bytes;
}
static lq_session *session_make(const lq_game *game) {
  size_t bytes = lq_session_bytes(game);
  lq_session *session;
  void *memory = lq_pages_take(bytes);
  if (!memory) exit(1);
  must(lq_session_init(memory, bytes, game, 1, &session), "session");
  return session;
}

static void slept_committed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)leaf;
  (void)user;
  on_done(context, err);
}
static void fall_asleep(uint32_t n, lq_span body) {
  lq_session_name name = named(n);
  lq_store_head head = fresh();
  pending += 4;
  store->create(store, &name, &head, on_done, NULL);
  store->acquire(store, &name, on_head, NULL);
  lq_store_slice slice = {.name = name, .epoch = 1, .slice = 1, .head = head};
  slice.body = lq_span_of(record, sizeof record);
  slice.head.state = LQ_HEAD_LIVE;
  slice.head.tick = 20;
  must(store->commit(store, &slice, 1, slept_committed, NULL), "commit");
  lq_store_head next = slice.head;
  next.epoch = next.slice = next.checkpoint_slice = 1;
  next.checkpoint_tick = 20;
  next.state = LQ_HEAD_HIBERNATED;
  store->checkpoint(store, &name, &next, body, on_done, NULL);
}

static double resident_mib(void) {
  unsigned long pages = 0, total = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f) {
    if (fscanf(f, "%lu %lu", &total, &pages) != 2) pages = 0;
    (void)fclose(f);
  }
  return (double)pages * 4096 / (1 << 20);
}

typedef struct sleep_result {
  double bytes_each, checkpoint_bytes, open_ms, open_mib;
} sleep_result;
static sleep_result asleep(uint32_t count) {
  sleep_result r = {0};
  uint8_t *body;
  size_t bytes = checkpoint_of(session_make(&fx.game), &body);
  open_store();
  for (uint32_t i = 0; i < count; i++) {
    fall_asleep(i, lq_span_of(body, bytes));
    if (pending >= 2000) wait_all();
  }
  wait_all();
  store->close(store);
  struct stat s;
  if (stat(database, &s)) exit(1);
  r.bytes_each = (double)s.st_size / count;
  r.checkpoint_bytes = (double)bytes;
  double before = resident_mib();
  uint64_t begun = lq_clock_mono_ns();
  open_store();
  r.open_ms = (double)(lq_clock_mono_ns() - begun) / 1e6;
  r.open_mib = resident_mib() - before;
  free(body);
  return r;
}

/* ---- waking: in the folder with all the sleeping ones ---- */

static lq_err game_of(void *context, const uint8_t release[32], const lq_game **out,
                      lq_diag *diag) {
  (void)context;
  (void)release;
  (void)diag;
  *out = &fx.game;
  return LQ_OK;
}
static void woken(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  (void)context;
  if (err) (void)fprintf(stderr, "wake: %s\n", diag->message);
  must(err, "wake");
  lq_ledger_session_free(session);
  on_done(NULL, LQ_OK);
}
static void wakes(uint32_t rounds) {
  lq_session *session = session_make(&fx.game);
  lq_tick_result result;
  must(fx_number(session, FX_SPAWN, 0, ENTITIES - FX_SCENE), "spawn");
  lq_session_tick(session, NULL, &result);
  LQ_CHECK(lq_world_entity_count(lq_session_world(session)) == ENTITIES);
  uint8_t *body;
  size_t bytes = checkpoint_of(session, &body);
  lq_session_name name = {.tenant = "bench", .game = "demo", .session = "big"};
  lq_store_head head = fresh();
  pending = 2;
  store->create(store, &name, &head, on_done, NULL);
  store->acquire(store, &name, on_head, NULL);
  wait_all();
  head = got;
  head.tick = head.checkpoint_tick = lq_session_tick_number(session);
  head.state = LQ_HEAD_HIBERNATED;
  pending = 1;
  store->checkpoint(store, &name, &head, lq_span_of(body, bytes), on_done, NULL);
  wait_all();
  lq_release_source releases = {.game = game_of};
  sample_count = 0;
  for (uint32_t i = 0; i < rounds; i++) {
    uint64_t begun = lq_clock_mono_ns();
    pending = 1;
    lq_ledger_wake(store, &releases, &name, woken, NULL);
    wait_all();
    sample(begun);
  }
  free(body);
}

int main(int argc, char **argv) {
  bool quick = false, json = false, keep = false;
  const char *parent = ".";
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--quick"))
      quick = true;
    else if (!strcmp(argv[i], "--json"))
      json = true;
    else if (!strcmp(argv[i], "--keep"))
      keep = true;
    else if (!strcmp(argv[i], "--folder") && i + 1 < argc)
      parent = argv[++i];
    else
      return (void)fprintf(stderr, "usage: %s [--quick] [--json] [--keep] [--folder PATH]\n",
                           argv[0]),
             2;
  }
  (void)snprintf(folder, sizeof folder, "%s/.lq_bench_XXXXXX", parent);
  if (!mkdtemp(folder)) return perror(folder), 1;
  (void)snprintf(database, sizeof database, "%s/lq.db", folder);
  must(lq_loop_open(&loop), "loop");
  fixture_fill(&fx);
  fx.game.entities_max = ENTITIES + 64;
  lq_arena arena = lq_arena_of(arena_memory, sizeof arena_memory);
  fixture_ready(&fx, &arena);

  static const uint32_t counts[] = {1, 100, 4000}, quick_counts[] = {1, 10, 100};
  for (size_t i = 0; i < 3; i++) {
    uint32_t count = quick ? quick_counts[i] : counts[i];
    double rate = commits(count, quick ? 0.05 : 3);
    (void)printf(json ? "%s\"commit_%u\":{\"per_s\":%.0f,\"p50_us\":%u,\"p99_us\":%u}"
                      : "%scommit, %4u sessions: %7.0f slices/s  p50 %6u us  p99 %6u us\n",
                 json ? i ? "," : "{" : "", (unsigned)count, rate, (unsigned)quantile(500),
                 (unsigned)quantile(990));
  }
  uint32_t sleepers = quick ? 200 : 100000;
  sleep_result s = asleep(sleepers);
  (void)printf(
      json ? ",\"asleep\":{\"sessions\":%u,\"bytes_each\":%.0f,\"checkpoint_bytes\":%.0f,"
             "\"open_ms\":%.2f,\"open_mib\":%.2f}"
           : "asleep, %u sessions: %.0f bytes on disk each (checkpoint %.0f); open %.2f ms, "
             "%.2f MiB\n",
      (unsigned)sleepers, s.bytes_each, s.checkpoint_bytes, s.open_ms, s.open_mib);
  wakes(quick ? 20 : 1000);
  (void)printf(json ? ",\"wake\":{\"entities\":%d,\"p50_us\":%u,\"p99_us\":%u}"
                    : "wake, %d entities: p50 %u us  p99 %u us\n",
               (int)ENTITIES, (unsigned)quantile(500), (unsigned)quantile(990));
  if (keep) (void)printf(json ? ",\"folder\":\"%s\"" : "%s\n", folder);
  if (json) (void)printf("}\n");
  store->close(store);
  if (!keep) {
    remove_files();
    (void)rmdir(folder);
  }
  lq_loop_close(loop);
  return 0;
}
