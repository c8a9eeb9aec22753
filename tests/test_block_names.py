import keras
import numpy as np
import pytest
import tensorflow as tf
from fuzz import some
from hypothesis import given
from hypothesis import strategies as st

import tlhelpers as tl
from tlhelpers.backbones import block_names

NAMES = {
    "mobilenet_v2/Conv1/kernel:0": "Conv1",
    "mobilenet_v2/bn_Conv1/gamma:0": "Conv1",
    "mobilenet_v2/expanded_conv_depthwise/kernel:0": "expanded",
    "mobilenet_v2/expanded_conv_project_BN/beta:0": "expanded",
    "mobilenet_v2/block_1_expand_BN/gamma:0": "block_1",
    "mobilenet_v2/block_16_project/kernel:0": "block_16",
    "mobilenet_v2/Conv_1_bn/gamma:0": "Conv_1",
}
OTHERS = [
    ("resnet_v2_50/block1/unit_1/bottleneck_v2/conv1/weights", "block1"),  # one prefix for all
    ("resnet_v2_50/conv1/weights", "conv1"),
    ("resnet_v2_50/logits/biases", "logits"),
]


def test_names_of_published_networks():
    """A block is what comes up to the first number; a prefix that all share is left out."""
    assert block_names.name_blocks(list(NAMES)) == list(NAMES.values())
    assert block_names.name_blocks([name for name, _ in OTHERS]) == [block for _, block in OTHERS]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("conv2_block1_1_conv/kernel", "conv2"),  # ResNet50 of Keras
        ("block5d_se_reduce/kernel", "block5d"),  # EfficientNet
        ("stem_conv/kernel", "stem"),
        ("top_bn/gamma", "top"),
        ("conv2d_12/kernel", "conv2d_12"),  # the 2 of conv2d is no number of a block
        ("conv2d/kernel", "conv2d"),
        ("Mixed_5d/Branch_0/Conv2d_0a_1x1/weights", "Mixed_5d"),  # Inception
        ("transformer/layer_11/self_attention/query/kernel", "transformer/layer_11"),  # BERT
        ("word_embeddings/embeddings", "word_embeddings"),
        ("block1/conv/kernel", "block1"),
        ("kernel", "kernel"),
        ("Variable:0", "Variable"),
    ],
)
def test_one_name(name, block):
    """Each style of naming layers gives the block that its paper speaks of."""
    assert block_names.name_blocks([name, "other/bias"])[0] == block


@pytest.mark.parametrize("names", ["alike", "different"])
def test_names_without_scopes(names, module):
    """Each operation with its weights is a block, in the order of use; the last one is the last."""
    layer = tl.HubLayer(module("without_scopes", names))
    assert layer.blocks == ["layer_1", "layer_2", "layer_3"]
    layer.unfreeze(last=1)
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(4, 2), (2,)]
    layer.unfreeze(["layer_1"])
    assert [tuple(w.shape) for w in layer.trainable_weights] == [(4, 4), (4,), (4,)]
    model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(1, name="head")])
    assert tl.blocks(model) == ["layer_1", "layer_2", "layer_3", "head"]
    tl.unfreeze(model)
    optimizer = tl.layerwise("sgd", decay=0.5)
    optimizer.build(model.trainable_variables)
    factors = [optimizer.factor(weight) for weight in layer.trainable_weights]
    assert factors == [0.125] * 3 + [0.25] * 2 + [0.5] * 2


def test_order_of_use_that_is_not_known():
    """Names that tell nothing and a function that was never traced: the reason, and no guess."""

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = tf.Variable(tf.eye(2)), tf.Variable(tf.eye(2))

        def __call__(self, x):
            return x @ self.one @ self.two

    layer = tl.HubLayer(Module(), name="mine")
    layer.unfreeze()
    assert len(layer.trainable_weights) == 2
    message = r"mine cannot be cut into blocks: names such as 'Variable:0'.*never traced.*last=None"
    model = keras.Sequential([keras.Input((2,)), layer, keras.layers.Dense(2)])
    for refused in (
        lambda: layer.unfreeze(last=1),
        lambda: tl.unfreeze(layer, last=1),
        lambda: tl.unfreeze(model, last=2),
        lambda: tl.fine_tune(model, (np.zeros((4, 2), np.float32), np.arange(4) % 2)),
    ):
        with pytest.raises(ValueError, match=message):
            refused()
    tl.unfreeze(model)
    assert len(layer.trainable_weights) == 2
    tl.unfreeze(model, last=1)
    assert len(layer.trainable_weights) == 0


@pytest.mark.parametrize("signature", [None, "serving_default"])
def test_blocks_of_the_chosen_output(module, signature):
    """Blocks that the output does not depend on are none, and never train."""
    folder = module("two_outputs")
    shared = {"signature": signature} if signature else {}
    note = tl.HubLayer(folder, output_key="note", **shared)
    assert note.blocks == ["block1", "block4"]
    feature = tl.HubLayer(folder, output_key="feature", **shared)
    assert feature.blocks == ["block1", "block2", "block3"]
    assert len(feature.weights) == len(note.weights) == 5
    if signature:
        return
    assert tl.HubLayer(folder).blocks == ["block1", "block2", "block4", "block3"]
    assert tl.HubLayer(module("ragged_out")).blocks == []
    note.unfreeze(last=1)
    assert [weight.path for weight in note.trainable_weights] == ["block4_note/kernel"]
    note.unfreeze()
    paths = [weight.path for weight in note.trainable_weights]
    assert paths == ["block1/kernel", "block4_note/kernel"]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(note(tf.ones((2, 4)), training=True))
    assert None not in tape.gradient(loss, [weight.value for weight in note.trainable_weights])


def test_two_blocks_of_one_name(module):
    """A name that occurs in two models of one comes with the model's, and one trains alone."""
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4, name="dense"), keras.layers.Dense(4, name="top")],
        name="base",
    )
    hub = tl.HubLayer(module("blocks"), name="hub")
    head = keras.layers.Dense(2, name="dense")
    model = keras.Sequential([keras.Input((4,)), inner, hub, head], name="whole")
    stem, *blocks = hub.blocks
    assert tl.blocks(model) == ["base/dense", "top", stem, *blocks, "whole/dense"]
    tl.unfreeze(model, last=1)
    assert model.trainable_weights == head.trainable_weights
    assert len(head.trainable_weights) == 2
    tl.unfreeze(model, ["base/dense", stem])
    assert len(model.trainable_weights) == 3
    assert tl.trainable_summary(model).parameters.sum() == model.count_params()


WORDS = st.sampled_from(["conv", "block1", "block2_bn", "kernel", "Variable", "stem_conv", "a1b"])
NAMES_OF_WEIGHTS = st.lists(st.lists(WORDS, min_size=1, max_size=4).map("/".join), max_size=12)


@some(200)
@given(NAMES_OF_WEIGHTS)
def test_every_weight_has_a_block(names):
    """One block for each name, never empty; equal names share theirs; `:0` changes nothing."""
    found = block_names.name_blocks(names)
    assert len(found) == len(names)
    assert all(found)
    assert len(dict(zip(names, found, strict=True))) == len(set(zip(names, found, strict=True)))
    assert block_names.name_blocks([f"{name}:0" for name in names]) == found


@some(15)
@given(
    st.lists(st.sampled_from(["scoped", "bare", "bias", "skip"]), min_size=1, max_size=6),
    st.randoms(),
)
def test_random_modules_are_cut_in_the_order_of_use(kinds, random):
    """Every weight stands in exactly one block, and blocks are met by the input in their order."""
    steps = []
    for i, kind in enumerate(kinds):
        name = f"scope_{i}/kernel" if kind == "scoped" else "kernel"
        weights = [tf.Variable(tf.eye(3), name=name)]
        if kind == "bias":
            weights.append(tf.Variable(tf.zeros(3), name="bias"))
        steps.append((kind, weights))

    @tf.function(input_signature=[tf.TensorSpec((None, 3))])
    def call(x):
        for kind, (kernel, *bias) in steps:
            y = x @ kernel
            y = y + bias[0] if bias else y
            x = x + y if kind == "skip" else y
        return x

    used = [weight for _, weights in steps for weight in weights]

    class Module:
        concrete_functions = (call.get_concrete_function(),)  # as a loaded one has them
        variables = trainable_variables = random.sample(used, len(used))

        def __call__(self, x):
            return call(x)

    layer = tl.HubLayer(Module())
    assert len(layer.blocks) == len(kinds)
    met = [weight for weights in layer._blocks.values() for weight in weights]
    assert [id(weight.value) for weight in met] == [id(weight) for weight in used]
    for name, (_, weights) in zip(layer.blocks, steps, strict=True):
        layer.unfreeze([name])
        assert {id(w.value) for w in layer.trainable_weights} == {id(w) for w in weights}
