import itertools

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from tlhelpers.notebook import plots

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 10)
NAMES = ("a", "b", "c")
LONG_NAMES = ("dandelion", "sunflowers", "roses")


def drawn(ax, name):
    """x and y of the line with this label."""
    (line,) = (line for line in ax.lines if line.get_label() == name)
    return line.get_xdata(), line.get_ydata()


@pytest.mark.parametrize("shape", [(7, 8, 8), (7, 8, 8, 3)])
def test_image_grid_shows_every_picture_in_its_place(shape):
    """Rows of five; each picture can be read back from the sheet."""
    images = RNG.random(shape)
    ax = plots.image_grid(images, titles=list("abcdefg"), columns=5)
    (sheet,) = (np.asarray(image.get_array()) for image in ax.images)
    wide = images if images.ndim == 4 else np.repeat(images[..., None], 3, -1)
    (places,) = ([t.get_position() for t in ax.texts],)
    for image, (x, y) in zip(wide, places, strict=True):
        left, top = round(x - 4), round(y - 8)
        np.testing.assert_allclose(sheet[top : top + 8, left : left + 8], image, atol=1e-6)
    assert [text.get_text() for text in ax.texts] == list("abcdefg")


def test_image_grid_names_rows():
    """Each name stands to the left of its row, at half its height."""
    ax = plots.image_grid(np.zeros((6, 8, 8)), columns=3, row_names=["before", "after"])
    names = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
    assert list(names) == ["before", "after"]
    assert all(x < 0 for x, _ in names.values())
    assert names["before"][1] == 4
    assert 8 < names["after"][1] - 4 <= 10  # below the first row and the gap


def test_learning_curves_mean_and_band():
    """Mean over seeds; runs stopped early count as long as they lasted."""
    runs = {
        "scratch": [{"val_accuracy": [0.2, 0.4]}, {"val_accuracy": [0.4, 0.6, 0.8]}],
        "transfer": [keras.callbacks.History()],
    }
    runs["transfer"][0].history = {"val_accuracy": [0.9]}
    ax = plots.learning_curves(runs)
    x, y = drawn(ax, "scratch")
    np.testing.assert_allclose(x, [1, 2, 3])
    np.testing.assert_allclose(y, [0.3, 0.5, 0.8])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.2, 0.8)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "validation accuracy")


def test_labels_curve_mean_and_band():
    """One line a method, in the order of the table."""
    table = pd.DataFrame(
        [("probe", k, a) for k, a in ((10, 0.9), (1, 0.7), (1, 0.5), (10, 0.9))]
        + [("pixels", 1, 0.4)],
        columns=["method", "labels_per_class", "accuracy"],
    )
    ax = plots.labels_curve(table)
    x, y = drawn(ax, "probe")
    np.testing.assert_allclose(x, [1, 10])
    np.testing.assert_allclose(y, [0.6, 0.9])
    np.testing.assert_allclose(drawn(ax, "pixels")[1], [0.4])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["probe", "pixels"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "10"]


def test_lines_can_be_told_apart_in_grey():
    """No two of the first seven lines share marker or dash."""
    rows = [(f"m{i}", k, i / 9) for i in range(7) for k in (1, 2)]
    ax = plots.labels_curve(pd.DataFrame(rows, columns=["method", "labels_per_class", "accuracy"]))
    assert len({line.get_marker() for line in ax.lines}) == 7
    assert len({str(line._unscaled_dash_pattern) for line in ax.lines}) == 7


def test_confusion_matrix_counts():
    """Rows are true classes; a class that never occurs keeps its row."""
    ax = plots.confusion_matrix([0, 0, 1], [0, 1, 1], NAMES)
    counts = [text.get_text() for text in ax.texts]
    assert counts == ["1", "1", "0", "0", "1", "0", "0", "0", "0"]
    assert [text.get_text() for text in ax.get_yticklabels()] == list(NAMES)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "true")


def test_most_wrong_shows_the_surest_errors_first():
    """Right answers are left out, however unsure."""
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.51, 0.49]])
    images = RNG.random((4, 8, 8, 3))
    ax = plots.most_wrong(images, [1, 1, 1, 0], probabilities, ("cat", "dog"), n=5)
    assert [t.get_text() for t in ax.texts] == ["dog → cat\n90%", "dog → cat\n60%"]


def test_most_wrong_without_errors_says_so():
    """A perfect classifier is no crash."""
    ax = plots.most_wrong(np.zeros((1, 8, 8, 3)), [0], np.array([[1.0, 0.0]]), ("cat", "dog"))
    assert [text.get_text() for text in ax.texts] == ["no errors"]


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_embedding_keeps_clusters_apart(method):
    """Samples of one class end up nearer each other than to other classes."""
    features = RNG.normal(0, 0.1, (30, 5)) + 10 * np.eye(3, 5)[LABELS]
    ax = plots.embedding(features, LABELS, NAMES, method=method)
    places = np.array([text.get_position() for text in ax.texts])
    names = np.array([text.get_text() for text in ax.texts])
    centres = np.stack([places[names == name].mean(0) for name in NAMES])
    nearest = np.linalg.norm(places[:, None] - centres[None], axis=-1).argmin(1)
    assert (np.array(NAMES)[nearest] == names).all()


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.image_grid(np.zeros((2, 8, 8)), ax=ax),
        lambda ax: plots.learning_curves({"a": [{"val_accuracy": [0.1]}]}, ax=ax),
        lambda ax: plots.labels_curve(
            pd.DataFrame({"method": ["a"], "labels_per_class": [1], "accuracy": [0.5]}), ax=ax
        ),
        lambda ax: plots.most_wrong(np.zeros((1, 8, 8, 3)), [0], np.eye(2)[[1]], NAMES, ax=ax),
        lambda ax: plots.most_wrong(np.zeros((1, 8, 8, 3)), [0], np.eye(2)[[0]], NAMES, ax=ax),
        lambda ax: plots.confusion_matrix([0], [0], NAMES, ax=ax),
        lambda ax: plots.embedding(RNG.normal(size=(30, 4)), LABELS, NAMES, "pca", ax=ax),
    ],
)
def test_takes_and_returns_axes(draw):
    """Every function draws where it is told to, and returns it; without Axes it makes its own."""
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1]
    assert draw(ax) is ax
    assert isinstance(draw(None), Axes)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: plots.image_grid(np.zeros((2, 8, 8)), ["a"]), "got 2 images, 1 titles"),
        (
            lambda: plots.image_grid(np.zeros((6, 8, 8)), columns=3, row_names=["one"]),
            "Got 1 row_names; 6 images, 3 a row, make 2 rows",
        ),
        (lambda: plots.image_grid(np.zeros((0, 8, 8))), "Nothing to draw"),
        (lambda: plots.image_grid(np.zeros((8, 8))), r"shape \[8, 8\]"),
        (lambda: plots.learning_curves({}), "Nothing to draw"),
        (lambda: plots.learning_curves({"a": []}), "'a' has no history"),
        (
            lambda: plots.learning_curves({"a": [{"loss": [1]}]}),
            "'a' has no metric 'val_accuracy'. It has: loss",
        ),
        (
            lambda: plots.labels_curve(pd.DataFrame({"method": ["a"], "accuracy": [1]})),
            r"it also needs \['labels_per_class'\]",
        ),
        (lambda: plots.confusion_matrix([0, 1], [0], NAMES), "got 2 labels, 1 predictions"),
        (
            lambda: plots.most_wrong(np.zeros((2, 8, 8, 3)), [0], np.ones((2, 2)), NAMES),
            "got 2 images, 1 labels, 2 probabilities",
        ),
        (lambda: plots.embedding(np.zeros((3, 2)), [0, 1], NAMES), "got 3 features, 2 labels"),
        (lambda: plots.embedding(np.zeros((3, 2)), [0, 1, 2], NAMES, "umap"), "method is 'umap'"),
    ],
)
def test_bad_input(call, text):
    """Lengths, names and methods that do not fit are named."""
    with pytest.raises(ValueError, match=text):
        call()


def test_long_titles_get_larger_pictures(images):
    """Names of classes do not run into one another."""
    ax = plots.image_grid(images[:10], ["dandelion → sunflowers\n99%"] * 10)
    figure = ax.figure
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert figure.get_figwidth() <= 7.5


def test_long_names_under_a_confusion_matrix():
    """They are slanted, and the lines of text keep clear of one another and inside the picture."""
    ax = plots.confusion_matrix(LABELS, LABELS, LONG_NAMES)
    ax.figure.canvas.draw()
    names = ax.get_xticklabels()
    assert [name.get_text() for name in names] == list(LONG_NAMES)
    between = np.diff([ax.transData.transform(name.get_position())[0] for name in names])
    line = names[0].get_fontsize() * ax.figure.dpi / 72
    assert (between * np.sin(np.deg2rad(names[0].get_rotation())) > line).all()
    for text in (*names, *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label):
        box = text.get_window_extent()
        assert min(box.x0, box.y0) >= 0
    short = plots.confusion_matrix(LABELS, LABELS, NAMES)
    assert {name.get_rotation() for name in short.get_xticklabels()} == {0}


def test_long_names_become_dots_with_a_legend():
    """Each class has a look of its own, also with more classes than colours, and all dots show."""
    labels, names = np.repeat(np.arange(9), 4), [f"class {i}" for i in range(9)]
    ax = plots.embedding(RNG.normal(size=(36, 4)), labels, names, "pca")
    assert not ax.texts
    shown = [dots for dots in ax.collections if dots.get_label() in names]
    assert [dots.get_label() for dots in shown] == names
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    looks = {(str(dots.get_facecolor()), str(dots.get_paths()[0])) for dots in shown}
    assert len(looks) == 9
    places = np.concatenate([dots.get_offsets() for dots in shown])
    assert len(places) == 36
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert (places > (left, low)).all()
    assert (places < (right, high)).all()
