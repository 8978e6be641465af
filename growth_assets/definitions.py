"""The Definitions object that Dagster loads, made for the data folder that `GROWTH_DATA` names."""

from __future__ import annotations

from growth_assets import settings
from growth_assets.workers import look_for_garbage_seldom

look_for_garbage_seldom()

from growth_assets.orchestration.graph import definitions  # noqa: E402 - the import is what it is for

defs = definitions(settings.load())
