/* What the files of WebAssembly share: a module taken apart, and one function's instructions. */
#ifndef LQ_SERVICE_GUEST_WASM_INT_H
#define LQ_SERVICE_GUEST_WASM_INT_H

#include "lq_engine/guest/wasm_abi.h"
#include "lq_engine/guest/wasm_library.h"
#include "lq_service/guest/wasm.h"

enum {
  LQI_WASM_TYPES = 1024,
  LQI_WASM_FUNCTIONS = 8192,
  LQI_WASM_PARAMETERS = 64,
  LQI_WASM_LOCALS = 1024,   /* of one function */
  LQI_WASM_BODY = 64 << 10, /* bytes of one function: compilers take long for long ones */
  LQI_WASM_NESTING = 200,   /* blocks in blocks: C compilers stop at 256 brackets */
  LQI_WASM_TARGETS = 4096,  /* of one br_table */
  LQI_WASM_ELEMENTS = 4096, /* of the table */
  LQI_WASM_GLOBALS = 4096,
  LQI_WASM_SEGMENTS = 4096,
};

typedef struct lqi_wasm_type {
  lq_span parameters; /* value types, a byte each */
  uint8_t result;     /* 0: none */
} lqi_wasm_type;

/* A reader that remembers the first thing that is wrong. */
typedef struct lqi_wasm {
  lq_span bytes;
  size_t at, end;    /* end: of what is read now */
  const char *fault; /* NULL: none yet */
  const char *mend;
  char room[200]; /* of a fault that is made up */
  lq_wasm_module *module;
  lq_writer *out;
  bool plain;
  uint32_t type_count, import_count, function_count; /* functions: imports first */
  lqi_wasm_type type[LQI_WASM_TYPES];
  uint16_t function[LQI_WASM_FUNCTIONS]; /* their types */
  uint32_t element_count;                /* of the table; 0: none */
  bool has_memory, has_table;
  uint32_t pages, pages_max;
  uint32_t global_count;
  uint32_t fuel, depth;         /* our globals */
  uint32_t code_at, body_count; /* bodies are read where they lie */
} lqi_wasm;

/* ---- reading ---- */
bool lqi_wasm_fail(lqi_wasm *w, const char *fault, const char *mend); /* false */
uint8_t lqi_wasm_u8(lqi_wasm *w);
uint32_t lqi_wasm_u32(lqi_wasm *w);
void lqi_wasm_skip_signed(lqi_wasm *w, uint32_t bytes_max); /* i32: 5, i64: 10 */
lq_span lqi_wasm_take(lqi_wasm *w, uint32_t bytes);

/* ---- writing ---- */
void lqi_wasm_signed(lq_writer *out, int32_t value);
/* A length that is known later: where it stands, for lqi_wasm_close. */
size_t lqi_wasm_open(lq_writer *out);
void lqi_wasm_close(lq_writer *out, size_t at);

/* The function's body at w->at, w->end its end: checked and rewritten into out. */
bool lqi_wasm_body(lqi_wasm *w, uint32_t function);

#endif
