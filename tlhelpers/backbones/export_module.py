"""Publish a trained model as a TF Hub module."""

import os
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from ..runtime.keras_private import all_layers
from ..storage.cache import whole_folder
from . import tensors
from .block_names import common_prefix, name_blocks
from .hub_layer import HubLayer

CARD = """# {name}

{about}

| | |
|---|---|
| input | `{input_name}`: {takes} |
| output | {gives} |
| parameters | {parameters:,} |
| blocks | {blocks} |
| made from | {sources} |
| written with | TensorFlow {tensorflow}, Keras {keras} |

It is a TF Hub module (reusable SavedModel). Load it with

    import tlhelpers as tl
    layer = tl.HubLayer("path/to/this/folder")

or with `tf.saved_model.load`. The signature `serving_default` takes `{input_name}` and gives
`default`.

**Licence.** {licence}

**Measured.** {measured}
"""


def export_module(
    model: keras.Model | HubLayer,
    folder: str | os.PathLike,
    *,
    about: str = "",
    licence: str = "",
    measured: str = "",
) -> Path:
    """Save a model as a SavedModel that `HubLayer`, `hub.load` and `tf.saved_model.load` read.

    The folder holds the module in the reusable SavedModel interface (the call in training and in
    inference mode, variables named by layer, regularization losses), a signature for images, texts
    or numbers, and a card (README.md; Mitchell and others, Model Cards, 2019) to complete.

    Parameters
    ----------
    model : keras.Model or HubLayer
        With one input and one output. Images are `[n, height, width, 3]`, texts are strings `[n]`.
        What can train in the model can train in the module, also if it is frozen just now. The
        module takes, computes and gives float32, also where the model has mixed precision.
    folder : str or path
        A folder that does not exist yet, or is empty. It appears only when it is complete.
    about, licence, measured : str
        For the card: what the model is for; under which terms; how good it was, on which data.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    TypeError
        Not a model.
    ValueError
        A model that was never built, or has several inputs or outputs.
    FileExistsError
        The folder holds something.

    Examples
    --------
    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     module = export_module(model, f"{folder}/my_module", about="Two of four.")
    ...     HubLayer(module)(tf.ones((1, 4))).shape
    TensorShape([1, 2])
    """
    model = _as_model(model)
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} holds something already. Give the name of a new folder.")
    with whole_folder(folder) as empty:
        with _for_others(model):  # traced up to the end of saving
            module, signature = _as_module(model)
            tf.saved_model.save(module, str(empty), {"serving_default": signature})
        card = _card(model, folder.name, module, signature, about, licence, measured)
        (empty / "README.md").write_text(card, encoding="utf-8")
    return folder


def _as_model(model):
    if isinstance(model, HubLayer) and hasattr(model, "input_shape"):
        inputs = keras.Input(model.input_shape[1:], dtype=model.compute_dtype)
        model = keras.Model(inputs, model(inputs), name=model.name)
    if isinstance(model, HubLayer):
        raise ValueError(
            f"{model.name} does not take one tensor of known shape. Give HubLayer its input_shape, "
            "or put it between keras.Input and keras.Model."
        )
    if not isinstance(model, keras.Model):
        raise TypeError(f"A keras.Model or a HubLayer is expected, not {type(model).__name__}.")
    if not model.built or not getattr(model, "inputs", None):
        raise ValueError(
            f"{model.name} does not know its input. Begin it with keras.Input, or call it once on "
            "data; a model written as a class is put between keras.Input and keras.Model first."
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            f"{model.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; a "
            "module has one of each. For others use model.export."
        )
    return model


def _as_module(model):
    """The model as a TF Hub module, on copies of its variables that are named by layer."""
    layers = all_layers(model)
    modules = [layer for layer in layers if isinstance(layer, HubLayer)]
    shared = {id(weight.value) for layer in modules for weight in layer.weights}
    # the head beside a module gets the module's prefix, so that blocks are still told by name
    within = common_prefix([w.value.name for w in modules[0].weights]) if len(modules) == 1 else ""

    def named(weight):
        if id(weight.value) in shared:
            return weight.value  # its module computes with this very variable
        name = within + weight.path.removeprefix(f"{model.name}/")
        return tf.Variable(weight.value, name=name, trainable=weight.trainable)

    train = [named(weight) for weight in model.trainable_variables]
    fixed = [named(weight) for weight in model.non_trainable_variables]
    taken = model.inputs[0]
    dtype = "float32" if "float" in taken.dtype else taken.dtype  # see _for_others
    name = "images" if taken.shape[3:] == (3,) else "inputs"  # as TF Hub calls them
    spec = tf.TensorSpec(taken.shape, dtype, "sentences" if dtype == "string" else name)

    @tf.function(autograph=False)
    def call(inputs, training=False):
        outputs, updates = model.stateless_call(train, fixed, inputs, training=training)
        for variable, update in zip(fixed, updates, strict=True):
            if training and id(variable) not in shared:
                variable.assign(update)
        return outputs

    @tf.function(input_signature=[spec], autograph=False)
    def signature(inputs):
        return {"default": call(inputs, training=False)}

    for training in (False, True):
        call.get_concrete_function(spec, training=training)
    module = tf.train.Checkpoint()
    module.__call__ = call
    module.variables, module.trainable_variables = train + fixed, train
    module.regularization_losses = [
        tf.function(partial(weight.regularizer, variable), input_signature=[], autograph=False)
        for weight, variable in zip(model.trainable_variables, train, strict=True)
        if weight.regularizer is not None
    ]
    # vocabularies and other resources that are no variables travel with these
    module.resources = [layer.resolved_object for layer in modules]
    module.resources += [layer for layer in layers if layer is not model and not layer.variables]
    return module, signature.get_concrete_function()


@contextmanager
def _for_others(model):
    """The model with nothing frozen and in float32 only, for the time being.

    Who loads it chooses what to freeze, and may have no GPU for mixed precision.
    """
    layers = [(layer, layer.trainable, layer.dtype_policy) for layer in all_layers(model)]
    weights = [(weight, weight.trainable) for weight in model.variables]
    try:
        model.trainable = False  # else True would change nothing in a model that is True already
        model.trainable = True
        for layer, _, policy in layers:
            if policy.name.startswith("mixed_"):
                layer.dtype_policy = "float32"
        yield
    finally:
        for layer, trainable, policy in layers:
            layer.trainable = trainable
            if policy.name.startswith("mixed_"):
                layer.dtype_policy = policy
        for weight, trainable in weights:
            weight.trainable = trainable


def _card(model, name, module, signature, about, licence, measured):
    layers = [layer for layer in all_layers(model) if isinstance(layer, HubLayer)]
    blocks = dict.fromkeys(name_blocks([variable.name for variable in module.variables]))
    ((spec,), _) = signature.structured_input_signature
    return CARD.format(
        name=name,
        about=about or "Say here what the model is for, and what it is not for.",
        input_name=spec.name,
        takes=tensors.describe(spec),
        gives=tensors.describe(signature.structured_outputs["default"]),
        parameters=model.count_params(),
        blocks=", ".join(blocks),
        sources=", ".join(f"`{layer.handle}`" for layer in layers) or "nothing pretrained",
        tensorflow=tf.__version__,
        keras=keras.__version__,
        licence=licence or "Not stated. It must go with the licences of what it was made from.",
        measured=measured or "Not stated. Say how good the model is, and on which data.",
    )
