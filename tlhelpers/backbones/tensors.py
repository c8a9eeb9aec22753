"""Between what Keras, TensorFlow and plain Python call a tensor, its type and its shape."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf


def input_dtype(dtype: Any) -> str | None:
    """Return the name of a type; None for Keras' policies, which modules do not follow."""
    policy = isinstance(dtype, keras.DTypePolicy | dict) or str(dtype).startswith("mixed_")
    try:
        return None if dtype is None or policy else tf.as_dtype(dtype).name
    except TypeError:
        raise ValueError(f"dtype is {dtype!r}; give a type such as tf.string.") from None


def as_tensors(inputs: Any, takes: Any) -> Any:
    """Return Python lists, numbers and strings as tensors of the type the module takes."""

    def convert(spec, value):
        if tf.is_tensor(value) or keras.utils.is_keras_tensor(value):
            return value
        if isinstance(value, np.ndarray) and value.dtype.kind not in "OSU":
            return value  # Keras converts it
        return tf.convert_to_tensor(value, spec.dtype)

    if takes is None:
        return inputs
    try:
        return keras.tree.map_structure_up_to(takes, convert, takes, inputs)
    except (TypeError, ValueError):
        return inputs  # of another structure or type: the call says so


def as_shapes(nest: Any) -> Any:
    """Return a tuple of numbers, or lists and dicts of such, with `tf.TensorShape` as leaves."""
    if isinstance(nest, dict):
        return {key: as_shapes(value) for key, value in nest.items()}
    if any(isinstance(part, dict | list | tuple) for part in nest):
        return [as_shapes(part) for part in nest]
    return tf.TensorShape(nest)


def spec_of(tensor: Any) -> tf.TypeSpec:
    """Return the type spec of a Keras tensor."""
    if getattr(tensor, "ragged", False):
        return tf.RaggedTensorSpec(tensor.shape, tensor.dtype)
    if getattr(tensor, "sparse", False):
        return tf.SparseTensorSpec(tensor.shape, tensor.dtype)
    return tf.TensorSpec(tensor.shape, tensor.dtype)


def keras_tensor(output: Any) -> keras.KerasTensor:
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


def describe(nest: Any) -> str:
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
