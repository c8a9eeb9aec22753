"""Images as `tf.data` streams: read while the network works on those before."""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from .lazy_images import Images, LazyImages


def image_batches(images: LazyImages, batch_size: int) -> tf.data.Dataset:
    """Return batches of LazyImages, in order."""
    spec = tf.TensorSpec((None, *images.shape[1:]), tf.float32)
    stream = tf.data.Dataset.from_generator(lambda: images.parts(batch_size), output_signature=spec)
    return _of_length(stream, len(images), batch_size).prefetch(2)


def labelled_batches(
    images: Images, labels: np.ndarray, batch_size: int, *, shuffle: bool = False, seed: int = 0
) -> tf.data.Dataset:
    """Return batches `(images, labels)`; with `shuffle` in another order in each pass."""
    if not isinstance(images, LazyImages):
        stream = tf.data.Dataset.from_tensor_slices((images, labels))
        stream = stream.shuffle(len(labels), seed) if shuffle else stream
        return stream.batch(batch_size).prefetch(2)
    rng = np.random.default_rng(seed)

    def orders():
        yield rng.permutation(len(labels)) if shuffle else np.arange(len(labels))

    return _of_length(batches_in(orders, images, labels, batch_size), len(labels), batch_size)


def batches_in(
    orders: Callable[[], Iterable[np.ndarray]],
    images: LazyImages,
    labels: np.ndarray,
    batch_size: int,
) -> tf.data.Dataset:
    """Return batches `(images, labels)` in these orders of positions, one after the other."""

    def generate():
        for order in orders():
            for start in range(0, len(order), batch_size):
                some = order[start : start + batch_size]
                yield np.asarray(images[some]), labels[some]

    spec = (
        tf.TensorSpec((None, *images.shape[1:]), tf.float32),
        tf.TensorSpec((None, *labels.shape[1:]), labels.dtype),
    )
    stream = tf.data.Dataset.from_generator(generate, output_signature=spec)
    return shared_by_data(stream).prefetch(2)


def shared_by_data(stream: tf.data.Dataset) -> tf.data.Dataset:
    """Return the stream, of which several workers take each their part of the samples."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return stream.with_options(options)


def _of_length(stream, count, batch_size):
    return stream.apply(tf.data.experimental.assert_cardinality(-(-count // batch_size)))
