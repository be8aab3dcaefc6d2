/* What leaves a session for one viewer: snapshots, deltas, events, answers.
 *
 * Shape: `sight` turns lq_session_may_see into a mask of component types for an owner; everything
 * else is arithmetic on masks. A delta compares what the viewer saw of an entity before the frame
 * (old mask, old owner) with what they see now, so that showing, hiding, handing over, dying and
 * coming back under the same id are one rule. */
#include "lq_base/plant.h"
#include "lq_engine/net/message_int.h"

typedef struct sight {
  const lq_session *session;
  const lq_viewer *viewer;
  const lq_schema *schema;
  uint64_t open;  /* types everybody sees */
  uint64_t seen;  /* types the viewer sees of `owner`'s entities */
  uint32_t owner; /* the one `seen` is for; above 16 bits: none yet */
} sight;

static sight sight_of(lq_session *session, const lq_viewer *viewer) {
  sight s = {.session = session,
             .viewer = viewer,
             .schema = lq_world_schema(lq_session_world(session)),
             .owner = UINT32_MAX};
  for (uint32_t t = 0; t < s.schema->component_count; t++)
    if (s.schema->component[t].visible.see == LQ_SEE_ALL) s.open |= 1ull << t;
  return s;
}

static uint64_t sight_ask(sight *s, uint16_t owner) {
  s->owner = owner;
  s->seen = s->open;
  for (uint32_t t = 0; t < s->schema->component_count; t++)
    if (!(s->open >> t & 1) &&
        lq_session_may_see(s->session, s->viewer, s->schema->component[t].visible, owner))
      s->seen |= 1ull << t;
  return s->seen;
}

/* Types the viewer sees of this owner's entities. */
static inline uint64_t sight_mask(sight *s, uint16_t owner) {
  return s->owner == owner ? s->seen : sight_ask(s, owner);
}

/* An entity is shown by a visible component, or when it has none at all. */
static inline bool is_shown(uint64_t mask, uint64_t visible) { return mask == 0 || visible != 0; }

static inline uint32_t lowest(uint64_t mask) { return (uint32_t)__builtin_ctzll(mask); }

/* "Position":{"x":3},"Purse":null: the types of `set`, and null for those of `lost`. */
static void put_components(const lq_world *world, lq_entity entity, uint64_t set, uint64_t lost,
                           const lq_entity_names *names, lq_writer *out) {
  const lq_schema *schema = lq_world_schema(world);
  bool comma = false;
  for (uint64_t left = set | lost; left; left &= left - 1) {
    uint32_t t = lowest(left);
    const lq_record *record = &schema->component[t].record;
    if (comma) lqi_put_char(out, ',');
    comma = true;
    lqi_put_key(out, record->name);
    if (lost >> t & 1) {
      LQI_PUT(out, "null");
      continue;
    }
    lqi_put_char(out, '{');
    if (record->field_count) lq_row_to_json(record, lq_world_get(world, entity, t), names, out);
    lqi_put_char(out, '}');
  }
}

/* ---- state ---- */

void lq_message_state_object(lq_session *session, const lq_viewer *viewer, lq_writer *out) {
  const lq_world *world = lq_session_world(session);
  lq_entity_names names = lq_world_names(world);
  sight s = sight_of(session, viewer);
  uint32_t end = lq_world_row_end(world);
  bool comma = false;
  lqi_put_char(out, '{');
  for (uint32_t row = 0; row < end && !out->failed; row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (lq_entity_is(entity, LQ_ENTITY_NULL)) continue;
    uint64_t mask = lq_world_mask(world, entity);
    uint64_t visible = mask & sight_mask(&s, lq_world_owner(world, entity));
    if (!is_shown(mask, visible)) continue;
    if (comma) lqi_put_char(out, ',');
    comma = true;
    lqi_put_key(out, lq_world_id(world, entity));
    lqi_put_char(out, '{');
    put_components(world, entity, visible, 0, &names, out);
    lqi_put_char(out, '}');
  }
  lqi_put_char(out, '}');
}

/* ---- contacts ---- */

typedef struct touching {
  const lq_world *world;
  lq_writer *out;
  sight sight;
  uint64_t wanted; /* types that say where a body is */
  uint32_t count;
} touching;

static bool is_placed(touching *t, lq_entity entity) {
  uint64_t seen = sight_mask(&t->sight, lq_world_owner(t->world, entity));
  return (lq_world_mask(t->world, entity) & seen & t->wanted) == t->wanted;
}

static void put_numbers(lq_writer *out, const float v[3]) {
  for (uint32_t k = 0; k < 3; k++) {
    lqi_put_char(out, k ? ',' : '[');
    lq_json_write_f32(out, v[k]);
  }
  lqi_put_char(out, ']');
}

static void put_contact(void *context, const lq_session_contact *c) {
  touching *t = context;
  lq_writer *out = t->out;
  if (t->count == LQ_MESSAGE_CONTACTS_MAX || !is_placed(t, c->a) || !is_placed(t, c->b)) return;
  if (t->count++) lqi_put_char(out, ',');
  LQI_PUT(out, "{\"a\":");
  lq_json_write_text(out, lq_span_text(lq_world_id(t->world, c->a)));
  LQI_PUT(out, ",\"b\":");
  lq_json_write_text(out, lq_span_text(lq_world_id(t->world, c->b)));
  if (!c->sensor && c->count) {
    LQI_PUT(out, ",\"normal\":");
    put_numbers(out, c->normal);
  }
  LQI_PUT(out, ",\"points\":[");
  for (uint32_t i = 0; i < c->count; i++) {
    if (i) lqi_put_char(out, ',');
    put_numbers(out, c->point[i]);
  }
  LQI_PUT(out, "]}");
}

void lq_message_contacts(lq_session *session, const lq_viewer *viewer, lq_writer *out) {
  const lq_game_physics *physics = &lq_session_game(session)->physics;
  touching t = {.world = lq_session_world(session), .out = out};
  lqi_put_char(out, '[');
  if (physics->on) {
    t.sight = sight_of(session, viewer);
    t.wanted = 1ull << physics->type[LQ_TYPE_PLACE] | 1ull << physics->type[LQ_TYPE_SHAPE];
    lq_session_contacts(session, put_contact, &t);
  }
  lqi_put_char(out, ']');
}

void lq_message_snapshot(lq_session *session, const lq_viewer *viewer, lq_writer *out) {
  LQI_PUT(out, "{\"evt\":\"snapshot\",\"tick\":");
  lq_write_decimal_u(out, lq_session_tick_number(session));
  LQI_PUT(out, ",\"state\":");
  lq_message_state_object(session, viewer, out);
  lqi_put_char(out, '}');
}

void lq_message_joined(lq_session *session, const lq_viewer *viewer, const char *session_name,
                       const char *player, const char *resume, lq_writer *out) {
  LQI_PUT(out, "{\"evt\":\"joined\",\"session\":");
  lq_json_write_text(out, lq_span_text(session_name));
  LQI_PUT(out, ",\"player\":");
  lq_json_write_text(out, lq_span_text(player));
  LQI_PUT(out, ",\"tick\":");
  lq_write_decimal_u(out, lq_session_tick_number(session));
  LQI_PUT(out, ",\"hz\":");
  lq_write_decimal_u(out, lq_session_hz(session));
  if (resume && resume[0]) {
    LQI_PUT(out, ",\"resume\":");
    lq_json_write_text(out, lq_span_text(resume));
  }
  LQI_PUT(out, ",\"state\":");
  lq_message_state_object(session, viewer, out);
  lqi_put_char(out, '}');
}

/* ---- deltas ---- */

typedef struct delta {
  const lq_world *world;
  lq_writer *out;
  lq_entity_names names;
  sight sight;
  bool reborn_known, reborn; /* some id died and lives again within this frame */
  uint32_t set_count, gone_count;
} delta;

/* What the viewer saw, or sees, of one entity. */
typedef struct view {
  bool shown;
  uint64_t types;
} view;

static view view_before(delta *d, const lq_change *c) {
  if (c->born && !c->died) return (view){0};
  uint64_t types = c->old_mask & sight_mask(&d->sight, c->old_owner);
  return (view){is_shown(c->old_mask, types), types};
}

/* Of the entity that lives in the change's row now. */
static view view_now(delta *d, const lq_change *c) {
  if (lq_entity_is(c->entity, LQ_ENTITY_NULL)) return (view){0};
  bool kept = !c->died && !c->owner_changed;
  uint16_t owner = kept ? c->old_owner : lq_world_owner(d->world, c->entity);
  uint64_t mask = c->born ? c->set : (c->old_mask & ~c->removed) | c->set;
  uint64_t types = mask & sight_mask(&d->sight, owner);
  return (view){is_shown(mask, types), types};
}

/* Does the viewer see an entity of this id now? */
static bool lives_on(delta *d, const char *id) {
  lq_entity entity = lq_world_find(d->world, lq_span_text(id));
  if (lq_entity_is(entity, LQ_ENTITY_NULL)) return false;
  uint64_t mask = lq_world_mask(d->world, entity);
  return is_shown(mask, mask & sight_mask(&d->sight, lq_world_owner(d->world, entity)));
}

static bool find_reborn(delta *d) {
  if (d->reborn_known) return d->reborn;
  d->reborn_known = true;
  uint32_t cursor = 0;
  lq_change c;
  while (!d->reborn && lq_world_change_next(d->world, &cursor, &c))
    d->reborn =
        c.died && !lq_entity_is(lq_world_find(d->world, lq_span_text(c.old_id)), LQ_ENTITY_NULL);
  return d->reborn;
}

/* What the viewer saw of an entity that bore this id before the frame and died in it. To a client
 * the new one is the same entity, changed: no order of "set" and "del" has to be kept then. */
static view view_former(delta *d, const char *id) {
  uint32_t cursor = 0;
  lq_change c;
  while (find_reborn(d) && lq_world_change_next(d->world, &cursor, &c))
    if (c.died && strcmp(c.old_id, id) == 0) return view_before(d, &c);
  return (view){0};
}

static void delta_set(delta *d, const lq_change *c) {
  view now = view_now(d, c);
  if (!now.shown) return;
  const char *id = lq_world_id(d->world, c->entity);
  view before = c->born ? view_former(d, id) : view_before(d, c);
  uint64_t set = c->born ? now.types : now.types & (c->set | ~before.types);
  uint64_t lost = LQ_PLANTED(DELTA_REMOVED) ? 0 : before.types & ~now.types;
  if (!c->born && before.shown && !set && !lost) return;
  if (d->set_count++) lqi_put_char(d->out, ',');
  lqi_put_key(d->out, id);
  lqi_put_char(d->out, '{');
  put_components(d->world, c->entity, set, lost, &d->names, d->out);
  lqi_put_char(d->out, '}');
}

static void delta_gone(delta *d, const lq_change *c) {
  if (!view_before(d, c).shown) return;
  const char *id = c->died ? c->old_id : lq_world_id(d->world, c->entity);
  if (c->died ? lives_on(d, id) : view_now(d, c).shown) return;
  if (d->gone_count++) lqi_put_char(d->out, ',');
  lqi_put_name(d->out, id);
}

bool lq_message_delta(lq_session *session, const lq_viewer *viewer, lq_writer *out) {
  const lq_writer start = *out;
  const lq_world *world = lq_session_world(session);
  delta d = {.world = world,
             .out = out,
             .names = lq_world_names(world),
             .sight = sight_of(session, viewer)};
  LQI_PUT(out, "{\"evt\":\"state\",\"tick\":");
  lq_write_decimal_u(out, lq_session_tick_number(session));
  LQI_PUT(out, ",\"set\":{");
  bool may_hide = false;
  lq_change c;
  for (uint32_t cursor = 0; lq_world_change_next(world, &cursor, &c);) {
    delta_set(&d, &c);
    if (LQ_PLANTED(DELTA_GONE)) may_hide = false;
    may_hide |= c.died || c.removed || c.owner_changed || c.old_mask == 0;
  }
  LQI_PUT(out, "},\"del\":[");
  for (uint32_t cursor = 0; may_hide && lq_world_change_next(world, &cursor, &c);)
    delta_gone(&d, &c);
  LQI_PUT(out, "]}");
  if (d.set_count || d.gone_count) return true;
  *out = start;
  return false;
}

bool lq_message_delta_uniform(lq_session *session) {
  const lq_schema *schema = lq_world_schema(lq_session_world(session));
  for (uint32_t t = 0; t < schema->component_count; t++)
    if (schema->component[t].visible.see != LQ_SEE_ALL) return false;
  return true;
}

/* ---- events, commands, answers ---- */

bool lq_message_event(const lq_game *game, uint64_t tick, const lq_event *event, lq_writer *out) {
  const lq_writer start = *out;
  if (event->type >= game->event_count) return false;
  const lq_record *record = &game->event[event->type].record;
  lq_reader body = lq_reader_of(event->body);
  LQI_PUT(out, "{\"evt\":");
  lqi_put_name(out, record->name);
  if (!lq_record_to_json(record, &body, true, out) || !lq_reader_done(&body)) {
    *out = start;
    return false;
  }
  LQI_PUT(out, ",\"tick\":");
  lq_write_decimal_u(out, tick);
  LQI_PUT(out, ",\"seq\":");
  lq_write_decimal_u(out, event->seq);
  lqi_put_char(out, '}');
  return true;
}

bool lq_command_to_json(const lq_game *game, const lq_command *command, const char *player,
                        lq_writer *out) {
  const lq_writer start = *out;
  if (command->type >= game->command_count) return false;
  const lq_record *record = &game->command[command->type].record;
  lq_reader body = lq_reader_of(command->body);
  lqi_put_char(out, '{');
  if (command->client_id[0]) {
    LQI_PUT(out, "\"id\":");
    lq_json_write_text(out, lq_span_text(command->client_id));
    lqi_put_char(out, ',');
  }
  /* Built-in commands come from the host, and some have a field of that name. */
  if (player && player[0] && command->type >= LQ_CMD_BUILTIN_COUNT) {
    LQI_PUT(out, "\"player\":");
    lq_json_write_text(out, lq_span_text(player));
    lqi_put_char(out, ',');
  }
  LQI_PUT(out, "\"cmd\":");
  lqi_put_name(out, record->name);
  if (!lq_record_to_json(record, &body, true, out) || !lq_reader_done(&body)) {
    *out = start;
    return false;
  }
  lqi_put_char(out, '}');
  return true;
}

void lq_message_ack(const char *id, uint64_t tick, lq_writer *out) {
  LQI_PUT(out, "{\"evt\":\"ack\",\"id\":");
  lq_json_write_text(out, lq_span_text(id));
  LQI_PUT(out, ",\"tick\":");
  lq_write_decimal_u(out, tick);
  lqi_put_char(out, '}');
}

/* Words of ours may have been cut inside a character, or quote what a client sent. */
static void put_words(lq_writer *out, const char *words) {
  lq_span text = lq_span_text(words);
  if (lq_utf8_valid(text)) {
    lq_json_write_text(out, text);
    return;
  }
  char ascii[256];
  size_t bytes = 0;
  for (; words[bytes] && bytes < sizeof ascii; bytes++)
    ascii[bytes] = (uint8_t)words[bytes] < 0x80 ? words[bytes] : '?';
  lq_json_write_text(out, lq_span_of(ascii, bytes));
}

void lq_message_error(lq_err code, const char *message, const char *mend, const char *id,
                      lq_writer *out) {
  LQI_PUT(out, "{\"evt\":\"error\",\"code\":");
  lqi_put_name(out, lq_err_name(code));
  LQI_PUT(out, ",\"message\":");
  put_words(out, message ? message : lq_err_cause(code));
  LQI_PUT(out, ",\"mend\":");
  put_words(out, mend ? mend : lq_err_mend(code));
  if (id && id[0]) {
    LQI_PUT(out, ",\"id\":");
    put_words(out, id);
  }
  lqi_put_char(out, '}');
}
