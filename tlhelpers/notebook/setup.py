"""Prepare the machine, and say in one line what runs where."""

import os
import sys
from dataclasses import dataclass

from ..runtime.checks import whole_number
from ..runtime.quiet import quiet
from .alternative_text import install as keep_alternative_texts

MINIMUM_PYTHON, TOO_NEW_PYTHON = (3, 11), (3, 14)
TENSOR_CORES = (7, 0)  # compute capability from which a GPU is much faster in float16


class UnsupportedEnvironment(RuntimeError):
    """Python, or a package this course stands on, is of a version that cannot work."""


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Raise `UnsupportedEnvironment` unless Python is 3.11, 3.12 or 3.13."""
    if not MINIMUM_PYTHON <= version < TOO_NEW_PYTHON:
        raise UnsupportedEnvironment(
            f"This is Python {version[0]}.{version[1]}; the course needs Python 3.11, 3.12 or "
            "3.13, the versions that TensorFlow 2.20-2.21 supports. "
            "Install one of them and create the environment again."
        )


@dataclass(frozen=True)
class Runtime:
    """What this session runs on. Printing it gives the line that `setup` shows."""

    device: str
    gpus: int
    memory_gib: float
    tensorflow: str
    keras: str
    colab: bool
    seed: int
    mixed_precision: str
    notes: tuple = ()

    def __str__(self) -> str:
        place = "Colab" if self.colab else "local"
        line = (
            f"Running on {self.device} ({self.memory_gib:.0f} GiB), {place}: TensorFlow "
            f"{self.tensorflow}, Keras {self.keras}, {self.mixed_precision}, seed {self.seed}"
        )
        return ". Note: ".join([line, *self.notes])


def setup(seed: int = 0, *, mixed_precision: bool | None = None) -> Runtime:
    """Prepare TensorFlow for a notebook, print one line about it and return that as an object.

    Turns on memory growth for every GPU, seeds Python, NumPy and TensorFlow, and silences
    TensorFlow's start-up messages. In Jupyter, the words for each picture (`plots.describe`) are
    kept beside it from now on. It may be called again, or after TensorFlow was used; what can no
    longer be changed is said in the object's `notes`.

    Parameters
    ----------
    seed : int
        Seed of Python's `random`, NumPy and TensorFlow, 0 to 2**32 - 1.
    mixed_precision : bool or None
        True lets the layers that are made from now on compute in float16, with weights in float32
        (Micikevicius et al., 2018), False in float32. None takes float16 where it pays: if all
        visible GPUs have tensor cores (compute capability 7.0 or more).

    Raises
    ------
    UnsupportedEnvironment
        Python is of a version that cannot work.
    TypeError, ValueError
        `seed` is not such an integer, or `mixed_precision` is not True, False or None.

    Examples
    --------
    >>> import tlhelpers as tl
    >>> runtime = tl.setup(seed=0)  # doctest: +ELLIPSIS
    Running on ... TensorFlow 2..., Keras 3..., seed 0
    """
    seed = whole_number(seed, "seed", 0, 2**32 - 1)
    if mixed_precision not in (True, False, None):
        raise ValueError(f"mixed_precision is {mixed_precision!r}; give True, False or None.")
    check_python()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with quiet(unless_it_fails=True):
        import keras
        import psutil
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        tf.config.list_physical_devices()  # the last of the start-up lines come here
    notes = []
    gpus = tf.config.get_visible_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except (RuntimeError, ValueError):
            if not tf.config.experimental.get_memory_growth(gpu):
                notes.append(
                    f"memory growth of {gpu.name} stays off, because TensorFlow was already in "
                    "use; restart the kernel and call setup first"
                )
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    name = details[0].get("device_name", "GPU") if gpus else "CPU"
    cores = [each.get("compute_capability", (0, 0)) for each in details]  # told by NVIDIA's alone
    pays = bool(gpus) and min(cores) >= TENSOR_CORES
    if mixed_precision and not pays:
        notes.append("mixed precision makes a CPU, or a GPU without tensor cores, no faster")
    mixed = pays if mixed_precision is None else mixed_precision
    keras.mixed_precision.set_dtype_policy("mixed_float16" if mixed else "float32")
    keras.utils.set_random_seed(seed)
    _register_classes()
    keep_alternative_texts()
    runtime = Runtime(
        device=f"{len(gpus)} x {name}" if len(gpus) > 1 else name,
        gpus=len(gpus),
        memory_gib=psutil.virtual_memory().total / 2**30,
        tensorflow=tf.__version__,
        keras=keras.__version__,
        colab="google.colab" in sys.modules,
        seed=seed,
        mixed_precision=keras.mixed_precision.dtype_policy().name,
        notes=tuple(notes),
    )
    print(runtime)
    return runtime


def _register_classes() -> None:
    """Let Keras load saved models with this package's layers and optimizers in them."""
    from ..backbones import hub_layer, keras_networks  # noqa: F401  (they register their classes)
    from ..training.layerwise import register_optimizers

    register_optimizers()
