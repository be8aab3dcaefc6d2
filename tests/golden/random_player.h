/* Plays any game at random: players come and go, and send the commands that the game declares, with
 * fields that mostly make sense. The same draws on every machine. Refused is as good as taken. */
#ifndef LQ_TESTS_GOLDEN_RANDOM_PLAYER_H
#define LQ_TESTS_GOLDEN_RANDOM_PLAYER_H

#include "lq_engine/session/session.h"

#include <stdio.h>
#include <string.h>

typedef struct random_player random_player;
struct random_player {
  lq_session *session;
  lq_prng prng;
  /* Instead of lq_session_submit, when set; the body is borrowed. */
  void (*take)(random_player *player, const lq_command *command);
};

static inline uint32_t random_below(random_player *p, uint32_t bound) {
  return lq_prng_below(&p->prng, bound);
}

static inline void random_send(random_player *p, uint16_t type, uint16_t slot, lq_span body) {
  lq_command command = {.type = type, .slot = slot, .body = body};
  uint64_t first;
  uint32_t id = random_below(p, 4); /* some with an id, of few: doubles too */
  if (id == 0)
    (void)snprintf(command.client_id, sizeof command.client_id, "c%u", random_below(p, 1000));
  if (p->take)
    p->take(p, &command);
  else if (lq_session_submit(p->session, &command, &first) != LQ_OK)
    return; /* as it may be */
}

static inline void random_text(lq_writer *out, const char *text) {
  lq_write_sized(out, text, strlen(text));
}

/* The id of a player's entity, of a live one, or of none. */
static inline void random_entity(random_player *p, uint16_t slot, bool own, lq_writer *out) {
  const lq_world *world = lq_session_world(p->session);
  lq_entity entity = lq_session_player(p->session, slot).entity;
  uint32_t luck = random_below(p, own ? 16 : 3), row = random_below(p, lq_world_row_end(world) + 1);
  if (luck != 0 && own) {
    random_text(out, lq_world_id(world, entity));
    return;
  }
  random_text(out, lq_world_id(world, lq_world_entity_at(world, row)));
}

static inline int64_t random_integer(random_player *p) {
  uint32_t kind = random_below(p, 8);
  int64_t small = (int64_t)random_below(p, 7) - 3, large = (int64_t)random_below(p, 20001) - 10000;
  return kind == 0 ? large : kind == 1 ? small * 100000000 : kind == 2 ? large / 50 : small;
}

static inline void random_f32(random_player *p, lq_writer *out) {
  float value = (float)random_integer(p) / 8.0f;
  uint32_t bits, wild = random_below(p, 16), any = (uint32_t)lq_prng_next(&p->prng);
  memcpy(&bits, &value, sizeof bits);
  lq_write_u32(out, wild == 0 ? any : bits);
}

static inline void random_str(random_player *p, uint16_t slot, uint32_t capacity, lq_writer *out) {
  static const char *const words[] = {"", "a", "rent", "team-1", "p2", "m\xc3\xa4rz", "gold"};
  uint32_t word = random_below(p, 8);
  lq_player player = lq_session_player(p->session, slot);
  const char *text = word < 7 ? words[word] : player.id;
  if (strlen(text) >= capacity) text = "";
  random_text(out, text);
}

static inline void random_field(random_player *p, const lq_field *field, uint16_t slot, bool own,
                                lq_writer *out) {
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
    lq_write_zigzag(out, random_integer(p));
    break;
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY: { /* amounts: mostly above 0 */
    int64_t value = random_integer(p);
    lq_write_zigzag(out, value < 0 && random_below(p, 4) ? -value : value);
    break;
  }
  case LQ_FIELD_F32:
    random_f32(p, out);
    break;
  case LQ_FIELD_BOOL:
    lq_write_u8(out, (uint8_t)random_below(p, 2));
    break;
  case LQ_FIELD_ENTITY:
    random_entity(p, slot, own, out);
    break;
  case LQ_FIELD_STR:
    random_str(p, slot, field->str_bytes, out);
    break;
  }
}

/* One of the game's own commands, from a player or (rarely) the host. */
static inline void random_command(random_player *p) {
  const lq_game *game = lq_session_game(p->session);
  uint32_t own = game->command_count - LQ_CMD_BUILTIN_COUNT;
  if (own == 0) return;
  uint16_t type = (uint16_t)(LQ_CMD_BUILTIN_COUNT + random_below(p, own));
  uint16_t slot = (uint16_t)(random_below(p, 6) + (random_below(p, 32) != 0));
  const lq_command_type *t = &game->command[type];
  uint8_t body[16384];
  lq_writer out = lq_writer_of(body, sizeof body);
  for (uint32_t f = 0; f < t->record.field_count; f++)
    for (uint32_t i = 0; i < t->record.field[f].count; i++)
      random_field(p, &t->record.field[f], slot, f == t->entity_field, &out);
  random_send(p, type, slot, lq_writer_span(&out));
}

/* Somebody comes, comes back, loses the connection or goes. */
static inline void random_traffic(random_player *p) {
  const lq_game *game = lq_session_game(p->session);
  uint8_t body[128];
  char id[LQ_ID_BYTES];
  uint32_t kind = random_below(p, 8), who = random_below(p, 6) + 1, roles = random_below(p, 16);
  lq_writer out = lq_writer_of(body, sizeof body);
  (void)snprintf(id, sizeof id, "p%u", who);
  random_text(&out, id);
  if (kind == 0) {
    random_send(p, LQ_CMD_LEAVE, 0, lq_writer_span(&out));
  } else if (kind == 1) {
    lq_write_u8(&out, roles & 1);
    random_send(p, LQ_CMD_CONNECTION, 0, lq_writer_span(&out));
  } else {
    random_text(&out, who & 1 ? "red" : "blue");
    lq_write_zigzag(&out, game->role_count < 4 ? roles & ((1u << game->role_count) - 1) : roles);
    random_send(p, LQ_CMD_JOIN, 0, lq_writer_span(&out));
  }
}

/* The commands of the next tick: at first everybody comes. */
static inline void random_tick(random_player *p) {
  if (lq_session_tick_number(p->session) < 8 || random_below(p, 16) == 0) random_traffic(p);
  for (uint32_t n = random_below(p, 6); n > 0; n--) random_command(p);
}

#endif
