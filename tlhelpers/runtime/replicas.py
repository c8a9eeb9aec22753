"""Work that all replicas of a `tf.distribute` strategy share, and checks of what they train."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


def shared(function: Callable, spec: tf.TensorSpec) -> Callable:
    """Return a function of batches as one of arrays, computed by all replicas.

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
        filling = np.repeat(batch[-1:], -len(batch) % replicas, axis=0)
        parts = np.split(np.concatenate([batch, filling]), replicas)
        values = strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )
        return compute(values)[: len(batch)]

    return in_parts


def everywhere(*numbers: int) -> list[tuple[int, ...]]:
    """Return these numbers as each process has them: a tuple a process, the same list in all."""
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return [numbers]
    values = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant([numbers], tf.int64)
    )
    return [tuple(row) for row in strategy.gather(values, axis=0).numpy().tolist()]


def is_chief() -> bool:
    """Return whether this process writes files: the first of several workers, or the only one."""
    resolver = tf.distribute.get_strategy().cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    jobs = sorted(resolver.cluster_spec().jobs)  # a chief comes before the workers
    return (resolver.task_type, resolver.task_id) == (jobs[0], 0)


def run_once(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call a function at once; where a strategy wants it inside a replica, in each of them."""
    if not (tf.executing_eagerly() and tf.distribute.in_cross_replica_context()):
        return function(*args, **kwargs)
    strategy = tf.distribute.get_strategy()
    return strategy.experimental_local_results(strategy.run(function, args, kwargs))[0]


def check_made_here(name: str, weights: Sequence) -> None:
    """Raise ValueError if weights that train were made outside of the current strategy's scope."""
    strategy = tf.distribute.get_strategy()
    created = strategy.extended.variable_created_in_scope
    if tf.distribute.has_strategy() and not all(created(weight.value) for weight in weights):
        raise ValueError(
            f"{name} was made outside of the strategy under which it is to train. Make it, and the "
            "model around it, inside `with tl.strategy().scope():`."
        )


def check_statistics(name: str) -> None:
    """Raise ValueError if there are several replicas, each with BatchNorm statistics of its own."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            f"{name} has batch_norm='update', but each of the {replicas} replicas would move the "
            "statistics for itself. Use batch_norm='frozen'."
        )
