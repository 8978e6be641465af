"""kill -9 at random moments, under the eyes of readers: the old partition or the new one, never half of one.

`pytest growth_assets_tests/faults --kills 500` tries more of them.
"""

import random

import pytest

from .conftest import DAYS, Reader, kill, published

pytestmark = pytest.mark.slow

SEEDS = (1, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_build_leaves_no_trace(world, nursery, tmp_path, request, seed):
    dice = random.Random(seed)
    kills = (request.config.getoption("--kills", None) or 12) // len(SEEDS)
    data = world.copy(tmp_path / "data")
    horizon = world.seconds
    hits = []
    with Reader(data, world.legal) as reader:
        while hits.count(True) < kills:
            if len(hits) == kills // 2:
                world.land_late(data)
            # What is built already is built again, or most builds would have nothing to do.
            process = nursery.start(data, *(["--from", DAYS[0]] if len(hits) % 5 else []))
            reader.wait(dice.uniform(0, horizon))
            kill(process)
            hits.append(nursery.wait(process) == -9)
            # How long a build takes depends on who else is at work on the machine.
            horizon *= 1.1 if hits[-1] else 0.7
            assert not reader.wrong
            assert len(hits) < 5 * kills
        code, said = nursery.build(data)
        assert code == 0, said
    assert not reader.wrong
    assert reader.looks >= kills
    assert reader.seen["polars"] == set(world.legal)
    assert reader.seen["duckdb"] == {key for key, legal in world.legal.items() if legal != {0}}
    assert published(data) == world.late
    code, said = nursery.build(data)
    assert (code, "Every day is up to date." in said) == (0, True)
    # A day that was built once more when its builder died is swept when somebody builds it again.
    code, said = nursery.build(data, "--from", DAYS[0])
    assert code == 0, said
    assert published(data) == world.late
    half = [path for path in (data / "warehouse").rglob("*") if path.name.startswith((".growth", "._"))]
    assert half + list((data / "warehouse" / "_staging").iterdir()) == []
