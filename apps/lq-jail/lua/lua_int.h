/* Private to apps/lq-jail/lua. */
#ifndef APPS_LQ_JAIL_LUA_LUA_INT_H
#define APPS_LQ_JAIL_LUA_LUA_INT_H

#include "apps/lq-jail/lua/lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <setjmp.h>

#define LQI_LUA_STEP 1000           /* instructions between two looks at the budget */
#define LQI_LUA_STRING_MAX 65536u   /* bytes of one text: comparing two is one step of the VM */
#define LQI_LUA_RESCUES_MAX 16u     /* full collections a call may force by running out of memory */
#define LQI_LUA_TOUCHED_MAX 262144u /* component tables of one call */
#define LQI_LUA_UPVALUES_MAX 4096u  /* locals of the sources that are compared */
#define LQI_LUA_DEPTH_MAX 16        /* tables in tables of a state */

typedef enum lqi_lua_exit {
  LQI_LUA_EXIT_NONE = 0,
  LQI_LUA_EXIT_SPENT,   /* budget or memory; text says which */
  LQI_LUA_EXIT_REFUSED, /* refuse() of a handler */
  LQI_LUA_EXIT_PANIC,   /* an error outside every protected call */
} lqi_lua_exit;

/* A component table that a call made: compared with its row when the call ends. */
typedef struct lqi_lua_touched {
  uint64_t entity;
  uint32_t type, zero;
} lqi_lua_touched;

/* A local of the sources, as an upvalue: where its value lies, and its index in a function. */
typedef struct lqi_lua_upvalue {
  uint32_t at, index;
} lqi_lua_upvalue;

/* Where the fields of a component type lie in its tables: node at[i] has the key name[i]. */
typedef struct lqi_lua_shape {
  const void *meta; /* the metatable of its tables */
  uint32_t count;   /* of fields; 0: it is not known */
  uint8_t log_nodes, at[LQ_FIELDS_MAX];
  const void *name[LQ_FIELDS_MAX];
} lqi_lua_shape;

typedef enum lqi_lua_same { LQI_LUA_UNSURE = 0, LQI_LUA_SAME, LQI_LUA_OTHER } lqi_lua_same;

/* What a source declared; its function is at the same place of a list in the registry. */
typedef struct lqi_lua_part {
  char name[LQ_NAME_BYTES * 2], file[LQ_NAME_BYTES * 2];
  uint32_t line;
  int32_t order;
  bool has_reads, has_writes, has_state;
} lqi_lua_part;

typedef struct lqi_lua_kind {
  lqi_lua_part part[LQ_COMMANDS_MAX];
  uint32_t count;
} lqi_lua_kind;

struct lq_lua {
  lua_State *L;
  struct lqi_heap *heap; /* at the start of the arena */
  uint8_t *arena, *image;
  size_t arena_bytes, image_bytes;
  uint32_t memory_bytes;
  uint8_t seed_step; /* see lua_heap.c */
  /* The budget, and the way out of a call that is over it. */
  uint64_t steps_max;
  int64_t fuel; /* steps left */
  bool armed;   /* a longjmp to `out` is possible */
  lqi_lua_exit exit;
  jmp_buf out;
  char text[LQ_GUEST_TEXT_BYTES_MAX], reason[LQ_GUEST_TEXT_BYTES_MAX]; /* of refuse() */
  size_t text_bytes;
  /* What is loaded. */
  const lq_game *game;
  bool loading, ready;
  const lq_guest_file *file; /* while it loads */
  uint32_t file_count;
  lq_writer *describing;
  lqi_lua_kind systems, commands, components;
  uint16_t system_of[LQ_SYSTEMS_MAX], command_of[LQ_COMMANDS_MAX]; /* of the game: part + 1; 0 */
  lqi_lua_upvalue upvalue[LQI_LUA_UPVALUES_MAX];
  uint32_t upvalue_count;
  lqi_lua_shape shape[LQ_COMPONENTS_MAX];
  uint32_t shape_last; /* asked for last; it decides how fast one is found, and nothing else */
  /* Of a call. */
  lq_guest_view *view;
  const lqi_lua_part *running;
  lqi_lua_touched *touched;
  uint32_t touched_count;
  uint8_t state[LQ_GUEST_STATE_BYTES_MAX];
  size_t state_bytes;
};

static inline lq_lua *lqi_lua_of(lua_State *L) {
  lq_lua *lua;
  memcpy(&lua, lua_getextraspace(L), sizeof lua);
  return lua;
}

/* ---- lua_heap.c ---- */
bool lqi_heap_open(lq_lua *lua, const char **why);
void lqi_heap_close(lq_lua *lua);
void lqi_heap_reset(lq_lua *lua); /* empty: for a fresh lua_State */
void *lqi_heap_alloc(void *ud, void *at, size_t old_bytes, size_t bytes);
bool lqi_heap_keep(lq_lua *lua); /* takes the image; false: no memory */
void lqi_heap_back(lq_lua *lua); /* puts the image back */
/* The hash of texts has the seed that it should have. */
bool lqi_seed_check(lq_lua *lua, const char **why);
/* ---- lua.c ---- */
/* Takes steps off the budget; does not return when it is spent. */
_Noreturn void lqi_lua_spent(lq_lua *lua, lua_State *L, const char *what);
static inline void lqi_lua_charge(lq_lua *lua, lua_State *L, uint64_t steps) {
  lua->fuel -= (int64_t)steps;
  if (lua->fuel < 0) lqi_lua_spent(lua, L, "steps");
}
/* What tostring says of a value, without addresses; pushes it. */
const char *lqi_lua_words(lua_State *L, int index, size_t *bytes);
/* ---- the library ---- */
void lqi_lua_function(lua_State *L, const char *name, lua_CFunction fn); /* into the table on top */
/* fn, charged for the bytes of its text arguments. */
void lqi_lua_charged(lua_State *L, const char *name, lua_CFunction fn);
void lqi_lua_open_base(lua_State *L);  /* everything of the language, into the table on top */
void lqi_lua_open_match(lua_State *L); /* lua_match.c: find, match, gmatch, gsub */
void lqi_lua_open_text(lua_State *L);  /* lua_library.c: rep, format */
void lqi_lua_open_table(lua_State *L);
void lqi_lua_open_co(lua_State *L);

/* A key of a table: a text (borrowed from the table), or a number. */
typedef struct lqi_lua_key {
  const char *text;
  size_t bytes;
  bool whole;
  int64_t integer;
  double number;
} lqi_lua_key;
/* Keys of the table at `index` in order; pushes the userdata that holds them. Raises for others. */
lqi_lua_key *lqi_keys_sorted(lua_State *L, int index, size_t *count);
void lqi_key_push(lua_State *L, const lqi_lua_key *key);
/* The table at `index` itself, or what is behind it when it is frozen: pushes it. */
void lqi_lua_bare(lua_State *L, int index);
void lqi_lua_freeze(lua_State *L); /* lua_freeze.c: everything reachable from the value on top */
/* Raises when a call assigned a local of the sources. */
void lqi_lua_assigned(lua_State *L);
/* ---- lua_scan.c ---- */
/* What a source may not hold; NULL when it is fine, else words, and the line. */
const char *lqi_lua_scan(lq_span text, uint32_t *line);
/* ---- lua_row.c ---- */
/* Pushes the field's value in a row: a scalar, or a fresh table of an array. */
void lqi_row_push(lua_State *L, const lq_field *field, const uint8_t *row);
/* Reads the value at `index` into the row's field. Raises when it does not fit: `owner.field`. */
void lqi_row_take(lua_State *L, int index, const char *owner, const lq_field *field, uint8_t *row);
/* Fields of the table at `index` into a row that holds its defaults. */
void lqi_row_fill(lua_State *L, int index, const lq_record *record, uint8_t *row);
/* Raises "... : there are a, b, c". */
int lqi_lua_no_field(lua_State *L, const lq_record *record, const char *name);
/* ---- lua_shape.c ---- */
/* What lua->shape[type] says of tables with the metatable on top, which keeps the fields' names. */
void lqi_shape_make(lua_State *L, uint32_t type);
/* Two tables (lua_topointer), one at least of a component: all fields are the same whole numbers, a
 * whole number differs, or neither is sure. */
lqi_lua_same lqi_shape_same(lq_lua *lua, const void *a, const void *b);
/* ---- lua_entity.c ---- */
/* The component type that is named at `index`; raises with what there is. */
uint32_t lqi_type_named(lua_State *L, int index, const char *what);
int lqi_entity_create(lua_State *L); /* world:create */
void lqi_entity_open(lua_State *L);  /* metatables, before the image */
/* ---- lua_world.c ---- */
void lqi_world_open(lua_State *L);                    /* the tables of a game, before the image */
void lqi_world_begin(lua_State *L);                   /* of a call: pushes the world */
void lqi_entity_push(lua_State *L, lq_entity entity); /* nil when it is not alive */
bool lqi_entity_take(lua_State *L, int index, lq_entity *out); /* an entity, an id, nil */
void lqi_world_end(lua_State *L); /* what component tables hold goes onto the list of changes */
void lqi_world_command(lua_State *L, const lq_record *record); /* pushes the command */
/* ---- lua_state.c ---- */
void lqi_state_push(lua_State *L, lq_span bytes);
void lqi_state_write(lua_State *L, int index, lq_writer *out); /* raises */
/* ---- lua_load.c ---- */
void lqi_lua_open_load(lua_State *L); /* system, command, component: into the table on top */
uint64_t lqi_lua_types(lua_State *L, int index, const char *what);
void lqi_lua_bind(lua_State *L); /* the game's systems and handlers to what was declared; raises */
/* ---- lua_json.c ---- */
void lqi_json_text(lq_writer *out, const char *text, size_t bytes);
void lqi_lua_describe(lua_State *L, lq_writer *out);

/* Registry keys. */
enum {
  LQI_REG_GLOBALS = 100, /* what is behind every chunk's _ENV */
  LQI_REG_ENV,
  LQI_REG_SYSTEMS, /* list of functions */
  LQI_REG_STATES,  /* list of default states */
  LQI_REG_COMMANDS,
  LQI_REG_COMPONENTS, /* list of declarations */
  LQI_REG_WORLD,
  LQI_REG_ENTITY_META,
  LQI_REG_COMPONENT_META, /* list by type + 1 */
  LQI_REG_ROWS,           /* entity tables by handle */
  LQI_REG_QUERIES,        /* with -> without -> list */
  LQI_REG_TOUCHED,        /* component tables in the order of lq_lua.touched */
  LQI_REG_UPVALUES,       /* the function of each lq_lua.upvalue */
  LQI_REG_DECLARED,       /* list of the tables that system{...} got, while it loads */
};

#endif
