/* The interpreter: isolated, with a fixed hash seed, and all its Python from within the program. */
#include "apps/lq-jail/python/python_int.h"
#include "lq_base/embed.h"

#include <marshal.h>

extern const lq_embedded lqi_python_files[]; /* the first is the magic number of their code */

static struct PyModuleDef engine_module = {PyModuleDef_HEAD_INIT, .m_name = "_lq", .m_size = -1};

/* code(path) of a file in the program; None: there is none. */
static PyObject *code(PyObject *module, PyObject *arg) {
  (void)module;
  for (const lq_embedded *file = lqi_python_files + 1; file->path; file++)
    if (PyUnicode_Check(arg) && PyUnicode_CompareWithASCIIString(arg, file->path) == 0)
      return PyMarshal_ReadObjectFromString((const char *)file->data, (Py_ssize_t)file->bytes);
  Py_RETURN_NONE;
}
static PyMethodDef code_functions[] = {{"code", code, METH_O, NULL}, {NULL, NULL, 0, NULL}};

static PyObject *lq_init(void) {
  PyObject *module = PyModule_Create(&engine_module);
  if (!module) return NULL;
  PyTypeObject *types[] = {&lqi_py_record_type, &lqi_py_field_type, &lqi_py_array_type,
                           &lqi_py_entity_type, &lqi_py_world_type};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (PyModule_AddType(module, types[i]) < 0) return NULL;
  if (PyModule_AddFunctions(module, lqi_py_record_functions) < 0 ||
      PyModule_AddFunctions(module, lqi_py_math_functions) < 0 ||
      PyModule_AddFunctions(module, lqi_py_steady_functions) < 0 ||
      PyModule_AddFunctions(module, code_functions) < 0)
    return NULL;
  return module;
}

static PyStatus configure(void) {
  PyPreConfig before;
  PyPreConfig_InitIsolatedConfig(&before);
  before.utf8_mode = 1;
  PyStatus status = Py_PreInitialize(&before);
  if (PyStatus_Exception(status)) return status;
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  config.write_bytecode = 0;
  config.use_hash_seed = 1;
  config.hash_seed = 0;
  config.install_signal_handlers = 0;
  config.pathconfig_warnings = 0;
  status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  return status;
}

void lqi_py_complain(const char *doing) {
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  PyErr_NormalizeException(&type, &error, &trace);
  PyObject *name = type ? PyObject_GetAttrString(type, "__name__") : NULL;
  PyObject *text = error ? PyObject_Str(error) : NULL;
  const char *kind = name ? PyUnicode_AsUTF8(name) : NULL;
  const char *words = text ? PyUnicode_AsUTF8(text) : NULL;
  /* No traceback: Python would open files to show their lines, and the sandbox kills for that. */
  fprintf(stderr, "python: %s: %s: %s\n", doing, kind ? kind : "?", words ? words : "?");
  Py_XDECREF(name);
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  PyErr_Clear();
}

/* Finds lq_boot and what it begins with among the files of the program. */
static const char finder[] = "import sys, _lq\n"
                             "from _frozen_importlib import ModuleSpec\n"
                             "class Embedded:\n"
                             "    def find_spec(name, path=None, target=None):\n"
                             "        if _lq.code(name + '.py'):\n"
                             "            return ModuleSpec(name, Embedded)\n"
                             "    def create_module(spec):\n"
                             "        return None\n"
                             "    def exec_module(module):\n"
                             "        exec(_lq.code(module.__name__ + '.py'), vars(module))\n"
                             "sys.meta_path.insert(0, Embedded)\n";

static bool code_fits(void) {
  long magic;
  memcpy(&magic, lqi_python_files[0].data, sizeof magic);
  if (magic == PyImport_GetMagicNumber()) return true;
  fprintf(stderr,
          "python: this program was built with another version of Python: build it again\n");
  return false;
}

bool lqi_py_start(void) {
  if (PyImport_AppendInittab("_lq", lq_init) < 0) return false;
  PyStatus status = configure();
  if (PyStatus_Exception(status)) {
    fprintf(stderr, "python: it does not start: %s\n", status.err_msg ? status.err_msg : "?");
    return false;
  }
  if (!code_fits()) return false;
  Py_SetRecursionLimit(1000);
  PyGC_Disable(); /* swept between calls, where nobody waits */
  lqi_py_doors();
  if (PyRun_SimpleString(finder) == 0) lqi_py.boot = PyImport_ImportModule("lq_boot");
  lqi_py.world = lqi_py.boot ? _PyObject_New(&lqi_py_world_type) : NULL;
  if (lqi_py.world) return true;
  if (PyErr_Occurred()) lqi_py_complain("its own files do not load");
  return false;
}
