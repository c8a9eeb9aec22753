"""What is learnt of digits from synthetic voices: from scratch, and with frozen features?

    python -m tools.experiments.spoken_digits

Half an hour on one core. From scratch, the layers are those of Google's speech embedding, with
random weights; they and a head are trained together on digits of 1, 8 or all 24 synthetic voices.
Each clip is heard a little earlier or later, louder or softer, with noise and through another
microphone (an offset for each band of the log-mel) every time. The rate is chosen on `validation`
with 8 voices. Beside it: a logistic regression on the frozen features of the pretrained network, of
the same voices, its strength chosen on `validation` with one voice.
Rows are written as they come; a run that stands there is not repeated.
"""

import sys
import time

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tlhelpers as tl
from tools.experiments.runs import FOLDER, HalfCosine, append, rows_with

RUNS = FOLDER / "spoken_digits.csv"
RATES = (3e-4, 1e-3)
VOICES = {8: 2, 24: 1, 1: 1}  # how many voices, and in how many draws
STEPS = {1: 400, 8: 400, 24: 1200}  # by voices
BATCH = 32
STRENGTHS = (0.01, 0.1, 1.0)  # of the logistic regression
KEY = ["method", "part", "voices", "draw"]


def voices_of(task, split):
    """The voice of each clip."""
    return task.details.loc[split.index, "voice"].to_numpy()


def some_voices(task, count, draw):
    """The clips of a draw of voices in train."""
    own = voices_of(task, task.train)
    voices = np.random.default_rng(draw).permutation(np.unique(own))[:count]
    return task.train.take(np.flatnonzero(np.isin(own, voices)))


def heard_anew(clips, rng):
    """Log-mels of clips as another microphone might hear them at another time."""
    moved = np.stack([np.roll(clip, rng.integers(-2400, 2400)) for clip in clips])
    louder = moved * rng.uniform(0.3, 1.6, (len(clips), 1))
    noise = rng.normal(size=clips.shape) * 10 ** rng.uniform(-4, -1.7, (len(clips), 1))
    frames = tl.log_mel(np.clip(louder + noise, -1, 1).astype(np.float32))
    return (frames + rng.normal(0, 0.3, (len(clips), 1, 32)))[..., None]


def trained(clips, labels, rate, seed, steps):
    """The network with a head, both trained from random weights, and the loss of the last tenth."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    body = tl.load_speech_embedding(pretrained=False)
    sounds = keras.Input((117, 32, 1))
    x = layers.Dropout(0.3)(layers.Flatten()(body(sounds)))
    model = keras.Model(sounds, layers.Dense(10)(x))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    falling, rng = HalfCosine(rate, steps), np.random.default_rng(seed)
    losses = []
    for step in range(steps):
        falling.set_model(model)
        falling.on_train_batch_begin(step)
        rows = rng.permutation(np.resize(rng.permutation(len(clips)), max(BATCH, len(clips))))
        rows = rows[:BATCH]
        losses.append(float(model.train_on_batch(heard_anew(clips[rows], rng), labels[rows])))
    return model, float(np.mean(losses[-steps // 10 :]))


def row(task, began, right, **settings):
    """Accuracy on new synthetic voices, on a real speaker, and on the speaker of the test."""
    real = task.details.loc[task.validation.index, "kind"].to_numpy() == "recorded"
    validation = right(task.validation)
    found = {
        **settings,
        **{"synthetic": validation[~real].mean(), "recorded": validation[real].mean()},
        "test": np.nan if settings["part"] == "choice" else right(task.test).mean(),
        **{"seconds": round(time.perf_counter() - began), "keras": keras.__version__},
    }
    return pd.DataFrame([found])


def from_scratch(task, part, voices, draw, rate):
    """A row of the network that was trained from random weights."""
    began, some = time.perf_counter(), some_voices(task, voices, draw)
    steps = STEPS[voices]
    model, loss = trained(some.clips, some.labels, rate, draw, steps)

    def right(split):
        frames = tl.log_mel(split.clips)[..., None]
        return model.predict(frames, verbose=0).argmax(axis=1) == split.labels

    settings = {"method": "from scratch", "part": part, "voices": voices, "draw": draw}
    return row(task, began, right, **settings, setting=rate, steps=steps, loss=loss)


def frozen(task, part, voices, draw, strength):
    """A row of a logistic regression on the frozen features."""
    began, some = time.perf_counter(), some_voices(task, voices, draw)
    network = tl.load_speech_embedding()

    def embed(split):
        vectors = network.predict(tl.log_mel(split.clips)[..., None], verbose=0)
        return vectors.reshape(len(split), -1)

    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=1000))
    model.fit(embed(some), some.labels)

    def right(split):
        return model.predict(embed(split)) == split.labels

    settings = {"method": "speech features", "part": part, "voices": voices, "draw": draw}
    return row(task, began, right, **settings, setting=strength, steps=0, loss=np.nan)


def main():
    task = tl.load_task("spoken_digits")
    plans = {"from scratch": (from_scratch, RATES, 8), "speech features": (frozen, STRENGTHS, 1)}
    for method, (make, choices, voices_of_choice) in plans.items():
        for setting in choices:
            if rows_with(RUNS, method=method, part="choice", setting=setting).empty:
                append(RUNS, make(task, "choice", voices_of_choice, 0, setting))
        choice = rows_with(RUNS, method=method, part="choice")
        setting = choice.setting[(choice.synthetic + choice.recorded).idxmax()]
        for voices, draws in VOICES.items():
            for draw in range(draws):
                key = {"method": method, "part": "runs", "voices": voices, "draw": draw}
                if rows_with(RUNS, **key).empty:
                    append(RUNS, make(task, "runs", voices, draw, setting))
                    print(pd.read_csv(RUNS).tail(1).to_string(header=False), flush=True)


if __name__ == "__main__":
    sys.exit(main())
