/* A field of several elements: a sequence of fixed length that writes through. */
#include "apps/lq-jail/python/python_int.h"

typedef struct lqi_py_array {
  PyObject_HEAD lqi_py_record *row; /* owned */
  uint32_t index;
} lqi_py_array;

static const lq_field *field_of(const lqi_py_array *self) {
  return &self->row->type->record->field[self->index];
}

PyObject *lqi_py_array_of(lqi_py_record *row, uint32_t field) {
  lqi_py_array *self = PyObject_New(lqi_py_array, &lqi_py_array_type);
  if (!self) return NULL;
  self->row = (lqi_py_record *)(void *)Py_NewRef((PyObject *)row);
  self->index = field;
  return (PyObject *)self;
}

static void array_free(PyObject *object) {
  Py_DECREF(((lqi_py_array *)(void *)object)->row);
  PyObject_Free(object);
}

static Py_ssize_t array_length(PyObject *object) {
  return field_of((const lqi_py_array *)(const void *)object)->count;
}

static PyObject *array_item(PyObject *object, Py_ssize_t i) {
  const lqi_py_array *self = (const lqi_py_array *)(const void *)object;
  const lq_field *field = field_of(self);
  if (i < 0 || i >= field->count) {
    PyErr_Format(PyExc_IndexError, "%s.%s has %d elements", self->row->type->record->name,
                 field->name, field->count);
    return NULL;
  }
  if (!lqi_py_record_live(self->row)) return NULL;
  return lqi_py_value_get(field,
                          self->row->data + field->offset + (size_t)i * lq_field_bytes(field));
}

static int array_put(PyObject *object, Py_ssize_t i, PyObject *value) {
  const lqi_py_array *self = (const lqi_py_array *)(const void *)object;
  const lq_field *field = field_of(self);
  char what[2 * LQ_NAME_BYTES + 16];
  snprintf(what, sizeof what, "%s.%s[%zd]", self->row->type->record->name, field->name, i);
  if (!value || i < 0 || i >= field->count) {
    PyErr_Format(PyExc_IndexError, "%s: the field has %d elements, always", what, field->count);
    return -1;
  }
  _Alignas(8) uint8_t element[LQ_ROW_BYTES_MAX] = {0};
  if (!lqi_py_value_put(field, value, element, what)) return -1;
  return lqi_py_record_set(self->row, self->index, (uint32_t)i, 1, element) ? 0 : -1;
}

static PyObject *array_subscript(PyObject *object, PyObject *key) {
  if (PyIndex_Check(key)) {
    Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
    if (i == -1 && PyErr_Occurred()) return NULL;
    return array_item(object, i < 0 ? i + array_length(object) : i);
  }
  PyObject *list = PySequence_List(object);
  PyObject *part = list ? PyObject_GetItem(list, key) : NULL;
  Py_XDECREF(list);
  return part;
}

static int array_assign(PyObject *object, PyObject *key, PyObject *value) {
  Py_ssize_t i = PyNumber_AsSsize_t(key, PyExc_IndexError);
  if (i == -1 && PyErr_Occurred()) return -1;
  return array_put(object, i < 0 ? i + array_length(object) : i, value);
}

static PyObject *array_compare(PyObject *left, PyObject *right, int op) {
  if (!PyList_Check(right) && !PyTuple_Check(right) && !Py_IS_TYPE(right, &lqi_py_array_type))
    Py_RETURN_NOTIMPLEMENTED;
  PyObject *a = PySequence_List(left), *b = a ? PySequence_List(right) : NULL;
  PyObject *out = b ? PyObject_RichCompare(a, b, op) : NULL;
  Py_XDECREF(a);
  Py_XDECREF(b);
  return out;
}

static PyObject *array_repr(PyObject *object) {
  PyObject *list = PySequence_List(object), *text = list ? PyObject_Repr(list) : NULL;
  Py_XDECREF(list);
  return text;
}

static PySequenceMethods array_sequence = {.sq_length = array_length, .sq_item = array_item};
static PyMappingMethods array_mapping = {
    .mp_length = array_length, .mp_subscript = array_subscript, .mp_ass_subscript = array_assign};

PyTypeObject lqi_py_array_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lq_engine.ecs.Array",
    .tp_basicsize = sizeof(lqi_py_array),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = array_free,
    .tp_as_sequence = &array_sequence,
    .tp_as_mapping = &array_mapping,
    .tp_richcompare = array_compare,
    .tp_hash = PyObject_HashNotImplemented,
    .tp_repr = array_repr,
};
