"""How much a series varies from day to day beyond the chance of counting, pooled over series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from growth_assets.checks.window import Flags, Floats

_USUAL = 0.075
"""What is believed of a series about which nothing is known: a day is 7.5 % more or less than its weekday says."""

_BELIEF = 4.0
"""Days for which that belief counts."""


@dataclass(frozen=True)
class Noise:
    """By series."""

    spread: Floats
    """The variance found, over the one that counting and the least noise explain; at least 1."""
    freedom: Floats
    """Degrees of freedom behind it."""


def pooled(
    own: Floats, freedom: Floats, counting: Floats, relative: Floats, least: float, sound: Flags, from_others: float
) -> Noise:
    """What a series' own days say, drawn to what the other series say.

    A small series says little of its noise, since counting covers it; a large one says much. What they share is
    the relative noise, so that is what is pooled. A series whose days contradict the others' is believed itself:
    visitors who make many events each are a noise of their own.

    Args:
        own: variance of each series, in units of the one explained by counting and least noise.
        freedom: degrees of freedom behind it.
        counting: a usual day's variance of counting.
        relative: variance of a relative noise of 1.
        least: the least relative noise.
        sound: series that may speak for the others.
        from_others: days for which the other series and the belief count beside a series' own days.
    """
    explained = counting + least**2 * relative
    known = np.maximum(freedom, 0)
    # How much of a day's variance the noise would be, and so how much of what is found speaks of it.
    speaks = _USUAL**2 * relative / (counting + _USUAL**2 * relative)
    weight = np.where(sound, known, 0) * speaks**2
    told = weight * (own * explained - counting) / relative
    days_of_others = weight.sum() - weight + _BELIEF
    others = np.maximum((told.sum() - told + _BELIEF * _USUAL**2) / days_of_others, least**2)
    expected = (counting + others * relative) / explained
    # The variance of a variance is twice its square by its degrees of freedom.
    beyond = (own / expected - 1) * np.sqrt(known / 2)
    agrees = 1 / (1 + (np.maximum(beyond, 0) / 4) ** 4)
    drawn = from_others * agrees * (1 + np.minimum(1 / speaks**2 - 1, 1e3) * agrees**2)
    spread = np.maximum((known * own + drawn * expected) / (known + drawn), 1)
    # Satterthwaite's: of the mean of what the series' own days say, and of what is expected, which is uncertain in
    # its noise alone.
    return Noise(spread, (known + drawn) ** 2 / (known + drawn**2 * speaks**2 / days_of_others))
