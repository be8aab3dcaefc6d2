/* What the jail's runtime answers, for another host to answer the same:
 *   wasm_guest_record hunt|compute|evil FOLDER
 * writes FOLDER/game, FOLDER/metered.wasm, and N.call beside N.reply for each call. Run in the
 * repository. */
#include "tests/wasm_guest_testing.h"

static wg_setup t;
static uint32_t number;
static const char *folder;

static void keep(const char *name, lq_span bytes) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s/%s", folder, name);
  LQ_CHECK(lq_file_write(path, bytes) == LQ_OK);
}

static void record(void) {
  char name[32];
  lq_guest_reply reply = wg_run(&t);
  (void)snprintf(name, sizeof name, "%u.call", number);
  keep(name, lq_span_of(t.call, t.call_bytes));
  (void)snprintf(name, sizeof name, "%u.reply", number++);
  keep(name, lq_span_of(t.reply, reply.bytes));
}

static void begin(const char *const *systems, const char *source, bool has_move) {
  wg_game(&t, systems, has_move);
  wg_folder(&t);
  wg_source(&t, source);
  const char *json = wg_load(&t, &t.game);
  if (strstr(json, "\"error\"")) (void)fprintf(stderr, "%s\n", json);
  LQ_CHECK(!strstr(json, "\"error\""));
  lq_writer out = lq_writer_of(t.again, sizeof t.again);
  LQ_CHECK(lq_game_encode(&t.game, &out) == LQ_OK);
  keep("game", lq_writer_span(&out));
  char path[LQ_WASM_PATH_BYTES + 8];
  (void)snprintf(path, sizeof path, "%.*s.wasm", (int)strlen(t.arguments[0]) - 3 - 15,
                 t.arguments[0] + 15);
  uint8_t *data;
  size_t bytes;
  LQ_CHECK(lq_file_read(path, LQ_WASM_METERED_MAX, &data, &bytes) == LQ_OK);
  keep("metered.wasm", lq_span_of(data, bytes));
  lq_file_free(data);
}

static void hunt(void) {
  static const char *const systems[] = {"hunt.collect", "hunt.columns", "hunt.fields",
                                        "hunt.keep",    "hunt.send",    NULL};
  static const uint32_t sizes[][3] = {{1, 1, 1}, {0, 0, 1}, {100, 100, 2}, {7, 300, 1}, {0, 9, 1}};
  begin(systems, "tests/guests/wasm/hunt.c", true);
  for (uint32_t s = 0; systems[s]; s++)
    for (uint32_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      for (uint32_t kept = 0; kept <= 8; kept += 4) {
        static const uint8_t left[8] = {9, 1, 0, 0, 3, 0, 0, 2};
        wg_call(&t, LQ_GUEST_SYSTEM, s, sizes[i][0], sizes[i][1], (int32_t)sizes[i][2],
                lq_span_of(left, kept));
        record();
      }
  for (int32_t step = -1; step < 3; step++) {
    wg_call(&t, LQ_GUEST_COMMAND, WG_MOVE, 2, 2, step, (lq_span){0});
    record();
  }
}

static void evil(void) {
  lq_wasm_module module;
  static const char *systems[WG_SYSTEMS];
  static uint8_t room[1 << 20];
  lq_writer out = lq_writer_of(room, sizeof room);
  wg_folder(&t);
  wg_source(&t, "tests/guests/wasm/evil.wat");
  LQ_CHECK(lq_wasm_meter(lq_span_of(t.wasm, t.wasm_bytes), true, &module, &out, NULL) == LQ_OK);
  for (uint32_t i = 0; i < module.export_count; i++) systems[i] = module.export[i].name;
  begin(systems, "tests/guests/wasm/evil.wat", false);
  for (uint32_t s = 0; s < module.export_count; s++) {
    wg_call(&t, LQ_GUEST_SYSTEM, s, 1, 1, 1, (lq_span){0});
    record();
  }
}

static void compute(void) {
  static const char *const systems[] = {"compute", NULL};
  begin(systems, "tests/guests/wasm/compute.c", false);
  wg_call(&t, LQ_GUEST_SYSTEM, 0, 1, 1, 1, (lq_span){0});
  record();
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  folder = argv[2];
  if (strcmp(argv[1], "hunt") == 0)
    hunt();
  else if (strcmp(argv[1], "compute") == 0)
    compute();
  else
    evil();
  (void)printf("%u\n", number);
  return 0;
}
