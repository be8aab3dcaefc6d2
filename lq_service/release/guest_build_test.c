/* Builds with guests, whose sources real jails describe: what an author who is wrong gets to read.
 */
#include "lq_service/release/guest_testing.h"

typedef struct built {
  char cache[64], folder[64];
  lq_releases *releases;
  const lq_release *release;
  lq_diag diag;
  lq_err err;
} built;

/* files: name, text, ..., NULL. */
static void build(built *b, const char *const *files) {
  *b = (built){.err = LQ_OK};
  fx_folder(b->cache);
  fx_folder(b->folder);
  for (; *files; files += 2) fx_write(b->folder, files[0], files[1]);
  b->releases = fx_releases(b->cache, NULL);
  lq_releases_guests(b->releases, lq_guest_describe, fx_jails());
  b->err = lq_releases_build(b->releases, b->folder, &b->release, &b->diag);
}
static void end(built *b) {
  lq_releases_close(b->releases);
  fx_folder_remove(b->cache);
  fx_folder_remove(b->folder);
}

/* The complaint of a game; "" for none. line: of the file that it names. */
static void check(const char *const *files, uint32_t line, const char *says) {
  built b;
  build(&b, files);
  bool right = says[0] ? b.err && !b.release && b.diag.code == b.err &&
                             strstr(b.diag.message, says) && b.diag.line == line && b.diag.mend[0]
                       : !b.err && b.release;
  if (!right)
    print_error("expected %u %s\n  got %u %s | %s\n", line, says, b.diag.line, b.diag.message,
                b.diag.mend);
  assert_true(right);
  end(&b);
}
#define CHECK(line, says, ...) check((const char *const[]){__VA_ARGS__, NULL}, line, says)

#define YAML "lq: 1\nname: g\ncomponents:\n  A: {fields: {n: i32}}\nsystems: [a.run]\n"
#define LUA "system{name = \"a.run\", run = function(world) end}\n"
#define PYTHON                                                                                     \
  "from lq_engine.ecs import Component, System, register_system\n"                                 \
  "class A(Component):\n  n: int = 0\n"                                                            \
  "@register_system()\nclass Run(System):\n  def process(self, world, delta):\n    pass\n"
#define PYTHON_YAML                                                                                \
  "lq: 1\nname: g\ncomponents:\n  A: {fields: {n: i32}}\nsystems: [systems.a.Run]\n"

LQ_TEST(a_guest_that_does_not_load_names_file_and_line) {
  CHECK(2, "/systems/a.lua:2: ", "game.yaml", YAML, "systems/a.lua", LUA "x = = 1\n");
  CHECK(2, "/systems/a.lua:2: ", "game.yaml", YAML, "systems/a.lua", LUA "error(\"no\")\n");
  CHECK(2, "/systems/a.py:2: ", "game.yaml", PYTHON_YAML, "systems/a.py",
        "import lq_engine\ndef f(:\n");
  CHECK(1, "/systems/a.py:1: ", "game.yaml", PYTHON_YAML, "systems/a.py",
        "import nothing_like_it\n");
}

/* Known only when the game is: what is built is loaded as a server loads it. */
LQ_TEST(what_is_built_loads) {
  CHECK(8, "/systems/a.py:8: ImportError: no component B: the game has A", "game.yaml", PYTHON_YAML,
        "systems/a.py", PYTHON "from lq_engine.game import B\n");
  CHECK(2, "imported from lq_engine.game elsewhere", "game.yaml", PYTHON_YAML, "systems/a.py",
        PYTHON, "systems/_first.py", "from lq_engine.game import A\n");
}

LQ_TEST(guests_and_game_yaml_must_agree) {
  CHECK(0, "", "game.yaml", YAML, "systems/a.lua", LUA);
  CHECK(0, "", "game.yaml", PYTHON_YAML, "systems/a.py", PYTHON);
  CHECK(5, "game.yaml:5:11: no code for the system 'a.run'; did you mean 'a.rnu'?", "game.yaml",
        YAML, "systems/a.lua", "system{name = \"a.rnu\", run = function() end}\n");
  CHECK(2, "/systems/a.lua:2: the system a.more is not listed in game.yaml", "game.yaml", YAML,
        "systems/a.lua", LUA "system{name = \"a.more\", run = function() end}\n");
  CHECK(2, "/systems/a.lua:2: game.yaml has no command go", "game.yaml", YAML, "systems/a.lua",
        LUA "command{name = \"go\", run = function() end}\n");
  CHECK(1, "there is no component 'B'", "game.yaml", YAML, "systems/a.lua",
        "system{name = \"a.run\", reads = {\"B\"}, run = function(world) end}\n");
  CHECK(4, "game.yaml:4:16: A.n is str(8) here, systems/a.py:2 says int", "game.yaml",
        "lq: 1\nname: g\ncomponents:\n  A: {fields: {n: str(8)}}\nsystems: [systems.a.Run]\n",
        "systems/a.py", PYTHON);
}

LQ_TEST(a_component_of_python_alone_may_stand_in_the_scene) {
  built b;
  build(&b, (const char *const[]){"game.yaml",
                                  "lq: 1\nname: g\nsystems: [systems.a.Run]\n"
                                  "scene: {one: {A: {n: 5000000000}}}\n",
                                  "systems/a.py", PYTHON, NULL});
  if (b.err) fail_msg("%s", b.diag.message);
  assert_int_equal(b.release->game->schema.component_count, 1);
  assert_int_equal(b.release->game->schema.component[0].record.field[0].kind, LQ_FIELD_I64);
  assert_int_equal(b.release->game->scene_entity_count, 1);
  end(&b);
}

LQ_TEST(two_owners_of_one_system_are_both_named) {
  CHECK(0, "/systems: the system a.run is written in C and in Lua", "game.yaml", YAML,
        "systems/a.lua", LUA, "systems/a.c",
        "#include \"game.h\"\nstatic void run(lq_sys *sys) { (void)sys; }\n"
        "LQ_SYSTEMS({\"a.run\", run})\n");
  CHECK(1, "/systems/b.lua:1: ", "game.yaml", YAML, "systems/a.lua", LUA, "systems/b.lua", LUA);
}

LQ_TEST(c_and_lua_share_a_game) {
  built b;
  build(&b, (const char *const[]){
                "game.yaml",
                "lq: 1\nname: g\ncomponents: {A: {fields: {n: i32}}}\nsystems: [a.run, b.run]\n"
                "scene: {one: {A: {n: 1}}}\n",
                "systems/a.lua",
                "system{name = \"a.run\", run = function(world)\n"
                "  for e in world:each(\"A\") do e.A.n = e.A.n + 2 end\nend}\n",
                "systems/b.c",
                "#include \"game.h\"\nstatic void run(lq_sys *sys) {\n"
                "  lq_sys_iter all = sys_query(sys, M_A, 0);\n  while (sys_next(sys, &all)) {\n"
                "    A *a = write_A(sys, &all);\n"
                "    for (uint32_t i = 0; i < all.count; i++) a[i].n *= 10;\n  }\n}\n"
                "LQ_SYSTEMS({\"b.run\", run})\n",
                NULL});
  if (b.err) fail_msg("%s", b.diag.message);
  fx_play p;
  fx_guests g;
  fx_play_open(&p, b.release->game, 1);
  fx_guests_open(&g, b.release, p.session);
  fx_tick(&p);
  int32_t n;
  memcpy(&n, fx_get(&p, "one", "A"), sizeof n);
  assert_int_equal(n, 30);
  fx_tick(&p);
  memcpy(&n, fx_get(&p, "one", "A"), sizeof n);
  assert_int_equal(n, 320);
  fx_guests_close(&g);
  fx_play_close(&p);
  end(&b);
}

LQ_TEST(a_module_that_is_none_says_so) {
  CHECK(0, "/systems/a.wasm: ", "game.yaml", YAML, "systems/a.wasm", "no module");
}
