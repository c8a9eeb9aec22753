import keras
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl
from tlhelpers.runtime import memory
from tlhelpers.storage import cache


class Hungry(keras.layers.Layer):
    """Fails as a full GPU does when a batch is larger than `limit`; in training alone if asked."""

    def __init__(self, limit, only_training=False, **options):
        super().__init__(**options)
        self.limit, self.only_training, self.supports_jit = limit, only_training, False

    def call(self, x, training=False):
        if self.only_training and not training:
            return x
        with tf.control_dependencies([tf.py_function(self.allocate, [tf.shape(x)[0]], [])]):
            return tf.identity(x)

    def allocate(self, size):
        if size > self.limit:
            raise MemoryError("OOM when allocating tensor")  # becomes ResourceExhaustedError


def network(limit, only_training=False):
    """`[n, 8, 8, 3] -> [n, 4]` in two blocks."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3, name="block1_conv"),
            keras.layers.Conv2D(4, 3, name="block2_conv"),
            Hungry(limit, only_training),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


@pytest.fixture
def pairs(images):
    return np.concatenate([images] * 4), np.arange(48) % 3


@pytest.mark.parametrize(("count", "fits"), [(1, True), (78, True), (82, False), (100, False)])
def test_a_fifth_of_the_memory_stays_free(count, fits, monkeypatch):
    """Arrays that would take all of it get the process killed, so they are refused in words."""
    monkeypatch.setattr(memory, "free_memory", lambda: 100 * 2**26)  # 100 arrays: 6.25 GiB
    shape = (4096, 4096)
    if fits:
        assert memory.check_memory(count, shape, "pictures") == count * 2**26
        return
    message = (
        rf"{count} pictures of shape \[4096, 4096\] need {count / 16:.1f} GiB; "
        r"5\.0 of the 6\.2 GiB that are free can be used\. Take some\."
    )
    with pytest.raises(MemoryError, match=message):
        memory.check_memory(count, shape, "pictures", "Take some.")


def test_features_name_the_batch_size_to_try(images):
    """Half of the one used; nothing is kept of what was computed; that size works."""
    with pytest.raises(
        MemoryError, match=r"no memory for a batch of 8\. Try batch_size=4\."
    ) as got:
        tl.extract_features(network(5), images, batch_size=8)
    assert isinstance(got.value.__cause__, tf.errors.ResourceExhaustedError)
    assert not (cache.cache_dir() / "features").exists()
    assert tl.extract_features(network(5), images, batch_size=4).shape == (12, 4)
    with pytest.raises(MemoryError, match=r"batch of 12\. Try batch_size=6"):  # all there are
        tl.extract_features(network(5), images, cache=False)
    with pytest.raises(MemoryError, match=r"batch of 1\. Try smaller pictures\."):
        tl.extract_features(network(0), images, batch_size=1)


@pytest.mark.parametrize(
    ("limit", "only_training", "given", "message"),
    [
        (16, True, {}, "a batch of 32 with 1 block unfrozen. Try batch_size=16."),
        (
            4,
            True,
            {"batch_size": 9, "last": 2},
            "a batch of 9 with 2 blocks unfrozen. Try batch_size=4, or fewer blocks, last=1.",
        ),
        (
            0,
            True,
            {"batch_size": 1, "last": None},
            "a batch of 1 with 2 blocks unfrozen. Try smaller pictures, or fewer blocks, last=1.",
        ),
        (16, False, {}, "a batch of 32 with all blocks frozen. Try batch_size=16."),
    ],
)
@pytest.mark.slow
def test_fine_tuning_names_what_to_try_and_loses_nothing(
    limit, only_training, given, message, pairs
):
    """Batch size and blocks, in each stage; weights are those before the call."""
    model = keras.Sequential([network(limit, only_training), keras.layers.Dense(3)])
    before = model.get_weights()
    with pytest.raises(MemoryError) as got:
        tl.fine_tune(model, pairs, epochs=(1, 1), verbose=0, **given)
    assert str(got.value) == f"The device has no memory for {message}"
    assert isinstance(got.value.__cause__, tf.errors.ResourceExhaustedError)
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_was_advised_works(pairs):
    """The size holds for every pass: the trunk's, the steps, validation before and after them."""
    model = keras.Sequential([network(16), keras.layers.Dense(3)])
    tl.fine_tune(model, pairs, pairs, epochs=(1, 1), batch_size=16, verbose=0)


def test_data_set_is_to_be_batched_anew(pairs):
    """Its batches are its own: the message gives the size that they should have."""
    data = tf.data.Dataset.from_tensor_slices(pairs)
    model = keras.Sequential([network(12), keras.layers.Dense(3)])
    with pytest.raises(MemoryError, match=r"a batch of 24 .* Try batches of 12\."):
        tl.fine_tune(model, data.batch(24), epochs=(1, 1), verbose=0)
    tl.fine_tune(model, data.batch(12), data.batch(12), epochs=(1, 1), verbose=0)
