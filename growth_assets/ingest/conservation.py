"""Nothing lost between a file and the warehouse: its lines are the events and the rejected lines that lie on disk.

Counted from the Parquet files themselves. What the reader counted on its way is one side of the account, so it cannot
be the other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from growth_assets.checks.verdict import files_damaged, files_gone
from growth_assets.ingest import ledger
from growth_assets.ingest.ledger import Entry, Ledger
from growth_assets.places import Place, is_remote
from growth_assets.settings import Settings
from growth_assets.warehouse import objects
from growth_assets.warehouse.partitions import rows_of


@dataclass(frozen=True)
class Account:
    """What was read of one content, and what of it lies on disk."""

    entry: Entry
    events: int
    rejected: int
    gone: tuple[str, ...] = ()
    """Files of it that are not there."""
    damaged: tuple[str, ...] = ()
    """Files of it that cannot be read, not even how many rows they hold."""

    @property
    def balanced(self) -> bool:
        """True where no line was lost or invented, and the ledger says so too."""
        counted = (self.events, self.rejected)
        return self.entry.lines == sum(counted) and counted == (self.entry.events, self.entry.rejected)

    def __str__(self) -> str:
        entry = self.entry
        said = f"{entry.lines} lines = {entry.events} events + {entry.rejected} rejected"
        found = f"{entry.source_file}: {said} when read, but {self.events} + {self.rejected} on disk"
        lost = [files_gone(self.gone)] if self.gone else []
        lost += [files_damaged(self.damaged)] if self.damaged else []
        return ". ".join([found, *lost])


def accounts(settings: Settings, entries: Iterable[Entry]) -> list[Account]:
    """The account of each of `entries` that counts still: a longer content may have replaced one since.

    And that of every other content of which a file is gone, though it was read long ago.
    """
    with ledger.held(settings.workplace):
        landed = ledger.read(settings.warehouse)
        gone = _gone(settings.warehouse, landed)
        there = {entry.id for entry in entries if entry.id in landed.current}
        return [
            _account(settings.warehouse, landed, entry, gone.get(entry.id, []))
            for entry in landed.current.values()
            if entry.id in there or entry.id in gone
        ]


def _files(warehouse: Place, landed: Ledger, entry: Entry) -> tuple[list[Place], list[Place]]:
    """Where the events of a content are, and where its rejected lines."""
    segments = [ledger.segment_path(landed.folder, entry.id, ds) for ds in entry.segments]
    return segments, [ledger.rejected_path(warehouse, entry.id)] if entry.rejected else []


def _gone(warehouse: Place, landed: Ledger) -> dict[str, list[Place]]:
    """Id to the files that should be there and are not."""
    listed: set[str] | None = None
    if is_remote(warehouse):
        folders = [
            each for each in (landed.folder / "segments", warehouse / "raw" / "rejected_lines") if is_remote(each)
        ]
        listed = {str(folder / name) for folder in folders for name in objects.sizes(folder)}
    found: dict[str, list[Place]] = {}
    for entry in landed.current.values():
        for path in chain(*_files(warehouse, landed, entry)):
            if not path.exists() if listed is None else str(path) not in listed:
                found.setdefault(entry.id, []).append(path)
    return found


def _account(warehouse: Place, landed: Ledger, entry: Entry, gone: Collection[Place]) -> Account:
    # A file that is gone or cannot be read holds nothing: that is a loss like any other.
    damaged: list[str] = []

    def rows(path: Place) -> int:
        try:
            return 0 if path in gone else rows_of(path)
        except (pa.ArrowException, OSError) as error:
            # PyArrow calls some wrong footers an OSError, which then has no number.
            if isinstance(error, OSError) and (error.errno is not None or is_remote(path)):
                raise
            damaged.append(str(path))
            return 0

    events, rejected = (sum(map(rows, paths)) for paths in _files(warehouse, landed, entry))
    return Account(entry, events, rejected, tuple(map(str, gone)), tuple(damaged))
