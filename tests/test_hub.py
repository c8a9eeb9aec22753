import keras
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl
from tlhelpers import hub


def classifier(layer):
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def fit(model, images):
    labels = np.arange(len(images)) % 3
    return model.fit(images, labels, epochs=3, verbose=0)


def test_gives_what_the_module_gives(tiny_module, images):
    """The layer computes what the module computes in inference mode."""
    want = tf.saved_model.load(str(tiny_module))(images, training=False)
    np.testing.assert_array_equal(tl.HubLayer(tiny_module)(images), want)
    np.testing.assert_array_equal(tl.HubLayer(tiny_module)(images, training=True), want)


@pytest.mark.parametrize("style", ["sequential", "functional", "subclass"])
def test_works_in_each_style_of_model(style, tiny_module, images):
    """Sequential, functional and subclassed models take the layer, and know its output's size."""
    layer = tl.HubLayer(tiny_module)
    if style == "sequential":
        model = keras.Sequential([keras.Input((8, 8, 3)), layer])
        assert model.output_shape == (None, 4)
    elif style == "functional":
        inputs = keras.Input((8, 8, 3))
        model = keras.Model(inputs, layer(inputs))
        assert model.output_shape == (None, 4)
    else:

        class Model(keras.Model):
            def __init__(self):
                super().__init__()
                self.backbone = layer

            def call(self, x):
                return self.backbone(x)

        model = Model()
    np.testing.assert_allclose(model.predict(images, verbose=0), layer(images), atol=1e-6)


def test_frozen_weights_move_exactly_zero(tiny_module, images):
    """With trainable=False `fit` changes the head and nothing of the module."""
    layer = tl.HubLayer(tiny_module)
    before = [weight.numpy().copy() for weight in layer.weights]
    model = classifier(layer)
    assert len(model.trainable_weights) == 2
    fit(model, images)
    for weight, was in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, was)


def test_unfrozen_weights_move_and_the_module_computes_with_them(tiny_module, images):
    """With trainable=True Adam moves the kernel; statistics stay; outputs follow the kernel."""
    layer = tl.HubLayer(tiny_module, trainable=True)
    assert [weight.name for weight in layer.trainable_weights] == ["dense_kernel"]
    kernel, mean = (weight.numpy().copy() for weight in layer.weights)
    before = layer(images).numpy()
    fit(classifier(layer), images)
    assert np.abs(layer.weights[0].numpy() - kernel).max() > 1e-3
    np.testing.assert_array_equal(layer.weights[1], mean)
    assert np.abs(layer(images).numpy() - before).max() > 1e-3


def test_embedded_module_and_keras_file_are_one_network(digits):
    """glyphnet/ and glyphnet.keras give the same features."""
    images = digits.train.images[:20]
    network = keras.models.load_model(digits.backbone_file)
    features = tl.HubLayer(digits.backbone)(images)
    assert features.shape == (20, 128)
    np.testing.assert_allclose(features, network(images, training=False), atol=1e-4)


def test_embedded_module_honours_training(digits):
    """In training mode GlyphNet's BatchNorm uses and moves its statistics; else it does not."""
    module = tf.saved_model.load(str(tl.fetch.module_path(digits.backbone)))
    images = digits.train.images[:20]

    def moved_by(training):
        before = [variable.numpy().copy() for variable in module.variables]
        module(images, training=training)
        pairs = zip(module.variables, before, strict=True)
        return {v.name for v, was in pairs if (v.numpy() != was).any()}

    assert moved_by(False) == set()
    frozen = {v.name for v in module.variables} - {v.name for v in module.trainable_variables}
    assert moved_by(True) == frozen
    assert len(frozen) == 14


def test_embedded_variables_are_named_by_block(digits):
    """'The last two blocks' can be told from the names."""
    layer = tl.HubLayer(digits.backbone)
    blocks = {weight.name.split("_")[0] for weight in layer.weights}
    assert blocks == {f"block{k}" for k in range(1, 8)}


def test_config_makes_the_same_layer(tiny_module, images):
    """Handle and trainable survive get_config and from_config."""
    layer = tl.HubLayer(tiny_module, trainable=True)
    again = tl.HubLayer.from_config(layer.get_config())
    assert (again.handle, again.trainable) == (str(tiny_module), True)
    np.testing.assert_array_equal(again(images), layer(images))


def test_module_without_training_argument(tmp_path, images):
    """The interface leaves `training` out of modules that behave alike in both modes."""

    @tf.function(input_signature=[tf.TensorSpec((None, 8, 8, 3))])
    def call(images):
        return tf.reduce_mean(images, (1, 2))

    module = tf.train.Checkpoint()
    module.variables = module.trainable_variables = module.regularization_losses = []
    module.__call__ = call
    tf.saved_model.save(module, str(tmp_path))
    layer = tl.HubLayer(tmp_path)
    model = keras.Sequential([keras.Input((8, 8, 3)), layer])
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model.predict(images, verbose=0), images.mean((1, 2)), atol=1e-6)


def test_mixed_precision_leaves_the_module_in_its_own_type(tiny_module, images):
    """Under `setup(mixed_precision=True)` the module computes in float32, the head in float16."""
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = classifier(tl.HubLayer(tiny_module, trainable=True))
        fit(model, images)
        assert model.layers[-1].compute_dtype == "float16"
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    want = tf.saved_model.load(str(tiny_module))(images, training=False)
    np.testing.assert_allclose(tl.HubLayer(tiny_module)(images), want)


def test_savedmodel_that_is_no_hub_module(tmp_path):
    """A SavedModel without the reusable interface is refused with the way out."""
    tf.saved_model.save(tf.train.Checkpoint(v=tf.Variable(1.0)), str(tmp_path))
    with pytest.raises(ValueError, match=r"cannot be called as a TF Hub module.*load_model"):
        tl.HubLayer(tmp_path)


def test_keras_that_does_not_share_storage_is_said(monkeypatch, tiny_module):
    """If Keras changed inside, the layer refuses rather than train a copy."""

    class Stubborn:
        value = object()

    monkeypatch.setattr(tl.HubLayer, "add_weight", lambda self, **_: Stubborn())
    with pytest.raises(RuntimeError, match=r"Keras .* does not let a layer share"):
        hub.HubLayer(tiny_module)


@pytest.mark.slow
def test_real_imagenet_module(mirror):
    """MobileNetV2 as published: loads by its address, extracts, and trains with Adam."""
    layer = tl.HubLayer(
        "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5", trainable=True
    )
    photos = np.random.default_rng(0).random((4, 224, 224, 3), np.float32)
    assert tl.extract_features(layer, photos).shape == (4, 1280)
    before = [weight.numpy().copy() for weight in layer.weights]
    model = keras.Sequential([layer, keras.layers.Dense(2)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(photos, np.array([0, 1, 0, 1]), verbose=0)
    moved = {w.name: (w.numpy() != b).any() for w, b in zip(layer.weights, before, strict=True)}
    assert not any(m for name, m in moved.items() if "moving" in name)
    assert sum(moved.values()) > 100
