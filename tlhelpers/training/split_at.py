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
        can be cut); weights before the cut that train; nothing frozen that could be cut off; two
        layers of one name, in models in the model, on one side of the cut.

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
    places = _places(steps, inputs, outputs)
    if layer is None:
        place = _before_training(model, steps, places)
    else:
        place = _behind(model, layer, steps, places)
    _check_names(model, steps[: place + 1], steps[place + 1 :])
    trunk = keras.Model(inputs, steps[place][-1], name="trunk")
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
    return trunk, _tail(steps, place, outputs)


def _unroll(model, inputs, steps):
    """Call the model's layers on new inputs, those of models in it one by one.

    Appends `(layer, arguments, output)` to `steps`; returns the model's output.
    """

    def call(layer, *args, **kwargs):
        if isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
            return _unroll(layer, args[0], steps)
        output = layer(*args, **kwargs)
        steps.append((layer, (args, kwargs), output))
        return output

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            inputs = call(layer, inputs)
        return inputs
    return run_layers(model, inputs, call)


def _check_names(model, *parts):
    """Raise ValueError where a part would hold two layers of one name, which Keras refuses."""
    for steps in parts:
        names = [layer.name for layer in {id(layer): layer for layer, _, _ in steps}.values()]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f"{model.name} cannot be cut there: the models in it have several layers named "
                f"{twice}, which would stand in one part. Give them different names."
            )


def _tail(steps, place, outputs):
    """The steps behind a place once more, from an input of their own.

    Keras' own way to begin a model at an inner tensor stumbles over a layer that is used twice.
    """
    middle = steps[place][-1]
    given = keras.Input(batch_shape=middle.shape, dtype=middle.dtype)
    new = {id(middle): given}

    def renewed(tensors):
        return keras.tree.map_structure(lambda tensor: new.get(id(tensor), tensor), tensors)

    for layer, arguments, output in steps[place + 1 :]:
        args, kwargs = renewed(arguments)
        pairs = zip(*map(keras.tree.flatten, (output, layer(*args, **kwargs))), strict=True)
        new |= {id(old): tensor for old, tensor in pairs}
    return keras.Model(given, renewed(outputs), name="tail")


def _is_random(layer):
    if not isinstance(layer, keras.Layer):  # an operation, such as x / 127.5
        return False
    return len(layer.variables) > len(layer.weights)  # holds a seed, which is no weight


def _before_training(model, steps, places):
    """The last place before a layer that trains or is random."""
    found, before = None, 0
    for before, (layer, _, _) in enumerate(steps):
        if getattr(layer, "trainable_weights", ()) or _is_random(layer):
            break
        found = before if before in places else found
    if found is None:
        why = "something leads past each frozen layer" if before else "it trains from its first on"
        raise ValueError(
            f"{model.name} has no layer behind which it can be cut: {why}, so that there is "
            "nothing to compute once. Freeze its first blocks."
        )
    return found


def _behind(model, layer, steps, places):
    """The place behind a layer, or a block, where the model can be cut."""
    layers = [part for part, _, _ in steps]
    named = {part.name: i for i, part in enumerate(layers) if i in places}
    ends, block = {}, None
    for i, part in enumerate(layers):
        if getattr(part, "weights", ()):
            block = block_of(part)  # layers without weights belong to the block before them
        if block and i in places:
            ends[block] = i
    if layer in named or layer in ends:
        return ends[layer] if layer in ends else named[layer]
    if any(layer in part.blocks for part in layers if isinstance(part, HubLayer)):
        raise TypeError(f"A HubLayer cannot be cut behind {layer!r}: {_ONE_FUNCTION}")
    here = any(part.name == layer for part in layers)
    why = "something leads past it" if here else "there is no such layer or block"
    raise ValueError(
        f"{model.name} cannot be cut behind {layer!r}: {why}. Its blocks end, and it can be "
        f"cut, behind: {', '.join(layers[i].name for i in ends.values())}."
    )


def _places(steps, inputs, outputs):
    """Numbers of the steps whose output is all that later ones need; the last is no place."""
    last_use = {
        id(tensor): i
        for i, (_, taken, _) in enumerate(steps)
        for tensor in keras.tree.flatten(taken)
    }
    last_use |= {id(tensor): len(steps) for tensor in keras.tree.flatten(outputs)}

    def until(tensors):
        return max(last_use.get(id(tensor), 0) for tensor in keras.tree.flatten(tensors))

    places, reach = set(), until(inputs)
    for i, (_, _, output) in enumerate(steps[:-1]):
        if reach <= i and isinstance(output, keras.KerasTensor):
            places.add(i)
        reach = max(reach, until(output))
    return places
