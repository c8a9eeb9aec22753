import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.labels import queries

STRATEGIES = ["random", "typical", "margin", "typical_then_margin"]


@pytest.fixture
def pool():
    """Three tight clusters of 20 points and 10 outliers, far from all and from each other."""
    rng = np.random.default_rng(0)
    centres = np.eye(3, 8) * 5
    clusters = np.repeat(centres, 20, axis=0) + rng.normal(0, 0.1, (60, 8))
    return np.concatenate([clusters, rng.normal(0, 5, (10, 8))]).astype("float32")


def ask(name, pool, labelled=(), probabilities=None, n=3, seed=0):
    strategy = getattr(tl.queries, name)
    return strategy(pool, np.array(labelled, int), probabilities, n, np.random.default_rng(seed))


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("known", [False, True])
def test_new_positions_and_no_more_than_asked(name, pool, known):
    """A strategy returns different positions without a label, all that are left at the end."""
    probabilities = np.full((70, 3), 1 / 3) if known else None
    labelled = np.arange(0, 70, 2)
    found = ask(name, pool, labelled, probabilities, n=20)
    assert len(set(found)) == 20
    assert not set(found) & set(labelled)
    assert sorted(ask(name, pool, labelled, probabilities, n=1000)) == list(range(1, 70, 2))
    assert len(ask(name, pool, np.arange(70), probabilities)) == 0


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_seed_decides(name, pool):
    """The same generator gives the same query."""
    assert np.array_equal(ask(name, pool, seed=1), ask(name, pool, seed=1))


def test_random_is_random(pool):
    """Other seeds give other queries, and every position can come."""
    assert {int(i) for seed in range(300) for i in ask("random", pool, n=1, seed=seed)} == set(
        range(70)
    )


def test_margin_asks_where_the_model_hesitates(pool):
    """The least difference between the two best classes comes first; a third does not matter."""
    probabilities = np.full((70, 3), [0.9, 0.1, 0.0])
    probabilities[[5, 6, 7]] = [[0.5, 0.5, 0], [0.4, 0.35, 0.25], [0.36, 0.34, 0.3]]
    assert list(ask("margin", pool, [], probabilities)) == [5, 7, 6]
    assert list(ask("margin", pool, [5], probabilities, n=2)) == [7, 6]


def test_typical_takes_one_of_each_cluster(pool):
    """Without any label one of each cluster comes, from its middle."""
    found = ask("typical", pool[:60], n=3)
    assert sorted(found // 20) == [0, 1, 2]
    for position in found:
        start = position // 20 * 20
        distances = np.linalg.norm(
            pool[start : start + 20] - pool[start : start + 20].mean(0), axis=1
        )
        assert distances[position - start] < np.median(distances)


def test_typical_leaves_clusters_that_have_a_label(pool):
    """Clusters without a label come first."""
    found = ask("typical", pool[:60], labelled=[0, 21], n=1)
    assert found[0] // 20 == 2


def test_typical_with_repeated_pictures():
    """Equal examples, fewer of them than clusters, are no problem."""
    same = np.repeat(np.eye(2, 4, dtype="float32"), 5, axis=0)
    assert len(set(ask("typical", same, n=6))) == 6
    assert len(ask("typical", np.zeros((4, 3), "float32"), n=2)) == 2
    assert list(ask("typical", np.ones((1, 3), "float32"), n=2)) == [0]


def test_typical_of_a_large_pool_looks_at_a_sample():
    """One from each crowd, none twice; where more are wanted, more are looked at."""
    rng = np.random.default_rng(0)
    crowd = rng.integers(4, size=20_000)
    pool = (np.eye(4, 8)[crowd] * 5 + rng.normal(0, 0.3, (20_000, 8))).astype("float32")
    found = ask("typical", pool, n=4)
    assert sorted(crowd[found]) == [0, 1, 2, 3]
    again = ask("typical", pool, labelled=found, n=6)
    assert len(set(again) | set(found)) == 10
    assert np.array_equal(found, ask("typical", pool, n=4))
    many = ask("typical", pool, n=queries.SAMPLE + 50)
    assert len(set(many)) == queries.SAMPLE + 50


def test_typical_first_then_margin(pool):
    """Below five labels a class it asks what is typical, from there on by margin."""
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 70)
    few, many = np.arange(14), np.arange(15)
    for labelled, name in ((few, "typical"), (many, "margin")):
        expected = ask(name, pool, labelled, probabilities)
        assert np.array_equal(ask("typical_then_margin", pool, labelled, probabilities), expected)
    assert np.array_equal(ask("typical_then_margin", pool), ask("typical", pool))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_refused(pool, value):
    """Neither features nor probabilities may hold what cannot be compared."""
    pool[3, 2] = value
    with pytest.raises(ValueError, match=r"Features have values that are not finite .* Leave such"):
        ask("typical", pool)
    probabilities = np.full((70, 3), value)
    with pytest.raises(ValueError, match="Probabilities have values that are not finite"):
        ask("margin", pool, [], probabilities)


@pytest.mark.parametrize("shape", [(70,), (69, 3), (70, 1)])
def test_probabilities_of_another_shape(pool, shape):
    """A row for each example and two columns at least are expected."""
    with pytest.raises(
        ValueError, match=r"Probabilities have shape .*; \[70, classes\] is expected"
    ):
        ask("margin", pool, [], np.ones(shape))
