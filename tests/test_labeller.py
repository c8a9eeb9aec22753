import base64
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.labels import labeller

NAMES = ("cat", "cow", "<owl>")


@pytest.fixture
def run(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(12, 4)).astype("float32")
    store = tl.LabelStore(tmp_path / "labels.sqlite")
    return tl.AccumulationRun(store, features, features, NAMES, query="random", round_size=4)


@pytest.fixture
def images():
    return np.random.default_rng(1).random((12, 16, 8, 3), np.float32)


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets forward."""
    now = [100.0]
    monkeypatch.setattr(labeller.time, "monotonic", lambda: now[0])
    return now


def click(labeller, text, clock, wait=1.0):
    clock[0] += wait
    (button,) = (b for b in labeller._buttons if b.description.startswith(text))
    assert not button.disabled
    button.click()


def type_in(labeller, text, clock, wait=1.0):
    clock[0] += wait
    labeller._box.value = text


def answers(run):
    return [(row.item, row.label) for row in run.store]


def test_a_click_is_saved_at_once(run, images, clock):
    """Each click stands in the file before the next picture; after a round comes the next one."""
    labeller = tl.Labeller(run, images, who="ana")
    asked = list(run.ask())
    names = ("cat", "cow", "<owl>", "cat")
    for number, (position, name) in enumerate(zip(asked, names, strict=True)):
        assert labeller.position == position
        assert f"Round 0, {4 - number} to go. {number} of 12" in labeller._progress.value
        click(labeller, name, clock)
        row = list(tl.LabelStore(run.store.path))[-1]
        assert (row.item, row.label, row.who) == (run.keys[position], name, "ana")
    assert (run.round, labeller.position) == (1, run.ask()[0])


def test_keys(run, images, clock):
    """One key a label in the field, in capitals too; the space bar skips."""
    labeller = tl.Labeller(run, images)
    assert labeller.shortcuts == {"c": "cat", "o": "cow", "w": "<owl>"}
    for text in ("c", "cO", "cO ", "cO w"):
        type_in(labeller, text, clock)
    assert [label for _, label in answers(run)] == ["cat", "cow", None, "<owl>"]


def test_run_all_stops_until_the_round_is_done(run, images):
    """An error says how many wait; after the last answer there is none."""
    labeller = tl.Labeller(run, images, rounds=1)
    waiting = len(run.ask())
    with pytest.raises(RuntimeError, match=f"{waiting} pictures wait for a label. Label them in"):
        labeller.stop_until_done()
    for _ in range(waiting):
        labeller.press("c")
    labeller.stop_until_done()


def test_it_can_be_drawn(run, images):
    """What the widget shows, as a picture: progress, buttons, and no picture at the end."""
    labeller = tl.Labeller(run, images, rounds=1)
    ax = tl.plots.labelling(labeller)
    shown = [text.get_text() for text in ax.texts]
    assert shown == [labeller.progress, *labeller.button_texts]
    assert labeller.button_texts == ["cat (c)", "cow (o)", "<owl> (w)", "skip (space)", "undo (⌫)"]
    assert len(ax.images) == 1
    for _ in run.ask():
        labeller.press("c")
    ax = tl.plots.labelling(labeller)
    assert not ax.images
    assert "Done" in tl.plots.alternative_text(ax.figure)


def test_undo_by_backspace_and_button(run, images, clock):
    """Backspace in the field, or a click, brings the picture back, and its label is gone."""
    labeller = tl.Labeller(run, images)
    first, second = run.ask()[:2]
    type_in(labeller, "c", clock)
    type_in(labeller, "co", clock)
    type_in(labeller, "c", clock)
    assert labeller.position == second
    assert answers(run) == [(run.keys[first], "cat")]
    click(labeller, "undo", clock)
    assert labeller.position == first
    assert answers(run) == []
    click(labeller, "undo", clock)
    assert labeller._message.value == "Nothing to undo in this session."
    type_in(labeller, "", clock)  # the key that is still in the field was undone by the button
    assert labeller.position == first
    click(labeller, "cow", clock)
    assert answers(run) == [(run.keys[first], "cow")]


def test_undo_over_the_border_of_a_round(run, images, clock):
    """The last answer of a round can be taken back when the next round is shown."""
    labeller = tl.Labeller(run, images, rounds=1)
    asked = list(run.ask())
    for _ in asked:
        click(labeller, "cat", clock)
    assert labeller.position is None
    assert labeller._progress.value == "Done: 4 labels. Run the next cell."
    assert all(button.disabled for button in labeller._buttons[:-1])
    click(labeller, "undo", clock)
    assert labeller.position == asked[-1]
    click(labeller, "cow", clock)
    assert labeller.position is None
    assert [label for _, label in answers(run)] == ["cat", "cat", "cat", "cow"]


def test_a_double_click_labels_one_picture(run, images, clock):
    """What comes before anyone can have seen the new picture is ignored, keys as well."""
    labeller = tl.Labeller(run, images)
    click(labeller, "cat", clock)
    click(labeller, "cat", clock, wait=0.1)
    assert len(answers(run)) == 1
    assert labeller._message.value == "Too quick: ignored."
    type_in(labeller, "co", clock)  # two keys in one event: the second was typed blindly
    assert len(answers(run)) == 2
    assert labeller._message.value == "Too quick: ignored."
    type_in(labeller, "c", clock)  # takes back the second key, which did nothing
    assert len(answers(run)) == 2
    type_in(labeller, "", clock)
    assert len(answers(run)) == 1
    click(labeller, "undo", clock)
    click(labeller, "undo", clock, wait=0.1)
    assert answers(run) == []


def test_a_held_key_is_one_label(run, images, clock):
    """Repeated keys are ignored for as long as they keep coming."""
    labeller = tl.Labeller(run, images)
    type_in(labeller, "c", clock)
    for length in range(2, 60):
        type_in(labeller, "c" * length, clock, wait=0.04)
    assert len(answers(run)) == 1
    type_in(labeller, "c" * 60, clock)
    assert len(answers(run)) == 2
    for length in range(59, 1, -1):  # a held Backspace takes back one
        type_in(labeller, "c" * length, clock, wait=0.04 if length < 59 else 1)
    assert len(answers(run)) == 1


@pytest.mark.parametrize("text", ["o", "", "cocc", "xcoc", "cc"])
def test_editing_the_field_takes_nothing_back(run, images, clock, text):
    """Selecting all, pasting, or typing in the middle changes no label, and says so."""
    labeller = tl.Labeller(run, images)
    for typed in ("c", "co", "coc"):
        type_in(labeller, typed, clock)
    type_in(labeller, text, clock)
    if text == "cocc":
        assert len(answers(run)) == 4  # that one is a key at the end
        return
    assert "Only keys at the end of the field count" in labeller._message.value
    assert len(answers(run)) == 3
    type_in(labeller, text + "w", clock)
    assert len(answers(run)) == 4
    type_in(labeller, text, clock)
    assert len(answers(run)) == 3


def test_an_unknown_key(run, images, clock):
    """A key without a meaning lists those that have one, and nothing moves."""
    labeller = tl.Labeller(run, images)
    type_in(labeller, "x", clock)
    assert "The key 'x' has no meaning here" in labeller._message.value
    assert "c (cat), o (cow), w (&lt;owl>)" in labeller._message.value
    assert answers(run) == []
    type_in(labeller, "", clock)  # deleting it undoes nothing
    assert labeller._message.value.startswith("<b>The key")
    with pytest.raises(ValueError, match="Backspace to undo"):
        labeller.press("x")


def test_an_answer_that_cannot_be_saved(run, images, clock):
    """The widget says why and stays at the picture; nothing is lost."""
    labeller = tl.Labeller(run, images)
    click(labeller, "cat", clock)
    position = labeller.position
    away = run.store.path.with_name("away")
    run.store.path.rename(away)
    click(labeller, "cow", clock)
    assert "was moved, deleted or replaced" in labeller._message.value
    assert labeller.position == position
    away.rename(run.store.path)
    click(labeller, "cow", clock)
    assert labeller._message.value == ""
    assert [label for _, label in answers(run)] == ["cat", "cow"]


def test_any_error_is_shown(run, images, clock):
    """An error of the strategy after a round: the label is saved, and the widget says so."""
    labeller = tl.Labeller(run, images)

    def broken(*_):
        raise IndexError("strategy is broken")

    run.query = broken
    for _ in range(4):
        click(labeller, "cat", clock)
    assert len(answers(run)) == 4
    message = "Saved. But the next picture cannot be shown: strategy is broken"
    assert labeller._message.value == f"<b>{message}</b>"


def test_undo_spares_other_sessions(run, images, clock):
    """Only what was answered through this run is taken back, no matter whose name it bears."""
    tl.Labeller(run, images).press("c")
    again = tl.AccumulationRun(
        run.store, run.features, run.features, NAMES, query="random", round_size=4
    )
    labeller = tl.Labeller(again, images)
    shown = labeller.position
    click(labeller, "undo", clock)
    assert labeller.position == shown
    assert len(answers(run)) == 1


def test_to_the_end_of_the_pool(run, images):
    """Without a number of rounds it goes on until nothing is left; then keys do nothing."""
    labeller = tl.Labeller(run, images)
    for _ in range(12):
        labeller.press("c")
    assert labeller.position is None
    labeller.press("c")
    assert len(answers(run)) == 12
    assert "Done: 12 labels" in labeller._progress.value


def test_it_resumes(run, images):
    """A new widget on the same store shows the picture that the old one showed."""
    labeller = tl.Labeller(run, images)
    labeller.press("c")
    again = tl.Labeller(run, images)
    assert again.position == labeller.position


def shown(labeller):
    """The picture in the widget, which says in words what it is."""
    (content,) = re.findall(
        r'^<img alt="Picture \d+, which waits for a label" src="data:image/png;base64,(.+)">$',
        labeller._picture.value,
    )
    return Image.open(io.BytesIO(base64.b64decode(content)))


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_the_picture_is_the_one_asked_for(run, images, kind):
    """The PNG shows the pool's picture, enlarged in its own proportions."""
    pool = images if kind == "float32" else (images * 255).round().astype("uint8")
    flat = np.broadcast_to(pool[:, :1, :1], pool.shape)  # one colour each: survives enlarging
    labeller = tl.Labeller(run, flat)
    picture = shown(labeller)
    assert picture.size == (112, 224)
    assert labeller.layout.align_items == "flex-start"  # not stretched over the page
    expected = np.round(images[labeller.position, 0, 0] * 255)
    assert np.abs(np.array(picture)[50, 50] - expected).max() <= 1


def test_keys_of_digits_and_of_many_classes():
    """Digits are their own keys; equal beginnings get other letters; there is an end."""
    assert labeller.keys_of("0123456789") == {c: c for c in "0123456789"}
    flowers = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert "".join(labeller.keys_of(flowers)) == "darst"
    assert len(labeller.keys_of([f"{i:02d}" for i in range(36)])) == 36
    with pytest.raises(ValueError, match=r"more classes \(37\) than keys"):
        labeller.keys_of([f"{i:02d}" for i in range(37)])


def test_images_of_another_pool(run, images):
    """As many pictures as the run has examples are expected."""
    with pytest.raises(ValueError, match="5 images, 12 examples"):
        tl.Labeller(run, images[:5])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: images * 255, r"range from .* to 25\d.*Divide by 255, or give uint8"),
        (lambda images: images - 1, "values in \\[0, 1\\] are expected"),
        (lambda images: np.full_like(images, np.nan), "range from nan"),
        (lambda images: images[..., :2], r"shape \[12, 16, 8, 2\]; \[n, height, width, 3\]"),
        (lambda images: images.reshape(12, -1), "shape \\[12, 384\\]"),
        (lambda images: (images * 9).astype("int64"), "type int64; float in .* or uint8"),
    ],
)
def test_images_of_another_form(run, images, change, message):
    """Pictures that would be shown wrongly, or not at all, are refused."""
    with pytest.raises(ValueError, match=message):
        tl.Labeller(run, change(images))


def test_grey_images(run, images):
    """Grey pictures with and without a last axis are shown."""
    for grey in (images[..., 0], images[..., :1]):
        picture = shown(tl.Labeller(run, grey))
        assert picture.mode == "L"


def test_without_ipywidgets():
    """The rest of the package works without ipywidgets; the widget says what to install."""
    code = (
        "import sys; sys.modules['ipywidgets'] = None; import tlhelpers as tl; tl.LabelStore\n"
        "try: tl.Labeller\nexcept ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs ipywidgets: python -m pip install 'ipywidgets>=7.7'" in done.stdout
