/* The scenes that every engine gets: boxes of 1 m, 1000 kg, friction 0.6, on a ground whose upper
 * face is y = 0. Centres only; C and C++. */
#ifndef LQ_BENCH_PHYSICS_BOXES_H
#define LQ_BENCH_PHYSICS_BOXES_H

enum { BOXES_MAX = 5050, BOXES_BASE = 100 };

typedef struct boxes {
  unsigned count;
  float at[BOXES_MAX][3];
} boxes;

static inline void boxes_put(boxes *b, float x, float y, float z) {
  float *at = b->at[b->count++];
  at[0] = x, at[1] = y, at[2] = z;
}
/* A triangle in one plane, the top one last. */
static inline void boxes_pyramid(boxes *b, unsigned base) {
  b->count = 0;
  for (unsigned row = 0; row < base; row++)
    for (unsigned i = 0; i < base - row; i++)
      boxes_put(b, (float)i - 0.5f * (float)(base - row - 1), 0.5f + (float)row, 0);
}
/* Layers of `wide` x `deep` that fall onto each other, a little askew. */
static inline void boxes_pile(boxes *b, unsigned wide, unsigned deep, unsigned layers) {
  b->count = 0;
  for (unsigned y = 0; y < layers; y++)
    for (unsigned x = 0; x < wide; x++)
      for (unsigned z = 0; z < deep; z++) {
        float skew = 0.1f * (float)(y & 1) + 0.01f * (float)((x * 7 + z * 3) % 5);
        boxes_put(b, 1.1f * (float)x + skew, 0.6f + 1.2f * (float)y, 1.1f * (float)z - skew);
      }
}
/* By number: 0 the pyramid; else so many boxes of a pile: 100, 200, 500, 1000. 0 when unknown. */
static inline unsigned boxes_scene(boxes *b, unsigned scene) {
  b->count = 0;
  if (scene == 0) boxes_pyramid(b, BOXES_BASE);
  if (scene == 100 || scene == 200 || scene == 500) boxes_pile(b, 10, 10, scene / 100);
  if (scene == 1000) boxes_pile(b, 10, 20, 5);
  return b->count;
}

#endif
