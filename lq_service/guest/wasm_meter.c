/* A module taken apart and put together again: sections in order, our two globals behind its own.
 * The instructions are wasm_code.c's. Source: WebAssembly Core Specification 1.0, section 5. */
#include "lq_service/guest/wasm_int.h"

#include <stdio.h>
#include <stdlib.h>

enum { CUSTOM, TYPE, IMPORT, FUNCTION, TABLE, MEMORY, GLOBAL, EXPORT, START, ELEMENT, CODE, DATA };
enum { DATA_COUNT = 12, SECTIONS = 13, I32 = 0x7f, F64 = 0x7c, V128 = 0x7b, FUNCREF = 0x70 };

typedef struct import_row {
  const char *name, *result, *parameters;
} import_row;
static const import_row imports[] = {
#define X(name, result, parameters) {#name, result, parameters},
    LQ_WASM_IMPORTS(X)
#undef X
};
_Static_assert(LQ_WASM_IMPORT_COUNT <= 64, "a bit each");

/* ---- reading ---- */
bool lqi_wasm_fail(lqi_wasm *w, const char *fault, const char *mend) {
  if (w->fault) return false;
  w->fault = fault;
  w->mend = mend ? mend : "compile it again: the file is damaged, or no WebAssembly";
  return false;
}

static bool fail_named(lqi_wasm *w, const char *format, lq_span name, lq_span more,
                       const char *mend) {
  if (w->fault) return false;
  char words[2][72];
  lq_span spans[2] = {name, more};
  for (int i = 0; i < 2; i++) {
    size_t n = spans[i].bytes < 64 ? spans[i].bytes : 64;
    for (size_t k = 0; k < n; k++) {
      uint8_t c = spans[i].data[k];
      words[i][k] = c >= 0x20 && c < 0x7f ? (char)c : '?';
    }
    words[i][n] = 0;
  }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  (void)snprintf(w->room, sizeof w->room, format, words[0], words[1]);
#pragma GCC diagnostic pop
  return lqi_wasm_fail(w, w->room, mend);
}

lq_span lqi_wasm_take(lqi_wasm *w, uint32_t bytes) {
  if (w->fault || w->end - w->at < bytes) {
    (void)lqi_wasm_fail(w, "it ends too early", NULL);
    return lq_span_of(NULL, 0);
  }
  w->at += bytes;
  return lq_span_of(w->bytes.data + w->at - bytes, bytes);
}
uint8_t lqi_wasm_u8(lqi_wasm *w) {
  lq_span byte = lqi_wasm_take(w, 1);
  return byte.data ? byte.data[0] : 0;
}
uint32_t lqi_wasm_u32(lqi_wasm *w) { /* linkers pad: over-long forms are legal */
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    uint8_t byte = lqi_wasm_u8(w);
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte & 0x80) continue;
    if (value > UINT32_MAX) break;
    return w->fault ? 0 : (uint32_t)value;
  }
  (void)lqi_wasm_fail(w, "a number is too long", NULL);
  return 0;
}
void lqi_wasm_skip_signed(lqi_wasm *w, uint32_t bytes_max) {
  for (uint32_t i = 0; i < bytes_max; i++)
    if (!(lqi_wasm_u8(w) & 0x80)) return;
  (void)lqi_wasm_fail(w, "a number is too long", NULL);
}
static lq_span read_name(lqi_wasm *w) { return lqi_wasm_take(w, lqi_wasm_u32(w)); }

/* ---- writing ---- */
void lqi_wasm_signed(lq_writer *out, int32_t value) {
  for (;;) {
    uint8_t byte = value & 0x7f;
    value >>= 7;
    if ((value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40))) {
      lq_write_u8(out, byte);
      return;
    }
    lq_write_u8(out, byte | 0x80);
  }
}
size_t lqi_wasm_open(lq_writer *out) {
  const uint8_t room[5] = {0x80, 0x80, 0x80, 0x80, 0};
  size_t at = out->bytes;
  lq_write_bytes(out, room, sizeof room);
  return at;
}
void lqi_wasm_close(lq_writer *out, size_t at) {
  if (out->failed) return;
  size_t bytes = out->bytes - at - 5;
  for (int i = 0; i < 5; i++)
    out->data[at + (size_t)i] = (uint8_t)((bytes >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
}
static size_t open_section(lq_writer *out, uint8_t id) {
  lq_write_u8(out, id);
  return lqi_wasm_open(out);
}
static void write_name(lq_writer *out, const char *name) {
  lq_write_sized(out, name, strlen(name));
}

/* ---- sections ---- */
static bool is_number(lqi_wasm *w, uint8_t type) {
  if (type >= F64 && type <= I32) return true;
  if (type == V128)
    return lqi_wasm_fail(
        w, "it uses SIMD, which guests do not have",
        "compile without SIMD (C: no -msimd128; AssemblyScript: no --enable simd)");
  return lqi_wasm_fail(w, "it uses a type that guests do not have",
                       "compile without reference types");
}

static bool read_types(lqi_wasm *w) {
  w->type_count = lqi_wasm_u32(w);
  if (w->type_count > LQI_WASM_TYPES)
    return lqi_wasm_fail(w, "it has more than 1,024 types", "make it smaller");
  for (uint32_t i = 0; i < w->type_count && !w->fault; i++) {
    lqi_wasm_type *type = &w->type[i];
    if (lqi_wasm_u8(w) != 0x60) return lqi_wasm_fail(w, "a type is no function's", NULL);
    uint32_t count = lqi_wasm_u32(w);
    if (count > LQI_WASM_PARAMETERS)
      return lqi_wasm_fail(w, "a function takes more than 64 values", "pass a pointer");
    type->parameters = lqi_wasm_take(w, count);
    for (size_t k = 0; k < type->parameters.bytes; k++)
      if (!is_number(w, type->parameters.data[k])) return false;
    uint32_t results = lqi_wasm_u32(w);
    if (results > 1)
      return lqi_wasm_fail(w, "a function or block gives more than one value",
                           "compile without multi-value");
    if (results && !is_number(w, type->result = lqi_wasm_u8(w))) return false;
  }
  return !w->fault;
}

static bool letters_are(const char *letters, lq_span types) {
  static const char of[] = "dfli"; /* 0x7c f64 .. 0x7f i32 */
  if (strlen(letters) != types.bytes) return false;
  for (size_t i = 0; i < types.bytes; i++)
    if (of[types.data[i] - F64] != letters[i]) return false;
  return true;
}
static bool type_is(const lqi_wasm_type *type, const char *result, const char *parameters) {
  lq_span one = lq_span_of(&type->result, type->result ? 1 : 0);
  return letters_are(result[0] == 'v' ? "" : result, one) &&
         letters_are(parameters, type->parameters);
}

static bool read_import(lqi_wasm *w) {
  lq_span from = read_name(w), name = read_name(w);
  uint8_t kind = lqi_wasm_u8(w);
  if (w->fault) return false;
  if (!lq_span_is(from, "lq")) {
    bool wasi = from.bytes >= 4 && memcmp(from.data, "wasi", 4) == 0;
    return fail_named(w,
                      wasi ? "it imports %s.%s, and guests have no WASI: no files, no clock"
                           : "it imports %s.%s, and guests have nothing but the module \"lq\"",
                      from, name,
                      "do without it (C: -nostdlib -ffreestanding; AssemblyScript: --use "
                      "abort=..., see the template)");
  }
  if (kind != 0)
    return fail_named(w, "it imports %s.%s, which is no function", from, name, "define it");
  uint32_t type = lqi_wasm_u32(w);
  for (uint32_t i = 0; i < LQ_WASM_IMPORT_COUNT; i++) {
    if (!lq_span_is(name, imports[i].name)) continue;
    if (type >= w->type_count || !type_is(&w->type[type], imports[i].result, imports[i].parameters))
      return fail_named(w, "it declares %s.%s with other types", from, name,
                        "declare it as lq_guest.h does");
    if (w->module->imports >> i & 1) /* two names of one function in C */
      return fail_named(w, "it imports %s.%s twice", from, name, "import it once");
    w->module->imports |= 1ull << i;
    w->function[w->import_count++] = (uint16_t)type;
    return !w->fault;
  }
  return fail_named(w, "it imports %s.%s, which does not exist", from, name,
                    "see lq_guest.h for what there is");
}

static bool read_imports(lqi_wasm *w) {
  uint32_t count = lqi_wasm_u32(w);
  for (uint32_t i = 0; i < count && !w->fault; i++)
    if (!read_import(w)) return false;
  w->function_count = w->import_count;
  return !w->fault;
}

static bool read_functions(lqi_wasm *w) {
  uint32_t count = lqi_wasm_u32(w);
  if (count > LQI_WASM_FUNCTIONS - w->import_count)
    return lqi_wasm_fail(w, "it has more than 8,000 functions", "make it smaller");
  for (uint32_t i = 0; i < count && !w->fault; i++) {
    uint32_t type = lqi_wasm_u32(w);
    if (type >= w->type_count) return lqi_wasm_fail(w, "a function has no known type", NULL);
    w->function[w->function_count++] = (uint16_t)type;
  }
  return !w->fault;
}

/* {min}, {min, max}; max UINT32_MAX when absent. */
static bool read_limits(lqi_wasm *w, uint32_t *min, uint32_t *max) {
  uint8_t flags = lqi_wasm_u8(w);
  if (flags > 1)
    return lqi_wasm_fail(w, "its memory is shared or 64 bits wide", "compile for plain wasm32");
  *min = lqi_wasm_u32(w);
  *max = flags ? lqi_wasm_u32(w) : UINT32_MAX;
  return !w->fault;
}

static bool read_table(lqi_wasm *w) {
  uint32_t max;
  if (lqi_wasm_u32(w) != 1 || lqi_wasm_u8(w) != FUNCREF)
    return lqi_wasm_fail(w, "it has more than one table of functions",
                         "compile without reference types");
  if (!read_limits(w, &w->element_count, &max)) return false;
  w->has_table = true;
  return w->element_count <= LQI_WASM_ELEMENTS ||
         lqi_wasm_fail(w, "its table has more than 4,096 functions", "make it smaller");
}

static bool read_memory(lqi_wasm *w) {
  if (lqi_wasm_u32(w) != 1) return lqi_wasm_fail(w, "it has more than one memory", "use one");
  if (!read_limits(w, &w->pages, &w->pages_max)) return false;
  w->has_memory = true;
  if (w->pages_max > LQ_WASM_PAGES_MAX) w->pages_max = LQ_WASM_PAGES_MAX;
  return w->pages <= w->pages_max ||
         lqi_wasm_fail(w, "it starts with more than 1 MiB of memory (16 pages)",
                       "give it less (C: -Wl,-z,stack-size=16384; AssemblyScript: --memoryBase, "
                       "--initialMemory)");
}

static bool read_constant(lqi_wasm *w, uint8_t type) {
  static const uint8_t ops[] = {0x44, 0x43, 0x42, 0x41};
  if (lqi_wasm_u8(w) != ops[type - F64])
    return lqi_wasm_fail(w, "a global or segment does not start from a plain number",
                         "compile without extended constants");
  if (type >= 0x7e)
    lqi_wasm_skip_signed(w, type == I32 ? 5 : 10);
  else
    (void)lqi_wasm_take(w, type == F64 ? 8 : 4);
  return lqi_wasm_u8(w) == 0x0b || lqi_wasm_fail(w, "a plain number has something behind it", NULL);
}

static bool read_globals(lqi_wasm *w) {
  w->global_count = lqi_wasm_u32(w);
  if (w->global_count > LQI_WASM_GLOBALS)
    return lqi_wasm_fail(w, "it has more than 4,096 globals", "make it smaller");
  for (uint32_t i = 0; i < w->global_count; i++) {
    uint8_t type = lqi_wasm_u8(w);
    if (w->fault || !is_number(w, type)) return false;
    (void)lqi_wasm_u8(w);
    if (!read_constant(w, type)) return false;
  }
  return !w->fault;
}

/* Only what fills memory and table before anything runs. */
static bool read_segments(lqi_wasm *w, bool data) {
  uint32_t count = lqi_wasm_u32(w);
  if (count > LQI_WASM_SEGMENTS)
    return lqi_wasm_fail(w, "it has more than 4,096 segments", "make it smaller");
  for (uint32_t i = 0; i < count && !w->fault; i++) {
    if (lqi_wasm_u32(w) != 0)
      return lqi_wasm_fail(w,
                           data ? "it has passive data, which guests do not have"
                                : "it has elements that are not simply functions",
                           "compile without threads and reference types");
    if (!read_constant(w, I32)) return false;
    uint32_t size = lqi_wasm_u32(w);
    if (data) (void)lqi_wasm_take(w, size);
    for (uint32_t k = 0; !data && k < size && !w->fault; k++)
      if (lqi_wasm_u32(w) >= w->function_count)
        return lqi_wasm_fail(w, "its table names a function that is not there", NULL);
  }
  return !w->fault;
}

/* ---- exports ---- */
static bool starts_with(lq_span text, const char *start) {
  size_t n = strlen(start);
  return text.bytes > n && memcmp(text.data, start, n) == 0;
}

/* What an exported function is to a game; 0: nothing. */
static uint32_t kind_of(const lqi_wasm *w, lq_span name, uint32_t function) {
  const lqi_wasm_type *type = &w->type[w->function[function]];
  if (!lq_id_valid(name, LQ_WASM_NAME_BYTES)) return 0;
  if (lq_span_is(name, "lq_state") && type_is(type, "i", "")) return LQ_WASM_STATE;
  if (lq_span_is(name, "lq_state_bytes") && type_is(type, "i", "")) return LQ_WASM_STATE_BYTES;
  if (type_is(type, "v", "f")) return LQ_WASM_SYSTEM;
  bool command = starts_with(name, "command.") || starts_with(name, "command_");
  return command && type_is(type, "v", "") ? LQ_WASM_COMMAND : 0;
}

static bool read_exports(lqi_wasm *w, uint32_t functions[LQ_WASM_EXPORTS_MAX]) {
  uint32_t count = lqi_wasm_u32(w);
  lq_wasm_module *module = w->module;
  for (uint32_t i = 0; i < count && !w->fault; i++) {
    lq_span name = read_name(w);
    uint8_t kind = lqi_wasm_u8(w);
    uint32_t index = lqi_wasm_u32(w);
    if (w->fault || kind != 0) continue;
    if (index >= w->function_count) return lqi_wasm_fail(w, "it exports what is not there", NULL);
    uint32_t use = kind_of(w, name, index);
    if (!use) continue;
    if (index < w->import_count)
      return fail_named(w, "its export %s%s is an import", name, lq_span_of(NULL, 0), "define it");
    if (module->export_count == LQ_WASM_EXPORTS_MAX)
      return lqi_wasm_fail(w, "it exports more than 256 systems and handlers", "export fewer");
    lq_wasm_name *out = &module->export[module->export_count];
    *out = (lq_wasm_name){.kind = use};
    (void)lq_text_copy(out->name, sizeof out->name, name);
    functions[module->export_count++] = index;
  }
  return !w->fault;
}

static void write_export(lq_writer *out, const char *name, uint8_t kind, uint32_t index) {
  write_name(out, name);
  lq_write_u8(out, kind);
  lq_write_varint(out, index);
}

static void write_exports(lqi_wasm *w, const uint32_t functions[LQ_WASM_EXPORTS_MAX]) {
  lq_writer *out = w->out;
  size_t section = open_section(out, EXPORT);
  lq_write_varint(out, w->module->export_count + 3);
  for (uint32_t i = 0; i < w->module->export_count; i++) {
    char number[16];
    (void)snprintf(number, sizeof number, "e%u", i);
    write_export(out, w->plain ? w->module->export[i].name : number, 0, functions[i]);
  }
  write_export(out, w->plain ? "memory" : "m", 2, 0);
  write_export(out, w->plain ? "lq_fuel" : "f", 3, w->fuel);
  write_export(out, w->plain ? "lq_depth" : "d", 3, w->depth);
  lqi_wasm_close(out, section);
}

/* ---- writing sections ---- */
static void write_memory(lqi_wasm *w) {
  size_t section = open_section(w->out, MEMORY);
  lq_write_u8(w->out, 1);
  lq_write_u8(w->out, 1);
  lq_write_varint(w->out, w->pages);
  lq_write_varint(w->out, w->pages_max);
  lqi_wasm_close(w->out, section);
}

/* A table's limits: what never grows has its size as its most. */
static void write_table(lqi_wasm *w) {
  if (!w->has_table) return;
  size_t section = open_section(w->out, TABLE);
  const uint8_t head[] = {1, FUNCREF, 1};
  lq_write_bytes(w->out, head, sizeof head);
  lq_write_varint(w->out, w->element_count);
  lq_write_varint(w->out, w->element_count);
  lqi_wasm_close(w->out, section);
}

static void write_globals(lqi_wasm *w, lq_span section_bytes) {
  lqi_wasm count = {.bytes = section_bytes, .end = section_bytes.bytes};
  if (section_bytes.bytes) (void)lqi_wasm_u32(&count);
  size_t section = open_section(w->out, GLOBAL);
  lq_write_varint(w->out, w->global_count + 2);
  if (section_bytes.bytes)
    lq_write_bytes(w->out, section_bytes.data + count.at, section_bytes.bytes - count.at);
  for (int i = 0; i < 2; i++) {
    const uint8_t head[] = {I32, 1, 0x41}; /* a mutable i32 */
    lq_write_bytes(w->out, head, sizeof head);
    lqi_wasm_signed(w->out, i ? LQ_WASM_STACK : LQ_WASM_FUEL);
    lq_write_u8(w->out, 0x0b);
  }
  lqi_wasm_close(w->out, section);
}

static bool write_code(lqi_wasm *w, lq_span code) {
  w->bytes = code;
  w->at = 0;
  w->end = code.bytes;
  uint32_t count = code.bytes ? lqi_wasm_u32(w) : 0;
  if (count != w->function_count - w->import_count)
    return lqi_wasm_fail(w, "it has other functions than it declares", NULL);
  size_t section = open_section(w->out, CODE);
  lq_write_varint(w->out, count);
  for (uint32_t i = 0; i < count && !w->fault; i++) {
    uint32_t bytes = lqi_wasm_u32(w);
    if (bytes > LQI_WASM_BODY)
      return lqi_wasm_fail(w, "a function is larger than 64 KiB", "split the function");
    if (!lqi_wasm_take(w, bytes).data && bytes) return false;
    size_t next = w->at, end = w->end;
    w->at -= bytes;
    w->end = next;
    if (!lqi_wasm_body(w, w->import_count + i)) return false;
    w->at = next;
    w->end = end;
  }
  lqi_wasm_close(w->out, section);
  return !w->fault && (w->at == w->end || lqi_wasm_fail(w, "it has bytes behind its code", NULL));
}

static void copy_section(lqi_wasm *w, uint8_t id, lq_span bytes) {
  if (!bytes.bytes) return;
  lq_write_u8(w->out, id);
  lq_write_sized(w->out, bytes.data, bytes.bytes);
}

/* ---- the module ---- */
static bool find_sections(lqi_wasm *w, lq_span section[SECTIONS]) {
  static const uint8_t order[SECTIONS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};
  static const uint8_t head[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  lq_span first = lqi_wasm_take(w, sizeof head);
  if (!first.data || memcmp(first.data, head, sizeof head) != 0) {
    w->fault = NULL;
    return lqi_wasm_fail(w, "it is no WebAssembly module of version 1",
                         "put the compiled .wasm there, not its text or source");
  }
  uint8_t last = 0;
  while (w->at < w->end && !w->fault) {
    uint8_t id = lqi_wasm_u8(w);
    lq_span bytes = lqi_wasm_take(w, lqi_wasm_u32(w));
    if (w->fault || id == CUSTOM) continue;
    if (id >= SECTIONS)
      return lqi_wasm_fail(w, "it has a section that guests do not have",
                           "compile without exceptions");
    if (order[id] <= last) return lqi_wasm_fail(w, "its sections are out of order", NULL);
    last = order[id];
    section[id] = bytes;
  }
  return !w->fault;
}

static bool in_section(lqi_wasm *w, lq_span bytes, bool (*read)(lqi_wasm *w)) {
  if (!bytes.bytes) return true;
  w->bytes = bytes;
  w->at = 0;
  w->end = bytes.bytes;
  return read(w) && (w->at == w->end || lqi_wasm_fail(w, "a section has bytes behind it", NULL));
}
static bool read_elements(lqi_wasm *w) { return read_segments(w, false); }
static bool read_data(lqi_wasm *w) { return read_segments(w, true); }
static bool read_start(lqi_wasm *w) {
  uint32_t function = lqi_wasm_u32(w);
  return w->fault || function < w->function_count ||
         lqi_wasm_fail(w, "its start function is not there", NULL);
}

static bool rewrite(lqi_wasm *w) {
  lq_span section[SECTIONS] = {{0}};
  uint32_t functions[LQ_WASM_EXPORTS_MAX];
  bool good =
      find_sections(w, section) && in_section(w, section[TYPE], read_types) &&
      in_section(w, section[IMPORT], read_imports) &&
      in_section(w, section[FUNCTION], read_functions) &&
      in_section(w, section[TABLE], read_table) && in_section(w, section[MEMORY], read_memory) &&
      in_section(w, section[GLOBAL], read_globals) && in_section(w, section[START], read_start) &&
      in_section(w, section[ELEMENT], read_elements) && in_section(w, section[DATA], read_data);
  if (!good) return false;
  w->bytes = section[EXPORT];
  w->at = 0;
  w->end = section[EXPORT].bytes;
  if (section[EXPORT].bytes && !read_exports(w, functions)) return false;
  w->fuel = w->global_count;
  w->depth = w->global_count + 1;
  const uint8_t head[8] = {0, 'a', 's', 'm', 1, 0, 0, 0};
  lq_write_bytes(w->out, head, sizeof head);
  copy_section(w, TYPE, section[TYPE]);
  copy_section(w, IMPORT, section[IMPORT]);
  copy_section(w, FUNCTION, section[FUNCTION]);
  write_table(w);
  write_memory(w);
  write_globals(w, section[GLOBAL]);
  write_exports(w, functions);
  copy_section(w, START, section[START]);
  copy_section(w, ELEMENT, section[ELEMENT]);
  if (!write_code(w, section[CODE])) return false;
  copy_section(w, DATA, section[DATA]);
  return !w->out->failed || lqi_wasm_fail(w, "it is too large", "make it smaller");
}

lq_err lq_wasm_meter(lq_span wasm, bool plain, lq_wasm_module *module, lq_writer *out,
                     lq_diag *diag) {
  memset(module, 0, sizeof *module);
  if (wasm.bytes > LQ_WASM_BYTES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "the module is larger than 1 MiB");
  lqi_wasm *w = calloc(1, sizeof *w);
  if (!w) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory to check the module");
  w->bytes = wasm;
  w->end = wasm.bytes;
  w->module = module;
  w->out = out;
  w->plain = plain;
  lq_err err = LQ_OK;
  if (!rewrite(w)) {
    err = lq_diag_set(diag, LQ_ERR_BUILD, "%s", w->fault ? w->fault : "it is malformed");
    if (diag) (void)snprintf(diag->mend, sizeof diag->mend, "%s", w->mend ? w->mend : "");
  }
  free(w);
  return err;
}
