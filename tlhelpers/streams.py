"""Images as `tf.data` streams: read while the network works on those before."""

import numpy as np
import tensorflow as tf

from .images import LazyImages


def image_batches(images, batch_size):
    """Batches of images, in order."""
    if not isinstance(images, LazyImages):
        return tf.data.Dataset.from_tensor_slices(images).batch(batch_size)
    spec = tf.TensorSpec((None, *images.shape[1:]), tf.float32)
    stream = tf.data.Dataset.from_generator(lambda: images.parts(batch_size), output_signature=spec)
    count = -(-len(images) // batch_size)
    return stream.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


def labelled_batches(images, labels, batch_size, shuffle=False, seed=0):
    """Batches `(images, labels)`; with `shuffle` in another order in each pass."""
    count = -(-len(labels) // batch_size)
    passes = np.random.default_rng(seed)

    def generate():
        order = passes.permutation(len(labels)) if shuffle else np.arange(len(labels))
        for start in range(0, len(order), batch_size):
            some = order[start : start + batch_size]
            yield np.asarray(images[some]), labels[some]

    spec = (
        tf.TensorSpec((None, *images.shape[1:]), tf.float32),
        tf.TensorSpec((None,), labels.dtype),
    )
    stream = tf.data.Dataset.from_generator(generate, output_signature=spec)
    return stream.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)
