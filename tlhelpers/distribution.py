"""From one device to many: which strategy fits, and passes that all its replicas share."""

import contextlib
import functools
import json
import os

import numpy as np
import tensorflow as tf


def strategy(virtual_cpus=None):
    """The `tf.distribute` strategy that fits the machines and GPUs at hand.

    What is made inside `with tl.strategy().scope():` and trained or extracted there uses all of
    them: each replica takes an equal part of every batch (`batch_size` stays that of the whole),
    and gradients are summed. The same call gives the same strategy again.

    Parameters
    ----------
    virtual_cpus : int, optional
        Split the processor into so many devices and use those, to try out on a laptop what is
        meant for several GPUs; nothing becomes faster. To be asked for before TensorFlow computes
        anything.

    Returns
    -------
    tf.distribute.Strategy
        `MultiWorkerMirroredStrategy` where the environment variable TF_CONFIG names two workers or
        more (it waits for them all), `MirroredStrategy` for several GPUs of one machine, otherwise
        TensorFlow's default, which changes nothing.

    Raises
    ------
    TypeError, ValueError
        `virtual_cpus` is not such a number; TF_CONFIG is not of the form that TensorFlow reads.
    RuntimeError
        TensorFlow was used before, so that its devices or workers can no longer be set up.

    Notes
    -----
    Several workers: the same program runs on each, with the same seed (`tl.setup`) and the same
    data, and TF_CONFIG tells it who it is (README, "From one GPU to many").

    Examples
    --------
    >>> with strategy().scope():  # doctest: +SKIP
    ...     model = keras.Sequential([tl.HubLayer(task.backbone), keras.layers.Dense(10)])
    ...     tl.fine_tune(model, task.train, task.validation)
    """
    if virtual_cpus is not None:
        if not isinstance(virtual_cpus, int) or isinstance(virtual_cpus, bool):
            raise TypeError(f"virtual_cpus is {virtual_cpus!r}; give a whole number, 2 or more.")
        if virtual_cpus < 2:
            raise ValueError(f"virtual_cpus is {virtual_cpus}; give 2 or more, or leave it out.")
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


_RESTART = "Restart the kernel, and call tl.strategy before anything is computed."


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
    except ValueError as error:
        raise ValueError(f"TF_CONFIG is not JSON ({error}): {text[:80]!r}. {form}") from None
    try:
        cluster, task = config["cluster"], config["task"]
        kind, index = task["type"], task["index"]
        jobs = {name: list(addresses) for name, addresses in cluster.items()}
    except (AttributeError, KeyError, TypeError) as error:
        what = f"has no {error}" if isinstance(error, KeyError) else "is of another form"
        raise ValueError(f"TF_CONFIG {what}: {text[:80]!r}. {form}") from None
    unknown = sorted(set(jobs) - {"chief", "worker"})
    if unknown:
        raise ValueError(
            f"The cluster in TF_CONFIG has tasks of type {unknown}; 'worker' is expected, and at "
            f"most one 'chief'. {form}"
        )
    if kind not in jobs:
        raise ValueError(
            f"The task in TF_CONFIG is of type {kind!r}; the cluster has {sorted(jobs)}. {form}"
        )
    if not isinstance(index, int) or not 0 <= index < len(jobs[kind]):
        raise ValueError(
            f"The task's index in TF_CONFIG is {index!r}; the cluster has {len(jobs[kind])} of "
            f"type {kind!r}, so that a whole number from 0 to {len(jobs[kind]) - 1} is expected."
        )
    workers = [address for name in sorted(jobs) for address in jobs[name]]
    bad = [each for each in workers if not isinstance(each, str) or ":" not in each]
    if bad or len(set(workers)) < len(workers):
        why = f"{bad} are no addresses 'host:port'" if bad else "an address occurs twice"
        raise ValueError(f"The cluster in TF_CONFIG is {workers}: {why}. {form}")
    return workers, index + (len(jobs["chief"]) if kind == "worker" and "chief" in jobs else 0)


# Sharing work ------------------------------------------------------------------------------------


def shared(function, spec):
    """A function of batches as one of arrays, computed by all replicas of the current strategy.

    Each takes a part of the batch; all processes get the whole result, in order.
    """
    if not tf.distribute.has_strategy():
        return tf.function(function, input_signature=[spec])
    strategy = tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync

    @tf.function(reduce_retracing=True)
    def compute(parts):
        return strategy.gather(strategy.run(function, (parts,)), axis=0)

    def in_parts(batch):
        size = -(-len(batch) // replicas)
        filling = np.repeat(batch[-1:], size * replicas - len(batch), axis=0)
        parts = np.split(np.concatenate([batch, filling]), replicas)
        values = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )
        return compute(values)[: len(batch)]

    return in_parts


def everywhere(*numbers):
    """These numbers as each process has them: a tuple a process, the same list in all."""
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return [numbers]
    values = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant([numbers], tf.int64)
    )
    return [tuple(row) for row in strategy.gather(values, axis=0).numpy().tolist()]


def is_chief():
    """Whether this process writes files: the first of several workers, or the only process."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    jobs = sorted(resolver.cluster_spec().jobs)  # a chief comes before the workers
    return (resolver.task_type, resolver.task_id) == (jobs[0], 0)


def run_once(function, *args, **kwargs):
    """Call a function at once; where a strategy wants it inside a replica, in each of them."""
    if not (tf.executing_eagerly() and tf.distribute.in_cross_replica_context()):
        return function(*args, **kwargs)
    strategy = tf.distribute.get_strategy()
    return strategy.experimental_local_results(strategy.run(function, args, kwargs))[0]


def check_made_here(name, weights):
    """Raise ValueError if weights that train were made outside of the current strategy's scope."""
    strategy = tf.distribute.get_strategy()
    created = strategy.extended.variable_created_in_scope
    if tf.distribute.has_strategy() and not all(created(weight.value) for weight in weights):
        raise ValueError(
            f"{name} was made outside of the strategy under which it is to train. Make it, and the "
            "model around it, inside `with tl.strategy().scope():`."
        )


def check_statistics(name):
    """Raise ValueError if there are several replicas, each with BatchNorm statistics of its own."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            f"{name} has batch_norm='update', but each of the {replicas} replicas would move the "
            "statistics for itself. Use batch_norm='frozen'."
        )
