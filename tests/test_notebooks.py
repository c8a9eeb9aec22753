"""Structure of the committed notebooks; nbval executes them."""

import ast
import re
import statistics

import nbformat
import pytest

from tlhelpers.notebook.figures import read_figures
from tools import build_notebooks as build

NOTEBOOKS = build.read_all()
SECTIONS = (
    "What you will do",
    "What you will learn",
    "What you need",
    "Set-up",
    "The data",
    "Predict first",
    "Baseline",
    "Compare",
    "Final test",
    "What went wrong, and limits",
    "Your turn",
    "Summary",
)
every_notebook = pytest.mark.parametrize("name", NOTEBOOKS)


def code_cells(name):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def code_lines(cell):
    return [line for line in cell.source.split("\n") if line.strip()]


def outputs(name):
    return [output for cell in code_cells(name) for output in cell.outputs]


def texts(output):
    """What an output shows as text."""
    if output.output_type == "stream":
        return [output.text]
    return [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]


def prose(name):
    return "\n".join(cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown")


def test_there_are_notebooks():
    """The tests below have something to look at."""
    assert len(NOTEBOOKS) >= 2


@every_notebook
def test_sections_stand_in_order(name):
    """The anatomy that every notebook shares."""
    heads = re.findall(r"^#{2,3} (.+)", prose(name), re.M)
    places = [next(i for i, head in enumerate(heads) if head.startswith(s)) for s in SECTIONS]
    # baselines may stand among the experiments, but before the comparison
    baseline = places.pop(SECTIONS.index("Baseline"))
    assert places == sorted(places)
    assert baseline < next(i for i, head in enumerate(heads) if head == "Compare")


@every_notebook
def test_first_cell_and_set_up_are_made_from_one_source(name):
    """Badge, promise of time, set-up cell and settings cell."""
    notebook = NOTEBOOKS[name]
    assert build.badge(name) in notebook.cells[0].source
    assert len(build.described(notebook)) == 4
    setup, settings = code_cells(name)[:2]
    assert build.tags(setup) == ["setup"]
    assert setup.source == build.setup_cell()
    assert build.tags(settings) == ["parameters"]


@every_notebook
def test_executed_from_top_to_bottom(name):
    """Counts 1 to n: committed outputs are those of one run (nbval skips cells without count)."""
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


@every_notebook
def test_no_error_warning_or_path_in_outputs(name):
    """Nothing in the outputs is about a machine."""
    for output in outputs(name):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"
        for text in texts(output):
            assert not re.search(
                r"Warning|Traceback|(?<![\w.])/(home|root|tmp|Users)\b|[A-Z]:\\", text
            )
            assert len(text) < 6000


@every_notebook
def test_small_enough(name):
    """Under 1 MB, pictures and all."""
    assert (build.NOTEBOOKS / name).stat().st_size < 1_000_000


@every_notebook
def test_code_is_short_and_explained(name):
    """Cells: median 4 lines or fewer, 20 at most; 10 to 20 words of prose for a line of code."""
    lines = [len(code_lines(cell)) for cell in code_cells(name) if "setup" not in build.tags(cell)]
    assert statistics.median(lines) <= 4
    assert max(lines) <= 20
    words = len(re.findall(r"\w+", re.sub(r"\(http\S+\)", "", prose(name))))
    assert 10 <= words / sum(lines) <= 20


@every_notebook
def test_no_measurement_is_typed_into_prose(name):
    """Decimals and percentages in prose would be measurements; they belong into outputs."""
    assert re.findall(r"(?<![\w/.])0?\.\d{2,}\b|\b\d+(?:\.\d+)? ?%", prose(name)) == []


@every_notebook
def test_ends_with_key_figures(name):
    """The last cell stores the notebook's figures as data."""
    assert build.key_figures(NOTEBOOKS[name])
    assert "tl.key_figures(" in code_cells(name)[-1].source


@every_notebook
def test_test_split_is_touched_once(name):
    """`test` enters with the section so named; before it, only its size, indices and counts."""
    for cell in NOTEBOOKS[name].cells:
        if cell.cell_type == "markdown" and re.search(r"^## Final test", cell.source, re.M):
            return
        for line in cell.source.split("\n") if cell.cell_type == "code" else ():
            assert not re.search(r"(task\.test|\[.(test.|2|-1)\])\.(images|labels)", line), line
            assert not re.search(r"features_of\(.*splits\.values\(\)\)(?!\[:2\])", line), line
    pytest.fail("no section 'Final test'")


@every_notebook
def test_claims_are_held_elsewhere(name):
    """At most two asserts, those that teach; what the prose claims is held by tests/claims."""
    lines = [line.strip() for cell in code_cells(name) for line in code_lines(cell)]
    assert sum(line.startswith("assert ") for line in lines) <= 2
    number = name[:2]
    assert list(build.ROOT.glob(f"tests/claims/test_{number}_*.py"))
    assert read_figures(NOTEBOOKS[name])


@every_notebook
def test_code_parses(name):
    """Magics aside, every cell is plain Python."""
    for cell in code_cells(name):
        ast.parse(re.sub(r"^(\s*)%.*", r"\1pass", cell.source, flags=re.M))


def test_readme_is_up_to_date():
    """Tables and picture of the README are those of the committed notebooks."""
    text = build.README.read_text(encoding="utf-8")
    assert build.readme(text, NOTEBOOKS) == text
    assert build.PICTURE.read_bytes() == build.picture(NOTEBOOKS)


def test_address_stands_in_one_place():
    """Only pyproject.toml says where the repository lives; the rest is generated."""
    for path in [*build.ROOT.glob("*.md"), *build.ROOT.glob("t*/*.py"), *build.ROOT.glob("*.yml")]:
        assert build.address() not in path.read_text(encoding="utf-8"), path


def test_synchronise_is_idempotent():
    """Writing badge and set-up cell twice changes nothing the second time."""
    for name, notebook in NOTEBOOKS.items():
        copy = nbformat.reads(nbformat.writes(notebook), as_version=4)
        build.synchronise(copy, name)
        assert copy == notebook
