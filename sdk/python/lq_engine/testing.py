"""A session in memory: run a game's systems and handlers under pytest or unittest.

    from lq_engine.testing import Session
    from systems.treasure_hunt import PlayerTag, Position, TreasureTag

    def test_a_player_collects():
        session = Session()
        session.spawn(PlayerTag(), Position(x=1), id="p1")
        session.spawn(TreasureTag(), Position(x=1))
        session.tick()
        assert session.events == [("treasure.collected", {"player": "p1", "value": 100})]

Rules are those of the server: what is written is seen at once, what adds, removes, creates or
deletes at the end of the system. Not here: limits of numbers of entities, ownership, and the
server's checks of determinism (imports, undeclared state), which speak up when a game is built.
"""

import copy

from lq_engine import _backend, _state, game
from lq_engine._declare import registry
from lq_engine.ecs import Component, ComponentType, Refuse

__all__ = ["Session", "declare"]


def declare(component, **fields):
    """What game.yaml says of a component: declare("Purse", coins="money(EUR)")."""
    annotations = {name: _Exact(kind) for name, kind in fields.items()}
    namespace = {"__module__": "lq_engine.game", "__annotations__": annotations}
    game._made[component] = ComponentType(component, (Component,), namespace, declare=False)
    return game._made[component]


class _Exact:
    """As typing.Annotated: only the exact type."""

    def __init__(self, kind):
        self.__metadata__ = (kind,)


class Session:
    """A world, and the systems that were registered.

    events and commands are as in game.yaml: {"treasure.collected": {"player": "entity"}}; events
    left out takes any event unchecked. systems: classes, unless all that were registered.
    """

    def __init__(self, *, hz=20, seed=0, constants=(), events=None, commands=(), systems=None):
        self.world = _backend.World(seed, constants, events, commands)
        self.hz = hz
        self.refused = None
        self._commands = dict(commands)
        self._states = {}
        known = {d.what: d for d in registry.systems.values()}
        chosen = [known[cls] for cls in systems] if systems is not None else known.values()
        ordered = sorted(chosen, key=lambda d: (d.order, d.name))
        self._systems = [(d.name, d.what()) for d in ordered]

    @property
    def events(self):
        """All that was emitted so far: (name, fields) each."""
        return self.world.emitted

    @property
    def sent(self):
        """All commands that systems and handlers sent so far: (name, fields) each."""
        return self.world.sent

    def spawn(self, *components, id=None, owner=0):
        """An entity that is there at once, and good for the whole test."""
        key = self.world.create_entity(*components, id=id, owner=owner)._key
        self.world.flush()
        return _backend.Entity(self.world, key, None)

    def state(self, system):
        """What a system class keeps between ticks now."""
        name = f"{system.__module__}.{system.__qualname__}"
        return _state.decode(self._states.get(name, b""), system.state)

    def tick(self, count=1):
        """Runs every system, in the order of (tick_order, name)."""
        for _ in range(count):
            self.world.tick += 1
            for name, system in self._systems:
                self._run(name, system)
            self.world._sent_count = 0

    def _run(self, name, system):
        world = self.world
        keeps = bool(type(system).state)
        if keeps:
            system.state = _state.decode(self._states.get(name, b""), type(system).state)
        world._system = type(system)
        try:
            system.process(world, 1.0 / self.hz if self.hz else 0.0)
        except BaseException:
            world._waiting.clear()
            raise
        finally:
            world._system = None
        if keeps:
            self._states[name] = _state.encode(system.state)
        world.flush()
        self._run_sent()

    def command(self, name, player=0, **fields):
        """Sends a command. True, or False with the reason in `refused`."""
        if name not in registry.commands:
            raise LookupError(f"no @on_command({name!r}); there are: {list(registry.commands)!r}")
        if not self._handle(name, self._body(name, player, fields)):
            return False
        self._run_sent()
        return True

    def _handle(self, name, command):
        world = self.world
        kept = "_rows", "_prng", "emitted", "_made", "sent", "_waiting", "_sent_count"
        before = copy.deepcopy([getattr(world, what) for what in kept])
        try:
            registry.commands[name].what(world, command)
        except Refuse as refusal:
            for what, value in zip(kept, before):
                setattr(world, what, value)
            world._later = []
            world._call += 1
            self.refused = str(refusal)
            return False
        world.flush()
        return True

    def _run_sent(self):
        """What waits, in its order, and what that sends. One that no Python file handles is in
        `sent` alone; one about an entity that is gone is not run."""
        world = self.world
        while world._waiting:
            name, slots, row = world._waiting.pop(0)
            about = slots.get("entity")
            gone = about and about.kind.base == "entity" and not world._rows.get(row[about.index])
            if name in registry.commands and not gone:
                self._handle(name, _backend.command_of(name, 0, slots, row, world))

    def _body(self, name, player, fields):
        kinds = dict(self._commands.get(name) or {f: _backend.guess(f, v) for f, v in fields.items()})
        missing = kinds.keys() ^ fields.keys()
        if missing:
            raise TypeError(f"{name} has the fields {list(kinds)!r}; wrong or missing: {missing}")
        slots = _backend._record(name, kinds)
        row = [slot.convert(fields[slot.name], self.world) for slot in slots.values()]
        return _backend.command_of(name, player, slots, row, self.world)

