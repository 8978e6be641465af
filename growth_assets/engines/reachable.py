"""Whether a session on a cluster can be opened at all: Spark itself asks for minutes, and then says something else."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from urllib.parse import urlsplit

from growth_assets.settings import Spark

SECONDS = 10.0
"""So long somebody who does not answer is waited for."""

PORT_OF_A_SERVER = 15002
"""Of a Spark Connect server whose address names none."""

_PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
"""Variables by which a client of Spark Connect goes another way."""


def why_not(chosen: Spark) -> str:
    """What is missing, and what to do about it; "" where nothing that can be seen from here is."""
    if chosen.remote:
        if any(os.environ.get(name) for name in _PROXIES):
            return ""
        told = _unanswered(chosen.where, "spark.remote", PORT_OF_A_SERVER)
        return f"{told}. Check spark.remote, and that the Spark Connect server is up." if told else ""
    if not _java():
        return "there is no Java here. Install Java 17 or newer, or name the folder that has bin/java in JAVA_HOME."
    scheme, _, masters = str(chosen.master).partition("://")
    if scheme != "spark":
        return ""
    # Of masters that stand by for each other one is enough.
    told_of = []
    for master in masters.split(","):
        told = _unanswered(f"//{master}", "spark.master", 0)
        if not told:
            return ""
        told_of.append(told)
    return f"{'; '.join(told_of)}. Check spark.master, and that the cluster's master is up."


def _java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return bool(shutil.which("java", path=str(Path(home) / "bin")) if home else shutil.which("java"))


def _unanswered(address: str, setting: str, usual: int) -> str:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or usual
        socket.create_connection((host, port), SECONDS).close()
    except OSError as error:
        return f"nobody answers at {host}:{port} ({error.strerror or error})"
    except ValueError:
        # Its own words hold what stands in place of the port, which may be a token.
        return f"what {setting} names is no host, or no port of 1 to 65535"
    return ""
