/* What CPython would let differ between two processes, made the same: texts with addresses in
 * them. And what lives on between ticks, made to stay as it is. */
#include "apps/lq-jail/python/python_int.h"

#include <time.h>
#include <unistd.h>

/* Takes the C library's place: CPython 3.11 asks for the time whenever it takes a lock, even one
 * that nobody holds, and in the sandbox reading the clock is the end. Here it stands still. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out) {
  (void)clock;
  *out = (struct timespec){0};
  return 0;
}

static PyObject *object_repr(PyObject *object) {
  PyObject *name = PyType_GetQualName(Py_TYPE(object));
  PyObject *text = name ? PyUnicode_FromFormat("<%U object>", name) : NULL;
  Py_XDECREF(name);
  return text;
}

static PyObject *function_repr(PyObject *object) {
  PyObject *name = PyObject_GetAttrString(object, "__qualname__");
  PyObject *text = name ? PyUnicode_FromFormat("<function %U>", name) : NULL;
  Py_XDECREF(name);
  return text;
}

static void repr_replace(PyTypeObject *type, reprfunc repr) {
  PyObject *descriptor = PyDict_GetItemString(type->tp_dict, "__repr__");
  if (descriptor && Py_IS_TYPE(descriptor, &PyWrapperDescr_Type)) {
    void *code;
    memcpy(&code, &repr, sizeof code);
    ((PyWrapperDescrObject *)(void *)descriptor)->d_wrapped = code; /* classes to come take it */
  }
  type->tp_repr = repr;
  PyType_Modified(type);
}

/* Types that are there already have their base's function as their own: they get the new one. */
static bool repr_inherit(PyTypeObject *type, reprfunc old, reprfunc repr) {
  if (type->tp_repr == old) type->tp_repr = repr;
  /* The plain one: a metaclass may have another. */
  PyObject *list = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
  bool ok = list != NULL;
  for (Py_ssize_t i = 0; ok && i < PyList_GET_SIZE(list); i++)
    ok = repr_inherit((PyTypeObject *)(void *)PyList_GET_ITEM(list, i), old, repr);
  Py_XDECREF(list);
  return ok;
}

/* steady(): no text of an object says where it lies. */
static PyObject *steady(PyObject *module, PyObject *none) {
  (void)module;
  (void)none;
  reprfunc old = PyBaseObject_Type.tp_repr;
  repr_replace(&PyBaseObject_Type, object_repr);
  if (!repr_inherit(&PyBaseObject_Type, old, object_repr)) return NULL;
  repr_replace(&PyFunction_Type, function_repr);
  PyTypeObject *plain[] = {&PyGen_Type,       &PyCoro_Type,      &PyMethod_Type,   &PyCode_Type,
                           &PyCell_Type,      &PyListIter_Type,  &PyEnum_Type,     &PyMap_Type,
                           &PyFilter_Type,    &PyZip_Type,       &PyReversed_Type, &PySuper_Type,
                           &PyTupleIter_Type, &PyCFunction_Type, &PyRangeIter_Type};
  for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) repr_replace(plain[i], object_repr);
  Py_RETURN_NONE;
}

/* seal(cls): its attributes cannot be assigned any more. */
static PyObject *seal(PyObject *module, PyObject *arg) {
  (void)module;
  if (!PyType_Check(arg)) return PyErr_Format(PyExc_TypeError, "seal takes a class");
  PyTypeObject *type = (PyTypeObject *)(void *)arg;
  type->tp_flags |= Py_TPFLAGS_IMMUTABLETYPE;
  PyType_Modified(type);
  Py_RETURN_NONE;
}

/* shut(): a game is loaded, and what lives on is watched. */
static PyObject *shut(PyObject *module, PyObject *none) {
  (void)module;
  (void)none;
  return PyBool_FromLong(lqi_py_shut());
}

/* say(text): to stderr, whole or not at all. */
static PyObject *say(PyObject *module, PyObject *arg) {
  (void)module;
  Py_ssize_t bytes;
  const char *text = PyUnicode_AsUTF8AndSize(arg, &bytes);
  if (!text) return NULL;
  ssize_t written = write(STDERR_FILENO, text, (size_t)bytes);
  (void)written; /* nobody listens: nothing is lost */
  Py_RETURN_NONE;
}

PyMethodDef lqi_py_steady_functions[] = {
    {"steady", steady, METH_NOARGS, NULL},
    {"seal", seal, METH_O, NULL},
    {"shut", shut, METH_NOARGS, NULL},
    {"say", say, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};
