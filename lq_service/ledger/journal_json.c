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

static void commands(list *l, const lq_slice_tick *tick) {
  lq_reader in = lq_reader_of(tick->commands);
  for (lq_command command; lq_command_read(&in, l->game, &command);) {
    comma(l);
    (void)lq_command_to_json(l->game, &command, command.player, l->w);
  }
}

static void events(list *l, const lq_slice_tick *tick) {
  lq_reader in = lq_reader_of(tick->events);
  for (lq_event event; lq_event_read(&in, l->game, &event);) {
    comma(l);
    (void)lq_message_event(l->game, tick->tick, &event, l->w);
  }
}

static void each_tick(const lq_slice_reader *reader, list *l,
                      void (*write)(list *l, const lq_slice_tick *tick)) {
  lq_slice_reader walk = *reader;
  l->any = false;
  for (lq_slice_tick tick; lq_slice_next(&walk, &tick);) write(l, &tick);
}

lq_err lq_journal_json(const lq_game *game, lq_span record, lq_writer *out) {
  lq_slice_reader reader;
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
  each_tick(&reader, &l, commands);
  lq_write_text(out, "],\"events\":[");
  each_tick(&reader, &l, events);
  lq_write_text(out, "]}");
  return LQ_OK;
}
