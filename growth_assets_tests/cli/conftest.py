"""The command line in this process, and demo worlds built with it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from growth_assets.cli import app
from growth_assets.warehouse.catalogue import query


@dataclass
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Ran:
    found = CliRunner().invoke(app, [str(each) for each in arguments])
    if found.exception and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Ran(found.exit_code, found.stdout, found.stderr)


@dataclass
class World:
    """A demo world, built."""

    folder: Path
    format: str

    @property
    def truth(self) -> dict:
        return json.loads((self.folder / "truth.json").read_text())

    def sql(self, statement: str) -> list[tuple]:
        return query(self.folder / "warehouse" / "growth.duckdb", statement).rows()


def simulated(folder: Path, file_format: str, days: int = 4, events: int = 500) -> World:
    """A demo world with the site.toml that comes with it, not built yet."""
    ran = run("simulate", "--data", folder, "--days", days, "--events-per-day", events, "--format", file_format)
    assert ran.code == 0, ran.err
    return World(folder, file_format)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch):
    """Whatever GROWTH_ variables the machine has stay out of these tests."""
    for name in list(os.environ):
        if name.startswith(("GROWTH_", "DAGSTER_HOME")):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def cli():
    """Run a command: `cli("build", "--data", folder)` gives its code, out and err."""
    return run


@pytest.fixture(scope="session", params=["ndjson", "parquet", "combined"])
def world(request, tmp_path_factory) -> World:
    """A demo world in each format, built by the command line."""
    made = simulated(tmp_path_factory.mktemp(request.param), request.param)
    ran = run("build", "--data", made.folder)
    assert ran.code == 0, ran.err
    return made


@pytest.fixture(scope="session")
def small_world(tmp_path_factory) -> World:
    """Three days, built: look, but change nothing."""
    made = simulated(tmp_path_factory.mktemp("small"), "ndjson", days=3, events=200)
    ran = run("build", "--data", made.folder)
    assert ran.code == 0, ran.err
    return made


@pytest.fixture(scope="session")
def simulate_world():
    return simulated
