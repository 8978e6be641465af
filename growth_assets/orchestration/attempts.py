"""What became of the attempts to build a day that is not published in full, so that nobody asks for it in vain.

A day that its checks refused is refused again as long as its events, the code and the settings are the same. A day
whose build ends in another way (a full disk, a killed process) is worth another attempt, but not for ever. One small
file a day, which goes away as soon as the day is published in full:

    <workplace>/_attempts/ds=D.json     of what, how often, and whether its checks refused it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

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

    @property
    def hopeless(self) -> bool:
        """True where one more attempt would be in vain."""
        return self.refused or self.times >= MOST


def code_of(settings: Settings) -> str:
    """Changes whenever the daily tables would be made or judged in another way."""
    versions = [code_version(BY_NAME[table.built_with] if table.built_with else table, settings) for table in DAILY]
    return durable.digest_of([versions, settings.model_dump(mode="json", exclude=NOT_OF_A_DAY)])


def version_of(inputs: Mapping[str, str], code: str) -> str:
    """Changes whenever a day's events do, or the way that its tables are made or judged."""
    return durable.digest_of([dict(inputs), code])[:16]


def read(settings: Settings, ds: str) -> Attempts | None:
    """The attempts at a day; None where there was none, or the day was published in full."""
    content = durable.read_json(_path(settings, ds))
    try:
        return Attempts(**content) if content is not None else None
    except TypeError:
        return None


def unfinished(settings: Settings) -> set[str]:
    """Days whose last attempt did not come to an end: what they published may be unknown to Dagster."""
    days = {path.stem.removeprefix("ds=") for path in (settings.workplace / "_attempts").glob("ds=*.json")}
    return {ds for ds in days if (attempt := read(settings, ds)) and not attempt.refused}


def begin(settings: Settings, ds: str, version: str) -> Attempts:
    """Count an attempt before it is made, so that it counts too when it ends with the process."""
    before = read(settings, ds)
    times = before.times if before and before.version == version else 0
    return _write(settings, ds, Attempts(version, times + 1))


def end(settings: Settings, ds: str, attempt: Attempts, *, refused: bool) -> None:
    """Remember a refusal; forget the attempts at a day that is published in full."""
    if refused:
        _write(settings, ds, Attempts(attempt.version, attempt.times, refused=True))
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
