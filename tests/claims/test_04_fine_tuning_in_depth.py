"""What the prose of notebook 04 claims, held against what its last run stored and the table."""

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
    some = runs[runs.part.isin(["ways", "mixes"]) & (runs.draw < 3)]
    return some.groupby(["labels_per_class", "way"]).mean(numeric_only=True)


@pytest.fixture(scope="module", params=["validation", "test"])
def points(request, means):
    """Points ahead of the probe on each kind of digits."""
    table = means[[f"{request.param}_{kind}" for kind in KINDS]]
    table = 100 * (table - table.xs("probe", level="way"))
    return table.rename(columns=lambda name: name.removeprefix(f"{request.param}_"))


def test_rates_are_chosen_alike(runs):
    """Three rates or more for each way; the best is not the last; it alone is looked at."""
    tried = runs[runs.part == "choice"].groupby(["labels_per_class", "way", "rate"])
    tried = tried.validation_clean.agg(["mean", "size"]).reset_index("rate")
    ran = runs[runs.part == "ways"].groupby(["labels_per_class", "way"]).rate.unique()
    assert set(ran.index) == set(tried.index)
    for key, (*rates,) in ran.items():
        some = tried.loc[key]
        close = some[some["size"] == 3]
        assert rates == [close.rate[close["mean"] == close["mean"].max()].iloc[0]]
        assert len(some) >= 3
        assert some.rate.min() < rates[0] < some.rate.max() or rates[0] in (1e-4, 1e-2)


def test_three_draws_of_every_way_and_eight_of_some(runs):
    """No way has fewer draws than the text says."""
    some = runs[runs.part.isin(["ways", "mixes"])]
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


def test_depth(means):
    """Clean digits gain five points, noisy ones 25, most of them with the second block."""
    depth = means.loc[50].loc[["probe", *[f"last {n}" for n in range(1, 8)]]]
    gained = 100 * (depth - depth.iloc[0])
    assert 0.4 < gained.validation_clean["last 1"] / gained.validation_clean.max() < 0.6
    assert gained.validation_clean.idxmax() == "last 5"
    assert gained.validation_clean["last 3"] > gained.validation_clean.max() - 1
    assert 4.5 < gained.validation_clean.max() < 5.5
    assert gained.validation_noisy["last 6"] > 25
    assert gained.validation_noisy["last 2"] - gained.validation_noisy["last 1"] > 12.5
    assert gained.validation_noisy["last 6"] - gained.validation_noisy["last 7"] > 4
    few = means.loc[5].loc[["probe", *[f"last {n}" for n in range(1, 8)]]].validation_clean
    assert (few - few["probe"]).abs().max() < 0.02


def test_at_once_needs_labels(points):
    """Ten points behind the probe at five labels, level with LP-FT on clean digits at fifty."""
    assert (points.loc[5, "random head"][["clean", "blurred", "faint", "turned"]] < -9).all()
    assert abs(points.loc[50, "random head"].clean - points.loc[50, "last 7"].clean) < 1.5
    assert points.loc[50, "random head"].noisy > points.loc[50, "last 7"].noisy + 2
    assert points.loc[50, "random head"].turned < points.loc[50, "last 7"].turned - 2


def test_head_first_is_never_behind_the_probe(points):
    """By more than a fraction of a point, on any kind of digits."""
    assert points.xs("last 7", level="way").min(axis=None) > -1


def test_rates_for_each_layer(points):
    """Early layers faster are ahead on noise and faint ink, late ones on clean digits."""
    ahead = points.loc[50, "early layers faster"] - points.loc[50, "late layers faster"]
    assert ahead.noisy > 3
    assert ahead.faint > 2
    assert ahead.clean < 0


def test_simple_ways_are_as_good(points):
    """Gradual unfreezing is no better than LP-FT; the first block alone gains a small part."""
    assert points.loc[50, "gradual"].clean < points.loc[50, "last 7"].clean + 0.5
    assert points.loc[50, "gradual"].noisy < points.loc[50, "last 7"].noisy - 5
    soup = points.loc[50, "soup of three"] - points.loc[50, "last 7"]
    assert soup.abs().max() < 2
    assert points.loc[50, "first block"].noisy < 0.6 * points.loc[50, "last 7"].noisy


def test_pulled_back(points, means):
    """As good as LP-FT on every kind of digits, and more letters kept."""
    assert (points.loc[50, "pulled back"] > points.loc[50, "last 7"] - 1).all()
    assert means.letters[50, "pulled back"] > means.letters[50, "last 7"]
    assert means.letters[50, "mix 0.5"] > means.letters[50, "last 7"]


def test_mixes(means):
    """A quarter of the way has half of the gain on noise, three quarters nearly all of all."""
    names = ["probe", "mix 0.25", "mix 0.5", "mix 0.75", "last 7"]
    lines = means.loc[50].loc[names, [f"validation_{kind}" for kind in KINDS]]
    gained = 100 * (lines - lines.iloc[0])
    assert gained.validation_noisy["mix 0.25"] > 0.5 * gained.validation_noisy["last 7"]
    assert (gained.loc["mix 0.75"] > gained.loc["last 7"] - 1.5).all()
    assert (gained.loc[["mix 0.25", "mix 0.5"]] > gained.loc[["probe", "last 7"]].min() - 0.1).all(
        axis=None
    )


def test_head_first_against_at_once(found):
    """Far ahead at five labels on all kinds; at fifty ahead on turned, behind on noisy digits."""
    ahead, half = (
        found.ahead.set_index("labels_per_class"),
        found.half.set_index("labels_per_class"),
    )
    assert ahead.loc[5].drop("test_noisy").min() >= 14
    assert ahead.test_noisy[5] >= 9
    assert (ahead - half).loc[5].min() > 0
    assert ahead.test_turned[50] - half.test_turned[50] > 3
    assert ahead.test_faint[50] - half.test_faint[50] > 0
    assert ahead.test_noisy[50] + half.test_noisy[50] < 0
    for kind in ("clean", "blurred"):
        assert abs(ahead.loc[50, f"test_{kind}"]) < half.loc[50, f"test_{kind}"] + 0.1


def test_live_rows_lie_where_the_stored_ones_do(found, runs):
    """Within three points of the stored draws, on clean digits."""
    some = runs[runs.part.isin(["ways", "mixes"]) & runs.labels_per_class.eq(50)]
    for name, way in (("probe", "probe"), ("LP-FT", "last 7"), ("at once", "random head")):
        known = some[some.way == way].validation_clean
        assert known.min() - 0.03 < found.live.loc["clean", name] < known.max() + 0.03


def test_forgetting(runs):
    """At one rate: at once loses ten points, LP-FT half of that, pulled back next to none."""
    some = runs[runs.part.eq("same rate")].groupby(["labels_per_class", "way"])
    same = some[["letters", "letters_by_its_head", "validation_clean"]].mean()
    probe = runs[runs.way == "probe"].letters.mean()
    lost = 100 * (probe - same.letters[50])
    assert lost["random head"] > 9
    assert 0.35 < lost["last 7"] / lost["random head"] < 0.65
    assert lost["pulled back"] < 2
    assert abs(lost["letters mixed in"] - lost["last 7"]) < 2
    assert (same.letters_by_its_head.dropna() > probe).all()
    noisy = some.test_noisy.mean()[50]
    assert noisy["last 7"] > noisy["random head"] - 0.01
    assert same.validation_clean[50, "pulled back"] > same.validation_clean[50, "last 7"] - 0.005


def test_few_weights(means):
    """More weights gain more at fifty labels, and all keep the letters; at five none gains much."""
    few = ["biases only", "BatchNorm only", "adapters", "last 1", "last 7"]
    gained = {
        k: 100 * (means.loc[k] - means.loc[k, "probe"]).validation_clean[few] for k in (5, 50)
    }
    assert gained[5].abs().max() < 2
    assert gained[50][["biases only", "BatchNorm only"]].max() < 0.5
    assert 0.4 < gained[50]["adapters"] / gained[50]["last 7"] < 0.6
    assert gained[50].idxmax() == "last 7"
    noisy = 100 * (means.loc[50] - means.loc[50, "probe"]).validation_noisy[few]
    assert noisy["adapters"] > noisy["last 7"] - 3
    assert noisy["last 1"] < noisy["adapters"] / 2
    assert 0.35 < noisy["BatchNorm only"] / noisy["last 7"] < 0.5
    letters = means.loc[50].letters[few]
    assert letters.idxmin() == "last 7"
    assert letters.drop("last 7").min() > means.letters[50, "probe"] - 0.005
    assert means.trained[50, "adapters"] / means.trained[50, "last 7"] < 0.025


def test_live_networks(found):
    """Close on clean digits; on noisy ones at once is ahead, on turned ones LP-FT."""
    live = found.live
    assert abs(live.loc["clean", "LP-FT"] - live.loc["clean", "at once"]) < 0.03
    assert live.loc["noisy", "at once"] > live.loc["noisy", "LP-FT"]
    assert live.loc["turned", "at once"] < live.loc["turned", "LP-FT"]
    assert live.loc["noisy", "probe"] < live.loc["clean", "probe"] - 0.2


def test_calibration(found):
    """On turned digits fine-tuned networks are far too sure, at once most of all."""
    sure = found.sure
    assert sure.loc["probe", "clean"] < -3
    assert sure.loc["LP-FT", "clean"] < 5
    assert sure.loc["at once", "turned"] == sure.max(axis=None)
    assert sure.loc["LP-FT", "turned"] > 8
    assert sure.loc["half and half", "turned"] < sure.loc["LP-FT", "turned"]


def test_photographs(found):
    """Cat, missile and moped keep their names; espresso, palace and dahlia lose theirs."""
    before, after = (
        [name.split(": ")[1].rsplit(" ", 1)[0] for name in found.names[k]]
        for k in ("before", "after")
    )
    kept = [a == b for a, b in zip(before, after, strict=True)]
    assert kept == [True, False, True, True, False, False]
    assert "espresso" in found.names["half"][1]


def test_key_figures(found):
    """The README shows what the section on test says."""
    ahead = found.ahead.set_index("labels_per_class")
    assert found.key.test_points_head_first_5_labels == pytest.approx(ahead.test_clean[5])
    assert found.key.test_points_head_first_turned_50_labels == pytest.approx(ahead.test_turned[50])
