"""The samples under data/samples are what they claim to be."""

from pathlib import Path

import pytest

from growth_assets.settings import Source
from growth_assets.sources.reader import read

SAMPLES = Path(__file__).parents[1] / "data" / "samples"


@pytest.mark.parametrize(
    ("name", "file_format", "events"),
    [("events.ndjson", "ndjson", 4), ("events.csv", "csv", 2), ("access.log", "combined", 4)],
)
def test_each_sample_is_read_without_a_rejected_line(name, file_format, events):
    reading = read(SAMPLES / name, Source(name="samples"), "www.xx.com")
    batches = list(reading)
    assert reading.format == file_format
    assert sum(batch.events.height for batch in batches) == events
    assert sum(batch.rejected.height for batch in batches) == 0
