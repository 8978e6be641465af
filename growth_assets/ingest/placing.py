"""Putting a file's fan-out in its place, and taking back what does not count: the entry comes last."""

from __future__ import annotations

from pathlib import Path

from growth_assets.ingest import ledger
from growth_assets.ingest.ledger import Entry, Ledger
from growth_assets.ingest.rejected import ORIGINALS, TABLE, UNFINISHED
from growth_assets.places import Place
from growth_assets.settings import Settings
from growth_assets.warehouse import durable


def put_in_place(warehouse: Place, entry: Entry, staged: Path) -> None:
    """Publish `entry` with what is staged of it. Hold the ledger around it.

    A process that dies on the way leaves the old state, or the new one with remains that `tidy` takes away.
    """
    folder = warehouse / "landing"
    # In place of what a process left that died before it wrote the entry.
    durable.put_folder_in_place(staged / "segments", ledger.segment_folder(folder, entry.id))
    for name, final in (
        (TABLE, ledger.rejected_path(warehouse, entry.id)),
        (ORIGINALS, ledger.originals_path(folder, entry.id)),
        (UNFINISHED, ledger.unfinished_path(folder, entry.id)),
    ):
        if (staged / name).exists():
            durable.put_in_place(staged / name, final)
    durable.write_json(ledger.entry_path(folder, entry.id), entry.to_json())
    for replaced in entry.replaces:
        # What was read and rejected in the shorter self is in this one too.
        drop(warehouse, replaced)
        if replaced.startswith(f"{entry.fingerprint}-"):
            # The same content as read with other settings: only one way of reading it is remembered.
            ledger.entry_path(folder, replaced).unlink(missing_ok=True)


def tidy(settings: Settings, landed: Ledger) -> None:
    """Finish what a process that died left half done: nothing that does not count stays visible."""
    warehouse = settings.warehouse
    with ledger.held(settings.workplace):
        there = {path.stem for path in (warehouse / "raw" / "rejected_lines").glob("*.parquet")}
        for kept in ("rejected", "unfinished"):
            there |= {path.stem for path in (warehouse / "landing" / kept).glob("*.parquet")}
        there |= {path.name for path in (warehouse / "landing" / "segments").glob("*")}
        for identifier in there - set(landed.current):
            drop(warehouse, identifier)


def drop(warehouse: Place, identifier: str) -> None:
    """Take away what an entry spoke of."""
    folder = warehouse / "landing"
    durable.remove_file(ledger.rejected_path(warehouse, identifier))
    durable.remove_file(ledger.originals_path(folder, identifier))
    durable.remove_file(ledger.unfinished_path(folder, identifier))
    durable.remove_folder(ledger.segment_folder(folder, identifier))
