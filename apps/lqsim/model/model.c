/* The model's door, its things and its dice. */
#include "apps/lqsim/model/model_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef unsigned long long ull;

bool lqi_bad(model *m, const char *format, ...) {
  va_list list;
  int at = snprintf(m->why, m->why_bytes, "tick %llu: ", (ull)m->tick);
  va_start(list, format);
  if (at >= 0 && (size_t)at < m->why_bytes)
    (void)vsnprintf(m->why + at, m->why_bytes - (size_t)at, format, list);
  va_end(list);
  return false;
}

/* ---- things ---- */

uint32_t lqi_thing_row(const model *m, lq_span id) {
  for (uint32_t i = 0; id.bytes && i < m->thing_end; i++)
    if (m->thing[i].lives && lq_span_is(id, m->thing[i].id)) return i;
  return UINT32_MAX;
}

lqi_thing *lqi_thing_find(model *m, lq_span id) {
  uint32_t row = lqi_thing_row(m, id);
  return row == UINT32_MAX ? NULL : &m->thing[row];
}

lqi_thing *lqi_thing_make(model *m, const char *id, uint16_t owner, uint32_t has) {
  lqi_thing made = {.lives = true, .owner = owner, .has = has};
  uint32_t row = 0;
  while (row < m->thing_max && m->thing[row].lives) row++;
  if (row == m->thing_max) return NULL;
  if (id)
    (void)lq_text_copy(made.id, sizeof made.id, lq_span_text(id));
  else
    do (void)snprintf(made.id, sizeof made.id, "e%llu", (ull)++m->thing_next);
    while (lqi_thing_find(m, lq_span_text(made.id)));
  m->thing[row] = made;
  if (row >= m->thing_end) m->thing_end = row + 1;
  m->touched = true;
  return &m->thing[row];
}

void lqi_thing_remove(model *m, lqi_thing *thing) {
  *thing = (lqi_thing){0};
  while (m->thing_end && !m->thing[m->thing_end - 1].lives) m->thing_end--;
  m->touched = true;
}

lqi_expected *lqi_expect(model *m, uint8_t event, const lqi_thing *about, int64_t number) {
  LQ_CHECK(m->event_count < LQI_EVENTS_MAX);
  lqi_expected *e = &m->expected[m->event_count++];
  *e = (lqi_expected){.event = event, .about_owner = about ? about->owner : 0, .number = number};
  return e;
}

/* ---- orders ---- */

lqi_thing *lqi_order_thing(model *m, const lqi_order *order, const char *field) {
  const lq_field *f = lq_record_field(order->record, lq_span_text(field));
  lq_entity entity = LQ_ENTITY_NULL;
  if (f && f->kind == LQ_FIELD_ENTITY) memcpy(&entity, order->row + f->offset, sizeof entity);
  return entity.bits ? &m->thing[entity.bits - 1] : NULL;
}

int64_t lqi_order_number(const lqi_order *order, const char *field, uint32_t index) {
  const lq_field *f = lq_record_field(order->record, lq_span_text(field));
  int64_t wide = 0;
  int32_t narrow = 0;
  if (!f || index >= f->count) return 0;
  const uint8_t *at = order->row + f->offset + (size_t)lq_field_bytes(f) * index;
  if (f->kind == LQ_FIELD_I32) {
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
  }
  if (f->kind == LQ_FIELD_I64 || f->kind == LQ_FIELD_MONEY) memcpy(&wide, at, sizeof wide);
  return wide;
}

/* ---- dice: xoshiro256**, seeded by splitmix64, bounded as Lemire does (lq_base/random.h) ---- */

static uint64_t turned(uint64_t v, int left) { return v << left | v >> (64 - left); }

static void dice_seed(model *m, uint64_t seed) {
  for (int i = 0; i < 4; i++) {
    uint64_t z = seed + 0x9e3779b97f4a7c15 * (uint64_t)(i + 1);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    m->random[i] = z ^ z >> 31;
  }
}

static uint32_t dice_next(model *m) {
  uint64_t a = m->random[0], b = m->random[1], c = m->random[2], d = m->random[3];
  m->random[0] = a ^ d ^ b;
  m->random[1] = b ^ c ^ a;
  m->random[2] = c ^ a ^ b << 17;
  m->random[3] = turned(d ^ b, 45);
  return (uint32_t)(turned(b * 5, 7) * 9 >> 32);
}

/* The product's high half; drawn again when its low half is among the 2^32 mod bound lowest. */
uint32_t lqi_random(model *m, uint32_t bound) {
  uint64_t uneven = (UINT64_C(1) << 32) % bound, product;
  do product = (uint64_t)dice_next(m) * bound;
  while ((product & UINT32_MAX) < uneven);
  return (uint32_t)(product >> 32);
}

/* ---- the game ---- */

static bool bind_component(model *m, const lq_game *game, uint32_t index) {
  const lqi_rule_component *rule = &m->rules->component[index];
  m->type[index] = lq_schema_find(&game->schema, lq_span_text(rule->name));
  if (m->type[index] == UINT32_MAX) return lqi_bad(m, "the game has no component %s", rule->name);
  const lq_record *record = &game->schema.component[m->type[index]].record;
  for (uint32_t f = 0; f < rule->field_count; f++) {
    const lq_field *field = lq_record_field(record, lq_span_text(rule->field[f].name));
    if (!field || field->count != 1)
      return lqi_bad(m, "the game has no field %s.%s", rule->name, rule->field[f].name);
  }
  if (record->field_count != rule->field_count)
    return lqi_bad(m, "component %s has a field that the model does not know", rule->name);
  return true;
}

static bool bind_constant(model *m, const lq_game *game, uint32_t index) {
  const char *name = m->rules->constant[index];
  for (uint32_t i = 0; i < game->constant_count; i++) {
    if (strcmp(game->constant[i].name, name) != 0) continue;
    m->constant[index] = game->constant[i].value;
    return true;
  }
  return lqi_bad(m, "the game has no constant %s", name);
}

bool lqi_bind(model *m, const lq_game *game) {
  const lqi_rules *rules = m->rules;
  for (uint32_t i = 0; i < rules->component_count; i++)
    if (!bind_component(m, game, i)) return false;
  if (game->schema.component_count != rules->component_count)
    return lqi_bad(m, "the game has a component that the model does not know");
  for (uint32_t i = 0; i < rules->event_count; i++) {
    m->event[i] = lq_game_event_find(game, lq_span_text(rules->event[i].name));
    if (m->event[i] == UINT32_MAX)
      return lqi_bad(m, "the game has no event %s", rules->event[i].name);
  }
  for (uint32_t i = 0; rules->constant[i]; i++)
    if (!bind_constant(m, game, i)) return false;
  if (game->entities_max > m->thing_max || game->players_max > m->seat_max)
    return lqi_bad(m, "the game has room for more than the model was opened with");
  m->game = game;
  return true;
}

static const lqi_rules *rules_of(const lq_game *game) {
  static const lqi_rules *const known[] = {&lqi_hunt_rules, &lqi_bank_rules};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(game->name, known[i]->game) == 0 ||
        (known[i]->also && strcmp(game->name, known[i]->also) == 0))
      return known[i];
  return NULL;
}

model *model_open(const lq_game *game, uint64_t seed) {
  const lqi_rules *rules = rules_of(game);
  model *m = rules ? calloc(1, sizeof *m) : NULL;
  if (!m) return NULL;
  m->rules = rules;
  m->thing_max = game->entities_max;
  m->seat_max = game->players_max;
  m->hz = game->hz;
  m->player_next = 1;
  m->thing = calloc(m->thing_max, sizeof *m->thing);
  m->seat = calloc(m->seat_max + (size_t)1, sizeof *m->seat);
  m->outcome = calloc(LQ_TICK_COMMANDS_MAX, sizeof *m->outcome);
  m->expected = calloc(LQI_EVENTS_MAX, sizeof *m->expected);
  if (!m->thing || !m->seat || !m->outcome || !m->expected || !lqi_bind(m, game)) {
    model_close(m);
    return NULL;
  }
  dice_seed(m, seed);
  rules->start(m);
  return m;
}

void model_close(model *m) {
  if (!m) return;
  free(m->thing);
  free(m->seat);
  free(m->outcome);
  free(m->expected);
  free(m);
}

uint32_t lqi_guest_of(const model *m, const char *name, bool command) {
  const lqi_rule_guest *guest = m->rules->guest;
  for (uint32_t i = 0; lq_game_has_guests(m->game) && guest[i].name; i++)
    if (guest[i].command == command && strcmp(guest[i].name, name) == 0) return i;
  return LQI_GUESTS;
}

bool lqi_left_out(const model *m, const char *name, bool command) {
  uint32_t guest = lqi_guest_of(m, name, command);
  return guest < LQI_GUESTS && (m->skip[guest] || m->strikes[guest] >= LQ_GUEST_STRIKES_MAX);
}

int64_t model_money(const model *m) { return m->rules->money(m); }
uint64_t model_collected(const model *m) { return m->collected; }

/* ---- a tick ---- */

static bool tell(model *m, const lq_tick_result *result) {
  bool was_ended = m->ended;
  m->touched = false;
  memset(m->skip, 0, sizeof m->skip);
  m->outcome_count = m->event_count = 0;
  if (result->commands.bytes && !lqi_commands_tell(m, result)) return false;
  bool fits = was_ended || m->rules->systems(m);
  if (fits != (result->failed == LQ_OK))
    return lqi_bad(m, "the systems: the model says %s, the session %s",
                   lq_err_name(fits ? LQ_OK : LQ_ERR_FULL), lq_err_name(result->failed));
  return true;
}

bool model_tick(model *m, lq_session *session, const lq_tick_result *result, char *why,
                size_t why_bytes) {
  m->why = why;
  m->why_bytes = why_bytes;
  if (why_bytes) why[0] = 0;
  m->tick++;
  if (result->tick != m->tick || lq_session_tick_number(session) != m->tick)
    return lqi_bad(m, "the session gives tick %llu", (ull)result->tick);
  const lq_game *game = lq_session_game(session);
  if (game != m->game) { /* a rate that nobody changed becomes the new release's */
    if (m->hz == m->game->hz) m->hz = game->hz;
    if (!lqi_bind(m, game)) return false;
    memset(m->strikes, 0, sizeof m->strikes);
  }
  if (!tell(m, result) || !lqi_compare_events(m, result)) return false;
  bool quiet = !m->touched && !result->changed && result->commands.bytes == 0;
  if (result->commands.bytes && !lqi_ids_remember(m, session, result)) return false;
  if (quiet && m->tick % LQI_QUIET_TICKS != 0) return true;
  return lqi_compare_world(m, session) && lqi_compare_players(m, session);
}
