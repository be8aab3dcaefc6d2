#include "lq_service/ledger/journal_json.h"

#include "lq_engine/net/message.h"

typedef struct list {
  const lq_game *game;
  lq_writer *w;
  bool any;
} list;

static void comma(list *l) {
  if (l->any) lq_write_u8(l->w, ',');
  l->any = true;
}

/* False: something in it is no command, or no event, of this game. */
static bool commands(list *l, const lq_slice_tick *tick) {
  lq_reader in = lq_reader_of(tick->commands);
  for (lq_command command; lq_command_read(&in, l->game, &command);) {
    comma(l);
    if (!lq_command_to_json(l->game, &command, command.player, l->w)) return false;
  }
  return lq_reader_done(&in);
}

static bool events(list *l, const lq_slice_tick *tick) {
  lq_reader in = lq_reader_of(tick->events);
  for (lq_event event; lq_event_read(&in, l->game, &event);) {
    comma(l);
    if (!lq_message_event(l->game, tick->tick, &event, l->w)) return false;
  }
  return lq_reader_done(&in);
}

static bool each_tick(const lq_slice_reader *reader, list *l,
                      bool (*write)(list *l, const lq_slice_tick *tick)) {
  lq_slice_reader walk = *reader;
  bool good = true;
  l->any = false;
  for (lq_slice_tick tick; good && lq_slice_next(&walk, &tick);) good = write(l, &tick);
  return good;
}

lq_err lq_journal_json(const lq_game *game, lq_span record, lq_writer *out) {
  lq_slice_reader reader;
  const lq_writer start = *out;
  lq_err err = lq_slice_open(record, &reader);
  if (err) return err;
  list l = {.game = game, .w = out};
  lq_write_text(out, "{\"slice\":");
  lq_write_decimal_u(out, reader.header.slice);
  lq_write_text(out, ",\"tick\":");
  lq_write_decimal_u(out, reader.header.tick_last);
  lq_write_text(out, ",\"hash\":\"");
  lq_write_hex64(out, reader.header.hash_after);
  lq_write_text(out, "\",\"commands\":[");
  bool good = each_tick(&reader, &l, commands);
  lq_write_text(out, "],\"events\":[");
  good = good && each_tick(&reader, &l, events);
  lq_write_text(out, "]}");
  if (!good) *out = start;
  return good ? LQ_OK : LQ_ERR_CORRUPT;
}
