"""The script that builds the country database: same bytes every time, bad rows refused."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import time
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from growth_assets.enrich.country import open_database

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "build_country_database.py"

pytest.importorskip("mmdb_writer", reason="mmdb-writer is a development dependency")

IPV4 = "1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,CN\n8.8.8.8,8.8.8.8,US\n"
IPV6 = "2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\n2a00::,2a00::1,DE\n"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_country_database", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def archive(folder: Path, **tables: str) -> Path:
    path = folder / "package.tgz"
    with tarfile.open(path, "w:gz") as package:
        for version, text in tables.items():
            content = text.encode()
            member = tarfile.TarInfo(f"package/asn-country-{version}.csv")
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
    return path


def test_same_input_same_bytes_and_right_answers(script, tmp_path, monkeypatch):
    package = archive(tmp_path, ipv4=IPV4, ipv6=IPV6)
    first, second = tmp_path / "first.mmdb", tmp_path / "second.mmdb"
    epoch = script.data_epoch("2.3.2026061719")
    script.write_database(script.tables_of(package), epoch, first)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    script.write_database(script.tables_of(package), epoch, second)
    assert first.read_bytes() == second.read_bytes()
    database = open_database(first)
    assert database.version == "growth_assets-RIR-Country@1781654400"
    asked = [
        "1.0.0.255",
        "1.0.1.0",
        "1.0.3.255",
        "1.0.4.0",
        "8.8.8.8",
        "8.8.8.9",
        "2001:200::5",
        "2a00::2",
        "2a00::1",
    ]
    found = database.countries(pl.Series(asked)).to_list()
    assert found == ["AU", "CN", "CN", "ZZ", "US", "ZZ", "JP", "ZZ", "DE"]


BAD_ROWS = {
    "overlap": [["1.0.0.0", "1.0.0.255", "AU"], ["1.0.0.128", "1.0.1.0", "CN"]],
    "out of order": [["1.0.1.0", "1.0.1.0", "AU"], ["1.0.0.0", "1.0.0.1", "CN"]],
    "reversed": [["1.0.0.9", "1.0.0.0", "AU"]],
    "no country": [["1.0.0.0", "1.0.0.1", ""]],
    "lower case": [["1.0.0.0", "1.0.0.1", "au"]],
    "two columns": [["1.0.0.0", "1.0.0.1"]],
    "no address": [["x", "1.0.0.1", "AU"]],
}


@pytest.mark.parametrize("rows", BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_bad_rows_are_refused(script, rows):
    with pytest.raises(ValueError):
        list(script.checked_rows(rows))


def test_an_archive_that_is_not_the_pinned_one_is_refused(script, tmp_path, monkeypatch):
    (tmp_path / "got.tgz").write_bytes(b"something else")

    class Done:
        stdout = "got.tgz\n"

    monkeypatch.setattr(script.subprocess, "run", lambda *_, **__: Done())
    with pytest.raises(SystemExit, match="Nothing was written"):
        script.fetch(tmp_path)
