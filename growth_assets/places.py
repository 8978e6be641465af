"""Where files are: a folder of this machine, or a prefix of a bucket on an object store.

A place is a `Path` or, for a URL, a `UPath`, which has the same methods over fsspec. Credentials, region and endpoint
are the store's own business: its library takes them from its usual environment variables, and no setting holds them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from typing_extensions import TypeIs
from upath import UPath

Place = Path | UPath


@dataclass(frozen=True)
class Store:
    """A kind of object store."""

    library: str
    """The fsspec implementation; `growth-assets[<scheme>]` brings it."""
    variables: str
    """What it reads from the environment, for messages."""
    options: dict[str, Any]
    """Given to the library at every start."""


STORES: dict[str, Store] = {
    "s3": Store(
        "s3fs",
        "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and AWS_ENDPOINT_URL",
        # Without retries of botocore's own a store that is down is told in seconds; s3fs still asks five times.
        {"config_kwargs": {"connect_timeout": 10, "retries": {"max_attempts": 1}}},
    ),
    "gs": Store("gcsfs", "GOOGLE_APPLICATION_CREDENTIALS and STORAGE_EMULATOR_HOST", {}),
    "az": Store("adlfs", "AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY and their kin", {}),
}
"""Scheme of a URL to its store."""

_OF_A_CLUSTER = frozenset({"hdfs", "viewfs", "webhdfs", "swebhdfs"})
"""Schemes of Hadoop: pyarrow reads its files by a library of Hadoop's own, which no package brings."""

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PREFIX = re.compile(r"[^\x00-\x1f*?\[\]#%\\]*")


class StoreError(OSError):
    """An object store cannot be used; the message names the setting, the variables and the remedy."""


def place(text: str, folder: Path) -> Place:
    """The place that a setting names: a URL, or a path relative to `folder`.

    Raises:
        ValueError: the text is neither, or the store's library is not installed. Never shows a secret in it.
    """
    if "://" not in text:
        if not text.strip():
            raise ValueError("must be a folder, or a URL like s3://bucket/prefix")
        return folder / Path(text).expanduser()
    address = urlsplit(text)
    store = STORES.get(address.scheme)
    if "@" in address.netloc:
        variables = store.variables if store else "the environment"
        raise ValueError(f"a URL must hold no user and password: credentials come from {variables}")
    if address.scheme in _OF_A_CLUSTER:
        raise ValueError(
            f"{address.scheme}:// is not read: mount it on every machine at one path (HDFS has an NFS gateway and "
            "a FUSE client for that) and name the folder, or copy it to a store, as by `hadoop distcp`"
        )
    if store is None:
        known = ", ".join(f"{scheme}://" for scheme in STORES)
        raise ValueError(f"{address.scheme}:// is no store that is known; use {known} or a folder")
    prefix = address.path.strip("/")
    parts = prefix.split("/") if prefix else []
    if not _BUCKET.fullmatch(address.netloc) or address.query or address.fragment:
        raise ValueError(f"must be {address.scheme}://bucket/prefix")
    if not _PREFIX.fullmatch(prefix) or any(part in {"", ".", ".."} for part in parts):
        raise ValueError("the prefix must not hold any of * ? [ ] # % \\ nor empty parts, '.' and '..'")
    if find_spec(store.library) is None:
        raise ValueError(
            f"{address.scheme}:// needs {store.library}, which is not installed. "
            f"Install growth-assets[{address.scheme}]."
        )
    # Listings are never kept: another process may have written meanwhile.
    url = "/".join([f"{address.scheme}://{address.netloc}", *parts])
    found: UPath = UPath(url, use_listings_cache=False, **store.options)
    return found


def is_remote(where: Place) -> TypeIs[UPath]:
    """True for a place on an object store."""
    return isinstance(where, UPath)


def inside(inner: Place, outer: Place) -> bool:
    """True where one place is the other or lies below it."""
    return f"{shown(inner)}/".startswith(f"{shown(outer)}/")


def shown(where: Place) -> str:
    """The place as a setting names it: a bucket alone is not followed by a slash."""
    return str(where).rstrip("/")


def prefix_of(where: UPath) -> str:
    """What the names of all objects below a place begin with, as the store's library lists them."""
    return f"{where.path.rstrip('/')}/"


def require_reachable(where: Place, setting: str) -> None:
    """Ask the store for one listing, so that what is wrong with it is told at once and by the setting's name.

    Raises:
        StoreError: the store does not answer, the bucket is missing, or the credentials are refused.
    """
    if not is_remote(where):
        return
    store, said = STORES[where.protocol], f"{setting} = {shown(where)}"
    try:
        where.fs.ls(where.path.split("/", 1)[0], detail=False)
    except FileNotFoundError as error:
        raise StoreError(f"{said}: there is no such bucket. Make it, or mend the setting.") from error
    except PermissionError as error:
        raise StoreError(
            f"{said}: the store refuses the credentials. Check {store.variables}, and that they may "
            "list, read, write and delete there."
        ) from error
    except Exception as error:  # whatever the libraries of three stores raise
        raise StoreError(
            f"{said}: the store does not answer ({type(error).__name__}). Check {store.variables}."
        ) from error
