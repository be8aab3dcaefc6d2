/* What was there when a game had been loaded stays as it was: whoever changes it would keep
 * something between ticks that no session knows of, and a replay would come to something else.
 *
 * Most of it is refused where it is done (lq_check.py, lq_guard.py, lq_freeze.py; below: modules,
 * functions). Python has more doors than can be shut, so what stands behind all of them is looked
 * at: every dict, list, set, cell, function and object alive after load has a digest, which is
 * taken again after each of the first calls, then after one in LQI_PY_WATCH_CALLS. A look costs
 * 20 us. A process that was changed has failed in the call at hand, and is ended: the next one
 * begins as it should. */
#include "apps/lq-jail/python/python_int.h"
#include "lq_base/hash.h"

enum { OBJECTS_MAX = 1 << 20, FIRST_CALLS = 64 };

typedef enum kind { NONE, DICT, SYSTEM, LIST, SET, CELL, FUNCTION, BYTES } kind;
typedef struct watched {
  PyObject *object; /* owned: its place is given to no other */
  uint64_t digest;
  kind kind;
} watched;

static struct {
  watched *at; /* by place, so that it is found again */
  size_t count, capacity;
  PyObject **seen; /* a hash set of everything reachable, while it is walked */
  size_t seen_count, seen_capacity;
  PyObject **todo;
  size_t todo_count, todo_capacity;
  destructor of_python; /* how objects of classes written in Python end */
  bool shut, full;
  uint32_t calls;
  setattrofunc module_set, function_set;
} w;

/* ---- digests ---- */

static uint64_t mix(uint64_t hash, const void *pointer) {
  return lq_hash_mix(hash, (uint64_t)(uintptr_t)pointer);
}

static uint64_t of_set(PyObject *object) {
  const PySetObject *set = (PySetObject *)(void *)object;
  uint64_t hash = lq_hash_mix((uint64_t)set->fill, (uint64_t)set->used);
  for (Py_ssize_t i = 0; i <= set->mask; i++) hash = mix(hash, set->table[i].key);
  return hash;
}

/* A system's own: its state comes and goes with each call. */
static uint64_t of_system(PyObject *dict) {
  PyObject *key, *value;
  uint64_t hash = 2;
  for (Py_ssize_t at = 0; PyDict_Next(dict, &at, &key, &value);)
    if (!PyUnicode_Check(key) || PyUnicode_CompareWithASCIIString(key, "state") != 0)
      hash = mix(mix(hash, key), value);
  return hash;
}

/* Its bytes behind the header, but for the place of its weak references. */
static uint64_t of_bytes(PyObject *object) {
  const PyTypeObject *type = Py_TYPE(object);
  const uint8_t *bytes = (const uint8_t *)object;
  size_t end = (size_t)type->tp_basicsize, weak = end;
  if (type->tp_weaklistoffset > 0) weak = (size_t)type->tp_weaklistoffset;
  size_t first = weak < end ? weak - sizeof(PyObject) : end - sizeof(PyObject);
  uint64_t hash = lq_hash_bytes(3, bytes + sizeof(PyObject), first);
  if (weak >= end) return hash;
  size_t behind = weak + sizeof(void *);
  return lq_hash_bytes(hash, bytes + behind, end - behind);
}

static bool is_system(PyObject *dict) {
  for (uint32_t i = 0; i < LQ_SYSTEMS_MAX; i++)
    if (lqi_py.system_dict[i] == dict) return true;
  return false;
}

static bool is_of_python(PyObject *object) {
  return Py_TYPE(object)->tp_dealloc == w.of_python && !PyType_Check(object) &&
         !PyWeakref_Check(object);
}

static uint64_t version_of(PyObject *dict) {
  return ((PyDictObject *)(void *)dict)->ma_version_tag;
}

static uint64_t digest_of(const watched *it) {
  PyObject *object = it->object, *dict;
  uint64_t hash = mix(4, Py_TYPE(object)); /* its class may be assigned */
  switch (it->kind) {
  case DICT:
    return lq_hash_mix(hash, version_of(object));
  case SYSTEM:
    return hash ^ of_system(object);
  case LIST:
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(object); i++)
      hash = mix(hash, PyList_GET_ITEM(object, i));
    return hash;
  case SET:
    return hash ^ of_set(object);
  case CELL:
    return mix(hash, PyCell_GET(object));
  case FUNCTION: /* all else of it refuses assignment; to look at its dict makes an empty one */
    dict = ((PyFunctionObject *)(void *)object)->func_dict;
    return dict && PyDict_GET_SIZE(dict) ? lq_hash_mix(hash, version_of(dict)) : hash;
  case BYTES:
    return hash ^ of_bytes(object);
  case NONE:
    break;
  }
  return hash;
}

static kind kind_of(PyObject *object) {
  if (PyDict_Check(object)) return is_system(object) ? SYSTEM : DICT;
  if (PyList_Check(object)) return LIST;
  if (PyAnySet_Check(object)) return SET;
  if (PyCell_Check(object)) return CELL;
  if (PyFunction_Check(object)) return FUNCTION;
  bool bytes = is_of_python(object) || Py_IS_TYPE(object, &PyProperty_Type) ||
               Py_IS_TYPE(object, &PyStaticMethod_Type) || Py_IS_TYPE(object, &PyClassMethod_Type);
  return bytes ? BYTES : NONE;
}

/* ---- everything reachable ---- */

static size_t place_of(PyObject *const *seen, size_t capacity, const PyObject *object) {
  size_t at = (size_t)lq_hash_mix(5, (uint64_t)(uintptr_t)object) & (capacity - 1);
  while (seen[at] && seen[at] != object) at = (at + 1) & (capacity - 1);
  return at;
}

static bool seen_grow(void) {
  size_t capacity = w.seen_capacity ? 2 * w.seen_capacity : 1 << 16;
  PyObject **grown = capacity <= OBJECTS_MAX ? PyMem_Calloc(capacity, sizeof *grown) : NULL;
  if (!grown) return false;
  for (size_t i = 0; i < w.seen_capacity; i++)
    if (w.seen[i]) grown[place_of(grown, capacity, w.seen[i])] = w.seen[i];
  PyMem_Free(w.seen);
  w.seen = grown;
  w.seen_capacity = capacity;
  return true;
}

static bool todo_put(PyObject *object) {
  if (w.todo_count == w.todo_capacity) {
    size_t capacity = w.todo_capacity ? 2 * w.todo_capacity : 1 << 14;
    PyObject **grown = PyMem_Realloc(w.todo, capacity * sizeof *grown);
    if (!grown) return false;
    w.todo = grown;
    w.todo_capacity = capacity;
  }
  w.todo[w.todo_count++] = object;
  return true;
}

static int visit(PyObject *object, void *none) {
  (void)none;
  if (2 * w.seen_count >= w.seen_capacity && !seen_grow()) return w.full = true;
  size_t at = place_of(w.seen, w.seen_capacity, object);
  if (w.seen[at]) return 0;
  w.seen[at] = object;
  w.seen_count++;
  if (!todo_put(object)) return w.full = true;
  return 0;
}

static bool watched_put(PyObject *object) {
  if (w.count == w.capacity) {
    size_t capacity = w.capacity ? 2 * w.capacity : 1 << 12;
    watched *grown = PyMem_Realloc(w.at, capacity * sizeof *grown);
    if (!grown) return false;
    w.at = grown;
    w.capacity = capacity;
  }
  kind what = kind_of(object);
  if (what == NONE) return true;
  Py_INCREF(object);
  w.at[w.count++] = (watched){object, 0, what};
  return true;
}

/* An object that has no dict yet gets one now: a class's objects keep their first values without
 * it, where no version is counted. */
static void dict_make(PyObject *object) {
  PyObject *dict = is_of_python(object) ? PyObject_GenericGetDict(object, NULL) : NULL;
  PyErr_Clear();
  Py_XDECREF(dict);
}

static bool is_among(PyObject *list, const PyObject *object) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++)
    if (PyList_GET_ITEM(list, i) == object) return true;
  return false;
}

/* What isinstance(), json.loads() and typing remember: it comes and goes. */
static bool is_cache(PyObject *object) {
  const char *name = Py_TYPE(object)->tp_name;
  return strcmp(name, "_abc._abc_data") == 0 || strcmp(name, "_json.Scanner") == 0 ||
         strcmp(name, "functools._lru_cache_wrapper") == 0;
}

static bool walk(PyObject *except) {
  while (w.todo_count && !w.full) {
    PyObject *object = w.todo[--w.todo_count];
    if (is_cache(object) || is_among(except, object)) continue;
    dict_make(object);
    if (!watched_put(object)) return false;
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (PyObject_IS_GC(object) && traverse) (void)traverse(object, visit, NULL);
  }
  return !w.full;
}

static int by_place(const void *a, const void *b) {
  uintptr_t x = (uintptr_t)((const watched *)a)->object,
            y = (uintptr_t)((const watched *)b)->object;
  return (x > y) - (x < y);
}

void lqi_py_unwatch(void) {
  w.shut = false;
  for (size_t i = 0; i < w.count; i++) Py_DECREF(w.at[i].object);
  w.count = w.calls = 0;
}

bool lqi_py_watch(PyObject *roots, PyObject *except) {
  lqi_py_unwatch();
  PyObject *plain = PyObject_GetAttrString(lqi_py.boot, "Plain");
  if (!plain) return false;
  w.of_python = ((PyTypeObject *)(void *)plain)->tp_dealloc;
  Py_DECREF(plain);
  w.seen_count = w.todo_count = 0;
  w.full = false;
  bool ok = visit(roots, NULL) == 0 && walk(except);
  PyMem_Free(w.seen);
  PyMem_Free(w.todo);
  w.seen = w.todo = NULL;
  w.seen_capacity = w.todo_capacity = 0;
  if (!ok) return PyErr_NoMemory() != NULL;
  qsort(w.at, w.count, sizeof *w.at, by_place);
  for (size_t i = 0; i < w.count; i++) w.at[i].digest = digest_of(&w.at[i]);
  w.shut = true;
  return true;
}

/* ---- looking ---- */

static bool is_there(PyObject *object) {
  watched key = {.object = object};
  return w.shut && bsearch(&key, w.at, w.count, sizeof key, by_place);
}

PyObject *lqi_py_changed(void) {
  if (!w.shut || (++w.calls > FIRST_CALLS && w.calls % LQI_PY_WATCH_CALLS != 0)) return NULL;
  for (size_t i = 0; i < w.count; i++)
    if (digest_of(&w.at[i]) != w.at[i].digest) return w.at[i].object;
  return NULL;
}

/* ---- doors that are shut ---- */

static int refuse(const char *what) {
  PyErr_Format(PyExc_TypeError,
               "%s stays as it was loaded: what must be kept between ticks belongs into components "
               "or state",
               what);
  return -1;
}

static int module_set(PyObject *module, PyObject *name, PyObject *value) {
  return w.shut ? refuse("a module") : w.module_set(module, name, value);
}

static int function_set(PyObject *function, PyObject *name, PyObject *value) {
  return is_there(function) ? refuse("a function") : w.function_set(function, name, value);
}

void lqi_py_doors(void) {
  if (w.module_set) return;
  w.module_set = PyModule_Type.tp_setattro;
  w.function_set = PyFunction_Type.tp_setattro;
  PyModule_Type.tp_setattro = module_set;
  PyFunction_Type.tp_setattro = function_set;
}

bool lqi_py_shut(void) { return w.shut; }
