"""What is in landing and was not looked at yet as it is now: found without reading any of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import get_args

from growth_assets.ingest import clock, ledger, unfinished
from growth_assets.ingest.files import LandingFile, landing_files
from growth_assets.ingest.landing import reading_of
from growth_assets.ingest.ledger import Lacks, Ledger
from growth_assets.settings import Settings
from growth_assets.warehouse import durable


@dataclass(frozen=True)
class Unseen:
    """Files that landing has not looked at as they are now, or whose last line has waited in vain."""

    names: tuple[str, ...]
    version: str
    """Changes whenever one of these files does, or the settings that they are read with."""
    files: int
    """How many files there are in all."""


def unseen(settings: Settings, landed: Ledger) -> Unseen:
    """Compare landing's listing with what it was at the last look.

    A file that could not be read counts as seen until it changes, or the settings that it was tried with do.

    Args:
        settings: of the site.
        landed: the ledger.
    """
    known = landed.known
    paths: Mapping[str, object] = durable.read_json(settings.warehouse / "landing" / "paths.json") or {}
    now = clock.now()
    readings: dict[str, str] = {}
    found: list[list[object]] = []
    there: set[str] = set()
    count = 0
    for file in landing_files(settings):
        count += 1
        reading, growing = "", False
        if isinstance(file, LandingFile):
            reading = readings.get(file.source.name) or readings.setdefault(
                file.source.name, reading_of(settings, file.source)
            )
            growing = file.may_grow(now, settings.settle_seconds)
        seen = paths.get(file.name)
        if isinstance(seen, dict):
            there.add(str(seen.get("fingerprint")))
        if (
            not isinstance(seen, dict)
            or seen.get("stat") != list(file.stat)
            or not _counts(seen, reading, known, growing=growing)
        ):
            found.append([file.name, file.stat, reading, growing])
    for entry in unfinished.abandoned(settings, landed, there):
        if unfinished.is_over(settings, entry):
            found.append([entry.source_file, entry.id])
    return Unseen(tuple(str(each[0]) for each in found), durable.digest_of(found)[:16], count)


def _counts(seen: Mapping[str, object], reading: str, known: Collection[str], *, growing: bool) -> bool:
    """Whether what landing remembers of an unchanged file is all that it would find now."""
    if "unreadable" in seen:
        return bool(seen["unreadable"] == reading)
    if seen.get("reading") == reading:
        reading = str(seen.get("decided"))  # another file holds the same, and its source decides
    # A last line that waited for its end is taken as it is once nobody may write to it any more.
    accepted = [lacks for lacks in get_args(Lacks) if lacks != "newline" or growing]
    return any(ledger.entry_id(str(seen.get("fingerprint")), reading, lacks) in known for lacks in accepted)
