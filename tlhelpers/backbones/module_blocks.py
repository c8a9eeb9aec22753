"""A layer whose weights are frozen and unfrozen by block."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import keras

from .block_names import choose_blocks


class ModuleBlocks(keras.layers.Layer):
    """What HubLayer offers for partial fine-tuning; HubLayer sets the attributes it reads."""

    @property
    def blocks(self) -> list[str]:
        """Names of the module's blocks, from input to output, read from its variables' names."""
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
            Unknown block; a number that is too large; both arguments; some blocks of a layer with
            `batch_norm="update"`: a module has one switch for all its blocks, so the statistics
            of the frozen ones would move.
        """
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
