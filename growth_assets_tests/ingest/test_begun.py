"""Landing that begins before it is asked for publishes nothing until then, and never where nobody asks."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import Future

import pytest

from growth_assets.ingest import begun, landing, ledger
from growth_assets.ingest.begun import Landing
from growth_assets.ingest.ledger import LedgerError
from growth_assets.sources.ndjson import NdjsonParser
from growth_assets.warehouse import locks


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
    assert (thread.is_alive(), staged(site), site.ledger.entries) == (False, [], ())
    assert not (site.settings.warehouse / "landing" / "paths.json").exists()
    assert len(site.land().read) == 1


def test_a_file_that_is_being_read_when_nobody_asks_any_more_is_not_read_to_its_end(site, write, monkeypatch):
    site.put("long.ndjson.gz", gzip.compress(write.events(range(10_000))) * 200)
    parsed, begun_to_parse, parse = [], threading.Event(), NdjsonParser.parse

    def noted(self, lines):
        parsed.append(lines.height)
        begun_to_parse.set()
        return parse(self, lines)

    monkeypatch.setattr(NdjsonParser, "parse", noted)
    with Landing(site.settings).begun():
        assert begun_to_parse.wait(30)
        thread = the_thread()
    assert (thread.is_alive(), staged(site), site.ledger.entries) == (False, [], ())
    assert 0 < sum(parsed) < 1_000_000


def test_nobody_waits_for_another_process_to_land_when_nobody_asks_any_more(site):
    with locks.exclusive(site.settings.workplace / "_locks" / "landing.lock"):
        with Landing(site.settings).begun():
            thread = the_thread()
        assert not thread.is_alive()


def test_who_is_interrupted_while_waiting_for_it_ends_it(site, write, monkeypatch):
    class Interrupted(Future):
        def result(self, timeout=None):  # noqa: ARG002 - as it is called
            raise KeyboardInterrupt

    go_on, read = threading.Event(), landing.read_file
    monkeypatch.setattr(landing, "read_file", lambda *given: (go_on.wait(30), read(*given))[1])
    monkeypatch.setattr(begun, "Future", Interrupted)
    site.put("a.ndjson", write.events(range(5)))
    coming = Landing(site.settings)
    with coming.begun():
        with pytest.raises(KeyboardInterrupt):
            coming.land()
        go_on.set()
        the_thread().join(30)
        assert (staged(site), site.ledger.entries) == ([], ())


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
