"""Native events as Parquet, one row an event, with columns named as the keys of a native event; or GA4's export.

Rows of GA4's export are known by their columns and read as its JSON lines are. Columns of native events may be
typed: a timestamp with a zone is converted to UTC, one without needs the source's utc_offset.
`properties` may be a map, a struct, or JSON text. Lists, structs and maps elsewhere become JSON text, bytes
that are not UTF-8 are shown as hex. The line number is the number of the row, from 1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from growth_assets.contracts.columns import MAP
from growth_assets.contracts.packed_texts import numbered_chunk
from growth_assets.places import Place, is_remote
from growth_assets.sources import ga4, moments, native
from growth_assets.sources.batch import Batch, Rejection
from growth_assets.sources.errors import SourceError
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Number, Object, to_text
from growth_assets.sources.native import KEYS, Row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.records import Records
from growth_assets.sources.row_digest import RowDigest
from growth_assets.sources.side_by_side import in_order
from growth_assets.sources.text import text_array

BATCH_ROWS = 65_536
"""Memory of larger batches is given back by the allocators and mapped anew for each."""
NUMBERED = ("action_type", "url", "referrer", "user_agent")
"""Texts that come again and again: where a large file packs them by dictionaries they stay numbers of these."""
LEAST_ROWS_NUMBERED, MOST_ROWS_NUMBERED = BATCH_ROWS, 2_000_000
"""Rows of a group that this is done of: of fewer, batches would be small; of more, their numbers would be in memory."""
FEW_BYTES_A_ROW = 4
"""Of a column, not compressed: where texts take no more they come again, or are short."""
MOST_BYTES_NUMBERED = 384 * 2**20
"""Of all such columns and groups of a file, not compressed: their texts, once each, are in memory until it is read."""
_BY_LENGTH = {"PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY", "BIT_PACKED"}
"""Encodings in which a text that is not in the dictionary takes as many bytes as it has."""
_FEW_DAYS = 32
_FEW_WHOLE = 16
"""Of times of which no more than one in so many has no fraction, what stands between is taken as it is."""
_UNEQUAL = "its columns differ in length"
_1970 = dt.date(1970, 1, 1).toordinal()
_FIRST_DAY, _LAST_DAY = 1 - _1970, dt.date.max.toordinal() - _1970
"""Days since 1970 of the years 1 to 9999."""


def batches(
    path: Place, context: Context, rows: int = BATCH_ROWS, digest: RowDigest | None = None, at_once: int = 1
) -> Iterator[Batch]:
    """The events of the file, some rows at a time; `at_once` parts of them are made events at the same time.

    `digest` takes what in the rows settings have a say in: their times and hosts, as they stand in the file.

    Raises:
        SourceError: the file is corrupt, has a type that cannot be shown as text, or has the columns of
        neither.
    """
    digest = digest or RowDigest()
    kinds = {name: pl.Categorical(pl.Categories.random()) for name in NUMBERED}

    def made(numbered: tuple[int, pl.DataFrame]) -> tuple[Batch, Mapping[str, pl.Series | pa.Array]]:
        first, frame = numbered
        if "event_time" in frame.columns:
            return _batch(frame, context, first, kinds)
        if ga4.is_event(dict.fromkeys(frame.columns)):
            return _exported(frame, context, first)
        raise SourceError(
            f"{path}: this Parquet file has no column event_time, nor event_timestamp and event_name as GA4's "
            "exports have. Rename its time column, or keep the file out of `files` of its source in site.toml."
        )

    for batch, digested in in_order(_numbered(_frames(path, rows, kinds)), made, at_once):
        digest.take(digested)
        yield batch


def _numbered(frames: Iterator[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Each with the number of its first row."""
    first = 1
    for frame in frames:
        yield first, frame
        first += frame.height


def _frames(path: Place, rows: int, kinds: Mapping[str, pl.Categorical]) -> Iterator[pl.DataFrame]:
    """The rows as they are, but for columns of `kinds` that are numbered so."""
    try:
        # From a store it is read range by range, and refused by the store where it is another one meanwhile.
        with path.open("rb") if is_remote(path) else nullcontext(path) as opened, pq.ParquetFile(opened) as file:
            numbered = [] if is_remote(path) else _packed(file, kinds)
            if not numbered:
                yield from map(_frame, file.iter_batches(batch_size=rows))
                return
            with pq.ParquetFile(opened, metadata=file.metadata, read_dictionary=numbered) as numbers:
                names = file.schema_arrow.names
                others = [name for name in names if name not in numbered]
                with closing(_Texts(numbers, {name: kinds[name] for name in numbered})) as texts:
                    for batch in file.iter_batches(batch_size=rows, columns=others):
                        yield _frame(batch).hstack(texts.next(len(batch)).get_columns()).select(names)
                    texts.end()
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error:
        if is_remote(path) and isinstance(error, OSError) and (error.errno or type(error) is not OSError):
            # The store's: those of Arrow, which are of the content, have neither a number nor a kind.
            raise OSError(
                f"{path}: cannot be read: {error.strerror or error}. The next look reads it again."
            ) from error
        raise SourceError(
            f"{path}: this Parquet file cannot be read: {error}. Bring the file again, or keep it out of "
            "`files` of its source in site.toml."
        ) from error


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    batch.validate(full=True)  # else corrupt lengths and text would reach Polars unchecked
    frame = pl.from_arrow(batch.rename_columns(_unique(batch.schema.names)))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - for the type checker
    return frame


def _packed(file: pq.ParquetFile, kinds: Collection[str]) -> list[str]:
    """Which columns of `kinds` all groups of rows pack by dictionaries; none where that is not worth while.

    The footer alone tells. Of columns whose texts are too many to be in memory together the smallest are taken.
    """
    names, metadata = file.schema_arrow.names, file.metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if "event_time" not in names or len({*names}) < len(names) or any("." in name for name in names):
        return []
    if not LEAST_ROWS_NUMBERED * len(groups) <= metadata.num_rows > 0:
        return []
    if max(group.num_rows for group in groups) > MOST_ROWS_NUMBERED:
        return []
    places = {groups[0].column(place).path_in_schema: place for place in range(metadata.num_columns)}
    sizes: dict[str, int] = {}
    for name in kinds:
        if name in places and file.schema_arrow.field(name).type in (pa.string(), pa.large_string()):
            columns = [group.column(places[name]) for group in groups]
            if all(column.has_dictionary_page for column in columns) and _come_again(columns):
                sizes[name] = sum(column.total_uncompressed_size for column in columns)
    smallest = sorted(sizes, key=sizes.__getitem__)
    together = accumulate(sizes[name] for name in smallest)
    return [name for name, size in zip(smallest, together, strict=True) if size <= MOST_BYTES_NUMBERED]


def _come_again(columns: Collection[pq.ColumnChunkMetaData]) -> bool:
    """Whether the groups of a column hold each text twice in the mean or more, as far as the footer tells.

    Texts that a writer's dictionary had no room for are in the rows, though there is a dictionary. So it goes by the
    bytes, of which each text takes four more than it has.
    """
    if not all(_BY_LENGTH.issuperset(column.encodings) for column in columns):
        return False
    size = sum(int(column.total_uncompressed_size) for column in columns)
    return size <= sum(_bytes_of_twice(column) for column in columns)


def _bytes_of_twice(column: pq.ColumnChunkMetaData) -> int:
    """What a group takes at most if each text comes twice: how long texts are its first and last by order show."""
    told = column.statistics
    shortest = min(len(told.min_raw), len(told.max_raw)) if told is not None and told.has_min_max else 0
    return int(column.num_values) * max(FEW_BYTES_A_ROW, (4 + shortest) // 2)


class _Texts:
    """Columns of texts as numbers, some rows at a time; a group of them is read while the one before is taken."""

    def __init__(self, file: pq.ParquetFile, kinds: Mapping[str, pl.Categorical]) -> None:
        self._file, self._kinds = file, kinds
        self._rows = pl.DataFrame(schema=kinds)
        self._groups = iter(range(file.num_row_groups))
        self._pool = ThreadPoolExecutor(1)
        self._coming = self._begin()

    def next(self, height: int) -> pl.DataFrame:
        """So many more rows."""
        while self._rows.height < height:
            self._take()
        some, self._rows = self._rows.head(height), self._rows.slice(height)
        return some

    def end(self) -> None:
        """The other columns have no more rows.

        Raises:
            ValueError: these have.
        """
        while self._coming and not self._rows.height:
            self._take()
        if self._rows.height:
            raise ValueError(_UNEQUAL)

    def close(self) -> None:
        """Nobody asks for more."""
        self._pool.shutdown(cancel_futures=True)

    def _take(self) -> None:
        if not self._coming:
            raise ValueError(_UNEQUAL)
        group = self._coming.result()
        self._coming = self._begin()
        self._rows = pl.concat([self._rows, group], rechunk=True)

    def _begin(self) -> Future[pl.DataFrame] | None:
        group = next(self._groups, None)
        return None if group is None else self._pool.submit(self._read, group)

    def _read(self, group: int) -> pl.DataFrame:
        columns = self._file.read_row_group(group, columns=[*self._kinds], use_threads=False)
        columns.validate(full=True)
        return pl.DataFrame([_as_numbers(columns.column(name), kind, name) for name, kind in self._kinds.items()])


def _as_numbers(column: pa.ChunkedArray, kind: pl.Categorical, name: str) -> pl.Series:
    parts = [numbered_chunk(chunk, kind) for chunk in column.chunks]
    return pl.concat([pl.Series(name, [], dtype=kind), *parts], rechunk=True)


def _unique(names: list[str]) -> list[str]:
    """Column names with a number where one is given twice."""
    result: list[str] = []
    for name in names:
        free, number = name, 1
        while free in result:
            number += 1
            free = f"{name}#{number}"
        result.append(free)
    return result


def _batch(
    frame: pl.DataFrame, context: Context, first: int, kinds: Mapping[str, pl.Categorical]
) -> tuple[Batch, Mapping[str, pl.Series | pa.Array]]:
    """The events of some rows, and what is digested of them."""
    own = {name for name, kind in kinds.items() if frame.schema.get(name) == kind}
    texts = {
        name: frame[name] if name in own else _text(frame[name])
        for name in frame.columns
        if name not in {"event_time", "properties"}
    }
    times = _time(frame["event_time"])
    texts["event_time"] = times if isinstance(times, pl.Series) else pl.Series("event_time", pl.from_arrow(times))
    if "properties" in frame.columns:
        texts["properties"] = _properties(frame["properties"])
    digested = {name: texts[name] for name in ("event_time", "hostname") if name in texts} | {"event_time": times}
    if "line_number" in texts:
        # Its name is taken below: such files are read row by row.
        events, odd = native.frame_of([]), list(range(frame.height))
    else:
        absent = {name: pl.Series(name, [None] * frame.height, dtype=pl.String) for name in KEYS if name not in texts}
        numbers = pl.Series("line_number", np.arange(first, first + frame.height), dtype=pl.Int64)
        columns = [column.alias(name) for name, column in (texts | absent).items()]
        events, unsure = native.fast_events(pl.DataFrame([*columns, numbers]), context, _moments(frame["event_time"]))
        odd = unsure.arg_true().to_list()
    rows: list[Row] = []
    rejections: list[Rejection] = []
    for position in odd:
        pairs = [(name, _value(column[position])) for name, column in texts.items()]
        found = native.event(pairs, context, first + position)
        if isinstance(found, Reason):
            rejections.append((first + position, found, to_text(_value(frame.row(position, named=True))) or ""))
        else:
            rows.append(found)
    told = native.frame_of(rows).with_columns(pl.col(name).cast(kinds[name]) for name in own)
    return native.merged([events, told], rejections), digested


def _exported(frame: pl.DataFrame, context: Context, first: int) -> tuple[Batch, Mapping[str, pl.Series | pa.Array]]:
    """The same of rows of GA4's export."""
    records = Records(ga4.TRACKER, context)
    texts: list[str] = []
    for number, values in enumerate(frame.iter_rows(named=True), start=first):
        record = _value(values)
        texts.append(to_text(record) or "")
        records.add(number, texts[-1], ga4.TRACKER.leaves(record))
    return records.batch(), {"record": pl.Series(texts, dtype=pl.String)}


def _time(column: pl.Series) -> pl.Series | pa.Array:
    """Times as ISO 8601 text, so that typed and written times are read alike."""
    if not isinstance(column.dtype, pl.Datetime):
        return _text(column)
    zone = "" if column.dtype.time_zone is None else "Z"
    utc = column if not zone else column.dt.convert_time_zone("UTC")
    if (written := _written(utc, zone)) is not None:
        return written
    texts = utc.dt.to_string("%Y-%m-%dT%H:%M:%S%.9f")
    if zone or (utc.dt.truncate("1s") == utc).any():
        texts = texts.str.replace(r"\.000000000$", "") + zone
    return texts


def _written(utc: pl.Series, zone: str) -> pa.Array | None:
    """The same digit by digit, in a third of the time; None of times that are missing, finer or of many days."""
    digits = {"ms": 3, "us": 6}.get(getattr(utc.dtype, "time_unit", ""))
    if digits is None or utc.null_count() or not len(utc):
        return None
    ticks = utc.to_physical().to_numpy()
    seconds = ticks // 10**digits
    first, last = int(seconds.min()) // 86_400, int(seconds.max()) // 86_400
    days = None if first == last else seconds // 86_400
    every = [first] if days is None else np.unique(days).tolist()
    if len(every) > _FEW_DAYS or first < _FIRST_DAY or last > _LAST_DAY:
        return None
    form = f"0000-00-00T00:00:00.000000000{zone}".encode()
    rows = np.tile(np.frombuffer(form, np.uint8), (len(utc), 1))
    for day in every:
        date = np.frombuffer(dt.date.fromordinal(day + _1970).isoformat().encode(), np.uint8)
        rows[slice(None) if days is None else days == day, : len(date)] = date
    left = (ticks - 10**digits * seconds).astype(np.int32)
    signs = _signs_in(rows)
    signs["clock"] = _clocks()[seconds - 86_400 * (first if days is None else days)]
    signs["thousandths"] = _THOUSANDTHS[left // 10 ** (digits - 3)]
    if digits > 3:
        signs["finer"] = _FINER[left % 10 ** (digits - 3)]
    whole = np.flatnonzero(left == 0)
    ends = np.arange(0, len(form) * (len(utc) + 1), len(form))
    if len(whole):
        ends[1:] -= 10 * np.cumsum(left == 0)
    return text_array(_without_fractions(rows, whole), ends)


def _signs_in(rows: npt.NDArray[np.uint8]) -> Any:  # noqa: ANN401 - fields of several types
    """The clocks and fractions in times that are written, several signs at once, as numbers that hold their bytes."""
    formats, offsets = [np.uint64, np.uint32, np.uint32], [11, 19, 23]
    names = ["clock", "thousandths", "finer"]
    kind = {"names": names, "formats": formats, "offsets": offsets, "itemsize": rows.shape[1]}
    return rows.view(np.dtype(kind))[:, 0]  # type: ignore[call-overload]


@cache
def _clocks() -> npt.NDArray[np.uint64]:
    every = [f"{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}" for at in range(86_400)]
    return np.array(every, "S8").view(np.uint64)


_THOUSANDTHS = np.array([f".{number:03}" for number in range(1_000)], "S4").view(np.uint32)
_FINER = np.array([f"{number:03}0" for number in range(1_000)], "S4").view(np.uint32)


def _without_fractions(rows: npt.NDArray[np.uint8], whole: npt.NDArray[np.int64]) -> bytes:
    """The bytes of times, without the fraction of those at `whole`."""
    height, length = rows.shape
    if _FEW_WHOLE * len(whole) > height:
        kept = np.ones(rows.shape, np.bool_)
        kept[whole, 19:29] = False
        return rows[kept].tobytes()
    content = memoryview(rows.tobytes())
    cuts = [0, *(cut for row in whole.tolist() for cut in (row * length + 19, row * length + 29)), height * length]
    return b"".join(content[begin:end] for begin, end in zip(cuts[::2], cuts[1::2], strict=True))


def _moments(column: pl.Series) -> tuple[pl.Series, pl.Series] | None:
    """Times and subsecond flags, as `moments.iso_column` gives them; None of times that have to be read as texts."""
    if not isinstance(column.dtype, pl.Datetime) or column.dtype.time_zone is None or column.dtype.time_unit == "ns":
        return None
    local = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return moments.within(local.cast(pl.Datetime("us")), local.dt.truncate("1s") != local)


def _text(column: pl.Series) -> pl.Series:
    if column.dtype == pl.String:
        return column
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return pl.Series(column.name, [to_text(_value(each)) for each in column], dtype=pl.String)
    return column.cast(pl.String)


def _properties(column: pl.Series) -> pl.Series:
    """A map, or JSON text; a null field of a struct says nothing."""
    if column.dtype in (MAP, pl.String):
        return column
    if isinstance(column.dtype, pl.Struct):
        values = [
            None if each is None else _value({name: value for name, value in each.items() if value is not None})
            for each in column.to_list()
        ]
        return pl.Series(column.name, [to_text(value) for value in values], dtype=pl.String)
    return _text(column)


def _value(value: Any) -> Any:  # noqa: ANN401 - any value of a Parquet file
    """A value of a row as a JSON value."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, pl.Series):
        value = value.to_list()
    if isinstance(value, dict):
        return Object((name, _value(each)) for name, each in value.items())
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return Number(value)
