"""The events of a day as columns of numbers: what a journey drew, before any file format is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from growth_assets.simulate.dice import Flags, Ints

NO_COUNTRY = 255
"""The country of a crawler: the world does not say."""


@dataclass(frozen=True)
class Events:
    """One event a position. Small types, since a day may have ten million."""

    number: npt.NDArray[np.uint64]
    """Day and position within it: known nowhere else in the world."""
    when: npt.NDArray[np.int64]
    """Milliseconds since 1970 UTC."""
    host: npt.NDArray[np.uint8]
    request: npt.NDArray[np.uint16]
    """Position in pages.REQUESTS."""
    referrer: npt.NDArray[np.uint16]
    """Below len(referrers.OUTSIDE) a position there; above, a page of the sites (see `inside`)."""
    ip: npt.NDArray[np.uint32]
    agent: npt.NDArray[np.uint32]
    """Position among the browsers' names, then the crawlers'."""
    user: npt.NDArray[np.int64]
    """0 when logged out."""
    crawler: Flags

    def __len__(self) -> int:
        return len(self.when)

    def take(self, at: Ints | Flags) -> Events:
        """The events at positions, or where true, in that order."""
        return Events(**{each.name: getattr(self, each.name)[at] for each in fields(self)})


@dataclass(frozen=True)
class Visits:
    """One visit of a person a position: what the truth needs to count visitors."""

    host: Ints
    ip: Ints
    agent: Ints
    country: Ints
    """Position in people.CODES."""
    buys: Flags

    @property
    def visitor(self) -> npt.NDArray[np.uint64]:
        """One word for each pair of address and user agent."""
        return self.ip.astype(np.uint64) << np.uint64(32) | self.agent.astype(np.uint64)


def joined(parts: Sequence[Events]) -> Events:
    """Events one after another."""
    return Events(
        **{each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Events)}
    )
