"""Components, systems and command handlers.

    from lq_engine.ecs import Component, System, register_system

    class Position(Component):
        x: int = 0
        y: int = 0

    @register_system(tick_order=50)
    class Walk(System):
        def process(self, world, delta):
            for entity in world.with_components(Position):
                entity.Position.x += 1

Everything is documented in ecs.pyi, which editors show.
"""

import typing

from lq_engine import _backend
from lq_engine._declare import Declared, fields_of, place, registry

Entity = _backend.Entity
World = _backend.World

I32 = typing.Annotated[int, "i32"]
I64 = typing.Annotated[int, "i64"]
F32 = typing.Annotated[float, "f32"]

__all__ = [
    "Component",
    "Entity",
    "F32",
    "I32",
    "I64",
    "Refuse",
    "System",
    "World",
    "on_command",
    "register_system",
]


class ComponentType(type):
    """Makes fields of a class's annotations."""

    def __new__(mcls, name, bases, namespace, **how):
        if not any(isinstance(base, ComponentType) for base in bases):
            return super().__new__(mcls, name, bases, namespace)
        if bases != (Component,):
            raise TypeError(f"{name}: a component is a Component itself, of no other base")
        annotated = dict(namespace)
        for field in annotated.get("__annotations__", ()):
            namespace.pop(field, None)
        namespace["__slots__"] = ()
        cls = super().__new__(mcls, name, bases, namespace)
        _plain(cls, namespace)
        fields = fields_of(cls, annotated, Entity)
        cls.__match_args__ = tuple(field.name for field in fields)
        if how.get("declare", True):
            registry.put(registry.components, "component", Declared(name, cls, *place(), fields))
        _backend.bind(cls, fields)
        return cls

    def __init__(cls, name, bases, namespace, **how):
        super().__init__(name, bases, namespace)

    def __hash__(cls):
        return hash(cls.__name__)

    def __repr__(cls):
        return f"<component {cls.__name__}>"


def _plain(cls, namespace):
    """What has no type and is no method would look like a field and be none."""
    for name, value in namespace.items():
        if not name.startswith("_") and not callable(value) and not hasattr(value, "__get__"):
            raise TypeError(
                f"{cls.__name__}.{name} needs a type to be a field: {name}: "
                f"{type(value).__name__} = {value!r}"
            )


class Component(_backend.Record, metaclass=ComponentType):
    """The base of a game's components; see ecs.pyi."""

    __slots__ = ()


class System:
    """The base of a game's systems; see ecs.pyi."""

    state: typing.ClassVar[dict] = {}

    def __init_subclass__(cls):
        cls._place = place()

    def process(self, world, delta):
        raise NotImplementedError(f"{type(self).__name__} has no process(self, world, delta)")

    def __setattr__(self, name, value):
        if registry.sealed and name != "state":
            raise AttributeError(
                f"self.{name} cannot be assigned: a system forgets itself between ticks; declare "
                f"state = {{{name!r}: ...}} in {type(self).__name__} and use "
                f"self.state[{name!r}], or keep it in a component"
            )
        object.__setattr__(self, name, value)


class Refuse(Exception):
    """Raised in a command's function: the player gets the reason, nothing is changed."""


def _register(cls, tick_order):
    if not (isinstance(cls, type) and issubclass(cls, System)):
        raise TypeError(f"register_system stands above a class of System, not {cls!r}")
    if cls.process is System.process:
        raise TypeError(f"{cls.__name__} has no process(self, world, delta)")
    for attribute in ("reads", "writes"):
        for part in getattr(cls, attribute, ()):
            if not isinstance(part, ComponentType):
                raise TypeError(
                    f"{cls.__name__}.{attribute} is a tuple of component classes, not {part!r}"
                )
    name = f"{cls.__module__}.{cls.__qualname__}"
    if len(name) > 63:
        raise TypeError(f"{name}: a system's name has at most 63 letters with its file's")
    registry.put(registry.systems, "system", Declared(name, cls, *cls._place, (), tick_order))
    return cls


def register_system(tick_order=50):
    """Class decorator: the system runs each tick; see ecs.pyi."""
    if isinstance(tick_order, type):
        return _register(tick_order, 50)
    if not isinstance(tick_order, int):
        raise TypeError(f"tick_order is a whole number, not {tick_order!r}")
    return lambda cls: _register(cls, tick_order)


def on_command(name):
    """Function decorator: the handler of a command; see ecs.pyi."""
    if not isinstance(name, str):
        raise TypeError('write the command\'s name: @on_command("move")')

    def decorate(function):
        registry.put(registry.commands, "command", Declared(name, function, *place()))
        return function

    return decorate
