"""What is seen in a picture, said in words, and kept beside the picture in the notebook's output.

`describe` gives a figure its text; `install` has Jupyter write it into the output's metadata, under
`metadata["image/png"]["alt"]`, where nbconvert looks for it.
"""

import sys
from collections.abc import Callable
from weakref import WeakKeyDictionary

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_TEXTS: WeakKeyDictionary[Axes | Figure, str] = WeakKeyDictionary()


def describe(drawn: Axes | Figure, text: str) -> None:
    """Say in words what is seen in a picture, for readers who do not see it.

    Functions of `plots` and `diagrams` do this themselves; it is for what a cell draws by hand.
    The text of a Figure replaces those of its Axes.

    Raises
    ------
    TypeError, ValueError
        What is described is no Axes or Figure, or the text is empty.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> figure = Figure()
    >>> describe(figure.subplots(), "The loss falls from 2.3 to 0.1 in ten epochs.")
    >>> alternative_text(figure)
    'The loss falls from 2.3 to 0.1 in ten epochs.'
    """
    if not isinstance(drawn, Axes | Figure):
        raise TypeError(
            f"Got {type(drawn).__name__}; an Axes or a Figure of matplotlib is expected."
        )
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"The text is {text!r}; say in a sentence what is seen in the picture.")
    _TEXTS[drawn] = " ".join(text.split())


def alternative_text(figure: Figure) -> str:
    """Return a figure's text: what was described, else its titles and the names on its axes.

    It is empty where nothing is known.
    """
    texts = [_TEXTS[figure]] if figure in _TEXTS else [_text_of(ax) for ax in figure.axes]
    title = figure.get_suptitle()
    texts = [f"{title}."] * bool(title) + [text for text in texts if text]
    return " ".join(texts)


def _text_of(ax):
    title = " ".join(filter(None, (ax.get_title(loc) for loc in ("left", "center", "right"))))
    title = " ".join(title.split())
    if ax in _TEXTS:
        text = _TEXTS[ax]
        return text if not title or title in text else f"{title}: {text}"
    parts = [title] if title else []
    for axis, name in (("Across", ax.get_xlabel()), ("up", ax.get_ylabel())):
        parts += [f"{axis}: {' '.join(name.split())}"] if name else []
    shown = [name for name in ax.get_legend_handles_labels()[1] if name]
    parts += [f"shown: {', '.join(shown)}"] if shown else []
    return f"{'; '.join(parts)}." if parts else ""


def install() -> bool:
    """Let Jupyter keep the text of every figure beside it; returns whether this is Jupyter.

    It may be called again. The pictures themselves, and settings such as
    `%config InlineBackend.figure_formats`, stay as they are.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    formatter = getattr(shell, "display_formatter", None)
    if formatter is None:
        return False
    if not isinstance(formatter.format, _WithText):
        # Around all formatters: the inline backend replaces the single ones as settings change.
        formatter.format = _WithText(formatter.format)
    return True


class _WithText:
    """`DisplayFormatter.format`, with the text of a figure in the metadata of its picture."""

    def __init__(self, format_of: Callable) -> None:
        self.format_of = format_of

    def __call__(self, shown, *args, **kwargs):
        data, metadata = self.format_of(shown, *args, **kwargs)
        text = alternative_text(shown) if isinstance(shown, Figure) else ""
        for kind in data if text else ():
            if kind.startswith("image/"):
                metadata[kind] = {**metadata.get(kind, {}), "alt": text}
        return data, metadata
