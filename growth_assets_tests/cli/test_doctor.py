"""The doctor: well where all is well, and each ill by its name with what to do about it."""

from __future__ import annotations

import re
import shutil

import pytest

from growth_assets import settings
from growth_assets.tables import TABLES

DONE, FAILED = 0, 3


def findings(out: str) -> dict[str, tuple[str, str]]:
    """What was looked at to `ok` or `wrong`, and what was said with the remedy."""
    found: dict[str, tuple[str, str]] = {}
    what = ""
    for line in out.splitlines():
        match = re.match(r"(ok|wrong) +([^:]+): (.*)", line)
        if match:
            what = match[2]
            # Of several findings about one thing the worse one counts.
            if what not in found or match[1] == "wrong":
                found[what] = (match[1], match[3])
        elif what:
            found[what] = (found[what][0], f"{found[what][1]} {line.strip()}")
    return found


@pytest.fixture
def site(tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\nsalt = "x"\n')
    return tmp_path


@pytest.fixture
def built(small_world, tmp_path):
    """A copy of the small world as built, with a catalogue of its own place."""
    shutil.copytree(small_world.folder, tmp_path / "site")
    return tmp_path / "site"


def ills(ran) -> dict[str, str]:
    return {what: says for what, (mark, says) in findings(ran.out).items() if mark == "wrong"}


@pytest.mark.slow
def test_healthy_folder(cli, small_world):
    ran = cli("doctor", "--data", small_world.folder)
    assert ran.code == DONE, ran.out
    found = findings(ran.out)
    assert {mark for mark, _ in found.values()} == {"ok"}
    assert {"settings", "salt", "country database", "warehouse", "catalogue", "dagster"} <= set(found)
    assert found["landing/events-2026-01-01.ndjson"][1] == "ndjson, source landing"
    assert found["warehouse"][1] == "3 days have events, 3 are published, from 2026-01-01"
    assert f"{len(TABLES)} views" in found["catalogue"][1]
    # No salt is no ill, but worth a word.
    assert "GROWTH_SALT" in found["salt"][1]


def test_new_folder_is_well_but_for_its_example_host(cli, tmp_path):
    cli("init", tmp_path)
    ran = cli("doctor", "--data", tmp_path)
    assert ran.code == FAILED
    assert list(ills(ran)) == ["settings"]
    assert "hostnames is still www.example.com" in ran.out
    assert findings(ran.out)["landing"][1].startswith(f"{tmp_path / 'landing'} is empty")


def test_no_hostnames(cli, site):
    (site / "site.toml").write_text("")
    ran = cli("doctor", "--data", site)
    assert ran.code == FAILED
    assert list(ills(ran)) == ["settings"]
    assert f"{site / 'site.toml'}: hostnames is empty" in ills(ran)["settings"]
    assert 'hostnames = ["www.example.com"]' in ills(ran)["settings"]


def test_missing_landing(cli, site):
    (site / "landing").rmdir()
    ran = cli("doctor", "--data", site)
    assert ran.code == FAILED
    assert list(ills(ran)) == ["landing"]
    assert f"{site / 'landing'} is no folder Make it" in ills(ran)["landing"]


def test_unreadable_files(cli, site):
    (site / "landing/gone.log").symlink_to(site / "nowhere")
    (site / "landing/what.log").write_text("nobody knows this\n" * 5)
    (site / "landing/good.log").write_text('1.1.1.1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "x"\n')
    ran = cli("doctor", "--data", site)
    assert ran.code == FAILED
    assert set(ills(ran)) == {"landing/gone.log", "landing/what.log"}
    assert "Mend the link" in ills(ran)["landing/gone.log"]
    assert "Set `format`" in ills(ran)["landing/what.log"]
    assert findings(ran.out)["landing/good.log"] == ("ok", "combined, source landing")


@pytest.mark.parametrize("content", [None, b"", b"no database", b"\x1f\x8bx"], ids=["missing", "empty", "text", "gz"])
def test_broken_country_database(cli, site, content):
    path = site / "x.mmdb"
    if content is not None:
        path.write_bytes(content)
    (site / "site.toml").write_text('hostnames = ["www.xx.com"]\ncountry_database = "x.mmdb"')
    ran = cli("doctor", "--data", site)
    assert ran.code == FAILED
    assert list(ills(ran)) == ["country database"]
    assert str(path) in ills(ran)["country database"]


def test_damaged_dagster_yaml(cli, site):
    home = site / "dagster_home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: [")
    ran = cli("doctor", "--data", site)
    assert ran.code == FAILED
    assert list(ills(ran)) == ["dagster"]
    assert str(home) in ills(ran)["dagster"]
    assert "Mend it, or move the folder away" in ran.out


@pytest.mark.slow
class TestWarehouse:
    def test_missing_catalogue(self, cli, built):
        (built / "warehouse/growth.duckdb").unlink()
        ran = cli("doctor", "--data", built)
        assert ran.code == FAILED
        assert list(ills(ran)) == ["catalogue"]
        assert f"{built / 'warehouse/growth.duckdb'} is missing Run `growth-assets build`" in ills(ran)["catalogue"]

    def test_damaged_catalogue_and_the_remedy(self, cli, built):
        path = built / "warehouse/growth.duckdb"
        path.write_bytes(b"no database" * 1000)
        ran = cli("doctor", "--data", built)
        assert ran.code == FAILED
        assert list(ills(ran)) == ["catalogue"]
        assert str(path) in ills(ran)["catalogue"]
        assert "Delete the file and run" in ills(ran)["catalogue"]
        path.unlink()
        assert cli("build", "--data", built).code == DONE
        assert cli("doctor", "--data", built).code == DONE

    def test_stale_days(self, cli, built):
        for path in (built / "warehouse/core/agg_website_events").glob("ds=2026-01-02/*"):
            path.unlink()
        ran = cli("doctor", "--data", built)
        assert ran.code == FAILED
        assert "1 are not up to date Run `growth-assets build`" in ills(ran)["warehouse"]

    def test_days_built_with_other_settings(self, cli, built):
        with (built / "site.toml").open("a") as stream:
            stream.write('hit_actions = ["page_view", "click"]\n')
        ran = cli("doctor", "--data", built)
        assert ran.code == FAILED
        assert "Run `growth-assets build --from 2026-01-01 --to 2026-01-03`." in ills(ran)["warehouse"]

    def test_days_before_the_first(self, cli, built):
        with (built / "site.toml").open("a") as stream:
            stream.write("first_day = 2026-01-03\n")
        ran = cli("doctor", "--data", built)
        assert ran.code == DONE
        mark, says = findings(ran.out)["out of range"]
        assert mark == "ok"
        assert "2 days before first_day (2026-01-03) stay as they were built under another" in says
        assert f"set first_day = 2026-01-01 in {built / 'site.toml'}" in says

    def test_damaged_ledger(self, cli, built):
        entry = sorted((built / "warehouse/landing/files").glob("*.json"))[0]
        entry.write_text("[]")
        ran = cli("doctor", "--data", built)
        assert ran.code == FAILED
        assert list(ills(ran)) == ["warehouse"]
        assert str(entry) in ran.out
        assert "Delete it" in ran.out
        assert "Traceback" not in ran.out

    def test_it_changes_nothing_in_the_warehouse(self, cli, small_world):
        root = small_world.folder / "warehouse"
        before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
        assert len(before) > 50
        cli("doctor", "--data", small_world.folder)
        assert {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()} == before
        assert settings.load(small_world.folder).hostnames
