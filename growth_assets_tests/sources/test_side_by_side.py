"""Work side by side: what it gives comes in order, and so does what it raises."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, get_ident

import pytest

from growth_assets.settings import Source
from growth_assets.sources import reader
from growth_assets.sources.batch import Batch
from growth_assets.sources.lines import LINE_LIMIT
from growth_assets.sources.ndjson import NdjsonParser
from growth_assets.sources.side_by_side import in_order
from growth_assets.sources.text import Lines


def test_the_order_is_that_of_the_items_though_a_later_one_is_done_first():
    later_done = Event()

    def work(item: int) -> int:
        if item == 0:
            assert later_done.wait(60)
        if item == 1:
            later_done.set()
        return item * 10

    assert list(in_order(iter(range(50)), work, 2)) == [each * 10 for each in range(50)]


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("where", ["items", "work"])
def test_what_is_raised_comes_after_all_that_was_before_it(at_once, where):
    def items() -> Iterator[int]:
        yield from range(5)
        if where == "items":
            raise KeyError("five")
        yield from range(5, 9)

    def work(item: int) -> int:
        if item == 5:
            raise KeyError("five")
        return item

    given: list[int] = []
    with pytest.raises(KeyError, match="five"):
        given.extend(in_order(items(), work, at_once))
    assert given == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("at_once", [1, 2])
def test_few_are_made_before_they_are_asked_for_and_none_after_the_last(at_once):
    made: list[int] = []
    closed = Event()

    def items() -> Iterator[int]:
        try:
            for number in range(100):
                made.append(number)
                yield number
        finally:
            closed.set()

    coming = in_order(items(), lambda item: item, at_once)
    assert [next(coming) for _ in range(10)] == list(range(10))
    coming.close()
    assert len(made) <= 10 + at_once + 1
    del coming
    assert closed.is_set()


@pytest.mark.parametrize(("items", "given"), [([], []), ([7], [7])])
def test_one_item_alone_is_worked_on_where_it_is_asked_for(items, given):
    here = get_ident()
    work_was_in: list[int] = []

    def work(item: int) -> int:
        work_was_in.append(get_ident())
        return item

    assert list(in_order(iter(items), work, 2)) == given
    assert work_was_in == [here] * len(items)


def test_two_chunks_are_parsed_at_the_same_time_and_come_in_order(tmp_path, monkeypatch):
    path = tmp_path / "a.ndjson"
    line = b'{"event_time":"2026-03-01T00:00:00Z","url":"/%07d"}\n'
    path.write_bytes(b"".join(line % number for number in range(4_000)) + b"x" * (LINE_LIMIT + 1) + b"\nlast\n")
    parse, second = NdjsonParser.parse, Event()

    def parsed(self: NdjsonParser, lines: Lines) -> Batch:
        if lines.first_line == 1:
            assert second.wait(60)  # never, were the second chunk parsed after this one
        else:
            second.set()
        return parse(self, lines)

    monkeypatch.setattr(NdjsonParser, "parse", parsed)
    batches = list(reader.read(path, Source(name="test"), None, chunk_bytes=50_000, at_once=2))
    assert len(batches) > 4
    assert [url for batch in batches for url in batch.events["url"]] == [f"/{number:07}" for number in range(4_000)]
    rejected = [row for batch in batches for row in batch.rejected.rows()]
    assert [(number, reason) for number, reason, _ in rejected] == [(4_001, "line_too_long"), (4_002, "not_json")]
    assert batches[-1].originals is not None
    assert batches[-1].originals["original"].to_list() == [b"last"]
