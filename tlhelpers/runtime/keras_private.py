"""The private names of Keras and TensorFlow that this package cannot do without.

All of them stand here, each with its reason. `tests/test_keras_private.py` says which one broke
when a new version changes it.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.saving import serialization_lib


def all_layers(model: keras.Layer) -> list[keras.Layer]:
    """Return a model (or layer), its layers, and theirs, to the innermost.

    `model.layers` stops at models inside a model, and leaves out layers kept in attributes.
    """
    return list(model._flatten_layers())


def run_layers(model: keras.Model, inputs: Any, call: Callable) -> Any:
    """Return a functional model's output, where `call(layer, *args)` is asked for each layer.

    Keras offers no walk through a model's graph that keeps the layers as they are.
    """
    return model._run_through_graph(inputs, operation_fn=lambda layer: layer, call_fn=call)


@contextmanager
def recorded_inputs(layer: keras.Layer) -> Iterator[list]:
    """Give a list of all inputs with which a layer is called, for the time being.

    Keras has no hook before the call of a layer inside of a model.
    """
    seen, call = [], layer.call

    def record(inputs, *args, **kwargs):
        seen.append(inputs)
        return call(inputs, *args, **kwargs)

    layer.call = record  # in front of the method of its class
    try:
        yield seen
    finally:
        del layer.call


def in_safe_mode() -> bool | None:
    """Return whether Keras loads something that it was not told to trust; None: it loads nothing.

    `from_config` is not told so by Keras, unlike `keras.saving.load_model`.
    """
    return serialization_lib.in_safe_mode()


def in_call() -> bool:
    """Return whether a layer is being called, as when a file says what it calls with what.

    Keras keeps no public note of the layers that are at work.
    """
    return global_state.get_global_attribute("current_call_ctx") is not None


def share_storage(variable: tf.Variable, path: str = "", *, trainable: bool) -> keras.Variable:
    """Return a Keras variable whose storage is a module's own `tf.Variable`, not a copy of it.

    Its path is that of the variable, unless another one is given.

    The module's function computes with its own, so training must change those. Keras documents no
    way to adopt a variable, but with TensorFlow it does so when the initial value is one.
    """
    *scopes, name = re.sub(r"[^\w./-]", "_", (path or variable.name).split(":")[0]).split("/")
    with ExitStack() as stack:  # so that the weight's path is this
        for scope in filter(None, scopes):
            stack.enter_context(keras.name_scope(scope))
        options = {"dtype": variable.dtype.name, "trainable": trainable, "autocast": False}
        weight = keras.Variable(variable, name=name or "variable", **options)
    if weight.value is not variable:
        raise RuntimeError(
            f"Keras {keras.__version__} does not let a layer share a TF Hub module's variables. "
            "Use a version from 3.13 to 3.15."
        )
    return weight


def optimizer_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the weights that an optimizer was built for; they are in no public attribute."""
    return list(optimizer._trainable_variables)


def variable_index(optimizer: keras.optimizers.Optimizer, variable: Any) -> int:
    """Return the place of a weight, or of a replica's part of it, among `optimizer_variables`.

    Under a strategy an optimizer is handed parts of its weights, and Keras alone knows whose.
    """
    return optimizer._get_variable_index(variable)


class WeightDecayHook:
    """Mixin for an optimizer: weight decay goes through `decay_weights`.

    Keras decays all weights at one rate, in a method that may be overridden but is private.
    """

    def _apply_weight_decay(self, variables: list) -> None:
        decay = super()._apply_weight_decay  # type: ignore[misc]  # the optimizer beside has it
        self.decay_weights(variables, decay)

    def decay_weights(self, variables: list, decay: Callable[[list], None]) -> None:
        """Decay these weights; `decay(some of them)` is Keras' own way to do it."""
        decay(variables)


def data_sets(data: tf.data.Dataset) -> Iterator[tf.data.Dataset]:
    """Yield a data set and those it is made from, last step first."""
    yield data
    for source in data._inputs():
        yield from data_sets(source)


def mapped_function(data: tf.data.Dataset) -> tf.types.experimental.ConcreteFunction | None:
    """Return the function that `map` and its like apply; None for a step of another kind.

    LookupError if a step that applies a function does not tell which.
    """
    kind = type(data).__name__
    if not re.search(r"Map|(?<!Directed)Interleave", kind):
        return None
    function = getattr(getattr(data, "_map_func", None), "function", None)
    if function is None:
        raise LookupError(f"TensorFlow {tf.__version__} does not tell what {kind} applies")
    return function
