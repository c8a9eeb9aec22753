"""What the prose of notebook 04 claims, held against what its last run stored and the table."""

import numpy as np
import pytest
from stored import stored

import tlhelpers as tl

SHIFTS = ["noisy", "blurred", "faint", "turned"]
KINDS = ["clean", *SHIFTS]


@pytest.fixture(scope="module")
def found():
    return stored("04")


@pytest.fixture(scope="module")
def runs():
    return tl.read_experiment("fine_tuning_in_depth")


@pytest.fixture(scope="module")
def means(runs):
    """Means of three draws, a row for each number of labels and way."""
    some = runs[(runs.part != "choice") & (runs.draw < 3)]
    return some.groupby(["labels_per_class", "way"]).mean(numeric_only=True)


@pytest.fixture(scope="module", params=["validation", "test"])
def points(request, means):
    """Points ahead of the probe on each kind of digits."""
    table = means[[f"{request.param}_{kind}" for kind in KINDS]]
    table = 100 * (table - table.xs("probe", level="way"))
    return table.rename(columns=lambda name: name.removeprefix(f"{request.param}_"))


def test_same_tries_for_every_way(runs):
    """Three rates each; what was looked at from all sides ran with the best of them."""
    tried = runs[runs.part == "choice"]
    assert set(tried.groupby(["labels_per_class", "way"]).rate.nunique()) == {3}
    close = tried[tried.groupby(["labels_per_class", "way", "rate"]).draw.transform("size") == 3]
    best = close.groupby(["labels_per_class", "way", "rate"]).validation_clean.mean()
    best = best.groupby(level=[0, 1]).idxmax().map(lambda key: key[2])
    ran = runs[runs.part == "ways"].groupby(["labels_per_class", "way"]).rate.unique()
    for key, rates in ran.items():
        assert list(rates) == [best[key]]


def test_three_draws_of_every_way_and_eight_of_some(runs):
    """No way has fewer draws than the text says."""
    some = runs[runs.part != "choice"]
    sizes = some.groupby(["labels_per_class", "way"]).draw.nunique()
    assert (sizes >= 3).all()
    for way in ("random head", "tuned", "mix 0.5", "probe"):
        assert (sizes.xs(way, level="way") == 8).all()


def test_mixes_end_at_the_run_that_they_mix(runs):
    """The fine-tuned end of the mixes is the run of all blocks from the probe, to the digit."""
    key = ["labels_per_class", "draw"]
    ends = runs[runs.way == "tuned"].set_index(key)
    same = runs[(runs.part == "ways") & (runs.way == "last 7")].set_index(key)
    for kind in KINDS:
        gap = (ends[f"test_{kind}"] - same[f"test_{kind}"]).dropna()
        assert len(gap) == 6
        assert gap.abs().max() < 0.005
