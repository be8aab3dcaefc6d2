/* Our patterns against Lua's own: the same script, over the same patterns and subjects, in the
 * guest and in a plain state of liblua. */
#include "apps/lq-jail/lua/lua_testing.h"
#include "tests/lq_test.h"

#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>

static lt_setup t;

/* Every result of the four functions, or the words of the error, as one line. */
#define SAY                                                                                        \
  "local function say(f, ...)\n"                                                                   \
  "  local r = table.pack(pcall(f, ...))\n"                                                        \
  "  if not r[1] then r[2] = r[2]:gsub('^[^:]*:%d+: ', '') end\n"                                  \
  "  for i = 1, r.n do r[i] = tostring(r[i]) end\n"                                                \
  "  return table.concat(r, ',', 1, r.n)\n"                                                        \
  "end\n"                                                                                          \
  "local function all(s, p, r, init)\n"                                                            \
  "  local words = {}\n"                                                                           \
  "  for w, x in s:gmatch(p) do words[#words + 1] = tostring(w) .. '/' .. tostring(x) end\n"       \
  "  return table.concat(words, ' ')\n"                                                            \
  "end\n"                                                                                          \
  "local function line(s, p, r, init)\n"                                                           \
  "  return table.concat({say(string.find, s, p, init), say(string.match, s, p, init),\n"          \
  "    say(string.find, s, p, init, true), say(all, s, p), say(string.gsub, s, p, r),\n"           \
  "    say(string.gsub, s, p, r, 2), say(string.gsub, s, p, {a='1', b=false, ab=2}),\n"            \
  "    say(string.gsub, s, p, function(x, y) return y or (x == 'a' and 'Q') end)}, ' | ')\n"       \
  "end\n"

/* The cases: random, of small alphabets, so that many match. Drawn from `seed` in both states. */
#define CASES                                                                                      \
  "local x = seed\n"                                                                               \
  "local function draw(n) x = (x * 1103515245 + 12345) & 0x7fffffff return (x >> 8) % n end\n"     \
  "local atoms = {'a', 'b', '.', '%a', '%d', '%w', '%s', '%x', '%p', '%u', '%L', '%D', '%z',\n"    \
  "  '[ab]', '[^a]', '[a-c]', '[%d_]', '[]]', '[^]]', '[a-]', '[-a]', '[%a-z]', '[', '%', '(',\n"  \
  "  ')', '()', '^', '$', '%1', '%2', '%bab', '%b()', '%b', '%f[%w]', '%f[^%w]', '%f', '*', "      \
  "'+',\n"                                                                                         \
  "  '-', '?', '%%', '%.', ' ', '\\0', '(a*)', '(.-)b', '(a(b?))', 'A', '1', '_', '\\xff',\n"      \
  "  '[\\x80-\\xff]', '%g', '%c', '%l', '[%', '[a', '[^', '%0', '%9'}\n"                           \
  "local tails = {'', '', '', '*', '+', '-', '?'}\n"                                               \
  "local letters = {'a', 'b', 'a', 'b', 'c', '(', ')', '1', ' ', '_', '%', ']', '\\0', 'A', "      \
  "'\\xff', '-'}\n"                                                                                \
  "local repl = {'x', '<%0>', '<%1>', '%%', '%2', '', '%', '%x', '%1%0'}\n"                        \
  "local out = {}\n"                                                                               \
  "for case = 1, count do\n"                                                                       \
  "  local p, s = {}, {}\n"                                                                        \
  "  for i = 1, draw(6) do p[#p + 1] = atoms[draw(#atoms) + 1] .. tails[draw(#tails) + 1] end\n"   \
  "  for i = 1, draw(9) do s[#s + 1] = letters[draw(#letters) + 1] end\n"                          \
  "  p, s = table.concat(p), table.concat(s)\n"                                                    \
  "  out[case] = line(s, p, repl[draw(#repl) + 1], draw(12) - 4)\n"                                \
  "end\n"

enum { COUNT = 60, ROUNDS = 400 };

/* Ours gives one line for all cases of a seed: a hash of it is what the state holds. */
#define HASH                                                                                       \
  "local all = table.concat(out, '\\n')\n"                                                         \
  "local h = 5381 for i = 1, #all do h = (h * 33 + all:byte(i)) & 0xffffffffffff end\n"

static char oracle_line[65536];

static lua_Integer oracle(int seed, int only) {
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  char text[8192];
  snprintf(text, sizeof text,
           "%slocal seed, count, only = %d, %d, %d\n%s%sreturn h, string.format('%%q', (out[only] "
           "or ''):gsub('\\xff', '#'))",
           SAY, seed, COUNT, only, CASES, HASH);
  if (luaL_dostring(L, text) != LUA_OK) print_error("%s\n", lua_tostring(L, -1));
  lua_Integer hash = lua_tointeger(L, -2);
  size_t bytes = 0;
  const char *line = lua_tolstring(L, -1, &bytes);
  memset(oracle_line, 0, sizeof oracle_line);
  if (line) memcpy(oracle_line, line, bytes < sizeof oracle_line ? bytes : sizeof oracle_line - 1);
  lua_close(L);
  return hash;
}

/* Which case differs, for whoever has to mend it. */
static void tell(int seed) {
  for (int only = 1; only <= COUNT; only++) {
    oracle(seed, only);
    t.head.tick = (uint64_t)seed;
    char text[8192];
    snprintf(text, sizeof text,
             "%ssystem{name='late', run=function(world)\nlocal seed, count, only = %d, %d, %d\n"
             "%serror(string.format('%%q', (out[only] or ''):gsub('\\xff', '#')), 0) end}",
             SAY, seed, COUNT, only, CASES);
    assert_true(lt_load(&t, text));
    lt_run(&t, LT_SMALL, "late");
    const char *words = strstr(t.text, ": ");
    size_t bytes = strlen(oracle_line);
    if (words && strncmp(words + 2, oracle_line, bytes) != 0)
      print_error("seed %d case %d\n ours:  %s\n Lua's: %s\n", seed, only, words + 2, oracle_line);
  }
}

LQ_TEST(patterns_match_as_luas_own_do) {
  lt_close(&t); /* another budget */
  lt_game(&t);
  lq_lua_options much = {.steps_max = 1000000000};
  assert_true(lt_load_with(&t, &much,
                           SAY "system{name='late', state={}, run=function(world, delta, state)\n"
                               "local seed, count = world.tick, 60\n" CASES HASH
                               "state.h = h end}"));
  for (int seed = 1; seed <= ROUNDS; seed++) {
    lt_write(&t, LT_SMALL, lt_system(&t, "late"), UINT64_MAX, (lq_span){0}, NULL);
    t.head.tick = (uint64_t)seed;
    memcpy(t.call, &t.head, sizeof t.head);
    lq_guest_status status = lt_answer(&t);
    if (status) print_error("%s\n", t.text);
    assert_int_equal(status, LQ_GUEST_DONE);
    lq_reader in = lq_reader_of(lq_span_of(t.state, t.said.state_bytes));
    (void)lq_read_bytes(&in, 2); /* a table of one */
    (void)lq_read_bytes(&in, 3); /* "h" */
    (void)lq_read_u8(&in);
    int64_t ours = lq_read_zigzag(&in), theirs = oracle(seed, 0);
    if (ours != theirs) tell(seed);
    assert_int_equal(ours, theirs);
  }
}

LQ_TEST(patterns_pay_for_every_step) {
  lt_close(&t); /* another budget */
  lt_game(&t);
  assert_true(lt_load(&t, "system{name='late', run=function()\n"
                          "pcall(string.find, ('x'):rep(60000), ('.-'):rep(50) .. 'y')\nend}"));
  uint64_t start = lt_now_ns();
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_SPENT);
  assert_true(lt_now_ns() - start < 5000000000u);
  assert_memory_equal(t.text, "systems/hunt.lua:2: more than 10000000 steps", 44);
}
