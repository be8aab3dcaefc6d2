/* The code of the fixture's game, against lq_sys_api only, and sessions of it: for tests, fuzz
 * targets and benches. */
#ifndef LQ_ENGINE_SESSION_SESSION_FIXTURE_H
#define LQ_ENGINE_SESSION_SESSION_FIXTURE_H

#include "lq_engine/game/game_fixture.h"
#include "lq_engine/session/session.h"

#include <stdlib.h>

typedef struct fx_position {
  int32_t x, y;
} fx_position;
typedef struct fx_note {
  lq_entity link[2];
  float weight;
  char text[13];
  uint8_t on, reserved_[2];
} fx_note;
typedef struct fx_move {
  lq_entity entity;
  int32_t vec[3], reserved_;
} fx_move;
typedef struct fx_give {
  lq_entity entity, to;
  int64_t coins;
} fx_give;
typedef struct fx_event_row {
  lq_entity player;
  int64_t value;
  char text[24]; /* whisper only */
} fx_event_row;

#define FX_M(type) (1ull << (type))

/* Two statements: C orders neither arguments nor initialisers. */
static inline fx_position fx_random_place(lq_sys *sys) {
  fx_position at;
  at.x = (int32_t)sys->api->random(sys, 16);
  at.y = (int32_t)sys->api->random(sys, 12);
  return at;
}

static inline void fx_on_move(lq_sys *sys, const void *row) {
  const fx_move *move = row;
  fx_position *at = sys->api->set(sys, move->entity, FX_POSITION);
  if (!at) {
    sys->api->refuse(sys, "it has no position");
    return;
  }
  at->x += move->vec[0];
  at->y += move->vec[1];
  if (at->x < 0 || at->x > 15 || at->y < 0 || at->y > 11) sys->api->refuse(sys, "off the map");
}

static inline void fx_on_give(lq_sys *sys, const void *row) {
  const fx_give *give = row;
  int64_t *to = sys->api->set(sys, give->to, FX_PURSE);
  int64_t *from = sys->api->set(sys, give->entity, FX_PURSE);
  if (!to || !from) {
    sys->api->refuse(sys, "no purse");
    return;
  }
  *to += give->coins;
  *from -= give->coins;
  fx_event_row event = {.player = give->to, .value = give->coins};
  sys->api->emit(sys, FX_PAID, &event);
  if (give->coins < 0 || *from < 0) sys->api->refuse(sys, "not enough");
}

/* Does everything a handler can do. */
static inline void fx_mess(lq_sys *sys) {
  const lq_sys_api *api = sys->api;
  lq_sys_iter it;
  lq_entity made = {0};
  api->query(sys, FX_M(FX_POSITION), 0, &it);
  while (api->next(sys, &it)) {
    fx_position *at = api->write(sys, &it, FX_POSITION);
    for (uint32_t i = 0; at && i < it.count; i++) at[i].x = (int32_t)api->random(sys, 9);
    if (api->entity(sys, &it, 0).bits) api->remove(sys, api->entity(sys, &it, 0), FX_POSITION);
  }
  (void)api->create(sys, NULL, 0, &made);
  (void)api->add(sys, made, FX_NOTE, NULL);
  (void)api->create(sys, "named", 1, &made);
  (void)api->destroy(sys, api->find(sys, "chest1"));
  (void)api->destroy(sys, made);
  api->wake_at(sys, 1000000);
  fx_event_row event = {.player = api->find(sys, "chest2"), .value = 3, .text = "psst"};
  (void)api->emit(sys, FX_WHISPER, &event);
}

static inline bool fx_send_dare(lq_sys *sys, const char *what) {
  char row[24] = {0};
  fx_name(row, sizeof row, what);
  return sys->api->command(sys, FX_DARE, row);
}

/* Commands of the game's own code: one that is refused, one that sends on, one about an entity that
 * this call makes, one about an entity that goes with it, one about nobody. */
static inline void fx_relay(lq_sys *sys) {
  const lq_sys_api *api = sys->api;
  lq_entity made = {0}, chest = api->find(sys, "chest2");
  int32_t count[2] = {1, 0};
  fx_position at = fx_random_place(sys);
  if (api->create(sys, NULL, 0, &made)) (void)api->add(sys, made, FX_POSITION, &at);
  if (chest.bits) (void)api->destroy(sys, chest);
  const fx_move moves[] = {{made, {0}, 0}, {chest, {0}, 0}, {{0}, {0}, 0}};
  (void)fx_send_dare(sys, "refuse");
  (void)fx_send_dare(sys, "pass");
  for (uint32_t i = 0; i < 3; i++) (void)api->command(sys, FX_MOVE, &moves[i]);
  (void)api->command(sys, FX_SPAWN, count);
}

/* As a system: what the dare "relay" asked for. */
static inline void fx_relay_late(lq_sys *sys) {
  lq_sys_iter it;
  bool asked = false;
  sys->api->query(sys, FX_M(FX_NOTE), 0, &it);
  while (sys->api->next(sys, &it)) {
    const fx_note *seen = sys->api->read(sys, &it, FX_NOTE);
    for (uint32_t i = 0; i < it.count; i++) {
      if (strcmp(seen[i].text, "relay") != 0) continue;
      asked = true;
      fx_note *note = sys->api->set(sys, sys->api->entity(sys, &it, i), FX_NOTE);
      if (note) note->text[0] = '-';
    }
  }
  if (asked) fx_relay(sys);
}

/* Into all notes: words that ask for a relay, or a mark. */
static inline void fx_write_notes(lq_sys *sys, bool relay) {
  lq_sys_iter it;
  sys->api->query(sys, FX_M(FX_NOTE), 0, &it);
  while (sys->api->next(sys, &it)) {
    fx_note *note = sys->api->write(sys, &it, FX_NOTE);
    for (uint32_t i = 0; note && i < it.count; i++) {
      if (relay) fx_name(note[i].text, sizeof note[i].text, "relay");
      if (!relay) note[i].weight += 1;
    }
  }
}

static inline void fx_on_dare(lq_sys *sys, const void *row) {
  const char *what = row;
  if (strcmp(what, "relay") == 0 || strcmp(what, "mark") == 0) fx_write_notes(sys, *what == 'r');
  if (strcmp(what, "send") == 0 || strcmp(what, "send refuse") == 0) fx_relay(sys);
  if (strcmp(what, "send refuse") == 0) sys->api->refuse(sys, "sent, and thought better of it");
  if (strcmp(what, "pass") == 0) (void)fx_send_dare(sys, "mark");
  if (strcmp(what, "again") == 0) (void)fx_send_dare(sys, "again");
  fx_event_row event = {.value = 1, .text = "again"};
  if (strcmp(what, "mess") == 0) fx_mess(sys);
  if (strcmp(what, "refuse") == 0) {
    fx_mess(sys);
    sys->api->refuse(sys, "dared too much");
  }
  while (strcmp(what, "flood") == 0 && sys->api->emit(sys, FX_WHISPER, &event)) event.value++;
  if (strcmp(what, "switch") == 0) {
    lq_sys_iter it;
    sys->api->query(sys, FX_M(FX_NOTE), 0, &it);
    while (sys->api->next(sys, &it)) ((fx_note *)sys->api->write(sys, &it, FX_NOTE))->on ^= 1;
  }
}

static inline void fx_on_spawn(lq_sys *sys, const void *row) {
  int32_t count;
  memcpy(&count, row, 4);
  for (int32_t i = 0; i < count; i++) {
    lq_entity made;
    fx_position at = fx_random_place(sys);
    if (!sys->api->create(sys, NULL, sys->api->player(sys), &made)) return;
    sys->api->add(sys, made, FX_POSITION, &at);
  }
}

static inline void fx_on_cheat(lq_sys *sys, const void *row) {
  int32_t count;
  memcpy(&count, row, 4);
  fx_event_row event = {.value = count};
  for (int32_t i = 0; i < count; i++) sys->api->emit(sys, FX_LOG, &event);
}

/* A joining player called "banned" is turned away, after being given something. */
static inline void fx_on_join(lq_sys *sys, const void *row) {
  const char *id = (const char *)row + 8;
  lq_entity entity = sys->api->find(sys, id);
  if (entity.bits == 0 || sys->api->owner(sys, entity) != sys->api->player(sys)) return;
  fx_position *at = sys->api->set(sys, entity, FX_POSITION);
  at->x = (int32_t)sys->api->random(sys, 16);
  at->y = (int32_t)sys->api->random(sys, 12);
  if (strcmp(id, "banned") == 0) sys->api->refuse(sys, "you are banned");
}

static inline void fx_collect(lq_sys *sys) {
  const lq_sys_api *api = sys->api;
  lq_sys_iter players, chests;
  api->query(sys, FX_M(FX_POSITION) | FX_M(FX_PLAYER), 0, &players);
  while (api->next(sys, &players)) {
    const fx_position *at = api->read(sys, &players, FX_POSITION);
    api->query(sys, FX_M(FX_POSITION) | FX_M(FX_TREASURE), 0, &chests);
    while (api->next(sys, &chests)) {
      const fx_position *chest = api->read(sys, &chests, FX_POSITION);
      for (uint32_t p = 0; p < players.count; p++)
        for (uint32_t c = 0; c < chests.count; c++) {
          if (at[p].x != chest[c].x || at[p].y != chest[c].y) continue;
          lq_entity who = api->entity(sys, &players, p);
          fx_event_row event = {.player = who, .value = 100};
          api->emit(sys, FX_COLLECTED, &event);
          api->destroy(sys, api->entity(sys, &chests, c));
          api->add(sys, who, FX_NOTE, NULL);
        }
    }
  }
}

static inline void fx_credit(lq_sys *sys) {
  lq_sys_iter it;
  sys->api->query(sys, FX_M(FX_PURSE) | FX_M(FX_NOTE), 0, &it);
  while (sys->api->next(sys, &it)) {
    int64_t *coins = sys->api->write(sys, &it, FX_PURSE);
    for (uint32_t i = 0; i < it.count; i++) {
      coins[i] += 100;
      sys->api->remove(sys, sys->api->entity(sys, &it, i), FX_NOTE);
    }
  }
}

static inline void fx_respawn(lq_sys *sys) {
  uint32_t chests = 0;
  lq_sys_iter it;
  sys->api->query(sys, FX_M(FX_TREASURE), 0, &it);
  while (sys->api->next(sys, &it)) chests += it.count;
  for (; chests < 3; chests++) {
    lq_entity made;
    fx_position at = fx_random_place(sys);
    if (!sys->api->create(sys, NULL, 0, &made)) break;
    sys->api->add(sys, made, FX_POSITION, &at);
    sys->api->add(sys, made, FX_TREASURE, NULL);
  }
  fx_relay_late(sys);
}

/* Floods the event room while a note is on, after it has changed something. */
static inline void fx_late(lq_sys *sys) {
  lq_sys_iter it;
  sys->api->query(sys, FX_M(FX_NOTE), 0, &it);
  while (sys->api->next(sys, &it)) {
    const fx_note *note = sys->api->read(sys, &it, FX_NOTE);
    fx_event_row event = {.value = 1};
    if (!note->on) continue;
    (void)sys->api->destroy(sys, sys->api->find(sys, "chest1"));
    (void)sys->api->random(sys, 7);
    while (sys->api->emit(sys, FX_LOG, &event)) event.value++;
  }
}

static const lq_module_system fx_module_systems[] = {{"hunt.collect", fx_collect},
                                                     {"hunt.credit", fx_credit},
                                                     {"hunt.respawn", fx_respawn},
                                                     {"late", fx_late}};
static const lq_module_command fx_module_commands[] = {
    {"move", fx_on_move},   {"give", fx_on_give},   {"dare", fx_on_dare},
    {"spawn", fx_on_spawn}, {"cheat", fx_on_cheat}, {"join", fx_on_join}};

/* Seals and binds. */
static inline void fixture_ready(fixture *f, lq_arena *arena) {
  lq_diag diag;
  LQ_CHECK(lq_game_seal(&f->game, &diag) == LQ_OK);
  lq_module module = {LQ_SYSTEM_ABI,     f->game.interface_hash, 4, 6,
                      fx_module_systems, fx_module_commands};
  LQ_CHECK(lq_game_bind(&f->game, &module, arena, &diag) == LQ_OK);
}

static inline void *fixture_block(const lq_game *game, size_t *bytes) {
  *bytes = (lq_session_bytes(game) + 4095) & ~(size_t)4095;
  void *memory = aligned_alloc(4096, *bytes);
  LQ_CHECK(memory != NULL);
  memset(memory, 0, *bytes);
  return memory;
}

/* ---- commands ---- */
typedef struct fx_body {
  uint8_t bytes[256];
  lq_writer out;
} fx_body;

static inline lq_command fx_command(uint16_t type, uint16_t slot, const char *client_id,
                                    const fx_body *body) {
  lq_command c = {.type = type, .slot = slot, .body = lq_writer_span(&body->out)};
  fx_name(c.client_id, sizeof c.client_id, client_id);
  return c;
}
static inline fx_body *fx_begin(fx_body *body) {
  body->out = lq_writer_of(body->bytes, sizeof body->bytes);
  return body;
}
static inline void fx_text(fx_body *body, const char *text) {
  lq_write_sized(&body->out, text, strlen(text));
}

static inline lq_err fx_send(lq_session *s, uint16_t type, uint16_t slot, const char *client_id,
                             const fx_body *body) {
  uint64_t first;
  lq_command c = fx_command(type, slot, client_id, body);
  return lq_session_submit(s, &c, &first);
}
static inline lq_err fx_join(lq_session *s, const char *id, const char *team, int64_t roles) {
  fx_body body;
  fx_text(fx_begin(&body), id);
  fx_text(&body, team);
  lq_write_zigzag(&body.out, roles);
  return fx_send(s, LQ_CMD_JOIN, 0, "", &body);
}
static inline lq_err fx_leave(lq_session *s, const char *id) {
  fx_body body;
  fx_text(fx_begin(&body), id);
  return fx_send(s, LQ_CMD_LEAVE, 0, "", &body);
}
static inline lq_err fx_do_move(lq_session *s, uint16_t slot, const char *id, int32_t x, int32_t y,
                                const char *client_id) {
  fx_body body;
  fx_text(fx_begin(&body), id);
  lq_write_zigzag(&body.out, x);
  lq_write_zigzag(&body.out, y);
  lq_write_zigzag(&body.out, 0);
  return fx_send(s, FX_MOVE, slot, client_id, &body);
}
static inline lq_err fx_do_give(lq_session *s, uint16_t slot, const char *from, const char *to,
                                int64_t coins) {
  fx_body body;
  fx_text(fx_begin(&body), from);
  fx_text(&body, to);
  lq_write_zigzag(&body.out, coins);
  return fx_send(s, FX_GIVE, slot, "", &body);
}
static inline lq_err fx_dare(lq_session *s, uint16_t slot, const char *what) {
  fx_body body;
  fx_text(fx_begin(&body), what);
  return fx_send(s, FX_DARE, slot, "", &body);
}
static inline lq_err fx_number(lq_session *s, uint16_t type, uint16_t slot, int64_t n) {
  fx_body body;
  lq_write_zigzag(&fx_begin(&body)->out, n);
  return fx_send(s, type, slot, "", &body);
}

/* Now and then, somebody has the game's code send commands; tick: any number. */
static inline void fx_random_sender(lq_session *s, uint32_t tick) {
  static const char *const words[] = {"relay", "send", "pass", "send refuse"};
  if (tick % 5) return;
  lq_err err = fx_dare(s, (uint16_t)(tick / 5 % 4), words[tick / 20 % 4]);
  (void)err; /* as below */
}

/* One player's or the host's random doing; most of it is refused somewhere, as it should. */
static inline void fx_random_command(lq_session *s, lq_prng *r) {
  static const char *const dares[] = {"nothing", "mess", "refuse", "flood", "switch"};
  char id[LQ_ID_BYTES], client[8] = {0};
  uint16_t slot = (uint16_t)(1 + lq_prng_below(r, 8));
  lq_player who = lq_session_player(s, slot), other = lq_session_player(s, slot / 2 + 1);
  /* Each draw in its own declarator: C does not order the arguments of a call. */
  int32_t dx = (int32_t)lq_prng_below(r, 5) - 2, dy = (int32_t)lq_prng_below(r, 5) - 2;
  if (lq_prng_below(r, 3)) { /* few different ids: many doubles */
    client[0] = 'c';
    client[1] = (char)('a' + lq_prng_below(r, 26));
    client[2] = (char)('a' + lq_prng_below(r, 20));
  }
  uint32_t what = lq_prng_below(r, 24), luck = lq_prng_below(r, 24), roles = lq_prng_below(r, 8);
  lq_err err = LQ_OK;
  switch (what) {
  case 0:
    lq_session_next_player_id(s, id);
    err = fx_join(s, id, luck & 1 ? "red" : "", roles);
    break;
  case 1:
    err = fx_join(s, luck & 1 ? "banned" : "p2", "", 1);
    break;
  case 2:
    if (luck % 3 == 0) err = fx_leave(s, who.id);
    break;
  case 3:
    err = fx_number(s, FX_SPAWN, slot, lq_prng_below(r, 4));
    break;
  case 4:
    err = fx_number(s, FX_CHEAT, slot, lq_prng_below(r, 10));
    break;
  case 5:
    if (luck % 8 == 0) err = fx_dare(s, slot, dares[roles % 5]);
    break;
  case 6:
    err = fx_number(s, LQ_CMD_RATE, 0, lq_prng_below(r, 70));
    break;
  case 7:
    err = fx_do_give(s, slot, who.id, other.id, dx * 10);
    break;
  default:
    err = fx_do_move(s, slot, who.id, dx, dy, client);
    break;
  }
  (void)err; /* refused is as good as taken: only what is journaled counts */
}

#endif
