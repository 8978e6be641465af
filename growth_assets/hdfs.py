"""HDFS as its namenode's and datanodes' HTTP (WebHDFS) shows it; what goes wrong there is an OSError without a secret.

fsspec's own client takes a datanode's page of an error for content and a short answer for a whole one, raises
whatever `requests` and JSON do, and shows the URL, which holds the delegation token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote

import requests
from fsspec.implementations.webhdfs import WebHDFile, WebHDFS

from growth_assets.places import StoreError

_Found = TypeVar("_Found")


class Hdfs(WebHDFS):  # type: ignore[misc]  # fsspec has no types
    """The file system.

    What is asked of it raises FileNotFoundError, PermissionError, or StoreError for all else: a namenode that stands
    by, is down or answers something else, a datanode that does not send what it was asked for.
    """

    def ls(self, path: str, detail: bool = False, **options: Any) -> Any:  # noqa: ANN401, FBT001, FBT002 - as fsspec calls it
        """A folder's listing."""
        return self._answered(path, lambda: super(Hdfs, self).ls(path, detail, **options))

    def info(self, path: str, **_: Any) -> Any:  # noqa: ANN401 - as fsspec calls it
        """What the namenode says of a file or folder."""
        return self._answered(path, lambda: super(Hdfs, self).info(path))

    def part(self, path: str, start: int, end: int) -> bytes:
        """The bytes of a file from `start` until before `end`, and no others."""
        return self._answered(path, lambda: self._part(path, start, end))

    def _part(self, path: str, start: int, end: int) -> bytes:
        answer = self._call("OPEN", path=path, offset=start, length=end - start, redirect=False)
        if "Location" in answer.headers:
            answer = self.session.get(self._apply_proxy(answer.headers["Location"]))
        answer.raise_for_status()
        content: bytes = answer.content
        if len(content) != end - start:
            raise StoreError(f"{len(content):,} bytes came in place of {end - start:,}")
        return content

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **options: Any) -> WebHDFile:  # noqa: ANN401 - as fsspec calls it
        size = block_size or self.blocksize
        return _File(self, path, mode=mode, block_size=size, tempdir=self.tempdir, **{"autocommit": True, **options})

    def _answered(self, path: str, ask: Callable[[], _Found]) -> _Found:
        try:
            return ask()
        except (OSError, RuntimeError, ValueError, LookupError, TypeError) as error:
            kind = next((each for each in (FileNotFoundError, PermissionError) if isinstance(error, each)), StoreError)
            said = f"{path}: {self._told(error)}"
        # Out of its reach: whoever shows a chain of errors would show the URL in that one.
        raise kind(said)

    def _told(self, error: Exception) -> str:
        if isinstance(error, requests.HTTPError) and error.response is not None:
            return f"HTTP answers {error.response.status_code} {error.response.reason or ''}".strip()
        if isinstance(error, (requests.RequestException, LookupError, TypeError)):
            reason = next((each.strerror for each in _chain(error) if isinstance(each, OSError) and each.strerror), "")
            return type(error).__name__ + (f": {reason}" if reason else "")
        # The namenode's own words, of several lines where they hold a trace.
        said = str(error).strip().partition("\n")[0]
        for secret in filter(None, (self.pars.get("delegation"), self.password)):
            said = said.replace(secret, "...").replace(quote(secret, safe=""), "...")
        return said


class _File(WebHDFile):  # type: ignore[misc]  # fsspec has no types
    def _fetch_range(self, start: int, end: int) -> bytes:
        start, end = max(start, 0), min(self.size, end)
        return self.fs.part(self.path, start, end) if start < end else b""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it."""
    while error is not None:
        yield error
        inner = next((each for each in error.args if isinstance(each, BaseException)), None)
        error = error.__cause__ or error.__context__ or inner
