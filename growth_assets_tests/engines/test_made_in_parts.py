"""A day that is made in parts, task by task, is the day that one machine makes."""

from __future__ import annotations

import pickle
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from random import Random

import polars as pl
import pytest

from growth_assets import reference
from growth_assets.contracts.contract import Finding
from growth_assets.contracts.table import Sums
from growth_assets.engines import tasks
from growth_assets.engines.local import Day, Received
from growth_assets.engines.spark import ClusterDay
from growth_assets.engines.tasks import Range, in_shares
from growth_assets.settings import Spark
from growth_assets.tables import BY_NAME, DAILY
from growth_assets.warehouse import durable
from growth_assets.warehouse.partitions import Part, Warehouse, WarehouseError
from growth_assets_tests.engines.by_hand import ByHand
from growth_assets_tests.tables.days import DS, event, raw_day, site
from growth_assets_tests.worlds.play import World

RAW, FACTS, ASIDE, HOSTS = (
    BY_NAME[name]
    for name in (
        "raw.website_events", "core.fct_website_events", "raw.quarantined_events", "core.agg_hostname_events"
    )
)  # fmt: skip


class WorldInParts(World):
    """A small world, each of whose days is made in parts of a few events."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        self.cluster = ByHand(Random(seed))

    def day(self, warehouse, ds):
        few = Spark(master="spark://nobody:7077", events_a_task=self.cluster.random.choice([1, 2, 3, 10]))
        settings = self.settings.model_copy(update={"spark": few})
        return ClusterDay(warehouse, settings, ds, self.tables, self.cluster)


def test_worlds_made_in_parts_agree_with_the_oracle(tmp_path):
    made = again = 0
    for seed in range(9_000, 9_016):
        world = WorldInParts(seed, tmp_path / str(seed))
        assert world.play() == [], f"seed {seed}"
        made, again = made + world.cluster.reports, again + world.cluster.tried_again
    assert made > 100
    assert again > 30


DAY = [
    *(event(ip=f"8.8.{number % 7}.{number % 13}", event_id=str(number % 90)) for number in range(120)),
    *(event(ip="8.8.8.8", action_type=action) for action in ("signup", "purchase", "login")),
    event(ip="8.8.4.4", hostname="localhost"),
    event(ip="8.8.4.4", action_type="teleport"),
]


def outcomes(tmp_path, name, make, rows=DAY, wanted=BY_NAME):
    """What becomes of a day in a warehouse of its own."""
    warehouse = Warehouse(tmp_path / name)
    warehouse.root.mkdir(exist_ok=True)
    files = [tmp_path / f"{number}.parquet" for number in range(3)]
    frame = raw_day(rows)
    for number, path in enumerate(files):
        frame[number::3].write_parquet(path)
    with warehouse.building(DS):
        found = list(
            make(warehouse).build(wanted, lambda _: nullcontext(Received(files, {"landing": "1"}, frame.height)))
        )
    return warehouse, {each.table.name: each for each in found}


def local(**chosen):
    return lambda warehouse: Day(warehouse, site(**chosen), DS, DAILY)


def parts(rows=20, cluster=None, **chosen):
    settings = site(spark=Spark(master="spark://nobody:7077", events_a_task=rows), **chosen)
    return lambda warehouse: ClusterDay(warehouse, settings, DS, DAILY, cluster or ByHand(Random(1)))


def test_the_day_says_the_same_of_itself_and_its_small_tables_are_the_same_to_the_byte(tmp_path):
    one, here = outcomes(tmp_path, "one", local())
    other, there = outcomes(tmp_path, "other", parts())
    assert list(here) == list(there)
    assert len(other.files(FACTS, DS)) > 3
    for name, outcome in here.items():
        theirs = there[name]
        assert (theirs.status, theirs.numbers, theirs.headline) == (outcome.status, outcome.numbers, outcome.headline)
        assert [(each.check, each.passed, each.numbers) for each in theirs.verdicts] == [
            (each.check, each.passed, each.numbers) for each in outcome.verdicts
        ]
        key = [column for column in one.scan(BY_NAME[name], DS).collect_schema() if column != "other_properties"]
        assert other.scan(BY_NAME[name], DS).collect().sort(key).equals(one.scan(BY_NAME[name], DS).collect().sort(key))
        if name not in {RAW.name, FACTS.name}:
            assert theirs.record.sha256 == outcome.record.sha256
    assert there[ASIDE.name].record.rows == 2


def test_a_day_of_one_part_is_the_same_to_the_byte(tmp_path):
    one, here = outcomes(tmp_path, "one", local())
    other, there = outcomes(tmp_path, "other", parts(1_000))
    for name in here.keys() - {RAW.name}:
        (mine,), (theirs,) = one.files(BY_NAME[name], DS), other.files(BY_NAME[name], DS)
        assert mine.read_bytes() == theirs.read_bytes()
        assert here[name].record.sha256 == there[name].record.sha256
    # These are the files that landed.
    assert [path.samefile(tmp_path / f"{number}.parquet") for number, path in enumerate(other.files(RAW, DS))] == [
        True
    ] * 3
    assert pl.concat(pl.read_parquet(path) for path in other.files(RAW, DS)).equals(pl.read_parquet(one.files(RAW, DS)))


def test_the_same_day_is_the_same_files_whatever_the_order_of_its_tasks(tmp_path):
    digests = {
        outcomes(tmp_path, str(seed), parts(cluster=ByHand(Random(seed))))[1][FACTS.name].record.sha256
        for seed in range(3)
    }
    assert len(digests) == 1


def test_small_tables_are_made_of_published_events_of_either_engine(tmp_path):
    for name, first in (("one", local()), ("other", parts())):
        warehouse, whole = outcomes(tmp_path, name, first)
        small = {table.name for table in DAILY if table.kind in {"agg", "metric"}}
        with warehouse.building(DS):
            again = list(parts()(warehouse).build(small, None))
        assert {each.table.name for each in again} == small
        assert all(each.record.sha256 == whole[each.table.name].record.sha256 for each in again)


def test_what_is_refused_is_kept_apart_and_what_was_published_stays(tmp_path):
    strict = {"max_quarantined_share": 0.001}
    warehouse, fine = outcomes(tmp_path, "site", parts())
    _, found = outcomes(tmp_path, "site", parts(**strict))
    statuses = {name: each.status for name, each in found.items()}
    _, expected = outcomes(tmp_path, "one", local(**strict))
    assert statuses == {name: each.status for name, each in expected.items()}
    assert statuses[FACTS.name] == "refused"
    assert warehouse.record(FACTS, DS) == fine[FACTS.name].record
    kept = found[FACTS.name].refused
    assert pl.scan_parquet(kept / "*.parquet").collect().height == fine[FACTS.name].record.rows
    outcomes(tmp_path, "site", parts())
    assert not kept.exists()


def test_a_day_without_a_good_row_is_refused(tmp_path):
    bad = [event(hostname="localhost")] * 40
    warehouse, found = outcomes(tmp_path, "site", parts(max_quarantined_share=1), rows=bad)
    _, expected = outcomes(tmp_path, "one", local(max_quarantined_share=1), rows=bad)
    assert {name: each.status for name, each in found.items()} == {name: each.status for name, each in expected.items()}
    assert found[FACTS.name].status == "refused"
    assert not warehouse.is_published(FACTS, DS)


def test_a_row_that_is_lost_on_the_way_is_missed(tmp_path):
    class Loses(ByHand):
        def run(self, work, shares, what):
            reports = super().run(work, shares, what)
            return reports[1:]

    warehouse, found = outcomes(tmp_path, "site", parts(cluster=Loses(Random(1))))
    assert found[FACTS.name].status == "refused"
    assert [each.check for each in found[FACTS.name].verdicts if not each.passed][-1] == "conservation"
    assert not warehouse.is_published(FACTS, DS)


def test_sums_that_are_not_those_of_the_parts_are_no_agreement(tmp_path, monkeypatch):
    together = Sums.together

    def doubled(self, parts):
        frame = together(self, parts)
        return frame.with_columns(pl.col("m_total_events") * 2) if "m_total_events" in frame.columns else frame

    monkeypatch.setattr(Sums, "together", doubled)

    _, found = outcomes(tmp_path, "site", parts())
    assert found[HOSTS.name].status == "refused"
    (red,) = (each for each in found[HOSTS.name].verdicts if not each.passed)
    assert red.check == "agreement"
    assert red.numbers["m_total_events"] > 0


@pytest.mark.parametrize(
    "damage", [lambda content: content[:100] + bytes(1_900) + content[2_000:], lambda content: content[:-9]]
)
def test_a_damaged_file_is_named_with_the_remedy(tmp_path, damage):
    warehouse = Warehouse(tmp_path / "site")
    warehouse.root.mkdir()
    path = tmp_path / "landed.parquet"
    raw_day(DAY).write_parquet(path)
    path.write_bytes(damage(path.read_bytes()))
    received = Received([path], {}, len(DAY), {path: "read events.ndjson again"})
    with warehouse.building(DS), pytest.raises(WarehouseError, match=r"landed.parquet is damaged .*read events.ndjson"):
        list(parts()(warehouse).build(BY_NAME, lambda _: nullcontext(received)))
    assert not warehouse.is_published(RAW, DS)


def test_a_file_of_other_bytes_than_those_that_landed_is_named_with_the_remedy(tmp_path):
    warehouse = Warehouse(tmp_path / "site")
    warehouse.root.mkdir()
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for path in paths:
        raw_day(DAY).write_parquet(path)
    again = dict.fromkeys(paths, "read events.ndjson again")
    landed = dict.fromkeys(paths, durable.sha256_of(paths[0]))
    received = Received(paths, {}, 2 * len(DAY), again, landed)
    with warehouse.building(DS):
        assert [each.status for each in parts()(warehouse).build([RAW.name], lambda _: nullcontext(received))] == [
            "published"
        ]
    # A row is another one, and the file as sound as ever.
    raw_day([*DAY[1:], DAY[0]]).write_parquet(paths[1])
    says = r"1.parquet is damaged \(its bytes are not those that landed\)\. .*read events.ndjson again"
    with warehouse.building(DS), pytest.raises(WarehouseError, match=says):
        list(parts()(warehouse).build(BY_NAME, lambda _: nullcontext(received)))


def test_no_piece_is_larger_than_what_can_be_handed_on(tmp_path, monkeypatch):
    expected = outcomes(tmp_path, "whole", parts())[1]
    monkeypatch.setattr(tasks, "BYTES_OF_PIECE", 6_000)
    monkeypatch.setattr(tasks, "ROWS_OF_PIECE", 30)
    honest, sizes = tasks.cut, []

    def cut(*given):
        for piece in honest(*given):
            if piece.kind in {tasks.ROWS, tasks.ASIDE}:
                rows = tasks.unpacked(piece.content).height
                assert rows == 1 or (rows <= 30 and len(piece.content) <= 6_000)
                sizes.append(rows)
            yield piece

    monkeypatch.setattr(tasks, "cut", cut)
    few = Spark(events_a_task=100)
    found = outcomes(
        tmp_path, "cut", lambda warehouse: ClusterDay(warehouse, site(spark=few), DS, DAILY, ByHand(Random(2)))
    )[1]
    assert max(sizes) > 3
    assert len(sizes) > 12
    assert {name: each.record.rows for name, each in found.items()} == {
        name: each.record.rows for name, each in expected.items()
    }


def test_a_report_is_the_same_after_it_was_sent():
    finding = Finding("r", 3, 1, "said", ({"m_x": 0.1 + 0.2, "line_number": 7, "ds": "null", "m_y": float("inf")},))
    report = tasks.Report(
        4, {"t": {11: Part(Path("/shared/a.parquet"), 5, 6, "d")}}, {"t": [finding]}, {"duplicates": 2},
        {"t": bytes(range(256))}, {"t": [finding]}, {"/landed": "cut \N{SNOWMAN}"},
    )  # fmt: skip
    found = tasks.from_json(tasks.as_json(report))
    assert repr(found).replace("[{", "({").replace("}]", "},)") == repr(report)
    with pytest.raises(ValueError, match="list"):
        tasks.from_json(pickle.dumps(report))


def test_a_part_can_be_nowhere_but_where_parts_are_written():
    work = tasks.Work(site(), 1, "", folder="/shared/staged")
    report = tasks.Report(0, {"t": {0: Part(Path("/etc/passwd"), 1, 1, "")}})
    assert tasks.merged(work, [report]).parts["t"][0].path == Path("/shared/staged/passwd")


def test_a_machine_of_other_code_does_not_even_read_what_is_to_be_done():
    with pytest.raises(tasks.OtherCodeError, match=r"has growth_assets .*, and this one growth_assets of last year"):
        tasks.work_of(b"what only last year's code can read", "growth_assets of last year")
    # Nor does it do what the same code did not send.
    with pytest.raises(TypeError, match="expected work, got dict"):
        tasks.work_of(pickle.dumps({}), tasks.this_code())


def test_every_package_that_decides_rows_is_part_of_the_code():
    named = {name for table in DAILY for name in table.packages}
    assert named | {"polars", "numpy", "maxminddb", "ua-parser", "ua-parser-rs"} == set(tasks.PACKAGES)
    assert all(f"{name} {version(name)}" in tasks.this_code() for name in tasks.PACKAGES)


def test_the_machines_are_told_no_secret_but_the_salt_and_read_a_country_database_that_they_reach(tmp_path):
    told = []

    class Listens(ByHand):
        def run(self, work, shares, what):
            told.append(work.settings)
            return super().run(work, shares, what)

    mine = tmp_path / "mine.mmdb"
    mine.write_bytes(reference.COUNTRY_DATABASE.read_bytes())
    chosen = {"alert_urls": "json://user:secret@host", "salt": "s", "country_database": mine}
    spark = Spark(remote="sc://host;token=t", events_a_task=20, conf={"spark.ssl.keyPassword": "p"})
    settings = site(spark=spark, **chosen)
    warehouse, found = outcomes(
        tmp_path, "site", lambda warehouse: ClusterDay(warehouse, settings, DS, DAILY, Listens(Random(1)))
    )
    assert found[FACTS.name].status == "published"
    (settings,) = told
    assert settings.alert_urls.get_secret_value() == ""
    assert settings.spark == Spark(events_a_task=20)
    assert settings.salt.get_secret_value() == "s"
    assert settings.country_database.is_relative_to(warehouse.root)
    assert settings.country_database.read_bytes() == mine.read_bytes()


def test_shares_are_of_about_as_many_rows_however_small_the_files():
    files = [(Path(f"{number}"), 3) for number in range(10)]
    shares = in_shares([*files, (Path("large"), 25)], 10)
    assert [sum(each.rows for each in share) for share in shares] == [10, 10, 10, 10, 10, 5]
    assert shares[0] == [Range("0", 0, 3), Range("1", 0, 3), Range("2", 0, 3), Range("3", 0, 1)]
    assert in_shares([], 10) == in_shares([(Path("empty"), 0)], 10) == []
