"""Of many new files the next are read before their turn: what lands is what lands one by one."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from growth_assets import settings as site
from growth_assets import workers
from growth_assets.ingest import ledger
from growth_assets.ingest.landing import Landed, land
from growth_assets.ingest.many_files import Machines


class Here:
    """A worker that is none: what it is asked for is done at once, and then something happens."""

    def __init__(self, then: Callable[[str], None]) -> None:
        self.then, self.read = then, list[str]()

    def start(self, *modules: str) -> None:
        pass

    def close(self) -> None:
        pass

    @contextmanager
    def one(self) -> Iterator[Here]:
        yield self

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        finally:
            name = arguments[0].path.name
            self.read.append(name)
            self.then(name)


def lines(name: str, number: int, first: int = 0) -> str:
    said = {"hostname": "www.xx.com", "action_type": "page_view", "ip": "198.51.100.1", "page": name * 300}
    return "".join(
        json.dumps({**said, "event_time": f"2026-03-{1 + at % 3:02}T10:{at:02}:00.5Z"}) + "\n"
        for at in range(first, first + number)
    )


def files(landing: Path) -> None:
    landing.mkdir(parents=True)
    (landing.parent / "site.toml").write_text("")
    (landing / "a.ndjson").write_text(lines("a", 9))
    (landing / "b.ndjson").write_text(lines("a", 14))  # a, grown
    (landing / "c.ndjson").write_text(lines("a", 9))  # a again
    (landing / "d.ndjson.gz").write_bytes(gzip.compress(lines("d", 20).encode())[:-20])  # cut off
    (landing / "e.ndjson").write_text(lines("e", 12) + "no event\n")
    (landing / "f.ndjson").write_text("")
    (landing / "g.log").write_bytes(b"\0\1\2\3" * 2_000)  # in no format
    (landing / "h.ndjson").write_text(lines("e", 1)[:900])  # the beginning of e
    (landing / "i.ndjson").write_text(lines("i", 3))


def landed(
    folder: Path, machines: Machines | None = None
) -> tuple[Landed, list[ledger.Entry], list[str], dict[str, bytes]]:
    settings = site.load(folder)
    result = land(settings, machines=machines)
    entries = [
        dataclasses.replace(entry, read_at="", latest="", first="") for entry in ledger.read(settings.warehouse).entries
    ]
    cached = sorted(json.loads((settings.warehouse / "landing" / "paths.json").read_text()))
    segments = (settings.warehouse / "landing" / "segments").rglob("*.parquet")
    assert not list(settings.warehouse.glob("landing/_staging/*"))
    return result, entries, cached, {str(path.relative_to(folder)): path.read_bytes() for path in segments}


def ahead(monkeypatch: pytest.MonkeyPatch, then: Callable[[str], None] = lambda _: None) -> Here:
    here = Here(then)
    monkeypatch.setattr(workers, "Workers", lambda: here)
    monkeypatch.setattr(workers, "WORTH_IT", 2)
    return here


def test_what_lands_is_what_lands_one_by_one(tmp_path, monkeypatch):
    files(tmp_path / "one" / "landing")
    files(tmp_path / "two" / "landing")
    expected, *kept = landed(tmp_path / "one")
    here = ahead(monkeypatch)
    found, *same = landed(tmp_path / "two")
    assert same == kept
    assert {*here.read} >= {"a.ndjson", "e.ndjson", "i.ndjson"}
    assert (found.known, found.touched, found.unfinished) == (expected.known, expected.touched, expected.unfinished)
    assert [entry.id for entry in found.read] == [entry.id for entry in expected.read]
    assert [(each.name, each.error.replace("two", "one")) for each in found.unreadable] == [
        (each.name, each.error) for each in expected.unreadable
    ]
    here.read.clear()
    assert not landed(tmp_path / "two")[0].read
    assert here.read == []


def test_a_file_that_becomes_another_one_before_its_turn_is_read_again(tmp_path, monkeypatch):
    files(tmp_path / "landing")
    other = lines("z", 4)

    def replace(name: str) -> None:
        if name == "i.ndjson":
            (tmp_path / "landing" / name).write_text(other)

    here = ahead(monkeypatch, replace)
    entries = {entry.source_file: entry for entry in landed(tmp_path)[1]}
    assert here.read.count("i.ndjson") == 1
    assert entries["i.ndjson"].length == len(other)


def test_a_worker_that_dies_costs_nothing(tmp_path, monkeypatch):
    files(tmp_path / "landing")

    def die(name: str) -> None:
        raise workers.WorkerEndedError(name)

    ahead(monkeypatch, die)
    assert {"a.ndjson", "e.ndjson", "i.ndjson"} <= {entry.source_file for entry in landed(tmp_path)[0].read}
