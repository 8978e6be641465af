"""Native events as newline-delimited JSON: one object a line.

Lines that are alike need no parser (see `json_shapes`). Where many are not, they are read by Polars, which is fast and
forgiving: it drops keys it was not told of, takes the last of two equal names, rewrites 1.50 as 1.5. So each line it
reads must prove that nothing of it was lost: the number of its `":` is that of the keys found. All others are read one
by one, exactly.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from contextlib import suppress

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from growth_assets.sources import native
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.format import Context, TextFormat, share_of
from growth_assets.sources.json_shapes import Shapes
from growth_assets.sources.json_values import Object, clean, from_json, looked_at
from growth_assets.sources.lines import Chunk
from growth_assets.sources.reasons import Reason
from growth_assets.sources.text import Lines, replaced

_FEW_ALIKE = 0.1
"""Where no larger share of a chunk's lines is alike, those of the next ones are not compared."""
_FEW = 250
"""So many lines are as fast to read one by one."""
_MOST_EXTRA = 64
"""So many unknown keys are learned, to be read as columns of their own."""
_SAMPLE = 50
_LINES_A_BATCH = 16_384
_BISECT_TO = 64
_FEW_UNSURE = 0.01
"""Where no larger share of lines is without braces, the others are taken for JSON until one proves to be none."""
_TAKEN = "line_number"
_LINE, _BAG, _FOUND = f"{_TAKEN} line", f"{_TAKEN} bag", f"{_TAKEN} found"
"""Names of columns while a chunk is checked; no unknown key that begins so is learned."""

# Numbers that Polars may write in another way than they were received (1.50, 1e3, -0, more than 15 digits
# ...). Those in a list need no look: such a value is read exactly in any case. To ask for the quote and the
# colon before the number takes half the time.
_NUMBERS = r'":[ \t\r]*-?(?:[0-9]+(?:\.[0-9]*0[ \t\r,}\]]|[0-9.]*[eE])|[0-9.]{16}|0\.0000)|":[ \t\r]*-0[ \t\r,}\]]'
# White space after a quote may stand before a colon, and hide a key from the count; so may an escape in an object that
# is given as a text, whose quotes can be escapes too. Of half a surrogate pair Polars makes a NUL. Searches for a text
# take a third of the time of one expression for all.
_TEXTS = ('" ', '"\t', '"\r', '"\\', "\\u0022", "\\ud", "\\uD")

_NOTHING = b"{}\n"


class NdjsonParser:
    """Reads the lines of one file; learns its unknown keys, and whether it has broken lines."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shapes: Shapes | None = Shapes(context)
        self._extra: tuple[str, ...] = ()
        self._validate = False
        self._started = False
        self._duckdb: duckdb.DuckDBPyConnection | None = None

    def parse(self, lines: Lines) -> Batch:
        """The events and rejected lines of `lines`."""
        parts: list[pl.DataFrame] = []
        left = np.arange(lines.height)
        if self._shapes is not None:
            parts.append(self._shapes.read(lines))
            left = _others(lines, left, parts[0])
            if len(left) > lines.height * (1 - _FEW_ALIKE):
                self._shapes = None
        if len(left) > _FEW:
            parts.append(self._fast(lines if len(left) == lines.height else lines.only(left), left + lines.first_line))
            left = _others(lines, left, parts[-1])
        rows: list[native.Row] = []
        rejections: list[Rejection] = []
        for position, line in zip(left.tolist(), lines.some(left), strict=True):
            number = lines.first_line + position
            known = Reason.NOT_UTF8 if position in lines.undecodable else self._exact(line, number)
            if isinstance(known, Reason):
                rejections.append((number, known, line.rstrip("\r\n")))
            else:
                rows.append(known)
        return native.merged([*parts, *([native.frame_of(rows)] if rows else [])], rejections)

    def _fast(self, lines: Lines, numbers: npt.NDArray[np.int64]) -> pl.DataFrame:
        """Events of those of `lines` that Polars reads, and that prove that it reads all of them; by their numbers."""
        if not self._started:
            self._started = True
            for line in lines.some(np.arange(min(_SAMPLE, lines.height))):
                with suppress(ValueError):
                    self._learn(from_json(line))
        good, read = self._read(lines)
        if read is None:
            return native.frame_of([])
        bags, flat = native.decoded_maps(read["properties"])
        proven = self._proven(read, bags, flat, lines.some(good))
        frame = read.drop("properties").hstack([bags.alias("properties"), pl.Series(_TAKEN, numbers[good], pl.Int64)])
        events, _ = native.fast_events(frame if proven.all() else frame.filter(proven), self._context)
        return events

    header = ""

    def flush(self) -> None:
        """A line never waits for the next."""

    def _exact(self, line: str, number: int) -> native.Row | Reason:
        if not line.strip():
            return Reason.BLANK_LINE
        try:
            value = from_json(line)
        except ValueError:
            return Reason.NOT_JSON
        if not isinstance(value, Object):
            return Reason.NOT_AN_OBJECT
        self._learn(value)
        return native.event(value, self._context, number)

    def _learn(self, value: object) -> None:
        """Unknown keys of an object are to be read from now on."""
        for name, _ in value if isinstance(value, Object) else ():
            if len(self._extra) < _MOST_EXTRA and self._is_new(name):
                self._extra = (*self._extra, name)

    def _is_new(self, name: str) -> bool:
        known = name in native.KEYS or name in self._extra
        return not known and not name.startswith(_TAKEN) and clean(name) == name

    def _read(self, lines: Lines) -> tuple[np.ndarray, pl.DataFrame | None]:
        """Positions of the lines that Polars reads, and what it makes of them."""
        every = np.arange(lines.height)
        if not self._validate and not lines.undecodable:
            read = self._polars(lines.data)
            if read is not None and read.height == lines.height:
                return every, read
        self._validate = True
        # Most broken lines are cut off or no JSON at all, which their first and last byte tell.
        braced = _braced(lines)
        unsure = np.flatnonzero(~braced)
        if len(unsure) <= lines.height * _FEW_UNSURE:
            read = self._polars(_blanked(lines, unsure))
            if read is not None and read.height == lines.height:
                return every, read
        valid = self._valid(lines)
        read = self._polars(_blanked(lines, np.flatnonzero(~valid)))
        if read is not None and read.height == lines.height:
            return every, read
        return self._bisected(lines.text, np.flatnonzero(valid))

    def _bisected(self, text: pl.Series, good: np.ndarray) -> tuple[np.ndarray, pl.DataFrame | None]:
        read = self._polars(text.gather(good).str.join("").item().encode("utf-8")) if len(good) else None
        if read is not None and read.height == len(good):
            return good, read
        if len(good) <= _BISECT_TO:
            return good[:0], None
        halves = [self._bisected(text, half) for half in np.array_split(good, 2)]
        frames = [frame for _, frame in halves if frame is not None]
        return np.concatenate([kept for kept, _ in halves]), pl.concat(frames) if frames else None

    def _polars(self, data: bytes) -> pl.DataFrame | None:
        schema = dict.fromkeys((*native.KEYS, *self._extra), pl.String)
        try:
            return pl.read_ndjson(io.BytesIO(data), schema=schema)
        except pl.exceptions.ComputeError:
            return None

    def _found(self, frame: pl.DataFrame, bags: pl.Series) -> pl.Series:
        """How many keys there are in what Polars read."""
        keys = (pl.col(name).is_not_null().cast(pl.Int64) for name in (*native.KEYS, *self._extra))
        inside = pl.col(_BAG).map.len().cast(pl.Int64).fill_null(0)
        return frame.hstack([bags.alias(_BAG)]).select(pl.sum_horizontal(*keys, inside)).to_series()

    def _proven(self, frame: pl.DataFrame, bags: pl.Series, flat: pl.Series, text: pl.Series) -> pl.Series:
        """Of which rows of `frame`, which Polars made of the lines `text`, nothing can have been lost or changed."""
        names = [*native.KEYS, *self._extra]
        scalars = [name for name in names if name != "properties"]
        line = pl.col(_LINE)
        checked = frame.with_columns(text.alias(_LINE), self._found(frame, bags).alias(_FOUND)).select(
            keys=line.str.count_matches('":', literal=True).cast(pl.Int64),
            found=pl.col(_FOUND),
            numbers=line.str.contains(_NUMBERS),
            texts=pl.any_horizontal(line.str.contains(text, literal=True) for text in _TEXTS),
            nested=pl.any_horizontal(
                (pl.col(name).str.starts_with("{") | pl.col(name).str.starts_with("[")).fill_null(value=False)
                for name in scalars
            ),
        )
        odd = checked["numbers"] | checked["texts"] | checked["nested"] | ~flat
        missing = checked["keys"] - checked["found"]
        some = (missing != 0).arg_true()
        if len(some):
            # Most often a key was given as null: it stands in the line and says nothing.
            nulls = rf'"(?:{"|".join(re.escape(name) for name in names)})":[ \t\r]*null'
            given = text.gather(some).str.count_matches(nulls).cast(pl.Int64)
            inside = frame["properties"].gather(some).str.count_matches(nulls).fill_null(0).cast(pl.Int64)
            missing = missing.scatter(some, missing.gather(some) - given + inside)
        return ~odd & (missing == 0)

    def _valid(self, lines: Lines) -> npt.NDArray[np.bool_]:
        """Lines that are JSON to DuckDB and begin with a brace; a few of them Polars may still refuse."""
        if self._duckdb is None:
            self._duckdb = duckdb.connect()
        valid = (
            self._duckdb.from_arrow(_in_batches(lines.arrow))
            .project("json_valid(line) AND ltrim(line, chr(32) || chr(9)) LIKE '{%' AS valid")
            .pl()["valid"]
        )
        result: npt.NDArray[np.bool_] = valid.fill_null(value=False).to_numpy().copy()
        result[list(lines.undecodable)] = False
        return result


def _others(lines: Lines, positions: np.ndarray, events: pl.DataFrame) -> np.ndarray:
    """Those of `positions` whose lines are none of `events`."""
    left = np.zeros(lines.height, np.bool_)
    left[positions] = True
    left[events["line_number"].to_numpy() - lines.first_line] = False
    return np.flatnonzero(left)


def _braced(lines: Lines) -> npt.NDArray[np.bool_]:
    """Lines that begin with a brace and end with one, and were decoded."""
    data = np.frombuffer(lines.data, np.uint8)
    begins = np.zeros(len(lines.ends), np.int64)
    begins[1:] = lines.ends[:-1] + 1
    ends = np.maximum(lines.ends - 1, begins)
    ends = np.where(data[ends] == ord("\r"), np.maximum(ends - 1, begins), ends)
    braced: npt.NDArray[np.bool_] = (data[begins] == ord("{")) & (data[ends] == ord("}"))
    braced[list(lines.undecodable)] = False
    return braced


def _in_batches(text: pa.Array) -> pa.Table:
    """In one batch they would keep one thread of DuckDB busy."""
    starts = range(0, len(text), _LINES_A_BATCH)
    return pa.table({"line": pa.chunked_array([text.slice(start, _LINES_A_BATCH) for start in starts])})


def _is_event(line: str) -> bool:
    try:
        record = looked_at(line)
    except ValueError:
        return False
    return isinstance(record, Object) and any(name == "event_time" for name, _ in record)


def _share(lines: Sequence[str]) -> float:
    return share_of(lines, _is_event)


def _blanked(lines: Lines, positions: np.ndarray) -> bytes:
    """The bytes of `lines`, those at `positions` replaced by an object that says nothing, which is no event either."""
    nothing = dict.fromkeys(positions.tolist(), _NOTHING)
    return replaced(Chunk(lines.data, lines.ends, lines.first_line), nothing).data


FORMAT = TextFormat(
    "ndjson", _share, NdjsonParser, "a JSON object a line that names event_time", native.KEYS, self_delimiting=True,
    line_by_line=True,
)  # fmt: skip
