"""What newcomers get wrong, and what they are told."""

import io
import socket
import subprocess
import sys
import zipfile

import polars as pl
import pytest
from rich.console import Console

from growth_assets.report.screen import rich_table
from growth_assets.settings import SettingsError, load

EVENT = '{"event_time": "2026-01-05T09:00:00Z", "action_type": "page_view", "ip": "8.8.8.8", "user_agent": "x"}\n'


@pytest.fixture
def own(cli, tmp_path):
    assert cli("init", tmp_path / "own", "--hostname", "www.own.com").code == 0
    return tmp_path / "own"


def test_a_log_of_which_no_line_can_be_read_is_told(cli, own):
    (own / "landing" / "strange.json").write_text('{"ts": 1}\n{"ts": 2}\n')
    ran = cli("build", "--data", own)
    assert ran.code == 1
    assert "the format of this file is not clear from its first 2 lines" in ran.err
    with (own / "site.toml").open("a") as site:
        site.write('[[sources]]\nname = "all"\nformat = "ndjson"\n')
    ran = cli("build", "--data", own)
    assert ran.code == 0
    assert "no event has landed yet" in ran.out
    assert "check lines_mostly_read failed: strange.json: 2 of 2 lines rejected" in ran.err


def test_a_zip_archive_is_no_log_though_it_holds_one(cli, own):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("events.ndjson", EVENT * 20)
    (own / "landing" / "logs.zip").write_bytes(packed.getvalue())
    ran = cli("build", "--data", own)
    assert ran.code == 1
    assert "logs.zip: this is a zip archive. Unpack it" in ran.err
    assert "could be read" in ran.out


def test_a_range_without_events_is_told_with_the_days_there_are(cli, own):
    (own / "landing" / "a.ndjson").write_text(EVENT)
    assert cli("build", "--data", own).code == 0
    ran = cli("build", "--data", own, "--from", "2026-02-01", "--to", "2026-02-02")
    assert ran.code == 0
    assert "No day of that range has events; events are from 2026-01-05 to 2026-01-05" in ran.out


def test_logs_are_kept_out_of_a_repository(own):
    assert (own / ".gitignore").read_text().splitlines() == ["/landing/", "/warehouse/", "/dagster_home/"]


def test_a_port_that_is_taken(cli, own):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = cli("ui", "--data", own, "--port", port)
    assert ran.code == 2
    assert f"port {port}" in ran.err
    assert "--port" in ran.err


def test_a_variable_that_names_no_setting(own, monkeypatch):
    monkeypatch.setenv("GROWTH_SLAT", "secret")
    with pytest.raises(SettingsError, match="GROWTH_SLAT names no setting") as told:
        load(own)
    assert "secret" not in str(told.value)


def test_hosts_that_begin_alike_stay_apart_on_a_narrow_screen():
    hosts = ["www.my-very-own-shop.com", "www.my-very-own-shop.co.uk"]
    frame = pl.DataFrame(
        {"ds": ["2026-01-01"] * 2, "dim_hostname": hosts, **{f"m_number_{n}": [1, 2] for n in range(6)}}
    )
    screen = Console(file=io.StringIO(), width=80)
    screen.print(rich_table(frame))
    for host in hosts:
        assert host in screen.file.getvalue()


def test_a_failed_build_ends_with_its_message(own):
    (own / "landing" / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    ran = subprocess.run(
        [sys.executable, "-m", "growth_assets", "build", "--data", str(own)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "picture.png: this is a picture" in ran.stderr
    assert "nanobind" not in ran.stderr
