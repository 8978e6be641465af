"""Code versions: what the rows of a table depend on beside its inputs, as one short string."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from growth_assets.contracts.table import Table
from growth_assets.settings import Settings
from growth_assets.warehouse import durable
from growth_assets.warehouse.source_code import Source

SOURCE = Source(Path(__file__).parents[1], without=("TABLE",), keep=True)
"""The package, without the declarations of tables: one that is made from another has that one's name from there alone,
and the other has a version of its own."""


def code_version(table: Table, settings: Settings) -> str:
    """A digest of what builds and audits the table, then one of the settings, packages and files its rows depend on."""
    functions = (table.contract, table.build) if table.build else (table.contract,)
    code = durable.digest_of([SOURCE.digest_of(*functions), table.history.back if table.history else ()])[:8]
    beside = _beside(table, settings, tuple(_content(path) for path in table.files(settings)))
    return f"{code}-{beside}" if beside else code


@lru_cache(maxsize=64)
def _beside(table: Table, settings: Settings, files: tuple[str, ...]) -> str:
    used = {name: _plain(getattr(settings, name)) for name in table.settings_used}
    packages = {name: _version(name) for name in table.packages}
    return durable.digest_of([used, packages, files])[:12] if used or packages or files else ""


_version = lru_cache(version)


def _content(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return f"missing {path.name}"
    return _content_of(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=32)
def _content_of(path: Path, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - the key of the cache
    return durable.sha256_of(path)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, SecretStr):
        return _slow_digest(value.get_secret_value())
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.model_dump() if hasattr(value, "model_dump") else value


@lru_cache(maxsize=8)
def _slow_digest(secret: str) -> str:
    # A code version is shown in the UI: it must not let anyone try salts by the million.
    return hashlib.scrypt(secret.encode(), salt=b"growth_assets", n=2**14, r=8, p=1).hex()[:12] if secret else ""
