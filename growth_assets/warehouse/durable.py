"""Durable replacement of files: what is visible is complete, and stays so when the power goes."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any


def sync_file(path: Path) -> None:
    """Have the content of `path` on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Have the entries of the folder `path` on disk."""
    sync_file(path)


def put_in_place(staged: Path, final: Path) -> None:
    """Rename `staged` over `final`: readers see the old file or the new one, never half of either."""
    sync_file(staged)
    final.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(final)
    sync_folder(final.parent)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Replace `path` by `content` as JSON with sorted keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    staged.write_text(json.dumps(content, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    put_in_place(staged, path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The content of `path`; None where it is missing or damaged, as what it says can be made again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(content: Any) -> str:  # noqa: ANN401 - anything that JSON holds
    """SHA-256 of `content` as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
