/* lq_engine.ecs.Component's base: the row of a component or a command, its own or a live view. */
#include "apps/lq-jail/python/python_int.h"

#include <structmember.h>

bool lqi_py_record_live(const lqi_py_record *self) {
  if (self->own || (lqi_py.view && self->call == lqi_py.call)) return true;
  PyErr_Format(PyExc_RuntimeError,
               "this %s belongs to an earlier tick: ask the world for it again, or keep its values "
               "in state",
               self->type->record->name);
  return false;
}

static bool writable(const lqi_py_record *self) {
  if (!lqi_py_record_live(self)) return false;
  if (!self->fixed) return true;
  if (self->own)
    PyErr_Format(PyExc_RuntimeError,
                 "this %s was made when the file was loaded and is fixed: a system may keep things "
                 "between ticks only in components and in its state",
                 self->type->record->name);
  else
    PyErr_SetString(PyExc_RuntimeError, "a command cannot be changed: change components");
  return false;
}

bool lqi_py_record_set(lqi_py_record *self, uint32_t field, uint32_t first, uint32_t count,
                       const void *elements) {
  if (!writable(self)) return false;
  const lq_field *f = &self->type->record->field[field];
  size_t bytes = lq_field_bytes(f);
  if (self->own) {
    memcpy(self->data + f->offset + first * bytes, elements, count * bytes);
    return true;
  }
  const char *why = NULL;
  lq_entity entity = {self->entity};
  if (lq_guest_set(lqi_py.view, entity, self->type->index, field, first, count, elements, &why))
    return true;
  if (!(lqi_py.view->writes >> self->type->index & 1))
    PyErr_Format(PyExc_RuntimeError, "%s is not in this system's writes: add it there",
                 self->type->record->name);
  else
    lqi_py_why(why);
  return false;
}

/* ---- one field: a data descriptor of the class ---- */

typedef struct lqi_py_field {
  PyObject_HEAD const lqi_py_type *type;
  uint32_t index;
} lqi_py_field;

static lqi_py_record *record_of(const lqi_py_field *self, PyObject *object) {
  if (PyObject_TypeCheck(object, &lqi_py_record_type)) {
    lqi_py_record *row = (lqi_py_record *)(void *)object;
    if (row->type == self->type) return row;
  }
  PyErr_Format(PyExc_TypeError, "a field of %s, asked of %R", self->type->record->name, object);
  return NULL;
}

static PyObject *field_get(PyObject *object, PyObject *instance, PyObject *owner) {
  (void)owner;
  const lqi_py_field *self = (const lqi_py_field *)(const void *)object;
  if (!instance) return Py_NewRef(object);
  lqi_py_record *row = record_of(self, instance);
  if (!row || !lqi_py_record_live(row)) return NULL;
  const lq_field *field = &self->type->record->field[self->index];
  if (field->count > 1) return lqi_py_array_of(row, self->index);
  return lqi_py_value_get(field, row->data + field->offset);
}

static int field_set(PyObject *object, PyObject *instance, PyObject *value) {
  const lqi_py_field *self = (const lqi_py_field *)(const void *)object;
  lqi_py_record *row = record_of(self, instance);
  if (!row) return -1;
  const lq_field *field = &self->type->record->field[self->index];
  char what[2 * LQ_NAME_BYTES];
  snprintf(what, sizeof what, "%s.%s", self->type->record->name, field->name);
  if (!value) {
    PyErr_Format(PyExc_AttributeError, "%s cannot be deleted: remove the component", what);
    return -1;
  }
  _Alignas(8) uint8_t elements[LQ_ROW_BYTES_MAX] = {0};
  if (!lqi_py_field_put(field, value, elements, what)) return -1;
  return lqi_py_record_set(row, self->index, 0, field->count, elements) ? 0 : -1;
}

PyTypeObject lqi_py_field_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lq_engine.ecs.Field",
    .tp_basicsize = sizeof(lqi_py_field),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_descr_get = field_get,
    .tp_descr_set = field_set,
};

/* ---- the row ---- */

static const lqi_py_type *type_of_class(PyTypeObject *cls) {
  PyObject *index = PyDict_GetItemWithError(lqi_py.by_class, (PyObject *)cls);
  if (index) return &lqi_py.component[PyLong_AsUnsignedLong(index)];
  if (!PyErr_Occurred())
    PyErr_Format(PyExc_TypeError, "%s cannot be made: it is no component of this game",
                 cls->tp_name);
  return NULL;
}

static PyObject *record_new(PyTypeObject *cls, PyObject *args, PyObject *kwargs) {
  (void)args;
  (void)kwargs;
  const lqi_py_type *type = type_of_class(cls);
  if (!type) return NULL;
  size_t bytes = type->record->row_bytes;
  lqi_py_record *self = (lqi_py_record *)(void *)cls->tp_alloc(cls, 0);
  if (!self) return NULL;
  self->type = type;
  self->own = true;
  self->data = PyMem_Calloc(1, bytes ? bytes : 1);
  if (!self->data) {
    Py_DECREF(self);
    return PyErr_NoMemory();
  }
  if (bytes) memcpy(self->data, type->defaults, bytes);
  return (PyObject *)self;
}

static bool put_named(lqi_py_record *self, uint32_t index, PyObject *value) {
  const lq_field *field = &self->type->record->field[index];
  char what[2 * LQ_NAME_BYTES];
  snprintf(what, sizeof what, "%s.%s", self->type->record->name, field->name);
  return lqi_py_field_put(field, value, self->data + field->offset, what);
}

static int record_init(PyObject *object, PyObject *args, PyObject *kwargs) {
  lqi_py_record *self = (lqi_py_record *)(void *)object;
  const lq_record *record = self->type->record;
  Py_ssize_t given = PyTuple_GET_SIZE(args);
  if (given > record->field_count) {
    PyErr_Format(PyExc_TypeError, "%s has %d fields, %zd values were given", record->name,
                 record->field_count, given);
    return -1;
  }
  for (Py_ssize_t i = 0; i < given; i++)
    if (!put_named(self, (uint32_t)i, PyTuple_GET_ITEM(args, i))) return -1;
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (kwargs && PyDict_Next(kwargs, &at, &key, &value)) {
    const char *name = PyUnicode_AsUTF8(key);
    if (!name) return -1;
    const lq_field *field = lq_record_field(record, lq_span_text(name));
    if (!field) {
      PyErr_Format(PyExc_TypeError, "%s has no field '%s'", record->name, name);
      return -1;
    }
    if (!put_named(self, (uint32_t)(field - record->field), value)) return -1;
  }
  return 0;
}

PyObject *lqi_py_record_view(const lqi_py_type *type, uint8_t *row, uint64_t entity, bool fixed) {
  lqi_py_record *self = (lqi_py_record *)(void *)type->cls->tp_alloc(type->cls, 0);
  if (!self) return NULL;
  self->type = type;
  self->data = row;
  self->entity = entity;
  self->call = lqi_py.call;
  self->fixed = fixed;
  return (PyObject *)self;
}

static void record_free(PyObject *object) {
  lqi_py_record *self = (lqi_py_record *)(void *)object;
  if (self->own) PyMem_Free(self->data);
  Py_TYPE(object)->tp_free(object);
}

static bool same(const lqi_py_record *a, const lqi_py_record *b) {
  const lq_record *record = a->type->record;
  for (uint32_t i = 0; i < record->field_count; i++) {
    const lq_field *field = &record->field[i];
    size_t bytes = (size_t)lq_field_bytes(field) * field->count;
    const uint8_t *x = a->data + field->offset, *y = b->data + field->offset;
    if (field->kind != LQ_FIELD_F32) {
      if (memcmp(x, y, bytes) != 0) return false;
      continue;
    }
    for (size_t at = 0; at < bytes; at += sizeof(float)) { /* -0 is 0, NaN is nothing */
      float p, q;
      memcpy(&p, x + at, sizeof p);
      memcpy(&q, y + at, sizeof q);
      if (!(p == q)) return false;
    }
  }
  return true;
}

static PyObject *record_compare(PyObject *left, PyObject *right, int op) {
  if ((op != Py_EQ && op != Py_NE) || !PyObject_TypeCheck(right, &lqi_py_record_type))
    Py_RETURN_NOTIMPLEMENTED;
  const lqi_py_record *a = (const lqi_py_record *)(const void *)left;
  const lqi_py_record *b = (const lqi_py_record *)(const void *)right;
  if (a->type != b->type) Py_RETURN_NOTIMPLEMENTED;
  if (!lqi_py_record_live(a) || !lqi_py_record_live(b)) return NULL;
  bool equal = a->type->record->plain ? memcmp(a->data, b->data, a->type->record->row_bytes) == 0
                                      : same(a, b);
  return PyBool_FromLong(equal == (op == Py_EQ));
}

/* By value, so that no order rests on an address. */
static Py_hash_t record_hash(PyObject *object) {
  const lqi_py_record *self = (const lqi_py_record *)(const void *)object;
  if (!lqi_py_record_live(self)) return -1;
  uint64_t hash = 0xcbf29ce484222325ull ^ self->type->index;
  for (uint32_t i = 0; i < self->type->record->row_bytes; i++)
    hash = (hash ^ self->data[i]) * 0x100000001b3ull;
  Py_hash_t out = (Py_hash_t)hash;
  return out == -1 ? -2 : out;
}

static PyObject *record_repr(PyObject *object) {
  const lqi_py_record *self = (const lqi_py_record *)(const void *)object;
  const lq_record *record = self->type->record;
  PyObject *text = PyUnicode_FromFormat("%s(", record->name);
  for (uint32_t i = 0; text && i < record->field_count; i++) {
    PyObject *value = PyObject_GetAttrString(object, record->field[i].name);
    PyObject *part =
        value ? PyUnicode_FromFormat("%s%s=%R", i ? ", " : "", record->field[i].name, value) : NULL;
    Py_XDECREF(value);
    if (!part) Py_CLEAR(text);
    if (text) PyUnicode_AppendAndDel(&text, part);
  }
  if (text) PyUnicode_AppendAndDel(&text, PyUnicode_FromString(")"));
  return text;
}

static PyObject *names_of(const lq_record *record) {
  PyObject *text = PyUnicode_FromString(record->field_count ? "" : "none");
  for (uint32_t i = 0; text && i < record->field_count; i++)
    PyUnicode_AppendAndDel(&text,
                           PyUnicode_FromFormat("%s%s", i ? ", " : "", record->field[i].name));
  return text;
}

/* Fields that are not there: which there are. */
static void say_fields(const lqi_py_record *self, PyObject *name) {
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return;
  PyErr_Clear();
  PyObject *names = names_of(self->type->record);
  if (names)
    PyErr_Format(PyExc_AttributeError, "%s has no field '%U'; its fields: %U",
                 self->type->record->name, name, names);
  Py_XDECREF(names);
}

static PyObject *record_getattro(PyObject *object, PyObject *name) {
  PyObject *value = PyObject_GenericGetAttr(object, name);
  if (!value) say_fields((const lqi_py_record *)(const void *)object, name);
  return value;
}

static int record_setattro(PyObject *object, PyObject *name, PyObject *value) {
  const lqi_py_record *self = (const lqi_py_record *)(const void *)object;
  const char *text = PyUnicode_AsUTF8(name);
  if (!text) return -1;
  int rc = PyObject_GenericSetAttr(object, name, value);
  if (rc < 0 && !lq_record_field(self->type->record, lq_span_text(text))) say_fields(self, name);
  return rc;
}

PyTypeObject lqi_py_record_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lq_engine.ecs.Record",
    .tp_basicsize = sizeof(lqi_py_record),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_new = record_new,
    .tp_init = record_init,
    .tp_dealloc = record_free,
    .tp_richcompare = record_compare,
    .tp_hash = record_hash,
    .tp_repr = record_repr,
    .tp_getattro = record_getattro,
    .tp_setattro = record_setattro,
};

/* ---- binding a class to a component or a command ---- */

bool lqi_py_record_bind(lqi_py_type *type, PyObject *cls) {
  for (uint32_t i = 0; i < type->record->field_count; i++) {
    lqi_py_field *field = PyObject_New(lqi_py_field, &lqi_py_field_type);
    if (!field) return false;
    field->type = type;
    field->index = i;
    int rc = PyObject_SetAttrString(cls, type->record->field[i].name, (PyObject *)field);
    Py_DECREF(field);
    if (rc < 0) return false;
  }
  Py_XSETREF(type->cls, (PyTypeObject *)(void *)Py_NewRef(cls));
  return true;
}

static PyObject *record_fields(const lq_record *record) {
  PyObject *list = PyList_New(0);
  for (uint32_t i = 0; list && i < record->field_count; i++) {
    char text[32];
    lqi_py_field_text(&record->field[i], text, sizeof text);
    PyObject *pair = Py_BuildValue("(ss)", record->field[i].name, text);
    if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
    Py_XDECREF(pair);
  }
  return list;
}

/* described("component" | "command" | "event") -> [(name, [(field, type)])], as in the game. */
static PyObject *described(PyObject *module, PyObject *arg) {
  (void)module;
  const char *what = PyUnicode_AsUTF8(arg);
  if (!what) return NULL;
  bool component = strcmp(what, "component") == 0, event = strcmp(what, "event") == 0;
  uint32_t count = component ? lqi_py.game->schema.component_count
                   : event   ? lqi_py.game->event_count
                             : lqi_py.game->command_count;
  PyObject *list = PyList_New(0);
  for (uint32_t i = 0; list && i < count; i++) {
    const lq_record *record = component ? &lqi_py.game->schema.component[i].record
                              : event   ? &lqi_py.game->event[i].record
                                        : &lqi_py.game->command[i].record;
    PyObject *fields = record_fields(record);
    PyObject *pair = fields ? Py_BuildValue("(sN)", record->name, fields) : NULL;
    if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
    Py_XDECREF(pair);
  }
  return list;
}

/* bind(cls, name, {field: default}): cls is the component of that name from now on. */
static PyObject *bind(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *cls, *defaults;
  const char *name;
  if (!PyArg_ParseTuple(args, "O!sO!", &PyType_Type, &cls, &name, &PyDict_Type, &defaults))
    return NULL;
  uint32_t index = lq_schema_find(&lqi_py.game->schema, lq_span_text(name));
  if (index == UINT32_MAX) return PyErr_Format(PyExc_LookupError, "no component %s", name);
  lqi_py_type *type = &lqi_py.component[index];
  const lq_record *record = type->record;
  PyObject *key, *value;
  Py_ssize_t at = 0;
  while (PyDict_Next(defaults, &at, &key, &value)) {
    const char *field_name = PyUnicode_AsUTF8(key);
    const lq_field *field = field_name ? lq_record_field(record, lq_span_text(field_name)) : NULL;
    char what[2 * LQ_NAME_BYTES];
    if (!field) return PyErr_Format(PyExc_LookupError, "%s has no field %R", name, key);
    snprintf(what, sizeof what, "%s.%s", name, field->name);
    if (!lqi_py_field_put(field, value, type->defaults + field->offset, what)) return NULL;
  }
  PyObject *number = PyLong_FromUnsignedLong(index);
  bool ok =
      number && PyDict_SetItem(lqi_py.by_class, cls, number) == 0 && lqi_py_record_bind(type, cls);
  Py_XDECREF(number);
  if (!ok) return NULL;
  Py_RETURN_NONE;
}

/* bind_command(cls, name) */
static PyObject *bind_command(PyObject *module, PyObject *args) {
  (void)module;
  PyObject *cls;
  const char *name;
  if (!PyArg_ParseTuple(args, "O!s", &PyType_Type, &cls, &name)) return NULL;
  uint32_t index = lq_game_command_find(lqi_py.game, lq_span_text(name));
  if (index == UINT32_MAX) return PyErr_Format(PyExc_LookupError, "no command %s", name);
  if (!lqi_py_record_bind(&lqi_py.command[index], cls)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *fix(PyObject *module, PyObject *arg) {
  (void)module;
  if (PyObject_TypeCheck(arg, &lqi_py_record_type)) ((lqi_py_record *)(void *)arg)->fixed = true;
  Py_RETURN_NONE;
}

/* actor(command): the slot of who sent it. */
static PyObject *actor(PyObject *module, PyObject *arg) {
  (void)module;
  (void)arg;
  return lqi_py_open() ? PyLong_FromUnsignedLong(lqi_py.view->head->actor) : NULL;
}

/* entity_of_player(command): of a built-in command, whose field player is an id. */
static PyObject *entity_of_player(PyObject *module, PyObject *arg) {
  (void)module;
  PyObject *id = PyObject_GetAttrString(arg, "player");
  const char *text = id ? PyUnicode_AsUTF8(id) : NULL;
  PyObject *entity = NULL;
  if (text && lqi_py_open())
    entity = lqi_py_entity_of(lq_guest_find(lqi_py.view, lq_span_text(text)).bits);
  Py_XDECREF(id);
  return entity;
}

PyMethodDef lqi_py_record_functions[] = {
    {"actor", actor, METH_O, NULL},
    {"entity_of_player", entity_of_player, METH_O, NULL},
    {"described", described, METH_O, NULL},
    {"bind", bind, METH_VARARGS, NULL},
    {"bind_command", bind_command, METH_VARARGS, NULL},
    {"fix", fix, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
