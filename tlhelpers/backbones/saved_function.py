"""The function that a loaded SavedModel offers: what it takes, and calling it."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from ..runtime import replicas
from . import tensors


@dataclass(frozen=True)
class SavedFunction:
    """What a loaded module computes.

    Attributes
    ----------
    call : callable
        The module itself, or one of its signatures.
    takes : nest of TypeSpec, or None
        Its first argument; None when it does not tell, or takes several kinds.
    knows_training : bool
        Whether it has an argument `training` (which the interface leaves to the module).
    needs_strings : bool
        Whether texts or lookup tables occur in it; XLA compiles neither.
    handle : object
        Of the module, for messages.
    is_signature : bool
        Whether it is a signature, which takes its inputs by name.
    """

    call: Callable
    takes: object
    knows_training: bool
    needs_strings: bool
    handle: object
    is_signature: bool

    def compute(self, inputs: object, arguments: dict, *, training: bool) -> object:
        """Return the outputs; ValueError with what the function takes if it is given others."""
        arguments = dict(arguments)
        if self.knows_training:
            arguments["training"] = training
        positional: tuple = (inputs,)
        if self.is_signature and isinstance(inputs, dict):
            arguments, positional = {**arguments, **inputs}, ()
        if not traces(self.call):
            return self.call(*positional, **arguments)
        try:
            return replicas.run_once(self.call, *positional, **arguments)
        except (TypeError, ValueError) as error:  # a loaded function only fails so on its inputs
            raise ValueError(
                f"The module {self.handle!r} does not take these inputs: "
                f"({describe_call(positional, arguments)}). It takes {options(self.call)}."
            ) from error


def read_function(module: object, handle: object, signature: str | None = None) -> SavedFunction:
    """Return the function of a loaded module: the signature of that name, or the module itself.

    Raises
    ------
    ValueError
        There is none; the message lists the signatures.
    """
    call = _choose(module, handle, signature)
    return SavedFunction(
        call, _takes(call), _knows_training(call), _needs_strings(call), handle, bool(signature)
    )


def _choose(module, handle, signature):
    signatures = getattr(module, "signatures", {})
    if signature:
        if signature not in signatures:
            raise ValueError(
                f"Unknown signature {signature!r} in {handle!r}. "
                f"Available signatures: {sorted(signatures) or 'none'}."
            )
        return signatures[signature]
    if not callable(module):
        mend = (
            f"Call one of its signatures, {sorted(signatures)}: HubLayer(handle, signature=..., "
            "output_key=...)."
            if signatures
            else "It has no signatures either."
        )
        raise ValueError(
            f"The SavedModel {handle!r} cannot be called as a TF Hub module: a function `__call__` "
            f"was expected (the reusable SavedModel interface). {mend} Models saved by "
            "`model.save` are loaded with keras.models.load_model."
        )
    return module


def choose_output(outputs: object, key: str) -> object:
    """Return the output of that name; ValueError if there is none."""
    if not isinstance(outputs, dict):
        raise ValueError(f"output_key={key!r} is given, but the output is not a dict.")
    if key not in outputs:
        raise ValueError(f"output_key is {key!r}; the module gives {sorted(outputs)}.")
    return outputs[key]


def traces(function: Callable) -> list:
    """Return the ConcreteFunctions behind a loaded object or a function; maybe none."""
    if isinstance(function, tf.types.experimental.ConcreteFunction):
        return [function]
    call = function if hasattr(function, "concrete_functions") else function.__call__
    return list(getattr(call, "concrete_functions", ()))


def _takes(function):
    firsts = []
    for trace in traces(function):
        positional, named = trace.structured_input_signature
        if positional:
            firsts.append(positional[0])
        elif named:
            firsts.append(named if len(named) > 1 else next(iter(named.values())))
    unnamed = [tf.nest.map_structure(_without_name, first) for first in firsts]
    return unnamed[0] if unnamed and all(spec == unnamed[0] for spec in unnamed) else None


def _without_name(spec):
    return tf.TensorSpec(spec.shape, spec.dtype) if isinstance(spec, tf.TensorSpec) else spec


def _knows_training(function):
    found = traces(function)
    if found:
        return any("training" in trace.function_type.parameters for trace in found)
    return "training" in inspect.signature(function).parameters


def _needs_strings(function):
    for trace in traces(function)[:1]:
        graph = trace.graph.as_graph_def()
        inner = [node for callee in graph.library.function for node in callee.node_def]
        for node in [*graph.node, *inner]:
            types = [kind for a in node.attr.values() for kind in (a.type, *a.list.type)]
            if tf.string.as_datatype_enum in types or node.op.startswith("LookupTable"):
                return True
    return False


def captured_as(variable: tf.Variable) -> object:
    """Return what stands for a variable among the captures of a function.

    Its handle; or itself, if it was loaded under a strategy, which gives each device a copy.
    """
    return variable if hasattr(variable, "values") else variable.handle


def describe_call(positional: Sequence, named: dict) -> str:
    """Return a text for the arguments of a call, or for what a traced function takes."""
    parts = [tensors.describe(value) for value in positional]
    return ", ".join(parts + [f"{key}={tensors.describe(value)}" for key, value in named.items()])


def options(function: Callable) -> str:
    """Return a text for what the function takes, one part a trace."""
    found = [describe_call(*trace.structured_input_signature) for trace in traces(function)]
    return " or ".join(f"({each})" for each in dict.fromkeys(found))
