"""Events that GA4 exports through BigQuery, as JSON lines or Parquet.

`event_timestamp` is in microseconds, a number or a text. Parameters are lists of a key and a value of one of several
types; each becomes an entry of its own. There is no address and no user agent: the visitor is `user_pseudo_id`,
country and brand are those that GA4 found out.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from growth_assets.sources import moments
from growth_assets.sources.json_lines import text_format
from growth_assets.sources.json_values import Object
from growth_assets.sources.moments import Moment
from growth_assets.sources.reasons import Reason
from growth_assets.sources.tracked import Times, Tracker

_MICROSECONDS = re.compile(r"[0-9]{7,18}", re.ASCII)
_TYPED = "_value"
"""What the name of a value of a parameter ends with: string_value, int_value, float_value, double_value."""


def _moment(text: str, utc_offset: str | None) -> Moment | Reason:  # noqa: ARG001 - GA4's times are UTC
    if not _MICROSECONDS.fullmatch(text):
        return Reason.BAD_TIME
    return moments.epoch(f"{text[:-6]}.{text[-6:]}")


def _column(texts: pl.Series, utc_offset: str | None) -> tuple[pl.Series, pl.Series]:  # noqa: ARG001
    # The exact pattern's shortest is longer than a second's microseconds, so that both parts are there.
    parts = texts.str.extract_groups(r"^([0-9]{1,12})([0-9]{6})$").struct.unnest()
    return moments.epoch_column(parts.to_series(0) + "." + parts.to_series(1))


def _opened(record: Object) -> Object:
    """The record with its lists of parameters as objects."""
    return Object(
        (name, _parameters(value)) if name in {"event_params", "user_properties"} else (name, value)
        for name, value in record
    )


def _parameters(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """An object of the keys and values of a list of parameters; what is no such list stays as it is."""
    listed = _unwrapped(value)
    if not isinstance(listed, list) or isinstance(listed, Object):
        return value
    result = Object()
    for each in listed:
        parameter = _parameter(each)
        if parameter is None:
            return value
        result += parameter
    return result


def _parameter(each: Any) -> list[tuple[str, Any]] | None:  # noqa: ANN401 - any JSON value
    """Key and value of one parameter; several pairs where it has more than the one value."""
    if not isinstance(each, Object) or sorted(name for name, _ in each) != ["key", "value"]:
        return None
    key, value = dict(each)["key"], dict(each)["value"]
    if type(key) is not str or not isinstance(value, Object):
        return None
    given = [(name, held) for name, held in value if held is not None]
    typed = [name for name, _ in given if name.endswith(_TYPED)]
    return [(key if [name] == typed else f"{key}.{name}", held) for name, held in given]


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """A list as BigQuery writes it to Parquet without list inference: {list: [{element: ...}]}."""
    if not isinstance(value, Object) or [name for name, _ in value] != ["list"] or not isinstance(value[0][1], list):
        return value
    wrapped = value[0][1]
    if not all(isinstance(each, Object) and [name for name, _ in each] == ["element"] for each in wrapped):
        return value
    return [each[0][1] for each in wrapped]


TRACKER = Tracker(
    time=("event_timestamp",),
    name=("event_name",),
    times=Times(_moment, _column),
    hostname=("device.web_info.hostname",),
    url=("event_params.page_location",),
    referrer=("event_params.page_referrer",),
    user_id=("user_id",),
    anonymous_id=("user_pseudo_id",),
    country=("geo.country",),
    brand=("device.mobile_brand_name",),
    bags=("event_params",),
    opened=_opened,
)


def is_event(names: dict[str, object]) -> bool:
    """Whether an object, or a row with these columns, is an exported event."""
    return {"event_timestamp", "event_name"} <= names.keys()


FORMAT = text_format(
    "ga4",
    TRACKER,
    is_event,
    "an object a line with event_timestamp and event_name",
    ("event_timestamp", "event_name", "event_params", "user_pseudo_id"),
)
