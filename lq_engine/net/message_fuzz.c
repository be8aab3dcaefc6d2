/* Any bytes as a client's message: read, made a command, told back as JSON that says the same. */
#include "lq_engine/net/message_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void must(bool good) {
  if (!good) abort();
}

static void command(const lq_message *message) {
  const lq_game *game = testing_game();
  static uint8_t data[4096], again_data[4096];
  static char text[16384];
  lq_writer body = lq_writer_of(data, sizeof data);
  lq_command c = {0}, again = {0};
  lq_diag diag = {0};
  if (lq_message_command(game, message, &body, &c, &diag)) {
    must(diag.code && diag.message[0] && body.bytes == 0);
    return;
  }
  const lq_record *record = &game->command[c.type].record;
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX];
  const lq_field *bad;
  lq_reader in = lq_reader_of(c.body);
  must(lq_record_decode(record, &in, NULL, row, &bad) == LQ_OK && lq_reader_done(&in));
  lq_writer w = lq_writer_of(text, sizeof text);
  must(lq_command_to_json(game, &c, "", &w) && !w.failed);
  lq_message back;
  must(lq_message_read(lq_writer_span(&w), &back, &diag) == LQ_OK);
  must(strcmp(back.id, message->id) == 0);
  body = lq_writer_of(again_data, sizeof again_data);
  must(lq_message_command(game, &back, &body, &again, &diag) == LQ_OK);
  must(again.type == c.type && lq_span_equal(again.body, c.body));
}

/* The same bytes as a record's body from a journal. */
static void wire(lq_span bytes) {
  static char text[65536];
  for (uint16_t type = 0; type < EVENTS; type++) {
    lq_event e = {.type = type, .body = bytes};
    lq_writer w = lq_writer_of(text, sizeof text);
    lq_json json;
    if (lq_message_event(testing_game(), 1, &e, &w) && !w.failed)
      must(lq_json_parse(lq_writer_span(&w), &json, NULL) == LQ_OK);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  lq_message message;
  lq_diag diag = {0};
  char text[1024];
  lq_json json;
  wire(lq_span_of(data, bytes));
  lq_err err = lq_message_read(lq_span_of(data, bytes), &message, &diag);
  if (err) {
    must(diag.code == err && diag.message[0]);
  } else if (message.kind == LQ_MESSAGE_COMMAND) {
    command(&message);
  }
  lq_writer w = lq_writer_of(text, sizeof text);
  lq_message_error(err, diag.message, NULL, message.id, &w);
  must(!w.failed && lq_json_parse(lq_writer_span(&w), &json, NULL) == LQ_OK);
  return 0;
}
