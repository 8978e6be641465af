"""Landing, half a last line and a replay on S3, over HTTP, as on disk."""

import json

import polars as pl
import pytest

from growth_assets import settings as site_settings
from growth_assets.ingest import ledger
from growth_assets.ingest.conservation import accounts
from growth_assets.ingest.landing import land
from growth_assets.ingest.replay import replay
from growth_assets.warehouse import objects
from growth_assets.warehouse.partitions import scan

EVENT = {"hostname": "www.xx.com", "action_type": "page_view", "ip": "8.8.8.8"}


@pytest.fixture
def configured(s3, tmp_path):
    """Settings of a site on S3, with more lines of site.toml."""
    bucket = s3.bucket("replayed")

    def configure(more: str = ""):
        (tmp_path / "site.toml").write_text(
            f'hostnames = ["www.xx.com"]\nlanding = "s3://{bucket}/logs"\nwarehouse = "s3://{bucket}/tables"\n{more}'
        )
        return site_settings.load(tmp_path)

    return configure


def line(time: str, **more) -> bytes:
    return json.dumps({"event_time": time, **EVENT, **more}).encode() + b"\n"


def times(settings) -> list[str]:
    landed = ledger.read(settings.warehouse)
    paths = [path for ds in landed.by_day for path in landed.segments(ds)]
    return sorted(str(each) for each in pl.concat(map(scan, paths)).collect()["event_timestamp"])


def test_a_replay_and_half_a_line_on_a_store(configured):
    settings = configured()
    half = line("2026-03-03T10:00:00Z")[:-20]
    objects.put_bytes(
        line("2026-03-01T10:00:00Z") + line("2026-03-02T10:00:00") + line("?") + half, settings.landing / "a.ndjson"
    )
    landed = land(settings)
    assert [(entry.events, entry.rejected, entry.unfinished) for entry in landed.read] == [(1, 2, len(half))]
    objects.remove(settings.landing / "a.ndjson")
    settings = configured('[[sources]]\nname = "landing"\nutc_offset = "+02:00"')
    assert land(settings).unfinished == ["a.ndjson"]
    found = replay(settings)
    assert (found.lines, found.events, found.still_rejected, found.unreadable) == (2, 1, 1, [])
    assert times(settings) == ["2026-03-01 10:00:00", "2026-03-02 08:00:00"]
    assert replay(settings).entries == []
    # The line waits on, and is read when it has waited in vain.
    settings = settings.model_copy(update={"settle_seconds": 0})
    (entry,) = land(settings).read
    assert (entry.lines, entry.events, entry.rejected, entry.unfinished) == (4, 2, 2, 0)
    assert all(account.balanced for account in accounts(settings, [entry]))
    names = objects.sizes(settings.warehouse / "landing")
    assert not [name for name in names if name.startswith("unfinished/")]
    assert {name.split("/")[1] for name in names if name.startswith("segments/")} == {entry.id}
