"""A namenode and a datanode of HDFS, as far as WebHDFS shows them, over a folder of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ROOT, DATA = "/webhdfs/v1", "/data"


@dataclass
class Namenode:
    """What it serves, whom it lets in, and what was asked of it."""

    folder: Path
    port: int = 0
    user: str = ""
    """The only one who may ask; "" for all."""
    instead: Callable[[str, str], tuple[int, Any] | None] = lambda _operation, _path: None
    """What is answered to an operation on a path in place of what is there; None for that. `DATA` is asked of the
    datanode, and of status 0 is an answer that never comes."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Operation, path and user."""

    @property
    def url(self) -> str:
        """Of its root, as a setting names it."""
        return f"webhdfs://127.0.0.1:{self.port}"

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON; bytes where it is the datanode that answers; a text is where to go."""
        operation, user = query["op"], query.get("user.name", "")
        below = unquote(path.removeprefix(ROOT).removeprefix(DATA))
        self.asked.append((operation, below, user))
        there = self.folder / below.strip("/")
        if self.user not in {"", user}:
            return 403, raised("AccessControlException", f"Permission denied: user={user or 'dr.who'}")
        other = self.instead("DATA" if path.startswith(DATA) else operation, below)
        if other is not None:
            return other
        if not there.exists():
            return 404, raised("FileNotFoundException", f"File {below} does not exist.")
        if operation == "GETFILESTATUS":
            return 200, {"FileStatus": _status(there, "")}
        if operation == "LISTSTATUS":
            return 200, {"FileStatuses": {"FileStatus": [_status(each, each.name) for each in there.iterdir()]}}
        if not path.startswith(DATA):
            return 307, f"http://127.0.0.1:{self.port}{DATA}{path}"
        first, length = int(query.get("offset", 0)), query.get("length")
        return 200, there.read_bytes()[first : first + int(length) if length else None]


def _status(path: Path, name: str) -> dict[str, Any]:
    about = path.stat()
    return {
        "pathSuffix": name, "type": "DIRECTORY" if path.is_dir() else "FILE", "fileId": about.st_ino,
        "length": 0 if path.is_dir() else about.st_size, "modificationTime": about.st_mtime_ns // 1_000_000,
    }  # fmt: skip


def raised(name: str, message: str) -> dict[str, Any]:
    """How a namenode or datanode tells an exception."""
    return {"RemoteException": {"exception": name, "javaClassName": f"java.io.{name}", "message": message}}


@contextmanager
def serving(folder: Path) -> Iterator[Namenode]:
    """A namenode of this process, over HTTP."""
    namenode = Namenode(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            path = address.path.replace(DATA + ROOT, DATA)
            status, told = namenode.answer(path, query)
            if not status:
                self.close_connection = True
                return
            content = told if isinstance(told, bytes) else json.dumps(told).encode()
            self.send_response(status)
            if isinstance(told, str):
                self.send_header("Location", f"{told}?{address.query}")
                content = b""
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    namenode.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield namenode
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
