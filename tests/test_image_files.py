"""Promises of pictures that stay in their files."""

import numpy as np
import pytest
from PIL import Image

from tlhelpers.image_files import ImageFiles


@pytest.fixture
def files(tmp_path):
    """Ten files, each of one grey: 0, 20, 40, ..."""
    paths = [tmp_path / f"{i}.png" for i in range(10)]
    for i, path in enumerate(paths):
        Image.new("L", (20, 10), 20 * i).save(path)
    return ImageFiles(paths, 8)


def greys(images):
    return (np.asarray(images)[:, 0, 0, 0] * 255 / 20).round().astype(int).tolist()


def test_it_looks_like_an_array(files):
    """Shape, type, length; read as a whole."""
    assert files.shape == (10, 8, 8, 3)
    assert len(files) == 10
    whole = np.asarray(files)
    assert whole.dtype == files.dtype == np.float32
    assert greys(files) == list(range(10))


@pytest.mark.parametrize(
    "where", [slice(2, 5), [3, 1, 1], np.array([0, 9]), np.arange(10) > 6, slice(None, None, -1)]
)
def test_parts_are_not_read_yet(files, where):
    """The files that numpy would have chosen."""
    part = files[where]
    assert isinstance(part, ImageFiles)
    assert greys(part) == np.arange(10)[where].tolist()


def test_one_picture(files):
    """A position is read at once, from the end too."""
    assert files[-1].shape == (8, 8, 3)
    assert greys(files[3][None]) == [3]
    with pytest.raises(IndexError):
        files[10]


def test_a_file_that_went_bad_is_black(files):
    """With a warning that names it; the others are read."""
    files.paths[4].write_bytes(b"broken")
    with pytest.warns(UserWarning, match=r"1 of 10 files are black, .* such as 4\.png: not a"):
        assert greys(files) == [0, 1, 2, 3, 0, 5, 6, 7, 8, 9]


def test_digests_follow_content_and_size(files):
    """Another size, or another picture in a file, has another one."""
    before = files.digests()
    assert len(set(before)) == 10
    assert ImageFiles(files.paths, 9).digests() != before
    Image.new("L", (20, 10), 255).save(files.paths[0])
    assert [a == b for a, b in zip(files.digests(), before, strict=True)] == [False] + [True] * 9
