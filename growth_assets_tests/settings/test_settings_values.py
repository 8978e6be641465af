"""Settings: each wrong value is named with the file, or variable, and the key it stands under."""

from __future__ import annotations

import datetime as dt
import logging
import os
from pathlib import Path

import pytest

from growth_assets import settings
from growth_assets.orchestration.run import build
from growth_assets.settings import BUILT_IN_ACTIONS, Settings, SettingsError
from growth_assets.tables import BY_NAME, TABLES
from growth_assets.warehouse.versions import code_version

SOURCE = '[[sources]]\nname = "a"\n'


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    """Whatever GROWTH_ variables the machine has stay out of these tests."""
    for name in list(os.environ):
        if name.startswith(("GROWTH_", "DAGSTER_HOME")):
            monkeypatch.delenv(name)


@pytest.fixture
def site(tmp_path):
    """Write site.toml and load it."""

    def load(toml: str = "") -> Settings:
        (tmp_path / "site.toml").write_text(toml, encoding="utf-8")
        return settings.load(tmp_path)

    return load


def test_empty_file_is_all_defaults(site, tmp_path):
    found = site()
    assert found.data == tmp_path
    assert found.landing == tmp_path / "landing"
    assert found.warehouse == tmp_path / "warehouse"
    assert found.catalogue == tmp_path / "warehouse/growth.duckdb"
    assert found.dagster_home == tmp_path / "dagster_home"
    assert found.hostnames == ()
    assert found.hit_actions == ("page_view",)
    assert found.actions == BUILT_IN_ACTIONS
    assert [source.name for source in found.sources] == ["landing"]


def test_a_cluster_is_named_by_its_master_or_by_a_server(site):
    found = site(
        'engine = "spark"\n[spark]\nmaster = "spark://host:7077"\nevents_a_task = 7\n'
        '[spark.conf]\n"spark.executor.cores" = 4\n"spark.speculation" = true\n"spark.executor.memory" = "4g"\n'
    )
    assert (found.engine, found.spark.master, found.spark.events_a_task) == ("spark", "spark://host:7077", 7)
    assert dict(found.spark.conf) == {
        "spark.executor.cores": "4", "spark.speculation": "true", "spark.executor.memory": "4g"
    }  # fmt: skip
    assert hash(found) == hash(site((found.data / "site.toml").read_text()))
    assert found.spark.where == "spark://host:7077"
    assert site('engine = "spark"\n[spark]\nremote = "sc://host:15002"\n').spark.where == "sc://host:15002"
    assert site().engine == "local"


def test_what_is_secret_of_a_cluster_is_not_shown(site):
    found = site(
        'engine = "spark"\n[spark]\nremote = "sc://host:15002/;use_ssl=true;token=t0ken"\n'
        '[spark.conf]\n"spark.ssl.keyPassword" = "passw0rd"\n'
    )
    assert found.spark.remote.get_secret_value().endswith("token=t0ken")
    assert found.spark.where == "sc://host:15002/"
    for shown in (repr(found), str(found), repr(found.spark), found.model_dump_json(exclude={"spark": {"conf"}})):
        assert "t0ken" not in shown
        assert "passw0rd" not in shown
    assert dict(found.spark.conf) == {"spark.ssl.keyPassword": "passw0rd"}


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('engine = "flink"', "engine: Input should be 'local' or 'spark'"),
        ('engine = "spark"', 'engine is "spark": name the cluster by spark.master or spark.remote'),
        ('engine = "spark"\nwarehouse = "s3://b/w"\n[spark]\nmaster = "yarn"', "file system that the cluster shares"),
        ('landing = "hdfs://namenode:8020/logs"', "name the namenode's HTTP as webhdfs://namenode:9870/folder"),
        ('warehouse = "webhdfs://namenode:9870/w"', "HDFS is for landing alone"),
        ('[spark]\nmaster = "spark://a:1"\nremote = "sc://b:2"', "master and remote are both set"),
        ('[spark]\nmaster = "host:7077"', "spark.master: String should match"),
        ('[spark]\nremote = "host:15002"', "spark.remote: must be an address like sc://host:15002"),
        ("[spark]\nevents_a_task = 0", "spark.events_a_task: Input should be greater"),
        ('[spark.conf]\n"executor.memory" = "1g"', "executor.memory is no setting of Spark"),
        ('[spark.conf]\nspark.executor.memory = "1g"', "write them in quotes"),
        ('[spark.conf]\n"spark.jars" = ["a"]', "spark.jars must be a text, a number, true or false"),
        ('[spark]\nmaster = "yarn"\nworkers = 3', "spark.workers: no such setting"),
    ],
)
def test_a_wrong_cluster_is_named(site, toml, said):
    with pytest.raises(SettingsError) as error:
        site(toml)
    assert said in str(error.value)
    assert "site.toml: " in str(error.value)


def test_every_key_is_read(site, tmp_path):
    found = site(
        'hostnames = ["www.xx.com", "shop.xx.com"]\nfirst_day = 2026-02-03\nsalt = "s"\n'
        f'actions = {[*BUILT_IN_ACTIONS, "vote"]}\nhit_actions = ["page_view", "vote"]\n'
        'trusted_proxies = ["198.51.100.7", "2001:DB8:0::/48"]\n'
        'country_database = "db/x.mmdb"\nmax_quarantined_share = 0.5\nmin_total_events = 7\n'
        '[freshness]\nguardrail_deadline = "05:30"\nmetric_warn_hours = 1\nmetric_fail_hours = 2.5\n'
        "[sensor]\nrunning = false\ndays_a_tick = 7\n"
        "[alerts]\nquiet_days = 3\n"
        '[[sources]]\nname = "shop"\nfiles = "shop/*"\nformat = "common"\nhostname = "shop.xx.com"\n'
        'encoding = "latin-1"\nutc_offset = "+02:00"\n'
        '[[action_rules]]\naction = "vote"\nmethod = "POST"\npath = "/vote/.+"\nstatus = "2.."\n'
        '[[action_rules]]\naction = "vote"\nevent = "voted"\npath = "/poll"\n'
    )
    assert found.hostnames == ("www.xx.com", "shop.xx.com")
    assert found.first_day == dt.date(2026, 2, 3)
    assert found.salt.get_secret_value() == "s"
    assert found.trusted_proxies == ("198.51.100.7/32", "2001:db8::/48")
    assert found.country_database == tmp_path / "db/x.mmdb"
    assert (found.max_quarantined_share, found.min_total_events) == (0.5, 7)
    assert (found.freshness.guardrail_deadline, found.freshness.metric_fail_hours) == ("05:30", 2.5)
    assert (found.alerts.quiet_days, found.alerts.many_days, found.alerts.least) == (3, 7, "WARN")
    sensor = found.sensor
    assert (sensor.running, sensor.seconds, sensor.days_a_tick, sensor.runs_a_tick) == (False, 30, 7, 10)
    (source,) = found.sources
    assert (source.format, source.encoding, source.utc_offset) == ("common", "latin-1", "+02:00")
    assert found.rules[0].path == "/vote/.+"
    assert (found.rules[0].event, found.rules[1].event, found.rules[1].path) == (None, "voted", "/poll")
    assert found.default_hostname(source) == "shop.xx.com"


WRONG = {
    "unknown_key": ('colour = "red"', "colour: no such setting; known are action_rules, "),
    "unknown_key_below": (SOURCE + 'colour = "red"', "sources.0.colour: no such setting"),
    "unknown_freshness": ("[freshness]\nhours = 3", "freshness.hours: no such setting"),
    "not_a_list": ('hostnames = "www.xx.com"', "hostnames: Input should be a valid tuple"),
    "not_a_number": ('max_quarantined_share = "many"', "max_quarantined_share: Input should be a valid number"),
    "share_above_one": ("max_quarantined_share = 1.1", "max_quarantined_share: Input should be less than or equal"),
    "below_zero": ("min_total_events = -1", "min_total_events: Input should be greater than or equal to 0"),
    "settles_before": ("settle_seconds = -1", "settle_seconds: Input should be greater than or equal to 0"),
    "not_whole": ("min_total_events = 1.5", "min_total_events: Input should be a valid integer"),
    "no_day": ('first_day = "soon"', "first_day: Input should be a valid date"),
    "no_such_day": ('first_day = "2026-02-30"', "first_day: Input should be a valid date"),
    "host_with_scheme": ('hostnames = ["https://www.xx.com"]', "hostnames.0: "),
    "host_with_port": ('hostnames = ["www.xx.com", "www.xx.com:80"]', "hostnames.1: "),
    "host_in_capitals": ('hostnames = ["WWW.xx.com"]', "hostnames.0: "),
    "host_of_one_label": ('hostnames = ["localhost"]', "hostnames.0: "),
    "host_with_newline": ('hostnames = ["www.xx.com\\n"]', "hostnames.0: "),
    "address": ('hostnames = ["192.0.2.1"]', "hostnames.0: "),
    "source_host": (SOURCE + 'hostname = "x"', "sources.0.hostname: "),
    "bad_regex": (
        '[[action_rules]]\naction = "signup"\npath = "/("',
        "action_rules.0.path: is not a regular expression",
    ),
    "look_ahead": ('[[action_rules]]\naction = "signup"\nmethod = "(?!GET).*"', "action_rules.0.method: look-around"),
    "back_reference": ("[[action_rules]]\naction = 'signup'\nstatus = '(2)\\1.'", "action_rules.0.status: look-around"),
    "bad_event": ("[[action_rules]]\naction = 'signup'\nevent = '['", "action_rules.0.event: is not a regular"),
    "event_with_method": (
        '[[action_rules]]\naction = "signup"\nevent = "join"\nmethod = "POST"',
        "action_rules.0: a rule with `event` speaks of tracked events, which have no method and no status",
    ),
    "unknown_hit": ('hit_actions = ["page_view", "vote"]', "hit_actions names vote, which `actions` does not list"),
    "no_hit": ("hit_actions = []", "hit_actions must name at least one action"),
    "unknown_rule_action": ('[[action_rules]]\naction = "vote"', "action_rules names vote, which `actions`"),
    "built_in_missing": ('actions = ["page_view"]', "actions must list click, custom_event, download, error, login"),
    "no_network": ('trusted_proxies = ["10.0.0.0/8", "my-cdn"]', "trusted_proxies: 'my-cdn' is no address and no net"),
    "network_of_no_size": ('trusted_proxies = ["10.0.0.0/33"]', "trusted_proxies: '10.0.0.0/33' is no address"),
    "inside": (
        'trusted_proxies = ["10.0.0.1/8"]',
        "trusted_proxies: 10.0.0.1/8 names an address inside the network 10.",
    ),
    "one_network": ('trusted_proxies = "10.0.0.0/8"', "trusted_proxies: Input should be a valid tuple"),
    "action_name": ('actions = ["Page View"]', "actions.0: "),
    "same_sources": (SOURCE + SOURCE, "sources must be at least one, each with a name of its own"),
    "no_sources": ("sources = []", "sources must be at least one"),
    "source_without_name": ('[[sources]]\nfiles = "*"', "sources.0.name: Field required"),
    "source_name": ('[[sources]]\nname = "my shop"', "sources.0.name: "),
    "outside": (SOURCE + 'files = "../other/*"', "sources.0.files: must be a relative glob below landing/"),
    "absolute": (SOURCE + 'files = "/var/log/*"', "sources.0.files: must be a relative glob below landing/"),
    "home": (SOURCE + 'files = "~/logs/*"', "sources.0.files: must be a relative glob below landing/"),
    "no_glob": (SOURCE + 'files = ""', "sources.0.files: must be a relative glob below landing/"),
    "format": (SOURCE + 'format = "xml"', "sources.0.format: Input should be 'auto', "),
    "encoding": (SOURCE + 'encoding = "utf-9"', "sources.0.encoding: unknown encoding; try utf-8"),
    "encoding_of_bytes": (SOURCE + 'encoding = "base64"', "sources.0.encoding: unknown encoding; try utf-8"),
    "offset": (SOURCE + 'utc_offset = "CET"', "sources.0.utc_offset: "),
    "warn_after_fail": (
        "[freshness]\nmetric_warn_hours = 60",
        "freshness: metric_warn_hours must be less than metric_fail_hours",
    ),
    "no_time_of_day": (
        '[freshness]\nguardrail_deadline = "6"',
        "freshness.guardrail_deadline: String should match pattern",
    ),
    "more_than_a_day": (
        "[freshness]\nnewest_event_hours = 25",
        "freshness.newest_event_hours: Input should be less than or equal to 24",
    ),
    "owner_without_team": ('owners = ["growth"]', "owners.0: String should match pattern"),
    "no_owner": ("owners = []", "owners: Tuple should have at least 1 item"),
    "no_day_a_tick": ("[sensor]\ndays_a_tick = 0", "sensor.days_a_tick: Input should be greater than or equal to 1"),
    "negative_quiet": ("[alerts]\nquiet_days = -1", "alerts.quiet_days: Input should be greater than or equal to 0"),
    "unknown_severity": ('[alerts]\nleast = "INFO"', "alerts.least: Input should be 'WARN' or 'ERROR'"),
    "base_url_no_url": ('[alerts]\nbase_url = "dagster"', "alerts.base_url: String should match pattern"),
    "alert_urls_in_the_file": (
        'alert_urls = "json://x"',
        "alert_urls: cannot be set here, since the URLs hold secrets",
    ),
    "unknown_sensor": ("[sensor]\ndays = 3", "sensor.days: no such setting"),
    "no_hours": ("[freshness]\nmetric_warn_hours = 0", "freshness.metric_warn_hours: Input should be greater than 0"),
    "data": ('data = "/elsewhere"', "data: cannot be set here; it is the folder this file is in"),
}


@pytest.mark.parametrize(("toml", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_value_is_named_with_file_and_key(site, tmp_path, toml, says):
    with pytest.raises(SettingsError) as error:
        site(toml)
    assert f"{tmp_path / 'site.toml'}: {says}" in str(error.value)


def test_every_wrong_value_is_named_at_once(site):
    with pytest.raises(SettingsError) as error:
        site('colour = 1\nmin_total_events = "x"\n' + SOURCE + 'format = "xml"')
    assert [line.split(": ")[1] for line in str(error.value).splitlines()] == [
        "min_total_events", "sources.0.format", "colour",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"hostnames = [", b"a = 1\na = 2", b"\xff\xfe"], ids=["cut", "twice", "no_text"])
def test_file_that_is_no_toml_is_named(tmp_path, content):
    (tmp_path / "site.toml").write_bytes(content)
    with pytest.raises(SettingsError) as error:
        settings.load(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'site.toml'}: not valid TOML: ")


def test_missing_file_is_named_with_the_remedy(tmp_path):
    with pytest.raises(SettingsError) as error:
        settings.load(tmp_path / "nowhere")
    assert f"{tmp_path / 'nowhere' / 'site.toml'}: no such file" in str(error.value)
    assert f"growth-assets init {tmp_path / 'nowhere'}" in str(error.value)


def test_folder_in_place_of_the_file_is_named(tmp_path):
    (tmp_path / "site.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        settings.load(tmp_path)


def test_variables_win_over_the_file(site, monkeypatch):
    monkeypatch.setenv("GROWTH_SALT", "from the variable")
    monkeypatch.setenv("GROWTH_MIN_TOTAL_EVENTS", "9")
    monkeypatch.setenv("GROWTH_HOSTNAMES", '["www.var.com"]')
    monkeypatch.setenv("GROWTH_FRESHNESS__METRIC_WARN_HOURS", "3")
    found = site('salt = "from the file"\nmin_total_events = 1\nhostnames = ["www.file.com"]\n'
                 "[freshness]\nmetric_warn_hours = 4\nmetric_fail_hours = 5")  # fmt: skip
    assert found.salt.get_secret_value() == "from the variable"
    assert found.min_total_events == 9
    assert found.hostnames == ("www.var.com",)
    assert (found.freshness.metric_warn_hours, found.freshness.metric_fail_hours) == (3, 5)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GROWTH_MIN_TOTAL_EVENTS", "many", "the variable GROWTH_MIN_TOTAL_EVENTS: min_total_events: "),
        ("GROWTH_HOSTNAMES", '["localhost"]', "the variable GROWTH_HOSTNAMES: hostnames.0: "),
        ("GROWTH_FIRST_DAY", "soon", "the variable GROWTH_FIRST_DAY: first_day: "),
        ("GROWTH_FRESHNESS__METRIC_WARN_HOURS", "x", "the variable GROWTH_FRESHNESS__METRIC_WARN_HOURS: freshness."),
    ],
)
def test_wrong_variable_is_named_and_not_the_file(site, monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        site('hostnames = ["www.xx.com"]')
    assert str(error.value).startswith(says)


@pytest.mark.parametrize(("name", "value"), [("GROWTH_HOSTNAMES", "www.xx.com"), ("GROWTH_ALERTS", "{bad")])
def test_variable_that_is_no_json_is_named(site, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^the variable {name}: not valid JSON"):
        site()


def test_folder_is_as_given_else_the_variable_else_data(tmp_path, monkeypatch):
    for name in ("given", "variable", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "site.toml").write_text(f'hostnames = ["{name}.xx.com"]')
    monkeypatch.chdir(tmp_path)
    assert settings.load().hostnames == ("data.xx.com",)
    monkeypatch.setenv("GROWTH_DATA", str(tmp_path / "variable"))
    found = settings.load()
    assert found.hostnames == ("variable.xx.com",)
    assert found.data == tmp_path / "variable"
    given = settings.load(tmp_path / "given")
    assert given.hostnames == ("given.xx.com",)
    assert given.data == tmp_path / "given"


def test_relative_folder_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "site.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert settings.load(Path()).data == tmp_path


def test_dagster_home_is_the_variables_where_it_is_set(site, monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "shared_home"))
    found = site()
    assert found.dagster_home == tmp_path / "shared_home"
    child = settings.child_environment(found)
    assert (child["GROWTH_DATA"], child["DAGSTER_HOME"]) == (str(tmp_path), str(tmp_path / "shared_home"))


SECRET = "x9-horse-battery-staple"  # noqa: S105


class TestSaltNeverShows:
    def test_in_its_own_words(self, site):
        found = site(f'salt = "{SECRET}"')
        for text in (repr(found), str(found), repr(found.salt), str(found.model_dump()), found.model_dump_json()):
            assert SECRET not in text
        assert found.salt.get_secret_value() == SECRET

    @pytest.mark.parametrize("also", ["colour = 1", 'hit_actions = ["vote"]', "max_quarantined_share = 2"])
    def test_in_an_error_about_another_key(self, site, also):
        with pytest.raises(SettingsError) as error:
            site(f'salt = "{SECRET}"\n{also}')
        assert SECRET not in str(error.value)
        assert error.value.__cause__ is None

    def test_in_an_error_about_itself(self, site):
        with pytest.raises(SettingsError) as error:
            site(f'salt = ["{SECRET}"]')
        assert "salt: " in str(error.value)
        assert SECRET not in str(error.value)

    def test_in_an_error_about_what_is_no_toml(self, site):
        with pytest.raises(SettingsError) as error:
            site(f'salt = "{SECRET}')
        assert SECRET not in str(error.value)

    def test_in_a_code_version(self, site):
        found = site(f'salt = "{SECRET}"')
        versions = {table.name: code_version(table, found) for table in TABLES}
        assert not [version for version in versions.values() if SECRET in version]
        # But another salt is another version, or days would not be built again.
        other = site('salt = "another"')
        assert {name for name in versions if versions[name] != code_version(BY_NAME[name], other)} == {
            "core.fct_website_events"
        }

    @pytest.mark.slow
    def test_in_anything_that_a_build_leaves_behind(self, site, tmp_path, caplog):
        found = site(f'salt = "{SECRET}"\nhostnames = ["www.xx.com"]')
        found.landing.mkdir()
        (found.landing / "a.ndjson").write_text(
            '{"event_time": "2026-03-01T10:00:00Z", "ip": "81.2.69.160", "user_agent": "x", "action_type": "signup"}\n'
        )
        with caplog.at_level(logging.DEBUG):
            report = build(found)
        assert report.days == ["2026-03-01"]
        assert not report.failures
        assert SECRET not in caplog.text
        left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "site.toml"]
        assert len(left) > 10
        assert [path for path in left if SECRET.encode() in path.read_bytes()] == []
