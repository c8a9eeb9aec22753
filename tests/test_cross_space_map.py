"""Promises of the map between two spaces."""

import numpy as np
import pytest

import tlhelpers as tl


def pairs(n=120, noise=0.1, seed=0):
    """Two spaces that share three directions, each in its own units and far from the origin."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 3))
    first = shared @ rng.normal(size=(3, 8)) + noise * rng.normal(size=(n, 8))
    second = shared @ rng.normal(size=(3, 12)) + noise * rng.normal(size=(n, 12))
    return 100 * first + 7, second - 3


def ranks(similarities):
    return (similarities >= np.diag(similarities)[:, None]).sum(axis=1)


def test_partners_that_were_left_out_meet():
    """In both directions: names of a picture, and pictures of a name."""
    first, second = pairs()
    found = tl.CrossSpaceMap(first[:80], second[:80]).similarities(first[80:], second[80:])
    assert found.shape == (40, 40)
    assert np.abs(found).max() <= 1
    assert np.mean(ranks(found)) < 4
    assert np.mean(ranks(found.T)) < 4


def test_nothing_is_found_where_nothing_is_shared():
    """Chance: half of the others come before the partner."""
    first, second = pairs()[0], pairs(seed=1)[1]
    found = tl.CrossSpaceMap(first[:80], second[:80]).similarities(first[80:], second[80:])
    assert 10 < np.mean(ranks(found)) < 30


def test_units_do_not_matter():
    """Each number of a space may have a scale and an origin of its own."""
    first, second = pairs()
    scale, origin = np.random.default_rng(0).uniform(0.1, 10, (2, 8))
    plain = tl.CrossSpaceMap(first, second).similarities(first[:9], second[:9])
    other = first * scale + origin
    moved = tl.CrossSpaceMap(other, second).similarities(other[:9], second[:9])
    np.testing.assert_allclose(moved, plain, atol=1e-3)


def test_groups_are_left_out_together():
    """Twins in both folds reward remembering: the penalty is too small. Groups prevent that."""
    rng = np.random.default_rng(0)
    first, second = (np.repeat(x, 6, axis=0) for x in pairs(40, noise=3))
    first, second = (
        first + rng.normal(size=first.shape),
        second + 0.01 * rng.normal(size=second.shape),
    )
    groups = np.repeat(np.arange(40), 6)
    apart = tl.CrossSpaceMap(first, second, groups=groups)
    mixed = tl.CrossSpaceMap(first, second)
    assert max(mixed.strengths) < max(apart.strengths)


def test_one_query():
    """A single typed text is compared with many pictures, and its places do not hang on others."""
    first, second = pairs()
    both = tl.CrossSpaceMap(first, second)
    alone, together = both.similarities(first, second[:1]), both.similarities(first, second[:5])
    np.testing.assert_allclose(alone[:, 0], together[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"second": np.ones((9, 4))}, "first has 10 rows, second 9, groups 10; row i of all"),
        ({"groups": [1] * 9}, "first has 10 rows, second 10, groups 9"),
        ({"groups": [1] * 10}, "folds is 5; .* from 2 to 1 .* There are 1 groups"),
        ({"first": np.ones(10)}, r"first has shape \[10\]; \[n, d\] is expected"),
        ({"second": ["a"] * 10}, "second is not an array of numbers"),
        ({"first": np.full((10, 2), np.nan)}, "first holds numbers that are not finite"),
        ({"folds": 1}, "folds is 1"),
    ],
)
def test_what_does_not_fit(change, message):
    """Says what came and what is expected."""
    pair = {"first": np.eye(10), "second": np.eye(10)} | change
    with pytest.raises(ValueError, match=message):
        tl.CrossSpaceMap(pair.pop("first"), pair.pop("second"), **pair)


def test_other_vectors_later():
    """From another encoder: refused, with both sizes."""
    first, second = pairs()
    both = tl.CrossSpaceMap(first, second)
    with pytest.raises(ValueError, match=r"second has 3 numbers a sample, .* has 12"):
        both.similarities(first, second[:, :3])


def test_retrieval_scores():
    """Recall at 1 and at 5, and the median rank; ties count against the partner."""
    similarities = np.eye(8)
    similarities[0] = 1
    similarities[1, 4:] = 2
    found = tl.retrieval_scores(similarities)
    assert found == {"recall at 1": 6 / 8, "recall at 5": 7 / 8, "median rank": 1}
    found = tl.retrieval_scores(similarities, np.arange(8) < 2)
    assert found == {"recall at 1": 0, "recall at 5": 0.5, "median rank": 6.5}
    with pytest.raises(ValueError, match=r"shape \[2, 3\]; \[n, n\] is expected"):
        tl.retrieval_scores(np.ones((2, 3)))
    for of in (np.zeros(8, bool), np.ones(7, bool), np.ones(8)):
        with pytest.raises(ValueError, match="one truth value for each of the 8 queries"):
            tl.retrieval_scores(similarities, of)
