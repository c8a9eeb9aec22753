import subprocess
import sys

import keras
import numpy as np
import pytest
from fuzz import some
from hypothesis import given
from hypothesis import strategies as st

import tlhelpers as tl

PLAIN = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "use_ema": True, "ema_overwrite_frequency": 2}),
    ("Adam", {"gradient_accumulation_steps": 2}),
    ("AdamW", {"weight_decay": 0.1}),
    ("AdamW", {"clipnorm": 0.1}),
    ("AdamW", {"global_clipnorm": 0.1}),
    ("RMSprop", {"clipvalue": 0.01}),
    ("Adagrad", {}),
    ("Adamax", {}),
    ("Adadelta", {}),
    ("Adafactor", {}),
    ("Ftrl", {}),
    ("Lion", {"weight_decay": 0.1}),
    ("Nadam", {}),
    ("Lamb", {}),
]
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.05, 6)


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, "tanh", name="block1_dense"),
            keras.layers.Dense(8, "tanh", name="block2_dense"),
            keras.layers.Dense(3, name="head"),
        ]
    )


def train(model, optimizer, epochs=2, eager=False):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 4)), rng.integers(0, 3, 24)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, run_eagerly=eager)
    model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return [weight.numpy() for weight in model.weights]


def length_of(name):
    """Of Adam, whose options branch, six steps of a graph; of others three eager ones, faster."""
    return {} if name == "Adam" else {"epochs": 1, "eager": True}


def assert_same(one, two):
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "options"), PLAIN)
@pytest.mark.slow
def test_multipliers_of_one_and_zero(name, options):
    """All ones are the plain optimizer to the bit; zero is a frozen layer to the bit."""

    def make(rate=0.05):
        return getattr(keras.optimizers, name)(rate, **options)

    def end(optimizer, model=None):
        return train(model or network(), optimizer, **length_of(name))

    plain = end(make(SCHEDULE))
    assert_same(end(tl.layerwise(make(SCHEDULE), {"block1": 1.0})), plain)
    frozen = network()
    frozen.layers[0].trainable = False
    want = end(make(), frozen)
    assert_same(end(tl.layerwise(make(), {"block1": 0.0})), want)
    assert (plain[0] != want[0]).any()


@pytest.mark.parametrize(("name", "options"), PLAIN)
@pytest.mark.slow
def test_multiplier_of_all_is_another_learning_rate(name, options):
    """A tenth everywhere is what the optimizer does at a tenth of the rate, decay included."""
    kind = getattr(keras.optimizers, name)
    tenth = tl.layerwise(kind(0.5, **options), dict.fromkeys(("block1", "block2", "head"), 0.1))
    want, got = (
        train(network(), optimizer, **length_of(name))
        for optimizer in (kind(0.05, **options), tenth)
    )
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


SCHEDULES = st.one_of(
    st.floats(1e-4, 0.5),
    st.builds(
        keras.optimizers.schedules.CosineDecay,
        st.floats(1e-3, 0.5),
        st.integers(1, 6),
        warmup_target=st.sampled_from([None, 0.3]),
        warmup_steps=st.integers(1, 2),
    ),
    st.builds(
        keras.optimizers.schedules.ExponentialDecay,
        st.floats(1e-3, 0.5),
        st.integers(1, 3),
        st.floats(0.5, 1),
        staircase=st.booleans(),
    ),
)


@pytest.mark.slow
@some(8)
@given(
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    plain=st.sampled_from(PLAIN),
    rate=SCHEDULES,
    data=st.data(),
)
def test_random_models_and_schedules(widths, plain, rate, data):
    """Factors of 1 are the plain optimizer, factors of 0 frozen layers, to the bit, in any mix."""
    name, options = plain
    norm = data.draw(st.booleans())
    frozen = data.draw(st.sets(st.integers(0, len(widths) - 1)))

    def network():
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,))])
        for i, width in enumerate(widths):
            model.add(keras.layers.Dense(width, "tanh", name=f"block{i}_dense"))
            if norm:
                model.add(keras.layers.LayerNormalization(name=f"block{i}_norm"))
        model.add(keras.layers.Dense(3, name="head"))
        return model

    def end(optimizer, model):
        return train(model, optimizer, epochs=1, eager=name != "Adam")

    kind = getattr(keras.optimizers, name)
    plain = network()
    for layer in plain.layers:
        layer.trainable = not any(layer.name.startswith(f"block{i}_") for i in frozen)
    factors = {f"block{i}": float(i not in frozen) for i in range(len(widths))}
    want = end(kind(rate, **options), plain)
    assert_same(end(tl.layerwise(kind(rate, **options), factors), network()), want)


def test_each_layer_has_its_own_rate():
    """With SGD the first step of each layer is its multiplier times the plain step."""
    start = [weight.numpy() for weight in network().weights]

    def step(optimizer):
        model = network()
        x, y = np.ones((2, 4)), np.array([0, 1])
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.train_on_batch(x, y)
        return [w.numpy() - s for w, s in zip(model.weights, start, strict=True)]

    plain = step(keras.optimizers.SGD(0.1))
    for optimizer, factors in (
        (tl.layerwise(keras.optimizers.SGD(0.1), {"block1": 0.5, "head": 3.0}), (0.5, 1.0, 3.0)),
        (tl.layerwise(keras.optimizers.SGD(0.1), decay=0.8), (0.64, 0.8, 1.0)),
        (tl.layerwise(keras.optimizers.SGD(0.1), {"block2_dense": 2.0}), (1.0, 2.0, 1.0)),
    ):
        for got, want, factor in zip(step(optimizer), plain, np.repeat(factors, 2), strict=True):
            np.testing.assert_allclose(got, want * factor, atol=1e-7)


def test_blocks_of_a_hub_layer(digits):
    """Blocks of modules are told by the paths of their weights, heads by their layer's name."""
    layer = tl.HubLayer(digits.backbone)
    layer.unfreeze(last=3)
    head = keras.layers.Dense(3, name="top")
    model = keras.Sequential([keras.Input(digits.image_shape), layer, head])
    optimizer = tl.layerwise("adam", decay=0.5)
    optimizer.build(model.trainable_variables)
    factors = {w.path: optimizer.factor(w) for w in model.trainable_variables}
    assert factors["block5_conv/kernel"] == factors["block5_norm/gamma"] == 0.125
    assert [optimizer.factor(weight) for weight in head.weights] == [1.0, 1.0]
    named = tl.layerwise("adam", {"block7": 0.3, "top": 2.0})
    named.build(model.trainable_variables)
    assert sorted({named.factor(weight) for weight in model.trainable_variables}) == [0.3, 1.0, 2.0]


def test_mixed_precision():
    """Under mixed precision the loss is scaled around it, and rates stay those of the layers."""
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = network()
        before = [weight.numpy() for weight in model.weights]
        after = train(model, tl.layerwise("adam", {"block1": 0.0}))
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert [(a != b).any() for a, b in zip(after, before, strict=True)] == [False] * 2 + [True] * 4


RELOAD = """
import sys, numpy as np, keras, tlhelpers
tlhelpers.setup()
for path in sys.argv[1:]:
    model = keras.models.load_model(path)
    assert type(model.optimizer).__name__ == "LayerwiseAdamW"
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(24, 4)), rng.integers(0, 3, 24)
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    np.savez(path + ".npz", *[weight.numpy() for weight in model.weights])
"""


@pytest.mark.slow
def test_saved_and_loaded_in_a_new_process(tmp_path):
    """Training goes on after loading as if it had never stopped, at a plain rate and a schedule."""
    wholes = {}
    for name, rate in {"plain": 0.05, "schedule": SCHEDULE}.items():

        def make(rate=rate):
            return tl.layerwise(keras.optimizers.AdamW(rate, weight_decay=0.1), {"block1": 0.2})

        model, path = network(), str(tmp_path / f"{name}.keras")
        wholes[path] = train(network(), make(), epochs=4)
        train(model, make())
        model.save(path)
    done = subprocess.run([sys.executable, "-c", RELOAD, *wholes], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for path, whole in wholes.items():
        with np.load(f"{path}.npz") as weights:
            assert_same(list(weights.values()), whole)


def test_config_and_own_optimizers():
    """A class of the reader's own works too; config gives an equal optimizer."""

    class Mine(keras.optimizers.SGD):
        pass

    optimizer = tl.layerwise(Mine(0.1, momentum=0.5), decay=0.5)
    assert isinstance(optimizer, Mine)
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    optimizer.learning_rate = 0.3
    assert float(optimizer.learning_rate) == pytest.approx(0.3)


def test_what_is_refused():
    """Nonsense is refused when the optimizer is made, unknown blocks when training begins."""
    with pytest.raises(ValueError, match="either multipliers"):
        tl.layerwise("adam")
    with pytest.raises(ValueError, match="either multipliers"):
        tl.layerwise("adam", {"a": 1.0}, decay=0.5)
    for bad in ({"a": -1.0}, {"a": float("nan")}):
        with pytest.raises(ValueError, match="numbers of at least 0; given are"):
            tl.layerwise("adam", bad)
    with pytest.raises(ValueError, match=r"given are \{'decay': -0.5\}"):
        tl.layerwise("adam", decay=-0.5)
    used = keras.optimizers.SGD()
    train(network(), used)
    with pytest.raises(ValueError, match="in use already"):
        tl.layerwise(used, decay=0.5)
    with pytest.raises(TypeError, match="give its inner optimizer"):
        tl.layerwise(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), decay=0.5)
    known = r"\['block1', 'block2', 'head'\]"
    with pytest.raises(ValueError, match=rf"belongs to \['block3'\]. Blocks: {known}"):
        train(network(), tl.layerwise("sgd", {"block3": 0.1}))
