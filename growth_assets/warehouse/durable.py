"""Durable replacement of files: what is visible is complete, and stays so when the power goes.

On a machine's own disk by fsync and rename, on an object store by putting one whole object.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from growth_assets.places import Place, is_remote
from growth_assets.warehouse import objects


def sync_file(path: Path) -> None:
    """Have the content of `path` on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Place) -> None:
    """Have the entries of the folder `path` on disk; a store has no more to do than it did."""
    if not is_remote(path):
        sync_file(path)


def put_in_place(staged: Path, final: Place, *, beside: tuple[str, dict[str, Any]] | None = None) -> None:
    """Put `staged` over `final`: readers see the old file or the new one, never half of either.

    `beside` is the name and the content of a JSON file that is put beside it afterwards. It may be lost or half written
    when the power goes, but is never there before `final` is.
    """
    if is_remote(final):
        objects.put(staged, final)
        if beside:
            write_json(final.with_name(beside[0]), beside[1])
        return
    sync_file(staged)
    final.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(final)
    if beside:
        # One sync of the folder for both: journalled file systems keep the order of renames within a folder.
        _staged_json(final.with_name(beside[0]), beside[1]).replace(final.with_name(beside[0]))
    sync_folder(final.parent)


def put_folder_in_place(staged: Path, final: Place) -> None:
    """Make `staged`, whose files are synced, the folder `final`, which is removed first. On a store not at once."""
    remove_folder(final)
    if is_remote(final):
        objects.put_folder(staged, final)
        return
    final.parent.mkdir(parents=True, exist_ok=True)
    staged.rename(final)
    sync_folder(final)
    sync_folder(final.parent)


def put_aside(path: Place) -> str:
    """Give the damaged file `path` the name it is put aside under, one that no file has; that name."""
    names = (f"{path.name}.damaged{f'-{number}' if number else ''}" for number in itertools.count())
    name = next(name for name in names if not path.with_name(name).exists())
    if is_remote(path):
        objects.put_bytes(objects.content(path), path.with_name(name))
        objects.remove(path)
    else:
        path.replace(path.with_name(name))
        sync_folder(path.parent)
    return name


def remove_file(path: Place) -> None:
    """Remove the file `path`, where it is there."""
    if is_remote(path):
        objects.remove(path)
    else:
        path.unlink(missing_ok=True)


def remove_folder(path: Place) -> None:
    """Remove the folder `path` and all that is in it, where it is there."""
    if is_remote(path):
        objects.remove_folder(path)
    else:
        shutil.rmtree(path, ignore_errors=True)


def write_json(path: Place, content: dict[str, Any]) -> None:
    """Replace `path` by `content` as JSON with sorted keys."""
    if is_remote(path):
        objects.put_bytes(_json(content).encode(), path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    put_in_place(_staged_json(path, content), path)


def _staged_json(path: Path, content: dict[str, Any]) -> Path:
    staged = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    staged.write_text(_json(content), encoding="utf-8")
    return staged


def _json(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, indent=1) + "\n"


def read_json(path: Place) -> dict[str, Any] | None:
    """The content of `path`; None where it is missing or damaged, as what it says can be made again."""
    if not is_remote(path):
        return read_json_on_disk(str(path))
    try:
        # A store that does not answer is no file that is missing: that goes up.
        return _object(objects.content(path))
    except FileNotFoundError:
        return None


def read_json_on_disk(path: str) -> dict[str, Any] | None:
    """The same of a file on this machine."""
    try:
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123 - by far the fastest way, and called by the thousand
            return _object(stream.read())
    except OSError:
        return None


def read_jsons(paths: Sequence[Place]) -> Iterator[tuple[Place, dict[str, Any] | None]]:
    """Each of `paths`, all on the same disk or store, with its content, None where it is damaged."""
    remote = [path for path in paths if is_remote(path)]
    if remote:
        for where, content in zip(remote, objects.contents(remote), strict=True):
            yield where, _object(content)
    else:
        for path in paths:
            yield path, read_json(path)


def _object(content: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(content: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    """SHA-256 of `content` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
