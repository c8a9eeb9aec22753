"""A module's own variables as the weights of a layer, which are frozen and unfrozen by block."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras

from ..runtime.keras_private import share_storage
from .block_names import choose_blocks, name_blocks
from .order_of_use import places_of_use, used_by
from .saved_function import SavedFunction, captured_as, traces


class ModuleBlocks(keras.layers.Layer):
    """What HubLayer offers for partial fine-tuning; HubLayer sets the other attributes it reads."""

    def _adopt_weights(self, module: Any, function: SavedFunction) -> None:
        """Make Keras variables that share the storage of the module's own, in the order of use."""
        trains = {id(variable) for variable in getattr(module, "trainable_variables", ())}
        variables = [v for v in getattr(module, "variables", ()) if _keras_can_hold(v)]
        places = places_of_use(function.traces, variables)
        self._uncut = "" if places else _why_uncut(self.name, variables, function.traces)
        if places:
            place = dict(zip(map(id, variables), places, strict=True))
            variables.sort(key=lambda variable: place[id(variable)])
        used = used_by(function.traces, variables, self._given.output_key)
        names = _scoped_names(variables, places and sorted(places))
        self._weights = [
            share_storage(variable, name, trainable=id(variable) in trains and id(variable) in used)
            for variable, name in zip(variables, names, strict=True)
        ]
        self._may_train = {id(weight) for weight in self._weights if weight.trainable}
        floats = [weight for weight in self._weights if weight.value.dtype.is_floating]
        self._statistics = [weight for weight in floats if not weight.trainable]
        blocks: dict[str, list[keras.Variable]] = {}
        pairs = zip(names, self._weights, strict=True)
        in_floats = name_blocks([name for name, w in pairs if w.value.dtype.is_floating])
        for name, weight in zip(in_floats, floats, strict=True):
            if id(weight.value) in used:
                blocks.setdefault(name, []).append(weight)
        self._blocks = blocks
        for loss in getattr(module, "regularization_losses", ()):
            if not callable(loss):
                raise ValueError(
                    "The module's regularization_losses must be functions without arguments that "
                    f"give a number; one of them is a {type(loss).__name__}."
                )
            _attach(loss, self._weights)

    @property
    def blocks(self) -> list[str]:
        """Names of the module's blocks that its output depends on, from input to output.

        They are read from its variables' names. Where those have no scopes (`kernel`, not
        `conv/kernel`), each operation with its weights is a block.
        """
        return list(self._blocks)

    def unfreeze(self, blocks: Sequence[str] | None = None, *, last: int | None = None) -> None:
        """Let some blocks train and freeze all others. Compile the model again afterwards.

        Parameters
        ----------
        blocks : list of str, optional
            Names out of `blocks`. Without any argument, all blocks train.
        last : int, optional
            Instead: how many blocks, counted from the output.

        Raises
        ------
        ValueError
            Unknown block; a number that is too large; both arguments; some blocks of a module that
            tells neither blocks nor the order in which it uses its weights, or of a layer with
            `batch_norm="update"`: a module has one switch for all its blocks, so the statistics
            of the frozen ones would move.
        """
        if self._uncut and (blocks is not None or last is not None):
            raise ValueError(self._uncut)
        blocks = choose_blocks(self.blocks, blocks, last)
        if self.batch_norm == "update" and self._statistics and set(blocks) != set(self.blocks):
            raise ValueError(
                "batch_norm='update' moves the statistics of all blocks, also of frozen ones. "
                "Unfreeze some blocks with batch_norm='frozen', or all of them."
            )
        self._let_train(blocks, True)
        nothing = [b for b in blocks if not any(weight.trainable for weight in self._blocks[b])]
        if 0 < len(nothing) < len(blocks):
            warnings.warn(f"Nothing in the blocks {nothing} may train.", stacklevel=2)

    def freeze(self) -> None:
        """Let nothing of the module train. Compile the model again afterwards."""
        self._let_train((), False)

    def _let_train(self, blocks, trainable):
        self.trainable = trainable
        for name, weights in self._blocks.items():
            for weight in weights:
                weight.trainable = name in blocks and id(weight) in self._may_train
        self._check_trainable()

    def _check_trainable(self):
        if self.trainable and self._given.signature:
            raise ValueError(
                "trainable=True is unsupported with a signature: signatures have no training mode. "
                "Call the module without one, or keep it frozen."
            )
        if self.trainable and not self.trainable_weights:
            warnings.warn(f"{self.name} is trainable but has zero trainable weights.", stacklevel=3)


def _keras_can_hold(variable):
    """Texts, quantized numbers and open shapes stay the module's own business."""
    kind = variable.dtype
    number = kind.is_floating or kind.is_complex or kind.is_integer or kind.is_bool
    return number and not kind.is_quantized and variable.shape.is_fully_defined()


def _scoped_names(variables, places):
    """Names of variables; those without a scope get one for the operation that uses them.

    A matrix, or what has more dimensions, begins an operation, unless it is met at the same place
    as the one before (the queries, keys and values of attention); vectors belong to it.
    """
    names, number, at = [], 0, None
    for i, variable in enumerate(variables):
        name = variable.name
        if "/" in name or len(variables) == 1:
            at = None
        elif places is None:
            name = f"all/{name}"
        else:
            if at is None or (len(variable.shape) > 1 and places[i] != at):
                number, at = number + 1, places[i]
            name = f"layer_{number}/{name}"
        names.append(name)
    return names


def _why_uncut(layer, variables, traces):
    """Why a module whose order of use is not known cannot be cut; empty if names tell its blocks.

    A single matrix, with its vectors, needs no cut.
    """
    bare = [variable.name for variable in variables if "/" not in variable.name]
    if sum(len(v.shape) > 1 for v in variables) < 2 or not bare:
        return ""
    why = "its graph has loops of TensorFlow 1" if traces else "its function was never traced"
    return (
        f"{layer} cannot be cut into blocks: names such as {bare[0]!r} tell none, and the order in "
        f"which it uses its weights is not known, because {why}. Let all of it train (no blocks, "
        "last=None), or give a Keras model."
    )


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
        self.losses: list[Callable[[], Any]] = []

    def __call__(self, weight: Any) -> Any:
        """Return their sum."""
        return sum(loss() for loss in self.losses)
