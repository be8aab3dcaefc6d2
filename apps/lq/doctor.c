/* `lq doctor`: is this machine fit, and what mends it. Changes nothing. */
#include <sys/resource.h>

#include "apps/lq/server.h"

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

/* True when a server runs on the folder. A folder that is not there yet is not made. */
static bool check_data(check *c, const char *folder, const char *data_flag) {
  lq_place place;
  lq_diag diag = {0};
  char text[400];
  (void)snprintf(text, sizeof text, "%.300s/lq.db", folder);
  if (!lq_file_exists(text)) {
    (void)snprintf(text, sizeof text, "%.300s holds nothing yet; lq dev and lq serve make it",
                   folder);
    report(c, "data folder", true, text, "");
    return false;
  }
  uint64_t before = lq_clock_mono_ns();
  lq_err err = lq_place_open(data_flag, false, &place, &diag);
  if (err == LQ_ERR_LOCKED) {
    (void)snprintf(text, sizeof text, "%.300s is in use by a running server", folder);
    report(c, "data folder", true, text, "");
    return true;
  }
  if (err) {
    report(c, "data folder", false, diag.message, diag.mend[0] ? diag.mend : lq_err_mend(err));
    return false;
  }
  (void)snprintf(text, sizeof text, "%.300s opens in %.1f ms", folder,
                 (double)(lq_clock_mono_ns() - before) / 1e6);
  report(c, "data folder", true, text, "");
  lq_place_close(&place);
  return false;
}

enum { WRITES = 8, WRITE_MS_MAX = 50, FILES_KEPT = 64, FILES_PLENTY = 65536 };

static void check_disk(check *c, const char *folder) {
  char near[1024], path[1200], text[400];
  lq_place_near(folder, near);
  (void)snprintf(path, sizeof path, "%s/lq-doctor.tmp", near);
  uint8_t page[4096] = {0};
  uint64_t before = lq_clock_mono_ns();
  lq_err err = LQ_OK;
  for (int i = 0; i < WRITES && !err; i++) err = lq_file_write(path, lq_span_of(page, sizeof page));
  double ms = (double)(lq_clock_mono_ns() - before) / 1e6 / (int)WRITES;
  if (lq_file_remove(path) && !err) err = LQ_ERR_IO;
  if (err) {
    (void)snprintf(text, sizeof text, "%.200s cannot be written: %.100s", near, lq_err_cause(err));
    report(c, "disk", false, text, "choose a folder you may write to, with --data or LQ_DATA");
    return;
  }
  (void)snprintf(text, sizeof text, "%.2f ms a durable write in %.200s", ms, near);
  report(c, "disk", ms < (int)WRITE_MS_MAX, text, "use a disk that syncs in less than 50 ms");
}

static void check_files(check *c) {
  struct rlimit files;
  char text[128];
  if (getrlimit(RLIMIT_NOFILE, &files)) return;
  unsigned long long most = files.rlim_cur;
  (void)snprintf(text, sizeof text, "%llu: enough for %llu connections%s", most,
                 most > FILES_KEPT ? most - FILES_KEPT : 0,
                 most < FILES_PLENTY ? "; ulimit -n sets more" : "");
  report(c, "open files", most >= 2 * FILES_KEPT, text, "ulimit -n 4096");
}

static void check_port(check *c, bool server_runs) {
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
  const char *found = !err ? "free" : server_runs ? "in use; so is the data folder" : "in use";
  (void)snprintf(text, sizeof text, "%llu is %s", (unsigned long long)port, found);
  report(c, "port", !err || server_runs, text,
         "stop what uses it, or choose another with --port or LQ_PORT");
  if (listener) lq_listener_close(listener);
  if (loop) lq_loop_close(loop);
}

/* ---- guests ---- */

enum { GUEST_BYTES = 2048, GUEST_MS = 10000, LAYERS_BYTES = 700 };

/* What a jail has besides seccomp, and what a machine without it lacks. */
typedef struct layer {
  const char *key, *name, *mend;
} layer;
static const layer layers[] = {
    {"net_namespace", "an own network",
     "allow unprivileged user namespaces: sysctl user.max_user_namespaces"},
    {"empty_root", "an empty root", "allow unprivileged user namespaces"},
    {"landlock", "Landlock", "Linux 5.13 or newer, with landlock in its list of LSMs"},
    {"no_capabilities", "no capabilities", "a container that lets go of them"},
};

static bool layer_is(lq_json report, const char *key) {
  bool is = false;
  int64_t version = 0;
  lq_json value = lq_json_get(report, key);
  return (lq_json_bool(value, &is) && is) || (lq_json_i64(value, &version) && version > 0);
}

/* "on: shut in by seccomp, ...; without Landlock (...)" */
static void guest_layers(lq_json report, char text[LAYERS_BYTES]) {
  lq_writer w = lq_writer_of(text, LAYERS_BYTES - 1);
  lq_write_text(&w, "on, shut in by seccomp");
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    if (layer_is(report, layers[i].key)) {
      lq_write_text(&w, ", ");
      lq_write_text(&w, layers[i].name);
    }
  const char *before = "; this machine does not give ";
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
    if (!layer_is(report, layers[i].key)) {
      lq_write_text(&w, before);
      lq_write_text(&w, layers[i].name);
      lq_write_text(&w, " (");
      lq_write_text(&w, layers[i].mend);
      lq_write_text(&w, ")");
      before = ", ";
    }
  text[w.bytes] = 0;
}

/* The report is the last line; in front of it stands what went wrong. */
static lq_json guest_report(char *text) {
  lq_json report = {0};
  lq_diag diag;
  char *line = strrchr(text, '{');
  while (line && line > text && line[-1] != '\n') line--;
  if (!line || lq_json_parse(lq_span_text(line), &report, &diag)) return (lq_json){0};
  *line = 0;
  return report;
}

static void check_guest(check *c, const char *language) {
  char what[32], path[1200], found[GUEST_BYTES + 200], said[GUEST_BYTES], shut[LAYERS_BYTES];
  (void)snprintf(what, sizeof what, "guests %s", language);
  (void)snprintf(path, sizeof path, "%.1024s/lq-jail-%s", lq_place_jails(), language);
  const char *argv[] = {path, "--report", NULL};
  lq_writer w = lq_writer_of(said, sizeof said - 1);
  int status = 1;
  if (!lq_file_exists(path)) {
    (void)snprintf(found, sizeof found, "off: there is no %.1024s", path);
    report(c, what, false, found, "install it there, or say with LQ_JAILS where it lies");
    return;
  }
  lq_err err = lq_process_run(argv, GUEST_MS, &w, &status);
  said[w.bytes] = 0;
  lq_json told = guest_report(said);
  if (!err && status == 0 && layer_is(told, "seccomp") && layer_is(told, "no_new_privs")) {
    guest_layers(told, shut);
    report(c, what, true, shut, "");
    return;
  }
  said[strcspn(said, "\n")] = 0;
  bool shuts = layer_is(told, "seccomp");
  (void)snprintf(found, sizeof found, "off: %s",
                 said[0] ? said
                 : err   ? lq_err_cause(err)
                         : "its program ended without a report");
  report(c, what, false, found,
         told.kind != LQ_JSON_NONE && !shuts
             ? "a kernel, or a container, that gives seccomp filters; games in C need none"
             : "install the libraries it names; games without such systems need none");
}

/* WebAssembly is compiled before it runs. */
static void check_wasm2c(check *c) {
  const char *argv[] = {"wasm2c", "--version", NULL};
  char text[256];
  lq_writer w = lq_writer_of(text, sizeof text - 1);
  int status = 1;
  bool good = !lq_process_run(argv, GUEST_MS, &w, &status) && status == 0;
  text[w.bytes] = 0;
  text[strcspn(text, "\n")] = 0;
  char found[300];
  (void)snprintf(found, sizeof found, good ? "wasm2c %s, and the compiler above" : "no wasm2c%.0s",
                 text);
  report(c, "wasm compiler", good, found, "apt install wabt; games without WebAssembly need none");
}

int lq_cmd_doctor(const lq_cli *cli) {
  check c = {.json = cli->json};
  const char *folder = lq_setting_text(LQ_SETTING_DATA, cli->value[0], NULL);
  if (c.json) {
    c.w = lq_out_begin();
    lq_write_u8(&c.w, '[');
  }
  report(&c, "engine", true, "lq " LQ_VERSION, "");
  check_compiler(&c);
  bool server_runs = check_data(&c, folder, cli->value[0]);
  check_disk(&c, folder);
  check_files(&c);
  check_port(&c, server_runs);
  check_guest(&c, "python");
  check_guest(&c, "lua");
  check_guest(&c, "wasm");
  check_wasm2c(&c);
  if (c.json) {
    lq_write_u8(&c.w, ']');
    lq_out_end(&c.w);
  }
  return c.bad ? LQ_EXIT_FINDING : LQ_EXIT_OK;
}
