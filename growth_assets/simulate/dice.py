"""Chance that falls the same way on every machine.

Here belong raw 64-bit draws and what integer arithmetic makes of them. Not here: numpy's distributions, whose
streams may change between releases, and exp, log or sin, whose last digit differs between platforms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]

_HALF = np.uint64(32)


class Dice:
    """A stream of chance named by numbers, such as (seed, day); equal names give equal streams."""

    def __init__(self, *name: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(list(name)))

    def below(self, size: int, bound: int) -> Ints:
        """`size` whole numbers, each from 0 to `bound` - 1; `bound` is at most 2**31."""
        return scaled(self._bits.random_raw(size), bound)

    def pick(self, size: int, weights: Sequence[int]) -> Ints:
        """`size` positions in `weights`, each as often as its weight says; for small whole weights."""
        table = lottery(weights)
        return np.asarray(table[self.below(size, len(table))])

    def chance(self, size: int, per_million: int) -> Flags:
        """`size` times true or false, true `per_million` times in a million."""
        return np.asarray(self.below(size, 1_000_000) < per_million)


def lottery(weights: Sequence[int]) -> Ints:
    """Each position of `weights` as often as its weight, so that an even draw becomes a weighted one."""
    return np.repeat(np.arange(len(weights), dtype=np.int64), np.asarray(weights, dtype=np.int64))


def scaled(words: Words, bound: int | Ints) -> Ints:
    """Words brought down to 0 .. `bound` - 1, by their upper half."""
    return ((words >> _HALF) * np.asarray(bound, dtype=np.uint64) >> _HALF).astype(np.int64)


def mixed(numbers: npt.ArrayLike, lane: int) -> Words:
    """A well spread word for each number, another for each lane (SplitMix64's finish); never two alike."""
    with np.errstate(over="ignore"):
        step = np.uint64((lane * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) & (2**64 - 1))
        word = np.asarray(numbers).astype(np.uint64) + step
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(word ^ (word >> np.uint64(31)))
