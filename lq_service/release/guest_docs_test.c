/* docs/guests.md: every example in it is built and played, each in a real jail, in the game that
 * stands at the page's top. */
#include "lq_service/release/guest_testing.h"

enum { TEXT_BYTES = FX_BLOCK_BYTES, TICKS = 30 };

static char page[64 << 10];

static const char *read_page(void) {
  fx_page("docs/guests.md", page, sizeof page);
  return page;
}

/* The next block of this tag from *at on; false at the end. */
static bool block(const char **at, const char *tag, char out[TEXT_BYTES]) {
  char found[16];
  while (fx_block(at, found, out))
    if (strcmp(found, tag) == 0) return true;
  return false;
}

/* The names behind each `mark` of a text, up to `stop`, as lines of game.yaml. */
static void list(const char *text, const char *mark, char stop, const char *before,
                 const char *after, char *out) {
  while ((text = strstr(text, mark))) {
    text += strlen(mark);
    size_t bytes = (size_t)(strchr(text, stop) - text);
    (void)snprintf(out + strlen(out), TEXT_BYTES - strlen(out), "%s%.*s%s", before, (int)bytes,
                   text, after);
  }
}

typedef struct example {
  const char *tag, *system, *system_before, *command;
  lq_guest_language language;
} example;
static const example languages[] = {
    {"python", "\nclass ", NULL, "on_command(\"", LQ_GUEST_PYTHON},
    {"lua", "\n  name = \"", "system{name = \"", "command{name = \"", LQ_GUEST_LUA},
    {"c", "LQ_SYSTEM(\"", NULL, "LQ_COMMAND(\"", LQ_GUEST_WASM}};

/* systems: and commands: as the text says them. */
static void declare(const example *e, const char *text, const char *file, char *out) {
  char systems[TEXT_BYTES] = "", commands[TEXT_BYTES] = "", prefix[96];
  if (e->language == LQ_GUEST_PYTHON) {
    if (strstr(text, "from systems.treasure_hunt"))
      (void)snprintf(systems, sizeof systems, "  - systems.treasure_hunt.TreasureCollectSystem\n");
    (void)snprintf(prefix, sizeof prefix, "  - systems.%s.", file);
    for (const char *at = text; (at = strstr(at, "(System):")); at++) {
      const char *from = at;
      while (from[-1] != ' ') from--;
      (void)snprintf(systems + strlen(systems), sizeof systems - strlen(systems), "%s%.*s\n",
                     prefix, (int)(at - from), from);
    }
  } else {
    list(text, e->system, '"', "  - ", "\n", systems);
    if (e->system_before) list(text, e->system_before, '"', "  - ", "\n", systems);
  }
  list(text, e->command, '"', "  ", ": {fields: {entity: entity, vec: \"i32[3]\"}}\n", commands);
  int room = (int)(TEXT_BYTES - strlen(out));
  int bytes = snprintf(out + strlen(out), (size_t)room, "%s%s%s%s", systems[0] ? "systems:\n" : "",
                       systems, commands[0] ? "commands:\n" : "", commands);
  assert_true(bytes < room);
}

static void write_game(const char *folder, const example *e, const char *yaml, const char *text) {
  char path[128], stem[64], whole[TEXT_BYTES], script[512];
  fx_path_of(text, path);
  fx_stem_of(path, stem);
  (void)snprintf(whole, sizeof whole, "%s", yaml);
  declare(e, text, stem, whole);
  fx_write(folder, "game.yaml", whole);
  fx_write(folder, path, text);
  if (strstr(text, "from systems.treasure_hunt")) {
    (void)snprintf(script, sizeof script,
                   "cp examples/treasure_hunt/systems/treasure_hunt.py %s/systems/", folder);
    assert_int_equal(system(script), 0);
  }
  if (e->language == LQ_GUEST_WASM) fx_compile_wasm(folder, path);
}

/* A player who stands on the chest plays a while; every call is answered with what can be. */
static void play(const lq_release *release, const char *text) {
  fx_play p;
  fx_guests g;
  uint32_t events = 0, sent = 0;
  fx_play_open(&p, release->game, 1);
  fx_guests_open(&g, release, p.session);
  fx_join(&p, "p1");
  events += p.result.event_count;
  bool steps = lq_game_command_find(release->game, lq_span_text("step")) != UINT32_MAX;
  for (int tick = 0; tick < TICKS; tick++) {
    if (steps) assert_ok(fx_send(&p, "p1", "{\"cmd\":\"step\",\"entity\":\"p1\",\"vec\":[1,0,0]}"));
    fx_tick(&p);
    if (p.result.state != LQ_TICK_DONE) fail_msg("%s\n%s", p.result.guest_why, text);
    events += p.result.event_count;
    if (steps) assert_ok(p.result.applied[0].outcome);
    sent += p.result.sent_count;
  }
  assert_true(fx_guests_asked(&g) > 0);
  if (strstr(text, "\"treasure.collected\"")) assert_int_equal(events, 1);
  /* One that sends goes one step in the tick of joining, and then two a tick. */
  bool sends = strstr(text, "\"PlayerTag\"") && steps;
  sends |= strstr(text, "world.command") != NULL;
  assert_int_equal(sent, sends ? TICKS : 0);
  if (steps) assert_int_equal(fx_at(&p, "p1").x, 8 + TICKS + (sends ? 1 + TICKS : 0));
  if (strstr(text, "ticks")) {
    int64_t coins;
    memcpy(&coins, fx_get(&p, "p1", "Purse"), sizeof coins);
    assert_true(coins == (TICKS + 1) / 5);
  }
  fx_guests_close(&g);
  fx_play_close(&p);
}

static void run(const example *e, uint32_t due) {
  char yaml[TEXT_BYTES], text[TEXT_BYTES], cache[64];
  const char *at = read_page(), *top = at;
  uint32_t count = 0;
  assert_true(block(&top, "yaml", yaml));
  fx_folder(cache);
  lq_releases *releases = fx_releases(cache, NULL);
  lq_releases_guests(releases, lq_guest_describe, fx_jails());
  while (block(&at, e->tag, text)) {
    char folder[64];
    fx_folder(folder);
    write_game(folder, e, yaml, text);
    play(fx_build(releases, folder), text);
    fx_folder_remove(folder);
    count++;
  }
  assert_int_equal(count, due);
  lq_releases_close(releases);
  fx_folder_remove(cache);
}

LQ_TEST(the_pages_python_is_played) { run(&languages[0], 4); }
LQ_TEST(the_pages_lua_is_played) { run(&languages[1], 4); }
LQ_TEST(the_pages_wasm_is_played) { run(&languages[2], 4); }

LQ_TEST(the_pages_first_python_is_the_example) {
  char text[TEXT_BYTES];
  const char *at = read_page();
  uint8_t *data = NULL;
  size_t bytes = 0;
  assert_true(block(&at, "python", text));
  assert_ok(
      lq_file_read("examples/treasure_hunt/systems/treasure_hunt.py", TEXT_BYTES, &data, &bytes));
  assert_int_equal(bytes, strlen(text));
  assert_memory_equal(data, text, bytes);
  lq_file_free(data);
}
