/* Scripts that want out, and never to end. Each must end in bounded time and memory, and the next
 * call of an honest system must be right. */
#include "apps/lq-jail/lua/lua_testing.h"
#include "tests/lq_test.h"

static lt_setup t;

enum { SPENT = 1 << LQ_GUEST_SPENT, RAISED = 1 << LQ_GUEST_RAISED, DONE = 1 << LQ_GUEST_DONE };
/* Twice the memory of values, and the program; a sanitizer keeps as much again. */
#define RESIDENT_KIB_MAX (256 << 10)
#define SECONDS_MAX 4 /* sanitizers included; without, none takes half a second */

typedef struct script {
  const char *name;
  int ends;                 /* statuses it may end with */
  const char *body, *words; /* words: part of the text; NULL: any */
} script;

static const script scripts[] = {
    {"a loop", SPENT, "while true do end", "systems/hunt.lua:2: more than 10000000 steps"},
    {"a loop of goto", SPENT, "::a:: goto a", "steps"},
    {"a for over all integers", SPENT, "for i = math.mininteger, math.maxinteger do end", "steps"},
    {"a for that would overflow", DONE, "for i = math.maxinteger - 1, math.maxinteger do end",
     NULL},
    {"a for of floats without an end", SPENT, "for i = 1, math.huge do end", "steps"},
    {"pcall in a loop", SPENT, "while true do pcall(function() while true do end end) end",
     "steps"},
    {"pcall of pcall", SPENT, "local function f() pcall(f) while true do end end f()", "steps"},
    {"xpcall with a handler that loops", SPENT,
     "xpcall(function() error('x') end, function() while true do end end)", "steps"},
    {"xpcall with a handler that fails", RAISED | DONE,
     "local function h() error('y') end xpcall(error, h, 'x')", NULL},
    {"a coroutine that loops", SPENT, "coroutine.wrap(function() while true do end end)()",
     "steps"},
    {"coroutines without an end", SPENT,
     "while true do coroutine.wrap(function() for i = 1, 100 do end end)() end", "steps"},
    {"coroutines that are kept", SPENT,
     "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end", NULL},
    {"coroutines in coroutines", RAISED | SPENT,
     "local function f() return coroutine.wrap(f)() end f()", NULL},
    {"a coroutine that is resumed by itself", RAISED | DONE,
     "local c c = coroutine.create(function() coroutine.resume(c) error(coroutine.status(c)) end)\n"
     "coroutine.resume(c)",
     NULL},
    {"a yield out of the system", RAISED, "coroutine.yield()", "outside a coroutine"},
    {"a yield across pcall and sort", RAISED | DONE,
     "local c = coroutine.wrap(function() table.sort({3, 2, 1}, function() coroutine.yield() end) "
     "end)\n"
     "c()",
     NULL},
    {"a comparator that loops", SPENT, "table.sort({1, 2}, function() while true do end end)",
     "steps"},
    {"a comparator that lies", DONE,
     "local t = {} for i = 1, 200 do t[i] = i % 7 end table.sort(t, function() return true end)",
     NULL},
    {"a comparator that empties the table", RAISED | DONE,
     "local t = {} for i = 1, 200 do t[i] = i end\n"
     "table.sort(t, function(a, b) for i = 1, 200 do t[i] = nil end return a > b end)",
     NULL},
    {"a sort of a table that says it is long", SPENT | RAISED,
     "table.sort(setmetatable({}, {__len=function() return 1 << 30 end}))", NULL},
    {"gsub with a function that loops", SPENT, "('x'):gsub('x', function() while true do end end)",
     "steps"},
    {"gsub in gsub", RAISED,
     "local function f(s) return (s:gsub('.', f)) end ('x'):rep(50):gsub('.', f)", NULL},
    {"a pattern that tries everything", SPENT, "('x'):rep(60000):find(('.-'):rep(50) .. 'y')",
     "steps"},
    {"a pattern in gmatch", SPENT, "for _ in ('x'):rep(60000):gmatch(('x*'):rep(30) .. 'y') do end",
     "steps"},
    {"patterns in a loop in pcall", SPENT,
     "while true do pcall(string.find, ('x'):rep(9999), ('.-'):rep(9) .. 'y') end", "steps"},
    {"a pattern that nests too deep", RAISED, "('x'):rep(30000):find(('(x'):rep(300))", NULL},
    {"a set that is long", SPENT,
     "local s = ('x'):rep(60000) s:find(('[' .. ('a'):rep(60000) .. ']') .. '*y')", "steps"},
    {"%b over and over", SPENT, "while true do ('('):rep(60000):find('%b()') end", "steps"},
    {"metamethods that loop", SPENT,
     "local m = {} m.__index = function(t, k) return t[k] end\n"
     "local ok, e = pcall(function() return setmetatable({}, m).x end)\n"
     "m.__add = function() while true do end end return setmetatable({}, m) + 1",
     "steps"},
    {"__index in a ring", RAISED,
     "local a, b = {}, {} setmetatable(a, {__index=b})\n"
     "setmetatable(b, {__index=a}) return a.x",
     "loop"},
    {"__gc", RAISED, "setmetatable({}, {__gc=function() while true do end end})",
     "__gc is not there"},
    {"__gc set later", DONE | SPENT,
     "local m = {} setmetatable({}, m) m.__gc = function() while true do end end\n"
     "for i = 1, 1e5 do setmetatable({}, {}) end",
     NULL},
    {"weak tables", RAISED, "setmetatable({}, {__mode='k'})", "__mode is not there"},
    {"__close that loops", SPENT,
     "local x <close> = setmetatable({}, {__close=function() while true do end end})", "steps"},
    {"__close after the budget", SPENT,
     "local x <close> = setmetatable({}, {__close=function() for i = 1, 1e9 do end end})\n"
     "while true do end",
     "steps"},
    {"__close in a coroutine that is closed", SPENT,
     "local c = coroutine.create(function()\n"
     "  local x <close> = setmetatable({}, {__close=function() while true do end end})\n"
     "  coroutine.yield()\n"
     "end)\ncoroutine.resume(c) coroutine.close(c)",
     "steps"},
    {"__tostring that loops", SPENT,
     "error(setmetatable({}, {__tostring=function() while true do end end}))", "steps"},
    {"__tostring that fails", RAISED,
     "error(setmetatable({}, {__tostring=function() error('x') end}))", NULL},
    {"__tostring that is no text", RAISED,
     "error(setmetatable({}, {__tostring=function() return {} end}))", NULL},
    {"__pairs, __len, __concat", SPENT,
     "local m = {__pairs=function() return function() return 1 end end, __concat=function() return "
     "''\n"
     "end} for _ in pairs(setmetatable({}, m)) do end",
     "steps"},
    {"__eq of components", DONE | RAISED,
     "local p = world:find('p0').Position setmetatable({}, {__eq=function() return true end})\n"
     "rawset(p, 'x', p) return p == world:find('c0').Position",
     NULL},
    {"a text as long as can be", SPENT, "('x'):rep(1 << 40)", "steps"},
    {"a text too long", SPENT, "('x'):rep(1 << 20)", "a text of more than 65536 bytes"},
    {"an empty text, very often", SPENT, "(''):rep(math.maxinteger)", "steps"},
    {"a text that doubles", SPENT, "local s = 'x' while true do s = s .. s end", "a text"},
    {"concat of a table without an end", SPENT | RAISED,
     "table.concat(setmetatable({}, {__index=function() return 'x' end}), '', 1, math.maxinteger)",
     NULL},
    {"concat of many long texts", SPENT,
     "local t, s = {}, ('x'):rep(60000) for i = 1, 1000 do t[i] = s end table.concat(t)", NULL},
    {"unpack of very many", RAISED | SPENT, "return table.unpack({}, 1, 1e8)", NULL},
    {"unpack of half a million", RAISED | SPENT | DONE, "return table.unpack({}, 1, 5e5)", NULL},
    {"move of very many", SPENT | RAISED, "table.move({}, 1, math.maxinteger - 1, 2, {})", NULL},
    {"insert into a table that says it is long", SPENT | RAISED,
     "table.insert(setmetatable({}, {__len=function() return 1 << 40 end}), 1, 'x')", NULL},
    {"a width of 99999", RAISED, "('%99999d'):format(1)", "invalid"},
    {"many widths of 99", DONE | SPENT,
     "for i = 1, 1000 do ('%99.99f'):rep(3):format(1e308, -1e308, i) end", NULL},
    {"addresses in format", RAISED, "return ('%p'):format({})", "'%p' is not there"},
    {"select of very many", RAISED | DONE, "select(math.mininteger, 1)", NULL},
    {"deep recursion", RAISED | SPENT, "local function f() return 1 + f() end f()", NULL},
    {"deep recursion through C", RAISED | SPENT,
     "local function f() return (('x'):gsub('x', f)) end f()", NULL},
    {"deep recursion through metamethods", RAISED | SPENT,
     "local m = {} m.__index = function(t, k) return setmetatable({}, m)[k] end\n"
     "return setmetatable({}, m).x",
     NULL},
    {"a stack overflow in pcall, in a loop", SPENT | RAISED,
     "local function f() return 1 + f() end while true do pcall(f) end", NULL},
    {"tables without an end", SPENT, "local t = {} while true do t[#t + 1] = {} end",
     "bytes of memory"},
    {"tables without an end, in pcall", SPENT,
     "while true do pcall(function() local t = {} while true do t[#t + 1] = {} end end) end", NULL},
    {"one big table", SPENT, "local t = {} for i = 1, 1e9 do t[i] = i end", NULL},
    {"a table of texts", SPENT, "local t = {} for i = 1, 1e9 do t['k' .. i] = i end", NULL},
    {"memory that is never enough, in pcall", SPENT,
     "local t = {} for i = 1, 200000 do t[i] = {} end\n"
     "while true do pcall(string.rep, 'x', 60000) t[#t + 1] = {} end",
     NULL},
    {"load", RAISED, "load('return 1')()", "global 'load'"},
    {"compiled code", RAISED, "loadstring('\\27Lua')", "global 'loadstring'"},
    {"string.dump", RAISED, "string.dump(function() end)", "field 'dump'"},
    {"require, io, os, debug", DONE,
     "assert(not require and not io and not os and not debug and not package and not dofile and\n"
     "  not loadfile and not collectgarbage and not print and not _G and not rawequal('', 1))",
     NULL},
    {"the metatable of texts", DONE,
     "assert(getmetatable('') == false and not pcall(setmetatable, '', {}))", NULL},
    {"the library of texts, spoilt", DONE,
     "string.format = nil string.rep = function() while true do end end math.floor = nil", NULL},
    {"the iterator of texts, spoilt", DONE, "setmetatable(string, {__index=function() end})", NULL},
    {"an entity with another handle", RAISED | DONE,
     "local p = world:find('p0') p[1] = 77 world:find('c0').Position.x = 1 p:add('Purse')", NULL},
    {"an entity that is none", RAISED, "getmetatable(world:find('p0')).__index.add({}, 'Purse')",
     NULL},
    {"methods of an entity on something else", RAISED, "world:find('p0').add({}, 'Purse')",
     "is called on an entity"},
    {"random in pcall without an end", SPENT, "while true do pcall(world.random, world, 0) end",
     NULL},
    {"events without an end", SPENT | RAISED, "while true do world:emit('log', {value=1}) end",
     NULL},
    {"commands without an end", RAISED, "while true do world:command('spawn', {count=1}) end",
     "256 commands are sent in a tick at most"},
    {"the host's own commands", RAISED, "world:command('end', {reason='bye'})", "only the host"},
    {"commands in pcall without an end", SPENT,
     "while true do pcall(world.command, world, 'spawn') end", NULL},
    {"entities without an end", SPENT | RAISED, "while true do world:create{} end", NULL},
    {"components without an end", SPENT | RAISED,
     "local p = world:find('p0') while true do local x = p.Position p.Position = nil end", NULL},
    {"next on a table that is full", SPENT,
     "local t = {} for i = 1, 20000 do t['k' .. i] = i end local k while true do k = next(t, k) "
     "end",
     "steps"},
    {"utf8 over long texts", SPENT, "local s = ('x'):rep(60000) while true do utf8.len(s) end",
     NULL},
    {"upper over long texts", SPENT, "local s = ('x'):rep(60000) while true do s:upper() end",
     NULL},
    {"numbers of long texts", SPENT,
     "local s = ('1'):rep(60000) while true do tonumber(s, 10) tonumber(s) end", NULL},
    {"division of the least integer", DONE,
     "assert(math.mininteger // -1 == math.mininteger and math.mininteger % -1 == 0)", NULL},
    {"division by zero", RAISED, "return 1 // 0", "attempt to divide by zero"},
    {"arithmetic on texts", RAISED, "return '1' + 1", "arithmetic"},
    {"an error without words", RAISED, "error()", "nil"},
    {"an error that is a table", RAISED, "error({})", "systems/hunt.lua:2: table"},
    {"an error that is very long", RAISED, "error(('x'):rep(60000))", "xxx"},
    {"an error of bytes that are no text", RAISED, "error('a\\xffb')", "hunt.lua:2: a"},
    {"a state that is itself", RAISED | DONE, "local t = {} t.t = t", NULL},
};

#define COUNT (sizeof scripts / sizeof *scripts)

static void honest(const char *after) {
  lq_guest_status status = lt_run(&t, LT_SMALL, "hunt.collect");
  if (status) print_error("after %s: %s\n", after, t.text);
  assert_int_equal(status, LQ_GUEST_DONE);
  lq_reader in = lq_reader_of(lq_span_of(t.changes, t.said.changes_bytes));
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_DELETE);
  assert_int_equal(lq_read_u64(&in), lt_handle(1).bits);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_EMIT);
}

static uint32_t wrong;
static double slowest;
static const char *slowest_name = "";

static void hostile(const script *s) {
  static char text[8192];
  static uint8_t first[4096];
  /* The body's first line is line 2 of its own file: it comes first, the honest rule behind it. */
  snprintf(text, sizeof text, "system{name='late', run=function(world)\n%s\nend}\n%s", s->body,
           LT_HUNT);
  assert_true(lt_load(&t, text));
  for (int round = 0; round < 2; round++) {
    uint64_t start = lt_now_ns();
    lq_guest_status status = lt_run(&t, LT_SMALL, "late");
    double seconds = (double)(lt_now_ns() - start) / 1e9;
    if (seconds > slowest) {
      slowest = seconds;
      slowest_name = s->name;
    }
    bool right =
        (s->ends >> status & 1) && seconds < SECONDS_MAX && (!s->words || strstr(t.text, s->words));
    if (!right) print_error("%s: %d after %.1f s: %.300s\n", s->name, status, seconds, t.text);
    wrong += !right;
    if (status) assert_memory_equal(t.text, "systems/hunt.lua:", 17);
    /* Again, and after something else: the very same answer. */
    if (round == 0)
      memcpy(first, t.reply, t.said.bytes < sizeof first ? t.said.bytes : sizeof first);
    else
      assert_memory_equal(t.reply, first,
                          t.said.bytes < sizeof first ? t.said.bytes : sizeof first);
    honest(s->name);
  }
}

LQ_TEST(every_hostile_script_ends_and_leaves_nothing) {
  lt_game(&t);
  for (size_t i = 0; i < COUNT; i++) hostile(&scripts[i]);
  assert_int_equal(wrong, 0);
  print_message("the slowest took %.2f s: %s\n", slowest, slowest_name);
  long pages = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  assert_non_null(file);
  assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
  fclose(file);
  print_message("resident %ld KiB\n", resident * 4);
  assert_true(resident * 4 < RESIDENT_KIB_MAX);
}

LQ_TEST(coroutines_pay_for_instructions_that_no_hook_counts) {
  lt_game(&t);
  assert_true(lt_load(&t, "system{name='late', run=function(world) while true do world:random(2)\n"
                          "coroutine.wrap(function() for i = 1, 900 do end end)() end end}"));
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_SPENT);
  assert_in_range(t.said.draws, 5000, 10000); /* 10,000,000 steps, 1,000 of them each round */
}
