import keras
import numpy as np
import pytest
import tensorflow as tf

from tlhelpers.training import data_forms, losses

IMAGES, LABELS = np.arange(20.0, dtype=np.float32).reshape(5, 4), np.arange(5)


def test_forms_of_data(digits):
    """A Split, a pair of anything like arrays, a dict of inputs."""
    few = digits.few(1)
    assert data_forms.as_pair(few)[0] is few.images
    inputs, labels = data_forms.as_pair(([[1.0], [2.0]], [0, 1]))
    assert inputs.shape == (2, 1)
    assert labels.tolist() == [0, 1]
    inputs, _ = data_forms.as_pair(({"a": [1, 2], "b": [[3], [4]]}, [0, 1]))
    assert inputs["b"].shape == (2, 1)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(2)
    assert data_forms.as_pair(data) is None
    assert data_forms.fit_arguments(data) == {"x": data}
    assert set(data_forms.fit_arguments((IMAGES, LABELS))) == {"x", "y"}


def test_first_batches_are_shuffled_and_begin_again():
    """Arrays: every sample once in each round, inputs with their labels."""
    found = data_forms.first_batches((IMAGES, LABELS), 4, batch_size=3)
    assert [len(labels) for _, labels in found] == [3, 2, 3, 2]
    assert sorted(np.concatenate([labels for _, labels in found[:2]])) == [0, 1, 2, 3, 4]
    for images, labels in found:
        np.testing.assert_array_equal(images, IMAGES[labels])
    assert [labels.tolist() for _, labels in found] != [[0, 1, 2], [3, 4], [0, 1, 2], [3, 4]]


def test_first_batches_of_a_data_set():
    """As they come; a short one begins again."""
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
    found = data_forms.first_batches(data, 3)
    assert [labels.tolist() for _, labels in found] == [[0, 1, 2, 3], [4], [0, 1, 2, 3]]
    with pytest.raises(ValueError, match="The data set is empty"):
        data_forms.first_batches(data.take(0), 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (IMAGES, "Data are of type ndarray; a Split, a pair"),
        ((IMAGES, LABELS, LABELS), "of type tuple; a Split, a pair"),
        ((IMAGES, LABELS[:2]), "5 inputs, 2 labels; one label an input"),
        ((IMAGES[:0], LABELS[:0]), "0 inputs, 0 labels"),
        (tf.data.Dataset.from_tensor_slices(IMAGES), "gives no labels"),
    ],
)
def test_what_is_refused(data, message):
    """What came, and what is expected."""
    with pytest.raises((TypeError, ValueError), match=message):
        data_forms.as_pair(data)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mse"),
        (keras.losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy"),
        (keras.losses.mean_squared_error, "mean_squared_error"),
    ],
)
def test_loss_name(loss, name):
    """Strings, objects and functions."""
    assert losses.loss_name(loss) == name
