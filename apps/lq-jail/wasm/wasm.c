#include "apps/lq-jail/wasm/wasm.h"

#include "apps/lq-jail/wasm/api.h"
#include "lq_base/hash.h"
#include "lq_engine/guest/wasm_library.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

enum {
  MODULES_MAX = 16,
  NAME_BYTES = 80, /* of a file: "systems/hunt.wasm" */
  ENTRIES_MAX = LQ_SYSTEMS_MAX + LQ_COMMANDS_MAX,
  TEXT_BYTES = 1024,
  ADDRESS_BYTES = 96 << 20, /* libraries of 2 MiB each, the game, a stack; few of it is touched */
  NO_EXPORT = UINT32_MAX,
};

typedef struct module {
  char name[NAME_BYTES];
  const lq_wasm_library *library;
  bool is_open;
  uint32_t state_at, state_bytes; /* 0 bytes: it keeps nothing */
} module;

/* Where a system or handler is. */
typedef struct entry {
  module *module; /* NULL: not in WebAssembly */
  uint32_t export;
} entry;

static struct {
  uint32_t module_count;
  module module[MODULES_MAX];
  entry system[LQ_SYSTEMS_MAX], command[LQ_COMMANDS_MAX];
  module *running; /* whose memory the functions of "lq" reach */
  jmp_buf out;     /* of what runs */
} it;

/* ---- what api.h asks of its surroundings ---- */
static _Noreturn void trap(uint32_t why) { longjmp(it.out, (int)why); }

_Noreturn void lq_wasm_stop(void) { trap(LQ_WASM_TRAP_HOST); }

static bool inside(uint32_t at, uint32_t bytes) {
  return (uint64_t)at + bytes <= *it.running->library->memory_bytes;
}
void lq_wasm_copy_in(uint32_t at, uint32_t bytes, void *to) {
  if (!inside(at, bytes)) trap(LQ_WASM_TRAP_BOUNDS);
  memcpy(to, it.running->library->memory + at, bytes);
}
void lq_wasm_copy_out(uint32_t at, uint32_t bytes, const void *from) {
  if (!inside(at, bytes)) trap(LQ_WASM_TRAP_BOUNDS);
  memcpy(it.running->library->memory + at, from, bytes);
  it.running->library->wrote(at, bytes);
}
void lq_wasm_pay(uint32_t units) {
  int32_t *fuel = it.running->library->fuel;
  *fuel = units > (uint32_t)*fuel ? -1 : *fuel - (int32_t)units; /* it is not below zero here */
  if (*fuel < 0) trap(LQ_WASM_TRAP_EXHAUSTED);
}

typedef void (*import_fn)(void);
static const import_fn imports[] = {
#define X(name, result, parameters) (import_fn) lq_wasm_api_##name,
    LQ_WASM_IMPORTS(X)
#undef X
};
static const lq_wasm_host host = {imports, trap};

/* ---- words ---- */
static const char *trap_words(const module *m, uint32_t why) {
  return lq_wasm_trap_words(why, *m->library->fuel, *m->library->depth);
}

static void write_json(lq_writer *out, const char *text) {
  lq_write_u8(out, '"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') lq_write_u8(out, '\\');
    lq_write_u8(out, (uint8_t)*text < 0x20 ? ' ' : (uint8_t)*text);
  }
  lq_write_u8(out, '"');
}
static void write_error(lq_writer *out, const char *file, const char *a, const char *b) {
  char text[TEXT_BYTES];
  (void)snprintf(text, sizeof text, "%s: %s%s", file, a, b);
  out->bytes = 0;
  lq_write_text(out, "{\"error\":");
  write_json(out, text);
  lq_write_text(out, ",\"stack\":\"\"}");
}

/* ---- start ---- */
static bool open_library(module *m, const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  void *symbol = handle ? dlsym(handle, LQ_WASM_LIBRARY_SYMBOL) : NULL;
  if (!symbol) {
    (void)fprintf(stderr, "%s: %s\n", m->name, dlerror());
    return false;
  }
  lq_wasm_library_fn fn;
  memcpy(&fn, &symbol, sizeof fn); /* ISO C has no cast from object to function */
  m->library = fn();
  if (m->library->version == LQ_WASM_LIBRARY_VERSION) return true;
  (void)fprintf(stderr, "%s: the library was compiled by another version: compile it again\n",
                m->name);
  return false;
}

static bool start(int argc, char **argv) {
  memset(&it, 0, sizeof it);
  for (int i = 0; i < argc; i++) {
    const char *path = strchr(argv[i], '=');
    lq_span name = lq_span_of(argv[i], path ? (size_t)(path - argv[i]) : 0);
    if (it.module_count == MODULES_MAX) {
      (void)fprintf(stderr, "a game has at most %d WebAssembly modules\n", MODULES_MAX);
      return false;
    }
    module *m = &it.module[it.module_count];
    if (!path || !lq_text_copy(m->name, sizeof m->name, name)) {
      (void)fprintf(stderr, "%s: not systems/NAME.wasm=LIBRARY\n", argv[i]);
      return false;
    }
    if (!open_library(m, path + 1)) return false;
    it.module_count++;
  }
  return true;
}

/* ---- load ---- */
static uint32_t export_of(const module *m, uint32_t kind) {
  for (uint32_t i = 0; i < m->library->export_count; i++)
    if (m->library->export[i].kind == kind) return i;
  return NO_EXPORT;
}

/* Instantiates, and notes where it keeps its state; NULL, or what is wrong. */
static const char *open_module(module *m) {
  if (m->is_open) return NULL;
  it.running = m;
  lq_wasm_begin(NULL);
  int why = setjmp(it.out);
  if (why) return trap_words(m, (uint32_t)why);
  m->library->open(&host);
  m->library->keep();
  uint32_t at = export_of(m, LQ_WASM_STATE), bytes = export_of(m, LQ_WASM_STATE_BYTES);
  if ((at == NO_EXPORT) != (bytes == NO_EXPORT))
    return "exports one of lq_state and lq_state_bytes: a state needs both";
  if (at != NO_EXPORT) {
    m->state_at = m->library->call(at, 0);
    m->state_bytes = m->library->call(bytes, 0);
    m->library->reset();
    if (m->state_bytes > LQ_GUEST_STATE_BYTES_MAX || !inside(m->state_at, m->state_bytes))
      return "lq_state: longer than 4,096 bytes, or outside of its memory";
  }
  m->is_open = true;
  return NULL;
}

/* AssemblyScript's exports are identifiers: a '_' there may stand for any '.' here. */
static bool same_name(const char *export, const char *name) {
  for (; *export && *name; export ++, name++)
    if (*export != *name && !(*export == '_' && *name == '.')) return false;
  return *export == *name;
}

/* False: two modules have it; it names the second. */
static bool find_entry(entry *out, uint32_t kind, const char *name, const char **twice) {
  *out = (entry){NULL, NO_EXPORT};
  for (uint32_t i = 0; i < it.module_count; i++) {
    module *m = &it.module[i];
    for (uint32_t k = 0; k < m->library->export_count; k++) {
      const lq_wasm_export *e = &m->library->export[k];
      const char *own = kind == LQ_WASM_COMMAND ? e->name + strlen("command.") : e->name;
      if (e->kind != kind || !same_name(own, name)) continue;
      *twice = m->name;
      if (out->module) return false;
      *out = (entry){m, k};
    }
  }
  return true;
}

static bool bind(const lq_game *game, lq_writer *out) {
  const char *twice = "";
  for (uint32_t i = 0; i < game->system_count; i++) {
    const char *name = game->system[i].name;
    if (game->system[i].guest != LQ_GUEST_WASM) continue;
    bool once = find_entry(&it.system[i], LQ_WASM_SYSTEM, name, &twice);
    if (once && it.system[i].module) continue;
    write_error(out, once ? "game.yaml" : twice,
                once ? "no module exports a system (f32) -> () called "
                     : "another module has it, too: ",
                name);
    return false;
  }
  for (uint32_t i = 0; i < game->command_count; i++) {
    const char *name = game->command[i].record.name;
    if (game->command[i].guest != LQ_GUEST_WASM) continue;
    bool once = find_entry(&it.command[i], LQ_WASM_COMMAND, name, &twice);
    if (once && it.command[i].module) continue;
    write_error(out, once ? "game.yaml" : twice,
                once ? "no module exports a handler () -> () called command."
                     : "another module has it, too: command.",
                name);
    return false;
  }
  return true;
}

static void write_exports(lq_writer *out, uint32_t kind) {
  bool first = true;
  for (uint32_t i = 0; i < it.module_count; i++) {
    const lq_wasm_library *library = it.module[i].library;
    for (uint32_t k = 0; k < library->export_count; k++) {
      if (library->export[k].kind != kind) continue;
      lq_write_text(out, first ? "{\"name\":" : ",{\"name\":");
      write_json(out, library->export[k].name + (kind == LQ_WASM_COMMAND ? strlen("command.") : 0));
      lq_write_text(out, ",\"file\":");
      write_json(out, it.module[i].name);
      lq_write_text(out, "}");
      first = false;
    }
  }
}

static module *module_of(lq_span name) {
  for (uint32_t i = 0; i < it.module_count; i++)
    if (lq_span_is(name, it.module[i].name)) return &it.module[i];
  return NULL;
}

static void load(const lq_game *game, const lq_guest_file *file, uint32_t count, lq_writer *out) {
  for (uint32_t i = 0; i < count; i++) {
    module *m = module_of(file[i].name);
    char name[NAME_BYTES] = "";
    (void)lq_text_copy(name, sizeof name, file[i].name);
    if (!m || m->library->wasm_hash != lq_hash_bytes(0, file[i].text.data, file[i].text.bytes)) {
      write_error(out, name, m ? "was changed since it was compiled" : "was not compiled", "");
      return;
    }
    const char *wrong = open_module(m);
    if (wrong) {
      write_error(out, name, wrong, "");
      return;
    }
  }
  if (game && !bind(game, out)) return;
  lq_write_text(out, "{\"components\":[],\"systems\":[");
  write_exports(out, LQ_WASM_SYSTEM);
  lq_write_text(out, "],\"commands\":[");
  write_exports(out, LQ_WASM_COMMAND);
  lq_write_text(out, "]}");
}

/* ---- call ---- */
static size_t call(lq_guest_view *view) {
  const lq_guest_call *head = view->head;
  bool system = head->kind == LQ_GUEST_SYSTEM;
  const entry *e = system ? &it.system[head->index] : &it.command[head->index];
  module *m = e->module;
  if (!m) return lq_wasm_failed(view, NULL, LQ_WASM_TRAP_NONE, 0, 0);
  it.running = m;
  lq_wasm_begin(view);
  int why = setjmp(it.out);
  size_t bytes;
  if (why) {
    const lq_wasm_library *library = m->library;
    bytes = lq_wasm_failed(view, m->name, (uint32_t)why, *library->fuel, *library->depth);
  } else {
    lq_span state = lq_guest_state(view);
    size_t kept = state.bytes < m->state_bytes ? state.bytes : m->state_bytes;
    if (kept) lq_wasm_copy_out(m->state_at, (uint32_t)kept, state.data);
    (void)m->library->call(e->export, system ? (float)head->tick_us / 1e6f : 0);
    lq_span left = lq_span_of(m->library->memory + m->state_at, system ? m->state_bytes : 0);
    bytes = lq_guest_view_end(view, LQ_GUEST_DONE, left, (lq_span){0});
  }
  m->library->reset();
  lq_wasm_begin(NULL);
  return bytes;
}

const lq_runtime lq_runtime_wasm = {
    .memory_bytes = ADDRESS_BYTES, .start = start, .load = load, .call = call};
