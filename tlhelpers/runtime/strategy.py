"""From one device to many: the strategy that fits the machines and GPUs at hand."""

import contextlib
import functools
import json
import os

import tensorflow as tf

from .checks import whole_number

_RESTART = "Restart the kernel, and call tl.strategy before anything is computed."


def strategy(virtual_cpus: int | None = None) -> tf.distribute.Strategy:
    """Return the `tf.distribute` strategy that fits the machines and GPUs at hand.

    What is made inside `with tl.strategy().scope():` and trained or extracted there uses all of
    them: each replica takes an equal part of every batch (`batch_size` stays that of the whole),
    and gradients are summed. The same call gives the same strategy again:
    `MultiWorkerMirroredStrategy` where the environment variable TF_CONFIG names two workers or
    more (it waits for them all; docs/devices.md), `MirroredStrategy` for several
    GPUs of one machine, otherwise TensorFlow's default, which changes nothing.

    Parameters
    ----------
    virtual_cpus : int, optional
        Split the processor into so many devices and use those, to try out on a laptop what is
        meant for several GPUs; nothing becomes faster. To be asked for before TensorFlow computes
        anything.

    Raises
    ------
    TypeError, ValueError
        `virtual_cpus` is not such a number; TF_CONFIG is not of the form that TensorFlow reads.
    RuntimeError
        TensorFlow was used before, so that its devices or workers can no longer be set up.

    Examples
    --------
    >>> import keras
    >>> with strategy().scope():  # what is made here is copied to each device
    ...     model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model.count_params()
    10
    """
    if virtual_cpus is not None:
        whole_number(virtual_cpus, "virtual_cpus", 2, mend="Or leave it out.")
    return _make(os.environ.get("TF_CONFIG", "").strip(), virtual_cpus)


@functools.cache  # variables belong to the very strategy that they were made under
def _make(config, virtual_cpus):
    workers, place = _read_config(config) if config else ([], 0)
    if len(workers) > 1:
        if virtual_cpus:
            raise ValueError(
                f"TF_CONFIG names {len(workers)} workers, and virtual_cpus={virtual_cpus} asks for "
                "devices of one process. Leave out one of the two."
            )
        print(f"Worker {place + 1} of {len(workers)} ({workers[place]}): waiting for all others.")
        try:
            return _Workers()
        except RuntimeError as error:
            raise RuntimeError(f"The workers cannot be set up: {error}. {_RESTART}") from error
    if virtual_cpus:
        return tf.distribute.MirroredStrategy(_split_cpu(virtual_cpus))
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


class _Workers(tf.distribute.MultiWorkerMirroredStrategy):
    """Several workers, with a `reduce` that serves `fit` and `evaluate` of Keras 3.

    Keras 3 (up to 3.15 at least) reduces two things that TensorFlow refuses with several workers:
    the first batch, as a whole structure, to learn its shapes and types; and metrics, which are
    single numbers, along axis 0. With one worker TensorFlow lets both pass.
    """

    def reduce(self, reduce_op, value, axis):
        if tf.nest.is_nested(value):
            return tf.nest.map_structure(self._local, value)
        if axis == 0 and self._local(value).shape.rank == 0:
            axis = None
        return super().reduce(reduce_op, value, axis)

    def _local(self, value):
        return self.experimental_local_results(value)[0]


def _split_cpu(count):
    cpu = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    with contextlib.suppress(RuntimeError):  # TensorFlow is in use: its devices are what they are
        tf.config.set_logical_device_configuration(cpu, parts)
    devices = tf.config.list_logical_devices("CPU")
    if len(devices) < count:
        raise RuntimeError(
            f"{count} virtual CPUs are asked for, but TensorFlow is in use already, with "
            f"{len(devices)}. {_RESTART}"
        )
    return [device.name for device in devices[:count]]


def _read_config(text):
    """Addresses of all workers, the chief first, and which of them this process is."""
    form = (
        'Expected is {"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", '
        '"index": 0}}, the same on each machine except for the index.'
    )
    try:
        config = json.loads(text)
        jobs = {name: list(addresses) for name, addresses in config["cluster"].items()}
        kind, index = config["task"]["type"], config["task"]["index"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else "is of another form"
        what = f"is not JSON ({error})" if isinstance(error, ValueError) else what
        raise ValueError(f"TF_CONFIG {what}: {text[:80]!r}. {form}") from None
    if unknown := sorted(jobs.keys() - {"chief", "worker"}):
        raise ValueError(
            f"The cluster in TF_CONFIG has tasks of type {unknown}; 'worker' is expected, and at "
            f"most one 'chief'. {form}"
        )
    if kind not in jobs:
        raise ValueError(
            f"The task in TF_CONFIG is of type {kind!r}; the cluster has {sorted(jobs)}. {form}"
        )
    count = len(jobs[kind])
    if not isinstance(index, int) or not 0 <= index < count:
        raise ValueError(
            f"The task's index in TF_CONFIG is {index!r}; the cluster has {count} of type {kind!r},"
            f" so that a whole number from 0 to {count - 1} is expected."
        )
    workers = [address for name in sorted(jobs) for address in jobs[name]]
    bad = [each for each in workers if not isinstance(each, str) or ":" not in each]
    if bad or len(set(workers)) < len(workers):
        why = f"{bad} are no addresses 'host:port'" if bad else "an address occurs twice"
        raise ValueError(f"The cluster in TF_CONFIG is {workers}: {why}. {form}")
    return workers, index + (len(jobs.get("chief", ())) if kind == "worker" else 0)
