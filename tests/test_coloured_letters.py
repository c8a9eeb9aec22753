"""Promises of the small world of coloured letters."""

import numpy as np
import pytest

import tlhelpers as tl


def test_ink_has_its_colour():
    """The darkest place of a picture has the colour, its corners are white."""
    images = tl.coloured_letters([("red", "A"), ("blue", "B"), ("black", "C")])
    assert images.dtype == np.float32
    assert images.shape == (3, 32, 32, 3)
    for image, colour in zip(images, np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]]), strict=True):
        ink = image.reshape(-1, 3)[np.argsort(image.sum(-1).ravel())[:20]].mean(0)
        np.testing.assert_allclose(ink, colour, atol=0.12)
    assert images[:, 0, 0].min() > 0.7


def test_fonts_and_places_vary():
    """The same pair looks different each time; the same seed, the same."""
    pairs = [("green", "R")] * 30
    one, two = tl.coloured_letters(pairs), tl.coloured_letters(pairs, seed=1)
    np.testing.assert_array_equal(tl.coloured_letters(pairs), one)
    assert np.abs(one - two).max() > 0.5
    centres = [(image.min(-1) < 0.4).nonzero()[1].mean() for image in one]
    assert np.ptp(centres) > 2


def test_another_size():
    assert tl.coloured_letters([("red", "A")], size=20).shape == (1, 20, 20, 3)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "There are no pairs"),
        ([("reddish", "A")], "reddish"),
        ([("red", "犬")], "does not draw"),
    ],
)
def test_what_is_not_known(pairs, message):
    with pytest.raises(ValueError, match=message):
        tl.coloured_letters(pairs)
