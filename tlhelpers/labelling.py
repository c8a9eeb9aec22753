"""Label by hand in a notebook: one click or one key a picture, saved at once."""

import io
import time

import numpy as np
from PIL import Image

try:
    import ipywidgets as widgets
except ImportError as error:  # the lab extra, which a server that only trains does without
    raise ImportError(
        "Labelling by hand needs ipywidgets: python -m pip install 'ipywidgets>=7.7', then "
        "restart the kernel."
    ) from error

SIDE = 224  # pixels on the screen, for the longer side of a picture
SKIP, UNDO = " ", "\b"
PAUSE = 0.25  # seconds in which nobody has seen a new picture yet: a double click, a key held


class Labeller(widgets.VBox):
    """A widget that shows what an `AccumulationRun` asks for, and keeps each answer at once.

    A button and a key for each class; the space bar skips, Backspace undoes. Keys go to the field
    below the buttons: click into it once. After the last picture of a round comes the next round.
    Each answer is in the run's store before the next picture is shown; if it cannot be saved, the
    widget says why and stays at the picture. A second click within a quarter of a second is
    ignored: it was meant for the picture before.

    Parameters
    ----------
    run : AccumulationRun
    images : `[n, height, width, 3]` in `[0, 1]`
        The pool, in the order of the run.
    who : str
        Stands in the store beside each label.
    rounds : int, optional
        How many rounds to ask for from now on; by default until nothing is left.

    Attributes
    ----------
    shortcuts : dict of key -> class name
    position : int or None
        Of the picture shown.

    Raises
    ------
    ImportError
        ipywidgets is not installed.
    ValueError
        Images do not match the run.
    """

    def __init__(self, run, images, *, who="person", rounds=None):
        if len(images) != len(run.keys):
            raise ValueError(
                f"Images do not match the run: {len(images)} images, {len(run.keys)} examples in "
                "the run; the same pool is expected."
            )
        self.run, self.images, self.who = run, images, who
        self.shortcuts = keys_of(run.class_names)
        self.position = None
        self._end = None if rounds is None else run.round + rounds
        self._progress = widgets.HTML()
        self._picture = widgets.Image(format="png")
        self._message = widgets.HTML()
        self._box = widgets.Text(layout={"width": "20em"}, placeholder="click here, type keys")
        self._box.observe(self._typed, "value")
        self._effects = []  # for each key in the box, whether it did something
        self._shown = -PAUSE
        self._buttons = [
            self._button(f"{name} ({key})" if key != name else name, key)
            for key, name in self.shortcuts.items()
        ]
        self._buttons += [self._button("skip (space)", SKIP), self._button("undo (⌫)", UNDO)]
        super().__init__(
            [
                self._progress,
                self._picture,
                widgets.HBox(self._buttons, layout={"flex_flow": "row wrap"}),
                self._box,
                self._message,
            ],
            layout={"align_items": "flex-start"},  # otherwise the picture is stretched
        )
        self._show()

    def press(self, key):
        """What a click on a button or a key in the field does.

        Raises
        ------
        ValueError
            The key has no meaning; those that have one are listed.
        """
        if key not in (*self.shortcuts, SKIP, UNDO):
            known = ", ".join(f"{key} ({name})" for key, name in self.shortcuts.items())
            raise ValueError(
                f"The key {key!r} has no meaning here. Expected are {known}, space to skip, "
                "Backspace to undo."
            )
        if key == UNDO:
            back = self.run.undo(self.who)
            self._show("Nothing to undo." if back is None else "", back)
        elif self.position is not None:
            self.run.answer(self.position, self.shortcuts.get(key), who=self.who)
            self._show()

    def _button(self, text, key):
        button = widgets.Button(description=text, layout={"width": "auto"})
        button.on_click(lambda _: self._try(key))
        return button

    def _typed(self, change):
        """What was added to the field are keys; what was removed from it is undone."""
        old, new = change["old"], change["new"]
        same = 0
        while old[same : same + 1] == new[same : same + 1] != "":
            same += 1
        for _ in old[same:]:
            if self._effects.pop():
                self._try(UNDO)
        for key in new[same:]:
            self._effects.append(self._try(key if key in self.shortcuts else key.lower()))

    def _try(self, key):
        """Press a key for a person; returns whether it did something.

        Errors are shown where the person looks, and nothing moves on.
        """
        if key != UNDO and time.monotonic() - self._shown < PAUSE:
            return False
        try:
            self.press(key)
        except (OSError, ValueError) as error:
            self._message.value = f"<b>{_plain(error)}</b>"
            return False
        return True

    def _show(self, message="", position=None):
        """The next picture that waits, or the one that was undone."""
        waiting, number = self.run.ask(), self.run.round
        over = not len(waiting) or (self._end is not None and number >= self._end)
        if position is not None and position in waiting:
            self.position = position
        else:
            self.position = None if over else int(waiting[0])
        labelled = len(self.run.labelled()[0])
        if self.position is None:
            self._progress.value = f"Done: {labelled} labels. Run the next cell."
            self._picture.layout.display = "none"
        else:
            self._progress.value = (
                f"Round {number}, {len(waiting)} to go. {labelled} of {len(self.images)} labelled."
            )
            self._picture.value = _png(self.images[self.position])
            self._picture.layout.display = ""
        for button in self._buttons[:-1]:
            button.disabled = self.position is None
        self._message.value = _plain(message)
        self._shown = time.monotonic()


def keys_of(class_names):
    """A key for each class: a letter or digit of its name where one is free, otherwise any."""
    keys = {}
    for name in class_names:
        others = "123456789abcdefghijklmnopqrstuvwxyz"
        free = [c for c in name.lower() + others if c.isalnum() and c not in keys]
        if not free:
            raise ValueError(f"There are more classes ({len(class_names)}) than keys for them.")
        keys[free[0]] = name
    return keys


def _png(image):
    pixels = np.asarray(image)
    if pixels.dtype.kind == "f":
        pixels = (pixels.clip(0, 1) * 255).round()
    picture = Image.fromarray(pixels.astype(np.uint8))
    scale = SIDE / max(picture.size)
    size = [max(1, round(scale * side)) for side in picture.size]
    stream = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(stream, "PNG")
    return stream.getvalue()


def _plain(text):
    """Text that stands in HTML as it is."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;")
