"""All worlds by both engines: each table has the same rows, counts, verdicts and refusals, day by day."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from growth_assets.engines.local import Day, Received
from growth_assets.ingest import ledger, many_files
from growth_assets.ingest.landing import land
from growth_assets.ingest.out_of_range import first_day, last_day
from growth_assets.places import place
from growth_assets.settings import Settings
from growth_assets.simulate import simulate
from growth_assets.tables import BY_NAME
from growth_assets.warehouse import objects
from growth_assets.warehouse.partitions import Warehouse
from growth_assets_tests.spark.sides import ASIDE, FACTS, OnCluster, Side, build, differences, digest_of, in_the_ledger
from growth_assets_tests.tables.days import DS, raw_day, site
from growth_assets_tests.tables.scenarios import BROKEN, IDENTITIES
from growth_assets_tests.worlds.known import HOSTNAMES
from growth_assets_tests.worlds.streams import KINDS, streams

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def _all_is_worth_it(monkeypatch) -> None:
    """However few bytes a world has, its files are read by the cluster, and by several tasks."""
    monkeypatch.setattr(many_files, "WORTH_IT", 1)
    monkeypatch.setattr(many_files, "FILES_A_TASK", 25)


@dataclass
class Both:
    """A world that landed and was built twice."""

    local: Side
    spark: Side
    warehouse: Warehouse = field(repr=False)
    """Of the cluster."""
    read: Sequence[str] = ()
    """The files that the cluster read."""

    def total(self, table: str, number: str | None = None) -> int:
        """Rows of a table, or one of its numbers, over all days."""
        told = [each for name, each in self.spark.items() if name.endswith(f" {table}")]
        return sum(each.numbers.get(number, 0) if number else each.rows for each in told)


def both(on_cluster: OnCluster, waiting: Settings, folder: Path) -> Both:
    """Land and build what waits by one machine, and a copy of it by the cluster; both have the same ledger."""
    shutil.copytree(waiting.data, folder / "spark", symlinks=True)
    here = {name: getattr(waiting, name) for name in waiting.model_fields_set}
    there = Settings(**{**here, **on_cluster.chosen, "data": folder / "spark"})
    read: list[str] = []

    def machines(function, shares):
        read.extend(file.name for share in shares for file in share.files)
        return on_cluster.each(function, shares)

    found = land(waiting), land(there, machines=machines)
    assert found[1].not_there == {}
    assert [each.touched for each in found] == [found[0].touched] * 2
    assert in_the_ledger(there) == in_the_ledger(waiting)
    days = [ds for ds in ledger.read(there.warehouse).days if first_day(there).isoformat() <= ds <= _today()]
    local = build(Settings(**here), Day, days)
    return Both(local, build(there, on_cluster.day, days), Warehouse.of(there), read)


def _today() -> str:
    return last_day().isoformat()


def histories(folder: Path, count: int = 32) -> Settings:
    """The files of many small worlds in the end, of all formats, in one landing folder."""
    settings = site(data=folder, hostnames=HOSTNAMES, max_quarantined_share=1)
    settings.landing.mkdir(parents=True)
    kinds = set()
    for seed in range(count):
        for number, stream in enumerate(streams(Random(seed))):
            (settings.landing / f"{stream.kind}-{seed}-{number}").write_bytes(stream.content)
            kinds.add(stream.kind)
    assert kinds == set(KINDS)
    return settings


def simulated(folder: Path, days: int = 2, events: int = 2_500, **chosen: Any) -> Settings:
    """Days of two sites, with all that goes wrong there."""
    simulate(folder, days=days, events_per_day=events, seed=3)
    return site(data=folder, **chosen)


def test_small_worlds_of_all_formats_are_the_same(on_cluster, tmp_path):
    found = both(on_cluster, histories(tmp_path / "local"), tmp_path)
    assert differences(found.local, found.spark) == []
    assert min(found.total(FACTS), found.total(ASIDE), found.total(FACTS, "duplicates")) > 10
    assert len(found.read) > 40


def test_a_simulated_site_is_the_same(on_cluster, tmp_path):
    found = both(on_cluster, simulated(tmp_path / "local"), tmp_path)
    assert differences(found.local, found.spark) == []
    assert found.total(FACTS) > 4_000
    # Several tasks had a part in it.
    day = found.warehouse.days(BY_NAME[FACTS])[0]
    assert len(found.warehouse.files(BY_NAME[FACTS], day)) > 5


def test_a_real_log_is_the_same(on_cluster, tmp_path, shared):
    folder = tmp_path / "local"
    (folder / "landing").mkdir(parents=True)
    shutil.copy(shared / "real" / "apache_combined" / "access.log", folder / "landing")
    settings = site(data=folder, hostnames=("www.semicomplete.com",))
    found = both(on_cluster, settings, tmp_path)
    assert differences(found.local, found.spark) == []
    assert found.total(FACTS) == 9_999


def test_files_on_a_store_land_as_those_on_disk(on_cluster, s3, tmp_path):
    waiting = simulated(tmp_path / "local", days=1, events=700)
    bucket = s3.bucket("landed-by-many")
    there = waiting.model_copy(
        update={
            "data": tmp_path / "spark",
            "landing": place(f"s3://{bucket}/logs", tmp_path),
            "warehouse": tmp_path / "w",
        }
    )
    for path in sorted(waiting.landing.rglob("*.*")):
        objects.put_bytes(path.read_bytes(), there.landing / path.relative_to(waiting.landing).as_posix())
    land(waiting)
    before, found = on_cluster.jobs, land(there, machines=on_cluster.each)
    assert on_cluster.jobs == before + 1
    assert found.not_there == {}
    assert in_the_ledger(there) == in_the_ledger(waiting)
    assert sum(entry.events for entry in found.read) > 500


@pytest.mark.parametrize(("share", "status"), [(1, "published"), (0.1, "refused")])
def test_each_named_case_is_the_same(on_cluster, tmp_path, share, status):
    # A row without a time is of no day, and the raw table has none.
    broken = [(case.row,) for case in BROKEN if case.row["event_timestamp"]]
    cases = broken + [case.rows for case in IDENTITIES]
    rows = [
        {**row, "source_file": f"{number}-{row.get('source_file', 'events.ndjson')}"}
        for number, case in enumerate(cases)
        for row in case
    ]
    received = tmp_path / "received.parquet"
    raw_day(rows).write_parquet(received)

    @contextmanager
    def landed(ds: str):
        yield Received([received], {"landing": "1"}, len(rows))

    sides = [
        build(site(data=tmp_path / name, max_quarantined_share=share, **chosen), day, [DS], landed)
        for name, day, chosen in (("local", Day, {}), ("spark", on_cluster.day, on_cluster.chosen))
    ]
    assert differences(*sides) == []
    assert sides[1][f"{DS} {FACTS}"].status == status
    assert sides[1][f"{DS} {ASIDE}"].rows == (len(broken) if status == "published" else 0)


def test_what_the_comparison_must_not_miss(tmp_path):
    settings = simulated(tmp_path / "site", days=1, events=300)
    land(settings)
    ds = ledger.read(settings.warehouse).days[0]
    side = build(settings, Day, [ds])
    rows = Warehouse.of(settings).scan(BY_NAME[FACTS], ds).collect()
    known = side[f"{ds} {FACTS}"].digest
    assert digest_of(rows.reverse()) == known
    assert digest_of(rows[1:]) != known
    assert digest_of(rows.with_columns(pl.col("is_bot").xor(pl.int_range(pl.len()) == 7))) != known
    assert digest_of(pl.concat([rows, rows[:1]])) != known
    for name, told in side.items():
        assert len(differences(side, {**side, name: replace(told, verdicts="")})) == 1
        assert len(differences(side, {other: each for other, each in side.items() if other != name})) == 1


def test_a_part_that_is_lost_on_the_way_is_missed(on_cluster, tmp_path, monkeypatch):
    settings = simulated(tmp_path / "local", days=1, events=700)
    honest = on_cluster.session.run
    monkeypatch.setattr(on_cluster.session, "run", lambda *given: honest(*given)[1:])
    found = both(on_cluster, settings, tmp_path)
    assert {each.status for name, each in found.spark.items() if name.endswith(FACTS)} == {"refused"}
    assert found.warehouse.days(BY_NAME[FACTS]) == []
