"""Where files are: a folder of this machine, a prefix of a bucket on an object store, or a folder of HDFS.

A place is a `Path` or, for a URL, a `UPath`, which has the same methods over fsspec. Credentials, region and endpoint
are the store's own business: its library takes them from its usual environment variables, and no setting holds them.
HDFS is spoken to by its namenode's HTTP (WebHDFS), which needs nothing of Hadoop here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from fsspec import register_implementation as register_file_system
from typing_extensions import TypeIs
from upath import UPath
from upath.registry import register_implementation

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
    "webhdfs": Store("requests", "FSSPEC_WEBHDFS_USER, FSSPEC_WEBHDFS_TOKEN or FSSPEC_WEBHDFS_KERBEROS", {}),
}
"""Scheme of a URL to its store."""

HDFS = "webhdfs"
"""The store that has folders: landing may be there, and no warehouse, for which a put has to be one step."""

_OF_HADOOP = frozenset({"hdfs", "viewfs", "swebhdfs"})
"""Its other schemes: pyarrow reads them by a library of Hadoop's own, which no package brings."""

_NAMENODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*:[0-9]{1,5}")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PREFIX = re.compile(r"[^\x00-\x1f*?\[\]#%\\]*")


class OnHdfs(UPath):
    """A file or folder of HDFS; as text with its namenode, which its path does not name."""

    def __str__(self) -> str:
        if getattr(self, "_relative_base", None) is not None:
            return super().__str__()
        about = self.storage_options
        return f"{HDFS}://{about['host']}:{about['port']}{self.path}"


register_implementation(HDFS, OnHdfs, clobber=True)
# By its name: what it needs is imported where a place is on HDFS.
register_file_system(HDFS, "growth_assets.hdfs.Hdfs", clobber=True)


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
    if address.scheme in _OF_HADOOP:
        raise ValueError(
            f"{address.scheme}:// is not read: name the namenode's HTTP as webhdfs://namenode:9870/folder, or mount it "
            "on every machine at one path and name that folder"
        )
    if store is None:
        known = ", ".join(f"{scheme}://" for scheme in STORES)
        raise ValueError(f"{address.scheme}:// is no store that is known; use {known} or a folder")
    prefix = address.path.strip("/")
    parts = prefix.split("/") if prefix else []
    form, host = (_NAMENODE, "namenode:9870") if address.scheme == HDFS else (_BUCKET, "bucket")
    rootless = address.scheme == HDFS and not parts
    if not form.fullmatch(address.netloc) or address.query or address.fragment or rootless:
        raise ValueError(f"must be {address.scheme}://{host}/{'folder' if address.scheme == HDFS else 'prefix'}")
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


def is_hdfs(where: Place) -> TypeGuard[UPath]:
    """True for a place on HDFS."""
    return is_remote(where) and where.protocol == HDFS


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
        where.fs.ls("/" if is_hdfs(where) else where.path.split("/", 1)[0], detail=False)
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
