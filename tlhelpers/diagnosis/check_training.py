"""Checks of the doctor that look at what a few steps of training do, and at saving."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from ..backbones.hub_layer import HubLayer
from ..backbones.saved_model import trusted
from ..runtime.checks import plural
from ..runtime.keras_private import all_layers, optimizer_variables
from .case import Case, Finding, not_checked, ok, problem


def compiled_since_unfreezing(case: Case) -> Finding:
    """Tell whether the optimizer knows just the weights that train now."""
    optimizer = getattr(case.model.optimizer, "inner_optimizer", case.model.optimizer)
    train = {id(weight) for weight in case.model.trainable_variables}
    if not optimizer.built:
        return ok(f"{len(train)} weights train; compiled, not trained yet")
    known = {id(variable) for variable in optimizer_variables(optimizer)}
    counts = {
        "should train now are unknown to the optimizer": len(train - known),
        "are frozen now still train": len(known - train),
    }
    found = [f"{count} weights that {what}" for what, count in counts.items() if count]
    if not found:
        return ok(f"the optimizer trains the {len(train)} weights that are to train")
    return problem("; ".join(found), "Compile again after each freeze or unfreeze.")


def training_steps(case: Case) -> Finding:
    """Tell whether the model trains at all."""
    if case.error:
        return problem(
            f"training stopped with: {_first_line(case.error)}",
            "Mend the problems of this table. The whole error: print(table.attrs['error']).",
        )
    if not case.model.trainable_weights:
        return problem("no weight trains", "Unfreeze something, or put a head on the network.")
    return ok(f"{len(case.batches)} steps, on {sum(len(y) for _, y in case.batches)} samples")


def _first_line(error):
    line = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {line[:200]}"


def learning_rate(case: Case) -> Finding:
    """Look for a loss that jumps: the steps destroy what the weights knew."""
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


def batchnorm_statistics(case: Case) -> Finding:
    """Look for statistics of the pretrained network that follow the target's batches."""
    if case.error:
        return not_checked("no training")
    layers = [part for part in all_layers(case.base or case.model) if _statistics(part)]
    moved = [layer for layer in layers if any(case.moved(weight) for weight in _statistics(layer))]
    if not moved:
        stayed = f"statistics of {plural(len(layers), 'layer')} stayed"
        return ok(stayed if layers else "no BatchNorm layer")
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


def frozen_weights(case: Case) -> Finding:
    """Look for weights of frozen layers that move."""
    if case.error:
        return not_checked("no training")
    layers = all_layers(case.model)
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


def gradients(case: Case) -> Finding:
    """Look for weights that are to train and never will."""
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


def saved_and_loaded(case: Case) -> Finding:
    """Tell whether the model predicts the same when it is saved and loaded."""
    inputs = case.batches[0][0]
    before = case.model(inputs, training=False)
    if _difference(before, case.model(inputs, training=False)) > 1e-5:
        return problem("two predictions differ", "A layer is random outside training, too.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        try:
            case.model.save(path)
            layers = all_layers(case.model)
            with trusted([str(x.handle) for x in layers if isinstance(x, HubLayer)]):
                loaded = keras.models.load_model(path, compile=False)
            difference = _difference(before, loaded(inputs, training=False))
        except Exception as error:  # whatever stops a student, tomorrow, after the kernel is gone
            return problem(
                f"not possible: {_first_line(error)}",
                "Register own layers and functions (keras.saving.register_keras_serializable); "
                "replace Lambda by layers.",
            )
    if difference > 1e-4:
        return problem(
            f"the loaded model predicts otherwise, by up to {difference:.2g}",
            "A layer of your own leaves out a weight or a setting: see its build, get_config and "
            "save_own_variables.",
        )
    return ok("the loaded model predicts the same")


def _difference(one, other):
    arrays = (map(np.asarray, keras.tree.flatten(each)) for each in (one, other))
    pairs = zip(*arrays, strict=True)
    return max(float(np.abs(a - b).max() / max(1, np.abs(a).max())) for a, b in pairs)
