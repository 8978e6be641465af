"""The demo world is the same bytes for the same arguments, and keeps out of other people's folders."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_assets.simulate import SimulateError, files, simulate
from growth_assets.simulate.rhythm import day_sizes

GOLDEN = {
    "ndjson": "3603dff8c86ca8294cbddf4239cee526caad48d3a45f0a10866c577dd1114982",
    "combined": "09ac6dac298f29fd8732617f3042efb4484c1a7e32cdabc9920689228fdfc3b5",
}
"""SHA-256 of the landing files and the truth of `simulate(days=3, events_per_day=600)`.

These change with the demo world itself, with fake-useragent's list, and with address_blocks.csv; nothing else
may change them. A new value here is a new world: say so in the changelog.
"""


def fingerprint(folder: Path) -> str:
    """Names and bytes of all files of a world."""
    digest = hashlib.sha256()
    for path in [*sorted((folder / "landing").iterdir()), folder / "truth.json"]:
        digest.update(f"{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize("file_format", ["ndjson", "combined"])
def test_a_small_world_has_its_golden_bytes(tmp_path, file_format):
    simulate(tmp_path, days=3, events_per_day=600, file_format=file_format)
    assert fingerprint(tmp_path) == GOLDEN[file_format]


def test_one_thread_gives_the_same_bytes(tmp_path):
    code = (
        "import sys; from pathlib import Path; from growth_assets.simulate import simulate; "
        "simulate(Path(sys.argv[1]), days=3, events_per_day=600)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        check=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "POLARS_MAX_THREADS": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
    )
    assert fingerprint(tmp_path) == GOLDEN["ndjson"]


@pytest.mark.parametrize("size", [97, 1_000])
def test_the_size_of_a_slice_changes_no_byte(tmp_path, monkeypatch, size):
    monkeypatch.setattr(files, "SLICE", size)
    simulate(tmp_path, days=3, events_per_day=600)
    assert fingerprint(tmp_path) == GOLDEN["ndjson"]


def test_parquet_is_the_same_bytes_twice(tmp_path):
    worlds = [tmp_path / "one", tmp_path / "two"]
    for folder in worlds:
        simulate(folder, days=2, events_per_day=600, file_format="parquet")
    assert fingerprint(worlds[0]) == fingerprint(worlds[1])


def test_another_seed_is_another_world(tmp_path):
    simulate(tmp_path, days=3, events_per_day=600, seed=2)
    assert fingerprint(tmp_path) != GOLDEN["ndjson"]


@pytest.mark.parametrize("file_format", ["ndjson", "combined"])
def test_a_day_does_not_depend_on_how_many_follow(tmp_path, file_format):
    short = simulate(tmp_path / "short", days=8, events_per_day=500, file_format=file_format)
    long = simulate(tmp_path / "long", days=12, events_per_day=500, file_format=file_format)
    # The last file of the short world takes in what would have come later.
    kept = [file.name for file in short.files if "2026-01-08" not in file.name]
    for name in kept:
        assert (tmp_path / "short/landing" / name).read_bytes() == (tmp_path / "long/landing" / name).read_bytes()
    assert len(kept) == (7 if file_format == "ndjson" else 14)
    assert short.days[:7] == long.days[:7]
    assert short.days[7].overall.people == long.days[7].overall.people


def test_made_again_it_replaces_its_own_files(tmp_path):
    simulate(tmp_path, days=3, events_per_day=300, seed=5)
    simulate(tmp_path, days=3, events_per_day=600)
    assert fingerprint(tmp_path) == GOLDEN["ndjson"]


@pytest.mark.parametrize("foreign", ["access.log", "2025/events-2026-01-01.ndjson", "events-2026-01-04.ndjson"])
def test_it_refuses_a_landing_folder_with_other_files(tmp_path, foreign):
    path = tmp_path / "landing" / foreign
    path.parent.mkdir(parents=True)
    path.write_text("precious\n")
    with pytest.raises(SimulateError, match=r"holds files that are not of this demo world: .*name another folder"):
        simulate(tmp_path, days=3, events_per_day=600)
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [path]
    assert path.read_text() == "precious\n"


def test_leftovers_of_its_own_do_not_stop_it(tmp_path):
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / ".gitkeep").touch()
    (landing / ".events-2026-01-01.ndjson.part").write_text("half")
    truth = simulate(tmp_path, days=1, events_per_day=300)
    assert sorted(path.name for path in landing.iterdir()) == [".gitkeep", "events-2026-01-01.ndjson"]
    assert truth.files[0].good == 300 + truth.total.overall.duplicates


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"days": 0}, "days must be from 1"),
        ({"events_per_day": 3}, "events_per_day must be from 10"),
        ({"seed": -1}, "seed must be from 0"),
        ({"people": 1}, "people must be from 10"),
        ({"user_agents": 1}, "user_agents must be from 2"),
        ({"hostnames": ()}, "hostnames must be from 1"),
        ({"hostnames": ("www.xx.com", "www.xx.com")}, "names a host twice"),
        ({"hostnames": ("../etc",)}, "is not a host name"),
        ({"file_format": "csv"}, "file_format must be one of ndjson, parquet, combined"),
    ],
)
def test_arguments_without_sense_are_refused(tmp_path, arguments, named):
    with pytest.raises(SimulateError, match=named):
        simulate(tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_day_by_day(tmp_path):
    told: list[tuple[dt.date, int]] = []
    truth = simulate(
        tmp_path,
        days=2,
        events_per_day=300,
        file_format="combined",
        hostnames=("a.example.com", "b.example.com", "c.example.com"),
        first_day=dt.date(2024, 2, 28),
        progress=lambda day, lines: told.append((day, lines)),
    )
    assert [day for day, _ in told] == [dt.date(2024, 2, 28), dt.date(2024, 2, 29)]
    assert sum(lines for _, lines in told) == sum(file.lines for file in truth.files)
    assert len(truth.files) == 6


def test_the_truth_on_disk_is_the_truth_returned(tmp_path):
    truth = simulate(tmp_path, days=2, events_per_day=300)
    stored = json.loads((tmp_path / "truth.json").read_text())
    assert stored["total"]["overall"]["people"] == truth.total.overall.people
    assert stored["days"][1]["hosts"]["www.xxx.com"]["hits"] == truth.days[1].hosts["www.xxx.com"].hits
    assert [file["name"] for file in stored["files"]] == [file.name for file in truth.files]


def test_one_day_has_exactly_the_events_asked_for(tmp_path):
    assert simulate(tmp_path, days=1, events_per_day=1_234).total.overall.events == 1_234


@settings(max_examples=30, deadline=None)
@given(
    days=st.integers(7, 80),
    events=st.integers(10, 10**7),
    seed=st.integers(0, 2**40),
    first=st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)),
)
def test_sizes_keep_their_mean_and_do_not_look_ahead(days, events, seed, first):
    sizes = day_sizes(days, events, seed, first)
    assert abs(sum(sizes[:7]) - 7 * events) <= 7
    assert sizes[:7] == day_sizes(7, events, seed, first)
    weekend = [size for day, size in enumerate(sizes[:7]) if (first + dt.timedelta(days=day)).weekday() > 4]
    working = [size for day, size in enumerate(sizes[:7]) if (first + dt.timedelta(days=day)).weekday() < 5]
    if events > 1_000:
        assert 0.4 < (sum(weekend) / 2) / (sum(working) / 5) < 0.6
    # A few events grow by less than one.
    if days > 28 and events > 1_000:
        assert sum(sizes[21:28]) > sum(sizes[:7])
