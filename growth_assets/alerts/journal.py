"""What was told, on disk: ops.alerts, one Parquet file a month, each replaced as a whole.

A kill at any moment leaves the old file or the new one. An alert that is there already is not added again, so whoever
was killed between writing and remembering that he wrote does it once more, and nothing is doubled.

A month that cannot be read is put aside under the name `<month>.parquet.damaged`: alerts go on without it, and tell so.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from growth_assets.alerts.alert import Alert, told_with_their_end
from growth_assets.alerts.message import Message, message
from growth_assets.alerts.seen import Level
from growth_assets.alerts.table import COLUMNS, TABLE
from growth_assets.places import is_remote
from growth_assets.settings import Settings
from growth_assets.warehouse import durable, objects
from growth_assets.warehouse.partitions import Warehouse, scan

WAITING = "waiting"
"""What `delivery` says of a channel that has not taken the message yet; what went wrong so far may follow."""

GONE_OUT = "sent"

WITH_ITS_END = "told with its end"

DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, KeyError, TypeError, ValueError, AttributeError)
"""What reading a damaged file raises; that a disk or a store does not answer is none of these."""


@dataclass(frozen=True)
class Told:
    """One row of ops.alerts."""

    alert: Alert
    message: Message
    delivery: Mapping[str, str]

    @property
    def month(self) -> str:
        """The file that it is in."""
        return month_of(self.alert.at)


def month_of(at: float) -> str:
    """The UTC month of a time in seconds since 1970."""
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m")


class Journal:
    """The files of ops.alerts. One writer at a time: whoever holds the lock of the alerts."""

    def __init__(self, settings: Settings, *, mends: bool = True) -> None:
        """One that does not mend leaves damaged files where they are: for who reads without the lock."""
        self._mends = mends
        self._base_url = settings.alerts.base_url
        self._folder = Warehouse.of(settings).folder(TABLE)
        self._staging = settings.workplace / "_staging" / "alerts"
        self.dtypes = TABLE.contract(settings).dtypes
        self.put_aside: list[tuple[str, str]] = []
        """Months that could not be read, each with the name under which its file was put aside."""

    def add(self, alerts: Sequence[Alert], channels: Iterable[str]) -> list[Told]:
        """Write what is not there yet, to go to `channels`; give all of it as it stands there.

        What began and is over since the last look goes out in one message, that it is over.
        """
        waiting = dict.fromkeys(channels, WAITING)
        with_their_end = told_with_their_end(alerts)
        found: list[Told] = []
        for month in sorted({month_of(each.at) for each in alerts}):
            there = self.read(month)
            wanted = {each.alert_id: each for each in alerts if month_of(each.at) == month}
            new = {
                name: Told(
                    each,
                    message(each, self._base_url),
                    dict.fromkeys(waiting, WITH_ITS_END) if name in with_their_end else waiting,
                )
                for name, each in wanted.items()
                if name not in there
            }
            if new:
                self._write(month, [*there.values(), *new.values()])
            found += [({**there, **new})[name] for name in wanted]
        return found

    def mark(self, told: Told, channel: str, outcome: str) -> Told:
        """Write what became of a message on a channel."""
        there = self.read(told.month)
        there.setdefault(told.alert.alert_id, told)  # the file may have been damaged since
        now = replace(told, delivery={**there[told.alert.alert_id].delivery, channel: outcome})
        self._write(told.month, [now if name == now.alert.alert_id else each for name, each in there.items()])
        return now

    def read(self, month: str) -> dict[str, Told]:
        """The alerts of one month by id, in the order in which they were told; of a damaged one none."""
        try:
            return self._rows(month)
        except DAMAGE:
            if self._mends:
                self.put_aside.append((month, durable.put_aside(self._folder / f"{month}.parquet")))
            return {}

    def damaged(self) -> list[str]:
        """The names of the files that cannot be read, left as they are."""
        found = []
        for month in self.months():
            try:
                self._rows(month)
            except DAMAGE:
                found.append(str(self._folder / f"{month}.parquet"))
        return found

    def _rows(self, month: str) -> dict[str, Told]:
        path = self._folder / f"{month}.parquet"
        if not path.exists():
            return {}
        return {row["alert_id"]: _told(row) for row in scan(path).collect().to_dicts()}

    def months(self) -> list[str]:
        """The months that have alerts."""
        names = objects.sizes(self._folder) if is_remote(self._folder) else (p.name for p in self._folder.glob("*"))
        return sorted(name.removesuffix(".parquet") for name in names if name.endswith(".parquet"))

    def all(self) -> Iterator[Told]:
        """Every alert, the oldest month first."""
        for month in self.months():
            yield from self.read(month).values()

    def _write(self, month: str, rows: Sequence[Told]) -> None:
        frame = pl.DataFrame(
            {
                name: pl.Series(name, [_cell(row, name) for row in rows], dtype=self.dtypes[name])
                for name in COLUMNS
            }
        )  # fmt: skip
        self._staging.mkdir(parents=True, exist_ok=True)
        staged = self._staging / f"{month}-{os.getpid()}-{secrets.token_hex(4)}.parquet"
        frame.write_parquet(staged, compression="zstd")
        try:
            durable.put_in_place(staged, self._folder / f"{month}.parquet")
        finally:
            staged.unlink(missing_ok=True)


def _cell(row: Told, name: str) -> Any:  # noqa: ANN401 - whatever the column holds
    alert, words = row.alert, row.message
    found_at = dt.datetime.fromtimestamp(alert.at, dt.UTC).replace(tzinfo=None)
    cells: dict[str, object] = {
        "alert_id": alert.alert_id, "incident_id": alert.incident_id, "found_at": found_at, "kind": alert.kind,
        "severity": alert.level.name, "table_name": alert.table, "check_name": alert.check,
        "dim_hostname": alert.host or None, "first_bad_day": alert.first_bad_day, "last_bad_day": alert.last_bad_day,
        "ds": alert.ds, "title": words.title, "text": words.text, "link": words.link, "delivery": dict(row.delivery),
        "run_id": alert.run_id or None, "log_position": alert.order,
    }  # fmt: skip
    return cells[name]


def _told(row: Mapping[str, Any]) -> Told:
    level = Level[row["severity"]]
    alert = Alert(
        row["alert_id"], row["incident_id"], row["kind"], level, row["table_name"], row["check_name"],
        row["dim_hostname"] or "", row["first_bad_day"], row["last_bad_day"], row["ds"], row["log_position"],
        row["found_at"].replace(tzinfo=dt.UTC).timestamp(), row["run_id"] or "",
    )  # fmt: skip
    words = Message(row["title"], row["text"], row["link"], level, good_news=row["kind"] == "recovered")
    return Told(alert, words, row["delivery"])
