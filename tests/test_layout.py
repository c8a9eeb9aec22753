"""The house: which folder may import which, how large a room is, where a name is found."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tlhelpers as tl

PACKAGE = Path(tl.__file__).parent
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "data" not in path.parts)
# Each folder with those that it may import, besides itself; Python has no circles then.
MAY_IMPORT = {
    "runtime": set(),
    "storage": {"runtime"},
    "images": {"runtime"},
    "backbones": {"runtime", "storage"},
    "speech": {"runtime", "storage"},
    "tasks": {"runtime", "storage", "images", "backbones", "speech"},
    "training": {"runtime", "storage", "images", "backbones"},
    "labels": {"runtime", "images"},
    "zero_shot": {"runtime", "storage", "backbones"},
    "language": {"runtime", "storage"},
    "notebook": {"runtime", "images", "speech", "backbones", "training"},
    "diagnosis": {"runtime", "images", "backbones", "tasks", "training"},
}
every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))


def folder_of(path):
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else None


def imported(path):
    """Full names of what a file imports from this package, wherever in it."""
    here = ["tlhelpers", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom):
            base = here[: -node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{name.name}" for name in node.names]
        elif isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        yield from (name for name in names if name.split(".")[0] == "tlhelpers")


def imported_folders(path):
    return {[*name.split("."), ""][1] for name in imported(path)}


def imported_files(path):
    """Files of this package that a file imports, also for types alone."""
    for name in imported(path):
        for steps in range(len(name.split(".")) - 1):
            inside = PACKAGE.joinpath(*name.split(".")[1 : len(name.split(".")) - steps])
            if inside.with_suffix(".py").is_file():
                yield inside.with_suffix(".py")
                break


def test_all_folders_are_known():
    """A new folder is given its place in the order; there are 14 rooms at most."""
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert rooms == MAY_IMPORT.keys()
    files = {path for path in FILES if folder_of(path) is None}
    assert len(rooms) + len(files) <= 14


@every_file
def test_imports_go_one_way(path):
    """A folder imports only from those below it."""
    folder = folder_of(path)
    if folder is not None:
        assert imported_folders(path) - {folder} <= MAY_IMPORT[folder]


def test_there_is_no_circle_of_folders():
    """The table above can be climbed from the bottom to the top."""
    known = set()
    while left := {name for name in MAY_IMPORT if name not in known}:
        free = {name for name in left if MAY_IMPORT[name] <= known}
        assert free, f"a circle among {left}"
        known |= free


def test_there_is_no_circle_of_files():
    """Each file can be read after those that it imports."""
    order = list(TopologicalSorter({p: set(imported_files(p)) for p in FILES}).static_order())
    assert set(order) == set(FILES)


def test_a_forbidden_import_is_found(tmp_path, monkeypatch):
    """The walk sees imports of every form."""
    path = PACKAGE / "runtime" / "checks.py"
    code = "from ..tasks import split\nfrom ..labels.queries import x\nimport tlhelpers.zero_shot\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: code)
    assert imported_folders(path) == {"tasks", "labels", "zero_shot"}
    assert PACKAGE / "labels" / "queries.py" in imported_files(path)


@every_file
def test_a_room_can_be_read_in_one_sitting(path):
    """At most 250 lines, and a sentence at the top that says what is in it."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    sentence = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    assert sentence.endswith(".")
    if path.name == "__init__.py" and folder_of(path):
        assert re.search(r"import", sentence), "say what this folder may import"


def words(name):
    return set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))


@pytest.mark.parametrize("name", tl.__all__)
def test_a_public_name_stands_in_a_file_of_its_name(name):
    """Who looks for `fine_tune` opens `fine_tune.py`; close relatives share a file."""
    stem = tl._file(name).rsplit(".", 1)[1]
    assert words(name) & words(stem) or name in stem, f"{name} stands in {stem}.py"
    value = getattr(tl, name)
    assert getattr(value, "__module__", value.__name__) == tl._file(name)


def public_functions(path):
    """Functions, and methods of classes, that have no leading underscore."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for owner in (tree, *(node for node in classes if not node.name.startswith("_"))):
        for node in owner.body:
            public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if public or getattr(node, "name", "") == "__init__":
                yield node


@every_file
def test_public_functions_have_types(path):
    """Each argument, and each result, has a type."""
    for node in public_functions(path):
        given = node.args
        named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        bare = [a.arg for a in named if a and not a.annotation and a.arg not in ("self", "cls")]
        assert bare == [], node.name
        assert node.returns is not None or node.name == "__init__", node.name


@every_file
def test_booleans_are_given_by_name(path):
    """No call has to be decoded: `f(x, True)` is not possible."""
    for node in public_functions(path):
        positional = [*node.args.posonlyargs, *node.args.args]
        kinds = {a.arg: ast.unparse(a.annotation) for a in positional if a.annotation}
        assert {name for name, kind in kinds.items() if kind.startswith("bool")} == set()
