"""Landing and warehouse on S3, over HTTP: the same objects as on disk, also when builds are killed under readers."""

import hashlib
import json

import pytest

from growth_assets import settings as site
from growth_assets.ingest.files import landing_files
from growth_assets.tables import DAILY
from growth_assets.warehouse import catalogue, objects
from growth_assets.warehouse.partitions import Warehouse

from .conftest import DAYS, LATE, Reader, kill

pytestmark = pytest.mark.slow

KILLS = 4


@pytest.fixture
def store(world, nursery, s3, tmp_path):
    """Settings of a copy of the world whose landing and warehouse are on S3."""
    data = tmp_path / "data"
    data.mkdir()
    bucket = s3.bucket(f"site-{hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]}")
    (data / "site.toml").write_text(
        f'landing = "s3://{bucket}/logs of the web"\nwarehouse = "s3://{bucket}/tables"\n'
        + (world.data / "site.toml").read_text()
    )
    settings = site.load(data)
    for file in sorted((world.data / "landing").iterdir()):
        if not file.name.startswith("late"):
            objects.put(file, settings.landing / file.name)
    nursery.environment = s3.variables
    yield settings
    nursery.environment = {}


def put_late(settings):
    objects.put_bytes(LATE.encode(), settings.landing / "late.ndjson")


def published_objects(settings):
    """Name and digest of every published table file, as `published` has them of a warehouse on disk."""
    root = settings.warehouse
    return {
        name: hashlib.sha256(objects.content(root / name)).hexdigest()
        for name in objects.sizes(root)
        if name.split("/")[0] in {"raw", "core", "metrics"} and name.endswith(".parquet")
    }


def answers(nursery, data):
    """What `growth-assets answers` says of the last days."""
    log = data / "answers.txt"
    code = nursery.wait(nursery.run(["answers", "--json", "--data", str(data)], log))
    assert code == 0, log.read_text()
    return json.loads(log.read_text())


def test_the_same_objects_as_on_disk(world, nursery, store, s3):
    code, said = nursery.build(store.data)
    assert code == 0, said
    assert published_objects(store) == world.first
    records = {name: objects.content(store.warehouse / name) for name in objects.sizes(store.warehouse)}
    put_late(store)
    code, said = nursery.build(store.data)
    assert code == 0, said
    assert "Built 2 of 2 days" in said  # the touched ones alone
    assert published_objects(store) == world.late
    changed = {name for name in records if objects.content(store.warehouse / name) != records[name]}
    assert {name.split("/")[2] for name in changed if name.endswith("_built.json")} == {
        "ds=2026-03-02",
        "ds=2026-03-04",
    }
    assert answers(nursery, store.data) == answers(nursery, world.data)
    rows = "SELECT * FROM metrics.traffic_breakdown ORDER BY ALL"
    on_disk = catalogue.query(world.data / "warehouse" / "growth.duckdb", rows)
    assert catalogue.query(store.catalogue, rows, root=store.warehouse).equals(on_disk)
    # A file that grew replaces itself.
    (first, *_) = landing_files(store)
    grown = objects.content(first.path) + LATE.splitlines(keepends=True)[0].replace(".5Z", ".7Z").encode()
    objects.put_bytes(grown, first.path)
    code, said = nursery.build(store.data)
    assert code == 0, said
    assert "Landed 1 files (5 known already)" in said
    assert len(list((store.warehouse / "landing" / "segments").iterdir())) == 6
    assert not list((store.workplace / "_staging").iterdir())
    secret = s3.variables["AWS_SECRET_ACCESS_KEY"].encode()
    assert not [path for path in store.data.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_a_killed_build_leaves_old_or_new(world, nursery, store):
    hits = []
    with Reader(store.data, world.legal, store.warehouse) as reader:
        horizon = 2 * world.seconds
        while hits.count(True) < KILLS:
            if len(hits) == KILLS // 2:
                put_late(store)
            process = nursery.start(store.data, *(["--from", DAYS[0]] if len(hits) % 2 else []))
            reader.wait(horizon * (hits.count(True) + 0.5) / KILLS)
            kill(process)
            hits.append(nursery.wait(process) == -9)
            horizon *= 1 if hits[-1] else 0.7
            assert not reader.wrong
            assert len(hits) < 5 * KILLS
        code, said = nursery.build(store.data)
        assert code == 0, said
        reader.wait(1)
    assert not reader.wrong
    assert reader.looks >= KILLS
    assert Warehouse(store.warehouse).days(DAILY[-1]) == DAYS
    assert published_objects(store) == world.late
    code, said = nursery.build(store.data)
    assert (code, "Every day is up to date." in said) == (0, True)
