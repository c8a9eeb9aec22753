"""What the prose of notebook 03 claims, held against the figures that its last run stored."""

import numpy as np
import pandas as pd
import pytest
from stored import stored

import tlhelpers as tl


@pytest.fixture(scope="module")
def found():
    return stored("03")


@pytest.fixture(scope="module")
def runs():
    """Every stored run; the probe of drawings has the name that the notebook gives it."""
    tables = [tl.read_experiment(f"fine_tuning_{name}") for name in ("digits", "pictograms")]
    stored = pd.concat(tables, ignore_index=True)
    return stored.replace({"method": {"frozen, best block": "probe"}})


@pytest.fixture(scope="module")
def methods(runs):
    """The runs with chosen settings."""
    return runs[runs.part == "methods"]


def gains(methods, column="test", over="probe"):
    """Points ahead of a method on the same labels, a row for each draw."""
    pairs = methods.pivot_table(column, ["task", "labels_per_class", "draw"], "method")
    return 100 * pairs.sub(pairs[over], axis=0)


def by_way(runs, part, pattern, column="validation"):
    """Means of runs told apart by a word in their setting: a column for each number of labels."""
    some = runs[runs.part == part]
    way = some.setting.str.extract(pattern)[0].fillna("plain")
    return (
        some.assign(way=way).groupby(["task", "way", "labels_per_class"])[column].mean().unstack()
    )


def test_few_steps_do_not_pay(found):
    """On drawings, twenty steps of fine-tuning bring at most a point over the head alone."""
    assert found.tuned_too < found.head_alone + 0.01


def test_live_curve_dips_and_climbs(found):
    """Below the probe after forty steps, flat at the end, points above the probe."""
    live = np.asarray(found.live)
    assert live[0] < found.start
    assert live[-1] > found.start + 0.02
    assert np.ptp(live[-3:]) <= 0.02


def test_stored_curves_dip_and_climb(methods):
    """Each stored draw at 300 labels does the same, and is flat in the last hundred steps."""
    curves = tl.read_experiment("fine_tuning_digits_curves")
    known = "task == 'moved' and part == 'methods' and labels_per_class == 30"
    probe = methods.query(f"{known} and method == 'probe'").validation.mean()
    for _, curve in curves.query(f"{known} and method == 'fine-tuned'").groupby("draw"):
        curve = curve.set_index("step").validation
        assert curve[40] < probe
        assert curve[400] > probe
        assert np.ptp(curve.loc[320:]) < 0.01


def test_live_run_lies_where_the_stored_ones_do(found, methods):
    """On validation and on test, within two points."""
    known = "task == 'moved' and labels_per_class == 30 and method == 'fine-tuned'"
    same = methods.query(known)
    assert same.validation.min() - 0.02 < list(found.live)[-1] < same.validation.max() + 0.03
    assert same.test.min() - 0.02 < found.live_test < same.test.max() + 0.02


@pytest.mark.parametrize("column", ["validation", "test"])
def test_moved_digits_cross(methods, column):
    """Probe ahead with 20 labels, level with 50, fine-tuning ahead in all draws from 100 on."""
    won = gains(methods, column).loc["moved", "fine-tuned"]
    assert won[2].max() < 0
    assert abs(won[5].mean()) < 2
    for k in (10, 30, 60):
        assert won[k].min() > 0
    assert won[30].mean() > 2
    assert won[60].mean() > 2


def test_from_scratch_on_moved_digits(methods):
    """Near the probe with 300 labels, far behind it with 100."""
    lost = gains(methods, "validation").loc["moved", "from scratch"]
    assert abs(lost[30].mean()) < 2
    assert lost[10].mean() < -5


@pytest.mark.parametrize("column", ["validation", "test"])
def test_noisy_digits(methods, column):
    """Frozen features behind pixels, fine-tuned ones ahead, at every number of labels."""
    won = gains(methods, column, "raw pixels").loc["noisy"].groupby("labels_per_class").mean()
    assert (won["probe"] < 0).all()
    assert (won["fine-tuned"] > 0).all()


def test_noisy_digits_reach_what_is_promised(methods):
    """At 500 labels fine-tuning has 0.88 at least; with 100 it is ahead of the probe with 500."""
    means = methods[methods.task == "noisy"].groupby(["labels_per_class", "method"]).test.mean()
    assert means[50, "fine-tuned"] >= 0.88
    assert means[50, "fine-tuned"] > means[50, "raw pixels"] + 0.01
    assert means[10, "fine-tuned"] > means[50, "probe"]


def test_overfitting(runs, methods):
    """At five labels plain training ends points below the probe; augmentation alone mends it."""
    ways = by_way(runs, "overfitting", "(weight_decay|augmented)").loc["moved"]
    stopped = by_way(runs, "overfitting", "(weight_decay|augmented)", "validation_at_best_loss")
    stopped = stopped.loc["moved"].loc["plain"]
    known = methods.query("task == 'moved' and labels_per_class == 5 and method == 'probe'")
    probe = known.validation.mean()
    assert ways.loc["plain", 5] < probe - 0.04
    assert abs(ways.loc["weight_decay"] - ways.loc["plain"]).max() < 0.01
    assert ways.loc["plain", 5] + 0.005 < stopped[5] < ways.loc["plain", 5] + 0.02
    assert stopped[50] < ways.loc["plain", 50]
    assert ways.loc["augmented", 5] > probe
    assert (ways.loc["augmented"] > ways.drop("augmented").max() + 0.015).all()


def test_early_stopping_keeps_the_probe(runs):
    """At five labels the lowest validation loss of the plain runs is that of the start."""
    plain = runs.query("part == 'overfitting' and labels_per_class == 5")
    plain = plain[~plain.setting.str.contains("decay|augmented")]
    assert (plain.best_loss_at == 0).all()
    curves = tl.read_experiment("fine_tuning_digits_curves").merge(plain[["part", "setting"]])
    curves = curves.query("task == 'moved' and labels_per_class == 5 and step >= 40")
    assert curves.loss.max() < 0.05


def test_batch_norm_of_the_target(found):
    """New statistics help a probe against the noise, and harm it on the moved digits."""
    means = found.adapted.groupby(["target", "statistics"]).accuracy.mean().unstack()
    gained = means["of the target"] - means["of letters"]
    assert gained["noisy"] > 0.02
    assert gained["moved"] < -0.05


@pytest.mark.parametrize("column", ["validation", "test"])
def test_batch_norm_in_fine_tuning(runs, column):
    """With five labels a class the ways lie apart, each target in its order; with fifty hardly."""
    means = by_way(runs, "BatchNorm", "batch_norm ([a-z]+)", column)
    moved, noisy = means.loc["moved"], means.loc["noisy"]
    assert moved[5].idxmax() == "update"
    assert noisy[5].idxmax() == "adapt"
    assert moved[5].median() == moved[5]["frozen"]
    assert noisy[5].median() == noisy[5]["frozen"]
    assert min(np.ptp(moved[5]), np.ptp(noisy[5])) > 0.04
    assert max(np.ptp(moved[50]), np.ptp(noisy[50])) < 0.03


@pytest.mark.parametrize("column", ["validation", "test"])
def test_digits_near_the_source(methods, column):
    """With twenty labels fine-tuning loses points; then all are level."""
    means = gains(methods, column).loc["digits"].groupby("labels_per_class").mean()
    assert means["fine-tuned"][2] < -2
    assert means["fine-tuned"][[10, 50]].abs().max() < 1
    assert means["gentle recipe"].min() > -0.5
    recipe = methods.query("task == 'digits' and method == 'gentle recipe'")
    reached = recipe.groupby("labels_per_class").test.mean()
    assert reached[10] >= 0.97
    assert reached[50] >= 0.98


def test_drawings_on_validation(methods):
    """The probe is far ahead with thirty labels, and within a few points from 120 on."""
    means = gains(methods, "validation").loc["drawings"].groupby("labels_per_class").mean()
    assert means["fine-tuned"][5] < -5
    assert means["fine-tuned"][[20, 40, 0]].abs().max() < 3
    assert means["fine-tuned"][0] < 0


def test_drawings_on_test(methods):
    """Behind with thirty labels, ahead from sixty on; with all labels by points in each deal."""
    won = gains(methods).loc["drawings", "fine-tuned"]
    means = won.groupby("labels_per_class").mean()
    assert means[5] < 0
    assert means[[10, 20, 40, 0]].min() > 0
    assert means[0] >= 4
    assert won[0].min() > 0


def test_gentle_recipe(methods):
    """On digits within two points of the probe; on drawings level with that of its own block."""
    on_validation = gains(methods, "validation")["gentle recipe"]
    means = on_validation.groupby(["task", "labels_per_class"]).mean()
    assert means[["digits", "noisy", "moved"]].min() > -2
    assert means["drawings"].max() < 0
    same_block = gains(methods, over="frozen, last block").loc["drawings", "gentle recipe"]
    assert same_block.groupby("labels_per_class").mean().min() > -0.5
    full = on_validation.loc[["moved"]].groupby("labels_per_class").mean()
    tuned = (
        gains(methods, "validation").loc["moved", "fine-tuned"].groupby("labels_per_class").mean()
    )
    assert (tuned[[10, 30, 60]] > full[[10, 30, 60]]).all()


def test_key_figures(found, methods):
    """What the README shows is what the section on test says."""
    won = gains(methods)["fine-tuned"].groupby(["task", "labels_per_class"]).mean()
    assert found.key.test_points_won_moved_600_labels == pytest.approx(won["moved", 60])
    assert found.key.test_points_won_drawings_all_labels == pytest.approx(won["drawings", 0])
    assert found.key.test_noisy_500_labels >= 0.88
