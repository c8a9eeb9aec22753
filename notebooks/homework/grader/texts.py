"""The texts of the grader's cells, run with ours around each call and each comparison."""

import ast
import dis
import sys

CALLED, PLAIN = "_called", "_plain"  # names by which a text reaches what is around it
CALLER = frozenset({"super", "locals", "globals", "vars", "dir"})  # they look at who calls them


def root_of(kind):
    """The package of a class."""
    return kind.__module__.partition(".")[0]


def names_in(text):
    """All names that stand in a text."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def changes(text):
    """Whether a text changes attributes, as a check does that watches what an answer calls."""
    nodes = ast.walk(ast.parse(text))
    return any(isinstance(x, ast.Attribute) and not isinstance(x.ctx, ast.Load) for x in nodes)


class Around(ast.NodeTransformer):
    """Puts ours around each call and each side of a comparison."""

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in CALLER:
            return node
        return ast.Call(ast.Name(CALLED, ast.Load()), [node.func, *node.args], node.keywords)

    def visit_Compare(self, node):
        self.generic_visit(node)
        sides = [
            x if isinstance(x, ast.Constant) else ast.Call(ast.Name(PLAIN, ast.Load()), [x], [])
            for x in (node.left, *node.comparators)
        ]
        return ast.Compare(sides[0], node.ops, sides[1:])


def called(function, *values, **options):
    """Call a function; the proctor, whom nothing here leads to, hears of it and sees to it."""
    box = [function, values, options]
    sys.audit("proctor.called", box)
    return box.pop()


def compared(value):
    """One side of a comparison, which the proctor makes plain within a check."""
    box = [value]
    sys.audit("proctor.compared", box)
    return box.pop()


def run(text, names, file):
    """Execute a text as it is written; return what its last line gives."""
    tree = ast.parse(text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else ast.Expr(ast.Constant(None))
    parts = tree, ast.Expression(last.value)
    parts = [ast.fix_missing_locations(Around().visit(part)) for part in parts]
    exec(compile(parts[0], file, "exec"), names)
    return eval(compile(parts[1], file, "eval"), names)


def copied(value):
    """Collections, arrays and tables anew, so that nobody else holds them."""
    if type(value) in (list, tuple, set):
        return type(value)(copied(each) for each in value)
    if type(value) is dict:
        return {name: copied(each) for name, each in value.items()}
    kind = root_of(type(value))
    return value.copy() if kind in ("numpy", "pandas") and hasattr(value, "copy") else value


def changed_by(function):
    """Global names that a function assigns."""
    code = function.__code__
    return [x.argval for x in dis.get_instructions(code) if x.opname == "STORE_GLOBAL"]
