"""Events out of JSON lines that are alike, without parsing each of them.

A program writes its events alike: with the same keys in the same order, so that most lines differ in their texts alone.
One of them is parsed exactly, and is the shape of others: in a line that has the same bytes between its texts, and no
escape or control character in them, nothing can be lost or mean something else. Each of these bytes is compared. Where
a number, true or false stands, any of these may stand. A line of which this cannot be said is left to others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from growth_assets.contracts.columns import RECEIVED
from growth_assets.sources import moments, native
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object, from_json
from growth_assets.sources.lines import BLOCK_BYTES
from growth_assets.sources.properties import map_series, named_apart
from growth_assets.sources.text import Lines, text_array

_LEAST = 12
"""Of fewer lines no shape is learned: to parse each of so few takes no longer."""
_MOST_SHAPES = 100
_VAIN = 4
"""Of so many lines no more are tried, among those with as many quotes, where each is like few others."""
_MOST_QUOTES = 1_000
_AT_ONCE = 4 << 20
"""So many bytes are looked at once more while they are in the cache; of fewer, to do it by turns takes longer."""
_SCATTERED = 4
"""Of so many lines one or fewer."""
_LONGEST = 10_000
"""No longer line is a shape, up to the end of its last value."""
_QUOTE, _NEWLINE, _RETURN, _BACKSLASH, _SPACE = (ord(each) for each in '"\n\r\\ ')
_NONE = np.empty(0, np.int64)
_MEMORY = pa.system_memory_pool()
"""Arrow's own gives free memory back at once, and to have it again takes twice as long as what is done with it."""

_TOKEN = re.compile(rb'"[^"]*"|[{}\[\],:]|[^\s"{}\[\],:]+')
_BARE = r"^(?:true|false|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)$"

_Ints = npt.NDArray[np.int64]
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Value:
    """Where a value stands in the lines of a shape."""

    number: int
    """Of the line's quotes, the one that its text begins after; or of its numbers, true and false, which it is."""
    text: bool


@dataclass(frozen=True)
class _Fixed:
    """Bytes that all lines of a shape have."""

    quote: int | None
    """They end so many bytes behind this one of the line's quotes, or behind its newline where that is None."""
    behind: int
    length: int
    words: tuple[tuple[np.uint64, np.uint64], ...]
    """The bytes eight by eight, each time with those of them that count."""


@dataclass(frozen=True)
class _Shape:
    """What some lines have in common, and where the values of their events are."""

    fixed: tuple[_Fixed, ...]
    bare: tuple[int, ...]
    """Numbers, true and false: each follows the fixed bytes of this number, and is followed by the next."""
    columns: Mapping[str, _Value]
    entries: tuple[tuple[str, _Value | None], ...]
    """Of other_properties, in order; None for null."""


_Found = tuple[_Shape, _Ints, list[_Ints]]
"""A shape, the positions of lines that have it, and for each of its numbers, true and false where it is."""


class Shapes:
    """The shapes of one file, learned as its lines come."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_quotes: dict[int, list[_Shape]] = {}

    def read(self, lines: Lines) -> pl.DataFrame:
        """Events of the lines that are like others, with the columns of RECEIVED."""
        block = _Block(lines)
        found: list[_Found] = []
        for quotes in np.unique(block.quotes[block.plain]).tolist():
            if 0 < quotes <= _MOST_QUOTES:
                found += self._alike(block, quotes)
        return _events(block, found, self._context)

    def _alike(self, block: _Block, quotes: int) -> Iterator[_Found]:
        """Each shape of so many quotes, with the lines that have it."""
        left = np.flatnonzero(block.plain & (block.quotes == quotes))
        known = self._by_quotes.setdefault(quotes, [])
        for shape in known:
            if not len(left):
                return
            fits, bare = block.fitting(shape, left)
            yield shape, left[fits], bare
            left = left[~fits]
        vain = 0
        while len(left) >= _LEAST and vain < _VAIN and sum(map(len, self._by_quotes.values())) < _MOST_SHAPES:
            shape_of_first = _shape_of(block.line(left[0]))
            if shape_of_first is not None:
                fits, bare = block.fitting(shape_of_first, left)
                if np.count_nonzero(fits) >= _LEAST:
                    known.append(shape_of_first)
                    yield shape_of_first, left[fits], bare
                    left = left[~fits]
                    continue
            vain, left = vain + 1, left[1:]


class _Block:
    """Lines, and where their quotes are."""

    def __init__(self, lines: Lines) -> None:
        data, ends = self._data, self._ends = lines.received.data, lines.received.ends
        self.first_line = lines.first_line
        self._begins = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
        every = np.frombuffer(data, np.uint8)
        found, odd = [np.zeros(1, np.int32)], [np.array(list(lines.undecodable), np.int64)]
        newlines = 0
        for start in range(0, len(every), BLOCK_BYTES):
            part = every[start : start + BLOCK_BYTES]
            found.append(np.flatnonzero(part == _QUOTE).astype(np.int32) + np.int32(start))
            control, before = part < _SPACE, newlines
            newlines = int(np.searchsorted(ends, start + len(part)))
            if np.count_nonzero(control) != newlines - before:
                odd.append(self._with_controls(every, np.flatnonzero(control) + start))
        if data.find(b"\\") >= 0:
            odd.append(np.searchsorted(ends, np.flatnonzero(every == _BACKSLASH)))
        self._cuts = np.concatenate([*found, np.array([len(every)], np.int32)])
        upto = np.searchsorted(self._cuts[1:-1], ends.astype(np.int32))
        self.quotes: _Ints = np.diff(upto, prepend=0)
        self.plain: _Bools = self.quotes % 2 == 0
        """Lines in which every second quote begins a text."""
        # Of these each is to stand behind its quote, and of those that end a text each before it.
        begin = 1
        for end in (*(1 + upto[~self.plain]).tolist(), len(self._cuts) - 1):
            self._cuts[begin:end:2] += 1
            begin = end
        self.before: _Ints = upto - self.quotes
        """How many quotes there are before each line."""
        self.plain[np.concatenate(odd)] = False
        self._bare: list[npt.NDArray[np.int32]] = []

    @property
    def height(self) -> int:
        """How many lines there are."""
        return len(self._ends)

    def _with_controls(self, every: npt.NDArray[np.uint8], at: _Ints) -> _Ints:
        """The lines of the control characters at `at`, but for those that end a line."""
        after = every[np.minimum(at + 1, len(every) - 1)]
        of_end = (every[at] == _NEWLINE) | ((every[at] == _RETURN) & (after == _NEWLINE))
        rows: _Ints = np.searchsorted(self._ends, at[~of_end])
        return rows

    def line(self, position: int) -> bytes:
        """The bytes of a line."""
        return self._data[self._begins[position] : self._ends[position] + 1]

    def fitting(self, shape: _Shape, rows: _Ints) -> tuple[_Bools, list[_Ints]]:
        """Which of `rows`, all with as many quotes, have the shape; and of these, where their numbers are."""
        fits = np.concatenate([self._fit(shape, rows[begin:end]) for begin, end in self._pieces(rows)])
        spans, first = [], self.before[rows] + 1
        for number in shape.bare:
            before, after = shape.fixed[number : number + 2]
            span = np.stack([self._end(before, rows, first), self._end(after, rows, first) - after.length], axis=1)
            fits &= span[:, 0] < span[:, 1]
            spans.append(span)
        for span in spans:
            if not fits.any():
                break
            texts = text_array(self._data, span[fits].ravel()).take(pa.array(np.arange(0, 2 * fits.sum(), 2)))
            fits[fits] = _series(texts).str.contains(_BARE).to_numpy()
        return fits, [self._kept(span[fits].ravel()) for span in spans]

    def _kept(self, cuts: npt.NDArray[np.int32]) -> _Ints:
        """Where `values` finds what is between the first two of `cuts`, the next two, and so on."""
        begin = len(self._cuts) + sum(map(len, self._bare))
        self._bare.append(cuts)
        return np.arange(begin, begin + len(cuts), 2)

    def _fit(self, shape: _Shape, rows: _Ints) -> _Bools:
        wrong, first = np.zeros(len(rows), np.uint64), self.before[rows] + 1
        for fixed in shape.fixed:
            width = 8 * len(fixed.words)
            at = self._begins[rows] if fixed is shape.fixed[0] else self._end(fixed, rows, first) - np.int32(width)
            last = len(self._data) - width
            if at[0] < 0 or at[-1] > last:
                outside = (at < 0) | (at > last)
                wrong[outside] = 1
                if outside.all():
                    break
                at = np.where(outside, 0, at)
            every = np.ndarray((last + 1,), f"V{width}", self._data, strides=(1,))
            found = every[at].view(np.uint64).reshape(len(at), -1)
            for column, (word, counts) in enumerate(fixed.words):
                wrong |= (found[:, column] ^ word) & counts
        fits: _Bools = wrong == 0
        return fits

    def _end(self, fixed: _Fixed, rows: _Ints, first: _Ints) -> npt.NDArray[np.int32]:
        """Where the fixed bytes end in each line; `first` is where the line's first quote is among the cuts."""
        if fixed.quote is None:
            return (self._ends[rows] + fixed.behind).astype(np.int32)
        at: npt.NDArray[np.int32] = self._cuts[first + fixed.quote] + np.int32(fixed.behind)
        return at

    def values(self, rows: _Ints, places: Mapping[str, tuple[_Ints, _Ints]]) -> dict[str, list[pa.Array]]:
        """What is at some places in the lines at `rows`: texts behind the quotes of these numbers, or what was kept.

        Each column has the places that belong to all rows, with null for a negative one, and up to where they belong to
        the rows before each of them.
        """
        every = text_array(self._data, np.concatenate([self._cuts, *self._bare]) if self._bare else self._cuts)
        found: dict[str, list[pa.Array]] = {name: [] for name in places}
        for begin, end in self._pieces(rows):
            for name, (those, upto) in places.items():
                found[name].append(_taken(every, those[upto[begin] : upto[end]]))
        return found

    def _pieces(self, rows: _Ints) -> Iterator[tuple[int, int]]:
        """Some of `rows` at a time, where they are not scattered; their bytes are in the cache by then.

        To fetch from memory what is far apart takes several times as long as to run through all that is between.
        """
        if len(rows) * _SCATTERED < self.height:
            yield 0, len(rows)
            return
        begin = 0
        while begin < len(rows):
            start = int(self._begins[rows[begin]])
            end = max(begin + 1, int(np.searchsorted(self._ends[rows], start + _AT_ONCE)))
            self._data.find(b"\0", start, int(self._ends[rows[end - 1]]))
            yield begin, end
            begin = end


def _taken(texts: pa.Array, places: _Ints) -> pa.Array:
    """The texts at these places, copied; null for a negative one."""
    missing = places < 0
    indices = pa.array(places, mask=missing) if missing.any() else pa.array(places)
    return pc.take(texts, indices, boundscheck=False, memory_pool=_MEMORY)


def _series(texts: pa.Array | pa.ChunkedArray) -> pl.Series:
    # As Polars keeps texts: what it makes so itself it makes under Python's lock.
    series = pl.from_arrow(texts.cast(pa.string_view()))
    assert isinstance(series, pl.Series)  # noqa: S101 - for the type checker
    return series


def _events(block: _Block, found: list[_Found], context: Context) -> pl.DataFrame:
    every: dict[str, _Ints] = {}
    for shape, rows, bare in found:
        for name, value in shape.columns.items():
            every.setdefault(name, np.full(block.height, -1))[rows] = _place(block, rows, bare, value)
    rows = np.flatnonzero(every["event_time"] >= 0) if every else _NONE
    if not len(rows):
        return native.frame_of([])
    upto = np.arange(len(rows) + 1)
    offsets, names, keys, items = _entries(block, found, rows)
    wanted = {name: (places[rows], upto) for name, places in every.items()} | {"": (items, offsets)}
    texts = block.values(rows, wanted)
    times, finer = moments.iso_array(pa.concat_arrays(texts.pop("event_time")), context.utc_offset)
    made = {name: _series(pa.chunked_array(each)).rechunk() for name, each in texts.items()}
    made["other_properties"] = map_series(offsets, pl.Series(names, dtype=pl.String).gather(keys), made.pop(""))
    made["event_timestamp"], made["subsecond_clock"] = times, finer
    made["line_number"] = pl.Series(rows + block.first_line, dtype=pl.Int64)
    for name in native.SCALARS:
        if name in made and (empty := made[name] == "").any():
            made[name] = made[name].set(empty.fill_null(value=False), None)
    if context.default_hostname is not None:
        hosts = made.get("hostname", pl.Series([None] * len(rows), dtype=pl.String))
        made["hostname"] = hosts.fill_null(context.default_hostname) if hosts.null_count() else hosts
    events = pl.DataFrame(
        [
            made[name].alias(name) if name in made else pl.Series(name, [None], dtype).new_from_index(0, len(rows))
            for name, dtype in RECEIVED.items()
        ]
    )
    return events.filter(times.is_not_null()) if times.null_count() else events


def _place(block: _Block, rows: _Ints, bare: list[_Ints], value: _Value) -> _Ints:
    """Where the block finds a value of each of `rows`."""
    return block.before[rows] + (1 + value.number) if value.text else bare[value.number]


def _entries(block: _Block, found: list[_Found], rows: _Ints) -> tuple[_Ints, list[str], _Ints, _Ints]:
    """The other_properties of `rows`, entry by entry.

    Returns:
        How many entries there are up to each row, the names there are, which of them each entry has, and where its
        value is.
    """
    lengths, at = np.zeros(block.height, np.int64), np.empty(block.height, np.int64)
    for shape, those, _ in found:
        lengths[those] = len(shape.entries)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[rows])])
    at[rows] = offsets[:-1]
    names: dict[str, int] = {}
    keys, items = np.zeros(offsets[-1], np.int64), np.full(offsets[-1], -1)
    for shape, those, bare in found:
        for number, (name, value) in enumerate(shape.entries):
            entries = at[those] + number
            keys[entries] = names.setdefault(name, len(names))
            if value is not None:
                items[entries] = _place(block, those, bare, value)
    return offsets, list(names), keys, items


@dataclass(frozen=True)
class _Scalar:
    """A value of a line that is no object or list."""

    name: str
    inside: bool
    """Whether it is one of the properties."""
    begin: int
    end: int
    text: bool
    quote: int
    """The line's quote before the value: the one that its text begins after, or else the one that ends its name."""
    behind: int
    """How far the value is from there."""


def _shape_of(line: bytes) -> _Shape | None:
    """The shape of a line without an escape; None where it is no event, or one that only a parser can tell all of."""
    scalars = _scalars(line)
    fixed: list[_Fixed] = []
    bare: list[int] = []
    top: dict[str, _Value] = {}
    inner: list[tuple[str, _Value | None]] = []
    done = 0
    for each in scalars or ():
        value = None
        if line[each.begin : each.end] != b"null" or each.text:
            if not each.text:
                bare.append(len(fixed))
            value = _Value(each.quote if each.text else len(bare) - 1, each.text)
            fixed.append(_fixed(line[done : each.begin], each.quote, each.behind, first=not fixed))
            done = each.end
        if each.inside:
            inner.append((each.name, value))
        elif value is not None:
            top[each.name] = value
    if "event_time" not in top or not top["event_time"].text or "properties" in top or done > _LONGEST:
        return None
    fixed.append(_fixed(line[done:], None, 1, first=False))
    unknown = sorted((name, value) for name, value in top.items() if name not in native.KEYS)
    columns = {name: value for name, value in top.items() if name in native.KEYS}
    return _Shape(tuple(fixed), tuple(bare), columns, tuple(named_apart([*inner, *unknown]).items()))


def _scalars(line: bytes) -> list[_Scalar] | None:
    """The values of an object; None where that is none, holds others than its properties, or names anything twice."""
    try:
        if not isinstance(from_json(line.decode()), Object):
            return None
    except ValueError:
        return None
    found: list[_Scalar] = []
    names: list[tuple[int, str]] = []
    name: re.Match[bytes] | None = None
    depth = texts = 0
    for token in _TOKEN.finditer(line):
        sign = token[0][:1]
        texts += sign == b'"'
        if sign == b"{" and (depth == 0 or (depth == 1 and names and name and names[-1] == (1, "properties"))):
            depth += 1
        elif sign in b"[{":
            return None
        elif sign == b"}":
            depth -= 1
        if sign in b"{},":
            name = None
        elif name is None:
            name = token
            names.append((depth, token[0][1:-1].decode()))
        elif sign == b'"':
            begin, quote = token.start() + 1, 2 * texts - 2
            found.append(_Scalar(names[-1][1], depth == 2, begin, token.end() - 1, text=True, quote=quote, behind=0))
        elif sign != b":":
            begin, quote, behind = token.start(), 2 * texts - 1, token.start() - name.end() + 1
            found.append(_Scalar(names[-1][1], depth == 2, begin, token.end(), text=False, quote=quote, behind=behind))
    return found if len(set(names)) == len(names) else None


def _fixed(text: bytes, quote: int | None, behind: int, *, first: bool) -> _Fixed:
    """The bytes of `text`; the first of a line are compared from their beginning on, the others up to their end."""
    padding = bytes(-len(text) % 8)
    words, counts = (
        np.frombuffer(each + padding if first else padding + each, np.uint64) for each in (text, b"\xff" * len(text))
    )
    return _Fixed(quote, behind, len(text), tuple(zip(words, counts, strict=True)))
