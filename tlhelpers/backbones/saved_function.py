"""The function that a loaded SavedModel offers: what it takes, and calling it."""

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import tensorflow as tf

from ..runtime import replicas
from .tensors import describe


class SavedFunction:
    """What a loaded module computes: itself, or its signature of that name.

    Raises ValueError, which lists the signatures, if there is none. The handle is for messages.
    """

    def __init__(self, module: Any, handle: Any, signature: str | None = None) -> None:
        self.call = _choose(module, handle, signature)
        self.handle, self.is_signature = handle, bool(signature)
        self.traces = traces(self.call)

    @cached_property
    def takes(self) -> Any:
        """Specs of the first argument; None if it does not tell, or takes several kinds."""
        firsts = []
        for trace in self.traces:
            positional, named = trace.structured_input_signature
            if positional:
                firsts.append(positional[0])
            elif named:
                firsts.append(named if len(named) > 1 else next(iter(named.values())))
        unnamed = [tf.nest.map_structure(_without_name, first) for first in firsts]
        return unnamed[0] if unnamed and all(spec == unnamed[0] for spec in unnamed) else None

    @cached_property
    def knows_training(self) -> bool:
        """Whether it has an argument `training`, which the interface leaves to the module."""
        if self.traces:
            return any("training" in trace.function_type.parameters for trace in self.traces)
        return "training" in inspect.signature(self.call).parameters

    @cached_property
    def needs_strings(self) -> bool:
        """Whether texts or lookup tables occur in it; XLA compiles neither."""
        for trace in self.traces[:1]:
            graph = trace.graph.as_graph_def()
            inner = [node for callee in graph.library.function for node in callee.node_def]
            for node in [*graph.node, *inner]:
                types = [kind for a in node.attr.values() for kind in (a.type, *a.list.type)]
                if tf.string.as_datatype_enum in types or node.op.startswith("LookupTable"):
                    return True
        return False

    def compute(self, inputs: Any, arguments: dict[str, Any], *, training: bool) -> Any:
        """Return the outputs; ValueError with what the function takes if it is given others."""
        positional: tuple = (inputs,)
        if self.knows_training:
            arguments = {**arguments, "training": training}
        if self.is_signature and isinstance(inputs, dict):  # it takes its inputs by name
            positional, arguments = (), {**arguments, **inputs}
        if not self.traces:
            return self.call(*positional, **arguments)
        try:
            return replicas.run_once(self.call, *positional, **arguments)
        except (TypeError, ValueError) as error:
            # TensorFlow raises these where inputs match none of the traces
            takes = [_in_words(*trace.structured_input_signature) for trace in self.traces]
            raise ValueError(
                f"The module {self.handle!r} does not take these inputs: "
                f"{_in_words(positional, arguments)}. It takes {' or '.join(dict.fromkeys(takes))}."
            ) from error


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


def traces(function: Any) -> list[tf.types.experimental.ConcreteFunction]:
    """Return the ConcreteFunctions behind a loaded object or a function; maybe none."""
    if isinstance(function, tf.types.experimental.ConcreteFunction):
        return [function]
    call = function if hasattr(function, "concrete_functions") else function.__call__
    return list(getattr(call, "concrete_functions", ()))


def _without_name(spec):
    return tf.TensorSpec(spec.shape, spec.dtype) if isinstance(spec, tf.TensorSpec) else spec


def captured_as(variable: tf.Variable) -> Any:
    """Return what stands for a variable among the captures of a function.

    Its handle; or itself, if it was loaded under a strategy, which gives each device a copy.
    """
    return variable if hasattr(variable, "values") else variable.handle


def _in_words(positional: Sequence[Any], named: dict[str, Any]) -> str:
    """The arguments of a call, or what a traced function takes."""
    named_parts = [f"{key}={describe(value)}" for key, value in named.items()]
    return f"({', '.join([*map(describe, positional), *named_parts])})"
