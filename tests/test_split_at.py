import keras
import numpy as np
import pytest
from fuzz import some
from hypothesis import given
from hypothesis import strategies as st

import tlhelpers as tl
from tlhelpers.runtime import memory

FREE = memory.free_memory()


def glyphnet_model(digits):
    keras.utils.set_random_seed(0)
    base = digits.network()
    tl.unfreeze(base, last=2)
    return keras.Sequential([keras.Input((32, 32, 3)), base, keras.layers.Dense(10, name="head")])


def mobilenet_model(_):
    keras.utils.set_random_seed(0)
    options = {"weights": None, "include_top": False, "pooling": "avg", "alpha": 0.35}
    base = keras.applications.MobileNetV2((32, 32, 3), **options)
    tl.unfreeze(base, last=2)
    outputs = keras.layers.Dense(10, name="head")(base.output)
    return keras.Model(base.input, outputs)  # flat, unlike the other


CASES = pytest.mark.parametrize(
    ("make", "layer"),
    [
        (glyphnet_model, "block5_out"),
        (glyphnet_model, "block5"),
        pytest.param(mobilenet_model, "block_15_add", marks=pytest.mark.slow),
    ],
)


def fit(model, x, labels):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(tl.layerwise(keras.optimizers.Adam(1e-3), {"head": 2.0}), loss)
    return model.fit(x, labels, epochs=3, batch_size=16, shuffle=False, verbose=0).history["loss"]


@CASES
def test_tail_learns_what_the_whole_would(make, layer, digits):
    """Losses and final weights are those of ordinary partial fine-tuning on the same batches."""
    images, labels = digits.train.images[:64], digits.train.labels[:64]
    whole = make(digits)
    want = fit(whole, images, labels)
    model = make(digits)
    trunk, tail = tl.split_at(model, layer)
    activations = tl.extract_features(trunk, images, spatial=True, progress=False)
    got = fit(tail, activations, labels)
    np.testing.assert_allclose(got, want, atol=1e-4)
    for one, two in zip(model.weights, whole.weights, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)
    # the model is joined already: its layers are those that learnt
    joined = tail.predict(activations, verbose=0)
    np.testing.assert_allclose(model.predict(images, verbose=0), joined, atol=1e-4)
    assert len(tail.trainable_weights) == len(whole.trainable_weights)


@pytest.mark.slow
def test_every_place_can_be_cut(digits):
    """Wherever the network may be cut, the two halves give what the whole gives."""
    model = mobilenet_model(digits)
    tl.freeze(model)
    images = digits.train.images[:2]
    want = model(images)
    with pytest.raises(ValueError, match=r"cut behind 'nowhere': there is no such") as error:
        tl.split_at(model, "nowhere")
    places = str(error.value).split("behind: ")[1].rstrip(".").split(", ")
    assert "block_15_add" in places
    assert len(places) == len(tl.blocks(model)) - 1  # nothing follows the head
    for place in places:
        trunk, tail = tl.split_at(model, place)
        np.testing.assert_allclose(tail(trunk(images)), want, atol=1e-5)


def test_places_that_cannot_be_cut(digits):
    """Inside a residual block something leads past; before a weight that trains nothing is kept."""
    model = mobilenet_model(digits)
    with pytest.raises(
        ValueError, match=r"something leads past it.*block_2_add, block_3_project_BN"
    ):
        tl.split_at(model, "block_2_expand")
    with pytest.raises(ValueError, match=r"Before 'Conv_1_bn' \d+ weights train, block_16"):
        tl.split_at(model, "Conv_1_bn")
    with pytest.raises(TypeError, match=r"a SavedModel is one function.*network"):
        tl.split_at(tl.HubLayer(digits.backbone), "block5")
    model = keras.Sequential([tl.HubLayer(digits.backbone), keras.layers.Dense(2)])
    with pytest.raises(TypeError, match="SavedModel is one function"):
        tl.split_at(model, "block5")
    with pytest.raises(TypeError, match="functional or a built Sequential model is expected"):
        tl.split_at(keras.layers.Dense(1), "dense")


def published(digits):
    """As tutorials build it: preprocessing, the base called with training=False, dropout."""
    base = digits.network()
    tl.unfreeze(base, last=1)
    inputs = keras.Input((32, 32, 3))
    x = base(keras.layers.Rescaling(0.5)(inputs), training=False)
    x = keras.layers.Dropout(0.2, name="drop")(x)
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def test_inside_a_model_in_a_model(digits):
    """The inner model is cut, what is before it goes into the trunk, the head into the tail."""
    model = published(digits)
    images = digits.train.images[:4]
    trunk, tail = tl.split_at(model, "block6")
    activations = trunk.predict(images, verbose=0)
    want = model.predict(images, verbose=0)
    np.testing.assert_allclose(tail.predict(activations, verbose=0), want, atol=1e-5)
    assert [w.path for w in tail.trainable_weights] == [w.path for w in model.trainable_weights]


def test_without_a_layer(digits):
    """As late as nothing before it trains or is random."""
    model = published(digits)
    trunk, _ = tl.split_at(model)
    assert trunk.output_shape == (None, 1536)  # block7 trains
    tl.freeze(model.layers[2])
    trunk, tail = tl.split_at(model)
    assert trunk.output_shape == (None, 128)
    assert "drop" in [layer.name for layer in tail.layers]
    model = glyphnet_model(digits)
    tl.unfreeze(model)
    with pytest.raises(ValueError, match=r"cut: it trains from its first.*Freeze its first"):
        tl.split_at(model)


def test_behind_a_hub_layer(digits):
    """A module cannot be cut inside, but what follows it can be cut off."""
    model = keras.Sequential([tl.HubLayer(digits.backbone, name="hub"), keras.layers.Dense(2)])
    images = digits.train.images[:4]
    for trunk, tail in (tl.split_at(model), tl.split_at(model, "hub")):
        assert trunk.output_shape == (None, 128)
        joined = tail.predict(trunk.predict(images, verbose=0), verbose=0)
        np.testing.assert_allclose(joined, model.predict(images, verbose=0), atol=1e-5)


def test_dropout_in_the_trunk_is_said():
    """What is random in training is not in the activations."""
    inputs = keras.Input((4,))
    x = keras.layers.Dropout(0.5, name="drop")(keras.layers.Dense(3, trainable=False)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    with pytest.warns(UserWarning, match=r"\['drop'\] differ in training"):
        tl.split_at(model, "drop")


def test_memory_is_said_and_checked_first(digits, monkeypatch, capsys):
    """The size is printed; what does not fit is refused before anything is computed."""
    trunk, _ = tl.split_at(glyphnet_model(digits), "block5")
    tl.extract_features(trunk, digits.train.images[:64], spatial=True)
    assert capsys.readouterr().out == "64 activations of shape [8, 8, 96]: 2 MiB\n"
    monkeypatch.setattr(memory, "free_memory", lambda: 2**20)
    monkeypatch.setattr(trunk, "call", lambda *_, **__: pytest.fail("computed"))
    message = r"65 activations of shape \[8, 8, 96\] need 0\.0 GiB.*Cut the network later"
    with pytest.raises(MemoryError, match=message):
        tl.extract_features(trunk, digits.train.images[:65], spatial=True)


def test_free_memory():
    """A number of bytes that this machine can have."""
    assert 2**20 < FREE < 2**50


class Halves(keras.layers.Layer):
    """A layer with two outputs."""

    def call(self, x):
        return x[..., :2], x[..., 2:]


KINDS = ("dense", "norm", "relu", "skip", "add", "shared", "inner", "operation", "halves", "drop")


def random_model(kinds, outputs, draw):
    """A model of vectors of 4, of steps that take one of the last tensors, or two of them."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    tensors = [inputs]
    shared = keras.layers.Dense(4, name="shared", trainable=draw(st.booleans()))
    for i, kind in enumerate(kinds):
        one = tensors[-1]
        other = tensors[draw(st.integers(0, len(tensors) - 1))]
        trains = draw(st.booleans())
        if kind == "dense":
            one = keras.layers.Dense(4, name=f"block{i}_dense", trainable=trains)(one)
        elif kind == "norm":
            one = keras.layers.BatchNormalization(name=f"block{i}_norm", trainable=trains)(one)
        elif kind == "skip":
            one = keras.layers.Add(name=f"add_{i}")([one, keras.layers.ReLU(name=f"r{i}")(other)])
        elif kind == "add":
            one = keras.layers.Add(name=f"add_{i}")([one, other])
        elif kind == "shared":
            one = shared(one)
        elif kind == "inner":
            layers = [keras.layers.Dense(4, name="block1", trainable=trains), keras.layers.ReLU()]
            one = keras.Sequential([keras.Input((4,)), *layers], name=f"inner_{i}")(one)
        elif kind == "operation":
            one = keras.ops.tanh(one)
        elif kind == "halves":
            halves = Halves(name=f"halves_{i}")(one)
            one = keras.layers.Concatenate(name=f"joined_{i}")([halves[1], halves[0]])
        elif kind == "drop":
            one = keras.layers.Dropout(0.5, name=f"drop_{i}")(one)
        else:
            one = keras.layers.ReLU(name=f"relu_{i}")(one)
        tensors.append(one)
    ends = [tensors[-1], *(tensors[draw(st.integers(0, len(tensors) - 1))] for _ in range(outputs))]
    ends = list({id(tensor): tensor for tensor in ends}.values())
    return keras.Model(inputs, ends if len(ends) > 1 else ends[0])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*differ in training")
@some(10)
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    outputs=st.integers(0, 1),
    data=st.data(),
)
def test_trunk_and_tail_are_the_whole(kinds, outputs, data):
    """Wherever a random model is cut, both halves give what it gives; or it is said why not."""
    model = random_model(kinds, outputs, data.draw)
    images = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    want = keras.tree.flatten(model(images))
    for place in (None, *(layer.name for layer in model.layers), "block1", "nowhere"):
        try:
            trunk, tail = tl.split_at(model, place)
        except ValueError as error:
            assert "be cut" in str(error) or "weights train" in str(error)  # noqa: PT017
            continue
        assert trunk.trainable_weights == []
        got = keras.tree.flatten(tail(trunk(images)))
        for one, two in zip(got, want, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)
        free = {id(weight) for weight in model.trainable_weights}
        assert {id(weight) for weight in tail.trainable_weights} == free


@pytest.mark.parametrize("kind", ["input", "output", "halves"])
def test_what_leads_past_a_place(kind):
    """The input, an earlier output and one of two halves are needed behind the cut: no place."""
    inputs = keras.Input((4,))
    x = first = keras.layers.Dense(4, name="block1", trainable=False)(inputs)
    halves = Halves(name="halves")(x)
    x = keras.layers.ReLU(name="relu")(halves[0] if kind == "halves" else x)
    if kind == "halves":
        x = keras.layers.Concatenate()([x, halves[1]])
    x = keras.layers.Dense(4, name="block2", trainable=False)(x)
    x = keras.layers.Add(name="end")([x, inputs]) if kind == "input" else x
    x = keras.layers.Dense(2, name="block3")(x)
    model = keras.Model(inputs, [x, first] if kind == "output" else x)
    with pytest.raises(ValueError, match="cannot be cut behind 'relu': something leads past it"):
        tl.split_at(model, "relu")
    behind = {"input": "end", "output": "block1", "halves": "block2"}[kind]
    trunk, _ = tl.split_at(model)
    assert trunk.layers[-1].name == behind


def test_shared_layer_before_and_behind_what_trains():
    """A frozen layer that is used again, behind one that trains, does not take the cut there."""
    shared = keras.layers.Dense(4, name="shared", trainable=False)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(4, name="block1")(shared(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="head")(shared(x)))
    trunk, tail = tl.split_at(model)
    assert [layer.name for layer in trunk.layers][1:] == ["shared"]
    assert len(tail.trainable_weights) == 4


def test_two_layers_of_one_name():
    """Layers of two inner models that are called alike cannot stand in one part, and it is said."""
    inner = [
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")], name=name)
        for name in ("one", "two")
    ]
    head = keras.layers.Dense(2, name="head")
    model = keras.Sequential([keras.Input((4,)), *inner, head])
    tl.freeze(inner[0])
    _, tail = tl.split_at(model)
    assert len(tail.trainable_weights) == 4
    tl.freeze(inner[1])
    with pytest.raises(ValueError, match=r"several layers named \['same'\].*different names"):
        tl.split_at(model)
