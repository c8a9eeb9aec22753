"""Learning curves: what the next labels will buy."""

import numbers
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..runtime.checks import whole_number

TINY = np.finfo(float).tiny  # instead of dividing by 0, where points cannot be told apart
POWERS = np.linspace(-2, -0.05, 196)  # slopes that are tried; -0.5 is that of a mean


class Forecast(NamedTuple):
    """A value, and the bounds of an interval around it."""

    value: float
    low: float
    high: float


class LearningCurve:
    """The error as a function of the number of labels, `e(n) = a + b n^g`, with `a, b >= 0 > g`.

    Fitted by least squares, each error weighted by how exactly it was measured. The intervals are
    those of a parametric bootstrap.

    Parameters
    ----------
    labels : int `[m]`
        Numbers of labels, three different ones at least.
    errors : float `[m]` in `[0, 1]`
        The error at each, measured on samples that were not trained on.
    samples : int, or int `[m]`
        On how many samples each error was measured.
    draws, seed : int
        Of the bootstrap.

    Attributes
    ----------
    a, b, g : float
        `a` is what no number of labels removes.

    Raises
    ------
    ValueError
        Fewer than three numbers of labels, errors outside of `[0, 1]`, lengths that differ.

    Notes
    -----
    The form and its use: Hoiem, Gupta, Li and Shlapentokh-Rothman, "Learning Curves for Analysis
    of Deep Networks" (2021). The interval covers the chance in the samples, as if each error had
    been measured on others, but neither which labels were drawn nor that the errors may not follow
    such a curve.

    Examples
    --------
    >>> curve = LearningCurve([20, 40, 80, 160], [0.31, 0.23, 0.17, 0.13], samples=300)
    >>> round(curve.error(320).value, 2)
    0.1
    >>> curve.buys(160, more=100).value > 0.01
    True
    """

    def __init__(
        self,
        labels: ArrayLike,
        errors: ArrayLike,
        samples: ArrayLike,
        draws: int = 200,
        seed: int = 0,
    ) -> None:
        labels, errors = np.asarray(labels, float), np.asarray(errors, float)
        if labels.ndim != 1 or labels.shape != errors.shape:
            raise ValueError(
                f"Labels have shape {list(labels.shape)}, errors {list(errors.shape)}; one error "
                "for each number of labels is expected."
            )
        if len(np.unique(labels)) < 3 or not np.isfinite(labels).all() or labels.min() < 1:
            raise ValueError(
                f"Numbers of labels are {sorted(set(labels.tolist()))}; three different ones of at "
                "least 1 are expected: a curve with three parameters needs as many points."
            )
        if not ((errors >= 0) & (errors <= 1)).all():
            raise ValueError(
                f"Errors range from {errors.min():.3g} to {errors.max():.3g}; shares from 0 to 1 "
                "are expected. An error is 1 - accuracy."
            )
        samples = np.array(
            [whole_number(count, "samples") for count in np.atleast_1d(samples).tolist()]
        )
        if len(samples) not in (1, len(labels)):
            raise ValueError(
                f"samples has {len(samples)} numbers for {len(labels)} errors; one for all, or one "
                "for each, is expected."
            )
        whole_number(draws, "draws")
        rng = np.random.default_rng(seed)
        # never exactly 0 or 1: also an error that was not seen once can happen
        likely = (errors * samples + 0.5) / (samples + 1)
        weights = 1 / np.sqrt(likely * (1 - likely) / samples)
        self.a, self.b, self.g = (float(p[0]) for p in _fit(labels, errors[None], weights))
        expected = np.clip(_at(labels, self.a, self.b, self.g), 0.5 / (samples + 1), 1)
        drawn = rng.binomial(samples, expected, (draws, len(labels))) / samples
        self._draws = _fit(labels, drawn, weights)

    def error(self, n: float, level: float = 0.8) -> Forecast:
        """Return the error expected with n labels, and the interval of that level."""
        return self._forecast(n, lambda *p: _at(n, *p), level)

    def buys(self, n: float, more: float = 100, level: float = 0.8) -> Forecast:
        """Return by how much `more` labels are expected to lower the error, from n labels on."""
        if not isinstance(more, numbers.Real) or not 0 < more < np.inf:
            raise ValueError(f"more is {more!r}; a number above 0 is expected.")
        return self._forecast(n, lambda *p: _at(n, *p) - _at(n + more, *p), level)

    def __str__(self) -> str:
        return f"e(n) = {self.a:.3f} + {self.b:.2f} n^{self.g:.2f}"

    def __repr__(self) -> str:
        return f"LearningCurve({self})"

    def _forecast(self, n, function, level):
        if not isinstance(n, numbers.Real) or not 1 <= n < np.inf:
            raise ValueError(f"n is {n!r}; a number of at least 1 is expected.")
        if not 0 < level < 1:
            raise ValueError(f"level is {level!r}; a number between 0 and 1 is expected.")
        value = float(function(self.a, self.b, self.g))
        low, high = np.quantile(function(*self._draws), [(1 - level) / 2, (1 + level) / 2])
        return Forecast(value, float(low), float(high))


def _at(n, a, b, g):
    return np.minimum(a + b * n**g, 1)  # an error is a share, also before the first point


def _fit(labels, errors, weights):
    """`a`, `b`, `g`, each `[m]`, of the best curves through errors `[m, points]`.

    For each of many powers the best `a` and `b` are known in closed form: where one of them would
    be negative it is 0. The power with the least sum of squares wins.
    """
    x = labels[None] ** POWERS[:, None]  # [powers, points]
    w = weights**2 / np.sum(weights**2)
    mean_x, mean_e = x @ w, errors @ w  # [powers], [m]
    apart = x - mean_x[:, None]
    both, spread = (errors * w) @ apart.T, apart**2 @ w  # [m, powers], [powers]
    b = np.maximum(both / np.maximum(spread, TINY), 0)
    a = mean_e[:, None] - b * mean_x
    through_zero = ((errors * w) @ x.T) / np.maximum((x**2) @ w, TINY)
    a, b = np.where(a < 0, 0, a), np.where(a < 0, through_zero, b)
    rest = errors[:, None] - a[..., None] - b[..., None] * x
    best = np.argmin((rest**2) @ w, axis=1)
    chosen = np.arange(len(errors)), best
    return a[chosen], b[chosen], POWERS[best]
