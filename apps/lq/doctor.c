/* `lq doctor`: is this machine fit, and what mends it. `lq bench`: what it gives. */
#include <stdlib.h>

#include "apps/lq/server.h"
#include "lq_base/random.h"

typedef struct check {
  lq_writer w;
  bool json, bad;
  uint32_t count;
} check;

static void report(check *c, const char *what, bool good, const char *found, const char *mend) {
  c->bad = c->bad || !good;
  if (!c->json) {
    (void)printf("%-6s %-14s %s\n", good ? "ok" : "BAD", what, found);
    if (!good) (void)printf("       %-14s mend: %s\n", "", mend);
    return;
  }
  if (c->count++) lq_write_u8(&c->w, ',');
  lq_write_text(&c->w, good ? "{\"ok\":true,\"check\":" : "{\"ok\":false,\"check\":");
  lq_json_write_text(&c->w, lq_span_text(what));
  lq_write_text(&c->w, ",\"found\":");
  lq_json_write_text(&c->w, lq_span_text(found));
  lq_write_text(&c->w, ",\"mend\":");
  lq_json_write_text(&c->w, lq_span_text(good ? "" : mend));
  lq_write_u8(&c->w, '}');
}

static void check_compiler(check *c) {
  const char *cc = lq_setting_text(LQ_SETTING_CC, NULL, NULL);
  const char *argv[] = {cc, "--version", NULL};
  uint8_t text[256];
  lq_writer w = lq_writer_of(text, sizeof text - 1);
  int status = 1;
  bool good = !lq_process_run(argv, 10000, &w, &status) && status == 0;
  text[w.bytes] = 0;
  char *line = (char *)text;
  line[strcspn(line, "\n")] = 0;
  report(c, "compiler", good, good ? line : "none",
         "install gcc or clang; games without systems in C need none");
}

static void check_data(check *c, const char *data_flag) {
  lq_place place;
  lq_diag diag = {0};
  uint64_t before = lq_clock_mono_ns();
  lq_err err = lq_place_open(data_flag, false, &place, &diag);
  char text[400];
  if (err == LQ_ERR_LOCKED) {
    report(c, "data folder", true, "in use by a running server", "");
    return;
  }
  if (err) {
    report(c, "data folder", false, diag.message, diag.mend[0] ? diag.mend : lq_err_mend(err));
    return;
  }
  (void)snprintf(text, sizeof text, "%.300s opens in %.1f ms", place.folder,
                 (double)(lq_clock_mono_ns() - before) / 1e6);
  report(c, "data folder", true, text, "");
  lq_place_close(&place);
}

static void check_disk(check *c, const char *data_flag) {
  char path[1200], text[128];
  (void)snprintf(path, sizeof path, "%s/doctor.tmp",
                 lq_setting_text(LQ_SETTING_DATA, data_flag, NULL));
  uint8_t page[4096] = {0};
  uint64_t before = lq_clock_mono_ns();
  lq_err err = LQ_OK;
  for (int i = 0; i < 8 && !err; i++) err = lq_file_write(path, lq_span_of(page, sizeof page));
  double ms = (double)(lq_clock_mono_ns() - before) / 8e6;
  if (lq_file_remove(path)) err = LQ_ERR_IO;
  (void)snprintf(text, sizeof text, err ? "%s" : "%.2s%.2f ms a durable write",
                 err ? lq_err_cause(err) : "", ms);
  report(c, "disk", !err && ms < 50, text, "use a disk that syncs in less than 50 ms");
}

static void check_port(check *c) {
  uint64_t port = 0;
  lq_diag diag = {0};
  lq_loop *loop = NULL;
  lq_listener *listener = NULL;
  char text[64];
  if (lq_setting_number(LQ_SETTING_PORT, NULL, &port, &diag)) {
    report(c, "port", false, diag.message, "set LQ_PORT to a number");
    return;
  }
  lq_listen options = {
      .host = "127.0.0.1", .port = (uint16_t)port, .keep_bytes_max = 1, .connections_max = 1};
  lq_err err = lq_loop_open(&loop);
  if (!err) err = lq_listener_open(loop, &options, &listener, &diag);
  (void)snprintf(text, sizeof text, "%llu is %s", (unsigned long long)port,
                 err ? "in use" : "free");
  report(c, "port", !err, text, "stop what uses it, or choose another with LQ_PORT");
  if (listener) lq_listener_close(listener);
  if (loop) lq_loop_close(loop);
}

int lq_cmd_doctor(const lq_cli *cli) {
  check c = {.json = cli->json};
  if (c.json) {
    c.w = lq_out_begin();
    lq_write_u8(&c.w, '[');
  }
  report(&c, "engine", true, "lq " LQ_VERSION, "");
  check_compiler(&c);
  check_data(&c, cli->value[0]);
  check_disk(&c, cli->value[0]);
  check_port(&c);
  report(&c, "guests", true, "off: Python, Lua and WASM systems are not part of this version", "");
  if (c.json) {
    lq_write_u8(&c.w, ']');
    lq_out_end(&c.w);
  }
  return c.bad ? LQ_EXIT_FINDING : LQ_EXIT_OK;
}

/* ---- bench ---- */

typedef struct commits {
  lq_place place;
  lq_session_name name;
  lq_store_head head;
  uint64_t started_ns, count, goal, *sample_ns;
  uint8_t body[512];
  bool done;
  lq_err err;
} commits;

static void commit_next(commits *b);

static void commit_landed(void *context, void *user, lq_err err) {
  commits *b = context;
  (void)user;
  b->sample_ns[b->count++] = lq_clock_mono_ns() - b->started_ns;
  b->err = err;
  if (err || b->count == b->goal) {
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
  if (err) commit_landed(b, NULL, err);
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

int lq_cmd_bench(const lq_cli *cli) {
  commits b = {.goal = cli->value[0] ? 200 : 2000};
  lq_diag diag = {0};
  char folder[1200];
  uint8_t dice[6];
  char hex[13];
  lq_err err = lq_random_bytes(dice, sizeof dice);
  lq_hex(dice, sizeof dice, hex);
  (void)snprintf(folder, sizeof folder, "%s/bench-%s", cli->value[1] ? cli->value[1] : "/tmp", hex);
  (void)lq_text_copy(b.name.tenant, sizeof b.name.tenant, lq_span_text("bench"));
  (void)lq_text_copy(b.name.game, sizeof b.name.game, lq_span_text("bench"));
  (void)lq_text_copy(b.name.session, sizeof b.name.session, lq_span_text("main"));
  b.head = (lq_store_head){.checkpoint_tick = UINT64_MAX, .state = LQ_HEAD_LIVE};
  b.sample_ns = calloc(b.goal + 1, sizeof *b.sample_ns);
  if (!err && !b.sample_ns) err = LQ_ERR_MEMORY;
  if (!err) err = lq_place_open(folder, false, &b.place, &diag);
  if (err) {
    free(b.sample_ns);
    return lq_cli_fail(cli, err, &diag);
  }
  uint64_t before = lq_clock_mono_ns();
  b.place.store->create(b.place.store, &b.name, &b.head, commit_made, &b);
  lq_place_wait(&b.place, &b.done);
  double seconds = (double)(lq_clock_mono_ns() - before) / 1e9;
  qsort(b.sample_ns, b.count, sizeof *b.sample_ns, by_value);
  int status = LQ_EXIT_OK;
  if (b.err)
    status = lq_cli_fail(cli, b.err, NULL);
  else
    (void)printf(
        cli->json ? "{\"commits\":%llu,\"per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n"
                  : "durable commits, one after the other: %llu, %.0f/s, p50 %.3f ms, p99 %.3f ms\n"
                    "the engine's own tables: make bench\n",
        (unsigned long long)b.count, (double)b.count / seconds,
        (double)b.sample_ns[b.count / 2] / 1e6, (double)b.sample_ns[b.count * 99 / 100] / 1e6);
  lq_place_close(&b.place);
  free(b.sample_ns);
  return status;
}
