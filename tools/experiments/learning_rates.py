"""Moved digits, ten labels a class, five learning rates: what is easy to tune, and what is not.

    python -m tools.experiments.learning_rates

Ten minutes on one core. Three ways on the same pictures: a head on GlyphNet's frozen features and
fine-tuning of all blocks from a probe, 120 steps each, and the same network from random weights,
240 steps. The rate falls to 0. Nothing is chosen here, so no figure on test is needed.
"""

import time

import keras
import numpy as np
import pandas as pd

import tlhelpers as tl
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with
from tools.experiments.sources_and_targets import BATCH, STEPS, transfer_from

RUNS = FOLDER / "learning_rates.csv"
RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
DRAWS, LABELS_PER_CLASS = 3, 10
KEY = ["method", "rate", "draw"]


def head_alone(transfer, rows, rate, seed):
    """Validation accuracy of a head that is trained on frozen features, step by step."""
    keras.utils.set_random_seed(seed)
    features = transfer.features[0]
    classes = len(transfer.task.class_names)
    head = keras.Sequential([keras.Input(features.shape[1:]), keras.layers.Dense(classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    head.compile(keras.optimizers.Adam(rate), loss, jit_compile=False)
    order = np.random.default_rng(seed)
    picks = np.concatenate([order.permutation(rows) for _ in range(STEPS)])[: STEPS * BATCH]
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    falling = HalfCosine(rate, STEPS)
    head.fit(features[picks], transfer.labels[0][picks], callbacks=[falling], **options)
    answers = head.predict(transfer.features[1], batch_size=256, verbose=0)
    return transfer.task.score(answers, transfer.labels[1])


def main():
    tl.setup(seed=0)
    for method in ("frozen", "fine-tuned", "from scratch"):
        scratch = method == "from scratch"
        transfer = transfer_from("none" if scratch else "letters", "moved")
        steps = STEPS * 2 if scratch else STEPS
        for draw in range(DRAWS):
            rows = transfer.rows(LABELS_PER_CLASS, draw)
            for rate in RATES:
                key = {"method": method, "rate": rate, "draw": draw}
                if not rows_with(RUNS, **key).empty:
                    continue
                start = time.perf_counter()
                if method == "frozen":
                    reached = head_alone(transfer, rows, rate, draw)
                else:
                    head = None if scratch else transfer.head(rows, 0.1, "all")
                    reached, *_ = transfer.tuned(rows, rate, draw, head, steps)
                seconds = round(time.perf_counter() - start, 1)
                row = key | {"validation": reached, "seconds": seconds}
                append(RUNS, pd.DataFrame([row]))
        print(method, flush=True)


if __name__ == "__main__":
    main()
