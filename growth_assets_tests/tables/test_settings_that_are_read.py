"""A table declares the settings that its rows depend on: those that its function reads, and no others.

One that is missing would leave days as they are, and nobody would be told, when it is changed.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pytest

from growth_assets.settings import Settings
from growth_assets.tables import DAILY
from growth_assets_tests.tables.days import event, fact, fact_day, inputs_of, raw_day, site


class Noted:
    """Settings that note which of them were read."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.read = settings, set[str]()

    def __getattr__(self, name: str) -> Any:
        if name in Settings.model_fields:
            self.read.add(name)
            return getattr(self.settings, name)
        made_of_others = vars(Settings)[name]
        assert isinstance(made_of_others, cached_property), name
        return made_of_others.func(self)


@pytest.mark.parametrize("table", [table for table in DAILY if table.build], ids=lambda table: table.name)
def test_what_a_function_reads_is_what_its_table_declares(table):
    settings = Noted(site())
    actions = ("page_view", "signup", "purchase")
    facts = fact_day(fact(dim_action_type=action, logged_out_user_id=n) for n, action in enumerate(actions))
    requests = [event(action_type=None, method="GET", url="/", status=200), event()]
    table.build({**inputs_of(facts), "raw.website_events": raw_day(requests).lazy()}, settings)
    files = {"country_database"} if table.files(site()) else set()
    assert settings.read == {*table.settings_used} | files
