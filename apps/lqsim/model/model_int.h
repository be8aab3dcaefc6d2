/* Inside the model: the session as plain arrays, and what the rules of a game are made of. */
#ifndef LQ_APPS_LQSIM_MODEL_MODEL_INT_H
#define LQ_APPS_LQSIM_MODEL_MODEL_INT_H

#include "apps/lqsim/model/model.h"

enum {
  LQI_VALUES = 4,        /* numbers of one thing */
  LQI_COMPONENTS = 8,    /* component types of a game that has a model */
  LQI_CONSTANTS = 8,     /* constants that its rules use */
  LQI_GUESTS = 8,        /* systems and handlers that guests run */
  LQI_EVENT_TEXTS = 2,   /* entities in one event */
  LQI_EVENTS_MAX = 4096, /* events of one tick: a system that needs one more fails the tick */
  LQI_QUIET_TICKS = 64,  /* a world in which nothing should happen is compared this often */
};

/* An entity: its place in the array is its row. */
typedef struct lqi_thing {
  bool lives;
  char id[LQ_ID_BYTES];
  uint16_t owner;
  uint32_t has; /* bit per component of the rules */
  int64_t value[LQI_VALUES];
} lqi_thing;

/* A command's id, with what became of it. */
typedef struct lqi_known {
  char id[LQ_CLIENT_ID_BYTES];
  uint64_t tick;
  lq_err outcome;
} lqi_known;

/* A player's slot; [0] is the host's. */
typedef struct lqi_seat {
  bool taken, connected;
  char id[LQ_ID_BYTES], team[LQ_ID_BYTES];
  uint32_t roles;
  uint64_t left_tick; /* not given again in this tick */
  uint64_t ids_total; /* command ids remembered: the newest at (ids_total - 1) % LQ_DEDUPE_IDS */
  lqi_known known[LQ_DEDUPE_IDS];
} lqi_seat;

typedef struct lqi_outcome {
  lq_err err;
  const char *reason; /* of a handler; NULL: none */
} lqi_outcome;

typedef struct lqi_expected {
  uint8_t event; /* index in the rules */
  uint16_t about_owner;
  char text[LQI_EVENT_TEXTS][LQ_ID_BYTES];
  int64_t number;
} lqi_expected;

/* A command as its fields. */
typedef struct lqi_order {
  const lq_record *record;
  const uint8_t *row;
  uint16_t slot;
} lqi_order;

typedef struct lqi_rule_field {
  const char *name;
  uint8_t value; /* index in lqi_thing.value */
} lqi_rule_field;
typedef struct lqi_rule_component {
  const char *name;
  uint32_t field_count;
  lqi_rule_field field[2];
} lqi_rule_component;
typedef struct lqi_rule_event {
  const char *name, *text[LQI_EVENT_TEXTS], *number; /* names of its fields; NULL: not so many */
} lqi_rule_event;

/* What a guest may run: a system, or the handler of a command. */
typedef struct lqi_rule_guest {
  const char *name; /* NULL: the end */
  bool command;
} lqi_rule_guest;

typedef struct lqi_rules {
  const char *game, *also;          /* also: another game of these rules, or NULL */
  lqi_rule_guest guest[LQI_GUESTS]; /* in a game that has guests */
  const lqi_rule_component *component;
  uint32_t component_count;
  const lqi_rule_event *event;
  uint32_t event_count;
  const char *const *constant; /* NULL-terminated; their values are in model.constant */
  uint32_t spawn;              /* components of a joining player's entity */
  void (*start)(model *m);
  /* After the player's entity was made; an error takes it back. */
  lqi_outcome (*join)(model *m, lqi_thing *player);
  /* What becomes of the entity of who has left. */
  void (*leave)(model *m, lqi_thing *player);
  lqi_outcome (*command)(model *m, const char *name, const lqi_order *order);
  /* False: a system found no room for its event, and the systems' part of the tick is undone. */
  bool (*systems)(model *m);
  int64_t (*money)(const model *m);
} lqi_rules;

struct model {
  const lqi_rules *rules;
  const lq_game *game;
  uint32_t type[LQI_COMPONENTS]; /* the component's index in the game's schema */
  uint32_t event[LQI_COMPONENTS];
  int64_t constant[LQI_CONSTANTS];

  uint64_t tick;
  uint64_t random[4];
  uint64_t player_next, thing_next; /* p<n>, e<n>: the highest number given, or so */
  uint32_t hz;
  bool ended;
  uint64_t collected;
  uint32_t strikes[LQI_GUESTS]; /* index in rules->guest */
  bool skip[LQI_GUESTS];        /* it failed in this tick */
  int64_t gone;                 /* money that left with its owner */

  lqi_thing *thing;
  uint32_t thing_max, thing_end; /* end: one above the highest that lives */
  lqi_seat *seat;
  uint32_t seat_max; /* slots 1..seat_max */
  uint32_t seat_count;

  /* This tick. */
  bool touched;
  uint32_t outcome_count, event_count;
  lqi_outcome *outcome;
  lqi_expected *expected;

  char *why;
  size_t why_bytes;
};

extern const lqi_rules lqi_hunt_rules, lqi_bank_rules;

/* ---- model.c ---- */
/* Writes why; always false. */
bool lqi_bad(model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint32_t lqi_thing_row(const model *m, lq_span id); /* UINT32_MAX: no such thing */
lqi_thing *lqi_thing_find(model *m, lq_span id);    /* NULL: no such thing */
/* In the lowest free row; NULL: all are taken. id NULL: "e1", "e2" ..., past those in use. */
lqi_thing *lqi_thing_make(model *m, const char *id, uint16_t owner, uint32_t has);
void lqi_thing_remove(model *m, lqi_thing *thing);
uint32_t lqi_random(model *m, uint32_t bound);
/* An event about `about` (NULL: nobody). */
lqi_expected *lqi_expect(model *m, uint8_t event, const lqi_thing *about, int64_t number);
/* A field of an order; NULL: it names nobody. */
lqi_thing *lqi_order_thing(model *m, const lqi_order *order, const char *field);
int64_t lqi_order_number(const lqi_order *order, const char *field, uint32_t index);
/* Finds the rules' components, events and constants in the game. */
bool lqi_bind(model *m, const lq_game *game);

/* Index in rules->guest; LQI_GUESTS: the game has no such guest. */
uint32_t lqi_guest_of(const model *m, const char *name, bool command);
/* A guest that does not run in this tick: it failed in it, or is suspended. */
bool lqi_left_out(const model *m, const char *name, bool command);

/* ---- model_session.c ---- */
bool lqi_commands_tell(model *m, const lq_tick_result *result);
bool lqi_ids_remember(model *m, lq_session *session, const lq_tick_result *result);

/* ---- model_compare.c ---- */
bool lqi_compare_events(model *m, const lq_tick_result *result);
bool lqi_compare_world(model *m, lq_session *session);
bool lqi_compare_players(model *m, lq_session *session);

#endif
