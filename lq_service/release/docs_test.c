/* docs/game-yaml.md: its examples are read as they stand, and every key of the reader is in it. */
#include "lq_service/release/build_testing.h"

enum { ARENA_BYTES = 16 << 20 };

static char page[64 << 10];

static void open_page(void) { fx_page("docs/game-yaml.md", page, sizeof page); }

LQ_TEST(every_example_of_the_page_is_a_game) {
  open_page();
  uint32_t count = 0;
  void *memory = lq_pages_take(ARENA_BYTES);
  assert_non_null(memory);
  for (const char *at = page; (at = strstr(at, "\n```yaml\n")); count++) {
    at += 9;
    const char *end = strstr(at, "\n```\n");
    assert_non_null(end);
    char text[4096];
    bool whole = strncmp(at, "lq: 1", 5) == 0;
    (void)snprintf(text, sizeof text, "%s%.*s\n", whole ? "" : "lq: 1\nname: demo\n",
                   (int)(end - at), at);
    lq_arena arena = lq_arena_of(memory, ARENA_BYTES);
    lq_game *game = NULL;
    lq_diag diag = {0};
    lq_err err = lq_game_yaml_read(lq_span_text(text), "example", &arena, &game, &diag);
    if (err) print_error("%s\n%s\n", diag.message, text);
    assert_ok(err);
    at = end + 4;
  }
  assert_int_equal(count, 14);
  lq_pages_give(memory, ARENA_BYTES);
}

LQ_TEST(every_key_stands_on_the_page) {
  static const char *const keys[] = {
      "lq: ",        "name: ",       "title: ",      "version: ", "tick: ",     "hz: ",
      "confirm: ",   "limits: ",     "entities",     "players:",  "constants",  "roles: ",
      "components:", "fields: ",     "stored: ",     "audited: ", "sealed: ",   "see: ",
      "type: ",      "default: ",    "currency: ",   "commands:", "owner: ",    "events:",
      "about: ",     "systems:",     "tick_order: ", "spawn: ",   "on_leave: ", "scene:",
      "migrate:",    "rename:",      "drop: ",       "physics:",  "gravity",    "substeps",
      "bodies_max",  "contacts_max", "hit_speed"};
  open_page();
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
    if (!strstr(page, keys[i])) print_error("%s\n", keys[i]);
    assert_non_null(strstr(page, keys[i]));
  }
}
