"""What a process makes ready once, for its first day: it takes a third of a second, and files may be read meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from growth_assets.checks import tails
from growth_assets.contracts import contract
from growth_assets.enrich import bot, domains

ONCE: Sequence[Callable[[], None]] = (contract.make_ready, bot.make_ready, domains.make_ready, tails.make_ready)
"""Each does nothing when it is called again. Whoever calls none of them has the same done when it is needed."""
