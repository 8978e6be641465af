"""To import the package runs no Polars query: whoever forks after it, as some tests do, has no thread pool to lose."""

import subprocess
import sys
from pathlib import Path

import pytest

NAMED = """
import growth_assets.definitions, growth_assets.cli, growth_assets.orchestration.run
from pathlib import Path
print(*{each.read_text().strip() for each in Path("/proc/self/task").glob("*/comm")})
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the names of threads are not told here")
def test_no_thread_of_polars_runs_after_the_imports():
    told = subprocess.run([sys.executable, "-c", NAMED], capture_output=True, text=True, check=True).stdout
    assert "polars-0" not in told
    assert "tokio" not in told
