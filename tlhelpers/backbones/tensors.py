"""Between what Keras, TensorFlow and plain Python call a tensor, its type and its shape."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def input_spec(takes: object) -> keras.layers.InputSpec | None:
    """Return a spec to check shapes by; None for several inputs, or open dimensions."""
    shape = getattr(takes, "shape", None)
    if shape is None or shape.rank is None:
        return None
    return keras.layers.InputSpec(shape=tuple(shape))


def input_dtype(dtype: object) -> str | None:
    """Return the name of a type; None for Keras' policies, which modules do not follow."""
    policy = isinstance(dtype, keras.DTypePolicy | dict) or str(dtype).startswith("mixed_")
    try:
        return None if dtype is None or policy else tf.as_dtype(dtype).name
    except TypeError:
        raise ValueError(f"dtype is {dtype!r}; give a type such as tf.string.") from None


def as_tensors(inputs: object, takes: object) -> object:
    """Return Python lists, numbers and strings as tensors of the type the module takes."""

    def convert(spec, value):
        if tf.is_tensor(value) or keras.utils.is_keras_tensor(value):
            return value
        if isinstance(value, np.ndarray) and value.dtype.kind not in "OSU":
            return value  # Keras converts it
        return tf.convert_to_tensor(value, spec.dtype)

    try:
        return inputs if takes is None else map_up_to(convert, takes, inputs)
    except (TypeError, ValueError):
        return inputs  # of another structure or type: the call says so


def map_up_to(function: Callable, takes: object, nest: object) -> object:
    """Apply `function(spec, part)` for each spec of what a module takes."""
    return keras.tree.map_structure_up_to(takes, function, takes, nest)


def as_shapes(nest: object) -> object:
    """Return a tuple of numbers, or lists and dicts of such, with `tf.TensorShape` as leaves."""
    if isinstance(nest, dict):
        return {key: as_shapes(value) for key, value in nest.items()}
    if any(isinstance(part, dict | list | tuple) for part in nest):
        return [as_shapes(part) for part in nest]
    return tf.TensorShape(nest)


def set_shapes(outputs: object, inputs: object, shapes: object) -> None:
    """Give outputs, tensor by tensor, the batch of the inputs and these shapes."""
    batch = tf.nest.flatten(inputs)[0].shape[:1]
    tf.nest.map_structure(
        lambda output, shape: output.set_shape(batch.concatenate(shape)), outputs, as_shapes(shapes)
    )


def spec_of(tensor: keras.KerasTensor) -> tf.TypeSpec:
    """Return the type spec of a Keras tensor."""
    if getattr(tensor, "ragged", False):
        return tf.RaggedTensorSpec(tensor.shape, tensor.dtype)
    if getattr(tensor, "sparse", False):
        return tf.SparseTensorSpec(tensor.shape, tensor.dtype)
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def keras_tensor(output: object) -> keras.KerasTensor:
    """Return the Keras tensor for a symbolic output of a traced function, or for its spec."""
    if output.shape.rank is None:
        raise ValueError(
            "The module does not tell how many dimensions its output has. Give output_shape, "
            "without the batch: output_shape=[128] for feature vectors [n, 128]."
        )
    return keras.KerasTensor(
        tuple(output.shape),
        output.dtype.name,
        sparse=isinstance(output, tf.SparseTensor | tf.SparseTensorSpec),
        ragged=isinstance(output, tf.RaggedTensor | tf.RaggedTensorSpec),
    )


def describe(nest: object) -> str:
    """Return `float32 [None, 8, 8, 3]` for a tensor or a spec; lists and dicts of them as such."""
    if isinstance(nest, dict):
        return f"{{{', '.join(f'{key}: {describe(value)}' for key, value in nest.items())}}}"
    if isinstance(nest, list | tuple):
        return f"[{', '.join(map(describe, nest))}]"
    if not hasattr(nest, "dtype") or not hasattr(nest, "shape"):
        return repr(nest)
    kinds = [kind for kind in ("ragged", "sparse") if kind in type(nest).__name__.lower()]
    shape = "[...]" if getattr(nest.shape, "rank", 0) is None else str(list(nest.shape))
    return " ".join([*kinds, tf.as_dtype(nest.dtype).name, shape])
