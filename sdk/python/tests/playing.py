"""A game played twice: in memory, and in a server's session with its guests in a real jail."""

import json
import os
import re
import subprocess
import sys
import types

TOOL, JAIL = os.environ.get("LQ_GUEST_PLAY"), os.environ.get("LQ_JAIL_PYTHON")
ALONE = {"int": "i64", "float": "f32", "str": "str(64)"}
LANGUAGE = "1"  # LQ_GUEST_PYTHON


class Game:
    """One file of systems and what game.yaml would say besides."""

    def __init__(self, source, events=(), commands=(), constants=(), components=()):
        self.source = source
        self.events, self.commands = dict(events), dict(commands)
        self.constants, self.components = dict(constants), dict(components)


def _value(kind, text):
    kind, _, count = kind.partition("[")
    if count:
        return [_value(kind, one) for one in text.split(",")]
    kind = ALONE.get(kind, kind)
    if kind == "f32":
        return float(text)
    if kind == "bool":
        return text == "1"
    return text if kind == "entity" or kind.startswith("str") else int(text)


def _text(value):
    if isinstance(value, (list, tuple)):
        return ",".join(map(_text, value))
    return str(int(value)) if isinstance(value, bool) else str(value)


class InJail:
    """The real thing: lq_session, the jail, and what is between them."""

    def __init__(self, game):
        self.game = game
        self.tool = subprocess.Popen(
            [TOOL, JAIL, LANGUAGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        size = len(game.source.encode())
        self.write(f"file systems/hunt.py {size}\n{game.source}describe\n")
        said = json.loads(self.read()[0])
        assert "error" not in said, said
        self.kinds = {c["name"]: {f["name"]: f["type"] for f in c["fields"]} for c in said["components"]}
        self.kinds.update(self.game.components)
        self.declare(said)
        self.write("begin\n")
        said = json.loads(self.read()[0])
        assert "error" not in said, said

    def declare(self, said):
        def fields(kinds):
            return "".join(f" {name}:{ALONE.get(kind, kind)}" for name, kind in kinds.items())

        for name, kinds in self.kinds.items():
            self.write(f"component {name}{fields(kinds)}\n")
        for name, kinds in self.game.events.items():
            self.write(f"event {name}{fields(kinds)}\n")
        for name, kinds in self.game.commands.items():
            self.write(f"command {name}{fields(kinds)}\n")
        for name, value in self.game.constants.items():
            self.write(f"constant {name} {value}\n")
        order = list(self.kinds)
        for system in said["systems"]:
            reads, writes = (
                sum(1 << order.index(name) for name in system.get(part, order))
                for part in ("reads", "writes")
            )
            self.write(f"system {system['name']} {system['order']} {reads} {writes & reads}\n")
        for command in said["commands"]:
            self.write(f"handler {command['name']}\n")

    def write(self, text):
        self.tool.stdin.write(text)
        self.tool.stdin.flush()

    def read(self):
        lines = []
        for line in self.tool.stdout:
            if line == "end\n":
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError("guest_play has ended; its words are above")

    def close(self):
        self.tool.stdin.close()
        self.tool.wait()
        self.tool.stdout.close()

    def spawn(self, id, owner=0, **components):
        self.write(f"spawn {id} {owner}\n")
        for name, fields in components.items():
            values = "".join(f" {field}={_text(value)}" for field, value in fields.items())
            self.write(f"add {id} {name}{values}\n")

    def send(self, name, **fields):
        self.write(f"send {name}" + "".join(f" {f}={_text(v)}" for f, v in fields.items()) + "\n")

    def tick(self):
        """(events, errors, refusals) of a tick."""
        self.write("tick\n")
        events, errors, refused = [], [], []
        for line in self.read():
            word, _, rest = line.partition(" ")
            if word == "event":
                name, *values = rest.split(" ")
                kinds = self.game.events[name]
                pairs = [value.split("=", 1) for value in values]
                events.append((name, {f: _value(kinds[f], v) for f, v in pairs}))
            elif word == "applied":
                refused += [rest.partition(" ")[2]] if rest.startswith("no") else []
            else:
                errors.append(re.sub(r"^\S+:\d+: ", "", line.split("|")[0]))
        return events, errors, refused

    def entities(self):
        """[(id, owner, {component: {field: value}})], in the order of queries."""
        self.write("dump\n")
        found = []
        self.states = {}
        for line in self.read():
            word, name, *rest = line.split(" ")
            if word == "entity":
                found.append((name, int(rest[0]), {}))
            elif word == "component":
                kinds = self.kinds[name]
                pairs = [value.split("=", 1) for value in rest]
                found[-1][2][name] = {f: _value(kinds[f], v) for f, v in pairs}
            else:
                self.states[name] = json.loads(line.split(" ", 2)[2])
        return found

    def state(self, system):
        self.entities()
        return self.states.get(system, {})


class InMemory:
    """lq_engine.testing."""

    def __init__(self, game):
        for name in [n for n in sys.modules if n.partition(".")[0] in ("lq_engine", "systems")]:
            del sys.modules[name]
        from lq_engine import testing

        self.game, self.queue = game, []
        for name, fields in game.components.items():
            testing.declare(name, **fields)
        module = types.ModuleType("systems.hunt")
        sys.modules["systems.hunt"] = module
        exec(compile(game.source, "systems/hunt.py", "exec"), vars(module))
        self.session = testing.Session(
            constants=game.constants, events=game.events, commands=game.commands
        )

    def close(self):
        pass

    def _class(self, name):
        return self.session.world._class(name)

    def spawn(self, id, owner=0, **components):
        made = self.session.spawn(id=id, owner=owner)
        for name, fields in components.items():
            cls = self._class(name)
            made.add(cls)
            self.session.world.flush()
            for field, value in fields.items():
                setattr(getattr(made, name), field, value)

    def send(self, name, **fields):
        self.queue.append((name, fields))

    def tick(self):
        before = len(self.session.events)
        errors, refused = [], []
        for name, fields in self.queue:
            if not self.session.command(name, **fields):
                refused.append(self.session.refused)
        self.queue = []
        try:
            self.session.tick()
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
        empty = lambda v: "" if v is None else [empty(x) for x in v] if isinstance(v, list) else v
        events = self.session.events[before:]
        return [(n, {f: empty(v) for f, v in row.items()}) for n, row in events], errors, refused

    def entities(self):
        world = self.session.world
        found = []
        for entity in world.with_components():
            parts = {}
            for name in entity._parts("") or ():
                cls = self._class(name)
                view = getattr(entity, name)
                parts[name] = {s.name: self._plain(getattr(view, s.name)) for s in cls._slots}
            found.append((entity.id, entity.owner, parts))
        return found

    @staticmethod
    def _plain(value):
        if type(value).__name__ == "Array":
            return [InMemory._plain(one) for one in value]
        return "" if value is None else getattr(value, "id", value)

    def state(self, system):
        return self.session.state(next(type(s) for n, s in self.session._systems if n == system))
