"""Landing that begins before it is asked for publishes nothing until then, and never where nobody asks."""

from __future__ import annotations

import threading

import pytest

from growth_assets.ingest import begun, landing, ledger
from growth_assets.ingest.begun import Landing
from growth_assets.ingest.ledger import LedgerError


@pytest.fixture
def reads(monkeypatch) -> threading.Event:
    """Set as soon as a file is read to its end."""
    done, read = threading.Event(), landing.read_file
    monkeypatch.setattr(landing, "read_file", lambda *given: (read(*given), done.set())[0])
    return done


def the_thread() -> threading.Thread:
    """The one that lands."""
    (found,) = (each for each in threading.enumerate() if each.name == "landing")
    return found


def staged(site) -> list[str]:
    return [each.name for each in (site.settings.workplace / "landing" / "_staging").glob("*")]


def test_what_is_read_is_published_when_it_is_asked_for_and_not_before(site, write, reads):
    site.put("a.ndjson", write.events(range(5)) + b"broken\n")
    told: list[tuple[str, int, int]] = []
    coming = Landing(site.settings, lambda *each: told.append(each))
    with coming.begun():
        assert reads.wait(30)
        assert (site.ledger.entries, staged(site) != []) == ((), True)
        landed = coming.land()
        assert [(each.lines, each.events, each.rejected) for each in landed.read] == [(6, 5, 1)]
        assert list(site.ledger.known.values()) == landed.read
        # It was the next landing alone: what comes after it is the one after that.
        site.put("b.ndjson", write.events(range(5, 8)))
        assert [each.source_file for each in coming.land().read] == ["b.ndjson"]
    assert [name for name, _, _ in told] == ["a.ndjson", "a.ndjson", "b.ndjson"]
    assert len(site.raw()) == 8


def test_what_nobody_asks_for_is_as_if_it_had_never_begun(site, write, reads):
    site.put("a.ndjson", write.events(range(5)))
    with Landing(site.settings).begun():
        assert reads.wait(30)
        thread = the_thread()
    thread.join(30)
    assert (thread.is_alive(), staged(site), site.ledger.entries) == (False, [], ())
    assert not (site.settings.warehouse / "landing" / "paths.json").exists()
    assert len(site.land().read) == 1


def test_whoever_asks_for_it_is_told_what_went_wrong(site, write):
    site.put("a.ndjson", write.events(range(5)))
    site.land()
    (entry,) = (site.settings.warehouse / "landing" / "files").glob("*.json")
    entry.write_text("{")
    coming = Landing(site.settings)
    with coming.begun(), pytest.raises(LedgerError, match="damaged ledger entry"):
        coming.land()


def test_where_a_cluster_reads_nothing_begins(site, write, monkeypatch):
    site.put("a.ndjson", write.events(range(5)))
    monkeypatch.setattr(begun, "Thread", None)
    with Landing(site.settings.model_copy(update={"engine": "spark"})).begun():
        pass
    assert ledger.read(site.settings.warehouse).entries == ()
