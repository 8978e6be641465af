"""The Definitions object that Dagster loads, made for the data folder that `GROWTH_DATA` names."""

from __future__ import annotations

from growth_assets import settings
from growth_assets.orchestration.graph import definitions

defs = definitions(settings.load())
