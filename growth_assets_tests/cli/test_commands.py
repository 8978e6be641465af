"""The commands: what they say, and with which code they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from growth_assets import settings
from growth_assets.cli import _tell
from growth_assets.ingest.begun import Landing
from growth_assets.orchestration.run import Report
from growth_assets.orchestration.stale_days import contiguous
from growth_assets.reference import COUNTRY_DATABASE

DONE, CHECK_FAILED, WRONG, FAILED = 0, 1, 2, 3

EVENT = (
    '{"event_time": "%sT10:00:%02dZ", "hostname": "%s", "ip": "81.2.69.%d", "user_agent": "x", "action_type": "%s"}\n'
)


@pytest.fixture
def site(tmp_path):
    (tmp_path / "landing").mkdir()
    (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]\n')
    return tmp_path


def put(site: Path, name: str, *, ds: str = "2026-03-01", good: int = 10, bad: int = 0) -> Path:
    lines = [EVENT % (ds, n, "www.xx.com", n, "page_view") for n in range(good)]
    lines += [EVENT % (ds, n, "nowhere", 100 + n, "page_view") for n in range(bad)]
    path = site / "landing" / name
    path.write_text("".join(lines))
    return path


class TestInit:
    def test_makes_a_folder_that_builds_at_once(self, cli, tmp_path):
        ran = cli("init", tmp_path / "new" / "site", "--hostname", "www.XX.com", "--hostname", "shop.xx.com")
        assert ran.code == DONE
        assert str(tmp_path / "new/site/site.toml") in ran.out
        assert (tmp_path / "new/site/landing").is_dir()
        assert settings.load(tmp_path / "new/site").hostnames == ("www.xx.com", "shop.xx.com")

    def test_says_that_the_host_is_an_example(self, cli, tmp_path):
        ran = cli("init", tmp_path)
        assert ran.code == DONE
        assert "set `hostnames` to yours" in ran.out
        assert settings.load(tmp_path).hostnames == ("www.example.com",)

    def test_refuses_to_overwrite(self, cli, site):
        before = (site / "site.toml").read_bytes()
        ran = cli("init", site)
        assert ran.code == WRONG
        assert f"{site / 'site.toml'} exists already" in ran.err
        assert (site / "site.toml").read_bytes() == before

    @pytest.mark.parametrize(
        "name", ["https://www.xx.com", "www.xx.com/", "localhost", "www.xx.com:80", "", "www.xx.com\n"]
    )
    def test_refuses_what_is_no_host(self, cli, tmp_path, name):
        ran = cli("init", tmp_path / "x", "--hostname", name)
        assert ran.code == WRONG
        assert "--hostname" in ran.err
        assert "www.example.com" in ran.err
        assert not (tmp_path / "x").exists()

    def test_commented_defaults_are_the_real_ones(self, cli, tmp_path):
        cli("init", tmp_path, "--hostname", "www.xx.com")
        text = (tmp_path / "site.toml").read_text()
        # Every line "# key = value" and "# [table]", but for examples, which are no defaults.
        lines = [re.sub(r"^# (?=[a-z_]+ = |\[)", "", line) for line in text.splitlines()]
        uncommented = "\n".join(lines)
        assert set(tomllib.loads(uncommented)) == set(settings.Settings.model_fields) - {"data", "alert_urls"}
        examples = {
            "first_day = 2026-01-01": "",
            'days_off = ["2026-12-25", "2027-01-01"]': "",
            'country_database = "GeoLite2-Country.mmdb"': "",
            'name = "shop"': 'name = "landing"', 'files = "shop/*.log*"': 'files = "**/*"',
            'hostname = "shop.example.com"': "", 'utc_offset = "+00:00"': "",
            'master = "spark://host:7077"': "", 'catalogue = "growth"': "",
            "log_format = '%h %l %u %t \"%r\" %>s %b %D'": "",
        }  # fmt: skip
        for example, default in examples.items():
            assert uncommented.count(f"\n{example}") == 1, example
            uncommented = uncommented.replace(f"\n{example}", f"\n{default}")
        head, rules = uncommented.split("[[action_rules]]")
        assert tomllib.loads("[[action_rules]]" + rules)["action_rules"][0]["action"] == "purchase"
        (tmp_path / "site.toml").write_text(head)
        written = settings.load(tmp_path)
        (tmp_path / "site.toml").write_text('hostnames = ["www.xx.com"]')
        assert written == settings.load(tmp_path)

    def test_examples_of_the_file_load_too(self, cli, tmp_path):
        cli("init", tmp_path)
        path = tmp_path / "site.toml"
        path.write_text(re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", path.read_text()))
        found = settings.load(tmp_path)
        assert found.sources[0].hostname == "shop.example.com"
        assert found.action_rules[0].action == "purchase"


class TestUsage:
    @pytest.mark.parametrize("command", ["build", "answers", "doctor", "ui"])
    def test_folder_without_settings(self, cli, tmp_path, command):
        ran = cli(command, "--data", tmp_path)
        assert ran.code == WRONG
        assert f"{tmp_path / 'site.toml'}: no such file" in ran.err
        assert f"growth-assets init {tmp_path}" in ran.err

    @pytest.mark.parametrize("command", ["build", "answers", "doctor", "ui"])
    def test_wrong_setting(self, cli, site, command):
        (site / "site.toml").write_text("min_total_events = -1")
        ran = cli(command, "--data", site)
        assert ran.code == WRONG
        assert f"{site / 'site.toml'}: min_total_events: " in ran.err

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["build", "--from", "yesterday"], "--from yesterday: expected a day like 2026-01-31."),
            (["build", "--to", "2026-02-30"], "--to 2026-02-30: expected a day"),
            (["build", "--to", "20260201"], "--to 20260201: expected a day"),
            (["build", "--from", "2026-02-02", "--to", "2026-02-01"], "--from 2026-02-02 is after --to 2026-02-01."),
            (["answers", "--ds", "today"], "--ds today: expected a day"),
            (["simulate", "--first-day", "x"], "--first-day x: expected a day"),
            (["simulate", "--days", "100000"], "days must be from 1 to 3,660"),
        ],
    )
    def test_wrong_value(self, cli, site, arguments, says):
        ran = cli(arguments[0], "--data", site, *arguments[1:])
        assert (ran.code, says in ran.err) == (WRONG, True), ran.err

    @pytest.mark.parametrize(
        "arguments", [["bild"], ["build", "--form", "x"], ["simulate", "--days", "0"], ["simulate", "--format", "xml"],
                      ["ui", "--port", "0"], []],
    )  # fmt: skip
    def test_wrong_usage(self, cli, arguments):
        assert cli(*arguments).code == WRONG

    def test_simulate_refuses_a_folder_with_files_of_others(self, cli, site):
        put(site, "mine.ndjson")
        ran = cli("simulate", "--data", site, "--days", "1")
        assert ran.code == WRONG
        assert "mine.ndjson" in ran.err
        assert [path.name for path in (site / "landing").iterdir()] == ["mine.ndjson"]

    def test_simulate_leaves_the_settings_of_a_site_as_they_are(self, cli, site):
        before = (site / "site.toml").read_text()
        ran = cli("simulate", "--data", site, "--days", "1", "--events-per-day", "10")
        assert ran.code == DONE
        assert "Wrote" not in ran.out
        assert (site / "site.toml").read_text() == before

    def test_a_simulated_world_is_a_site_that_other_commands_know(self, cli, tmp_path):
        made = cli("simulate", "--data", tmp_path, "--days", "1", "--events-per-day", "10", "--format", "combined")
        assert f"Wrote {tmp_path / 'site.toml'}." in made.out
        found = settings.load(tmp_path)
        assert found.hostnames == ("www.xx.com", "www.xxx.com")
        assert [(source.format, source.hostname) for source in found.sources] == [
            ("combined", "www.xx.com"),
            ("combined", "www.xxx.com"),
        ]

    def test_folder_may_come_from_the_variable(self, cli, site, tmp_path, monkeypatch):
        monkeypatch.setenv("GROWTH_DATA", str(tmp_path / "elsewhere"))
        assert str(tmp_path / "elsewhere") in cli("answers").err
        # What is given wins.
        assert "holds no published day yet" in cli("answers", "--data", site).err

    def test_help_imports_nothing_heavy(self):
        script = (
            "import sys\nfrom growth_assets.cli import app\n"
            "try:\n    app(sys.argv[1:])\nexcept SystemExit as end:\n    assert end.code == 0\n"
            "heavy = {'dagster', 'polars', 'pandera', 'duckdb', 'pyarrow', 'numpy', 'maxminddb'} & set(sys.modules)\n"
            "sys.exit(f'imported {heavy}' if heavy else 0)\n"
        )
        for arguments in (["--help"], ["build", "--help"]):
            done = subprocess.run(
                [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False, timeout=60
            )
            assert done.returncode == 0, done.stderr
            assert "--help" in done.stdout

    def test_a_build_imports_nothing_that_it_does_not_need(self, site):
        put(site, "a.ndjson")
        (site / "landing").rename(site / "later")
        (site / "landing").mkdir()
        script = """
import os, sys
from growth_assets.cli import app

def build(without):
    try:
        app(["build", "--data", sys.argv[1]])
    except SystemExit as end:
        assert not end.code, end.code
    assert not without & set(sys.modules), without & set(sys.modules)

NEVER = {"apprise", "grpc", "pandas", "pyspark", "requests"}
build(NEVER | {"numpy.f2py", "scipy.special"})
os.rename(os.path.join(sys.argv[1], "later"), os.path.join(sys.argv[1], "landing"))
build(NEVER)
"""
        done = subprocess.run(
            [sys.executable, "-c", script, site], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert "there is no file" in done.stdout
        assert "Built 1 of 1 days" in done.stdout


class TestUi:
    @pytest.mark.parametrize(
        ("listens", "named", "leads_to"),
        [
            (["--port", "53971"], "", "http://127.0.0.1:53971"),
            (["--port", "53971", "--host", "0.0.0.0"], "", "http://127.0.0.1:53971"),  # noqa: S104
            (["--port", "53971", "--host", "localhost"], "least = 'ERROR'", "http://localhost:53971"),
            (["--port", "53971"], "base_url = 'https://numbers.xx.com'", "https://numbers.xx.com"),
        ],
    )
    def test_links_in_alerts_lead_to_its_own_address_unless_the_site_names_another(
        self, cli, site, monkeypatch, listens, named, leads_to
    ):
        started: list[dict[str, str]] = []
        monkeypatch.setattr(os, "execve", lambda _program, _arguments, environment: started.append(environment))
        (site / "site.toml").write_text(f"[alerts]\nmany_days = 3\n{named}\n")
        assert cli("ui", "--data", site, *listens).code == DONE
        for name, value in started[0].items():
            monkeypatch.setenv(name, value)
        alerts = settings.load().alerts
        assert (alerts.base_url, alerts.many_days) == (leads_to, 3)


class TestAnswers:
    def test_nothing_published(self, cli, site):
        ran = cli("answers", "--data", site)
        assert ran.code == FAILED
        assert "Run `growth-assets build`" in ran.err

    def test_day_that_is_not_published(self, cli, small_world):
        ran = cli("answers", "--data", small_world.folder, "--ds", "2027-01-01")
        assert ran.code == FAILED
        assert "2027-01-01 is not published; there are 3 days, 2026-01-01 to 2026-01-03." in ran.err

    def test_json_has_seven_questions_with_typed_rows(self, cli, small_world):
        ran = cli("answers", "--data", small_world.folder, "--json")
        assert (ran.code, ran.err) == (DONE, "")
        document = json.loads(ran.out)
        assert set(document) == {"days", "answers"}
        assert document["days"] == ["2026-01-01", "2026-01-02", "2026-01-03"]
        columns = {}
        for each in document["answers"]:
            assert set(each) == {"number", "question", "rows"}
            assert each["question"].endswith("?")
            assert each["rows"]
            columns[each["number"]] = list(each["rows"][0])
            for row in each["rows"]:
                assert list(row) == columns[each["number"]]
                for name, value in row.items():
                    kind = (
                        (float, type(None)) if name.endswith("_rate")
                        else float if name in {"visitors_a_day", "share_of_hits"}
                        else int if name.startswith("m_") else str
                    )  # fmt: skip
                    assert isinstance(value, kind), (each["number"], name, value)
        assert columns == {
            "1": ["ds", "dim_hostname", "m_visitors", "m_website_hits", "m_bot_visitors", "m_bot_website_hits"],
            "2a": ["dim_country", "visitors_a_day", "m_website_hits", "share_of_hits"],
            "2b": ["dim_device_brand", "visitors_a_day", "m_website_hits", "share_of_hits"],
            "3a": ["dim_source", "visitors_a_day", "m_website_hits", "share_of_hits"],
            "3b": ["dim_referrer_domain", "visitors_a_day", "m_website_hits", "share_of_hits"],
            "4": ["ds", "dim_hostname", "m_signups", "m_signups_visitors", "m_bot_signups"],
            "5": ["ds", "dim_hostname", "signup_conversion_rate", "m_signups", "m_website_hits"],
            "6": ["ds", "dim_hostname", "m_purchases", "m_purchases_visitors", "m_bot_purchases"],
            "7": ["ds", "dim_hostname", "purchase_conversion_rate", "m_purchases", "m_signups"],
        }

    def test_tables_for_people_have_every_question(self, cli, small_world):
        ran = cli("answers", "--data", small_world.folder, "--ds", "2026-01-02")
        assert ran.code == DONE
        document = json.loads(cli("answers", "--data", small_world.folder, "--ds", "2026-01-02", "--json").out)
        for each in document["answers"]:
            assert f"{each['number']}. {each['question']}" in ran.out
        assert "2026-01-02 (UTC), without bots" in ran.out
        assert "2026-01-03" not in ran.out


def test_a_build_counts_days_that_failed_where_they_belong(tmp_path, capsys):
    first, later = "2026-03-01", ["2026-03-08", "2026-03-15"]
    (tmp_path / "site.toml").write_text("")
    _tell(Report(days=[first], restated=later, bad_days={later[1]: "a reason"}), settings.load(tmp_path))
    said = capsys.readouterr()
    assert f"Built 1 of 1 days, {first} to {first}." in said.out
    assert f"what stands on changed days before it: 1 of 2 days, {later[0]} to {later[1]}." in said.out
    assert f"{later[1]} not published in full: a reason" in said.err
    # Nothing else was to be built.
    _tell(Report(restated=later, landed=later), settings.load(tmp_path))
    said = capsys.readouterr()
    assert "2 of 2 days" in said.out
    assert "up to date" not in said.out


@pytest.mark.slow
class TestBuild:
    def test_nothing_to_build(self, cli, site):
        ran = cli("build", "--data", site)
        assert ran.code == DONE
        assert f"Nothing to build: there is no file in {site / 'landing'}." in ran.out

    def test_done_then_up_to_date(self, cli, site):
        put(site, "a.ndjson")
        ran = cli("build", "--data", site)
        assert (ran.code, ran.err.strip()) == (DONE, "")
        assert "Landed 1 files (0 known already): 10 lines = 10 events + 0 rejected lines." in ran.out
        assert "Built 1 of 1 days, 2026-03-01 to 2026-03-01." in ran.out
        again = cli("build", "--data", site)
        assert again.code == DONE
        assert "(1 known already)" in again.out
        assert "Every day is up to date." in again.out

    def test_few_bad_rows_warn_and_end_well(self, cli, site):
        put(site, "a.ndjson", good=40, bad=1)
        ran = cli("build", "--data", site)
        assert ran.code == DONE
        assert "WARN core.fct_website_events on 2026-03-01: check dim_hostname_well_formed failed" in ran.err

    def test_refused_day_ends_with_1_and_holds_up_no_other(self, cli, site):
        put(site, "bad.ndjson", good=5, bad=5)
        put(site, "good.ndjson", ds="2026-03-02")
        ran = cli("build", "--data", site)
        assert ran.code == CHECK_FAILED
        assert "Built 1 of 2 days" in ran.out
        assert "2026-03-01 not published in full: core.fct_website_events: dim_hostname_well_formed failed" in ran.err
        assert "ERROR core.fct_website_events on 2026-03-01: check dim_hostname_well_formed failed" in ran.err
        rows = json.loads(cli("answers", "--data", site, "--json").out)["days"]
        assert rows == ["2026-03-02"]

    def test_unreadable_file_ends_with_1_and_is_named(self, cli, site):
        put(site, "good.ndjson")
        (site / "landing" / "gone.log").symlink_to(site / "nowhere")
        ran = cli("build", "--data", site)
        assert ran.code == CHECK_FAILED
        assert "check files_readable failed" in ran.err
        assert str(site / "landing" / "gone.log") in ran.err
        assert "Mend the link or remove it" in ran.err
        assert "Built 1 of 1 days" in ran.out

    def test_damaged_ledger_ends_with_3_and_names_file_and_remedy(self, cli, site):
        put(site, "a.ndjson")
        assert cli("build", "--data", site).code == DONE
        (entry,) = (site / "warehouse/landing/files").glob("*.json")
        entry.write_text("{")
        ran = cli("build", "--data", site)
        assert ran.code == FAILED
        assert str(entry) in ran.err
        assert "Delete it" in ran.err
        assert "Traceback" not in ran.err

    def test_country_database_that_is_none_ends_with_3_and_is_named(self, cli, site):
        put(site, "a.ndjson")
        (site / "x.mmdb").write_text("no database")
        (site / "site.toml").write_text('hostnames = ["www.xx.com"]\ncountry_database = "x.mmdb"')
        ran = cli("build", "--data", site)
        assert ran.code == FAILED
        assert str(site / "x.mmdb") in ran.err
        assert "2026-03-01 not published in full" in ran.err
        assert "Fetch the file anew" in ran.err
        shutil.copy(COUNTRY_DATABASE, site / "x.mmdb")
        ran = cli("build", "--data", site)
        assert (ran.code, "Built 1 of 1 days, 2026-03-01 to 2026-03-01." in ran.out) == (DONE, True), ran.err

    def test_error_that_nobody_foresaw_ends_with_3(self, site):
        script = (
            "import sys\nfrom growth_assets import cli\nfrom growth_assets.orchestration import run\n"
            "def broken(*a, **k): raise ZeroDivisionError('unforeseen')\n"
            "run.build = broken\ncli.main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, "build", "--data", str(site)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == FAILED
        assert "unforeseen" in done.stderr

    def test_events_before_the_first_day_are_put_aside_and_come_in_when_it_is_moved(self, cli, site):
        put(site, "a.ndjson")
        put(site, "old.ndjson", ds="2026-02-27", good=4)
        (site / "site.toml").write_text('hostnames = ["www.xx.com"]\nfirst_day = 2026-03-01')
        ran = cli("build", "--data", site)
        assert ran.code == DONE
        assert "Built 1 of 1 days, 2026-03-01 to 2026-03-01." in ran.out
        assert "4 events are before the first day (2026-02-27 to 2026-02-27) and put aside" in ran.out
        assert str(site / "site.toml") in ran.out
        (site / "site.toml").write_text('hostnames = ["www.xx.com"]\nfirst_day = 2026-02-01')
        ran = cli("build", "--data", site)
        assert "Built 1 of 1 days, 2026-02-27 to 2026-02-27." in ran.out
        assert "put aside" not in ran.out

    def test_other_settings_are_told_and_a_range_builds_again(self, cli, site):
        put(site, "a.ndjson")
        cli("build", "--data", site)
        (site / "site.toml").write_text('hostnames = ["www.xx.com"]\nhit_actions = ["page_view", "click"]')
        ran = cli("build", "--data", site)
        assert "1 days were built with other settings or by another version" in ran.out
        assert "1 days were built" not in cli("build", "--data", site, "--from", "2026-03-01").out


def test_exit_codes_of_the_process_itself(site):
    command = [sys.executable, "-m", "growth_assets", "answers", "--data"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GROWTH_")}
    codes = [
        subprocess.run([*command, folder], capture_output=True, env=environment, check=False, timeout=60).returncode
        for folder in (site, site / "nowhere")
    ]
    assert codes == [FAILED, WRONG]


def test_contiguous_days_are_one_run():
    days = ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-03"]
    assert contiguous(reversed(days)) == [days[:3], days[3:]]


def test_the_environment_is_as_it_stays_before_a_landing_begins(cli, site, monkeypatch):
    """To change it moves it, and threads outside of Python may be reading it meanwhile."""
    homes = []

    def noted(self):
        homes.append(os.environ.get("DAGSTER_HOME"))
        raise InterruptedError

    monkeypatch.setattr(Landing, "begun", noted)
    with pytest.raises(InterruptedError):
        cli("build", "--data", site)
    assert homes == [str(site / "dagster_home")]
    monkeypatch.setattr(os, "putenv", lambda *given: homes.append(given))
    settings.enter_dagster_home(settings.load(site))
    assert len(homes) == 1
