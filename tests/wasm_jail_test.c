/* Hostile modules in the real process, shut in: it answers as the runtime does without a sandbox,
 * and lives on. */
#include "lq_host/jail.h"
#include "tests/lq_test.h"
#include "tests/wasm_guest_testing.h"

static wg_setup t;
static lq_jail *jail;
static uint8_t *memory;

static lq_guest_message receive(lq_guest_say want) {
  lq_guest_message message = {0};
  size_t bytes = 0;
  bool is_there = lq_jail_wait(jail, 30000000);
  lq_err err = is_there ? lq_jail_receive(jail, &message, sizeof message, &bytes) : LQ_ERR_IDLE;
  if (err || message.say != (uint32_t)want)
    fail_msg("%s: %s", lq_err_name(err), lq_jail_words(jail));
  return message;
}
static void say(lq_guest_say what, size_t bytes) {
  lq_guest_message message = {.say = (uint32_t)what, .bytes = (uint32_t)bytes};
  assert_ok(lq_jail_send(jail, lq_span_of(&message, sizeof message)));
}

static void load(void) {
  lq_writer out = lq_writer_of(memory, LQ_GUEST_CALL_BYTES_MAX);
  lq_writer game = lq_writer_of(t.again, sizeof t.again);
  assert_ok(lq_game_encode(&t.game, &game));
  lq_write_sized(&out, game.data, game.bytes);
  lq_write_varint(&out, 1);
  lq_write_sized(&out, "systems/m.wasm", 14);
  lq_write_sized(&out, t.wasm, t.wasm_bytes);
  assert_false(out.failed);
  say(LQ_GUEST_LOAD, out.bytes);
  lq_guest_message loaded = receive(LQ_GUEST_LOADED);
  memory[LQ_GUEST_CALL_BYTES_MAX + loaded.bytes] = 0;
  const char *json = (const char *)memory + LQ_GUEST_CALL_BYTES_MAX;
  if (strstr(json, "\"error\"")) fail_msg("%s", json);
}

LQ_TEST(a_shut_in_process_answers_every_attack_and_lives_on) {
  static const char *systems[WG_SYSTEMS];
  static uint8_t room[1 << 20];
  lq_wasm_module module;
  lq_writer out = lq_writer_of(room, sizeof room);
  wg_folder(&t);
  wg_source(&t, "tests/guests/wasm/evil.wat");
  assert_ok(lq_wasm_meter(lq_span_of(t.wasm, t.wasm_bytes), true, &module, &out, NULL));
  for (uint32_t i = 0; i < module.export_count; i++) systems[i] = module.export[i].name;
  wg_game(&t, systems, false);
  wg_folder(&t);
  wg_source(&t, "tests/guests/wasm/evil.wat");
  assert_null(strstr(wg_load(&t, &t.game), "\"error\""));

  lq_diag diag = {0};
  const char *argv[] = {LQ_JAIL_WASM, t.arguments[0], NULL};
  lq_err err = lq_jail_open(argv, (size_t)LQ_GUEST_SLOTS * LQ_GUEST_SLOT_BYTES, &jail, &diag);
  if (err) fail_msg("%s", diag.message);
  memory = lq_jail_memory(jail);
  (void)receive(LQ_GUEST_READY);
  load();
  for (uint32_t s = 0; s < module.export_count; s++) {
    lq_guest_reply want = wg_ask(&t, t.system[s].name);
    memcpy(memory, t.call, t.call_bytes);
    say(LQ_GUEST_ASK, t.call_bytes);
    lq_guest_message answer = receive(LQ_GUEST_ANSWER);
    assert_int_equal(answer.bytes, want.bytes);
    assert_memory_equal(memory + LQ_GUEST_CALL_BYTES_MAX, t.reply, want.bytes);
  }
  lq_jail_close(jail);
}
