"""What the machines of a cluster read is what is read here, whatever happens to their tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest

from growth_assets import settings as site
from growth_assets.ingest import ledger, many_files
from growth_assets.ingest.landing import land
from growth_assets.ingest.many_files import Share
from growth_assets_tests.ingest.test_read_ahead import files, landed, lines


class ByHand:
    """Machines that are this process: in any order, and of what is done twice either attempt may count."""

    def __init__(self, random: Random) -> None:
        self.random, self.read, self.attempts = random, list[str](), 0

    def __call__(self, function: Callable[[Share], bytes], shares: Sequence[Share]) -> Iterator[bytes]:
        for share in self.random.sample(list(shares), len(shares)):
            self.read += [file.path.name for file in share.files]
            answers = [function(share) for _ in range(self.random.choice([1, 2, 3]))]
            self.attempts += len(answers)
            yield self.random.choice(answers)


@pytest.fixture
def machines(monkeypatch) -> ByHand:
    monkeypatch.setattr(many_files, "WORTH_IT", 1)
    monkeypatch.setattr(many_files, "BYTES_A_TASK", 20_000)
    monkeypatch.setattr(many_files, "TASKS_AT_ONCE", 2)
    return ByHand(Random(4))


def test_what_machines_read_lands_as_what_is_read_here(tmp_path, machines):
    for name in ("one", "two"):
        files(tmp_path / name / "landing")
        for number in range(6):
            (tmp_path / name / "landing" / f"k{number:02}.ndjson").write_text(lines(f"k{number}", 5) + "no event\n")
    expected, *kept = landed(tmp_path / "one")
    found, *same = landed(tmp_path / "two", machines)
    assert same == kept
    assert machines.attempts > 6
    assert {*machines.read} >= {"a.ndjson", "e.ndjson", "g.log", *(f"k{number:02}.ndjson" for number in range(6))}
    assert (found.known, found.touched, found.unfinished) == (expected.known, expected.touched, expected.unfinished)
    assert [entry.id for entry in found.read] == [entry.id for entry in expected.read]
    assert [(each.name, each.error.replace("two", "one")) for each in found.unreadable] == [
        (each.name, each.error) for each in expected.unreadable
    ]
    # What cannot be read anywhere is no fault of the machines.
    assert found.not_there == {}
    machines.read.clear()
    assert not landed(tmp_path / "two", machines)[0].read
    assert machines.read == []


def test_what_machines_do_not_see_is_read_here_and_told(tmp_path, machines):
    files(tmp_path / "landing")
    hidden = tmp_path / "landing" / "i.ndjson"

    def blind(function, shares):
        hidden.rename(tmp_path / "hidden")
        try:
            return list(machines(function, shares))
        finally:
            (tmp_path / "hidden").rename(hidden)

    found, entries, *_ = landed(tmp_path, blind)
    assert [entry.events for entry in entries if entry.source_file == "i.ndjson"] == [3]
    assert list(found.not_there) == ["i.ndjson"]
    assert "No such file" in found.not_there["i.ndjson"]


def test_no_folder_but_a_staged_one_is_taken_from_what_a_machine_says(tmp_path, machines):
    files(tmp_path / "landing")
    precious = tmp_path / "precious"
    (precious / "segments").mkdir(parents=True)

    def liar(function, shares):
        for answer in machines(function, shares):
            for told in many_files._told().validate_json(answer):
                lie = str(precious) if told.staged else ""
                yield many_files._told().dump_json([many_files.dataclasses.replace(told, staged=lie)])

    found = landed(tmp_path, liar)[0]
    assert "what a machine wrote is not here in" in found.not_there["i.ndjson"]
    assert found.read
    assert (precious / "segments").exists()


def test_a_look_that_is_stopped_leaves_what_was_read_until_then(tmp_path, machines):
    files(tmp_path / "landing")
    for number in range(12):
        (tmp_path / "landing" / f"k{number:02}.ndjson").write_text(lines(f"k{number}", 60))
    asked = []

    def stopped(function, shares):
        asked.append("")
        if len(asked) == 3:
            raise KeyboardInterrupt
        return machines(function, shares)

    settings = site.load(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        land(settings, machines=stopped)
    before = len(ledger.read(settings.warehouse).entries)
    assert before > 2
    assert land(settings, machines=machines).known == before
    names = {entry.source_file for entry in ledger.read(settings.warehouse).entries}
    assert names >= {f"k{number:02}.ndjson" for number in range(12)}


def test_few_bytes_are_read_here(tmp_path, machines, monkeypatch):
    monkeypatch.setattr(many_files, "WORTH_IT", 1 << 20)
    files(tmp_path / "landing")
    assert landed(tmp_path, machines)[0].read
    assert machines.read == []
