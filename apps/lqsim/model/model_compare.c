/* What came out of a session, held against what the model says. */
#include "apps/lqsim/model/model_int.h"

typedef long long ll;
typedef unsigned long long ull;

/* ---- events ---- */

static bool check_text(model *m, uint32_t number, const char *name, lq_span got, const char *told) {
  if (lq_span_is(got, told)) return true;
  return lqi_bad(m, "event %u: %s is '%.*s', in the model '%s'", number, name, (int)got.bytes,
                 (const char *)got.data, told);
}

static bool check_field(model *m, uint32_t number, const lq_field *field, lq_reader *body,
                        const lqi_expected *told) {
  const lqi_rule_event *rule = &m->rules->event[told->event];
  for (uint32_t i = 0; field->kind == LQ_FIELD_ENTITY && i < LQI_EVENT_TEXTS; i++)
    if (rule->text[i] && strcmp(rule->text[i], field->name) == 0)
      return check_text(m, number, field->name, lq_read_sized(body), told->text[i]);
  if (field->kind == LQ_FIELD_ENTITY || strcmp(rule->number, field->name) != 0)
    return lqi_bad(m, "event %u: the model does not know %s.%s", number, rule->name, field->name);
  int64_t got = lq_read_zigzag(body);
  if (got == told->number) return true;
  return lqi_bad(m, "event %u: %s is %lld, in the model %lld", number, field->name, (ll)got,
                 (ll)told->number);
}

static bool check_event(model *m, uint32_t number, const lq_event *got) {
  const lqi_expected *told = &m->expected[number];
  const lqi_rule_event *rule = &m->rules->event[told->event];
  const char *name = m->game->event[got->type].record.name;
  if (got->type != m->event[told->event])
    return lqi_bad(m, "event %u is %s, in the model %s", number, name, rule->name);
  if (got->seq != number) return lqi_bad(m, "event %u has number %u", number, got->seq);
  if (got->about_owner != told->about_owner)
    return lqi_bad(m, "event %u: %s is about slot %u, in the model %u", number, name,
                   got->about_owner, told->about_owner);
  const lq_record *record = &m->game->event[got->type].record;
  lq_reader body = lq_reader_of(got->body);
  for (uint32_t f = 0; f < record->field_count; f++)
    if (!check_field(m, number, &record->field[f], &body, told)) return false;
  if (!lq_reader_done(&body)) return lqi_bad(m, "event %u: %s cannot be read", number, name);
  return true;
}

bool lqi_compare_events(model *m, const lq_tick_result *result) {
  if (result->event_count != m->event_count)
    return lqi_bad(m, "%u events, in the model %u", result->event_count, m->event_count);
  lq_reader in = lq_reader_of(result->events);
  lq_event journaled;
  uint32_t count = 0;
  while (lq_event_read(&in, m->game, &journaled)) {
    if (count >= result->event_count || journaled.type != result->event[count].type)
      return lqi_bad(m, "event %u is another one in the journal", count);
    if (!check_event(m, count, &journaled) || !check_event(m, count, &result->event[count]))
      return false;
    count++;
  }
  if (in.failed || count != m->event_count)
    return lqi_bad(m, "the journal has %u events, the model %u", count, m->event_count);
  return true;
}

/* ---- the world ---- */

static int64_t number_at(const lq_field *field, const uint8_t *row) {
  int64_t wide;
  int32_t narrow;
  if (field->kind == LQ_FIELD_I32) {
    memcpy(&narrow, row + field->offset, sizeof narrow);
    return narrow;
  }
  memcpy(&wide, row + field->offset, sizeof wide);
  return wide;
}

static bool compare_component(model *m, const lq_world *world, lq_entity entity,
                              const lqi_thing *told, uint32_t component) {
  const lqi_rule_component *rule = &m->rules->component[component];
  const lq_record *record = &m->game->schema.component[m->type[component]].record;
  const uint8_t *row = lq_world_get(world, entity, m->type[component]);
  bool has = told->has >> component & 1;
  if (!row != !has)
    return lqi_bad(m, "entity '%s' has %s%s, in the model %s", told->id, row ? "" : "no ",
                   rule->name, has ? "it has" : "it has not");
  for (uint32_t f = 0; has && f < rule->field_count; f++) {
    const lq_field *field = lq_record_field(record, lq_span_text(rule->field[f].name));
    int64_t got = number_at(field, row), want = told->value[rule->field[f].value];
    if (got != want)
      return lqi_bad(m, "entity '%s': %s.%s is %lld, in the model %lld", told->id, rule->name,
                     field->name, (ll)got, (ll)want);
  }
  return true;
}

static bool compare_thing(model *m, const lq_world *world, uint32_t row) {
  static const lqi_thing nobody = {0};
  const lqi_thing *told = row < m->thing_end ? &m->thing[row] : &nobody;
  lq_entity entity = lq_world_entity_at(world, row);
  if (!entity.bits && !told->lives) return true;
  const char *id = entity.bits ? lq_world_id(world, entity) : "";
  if (strcmp(id, told->id) != 0)
    return lqi_bad(m, "row %u holds entity '%s', in the model '%s'", row, id, told->id);
  if (lq_world_owner(world, entity) != told->owner)
    return lqi_bad(m, "entity '%s' belongs to slot %u, in the model to %u", id,
                   lq_world_owner(world, entity), told->owner);
  for (uint32_t c = 0; c < m->rules->component_count; c++)
    if (!compare_component(m, world, entity, told, c)) return false;
  return true;
}

bool lqi_compare_world(model *m, lq_session *session) {
  const lq_world *world = lq_session_world(session);
  uint32_t end = lq_world_row_end(world);
  for (uint32_t row = 0; row < end || row < m->thing_end; row++)
    if (!compare_thing(m, world, row)) return false;
  return true;
}

/* ---- players ---- */

static bool compare_player(model *m, lq_session *session, uint32_t slot) {
  const lqi_seat *told = &m->seat[slot];
  lq_player got = lq_session_player(session, (uint16_t)slot);
  if ((got.slot != 0) != told->taken || strcmp(got.id, told->id) != 0)
    return lqi_bad(m, "slot %u holds player '%s', in the model '%s'", slot, got.id, told->id);
  if (strcmp(got.team, told->team) != 0 || got.roles != told->roles)
    return lqi_bad(m, "player '%s': team '%s' and roles %u, in the model '%s' and %u", got.id,
                   got.team, got.roles, told->team, told->roles);
  if (got.connected != told->connected)
    return lqi_bad(m, "player '%s': connected is %d, in the model %d", got.id, got.connected,
                   told->connected);
  const char *entity = lq_world_id(lq_session_world(session), got.entity);
  if (strcmp(entity, told->id) != 0)
    return lqi_bad(m, "player '%s' has entity '%s'", got.id, entity);
  return true;
}

/* p1, p2 ..., past those in use. */
static bool compare_next_id(model *m, lq_session *session) {
  char got[LQ_ID_BYTES], told[LQ_ID_BYTES];
  bool taken = true;
  for (uint64_t n = m->player_next; taken; n++) {
    lq_writer out = lq_writer_of(told, sizeof told);
    lq_write_text(&out, "p");
    lq_write_decimal_u(&out, n);
    lq_write_u8(&out, 0);
    taken = lqi_thing_find(m, lq_span_text(told)) != NULL;
  }
  lq_session_next_player_id(session, got);
  if (strcmp(got, told) == 0) return true;
  return lqi_bad(m, "the next player's id is '%s', in the model '%s'", got, told);
}

bool lqi_compare_players(model *m, lq_session *session) {
  for (uint32_t slot = 1; slot <= m->game->players_max; slot++)
    if (!compare_player(m, session, slot)) return false;
  if (lq_session_player_count(session) != m->seat_count)
    return lqi_bad(m, "%u players, in the model %u", lq_session_player_count(session),
                   m->seat_count);
  if (lq_session_ended(session) != m->ended || lq_session_hz(session) != m->hz)
    return lqi_bad(m, "ended is %d and the rate %u, in the model %d and %u",
                   lq_session_ended(session), lq_session_hz(session), m->ended, m->hz);
  if (lq_session_wake_tick(session) != 0)
    return lqi_bad(m, "the session is to wake at tick %llu, in the model never",
                   (ull)lq_session_wake_tick(session));
  return compare_next_id(m, session);
}
