"""What a game's files declare: how annotations become fields, and what was registered."""

import re
import sys
import types
import typing

PLAIN = {int: "int", float: "float", bool: "bool", str: "str"}
EXACT = re.compile(
    r"(i32|i64|f32|bool|entity|str\(([0-9]+)\)|money\(([A-Z]{3})\))(?:\[([0-9]+)\])?"
)
HELP = (
    "a field is an int, float, bool, str or Entity, or Annotated[int, 'i32'] "
    "with any type of game.yaml ('str(32)', 'i32[3]', 'money(EUR)')"
)


class Field(typing.NamedTuple):
    """One field of a component."""

    name: str
    type: str  # "int", "float", "bool", "str", "entity", or an exact type
    default: object  # None: not said


class Declared(typing.NamedTuple):
    """A component, system or handler, and where it stands."""

    name: str
    what: object
    file: str
    line: int
    fields: tuple = ()
    order: int = 50


class Registry:
    """Everything that the files of a game declared, in the order of their declaration."""

    def __init__(self):
        self.components = {}
        self.systems = {}
        self.commands = {}
        self.sealed = False  # after load: nothing may be declared, no attribute assigned

    def put(self, table, kind, declared):
        if self.sealed:
            raise RuntimeError(f"{kind} '{declared.name}': declare it when the file is loaded, not later")
        first = table.get(declared.name)
        if first:
            raise TypeError(
                f"{kind} '{declared.name}' is declared twice: in {first.file}:{first.line} and in "
                f"{declared.file}:{declared.line}; rename one, or import the other"
            )
        table[declared.name] = declared


registry = Registry()


def place():
    """File and line of the author's code that called us."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(("lq_engine", "lq_")):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def kind_of(annotation, entity, namespace):
    """The type of a field as game.yaml and the engine name it; None when it is none."""
    if isinstance(annotation, str):
        annotation = eval(annotation, namespace)  # "from __future__ import annotations"
    if annotation in PLAIN:
        return PLAIN[annotation]
    if annotation is entity:
        return "entity"
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [a for a in typing.get_args(annotation) if a is not type(None)]
        return "entity" if rest == [entity] else None
    for exact in getattr(annotation, "__metadata__", ()):
        if isinstance(exact, str) and EXACT.fullmatch(exact):
            return exact
    return None


def agrees(python, game):
    """Does the type of a Python field stand for this exact type of the game?"""
    if python == "int":
        return game in ("i32", "i64") or re.fullmatch(r"money\([A-Z]{3}\)", game) is not None
    if python == "str":
        return re.fullmatch(r"str\([0-9]+\)", game) is not None
    return game == {"float": "f32"}.get(python, python)


def fields_of(cls, namespace, entity):
    """The fields of a component class; takes their defaults out of `namespace`."""
    fields = []
    annotations = namespace.get("__annotations__") or getattr(cls, "__annotations__", {})
    for name, annotation in annotations.items():
        where = f"{cls.__name__}.{name}"
        if name.startswith("_"):
            raise TypeError(f"{where}: a field's name does not begin with '_'")
        try:
            kind = kind_of(annotation, entity, vars(sys.modules[cls.__module__]))
        except NameError as error:
            raise TypeError(f"{where}: {error} in its type; {HELP}") from None
        if kind is None:
            raise TypeError(f"{where}: {annotation!r} is no type of a field; {HELP}")
        fields.append(Field(name, kind, namespace.get(name)))
    return tuple(fields)
