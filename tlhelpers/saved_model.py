"""Reading a SavedModel: load it or say why not; which function it offers and what that takes."""

import hashlib
import inspect
from dataclasses import dataclass

import tensorflow as tf

from . import fetch, tensors


def load(handle, tags=None, options=None):
    """Load the module behind a handle.

    Parameters
    ----------
    handle : str or path
        What `tlhelpers.fetch_module` accepts.
    tags : list of str, optional
        Which graph of a SavedModel with several.
    options : tf.saved_model.LoadOptions, optional

    Returns
    -------
    module, fingerprint
        The loaded object, and the SHA-256 of its graph.

    Raises
    ------
    ValueError
        TF1 Hub format; operations of a package that is not imported; no such tags.
    OSError
        The files cannot be read.
    """
    path = fetch.fetch_module(handle)
    if (path / "tfhub_module.pb").exists():
        raise ValueError(
            f"The module {handle!r} is in the TF1 Hub format, which TensorFlow 2 can neither train "
            "nor call by itself. Use its TF2 version: often a higher number at the end of the "
            "address, or the variation TensorFlow2 on its page at Kaggle."
        )
    try:
        module = tf.saved_model.load(str(path), tags=tags, options=options)
    except (OSError, RuntimeError, tf.errors.OpError) as error:
        if "Op type not registered" in str(error):
            name = str(error).split("'")[1]
            raise ValueError(
                f"The module {handle!r} needs the operation {name!r}, which TensorFlow itself does "
                "not have. If it is a text module: pip install tensorflow-text, in the version of "
                f"your TensorFlow ({tf.__version__}), and `import tensorflow_text` before loading; "
                "or use a model of KerasHub, whose tokenizers come with it."
            ) from error
        raise OSError(
            f"The SavedModel {handle!r} in {path} cannot be read: {error}. If files are missing, "
            "copy or download it again."
        ) from error
    graph = min(path.glob("saved_model.pb*"))  # .pb, or .pbtxt where there is only that
    return module, hashlib.sha256(graph.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Function:
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
    """

    call: object
    takes: object
    knows_training: bool
    needs_strings: bool


def read_function(module, handle, signature=None):
    """The `Function` of a loaded module: the signature of that name, or the module itself.

    Raises
    ------
    ValueError
        There is none; the message lists the signatures.
    """
    call = _choose(module, handle, signature)
    return Function(call, _takes(call), _knows_training(call), _needs_strings(call))


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


def traces(function):
    """ConcreteFunctions behind a loaded object, a signature or a `tf.function`; maybe none."""
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


def captured_as(variable):
    """What stands for a variable among the captures of a function.

    Its handle; or itself, if it was loaded under a strategy, which gives each device a copy.
    """
    return variable if hasattr(variable, "values") else variable.handle


def describe_call(positional, named):
    """Text for the arguments of a call, or for what a traced function takes."""
    parts = [tensors.describe(value) for value in positional]
    return ", ".join(parts + [f"{key}={tensors.describe(value)}" for key, value in named.items()])


def options(function):
    """Text for what the function takes, one part a trace."""
    found = [describe_call(*trace.structured_input_signature) for trace in traces(function)]
    return " or ".join(f"({each})" for each in dict.fromkeys(found))
