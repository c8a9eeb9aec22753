"""The decision after each round: stay, label more, or change over to fine-tuning."""

from collections.abc import Sequence
from itertools import pairwise, takewhile
from typing import NamedTuple

from ..runtime.checks import whole_number
from .compare_answers import PairedAnswers
from .learning_curve import LearningCurve

LEVEL = 0.5  # of the exact test in a round; chosen on validation data, see notebook 06
PASSES = 2  # rounds in a row


class Decision(NamedTuple):
    """What to do, and why.

    Attributes
    ----------
    action : "stay", "label more" or "change over"
    reason : str
        The figures that it rests on.
    """

    action: str
    reason: str


def decide(
    rounds: Sequence[PairedAnswers],
    curve: LearningCurve | None = None,
    *,
    more: int = 100,
    worth: float = 0.01,
    level: float = LEVEL,
    passes: int = PASSES,
) -> Decision:
    """Say what to do after a round: stay with the probe, label more, or change over.

    - *Change over* to fine-tuning when it beat the probe in the last rounds: where the exact test
      gives a p-value of at most `level`, `passes` times in a row.
    - Else *label more*, while the curve expects the next labels to be worth it, while a first pass
      waits to be confirmed, or without a curve.
    - Else *stay*: neither pays.

    Parameters
    ----------
    rounds : sequence of PairedAnswers
        Probe (old) against fine-tuning (new) in each round so far, by `compare_answers`.
    curve : LearningCurve, optional
        Of the probe's error.
    more : int
        How many labels could be bought next.
    worth : float
        By how much they have to lower the error, as a share of all examples.
    level : float
        In `(0, 1)`. A round is passed at a p-value up to this; the smaller, the later the change.
    passes : int

    Raises
    ------
    ValueError
        No round, rounds that do not grow, a level that is none.

    References
    ----------
    The test: McNemar (1947), Dietterich (1998). The curve: Hoiem et al., "Learning Curves for
    Analysis of Deep Networks" (2021).

    Examples
    --------
    >>> from tlhelpers import PairedAnswers
    >>> rounds = [PairedAnswers(40, 2, 3), PairedAnswers(80, 6, 1), PairedAnswers(120, 9, 2)]
    >>> decide(rounds[:2]).action, decide(rounds).action
    ('label more', 'change over')
    """
    if not rounds or any(b.labels <= a.labels for a, b in pairwise(rounds)):
        raise ValueError(
            f"rounds have {[each.labels for each in rounds]} labels; one round or more is "
            "expected, each with more labels than the one before."
        )
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; a number between 0 and 1 is expected.")
    whole_number(passes, "passes")
    whole_number(more, "more")
    last = rounds[-1]
    count = sum(1 for _ in takewhile(lambda each: each.p_value <= level, reversed(rounds)))
    counts = f"fine-tuning won {last.won} and lost {last.lost} of {last.labels} answers"
    if count >= passes:
        return Decision("change over", f"{counts}, and passed {count} rounds in a row")
    if count:
        return Decision("label more", f"{counts}: {count} of {passes} passes in a row")
    if curve is None:
        return Decision("label more", f"{counts}: not passed")
    bought = curve.buys(last.labels, more)
    forecast = (
        f"{more} more labels are expected to lower the error by {100 * bought.value:.1f} points"
    )
    action = "label more" if bought.value >= worth else "stay"
    return Decision(action, f"{counts}; {forecast}")
