"""Promises of streams of images."""

import os
import weakref

import keras
import numpy as np
import pytest
from PIL import Image

import tlhelpers as tl
from tlhelpers.images.lazy_images import ImageFiles, LazyImages
from tlhelpers.images.raw_pixels import raw_pixels


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


class Counted(LazyImages):
    """Pictures that are counted while they live: how many there are now, and were at most."""

    def __init__(self, count):
        super().__init__(count, (8, 8, 3))
        self.live = {"now": 0, "most": 0}

    def make(self, at):
        return self.count(np.random.default_rng(at[0]).random((len(at), 8, 8, 3), np.float32))

    def __array__(self, dtype=None, copy=None):
        return self.count(super().__array__(dtype))

    def count(self, made):
        self.live["now"] += len(made)
        self.live["most"] = max(self.live.values())
        weakref.finalize(made, self.died, len(made))
        return made

    def died(self, count):
        self.live["now"] -= count


def fine_tune(images, network, last):
    model = keras.Sequential([network, keras.layers.Dense(3)])
    split = tl.Split(images, np.arange(len(images)) % 3, np.arange(len(images)))
    tl.fine_tune(model, split, split, last=last, epochs=(1, 1), batch_size=8, verbose=0)


def use_batches(images, **options):
    labels = np.arange(len(images))
    for _ in tl.Split(images, labels, labels).batches(8, **options):
        pass


@pytest.mark.parametrize(
    "use",
    [
        lambda images, _: use_batches(images),
        lambda images, _: use_batches(images, shuffle=True),
        lambda images, network: tl.extract_features(network, images, batch_size=8, progress=False),
        lambda images, network: fine_tune(images, network, last=1),
        lambda images, network: fine_tune(images, network, last=None),
        lambda images, _: raw_pixels(images, size=4),
    ],
    ids=["batches", "shuffled", "features", "last block", "all blocks", "raw pixels"],
)
def test_never_all_in_memory(use, network):
    """However many there are, a few batches live at a time: of 8 here, or of the 64 of a part."""
    images = Counted(1000)
    use(images, network)
    assert images.live["most"] <= 200


@pytest.mark.skipif(os.name == "nt", reason="names are texts there, and there are no pipes")
def test_what_became_of_files_is_said_in_print(tmp_path):
    """A name that is no text is escaped in the warning; what is no file any more has no content."""
    names = [os.fsdecode(b"caf\xe9.png"), "a.png", "b.png", "c.png"]
    for name in names:
        Image.new("L", (4, 4), 100).save(tmp_path / name, "PNG")
    images = ImageFiles([tmp_path / name for name in names], 4)
    before = images.contents()
    assert len(set(before)) == 1
    for name in names[:3]:
        (tmp_path / name).unlink()
    os.mkfifo(tmp_path / "a.png")
    os.truncate(tmp_path / "c.png", 20 * 10**9)
    assert images.contents() == [""] * 4
    with pytest.warns(UserWarning, match=r"/caf\\udce9.png and 3 more cannot be read") as said:
        assert np.asarray(images).max() == 0
    assert str(said[0].message).isprintable()
    assert len(images.digests()) == 4
