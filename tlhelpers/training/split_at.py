"""Cut a network in two: a frozen trunk that is computed once, and a tail that trains."""

import warnings

import keras

from ..backbones.hub_layer import HubLayer
from ..runtime.keras_private import run_layers
from .blocks import block_of

_ONE_FUNCTION = (
    "a SavedModel is one function. Give a Keras model; that of the embedded network is "
    "task.network()."
)


def split_at(model: keras.Model, layer: str | None = None) -> tuple[keras.Model, keras.Model]:
    """Return trunk and tail of a model cut behind a layer, so that the trunk is computed once.

    The two models are made of the model's own layers: what the tail learns the model has learnt,
    and there is nothing to join. Training the tail on activations of the trunk gives the losses
    and weights of ordinary partial fine-tuning on the same batches.

    Parameters
    ----------
    model : keras.Model
        Functional or Sequential, with models in it or without; it may be cut inside those, too.
    layer : str, optional
        Name of the layer, or of the block, that ends the trunk. All that follows must come from
        its output alone: not inside a residual block, but behind its addition. By default the
        last place before anything that trains, or that is random in training.

    Raises
    ------
    TypeError
        A place inside a HubLayer (a SavedModel is one function); a model written as a class.
    ValueError
        Unknown layer; a place where something leads past the layer (the message lists places that
        can be cut); weights before the cut that train; nothing frozen that could be cut off.

    Examples
    --------
    >>> model = keras.applications.MobileNetV2(weights=None)
    >>> model.trainable = False
    >>> trunk, tail = split_at(model, "block_15")
    >>> trunk.output_shape
    (None, 7, 7, 160)
    """
    if isinstance(model, HubLayer):
        raise TypeError(f"A HubLayer cannot be cut: {_ONE_FUNCTION}")
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise TypeError(
            f"A functional or a built Sequential model is expected, not {type(model).__name__}."
        )
    given = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
    inputs = keras.tree.map_structure(
        lambda tensor: keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype), given
    )
    steps: list[tuple] = []
    outputs = _unroll(model, inputs, steps)
    middle = _before_training(model, steps) if layer is None else _behind(model, layer, steps)
    trunk = keras.Model(inputs, middle, name="trunk")
    free = [weight.path for weight in trunk.trainable_weights]
    if free:
        raise ValueError(
            f"Before {layer!r} {len(free)} weights train, {free[0]} first. Freeze them, or cut "
            "before them: what is computed once cannot train."
        )
    random = [part.name for part in trunk.layers if _is_random(part)]
    if random:
        warnings.warn(
            f"{random} differ in training; the trunk's activations are those of inference.",
            stacklevel=2,
        )
    return trunk, keras.Model(middle, outputs, name="tail")


def _unroll(model, inputs, steps):
    """Call the model's layers on new inputs, those of models in it one by one.

    Appends `(layer, tensors that it takes, tensor that it gives)` to `steps`; returns the output.
    """

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            return _unroll(layer, args[0], steps)
        output = layer(*args, **kwargs)
        steps.append((layer, keras.tree.flatten((args, kwargs)), output))
        return output

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = call(layer, inputs)
        return inputs
    return run_layers(model, inputs, call)


def _is_random(layer):
    return len(layer.variables) > len(layer.weights)  # holds a seed, which is no weight


def _before_training(model, steps):
    """The output of the last place before a layer that trains or is random."""
    places, found = _places(steps), None
    for layer, _, _ in steps:
        if layer.trainable_weights or _is_random(layer):
            break
        found = places.get(layer.name, found)
    if found is None:
        raise ValueError(
            f"{model.name} trains from its first layer on: there is nothing to compute once. "
            "Freeze its first blocks."
        )
    return found


def _behind(model, layer, steps):
    """The output of a layer, or of a block, behind which the model can be cut."""
    layers, places = [part for part, _, _ in steps], _places(steps)
    ends, block = {}, None
    for part in layers:
        if part.weights:
            block = block_of(part)  # layers without weights belong to the block before them
        if block and part.name in places:
            ends[block] = part.name
    if layer in places or layer in ends:
        return places[ends.get(layer, layer)]
    if any(layer in part.blocks for part in layers if isinstance(part, HubLayer)):
        raise TypeError(f"A HubLayer cannot be cut behind {layer!r}: {_ONE_FUNCTION}")
    here = any(part.name == layer for part in layers)
    why = "something leads past it" if here else "there is no such layer or block"
    raise ValueError(
        f"{model.name} cannot be cut behind {layer!r}: {why}. Its blocks end, and it can be "
        f"cut, behind: {', '.join(ends.values())}."
    )


def _places(steps):
    """Layer -> its output, where that is all that later layers need; the last layer is no place."""
    last_use = {id(tensor): i for i, (_, taken, _) in enumerate(steps) for tensor in taken}
    places, reach = {}, 0
    for i, (layer, _, output) in enumerate(steps[:-1]):
        if reach <= i:
            places[layer.name] = output
        reach = max(reach, last_use.get(id(output), 0))
    return places
