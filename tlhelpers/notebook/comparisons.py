"""Wins and losses of fine-tuning against the probe, round by round."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from .alternative_text import describe
from .styles import FROZEN, INK, TRAINED, new_axes


def comparisons(rounds: Sequence[Any], level: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw how many answers fine-tuning won and lost in each round, with the p-value of each.

    Parameters
    ----------
    rounds : sequence of PairedAnswers
        By `compare_answers`.
    level : float, optional
        Rounds with a p-value up to this have passed; they are marked.

    Raises
    ------
    ValueError
        No rounds.

    Examples
    --------
    >>> from tlhelpers import compare_answers
    >>> ax = comparisons([compare_answers([0, 1, 1], [0, 0, 0], [0, 0, 1])], level=0.2)
    """
    if not rounds:
        raise ValueError("Nothing to draw: rounds is empty.")
    ax = new_axes(ax, max(7.0, 0.7 * len(rounds)), 3)
    places = range(len(rounds))
    won, lost = [each.won for each in rounds], [each.lost for each in rounds]
    ax.bar(places, won, width=0.55, color=TRAINED, label="only fine-tuning right")
    below = [-count for count in lost]
    ax.bar(
        places, below, width=0.55, color=FROZEN, hatch="//", ec="white", label="only probe right"
    )
    ax.axhline(0, color=INK, lw=0.8)
    reach = max(*won, *lost, 1)
    for place, each in zip(places, rounds, strict=True):
        passed = level is not None and each.p_value <= level
        text = f"p = {each.p_value:.2f}" + ("\npassed" if passed else "")
        weight = "bold" if passed else "normal"
        y = each.won + 0.05 * reach
        ax.text(place, y, text, ha="center", va="bottom", fontsize=9, weight=weight, color=INK)
    ax.set(ylim=(-1.15 * max(*lost, 1), 1.4 * reach), xlabel="labels", ylabel="answers that differ")
    ax.set_xticks(places, [str(each.labels) for each in rounds])
    ax.yaxis.set_major_formatter(lambda tick, _: f"{abs(tick):g}")
    ax.legend(fontsize=9, loc="upper left")
    texts = [
        f"{each.labels} labels: won {each.won}, lost {each.lost}, p {each.p_value:.2f}"
        for each in rounds
    ]
    describe(ax, f"Bars: answers on which fine-tuning and the probe differ. {'; '.join(texts)}.")
    return ax
