"""kill -9 in the middle of a replay: the process is gone at that very step, and the next one finishes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from growth_assets.ingest.conservation import accounts
from growth_assets.ingest.replay import replay

pytestmark = pytest.mark.slow

KILLED = """
import os, signal, sys
from pathlib import Path
from growth_assets import settings
from growth_assets.ingest.replay import replay
left = int(sys.argv[2])
def dying(step):
    def stepping(*arguments, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*arguments, **named)
    return stepping
for name in ("replace", "rename", "unlink", "fsync"):
    setattr(os, name, dying(getattr(os, name)))
replay(settings.load(Path(sys.argv[1])))
print(int(sys.argv[2]) - left)
"""
KILLS = 5
OFFSET = '[[sources]]\nname = "landing"\nutc_offset = "+02:00"'


def run(site, at: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(site.folder), str(at)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def state(site) -> tuple[list[tuple], list[tuple]]:
    return sorted((row["line_number"], row["event_timestamp"]) for row in site.raw()), site.rejected()


def test_a_replay_that_is_killed_is_finished_by_the_next(new_site, write):
    local = [write.event(number, ds).replace(b'Z"', b'"') for number, ds in ((5, "2026-03-01"), (6, "2026-03-02"))]

    def prepared():
        site = new_site()
        path = site.put("a.ndjson", write.events(range(3)) + b"broken\n" + b"".join(local))
        site.land()
        path.unlink()
        site.configure(OFFSET)
        return site

    done = prepared()
    old = state(done)
    undisturbed = run(done, 10_000)
    assert not undisturbed.returncode, undisturbed.stderr
    steps, new = int(undisturbed.stdout), state(done)
    assert (len(old[0]), len(new[0])) == (3, 5)
    seen = set()
    for kill in range(KILLS):
        site = prepared()
        assert run(site, 1 + kill * (steps - 1) // (KILLS - 1)).returncode == -9
        seen.add(len(state(site)[0]))
        assert state(site)[0] in (old[0], new[0])
        replay(site.settings)
        assert state(site) == new
        assert all(account.balanced for account in accounts(site.settings, site.ledger.current.values()))
    assert seen == {3, 5}
