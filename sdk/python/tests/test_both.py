"""Each test plays a game in memory and in a server's jail: both must do the same."""

import os
import pathlib
import unittest

from tests.playing import JAIL, TOOL, Game, InJail, InMemory

HEAD = """\
from typing import Annotated
from lq_engine.ecs import Component, Entity, Refuse, System, on_command, register_system
class Position(Component):
    x: int = 0
    y: int = 0
class Tag(Component): ...
class All(Component):
    big: int = 0
    small: Annotated[int, "i32"] = 0
    speed: float = 0.0
    on: bool = False
    text: str = ""
    who: Entity
    row: Annotated[list[int], "i32[3]"]
@register_system()
class Rule(System):
"""
EVENTS = {"seen": {"who": "entity", "n": "i64", "text": "str(64)"}}
COMMANDS = {"move": {"entity": "entity", "vec": "i32[3]"}}
MOVE_AND_SAY = """\
@on_command('move')
def move(world, command):
    at = command.entity.Position
    at.x += command.vec[0]
    assert command.player == 0
    world.emit('seen', {'who': command.entity, 'n': at.x, 'text': 'went'})
    if command.entity.id == 'a':
        world.command('say', {'text': 'by_a'})
    if at.x > 6: raise Refuse('off the map')
@on_command('say')
def say(world, command):
    world.emit('seen', {'text': command.text})
"""
DRAWN = [601262, 747774, 103019, 416589, 732996]  # of seed 0
FOUNDING = pathlib.Path(__file__).resolve().parents[3] / "examples/treasure_hunt/systems/treasure_hunt.py"


class Cases:
    """What every world does."""

    def play(self, process, *, head="", tail="", **spec):
        lines = "".join(f"        {line}\n" for line in process.splitlines())
        source = f"{HEAD}{head}    def process(self, world, delta):\n{lines}{tail}"
        return self.open(Game(source, **{"events": EVENTS, **spec}))

    def open(self, game):
        play = self.world(game)
        self.addCleanup(play.close)
        return play

    def ticks(self, play):
        events, errors, _ = play.tick()
        self.assertEqual(errors, [])
        return events

    def holds(self, process, **more):
        play = self.play(process, **more)
        play.spawn("a", 1, Position={"x": 1, "y": 2}, All={})
        play.spawn("b", 2, Position={"x": 1, "y": 2}, Tag={})
        self.ticks(play)
        return play

    def raises(self, process, *parts, **more):
        play = self.play(process, **more)
        play.spawn("a", 1, Position={"x": 1, "y": 2}, All={})
        events, errors, _ = play.tick()
        self.assertEqual((len(errors), events), (1, []))
        for part in parts:
            self.assertIn(part, errors[0])

    def test_the_founding_example(self):
        events = {"treasure.collected": {"player": "entity", "value": "i32"}}
        play = self.open(Game(FOUNDING.read_text(), events))
        play.spawn("p1", 1, PlayerTag={}, Position={"x": 3, "y": 4})
        play.spawn("p2", 2, PlayerTag={}, Position={"x": 3, "y": 4})
        play.spawn("chest", 0, TreasureTag={}, Position={"x": 3, "y": 4})
        play.spawn("other", 0, TreasureTag={}, Position={"x": 4, "y": 3})
        collected = [("treasure.collected", {"player": p, "value": 100}) for p in ("p1", "p2")]
        self.assertEqual(self.ticks(play), collected)
        self.assertEqual([e[0] for e in play.entities()], ["p1", "p2", "other"])
        self.assertEqual(self.ticks(play), [])

    def test_a_write_is_seen_at_once(self):
        play = self.holds(
            "a, b = world.with_components(Position)\n"
            "assert a.Position == b.Position\n"
            "a.Position.x += 4\n"
            "assert world.find('a').Position.x == 5 and a.Position != b.Position\n"
            "b.Position = a.Position\n"
            "assert b.Position == Position(5, 2) == a.Position and not b.Position == (5, 2)\n"
        )
        self.assertEqual([e[2]["Position"]["x"] for e in play.entities()], [5, 5])

    def test_every_kind_of_field(self):
        play = self.holds(
            "a = world.find('a')\n"
            "f = a.All\n"
            "assert (f.big, f.small, f.speed, f.on, f.text, f.who) == (0, 0, 0.0, False, '', None)\n"
            "assert list(f.row) == [0, 0, 0] and len(f.row) == 3 and f.row == [0, 0, 0]\n"
            "f.big, f.small, f.speed, f.on, f.text = -2**63, -5, 0.1, True, 'grün'\n"
            "f.who = 'b'\n"
            "f.row[1] = 7\n"
            "f.row[-1] = 9\n"
            "assert f.speed == 0.10000000149011612 and f.who == world.find('b') and f.who.id == 'b'\n"
            "assert f.row[1:] == [7, 9] and sum(f.row) == 16 and 7 in f.row\n"
            "f.row = (1, *f.row[1:])\n"
            "assert repr(f.row) == '[1, 7, 9]'\n"
        )
        row = play.entities()[0][2]["All"]
        self.assertEqual(row["text"], "grün")
        self.assertEqual((row["big"], row["who"], row["row"]), (-(2**63), "b", [1, 7, 9]))

    def test_structure_changes_at_the_end_of_a_system(self):
        play = self.holds(
            "if world.tick > 1: return\n"
            "a = world.find('a')\n"
            "new = world.create_entity(Position(x=9), Tag, owner=3)\n"
            "world.create_entity(Tag(), id='named')\n"
            "a.add(Tag())\n"
            "a.remove(Position)\n"
            "world.delete_entity(world.find('b'))\n"
            "world.delete_entity(world.find('b'))\n"
            "assert new.id == '' and not a.has(Tag) and a.has(Position) and world.find('b').id == 'b'\n"
            "assert world.find('named') is None and len(world.with_components(Position)) == 2\n"
            "a.All.who = new\n"
        )
        found = play.entities()
        self.assertEqual([(e[0], e[1]) for e in found], [("a", 1), ("e1", 3), ("named", 0)])
        self.assertEqual(set(found[0][2]), {"Tag", "All"})
        self.assertEqual(found[1][2], {"Position": {"x": 9, "y": 0}, "Tag": {}})
        self.assertEqual(found[0][2]["All"]["who"], "e1")

    def test_rows_of_the_dead_are_taken_again(self):
        play = self.play(
            "if world.tick == 1: world.delete_entity(world.find('a'))\n"
            "elif world.tick == 2: world.create_entity(Tag(), id='later')\n"
        )
        for id in "abc":
            play.spawn(id, 0, Tag={})
        for _ in range(2):
            self.ticks(play)
        self.assertEqual([e[0] for e in play.entities()], ["later", "b", "c"])

    def test_queries_with_and_without(self):
        self.holds(
            "ids = lambda found: [e.id for e in found]\n"
            "assert ids(world.with_components(Position)) == ['a', 'b']\n"
            "assert ids(world.with_components(Position, without=(Tag,))) == ['a']\n"
            "assert ids(world.with_components(Position, Tag)) == ['b']\n"
            "assert ids(world.with_components(without=Position)) == []\n"
            "assert world.with_components(Tag, All) == ()\n"
        )

    def test_events_take_entities_and_ids(self):
        play = self.play(
            "world.emit('seen', {'who': world.find('a'), 'n': 1, 'text': 'x'})\n"
            "world.emit('seen', {'who': 'a'})\n"
            "world.emit('seen')\n"
        )
        play.spawn("a", 0, Tag={})
        rows = [("a", 1, "x"), ("a", 0, ""), ("", 0, "")]
        expected = [("seen", {"who": w, "n": n, "text": t}) for w, n, t in rows]
        self.assertEqual(self.ticks(play), expected)

    def test_entities_of_fields_live_and_die(self):
        play = self.play(
            "a = world.find('a')\n"
            "if world.tick == 1:\n"
            "    new = world.create_entity(Tag())\n"
            "    a.All.who = new\n"
            "    assert a.All.who == new and a.All.who != a\n"
            "    world.emit('seen', {'who': new})\n"
            "elif world.tick == 2:\n"
            "    assert a.All.who.id == 'e1' and a.All.who.has(Tag)\n"
            "    world.delete_entity(a.All.who)\n"
            "    assert a.All.who is not None\n"
            "else:\n"
            "    assert a.All.who is None\n"
        )
        play.spawn("a", 0, All={})
        self.assertEqual(self.ticks(play)[0][1]["who"], "e1")
        self.ticks(play)
        self.ticks(play)

    def test_mistakes_say_what_there_is(self):
        self.raises("world.emit('sean')", "LookupError: the game has no 'sean'", "'seen'")
        self.raises("world.emit('seen', {'n': 1, 'm': 2})", "LookupError: seen has no 'm'", "'who'")
        self.raises("world.emit('seen', {'n': 1.5})", "TypeError: seen.n takes a whole number")
        self.raises("world.emit('seen', {'who': 'zz'})", "ValueError: seen.who: there is no entity")
        self.raises("world.find('a').Position.z = 1", "AttributeError: Position has no field 'z'; its fields: x, y")
        self.raises("world.find('a').Position.x = 'p'", "TypeError: Position.x takes a whole number")
        self.raises("world.find('a').Position.x = 2**63", "ValueError: Position.x holds 64 bits")
        self.raises("world.find('a').All.text = 'x' * 64", "ValueError: All.text holds 63 bytes")
        self.raises("world.find('a').All.on = 1", "TypeError: All.on takes True or False")
        self.raises("world.find('a').All.row = [1]", "ValueError: All.row takes 3 values")
        self.raises("world.find('a').All.row[3] = 1", "IndexError: All.row")
        self.raises("world.find('a').Tag", "AttributeError: entity 'a' has no Tag: ask has(Tag) first")
        self.raises("world.find('a').Nix", "AttributeError: an entity has no 'Nix'", "'Position'")
        self.raises("world.find('a').nix = 1", "AttributeError: an entity has no 'nix' to assign")
        self.raises("world.find('a').Position = All()", "TypeError: Position takes a Position(...)")
        self.raises("world.with_components(int)", "TypeError: ")
        self.raises("world.random(0)", "ValueError: random(bound) takes 1 to 4294967295")
        self.raises("world.constants.nix", "AttributeError: the game has no constant 'nix'")
        self.raises("world.create_entity(id='a')", "RuntimeError: the id is in use")
        self.raises("world.create_entity(id='ä')", "RuntimeError: an id has 1 to 31")
        self.raises("Position(1, 2, 3)", "TypeError: Position has 2 fields, 3 values were given")
        self.raises("Position(z=1)", "TypeError: Position has no field 'z'")
        self.raises("world.create_entity(Tag).Tag", "AttributeError: this entity was made just now")

    def test_reads_and_writes_are_held(self):
        head = "    reads = (Position, Tag)\n    writes = (Tag,)\n"
        self.raises("world.find('a').Position.x = 1", "not in this system's writes", head=head)
        self.raises("world.find('a').All", "All is not in this system's reads", head=head)
        self.raises("world.with_components(All)", "All is not in this system's reads", head=head)

    def test_random_is_the_sessions(self):
        process = "for _ in range(5): world.emit('seen', {'n': world.random(1000000)})"
        drawn = [row["n"] for _, row in self.ticks(self.play(process))]
        self.assertEqual(drawn, DRAWN)

    def test_state_is_kept(self):
        play = self.play(
            "self.state['n'] += 1\n"
            "self.state['path'].append((world.tick, 'ü'))\n"
            "world.emit('seen', {'n': self.state['n']})\n",
            head="    state = {'path': [], 'n': 10}\n",
        )
        self.assertEqual([self.ticks(play)[0][1]["n"] for _ in range(3)], [11, 12, 13])
        path = [[1, "ü"], [2, "ü"], [3, "ü"]]
        self.assertEqual(play.state("systems.hunt.Rule"), {"n": 13, "path": path})
        head = "    state = {'n': 0}\n"
        self.raises("self.state['n'] = {1}", "TypeError: state['n'] is a set", head=head)
        self.raises("self.state['n'] = 'x' * 4096", "ValueError: state has 4104 bytes", head=head)
        self.raises("self.state = []", "TypeError: state is a list", head=head)

    def test_commands_move_and_refuse(self):
        play = self.play(
            "...",
            tail="@on_command('move')\n"
            "def move(world, command):\n"
            "    at = command.entity.Position\n"
            "    at.x += command.vec[0]\n"
            "    assert command.player == 0 and len(command.vec) == 3\n"
            "    world.create_entity(Tag())\n"
            "    if at.x > 2: raise Refuse('off the map')\n",
            commands=COMMANDS,
        )
        play.spawn("a", 1, Position={"x": 1, "y": 2})
        play.send("move", entity="a", vec=[1, 0, 0])
        play.send("move", entity="a", vec=[1, 0, 0])
        events, errors, refused = play.tick()
        self.assertEqual((events, errors, refused), ([], [], ["off the map"]))
        self.assertEqual([e[0] for e in play.entities()], ["a", "e1"])
        self.assertEqual(play.entities()[0][2]["Position"]["x"], 2)

    def test_systems_and_handlers_send_commands(self):
        play = self.play(
            "a, new = world.find('a'), world.create_entity(Position(x=5), id='new')\n"
            "world.command('move', {'entity': a, 'vec': [1, 0, 0]})\n"
            "world.command('move', {'entity': 'a', 'vec': [7, 0, 0]})\n"
            "world.command('move', {'entity': new, 'vec': (1, 0, 0)})\n"
            "world.command('move', {'vec': [1, 0, 0]})\n"
            "world.command('move', {'entity': 'b', 'vec': [1, 0, 0]})\n"
            "world.command('say')\n"
            "world.delete_entity(world.find('b'))\n"
            "world.emit('seen', {'who': a, 'n': a.Position.x, 'text': 'sent'})\n",
            tail=MOVE_AND_SAY,
            commands={**COMMANDS, "say": {"text": "str(16)"}},
        )
        play.spawn("a", 1, Position={"x": 1})
        play.spawn("b", 1, Position={"x": 1})
        rows = [("a", 1, "sent"), ("a", 2, "went"), ("new", 6, "went"), ("", 0, ""), ("", 0, "by_a")]
        expected = [("seen", {"who": w, "n": n, "text": t}) for w, n, t in rows]
        self.assertEqual(self.ticks(play), expected)
        found = {e[0]: e[2]["Position"]["x"] for e in play.entities()}
        self.assertEqual(found, {"a": 2, "new": 6})

    def test_commands_that_cannot_be_sent(self):
        more = {"commands": {**COMMANDS, "say": {"text": "str(16)"}}, "tail": MOVE_AND_SAY}
        self.raises("world.command('fly')", "LookupError: the game has no 'fly'; there are: ['move', 'say']", **more)
        self.raises("world.command('move', {'to': 1})", "LookupError: move has no 'to'; there are: ['entity', 'vec']", **more)
        self.raises("world.command('move', {'vec': [1]})", "ValueError: move.vec takes 3 values", **more)
        self.raises("world.command('move', {'entity': 'zz'})", "ValueError: move.entity: there is no entity", **more)
        self.raises("world.command(1)", "TypeError: command takes a command's name and a dict", **more)
        self.raises("world.command('join')", "RuntimeError: only the host sends join: send one of game.yaml", **more)
        many = "for _ in range(257): world.command('say')"
        self.raises(many, "RuntimeError: 256 commands are sent in a tick at most", **more)

    def test_systems_run_by_order_and_see_each_other(self):
        play = self.play(
            "world.create_entity(Tag())",
            tail="@register_system(tick_order=60)\n"
            "class After(System):\n"
            "    def process(self, world, delta):\n"
            "        world.emit('seen', {'n': len(world.with_components(Tag)), 'text': 'after'})\n"
            "@register_system(tick_order=-1)\n"
            "class Before(System):\n"
            "    def process(self, world, delta):\n"
            "        world.emit('seen', {'n': len(world.with_components(Tag)), 'text': 'before'})\n",
        )
        for before, after in ((0, 1), (1, 2)):
            rows = [(row["text"], row["n"]) for _, row in self.ticks(play)]
            self.assertEqual(rows, [("before", before), ("after", after)])

    def test_components_of_the_game_alone(self):
        play = self.play(
            "from lq_engine.game import Purse\n"
            "for e in world.with_components(Purse):\n"
            "    e.Purse.coins += world.constants.value\n"
            "world.create_entity(Purse(coins=3))\n",
            components={"Purse": {"coins": "money(EUR)"}},
            constants={"value": 100},
        )
        play.spawn("a", 0, Purse={"coins": 5})
        self.ticks(play)
        coins = [e[2]["Purse"]["coins"] for e in play.entities()]
        self.assertEqual(coins, [105, 3])

    def test_values_are_keys_by_value(self):
        self.holds(
            "assert {Position(1, 2): 'x'}[Position(1, 2)] == 'x'\n"
            "a = world.find('a')\n"
            "assert {a: 1}[world.find('a')] == 1 and len({a, world.find('a')}) == 1\n"
            "match a.Position:\n"
            "    case Position(x=1, y=y): assert y == 2\n"
            "assert repr(a.Position) == 'Position(x=1, y=2)' and repr(a) == '<Entity a>'\n"
        )


class MemoryTest(Cases, unittest.TestCase):
    world = InMemory

    def test_what_is_kept_of_a_tick_is_refused(self):
        play = self.play(
            "import string\n"
            "if world.tick > 1: string.kept_by_test[world.tick % 2].id\n"
            "setattr(string, 'kept_by_test', [world.find('a')] * 2)\n"
        )
        play.spawn("a", 0, Tag={})
        self.ticks(play)
        _, errors, _ = play.tick()
        self.assertIn("RuntimeError: this entity belongs to an earlier tick", errors[0])


@unittest.skipUnless(TOOL and JAIL, "LQ_GUEST_PLAY and LQ_JAIL_PYTHON say where the engine is")
class JailTest(Cases, unittest.TestCase):
    world = InJail

    def test_what_would_live_on_is_refused_or_found(self):
        self.raises("import string\nsetattr(string, 'n', 1)", "TypeError: a module stays as it was loaded")
        play = self.play("list.append(KEPT, world.tick)\n", tail="KEPT = []\n")
        _, errors, _ = play.tick()  # and the process ends: the next one begins as it should
        self.assertIn("systems.hunt.KEPT was changed in a tick", errors[0])

    def test_what_would_reach_outside_is_an_error_and_no_end(self):
        """None of these may kill the process: a lazy import, a warning, a lock, a big number."""
        self.raises("'x'.encode('cp1252')", "LookupError: unknown encoding: cp1252")
        self.raises("import time", "ImportError: time: a system has no clock")
        self.raises("import encodings.idna", "ImportError: encodings.idna: a system reaches nothing")
        self.raises("raise SystemExit(3)", "SystemExit: 3")
        self.raises("str.x", "AttributeError: type object 'str' has no attribute 'x'")
        self.raises("input()", "RuntimeError: input() is not there in a system")
        self.holds(
            "import copy, dataclasses, json, re, string, textwrap\n"
            "assert 1 is 1 and '\\d' and copy.deepcopy({'a': [1]}) == {'a': [1]}\n"
            "assert textwrap.dedent('  a') == 'a' and json.dumps({'a': 1.5}, indent=1)\n"
            "assert re.sub('(?P<a>x)', r'\\g<a>y', 'x') == 'xy' and f'{1.5:>8.3f}' == '   1.500'\n"
            "assert string.Template('$a').substitute(a=1) == '1' and '{:,}'.format(1234) == '1,234'\n"
            "@dataclasses.dataclass(frozen=True)\n"
            "class P:\n    x: int = 0\n"
            "assert P(1) in {P(1)} and repr(dataclasses.replace(P(1), x=2)).endswith('P(x=2)')\n"
            "print('words', sorted('ba'))\n"
        )

    def test_every_process_says_the_same(self):
        """Addresses differ between processes; orders and texts must not."""
        process = (
            "things = [object(), None, self, world, len, self.process, Position, lambda: 0]\n"
            "for thing in {*things} | {t for t in things[::-1]}:\n"
            "    world.emit('seen', {'text': str(thing)[:40].replace(' ', '_'), 'n': hash(str(thing))})\n"
            "for name in {'a': 1, 'b': 2}.keys() - {'c'}: world.emit('seen', {'text': name})\n"
        )
        said = []
        for _ in range(3):
            play = self.play(process)
            said.append(self.ticks(play) + self.ticks(play))
            self.assertEqual(len(said[0]), 20)
        self.assertEqual(said[0], said[1])
        self.assertEqual(said[0], said[2])

    @unittest.skipIf(os.environ.get("LQ_SANITIZED"), "the address sanitizer takes no limit on address space")
    def test_memory_and_recursion_are_spent(self):
        play = self.play("x = [0] * (1 << 28)\n")
        for _ in range(2):  # and it goes on living
            _, errors, _ = play.tick()
            self.assertEqual(errors, ["MemoryError"])
        play = self.play("def f(n): return [f(n + 1)]\nf(0)\n")
        self.assertIn("RecursionError: maximum recursion depth exceeded", play.tick()[1][0])
        play = self.play("x = []\nfor _ in range(10000000): x = [x] * 3, x\nx == 1, hash(str(x))\n")
        self.assertEqual(len(play.tick()[1]), 1)


if __name__ == "__main__":
    unittest.main()
