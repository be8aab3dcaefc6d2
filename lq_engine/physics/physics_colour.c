/* Which contacts may be solved side by side: greedily, in canonical order, each takes the lowest
 * colour that neither of its bodies has. Contacts of two moving bodies come first, those with what
 * stands still last, so that the ground has the last word. More than 64 colours: another round. */
#include "lq_engine/physics/solve_int.h"

static uint32_t lowest(uint64_t taken) {
  return taken == UINT64_MAX ? LQI_COLOURS : (uint32_t)__builtin_ctzll(~taken);
}

/* Contacts of one class and round, by colour, padded to fours. */
static void lay(lq_physics *w, uint32_t *fours) {
  uint32_t count[LQI_COLOURS + 1] = {0}, at[LQI_COLOURS];
  for (uint32_t i = 0; i < w->manifolds; i++)
    if (w->colour[i] < LQI_COLOURS) count[w->colour[i]]++;
  for (uint32_t c = 0; c < LQI_COLOURS; c++) {
    at[c] = *fours * 4;
    *fours += (count[c] + 3) / 4;
    for (uint32_t k = count[c]; k & 3; k++) w->lane[at[c] + k] = LQI_NONE;
    if (count[c]) w->span[w->spans++] = *fours;
  }
  for (uint32_t i = 0; i < w->manifolds; i++) {
    if (w->colour[i] >= LQI_COLOURS) continue;
    w->lane[at[w->colour[i]]++] = i;
    w->colour[i] = LQI_NONE; /* done */
  }
}

static bool both_move(const lq_physics *w, uint32_t i) {
  return w->mover[i][0] != 0 && w->mover[i][1] != 0;
}

uint32_t lqi_colour(lq_physics *w) {
  uint32_t fours = 0;
  w->spans = 0;
  for (uint32_t class = 0; class < 2; class ++) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < w->manifolds; i++) {
      bool mine = both_move(w, i) == (class == 0);
      if (mine)
        w->colour[i] = LQI_COLOURS, left++;
      else if (class == 0)
        w->colour[i] = LQI_NONE;
    }
    while (left) {
      memset(w->used, 0, ((size_t)w->moving + 1) * sizeof *w->used);
      for (uint32_t i = 0; i < w->manifolds; i++) {
        if (w->colour[i] != LQI_COLOURS) continue;
        uint64_t *a = &w->used[w->mover[i][0]];
        uint64_t *b = &w->used[w->mover[i][1]];
        uint32_t colour = lowest(*a | *b);
        if (colour == LQI_COLOURS) continue; /* the next round's */
        w->colour[i] = colour, left--;
        *a |= 1ull << colour, *b |= 1ull << colour;
        w->used[0] = 0;
      }
      lay(w, &fours);
    }
  }
  return fours;
}
