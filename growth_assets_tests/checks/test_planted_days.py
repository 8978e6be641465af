"""Through the engine: a fault planted in one table of one day turns one check of that day red, and no other.

The day before is built beside it and is good. What was published of the bad day before stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from errno import ENOSPC
from pathlib import Path
from threading import Event
from unittest.mock import patch

import polars as pl
import pyarrow.parquet as pq
import pytest

from growth_assets.checks.verdict import AGREEMENT, CONSERVATION, CONTRACT, check_names
from growth_assets.contracts.table import Built, Table
from growth_assets.engines import local
from growth_assets.engines.local import Day, Outcome, Received
from growth_assets.settings import Settings
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse import row_groups
from growth_assets.warehouse.durable import sha256_of
from growth_assets.warehouse.partitions import Warehouse, WarehouseError
from growth_assets_tests.contracts.planted import (
    DS,
    MAY_BE_EMPTY,
    PLANTED,
    Planted,
    changed,
    good,
    without,
)
from growth_assets_tests.tables.days import event, raw_day, site

NEIGHBOUR = "2026-03-13"

TABLES = {table.name: table for table in DAILY}


def at_neighbour(frame: pl.DataFrame) -> pl.DataFrame:
    moments = [name for name, dtype in frame.schema.items() if dtype == pl.Datetime("us") and name == "event_timestamp"]
    return frame.with_columns(
        *(pl.col(name).dt.offset_by("-1d") for name in moments),
        *([pl.lit(NEIGHBOUR).alias("ds")] if "ds" in frame.columns else []),
    )


@pytest.fixture
def warehouse(tmp_path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse")


def build(warehouse: Warehouse, table: Table, ds: str, frame: pl.DataFrame, settings: Settings) -> dict[str, Outcome]:
    """The outcome of a day of which one table is `frame`, and all before it are good."""
    move: Callable[[pl.DataFrame], pl.DataFrame] = (lambda each: each) if ds == DS else at_neighbour
    maker = BY_NAME[table.built_with] if table.built_with else table
    tables = dict(TABLES)
    if maker.build:
        made = {each.name: move(good(each.name)) for each in DAILY if each.built_with == maker.name}
        made |= {maker.name: move(good(maker.name)), table.name: frame}
        beside = {name: each for name, each in made.items() if name != maker.name}
        built = Built(made[maker.name], beside=beside)
        tables[maker.name] = replace(maker, build=lambda *_: built, balance=None)
    received = warehouse.root.parent / f"received-{ds}.parquet"
    received.unlink(missing_ok=True)  # what was received may be linked to what is published
    frame.write_parquet(received)
    day = Day(warehouse, settings, ds, list(tables.values()))
    day.frames |= {name: move(good(name)).lazy() for name in maker.upstream if name in TABLES}
    with warehouse.building(ds):
        outcomes = day.build({table.name}, lambda _: nullcontext(Received([received], {}, frame.height)))
        # What is planted here has no source text of which a code version could be made.
        with patch.object(local, "code_version", lambda *_: "planted"):
            return {outcome.table.name: outcome for outcome in outcomes}


def red(outcomes: dict[str, Outcome]) -> set[tuple[str, str]]:
    return {(name, v.check) for name, outcome in outcomes.items() for v in outcome.verdicts if not v.passed}


FIRST = list({(each.table, each.rule): each for each in reversed(PLANTED) if each.table in TABLES}.values())


@pytest.mark.parametrize("planted", FIRST, ids=str)
def test_a_fault_planted_in_a_day_turns_its_check_red_on_that_day_alone(warehouse, planted: Planted):
    table, settings = TABLES[planted.table], planted.settings
    before = build(warehouse, table, DS, good(table.name), site())
    assert red(before) == set()
    kept = warehouse.path(table, DS).read_bytes()

    outcomes = build(warehouse, table, DS, planted.frame, settings)
    rules = {planted.rule, *planted.also}
    assert red(outcomes) == {(table.name, rule if rule in table.checks else CONTRACT) for rule in rules}
    assert outcomes[table.name].status == "refused"
    assert outcomes[table.name].refused is not None
    assert warehouse.path(table, DS).read_bytes() == kept

    neighbour = build(warehouse, table, NEIGHBOUR, at_neighbour(good(table.name)), site())
    assert red(neighbour) == set()
    assert neighbour[table.name].status == "published"


def test_every_rule_of_every_daily_table_is_planted_in_a_day():
    rules = {(table.name, rule) for table in DAILY for rule in table.contract(site()).rule_names}
    assert {(each.table, each.rule) for each in FIRST} == rules


@pytest.mark.parametrize("name", TABLES)
def test_no_check_passes_on_an_empty_table_by_accident(warehouse, name):
    outcomes = build(warehouse, TABLES[name], DS, good(name).clear(), site())
    verdicts = outcomes[name].verdicts
    if name in MAY_BE_EMPTY and not TABLES[name].agreement:
        assert all(verdict.passed for verdict in verdicts)
    else:
        assert [verdict.check for verdict in verdicts if verdict.passed and verdict.check not in COMPARED] == (
            [CONTRACT] if name in MAY_BE_EMPTY else []
        )
        assert outcomes[name].status == "refused"


COMPARED = {AGREEMENT, CONSERVATION}
"""Checks that compare the table with another one, so that no row is right or wrong like any other number of them."""


# Agreement: frames that keep their contract, and do not say what core.fct_website_events says.


@dataclass(frozen=True)
class Disagreeing:
    table: str
    rule: str
    frame: pl.DataFrame
    story: str

    def __str__(self) -> str:
        return f"{self.table}-{self.rule}-{self.story}"


def _agg() -> list[Disagreeing]:
    name = "core.agg_website_events"
    frame = good(name)
    group = {"aggregation_level": "dim_country", "dim_country": "US"}
    overall = {"aggregation_level": "overall"}
    scaled = pl.col("m_total_events") * 2
    return [
        Disagreeing(name, "m_total_events", changed(frame, group, m_total_events=4), "one event short"),
        Disagreeing(name, "m_total_events", frame.with_columns(scaled), "every event twice"),
        Disagreeing(name, "m_total_events", without(frame, group), "a group is missing"),
        Disagreeing(name, "m_bot_events", changed(frame, group, m_bot_events=0), "a bot is a person"),
        Disagreeing(name, "m_unique_visitors", changed(frame, group, m_unique_visitors=3), "added over hours"),
        Disagreeing(name, "m_unique_visitors", changed(frame, overall, m_unique_visitors=2), "one visitor short"),
        Disagreeing(name, "m_total_events", changed(frame, group, dim_country="FR"), "in another country"),
        Disagreeing(name, "levels_add_up", changed(frame, group, m_total_events=4), "a level does not add up"),
    ]


def _metrics() -> list[Disagreeing]:
    visitors, traffic = "metrics.daily_visitors", "metrics.traffic_breakdown"
    host = {"aggregation_level": "dim_hostname", "dim_hostname": "www.xx.com"}
    country = {"aggregation_level": "dim_country", "dim_country": "US"}
    linkedin = {"aggregation_level": "dim_source", "dim_source": "LinkedIn"}
    found = [
        Disagreeing(visitors, "m_visitors", changed(good(visitors), host, m_visitors=1), "a visitor short"),
        Disagreeing(visitors, "m_website_hits", changed(good(visitors), country, m_website_hits=1), "hits short"),
        Disagreeing(visitors, "levels_add_up", changed(good(visitors), country, m_website_hits=1), "does not add up"),
        Disagreeing(visitors, "m_bot_visitors", changed(good(visitors), host, m_bot_visitors=0), "no bot"),
        Disagreeing(visitors, "m_bot_website_hits", changed(good(visitors), host, m_bot_website_hits=2), "a bot's"),
        Disagreeing(traffic, "m_website_hits", without(good(traffic), linkedin), "a source is missing"),
        Disagreeing(traffic, "groups_make_the_total", without(good(traffic), linkedin), "does not add up"),
        Disagreeing(traffic, "m_website_hits", changed(good(traffic), linkedin, dim_source="Substack"), "another"),
        Disagreeing(traffic, "m_website_hits", good(traffic).clear(), "nothing at all"),
        Disagreeing(
            traffic, "m_visitors",
            changed(good(traffic), {"aggregation_level": "dim_source", "dim_source": "direct"}, m_visitors=3), "twice",
        ),
    ]  # fmt: skip
    for name, numerator, denominator in (
        ("metrics.signup_conversion_rate", "m_signups", "m_website_hits"),
        ("metrics.purchase_conversion_rate", "m_purchases", "m_signups"),
    ):
        frame, value = good(name), name.removeprefix("metrics.")
        both = frame.with_columns(pl.col(numerator) * 2).with_columns(
            pl.when(pl.col(denominator) > 0).then(pl.col(numerator) / pl.col(denominator)).alias(value)
        )
        above, below = f"m_bot_{numerator[2:]}", f"m_bot_{denominator[2:]}"
        found += [
            Disagreeing(name, numerator, both, "each twice"),
            Disagreeing(name, f"{numerator}_visitors", changed(frame, host, **{f"{numerator}_visitors": 2}), "twice"),
            Disagreeing(name, above, changed(frame, host, **{above: 5}), "bots' events"),
            Disagreeing(name, below, changed(frame, host, **{below: 5}), "bots' events"),
            Disagreeing(name, "levels_add_up", changed(frame, host, **{below: 5}), "does not add up"),
            Disagreeing(
                name, denominator,
                frame.with_columns(pl.col(denominator) * 2).with_columns(
                    pl.when(pl.col(denominator) > 0).then(pl.col(numerator) / pl.col(denominator)).alias(value)
                ),
                "each twice",
            ),
        ]  # fmt: skip
    return found


def _hostnames() -> list[Disagreeing]:
    name = "core.agg_hostname_events"
    frame, group = good(name), {"dim_hostname": "www.xx.com", "event_hour": 8}
    return [
        Disagreeing(name, "m_total_events", changed(frame, group, m_total_events=2), "an event too many"),
        Disagreeing(name, "m_total_events", without(frame, group), "a group is missing"),
        Disagreeing(name, "m_unknown_country", changed(frame, group, m_unknown_country=1), "a country unknown"),
        Disagreeing(name, "m_unknown_brand", changed(frame, group, m_unknown_brand=1), "a brand unknown"),
    ]


DISAGREEING = [*_agg(), *_hostnames(), *_metrics()]


@pytest.mark.parametrize("planted", DISAGREEING, ids=str)
def test_what_the_events_do_not_say_turns_agreement_red_alone(warehouse, planted: Disagreeing):
    table = TABLES[planted.table]
    build(warehouse, table, DS, good(table.name), site())
    kept = warehouse.path(table, DS).read_bytes()
    outcomes = build(warehouse, table, DS, planted.frame, site())
    assert red(outcomes) == {(table.name, AGREEMENT)}
    (verdict,) = (each for each in outcomes[table.name].verdicts if not each.passed)
    assert verdict.blocks
    assert verdict.numbers[planted.rule] > 0
    (numbers,) = (each for each in verdict.rules if each.rule == planted.rule)
    assert numbers.failing == verdict.numbers[planted.rule]
    assert 0 < len(numbers.sample) <= 5
    assert warehouse.path(table, DS).read_bytes() == kept


@pytest.mark.parametrize("name", [table.name for table in DAILY if table.agreement])
def test_every_measure_that_is_compared_is_planted(warehouse, name):
    (verdict,) = (
        each
        for each in build(warehouse, TABLES[name], DS, good(name), site())[name].verdicts
        if each.check == AGREEMENT
    )
    assert set(verdict.numbers) == {each.rule for each in DISAGREEING if each.table == name}
    assert set(verdict.numbers.values()) == {0}
    # Nothing that is counted is left out of the comparison.
    counted = {each for each in good(name).columns if each.startswith("m_")}
    assert counted - set(verdict.numbers) <= {"m_total_website_hits"}


def test_agreement_is_a_check_of_all_that_is_made_from_the_fact_table():
    made = {table.name for table in DAILY if "core.fct_website_events" in table.upstream}
    assert made == {table.name for table in DAILY if AGREEMENT in check_names(table)}


# Rows put aside, from what was received to what is published.

BAD = [
    ("dim_hostname_well_formed", event(hostname="localhost"), "dim_hostname_well_formed"),
    ("dim_action_type_enumerated", event(action_type="teleport"), "dim_action_type_enumerated"),
    ("not_null_dim_hostname", event(hostname=None), "not_null_dim_hostname"),
    ("not_null_logged_out_user_id", event(ip=None, user_agent=None), "not_null_logged_out_user_id"),
    ("user_id_is_bigint", event(user_id="not a number"), CONTRACT),
]


RECEIVED_AND_FACTS = ("raw.website_events", "core.fct_website_events")


def raw_and_fct(warehouse: Warehouse, ds: str, received: pl.DataFrame) -> dict[str, Outcome]:
    path = warehouse.root.parent / f"landed-{ds}.parquet"
    path.unlink(missing_ok=True)
    received.write_parquet(path)
    return built_from(warehouse, ds, path, received.height, sha256_of(path))


def built_from(
    warehouse: Warehouse, ds: str, path: Path, rows: int, digest: str, names: Collection[str] = RECEIVED_AND_FACTS
) -> dict[str, Outcome]:
    with warehouse.building(ds):
        day = Day(warehouse, site(hostnames=()), ds, DAILY)
        outcomes = day.build(
            names,
            lambda _: nullcontext(Received([path], {}, rows, digests={path: digest})),
        )
        return {outcome.table.name: outcome for outcome in outcomes}


def test_a_day_whose_received_rows_are_read_again_is_the_same_to_the_byte(tmp_path, monkeypatch):
    day = raw_day([event(ip=f"8.8.8.{number}") for number in range(9)] + [event(hostname="localhost")])
    held, again = (Warehouse(tmp_path / name / "warehouse") for name in "ab")
    for warehouse in (held, again):
        warehouse.root.mkdir(parents=True)
    published = raw_and_fct(held, DS, day)
    monkeypatch.setattr(local, "MOST_ROWS_HANDED_ON", 5)
    assert {name: each.record for name, each in raw_and_fct(again, DS, day).items()} == {
        name: each.record for name, each in published.items()
    }


@pytest.mark.parametrize("handed_on", [5, 1_000_000])
@pytest.mark.parametrize("altered", [(), "b", "ab"])
def test_a_day_of_several_files_is_put_together_as_they_are_packed_where_they_are_whole(
    warehouse, monkeypatch, altered, handed_on
):
    monkeypatch.setattr(row_groups, "WORTH", 4)
    monkeypatch.setattr(local, "MOST_ROWS_HANDED_ON", handed_on)
    day = raw_day([event(ip=f"8.8.8.{number}") for number in range(9)])
    warehouse.root.mkdir()
    digests = {}
    for name, rows in (("a", day[:4]), ("b", day[4:])):
        rows.write_parquet(path := warehouse.root / name)
        digests[path] = sha256_of(path)
        if name in altered:
            rows.with_columns(url=pl.lit("https://shop.example/")).write_parquet(path)
    received = Received([*digests], {}, 9, digests=digests)
    with warehouse.building(DS):
        outcomes = Day(warehouse, site(hostnames=()), DS, DAILY).build(
            RECEIVED_AND_FACTS, lambda _: nullcontext(received)
        )
        if altered:
            with pytest.raises(WarehouseError) as error:
                list(outcomes)
        else:
            assert {each.status for each in outcomes} == {"published"}
    if altered:
        assert [f"{path} is damaged ({local.OTHER_BYTES})" in str(error.value) for path in digests] == [
            path.name in altered for path in digests
        ]
        assert not warehouse.is_published(BY_NAME["raw.website_events"], DS)
        return
    (path,) = warehouse.files(BY_NAME["raw.website_events"], DS)
    assert pl.read_parquet(path, hive_partitioning=False).equals(day)
    assert pq.read_metadata(path).num_row_groups == 2


def test_a_large_day_whose_tables_are_built_ahead_is_the_same_to_the_byte(tmp_path, monkeypatch):
    actions = ("page_view", "signup", "purchase")
    day = raw_day([event(ip=f"8.8.8.{number}", action_type=actions[number % 3]) for number in range(12)])
    records = []
    for most, names in ((1_000_000, "alone"), (5, "ahead")):
        warehouse = Warehouse(tmp_path / names / "warehouse")
        warehouse.root.mkdir(parents=True)
        day.write_parquet(path := tmp_path / names / "landed.parquet")
        monkeypatch.setattr(local, "MOST_ROWS_HANDED_ON", most)
        monkeypatch.setattr(local, "LEAST_ROWS_BESIDE", most)
        outcomes = built_from(warehouse, DS, path, day.height, sha256_of(path), [table.name for table in DAILY])
        assert red(outcomes) == set()
        records.append({name: outcome.record for name, outcome in outcomes.items()})
    assert records[0] == records[1]
    assert set(records[0]) == {table.name for table in DAILY}


def test_a_table_that_is_built_ahead_and_fails_is_told_when_it_is_its_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(local, "LEAST_ROWS_BESIDE", 5)
    warehouse = Warehouse(tmp_path / "warehouse")
    warehouse.root.mkdir()
    raw_day([event(ip=f"8.8.8.{number}") for number in range(9)]).write_parquet(path := tmp_path / "landed.parquet")

    def fails(*_):
        raise ZeroDivisionError

    tables = [replace(table, build=fails) if table.name == "metrics.daily_visitors" else table for table in DAILY]
    monkeypatch.setattr(local, "code_version", lambda *_: "1")
    with warehouse.building(DS):
        outcomes = Day(warehouse, site(hostnames=()), DS, tables).build(
            [table.name for table in tables],
            lambda _: nullcontext(Received([path], {}, 9, digests={path: sha256_of(path)})),
        )
        told = []
        with pytest.raises(ZeroDivisionError):
            told.extend(outcome.table.name for outcome in outcomes if outcome.record)
    assert told == [
        "raw.website_events", "raw.quarantined_events", "core.fct_website_events", "core.agg_website_events",
        "core.agg_hostname_events",
    ]  # fmt: skip


FCT, AGG = "core.fct_website_events", "core.agg_website_events"


@pytest.fixture
def large_day(tmp_path, monkeypatch):
    """The outcomes of a large day, the tables that are made from its facts, and what lets the first of these go on."""
    monkeypatch.setattr(local, "LEAST_ROWS_BESIDE", 5)
    monkeypatch.setattr(local, "code_version", lambda *_: "1")
    begun, go_on, made = Event(), Event(), []

    def told(table: Table) -> Table:
        def build(inputs, settings):
            made.append(table.name)
            begun.set()
            assert go_on.wait(60)
            return BY_NAME[table.name].build(inputs, settings)

        return replace(table, build=build)

    def outcomes(events):
        tables = [told(table) if {FCT, AGG}.intersection(table.upstream) else table for table in DAILY]
        warehouse = Warehouse(tmp_path / "warehouse")
        warehouse.root.mkdir()
        raw_day(events).write_parquet(path := tmp_path / "landed.parquet")
        received = Received([path], {}, len(events), digests={path: sha256_of(path)})
        with warehouse.building(DS):
            day = Day(warehouse, site(hostnames=()), DS, tables)
            yield from day.build([table.name for table in tables], lambda _: nullcontext(received))

    return outcomes, made, begun, go_on


def test_of_a_large_day_that_is_refused_nothing_more_is_made(large_day, monkeypatch):
    outcomes, made, begun, go_on = large_day
    written = Day._written
    # It is refused when the first of the tables that stand on it is being made.
    monkeypatch.setattr(Day, "_written", lambda *each: begun.wait(60) and written(*each))
    bad = [event(hostname="localhost", ip=f"8.8.4.{number}") for number in range(9)]
    became = {}
    for outcome in outcomes([*(event(ip=f"8.8.8.{number}") for number in range(9)), *bad]):
        became[outcome.table.name] = outcome.status
        if outcome.status == "refused":
            go_on.set()
    assert made == [AGG]
    assert became.pop("raw.website_events") == "published"
    assert {became.pop(name) for name in (FCT, "raw.quarantined_events")} == {"refused"}
    assert set(became.values()) == {"held_up"}


def test_of_a_large_day_that_cannot_be_written_nothing_more_is_made(large_day, monkeypatch):
    outcomes, made, begun, go_on = large_day

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):  # as it is declared
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            go_on.set()
            super().shutdown(wait)

    def full(*_):
        assert begun.wait(60)
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr(local, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(Day, "_written", full)
    with pytest.raises(OSError, match="No space left"):
        list(outcomes([event(ip=f"8.8.8.{number}") for number in range(9)]))
    assert made == [AGG]


@pytest.mark.parametrize(("rule", "bad", "check"), BAD, ids=[rule for rule, *_ in BAD])
def test_bad_rows_warn_below_the_allowed_share_and_keep_the_day_back_above_it(warehouse, rule, bad, check):
    fct = TABLES["core.fct_website_events"]
    fine = [event(ip=f"8.8.8.{number}") for number in range(1, 100)]
    few = raw_and_fct(warehouse, DS, raw_day([*fine, bad]))
    assert red(few) == {(fct.name, check)}
    assert few[fct.name].status == "published"
    (verdict,) = (each for each in few[fct.name].verdicts if not each.passed)
    assert verdict.severity == "WARN"
    (numbers,) = (each for each in verdict.rules if each.rule == rule)
    assert (numbers.rows, numbers.failing, numbers.share) == (100, 1, 0.01)
    # Where to find it, and nothing of whom it is about.
    (shown,) = numbers.sample
    assert (shown["source_file"], shown["line_number"]) == ("events.ndjson", 100)
    assert not {"ip", "user_agent", "user_id", "url", "event_id", "other_properties"} & set(shown)
    kept = warehouse.path(fct, DS).read_bytes()

    many = raw_and_fct(warehouse, DS, raw_day([*fine, *[bad] * 30]))
    assert red(many) == {(fct.name, check)}
    assert many[fct.name].status == "refused"
    (verdict,) = (each for each in many[fct.name].verdicts if not each.passed)
    assert verdict.severity == "ERROR"
    assert len(next(each for each in verdict.rules if each.rule == rule).sample) == 3
    assert warehouse.path(fct, DS).read_bytes() == kept

    neighbour = raw_and_fct(warehouse, NEIGHBOUR, at_neighbour(raw_day(fine)))
    assert red(neighbour) == set()


def test_a_day_of_nothing_but_bad_rows_passes_no_check(warehouse):
    (fct,) = (
        outcome
        for name, outcome in raw_and_fct(warehouse, DS, raw_day([event(hostname="localhost")])).items()
        if name == "core.fct_website_events"
    )
    assert {verdict.check for verdict in fct.verdicts if not verdict.passed} == {"dim_hostname_well_formed", CONTRACT}
    assert {verdict.check for verdict in fct.verdicts if verdict.passed} == {CONSERVATION}
