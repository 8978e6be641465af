"""Events of trackers, in the words of one tracker each.

The tracker's own name of an event becomes `event_name`, which the action rules bring to an action, and stays visible
in other_properties as `event`. Its own id of the visitor is `anonymous_id` there, and country and brand that it found
out are `geo_country` and `device_brand`. A user_id that is no whole number of BIGINT is kept there too, as text: such
ids are usual among trackers, and rows are not put aside for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from growth_assets.contracts.columns import ANONYMOUS_ID, DEVICE_BRAND, GEO_COUNTRY, RECEIVED
from growth_assets.sources import moments
from growth_assets.sources.alike import Alike
from growth_assets.sources.format import Context
from growth_assets.sources.json_values import Object
from growth_assets.sources.moments import Moment
from growth_assets.sources.native import Row, row
from growth_assets.sources.reasons import Reason
from growth_assets.sources.said import Leaves, Said, leaves

Names = tuple[str, ...]
"""Dotted names; the first that says something counts."""

_WHOLE = r"-?[0-9]{1,19}"
_BIGINT = range(-(2**63), 2**63)
_HOST = r"[Hh][Tt][Tt][Pp][Ss]?://(?:[^/?#@]*@)?([^/?#@]+)"
_EXACT_WHOLE, _EXACT_HOST = re.compile(_WHOLE), re.compile(_HOST)


@dataclass(frozen=True)
class Times:
    """How a tool writes times: one reader for a text, and one for a column, which gives null where it is not sure."""

    moment: Callable[[str, str | None], Moment | Reason]
    column: Callable[[pl.Series, str | None], tuple[pl.Series, pl.Series]]

    def of(self, said: Said, names: Names, context: Context) -> Moment | Reason:
        """The time of a record, under the first of `names` that says something; taken from what it says."""
        text = said.take(names)
        return Reason.NO_TIME if text is None else self.moment(text, context.utc_offset)


ISO = Times(moments.iso, moments.iso_column)
"""ISO 8601; an offset is needed in the text or by the source."""
ISO_UTC = Times(
    lambda text, utc_offset: moments.iso(text, "+00:00"),  # noqa: ARG005
    lambda texts, utc_offset: moments.iso_column(texts, "+00:00"),  # noqa: ARG005
)
"""ISO 8601 of a tracker that writes UTC without saying so."""


@dataclass(frozen=True)
class Tracker:
    """Where a tracker says what."""

    time: Names
    name: Names
    """Of the event's name, or of its kind."""
    times: Times = ISO
    named_by: Mapping[str, str] = field(default_factory=dict)
    """Kind of event to where its name stands, where that is elsewhere."""
    kind: str = "type"
    """Entry of other_properties that the kind becomes then."""
    event_id: Names = ()
    hostname: Names = ()
    """Of the host, where the URL names none."""
    url: Names = ()
    referrer: Names = ()
    ip: Names = ()
    user_agent: Names = ()
    user_id: Names = ()
    anonymous_id: Names = ()
    country: Names = ()
    """Of the country's code, or its English name."""
    brand: Names = ()
    url_parts: Names = ()
    """Parts of URL or referrer; left out where they stand in one of them."""
    bags: Names = ()
    """Objects at the top whose keys go to other_properties under their own names."""
    opened: Callable[[Object], Object] = lambda record: record
    """Brings a record to plain keys and values before it is read."""

    def leaves(self, record: Object) -> Leaves:
        """All that a record says."""
        return leaves(self.opened(record), self.bags)

    def said(self, found: Leaves) -> Said:
        """What is left to take of a record."""
        return Said(found, self.bags)

    def alike(self, names: Sequence[str], texts: Sequence[Sequence[str]]) -> Alike:
        """What is left to take of records of one shape."""
        return Alike(names, texts, self.bags)

    def event(self, said: Said, context: Context, line_number: int) -> Row | Reason:
        """The event that says so."""
        moment = self.times.of(said, self.time, context)
        if isinstance(moment, Reason):
            return moment
        kind = said.take(self.name)
        name = said.take((self.named_by[kind],)) if kind and kind in self.named_by else None
        url, referrer = said.take(self.url), said.take(self.referrer)
        host = _EXACT_HOST.match(url) if url else None
        values = {
            "event_id": said.take(self.event_id),
            "hostname": host[1] if host else said.look(self.hostname) or context.default_hostname,
            "event_name": name or kind,
            "url": url,
            "referrer": referrer,
            "ip": said.take(self.ip),
            "user_agent": said.take(self.user_agent),
        }
        said.put("event", name or kind)
        said.put(self.kind, kind if name else None)
        user = said.take(self.user_id)
        if user and _EXACT_WHOLE.fullmatch(user) and int(user) in _BIGINT:
            values["user_id"] = user
        else:
            said.put("user_id", user)
        said.put(ANONYMOUS_ID, said.take(self.anonymous_id))
        said.put(GEO_COUNTRY, said.take(self.country))
        said.put(DEVICE_BRAND, said.take(self.brand))
        if url or referrer:
            said.drop(self.url_parts, " ".join(filter(None, (url, referrer))))
        told = {text for text in (values["ip"], values["user_agent"], url, referrer) if text}
        return row(values, moment, said.rest(told), line_number)

    def events(self, said: Alike, context: Context) -> tuple[pl.DataFrame, pl.Series] | None:
        """`event` of records of one shape.

        Returns:
            Columns of RECEIVED but line_number, and where only `event` can tell; None where it has to for all.
        """
        timestamp, subsecond = self.times.column(said.take(self.time), context.utc_offset)
        kind = said.take(self.name)
        name = said.nothing
        for each, where in self.named_by.items():
            name = first(name, said.take((where,), where=kind == each))
        url, referrer = said.take(self.url), said.take(self.referrer)
        values = {
            "event_id": said.take(self.event_id),
            "hostname": first(url.str.extract(f"^{_HOST}"), said.look(self.hostname), context.default_hostname),
            "event_name": first(name, kind),
            "url": url,
            "referrer": referrer,
            "ip": said.take(self.ip),
            "user_agent": said.take(self.user_agent),
        }
        said.put("event", values["event_name"])
        said.put(self.kind, kind.zip_with(name.is_not_null(), said.nothing))
        user = said.take(self.user_id)
        whole = (user.str.contains(f"^{_WHOLE}$") & user.cast(pl.Int64, strict=False).is_not_null()).fill_null(
            value=False
        )
        values["user_id"] = user.zip_with(whole, said.nothing)
        said.put("user_id", user.zip_with(~whole, said.nothing))
        said.put(ANONYMOUS_ID, said.take(self.anonymous_id))
        said.put(GEO_COUNTRY, said.take(self.country))
        said.put(DEVICE_BRAND, said.take(self.brand))
        said.drop(self.url_parts, first(url + " " + referrer, url, referrer))
        other = said.rest((values["ip"], values["user_agent"], url, referrer))
        return None if other is None else (received(values, timestamp, subsecond, other), timestamp.is_null())


def first(*columns: pl.Series | str | None) -> pl.Series:
    """The first of the columns, and of texts for all rows, that is not null."""
    given = [pl.lit(each) if isinstance(each, pl.Series) else pl.lit(each, dtype=pl.String) for each in columns]
    return pl.select(pl.coalesce(given)).to_series()


def received(
    values: Mapping[str, pl.Series], timestamp: pl.Series, subsecond: pl.Series, other: pl.Series
) -> pl.DataFrame:
    """The columns of RECEIVED but line_number; those not given are null."""
    every = {**values, "event_timestamp": timestamp, "subsecond_clock": subsecond, "other_properties": other}
    return pl.DataFrame(
        [
            every[name].alias(name) if name in every else pl.Series(name, [None], dtype).new_from_index(0, len(other))
            for name, dtype in RECEIVED.items()
            if name != "line_number"
        ]
    )
