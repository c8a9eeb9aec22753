"""Scores of features: against independent formulas, and on cases made by hand."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.cross_decomposition import CCA

from tlhelpers.diagnosis import transferability

EVERY = pytest.mark.parametrize("score", [transferability.log_me, transferability.h_score])


def case(n=80, d=5, classes=3, apart=1.0, seed=0):
    """Features whose classes lie apart, and labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return rng.normal(size=(n, d)) + apart * rng.normal(size=(classes, d))[labels], labels


@pytest.mark.parametrize("shape", [(60, 4), (30, 45)], ids=["tall", "wide"])
def test_log_me_is_the_largest_evidence_of_a_linear_model(shape):
    """The density of the labels under a normal distribution, with both precisions searched."""
    x, y = case(*shape)
    best = []
    for label in range(3):
        target = (y == label).astype(float)

        def against(logs, target=target):
            weights, noise = np.exp(logs)
            covariance = np.eye(len(x)) / noise + x @ x.T / weights
            return -multivariate_normal.logpdf(target, np.zeros(len(x)), covariance)

        best.append(-minimize(against, [0.0, 0.0], method="Nelder-Mead").fun / len(x))
    assert transferability.log_me(x, y) == pytest.approx(np.mean(best), abs=2e-4)


def test_h_score_is_the_sum_of_squared_canonical_correlations():
    """With many samples nothing is shrunk: features and classes are correlated so much."""
    x, y = case(n=20_000)
    one_hot = (y[:, None] == np.arange(2)).astype(float)
    a, b = CCA(n_components=2).fit_transform(x, one_hot)
    correlations = [np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(2)]
    assert transferability.h_score(x, y) == pytest.approx(np.sum(np.square(correlations)), abs=5e-3)


def test_leep_by_hand():
    """Two classes of the source, one of which says nothing of the labels."""
    probabilities = [[1, 0], [1, 0], [0, 1], [0, 1]]
    found = transferability.leep(probabilities, [0, 0, 0, 1])
    assert found == pytest.approx(np.mean(np.log([1, 1, 0.5, 0.5])))
    soft = transferability.leep([[0.5, 0.5]] * 4, [0, 0, 0, 1])
    assert soft == pytest.approx(np.mean(np.log([0.75, 0.75, 0.75, 0.25])))


@EVERY
def test_the_further_apart_the_better(score):
    """Classes that lie apart get a higher score than noise, also with more features than rows."""
    for shape in ((80, 5), (30, 60)):
        scores = [score(*case(*shape, apart=apart)) for apart in (0, 1, 4)]
        assert scores == sorted(scores)


@EVERY
def test_scores_do_not_depend_on_names_of_classes_or_order_of_rows(score):
    """Labels may be any numbers; rows may come in any order."""
    x, y = case()
    order = np.random.default_rng(1).permutation(len(y))
    assert score(x[order], 10 - 2 * y[order]) == pytest.approx(score(x, y), rel=1e-6)


def test_features_that_do_not_vary_are_no_error():
    """A constant column adds nothing and breaks nothing."""
    x, y = case()
    wider = np.column_stack([x, np.zeros(len(x))])
    for score in (transferability.h_score, transferability.log_me):
        assert score(wider, y) == pytest.approx(score(x, y), 0.2)
    assert np.isfinite(transferability.log_me(np.zeros((6, 2)), [0, 1] * 3))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((3, 2, 2)), [0, 1, 1], r"shape \[3, 2, 2\], labels \[3\]; \[n, d\] and \[n\]"),
        (np.zeros((3, 2)), [0, 1], "a row for each label"),
        ([[0.0], [np.nan]], [0, 1], "not finite"),
        (np.ones((3, 2)) / 2, [1, 1, 1], "all of one class"),
    ],
)
@pytest.mark.parametrize("name", ["log_me", "h_score", "leep"])
def test_bad_input_is_named(name, x, y, message):
    """What came, and what is expected."""
    with pytest.raises(ValueError, match=message):
        getattr(transferability, name)(x, y)


def test_logits_are_no_probabilities():
    """The message says what to do."""
    with pytest.raises(ValueError, match=r"from -1 to 3.*Take the softmax"):
        transferability.leep([[3.0, -1.0], [0.0, 1.0]], [0, 1])
