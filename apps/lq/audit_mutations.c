/* `lq audit mutations`: a session run again, and every change of every component of every entity
 * told, with the player whose command made it. */
#include <stdlib.h>

#include "apps/lq/audit.h"

typedef unsigned long long ull;
enum { USER_BYTES = 256, LINE_BYTES = 64 << 10 };

typedef struct mutations {
  lq_audit_tool *tool;
  bool done;
  lq_err err;
  lq_diag diag;
  uint64_t count;
  char (*user)[USER_BYTES]; /* by slot, from the details of joins; NULL: not asked for */
  uint32_t users;
  lq_writer w;
} mutations;

/* ---- who is who ---- */

static void user_note(mutations *m, uint32_t slot, lq_span user) {
  if (slot >= m->users) {
    uint32_t wanted = slot + 64;
    void *grown = realloc(m->user, wanted * sizeof *m->user);
    if (!grown) return;
    m->user = grown;
    memset(m->user + m->users, 0, (wanted - m->users) * sizeof *m->user);
    m->users = wanted;
  }
  char *known = m->user[slot];
  /* A slot is one player's for good; should two people have played it, neither is singled out. */
  if (known[0] && !lq_span_is(user, known))
    (void)lq_text_copy(known, USER_BYTES, lq_span_text("(several)"));
  else
    (void)lq_text_copy(known, USER_BYTES, user);
}

static bool join_note(void *context, uint64_t index, lq_span leaf) {
  mutations *m = context;
  lq_audit_tool *t = m->tool;
  lq_audit_entry e;
  lq_audit_detail detail;
  char sk[LQ_STORE_SK_BYTES];
  uint8_t *data = NULL;
  size_t bytes;
  (void)index;
  if (lq_audit_entry_decode(leaf, &e) || e.kind != LQ_AUDIT_JOIN || !e.has_detail ||
      memcmp(&e.name, &t->name, sizeof e.name) != 0)
    return true;
  lq_audit_detail_sk(e.detail, sk);
  if (!lq_audit_item(t, t->at->store, sk, &data, &bytes) &&
      !lq_audit_detail_decode(lq_span_of(data, bytes), &detail))
    user_note(m, e.join.slot, detail.user);
  free(data);
  return true;
}

/* ---- one change ---- */

static void row_write(lq_writer *w, lq_session *session, uint32_t type, const void *row) {
  lq_entity_names names = lq_world_names(lq_session_world(session));
  if (!row) {
    lq_write_text(w, "null");
    return;
  }
  lq_write_u8(w, '{');
  lq_row_to_json(&lq_session_game(session)->schema.component[type].record, row, &names, w);
  lq_write_u8(w, '}');
}

/* The commands of the slot that this tick took: what the player did. */
static void commands_write(lq_writer *w, const lq_session *session, const lq_tick_result *result,
                           uint16_t slot) {
  bool more = false;
  lq_write_u8(w, '[');
  for (uint32_t i = 0; i < result->applied_count; i++) {
    const lq_applied *a = &result->applied[i];
    if (a->slot != slot || a->outcome) continue;
    if (more) lq_write_u8(w, ',');
    more = true;
    lq_json_write_text(w, lq_span_text(lq_session_game(session)->command[a->type].record.name));
  }
  lq_write_u8(w, ']');
}

static void cause_write(const mutations *m, lq_writer *w, lq_session *session,
                        const lq_tick_result *result, uint32_t row, uint32_t type) {
  const lq_causes *causes = lq_session_causes(session);
  uint16_t slot = causes ? lq_causes_find(causes, row, type) : 0;
  if (!slot) {
    bool known = causes && !causes->full;
    lq_write_text(w, known ? "\"cause\":\"system\"" : "\"cause\":\"unknown\"");
    return;
  }
  lq_player player = lq_session_player(session, slot);
  lq_write_text(w, "\"cause\":\"command\",\"player\":");
  lq_json_write_text(w, lq_span_text(player.id));
  lq_write_text(w, ",\"slot\":");
  lq_write_decimal_u(w, slot);
  if (slot < m->users && m->user[slot][0]) {
    lq_write_text(w, ",\"user\":");
    lq_json_write_text(w, lq_span_text(m->user[slot]));
  }
  lq_write_text(w, ",\"commands\":");
  commands_write(w, session, result, slot);
}

static void tell(mutations *m, lq_session *session, const lq_tick_result *result, const char *id,
                 uint32_t row, uint32_t type, const void *before, const void *after) {
  const lq_component *component = &lq_session_game(session)->schema.component[type];
  lq_writer *w = &m->w;
  w->bytes = 0;
  m->count++;
  lq_write_text(w, "{\"tick\":");
  lq_write_decimal_u(w, result->tick);
  lq_write_text(w, ",\"entity\":");
  lq_json_write_text(w, lq_span_text(id));
  lq_write_text(w, ",\"component\":");
  lq_json_write_text(w, lq_span_text(component->record.name));
  lq_write_text(w, component->audited ? ",\"audited\":true" : ",\"audited\":false");
  lq_write_text(w, ",\"before\":");
  row_write(w, session, type, before);
  lq_write_text(w, ",\"after\":");
  row_write(w, session, type, after);
  lq_write_u8(w, ',');
  cause_write(m, w, session, result, row, type);
  lq_write_text(w, "}");
  (void)printf("%.*s\n", (int)w->bytes, (const char *)w->data);
}

static bool each_tick(void *context, lq_session *session, const lq_tick_result *result, bool pinned,
                      uint64_t journal_hash) {
  mutations *m = context;
  lq_world *world = lq_session_world(session);
  lq_change c;
  (void)pinned, (void)journal_hash;
  for (uint32_t cursor = 0; lq_world_change_next(world, &cursor, &c);) {
    for (uint64_t gone = c.died ? c.old_mask : 0; gone; gone &= gone - 1) {
      uint32_t type = (uint32_t)__builtin_ctzll(gone);
      tell(m, session, result, c.old_id, c.row, type, lq_world_previous(world, c.row, type), NULL);
    }
    if (c.entity.bits == 0) continue;
    const char *id = lq_world_id(world, c.entity);
    for (uint64_t types = c.set | c.removed; types; types &= types - 1) {
      uint32_t type = (uint32_t)__builtin_ctzll(types);
      bool had = !c.born && (c.old_mask >> type & 1), has = c.set >> type & 1;
      tell(m, session, result, id, c.row, type, had ? lq_world_previous(world, c.row, type) : NULL,
           has ? lq_world_get(world, c.entity, type) : NULL);
    }
  }
  return true;
}

static void replayed(void *context, lq_err err, const lq_diag *diag, lq_ledger_session *session) {
  mutations *m = context;
  m->err = err;
  if (diag) m->diag = *diag;
  if (!err) lq_ledger_session_free(session);
  m->done = true;
  lq_loop_stop(m->tool->place.loop);
}

static void head_got(void *context, lq_err err, const lq_store_head *head) {
  mutations *m = context;
  lq_audit_tool *t = m->tool;
  if (err) {
    if (err == LQ_ERR_NOT_FOUND)
      err = lq_diag_set(&m->diag, LQ_ERR_UNKNOWN_SESSION, "there is no session '%s' of %s/%s",
                        t->name.session, t->name.tenant, t->name.game);
    m->err = err;
    m->done = true;
    lq_loop_stop(t->place.loop);
    return;
  }
  lq_release_source source = lq_place_source(t->at);
  lq_ledger_replay(t->at->store, &source, &t->name, head->tick, true, each_tick, m, replayed, m);
}

int lq_audit_mutations(lq_audit_tool *t) {
  mutations m = {.tool = t};
  m.w = lq_writer_of(malloc(LINE_BYTES), LINE_BYTES);
  lq_err err = m.w.data ? lq_audit_open(t, true) : LQ_ERR_MEMORY;
  if (!err && t->cli->value[LQ_AUDIT_DETAILS]) err = lq_audit_walk(t, 0, 0, join_note, &m, NULL);
  if (!err) {
    t->at->store->head(t->at->store, &t->name, head_got, &m);
    lq_place_wait(&t->place, &m.done);
    err = m.err;
    if (err && m.diag.message[0]) t->diag = m.diag;
  }
  free(m.user);
  free(m.w.data);
  return err ? lq_cli_fail(t->cli, err, &t->diag) : LQ_EXIT_OK;
}
