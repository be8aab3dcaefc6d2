/* From a folder to running code, with the real compiler: builds, the cache, errors, blobs. */
#include "lq_service/release/build_testing.h"

#include <sys/wait.h>

#define EXAMPLE "examples/treasure_hunt_c"

LQ_TEST(a_second_process_takes_the_module_from_the_cache) {
  char cache[64];
  fx_folder(cache);
  lq_releases *first = fx_releases(cache, NULL);
  const lq_release *built = fx_build(first, EXAMPLE);
  assert_ptr_equal(fx_build(first, EXAMPLE), built);
  assert_ptr_equal(lq_releases_find(first, built->id), built);
  uint8_t unknown[32] = {1};
  assert_null(lq_releases_find(first, unknown));
  /* No compiler here: what loads was not compiled again. */
  lq_releases *second = fx_releases(cache, "/bin/false");
  const lq_release *loaded = NULL;
  lq_diag diag = {0};
  assert_ok(lq_releases_load(second, built->blob, &loaded, &diag));
  assert_string_equal(loaded->id_hex, built->id_hex);
  assert_non_null(loaded->game->system_fn[0]);
  assert_ptr_equal(lq_releases_find(second, built->id), loaded);
  lq_releases_close(second);
  lq_releases_close(first);
  fx_folder_remove(cache);
}

typedef struct counted {
  uint32_t modules, hidden;
} counted;
static bool count_entry(void *context, const char *name, bool is_folder) {
  counted *c = context;
  c->modules += !is_folder && strstr(name, ".so") != NULL;
  c->hidden += name[0] == '.';
  return true;
}

LQ_TEST(two_processes_may_build_at_once) {
  char cache[64];
  fx_folder(cache);
  pid_t child[3];
  for (int i = 0; i < 3; i++) {
    child[i] = fork();
    assert_true(child[i] >= 0);
    if (child[i] > 0) continue;
    lq_releases *releases = NULL;
    const lq_release *release = NULL;
    lq_err err = lq_releases_open(cache, NULL, &releases);
    if (!err) err = lq_releases_build(releases, EXAMPLE, &release, NULL);
    _exit(err == LQ_OK && release->game->system_fn[0] ? 0 : 1);
  }
  for (int i = 0; i < 3; i++) {
    int status = 0;
    assert_true(waitpid(child[i], &status, 0) == child[i]);
    assert_int_equal(status, 0);
  }
  counted c = {0};
  assert_ok(lq_folder_list(cache, count_entry, &c));
  assert_int_equal(c.modules, 1);
  assert_int_equal(c.hidden, 0);
  fx_folder_remove(cache);
}

static bool find_module(void *context, const char *name, bool is_folder) {
  char *found = context;
  size_t bytes = strlen(name);
  if (!is_folder && bytes > 3 && strcmp(name + bytes - 3, ".so") == 0)
    memcpy(found, name, bytes + 1);
  return true;
}

/* It is code: whatever the bit changes, it would run. */
LQ_TEST(a_module_with_one_flipped_bit_is_never_loaded) {
  char cache[64], name[256] = "", path[512];
  fx_folder(cache);
  lq_releases *first = fx_releases(cache, NULL);
  (void)fx_build(first, "examples/treasure_hunt_c");
  lq_releases_close(first);
  assert_ok(lq_folder_list(cache, find_module, name));
  (void)snprintf(path, sizeof path, "%s/%s", cache, name);
  uint8_t *whole, *again;
  size_t bytes, bytes_again;
  assert_ok(lq_file_read(path, 1 << 24, &whole, &bytes));
  const lq_release *release;
  lq_diag diag = {0};
  for (size_t i = 0; i < 100; i++) {
    size_t at = i * (bytes - 1) / 99; /* the last one is of the digest itself */
    whole[at] ^= (uint8_t)(1u << i % 8);
    assert_ok(lq_file_write(path, lq_span_of(whole, bytes)));
    lq_releases *damaged = fx_releases(cache, "/bin/false");
    assert_int_equal(lq_releases_build(damaged, "examples/treasure_hunt_c", &release, &diag),
                     LQ_ERR_BUILD);
    lq_releases_close(damaged);
    whole[at] ^= (uint8_t)(1u << i % 8);
  }
  assert_ok(lq_file_write(path, lq_span_of(whole, bytes - 100)));
  lq_releases *mended = fx_releases(cache, NULL);
  (void)fx_build(mended, "examples/treasure_hunt_c");
  lq_releases_close(mended);
  assert_ok(lq_file_read(path, 1 << 24, &again, &bytes_again));
  assert_true(bytes_again == bytes && memcmp(again, whole, bytes) == 0);
  lq_file_free(whole);
  lq_file_free(again);
  fx_folder_remove(cache);
}

LQ_TEST(a_damaged_module_in_the_cache_is_made_again) {
  char cache[64], path[512];
  fx_folder(cache);
  lq_releases *first = fx_releases(cache, NULL);
  (void)fx_build(first, EXAMPLE);
  lq_releases_close(first);
  (void)snprintf(path, sizeof path, "for f in %s/*.so; do printf broken > $f; done", cache);
  assert_int_equal(system(path), 0);
  lq_releases *second = fx_releases(cache, NULL);
  assert_non_null(fx_build(second, EXAMPLE)->game->system_fn[0]);
  lq_releases_close(second);
  fx_folder_remove(cache);
}

LQ_TEST(without_a_compiler_only_native_games_fail_and_say_what_to_install) {
  char cache[64];
  fx_folder(cache);
  lq_diag diag = {0};
  const lq_release *release = NULL;
  static const char *const compilers[] = {"/bin/false", "/no/such/compiler", "no-such-compiler"};
  for (int i = 0; i < 3; i++) {
    lq_releases *releases = fx_releases(cache, compilers[i]);
    assert_int_equal(lq_releases_build(releases, EXAMPLE, &release, &diag), LQ_ERR_BUILD);
    assert_null(release);
    assert_non_null(strstr(diag.message, compilers[i]));
    assert_non_null(strstr(diag.mend, "apt install gcc"));
    (void)fx_build(releases, "lq_service/release/templates/empty");
    lq_releases_close(releases);
  }
  fx_folder_remove(cache);
}

/* ---- errors of the sources ---- */
#define YAML "lq: 1\nname: g\ncomponents:\n  A: {fields: {n: i32}}\nsystems: [a.run]\n"
#define CODE "#include \"game.h\"\nstatic void run(lq_sys *sys) { (void)sys; }\n"

static void check_error(const char *yaml, const char *code, uint32_t line, uint32_t column,
                        const char *says) {
  char cache[64], folder[64], expected[256];
  fx_folder(cache);
  fx_folder(folder);
  if (yaml) fx_write(folder, "game.yaml", yaml);
  if (code) fx_write(folder, "systems/a.c", code);
  lq_releases *releases = fx_releases(cache, NULL);
  const lq_release *release = NULL;
  lq_diag diag = {0};
  lq_err err = lq_releases_build(releases, folder, &release, &diag);
  (void)snprintf(expected, sizeof expected, "%s/%s", folder, says);
  bool right = err && !release && diag.code == err && strstr(diag.message, expected) &&
               diag.line == line && diag.column == column && diag.mend[0];
  if (!right)
    print_error("expected %u:%u %s\n  got %u:%u %s | %s\n", line, column, expected, diag.line,
                diag.column, diag.message, diag.mend);
  assert_true(right);
  lq_releases_close(releases);
  fx_folder_remove(folder);
  fx_folder_remove(cache);
}

LQ_TEST(errors_of_the_compiler_name_the_users_own_file) {
  check_error(YAML, CODE "int broken(void) { return nothing; }\nLQ_SYSTEMS({\"a.run\", run})\n", 3,
              27, "systems/a.c:3:27: error: ");
  check_error(YAML, "#include \"game.h\"\n#include \"none.h\"\n", 2, 10,
              "systems/a.c:2:10: fatal error: none.h");
  check_error(YAML, CODE "void f(void) { undeclared(); }\nLQ_SYSTEMS({\"a.run\", run})\n", 3, 16,
              "systems/a.c:3:16: error: implicit declaration");
}

LQ_TEST(what_differs_between_machines_does_not_link) {
  check_error(YAML,
              "#include \"game.h\"\n#include <math.h>\nvolatile double in = 1;\ndouble out;\n"
              "static void run(lq_sys *sys) { (void)sys; out = sin(in); }\n"
              "LQ_SYSTEMS({\"a.run\", run})\n",
              5, 0, "systems/a.c:5: undefined reference to `sin'");
}

LQ_TEST(the_root_is_exact_and_links) {
  char cache[64], folder[64];
  fx_folder(cache);
  fx_folder(folder);
  fx_write(folder, "game.yaml", YAML);
  fx_write(folder, "systems/a.c",
           "#include \"game.h\"\n#include <math.h>\nvolatile double in = 1;\ndouble out;\n"
           "static void run(lq_sys *sys) { (void)sys; out = sqrt(in) + sqrtf((float)in); }\n"
           "LQ_SYSTEMS({\"a.run\", run})\n");
  lq_releases *releases = fx_releases(cache, NULL);
  assert_non_null(fx_build(releases, folder));
  lq_releases_close(releases);
  fx_folder_remove(folder);
  fx_folder_remove(cache);
}

LQ_TEST(what_is_declared_and_what_is_written_must_agree) {
  check_error(YAML, CODE "LQ_SYSTEMS({\"a.other\", run})\n", 0, 0,
              "game.yaml: the code has a system \"a.other\"");
  check_error("lq: 1\nname: g\nsystems: [a.run, a.more]\n", CODE "LQ_SYSTEMS({\"a.run\", run})\n",
              0, 0, "game.yaml: no code for the system \"a.more\"");
  check_error("lq: 1\nname: g\nsystems: [a.run]\n", NULL, 3, 11,
              "game.yaml:3:11: no code for the system 'a.run'");
  check_error("lq: 1\nname: g\ncommands: {go: {}}\n", NULL, 3, 12,
              "game.yaml:3:12: no code for the command 'go'");
  check_error("lq: 1\nname: g\n", "int lonely;\n", 0, 0, "systems: no file includes \"game.h\"");
}

LQ_TEST(errors_of_the_folder_say_where) {
  check_error(NULL, NULL, 0, 0, "game.yaml: there is no such file");
  check_error("lq: 1\nnmae: g\n", NULL, 2, 1, "game.yaml:2:1: unknown key 'nmae'");
}

LQ_TEST(several_sources_and_headers_make_one_module) {
  char cache[64], folder[64];
  fx_folder(cache);
  fx_folder(folder);
  fx_write(folder, "game.yaml", YAML);
  fx_write(folder, "systems/a.c",
           "#include \"game.h\"\n#include \"b.h\"\n"
           "static void run(lq_sys *sys) { (void)sys; (void)helper(1); }\n"
           "LQ_SYSTEMS({\"a.run\", run})\n");
  fx_write(folder, "systems/b.c", "#include \"b.h\"\nint helper(int n) { return n; }\n");
  fx_write(folder, "systems/b.h", "int helper(int n);\n");
  fx_write(folder, "systems/.#a.c", "an editor's lock");
  fx_write(folder, "systems/game.h", "for the editor only");
  fx_write(folder, "systems/notes.md", "not a source");
  lq_releases *releases = fx_releases(cache, NULL);
  const lq_release *one = fx_build(releases, folder);
  fx_write(folder, "systems/notes.md", "changed");
  assert_ptr_equal(fx_build(releases, folder), one);
  fx_write(folder, "systems/b.h", "int helper(int n); /* changed */\n");
  assert_ptr_not_equal(fx_build(releases, folder), one);
  lq_releases_close(releases);
  fx_folder_remove(folder);
  fx_folder_remove(cache);
}

LQ_TEST(without_guests_a_game_with_guests_says_so) {
  char cache[64], folder[64];
  fx_folder(cache);
  fx_folder(folder);
  fx_write(folder, "game.yaml", "lq: 1\nname: g\n");
  fx_write(folder, "systems/hunt.lua", "");
  lq_releases *releases = fx_releases(cache, NULL);
  const lq_release *release = NULL;
  lq_diag diag = {0};
  assert_int_equal(lq_releases_build(releases, folder, &release, &diag), LQ_ERR_BUILD);
  assert_non_null(strstr(diag.message, "/systems/hunt.lua: this program runs no guests"));
  fx_write(folder, "systems/not-a-module.py", "");
  assert_int_equal(lq_releases_build(releases, folder, &release, &diag), LQ_ERR_INVALID);
  assert_non_null(strstr(diag.message, "not-a-module.py is not usable"));
  lq_releases_close(releases);
  fx_folder_remove(folder);
  fx_folder_remove(cache);
}

/* ---- blobs ---- */
static lq_err load_bytes(lq_releases *releases, const uint8_t *data, size_t bytes) {
  const lq_release *release = NULL;
  lq_diag diag = {0};
  lq_err err = lq_releases_load(releases, lq_span_of(data, bytes), &release, &diag);
  assert_true(err ? !release && diag.message[0] != 0 : release != NULL);
  return err;
}

LQ_TEST(damaged_blobs_are_refused) {
  char cache[64];
  fx_folder(cache);
  lq_releases *releases = fx_releases(cache, "/bin/false");
  const lq_release *release = fx_build(releases, "lq_service/release/templates/empty");
  size_t bytes = release->blob.bytes;
  uint8_t *copy = malloc(bytes + 1);
  assert_non_null(copy);
  for (size_t cut = 0; cut < bytes; cut++) {
    memcpy(copy, release->blob.data, cut);
    assert_int_not_equal(load_bytes(releases, copy, cut), LQ_OK);
  }
  uint32_t refused = 0;
  for (size_t at = 0; at < bytes; at++) {
    memcpy(copy, release->blob.data, bytes);
    copy[at] ^= 0x41;
    refused += load_bytes(releases, copy, bytes) != LQ_OK;
  }
  assert_true(refused > bytes / 2); /* the rest is another, valid game: a letter of a name */
  memcpy(copy, release->blob.data, bytes);
  copy[bytes] = 0;
  assert_int_equal(load_bytes(releases, copy, bytes + 1), LQ_ERR_CORRUPT);
  free(copy);
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

LQ_TEST(a_blob_cannot_name_files_outside) {
  char cache[64];
  fx_folder(cache);
  lq_releases *releases = fx_releases(cache, "/bin/false");
  const lq_release *release = fx_build(releases, "lq_service/release/templates/empty");
  static const char *const names[] = {"../a.c", "a/b.c", ".a.c",    "-o.c",  "a.so",
                                      "game.h", "",      "c",       "1a.py", "a-b.py",
                                      "a.b.py", ".py",   "a/b.lua", ".lua",  "../a.wasm"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    uint8_t room[4096];
    lq_writer out = lq_writer_of(room, sizeof room);
    lq_write_bytes(&out, release->blob.data, release->blob.bytes - 1); /* without its count, 0 */
    lq_write_varint(&out, 1);
    lq_write_sized(&out, names[i], strlen(names[i]));
    lq_write_sized(&out, "int x;", 6);
    assert_int_equal(load_bytes(releases, room, out.bytes), LQ_ERR_CORRUPT);
  }
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

LQ_TEST(a_release_hands_out_the_sources_of_a_language) {
  char cache[64];
  fx_folder(cache);
  lq_releases *releases = fx_releases(cache, "/bin/false");
  const lq_release *empty = fx_build(releases, "lq_service/release/templates/empty"), *release;
  static const char *const names[] = {"a.lua", "b.lua", "b.py"};
  uint8_t room[4096];
  lq_writer out = lq_writer_of(room, sizeof room);
  lq_write_bytes(&out, empty->blob.data, empty->blob.bytes - 1); /* without its count, 0 */
  lq_write_varint(&out, 3);
  for (size_t i = 0; i < 3; i++) {
    lq_write_sized(&out, names[i], strlen(names[i]));
    lq_write_sized(&out, names[i], i + 1);
  }
  lq_diag diag = {0};
  assert_ok(lq_releases_load(releases, lq_writer_span(&out), &release, &diag));
  assert_memory_not_equal(release->id, empty->id, 32);
  lq_guest_source file[3];
  assert_int_equal(lq_release_sources(release, LQ_GUEST_LUA, file, 3), 2);
  assert_true(lq_span_is(file[0].name, "systems/a.lua") && lq_span_is(file[0].text, "a"));
  assert_true(lq_span_is(file[1].name, "systems/b.lua") && lq_span_is(file[1].text, "b."));
  assert_int_equal(lq_release_sources(release, LQ_GUEST_PYTHON, file, 0), 1);
  assert_int_equal(lq_release_sources(release, LQ_GUEST_WASM, file, 1), 0);
  assert_int_equal(lq_release_sources(empty, LQ_GUEST_LUA, file, 3), 0);
  lq_releases_close(releases);
  fx_folder_remove(cache);
}
