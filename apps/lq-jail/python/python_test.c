/* The Python runtime: what loads, what is refused, what a call does. In this process, over a real
 * world; the jail around it is tested where the jail is. */
#include "apps/lq-jail/python/python_testing.h"
#include "tests/lq_test.h"

#include <stdio.h>

#define ECS "from lq_engine.ecs import Component, System, register_system, on_command, Refuse\n"
#define POSITION                                                                                   \
  "class Position(Component):\n"                                                                   \
  "    x: int = 0\n"                                                                               \
  "    y: int = 0\n"
#define RULE                                                                                       \
  "@register_system()\n"                                                                           \
  "class Rule(System):\n"
#define PROCESS "    def process(self, world, delta):\n"

static pt_setup t;

static void has(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("'%s' is not in:\n%s", part, text);
}

/* Loads a system with these lines in process(). */
static void rule(const char *lines) {
  static char text[8192];
  (void)snprintf(text, sizeof text, ECS POSITION RULE PROCESS "%s", lines);
  if (strstr(pt_load(&t, text), "\"error\"")) fail_msg("%s", t.said);
}
static void refused_at_load(const char *text, const char *first, const char *second) {
  pt_open(&t);
  has(pt_load(&t, text), "\"error\": \"systems/hunt.py:");
  has(t.said, first);
  has(t.said, second);
  pt_close(&t);
}
static void ticks(void) {
  if (pt_tick(&t) != LQ_GUEST_DONE) fail_msg("%s", t.text);
}
static void raises(const char *lines, const char *first, const char *second) {
  pt_open(&t);
  (void)pt_spawn(&t, "p1", 3, 1, 2);
  rule(lines);
  assert_int_equal(pt_tick(&t), LQ_GUEST_RAISED);
  has(t.text, first);
  has(t.text, second);
  assert_int_equal(t.out.changes.bytes, 0);
  pt_close(&t);
}
/* Runs these lines, which assert for themselves. */
static void holds(const char *lines) {
  pt_open(&t);
  (void)pt_spawn(&t, "p1", 3, 1, 2);
  (void)pt_spawn(&t, "p2", 3, 3, 4);
  rule(lines);
  ticks();
  pt_close(&t);
}

/* ---- the founding example ---- */

static const char founding[] =
    "# systems/treasure_hunt.py\n"
    "from lq_engine.ecs import Component, System, register_system\n"
    "\n"
    "class Position(Component):\n"
    "    x: int = 0\n"
    "    y: int = 0\n"
    "\n"
    "class PlayerTag(Component):\n"
    "    ...\n"
    "\n"
    "class TreasureTag(Component):\n"
    "    ...\n"
    "\n"
    "@register_system(tick_order=50)  # runs mid-loop\n"
    "class TreasureCollectSystem(System):\n"
    "    \"\"\"\n"
    "    If a player and treasure collide \xe2\x86\x92 award coins & emit event.\n"
    "    \"\"\"\n"
    "    def process(self, world, delta):\n"
    "        for player in world.with_components(PlayerTag, Position):\n"
    "            for treasure in world.with_components(TreasureTag, Position):\n"
    "                if player.Position == treasure.Position:\n"
    "                    world.delete_entity(treasure)\n"
    "                    world.emit(\n"
    "                        \"treasure.collected\",\n"
    "                        {\"player\": player.id, \"value\": 100},\n"
    "                    )\n";

static const char *load_founding(const lq_game *game) {
  lq_guest_file file = {lq_span_text("systems/treasure_hunt.py"), lq_span_text(founding)};
  lq_writer out = lq_writer_of(t.said, sizeof t.said - 1);
  lq_runtime_python.load(game, &file, 1, &out);
  t.said[out.bytes] = 0;
  return t.said;
}

LQ_TEST(the_founding_example_is_described) {
  pt_open(&t);
  has(load_founding(NULL),
      "{\"components\": [{\"name\": \"Position\", \"file\": \"systems/treasure_hunt.py\", "
      "\"line\": 4, \"fields\": [{\"name\": \"x\", \"type\": \"int\", \"default\": 0}");
  has(t.said, "\"systems\": [{\"name\": \"systems.treasure_hunt.TreasureCollectSystem\", "
              "\"order\": 50, \"file\": \"systems/treasure_hunt.py\", \"line\": 15}]");
  has(t.said, "{\"name\": \"PlayerTag\", \"file\": \"systems/treasure_hunt.py\", \"line\": 8, "
              "\"fields\": []}");
  pt_close(&t);
}

LQ_TEST(the_founding_example_collects_a_treasure) {
  pt_open(&t);
  lq_system_type *system = &t.f.system[pt_system(&t)];
  fx_name(system->name, sizeof system->name, "systems.treasure_hunt.TreasureCollectSystem");
  if (strstr(load_founding(&t.f.game), "\"error\"")) fail_msg("%s", t.said);
  lq_entity player = pt_spawn(&t, "p1", 3, 1, 2), chest = pt_spawn(&t, "chest", 5, 1, 2);
  (void)pt_spawn(&t, "other", 5, 2, 1);
  lq_guest_status status = pt_call(&t, LQ_GUEST_SYSTEM, (uint32_t)(system - t.f.system), NULL);
  if (status != LQ_GUEST_DONE) fail_msg("%s", t.text);
  lq_reader in = lq_reader_of(t.out.changes);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_DELETE);
  assert_int_equal(lq_read_u64(&in), chest.bits);
  assert_int_equal(lq_read_u8(&in), LQ_GUEST_EMIT);
  assert_int_equal(lq_read_varint(&in), FX_COLLECTED);
  assert_int_equal(lq_read_u64(&in), player.bits);
  assert_int_equal(lq_read_u64(&in), 100);
  assert_true(lq_reader_done(&in));
  pt_close(&t);
}

/* ---- load ---- */

LQ_TEST(a_wrong_file_says_its_line) {
  refused_at_load("\n\ndef x(:\n", "systems/hunt.py:3: SyntaxError", "invalid syntax");
  refused_at_load("\nimport nothing\n", "systems/hunt.py:2: ImportError", "no module named");
  refused_at_load(ECS "class A(Component):\n    x: list = 0\n", "systems/hunt.py:2: TypeError",
                  "A.x: <class 'list'> is no type of a field");
  refused_at_load(ECS "class A(Component):\n    x = 0\n", "A.x needs a type to be a field",
                  "x: int = 0");
  refused_at_load("def f():\n    return 1 / 0\nf()\n", "systems/hunt.py:2: ZeroDivisionError",
                  "systems/hunt.py:3 in <module>");
}

LQ_TEST(what_the_game_says_otherwise_is_refused) {
  refused_at_load(ECS "class Position(Component):\n    x: float = 0.0\n    y: int = 0\n",
                  "Position.x is float here and i32 in game.yaml", "hunt.py:2");
  refused_at_load(ECS "class Position(Component):\n    x: int\n    y: int\n    z: int\n",
                  "game.yaml has no such field", "Position.z");
  refused_at_load(ECS "class Position(Component):\n    x: int\n", "has the field y (i32)",
                  "missing here");
  refused_at_load(ECS "class Nowhere(Component): ...\n", "Nowhere is not in the release",
                  "Position");
  refused_at_load(ECS "@on_command('fly')\ndef fly(world, command): ...\n", "no command 'fly'",
                  "move, give");
  refused_at_load(ECS POSITION POSITION, "declared twice", "systems/hunt.py:2");
}

LQ_TEST(a_missing_system_is_named) {
  pt_open(&t);
  has(pt_load(&t, ECS), "the release has the system " PT_SYSTEM " in Python, and no file has it");
  pt_close(&t);
}

LQ_TEST(what_a_machine_has_is_not_to_be_imported) {
  refused_at_load("import time\n", "a system has no clock", "use world.tick");
  refused_at_load("from os import path\n", "reaches nothing but its world", "os");
  refused_at_load("import random\n", "use world.random(bound)", "random");
  refused_at_load("import ctypes\n", "reaches nothing but its world", "ctypes");
  refused_at_load("from functools import lru_cache\n", "remembers between ticks", "lru_cache");
  refused_at_load("open('/etc/passwd')\n", "open() is not there in a system", "no files");
  refused_at_load("eval('1')\n", "eval() is not there in a system", "write a function");
  refused_at_load("id([])\n", "id() is not there in a system", "place in memory");
  refused_at_load("hash(object())\n", "is a place in memory", "__hash__");
}

LQ_TEST(what_would_be_kept_unseen_is_refused) {
  refused_at_load("n = 0\ndef f():\n    global n\n    n += 1\n", "hunt.py:3: SyntaxError",
                  "declare state = {...}");
  refused_at_load("d = {}\ndef f():\n    d['a'] = 1\n", "hunt.py:3", "a change of 'd'");
  refused_at_load("class A: ...\ndef f():\n    A.n = 1\n", "hunt.py:3", "a change of 'A'");
  refused_at_load("def f(): ...\nf2 = lambda: 0\ndef g():\n    f.n += 1\n", "hunt.py:4",
                  "a change of 'f'");
  refused_at_load("import itertools\nNEXT = itertools.count()\n", "hunt.py:2: NEXT is a itertools",
                  "make it inside process()");
  refused_at_load("def make():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n"
                  "    return f\nF = make()\n",
                  "keeps a variable of the function around it", "hunt.py:7");
  refused_at_load("G = (x for x in [1])\n", "G is a builtins.generator", "hunt.py:1");
  refused_at_load("class A:\n    def __del__(self): ...\n", "__del__", "hunt.py:2");
}

LQ_TEST(what_is_kept_at_run_time_is_refused) {
  raises("        self.n = 1\n", "systems/hunt.py:8: AttributeError: self.n cannot be assigned",
         "declare state = {'n': ...}");
  raises("        type(self).n = 1\n", "immutable type", "use a component, or state");
  raises("        LIST.append(1)\nLIST = [1]\n", "systems/hunt.py:8: TypeError: this list",
         "declare it as state");
  raises("        LIST[0]['a'].add(3)\nLIST = [{'a': {1, 2}}]\n", "this set", "fixed");
  raises("        t = THING\n        t.n = 1\nclass Thing: ...\nTHING = Thing()\n",
         "Thing.n: this object", "fixed");
}

LQ_TEST(an_error_has_its_place_and_the_authors_stack) {
  raises("        helper(0)\ndef helper(n):\n    return 1 // n\n",
         "systems/hunt.py:10: ZeroDivisionError: integer division or modulo by zero\n"
         "systems/hunt.py:10 in helper\nsystems/hunt.py:8 in process",
         "");
  raises("        world.find('p1').Position.z = 1\n", "Position has no field 'z'", "x, y");
  raises("        world.find('p1').Nothing\n", "an entity has no 'Nothing'", "'Purse'");
  raises("        world.find('p1').Purse\n", "entity 'p1' has no Purse", "has(Purse)");
  raises("        world.emit('treasure.lost', {})\n", "the game has no 'treasure.lost'",
         "'treasure.collected'");
  raises("        world.emit('log', {'who': 1})\n", "log has no 'who'", "'player', 'value'");
  raises("        world.emit('log', {'value': 'x'})\n", "log.value takes a whole number", "'x'");
  raises("        world.emit('log', {'player': 'p9'})\n", "there is no entity 'p9'", "log.player");
  raises("        world.command('fly')\n", "the game has no 'fly'", "['move', 'give'");
  raises("        world.command('move', {'to': 1})\n", "move has no 'to'", "'entity', 'vec'");
  raises("        world.command('end')\n", "only the host sends end", "game.yaml");
  raises("        while True: world.command('dare')\n", "256 commands are sent in a tick", "next");
  raises("        world.find('p1').Position.x = 2**31\n", "Position.x holds 32 bits", "");
  raises("        world.constants.width\n", "no constant 'width'", "map_width");
  raises("        world.random(0)\n", "takes 1 to 4294967295", "");
}

LQ_TEST(endless_recursion_and_memory_are_spent) {
  pt_open(&t);
  rule("        self.process(world, delta)\n");
  assert_int_equal(pt_tick(&t), LQ_GUEST_SPENT);
  has(t.text, "systems/hunt.py:8: RecursionError");
  has(t.text, "more");
  rule("        raise MemoryError\n");
  assert_int_equal(pt_tick(&t), LQ_GUEST_SPENT);
  rule("        for e in world.with_components(Position): world.emit('log', {'value': 1})\n");
  ticks();
  pt_close(&t);
}

/* ---- calls ---- */

LQ_TEST(fields_are_live) {
  holds("        p = world.find('p1')\n"
        "        assert (p.Position.x, p.Position.y) == (1, 2) and p.owner == 0\n"
        "        p.Position.x += 1\n"
        "        assert p.Position == Position(x=2, y=2) and p.Position != Position(2)\n"
        "        p.Position = Position(7, 8)\n"
        "        assert repr(p.Position) == 'Position(x=7, y=8)' and repr(p) == '<Entity p1>'\n"
        "        a, b = world.with_components(Position)\n"
        "        assert a == p and a.Position.x == 7 and b.id == 'p2' and delta == 0.05\n"
        "        match b.Position:\n"
        "            case Position(x, y): assert (x, y) == (3, 4)\n"
        "        assert world.tick == 7 and world.constants.map_width == 16\n"
        "        assert world.find('nobody') is None and world.find('') is None\n");
}

LQ_TEST(structure_changes_at_the_end) {
  pt_open(&t);
  (void)pt_spawn(&t, "p1", 3, 1, 2);
  rule("        from lq_engine.game import Purse, Note\n"
       "        p = world.find('p1')\n"
       "        p.add(Purse(coins=5))\n"
       "        assert not p.has(Purse) and p.has(Position)\n"
       "        new = world.create_entity(Position(x=9), Purse, id='n', owner=3)\n"
       "        assert new.id == '' and len(world.with_components(Position)) == 1\n"
       "        new.add(Note(text='hi', link=[p, new]))\n"
       "        p.remove(Position)\n"
       "        world.delete_entity(p)\n"
       "        world.delete_entity(p)\n"
       "        world.wake_at(99)\n");
  ticks();
  assert_int_equal(t.out.changes.data[0], LQ_GUEST_ADD);
  pt_close(&t);
}

LQ_TEST(random_is_the_sessions) {
  pt_open(&t);
  lq_prng same = t.prng;
  char lines[256];
  uint32_t a = lq_prng_below(&same, 6), b = lq_prng_below(&same, 1000);
  (void)snprintf(lines, sizeof lines,
                 "        assert (world.random(6), world.random(1000)) == (%u, %u)\n", a, b);
  rule(lines);
  ticks();
  assert_int_equal(t.out.draws, 2);
  pt_close(&t);
}

LQ_TEST(state_is_kept_between_ticks) {
  pt_open(&t);
  has(pt_load(&t,
              ECS RULE "    state = {'n': 1, 'seen': []}\n" PROCESS "        self.state['n'] += 1\n"
                       "        self.state['seen'].append(world.tick)\n"),
      "systems.hunt.Rule");
  ticks();
  assert_memory_equal(t.out.state.data, "{\"n\":2,\"seen\":[7]}", t.out.state.bytes);
  uint8_t kept[64];
  memcpy(kept, t.out.state.data, t.out.state.bytes);
  t.state = lq_span_of(kept, t.out.state.bytes);
  ticks();
  assert_memory_equal(t.out.state.data, "{\"n\":3,\"seen\":[7,7]}", t.out.state.bytes);
  t.state = (lq_span){0}; /* of another session */
  ticks();
  assert_memory_equal(t.out.state.data, "{\"n\":2,\"seen\":[7]}", t.out.state.bytes);
  has(pt_load(&t,
              ECS RULE "    state = {'n': ''}\n" PROCESS "        self.state['n'] = 'x' * 5000\n"),
      "systems.hunt.Rule");
  assert_int_equal(pt_tick(&t), LQ_GUEST_RAISED);
  has(t.text, "systems/hunt.py:3: ValueError: state has 5008 bytes as JSON");
  has(pt_load(&t, ECS RULE "    state = {'n': ''}\n" PROCESS "        self.state['n'] = world\n"),
      "systems.hunt.Rule");
  assert_int_equal(pt_tick(&t), LQ_GUEST_RAISED);
  has(t.text, "state['n'] is a World");
  pt_close(&t);
}

/* Whatever is hidden where a module lets it: the entity itself refuses, and the list is found. */
LQ_TEST(what_is_kept_of_an_earlier_tick_is_refused) {
  pt_open(&t);
  (void)pt_spawn(&t, "p1", 3, 1, 2);
  rule("        if KEPT: KEPT[world.tick % 2].x\n"
       "        p = world.find('p1')\n"
       "        list.extend(KEPT, (p, p.Position))\n"
       "KEPT = []\n");
  assert_int_equal(pt_tick(&t), LQ_GUEST_RAISED);
  has(t.text, "systems/hunt.py:6: RuntimeError: systems.hunt.KEPT was changed");
  assert_true(lq_runtime_python.spoiled());
  assert_int_equal(pt_tick(&t), LQ_GUEST_RAISED); /* here nobody ends the process */
  has(t.text, "RuntimeError: this Position belongs to an earlier tick");
  pt_close(&t);
}

/* One line each that hides something behind a tick, where it is stopped, and with what words. */
LQ_TEST(whoever_hides_something_between_ticks_is_stopped) {
  static const char *const at_load[] = {
      "string.__dict__",
      "process.__globals__",
      "(lambda: 0).__closure__[0].cell_contents",
      "object.__setattr__(THING, 'n', 1)",
      "type(self).__subclasses__()",
      "process.__kwdefaults__",
      "d = THING.__dict__",
      "len.__builtins__",
      "(x for x in ()).gi_frame",
  };
  for (size_t i = 0; i < sizeof at_load / sizeof at_load[0]; i++) {
    char text[1024];
    (void)snprintf(text, sizeof text,
                   ECS "import string\nclass Thing: ...\nTHING = Thing()\n" RULE PROCESS
                       "        %s\n",
                   at_load[i]);
    refused_at_load(text, "hunt.py:8: SyntaxError", "opens what lives on between ticks");
  }
  static const struct {
    const char *line, *why;
  } in_a_call[] = {
      {"setattr(string, 'kept', 1)", "a module stays as it was loaded"},
      {"s = string; s.kept = 1", "a module stays as it was loaded"},
      {"delattr(string, 'digits')", "a module stays as it was loaded"},
      {"f = helper; f.kept = 1", "a function stays as it was loaded"},
      {"f = string.capwords; f.kept = 1", "a function stays as it was loaded"},
      {"functools.update_wrapper(helper, string, ('digits',), ())", "a function stays"},
      {"functools.update_wrapper(string, helper, ('__name__',), ())", "a module stays"},
      {"setattr(helper, '__defaults__', (1,))", "'__defaults__' opens"},
      {"getattr(string, '__di' + 'ct__')['kept'] = 1", "'__dict__' opens"},
      {"operator.attrgetter('capwords.__dict__')(string)", "'__dict__' opens"},
      {"operator.methodcaller('__setattr__', 'n', 1)(THING)", "'__setattr__' opens"},
      {"c = string.Template; c.kept = 1", "immutable type"},
      {"c = Thing; c.kept = 1", "immutable type"},
      {"setattr(Sized, 'kept', 1)", "immutable type"},
      {"type.__init__(Thing, 'Thing', (), {}); t = Thing; t.__name__ = 'x'", "immutable type"},
      {"Sized.register(Thing)", "registered when its file is loaded"},
      {"THING.n = 1 if False else 2", "a change of"},
      {"t = THING; t.n = 1", "this object"},
      {"list.append(LIST, 1)", "was changed in a tick"},
      {"type([]).append(LIST, 1)", "was changed in a tick"},
      {"LIST.__init__([2])", "was changed in a tick"},
      {"heapq.heappush(LIST, 1)", "was changed in a tick"},
      {"dict.update(DICT, a=2)", "was changed in a tick"},
      {"type({}).setdefault(DICT, 'b', 2)", "was changed in a tick"},
      {"DICT.__init__(b=1)", "was changed in a tick"},
      {"default(add=1)", "this list"},
      {"list.append(default(), 1)", "was changed in a tick"},
      {"SLOTS_N.__set__(SLOTS, 2)", "was changed in a tick"},
      {"Thing.look.fget.n = 1 if False else 2", "a change of"},
      {"p = LOOK; p.__init__(lambda self: 2)", "was changed in a tick"},
      {"e = Side.LEFT; e.kept = 1", "was changed in a tick"},
  };
  for (size_t i = 0; i < sizeof in_a_call / sizeof in_a_call[0]; i++) {
    static char text[4096];
    (void)snprintf(text, sizeof text,
                   ECS
                   "import enum, functools, heapq, operator, string\n"
                   "from collections.abc import Sized\n"
                   "class Thing:\n"
                   "    @property\n"
                   "    def look(self): return 1\n"
                   "class Slots:\n"
                   "    __slots__ = ('n',)\n"
                   "    def __init__(self): self.n = 1\n"
                   "class Side(enum.Enum):\n"
                   "    LEFT = 1\n"
                   "THING, LIST, DICT, SLOTS, LOOK = Thing(), [1], {'a': 1}, Slots(), Thing.look\n"
                   "SLOTS_N = Slots.n\n"
                   "def default(add=None, kept=[]):\n"
                   "    if add: kept.append(add)\n"
                   "    return kept\n"
                   "def helper(n=0): return n\n" RULE PROCESS "        %s\n",
                   in_a_call[i].line);
    pt_open(&t);
    if (strstr(pt_load(&t, text), "\"error\"")) {
      if (!strstr(t.said, in_a_call[i].why)) fail_msg("%s: %s", in_a_call[i].line, t.said);
    } else {
      lq_guest_status status = pt_tick(&t);
      if (status != LQ_GUEST_RAISED || !strstr(t.text, in_a_call[i].why))
        fail_msg("%s: %u %s", in_a_call[i].line, status, t.text);
    }
    pt_close(&t);
  }
}

/* What does no harm, a thousand calls long. */
LQ_TEST(honest_libraries_are_taken_for_no_change) {
  pt_open(&t);
  (void)pt_spawn(&t, "p1", 3, 1, 2);
  rule("        import abc, collections, collections.abc, contextlib, copy, dataclasses, enum\n"
       "        import functools, itertools, json, numbers, re, string, textwrap, typing\n"
       "        from collections.abc import Mapping\n"
       "        from lq_engine.game import Purse\n"
       "        n = world.random(100)\n"
       "        @dataclasses.dataclass\n"
       "        class Job(Base):\n"
       "            cost: int = n\n"
       "        class Side(enum.Flag):\n"
       "            A = 1\n"
       "            B = 2\n"
       "        class Shape(abc.ABC):\n"
       "            @abc.abstractmethod\n"
       "            def area(self): ...\n"
       "        class Dot(Shape):\n"
       "            def area(self): return n\n"
       "        P = collections.namedtuple('P', 'x y')\n"
       "        assert (Side.A | Side.B) & Side.A and MARK.X | MARK.Y and Dot().area() == n\n"
       "        assert isinstance({}, Mapping) and isinstance(1, numbers.Integral) and P(1, n).y "
       "== n\n"
       "        assert not isinstance(Job(), Mapping) and issubclass(list, collections.abc.Sized)\n"
       "        assert re.sub(f'a{n}', r'\\g<0>b', f'a{n}') == f'a{n}b' and re.I | re.M\n"
       "        assert json.loads(json.dumps({'n': [n]}))['n'] == [n] and copy.deepcopy(LIST) == "
       "[1]\n"
       "        @functools.wraps(helper)\n"
       "        def wrapped(*a): return helper(*a)\n"
       "        wrapped.kept = 1\n"
       "        assert wrapped(1) == 1 and string.Template('$n').substitute(n=n) == str(n)\n"
       "        with contextlib.suppress(KeyError): {}[n]\n"
       "        typing.Optional[Job], typing.List[Dot], typing.get_type_hints(Job)\n"
       "        textwrap.fill('a b', 3), f'{n:>5}', list(itertools.accumulate([1, n]))\n"
       "        class Own:\n"
       "            def __init__(self): self.n = n\n"
       "        own = Own()\n"
       "        own.n = setattr(own, 'm', 1)\n"
       "        assert own.m == getattr(own, 'm') == 1 and THING.n == 1 and super.__name__\n"
       "        match own:\n"
       "            case Own(m=1): ...\n"
       "        try: raise ValueError(n)\n"
       "        except ValueError as e: assert e.args == (n,)\n"
       "import enum\n"
       "class Base: ...\n"
       "class Thing:\n"
       "    def __init__(self): self.n = 1\n"
       "class MARK(enum.Flag):\n"
       "    X = 1\n"
       "    Y = 2\n"
       "THING, LIST = Thing(), [1]\n"
       "def helper(n): return n\n");
  for (int i = 0; i < 1000; i++) ticks();
  assert_false(lq_runtime_python.spoiled());
  pt_close(&t);
}

LQ_TEST(a_command_moves_and_refuses) {
  pt_open(&t);
  lq_entity player = pt_spawn(&t, "p1", 3, 1, 2);
  t.f.command[FX_MOVE].guest = LQ_GUEST_PYTHON;
  static const char text[] = ECS POSITION RULE PROCESS
      "        ...\n"
      "@on_command('move')\n"
      "def move(world, command):\n"
      "    assert command.player == 1 and list(command.vec) == [1, 0, 0]\n"
      "    at = command.entity.Position\n"
      "    at.x += command.vec[0]\n"
      "    if at.x > 2: raise Refuse('off the map')\n";
  if (strstr(pt_load(&t, text), "\"error\"")) fail_msg("%s", t.said);
  _Alignas(8) uint8_t row[64] = {0};
  int32_t vec[3] = {1, 0, 0};
  memcpy(row, &player.bits, 8);
  memcpy(row + 8, vec, sizeof vec);
  assert_int_equal(pt_call(&t, LQ_GUEST_COMMAND, FX_MOVE, row), LQ_GUEST_DONE);
  assert_int_equal(t.out.changes.data[0], LQ_GUEST_SET);
  int32_t *at = lq_world_write(t.world, player, FX_POSITION);
  at[0] = 2;
  assert_int_equal(pt_call(&t, LQ_GUEST_COMMAND, FX_MOVE, row), LQ_GUEST_REFUSED);
  assert_string_equal(t.text, "off the map");
  vec[0] = 5;
  memcpy(row + 8, vec, sizeof vec);
  assert_int_equal(pt_call(&t, LQ_GUEST_COMMAND, FX_MOVE, row), LQ_GUEST_RAISED);
  has(t.text, "systems/hunt.py:11: AssertionError");
  pt_close(&t);
}

LQ_TEST(a_handler_of_join_finds_the_player) {
  pt_open(&t);
  (void)pt_spawn(&t, "p7", 3, -1, -1);
  t.f.command[LQ_CMD_JOIN].guest = LQ_GUEST_PYTHON;
  static const char text[] = ECS POSITION RULE PROCESS
      "        ...\n"
      "@on_command('join')\n"
      "def join(world, command):\n"
      "    assert command.player == 'p7' and command.entity.id == 'p7', command\n"
      "    command.entity.Position = Position(4, 5)\n";
  if (strstr(pt_load(&t, text), "\"error\"")) fail_msg("%s", t.said);
  const lq_record *record = &t.f.game.command[LQ_CMD_JOIN].record;
  _Alignas(8) uint8_t row[LQ_ROW_BYTES_MAX] = {0};
  memcpy(row + lq_record_field(record, lq_span_text("player"))->offset, "p7", 2);
  if (pt_call(&t, LQ_GUEST_COMMAND, LQ_CMD_JOIN, row) != LQ_GUEST_DONE) fail_msg("%s", t.text);
  assert_int_equal(t.out.changes.data[0], LQ_GUEST_SET);
  pt_close(&t);
}

/* ---- the same everywhere ---- */

LQ_TEST(nothing_of_memory_shows) {
  holds(
      "        class Thing: ...\n"
      "        assert ' at 0x' not in repr([Thing(), Thing, holds, lambda: 0, self.process,\n"
      "            (x for x in []), iter([]), [].append, map(int, []), object()]), repr(Thing())\n"
      "        assert list({'b', 'a', None, 3, Thing}) [:4] == ['b', 'a', None, 3]\n"
      "        assert list({x % 7 for x in (9, 1, 16, 8)}) == [2, 1]\n"
      "        assert {1, 2} | {3} == {3, 2, 1} and {1, 2} - {2} == {1} and 1 in {1}\n"
      "        assert isinstance({1}, set) and len(set('aab')) == 2 and {1} <= {1, 2}\n"
      "        assert hash('a') == hash('a') and hash(world.find('p1')) == hash(world.find('p1'))\n"
      "def holds(): ...\n");
}

LQ_TEST(mathematics_is_the_engines) {
  holds("        import math, operator\n"
        "        assert 2 ** 10 == 1024 and pow(3, 4, 5) == 1 and math.floor(-1.5) == -2\n"
        "        x = 2\n"
        "        x **= 3\n"
        "        assert x == 8 and 2 ** -1 == 0.5 and 2.0 ** 0.5 == math.pow(2, 0.5)\n"
        "        assert math.sin(1.0).hex() == '0x1.aed548f090ceep-1' and math.isqrt(17) == 4\n"
        "        for i in range(1, 3000):\n"
        "            a, b = 1 + i / 997, i / 101\n"
        "            assert a ** b == math.pow(a, b) == pow(a, b), (a, b)\n"
        "        assert operator.pow(2, 3) == 8 and math.hypot(3, 4) == 5.0\n"
        "        try: math.gamma\n"
        "        except AttributeError as e: assert 'digits differ' in str(e)\n"
        "        else: assert False\n");
}

LQ_TEST(libraries_of_the_list_work) {
  holds("        import dataclasses, enum, typing, collections, json, re, heapq\n"
        "        @dataclasses.dataclass(order=True)\n"
        "        class Job:\n"
        "            cost: int\n"
        "            name: str = dataclasses.field(default='', compare=False)\n"
        "        queue = [Job(3, 'c'), Job(1, 'a')]\n"
        "        heapq.heapify(queue)\n"
        "        assert heapq.heappop(queue).name == 'a' and repr(Job(1)) == "
        "\"Rule.process.<locals>\"\\\n"
        "            \".Job(cost=1, name='')\"\n"
        "        class Side(enum.Enum):\n"
        "            LEFT = 1\n"
        "        assert Side(1) is Side.LEFT and COLOUR['red'] is Colour.RED\n"
        "        assert json.loads(json.dumps({'a': [1, 2.5]})) == {'a': [1, 2.5]}\n"
        "        assert re.fullmatch('a+', 'aaa') and collections.Counter('aab')['a'] == 2\n"
        "        print('words for the log')\n"
        "import enum\n"
        "class Colour(enum.IntEnum):\n"
        "    RED = 1\n"
        "COLOUR = {'red': Colour.RED}\n");
}

LQ_TEST(two_loads_of_one_process_are_apart) {
  pt_open(&t);
  rule("        ...\n");
  has(pt_load_as(&t, NULL, ECS "class Other(Component):\n    n: bool = True\n"), "\"Other\"");
  assert_null(strstr(t.said, "Position"));
  has(t.said, "{\"name\": \"n\", \"type\": \"bool\", \"default\": true}");
  has(pt_load_as(&t, NULL, "import nothing\n"), "no module named");
  rule("        assert world.with_components(Position) == ()\n");
  ticks();
  pt_close(&t);
}

LQ_TEST(components_of_the_game_are_names_while_it_is_described) {
  pt_open(&t);
  has(pt_load_as(&t, NULL,
                 ECS
                 "from lq_engine.game import Purse, Note\nSTART = Purse(coins=3)\n" POSITION RULE
                 "    reads = (Purse, Position)\n    writes = (Purse,)\n" PROCESS "        ...\n"),
      "\"reads\": [\"Purse\", \"Position\"]");
  has(t.said, "\"writes\": [\"Purse\"]");
  assert_null(strstr(t.said, "Note"));
  pt_close(&t);
}

/* As when it is loaded: what is built must run. */
LQ_TEST(a_component_has_one_class_while_it_is_described) {
  static const char two[] = ECS "from lq_engine.game import Position\n" POSITION;
  pt_open(&t);
  has(pt_load_as(&t, NULL, two), "imported from lq_engine.game elsewhere");
  has(t.said, "systems/hunt.py:3: TypeError");
  has(pt_load(&t, two), "imported from lq_engine.game elsewhere");
  has(pt_load_as(&t, NULL, ECS POSITION "from lq_engine.game import Position\n"), "Position");
  assert_null(strstr(t.said, "error"));
  pt_close(&t);
}
