/* The engine's elementary functions for Python: the same bits on every machine. */
#include "lq_base/math.h"
#include "apps/lq-jail/python/python_int.h"

static PyObject *one(PyObject *arg, double (*function)(double)) {
  double x = PyFloat_AsDouble(arg);
  if (x == -1.0 && PyErr_Occurred()) return NULL;
  return PyFloat_FromDouble(function(x));
}

static PyObject *two(PyObject *args, double (*function)(double, double)) {
  double x, y;
  if (!PyArg_ParseTuple(args, "dd", &x, &y)) return NULL;
  return PyFloat_FromDouble(function(x, y));
}

static PyObject *py_sin(PyObject *module, PyObject *arg) {
  (void)module;
  return one(arg, lq_math_sin);
}
static PyObject *py_cos(PyObject *module, PyObject *arg) {
  (void)module;
  return one(arg, lq_math_cos);
}
static PyObject *py_tan(PyObject *module, PyObject *arg) {
  (void)module;
  return one(arg, lq_math_tan);
}
static PyObject *py_exp(PyObject *module, PyObject *arg) {
  (void)module;
  return one(arg, lq_math_exp);
}
static PyObject *py_log(PyObject *module, PyObject *arg) {
  (void)module;
  return one(arg, lq_math_log);
}
static PyObject *py_atan2(PyObject *module, PyObject *args) {
  (void)module;
  return two(args, lq_math_atan2);
}
static PyObject *py_pow(PyObject *module, PyObject *args) {
  (void)module;
  return two(args, lq_math_pow);
}

PyMethodDef lqi_py_math_functions[] = {
    {"sin", py_sin, METH_O, NULL},       {"cos", py_cos, METH_O, NULL},
    {"tan", py_tan, METH_O, NULL},       {"exp", py_exp, METH_O, NULL},
    {"log", py_log, METH_O, NULL},       {"atan2", py_atan2, METH_VARARGS, NULL},
    {"pow", py_pow, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL},
};
