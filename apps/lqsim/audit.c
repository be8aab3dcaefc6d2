/* What must hold of a whole run: the journals are run again from their start beside an independent
 * model, and what every player was told is held against them. */
#include <stdlib.h>

#include "apps/lqsim/model/model.h"
#include "apps/lqsim/sim_client.h"
#include "apps/lqsim/sim_run.h"
#include "lq_base/hash.h"

enum { TEXT_BYTES = 256 << 10, MINE_MAX = 32, QUIET_MAX = 8 };

typedef struct applied {
  uint64_t tick, position;
  uint32_t client, number, times;
  bool good;
} applied;

/* One player of the session under audit. */
typedef struct mine {
  sim_client *client;
  applied *command; /* by number - 1 */
  uint32_t belief_at, told_at;
  bool told_missing; /* the journal has an event that it was not told, so far */
  sim_told missing;
  uint64_t acked_tick_max;
} mine;

typedef struct audit {
  const lq_session_name *name;
  model *model;
  mine mine[MINE_MAX];
  uint32_t count;
  uint64_t position, ticks, findings;
  int64_t money;
  bool verified, replayed, has_money;
  lq_err err;
  uint8_t *text, *canonical;
  bool strict; /* the disk did not lie: everything must be there */
} audit;

static bool is_of(const audit *a, uint32_t tenant, uint32_t game, const char *session) {
  return !strcmp(sim_tenant[tenant], a->name->tenant) &&
         !strcmp(sim_games_built.game[game].name, a->name->game) &&
         !strcmp(session, a->name->session);
}

static const char *where(const audit *a) {
  static char text[128];
  (void)snprintf(text, sizeof text, "%s/%s/%s", a->name->tenant, a->name->game, a->name->session);
  return text;
}

/* ---- verify ---- */

static void report(void *context, const char *sentence) {
  audit *a = context;
  a->findings++;
  if (a->strict) sim_violation("verify %s: %s", where(a), sentence);
}

static void verified(void *context, lq_err err, const lq_verify_result *result) {
  audit *a = context;
  a->verified = true;
  a->err = err;
  if (err || !result)
    report(a, lq_err_name(err));
  else if (result->findings)
    report(a, "findings");
}

/* ---- replay ---- */

static void commands_check(audit *a, const lq_game *game, const lq_tick_result *result) {
  lq_reader in = lq_reader_of(result->commands);
  lq_command command;
  for (uint32_t i = 0; lq_command_read(&in, game, &command); i++) {
    a->position++;
    for (uint32_t k = 0; k < a->count && command.client_id[0] == 'c'; k++) {
      mine *m = &a->mine[k];
      uint32_t number = (uint32_t)strtoul(command.client_id + 1, NULL, 10);
      if (strcmp(command.player, m->client->player) != 0) continue;
      if (!number || number > m->client->command_count) {
        sim_violation("%s: %s of %s is in the journal and was never sent", where(a),
                      command.client_id, command.player);
        continue;
      }
      applied *at = &m->command[number - 1];
      if (++at->times > 1)
        sim_violation("%s: %s of %s was applied at tick %llu and again at tick %llu", where(a),
                      command.client_id, command.player, (unsigned long long)at->tick,
                      (unsigned long long)result->tick);
      at->tick = result->tick;
      at->position = a->position;
      at->good = i < result->applied_count && !result->applied[i].outcome;
    }
  }
  if (in.failed)
    sim_violation("%s: commands of tick %llu cannot be read", where(a),
                  (unsigned long long)result->tick);
}

/* The journal's next event that this player may see. */
static void event_check(audit *a, mine *m, sim_told event) {
  const sim_client *c = m->client;
  const sim_told *told = m->told_at < c->told_count ? &c->told[m->told_at] : NULL;
  bool same = told && told->tick == event.tick && told->seq == event.seq;
  if (!same) {
    if (event.tick <= c->gap_until) return;
    if (!m->told_missing) m->missing = event;
    m->told_missing = true;
    return;
  }
  m->told_at++;
  if (told->hash != event.hash)
    sim_violation("%s: client %u was told another event %llu.%llu than the journal's", where(a),
                  c->number, (unsigned long long)event.tick, (unsigned long long)event.seq);
  if (m->told_missing)
    sim_violation("%s: client %u was told event %llu.%llu and not %llu.%llu before it", where(a),
                  c->number, (unsigned long long)event.tick, (unsigned long long)event.seq,
                  (unsigned long long)m->missing.tick, (unsigned long long)m->missing.seq);
}

/* Who comes back without a word of what was seen is told the last half minute, which may reach back
 * behind the first join: what everybody, or the team that it is of now, may see may be told then.
 */
static void event_before(mine *m, const lq_session *session, sim_told event, lq_visibility visible,
                         uint16_t about_owner) {
  const sim_client *c = m->client;
  const sim_told *told = m->told_at < c->told_count ? &c->told[m->told_at] : NULL;
  lq_viewer viewer = {0};
  memcpy(viewer.team, c->team, sizeof viewer.team);
  if (told && told->tick == event.tick && told->seq == event.seq && told->hash == event.hash &&
      lq_session_may_see(session, &viewer, visible, about_owner))
    m->told_at++;
}

static void events_check(audit *a, lq_session *session, const lq_tick_result *result) {
  const lq_game *game = lq_session_game(session);
  for (uint32_t i = 0; i < result->event_count; i++) {
    const lq_event *event = &result->event[i];
    lq_writer w = lq_writer_of(a->text, TEXT_BYTES);
    if (!lq_message_event(game, result->tick, event, &w)) {
      sim_violation("%s: an event of tick %llu is malformed", where(a),
                    (unsigned long long)result->tick);
      return;
    }
    const char *told_name = game->event[event->type].record.name;
    if (!strcmp(told_name, "knot.broken") || !strcmp(told_name, "knot.teased"))
      sim_violation("%s: tick %llu has %.*s", where(a), (unsigned long long)result->tick,
                    (int)w.bytes, (const char *)w.data);
    sim_told told = {result->tick, event->seq, lq_hash_bytes(1, w.data, w.bytes)};
    for (uint32_t k = 0; k < a->count; k++) {
      mine *m = &a->mine[k];
      if (!m->client->joined_once) continue;
      if (result->tick < m->client->joined_tick) {
        event_before(m, session, told, game->event[event->type].visible, event->about_owner);
        continue;
      }
      lq_player player = lq_session_player_find(session, lq_span_text(m->client->player));
      lq_viewer viewer = lq_session_viewer(session, player.slot);
      if (player.slot && lq_session_may_see(session, &viewer, game->event[event->type].visible,
                                            event->about_owner))
        event_check(a, m, told);
    }
  }
}

static void beliefs_check(audit *a, lq_session *session, uint64_t tick) {
  for (uint32_t k = 0; k < a->count; k++) {
    mine *m = &a->mine[k];
    sim_client *c = m->client;
    uint64_t truth = 0;
    bool known = false;
    for (; m->belief_at < c->belief_count && c->belief[m->belief_at].tick <= tick; m->belief_at++) {
      if (c->belief[m->belief_at].tick < tick) continue;
      if (!known) {
        lq_player player = lq_session_player_find(session, lq_span_text(c->player));
        lq_viewer viewer = lq_session_viewer(session, player.slot);
        lq_writer w = lq_writer_of(a->text, TEXT_BYTES);
        lq_writer canonical = lq_writer_of(a->canonical, TEXT_BYTES);
        lq_message_state_object(session, &viewer, &w);
        LQ_CHECK(!w.failed && client_view_canonical((const char *)w.data, w.bytes, &canonical) &&
                 !canonical.failed);
        truth = lq_hash_bytes(1, canonical.data, canonical.bytes);
        known = true;
        if (sim.log && truth != c->belief[m->belief_at].hash)
          sim_trace("the replayed state is %.*s", (int)canonical.bytes,
                    (const char *)canonical.data);
      }
      if (c->belief[m->belief_at].hash != truth)
        sim_violation("%s: client %u believes another state at tick %llu", where(a), c->number,
                      (unsigned long long)tick);
    }
  }
}

/* The knots write down who changed them last. */
static void mutations_check(audit *a, lq_session *session, const lq_tick_result *result) {
  const lq_game *game = lq_session_game(session);
  lq_world *world = lq_session_world(session);
  uint32_t type = lq_schema_find(&game->schema, lq_span_text("Knot"));
  if (type == UINT32_MAX) return;
  const lq_field *last =
      lq_record_field(&game->schema.component[type].record, lq_span_text("last"));
  lq_reader in = lq_reader_of(result->mutations);
  for (lq_mutation change; lq_mutation_read(&in, game, &change);) {
    int32_t slot = 0;
    const uint8_t *row = lq_world_get(world, lq_world_find(world, change.entity), type);
    if (change.type != type || !change.has_after || !row || !last) continue;
    memcpy(&slot, row + last->offset, sizeof slot);
    if (slot != change.slot)
      sim_violation("%s: tick %llu: player %u changed '%.*s', the audit trail names player %u",
                    where(a), (unsigned long long)result->tick, (unsigned)slot,
                    (int)change.entity.bytes, (const char *)change.entity.data, change.slot);
  }
}

/* ---- what REST told ---- */

static void reads_check(audit *a, const lq_tick_result *result) {
  for (uint32_t i = 0; i < sim_read_count; i++) {
    sim_read *r = &sim_reads[i];
    if (r->tick == result->tick && is_of(a, r->tenant, r->game, r->session))
      r->good = r->hash == result->hash;
  }
}

typedef struct quiet {
  uint64_t tick, hash;
} quiet;

static void quiet_run(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  quiet *q = context;
  lq_tick_result result = {0};
  (void)diag;
  if (err) return;
  while (lq_session_tick_number(session->session) < q->tick)
    lq_session_tick(session->session, NULL, &result);
  q->hash = lq_session_hash(session->session);
  lq_ledger_session_free(session);
}

/* Ticks without content follow from what is durable, and are told of before they are: when the
 * server dies, others may come in their place. Was it such a tick? */
static bool was_quiet(const audit *a, lq_store *store, const lq_store_head *head,
                      const sim_read *read) {
  lq_release_source source = sim_release_source();
  for (uint64_t back = 1; back <= read->tick && back <= QUIET_MAX; back++) {
    quiet q = {.tick = read->tick};
    uint64_t from = read->tick - back;
    if (from > head->tick) continue;
    lq_ledger_replay(store, &source, a->name, from, true, NULL, NULL, quiet_run, &q);
    if (q.hash == read->hash) return true;
  }
  return false;
}

static void reads_explain(const audit *a, lq_store *store, const lq_store_head *head) {
  for (uint32_t i = 0; i < sim_read_count && !sim.failed; i++) {
    const sim_read *r = &sim_reads[i];
    if (!r->good && is_of(a, r->tenant, r->game, r->session) && !was_quiet(a, store, head, r))
      sim_violation("%s: REST told a hash of tick %llu that the journal does not lead to", where(a),
                    (unsigned long long)r->tick);
  }
}

/* ---- the state hash ---- */

/* Every column of every kind of row, and the owner, must move the hash; and back. */
static void hash_moves(audit *a, lq_world *world, uint64_t before, bool expected, const char *what,
                       const char *name) {
  lq_world_frame_end(world);
  if ((lq_world_hash(world) != before) != expected)
    sim_violation("%s: the state hash %s a change of %s %s", where(a),
                  expected ? "does not tell" : "does not come back after", what, name);
  lq_world_frame_begin(world);
}

static void column_check(audit *a, lq_world *world, lq_entity entity, uint32_t type) {
  const lq_record *record = &lq_world_schema(world)->component[type].record;
  uint64_t before = lq_world_hash(world);
  for (uint32_t f = 0; f < record->field_count; f++) {
    const lq_field *field = &record->field[f];
    if (field->kind != LQ_FIELD_I32 && field->kind != LQ_FIELD_I64 && field->kind != LQ_FIELD_MONEY)
      continue;
    for (uint32_t back = 0; back < 2; back++) {
      *((uint8_t *)lq_world_write(world, entity, type) + field->offset) ^= 1;
      hash_moves(a, world, before, !back, record->name, field->name);
    }
  }
  if (record->field_count) return;
  LQ_CHECK(lq_world_remove(world, entity, type) == LQ_OK);
  hash_moves(a, world, before, true, "tag", record->name);
  LQ_CHECK(lq_world_add(world, entity, type) == LQ_OK);
  hash_moves(a, world, before, false, "tag", record->name);
}

static void hash_check(audit *a, lq_world *world) {
  uint64_t tried = 0, before = lq_world_hash(world);
  if (before != lq_world_hash_full(world))
    sim_violation("%s: the state hash is not that of the state", where(a));
  lq_world_frame_begin(world);
  lq_entity entity = LQ_ENTITY_NULL;
  for (uint32_t row = 0; row < lq_world_row_end(world) && !sim.failed; row++) {
    entity = lq_world_entity_at(world, row);
    for (uint64_t types = lq_world_mask(world, entity) & ~tried; types; types &= types - 1)
      column_check(a, world, entity, (uint32_t)__builtin_ctzll(types));
    tried |= lq_world_mask(world, entity);
  }
  uint16_t owner = lq_world_owner(world, entity);
  for (uint32_t back = 0; back < 2 && entity.bits; back++) {
    LQ_CHECK(lq_world_set_owner(world, entity, back ? owner : owner + 1u) == LQ_OK);
    hash_moves(a, world, before, !back, "the", "owner");
  }
}

static bool each(void *context, lq_session *session, const lq_tick_result *result, bool pinned,
                 uint64_t journal_hash) {
  audit *a = context;
  char why[256] = "";
  a->ticks++;
  if (pinned && result->hash != journal_hash)
    sim_violation("%s: the hash of tick %llu differs", where(a), (unsigned long long)result->tick);
  if (a->model && !model_tick(a->model, session, result, why, sizeof why))
    sim_violation("%s: the model disagrees: %s", where(a), why);
  if (a->model && !strcmp(a->name->game, "bank")) {
    int64_t money = model_money(a->model);
    if (a->has_money && money != a->money)
      sim_violation("%s: money was %lld and is %lld at tick %llu", where(a), (long long)a->money,
                    (long long)money, (unsigned long long)result->tick);
    a->has_money = true;
    a->money = money;
  }
  mutations_check(a, session, result);
  reads_check(a, result);
  if (result->commands.bytes) commands_check(a, lq_session_game(session), result);
  events_check(a, session, result);
  beliefs_check(a, session, result->tick);
  return !sim.failed;
}

static void replayed(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  audit *a = context;
  a->replayed = true;
  if (err && a->strict)
    sim_violation("replay %s: %s: %s", where(a), lq_err_name(err), diag ? diag->message : "");
  a->err = err;
  if (err) return;
  for (uint32_t k = 0; k < a->count; k++)
    a->mine[k].client->slot =
        lq_session_player_find(session->session, lq_span_text(a->mine[k].client->player)).slot;
  if (!sim.failed) hash_check(a, lq_session_world(session->session));
  lq_ledger_session_free(session);
}

/* ---- what the players were told, against it ---- */

static void client_check(audit *a, const mine *m, const lq_store_head *head) {
  const sim_client *c = m->client;
  if (m->told_at < c->told_count)
    sim_violation("%s: client %u was told event %llu.%llu, which the journal does not have",
                  where(a), c->number, (unsigned long long)c->told[m->told_at].tick,
                  (unsigned long long)c->told[m->told_at].seq);
  if (m->belief_at < c->belief_count)
    sim_violation("%s: client %u was shown tick %llu; the journal ends at tick %llu", where(a),
                  c->number, (unsigned long long)c->belief[m->belief_at].tick,
                  (unsigned long long)head->tick);
  uint64_t acked_tick = 0, position = 0;
  for (uint32_t i = 0; i < c->command_count; i++) {
    const sim_command *command = c->command[i];
    const applied *at = &m->command[i];
    /* What was refused when it came, and came again later, may stand behind its successors. */
    if (at->times && command->again_ns == command->sent_ns) {
      if (at->position < position)
        sim_violation("%s: c%u of client %u came before one that it sent earlier", where(a), i + 1,
                      c->number);
      position = at->position;
    }
    if (!command->acked_ns) continue;
    sim_run_result.acked++;
    if (command->acked_tick > acked_tick) acked_tick = command->acked_tick;
    if (!at->times)
      sim_violation("%s: c%u of client %u was acknowledged and is lost", where(a), i + 1,
                    c->number);
    else if (at->tick != command->acked_tick || !at->good)
      sim_violation("%s: c%u of client %u was acknowledged for tick %llu; tick %llu %s it",
                    where(a), i + 1, c->number, (unsigned long long)command->acked_tick,
                    (unsigned long long)at->tick, at->good ? "has" : "refused");
    for (uint32_t k = i + 1; k < c->command_count; k++)
      if (m->command[k].times && c->command[k]->sent_ns > command->acked_ns &&
          m->command[k].position < at->position)
        sim_violation("%s: client %u sent c%u after c%u was acknowledged, and it came before",
                      where(a), c->number, k + 1, i + 1);
  }
  if (m->told_missing && m->missing.tick < acked_tick)
    sim_violation("%s: client %u has an acknowledgement of tick %llu and not event %llu.%llu",
                  where(a), c->number, (unsigned long long)acked_tick,
                  (unsigned long long)m->missing.tick, (unsigned long long)m->missing.seq);
}

static int by_tick(const void *a, const void *b) {
  const sim_belief *x = a, *y = b;
  return (x->tick > y->tick) - (x->tick < y->tick);
}

static void players_find(audit *a) {
  for (uint32_t i = 0; i < sim_run_client_count; i++) {
    sim_client *c = &sim_run_client[i];
    if (!is_of(a, c->tenant, c->game, c->session)) continue;
    c->audited = true;
    LQ_CHECK(a->count < MINE_MAX);
    a->mine[a->count++] =
        (mine){.client = c, .command = calloc(c->command_count + 1, sizeof(applied))};
    if (c->belief_count) qsort(c->belief, c->belief_count, sizeof *c->belief, by_tick);
  }
}

void sim_audit_session(void *context, lq_store *store, lq_loop *loop, const lq_session_name *name,
                       const lq_store_head *head) {
  (void)context;
  (void)loop;
  lq_release_source source = sim_release_source();
  const lq_game *game = NULL;
  audit a = {.name = name, .strict = !cluster.damaged};
  a.text = malloc(TEXT_BYTES);
  a.canonical = malloc(TEXT_BYTES);
  LQ_CHECK(a.text && a.canonical);
  players_find(&a);
  lq_ledger_verify(store, &source, name, report, verified, &a);
  if (!source.game(NULL, head->first_release, &game, NULL)) a.model = model_open(game, head->seed);
  if (!a.model && a.strict && strcmp(name->game, "knot") != 0)
    sim_violation("%s: there is no model of it", where(&a));
  if (!a.findings) lq_ledger_replay(store, &source, name, head->tick, true, each, &a, replayed, &a);
  LQ_CHECK(a.verified && (a.findings || a.replayed));
  if (!a.findings && !a.err && a.ticks)
    for (uint32_t i = 0; i < a.count && !sim.failed; i++) client_check(&a, &a.mine[i], head);
  if (a.strict && !sim.failed) reads_explain(&a, store, head);
  sim_run_result.sessions++;
  sim_run_result.ticks += a.ticks;
  for (uint32_t i = 0; i < a.count; i++) free(a.mine[i].command);
  if (a.model) model_close(a.model);
  free(a.text);
  free(a.canonical);
}
