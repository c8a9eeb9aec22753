"""The kinds of transfer, by what changes between source and target."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .alternative_text import describe
from .styles import FROZEN, REMOVED, TRAINED, new_axes

#: Whether pictures and goal are the same, the kind, where labels are, an example, a colour.
KINDS = (
    (True, True, "plain learning", "nothing is transferred", "digits → which digit?", REMOVED),
    (
        True,
        False,
        "inductive",
        "labels of the old goal, a few of the new",
        "which digit? → odd or even?",
        FROZEN,
    ),
    (
        False,
        True,
        "transductive",
        "labels of the old pictures alone",
        "clean digits → noisy digits",
        TRAINED,
    ),
    (
        False,
        False,
        "inductive, too",
        "both change: notebooks 01 to 06",
        "letters → digits",
        FROZEN,
    ),
)
NO_LABELS = "unsupervised: the source has no labels at all"


def kinds_of_transfer(*, ax: Axes | None = None) -> Axes:
    """Draw four fields, by whether pictures and goal stay the same (Pan and Yang, 2010).

    Examples
    --------
    >>> ax = kinds_of_transfer()
    """
    ax = new_axes(ax, 8, 3.8)
    said = []
    for same_pictures, same_goal, kind, labels, example, colour in KINDS:
        x, y = 0.5 if same_goal else 1.5, int(same_pictures)
        frame = Rectangle((x - 0.48, y + 0.03), 0.96, 0.94, fc="white", ec=colour, lw=2)
        ax.add_patch(frame)
        for up, text, size in ((0.74, kind, 13), (0.44, labels, 10), (0.16, example, 10)):
            ax.text(x, y + up, text, ha="center", fontsize=size, color=colour)
        pictures = "the same pictures" if same_pictures else "other pictures"
        goal = "the same goal" if same_goal else "another goal"
        said.append(f"{pictures}, {goal}: {kind} ({labels}; {example})")
    ax.text(1, -0.17, NO_LABELS, ha="center", fontsize=13)
    ax.set(xlim=(0, 2), ylim=(-0.25, 2))
    ax.set_xticks([0.5, 1.5], ["the same goal", "another goal"], fontsize=12)
    ax.set_yticks([0.5, 1.5], ["other\npictures", "the same\npictures"], fontsize=12)
    ax.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    describe(ax, f"The kinds of transfer. {'. '.join(said)}. Below: {NO_LABELS}.")
    return ax
