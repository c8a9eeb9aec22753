"""Promises of the classifier made of descriptions."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

import tlhelpers as tl

NAMES = ("a", "b", "c")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def prompts(rng):
    """Four prompts a class in 16 dimensions, far from the origin on purpose."""
    classes = rng.normal(0, 1, (3, 1, 16))
    return (classes + rng.normal(0, 0.3, (3, 4, 16)) + 5).astype(np.float32)


def samples(prompts, rng, n=50, shift=-3.0):
    labels = np.arange(n) % 3
    x = prompts.mean(1)[labels] + rng.normal(0, 0.3, (n, 16)) + shift
    return x.astype(np.float32), labels


def test_cosine_by_hand(prompts, rng):
    """Similarities are the cosines of samples and of the mean direction of a class's prompts."""
    x = rng.normal(0, 1, (5, 16))
    found = tl.ZeroShotClassifier(prompts, NAMES).similarities(x)
    for i in range(5):
        for c in range(3):
            directions = prompts[c] / np.linalg.norm(prompts[c], axis=1, keepdims=True)
            mean = directions.mean(0)
            cosine = x[i] @ mean / np.linalg.norm(x[i]) / np.linalg.norm(mean)
            assert found[i, c] == pytest.approx(cosine, abs=1e-5)


def test_a_long_prompt_counts_no_more_than_a_short_one(prompts):
    """Prompts are averaged as directions."""
    longer = prompts.copy()
    longer[:, 0] *= 100
    plain = tl.ZeroShotClassifier(prompts, NAMES).vectors
    assert np.allclose(tl.ZeroShotClassifier(longer, NAMES).vectors, plain, atol=1e-5)


def test_one_prompt_a_class(prompts):
    """One vector a class is the same as an ensemble of one."""
    one = tl.ZeroShotClassifier(prompts[:, 0], NAMES).vectors
    assert np.array_equal(one, tl.ZeroShotClassifier(prompts[:, :1], NAMES).vectors)


def test_classes_may_have_unequal_numbers_of_prompts(prompts):
    """A list of arrays of different lengths is taken."""
    uneven = tl.ZeroShotClassifier([prompts[0], prompts[1][:1], prompts[2][:2]], NAMES)
    assert np.allclose(uneven.vectors[0], tl.ZeroShotClassifier(prompts, NAMES).vectors[0])


def test_centring_removes_what_all_share(prompts, rng):
    """Samples from another domain, all shifted, are told apart only once both sides are centred."""
    shift = 20 * prompts[0].mean(0)  # every sample looks like class a
    x, labels = samples(prompts, rng, shift=shift)
    plain = tl.ZeroShotClassifier(prompts, NAMES)
    centred = tl.ZeroShotClassifier(prompts, NAMES, unlabelled=x)
    assert (plain.predict(x) == labels).mean() < 0.5
    assert (centred.predict(x) == labels).mean() > 0.95
    assert abs(centred.vectors.sum()) < abs(plain.vectors.sum())


def test_it_is_a_dense_head(prompts, rng):
    """Class vectors over the temperature, as the kernel of a Dense layer on prepared samples."""
    import keras

    x, _ = samples(prompts, rng)
    classifier = tl.ZeroShotClassifier(prompts, NAMES, unlabelled=x, temperature=0.2)
    head = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    head.build((None, 16))
    head.set_weights([classifier.vectors.T / classifier.temperature, np.zeros(3)])
    by_head = head.predict(classifier.prepare(x), verbose=0)
    assert np.allclose(by_head, classifier.probabilities(x), atol=1e-5)
    assert np.allclose(np.linalg.norm(classifier.prepare(x), axis=1), 1, atol=1e-5)


def test_temperature_changes_probabilities_only(prompts, rng):
    """Predictions are the same at any temperature; probabilities add up to one, sharper below."""
    x, _ = samples(prompts, rng, shift=0.0)
    warm, cold = (
        tl.ZeroShotClassifier(prompts, NAMES, temperature=t).probabilities(x) for t in (1, 0.01)
    )
    assert np.allclose(warm.sum(1), 1, atol=1e-5)
    assert np.allclose(cold.sum(1), 1, atol=1e-5)
    assert (warm.argmax(1) == cold.argmax(1)).all()
    assert cold.max(1).mean() > warm.max(1).mean()


@pytest.mark.parametrize("true", [0.03, 0.3, 2.0])
def test_calibrate_finds_the_temperature_that_made_the_labels(prompts, rng, true):
    """Labels drawn with a known temperature give it back."""
    x = rng.normal(0, 1, (20000, 16)).astype(np.float32)
    classifier = tl.ZeroShotClassifier(prompts - 5, NAMES)
    p = softmax(classifier.similarities(x) / true, axis=1)
    labels = (rng.random((len(x), 1)) > np.cumsum(p, axis=1)).sum(1)
    before = classifier.predict(x)
    assert classifier.calibrate(x, labels).temperature == pytest.approx(true, rel=0.15)
    assert (classifier.predict(x) == before).all()


@pytest.mark.parametrize("pool", [None, np.random.default_rng(1).normal(1, 1, (30, 16))])
def test_a_sample_without_a_direction(prompts, pool):
    """A vector of zeros is like nothing: similarity 0 to all, equal probabilities, no NaN."""
    classifier = tl.ZeroShotClassifier(prompts, NAMES, unlabelled=pool)
    assert np.array_equal(classifier.similarities(np.zeros((2, 16))), np.zeros((2, 3)))
    assert np.allclose(classifier.probabilities(np.zeros((2, 16))), 1 / 3)


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_very_large_and_small_vectors(prompts, scale):
    """Only directions count, as long as they are numbers."""
    plain, scaled = (tl.ZeroShotClassifier(p, NAMES) for p in (prompts, prompts * scale))
    np.testing.assert_allclose(scaled.vectors, plain.vectors, atol=1e-5)
    x = prompts[:, 0]
    np.testing.assert_allclose(plain.similarities(x * scale), plain.similarities(x), atol=1e-5)


def test_tables_are_vectors(prompts):
    """A DataFrame with one row a class."""
    table = pd.DataFrame(prompts[:, 0])
    expected = tl.ZeroShotClassifier(prompts[:, 0], NAMES).vectors
    assert np.array_equal(tl.ZeroShotClassifier(table, NAMES).vectors, expected)


def test_the_centre_is_the_mean(prompts, rng):
    """Of the unlabelled samples, and of the class vectors."""
    pool = rng.exponential(1, (200, 16))
    classifier = tl.ZeroShotClassifier(prompts, NAMES, unlabelled=pool)
    x = rng.normal(0, 1, (4, 16)) - pool.mean(0)
    expected = x / np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.prepare(x + pool.mean(0)), expected, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(classifier.vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": None}, "two names or more"),
        ({"descriptions": None}, "of type NoneType"),
        ({"descriptions": {"a": [1.0], "b": [2.0], "c": [3.0]}}, "of type dict"),
        ({"class_names": ("a", "b")}, "3 descriptions, 2 class names"),
        ({"class_names": "abc"}, "two names or more"),
        ({"class_names": ("a", "a", "b")}, "all different"),
        ({"descriptions": [[1.0, 2], [3, 4], [1, 2, 3]]}, r"\[2, 3\] numbers"),
        ({"descriptions": ["cat", "dog", "cow"]}, "Encode it first"),
        ({"descriptions": np.full((3, 4), np.nan)}, "not finite"),
        ({"descriptions": np.zeros((3, 2, 2, 2))}, r"shape \[2, 2, 2\]"),
        ({"descriptions": [[0.0, 0], [1, 0], [0, 1]]}, "'a' has no direction"),
        ({"temperature": 0}, "above 0"),
        ({"temperature": "warm"}, "above 0"),
        ({"unlabelled": np.ones((4, 3))}, "unlabelled has 3 numbers a sample, .* has 16"),
        ({"unlabelled": np.ones(16)}, r"unlabelled has shape \[16\]"),
    ],
)
def test_bad_descriptions_are_refused(prompts, change, message):
    """What came and what was expected."""
    arguments = {"descriptions": prompts, "class_names": NAMES} | change
    with pytest.raises(ValueError, match=message):
        tl.ZeroShotClassifier(**arguments)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3)), "x has 3 numbers a sample, .* has 16"),
        (np.ones(16), r"x has shape \[16\]; \[n, d\]"),
        (np.full((2, 16), np.inf), "not finite"),
        (["a text"], "Encode it first"),
    ],
)
def test_bad_samples_are_refused(prompts, x, message):
    """What came and what was expected."""
    with pytest.raises(ValueError, match=message):
        tl.ZeroShotClassifier(prompts, NAMES).predict(x)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "Labels do not match: 2 of them for 3 samples"),
        ([0.0, 1, 1.5], "type float64, such as 1.5"),
        ([0, 1, 3], "0 to 2"),
        ([-1, 0, 1], "from -1"),
    ],
)
def test_bad_labels_are_refused(prompts, labels, message):
    """And the temperature stays as it was."""
    classifier = tl.ZeroShotClassifier(prompts, NAMES, temperature=0.7)
    with pytest.raises(ValueError, match=message):
        classifier.calibrate(prompts[0][:3], labels)
    assert classifier.temperature == 0.7
