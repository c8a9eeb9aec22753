"""Label by hand in a notebook: one click or one key a picture, saved at once."""

import time
from collections.abc import Sequence
from typing import Any

from ..images.as_png import as_html
from ..images.lazy_images import Images
from ..runtime.load_widgets import load_widgets
from .accumulation_run import AccumulationRun
from .screen_pictures import SIDE, checked

widgets = load_widgets("Labelling by hand")

SKIP, UNDO = " ", "\b"
PAUSE = 0.25  # seconds in which nobody has seen a new picture yet: a double click, a held key


_Column: Any = widgets.VBox


class Labeller(_Column):
    """A widget that shows what an `AccumulationRun` asks for, and keeps each answer at once.

    A button and a key for each class; the space bar skips. Keys go to the field below the buttons:
    click into it once, then type; Backspace there takes the last key back. The button *undo* takes
    back answer after answer, of this session. After the last picture of a round comes the next
    round. Each answer is in the run's store before the next picture is shown; if it cannot be
    saved, the widget says why and stays at the picture. What follows within a quarter of a second
    is ignored: it was meant for the picture before.

    Parameters
    ----------
    run : AccumulationRun
    images : `[n, height, width, 3]`, float in `[0, 1]` or uint8
        The pool, in the order of the run. Grey pictures may lack the last axis.
    who : str
        Stands in the store beside each label.
    rounds : int, optional
        How many rounds to ask for from now on; by default until nothing is left.

    Attributes
    ----------
    shortcuts : dict of key -> class name
    position : int or None
        Of the picture shown.
    progress : str
        What stands above it.
    button_texts : list of str

    Raises
    ------
    ImportError
        ipywidgets is not installed.
    ValueError
        Images do not match the run, or are of another form.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tlhelpers import LabelStore
    >>> images = np.random.default_rng(0).random((12, 8, 8, 3))
    >>> with tempfile.TemporaryDirectory() as folder, LabelStore(f"{folder}/labels") as store:
    ...     run = AccumulationRun(store, images, images.reshape(12, -1), ("cat", "dog"))
    ...     Labeller(run, images).press("d")
    ...     len(run.labelled()[0])
    1
    """

    def __init__(
        self,
        run: AccumulationRun,
        images: Images,
        *,
        who: str = "person",
        rounds: int | None = None,
    ) -> None:
        if len(images) != len(run.keys):
            raise ValueError(
                f"Images do not match the run: {len(images)} images, {len(run.keys)} examples in "
                "the run; the same pool is expected."
            )
        self.run, self.images, self.who = run, checked(images), who
        self.shortcuts = keys_of(run.class_names)
        self.position = None
        self._end = None if rounds is None else run.round + rounds
        self._progress = widgets.HTML()
        self._picture = widgets.HTML()
        self._message = widgets.HTML()
        self._box = widgets.Text(
            description="Keys:", layout={"width": "26em"}, placeholder="click here, type keys"
        )
        self._box.observe(self._typed, "value")
        self._effects: list[bool] = []  # for each key in the box, whether its answer still stands
        self._latest = -PAUSE
        texts = {
            key: f"{name} ({key})" if key != name else name for key, name in self.shortcuts.items()
        }
        texts |= {SKIP: "skip (space)", UNDO: "undo (⌫)"}
        self._buttons = [self._button(text, key) for key, text in texts.items()]
        buttons = widgets.HBox(self._buttons, layout={"flex_flow": "row wrap"})
        rows = [self._progress, self._picture, buttons, self._box, self._message]
        super().__init__(rows, layout={"align_items": "flex-start"})  # else pictures are stretched
        self._show()

    @property
    def progress(self) -> str:
        """What stands above the picture: the round, and how many wait in it."""
        return self._progress.value

    @property
    def button_texts(self) -> list[str]:
        """What stands on the buttons."""
        return [button.description for button in self._buttons]

    def press(self, key: str) -> None:
        """Do what a click on a button or a key in the field does.

        Raises
        ------
        ValueError
            The key has no meaning; those that have one are listed.
        """
        self._show(*self._act(key))

    def stop_until_done(self) -> None:
        """Stop *Run All* here while pictures of these rounds wait for a label.

        Raises
        ------
        RuntimeError
            How many wait. Nothing is lost: label them above, then run the cell again.
        """
        if self.position is not None:
            raise RuntimeError(
                f"{len(self.run.ask())} pictures wait for a label. Label them in the widget above, "
                "then run this cell again, and those below."
            )

    def _act(self, key):
        """Keep or take back an answer; returns what `_show` should say, and show."""
        if key not in (*self.shortcuts, SKIP, UNDO):
            known = ", ".join(f"{key} ({name})" for key, name in self.shortcuts.items())
            raise ValueError(
                f"The key {key!r} has no meaning here. Expected are {known}, space to skip, "
                "Backspace to undo."
            )
        if key == UNDO:
            back = self.run.undo(self.who)
            nothing = "Nothing to undo in this session.", self.position
            return nothing if back is None else ("", back)
        if self.position is not None:
            self.run.answer(self.position, self.shortcuts.get(key), who=self.who)
        return "", None

    def _button(self, text, key):
        button = widgets.Button(description=text, layout={"width": "auto"})
        button.on_click(lambda _: self._clicked(key))
        return button

    def _clicked(self, key):
        if self._try(key) and key == UNDO and True in self._effects:
            latest = len(self._effects) - 1 - self._effects[::-1].index(True)
            self._effects[latest] = False  # Backspace must not take back the one before it

    def _typed(self, change):
        """One key more at the end of the field is an answer, one less takes it back."""
        old, new = change["old"], change["new"]
        if new[: len(old)] == old:
            for key in new[len(old) :]:
                self._effects.append(self._try(key if key in self.shortcuts else key.lower()))
        elif new == old[:-1]:
            if self._effects[-1] and not self._try(UNDO):
                return  # the key is gone from the field, its answer stays
            self._effects.pop()
        else:
            self._effects = [False] * len(new)
            self._say("Only keys at the end of the field count. Nothing was changed; see undo.")

    def _try(self, key):
        """Press a key for a person; returns whether it did something.

        Errors are shown where the person looks, and nothing moves on.
        """
        before, self._latest = self._latest, time.monotonic()
        if self._latest - before < PAUSE:
            self._say("Too quick: ignored.")
            return False
        try:
            message, position = self._act(key)
        except Exception as error:  # whatever it is: nobody sees it otherwise
            self._say(error, strong=True)
            return False
        try:
            self._show(message, position)
        except Exception as error:
            self._say(f"Saved. But the next picture cannot be shown: {error}", strong=True)
        self._latest = time.monotonic()
        return True

    def _say(self, text, strong=False):
        text = str(text).replace("&", "&amp;").replace("<", "&lt;")
        self._message.value = f"<b>{text}</b>" if strong else text

    def _show(self, message="", position=None):
        """The next picture that waits, or the one that was undone."""
        waiting, number = self.run.ask(), self.run.round
        over = not len(waiting) or (self._end is not None and number >= self._end)
        if position is None or position not in waiting:
            position = None if over else int(waiting[0])
        self.position = position
        labelled = len(self.run.labelled()[0])
        if position is None:
            self._progress.value = f"Done: {labelled} labels. Run the next cell."
            self._picture.layout.display = "none"
        else:
            self._progress.value = (
                f"Round {number}, {len(waiting)} to go. {labelled} of {len(self.images)} labelled."
            )
            words = f"Picture {position}, which waits for a label"
            self._picture.value = as_html(self.images[position], words, SIDE)
            self._picture.layout.display = ""
        for button in self._buttons[:-1]:
            button.disabled = position is None
        self._say(message)


def keys_of(class_names: Sequence[str]) -> dict[str, str]:
    """Return a key for each class: a letter or digit of its name if one is free, or any."""
    keys = {}
    for name in class_names:
        others = "123456789abcdefghijklmnopqrstuvwxyz"
        free = [c for c in name.lower() + others if c.isalnum() and c not in keys]
        if not free:
            raise ValueError(f"There are more classes ({len(class_names)}) than keys for them.")
        keys[free[0]] = name
    return keys
