/* The session's own rules, told again: order, senders, players, built-in commands, command ids. */
#include "apps/lqsim/model/model_int.h"

typedef unsigned long long ull;

/* The fields of a built-in command lie where its record says. */
static const char *text_of(const lqi_order *order, const char *field) {
  return (const char *)order->row + lq_record_field(order->record, lq_span_text(field))->offset;
}

static lqi_outcome plain(lq_err err) { return (lqi_outcome){err, NULL}; }

static lqi_seat *seat_find(model *m, const char *id) {
  for (uint32_t slot = 1; slot <= m->seat_max; slot++)
    if (m->seat[slot].taken && strcmp(m->seat[slot].id, id) == 0) return &m->seat[slot];
  return NULL;
}

/* ---- players ---- */

/* "p7" moves the next number behind 7, unless it is a thousand ahead. */
static void count_id(model *m, const char *id) {
  uint64_t number = 0;
  size_t digits = strlen(id) - 1;
  if (id[0] != 'p' || digits < 1 || digits > 9 || id[1] == '0') return;
  for (size_t i = 1; i <= digits; i++) {
    if (id[i] < '0' || id[i] > '9') return;
    number = number * 10 + (uint64_t)(id[i] - '0');
  }
  if (number >= m->player_next && number < m->player_next + LQ_PLAYERS_MAX)
    m->player_next = number + 1;
}

/* The lowest slot that is free, and was when the tick began. */
static uint32_t slot_free(const model *m) {
  for (uint32_t slot = 1; slot <= m->game->players_max; slot++)
    if (!m->seat[slot].taken && m->seat[slot].left_tick != m->tick) return slot;
  return 0;
}

static lqi_outcome join_new(model *m, const char *id, const char *team, uint32_t roles) {
  uint32_t slot = slot_free(m);
  if (slot == 0 || m->seat_count == m->game->players_max) return plain(LQ_ERR_FULL);
  if (lqi_thing_find(m, lq_span_text(id))) return plain(LQ_ERR_EXISTS);
  lqi_thing *player = lqi_thing_make(m, id, (uint16_t)slot, m->rules->spawn);
  if (!player) return plain(LQ_ERR_FULL);
  lqi_outcome outcome =
      lqi_left_out(m, "join", true) ? plain(LQ_ERR_GUEST) : m->rules->join(m, player);
  if (outcome.err) {
    lqi_thing_remove(m, player);
    return outcome;
  }
  lqi_seat *seat = &m->seat[slot];
  uint64_t left_tick = seat->left_tick;
  memset(seat, 0, sizeof *seat);
  seat->left_tick = left_tick;
  seat->taken = seat->connected = true;
  seat->roles = roles;
  memcpy(seat->id, id, LQ_ID_BYTES);
  memcpy(seat->team, team, LQ_ID_BYTES);
  m->seat_count++;
  count_id(m, id);
  return outcome;
}

static lqi_outcome join(model *m, const lqi_order *order) {
  const char *id = text_of(order, "player"), *team = text_of(order, "team");
  int64_t roles = lqi_order_number(order, "roles", 0);
  if (!lq_id_valid(lq_span_text(id), LQ_ID_BYTES) ||
      (team[0] && !lq_id_valid(lq_span_text(team), LQ_ID_BYTES)) || roles < 0 ||
      roles >= INT64_C(1) << m->game->role_count)
    return plain(LQ_ERR_INVALID);
  lqi_seat *known = seat_find(m, id);
  if (!known) return join_new(m, id, team, (uint32_t)roles);
  known->connected = true;
  return plain(LQ_OK);
}

static lqi_outcome leave(model *m, const lqi_order *order) {
  lqi_seat *seat = seat_find(m, text_of(order, "player"));
  if (!seat) return plain(LQ_ERR_NOT_FOUND);
  uint16_t slot = (uint16_t)(seat - m->seat);
  lqi_thing *player = lqi_thing_find(m, lq_span_text(seat->id));
  memset(seat, 0, sizeof *seat);
  seat->left_tick = m->tick;
  m->seat_count--;
  for (uint32_t i = 0; i < m->thing_end; i++)
    if (m->thing[i].lives && m->thing[i].owner == slot) m->thing[i].owner = 0;
  if (player) m->rules->leave(m, player);
  return plain(LQ_OK);
}

static lqi_outcome connection(model *m, const lqi_order *order) {
  lqi_seat *seat = seat_find(m, text_of(order, "player"));
  if (!seat) return plain(LQ_ERR_NOT_FOUND);
  seat->connected = text_of(order, "connected")[0] != 0;
  return plain(LQ_OK);
}

static lqi_outcome rate(model *m, const lqi_order *order) {
  int64_t hz = lqi_order_number(order, "hz", 0);
  if (m->game->hz == 0 || hz < 1) return plain(LQ_ERR_INVALID);
  if (hz > (int64_t)LQ_HZ_MAX) return plain(LQ_ERR_RANGE);
  m->hz = (uint32_t)hz;
  return plain(LQ_OK);
}

static lqi_outcome release(const lqi_order *order) {
  const char *id = text_of(order, "id");
  return plain(strlen(id) == 64 && strspn(id, "0123456789abcdef") == 64 ? LQ_OK : LQ_ERR_INVALID);
}

static uint32_t guest_of(const model *m, const lqi_order *order) {
  return lqi_guest_of(m, text_of(order, "name"), text_of(order, "command")[0] != 0);
}

static lqi_outcome strike(model *m, const lqi_order *order) {
  uint32_t guest = guest_of(m, order);
  if (guest == LQI_GUESTS) return plain(LQ_ERR_NOT_FOUND);
  if (m->strikes[guest] < LQ_GUEST_STRIKES_MAX) m->strikes[guest]++;
  return plain(LQ_OK);
}

/* Wherever the command stands in the tick, the whole tick is without that guest. */
static void skips(model *m, lq_span commands) {
  lq_reader in = lq_reader_of(commands);
  for (lq_command c; lq_command_read(&in, m->game, &c);) {
    _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
    const lq_record *record = &m->game->command[c.type].record;
    lq_reader body = lq_reader_of(c.body);
    if (c.type != LQ_CMD_GUEST || lq_record_decode(record, &body, NULL, row, NULL)) continue;
    uint32_t guest = guest_of(m, &(lqi_order){record, row, c.slot});
    if (guest < LQI_GUESTS) m->skip[guest] = true;
  }
}

static lqi_outcome builtin(model *m, uint16_t type, const lqi_order *order) {
  switch ((lq_builtin)type) {
  case LQ_CMD_JOIN:
    return join(m, order);
  case LQ_CMD_LEAVE:
    return leave(m, order);
  case LQ_CMD_CONNECTION:
    return connection(m, order);
  case LQ_CMD_RATE:
    return rate(m, order);
  case LQ_CMD_RELEASE:
    return release(order);
  case LQ_CMD_END:
    m->ended = true;
    return plain(LQ_OK);
  case LQ_CMD_GUEST:
    return strike(m, order);
  case LQ_CMD_BUILTIN_COUNT:
    break;
  }
  return plain(LQ_ERR_UNKNOWN_COMMAND);
}

/* ---- one command ---- */

static lq_entity find(const void *context, lq_span id) {
  return (lq_entity){lqi_thing_row(context, id) + 1u}; /* row + 1; none wraps to null */
}

static lqi_outcome apply(model *m, const lq_command *c) {
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  const lq_command_type *type = &m->game->command[c->type];
  const lqi_seat *sender = &m->seat[c->slot];
  lqi_order order = {&type->record, row, c->slot};
  if (m->ended) return plain(LQ_ERR_ENDED);
  if (c->slot && !sender->taken) return plain(LQ_ERR_NOT_JOINED);
  if (c->slot && c->type < LQ_CMD_BUILTIN_COUNT) return plain(LQ_ERR_FORBIDDEN);
  if (c->slot && type->roles && !(type->roles & sender->roles)) return plain(LQ_ERR_FORBIDDEN);
  const lq_entity_names names = {.context = m, .find = find};
  lq_reader in = lq_reader_of(c->body);
  const lq_field *bad;
  lq_err err = lq_record_decode(&type->record, &in, &names, row, &bad);
  if (!err && !lq_reader_done(&in)) err = LQ_ERR_INVALID;
  if (err) return plain(err);
  if (c->type < LQ_CMD_BUILTIN_COUNT) return builtin(m, c->type, &order);
  if (type->entity_field != UINT16_MAX) {
    const lqi_thing *own = lqi_order_thing(m, &order, "entity");
    if (!own) return plain(LQ_ERR_NOT_FOUND);
    if (c->slot && own->owner != c->slot) return plain(LQ_ERR_NOT_OWNER);
  }
  if (lqi_left_out(m, type->record.name, true)) return plain(LQ_ERR_GUEST);
  return m->rules->command(m, type->record.name, &order);
}

/* ---- the commands of a tick ---- */

/* They come by slot, then by number from 0, and name who had the slot when the tick began. */
static bool check_order(model *m, lq_span commands) {
  lq_reader in = lq_reader_of(commands);
  lq_command c;
  uint32_t slot = 0;
  uint64_t seq = 0;
  while (lq_command_read(&in, m->game, &c)) {
    if (c.slot != slot) seq = 0;
    if (c.slot < slot || c.seq != seq++)
      return lqi_bad(m, "command %llu of slot %u is out of order", (ull)c.seq, c.slot);
    slot = c.slot;
    if (strcmp(c.player, m->seat[slot].id) != 0)
      return lqi_bad(m, "a command of slot %u names player '%s', the model '%s'", c.slot, c.player,
                     m->seat[slot].id);
  }
  return in.failed ? lqi_bad(m, "the commands cannot be read") : true;
}

static bool check_applied(model *m, const lq_command *c, const lqi_outcome *told,
                          const lq_applied *got, uint32_t number) {
  const char *name = m->game->command[c->type].record.name;
  if (got->type != c->type || got->slot != c->slot || got->tick != m->tick ||
      strcmp(got->client_id, c->client_id) != 0)
    return lqi_bad(m, "command %u (%s of slot %u, id '%s') is another one in the applied list",
                   number, name, c->slot, c->client_id);
  if (got->outcome != told->err)
    return lqi_bad(m, "command %u (%s of slot %u): the model says %s%s%s, the session %s %s",
                   number, name, c->slot, lq_err_name(told->err), told->reason ? " " : "",
                   told->reason ? told->reason : "", lq_err_name(got->outcome), got->reason);
  /* "": there was no room left for the words of this tick. */
  if (got->reason[0] && (!told->reason || strcmp(got->reason, told->reason) != 0))
    return lqi_bad(m, "command %u (%s of slot %u): the model's reason '%s', the session's '%s'",
                   number, name, c->slot, told->reason ? told->reason : "", got->reason);
  return true;
}

bool lqi_commands_tell(model *m, const lq_tick_result *result) {
  lq_reader in = lq_reader_of(result->commands);
  lq_command c;
  if (!check_order(m, result->commands)) return false;
  skips(m, result->commands);
  while (m->outcome_count < LQ_TICK_COMMANDS_MAX && lq_command_read(&in, m->game, &c)) {
    uint32_t number = m->outcome_count++;
    if (number >= result->applied_count)
      return lqi_bad(m, "%u commands were applied, the journal has more", result->applied_count);
    m->outcome[number] = apply(m, &c);
    if (!check_applied(m, &c, &m->outcome[number], &result->applied[number], number)) return false;
  }
  if (m->outcome_count != result->applied_count)
    return lqi_bad(m, "%u commands were applied, the journal has %u", result->applied_count,
                   m->outcome_count);
  return true;
}

/* ---- command ids ---- */

/* Of each sender the newest 64 are known, with tick and outcome, and applied at most once. */
static bool remember(model *m, const lq_command *c, lq_err outcome) {
  lqi_seat *seat = &m->seat[c->slot];
  uint64_t kept = seat->ids_total < LQ_DEDUPE_IDS ? seat->ids_total : LQ_DEDUPE_IDS;
  for (uint64_t i = 0; i < kept; i++)
    if (strcmp(seat->known[i].id, c->client_id) == 0)
      return lqi_bad(m, "command id '%s' of slot %u was applied at tick %llu already", c->client_id,
                     c->slot, (ull)seat->known[i].tick);
  lqi_known *known = &seat->known[seat->ids_total++ % LQ_DEDUPE_IDS];
  memcpy(known->id, c->client_id, LQ_CLIENT_ID_BYTES);
  known->tick = m->tick;
  known->outcome = outcome;
  return true;
}

static bool check_remembered(model *m, lq_session *session, uint16_t slot) {
  const lqi_seat *seat = &m->seat[slot];
  uint64_t kept = seat->ids_total < LQ_DEDUPE_IDS ? seat->ids_total : LQ_DEDUPE_IDS, tick;
  for (uint64_t i = 0; i < kept; i++) {
    const lqi_known *known = &seat->known[i];
    lq_err outcome;
    if (!lq_session_seen(session, slot, known->id, &tick, &outcome))
      return lqi_bad(m, "command id '%s' of slot %u is forgotten", known->id, slot);
    if (tick != known->tick || outcome != known->outcome)
      return lqi_bad(m, "command id '%s' of slot %u: tick %llu and %s, in the model %llu and %s",
                     known->id, slot, (ull)tick, lq_err_name(outcome), (ull)known->tick,
                     lq_err_name(known->outcome));
  }
  return true;
}

bool lqi_ids_remember(model *m, lq_session *session, const lq_tick_result *result) {
  lq_reader in = lq_reader_of(result->commands);
  lq_command c, before = {0};
  for (uint32_t i = 0; i < m->outcome_count && lq_command_read(&in, m->game, &c); i++) {
    if (c.slot != before.slot && !check_remembered(m, session, before.slot)) return false;
    before = c;
    bool stays = c.slot == 0 || m->seat[c.slot].taken;
    if (c.client_id[0] && stays && !remember(m, &c, m->outcome[i].err)) return false;
  }
  return check_remembered(m, session, before.slot);
}
