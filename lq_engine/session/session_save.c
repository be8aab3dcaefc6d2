/* Saved sessions. Integers are little-endian or varints:
 *   u32 magic "LQSS", u32 LQ_ABI_VERSION, u64 interface hash of the game
 *   u64 tick, 4 x u64 random state, u64 wake tick, u64 next player number, u8 hz, u8 ended
 *   ids of the host, then varint players, each ascending: slot, sized id, sized team, roles,
 *   u8 connected, u64 entity, ids
 *   ids: varint total ever, then the last LQ_DEDUPE_IDS at most, oldest first: u64 hash, varint
 *   tick, u8 outcome
 *   guests: varint count, each ascending, of those that keep something or have strikes: varint
 *   place (of the system; systems + that of the command), u8 strikes, sized state (systems)
 *   in a game with physics: u32 LQ_PHYSICS_VERSION, sized what contacts keep, sized what joints
 * keep, varint marks, each ascending: u64 id, u64 digest the world, to the end */
#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

#define SESSION_MAGIC 0x5353514cu /* "LQSS" */

enum { HEAD_BYTES = 96, IDS_BYTES = 10 + LQ_DEDUPE_IDS * 19, PLAYER_BYTES = 96 };

static uint64_t ids_first(uint64_t total) {
  return total > LQ_DEDUPE_IDS ? total - LQ_DEDUPE_IDS : 0;
}

size_t lq_session_save_bytes(const lq_session *session) {
  size_t bytes = HEAD_BYTES + IDS_BYTES + 10 + lq_world_save_bytes(session->world);
  bytes += lqi_guests_save_bytes(session) + lqi_physics_save_bytes(session);
  return bytes + session->core.player_count * (size_t)(PLAYER_BYTES + IDS_BYTES);
}

static void save_ids(const lq_session *s, uint32_t slot, lq_writer *out) {
  uint64_t total = LQ_PLANTED(DEDUPE_NOT_SAVED) ? 0 : s->player[slot].ids_total;
  const lqi_ids *ids = &s->ids[slot];
  lq_write_varint(out, total);
  for (uint64_t n = ids_first(total); n < total; n++) {
    uint32_t at = (uint32_t)(n % LQ_DEDUPE_IDS);
    lq_write_u64(out, ids->hash[at]);
    lq_write_varint(out, ids->tick[at]);
    lq_write_u8(out, ids->outcome[at]);
  }
}

lq_err lq_session_save(const lq_session *session, lq_writer *out) {
  const lqi_core *core = &session->core;
  lq_write_u32(out, SESSION_MAGIC);
  lq_write_u32(out, LQ_ABI_VERSION);
  lq_write_u64(out, session->game->interface_hash);
  lq_write_u64(out, session->tick);
  for (uint32_t i = 0; i < 4; i++) lq_write_u64(out, core->prng.word[i]);
  lq_write_u64(out, core->wake_tick);
  lq_write_u64(out, LQ_PLANTED(NEXT_PLAYER) ? 1 : core->player_next);
  lq_write_u8(out, (uint8_t)core->hz);
  lq_write_u8(out, core->ended);
  save_ids(session, 0, out);
  lq_write_varint(out, core->player_count);
  for (uint32_t slot = 1; slot < core->player_end; slot++) {
    const lqi_player *player = lqi_player_at(session, slot);
    if (!player) continue;
    lq_write_varint(out, slot);
    lq_write_sized(out, player->is.id, strlen(player->is.id));
    lq_write_sized(out, player->is.team, strlen(player->is.team));
    lq_write_varint(out, player->is.roles);
    lq_write_u8(out, player->is.connected);
    lq_write_u64(out, player->is.entity.bits);
    save_ids(session, slot, out);
  }
  lqi_guests_save(session, out);
  lqi_physics_save(session, out);
  lq_err err = lq_world_save(session->world, out);
  return out->failed ? LQ_ERR_TOO_BIG : err;
}

/* ---- load ---- */

static void load_ids(lq_session *s, uint32_t slot, lq_reader *in) {
  lqi_ids *ids = &s->ids[slot];
  uint64_t total = lq_read_varint(in), last = 0;
  if (total >> 62) in->failed = true;
  for (uint64_t n = ids_first(total); !in->failed && n < total; n++) {
    uint32_t at = (uint32_t)(n % LQ_DEDUPE_IDS);
    ids->hash[at] = lq_read_u64(in);
    ids->tick[at] = lq_read_varint(in);
    ids->outcome[at] = lq_read_u8(in);
    if (ids->hash[at] == 0 || ids->tick[at] > s->tick || ids->tick[at] < last ||
        ids->outcome[at] >= LQ_ERR_COUNT)
      in->failed = true;
    last = ids->tick[at];
  }
  if (!in->failed) s->player[slot].ids_total = total;
}

static bool load_text(lq_reader *in, char out[LQ_ID_BYTES], bool may_be_empty) {
  lq_span text = lq_read_sized(in);
  if (in->failed) return false;
  if (text.bytes == 0) return may_be_empty;
  return lq_id_valid(text, LQ_ID_BYTES) && lq_text_copy(out, LQ_ID_BYTES, text);
}

static bool load_player(lq_session *s, lq_reader *in) {
  uint64_t slot = lq_read_varint(in);
  if (in->failed || slot == 0 || slot < s->core.player_end || slot > s->game->players_max)
    return false;
  lq_player is = {.slot = (uint16_t)slot};
  if (!load_text(in, is.id, false) || !load_text(in, is.team, true)) return false;
  uint64_t roles = lq_read_varint(in);
  uint8_t connected = lq_read_u8(in);
  is.entity.bits = lq_read_u64(in);
  if (in->failed || roles >> s->game->role_count || connected > 1) return false;
  if (lqi_player_find(s, lq_span_text(is.id))) return false;
  is.roles = (uint32_t)roles;
  is.connected = connected;
  s->player[slot].is = is;
  s->core.player_end = (uint32_t)slot + 1;
  s->core.player_count++;
  load_ids(s, (uint32_t)slot, in);
  s->core.players_digest += lqi_player_digest(s, &s->player[slot]);
  return !in->failed;
}

static bool load_core(lq_session *s, lq_reader *in) {
  lqi_core *core = &s->core;
  uint64_t bits = 0;
  s->tick = lq_read_u64(in);
  for (uint32_t i = 0; i < 4; i++) bits |= core->prng.word[i] = lq_read_u64(in);
  core->wake_tick = lq_read_u64(in);
  core->player_next = lq_read_u64(in);
  core->hz = lq_read_u8(in);
  uint8_t ended = lq_read_u8(in);
  core->ended = ended;
  bool hz_ok = s->game->hz ? core->hz >= 1 && core->hz <= LQ_HZ_MAX : core->hz == 0;
  return !in->failed && ended <= 1 && hz_ok && bits && s->tick >> 62 == 0 && core->player_next &&
         core->player_next >> 62 == 0;
}

/* An owner beyond the slots would come out again in events and changes that cannot be read. */
static bool owners_fit(const lq_session *s) {
  for (uint32_t row = 0; row < s->game->entities_max; row++)
    if (lq_world_owner(s->world, lq_world_entity_at(s->world, row)) > s->game->players_max)
      return false;
  return true;
}

static lq_err load(lq_session *s, lq_reader *in) {
  if (lq_read_u32(in) != SESSION_MAGIC) return in->failed ? LQ_ERR_TRUNCATED : LQ_ERR_CORRUPT;
  uint32_t abi = lq_read_u32(in);
  uint64_t interface = lq_read_u64(in);
  if (in->failed) return LQ_ERR_TRUNCATED;
  if (abi != LQ_ABI_VERSION || interface != s->game->interface_hash) return LQ_ERR_VERSION;
  bool ok = load_core(s, in);
  if (ok) load_ids(s, 0, in);
  s->core.players_digest = ok ? lqi_player_digest(s, &s->player[0]) : 0;
  uint64_t count = lq_read_varint(in);
  ok = ok && !in->failed && count <= s->game->players_max;
  for (uint64_t i = 0; ok && i < count; i++) ok = load_player(s, in);
  ok = ok && lqi_guests_load(s, in);
  lq_err err = ok ? lqi_physics_load(s, in) : LQ_ERR_CORRUPT;
  if (err == LQ_ERR_CORRUPT)
    return in->failed && lq_reader_left(in) == 0 ? LQ_ERR_TRUNCATED : LQ_ERR_CORRUPT;
  if (err) return err;
  err = lq_world_load(s->world, lq_read_bytes(in, lq_reader_left(in)));
  return err || owners_fit(s) ? err : LQ_ERR_CORRUPT;
}

lq_err lq_session_load(void *memory, size_t bytes, const lq_game *game, lq_span saved,
                       lq_session **out) {
  lq_session *s;
  *out = NULL;
  lq_err err = lqi_session_make(memory, bytes, game, &s);
  if (err) return err;
  lq_reader in = lq_reader_of(saved);
  if ((err = load(s, &in))) return err;
  lq_world_frame_begin(s->world);
  *out = s;
  return LQ_OK;
}

/* ---- swap ---- */

lq_err lq_session_swap(const lq_session *session, void *memory, size_t bytes, const lq_game *next,
                       lq_session **out, lq_diag *diag) {
  lq_session *s;
  *out = NULL;
  if (session->queued)
    return lq_diag_set(diag, LQ_ERR_BUSY, "commands are queued: swap right after a tick");
  lq_err err = lq_game_can_migrate(session->game, next, diag);
  if (err) return err;
  err = lqi_session_make(memory, bytes, next, &s);
  if (err) return lq_diag_set(diag, err, "the new release: %s", lq_err_cause(err));
  err = lq_game_migrate(session->game, session->world, next, s->world, diag);
  if (err) return err;
  s->tick = session->tick;
  s->core = session->core;
  /* A rate that was changed on the way stays; else the new release's counts. */
  if (session->core.hz == session->game->hz) s->core.hz = next->hz;
  for (uint32_t slot = 0; slot < session->core.player_end || slot == 0; slot++) {
    s->player[slot].is = session->player[slot].is;
    if (LQ_PLANTED(SWAP_LOSES_IDS)) continue;
    s->player[slot].ids_total = session->player[slot].ids_total;
    if (session->player[slot].ids_total) s->ids[slot] = session->ids[slot];
  }
  lqi_guests_swap(session, s);
  lqi_physics_swap(session, s);
  *out = s;
  return LQ_OK;
}
