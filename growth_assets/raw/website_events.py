"""Raw website events: the events of a day as received, with the file and line each came from.

Holds addresses and user agents; no table after the raw layer does. The rows come from the source readers, file by
file, so there is no function here.
"""

from __future__ import annotations

import polars as pl

from growth_assets.contracts.columns import MAP, MICROSECONDS, RECEIVED
from growth_assets.contracts.contract import Contract, column, columns, ds_is_day_of_event, not_empty, not_null, shared
from growth_assets.contracts.table import Balance, Table
from growth_assets.settings import Settings

COLUMNS = columns(
    [
        ("event_id", column(pl.String(), "Id that the sender gave the event", nullable=True)),
        ("event_timestamp", column(MICROSECONDS, "When it happened (UTC, microseconds, finer digits cut off)")),
        ("subsecond_clock", column(pl.Boolean(), "True where the time was given finer than whole seconds")),
        ("hostname", column(pl.String(), "Host the event belongs to, as received", nullable=True)),
        ("action_type", column(pl.String(), "Action that the sender named, as received", nullable=True)),
        ("event_name", column(pl.String(), "Name of a tracked event, as the tracker has it", nullable=True)),
        ("method", column(pl.String(), "HTTP method of a logged request", nullable=True)),
        ("url", column(pl.String(), "URL or request target, as received, with its query", nullable=True)),
        ("status", column(pl.Int32(), "HTTP status of a logged request", nullable=True)),
        ("referrer", column(pl.String(), "Referring URL, as received", nullable=True)),
        ("ip", column(pl.String(), "Address of the client, as received", nullable=True)),
        ("forwarded_for", column(pl.String(), "Addresses that proxies passed on, as received", nullable=True)),
        ("user_agent", column(pl.String(), "User agent, as received", nullable=True)),
        ("user_id", column(pl.String(), "User who was logged in, as received", nullable=True)),
        ("other_properties", column(MAP, "Everything else the event carried", nullable=True)),
        ("line_number", column(pl.Int64(), "Line of the source file, from 1 (row for Parquet)")),
        ("source", column(pl.String(), "Source of the settings that the file belongs to")),
        ("source_file", column(pl.String(), "Path below landing/ under which the content was first seen")),
        ("file_started_at", column(MICROSECONDS, "Time of the first event in the file; orders files by content")),
        ("in_the_future", column(pl.Boolean(), "True where its time was too far ahead when its file was read")),
        *shared("ds"),
    ]
)  # fmt: skip
"""Columns of a received event, then where it came from."""

if tuple(COLUMNS)[: len(RECEIVED)] != tuple(RECEIVED):
    raise AssertionError("raw.website_events begins with the columns that the source readers give")


def contract(settings: Settings) -> Contract:  # noqa: ARG001 - the same for every site
    """What raw.website_events keeps."""
    return Contract(
        COLUMNS,
        row_rules=(
            not_null("event_timestamp"),
            not_null("line_number"),
        ),
        frame_rules=(ds_is_day_of_event(), not_empty()),
    )


TABLE = Table(
    name="raw.website_events",
    description=__doc__,
    contract=contract,
    upstream=("landing.event_files",),
    balance=Balance("landing.event_files", ("raw.website_events",)),
    kind="raw",
)
