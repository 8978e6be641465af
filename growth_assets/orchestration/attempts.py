"""What became of the attempts to build a day that is not published in full, so that nobody asks for it in vain.

A day that its checks refused is refused again as long as its events, the code and the settings are the same. A day
whose build ends in another way (a full disk, a killed process) is worth another attempt, but not for ever. One small
file a day, which goes away as soon as the day is published in full and judged:

    <workplace>/_attempts/ds=D.json     of what, how often, and whether its checks refused it

A day that was built before it was over is not compared with other days. It is finished as far as it goes, and built
once more when it is over, also where nothing came for it any more.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from growth_assets.ingest import clock
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse import durable
from growth_assets.warehouse.versions import code_version

MOST = 3
"""So often a day is tried whose build fails for another reason than its checks."""

NOT_OF_A_DAY = {
    "data", "landing", "warehouse", "salt", "first_day", "sources", "settle_seconds", "freshness", "sensor", "alerts",
    "alert_urls",
}  # fmt: skip
"""Settings that no check of a day depends on; the salt is in the code versions."""


@dataclass(frozen=True)
class Attempts:
    """The attempts at one day from the same inputs, code and settings."""

    version: str
    """Of what the day was built from, see `version_of`."""
    times: int
    refused: bool = False
    """True where its checks refused it."""
    early: bool = False
    """True where it was built before the day was over."""

    @property
    def hopeless(self) -> bool:
        """True where one more attempt would be in vain."""
        return self.refused or self.times >= MOST

    def to_be_judged(self, ds: str, now: dt.datetime) -> bool:
        """True where the day has become over at `now` (UTC, naive) since it was built."""
        return self.early and clock.is_over(ds, now)


def code_of(settings: Settings) -> str:
    """Changes whenever the daily tables would be made or judged in another way."""
    versions = [code_version(BY_NAME[table.built_with] if table.built_with else table, settings) for table in DAILY]
    return durable.digest_of([versions, settings.model_dump(mode="json", exclude=NOT_OF_A_DAY)])


def version_of(inputs: Mapping[str, str], code: str) -> str:
    """Changes whenever a day's events do, or the way that its tables are made or judged."""
    return durable.digest_of([dict(inputs), code])[:16]


def version_asked(version: str, tried: Attempts | None, ds: str, now: dt.datetime) -> str:
    """What a run at `now` (UTC, naive) is asked for: `version`, and whether the day is to be judged as it is over."""
    # The same events as before, but another question.
    return f"{version}, over" if tried and tried.to_be_judged(ds, now) else version


def read(settings: Settings, ds: str) -> Attempts | None:
    """The attempts at a day; None where there was none, or the day was published in full and judged."""
    content = durable.read_json(_path(settings, ds))
    try:
        return Attempts(**content) if content is not None else None
    except TypeError:
        return None


def unfinished(settings: Settings, now: dt.datetime) -> set[str]:
    """Days whose last attempt did not come to an end, and those to be judged as they are over at `now` (UTC, naive).

    What the former published may be unknown to Dagster.
    """
    days = {path.stem.removeprefix("ds=") for path in (settings.workplace / "_attempts").glob("ds=*.json")}
    return {
        ds
        for ds in days
        if (attempt := read(settings, ds)) and (attempt.to_be_judged(ds, now) if attempt.early else not attempt.refused)
    }


def begin(settings: Settings, ds: str, version: str) -> Attempts:
    """Count an attempt before it is made, so that it counts too when it ends with the process."""
    before = read(settings, ds)
    times = before.times if before and before.version == version else 0
    return _write(settings, ds, Attempts(version, times + 1))


def end(settings: Settings, ds: str, attempt: Attempts, *, refused: bool, early: bool) -> None:
    """Remember a refusal, and a day that was not over; forget the attempts at one that is published in full."""
    if early:
        # However often it was built until then: the attempt at the whole day is its first.
        _write(settings, ds, Attempts(attempt.version, 0, refused, early=True))
    elif refused:
        _write(settings, ds, Attempts(attempt.version, attempt.times, refused=True))
    else:
        _path(settings, ds).unlink(missing_ok=True)


def take_back(settings: Settings, ds: str, before: Attempts | None) -> None:
    """Count an attempt that somebody stopped as none: remember those at a day as they were `before`."""
    if before:
        _write(settings, ds, before)
    else:
        _path(settings, ds).unlink(missing_ok=True)


def _write(settings: Settings, ds: str, attempts: Attempts) -> Attempts:
    # Not synced to disk, unlike what is published: if it is lost, a day is tried once more.
    path = _path(settings, ds)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(attempts)), encoding="utf-8")
    return attempts


def _path(settings: Settings, ds: str) -> Path:
    return settings.workplace / "_attempts" / f"ds={ds}.json"
