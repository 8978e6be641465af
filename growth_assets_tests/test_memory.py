"""What a process keeps of memory that is no longer used, seen from the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems keep memory their own way")

POLARS = """
import json, sys
from pathlib import Path
{first}
assert "polars" not in sys.modules
memory.keep_longer()
import polars as pl
pl.DataFrame({{"n": range(100_000)}}).sum()
print(json.dumps([Path(each, "comm").read_text().strip() for each in Path("/proc/self/task").iterdir()]))
"""

FAULTS = """
import resource
from growth_assets import memory
{first}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
b"x" * (10 << 20)
before = faults()
for _ in range(10):
    b"x" * (10 << 20)
print(faults() - before)
"""


def of_python(program: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "_RJEM_MALLOC_CONF"} | variables
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert run.stderr == ""
    return run.stdout


@ON_LINUX
@pytest.mark.parametrize(
    "first", ["from growth_assets.cli import memory", "from growth_assets import memory, settings"]
)
def test_polars_gives_memory_back_beside_the_work_of_whoever_comes_in(first):
    assert "jemalloc_bg_thd" in json.loads(of_python(POLARS.format(first=first)))


@ON_LINUX
def test_who_told_polars_otherwise_is_heard():
    told = of_python(
        POLARS.format(first="from growth_assets import memory"), _RJEM_MALLOC_CONF="background_thread:false"
    )
    assert "jemalloc_bg_thd" not in json.loads(told)


@ON_LINUX
def test_a_large_block_that_was_freed_is_there_to_be_used_again():
    assert int(of_python(FAULTS.format(first="memory.keep_longer()"))) < 100
    assert int(of_python(FAULTS.format(first=""))) > 1_000
