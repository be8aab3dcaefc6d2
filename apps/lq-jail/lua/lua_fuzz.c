/* Sources that nobody reviewed: any bytes are loaded, and what they declare is called. Whatever
 * happens, it ends, the reply has its form, and the same call gives the same reply. */
#include "apps/lq-jail/lua/lua_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static lt_setup t;

static bool loaded(lq_span text) {
  lq_guest_file file = {lq_span_text("systems/f.lua"), text};
  lq_writer out = lq_writer_of(t.json, sizeof t.json - 1);
  lq_lua_load(t.lua, &t.f.game, &file, 1, &out);
  t.json[out.bytes] = 0;
  return strncmp(t.json, "{\"error\"", 8) != 0;
}

static void called(uint32_t index, const void *body) {
  static uint8_t first[1 << 16];
  for (int round = 0; round < 2; round++) {
    lt_write(&t, (lt_world){2, 2}, index, UINT64_MAX, (lq_span){0}, body);
    (void)lt_answer(&t);
    size_t bytes = t.said.bytes < sizeof first ? t.said.bytes : sizeof first;
    if (round == 0)
      memcpy(first, t.reply, bytes);
    else
      LQ_CHECK(memcmp(first, t.reply, bytes) == 0);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (!t.lua) {
    const char *why = "";
    lq_lua_options options = {.steps_max = 100000, .memory_bytes = 2 << 20};
    lt_game(&t);
    t.lua = lq_lua_open(&options, &why);
    LQ_CHECK(t.lua);
  }
  if (!loaded(lq_span_of(data, bytes))) return 0;
  for (uint32_t i = 0; i < t.f.game.system_count; i++) called(i, NULL);
  uint64_t row[3] = {lt_handle(0).bits, 1, 0};
  called(FX_MOVE, row);
  return 0;
}
