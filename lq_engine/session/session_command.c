/* Commands: checked, queued, ordered, journaled, applied.
 * A journaled command: varint type, slot, seq (0, 1, 2 ... of its sender in this tick), then sized
 * client id and sized body. A journaled event: varint type, seq, about_owner, then sized body. */
#include "lq_base/plant.h"
#include "lq_engine/session/session_int.h"

typedef struct row_buffer {
  _Alignas(8) uint8_t bytes[LQ_ROW_BYTES_MAX];
} row_buffer;

/* Sender, role, form and ownership; the row as it is now. */
static lq_err check(const lq_session *s, uint16_t type, uint16_t slot, lq_span body,
                    row_buffer *row) {
  const lq_command_type *t = &s->game->command[type];
  const lqi_player *player = lqi_player_at(s, slot);
  if (slot && !player) return LQ_ERR_NOT_JOINED;
  if (slot && type < LQ_CMD_BUILTIN_COUNT) return LQ_ERR_FORBIDDEN;
  if (slot && t->roles && !(t->roles & player->is.roles)) return LQ_ERR_FORBIDDEN;
  lq_reader in = lq_reader_of(body);
  lq_entity_names names = lq_world_names(s->world);
  const lq_field *bad;
  lq_err err = lq_record_decode(&t->record, &in, &names, row->bytes, &bad);
  if (err) return err;
  if (!lq_reader_done(&in)) return LQ_ERR_INVALID;
  if (t->entity_field == UINT16_MAX) return LQ_OK;
  lq_entity entity;
  memcpy(&entity, row->bytes + t->record.field[t->entity_field].offset, sizeof entity);
  if (entity.bits == 0) return LQ_ERR_NOT_FOUND;
  return slot && lq_world_owner(s->world, entity) != slot ? LQ_ERR_NOT_OWNER : LQ_OK;
}

/* ---- the queue ---- */

static bool client_id_ok(const char *id) {
  const char *end = memchr(id, 0, LQ_CLIENT_ID_BYTES);
  if (!end) return false;
  for (const char *at = id; at < end; at++)
    if ((uint8_t)*at < 0x20 || *at == 0x7f) return false;
  return lq_utf8_valid(lq_span_of(id, (size_t)(end - id)));
}

static bool is_queued(const lq_session *s, uint16_t slot, uint64_t hash) {
  if (LQ_PLANTED(RESENT_IN_QUEUE)) return false;
  for (uint32_t i = s->player[slot].queue_last; i; i = s->queue[i - 1].before)
    if (s->queue[i - 1].client_hash == hash) return true;
  return false;
}

/* What the queue no longer holds leaves its bytes behind: closes the gaps. */
static void compact(lq_session *s) {
  size_t at = 0;
  for (uint32_t i = 0; i < s->queued; i++) {
    lqi_queued *q = &s->queue[i];
    size_t bytes = (size_t)q->id_bytes + 1 + q->body_bytes;
    memmove(s->queue_data + at, s->queue_data + q->at, bytes);
    q->at = (uint32_t)at;
    at += bytes;
  }
  s->queue_bytes = at;
}

static size_t journal_bound(const lq_session *s, uint16_t slot, size_t bytes) {
  return bytes + LQI_COMMAND_HEAD_BYTES + (slot ? strlen(s->player[slot].is.id) : 0);
}

static bool has_room(const lq_session *s, uint16_t type, size_t journal) {
  if (type == LQ_CMD_GUEST)
    return s->guest_queued < LQI_GUEST_COMMANDS &&
           journal <= LQI_GUEST_COMMAND_BYTES - s->guest_bytes;
  return s->queued - s->guest_queued < LQ_TICK_COMMANDS_MAX &&
         journal <= LQI_TICK_COMMAND_BYTES - (s->journal_bytes - s->guest_bytes);
}

/* Links and counts the queue's entry, as its last one. */
static void count(lq_session *s, lqi_queued q) {
  size_t journal = journal_bound(s, q.slot, (size_t)q.id_bytes + 1 + q.body_bytes);
  lqi_player *sender = &s->player[q.slot];
  q.before = sender->queue_last;
  s->queue[s->queued] = q;
  sender->queue_last = (uint16_t)(++s->queued);
  s->journal_bytes += journal;
  if (q.type != LQ_CMD_GUEST) return;
  s->guest_queued++;
  s->guest_bytes += journal;
}

static lq_err enqueue(lq_session *s, const lq_command *c, uint64_t hash) {
  size_t id_bytes = strlen(c->client_id), bytes = id_bytes + 1 + c->body.bytes;
  if (!has_room(s, c->type, journal_bound(s, c->slot, bytes))) return LQ_ERR_BUSY;
  if (bytes > LQI_QUEUE_BYTES - s->queue_bytes) compact(s);
  uint8_t *at = s->queue_data + s->queue_bytes;
  memcpy(at, c->client_id, id_bytes + 1);
  if (c->body.bytes) memcpy(at + id_bytes + 1, c->body.data, c->body.bytes);
  count(s, (lqi_queued){.client_hash = hash,
                        .at = (uint32_t)s->queue_bytes,
                        .body_bytes = (uint32_t)c->body.bytes,
                        .type = c->type,
                        .slot = c->slot,
                        .id_bytes = (uint8_t)id_bytes});
  s->queue_bytes += bytes;
  return LQ_OK;
}

lq_err lq_session_submit(lq_session *session, const lq_command *command, uint64_t *first_tick) {
  *first_tick = UINT64_MAX;
  if (command->type >= session->game->command_count) return LQ_ERR_UNKNOWN_COMMAND;
  if (command->slot && !lqi_player_at(session, command->slot)) return LQ_ERR_NOT_JOINED;
  if (!client_id_ok(command->client_id)) return LQ_ERR_INVALID;
  uint64_t hash = lqi_client_hash(command->client_id);
  if (hash) {
    uint32_t at = lqi_ids_find(session, command->slot, hash);
    if (at != UINT32_MAX) *first_tick = session->ids[command->slot].tick[at];
    if (at != UINT32_MAX || is_queued(session, command->slot, hash)) return LQ_ERR_EXISTS;
  }
  if (session->core.ended) return LQ_ERR_ENDED;
  if (command->body.bytes > LQI_BODY_BYTES_MAX) return LQ_ERR_TOO_BIG;
  row_buffer row;
  lq_err err = check(session, command->type, command->slot, command->body, &row);
  if (err) return err;
  /* What waits behind a swap would be of the release before it. */
  return session->release_waits ? LQ_ERR_BUSY : enqueue(session, command, hash);
}

/* Empties the queue's counts and links; the entries lie there still. How many. */
static uint32_t uncount(lq_session *s) {
  uint32_t queued = s->queued;
  for (uint32_t i = 0; i < queued; i++) s->player[s->queue[i].slot].queue_last = 0;
  s->queued = s->guest_queued = 0;
  s->journal_bytes = s->guest_bytes = 0;
  return queued;
}

uint32_t lq_session_unqueue(lq_session *session, uint16_t slot) {
  uint32_t queued = uncount(session), taken = session->taken;
  for (uint32_t i = 0; i < queued; i++) {
    if (slot == 0 || session->queue[i].slot != slot)
      count(session, session->queue[i]);
    else if (i < taken)
      session->taken--;
  }
  return queued - session->queued;
}

static void queue_clear(lq_session *session) {
  (void)uncount(session);
  session->queue_bytes = 0;
}

void lqi_queue_taken(lq_session *session) {
  uint32_t queued = uncount(session);
  for (uint32_t i = session->taken; i < queued && !LQ_PLANTED(GUEST_BEHIND); i++) {
    uint16_t slot = session->queue[i].slot;
    if (slot == 0 || lqi_player_at(session, slot)) count(session, session->queue[i]);
  }
  if (session->queued == 0) session->queue_bytes = 0;
  session->taken = 0;
}

/* Stable merge sort of indices by slot: arrival order within a sender stays. */
static uint16_t *sort_by_slot(const lq_session *s) {
  uint16_t *from = s->order, *to = s->order_spare;
  uint32_t count = s->taken;
  for (uint32_t i = 0; i < count; i++) from[i] = (uint16_t)i;
  for (uint32_t width = LQ_PLANTED(ORDER_ARRIVAL) ? count : 1; width < count; width *= 2) {
    for (uint32_t left = 0; left < count; left += 2 * width) {
      uint32_t middle = left + width < count ? left + width : count;
      uint32_t right = middle + width < count ? middle + width : count;
      uint32_t a = left, b = middle;
      for (uint32_t i = left; i < right; i++) {
        bool take_a =
            a < middle && (b >= right || s->queue[from[a]].slot <= s->queue[from[b]].slot);
        if (LQ_PLANTED(ORDER_UNSTABLE) && a < middle && b < right)
          take_a = s->queue[from[a]].slot < s->queue[from[b]].slot;
        to[i] = take_a ? from[a++] : from[b++];
      }
    }
    uint16_t *swap = from;
    from = to;
    to = swap;
  }
  return from;
}

static void write_command(lq_writer *out, const lq_session *s, const lqi_queued *q, uint64_t seq) {
  const uint8_t *data = s->queue_data + q->at;
  lq_write_varint(out, q->type);
  lq_write_varint(out, q->slot);
  const char *player = q->slot ? s->player[q->slot].is.id : "";
  lq_write_sized(out, player, strlen(player));
  lq_write_varint(out, seq);
  lq_write_sized(out, data, q->id_bytes);
  lq_write_sized(out, data + q->id_bytes + 1, q->body_bytes);
}

lq_span lqi_queue_journal(lq_session *session) {
  lq_session *s = session;
  uint16_t *order = sort_by_slot(s);
  if (order != s->order) {
    s->order_spare = s->order;
    s->order = order;
  }
  lq_writer out = lq_writer_of(s->journal, LQI_QUEUE_BYTES);
  uint64_t seq = 0;
  for (uint32_t i = 0; i < s->taken; i++) {
    const lqi_queued *q = &s->queue[order[i]];
    seq = i && s->queue[order[i - 1]].slot == q->slot ? seq + 1 : 0;
    write_command(&out, s, q, seq);
  }
  LQ_CHECK(!out.failed);
  return lq_writer_span(&out);
}

/* ---- the journal ---- */

bool lq_command_read(lq_reader *in, const lq_game *game, lq_command *out) {
  *out = (lq_command){0};
  if (in->failed || lq_reader_left(in) == 0) return false;
  uint64_t type = lq_read_varint(in), slot = lq_read_varint(in);
  lq_span player = lq_read_sized(in);
  out->seq = lq_read_varint(in);
  lq_span id = lq_read_sized(in);
  out->body = lq_read_sized(in);
  bool ok = !in->failed && type < game->command_count && slot <= game->players_max &&
            out->body.bytes <= LQI_BODY_BYTES_MAX &&
            (player.bytes == 0 || lq_id_valid(player, LQ_ID_BYTES)) &&
            lq_text_copy(out->player, sizeof out->player, player) &&
            lq_text_copy(out->client_id, sizeof out->client_id, id) &&
            client_id_ok(out->client_id) && strlen(out->client_id) == id.bytes;
  if (!ok) {
    in->failed = true;
    *out = (lq_command){0};
    return false;
  }
  out->type = (uint16_t)type;
  out->slot = (uint16_t)slot;
  return true;
}

bool lq_event_read(lq_reader *in, const lq_game *game, lq_event *out) {
  *out = (lq_event){0};
  if (in->failed || lq_reader_left(in) == 0) return false;
  uint64_t type = lq_read_varint(in), seq = lq_read_varint(in), owner = lq_read_varint(in);
  lq_span body = lq_read_sized(in);
  if (in->failed || type >= game->event_count || seq >= LQI_EVENTS_MAX ||
      owner > game->players_max || body.bytes > LQI_BODY_BYTES_MAX) {
    in->failed = true;
    return false;
  }
  *out = (lq_event){(uint16_t)type, (uint32_t)seq, (uint16_t)owner, body};
  return true;
}

static bool replay_queue(lq_session *s, lq_reader *in) {
  lq_command c;
  uint16_t slot = 0;
  uint64_t seq = 0;
  while (lq_command_read(in, s->game, &c)) {
    if (c.slot < slot || (c.slot > slot && c.seq != 0) || (c.slot == slot && c.seq != seq))
      return false;
    uint64_t hash = lqi_client_hash(c.client_id);
    if (hash && (is_queued(s, c.slot, hash) ||
                 (lqi_player_at(s, c.slot) && lqi_ids_find(s, c.slot, hash) != UINT32_MAX)))
      return false;
    if (enqueue(s, &c, hash) != LQ_OK) return false;
    slot = c.slot;
    seq = c.seq + 1;
  }
  return !in->failed;
}

lq_err lq_session_replay_tick(lq_session *session, lq_span commands) {
  if (session->queued) return LQ_ERR_BUSY;
  lq_reader in = lq_reader_of(commands);
  if (replay_queue(session, &in)) return LQ_OK;
  queue_clear(session);
  return LQ_ERR_CORRUPT;
}

/* ---- applying ---- */

lq_err lqi_handler_call(lq_session *session, uint16_t type, const uint8_t *row, uint16_t actor) {
  lq_session *s = session;
  lq_command_fn run = s->game->command_fn ? s->game->command_fn[type] : NULL;
  const lqi_guest *guest = lqi_guest_at(s, LQ_GUEST_COMMAND, type);
  if (!run && !guest) return LQ_OK;
  if (guest && lqi_guest_left_out(guest)) return LQ_ERR_GUEST;
  lqi_core core = s->core;
  uint32_t event_count = s->event_count, cause_count = s->cause_count;
  uint32_t sent_count = s->sent_count;
  uint32_t watched = s->watch ? s->watch->count : 0;
  size_t event_bytes = s->events.bytes;
  s->scratch.bytes = 0;
  s->undo_last = 0;
  s->refused = s->full = false;
  s->actor = actor;
  s->phase = LQI_COMMAND;
  lqi_physics_stale(s);
  if (guest)
    lqi_guest_handler(s, type, row, actor);
  else
    run(&s->sys, row);
  s->phase = LQI_IDLE;
  if (s->state) return LQ_ERR_GUEST; /* the whole tick is undone */
  if (!s->refused && !s->full) {
    lq_world_flush(s->world);
    return LQ_OK;
  }
  if (!LQ_PLANTED(REFUSED_WRITES)) lqi_undo_writes(s);
  if (LQ_PLANTED(REFUSED_ENTITIES)) lq_world_flush(s->world);
  lq_world_drop(s->world);
  s->core = core;
  if (!LQ_PLANTED(REFUSED_EVENTS)) {
    s->event_count = event_count;
    s->events.bytes = event_bytes;
  }
  if (!LQ_PLANTED(SENT_REFUSED)) s->sent_count = sent_count;
  s->cause_count = cause_count;
  if (s->watch) s->watch->count = watched;
  return s->full ? LQ_ERR_FULL : LQ_ERR_FORBIDDEN;
}

static lq_err apply(lq_session *s, const lqi_queued *q) {
  row_buffer row;
  if (s->core.ended) return LQ_ERR_ENDED;
  lq_span body = lq_span_of(s->queue_data + q->at + q->id_bytes + 1u, q->body_bytes);
  lq_err err = check(s, q->type, q->slot, body, &row);
  if (err) return err;
  if (q->type < LQ_CMD_BUILTIN_COUNT) return lqi_builtin_apply(s, q->type, row.bytes);
  return lqi_handler_call(s, q->type, row.bytes, q->slot);
}

/* ---- what the game sends ---- */

bool lqi_send(lq_session *session, uint32_t type, const void *row) {
  lq_session *s = session;
  if (type < LQ_CMD_BUILTIN_COUNT || type >= s->game->command_count) return false;
  const lq_record *record = &s->game->command[type].record;
  if (s->sent_count == LQ_TICK_SENT_MAX || (record->row_bytes && !row)) return false;
  lqi_sent *sent = &s->sent[s->sent_count++];
  sent->type = type;
  if (record->row_bytes == 0) return true;
  memcpy(sent->row, row, record->row_bytes);
  lq_record_canonicalise(record, sent->row);
  return true;
}

/* By way of the wire form: a command that was sent is checked as one that came from outside, and an
 * entity that is gone meanwhile is nobody, as its id would be. */
static lq_err sent_apply(lq_session *s, const lqi_sent *sent) {
  uint8_t body[LQI_BODY_BYTES_MAX];
  row_buffer row;
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_entity_names names = lq_world_names(s->world);
  if (s->core.ended) return LQ_ERR_ENDED;
  lq_record_encode(&s->game->command[sent->type].record, sent->row, &names, &out);
  LQ_CHECK(!out.failed);
  lq_err err = check(s, (uint16_t)sent->type, 0, lq_writer_span(&out), &row);
  return err ? err : lqi_handler_call(s, (uint16_t)sent->type, row.bytes, 0);
}

void lqi_sent_run(lq_session *session) {
  lq_session *s = session;
  while (!s->state && s->sent_done < s->sent_count) {
    const lqi_sent *sent = &s->sent[s->sent_done];
    lq_applied *out = &s->sent_applied[s->sent_done++];
    s->reason = "";
    *out = (lq_applied){.type = (uint16_t)sent->type, .client_id = "", .tick = s->tick};
    out->outcome = sent_apply(s, sent);
    out->reason = s->reason;
  }
}

void lqi_commands_apply(lq_session *session) {
  for (uint32_t i = 0; !session->state && i < session->taken; i++) {
    const lqi_queued *q = &session->queue[session->order[i]];
    lq_applied *out = &session->applied[i];
    session->reason = "";
    *out = (lq_applied){.type = q->type, .slot = q->slot, .tick = session->tick};
    out->outcome = apply(session, q);
    out->reason = session->reason;
    out->client_id = (const char *)session->queue_data + q->at;
    lqi_sent_run(session);
  }
  session->scratch.bytes = 0;
}
