"""Promises of streams of images."""

import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.images import ImageFiles


@pytest.fixture(params=["array", "files"])
def split(request, tmp_path):
    """Ten pictures, each of one grey, with its number as label."""
    for i in range(10):
        Image.new("L", (4, 4), 20 * i).save(tmp_path / f"{i}.png")
    images = ImageFiles([tmp_path / f"{i}.png" for i in range(10)], 4)
    images = np.asarray(images) if request.param == "array" else images
    return tl.Split(images, np.arange(10), np.arange(10))


def passes(stream, count=1):
    """Labels of each pass, after a look whether each picture has its own label."""
    found = []
    for _ in range(count):
        labels = []
        for images, some in stream.as_numpy_iterator():
            np.testing.assert_array_equal((images[:, 0, 0, 0] * 255 / 20).round(), some)
            labels += some.tolist()
        found.append(labels)
    return found


def test_all_of_them_in_order(split):
    """Batches of the given size, the last one smaller; as often as one likes."""
    stream = split.batches(4)
    assert [len(labels) for _, labels in stream] == [4, 4, 2]
    assert passes(stream, 2) == [list(range(10))] * 2
    assert stream.cardinality() == 3


def test_shuffled_passes_differ(split):
    """Each pass has all pictures in another order; a seed fixes all of them."""
    first, second = passes(split.batches(4, shuffle=True, seed=1), 2)
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert passes(split.batches(4, shuffle=True, seed=1), 2) == [first, second]
    assert passes(split.batches(4, shuffle=True, seed=2))[0] != first


def test_a_part_of_a_split(split):
    """What `take` chose, repeated pictures too."""
    assert passes(split.take([3, 3, 8]).batches(2)) == [[3, 3, 8]]
