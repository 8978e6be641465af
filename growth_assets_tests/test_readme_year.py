"""README's table of a year: it is what the harness measured, and what is said of it is so."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import year_table

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
KEPT = json.loads(year_table.KEPT.read_text(encoding="utf-8"))


def test_readme_shows_what_the_harness_measured():
    assert year_table.as_text(KEPT) in README
    assert KEPT["days"] == KEPT["backfill"]["days"] == 365
    assert KEPT["events"] >= KEPT["backfill"]["events_per_day"] == 20_000


def test_a_year_in_one_run_is_far_from_a_process_a_day():
    assert KEPT["stock_scaled_not_measured"]["seconds"] > 10 * KEPT["build"]["seconds"]
