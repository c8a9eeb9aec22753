"""A TF Hub module as a native, trainable Keras 3 layer."""

import json
import os
from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, Self

import keras
import tensorflow as tf

from ..runtime import replicas
from ..runtime.checks import one_of
from . import saved_model, tensors
from .module_blocks import ModuleBlocks
from .saved_function import SavedFunction


@keras.saving.register_keras_serializable(package="tlhelpers")
class HubLayer(ModuleBlocks):
    """A TF Hub module (reusable SavedModel) as a Keras 3 layer.

    `hub.KerasLayer` is a layer of Keras 2 and is refused by Keras 3; this one takes the same
    arguments, works in Sequential, functional and subclassed models, and its weights really train.
    A module is a program: who makes a HubLayer runs it, so take one only from whom you trust.

    Parameters
    ----------
    handle : str, path or callable
        `embedded:glyphnet`, the folder of a SavedModel, or an address of TF Hub or Kaggle Models;
        or an object loaded with `tf.saved_model.load`. Only a handle can be saved in a `.keras`
        file; in safe mode Keras loads only an embedded one from there, and `call` of another
        layer makes none that this process has not loaded before.
    trainable : bool
        False (default): the module is a fixed feature extractor. True: all its trainable variables
        are fine-tuned. `unfreeze` chooses some of them.
    arguments : dict, optional
        More arguments for the module's function; must be JSON for the layer to be saved.
    tags : list of str, optional
        Which graph of a SavedModel with several.
    signature : str, optional
        Call this signature instead of the module itself; it cannot be trained. Needs one of the
        next two.
    signature_outputs_as_dict : bool, optional
        Give all of the signature's outputs as a dict.
    output_key : str, optional
        Give this one of a dict of outputs.
    output_shape : tuple, or list or dict of tuples, optional
        Shape of the output without the batch, for modules that do not tell.
    batch_norm : {"frozen", "update"}
        "frozen" (default): a module that has BatchNorm statistics (variables of floating type that
        do not train) always runs in inference mode, so that a small target set does not overwrite
        what the source task taught; its dropout is off too. "update": `training` reaches the module
        as it is, statistics move. A module without statistics always gets `training` as it is.
    input_shape : tuple, optional
        Shape of one input, without the batch; for the first layer of a Sequential model.
    dtype : dtype, optional
        Type of the input (`tf.string` for texts). A module computes in the types it was saved with,
        whatever Keras' mixed-precision policy.

    Call arguments
    --------------
    inputs : tensor, or dict or list of tensors
        What the module takes: float32 `[n, height, width, 3]` in `[0, 1]` for an image module,
        string `[n]` for a text module. Python lists and strings are converted.
    training : bool
        As for any Keras layer; see `batch_norm`. A frozen layer always runs in inference mode.
        The output is what the module gives: float32 `[n, d]` for a feature-vector module.

    Raises
    ------
    ValueError
        Unknown handle; a SavedModel that cannot be called as a module, or in TF1 format; arguments
        that do not go together; inputs that the module does not take.

    Examples
    --------
    >>> layer = HubLayer("embedded:glyphnet")
    >>> model = keras.Sequential([layer, keras.layers.Dense(10)])
    >>> layer.unfreeze(last=2)  # then compile again
    >>> len(layer.blocks), len(layer.trainable_weights)
    (7, 6)
    """

    def __init__(
        self,
        handle: Any,
        *,
        trainable: bool = False,
        arguments: dict[str, Any] | None = None,
        tags: list[str] | None = None,
        signature: str | None = None,
        signature_outputs_as_dict: bool | None = None,
        output_key: str | None = None,
        output_shape: Any = None,
        load_options: tf.saved_model.LoadOptions | None = None,
        batch_norm: str = "frozen",
        input_shape: Sequence[int | None] | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, dtype="float32", **kwargs)
        one_of(batch_norm, "batch_norm", ("frozen", "update"))
        if signature and bool(signature_outputs_as_dict) == (output_key is not None):
            raise ValueError(
                f"With signature={signature!r} give either output_key or "
                "signature_outputs_as_dict=True."
            )
        if signature_outputs_as_dict and not signature:
            raise ValueError("signature_outputs_as_dict=True needs a signature.")
        self.handle = os.fspath(handle) if isinstance(handle, os.PathLike) else handle
        self.batch_norm = batch_norm
        self._given = SimpleNamespace(
            arguments=arguments or {},
            tags=tags,
            signature=signature,
            signature_outputs_as_dict=signature_outputs_as_dict,
            output_key=output_key,
            output_shape=output_shape,
            input_shape=input_shape,
            dtype=tensors.input_dtype(dtype),
        )
        if callable(handle) or hasattr(handle, "signatures"):
            if tags is not None or load_options is not None:
                raise ValueError("tags and load_options need a handle, not a loaded object.")
            self._module, self.fingerprint = handle, None
        else:
            self._module, self.fingerprint = saved_model.load(self.handle, tags, load_options)
        self._function = SavedFunction(self._module, handle, signature)
        self.supports_jit = not self._function.needs_strings
        shape = getattr(self._function.takes, "shape", None)  # false if its rank is open
        self.input_spec = keras.layers.InputSpec(shape=tuple(shape)) if shape else None
        self.autocast = tf.as_dtype(self.compute_dtype).is_floating
        self._adopt_weights(self._module, self._function)
        self._let_train(self.blocks if trainable else (), trainable)
        self.built = True

    @property
    def resolved_object(self) -> Any:
        """The loaded module."""
        return self._module

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        return super().__call__(tensors.as_tensors(inputs, self._function.takes), *args, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        """Return what the module gives."""
        if self._given.signature:
            self._check_trainable()
        if self.trainable and training is True:
            replicas.check_made_here(self.name, self.trainable_weights)
            if self.batch_norm == "update" and self._statistics:
                replicas.check_statistics(self.name)
        compute = partial(self._function.compute, inputs, self._given.arguments)
        inference = not self.trainable or (self.batch_norm == "frozen" and self._statistics)
        if tf.is_tensor(training) and not inference:
            outputs = tf.cond(
                training, *(partial(compute, training=mode) for mode in (True, False))
            )
        else:
            outputs = compute(training=not inference and bool(training))
        key, shapes = self._given.output_key, self._given.output_shape
        if key is not None:
            if not isinstance(outputs, dict):
                raise ValueError(f"output_key={key!r} is given, but the output is not a dict.")
            if key not in outputs:
                raise ValueError(f"output_key is {key!r}; the module gives {sorted(outputs)}.")
            outputs = outputs[key]
        if shapes is not None:
            batch = tf.nest.flatten(inputs)[0].shape[:1]
            tf.nest.map_structure(
                lambda output, shape: output.set_shape(batch.concatenate(shape)),
                outputs,
                tensors.as_shapes(shapes),
            )
        return outputs

    @property
    def compute_dtype(self) -> str:
        """Type of the input; Sequential makes its own of this type."""
        given = self._given.dtype
        return given or getattr(getattr(self._function.takes, "dtype", None), "name", "float32")

    variable_dtype = compute_dtype

    @property
    def input_shape(self) -> tuple:
        """Shape of the input, with the batch."""
        if self._given.input_shape is not None:
            return (None, *self._given.input_shape)
        if self.input_spec is None:
            raise AttributeError(f"The shape of the input of {self.name} is not known.")
        return self.input_spec.shape

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output."""
        takes = self._function.takes or tf.TensorSpec(None, self.compute_dtype)
        inputs = keras.tree.map_structure_up_to(
            takes,
            lambda spec, shape: keras.KerasTensor(shape, spec.dtype.name),
            takes,
            tensors.as_shapes(input_shape),
        )
        outputs = self.compute_output_spec(inputs)
        return tf.nest.map_structure(lambda output: output.shape, outputs)

    def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
        """Return the output as `keras.KerasTensor`."""
        specs = tf.nest.map_structure(tensors.spec_of, inputs)
        traced = tf.function(self.call, autograph=False).get_concrete_function(specs)
        return tf.nest.map_structure(tensors.keras_tensor, traced.structured_outputs)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the layer again."""
        if not isinstance(self.handle, str):
            raise NotImplementedError(
                f"{self.name} was made from a loaded object ({type(self.handle).__name__}), which "
                "cannot be saved. Give the handle: a folder or an address."
            )
        config = {**super().get_config(), "handle": self.handle, "batch_norm": self.batch_norm}
        del config["dtype"]
        config |= {key: x for key, x in vars(self._given).items() if x not in (None, {})}
        for key in ("arguments", "output_shape"):
            try:
                json.dumps(config.get(key))
            except TypeError as error:
                raise ValueError(
                    f"{key}={config[key]} cannot be saved, it is not JSON: {error}."
                ) from error
        free = {id(weight) for weight in self.trainable_weights}
        if self.trainable and free != self._may_train:
            pairs = self._blocks.items()
            config["unfrozen"] = [name for name, ws in pairs if any(w.trainable for w in ws)]
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make the layer again; see `refuse_in_safe_mode` for what Keras' safe mode allows."""
        config = dict(config)
        unfrozen = config.pop("unfrozen", None)
        saved_model.refuse_in_safe_mode(config.get("handle"))
        layer = cls(**config)
        if unfrozen is not None:
            layer.unfreeze(unfrozen)
        return layer
