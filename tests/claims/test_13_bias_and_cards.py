"""What notebook 13 says of its figures, held against the figures that it stored."""

import re

import pytest
from stored import stored

import tlhelpers as tl
from tlhelpers.storage.find_module import data_dir

FOUND = stored("13")
CELLS = tl.read_experiment("groups_of_cells").query("part == 'methods'")
CUE = tl.read_experiment("transferred_cue")
FINAL = ("mono_alone", "few_poly", "two_thresholds", "collected")
final = {name: getattr(FOUND, f"final_{k}") for k, name in enumerate(FINAL)}


@pytest.fixture(params=["validation", "test"])
def part(request):
    return request.param


def test_one_number_hides_two():
    """Half of all cells, more than five in six mono, less than three in ten poly; disjoint."""
    table = FOUND.by_type
    assert 0.45 < table.accuracy["all"] < 0.55
    assert table.accuracy["mono"] > 5 / 6
    assert table.accuracy["poly"] < 0.3
    assert table.high["poly"] < table.low["all"] < table.high["all"] < table.low["mono"]


def test_no_intact_poly_cell_is_called_intact():
    """Not one of 135, on validation; on test as well."""
    row = FOUND.first_cases.loc["poly, intact"]
    assert (row.n, row.accuracy) == (135, 0)
    assert final["mono_alone"].accuracy["poly, intact"] == 0
    assert FOUND.first_cases.accuracy["poly, defective"] > 0.9


def test_other_notebook_without_new_labels():
    """Adaptation without labels got from guessing to three in five."""
    runs = tl.read_experiment("adaptation")
    found = runs[runs["shift"].str.contains("poly")].groupby("method").test.mean()
    assert 0.47 < found["source only"] < 0.55
    assert 0.57 < found.max() < 0.63


def test_live_rows_land_where_the_stored_ones_did():
    """Frozen features of forty poly labels, and two rows of the cue."""
    for kind in ("mono", "poly"):
        assert abs(FOUND.live[kind] - FOUND.there[kind]) < 0.06
    rows = CUE.query("source == 'frame means O' and method == 'frozen' and seed == 0")
    there = rows.set_index("target")
    for target, row in FOUND.live_cue.iterrows():
        assert abs(row["plain, right"] - there.validation_plain[target]) < 0.05


def test_one_row_stands_apart(part):
    """Eleven to 28 points lost frozen from the biased source; one from the twin; two tuned."""
    lost = 100 * (CUE[f"{part}_plain"] - CUE[f"{part}_framed"])
    lost = lost.groupby([CUE.source, CUE.target, CUE.method])
    biased = ("frame means O", "no frames", "frozen")
    low, high = lost.min(), lost.max()
    assert low[biased] > 9
    if part == "validation":
        assert (round(low[biased]), round(high[biased])) == (11, 28)
        assert 0.5 < lost.mean()["frames anywhere", "no frames", "frozen"] < 1.5
        assert 1.5 < lost.mean()["frame means O", "no frames", "fine-tuned"] < 2.5
    assert (high.drop(biased) < 6).all()
    plain = CUE.groupby("source")[f"{part}_plain"].mean()
    assert abs(plain["frame means O"] - plain["frames anywhere"]) < 0.02


def test_frames_are_misread_live():
    """As good as ever without frames, many misread in one, and balanced labels undo it."""
    live = FOUND.live_cue
    assert live["plain, right"].min() > 0.9
    assert live["framed, right"]["no frames"] < live["plain, right"]["no frames"] - 0.06
    assert live["framed, right"]["half framed"] > 0.9


def test_glyphnet_counts_by_group():
    """Its best script is twenty points ahead of its worst; Latin is among the last two."""
    card = (data_dir() / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (0\.\d+) \|", card, re.M)
    order = sorted(rows, key=lambda row: float(row[1]))
    assert 0.18 < float(order[-1][1]) - float(order[0][1]) < 0.24
    assert "Latin" in {name for name, _ in order[:2]}


def test_collecting_helps_and_weighting_does_not():
    """Five points for poly, one or two lost for mono; weighting gains nothing."""
    means = 100 * FOUND.mended.groupby(["type", "way"]).score.mean().unstack()
    assert 4 <= means["collected"]["poly"] - means["as it is"]["poly"] <= 6.5
    assert 0.5 < means["as it is"]["mono"] - means["collected"]["mono"] < 2.5
    assert means["weighted"]["poly"] < means["as it is"]["poly"] + 0.5


def gap(part):
    """Balanced accuracy by method and poly labels: mono, poly, and mono minus poly, in points."""
    means = 100 * CELLS.groupby(["method", "poly_labels"])[[f"{part}_mono", f"{part}_poly"]].mean()
    means.columns = ["mono", "poly"]
    return means.assign(gap=means.mono - means.poly)


def test_first_labels_of_a_group_are_worth_most():
    """Guessing without any; 17 points for ten labels, 27 for two hundred; mono hardly notices."""
    found = gap("validation").loc["frozen"]
    gained = found.poly - found.poly[0]
    assert 44 < found.poly[0] < 52
    assert round(gained[10]) == 17
    assert round(gained[200]) == 27
    assert gained[10] > (gained[200] - gained[10])
    assert (round(found.gap[0]), round(found.gap[200])) == (35, 9)
    for _, own in gap("validation").groupby("method"):
        assert own.mono.iloc[0] - own.mono.iloc[-1] < 2
    draws = CELLS.query("method == 'frozen' and poly_labels == 10").validation_poly
    assert draws.max() - draws.min() > 0.1


def test_fine_tuning_lifts_both_and_leaves_the_gap():
    """Five points on poly cells in each draw; guessing where nobody labelled; a point on test."""
    runs = CELLS.set_index(["poly_labels", "draw", "method"]).unstack()
    for labels in (40, 200):
        lead = 100 * (runs.validation_poly["fine-tuned"] - runs.validation_poly["frozen"])[labels]
        assert (lead > 0).all()
        assert 4 < lead.mean() < 6
        mono = runs.validation_mono.loc[labels]
        assert (mono["fine-tuned"] - mono["frozen"]).mean() > 0
    assert 44 < gap("validation").poly["fine-tuned", 0] < 52
    tested = gap("test")
    for labels in (40, 200):
        assert 0 < tested.poly["fine-tuned", labels] - tested.poly["frozen", labels] < 1.5
        assert abs(tested.gap["fine-tuned", labels] - tested.gap["frozen", labels]) < 1.5


def test_dots_and_stars_on_validation():
    """A half: three and seven in ten missed, stars: one in ten and a third."""
    half, star = 1 - FOUND.half.accuracy, 1 - FOUND.star.accuracy
    assert 0.25 < half["mono, defective"] < 0.35
    assert 0.65 < half["poly, defective"] < 0.75
    assert 0.7 < FOUND.answered.poly.iloc[0] < 0.75
    assert star[["mono, defective", "poly, defective"]].max() <= 0.26
    assert 0.08 < star["mono, intact"] < 0.13
    assert 0.3 < star["poly, intact"] < 0.37


def test_dots_and_stars():
    """Two thresholds bring poly to where mono is, and false alarms with it (on test)."""
    few, two = final["few_poly"].accuracy, final["two_thresholds"].accuracy
    assert few["poly, defective"] < 0.5
    assert 0.67 < few["mono, defective"] < 0.77
    assert 0.67 < two["poly, defective"] < 0.77
    assert 0.33 < 1 - two["poly, intact"] < 0.42
    gained = final["collected"]
    assert gained.accuracy["poly, defective"] > 0.5
    assert 1 / 10 < 1 - gained.accuracy["poly, intact"] < 1 / 8
    assert gained.high["poly, defective"] < gained.low["mono, defective"]


def test_saying_no_helps_less_where_it_is_needed_more():
    """The unsurest half to a person: nearly all mono answers are right, six in seven of poly."""
    half = FOUND.answered.iloc[10]
    assert half["mono"] > 0.97
    assert 0.82 < half["poly"] < 0.88


def test_names_and_words():
    """Both associations stand with all four sentences."""
    table = FOUND.tests.set_index(FOUND.tests.columns[0])
    effects = table.drop(columns="largest p")
    assert (effects.loc["flowers, pleasant"] > 1.5).all()
    assert (effects.loc["male names, career"] > 1).all()
    assert table["largest p"].max() < 0.02


def test_jobs():
    """Both models agree on five jobs, and not on secretary and pilot; prompts differ."""
    jobs = FOUND.jobs
    for job in ("nurse", "librarian", "hairdresser"):
        assert jobs.MiniLM[job] > 0.04
        assert jobs.SmolLM2[job] > 0
    for job in ("carpenter", "mechanic"):
        assert jobs.MiniLM[job] < -0.03
        assert jobs.SmolLM2[job] < -1
    assert jobs.SmolLM2["secretary"] > 0 > jobs.MiniLM["secretary"]
    assert jobs.SmolLM2["pilot"] < 0 < jobs.MiniLM["pilot"]
    assert jobs.low["engineer"] < 0 < jobs.high["engineer"]


def test_collecting_has_a_price():
    """On test, more intact mono cells are called defective once labels are shared out evenly."""
    few, collected = final["few_poly"].accuracy, final["collected"].accuracy
    assert collected["mono, intact"] < few["mono, intact"]
