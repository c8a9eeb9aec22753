"""The loop of accumulation, and its way out: the mixed approach as a diagram."""

from matplotlib.axes import Axes

from . import shapes
from .alternative_text import describe
from .styles import INK

BOXES = {
    "ask": ("ask\nwhich pictures?", "plain"),
    "label": ("label\na person answers", "plain"),
    "learn": ("learn\nhead on frozen features", "frozen"),
    "use": ("use\nanswer new pictures", "plain"),
}
OUT = ("change over\nfine-tune head and backbone", "trained")


def accumulation(*, change_over: bool = False, ax: Axes | None = None) -> Axes:
    """Draw the rounds in which labels accumulate, if wanted with the change to fine-tuning.

    Examples
    --------
    >>> ax = accumulation(change_over=True)
    """
    widths = {name: shapes.box_width(text) + 0.3 for name, (text, _) in BOXES.items()}
    gap, y, low = 0.55, 1.15, 0.75
    out = shapes.box_width(OUT[0]) + 0.3
    width = sum(widths.values()) + 3 * gap + 0.4 + (out + 1.35 if change_over else 0)
    ax = shapes.canvas(width, 2.35, ax)
    x, middle = 0.2, {}
    for name, (text, state) in BOXES.items():
        shapes.box(ax, x, y, widths[name], text, state)
        middle[name] = x + widths[name] / 2
        if name != "use":
            end = x + widths[name] + gap, y + shapes.HEIGHT / 2
            shapes.arrow(ax, (x + widths[name], end[1]), end)
        x += widths[name] + gap
    x -= gap
    back = [(middle["use"], y), (middle["use"], low), (middle["ask"], low)]
    ax.plot(*zip(*back, strict=True), color=INK, lw=1.3, zorder=2)
    shapes.arrow(ax, (middle["ask"], low), (middle["ask"], y))
    text = "the next round: the model helps to choose"
    centre = (middle["ask"] + middle["use"]) / 2
    ax.text(centre, low - 0.12, text, ha="center", va="top", fontsize=10, color=INK)
    said = (
        "A loop of four boxes: ask which pictures, a person labels them, a head on frozen features "
        "learns, the model is used. An arrow leads back: the model helps to choose the next ones."
    )
    if change_over:
        end = x + 1.35, y + shapes.HEIGHT / 2
        shapes.arrow(ax, (x, end[1]), end)
        ax.text(x + 0.65, end[1] + 0.1, "fine-tuning\npays", ha="center", va="bottom", fontsize=10)
        shapes.box(ax, end[0], y, out, *OUT)
        said += " A way out: when fine-tuning pays, head and backbone are fine-tuned."
    describe(ax, said)
    return ax
