"""Many worlds in a process of their own: one thread each, and nothing that a test before them left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from growth_assets_tests.worlds.streams import KINDS

HAPPENINGS = (
    "write", "rotate", "copy", "pack", "half_copied", "garbled", "again", "delete", "move", "touch", "failed", "killed",
    "mended", "refused", *KINDS,
)  # fmt: skip
"""Whatever may happen to a file or to a build, and each format that a file may have."""

ALWAYS = {"POLARS_MAX_THREADS": "1", "PYTHONWARNINGS": "error"}


def play(first: int, count: int, **environment: str) -> dict[str, int]:
    """Play `count` worlds from the seed `first` on; what happened in them, and how often.

    Fails with the seeds, the differences and the line that plays such a world again.
    """
    command = [sys.executable, "-m", "growth_assets_tests.worlds", "--seed", str(first), "--count", str(count)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **ALWAYS, **environment}
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    *_, happened, summary = done.stdout.splitlines()
    assert summary == f"{count} of {count} worlds agree with the oracle"
    return json.loads(happened)
