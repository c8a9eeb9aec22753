"""A TF Hub module as a native Keras 3 layer."""

import hashlib
import os

import keras
import tensorflow as tf

from . import fetch


def share_storage(layer, variable, name, trainable):
    """Give a Keras layer a weight that is the module's own `tf.Variable`, not a copy of it.

    The module's function computes with its own variables, so training must change those. Keras 3
    has no public way to adopt one: a weight is added, and its private `_value` is then pointed at
    the module's variable. This is the only use of Keras' internals in the package.
    """
    weight = layer.add_weight(
        shape=variable.shape,
        dtype=variable.dtype.name,
        initializer="zeros",
        trainable=trainable,
        name=name,
        autocast=False,
    )
    weight._value = variable
    if weight.value is not variable:
        raise RuntimeError(
            f"Keras {keras.__version__} does not let a layer share a TF Hub module's variables. "
            "Use a version from 3.13 to 3.15."
        )
    return weight


def _input_spec(module):
    """Shape the module accepts, for Keras to check; None when the module does not tell."""
    try:
        (first, *_), _ = module.__call__.concrete_functions[0].structured_input_signature
        return keras.layers.InputSpec(shape=tuple(first.shape))
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def _inference_mode(module):
    """Arguments that say "inference": `training` is optional in the interface."""
    functions = getattr(module.__call__, "concrete_functions", ())
    known = any("training" in function.function_type.parameters for function in functions)
    return {"training": False} if known else {}


@keras.saving.register_keras_serializable(package="tlhelpers")
class HubLayer(keras.layers.Layer):
    """A TF Hub module (reusable SavedModel) as a Keras 3 layer.

    `hub.KerasLayer` is a layer of Keras 2 and is refused by Keras 3; this one works in
    Sequential, functional and subclassed models, and its weights really train.

    Parameters
    ----------
    handle : str or path
        What `tlhelpers.fetch.module_path` accepts: `embedded:glyphnet`, a folder, an address.
    trainable : bool
        False (default): the module is a fixed feature extractor. True: its trainable variables
        are fine-tuned. BatchNorm statistics stay as they are in both cases.

    Call arguments
    --------------
    images : float32 `[n, height, width, 3]` in `[0, 1]`, for an image module.

    Returns
    -------
    float32 `[n, d]`: one feature vector an image, for a feature-vector module.

    Raises
    ------
    ValueError
        Unknown handle, or a SavedModel that cannot be called as a TF Hub module.

    Examples
    --------
    >>> layer = HubLayer("embedded:glyphnet")  # doctest: +SKIP
    >>> keras.Sequential([layer, keras.layers.Dense(10)])  # doctest: +SKIP
    """

    def __init__(self, handle, trainable=False, **kwargs):
        # a module computes in the type it was saved with, whatever Keras' policy
        super().__init__(trainable=trainable, **{**kwargs, "dtype": "float32"})
        self.handle = os.fspath(handle) if isinstance(handle, os.PathLike) else handle
        path = fetch.module_path(handle)
        self._module = tf.saved_model.load(str(path))
        if not callable(self._module) or not hasattr(self._module, "variables"):
            raise ValueError(
                f"The SavedModel {handle!r} cannot be called as a TF Hub module: a function "
                "`__call__` and a list `variables` were expected (the reusable SavedModel "
                "interface). Models saved by `model.save` are loaded with keras.models.load_model."
            )
        self.input_spec = _input_spec(self._module)
        self._mode = _inference_mode(self._module)
        graph = (path / "saved_model.pb").read_bytes()
        self.fingerprint = hashlib.sha256(graph).hexdigest()
        may_train = {id(v) for v in getattr(self._module, "trainable_variables", ())}
        for index, variable in enumerate(self._module.variables):
            name = variable.name.split(":")[0].replace("/", "_") or f"variable_{index}"
            share_storage(self, variable, name, trainable=id(variable) in may_train)
        self.built = True

    def build(self, input_shape):
        self.built = True

    def call(self, images):
        # Never in training mode: BatchNorm statistics of the source task are part of what was
        # learnt, and a small target set would overwrite them.
        return self._module(images, **self._mode)

    def compute_output_shape(self, input_shape):
        images = tf.TensorSpec((input_shape[0], *input_shape[1:]), "float32")
        return tuple(tf.function(self.call).get_concrete_function(images).structured_outputs.shape)

    def compute_output_spec(self, images, **kwargs):
        return keras.KerasTensor(self.compute_output_shape(images.shape), "float32")

    def get_config(self):
        return {**super().get_config(), "handle": self.handle}
