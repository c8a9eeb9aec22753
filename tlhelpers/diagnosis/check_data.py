"""Checks of the doctor that look at data, head and inputs, before any training."""

import hashlib

import keras
import numpy as np

from ..backbones.expected_range import expected_range
from ..images.lazy_images import LazyImages
from ..runtime.keras_private import data_sets, mapped_function, recorded_inputs
from ..training.data_forms import as_pair
from ..training.losses import loss_name
from .case import Case, Finding, not_checked, ok, problem


def head_and_labels(case: Case) -> Finding:
    """Compare the number of outputs, the form of the labels, and the loss that joins them."""
    outputs = np.asarray(case.model(case.batches[0][0], training=False))
    loss = case.model.loss
    name, from_logits = loss_name(loss), bool(getattr(loss, "from_logits", False))
    if outputs.ndim != 2 or "crossentropy" not in name:
        shape = f"[n, {', '.join(map(str, outputs.shape[1:]))}]"
        return not_checked(f"for classifiers: the output is {shape}, the loss {name}")
    classes, pair = outputs.shape[1], as_pair(case.data)
    labels = pair[1] if pair else np.concatenate([y for _, y in case.batches])
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    one_hot = labels.ndim == 2
    form = f"one-hot of {labels.shape[1]}" if one_hot else f"{labels.min()} to {labels.max()}"
    found = f"labels {form}, {classes} outputs, {name}"
    if "binary" in name:
        if (labels.shape[1:] or (1,)) != (classes,):
            return problem(found, "Use SparseCategoricalCrossentropy, or one output a label.")
        known = labels.min() >= 0 and labels.max() <= 1
        return ok(found) if known else problem(found, "Binary labels are 0 and 1.")
    if one_hot and "sparse" in name:
        return problem(found, "Use CategoricalCrossentropy, or labels.argmax(axis=1).")
    if one_hot and labels.shape[1] != classes:
        return problem(found, f"End the head with Dense({labels.shape[1]}).")
    if not one_hot:
        if "sparse" not in name:
            return problem(found, "Use SparseCategoricalCrossentropy for labels that are numbers.")
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


def range_of_inputs(case: Case) -> Finding:
    """Compare what reaches the pretrained network with what it was trained with."""
    network = case.base or case.model
    expected = case.expects or expected_range(network)
    if expected is None:
        why = f"what {network.name} expects is not known"
        return not_checked(why, "Give expects=(low, high).")
    reached = _what_reaches(case)
    if reached is None:
        return not_checked("the input of the pretrained network is not one tensor of numbers")
    (low, high), (least, most) = expected, (reached.min(), reached.max())
    span, found = high - low, f"inputs from {least:.3g} to {most:.3g}; expected {low} to {high}"
    if not (np.isfinite(least) and np.isfinite(most)):
        return problem(found, "Drop or mend the samples with NaN or infinity.")
    if least < low - 0.05 * span or most > high + 0.05 * span:
        return problem(found, "Preprocess the inputs as the pretrained network expects.")
    if most - least < 0.05 * span:
        return problem(f"{found}: rescaled twice?", "Rescale once, in the data or in the model.")
    if least > low + 0.4 * span:
        return problem(f"{found}: the lower part is unused", "Use the network's preprocess_input.")
    return ok(found)


def _what_reaches(case):
    seen = [x for x, _ in case.batches[:3]]
    if case.base is not None:
        with recorded_inputs(case.base) as reached:
            for x in seen:
                case.model(x, training=False)
        seen = reached
    if any(isinstance(x, dict | list | tuple) for x in seen):
        return None
    values = np.concatenate([np.asarray(x) for x in seen])
    return values if values.dtype.kind == "f" or case.expects else None


def augmentation_and_cache(case: Case) -> Finding:
    """Look for random operations that a cache makes the same in each epoch."""
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
    """Look for samples that stand in both, by their content."""
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
    inputs = (element[0] for element in data) if pair is None else [pair[0]]
    if pair and isinstance(pair[0], LazyImages):
        inputs = pair[0].parts()
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
