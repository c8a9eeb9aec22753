"""Google's speech embedding as a Keras network."""

import keras
from keras import layers

from .log_mel import BANDS
from .published import NETWORK, published_graph

# Filters of the convolutions in a block, each of them 1 x 3 (over pitches) and 3 x 1 (over time);
# then what the block's pooling halves.
_BLOCKS = (
    (24, 1, (2, 2)),
    (48, 2, (1, 2)),
    (72, 2, (2, 2)),
    (96, 2, (1, 2)),
    (96, 2, (2, 2)),
)


def load_speech_embedding(*, pretrained: bool = True) -> keras.Model:
    """Return Google's speech embedding: log-mel `[n, frames, 32, 1]` to `[n, windows, 96]`.

    It hears 76 frames at once, 0.775 s, and moves on by 8 frames: each window gives one feature
    vector of 96 numbers. A clip of 1.2 s has 117 frames, and so 6 windows. 76 frames are the least.

    A convolutional network of 328,000 parameters that learnt to tell short phrases of thousands of
    videos apart (Lin and others, "Training keyword spotters with limited and synthesized speech
    data", 2020). `log_mel` makes its input. Layers are named `block1_conv1` and so on.

    Parameters
    ----------
    pretrained : bool
        False gives the same network with random weights, to compare with.

    Raises
    ------
    ConnectionError
        The network is not installed; the message says how to get it.
    ImportError
        onnx is not installed.
    ValueError
        The installed file is another one than the published.

    Examples
    --------
    >>> load_speech_embedding(pretrained=False).output_shape
    (None, None, 96)
    """
    model = _architecture()
    if pretrained:
        _fill(model, published_graph(NETWORK))
    return model


def _architecture():
    log_mel = keras.Input((None, BANDS, 1), name="log_mel")
    x = layers.ZeroPadding2D((0, 1), name="padding")(log_mel)
    x = layers.Conv2D(24, 3, use_bias=False, activation="relu", name="stem_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name="stem_bn")(x)
    x = _leaky(x, "stem")
    for number, (channels, pairs, pooled) in enumerate(_BLOCKS, 1):
        for pair in range(pairs):
            for place, kernel in enumerate(((1, 3), (3, 1)), 2 * pair + 1):
                name = f"block{number}_conv{place}"
                padding = "same" if kernel == (1, 3) else "valid"
                x = layers.Conv2D(channels, kernel, padding=padding, name=name)(x)
                x = _leaky(x, name)
        x = layers.MaxPooling2D(pooled, name=f"block{number}_pool")(x)
    x = layers.Conv2D(96, (3, 1), use_bias=False, name="top_conv")(x)
    x = layers.Reshape((-1, 96), name="embedding")(x)
    return keras.Model(log_mel, x, name="speech_embedding")


def _leaky(x, name):
    """Negative values count for a fifth, and never below -0.4."""
    x = layers.LeakyReLU(0.2, name=f"{name}_leaky")(x)
    return layers.Maximum(name=f"{name}_floor")([x, keras.ops.full_like(x, -0.4)])


def _fill(model, graph):
    """Assign the weights of the file, whose nodes stand in the order of the layers."""
    from onnx import numpy_helper

    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    given = [
        [stored[name] for name in node.input if name in stored]
        for node in graph.node
        if node.op_type in ("Conv", "BatchNormalization")
    ]
    own = [layer for layer in model.layers if layer.weights]
    for layer, values in zip(own, given, strict=True):
        if isinstance(layer, layers.Conv2D):
            values[0] = values[0].transpose(2, 3, 1, 0)
        layer.set_weights(values)
