"""A small world, the real web server and daemon of `growth-assets ui` on it, and a headless browser."""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from growth_assets_tests.ui.served import PATIENCE, Server, clean_environment, served

expect.set_options(timeout=60_000)  # two busy cores

BROWSER_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="keep the pictures of the UI tests in this folder")


@dataclass
class World:
    """Eight days up to today. The four newer ones are built at first, the older ones land later."""

    data: Path
    older: list[str] = field(default_factory=list)
    """The oldest is never built by the command line, the third is bad."""
    newer: list[str] = field(default_factory=list)

    @property
    def unbuilt(self) -> str:
        return self.older[0]

    @property
    def bad(self) -> str:
        return self.older[2]

    @property
    def good(self) -> list[str]:
        return sorted({*self.older, *self.newer} - {self.unbuilt, self.bad})

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `growth-assets` on the world."""
        command = [sys.executable, "-m", "growth_assets", *arguments, "--data", str(self.data)]
        return subprocess.run(
            command,
            env=clean_environment(),
            cwd=self.data,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The newer four days, built."""
    data = tmp_path_factory.mktemp("world")
    # What is built here is built by the command line and by clicks.
    (data / "site.toml").write_text('hostnames = ["www.xx.com", "www.xxx.com"]\n[sensor]\nrunning = false\n')
    today = dt.datetime.now(dt.UTC).date()
    days = [(today - dt.timedelta(days=back)).isoformat() for back in range(7, -1, -1)]
    world = World(data, days[:4], days[4:])
    _simulate(world, world.newer[0], seed=1)
    built = world.run("build")
    assert built.returncode == 0, built.stdout + built.stderr
    return world


def _simulate(world: World, first_day: str, seed: int) -> None:
    """Four days of two sites into landing; another seed, so that no event is in two of these worlds."""
    apart = World(world.data.parent / f"apart-{seed}")
    apart.data.mkdir()
    options = ("--days", "4", "--events-per-day", "1000", "--first-day", first_day, "--seed", str(seed))
    simulated = apart.run("simulate", *options)
    assert simulated.returncode == 0, simulated.stderr
    shutil.copytree(apart.data / "landing", world.data / "landing", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(world.data, tmp_path_factory.mktemp("server") / "log.txt") as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        pytest.skip("no Chromium: set CHROMIUM, or install one on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with visited(browser, server) as page:
        yield page


@contextmanager
def visited(browser: Browser, server: Server) -> Iterator[Page]:
    """A page in a new profile, as at a first visit."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=server.url, timezone_id="UTC")
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def asset_url(table: str, view: str = "overview") -> str:
    return f"/assets/{table.replace('.', '/')}?view={view}"


def seen(page: Page, text: str | re.Pattern[str], *, exact: bool = False) -> Locator:
    """Where a text can be seen. Dagster's pages often hold it a second time: hidden, to measure it, or elsewhere."""
    return page.get_by_text(text, exact=exact).filter(visible=True).first


def choose_day(page: Page, ds: str) -> None:
    """Click the day in the list of partitions, which holds each name twice: once to measure it."""
    page.locator(f':text-is("{ds}"):visible').last.click()


def open_days_of_check(page: Page) -> None:
    """Click the tab of the check that is shown, which is beside the table's of the same name."""
    expect(seen(page, "Execution history", exact=True)).to_be_visible()
    page.get_by_text("Partitions", exact=True).last.click()


def verdict(page: Page) -> Locator:
    """What a check's page says of the day that was chosen."""
    return page.get_by_text(re.compile("^(Passed|Failed)$")).last


@pytest.fixture
def picture(page: Page, request: pytest.FixtureRequest, tmp_path: Path):
    """Take a picture of the page; of one that is kept nothing moves any more."""
    kept = request.config.getoption("--screenshots", None)
    folder = Path(kept or tmp_path)

    def keep(name: str) -> None:
        page.mouse.move(720, 890)
        if kept:
            page.wait_for_timeout(1500)
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", animations="disabled")
        assert (folder / f"{name}.png").stat().st_size < 300_000

    return keep


@pytest.fixture(scope="module")
def planted(world: World, server: Server) -> World:
    """Older days land, one of them with too many events of an action that nobody knows, and are built but for one."""
    _simulate(world, world.older[0], seed=2)
    hacks = [
        {
            "event_time": f"{world.bad}T{number % 24:02}:{number % 60:02}:00.{number:06}Z",
            "hostname": "www.xx.com",
            "action_type": "hack",
            "ip": "198.51.100.7",
            "user_agent": "Mozilla/5.0",
            "url": "https://www.xx.com/",
        }
        for number in range(400)
    ]
    (world.data / "landing" / "probe.ndjson").write_text("".join(json.dumps(hack) + "\n" for hack in hacks))
    built = world.run("build", "--from", world.older[1], "--to", world.older[3])
    assert built.returncode == 1, built.stdout + built.stderr
    assert f"{world.bad} not published in full" in built.stderr
    # Older days landed: there are more partitions now.
    server.ask('mutation {reloadRepositoryLocation(repositoryLocationName: "growth_assets.definitions") {__typename}}')
    return world
