/* One function's instructions, rewritten: what it costs, how deep it calls, which NaN it sees.
 *
 * Cost: code falls into regions that are entered at one place and run at most once from there: the
 * function, each loop (a turn), each arm of an if, what follows a br_if in its block. A region pays
 * where it is entered for all its instructions; one of a few instructions is paid with what it
 * stands in, but for loops. So what is paid is never less than what runs. A function that calls
 * pays for its frame, too, and is wrapped in a block so that every way out passes the place where
 * it is given back; `return` becomes a branch there. Bulk memory instructions pay by the 16 bytes.
 */
#include "lq_service/guest/wasm_int.h"

#include <stdlib.h>

enum {
  BLOCK = 0x02,
  LOOP = 0x03,
  IF = 0x04,
  ELSE = 0x05,
  END = 0x0b,
  BR = 0x0c,
  BR_IF = 0x0d,
  BR_TABLE = 0x0e,
  RETURN = 0x0f,
  CALL = 0x10,
  CALL_INDIRECT = 0x11,
  UNREACHABLE = 0x00,
  GLOBAL_GET = 0x23,
  GLOBAL_SET = 0x24,
  LOCAL_GET = 0x20,
  LOCAL_SET = 0x21,
  LOCAL_TEE = 0x22,
  SELECT = 0x1b,
  I32_CONST = 0x41,
  I32_LT_S = 0x48,
  I32_ADD = 0x6a,
  I32_SUB = 0x6b,
  I32_SHR_U = 0x76,
  F32_CONST = 0x43,
  F64_CONST = 0x44,
  F32_EQ = 0x5b,
  F64_EQ = 0x61,
  VOID = 0x40,
  FRAME_BYTES = 96,
  REGION_COST_MIN = 8, /* paying takes about so long */
};

/* What takes a scratch local: a value seen, and the fuel of a function that loops. */
typedef enum sight { SEES_NOTHING, SEES_F32, SEES_F64, SEES_LENGTH, LOOPS, SIGHTS } sight;

typedef struct instruction {
  uint8_t op, sub;
  uint32_t index; /* of the function or type that is called; of the block's type */
  uint8_t block;  /* its result, VOID, or 0: see index */
} instruction;

typedef struct level {
  uint8_t op;
  uint32_t region;                     /* what runs now */
  uint32_t outer;                      /* of an if: where it stands */
  int32_t height, parameters, results; /* height: below its parameters */
} level;

typedef struct region {
  uint32_t cost, outer;
  bool is_loop;
} region;

typedef struct body {
  lqi_wasm *w;
  uint32_t function, local_count, nesting, region_count;
  int32_t height, height_max;
  bool calls, sees[SIGHTS];
  region *region; /* in the order of their entries, the function first */
  level level[LQI_WASM_NESTING + 1];
} body;

/* ---- instructions ---- */
static const char *const no_simd = "compile without SIMD (C: no -msimd128; AssemblyScript: no "
                                   "--enable simd)";

static bool refuse_op(lqi_wasm *w, uint8_t op, uint8_t sub) {
  if (op == 0xfd) return lqi_wasm_fail(w, "it uses SIMD, which guests do not have", no_simd);
  if (op == 0xfe)
    return lqi_wasm_fail(w, "it uses threads, which guests do not have", "compile without threads");
  if (op == 0x12 || op == 0x13)
    return lqi_wasm_fail(w, "it uses tail calls, which guests do not have",
                         "compile without tail calls");
  if ((op >= 0x06 && op <= 0x0a) || op == 0x18 || op == 0x19)
    return lqi_wasm_fail(w, "it uses exceptions, which guests do not have",
                         "compile without exceptions");
  if (op == 0x25 || op == 0x26 || (op >= 0xd0 && op <= 0xd6) || (op == 0xfc && sub >= 12))
    return lqi_wasm_fail(w, "it changes a table, and a guest's tables stay as they are",
                         "compile without reference types");
  if (op == 0xfc && (sub == 8 || sub == 9))
    return lqi_wasm_fail(w, "it has passive data, which guests do not have",
                         "compile without threads and shared memory");
  return lqi_wasm_fail(w, "it has an instruction that is not known here",
                       "compile for WebAssembly 1.0 with sign extension and bulk memory");
}

static void read_block_type(lqi_wasm *w, instruction *in) {
  uint8_t first = w->at < w->end ? w->bytes.data[w->at] : 0;
  if (first == VOID || (first >= 0x7c && first <= 0x7f)) {
    in->block = lqi_wasm_u8(w);
    return;
  }
  in->index = lqi_wasm_u32(w); /* a positive s33: bit 6 of its last byte is 0 */
  if (in->index >= w->type_count) (void)lqi_wasm_fail(w, "a block has no known type", NULL);
}

static void read_br_table(lqi_wasm *w) {
  uint32_t count = lqi_wasm_u32(w);
  if (count > LQI_WASM_TARGETS)
    (void)lqi_wasm_fail(w, "a br_table has more than 4,096 targets", "split the switch");
  for (uint32_t i = 0; i <= count && !w->fault; i++) (void)lqi_wasm_u32(w);
}

static void read_call(lqi_wasm *w, instruction *in) {
  in->index = lqi_wasm_u32(w);
  if (in->op == CALL) {
    if (in->index >= w->function_count) (void)lqi_wasm_fail(w, "it calls what is not there", NULL);
    return;
  }
  if (lqi_wasm_u32(w) != 0 || !w->has_table || in->index >= w->type_count)
    (void)lqi_wasm_fail(w, "it calls through what is not there", NULL);
}

static void read_prefixed(lqi_wasm *w, instruction *in) {
  uint32_t sub = lqi_wasm_u32(w);
  in->sub = sub > 255 ? 255 : (uint8_t)sub;
  if (sub == 10)
    (void)lqi_wasm_take(w, 2);
  else if (sub == 11)
    (void)lqi_wasm_take(w, 1);
  else if (sub > 7)
    (void)refuse_op(w, in->op, in->sub);
}

/* The next instruction with what belongs to it. */
static bool read_instruction(lqi_wasm *w, instruction *in) {
  *in = (instruction){.op = lqi_wasm_u8(w)};
  uint8_t op = in->op;
  if (op == BLOCK || op == LOOP || op == IF)
    read_block_type(w, in);
  else if (op == BR || op == BR_IF || (op >= 0x20 && op <= 0x24))
    in->index = lqi_wasm_u32(w);
  else if (op == BR_TABLE)
    read_br_table(w);
  else if (op == CALL || op == CALL_INDIRECT)
    read_call(w, in);
  else if (op == 0x1c)
    (void)lqi_wasm_take(w, lqi_wasm_u32(w));
  else if (op >= 0x28 && op <= 0x3e)
    (void)lqi_wasm_u32(w), (void)lqi_wasm_u32(w);
  else if (op == 0x3f || op == 0x40)
    (void)lqi_wasm_u8(w);
  else if (op == I32_CONST)
    lqi_wasm_skip_signed(w, 5);
  else if (op == 0x42)
    lqi_wasm_skip_signed(w, 10);
  else if (op == F32_CONST)
    (void)lqi_wasm_take(w, 4);
  else if (op == F64_CONST)
    (void)lqi_wasm_take(w, 8);
  else if (op == 0xfc)
    read_prefixed(w, in);
  else {
    bool plain = op <= 0x01 || op == ELSE || op == END || op == RETURN || op == 0x1a ||
                 op == SELECT || (op >= 0x45 && op <= 0xc4);
    if (!plain) return refuse_op(w, op, 0);
  }
  return !w->fault;
}

/* How many values more there are behind it. */
static int32_t effect(const lqi_wasm *w, const instruction *in) {
  uint8_t op = in->op;
  if (op == CALL || op == CALL_INDIRECT) {
    const lqi_wasm_type *type = &w->type[op == CALL ? w->function[in->index] : in->index];
    return (type->result ? 1 : 0) - (int32_t)type->parameters.bytes - (op == CALL_INDIRECT);
  }
  if (op == 0xfc) return in->sub >= 10 ? -3 : 0;
  if (op == LOCAL_GET || op == GLOBAL_GET || op == 0x3f || (op >= I32_CONST && op <= F64_CONST))
    return 1;
  if (op == SELECT || op == 0x1c || (op >= 0x36 && op <= 0x3e)) return -2;
  if (op == IF || op == BR_IF || op == BR_TABLE || op == 0x1a || op == LOCAL_SET ||
      op == GLOBAL_SET)
    return -1;
  bool pair = (op >= 0x46 && op <= 0x4f) || (op >= 0x51 && op <= 0x66) ||
              (op >= 0x6a && op <= 0x78) || (op >= 0x7c && op <= 0x8a) ||
              (op >= 0x92 && op <= 0x98) || (op >= 0xa0 && op <= 0xa6);
  return pair ? -1 : 0;
}

/* Where the bits of a float can be seen, and how long a bulk instruction takes. */
static sight sight_of(const instruction *in) {
  switch (in->op) {
  case 0x38: /* f32.store */
  case 0x98: /* f32.copysign */
  case 0xbc: /* i32.reinterpret_f32 */
    return SEES_F32;
  case 0x39:
  case 0xa6:
  case 0xbd:
    return SEES_F64;
  case 0xfc:
    return in->sub >= 10 ? SEES_LENGTH : SEES_NOTHING;
  default:
    return SEES_NOTHING;
  }
}

/* ---- measuring ---- */
static bool opens_region(const instruction *in) {
  return in->op == LOOP || in->op == IF || in->op == ELSE || in->op == BR_IF;
}
static uint32_t new_region(body *b, uint32_t outer, bool is_loop) {
  b->region[b->region_count] = (region){0, outer, is_loop};
  return b->region_count++;
}
/* A call and a division take about so many times what an addition takes. */
static uint32_t weight_of(const instruction *in) {
  bool divides = (in->op >= 0x6d && in->op <= 0x70) || (in->op >= 0x7f && in->op <= 0x82);
  return divides || in->op == CALL || in->op == CALL_INDIRECT ? 8 : 1;
}
/* What is small is paid with what it stands in, which was entered before. */
static void join_small_regions(body *b) {
  for (uint32_t i = b->region_count; i-- > 1;) {
    region *small = &b->region[i];
    if (small->is_loop || small->cost >= REGION_COST_MIN) continue;
    b->region[small->outer].cost += small->cost;
    small->cost = 0;
  }
}

static bool enter(body *b, const instruction *in) {
  lqi_wasm *w = b->w;
  if (b->nesting == LQI_WASM_NESTING)
    return lqi_wasm_fail(w, "blocks are nested more than 200 deep", "split the function");
  const level *outer = &b->level[b->nesting];
  level *inner = &b->level[++b->nesting];
  *inner = (level){.op = in->op, .region = outer->region, .outer = outer->region};
  inner->results = in->block && in->block != VOID;
  if (!in->block) {
    inner->parameters = (int32_t)w->type[in->index].parameters.bytes;
    inner->results = w->type[in->index].result ? 1 : 0;
  }
  inner->height = b->height - inner->parameters;
  if (opens_region(in)) inner->region = new_region(b, outer->region, in->op == LOOP);
  return true;
}

/* Keeps the height of the operand stack; behind a jump it may be anything, and nothing runs. */
static bool follow(body *b, const instruction *in) {
  b->height += effect(b->w, in);
  level *here = &b->level[b->nesting];
  if (b->height < here->height) b->height = here->height;
  if (in->op == BLOCK || in->op == LOOP || in->op == IF) return enter(b, in);
  if (in->op == ELSE) {
    if (here->op != IF) return lqi_wasm_fail(b->w, "an else has no if", NULL);
    here->op = ELSE;
    here->region = new_region(b, here->outer, false);
    b->height = here->height + here->parameters;
  }
  if (in->op == BR_IF) here->region = new_region(b, here->region, false);
  if (in->op == END && b->nesting > 0) {
    b->height = here->height + here->results;
    b->nesting--;
  }
  if (b->height > b->height_max) b->height_max = b->height;
  return true;
}

static bool measure(body *b) {
  lqi_wasm *w = b->w;
  b->nesting = b->region_count = 0;
  b->level[0] = (level){.op = BLOCK, .region = new_region(b, 0, false)};
  for (;;) {
    instruction in;
    if (!read_instruction(w, &in)) return false;
    b->region[b->level[b->nesting].region].cost += weight_of(&in);
    b->calls = b->calls || in.op == CALL || in.op == CALL_INDIRECT;
    b->sees[sight_of(&in)] = true;
    b->sees[LOOPS] = b->sees[LOOPS] || in.op == LOOP;
    if (in.op == END && b->nesting == 0) break;
    if (!follow(b, &in)) return false;
  }
  join_small_regions(b);
  return w->at == w->end || lqi_wasm_fail(w, "a function has bytes behind its end", NULL);
}

/* ---- writing ---- */
static void op_index(lq_writer *out, uint8_t op, uint32_t index) {
  lq_write_u8(out, op);
  lq_write_varint(out, index);
}
static void constant(lq_writer *out, uint32_t value) {
  lq_write_u8(out, I32_CONST);
  lqi_wasm_signed(out, (int32_t)value);
}

/* The scratch locals lie behind the function's own, those of kinds that it sees. */
static uint32_t scratch(const body *b, sight kind) {
  uint32_t local = b->local_count;
  for (int i = SEES_F32; i < (int)kind; i++) local += b->sees[i];
  return local;
}

/* Fuel lies in a global; in a function that loops, in a local, and in the global around calls. */
static void get_fuel(const body *b) {
  bool local = b->sees[LOOPS];
  op_index(b->w->out, local ? LOCAL_GET : GLOBAL_GET, local ? scratch(b, LOOPS) : b->w->fuel);
}
static void settle_fuel(const body *b) {
  if (!b->sees[LOOPS]) return;
  op_index(b->w->out, LOCAL_GET, scratch(b, LOOPS));
  op_index(b->w->out, GLOBAL_SET, b->w->fuel);
}
static void fetch_fuel(const body *b) {
  if (!b->sees[LOOPS]) return;
  op_index(b->w->out, GLOBAL_GET, b->w->fuel);
  op_index(b->w->out, LOCAL_SET, scratch(b, LOOPS));
}

/* Behind a subtraction from it: the end when it is below zero. */
static void put_fuel(const body *b) {
  static const uint8_t test[] = {I32_LT_S, IF, VOID}, stop[] = {UNREACHABLE, END};
  lq_writer *out = b->w->out;
  if (b->sees[LOOPS])
    op_index(out, LOCAL_TEE, scratch(b, LOOPS));
  else {
    op_index(out, GLOBAL_SET, b->w->fuel);
    op_index(out, GLOBAL_GET, b->w->fuel);
  }
  constant(out, 0);
  lq_write_bytes(out, test, sizeof test);
  settle_fuel(b);
  lq_write_bytes(out, stop, sizeof stop);
}

static void pay(const body *b, uint32_t units) {
  get_fuel(b);
  constant(b->w->out, units);
  lq_write_u8(b->w->out, I32_SUB);
  put_fuel(b);
}

/* The operand on top, seen: a NaN becomes the one NaN; a length is paid for. */
static void show(body *b, sight kind) {
  lq_writer *out = b->w->out;
  uint32_t local = scratch(b, kind);
  op_index(out, LOCAL_TEE, local);
  if (kind == SEES_LENGTH) {
    get_fuel(b);
    op_index(out, LOCAL_GET, local);
    constant(out, 4);
    lq_write_u8(out, I32_SHR_U);
    lq_write_u8(out, I32_SUB);
    put_fuel(b);
    return;
  }
  lq_write_u8(out, kind == SEES_F32 ? F32_CONST : F64_CONST);
  if (kind == SEES_F32)
    lq_write_u32(out, 0x7fc00000u);
  else
    lq_write_u64(out, 0x7ff8000000000000ull);
  op_index(out, LOCAL_GET, local);
  op_index(out, LOCAL_GET, local);
  lq_write_u8(out, kind == SEES_F32 ? F32_EQ : F64_EQ);
  lq_write_u8(out, SELECT);
}

static uint32_t frame_bytes(const body *b) {
  return FRAME_BYTES + 8 * (b->local_count + (uint32_t)b->height_max);
}

/* A frame is taken on the way in, and given back on every way out. */
static bool is_wrapped(const body *b) { return b->calls || b->sees[LOOPS]; }

static void begin_body(const body *b, uint8_t result) {
  static const uint8_t stop[] = {I32_LT_S, IF, VOID, UNREACHABLE, END};
  lq_writer *out = b->w->out;
  fetch_fuel(b);
  pay(b, b->region[0].cost);
  if (b->calls) {
    op_index(out, GLOBAL_GET, b->w->depth);
    constant(out, frame_bytes(b));
    lq_write_u8(out, I32_SUB);
    op_index(out, GLOBAL_SET, b->w->depth);
    op_index(out, GLOBAL_GET, b->w->depth);
    constant(out, 0);
    lq_write_bytes(out, stop, sizeof stop);
  }
  if (is_wrapped(b)) op_index(out, BLOCK, result ? result : VOID);
}

static void end_body(const body *b) {
  lq_writer *out = b->w->out;
  if (is_wrapped(b)) lq_write_u8(out, END);
  settle_fuel(b);
  if (b->calls) {
    op_index(out, GLOBAL_GET, b->w->depth);
    constant(out, frame_bytes(b));
    lq_write_u8(out, I32_ADD);
    op_index(out, GLOBAL_SET, b->w->depth);
  }
  lq_write_u8(out, END);
}

static bool rewrite(body *b) {
  lqi_wasm *w = b->w;
  lq_writer *out = w->out;
  uint32_t entered = 0, nesting = 0;
  for (;;) {
    size_t from = w->at;
    instruction in;
    if (!read_instruction(w, &in)) return false;
    sight kind = sight_of(&in);
    bool calls = in.op == CALL || in.op == CALL_INDIRECT;
    if (kind != SEES_NOTHING) show(b, kind);
    if (in.op == END && nesting == 0) return true;
    if (calls) settle_fuel(b);
    if (in.op == RETURN && is_wrapped(b))
      op_index(out, BR, nesting);
    else
      lq_write_bytes(out, w->bytes.data + from, w->at - from);
    if (calls) fetch_fuel(b);
    if (in.op == BLOCK || in.op == LOOP || in.op == IF) nesting++;
    if (in.op == END) nesting--;
    if (!opens_region(&in)) continue;
    uint32_t cost = b->region[++entered].cost;
    if (cost) pay(b, cost);
  }
}

/* ---- a body ---- */
static bool read_locals(body *b, uint32_t *groups, lq_span *declared) {
  lqi_wasm *w = b->w;
  *groups = lqi_wasm_u32(w);
  size_t from = w->at;
  for (uint32_t i = 0; i < *groups && !w->fault; i++) {
    uint32_t count = lqi_wasm_u32(w);
    uint8_t type = lqi_wasm_u8(w);
    if (type == 0x7b) return lqi_wasm_fail(w, "it uses SIMD, which guests do not have", no_simd);
    if (type < 0x7c || type > 0x7f)
      return lqi_wasm_fail(w, "a local has no number's type", "compile without reference types");
    if (count > LQI_WASM_LOCALS || b->local_count + count > LQI_WASM_LOCALS)
      return lqi_wasm_fail(w, "a function has more than 1,024 locals", "split the function");
    b->local_count += count;
  }
  *declared = lq_span_of(w->bytes.data + from, w->at - from);
  return !w->fault;
}

static void write_locals(const body *b, uint32_t groups, lq_span declared) {
  static const uint8_t types[SIGHTS] = {0, 0x7d, 0x7c, 0x7f, 0x7f};
  lq_writer *out = b->w->out;
  for (int kind = SEES_F32; kind < SIGHTS; kind++) groups += b->sees[kind];
  lq_write_varint(out, groups);
  lq_write_span(out, declared);
  for (int kind = SEES_F32; kind < SIGHTS; kind++) {
    if (!b->sees[kind]) continue;
    lq_write_u8(out, 1);
    lq_write_u8(out, types[kind]);
  }
}

static bool measured_and_rewritten(body *b) {
  lqi_wasm *w = b->w;
  const lqi_wasm_type *type = &w->type[w->function[b->function]];
  uint32_t groups = 0;
  lq_span declared = {0};
  b->local_count = (uint32_t)type->parameters.bytes;
  if (!read_locals(b, &groups, &declared)) return false;
  size_t code = w->at;
  if (!measure(b)) return false;
  if (frame_bytes(b) > LQ_WASM_STACK / 8)
    return lqi_wasm_fail(w, "a function has more than 64 KiB of locals and operands",
                         "split the function");
  w->at = code;
  size_t size = lqi_wasm_open(w->out);
  write_locals(b, groups, declared);
  begin_body(b, type->result);
  if (!rewrite(b)) return false;
  end_body(b);
  lqi_wasm_close(w->out, size);
  return true;
}

bool lqi_wasm_body(lqi_wasm *w, uint32_t function) {
  body *b = calloc(1, sizeof *b);
  size_t bytes = w->end - w->at;
  if (b) b->region = calloc(bytes + 1, sizeof *b->region);
  bool good = false;
  if (b && b->region) {
    b->w = w;
    b->function = function;
    good = measured_and_rewritten(b);
  } else {
    (void)lqi_wasm_fail(w, "no memory to check it", NULL);
  }
  if (b) free(b->region);
  free(b);
  return good;
}
