/* WebAssembly guests from source to reply: lq_service/guest and apps/lq-jail/wasm together. */
#include "tests/guests/wasm/compute.h"
#include "tests/lq_test.h"
#include "tests/wasm_guest_testing.h"

static wg_setup t;

static const char *const hunt[] = {"hunt.collect", "hunt.columns", "hunt.fields",
                                   "hunt.keep",    "hunt.send",    NULL};
#define HUNT "tests/guests/wasm/hunt.c"

static void start(const char *const *systems, const char *source, bool has_move) {
  wg_game(&t, systems, has_move);
  if (!t.cache[0]) wg_folder(&t);
  wg_source(&t, source);
  const char *json = wg_load(&t, &t.game);
  if (strstr(json, "\"error\"")) fail_msg("%s", json);
}

static lq_reader changes_of(lq_guest_reply reply) {
  return lq_reader_of(lq_span_of(t.reply + sizeof reply, reply.changes_bytes));
}
/* The next change is a treasure.collected with this value, by this player. */
static void assert_event(lq_reader *in, uint64_t player, int32_t value) {
  assert_int_equal(lq_read_u8(in), LQ_GUEST_EMIT);
  assert_int_equal(lq_read_varint(in), 0);
  assert_int_equal(lq_read_u64(in), player);
  assert_int_equal((int32_t)lq_read_u32(in), value);
  assert_int_equal(lq_read_u32(in), 0); /* the row's tail */
}

/* ---- the rule ---- */
static void collects(const char *system, uint32_t players, uint32_t treasures, int32_t step) {
  wg_call(&t, LQ_GUEST_SYSTEM, wg_system(&t, system), players, treasures, step, (lq_span){0});
  lq_guest_reply reply = wg_run(&t);
  if (reply.status) fail_msg("%s", t.text);
  lq_reader in = changes_of(reply);
  for (uint32_t p = 1; p <= players; p++) {
    if (p % (uint32_t)step || p / (uint32_t)step > treasures) continue;
    assert_int_equal(lq_read_u8(&in), LQ_GUEST_DELETE);
    assert_int_equal(lq_read_u64(&in), wg_handle(players + p / (uint32_t)step - 1));
    assert_event(&in, wg_handle(p - 1), 100);
  }
  assert_true(lq_reader_done(&in));
}

LQ_TEST(a_player_on_a_treasure_collects_it) {
  start(hunt, HUNT, true);
  for (int round = 0; round < 3; round++) {
    collects("hunt.collect", 1, 1, 1);
    collects("hunt.collect", 100, 100, 2);
    collects("hunt.columns", 100, 100, 2);
    collects("hunt.columns", 0, 0, 1);
  }
}

LQ_TEST(the_rule_in_assemblyscript_is_the_rule_in_c) {
  static const char *const one[] = {"hunt.collect", NULL};
  start(one, "tests/guests/wasm/hunt_as.wasm", false);
  for (int round = 0; round < 2; round++) {
    collects("hunt.collect", 1, 1, 1);
    collects("hunt.collect", 100, 100, 2);
    collects("hunt.collect", 0, 3, 1);
  }
}

LQ_TEST(only_the_state_is_kept) {
  start(hunt, HUNT, true);
  uint8_t left[8] = {0};
  size_t bytes = 0;
  lq_prng same;
  lq_prng_seed(&same, 42);
  uint32_t drawn = lq_prng_below(&same, 1000);
  for (uint32_t i = 1; i <= 3; i++) {
    wg_call(&t, LQ_GUEST_SYSTEM, wg_system(&t, "hunt.keep"), 1, 1, 1, lq_span_of(left, bytes));
    lq_guest_reply reply = wg_run(&t);
    if (reply.status) fail_msg("%s", t.text);
    assert_int_equal(reply.draws, 1);
    assert_int_equal(reply.state_bytes, sizeof left);
    memcpy(left, t.reply + sizeof reply, sizeof left);
    uint32_t calls, kept;
    memcpy(&calls, left, 4);
    memcpy(&kept, left + 4, 4);
    assert_int_equal(calls, i);
    assert_int_equal(kept, drawn);
    bytes = sizeof left;
  }
  /* A shorter state, of another release: what it does not have is as in the module. */
  wg_call(&t, LQ_GUEST_SYSTEM, wg_system(&t, "hunt.fields"), 1, 1, 1, lq_span_of(left, 4));
  assert_int_equal(wg_run(&t).status, LQ_GUEST_DONE);
  uint32_t seven;
  memcpy(&seven,
         t.reply + sizeof(lq_guest_reply) + ((lq_guest_reply *)(void *)t.reply)->changes_bytes + 4,
         4);
  assert_int_equal(seven, 7);
}

static int32_t set_i32(lq_reader *in, uint32_t type, uint32_t field, uint32_t count) {
  assert_int_equal(lq_read_u8(in), LQ_GUEST_SET);
  assert_int_equal(lq_read_u64(in), wg_handle(0));
  assert_int_equal(lq_read_varint(in), type);
  assert_int_equal(lq_read_varint(in), field);
  assert_int_equal(lq_read_varint(in), 0);
  assert_int_equal(lq_read_varint(in), count);
  return (int32_t)lq_read_u32(in);
}

LQ_TEST(every_kind_of_field_is_read_and_written) {
  start(hunt, HUNT, true);
  lq_guest_reply reply = wg_ask(&t, "hunt.fields");
  if (reply.status) fail_msg("%s", t.text);
  lq_reader in = changes_of(reply);
  assert_int_equal(set_i32(&in, WG_ODD, 0, 1), 0);
  assert_int_equal(set_i32(&in, WG_ODD, 1, 1), 1);
  assert_int_equal(lq_read_u32(&in), 0);
  in.at += 1 + 8 + 3;
  assert_int_equal(lq_read_u8(&in), 1); /* the count of flag */
  assert_int_equal(lq_read_u8(&in), 1);
  in.at += 1 + 8 + 4;
  assert_int_equal(lq_read_bytes(&in, 12).data[3], 'd');
  assert_int_equal(set_i32(&in, WG_ODD, 4, 3), 1);
  assert_int_equal(lq_read_u64(&in), 3ull << 32 | 2);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_CREATE);
  assert_int_equal(lq_read_varint(&in), 0);
  assert_int_equal(lq_read_varint(&in), 0);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_ADD);
  assert_int_equal(lq_read_u64(&in), LQ_GUEST_NEW);
  assert_int_equal(lq_read_varint(&in), WG_ODD);
  assert_int_equal(lq_read_u8(&in), 1);
  const lq_record *odd = &t.component[WG_ODD].record;
  lq_span row = lq_read_bytes(&in, odd->row_bytes);
  uint64_t who;
  float f;
  memcpy(&who, row.data + odd->field[5].offset, 8);
  memcpy(&f, row.data + odd->field[0].offset, 4);
  assert_int_equal(who, LQ_GUEST_NEW);
  assert_true(f == 1.5f);
  assert_string_equal(row.data + odd->field[3].offset, "new");
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_REMOVE);
  assert_int_equal(lq_read_u64(&in), wg_handle(0));
  assert_int_equal(lq_read_varint(&in), WG_ODD);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_WAKE);
  assert_int_equal(lq_read_u64(&in), 7 + 50000 + 1);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(a_handler_sees_its_command_and_may_refuse_it) {
  start(hunt, HUNT, true);
  wg_call(&t, LQ_GUEST_COMMAND, WG_MOVE, 1, 1, 1, (lq_span){0});
  lq_guest_reply reply = wg_run(&t);
  if (reply.status) fail_msg("%s", t.text);
  lq_reader in = changes_of(reply);
  assert_int_equal(set_i32(&in, WG_POSITION, 0, 1), 2);
  assert_int_equal(reply.state_bytes, 0);
  wg_call(&t, LQ_GUEST_COMMAND, WG_MOVE, 1, 1, 2, (lq_span){0});
  assert_int_equal(wg_run(&t).status, LQ_GUEST_REFUSED);
  assert_string_equal(t.text, "one step at a time");
}

static void sends(void) {
  lq_guest_reply reply = wg_ask(&t, "hunt.send");
  if (reply.status) fail_msg("%s", t.text);
  lq_reader in = changes_of(reply);
  const lq_record *move = &t.command[WG_MOVE].record;
  for (int32_t i = 0; i < 2; i++) {
    assert_int_equal(lq_read_u8(&in), LQ_GUEST_SEND);
    assert_int_equal(lq_read_varint(&in), WG_MOVE);
    lq_span row = lq_read_bytes(&in, move->row_bytes);
    uint64_t entity;
    int32_t vec;
    memcpy(&entity, row.data + move->field[0].offset, 8);
    memcpy(&vec, row.data + move->field[1].offset, 4);
    assert_int_equal(entity, wg_handle(0));
    assert_int_equal(vec, i ? 0 : 5);
  }
  assert_true(lq_reader_done(&in));
}

LQ_TEST(a_command_is_sent) {
  start(hunt, HUNT, true);
  sends();
}

LQ_TEST(a_command_is_sent_and_handled_in_assemblyscript) {
  static const char *const one[] = {"hunt.send", NULL};
  start(one, "tests/guests/wasm/send_as.wasm", true);
  sends();
  wg_call(&t, LQ_GUEST_COMMAND, WG_MOVE, 1, 1, 2, (lq_span){0});
  lq_guest_reply reply = wg_run(&t);
  if (reply.status) fail_msg("%s", t.text);
  lq_reader in = changes_of(reply);
  assert_int_equal(set_i32(&in, WG_POSITION, 0, 1), 3); /* one step of two from where it stands */
}

LQ_TEST(exports_are_told) {
  wg_game(&t, hunt, true);
  if (!t.cache[0]) wg_folder(&t);
  wg_source(&t, HUNT);
  assert_string_equal(wg_load(&t, NULL),
                      "{\"components\":[],\"systems\":["
                      "{\"name\":\"hunt.collect\",\"file\":\"systems/m.wasm\"},"
                      "{\"name\":\"hunt.columns\",\"file\":\"systems/m.wasm\"},"
                      "{\"name\":\"hunt.keep\",\"file\":\"systems/m.wasm\"},"
                      "{\"name\":\"hunt.fields\",\"file\":\"systems/m.wasm\"},"
                      "{\"name\":\"hunt.send\",\"file\":\"systems/m.wasm\"}],\"commands\":["
                      "{\"name\":\"move\",\"file\":\"systems/m.wasm\"}]}");
}

LQ_TEST(a_declared_system_that_no_module_has_is_told) {
  static const char *const more[] = {"hunt.collect", "hunt.nowhere", NULL};
  wg_game(&t, more, true);
  if (!t.cache[0]) wg_folder(&t);
  wg_source(&t, HUNT);
  assert_non_null(strstr(wg_load(&t, &t.game), "\"error\":\"game.yaml: no module exports a system "
                                               "(f32) -> () called hunt.nowhere\""));
}

LQ_TEST(an_underscore_stands_for_a_dot) {
  static const char *const one[] = {"hunt.collect", NULL};
  wg_game(&t, one, true);
  if (!t.cache[0]) wg_folder(&t);
  wg_text(&t, "(module (func (export \"hunt_collect\") (param f32))"
              " (func (export \"command_move\")))");
  assert_null(strstr(wg_load(&t, &t.game), "error"));
  assert_int_equal(wg_ask(&t, "hunt.collect").status, LQ_GUEST_DONE);
}

LQ_TEST(a_guest_computes_what_c_computes) {
  static const char *const one[] = {"compute", NULL}, *const levels[] = {"-O0", "-O1", "-O2",
                                                                         "-O3"};
  for (int i = 0; i < 4; i++) {
    wg_game(&t, one, false);
    if (!t.cache[0]) wg_folder(&t);
    wg_source_at(&t, "tests/guests/wasm/compute.c", levels[i]);
    assert_null(strstr(wg_load(&t, &t.game), "error"));
    lq_guest_reply reply = wg_ask(&t, "compute");
    if (reply.status) fail_msg("%s", t.text);
    lq_reader in = changes_of(reply);
    for (uint32_t seed = 0; seed < 50; seed++) assert_event(&in, 0, (int32_t)compute(seed));
    assert_true(lq_reader_done(&in));
  }
}

/* ---- hostile modules ---- */
typedef struct attack {
  const char *system;
  lq_guest_status status;
  const char *words;
} attack;

static const attack attacks[] = {
    {"evil.loop", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
    {"evil.loop2", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
    {"evil.work", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
    {"evil.recursion", LQ_GUEST_SPENT, "calls itself too deeply"},
    {"evil.wide", LQ_GUEST_SPENT, "calls itself too deeply"},
    {"evil.mutual", LQ_GUEST_SPENT, "calls itself too deeply"},
    {"evil.grow", LQ_GUEST_RAISED, "reached outside of its memory"},
    {"evil.outside", LQ_GUEST_RAISED, "reached outside of its memory"},
    {"evil.outside64", LQ_GUEST_RAISED, "reached outside of its memory"},
    {"evil.fill", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
    {"evil.fills", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
    {"evil.unreachable", LQ_GUEST_RAISED, "unreachable"},
    {"evil.null", LQ_GUEST_RAISED, "called a function pointer that is none"},
    {"evil.type", LQ_GUEST_RAISED, "called a function pointer that is none"},
    {"evil.beyond", LQ_GUEST_RAISED, "called a function pointer that is none"},
    {"evil.divide", LQ_GUEST_RAISED, "divided by zero"},
    {"evil.overflow", LQ_GUEST_RAISED, "does not fit it"},
    {"evil.convert", LQ_GUEST_RAISED, "does not fit it"},
    {"evil.stale", LQ_GUEST_RAISED, "the entity does not exist"},
    {"evil.forged", LQ_GUEST_RAISED, "the entity does not exist"},
    {"evil.null_entity", LQ_GUEST_RAISED, "the entity does not exist"},
    {"evil.component", LQ_GUEST_RAISED, "no such component or event"},
    {"evil.field", LQ_GUEST_RAISED, "Odd has no such field"},
    {"evil.element", LQ_GUEST_RAISED, "Odd.f: the element is outside the array"},
    {"evil.name", LQ_GUEST_RAISED, "the game has no component rea"},
    {"evil.string", LQ_GUEST_RAISED, "reached outside of its memory"},
    {"evil.into", LQ_GUEST_RAISED, "reached outside of its memory"},
    {"evil.list", LQ_GUEST_RAISED, "reached outside of its memory"},
    {"evil.refuse", LQ_GUEST_RAISED, "only a command's handler can refuse"},
    {"evil.unbegun", LQ_GUEST_RAISED, "no event's row was begun"},
    {"evil.flood", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
    {"evil.unsent", LQ_GUEST_RAISED, "no command's row was begun"},
    {"evil.mixed", LQ_GUEST_RAISED, "no event's row was begun"},
    {"evil.unknown", LQ_GUEST_RAISED, "no such component or event"},
    {"evil.host", LQ_GUEST_RAISED, "only the host sends join"},
    {"evil.sent", LQ_GUEST_RAISED, "move is a command: it can only be sent"},
    {"evil.sends", LQ_GUEST_RAISED, "256 commands are sent in a tick at most"},
    {"evil.creates", LQ_GUEST_RAISED, "the session is full"},
    {"evil.finds", LQ_GUEST_SPENT, "used up its 50,000,000 instructions"},
};
enum { ATTACKS = sizeof attacks / sizeof *attacks };

static void everything_is_as_it_was(void) {
  lq_guest_reply reply = wg_ask(&t, "evil.good");
  if (reply.status) fail_msg("%s", t.text);
  int32_t sum = 0;
  for (const char *text = "treasure.collectedPositionOddp1last"; *text; text++) sum += *text;
  lq_reader in = changes_of(reply);
  assert_event(&in, 0, sum);
  assert_event(&in, 0, 1005);
  assert_true(lq_reader_done(&in));
}

static void evil(void) {
  static const char *systems[ATTACKS + 4];
  uint32_t count = 0;
  systems[count++] = "evil.good";
  systems[count++] = "evil.huge";
  systems[count++] = "evil.nan";
  for (uint32_t i = 0; i < ATTACKS; i++) systems[count++] = attacks[i].system;
  start(systems, "tests/guests/wasm/evil.wat", false);
}

LQ_TEST(what_a_module_must_not_do_ends_its_call_alone) {
  evil();
  everything_is_as_it_was();
  for (uint32_t i = 0; i < ATTACKS; i++) {
    lq_guest_reply reply = wg_ask(&t, attacks[i].system);
    if (reply.status != attacks[i].status || !strstr(t.text, attacks[i].words))
      fail_msg("%s: %u %s", attacks[i].system, reply.status, t.text);
    assert_int_equal(strncmp(t.text, "systems/m.wasm: evil.", 21), 0);
    everything_is_as_it_was();
  }
}

LQ_TEST(memory_grows_to_a_mebibyte_and_no_further) {
  evil();
  lq_guest_reply reply = wg_ask(&t, "evil.huge");
  lq_reader in = changes_of(reply);
  assert_event(&in, 0, -1);
  assert_event(&in, 0, -1);
  assert_event(&in, 0, 1);
  everything_is_as_it_was();
}

LQ_TEST(every_nan_that_is_seen_is_one_nan) {
  evil();
  lq_guest_reply reply = wg_ask(&t, "evil.nan");
  if (reply.status) fail_msg("%s", t.text);
  lq_reader in = changes_of(reply);
  assert_event(&in, 0, 0x7fc00000);
  assert_event(&in, 0, 0x7fc00000);
  assert_event(&in, 0, 0x7ff80000);
  assert_event(&in, 0, 0x3f800000);
  assert_int_equal(set_i32(&in, WG_ODD, 0, 1), 0x7fc00000);
  assert_event(&in, 0, 0x3ff00000);
}

/* ---- modules that are refused ---- */
static void refused(const char *wat, const char *words) {
  char path[LQ_WASM_PATH_BYTES];
  lq_diag diag = {0};
  wg_text(&t, wat);
  assert_int_equal(wg_compile(&t, path, &diag), LQ_ERR_BUILD);
  if (!strstr(diag.message, words)) fail_msg("%s", diag.message);
  assert_int_equal(strncmp(diag.message, "systems/m.wasm: ", 16), 0);
  assert_true(diag.mend[0]);
}

LQ_TEST(what_guests_do_not_have_is_refused_by_name) {
  if (!t.cache[0]) wg_folder(&t);
  refused("(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32))))",
          "imports wasi_snapshot_preview1.fd_write, and guests have no WASI");
  refused("(module (import \"env\" \"abort\" (func)))",
          "imports env.abort, and guests have nothing");
  refused("(module (import \"lq\" \"time\" (func (result i64))))", "lq.time, which does not exist");
  refused("(module (import \"lq\" \"tick\" (func (result i32))))", "lq.tick with other types");
  refused("(module (import \"lq\" \"memory\" (memory 1)))", "lq.memory, which is no function");
  refused("(module (func (drop (v128.const i64x2 1 2))))", "uses SIMD");
  refused("(module (func (local v128)))", "uses SIMD");
  refused("(module (memory 17))", "more than 1 MiB of memory");
  refused("(module (memory 1) (data \"passive\"))", "passive data");
  refused("(module (table 5000 funcref))", "more than 4,096 functions");
  refused("(module (table 1 externref))", "table");
  refused("(module (func (result i32 i32) (i32.const 1) (i32.const 1)))", "more than one value");
  refused("(module (table 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func))))", "table");
}

LQ_TEST(a_module_that_is_damaged_is_refused) {
  if (!t.cache[0]) wg_folder(&t);
  wg_source(&t, HUNT);
  char path[LQ_WASM_PATH_BYTES];
  lq_diag diag = {0};
  t.wasm_bytes -= 7;
  assert_int_equal(wg_compile(&t, path, &diag), LQ_ERR_BUILD);
  t.wasm[0] = 'x';
  assert_int_equal(wg_compile(&t, path, &diag), LQ_ERR_BUILD);
  assert_string_equal(diag.message, "systems/m.wasm: it is no WebAssembly module of version 1");
}

/* ---- what runs before the first call ---- */
static void fails_to_load(const char *wat, const char *words) {
  static const char *const none[] = {NULL};
  wg_game(&t, none, false);
  if (!t.cache[0]) wg_folder(&t);
  wg_text(&t, wat);
  const char *json = wg_load(&t, &t.game);
  if (!strstr(json, words)) fail_msg("%s", json);
}

LQ_TEST(a_start_function_has_no_more_than_a_call) {
  fails_to_load("(module (func $s (loop $l (br $l))) (start $s))", "used up its 50,000,000");
  fails_to_load("(module (import \"lq\" \"tick\" (func $t (result i64)))"
                " (func $s (drop (call $t))) (start $s))",
                "cannot be seen from a start function");
  fails_to_load("(module (func $s unreachable) (start $s))", "unreachable");
  fails_to_load("(module (memory 1) (data (i32.const 65530) \"beyond it\"))",
                "outside of its memory");
  fails_to_load("(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))",
                "outside of its memory");
  fails_to_load("(module (func (export \"lq_state\") (result i32) (i32.const 0)))", "needs both");
  fails_to_load("(module (memory 1) (func (export \"lq_state\") (result i32) (i32.const 65530))"
                " (func (export \"lq_state_bytes\") (result i32) (i32.const 8)))",
                "lq_state: longer than 4,096 bytes, or outside");
}

LQ_TEST(what_a_start_function_left_is_where_every_call_begins) {
  static const char *const one[] = {"a", NULL};
  wg_game(&t, one, false);
  if (!t.cache[0]) wg_folder(&t);
  wg_text(&t, "(module (memory 1) (global $g (mut i32) (i32.const 0))"
              " (func $s (global.set $g (i32.const 3)) (i32.store (i32.const 40) (i32.const 4)))"
              " (start $s)"
              " (func (export \"a\") (param f32)"
              "  (if (i32.ne (global.get $g) (i32.const 3)) (then unreachable))"
              "  (if (i32.ne (i32.load (i32.const 40)) (i32.const 4)) (then unreachable))"
              "  (global.set $g (i32.const 9)) (i32.store (i32.const 40) (i32.const 9))))");
  assert_null(strstr(wg_load(&t, &t.game), "error"));
  for (int i = 0; i < 3; i++) assert_int_equal(wg_ask(&t, "a").status, LQ_GUEST_DONE);
}

/* ---- the cache ---- */
LQ_TEST(a_library_is_compiled_once_and_again_when_damaged) {
  if (!t.cache[0]) wg_folder(&t);
  wg_text(&t, "(module (func (export \"once\") (param f32)))");
  char first[LQ_WASM_PATH_BYTES], again[LQ_WASM_PATH_BYTES];
  lq_diag diag = {0};
  assert_ok(wg_compile(&t, first, &diag));
  uint8_t *data;
  size_t bytes;
  assert_ok(lq_file_read(first, 1 << 24, &data, &bytes));
  assert_ok(lq_file_write(first, lq_span_of(data, bytes - 100)));
  assert_ok(wg_compile(&t, again, &diag));
  assert_string_equal(first, again);
  uint8_t *mended;
  size_t mended_bytes;
  assert_ok(lq_file_read(first, 1 << 24, &mended, &mended_bytes));
  assert_int_equal(mended_bytes, bytes);
  assert_memory_equal(mended, data, bytes);
  lq_file_free(data);
  lq_file_free(mended);
}

LQ_TEST(a_missing_tool_is_told_and_not_missed_when_the_library_is_there) {
  if (!t.cache[0]) wg_folder(&t);
  wg_text(&t, "(module (func (export \"tools\") (param f32)))");
  char path[LQ_WASM_PATH_BYTES], again[LQ_WASM_PATH_BYTES];
  lq_diag diag = {0};
  lq_wasm_module module;
  lq_span wasm = lq_span_of(t.wasm, t.wasm_bytes);
  assert_int_equal(lq_wasm_compile(wasm, "m", t.cache, "no-such-cc", path, &module, &diag),
                   LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "the C compiler does not run here"));
  assert_ok(wg_compile(&t, path, &diag));
  assert_ok(lq_wasm_compile(wasm, "m", t.cache, "no-such-cc", again, &module, &diag));
  assert_string_equal(path, again);
}
