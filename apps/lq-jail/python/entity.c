/* An entity as a guest sees it: its id, its owner, its components as attributes. */
#include "apps/lq-jail/python/python_int.h"

static bool live(const lqi_py_entity *self) {
  if (lqi_py.view && self->call == lqi_py.call) return true;
  PyErr_SetString(PyExc_RuntimeError,
                  "this entity belongs to an earlier tick: keep its id in state and ask "
                  "world.find(id)");
  return false;
}

PyObject *lqi_py_entity_of(uint64_t handle) {
  if (handle == 0) Py_RETURN_NONE;
  lqi_py_entity *self = PyObject_New(lqi_py_entity, &lqi_py_entity_type);
  if (!self) return NULL;
  self->handle = handle;
  self->call = lqi_py.call;
  self->view_count = 0;
  return (PyObject *)self;
}

bool lqi_py_entity_handle(PyObject *value, lq_entity *out) {
  if (!Py_IS_TYPE(value, &lqi_py_entity_type)) {
    PyErr_Format(PyExc_TypeError, "this takes an entity, not %R", value);
    return false;
  }
  const lqi_py_entity *self = (const lqi_py_entity *)(const void *)value;
  *out = (lq_entity){self->handle};
  return live(self);
}

static void entity_free(PyObject *object) {
  lqi_py_entity *self = (lqi_py_entity *)(void *)object;
  for (uint32_t i = 0; i < self->view_count; i++) Py_DECREF(self->view[i]);
  PyObject_Free(object);
}

/* ---- components ---- */

/* Does it have the component, as far as this call sees? */
static bool has(const lqi_py_entity *self, uint32_t type) {
  uint32_t row = lq_guest_row(lqi_py.view, (lq_entity){self->handle});
  return row != UINT32_MAX && lq_guest_next(lqi_py.view, 1ull << type, 0, row) == row;
}

static void say_absent(const lqi_py_entity *self, uint32_t type) {
  const char *name = lqi_py.game->schema.component[type].record.name;
  if (!lqi_py.view->column_of[type])
    PyErr_Format(PyExc_RuntimeError, "%s is not in this system's reads: add it there", name);
  else if (self->handle & LQ_GUEST_NEW)
    PyErr_Format(PyExc_AttributeError,
                 "this entity was made just now: its %s is there from the next system on", name);
  else
    PyErr_Format(PyExc_AttributeError, "entity '%s' has no %s: ask has(%s) first",
                 lq_guest_id(lqi_py.view, (lq_entity){self->handle}), name, name);
}

static PyObject *component(lqi_py_entity *self, uint32_t type) {
  if (!live(self)) return NULL;
  for (uint32_t i = 0; i < self->view_count; i++)
    if (self->view_type[i] == type) return Py_NewRef(self->view[i]);
  if (!has(self, type)) {
    say_absent(self, type);
    return NULL;
  }
  const uint8_t *row = lq_guest_get(lqi_py.view, (lq_entity){self->handle}, type);
  uintptr_t at =
      (uintptr_t)row; /* into lqi_py.view->call, which is ours; written by lq_guest_set */
  PyObject *view = lqi_py_record_view(&lqi_py.component[type], (uint8_t *)at, self->handle, false);
  if (view && self->view_count < LQI_PY_VIEWS) {
    self->view_type[self->view_count] = (uint8_t)type;
    self->view[self->view_count++] = Py_NewRef(view);
  }
  return view;
}

static PyObject *entity_getattro(PyObject *object, PyObject *name) {
  PyObject *index = PyDict_GetItemWithError(lqi_py.by_name, name);
  if (index) return component((lqi_py_entity *)(void *)object, (uint32_t)PyLong_AsLong(index));
  if (PyErr_Occurred()) return NULL;
  PyObject *value = PyObject_GenericGetAttr(object, name);
  if (value || !PyErr_ExceptionMatches(PyExc_AttributeError)) return value;
  PyErr_Clear();
  PyObject *names = PySequence_List(lqi_py.by_name);
  if (names)
    PyErr_Format(PyExc_AttributeError, "an entity has no '%U'; the game's components: %R", name,
                 names);
  Py_XDECREF(names);
  return NULL;
}

/* entity.Position = Position(x=1): all its fields. */
static int entity_setattro(PyObject *object, PyObject *name, PyObject *value) {
  PyObject *index = PyDict_GetItemWithError(lqi_py.by_name, name);
  if (!index) {
    if (!PyErr_Occurred())
      PyErr_Format(PyExc_AttributeError,
                   "an entity has no '%U' to assign; what it should keep belongs into a component",
                   name);
    return -1;
  }
  uint32_t type = (uint32_t)PyLong_AsLong(index);
  const lqi_py_record *from = (const lqi_py_record *)(const void *)value;
  if (!value || !PyObject_TypeCheck(value, &lqi_py_record_type) ||
      from->type != &lqi_py.component[type]) {
    PyErr_Format(PyExc_TypeError, "%U takes a %U(...); add() and remove() change what there is",
                 name, name);
    return -1;
  }
  if (!lqi_py_record_live(from)) return -1;
  PyObject *view = component((lqi_py_entity *)(void *)object, type);
  if (!view) return -1;
  const lq_record *record = from->type->record;
  bool ok = true;
  for (uint32_t i = 0; ok && i < record->field_count; i++)
    ok = lqi_py_record_set((lqi_py_record *)(void *)view, i, 0, record->field[i].count,
                           from->data + record->field[i].offset);
  Py_DECREF(view);
  return ok ? 0 : -1;
}

static PyObject *entity_has(PyObject *object, PyObject *arg) {
  const lqi_py_entity *self = (const lqi_py_entity *)(const void *)object;
  int type = lqi_py_component_of(arg);
  if (type < 0 || !live(self)) return NULL;
  if (!lqi_py.view->column_of[type]) {
    say_absent(self, (uint32_t)type);
    return NULL;
  }
  return PyBool_FromLong(has(self, (uint32_t)type));
}

static PyObject *entity_add(PyObject *object, PyObject *arg) {
  lq_entity entity;
  if (!lqi_py_entity_handle(object, &entity) || !lqi_py_add(entity, arg)) return NULL;
  Py_RETURN_NONE;
}

static PyObject *entity_remove(PyObject *object, PyObject *arg) {
  lq_entity entity;
  const char *why = NULL;
  int type = lqi_py_component_of(arg);
  if (type < 0 || !lqi_py_entity_handle(object, &entity)) return NULL;
  if (!lq_guest_remove(lqi_py.view, entity, (uint32_t)type, &why)) return lqi_py_why(why);
  Py_RETURN_NONE;
}

/* ---- itself ---- */

static PyObject *entity_id(PyObject *object, void *closure) {
  (void)closure;
  lq_entity entity;
  if (!lqi_py_entity_handle(object, &entity)) return NULL;
  return PyUnicode_FromString(lq_guest_id(lqi_py.view, entity));
}

static PyObject *entity_owner(PyObject *object, void *closure) {
  (void)closure;
  lq_entity entity;
  if (!lqi_py_entity_handle(object, &entity)) return NULL;
  return PyLong_FromLong(lq_guest_owner(lqi_py.view, entity));
}

static PyObject *entity_compare(PyObject *left, PyObject *right, int op) {
  if ((op != Py_EQ && op != Py_NE) || !Py_IS_TYPE(right, &lqi_py_entity_type))
    Py_RETURN_NOTIMPLEMENTED;
  bool equal = ((const lqi_py_entity *)(const void *)left)->handle ==
               ((const lqi_py_entity *)(const void *)right)->handle;
  return PyBool_FromLong(equal == (op == Py_EQ));
}

static Py_hash_t entity_hash(PyObject *object) {
  Py_hash_t hash = (Py_hash_t)((const lqi_py_entity *)(const void *)object)->handle;
  return hash == -1 ? -2 : hash;
}

static PyObject *entity_repr(PyObject *object) {
  const lqi_py_entity *self = (const lqi_py_entity *)(const void *)object;
  bool now = lqi_py.view && self->call == lqi_py.call;
  const char *id = now ? lq_guest_id(lqi_py.view, (lq_entity){self->handle}) : "";
  return PyUnicode_FromFormat("<Entity %s>", *id ? id : now ? "made just now" : "of earlier");
}

static PyMethodDef entity_methods[] = {
    {"has", entity_has, METH_O, NULL},
    {"add", entity_add, METH_O, NULL},
    {"remove", entity_remove, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
static PyGetSetDef entity_attributes[] = {
    {"id", entity_id, NULL, NULL, NULL},
    {"owner", entity_owner, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject lqi_py_entity_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lq_engine.ecs.Entity",
    .tp_basicsize = sizeof(lqi_py_entity),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = entity_free,
    .tp_getattro = entity_getattro,
    .tp_setattro = entity_setattro,
    .tp_richcompare = entity_compare,
    .tp_hash = entity_hash,
    .tp_repr = entity_repr,
    .tp_methods = entity_methods,
    .tp_getset = entity_attributes,
};
