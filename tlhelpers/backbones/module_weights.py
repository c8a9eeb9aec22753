"""A loaded module's own variables as the weights of a Keras layer, by block."""

from typing import NamedTuple

import keras

from ..runtime.keras_private import share_storage
from .block_names import name_blocks, sort_by_use
from .saved_function import SavedFunction, captured_as, traces


class ModuleWeights(NamedTuple):
    """Weights of a module in the order of use.

    `statistics` are those of floating type that do not train; `blocks` holds the weights of each
    block by name; `may_train` the ids of those that the module lets train.
    """

    weights: list[keras.Variable]
    statistics: list[keras.Variable]
    blocks: dict[str, list[keras.Variable]]
    may_train: set[int]


def adopt_weights(module: object, function: SavedFunction) -> ModuleWeights:
    """Return Keras variables that share the storage of a module's own.

    Raises
    ------
    ValueError
        The module's regularization losses are no functions.
    """
    trains = {id(variable) for variable in getattr(module, "trainable_variables", ())}
    variables = [v for v in getattr(module, "variables", ()) if _keras_can_hold(v)]
    found = traces(function.call)
    order = sort_by_use(found[-1], variables) if found else range(len(variables))
    variables = [variables[i] for i in order]
    weights = [share_storage(v, trainable=id(v) in trains) for v in variables]
    floats = [(v, w) for v, w in zip(variables, weights, strict=True) if v.dtype.is_floating]
    blocks: dict[str, list[keras.Variable]] = {}
    names = name_blocks([variable.name for variable, _ in floats])
    for name, (_, weight) in zip(names, floats, strict=True):
        blocks.setdefault(name, []).append(weight)
    for loss in getattr(module, "regularization_losses", ()):
        if not callable(loss):
            raise ValueError(
                "The module's regularization_losses must be functions without arguments that "
                f"give a number; one of them is a {type(loss).__name__}."
            )
        _attach(loss, weights)
    statistics = [weight for _, weight in floats if not weight.trainable]
    may_train = {id(weight) for weight in weights if weight.trainable}
    return ModuleWeights(weights, statistics, blocks, may_train)


def _keras_can_hold(variable):
    """Texts, quantized numbers and open shapes stay the module's own business."""
    kind = variable.dtype
    number = kind.is_floating or kind.is_complex or kind.is_integer or kind.is_bool
    return number and not kind.is_quantized and variable.shape.is_fully_defined()


def _attach(loss, weights):
    """Make a module's regularization loss that of the weight it reads: it counts while that trains.

    A loss that reads none (a plain function) goes to the first weight that may train.
    """
    reads = {id(capture) for f in traces(loss) for capture in f.captured_inputs}
    own = [weight for weight in weights if id(captured_as(weight.value)) in reads]
    for weight in (own or [weight for weight in weights if weight.trainable])[:1]:
        weight.regularizer = weight.regularizer or ModuleLosses()
        weight.regularizer.losses.append(loss)


class ModuleLosses(keras.regularizers.Regularizer):
    """A weight's share of its module's regularization losses."""

    def __init__(self) -> None:
        self.losses = []

    def __call__(self, weight: object) -> object:
        return sum(loss() for loss in self.losses)
