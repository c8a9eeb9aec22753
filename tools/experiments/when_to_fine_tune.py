"""GlyphNet on digits, moved and as they are: probe and fine-tuning round by round, and the rule.

    python -m tools.experiments.when_to_fine_tune [moved digits]

Two hours and a half on one core; processes may share the tasks. Labels come by chance, nested
within a draw. At each number of labels three methods learn from the same ones: the probe,
fine-tuning from the probe, and the gentle recipe (the last block at a small rate), all of them from
eight looks at each picture. Settings are chosen on `validation`: the strength of the probe at each
number of labels, on all draws; depth and rate of fine-tuning on two, at a hundred labels for up to
a hundred and at five hundred for more. Then probe and fine-tuning answer, by three-fold
cross-validation, each labelled picture once: `won` counts those where only fine-tuning is right,
`lost` those where only the probe is. In each training the rate falls to 0, in 200 steps up to 80
labels and in 400 beyond. Rows are written as they come; a run that stands there is not repeated.
"""

import sys
import time

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

import tlhelpers as tl
from tools.experiments.fine_tuning_digits import LOOKS, Laboratory, name_of
from tools.experiments.runs import FOLDER, append, rows_with

RUNS = FOLDER / "when_to_fine_tune.csv"
LABELS = {
    "moved": (20, 40, 60, *range(80, 161, 10), 240, 300, 600),  # the crossing in rounds of ten
    "digits": (20, 40, 80, 160, 300, 600),
}
DRAWS, CHOOSE_ON, FOLDS = 8, 2, 3
FEW, MANY = 100, 500  # labels at which depth and rate are chosen
GENTLE = {"last": 1, "rate": 1e-4}
SETTINGS = {
    "probe": [{"C": C} for C in (0.01, 0.1, 1.0)],
    "fine-tuned": [{"last": n, "rate": r} for n in (2, 4) for r in (3e-4, 1e-3)],
}
KEY = ["task", "part", "labels", "draw", "method", "setting"]
RESULTS = [
    *["validation", "test", "on_own_labels", "cross_validated", "won", "lost"],
    *["seconds", "seconds_of_folds"],
]


class Rounds(Laboratory):
    """The runs on one target."""

    def order(self, draw):
        """Places in `train`, in the order in which they are labelled."""
        return np.random.default_rng(draw).permutation(len(self.labels[0]))

    def learn(self, method, rows, seed, setting):
        """A function that answers pictures: of `train` (their places), validation or test."""
        if method == "probe":
            features, scale = self.features, self.features[0].std()
            found = LogisticRegression(C=setting["C"], max_iter=2000)
            found.fit(features[0][:, rows].reshape(-1, 128) / scale, np.tile(self.y[rows], LOOKS))

            def answer(split, at=slice(None)):
                x = features[0][0, at] if split == 0 else features[split]
                return found.predict(x / scale)
        else:
            steps = 200 if len(rows) <= 80 else 400
            options = {"augmented": True, "steps": steps, "every": steps}
            self.train(rows, seed, **setting, **options)
            _, _, tail, inputs, _ = self.model(setting["last"], False, 0.0)

            def answer(split, at=slice(None)):
                x = inputs[0][0, at] if split == 0 else inputs[split]
                return tail.predict(x, batch_size=300, verbose=0).argmax(axis=1)

        return answer

    @property
    def y(self):
        """Labels of `train`."""
        return self.labels[0]

    def best(self, method, labels):
        """The setting that is best on validation in the mean of some draws."""
        at, settings, draws = labels, SETTINGS[method], DRAWS
        if method == "fine-tuned":
            at, draws = FEW if labels <= FEW else MANY, CHOOSE_ON
            settings = [each | self.best("probe", at) for each in settings]
        for draw in range(draws):
            for setting in settings:
                self.run("choice", at, draw, method, setting)
        tried = rows_with(RUNS, task=self.name, part="choice", labels=at, method=method)
        name = tried.groupby("setting", sort=False).validation.mean().idxmax()
        return next(each for each in settings if name_of(each) == name)

    def run(self, part, labels, draw, method, setting, *, folds=False):
        """One run, unless its row is there."""
        values = (self.name, part, labels, draw, method, name_of(setting))
        key = dict(zip(KEY, values, strict=True))
        if not rows_with(RUNS, **key).empty:
            return
        start, rows = time.perf_counter(), self.order(draw)[:labels]
        answer = self.learn(method, rows, draw, setting)
        row = key | {"validation": np.mean(answer(1) == self.labels[1])}
        if part != "choice":
            row["test"] = np.mean(answer(2) == self.labels[2])
            row["on_own_labels"] = np.mean(answer(0, rows) == self.y[rows])
        row["seconds"] = round(time.perf_counter() - start, 1)
        if folds:
            start = time.perf_counter()
            row |= self.cross_validate(rows, draw, setting)
            row["seconds_of_folds"] = round(time.perf_counter() - start, 1)
        append(RUNS, pd.DataFrame([row], columns=[*KEY, *RESULTS]))
        print(row, flush=True)

    def cross_validate(self, rows, draw, setting):
        """Each labelled picture answered once, by fine-tuning and by the probe."""
        answers = {"fine-tuned": np.zeros(len(rows), int), "probe": np.zeros(len(rows), int)}
        for learnt, held in KFold(FOLDS, shuffle=True, random_state=draw).split(rows):
            for method, of in answers.items():
                of[held] = self.learn(method, rows[learnt], draw, setting)(0, rows[held])
        tuned, labels = answers["fine-tuned"], self.y[rows]
        compared = tl.compare_answers(answers["probe"], tuned, labels)
        right = np.mean(tuned == labels)
        return {"cross_validated": right, "won": compared.won, "lost": compared.lost}


def main():
    tl.setup(seed=0)
    for name in sys.argv[1:] or LABELS:
        rounds = Rounds(name)
        for draw in range(DRAWS):
            for labels in LABELS[name]:
                probe = rounds.best("probe", labels)
                rounds.run("rounds", labels, draw, "probe", probe)
                rounds.run("rounds", labels, draw, "gentle recipe", GENTLE | probe)
                tuned = rounds.best("fine-tuned", labels) | probe
                folds = labels < max(LABELS[name])
                rounds.run("rounds", labels, draw, "fine-tuned", tuned, folds=folds)


if __name__ == "__main__":
    main()
