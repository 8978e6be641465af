"""Another thousand small worlds, by Polars' engine for frames that fit in memory."""

import pytest

from growth_assets_tests.worlds.batches import play

pytestmark = pytest.mark.slow

BATCH = 250


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(1000, 2000, BATCH))
def test_worlds_agree_with_the_oracle(first):
    play(first, BATCH, POLARS_ENGINE_AFFINITY="in-memory")
