/* What a WebAssembly guest costs beside the same rule in C: a call, 100 players by 100 treasures,
 * loading. Microseconds of this thread's CPU time; the least of some rounds. */
#include "tests/wasm_guest_testing.h"

static wg_setup t;

/* ---- hunt.columns in C, over the same view ---- */
enum { MANY = 1024 };
static uint32_t rows[2][MANY];
static struct { int32_t x, y; } place[2][MANY];

static uint32_t places(lq_guest_view *view, uint32_t set, uint64_t with) {
  uint32_t count = 0;
  for (uint32_t row = 0; (row = lq_guest_next(view, with, 0, row)) != UINT32_MAX; row++) {
    const uint8_t *at = lq_guest_get(view, lq_guest_handle(view, row), WG_POSITION);
    rows[set][count] = row;
    memcpy(&place[set][count++], at, sizeof place[0][0]);
  }
  return count;
}

static void native_collect(lq_guest_view *view) {
  uint32_t players = places(view, 0, 1u << WG_PLAYER | 1u << WG_POSITION);
  uint32_t treasures = places(view, 1, 1u << WG_TREASURE | 1u << WG_POSITION);
  const char *why;
  for (uint32_t p = 0; p < players; p++) {
    for (uint32_t i = 0; i < treasures; i++) {
      if (place[0][p].x != place[1][i].x || place[0][p].y != place[1][i].y) continue;
      struct {
        uint64_t player;
        int32_t value, zero;
      } event = {lq_guest_handle(view, rows[0][p]).bits, 100, 0};
      (void)lq_guest_delete(view, lq_guest_handle(view, rows[1][i]), &why);
      (void)lq_guest_emit(view, 0, &event, &why);
    }
  }
}

/* One call, without the copy of its bytes; ns. */
static uint64_t once(bool native) {
  memcpy(t.again, t.call, t.call_bytes);
  uint64_t from = lq_clock_thread_cpu_ns();
  LQ_CHECK(lq_guest_view_begin(&t.view, &t.game, t.again, t.call_bytes, t.reply, sizeof t.reply) ==
           LQ_OK);
  if (native) {
    native_collect(&t.view);
    (void)lq_guest_view_end(&t.view, LQ_GUEST_DONE, (lq_span){0}, (lq_span){0});
  } else {
    (void)lq_runtime_wasm.call(&t.view);
  }
  return lq_clock_thread_cpu_ns() - from;
}

static double least_us(uint32_t rounds, bool native) {
  uint64_t least = UINT64_MAX;
  for (uint32_t i = 0; i < rounds; i++) {
    uint64_t ns = once(native);
    if (ns < least) least = ns;
  }
  lq_guest_reply reply;
  memcpy(&reply, t.reply, sizeof reply);
  if (reply.status)
    (void)fprintf(stderr, "%.*s\n", (int)reply.text_bytes, (const char *)t.reply + sizeof reply);
  LQ_CHECK(reply.status == LQ_GUEST_DONE);
  return (double)least / 1e3;
}

static void measure(const char *system, uint32_t count, uint32_t rounds) {
  wg_call(&t, LQ_GUEST_SYSTEM, wg_system(&t, system), count, count, count > 1 ? 2 : 1,
          (lq_span){0});
  double wasm = least_us(rounds, false), native = least_us(rounds, true);
  (void)printf("%-13s %4u x %-4u  %9.2f us   in C %9.2f us   %.2f times\n", system, count, count,
               wasm, native, wasm / native);
}

/* kB of this process, from /proc. */
static long memory_kb(const char *what) {
  uint8_t *data;
  size_t bytes;
  if (lq_file_read("/proc/self/status", 1 << 16, &data, &bytes)) return 0;
  char text[8192];
  size_t n = bytes < sizeof text ? bytes : sizeof text - 1;
  memcpy(text, data, n);
  text[n] = 0;
  lq_file_free(data);
  const char *at = strstr(text, what);
  return at ? strtol(at + strlen(what), NULL, 10) : 0;
}

int main(int argc, char **argv) {
  static const char *const systems[] = {"hunt.collect", "hunt.columns", NULL};
  bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
  uint32_t rounds = quick ? 20 : 20000;
  wg_game(&t, systems, true);
  wg_folder(&t);
  wg_source(&t, "tests/guests/wasm/hunt.c");
  char path[LQ_WASM_PATH_BYTES];
  lq_diag diag = {0};
  uint64_t from = lq_clock_mono_ns();
  LQ_CHECK(wg_compile(&t, path, &diag) == LQ_OK);
  double compiled = (double)(lq_clock_mono_ns() - from) / 1e6;
  from = lq_clock_mono_ns();
  LQ_CHECK(wg_compile(&t, path, &diag) == LQ_OK);
  double found = (double)(lq_clock_mono_ns() - from) / 1e6;
  (void)snprintf(t.arguments[0], sizeof t.arguments[0], "systems/m.wasm=%s", path);
  char *arguments[] = {t.arguments[0], NULL};
  lq_guest_file file = {lq_span_text("systems/m.wasm"), lq_span_of(t.wasm, t.wasm_bytes)};
  lq_writer out = lq_writer_of(t.json, sizeof t.json - 1);
  long before = memory_kb("VmRSS:");
  from = lq_clock_mono_ns();
  LQ_CHECK(lq_runtime_wasm.start(1, arguments));
  lq_runtime_wasm.load(&t.game, &file, 1, &out);
  double loaded = (double)(lq_clock_mono_ns() - from) / 1e6;
  measure("hunt.collect", 1, rounds);
  measure("hunt.columns", 1, rounds);
  measure("hunt.collect", 100, rounds / 20);
  measure("hunt.columns", 100, rounds / 20);
  measure("hunt.columns", 1000, rounds / 200 + 1);
  (void)printf(
      "compiled in %.0f ms, found in the cache in %.1f ms, loaded in %.2f ms, %ld kB more\n",
      compiled, found, loaded, memory_kb("VmRSS:") - before);
  return 0;
}
