/* C sources of a release to a loaded module, through the compiler of this machine.
 *
 * Shape: <cache>/<release id>-<abi>/ holds the sources with game.h and lq_system.h as they are
 * compiled; their content follows from the name, so processes may write them at once. The module is
 * <cache>/<release id>-<abi>-<compiler>.so (lq_compiled_keep, lq_service/guest/compiler.h). abi:
 * lq_system.h, the generated game.h, the flags and the machine; any compiler's module of that abi
 * will do when none runs here, because exact floating point makes them agree. */
#include "lq_service/guest/compiler.h"
#include "lq_service/release/release_int.h"

#include "lq_base/hash.h"
#include "lq_base/limits.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  OUTPUT_BYTES = 64 << 10,
  HEADER_BYTES = 4 << 20, /* game.h of a game at every limit */
};

#define DEBUG_FOLDER "/lq-release" /* where debug information says that the sources lie */
/* -z defs: what is not in libc (sin, of libm) is an error now and not a difference between two
 * machines later. */
static const char *const flags[] = {"-O2",
                                    "-g1",
                                    "-std=c17",
                                    "-fPIC",
                                    "-shared",
                                    LQ_EXACT_FLAGS "-fvisibility=hidden",
                                    "-fno-strict-aliasing",
                                    "-Wall",
                                    "-Werror=implicit-function-declaration",
                                    "-Werror=incompatible-pointer-types",
                                    "-Werror=int-conversion",
                                    "-fdiagnostics-color=never",
                                    "-Wl,-z,defs"};
enum { FLAG_COUNT = sizeof flags / sizeof *flags };

typedef struct native {
  lqi_compiler *compiler;
  const char *label;
  const lqi_parts *parts;
  lq_diag *diag;
  lq_span header; /* the generated game.h */
  char stem[96];  /* "<release id>-<abi>" */
  char folder[LQI_PATH_BYTES];
  char module[LQI_PATH_BYTES];
} native;

/* ---- the compiler ---- */
/* env LC_ALL=C <command's words>: so that its errors are the ones understood below. */
static size_t command_words(const lqi_compiler *compiler, char copy[LQI_PATH_BYTES],
                            const char **argv) {
  argv[0] = "env";
  argv[1] = "LC_ALL=C";
  return 2 + lq_compiler_words(compiler->command, copy, LQI_PATH_BYTES, argv + 2);
}

static uint64_t ask_compiler(const lqi_compiler *compiler) {
  char copy[LQI_PATH_BYTES];
  const char *argv[LQ_COMPILER_WORDS_MAX + 4];
  return lq_tool_hash(1, argv, command_words(compiler, copy, argv));
}

/* ---- names ---- */
static uint64_t abi_of(lq_span header) {
  uint64_t hash = lq_hash_bytes(LQ_ABI_VERSION, header.data, header.bytes);
  hash = lq_hash_bytes(hash, lqi_system_header[0].data, lqi_system_header[0].bytes);
  for (size_t i = 0; i < FLAG_COUNT; i++) hash = lq_hash_bytes(hash, flags[i], strlen(flags[i]));
  return lq_hash_bytes(hash, LQ_MACHINE, sizeof LQ_MACHINE);
}

static bool name_module(native *n) {
  char name[128];
  (void)snprintf(name, sizeof name, "%s-%016llx.so", n->stem,
                 (unsigned long long)n->compiler->compiler);
  return lqi_path(n->module, n->compiler->cache, name);
}

typedef struct search {
  native *n;
  bool found;
} search;

static bool same_abi(void *context, const char *name, bool is_folder) {
  search *s = context;
  size_t stem = strlen(s->n->stem), bytes = strlen(name);
  if (is_folder || bytes != stem + 20 || strncmp(name, s->n->stem, stem) != 0) return true;
  if (strcmp(name + bytes - 3, ".so") != 0) return true;
  s->found = lqi_path(s->n->module, s->n->compiler->cache, name) && lq_compiled_whole(s->n->module);
  return !s->found;
}

/* A module that any compiler made of the same sources for the same abi. */
static bool find_cached(native *n) {
  search s = {n, false};
  if (lq_folder_list(n->compiler->cache, same_abi, &s)) return false;
  return s.found;
}

/* ---- sources ---- */
static lq_err write_one(native *n, const char *folder, const char *name, lq_span text) {
  char path[LQI_PATH_BYTES];
  lq_err err = lqi_path(path, folder, name) ? lq_file_write(path, text) : LQ_ERR_TOO_BIG;
  if (err) return lqi_say(n->diag, err, NULL, "%s/%s: %s", folder, name, lq_err_cause(err));
  return LQ_OK;
}

static lq_err write_sources(native *n) {
  char systems[LQI_PATH_BYTES];
  if (!lqi_path(systems, n->folder, "systems"))
    return lqi_say(n->diag, LQ_ERR_TOO_BIG, NULL, "%s: the folder's name is too long", n->folder);
  lq_err err = lq_folder_make(systems);
  if (err) return lqi_say(n->diag, err, NULL, "%s: %s", systems, lq_err_cause(err));
  err = write_one(n, n->folder, "game.h", n->header);
  if (!err)
    err = write_one(n, n->folder, "lq_system.h",
                    lq_span_of(lqi_system_header[0].data, lqi_system_header[0].bytes));
  for (uint32_t i = 0; !err && i < n->parts->source_count; i++)
    if (lqi_source_is_native(&n->parts->source[i]))
      err = write_one(n, systems, n->parts->source[i].name, n->parts->source[i].text);
  return err;
}

/* ---- what the compiler says ---- */
static uint32_t number_at(const char **text) {
  char *end;
  unsigned long value = strtoul(*text, &end, 10);
  *text = end;
  return value > UINT32_MAX ? 0 : (uint32_t)value;
}

/* Bytes of the private folder's name at `line`, '/' included: as it is, or as debug information
 * (and so the linker) calls it. 0 when it is not there. */
static size_t folder_at(const native *n, const char *line) {
  const char *const folders[] = {n->folder, DEBUG_FOLDER};
  for (size_t i = 0; i < 2; i++) {
    size_t bytes = strlen(folders[i]);
    if (strncmp(line, folders[i], bytes) == 0 && line[bytes] == '/') return bytes + 1;
  }
  return 0;
}

/* Copies a line, the private folder replaced by the user's own. */
static void own_words(const native *n, const char *line, char *out, size_t capacity) {
  size_t at = 0;
  while (*line && at + 1 < capacity) {
    size_t folder = folder_at(n, line);
    if (!folder) {
      out[at++] = *line++;
      continue;
    }
    int label = snprintf(out + at, capacity - at, "%s%s", n->label, n->label[0] ? "/" : "");
    at += label > 0 ? (size_t)label : 0;
    line += folder;
  }
  out[at < capacity ? at : capacity - 1] = 0;
}

static void set_place(lq_diag *diag) {
  const char *at = strstr(diag->message, ".c:");
  const char *header = strstr(diag->message, ".h:");
  if (!at || (header && header < at)) at = header;
  if (!at) return;
  at += 3;
  diag->line = number_at(&at);
  if (!diag->line || *at != ':') return;
  at++;
  diag->column = number_at(&at);
}

/* The first line that says what is wrong, and how many there are. */
static lq_err say_compile(native *n, char *output) {
  static const char *const marks[] = {": fatal error: ", ": error: ", "undefined reference to",
                                      "error: "};
  const char *first = NULL;
  uint32_t count = 0;
  for (char *line = output, *next; *line; line = next) {
    next = line + strcspn(line, "\n");
    if (*next) *next++ = 0;
    bool wrong = false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks && !wrong; i++)
      wrong = strstr(line, marks[i]) != NULL;
    if (wrong && strstr(line, "ld returned") == NULL && count++ == 0) first = line;
    if (!first && !*next && *line) first = line; /* nothing understood: the last words */
  }
  char words[220];
  own_words(n, first ? first : "", words, sizeof words);
  char more[32] = "";
  if (count > 1) (void)snprintf(more, sizeof more, " (and %u more)", count - 1);
  bool libm = strstr(words, "undefined reference") != NULL;
  (void)lqi_say(n->diag, LQ_ERR_BUILD,
                libm ? "define it, or do without: libm and the like differ between machines"
                     : "mend the source at the place named",
                "%.210s%s", first ? words : "the compiler failed without a word", more);
  if (n->diag) set_place(n->diag);
  return LQ_ERR_BUILD;
}

static lq_err say_no_compiler(const native *n) {
  return lqi_say(n->diag, LQ_ERR_BUILD,
                 "install one (Debian: apt install gcc), or set CC to the one to use",
                 "this game has systems in C, and the compiler '%.60s' does not run here",
                 n->compiler->command);
}

/* ---- compile ---- */
static lq_err temporary_path(native *n, char out[LQI_PATH_BYTES]) {
  uint8_t random[8];
  char name[32] = ".", *hex = name + 1;
  lq_err err = lq_random_bytes(random, sizeof random);
  if (err) return err;
  lq_hex(random, sizeof random, hex);
  memcpy(name + 17, ".so", 4);
  return lqi_path(out, n->compiler->cache, name) ? LQ_OK : LQ_ERR_TOO_BIG;
}

static lq_err run_compiler(native *n, const char *temporary, char *output, lq_writer *out) {
  char copy[LQI_PATH_BYTES], paths[2][LQI_PATH_BYTES + 32];
  const char *argv[LQ_COMPILER_WORDS_MAX + FLAG_COUNT + LQI_SOURCES_MAX + 16];
  size_t count = command_words(n->compiler, copy, argv);
  for (size_t i = 0; i < FLAG_COUNT; i++) argv[count++] = flags[i];
  /* Where it was compiled is nobody's business: equal sources, equal bytes. */
  (void)snprintf(paths[0], sizeof paths[0], "-ffile-prefix-map=%s=" DEBUG_FOLDER, n->folder);
  (void)snprintf(paths[1], sizeof paths[1], "-I%s", n->folder);
  argv[count++] = paths[0];
  argv[count++] = paths[1];
  argv[count++] = "-o";
  argv[count++] = temporary;
  char *names = malloc((size_t)LQI_SOURCES_MAX * LQI_PATH_BYTES), *name = names;
  char systems[LQI_PATH_BYTES];
  if (!names) return lqi_say(n->diag, LQ_ERR_MEMORY, NULL, "no memory to compile");
  bool fits = lqi_path(systems, n->folder, "systems");
  for (uint32_t i = 0; i < n->parts->source_count; i++) {
    if (!lqi_source_is_c(&n->parts->source[i])) continue;
    fits = fits && lqi_path(name, systems, n->parts->source[i].name);
    argv[count++] = name;
    name += LQI_PATH_BYTES;
  }
  argv[count] = NULL;
  int status = 0;
  lq_err err = fits ? lq_process_run(argv, LQ_COMPILE_MS_MAX, out, &status) : LQ_ERR_TOO_BIG;
  free(names);
  if (!fits) return lqi_say(n->diag, err, NULL, "%s: the folder's name is too long", n->folder);
  output[out->bytes < OUTPUT_BYTES ? out->bytes : OUTPUT_BYTES - 1] = 0;
  if (err == LQ_ERR_IDLE)
    return lqi_say(n->diag, LQ_ERR_BUILD, "make the sources smaller",
                   "the compiler took longer than %d s", LQ_COMPILE_MS_MAX / 1000);
  if (err || status == 127) return say_no_compiler(n);
  return status ? say_compile(n, output) : LQ_OK;
}

static lq_err compile(native *n) {
  char temporary[LQI_PATH_BYTES];
  lq_err err = write_sources(n);
  if (err) return err;
  if ((err = temporary_path(n, temporary)))
    return lqi_say(n->diag, err, NULL, "%s: %s", n->compiler->cache, lq_err_cause(err));
  char *output = malloc(OUTPUT_BYTES);
  if (!output) return lqi_say(n->diag, LQ_ERR_MEMORY, NULL, "no memory to compile");
  lq_writer out = lq_writer_of(output, OUTPUT_BYTES - 1);
  err = run_compiler(n, temporary, output, &out);
  free(output);
  if (!err && (err = lq_compiled_keep(temporary, n->module)))
    err = lqi_say(n->diag, err, NULL, "%s: %s", n->module, lq_err_cause(err));
  lq_err removed = lq_file_remove(temporary);
  return err ? err : removed;
}

/* ---- load ---- */
static lq_err open_module(native *n, lq_library **library, const lq_module **module) {
  lq_err err = lq_library_open(n->module, library, n->diag);
  if (err) {
    *library = NULL;
    return err;
  }
  void *symbol = lq_library_symbol(*library, LQ_MODULE_SYMBOL);
  lq_module_entry entry;
  memcpy(&entry, &symbol, sizeof entry); /* ISO C has no cast from object to function */
  *module = symbol ? entry() : NULL;
  if (*module) return LQ_OK;
  lq_library_close(*library);
  *library = NULL;
  return lqi_say(n->diag, LQ_ERR_BUILD, "add #include \"game.h\" to a file in systems/",
                 "%s%ssystems: no file includes \"game.h\"", n->label, n->label[0] ? "/" : "");
}

static lq_err open_or_compile(native *n, lq_library **library, const lq_module **module) {
  lq_err err = lq_folder_make(n->compiler->cache);
  if (err) return lqi_say(n->diag, err, NULL, "%s: %s", n->compiler->cache, lq_err_cause(err));
  if (!n->compiler->asked) {
    n->compiler->compiler = ask_compiler(n->compiler);
    n->compiler->asked = n->compiler->compiler != 0; /* it may be installed meanwhile */
  }
  if (!n->compiler->compiler)
    return find_cached(n) ? open_module(n, library, module) : say_no_compiler(n);
  if (!name_module(n))
    return lqi_say(n->diag, LQ_ERR_TOO_BIG, NULL, "%s: the name is too long", n->compiler->cache);
  if (lq_compiled_whole(n->module) && open_module(n, library, module) == LQ_OK) return LQ_OK;
  err = compile(n);
  return err ? err : open_module(n, library, module);
}

lq_err lqi_native_open(lqi_compiler *compiler, const char id_hex[65], const char *label,
                       const lqi_parts *parts, const lq_game *game, lq_library **library,
                       const lq_module **module, lq_diag *diag) {
  native n = {.compiler = compiler, .label = label, .parts = parts, .diag = diag};
  uint8_t *room = lq_pages_take(HEADER_BYTES);
  if (!room) return lqi_say(diag, LQ_ERR_MEMORY, NULL, "no memory to compile");
  lq_writer header = lq_writer_of(room, HEADER_BYTES);
  lq_err err = lq_game_header(game, &header);
  if (err) (void)lqi_say(diag, err, "declare less", "the generated game.h is too big");
  n.header = lq_writer_span(&header);
  (void)snprintf(n.stem, sizeof n.stem, "%s-%016llx", id_hex, (unsigned long long)abi_of(n.header));
  if (!err && !lqi_path(n.folder, compiler->cache, n.stem))
    err = lqi_say(diag, LQ_ERR_TOO_BIG, NULL, "%s: the name is too long", compiler->cache);
  if (!err) err = open_or_compile(&n, library, module);
  lq_pages_give(room, HEADER_BYTES);
  return err;
}

/* ---- what is written twice ---- */
static lq_err said_twice(const char *what, const char *name, uint8_t guest, const char *label,
                         lq_diag *diag) {
  return lqi_say(diag, LQ_ERR_EXISTS, "take it out of one of the two",
                 "%s%ssystems: the %s %s is written in C and in %s", label, label[0] ? "/" : "",
                 what, name, lq_guest_language_name(guest));
}

lq_err lqi_module_apart(const lq_game *game, const lq_module *module, const char *label,
                        lq_diag *diag) {
  for (uint32_t i = 0; module && i < module->system_count; i++)
    for (uint32_t k = 0; k < game->system_count; k++)
      if (game->system[k].guest && strcmp(game->system[k].name, module->systems[i].name) == 0)
        return said_twice("system", game->system[k].name, game->system[k].guest, label, diag);
  for (uint32_t i = 0; module && i < module->command_count; i++) {
    uint32_t k = lq_game_command_find(game, lq_span_text(module->commands[i].name));
    if (k != UINT32_MAX && game->command[k].guest)
      return said_twice("command", module->commands[i].name, game->command[k].guest, label, diag);
  }
  return LQ_OK;
}
