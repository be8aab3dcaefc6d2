/* A release in memory: what game.yaml declares, checked, and the native code bound to it.
 *
 * Shape: plain arrays in one arena; immutable after lq_game_decode and lq_game_bind, so sessions on
 * any thread share it. The encoded form is canonical (one game, one encoding): the release id is
 * the SHA-256 of it together with the native sources, computed above this floor. Built-in commands
 * come first in `command`: see lq_builtin. */
#ifndef LQ_ENGINE_GAME_GAME_H
#define LQ_ENGINE_GAME_GAME_H

#include "lq_base/arena.h"
#include "lq_engine/ecs/ecs.h"
#include "lq_engine/game/game_physics.h"
#include "lq_engine/game/lq_system.h"

/* Commands of every game, in front of its own; sent by the host (slot 0) only. Their records are
 * fixed: join {player: str 32, team: str 32, roles: i64}   a player enters (or comes back:
 * connected again) leave {player: str 32}                            the player is gone for good;
 * their entity stays or goes, see leave_deletes connection {player: str 32, connected: bool}      a
 * wall-clock fact rate {hz: i32}                                    the breaker's or the
 * facilitator's change of rate release {id: str 65}                              hot swap to
 * another release (hex SHA-256) end {reason: str 64}                              the session ends
 */
typedef enum lq_builtin {
  LQ_CMD_JOIN = 0,
  LQ_CMD_LEAVE,
  LQ_CMD_CONNECTION,
  LQ_CMD_RATE,
  LQ_CMD_RELEASE,
  LQ_CMD_END,
  LQ_CMD_GUEST, /* {name: str 64, command: bool, why: str 160}: a guest system (or the handler of a
                   command) failed in this tick: it is not run in it, and three suspend it */
  LQ_CMD_BUILTIN_COUNT
} lq_builtin;

#define LQ_ROLES_MAX 32u    /* roles of a game: a role mask is one 32-bit word */
#define LQ_RENAMES_MAX 256u /* lines under migrate: */

/* Who runs a system or a command's handler. */
typedef enum lq_guest_language {
  LQ_GUEST_NATIVE = 0, /* C, in the server's own process */
  LQ_GUEST_PYTHON,
  LQ_GUEST_LUA,
  LQ_GUEST_WASM,
  LQ_GUEST_LANGUAGE_COUNT
} lq_guest_language;

typedef struct lq_command_type {
  lq_record record;
  uint16_t
      entity_field; /* index of the field "entity" that the sender must own; UINT16_MAX: none */
  uint32_t roles;   /* roles that may send it; 0 = every player */
  bool confirm;     /* false: deltas may go out before the commit */
  uint8_t guest;    /* lq_guest_language of its handler; built-in join and leave may have one */
} lq_command_type;

typedef struct lq_event_type {
  lq_record record;      /* name "treasure.collected": dots allowed */
  lq_visibility visible; /* LQ_SEE_OWNER: of the entity in field `about` */
  uint16_t about; /* index of the entity field that OWNER and TEAM refer to; UINT16_MAX: none */
} lq_event_type;

typedef struct lq_system_type {
  char name[LQ_NAME_BYTES * 2]; /* "hunt.collect" */
  int32_t tick_order;           /* default 50 */
  uint8_t guest;                /* lq_guest_language */
  uint64_t reads, writes;       /* component types a guest sees, and may change (a part of reads) */
} lq_system_type;

typedef struct lq_constant {
  char name[LQ_NAME_BYTES];
  int64_t value;
} lq_constant;

typedef struct lq_scene_entity {
  char id[LQ_ID_BYTES]; /* "" = made up */
  uint64_t mask;        /* component types it has */
  uint32_t row_at; /* offset into scene_rows: the rows of its types, ascending type, each row_bytes.
                      An entity field in such a row (and in player_rows) holds index + 1 into
                      `scene`, 0 is null; the session puts the live handle there. */
} lq_scene_entity;

typedef struct lq_rename {
  char component[LQ_NAME_BYTES]; /* new component name ("" for a rename of a component: then from,
                                    to are components) */
  char from[LQ_NAME_BYTES], to[LQ_NAME_BYTES]; /* to "" = dropped */
} lq_rename;

typedef struct lq_game {
  char name[LQ_TENANT_BYTES];
  char version[LQ_NAME_BYTES]; /* SemVer text of game.yaml */
  char title[64];              /* for people; UTF-8, "" = the name */
  uint32_t hz;                 /* 1..60; 0 = on_command */
  uint32_t entities_max, players_max;
  bool leave_deletes; /* a leaving player's entity is deleted (default true) */
  bool confirm;       /* default true: nothing leaves before the commit */
  lq_schema schema;
  uint32_t command_count, event_count, system_count, constant_count, role_count, scene_entity_count,
      rename_count;
  const lq_command_type *command; /* built-ins first */
  const lq_event_type *event;
  const lq_system_type *system; /* sorted by (tick_order, name) */
  const lq_constant *constant;
  const char (*role)[LQ_NAME_BYTES]; /* at most 32; bit i of a role mask */
  const lq_scene_entity *scene;      /* the start scene */
  const uint8_t *scene_rows;
  size_t scene_rows_bytes;
  /* What a joining player's entity gets: as a scene entity; its id is the player's. mask 0: players
   * have no entity. */
  lq_scene_entity player;
  const uint8_t *player_rows;
  size_t player_rows_bytes;
  const lq_rename *rename;
  lq_game_physics physics; /* zero: the game has none */
  uint64_t interface_hash; /* schema, commands, events, constants: GAME_SCHEMA_HASH of the generated
                              header */
  /* Bound native code; NULL until lq_game_bind. Index as `system` and `command`. */
  lq_system_fn *system_fn;
  lq_command_fn *command_fn;
} lq_game;

/* Fills the LQ_CMD_BUILTIN_COUNT built-in command types. */
void lq_game_builtins(lq_command_type *out);
/* Checks everything the loader of game.yaml promised and sets sorted order, schema and interface
 * hashes. The arrays must be writable where noted by the loader. Errors as lq_diag. */
LQ_MUST lq_err lq_game_seal(lq_game *game, lq_diag *diag);
/* Canonical bytes: everything above but pointers and bound code. */
LQ_MUST lq_err lq_game_encode(const lq_game *game, lq_writer *out);
/* Hostile-safe; allocates from the arena (2 * bytes + a few MiB suffices: see lq_game_arena_bytes).
 * LQ_ERR_CORRUPT, _TRUNCATED, _VERSION, _MEMORY. */
LQ_MUST lq_err lq_game_decode(lq_span encoded, lq_arena *arena, lq_game **out, lq_diag *diag);
size_t lq_game_arena_bytes(lq_span encoded);
/* Binds native code by name; every declared system that no guest runs must be there (else
 * LQ_ERR_BUILD naming it); a command without a handler is legal only for built-ins. module NULL:
 * legal for a game without systems and commands, or where guests run them all. */
LQ_MUST lq_err lq_game_bind(lq_game *game, const lq_module *module, lq_arena *arena, lq_diag *diag);
bool lq_game_has_guests(const lq_game *game); /* is any of its systems or handlers one? */
uint32_t lq_game_command_find(const lq_game *game, lq_span name); /* UINT32_MAX when unknown */
uint32_t lq_game_event_find(const lq_game *game, lq_span name);
uint32_t lq_game_role_find(const lq_game *game, lq_span name);
/* The generated C header "game.h" for native systems. */
LQ_MUST lq_err lq_game_header(const lq_game *game, lq_writer *out);
/* Can worlds of `from` become worlds of `to`? LQ_ERR_MIGRATE with the reason: a field changed kind,
 * a component or field vanished without a line under migrate:, a limit shrank. */
LQ_MUST lq_err lq_game_can_migrate(const lq_game *from, const lq_game *to, lq_diag *diag);
/* Copies a world of `from` into a fresh world of `to`: rows, generations, ids, owners stay; new
 * fields take their defaults. */
LQ_MUST lq_err lq_game_migrate(const lq_game *from, const lq_world *old, const lq_game *to,
                               lq_world *fresh, lq_diag *diag);

#endif
