/* A session whose guests run in a real jail, played by a script: for tests in other languages.
 *
 *   guest_play JAIL-PROGRAM LANGUAGE < script   (a number of lq_guest_language)
 *
 * Lines of the script, words apart by one space; a field is name:type (kind, kind(bytes), [count]
 * behind), a value name=value,value:
 *   hz N | constant NAME N | component NAME FIELD... | event NAME FIELD... | command NAME FIELD...
 *   file NAME BYTES (the bytes follow) | describe (what LQ_GUEST_LOADED says of the files alone)
 *   system NAME ORDER READS WRITES (masks) | handler COMMAND
 *   begin (the session; what LQ_GUEST_LOADED says)
 *   spawn ID OWNER | add ID TYPE VALUE... | send COMMAND VALUE... | tick | dump
 * describe, begin, tick and dump answer with lines, then "end". Values are without spaces. */
#include "apps/lq-jail/runtime.h"
#include "lq_engine/session/session.h"
#include "lq_host/host.h"
#include "lq_host/jail.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILES = 8, LINE = 4096, SAID = 1 << 16, WAIT_US = 20000000 };
static lq_component component[LQ_COMPONENTS_MAX];
static lq_event_type event[LQ_EVENTS_MAX];
static lq_command_type command[LQ_COMMANDS_MAX];
static lq_system_type systems[LQ_SYSTEMS_MAX];
static lq_constant constant[LQ_CONSTANTS_MAX];
static lq_game game = {.version = "1.0.0", .hz = 20, .entities_max = 4096, .players_max = 8};
static lq_guest_file file[FILES];
static uint32_t file_count;
static lq_jail *jail;
static lq_session *session;
static const char *program;

static _Noreturn void stop(const char *what, const char *word) {
  fprintf(stderr, "guest_play: %s: %s%s\n", what, word, jail ? lq_jail_words(jail) : "");
  exit(1);
}
static void ok(lq_err err, const char *what) {
  if (err) stop(what, lq_err_cause(err));
}
static void name_put(char *out, size_t capacity, const char *text) {
  if (!lq_text_copy(out, capacity, lq_span_text(text))) stop("too long", text);
}

/* ---- declarations ---- */

static void field_put(lq_record *record, char *word) {
  static const char *const kinds[] = {"", "i32", "i64", "f32", "bool", "entity", "str", "money"};
  lq_field *field = &record->field[record->field_count++];
  char *type = strchr(word, ':');
  if (!type) stop("no type", word);
  *type++ = 0;
  name_put(field->name, sizeof field->name, word);
  char *count = strchr(type, '['), *room = strchr(type, '(');
  field->count = count ? (uint16_t)atoi(count + 1) : 1;
  if (count) *count = 0;
  if (room) *room++ = 0;
  for (uint8_t kind = 1; kind <= LQ_FIELD_MONEY; kind++)
    if (strcmp(type, kinds[kind]) == 0) field->kind = kind;
  if (field->kind == LQ_FIELD_STR) field->str_bytes = (uint16_t)atoi(room ? room : "64");
  if (field->kind == LQ_FIELD_MONEY && room) memcpy(field->currency, room, 3);
}
static void record_put(lq_record *record, char **rest) {
  name_put(record->name, sizeof record->name, strtok_r(NULL, " ", rest));
  for (char *word; (word = strtok_r(NULL, " ", rest));) field_put(record, word);
  ok(lq_record_layout(record), record->name);
}

static void file_put(char **rest) {
  char *name = strdup(strtok_r(NULL, " ", rest));
  size_t bytes = (size_t)atol(strtok_r(NULL, " ", rest));
  uint8_t *text = malloc(bytes + 1);
  if (file_count == FILES || !text || fread(text, 1, bytes, stdin) != bytes) stop("file", name);
  file[file_count++] = (lq_guest_file){lq_span_text(name), lq_span_of(text, bytes)};
}

static bool declare(const char *word, char **rest) {
  if (strcmp(word, "hz") == 0) {
    game.hz = (uint32_t)atoi(strtok_r(NULL, " ", rest));
  } else if (strcmp(word, "constant") == 0) {
    lq_constant *c = &constant[game.constant_count++];
    name_put(c->name, sizeof c->name, strtok_r(NULL, " ", rest));
    c->value = atoll(strtok_r(NULL, " ", rest));
  } else if (strcmp(word, "component") == 0) {
    lq_component *c = &component[game.schema.component_count++];
    c->version = 1;
    record_put(&c->record, rest);
  } else if (strcmp(word, "event") == 0) {
    lq_event_type *e = &event[game.event_count++];
    e->about = UINT16_MAX;
    record_put(&e->record, rest);
  } else if (strcmp(word, "command") == 0) {
    lq_command_type *c = &command[game.command_count++];
    c->entity_field = UINT16_MAX;
    c->confirm = true;
    record_put(&c->record, rest);
    const lq_field *about = lq_record_field(&c->record, lq_span_text("entity"));
    if (about) c->entity_field = (uint16_t)(about - c->record.field);
  } else if (strcmp(word, "system") == 0) {
    lq_system_type *s = &systems[game.system_count++];
    name_put(s->name, sizeof s->name, strtok_r(NULL, " ", rest));
    s->tick_order = atoi(strtok_r(NULL, " ", rest));
    s->reads = strtoull(strtok_r(NULL, " ", rest), NULL, 10);
    s->writes = strtoull(strtok_r(NULL, " ", rest), NULL, 10);
    s->guest = 1;
  } else if (strcmp(word, "handler") == 0) {
    uint32_t i = lq_game_command_find(&game, lq_span_text(strtok_r(NULL, " ", rest)));
    if (i == UINT32_MAX) stop("no such command", word);
    command[i].guest = 1;
  } else if (strcmp(word, "file") == 0) {
    file_put(rest);
  } else {
    return false;
  }
  return true;
}

/* ---- the jail ---- */

static lq_guest_message hear(void) {
  lq_guest_message got;
  size_t bytes = 0;
  if (!lq_jail_wait(jail, WAIT_US)) stop("the jail says nothing", "");
  ok(lq_jail_receive(jail, &got, sizeof got, &bytes), "the jail is gone");
  return got;
}

static void load(lq_span encoded) {
  const char *argv[] = {program, NULL};
  lq_diag diag = {0};
  lq_jail_close(jail);
  jail = NULL;
  ok(lq_jail_open(argv, (size_t)LQ_GUEST_SLOTS * LQ_GUEST_SLOT_BYTES, &jail, &diag), program);
  if (hear().say != LQ_GUEST_READY) stop("not ready", "");
  lq_writer out = lq_writer_of(lq_jail_memory(jail), LQ_GUEST_CALL_BYTES_MAX);
  lq_write_sized(&out, encoded.data, encoded.bytes);
  lq_write_varint(&out, file_count);
  for (uint32_t i = 0; i < file_count; i++) {
    lq_write_sized(&out, file[i].name.data, file[i].name.bytes);
    lq_write_sized(&out, file[i].text.data, file[i].text.bytes);
  }
  lq_guest_message message = {LQ_GUEST_LOAD, 0, (uint32_t)out.bytes, 0};
  ok(lq_jail_send(jail, lq_span_of(&message, sizeof message)), "load");
  lq_guest_message got = hear();
  const uint8_t *said = (uint8_t *)lq_jail_memory(jail) + LQ_GUEST_CALL_BYTES_MAX;
  printf("%.*s\nend\n", (int)got.bytes, (const char *)said);
}

static lq_guest_turn ask(void *context, const lq_guest_ask *asked, lq_span *reply,
                         const char **why) {
  (void)context;
  *why = "";
  lq_writer out = lq_writer_of(lq_jail_memory(jail), LQ_GUEST_CALL_BYTES_MAX);
  ok(lq_guest_ask_write(asked, &out), "the call");
  lq_guest_message message = {LQ_GUEST_ASK, 0, (uint32_t)out.bytes, 0};
  ok(lq_jail_send(jail, lq_span_of(&message, sizeof message)), "ask");
  lq_guest_message got = hear();
  *reply = lq_span_of((uint8_t *)lq_jail_memory(jail) + LQ_GUEST_CALL_BYTES_MAX, got.bytes);
  return LQ_GUEST_REPLIED;
}

static void begin(void) {
  static const lq_module none = {.abi = LQ_SYSTEM_ABI};
  static uint8_t encoded[1 << 20], bound[1 << 14];
  lq_diag diag = {0};
  lq_arena arena = lq_arena_of(bound, sizeof bound);
  if (lq_game_seal(&game, &diag)) stop("seal", diag.message);
  lq_module empty = none;
  empty.schema_hash = game.interface_hash;
  if (lq_game_bind(&game, &empty, &arena, &diag)) stop("bind", diag.message);
  lq_writer out = lq_writer_of(encoded, sizeof encoded);
  ok(lq_game_encode(&game, &out), "encode");
  load(lq_writer_span(&out));
  size_t bytes = (lq_session_bytes(&game) + 63) & ~(size_t)63;
  void *memory = aligned_alloc(64, bytes);
  if (!memory) stop("memory", "");
  memset(memory, 0, bytes);
  ok(lq_session_init(memory, bytes, &game, 0, &session), "session");
  static const lq_guest_port port = {NULL, ask};
  lq_session_guests(session, &port);
}

/* ---- values ---- */

static void element_put(const lq_field *field, const char *text, uint8_t *out) {
  int64_t whole = atoll(text);
  int32_t small = (int32_t)whole;
  float number = strtof(text, NULL);
  lq_entity entity = lq_world_find(lq_session_world(session), lq_span_text(text));
  if (field->kind == LQ_FIELD_I32) memcpy(out, &small, 4);
  if (field->kind == LQ_FIELD_I64 || field->kind == LQ_FIELD_MONEY) memcpy(out, &whole, 8);
  if (field->kind == LQ_FIELD_F32) memcpy(out, &number, 4);
  if (field->kind == LQ_FIELD_BOOL) *out = (uint8_t)(whole != 0);
  if (field->kind == LQ_FIELD_ENTITY) memcpy(out, &entity.bits, 8);
  if (field->kind == LQ_FIELD_STR) name_put((char *)out, field->str_bytes, text);
}
static void values_put(const lq_record *record, char **rest, uint8_t *row) {
  for (char *word; (word = strtok_r(NULL, " ", rest));) {
    char *value = strchr(word, '='), *inner = NULL;
    if (!value) stop("no value", word);
    *value++ = 0;
    const lq_field *field = lq_record_field(record, lq_span_text(word));
    if (!field) stop("no such field", word);
    uint8_t *at = row + field->offset;
    for (char *one = strtok_r(value, ",", &inner); one; one = strtok_r(NULL, ",", &inner)) {
      element_put(field, one, at);
      at += lq_field_bytes(field);
    }
  }
}

static void element_say(const lq_field *field, const uint8_t *at) {
  int64_t whole = 0;
  int32_t small = 0;
  float number = 0;
  if (field->kind == LQ_FIELD_F32) memcpy(&number, at, 4);
  if (field->kind == LQ_FIELD_I32) memcpy(&small, at, 4), whole = small;
  if (field->kind == LQ_FIELD_BOOL) whole = *at;
  if (lq_field_bytes(field) == 8 && field->kind != LQ_FIELD_STR) memcpy(&whole, at, 8);
  if (field->kind == LQ_FIELD_ENTITY)
    printf("%s", lq_world_id(lq_session_world(session), (lq_entity){(uint64_t)whole}));
  else if (field->kind == LQ_FIELD_STR)
    printf("%s", (const char *)at);
  else if (field->kind == LQ_FIELD_F32)
    printf("%.9g", (double)number);
  else
    printf("%lld", (long long)whole);
}
static void row_say(const lq_record *record, const uint8_t *row) {
  for (uint32_t f = 0; f < record->field_count; f++) {
    const lq_field *field = &record->field[f];
    printf(" %s=", field->name);
    for (uint32_t i = 0; i < field->count; i++) {
      if (i) putchar(',');
      element_say(field, row + field->offset + i * lq_field_bytes(field));
    }
  }
}

/* ---- play ---- */

static void tick(void) {
  lq_tick_result result;
  lq_session_tick(session, NULL, &result);
  while (result.state == LQ_TICK_GUEST_FAILED) {
    for (const char *at = result.guest_why; *at; at++) putchar(*at == '\n' ? '|' : *at);
    putchar('\n');
    ok(lq_session_guest_report(session, &result), "report");
    lq_session_tick(session, NULL, &result);
  }
  for (uint32_t i = 0; i < result.applied_count; i++) {
    const lq_applied *a = &result.applied[i];
    if (a->type != LQ_CMD_GUEST) printf("applied %s %s\n", a->outcome ? "no" : "yes", a->reason);
  }
  lq_entity_names names = lq_world_names(lq_session_world(session));
  for (uint32_t i = 0; i < result.event_count; i++) {
    const lq_record *record = &event[result.event[i].type].record;
    _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
    const lq_field *bad = NULL;
    lq_reader in = lq_reader_of(result.event[i].body);
    ok(lq_record_decode(record, &in, &names, row, &bad), "an event");
    printf("event %s", record->name);
    row_say(record, row);
    putchar('\n');
  }
  puts("end");
}

static void dump(void) {
  const lq_world *world = lq_session_world(session);
  for (uint32_t row = 0; row < lq_world_row_end(world); row++) {
    lq_entity entity = lq_world_entity_at(world, row);
    if (lq_entity_is(entity, LQ_ENTITY_NULL)) continue;
    printf("entity %s %u\n", lq_world_id(world, entity), (unsigned)lq_world_owner(world, entity));
    for (uint32_t type = 0; type < game.schema.component_count; type++) {
      if (!lq_world_has(world, entity, type)) continue;
      printf("component %s", component[type].record.name);
      row_say(&component[type].record, lq_world_get(world, entity, type));
      putchar('\n');
    }
  }
  for (uint32_t i = 0; i < game.system_count; i++) {
    lq_span kept = lq_session_guest_state(session, i);
    if (kept.bytes) printf("state %s %.*s\n", systems[i].name, (int)kept.bytes, kept.data);
  }
  puts("end");
}

static void send(char **rest) {
  uint32_t type = lq_game_command_find(&game, lq_span_text(strtok_r(NULL, " ", rest)));
  if (type == UINT32_MAX) stop("no such command", "");
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX] = {0}, body[4 * LQ_ROW_BYTES_MAX];
  values_put(&command[type].record, rest, row);
  lq_writer out = lq_writer_of(body, sizeof body);
  lq_entity_names names = lq_world_names(lq_session_world(session));
  lq_record_encode(&command[type].record, row, &names, &out);
  lq_command sent = {.type = (uint16_t)type, .body = lq_writer_span(&out)};
  uint64_t first = 0;
  ok(lq_session_submit(session, &sent, &first), "send");
}

static void play(const char *word, char **rest) {
  lq_world *world = lq_session_world(session);
  char *id =
      strcmp(word, "spawn") == 0 || strcmp(word, "add") == 0 ? strtok_r(NULL, " ", rest) : "";
  lq_entity entity = lq_world_find(world, lq_span_text(id));
  if (strcmp(word, "spawn") == 0) {
    uint16_t owner = (uint16_t)atoi(strtok_r(NULL, " ", rest));
    ok(lq_world_create(world, strcmp(id, "-") ? id : NULL, owner, &entity), "spawn");
  } else if (strcmp(word, "add") == 0) {
    uint32_t type = lq_schema_find(&game.schema, lq_span_text(strtok_r(NULL, " ", rest)));
    if (type == UINT32_MAX) stop("no such component", id);
    ok(lq_world_add(world, entity, type), "add");
    values_put(&component[type].record, rest, lq_world_write(world, entity, type));
  } else if (strcmp(word, "send") == 0) {
    send(rest);
  } else if (strcmp(word, "tick") == 0) {
    tick();
  } else if (strcmp(word, "dump") == 0) {
    dump();
  } else {
    stop("an unknown word", word);
  }
}

int main(int argc, char **argv) {
  static char line[LINE];
  if (argc != 3) stop("usage", "guest_play JAIL-PROGRAM LANGUAGE (a number of lq_guest_language)");
  program = argv[1];
  uint8_t language = (uint8_t)atoi(argv[2]);
  lq_game_builtins(command);
  game.command_count = LQ_CMD_BUILTIN_COUNT;
  name_put(game.name, sizeof game.name, "played");
  game.schema.component = component;
  game.event = event;
  game.command = command;
  game.system = systems;
  game.constant = constant;
  while (fgets(line, sizeof line, stdin)) {
    char *rest = NULL;
    line[strcspn(line, "\n")] = 0;
    char *word = strtok_r(line, " ", &rest);
    if (!word || declare(word, &rest)) continue;
    if (strcmp(word, "describe") == 0) {
      load((lq_span){0});
    } else if (strcmp(word, "begin") == 0) {
      for (uint32_t i = 0; i < game.system_count; i++) systems[i].guest = language;
      for (uint32_t i = 0; i < game.command_count; i++)
        if (command[i].guest) command[i].guest = language;
      begin();
    } else {
      play(word, &rest);
    }
    (void)fflush(stdout);
  }
  lq_jail_close(jail);
  return 0;
}
