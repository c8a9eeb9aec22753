"""Promises of the task "moved" and of what moves its pictures."""

import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.images.move import move


@pytest.fixture(scope="module")
def moved():
    return tl.load_task("moved")


def test_the_same_digits(moved, digits):
    """Labels and splits of "digits"; other pictures, the same in each call."""
    for name in ("train", "validation", "test"):
        one, two = getattr(moved, name), getattr(digits, name)
        np.testing.assert_array_equal(one.index, two.index)
        np.testing.assert_array_equal(one.labels, two.labels)
        assert one.images.shape == two.images.shape
        assert one.images.dtype == np.float32
        assert np.abs(one.images - two.images).mean() > 0.05
    again = tl.load_task("moved")
    np.testing.assert_array_equal(again.test.images, moved.test.images)


def test_turned_shrunk_and_put_anywhere():
    """The whole picture stays within the frame, at 0.25 to 0.64 of its area."""
    image = np.zeros((300, 40, 40, 1), np.float32)
    image[:, 4:-4, 4:-4] = 1  # a square, 0.8 of the side
    found = move(image, seed=0)[..., 0]
    ink = found.sum((1, 2)) / 32**2
    assert 0.22 < ink.min() < 0.3
    assert 0.58 < ink.max() < 0.68
    rows, columns = np.mgrid[:40, :40]
    middle = np.stack([(found * grid).sum((1, 2)) for grid in (rows, columns)]) / found.sum((1, 2))
    assert np.all(middle.min(1) < 13)
    assert np.all(middle.max(1) > 26)
    # turned: the longest row of a tilted square is shorter than its area says
    assert np.std(found.max(2).sum(1) / np.sqrt(found.sum((1, 2)))) > 0.01
    edges = [found[:, 0], found[:, -1], found[:, :, 0], found[:, :, -1]]
    assert np.mean(edges) < 0.01  # a corner may touch the frame


def test_a_little_or_not_at_all():
    """Without any change the picture itself; a shift in the middle's reach, pixels as they are."""
    images = np.random.default_rng(0).random((20, 16, 16, 3), np.float32)
    np.testing.assert_allclose(move(images, turn=0, scale=(1, 1), shift=0), images, atol=1e-6)
    image = np.zeros((200, 41, 41, 1), np.float32)
    image[:, 20, 20] = 1
    found = move(image, turn=90, scale=(1, 1), shift=0.1, order=0)[..., 0]
    assert set(np.unique(found)) == {0, 1}
    _, down, across = np.nonzero(found)
    assert (np.abs(down - 20).max(), np.abs(across - 20).max()) == (4, 4)


def test_another_size():
    """For another backbone each digit moves in the same way."""
    small = tl.load_task("moved").train
    large = tl.load_task("moved", backbone="package:efficientnet-lite0", size=96).train
    assert large.images.shape[1:] == (96, 96, 3)
    for place in (0, 7):
        means = np.asarray(large.images[place]).reshape(32, 3, 32, 3, 3).mean((1, 3, 4))
        assert np.corrcoef(means.ravel(), small.images[place][..., 0].ravel())[0, 1] > 0.95
