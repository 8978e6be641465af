"""README's table of formats: every format has its row and its sample, and what a row names exists."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import get_args

import polars as pl
import pytest

from growth_assets.contracts.columns import RECEIVED
from growth_assets.fct.private_properties import without_private
from growth_assets.fct.website_events import COLUMNS
from growth_assets.log_format.notation import layout_of
from growth_assets.settings import Settings, Source
from growth_assets.sources.detect import HEAD_BYTES, detect
from growth_assets.sources.formats import PARQUET, TEXT_FORMATS
from growth_assets.sources.native import KEYS
from growth_assets.sources.reader import read
from growth_assets.sources.snowplow import COLUMNS as SNOWPLOW

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SAMPLES = Path(__file__).parent / "sources" / "samples"

# What a file does not say itself.
WRITTEN_BY = '$http_x_forwarded_for $remote_addr $host [$time_local] "$request" $status $bytes_sent $request_time'
SET = {"log_format": {"log_format": WRITTEN_BY}, "haproxy": {"utc_offset": "+02:00"}}

NOTATION = {"LogFormat": "Apache's directive", "escape=json": "a parameter of nginx's directive", "host:port": "values"}
"""What a row may name that is neither a field nor a setting."""


def table():
    """The rows under the table's heading: name, what it is, what becomes of it."""
    lines = iter(README.splitlines())
    for line in lines:
        if line == "| format | what it is | what becomes of it |":
            break
    next(lines)
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        name, is_, becomes = (cell.strip() for cell in line.strip("|").split(" | "))
        rows.append((name.strip("` "), is_, becomes.strip()))
    return rows


ROWS = table()
NAMES = [name for name, _, _ in ROWS]


@cache
def sample(name):
    """The file, its text, and the events that it holds."""
    (path,) = SAMPLES.glob(f"{name}.*")
    reading = read(path, Source(name="test", **SET.get(name, {})), "www.default.com")
    batches = list(reading)
    assert [batch.rejected.to_dicts() for batch in batches if batch.rejected.height] == []
    text = "" if name == PARQUET else path.read_text(encoding="utf-8")
    return path, text, pl.concat([batch.events for batch in batches]), reading.format


def test_the_table_names_the_formats_there_are_in_the_order_of_the_setting():
    settable = get_args(Source.model_fields["format"].annotation)
    assert settable == ("auto", *NAMES)
    assert sorted(NAMES) == sorted([*TEXT_FORMATS, PARQUET])


def test_every_sample_is_of_a_format():
    assert sorted(path.stem for path in SAMPLES.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_sample_of_a_format_is_found_by_content_and_is_read(name):
    path, _, events, found = sample(name)
    assert found == name
    assert events.height
    if name != "log_format":  # the one that has to be set
        assert detect(path.read_bytes()[:HEAD_BYTES], path) == name


def exists(token, name):
    """Whether what is named is a column, a setting, a property that the sample gives, or a field of the sample."""
    _, text, events, _ = sample(name)
    token = token.removesuffix("{}")
    known = {*RECEIVED, *KEYS, *COLUMNS, *Source.model_fields, *Settings.model_fields, *NAMES, *NOTATION}
    known |= set(events["other_properties"].to_frame().select(pl.first().map.keys().explode()).to_series())
    if name == "snowplow":
        known |= {*SNOWPLOW}  # a file without a header
    if token in known:
        return True
    text = WRITTEN_BY if name == "log_format" else text
    if token.startswith("%"):
        # Of Apache's own notation; the layout has the field under a name that says what it is.
        return layout_of(f"{token} %t %>s").fields[0].name.isidentifier()
    words = {token, token.lstrip("$"), "http_" + token.lower().replace("-", "_")}
    return any(re.search(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])", text) for word in words)


@pytest.mark.parametrize(("name", "cells"), [(name, is_ + becomes) for name, is_, becomes in ROWS], ids=NAMES)
def test_what_a_row_names_exists(name, cells):
    tokens = re.findall(r"`([^`]+)`", cells)
    assert [token for token in tokens if not exists(token, name)] == []


def test_a_row_that_names_what_is_not_there_is_found():
    assert not exists("session_length", "combined")
    assert not exists("ClientHorst", "traefik")
    assert exists("ClientHost", "traefik")


ADDRESS = re.compile(r"(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d+|2001:db8:[0-9a-f:]*")


@pytest.mark.parametrize("name", NAMES)
def test_no_address_and_no_user_agent_of_a_sample_gets_past_the_raw_layer(name):
    _, _, events, _ = sample(name)
    agents = {agent for agent in events["user_agent"] if agent and agent != "-"}
    for properties in without_private(events["other_properties"]):
        for key, value in properties.items():
            assert not ADDRESS.search(value or ""), key
            assert value not in agents, key


def test_the_settings_that_readme_shows_are_settings(tmp_path):
    shown = [
        block
        for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", README, re.M)
        if re.search(r"^    (\[\[|\w+ = [\[\"'])", block)
    ]
    assert len(shown) >= 3
    for block in shown:
        settings = Settings(data=tmp_path, **tomllib.loads(re.sub("^    ", "", block, flags=re.M)))
        # Whoever copies the example keeps the proxies that are trusted without it.
        assert set(Settings.model_fields["trusted_proxies"].default) <= set(settings.trusted_proxies)
