import numpy as np
import pytest
from scipy.optimize import curve_fit

import tlhelpers as tl

LABELS = np.array([10, 20, 40, 80, 160])


def power_law(n, a, b, g):
    return a + b * np.asarray(n, float) ** g


def test_an_exact_curve_is_found():
    """Errors that lie on a curve give back that curve, and its course beyond the last point."""
    curve = tl.LearningCurve(LABELS, power_law(LABELS, 0.05, 1.5, -0.5), samples=10**6)
    assert (curve.a, curve.b, curve.g) == pytest.approx((0.05, 1.5, -0.5), abs=1e-3)
    assert curve.error(1000).value == pytest.approx(power_law(1000, 0.05, 1.5, -0.5), abs=1e-4)
    gain = power_law(160, 0.05, 1.5, -0.5) - power_law(260, 0.05, 1.5, -0.5)
    assert curve.buys(160, more=100).value == pytest.approx(gain, abs=1e-4)
    assert repr(curve) == "LearningCurve(e(n) = 0.050 + 1.50 n^-0.50)"


@pytest.mark.parametrize("truth", [(0.05, 1.5, -0.5), (0.0, 1.0, -0.3), (0.2, 2.0, -1.0)])
def test_it_agrees_with_scipy(truth):
    """On noisy errors the curve predicts what SciPy's least squares with bounds predict."""
    rng = np.random.default_rng(1)
    errors = rng.binomial(300, power_law(LABELS, *truth)) / 300
    likely = (errors * 300 + 0.5) / 301
    fitted, _ = curve_fit(
        power_law,
        LABELS,
        errors,
        p0=(0.05, 1, -0.5),
        sigma=np.sqrt(likely * (1 - likely) / 300),
        bounds=([0, 0, -2], [1, 100, -0.05]),
    )
    curve = tl.LearningCurve(LABELS, errors, samples=300)
    mine = power_law(LABELS, curve.a, curve.b, curve.g)
    assert mine == pytest.approx(power_law(LABELS, *fitted), abs=0.004)
    assert curve.error(320).value == pytest.approx(power_law(320, *fitted), abs=0.006)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Over many curves the 80 % interval contains the true error in about 80 % of cases."""
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        truth = rng.uniform(0, 0.1), rng.uniform(0.5, 2), rng.uniform(-1, -0.2)
        errors = rng.binomial(300, np.clip(power_law(LABELS, *truth), 0, 0.95)) / 300
        curve = tl.LearningCurve(LABELS, errors, samples=300)
        low, high = curve.error(320)[1:]
        gain = power_law(160, *truth) - power_law(260, *truth)
        bought = curve.buys(160)
        held.append((low <= power_law(320, *truth) <= high, bought.low <= gain <= bought.high))
    assert ((np.mean(held, axis=0) > 0.68) & (np.mean(held, axis=0) < 0.92)).all()


def test_each_error_may_have_its_own_number_of_samples():
    """As in cross-validation; equal numbers are one for all, and an exact error counts for more."""
    errors = power_law(LABELS, 0.05, 1.5, -0.5)
    both = [tl.LearningCurve(LABELS, errors, samples=n).error(320) for n in (300, [300] * 5)]
    assert both[0] == both[1]
    errors[0] += 0.1
    loose = tl.LearningCurve(LABELS, errors, samples=[10, *[10_000] * 4])
    assert loose.error(40).value == pytest.approx(errors[2], abs=0.01)


def test_more_samples_make_it_more_certain():
    """The interval narrows with the samples, and widens with the level."""
    errors = power_law(LABELS, 0.05, 1.5, -0.5)
    widths = []
    for samples, level in ((10_000, 0.8), (300, 0.8), (300, 0.95)):
        found = tl.LearningCurve(LABELS, errors, samples).error(320, level=level)
        assert found.low <= found.value <= found.high
        widths.append(found.high - found.low)
    assert widths[0] < widths[1] < widths[2]


def test_errors_never_fall_below_zero_nor_rise():
    """Where the errors rise with the labels, the curve is flat; more labels buy nothing."""
    curve = tl.LearningCurve(LABELS, [0.1, 0.12, 0.13, 0.15, 0.2], samples=300)
    assert curve.b == pytest.approx(0, abs=1e-9)
    assert curve.buys(160).value == 0
    perfect = tl.LearningCurve(LABELS, np.zeros(5), samples=300)
    assert perfect.error(320).value == pytest.approx(0, abs=1e-9)
    assert 0 < perfect.error(320).high < 0.05  # none in 300 is not never
    steep = tl.LearningCurve(LABELS, [0.5, 0.2, 0.02, 0, 0], samples=300)
    assert steep.a >= 0
    assert steep.error(10**6).value >= 0


def test_an_error_is_a_share():
    """Before the first point a steep curve would pass 1; errors and intervals do not."""
    curve = tl.LearningCurve([20, 40, 80], [0.9, 0.5, 0.25], samples=100)
    first = curve.error(1)
    assert (first.value, first.high) == (1, 1)
    assert 0 <= first.low <= 1
    bought = curve.buys(1, more=10**6)
    assert 0 <= bought.low <= bought.high <= 1


def test_points_that_cannot_be_told_apart():
    """Numbers of labels that hardly differ, or are enormous, give a flat curve, not NaN."""
    for labels in ([10**9, 10**9 + 1, 10**9 + 2], [1e200, 1e210, 1e220]):
        curve = tl.LearningCurve(labels, [0.3, 0.2, 0.4], samples=50)
        assert 0 <= curve.error(1e230).low <= curve.error(1e230).high <= 1


def test_several_errors_at_one_number_of_labels():
    """Runs of several seeds may be given together."""
    labels = np.repeat(LABELS, 3)
    errors = power_law(labels, 0.05, 1.5, -0.5)
    assert tl.LearningCurve(labels, errors, samples=300).g == pytest.approx(-0.5, abs=0.01)


def test_the_same_seed_gives_the_same_interval():
    """The bootstrap draws from the seed."""
    errors = power_law(LABELS, 0.05, 1.5, -0.5)
    found = [tl.LearningCurve(LABELS, errors, 300, seed=s).error(320) for s in (0, 0, 1)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("labels", "errors", "samples", "message"),
    [
        ([10, 20], [0.2, 0.1], 300, r"\[10.0, 20.0\]; three different ones"),
        ([10, 10, 20], [0.2, 0.2, 0.1], 300, "three different ones"),
        ([0, 10, 20], [0.9, 0.2, 0.1], 300, "of at least 1"),
        ([10, 20, 40], [0.2, 0.1], 300, r"Labels have shape \[3\], errors \[2\]"),
        ([10, 20, 40], [80, 90, 95], 300, r"from 80 to 95; shares .* 1 - accuracy"),
        ([10, 20, 40], [0.2, 0.1, np.nan], 300, "shares from 0 to 1"),
        ([10, 20, 40], [0.2, 0.1, 0.1], 0, "samples is 0; a whole number"),
        ([10, 20, 40], [0.2, 0.1, 0.1], [30, 0, 30], "samples is 0; a whole number"),
        ([10, 20, 40], [0.2, 0.1, 0.1], [30, 30], "samples has 2 numbers for 3 errors"),
    ],
)
def test_wrong_input(labels, errors, samples, message):
    """What cannot be a learning curve is refused."""
    with pytest.raises(ValueError, match=message):
        tl.LearningCurve(labels, errors, samples)


def test_wrong_questions():
    """Numbers of labels below 1 and levels that are none are refused."""
    curve = tl.LearningCurve(LABELS, power_law(LABELS, 0.05, 1.5, -0.5), samples=300)
    with pytest.raises(ValueError, match="n is 0; a number of at least 1"):
        curve.error(0)
    with pytest.raises(ValueError, match=r"n is array.*; a number of at least 1"):
        curve.error(np.array([10, 20]))
    with pytest.raises(ValueError, match="level is 80; a number between 0 and 1"):
        curve.buys(10, level=80)
    with pytest.raises(ValueError, match="more is -5; a number above 0"):
        curve.buys(10, more=-5)
    with pytest.raises(ValueError, match="draws is 0; a whole number"):
        tl.LearningCurve([10, 20, 40], [0.3, 0.2, 0.1], 300, draws=0)
    with pytest.raises(ValueError, match="three different ones of at least 1"):
        tl.LearningCurve([10, 20, 40, np.nan], [0.3, 0.2, 0.1, 0.1], 300)
