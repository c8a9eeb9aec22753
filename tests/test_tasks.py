import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

import tlhelpers as tl

SPLITS = ("train", "validation", "test")


def test_splits_are_disjoint_complete_and_stratified(digits):
    """Every digit of scikit-learn stands in exactly one split; each class alike in each."""
    splits = [getattr(digits, name) for name in SPLITS]
    everything = np.concatenate([split.index for split in splits])
    np.testing.assert_array_equal(np.sort(everything), np.arange(1797))
    assert [len(split) for split in splits] == [600, 300, 897]
    assert set(np.bincount(digits.train.labels)) == {60}
    assert set(np.bincount(digits.validation.labels)) == {30}
    assert np.bincount(digits.test.labels).min() >= 84


def test_no_picture_stands_in_two_splits(digits):
    """The data set holds no duplicates across splits."""
    seen = [{image.tobytes() for image in getattr(digits, name).images} for name in SPLITS]
    assert len(set.union(*seen)) == sum(map(len, seen))


def test_split_is_fixed(digits):
    """The same samples in every session, with the pictures and labels of the original."""
    original = load_digits()
    sums = [int(getattr(digits, name).index.sum()) for name in SPLITS]
    assert sums == [179846, 224793, 1209067]
    for name in SPLITS:
        split = getattr(digits, name)
        np.testing.assert_array_equal(split.labels, original.target[split.index])
        cells = split.images[..., 0].reshape(-1, 8, 4, 8, 4).mean((2, 4))
        want = original.images[split.index] / 16
        assert np.corrcoef(cells.ravel(), want.ravel())[0, 1] > 0.97


def test_images_follow_the_common_signature(digits):
    """float32 `[n, 32, 32, 3]` in `[0, 1]`, bright ink on a dark ground."""
    for name in SPLITS:
        images = getattr(digits, name).images
        assert images.dtype == np.float32
        assert images.shape[1:] == digits.image_shape == (32, 32, 3)
        assert images.min() == 0
        assert images.max() == 1
        assert images[:, 0, 0].mean() < 0.1 < images[:, 12:20, 12:20].mean()


def test_few_draws_nested_balanced_parts_of_train(digits):
    """k labels a class, all from train; with one seed 2 labels are among the 5."""
    few, more = digits.few(2, seed=1), digits.few(5, seed=1)
    assert set(np.bincount(few.labels)) == {2}
    assert set(few.index) < set(more.index) < set(digits.train.index)
    np.testing.assert_array_equal(few.index, digits.few(2, seed=1).index)
    assert set(few.index) != set(digits.few(2, seed=2).index)


@pytest.mark.parametrize("k", [0, 61, -1, 2.5, "2"])
def test_more_labels_than_there_are(digits, k):
    """The message says how many there are."""
    with pytest.raises(ValueError, match=rf"labels_per_class is {k!r}; .*give 1 to 60"):
        digits.few(k)


@pytest.mark.parametrize("name", ["digit", None, 3])
def test_unknown_task_lists_the_valid_ones(name):
    """A wrong name gets the list of names."""
    with pytest.raises(ValueError, match=r"Unknown task .*Valid tasks: 'digits'"):
        tl.load_task(name)


def test_list_tasks_is_a_table():
    """Size of the download, licence and advised device of each task."""
    table = tl.list_tasks()
    assert "digits" in table.index
    assert {"source", "target", "download", "licence", "device"} <= set(table.columns)


def test_split_refuses_labels_that_do_not_match(digits):
    """Counts are named."""
    train = digits.train
    with pytest.raises(ValueError, match="Labels do not match images: got 600 images, 599 labels"):
        tl.Split(train.images, train.labels[:-1], train.index)


def test_task_refuses_labels_outside_its_classes(digits):
    """The label that has no class is named."""
    bad = tl.Split(digits.train.images, digits.train.labels + 1, digits.train.index)
    with pytest.raises(ValueError, match="train holds label 10, but there are 10 classes, 0 to 9"):
        dataclasses.replace(digits, train=bad)


def test_task_refuses_overlapping_splits(digits):
    """A sample in two splits is an error, not a warning."""
    with pytest.raises(ValueError, match="The splits overlap"):
        dataclasses.replace(digits, validation=digits.test.take(slice(0, 10)))
