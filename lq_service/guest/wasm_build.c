/* A metered module to a shared library, through wasm2c and the compiler of this machine.
 *
 * Shape: <cache>/<sha-256 of the module and the metered one>-<abi>-<tools>.so, and .wasm beside it:
 * the module for hosts. abi: our headers, the flags, the
 * machine; tools: what wasm2c and the compiler say of themselves. Any tools' library of that abi
 * will do where one of them does not run. The folder <cache>/.<random>/ holds what is between,
 * until the library is there. Nothing of the author's words is in it: names are e0, e1 ... */
#include "lq_base/embed.h"
#include "lq_base/hash.h"
#include "lq_engine/guest/wasm_abi.h"
#include "lq_engine/guest/wasm_library.h"
#include "lq_host/host.h"
#include "lq_service/guest/compiler.h"
#include "lq_service/guest/wasm.h"

#include <stdio.h>
#include <stdlib.h>

extern const lq_embedded lqi_wasm_library_header[], lqi_wasm_rt_header[];

enum {
  OUTPUT_BYTES = 16 << 10,
  WRAP_BYTES = 256 << 10,
};

/* NDEBUG: its asserts are about wabt's own runtime. -w: generated code is full of variables that
 * nobody uses. */
static const char *const flags[] = {"-O2",
                                    "-std=gnu17",
                                    "-fPIC",
                                    "-shared",
                                    "-w",
                                    "-DNDEBUG",
                                    LQ_EXACT_FLAGS "-fvisibility=hidden",
                                    "-fno-strict-aliasing",
                                    "-fstack-protector-strong",
                                    "-Wl,-z,relro,-z,now,-z,noexecstack"};
enum { FLAG_COUNT = sizeof flags / sizeof *flags };
static const char link_flags[] = "-lm"; /* floor, ceil, trunc, sqrt where they are no instruction */

typedef struct build {
  const char *cache, *cc, *name;
  lq_diag *diag;
  const lq_wasm_module *module;
  uint64_t wasm_hash, tools; /* tools 0: one of them does not run */
  bool has_compiler;
  char stem[96];                    /* "<sha>-<abi>" */
  char library[LQ_WASM_PATH_BYTES]; /* the answer */
  char folder[LQ_WASM_PATH_BYTES];
} build;

static lq_err say(const build *b, lq_err err, const char *mend, const char *what) {
  (void)lq_diag_set(b->diag, err, "%s: %s", b->name, what);
  if (b->diag) (void)snprintf(b->diag->mend, sizeof b->diag->mend, "%s", mend);
  return err;
}
static lq_err say_err(const build *b, lq_err err) {
  return err ? say(b, err, lq_err_mend(err), lq_err_cause(err)) : LQ_OK;
}

static bool path_of(char out[LQ_WASM_PATH_BYTES], const char *folder, const char *name) {
  int n = snprintf(out, LQ_WASM_PATH_BYTES, "%s/%s", folder, name);
  return n > 0 && n < (int)LQ_WASM_PATH_BYTES;
}

/* ---- the tools ---- */
static void ask_tools(build *b) {
  char copy[LQ_WASM_PATH_BYTES];
  const char *argv[LQ_COMPILER_WORDS_MAX + 4];
  uint64_t compiler = lq_tool_hash(1, argv, lq_compiler_words(b->cc, copy, sizeof copy, argv));
  argv[0] = "wasm2c";
  b->has_compiler = compiler != 0;
  b->tools = compiler ? lq_tool_hash(compiler, argv, 1) : 0;
}

static lq_err say_no_tool(const build *b) {
  if (!b->has_compiler)
    return say(b, LQ_ERR_BUILD,
               "install one (Debian: apt install gcc), or set CC to the one to use",
               "WebAssembly guests are compiled, and the C compiler does not run here");
  return say(b, LQ_ERR_BUILD, "install it (Debian: apt install wabt)",
             "WebAssembly guests are compiled through wasm2c, and it does not run here");
}

/* ---- names ---- */
static uint64_t abi_of(void) {
  uint64_t hash = LQ_WASM_LIBRARY_VERSION;
  const lq_embedded *const headers[] = {lqi_wasm_library_header, lqi_wasm_rt_header};
  for (int i = 0; i < 2; i++) hash = lq_hash_bytes(hash, headers[i]->data, headers[i]->bytes);
#define X(name, result, parameters)                                                                \
  hash = lq_hash_bytes(hash, #name " " result parameters, sizeof #name " " result parameters);
  LQ_WASM_IMPORTS(X)
#undef X
  for (size_t i = 0; i < FLAG_COUNT; i++) hash = lq_hash_bytes(hash, flags[i], strlen(flags[i]));
  return lq_hash_bytes(hash, LQ_MACHINE, sizeof LQ_MACHINE);
}

static bool same_abi(void *context, const char *name, bool is_folder) {
  build *b = context;
  size_t stem = strlen(b->stem), bytes = strlen(name);
  if (is_folder || bytes != stem + 20 || strncmp(name, b->stem, stem) != 0) return true;
  if (strcmp(name + bytes - 3, ".so") != 0 || !path_of(b->library, b->cache, name)) return true;
  if (lq_compiled_whole(b->library)) return false;
  b->library[0] = 0;
  return true;
}

/* The library, when it is there and whole. Whose tools made it does not matter, so they are not
 * asked: exact floating point makes them agree. */
static bool find_cached(build *b) {
  b->library[0] = 0;
  return lq_folder_list(b->cache, same_abi, b) == LQ_OK && b->library[0];
}
static bool name_library(build *b) {
  char name[160];
  (void)snprintf(name, sizeof name, "%s-%016llx.so", b->stem, (unsigned long long)b->tools);
  return path_of(b->library, b->cache, name);
}

/* ---- the wrapper ---- */
static const char *c_type(char letter) {
  switch (letter) {
  case 'i':
    return "u32";
  case 'l':
    return "u64";
  case 'f':
    return "f32";
  default:
    return "void";
  }
}

static void write_import(lq_writer *out, uint32_t number, const char *name, const char *result,
                         const char *parameters) {
  char text[128];
  (void)snprintf(text, sizeof text, "%s Z_lqZ_%s(struct Z_lq_instance_t *lq", c_type(result[0]),
                 name);
  lq_write_text(out, text);
  for (uint32_t i = 0; parameters[i]; i++) {
    (void)snprintf(text, sizeof text, ", %s p%u", c_type(parameters[i]), i);
    lq_write_text(out, text);
  }
  (void)snprintf(text, sizeof text, ") { %s((%s (*)(", result[0] == 'v' ? "" : "return ",
                 c_type(result[0]));
  lq_write_text(out, text);
  for (uint32_t i = 0; parameters[i]; i++) {
    (void)snprintf(text, sizeof text, "%s%s", i ? ", " : "", c_type(parameters[i]));
    lq_write_text(out, text);
  }
  (void)snprintf(text, sizeof text, "%s))lq_host->import[%u])(", parameters[0] ? "" : "void",
                 number);
  lq_write_text(out, text);
  for (uint32_t i = 0; parameters[i]; i++) {
    (void)snprintf(text, sizeof text, "%sp%u", i ? ", " : "", i);
    lq_write_text(out, text);
  }
  lq_write_text(out, "); }\n");
}

static void write_imports(const lq_wasm_module *module, lq_writer *out) {
#define X(name, result, parameters)                                                                \
  if (module->imports >> LQ_WASM_IMPORT_##name & 1)                                                \
    write_import(out, LQ_WASM_IMPORT_##name, #name, result, parameters);
  LQ_WASM_IMPORTS(X)
#undef X
}

static void write_calls(const lq_wasm_module *module, lq_writer *out) {
  char text[128];
  lq_write_text(out,
                "static uint32_t lq_call(uint32_t index, float delta) {\n  switch (index) {\n");
  for (uint32_t i = 0; i < module->export_count; i++) {
    uint32_t kind = module->export[i].kind;
    bool gives = kind == LQ_WASM_STATE || kind == LQ_WASM_STATE_BYTES;
    (void)snprintf(text, sizeof text, "  case %u: %sZ_mZ_e%u(&lq_it%s); break;\n", i,
                   gives ? "return " : "", i, kind == LQ_WASM_SYSTEM ? ", delta" : "");
    lq_write_text(out, text);
  }
  lq_write_text(out, "  }\n  return 0;\n}\n");
}

static void write_wrapper(const build *b, lq_writer *out) {
  char text[512];
  lq_write_text(out, "#include \"guest.c\"\n#undef memset\n#undef memmove\n"
                     "static Z_m_instance_t lq_it, lq_first;\n");
  write_imports(b->module, out);
  write_calls(b->module, out);
  lq_write_text(out, "static lq_wasm_library lq_library;\n"
                     "static void lq_open(const lq_wasm_host *host) {\n  lq_host = host;\n"
                     "  lq_rt_restore();\n  lq_rt_clear();\n  Z_m_init_module();\n");
  /* Where fuel and depth lie is known before the start function runs. */
  lq_write_text(out, "  lq_library.fuel = (int32_t *)Z_mZ_f(&lq_it);\n"
                     "  lq_library.depth = (int32_t *)Z_mZ_d(&lq_it);\n"
                     "  lq_library.memory_bytes = &Z_mZ_m(&lq_it)->size;\n");
  lq_write_text(out, b->module->imports ? "  Z_m_instantiate(&lq_it, (void *)&lq_host);\n}\n"
                                        : "  Z_m_instantiate(&lq_it);\n}\n");
  lq_write_text(out, "static void lq_keep(void) {\n"
                     "  *lq_library.fuel = LQ_WASM_FUEL;\n  *lq_library.depth = LQ_WASM_STACK;\n"
                     "  lq_first = lq_it;\n  lq_rt_keep(*lq_library.memory_bytes);\n}\n"
                     "static void lq_reset(void) {\n  lq_it = lq_first;\n  lq_rt_restore();\n}\n");
  (void)snprintf(text, sizeof text, "static const lq_wasm_export lq_exports[%u] = {\n",
                 b->module->export_count + 1);
  lq_write_text(out, text);
  for (uint32_t i = 0; i < b->module->export_count; i++) {
    (void)snprintf(text, sizeof text, "  {\"%s\", %u},\n", b->module->export[i].name,
                   b->module->export[i].kind);
    lq_write_text(out, text);
  }
  (void)snprintf(text, sizeof text,
                 "};\nstatic lq_wasm_library lq_library = {LQ_WASM_LIBRARY_VERSION, %u, %lluull, "
                 "lq_exports, lq_open, lq_keep, lq_reset, lq_call, lq_mark, lq_memory};\n",
                 b->module->export_count, (unsigned long long)b->wasm_hash);
  lq_write_text(out, text);
  lq_write_text(out, "__attribute__((visibility(\"default\"))) const lq_wasm_library "
                     "*lq_wasm_library_of(void) { return &lq_library; }\n");
}

/* ---- compile ---- */
static lq_err write_in(const build *b, const char *name, lq_span text) {
  char path[LQ_WASM_PATH_BYTES];
  if (!path_of(path, b->folder, name)) return LQ_ERR_TOO_BIG;
  return lq_file_write(path, text);
}

static lq_err write_wrap(const build *b) {
  uint8_t *room = malloc(WRAP_BYTES);
  if (!room) return LQ_ERR_MEMORY;
  lq_writer out = lq_writer_of(room, WRAP_BYTES);
  write_wrapper(b, &out);
  lq_err err = out.failed ? LQ_ERR_TOO_BIG : write_in(b, "wrap.c", lq_writer_span(&out));
  free(room);
  return err;
}

static lq_err run(const build *b, const char *const *argv, const char *who) {
  char *output = malloc(OUTPUT_BYTES);
  if (!output) return say_err(b, LQ_ERR_MEMORY);
  lq_writer out = lq_writer_of(output, OUTPUT_BYTES - 1);
  int status = 0;
  lq_err err = lq_process_run(argv, LQ_COMPILE_MS_MAX, &out, &status);
  output[out.bytes] = 0;
  char words[200];
  const char *at = strstr(output, "rror: ");
  (void)snprintf(words, sizeof words, "%s says: %.*s", who,
                 (int)strcspn(at ? at + 6 : output, "\n"), at ? at + 6 : output);
  free(output);
  if (err == LQ_ERR_IDLE)
    return say(b, LQ_ERR_BUILD, "make the module smaller", "compiling it takes longer than 60 s");
  if (err || status == 127) return say_no_tool(b);
  return status ? say(b, LQ_ERR_BUILD, "validate the module (wasm-validate), and compile it again",
                      words)
                : LQ_OK;
}

static lq_err compile_c(const build *b, const char *temporary) {
  char copy[LQ_WASM_PATH_BYTES], paths[3][LQ_WASM_PATH_BYTES + 32];
  const char *argv[LQ_COMPILER_WORDS_MAX + FLAG_COUNT + 8];
  const char *const to_c[] = {"wasm2c", "--no-debug-names", "-n",     "m",
                              "-o",     paths[0],           paths[1], NULL};
  (void)snprintf(paths[0], sizeof paths[0], "%s/guest.c", b->folder);
  (void)snprintf(paths[1], sizeof paths[1], "%s/guest.wasm", b->folder);
  lq_err err = run(b, to_c, "wasm2c");
  if (err) return err;
  size_t count = lq_compiler_words(b->cc, copy, sizeof copy, argv);
  for (size_t i = 0; i < FLAG_COUNT; i++) argv[count++] = flags[i];
  (void)snprintf(paths[2], sizeof paths[2], "-I%s", b->folder);
  (void)snprintf(paths[1], sizeof paths[1], "%s/wrap.c", b->folder);
  argv[count++] = paths[2];
  argv[count++] = "-o";
  argv[count++] = temporary;
  argv[count++] = paths[1];
  argv[count++] = link_flags;
  argv[count] = NULL;
  return run(b, argv, "the compiler");
}

/* The module for hosts goes first: where the library is, it is there. */
static lq_err keep(const build *b, const char *temporary, lq_span plain) {
  char path[LQ_WASM_PATH_BYTES];
  (void)snprintf(path, sizeof path, "%.*s.wasm", (int)strlen(b->library) - 3, b->library);
  lq_err err = lq_file_write(path, plain);
  return say_err(b, err ? err : lq_compiled_keep(temporary, b->library));
}

static lq_err compile(build *b, lq_span inner, lq_span plain) {
  uint8_t random[8];
  char name[32] = ".", temporary[LQ_WASM_PATH_BYTES];
  lq_err err = lq_random_bytes(random, sizeof random);
  lq_hex(random, sizeof random, name + 1);
  if (!err && (!path_of(b->folder, b->cache, name) || !path_of(temporary, b->folder, "guest.so")))
    err = LQ_ERR_TOO_BIG;
  if (!err) err = lq_folder_make(b->folder);
  if (!err) err = write_in(b, "guest.wasm", inner);
  if (!err)
    err = write_in(b, "wasm_library.h",
                   lq_span_of(lqi_wasm_library_header[0].data, lqi_wasm_library_header[0].bytes));
  if (!err)
    err = write_in(b, "wasm-rt.h",
                   lq_span_of(lqi_wasm_rt_header[0].data, lqi_wasm_rt_header[0].bytes));
  if (!err) err = write_wrap(b);
  if (err) return say_err(b, err);
  err = compile_c(b, temporary);
  if (!err) err = keep(b, temporary, plain);
  const char *const clean[] = {"rm", "-rf", "--", b->folder, NULL};
  uint8_t words[256];
  lq_writer out = lq_writer_of(words, sizeof words);
  int status;
  lq_err removed = lq_process_run(clean, LQ_COMPILE_MS_MAX, &out, &status);
  return err ? err : say_err(b, removed);
}

static lq_err compile_or_find(build *b, lq_span wasm, lq_span inner, lq_span plain) {
  char hex[65];
  lq_sha256 digest = lq_sha256_of2(wasm, inner); /* the author's names, and what the meter made */
  lq_hex(digest.bytes, sizeof digest.bytes, hex);
  (void)snprintf(b->stem, sizeof b->stem, "%s-%016llx", hex, (unsigned long long)abi_of());
  lq_err err = lq_folder_make(b->cache);
  if (err) return say_err(b, err);
  if (find_cached(b)) return LQ_OK;
  ask_tools(b);
  if (!b->tools) return say_no_tool(b);
  return name_library(b) ? compile(b, inner, plain) : say_err(b, LQ_ERR_TOO_BIG);
}

lq_err lq_wasm_compile(lq_span wasm, const char *name, const char *cache, const char *cc,
                       char path[LQ_WASM_PATH_BYTES], lq_wasm_module *module, lq_diag *diag) {
  build b = {.cache = cache, .cc = cc, .name = name, .diag = diag, .module = module};
  b.wasm_hash = lq_hash_bytes(0, wasm.data, wasm.bytes);
  uint8_t *room = lq_pages_take(2 * (size_t)LQ_WASM_METERED_MAX);
  if (!room) return say_err(&b, LQ_ERR_MEMORY);
  lq_writer inner = lq_writer_of(room, LQ_WASM_METERED_MAX);
  lq_writer plain = lq_writer_of(room + LQ_WASM_METERED_MAX, LQ_WASM_METERED_MAX);
  lq_diag found = {0};
  lq_err err = lq_wasm_meter(wasm, false, module, &inner, &found);
  if (!err) err = lq_wasm_meter(wasm, true, module, &plain, &found);
  if (err)
    err = say(&b, err, found.mend, found.message);
  else
    err = compile_or_find(&b, wasm, lq_writer_span(&inner), lq_writer_span(&plain));
  if (!err) memcpy(path, b.library, sizeof b.library);
  lq_pages_give(room, 2 * (size_t)LQ_WASM_METERED_MAX);
  return err;
}
