"""How far a count or a share may lie from what is expected before chance no longer explains it.

Counts vary more than Poisson's, shares more than binomial ones. A count follows the negative binomial of its mean and
variance; a share is a binomial one of as many trials as its variance leaves it (the effective size of survey
statistics, after Korn and Graubard). Both are exact where counts are small, and where they are none at all.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy  # it imports `special` where that is first asked for, which takes a tenth of a second

from growth_assets.checks.window import Flags, Floats

_HALVINGS = 60  # of an interval of at most 2^50, down to less than a whole event


def student_widening(freedom: Floats, tail: float) -> Floats:
    """By how much a variance that was itself estimated has to be widened, for the quantile at `tail`."""
    return np.asarray((scipy.special.stdtrit(freedom, tail) / scipy.special.ndtri(tail)) ** 2, dtype=np.float64)


def count_range(mean: Floats, below: Floats, above: Floats, tails: tuple[float, float]) -> tuple[Floats, Floats]:
    """The lowest and the highest count that are usual.

    Args:
        mean: of the counts.
        below: the variance that counts for the lowest; more than the mean.
        above: the variance that counts for the highest.
        tails: the chance of a count below the lowest, and of one above the highest.
    """
    low = _least(mean, lambda count: _count_at_most(count, mean, below) >= tails[0], mean)
    high = _least(mean, lambda count: _count_at_most(count, mean, above) >= 1 - tails[1], mean + 40 * np.sqrt(above))
    return low, high


def share_range(share: Floats, size: Floats, tails: tuple[float, float]) -> tuple[Floats, Floats]:
    """The lowest and highest share that are usual, of `size` effective trials."""
    low, high = np.zeros_like(share), size.copy()
    bottom, top = (low, high), (low, high)
    for _ in range(_HALVINGS):
        middle = (bottom[0] + bottom[1]) / 2
        enough = share_at_most(middle / size, share, size) >= tails[0]
        bottom = np.where(enough, bottom[0], middle), np.where(enough, middle, bottom[1])
        middle = (top[0] + top[1]) / 2
        enough = scipy.special.betainc(middle, size - middle + 1, share) <= tails[1]
        top = np.where(enough, top[0], middle), np.where(enough, middle, top[1])
    return np.where(share_at_most(low, share, size) >= tails[0], 0.0, bottom[1] / size), top[1] / size


def share_at_most(found: Floats, share: Floats, size: Floats) -> Floats:
    """The chance of a share of at most `found`, where `share` is true and counts are of `size` effective trials."""
    count = np.minimum(found * size, size)
    chance = 1 - scipy.special.betainc(count + 1, np.maximum(size - count, 1e-9), share)
    return np.asarray(np.where(count >= size, 1.0, chance), dtype=np.float64)


def ratio_at_most(found: Floats, ratio: Floats, size: Floats) -> Floats:
    """As share_at_most, of a ratio that may exceed 1: its numerator is no part of its denominator."""
    return np.asarray(scipy.special.gammaincc(found * size + 1, ratio * size), dtype=np.float64)


def share_interval(found: Floats, size: Floats, tail: float) -> tuple[Floats, Floats]:
    """Wilson's score interval of the share behind one that was found.

    Where less than a handful is counted, no lower end can ever exclude the true share, and an interval of two equal
    tails (Jeffreys', mid-P, Clopper and Pearson's) covers 97 to 99 % in place of 95. The score's covers 95 % on average
    over shares there as well; see Brown, Cai and DasGupta, Interval Estimation for a Binomial Proportion (2001).
    """
    square = scipy.special.ndtri(tail) ** 2
    middle = (found + square / size / 2) / (1 + square / size)
    half = np.sqrt(square / size * (found * (1 - np.minimum(found, 1)) + square / size / 4)) / (1 + square / size)
    return np.where(found <= 0, 0.0, middle - half), np.where(found >= 1, 1.0, middle + half)


def ratio_interval(found: Floats, size: Floats, tail: float) -> tuple[Floats, Floats]:
    """As share_interval, of a ratio that may exceed 1: the score interval of a Poisson count."""
    square = scipy.special.ndtri(tail) ** 2
    middle, half = found + square / size / 2, np.sqrt(square / size * (found + square / size / 4))
    return np.where(found <= 0, 0.0, middle - half), np.asarray(middle + half, dtype=np.float64)


def _count_at_most(count: Floats, mean: Floats, variance: Floats) -> Floats:
    shape = mean**2 / (variance - mean)
    return np.asarray(scipy.special.betainc(shape, count + 1, mean / variance), dtype=np.float64)


def _least(start: Floats, holds: Callable[[Floats], Flags], limit: Floats) -> Floats:
    """The least whole number, up to the limit, from which on it holds."""
    low, high = np.full_like(start, -1.0), np.ceil(limit) + 1
    for _ in range(_HALVINGS):
        middle = np.floor((low + high) / 2)
        enough = holds(np.maximum(middle, 0))
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        if (high - low <= 1).all():
            break
    return np.asarray(np.maximum(high, 0), dtype=np.float64)
