import random
import subprocess
import sys

import numpy as np
import pytest

import tlhelpers as tl
from tlhelpers.notebook import setup


@pytest.fixture(autouse=True)
def _float32():
    yield
    import keras

    keras.mixed_precision.set_dtype_policy("float32")


@pytest.fixture
def gpus(monkeypatch):
    """Pretends that there are GPUs with these details; returns which got memory growth."""
    import tensorflow as tf

    grown = []

    def pretend(*details):
        found = {
            tf.config.PhysicalDevice(f"/physical_device:GPU:{i}", "GPU"): each
            for i, each in enumerate(details)
        }
        experimental = tf.config.experimental
        monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: list(found))
        monkeypatch.setattr(experimental, "set_memory_growth", lambda *given: grown.append(given))
        monkeypatch.setattr(experimental, "get_device_details", found.get)
        return grown

    return pretend


def test_says_in_one_line_what_runs_where(capsys):
    """Device, versions, place and seed are in the printed line and in the object."""
    import tensorflow as tf

    got = tl.setup(seed=3)
    line = capsys.readouterr().out.strip()
    assert line == str(got)
    assert "\n" not in line
    assert got.tensorflow == tf.__version__
    assert f"TensorFlow {tf.__version__}" in line
    assert "local" in line
    assert "seed 3" in line


def test_seeds_python_numpy_and_tensorflow():
    """The same seed gives the same numbers, another seed gives others."""
    import tensorflow as tf

    def draw(seed):
        tl.setup(seed=seed)
        return random.random(), np.random.random(), float(tf.random.uniform(()))  # noqa: NPY002

    assert draw(1) == draw(1)
    assert all(a != b for a, b in zip(draw(1), draw(2), strict=True))


def test_mixed_precision_is_set_and_reset():
    """True and False set Keras' policy, None is float32 on a CPU, where a note warns of True."""
    got = tl.setup(mixed_precision=True)
    assert got.mixed_precision == "mixed_float16"
    assert got.gpus or "a CPU, or a GPU without tensor cores, no faster" in str(got)
    assert got.gpus or tl.setup().mixed_precision == "float32"
    assert tl.setup(mixed_precision=False).mixed_precision == "float32"


T4, V100 = ({"device_name": "T4", "compute_capability": (7, 5)}, {"compute_capability": (7, 0)})
P100, K80 = ({"compute_capability": (6, 0)}, {"compute_capability": (3, 7)})


@pytest.mark.parametrize(
    ("details", "policy"),
    [
        ([T4], "mixed_float16"),
        ([V100, T4], "mixed_float16"),
        ([{"compute_capability": (12, 0)}], "mixed_float16"),
        ([P100], "float32"),
        ([T4, K80], "float32"),
        ([{"device_name": "of another maker"}], "float32"),
        ([T4, {}], "float32"),
    ],
)
def test_mixed_precision_is_on_where_it_pays(details, policy, gpus, capsys):
    """All visible GPUs must have tensor cores, and say so; True and False have the last word."""
    gpus(*details)
    got = tl.setup()
    assert got.mixed_precision == policy
    assert f", {policy}, seed 0" in capsys.readouterr().out
    assert got.notes == ()
    assert tl.setup(mixed_precision=False).mixed_precision == "float32"
    forced = tl.setup(mixed_precision=True)
    assert forced.mixed_precision == "mixed_float16"
    assert len(forced.notes) == (policy == "float32")


def test_memory_growth_that_comes_too_late_is_said(monkeypatch, gpus):
    """When TensorFlow is already in use, the note says what could not be changed."""
    import tensorflow as tf

    gpus({"device_name": "Tesla T4"})

    def refuse(*_):
        raise RuntimeError("Physical devices cannot be modified after being initialized")

    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", refuse)
    monkeypatch.setattr(tf.config.experimental, "get_memory_growth", lambda _: False)
    got = tl.setup()
    assert (got.device, got.gpus) == ("Tesla T4", 1)
    assert "memory growth of /physical_device:GPU:0 stays off" in str(got)
    assert "restart the kernel" in str(got)


def test_memory_growth_is_turned_on(gpus):
    """Every GPU gets memory growth."""
    grown = gpus({}, {})
    got = tl.setup()
    assert [(gpu.name[-1], on) for gpu, on in grown] == [("0", True), ("1", True)]
    assert got.device == "2 x GPU"
    assert got.notes == ()


def test_works_after_tensorflow_was_used_and_twice():
    """A session that already computed something can still be set up, again and again."""
    import tensorflow as tf

    tf.constant(1.0) + 1
    assert tl.setup(seed=1) == tl.setup(seed=1)


@pytest.mark.slow
def test_is_quiet():
    """TensorFlow's start-up lines do not reach the reader."""
    code = "import tlhelpers as tl; tl.setup(); import tensorflow as tf; tf.constant(1) + 1"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
def test_failed_import_is_shown_whole(tmp_path):
    """What TensorFlow wrote before it failed is not swallowed."""
    (tmp_path / "keras.py").write_text(
        "import os; os.write(2, b'the real reason'); raise ImportError('broken')"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tlhelpers; tlhelpers.setup()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "the real reason" in done.stderr
    assert "ImportError: broken" in done.stderr


@pytest.mark.parametrize("version", [(3, 10), (3, 14), (2, 7)])
def test_unsupported_python(version):
    """The message names the versions that work."""
    with pytest.raises(
        setup.UnsupportedEnvironment,
        match=rf"This is Python {version[0]}\.{version[1]}; the course needs Python 3.11, 3.12",
    ):
        setup.check_python(version)


@pytest.mark.parametrize("version", [(3, 11), (3, 12, 1), (3, 13)])
def test_supported_python(version):
    """3.11 to 3.13 pass."""
    setup.check_python(version)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"seed": "7"}, TypeError, "seed is '7'; a whole number"),
        ({"seed": True}, TypeError, "seed is True"),
        ({"seed": -1}, ValueError, "seed is -1; a whole number from 0 to 4294967295"),
        ({"mixed_precision": "yes"}, ValueError, "mixed_precision is 'yes'; give True, False or"),
    ],
)
def test_bad_arguments(arguments, error, text):
    """Arguments that make no sense are named."""
    with pytest.raises(error, match=text):
        tl.setup(**arguments)
