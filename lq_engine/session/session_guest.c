/* Guests in the tick: asking through the port, what they keep, and their strikes.
 *
 * Replay: what a guest answers is a part of no journal; that it failed is, as the command `guest`.
 * Its tick leaves it out from the beginning, wherever the command stands in the tick's order. */
#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

enum { KEPT_SEED = 0x6b657074, STRIKE_SEED = 0x737472 };

/* ---- which ---- */

static uint32_t place_count(const lq_game *game) {
  return game->system_count + game->command_count;
}

static const char *name_of(const lq_game *game, uint32_t place) {
  if (place < game->system_count) return game->system[place].name;
  return game->command[place - game->system_count].record.name;
}

lqi_guest *lqi_guest_at(const lq_session *session, uint32_t kind, uint32_t index) {
  const lq_game *game = session->game;
  bool system = kind == LQ_GUEST_SYSTEM;
  if (!session->guest || (!system && kind != LQ_GUEST_COMMAND)) return NULL;
  if (index >= (system ? game->system_count : game->command_count)) return NULL;
  lqi_guest *guest = &session->guest[system ? index : game->system_count + index];
  return guest->language ? guest : NULL;
}

/* Of a row of the command `guest`; NULL: there is no such guest. */
static lqi_guest *guest_named(const lq_session *s, const uint8_t *row) {
  const lq_game *game = s->game;
  const lq_field *field = game->command[LQ_CMD_GUEST].record.field;
  const char *name = (const char *)row + field[0].offset;
  bool command = row[field[1].offset] != 0;
  uint32_t first = command ? game->system_count : 0;
  uint32_t end = command ? place_count(game) : game->system_count;
  for (uint32_t place = first; s->guest && place < end; place++)
    if (s->guest[place].language && strcmp(name_of(game, place), name) == 0)
      return &s->guest[place];
  return NULL;
}

bool lqi_guest_left_out(const lqi_guest *guest) {
  return guest->skip || guest->strikes >= LQ_GUEST_STRIKES_MAX;
}

void lq_session_guests(lq_session *session, const lq_guest_port *port) { session->port = port; }

uint32_t lq_session_guest_strikes(const lq_session *session, uint32_t kind, uint32_t index) {
  const lqi_guest *guest = lqi_guest_at(session, kind, index);
  return guest ? guest->strikes : 0;
}

bool lq_session_guest_suspended(const lq_session *session, uint32_t kind, uint32_t index) {
  return lq_session_guest_strikes(session, kind, index) >= LQ_GUEST_STRIKES_MAX;
}

lq_span lq_session_guest_state(const lq_session *session, uint32_t system) {
  if (!lqi_guest_at(session, LQ_GUEST_SYSTEM, system)) return (lq_span){0};
  return lq_span_of(session->kept[system].now, session->kept[system].bytes);
}

/* ---- digest and undo ---- */

/* By name: a place moves when a release has other systems. Systems and commands may share one. */
static uint64_t key_of(const lq_session *s, uint32_t place, uint64_t seed) {
  const char *name = name_of(s->game, place);
  return lq_hash_bytes(lq_hash_mix(seed, place < s->game->system_count), name, strlen(name));
}

static uint64_t strikes_digest(const lq_session *s, uint32_t place) {
  uint8_t strikes = s->guest[place].strikes;
  return strikes ? lq_hash_mix(key_of(s, place, STRIKE_SEED), strikes) : 0;
}

static uint64_t kept_digest(const lq_session *s, uint32_t system) {
  const lqi_kept *kept = &s->kept[system];
  return kept->bytes ? lq_hash_bytes(key_of(s, system, KEPT_SEED), kept->now, kept->bytes) : 0;
}

static void set_kept(lq_session *s, uint32_t system, lq_span state) {
  lqi_kept *kept = &s->kept[system];
  if (lq_span_equal(lq_span_of(kept->now, kept->bytes), state)) return;
  s->core.guests_digest -= kept_digest(s, system);
  if (!kept->saved) {
    memcpy(kept->before, kept->now, kept->bytes);
    kept->bytes_before = kept->bytes;
    kept->saved = true;
  }
  if (state.bytes) memcpy(kept->now, state.data, state.bytes);
  kept->bytes = (uint16_t)state.bytes;
  s->core.guests_digest += kept_digest(s, system);
}

static void set_strikes(lq_session *s, lqi_guest *guest, uint8_t strikes) {
  uint32_t place = (uint32_t)(guest - s->guest);
  s->core.guests_digest -= strikes_digest(s, place);
  guest->strikes = strikes;
  s->core.guests_digest += strikes_digest(s, place);
}

static void mark_skipped(const lq_session *s, const lqi_queued *q) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  lq_reader in = lq_reader_of(lq_span_of(s->queue_data + q->at + q->id_bytes + 1u, q->body_bytes));
  if (lq_record_decode(&s->game->command[LQ_CMD_GUEST].record, &in, NULL, row, NULL)) return;
  lqi_guest *guest = guest_named(s, row);
  if (guest) guest->skip = true;
}

void lqi_guests_begin(lq_session *session) {
  const lq_session *s = session;
  if (!s->guest) return;
  for (uint32_t place = 0; place < place_count(s->game); place++) {
    s->guest[place].strikes_before = s->guest[place].strikes;
    if (!LQ_PLANTED(SKIP_STAYS)) s->guest[place].skip = false;
  }
  for (uint32_t i = 0; i < s->game->system_count; i++)
    if (s->guest[i].language) s->kept[i].saved = false;
  if (s->guest_queued == 0) return;
  for (uint32_t i = 0; i < s->taken; i++)
    if (s->queue[i].type == LQ_CMD_GUEST) mark_skipped(s, &s->queue[i]);
}

/* The digest lies in the core. */
void lqi_guests_undo(lq_session *session) {
  const lq_session *s = session;
  if (!s->guest) return;
  for (uint32_t place = 0; place < place_count(s->game); place++)
    s->guest[place].strikes = s->guest[place].strikes_before;
  for (uint32_t i = 0; i < s->game->system_count; i++) {
    lqi_kept *kept = &s->kept[i];
    if (!s->guest[i].language || !kept->saved || LQ_PLANTED(GUEST_UNDO)) continue;
    memcpy(kept->now, kept->before, kept->bytes_before);
    kept->bytes = kept->bytes_before;
    kept->saved = false;
  }
}

/* ---- failing ---- */

/* Text of outside: what is no UTF-8, and control characters but line ends, become '?'. */
static void clean_text(char *out, size_t capacity, lq_span text) {
  size_t at = 0, bytes = 0;
  while (at < text.bytes && text.data[at]) {
    size_t left = text.bytes - at, length = 1;
    while (length < 4 && length < left && !lq_utf8_valid(lq_span_of(text.data + at, length)))
      length++;
    bool valid = lq_utf8_valid(lq_span_of(text.data + at, length));
    uint8_t first = text.data[at];
    bool good = valid && (first >= 0x20 || first == '\n') && first != 0x7f;
    if (!valid) length = 1;
    if (bytes + length >= capacity) break;
    memcpy(out + bytes, good ? (const char *)text.data + at : "????", length);
    bytes += length;
    at += length;
  }
  out[bytes] = 0;
}

static void fail(lq_session *s, const lq_guest_ask *ask, lq_span why) {
  s->state = LQ_TICK_GUEST_FAILED;
  s->guest_kind = ask->kind;
  s->guest_index = ask->index;
  clean_text(s->guest_why, LQ_GUEST_TEXT_BYTES_MAX + 1, why);
  if (!s->guest_why[0])
    clean_text(s->guest_why, LQ_GUEST_TEXT_BYTES_MAX + 1, lq_span_text("it failed without words"));
}

static void fail_text(lq_session *s, const lq_guest_ask *ask, const char *why) {
  fail(s, ask, lq_span_text(why));
}

lq_err lq_session_guest_report(lq_session *session, const lq_tick_result *result) {
  const lq_game *game = session->game;
  if (result->state != LQ_TICK_GUEST_FAILED ||
      !lqi_guest_at(session, result->guest_kind, result->guest_index))
    return LQ_ERR_INVALID;
  bool command = result->guest_kind == LQ_GUEST_COMMAND;
  uint32_t place = result->guest_index + (command ? game->system_count : 0);
  const char *name = name_of(game, place), *line = strchr(result->guest_why, '\n');
  size_t bytes = line ? (size_t)(line - result->guest_why) : strlen(result->guest_why);
  size_t bytes_max = game->command[LQ_CMD_GUEST].record.field[2].str_bytes - 1u;
  if (bytes > bytes_max) bytes = bytes_max;
  while (bytes && !lq_utf8_valid(lq_span_of(result->guest_why, bytes))) bytes--;
  uint8_t body[256];
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_write_sized(&out, name, strlen(name));
  lq_write_u8(&out, command);
  lq_write_sized(&out, result->guest_why, bytes);
  lq_command c = {.type = LQ_CMD_GUEST, .body = lq_writer_span(&out)};
  uint64_t first;
  return lq_session_submit(session, &c, &first);
}

lq_err lqi_guest_strike(lq_session *session, const uint8_t *row) {
  lqi_guest *guest = guest_named(session, row);
  if (!guest) return LQ_ERR_NOT_FOUND;
  if (guest->strikes < LQ_GUEST_STRIKES_MAX)
    set_strikes(session, guest, (uint8_t)(guest->strikes + 1));
  return LQ_OK;
}

/* ---- asking ---- */

/* What came back, its form checked; false: the tick ends here. */
static bool asked(lq_session *s, const lq_guest_ask *ask, lq_guest_said *said) {
  lq_span reply = {0};
  const char *why = "";
  *said = (lq_guest_said){0};
  if (!s->port) {
    fail_text(s, ask, "nothing runs guests here: see lq doctor");
    return false;
  }
  lq_guest_turn turn = s->port->ask(s->port->context, ask, &reply, &why);
  s->ordinal++;
  if (turn == LQ_GUEST_WAITS) s->state = LQ_TICK_WAITS;
  if (turn == LQ_GUEST_WAITS) return false;
  if (turn != LQ_GUEST_REPLIED) {
    fail_text(s, ask, why ? why : "");
    return false;
  }
  lq_err err = lq_guest_reply_read(reply, said);
  if (err == LQ_ERR_TOO_BIG)
    fail_text(s, ask, "its answer keeps more state, or more words, than allowed: keep less");
  else if (err)
    fail_text(s, ask, "its answer is malformed: it wrote over what its language keeps for it");
  return err == LQ_OK;
}

static void apply_said(lq_session *s, const lq_guest_ask *ask, const lq_guest_said *said) {
  bool draws = ask->kind == LQ_GUEST_SYSTEM || !LQ_PLANTED(GUEST_DRAWS);
  for (uint32_t i = 0; draws && i < said->draws; i++) (void)lq_prng_next(&s->core.prng);
  lq_writer made = lq_writer_of(s->made, LQ_GUEST_MADE_BYTES);
  lq_diag diag = {0};
  lq_err err = lq_guest_apply(&s->sys, s->game, lq_guest_writes(s->game, ask->kind, ask->index),
                              said, &made, &diag);
  if (s->full) return; /* the tick's room: as for native code */
  if (err)
    fail_text(s, ask, diag.message);
  else if (ask->kind == LQ_GUEST_SYSTEM)
    set_kept(s, ask->index, said->state);
  else if (said->state.bytes)
    fail_text(s, ask, "a handler keeps nothing between commands: put it into a component");
}

static void refuse(lq_session *s, const lq_guest_ask *ask, lq_span text) {
  char reason[LQI_REASON_BYTES_MAX];
  if (ask->kind == LQ_GUEST_SYSTEM) {
    fail_text(s, ask, "a system refuses, and there is no command to refuse: raise an error");
    return;
  }
  clean_text(reason, sizeof reason, text);
  s->sys.api->refuse(&s->sys, reason);
}

static void call(lq_session *s, lq_guest_ask *ask) {
  lq_guest_said said;
  ask->game = s->game;
  ask->world = s->world;
  ask->ordinal = s->ordinal;
  ask->digest = s->digest;
  ask->tick = s->tick;
  ask->tick_us = s->sys.api->tick_us(&s->sys);
  ask->prng = &s->core.prng;
  if (!asked(s, ask, &said)) return;
  switch (said.status) {
  case LQ_GUEST_DONE:
    apply_said(s, ask, &said);
    break;
  case LQ_GUEST_REFUSED:
    refuse(s, ask, said.text);
    break;
  case LQ_GUEST_RAISED:
    fail(s, ask, said.text);
    break;
  case LQ_GUEST_SPENT:
    fail(s, ask, said.text.bytes ? said.text : lq_span_text("it spent its budget: do less a call"));
    break;
  }
}

void lqi_guest_system(lq_session *session, uint32_t system) {
  const lqi_guest *guest = lqi_guest_at(session, LQ_GUEST_SYSTEM, system);
  if (lqi_guest_left_out(guest)) return;
  lq_guest_ask ask = {.kind = LQ_GUEST_SYSTEM,
                      .index = system,
                      .guest = guest->language,
                      .state = lq_session_guest_state(session, system)};
  call(session, &ask);
}

void lqi_guest_handler(lq_session *session, uint32_t command, const uint8_t *row, uint16_t actor) {
  lq_guest_ask ask = {.kind = LQ_GUEST_COMMAND,
                      .index = command,
                      .guest = session->game->command[command].guest,
                      .actor = actor,
                      .body = row};
  call(session, &ask);
}

/* ---- save, load, swap ---- */

static bool worth_saving(const lq_session *s, uint32_t place) {
  const lqi_guest *guest = &s->guest[place];
  if (!guest->language) return false;
  bool keeps = place < s->game->system_count && s->kept[place].bytes;
  return guest->strikes || (keeps && !LQ_PLANTED(GUEST_UNSAVED));
}

static uint32_t saved_count(const lq_session *s) {
  uint32_t count = 0;
  for (uint32_t place = 0; s->guest && place < place_count(s->game); place++)
    count += worth_saving(s, place);
  return count;
}

size_t lqi_guests_save_bytes(const lq_session *session) {
  return 10 + saved_count(session) * (size_t)(16 + LQ_GUEST_STATE_BYTES_MAX);
}

void lqi_guests_save(const lq_session *session, lq_writer *out) {
  uint32_t systems = session->game->system_count, count = saved_count(session);
  lq_write_varint(out, count);
  for (uint32_t place = 0; count && place < place_count(session->game); place++) {
    if (!worth_saving(session, place)) continue;
    lq_write_varint(out, place);
    lq_write_u8(out, LQ_PLANTED(STRIKES_UNSAVED) ? 0 : session->guest[place].strikes);
    if (place >= systems) continue;
    lq_write_sized(out, session->kept[place].now, session->kept[place].bytes);
  }
}

static bool load_one(lq_session *s, lq_reader *in, uint64_t *next) {
  uint64_t place = lq_read_varint(in);
  uint8_t strikes = lq_read_u8(in);
  if (in->failed || place < *next || place >= place_count(s->game)) return false;
  lq_span state = {0};
  if (place < s->game->system_count) state = lq_read_sized(in);
  if (in->failed || state.bytes > LQ_GUEST_STATE_BYTES_MAX) return false;
  lqi_guest *guest = &s->guest[place];
  if (!guest->language || strikes > LQ_GUEST_STRIKES_MAX || (!strikes && !state.bytes))
    return false;
  set_strikes(s, guest, strikes);
  if (state.bytes) set_kept(s, (uint32_t)place, state);
  *next = place + 1;
  return true;
}

bool lqi_guests_load(lq_session *session, lq_reader *in) {
  uint64_t count = lq_read_varint(in), next = 0;
  if (in->failed || (count && !session->guest)) return false;
  for (uint64_t i = 0; i < count; i++)
    if (!load_one(session, in, &next)) return false;
  return true;
}

void lqi_guests_swap(const lq_session *session, lq_session *next) {
  const lq_game *a = session->game, *b = next->game;
  next->core.guests_digest = 0;
  for (uint32_t i = 0; session->guest && next->guest && i < a->system_count; i++) {
    if (!session->guest[i].language || !session->kept[i].bytes) continue;
    for (uint32_t j = 0; j < b->system_count; j++)
      if (next->guest[j].language == session->guest[i].language &&
          strcmp(a->system[i].name, b->system[j].name) == 0)
        set_kept(next, j, lq_session_guest_state(session, i));
  }
}
