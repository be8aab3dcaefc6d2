/* The world as a guest sees it: queries, changes, events, commands, random numbers. */
#include "apps/lq-jail/python/python_int.h"

bool lqi_py_open(void) {
  if (lqi_py.view) return true;
  PyErr_SetString(PyExc_RuntimeError,
                  "the world is there only while process() or a command's function runs");
  return false;
}

PyObject *lqi_py_why(const char *why) {
  PyErr_SetString(PyExc_RuntimeError, why ? why : "the engine refused this change");
  return NULL;
}

int lqi_py_component_of(PyObject *value) {
  PyObject *cls = PyType_Check(value) ? value : (PyObject *)Py_TYPE(value);
  PyObject *index = PyDict_GetItemWithError(lqi_py.by_class, cls);
  if (index) return (int)PyLong_AsLong(index);
  if (!PyErr_Occurred())
    PyErr_Format(PyExc_TypeError,
                 "this takes component classes (class Position(Component)), not %R", value);
  return -1;
}

bool lqi_py_add(lq_entity entity, PyObject *component) {
  int type = lqi_py_component_of(component);
  if (type < 0) return false;
  const void *row = lqi_py.component[type].defaults;
  if (!PyType_Check(component)) {
    const lqi_py_record *value = (const lqi_py_record *)(const void *)component;
    if (!lqi_py_record_live(value)) return false;
    row = value->data;
  }
  const char *why = NULL;
  if (lq_guest_add(lqi_py.view, entity, (uint32_t)type, row, &why)) return true;
  lqi_py_why(why);
  return false;
}

/* ---- queries ---- */

void lqi_py_queries_clear(void) {
  for (uint32_t i = 0; i < lqi_py.query_count; i++) Py_CLEAR(lqi_py.query[i].rows);
  lqi_py.query_count = 0;
}

static PyObject *rows_of(uint64_t with, uint64_t without) {
  PyObject *list = PyList_New(0);
  uint32_t row = 0;
  while (list && (row = lq_guest_next(lqi_py.view, with, without, row)) != UINT32_MAX) {
    PyObject *entity = lqi_py_entity_of(lq_guest_handle(lqi_py.view, row).bits);
    if (!entity || PyList_Append(list, entity) < 0) Py_CLEAR(list);
    Py_XDECREF(entity);
    row++;
  }
  PyObject *rows = list ? PyList_AsTuple(list) : NULL;
  Py_XDECREF(list);
  return rows;
}

static PyObject *query(uint64_t with, uint64_t without) {
  for (uint32_t i = 0; i < lqi_py.query_count; i++)
    if (lqi_py.query[i].with == with && lqi_py.query[i].without == without)
      return Py_NewRef(lqi_py.query[i].rows);
  PyObject *rows = rows_of(with, without);
  if (rows && lqi_py.query_count < LQI_PY_QUERIES)
    lqi_py.query[lqi_py.query_count++] = (lqi_py_query){with, without, Py_NewRef(rows)};
  return rows;
}

static bool mask_add(PyObject *cls, uint64_t *mask) {
  int type = PyType_Check(cls) ? lqi_py_component_of(cls) : -1;
  if (type < 0) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_TypeError, "a query takes component classes, not %R", cls);
    return false;
  }
  if (!lqi_py.view->column_of[type]) {
    PyErr_Format(PyExc_RuntimeError, "%s is not in this system's reads: add it there",
                 lqi_py.game->schema.component[type].record.name);
    return false;
  }
  *mask |= 1ull << type;
  return true;
}

static PyObject *with_components(PyObject *self, PyObject *const *args, Py_ssize_t count,
                                 PyObject *names) {
  (void)self;
  uint64_t with = 0, without = 0;
  if (!lqi_py_open()) return NULL;
  for (Py_ssize_t i = 0; i < count; i++)
    if (!mask_add(args[i], &with)) return NULL;
  if (!names) return query(with, 0);
  if (PyTuple_GET_SIZE(names) != 1 ||
      PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "without") != 0)
    return PyErr_Format(PyExc_TypeError, "with_components takes classes and without=(...), not %R",
                        names);
  PyObject *list =
      PyType_Check(args[count]) ? PyTuple_Pack(1, args[count]) : PySequence_Tuple(args[count]);
  bool ok = list != NULL;
  for (Py_ssize_t i = 0; ok && i < PyTuple_GET_SIZE(list); i++)
    ok = mask_add(PyTuple_GET_ITEM(list, i), &without);
  Py_XDECREF(list);
  return ok ? query(with, without) : NULL;
}

static PyObject *find(PyObject *self, PyObject *arg) {
  (void)self;
  Py_ssize_t bytes;
  const char *id = PyUnicode_AsUTF8AndSize(arg, &bytes);
  if (!id || !lqi_py_open()) return NULL;
  if (bytes == 0) Py_RETURN_NONE;
  return lqi_py_entity_of(lq_guest_find(lqi_py.view, lq_span_of(id, (size_t)bytes)).bits);
}

/* ---- changes ---- */

static PyObject *create_entity(PyObject *self, PyObject *args, PyObject *kwargs) {
  (void)self;
  static char empty[] = "", name_id[] = "id", name_owner[] = "owner";
  static char *names[] = {name_id, name_owner, NULL};
  const char *id = NULL, *why = NULL;
  Py_ssize_t bytes = 0;
  int owner = 0;
  PyObject *none = PyTuple_New(0);
  bool parsed = none && PyArg_ParseTupleAndKeywords(none, kwargs, "|$z#i:create_entity", names, &id,
                                                    &bytes, &owner);
  Py_XDECREF(none);
  if (!parsed || !lqi_py_open()) return NULL;
  if (owner < 0 || owner > UINT16_MAX)
    return PyErr_Format(PyExc_ValueError, "owner is a player's slot or 0, not %d", owner);
  lq_entity entity;
  lq_span span = lq_span_of(id ? id : empty, (size_t)bytes);
  if (!lq_guest_create(lqi_py.view, span, (uint16_t)owner, &entity, &why)) return lqi_py_why(why);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++)
    if (!lqi_py_add(entity, PyTuple_GET_ITEM(args, i))) return NULL;
  return lqi_py_entity_of(entity.bits);
}

static PyObject *delete_entity(PyObject *self, PyObject *arg) {
  (void)self;
  lq_entity entity;
  const char *why = NULL;
  if (!lqi_py_entity_handle(arg, &entity)) return NULL;
  if (!lq_guest_delete(lqi_py.view, entity, &why)) return lqi_py_why(why);
  Py_RETURN_NONE;
}

static PyObject *say_list(const char *what, PyObject *name, PyObject *list) {
  if (list) PyErr_Format(PyExc_LookupError, "%s has no %R; there are: %R", what, name, list);
  Py_XDECREF(list);
  return NULL;
}

static PyObject *say_names(const char *what, PyObject *name, const lq_record *record) {
  PyObject *list = record ? PyList_New(0) : PySequence_List(lqi_py.event);
  for (uint32_t i = 0; list && record && i < record->field_count; i++) {
    PyObject *field = PyUnicode_FromString(record->field[i].name);
    if (!field || PyList_Append(list, field) < 0) Py_CLEAR(list);
    Py_XDECREF(field);
  }
  return say_list(what, name, list);
}

static PyObject *say_commands(PyObject *name) {
  PyObject *list = PyList_New(0);
  for (uint32_t i = LQ_CMD_BUILTIN_COUNT; list && i < lqi_py.game->command_count; i++) {
    PyObject *one = PyUnicode_FromString(lqi_py.game->command[i].record.name);
    if (!one || PyList_Append(list, one) < 0) Py_CLEAR(list);
    Py_XDECREF(one);
  }
  return say_list("the game", name, list);
}

static bool record_fill(const lq_record *record, PyObject *dict, uint8_t *row) {
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(dict, &at, &key, &value)) {
    const char *name = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;
    const lq_field *field = name ? lq_record_field(record, lq_span_text(name)) : NULL;
    if (!field) {
      if (!PyErr_Occurred()) say_names(record->name, key, record);
      return false;
    }
    char what[2 * LQ_NAME_BYTES];
    snprintf(what, sizeof what, "%s.%s", record->name, field->name);
    if (!lqi_py_field_put(field, value, row + field->offset, what)) return false;
  }
  return true;
}

static PyObject *emit(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  (void)self;
  if (count < 1 || count > 2 || !PyUnicode_Check(args[0]) || (count == 2 && !PyDict_Check(args[1])))
    return PyErr_Format(PyExc_TypeError, "emit takes an event's name and a dict of its fields");
  if (!lqi_py_open()) return NULL;
  PyObject *index = PyDict_GetItemWithError(lqi_py.event, args[0]);
  if (!index) return PyErr_Occurred() ? NULL : say_names("the game", args[0], NULL);
  uint32_t event = (uint32_t)PyLong_AsUnsignedLong(index);
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX] = {0};
  const char *why = NULL;
  if (count == 2 && !record_fill(&lqi_py.game->event[event].record, args[1], row)) return NULL;
  if (!lq_guest_emit(lqi_py.view, event, row, &why)) return lqi_py_why(why);
  Py_RETURN_NONE;
}

static PyObject *command(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  (void)self;
  if (count < 1 || count > 2 || !PyUnicode_Check(args[0]) || (count == 2 && !PyDict_Check(args[1])))
    return PyErr_Format(PyExc_TypeError, "command takes a command's name and a dict of its fields");
  if (!lqi_py_open()) return NULL;
  Py_ssize_t bytes;
  const char *name = PyUnicode_AsUTF8AndSize(args[0], &bytes), *why = NULL;
  if (!name) return NULL;
  uint32_t type = lq_game_command_find(lqi_py.game, lq_span_of(name, (size_t)bytes));
  if (type == UINT32_MAX) return say_commands(args[0]);
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX] = {0};
  if (count == 2 && !record_fill(&lqi_py.game->command[type].record, args[1], row)) return NULL;
  if (!lq_guest_send(lqi_py.view, type, row, &why)) return lqi_py_why(why);
  Py_RETURN_NONE;
}

static PyObject *draw(PyObject *self, PyObject *arg) {
  (void)self;
  long long bound = PyLong_AsLongLong(arg);
  if ((bound == -1 && PyErr_Occurred()) || !lqi_py_open()) return NULL;
  if (bound < 1 || bound > UINT32_MAX)
    return PyErr_Format(PyExc_ValueError, "random(bound) takes 1 to 4294967295, not %lld", bound);
  return PyLong_FromUnsignedLong(lq_guest_random(lqi_py.view, (uint32_t)bound));
}

static PyObject *wake_at(PyObject *self, PyObject *arg) {
  (void)self;
  unsigned long long tick = PyLong_AsUnsignedLongLong(arg);
  if ((tick == (unsigned long long)-1 && PyErr_Occurred()) || !lqi_py_open()) return NULL;
  lq_guest_wake(lqi_py.view, tick);
  Py_RETURN_NONE;
}

static PyObject *world_tick(PyObject *self, void *closure) {
  (void)self;
  (void)closure;
  return lqi_py_open() ? PyLong_FromUnsignedLongLong(lqi_py.view->head->tick) : NULL;
}

static PyObject *world_constants(PyObject *self, void *closure) {
  (void)self;
  (void)closure;
  return Py_NewRef(lqi_py.constants);
}

static PyMethodDef world_methods[] = {
    {"with_components", _PyCFunction_CAST(with_components), METH_FASTCALL | METH_KEYWORDS, NULL},
    {"find", find, METH_O, NULL},
    {"create_entity", _PyCFunction_CAST(create_entity), METH_VARARGS | METH_KEYWORDS, NULL},
    {"delete_entity", delete_entity, METH_O, NULL},
    {"emit", _PyCFunction_CAST(emit), METH_FASTCALL, NULL},
    {"command", _PyCFunction_CAST(command), METH_FASTCALL, NULL},
    {"random", draw, METH_O, NULL},
    {"wake_at", wake_at, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef world_attributes[] = {
    {"tick", world_tick, NULL, NULL, NULL},
    {"constants", world_constants, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject lqi_py_world_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lq_engine.ecs.World",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = world_methods,
    .tp_getset = world_attributes,
};
