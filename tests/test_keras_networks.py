"""Promises of backbones: each with the preparation of pictures that belongs to it."""

import functools
import hashlib

import h5py
import keras
import numpy as np
import pytest
from loopback import Server, file, status

import tlhelpers as tl
from tlhelpers.backbones import keras_networks, mobilenet_v2
from tlhelpers.backbones.efficientnet_lite0 import LITE0, architecture
from tlhelpers.backbones.list_backbones import MOBILENET
from tlhelpers.backbones.side import side

NAMES = list(keras_networks.APPLICATIONS)
SMALL = {"InceptionV3": 75}  # sides that are cheap to compute


@functools.cache
def built(name):
    keras.utils.set_random_seed(0)
    return keras_networks.build(name, SMALL.get(name, 32))


@pytest.fixture(scope="module")
def mobilenet():
    return built("MobileNetV2")


@pytest.mark.parametrize(
    ("name", "prepare"),
    [
        ("VGG16", keras.applications.vgg16.preprocess_input),
        ("ResNet50", keras.applications.resnet.preprocess_input),
        ("InceptionV3", keras.applications.inception_v3.preprocess_input),
        ("MobileNetV2", keras.applications.mobilenet_v2.preprocess_input),
        ("EfficientNetV2B0", keras.applications.efficientnet_v2.preprocess_input),
    ],
)
@pytest.mark.slow
def test_preparation_is_that_of_the_network(name, prepare):
    """Images in [0, 1] give what Keras' own preparation of 0 to 255 and its network give."""
    network = built(name)
    side = network.input_shape[1]
    plain = getattr(keras.applications, name)(
        include_top=False, weights=None, pooling="avg", input_shape=(side, side, 3)
    )
    plain.set_weights(network.get_weights())
    images = np.random.default_rng(0).random((2, side, side, 3), np.float32)
    want = plain(prepare(255 * images.copy()), training=False)
    np.testing.assert_allclose(network(images, training=False), want, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_blocks_of_inception_have_names_that_stay():
    """Keras numbers its layers on and on; blocks are called by their place in the network."""
    want = ["stem0", *(f"mixed{i}" for i in range(11))]
    keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    assert tl.blocks(built("InceptionV3")) == want


@pytest.mark.slow
def test_the_table_says_what_the_networks_are():
    """Parameters and sizes are those of the networks themselves."""
    table = tl.list_backbones()
    assert list(table.index[:3]) == ["embedded:glyphnet", LITE0, MOBILENET]
    for name in NAMES:
        assert table.parameters[f"keras:{name}"] == built(name).count_params()
        assert table.input_size[f"keras:{name}"] == side(f"keras:{name}")
    assert table.parameters[LITE0] == architecture(96).count_params()
    glyphnet = tl.load_backbone("embedded:glyphnet")
    assert table.parameters["embedded:glyphnet"] == glyphnet.count_params()
    assert table.input_size["embedded:glyphnet"] == glyphnet.input_shape[1]
    assert table.imagenet_top1.dropna().between(0.7, 0.8).all()


def test_caffe_preparation_is_saved_with_the_network(tmp_path):
    """A loaded VGG16 gives what the saved one gave."""
    network = built("VGG16")
    network.save(tmp_path / "vgg.keras")
    loaded = keras.models.load_model(tmp_path / "vgg.keras")
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    np.testing.assert_array_equal(loaded(images), network(images))


def test_weights_are_downloaded_once_and_compared(mobilenet, tmp_path, monkeypatch):
    """Through the protocol of the real host; another checksum is refused."""
    path = tmp_path / "w.h5"
    _save_legacy(mobilenet, path)
    content = path.read_bytes()
    name = "MobileNetV2"
    known = keras_networks.APPLICATIONS[name]
    weights = (known.weights[0], f"md5:{hashlib.md5(content).hexdigest()}")
    monkeypatch.setitem(keras_networks.APPLICATIONS, name, known._replace(weights=weights))
    with Server(file(content)) as server:
        monkeypatch.setattr(keras_networks, "_PLACE", f"{server.address}/")
        first = tl.load_backbone("keras:MobileNetV2", size=32)
        asked = len(server.requests)
        tl.load_backbone("keras:MobileNetV2", size=32)
        assert len(server.requests) == asked
        assert server.requests[0][0].endswith("_1.0_224_no_top.h5")
    for got, want in zip(first.get_weights(), mobilenet.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_the_whole_classifier(tmp_path, monkeypatch):
    """With a head the other file is asked for; it gives probabilities of ImageNet's classes."""
    keras.utils.set_random_seed(0)
    whole = keras_networks.build("MobileNetV2", 32, head=True)
    _save_legacy(whole, tmp_path / "w.h5")
    with Server(file((tmp_path / "w.h5").read_bytes())) as server:
        monkeypatch.setattr(keras_networks, "_PLACE", f"{server.address}/")
        found = tl.load_backbone("keras:MobileNetV2", size=32, head=True)
        assert server.requests[0][0].endswith("_1.0_224.h5")
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    probabilities = found(images, training=False)
    np.testing.assert_array_equal(probabilities, whole(images, training=False))
    np.testing.assert_allclose(np.sum(probabilities, 1), [1, 1], rtol=1e-5)
    with pytest.raises(ValueError, match=r"of VGG16 takes .* 224 .* not of 32\. Give size=224"):
        tl.load_backbone("keras:VGG16", size=32, head=True)
    with pytest.raises(ValueError, match=r"feature_vector/5' has no head\. .*'keras:VGG"):
        tl.load_backbone(MOBILENET, head=True)


@pytest.mark.slow
def test_blocks_of_whole_inception():
    """The head has its own name, and does not count as a block of the backbone."""
    blocks = tl.blocks(keras_networks.build("InceptionV3", 75, head=True))
    assert blocks == ["stem0", *(f"mixed{i}" for i in range(11)), "predictions"]


def _save_legacy(model, path):
    """Weights in the form in which Keras Applications publishes them, layer by layer."""
    with h5py.File(path, "w") as h5:
        layers = [layer for layer in model.layers if layer.weights]
        h5.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        h5.attrs["backend"], h5.attrs["keras_version"] = b"tensorflow", b"2.2.0"
        for layer in layers:
            group = h5.create_group(layer.name)
            group.attrs["weight_names"] = [weight.path.encode() for weight in layer.weights]
            for weight in layer.weights:
                group.create_dataset(weight.path, data=weight.numpy())


def test_without_internet(monkeypatch):
    """One line that says where the file may lie."""
    with Server(status(404)) as server:
        monkeypatch.setattr(keras_networks, "_PLACE", f"{server.address}/")
        with pytest.raises(ConnectionError, match=r"TLHELPERS_MIRROR .* keras/vgg16_weights"):
            tl.load_backbone("keras:VGG16")


def test_handles_and_sizes_that_cannot_be():
    """The valid ones are listed."""
    for handle in ("keras:VGG", "VGG16", "embedded:nothing", "tfhub.dev/google/any/1", 3):
        with pytest.raises(ValueError, match=rf"Unknown backbone {handle!r}\. Valid") as error:
            tl.load_task("digits", backbone=handle)
        assert all(repr(known) in str(error.value) for known in tl.list_backbones().index)
        assert "; the address of another module for pictures on tfhub.dev" in str(error.value)
    with pytest.raises(ValueError, match=r"20 pixels a side are too small .* size=32 or more"):
        tl.load_backbone("keras:VGG16", size=20)
    with pytest.raises(ValueError, match=r"inner layers .* cannot be reached.*glyphnet"):
        tl.load_backbone("https://tfhub.dev/google/imagenet/inception_v3/feature_vector/5")


def slim(path):
    """Name of a weight in TensorFlow's slim library, of its name in Keras Applications."""
    layer, weight = path.split("/")
    weight = {"kernel": "weights"}.get(weight, weight)
    norm = "BatchNorm/" if layer.endswith(("_BN", "_bn")) or layer.startswith("bn_") else ""
    layer = layer.replace("bn_Conv1", "Conv").replace("Conv_1_bn", "Conv_1").removesuffix("_BN")
    layer = {"Conv1": "Conv"}.get(layer, layer)
    if layer.startswith("block_"):
        _, number, part = layer.split("_")
        layer = f"expanded_conv_{number}/{part}"
    elif layer.startswith("expanded_conv_"):
        layer = f"expanded_conv/{layer.removeprefix('expanded_conv_')}"
    if layer.endswith("depthwise") and not norm:
        weight = "depthwise_weights"
    return f"MobilenetV2/{layer}/{norm}{weight}"


@pytest.mark.parametrize("name_of", [lambda path: path, slim])
def test_layers_of_the_hub_module_can_be_reached(mobilenet, name_of):
    """Its weights are put into the same network of Keras, whatever of the two names they have."""
    layer = _like_hub_layer(mobilenet, name_of)
    found = mobilenet_v2.with_weights_of(keras_networks.build("MobileNetV2", 32), layer)
    for got, want in zip(found.get_weights(), mobilenet.get_weights(), strict=True):
        np.testing.assert_array_equal(got, want)


def test_another_module_is_refused(mobilenet):
    """Weights that are missing; or features that differ."""
    layer = _like_hub_layer(mobilenet, lambda path: path.replace("Conv1", "Start"))
    with pytest.raises(ValueError, match="are not those of MobileNetV2"):
        mobilenet_v2.with_weights_of(keras_networks.build("MobileNetV2", 32), layer)
    whole = keras_networks.build("MobileNetV2", 224)
    layer = _like_hub_layer(whole, lambda path: path)
    layer.function = lambda images: whole(images, training=False) + 1.0
    with pytest.raises(ValueError, match="gives other features than the module"):
        mobilenet_v2.with_weights_of(keras_networks.build("MobileNetV2", 224), layer)


def _like_hub_layer(network, name_of):
    class Weight:
        def __init__(self, weight):
            self.path, self.numpy = name_of(weight.path), weight.numpy

    class Layer:
        handle, weights = "a module", [Weight(weight) for weight in network.weights]
        function = staticmethod(lambda images: network(images, training=False))

        def __call__(self, images):
            return self.function(images)

    return Layer()


def test_real_module_and_its_layers(mirror):
    """With the mirror: the network of Keras gives the features of the module."""
    task = tl.load_task("flowers")
    images = np.asarray(task.train.images[:3])
    want = np.asarray(task.layer()(images))
    np.testing.assert_allclose(task.network().predict(images, verbose=0), want, atol=1e-4)
    assert tl.blocks(task.network())[-2:] == ["block_16", "Conv_1"]
