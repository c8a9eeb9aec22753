"""Cut a network in two: a frozen trunk that is computed once, and a tail that trains."""

import warnings

import keras

from .block_names import name_blocks
from .hub import HubLayer

_STOCHASTIC = (
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)


def split_at(model, layer):
    """Cut a model behind a layer, so that partial fine-tuning computes the frozen part once.

    The two models are made of the model's own layers: what the tail learns the model has learnt,
    and there is nothing to join. Training the tail on activations of the trunk gives the losses
    and weights of ordinary partial fine-tuning on the same batches.

    Parameters
    ----------
    model : keras.Model
        A functional model; or a Sequential one that begins with a functional model.
    layer : str
        Name of the layer, or of the block, that ends the trunk. All that follows must come from
        its output alone: not inside a residual block, but behind its addition.

    Returns
    -------
    trunk, tail : keras.Model
        From the model's input to the layer's output, and from there to the model's output.

    Raises
    ------
    TypeError
        A HubLayer (a SavedModel is one function and cannot be cut), or a model written as a class.
    ValueError
        Unknown layer; a place where something leads past the layer (the message lists places that
        can be cut); weights before the cut that train.

    Examples
    --------
    >>> trunk, tail = split_at(model, "block5_out")  # doctest: +SKIP
    >>> activations = extract_features(trunk, images, spatial=True)  # doctest: +SKIP
    >>> tail.fit(activations, labels)  # doctest: +SKIP
    """
    base, head = _base_and_head(model)
    places = _places(base)
    if not head:
        places = places[:-1]  # nothing follows the last one
    ends = _block_ends(base, places)
    if layer not in places and layer not in ends:
        names = [each.name for each in base.layers]
        why = "something leads past it" if layer in names else "there is no such layer or block"
        raise ValueError(
            f"{model.name} cannot be cut behind {layer!r}: {why}. Its blocks end, and it can be "
            f"cut, behind: {', '.join(ends.values())}."
        )
    layer = layer if layer in places else ends[layer]
    middle = base.get_layer(layer).output
    trunk = keras.Model(base.inputs, middle, name="trunk")
    free = [weight.path for weight in trunk.trainable_weights]
    if free:
        raise ValueError(
            f"Before {layer!r} {len(free)} weights train, {free[0]} first. Freeze them, or cut "
            "before them: what is computed once cannot train."
        )
    random = [each.name for each in trunk.layers if isinstance(each, _STOCHASTIC)]
    if random:
        warnings.warn(
            f"{random} differ in training; the trunk's activations are those of inference.",
            stacklevel=2,
        )
    inputs = keras.Input(middle.shape[1:], dtype=middle.dtype)
    x = keras.Model(middle, base.outputs[0])(inputs) if middle is not base.outputs[0] else inputs
    for each in head:
        x = each(x)
    return trunk, keras.Model(inputs, x, name="tail")


def _base_and_head(model):
    """The functional model that can be cut, and the layers after it."""
    if isinstance(model, HubLayer):
        raise TypeError(
            "A HubLayer cannot be cut: a SavedModel is one function. Give a Keras model; that of "
            "the embedded network is keras.models.load_model(task.backbone_file)."
        )
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise TypeError(
            f"A functional or a built Sequential model is expected, not {type(model).__name__}."
        )
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if isinstance(model, keras.Sequential) and isinstance(layers[0], HubLayer):
        return _base_and_head(layers[0])
    if isinstance(model, keras.Sequential) and isinstance(layers[0], keras.Model):
        base, head = _base_and_head(layers[0])
        return base, [*head, *layers[1:]]
    return model, []


def _block_ends(model, places):
    """Block -> the last place in it; layers without weights belong to the block before them."""
    ends, block = {}, None
    for layer in model.layers:
        if layer.weights:
            (block,) = name_blocks([f"{layer.name}/weight"])
        if block and layer.name in places:
            ends[block] = layer.name
    return ends


def _places(model):
    """Names of the layers whose output is all that later layers need, in order."""
    order = {id(layer.output): i for i, layer in enumerate(model.layers)}
    last_use = [i for i, _ in enumerate(model.layers)]
    for i, layer in enumerate(model.layers):
        for tensor in keras.tree.flatten(getattr(layer, "input", [])):
            made_by = order.get(id(tensor), i)
            last_use[made_by] = max(last_use[made_by], i)
    places, reach = [], -1
    for i, layer in enumerate(model.layers):
        if reach <= i and not isinstance(layer, keras.layers.InputLayer):
            places.append(layer.name)
        reach = max(reach, last_use[i])
    return places
