"""Fixtures of the tests of tables."""

from __future__ import annotations

from functools import cache

import pytest

from growth_assets.enrich import country


@pytest.fixture(scope="package", autouse=True)
def _country_database_opened_once():
    """Small days by the hundred: opening the database anew for each would take a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(country, "open_database", cache(country.open_database))
        yield
