import keras
import numpy as np
import pytest
import tensorflow as tf

import tlhelpers as tl


def classifier(trainable=True):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="photo")
    x = keras.layers.Conv2D(4, 3, kernel_regularizer="l2", name="block1_conv")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.5, name="block1_norm")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, keras.layers.Dense(3, name="block2_dense")(x))


def test_exported_model_is_the_same_module(tmp_path, images):
    """Inference, training mode, names of blocks and regularization losses all come back."""
    model = classifier()
    folder = tl.export_module(model, tmp_path / "new" / "module")
    layer = tl.HubLayer(folder, trainable=True, batch_norm="update")
    np.testing.assert_allclose(layer(images), model(images, training=False), atol=1e-6)
    assert layer.blocks == ["block1", "block2"]
    assert [w.path for w in layer.trainable_weights][:2] == [
        "block1_conv/kernel",
        "block1_conv/bias",
    ]
    np.testing.assert_allclose(sum(layer.losses), sum(model.losses))
    mean = model.get_layer("block1_norm").moving_mean
    model(images, training=True)
    layer(images, training=True)
    (moved,) = (w for w in layer.weights if w.path == "block1_norm/moving_mean")
    np.testing.assert_allclose(moved, mean, atol=1e-6)
    assert np.abs(moved).max() > 1e-3


def test_export_does_not_tie_the_two(tmp_path, images):
    """What happens to the model after the export does not change the module, nor the reverse."""
    model = classifier()
    want = model(images)
    tl.export_module(model, tmp_path / "module")
    for weight in model.weights:
        weight.assign(weight + 1.0)
    np.testing.assert_allclose(tl.HubLayer(tmp_path / "module")(images), want, atol=1e-6)


def test_other_readers_and_the_signature(tmp_path, images):
    """TensorFlow and tensorflow_hub load it; the signature takes images and gives default."""
    import tensorflow_hub

    model = classifier()
    folder = str(tl.export_module(model, tmp_path / "module"))
    want = model(images)
    for load in (tf.saved_model.load, tensorflow_hub.load):
        module = load(folder)
        np.testing.assert_allclose(module(images), want, atol=1e-6)
        outputs = module.signatures["serving_default"](images=tf.constant(images))
        np.testing.assert_allclose(outputs["default"], want, atol=1e-6)


@pytest.mark.slow
def test_fine_tuned_module_is_published(tmp_path, digits):
    """A model around a module keeps the names of both, and what was trained in them."""
    images = digits.train.images[:16]
    backbone = tl.HubLayer(digits.backbone)
    backbone.unfreeze(last=1)
    head = keras.layers.Dense(10, name="head")
    model = keras.Sequential([keras.Input(digits.image_shape), backbone, head])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(images, digits.train.labels[:16], verbose=0)
    tl.export_module(model, tmp_path / "digits")
    layer = tl.HubLayer(tmp_path / "digits")
    assert layer.blocks == [*backbone.blocks, "head"]
    np.testing.assert_allclose(layer(images), model(images), atol=1e-5)
    assert np.abs(layer(images) - head(tl.HubLayer(digits.backbone)(images))).max() > 1e-2
    layer.unfreeze(last=2)
    assert len(layer.trainable_weights) == 5
    tl.export_module(backbone, tmp_path / "features")
    features = tl.HubLayer(tmp_path / "features")(images)
    np.testing.assert_allclose(features, backbone(images), atol=1e-5)


def test_what_was_frozen_can_train_in_the_module(tmp_path, module, images):
    """A frozen module under a head is published as one that can be fine-tuned; nothing changes."""
    backbone = tl.HubLayer(module("blocks"))
    model = keras.Sequential([keras.Input((4,)), backbone, keras.layers.Dense(3, name="top")])
    backbone.unfreeze(["head"])
    flags = [weight.trainable for weight in model.weights]
    layer = tl.HubLayer(tl.export_module(model, tmp_path / "new"))
    assert [weight.trainable for weight in model.weights] == flags
    assert layer.blocks == ["stem", "block_1", "block_2", "head", "top"]
    layer.unfreeze()
    assert len(layer.trainable_weights) == 6
    again = tl.HubLayer(tl.export_module(layer, tmp_path / "again"))
    assert again.blocks == layer.blocks
    frozen = classifier()
    frozen.trainable = False
    layer = tl.HubLayer(tl.export_module(frozen, tmp_path / "frozen"), trainable=True)
    assert len(layer.trainable_weights) == 6
    assert not frozen.trainable_weights


def test_text_model(tmp_path):
    """Texts go in as `sentences`; the vocabulary travels with the module."""
    words = keras.layers.TextVectorization(output_mode="multi_hot")
    words.adapt(["good film", "bad film"])
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, keras.layers.Dense(2)(words(inputs)))
    folder = tl.export_module(model, tmp_path / "module")
    want = model(tf.constant(["good", "film"]))
    np.testing.assert_allclose(tl.HubLayer(folder)(["good", "film"]), want, atol=1e-6)
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    np.testing.assert_allclose(signature(sentences=tf.constant(["good"]))["default"], want[:1])


def test_vocabulary_deep_inside(tmp_path):
    """Tables of layers inside a model inside the model travel too."""
    words = keras.layers.TextVectorization(output_mode="multi_hot")
    words.adapt(["good film", "bad film"])
    inner = keras.Sequential([keras.Input((), dtype="string"), words, keras.layers.Dense(2)])
    model = keras.Sequential([keras.Input((), dtype="string"), inner, keras.layers.Dense(2)])
    layer = tl.HubLayer(tl.export_module(model, tmp_path / "module"))
    np.testing.assert_allclose(layer(["good"]), model(tf.constant(["good"])), atol=1e-6)


def test_card(tmp_path, tiny_module):
    """The card says what goes in and comes out, what it is made from, and what is not yet said."""
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), tl.HubLayer(tiny_module), keras.layers.Dense(3)]
    )
    tl.export_module(model, tmp_path / "letters", about="Names letters.", licence="CC BY 4.0")
    card = (tmp_path / "letters" / "README.md").read_text(encoding="utf-8")
    for part in (
        "# letters",
        "Names letters.",
        "CC BY 4.0",
        "`images`: float32 [None, 8, 8, 3]",
        "float32 [None, 3]",
        "| 787 |",
        str(tiny_module),
        "Say how good the model is",
    ):
        assert part in card, part


def test_nothing_is_overwritten(tmp_path):
    """A folder that holds something, or a file, is left alone; an empty folder is used."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    (tmp_path / "file").write_text("more")
    for name in ("thesis", "file"):
        with pytest.raises(FileExistsError, match=r"holds something already.*new folder"):
            tl.export_module(classifier(), tmp_path / name)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    tl.export_module(classifier(), tmp_path / "empty")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "thesis"]


def test_export_that_fails_leaves_nothing(tmp_path, monkeypatch):
    """The folder appears only when it is complete."""

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="No space left"):
        tl.export_module(classifier(), tmp_path / "module")
    assert list(tmp_path.iterdir()) == []


def test_models_that_cannot_be_exported(tmp_path, module):
    """No model, one that does not know its input, one with several: each is told apart."""
    with pytest.raises(TypeError, match=r"keras\.Model or a HubLayer is expected, not Dense"):
        tl.export_module(keras.layers.Dense(1), tmp_path / "m")
    with pytest.raises(ValueError, match="does not know its input"):
        tl.export_module(keras.Sequential([keras.layers.Dense(1)]), tmp_path / "m")
    with pytest.raises(ValueError, match="Give HubLayer its input_shape"):
        tl.export_module(tl.HubLayer(module("dict_in_and_out")), tmp_path / "m")
    inputs = [keras.Input((1,)), keras.Input((1,))]
    model = keras.Model(inputs, keras.layers.Add()(inputs))
    with pytest.raises(ValueError, match="has 2 inputs and 1 outputs"):
        tl.export_module(model, tmp_path / "m")
