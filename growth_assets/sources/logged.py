"""What the fields of a logged request become: the columns of a received event, and other_properties.

A value of "-" or "" says nothing, but for the user agent: that none was sent tells a robot from a browser, so it
stays, as "-". Where several fields can fill a column, the first that says something does; those that are not first
in line stay under their own names. All other fields go to other_properties.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from growth_assets.contracts.columns import RECEIVED
from growth_assets.sources.format import Context
from growth_assets.sources.properties import extended

NOT_SENT = "-"
"""The user agent of a request that had none, in a format that logs user agents."""

_FROM = {
    "ip": ("remote_addr", "remote_host", "peer_address"),
    "hostname": ("virtual_host", "canonical_host", "host", "http_host", "server_name", "url_host", "domain_name"),
    "method": ("method",),
    "url": ("target", "request_uri", "uri"),
    "status": ("status", "original_status"),
    "referrer": ("http_referer",),
    "user_agent": ("http_user_agent",),
    "forwarded_for": ("http_x_forwarded_for", "proxy_add_x_forwarded_for", "http_forwarded"),
    "event_id": ("x_edge_request_id",),
}
"""Fields that can fill a column, first in line first."""

_KEPT_TOO = {"method", "status"}
"""Fields that go to other_properties beside their column."""
_DROPPED = {"target", "is_args", "clock", "offset"}
_LAST = ("request", "further_fields", "undecodable_bytes")
"""Properties that stand after the others, which are in the order of their names."""
_CLIENT = "client_and_port"
_ADDRESS_AND_PORT = r"^\[?(.*?)\]?:([0-9]+)$"


@dataclass(frozen=True)
class Meaning:
    """What is particular to the fields of a format."""

    url_host: str | None = None
    """An expression whose first group is the host in a request's target, where it is the server's own host.

    Also in a whole request line that could not be taken apart.
    """
    no_host: str = "_"
    """What stands for no host: nginx's name of a server that has none."""


def received(found: pl.DataFrame, context: Context, meaning: Meaning, not_properties: Collection[str]) -> pl.DataFrame:
    """The columns of RECEIVED.

    Args:
        found: texts by field name, and event_timestamp, subsecond_clock and line_number.
        context: of the file.
        meaning: of the format.
        not_properties: the fields that the time was read from.
    """
    fields = [name for name in found.columns if found.schema[name] == pl.String and name not in not_properties]
    agent = pl.col("http_user_agent").replace("", NOT_SENT) if "http_user_agent" in fields else None
    said = found.with_columns(
        pl.when(~pl.col(name).is_in(["-", ""])).then(pl.col(name)).alias(name)
        for name in fields
        if name not in {"target", "request", "http_user_agent", "clock", "offset"}
    )
    if _CLIENT in fields:
        parts = said[_CLIENT].str.extract_groups(_ADDRESS_AND_PORT).struct.unnest()
        address, port = parts.to_series(0), parts.to_series(1)
        said = said.drop(_CLIENT).with_columns(remote_addr=pl.coalesce(address, said[_CLIENT]), remote_port=port)
        fields = [name for name in fields if name != _CLIENT] + ["remote_addr", "remote_port"]
    if meaning.url_host is not None and (asked := [name for name in ("target", "request") if name in fields]):
        said = said.with_columns(url_host=pl.coalesce(asked).str.extract(meaning.url_host, 1))
    columns = _columns(said, fields, meaning)
    nothing = pl.lit(None, dtype=pl.String)
    if agent is not None:
        columns["user_agent"] = agent
    columns["hostname"] = pl.coalesce(
        columns.get("hostname", nothing), pl.lit(context.default_hostname, dtype=pl.String)
    )
    columns["status"] = columns.get("status", nothing).cast(pl.Int32, strict=False)
    events = said.select(
        "event_timestamp",
        "subsecond_clock",
        "line_number",
        action_type=nothing,
        event_name=nothing,
        user_id=nothing,
        other_properties=_properties(said, fields),
        **{name: columns.get(name, nothing) for name in (*_FROM,)},
    )
    return events.select(*RECEIVED)


def _columns(said: pl.DataFrame, fields: Collection[str], meaning: Meaning) -> dict[str, pl.Expr]:
    columns: dict[str, pl.Expr] = {}
    for column, names in _FROM.items():
        there: list[pl.Expr] = []
        for name in (name for name in names if name in said.columns):
            value = pl.col(name)
            if column == "hostname":
                value = pl.when(value != meaning.no_host).then(value)
            if name == "uri":
                value = _with_query(value, fields)
            there.append(value)
        if there:
            columns[column] = pl.coalesce(there)
    return columns


def _with_query(path: pl.Expr, fields: Collection[str]) -> pl.Expr:
    if "query" in fields:
        return path + pl.col("query").fill_null("")
    if "args" not in fields:
        return path
    # Without a question mark what was taken for arguments is the path's end: nginx may write no arguments as nothing.
    mark = pl.col("is_args").fill_null("") if "is_args" in fields else pl.lit("?")
    return path + (mark + pl.col("args")).fill_null("")


def _properties(said: pl.DataFrame, fields: Collection[str]) -> pl.Series:
    taken = set(_DROPPED)
    for names in _FROM.values():
        first = next((name for name in names if name in said.columns), None)
        if first is not None and first not in _KEPT_TOO:
            taken.add(first)
        if first == "uri":
            taken |= {"query", "args"}
    kept = sorted(name for name in fields if name not in taken and name not in _LAST)
    kept += [name for name in _LAST if name in fields]
    if not kept:
        return extended(None, {"none": pl.Series([None] * said.height, dtype=pl.String)})
    return extended(None, {name: said[name] for name in kept})
