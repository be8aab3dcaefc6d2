/* lq_system.h: what a system written in C sees. The one header a game's C sources include, through
 * the generated "game.h" (struct per component, ids, typed helpers), compiled by `lq build`.
 *
 * Rules: a system is a function of the world: no clock, no randomness but lq_random, no allocation,
 * no globals that change, no I/O, no libm beyond sqrt. Structural change is deferred until the
 * system returns. Replay: the same world and commands must give the same bytes on every machine. */
#ifndef LQ_SYSTEM_H
#define LQ_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LQ_SYSTEM_ABI 1u

#ifndef LQ_ENGINE_ECS_RECORD_H
typedef struct lq_entity {
  uint64_t bits; /* 0 is nobody */
} lq_entity;
#endif

typedef struct lq_sys lq_sys;

/* Rows first..first+count-1 match; columns come from read and write. Fields above `opaque` are
 * yours to read. */
typedef struct lq_sys_iter {
  uint32_t first, count;
  uint64_t opaque[6];
} lq_sys_iter;

/* ---- physics: games with `physics:` in game.yaml. Metres, seconds, kilograms. ---- */
typedef struct lq_sys_hit {
  lq_entity entity;
  float fraction;  /* of the ray, 0 .. 1; overlap: 0 */
  float point[3];  /* m */
  float normal[3]; /* out of the body that was hit */
} lq_sys_hit;
typedef struct lq_sys_probe { /* a shape in a place, as Shape and Place have it; no plane */
  int32_t kind;
  float size[3], position[3], rotation[4];
} lq_sys_probe;

typedef struct lq_sys_api {
  uint32_t abi;
  void (*query)(lq_sys *sys, uint64_t with, uint64_t without, lq_sys_iter *iter);
  bool (*next)(lq_sys *sys, lq_sys_iter *iter);
  const void *(*read)(lq_sys *sys, const lq_sys_iter *iter, uint32_t type);
  void *(*write)(lq_sys *sys, lq_sys_iter *iter, uint32_t type);
  lq_entity (*entity)(lq_sys *sys, const lq_sys_iter *iter, uint32_t index);
  const void *(*get)(lq_sys *sys, lq_entity entity, uint32_t type); /* NULL: gone or absent */
  void *(*set)(lq_sys *sys, lq_entity entity, uint32_t type);       /* NULL: gone or absent */
  bool (*alive)(lq_sys *sys, lq_entity entity);
  lq_entity (*find)(lq_sys *sys, const char *id);
  const char *(*id)(lq_sys *sys, lq_entity entity);
  uint16_t (*owner)(lq_sys *sys, lq_entity entity);
  /* Deferred; false when a limit is reached or the entity is gone. */
  bool (*create)(lq_sys *sys, const char *id, uint16_t owner,
                 lq_entity *out); /* id NULL: made up */
  bool (*destroy)(lq_sys *sys, lq_entity entity);
  bool (*add)(lq_sys *sys, lq_entity entity, uint32_t type,
              const void *row); /* row NULL: defaults */
  bool (*remove)(lq_sys *sys, lq_entity entity, uint32_t type);
  bool (*emit)(lq_sys *sys, uint32_t event,
               const void *row); /* false when the tick's event room is full */
  /* Uniform 0..bound-1, from the session's seed. One draw a statement: C does not order the
   * arguments of a call nor the values of an initialiser, and compilers differ. */
  uint32_t (*random)(lq_sys *sys, uint32_t bound);
  uint64_t (*tick)(lq_sys *sys);
  uint32_t (*tick_us)(lq_sys *sys); /* length of a tick in microseconds; 0 for on_command */
  void (*wake_at)(lq_sys *sys, uint64_t tick); /* the session does not sleep before this tick */
  /* In a command handler: the reason the player gets. The changes the handler made are undone. */
  void (*refuse)(lq_sys *sys, const char *reason);
  uint16_t (*player)(lq_sys *sys); /* in a command handler: who sent it (0 = the host) */
  /* Sends a command of the game, as the host: its handler runs in this tick, when this system's or
   * handler's changes are made, behind those that wait already. What it refuses is no matter of the
   * sender's. false: no command of game.yaml, or 256 were sent in this tick. */
  bool (*command)(lq_sys *sys, uint32_t command, const void *row);
  /* Appended for physics; without it, and for numbers that are not finite, nothing is hit and false
   * comes back. Bodies stand as their components say when a system or handler first asks, or last
   * got a pointer to write to one of them. Cost: all bodies, once a system; then each body asked.
   */
  /* How many bodies of these categories a ray hits (sensors left out); the first hits_max of them
   * (here and below never more than 256) by distance, then row. way: from `from` to its end, 1e-6
   * .. 1e6 m. */
  uint32_t (*ray)(lq_sys *sys, const float from[3], const float way[3], uint32_t mask,
                  lq_sys_hit *hits, uint32_t hits_max);
  /* How many bodies the shape touches; the first hits_max of them by row. */
  uint32_t (*overlap)(lq_sys *sys, const lq_sys_probe *probe, uint32_t mask, lq_sys_hit *hits,
                      uint32_t hits_max);
  /* How many bodies the shape touches as it moves along `way` without turning; as a ray. */
  uint32_t (*cast)(lq_sys *sys, const lq_sys_probe *probe, const float way[3], uint32_t mask,
                   lq_sys_hit *hits, uint32_t hits_max);
  /* How many bodies are within `distance` m (0 .. 1e6) of the point, the nearest first; here
   * fraction is the distance, and the point is on the body. */
  uint32_t (*closest)(lq_sys *sys, const float point[3], uint32_t mask, float distance,
                      lq_sys_hit *hits, uint32_t hits_max);
  /* N s at a point of the world: changes Motion at once and wakes. False: no dynamic body with
   * Motion, or one that makes no sense. */
  bool (*push)(lq_sys *sys, lq_entity entity, const float impulse[3], const float point[3]);
} lq_sys_api; /* grows at its end alone: what was built before goes on running */

struct lq_sys {
  const lq_sys_api *api;
};

typedef void (*lq_system_fn)(lq_sys *sys);
/* row: the command's fields as the generated struct; entities in it are alive, or null. */
typedef void (*lq_command_fn)(lq_sys *sys, const void *row);

typedef struct lq_module_system {
  const char *name; /* as in game.yaml: "hunt.collect" */
  lq_system_fn run;
} lq_module_system;
typedef struct lq_module_command {
  const char
      *name; /* as in game.yaml: "move"; or "join", "leave": called after the engine's own part */
  lq_command_fn run;
} lq_module_command;

typedef struct lq_module {
  uint32_t abi;         /* LQ_SYSTEM_ABI */
  uint64_t schema_hash; /* GAME_SCHEMA_HASH of the generated header: a stale build is refused */
  uint32_t system_count, command_count;
  const lq_module_system *systems;
  const lq_module_command *commands;
} lq_module;

/* What a game's code exports; LQ_SYSTEMS and LQ_COMMANDS of the generated game.h make it. */
typedef const lq_module *(*lq_module_entry)(void);
#define LQ_MODULE_SYMBOL "lq_game_module"

#endif
