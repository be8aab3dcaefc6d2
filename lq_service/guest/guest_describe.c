/* A jail started for one question, and closed with its answer. */
#include "lq_service/guest/guest_describe.h"

#include "lq_engine/guest/wire.h"
#include "lq_service/guest/guest_int.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  READY_US = 2000000, /* to start and to shut itself in */
  LOADED_US = 5000000,
  FILES_MAX = 64,
  WORDS_SHOWN = 150,
};

static const char *const programs[LQ_GUEST_LANGUAGE_COUNT] = {NULL, "lq-jail-python", "lq-jail-lua",
                                                              "lq-jail-wasm"};

typedef struct asking {
  const char *program;
  lq_jail *jail;
  lq_diag *diag;
} asking;

static lq_err fail(const asking *a, lq_err err, const char *what) {
  if (!a->diag) return err;
  const char *words = a->jail ? lq_jail_words(a->jail) : "";
  size_t bytes = strlen(words);
  if (bytes > WORDS_SHOWN) words += bytes - WORDS_SHOWN; /* the end says why */
  (void)lq_diag_set(a->diag, err, "%s %s%s%s", a->program, what, words[0] ? ": " : "", words);
  (void)snprintf(a->diag->mend, sizeof a->diag->mend,
                 "ask lq doctor whether guests can run on this machine");
  return err;
}

/* The next message, which must be this one. */
static lq_err hear(const asking *a, lq_guest_say say, uint64_t timeout_us, lq_guest_message *out) {
  size_t bytes = 0;
  if (!lq_jail_wait(a->jail, timeout_us)) return fail(a, LQ_ERR_IDLE, "did not answer in time");
  lq_err err = lq_jail_receive(a->jail, out, sizeof *out, &bytes);
  if (err == LQ_ERR_NET) return fail(a, err, "ended while it read the sources");
  if (err) return fail(a, err, lq_err_cause(err));
  if (bytes != sizeof *out || out->say != (uint32_t)say || out->slot != 0 ||
      out->bytes > LQ_GUEST_REPLY_BYTES_MAX)
    return fail(a, LQ_ERR_CORRUPT, "speaks otherwise than this lq");
  return LQ_OK;
}

static lq_err send_sources(const asking *a, lq_span game, const lq_guest_source *file,
                           uint32_t count) {
  lq_writer out = lq_writer_of(lq_jail_memory(a->jail), LQ_GUEST_CALL_BYTES_MAX);
  lq_write_sized(&out, game.data, game.bytes);
  lq_write_varint(&out, count);
  for (uint32_t i = 0; i < count; i++) {
    lq_write_sized(&out, file[i].name.data, file[i].name.bytes);
    lq_write_sized(&out, file[i].text.data, file[i].text.bytes);
  }
  if (out.failed) return fail(a, LQ_ERR_TOO_BIG, "cannot take so many bytes of sources");
  lq_guest_message load = {.say = LQ_GUEST_LOAD, .bytes = (uint32_t)out.bytes};
  lq_err err = lq_jail_send(a->jail, lq_span_of(&load, sizeof load));
  return err ? fail(a, err, "could not be spoken to") : LQ_OK;
}

static lq_err ask(const asking *a, lq_span game, const lq_guest_source *file, uint32_t count,
                  lq_writer *json) {
  lq_guest_message message;
  lq_err err = hear(a, LQ_GUEST_READY, READY_US, &message);
  if (!err) err = send_sources(a, game, file, count);
  if (!err) err = hear(a, LQ_GUEST_LOADED, LOADED_US, &message);
  if (err) return err;
  const uint8_t *memory = lq_jail_memory(a->jail);
  lq_write_bytes(json, memory + LQ_GUEST_CALL_BYTES_MAX, message.bytes);
  return json->failed ? fail(a, LQ_ERR_TOO_BIG, "describes more than a game may hold") : LQ_OK;
}

lq_err lq_guest_describe(lq_guest_language language, lq_span game, const lq_guest_source *file,
                         uint32_t count, const char *jail_folder, lq_writer *json, lq_diag *diag) {
  LQ_CHECK(language > LQ_GUEST_NATIVE && language < LQ_GUEST_LANGUAGE_COUNT);
  asking a = {.program = programs[language], .diag = diag};
  lq_err err = lqi_jail_start(language, jail_folder, file, count, &a.jail, diag);
  if (err) return err;
  err = ask(&a, game, file, count, json);
  lq_jail_close(a.jail);
  return err;
}
