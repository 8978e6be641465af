"""A file of each line format to begin from: what a reader understands, and what it does not."""

from __future__ import annotations

import csv
import io
import json

from growth_assets.sources.formats import TEXT_FORMATS
from growth_assets_tests.sources import test_sources_json_logs as json_logs
from growth_assets_tests.sources import tracker_samples as trackers
from growth_assets_tests.sources import web_log_samples as logs

LOG_FORMAT = '%h %l %u %t "%r" %>s %b %{ms}T'
"""The string of the files in the format `log_format`."""

NATIVE = {
    "event_time": "2026-03-14T10:05:03.123456+01:00", "event_id": "e1", "hostname": "www.xx.com",
    "action_type": "page_view", "url": "/a?b=1", "referrer": "https://x.com/", "ip": "8.8.8.8",
    "user_agent": "Agent, of \"a\" kind", "user_id": "42",
}  # fmt: skip
BROKEN = ["", " ", "junk", "{}", '{"a": 1e400}', "\x00", "é\\ud800"]


def _csv() -> list[str]:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([NATIVE.keys(), NATIVE.values()])
    return [*text.getvalue().splitlines(), '2026-03-14T10:05:03Z,,,,"two', 'lines",,,,', '"open']


def _lines(name: str) -> list[str]:
    if name == "csv":
        return _csv()
    if name == "ndjson":
        return [json.dumps({**NATIVE, "properties": {"n": 1.50, "x": None}, "extra": [1, {}]})]
    if name == "log_format":
        return ['8.8.8.8 - - [14/Mar/2026:10:05:03 +0000] "GET /a HTTP/1.1" 200 12 7']
    if name in json_logs.SAMPLES:
        return [json.dumps(json_logs.SAMPLES[name][0])]
    if name in trackers.SAMPLES:
        return [trackers.SAMPLES[name][0], *(line for line, _ in trackers.BROKEN.get(name, []))]
    return [*logs.HEADS.get(name, "").splitlines(), *logs.LINES[name]]


SEEDS: dict[str, bytes] = {
    name: "".join(f"{line}\n" for line in [*_lines(name), *BROKEN]).encode() for name in TEXT_FORMATS
}
"""Name of a format to a file in it."""
