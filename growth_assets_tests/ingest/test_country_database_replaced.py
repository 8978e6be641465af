"""The country database is replaced while a day is built: a day is of one of the two, and its record says of which."""

from __future__ import annotations

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from growth_assets.engines.local import ATTEMPTS, outdated
from growth_assets.enrich import country
from growth_assets.tables import DAILY
from growth_assets.warehouse.partitions import Warehouse

D1, D2, D3 = "2026-03-01", "2026-03-02", "2026-03-03"

FACTS = ["raw.quarantined_events", "core.fct_website_events"]


@pytest.fixture
def databases(tmp_path):
    """Puts a database in place that has all addresses in one country."""

    def put(code: str) -> None:
        writer = MMDBWriter(4, "Test-Country")
        writer.insert_network(IPSet(["81.0.0.0/8"]), {"country": {"iso_code": code}})
        writer.to_db_file(str(tmp_path / f"{code}.mmdb"))
        (tmp_path / f"{code}.mmdb").replace(tmp_path / "site" / "country.mmdb")

    return put


@pytest.fixture
def three_days(site, write, databases):
    site.configure('country_database = "country.mmdb"')
    site.put("a.ndjson", b"".join(write.events(range(40), ds) for ds in (D1, D2, D3)))
    site.land()
    databases("DE")
    return site


def replaced_after(monkeypatch, databases, codes: dict[int, str]) -> None:
    """A build looks into the database once; after the looks that are named it is replaced."""
    looks = iter(range(1, 1000))
    real = country.open_database

    def look(path):
        found = real(path)
        if code := codes.get(next(looks)):
            databases(code)
        return found

    monkeypatch.setattr(country, "open_database", look)


def countries(site) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in site.rows("core.fct_website_events"):
        found.setdefault(row["ds"], set()).add(row["dim_country"])
    return found


def marked(site) -> dict[str, list[str]]:
    warehouse = Warehouse(site.settings.warehouse)
    return {ds: outdated(warehouse, DAILY, site.settings, ds) for ds in (D1, D2, D3)}


def test_each_day_is_of_one_database_and_those_of_the_old_one_are_out_of_date(three_days, monkeypatch, databases):
    with monkeypatch.context() as patched:
        replaced_after(patched, databases, {2: "FR"})  # in the middle of the second day
        three_days.build([D1, D2, D3])
    assert countries(three_days) == {D1: {"DE"}, D2: {"FR"}, D3: {"FR"}}
    assert marked(three_days) == {D1: FACTS, D2: [], D3: []}
    second, third = ({ds: h for ds, h in three_days.hashes().items() if day in ds} for day in (D2, D3))
    three_days.build([D1, D2, D3])
    assert countries(three_days) == {D1: {"FR"}, D2: {"FR"}, D3: {"FR"}}
    assert {**three_days.hashes(), **second, **third} == three_days.hashes()
    assert marked(three_days) == {D1: [], D2: [], D3: []}


def test_a_day_whose_database_is_another_each_time_is_out_of_date(three_days, monkeypatch, databases):
    with monkeypatch.context() as patched:
        replaced_after(patched, databases, {1 + n: ("FR", "ES", "IT")[n] for n in range(ATTEMPTS)})
        three_days.build([D1])
    assert countries(three_days) == {D1: {"ES"}}
    assert outdated(Warehouse(three_days.settings.warehouse), DAILY, three_days.settings, D1) == FACTS
