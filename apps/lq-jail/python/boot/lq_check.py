"""What can be seen in the source of a guest's file before it runs.

Refused: writes to what lives longer than a tick. Put in place of: sets, whose order would be that of
memory addresses, and powers, which libm computes differently on every machine.
"""

import _ast


class Refused(SyntaxError):
    """A mistake with its place."""

    def __init__(self, text, file, node):
        super().__init__(text, (file, node.lineno, node.col_offset + 1, None))


FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.Lambda)
STATE = (
    "would be kept between ticks, unseen by the session: use a component, or declare "
    "state = {...} in the system and use self.state"
)


# Doors to what lives on between ticks.
HIDDEN = frozenset(
    "__dict__ __globals__ __closure__ __code__ __defaults__ __kwdefaults__ __builtins__ "
    "__subclasses__ __setattr__ __delattr__ __getattribute__ __setstate__ __loader__ __spec__ "
    "cell_contents f_globals f_locals f_builtins gi_frame cr_frame ag_frame tb_frame".split()
)
HIDES = "opens what lives on between ticks, unseen by the session: use a component, or state"


def _children(node):
    for field in node._fields:
        value = getattr(node, field, None)
        if isinstance(value, _ast.AST):
            yield field, None, value
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, _ast.AST):
                    yield field, index, item


def _names(node, found, free):
    """Names bound in a function: by arguments, assignment, import, def, for, with, except."""
    for _, _, child in _children(node):
        if isinstance(child, _ast.arg):
            found.add(child.arg)
        elif isinstance(child, _ast.Name) and not isinstance(child.ctx, _ast.Load):
            found.add(child.id)
        elif isinstance(child, _ast.alias):
            found.add((child.asname or child.name).partition(".")[0])
        elif isinstance(child, _ast.ExceptHandler) and child.name:
            found.add(child.name)
        elif isinstance(child, (_ast.MatchAs, _ast.MatchStar)) and child.name:
            found.add(child.name)
        elif isinstance(child, _ast.MatchMapping) and child.rest:
            found.add(child.rest)
        elif isinstance(child, _ast.Global):
            free.update(child.names)
        if isinstance(child, (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef)):
            found.add(child.name)
        elif not isinstance(child, _ast.Lambda):
            _names(child, found, free)


class Checker:
    def __init__(self, file):
        self.file = file

    def walk(self, node, scopes):
        """Checks and rewrites the children of a node; scopes: names of the functions around."""
        if isinstance(node, FUNCTIONS):
            found, free = set(), set()
            _names(node, found, free)
            scopes = [*scopes, found - free]
        for field, index, child in list(_children(node)):
            self.check(child, scopes)
            self.walk(child, scopes)
            changed = self.changed(child)
            if changed is child:
                continue
            if index is None:
                setattr(node, field, changed)
            else:
                getattr(node, field)[index] = changed

    def check(self, node, scopes):
        if scopes and isinstance(node, _ast.Global):
            names = ", ".join(node.names)
            raise Refused(f"'global {names}': a module's variable {STATE}", self.file, node)
        if scopes and isinstance(node, (_ast.Attribute, _ast.Subscript)):
            self.check_store(node, scopes)
        self.check_hidden(node)
        if isinstance(node, (_ast.AsyncFunctionDef, _ast.Await, _ast.AsyncFor, _ast.AsyncWith)):
            raise Refused("async: a tick waits for nothing; write an ordinary function", self.file, node)
        if isinstance(node, _ast.FunctionDef) and node.name == "__del__":
            raise Refused("__del__ would run whenever memory is swept: remove it", self.file, node)
        if isinstance(node, _ast.Constant) and isinstance(node.value, complex):
            raise Refused("complex numbers differ between machines: use two floats", self.file, node)

    def check_hidden(self, node):
        names = ()
        if isinstance(node, _ast.Attribute):
            of_super = (
                isinstance(node.value, _ast.Call)
                and isinstance(node.value.func, _ast.Name)
                and node.value.func.id == "super"
                and not node.value.args
            )
            names = () if of_super else (node.attr,)
        elif isinstance(node, _ast.MatchClass):
            names = node.kwd_attrs
        elif isinstance(node, _ast.ImportFrom):
            names = [alias.name for alias in node.names]
        for name in names:
            if name in HIDDEN:
                raise Refused(f"'{name}' {HIDES}", self.file, node)

    def check_store(self, node, scopes):
        root = node
        while isinstance(root, (_ast.Attribute, _ast.Subscript)):
            root = root.value
        if isinstance(node.ctx, _ast.Load) or not isinstance(root, _ast.Name):
            return
        if not any(root.id in names for names in scopes):
            raise Refused(f"a change of '{root.id}' here {STATE}", self.file, node)

    def changed(self, node):
        if isinstance(node, _ast.Set):
            return self.call("__lq_set__", node, _ast.Tuple(node.elts, _ast.Load()))
        if isinstance(node, _ast.SetComp):
            return self.call("__lq_set__", node, _ast.GeneratorExp(node.elt, node.generators))
        if isinstance(node, _ast.BinOp) and isinstance(node.op, _ast.Pow):
            return self.call("__lq_pow__", node, node.left, node.right)
        if isinstance(node, _ast.AugAssign) and isinstance(node.op, _ast.Pow):
            if not isinstance(node.target, _ast.Name):
                raise Refused("write x.y = x.y ** n instead of x.y **= n", self.file, node)
            left = self.at(_ast.Name(node.target.id, _ast.Load()), node)
            value = self.call("__lq_pow__", node, left, node.value)
            return self.at(_ast.Assign([node.target], value), node)
        return node

    def at(self, new, old):
        for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
            setattr(new, name, getattr(old, name))
        return new

    def call(self, name, old, *args):
        for arg in args:
            if not hasattr(arg, "lineno"):
                self.at(arg, old)
        function = self.at(_ast.Name(name, _ast.Load()), old)
        return self.at(_ast.Call(function, list(args), []), old)


def compiled(text, file):
    """The code of a guest's file. SyntaxError: it is wrong, or does what must not be."""
    tree = compile(text, file, "exec", _ast.PyCF_ONLY_AST, dont_inherit=True)
    Checker(file).walk(tree, [])
    return compile(tree, file, "exec", dont_inherit=True)
