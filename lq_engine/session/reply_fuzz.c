/* Any bytes as the reply of a guest: the tick is done, or undone to the bit with words that are
 * UTF-8. What is done is sound, saves, and is done again by a session that gets the same bytes.
 * Input: u8 who is asked (bit 0: a handler) and whether the head is put right (bit 1), the reply.
 */
#include "lq_engine/session/session_guest_testing.h"

enum { INPUT_MAX = 1 << 16, SAVE_BYTES = 1 << 19 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static fixture fx;
static uint8_t code[8192], reply[INPUT_MAX], nothing[64];
static lq_span given, none;
static uint32_t kind;
static uint8_t start[SAVE_BYTES], one[SAVE_BYTES], two[SAVE_BYTES];
static lq_span start_save;
static void *memory[2];
static size_t memory_bytes;

static lq_guest_turn ask(void *context, const lq_guest_ask *asked, lq_span *out, const char **why) {
  (void)context, (void)why;
  bool mine =
      asked->kind == kind && (kind == LQ_GUEST_COMMAND || !strcmp(tg_name(asked), "hunt.credit"));
  *out = mine ? given : none;
  return LQ_GUEST_REPLIED;
}
static const lq_guest_port port = {NULL, ask};

static lq_span save(const lq_session *s, uint8_t *to) {
  lq_writer out = lq_writer_of(to, SAVE_BYTES);
  LQ_CHECK(lq_session_save(s, &out) == LQ_OK);
  return lq_writer_span(&out);
}

static void ready(void) {
  if (memory[0]) return;
  lq_arena arena = lq_arena_of(code, sizeof code);
  lq_diag diag = {0};
  tg_fixture(&fx, &arena, TG_ALL_SYSTEMS, TG_ALL_COMMANDS & ~(1u << LQ_CMD_JOIN));
  for (uint32_t i = 0; i < 4; i++) fx.system[i].writes &= ~FX_M(FX_PURSE);
  fx.game.entities_max = 64;
  LQ_CHECK(lq_game_seal(&fx.game, &diag) == LQ_OK);
  for (uint32_t i = 0; i < 2; i++) memory[i] = fixture_block(&fx.game, &memory_bytes);
  lq_session *s;
  lq_tick_result r;
  none = tg_reply(nothing, LQ_GUEST_DONE, 0, (lq_span){0}, (lq_span){0}, "");
  given = none;
  LQ_CHECK(lq_session_init(memory[0], memory_bytes, &fx.game, 1, &s) == LQ_OK);
  lq_session_guests(s, &port);
  LQ_CHECK(fx_join(s, "p1", "red", 1) == LQ_OK && fx_join(s, "p2", "", 2) == LQ_OK);
  lq_session_tick(s, NULL, &r);
  LQ_CHECK(r.state == LQ_TICK_DONE);
  start_save = save(s, start);
}

static lq_session *open_session(uint32_t at) {
  lq_session *s;
  memset(memory[at], 0, memory_bytes);
  LQ_CHECK(lq_session_load(memory[at], memory_bytes, &fx.game, start_save, &s) == LQ_OK);
  lq_session_guests(s, &port);
  return s;
}

static void play(lq_session *s, lq_tick_result *r) {
  if (kind == LQ_GUEST_COMMAND) LQ_CHECK(fx_dare(s, 1, "x") == LQ_OK);
  lq_session_tick(s, NULL, r);
  LQ_CHECK(lq_world_hash(lq_session_world(s)) == lq_world_hash_full(lq_session_world(s)));
}

static void check_done(const lq_session *a, const lq_tick_result *ra, const lq_session *b,
                       const lq_tick_result *rb) {
  lq_event event;
  lq_mutation mutation;
  LQ_CHECK(ra->hash == rb->hash && ra->state == rb->state);
  LQ_CHECK(lq_span_equal(ra->events, rb->events) && lq_span_equal(ra->mutations, rb->mutations));
  lq_reader in = lq_reader_of(ra->events);
  while (lq_event_read(&in, &fx.game, &event)) (void)event;
  LQ_CHECK(lq_reader_done(&in));
  in = lq_reader_of(ra->mutations);
  while (lq_mutation_read(&in, &fx.game, &mutation)) (void)mutation;
  LQ_CHECK(lq_reader_done(&in));
  lq_span saved = save(a, one);
  LQ_CHECK(lq_span_equal(saved, save(b, two)));
  lq_session *again;
  memset(memory[1], 0, memory_bytes);
  LQ_CHECK(lq_session_load(memory[1], memory_bytes, &fx.game, saved, &again) == LQ_OK);
  LQ_CHECK(lq_session_hash(again) == ra->hash);
}

/* Handlers that send each other's commands fail one after another; each is left out then. */
static void check_failed(lq_session *s, lq_tick_result *r) {
  for (uint32_t failures = 0; r->state != LQ_TICK_DONE; failures++) {
    LQ_CHECK(r->state == LQ_TICK_GUEST_FAILED && r->guest_kind == kind);
    LQ_CHECK(failures < (kind == LQ_GUEST_COMMAND ? FX_COMMANDS : 1));
    LQ_CHECK(r->guest_why[0] && lq_utf8_valid(lq_span_text(r->guest_why)));
    LQ_CHECK(lq_span_equal(start_save, save(s, one)));
    LQ_CHECK(lq_session_guest_report(s, r) == LQ_OK);
    lq_session_tick(s, NULL, r);
  }
  LQ_CHECK(r->state == LQ_TICK_DONE && r->applied[0].outcome == LQ_OK);
}

/* Magic, version and lengths that fit: what is missing of them is cut from the changes. */
static void mend(size_t bytes) {
  lq_guest_reply head;
  memcpy(&head, reply, sizeof head);
  head.magic = LQ_GUEST_REPLY_MAGIC;
  head.version = LQ_GUEST_WIRE;
  head.bytes = (uint32_t)bytes;
  head.status %= 4;
  uint32_t left = (uint32_t)(bytes - sizeof head);
  head.text_bytes = head.text_bytes % 256 < left ? head.text_bytes % 256 : 0;
  left -= head.text_bytes;
  head.state_bytes = head.state_bytes % 256 < left ? head.state_bytes % 256 : 0;
  head.changes_bytes = left - head.state_bytes;
  head.draws %= 4096;
  memcpy(reply, &head, sizeof head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  if (bytes < 1 || bytes > INPUT_MAX) return 0;
  ready();
  kind = data[0] & 1 ? LQ_GUEST_COMMAND : LQ_GUEST_SYSTEM;
  memcpy(reply, data + 1, bytes - 1);
  if ((data[0] & 2) && bytes - 1 >= sizeof(lq_guest_reply)) mend(bytes - 1);
  given = lq_span_of(reply, bytes - 1);
  lq_tick_result ra, rb;
  lq_session *a = open_session(0), *b = open_session(1);
  play(a, &ra);
  play(b, &rb);
  if (ra.state == LQ_TICK_DONE)
    check_done(a, &ra, b, &rb);
  else
    check_failed(a, &ra);
  return 0;
}
