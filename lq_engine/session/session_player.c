/* Players: the table, the command ids they sent, who sees what, and the built-in commands. */
#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

enum { PLAYER_SEED = 0x706c61, IDS_SEED = 0x696473 };

lqi_player *lqi_player_at(const lq_session *session, uint32_t slot) {
  if (slot == 0 || slot >= session->core.player_end) return NULL;
  lqi_player *player = &session->player[slot];
  return player->is.slot ? player : NULL;
}

lqi_player *lqi_player_find(const lq_session *session, lq_span id) {
  for (uint32_t slot = 1; slot < session->core.player_end; slot++) {
    lqi_player *player = lqi_player_at(session, slot);
    if (player && lq_span_is(id, player->is.id)) return player;
  }
  return NULL;
}

/* ---- digest and undo ---- */

static uint64_t id_digest(const lq_session *s, uint32_t slot, uint64_t number) {
  const lqi_ids *ids = &s->ids[slot];
  uint32_t at = (uint32_t)(number % LQ_DEDUPE_IDS);
  uint64_t hash = lq_hash_mix(lq_hash_mix(IDS_SEED, slot), number);
  hash = lq_hash_mix(hash, ids->hash[at]);
  return lq_hash_mix(lq_hash_mix(hash, ids->tick[at]), ids->outcome[at]);
}

static uint64_t ids_digest(const lq_session *s, const lqi_player *player) {
  uint64_t sum = 0, total = player->ids_total;
  uint32_t slot = (uint32_t)(player - s->player);
  for (uint64_t n = total > LQ_DEDUPE_IDS ? total - LQ_DEDUPE_IDS : 0; n < total; n++)
    sum += id_digest(s, slot, n);
  return sum;
}

static uint64_t record_digest(const lq_player *is) {
  uint64_t hash = lq_hash_mix(PLAYER_SEED, is->slot);
  hash = lq_hash_bytes(hash, is->id, LQ_ID_BYTES);
  hash = lq_hash_bytes(hash, is->team, LQ_ID_BYTES);
  hash = lq_hash_mix(hash, (uint64_t)is->connected << 32 | is->roles);
  return lq_hash_mix(hash, (uint32_t)is->entity.bits);
}

uint64_t lqi_player_digest(const lq_session *session, const lqi_player *player) {
  return (player->is.slot ? record_digest(&player->is) : 0) + ids_digest(session, player);
}

void lqi_player_edit(lq_session *session, lqi_player *player) {
  session->core.players_digest -= lqi_player_digest(session, player);
  if (player->saved_tick == session->tick) return;
  session->player_undo[session->player_undo_count] = *player;
  session->player_undo[session->player_undo_count++].queue_last =
      (uint16_t)(player - session->player); /* its place, while it lies here */
  player->saved_tick = session->tick;
}

void lqi_player_done(lq_session *session, lqi_player *player) {
  session->core.players_digest += lqi_player_digest(session, player);
}

void lqi_players_undo(lq_session *session) {
  while (session->player_undo_count) {
    const lqi_player *old = &session->player_undo[--session->player_undo_count];
    lqi_player *player = &session->player[old->queue_last];
    uint16_t queue_last = player->queue_last;
    *player = *old;
    player->queue_last = queue_last;
  }
}

/* ---- command ids ---- */

uint64_t lqi_client_hash(const char *client_id) {
  if (!client_id[0]) return 0;
  uint64_t hash = lq_hash_bytes(IDS_SEED, client_id, strlen(client_id));
  return hash ? hash : 1;
}

uint32_t lqi_ids_find(const lq_session *session, uint32_t slot, uint64_t hash) {
  uint64_t total = session->player[slot].ids_total;
  uint32_t count = total < LQ_DEDUPE_IDS ? (uint32_t)total : LQ_DEDUPE_IDS;
  const uint64_t *hashes = session->ids[slot].hash;
  if (LQ_PLANTED(DEDUPE_SHORT) && count) count--;
  for (uint32_t i = 0; i < count; i++)
    if (hashes[i] == hash) return i;
  return UINT32_MAX;
}

void lqi_ids_push(lq_session *session, uint32_t slot, uint64_t hash, uint64_t tick,
                  lq_err outcome) {
  lqi_player *player = &session->player[slot];
  lqi_ids *ids = &session->ids[slot];
  uint64_t number = player->ids_total++;
  uint32_t at = (uint32_t)(number % LQ_DEDUPE_IDS);
  if (number >= LQ_DEDUPE_IDS)
    session->core.players_digest -= id_digest(session, slot, number - LQ_DEDUPE_IDS);
  ids->hash[at] = hash;
  ids->tick[at] = tick;
  ids->outcome[at] = (uint8_t)outcome;
  session->core.players_digest += id_digest(session, slot, number);
}

bool lq_session_seen(const lq_session *session, uint16_t slot, const char *client_id,
                     uint64_t *tick, lq_err *outcome) {
  uint64_t hash = lqi_client_hash(client_id);
  if (!hash || (slot && !lqi_player_at(session, slot))) return false;
  uint32_t at = lqi_ids_find(session, slot, hash);
  if (at == UINT32_MAX) return false;
  *tick = session->ids[slot].tick[at];
  *outcome = (lq_err)session->ids[slot].outcome[at];
  return true;
}

/* ---- who is there, who sees what ---- */

uint32_t lq_session_player_count(const lq_session *session) { return session->core.player_count; }

lq_player lq_session_player(const lq_session *session, uint16_t slot) {
  const lqi_player *player = lqi_player_at(session, slot);
  return player ? player->is : (lq_player){0};
}

lq_player lq_session_player_find(const lq_session *session, lq_span id) {
  const lqi_player *player = lqi_player_find(session, id);
  return player ? player->is : (lq_player){0};
}

lq_viewer lq_session_viewer(const lq_session *session, uint16_t slot) {
  lq_viewer viewer = {0};
  const lqi_player *player = lqi_player_at(session, slot);
  if (!player) return viewer;
  viewer.slot = slot;
  viewer.roles = player->is.roles;
  memcpy(viewer.team, player->is.team, sizeof viewer.team);
  return viewer;
}

/* The team of a slot's player, or of the one who left it in this tick: teammates saw what changes
 * because of it. NULL when there is neither. */
static const char *team_of(const lq_session *session, uint16_t slot) {
  if (slot == 0 || slot > session->game->players_max) return NULL;
  const lqi_player *player = &session->player[slot];
  if (player->is.slot) return player->is.team;
  bool just_left = player->left_team[0] && player->left_tick == session->tick;
  return just_left ? player->left_team : NULL;
}

bool lq_session_may_see(const lq_session *session, const lq_viewer *viewer, lq_visibility visible,
                        uint16_t owner) {
  if (viewer->all || visible.see == LQ_SEE_ALL) return true;
  if (visible.see == LQ_SEE_ROLE) return (viewer->roles & visible.roles) != 0;
  if (visible.see != LQ_SEE_OWNER && visible.see != LQ_SEE_TEAM) return false;
  if (owner && viewer->slot == owner) return true;
  if (visible.see == LQ_SEE_OWNER || !viewer->team[0]) return false;
  const char *team = team_of(session, owner);
  return team && strcmp(team, viewer->team) == 0;
}

static bool join_queued(const lq_session *s, lq_span id) {
  for (uint32_t i = 0; i < s->queued; i++) {
    const lqi_queued *q = &s->queue[i];
    if (q->type != LQ_CMD_JOIN) continue;
    /* "player" is declared first, so it comes first on the wire. */
    lq_reader in =
        lq_reader_of(lq_span_of(s->queue_data + q->at + q->id_bytes + 1u, q->body_bytes));
    if (lq_span_equal(lq_read_sized(&in), id)) return true;
  }
  return false;
}

void lq_session_next_player_id(const lq_session *session, char out[LQ_ID_BYTES]) {
  for (uint64_t n = session->core.player_next;; n++) {
    memset(out, 0, LQ_ID_BYTES);
    lq_writer text = lq_writer_of(out, LQ_ID_BYTES - 1);
    lq_write_u8(&text, 'p');
    lq_write_decimal_u(&text, n);
    lq_span id = lq_writer_span(&text);
    lq_entity entity = lq_world_find(session->world, id);
    if (!lqi_player_find(session, id) && !join_queued(session, id) && entity.bits == 0) return;
  }
}

/* "p7" moves the counter behind 7, so that an id is not given twice; a far number does not. */
static void count_player_id(lq_session *s, const char *id) {
  uint64_t n = 0;
  if (id[0] != 'p' || id[1] < '1') return;
  for (uint32_t i = 1; id[i]; i++) {
    if (id[i] < '0' || id[i] > '9' || i > 9) return;
    n = n * 10 + (uint64_t)(id[i] - '0');
  }
  if (n >= s->core.player_next && n < s->core.player_next + LQ_PLAYERS_MAX)
    s->core.player_next = n + 1;
}

/* ---- built-in commands ---- */

static const uint8_t *field_at(const lq_session *s, uint16_t type, uint32_t field,
                               const uint8_t *row) {
  return row + s->game->command[type].record.field[field].offset;
}

static lqi_player *free_slot(lq_session *s) {
  for (uint32_t slot = 1; slot <= s->game->players_max; slot++) {
    lqi_player *player = &s->player[slot];
    if (player->is.slot == 0 && player->left_tick != s->tick) return player;
  }
  return NULL;
}

static lq_entity template_reference(const lq_session *s, uint64_t reference) {
  if (reference == 0 || reference > s->game->scene_entity_count) return LQ_ENTITY_NULL;
  return lq_world_find(s->world, lq_span_text(s->game->scene[reference - 1].id));
}

static lq_err give_components(lq_session *s, lq_entity entity) {
  const lq_schema *schema = &s->game->schema;
  const uint8_t *from = s->game->player_rows;
  if (from) from += s->game->player.row_at;
  for (uint32_t t = 0; t < schema->component_count; t++) {
    if (!(s->game->player.mask >> t & 1)) continue;
    lq_err err = lq_world_add(s->world, entity, t);
    if (err) return err;
    const lq_record *record = &schema->component[t].record;
    if (record->row_bytes == 0) continue;
    uint8_t *row = lq_world_write(s->world, entity, t);
    memcpy(row, from, record->row_bytes);
    from += record->row_bytes;
    for (uint32_t f = 0; f < record->field_count; f++)
      for (size_t i = 0; record->field[f].kind == LQ_FIELD_ENTITY && i < record->field[f].count;
           i++) {
        uint8_t *at = row + record->field[f].offset + 8 * i;
        uint64_t reference;
        memcpy(&reference, at, 8);
        lq_entity handle = template_reference(s, reference);
        memcpy(at, &handle, 8);
      }
  }
  return LQ_OK;
}

static lq_err join_new(lq_session *s, const lq_player *who, const uint8_t *row) {
  lqi_player *player = free_slot(s);
  if (!player || s->core.player_count == s->game->players_max) return LQ_ERR_FULL;
  uint16_t slot = (uint16_t)(player - s->player);
  lq_entity entity = LQ_ENTITY_NULL;
  if (s->game->player.mask) {
    lq_err err = lq_world_create(s->world, who->id, slot, &entity);
    if (!err) err = give_components(s, entity);
    if (err) return err;
    lqi_cause_add(s, entity, LQI_TYPE_ANY, slot);
  }
  lqi_core before = s->core;
  lqi_player record = *player;
  lqi_player_edit(s, player);
  player->is = *who;
  player->is.slot = slot;
  player->is.entity = entity;
  player->ids_total = 0;
  if (slot >= s->core.player_end) s->core.player_end = slot + 1u;
  s->core.player_count++;
  count_player_id(s, who->id);
  lqi_player_done(s, player);
  lq_err err = lqi_handler_call(s, LQ_CMD_JOIN, row, slot);
  if (err) {
    record.saved_tick = player->saved_tick;
    *player = record;
    s->core = before;
    if (entity.bits && lq_world_delete(s->world, entity) != LQ_OK) return LQ_ERR_INTERNAL;
  }
  return err;
}

static lq_err apply_join(lq_session *s, const uint8_t *row) {
  lq_player who = {.connected = true};
  int64_t roles;
  memcpy(who.id, field_at(s, LQ_CMD_JOIN, 0, row), LQ_ID_BYTES);
  memcpy(who.team, field_at(s, LQ_CMD_JOIN, 1, row), LQ_ID_BYTES);
  memcpy(&roles, field_at(s, LQ_CMD_JOIN, 2, row), 8);
  if (!lq_id_valid(lq_span_text(who.id), LQ_ID_BYTES)) return LQ_ERR_INVALID;
  if (who.team[0] && !lq_id_valid(lq_span_text(who.team), LQ_ID_BYTES)) return LQ_ERR_INVALID;
  if (roles < 0 || roles >> s->game->role_count) return LQ_ERR_INVALID;
  who.roles = (uint32_t)roles;
  lqi_player *known = lqi_player_find(s, lq_span_text(who.id));
  if (!known) return join_new(s, &who, row);
  lqi_player_edit(s, known);
  known->is.connected = true;
  lqi_player_done(s, known);
  return LQ_OK;
}

/* What the player owned belongs to nobody: the slot will be somebody else's. */
static lq_err disown(lq_session *s, uint16_t slot) {
  for (uint32_t row = 0; row < lq_world_row_end(s->world); row++) {
    lq_entity entity = lq_world_entity_at(s->world, row);
    if (entity.bits == 0 || lq_world_owner(s->world, entity) != slot) continue;
    lq_err err = lq_world_set_owner(s->world, entity, 0);
    if (err) return err;
  }
  return LQ_OK;
}

static lq_err apply_leave(lq_session *s, const uint8_t *row) {
  const char *id = (const char *)field_at(s, LQ_CMD_LEAVE, 0, row);
  lqi_player *player = lqi_player_find(s, lq_span_text(id));
  if (!player) return LQ_ERR_NOT_FOUND;
  uint16_t slot = player->is.slot;
  lq_entity entity = player->is.entity;
  if (s->game->leave_deletes && lq_world_alive(s->world, entity)) {
    lqi_cause_add(s, entity, LQI_TYPE_ANY, slot);
    lq_err err = lq_world_delete(s->world, entity);
    if (err) return err;
  }
  lq_err err = disown(s, slot);
  if (err) return err;
  lqi_player_edit(s, player);
  memcpy(player->left_team, player->is.team, sizeof player->left_team);
  player->is = (lq_player){0};
  player->ids_total = 0;
  player->left_tick = s->tick;
  while (s->core.player_end > 1 && s->player[s->core.player_end - 1].is.slot == 0)
    s->core.player_end--;
  s->core.player_count--;
  lqi_player_done(s, player);
  /* Nobody can be kept: a handler that refuses only undoes its own changes. */
  err = lqi_handler_call(s, LQ_CMD_LEAVE, row, slot);
  return LQ_OK;
}

static lq_err apply_connection(lq_session *s, const uint8_t *row) {
  const char *id = (const char *)field_at(s, LQ_CMD_CONNECTION, 0, row);
  lqi_player *player = lqi_player_find(s, lq_span_text(id));
  if (!player) return LQ_ERR_NOT_FOUND;
  lqi_player_edit(s, player);
  player->is.connected = *field_at(s, LQ_CMD_CONNECTION, 1, row) != 0;
  lqi_player_done(s, player);
  return LQ_OK;
}

static lq_err apply_rate(lq_session *s, const uint8_t *row) {
  int32_t hz;
  memcpy(&hz, field_at(s, LQ_CMD_RATE, 0, row), 4);
  if (s->game->hz == 0 || hz < 1) return LQ_ERR_INVALID;
  if (hz > (int32_t)LQ_HZ_MAX) return LQ_ERR_RANGE;
  s->core.hz = (uint32_t)hz;
  return LQ_OK;
}

static lq_err check_release(const lq_session *s, const uint8_t *row) {
  const char *id = (const char *)field_at(s, LQ_CMD_RELEASE, 0, row);
  for (uint32_t i = 0; i < 64; i++)
    if (!((id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f'))) return LQ_ERR_INVALID;
  return id[64] ? LQ_ERR_INVALID : LQ_OK;
}

lq_err lqi_builtin_apply(lq_session *session, uint16_t type, const uint8_t *row) {
  switch (type) {
  case LQ_CMD_JOIN:
    return apply_join(session, row);
  case LQ_CMD_LEAVE:
    return apply_leave(session, row);
  case LQ_CMD_CONNECTION:
    return apply_connection(session, row);
  case LQ_CMD_RATE:
    return apply_rate(session, row);
  case LQ_CMD_RELEASE:
    return check_release(session, row);
  case LQ_CMD_END:
    session->core.ended = true;
    return LQ_OK;
  case LQ_CMD_GUEST:
    return lqi_guest_strike(session, row);
  default:
    return LQ_ERR_UNKNOWN_COMMAND;
  }
}
