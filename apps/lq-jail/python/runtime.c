/* The Python runtime: a game's files loaded, its systems and handlers called. */
#include "apps/lq-jail/python/python_int.h"

lqi_py_runtime lqi_py;

enum { SWEEP_CALLS = 256 }; /* calls between two sweeps for cycles: a sweep costs about 20 us */

static bool start(int argc, char **argv) {
  (void)argc;
  (void)argv;
  return lqi_py_start();
}

/* ---- load ---- */

static void unload(void) {
  lqi_py_unwatch();
  lqi_py.spoiled = false;
  for (uint32_t i = 0; i < LQ_COMPONENTS_MAX; i++) {
    Py_CLEAR(lqi_py.component[i].cls);
    PyMem_Free(lqi_py.component[i].defaults);
    lqi_py.component[i] = (lqi_py_type){0};
  }
  for (uint32_t i = 0; i < LQ_COMMANDS_MAX; i++) {
    Py_CLEAR(lqi_py.command[i].cls);
    Py_CLEAR(lqi_py.command_fn[i]);
  }
  for (uint32_t i = 0; i < LQ_SYSTEMS_MAX; i++) {
    Py_CLEAR(lqi_py.system_self[i]);
    Py_CLEAR(lqi_py.system_fn[i]);
    lqi_py.system_dict[i] = NULL;
  }
  Py_CLEAR(lqi_py.by_name);
  Py_CLEAR(lqi_py.by_class);
  Py_CLEAR(lqi_py.event);
  Py_CLEAR(lqi_py.constants);
  Py_CLEAR(lqi_py.refuse);
  lqi_py.game = NULL;
}

static bool index_put(PyObject *dict, const char *name, uint32_t index) {
  PyObject *key = PyUnicode_InternFromString(name), *number = PyLong_FromUnsignedLong(index);
  bool ok = key && number && PyDict_SetItem(dict, key, number) == 0;
  Py_XDECREF(key);
  Py_XDECREF(number);
  return ok;
}

static bool constants_make(const lq_game *game) {
  PyObject *dict = PyDict_New();
  bool ok = dict != NULL;
  for (uint32_t i = 0; ok && i < game->constant_count; i++) {
    PyObject *value = PyLong_FromLongLong(game->constant[i].value);
    ok = value && PyDict_SetItemString(dict, game->constant[i].name, value) == 0;
    Py_XDECREF(value);
  }
  if (ok) lqi_py.constants = PyObject_CallMethod(lqi_py.boot, "Constants", "O", dict);
  Py_XDECREF(dict);
  return lqi_py.constants != NULL;
}

/* What Python will ask of the game. */
static bool game_take(const lq_game *game) {
  lqi_py.by_name = PyDict_New();
  lqi_py.by_class = PyDict_New();
  lqi_py.event = PyDict_New();
  if (!lqi_py.by_name || !lqi_py.by_class || !lqi_py.event) return false;
  if (!game) return true;
  lqi_py.game = game;
  for (uint32_t i = 0; i < game->schema.component_count; i++) {
    const lq_component *component = &game->schema.component[i];
    size_t bytes = component->record.row_bytes;
    lqi_py.component[i] = (lqi_py_type){.record = &component->record, .index = i};
    lqi_py.component[i].defaults = PyMem_Calloc(1, bytes ? bytes : 1);
    if (!lqi_py.component[i].defaults) return PyErr_NoMemory() != NULL;
    if (bytes) memcpy(lqi_py.component[i].defaults, component->defaults, bytes);
    bool taken =
        strcmp(component->record.name, "id") == 0 || strcmp(component->record.name, "owner") == 0 ||
        strcmp(component->record.name, "has") == 0 || strcmp(component->record.name, "add") == 0 ||
        strcmp(component->record.name, "remove") == 0;
    if (!taken && !index_put(lqi_py.by_name, component->record.name, i)) return false;
  }
  for (uint32_t i = 0; i < game->event_count; i++)
    if (!index_put(lqi_py.event, game->event[i].record.name, i)) return false;
  for (uint32_t i = 0; i < game->command_count; i++)
    lqi_py.command[i] = (lqi_py_type){.record = &game->command[i].record, .index = i};
  return constants_make(game);
}

/* The object that `table` of lq_boot holds for a name; NULL without an exception: none. */
static PyObject *of_boot(const char *table, const char *name) {
  PyObject *dict = PyObject_GetAttrString(lqi_py.boot, table);
  PyObject *found = dict ? PyDict_GetItemString(dict, name) : NULL;
  Py_XINCREF(found);
  Py_XDECREF(dict);
  return found;
}

static const char *missing(lq_writer *out, const char *kind, const char *name) {
  lq_write_text(out, "{\"error\":\"the release has the ");
  lq_write_text(out, kind);
  lq_write_text(out, " ");
  lq_write_text(out, name);
  lq_write_text(out, " in Python, and no file has it: build the release again\"}");
  return name;
}

/* The functions to call. False: an exception, or *gone says what no file has. */
static bool functions_take(const lq_game *game, lq_writer *out, const char **gone) {
  for (uint32_t i = 0; i < game->system_count; i++) {
    const lq_system_type *type = &game->system[i];
    if (type->guest != LQ_GUEST_PYTHON) continue;
    PyObject *self = of_boot("systems", type->name);
    if (!self && !PyErr_Occurred()) *gone = missing(out, "system", type->name);
    if (!self) return false;
    lqi_py.system_self[i] = self;
    lqi_py.system_fn[i] = PyObject_GetAttrString(self, "process");
    lqi_py.system_dict[i] = PyObject_GenericGetDict(self, NULL);
    Py_XDECREF(lqi_py.system_dict[i]); /* it is the system's */
    PyObject *keeps = PyObject_CallMethod(lqi_py.boot, "keeps", "O", self);
    lqi_py.system_state[i] = keeps == Py_True;
    Py_XDECREF(keeps);
    if (!lqi_py.system_fn[i] || !keeps) return false;
  }
  for (uint32_t i = 0; i < game->command_count; i++) {
    if (game->command[i].guest != LQ_GUEST_PYTHON) continue;
    const char *name = game->command[i].record.name;
    lqi_py.command_fn[i] = of_boot("commands", name);
    if (!lqi_py.command_fn[i] && !PyErr_Occurred()) *gone = missing(out, "command", name);
    if (!lqi_py.command_fn[i]) return false;
  }
  return true;
}

static PyObject *files_list(const lq_guest_file *file, uint32_t count) {
  PyObject *list = PyList_New(0);
  for (uint32_t i = 0; list && i < count; i++) {
    PyObject *pair =
        Py_BuildValue("(s#y#)", (const char *)file[i].name.data, (Py_ssize_t)file[i].name.bytes,
                      (const char *)file[i].text.data, (Py_ssize_t)file[i].text.bytes);
    if (!pair || PyList_Append(list, pair) < 0) Py_CLEAR(list);
    Py_XDECREF(pair);
  }
  return list;
}

/* From here on nothing of it changes. */
static bool watch(void) {
  PyObject *pair = PyObject_CallMethod(lqi_py.boot, "lives_on", NULL);
  bool ok = pair && lqi_py_watch(PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
  Py_XDECREF(pair);
  return ok;
}

static bool load_inside(const lq_game *game, const lq_guest_file *file, uint32_t count,
                        lq_writer *out) {
  if (!game_take(game)) return false;
  PyObject *files = files_list(file, count);
  PyObject *said =
      files ? PyObject_CallMethod(lqi_py.boot, "load", "OO", files, game ? Py_False : Py_True)
            : NULL;
  Py_XDECREF(files);
  Py_ssize_t bytes = 0;
  const char *text = said ? PyUnicode_AsUTF8AndSize(said, &bytes) : NULL;
  bool ok = text != NULL;
  const char *gone = NULL;
  if (ok && game && strncmp(text, "{\"error\"", 8) != 0) {
    lqi_py.refuse = PyObject_GetAttrString(lqi_py.boot, "Refuse");
    ok = lqi_py.refuse && functions_take(game, out, &gone) && watch();
  }
  if (ok) lq_write_bytes(out, text, (size_t)bytes);
  Py_XDECREF(said);
  return ok || gone;
}

static void load(const lq_game *game, const lq_guest_file *file, uint32_t count, lq_writer *out) {
  size_t mark = out->bytes;
  unload();
  bool ok = load_inside(game, file, count, out);
  if (ok && !out->failed) return;
  if (!ok) lqi_py_complain("the files were not loaded");
  *out = (lq_writer){out->data, mark, out->capacity, false};
  lq_write_text(out, ok ? "{\"error\":\"the files declare more than can be said: fewer of them\"}"
                        : "{\"error\":\"Python failed in itself: its log says how\"}");
}

/* ---- calls ---- */

/* What the call's function gives: NULL with an exception. */
static PyObject *run(const lq_guest_call *head) {
  if (head->kind == LQ_GUEST_SYSTEM) {
    uint32_t i = head->index;
    if (!lqi_py.system_fn[i]) return lqi_py_why("this system is not in Python");
    if (lqi_py.system_state[i]) {
      lq_span kept = lq_guest_state(lqi_py.view);
      PyObject *begun =
          PyObject_CallMethod(lqi_py.boot, "state_begin", "Oy#", lqi_py.system_self[i],
                              kept.bytes ? (const char *)kept.data : "", (Py_ssize_t)kept.bytes);
      if (!begun) return NULL;
      Py_DECREF(begun);
    }
    PyObject *delta = PyFloat_FromDouble((double)head->tick_us / 1e6);
    if (!delta) return NULL;
    PyObject *args[] = {lqi_py.world, delta};
    PyObject *done = PyObject_Vectorcall(lqi_py.system_fn[i], args, 2, NULL);
    Py_DECREF(delta);
    if (!done || !lqi_py.system_state[i]) return done;
    Py_DECREF(done);
    return PyObject_CallMethod(lqi_py.boot, "state_end", "O", lqi_py.system_self[i]);
  }
  if (!lqi_py.command_fn[head->index]) return lqi_py_why("this command's handler is not in Python");
  uintptr_t body = (uintptr_t)lq_guest_body(lqi_py.view); /* in the call, which is ours */
  PyObject *row = lqi_py_record_view(&lqi_py.command[head->index], (uint8_t *)body, 0, true);
  if (!row) return NULL;
  PyObject *args[] = {lqi_py.world, row};
  PyObject *done = PyObject_Vectorcall(lqi_py.command_fn[head->index], args, 2, NULL);
  Py_DECREF(row);
  return done;
}

/* The words of an exception. Takes it. */
static PyObject *words_of(PyObject *error, const lq_guest_call *head) {
  bool command = head->kind == LQ_GUEST_COMMAND;
  const char *name = command ? lqi_py.game->command[head->index].record.name
                             : lqi_py.game->system[head->index].name;
  PyObject *text = PyObject_CallMethod(lqi_py.boot, "report_call", "OsO", error, name,
                                       command ? Py_True : Py_False);
  if (!text) PyErr_Clear();
  return text;
}

static size_t failed(lq_guest_view *view) {
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  PyErr_NormalizeException(&type, &error, &trace);
  if (trace && error) PyException_SetTraceback(error, trace);
  lq_guest_status status = LQ_GUEST_RAISED;
  if (PyErr_GivenExceptionMatches(type, PyExc_MemoryError) ||
      PyErr_GivenExceptionMatches(type, PyExc_RecursionError))
    status = LQ_GUEST_SPENT;
  bool refused =
      view->head->kind == LQ_GUEST_COMMAND && PyErr_GivenExceptionMatches(type, lqi_py.refuse);
  PyObject *text = refused ? PyObject_Str(error) : words_of(error, view->head);
  Py_ssize_t bytes = 0;
  const char *words = text ? PyUnicode_AsUTF8AndSize(text, &bytes) : NULL;
  if (!words) PyErr_Clear();
  if (!words)
    words = "an error without words: memory may have run out", bytes = (Py_ssize_t)strlen(words);
  view->refused = refused ? words : NULL;
  size_t out = lq_guest_view_end(view, refused ? LQ_GUEST_DONE : status, (lq_span){0},
                                 lq_span_of(words, (size_t)bytes));
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(error);
  Py_XDECREF(trace);
  return out;
}

static void sweep(void) {
  lqi_py_queries_clear();
  lqi_py.view = NULL;
  if (++lqi_py.calls_since_sweep < SWEEP_CALLS) return;
  lqi_py.calls_since_sweep = 0;
  PyGC_Enable(); /* a disabled collector collects nothing */
  PyGC_Collect();
  PyGC_Disable();
}

static void complain_of(PyObject *changed) {
  PyObject *what = PyObject_CallMethod(lqi_py.boot, "name_of", "O", changed);
  if (!what) return; /* its own exception does as well */
  PyErr_Format(PyExc_RuntimeError,
               "%U was changed in a tick and would live on: what must be kept belongs into "
               "components or state",
               what);
  Py_DECREF(what);
}

static bool spoiled(void) { return lqi_py.spoiled; }

static size_t call(lq_guest_view *view) {
  lqi_py.view = view;
  lqi_py.call++;
  PyObject *done = run(view->head), *changed = lqi_py_changed();
  size_t bytes;
  if (changed) lqi_py.spoiled = true;
  if (changed && (done || PyErr_ExceptionMatches(lqi_py.refuse))) {
    PyErr_Clear();
    Py_CLEAR(done);
    complain_of(changed);
  }
  if (done) {
    lq_span state = {0};
    if (PyBytes_Check(done))
      state = lq_span_of(PyBytes_AS_STRING(done), (size_t)PyBytes_GET_SIZE(done));
    bytes = lq_guest_view_end(view, LQ_GUEST_DONE, state, (lq_span){0});
    Py_DECREF(done);
  } else {
    bytes = failed(view);
  }
  sweep();
  return bytes;
}

const lq_runtime lq_runtime_python = {.opens = true,
                                      .memory_bytes = 256u << 20,
                                      .start = start,
                                      .load = load,
                                      .call = call,
                                      .spoiled = spoiled};
