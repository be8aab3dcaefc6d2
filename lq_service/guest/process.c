/* One guest's process: start, load, questions and answers, its end. */
#include <stdio.h>
#include <stdlib.h>

#include "lq_base/plant.h"
#include "lq_engine/net/json.h"
#include "lq_service/guest/guest_int.h"

static const char *const names[LQ_GUEST_LANGUAGE_COUNT] = {"c", "python", "lua", "wasm"};

/* What a module was compiled to is opened before the sandbox closes, so it is named at the start:
 * "systems/hunt.wasm=/path/of/its/library.so". */
lq_err lqi_jail_start(lq_guest_language language, const char *folder, const lq_guest_source *file,
                      uint32_t count, lq_jail **out, lq_diag *diag) {
  enum { ARGUMENT_BYTES = 1024 + 128 };
  char program[1024];
  const char *argv[LQ_GUEST_SOURCES_MAX + 2] = {program};
  LQ_CHECK(language > LQ_GUEST_NATIVE && language < LQ_GUEST_LANGUAGE_COUNT);
  int length = snprintf(program, sizeof program, "%s/lq-jail-%s", folder, names[language]);
  if (length < 0 || length >= (int)sizeof program || count > LQ_GUEST_SOURCES_MAX)
    return lq_diag_set(diag, LQ_ERR_TOO_BIG, "a guest's program and its files: at most %u files",
                       LQ_GUEST_SOURCES_MAX);
  char(*argument)[ARGUMENT_BYTES] = calloc(LQ_GUEST_SOURCES_MAX, ARGUMENT_BYTES);
  if (!argument) return lq_diag_set(diag, LQ_ERR_MEMORY, "no memory for a guest");
  for (uint32_t i = 0; language == LQ_GUEST_WASM && i < count; i++) {
    (void)snprintf(argument[i], ARGUMENT_BYTES, "%.*s=%.*s", (int)file[i].name.bytes,
                   (const char *)file[i].name.data, (int)file[i].library.bytes,
                   (const char *)file[i].library.data);
    argv[i + 1] = argument[i];
  }
  lq_err err = lq_jail_open(argv, (size_t)LQ_GUEST_SLOTS * LQ_GUEST_SLOT_BYTES, out, diag);
  free(argument);
  return err;
}

lqi_process *lqi_process_need(lq_guests *guests, const char *tenant, const uint8_t release[32],
                              lq_guest_language language) {
  lqi_process *p = guests->processes;
  while (p && (p->language != language || memcmp(p->release, release, 32) != 0 ||
               strcmp(p->tenant, tenant) != 0))
    p = p->next;
  if (p || !(p = calloc(1, sizeof *p))) return p;
  p->guests = guests;
  (void)lq_text_copy(p->tenant, sizeof p->tenant, lq_span_text(tenant));
  memcpy(p->release, release, 32);
  p->language = language;
  p->next = guests->processes;
  guests->processes = p;
  return p;
}

static uint8_t *slot_at(const lqi_process *p, uint32_t slot) {
  return (uint8_t *)lq_jail_memory(p->jail) + (size_t)slot * LQ_GUEST_SLOT_BYTES;
}

static lq_err say(lqi_process *p, lq_guest_say what, uint32_t slot, size_t bytes) {
  lq_guest_message m = {.say = (uint32_t)what, .slot = slot, .bytes = (uint32_t)bytes};
  return lq_jail_send(p->jail, lq_span_of(&m, sizeof m));
}

/* ---- its end ---- */

static void fail(lqi_asker *asker, const char *why) {
  if (!asker) return;
  asker->state = LQI_FAILED;
  (void)snprintf(asker->why, sizeof asker->why, "%s", why);
  lqi_asker_told(asker);
}

static void shut(lqi_process *p) {
  lq_jail_close(p->jail);
  p->jail = NULL;
  p->guests->stats.processes--;
  p->state = LQI_OFF;
  p->first = p->count = 0;
  memset(p->taken, 0, sizeof p->taken);
  memset(p->asker, 0, sizeof p->asker);
}

/* The question that the process was at. What can have come from outside, a kill or a machine that
 * stood still, is forgiven once. */
static void end_head(lqi_process *p, lqi_asker *asker, const char *text, bool forgive) {
  if (!asker) return;
  if (forgive && asker->ends++ == 0) {
    asker->state = LQI_IDLE;
    lqi_asker_told(asker);
    return;
  }
  asker->ends = 0;
  p->guests->stats.failed++;
  fail(asker, text);
}

static void fail_waiting(lqi_process *p, const char *why) {
  for (lq_guest_seat *seat = p->wait_first; seat; seat = p->wait_first) {
    lqi_seat_unwait(seat);
    fail(&seat->asker, why);
  }
}

/* Why, and its own last words. The question it was at has failed, or is asked again as the others
 * are. While it was not up, whoever waits has failed: it does not start. */
static void ended(lqi_process *p, const char *why, bool forgive) {
  char text[LQ_GUEST_TEXT_BYTES_MAX] = "";
  const char *words = lq_jail_words(p->jail);
  (void)snprintf(text, sizeof text, "%s%s%.3800s", why, why[0] && words[0] ? ": " : "", words);
  uint64_t now_ns = lq_clock_mono_ns();
  bool was_up = p->state == LQI_UP;
  memcpy(p->last, text, sizeof text);
  lqi_asker *at[LQ_GUEST_SLOTS];
  uint32_t count = p->count;
  for (uint32_t i = 0; i < count; i++) at[i] = p->asker[p->ring[(p->first + i) % LQ_GUEST_SLOTS]];
  p->ends = lqi_since(now_ns, p->begun_ns) > LQI_GOOD_MS * 1000000ull ? 1 : p->ends + 1;
  uint64_t rest_ms = (uint64_t)LQI_REST_MS_MIN << (p->ends < 8 ? p->ends : 8);
  p->rest_until_ns = now_ns + (rest_ms < LQI_REST_MS_MAX ? rest_ms : LQI_REST_MS_MAX) * 1000000ull;
  p->stillborn += !was_up;
  shut(p);
  for (uint32_t i = 0; i < count; i++) {
    if (i == 0) {
      end_head(p, at[i], text, forgive);
    } else if (at[i] && !LQ_PLANTED(GUEST_INNOCENT)) {
      at[i]->state = LQI_IDLE;
      lqi_asker_told(at[i]);
    }
  }
  if (!was_up) fail_waiting(p, text);
}

void lqi_process_close(lqi_process *p) {
  if (p->jail) shut(p);
}

void lqi_process_stop(lqi_process *p, const char *why) {
  lqi_asker *at[LQ_GUEST_SLOTS];
  memcpy(at, p->asker, sizeof at);
  lqi_process_close(p);
  for (uint32_t i = 0; i < LQ_GUEST_SLOTS; i++) fail(at[i], why);
  fail_waiting(p, why);
}

void lqi_process_forget(lqi_process *p, const lqi_asker *asker) {
  for (uint32_t i = 0; i < LQ_GUEST_SLOTS; i++)
    if (p->asker[i] == asker) p->asker[i] = NULL;
}

/* ---- start ---- */

static void readable(void *context) { lqi_process_pump(context); }

static lq_err spawn(lqi_process *p, lq_diag *diag) {
  lq_guests *g = p->guests;
  lq_guest_source files[LQ_GUEST_SOURCES_MAX];
  const lq_game *game;
  uint32_t count = 0;
  lq_err err = g->supply.files(g->supply.context, p->tenant, p->release, p->language, &game, files,
                               &count, diag);
  if (!err) err = lqi_jail_start(p->language, g->supply.programs, files, count, &p->jail, diag);
  if (err) return err;
  g->stats.starts++;
  g->stats.processes++;
  p->state = LQI_STARTING;
  p->begun_ns = p->used_ns = lq_clock_mono_ns();
  if (g->loop && (err = lq_jail_watch(p->jail, g->loop, readable, p))) {
    shut(p);
    return lq_diag_set(diag, err, "a guest's process cannot be watched: %s", lq_err_cause(err));
  }
  return LQ_OK;
}

bool lqi_process_start(lqi_process *p, bool hurry, char why[LQ_GUEST_TEXT_BYTES_MAX]) {
  why[0] = 0;
  if (p->state != LQI_OFF) return true;
  if (!hurry && lq_clock_mono_ns() < p->rest_until_ns) return false;
  lq_diag diag = {0};
  lq_err err = spawn(p, &diag);
  if (!err) return true;
  p->rest_until_ns = lq_clock_mono_ns() + LQI_REST_MS_MAX * 1000000ull;
  (void)snprintf(why, LQ_GUEST_TEXT_BYTES_MAX, "%s",
                 diag.message[0] ? diag.message : lq_err_cause(err));
  return false;
}

/* Everything of the release in its language goes into slot 0. */
static lq_err load(lqi_process *p) {
  lq_guests *g = p->guests;
  lq_guest_source files[LQ_GUEST_SOURCES_MAX];
  const lq_game *game;
  uint32_t count = 0;
  lq_diag diag = {0};
  lq_err err = g->supply.files(g->supply.context, p->tenant, p->release, p->language, &game, files,
                               &count, &diag);
  uint8_t *encoded = err ? NULL : malloc(LQ_GAME_BYTES_MAX);
  if (!err && !encoded) err = LQ_ERR_MEMORY;
  lq_writer form = lq_writer_of(encoded, encoded ? LQ_GAME_BYTES_MAX : 0);
  lq_game bare; /* shapes may be megabytes, and are nothing to a guest */
  if (!err) {
    bare = *game;
    bare.physics.asset_count = 0;
    bare.physics.asset = NULL;
    err = lq_game_encode(&bare, &form);
  }
  lq_writer out = lq_writer_of(slot_at(p, 0), LQ_GUEST_CALL_BYTES_MAX);
  if (!err) {
    lq_write_sized(&out, form.data, form.bytes);
    lq_write_varint(&out, count);
    for (uint32_t i = 0; i < count; i++) {
      lq_write_sized(&out, files[i].name.data, files[i].name.bytes);
      lq_write_sized(&out, files[i].text.data, files[i].text.bytes);
    }
    if (out.failed) err = LQ_ERR_TOO_BIG;
  }
  free(encoded);
  p->state = LQI_LOADING;
  return err ? err : say(p, LQ_GUEST_LOAD, 0, out.bytes);
}

/* ---- questions and answers ---- */

static void head_begins(lqi_process *p) {
  p->head_ns = lq_clock_mono_ns();
  p->head_cpu_ns = lq_jail_cpu_ns(p->jail);
}

bool lqi_process_ask(lqi_process *p, const lq_guest_ask *ask, lqi_asker *asker, lq_err *err) {
  *err = LQ_OK;
  uint32_t slot = 0;
  while (slot < LQ_GUEST_SLOTS && p->taken[slot]) slot++;
  if (p->state != LQI_UP || slot == LQ_GUEST_SLOTS) return false;
  lq_writer out = lq_writer_of(slot_at(p, slot), LQ_GUEST_CALL_BYTES_MAX);
  *err = lq_guest_ask_write(ask, &out);
  if (!*err && out.failed) *err = LQ_ERR_TOO_BIG;
  if (*err) return false;
  lq_err sent = say(p, LQ_GUEST_ASK, slot, out.bytes);
  if (sent) { /* gone: the end comes as something to receive. Full: an answer makes room */
    if (sent != LQ_ERR_NET && sent != LQ_ERR_BUSY) *err = sent;
    return false;
  }
  p->guests->stats.calls++;
  p->taken[slot] = true;
  p->asker[slot] = asker;
  p->ring[(p->first + p->count) % LQ_GUEST_SLOTS] = slot;
  p->used_ns = lq_clock_mono_ns();
  if (p->count++ == 0) head_begins(p);
  asker->state = LQI_SENT;
  return true;
}

static void deliver(lqi_process *p, lqi_asker *asker, uint32_t slot, size_t bytes) {
  if (!asker) return; /* whoever asked is gone */
  asker->reply = malloc(bytes ? bytes : 1);
  if (!asker->reply) {
    fail(asker, "no memory for a guest's answer");
    return;
  }
  memcpy(asker->reply, slot_at(p, slot) + LQ_GUEST_CALL_BYTES_MAX, bytes);
  asker->reply_bytes = bytes;
  asker->ends = 0;
  asker->state = LQI_ANSWERED;
  lqi_asker_told(asker);
}

/* False: it spoke out of turn. */
static bool answer(lqi_process *p, const lq_guest_message *m) {
  if (p->state != LQI_UP || !p->count || m->slot != p->ring[p->first] ||
      m->bytes > LQ_GUEST_REPLY_BYTES_MAX)
    return false;
  uint32_t last = (p->first + p->count - 1) % LQ_GUEST_SLOTS;
  lqi_asker *asker = p->asker[LQ_PLANTED(GUEST_OTHERS) ? p->ring[last] : m->slot];
  uint64_t now_ns = lq_clock_mono_ns(), cpu_ns = lq_jail_cpu_ns(p->jail);
  if (asker) asker->cpu_ns += lqi_since(cpu_ns, p->head_cpu_ns);
  p->asker[m->slot] = NULL;
  p->taken[m->slot] = false;
  p->first = (p->first + 1) % LQ_GUEST_SLOTS;
  p->used_ns = p->head_ns = now_ns;
  p->head_cpu_ns = cpu_ns;
  p->count--;
  deliver(p, asker, m->slot, m->bytes);
  return true;
}

/* False: it does not load, or says so in a form that is none. */
static bool loaded(lqi_process *p, const lq_guest_message *m) {
  static const char bad[] = "{\"error\"";
  if (p->state != LQI_LOADING || m->slot != 0 || m->bytes > LQ_GUEST_REPLY_BYTES_MAX) return false;
  const uint8_t *said = slot_at(p, 0) + LQ_GUEST_CALL_BYTES_MAX;
  if (m->bytes >= sizeof bad - 1 && memcmp(said, bad, sizeof bad - 1) == 0) return false;
  p->state = LQI_UP;
  return true;
}

/* Why it does not load, in its words: of a copy, as the guest could write while one reads. */
static const char *load_words(const lqi_process *p, const lq_guest_message *m, char *out,
                              size_t capacity) {
  static const char plain[] = "the guest does not load any more";
  char copy[LQ_GUEST_TEXT_BYTES_MAX * 2], error[1024], stack[2048];
  lq_json json;
  if (m->slot != 0 || m->bytes > sizeof copy) return plain;
  memcpy(copy, slot_at(p, 0) + LQ_GUEST_CALL_BYTES_MAX, m->bytes);
  if (lq_json_parse(lq_span_of(copy, m->bytes), &json, NULL) ||
      !lq_json_text(lq_json_get(json, "error"), error, sizeof error))
    return plain;
  if (!lq_json_text(lq_json_get(json, "stack"), stack, sizeof stack)) stack[0] = 0;
  (void)snprintf(out, capacity, "%s (%s)%s%s", error, plain, stack[0] ? "\n" : "", stack);
  return out;
}

/* What it said, in its own form; else what is wrong, perhaps in `words`. */
static const char *heard(lqi_process *p, const lq_guest_message *m,
                         char words[LQ_GUEST_TEXT_BYTES_MAX]) {
  static const char turn[] = "the guest's process spoke out of turn";
  if (m->say == LQ_GUEST_ANSWER) return answer(p, m) ? NULL : turn;
  if (m->say == LQ_GUEST_LOADED)
    return loaded(p, m) ? NULL : load_words(p, m, words, LQ_GUEST_TEXT_BYTES_MAX);
  if (m->say != LQ_GUEST_READY || p->state != LQI_STARTING) return turn;
  return load(p) ? "the guest's sources could not be given to its process" : NULL;
}

void lqi_process_pump(lqi_process *p) {
  while (p->jail) {
    lq_guest_message m;
    size_t bytes;
    lq_err err = lq_jail_receive(p->jail, &m, sizeof m, &bytes);
    if (err == LQ_ERR_IDLE) break;
    char words[LQ_GUEST_TEXT_BYTES_MAX];
    const char *wrong = NULL;
    if (err == LQ_ERR_NET)
      wrong = "the guest's process ended";
    else if (err || bytes != sizeof m)
      wrong = "the guest's process spoke in a form that is none";
    else
      wrong = heard(p, &m, words);
    if (wrong) ended(p, wrong, err == LQ_ERR_NET);
  }
  lqi_process_free(p, false);
}

/* ---- the watchdog ---- */

/* Why its question has taken too long; NULL: it has not. */
static const char *overdue(const lqi_process *p, uint64_t now_ns, bool *forgive, char room[160]) {
  const lqi_asker *asker = p->asker[p->ring[p->first]];
  bool patient = asker && (!asker->seat || asker->seat->patient);
  uint32_t times = patient ? LQ_GUEST_PATIENCE : 1;
  uint64_t cpu_ns = lqi_since(lq_jail_cpu_ns(p->jail), p->head_cpu_ns);
  if (cpu_ns > times * LQ_GUEST_CPU_MS * 1000000ull) {
    (void)snprintf(room, 160, "it took more than %u ms of CPU time and was ended",
                   times * LQ_GUEST_CPU_MS);
    return room;
  }
  if (lqi_since(now_ns, p->head_ns) <= times * LQ_GUEST_WALL_MS * 1000000ull) return NULL;
  (void)snprintf(room, 160, "no answer within %u ms: it was ended", times * LQ_GUEST_WALL_MS);
  *forgive = true;
  return room;
}

void lqi_process_watch(lqi_process *p, uint64_t now_ns) {
  char room[160];
  const char *why = NULL;
  bool forgive = false;
  if (!p->jail) return;
  if (p->state == LQI_UP) {
    if (p->count) why = overdue(p, now_ns, &forgive, room);
  } else if (lqi_since(now_ns, p->begun_ns) > LQ_GUEST_START_MS * 1000000ull) {
    (void)snprintf(room, sizeof room, "the guest did not start within %u s",
                   LQ_GUEST_START_MS / 1000);
    why = room;
  }
  if (!why) return;
  p->guests->stats.kills++;
  ended(p, why, forgive);
  lqi_process_free(p, true);
}
