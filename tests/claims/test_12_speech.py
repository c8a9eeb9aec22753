"""What notebook 12 says of its figures, held against the figures that it stored."""

import pytest
from stored import stored

import tlhelpers as tl

FOUND = stored("12")
BY = FOUND.runs.groupby(["method", "labels"])
STORED = tl.read_experiment("spoken_digits").query("part == 'runs'")
PICTURES = ("raw log-mel", "raw log-mel, centred")


def test_one_synthetic_voice_is_enough_for_the_features_alone():
    """At least nine in ten of her digits; everything else one to three in ten, and it stays."""
    real = BY["real"].mean()
    assert FOUND.runs.draw.nunique() == 6
    assert all(real["speech features", voices] >= 0.88 for voices in (1, 2, 4, 8))
    for method in (*PICTURES, "random weights"):
        assert all(0.05 < real[method, voices] < 0.31 for voices in (1, 2, 4, 8))
        assert real[method, 8] - real[method, 1] < 0.1


def test_synthetic_validation_deceives():
    """With eight voices the centred picture gets nearly nine in ten new synthetic clips."""
    synthetic = BY["synthetic"].mean()
    assert 0.82 < synthetic["raw log-mel, centred", 8] < 0.93
    assert synthetic["random weights", 8] > synthetic["raw log-mel, centred", 8]
    assert synthetic["speech features", 8] > synthetic["random weights", 8]


def test_from_scratch():
    """Synthetic voices nearly as well; two to five of ten real digits, six with all voices."""
    own = STORED[STORED.method == "from scratch"].set_index(["voices", "draw"])
    features = STORED[STORED.method == "speech features"].set_index(["voices", "draw"])
    many = [key for key in own.index if key[0] > 1]
    assert (features.loc[many, "synthetic"] - own.loc[many, "synthetic"] < 0.08).all()
    assert own.loc[8, "recorded"].between(0.2, 0.5).all()
    assert own.loc[(1, 0), "recorded"] == pytest.approx(0.2)
    assert features.loc[(1, 0), "recorded"] == pytest.approx(0.9)
    assert own.loc[(24, 0), "recorded"] == pytest.approx(0.6)
    assert own.loc[(24, 0), "steps"] == 3 * own.loc[(8, 0), "steps"]
    assert (features.loc[many, "recorded"] == 1).all()
    assert own.loc[(24, 0), "loss"] < 0.01  # trained to the end


def test_the_stored_runs_of_the_features_are_those_of_the_page():
    """The table repeats what the page measures, draw by draw."""
    ours = STORED[STORED.method == "speech features"].set_index(["voices", "draw"])
    page = FOUND.runs[FOUND.runs.method == "speech features"].set_index(["labels", "draw"])
    same = [key for key in ours.index if key in page.index]
    assert len(same) >= 2
    for key in same:
        assert ours.loc[key, "recorded"] == pytest.approx(page.loc[key, "real"], abs=0.11)
        assert ours.loc[key, "synthetic"] == pytest.approx(page.loc[key, "synthetic"], abs=0.05)


def test_accents():
    """Most pairs lie at nine in ten or above; learnt from Birmingham, others are worse."""
    pairs = FOUND.accents.to_numpy()[:, :6]
    assert (pairs >= 0.9).mean() > 0.7
    others = [0, 1, 2, 4, 5]  # without Birmingham
    means = [pairs[row, [c for c in range(6) if c != row]].mean() for row in others]
    assert pairs[3, others].mean() < min(means) - 0.05
    assert (FOUND.accents.to_numpy()[:, 6] >= 0.8).all()


def test_noise():
    """One digit in ten at 30 dB, a third at 10, over half at 5, where noisy clips help."""
    table = FOUND.noise.pivot(index="decibels", columns="method", values="accuracy")
    clean, both = table["learnt from clean clips"], table["learnt from clean and noisy clips"]
    assert clean[60] - clean[30] == pytest.approx(0.1, abs=0.05)
    assert 0.58 < clean[10] < 0.72
    assert 0.35 < clean[5] < 0.5
    assert both[5] - clean[5] > 0.03
    assert all(abs(both[level] - clean[level]) < 0.08 for level in (60, 30, 20, 10))


def test_digits_in_a_row():
    """Nearly all on new synthetic voices, nearly half of hers; most errors are the four."""
    assert FOUND.whole["new synthetic voices"] > 0.85
    assert 0.35 < FOUND.whole["a real speaker"] < 0.5
    assert (FOUND.missed == 4).mean() > 0.5
    assert len(FOUND.missed) > 10


def test_final():
    """Three in four real digits by one voice, eight in ten by three; a quarter, a fifth without."""
    mean = FOUND.final.mean()
    assert len(FOUND.final) == 6
    assert 0.7 < mean["features, 1 voice"] < 0.8
    assert 0.75 < mean["features, 3 voices"] < 0.88
    assert 0.18 < mean["log-mel, 3"] < 0.33
    assert 0.15 < mean["random weights, 3"] < 0.26
    row = FOUND.final["features, 3 voices"]
    assert (row > FOUND.final["log-mel, 3"]).all()
    assert 0.65 < FOUND.final.loc["English: spokennumbers", "features, 1 voice"] < 0.85
