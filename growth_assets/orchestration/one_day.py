"""One day of the tables, built in this process or by a worker. Of Dagster it knows nothing: a worker imports it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

import polars as pl

from growth_assets.contracts.table import History
from growth_assets.engines.local import Day, Outcome, Received, Receiving
from growth_assets.engines.past import Past
from growth_assets.ingest import ledger
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse.partitions import Warehouse
from growth_assets.watches import WATCHES
from growth_assets.workers import Worker, portable


def receiving(settings: Settings) -> Receiving:
    """What landed for a day, as the ledger says at that moment."""
    cached = ledger.Cached(settings.warehouse)

    @contextmanager
    def received(ds: str) -> Iterator[Received]:
        with ledger.held(settings.workplace):
            landed = cached.read()
            yield Received(
                landed.segments(ds), landed.inputs(ds), landed.rows(ds), landed.again(ds), landed.digests(ds)
            )

    return received


def build_by(worker: Worker, lock: int, run: str, day: Day, wanted: Collection[str]) -> Iterator[Outcome]:
    """As `Day.build`, by a worker, which holds the day's `lock` too; `run` names the run that the day is one of.

    Raises:
        whatever the build raised, after the outcomes that came before it.
    """
    answer = worker.call_holding([lock], _build, run, day.settings, day.ds, frozenset(wanted))
    day.published, day.failed = answer.published, answer.failed
    for name, version, frame in answer.looked_back_to:
        day.past.put(BY_NAME[name], day.ds, frame, version)
    for name, told in answer.outcomes:
        yield Outcome(table=BY_NAME[name], **told)
    if answer.error is not None:
        raise answer.error


@dataclass(frozen=True)
class _Answer:
    """What became of a day: no table itself goes from process to process, but its name."""

    outcomes: list[tuple[str, dict[str, Any]]]
    published: set[str]
    failed: dict[str, Literal["refused", "held_up", "empty"]]
    looked_back_to: list[tuple[str, str, pl.DataFrame]]
    """Of tables that days are compared with: name, version and rows."""
    error: BaseException | None


def _build(run: str, settings: Settings, ds: str, wanted: frozenset[str]) -> _Answer:
    warehouse, past, received = _of_run(run, settings)
    day = Day(warehouse, settings, ds, DAILY, past)
    outcomes: list[Outcome] = []
    error: BaseException | None = None
    try:
        with pl.Config() as polars:
            polars.set_engine_affinity("in-memory")
            outcomes.extend(day.build(wanted, received))
    except BaseException as wrong:
        error = portable(wrong)
    compared = [
        (each.table.name, each.record.sha256, past.rows(History(each.table.name, ()), ds, itself=True))
        for each in outcomes
        if each.record and past.looks_at(each.table)
    ]
    past.forget_before(ds)
    told = [(each.table.name, {name: getattr(each, name) for name in _TOLD}) for each in outcomes]
    return _Answer(told, day.published, day.failed, compared, error)


_TOLD = [each.name for each in fields(Outcome) if each.name != "table"]


@lru_cache(maxsize=1)
def _of_run(run: str, settings: Settings) -> tuple[Warehouse, Past, Receiving]:  # noqa: ARG001 - the key of the cache
    warehouse = Warehouse.of(settings)
    return warehouse, Past(warehouse, settings, DAILY, WATCHES), receiving(settings)
