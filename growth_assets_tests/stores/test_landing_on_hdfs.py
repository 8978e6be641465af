"""What landed on HDFS is read as from a folder, by one machine and by those of a cluster."""

from __future__ import annotations

import pickle
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest
from fsspec.config import conf
from fsspec.implementations.webhdfs import WebHDFS
from upath import UPath

from growth_assets import places, settings
from growth_assets.ingest import ledger, many_files
from growth_assets.ingest.landing import land
from growth_assets.ingest.unseen import unseen
from growth_assets.orchestration import doctor
from growth_assets.settings import Settings
from growth_assets.warehouse import durable
from growth_assets_tests.stores.namenode import Namenode, raised, serving
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
    # Nobody has to be let into what is hidden.
    assert not [path for operation, path, _ in namenode.asked if operation == "LISTSTATUS" and "_temporary" in path]
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


EVENT = '{"event_time": "2026-03-01T10:00:00Z", "hostname": "www.xx.com", "action_type": "signup", "url": "/%s/%d"}\n'
TOKEN = "never-to-be-shown"  # noqa: S105 - of no one


def events(name: str, count: int = 40) -> str:
    return "".join(EVENT % (name, number) for number in range(count))


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def once(answer: Any, operation: str, name: str, at: int = 1) -> Callable[[str, str], Any]:
    """What is given, or what a call of it gives, at one of the times that an operation is asked for."""
    asked = [0]

    def instead(asked_for: str, path: str) -> Any:
        if asked_for != operation or not path.endswith(name):
            return None
        asked[0] += 1
        if asked[0] != at:
            return None
        return answer() if callable(answer) else answer

    return instead


@pytest.fixture
def with_token(namenode, monkeypatch) -> Namenode:
    """As the variable FSSPEC_WEBHDFS_TOKEN has it."""
    monkeypatch.setitem(conf, "webhdfs", {"token": TOKEN})
    UPath(namenode.url).fs.clear_instance_cache()
    return namenode


@pytest.mark.parametrize(
    ("operation", "answer", "said"),
    [
        ("DATA", (403, raised("InvalidToken", "Block token is expired")), "HTTP answers 403"),
        ("DATA", (200, events("a", 20).encode()), "bytes came in place of"),
        ("DATA", (0, None), "ConnectionError"),
        ("OPEN", (500, raised("IOException", f"Could not obtain block {TOKEN}\n\tat x")), r"block \.\.\.\. The next"),
        ("OPEN", (403, raised("StandbyException", "not for a standby")), "not for a standby"),
        ("GETFILESTATUS", (200, ["another server"]), "TypeError"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [1, 2])
def test_what_is_not_handed_out_is_told_and_read_at_the_next_look(with_token, tmp_path, operation, answer, said, at):
    for name in "abc":
        (with_token.folder / "logs in" / f"{name}.ndjson").write_text(events(name))
    with_token.instead = once(answer, operation, "b.ndjson", at)
    here = site(tmp_path / "site", f"{with_token.url}/logs in")
    landed = land(here)
    assert [entry.source_file for entry in landed.read] == ["a.ndjson", "c.ndjson"]
    (unread,) = landed.unreadable
    assert TOKEN not in unread.error
    assert re.search(rf"logs in/b\.ndjson: .*{said}", unread.error), unread.error
    # It is no file that cannot be read as it is.
    assert unseen(here, ledger.read(here.warehouse)).names == ("b.ndjson",)
    assert [(entry.source_file, entry.events, entry.rejected) for entry in land(here).read] == [("b.ndjson", 40, 0)]


@pytest.mark.parametrize("at", range(1, 6))
def test_a_file_that_is_replaced_while_it_is_read_is_never_half_of_each(namenode, tmp_path, monkeypatch, at):
    monkeypatch.setattr(WebHDFS, "blocksize", 1_000)
    path, other = namenode.folder / "logs in" / "a.ndjson", tmp_path / "other"
    path.write_text(events("old"))
    other.write_text(events("new"))
    namenode.instead = once(lambda: other.replace(path) and None, "DATA", "a.ndjson", at)
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    land(here)
    land(here)
    counted = ledger.read(here.warehouse).current.values()
    assert [entry.events for entry in counted if entry.events] == [40]
    segments = [pl.read_parquet(each) for each in (here.warehouse / "landing" / "segments").rglob("*.parquet")]
    assert pl.concat(segments)["url"].str.extract("/(old|new)/").unique().to_list() == ["new"]
    # One that grows is no other.
    append(path, events("more", 1))
    namenode.instead = lambda operation, _: append(path, events("more", 1)) if operation == "DATA" else None
    assert len(land(here).read) == 1
    namenode.instead = lambda _operation, _path: None
    land(here)
    count = path.read_text().count("\n")
    assert [entry.events for entry in ledger.read(here.warehouse).current.values()] == [count]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, raised("IOException", "a datanode is away")), "a datanode is away"),
        ((403, raised("AccessControlException", "Permission denied: user=x")), "Permission denied: user=x"),
        ((503, {}), "HTTP answers 503 Service Unavailable"),
        ((404, {}), "HTTP answers 404 Not Found"),
        ((200, b"<html>"), "JSONDecodeError"),
        ((200, {"FileStatuses": None}), "TypeError"),
        ((0, None), "ConnectionError"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["logs in", "day"])
def test_a_listing_that_fails_is_none(with_token, tmp_path, answer, said, folder):
    """Neither of landing nor of a folder in it: nothing is taken to be gone."""
    path = with_token.folder / "logs in" / "day" / "a.ndjson"
    path.parent.mkdir()
    path.write_text(events("a"))
    with_token.instead = lambda operation, path: answer if operation == "LISTSTATUS" and path.endswith(folder) else None
    with pytest.raises(places.StoreError, match=rf"logs in: not all of it can be listed \(.*{said}") as error:
        land(site(tmp_path / "site", f"{with_token.url}/logs in"))
    assert TOKEN not in "".join(traceback.format_exception(error.value))


def test_a_folder_that_goes_while_it_is_listed_is_listed_again(namenode, tmp_path):
    (namenode.folder / "logs in" / "day").mkdir()
    (namenode.folder / "logs in" / "a.ndjson").write_text(events("a"))
    gone = 404, raised("FileNotFoundException", "File /logs in/day does not exist.")
    namenode.instead = once(gone, "LISTSTATUS", "day")
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    assert len(land(here).read) == 1
    namenode.instead = lambda operation, path: gone if operation == "LISTSTATUS" and path.endswith("day") else None
    with pytest.raises(places.StoreError, match=r"can be listed \(/logs in/day: File /logs in/day does not exist"):
        land(here)


def test_the_token_is_in_no_chain_of_errors(with_token, tmp_path):
    down = site(tmp_path / "down", "webhdfs://127.0.0.1:1/logs")
    with pytest.raises(places.StoreError) as error:
        down.require_stores()
    told = "".join(traceback.format_exception(error.value))
    assert "ConnectionError: Connection refused" in told
    assert TOKEN not in told
    assert error.value.__cause__.__context__ is None


def test_what_is_known_of_a_file_stays_while_it_cannot_be_read(namenode, tmp_path):
    path = namenode.folder / "logs in" / "a.ndjson"
    path.write_text(events("a"))
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    land(here)
    before = durable.read_json(here.warehouse / "landing" / "paths.json")
    path.write_text(events("a", 41))
    namenode.instead = lambda operation, _: (0, None) if operation == "DATA" else None
    assert len(land(here).unreadable) == 1
    assert durable.read_json(here.warehouse / "landing" / "paths.json") == before


@pytest.mark.parametrize("at", range(1, 6))
def test_parquet_that_is_not_handed_out_is_no_corrupt_one(namenode, tmp_path, monkeypatch, at):
    """Arrow tells what is wrong with the content as an OSError, too."""
    monkeypatch.setattr(WebHDFS, "blocksize", 1_000)
    there = namenode.folder / "logs in" / "p.parquet"
    pl.read_ndjson(events("a").encode()).write_parquet(there)
    here = site(tmp_path / "site", f"{namenode.url}/logs in")
    namenode.instead = once((0, None), "DATA", "p.parquet", at)
    (unread,) = land(here).unreadable
    assert "ConnectionError" in unread.error
    assert unseen(here, ledger.read(here.warehouse)).names == ("p.parquet",)
    there.write_bytes(b"PAR1 and no more than that PAR1")
    namenode.instead = lambda _operation, _path: None
    (unread,) = land(here).unreadable
    assert "this Parquet file cannot be read" in unread.error
    assert unseen(here, ledger.read(here.warehouse)).names == ()
