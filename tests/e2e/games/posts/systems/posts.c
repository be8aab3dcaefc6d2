/* A post: counted, and its bytes summed, so that a lost or doubled one is seen in the state. */
#include "game.h"

static void on_post(lq_sys *sys, const void *row) {
  const Cmd_post *post = row;
  Board *board = set_Board(sys, post->entity);
  if (!board) {
    sys_refuse(sys, "only players post");
    return;
  }
  for (uint32_t i = 0; post->text[i]; i++) board->sum = (board->sum * 31 + post->text[i]) % 1000003;
  board->posts++;
  emit_posted(sys, (Evt_posted){.player = post->entity, .posts = board->posts, .sum = board->sum});
}

LQ_COMMANDS({"post", on_post})
