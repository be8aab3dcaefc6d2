/* game.yaml as a tree of places and texts, and how to complain about one of them.
 *
 * Shape: the text is turned into nodes once (yaml_tree.c); keys are unique and found by hash; the
 * readers above it (yaml_game.c, yaml_record.c, yaml_scene.c) take the tree apart. Everything of
 * the tree lives in one lazily taken block that is given back at the end of lq_game_yaml_read.
 * Limits: LQI_YAML_NODES_MAX nodes, LQI_YAML_DEPTH_MAX levels; anchors, aliases, tags, directives
 * and further documents are refused, so nothing can grow beyond the text. */
#ifndef LQ_SERVICE_RELEASE_YAML_INT_H
#define LQ_SERVICE_RELEASE_YAML_INT_H

#include "lq_service/release/release.h"

#define LQI_YAML_NODES_MAX (1u << 19) /* a full scene: 65,536 entities of seven nodes */
#define LQI_YAML_BLANK_MAX 100u       /* lines in a row: libfyaml's time grows with their square */
#define LQI_YAML_OPEN_MAX                                                                          \
  64u /* brackets open at once, wherever they stand: libfyaml keeps 350 bytes for each */
#define LQI_YAML_DEPTH_MAX 8u /* the deepest legal place: commands/name/fields/field/type */

typedef struct lqi_place {
  uint32_t line, column; /* from 1; 0: not known (a guest's place) */
} lqi_place;

typedef enum lqi_yaml_kind { LQI_YAML_TEXT = 1, LQI_YAML_MAP, LQI_YAML_LIST } lqi_yaml_kind;

typedef struct lqi_yaml {
  lqi_yaml_kind kind;
  bool plain;     /* TEXT without quotes: may be a number, a bool or nothing */
  uint32_t count; /* children */
  uint32_t index; /* place among its siblings */
  lqi_place at;   /* of the value */
  lqi_place key_at;
  lq_span key;  /* inside a map */
  lq_span text; /* TEXT; NUL-terminated behind its end */
  struct lqi_yaml *parent, *first, *last, *next;
} lqi_yaml;

typedef struct lqi_reader {
  const char *file; /* for messages */
  lq_diag *diag;
  lq_span source;  /* the whole text */
  lq_arena tree;   /* nodes, texts, the table of keys */
  lqi_yaml **slot; /* keys by (map, text), open addressing */
  uint32_t slot_mask;
  uint32_t node_count;
  lqi_yaml *root;
  lq_arena *arena; /* the game */
  lq_game *game;
  const lqi_yaml *scene; /* entity values name its keys; NULL without a scene */
  /* What the guests say; NULL: the text alone is read, and systems and commands stay unresolved,
   * which is LQ_GUEST_NATIVE. */
  const struct lqi_described *described;
  lq_component *component; /* of the game, writable */
  lq_command_type *command;
  int32_t physics_order; /* of the engine's system, in a game with physics */
} lqi_reader;

/* Sets the diag: "file:line:column: " and the message; mend may be NULL (the error's own). */
lq_err lqi_fail(lqi_reader *r, lqi_place at, lq_err code, const char *mend, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* What was found, for a message: 'text', "a map", "a list", "nothing". Cut to fit. */
typedef struct lqi_shown {
  char text[56];
} lqi_shown;
lqi_shown lqi_show(const lqi_yaml *node);
lqi_shown lqi_show_text(lq_span text);
/* "; did you mean 'x'?" or "". Offer candidates one by one. */
typedef struct lqi_guess {
  lq_span word;
  uint32_t distance; /* of the best so far */
  lq_span best;
} lqi_guess;
lqi_guess lqi_guess_of(lq_span word);
void lqi_guess_offer(lqi_guess *guess, lq_span candidate);
lqi_shown lqi_guess_text(const lqi_guess *guess);

/* ---- the tree ---- */
LQ_MUST lq_err lqi_yaml_parse(lqi_reader *r, lq_span text);
/* The value of a key, or NULL. Constant time. */
lqi_yaml *lqi_yaml_get(const lqi_reader *r, const lqi_yaml *map, lq_span key);
/* Nothing stands there: an empty plain text, ~ or null. */
bool lqi_yaml_nothing(const lqi_yaml *node);
/* A map (or nothing, which is an empty one) is here; what: "components". */
LQ_MUST lq_err lqi_want_map(lqi_reader *r, const lqi_yaml *node, const char *what);
LQ_MUST lq_err lqi_want_list(lqi_reader *r, const lqi_yaml *node, const char *what);
LQ_MUST lq_err lqi_want_text(lqi_reader *r, const lqi_yaml *node, const char *what);
/* Takes a map with fixed keys apart: out[i] is the value of names[i] or NULL; unknown keys are
 * refused with a guess. names ends with NULL. */
LQ_MUST lq_err lqi_want_keys(lqi_reader *r, const lqi_yaml *map, const char *what,
                             const char *const *names, const lqi_yaml **out);
LQ_MUST lq_err lqi_want_i64(lqi_reader *r, const lqi_yaml *node, const char *what, int64_t min,
                            int64_t max, int64_t *out);
LQ_MUST lq_err lqi_want_bool(lqi_reader *r, const lqi_yaml *node, const char *what, bool *out);
/* Copies a text that must be a name of the engine ([A-Za-z_][A-Za-z0-9_]*). */
LQ_MUST lq_err lqi_want_name(lqi_reader *r, lq_span text, lqi_place at, const char *what,
                             char out[LQ_NAME_BYTES]);
/* Room in the game's arena, or a failure about the whole file. */
LQ_MUST lq_err lqi_take(lqi_reader *r, size_t count, size_t size, void *out_pointer);

/* ---- records ---- */
/* "i32", "str(32)", "money(EUR)", "i32[3]", "str(16)[4]": kind, count, size, currency. */
LQ_MUST lq_err lqi_read_type(lqi_reader *r, const lqi_yaml *node, lq_field *field);
/* fields: into record (name set before), laid out. defaults: NULL where a default is not allowed.
 */
LQ_MUST lq_err lqi_read_fields(lqi_reader *r, const lqi_yaml *fields, lqi_place owner_at,
                               lq_record *record, uint8_t *defaults);
/* A map of field values over a row that holds the defaults already. */
LQ_MUST lq_err lqi_read_row(lqi_reader *r, const lqi_yaml *values, const lq_record *record,
                            uint8_t *row);
/* One value into its field of the row. */
LQ_MUST lq_err lqi_read_value(lqi_reader *r, const lqi_yaml *node, const lq_field *field,
                              uint8_t *row);
/* see: of components and events. */
LQ_MUST lq_err lqi_read_see(lqi_reader *r, const lqi_yaml *node, lq_visibility *out);
/* [role, ...] to a mask. */
LQ_MUST lq_err lqi_read_roles(lqi_reader *r, const lqi_yaml *list, const char *what,
                              uint32_t *mask);

/* ---- entities and migration: need the components read ---- */
LQ_MUST lq_err lqi_read_players(lqi_reader *r, const lqi_yaml *node);
LQ_MUST lq_err lqi_read_scene(lqi_reader *r, const lqi_yaml *node);
LQ_MUST lq_err lqi_read_migrate(lqi_reader *r, const lqi_yaml *node);
/* Index of a component by name, or a failure with a guess. */
LQ_MUST lq_err lqi_component(lqi_reader *r, lq_span name, lqi_place at, uint32_t *out);

/* ---- physics: without it nothing of this is found or added ---- */
LQ_MUST lq_err lqi_read_physics(lqi_reader *r, const lqi_yaml *node);
/* The engine's component, or the fields of its event, of that name. */
bool lqi_yaml_physics_component(const lqi_reader *r, lq_span name, lq_component *out);
bool lqi_yaml_physics_event(const lqi_reader *r, lq_span name, lq_record *out);
/* Adds the components that game.yaml does not name, but for those that it must name to have. */
LQ_MUST lq_err lqi_yaml_physics_components(lqi_reader *r);
lq_system_type lqi_yaml_physics_system(const lqi_reader *r);
/* "static", "box": a kind by its word; false: it is none. */
bool lqi_yaml_physics_word(const lqi_reader *r, const lq_record *record, const lq_field *field,
                           const lqi_yaml *node, uint8_t *row);
/* The id of a shape in assets/ by its name. *err: LQ_ERR_NOT_FOUND; false: no name. */
bool lqi_yaml_physics_asset(lqi_reader *r, const lq_record *record, const lq_field *field,
                            const lqi_yaml *node, uint8_t *row, lq_err *err);

/* ---- guests: r->described is there ---- */
/* Components that guests declare: added behind those of game.yaml, or found to agree. */
LQ_MUST lq_err lqi_merge_components(lqi_reader *r, const lqi_yaml *components);
/* Who runs the system of this name, and what it sees; its order where game.yaml has none. */
LQ_MUST lq_err lqi_merge_system(lqi_reader *r, const lqi_yaml *name, lq_system_type *system,
                                bool has_order);
LQ_MUST lq_err lqi_merge_systems_listed(lqi_reader *r);
/* Who handles which command. */
LQ_MUST lq_err lqi_merge_commands(lqi_reader *r, const lqi_yaml *commands);

#endif
