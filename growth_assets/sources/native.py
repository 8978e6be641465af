"""The native event: the keys that NDJSON, CSV and Parquet files share, and how they become received events.

Keys: event_id, event_time, hostname, action_type, url, referrer, ip, forwarded_for, user_agent, user_id, properties.
Text is kept as received, numbers with their digits; an empty text in one of these keys says nothing and becomes null.
All other keys go to other_properties (see `properties`): a null there says nothing and is left out, an object
or list is kept as JSON text. Keys of `properties` go in as they are, nulls too; when it is no object, it goes
in whole under its own name. A text that holds a JSON object counts as that object.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from growth_assets.contracts.columns import MAP, RECEIVED
from growth_assets.contracts.texts import is_numbered
from growth_assets.sources import moments
from growth_assets.sources.batch import Batch, Rejection, rejected_frame
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Number, Object, clean, from_json, to_text
from growth_assets.sources.properties import extended, maps, named_apart, spread
from growth_assets.sources.reasons import Reason

SCALARS = ("event_id", "hostname", "action_type", "url", "referrer", "ip", "forwarded_for", "user_agent", "user_id")
KEYS = ("event_time", *SCALARS, "properties")

Row = tuple[Any, ...]
"""The values of RECEIVED, in order."""


def _property_pairs(value: Any) -> Iterable[tuple[str, Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, str) and not isinstance(value, Number) and value.startswith("{"):
        try:
            held = from_json(value)
        except ValueError:
            held = None
        if isinstance(held, Object):
            value = held
    if value is None or value == "":
        return []
    return value if isinstance(value, Object) else [("properties", value)]


def event(pairs: Iterable[tuple[str, Any]], context: Context, line_number: int) -> Row | Reason:
    """One event from its keys and values, exactly; of a key given twice the first is the event's."""
    own: dict[str, Any] = {}
    unknown: list[tuple[str, str | None]] = []
    for name, value in pairs:
        if value is None:
            continue
        if name in KEYS and name not in own:
            own[name] = value
        else:
            unknown.append((clean(name), to_text(value)))
    if own.get("event_time", "") == "":
        return Reason.NO_TIME
    found = moments.iso(to_text(own["event_time"]) or "", context.utc_offset)
    if isinstance(found, Reason):
        return found
    scalar: dict[str, str | None] = {name: to_text(own.get(name)) or None for name in SCALARS}
    pairs_of_properties = [(clean(name), to_text(value)) for name, value in _property_pairs(own.get("properties"))]
    unknown.sort(key=lambda pair: pair[0])
    return row(
        scalar | {"hostname": scalar["hostname"] or context.default_hostname},
        found,
        named_apart([*pairs_of_properties, *unknown]),
        line_number,
    )


def row(
    values: Mapping[str, Any],
    moment: tuple[dt.datetime, bool],
    other: Mapping[str, str | None],
    line_number: int,
) -> Row:
    """The values of RECEIVED in order; those not given are null."""
    every = {
        **values,
        "event_timestamp": moment[0],
        "subsecond_clock": moment[1],
        "other_properties": other,
        "line_number": line_number,
    }
    return tuple(every.get(name) for name in RECEIVED)


def frame_of(rows: Sequence[Row]) -> pl.DataFrame:
    """Rows to a frame with the columns of RECEIVED."""
    columns = dict(zip(RECEIVED, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(RECEIVED, ())
    return pl.DataFrame(
        [
            maps(columns[name]).alias(name) if dtype == MAP else pl.Series(name, columns[name], dtype, strict=True)
            for name, dtype in RECEIVED.items()
        ]
    )


_FEW = 64
"""So many events are put between others one by one."""


def merged(parts: Sequence[pl.DataFrame], rejections: Sequence[Rejection]) -> Batch:
    """One batch of frames of events and of rejections, in line order."""
    filled = [part for part in parts if part.height] or [frame_of([])]
    events = filled[0] if len(filled) == 1 else _in_line_order(filled)
    return Batch(events, rejected_frame(rejections), events.height + len(rejections))


def _in_line_order(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    many, *others = sorted(parts, key=lambda part: -part.height)
    few, numbers = pl.concat(others), many["line_number"].to_numpy()
    if few.height > _FEW or (numbers[1:] < numbers[:-1]).any():
        return pl.concat(parts).sort("line_number", maintain_order=True)
    order = np.argsort(few["line_number"].to_numpy(), kind="stable")
    places = np.searchsorted(numbers, few["line_number"].to_numpy()[order], side="right").tolist()
    pieces = []
    for row, begin, end in zip(order.tolist(), [0, *places], places, strict=False):
        pieces += [many[begin:end], few[row : row + 1]]
    return pl.concat([each for each in [*pieces, many[places[-1] :]] if each.height], rechunk=True)


def fast_events(
    frame: pl.DataFrame, context: Context, times: tuple[pl.Series, pl.Series] | None = None
) -> tuple[pl.DataFrame, pl.Series]:
    """Events of a frame of text columns, and a mask of the rows for which only `event` can tell.

    Args:
        frame: the columns KEYS and line_number, then unknown keys; all String, texts of KEYS maybe numbered, but
            line_number (Int64) and properties (JSON text, or a map).
        context: of the file.
        times: what `event_time` says, and whether finer than whole seconds, where it is no text to be read.

    Returns:
        Events of the rows that are sure, and for all rows whether they are not among them.
    """
    extra = sorted(set(frame.columns) - {*KEYS, "line_number"})
    timestamp, subsecond = times or moments.iso_column(frame["event_time"], context.utc_offset)
    odd, bags = timestamp.is_null(), frame["properties"]
    if bags.dtype == pl.String:
        bags, sure = decoded_maps(bags)
        odd |= ~sure
    for name in extra:
        taken = bags.to_frame("m").select(pl.col("m").map.contains_key(name).fill_null(value=False))["m"]
        odd = odd | (taken & frame[name].is_not_null())
    bags = extended(bags, {name: frame[name] for name in extra})
    default = pl.lit(context.default_hostname, dtype=pl.String)
    numbered = {name: _but_empty(frame[name]) for name in SCALARS if is_numbered(frame[name])}
    every = {
        **{name: pl.when(pl.col(name) != "").then(pl.col(name)) for name in SCALARS if name not in numbered},
        "event_name": pl.lit(None, dtype=pl.String),
        "method": pl.lit(None, dtype=pl.String),
        "status": pl.lit(None, dtype=pl.Int32),
        "line_number": pl.col("line_number"),
    }
    every["hostname"] = every["hostname"].fill_null(default)
    made = {each.name: each for each in frame.select(**every)} | numbered
    made |= {"event_timestamp": timestamp, "subsecond_clock": subsecond, "other_properties": bags}
    events = pl.DataFrame([made[name].alias(name) for name in RECEIVED])
    return events.filter(~odd) if odd.any() else events, odd


def _but_empty(texts: pl.Series) -> pl.Series:
    """Numbered texts, null where there is an empty one."""
    empty = pl.Series([""]).cast(texts.dtype).to_physical()[0]
    nothing = texts.to_physical() == empty
    return texts.set(nothing, None) if nothing.any() else texts


_STRING = r'"(?:[^"\\]|\\.)*"'
_PAIR = rf"{_STRING}\s*:\s*(?:{_STRING}|true|false|null|-?[0-9][0-9.eE+-]*)\s*"
_FLAT = rf"^\{{\s*(?:{_PAIR}(?:,\s*{_PAIR})*)?\}}\s*$"
_MOST_KEYS = 32
"""Beyond this many keys Polars' JSON reader gives a map's entries in an order that changes from run to
run."""


def decoded_maps(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    """JSON objects of scalars as maps (null, "" and what is none as empty), and where that could be done."""
    text = pl.col("t")
    looks = (
        texts.alias("t")
        .to_frame()
        .select(
            nothing=(text.is_null() | (text == "")).fill_null(value=True),
            begun=text.str.starts_with("{").fill_null(value=False),
        )
    )
    nothing, begun = looks
    bags = _decode(texts, begun)
    if bags is None:
        # One nested value makes Polars refuse the column.
        begun &= texts.str.contains(_FLAT).fill_null(value=False)
        bags = _decode(texts, begun)
    if bags is None:
        return maps([{}] * len(texts)), nothing
    if not begun.any():
        return bags, nothing
    many = bags.to_frame("m").select(pl.col("m").map.len() > _MOST_KEYS).to_series()
    return bags, nothing | (begun & ~many)


def _decode(texts: pl.Series, objects: pl.Series) -> pl.Series | None:
    positions = objects.arg_true()
    try:
        return spread(texts.gather(positions).str.json_decode(MAP), positions.to_numpy(), len(texts))
    except pl.exceptions.ComputeError:
        return None
