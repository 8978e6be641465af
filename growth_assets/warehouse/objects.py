"""Objects of a store: put whole, fetched whole, read many at once.

A put is atomic: a reader gets the object as it was or as it is, and a put that dies leaves what was there. What one
request fetches is one version of the object, where several ranges could be of two.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pyarrow.parquet as pq
from upath import UPath

from growth_assets.places import prefix_of


def put(staged: Path, final: UPath) -> None:
    """Make the local file `staged` the object `final`, in the place of what was there."""
    final.fs.put_file(str(staged), final.path)


def put_folder(staged: Path, final: UPath) -> None:
    """Put the files of a flat local folder below `final`, several at once."""
    files = sorted(staged.iterdir())
    if files:
        final.fs.put([str(file) for file in files], [(final / file.name).path for file in files])


def put_bytes(content: bytes, final: UPath) -> None:
    """Make `content` the object `final`."""
    final.fs.pipe_file(final.path, content)


def remove(where: UPath) -> None:
    """Remove one object, where it is there."""
    with suppress(FileNotFoundError):
        where.fs.rm_file(where.path)


def remove_folder(folder: UPath) -> None:
    """Remove all objects below `folder`, where there are any."""
    there = folder.fs.find(folder.path)
    if there:
        folder.fs.rm(there)


def fetch(where: UPath, to: Path) -> None:
    """Copy one object to the local file `to`, by one request and in bounded memory."""
    where.fs.get_file(where.path, str(to))


def content(where: UPath) -> bytes:
    """The bytes of one object, by one request.

    Raises:
        FileNotFoundError: there is no such object.
    """
    found: bytes = where.fs.cat_file(where.path)
    return found


def contents(places: Sequence[UPath]) -> list[bytes]:
    """The bytes of small objects, many requests at once, in the order of `places`."""
    if not places:
        return []
    # `cat` would ask for each whether it is there before it fetches it.
    found: list[bytes] = places[0].fs.cat_ranges([each.path for each in places], None, None, on_error="raise")
    return found


def sizes(folder: UPath) -> dict[str, int]:
    """Name below `folder` to size, of all objects there, by one listing."""
    found = folder.fs.find(folder.path, detail=True)
    return {name.removeprefix(prefix_of(folder)): int(each["size"]) for name, each in found.items()}


def parquet_rows(where: UPath) -> int:
    """Rows of a Parquet object, by its footer alone."""
    with where.open("rb") as stream:
        return int(pq.read_metadata(stream).num_rows)
