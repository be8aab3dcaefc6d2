#include "apps/lq/session_guests.h"

#include <stdio.h>
#include <string.h>

#include "lq_engine/net/json.h"

static void strike(lq_failed_guests *f, const char *name, bool command, const char *why,
                   uint64_t tick) {
  uint32_t i = 0;
  while (i < f->count && (f->at[i].command != command || strcmp(f->at[i].name, name) != 0)) i++;
  if (i == sizeof f->at / sizeof *f->at) return;
  if (i == f->count) f->at[f->count++] = (lq_failed_guest){.command = command};
  lq_failed_guest *g = &f->at[i];
  (void)lq_text_copy(g->name, sizeof g->name, lq_span_text(name));
  (void)lq_text_copy(g->why, sizeof g->why, lq_span_text(why));
  g->strikes++;
  g->tick = tick;
}

static void take_tick(lq_failed_guests *f, const lq_game *game, const lq_slice_tick *tick) {
  lq_reader in = lq_reader_of(tick->commands);
  for (lq_command c; lq_command_read(&in, game, &c);) {
    if (c.type != LQ_CMD_GUEST || c.slot) continue;
    _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
    const lq_record *record = &game->command[LQ_CMD_GUEST].record;
    const lq_field *bad;
    lq_reader body = lq_reader_of(c.body);
    if (lq_record_decode(record, &body, NULL, row, &bad)) continue;
    strike(f, (const char *)row + record->field[0].offset, row[record->field[1].offset] != 0,
           (const char *)row + record->field[2].offset, tick->tick);
  }
}

lq_err lq_failed_guests_take(lq_failed_guests *failed, const lq_release_source *source,
                             lq_span record, lq_diag *diag) {
  lq_slice_reader reader;
  const lq_game *game = NULL;
  lq_err err = lq_slice_open(record, &reader);
  if (!err) err = source->game(source->context, reader.header.release, &game, diag);
  if (err) return err;
  if (memcmp(failed->release, reader.header.release, 32) != 0) failed->count = 0;
  memcpy(failed->release, reader.header.release, 32);
  for (lq_slice_tick tick; lq_slice_next(&reader, &tick);) take_tick(failed, game, &tick);
  return reader.body.failed ? LQ_ERR_CORRUPT : LQ_OK;
}

void lq_failed_guests_json(const lq_failed_guests *failed, lq_writer *w) {
  lq_write_u8(w, '[');
  for (uint32_t i = 0; i < failed->count; i++) {
    const lq_failed_guest *g = &failed->at[i];
    lq_write_text(w, i ? ",{\"name\":" : "{\"name\":");
    lq_json_write_text(w, lq_span_text(g->name));
    lq_write_text(w, g->command ? ",\"kind\":\"command\"" : ",\"kind\":\"system\"");
    lq_write_text(w, ",\"strikes\":");
    lq_write_decimal_u(w, g->strikes);
    lq_write_text(w, g->strikes >= LQ_GUEST_STRIKES_MAX ? ",\"suspended\":true,\"tick\":"
                                                        : ",\"suspended\":false,\"tick\":");
    lq_write_decimal_u(w, g->tick);
    lq_write_text(w, ",\"why\":");
    lq_json_write_text(w, lq_span_text(g->why));
    lq_write_u8(w, '}');
  }
  lq_write_u8(w, ']');
}

void lq_failed_guests_print(const lq_failed_guests *failed) {
  for (uint32_t i = 0; i < failed->count; i++) {
    const lq_failed_guest *g = &failed->at[i];
    (void)printf("guest       %s%s: %s, failed %u times, the last time in tick %llu: %s\n",
                 g->command ? "handler of " : "", g->name,
                 g->strikes >= LQ_GUEST_STRIKES_MAX ? "suspended" : "runs", g->strikes,
                 (unsigned long long)g->tick, g->why);
  }
}

/* Somebody else's words: nothing in them moves the cursor of a terminal. */
static void tame_print(lq_span text) {
  for (size_t i = 0; i < text.bytes; i++) {
    uint8_t c = text.data[i];
    bool control = c < ' ' || c == 0x7f;
    bool c1 = c == 0xc2 && i + 1 < text.bytes && text.data[i + 1] < 0xa0; /* U+0080 to U+009F */
    (void)fputc((control && c != '\t') || c1 ? '?' : c, stderr);
    i += c1;
  }
}

/* A command that the game sent. */
static void refused_print(const lq_shard_guest_failure *refused) {
  (void)fprintf(stderr, "lq: the game sent %s, which was refused: ", refused->name);
  tame_print(refused->error);
  (void)fprintf(stderr, "\n    %s in tick %llu of session %s; %u since the last word of it\n",
                lq_err_name(refused->code), (unsigned long long)refused->tick, refused->at->session,
                refused->refused);
}

static void refused_json_print(const lq_shard_guest_failure *refused) {
  uint8_t room[4096];
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_write_text(&w, "{\"command_refused\":");
  lq_json_write_text(&w, lq_span_text(refused->name));
  lq_write_text(&w, ",\"game\":");
  lq_json_write_text(&w, lq_span_text(refused->at->game));
  lq_write_text(&w, ",\"session\":");
  lq_json_write_text(&w, lq_span_text(refused->at->session));
  lq_write_text(&w, ",\"tick\":");
  lq_write_decimal_u(&w, refused->tick);
  lq_write_text(&w, ",\"count\":");
  lq_write_decimal_u(&w, refused->refused);
  lq_write_text(&w, ",\"code\":");
  lq_json_write_text(&w, lq_span_text(lq_err_name(refused->code)));
  lq_write_text(&w, ",\"error\":");
  lq_json_write_text(&w, refused->error);
  lq_write_text(&w, "}\n");
  if (!w.failed) (void)fwrite(room, 1, w.bytes, stderr);
}

static void json_print(const lq_shard_guest_failure *failure) {
  uint8_t room[LQ_GUEST_TEXT_BYTES_MAX * 6 + 1024]; /* an escape is six letters */
  lq_writer w = lq_writer_of(room, sizeof room);
  lq_write_text(&w, "{\"guest_failed\":");
  lq_json_write_text(&w, lq_span_text(failure->name));
  lq_write_text(&w, ",\"game\":");
  lq_json_write_text(&w, lq_span_text(failure->at->game));
  lq_write_text(&w, ",\"session\":");
  lq_json_write_text(&w, lq_span_text(failure->at->session));
  lq_write_text(&w, ",\"tick\":");
  lq_write_decimal_u(&w, failure->tick);
  lq_write_text(&w, failure->suspended ? ",\"suspended\":true,\"error\":"
                                       : ",\"suspended\":false,\"error\":");
  lq_json_write_text(&w, failure->error);
  lq_write_text(&w, ",\"stack\":");
  lq_json_write_text(&w, failure->stack);
  lq_write_text(&w, "}\n");
  if (!w.failed) (void)fwrite(room, 1, w.bytes, stderr);
}

void lq_guest_failure_print(const lq_shard_guest_failure *failure, const char *folder, bool json) {
  if (failure->refused) {
    (json ? refused_json_print : refused_print)(failure);
    return;
  }
  if (json) {
    json_print(failure);
    return;
  }
  /* A place that an editor or a terminal opens: as it is called from here. */
  bool placed = failure->error.bytes > 8 && !memcmp(failure->error.data, "systems/", 8);
  (void)fprintf(stderr, "lq: guest failed: %s%s", placed && folder ? folder : "",
                placed && folder ? "/" : "");
  tame_print(failure->error);
  for (size_t at = 0; at < failure->stack.bytes;) {
    const uint8_t *line = failure->stack.data + at;
    const uint8_t *end = memchr(line, '\n', failure->stack.bytes - at);
    size_t bytes = end ? (size_t)(end - line) : failure->stack.bytes - at;
    (void)fprintf(stderr, "\n      ");
    tame_print(lq_span_of(line, bytes));
    at += bytes + 1;
  }
  (void)fprintf(stderr, "\n    in %s, tick %llu of session %s: that tick ran without it\n",
                failure->name, (unsigned long long)failure->tick, failure->at->session);
  (void)fprintf(stderr, failure->suspended
                            ? "    the third failure: SUSPENDED in this session\n"
                              "    mend: save a mended file, which is swapped in and runs again\n"
                            : "    mend: save a mended file, which is swapped in\n");
}
