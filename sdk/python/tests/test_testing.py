"""lq_engine.testing as game authors use it: see its docstring."""

import importlib
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples/treasure_hunt"))


def fresh(*names):
    """Modules as if nothing had been imported: what is registered is of the process."""
    for name in [n for n in sys.modules if n.startswith(("lq_engine", "systems"))]:
        del sys.modules[name]
    return [importlib.import_module(name) for name in names]


class TestingTest(unittest.TestCase):
    def setUp(self):
        self.testing, self.hunt = fresh("lq_engine.testing", "systems.treasure_hunt")

    def test_a_player_collects(self):
        h = self.hunt
        session = self.testing.Session()
        player = session.spawn(h.PlayerTag(), h.Position(x=1), id="p1")
        session.spawn(h.TreasureTag(), h.Position(x=2))
        session.tick()
        self.assertEqual(session.events, [])
        player.Position.x += 1
        session.tick(2)
        collected = ("treasure.collected", {"player": "p1", "value": 100})
        self.assertEqual(session.events, [collected])
        self.assertEqual(session.world.with_components(h.TreasureTag), ())

    def test_a_declared_event_is_checked(self):
        h = self.hunt
        session = self.testing.Session(events={"treasure.collected": {"player": "entity"}})
        session.spawn(h.PlayerTag, h.Position, id="p1")
        session.spawn(h.TreasureTag, h.Position)
        with self.assertRaisesRegex(LookupError, "treasure.collected has no 'value'"):
            session.tick()

    def test_some_systems_of_all(self):
        self.assertEqual(len(self.testing.Session()._systems), 1)
        self.assertEqual(self.testing.Session(systems=[])._systems, [])

    def test_a_component_of_game_yaml(self):
        self.testing.declare("Purse", coins="money(EUR)")
        from lq_engine.game import Purse

        session = self.testing.Session()
        owner = session.spawn(Purse(coins=3), id="p1")
        owner.Purse.coins += 2
        self.assertEqual(session.world.find("p1").Purse, Purse(coins=5))

    def test_commands_guess_their_fields(self):
        ecs = sys.modules["lq_engine.ecs"]

        @ecs.on_command("greet")
        def greet(world, command):
            if command.entity is None:
                raise ecs.Refuse(f"nobody to greet by {command.player}")
            world.emit("greeted", {"by": command.player, "text": command.text, "n": command.n[1]})

        session = self.testing.Session()
        session.spawn(id="p1")
        self.assertTrue(session.command("greet", player=2, entity="p1", text="hi", n=[1, 5]))
        self.assertFalse(session.command("greet", player=2, entity="", text="hi", n=[1, 5]))
        self.assertEqual(session.refused, "nobody to greet by 2")
        self.assertEqual(session.events, [("greeted", {"by": 2, "text": "hi", "n": 5})])
        with self.assertRaisesRegex(LookupError, "there are: .*greet"):
            session.command("wave")

    def test_what_was_sent_is_told_and_handled_where_it_can_be(self):
        ecs = sys.modules["lq_engine.ecs"]

        @ecs.on_command("greet")
        def greet(world, command):
            world.emit("greeted", {"text": command.text})
            if command.text == "hi":
                world.command("greet", {"text": "again"})
            elif command.text == "no":
                world.command("greet", {"text": "never"})
                raise ecs.Refuse("not today")

        @ecs.register_system(tick_order=90)
        class Ends(ecs.System):
            __qualname__ = "Ends"

            def process(self, world, delta):
                world.command("elsewhere", {"n": world.tick})

        session = self.testing.Session(commands={"elsewhere": {"n": "i64"}}, systems=[Ends])
        self.assertTrue(session.command("greet", text="hi"))
        self.assertFalse(session.command("greet", text="no"))
        session.tick()
        said = [("greeted", {"text": text}) for text in ("hi", "again")]
        self.assertEqual(session.events, said)
        self.assertEqual(session.sent, [("greet", {"text": "again"}), ("elsewhere", {"n": 1})])

    def test_declarations_say_what_is_wrong(self):
        ecs = sys.modules["lq_engine.ecs"]
        with self.assertRaisesRegex(TypeError, "declared twice: in .*treasure_hunt.py:4"):
            type(ecs.Component)("Position", (ecs.Component,), {"__module__": __name__})
        with self.assertRaisesRegex(TypeError, "register_system stands above a class of System"):
            ecs.register_system()(int)
        with self.assertRaisesRegex(TypeError, "has no process"):
            ecs.register_system()(type("Idle", (ecs.System,), {}))
        with self.assertRaisesRegex(TypeError, "a component is a Component itself"):
            type(ecs.Component)("Sub", (self.hunt.Position,), {"__module__": __name__})


if __name__ == "__main__":
    unittest.main()
