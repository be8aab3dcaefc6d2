#include "apps/wasm/lq_wasm.h"

#include "lq_base/hash.h"
#include "lq_engine/net/message.h"

enum { BOUND_BYTES = 64 << 10, OUT_BYTES_MIN = 64 << 10 };

/* Of the game's systems; a game without C code has none. */
__attribute__((weak)) const lq_module *lq_game_module(void);

typedef struct instance {
  lq_game *game;
  void *memory; /* of the session */
  size_t bytes;
  lq_session *session; /* NULL: none */
  lq_writer room, out;
  /* The guests' answers of the tick under way, in their order: bytes (u64), then the reply. */
  lq_writer answers;
  uint32_t answer_count, asked; /* asked: lq_guest_language; 0: nobody */
  uint64_t digest;              /* of the tick that they are of */
  lq_diag diag;
} instance;

static instance it; /* one per instance of the module */

static lq_err fail(lq_err err, const char *text) {
  return lq_diag_set(&it.diag, err, "%s", text ? text : lq_err_cause(err));
}

/* Makes room for `bytes`; the old content is not kept. */
static bool grow(lq_writer *buffer, size_t bytes) {
  if (bytes <= buffer->capacity) return true;
  size_t capacity = buffer->capacity ? buffer->capacity : OUT_BYTES_MIN;
  while (capacity < bytes) capacity *= 2;
  void *memory = lq_wasm_memory(capacity);
  if (!memory) return false;
  *buffer = lq_writer_of(memory, capacity);
  return true;
}

uint32_t lq_wasm_abi(void) { return LQ_ABI_VERSION; }

uint8_t *lq_wasm_room(uint32_t bytes) {
  return bytes <= LQ_GAME_BYTES_MAX * 8 && grow(&it.room, bytes) ? it.room.data : NULL;
}

const uint8_t *lq_wasm_out(void) { return it.out.data; }
uint32_t lq_wasm_out_bytes(void) { return (uint32_t)it.out.bytes; }

/* ---- guests ---- */

static lq_span answer_at(uint32_t ordinal) {
  const uint8_t *at = it.answers.data;
  for (uint64_t bytes;; at += 8 + ((bytes + 7) & ~7ull)) {
    memcpy(&bytes, at, 8);
    if (ordinal-- == 0) return lq_span_of(at + 8, (size_t)bytes);
  }
}

/* What has been answered; else the question goes out, and the tick is undone. */
static lq_guest_turn ask(void *context, const lq_guest_ask *q, lq_span *reply, const char **why) {
  (void)context;
  *why = "";
  if (q->digest != it.digest) it.answers.bytes = it.answer_count = 0; /* it is another tick */
  it.digest = q->digest;
  if (q->ordinal < it.answer_count) {
    *reply = answer_at(q->ordinal);
    return LQ_GUEST_REPLIED;
  }
  *why = "what it sees has no room here";
  if (!grow(&it.out, lq_guest_ask_bytes(q))) return LQ_GUEST_FAILED;
  it.out = lq_writer_of(it.out.data, it.out.capacity);
  if (lq_guest_ask_write(q, &it.out) || it.out.failed) return LQ_GUEST_FAILED;
  it.asked = q->guest;
  return LQ_GUEST_WAITS;
}

static const lq_guest_port port = {NULL, ask};

static bool answer_keep(uint32_t bytes) {
  static const uint8_t zeros[8];
  size_t padded = ((size_t)bytes + 7) & ~(size_t)7;
  lq_writer kept = it.answers;
  if (!grow(&it.answers, kept.bytes + 8 + padded)) return false;
  if (it.answers.data != kept.data) lq_write_bytes(&it.answers, kept.data, kept.bytes);
  lq_write_u64(&it.answers, bytes);
  lq_write_bytes(&it.answers, it.room.data, bytes);
  lq_write_bytes(&it.answers, zeros, padded - bytes);
  it.answer_count++;
  return true;
}

uint32_t lq_wasm_asked(void) { return it.asked; }

/* ---- game and session ---- */

lq_err lq_wasm_game(uint32_t bytes) {
  if (it.game) return fail(LQ_ERR_EXISTS, "this instance has a game already");
  if (bytes > it.room.capacity) return fail(LQ_ERR_RANGE, NULL);
  lq_span encoded = lq_span_of(it.room.data, bytes);
  size_t arena_bytes = lq_game_arena_bytes(encoded) + BOUND_BYTES;
  uint8_t *own = lq_wasm_memory(bytes + arena_bytes); /* the game may borrow from its bytes */
  if (!own) return fail(LQ_ERR_MEMORY, NULL);
  if (bytes) memcpy(own + arena_bytes, encoded.data, bytes);
  lq_arena arena = lq_arena_of(own, arena_bytes);
  lq_game *game;
  lq_err err = lq_game_decode(lq_span_of(own + arena_bytes, bytes), &arena, &game, &it.diag);
  if (!err) err = lq_game_bind(game, lq_game_module ? lq_game_module() : NULL, &arena, &it.diag);
  if (err) return it.diag.code == err ? err : fail(err, NULL);
  it.game = game;
  return LQ_OK;
}

/* Zeroed memory for a session, always the same. */
static lq_err session_memory(void) {
  it.session = NULL;
  it.asked = it.answer_count = 0;
  it.digest = 0;
  it.answers.bytes = 0;
  if (!it.game) return fail(LQ_ERR_NOT_FOUND, "there is no game yet");
  if (it.memory) {
    memset(it.memory, 0, it.bytes);
    return LQ_OK;
  }
  it.bytes = lq_session_bytes(it.game);
  it.memory = lq_wasm_memory(it.bytes);
  return it.memory ? LQ_OK : fail(LQ_ERR_MEMORY, NULL);
}

lq_err lq_wasm_start(uint64_t seed) {
  lq_err err = session_memory();
  if (err) return err;
  err = lq_session_init(it.memory, it.bytes, it.game, seed, &it.session);
  if (!err) lq_session_guests(it.session, &port);
  return err ? fail(err, NULL) : LQ_OK;
}

lq_err lq_wasm_load(uint32_t bytes) {
  lq_err err = session_memory();
  if (err) return err;
  if (bytes > it.room.capacity) return fail(LQ_ERR_RANGE, NULL);
  lq_span saved = lq_span_of(it.room.data, bytes);
  err = lq_session_load(it.memory, it.bytes, it.game, saved, &it.session);
  if (!err) lq_session_guests(it.session, &port);
  return err ? fail(err, NULL) : LQ_OK;
}

static lq_err no_session(void) { return fail(LQ_ERR_NOT_FOUND, "there is no session yet"); }

static lq_err tick(void) {
  lq_tick_result result;
  lq_err err = LQ_OK;
  it.asked = 0;
  lq_session_tick(it.session, NULL, &result);
  if (result.state == LQ_TICK_WAITS) return fail(LQ_ERR_BUSY, "a guest is asked");
  if (result.state) return fail(LQ_ERR_GUEST, result.guest_why);
  for (uint32_t i = 0; i < result.applied_count; i++)
    if (result.applied[i].type == LQ_CMD_RELEASE && !result.applied[i].outcome)
      err = fail(LQ_ERR_UNSUPPORTED, "the session goes over to another release, another module");
  return err;
}

lq_err lq_wasm_tick(uint32_t bytes) {
  if (!it.session) return no_session();
  if (it.asked) return fail(LQ_ERR_EXISTS, "a tick waits for its guest: answer, or load");
  if (bytes > it.room.capacity) return fail(LQ_ERR_RANGE, NULL);
  lq_err err = bytes ? lq_session_replay_tick(it.session, lq_span_of(it.room.data, bytes)) : LQ_OK;
  return err ? fail(err, "these are no commands of a tick") : tick();
}

lq_err lq_wasm_answer(uint32_t bytes) {
  if (!it.session) return no_session();
  if (!it.asked) return fail(LQ_ERR_NOT_FOUND, "no guest is asked");
  if (bytes > it.room.capacity) return fail(LQ_ERR_RANGE, NULL);
  return answer_keep(bytes) ? tick() : fail(LQ_ERR_MEMORY, NULL);
}

/* ---- what comes out ---- */

lq_err lq_wasm_save(void) {
  if (!it.session) return no_session();
  if (!grow(&it.out, lq_session_save_bytes(it.session))) return fail(LQ_ERR_MEMORY, NULL);
  it.out = lq_writer_of(it.out.data, it.out.capacity);
  lq_err err = lq_session_save(it.session, &it.out);
  return err ? fail(err, NULL) : LQ_OK;
}

lq_err lq_wasm_state(void) {
  const lq_viewer everything = {.all = true};
  if (!it.session) return no_session();
  size_t bytes = OUT_BYTES_MIN;
  do {
    if (!grow(&it.out, bytes)) return fail(LQ_ERR_MEMORY, NULL);
    it.out = lq_writer_of(it.out.data, it.out.capacity);
    lq_message_state_object(it.session, &everything, &it.out);
    bytes = it.out.capacity * 2;
  } while (it.out.failed);
  return LQ_OK;
}

uint64_t lq_wasm_tick_number(void) { return it.session ? lq_session_tick_number(it.session) : 0; }
uint64_t lq_wasm_hash(void) { return it.session ? lq_session_hash(it.session) : 0; }

const char *lq_wasm_error_text(void) { return it.diag.message; }
const char *lq_wasm_error_name(void) { return lq_err_name(it.diag.code); }
const char *lq_wasm_panic_text(void) { return lq_wasm_last_words(); }
