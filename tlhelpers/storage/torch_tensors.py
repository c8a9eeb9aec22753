"""Tensors of a PyTorch file of the old format, without PyTorch and without running its pickle."""

import math
import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..runtime.types import StrPath

# What such a file begins with, each pickled by itself; then come a note on the machine that wrote
# it, the tensors' names and shapes, the names of the storages, and those, each behind its length.
_BEGINNING = (0x1950A86A20F9469CFC6C, 1001)
_TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Storage(NamedTuple):
    """Numbers in the file, which one or more tensors are made of."""

    key: str
    dtype: str
    length: int


class _Tensor(NamedTuple):
    """Where the numbers of a tensor lie in a storage; offset and strides count numbers."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def torch_tensors(path: StrPath) -> dict[str, np.ndarray]:
    """Return the tensors of a file that `torch.save` of PyTorch before 1.6 made of a state_dict.

    A pickle is a program. Of the names that it may call, four are known here, and stand for plain
    descriptions; at any other one reading stops.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str -> array
        float32 or int64, by the tensors' names.

    Raises
    ------
    ValueError
        A file of another format, or cut off; one that wants more than those names; anything but
        tensors by name; a tensor that reaches outside its storage.

    Examples
    --------
    >>> torch_tensors("weights.pth")["_fc.weight"].shape  # doctest: +SKIP
    (1000, 1280)
    """
    path = Path(path)
    with open(path, "rb") as file:
        try:
            begins = tuple(_load(file, path) for _ in _BEGINNING)
        except _Broken:
            begins = ()
        if begins != _BEGINNING:
            file.seek(0)
            raise ValueError(
                f"{path} is no PyTorch file of the old format, that of torch.save before PyTorch "
                f"1.6: it begins with {file.read(4)!r}."
            )
        _load(file, path)  # about the machine that wrote it
        tensors, keys = _load(file, path), _load(file, path)
        strangers = [name for name, value in _items(tensors) if not _is_tensor(name, value)]
        if strangers or not isinstance(tensors, dict) or not isinstance(keys, list):
            raise ValueError(
                f"{path} holds something else than tensors by name"
                f"{f', {strangers[0]!r} first' if strangers else ''}. A state_dict is expected."
            )
        storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        if sorted(map(repr, keys)) != sorted(map(repr, storages)):
            raise _Broken(path, f"{len(keys)} storages for tensors of {len(storages)}")
        numbers = {key: _numbers(file, path, storages[key]) for key in keys}
        if file.read(1):
            raise _Broken(path, "something follows its last storage")
    return {name: _array(path, name, each, numbers) for name, each in tensors.items()}


class _Broken(ValueError):
    """A file that is not as it was written."""

    def __init__(self, path, why):
        super().__init__(f"{path} is cut off or damaged: {why}. Copy or download it again.")


def _items(tensors):
    return tensors.items() if isinstance(tensors, dict) else ()


def _is_tensor(name, value):
    return isinstance(name, str) and isinstance(value, _Tensor)


def _load(file, path):
    """The next pickle of the file. A new reader for each: they share no memory."""
    start, size = file.tell(), os.fstat(file.fileno()).st_size
    try:
        for operation, number, _ in pickletools.genops(file):
            if "PUT" in operation.name and number > size:  # Python makes room for as many places
                raise ValueError(f"it wants to remember {number} things")
        file.seek(start)
        return _Reader(file, path).load()
    except _Refused:
        raise
    except Exception as error:  # what Python's own reader raises on damaged files is of any kind
        raise _Broken(path, f"{type(error).__name__}, {error}") from None


class _Refused(ValueError):
    """A pickle that wants more than tensors need."""


class _Reader(pickle.Unpickler):
    """Knows four names; what stands for them describes, and can neither do nor change anything."""

    def __init__(self, file, path):
        super().__init__(file)
        self.path = path

    def find_class(self, module: str, name: str) -> object:
        """Return what stands for a name in the pickle."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *given: self._tensor(*given)  # a new one: a pickle can set attributes
        if module == "torch" and name in _TYPES:
            return name
        raise _Refused(
            f"{self.path} wants {module}.{name}, which tensors do not need. Nothing of it was run. "
            "Take the file from the place that publishes it."
        )

    def persistent_load(self, saved: tuple) -> _Storage:
        """Return the storage that a tensor is made of."""
        kind, dtype, key, _, length, view = saved
        if kind != "storage" or dtype not in _TYPES or view is not None:
            raise ValueError(f"a storage of an unknown kind, {dtype}")
        if not isinstance(key, str) or not _are_counts(length):
            raise ValueError(f"a storage without a name or length, {key!r}")
        return _Storage(key, dtype, length)

    def _tensor(self, storage, offset, shape, strides, *_):
        shape, strides = tuple(shape), tuple(strides)
        known = isinstance(storage, _Storage) and len(shape) == len(strides)
        if not known or not _are_counts(offset, *shape, *strides):
            raise ValueError("a tensor whose shape cannot be")
        return _Tensor(storage, offset, shape, strides)


def _are_counts(*numbers):
    return all(type(number) is int and number >= 0 for number in numbers)


def _numbers(file, path, storage):
    """The storage that comes next in the file, as bytes."""
    dtype, length = _TYPES[storage.dtype], int.from_bytes(file.read(8), "little")
    if length != storage.length:
        raise _Broken(path, f"storage {storage.key} has {length} numbers, not {storage.length}")
    size, left = length * dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell()
    if size > left:  # seen before room is made for what the file does not have
        raise _Broken(path, f"storage {storage.key} takes {size} bytes, and {left} are left")
    return file.read(size)


def _array(path, name, tensor, numbers):
    dtype, buffer = _TYPES[tensor.storage.dtype], numbers[tensor.storage.key]
    length = len(buffer) // dtype.itemsize
    steps = [stride * dtype.itemsize for stride in tensor.strides]
    offset = tensor.offset * dtype.itemsize
    try:
        if math.prod(tensor.shape) > length:  # one number, given out again and again
            raise ValueError
        # NumPy compares shape and strides with the length of the buffer
        view = np.ndarray(tensor.shape, dtype, buffer, offset, steps)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(
            f"{path}: the tensor {name!r} of shape {list(tensor.shape)} reaches outside its "
            f"storage of {length} numbers. The file is not used."
        ) from None
    return view.copy()
