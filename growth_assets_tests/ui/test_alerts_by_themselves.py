"""A signup form breaks while `growth-assets ui` runs: one alert, none for the next bad day, one when it works again.

A demo world whose files arrive day by day. Everything between a file that is dropped and the webhook and the mailbox is
real: the landing sensor, its runs, the guardrail, the alert sensor, Apprise, HTTP and SMTP. Dagster's pages show it.
"""

import datetime as dt
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from growth_assets.warehouse.catalogue import query
from growth_assets_tests.alerts.receivers import PASSWORD, SECRET, Mailbox, Webhook
from growth_assets_tests.ui.conftest import World, asset_url, choose_day, open_days_of_check, seen, verdict, visited
from growth_assets_tests.ui.served import PATIENCE, Server, served

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("ui")]

HOST = "www.xx.com"
TABLE = "metrics.signup_conversion_rate"
HISTORY = 22
EVENTS = 7000  # enough that a weekend without signups is no chance
SETTINGS = """hostnames = ["www.xx.com", "www.xxx.com"]
settle_seconds = 0
[sensor]
seconds = 2
[alerts]
seconds = 5
"""

CHECKED = f"""{{assetCheckExecutions(assetKey: {{path: {json.dumps(TABLE.split("."))}}}, checkName: "guardrail",
    limit: 200) {{status timestamp partition evaluation {{timestamp}}}}}}"""
TICKS = """{sensorOrError(sensorSelector: {repositoryLocationName: "growth_assets.definitions",
    repositoryName: "__repository__", sensorName: "alert_sensor"})
    {... on Sensor {sensorState {status ticks(limit: 200) {timestamp skipReason error {message}}}}}}"""


@dataclass
class Site:
    """A demo world, of which all but the newest days are built, and where its alerts go."""

    data: Path
    files: list[Path]
    """Of the newest days, not landed yet."""
    hook: Webhook
    box: Mailbox
    server: Server

    @property
    def told(self) -> list[str]:
        """What the webhook got about the form; of a world that lags behind, other checks are told as well."""
        return [title for title in self.hook.titles if f"{TABLE}: guardrail" in title]

    @property
    def newest(self) -> str:
        """The text of the newest of these."""
        return [each["message"] for each in self.hook.got if f"{TABLE}: guardrail" in each["title"]][-1]

    @property
    def mailed(self) -> list[str]:
        return [subject for subject in self.box.subjects if f"{TABLE}: guardrail" in subject]

    @property
    def days(self) -> list[str]:
        return [file.name.removeprefix("events-").removesuffix(".ndjson") for file in self.files]

    def drop(self, number: int, broken: list[str]) -> None:
        """A day's file lands, without the signups of one host on the days when its form is broken."""
        kept = [
            line for line in self.files[number].read_bytes().splitlines(keepends=True) if not _is_signup(line, broken)
        ]
        hidden = self.data / "landing" / f".{self.files[number].name}"
        hidden.write_bytes(b"".join(kept))
        hidden.rename(self.data / "landing" / self.files[number].name)

    def judged(self, ds: str, status: str) -> float:
        """Wait until the guardrail of a day came to a result; when it was logged."""

        def found() -> list[float]:
            executions = self.server.ask(CHECKED)["assetCheckExecutions"]
            return [
                each["evaluation"]["timestamp"]
                for each in executions
                if each["partition"] == ds and each["status"] == status and each["evaluation"]
            ]

        wait_for(lambda: bool(found()))
        return min(found())

    def looks_between(self, start: float, end: float) -> int:
        ticks = self.server.ask(TICKS)["sensorOrError"]["sensorState"]["ticks"]
        assert not any(tick["error"] for tick in ticks), ticks
        return sum(start < tick["timestamp"] <= end for tick in ticks)

    def rest(self) -> None:
        """Wait until nothing is under way, and the alert sensor has looked twice since."""
        runs = "{runsOrError(limit: 5) {... on Runs {results {status}}}}"
        over = {"SUCCESS", "FAILURE"}
        wait_for(lambda: {run["status"] for run in self.server.ask(runs)["runsOrError"]["results"]} <= over)
        since = time.time()
        wait_for(lambda: self.looks_between(since, time.time()) >= 2)


def _is_signup(line: bytes, days: list[str]) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return False
    if not isinstance(event, dict):  # a broken line
        return False
    of_the_form = (event.get("action_type"), event.get("hostname")) == ("signup", HOST)
    return of_the_form and event["event_time"][:10] in days


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture
def site(tmp_path: Path, hook: Webhook, box: Mailbox) -> Iterator[Site]:
    apart, world = World(tmp_path / "apart"), World(tmp_path / "site")
    apart.data.mkdir()
    first = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=HISTORY + 3)
    options = ("--days", str(HISTORY + 3), "--events-per-day", str(EVENTS), "--first-day", first.isoformat())
    simulated = apart.run("simulate", *options)
    assert simulated.returncode == 0, simulated.stderr
    files = sorted((apart.data / "landing").iterdir())
    (world.data / "landing").mkdir(parents=True)
    for file in files[:HISTORY]:
        shutil.copy(file, world.data / "landing" / file.name)
    (world.data / "site.toml").write_text(SETTINGS)
    built = world.run("build")
    assert built.returncode == 0, built.stdout + built.stderr
    variables = {"GROWTH_ALERT_URLS": f"json://127.0.0.1:1/{SECRET} {hook.url} {box.url}"}
    with served(world.data, tmp_path / "log.txt", variables) as server:
        yield Site(world.data, files[HISTORY:], hook, box, server)


def test_a_broken_signup_form_is_told_once_and_so_is_its_end(site: Site, tmp_path: Path, browser: Browser):
    first, second, third = site.days
    broken = [first, second]
    site.rest()
    title = f"{TABLE}: guardrail on {HOST}"

    site.drop(0, broken)
    logged = site.judged(first, "FAILED")
    wait_for(lambda: len(site.told) == len(site.mailed) == 1)
    # Within two looks of the sensor, though the first of the channels is dead.
    assert site.looks_between(logged, time.time()) <= 2
    assert site.told == site.mailed == [f"[WARN] {title}, since {first}"]
    text = site.newest
    assert f"First bad day: {first}" in text
    assert "What to do: Try it on the site yourself" in text
    assert f"/assets/{TABLE.replace('.', '/')}?view=checks&checkDetail=guardrail" in text

    site.drop(1, broken)
    site.judged(second, "FAILED")
    site.rest()
    assert len(site.told) == len(site.mailed) == 1

    site.drop(2, broken)
    site.judged(third, "SUCCEEDED")
    wait_for(lambda: len(site.told) == len(site.mailed) == 2)
    site.rest()
    assert site.told[1:] == site.mailed[1:] == [f"[recovered] {title}"]
    assert f"It did not hold from {first} to {second}." in site.newest

    with visited(browser, site.server) as page:
        page.goto(asset_url(TABLE))
        expect(seen(page, "Freshness policy", exact=True)).to_be_visible()
        expect(seen(page, "Passing", exact=True)).to_be_visible()
        page.goto(f"{asset_url(TABLE, 'checks')}&checkDetail=guardrail")
        open_days_of_check(page)
        expect(seen(page, f"Failed ({len(broken)})", exact=True)).to_be_visible()
        for ds, says in ((first, "Failed"), (second, "Failed"), (third, "Passed")):
            choose_day(page, ds)
            expect(verdict(page)).to_have_text(says)
            if ds in broken:
                expect(seen(page, re.compile("a fall by more than"))).to_be_visible()

    told = query(
        site.data / "warehouse" / "growth.duckdb",
        "SELECT * FROM ops.alerts WHERE table_name = ? AND check_name = 'guardrail' ORDER BY found_at",
        [TABLE],
    )
    assert told["kind"].to_list() == ["opened", "recovered"]
    for row in told.iter_rows(named=True):
        waiting = [state for state in row["delivery"].values() if state != "sent"]
        assert len(waiting) == 1
        assert waiting[0].startswith("waiting")
    for path in (site.data, tmp_path / "log.txt"):
        for file in path.rglob("*") if path.is_dir() else [path]:
            content = file.read_bytes() if file.is_file() else b""
            assert SECRET.encode() not in content, file
            assert PASSWORD.encode() not in content, file
