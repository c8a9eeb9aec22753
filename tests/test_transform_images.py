"""Promises of pictures that are read when they are needed."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tlhelpers.images.crop_views import crop_views
from tlhelpers.images.lazy_images import ImageFiles
from tlhelpers.images.raw_pixels import raw_pixels
from tlhelpers.images.transform_images import transform_images


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
    with pytest.warns(UserWarning, match=r"4\.png cannot be read any more .* black"):
        assert greys(files) == [0, 1, 2, 3, 0, 5, 6, 7, 8, 9]


def test_digests_follow_content_and_size(files):
    """Another size, or another picture in a file, has another one."""
    before = files.digests()
    assert len(set(before)) == 10
    assert ImageFiles(files.paths, 9).digests() != before
    Image.new("L", (20, 10), 255).save(files.paths[0])
    assert [a == b for a, b in zip(files.digests(), before, strict=True)] == [False] + [True] * 9


def test_parts_come_in_order(files):
    """A few at a time, all of them once."""
    parts = list(files.parts(4))
    assert [len(part) for part in parts] == [4, 4, 2]
    assert greys(np.concatenate(parts)) == list(range(10))


def noisy(images, seed):
    return (images + np.random.default_rng(seed).uniform(0, 0.1, images.shape)).clip(0, 1)


def test_a_transformation_waits_for_files(files):
    """Nothing is read before it is needed; each picture is given to the function alone."""
    seen = []

    def darker(images):
        seen.append(len(images))
        return images / 2

    dark = transform_images(files, darker)
    assert dark.shape == files.shape
    assert len(seen) == 1  # to know the shape
    np.testing.assert_allclose(dark[3:5], np.asarray(files[3:5]) / 2)
    assert set(seen) == {1}


def test_random_transformations_are_the_same_each_time(files):
    """A seed gives each picture numbers of its own, in whatever order they are read."""
    once = transform_images(files, noisy, seed=3)
    np.testing.assert_array_equal(once[[7, 2]], np.asarray(once)[[7, 2]])
    other = np.asarray(transform_images(files, noisy, seed=4))
    assert np.abs(np.asarray(once) - other).max() > 0.01
    difference = np.asarray(once) - np.asarray(files)
    assert np.abs(difference[0] - difference[1]).max() > 0.01


def test_a_transformation_of_an_array_is_done_at_once(files):
    """The function gets the whole array."""
    array = np.asarray(files)
    np.testing.assert_array_equal(
        transform_images(array, noisy, seed=1), noisy(array, seed=1), strict=True
    )


def test_raw_pixels_of_grey_pictures(files):
    """One number a pixel, from arrays and from files."""
    from_files, from_array = raw_pixels(files), raw_pixels(np.asarray(files))
    assert from_files.shape == (10, 64)
    np.testing.assert_array_equal(from_files, from_array)
    np.testing.assert_array_equal(from_array, np.asarray(files)[..., 0].reshape(10, -1))


def test_raw_pixels_of_large_colour_pictures(tmp_path):
    """Reduced to 32 pixels a side, three numbers a pixel."""
    Image.new("RGB", (300, 200), (255, 0, 51)).save(tmp_path / "red.png")
    pixels = raw_pixels(ImageFiles([tmp_path / "red.png"], 96))
    assert pixels.shape == (1, 32 * 32 * 3)
    np.testing.assert_allclose(pixels.reshape(-1, 3)[500], [1, 0, 0.2], atol=1e-3)


def test_views_of_files_reach_beyond_the_middle_square(tmp_path):
    """A wide picture: its middle square, all of it, corners of the whole, and the middle."""
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10, 0] = wide[:, 20:, 2] = 255  # red at the left, blue at the right
    Image.fromarray(wide).save(tmp_path / "wide.png")
    middle, whole, *corners, small = [
        np.asarray(view)[0] for view in crop_views(ImageFiles([tmp_path / "wide.png"], 12))
    ]
    assert max(middle.max(), small.max()) < 0.1
    np.testing.assert_allclose(whole[:, 0], [[1, 0, 0]] * 12, atol=0.01)
    np.testing.assert_allclose(whole[:, -1], [[0, 0, 1]] * 12, atol=0.01)
    colours = [corner[5, 5].round().tolist() for corner in corners]
    assert colours == [[1, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]]


def test_views_of_a_picture_that_its_camera_turned(tmp_path):
    """Parts are cut out of the upright picture: it lies in the file, and stands when it is read."""
    lying = np.zeros((20, 60, 3), np.uint8)
    lying[:, :20, 0] = lying[:, 40:, 2] = 255  # red at the left, so at the top when upright
    image = Image.fromarray(lying)
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    image.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    middle, whole, *corners, small = [
        np.asarray(view)[0] for view in crop_views(ImageFiles([tmp_path / "a.jpg"], 12))
    ]
    red, blue = [1, 0, 0], [0, 0, 1]
    assert max(middle[6, 6].max(), small[6, 6].max()) < 0.1
    assert (whole[0].round() == red).all()
    assert (whole[-1].round() == blue).all()
    assert [corner[6, 6].round().tolist() for corner in corners] == [red, red, blue, blue]


def test_several_threads_may_read_the_same_files(files):
    """Each gets its pictures, and a file that is bad is noted once."""
    files.paths[4].write_bytes(b"broken")
    orders = [np.random.default_rng(seed).permutation(10) for seed in range(16)]
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("ignore")
        found = list(pool.map(lambda order: greys(files[order]), orders))
    for order, seen in zip(orders, found, strict=True):
        assert seen == np.where(order == 4, 0, order).tolist()
    assert files.unreadable == {files.paths[4]}


def test_views_of_arrays():
    """The images themselves, four corners and the middle, each of the same size."""
    images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    images[:, :2, :2] = 1
    found = crop_views(images)
    assert [view.shape for view in found] == [(3, 8, 8, 3)] * 6
    assert found[0] is images
    bright = [view[:, :2, :2].mean() > 0.99 for view in found]
    assert bright == [True, True, False, False, False, False]


def test_views_of_files_have_digests_of_their_own(files):
    """Features of one look are not taken for those of another."""
    every = [tuple(view.digests()) for view in crop_views(files)]
    assert len(set(every)) == 7


def test_digests_of_transformed_files(files):
    """Whatever the function gives, in whatever order of memory."""
    turned = transform_images(files, lambda images: np.moveaxis(images.copy("F"), 1, 2))
    assert len(set(turned.digests())) == 10
    assert turned.digests() == transform_images(files, lambda images: images).digests()


def test_more_pictures_than_fit_into_memory(files, monkeypatch):
    """Said before any is read, with two ways out."""
    monkeypatch.setattr("tlhelpers.runtime.memory.free_memory", lambda: 1000)
    message = r"10 images of shape \[8, 8, 3\] need .* Take some of them, .* split\.batches"
    with pytest.raises(MemoryError, match=message):
        np.asarray(files)
    assert len(next(files.parts(2))) == 2
