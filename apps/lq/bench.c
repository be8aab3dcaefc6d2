/* `lq bench`: what this machine's disk gives, as a session's commits see it. The engine's own
 * tables are `make bench`. */
#include <stdlib.h>
#include <unistd.h>

#include "apps/lq/server.h"

typedef struct commits {
  lq_place place;
  lq_session_name name;
  lq_store_head head;
  uint64_t started_ns, count, goal, *sample_ns;
  uint8_t body[512];
  bool done, stopped;
  lq_err err;
  lq_progress progress;
} commits;

static void commit_next(commits *b);

static void commit_landed(void *context, void *user, lq_err err, uint64_t leaf) {
  (void)leaf;
  commits *b = context;
  (void)user;
  b->sample_ns[b->count++] = lq_clock_mono_ns() - b->started_ns;
  b->err = err;
  lq_progress_at(&b->progress, b->count);
  if (err || b->stopped || b->count == b->goal) {
    b->done = true;
    lq_loop_stop(b->place.loop);
  } else {
    commit_next(b);
  }
}

static void commit_next(commits *b) {
  b->head.slice++;
  b->started_ns = lq_clock_mono_ns();
  lq_store_slice slice = {.name = b->name,
                          .epoch = b->head.epoch,
                          .slice = b->head.slice,
                          .body = lq_span_of(b->body, sizeof b->body),
                          .head = b->head};
  lq_err err = b->place.store->commit(b->place.store, &slice, 1, commit_landed, b);
  if (err) commit_landed(b, NULL, err, LQ_LEAF_NONE);
}

static void commit_owned(void *context, lq_err err, const lq_store_head *head) {
  commits *b = context;
  if (err) {
    b->err = err;
    b->done = true;
    lq_loop_stop(b->place.loop);
    return;
  }
  b->head = *head;
  commit_next(b);
}

static void commit_made(void *context, lq_err err) {
  commits *b = context;
  if (err)
    commit_owned(b, err, NULL);
  else
    b->place.store->acquire(b->place.store, &b->name, commit_owned, b);
}

static int by_value(const void *a, const void *b) {
  uint64_t x, y;
  memcpy(&x, a, sizeof x);
  memcpy(&y, b, sizeof y);
  return (x > y) - (x < y);
}

static void stop_signal(void *context, int signal) {
  (void)signal;
  ((commits *)context)->stopped = true;
}

static lq_err remove_folder(char *folder);

static bool remove_one(void *context, const char *name, bool is_folder) {
  char path[1400];
  (void)snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
  return is_folder ? !remove_folder(path) : !lq_file_remove(path);
}

/* Nothing of a bench stays behind, nor of the key store in it. */
static lq_err remove_folder(char *folder) {
  lq_err err = lq_folder_list(folder, remove_one, folder);
  return !err && rmdir(folder) ? LQ_ERR_IO : err;
}

static int print(const lq_cli *cli, const commits *b, double seconds) {
  (void)printf(
      cli->json ? "{\"commits\":%llu,\"per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n"
                : "durable commits, one after the other: %llu, %.0f/s, p50 %.3f ms, p99 %.3f ms\n",
      (unsigned long long)b->count, (double)b->count / seconds,
      (double)b->sample_ns[b->count / 2] / 1e6, (double)b->sample_ns[b->count * 99 / 100] / 1e6);
  return b->stopped ? LQ_EXIT_FINDING : LQ_EXIT_OK;
}

int lq_cmd_bench(const lq_cli *cli) {
  commits b = {.goal = cli->value[0] ? 200 : 2000};
  lq_diag diag = {0};
  char near[1024], folder[1200];
  uint8_t dice[6];
  char hex[13];
  lq_err err = lq_random_bytes(dice, sizeof dice);
  lq_hex(dice, sizeof dice, hex);
  lq_place_near(lq_setting_text(LQ_SETTING_DATA, cli->value[1], NULL), near);
  (void)snprintf(folder, sizeof folder, "%s/bench-%s", near, hex);
  (void)lq_text_copy(b.name.tenant, sizeof b.name.tenant, lq_span_text("bench"));
  (void)lq_text_copy(b.name.game, sizeof b.name.game, lq_span_text("bench"));
  (void)lq_text_copy(b.name.session, sizeof b.name.session, lq_span_text("main"));
  b.head = (lq_store_head){.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_LIVE};
  b.sample_ns = calloc(b.goal + 1, sizeof *b.sample_ns);
  if (!err && !b.sample_ns) err = LQ_ERR_MEMORY;
  if (!err) err = lq_place_open_bare(folder, false, &b.place, &diag);
  if (err) {
    free(b.sample_ns);
    (void)(lq_file_exists(folder) && remove_folder(folder)); /* the first error is the news */
    return lq_cli_fail(cli, err, &diag);
  }
  if (lq_loop_on_stop_signal(b.place.loop, stop_signal, &b)) b.stopped = true;
  lq_progress_begin(&b.progress, "commits", b.goal);
  uint64_t before = lq_clock_mono_ns();
  b.place.store->create(b.place.store, &b.name, &b.head, commit_made, &b);
  lq_place_wait(&b.place, &b.done);
  double seconds = (double)(lq_clock_mono_ns() - before) / 1e9;
  qsort(b.sample_ns, b.count, sizeof *b.sample_ns, by_value);
  lq_progress_end(&b.progress);
  int status = b.err ? lq_cli_fail(cli, b.err, NULL) : print(cli, &b, seconds);
  lq_place_close(&b.place);
  free(b.sample_ns);
  if ((err = remove_folder(folder))) {
    lq_diag_set(&diag, err, "%.200s could not be removed", folder);
    status = lq_cli_fail(cli, err, &diag);
  }
  return status;
}
