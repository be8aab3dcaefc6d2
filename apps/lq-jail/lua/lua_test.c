#include "apps/lq-jail/lua/lua_testing.h"
#include "tests/lq_test.h"

static lt_setup t;

/* The game, and `text` loaded; fails with the words of the load. */
static void loaded(const char *text) {
  if (!t.f.game.system_count) lt_game(&t);
  bool ok = lt_load(&t, text);
  if (!ok) print_error("%s\n", t.json);
  assert_true(ok);
}

static void refused(const char *text, const char *words) {
  if (!t.f.game.system_count) lt_game(&t);
  assert_false(lt_load(&t, text));
  if (!strstr(t.json, words)) print_error("%s\n", t.json);
  assert_non_null(strstr(t.json, words));
}

/* A system of one body, over 1 player and 1 chest. */
static lq_guest_status ran(const char *body) {
  static char text[16384];
  int bytes = snprintf(text, sizeof text,
                       "system{name='late', run=function(world, delta, state)\n%s\nend}", body);
  assert_true(bytes > 0 && (size_t)bytes < sizeof text);
  loaded(text);
  return lt_run(&t, LT_SMALL, "late");
}

static void done(const char *body) {
  lq_guest_status status = ran(body);
  if (status != LQ_GUEST_DONE) print_error("%s\n", t.text);
  assert_int_equal(status, LQ_GUEST_DONE);
}

static void raised(const char *body, const char *words) {
  lq_guest_status status = ran(body);
  if (status != LQ_GUEST_RAISED || !strstr(t.text, words)) print_error("%d: %s\n", status, t.text);
  assert_int_equal(status, LQ_GUEST_RAISED);
  assert_non_null(strstr(t.text, words));
}

static lq_reader changes(void) { return lq_reader_of(lq_span_of(t.changes, t.said.changes_bytes)); }

/* ---- the treasure rule ---- */

LQ_TEST(a_player_on_a_chest_collects_it) {
  loaded(LT_HUNT);
  assert_int_equal(lt_run(&t, LT_SMALL, "hunt.collect"), LQ_GUEST_DONE);
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_DELETE);
  assert_int_equal(lq_read_u64(&in), lt_handle(1).bits);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_EMIT);
  assert_int_equal(lq_read_varint(&in), FX_COLLECTED);
  assert_int_equal(lq_read_u64(&in), lt_handle(0).bits);
  assert_int_equal(lq_read_u64(&in), 100);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(state_goes_from_call_to_call_and_nowhere_else) {
  uint8_t kept[64];
  size_t bytes = 0;
  loaded("system{name='late', state={n=0, t={}}, run=function(world, delta, state)\n"
         "state.n = state.n + 1; state.t[state.n] = state.n * 0.5; state.t.a = 'x'\n"
         "world:wake_at(state.n) end}");
  for (uint64_t n = 1; n <= 3; n++) {
    lt_write(&t, LT_SMALL, lt_system(&t, "late"), UINT64_MAX, lq_span_of(kept, bytes), NULL);
    assert_int_equal(lt_answer(&t), LQ_GUEST_DONE);
    lq_reader in = changes();
    assert_int_equal(lq_read_u8(&in), LQ_GUEST_WAKE);
    assert_int_equal(lq_read_u64(&in), n);
    bytes = t.said.state_bytes;
    memcpy(kept, t.state, bytes);
  }
  /* Without it, it begins again. */
  lt_run(&t, LT_SMALL, "late");
  lq_reader in = changes();
  (void)lq_read_u8(&in);
  assert_int_equal(lq_read_u64(&in), 1);
}

LQ_TEST(state_bytes_do_not_depend_on_the_order_of_assignments) {
  uint8_t first[256];
  loaded("system{name='late', state={}, run=function(world, delta, state)\n"
         "state.b = 1; state.a = true; state[3] = 'x'; state[1.5] = 2; state[-1] = 0.1 end}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_DONE);
  size_t bytes = t.said.state_bytes;
  memcpy(first, t.state, bytes);
  loaded("system{name='late', state={}, run=function(world, delta, state)\n"
         "state[-1] = 0.1; state[1.5] = 2; state[3] = 'x'; state.z = 1; state.z = nil\n"
         "state.a = true; state.b = 1 end}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_DONE);
  assert_int_equal(t.said.state_bytes, bytes);
  assert_memory_equal(t.state, first, bytes);
}

LQ_TEST(state_that_cannot_be_kept_is_refused) {
  const char *const body[] = {"state.f = print",
                              "state.f = function() end",
                              "state.t = state",
                              "state.s = string.rep('x', 5000)",
                              "state.p = world:find('p0').Position",
                              "state[true] = 1",
                              "state.e = world:create{}"};
  for (size_t i = 1; i < sizeof body / sizeof *body; i++) {
    char text[256];
    snprintf(text, sizeof text,
             "system{name='late', state={}, run=function(world, delta, state) %s end}", body[i]);
    loaded(text);
    assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
    assert_memory_equal(t.text, "systems/hunt.lua:1: ", 20);
  }
}

LQ_TEST(state_of_other_bytes_is_an_error_and_no_crash) {
  loaded("system{name='late', state={n=0}, run=function() end}");
  for (uint32_t i = 0; i < 2000; i++) {
    uint8_t bytes[24];
    lq_prng prng;
    lq_prng_seed(&prng, i);
    for (size_t b = 0; b < sizeof bytes; b++)
      bytes[b] = (uint8_t)lq_prng_below(&prng, b % 3 ? 9 : 256);
    lt_write(&t, LT_SMALL, lt_system(&t, "late"), UINT64_MAX, lq_span_of(bytes, sizeof bytes),
             NULL);
    lq_guest_status status = lt_answer(&t);
    assert_true(status == LQ_GUEST_RAISED || status == LQ_GUEST_DONE);
  }
}

/* ---- the world ---- */

LQ_TEST(entities_are_read) {
  done("local p = world:find('p0')\n"
       "assert(p.id == 'p0' and p.owner == 1 and p.Position.x == 0 and p.Purse.coins == 100)\n"
       "assert(p.PlayerTag and not p.TreasureTag and p:has('PlayerTag') and not "
       "p:has('TreasureTag'))\n"
       "assert(p.Note.text == 'hello' and p.Note.weight == 1.5 and p.Note.on == false)\n"
       "assert(p.Note.link[1] == world:find('c0') and p.Note.link[2] == nil)\n"
       "assert(world:find('nobody') == nil)\n"
       "assert(p.Position == world:find('c0').Position)\n"
       "assert(world.tick == 7 and world.constants.huge == -5000000000 and delta == 0.05)");
  assert_int_equal(t.said.changes_bytes, 0);
}

LQ_TEST(components_are_equal_by_their_values) {
  done("local p, c = world:find('p0'), world:find('c0')\n"
       "local a, b = p.Position, c.Position\n"
       "assert(a == b and a == a and a ~= p.Purse and a ~= {x=0, y=0} and {x=0, y=0} ~= a)\n"
       "b.y = 1 assert(a ~= b and b ~= a) a.y = 1.0 assert(a == b and b == a)\n"
       "a.y = 1 b.x = -1 assert(a ~= b) b.x = 0 assert(a == b)\n"
       "a.x = math.mininteger b.x = math.mininteger assert(a == b) b.x = 0.0 assert(a ~= b)\n"
       "a.x = 0 assert(a == b)\n"
       "rawset(a, 'more', 1) assert(a == b and b == a) rawset(b, 'more', 2) assert(a == b)\n"
       "rawset(a, 'more', nil) rawset(b, 1, 2) assert(a == b)\n"
       "rawset(a, 'x', nil) assert(a ~= b and b ~= a) rawset(b, 'x', nil) assert(a == b)\n"
       "a.x = 0 b.x = 0 a.y = 0 b.y = 0 assert(a == b)");
  assert_int_equal(t.said.changes_bytes, 0);
  done("local n = world:find('p0').Note\n"
       "local m = world:create{Note={text='hello', weight=1.5, link={'c0'}}}\n"
       "assert(n == n and n ~= world:find('p0').Position and m.Note == nil)");
}

LQ_TEST(each_goes_in_ascending_rows) {
  loaded("system{name='late', run=function(world)\n"
         "local s = {}\n"
         "for e in world:each('Position') do s[#s + 1] = e.id end\n"
         "for e in world:each('Position', {without={'PlayerTag'}}) do s[#s + 1] = e.id end\n"
         "for e in world:each('PlayerTag', 'Purse') do s[#s + 1] = e.id end\n"
         "error(table.concat(s, ' '), 0) end}");
  assert_int_equal(lt_run(&t, (lt_world){2, 2}, "late"), LQ_GUEST_RAISED);
  assert_memory_equal(t.text, "systems/hunt.lua:6: p0 p1 c0 c1 c0 c1 p0 p1\nsystems/hunt.lua:6",
                      62);
}

LQ_TEST(writes_are_seen_at_once_and_come_as_changes) {
  done("local p = world:find('p0')\n"
       "p.Position.x = p.Position.x + 5; p.Note.text = 'hi'; p.Note.link[2] = p; p.Note.on = true\n"
       "p.Purse.coins = 100\n"
       "assert(world:find('p0').Position.x == 5 and p.Note.link[2] == p)");
  lq_reader in = changes();
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SET);
  assert_int_equal(lq_read_u64(&in), lt_handle(0).bits);
  assert_int_equal(lq_read_varint(&in), FX_POSITION);
  assert_int_equal(lq_read_varint(&in), 0);
  assert_int_equal(lq_read_varint(&in), 0);
  assert_int_equal(lq_read_varint(&in), 1);
  assert_int_equal(lq_read_u32(&in), 5);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SET); /* text */
  (void)lq_read_u64(&in);
  assert_int_equal(lq_read_varint(&in), FX_NOTE);
  assert_int_equal(lq_read_varint(&in), 0);
  (void)lq_read_bytes(&in, 2 + 13);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SET); /* link */
  (void)lq_read_u64(&in);
  assert_int_equal(lq_read_varint(&in), FX_NOTE);
  assert_int_equal(lq_read_varint(&in), 2);
  (void)lq_read_bytes(&in, 2 + 16);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SET); /* on; the purse is as it was */
  (void)lq_read_bytes(&in, 8 + 4 + 1);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(entities_are_made_and_changed_in_order) {
  done("local e = world:create{id='new', owner=1, Position={x=3}, TreasureTag={}}\n"
       "e:add('Purse', {coins=5}); e:remove('Purse'); assert(e.id == '' and e.Position == nil)\n"
       "world:emit('purse.paid', {player=e}); world:emit('purse.paid', {player='p0', value=2})\n"
       "world:delete('c0'); world:find('p0'):add('TreasureTag')");
  static const uint8_t ops[] = {LQ_GUEST_CREATE, LQ_GUEST_ADD};
  assert_int_equal(t.changes[0], ops[0]);
  assert_int_equal(t.changes[6], ops[1]);
  uint32_t count = 0;
  lq_reader in = changes();
  (void)lq_read_bytes(&in, 6);
  static const struct {
    uint8_t op, bytes;
  } expect[] = {{LQ_GUEST_ADD, 8 + 1 + 1 + 8}, {LQ_GUEST_ADD, 8 + 1 + 1},
                {LQ_GUEST_ADD, 8 + 1 + 1 + 8}, {LQ_GUEST_REMOVE, 9},
                {LQ_GUEST_EMIT, 1 + 16},       {LQ_GUEST_EMIT, 1 + 16},
                {LQ_GUEST_DELETE, 8},          {LQ_GUEST_ADD, 8 + 1 + 1}};
  for (; count < sizeof expect / sizeof *expect; count++) {
    assert_int_equal(lq_read_u8(&in), expect[count].op);
    (void)lq_read_bytes(&in, expect[count].bytes);
  }
  assert_true(lq_reader_done(&in));
}

LQ_TEST(commands_are_sent) {
  done("local e = world:create{Position={x=3}}\n"
       "world:command('move', {entity=e, vec={1, -2, 0}}); world:command('dare', {what='me'})\n"
       "world:command('move', {entity='p0'}); world:command('spawn')");
  lq_reader in = changes();
  (void)lq_read_bytes(&in, 3 + 1 + 8 + 1 + 1 + 8);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SEND);
  assert_int_equal(lq_read_varint(&in), FX_MOVE);
  assert_int_equal(lq_read_u64(&in), LQ_GUEST_NEW);
  assert_int_equal((int32_t)lq_read_u32(&in), 1);
  assert_int_equal((int32_t)lq_read_u32(&in), -2);
  assert_int_equal(lq_read_u64(&in), 0);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SEND);
  assert_int_equal(lq_read_varint(&in), FX_DARE);
  assert_memory_equal(lq_read_bytes(&in, 24).data, "me\0\0\0\0", 6);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SEND);
  assert_int_equal(lq_read_varint(&in), FX_MOVE);
  assert_int_equal(lq_read_u64(&in), lt_handle(0).bits);
  (void)lq_read_bytes(&in, 16);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_SEND);
  assert_int_equal(lq_read_varint(&in), FX_SPAWN);
  assert_int_equal(lq_read_u32(&in), 0);
  assert_true(lq_reader_done(&in));
}

LQ_TEST(random_is_the_sessions) {
  done("assert(world:random(1) == 0); world:wake_at(world:random(1000))");
  lq_prng prng;
  lq_prng_seed(&prng, 42);
  (void)lq_prng_below(&prng, 1);
  lq_reader in = changes();
  (void)lq_read_u8(&in);
  assert_int_equal(lq_read_u64(&in), lq_prng_below(&prng, 1000));
  assert_int_equal(t.said.draws, 2);
}

LQ_TEST(mistakes_name_what_there_is) {
  raised("local p = world:find('p0').Positon",
         "no component 'Positon': there are Position, PlayerTag");
  raised("local p = world:find('p0').Position.z", "Position has no field 'z': there are x, y");
  raised("world:find('p0').Position.z = 1", "Position has no field 'z': there are x, y");
  raised("world:find('p0').Position.x = 'a'", "Position.x is a: it holds a whole number");
  raised("world:find('p0').Position.x = 1.5", "Position.x is 1.5: it holds a whole number");
  raised("world:find('p0').Position.x = 3000000000", "it holds a whole number of 32 bits");
  raised("world:find('p0').Position = {x=1}", "'Position' of an entity is not assigned");
  raised("local p = world:find('p0') local at = p.Position p.Position = {x=1}",
         "Position of p0 was assigned as a whole");
  raised("world:find('p0').Foo = 1", "no component 'Foo'");
  raised("world:find('p0').Note.text = 'longer than twelve'", "it holds at most 12");
  raised("world:find('p0').Note.link = {nil, nil, 3}", "Note.link");
  raised("world:find('p0'):add('Purse', {coin=1})", "Purse has no field 'coin': there are coins");
  raised("world:emit('treasure.colected', {})",
         "no event 'treasure.colected': there are treasure.collected");
  raised("world:emit('log', {player='p9'})", "no entity 'p9'");
  raised("world:emit('log', {players='p0'})", "no field 'players': there are player, value");
  raised("world:command('fly')", "there is no command 'fly': there are move, give");
  raised("world:command('move', {to=1})", "no field 'to': there are entity, vec");
  raised("world:command('move', {entity='p9'})", "no entity 'p9'");
  raised("world:command('move', 1)", "command gets the command's fields in a table, not a number");
  raised("world:command('join', {})", "command: only the host sends join: send one of game.yaml");
  raised("return world.constants.map", "no constant 'map': there are map_width");
  raised("world:ech('Position')", "the world has no 'ech'");
  raised("world:each('Positions')", "no component 'Positions'");
  raised("world.tock = 1", "the world is not assigned");
  raised("world:random(0)", "random gets a bound");
  raised("refuse('x')", "for the handlers of commands");
  raised("state.n = 1", "the system has no state: declare it");
  raised("local x = nil; x.y = 1", "systems/hunt.lua:2: attempt to index a nil value (local 'x')");
}

LQ_TEST(what_is_not_declared_is_not_seen_and_not_written) {
  loaded("system{name='late', run=function(world) return world:find('p0').Purse end}");
  lt_write(&t, LT_SMALL, lt_system(&t, "late"), 7, (lq_span){0}, NULL);
  assert_int_equal(lt_answer(&t), LQ_GUEST_RAISED);
  assert_non_null(strstr(
      t.text, "Purse is not in this system's reads: there are Position, PlayerTag, TreasureTag"));
  uint32_t index = lt_system(&t, "late");
  t.f.system[index].writes = 0;
  assert_int_equal(ran("world:find('p0').Position.x = 9"), LQ_GUEST_RAISED);
  t.f.system[index].writes = (1u << FX_COMPONENTS) - 1;
  assert_non_null(strstr(t.text, "late: Position.x of p0: Position may not be changed here"));
}

/* ---- commands ---- */

typedef struct move {
  uint64_t entity;
  int32_t vec[3], zero;
} move;

static lq_guest_status moved(const char *body) {
  char text[1024];
  snprintf(text, sizeof text, "command{name='move', run=function(world, cmd)\n%s\nend}", body);
  loaded(text);
  move row = {lt_handle(0).bits, {1, -2, 3}, 0};
  lt_write(&t, LT_SMALL, FX_MOVE, UINT64_MAX, (lq_span){0}, &row);
  return lt_answer(&t);
}

LQ_TEST(a_handler_gets_its_command) {
  assert_int_equal(moved("assert(cmd.entity.id == 'p0' and #cmd.vec == 3 and cmd.vec[2] == -2)\n"
                         "cmd.entity.Position.x = cmd.vec[1]; assert(world.player == 1)"),
                   LQ_GUEST_DONE);
  assert_int_equal(t.changes[0], LQ_GUEST_SET);
  assert_int_equal(moved("return cmd.vek"), LQ_GUEST_RAISED);
  assert_non_null(strstr(t.text, "move has no field 'vek': there are entity, vec"));
}

LQ_TEST(a_refusal_ends_the_handler_even_inside_pcall) {
  assert_int_equal(moved("cmd.entity.Position.x = 9; pcall(function() refuse('too far') end)\n"
                         "while true do end"),
                   LQ_GUEST_REFUSED);
  assert_string_equal(t.text, "too far");
  assert_int_equal(t.said.changes_bytes, 0);
}

/* ---- nothing stays ---- */

LQ_TEST(assignments_that_would_not_live_are_errors) {
  raised("counter = 1", "the global 'counter' is assigned");
  loaded("local n = 0\nsystem{name='late', run=function()\n n = n + 1\nend}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
  assert_non_null(
      strstr(t.text, "systems/hunt.lua:2: the local 'n' outside the function was assigned"));
  loaded("local kept = {n=0, list={1}}\nsystem{name='late', run=function()\n kept.n = 1\nend}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
  assert_non_null(strstr(t.text, "systems/hunt.lua:3: 'n' is assigned in a table of the file"));
  loaded("local kept = {n=0, list={1}}\nsystem{name='late', run=function()\n"
         "table.insert(kept.list, 1)\nend}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
  loaded("local function make() local n = 0 return function() n = n + 1 end end\n"
         "system{name='late', run=make()}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
}

LQ_TEST(what_the_sources_made_is_read_as_ever) {
  loaded("local way = {{0, 1}, {1, 0}, name='w'}\nhelp = {twice=function(x) return 2 * x end}\n"
         "local Class = {}\nClass.__index = Class\n"
         "function Class.new(x) return setmetatable({x=x}, Class) end\n"
         "function Class:get() return self.x end\n"
         "system{name='late', run=function(world)\n"
         "assert(#way == 2 and way[2][1] == 1 and way.name == 'w' and help.twice(4) == 8)\n"
         "local s = '' for k, v in pairs(way) do s = s .. k end assert(s == '12name')\n"
         "for i, w in ipairs(way) do assert(w == way[i]) end\n"
         "assert(next(way) == 1 and next({}) == nil and table.unpack(way[1]) == 0)\n"
         "assert(table.concat(way[2], ',') == '1,0' and rawlen(way) == 2 and rawget(way, 'name') "
         "== 'w')\n"
         "local o = Class.new(7) assert(o:get() == 7) o.x = 8 assert(o:get() == 8)\n"
         "local n = 0 local function add() n = n + 1 end add() add() assert(n == 2)\n"
         "end}");
  lq_guest_status status = lt_run(&t, LT_SMALL, "late");
  if (status) print_error("%s\n", t.text);
  assert_int_equal(status, LQ_GUEST_DONE);
}

LQ_TEST(a_call_does_not_see_the_one_before) {
  loaded("local C = setmetatable({}, {})\n"
         "system{name='late', run=function(world)\n"
         "assert(C.seen == nil and string.seen == nil and rawget(math, 'x') == nil)\n"
         "C.seen = true string.seen = 1 math.x = 2 rawset(C, 'y', 1)\n"
         "end}");
  for (int i = 0; i < 3; i++) assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_DONE);
}

LQ_TEST(the_same_call_gives_the_same_bytes_in_every_instance) {
  /* What leaks when anything does: border of a table with holes, after keys that collide. */
  static const char text[] =
      "system{name='late', state={}, run=function(world, delta, state)\n"
      "local t, keys = {}, {}\n"
      "for i = 1, 50 do keys[i] = {} t[keys[i]] = i t[math.floor] = 1 t[i * 3] = i end\n"
      "for i = 1, 50 do local f = function() return i end t[f] = 1 t['k' .. i] = i end\n"
      "for i = 2, 40 do t[i] = i end t[17] = nil t[5] = nil\n"
      "state.border = #t state.text = tostring(t) .. tostring(print) .. tostring(world.each)\n"
      "state.f = string.format('%s %.3f %g', {}, 1 / 3, 1e100)\n"
      "end}";
  loaded(text);
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_DONE);
  uint8_t first[256];
  size_t bytes = t.said.state_bytes;
  memcpy(first, t.state, bytes);
  static lt_setup other;
  lt_game(&other);
  assert_true(lt_load(&other, text));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(lt_run(&other, LT_SMALL, "late"), LQ_GUEST_DONE);
    assert_int_equal(other.said.state_bytes, bytes);
    assert_memory_equal(other.state, first, bytes);
  }
  lt_close(&other);
}

/* ---- load ---- */

LQ_TEST(what_is_declared_is_described) {
  loaded("component{name='Position', fields={y='i32', x='i32'}}\n"
         "system{name='hunt.collect', order=5, reads={'Position','PlayerTag'}, writes={},\n"
         "run=function() end}\n"
         "system{name='late', run=function() end}\ncommand{name='move', run=function() end}");
  assert_string_equal(
      t.json,
      "{\"components\":[{\"name\":\"Position\",\"file\":\"systems/"
      "hunt.lua\",\"line\":1,\"fields\":[{"
      "\"name\":\"x\",\"type\":\"i32\"},{\"name\":\"y\",\"type\":\"i32\"}]}],\"systems\":[{"
      "\"name\":"
      "\"hunt.collect\",\"order\":5,\"reads\":[\"Position\",\"PlayerTag\"],\"writes\":[],\"file\":"
      "\"systems/hunt.lua\",\"line\":2},{\"name\":\"late\",\"order\":50,\"file\":\"systems/"
      "hunt.lua\",\"line\":4}],\"commands\":[{\"name\":\"move\",\"file\":\"systems/"
      "hunt.lua\",\"line\":"
      "5}]}");
}

LQ_TEST(mistakes_in_sources_are_told_with_their_place) {
  refused("local x = = 1", "{\"error\":\"systems/hunt.lua:1: unexpected symbol near '='\"");
  refused("\nfoo()", "systems/hunt.lua:2: attempt to call a nil value (global 'foo')");
  refused("system{name='a b', run=function() end}", "name is a text of at most");
  refused("system{name='a'}", "run is a function");
  refused("system{name='a', runs=1, run=function() end}",
          "system has no key 'runs': there are name, order");
  refused("system{name='a', reads={'Positon'}, run=function() end}",
          "no component 'Positon': there are");
  refused("system{name='a', run=function() end}\nsystem{name='a', run=function() end}",
          "systems/hunt.lua:2: system 'a' was declared at systems/hunt.lua:1 already");
  refused("\nlocal x = 2 ^ 0.5", "systems/hunt.lua:2: '^' is not exact");
  refused("local _ENV = {}", "_ENV cannot be used here");
  refused("\x1bLua", "compiled code is not loaded");
  refused("while true do end", "more than");
  refused("local t = {} while true do t[#t + 1] = {} end", "more than");
  loaded(
      "-- 2 ^ 3 _ENV\nlocal s = '^' .. \"\\\"^_ENV\" .. [[^_ENV]] .. [=[ ]] ^ ]=] --[[ ^\n ^ ]]");
}

LQ_TEST(a_system_of_the_game_must_be_declared) {
  if (!t.f.game.system_count) lt_game(&t);
  uint32_t index = lt_system(&t, "late");
  t.f.system[index].guest = LQ_GUEST_LUA;
  refused("system{name='lat', run=function() end}",
          "game.yaml: the system 'late' is declared in no systems/*.lua: there are lat");
  t.f.system[index].guest = LQ_GUEST_NATIVE;
}

LQ_TEST(files_run_in_the_order_of_their_names_and_share_globals) {
  lq_guest_file file[2] = {
      {lq_span_text("systems/b.lua"), lq_span_text("assert(twice(4) == 8)\nsystem{name='late', "
                                                   "run=function() return nothing.x end}")},
      {lq_span_text("systems/a.lua"), lq_span_text("function twice(x) return 2 * x end")}};
  loaded("");
  lq_writer out = lq_writer_of(t.json, sizeof t.json - 1);
  lq_lua_load(t.lua, &t.f.game, file, 2, &out);
  t.json[out.bytes] = 0;
  assert_memory_equal(t.json, "{\"components\"", 13);
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
  assert_memory_equal(t.text, "systems/b.lua:2: attempt to index a nil value (global 'nothing')",
                      64);
}

LQ_TEST(an_error_tells_its_whole_stack) {
  loaded("local function inner(x)\n  return x.y\nend\nlocal function outer()\n"
         "  local y = inner(nil)\n  return y\nend\n"
         "system{name='late', run=function(world)\n  table.sort({2, 1}, function() outer() "
         "end)\nend}");
  assert_int_equal(lt_run(&t, LT_SMALL, "late"), LQ_GUEST_RAISED);
  assert_string_equal(t.text, "systems/hunt.lua:2: attempt to index a nil value (local 'x')\n"
                              "systems/hunt.lua:2: in inner\nsystems/hunt.lua:5: in outer\n"
                              "systems/hunt.lua:9\nsystems/hunt.lua:9");
}
