/* One element of a row as Python's value, and back. Nothing is rounded or cut in silence. */
#include "apps/lq-jail/python/python_int.h"

/* Of one that has died since: None, as a client sees it. */
static PyObject *entity_get(uint64_t handle) {
  bool made = (handle & LQ_GUEST_NEW) != 0;
  if (lqi_py.view && !made && lq_guest_row(lqi_py.view, (lq_entity){handle}) == UINT32_MAX)
    Py_RETURN_NONE;
  return lqi_py_entity_of(handle);
}

PyObject *lqi_py_value_get(const lq_field *field, const uint8_t *element) {
  int32_t small;
  int64_t large;
  float number;
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
    memcpy(&small, element, sizeof small);
    return PyLong_FromLong(small);
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    memcpy(&large, element, sizeof large);
    return PyLong_FromLongLong(large);
  case LQ_FIELD_F32:
    memcpy(&number, element, sizeof number);
    return PyFloat_FromDouble((double)number);
  case LQ_FIELD_BOOL:
    return PyBool_FromLong(*element);
  case LQ_FIELD_ENTITY:
    memcpy(&large, element, sizeof large);
    return entity_get((uint64_t)large);
  case LQ_FIELD_STR: {
    const uint8_t *end = memchr(element, 0, field->str_bytes);
    Py_ssize_t bytes = end ? end - element : field->str_bytes;
    return PyUnicode_DecodeUTF8((const char *)element, bytes, "replace");
  }
  }
  PyErr_SetString(PyExc_SystemError, "a field of no known kind");
  return NULL;
}

static bool put_whole(const lq_field *field, PyObject *value, uint8_t *element, const char *what) {
  if (!PyLong_Check(value)) {
    PyErr_Format(PyExc_TypeError, "%s takes a whole number, not %R", what, value);
    return false;
  }
  int overflow = 0;
  long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (number == -1 && PyErr_Occurred()) return false;
  bool small = field->kind == LQ_FIELD_I32;
  if (overflow || (small && (number < INT32_MIN || number > INT32_MAX))) {
    PyErr_Format(PyExc_ValueError, "%s holds %d bits: %R does not fit", what, small ? 32 : 64,
                 value);
    return false;
  }
  int32_t low = (int32_t)number;
  int64_t all = number;
  if (small)
    memcpy(element, &low, sizeof low);
  else
    memcpy(element, &all, sizeof all);
  return true;
}

static bool put_number(PyObject *value, uint8_t *element, const char *what) {
  if (!PyFloat_Check(value) && !PyLong_Check(value)) {
    PyErr_Format(PyExc_TypeError, "%s takes a number, not %R", what, value);
    return false;
  }
  double wide = PyFloat_AsDouble(value);
  if (PyErr_Occurred()) return false;
  float number = (float)wide;
  uint32_t nan = 0x7fc00000u; /* rows hold one NaN */
  if (number != number)
    memcpy(element, &nan, sizeof nan);
  else
    memcpy(element, &number, sizeof number);
  return true;
}

static bool put_text(const lq_field *field, PyObject *value, uint8_t *element, const char *what) {
  if (!PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "%s takes a text, not %R", what, value);
    return false;
  }
  Py_ssize_t bytes;
  const char *text = PyUnicode_AsUTF8AndSize(value, &bytes);
  if (!text) return false;
  if (bytes >= field->str_bytes) {
    PyErr_Format(PyExc_ValueError, "%s holds %d bytes of UTF-8: this text has %zd", what,
                 field->str_bytes - 1, bytes);
    return false;
  }
  if (memchr(text, 0, (size_t)bytes)) {
    PyErr_Format(PyExc_ValueError, "%s cannot hold the character NUL", what);
    return false;
  }
  memset(element, 0, field->str_bytes);
  memcpy(element, text, (size_t)bytes);
  return true;
}

static bool put_entity(PyObject *value, uint8_t *element, const char *what) {
  lq_entity entity = LQ_ENTITY_NULL;
  if (PyUnicode_Check(value)) {
    Py_ssize_t bytes;
    const char *text = PyUnicode_AsUTF8AndSize(value, &bytes);
    if (!text || !lqi_py_open()) return false;
    if (bytes) entity = lq_guest_find(lqi_py.view, lq_span_of(text, (size_t)bytes));
    if (bytes && lq_entity_is(entity, LQ_ENTITY_NULL)) {
      PyErr_Format(PyExc_ValueError, "%s: there is no entity %R", what, value);
      return false;
    }
  } else if (Py_IS_TYPE(value, &lqi_py_entity_type)) {
    if (!lqi_py_entity_handle(value, &entity)) return false;
  } else if (value != Py_None) {
    PyErr_Format(PyExc_TypeError, "%s takes an entity, its id or None, not %R", what, value);
    return false;
  }
  memcpy(element, &entity.bits, sizeof entity.bits);
  return true;
}

bool lqi_py_value_put(const lq_field *field, PyObject *value, uint8_t *element, const char *what) {
  switch ((lq_field_kind)field->kind) {
  case LQ_FIELD_I32:
  case LQ_FIELD_I64:
  case LQ_FIELD_MONEY:
    return put_whole(field, value, element, what);
  case LQ_FIELD_F32:
    return put_number(value, element, what);
  case LQ_FIELD_BOOL:
    if (!PyBool_Check(value)) {
      PyErr_Format(PyExc_TypeError, "%s takes True or False, not %R", what, value);
      return false;
    }
    *element = value == Py_True;
    return true;
  case LQ_FIELD_ENTITY:
    return put_entity(value, element, what);
  case LQ_FIELD_STR:
    return put_text(field, value, element, what);
  }
  PyErr_SetString(PyExc_SystemError, "a field of no known kind");
  return false;
}

bool lqi_py_field_put(const lq_field *field, PyObject *value, uint8_t *elements, const char *what) {
  if (field->count == 1) return lqi_py_value_put(field, value, elements, what);
  PyObject *list = PyUnicode_Check(value) ? NULL : PySequence_List(value);
  if (!list || PyList_GET_SIZE(list) != field->count) {
    if (list || PyUnicode_Check(value) || PyErr_ExceptionMatches(PyExc_TypeError))
      PyErr_Format(PyExc_ValueError, "%s takes %d values, not %R", what, field->count, value);
    Py_XDECREF(list);
    return false;
  }
  bool ok = true;
  uint16_t bytes = lq_field_bytes(field);
  for (uint16_t i = 0; ok && i < field->count; i++)
    ok = lqi_py_value_put(field, PyList_GET_ITEM(list, i), elements + (size_t)i * bytes, what);
  Py_DECREF(list);
  return ok;
}

void lqi_py_field_text(const lq_field *field, char *out, size_t capacity) {
  static const char *const kinds[] = {"?", "i32", "i64", "f32", "bool", "entity", "str", "money"};
  int at = snprintf(out, capacity, "%s", kinds[field->kind <= LQ_FIELD_MONEY ? field->kind : 0]);
  if (field->kind == LQ_FIELD_STR)
    at += snprintf(out + at, capacity - (size_t)at, "(%u)", (unsigned)field->str_bytes);
  if (field->kind == LQ_FIELD_MONEY)
    at += snprintf(out + at, capacity - (size_t)at, "(%s)", field->currency);
  if (field->count > 1) snprintf(out + at, capacity - (size_t)at, "[%u]", (unsigned)field->count);
}
