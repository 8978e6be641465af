"""What a process makes ready once is what its first day needs, and is made once."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from growth_assets.engines.once import ONCE
from growth_assets.enrich import bot, device, domains

LATE = {"pandera.backends.polars.builtin_checks", "scipy.special"}
CACHES = [device._extractor, bot._patterns, domains._suffixes, domains._registries]
assert not LATE & set(sys.modules)
for _ in range(2):
    for each in ONCE:
        each()
    assert LATE <= set(sys.modules)
    assert [each.cache_info().misses for each in CACHES] == [1, 1, 1, 1]
"""


def test_all_that_the_first_day_needs_is_made_ready_once():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
