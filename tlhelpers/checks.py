"""The single checks of the doctor: each takes a case and gives (result, found, what to do)."""

import hashlib
import tempfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np

from .batches import as_pair, loss_name
from .hub import HubLayer

# What reaches a network of keras.applications after its preprocess_input, by its name
_CAFFE, _TORCH = (-124, 152), (-2.2, 2.7)
_RANGES = {
    "glyphnet": (0, 1),
    "convnext": (0, 255),
    "densenet": _TORCH,
    "inception": (-1, 1),
    "mobilenet": (-1, 1),
    "nasnet": (-1, 1),
    "vgg": _CAFFE,
    "xception": (-1, 1),
    **{f"resnet{depth}v2": (-1, 1) for depth in (50, 101, 152)},
    "resnet": _CAFFE,  # after the others, whose names begin so
}


def ok(found):
    return "ok", found, ""


def problem(found, what_to_do):
    return "problem", found, what_to_do


def not_checked(why, what_to_do=""):
    return "not checked", why, what_to_do


# Before training ----------------------------------------------------------------------------------


def head_and_labels(case):
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


def range_of_inputs(case):
    """What reaches the pretrained network, against what it was trained with."""
    expected = case.expects or _expected(case.base or case.model)
    if expected is None:
        name = (case.base or case.model).name
        return not_checked(f"what {name} expects is not known", "Give expects=(low, high).")
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


def _expected(base):
    if isinstance(base, HubLayer):
        shape = getattr(base.input_spec, "shape", None) or ()
        return (0, 1) if len(shape) == 4 else None
    if any(isinstance(layer, keras.layers.Rescaling) for layer in base.layers):
        return 0, 255  # keras.applications that rescale by themselves
    name = base.name.lower()
    return next((_RANGES[known] for known in _RANGES if name.startswith(known)), None)


def _what_reaches(case):
    seen = []
    if case.base is None:
        seen = [x for x, _ in case.batches[:3]]
    else:
        call = case.base.call

        def record(inputs, *args, **kwargs):
            seen.append(inputs)
            return call(inputs, *args, **kwargs)

        with mock.patch.object(case.base, "call", record):
            for x, _ in case.batches[:3]:
                case.model(x, training=False)
    if any(isinstance(x, dict | list | tuple) for x in seen):
        return None
    seen = np.concatenate([np.asarray(x) for x in seen])
    return seen if seen.dtype.kind == "f" or case.expects else None


def compiled_since_unfreezing(case):
    """Whether the optimizer knows just the weights that train now."""
    optimizer = getattr(case.model.optimizer, "inner_optimizer", case.model.optimizer)
    train = {id(weight): weight for weight in case.model.trainable_variables}
    if not optimizer.built:
        return ok(f"{len(train)} weights train; compiled, not trained yet")
    known = {id(variable) for variable in optimizer._trainable_variables}
    new, gone = len(train.keys() - known), len(known - train.keys())
    if not new and not gone:
        return ok(f"the optimizer trains the {len(train)} weights that are to train")
    found = []
    if new:
        found.append(f"{new} weights that should train now are unknown to the optimizer")
    if gone:
        found.append(f"{gone} weights that are frozen now still train")
    return problem("; ".join(found), "Compile again after each freeze or unfreeze.")


def augmentation_and_cache(case):
    """Random operations that a cache makes the same in each epoch."""
    if as_pair(case.data):
        return ok("the data are arrays")
    names, cached = [], False
    for each in _pipeline(case.data):
        cached |= "Cache" in type(each).__name__
        if cached and _is_random(each):
            names.append(type(each).__name__.strip("_").removesuffix("Dataset").lower())
    if names:
        found = f"random operations before the cache, in {', '.join(names)}"
        return problem(found, "Put .cache() first, then .map(augment): each epoch draws anew.")
    return ok("nothing random before a cache" if cached else "no cache in the data set")


def _pipeline(dataset):
    """The data set and those it is made from, last step first."""
    yield dataset
    for source in dataset._inputs():
        yield from _pipeline(source)


def _is_random(dataset):
    function = getattr(getattr(dataset, "_map_func", None), "function", None)
    if function is None:
        return False
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    return any("Random" in node.op or "SampleDistorted" in node.op for node in nodes)


def training_and_test_data(case):
    """Samples that stand in both, found by their content."""
    if case.test is None:
        return not_checked("no test data given", "Give them: doctor(model, data, test).")
    train, test = set(_prints(case.data)), _prints(case.test)
    both = sum(mark in train for mark in test)
    found = f"{both} of {len(test)} test samples are also in the training data"
    if both:
        return problem(found, "Split by index before any shuffling; drop duplicates.")
    return ok(found)


def _prints(data):
    """A digest of each sample, numbers rounded so that tiny differences do not hide it."""
    pair = as_pair(data)
    inputs = [pair[0]] if pair else (element[0] for element in data)
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


# After a few steps of training --------------------------------------------------------------------


def training_steps(case):
    """Whether the model trains at all."""
    if case.error:
        return problem(f"training stopped with: {case.error}", "Mend the problems of this table.")
    if not case.model.trainable_weights:
        return problem("no weight trains", "Unfreeze something, or put a head on the network.")
    return ok(f"{len(case.batches)} steps, on {sum(len(y) for _, y in case.batches)} samples")


def learning_rate(case):
    """A loss that jumps says that the steps destroy what the weights knew."""
    if case.error:
        return not_checked("no training")
    worst = np.max([*case.losses, case.last_loss])  # NaN if one of them is
    found = f"loss {case.first_loss:.3g} before the steps, {case.last_loss:.3g} after"
    if worst <= 1.5 * abs(case.first_loss) + 0.1:
        return ok(found)
    rate = float(case.model.optimizer.learning_rate)
    return problem(
        f"{found}, up to {worst:.3g} on the way, at rate {rate:.3g}",
        "Divide the learning rate by 10 or 100; train the head first, on the frozen network.",
    )


def batchnorm_statistics(case):
    """Statistics of the pretrained network that follow the batches of the target."""
    if case.error:
        return not_checked("no training")
    inside = (case.base or case.model)._flatten_layers()
    layers = [part for part in inside if _statistics(part)]
    moved = [layer for layer in layers if any(case.moved(weight) for weight in _statistics(layer))]
    if not moved:
        return ok(f"statistics of {len(layers)} layers stayed" if layers else "no BatchNorm layer")
    if isinstance(moved[0], HubLayer):
        return problem(f"statistics in {moved[0].name} move", "Use HubLayer's batch_norm='frozen'.")
    return problem(
        f"statistics of {len(moved)} of {len(layers)} BatchNorm layers move, {moved[0].name} first",
        "Set trainable = False on each BatchNormalization layer of the pretrained network "
        "(tl.unfreeze does). Calling it with training=False does not stop `fit`.",
    )


def _statistics(layer):
    if isinstance(layer, HubLayer):
        return layer._statistics
    if isinstance(layer, keras.layers.BatchNormalization) and layer.built:
        return [layer.moving_mean, layer.moving_variance]
    return []


def frozen_weights(case):
    """Weights of frozen layers that move."""
    if case.error:
        return not_checked("no training")
    layers = list(case.model._flatten_layers())
    statistics = {id(weight) for layer in layers for weight in _statistics(layer)}
    owner = {id(weight): layer for layer in layers for weight in layer.weights}  # the innermost
    frozen = [
        weight
        for weight in case.model.non_trainable_weights
        if id(weight) not in statistics
        and (not owner[id(weight)].trainable or isinstance(owner[id(weight)], HubLayer))
    ]
    moved = [weight for weight in frozen if case.moved(weight)]
    if not moved:
        return ok(f"{len(frozen)} frozen weights stayed")
    return problem(
        f"{len(moved)} of {len(frozen)} frozen weights move, {moved[0].path} first",
        "Compile after freezing. If that does not help, a layer assigns to its own weights.",
    )


def gradients(case):
    """Weights that are to train and never will."""
    if case.strangers:
        return problem(
            f"{len(case.strangers)} variables are used that the model does not know of, "
            f"{case.strangers[0].name} first: they never train",
            "Do not call a network in a Lambda or a function: use it as a layer "
            "(tl.HubLayer for a module).",
        )
    if case.alive is None:
        return not_checked("no training")
    train = case.model.trainable_weights
    dead = [weight for weight in train if id(weight) not in case.alive]
    if not dead:
        return ok(f"all {len(train)} weights that are to train get a gradient")
    return problem(
        f"{len(dead)} of {len(train)} weights that are to train get no gradient, "
        f"{dead[0].path} first",
        "Look for an operation without gradient (stop_gradient, round, argmax) after them.",
    )


def saved_and_loaded(case):
    """A saved model that predicts the same when it is loaded."""
    inputs = case.batches[0][0]
    before = keras.tree.map_structure(np.asarray, case.model(inputs, training=False))
    again = keras.tree.map_structure(np.asarray, case.model(inputs, training=False))
    if _difference(before, again) > 1e-5:
        return problem("two predictions differ", "A layer is random outside training, too.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            case.model.save(path)
            loaded = keras.models.load_model(path, compile=False)
            after = keras.tree.map_structure(np.asarray, loaded(inputs, training=False))
        except Exception as error:  # whatever stops a student, tomorrow, after the kernel is gone
            return problem(
                f"not possible: {first_line(error)}",
                "Register own layers and functions (keras.saving.register_keras_serializable); "
                "replace Lambda by layers.",
            )
    difference = _difference(before, after)
    if difference > 1e-4:
        return problem(
            f"the loaded model predicts otherwise, by up to {difference:.2g}",
            "A layer of your own leaves out a weight or a setting: see its build, get_config and "
            "save_own_variables.",
        )
    return ok("the loaded model predicts the same")


def _difference(one, other):
    pairs = zip(keras.tree.flatten(one), keras.tree.flatten(other), strict=True)
    return max(float(np.abs(a - b).max() / max(1, np.abs(a).max())) for a, b in pairs)


def first_line(error):
    line = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {line[:200]}"


BEFORE_TRAINING = {
    "head and labels": head_and_labels,
    "range of inputs": range_of_inputs,
    "compiled since unfreezing": compiled_since_unfreezing,
    "augmentation and cache": augmentation_and_cache,
    "training and test data": training_and_test_data,
    "saved and loaded": saved_and_loaded,
}
AFTER_TRAINING = {
    "training steps": training_steps,
    "learning rate": learning_rate,
    "BatchNorm statistics": batchnorm_statistics,
    "frozen weights": frozen_weights,
    "gradients": gradients,
}
