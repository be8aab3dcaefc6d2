/* Inside the Python runtime: the objects a guest touches, and what they share.
 *
 * Shape: a call's memory is looked at through Record objects (views of a row); they and Entity
 * objects carry the number of the call they belong to, so one that a guest kept is refused later
 * and no pointer into an old call is followed. Threads: one. */
#ifndef APPS_LQ_JAIL_PYTHON_PYTHON_INT_H
#define APPS_LQ_JAIL_PYTHON_PYTHON_INT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "apps/lq-jail/python/python.h"

/* A component or a command, and the class that Python has for it. */
typedef struct lqi_py_type {
  const lq_record *record;
  uint32_t index;    /* in the schema */
  PyTypeObject *cls; /* owned; NULL until it is bound */
  uint8_t *defaults; /* row_bytes of them; NULL for a command */
} lqi_py_type;

typedef struct lqi_py_record {
  PyObject_HEAD const lqi_py_type *type;
  uint8_t *data;   /* a value: its own; a view: in the call */
  uint64_t entity; /* whose component it is; 0: a value, or a command */
  uint64_t call;   /* lqi_py.call of a view, 0 of a value */
  bool own, fixed; /* data is ours to free; it must not be written */
} lqi_py_record;

#define LQI_PY_VIEWS 4u /* components of an entity at hand */
typedef struct lqi_py_entity {
  PyObject_HEAD uint64_t handle, call;
  uint32_t view_count;
  uint8_t view_type[LQI_PY_VIEWS];
  PyObject *view[LQI_PY_VIEWS]; /* owned */
} lqi_py_entity;

#define LQI_PY_QUERIES 32u
typedef struct lqi_py_query {
  uint64_t with, without;
  PyObject *rows; /* owned tuple of entities: membership does not change within a call */
} lqi_py_query;

typedef struct lqi_py_runtime {
  const lq_game *game;
  lq_guest_view *view; /* NULL between calls */
  uint64_t call;       /* number of this call, from 1 */
  PyObject *boot;      /* module lq_boot */
  PyObject *world, *constants;
  lqi_py_type component[LQ_COMPONENTS_MAX], command[LQ_COMMANDS_MAX];
  PyObject *refuse;             /* the class Refuse */
  PyObject *by_name, *by_class; /* dict: name, class -> index of a component */
  PyObject *event;              /* dict: name -> index */
  PyObject *system_self[LQ_SYSTEMS_MAX], *system_fn[LQ_SYSTEMS_MAX];
  bool system_state[LQ_SYSTEMS_MAX];
  PyObject *system_dict[LQ_SYSTEMS_MAX]; /* borrowed: what system_self has */
  PyObject *command_fn[LQ_COMMANDS_MAX];
  bool spoiled; /* what lives on between ticks was changed */
  uint32_t query_count, calls_since_sweep;
  lqi_py_query query[LQI_PY_QUERIES];
} lqi_py_runtime;
extern lqi_py_runtime lqi_py;

extern PyTypeObject lqi_py_record_type, lqi_py_field_type, lqi_py_array_type, lqi_py_entity_type,
    lqi_py_world_type;

/* Every function below that returns NULL, -1 or false has set a Python exception. */

/* ---- value.c: elements and Python's values ---- */
PyObject *lqi_py_value_get(const lq_field *field, const uint8_t *element);
/* what: "Position.x", for messages. An entity may be an Entity, an id, or None. */
bool lqi_py_value_put(const lq_field *field, PyObject *value, uint8_t *element, const char *what);
/* All elements of a field. */
bool lqi_py_field_put(const lq_field *field, PyObject *value, uint8_t *elements, const char *what);
/* "i32", "str(32)", "money(EUR)[2]". */
void lqi_py_field_text(const lq_field *field, char *out, size_t capacity);

/* ---- record.c, array.c ---- */
bool lqi_py_record_live(const lqi_py_record *self);
/* Writes `count` elements from `first` on where the record lies. */
bool lqi_py_record_set(lqi_py_record *self, uint32_t field, uint32_t first, uint32_t count,
                       const void *elements);
PyObject *lqi_py_record_view(const lqi_py_type *type, uint8_t *row, uint64_t entity, bool fixed);
/* A class's attributes of its fields. */
bool lqi_py_record_bind(lqi_py_type *type, PyObject *cls);
PyObject *lqi_py_array_of(lqi_py_record *row, uint32_t field);
extern PyMethodDef lqi_py_record_functions[]; /* fields(), bind(), fix() */

/* ---- entity.c, world.c ---- */
PyObject *lqi_py_entity_of(uint64_t handle);                /* None for null */
bool lqi_py_entity_handle(PyObject *value, lq_entity *out); /* an Entity of this call */
/* Index of a component's class, or of the class of a value. */
int lqi_py_component_of(PyObject *cls_or_value);
bool lqi_py_open(void);                /* in a call; else an exception */
PyObject *lqi_py_why(const char *why); /* raises it; NULL */
bool lqi_py_add(lq_entity entity, PyObject *component);
void lqi_py_queries_clear(void);

/* ---- math.c ---- */
extern PyMethodDef lqi_py_math_functions[];
/* ---- steady.c: steady(), seal(), say() ---- */
extern PyMethodDef lqi_py_steady_functions[];

/* ---- watch.c ---- */
#define LQI_PY_WATCH_CALLS 32u
/* Everything reachable from `roots` stays as it is now, but for the objects of the list `except`.
 */
bool lqi_py_watch(PyObject *roots, PyObject *except);
void lqi_py_unwatch(void);
/* What was changed, borrowed; NULL: nothing, or it is not this call's turn to look. */
PyObject *lqi_py_changed(void);
/* Modules and functions refuse assignment while something is watched. */
void lqi_py_doors(void);
bool lqi_py_shut(void);

/* ---- start.c: the interpreter, module _lq and lq_boot ---- */
bool lqi_py_start(void);
/* Words of the exception that is set, on stderr; clears it. */
void lqi_py_complain(const char *doing);

#endif
