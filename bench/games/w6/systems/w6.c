/* Each command becomes its event; nothing else happens. */
#include "game.h"

static void on_echo(lq_sys *sys, const void *row) {
  const Cmd_echo *echo = row;
  Evt_echoed event = {.player = echo->entity, .n = echo->n};
  for (size_t i = 0; i < sizeof event.text; i++) event.text[i] = echo->text[i];
  if (!emit_echoed(sys, event)) sys_refuse(sys, "too many events in one tick");
}

static void on_say(lq_sys *sys, const void *row) {
  const Cmd_say *say = row;
  Evt_said event = {.player = say->entity, .n = say->n};
  for (size_t i = 0; i < sizeof event.text; i++) event.text[i] = say->text[i];
  if (!emit_said(sys, event)) sys_refuse(sys, "too many events in one tick");
}

LQ_COMMANDS({"echo", on_echo}, {"say", on_say})
