"""Checks of the doctor that look at data and head, before any training."""

import hashlib

import keras
import numpy as np

from ..images.lazy_images import LazyImages
from ..runtime.keras_private import data_sets, mapped_function
from ..training.data_forms import as_pair
from ..training.losses import loss_name
from .case import Case, Finding, not_checked, ok, problem


def head_and_labels(case: Case) -> Finding:
    """Number of outputs, form of the labels, and the loss that joins them."""
    outputs = np.asarray(case.model(case.batches[0][0], training=False))
    loss = case.model.loss
    name, from_logits = loss_name(loss), bool(getattr(loss, "from_logits", False))
    if outputs.ndim != 2 or "crossentropy" not in name:
        shape = f"[n, {', '.join(map(str, outputs.shape[1:]))}]"
        return not_checked(f"for classifiers: the output is {shape}, the loss {name}")
    classes = outputs.shape[1]
    pair = as_pair(case.data)
    labels = pair[1] if pair else np.concatenate([y for _, y in case.batches])
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    found = (
        f"labels one-hot of {labels.shape[1]}"
        if labels.ndim == 2
        else f"labels {labels.min()} to {labels.max()}"
    )
    found += f", {classes} outputs, {name}"
    if "binary" in name:
        fits = labels.shape[1:] == (outputs.shape[1:] if labels.ndim == 2 else ())
        if not fits or (labels.ndim == 1 and classes > 1):
            return problem(found, "Use SparseCategoricalCrossentropy, or one output a label.")
        known = labels.min() >= 0 and labels.max() <= 1
        return ok(found) if known else problem(found, "Binary labels are 0 and 1.")
    if labels.ndim == 2 and "sparse" in name:
        return problem(found, "Use CategoricalCrossentropy, or labels.argmax(axis=1).")
    if labels.ndim == 1 and "sparse" not in name:
        return problem(found, "Use SparseCategoricalCrossentropy for labels that are numbers.")
    if labels.ndim == 2 and labels.shape[1] != classes:
        return problem(found, f"End the head with Dense({labels.shape[1]}).")
    if labels.ndim == 1:
        if np.any(labels != labels.astype(int)) or labels.min() < 0:
            return problem(found, "Number the classes 0, 1, 2 and so on.")
        # a data set was not gone through, so classes may be missing from what was seen
        if labels.max() >= classes or (pair and labels.max() + 1 < classes):
            return problem(found, f"End the head with Dense({int(labels.max()) + 1}).")
    probabilities = np.all(outputs >= 0) and np.allclose(outputs.sum(1), 1, atol=1e-2)
    if probabilities and from_logits:
        return problem(f"{found}; softmax is taken twice", "Use from_logits=False.")
    if not probabilities and not from_logits:
        return problem(f"{found}; logits are taken for probabilities", "Use from_logits=True.")
    return ok(found)


def augmentation_and_cache(case: Case) -> Finding:
    """Random operations that a cache makes the same in each epoch."""
    if as_pair(case.data):
        return ok("the data are arrays")
    names, cached = [], False
    for each in data_sets(case.data):
        cached |= "Cache" in type(each).__name__
        try:
            if cached and _is_random(each):
                names.append(type(each).__name__.strip("_").removesuffix("Dataset").lower())
        except LookupError as error:
            return not_checked(str(error))
    if names:
        found = f"random operations before the cache, in {', '.join(names)}"
        return problem(found, "Put .cache() first, then .map(augment): each epoch draws anew.")
    return ok("nothing random before a cache" if cached else "no cache in the data set")


def _is_random(dataset):
    function = mapped_function(dataset)
    if function is None:
        return False
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    return any("Random" in node.op or "SampleDistorted" in node.op for node in nodes)


def training_and_test_data(case: Case) -> Finding:
    """Samples that stand in both, found by their content."""
    if case.test is None:
        return not_checked("no test data given", "Give them: doctor(model, data, test).")
    train, test = set(_fingerprints(case.data)), _fingerprints(case.test)
    both = sum(mark in train for mark in test)
    found = f"{both} of {len(test)} test samples are also in the training data"
    if both:
        return problem(found, "Split by index before any shuffling; drop duplicates.")
    return ok(found)


def _fingerprints(data):
    """A digest of each sample, numbers rounded so that tiny differences do not hide it."""
    pair = as_pair(data)
    if pair:
        lazy = isinstance(pair[0], LazyImages)
        inputs = pair[0].parts() if lazy else [pair[0]]
    else:
        inputs = (element[0] for element in data)
    found = []
    for part in inputs:
        arrays = [np.asarray(array) for array in keras.tree.flatten(part)]
        arrays = [np.round(a, 3) + 0.0 if a.dtype.kind == "f" else a for a in arrays]
        for sample in zip(*arrays, strict=True):
            content = b"".join(
                value.tobytes() if value.dtype != object else repr(value).encode()
                for value in map(np.asarray, sample)
            )
            found.append(hashlib.sha256(content).digest())
    return found
