"""Private names of Keras and TensorFlow: each test says which of them no longer does its work."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl
from tlhelpers.runtime import keras_private

BROKEN = f"With Keras {keras.__version__} and TensorFlow {tf.__version__}, "


def inner_and_outer():
    inputs = keras.Input((4,))
    middle = keras.layers.Dense(3, name="inner_dense")(inputs)
    inner = keras.Model(inputs, keras.layers.Dropout(0.5, name="drop")(middle), name="inner")
    outputs = keras.layers.Dense(2, name="head")(inner(inputs))
    return inner, keras.Model(inputs, outputs, name="outer")


def test_all_layers():
    """`_flatten_layers` goes into models in a model, and gives the model itself first."""
    inner, outer = inner_and_outer()
    found = keras_private.all_layers(outer)
    names = [layer.name for layer in found]
    assert found[0] is outer, BROKEN + "_flatten_layers no longer begins with the model"
    assert {"inner", "inner_dense", "drop", "head"} <= set(names), BROKEN + f"it gives {names}"
    dense = inner.get_layer("inner_dense")
    assert keras_private.all_layers(dense) == [dense]


def test_run_layers():
    """`_run_through_graph` hands each layer and its inputs to a function, in the order of use."""
    _, outer = inner_and_outer()
    called = []

    def call(layer, *args, **kwargs):
        called.append(layer.name)
        return layer(*args, **kwargs)

    x = np.ones((2, 4), np.float32)
    found = keras_private.run_layers(outer, keras.ops.convert_to_tensor(x), call)
    assert called == ["inner", "head"], BROKEN + f"_run_through_graph calls {called}"
    np.testing.assert_allclose(found, outer(x), rtol=1e-5)


def test_in_safe_mode(tmp_path):
    """`from_config` can tell whether Keras was told to trust the file."""
    seen = []

    @keras.saving.register_keras_serializable("test_in_safe_mode")
    class Spy(keras.layers.Layer):
        @classmethod
        def from_config(cls, config):
            seen.append(keras_private.in_safe_mode())
            return cls(**config)

    keras.Sequential([keras.Input((1,)), Spy()]).save(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras")
    keras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    assert seen == [True, False], BROKEN + f"in_safe_mode says {seen} while files are loaded"
    assert keras_private.in_safe_mode() is None


def test_in_call():
    """A layer that is called can be told from one that is made or built."""
    seen = []

    class Spy(keras.layers.Layer):
        def call(self, inputs):
            seen.append(keras_private.in_call())
            return inputs

    Spy()(np.ones((1, 1)))
    assert seen == [True], BROKEN + "in_call does not see a call"
    assert not keras_private.in_call()


def test_storage_is_shared():
    """What one side assigns the other reads; this fails when a new Keras makes copies."""
    variable = tf.Variable([1.0, 2.0], name="scope/strange(name)")
    weight = keras_private.share_storage(variable, trainable=True)
    assert weight.path == "scope/strange_name_"
    weight.assign([3.0, 4.0])
    np.testing.assert_array_equal(variable, [3.0, 4.0], BROKEN + "a variable is copied")
    variable.assign([5.0, 6.0])
    np.testing.assert_array_equal(weight, [5.0, 6.0])


def test_keras_that_does_not_share_storage_is_said(monkeypatch, tiny_module):
    """If Keras changed inside, the layer refuses rather than train a copy."""

    class Stubborn:
        value = object()

    monkeypatch.setattr(keras, "Variable", lambda *_, **__: Stubborn())
    with pytest.raises(RuntimeError, match=r"Keras .* does not let a layer share"):
        tl.HubLayer(tiny_module)


def test_weights_of_an_optimizer():
    """`_trainable_variables` and `_get_variable_index` know the weights it was built for."""
    _, outer = inner_and_outer()
    optimizer = keras.optimizers.Adam()
    optimizer.build(outer.trainable_variables)
    known = keras_private.optimizer_variables(optimizer)
    assert [id(v) for v in known] == [id(v) for v in outer.trainable_variables], BROKEN + (
        "_trainable_variables holds other things"
    )
    places = [keras_private.variable_index(optimizer, v) for v in outer.trainable_variables]
    assert places == [0, 1, 2, 3], BROKEN + f"_get_variable_index gives {places}"
    of_values = [keras_private.variable_index(optimizer, v.value) for v in known]
    assert of_values == places


def test_weight_decay_goes_through_the_hook():
    """`_apply_weight_decay` is called with the weights, once a step."""
    seen = []

    class Watched(keras_private.WeightDecayHook, keras.optimizers.AdamW):
        def decay_weights(self, variables, decay):
            seen.append(len(variables))
            decay(variables)

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(Watched(0.1, weight_decay=0.5), "mse", run_eagerly=True)
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), batch_size=4, verbose=0)
    assert seen == [2], BROKEN + f"_apply_weight_decay was called for {seen} weights"


def test_recorded_inputs():
    """A layer's own call is met inside of a model, and put back."""
    inner, outer = inner_and_outer()
    x = np.ones((2, 4), np.float32)
    with keras_private.recorded_inputs(inner) as seen:
        outer(x)
    assert len(seen) == 1, BROKEN + "a layer's `call` is not met where it stands in a model"
    np.testing.assert_array_equal(seen[0], x)
    outer(x)
    assert len(seen) == 1
    assert "call" not in vars(inner)


def test_steps_of_a_data_set():
    """`_inputs` and `_map_func` tell what a data set is made of, or are missed in words."""
    numbers = tf.data.Dataset.range(4).map(lambda x: x + 1, num_parallel_calls=2).batch(2).cache()
    steps = list(keras_private.data_sets(numbers))
    assert len(steps) == 4, BROKEN + f"a data set is made from {steps}"
    found = [keras_private.mapped_function(step) is not None for step in steps]
    assert found == [False, False, True, False], BROKEN + "_map_func is not where it was"
    both = tf.data.Dataset.zip(numbers, numbers.interleave(tf.data.Dataset.from_tensors))
    assert len(list(keras_private.data_sets(both))) == 10


def test_a_data_set_that_does_not_tell(monkeypatch):
    """If TensorFlow renames what is read, that is said, and not taken for a map without effect."""
    mapped = tf.data.Dataset.range(4).map(lambda x: x + 1)
    monkeypatch.delattr(mapped, "_map_func")
    with pytest.raises(LookupError, match=r"TensorFlow .* does not tell what _MapDataset applies"):
        keras_private.mapped_function(mapped)
