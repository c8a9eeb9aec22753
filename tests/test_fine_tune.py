import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

import tlhelpers as tl
from tlhelpers.training import fine_tune

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def backbone():
    """`[n, 8, 8, 3] -> [n, 6]` in three blocks, with BatchNorm."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 3))
    for number in (1, 2, 3):
        x = keras.layers.Conv2D(6, 3, name=f"block{number}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"block{number}_norm")(x)
        x = keras.layers.ReLU(name=f"block{number}_out")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x), name="small")


def nested(base, **head):
    return keras.Sequential([base, keras.layers.Dense(3, name="head", **head)])


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = rng.random((60, 8, 8, 3), np.float32) * 0.5
    images[np.arange(60), :, :, labels] += 0.5  # each class has its colour
    return images, labels


def watch_compile(monkeypatch, names):
    """Note the name of each model that is compiled."""
    compile_ = keras.Model.compile

    def noted(model, *args, **kwargs):
        names.append(model.name)
        compile_(model, *args, **kwargs)

    monkeypatch.setattr(keras.Model, "compile", noted)


def weights(layer):
    return [weight.numpy() for weight in layer.weights]


def moved(before, layer):
    pairs = zip(before, layer.weights, strict=True)
    return {weight.path for old, weight in pairs if np.any(old != weight.numpy())}


def test_two_stages(pairs):
    """The head learns on the frozen network; then the last blocks and the head, no others."""
    base = backbone()
    model = nested(base)
    before = weights(base)
    histories = tl.fine_tune(model, pairs, epochs=(30, 2), last=2, verbose=0)
    assert isinstance(histories.head, keras.callbacks.History)
    assert set(histories.head.history) == {"loss", "accuracy"}
    assert histories.head.history["accuracy"][-1] > 0.8
    assert len(histories.tuning.history["loss"]) == 2
    names = {f"block{b}_conv/{w}" for b in (2, 3) for w in ("kernel", "bias")}
    assert moved(before, base) == names
    # the second stage goes on from the first
    assert histories.tuning.history["loss"][0] < 1.2 * histories.head.history["loss"][-1]


def test_head_stage_alone_leaves_the_base(pairs):
    """Without a second stage nothing pretrained moves."""
    base = backbone()
    before = weights(base)
    histories = tl.fine_tune(nested(base), pairs, epochs=(3, 0), verbose=0)
    assert moved(before, base) == set()
    assert histories.tuning.history == {}


@pytest.mark.slow
def test_trained_head_is_kept(pairs):
    """No epochs in the first stage: the head goes into the second as it is."""
    model = nested(backbone())
    tl.fine_tune(model, pairs, epochs=(30, 0), verbose=0)
    want = model.evaluate(*pairs, verbose=0)[0]
    history = tl.fine_tune(model, pairs, epochs=(0, 1), learning_rate=1e-6, verbose=0)
    assert history.head.history == {}
    np.testing.assert_allclose(history.tuning.history["loss"][0], want, rtol=1e-2)


@pytest.mark.slow
def test_equals_the_steps_written_out(pairs):
    """What the notebook does in plain Keras and scikit-learn, to rounding."""
    base = backbone()
    model = nested(base)
    features = base.predict(pairs[0], verbose=0)
    solved = LogisticRegression(max_iter=1000).fit(features / features.std(), pairs[1])
    model.layers[-1].set_weights([solved.coef_.T / features.std(), solved.intercept_])
    tl.unfreeze(base, last=1)
    falling = keras.optimizers.schedules.CosineDecay(1e-4, 2 * 2)
    model.compile(keras.optimizers.Adam(falling), LOSS)
    keras.utils.set_random_seed(1)
    model.fit(*pairs, epochs=2, verbose=0)
    twin = nested(backbone())
    keras.utils.set_random_seed(1)
    histories = tl.fine_tune(twin, pairs, pairs, epochs=(20, 2), verbose=0)
    assert len(histories.head.history["val_loss"]) == 1
    for one, two in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "head",
    [
        lambda: [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)],
        lambda: [keras.layers.Dense(3, kernel_regularizer="l2")],
        lambda: [keras.layers.Dense(4)],  # one class without a label
    ],
)
@pytest.mark.slow
def test_other_heads_are_trained_by_steps(head, pairs):
    """Several layers, a penalty of one's own, classes without labels."""
    base = backbone()
    before = weights(base)
    model = keras.Sequential([base, *head()])
    histories = tl.fine_tune(model, pairs, epochs=(30, 1), verbose=0)
    assert len(histories.head.history["loss"]) == 30
    assert histories.head.history["loss"][-1] < histories.head.history["loss"][0]
    assert moved(before, base) == {"block3_conv/kernel", "block3_conv/bias"}


def test_two_classes_without_bias(pairs):
    """Logistic regression has one column for two classes, the head two."""
    images, labels = pairs[0][pairs[1] < 2], pairs[1][pairs[1] < 2]
    model = keras.Sequential([backbone(), keras.layers.Dense(2, use_bias=False)])
    histories = tl.fine_tune(model, (images, labels), epochs=(1, 0), verbose=0)
    features = model.layers[0].predict(images, verbose=0)
    scaled = features / features.std()
    solved = LogisticRegression(max_iter=1000, fit_intercept=False).fit(scaled, labels)
    probabilities = keras.ops.softmax(model.predict(images, verbose=0))
    np.testing.assert_allclose(probabilities, solved.predict_proba(scaled), atol=1e-4)
    assert set(histories.head.history) == {"loss", "accuracy"}


def test_frozen_part_is_computed_once(pairs, monkeypatch):
    """Arrays pass through what is frozen once a stage; data sets, which may augment, each time."""
    base = backbone()
    parts = []
    watch_compile(monkeypatch, parts)
    model = nested(base)
    tl.fine_tune(model, pairs, epochs=(2, 2), verbose=0)
    assert parts == ["tail", "tail", model.name]
    parts.clear()
    data = tf.data.Dataset.from_tensor_slices(pairs).batch(16)
    tl.fine_tune(nested(backbone()), data, data, epochs=(1, 1), verbose=0)
    assert "tail" not in parts


@pytest.mark.slow
def test_what_does_not_fit_into_memory_is_trained_whole(pairs, monkeypatch):
    """More slowly, and with the same result; parts and the whole take twice the room."""
    from tlhelpers.runtime import memory

    parts, results = [], []
    watch_compile(monkeypatch, parts)
    of_a_block = 4 * 60 * 4 * 4 * 6  # bytes of the activations that go into the tail
    for free, trained in ((2**40, "tail"), (2 * of_a_block, "whole"), (10_000, "whole")):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        model = nested(backbone())
        model.name = "whole"
        keras.utils.set_random_seed(0)
        tl.fine_tune(model, pairs, epochs=(2, 2), verbose=0)
        results.append(weights(model))
        assert parts[-3:] == ["tail", trained, "whole"]
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_allclose(one, two, atol=1e-5)


@pytest.mark.slow
def test_harm_is_undone(pairs):
    """A rate that destroys costs nothing: the head's stage is put back."""
    base = backbone()
    model = nested(base)
    before = weights(base)
    histories = tl.fine_tune(model, pairs, pairs, epochs=(30, 10), learning_rate=10.0, verbose=0)
    best = histories.head.history["val_accuracy"][-1]
    assert histories.tuning.history["val_accuracy"][-1] < best
    assert moved(before, base) == set()
    np.testing.assert_allclose(model.evaluate(*pairs, verbose=0)[1], best, rtol=1e-4)


@pytest.mark.slow
def test_the_end_is_kept(pairs):
    """When fine-tuning does no harm, the weights are those of its end, not of its best epoch."""
    model = nested(backbone())
    histories = tl.fine_tune(model, pairs, pairs, epochs=(1, 5), learning_rate=1e-3, verbose=0)
    end = histories.tuning.history["val_accuracy"][-1]
    assert end >= histories.head.history["val_accuracy"][-1]
    found = model.evaluate(*pairs, verbose=0)
    last = [histories.tuning.history[name][-1] for name in ("val_loss", "val_accuracy")]
    np.testing.assert_allclose(found, last, rtol=1e-4)


def test_flat_model_with_its_base(pairs):
    """The usual `Model(base.input, Dense(…)(base.output))`, and one on an inner output."""
    base = backbone()
    model = keras.Model(base.input, keras.layers.Dense(3, activation="softmax")(base.output))
    with pytest.raises(ValueError, match=r"holds no model or HubLayer.*base=…"):
        tl.fine_tune(model, pairs)
    before = weights(base)
    tl.fine_tune(model, pairs, base=base, epochs=(30, 1), verbose=0)
    assert moved(before, base) == {"block3_conv/kernel", "block3_conv/bias"}
    assert model.evaluate(*pairs, verbose=0)[1] > 0.8


def test_published_way_of_building(pairs):
    """Preprocessing, the base called with training=False, dropout: statistics stay."""
    base = backbone()
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(2.0, offset=-1.0)(inputs)
    x = keras.layers.Dropout(0.1)(base(x, training=False))
    model = keras.Model(inputs, keras.layers.Dense(3)(x))
    before = weights(base)
    tl.fine_tune(model, pairs, last=None, epochs=(5, 1), verbose=0)
    assert len(moved(before, base)) == 6
    assert not any("norm" in path for path in moved(before, base))


@pytest.mark.slow
def test_augmentation_in_the_model_is_drawn_in_each_epoch(pairs):
    """Nothing behind a random layer is computed once."""
    base = backbone()
    augment = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.RandomFlip()])
    model = keras.Sequential([keras.Input((8, 8, 3)), augment, base, keras.layers.Dense(3)])
    base.trainable = False
    assert fine_tune._without_trunk(model, pairs, None, 32)[0] is model
    histories = tl.fine_tune(model, pairs, epochs=(3, 1), verbose=0)
    assert len(histories.head.history["loss"]) == 3


@pytest.mark.slow
def test_hub_layer(digits):
    """A module as the base."""
    layer = tl.HubLayer(digits.backbone)
    model = keras.Sequential([layer, keras.layers.Dense(10)])
    tl.fine_tune(model, digits.few(5), digits.validation, epochs=(20, 1), verbose=0)
    assert model.evaluate(digits.validation.images, digits.validation.labels, verbose=0)[1] > 0.8
    assert {w.path.split("/")[0] for w in layer.trainable_weights} == {
        "block7_dense",
        "block7_norm",
    }


def test_own_loss_and_fit_arguments(pairs):
    """A compiled model keeps its loss; arguments of `fit` are passed on."""
    model = nested(backbone())
    model.compile(loss="mse")
    one_hot = np.eye(3, dtype=np.float32)[pairs[1]]
    epochs = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, _: epochs.append(epoch))
    histories = tl.fine_tune(
        model, (pairs[0], one_hot), epochs=(2, 1), callbacks=[note], batch_size=7, verbose=0
    )
    assert epochs == [0, 1, 0]
    assert set(histories.tuning.history) == {"loss"}
    assert model.loss == "mse"


@pytest.mark.parametrize("kind", ["numbers", "one-hot"])
@pytest.mark.parametrize("activation", ["softmax", None])
def test_loss_that_fits(kind, activation, pairs):
    """From the labels and from the last activation."""
    labels = pairs[1] if kind == "numbers" else np.eye(3)[pairs[1]]
    model = nested(backbone(), activation=activation)
    tl.fine_tune(model, (pairs[0], labels), epochs=(30, 0), verbose=0)
    assert model.evaluate(pairs[0], labels, verbose=0)[1] > 0.8
    assert model.loss.from_logits == (activation is None)


@pytest.mark.parametrize(
    ("model", "labels", "arguments", "message"),
    [
        (
            lambda: nested(backbone()),
            [0.5, 1.0],
            {},
            "Labels are of type float64, such as 0.5; whole",
        ),
        (
            lambda: keras.Sequential([backbone(), keras.layers.Dense(1)]),
            [0, 1],
            {},
            r"has shape \(None, 1\); one number a class",
        ),
        (lambda: keras.Sequential([backbone()]), [0, 1], {}, "Put a head on it"),
        (lambda: nested(backbone()), [0, 1], {"last": 9}, "last is 9"),
        (lambda: nested(backbone()), [0, 1, 2], {}, "2 inputs, 3 labels"),
    ],
)
def test_what_is_refused(model, labels, arguments, message, pairs):
    """Before anything is trained."""
    with pytest.raises((TypeError, ValueError), match=message):
        tl.fine_tune(model(), (pairs[0][:2], np.array(labels)), **arguments)


class Rates(keras.callbacks.Callback):
    """The learning rate after each batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(float(self.model.optimizer.learning_rate))


@pytest.mark.slow
def test_goes_to_the_end(pairs):
    """400 steps or ten passes; the rate falls to 0, the loss is flat there."""
    rates = Rates()
    options = {"learning_rate": 1e-2, "verbose": 0, "callbacks": [rates]}
    losses = tl.fine_tune(nested(backbone()), pairs, **options).tuning.history["loss"]
    assert len(rates.seen) == 21 * len(losses) == 420  # 60 pictures, 11 times, are 21 batches
    assert rates.seen[0] == pytest.approx(1e-2, rel=1e-3)
    assert rates.seen[-1] < 1e-6
    assert np.all(np.diff(rates.seen) <= 0)
    assert abs(losses[-1] - losses[-2]) < 0.05 * losses[0]
    rates.seen.clear()
    tl.fine_tune(nested(backbone()), pairs, batch_size=1, **options)
    assert len(rates.seen) == 10 * 60  # ten passes are more than 400 steps


@pytest.mark.slow
def test_data_sets_go_to_the_end(pairs):
    """Also one that does not know its length; an endless one needs to be told."""
    rates = Rates()
    options = {"epochs": (0, None), "verbose": 0, "callbacks": [rates]}
    data = tf.data.Dataset.from_tensor_slices(pairs).filter(lambda x, y: True).batch(32)
    tl.fine_tune(nested(backbone()), data, **options)
    assert len(rates.seen) == 400
    rates.seen.clear()
    endless = tf.data.Dataset.from_tensor_slices(pairs).batch(32).repeat()
    with pytest.raises(ValueError, match=r"no end\. Give steps_per_epoch"):
        tl.fine_tune(nested(backbone()), endless, **options)
    tl.fine_tune(nested(backbone()), endless, steps_per_epoch=50, **options)
    assert len(rates.seen) == 500


def test_batch_norm_updates(pairs):
    """Statistics, scale and shift of the unfrozen block move, those of others do not."""
    base = backbone()
    before = weights(base)
    tl.fine_tune(nested(base), pairs, batch_norm="update", epochs=(1, 1), verbose=0)
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    assert moved(before, base) == {
        "block3_conv/kernel",
        "block3_conv/bias",
        *(f"block3_norm/{name}" for name in names),
    }


def test_batch_norm_adapts(pairs):
    """Statistics of all blocks are re-estimated, then frozen; the head is solved on them."""
    base, twin = backbone(), backbone()
    tl.fine_tune(nested(base), pairs, batch_norm="adapt", epochs=(1, 1), verbose=0)
    tl.adapt_batch_norm(twin, pairs[0])
    for one, two in zip(base.layers, twin.layers, strict=True):
        if isinstance(one, keras.layers.BatchNormalization):
            np.testing.assert_allclose(one.moving_mean, two.moving_mean, rtol=1e-4, atol=1e-5)
            assert not one.trainable


def test_batch_norm_errors(pairs, tiny_module):
    """Another word; a data set to adapt to; a HubLayer."""
    with pytest.raises(ValueError, match="batch_norm is 'free'; one of 'frozen', 'update'"):
        tl.fine_tune(nested(backbone()), pairs, batch_norm="free")
    data = tf.data.Dataset.from_tensor_slices(pairs).batch(32)
    with pytest.raises(ValueError, match=r"Call tl\.adapt_batch_norm\(model, images\) before"):
        tl.fine_tune(nested(backbone()), data, batch_norm="adapt")
    model = keras.Sequential([keras.Input((8, 8, 3)), tl.HubLayer(tiny_module)])
    with pytest.raises(ValueError, match="is a HubLayer, whose BatchNorm statistics stay"):
        tl.unfreeze(model, batch_norm="update")
