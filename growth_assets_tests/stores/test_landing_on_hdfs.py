"""What landed on HDFS is read as from a folder, by one machine and by those of a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from random import Random

import polars as pl
import pytest
from fsspec.config import conf
from upath import UPath

from growth_assets import places, settings
from growth_assets.ingest import ledger, many_files
from growth_assets.ingest.landing import land
from growth_assets.orchestration import doctor
from growth_assets.settings import Settings
from growth_assets.warehouse import durable
from growth_assets_tests.stores.namenode import Namenode, serving
from growth_assets_tests.worlds.streams import streams


@pytest.fixture
def namenode(tmp_path) -> Iterator[Namenode]:
    (tmp_path / "hdfs" / "logs in").mkdir(parents=True)
    with serving(tmp_path / "hdfs") as running:
        UPath(running.url).fs.clear_instance_cache()
        yield running


def site(folder: Path, landing: str) -> Settings:
    folder.mkdir(exist_ok=True)
    (folder / "site.toml").write_text(f'hostnames = ["www.xx.com", "www.xxx.com"]\nlanding = "{landing}"\n')
    return settings.load(folder)


def fill(folder: Path) -> None:
    """Files of all formats, some below folders, some whose names are no plain words."""
    for seed in range(6):
        for number, stream in enumerate(streams(Random(seed))):
            path = folder / f"day {seed}" / f"{stream.kind}-{number} 100%#é"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(stream.content)
    lines = [{"event_time": "2026-03-01T10:00:00Z", "hostname": "www.xx.com", "action_type": "page_view"}] * 3
    pl.DataFrame(lines).with_columns(pl.col("event_time").str.to_datetime(time_zone="UTC")).write_parquet(
        folder / "p.parquet"
    )
    (folder / "empty.log").touch()


def in_the_ledger(here: Settings) -> dict[str, object]:
    entries = {each.id: {**each.to_json(), "read_at": "", "latest": ""} for each in ledger.read(here.warehouse).entries}
    files = sorted((here.warehouse / "landing").rglob("*.parquet"))
    return {"entries": entries, **{str(path.relative_to(here.warehouse)): durable.sha256_of(path) for path in files}}


def by_machines(function, shares) -> list[bytes]:
    """Another process: what it is given goes there as bytes."""
    return [function(pickle.loads(pickle.dumps(share))) for share in shares]  # noqa: S301 - our own


@pytest.mark.parametrize("machines", [None, by_machines])
def test_files_land_as_those_on_disk(namenode, tmp_path, monkeypatch, machines):
    monkeypatch.setattr(many_files, "WORTH_IT", 1)
    fill(namenode.folder / "logs in")
    on_disk, there = (
        site(tmp_path / "disk", f"{namenode.folder}/logs in"),
        site(tmp_path / "there", f"{namenode.url}/logs in"),
    )
    expected, found = land(on_disk), land(there, machines=machines)
    assert len(found.read) == len(expected.read) > 10
    assert found.not_there == {}
    assert [each.name for each in found.unreadable] == [each.name for each in expected.unreadable]
    assert in_the_ledger(there) == in_the_ledger(on_disk)
    # What is known is not read once more; what grew is.
    namenode.asked.clear()
    assert land(there).read == []
    assert {operation for operation, _, _ in namenode.asked} == {"LISTSTATUS"}
    with (namenode.folder / "logs in" / "more.ndjson").open("w") as more:
        more.write('{"event_time": "2026-03-01T10:00:00Z", "hostname": "www.xx.com", "action_type": "signup"}\n')
    assert [entry.events for entry in land(there).read] == [1]


def test_what_is_not_whole_there_is_left_alone(namenode, tmp_path):
    folder = namenode.folder / "logs in"
    event = '{"event_time": "2026-03-01T10:00:00Z", "hostname": "www.xx.com", "action_type": "signup", "ip": "%d"}\n'
    names = ("a.ndjson", "b.ndjson._COPYING_", "_SUCCESS", "_temporary/0/c.ndjson", ".d.ndjson", "e_/_f")
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(event % number)
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    assert [entry.source_file for entry in land(here).read] == ["a.ndjson"]
    # A listing that fails in the middle is none: nothing is taken to be gone.
    namenode.broken.add("e_")
    with pytest.raises(places.StoreError, match=r"logs in: not all of it can be listed \(a datanode is away\)"):
        land(here)
    assert land(site(tmp_path / "other", f"{namenode.url}/not/there")).read == []


def test_who_may_not_read_and_a_namenode_that_is_down_are_told(namenode, tmp_path, monkeypatch):
    namenode.user = "growth"
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    with pytest.raises(places.StoreError, match=r"refuses the credentials\. Check FSSPEC_WEBHDFS_USER"):
        here.require_stores()
    # As the variable FSSPEC_WEBHDFS_USER has it.
    monkeypatch.setitem(conf, "webhdfs", {"user": "growth"})
    UPath(namenode.url).fs.clear_instance_cache()
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    here.require_stores()
    assert namenode.asked[-1] == ("LISTSTATUS", "/", "growth")
    found = {each.what: each for each in doctor.examine(here)}
    assert found["landing"].says == f"{namenode.url}/logs in is empty"
    down = site(tmp_path / "down", "webhdfs://127.0.0.1:1/logs")
    with pytest.raises(places.StoreError, match=r"landing = webhdfs://127.0.0.1:1/logs: the store does not answer"):
        down.require_stores()
