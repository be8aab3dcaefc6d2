/* Changes of audited components, row by row ascending, type by type:
 *   sized entity id, varint type, varint slot (who caused it; 0 = a system or the host),
 *   u8 bit 0 before, bit 1 after, then sized before and after (record wire form) as the bits say.
 */
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

void lq_session_watch(lq_session *session, lq_causes *causes) { session->watch = causes; }
const lq_causes *lq_session_causes(const lq_session *session) { return session->watch; }

uint16_t lq_causes_find(const lq_causes *causes, uint32_t row, uint32_t type) {
  for (uint32_t i = causes->count; i-- > 0;) {
    const lq_cause *c = &causes->at[i];
    if (c->row == row && (c->type == type || c->type == LQ_CAUSE_ALL)) return c->slot;
  }
  return 0;
}

/* The newest cause counts. */
static uint16_t cause_of(const lq_session *s, uint32_t row, uint32_t type) {
  for (uint32_t i = s->cause_count; i-- > 0;) {
    const lqi_cause *c = &s->cause[LQ_PLANTED(CAUSE_OLDEST) ? s->cause_count - 1 - i : i];
    if (c->row == row && (c->type == type || c->type == LQI_TYPE_ANY)) return c->slot;
  }
  return 0;
}

static void write_row(lq_session *s, uint32_t type, const void *row) {
  uint8_t body[LQI_BODY_BYTES_MAX];
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_entity_names names = lq_world_names(s->world);
  lq_record_encode(&s->game->schema.component[type].record, row, &names, &out);
  LQ_CHECK(!out.failed);
  lq_write_sized(&s->scratch, body, out.bytes);
}

static void write_mutation(lq_session *s, const char *id, uint32_t row, uint32_t type,
                           const void *before, const void *after) {
  lq_writer *out = &s->scratch;
  lq_write_sized(out, id, strlen(id));
  lq_write_varint(out, type);
  lq_write_varint(out, cause_of(s, row, type));
  lq_write_u8(out, (uint8_t)((before ? 1 : 0) | (after ? 2 : 0)));
  if (before) write_row(s, type, before);
  if (after) write_row(s, type, after);
}

/* The entity that died: everything it had. Then the one that lives: what changed. */
static void write_change(lq_session *s, const lq_change *c) {
  uint64_t gone = c->died ? c->old_mask & s->audited : 0;
  for (uint64_t types = gone; types; types &= types - 1) {
    uint32_t type = (uint32_t)__builtin_ctzll(types);
    write_mutation(s, c->old_id, c->row, type, lq_world_previous(s->world, c->row, type), NULL);
  }
  if (c->entity.bits == 0) return;
  const char *id = lq_world_id(s->world, c->entity);
  for (uint64_t types = (c->set | c->removed) & s->audited; types; types &= types - 1) {
    uint32_t type = (uint32_t)__builtin_ctzll(types);
    bool had = !c->born && (c->old_mask >> type & 1), has = c->set >> type & 1;
    write_mutation(s, id, c->row, type, had ? lq_world_previous(s->world, c->row, type) : NULL,
                   has ? lq_world_get(s->world, c->entity, type) : NULL);
  }
}

bool lqi_mutations_write(lq_session *session) {
  lq_change change;
  uint32_t cursor = 0;
  while (!session->scratch.failed && lq_world_change_next(session->world, &cursor, &change))
    write_change(session, &change);
  if (!session->scratch.failed) return true;
  session->scratch = lq_writer_of(session->scratch_data, LQ_TICK_MUTATIONS_BYTES);
  return false;
}

bool lq_mutation_read(lq_reader *in, const lq_game *game, lq_mutation *out) {
  *out = (lq_mutation){0};
  if (in->failed || lq_reader_left(in) == 0) return false;
  lq_span id = lq_read_sized(in);
  uint64_t type = lq_read_varint(in), slot = lq_read_varint(in);
  uint8_t parts = lq_read_u8(in);
  bool ok = !in->failed && lq_id_valid(id, LQ_ID_BYTES) && type < game->schema.component_count &&
            slot <= game->players_max && parts >= 1 && parts <= 3;
  if (ok && (parts & 1)) out->before = lq_read_sized(in);
  if (ok && (parts & 2)) out->after = lq_read_sized(in);
  if (!ok || in->failed) {
    in->failed = true;
    *out = (lq_mutation){0};
    return false;
  }
  out->entity = id;
  out->type = (uint16_t)type;
  out->slot = (uint16_t)slot;
  out->has_before = parts & 1;
  out->has_after = parts & 2;
  return true;
}
