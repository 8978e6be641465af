"""Fifteen hundred more small worlds by Polars' engine for frames that fit in memory: it takes less time for each."""

import pytest

from growth_assets_tests.worlds.batches import HAPPENINGS, play

pytestmark = pytest.mark.slow

BATCH = 500


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(500, 2000, BATCH))
def test_worlds_agree_with_the_oracle(first):
    happened = play(first, BATCH, POLARS_ENGINE_AFFINITY="in-memory")
    assert {name: happened.get(name, 0) for name in HAPPENINGS if happened.get(name, 0) < BATCH // 125} == {}
