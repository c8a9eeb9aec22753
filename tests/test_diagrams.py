"""Promises of the drawn networks."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

import tlhelpers as tl
from tlhelpers.notebook import diagrams, plots
from tlhelpers.notebook.steps import FIVE, FOUR

PICTURE = np.zeros((8, 8, 3), np.float32)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def fills(ax):
    return [to_hex(patch.get_facecolor(), keep_alpha=False).upper() for patch in ax.patches]


def inside(ax):
    """Whether all texts lie within the picture."""
    ax.figure.canvas.draw()
    outer = ax.figure.bbox
    boxes = [text.get_window_extent() for text in ax.texts]
    return all(
        outer.x0 <= b.x0 and b.x1 <= outer.x1 and outer.y0 <= b.y0 and b.y1 <= outer.y1
        for b in boxes
    )


def test_public():
    """`tl.diagrams` stands beside `tl.plots`."""
    assert tl.diagrams is diagrams


def test_pipeline_shows_each_part_in_its_state():
    """Frozen parts are blue, trained ones orange; a bracket names each run of them."""
    ax = diagrams.pipeline(
        ["stem", "block 1", "block 2", "head"],
        frozen=["stem", "block 1"],
        trained=["block 2", "head"],
        ends=("photo", "cat"),
    )
    assert (fills(ax).count("#0072B2"), fills(ax).count("#D55E00")) == (2, 2)
    shown = texts(ax)
    assert [shown.count(word) for word in ("frozen", "trained")] == [1, 1]
    assert plots.alternative_text(ax.figure) == (
        "A row of boxes: photo → stem (frozen) → block 1 (frozen) → block 2 (trained) → "
        "head (trained) → cat."
    )
    assert inside(ax)


def test_what_is_taken_off_is_lifted():
    """It stands above the part that takes its place."""
    ax = diagrams.pipeline(["body", "old", "new"], frozen=["body"], removed=["old"])
    at = {text.get_text(): text.get_position() for text in ax.texts}
    assert at["old"][0] == at["new"][0]
    assert at["old"][1] > at["new"][1] + 0.8
    assert "taken off" in at
    assert "old (taken off) → new." in plots.alternative_text(ax.figure)
    assert inside(ax)


def test_what_has_changed_stands_on_one_field():
    """Neighbours share a field; parts apart have fields of their own."""
    parts = ["a", "b", "c", "d"]
    assert fills(diagrams.pipeline(parts, changed=["a", "b"])).count("#FFF1C9") == 1
    assert fills(diagrams.pipeline(parts, changed=["a", "c"])).count("#FFF1C9") == 2


@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_each_step_names_itself(step):
    """One call a step; its number, its name and its parts can be read."""
    ax = diagrams.four_steps(step, heads=("head:\n20 letters", "new head:\n10 digits"))
    assert f"{step}  {list(FOUR)[step - 1]}" in texts(ax)
    assert ("taken off" in texts(ax)) == (step == 3)
    assert ("trained" in texts(ax)) == (step == 4)
    assert inside(ax)


def test_all_four_steps():
    """Without a number they stand one below the other."""
    ax = diagrams.four_steps(ends=(PICTURE, "digit"))
    assert [f"{k}  {name}" for k, name in enumerate(FOUR, 1)] == [
        text for text in texts(ax) if text[:1].isdigit()
    ]
    assert plots.alternative_text(ax.figure).count("Step ") == 4
    assert inside(ax)


def test_transfer_has_two_rows():
    """The old head is plain, the new one is all that is trained, and both answers are there."""
    ax = diagrams.transfer(PICTURE, PICTURE + 1, names=(1000, 8), answers=("tabby", "animal"))
    for text in ("head:\n1,000 names", "new head:\n8 names", "tabby", "animal", "frozen"):
        assert text in texts(ax)
    assert len(ax.images) == 2
    assert (fills(ax).count("#D55E00"), fills(ax).count("#0072B2")) == (1, 5)  # one is an arrow
    assert "new head: 8 names (trained) → animal." in plots.alternative_text(ax.figure)
    assert inside(ax)


def test_uses_show_what_is_taken_over_and_what_is_new():
    """Each use has a name, a frozen model and something that is trained."""
    ax = diagrams.uses(PICTURE)
    assert {name for name, *_ in diagrams.USES} <= set(texts(ax))
    assert fills(ax).count("#0072B2") == fills(ax).count("#D55E00") == len(diagrams.USES)
    said = plots.alternative_text(ax.figure)
    assert "To translate: the cat sleeps → a language model (frozen)" in said
    assert inside(ax)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: diagrams.pipeline(["a"], ax=ax),
        lambda ax: diagrams.four_steps(2, ax=ax),
        lambda ax: diagrams.transfer(PICTURE, PICTURE, ax=ax),
    ],
)
def test_takes_and_returns_axes(draw):
    """Every function draws where it is told to; no text is smaller than 8 points."""
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1]
    assert draw(ax) is ax
    assert isinstance(draw(None), Axes)
    assert min(text.get_fontsize() for text in ax.texts) >= 8


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: diagrams.pipeline([]), ValueError, r"parts are \[\]; one name or more"),
        (lambda: diagrams.pipeline(["a", "a"]), ValueError, "all different"),
        (
            lambda: diagrams.pipeline(["a", "b"], frozen=["c"]),
            ValueError,
            "frozen names 'c', which is no part. Parts are: 'a', 'b'",
        ),
        (
            lambda: diagrams.pipeline(["a"], frozen=["a"], trained=["a"]),
            ValueError,
            "'a' is frozen and trained; give it one state",
        ),
        (lambda: diagrams.pipeline(["a"], frozen="a"), TypeError, r"expected: \['a'\]"),
        (lambda: diagrams.four_steps(5), ValueError, "step is 5; a whole number from 1 to 4"),
    ],
)
def test_bad_input(call, error, text):
    """Names that are no parts, and steps that do not exist, are named."""
    with pytest.raises(error, match=text):
        call()


@pytest.mark.parametrize("step", range(1, 6))
def test_one_of_five_steps(step):
    """Its number and name; what changed, and nothing else, stands on a light field."""
    ax = diagrams.five_steps(step, last=2, head="head:\n10 digits")
    assert f"{step}  {list(FIVE)[step - 1]}" in texts(ax)
    assert (fills(ax).count("#0072B2"), fills(ax).count("#D55E00")) == {
        1: (0, 0),
        2: (4, 0),
        3: (4, 1),
        4: (2, 3),
        5: (2, 3),
    }[step]
    assert "#FFF1C9" in fills(ax)
    assert inside(ax)


def test_five_steps_together():
    """One below the other; the alternative text tells each of them."""
    ax = diagrams.five_steps(ends=(PICTURE, "digit"))
    shown = [text for text in texts(ax) if text[0] in "12345" and text[1:3] == "  "]
    assert shown == [f"{k}  {name}" for k, name in enumerate(FIVE, 1)]
    told = plots.alternative_text(ax.figure)
    assert told.count("Step ") == 5
    assert "features (trained) → our head (trained) → digit" in told
    assert inside(ax)


def test_five_steps_errors():
    """A sixth step; more layers than there are."""
    with pytest.raises(ValueError, match="step is 6; a whole number from 1 to 5"):
        diagrams.five_steps(6)
    with pytest.raises(ValueError, match="last is 5; a whole number from 1 to 4"):
        diagrams.five_steps(last=5)


def test_accumulation_is_a_loop_with_a_way_out():
    """Four boxes, the head on frozen features in blue; if wanted, fine-tuning in orange."""
    loop = diagrams.accumulation()
    assert (fills(loop).count("#0072B2"), fills(loop).count("#D55E00")) == (1, 0)
    assert inside(loop)
    whole = diagrams.accumulation(change_over=True)
    assert fills(whole).count("#D55E00") == 1
    assert "A way out: when fine-tuning pays" in plots.alternative_text(whole.figure)
    assert inside(whole)


def test_two_towers_meet():
    """Frozen networks in blue, the map in orange; for two that learn together, both."""
    mapped = diagrams.two_towers(PICTURE, "a violin")
    assert (fills(mapped).count("#0072B2"), fills(mapped).count("#D55E00")) == (2, 1)
    assert 'the text "a violin" → sentence encoder (frozen)' in plots.alternative_text(
        mapped.figure
    )
    assert inside(mapped)
    learnt = [("network", "trained")]
    both = diagrams.two_towers(PICTURE, "a violin", of_picture=learnt, of_text=learnt)
    assert (fills(both).count("#0072B2"), fills(both).count("#D55E00")) == (0, 2)
    assert inside(both)
    with pytest.raises(ValueError, match="The state of a box is 'melted'; one of 'plain'"):
        diagrams.two_towers(PICTURE, "a violin", of_text=[("network", "melted")])


def test_kinds_of_transfer_are_four_fields():
    """Each with its name and an example; the kind without labels below; nothing outside."""
    ax = diagrams.kinds_of_transfer()
    told = plots.alternative_text(ax.figure)
    assert "the same pictures, another goal: inductive (" in told
    assert "other pictures, the same goal: transductive (" in told
    assert "unsupervised: the source has no labels" in told
    frames = [patch for patch in ax.patches if patch.get_width() > 0.9]
    assert len(frames) == 4
    renderer = ax.figure.canvas.get_renderer()
    boxes = [frame.get_window_extent(renderer) for frame in frames]
    texts = [text for text in ax.texts if "unsupervised" not in text.get_text()]
    assert len(texts) == 12
    for text in texts:
        extent = text.get_window_extent(renderer)
        assert any(
            box.x0 < extent.x0 and extent.x1 < box.x1 and box.y0 < extent.y0 and extent.y1 < box.y1
            for box in boxes
        ), text.get_text()


def test_ways_of_bias_names_a_reason_under_each_box():
    """Five boxes, and what may go wrong at each, also in the alternative text."""
    ax = diagrams.ways_of_bias()
    assert len(texts(ax)) == 10
    assert inside(ax)
    assert "head: few labels of a group" in plots.alternative_text(ax.figure)
