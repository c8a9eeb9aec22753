import itertools

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from tlhelpers import PairedAnswers
from tlhelpers.notebook import plots

RNG = np.random.default_rng(0)
LABELS = np.repeat(np.arange(3), 10)
NAMES = ("a", "b", "c")
LONG_NAMES = ("dandelion", "sunflowers", "roses")


def words(ax):
    """The alternative text of the picture."""
    return plots.alternative_text(ax.figure)


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


def layers():
    rows = [("stem", 1, 0.2), ("stem", 1, 0.4), ("block1", 1, 0.5), ("block1", 1, 0.7)]
    rows += [("stem", 10, 0.6), ("block1", 10, 0.9), (None, 10, 0.5)]
    return pd.DataFrame(rows, columns=["block", "labels_per_class", "accuracy"])


ROUNDS = [PairedAnswers(20, 1, 3), PairedAnswers(40, 0, 0), PairedAnswers(80, 9, 1)]


DECIDED = pd.DataFrame({40: ["stay", "go"], 80: ["go", "go"]})


def race():
    """Margin wins both draws with 20 labels, by 10 and 20 points, and one of two with 10."""
    rows = [(10, 0, 0.5, 0.6), (10, 1, 0.5, 0.4), (20, 0, 0.6, 0.7), (20, 1, 0.6, 0.8)]
    table = pd.DataFrame(rows, columns=["labels", "draw", "random", "margin"])
    return table.melt(["labels", "draw"], var_name="method", value_name="accuracy")


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
        lambda ax: plots.predictions(np.zeros((1, 8, 8, 3)), [[("cat", 0.5)]], ax=ax),
        lambda ax: plots.sheet(np.zeros((3, 8, 8)), [0, 1, 2], NAMES, ax=ax),
        lambda ax: plots.filters(np.ones((3, 3, 3, 5)), ax=ax),
        lambda ax: plots.activation_maps({"stem": np.ones((4, 4, 9))}, ax=ax),
        lambda ax: plots.by_layer(layers(), ax=ax),
        lambda ax: plots.asked(RNG.random((9, 2)), [1, 2], [0], ax=ax),
        lambda ax: plots.comparisons(ROUNDS, ax=ax),
        lambda ax: plots.ahead(race(), "random", ax=ax),
        lambda ax: plots.decisions(DECIDED, ("stay", "go"), ax=ax),
    ],
)
def test_takes_and_returns_axes(draw):
    """Every function draws where it is told to, and returns it; without Axes it makes its own."""
    import matplotlib.pyplot as plt

    ax = plt.subplots()[1]
    assert draw(ax) is ax
    assert isinstance(draw(None), Axes)
    assert words(ax).endswith(".")


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
        (lambda: plots.predictions(np.zeros((2, 8, 8, 3)), [[]]), "got 2 images, 1 answers"),
        (
            lambda: plots.predictions(np.zeros((1, 8, 8, 3)), [[("cat", 7.5)]]),
            r"share of 'cat' is 7.5; 0 to 1 is expected. Scores become shares by keras.ops.softmax",
        ),
        (
            lambda: plots.predictions(np.zeros((1, 8, 8, 3)), [["cat"]]),
            r"An answer is 'cat'; a pair \(name, share\) is expected",
        ),
        (lambda: plots.sheet(np.zeros((2, 8, 8)), [0], NAMES), "got 2 images, 1 labels"),
        (lambda: plots.filters(np.zeros((3, 3, 8, 4))), r"shape \[3, 3, 8, 4\].*first convolution"),
        (lambda: plots.activation_maps({}), "Nothing to draw"),
        (
            lambda: plots.activation_maps({"stem": np.zeros((1, 4, 4, 8))}),
            r"'stem' have shape \[1, 4, 4, 8\]",
        ),
        (
            lambda: plots.by_layer(layers().drop(columns="block")),
            r"also needs \['block'\]",
        ),
        (lambda: plots.by_layer(layers()[6:]), "no row of the table has a block"),
        (lambda: plots.labels_curve(layers().assign(method="a")[:0]), "has no rows"),
        (lambda: plots.asked(np.zeros((5, 3)), [0]), r"points have shape \[5, 3\]"),
        (lambda: plots.comparisons([]), "rounds is empty"),
        (lambda: plots.decisions(DECIDED, ("stay",)), "the table also has go; 4 at most"),
        (lambda: plots.ahead(race(), "typical"), "baseline is 'typical'; one of random, margin"),
        (lambda: plots.ahead(race()[:7], "random"), "2 draws; two or more .* with every method"),
        (lambda: plots.ahead(race()[lambda t: t.draw == 0], "random"), "has 1 draws"),
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


def test_methods_keep_their_colour():
    """Whatever a notebook compares, a known method looks the same, and no two lines do."""
    names = ["margin", "raw pixels", "from scratch", "linear probe", "pixels, SVM", "fine-tuned"]
    rows = [(name, k, 0.5) for name in names for k in (1, 2)]
    table = pd.DataFrame(rows, columns=["method", "labels_per_class", "accuracy"])
    lines = {line.get_label(): line for line in plots.labels_curve(table, chance=0.1).lines}
    known = {"linear probe": "transfer", "pixels, SVM": "raw pixels", "chance": "chance"}
    for name in (*names[1:], "chance"):
        assert lines[name].get_color() == plots.METHOD_COLOURS[known.get(name, name)]
    assert lines["margin"].get_color() not in {
        line.get_color() for name, line in lines.items() if name != "margin"
    }
    assert len({(lines[name].get_marker(), lines[name].get_color()) for name in names}) == 6
    assert lines["chance"].get_linestyle() == ":"


def contrast(colour):
    """On white, as WCAG 2 defines it."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 1.05 / (np.dot(linear, (0.2126, 0.7152, 0.0722)) + 0.05)


def test_lines_stand_out_on_white():
    """Each colour of a line, and of a name at its end, has a contrast of 3:1 or more."""
    rows = [(f"m{i}", k, i / 9) for i in range(9) for k in (1, 2)]
    ax = plots.labels_curve(pd.DataFrame(rows, columns=["method", "labels_per_class", "accuracy"]))
    several = pd.concat([layers().assign(method=m) for m in ("learnt", "random weights")])
    by_layer = plots.by_layer(several)
    colours = [line.get_color() for line in (*ax.lines, *by_layer.lines)]
    colours += [*plots.METHOD_COLOURS.values(), *(text.get_color() for text in by_layer.texts)]
    assert min(map(contrast, colours)) >= 3


def test_by_layer_has_a_line_for_each_number_of_labels():
    """Blocks from left to right, means with ranges; raw pixels are dashed lines across."""
    ax = plots.by_layer(layers())
    assert [text.get_text() for text in ax.get_xticklabels()] == ["stem", "block1"]
    np.testing.assert_allclose(drawn(ax, "1 label a class")[1], [0.3, 0.6])
    np.testing.assert_allclose(drawn(ax, "10 labels a class")[1], [0.6, 0.9])
    spans = [path.vertices[:, 1] for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose(spans, [[0.2, 0.4], [0.5, 0.7]])
    (across,) = (line for line in ax.lines if line.get_linestyle() == "--")
    assert set(across.get_ydata()) == {0.5}
    named = ["raw pixels, 10 labels", "1 label a class", "10 labels a class"]
    assert [text.get_text() for text in ax.texts] == named
    assert "1 label a class: 0.30 (0.20 to 0.40) at stem, 0.60" in words(ax)
    assert "raw pixels, 10 labels a class: 0.50." in words(ax)


def test_names_at_the_ends_keep_clear_of_one_another():
    """Lines that end at one height have names one above the other."""
    table = pd.DataFrame(
        [(block, k, 0.5 + k / 1e4) for block in ("a", "b") for k in (1, 2, 5, 10, 50)],
        columns=["block", "labels_per_class", "accuracy"],
    )
    ax = plots.by_layer(table)
    ax.figure.canvas.draw()
    heights = sorted(text.get_window_extent().y0 for text in ax.texts)
    assert np.diff(heights).min() > 9 * ax.figure.dpi / 72


def test_predictions_are_bars_with_names():
    """As long as their share, best first; codes of Keras and underscores are left out."""
    answers = [[("n02123159", "tiger_cat", 0.75), ("n0", "lynx", 0.001)], [("cup", 1.0)]]
    ax = plots.predictions(np.zeros((2, 8, 8, 3)), answers, names=["a cat", "tea"])
    shown = [text.get_text() for text in ax.texts]
    assert shown == ["a cat", "tiger cat", "75%", "lynx", "under 1%", "tea", "cup", "100%"]
    track, bar = ax.patches[:2]
    assert bar.get_width() == pytest.approx(0.75 * track.get_width())
    assert (len(ax.images), len(ax.patches)) == (2, 6)
    assert "a cat: tiger cat 75%, lynx under 1%; tea: cup 100%." in words(ax)


def test_long_answers_are_cut():
    """A long name ends before its share begins."""
    answers = [[("hen-of-the-woods, a mushroom", 0.5), ("hen-of-the-woods, a mushroom", 0.001)]]
    ax = plots.predictions(np.zeros((1, 8, 8, 3)), answers)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert ax.texts[0].get_text().endswith("…")


def test_sheet_has_a_row_for_each_class():
    """So many of each as wanted, as far as there are; names to be read downwards."""
    images = np.linspace(0, 1, 6)[:, None, None] * np.ones((6, 8, 8))
    ax = plots.sheet(images, [0, 0, 0, 1, 0, 2], NAMES, per_class=3)
    assert [text.get_text() for text in ax.texts] == list(NAMES)
    (a, b, c) = (text.get_position() for text in ax.texts)
    assert (a[0] == b[0] < c[0], a[1] == c[1] > b[1]) == (True, True)
    values = [float(np.asarray(image.get_array())[0, 0, 0]) for image in ax.images]
    np.testing.assert_allclose(values, [0, 0.2, 0.4, 0.6, 1])


def test_filters_are_scaled_one_by_one():
    """Zero is grey; the largest weight of each filter reaches black or white."""
    weights = np.zeros((3, 3, 3, 2))
    weights[0, 0, :, 0], weights[1, 1, 0, 1] = -5, 0.001
    ax = plots.filters(weights)
    first, second = (np.asarray(image.get_array()) for image in ax.images)
    np.testing.assert_allclose(first[0, 0], 0)
    np.testing.assert_allclose(second[1, 1], [1, 0.5, 0.5])
    np.testing.assert_allclose(first[2, 2], 0.5)
    assert words(ax).startswith("2 filters of 3 x 3 pixels; 1 of them")


def test_activation_maps_shows_the_strongest_channels():
    """A row a block, at most so many channels; each is scaled by its own largest value."""
    maps = {"stem": np.ones((4, 4, 3)) * [1, 3, 2], "block1": np.ones((2, 2, 1)) * -1}
    maps["stem"][0, 0] = [8, 6, 2]
    ax = plots.activation_maps(maps, strongest=2, photo=np.zeros((8, 8, 3)))
    _, strong, next_to_it, negative = (np.asarray(image.get_array()) for image in ax.images)
    assert (strong[0, 0], strong[1, 1]) == (1, 0.5)
    assert next_to_it.min() == 1
    assert negative.max() == 0
    assert "stem (4 × 4, 3 maps); block1 (2 × 2, 1 maps)." in words(ax)


def test_embedding_shows_some_pictures_in_their_places():
    """One for each part of the plane where there are samples, with the sample's own place."""
    from matplotlib.offsetbox import AnnotationBbox

    features = np.array([[0.0, 0], [0, 0.01], [5, 0], [0, 9]])
    images = np.arange(4)[:, None, None] * np.ones((4, 8, 8)) / 4
    ax = plots.embedding(features, [0, 0, 1, 1], LONG_NAMES, "pca", images=images)
    shown = [box for box in ax.artists if isinstance(box, AnnotationBbox)]
    assert len(shown) == 3
    places = np.concatenate([dots.get_offsets() for dots in ax.collections if len(dots._sizes)])
    assert all(np.isclose(places, box.xy).all(1).any() for box in shown)


def test_texts_hold_what_was_computed():
    """The words beside each picture have its figures in them."""
    curves = plots.learning_curves({"transfer": [{"val_accuracy": [0.5, 0.875]}]})
    assert "transfer goes from 0.5 in epoch 1 to 0.875 in epoch 2 (mean of 1)" in words(curves)
    counts = words(plots.confusion_matrix([0, 0, 0, 1], [0, 1, 1, 1], NAMES))
    assert counts.endswith("2 of 4 are right. Most frequent errors: a as b, 2.")
    plane = words(
        plots.embedding(np.eye(3)[LABELS] * 9 + RNG.random((30, 3)), LABELS, NAMES, "pca")
    )
    assert "30 samples of 3 classes; for 100% the nearest is of the same class" in plane
    grid = words(plots.image_grid(np.zeros((2, 8, 8)), ["one\nline", "b"]))
    assert grid == "2 pictures in 1 row. Under them: one line, b."


def test_scores_by_method_say_means_and_ranges():
    """A dot a draw, the mean as a number, and the same in words."""
    ax = plots.by_method({"raw pixels": [0.25, 0.35], "transfer": [0.6, 0.7]}, chance=0.125)
    assert {"0.30", "0.65"} <= {text.get_text() for text in ax.texts}
    words = plots.alternative_text(ax.figure)
    assert "raw pixels 0.30 (0.25 to 0.35)" in words
    assert "chance 0.12" in words


def test_scores_by_method_want_a_score():
    """Nothing to draw is said."""
    with pytest.raises(ValueError, match="at least one score"):
        plots.by_method({"raw pixels": []})


def test_ahead_gives_mean_interval_and_wins():
    """Paired: a mean of 15 points at 20 labels, Student's t of two draws, wins of two."""
    said = words(plots.ahead(race(), "random"))
    assert "margin: +0.0 ± 127.1 at 10 (1 of 2), +15.0 ± 63.5 at 20 (2 of 2)" in said


def test_asked_marks_what_is_new():
    """Pictures stand at the places of what is asked for; earlier ones are points of their class."""
    points, images = RNG.random((9, 2)), RNG.random((9, 8, 8, 3))
    ax = plots.asked(points, [1, 4], [0], images=images, classes=[0, 1, 2] * 3)
    centres = [np.mean(np.reshape(image.get_extent(), (2, 2)), axis=1) for image in ax.images]
    np.testing.assert_allclose(centres, points[[1, 4]])
    assert "9 examples. 1 have a label, 2 of 1 classes are asked for" in words(ax)


def test_comparisons_mark_what_has_passed():
    """Wins upwards, losses downwards; the p-value is that of the comparison."""
    ax = plots.comparisons(ROUNDS, level=0.2)
    assert [bar.get_height() for bar in ax.patches] == [1, 0, 9, -3, 0, -1]
    shown = [text.get_text() for text in ax.texts]
    assert shown == ["p = 0.94", "p = 1.00", "p = 0.01\npassed"]
    assert "80 labels: won 9, lost 1, p 0.01" in words(ax)


def test_decisions_are_counted():
    """A cell for each decision, and in words how many of each there are."""
    ax = plots.decisions(DECIDED, ("stay", "go"))
    assert ax.images[0].get_array().tolist() == [[0, 1], [1, 1]]
    assert "40 labels: stay 1, go 1; 80 labels: go 2" in words(ax)


def test_nearest_pictures_come_first():
    """Each row by falling similarity, with names that are cut where they are long."""
    images = np.linspace(0, 1, 4)[:, None, None, None] * np.ones((4, 8, 8, 3))
    similarities = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.4], [0.2, 0.1]])
    names = ["a", "b", "c", "a name that is too long"]
    ax = plots.nearest(images, ["one", "two"], similarities, names, count=3)
    shown = [float(np.asarray(image.get_array()).max()) for image in ax.images]
    np.testing.assert_allclose(shown, [1 / 3, 2 / 3, 1, 0, 2 / 3, 1 / 3], atol=1e-6)
    assert '"one": b, c, a name that is too long; "two": a, c, b' in words(ax)
    assert "a name that is …" in [text.get_text() for text in ax.texts]
    with pytest.raises(ValueError, match=r"shape \[2, 4\]; finite numbers \[4, 2\]"):
        plots.nearest(images, ["one", "two"], similarities.T)
    with pytest.raises(ValueError, match="Got 3 names; 4 are expected"):
        plots.nearest(images, ["one", "two"], similarities, names[:3])


def test_heat_map_shows_numbers_and_shades():
    """The larger the darker, with readable numbers; rows are numbered where columns are."""
    values = np.array([[1.0, 0.25], [0.25, 1.0]])
    ax = plots.heat_map(values, ["a cat", "a dog"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a cat  1", "a dog  2"]
    assert [(text.get_text(), text.get_color()) for text in ax.texts][:2] == [
        ("1.00", "white"),
        ("0.25", "black"),
    ]
    assert "a cat 1: 1.00, 0.25" in words(ax)
    ax = plots.heat_map(values[:1], ["a cat"], ["an animal", "a tool"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["an animal", "a tool"]
    with pytest.raises(ValueError, match=r"shape \[2, 2\]; finite numbers \[1, 1\]"):
        plots.heat_map(values, ["a cat"], ["an animal"])


def test_log_mels_stand_side_by_side():
    """Low pitch is below, each sound has its title, and the text says where it is loudest."""
    frames = np.zeros((2, 97, 32))
    frames[0, :, 3], frames[1, :, 20] = 1, 1
    ax = plots.log_mels(frames, ["deep", "high"])
    first, second = ax.images
    assert np.asarray(first.get_array())[3].min() == 1
    assert first.origin == "lower"
    assert first.get_extent()[1] < second.get_extent()[0]
    assert [text.get_text() for text in ax.texts] == ["deep", "high"]
    assert "deep: loudest in band 4; high: loudest in band 21" in words(ax)
    with pytest.raises(
        ValueError, match=r"shape \[97, 32\] and there are 2 titles; .*frames\[None\]"
    ):
        plots.log_mels(frames[0], ["deep", "high"])
