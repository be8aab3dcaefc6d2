"""After load nothing that outlives a tick may change: a guest would remember, unseen.

Walks from the modules of a game through all that is reachable. Lists, dicts and sets become such
whose mutators raise; classes and objects refuse assignment; what changes when it is used (an
iterator, a cache) is refused with its name.
"""

import copy
import enum
import functools
import opcode
import re
import types
import typing

import _lq
from lq_sets import _Ordered, set as OrderedSet

MEND = "was made when the file was loaded and is fixed: make a copy, or declare it as state = {...}"
PLAIN = (type(None), bool, int, float, str, bytes, range, slice, re.Pattern, types.ModuleType)
PLAIN += (enum.Enum, types.BuiltinFunctionType, type(Ellipsis), type(NotImplemented), _lq.Field)
PLAIN += (types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType)
PLAIN += (types.MethodDescriptorType, types.ClassMethodDescriptorType, types.MappingProxyType)
TYPING = ("typing", "types", "dataclasses", "operator")


def _raises(cls, *names):
    """A subclass whose changing methods raise."""

    def refuse(self, *args, **kwargs):
        raise TypeError(f"this {cls.__name__} {MEND}")

    inner = dict.fromkeys(names, refuse)
    inner["__copy__"] = lambda self: cls(self)
    inner["__deepcopy__"] = lambda self, memo: copy.deepcopy(cls(self), memo)
    return type("Frozen" + cls.__name__.title(), (cls,), {**inner, "__slots__": ()})


FrozenList = _raises(
    list, "append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse", "__setitem__",
    "__delitem__", "__iadd__", "__imul__",
)  # fmt: skip
FrozenDict = _raises(
    dict, "__setitem__", "__delitem__", "clear", "pop", "popitem", "setdefault", "update", "__ior__"
)
FrozenSet = _raises(
    OrderedSet, "add", "discard", "remove", "pop", "clear", "update", "intersection_update",
    "difference_update", "symmetric_difference_update", "__ior__", "__iand__", "__ixor__",
    "__isub__",
)  # fmt: skip
STORE_DEREF = opcode.opmap["STORE_DEREF"]


class Unfrozen(TypeError):
    """Something reachable that cannot be fixed."""


class Freezer:
    def __init__(self, own):
        self.own = own  # names of the game's modules
        self.memo = {}  # id -> (kept alive, what stands for it)
        self.classes = []

    def value(self, value, path):
        """What stands for a value from now on; raises Unfrozen."""
        known = self.memo.get(id(value))
        if known:
            return known[1]
        self.memo[id(value)] = (value, value)
        new = self._value(value, path)
        self.memo[id(value)] = (value, new)
        return new

    def _value(self, value, path):
        kind = type(value)
        if kind is list:
            return FrozenList([self.value(v, f"{path}[{i}]") for i, v in enumerate(value)])
        if kind is tuple:
            items = tuple([self.value(v, f"{path}[{i}]") for i, v in enumerate(value)])
            return value if all(a is b for a, b in zip(items, value)) else items
        if kind is dict:
            return FrozenDict({k: self.value(v, f"{path}[{k!r}]") for k, v in value.items()})
        if kind is OrderedSet:
            return FrozenSet(value)
        if isinstance(value, _lq.Record):
            _lq.fix(value)
            return value
        if kind.__module__.startswith("lq_engine") or hasattr(kind, "_slots"):
            return value  # ours, or a component while a game is described
        if isinstance(value, PLAIN) or isinstance(value, _Ordered) or kind.__module__ in TYPING:
            return value
        if isinstance(value, type):
            self.cls(value)
            return value
        return self._callable(value, path)

    def _callable(self, value, path):
        if isinstance(value, types.FunctionType):
            self.function(value, path)
        elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
            self.value(value.__func__, path)
        elif isinstance(value, property):
            for part in (value.fget, value.fset, value.fdel):
                self.value(part, path)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self.value(part, path)
        else:
            return self._object(value, path)
        return value

    def _object(self, value, path):
        cls = type(value)
        if cls.__module__ not in self.own or isinstance(value, (list, dict, types.GeneratorType)):
            raise Unfrozen(
                f"{path} is a {cls.__module__}.{cls.__qualname__}, which may change when it is "
                "used: make it inside process(), or use a list, dict, tuple or component"
            )
        if isinstance(value, tuple):
            return value  # a NamedTuple
        self.cls(cls)
        inner = getattr(value, "__dict__", {})
        for name in list(inner):
            inner[name] = self.value(inner[name], f"{path}.{name}")
        value.__class__ = _still(cls)
        return value

    def function(self, function, path):
        if function.__module__ not in self.own:
            return
        where = f"{path}()"
        code = function.__code__
        inner = code.co_nlocals + len([c for c in code.co_cellvars if c not in code.co_varnames])
        raw = code.co_code
        for at in range(0, len(raw), 2):
            if raw[at] == STORE_DEREF and raw[at + 1] >= inner:
                raise Unfrozen(f"{where} keeps a variable of the function around it between calls")
        if function.__defaults__:
            function.__defaults__ = tuple(self.value(v, where) for v in function.__defaults__)
        if function.__kwdefaults__:
            kept = function.__kwdefaults__
            function.__kwdefaults__ = {k: self.value(v, where) for k, v in kept.items()}
        for cell in function.__closure__ or ():
            try:
                cell.cell_contents = self.value(cell.cell_contents, where)
            except ValueError:
                pass  # empty

    def cls(self, cls):
        if cls.__module__ not in self.own or cls in self.classes:
            return
        self.classes.append(cls)
        if issubclass(cls, enum.Enum):
            return
        for name, value in list(vars(cls).items()):
            if name.startswith("__") and name.endswith("__"):
                continue
            new = self.value(value, f"{cls.__qualname__}.{name}")
            if new is not value:
                setattr(cls, name, new)

    def module(self, module):
        names = vars(module)
        for name in list(names):
            if not name.startswith("__"):
                names[name] = self.value(names[name], name)

    def seal(self):
        for cls in self.classes:
            _lq.seal(cls)


@functools.cache
def _still(cls):
    """The class of a module's object: as cls, without assignment."""

    def refuse(self, name, *value):
        raise AttributeError(f"{cls.__name__}.{name}: this object {MEND}")

    inner = {"__slots__": (), "__setattr__": refuse, "__delattr__": refuse}
    inner["__module__"] = cls.__module__
    return type(cls.__name__, (cls,), inner)
