"""Nothing lost between a file and the warehouse: its lines are the events and the rejected lines that lie on disk.

Counted from the Parquet files themselves. What the reader counted on its way is one side of the account, so it cannot
be the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from growth_assets.ingest import ledger
from growth_assets.ingest.ledger import Entry
from growth_assets.places import Place
from growth_assets.settings import Settings
from growth_assets.warehouse.partitions import rows_of


@dataclass(frozen=True)
class Account:
    """What was read of one content, and what of it lies on disk."""

    entry: Entry
    events: int
    rejected: int

    @property
    def balanced(self) -> bool:
        """True where no line was lost or invented, and the ledger says so too."""
        counted = (self.events, self.rejected)
        return self.entry.lines == sum(counted) and counted == (self.entry.events, self.entry.rejected)

    def __str__(self) -> str:
        entry = self.entry
        said = f"{entry.lines} lines = {entry.events} events + {entry.rejected} rejected"
        return f"{entry.source_file}: {said} when read, but {self.events} + {self.rejected} on disk"


def accounts(settings: Settings, entries: Iterable[Entry]) -> list[Account]:
    """The account of each of `entries` that counts still: a longer content may have replaced one since."""
    with ledger.held(settings.workplace):
        landed = ledger.read(settings.warehouse)
        there = [landed.current[entry.id] for entry in entries if entry.id in landed.current]
        return [_account(settings.warehouse, landed, entry) for entry in there]


def _account(warehouse: Place, landed: ledger.Ledger, entry: Entry) -> Account:
    # A file that is gone holds nothing: that is a loss like any other.
    segments = [ledger.segment_path(landed.folder, entry.id, ds) for ds in entry.segments]
    rejected = ledger.rejected_path(warehouse, entry.id)
    return Account(
        entry,
        events=sum(rows_of(path) for path in segments if path.exists()),
        rejected=rows_of(rejected) if rejected.exists() else 0,
    )
