"""A TF Hub module as a native, trainable Keras 3 layer."""

import json
import os
import re
import warnings
from contextlib import ExitStack
from types import SimpleNamespace

import keras
import tensorflow as tf

from . import distribution, saved_model, tensors
from .block_names import choose_blocks, name_blocks, sort_by_use


def share_storage(variable, trainable):
    """A Keras variable whose storage is the module's own `tf.Variable`, not a copy of it.

    The module's function computes with its own variables, so training must change those. Keras 3
    has no documented way to adopt a variable, but its TensorFlow backend does so when the initial
    value is one. This is the only place in the package that relies on it.
    """
    *scopes, name = re.sub(r"[^\w./-]", "_", variable.name.split(":")[0]).split("/")
    with ExitStack() as stack:  # so that the weight's path is the variable's name
        for scope in filter(None, scopes):
            stack.enter_context(keras.name_scope(scope))
        weight = keras.Variable(
            variable,
            dtype=variable.dtype.name,
            trainable=trainable,
            autocast=False,
            name=name or "variable",
        )
    if weight.value is not variable:
        raise RuntimeError(
            f"Keras {keras.__version__} does not let a layer share a TF Hub module's variables. "
            "Use a version from 3.13 to 3.15."
        )
    return weight


@keras.saving.register_keras_serializable(package="tlhelpers")
class HubLayer(keras.layers.Layer):
    """A TF Hub module (reusable SavedModel) as a Keras 3 layer.

    `hub.KerasLayer` is a layer of Keras 2 and is refused by Keras 3; this one takes the same
    arguments, works in Sequential, functional and subclassed models, and its weights really train.

    Parameters
    ----------
    handle : str, path or callable
        What `tlhelpers.fetch_module` accepts (`embedded:glyphnet`, a folder, an address), or an
        object loaded with `tf.saved_model.load`. Only a handle can be saved in a `.keras` file.
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
    load_options : tf.saved_model.LoadOptions, optional
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

    Returns
    -------
    What the module gives: float32 `[n, d]` for a feature-vector module.

    Raises
    ------
    ValueError
        Unknown handle; a SavedModel that cannot be called as a module, or in TF1 format; arguments
        that do not go together; inputs that the module does not take.

    Examples
    --------
    >>> layer = HubLayer("embedded:glyphnet")  # doctest: +SKIP
    >>> model = keras.Sequential([layer, keras.layers.Dense(10)])  # doctest: +SKIP
    >>> layer.unfreeze(last=2)  # then compile again  # doctest: +SKIP
    """

    def __init__(
        self,
        handle,
        trainable=False,
        arguments=None,
        tags=None,
        signature=None,
        signature_outputs_as_dict=None,
        output_key=None,
        output_shape=None,
        load_options=None,
        batch_norm="frozen",
        input_shape=None,
        dtype=None,
        **kwargs,
    ):
        super().__init__(trainable=trainable, dtype="float32", **kwargs)
        if batch_norm not in ("frozen", "update"):
            raise ValueError(f"batch_norm is {batch_norm!r}; give 'frozen' or 'update'.")
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
        self._function = saved_model.read_function(self._module, handle, signature)
        self.supports_jit = not self._function.needs_strings
        self.input_spec = tensors.input_spec(self._function.takes)
        self.autocast = tf.as_dtype(self.compute_dtype).is_floating
        self._adopt_variables()
        self._let_train(self.blocks if trainable else (), trainable)
        self.built = True

    # What it is made of -----------------------------------------------------------------------

    def _adopt_variables(self):
        module = self._module
        may_train = {id(variable) for variable in getattr(module, "trainable_variables", ())}
        variables = [v for v in getattr(module, "variables", ()) if _keras_can_hold(v)]
        traces = saved_model.traces(self._function.call)
        order = sort_by_use(traces[-1], variables) if traces else range(len(variables))
        variables = [variables[i] for i in order]
        self._weights = [share_storage(v, trainable=id(v) in may_train) for v in variables]
        numbers = [
            (v, w) for v, w in zip(variables, self._weights, strict=True) if v.dtype.is_floating
        ]
        self._statistics = [weight for _, weight in numbers if not weight.trainable]
        names = name_blocks([variable.name for variable, _ in numbers])
        self._blocks = {name: [] for name in names}
        for name, (_, weight) in zip(names, numbers, strict=True):
            self._blocks[name].append(weight)
        self._may_train = {id(weight) for weight in self._weights if weight.trainable}
        for loss in getattr(module, "regularization_losses", ()):
            if not callable(loss):
                raise ValueError(
                    "The module's regularization_losses must be functions without arguments that "
                    f"give a number; one of them is a {type(loss).__name__}."
                )
            _attach(loss, self._weights)

    @property
    def resolved_object(self):
        """The loaded module."""
        return self._module

    @property
    def blocks(self):
        """Names of the module's blocks, from input to output, read from its variables' names."""
        return list(self._blocks)

    def unfreeze(self, blocks=None, *, last=None):
        """Let some blocks train and freeze all others. Compile the model again afterwards.

        Parameters
        ----------
        blocks : list of str, optional
            Names out of `blocks`. Without any argument, all blocks train.
        last : int, optional
            Instead: how many blocks, counted from the output.

        Raises
        ------
        ValueError
            Unknown block; a number that is too large; both arguments; some blocks of a layer with
            `batch_norm="update"`: a module has one switch for all its blocks, so the statistics
            of the frozen ones would move.
        """
        blocks = choose_blocks(self.blocks, blocks, last)
        if self.batch_norm == "update" and self._statistics and set(blocks) != set(self.blocks):
            raise ValueError(
                "batch_norm='update' moves the statistics of all blocks, also of frozen ones. "
                "Unfreeze some blocks with batch_norm='frozen', or all of them."
            )
        self._let_train(blocks, True)
        nothing = [b for b in blocks if not any(weight.trainable for weight in self._blocks[b])]
        if 0 < len(nothing) < len(blocks):
            warnings.warn(f"Nothing in the blocks {nothing} may train.", stacklevel=2)

    def freeze(self):
        """Let nothing of the module train. Compile the model again afterwards."""
        self._let_train((), False)

    def _let_train(self, blocks, trainable):
        self.trainable = trainable
        for name, weights in self._blocks.items():
            for weight in weights:
                weight.trainable = name in blocks and id(weight) in self._may_train
        self._check_trainable()

    def _check_trainable(self):
        if self.trainable and self._given.signature:
            raise ValueError(
                "trainable=True is unsupported with a signature: signatures have no training mode. "
                "Call the module without one, or keep it frozen."
            )
        if self.trainable and not self.trainable_weights:
            warnings.warn(f"{self.name} is trainable but has zero trainable weights.", stacklevel=3)

    # Calling it -------------------------------------------------------------------------------

    def __call__(self, inputs, *args, **kwargs):
        return super().__call__(tensors.as_tensors(inputs, self._function.takes), *args, **kwargs)

    def call(self, inputs, training=None):
        if self._given.signature:
            self._check_trainable()
        if self.trainable and training is True:
            distribution.check_made_here(self.name, self.trainable_weights)
            if self.batch_norm == "update" and self._statistics:
                distribution.check_statistics(self.name)
        inference = not self.trainable or (self.batch_norm == "frozen" and self._statistics)
        if tf.is_tensor(training) and not inference:
            outputs = tf.cond(
                training, lambda: self._compute(inputs, True), lambda: self._compute(inputs, False)
            )
        else:
            outputs = self._compute(inputs, not inference and bool(training))
        key = self._given.output_key
        if key is not None:
            if not isinstance(outputs, dict):
                raise ValueError(f"output_key={key!r} is given, but the output is not a dict.")
            if key not in outputs:
                raise ValueError(f"output_key is {key!r}; the module gives {sorted(outputs)}.")
            outputs = outputs[key]
        return self._with_shape(inputs, outputs)

    def _compute(self, inputs, training):
        arguments = dict(self._given.arguments)
        if self._function.knows_training:
            arguments["training"] = training
        if self._given.signature and isinstance(inputs, dict):
            arguments, inputs = {**arguments, **inputs}, ()
        else:
            inputs = (inputs,)
        function = self._function.call
        if not saved_model.traces(function):
            return function(*inputs, **arguments)
        try:
            return distribution.run_once(function, *inputs, **arguments)
        except (TypeError, ValueError) as error:  # a loaded function only fails so on its inputs
            raise ValueError(
                f"The module {self.handle!r} does not take these inputs: "
                f"({saved_model.describe_call(inputs, arguments)}). "
                f"It takes {saved_model.options(function)}."
            ) from error

    def _with_shape(self, inputs, outputs):
        shapes = self._given.output_shape
        if shapes is None:
            return outputs
        batch = tf.nest.flatten(inputs)[0].shape[:1]
        tf.nest.map_structure(
            lambda output, shape: output.set_shape(batch.concatenate(shape)),
            outputs,
            tensors.as_shapes(shapes),
        )
        return outputs

    # What Keras asks --------------------------------------------------------------------------

    @property
    def compute_dtype(self):
        # Sequential makes its input of this type
        given = self._given.dtype
        return given or getattr(getattr(self._function.takes, "dtype", None), "name", "float32")

    variable_dtype = compute_dtype

    @property
    def input_shape(self):
        given = self._given.input_shape
        if given is None and self.input_spec is None:
            raise AttributeError(f"The shape of the input of {self.name} is not known.")
        return self.input_spec.shape if given is None else (None, *given)

    def compute_output_shape(self, input_shape):
        shapes = tensors.as_shapes(input_shape)
        takes = self._function.takes or tf.TensorSpec(None, self.compute_dtype)
        specs = tensors.map_up_to(lambda spec, s: tf.TensorSpec(s, spec.dtype), takes, shapes)
        outputs = self._trace(specs)
        return tf.nest.map_structure(lambda spec: tuple(spec.shape), outputs)

    def compute_output_spec(self, inputs, training=None):
        outputs = self._trace(tf.nest.map_structure(tensors.spec_of, inputs))
        return tf.nest.map_structure(tensors.keras_tensor, outputs)

    def _trace(self, specs):
        return (
            tf.function(self.call, autograph=False).get_concrete_function(specs).structured_outputs
        )

    def get_config(self):
        if not isinstance(self.handle, str):
            raise NotImplementedError(
                f"{self.name} was made from a loaded object ({type(self.handle).__name__}), which "
                "cannot be saved. Give the handle: a folder or an address."
            )
        config = {**super().get_config(), "handle": self.handle, "batch_norm": self.batch_norm}
        del config["dtype"]
        config |= {
            key: value for key, value in vars(self._given).items() if value not in (None, {})
        }
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
            config["unfrozen"] = [name for name, ws in pairs if any(id(w) in free for w in ws)]
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        unfrozen = config.pop("unfrozen", None)
        layer = cls(**config)
        if unfrozen is not None:
            layer.unfreeze(unfrozen)
        return layer


def _keras_can_hold(variable):
    """Texts, quantized numbers and open shapes stay the module's own business."""
    kind = variable.dtype
    number = kind.is_floating or kind.is_complex or kind.is_integer or kind.is_bool
    return number and not kind.is_quantized and variable.shape.is_fully_defined()


def _attach(loss, weights):
    """Make a module's regularization loss that of the weight it reads: it counts while that trains.

    A loss that reads none (a plain function) goes to the first weight that may train.
    """
    reads = {id(capture) for f in saved_model.traces(loss) for capture in f.captured_inputs}
    own = [weight for weight in weights if id(saved_model.captured_as(weight.value)) in reads]
    for weight in (own or [weight for weight in weights if weight.trainable])[:1]:
        weight.regularizer = weight.regularizer or ModuleLosses()
        weight.regularizer.losses.append(loss)


class ModuleLosses(keras.regularizers.Regularizer):
    """A weight's share of its module's regularization losses."""

    def __init__(self):
        self.losses = []

    def __call__(self, weight):
        return sum(loss() for loss in self.losses)
