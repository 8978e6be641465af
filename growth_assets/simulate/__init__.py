"""The demo world: invented people visit two sites, and everything about them is known.

Here belongs what makes the world and writes it as landing files. Not here: anything that reads them. One file
a concern: `rhythm` (how much, when), `people`, `browsers`, `addresses` (who), `pages`, `referrers`,
`journeys` (what they do), `crawlers`, `faults` (what goes wrong), `lines` and the wire formats, `files`,
`truth`.
"""

from growth_assets.simulate.files import SimulateError
from growth_assets.simulate.truth import Truth
from growth_assets.simulate.world import HOSTNAMES, simulate

__all__ = ["HOSTNAMES", "SimulateError", "Truth", "simulate"]
