"""Where the time of a build goes: `growth-assets build` in this process, step by step, with the most memory of each.

The steps are taken by standing in between: functions and methods of the package are replaced by ones that look at the
clock and call them. Run it as a module, so that importing is a step too:

    python -m benchmarks.steps SITE
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from growth_assets.contracts.table import Table

WHOLE = "whole build"
IMPORT_DAGSTER, IMPORT_ALL = "start: import Dagster", "start: import all else"
LANDING, TABLES = "landing", "all tables"
CHECKS = ": checks"

SHOWN = 0.005
"""Steps of a smaller share are no row of the table."""


@dataclass
class Cost:
    """What one step took; its peak is that of the process while it ran."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0


@dataclass
class Steps:
    """Name of a step to what it took, in the order of their ends; a step may hold others."""

    costs: dict[str, Cost] = field(default_factory=dict)
    _open: list[Cost] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add what is done inside to the step."""
        self._look()
        cost = Cost()
        self._open.append(cost)
        begun = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            cost.seconds, cost.cpu_seconds = time.perf_counter() - begun[0], time.process_time() - begun[1]
            self._look()
            self._open.remove(cost)
            known = self.costs.setdefault(name, Cost())
            known.seconds += cost.seconds
            known.cpu_seconds += cost.cpu_seconds
            known.peak_bytes = max(known.peak_bytes, cost.peak_bytes)

    def within(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, each call of which is part of the step."""

        def timed(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it takes
            with self.step(name):
                return function(*given, **named)

        return timed

    def each(self, name: str, things: Iterator[Any]) -> Iterator[Any]:
        """The same things; the step is the wait for them."""
        end = object()
        while True:
            with self.step(name):
                thing = next(things, end)
            if thing is end:
                return
            yield thing

    def _look(self) -> None:
        peak = _peak_since_last()
        for cost in self._open:
            cost.peak_bytes = max(cost.peak_bytes, peak)


def _peak_since_last() -> int:
    """The most memory since the last call; where that is not told, since the process began."""
    try:
        told = Path("/proc/self/status").read_text(encoding="ascii").partition("VmHWM:")[2].split(maxsplit=1)[0]
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return int(told) * 1024
    except (OSError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def build(site: Path) -> Mapping[str, Cost]:
    """What `growth-assets build` does, from the first import to the end.

    Raises:
        RuntimeError: a day was not published, or a check of severity ERROR failed.
    """
    steps = Steps()
    with steps.step(WHOLE):
        with steps.step(IMPORT_DAGSTER):
            import dagster  # noqa: F401
        with steps.step(IMPORT_ALL):
            from growth_assets import cli, settings  # noqa: F401
            from growth_assets.orchestration import run
        with _standing_between(steps):
            report = run.build(settings.load(site))
    if report.bad_days or report.failed_errors or not report.days:
        raise RuntimeError(f"{site}: not published: {report.bad_days or report.failed_errors or 'no day'}")
    return steps.costs


class _InTurn:
    """In place of a pool of threads: one thing after the other, so that each step's time is its own."""

    def __init__(self, threads: int) -> None:
        """Of so many threads none is started."""

    def __enter__(self) -> _InTurn:
        return self

    def __exit__(self, *error: object) -> None:
        """There is nothing to wait for."""

    def submit(self, function: Callable[..., Any], *given: Any) -> Future[Any]:  # noqa: ANN401
        done: Future[Any] = Future()
        done.set_result(function(*given))
        return done

    def shutdown(self, **_: bool) -> None:
        """All is done that was begun."""

    map = staticmethod(map)


@contextmanager
def _standing_between(steps: Steps) -> Iterator[None]:
    from growth_assets.contracts.contract import Contract
    from growth_assets.engines import local
    from growth_assets.enrich import bot, country, visitor
    from growth_assets.fct import enrichment, identity, website_events
    from growth_assets.ingest import landing, one_file
    from growth_assets.ingest.fan_out import fan_out
    from growth_assets.orchestration import daily
    from growth_assets.tables import BY_NAME
    from growth_assets.warehouse.partitions import Warehouse
    from growth_assets.warehouse.versions import code_version

    class TimedDay(local.Day):
        def __init__(self, warehouse: Warehouse, settings: Any, ds: str, tables: Any, past: Any = None) -> None:  # noqa: ANN401
            super().__init__(warehouse, settings, ds, [_timed(table, steps) for table in tables], past)

        def build(self, *given: Any, **named: Any) -> Iterator[Any]:  # noqa: ANN401
            return steps.each(TABLES, super().build(*given, **named))

        def judge(self, *given: Any, **named: Any) -> Iterator[Any]:  # noqa: ANN401
            return steps.each(f"comparisons with days before{CHECKS}", super().judge(*given, **named))

    audit, stage, stage_files, publish = Contract.audit, Warehouse.stage, Warehouse.stage_files, Warehouse.publish

    def named(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(self: Warehouse, table: Table, *given: Any, **more: Any) -> Any:  # noqa: ANN401
            with steps.step(f"{table.name}: {what}"):
                return function(self, table, *given, **more)

        return timed

    def audited(self: Contract, frame: Any) -> Any:  # noqa: ANN401
        with steps.step(f"{_table_of(self)}{CHECKS}"):
            return audit(self, frame)

    def read_apart(batches: Iterator[Any], *given: Any, **more: Any) -> Any:  # noqa: ANN401
        with steps.step(f"{LANDING}: read and write"):
            return fan_out(steps.each(f"{LANDING}: read", batches), *given, **more)

    def version_of(table: Table, loaded: Any) -> str:  # noqa: ANN401
        return code_version(BY_NAME[table.name], loaded)

    with ExitStack() as stack:
        for owner, name, timed in (
            (landing, "land", steps.within(LANDING, landing.land)),
            (one_file, "fan_out", read_apart),
            (daily, "Day", TimedDay),
            *((each, "ThreadPoolExecutor", _InTurn) for each in (local, enrichment, identity, website_events)),
            # A version is made from the source of a table's own functions.
            (local, "code_version", version_of),
            (Contract, "audit", audited),
            (Warehouse, "stage", named("write", stage)),
            (Warehouse, "stage_files", named("write", stage_files)),
            (Warehouse, "publish", named("publish", publish)),
            (enrichment, "enrich", steps.within("core.fct_website_events: enrich", enrichment.enrich)),
            (identity, "identify", steps.within("core.fct_website_events: identify", identity.identify)),
            (
                country.CountryDatabase,
                "countries",
                steps.within("core.fct_website_events: enrich, countries", country.CountryDatabase.countries),
            ),
            (
                bot,
                "devices_and_bots",
                steps.within("core.fct_website_events: enrich, devices and bots", bot.devices_and_bots),
            ),
            (
                visitor,
                "visitor_ids",
                steps.within("core.fct_website_events: enrich, visitor ids", visitor.visitor_ids),
            ),
        ):
            stack.enter_context(patch.object(owner, name, timed))
        yield


def _table_of(contract: Any) -> str:  # noqa: ANN401
    return _TABLES.get(id(contract), "other tables")


_TABLES: dict[int, str] = {}
"""Contracts by identity; they are made once and kept."""


def _timed(table: Table, steps: Steps) -> Table:
    build, compare, contract = table.build, table.agreement, table.contract

    def known(loaded: Any) -> Any:  # noqa: ANN401 - as every contract takes them
        made = contract(loaded)
        _TABLES[id(made)] = table.name
        return made

    return replace(
        table,
        contract=known,
        build=steps.within(f"{table.name}: build", build) if build else None,
        agreement=steps.within(f"{table.name}{CHECKS}", compare) if compare else None,
    )


@dataclass(frozen=True)
class Shares:
    """What of a build the checks take, and what Dagster."""

    checks: float
    orchestration: float
    """Its import, its runs and its log of events, and all else that is neither landing nor tables nor importing."""

    @classmethod
    def of(cls, costs: Mapping[str, Cost], measure: Callable[[Cost], float] = lambda cost: cost.seconds) -> Shares:
        """By wall seconds, unless another measure is given."""
        whole = measure(costs[WHOLE])
        checks = sum(measure(cost) for name, cost in costs.items() if name.endswith(CHECKS))
        judged = sum(measure(cost) for name, cost in costs.items() if name.startswith("comparisons"))
        work = sum(measure(costs[name]) for name in (IMPORT_ALL, LANDING, TABLES)) + judged
        return cls(checks / whole, (whole - work) / whole)


def as_text(costs: Mapping[str, Cost]) -> str:
    """A table for people."""
    whole = costs[WHOLE].seconds
    rows = [f"{'':56}{'seconds':>9}{'share':>7}{'CPU':>9}{'peak GB':>9}"]
    rows += [
        f"{name:56}{cost.seconds:9.2f}{cost.seconds / whole:7.0%}{cost.cpu_seconds:9.2f}{cost.peak_bytes / 1e9:9.2f}"
        for name, cost in costs.items()
        if cost.seconds >= SHOWN * whole
    ]
    said = "a step holds those of its own that stand before it; those under half a per cent are left out"
    return "\n".join([*rows, said])


if __name__ == "__main__":
    sys.stdout.write(json.dumps({name: asdict(cost) for name, cost in build(Path(sys.argv[1])).items()}))
