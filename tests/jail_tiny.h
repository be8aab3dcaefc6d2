/* The smallest language a jail can run, for tests and the bench: its only source says what each
 * call does. As a program of its own (`--jail` first) it is a real jail around that. */
#ifndef LQ_TESTS_JAIL_TINY_H
#define LQ_TESTS_JAIL_TINY_H

#include "apps/lq-jail/runtime.h"
#include "lq_engine/guest/view_testing.h"
#include "lq_host/host.h"
#include "lq_host/jail.h"

enum { TINY_MEMORY_BYTES = 96 << 20, TINY_LONG_US = 20000000 };
#define TINY_MAPPING_BYTES ((size_t)LQ_GUEST_SLOTS * LQ_GUEST_SLOT_BYTES)

/* The program that includes this runs `tiny_act` in each call and is its own jail. */
static void tiny_act(lq_guest_view *view, const char *what);
static char tiny_what[64];

static inline bool tiny_start(int argc, char **argv) {
  (void)argv;
  return argc == 0;
}

static inline void tiny_load(const lq_game *game, const lq_guest_file *file, uint32_t count,
                             lq_writer *out) {
  if (count != 1 || !lq_text_copy(tiny_what, sizeof tiny_what, file[0].text)) {
    lq_write_text(out, "{\"error\":\"one source, please\"}");
    return;
  }
  lq_write_text(out, game ? "{\"game\":\"" : "{\"described\":\"");
  lq_write_span(out, file[0].name);
  lq_write_text(out, "\"}");
}

static inline size_t tiny_call(lq_guest_view *view) {
  tiny_act(view, tiny_what);
  return lq_guest_view_end(view, LQ_GUEST_DONE, lq_guest_state(view), (lq_span){0});
}

static inline void tiny_jail(int argc, char **argv) {
  static const lq_runtime tiny = {
      .memory_bytes = TINY_MEMORY_BYTES, .start = tiny_start, .load = tiny_load, .call = tiny_call};
  if (argc >= 2 && strcmp(argv[1], "--jail") == 0) lq_jail_main(&tiny, argc - 1, argv + 1);
}

/* ---- the parent's side ---- */

static inline lq_jail *tiny_open(void) {
  const char *argv[] = {"/proc/self/exe", "--jail", NULL};
  lq_jail *jail;
  lq_diag diag = {0};
  LQ_CHECK(lq_jail_open(argv, TINY_MAPPING_BYTES, &jail, &diag) == LQ_OK);
  return jail;
}

/* LQ_ERR_IDLE: it did not say anything in time; LQ_ERR_NET: it is gone. */
static inline lq_err tiny_hear(lq_jail *jail, lq_guest_message *out, uint64_t timeout_us) {
  size_t bytes = 0;
  if (!lq_jail_wait(jail, timeout_us)) return LQ_ERR_IDLE;
  lq_err err = lq_jail_receive(jail, out, sizeof *out, &bytes);
  return err || bytes == sizeof *out ? err : LQ_ERR_CORRUPT;
}

static inline uint8_t *tiny_slot(lq_jail *jail, uint32_t slot) {
  return (uint8_t *)lq_jail_memory(jail) + (size_t)slot * LQ_GUEST_SLOT_BYTES;
}

static inline lq_err tiny_send(lq_jail *jail, lq_guest_say say, uint32_t slot, size_t bytes) {
  lq_guest_message message = {say, slot, (uint32_t)bytes, 0};
  return lq_jail_send(jail, lq_span_of(&message, sizeof message));
}

/* Sends the sources; game NULL: only to be described. */
static inline lq_err tiny_send_load(lq_jail *jail, const lq_game *game, const char *what) {
  static uint8_t encoded[1 << 20];
  lq_writer code = lq_writer_of(encoded, sizeof encoded);
  if (game) LQ_CHECK(lq_game_encode(game, &code) == LQ_OK);
  lq_writer out = lq_writer_of(tiny_slot(jail, 0), LQ_GUEST_CALL_BYTES_MAX);
  lq_write_sized(&out, code.data, code.bytes);
  lq_write_varint(&out, 1);
  lq_write_sized(&out, "systems/tiny", 12);
  lq_write_sized(&out, what, strlen(what));
  LQ_CHECK(!out.failed);
  return tiny_send(jail, LQ_GUEST_LOAD, 0, out.bytes);
}

static inline lq_err tiny_send_call(lq_jail *jail, const vt_setup *t, uint32_t slot) {
  memcpy(tiny_slot(jail, slot), t->call, t->out.bytes);
  return tiny_send(jail, LQ_GUEST_ASK, slot, t->out.bytes);
}

/* A jail that is loaded with the game of `t` and does `what` in each call. */
static inline lq_jail *tiny_loaded(const vt_setup *t, const char *what) {
  lq_jail *jail = tiny_open();
  lq_guest_message heard;
  LQ_CHECK(tiny_hear(jail, &heard, TINY_LONG_US) == LQ_OK && heard.say == LQ_GUEST_READY);
  LQ_CHECK(tiny_send_load(jail, &t->f.game, what) == LQ_OK);
  LQ_CHECK(tiny_hear(jail, &heard, TINY_LONG_US) == LQ_OK && heard.say == LQ_GUEST_LOADED);
  return jail;
}

#endif
