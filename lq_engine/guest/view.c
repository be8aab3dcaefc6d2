/* A call as its guest sees it, and the reply that grows. Nothing of the call is copied: what is
 * checked in lq_guest_view_begin cannot change under it, because the parts that are written (rows)
 * overlap no part that is trusted (head, column table). */
#include "lq_engine/guest/view.h"

enum { REST_BYTES = LQ_GUEST_STATE_BYTES_MAX + LQ_GUEST_TEXT_BYTES_MAX, WORD_ROWS = 64 };

static uint64_t word_at(const uint8_t *at, uint32_t index) {
  uint64_t word;
  memcpy(&word, at + (size_t)index * 8, 8);
  return word;
}
static bool bit_at(const uint8_t *at, uint32_t row) {
  return word_at(at, row / WORD_ROWS) >> (row % WORD_ROWS) & 1;
}
static uint64_t bits_bytes(uint32_t row_count) { return ((uint64_t)row_count + 63) / 64 * 8; }

/* ---- begin: the call is what it says ---- */

/* A part of `bytes` at `at` that begins behind all parts before it. */
static bool part(uint64_t *end, uint64_t call_bytes, uint32_t at, uint64_t bytes) {
  if (bytes == 0) return true; /* nothing is read there */
  if (at % 8 || at < *end || at > call_bytes || bytes > call_bytes - at) return false;
  *end = at + bytes;
  return true;
}

static bool head_fits(const lq_guest_call *head, const lq_game *game) {
  static const lq_prng stuck; /* such a one draws nothing but zeros, and lq_prng_below never ends */
  if (memcmp(&head->prng, &stuck, sizeof stuck) == 0) return false;
  bool system = head->kind == LQ_GUEST_SYSTEM;
  if (!system && head->kind != LQ_GUEST_COMMAND) return false;
  if (head->index >= (system ? game->system_count : game->command_count)) return false;
  uint32_t body_bytes = system ? 0 : game->command[head->index].record.row_bytes;
  return head->body_bytes == body_bytes && head->zero == 0 && head->actor <= game->players_max &&
         head->row_count <= game->entities_max && head->state_bytes <= LQ_GUEST_STATE_BYTES_MAX &&
         head->column_count <= game->schema.component_count;
}

static bool columns_fit(lq_guest_view *view, uint64_t *end) {
  const lq_guest_call *head = view->head;
  for (uint32_t i = 0; i < head->column_count; i++) {
    const lq_guest_column *c =
        (const void *)(view->call + head->column_at + (size_t)i * sizeof(lq_guest_column));
    if (c->type >= view->game->schema.component_count || view->column_of[c->type]) return false;
    if (c->row_bytes != view->game->schema.component[c->type].record.row_bytes) return false;
    if (!part(end, head->bytes, c->has_at, bits_bytes(head->row_count))) return false;
    if (!part(end, head->bytes, c->rows_at, (uint64_t)c->row_bytes * head->row_count)) return false;
    view->column_of[c->type] = c;
  }
  return true;
}

static bool parts_fit(lq_guest_view *view) {
  const lq_guest_call *head = view->head;
  uint64_t rows = head->row_count, bytes = head->bytes, end = sizeof *head;
  return part(&end, bytes, head->live_at, bits_bytes(head->row_count)) &&
         part(&end, bytes, head->entity_at, rows * sizeof(lq_guest_entity)) &&
         part(&end, bytes, head->id_at, rows * LQ_ID_BYTES) &&
         part(&end, bytes, head->column_at, head->column_count * sizeof(lq_guest_column)) &&
         columns_fit(view, &end) && part(&end, bytes, head->state_at, head->state_bytes) &&
         part(&end, bytes, head->body_at, head->body_bytes);
}

lq_err lq_guest_view_begin(lq_guest_view *view, const lq_game *game, void *call, size_t bytes,
                           void *reply, size_t reply_bytes) {
  LQ_CHECK((uintptr_t)call % 8 == 0 && (uintptr_t)reply % 8 == 0);
  LQ_CHECK(reply_bytes >= sizeof(lq_guest_reply) + REST_BYTES);
  *view = (lq_guest_view){.game = game, .call = call, .head = call};
  const lq_guest_call *head = view->head;
  if (bytes < sizeof *head || bytes > LQ_GUEST_CALL_BYTES_MAX) return LQ_ERR_CORRUPT;
  if (head->magic != LQ_GUEST_CALL_MAGIC) return LQ_ERR_CORRUPT;
  if (head->version != LQ_GUEST_WIRE) return LQ_ERR_VERSION;
  if (head->bytes != bytes || !head_fits(head, game) || !parts_fit(view)) return LQ_ERR_CORRUPT;
  view->writes = head->kind == LQ_GUEST_SYSTEM ? game->system[head->index].writes : UINT64_MAX;
  view->prng = head->prng;
  view->changes = lq_writer_of((uint8_t *)reply + sizeof(lq_guest_reply),
                               reply_bytes - sizeof(lq_guest_reply) - REST_BYTES);
  return LQ_OK;
}

/* ---- end ---- */

static lq_span cut(lq_span text) {
  if (text.bytes <= LQ_GUEST_TEXT_BYTES_MAX) return text;
  text.bytes = LQ_GUEST_TEXT_BYTES_MAX;
  while (text.bytes && (text.data[text.bytes] & 0xc0) == 0x80) text.bytes--;
  return text;
}

size_t lq_guest_view_end(lq_guest_view *view, lq_guest_status status, lq_span state, lq_span text) {
  if (status == LQ_GUEST_DONE && view->refused) {
    status = LQ_GUEST_REFUSED;
    text = lq_span_text(view->refused);
  } else if (status == LQ_GUEST_DONE && view->changes.failed) {
    status = LQ_GUEST_SPENT;
    text = lq_span_text("the call's list of changes is full: change less in one tick");
  } else if (status == LQ_GUEST_DONE && state.bytes > LQ_GUEST_STATE_BYTES_MAX) {
    status = LQ_GUEST_RAISED;
    text = lq_span_text("the state to be kept is longer than 4,096 bytes: keep less, or keep it in "
                        "components");
  }
  bool done = status == LQ_GUEST_DONE;
  text = done ? (lq_span){0} : cut(text);
  lq_writer out = {view->changes.data, done ? view->changes.bytes : 0,
                   view->changes.capacity + REST_BYTES, false};
  lq_guest_reply reply = {.magic = LQ_GUEST_REPLY_MAGIC,
                          .version = LQ_GUEST_WIRE,
                          .status = status,
                          .draws = view->draws,
                          .changes_bytes = (uint32_t)out.bytes,
                          .state_bytes = done ? (uint32_t)state.bytes : 0,
                          .text_bytes = (uint32_t)text.bytes};
  if (reply.state_bytes) lq_write_span(&out, state);
  if (reply.text_bytes) lq_write_span(&out, text);
  LQ_CHECK(!out.failed);
  reply.bytes = (uint32_t)(sizeof reply + out.bytes);
  memcpy(out.data - sizeof reply, &reply, sizeof reply);
  return reply.bytes;
}

/* ---- reading ---- */

lq_span lq_guest_state(const lq_guest_view *view) {
  if (view->head->state_bytes == 0) return (lq_span){0};
  return lq_span_of(view->call + view->head->state_at, view->head->state_bytes);
}

const uint8_t *lq_guest_body(const lq_guest_view *view) {
  static const uint8_t empty[8]; /* the row of a command without fields */
  if (view->head->kind != LQ_GUEST_COMMAND) return NULL;
  return view->head->body_bytes ? view->call + view->head->body_at : empty;
}

static uint64_t known(const lq_guest_view *view) {
  uint32_t types = view->game->schema.component_count;
  return types >= 64 ? UINT64_MAX : (1ull << types) - 1;
}

/* Rows of one word that match; the columns of `with` are there. */
static uint64_t matches(const lq_guest_view *view, uint64_t with, uint64_t without, uint32_t word) {
  uint64_t rows = word_at(view->call + view->head->live_at, word);
  for (uint64_t left = with; left && rows; left &= left - 1)
    rows &= word_at(view->call + view->column_of[__builtin_ctzll(left)]->has_at, word);
  for (uint64_t left = without; left && rows; left &= left - 1) {
    const lq_guest_column *c = view->column_of[__builtin_ctzll(left)];
    if (c) rows &= ~word_at(view->call + c->has_at, word);
  }
  return rows;
}

uint32_t lq_guest_next(const lq_guest_view *view, uint64_t with, uint64_t without, uint32_t from) {
  uint32_t count = view->head->row_count;
  if (with & ~known(view) || from >= count) return UINT32_MAX;
  without &= known(view);
  for (uint64_t left = with; left; left &= left - 1)
    if (!view->column_of[__builtin_ctzll(left)]) return UINT32_MAX;
  uint64_t skipped = UINT64_MAX << (from % WORD_ROWS);
  for (uint32_t word = from / WORD_ROWS; word < (count + 63) / WORD_ROWS; word++) {
    uint64_t rows = matches(view, with, without, word) & skipped;
    skipped = UINT64_MAX;
    if (!rows) continue;
    uint32_t row = word * WORD_ROWS + (uint32_t)__builtin_ctzll(rows);
    return row < count ? row : UINT32_MAX;
  }
  return UINT32_MAX;
}

static lq_guest_entity entity_at(const lq_guest_view *view, uint32_t row) {
  lq_guest_entity e;
  memcpy(&e, view->call + view->head->entity_at + (size_t)row * sizeof e, sizeof e);
  return e;
}

lq_entity lq_guest_handle(const lq_guest_view *view, uint32_t row) {
  if (row >= view->head->row_count || !bit_at(view->call + view->head->live_at, row))
    return LQ_ENTITY_NULL;
  return (lq_entity){(uint64_t)entity_at(view, row).generation << 32 | (row + 1u)};
}

uint32_t lq_guest_row(const lq_guest_view *view, lq_entity entity) {
  uint32_t row = (uint32_t)entity.bits - 1u; /* of null: beyond every row */
  if (row >= view->head->row_count || !lq_entity_is(lq_guest_handle(view, row), entity))
    return UINT32_MAX;
  return row;
}

/* An id that does not end is none: whoever reads it reads no further. */
static const char *id_at(const lq_guest_view *view, uint32_t row) {
  const uint8_t *id = view->call + view->head->id_at + (size_t)row * LQ_ID_BYTES;
  return id[LQ_ID_BYTES - 1] == 0 ? (const char *)id : "";
}

const char *lq_guest_id(const lq_guest_view *view, lq_entity entity) {
  uint32_t row = lq_guest_row(view, entity);
  return row == UINT32_MAX ? "" : id_at(view, row);
}

uint16_t lq_guest_owner(const lq_guest_view *view, lq_entity entity) {
  uint32_t row = lq_guest_row(view, entity);
  return row == UINT32_MAX ? 0 : entity_at(view, row).owner;
}

lq_entity lq_guest_find(const lq_guest_view *view, lq_span id) {
  if (id.bytes == 0 || id.bytes >= LQ_ID_BYTES) return LQ_ENTITY_NULL;
  const uint8_t *at = view->call + view->head->id_at;
  for (uint32_t row = 0; row < view->head->row_count; row++, at += LQ_ID_BYTES)
    if (at[id.bytes] == 0 && memcmp(at, id.data, id.bytes) == 0 &&
        bit_at(view->call + view->head->live_at, row) && lq_span_is(id, id_at(view, row)))
      return lq_guest_handle(view, row);
  return LQ_ENTITY_NULL;
}

static const uint8_t *row_of(const lq_guest_view *view, uint32_t row, uint32_t type) {
  static const uint8_t tag[8]; /* there, and nothing in it */
  const lq_guest_column *c = view->column_of[type];
  if (row == UINT32_MAX || !c || !bit_at(view->call + c->has_at, row)) return NULL;
  return c->row_bytes ? view->call + c->rows_at + (size_t)row * c->row_bytes : tag;
}

const uint8_t *lq_guest_get(const lq_guest_view *view, lq_entity entity, uint32_t type) {
  if (type >= view->game->schema.component_count) return NULL;
  return row_of(view, lq_guest_row(view, entity), type);
}

/* ---- changes ---- */

/* Words of up to three parts, what does not fit left out. */
static bool refuse(lq_guest_view *view, const char **why, const char *a, const char *b,
                   const char *c) {
  lq_writer out = lq_writer_of(view->words, sizeof view->words - 1);
  lq_write_text(&out, a);
  lq_write_text(&out, b);
  lq_write_text(&out, c);
  view->words[out.bytes] = 0;
  *why = view->words;
  return false;
}

static bool listed(lq_guest_view *view, const char **why) {
  if (!view->changes.failed) return true;
  return refuse(view, why, "this call's list of changes is full: change less in one tick", "", "");
}

static const char *type_name(const lq_guest_view *view, uint32_t type) {
  return view->game->schema.component[type].record.name;
}

static bool may_write(lq_guest_view *view, uint32_t type, const char **why) {
  *why = "";
  if (type >= view->game->schema.component_count)
    return refuse(view, why, "no such component: use one that the game declares", "", "");
  if (view->writes >> type & 1) return true;
  return refuse(view, why, type_name(view, type),
                " may not be changed here: add it to what the system writes", "");
}

static bool made_here(const lq_guest_view *view, uint64_t bits) {
  return (bits & LQ_GUEST_NEW) && (bits & ~LQ_GUEST_NEW) < view->created;
}

/* Alive, or made in this call. */
static bool may_change(lq_guest_view *view, lq_entity entity, const char **why) {
  *why = "";
  if (made_here(view, entity.bits) || lq_guest_row(view, entity) != UINT32_MAX) return true;
  return refuse(view, why, "the entity does not exist: it was deleted, or never made", "", "");
}

/* Handles that say "made in this call" and were not. */
static bool links_hold(lq_guest_view *view, const lq_field *field, const uint8_t *elements,
                       uint32_t count, const char **why) {
  if (field->kind != LQ_FIELD_ENTITY) return true;
  for (uint32_t i = 0; i < count; i++) {
    uint64_t bits = word_at(elements, i);
    if ((bits & LQ_GUEST_NEW) && !made_here(view, bits))
      return refuse(view, why, field->name, ": an entity of another call: keep its id instead", "");
  }
  return true;
}

static bool row_holds(lq_guest_view *view, const lq_record *record, const uint8_t *row,
                      const char **why) {
  for (uint32_t i = 0; i < record->field_count; i++)
    if (!links_hold(view, &record->field[i], row + record->field[i].offset, record->field[i].count,
                    why))
      return false;
  return true;
}

bool lq_guest_set(lq_guest_view *view, lq_entity entity, uint32_t type, uint32_t field,
                  uint32_t first, uint32_t count, const void *elements, const char **why) {
  if (!may_write(view, type, why)) return false;
  const lq_record *record = &view->game->schema.component[type].record;
  uint32_t at = lq_guest_row(view, entity);
  if (at == UINT32_MAX) {
    if (made_here(view, entity.bits))
      return refuse(view, why, record->name,
                    " of an entity made in this call: give the values when it is added", "");
    return may_change(view, entity, why);
  }
  const uint8_t *row = row_of(view, at, type);
  if (!row) return refuse(view, why, "the entity has no ", record->name, ": add it first");
  if (field >= record->field_count)
    return refuse(view, why, record->name, " has no such field", "");
  const lq_field *f = &record->field[field];
  if (count == 0 || first >= f->count || count > (uint32_t)f->count - first)
    return refuse(view, why, f->name, ": the index is outside the array", "");
  if (!links_hold(view, f, elements, count, why)) return false;
  const lq_guest_column *column = view->column_of[type];
  uint8_t *into = view->call + column->rows_at + (size_t)at * column->row_bytes;
  uint8_t *element = into + f->offset + (size_t)first * lq_field_bytes(f);
  memmove(element, elements, (size_t)count * lq_field_bytes(f));
  lq_record_canonicalise(record, into);
  lq_write_u8(&view->changes, LQ_GUEST_SET);
  lq_write_u64(&view->changes, entity.bits);
  lq_write_varint(&view->changes, type);
  lq_write_varint(&view->changes, field);
  lq_write_varint(&view->changes, first);
  lq_write_varint(&view->changes, count);
  lq_write_bytes(&view->changes, element, (size_t)count * lq_field_bytes(f));
  return listed(view, why);
}

/* The row made canonical, in the list. */
static void write_row(lq_guest_view *view, const lq_record *record, const void *row) {
  uint8_t *at = lq_write_room(&view->changes, record->row_bytes);
  if (!at || record->row_bytes == 0) return;
  memcpy(at, row, record->row_bytes);
  lq_record_canonicalise(record, at);
}

bool lq_guest_add(lq_guest_view *view, lq_entity entity, uint32_t type, const void *row,
                  const char **why) {
  if (!may_write(view, type, why) || !may_change(view, entity, why)) return false;
  const lq_record *record = &view->game->schema.component[type].record;
  if (row && !row_holds(view, record, row, why)) return false;
  lq_write_u8(&view->changes, LQ_GUEST_ADD);
  lq_write_u64(&view->changes, entity.bits);
  lq_write_varint(&view->changes, type);
  lq_write_u8(&view->changes, row ? 1 : 0);
  if (row) write_row(view, record, row);
  return listed(view, why);
}

bool lq_guest_remove(lq_guest_view *view, lq_entity entity, uint32_t type, const char **why) {
  if (!may_write(view, type, why) || !may_change(view, entity, why)) return false;
  lq_write_u8(&view->changes, LQ_GUEST_REMOVE);
  lq_write_u64(&view->changes, entity.bits);
  lq_write_varint(&view->changes, type);
  return listed(view, why);
}

static uint32_t live_count(const lq_guest_view *view) {
  uint32_t count = 0, rows = view->head->row_count;
  for (uint32_t row = 0; row < rows; row += WORD_ROWS) {
    uint64_t word = word_at(view->call + view->head->live_at, row / WORD_ROWS);
    if (rows - row < WORD_ROWS) word &= (1ull << (rows - row)) - 1;
    count += (uint32_t)__builtin_popcountll(word);
  }
  return count;
}

/* One change of the list skipped; a CREATE gives its id. The list is the view's own. */
static lq_span change_skip(const lq_guest_view *view, lq_reader *in) {
  lq_span id = {0};
  uint8_t op = lq_read_u8(in);
  if (op == LQ_GUEST_CREATE) {
    id = lq_read_sized(in);
    (void)lq_read_varint(in);
    return id;
  }
  if (op == LQ_GUEST_EMIT) {
    uint64_t event = lq_read_varint(in);
    (void)lq_read_bytes(in, view->game->event[event].record.row_bytes);
    return id;
  }
  if (op == LQ_GUEST_SEND) {
    uint64_t command = lq_read_varint(in);
    (void)lq_read_bytes(in, view->game->command[command].record.row_bytes);
    return id;
  }
  (void)lq_read_u64(in); /* the handle, or the tick of a WAKE */
  if (op == LQ_GUEST_DELETE || op == LQ_GUEST_WAKE) return id;
  const lq_record *record = &view->game->schema.component[lq_read_varint(in)].record;
  if (op == LQ_GUEST_SET) {
    const lq_field *field = &record->field[lq_read_varint(in)];
    (void)lq_read_varint(in);
    (void)lq_read_bytes(in, (size_t)lq_read_varint(in) * lq_field_bytes(field));
  } else if (op == LQ_GUEST_ADD && lq_read_u8(in)) {
    (void)lq_read_bytes(in, record->row_bytes);
  }
  return id;
}

static bool id_in_use(const lq_guest_view *view, lq_span id) {
  if (!lq_entity_is(lq_guest_find(view, id), LQ_ENTITY_NULL)) return true;
  if (view->created == 0) return false;
  lq_reader in = lq_reader_of(lq_writer_span(&view->changes));
  while (!in.failed && in.at < in.bytes)
    if (lq_span_equal(change_skip(view, &in), id)) return true;
  return false;
}

bool lq_guest_create(lq_guest_view *view, lq_span id, uint16_t owner, lq_entity *out,
                     const char **why) {
  *out = LQ_ENTITY_NULL;
  *why = "";
  if (!listed(view, why)) return false; /* a full list cannot be walked */
  if (id.bytes && !lq_id_valid(id, LQ_ID_BYTES))
    return refuse(view, why, "an id has 1 to 31 of A-Z a-z 0-9 _ . : -", "", "");
  if (owner > view->game->players_max)
    return refuse(view, why, "no such player: the owner is a player's slot, or 0", "", "");
  if (id.bytes && id_in_use(view, id))
    return refuse(view, why, "the id is in use: choose another, or leave it empty", "", "");
  if (view->created >= view->game->entities_max - live_count(view))
    return refuse(view, why, "the session is full: raise limits.entities in game.yaml", "", "");
  lq_write_u8(&view->changes, LQ_GUEST_CREATE);
  lq_write_sized(&view->changes, id.data, id.bytes);
  lq_write_varint(&view->changes, owner);
  if (!listed(view, why)) return false;
  *out = (lq_entity){LQ_GUEST_NEW | view->created++};
  return true;
}

bool lq_guest_delete(lq_guest_view *view, lq_entity entity, const char **why) {
  if (!may_change(view, entity, why)) return false;
  lq_write_u8(&view->changes, LQ_GUEST_DELETE);
  lq_write_u64(&view->changes, entity.bits);
  return listed(view, why);
}

bool lq_guest_emit(lq_guest_view *view, uint32_t event, const void *row, const char **why) {
  *why = "";
  if (event >= view->game->event_count)
    return refuse(view, why, "no such event: use one that game.yaml declares", "", "");
  const lq_record *record = &view->game->event[event].record;
  if (record->row_bytes && !row)
    return refuse(view, why, record->name, " has fields: give their values", "");
  if (row && !row_holds(view, record, row, why)) return false;
  lq_write_u8(&view->changes, LQ_GUEST_EMIT);
  lq_write_varint(&view->changes, event);
  write_row(view, record, row);
  return listed(view, why);
}

bool lq_guest_send(lq_guest_view *view, uint32_t command, const void *row, const char **why) {
  *why = "";
  if (command >= view->game->command_count)
    return refuse(view, why, "no such command: use one that game.yaml declares", "", "");
  const lq_record *record = &view->game->command[command].record;
  if (command < LQ_CMD_BUILTIN_COUNT)
    return refuse(view, why, "only the host sends ", record->name, ": send one of game.yaml");
  if (record->row_bytes && !row)
    return refuse(view, why, record->name, " has fields: give their values", "");
  if (row && !row_holds(view, record, row, why)) return false;
  if (view->sent == LQ_TICK_SENT_MAX)
    return refuse(view, why, "256 commands are sent in a tick at most: send the rest in the next",
                  "", "");
  view->sent++;
  lq_write_u8(&view->changes, LQ_GUEST_SEND);
  lq_write_varint(&view->changes, command);
  write_row(view, record, row);
  return listed(view, why);
}

void lq_guest_wake(lq_guest_view *view, uint64_t tick) {
  lq_write_u8(&view->changes, LQ_GUEST_WAKE);
  lq_write_u64(&view->changes, tick);
}

/* ---- random ---- */

/* lq_prng_below draws once or, seldom, more often: the draws are those that lead to its state. */
uint32_t lq_guest_random(lq_guest_view *view, uint32_t bound) {
  lq_prng walk = view->prng;
  uint32_t value = lq_prng_below(&view->prng, bound);
  while (memcmp(&walk, &view->prng, sizeof walk) != 0) {
    (void)lq_prng_next(&walk);
    view->draws++;
  }
  return value;
}

uint64_t lq_guest_random_bits(lq_guest_view *view) {
  view->draws++;
  return lq_prng_next(&view->prng);
}
