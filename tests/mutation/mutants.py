"""Every mutant of a source text: one node of its syntax tree changed, and a name that outlives moved lines.

What is left alone, as it changes nothing that a test should look at: docstrings, annotations, the words of messages
(whatever stands in a `raise` or a log call, or is called `message`), imports, and types handed to `cast`.
"""

import ast
from dataclasses import dataclass

SWAPS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
LOGGING = {"debug", "info", "warning", "error"}


@dataclass(frozen=True)
class Mutant:
    """One change: where it is, what it says before and after, and what makes the whole tree with it."""

    module: str
    place: str
    before: str
    after: str
    number: int
    source: str
    path: tuple
    changed: ast.AST

    @property
    def tree(self):
        """The whole module with the change."""
        return put(ast.parse(self.source), self.path, self.changed)

    @property
    def name(self):
        """What the mutant is called in reports and in the list of equivalent ones."""
        again = f" #{self.number}" if self.number > 1 else ""
        return f"{self.module}:{self.place}: {self.before} -> {self.after}{again}"


def mutants(module, source):
    """Return all mutants of a module's source, in the order of the source."""
    tree = ast.parse(source)
    found, seen = [], {}
    for path, place in targets(tree):
        node = at(tree, path)
        for changed in changes(node):
            before, after = text(node), text(changed)
            key = (place, before, after)
            seen[key] = seen.get(key, 0) + 1
            found.append(Mutant(module, place, before, after, seen[key], source, path, changed))
    return found


def targets(tree, path=(), place=""):
    """Yield the path of every node that may be changed, with the name of what it is part of."""
    for name, value in ast.iter_fields(tree):
        if left_alone(tree, name):
            continue
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or is_docstring(child) or is_type_of_cast(tree, name, index):
                continue
            here = (*path, (name, index if isinstance(value, list) else None))
            if isinstance(child, ast.stmt | ast.expr):
                yield here, place
            inner = place
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inner = f"{place}.{child.name}" if place else child.name
            yield from targets(child, here, inner)


def left_alone(node, field):
    """Tell whether what stands in this field of the node is not for changing."""
    if field in {"annotation", "returns", "decorator_list", "bases", "keywords"} and not isinstance(node, ast.Call):
        return True
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
        return True
    called = node.func if isinstance(node, ast.Call) else None
    if isinstance(called, ast.Name) and called.id == "TypeVar":
        return field == "args"
    if isinstance(node, ast.Assign) and text(node.targets[0]) == "message":
        return True
    if isinstance(called, ast.Attribute):
        return called.attr in LOGGING
    return isinstance(node, ast.If) and field == "body" and text(node.test) == "TYPE_CHECKING"


def is_docstring(child):
    """Tell whether a statement is a text that stands alone."""
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def is_type_of_cast(node, field, index):
    """Tell whether this is the first argument of a `cast`, which only a type checker reads."""
    return isinstance(node, ast.Call) and text(node.func) == "cast" and (field, index) == ("args", 0)


def at(tree, path):
    """Return the node at the end of the path."""
    for field, index in path:
        value = getattr(tree, field)
        tree = value if index is None else value[index]
    return tree


def put(tree, path, node):
    """Replace the node at the end of the path; return the tree."""
    *way, (field, index) = path
    parent = at(tree, way)
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node
    return ast.fix_missing_locations(tree)


def text(node):
    """Return a node as one short line of source."""
    if isinstance(node, ast.If | ast.While):
        node = with_fields(node, body=[], orelse=[])
    lines = ast.unparse(node).splitlines() or [""]
    return lines[0] if len(lines[0]) <= 90 else lines[0][:87] + "..."


def changes(node):
    """Return what a node may be changed into."""
    made = [*expressions(node), *statements(node)]
    return [ast.copy_location(changed, node) for changed in made]


def expressions(node):
    """Yield changed expressions: operators swapped, conditions negated, constants moved."""
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in SWAPS:
            yield with_fields(node, ops=[SWAPS[type(operator)]()])
        case ast.BoolOp() | ast.BinOp() if type(node.op) in SWAPS:
            yield with_fields(node, op=SWAPS[type(node.op)]())
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.IfExp() if not turned_elsewhere(node.test):
            yield with_fields(node, test=negated(node.test))
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)):
            yield ast.Constant(value + "X")
        case ast.Constant(value=bytes(value)):
            yield ast.Constant(value + b"X")
        case ast.GeneratorExp(generators=[only]) | ast.ListComp(generators=[only]) if only.ifs:
            yield with_fields(node, generators=[with_fields(only, ifs=[negated(only.ifs[0]), *only.ifs[1:]])])


def statements(node):
    """Yield changed statements: conditions negated, calls and assignments left out, results forgotten."""
    match node:
        case ast.If() | ast.While():
            if not (turned_elsewhere(node.test) or text(node.test) == "TYPE_CHECKING"):
                yield with_fields(node, test=negated(node.test))
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def turned_elsewhere(test):
    """Tell whether the condition itself has a mutant that is its opposite."""
    opposite = ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
    single = isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], opposite)
    return single or isinstance(test, ast.Constant) or (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not))


def negated(test):
    """Return the opposite of a condition."""
    return ast.UnaryOp(ast.Not(), test)


def with_fields(node, **fields):
    """Return a copy of a node with other fields."""
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})
