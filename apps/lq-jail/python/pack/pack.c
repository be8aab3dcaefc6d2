/* At build time: Python files into a C table of their code (lq_base/embed.h), because compiling
 * them takes longer than all else at the start of a jail.
 *
 *   lq_python_pack OUT SYMBOL PREFIX=FOLDER FILE... [PREFIX=FOLDER FILE...]
 *
 * Code fits the Python of its build only: the first row, "magic", says which. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <marshal.h>

static FILE *out;
static unsigned rows;
static char table[1 << 16];

static int fail(const char *what, const char *which) {
  fprintf(stderr, "lq_python_pack: %s: %s\n", what, which);
  if (PyErr_Occurred()) PyErr_Print();
  return 1;
}

static void row(const char *path, const char *data, Py_ssize_t bytes) {
  fprintf(out, "static const uint8_t file_%u[] = {", rows);
  for (Py_ssize_t i = 0; i < bytes; i++)
    fprintf(out, "%s%u,", i % 24 ? "" : "\n", (unsigned)(unsigned char)data[i]);
  fprintf(out, "0};\n");
  size_t at = strlen(table);
  snprintf(table + at, sizeof table - at, "  {\"%s\", file_%u, %zdu},\n", path, rows++, bytes);
}

static char *text_of(const char *path) {
  FILE *in = fopen(path, "rb");
  if (!in) return NULL;
  char *text = calloc(1, 1 << 20);
  if (text && fread(text, 1, (1 << 20) - 1, in) == 0) text[0] = 0;
  (void)fclose(in);
  return text;
}

static int pack(const char *prefix, const char *folder, const char *file) {
  char from[4096], name[512];
  snprintf(from, sizeof from, "%s/%s", folder, file);
  snprintf(name, sizeof name, "%s%s", prefix, file);
  char *text = text_of(from);
  if (!text) return fail("it cannot be read", from);
  PyObject *code = Py_CompileStringExFlags(text, name, Py_file_input, NULL, 2);
  PyObject *bytes = code ? PyMarshal_WriteObjectToString(code, Py_MARSHAL_VERSION) : NULL;
  if (!bytes) return fail("it does not compile", from);
  row(name, PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes));
  Py_DECREF(bytes);
  Py_DECREF(code);
  free(text);
  return 0;
}

static int pack_all(int argc, char **argv) {
  char prefix[256] = "";
  const char *folder = ".";
  long magic = PyImport_GetMagicNumber();
  row("magic", (const char *)&magic, sizeof magic);
  for (int i = 3; i < argc; i++) {
    const char *equals = strchr(argv[i], '=');
    if (equals) {
      snprintf(prefix, sizeof prefix, "%.*s", (int)(equals - argv[i]), argv[i]);
      folder = equals + 1;
    } else if (pack(prefix, folder, argv[i])) {
      return 1;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc < 4) return fail("usage", "lq_python_pack OUT SYMBOL PREFIX=FOLDER FILE...");
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;
  PyStatus status = Py_InitializeFromConfig(&config);
  if (PyStatus_Exception(status)) return fail("Python does not start", status.err_msg);
  out = fopen(argv[1], "wb");
  if (!out) return fail("it cannot be written", argv[1]);
  fprintf(out,
          "/* Written by lq_python_pack. */\n#include \"lq_base/embed.h\"\n\n"
          "extern const lq_embedded %s[];\n",
          argv[2]);
  int failed = pack_all(argc, argv);
  fprintf(out, "const lq_embedded %s[] = {\n%s  {NULL, NULL, 0}};\n", argv[2], table);
  return fclose(out) || failed;
}
