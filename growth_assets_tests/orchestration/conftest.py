"""Where the instances of these tests keep their runs and events: in SQLite, and where a test says so in PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from growth_assets_tests import postgres as pg
from growth_assets_tests.conftest import REPOSITORY

DEPLOYED = REPOSITORY / "deploy" / "dagster.yaml"

both_storages = pytest.mark.parametrize("storage", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[pg.Postgres]:
    """A server with a database `made`, in which Dagster has made its tables."""
    pytest.importorskip("dagster_postgres")
    with pg.server() as server, pytest.MonkeyPatch.context() as environment:
        server.sql("CREATE DATABASE made")
        home = server.folder.with_name(f"{server.folder.name}-home")
        home.mkdir()
        shutil.copy(DEPLOYED, home / "dagster.yaml")
        environment.setenv("DAGSTER_POSTGRES_URL", server.url("made"))
        environment.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.from_config(str(home)):
            pass
        shutil.rmtree(home)
        yield server


@pytest.fixture
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], object]:
    """Call it with a new Dagster home: it keeps to the storage that the test is for, by default to SQLite."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return str  # nothing is to be done
    server = request.getfixturevalue("postgres")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", server.database("made"))

    def keep(home: Path) -> None:
        home.mkdir(exist_ok=True)
        shutil.copy(DEPLOYED, home / "dagster.yaml")

    return keep
