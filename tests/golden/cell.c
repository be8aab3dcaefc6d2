/* One cell of the golden matrix: the engine and one game's systems as one compiler and level make
 * them, behind the interface of the WebAssembly module. Plays a run and prints each tick's hash,
 * then the state's JSON.
 *
 *   cell RUN [--fresh K]                        saves and loads after every K ticks
 *   cell RUN --from STATE --ticks N --save STATE   N ticks from a saved state ("-": from the
 * start), then saves: a chain of processes plays the whole run
 */
#include "apps/wasm/lq_wasm.h"
#include "tests/golden/run_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void *lq_wasm_memory(size_t bytes) {
  size_t rounded = (bytes + 63) & ~(size_t)63;
  void *memory = aligned_alloc(64, rounded);
  if (memory) memset(memory, 0, rounded);
  return memory;
}
const char *lq_wasm_last_words(void) { return ""; }

static _Noreturn void die(const char *what, const char *why) {
  (void)fprintf(stderr, "cell: %s: %s\n", what, why);
  exit(1);
}
static void must(lq_err err, const char *what) {
  if (err) die(what, lq_wasm_error_text());
}

static lq_span file_read(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) die(path, "cannot be read");
  long bytes = ftell(file);
  uint8_t *data = malloc((size_t)bytes + 1);
  rewind(file);
  if (!data || fread(data, 1, (size_t)bytes, file) != (size_t)bytes) die(path, "cannot be read");
  (void)fclose(file);
  return lq_span_of(data, (size_t)bytes);
}
static void file_write(const char *path, lq_span bytes) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(bytes.data, 1, bytes.bytes, file) != bytes.bytes || fclose(file))
    die(path, "cannot be written");
}

/* Into the room; the number of bytes. */
static uint32_t give(lq_span bytes) {
  uint8_t *room = lq_wasm_room((uint32_t)bytes.bytes);
  if (!room) die("room", "memory is out");
  if (bytes.bytes) memcpy(room, bytes.data, bytes.bytes);
  return (uint32_t)bytes.bytes;
}
static lq_span out(void) { return lq_span_of(lq_wasm_out(), lq_wasm_out_bytes()); }

/* Nothing of the old session may be needed: its bytes are zeroed by the load, the saved ones are
 * overwritten after it. */
static void save_and_load(void) {
  must(lq_wasm_save(), "save");
  uint32_t bytes = give(out());
  memset((void *)(uintptr_t)lq_wasm_out(), 0xcd, bytes);
  must(lq_wasm_load(bytes), "load");
  memset(lq_wasm_room(bytes), 0xcd, bytes);
}

typedef struct options {
  const char *run, *from, *save;
  uint64_t fresh, ticks;
} options;

static options read_options(int argc, char **argv) {
  options o = {.ticks = UINT64_MAX};
  for (int i = 1; i < argc; i++) {
    const char *next = i + 1 < argc ? argv[i + 1] : "";
    if (argv[i][0] != '-')
      o.run = argv[i];
    else if (strcmp(argv[i], "--fresh") == 0)
      o.fresh = strtoull(next, NULL, 10), i++;
    else if (strcmp(argv[i], "--ticks") == 0)
      o.ticks = strtoull(next, NULL, 10), i++;
    else if (strcmp(argv[i], "--from") == 0)
      o.from = next, i++;
    else if (strcmp(argv[i], "--save") == 0)
      o.save = next, i++;
    else
      die(argv[i], "is no option");
  }
  if (!o.run) die("usage", "cell RUN [--fresh K] [--from STATE --ticks N --save STATE]");
  return o;
}

int main(int argc, char **argv) {
  options o = read_options(argc, argv);
  run_file run;
  if (!run_file_open(file_read(o.run), &run)) die(o.run, "is no run");
  must(lq_wasm_game(give(run.game)), "game");
  if (o.from && strcmp(o.from, "-") != 0)
    must(lq_wasm_load(give(file_read(o.from))), o.from);
  else
    must(lq_wasm_start(run.seed), "start");
  for (uint64_t t = lq_wasm_tick_number(); t > 0; t--) (void)lq_read_sized(&run.rest);
  for (uint64_t n = 0; n < o.ticks && lq_wasm_tick_number() < run.ticks; n++) {
    must(lq_wasm_tick(give(lq_read_sized(&run.rest))), "tick");
    (void)printf("%" PRIu64 " %016" PRIx64 "\n", lq_wasm_tick_number(), lq_wasm_hash());
    if (o.fresh && (n + 1) % o.fresh == 0) save_and_load();
  }
  if (run.rest.failed) die(o.run, "ends too early");
  if (o.save) {
    must(lq_wasm_save(), "save");
    file_write(o.save, out());
  }
  if (lq_wasm_tick_number() < run.ticks) return 0;
  must(lq_wasm_state(), "state");
  (void)printf("%.*s\n", (int)lq_wasm_out_bytes(), (const char *)lq_wasm_out());
  return 0;
}
