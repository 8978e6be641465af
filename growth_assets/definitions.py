"""The Definitions object that Dagster loads, made for the data folder that `GROWTH_DATA` names."""

from __future__ import annotations

from growth_assets import memory, settings

memory.keep_longer()

from growth_assets.orchestration.graph import definitions  # noqa: E402 - the import is what it is for

defs = definitions(settings.load())
