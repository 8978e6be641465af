"""The line readers under Atheris: mutated files, guided by the lines of the readers that they reach.

Run in a process of its own, since the fuzzer ends it: `python -m growth_assets_tests.fuzz.harness CORPUS -runs=100`.
The first byte of an input chooses the format. How often each was tried is told at the end.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["growth_assets"]):
    from growth_assets.sources.formats import TEXT_FORMATS
    from growth_assets_tests.fuzz.law import lost_lines

NAMES = tuple(TEXT_FORMATS)
TRIED: Counter[str] = Counter()


def try_input(data: bytes) -> None:
    """One file: no crash, no lost line."""
    if not data:
        return
    name = NAMES[data[0] % len(NAMES)]
    TRIED[name] += 1
    lost = lost_lines(name, data[1:])
    if lost:
        raise AssertionError(f"{name} lost the lines {sorted(lost)}")
    # The fuzzer leaves by _exit, and no handler of Python's runs then.
    if sum(TRIED.values()) % 25 == 0:
        Path(os.environ["FUZZ_TALLY"]).write_text(json.dumps(TRIED), encoding="utf-8")


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_input)
    atheris.Fuzz()
