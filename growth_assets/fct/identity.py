"""Each event once, each with a key of its own: duplicates are dropped, equal times are told apart.

May be split by visitor: no row of one visitor looks at a row of another.

Order decides twice here: which of two deliveries of an event stays, and which of two events of a visitor in the same
instant comes first. It is taken from content alone, so that renaming, copying, rotating or the order of arrival
change nothing: time of the event, then time of the first event of its file, then line, then the remaining fields.

All is found out on the few narrow columns that decide; the wide rows are moved once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import polars as pl

from growth_assets.contracts.whole_numbers import Numbers
from growth_assets.fct.received import ONE_THREAD, ROWS_AT_ONCE

VISITOR = "logged_out_user_id"

ORDER = ("event_timestamp", VISITOR, "file_started_at", "line_number")

CONTENT = (
    "dim_hostname", "dim_action_type", "received_url", "received_referrer", "received_user_id", "event_id",
    "other_properties", "subsecond_clock", "dim_source", "is_bot",
)  # fmt: skip
"""What an event says beside who and when. Two events that agree in all of it are the same to any reader.

is_bot is among them: no user agent and an empty one are one visitor, but only the empty one is a robot's.
"""

DAY_MICROSECONDS = 86_400_000_000

MOST_ROWS_OF_TWO = 20_000_000
"""Of more rows one column is moved at a time, as each is there twice meanwhile."""

AsReceived = Callable[[str], pl.Series]
"""Name of a column to its value of each event. Of a large day it is read when it is asked for, and not held."""


def identify(
    events: pl.DataFrame, as_received: AsReceived, columns: Sequence[str], suspects: Suspects | None = None
) -> tuple[pl.DataFrame, int]:
    """Rows without duplicates, event_timestamp unique within a visitor and still within its day.

    Args:
        events: the good events; it is used up.
        as_received: what they have beside that.
        columns: those that are wanted.
        suspects: those among the events, where they are known already.

    Returns:
        The rows that stay, by time and visitor, and how many were dropped, counted for itself.
    """
    large, two = events.height > ONE_THREAD, events.height <= MOST_ROWS_OF_TWO
    late = [name for name in columns if name not in events.columns]
    with ThreadPoolExecutor(2 if two else 1) as pool:
        # To put all in order keeps one core busy at most, so that what is not there yet is read meanwhile.
        begun = {name: pool.submit(as_received, name) for name in late} if large and two else {}

        def told(name: str) -> pl.Series:
            return begun[name].result() if name in begun else as_received(name)

        suspects = suspects or Suspects.of(told)
        ordered = _in_order(events, told)
        repeated = suspects.repeated(ordered, events, told)
        del suspects
        dropped = 0 if repeated is None else int(repeated.sum())
        if repeated is not None:
            ordered = ordered.filter(~repeated)
        ordered = tell_apart(ordered)
        position, moment = ordered["position"], ordered["event_timestamp"]
        del ordered, repeated
        events.drop_in_place("event_timestamp")
        taken = {name: events.drop_in_place(name) for name in columns if name in events.columns}

        def move(name: str) -> pl.Series:
            column = taken.pop(name) if name in taken else begun.pop(name).result() if name in begun else told(name)
            if len(position) > ROWS_AT_ONCE and (column.dtype.is_nested() or column.n_chunks() > 1):
                pieces = column.get_chunks()
                del column
                return _in_pieces(pieces, position).alias(name)
            return column.rechunk()[position]

        # Column by column, so that no more than two are there twice. What is not there yet takes longest to be moved,
        # and comes first where two are moved at a time, else last.
        every = pool.map if large else map
        moved = every(move, [*late, *taken] if two else [*taken, *late])
        rows = {column.name: column for column in [*moved, moment]}
    return pl.DataFrame([rows[name] for name in columns]), dropped


def _in_pieces(pieces: list[pl.Series], position: pl.Series) -> pl.Series:
    """The rows at `position` of a column that comes in pieces; each piece is given up when all its rows are taken.

    Events mostly come in the order of their times, so that the column is not there twice.
    """
    ends = np.cumsum([0, *map(len, pieces)])
    wanted = [position.slice(first, ROWS_AT_ONCE).to_numpy() for first in range(0, len(position), ROWS_AT_ONCE)]
    touched = [_touched(rows, ends) for rows in wanted]
    last = {number: place for place, numbers in enumerate(touched) for number in numbers}

    def take(rows: npt.NDArray[np.uint32], numbers: Sequence[int]) -> pl.Series:
        low, width = _span(rows)
        if _together(width, rows):
            parts = [pieces[each][max(low - ends[each], 0) : low + width - ends[each]] for each in numbers]
            return pl.concat(parts, rechunk=True).gather(rows - np.uint32(low))
        order = np.argsort(rows)
        ordered = rows[order]
        begin = np.searchsorted(ordered, ends)
        place = np.empty(len(rows), np.uint32)
        parts, height = [], 0
        for number in numbers:
            here, some = (each[begin[number] : begin[number + 1]] for each in (order, ordered))
            first, width = _span(some)
            # Rows that lie together are copied as they lie.
            together = _together(width, some)
            within = pieces[number].slice(first - ends[number], width)
            parts.append(within if together else pieces[number].gather(some - ends[number]))
            place[here] = height + (some - first if together else np.arange(len(some)))
            height += len(parts[-1])
        return pl.concat(parts, rechunk=True).gather(place)

    taken = []
    with ThreadPoolExecutor(2) as pool:
        for at, part in enumerate(pool.map(take, wanted, touched)):
            taken.append(part)
            for number in touched[at]:
                if last[number] == at:
                    pieces[number] = pieces[number].clear()
    return pl.concat(taken, rechunk=False)


def _touched(rows: npt.NDArray[np.uint32], ends: npt.NDArray[np.int64]) -> Sequence[int]:
    """The pieces that rows are in; of rows that lie together those between as well. A piece begins at its `ends`."""
    low, width = _span(rows)
    if _together(width, rows):
        first, last = np.searchsorted(ends, (low, low + width - 1), side="right").tolist()
        return range(first - 1, last)
    met: Sequence[int] = np.flatnonzero(np.diff(np.searchsorted(np.sort(rows), ends))).tolist()
    return met


def _span(rows: Numbers) -> tuple[int, int]:
    """The first row, and how many there are from it to the last."""
    low = int(rows.min())
    return low, int(rows.max()) - low + 1


def _together(width: int, rows: Numbers) -> bool:
    return width <= 2 * len(rows)


def _in_order(events: pl.DataFrame, as_received: AsReceived) -> pl.DataFrame:
    """Visitor and event_timestamp in order, with `position`, the row of `events` they stand for."""
    if events.is_empty():
        return events.select(VISITOR, "event_timestamp", position=pl.lit(0, dtype=pl.UInt32))
    time = events["event_timestamp"].to_physical().rechunk().to_numpy()
    visitor = events[VISITOR].rechunk().to_numpy()
    begin, end = int(time.min()), int(time.max())
    # What decides first, the time, and as much of the visitor as there is room for beside it, in one number; events
    # mostly come in the order of their times, so that there is little to sort.
    room = 64 - (end - begin).bit_length()
    # In place: of a large day each such array takes as much as a column.
    key = (time - begin).view(np.uint64)
    key <<= np.uint64(room)
    some = visitor.view(np.uint64) ^ np.uint64(1 << 63)
    some >>= np.uint64(64 - room)
    key |= some
    del some
    position = np.argsort(key, kind="stable").astype(np.uint32)
    key = key[position]
    again = key[1:] == key[:-1]
    if again.any():
        alike = np.zeros(len(key), bool)
        alike[1:] |= again
        alike[:-1] |= again
        position[alike] = _sorted(events, as_received, position[alike])
    del key, again
    return pl.DataFrame(
        {
            VISITOR: visitor[position],
            "event_timestamp": pl.Series(time[position]).cast(pl.Datetime("us")),
            "position": position,
        }
    )


def _sorted(events: pl.DataFrame, as_received: AsReceived, rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Some rows in the order of `ORDER`, and of their fields where that leaves anything open."""
    position = pl.Series("position", rows)
    narrow = _some(events, as_received, ORDER, position).with_columns(position).sort(*ORDER)
    # Only files that begin in the same instant and agree in a line number leave anything to the fields.
    if narrow.select(_as_before(*ORDER).any()).item():
        wide = _some(events, as_received, (*ORDER, *CONTENT), position).with_columns(position)
        narrow = wide.sort(*ORDER, *CONTENT, nulls_last=False)
    return narrow["position"].to_numpy()


def _as_before(*names: str) -> pl.Expr:
    """True where a row agrees with the row before it in all of `names`."""
    return pl.all_horizontal((pl.col(name) == pl.col(name).shift(1)).fill_null(value=False) for name in names)


@dataclass(frozen=True)
class Suspects:
    """The events that may have been delivered before, to be looked at when all are in order."""

    ids: pl.Series
    """Of those that share an id with another one, by its hash. The other one may be a bad event."""
    shared: pl.Series
    """Which these are."""
    doubtful: pl.Series
    """Events without id, told by a clock finer than a second.

    Under a clock of whole seconds two equal lines are two events: people do click twice in a second.
    """

    @classmethod
    def of(cls, as_received: AsReceived) -> Suspects:
        """Of all events."""
        # Ids are compared by hash first: most days repeat few of them or none.
        ids = as_received("event_id")
        without = ids.is_null()
        hashes = ids.hash()
        in_order = hashes.sort()
        twice = in_order.filter(in_order == in_order.shift(1)).unique()
        del in_order
        nobody = pl.repeat(value=False, n=len(ids), dtype=pl.Boolean, eager=True)
        shared = ~without & hashes.is_in(twice.implode()) if len(twice) else nobody
        return cls(ids.filter(shared), shared, without & as_received("subsecond_clock") if without.any() else nobody)

    def among(self, good: pl.Series) -> Suspects:
        """The same of some of the events."""
        return Suspects(self.ids.filter(good.filter(self.shared)), self.shared.filter(good), self.doubtful.filter(good))

    def repeated(self, ordered: pl.DataFrame, events: pl.DataFrame, as_received: AsReceived) -> pl.Series | None:
        """True where an event was delivered before; None where none was."""
        found = [
            each
            for each in (self.repeated_ids(ordered), self.repeated_fields(ordered, events, as_received))
            if each is not None
        ]
        return reduce(or_, found) if found else None

    def repeated_ids(self, ordered: pl.DataFrame) -> pl.Series | None:
        """True where the visitor's event of this event_id was delivered before."""
        if self.ids.is_empty():
            return None
        suspect = self.shared.gather(ordered["position"])
        rows = ordered.filter(suspect)
        place = self.shared.arg_true().search_sorted(rows["position"])
        rows = rows.select(VISITOR, self.ids.gather(place))
        return _scattered(suspect, ~rows.select(pl.struct(VISITOR, "event_id").is_first_distinct()).to_series())

    def repeated_fields(self, ordered: pl.DataFrame, events: pl.DataFrame, as_received: AsReceived) -> pl.Series | None:
        """True where one of the doubtful was delivered before in all fields."""
        if not self.doubtful.any():
            return None
        instant = ordered.select(_as_before(VISITOR, "event_timestamp")).to_series()
        suspect = (instant | instant.shift(-1, fill_value=False)) & self.doubtful.gather(ordered["position"])
        rows = _some(events, as_received, (VISITOR, "event_timestamp", *CONTENT), ordered.filter(suspect)["position"])
        repeated = ~rows.select(pl.struct(pl.all()).is_first_distinct()).to_series()
        return _scattered(suspect, repeated)


def _some(events: pl.DataFrame, as_received: AsReceived, names: Sequence[str], rows: pl.Series) -> pl.DataFrame:
    """Columns of some rows, of the events or as received."""
    there = (events[name] if name in events.columns else as_received(name) for name in names)
    return pl.DataFrame([column.gather(rows) for column in there])


def _scattered(where: pl.Series, values: pl.Series) -> pl.Series:
    """False, but `values` in order where `where` is true."""
    result = pl.repeat(value=False, n=len(where), dtype=pl.Boolean, eager=True)
    return result.scatter(where.arg_true(), values) if len(values) else result


def tell_apart(ordered: pl.DataFrame) -> pl.DataFrame:
    """Events of one visitor in one instant get a microsecond more each, in order; none leaves its day.

    `ordered` is in the order of `ORDER`; the result is by time and visitor.
    """
    crowded = ordered.filter(_as_before(VISITOR, "event_timestamp")).select(VISITOR).unique()
    if crowded.is_empty():
        return ordered
    rows = ordered[VISITOR].is_in(crowded[VISITOR].implode()).arg_true()
    moved = ordered[rows]
    position = pl.int_range(pl.len()).over(VISITOR)
    time = pl.col("event_timestamp").dt.timestamp("us")
    # Strictly increasing within a visitor: a time that is taken moves on to the next free microsecond ...
    forward = ((time - position).cum_max() + position).over(VISITOR)
    # ... and where that runs into midnight, the last ones of the day move back instead.
    last = (time // DAY_MICROSECONDS + 1) * DAY_MICROSECONDS - 1 - (pl.len().over(VISITOR) - 1 - position)
    moved = moved.with_columns(pl.min_horizontal(forward, last).cast(pl.Datetime("us")).alias("event_timestamp"))
    moment = ordered["event_timestamp"].scatter(rows, moved["event_timestamp"])
    return ordered.with_columns(moment).sort("event_timestamp", VISITOR)
