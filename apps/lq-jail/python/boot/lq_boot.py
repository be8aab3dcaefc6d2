"""The Python side of the runtime: starts before the sandbox closes, loads a game's files inside."""

import builtins
import enum
import gc
import json
import re
import struct  # for lq_engine._backend, while a game is described
import sys
import types
import warnings

import _lq
import lq_check
import lq_freeze
import lq_guard
from lq_freeze import Freezer, Unfrozen

_lq.steady()  # texts of objects without their addresses
# A warning shows a line of a file, and inside, opening one is the end.
warnings.simplefilter("ignore")


def _loaded(name):
    """A module that is there or lies in the program; None."""
    module = sys.modules.get(name)
    if module is not None:
        return module
    path = name.replace(".", "/")
    for file, package in ((f"{path}.py", name.rpartition(".")[0]), (f"{path}/__init__.py", name)):
        code = _lq.code(file)
        if code:
            module = types.ModuleType(name)
            module.__package__ = package
            sys.modules[name] = module
            exec(code, vars(module))
            outer, _, last = name.rpartition(".")
            if outer:
                setattr(_loaded(outer), last, module)
            return module
    return None


def closed_import(name, namespace=None, locals=None, fromlist=(), level=0):
    """import of everybody's from here on: no files, and no lock, which would ask the clock."""
    if level:
        base = namespace["__package__"].rsplit(".", level - 1)[0] if level > 1 else namespace["__package__"]
        name = f"{base}.{name}" if name else base
    module = _loaded(name)
    if module is None:
        raise ModuleNotFoundError(f"no module named '{name}' was loaded at the start", name=name)
    if not fromlist:
        return sys.modules[name.partition(".")[0]]
    for part in fromlist:
        if part != "*" and not hasattr(module, part):
            _loaded(f"{name}.{part}")
    return module


builtins.__import__ = closed_import


class Game:
    """The files of one LQ_GUEST_LOAD, as modules."""

    def __init__(self, files):
        self.text = {self.name_of(path): (path, self.decoded(path, text)) for path, text in files}
        self.modules = {}
        self.builtins = lq_guard.builtins_of(lq_guard.importer(self.module))

    @staticmethod
    def name_of(path):
        name = path.removesuffix(".py").replace("/", ".")
        return name.removesuffix(".__init__")

    @staticmethod
    def decoded(path, text):
        try:
            return text.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            raise Located(path, line, "this line is not UTF-8: save the file as UTF-8") from None

    def module(self, name):
        """The module of that name, loaded now if it is not; None: no such file."""
        if name in self.modules:
            return self.modules[name]
        if name not in self.text:
            if not any(other.startswith(name + ".") for other in self.text):
                return None
            return self.package(name)
        path, text = self.text[name]
        module = types.ModuleType(name)
        module.__file__ = path
        is_package = path.endswith("/__init__.py")
        module.__package__ = name if is_package else name.rpartition(".")[0]
        module.__builtins__ = self.builtins
        self.modules[name] = sys.modules[name] = module
        exec(lq_check.compiled(text, path), vars(module))
        self.attach(name, module)
        return module

    def package(self, name):
        module = types.ModuleType(name)
        self.modules[name] = sys.modules[name] = module
        self.attach(name, module)
        return module

    def attach(self, name, module):
        outer, _, last = name.rpartition(".")
        if outer:
            setattr(self.module(outer), last, module)


class Plain:
    """A class written in Python, for C to know others by."""


def _lives_on():
    """(all roots, what may change all the same): for _lq's watch. Before gc.freeze hides it."""
    may = [sys.modules, re._cache]
    for module in game.modules.values():
        # What a warning would leave behind.
        may.append(vars(module).setdefault("__warningregistry__", {}))
    for it in gc.get_objects():
        if isinstance(it, type) and issubclass(it, enum.Flag):
            # Combinations of flags, as they are asked for.
            may += [it._value2member_map_, it._member_map_, it._member_names_]
    return (*sys.modules.values(), *game.modules.values(), systems, commands), may


live = None


def lives_on():
    global live
    found, live = live, None
    return found


def name_of(changed):
    """What was changed, as its author knows it."""
    for name, module in sys.modules.items():
        if vars(module) is changed:
            return f"the module {name}"
        for key, value in list(vars(module).items()):
            if value is changed or getattr(value, "__dict__", None) is changed:
                return f"{name}.{key}"
            for inner, part in list(vars(value).items()) if isinstance(value, type) else ():
                if part is changed or getattr(part, "__dict__", None) is changed:
                    return f"{name}.{key}.{inner}"
    return f"a {type(changed).__name__.removeprefix('Frozen').lower()} made when the files were loaded"


game = None


def _fresh(describing):
    """lq_engine, as if it had never been imported."""
    global game
    names = list(game.modules) if game else []
    for name in [*names, *[n for n in sys.modules if n.partition(".")[0] == "lq_engine"]]:
        sys.modules.pop(name, None)
    import lq_engine

    if not describing:
        backend = types.ModuleType("lq_engine._backend")
        for name in ("Record", "Entity", "World"):
            setattr(backend, name, getattr(_lq, name))
        backend.bind = _bind
        backend.of_game = _of_game
        sys.modules["lq_engine._backend"] = lq_engine._backend = backend
    import lq_engine._state
    import lq_engine.ecs
    import lq_engine.game

    if describing:
        plain = lq_engine._backend.bind

        def bind(cls, fields):
            _one_class(cls)
            plain(cls, fields)

        lq_engine._backend.bind = bind
        lq_engine._backend.of_game = lambda name: _undeclared(name)


# ---- components: of Python and of the game ----


def _undeclared(name):
    """While a game is only described, its components of game.yaml are names."""
    ecs = sys.modules["lq_engine.ecs"]
    declare = sys.modules["lq_engine._declare"]
    if name in declare.registry.components:
        return declare.registry.components[name].what
    cls = ecs.ComponentType(name, (ecs.Component,), {"__module__": "lq_engine.game"}, declare=False)
    cls.__init__ = lambda self, *values, **fields: None
    return cls


def _one_class(cls):
    """Of two classes of one component, each file would see its own."""
    if cls.__module__ == "lq_engine.game":
        return
    if cls.__name__ in sys.modules["lq_engine.game"]._made:
        raise TypeError(
            f"{cls.__name__} is declared here and imported from lq_engine.game elsewhere: "
            f"import it from {cls.__module__} there"
        )


def _bind(cls, fields):
    declare = sys.modules["lq_engine._declare"]
    known = dict(_lq.described("component"))
    theirs = known.get(cls.__name__)
    if theirs is None:
        raise TypeError(
            f"component {cls.__name__} is not in the release: build it again; it has: "
            + ", ".join(known)
        )
    if cls.__module__ != "lq_engine.game":
        _compare(cls, fields, theirs, declare)
        _one_class(cls)
    defaults = {field.name: field.default for field in fields if field.default is not None}
    _lq.bind(cls, cls.__name__, defaults)


def _compare(cls, fields, theirs, declare):
    ours = {field.name: field.type for field in fields}
    names = dict(theirs)
    for field in fields:
        there = names.get(field.name)
        if there is None:
            said = ", ".join(names) or "none"
            raise TypeError(
                f"{cls.__name__}.{field.name}: game.yaml has no such field of {cls.__name__} "
                f"(it has: {said}); mend one of them"
            )
        if not declare.agrees(field.type, there):
            raise TypeError(
                f"{cls.__name__}.{field.name} is {field.type} here and {there} in game.yaml; "
                "mend one of them"
            )
    for name in names:
        if name not in ours:
            raise TypeError(
                f"{cls.__name__} of game.yaml has the field {name} ({names[name]}), which is "
                "missing here; mend one of them"
            )


def _of_game(name):
    ecs = sys.modules["lq_engine.ecs"]
    registry = sys.modules["lq_engine._declare"].registry
    if name in registry.components:
        return registry.components[name].what
    known = dict(_lq.described("component"))
    if name not in known:
        raise ImportError(f"no component {name}: the game has {', '.join(known)}")
    names = tuple(field for field, _ in known[name])
    cls = ecs.ComponentType(name, (ecs.Component,), {"__module__": "lq_engine.game"}, declare=False)
    cls.__match_args__ = names
    return cls


# ---- load ----


def _describe(registry):
    def plain(cls, attribute):
        parts = getattr(cls, attribute, None)
        return None if parts is None else [part.__name__ for part in parts]

    out = {"components": [], "systems": [], "commands": []}
    for d in registry.components.values():
        fields = []
        for field in d.fields:
            said = {"name": field.name, "type": field.type}
            if field.default is not None and not field.type.startswith("entity"):
                said["default"] = field.default
            fields.append(said)
        out["components"].append({"name": d.name, "file": d.file, "line": d.line, "fields": fields})
    for d in registry.systems.values():
        said = {"name": d.name, "order": d.order, "file": d.file, "line": d.line}
        reads, writes = plain(d.what, "reads"), plain(d.what, "writes")
        if writes is not None:
            said["writes"] = writes
        if reads is not None:
            said["reads"] = reads + [name for name in writes or [] if name not in reads]
        out["systems"].append(said)
    for d in registry.commands.values():
        out["commands"].append({"name": d.name, "file": d.file, "line": d.line})
    return out


def _states(registry):
    state = sys.modules["lq_engine._state"]
    for d in registry.systems.values():
        try:
            state.encode(d.what.state)
        except (TypeError, ValueError) as error:
            raise Located(d.file, d.line, f"{type(error).__name__}: {d.what.__name__}.{error}") from None


class Constants:
    """Named numbers of a game."""

    def __init__(self, values):
        vars(self).update(values)

    def __getattr__(self, name):
        raise AttributeError(f"the game has no constant '{name}'; it has {sorted(vars(self))!r}")

    def __setattr__(self, name, value):
        raise AttributeError(f"the constant '{name}' stays what game.yaml says")


class Located(Exception):
    """An error whose place is known better than its frames know it."""

    def __init__(self, file, line, text):
        super().__init__(text)
        self.file, self.line, self.text = file, line, text


def _line_of(path, name):
    """The line on which a module gives something that name."""
    text = next(text for file, text in game.text.values() if file == path)
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith((f"{name} ", f"{name}:", f"{name}=", f"class {name}", f"def {name}")):
            return number
    return 1


def _freeze(registry):
    freezer = Freezer(game.modules)
    for module in list(game.modules.values()):
        path = getattr(module, "__file__", module.__name__)
        try:
            freezer.module(module)
        except Unfrozen as error:
            name = str(error).partition(" ")[0].split(".")[0].split("[")[0].split("(")[0]
            raise Located(path, _line_of(path, name), str(error)) from None
    for d in registry.systems.values():
        try:
            inner = vars(systems[d.name])
            for name in inner:
                inner[name] = freezer.value(inner[name], f"self.{name}")
        except Unfrozen as error:
            raise Located(d.file, d.line, str(error)) from None
    return freezer


def load(files, describing):
    """The JSON of LQ_GUEST_LOADED; `systems` and `commands` are then what runs."""
    global game, live, systems, commands, Refuse
    systems, commands = {}, {}
    gc.unfreeze()  # of the load before
    try:
        _fresh(describing)
        game = Game(files)
        registry = sys.modules["lq_engine._declare"].registry
        for name in sorted(game.text):
            game.module(name)
        _states(registry)
        out = _describe(registry)
        systems = {d.name: d.what() for d in registry.systems.values()}
        commands = {d.name: d.what for d in registry.commands.values()}
        if not describing:
            _finish(registry)
        Refuse = sys.modules["lq_engine.ecs"].Refuse
        freezer = _freeze(registry)
        registry.sealed = True
        freezer.seal()
        if not describing:
            for it in gc.get_objects():
                if isinstance(it, type):
                    _lq.seal(it)
            live = _lives_on()
        gc.collect()
        gc.freeze()
        return json.dumps(out)
    except BaseException as error:
        first, stack = report(error)
        return json.dumps({"error": first, "stack": stack})


def _finish(registry):
    """What the game has and no file declares; names that the game does not have."""
    known = [name for name, _ in _lq.described("component")]
    for name in known:
        getattr(sys.modules["lq_engine.game"], name)
    game_commands = [name for name, _ in _lq.described("command")]
    for d in registry.commands.values():
        if d.name not in game_commands:
            own = ", ".join(n for n in game_commands if n not in BUILTIN) or "none of its own"
            raise Located(d.file, d.line, f"no command '{d.name}' in game.yaml; it has: {own}")
        cls = type(d.name, (_lq.Record,), {"__slots__": ()})
        _lq.bind_command(cls, d.name)
        if "player" not in vars(cls):
            cls.player = property(_lq.actor)
        elif "entity" not in vars(cls):
            cls.entity = property(_lq.entity_of_player)


BUILTIN = ("join", "leave", "connection", "rate", "release", "end", "guest")
systems, commands, Refuse = {}, {}, None


def keeps(system):
    """Does a system have state? Its own dict is no class attribute's."""
    return bool(type(system).state)


def state_begin(system, data):
    system.state = sys.modules["lq_engine._state"].decode(data, type(system).state)


def state_end(system):
    return sys.modules["lq_engine._state"].encode(system.state)


# ---- errors ----


def _frames(error):
    """Places in the author's files, the newest first."""
    paths = [path for path, _ in game.text.values()] if game else []
    found = []
    trace = error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename in paths:
            code = trace.tb_frame.f_code
            found.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return found[::-1]


def report(error, file="", line=0):
    """("file:line: what", "a line for each place"); file, line: when no frame is the author's."""
    frames = _frames(error)
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if "of immutable type" in what:
        what += "; a class forgets nothing between ticks: use a component, or state"
    if isinstance(error, SyntaxError) and error.filename:
        file, line, what = error.filename, error.lineno, f"SyntaxError: {error.msg}"
        frames = [f for f in frames if f[0] != file]
    elif isinstance(error, Located):
        file, line, what = error.file, error.line, error.text
    elif frames:
        file, line, _ = frames[0]
    shown = frames[:12]
    stack = "\n".join(f"{f}:{n} in {name}" for f, n, name in shown)
    if len(frames) > len(shown):
        stack += f"\n... and {len(frames) - len(shown)} more"
    at = f"{file}:{line}: " if file else ""
    return at + what, stack


def report_call(error, name, command):
    """As one text, of a system or a command's handler."""
    registry = sys.modules["lq_engine._declare"].registry
    declared = (registry.commands if command else registry.systems).get(name)
    first, stack = report(error, declared.file, declared.line) if declared else report(error)
    return f"{first}\n{stack}" if stack else first


# What is here now stays: the sweep of load() need not look at it, which took most of its time.
gc.freeze()
