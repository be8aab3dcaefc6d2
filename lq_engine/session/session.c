#include "lq_engine/session/session.h"

#include "lq_base/hash.h"
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

/* Hands out parts of the block; with a NULL base it only measures. */
typedef struct carver {
  uint8_t *base;
  size_t at;
} carver;

static void *carve(carver *c, size_t bytes) {
  c->at = (c->at + 63) & ~(size_t)63;
  void *part = c->base ? c->base + c->at : NULL;
  c->at += bytes;
  return part;
}

static void lay_out_physics(carver *c, const lq_game *game, lq_session *s) {
  lqi_physics measured;
  lq_physics_config config = lqi_physics_config(game);
  lqi_physics *p = carve(c, sizeof *p);
  s->physics = p;
  if (!p) p = &measured;
  for (uint32_t i = 0; i < 2; i++) {
    p->kept[i].contact = carve(c, lq_physics_contacts_bytes_max(&config));
    p->kept[i].joint = carve(c, lq_physics_joints_bytes_max(&config));
    p->kept[i].mark = carve(c, game->entities_max * sizeof *p->kept[i].mark);
  }
  p->seen = carve(c, config.bodies_max * sizeof *p->seen);
  p->block = carve(c, lq_physics_bytes(&config));
}

static size_t lay_out(uint8_t *base, const lq_game *game, void **world) {
  carver c = {base, 0};
  lq_session measured, *s = carve(&c, sizeof *s);
  if (!s) s = &measured;
  size_t players = game->players_max + (size_t)1;
  s->player = carve(&c, players * sizeof *s->player);
  *world = carve(&c, lq_world_bytes(&game->schema, game->entities_max));
  s->ids = carve(&c, players * sizeof *s->ids);
  s->player_undo = carve(&c, players * sizeof *s->player_undo);
  s->queue = carve(&c, LQI_QUEUE_MAX * sizeof *s->queue);
  s->order = carve(&c, LQI_QUEUE_MAX * sizeof *s->order);
  s->order_spare = carve(&c, LQI_QUEUE_MAX * sizeof *s->order_spare);
  s->queue_data = carve(&c, LQI_QUEUE_BYTES);
  s->journal = carve(&c, LQI_QUEUE_BYTES);
  s->applied = carve(&c, LQI_QUEUE_MAX * sizeof *s->applied);
  s->event = carve(&c, LQI_EVENTS_MAX * sizeof *s->event);
  s->event_data = carve(&c, LQ_TICK_EVENTS_BYTES);
  s->scratch_data = carve(&c, LQ_TICK_MUTATIONS_BYTES);
  s->cause = carve(&c, LQI_CAUSES_MAX * sizeof *s->cause);
  s->reasons = carve(&c, LQI_REASON_BYTES);
  if (game->command_count > LQ_CMD_BUILTIN_COUNT) {
    s->sent = carve(&c, LQ_TICK_SENT_MAX * sizeof *s->sent);
    s->sent_applied = carve(&c, LQ_TICK_SENT_MAX * sizeof *s->sent_applied);
  }
  if (game->physics.on) lay_out_physics(&c, game, s);
  if (!lq_game_has_guests(game)) return c.at;
  s->guest = carve(&c, (game->system_count + (size_t)game->command_count) * sizeof *s->guest);
  s->guest_why = carve(&c, LQ_GUEST_TEXT_BYTES_MAX + 1);
  s->made = carve(&c, LQ_GUEST_MADE_BYTES);
  s->kept = carve(&c, game->system_count * sizeof *s->kept);
  return c.at;
}

size_t lq_session_bytes(const lq_game *game) {
  void *world;
  return lay_out(NULL, game, &world);
}

static bool bound(const lq_game *game) {
  bool needs = game->system_count || game->command_count > LQ_CMD_BUILTIN_COUNT;
  return !needs || (game->system_fn && game->command_fn);
}

lq_err lqi_session_make(void *memory, size_t bytes, const lq_game *game, lq_session **out) {
  *out = NULL;
  if (!memory || bytes < lq_session_bytes(game)) return LQ_ERR_MEMORY;
  if (!bound(game)) return LQ_ERR_BUILD;
  void *world;
  lq_session *s = memory;
  (void)lay_out(memory, game, &world);
  s->sys.api = &lqi_session_api;
  s->game = game;
  s->core.hz = game->hz;
  s->core.player_next = 1;
  s->reason = "";
  for (uint32_t t = 0; t < game->schema.component_count; t++)
    if (game->schema.component[t].audited) s->audited |= 1ull << t;
  for (uint32_t i = 0; s->guest && i < game->system_count; i++)
    s->guest[i].language = game->system[i].guest;
  for (uint32_t i = 0; s->guest && i < game->command_count; i++)
    s->guest[game->system_count + i].language = game->command[i].guest;
  lq_err err = lq_world_init(world, lq_world_bytes(&game->schema, game->entities_max),
                             &game->schema, game->entities_max, &s->world);
  if (!err) err = lqi_physics_make(s);
  if (!err) *out = s;
  return err;
}

/* ---- the start scene ---- */

static lq_entity scene_handle(const lq_session *s, uint64_t reference) {
  /* The scene fills an empty world: entity i is the live entity of row i. */
  return reference ? lq_world_entity_at(s->world, (uint32_t)(reference - 1)) : LQ_ENTITY_NULL;
}

/* Copies a row of the scene, its references made handles. */
static void scene_row(const lq_session *s, const lq_record *record, const uint8_t *from,
                      uint8_t *row) {
  memcpy(row, from, record->row_bytes);
  for (uint32_t f = 0; f < record->field_count; f++) {
    const lq_field *field = &record->field[f];
    for (size_t i = 0; field->kind == LQ_FIELD_ENTITY && i < field->count; i++) {
      uint64_t reference;
      memcpy(&reference, row + field->offset + 8 * i, 8);
      lq_entity entity = scene_handle(s, reference);
      memcpy(row + field->offset + 8 * i, &entity, 8);
    }
  }
}

static lq_err scene_entity(lq_session *s, const lq_scene_entity *scene, lq_entity entity) {
  const uint8_t *row = s->game->scene_rows ? s->game->scene_rows + scene->row_at : NULL;
  for (uint32_t t = 0; t < s->game->schema.component_count; t++) {
    if (!(scene->mask >> t & 1)) continue;
    lq_err err = lq_world_add(s->world, entity, t);
    if (err) return err;
    const lq_record *record = &s->game->schema.component[t].record;
    if (record->row_bytes == 0) continue;
    scene_row(s, record, row, lq_world_write(s->world, entity, t));
    row += record->row_bytes;
  }
  return LQ_OK;
}

static lq_err scene_load(lq_session *s) {
  const lq_game *game = s->game;
  lq_err err = LQ_OK;
  for (uint32_t i = 0; !err && i < game->scene_entity_count; i++) {
    lq_entity entity;
    const char *id = game->scene[i].id;
    err = lq_world_create(s->world, id[0] ? id : NULL, 0, &entity);
  }
  for (uint32_t i = 0; !err && i < game->scene_entity_count; i++)
    err = scene_entity(s, &game->scene[i], lq_world_entity_at(s->world, i));
  return err;
}

lq_err lq_session_init(void *memory, size_t bytes, const lq_game *game, uint64_t seed,
                       lq_session **out) {
  lq_session *s;
  *out = NULL;
  lq_err err = lqi_session_make(memory, bytes, game, &s);
  if (err) return err;
  lq_prng_seed(&s->core.prng, seed);
  lq_world_frame_begin(s->world);
  if ((err = scene_load(s))) return err;
  lq_world_frame_end(s->world);
  lq_world_frame_begin(s->world);
  *out = s;
  return LQ_OK;
}

/* ---- what a session is ---- */

const lq_game *lq_session_game(const lq_session *session) { return session->game; }
lq_world *lq_session_world(lq_session *session) { return session->world; }
uint64_t lq_session_tick_number(const lq_session *session) { return session->tick; }
uint32_t lq_session_hz(const lq_session *session) { return session->core.hz; }
bool lq_session_ended(const lq_session *session) { return session->core.ended; }
uint64_t lq_session_wake_tick(const lq_session *session) { return session->core.wake_tick; }
uint32_t lq_session_queued(const lq_session *session) { return session->queued; }
bool lq_session_release_waits(const lq_session *session) { return session->release_waits; }

uint64_t lq_session_hash(const lq_session *session) {
  const lqi_core *core = &session->core;
  uint64_t hash = lq_hash_mix(lq_world_hash(session->world), session->tick);
  for (uint32_t i = 0; i < 4; i++) hash = lq_hash_mix(hash, core->prng.word[i]);
  hash = lq_hash_mix(hash, core->players_digest);
  hash = lq_hash_mix(hash, (uint64_t)core->ended << 32 | core->hz);
  hash = lq_hash_mix(hash, core->wake_tick);
  hash = lq_hash_mix(hash, core->player_next);
  if (session->physics) hash = lq_hash_mix(hash, core->physics_digest);
  return core->guests_digest ? lq_hash_mix(hash, core->guests_digest) : hash;
}

/* ---- a tick ---- */

static void tick_begin(lq_session *s) {
  s->event_count = s->cause_count = s->ordinal = 0;
  s->sent_count = s->sent_done = 0;
  if (s->watch) s->watch->count = 0, s->watch->full = false;
  s->reason_bytes = 0;
  s->events = lq_writer_of(s->event_data, LQ_TICK_EVENTS_BYTES);
  s->scratch = lq_writer_of(s->scratch_data, LQ_TICK_MUTATIONS_BYTES);
}

/* As it was before the tick, but for its number; the queue stays. */
static void tick_undo(lq_session *s) {
  lq_world_rollback(s->world);
  lqi_players_undo(s);
  lqi_guests_undo(s);
  lqi_physics_undo(s);
  s->core = s->core_before;
  tick_begin(s);
}

/* What it sent runs behind its own changes. How that went is no matter of the system's. */
static void system_run(lq_session *s, uint32_t i) {
  lqi_physics_stale(s);
  s->phase = LQI_SYSTEM;
  s->actor = 0;
  s->full = false;
  if (s->game->system[i].guest)
    lqi_guest_system(s, i);
  else if (s->physics && s->game->physics.system == i)
    lqi_physics_system(s);
  else
    s->game->system_fn[i](&s->sys);
  if (s->state) return;
  lq_world_flush(s->world);
  if (s->full) return; /* the tick is undone */
  lqi_sent_run(s);
  s->full = false;
}

/* False when a system failed; its name is in out. Or the tick ends here: see the state. */
static bool systems_run(lq_session *s, const lq_tick_probe *probe, lq_tick_result *out) {
  const lq_game *game = s->game;
  bool failed = false;
  for (uint32_t i = 0; !failed && !s->state && i < game->system_count; i++) {
    if (probe && probe->before) probe->before(probe->context, i);
    system_run(s, i);
    if (probe && probe->after) probe->after(probe->context, i);
    failed = s->full;
    if (failed) out->failed_system = game->system[i].name;
  }
  s->phase = LQI_IDLE;
  return !failed;
}

/* Ends the frame; false when the audited changes do not fit. */
static bool frame_close(lq_session *s) {
  lq_world_frame_end(s->world);
  s->scratch = lq_writer_of(s->scratch_data, LQ_TICK_MUTATIONS_BYTES);
  if (s->audited == 0 || lq_world_hash(s->world) == s->world_before) return true;
  return lqi_mutations_write(s);
}

/* The frame without its systems: the commands have the same effects as in the first try. */
static bool commands_only(lq_session *s) {
  tick_undo(s);
  lqi_commands_apply(s);
  return s->state || frame_close(s);
}

static void refuse_all(lq_session *s) {
  tick_undo(s);
  for (uint32_t i = 0; i < s->taken; i++) {
    s->applied[i].outcome = LQ_ERR_FULL;
    s->applied[i].reason = "";
  }
  lq_world_frame_end(s->world);
}

static void remember_ids(lq_session *s) {
  for (uint32_t i = 0; i < s->taken; i++) {
    const lqi_queued *q = &s->queue[s->order[i]];
    if (q->client_hash && (q->slot == 0 || lqi_player_at(s, q->slot)))
      lqi_ids_push(s, q->slot, q->client_hash, s->tick, s->applied[i].outcome);
  }
}

static void tick_start(lq_session *s) {
  lq_world_frame_begin(s->world);
  s->world_before = lq_world_hash(s->world);
  s->core_before = s->core;
  s->player_undo_count = 0;
  if (s->physics) s->physics->stepped = s->physics->fresh = false;
  s->state = LQ_TICK_DONE;
  if (!s->waits) s->taken = s->queued;
  s->waits = s->release_waits = false;
  s->digest = s->guest ? lq_session_hash(s) : 0;
  s->tick++;
  tick_begin(s);
}

/* Commands, systems, the frame's end. Ends early when a guest waits or failed. */
static void tick_run(lq_session *s, const lq_tick_probe *probe, lq_tick_result *out) {
  if (s->taken) {
    out->commands = lqi_queue_journal(s);
    if (s->guest) s->digest = lq_hash_bytes(s->digest, out->commands.data, out->commands.bytes);
  }
  lqi_guests_begin(s);
  lqi_commands_apply(s);
  if (s->state) return;
  bool good = s->core_before.ended || systems_run(s, probe, out);
  if (s->state) return;
  if (good) good = frame_close(s);
  if (good) return;
  out->failed = LQ_ERR_FULL;
  if (!commands_only(s)) refuse_all(s);
}

/* It waits or a guest failed: nothing happened. */
static void tick_stop(lq_session *s, lq_tick_result *out) {
  if (!LQ_PLANTED(GUEST_HALF) || s->state == LQ_TICK_WAITS) tick_undo(s);
  s->tick--;
  s->waits = s->state == LQ_TICK_WAITS;
  for (uint32_t i = 0; s->waits && i < s->taken; i++)
    if (s->queue[i].type == LQ_CMD_RELEASE) s->release_waits = true;
  *out = (lq_tick_result){.state = s->state, .guest_why = "", .tick = s->tick};
  out->hash = lq_session_hash(s);
  if (s->waits) return;
  out->guest_kind = s->guest_kind;
  out->guest_index = s->guest_index;
  out->guest_why = s->guest_why;
}

void lq_session_tick(lq_session *session, const lq_tick_probe *probe, lq_tick_result *out) {
  lq_session *s = session;
  *out = (lq_tick_result){.guest_why = ""};
  tick_start(s);
  tick_run(s, probe, out);
  if (s->state) {
    tick_stop(s, out);
    return;
  }
  remember_ids(s);
  out->tick = s->tick;
  out->applied_count = s->taken;
  out->applied = s->applied;
  out->sent_count = s->sent_done;
  out->sent = s->sent_applied;
  lqi_queue_taken(s);
  out->event_count = s->event_count;
  out->event = s->event;
  out->events = lq_writer_span(&s->events);
  out->mutations = lq_writer_span(&s->scratch);
  out->changed = lq_world_hash(s->world) != s->world_before;
  out->hash = lq_session_hash(s);
}
