/* The last page of a diary is kept, and told. */
#include "game.h"

static void on_write(lq_sys *sys, const void *row) {
  const Cmd_write *page = row;
  Diary *diary = set_Diary(sys, page->entity);
  if (!diary) {
    sys_refuse(sys, "only players write");
    return;
  }
  Evt_written event = {.player = page->entity};
  for (uint32_t i = 0; i < sizeof diary->last; i++) diary->last[i] = event.text[i] = page->text[i];
  diary->pages++;
  emit_written(sys, event);
}

LQ_COMMANDS({"write", on_write})
