/* The scenes of scenes.mjs for engines in C and C++: a line in, a line out. */
#ifndef LQ_TESTS_ORACLE_ORACLE_H
#define LQ_TESTS_ORACLE_ORACLE_H

#include <stdio.h>
#include <string.h>

/* 5 s to come to rest, then a mean of 1 s, at 60 Hz. */
enum { ORACLE_SETTLE = 300, ORACLE_MEAN = 60, ORACLE_HZ = 60 };
/* The ground: a box that wide and high, its upper face is y = 0. */
#define ORACLE_GROUND_M 50.0f
#define ORACLE_GROUND_HALF_M 1.0f

typedef struct oracle_scene {
  int id;
  char shape[16]; /* sphere, capsule, box */
  float size[3];  /* m: radius; radius and half segment along y; half extents */
  float mass, friction;
  float position[3], rotation[4], velocity[3], gravity[3];
  float rest; /* m, where it must come to rest */
} oracle_scene;

/* False at the end of the list, and at what is not a scene. */
static inline int oracle_read(oracle_scene *s) {
  return scanf(" {\"id\":%d,\"shape\":\"%15[a-z]\",\"size\":[%f,%f,%f],\"mass\":%f,\"friction\":%f,"
               "\"position\":[%f,%f,%f],\"rotation\":[%f,%f,%f,%f],\"velocity\":[%f,%f,%f],"
               "\"gravity\":[%f,%f,%f],\"rest\":%f}",
               &s->id, s->shape, &s->size[0], &s->size[1], &s->size[2], &s->mass, &s->friction,
               &s->position[0], &s->position[1], &s->position[2], &s->rotation[0], &s->rotation[1],
               &s->rotation[2], &s->rotation[3], &s->velocity[0], &s->velocity[1], &s->velocity[2],
               &s->gravity[0], &s->gravity[1], &s->gravity[2], &s->rest) == 21;
}
static inline int oracle_is(const oracle_scene *s, const char *shape) {
  return strcmp(s->shape, shape) == 0;
}
/* The means: height of the centre in m, sum of the normal forces in N. */
static inline void oracle_write(const oracle_scene *s, double height, double force) {
  (void)printf("{\"id\":%d,\"height\":%.6f,\"force\":%.6f}\n", s->id, height / ORACLE_MEAN,
               force / ORACLE_MEAN);
}

#endif
