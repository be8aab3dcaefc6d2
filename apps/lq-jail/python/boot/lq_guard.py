"""What a guest's file finds around it: builtins, imports, and functions without a machine in them.

This is for determinism and for clear errors. It keeps nobody in: the jail does.
"""

import bisect
import builtins
import collections
import collections.abc
import contextlib
import copy
import enum
import functools
import heapq
import itertools
import json
import math
import numbers
import operator
import re
import string
import sys
import textwrap
import types
import typing

import _lq
import lq_sets
from lq_check import HIDDEN, HIDES

import __future__


def _dataclasses():
    """dataclasses needs inspect for a default docstring only, and inspect is a third of all that
    would be loaded."""
    stub = types.ModuleType("inspect")
    stub.signature = lambda cls: "(...)"
    stub.unwrap = lambda function: function
    sys.modules["inspect"] = stub
    import dataclasses

    del sys.modules["inspect"]
    return dataclasses


CLOCK = "a system has no clock: use world.tick, and delta for the length of a tick"
SYSTEM = "a system reaches nothing but its world"
REFUSED = {
    "time": CLOCK,
    "datetime": CLOCK,
    "random": "use world.random(bound): the session's dice, the same when it is replayed",
    "secrets": "use world.random(bound): the session's dice, the same when it is replayed",
    "uuid": "use world.random(bound), or the ids that create_entity makes up",
    "decimal": "its context is kept between ticks: count money in whole minor units",
    "fractions": "it needs decimal, whose context is kept between ticks: use whole numbers",
    "statistics": "it needs decimal and random: compute it",
    "cmath": "complex numbers differ between machines: use math",
    "threading": "a tick runs on one thread, to its end",
    "asyncio": "a tick waits for nothing: write an ordinary function",
    "weakref": "when memory is swept is not the same on every machine",
    "gc": "when memory is swept is not the same on every machine",
}


def _facade(name, module, without=(), **more):
    """A copy of a module, with less and other in it."""
    facade = types.ModuleType(name, module.__doc__)
    for key, value in vars(module).items():
        if not key.startswith("_") and key not in without and not isinstance(value, types.ModuleType):
            setattr(facade, key, value)
    vars(facade).update(more)
    return facade


def power(x, y, modulo=None):
    """x ** y: whole numbers as Python does, others with the engine's own function."""
    if modulo is not None:
        return builtins.pow(x, y, modulo)
    if isinstance(x, int) and isinstance(y, int) and y >= 0:
        return x**y
    if not isinstance(x, (int, float)) or not isinstance(y, (int, float)):
        return x**y
    x, y = float(x), float(y)
    if x == 0.0 and y < 0.0:
        raise ZeroDivisionError("0.0 cannot be raised to a negative power")
    if x < 0.0 and y != math.floor(y) and math.isfinite(y):
        raise ValueError(f"{x!r} ** {y!r} is no real number")
    value = _lq.pow(x, y)
    if math.isinf(value) and math.isfinite(x) and math.isfinite(y):
        raise OverflowError(f"{x!r} ** {y!r} is larger than a float can be")
    return value


def _log(x, base=None):
    if x <= 0:
        raise ValueError(f"log({x!r}): only of numbers above 0")
    return _lq.log(x) if base is None else _lq.log(x) / _lq.log(base)


def _asin(x):
    if not -1 <= x <= 1:
        raise ValueError(f"asin({x!r}): only of -1 to 1")
    return _lq.atan2(x, math.sqrt((1.0 - x) * (1.0 + x)))


def _acos(x):
    if not -1 <= x <= 1:
        raise ValueError(f"acos({x!r}): only of -1 to 1")
    return _lq.atan2(math.sqrt((1.0 - x) * (1.0 + x)), x)


EXACT = (
    "ceil comb copysign degrees fabs factorial floor fmod frexp fsum gcd inf isclose isfinite isinf "
    "isnan isqrt lcm ldexp modf nan nextafter perm pi prod radians remainder sqrt tau trunc ulp e"
)


def _math():
    facade = types.ModuleType("math", "Exact functions, and the engine's own elementary ones.")
    for name in EXACT.split():
        setattr(facade, name, getattr(math, name))
    for name in ("sin", "cos", "tan", "atan2", "exp"):
        setattr(facade, name, getattr(_lq, name))
    facade.pow = lambda x, y: power(float(x), float(y))
    facade.log = _log
    facade.atan = lambda x: _lq.atan2(x, 1.0)
    facade.asin = _asin
    facade.acos = _acos
    facade.hypot = lambda *c: math.sqrt(sum(float(x) * float(x) for x in c))
    facade.dist = lambda p, q: facade.hypot(*[a - b for a, b in zip(p, q)])

    def missing(name):
        raise AttributeError(
            f"math.{name} is not here: its digits differ between machines; there are: "
            + ", ".join(sorted(n for n in vars(facade) if not n.startswith("_")))
        )

    facade.__getattr__ = missing
    return facade


def _seen(name):
    """The name of an attribute that a guest may reach; AttributeError."""
    if type(name) is not str:
        raise TypeError("the name of an attribute is a str")
    if name in HIDDEN:
        raise AttributeError(f"'{name}' {HIDES}")
    return name


def _getattr(it, name, *default):
    return getattr(it, _seen(name), *default)


def _setattr(it, name, value):
    setattr(it, _seen(name), value)


def _delattr(it, name):
    delattr(it, _seen(name))


def _attrgetter(*names):
    for name in names:
        for part in name.split("."):
            _seen(part)
    return operator.attrgetter(*map(str, names))


def _methodcaller(name, /, *args, **kwargs):
    return operator.methodcaller(_seen(name), *args, **kwargs)


def _register(cls, subclass):
    if _lq.shut():
        raise TypeError("a class is registered when its file is loaded: it would be kept between ticks")
    return _abc_register(cls, subclass)


_abc_register = sys.modules["abc"]._abc_register
sys.modules["abc"]._abc_register = _register

CACHES = ("lru_cache", "cache", "cached_property", "singledispatch", "singledispatchmethod")


def _modules():
    found = {
        "__future__": __future__,
        "bisect": bisect,
        "collections": collections,
        "collections.abc": collections.abc,
        "contextlib": contextlib,
        "copy": copy,
        "dataclasses": _dataclasses(),
        "enum": enum,
        "functools": _facade("functools", functools, CACHES),
        "heapq": heapq,
        "itertools": itertools,
        "json": _facade("json", json, ("load", "dump")),
        "math": _math(),
        "numbers": numbers,
        "operator": _facade(
            "operator",
            operator,
            pow=power,
            ipow=power,
            attrgetter=_attrgetter,
            methodcaller=_methodcaller,
        ),
        "re": re,
        "string": string,
        "textwrap": textwrap,
        "typing": typing,
    }
    found["abc"] = sys.modules["abc"]
    return found


MODULES = _modules()


def _refuse_import(name):
    root = name.partition(".")[0]
    if root in ("functools",):
        text = f"no module named '{name}'"
    elif root in REFUSED:
        text = f"{name}: {REFUSED[root]}"
    elif root in sys.stdlib_module_names:
        text = f"{name}: {SYSTEM}; there are: {', '.join(sorted(MODULES))}"
    else:
        text = f"no module named '{name}': there are the game's own files (systems.name) and " + (
            ", ".join(sorted(MODULES))
        )
    raise ImportError(text)


def importer(own):
    """__import__ of guests' files; own(name) gives a module of the game, or None."""

    def absolute(name, namespace, level):
        if level == 0:
            return name
        package = namespace["__package__"].split(".")
        base = package[: len(package) - level + 1]
        return ".".join([*base, name] if name else base)

    def one(name):
        module = MODULES.get(name)
        if module is None and name.partition(".")[0] == "lq_engine":
            module = sys.modules.get(name)
            if name not in ("lq_engine", "lq_engine.ecs", "lq_engine.game"):
                module = None
        return module or own(name)

    def guest_import(name, namespace=None, locals=None, fromlist=(), level=0):
        full = absolute(name, namespace, level)
        module = one(full)
        if module is None:
            _refuse_import(full)
        if not fromlist:
            return module if "." not in name else one(full.partition(".")[0])
        for part in fromlist:
            if part == "*" or hasattr(module, part):
                continue
            inner = one(f"{full}.{part}")
            if inner is not None:
                setattr(module, part, inner)
            elif full == "functools" and part in CACHES:
                raise ImportError(f"functools.{part} remembers between ticks: compute it, or use state")
        return module

    return guest_import


def _absent(name, why):
    def absent(*args, **kwargs):
        raise RuntimeError(f"{name}() is not there in a system: {why}")

    return absent


FILES = "it has no files"
CODE = "its code is its files; write a function"
ABSENT = {
    "open": FILES,
    "exec": CODE,
    "eval": CODE,
    "compile": CODE,
    "input": "nobody is there to answer",
    "breakpoint": "test it with lq_engine.testing, where a debugger works",
    "id": "it is a place in memory, another one in every process; use entity.id",
    "globals": "what must be kept between ticks belongs into components or state",
    "vars": "what must be kept between ticks belongs into components or state",
    "complex": "complex numbers differ between machines; use two floats",
}


def _hash(value):
    if type(value).__hash__ is object.__hash__ or isinstance(value, (type, types.FunctionType)):
        raise TypeError(
            f"hash() of a {type(value).__name__} is a place in memory, another one in every "
            "process; give the class a __hash__, or use a frozen dataclass"
        )
    return hash(value)


def _print(*values, sep=" ", end="\n", file=None, flush=False):
    """Goes to whoever operates the server (lq dev shows it); nothing of a game rests on it."""
    _lq.say(str(" " if sep is None else sep).join(map(str, values)) + ("\n" if end is None else end))


def builtins_of(guest_import):
    """The builtins of a guest's files."""
    names = dict(vars(builtins))
    for name, why in ABSENT.items():
        names[name] = _absent(name, why)
    names.update(
        __import__=guest_import,
        set=lq_sets.set,
        frozenset=lq_sets.frozenset,
        __lq_set__=lq_sets.set,
        __lq_pow__=power,
        pow=power,
        hash=_hash,
        getattr=_getattr,
        setattr=_setattr,
        delattr=_delattr,
        print=_print,
    )
    for name in ("exit", "quit", "help", "copyright", "credits", "license"):
        names.pop(name, None)
    return names
