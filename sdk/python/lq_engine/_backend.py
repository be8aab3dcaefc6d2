"""Components, entities and the world in memory: what a test sees.

In a server's jail the same names come from C. Both keep the same rules, and sdk/python/tests runs
over both.
"""

import re
import struct

from lq_engine._declare import EXACT, registry
from lq_engine._random import Prng

ALONE = {"int": "i64", "float": "f32", "str": "str(64)"}
MADE = "this entity was made just now: its {} is there from the next system on"


class Kind:
    """An exact type: what a value must be, and its zero."""

    def __init__(self, text):
        match = EXACT.fullmatch(ALONE.get(text, text))
        self.base = match[1].partition("(")[0]
        self.room = int(match[2] or 0)
        self.count = int(match[4] or 1)

    def zero(self):
        return {"f32": 0.0, "bool": False, "entity": None, "str": ""}.get(self.base, 0)

    def check(self, value, what, world):
        """The value as the row keeps it. TypeError, ValueError."""
        return getattr(self, "_" + self.base)(value, what, world)

    def _whole(self, value, what, bits):
        if not isinstance(value, int):
            raise TypeError(f"{what} takes a whole number, not {value!r}")
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise ValueError(f"{what} holds {bits} bits: {value!r} does not fit")
        return int(value)

    def _i32(self, value, what, world):
        return self._whole(value, what, 32)

    def _i64(self, value, what, world):
        return self._whole(value, what, 64)

    _money = _i64

    def _f32(self, value, what, world):
        if not isinstance(value, (int, float)):
            raise TypeError(f"{what} takes a number, not {value!r}")
        try:
            return struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")

    def _bool(self, value, what, world):
        if not isinstance(value, bool):
            raise TypeError(f"{what} takes True or False, not {value!r}")
        return value

    def _str(self, value, what, world):
        if not isinstance(value, str):
            raise TypeError(f"{what} takes a text, not {value!r}")
        size = len(value.encode())
        if size >= self.room:
            raise ValueError(
                f"{what} holds {self.room - 1} bytes of UTF-8: this text has {size}"
            )
        if "\0" in value:
            raise ValueError(f"{what} cannot hold the character NUL")
        return value

    def _entity(self, value, what, world):
        if value is None or value == "":
            return None
        if isinstance(value, str):
            found = world.find(value) if world else None
            if not found:
                raise ValueError(f"{what}: there is no entity {value!r}")
            return found._key
        if isinstance(value, Entity):
            value._live()
            return value._key
        raise TypeError(f"{what} takes an entity, its id or None, not {value!r}")


class Slot:
    """A field: a data descriptor of a component's or command's class."""

    def __init__(self, owner, name, kind, index):
        self.owner, self.name, self.kind, self.index = owner, name, kind, index
        self.what = f"{owner}.{name}"

    def __get__(self, record, cls=None):
        if record is None:
            return self
        record._live()
        if self.kind.count > 1:
            return Array(record, self)
        return _out(self.kind, record._row[self.index], record._world)

    def __set__(self, record, value):
        value = self.convert(value, record._world)
        record._writable()
        record._row[self.index] = value

    def __delete__(self, record):
        raise AttributeError(f"{self.what} cannot be deleted: remove the component")

    def convert(self, value, world):
        if self.kind.count == 1:
            return self.kind.check(value, self.what, world)
        values = None if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
        if values is None or len(values) != self.kind.count:
            raise ValueError(f"{self.what} takes {self.kind.count} values, not {value!r}")
        return [self.kind.check(one, self.what, world) for one in values]

    def zero(self):
        zero = self.kind.zero()
        return zero if self.kind.count == 1 else [zero] * self.kind.count


def _out(kind, value, world):
    if kind.base != "entity" or value is None:
        return value
    return world._entity(value) if world and world._row(value) else None


class Array:
    """A field of several elements: a sequence of fixed length that writes through."""

    __hash__ = None

    def __init__(self, record, slot):
        self._record, self._slot = record, slot

    def _list(self):
        self._record._live()
        kind, world = self._slot.kind, self._record._world
        return [_out(kind, value, world) for value in self._record._row[self._slot.index]]

    def __len__(self):
        return self._slot.kind.count

    def _at(self, index):
        count = self._slot.kind.count
        at = index + count if index < 0 else index
        if not 0 <= at < count:
            raise IndexError(f"{self._slot.what} has {count} elements")
        return at

    def __getitem__(self, index):
        return self._list()[index if isinstance(index, slice) else self._at(index)]

    def __setitem__(self, index, value):
        at = self._at(index)
        what = f"{self._slot.what}[{at}]"
        value = self._slot.kind.check(value, what, self._record._world)
        self._record._writable()
        self._record._row[self._slot.index][at] = value

    def __eq__(self, other):
        if not isinstance(other, (list, tuple, Array)):
            return NotImplemented
        return self._list() == list(other)

    def __repr__(self):
        return repr(self._list())


class Record:
    """The row of a component: its own values, or a live view of an entity's."""

    __slots__ = ("_row", "_world", "_call", "_fixed")

    def __new__(cls, *args, **kwargs):
        self = object.__new__(cls)
        slots = getattr(cls, "_slots", None)
        if slots is None:
            raise TypeError(f"{cls.__name__} cannot be made: it is no component of this game")
        row = [list(d) if isinstance(d, list) else d for d in cls._defaults]
        _hide(self, row, None, 0, False)
        return self

    def __init__(self, *args, **kwargs):
        slots = type(self)._slots
        name = type(self).__name__
        if len(args) > len(slots):
            raise TypeError(f"{name} has {len(slots)} fields, {len(args)} values were given")
        for slot, value in zip(slots, args):
            self._row[slot.index] = slot.convert(value, None)
        for field, value in kwargs.items():
            slot = next((s for s in slots if s.name == field), None)
            if slot is None:
                raise TypeError(f"{name} has no field '{field}'")
            self._row[slot.index] = slot.convert(value, None)

    def _live(self):
        if self._world is not None and self._call != self._world._call:
            raise RuntimeError(
                f"this {type(self).__name__} belongs to an earlier tick: ask the world for it "
                "again, or keep its values in state"
            )

    def _writable(self):
        self._live()
        if self._world is not None:
            self._world._may_write(type(self))
        if self._fixed:
            raise RuntimeError("a command cannot be changed: change components")

    def __getattr__(self, name):
        names = ", ".join(s.name for s in getattr(type(self), "_slots", ())) or "none"
        raise AttributeError(f"{type(self).__name__} has no field '{name}'; its fields: {names}")

    def __setattr__(self, name, value):
        try:
            object.__setattr__(self, name, value)
        except AttributeError:
            Record.__getattr__(self, name)

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        self._live()
        other._live()
        return self._row == other._row

    def __hash__(self):
        self._live()
        return hash((type(self).__name__, repr(self._row)))

    def __repr__(self):
        parts = ", ".join(f"{s.name}={getattr(self, s.name)!r}" for s in type(self)._slots)
        return f"{type(self).__name__}({parts})"


def _hide(record, row, world, call, fixed):
    for name, value in zip(Record.__slots__, (row, world, call, fixed)):
        object.__setattr__(record, name, value)


def view_of(cls, row, world, fixed=False):
    record = object.__new__(cls)
    _hide(record, row, world, world._call, fixed)
    return record


def bind(cls, fields):
    """Gives a component's class its fields."""
    slots = []
    for index, field in enumerate(fields):
        slot = Slot(cls.__name__, field.name, Kind(field.type), index)
        setattr(cls, field.name, slot)
        slots.append(slot)
    cls._slots = slots
    cls._defaults = [
        slot.zero() if field.default is None else slot.convert(field.default, None)
        for slot, field in zip(slots, fields)
    ]


class Undeclared:
    """Stands for a component of game.yaml while only names matter."""

    def __init__(self, name):
        self.__name__ = name

    def __call__(self, *args, **fields):
        return self


def of_game(name):
    """A component that no Python file declares; describing a game needs only its name."""
    if name in registry.components:
        return registry.components[name].what
    from lq_engine import ecs

    return type(ecs.Component)(name, (ecs.Component,), {"__module__": "lq_engine.game"}, declare=False)


class Entity:
    """An entity, for the time of one call."""

    __slots__ = ("_world", "_key", "_call")

    def __init__(self, world, key, call=0):
        call = world._call if call == 0 else call  # None: of a test, good for ever
        for name, value in zip(Entity.__slots__, (world, key, call)):
            object.__setattr__(self, name, value)

    def _live(self):
        if self._call is not None and self._call != self._world._call:
            raise RuntimeError(
                "this entity belongs to an earlier tick: keep its id in state and ask "
                "world.find(id)"
            )

    @property
    def id(self):
        self._live()
        row = self._world._rows.get(self._key)
        return row.id if row else ""

    @property
    def owner(self):
        self._live()
        row = self._world._rows.get(self._key)
        return row.owner if row else 0

    def _parts(self, name):
        self._live()
        row = self._world._rows.get(self._key)
        return row.parts if row else {}

    def has(self, component):
        self._world._may_read(component)
        return component.__name__ in self._parts(component.__name__)

    def add(self, component):
        self._live()
        self._world._add(self._key, component)

    def remove(self, component):
        self._live()
        self._world._remove(self._key, component)

    def __getattr__(self, name):
        cls = self._world._class(name)
        if cls is None:
            raise AttributeError(
                f"an entity has no '{name}'; the game's components: {self._world._names()!r}"
            )
        self._world._may_read(cls)
        parts = self._parts(name)
        if name not in parts:
            if self._key not in self._world._rows:
                raise AttributeError(MADE.format(name))
            raise AttributeError(f"entity '{self.id}' has no {name}: ask has({name}) first")
        return view_of(cls, parts[name], self._world)

    def __setattr__(self, name, value):
        cls = self._world._class(name)
        if cls is None:
            raise AttributeError(
                f"an entity has no '{name}' to assign; what it should keep belongs into a component"
            )
        if type(value) is not cls:
            raise TypeError(
                f"{name} takes a {name}(...); add() and remove() change what there is"
            )
        for slot in cls._slots:
            slot.__set__(getattr(self, name), getattr(value, slot.name))

    def __eq__(self, other):
        return self._key == other._key if isinstance(other, Entity) else NotImplemented

    def __hash__(self):
        return self._key

    def __repr__(self):
        return f"<Entity {self.id or 'made just now'}>"


class Row:
    """What the world keeps of an entity."""

    __slots__ = ("at", "id", "owner", "parts")

    def __init__(self, at, id, owner):
        self.at, self.id, self.owner, self.parts = at, id, owner, {}


class Constants:
    """Named numbers of a game."""

    def __init__(self, values):
        self.__dict__.update(values)

    def __getattr__(self, name):
        raise AttributeError(f"the game has no constant '{name}'; it has {sorted(self.__dict__)!r}")

    def __setattr__(self, name, value):
        raise AttributeError(f"the constant '{name}' stays what game.yaml says")


# The host's own commands, and how many of the others a tick's code may send.
HOSTS = ("join", "leave", "connection", "rate", "release", "end", "guest")
SENT_MAX = 256
ID = re.compile(r"[A-Za-z0-9_.:-]{1,31}")


class World:
    """The entities of a session in memory; changes of structure wait for flush()."""

    def __init__(self, seed=0, constants=(), events=None, commands=()):
        self._rows, self._later, self._next, self._made = {}, [], 1, 0
        self._call, self._system = 1, None
        self._prng = Prng(seed)
        self._events = events and {n: _record(n, fields) for n, fields in events.items()}
        self.constants = Constants(dict(constants))
        self.emitted, self.tick, self.wakes = [], 0, 0
        self._commands = dict(commands)
        self.sent, self._waiting, self._sent_count = [], [], 0

    # ---- for systems ----
    def with_components(self, *types, without=()):
        without = (without,) if isinstance(without, type) else tuple(without)
        for cls in types + without:
            self._may_read(cls)
        names = {cls.__name__ for cls in types}
        never = {cls.__name__ for cls in without}
        found = [
            (row.at, key)
            for key, row in self._rows.items()
            if names <= row.parts.keys() and not never & row.parts.keys()
        ]
        return tuple(Entity(self, key) for _, key in sorted(found))

    def find(self, id):
        key = next((k for k, row in self._rows.items() if row.id == id), None)
        return None if key is None else Entity(self, key)

    def create_entity(self, *components, id=None, owner=0):
        if not 0 <= owner <= 65535:
            raise ValueError(f"owner is a player's slot or 0, not {owner}")
        if id and not ID.fullmatch(id):
            raise RuntimeError("an id has 1 to 31 of A-Z a-z 0-9 _ . : -")
        waiting = [change[2] for change in self._later if change[0] == "create"]
        if id and (self.find(id) or id in [row.id for row in waiting]):
            raise RuntimeError("the id is in use: choose another, or leave it empty")
        key, self._next = self._next, self._next + 1
        taken = {row.at for row in [*self._rows.values(), *waiting]}
        at = next(n for n in range(len(taken) + 1) if n not in taken)
        self._later.append(("create", key, Row(at, id or self._made_up(), owner)))
        for component in components:
            self._add(key, component)
        return Entity(self, key)

    def delete_entity(self, entity):
        if not isinstance(entity, Entity):
            raise TypeError(f"this takes an entity, not {entity!r}")
        entity._live()
        self._later.append(("delete", entity._key, None))

    def emit(self, event, fields=None):
        if not isinstance(event, str) or not isinstance(fields or {}, dict):
            raise TypeError("emit takes an event's name and a dict of its fields")
        if self._events is None:
            said = dict(fields or {})
            for name, value in said.items():
                if isinstance(value, Entity):
                    said[name] = self._row(value._key).id
            self.emitted.append((event, said))
            return
        if event not in self._events:
            raise LookupError(f"the game has no {event!r}; there are: {list(self._events)!r}")
        slots = self._events[event]
        row = {slot.name: slot.zero() for slot in slots.values()}
        for name, value in (fields or {}).items():
            if name not in slots:
                raise LookupError(f"{event} has no {name!r}; there are: {list(slots)!r}")
            row[name] = slots[name].convert(value, self)
        self.emitted.append((event, {n: self._id_of(slots[n], v) for n, v in row.items()}))

    def command(self, command, fields=None):
        if not isinstance(command, str) or not isinstance(fields or {}, dict):
            raise TypeError("command takes a command's name and a dict of its fields")
        known = [*self._commands, *(n for n in registry.commands if n not in self._commands)]
        if command not in known and command not in HOSTS:
            known = [name for name in known if name not in HOSTS]
            raise LookupError(f"the game has no {command!r}; there are: {known!r}")
        kinds = self._commands.get(command) or {n: guess(n, v) for n, v in (fields or {}).items()}
        slots = _record(command, kinds)
        row = {slot.name: slot.zero() for slot in slots.values()}
        for name, value in (fields or {}).items():
            if name not in slots:
                raise LookupError(f"{command} has no {name!r}; there are: {list(slots)!r}")
            row[name] = slots[name].convert(value, self)
        if command in HOSTS:
            raise RuntimeError(f"only the host sends {command}: send one of game.yaml")
        if self._sent_count == SENT_MAX:
            raise RuntimeError(
                f"{SENT_MAX} commands are sent in a tick at most: send the rest in the next"
            )
        self._sent_count += 1
        self._waiting.append((command, slots, list(row.values())))
        self.sent.append((command, {n: self._id_of(slots[n], v) for n, v in row.items()}))

    def random(self, bound):
        if not 1 <= bound < 1 << 32:
            raise ValueError(f"random(bound) takes 1 to 4294967295, not {bound}")
        return self._prng.below(bound)

    def wake_at(self, tick):
        self.wakes = max(self.wakes, tick)

    # ---- for those who run them ----
    def flush(self):
        """Makes the waiting changes of structure, in their order; ends the call."""
        later, self._later = self._later, []
        gone = set()
        for what, key, value in later:
            if what == "create":
                self._rows[key] = value
            elif key not in self._rows or key in gone:
                continue
            elif what == "delete":
                gone.add(key)
                del self._rows[key]
            elif what == "add":
                name, row = value
                self._rows[key].parts[name] = row
            else:
                self._rows[key].parts.pop(value, None)
        self._call += 1

    def _made_up(self):
        while True:
            self._made += 1
            if not self.find(f"e{self._made}"):
                return f"e{self._made}"

    def _entity(self, key):
        return Entity(self, key)

    def _row(self, key):
        """Of an entity that is there, or was made in this call; None."""
        made = (row for what, one, row in self._later if what == "create" and one == key)
        return self._rows.get(key) or next(made, None)

    def _id_of(self, slot, value):
        if slot.kind.base != "entity":
            return value
        keys = [value] if slot.kind.count == 1 else value
        ids = [row.id if row else None for row in map(self._row, keys)]
        return ids[0] if slot.kind.count == 1 else ids

    def _class(self, name):
        declared = registry.components.get(name)
        if declared:
            return declared.what
        from lq_engine import game

        return game._made.get(name)

    def _names(self):
        return list(registry.components)

    def _may_read(self, cls):
        if not isinstance(cls, type) or not issubclass(cls, Record):
            raise TypeError(f"a query takes component classes, not {cls!r}")
        reads = getattr(self._system, "reads", None)
        if reads is not None and cls not in reads and cls not in getattr(self._system, "writes", ()):
            raise RuntimeError(f"{cls.__name__} is not in this system's reads: add it there")

    def _may_write(self, cls):
        writes = getattr(self._system, "writes", None)
        if writes is not None and cls not in writes:
            raise RuntimeError(f"{cls.__name__} is not in this system's writes: add it there")

    def _add(self, key, component):
        cls = component if isinstance(component, type) else type(component)
        if not issubclass(cls, Record):
            raise TypeError(
                f"this takes component classes (class Position(Component)), not {component!r}"
            )
        self._may_write(cls)
        value = cls() if isinstance(component, type) else component
        value._live()
        row = [list(v) if isinstance(v, list) else v for v in value._row]
        self._later.append(("add", key, (cls.__name__, row)))

    def _remove(self, key, cls):
        self._may_write(cls)
        self._later.append(("remove", key, cls.__name__))


def guess(field, value):
    """The type of a command's field that nothing declares."""
    if isinstance(value, (list, tuple)):
        return f"{guess(field, value[0])}[{len(value)}]"
    if field == "entity" or value is None or isinstance(value, Entity):
        return "entity"
    kinds = {bool: "bool", int: "i64", float: "f32", str: "str(1024)"}
    return kinds[type(value)]


def command_of(name, player, slots, row, world):
    """The command as its handler sees it."""
    cls = type(name, (Record,), {"__slots__": (), "player": player})
    cls._slots = list(slots.values())
    for slot in cls._slots:
        setattr(cls, slot.name, slot)
    return view_of(cls, row, world, True)


def _record(name, fields):
    return {
        field: Slot(name, field, Kind(kind), index)
        for index, (field, kind) in enumerate(fields.items())
    }
