"""Promises of PyTorch's old files: tensors come out, and nothing runs."""

import io
import os
import pickle
import sys
import types
from collections import OrderedDict

import numpy as np
import pytest

from tlhelpers.storage.torch_tensors import torch_tensors

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
TYPES = {"float32": "FloatStorage", "int64": "LongStorage"}


class Tensor:
    """A tensor as PyTorch pickles it; `shape` and the rest may be other than the array's."""

    def __init__(self, array, key, **other):
        self.array, self.key = np.asarray(array), key
        steps = tuple(step // self.array.itemsize for step in self.array.strides)
        self.given = {"offset": 0, "shape": self.array.shape, "strides": steps, **other}

    def __reduce__(self):
        storage = Storage(self.array, self.key)
        shape = tuple(self.given[name] for name in ("shape", "strides"))
        given = (storage, self.given["offset"], *shape, False, OrderedDict())
        return sys.modules["torch._utils"]._rebuild_tensor_v2, given


class Storage:
    def __init__(self, array, key):
        self.array, self.key = array, key


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if not isinstance(thing, Storage):
            return None
        kind = getattr(sys.modules["torch"], TYPES[str(thing.array.dtype)])
        return "storage", kind, thing.key, "cpu", thing.array.size, None


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Writes objects as `torch.save` did, and gives the path."""
    for name, inside in {"torch": TYPES.values(), "torch._utils": ["_rebuild_tensor_v2"]}.items():
        module = types.ModuleType(name)
        for each in inside:
            made = type(each, (), {"__module__": name, "__qualname__": each})
            setattr(module, each, made)
        monkeypatch.setitem(sys.modules, name, module)

    def write(thing, storages=(), keys=None, beginning=(MAGIC, PROTOCOL)):
        file = io.BytesIO()
        keys = [key for key, _ in storages] if keys is None else keys
        for each in (*beginning, {"little_endian": True}, thing, keys):
            Pickler(file, protocol=2).dump(each)
        for _, array in storages:
            file.write(len(array.ravel()).to_bytes(8, "little") + array.tobytes())
        path = tmp_path / "weights.pth"
        path.write_bytes(file.getvalue())
        return path

    return write


WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_tensors_come_back(saved):
    """Of both types, a scalar, one that is turned, and two of one storage."""
    count = np.array(7, np.int64)
    turned = {"shape": (3, 2), "strides": (1, 3)}
    tensors = OrderedDict(
        weight=Tensor(WEIGHT, "a"),
        turned=Tensor(WEIGHT, "a", **turned),
        last=Tensor(WEIGHT, "a", shape=(2,), strides=(1,), offset=4),
        count=Tensor(count, "b"),
    )
    tensors._metadata = {"version": 1}  # as a state_dict has it
    found = torch_tensors(saved(tensors, [("a", WEIGHT), ("b", count)]))
    np.testing.assert_array_equal(found["weight"], WEIGHT)
    np.testing.assert_array_equal(found["turned"], WEIGHT.T)
    np.testing.assert_array_equal(found["last"], [4, 5])
    assert found["count"] == 7
    assert found["count"].dtype == np.int64
    assert found["weight"].flags.writeable


class Foreign:
    def __init__(self, function, *given):
        self.given = function, given

    def __reduce__(self):
        return self.given


@pytest.mark.parametrize("place", ["beginning", "tensors", "keys"])
def test_a_foreign_name_is_refused_and_nothing_runs(saved, tmp_path, place):
    """Whichever of the pickles wants it."""
    foreign = Foreign(os.system, f"touch {tmp_path / 'was_run'}")
    options = {"beginning": (foreign, PROTOCOL)} if place == "beginning" else {}
    thing = {"weight": foreign} if place == "tensors" else {}
    path = saved(thing, keys=[foreign] if place == "keys" else [], **options)
    name = rf"{os.system.__module__}\.system"
    wanted = rf"weights.pth wants {name}, which tensors do not need. Nothing of it was run"
    with pytest.raises(ValueError, match=wanted):
        torch_tensors(path)
    assert not (tmp_path / "was_run").exists()


@pytest.mark.parametrize("function", [eval, getattr, OrderedDict.fromkeys])
def test_names_close_to_known_ones_are_refused(saved, function):
    """Builtins, and what hangs on a class that is known."""
    path = saved({"weight": Foreign(function, "1", "2")})
    with pytest.raises(ValueError, match="which tensors do not need"):
        torch_tensors(path)


def test_what_stands_for_a_name_cannot_be_changed_for_later_files(saved):
    """A pickle can set attributes of what it is given; the next file does not see them."""
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    path = saved({})
    good = saved({"weight": Tensor(WEIGHT, "a")}, [("a", WEIGHT)]).read_bytes()
    evil = b"\x80\x02" + rebuild + b"N}X\x0c\x00\x00\x00__defaults__)s\x86b."
    path.write_bytes(
        b"".join(pickle.dumps(each, 2) for each in (MAGIC, PROTOCOL, {})) + evil + evil
    )
    with pytest.raises(ValueError, match=r"weights\.pth"):
        torch_tensors(path)
    path.write_bytes(good)
    np.testing.assert_array_equal(torch_tensors(path)["weight"], WEIGHT)


@pytest.mark.parametrize(
    "other",
    [
        {"offset": 1},
        {"shape": (3, 3), "strides": (3, 1)},
        {"strides": (4, 1)},
        {"shape": (10**6, 10**6), "strides": (0, 0)},
        {"offset": 2**62},
        {"shape": (2**70,), "strides": (0,)},
        {"shape": (2, 3), "strides": (2**62, 2**62)},
    ],
)
def test_a_tensor_outside_its_storage_is_refused(saved, other):
    """Also one that would give out the same numbers without end."""
    path = saved({"weight": Tensor(WEIGHT, "a", **other)}, [("a", WEIGHT)])
    with pytest.raises(ValueError, match=r"tensor 'weight' of shape .* outside its storage of 6 n"):
        torch_tensors(path)


@pytest.mark.parametrize(
    "other",
    [
        {"offset": -1},
        {"shape": (-2, 3)},
        {"strides": (-3, 1)},
        {"shape": (6,)},
        {"shape": (2.0, 3.0)},
        {"shape": None},
    ],
)
def test_a_shape_that_cannot_be_is_refused(saved, other):
    """Negative numbers, numbers that are not whole, lengths that do not match."""
    path = saved({"weight": Tensor(WEIGHT, "a", **other)}, [("a", WEIGHT)])
    with pytest.raises(ValueError, match=r"weights.pth is cut off or damaged"):
        torch_tensors(path)


def test_a_file_that_is_cut_off_anywhere_is_refused(saved):
    """And one with something behind its end."""
    path = saved({"weight": Tensor(WEIGHT, "a")}, [("a", WEIGHT)])
    content = path.read_bytes()
    for length in range(1, len(content)):
        path.write_bytes(content[:length])
        wanted = "is cut off or damaged|is no PyTorch file of the old format"
        with pytest.raises(ValueError, match=wanted):
            torch_tensors(path)
    path.write_bytes(content + b"!")
    with pytest.raises(ValueError, match="something follows its last storage"):
        torch_tensors(path)


def test_lengths_that_do_not_match_are_refused(saved):
    """Of a storage, as said twice; and more numbers than the file has."""
    path = saved({"weight": Tensor(WEIGHT, "a")}, [("a", WEIGHT[:1])])
    with pytest.raises(ValueError, match="storage a has 3 numbers, not 6"):
        torch_tensors(path)
    many = Tensor(WEIGHT, "a")
    many.array = np.broadcast_to(np.float32(1), (2**40,))
    path = saved({"weight": many}, keys=["a"])
    path.write_bytes(path.read_bytes() + (2**40).to_bytes(8, "little"))
    with pytest.raises(ValueError, match="takes 4398046511104 bytes, and 0 are left"):
        torch_tensors(path)
    path = saved({"weight": Tensor(WEIGHT, "a")}, [("a", WEIGHT), ("b", WEIGHT)])
    with pytest.raises(ValueError, match="2 storages for tensors of 1"):
        torch_tensors(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 of later versions", b"\x89HDF\r\n\x1a\n"])
def test_other_formats_are_refused(tmp_path, content):
    """The message says which is expected, and what came."""
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"no PyTorch file of the old format.*before PyTorch 1\.6"):
        torch_tensors(path)


@pytest.mark.parametrize(
    ("thing", "first"),
    [({"epoch": 3}, ", 'epoch' first"), ([1], ""), ({"model": {}}, ", 'model' first")],
)
def test_what_is_no_state_dict_is_refused(saved, thing, first):
    """A checkpoint with other things in it."""
    wanted = rf"something else than tensors by name{first}\. A state_dict is expected"
    with pytest.raises(ValueError, match=wanted):
        torch_tensors(saved(thing))


def test_few_bytes_that_want_much_memory(tmp_path):
    """A pickle that numbers what it remembers in millions is refused before room is made for it."""
    begin = b"".join(pickle.dumps(each, 2) for each in (MAGIC, PROTOCOL))
    path = tmp_path / "weights.pth"
    path.write_bytes(begin + b"\x80\x02Nr" + (2**22).to_bytes(4, "little") + b".")
    with pytest.raises(ValueError, match=r"damaged: .*wants to remember 4194304 things"):
        torch_tensors(path)
