"""The code server that started a run: through it Dagster's pages learn of partitions that came since it loaded."""

from __future__ import annotations

import json

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.storage.tags import GRPC_INFO_TAG

PATIENCE = 120
"""Seconds that a code server may take to load the definitions."""


def socket_of(run: dg.DagsterRun) -> str | None:
    """The socket of the code server that started the run; None where a process of ours did."""
    try:
        path = json.loads(run.tags.get(GRPC_INFO_TAG, "{}")).get("socket")
    except ValueError:
        return None
    return path if isinstance(path, str) else None


def reload_definitions(run: dg.DagsterRun) -> bool:
    """Have the code server of a run load the definitions anew, as the button in the pages does; False if it can't.

    The run itself goes on: a code server that was replaced stays until its runs have ended.
    """
    path = socket_of(run)
    if path is None:
        return False
    from dagster._grpc.client import DagsterGrpcClient  # noqa: PLC0415 - a build of the command line needs none

    try:
        DagsterGrpcClient(socket=path).reload_code(timeout=PATIENCE)
    except DagsterUserCodeUnreachableError:
        return False
    return True
