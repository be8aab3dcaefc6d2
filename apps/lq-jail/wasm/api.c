#include "apps/lq-jail/wasm/api.h"

#include "lq_engine/guest/wasm_library.h"

/* What a function costs in instructions of the guest, besides what grows with its arguments. */
enum {
  CALL_UNITS = 64,
  WORDS_BYTES = 512,
  CHUNK_BYTES = 2048,
  CHUNK_ENTITIES = 64,
  REFUSAL_BYTES = 512
};

static struct {
  lq_guest_view *view;
  uint32_t begun; /* record + 1 of the row that is put together; 0: none */
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  _Alignas(8) uint8_t chunk[CHUNK_BYTES];
  char words[WORDS_BYTES];
  char refusal[REFUSAL_BYTES];
} it;

/* ---- stopping ---- */
static _Noreturn void stop(const char *const *parts, uint32_t count) {
  lq_writer out = lq_writer_of(it.words, sizeof it.words - 1);
  for (uint32_t i = 0; i < count; i++) lq_write_text(&out, parts[i]);
  it.words[out.bytes] = 0;
  lq_wasm_stop();
}
#define STOP(...)                                                                                  \
  stop((const char *const[]){__VA_ARGS__},                                                         \
       sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

void lq_wasm_begin(lq_guest_view *view) {
  it.view = view;
  it.begun = 0;
  it.words[0] = 0;
}
const char *lq_wasm_words(void) { return it.words; }

const char *lq_wasm_trap_words(uint32_t why, int32_t fuel, int32_t depth) {
  if (fuel < 0)
    return "used up its 50,000,000 instructions: it does too much in one call, or never ends";
  if (depth < 0) return "calls itself too deeply: its 512 KiB of call frames are full";
  switch (why) {
  case LQ_WASM_TRAP_BOUNDS:
    return "reached outside of its memory";
  case LQ_WASM_TRAP_OVERFLOW:
  case LQ_WASM_TRAP_CONVERT:
    return "made an integer of a number that does not fit it";
  case LQ_WASM_TRAP_DIVIDE:
    return "divided by zero";
  case LQ_WASM_TRAP_UNREACHABLE:
    return "came to unreachable code: a failed check of its own";
  case LQ_WASM_TRAP_INDIRECT:
    return "called a function pointer that is none, or of another type";
  case LQ_WASM_TRAP_HOST:
    return it.words;
  default:
    return "trapped";
  }
}

const char *lq_wasm_called(const lq_guest_view *view) {
  return view->head->kind == LQ_GUEST_SYSTEM ? view->game->system[view->head->index].name
                                             : view->game->command[view->head->index].record.name;
}

size_t lq_wasm_failed(lq_guest_view *view, const char *file, uint32_t why, int32_t fuel,
                      int32_t depth) {
  char text[WORDS_BYTES * 2];
  lq_writer out = lq_writer_of(text, sizeof text);
  const char *const parts[] = {file ? file : "game.yaml", ": ", lq_wasm_called(view), ": ",
                               file ? lq_wasm_trap_words(why, fuel, depth) : "no module has it"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) lq_write_text(&out, parts[i]);
  bool spent = fuel < 0 || depth < 0 || view->changes.failed;
  return lq_guest_view_end(view, spent ? LQ_GUEST_SPENT : LQ_GUEST_RAISED, (lq_span){0},
                           lq_writer_span(&out));
}

/* The view, paid for. */
static lq_guest_view *enter(uint32_t units) {
  if (!it.view) STOP("the world cannot be seen from a start function: move it into a system");
  lq_wasm_pay(CALL_UNITS + units);
  return it.view;
}

/* ---- texts ---- */
/* A text of the guest, with a NUL; its bytes. */
static lq_span text_in(uint32_t at, uint32_t bytes, char *out, uint32_t capacity) {
  if (bytes >= capacity) STOP("a text is longer than it can be here");
  lq_wasm_copy_in(at, bytes, out);
  out[bytes] = 0;
  return lq_span_of(out, bytes);
}
static uint32_t text_out(lq_span text, uint32_t at, uint32_t bytes_max) {
  uint32_t bytes = text.bytes < bytes_max ? (uint32_t)text.bytes : bytes_max;
  lq_wasm_copy_out(at, bytes, text.data);
  return (uint32_t)text.bytes;
}

/* ---- records ---- */
/* What a number stands for; stops for numbers that were not given. */
static const lq_record *record_of(const lq_guest_view *view, uint32_t record) {
  const lq_game *game = view->game;
  if (record < game->schema.component_count) return &game->schema.component[record].record;
  if (record >= LQ_WASM_EVENT && record - LQ_WASM_EVENT < game->event_count)
    return &game->event[record - LQ_WASM_EVENT].record;
  if (record == LQ_WASM_COMMAND_ROW && view->head->kind == LQ_GUEST_COMMAND)
    return &game->command[view->head->index].record;
  if (record >= LQ_WASM_SENT && record - LQ_WASM_SENT < game->command_count)
    return &game->command[record - LQ_WASM_SENT].record;
  STOP("no such component or event: ask component() and event() for their numbers");
}

static const lq_field *field_of(const lq_record *record, uint32_t field, uint32_t element) {
  if (field >= record->field_count)
    STOP(record->name, " has no such field: ask field() for its number");
  const lq_field *f = &record->field[field];
  if (element >= f->count) STOP(record->name, ".", f->name, ": the element is outside the array");
  return f;
}

static bool is_i32(const lq_field *f) {
  return f->kind == LQ_FIELD_I32 || f->kind == LQ_FIELD_BOOL;
}
static bool is_i64(const lq_field *f) {
  return f->kind == LQ_FIELD_I64 || f->kind == LQ_FIELD_MONEY || f->kind == LQ_FIELD_ENTITY;
}

uint32_t lq_wasm_api_component(uint32_t name, uint32_t bytes) {
  lq_guest_view *view = enter(32);
  char text[LQ_NAME_BYTES];
  uint32_t type = lq_schema_find(&view->game->schema, text_in(name, bytes, text, sizeof text));
  if (type == UINT32_MAX) STOP("the game has no component ", text);
  return type;
}
uint32_t lq_wasm_api_event(uint32_t name, uint32_t bytes) {
  lq_guest_view *view = enter(32);
  char text[LQ_NAME_BYTES];
  uint32_t event = lq_game_event_find(view->game, text_in(name, bytes, text, sizeof text));
  if (event == UINT32_MAX) STOP("the game has no event ", text);
  return LQ_WASM_EVENT | event;
}
uint32_t lq_wasm_api_command(uint32_t name, uint32_t bytes) {
  lq_guest_view *view = enter(32);
  char text[LQ_NAME_BYTES];
  uint32_t command = lq_game_command_find(view->game, text_in(name, bytes, text, sizeof text));
  if (command == UINT32_MAX) STOP("the game has no command ", text);
  return LQ_WASM_SENT | command;
}
uint32_t lq_wasm_api_field(uint32_t record, uint32_t name, uint32_t bytes) {
  lq_guest_view *view = enter(16);
  char text[LQ_NAME_BYTES];
  const lq_record *r = record_of(view, record);
  const lq_field *field = lq_record_field(r, text_in(name, bytes, text, sizeof text));
  if (!field) STOP(r->name, " has no field ", text);
  return (uint32_t)(field - r->field);
}
uint64_t lq_wasm_api_constant(uint32_t name, uint32_t bytes) {
  lq_guest_view *view = enter(32);
  char text[LQ_NAME_BYTES];
  lq_span span = text_in(name, bytes, text, sizeof text);
  for (uint32_t i = 0; i < view->game->constant_count; i++)
    if (lq_span_is(span, view->game->constant[i].name))
      return (uint64_t)view->game->constant[i].value;
  STOP("the game has no constant ", text);
}

/* ---- queries ---- */
static void check_query(const lq_guest_view *view, uint64_t with) {
  for (uint64_t left = with; left; left &= left - 1) {
    uint32_t type = (uint32_t)__builtin_ctzll(left);
    if (type >= view->game->schema.component_count) STOP("a query names no component of the game");
    if (!view->column_of[type])
      STOP(view->game->schema.component[type].record.name,
           " is not to be seen here: add it to what the system reads");
  }
}

uint64_t lq_wasm_api_next(uint64_t with, uint64_t without, uint64_t after) {
  lq_guest_view *view = enter(8);
  check_query(view, with);
  uint32_t from = (uint32_t)after; /* the row behind it, alive or not */
  uint32_t row = lq_guest_next(view, with, without, from);
  uint32_t end = row == UINT32_MAX ? view->head->row_count : row;
  if (end > from) lq_wasm_pay((end - from) / 16);
  return row == UINT32_MAX ? 0 : lq_guest_handle(view, row).bits;
}

uint32_t lq_wasm_api_list(uint64_t with, uint64_t without, uint32_t out, uint32_t count_max) {
  lq_guest_view *view = enter(8 + (it.view ? it.view->head->row_count / 16 : 0));
  check_query(view, with);
  uint32_t count = 0, held = 0;
  uint64_t *handle = (uint64_t *)(void *)it.chunk;
  for (uint32_t row = 0; (row = lq_guest_next(view, with, without, row)) != UINT32_MAX; row++) {
    if (count++ >= count_max) continue;
    handle[held++] = lq_guest_handle(view, row).bits;
    if (held < CHUNK_BYTES / 8) continue;
    lq_wasm_pay(held * 4);
    lq_wasm_copy_out(out, held * 8, it.chunk);
    out += held * 8;
    held = 0;
  }
  lq_wasm_pay(held * 4);
  if (held) lq_wasm_copy_out(out, held * 8, it.chunk);
  return count;
}

uint32_t lq_wasm_api_alive(uint64_t entity) {
  return lq_guest_row(enter(0), (lq_entity){entity}) != UINT32_MAX;
}
uint32_t lq_wasm_api_has(uint64_t entity, uint32_t component) {
  return lq_guest_get(enter(0), (lq_entity){entity}, component) != NULL;
}

/* ---- reading fields ---- */
static const uint8_t *row_of(const lq_guest_view *view, uint64_t entity, uint32_t record,
                             const lq_record *r) {
  if (record == LQ_WASM_COMMAND_ROW) return lq_guest_body(view);
  if (record >= LQ_WASM_SENT) STOP(r->name, " is a command: it can only be sent");
  if (record >= LQ_WASM_EVENT) STOP(r->name, " is an event: it can only be emitted");
  const uint8_t *row = lq_guest_get(view, (lq_entity){entity}, record);
  if (row) return row;
  if (!view->column_of[record]) STOP(r->name, " is not to be seen here: add it to what is read");
  const char *id = lq_guest_id(view, (lq_entity){entity});
  if (!*id) STOP("the entity does not exist (", r->name, " was asked for)");
  STOP(id, " has no ", r->name);
}

/* Where the element lies, and its field. */
static const uint8_t *element_of(uint64_t entity, uint32_t record, uint32_t field, uint32_t element,
                                 const lq_field **out) {
  lq_guest_view *view = enter(0);
  const lq_record *r = record_of(view, record);
  *out = field_of(r, field, element);
  return row_of(view, entity, record, r) + (*out)->offset + element * lq_field_bytes(*out);
}

uint32_t lq_wasm_api_get_i32(uint64_t entity, uint32_t record, uint32_t field, uint32_t element) {
  const lq_field *f;
  const uint8_t *at = element_of(entity, record, field, element, &f);
  int32_t value;
  if (f->kind == LQ_FIELD_BOOL) return *at;
  if (f->kind != LQ_FIELD_I32) STOP(f->name, " is no i32 or bool");
  memcpy(&value, at, sizeof value);
  return (uint32_t)value;
}
uint64_t lq_wasm_api_get_i64(uint64_t entity, uint32_t record, uint32_t field, uint32_t element) {
  const lq_field *f;
  const uint8_t *at = element_of(entity, record, field, element, &f);
  uint64_t value;
  if (!is_i64(f)) STOP(f->name, " is no i64, money or entity");
  memcpy(&value, at, sizeof value);
  return value;
}
float lq_wasm_api_get_f32(uint64_t entity, uint32_t record, uint32_t field, uint32_t element) {
  const lq_field *f;
  const uint8_t *at = element_of(entity, record, field, element, &f);
  float value;
  if (f->kind != LQ_FIELD_F32) STOP(f->name, " is no f32");
  memcpy(&value, at, sizeof value);
  return value;
}
uint32_t lq_wasm_api_get_str(uint64_t entity, uint32_t record, uint32_t field, uint32_t element,
                             uint32_t out, uint32_t bytes_max) {
  const lq_field *f;
  const uint8_t *at = element_of(entity, record, field, element, &f);
  if (f->kind != LQ_FIELD_STR) STOP(f->name, " is no str");
  const uint8_t *end = memchr(at, 0, f->str_bytes);
  size_t bytes = end ? (size_t)(end - at) : f->str_bytes;
  lq_wasm_pay((uint32_t)bytes / 8);
  return text_out(lq_span_of(at, bytes), out, bytes_max);
}

/* ---- writing fields ---- */
static void set(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                const void *value) {
  const char *why;
  if (!lq_guest_set(it.view, (lq_entity){entity}, type, field, element, 1, value, &why)) STOP(why);
}
/* A field of a component that is about to be written. */
static const lq_field *target(uint32_t type, uint32_t field, uint32_t element) {
  lq_guest_view *view = enter(16);
  const lq_record *r = record_of(view, type);
  if (type >= LQ_WASM_EVENT) STOP(r->name, " is no component: it cannot be set");
  return field_of(r, field, element);
}

static const void *i32_value(const lq_field *f, uint32_t value, uint8_t room[8]) {
  if (!is_i32(f)) STOP(f->name, " is no i32 or bool");
  if (f->kind == LQ_FIELD_BOOL)
    room[0] = value != 0;
  else
    memcpy(room, &value, sizeof value);
  return room;
}
static const void *i64_value(const lq_field *f, uint64_t value, uint8_t room[8]) {
  if (!is_i64(f)) STOP(f->name, " is no i64, money or entity");
  memcpy(room, &value, sizeof value);
  return room;
}
static const void *f32_value(const lq_field *f, float value, uint8_t room[8]) {
  if (f->kind != LQ_FIELD_F32) STOP(f->name, " is no f32");
  memcpy(room, &value, sizeof value);
  return room;
}
static void str_value(const lq_field *f, uint32_t text, uint32_t bytes,
                      uint8_t out[LQ_ROW_BYTES_MAX]) {
  if (f->kind != LQ_FIELD_STR) STOP(f->name, " is no str");
  if (bytes >= f->str_bytes) STOP(f->name, ": the text is too long for the field");
  lq_wasm_pay(bytes / 8);
  memset(out, 0, f->str_bytes);
  lq_wasm_copy_in(text, bytes, out);
  if (memchr(out, 0, bytes) || !lq_utf8_valid(lq_span_of(out, bytes)))
    STOP(f->name, ": the text is no UTF-8, or holds a NUL");
}

void lq_wasm_api_set_i32(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         uint32_t value) {
  uint8_t room[8];
  const lq_field *f = target(type, field, element);
  set(entity, type, field, element, i32_value(f, value, room));
}
void lq_wasm_api_set_i64(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         uint64_t value) {
  uint8_t room[8];
  const lq_field *f = target(type, field, element);
  set(entity, type, field, element, i64_value(f, value, room));
}
void lq_wasm_api_set_f32(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         float value) {
  uint8_t room[8];
  const lq_field *f = target(type, field, element);
  set(entity, type, field, element, f32_value(f, value, room));
}
void lq_wasm_api_set_str(uint64_t entity, uint32_t type, uint32_t field, uint32_t element,
                         uint32_t text, uint32_t bytes) {
  uint8_t room[LQ_ROW_BYTES_MAX];
  const lq_field *f = target(type, field, element);
  str_value(f, text, bytes, room);
  set(entity, type, field, element, room);
}

/* ---- many at once ---- */
static void check_bytes(const lq_record *r, const char *what, uint32_t each, uint32_t count,
                        uint32_t bytes) {
  if ((uint64_t)each * count != bytes)
    STOP(r->name, ".", what, ": the array's bytes are not those of one times the count");
}

/* A component's rows, or one field of them. */
void lq_wasm_api_read(uint32_t type, uint32_t field, uint32_t entities, uint32_t count,
                      uint32_t out, uint32_t bytes) {
  const lq_record *r = record_of(enter(0), type);
  if (type >= LQ_WASM_EVENT) STOP(r->name, " is no component");
  const lq_field *f = field == LQ_WASM_ROW ? NULL : field_of(r, field, 0);
  uint32_t each = f ? (uint32_t)lq_field_bytes(f) * f->count : r->row_bytes;
  uint32_t offset = f ? f->offset : 0;
  check_bytes(r, f ? f->name : "row", each, count, bytes);
  uint64_t handle[CHUNK_ENTITIES];
  while (count) {
    uint32_t part = count < CHUNK_ENTITIES ? count : CHUNK_ENTITIES;
    if (part * each > CHUNK_BYTES) part = CHUNK_BYTES / each;
    lq_wasm_pay(part * (4 + each / 8));
    lq_wasm_copy_in(entities, part * 8, handle);
    for (uint32_t i = 0; i < part; i++)
      memcpy(it.chunk + i * each, row_of(it.view, handle[i], type, r) + offset, each);
    lq_wasm_copy_out(out, part * each, it.chunk);
    entities += part * 8;
    out += part * each;
    count -= part;
  }
}

void lq_wasm_api_write(uint32_t type, uint32_t field, uint32_t entities, uint32_t count,
                       uint32_t from, uint32_t bytes) {
  const lq_record *r = record_of(enter(0), type);
  if (type >= LQ_WASM_EVENT) STOP(r->name, " is no component");
  const lq_field *f = field_of(r, field, 0);
  uint32_t each = (uint32_t)lq_field_bytes(f) * f->count;
  check_bytes(r, f->name, each, count, bytes);
  for (uint32_t i = 0; i < count; i++) {
    uint64_t handle;
    const char *why;
    lq_wasm_pay(16 + each / 8);
    lq_wasm_copy_in(entities + i * 8, 8, &handle);
    lq_wasm_copy_in(from + i * each, each, it.chunk);
    if (!lq_guest_set(it.view, (lq_entity){handle}, type, field, 0, f->count, it.chunk, &why))
      STOP(why);
  }
}

/* ---- entities ---- */
uint32_t lq_wasm_api_id(uint64_t entity, uint32_t out, uint32_t bytes_max) {
  return text_out(lq_span_text(lq_guest_id(enter(8), (lq_entity){entity})), out, bytes_max);
}
uint32_t lq_wasm_api_owner(uint64_t entity) {
  return lq_guest_owner(enter(0), (lq_entity){entity});
}
uint64_t lq_wasm_api_find(uint32_t id, uint32_t bytes) {
  lq_guest_view *view = enter(it.view ? it.view->head->row_count : 0);
  char text[LQ_ID_BYTES];
  if (bytes >= sizeof text) return 0;
  return lq_guest_find(view, text_in(id, bytes, text, sizeof text)).bits;
}
uint64_t lq_wasm_api_create(uint32_t id, uint32_t bytes, uint32_t owner) {
  /* A named one is looked for among all there are, and all made in this call. */
  uint32_t walked = bytes && it.view ? it.view->head->row_count : 0;
  lq_guest_view *view = enter(walked + (it.view ? it.view->head->row_count / 16 : 0));
  if (bytes) lq_wasm_pay((uint32_t)view->changes.bytes / 4);
  char text[LQ_ID_BYTES];
  lq_entity out;
  const char *why;
  lq_span span = text_in(id, bytes, text, sizeof text);
  if (owner > UINT16_MAX || !lq_guest_create(view, span, (uint16_t)owner, &out, &why))
    STOP(owner > UINT16_MAX ? "no such player: the owner is a player's slot, or 0" : why);
  return out.bits;
}
void lq_wasm_api_destroy(uint64_t entity) {
  const char *why;
  if (!lq_guest_delete(enter(8), (lq_entity){entity}, &why)) STOP(why);
}
void lq_wasm_api_remove(uint64_t entity, uint32_t type) {
  const char *why;
  if (!lq_guest_remove(enter(8), (lq_entity){entity}, type, &why)) STOP(why);
}

/* ---- rows put together ---- */
void lq_wasm_api_begin(uint32_t record) {
  lq_guest_view *view = enter(8);
  const lq_record *r = record_of(view, record);
  if (record == LQ_WASM_COMMAND_ROW) STOP(r->name, " is a command: it can only be read");
  if (record < LQ_WASM_EVENT)
    memcpy(it.row, view->game->schema.component[record].defaults, sizeof it.row);
  else
    memset(it.row, 0, sizeof it.row);
  it.begun = record + 1;
}
static const lq_field *begun_field(uint32_t field, uint32_t element, uint8_t **at) {
  lq_guest_view *view = enter(0);
  if (!it.begun) STOP("a value is put into no row: call begin() first");
  const lq_field *f = field_of(record_of(view, it.begun - 1), field, element);
  *at = it.row + f->offset + element * lq_field_bytes(f);
  return f;
}
void lq_wasm_api_put_i32(uint32_t field, uint32_t element, uint32_t value) {
  uint8_t room[8], *at;
  const lq_field *f = begun_field(field, element, &at);
  memcpy(at, i32_value(f, value, room), lq_field_bytes(f));
}
void lq_wasm_api_put_i64(uint32_t field, uint32_t element, uint64_t value) {
  uint8_t room[8], *at;
  const lq_field *f = begun_field(field, element, &at);
  memcpy(at, i64_value(f, value, room), lq_field_bytes(f));
}
void lq_wasm_api_put_f32(uint32_t field, uint32_t element, float value) {
  uint8_t room[8], *at;
  const lq_field *f = begun_field(field, element, &at);
  memcpy(at, f32_value(f, value, room), lq_field_bytes(f));
}
void lq_wasm_api_put_str(uint32_t field, uint32_t element, uint32_t text, uint32_t bytes) {
  uint8_t *at;
  const lq_field *f = begun_field(field, element, &at);
  str_value(f, text, bytes, at);
}
void lq_wasm_api_add(uint64_t entity) {
  lq_guest_view *view = enter(16);
  uint32_t type = it.begun - 1;
  const char *why;
  if (!it.begun || type >= LQ_WASM_EVENT) STOP("no component's row was begun: call begin() first");
  it.begun = 0;
  if (!lq_guest_add(view, (lq_entity){entity}, type, it.row, &why)) STOP(why);
}
void lq_wasm_api_emit(void) {
  lq_guest_view *view = enter(16);
  uint32_t event = it.begun - 1 - LQ_WASM_EVENT;
  const char *why;
  if (it.begun <= LQ_WASM_EVENT || it.begun > LQ_WASM_SENT)
    STOP("no event's row was begun: call begin() first");
  it.begun = 0;
  if (!lq_guest_emit(view, event, it.row, &why)) STOP(why);
}
void lq_wasm_api_send(void) {
  lq_guest_view *view = enter(16);
  uint32_t command = it.begun - 1 - LQ_WASM_SENT;
  const char *why;
  if (it.begun <= LQ_WASM_SENT) STOP("no command's row was begun: call begin() first");
  it.begun = 0;
  if (!lq_guest_send(view, command, it.row, &why)) STOP(why);
}

/* ---- the rest ---- */
uint32_t lq_wasm_api_random(uint32_t bound) { return lq_guest_random(enter(8), bound); }
uint64_t lq_wasm_api_random_bits(void) { return lq_guest_random_bits(enter(8)); }
uint64_t lq_wasm_api_tick(void) { return enter(0)->head->tick; }
uint32_t lq_wasm_api_tick_us(void) { return enter(0)->head->tick_us; }
uint32_t lq_wasm_api_actor(void) { return enter(0)->head->actor; }
void lq_wasm_api_wake_at(uint64_t tick) { lq_guest_wake(enter(0), tick); }

/* A text of the guest for people, cut at what fits; what is no UTF-8 is not told on. */
static const char *words_in(uint32_t text, uint32_t bytes, char *out, uint32_t capacity) {
  uint32_t most = capacity - 1;
  if (bytes > most) bytes = most;
  lq_span span = text_in(text, bytes, out, capacity);
  while (span.bytes && bytes == most && (out[span.bytes - 1] & 0x80)) out[--span.bytes] = 0;
  return lq_utf8_valid(span) && !memchr(out, 0, span.bytes) ? out : "(words that are no UTF-8)";
}
void lq_wasm_api_refuse(uint32_t text, uint32_t bytes) {
  lq_guest_view *view = enter(8);
  if (view->head->kind != LQ_GUEST_COMMAND) STOP("only a command's handler can refuse");
  view->refused = words_in(text, bytes, it.refusal, sizeof it.refusal);
}
void lq_wasm_api_fail(uint32_t text, uint32_t bytes) {
  char out[WORDS_BYTES / 2];
  STOP(words_in(text, bytes, out, sizeof out));
}
