"""`python -m growth_assets_tests.worlds --seed N` plays one small world and tells what differs from the oracle."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

from growth_assets_tests.worlds.play import World

ENGINE = "POLARS_ENGINE_AFFINITY"
"""A variable of Polars; part of the command that plays a world again."""
MEMORY = Path("/dev/shm")
"""Where there is one, a world is played in memory: nothing of it is to stay."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m growth_assets_tests.worlds", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="the world to play")
    parser.add_argument("--count", type=int, default=1, help="how many, this one first")
    parser.add_argument("--dagster", action="store_true", help="build it by Dagster")
    parser.add_argument("--keep", type=Path, help="leave its folder here")
    chosen = parser.parse_args()
    kind, how = World, ""
    if chosen.dagster:
        from growth_assets_tests.worlds.through_dagster import DagsterWorld  # noqa: PLC0415 - it takes seconds

        kind, how = DagsterWorld, " --dagster"
    engine = f"{ENGINE}={os.environ[ENGINE]} " if ENGINE in os.environ else ""
    # What is imported stays, and need not be looked through for garbage again and again.
    gc.freeze()
    failed, happened = 0, Counter[str]()
    for seed in range(chosen.seed, chosen.seed + chosen.count):
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
            folder = chosen.keep or Path(scratch) / "site"
            try:
                world = kind(seed, folder)
                found = world.play()
                happened += world.tally
            except Exception:  # whatever it is, the seed must be told
                found = [traceback.format_exc()]
        if found:
            failed += 1
            command = f"{engine}python -m growth_assets_tests.worlds --seed {seed}{how}"
            print(f"world {seed}: {command}", *found, sep="\n")
    gc.unfreeze()
    print(json.dumps(happened))
    print(f"{chosen.count - failed} of {chosen.count} worlds agree with the oracle")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
