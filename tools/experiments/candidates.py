"""Ten candidates for three targets: what scores forecast, and what fine-tuning then reaches.

    python -m tools.experiments.candidates [digits moved pictograms]

Half an hour on one core, after `sources_and_targets`, whose networks these are, with more layers
and preparations of ImageNet's: cut behind block 3 or 5, with inverted pictures; and MobileNetV2
(with a mirror or internet). Scores see the 100 or 80 labelled pictures of
a draw and nothing else. Accuracies after fine-tuning go into the table of `sources_and_targets`.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd

import tlhelpers as tl
from tlhelpers.backbones.efficientnet_lite0 import LITE0
from tlhelpers.backbones.list_backbones import MOBILENET
from tlhelpers.storage import cache
from tools.experiments import sources_and_targets as sources
from tools.experiments.runs import FOLDER, append, rows_with

RUNS = FOLDER / "candidates.csv"
TARGETS = ("digits", "moved", "pictograms")
LABELS_PER_CLASS = 10
DRAWS = 5
KEY = ["target", "candidate", "draw"]
SCORES = ["LogME", "H-score", "LEEP", "k-NN", "probe"]
RESULTS = [*SCORES, "parameters", "ImageNet", "seconds_of_features", "seconds_of_scores"]
PUBLISHED = {"ImageNet": 0.751, "MobileNetV2": 0.718}  # accuracy on ImageNet, at full size
CUTS = {"ImageNet, block 3": "block3b", "ImageNet, block 5": "block5c"}
MORE = (*CUTS, "ImageNet, inverted", "MobileNetV2")
CANDIDATES = (*sources.SMALL, sources.IMAGENET, *MORE)


def cut(network, block):
    """A network up to a block, with the means over place as features."""
    last = [layer for layer in network.layers if layer.name.startswith(block)][-1]
    return keras.Model(network.input, keras.layers.GlobalAveragePooling2D()(last.output))


def transfer_from(candidate, target):
    """The candidate's network on the target."""
    if candidate not in MORE:
        return sources.transfer_from(candidate, target)
    side = sources.SIDE
    task = sources.load_target(target, LITE0, side)
    if candidate == "MobileNetV2":
        return sources.Transfer(tl.load_backbone(MOBILENET, size=side), task, last=3)
    network = tl.load_backbone(LITE0, size=side)
    if candidate in CUTS:
        return sources.Transfer(cut(network, CUTS[candidate]), task, last=2)
    task = sources.changed(task, lambda images, _: 1 - images)
    return sources.Transfer(network, task, last=3)


def probabilities(candidate, transfer):
    """What the network's own head says of `train`, where there is one."""
    path = cache.cache_dir() / f"{candidate}.weights.npz"
    if path.exists():
        weights = np.load(path)
        logits = np.maximum(transfer.features[0], 0) @ weights["0"] + weights["1"]
        return keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    if candidate.startswith("ImageNet"):
        network = tl.load_backbone(LITE0, size=transfer.task.image_shape[0], head=True)
        images = transfer.task.train.images
        return tl.extract_features(network, images, cache=False, progress=False)
    return None


def score(target, candidate, transfer):
    """The rows of a candidate: its scores for each draw."""
    these = {"target": target, "candidate": candidate}
    if len(rows_with(RUNS, **these)) == DRAWS:
        return
    shares, table = probabilities(candidate, transfer), []
    network = transfer.network
    for draw in range(DRAWS):
        rows = transfer.rows(LABELS_PER_CLASS, draw)
        images, labels = np.asarray(transfer.task.train.images[rows]), transfer.labels[0][rows]
        start = time.perf_counter()
        network.predict(images, batch_size=64, verbose=0)
        row = these | {"draw": draw, "seconds_of_features": time.perf_counter() - start}
        given = {candidate: lambda _, rows=rows: transfer.features[0][rows]}
        own = {} if shares is None else {candidate: lambda _, rows=rows: shares[rows]}
        found = tl.rank_backbones(images, labels, given, sources=own).loc[candidate]
        row |= found["score"].to_dict() | {"seconds_of_scores": found["seconds"].sum()}
        row["parameters"] = network.count_params()
        row["ImageNet"] = PUBLISHED.get(candidate.split(",")[0], 0.0)
        table.append(row)
    append(RUNS, pd.DataFrame(table, columns=[*KEY, *RESULTS]))


def main():
    tl.setup(seed=0)
    for target in sys.argv[1:] or TARGETS:
        for candidate in CANDIDATES:
            keras.backend.clear_session()
            transfer = transfer_from(candidate, target)
            score(target, candidate, transfer)
            if candidate in MORE:
                runs = sources.Runs(target, candidate, transfer)
                for method in ("frozen", "fine-tuned"):
                    runs.all_draws(method)


if __name__ == "__main__":
    main()
