/* A small hunt, calls of it by the text of wire.h, and modules on their way from source to runtime:
 * for the tests and the bench of WebAssembly guests. */
#ifndef LQ_TESTS_WASM_GUEST_TESTING_H
#define LQ_TESTS_WASM_GUEST_TESTING_H

#include "apps/lq-jail/wasm/wasm.h"
#include "lq_host/host.h"
#include "lq_service/guest/wasm.h"

#include <stdio.h>
#include <stdlib.h>

enum { WG_POSITION, WG_PLAYER, WG_TREASURE, WG_ODD, WG_COMPONENTS };
enum { WG_MOVE = LQ_CMD_BUILTIN_COUNT, WG_COMMANDS };
enum { WG_CALL_BYTES = 1 << 20, WG_SYSTEMS = 64, WG_REPLY_BYTES = LQ_GUEST_REPLY_BYTES_MAX };

typedef struct wg_setup {
  lq_component component[WG_COMPONENTS];
  lq_command_type command[WG_COMMANDS];
  lq_event_type event[1];
  lq_system_type system[WG_SYSTEMS];
  lq_constant constant[1];
  lq_game game;
  _Alignas(8) uint8_t call[WG_CALL_BYTES];
  _Alignas(8) uint8_t again[WG_CALL_BYTES]; /* a call is written into: runs get copies */
  _Alignas(8) uint8_t reply[WG_REPLY_BYTES];
  size_t call_bytes;
  lq_guest_view view;
  char cache[64];
  char arguments[4][LQ_WASM_PATH_BYTES + 64];
  uint8_t *wasm;
  size_t wasm_bytes;
  uint8_t json[64 << 10];
  char text[2048]; /* of the last reply */
} wg_setup;

static inline void wg_field(lq_record *record, const char *name, lq_field_kind kind, uint16_t str,
                            uint16_t count) {
  lq_field *field = &record->field[record->field_count++];
  *field = (lq_field){.kind = (uint8_t)kind, .str_bytes = str, .count = count};
  LQ_CHECK(lq_text_copy(field->name, sizeof field->name, lq_span_text(name)));
  if (kind == LQ_FIELD_MONEY) memcpy(field->currency, "EUR", 4);
}
static inline void wg_name(lq_record *record, const char *name) {
  LQ_CHECK(lq_text_copy(record->name, sizeof record->name, lq_span_text(name)));
}

static inline void wg_records(wg_setup *t) {
  static const char *const names[] = {"Position", "PlayerTag", "TreasureTag", "Odd"};
  for (uint32_t i = 0; i < WG_COMPONENTS; i++) {
    wg_name(&t->component[i].record, names[i]);
    t->component[i].version = 1;
  }
  wg_field(&t->component[WG_POSITION].record, "x", LQ_FIELD_I32, 0, 1);
  wg_field(&t->component[WG_POSITION].record, "y", LQ_FIELD_I32, 0, 1);
  lq_record *odd = &t->component[WG_ODD].record;
  wg_field(odd, "f", LQ_FIELD_F32, 0, 1);
  wg_field(odd, "money", LQ_FIELD_MONEY, 0, 1);
  wg_field(odd, "flag", LQ_FIELD_BOOL, 0, 1);
  wg_field(odd, "name", LQ_FIELD_STR, 12, 1);
  wg_field(odd, "list", LQ_FIELD_I32, 0, 3);
  wg_field(odd, "who", LQ_FIELD_ENTITY, 0, 1);
  lq_game_builtins(t->command);
  lq_command_type *move = &t->command[WG_MOVE];
  wg_name(&move->record, "move");
  move->entity_field = 0;
  move->guest = LQ_GUEST_WASM;
  wg_field(&move->record, "entity", LQ_FIELD_ENTITY, 0, 1);
  wg_field(&move->record, "vec", LQ_FIELD_I32, 0, 3);
  wg_name(&t->event[0].record, "treasure.collected");
  wg_field(&t->event[0].record, "player", LQ_FIELD_ENTITY, 0, 1);
  wg_field(&t->event[0].record, "value", LQ_FIELD_I32, 0, 1);
  t->event[0].about = 0;
}

/* systems: their names, NULL at the end. has_move: the module handles the command. */
static inline void wg_game(wg_setup *t, const char *const *systems, bool has_move) {
  memset(t, 0, offsetof(wg_setup, call));
  wg_records(t);
  if (!has_move) t->command[WG_MOVE].guest = LQ_GUEST_NATIVE;
  uint32_t count = 0;
  for (; systems[count]; count++) {
    lq_system_type *system = &t->system[count];
    LQ_CHECK(lq_text_copy(system->name, sizeof system->name, lq_span_text(systems[count])));
    *system = (lq_system_type){.tick_order = 50, .guest = LQ_GUEST_WASM, .reads = 15, .writes = 15};
    LQ_CHECK(lq_text_copy(system->name, sizeof system->name, lq_span_text(systems[count])));
  }
  memcpy(t->constant[0].name, "chests", 7);
  t->constant[0].value = 1;
  lq_game *game = &t->game;
  *game = (lq_game){.hz = 20, .entities_max = 4096, .players_max = 8, .confirm = true};
  memcpy(game->name, "hunt", 5);
  memcpy(game->version, "1.0.0", 6);
  game->schema = (lq_schema){.component_count = WG_COMPONENTS, .component = t->component};
  game->command_count = WG_COMMANDS;
  game->event_count = game->constant_count = 1;
  game->system_count = count;
  game->command = t->command;
  game->event = t->event;
  game->system = t->system;
  game->constant = t->constant;
  lq_diag diag = {0};
  lq_err err = lq_game_seal(game, &diag);
  if (err) (void)fprintf(stderr, "%s\n", diag.message);
  LQ_CHECK(err == LQ_OK);
}

static inline uint32_t wg_system(const wg_setup *t, const char *name) {
  for (uint32_t i = 0; i < t->game.system_count; i++)
    if (strcmp(t->system[i].name, name) == 0) return i;
  LQ_CHECK(false);
  return 0;
}

/* ---- calls ---- */
static inline uint32_t wg_room(lq_writer *out, size_t bytes) {
  while (out->bytes % 8) lq_write_u8(out, 0);
  uint32_t at = (uint32_t)out->bytes;
  uint8_t *room = lq_write_room(out, bytes);
  LQ_CHECK(room);
  memset(room, 0, bytes);
  return at;
}
static inline uint64_t wg_handle(uint32_t row) { return (uint64_t)(3 + row) << 32 | (row + 1); }

/* Rows: p1..pN (Position, PlayerTag; p1 has an Odd and owner 1), then t1..tN (Position,
 * TreasureTag). Player i is at (i, 0), treasure i at (i * step, 0). */
static inline void wg_call(wg_setup *t, lq_guest_kind kind, uint32_t index, uint32_t players,
                           uint32_t treasures, int32_t step, lq_span state) {
  lq_writer out = lq_writer_of(t->call, sizeof t->call);
  uint32_t rows = players + treasures, words = (rows + 63) / 64 * 8;
  lq_guest_call head = {.magic = LQ_GUEST_CALL_MAGIC, .version = LQ_GUEST_WIRE, .kind = kind};
  head.index = index;
  head.tick = 7;
  head.tick_us = 50000;
  head.row_count = rows;
  head.column_count = WG_COMPONENTS;
  head.actor = kind == LQ_GUEST_COMMAND;
  lq_prng_seed(&head.prng, 42);
  (void)wg_room(&out, sizeof head);
  head.live_at = wg_room(&out, words);
  head.entity_at = wg_room(&out, rows * sizeof(lq_guest_entity));
  head.id_at = wg_room(&out, (size_t)rows * LQ_ID_BYTES);
  head.column_at = wg_room(&out, WG_COMPONENTS * sizeof(lq_guest_column));
  for (uint32_t type = 0; type < WG_COMPONENTS; type++) {
    uint32_t row_bytes = t->component[type].record.row_bytes;
    lq_guest_column c = {type, row_bytes, wg_room(&out, words), 0};
    if (row_bytes) c.rows_at = wg_room(&out, (size_t)row_bytes * rows);
    memcpy(t->call + head.column_at + type * sizeof c, &c, sizeof c);
    for (uint32_t row = 0; row < rows; row++) {
      bool player = row < players;
      bool has = type == WG_POSITION || (type == WG_PLAYER && player) ||
                 (type == WG_TREASURE && !player) || (type == WG_ODD && row == 0);
      if (has) t->call[c.has_at + row / 8] |= (uint8_t)(1u << row % 8);
      int32_t at[2] = {player ? (int32_t)row + 1 : (int32_t)(row - players + 1) * step, 0};
      if (type == WG_POSITION) memcpy(t->call + c.rows_at + row * row_bytes, at, sizeof at);
    }
  }
  for (uint32_t row = 0; row < rows; row++) {
    lq_guest_entity e = {3 + row, row == 0, 0};
    memcpy(t->call + head.entity_at + row * sizeof e, &e, sizeof e);
    t->call[head.live_at + row / 8] |= (uint8_t)(1u << row % 8);
    char *id = (char *)t->call + head.id_at + row * LQ_ID_BYTES;
    (void)snprintf(id, LQ_ID_BYTES, "%c%u", row < players ? 'p' : 't',
                   row < players ? row + 1 : row - players + 1);
  }
  head.state_bytes = (uint32_t)state.bytes;
  head.state_at = wg_room(&out, state.bytes);
  if (state.bytes) memcpy(t->call + head.state_at, state.data, state.bytes);
  if (kind == LQ_GUEST_COMMAND) {
    head.body_bytes = t->command[index].record.row_bytes;
    head.body_at = wg_room(&out, head.body_bytes);
    uint64_t who = wg_handle(0);
    int32_t vec[3] = {step, 0, 0};
    memcpy(t->call + head.body_at, &who, 8);
    memcpy(t->call + head.body_at + 8, vec, sizeof vec);
  }
  head.bytes = (uint32_t)out.bytes;
  memcpy(t->call, &head, sizeof head);
  t->call_bytes = out.bytes;
}

/* Runs the call; the reply's status, its text in t->text. */
static inline lq_guest_reply wg_run(wg_setup *t) {
  memcpy(t->again, t->call, t->call_bytes);
  LQ_CHECK(lq_guest_view_begin(&t->view, &t->game, t->again, t->call_bytes, t->reply,
                               sizeof t->reply) == LQ_OK);
  lq_guest_reply reply;
  size_t bytes = lq_runtime_wasm.call(&t->view);
  memcpy(&reply, t->reply, sizeof reply);
  LQ_CHECK(reply.magic == LQ_GUEST_REPLY_MAGIC && reply.bytes == bytes);
  uint32_t n = reply.text_bytes < sizeof t->text ? reply.text_bytes : sizeof t->text - 1;
  memcpy(t->text, t->reply + bytes - reply.text_bytes, n);
  t->text[n] = 0;
  return reply;
}
static inline lq_guest_reply wg_ask(wg_setup *t, const char *system) {
  wg_call(t, LQ_GUEST_SYSTEM, wg_system(t, system), 1, 1, 1, (lq_span){0});
  return wg_run(t);
}

/* ---- modules ---- */
static char wg_folders[4][64];
static inline void wg_folders_remove(void) {
  for (uint32_t i = 0; i < 4 && wg_folders[i][0]; i++) {
    const char *const argv[] = {"rm", "-rf", "--", wg_folders[i], NULL};
    uint8_t words[256];
    lq_writer out = lq_writer_of(words, sizeof words);
    int status;
    if (lq_process_run(argv, 60000, &out, &status)) return;
  }
}
/* A folder for libraries, which goes with the process. */
static inline void wg_folder(wg_setup *t) {
  uint32_t i = 0;
  while (wg_folders[i][0]) i++;
  if (i == 0) (void)atexit(wg_folders_remove);
  (void)snprintf(wg_folders[i], sizeof wg_folders[i], "/tmp/lq-wasm-XXXXXX");
  LQ_CHECK(i < 3 && mkdtemp(wg_folders[i]));
  memcpy(t->cache, wg_folders[i], sizeof t->cache);
}
/* Runs a tool; its words on stderr when it fails. */
static inline bool wg_tool(const char *const *argv) {
  uint8_t words[4096];
  lq_writer out = lq_writer_of(words, sizeof words);
  int status = 0;
  lq_err err = lq_process_run(argv, 60000, &out, &status);
  if (err || status) (void)fprintf(stderr, "%.*s\n", (int)out.bytes, (const char *)words);
  return !err && status == 0;
}
/* source: a .wat, .c or .wasm below the repository. Its module in t->wasm. */
static inline void wg_source_at(wg_setup *t, const char *source, const char *level) {
  char out[128];
  (void)snprintf(out, sizeof out, "%s/module.wasm", t->cache);
  const char *const wat[] = {"wat2wasm", source, "-o", out, NULL};
  const char *const c[] = {"clang-19",
                           "--target=wasm32",
                           level,
                           "-nostdlib",
                           "-ffreestanding",
                           "-mbulk-memory",
                           "-Wall",
                           "-Wextra",
                           "-Werror",
                           "-Wl,--no-entry",
                           "-Wl,--stack-first",
                           "-Wl,-z,stack-size=16384",
                           "-o",
                           out,
                           source,
                           NULL};
  const char *const copy[] = {"cp", source, out, NULL};
  LQ_CHECK(wg_tool(strstr(source, ".wasm") ? copy : strstr(source, ".wat") ? wat : c));
  lq_file_free(t->wasm);
  LQ_CHECK(lq_file_read(out, LQ_WASM_BYTES_MAX * 2, &t->wasm, &t->wasm_bytes) == LQ_OK);
}
static inline void wg_source(wg_setup *t, const char *source) { wg_source_at(t, source, "-O2"); }
static inline void wg_text(wg_setup *t, const char *wat) {
  char path[128];
  (void)snprintf(path, sizeof path, "%s/module.wat", t->cache);
  LQ_CHECK(lq_file_write(path, lq_span_text(wat)) == LQ_OK);
  wg_source(t, path);
}
static inline lq_err wg_compile(wg_setup *t, char path[LQ_WASM_PATH_BYTES], lq_diag *diag) {
  lq_wasm_module module;
  return lq_wasm_compile(lq_span_of(t->wasm, t->wasm_bytes), "systems/m.wasm", t->cache, "gcc",
                         path, &module, diag);
}
/* Compiles and starts t->wasm; what LQ_GUEST_LOADED would say. */
static inline const char *wg_load(wg_setup *t, const lq_game *game) {
  char path[LQ_WASM_PATH_BYTES];
  lq_diag diag = {0};
  lq_err err = wg_compile(t, path, &diag);
  if (err) (void)fprintf(stderr, "%s (%s)\n", diag.message, diag.mend);
  LQ_CHECK(err == LQ_OK);
  (void)snprintf(t->arguments[0], sizeof t->arguments[0], "systems/m.wasm=%s", path);
  char *argv[] = {t->arguments[0], NULL};
  LQ_CHECK(lq_runtime_wasm.start(1, argv));
  lq_guest_file file = {lq_span_text("systems/m.wasm"), lq_span_of(t->wasm, t->wasm_bytes)};
  lq_writer out = lq_writer_of(t->json, sizeof t->json - 1);
  lq_runtime_wasm.load(game, &file, 1, &out);
  t->json[out.bytes] = 0;
  return (const char *)t->json;
}

#endif
